"""``fig_mechanism``: what changes on the way out of a bad minimum, and when."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes

from badminima.analysis.mechanism import ACCURACY, paths_table, verdicts_table
from badminima.analysis.tables import RUN_KEYS, StudyTables
from badminima.experiment.settings import FigureSettings
from badminima.report.figures import Drawing, nothing_to_draw, style
from badminima.report.figures.lines import draw_range, explain_lines, over_seeds

# Candidates: name in the history -> name for readers.
CANDIDATES = {
    "gradients.coherence": "gradient coherence",
    "gradients.kernel_alignment": "kernel's alignment with labels",
    "gradients.kernel_distance": "kernel's distance from the start",
    "units.effective_rank": "effective rank of features",
    "units.dead": "share of dead units",
    "norm.end": "norm of the weights",
    "effective_rate": "rate over squared norm",
    "distance.angle": "angle to the start (degrees)",
    "trace.hessian": "trace of the Hessian",
    "memory.confusing_accuracy": "accuracy on confusing labels",
}
LOGARITHMIC = ("gradients.coherence", "effective_rate", "trace.hessian")
DASHES = {"escapes": "-", "stays": ":", "unclear": "--"}
COLUMNS = 4


def draw(tables: StudyTables, settings: FigureSettings, candidates: Mapping[str, str] = CANDIDATES) -> Drawing:
    """Draw test accuracy and each candidate cause along training, for each start.

    Lines are medians over seeds, bands their range. The title of a panel says which demands of a cause are met
    (:func:`badminima.analysis.mechanism.verdicts_table`). Diverged runs take no part.

    Args:
        tables: of the study; of its tables the runs, the histories and the gaps.
        settings: which recipes and inits.
        candidates: name in the history -> name for readers.
    """
    chosen = style.of_figure(tables.runs, settings).query("status != 'diverged'")[RUN_KEYS]
    histories = tables.histories.merge(chosen)
    if "norm.end" in histories:
        histories["effective_rate"] = histories["lr"] / histories["norm.end"] ** 2
    names = [name for name in candidates if name in histories and histories[name].notna().any()]
    if not names:
        return nothing_to_draw("no run was measured along its path: see the logs of train", chosen)
    paths = paths_table(histories, tables.gaps, names, settings.statistics, settings.root_seed)
    verdicts = verdicts_table(paths)
    curves = over_seeds(histories, [ACCURACY, *names]).rename(columns={"statistic": "measure"})
    starts = style.settings_of(histories, ["dataset", "model", "init"])
    rows = -(-(len(names) + 1) // COLUMNS)
    height = 1.75 * rows * len(starts) + 0.6
    figure, grid = style.panels(rows * len(starts), COLUMNS, height)
    for block, start in zip(grid.reshape(len(starts), -1), starts, strict=True):
        of_start = (style.rows_of(table, start) for table in (curves, paths, verdicts))
        _draw_block(list(block), settings, {name: candidates[name] for name in names}, *of_start)
        block[0].set_ylabel(style.accuracy_label(tables.runs))
        block[0].set_title(style.cell_title(*start), loc="left")
    style.legend_of_lines(figure, grid[0, 0], 5, title="recipe (solid: escapes, dotted: stays, dashed: unclear)")
    explain_lines(figure, "median", "band: their range", int(curves["seeds"].max()))
    shown = {"curve": curves, "path": paths, "verdict": verdicts}
    return Drawing(figure, pd.concat([table.assign(kind=kind) for kind, table in shown.items()], ignore_index=True))


def _draw_block(
    block: list[Axes],
    settings: FigureSettings,
    names: Mapping[str, str],
    curves: pd.DataFrame,
    paths: pd.DataFrame,
    verdicts: pd.DataFrame,
) -> None:
    """Draw the panels of one start: accuracy first, then each candidate."""
    outcomes = paths.drop_duplicates("recipe").set_index("recipe")["outcome"]
    for axes, name in zip(block, [ACCURACY, *names], strict=False):
        scale = 100 if name == ACCURACY else 1
        for recipe, (colour, _) in style.look_of_recipes(settings.recipes).items():
            if recipe not in outcomes:
                continue
            curve = curves[(curves["recipe"] == recipe) & (curves["measure"] == name)]
            curve = curve.assign(**{column: scale * curve[column] for column in ("value", "low", "high")})
            look = {"linestyle": DASHES[outcomes[recipe]], "label": style.recipe_label(recipe)}
            draw_range(axes, curve, "epoch", "value", colour, **look)
        axes.set_xlabel("epoch")
        if name in LOGARITHMIC:
            axes.set_yscale("log")
    for axes, (_, verdict) in zip(block[1:], verdicts.iterrows(), strict=False):
        axes.set_ylabel(names[verdict["measure"]])
        axes.set_title(_met(verdict), fontsize="small", fontweight="bold" if verdict["tells"] else "normal")


def _met(verdict: pd.Series) -> str:
    """Say which demands of a cause a candidate meets."""
    if not verdict["escaping"]:
        return "no recipe surely escapes"
    demands = {"changes": "in all escapes", "still": "in no other", "first": "first"}
    met = [words for demand, words in demands.items() if verdict[demand]]
    return ", ".join(met) or "meets no demand"
