"""Figures of measures.

``fig_measures`` shows which one tells bad minima from good ones; ``fig_scatter`` the generalization gap of each run
against what was measured of it.
"""

from textwrap import wrap
from typing import NamedTuple

import pandas as pd
from matplotlib.axes import Axes

from badminima.analysis.columns import described
from badminima.analysis.measures import is_measure
from badminima.analysis.tables import RUN_KEYS, StudyTables
from badminima.experiment.measured import standard_error_of
from badminima.experiment.settings import FigureSettings
from badminima.report.figures import Drawing, nothing_to_draw, style


class Side(NamedTuple):
    """One of the two numbers that rank a measure."""

    column: str
    label: str
    chance: float
    limits: tuple[float, float]


SIDES = (
    Side("tau", "Kendall's tau with the\ngeneralization gap", 0.0, (-1.05, 1.05)),
    Side("bad_is_larger", "fraction of pairs in which the\nbad minimum has the larger value", 0.5, (-0.03, 1.03)),
)
# Within one model these rank runs exactly as another measure does: sums as products, a number as its logarithm.
SAME_ORDER = ("complexity.log_sum_", "complexity.path_norm", "complexity.inverse_margin", "distance.cosine")
COLOURS = {False: "#004488", True: "#DDAA33"}
GROUPS = {
    "start": "start",
    "distance": "distance",
    "norm": "norms",
    "complexity": "complexity",
    "sharpness": "sharpness",
    "filter_landscape": "loss along filters",
    "units": "units",
    "memory": "memory of the confusing set",
    "functions": "against the reference",
    "privacy": "membership inference",
    "robustness": "accuracy under (weakest strength)",
}
# Inches of a row, so that all measures fit a page.
ROW = 0.13
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
ABREAST = 4
GAP = "gap"


def draw(tables: StudyTables, settings: FigureSettings) -> Drawing:
    """Draw each measure's tau and how it orders pairs; several networks as colours."""
    shown = tables.measures[~tables.measures["measure"].str.startswith(SAME_ORDER)].dropna(subset=["tau"])
    if shown.empty:
        return nothing_to_draw("fewer than three runs fit their training set, so measures rank nothing", shown)
    shown = _grouped(_weakest(shown.reset_index(drop=True)))
    panels = style.settings_of(shown)
    lines = _lines(shown)
    figure, ((left, right),) = style.panels(1, 2, 1.1 + ROW * len(lines), sharey=True)
    for axes, side in zip((left, right), SIDES, strict=True):
        if len(panels) == 1:
            _draw_side(axes, shown, lines, side)
        else:
            _draw_colours(axes, shown, lines, side, panels)
        axes.tick_params(axis="y", length=0)
    note = "a column per dataset and network; white: as good as chance"
    if len(panels) == 1:
        left.set_title(f"{style.cell_title(*panels[0])}: {shown['runs'].max()} runs")
        right.set_title(f"{shown['pairs'].max()} pairs")
        confidence = settings.statistics.confidence
        note = f"dot: estimate \u00b7 bar: {confidence:.0%} interval \u00b7 yellow: looks at test images"
    style.name_rows(left, (text for text, _ in lines), fontsize=6)
    for label, (_, measure) in zip(left.get_yticklabels(), lines, strict=True):
        label.set_fontweight("normal" if measure else "bold")
    style.note_below(figure, note)
    return Drawing(figure, shown)


def _weakest(shown: pd.DataFrame) -> pd.DataFrame:
    """Keep the weakest strength of each disturbance; the others rank runs alike."""
    parts = shown["measure"].str.extract(r"^(robustness\.\w+)_([\d.]+)$")
    weakest = pd.to_numeric(parts[1]).groupby(parts[0]).transform("min")
    return shown[parts[0].isna() | (pd.to_numeric(parts[1]) == weakest)]


def _grouped(shown: pd.DataFrame) -> pd.DataFrame:
    """Sort measures by group and, in it, by their mean tau."""
    order = {group: place for place, group in enumerate(GROUPS)}
    group = shown["measure"].str.partition(".")[0]
    shown = shown.assign(group=group, label=[described(name).label for name in shown["measure"]])
    keys = pd.DataFrame({"order": group.map(order).fillna(len(order)), "group": group})
    keys["mean"] = -shown.groupby("measure")["tau"].transform("mean")
    return shown.loc[keys.sort_values([*keys], kind="stable").index]


def _lines(shown: pd.DataFrame) -> list[tuple[str, str]]:
    """Return each line's text and measure, from top to bottom; groups have no measure."""
    lines: list[tuple[str, str]] = []
    of_all = shown["runs"].max()
    for group, rows in shown.groupby("group", sort=False):
        lines.append((GROUPS.get(str(group), str(group)), ""))
        for measure, of_measure in rows.groupby("measure", sort=False):
            first = of_measure.iloc[0]
            few = f" ({first['runs']} runs, {first['pairs']} pairs)" if of_measure["runs"].max() < of_all else ""
            lines.append((first["label"] + few, str(measure)))
    return lines


def _draw_side(axes: Axes, rows: pd.DataFrame, lines: list[tuple[str, str]], side: Side) -> None:
    """Draw each measure's dot and interval, coloured if it looks at test images."""
    places = {measure: place for place, (_, measure) in enumerate(lines)}
    for seen, colour in COLOURS.items():
        part = rows[rows["uses_test_images"] == seen]
        axes.errorbar(
            part[side.column],
            part["measure"].map(places),
            xerr=style.bars(part, side.column, f"{side.column}_low", f"{side.column}_high"),
            fmt="o",
            color=colour,
            markersize=3,
            elinewidth=1,
        )
    axes.axvline(side.chance, color="#777777", linewidth=0.8, zorder=1)
    axes.set(xlim=side.limits, xlabel=side.label)
    axes.grid(axis="y", visible=False)


def _draw_colours(
    axes: Axes, rows: pd.DataFrame, lines: list[tuple[str, str]], side: Side, panels: list[tuple[str, ...]]
) -> None:
    """Draw a field of colour for each measure and (dataset, model)."""
    wide = rows.pivot(index="measure", columns=["dataset", "model"], values=side.column)
    values = wide.reindex(index=[measure for _, measure in lines], columns=pd.MultiIndex.from_tuples(panels))
    most = max(abs(limit - side.chance) for limit in side.limits)
    drawn = axes.imshow(
        values.to_numpy(dtype=float),
        cmap="RdBu_r",
        vmin=side.chance - most,
        vmax=side.chance + most,
        aspect="auto",
        interpolation="nearest",
    )
    axes.set_xticks(range(len(panels)), [style.cell_title(*panel) for panel in panels], rotation=90, fontsize=6)
    axes.grid(visible=False)
    axes.figure.colorbar(drawn, ax=axes, location="top", shrink=0.8, label=side.label)


def draw_scatter(tables: StudyTables, settings: FigureSettings) -> Drawing:
    """Draw the gap against each measure; a point is a run that fits its training set.

    Bars are standard errors over the random draws that a number was estimated from.
    """
    names = [name for name in MEASURES if name in tables.runs and is_measure(name)]
    runs = style.of_figure(tables.runs, settings).query("status != 'diverged'")
    runs = runs[runs["train_accuracy"] >= 1 - settings.statistics.fitted_tolerance]
    if runs.empty or not names:
        return nothing_to_draw("no run that fits its training set was measured", runs[RUN_KEYS])
    runs = runs.assign(**{GAP: 100 * (runs["train_accuracy"] - runs["test_accuracy"])})
    groups = list(runs.groupby(["dataset", "model"], sort=False))
    columns = min(ABREAST, len(names))
    lines = -(-len(names) // columns)
    figure, grid = style.panels(lines * len(groups), columns, 1.75 * lines * len(groups) + 0.6, sharey=True)
    for place, ((dataset, model), rows) in enumerate(groups):
        block = grid[place * lines : (place + 1) * lines]
        for axes, name in zip(block.flat, names, strict=False):
            _draw_points(axes, rows, name, settings, tables.measures)
        for line in block:
            line[0].set_ylabel("train minus test\naccuracy (points)")
        block[0][0].set_title(style.cell_title(str(dataset), str(model)), loc="left")
    style.init_legend(figure, settings.inits)
    marks = ["point: a run that fits its training set", "bar: standard error", "tau: rank correlation"]
    style.note_below(figure, " \u00b7 ".join(marks))
    errors = [standard_error_of(name) for name in names if standard_error_of(name) in runs]
    return Drawing(figure, runs[[*RUN_KEYS, GAP, *names, *errors]])


def _draw_points(axes: Axes, rows: pd.DataFrame, name: str, settings: FigureSettings, measures: pd.DataFrame) -> None:
    scale = 100 if described(name).is_fraction else 1
    if name in style.LOGARITHMIC:
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
    if name in style.LOGARITHMIC and len(rows):
        style.log_axis(axes)
    label = described(name).label + (" (%)" if scale == 100 else "")
    axes.set_xlabel("\n".join(wrap(label, 24)), fontsize=7)
    tau = measures[measures["measure"] == name].merge(rows[["dataset", "model"]].drop_duplicates())["tau"]
    if len(tau) and tau.notna().all():
        axes.set_title(f"tau {tau.iloc[0]:.2f}", loc="right", fontsize=6.5)
