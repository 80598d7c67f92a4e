"""A measurement that failed is told wherever its number is missed."""

import json

from badminima.analysis.tables import collect, read_study, write_tables
from badminima.diagnostics.diagnose import Measurements, tell_failures
from badminima.experiment.settings import CollectSettings
from badminima.report.html import failed_measurements, summary_page
from tests.unit.results.conftest import RUN

REASON = "RuntimeError: no <convergence>"


def test_tables_and_the_summary_tell_it(copied, tmp_path):
    path = copied.paths.run(RUN) / "diagnostics.json"
    content = json.loads(path.read_text())
    values = {name: value for name, value in content["values"].items() if not name.startswith("distance")}
    path.write_text(json.dumps({**content, "values": values, "failed": {"distance": REASON}}))
    tables = collect(copied.paths, CollectSettings.of(copied.config, "ablation"))
    write_tables(tmp_path / "tables", tables)
    read = read_study(tmp_path / "tables")
    failed = read.runs[read.runs["failed"].notna()]
    assert failed[["init", "recipe", "seed", "failed"]].to_numpy().tolist() == [
        [RUN.init, RUN.recipe, RUN.seed, f"distance: {REASON}"]
    ]
    assert failed["distance.total"].isna().all()
    assert "failed" not in set(read.cells["statistic"])
    assert failed_measurements(tables) == [f"distance: failed in 1 of 8 runs ({REASON})"]
    assert "RuntimeError: no &lt;convergence&gt;" in summary_page(tables, "Why?")


def test_a_study_without_failures_does_not_speak_of_any(results):
    assert "failed" not in summary_page(results.tables("ablation"), "Why?")


def test_the_job_tells_it_in_its_last_line(capsys):
    tell_failures(Measurements(failed={"sharpness": REASON}))
    assert capsys.readouterr().err == f"sharpness: failed ({REASON})\n"
