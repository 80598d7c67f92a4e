"""A measurement that failed is told wherever its number is missed."""

import json

import pytest

from badminima.analysis.tables import collect, read_study, write_tables
from badminima.diagnostics.diagnose import Measurements as Measured
from badminima.diagnostics.diagnose import tell_failures
from badminima.experiment.settings import CollectSettings
from badminima.report.html import failed_measurements, summary_page
from badminima.results.export import make_card
from badminima.results.results import Results
from badminima.zoo import card_page
from tests.unit.results.conftest import RUN

REASON = "RuntimeError: no <convergence>"


@pytest.fixture
def spoiled(copied) -> Results:
    """Results in which one measurement of one run has failed."""
    path = copied.paths.run(RUN) / "diagnostics.json"
    content = json.loads(path.read_text())
    content["values"] = {name: value for name, value in content["values"].items() if not name.startswith("distance")}
    path.write_text(json.dumps({**content, "failed": {"distance": REASON}}))
    return copied


def test_tables_and_the_summary_tell_it(spoiled, tmp_path):
    tables = collect(spoiled.paths, CollectSettings.of(spoiled.config, "ablation"))
    write_tables(tmp_path / "tables", tables)
    read = read_study(tmp_path / "tables")
    failed = read.runs[read.runs["failed"].notna()]
    assert failed[["init", "recipe", "seed"]].to_numpy().tolist() == [[RUN.init, RUN.recipe, RUN.seed]]
    assert failed["failed"].tolist() == [f"distance: {REASON}"]
    assert failed["distance.total"].isna().all()
    assert "failed" not in set(read.cells["statistic"])
    (line,) = failed_measurements(tables)
    assert line == f"distance: failed in 1 of 8 runs ({REASON})"
    assert "RuntimeError: no &lt;convergence&gt;" in summary_page(tables, "Why?")


def test_a_study_without_failures_does_not_speak_of_any(results):
    tables = results.tables("ablation")
    assert failed_measurements(tables) == []
    assert "failed" not in summary_page(tables, "Why?")
    assert tables.runs["failed"].isna().all()


def test_a_card_tells_it(spoiled):
    card = make_card(spoiled, RUN)
    assert card.skipped == {"distance": REASON}
    assert f"| distance | {REASON} |" in card_page(card)


def test_the_job_tells_it_in_its_last_line(capsys):
    tell_failures(Measured(failed={"sharpness": REASON}))
    assert capsys.readouterr().err == f"sharpness: failed ({REASON})\n"
