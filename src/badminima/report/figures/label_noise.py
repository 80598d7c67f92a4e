"""``fig_label_noise``: do recipes lead away from a bad minimum, to a flatter one?"""

import pandas as pd
from matplotlib.axes import Axes

from badminima.analysis.measures import tau_and_interval
from badminima.analysis.tables import RUN_KEYS, StudyTables
from badminima.experiment.settings import FigureSettings
from badminima.report.figures import Drawing, nothing_to_draw, style
from badminima.report.figures.lines import draw_range, explain_lines, over_seeds

ACCURACY, HESSIAN, COVARIANCE = STATISTICS = ("test_accuracy", "trace.hessian", "trace.noise_covariance")
TRAIN = "train_accuracy"
HESSIAN_LABEL, COVARIANCE_LABEL = "trace of\nthe Hessian", "trace of the label-noise\ncovariance"
ROW = ["dataset", "model", "init"]


def draw(tables: StudyTables, settings: FigureSettings) -> Drawing:
    """Draw accuracy, both traces and their scatter, a row per (dataset, model, init).

    A fifth panel has the accuracy on the training set along the path. Lines are medians over seeds, bands their
    range; diverged runs take no part. What could not be measured at an epoch is missing there and nowhere else.
    """
    sound = style.of_figure(tables.runs, settings).query("status != 'diverged'")[RUN_KEYS]
    if not {HESSIAN, COVARIANCE} <= set(tables.histories):
        return nothing_to_draw("no run was measured along its path by trace: see the logs of train", sound)
    points = tables.histories.merge(sound)[[*RUN_KEYS, "epoch", *STATISTICS, TRAIN]]
    if points.empty or points[[HESSIAN, COVARIANCE]].isna().all(axis=None):
        return nothing_to_draw("every run diverged, or trace could not be measured: see the logs of train", points)
    points[[ACCURACY, TRAIN]] *= 100
    points["end"] = points["epoch"] == points.groupby(RUN_KEYS)["epoch"].transform("max")
    points = points.merge(_correlations(points, settings), how="left")
    curves = over_seeds(points, [*STATISTICS, TRAIN])
    rows = style.settings_of(points, ROW)
    figure, grid = style.panels(len(rows), 5, 1.9 * len(rows) + 0.6)
    for line, row in zip(grid, rows, strict=True):
        of_row = style.rows_of(curves, row)
        accuracy = style.accuracy_label(tables.runs)
        labels = {ACCURACY: accuracy, HESSIAN: HESSIAN_LABEL, COVARIANCE: COVARIANCE_LABEL, TRAIN: "train accuracy (%)"}
        for axes, (statistic, label) in zip([*line[:3], line[4]], labels.items(), strict=True):
            _draw_curves(axes, of_row[of_row["statistic"] == statistic], settings)
            axes.set(xlabel="epoch", ylabel=label)
        _draw_scatter(line[3], style.rows_of(points, row), settings)
        line[3].set(xlabel=COVARIANCE_LABEL, ylabel=accuracy)
        line[0].set_title(style.cell_title(*row), loc="left")
    for setting in dict.fromkeys(row[:2] for row in rows):
        _share_axes([line for line, row in zip(grid, rows, strict=True) if row[:2] == setting])
    style.legend_of_lines(figure, grid[0, 0], 5, title="recipe")
    explain_lines(figure, "median", "band: their range", int(curves["seeds"].max()), "circle: end of a run")
    return Drawing(figure, pd.concat([curves.assign(kind="curve"), points.assign(kind="point")], ignore_index=True))


def _correlations(points: pd.DataFrame, settings: FigureSettings) -> pd.DataFrame:
    """Return each row's tau of accuracy and noise covariance over the ends of its runs."""
    ends = points[points["end"]].dropna(subset=[ACCURACY, COVARIANCE])
    rows = []
    for row, runs in ends.groupby(ROW, sort=False):
        covariance, accuracy = (runs[name].to_numpy(dtype=float) for name in (COVARIANCE, ACCURACY))
        tau, low, high = tau_and_interval(covariance, accuracy, settings.statistics, settings.root_seed)
        rows.append((*row, tau, low, high, len(runs)))
    return pd.DataFrame(rows, columns=[*ROW, "tau", "tau_low", "tau_high", "runs"])


def _draw_curves(axes: Axes, curves: pd.DataFrame, settings: FigureSettings) -> None:
    for place, (recipe, (colour, _)) in enumerate(style.look_of_recipes(settings.recipes).items()):
        line = style.LINES[place // len(style.RECIPE_COLOURS) % len(style.LINES)]
        cell = curves[curves["recipe"] == recipe]
        draw_range(axes, cell, "epoch", "value", colour, linestyle=line, label=style.recipe_label(recipe))


def _draw_scatter(axes: Axes, points: pd.DataFrame, settings: FigureSettings) -> None:
    """Draw each evaluated epoch as a speck, each end of a run as a marker; tau above."""
    for recipe, (colour, _) in style.look_of_recipes(settings.recipes).items():
        along, ends = (points[(points["recipe"] == recipe) & chosen] for chosen in (~points["end"], points["end"]))
        axes.scatter(along[COVARIANCE], along[ACCURACY], s=3, color=colour, alpha=0.25, linewidths=0)
        axes.scatter(ends[COVARIANCE], ends[ACCURACY], s=16, color=colour, edgecolors="white", linewidths=0.5, zorder=4)
    tau, low, high, runs = points[["tau", "tau_low", "tau_high", "runs"]].iloc[0]
    text = f"tau {tau:.2f} [{low:.2f}, {high:.2f}]\n{runs:.0f} runs" if pd.notna(low) else "tau is not defined"
    axes.set_title(text, fontsize="small")


def _share_axes(lines: list[list[Axes]]) -> None:
    """Give rows of a (dataset, model) one scale, and both traces the same.

    The traces meet where label noise rests. A negative trace of the Hessian has no place on a logarithmic scale.
    """
    for line in lines:
        line[1].set_yscale("log")
        line[2].set_yscale("log")
        line[3].set_xscale("log")
        for axes in line:
            axes.margins(0.06)
    first = lines[0]
    first[1].sharey(first[2])
    for line in lines[1:]:
        for axes, other in zip(line, first, strict=True):
            axes.sharey(other)
        line[3].sharex(first[3])
    for axes in first:
        axes.autoscale()
