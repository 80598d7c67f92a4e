"""``table_main``: test accuracy of every network (rows), by init and recipe (columns)."""

from badminima.analysis.tables import StudyTables
from badminima.experiment.settings import TableSettings
from badminima.report.figures.style import init_label, recipe_label
from badminima.report.tables import Block, PaperTable
from badminima.report.tables.cells import Key, Lines, accuracy_lines, dataset_label, note, shown_accuracies, text_frame


def make(tables: StudyTables, settings: TableSettings) -> PaperTable:
    """One block: a row per (dataset, model), a column per (init, recipe)."""
    shown = shown_accuracies(tables, settings)
    # Columns are many, so recipes are written tightly.
    cells: dict[tuple[Key, Key], Lines] = {
        ((dataset_label(dataset), model), (init_label(init), recipe_label(recipe).replace(" + ", "+"))): lines
        for (dataset, model, init, recipe), lines in accuracy_lines(shown).items()
    }
    images = " and ".join(tables.runs["evaluated_on"].unique())
    caption = f"{images.capitalize()} accuracy (%) of each network, by initialization and recipe."
    block = Block("", caption, text_frame(cells, ["dataset", "model"]))
    return PaperTable(settings.name, [block], note(tables, settings, shown), shown)
