"""``fig_memorisation``: what a pretraining learns first, and how far it travels for it."""

import matplotlib.pyplot as plt
import pandas as pd

from badminima.analysis.tables import StudyTables
from badminima.experiment.settings import FigureSettings
from badminima.report.figures import Drawing, nothing_to_draw
from badminima.report.figures.lines import draw_range, explain_lines
from badminima.report.figures.style import (
    LINES,
    PAGE_WIDTH,
    accuracy_label,
    cell_title,
    init_label,
    look_of_inits,
    rows_of,
    set_style,
    settings_of,
)

WRONG, TRUE, TEST, DISTANCE = "labels.wrong", "labels.clean", "test_accuracy", "distance.relative"
KEYS = ["dataset", "model", "init", "seed"]


def draw(tables: StudyTables, settings: FigureSettings) -> Drawing:
    """Draw a row of panels per (dataset, model); a line per pretraining: median over seeds, and their range."""
    histories = tables.pretraining_histories
    missing = [name for name in (WRONG, TRUE, DISTANCE) if name not in histories or histories[name].isna().all()]
    if missing:
        shown = pd.DataFrame({"missing": missing})
        return nothing_to_draw(f"no pretraining was measured along its path by {', '.join(missing)}", shown)
    set_style()
    panels = {
        WRONG: "accuracy on\nwrong labels (%)",
        TRUE: "accuracy on\ntrue labels (%)",
        TEST: accuracy_label(tables.runs),
        DISTANCE: "relative distance",
    }
    shown = pd.concat([_curves(histories, name) for name in panels], ignore_index=True)
    rows, looks = settings_of(shown), look_of_inits(histories["init"].unique())
    figure, grid = plt.subplots(len(rows), 4, figsize=(PAGE_WIDTH, 1.8 * len(rows) + 0.5), squeeze=False)
    for line, setting in zip(grid, rows, strict=True):
        of_row = rows_of(shown, setting)
        for axes, (name, label) in zip(line, panels.items(), strict=True):
            of_panel = of_row[of_row["statistic"] == name]
            for place, (init, (colour, _)) in enumerate(looks.items()):
                curve, dashes = of_panel[of_panel["init"] == init], LINES[place % len(LINES)]
                draw_range(axes, curve, "epoch", "value", colour, linestyle=dashes, label=init_label(init))
            axes.set_ylabel(label)
            axes.set_xlabel("epoch of pretraining")
            axes.set_ylim(0, None if name == DISTANCE else 102)
        line[0].set_title(cell_title(*setting), loc="left")
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, title="pretraining of", loc="outside upper center", ncols=min(len(labels), 4))
    explain_lines(figure, "median", "band: their range", int(shown["seeds"].max()))
    return Drawing(figure, shown)


def _curves(histories: pd.DataFrame, statistic: str) -> pd.DataFrame:
    """Median and range over seeds at each epoch; accuracies in percent.

    A pretraining that has ended stays where it ended while those of other seeds go on.
    """
    scale = 1 if statistic == DISTANCE else 100
    curves = []
    for (dataset, model, init), cell in histories.groupby(KEYS[:-1], sort=False):
        wide = cell.pivot(index="epoch", columns="seed", values=statistic).sort_index() * scale
        for seed, of_seed in cell.groupby("seed"):
            last = of_seed["epoch"].max()
            wide.loc[wide.index > last, seed] = wide.loc[last, seed]
        summary = wide.agg(["median", "min", "max", "count"], axis=1)
        summary.columns = ["value", "low", "high", "seeds"]
        curves.append(
            summary.reset_index().assign(dataset=str(dataset), model=str(model), init=str(init), statistic=statistic)
        )
    table = pd.concat(curves, ignore_index=True)
    return table[[*KEYS[:-1], "statistic", "epoch", "value", "low", "high", "seeds"]]
