"""The logger shows progress, failures and the ending, whatever is quiet; in a dry run next to nothing."""

import logging
import time
from threading import Thread
from types import SimpleNamespace

import pytest
from snakemake.settings.enums import Quietness
from snakemake_interface_logger_plugins.common import LogEvent

from snakemake_logger_plugin_badminima import LogHandler


def handler(*quiet: Quietness, dryrun: bool = False) -> LogHandler:
    return LogHandler(common_settings=SimpleNamespace(quiet=set(quiet), dryrun=dryrun), settings=None)


def tell(handler: LogHandler, event: object = None, text: str = "", level: int = logging.INFO, **content) -> None:
    handler.emit(logging.makeLogRecord({"event": event, "msg": text, "levelno": level, **content}))


def start(handler: LogHandler, *rules: str) -> None:
    stats = {rule: rules.count(rule) for rule in rules}
    tell(handler, LogEvent.RUN_INFO, stats={**stats, "total": len(rules)})
    for job, rule in enumerate(rules):
        tell(handler, LogEvent.JOB_INFO, jobid=job, rule_name=rule, output=[f"{rule}.png"], log=[])


def finish(handler: LogHandler, *rules: str) -> None:
    start(handler, *rules)
    for job in range(len(rules)):
        tell(handler, LogEvent.JOB_FINISHED, job_id=job)


def fail(handler: LogHandler, tmp_path, event: LogEvent = LogEvent.JOB_ERROR, **more) -> None:
    log = tmp_path / "logs" / "train" / "seed0.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text("epoch 1\n")
    job = {"rule_name": "train", "rule_msg": None, "log": [str(log)], "output": ["weights"]}
    tell(handler, event, level=logging.ERROR, **{**job, **more})


@pytest.mark.parametrize("prefix", ["", "badminima_"])
def test_pretrainings_and_trainings_are_counted_apart_and_figures_named(capsys, prefix):
    shown = handler()
    finish(shown, *(f"{prefix}{rule}" for rule in ("pretrain", "train", "train", "fig_pretraining")))
    first, *between, last = capsys.readouterr().err.splitlines()
    assert first == "jobs: 4, among them 1 pretrainings and 2 trainings"
    assert f"figure {prefix}fig_pretraining.png" in between
    assert last.endswith("jobs 4/4 pretrainings 1/1, trainings 2/2, about 0 s left")
    shown.close()
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("quiet", [Quietness.ALL, Quietness.PROGRESS])
def test_progress_is_shown_of_what_takes_time_unless_it_is_quiet(capsys, quiet):
    finish(handler(), "plan")
    finish(handler(quiet), "train", "train", "train")
    assert capsys.readouterr().err == ""


def test_a_failure_that_a_later_attempt_made_good_is_not_reported_at_the_end(capsys, tmp_path):
    shown = handler(Quietness.ALL)
    start(shown, "train", "train")
    fail(shown, tmp_path, output=["train.png"])
    tell(shown, LogEvent.JOB_FINISHED, job_id=1)
    tell(shown, LogEvent.JOB_INFO, jobid=0, rule_name="train", output=["train.png"], log=[])
    tell(shown, LogEvent.JOB_FINISHED, job_id=0)
    shown.close()
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("quiet", [(), (Quietness.ALL,), (Quietness.RULES,)])
def test_errors_and_failed_jobs_are_told_however_quiet(capsys, tmp_path, quiet):
    shown = handler(*quiet)
    start(shown, "train", "train")
    killed = "Command 'x' died with <Signals.SIGKILL: 9>."
    tell(shown, LogEvent.ERROR, killed, logging.ERROR, exception="RuleException")
    fail(shown, tmp_path)
    tell(shown, None, "Exiting because a job execution failed.", logging.ERROR)
    tell(shown, LogEvent.ERROR, "No space", logging.ERROR, exception="OSError")
    shown.close()
    said = capsys.readouterr().err
    assert "rule train, train/seed0\n    epoch 1\n    killed (SIGKILL)" in said
    assert "No space" in said
    assert "Exiting" not in said
    assert "stopped" not in said
    shown.close()
    assert capsys.readouterr().err == ""


def test_a_signal_belongs_to_the_job_that_the_same_thread_names(capsys, tmp_path):
    shown = handler()
    record = {"exception": "RuleException", "msg": "died with <Signals.SIGKILL: 9>", "levelno": logging.ERROR}
    other = Thread(target=lambda: shown.emit(logging.makeLogRecord({**record, "thread": 7})))
    other.start()
    other.join()
    fail(shown, tmp_path, thread=8)
    shown.close()
    assert "SIGKILL" not in capsys.readouterr().err


def test_of_a_group_the_jobs_are_named_that_say_why(capsys, tmp_path):
    log = tmp_path / "why.log"
    log.write_text("Error: no weights\n")
    jobs = [
        {"rule_name": rule, "rule_msg": None, "log": [str(path)], "output": [rule]}
        for rule, path in (("train", tmp_path / "absent.log"), ("diagnose", log))
    ]
    shown = handler()
    tell(shown, LogEvent.GROUP_ERROR, level=logging.ERROR, aux_logs=["slurm.log"], job_error_info=jobs)
    fail(shown, tmp_path, indent=True)
    shown.close()
    said = capsys.readouterr().err
    assert "1 job did not complete:\nrule diagnose" in said
    assert "rule train" not in said
    tell(shown, LogEvent.GROUP_ERROR, level=logging.ERROR, aux_logs=[], job_error_info=jobs[:1])
    shown.close()
    assert "the cluster refused or lost this job" in capsys.readouterr().err


def test_what_was_interrupted_goes_on(capsys):
    shown = handler(Quietness.ALL)
    start(shown, "train", "train")
    shown.close()
    assert capsys.readouterr().err == "stopped; the same command goes on\n"


def test_news_are_told_once_and_noise_is_not(capsys):
    for shown in (handler(), handler(Quietness.ALL)):
        for text in (
            "Nothing to be done",
            "Select jobs to execute...",
            "Will exit after finishing",
            "Nothing to be done",
        ):
            tell(shown, None, text)
        tell(shown, "ending", "report  results/report.html")
        tell(shown, None, "config: a warning", logging.WARNING)
        tell(shown, LogEvent.SHELLCMD, "python x")
    assert capsys.readouterr().err.splitlines() == [
        "Nothing to be done",
        "Will exit after finishing",
        "report  results/report.html",
        "config: a warning",
    ]


@pytest.mark.parametrize("dryrun", [False, True])
def test_a_misspelt_target_gets_the_nearest_one_also_in_a_dry_run(capsys, tmp_path, dryrun):
    (tmp_path / "config.yaml").write_text("figures: {}")
    shown = handler(dryrun=dryrun)
    assert shown.writes_to_stream != dryrun
    tell(shown, "targets", names=["fig_ablation"], presets=tmp_path / "presets", lacking={})
    tell(shown, LogEvent.ERROR, "No rule to produce fig_ablatoin (if", logging.ERROR, exception="MissingRuleException")
    said = capsys.readouterr().err
    assert "did you mean fig_ablation?" in said
    assert ("No rule to produce" in said) != dryrun
    tell(shown, None, "Building DAG", logging.WARNING)
    finish(shown, "train", "train", "train")
    assert dryrun == (capsys.readouterr().err == "")


def test_a_long_job_is_shown_with_the_last_line_of_its_log(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr("snakemake_logger_plugin_badminima.EVERY", 0.02)
    log = tmp_path / "toy.log"
    log.write_text("toy: epochs 100/900 pretraining\ntoy: epochs 200/900 pretraining\n")
    shown_by = handler()
    tell(shown_by, LogEvent.RUN_INFO, stats={"toy": 1, "total": 1})
    tell(shown_by, LogEvent.JOB_INFO, jobid=0, rule_name="toy", output=[], log=[str(log)])
    shown, until = "", time.monotonic() + 10
    while "200/900" not in shown and time.monotonic() < until:
        shown += capsys.readouterr().err
    shown_by.close()
    assert "jobs 0/1 toy: toy: epochs 200/900 pretraining" in shown
