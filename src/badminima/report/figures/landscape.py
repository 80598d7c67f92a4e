"""Figures of the loss around ends of runs.

``fig_landscape`` shows it between random weights, the adversarial start and the end; ``fig_filter_landscape`` along
random directions, normalized by filter.
"""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.contour import QuadContourSet
from matplotlib.ticker import MaxNLocator

from badminima.analysis.tables import CELL_KEYS, RUN_KEYS, StudyTables
from badminima.experiment.settings import FigureSettings
from badminima.report.figures import Drawing, nothing_to_draw, style
from badminima.report.figures.lines import draw_range, explain_lines

MARKERS = {"random": ("o", "random weights"), "start": ("D", "adversarial start"), "end": ("*", "end")}
LEVELS = 16
# Losses below are drawn as it.
FLOOR = 1e-4
# Inches, for all planes.
PLANE_WIDTH = 3.4
LOSS, ACCURACY = "filter_landscape.loss", "filter_landscape.accuracy"
# Panels beside each other.
ABREAST = 4


def draw(tables: StudyTables, settings: FigureSettings) -> Drawing:
    """Draw a row per run: the plane through the three points, the path over them.

    All planes have one scale for distances, upwards as sideways, and one for the loss.
    """
    shown = style.of_figure(tables.landscapes, settings) if len(tables.landscapes) else tables.landscapes
    if shown.empty:
        return nothing_to_draw("no run of these recipes starts from a pretraining and is finite", shown)
    planes = shown[shown["kind"] == "plane"]
    width = planes["x"].max() - planes["x"].min()
    runs = list(shown.groupby(RUN_KEYS, sort=False))
    tall = [(rows["y"].max() - rows["y"].min()) * PLANE_WIDTH / width for _, rows in runs]
    heights = [max(height + 1.0, 1.7) for height in tall]
    figure, grid = style.panels(len(runs), 2, sum(heights) + 1.1, height_ratios=heights, width_ratios=[1.5, 1])
    losses = planes["train_loss"].where(lambda loss: np.isfinite(loss)).clip(lower=FLOOR)
    levels = np.geomspace(losses.min(), losses.max() * 1.001, LEVELS)
    for (plane, path), (run, rows) in zip(grid, runs, strict=True):
        drawn = _draw_plane(plane, rows, levels)
        plane.set_xlim(planes["x"].min(), planes["x"].max())
        _draw_path(path, rows[rows["kind"] == "path"])
        *setting, init, recipe, seed = map(str, run)
        words = f"{style.init_label(init)} init, {style.recipe_label(recipe)}, seed {seed}"
        plane.set_title(f"{style.cell_title(*setting)}: {words}")
    bar = figure.colorbar(drawn, ax=grid[:, 0], location="bottom", shrink=0.8, aspect=40, pad=0.02)
    bar.set_ticks([10.0**power for power in range(-4, 5) if levels[0] <= 10.0**power <= levels[-1]])
    bar.set_label("training loss (nats)")
    style.legend_of_lines(figure, grid[0, 0], 3)
    seeds = shown["seed"].nunique()
    note = "one seed: others may look different \u00b7 " if seeds == 1 else ""
    style.note_below(figure, f"{note}distances have one scale, upwards as sideways")
    return Drawing(figure, shown)


def _draw_plane(axes: Axes, rows: pd.DataFrame, levels: np.ndarray) -> QuadContourSet:
    """Draw contours of the training loss, on a logarithmic scale, and the three points."""
    plane = rows[rows["kind"] == "plane"].pivot(index="y", columns="x", values="train_loss")
    losses = np.ma.masked_invalid(plane.to_numpy(dtype=float)).clip(min=FLOOR)
    norm = LogNorm(levels[0], levels[-1])
    drawn = axes.contourf(plane.columns, plane.index, losses, levels=levels, norm=norm, cmap="viridis_r")
    for kind, (marker, label) in MARKERS.items():
        x, y = rows.loc[rows["kind"] == kind, ["x", "y"]].to_numpy(dtype=float).T
        axes.plot(x, y, marker, color="white", markeredgecolor="black", markersize=6, linestyle="none", label=label)
    axes.set_aspect("equal", anchor="N")
    axes.yaxis.set_major_locator(MaxNLocator(3, steps=[1, 2, 5, 10]))
    axes.set_xlabel("distance along random - start")
    axes.grid(visible=False)
    return drawn


def _draw_path(axes: Axes, path: pd.DataFrame) -> None:
    """Draw train and test accuracy along the straight lines random - start - end."""
    for part, init, line in (("train", "random", "-"), ("test", "adversarial", "--")):
        accuracy = path[f"{part}_accuracy"] * 100
        axes.plot(path["position"], accuracy, color=style.LOOKS[init][0], linestyle=line, label=part)
    axes.set_xticks([0, 1, 2], ["random", "start", "end"])
    axes.set(xlabel="straight lines between the three", ylabel="accuracy (%)", ylim=(0, 101))
    axes.legend(loc="lower right")


def draw_filters(tables: StudyTables, settings: FigureSettings) -> Drawing:
    """Draw loss above accuracy, a panel per (dataset, model) and recipe, a line per init.

    All panels of losses have one scale, and so have those of accuracies.
    """
    shown = _summary(tables.layers, settings)
    if shown.empty:
        return nothing_to_draw("no run has filter_landscape: see costs.csv", shown)
    rows = [
        (setting, settings.recipes[first : first + ABREAST])
        for setting in style.settings_of(shown)
        for first in range(0, len(settings.recipes), ABREAST)
    ]
    columns = min(len(settings.recipes), ABREAST)
    ratios = [1.5, 1] * len(rows)
    figure, grid = style.panels(2 * len(rows), columns, 3.6 * len(rows) + 0.7, height_ratios=ratios)
    losses = shown[shown["statistic"] == LOSS]
    scale = (losses["low"].min() / 1.5, losses["high"].max() * 1.5)
    for (setting, recipes), above, below in zip(rows, grid[::2], grid[1::2], strict=True):
        for place, (recipe, loss, accuracy) in enumerate(zip(recipes, above, below, strict=False)):
            of_recipe = style.rows_of(shown[shown["recipe"] == recipe], setting)
            for axes, statistic in ((loss, LOSS), (accuracy, ACCURACY)):
                of_panel = of_recipe[of_recipe["statistic"] == statistic]
                for init, (colour, marker) in style.look_of_inits(settings.inits).items():
                    look = {"marker": marker, "markevery": (0.1, 0.2), "markersize": 3.5}
                    draw_range(axes, of_panel[of_panel["init"] == init], "t", "mean", colour, **look)
                axes.tick_params(labelleft=place == 0)
            title = f"{style.cell_title(*setting)}\n{style.recipe_label(recipe)}"
            loss.set(yscale="log", ylim=scale, title=title)
            loss.tick_params(labelbottom=False)
            accuracy.set(ylim=(0, 102), xlabel="distance, in norms of filters")
        above[0].set_ylabel("training loss (nats)")
        below[0].set_ylabel("training accuracy (%)")
    style.init_legend(figure, settings.inits)
    band = "band: range over seeds and random directions"
    explain_lines(figure, "mean (of losses geometric)", band, int(shown["seeds"].max()))
    return Drawing(figure, shown)


def _summary(layers: pd.DataFrame, settings: FigureSettings) -> pd.DataFrame:
    """Return mean and range of each cell's lines, at points where no line overflows.

    Losses are above the floor, and their means geometric; accuracies are in percent.
    """
    points = style.of_figure(layers[layers["statistic"].isin([LOSS, ACCURACY])], settings)
    is_loss = points["statistic"] == LOSS
    value = points["value"].clip(lower=FLOOR).where(is_loss, 100 * points["value"])
    points = points.assign(
        t=pd.to_numeric(points["tensor"].astype(str).str.replace(r"^\d+:", "", regex=True)),
        value=value,
        drawn=np.log(value.where(is_loss, 1)).where(is_loss, value),
    )
    groups = points.groupby([*CELL_KEYS, "statistic", "t"], sort=False)
    shown = groups.agg(
        mean=("drawn", "mean"),
        low=("value", "min"),
        high=("value", "max"),
        lines=("value", "size"),
        seeds=("seed", "nunique"),
    ).reset_index()
    shown["mean"] = np.exp(shown["mean"]).where(shown["statistic"] == LOSS, shown["mean"])
    return shown[shown["lines"] == shown.groupby(CELL_KEYS)["lines"].transform("max")]
