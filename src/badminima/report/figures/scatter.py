"""``fig_scatter``: the generalization gap of each run against what was measured of it."""

from textwrap import wrap

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes

from badminima.analysis.columns import described
from badminima.analysis.measures import is_measure
from badminima.analysis.tables import RUN_KEYS, StudyTables
from badminima.experiment.measured import standard_error_of
from badminima.experiment.settings import FigureSettings
from badminima.report.figures import Drawing, nothing_to_draw, style

# One of each family, by what a reader of the papers would look for; as many as were measured are drawn.
MEASURES = (
    "distance.relative",
    "complexity.log_path_norm_over_margin",
    "complexity.log_product_spectral_over_margin",
    "sharpness.trace",
    "sharpness.asam",
    "sharpness.pac_bayes_sigma_magnitude",
    "units.effective_rank",
    "privacy.auc",
)
LOGARITHMIC = ("distance.relative", "sharpness.trace", "sharpness.asam")
COLUMNS = 4
GAP = "gap"


def draw(tables: StudyTables, settings: FigureSettings) -> Drawing:
    """Lines of panels per (dataset, model), one for each measure; a point is a run that fits its training set.

    Bars are standard errors over the random draws that a number was estimated from.
    """
    names = [name for name in MEASURES if name in tables.runs and is_measure(name)]
    runs = style.of_figure(tables.runs, settings).query("status != 'diverged'")
    runs = runs[runs["train_accuracy"] >= 1 - settings.statistics.fitted_tolerance]
    if runs.empty or not names:
        return nothing_to_draw("no run that fits its training set was measured", runs[RUN_KEYS])
    runs = runs.assign(**{GAP: 100 * (runs["train_accuracy"] - runs["test_accuracy"])})
    groups = list(runs.groupby(["dataset", "model"], sort=False))
    columns = min(COLUMNS, len(names))
    lines = -(-len(names) // columns)
    figure, grid = plt.subplots(
        lines * len(groups),
        columns,
        figsize=(style.PAGE_WIDTH, 1.75 * lines * len(groups) + 0.6),
        squeeze=False,
        sharey=True,
    )
    for place, ((dataset, model), rows) in enumerate(groups):
        block = grid[place * lines : (place + 1) * lines]
        for axes, name in zip(block.flat, names, strict=False):
            _draw_points(axes, rows, name, settings, tables.measures)
        for axes in block.flat[len(names) :]:
            axes.set_visible(False)
        for line in block:
            line[0].set_ylabel("train minus test\naccuracy (points)")
        block[0][0].set_title(style.cell_title(str(dataset), str(model)), loc="left")
    style.init_legend(figure, settings.inits)
    style.note_below(
        figure, "point: a run that fits its training set \u00b7 bar: standard error \u00b7 tau: rank correlation"
    )
    errors = [standard_error_of(name) for name in names if standard_error_of(name) in runs]
    return Drawing(figure, runs[[*RUN_KEYS, GAP, *names, *errors]])


def _draw_points(axes: Axes, rows: pd.DataFrame, name: str, settings: FigureSettings, measures: pd.DataFrame) -> None:
    scale = 100 if described(name).is_fraction else 1
    if name in LOGARITHMIC:
        rows = rows[rows[name] > 0]
    error = standard_error_of(name)
    for init, (colour, marker) in style.look_of_inits(settings.inits).items():
        of_init = rows[rows["init"] == init]
        axes.errorbar(
            scale * of_init[name],
            of_init[GAP],
            xerr=scale * of_init[error] if error in of_init else None,
            fmt=marker,
            color=colour,
            markersize=3.5,
            markeredgecolor="white",
            markeredgewidth=0.4,
            elinewidth=0.6,
        )
    if name in LOGARITHMIC and len(rows):
        style.log_axis(axes)
    label = described(name).label + (" (%)" if scale == 100 else "")
    axes.set_xlabel("\n".join(wrap(label, 24)), fontsize=7)
    keys = rows[["dataset", "model"]].drop_duplicates().assign(measure=name)
    tau = measures.merge(keys)["tau"]
    if len(tau) and tau.notna().all():
        axes.set_title(f"tau {tau.iloc[0]:.2f}", loc="right", fontsize=6.5)
