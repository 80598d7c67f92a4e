"""``fig_landscape``: the loss between random weights, the adversarial start and the end of a run."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.contour import QuadContourSet
from matplotlib.ticker import MaxNLocator

from badminima.analysis.tables import StudyTables
from badminima.experiment.settings import FigureSettings
from badminima.report.figures import Drawing, nothing_to_draw
from badminima.report.figures.style import COLOURS, PAGE_WIDTH, cell_title, init_label, recipe_label, set_style

KEYS = ["dataset", "model", "init", "recipe", "seed"]
MARKERS = {"random": ("o", "random weights"), "start": ("D", "adversarial start"), "end": ("*", "end")}
LEVELS = 16
# Losses below are drawn as it.
FLOOR = 1e-4
# Inches, for all planes.
PLANE_WIDTH = 3.4


def draw(tables: StudyTables, settings: FigureSettings) -> Drawing:
    """Draw a row per run: the plane through the three points left, the path over them right.

    All planes have one scale for distances, upwards as sideways, and one for the loss.
    """
    shown = tables.landscapes
    if len(shown):
        shown = shown[shown["recipe"].isin(settings.recipes) & shown["init"].isin(settings.inits)]
    if shown.empty:
        return nothing_to_draw("no run of these recipes starts from a pretraining and is finite", shown)
    set_style()
    planes = shown[shown["kind"] == "plane"]
    width = planes["x"].max() - planes["x"].min()
    runs = list(shown.groupby(KEYS, sort=False))
    tall = [(rows["y"].max() - rows["y"].min()) * PLANE_WIDTH / width for _, rows in runs]
    heights = [max(height + 1.0, 1.7) for height in tall]
    figure, grid = plt.subplots(
        len(runs),
        2,
        figsize=(PAGE_WIDTH, sum(heights) + 1.1),
        squeeze=False,
        height_ratios=heights,
        width_ratios=[1.5, 1],
    )
    losses = planes["train_loss"].where(lambda loss: np.isfinite(loss)).clip(lower=FLOOR)
    levels = np.geomspace(losses.min(), losses.max() * 1.001, LEVELS)
    for (plane, path), (run, rows) in zip(grid, runs, strict=True):
        dataset, model, init, recipe, seed = (str(name) for name in run)
        drawn = _draw_plane(plane, rows, levels)
        plane.set_xlim(planes["x"].min(), planes["x"].max())
        _draw_path(path, rows[rows["kind"] == "path"])
        plane.set_title(f"{cell_title(dataset, model)}: {init_label(init)} init, {recipe_label(recipe)}, seed {seed}")
    bar = figure.colorbar(drawn, ax=grid[:, 0], location="bottom", shrink=0.8, aspect=40, pad=0.02)
    bar.set_ticks([10.0**power for power in range(-4, 5) if levels[0] <= 10.0**power <= levels[-1]])
    bar.set_label("training loss (nats)")
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3)
    seeds = shown["seed"].nunique()
    note = "one seed: others may look different \u00b7 " if seeds == 1 else ""
    figure.supxlabel(f"{note}distances have one scale, upwards as sideways", fontsize=6.5, color="#555555")
    return Drawing(figure, shown)


def _draw_plane(axes: Axes, rows: pd.DataFrame, levels: np.ndarray) -> QuadContourSet:
    """Draw filled contours of the training loss, on a logarithmic scale, and the three points."""
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
    """Training and test accuracy along the straight lines random - start - end."""
    axes.plot(path["position"], path["train_accuracy"] * 100, color=COLOURS["random"], label="train")
    axes.plot(path["position"], path["test_accuracy"] * 100, color=COLOURS["adversarial"], linestyle="--", label="test")
    axes.set_xticks([0, 1, 2], ["random", "start", "end"])
    axes.set_xlabel("straight lines between the three")
    axes.set_ylabel("accuracy (%)")
    axes.set_ylim(0, 101)
    axes.legend(loc="lower right")
