"""``fig_toy_mechanism``: what changes on the way out of the toy's bad minima, and whether it goes first."""

from dataclasses import replace

import numpy as np
import pandas as pd
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from badminima.analysis.claims.evidence import toy_tables
from badminima.analysis.gaps import gaps_table
from badminima.analysis.tables import StudyTables
from badminima.config.names import BASELINE_INIT, BASELINE_RECIPE
from badminima.experiment.settings import FigureSettings, ToyFigureSettings
from badminima.report.figures import Drawing
from badminima.report.figures.mechanism import CANDIDATES, draw

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
