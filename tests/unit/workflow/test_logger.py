"""The logger plugin counts pretrainings and trainings apart."""

import logging
import time

import pytest
from snakemake_interface_logger_plugins.common import LogEvent

from snakemake_logger_plugin_badminima import LogHandler


def tell(handler: LogHandler, event: LogEvent, **content: object) -> None:
    handler.emit(logging.makeLogRecord({"event": event, **content}))


def finish(handler: LogHandler, *rules: str) -> None:
    for job, rule in enumerate(rules):
        tell(handler, LogEvent.JOB_INFO, jobid=job, rule_name=rule, output=[], log=[])
        tell(handler, LogEvent.JOB_FINISHED, job_id=job)


@pytest.mark.parametrize("prefix", ["", "badminima_"])
def test_pretrainings_and_trainings_are_counted_apart(capsys, prefix):
    handler = LogHandler(common_settings=None, settings=None)
    rules = [f"{prefix}{rule}" for rule in ("pretrain", "train", "train", "fig_pretraining")]
    tell(handler, LogEvent.RUN_INFO, stats={rules[0]: 1, rules[1]: 2, rules[3]: 1, "total": 4})
    finish(handler, *rules)
    first, *_, last = capsys.readouterr().err.splitlines()
    assert first == "jobs: 4, among them 1 pretrainings and 2 trainings"
    assert last.endswith("jobs 4/4 pretrainings 1/1, trainings 2/2, about 0 s left")


def test_what_is_not_planned_is_not_counted(capsys):
    handler = LogHandler(common_settings=None, settings=None)
    tell(handler, LogEvent.RUN_INFO, stats={"plan": 1, "total": 1})
    finish(handler, "plan")
    first, last = capsys.readouterr().err.splitlines()
    assert first == "jobs: 1"
    assert last.endswith("jobs 1/1 about 0 s left")


def test_a_long_job_is_shown_with_the_last_line_of_its_log(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr("snakemake_logger_plugin_badminima.EVERY", 0.02)
    log = tmp_path / "toy.log"
    log.write_text("toy: epochs 100/900 pretraining\ntoy: epochs 200/900 pretraining\n")
    handler = LogHandler(common_settings=None, settings=None)
    tell(handler, LogEvent.RUN_INFO, stats={"toy": 1, "total": 1})
    tell(handler, LogEvent.JOB_INFO, jobid=0, rule_name="toy", output=[], log=[str(log)])
    shown, until = "", time.monotonic() + 10
    while "200/900" not in shown and time.monotonic() < until:
        shown += capsys.readouterr().err
    handler.close()
    assert "jobs 0/1 toy: toy: epochs 200/900 pretraining" in shown
