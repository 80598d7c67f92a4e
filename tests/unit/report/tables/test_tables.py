"""Tables for papers: they show what the study's tables say, and LaTeX and HTML take them as they are."""

import shutil
import subprocess
from dataclasses import replace

import pandas as pd
import pytest

from badminima.analysis.gaps import gaps_table
from badminima.analysis.tables import summarize_cells
from badminima.config.registry import TABLES
from badminima.experiment.settings import TableSettings
from badminima.report.tables import make_table, write_table
from tests.unit.study import INITS, RECIPES, STATISTICS, made_up_study

# Tables of a seed's parts need a study that varies these.
OF_CELLS = [name for name, entry in TABLES.entries.items() if not entry.of_parts]
LOSS = {"random": 0.0, "adversarial": 0.2, "random_rescaled": 0.1}


@pytest.fixture(scope="module")
def tables():
    return made_up_study(lambda init, recipe: 0.9 - (LOSS[init] if recipe == "vanilla" else 0))


def settings(kind: str, recipes=RECIPES, inits=INITS, study="ablation") -> TableSettings:
    return TableSettings(kind=kind, name=kind, study=study, recipes=recipes, inits=inits, statistics=STATISTICS)


def with_runs(tables, runs):
    """The study with other runs, and what follows from them."""
    changed = replace(tables, runs=runs)
    gaps = gaps_table(runs, changed.correct_of, STATISTICS, root_seed=0)
    return replace(changed, cells=summarize_cells(changed, STATISTICS, root_seed=0), gaps=gaps)


def with_a_diverged_run(tables):
    runs = tables.runs.copy()
    runs.loc[runs.query("init == 'adversarial' and recipe == 'da' and seed == 1").index, "status"] = "diverged"
    return with_runs(tables, runs)


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
    table = make_table(tables, settings(kind, ["da+m+l2", "vanilla"], ["adversarial", "random"]))
    accuracy = table.shown[table.shown["statistic"] == "test_accuracy"]
    assert accuracy["init"].tolist() == ["adversarial"] * 2 + ["random"] * 2
    assert accuracy["recipe"].tolist() == ["da+m+l2", "vanilla"] * 2


def test_a_cell_is_its_mean_in_percent_over_its_interval(tables):
    table = make_table(tables, settings("main"))
    cell = tables.cells.query("init == 'adversarial' and recipe == 'vanilla' and statistic == 'test_accuracy'").iloc[0]
    assert text_of(table, ("digits", "mlp"), ("adversarial", "vanilla")) == [
        f"{100 * cell['mean']:.1f}",
        f"[{100 * cell['low']:.1f}, {100 * cell['high']:.1f}]",
    ]
    assert "3 seeds" in table.note
    assert "95% intervals" in table.note


def test_the_csv_holds_the_numbers_that_are_shown(tables, tmp_path):
    table = make_table(tables, settings("ablation"))
    write_table(table, *(tmp_path / f"t.{extension}" for extension in ("tex", "csv", "html")))
    shown = pd.read_csv(tmp_path / "t.csv")
    assert shown["statistic"].value_counts().to_dict() == {"test_accuracy": 24, "cost": 16}
    pd.testing.assert_frame_equal(shown, table.shown)


def test_costs_are_those_of_gaps_and_random_weights_have_none(tables):
    table = make_table(tables, settings("ablation"))
    cost = tables.gaps.query("difference == 'cost' and init == 'adversarial' and recipe == 'vanilla'").iloc[0]
    assert cost["mean"] == pytest.approx(0.2, abs=0.02)
    assert text_of(table, ("vanilla",), ("cost (points)", "adversarial"))[0] == f"{100 * cost['mean']:.1f}"
    assert ("cost (points)", "random") not in table.blocks[0].text.columns


def test_train_accuracy_stands_where_a_run_does_not_fit_and_nowhere_else(tables):
    runs = tables.runs.copy()
    runs.loc[runs.query("init == 'random' and recipe == 'l2' and seed == 2").index, "train_accuracy"] = 0.97
    table = make_table(with_runs(tables, runs), settings("ablation"))
    assert text_of(table, ("L2",), ("test accuracy (%)", "random"))[-1] == "train 99.0"
    assert sum(text.startswith("train") for text in table.blocks[0].text.to_numpy().ravel()) == 1
    assert "99.9% or more" in table.note
    assert "Train accuracy" not in make_table(tables, settings("ablation")).note


def test_a_cell_with_a_diverged_run_has_no_mean_and_the_note_says_why(tables):
    table = make_table(with_a_diverged_run(tables), settings("ablation"))
    assert text_of(table, ("DA",), ("test accuracy (%)", "adversarial")) == ["1/3 diverged"]
    assert text_of(table, ("DA",), ("cost (points)", "adversarial"))[0].endswith("(n = 2)")
    assert "non-finite" in table.note
    assert "non-finite" not in make_table(tables, settings("ablation")).note


@pytest.mark.parametrize("kind", OF_CELLS)
def test_one_seed_has_no_interval_and_the_note_says_so(kind):
    table = make_table(made_up_study(lambda init, recipe: 0.9, seeds=1), settings(kind))
    assert not any("[" in text for text in table.blocks[0].text.to_numpy().ravel())
    assert table.note.startswith("One seed")


def test_a_study_from_random_weights_alone_has_no_costs():
    study = made_up_study(lambda init, recipe: 0.9, inits=["random"])
    table = make_table(study, settings("ablation", inits=["random"]))
    assert {group for group, _ in table.blocks[0].text.columns} == {"test accuracy (%)"}
    assert "Cost" not in table.blocks[0].caption


def test_each_network_of_an_ablation_has_a_block_and_a_label_of_its_own(tables, tmp_path):
    both = {
        name: pd.concat([table, table.assign(model="other_net")], ignore_index=True)
        for name, table in (("runs", tables.runs), ("cells", tables.cells), ("gaps", tables.gaps))
    }
    texts = written(make_table(replace(tables, **both), settings("ablation")), tmp_path)
    assert texts["tex"].count(r"\begin{table}") == texts["html"].count("<table") == 2
    assert r"\label{tab:ablation-digits-mlp}" in texts["tex"]
    assert r"other\_net" in texts["tex"]


def test_names_and_percent_signs_are_escaped(tables, tmp_path):
    texts = written(make_table(tables, settings("main", study="label_noise")), tmp_path)
    body = texts["tex"].split("\n", 1)[1]
    assert r"label\_noise" in body
    assert r"(\%)" in body
    assert all(body[at - 1] == "\\" for at, character in enumerate(body) if character in "%_")


def test_the_same_tables_give_the_same_bytes(tables, tmp_path):
    one, other = (written(make_table(tables, settings("ablation")), tmp_path / name) for name in "ab")
    assert one == other


@pytest.mark.parametrize("kind", OF_CELLS)
def test_latex_compiles_in_a_plain_article_with_booktabs(tables, tmp_path, kind):
    if shutil.which("pdflatex") is None:
        pytest.skip("needs pdflatex")
    written(make_table(with_a_diverged_run(tables), settings(kind, study="label_noise")), tmp_path)
    (tmp_path / "paper.tex").write_text(
        r"\documentclass{article}\usepackage{booktabs}\begin{document}\input{table}\end{document}"
    )
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper.tex"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-2000:]
