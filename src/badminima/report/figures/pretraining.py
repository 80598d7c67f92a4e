"""Figures of pretrainings.

``fig_pretraining`` shows how one learns its copies by heart, ``fig_memorisation`` what it learns first, and how far it
travels for it.
"""

import pandas as pd

from badminima.analysis.tables import StudyTables
from badminima.experiment.settings import FigureSettings
from badminima.report.figures import Drawing, nothing_to_draw, style
from badminima.report.figures.lines import draw_range, explain_lines

KEYS = ["dataset", "model", "init"]
WRONG, TRUE, TEST, DISTANCE = "labels.wrong", "labels.clean", "test_accuracy", "distance.relative"


def draw(tables: StudyTables, settings: FigureSettings) -> Drawing:
    """Draw accuracy on the copies and on held-out images, a line per pretraining."""
    histories = tables.pretraining_histories
    if histories.empty:
        return nothing_to_draw("no init of the study is pretrained", histories)
    panels = {
        "train_accuracy": "accuracy on the copies,\nwith the labels they got (%)",
        "test_accuracy": style.accuracy_label(tables.runs),
    }
    shown = histories[[*KEYS, "seed", "epoch", *panels]]
    looks = style.look_of_inits(shown["init"].unique())
    rows = style.settings_of(shown)
    figure, grid = style.panels(len(rows), 2, 2.1 * len(rows) + 0.8, sharex="row")
    for line, setting in zip(grid, rows, strict=True):
        for axes, (name, label) in zip(line, panels.items(), strict=True):
            for (init, _), of_seed in style.rows_of(shown, setting).groupby(["init", "seed"], sort=False):
                colour, marker = looks[str(init)]
                axes.plot(of_seed["epoch"], 100 * of_seed[name], color=colour, linewidth=1)
                last = of_seed.iloc[-1]
                axes.plot(last["epoch"], 100 * last[name], marker, color=colour, markersize=4)
            axes.set(ylim=(0, 102), ylabel=label, xlabel="epoch of pretraining")
        line[0].set_title(style.cell_title(*setting), loc="left")
    style.init_legend(figure, looks)
    style.note_below(figure, "line: one seed \u00b7 marker: where its pretraining ended")
    return Drawing(figure, pd.DataFrame(shown))


def draw_memorisation(tables: StudyTables, settings: FigureSettings) -> Drawing:
    """Draw what pretrainings learn: medians over seeds, with their range."""
    histories = tables.pretraining_histories
    missing = [name for name in (WRONG, TRUE, DISTANCE) if name not in histories or histories[name].isna().all()]
    if missing:
        shown = pd.DataFrame({"missing": missing})
        return nothing_to_draw(f"no pretraining was measured along its path by {', '.join(missing)}", shown)
    panels = {
        WRONG: "accuracy on\nwrong labels (%)",
        TRUE: "accuracy on\ntrue labels (%)",
        TEST: style.accuracy_label(tables.runs),
        DISTANCE: "relative distance",
    }
    shown = pd.concat([_curves(histories, name) for name in panels], ignore_index=True)
    rows, looks = style.settings_of(shown), style.look_of_inits(histories["init"].unique())
    figure, grid = style.panels(len(rows), 4, 1.8 * len(rows) + 0.5)
    for line, setting in zip(grid, rows, strict=True):
        of_row = style.rows_of(shown, setting)
        for axes, (name, label) in zip(line, panels.items(), strict=True):
            of_panel = of_row[of_row["statistic"] == name]
            for place, (init, (colour, _)) in enumerate(looks.items()):
                curve, dashes = of_panel[of_panel["init"] == init], style.LINES[place % len(style.LINES)]
                draw_range(axes, curve, "epoch", "value", colour, linestyle=dashes, label=style.init_label(init))
            axes.set(ylabel=label, xlabel="epoch of pretraining", ylim=(0, None if name == DISTANCE else 102))
        line[0].set_title(style.cell_title(*setting), loc="left")
    style.legend_of_lines(figure, grid[0, 0], 4, title="pretraining of")
    explain_lines(figure, "median", "band: their range", int(shown["seeds"].max()))
    return Drawing(figure, shown)


def _curves(histories: pd.DataFrame, statistic: str) -> pd.DataFrame:
    """Return median and range over seeds at each epoch; accuracies in percent.

    A pretraining that has ended stays where it ended while those of other seeds go on.
    """
    scale = 1 if statistic == DISTANCE else 100
    curves = []
    for (dataset, model, init), cell in histories.groupby(KEYS, sort=False):
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
    return table[[*KEYS, "statistic", "epoch", "value", "low", "high", "seeds"]]
