"""Numbers as the text of a table: of each cell its mean, its interval, and its train accuracy where that matters."""

from collections.abc import Mapping, Sequence

import pandas as pd

from badminima.analysis.tables import CELL_KEYS, StudyTables
from badminima.experiment.settings import TableSettings
from badminima.report.figures.style import recipe_label

# The lines of a cell, from top to bottom.
MEAN, INTERVAL, TRAIN = "mean", "interval", "train"
COLUMNS = [*CELL_KEYS, "statistic", "mean", "low", "high", "seeds", "diverged"]
Key = tuple[str, ...]
Lines = Mapping[str, str]


def shown_accuracies(tables: StudyTables, settings: TableSettings) -> pd.DataFrame:
    """Return the accuracies that a table shows: test for each cell, train where a run did not fit its data.

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
    cells = [
        rows[(rows["init"] == init) & (rows["recipe"] == recipe)]
        for init in settings.inits
        for recipe in settings.recipes
    ]
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
    """Cells as a frame of text.

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


def dataset_label(dataset: str) -> str:
    """Return a dataset's name for readers."""
    return dataset.replace("_", "-")


def note(tables: StudyTables, settings: TableSettings, shown: pd.DataFrame) -> str:
    """Return the note below a table: seeds, intervals, abbreviations, exceptions, source."""
    seeds = tables.runs["seed"].nunique()
    confidence = f"{100 * settings.statistics.confidence:g}%"
    parts = [
        f"Means over {seeds} seeds, in brackets their {confidence} intervals, which count the luck of the seeds "
        "(Student's t) and of a finite test set (bootstrap)."
        if seeds > 1
        else "One seed, so without intervals."
    ]
    words = {word for recipe in settings.recipes for word in recipe_label(recipe).split()}
    meanings = {"DA": "data augmentation", "M": "momentum", "L2": "weight decay"}
    if words & set(meanings):
        parts.append("; ".join(f"{word}: {meaning}" for word, meaning in meanings.items() if word in words) + ".")
    if (shown["statistic"] == "train_accuracy").any():
        least = 1 - settings.statistics.fitted_tolerance
        parts.append(f"Train accuracy is given where not every run fits its training set ({100 * least:g}% or more).")
    if shown["diverged"].any():
        parts.append("Diverged: the loss of so many of the cell's runs became non-finite, so it has no mean.")
    return " ".join([*parts, source(settings, tables.runs)])


def source(settings: TableSettings, runs: pd.DataFrame) -> str:
    """Return where a table's numbers come from: its study and the revisions of the code."""
    revisions = runs["revision"].dropna().unique()
    shortened = sorted({revision[:10] + ("+changes" if "+" in revision else "") for revision in revisions})
    return f"Source: study {settings.study} of badminima" + (
        f", code revision {', '.join(shortened)}." if shortened else "."
    )
