"""Tables for papers: they show what the study's tables say, and LaTeX and HTML take them as they are."""

from dataclasses import replace

import pandas as pd
import pytest

from badminima.config.registry import TABLES
from badminima.config.studies import SeedParts
from badminima.experiment.settings import TableSettings
from badminima.report.tables import make_table, write_table
from tests.unit.study import INITS, RECIPES, STATISTICS, diverged, made_up_study, with_runs

# Tables of a seed's parts need a study that varies these.
OF_CELLS = [name for name, entry in TABLES.entries.items() if not entry.of_parts]
LOSS = {"random": 0.0, "adversarial": 0.2, "random_rescaled": 0.1}


@pytest.fixture(scope="module")
def tables():
    return made_up_study(lambda init, recipe: 0.9 - (LOSS[init] if recipe == "vanilla" else 0))


def made(tables, kind: str, recipes=RECIPES, inits=INITS, study="ablation", parts=None):
    """Make a table of some tables."""
    asked = {"kind": kind, "name": kind, "study": study, "recipes": recipes, "inits": list(inits), "parts": parts}
    return make_table(tables, TableSettings(**asked, statistics=STATISTICS))


def written(table, folder) -> dict[str, str]:
    paths = {extension: folder / f"table.{extension}" for extension in ("tex", "csv", "html")}
    write_table(table, *paths.values())
    return {extension: path.read_text() for extension, path in paths.items()}


def text_of(table, row, column) -> list[str]:
    """The lines of one cell."""
    (block,) = table.blocks
    return [text for (*key, _), text in block.text[column].items() if tuple(key) == row and text]


@pytest.mark.parametrize("kind", OF_CELLS)
def test_a_table_shows_the_recipes_and_inits_it_was_asked_for_in_that_order(tables, kind):
    table = made(tables, kind, ["da+m+l2", "vanilla"], ["adversarial", "random"])
    accuracy = table.shown[table.shown["statistic"] == "test_accuracy"]
    assert accuracy["init"].tolist() == ["adversarial"] * 2 + ["random"] * 2
    assert accuracy["recipe"].tolist() == ["da+m+l2", "vanilla"] * 2


def test_a_cell_is_its_mean_in_percent_over_its_interval(tables):
    table = made(tables, "main")
    cell = tables.cells.query("init == 'adversarial' and recipe == 'vanilla' and statistic == 'test_accuracy'").iloc[0]
    mean, low, high = (f"{100 * cell[name]:.1f}" for name in ("mean", "low", "high"))
    assert text_of(table, ("digits", "mlp"), ("adversarial", "vanilla")) == [mean, f"[{low}, {high}]"]
    assert "3 seeds" in table.note
    assert "95% intervals" in table.note


def test_the_csv_holds_the_numbers_that_are_shown_and_the_same_tables_give_the_same_bytes(tables, tmp_path):
    table = made(tables, "ablation")
    assert written(table, tmp_path) == written(made(tables, "ablation"), tmp_path / "again")
    shown = pd.read_csv(tmp_path / "table.csv")
    assert shown["statistic"].value_counts().to_dict() == {"test_accuracy": 24, "cost": 16}
    pd.testing.assert_frame_equal(shown, table.shown)


def test_costs_are_those_of_gaps_and_random_weights_have_none(tables):
    table = made(tables, "ablation")
    cost = tables.gaps.query("difference == 'cost' and init == 'adversarial' and recipe == 'vanilla'").iloc[0]
    assert cost["mean"] == pytest.approx(0.2, abs=0.02)
    assert text_of(table, ("vanilla",), ("cost (points)", "adversarial"))[0] == f"{100 * cost['mean']:.1f}"
    assert ("cost (points)", "random") not in table.blocks[0].text.columns


def test_train_accuracy_stands_where_a_run_does_not_fit_and_nowhere_else(tables):
    runs = tables.runs.copy()
    runs.loc[runs.query("init == 'random' and recipe == 'l2' and seed == 2").index, "train_accuracy"] = 0.97
    table = made(with_runs(tables, runs), "ablation")
    assert text_of(table, ("L2",), ("test accuracy (%)", "random"))[-1] == "train 99.0"
    assert sum(text.startswith("train") for text in table.blocks[0].text.to_numpy().ravel()) == 1
    assert "99.9% or more" in table.note


def test_a_cell_with_a_diverged_run_has_no_mean_and_the_note_says_why(tables):
    table = made(diverged(tables, ("adversarial", "da", 1)), "ablation")
    assert text_of(table, ("DA",), ("test accuracy (%)", "adversarial")) == ["1/3 diverged"]
    assert text_of(table, ("DA",), ("cost (points)", "adversarial"))[0].endswith("(n = 2)")
    assert "non-finite" in table.note


def test_one_seed_has_no_interval_and_the_note_says_so():
    table = made(made_up_study(lambda init, recipe: 0.9, seeds=1), "main")
    assert not any("[" in text for text in table.blocks[0].text.to_numpy().ravel())
    assert table.note.startswith("One seed")


def test_each_network_of_an_ablation_has_a_block_and_a_label_of_its_own(tables, tmp_path):
    both = {
        name: pd.concat([table, table.assign(model="other_net")], ignore_index=True)
        for name, table in (("runs", tables.runs), ("cells", tables.cells), ("gaps", tables.gaps))
    }
    texts = written(made(replace(tables, **both), "ablation"), tmp_path)
    assert texts["tex"].count(r"\begin{table}") == texts["html"].count("<table") == 2
    assert r"\label{tab:ablation-digits-mlp}" in texts["tex"]
    assert r"other\_net" in texts["tex"]


def test_names_and_percent_signs_are_escaped(tables, tmp_path):
    body = written(made(tables, "main", study="label_noise"), tmp_path)["tex"].split("\n", 1)[1]
    assert r"label\_noise" in body
    assert all(body[at - 1] == "\\" for at, character in enumerate(body) if character in "%_")


PARTS = {
    f"weights_{weights}_set_{confusing}": SeedParts(weights=weights, confusing=confusing)
    for weights in (0, 1)
    for confusing in (0, 1)
}


@pytest.fixture(scope="module")
def parted():
    """A study in which the confusing set decides almost everything."""
    return made_up_study(
        lambda init, recipe: 0.8 + 0.1 * PARTS[init].confusing, recipes=["vanilla"], inits=list(PARTS), images=20_000
    )


def test_the_part_of_a_seed_that_decides_has_the_share_and_every_part_a_row(parted):
    table = made(parted, "seed_parts", ["vanilla"], PARTS, parts=PARTS)
    shown = table.shown.set_index("part")
    assert shown["levels"].fillna(0).to_dict() == {"weights": 2, "confusing": 2, "seed": 3, "together": 0}
    assert shown.loc["confusing", "share"] > 0.99
    assert shown["share"].sum() == pytest.approx(1)
    (block,) = table.blocks
    rows = [row for row, _ in block.text.index]
    assert rows == ["random weights", "confusing set", "order of the images", "several together"]
    assert block.text["vanilla"]["sd (points)"].iloc[1] == f"{100 * shown.loc['confusing', 'variance'] ** 0.5:.2f}"
    assert "12 runs" in table.note


def test_a_diverged_run_leaves_no_numbers_of_parts_and_is_counted(parted):
    runs = parted.runs.assign(status=["diverged", *parted.runs["status"][1:]])
    table = made(replace(parted, runs=runs), "seed_parts", ["vanilla"], PARTS, parts=PARTS)
    assert table.shown["share"].isna().all()
    assert set(table.blocks[0].text["vanilla"]["sd (points)"]) == {"1/12 diverged"}
