"""Draw the toy: ``fig_toy`` and ``anim_toy`` show the first seed's boundaries, ``fig_toy_mechanism`` what changes."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.animation import PillowWriter
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from badminima.analysis.claims.evidence import toy_tables
from badminima.analysis.gaps import gaps_table
from badminima.analysis.statistics import estimate
from badminima.analysis.tables import StudyTables
from badminima.config.training import BASELINE_INIT, BASELINE_RECIPE
from badminima.experiment.settings import FigureSettings, ToyFigureSettings
from badminima.report.figures import Drawing
from badminima.report.figures.mechanism import CANDIDATES, draw
from badminima.report.figures.style import CLASS_COLOURS, CLASS_MARKERS, PAGE_WIDTH, recipe_label, set_style
from badminima.storage.files import atomic_path
from badminima.toy.data import Stage, ToyNetworks, steps_of
from badminima.toy.measure import Window

COLUMNS = 3
STATISTICS = ["train_accuracy", "random_label_accuracy", "test_accuracy", "boundary_length"]
# The animation: pixels per inch, pictures per second, how often its last one is repeated, distance of grid points.
DPI, SPEED, HOLD, COARSE = 150, 8, 16, 0.02
INIT = "adversarial"
# The toy's vanilla SGD from random weights, as claim 7 has it.
GOAL = "vanilla_lr0.01"
# Closed forms know no rounding: of points fitted to logits of hundreds the Hessian's trace is 1e-100.
LEAST = 1e-9
LABELS = {
    **CANDIDATES,
    "memory.confusing_accuracy": "accuracy on random labels",
    "trace.hessian": "trace of the Hessian (cut)",
}


def draw_toy(networks: ToyNetworks, table: pd.DataFrame, settings: ToyFigureSettings) -> Drawing:
    """Draw a panel per stage with the first seed's points and boundary; titles give means and intervals over seeds.

    Args:
        networks: the experiment.
        table: its ``toy.csv``.
        settings: how intervals are computed.
    """
    set_style()
    window = Window(networks.config)
    lines = -(-len(networks.stages) // COLUMNS)
    figure, grid = plt.subplots(
        lines, COLUMNS, figsize=(PAGE_WIDTH, 1.72 * lines), squeeze=False, sharex=True, sharey=True
    )
    shown: list[dict[str, Any]] = []
    for axes, stage in zip(grid.flat, networks.stages, strict=False):
        outputs = window.outputs([layer[:1] for layer in stage.layers])[0]
        # At the start the true ones, which no network was trained on yet.
        labels = networks.data.random_labels[0] if stage.phase == "pretraining" else networks.data.train_labels[0]
        points = networks.data.train_points[0]
        draw_plane(axes, window, outputs, points, labels)
        means = _means(table[(table["phase"] == stage.phase) & (table["run"] == stage.run)], settings)
        axes.set_title(_title(stage, means), fontsize=7)
        rows = [
            {"kind": "point", "label": int(label), "x": x, "y": y} for (x, y), label in zip(points, labels, strict=True)
        ]
        for number, line in enumerate(window.boundary(outputs)):
            rows += [{"kind": "boundary", "line": number, "x": x, "y": y} for x, y in line]
        shown += [{"phase": stage.phase, "run": stage.run, **row} for row in [*rows, *means.values()]]
    for axes in grid.flat[len(networks.stages) :]:
        axes.set_visible(False)
    return Drawing(figure, pd.DataFrame(shown))


def animate_toy(networks: ToyNetworks, path: Path) -> None:
    """Write the animation as a GIF: the animated runs side by side, from their init to the longest run's end."""
    set_style()
    window = Window(networks.config, COARSE)
    outputs = {run: window.outputs(layers) for run, layers in networks.frames.items()}
    figure, grid = plt.subplots(1, len(outputs), figsize=(PAGE_WIDTH, 1.95), squeeze=False, sharex=True, sharey=True)
    writer = PillowWriter(fps=SPEED)
    with atomic_path(path) as temporary, writer.saving(figure, temporary, DPI):
        for position, step in enumerate(networks.steps):
            figure.suptitle(f"{step:,} steps from the start", fontsize=8)
            for axes, (run, values) in zip(grid.flat, outputs.items(), strict=True):
                axes.clear()
                draw_plane(axes, window, values[position], networks.data.train_points[0], networks.data.train_labels[0])
                ended = step >= steps_of(networks.config, run)
                axes.set_title(recipe_label(run) + (" (ended)" if ended else ""))
            for _ in range(HOLD if position == len(networks.steps) - 1 else 1):
                writer.grab_frame()
    plt.close(figure)


def draw_plane(axes: Axes, window: Window, outputs: np.ndarray, points: np.ndarray, labels: np.ndarray) -> None:
    """Both sides of a network's boundary, and points with their labels.

    Args:
        axes: where to draw.
        window: the part of the plane.
        outputs: the network's logits on it, ``[h, w]``.
        points: ``[n, 2]``.
        labels: 0 or 1, ``[n]``.
    """
    regions = [colour for colour, _ in CLASS_COLOURS]
    axes.contourf(window.x, window.y, outputs > 0, levels=[-0.5, 0.5, 1.5], colors=regions)
    for line in window.boundary(outputs):
        axes.plot(*line.T, color="black", linewidth=0.8)
    for label, ((_, colour), marker) in enumerate(zip(CLASS_COLOURS, CLASS_MARKERS, strict=True)):
        x, y = points[labels == label].T
        axes.scatter(x, y, s=7, c=colour, marker=marker, linewidths=0.3, edgecolors="white")
    axes.set_aspect("equal")
    axes.spines[:].set_visible(False)
    axes.set_xlim(window.x[0], window.x[-1])
    axes.set_ylim(window.y[0], window.y[-1])
    axes.set_xticks([])
    axes.set_yticks([])


def _means(table: pd.DataFrame, settings: ToyFigureSettings) -> dict[str, dict[str, Any]]:
    """Mean and interval over seeds of each statistic of one stage, as rows of what the figure shows."""
    rows = {}
    for name in STATISTICS:
        found = estimate(table[name].to_numpy(), settings.statistics, settings.root_seed)
        # An interval of Student's t knows no bounds; lengths and accuracies do.
        low, high = np.clip([found.low, found.high], 0, np.inf if name == "boundary_length" else 1)
        numbers = {"value": found.mean, "low": low, "high": high, "seeds": found.seeds}
        rows[name] = {"kind": "mean", "statistic": name, **numbers}
    return rows


def _title(stage: Stage, means: dict[str, dict[str, Any]]) -> str:
    """Return the title of a panel: what it shows, and how well the networks of all seeds do."""
    names = {
        "start": "random init, untrained",
        "pretraining": "adversarial init, trained on random labels",
        "training": f"{recipe_label(stage.run)}, from {stage.init} init",
    }
    pretraining = stage.phase == "pretraining"
    fitted = means["random_label_accuracy" if pretraining else "train_accuracy"]["value"]
    test = _with_interval(means["test_accuracy"], ".1%")
    return "\n".join(
        [
            names[stage.phase],
            f"{'fitted' if pretraining else 'train'} {fitted:.1%}, test {test}",
            f"boundary length {_with_interval(means['boundary_length'], '.2f')}",
        ]
    )


def _with_interval(row: dict[str, Any], form: str) -> str:
    """Return a mean and, where there are seeds enough, its interval."""
    if np.isnan(row["low"]):
        return f"{row['value']:{form}}"
    return f"{row['value']:{form}} [{row['low']:{form}}, {row['high']:{form}}]"


def draw_toy_mechanism(table: pd.DataFrame, paths: pd.DataFrame, settings: ToyFigureSettings) -> Drawing:
    """Draw what ``fig_mechanism`` draws, of the runs from the adversarial init.

    Epochs go by on a logarithmic scale, linear from 0 to the first kept step. The axis of the Hessian's trace is cut
    at 1e-9.

    Args:
        table: the experiment's ``toy.csv``.
        paths: its ``paths.csv``.
        settings: how intervals are computed.
    """
    study = toy_study(table, paths, settings)
    runs = study.runs[study.runs["init"] == INIT]
    chosen = FigureSettings(
        kind="mechanism",
        recipes=list(runs["recipe"].unique()),
        inits=[INIT],
        statistics=settings.statistics,
        root_seed=settings.root_seed,
    )
    drawing = draw(study, chosen, LABELS)
    first = paths.loc[paths["epoch"] > 0, "epoch"].min()
    decades = 10.0 ** np.arange(0, np.log10(max(1, paths["epoch"].max())) + 1e-9, 2)
    for axes in drawing.figure.axes:
        axes.set_xscale("symlog", linthresh=first, linscale=0.4)
        axes.set_xlim(left=0)
        axes.xaxis.set_major_locator(FixedLocator([0, *decades]))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        axes.yaxis.label.set_fontsize(7)
        if axes.get_ylabel() == LABELS["trace.hessian"]:
            axes.set_ylim(max(LEAST, axes.get_ylim()[0]), 2 * paths["trace.hessian"].max())
    return drawing


def toy_study(table: pd.DataFrame, paths: pd.DataFrame, settings: ToyFigureSettings) -> StudyTables:
    """Return the toy as a study with the histories of its runs, and with gaps.

    The gap is that of test accuracy between ``vanilla`` from the adversarial init and ``vanilla_lr0.01`` from random
    weights, paired over seeds. Each seed has test points of its own, so their noise is in that of the seeds.
    """
    study = toy_tables(table)
    runs = study.runs.assign(evaluated_on="test")
    histories = paths.rename(columns={"run": "recipe"}).assign(dataset="toy", model="mlp")
    of_goal = (runs["init"] == BASELINE_INIT) & (runs["recipe"] == GOAL)
    compared = runs[(runs["init"] == INIT) | of_goal]
    compared = compared.assign(recipe=compared["recipe"].mask(of_goal, BASELINE_RECIPE))
    gaps = gaps_table(compared, None, settings.statistics, settings.root_seed)
    return replace(study, runs=runs, histories=histories, gaps=gaps)
