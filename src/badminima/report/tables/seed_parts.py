"""``table_seed_parts``: which part of a seed the spread over seeds comes from."""

import numpy as np
import pandas as pd

from badminima.analysis.statistics import TOGETHER, variance_parts
from badminima.analysis.tables import StudyTables
from badminima.experiment.settings import TableSettings
from badminima.report.figures.style import accuracy_label, cell_title, recipe_label, rows_of, settings_of
from badminima.report.tables import Block, PaperTable
from badminima.report.tables.cells import MEAN, Key, Lines, source, text_frame

# The parts in words, as rows; a run's own seed is what its inits don't fix.
PARTS = {
    "weights": "random weights",
    "confusing": "confusing set",
    "seed": "order of the images",
    TOGETHER: "several together",
}
LABELS = ("seeds", "sd (points)", "share of variance (%)", "p")


def make(tables: StudyTables, settings: TableSettings) -> PaperTable:
    """Return a block per (dataset, model): a row per part of the seed."""
    assert settings.parts is not None
    shown = _shown(tables, settings)
    accuracy = accuracy_label(tables.runs).removesuffix(" (%)")
    blocks = []
    for setting in settings_of(shown):
        cells = _cells(rows_of(shown, setting))
        caption = f"{cell_title(*setting)}: what the {accuracy} varies with, of the parts of a seed."
        blocks.append(Block("-".join(setting), caption, text_frame(cells, ["part"])))
    return PaperTable(settings.name, blocks, _note(tables, settings, shown), shown)


def _shown(tables: StudyTables, settings: TableSettings) -> pd.DataFrame:
    """Return the parts of each recipe's variance; no numbers if a run diverged."""
    assert settings.parts is not None
    runs = tables.runs[tables.runs["init"].isin(settings.parts)]
    found = []
    for recipe in settings.recipes:
        for setting in settings_of(runs):
            of_recipe = rows_of(runs[runs["recipe"] == recipe], setting)
            seeds = of_recipe["init"].map(settings.parts)
            levels = {part: [getattr(each, part) for each in seeds] for part in ("weights", "confusing")}
            levels["seed"] = of_recipe["seed"].tolist()
            parts = variance_parts(of_recipe["test_accuracy"].to_numpy(dtype=float), levels)
            diverged = int((of_recipe["status"] == "diverged").sum())
            if diverged:
                parts[["mean_square", "variance", "share", "p_value"]] = np.nan
            keys = {"dataset": setting[0], "model": setting[1], "recipe": recipe}
            found.append(parts.assign(**keys, runs=len(of_recipe), diverged=diverged))
    first = ["dataset", "model", "recipe"]
    shown = pd.concat(found, ignore_index=True)
    return shown[[*first, *(name for name in shown if name not in first)]]


def _cells(shown: pd.DataFrame) -> dict[tuple[Key, Key], Lines]:
    cells: dict[tuple[Key, Key], Lines] = {}
    for row in shown.to_dict("records"):
        texts = (
            "" if np.isnan(row["levels"]) else f"{row['levels']:.0f}",
            f"{row['diverged']}/{row['runs']} diverged" if row["diverged"] else f"{100 * row['variance'] ** 0.5:.2f}",
            "" if np.isnan(row["share"]) else f"{100 * row['share']:.0f}",
            "" if np.isnan(row["p_value"]) else f"{row['p_value']:.2g}",
        )
        for label, text in zip(LABELS, texts, strict=True):
            cells[((PARTS[row["part"]],), (recipe_label(row["recipe"]), label))] = {MEAN: text}
    return cells


def _note(tables: StudyTables, settings: TableSettings, shown: pd.DataFrame) -> str:
    return (
        f"{shown['runs'].max()} runs of each recipe, one for every combination of the parts' seeds, all tested on the "
        "same images. Standard deviations are those of an analysis of variance with random effects; p: chance that a "
        f"part that does nothing varies so much (F test). {source(settings, tables.runs)}"
    )
