"""``table_ablation``: test accuracy of every recipe (rows) from every init (columns), and what each init costs it."""

import pandas as pd

from badminima.analysis.tables import StudyTables
from badminima.config.names import BASELINE_INIT
from badminima.experiment.settings import TableSettings
from badminima.report.figures.style import cell_title, init_label, recipe_label, rows_of, settings_of
from badminima.report.tables import Block, PaperTable
from badminima.report.tables.cells import (
    INTERVAL,
    MEAN,
    Key,
    Lines,
    accuracy_lines,
    in_order,
    interval,
    note,
    number,
    shown_accuracies,
    text_frame,
)

COST = (
    f"Cost: accuracy from {init_label(BASELINE_INIT)} weights minus that from another initialization, "
    "paired by seed and by test image."
)


def make(tables: StudyTables, settings: TableSettings) -> PaperTable:
    """Return a block per (dataset, model).

    A cost is the recipe's accuracy from random weights minus that from another init, in points, paired by seed and by
    test image; its number of seeds stands beside it where runs of the others diverged.
    """
    accuracies = shown_accuracies(tables, settings)
    costs = _shown_costs(tables, settings)
    images = " and ".join(tables.runs["evaluated_on"].unique())
    blocks = []
    for setting in settings_of(accuracies):
        cells = _accuracy_cells(rows_of(accuracies, setting), images)
        cells |= _cost_cells(rows_of(costs, setting), tables.runs["seed"].nunique())
        caption = f"{cell_title(*setting)}: {images} accuracy (%) of each recipe from each initialization."
        if len(costs):
            caption += f" {COST}"
        blocks.append(Block("-".join(setting), caption, text_frame(cells, ["recipe"])))
    shown = pd.concat([accuracies, costs], ignore_index=True) if len(costs) else accuracies
    return PaperTable(settings.name, blocks, note(tables, settings, shown), shown)


def _shown_costs(tables: StudyTables, settings: TableSettings) -> pd.DataFrame:
    gaps = tables.gaps[tables.gaps["difference"] == "cost"].rename(columns={"difference": "statistic"})
    return in_order(gaps.assign(diverged=0), settings)


def _accuracy_cells(shown: pd.DataFrame, images: str) -> dict[tuple[Key, Key], Lines]:
    group = f"{images} accuracy (%)"
    return {
        ((recipe_label(recipe),), (group, init_label(init))): lines
        for (_, _, init, recipe), lines in accuracy_lines(shown).items()
    }


def _cost_cells(shown: pd.DataFrame, seeds: int) -> dict[tuple[Key, Key], Lines]:
    group = "cost (points)"
    return {
        ((recipe_label(row["recipe"]),), (group, init_label(row["init"]))): {
            MEAN: number(row["mean"]) + ("" if row["seeds"] == seeds else f" (n = {row['seeds']})"),
            INTERVAL: interval(row["low"], row["high"]),
        }
        for row in shown.to_dict("records")
    }
