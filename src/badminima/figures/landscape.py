"""``fig_landscape``: the loss between random weights, the adversarial start and the end of a run."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm

from badminima.analysis.tables import StudyTables
from badminima.experiment.slices import FigureSettings
from badminima.figures import Drawing, nothing_to_draw
from badminima.figures.style import COLOURS, PAGE_WIDTH, cell_title, init_label, recipe_label, set_style

KEYS = ["dataset", "model", "init", "recipe", "seed"]
MARKERS = {"random": ("o", "random weights"), "start": ("D", "adversarial start"), "end": ("*", "end")}
LEVELS = 12


def draw(tables: StudyTables, settings: FigureSettings) -> Drawing:
    """A row per run: the plane through the three points left, the path over them right."""
    shown = tables.landscapes
    if len(shown):
        shown = shown[shown["recipe"].isin(settings.recipes) & shown["init"].isin(settings.inits)]
    if shown.empty:
        return nothing_to_draw("no run of these recipes starts from a pretraining and is finite", shown)
    set_style()
    runs = list(shown.groupby(KEYS, sort=False))
    figure, grid = plt.subplots(len(runs), 2, figsize=(PAGE_WIDTH, 2.5 * len(runs) + 0.4), squeeze=False)
    for (plane, path), (run, rows) in zip(grid, runs, strict=True):
        dataset, model, init, recipe, seed = (str(name) for name in run)
        _draw_plane(plane, rows)
        _draw_path(path, rows[rows["kind"] == "path"])
        plane.set_title(f"{cell_title(dataset, model)}: {init_label(init)} init, {recipe_label(recipe)}, seed {seed}")
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3)
    return Drawing(figure, shown)


def _draw_plane(axes: Axes, rows: pd.DataFrame) -> None:
    """Filled contours of the training loss, on a logarithmic scale, and the three points."""
    plane = rows[rows["kind"] == "plane"].pivot(index="y", columns="x", values="train_loss")
    losses = np.ma.masked_invalid(plane.to_numpy(dtype=float)).clip(min=1e-4)
    levels = np.geomspace(losses.min(), losses.max() * 1.001, LEVELS)
    drawn = axes.contourf(plane.columns, plane.index, losses, levels=levels, norm=LogNorm(), cmap="viridis_r")
    bar = axes.figure.colorbar(drawn, ax=axes, ticks=levels[::4], format="%.2g")
    bar.set_label("training loss")
    for kind, (marker, label) in MARKERS.items():
        x, y = rows.loc[rows["kind"] == kind, ["x", "y"]].to_numpy(dtype=float).T
        axes.plot(x, y, marker, color="white", markeredgecolor="black", markersize=7, linestyle="none", label=label)
    axes.set_xlabel("distance along random - start")
    axes.set_ylabel("distance from that line")
    axes.grid(visible=False)


def _draw_path(axes: Axes, path: pd.DataFrame) -> None:
    """Training and test accuracy along the straight lines random - start - end."""
    axes.plot(path["position"], path["train_accuracy"] * 100, color=COLOURS["random"], label="train")
    axes.plot(path["position"], path["test_accuracy"] * 100, color=COLOURS["adversarial"], linestyle="--", label="test")
    axes.set_xticks([0, 1, 2], ["random", "start", "end"])
    axes.set_xlabel("straight lines between the three")
    axes.set_ylabel("accuracy (%)")
    axes.set_ylim(0, 101)
    axes.legend(loc="lower right")
