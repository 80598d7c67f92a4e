"""``fig_pretraining``: how a pretraining learns its copies by heart."""

import matplotlib.pyplot as plt
import pandas as pd

from badminima.analysis.tables import StudyTables
from badminima.experiment.settings import FigureSettings
from badminima.report.figures import Drawing, nothing_to_draw
from badminima.report.figures.style import (
    PAGE_WIDTH,
    accuracy_label,
    cell_title,
    init_legend,
    look_of_inits,
    rows_of,
    set_style,
    settings_of,
)

PANELS = {"train_accuracy": "accuracy on the copies,\nwith the labels they got (%)", "test_accuracy": ""}
COLUMNS = ["dataset", "model", "init", "seed", "epoch", *PANELS]


def draw(tables: StudyTables, settings: FigureSettings) -> Drawing:
    """Draw a row per (dataset, model): accuracy on the copies left, on held-out images right; a line per seed."""
    histories = tables.pretraining_histories
    if histories.empty:
        return nothing_to_draw("no init of the study is pretrained", histories)
    set_style()
    shown = histories[COLUMNS]
    looks = look_of_inits(shown["init"].unique())
    rows = settings_of(shown)
    figure, grid = plt.subplots(len(rows), 2, figsize=(PAGE_WIDTH, 2.1 * len(rows) + 0.8), squeeze=False, sharex="row")
    for line, setting in zip(grid, rows, strict=True):
        for axes, (name, label) in zip(line, PANELS.items(), strict=True):
            for (init, _), of_seed in rows_of(shown, setting).groupby(["init", "seed"], sort=False):
                colour, marker = looks[str(init)]
                axes.plot(of_seed["epoch"], 100 * of_seed[name], color=colour, linewidth=1)
                last = of_seed.iloc[-1]
                axes.plot(last["epoch"], 100 * last[name], marker, color=colour, markersize=4)
            axes.set_ylim(0, 102)
            axes.set_ylabel(label or accuracy_label(tables.runs))
            axes.set_xlabel("epoch of pretraining")
        line[0].set_title(cell_title(*setting), loc="left")
    init_legend(figure, looks)
    figure.supxlabel("line: one seed \u00b7 marker: where its pretraining ended", fontsize=6.5, color="#555555")
    return Drawing(figure, pd.DataFrame(shown))
