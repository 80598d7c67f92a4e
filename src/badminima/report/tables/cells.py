"""Tables of accuracies: mean, interval, and train accuracy where it matters.

``table_main`` has a row per network, ``table_ablation`` a row per recipe and what each init costs it.
"""

from collections.abc import Mapping, Sequence
from itertools import product

import pandas as pd

from badminima.analysis.tables import CELL_KEYS, StudyTables
from badminima.config.training import BASELINE_INIT
from badminima.experiment.settings import TableSettings
from badminima.report.figures.style import accuracy_label, cell_title, init_label, recipe_label, rows_of, settings_of
from badminima.report.tables import Block, PaperTable

# The lines of a cell, from top to bottom.
MEAN, INTERVAL, TRAIN = "mean", "interval", "train"
COLUMNS = [*CELL_KEYS, "statistic", "mean", "low", "high", "seeds", "diverged"]
COST = (
    f"Cost: accuracy from {init_label(BASELINE_INIT)} weights minus that from another initialization, "
    "paired by seed and by test image."
)
MEANINGS = {"DA": "data augmentation", "M": "momentum", "L2": "weight decay"}
Key = tuple[str, ...]
Lines = Mapping[str, str]


def make_main(tables: StudyTables, settings: TableSettings) -> PaperTable:
    """Return one block: a row per (dataset, model), a column per (init, recipe)."""
    shown = shown_accuracies(tables, settings)
    # Columns are many, so recipes are written tightly.
    cells: dict[tuple[Key, Key], Lines] = {
        ((dataset.replace("_", "-"), model), (init_label(init), recipe_label(recipe).replace(" + ", "+"))): lines
        for (dataset, model, init, recipe), lines in accuracy_lines(shown).items()
    }
    label = accuracy_label(tables.runs)
    caption = f"{label[0].upper()}{label[1:]} of each network, by initialization and recipe."
    block = Block("", caption, text_frame(cells, ["dataset", "model"]))
    return PaperTable(settings.name, [block], note(tables, settings, shown), shown)


def make_ablation(tables: StudyTables, settings: TableSettings) -> PaperTable:
    """Return a block per (dataset, model).

    A cost is the recipe's accuracy from random weights minus that from another init, in points, paired by seed and by
    test image; its number of seeds stands beside it where runs of the others diverged.
    """
    accuracies = shown_accuracies(tables, settings)
    gaps = tables.gaps[tables.gaps["difference"] == "cost"].rename(columns={"difference": "statistic"})
    costs = in_order(gaps.assign(diverged=0), settings)
    label = accuracy_label(tables.runs)
    seeds = tables.runs["seed"].nunique()
    blocks = []
    for setting in settings_of(accuracies):
        cells: dict[tuple[Key, Key], Lines] = {
            ((recipe_label(recipe),), (label, init_label(init))): lines
            for (_, _, init, recipe), lines in accuracy_lines(rows_of(accuracies, setting)).items()
        }
        for row in rows_of(costs, setting).to_dict("records"):
            mean = number(row["mean"]) + ("" if row["seeds"] == seeds else f" (n = {row['seeds']})")
            column = "cost (points)", init_label(row["init"])
            cells[(recipe_label(row["recipe"]),), column] = {MEAN: mean, INTERVAL: interval(row["low"], row["high"])}
        caption = f"{cell_title(*setting)}: {label} of each recipe from each initialization."
        caption += f" {COST}" if len(costs) else ""
        blocks.append(Block("-".join(setting), caption, text_frame(cells, ["recipe"])))
    shown = pd.concat([accuracies, costs], ignore_index=True) if len(costs) else accuracies
    return PaperTable(settings.name, blocks, note(tables, settings, shown), shown)


def shown_accuracies(tables: StudyTables, settings: TableSettings) -> pd.DataFrame:
    """Return test accuracies, and train accuracies of cells with a run that did not fit.

    Returns:
        Rows of ``cells`` in the order of the settings, with the columns ``COLUMNS``.
    """
    lowest = tables.runs.groupby(CELL_KEYS)["train_accuracy"].min()
    train = tables.cells[(tables.cells["statistic"] == "train_accuracy") & (tables.cells["diverged"] == 0)]
    fitted = lowest.reindex(pd.MultiIndex.from_frame(train[CELL_KEYS])) >= 1 - settings.statistics.fitted_tolerance
    test = tables.cells[tables.cells["statistic"] == "test_accuracy"]
    return in_order(pd.concat([test, train[~fitted.to_numpy()]]), settings)


def in_order(rows: pd.DataFrame, settings: TableSettings) -> pd.DataFrame:
    """Return the rows of the settings' inits and recipes, in their order."""
    wanted = product(settings.inits, settings.recipes)
    cells = [rows[(rows["init"] == init) & (rows["recipe"] == recipe)] for init, recipe in wanted]
    return pd.concat(cells, ignore_index=True)[COLUMNS]


def accuracy_lines(shown: pd.DataFrame) -> dict[Key, Lines]:
    """Return the lines of every cell of ``shown``, by (dataset, model, init, recipe)."""
    found: dict[Key, Lines] = {}
    for row in shown.to_dict("records"):
        key = tuple(row[name] for name in CELL_KEYS)
        if row["statistic"] == "train_accuracy":
            lines = {TRAIN: f"train {number(row['mean'])}"}
        elif row["diverged"]:
            lines = {MEAN: f"{row['diverged']}/{row['seeds']} diverged"}
        else:
            lines = {MEAN: number(row["mean"]), INTERVAL: interval(row["low"], row["high"])}
        found[key] = {**found.get(key, {}), **lines}
    return found


def text_frame(cells: Mapping[tuple[Key, Key], Lines], names: Sequence[str]) -> pd.DataFrame:
    """Return cells as a frame of text.

    Args:
        cells: the lines of each cell, by (row, column).
        names: what each part of a row's key is.

    Returns:
        Rows (key, line) without those that no cell has, in the order in which they come; columns by key.
    """
    rows, columns = (list(dict.fromkeys(keys)) for keys in zip(*cells, strict=True))
    lines = {
        (*row, line): [cells.get((row, column), {}).get(line, "") for column in columns]
        for row in rows
        for line in (MEAN, INTERVAL, TRAIN)
    }
    filled = {row: texts for row, texts in lines.items() if any(texts)}
    index = pd.MultiIndex.from_tuples(filled, names=[*names, "line"])
    return pd.DataFrame(list(filled.values()), index=index, columns=pd.MultiIndex.from_tuples(columns))


def number(fraction: float) -> str:
    """Return a fraction in percent."""
    return f"{100 * fraction:.1f}"


def interval(low: float, high: float) -> str:
    """Return an interval in percent; nothing for one seed, which has none."""
    return "" if pd.isna(low) else f"[{number(low)}, {number(high)}]"


def note(tables: StudyTables, settings: TableSettings, shown: pd.DataFrame) -> str:
    """Return the note below a table: seeds, intervals, abbreviations, source."""
    seeds = tables.runs["seed"].nunique()
    confidence = f"{100 * settings.statistics.confidence:g}%"
    parts = [
        f"Means over {seeds} seeds, in brackets their {confidence} intervals, which count the luck of the seeds "
        "(Student's t) and of a finite test set (bootstrap)."
        if seeds > 1
        else "One seed, so without intervals."
    ]
    words = {word for recipe in settings.recipes for word in recipe_label(recipe).split()}
    known = [f"{word}: {meaning}" for word, meaning in MEANINGS.items() if word in words]
    if known:
        parts.append("; ".join(known) + ".")
    if (shown["statistic"] == "train_accuracy").any():
        least = 1 - settings.statistics.fitted_tolerance
        parts.append(f"Train accuracy is given where not every run fits its training set ({100 * least:g}% or more).")
    if shown["diverged"].any():
        parts.append("Diverged: the loss of so many of the cell's runs became non-finite, so it has no mean.")
    return " ".join([*parts, source(settings, tables.runs)])


def source(settings: TableSettings, runs: pd.DataFrame) -> str:
    """Return where a table's numbers come from: its study and code revisions."""
    revisions = runs["revision"].dropna().unique()
    shortened = sorted({revision[:10] + ("+changes" if "+" in revision else "") for revision in revisions})
    code = f", code revision {', '.join(shortened)}" if shortened else ""
    return f"Source: study {settings.study} of badminima{code}."
