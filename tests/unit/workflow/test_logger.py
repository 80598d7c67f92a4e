"""The logger shows progress, failures and the ending, whatever is quiet; in a dry run next to nothing."""

import logging
import time

import pytest
from snakemake.settings.enums import Quietness
from snakemake.settings.types import OutputSettings
from snakemake_interface_logger_plugins.common import LogEvent

from snakemake_logger_plugin_badminima import MORE, LogHandler


def handler(*quiet: Quietness, **options) -> LogHandler:
    return LogHandler(common_settings=OutputSettings(quiet=set(quiet), **options), settings=None)


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


def fail(handler: LogHandler, tmp_path, **more) -> None:
    log = tmp_path / "seed0.log"
    log.write_text("epoch 1\n")
    job = {"jobid": 0, "rule_name": "train", "rule_msg": None, "log": [str(log)], "output": ["weights"]}
    tell(handler, LogEvent.JOB_ERROR, level=logging.ERROR, **job, thread=1, **more)


@pytest.mark.parametrize("prefix", ["", "badminima_"])
def test_pretrainings_and_trainings_are_counted_apart_and_figures_named(capsys, prefix):
    shown = handler()
    finish(shown, *(f"{prefix}{rule}" for rule in ("pretrain", "train", "train", "fig_pretraining")))
    first, *between, last = capsys.readouterr().err.splitlines()
    assert first == f"figure {prefix}pretrain.png"
    assert f"figure {prefix}fig_pretraining.png" in between
    assert last.endswith("jobs 4/4 pretrainings 1/1, trainings 2/2, about 0:00:00 left")
    shown.close()
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("asked", ["dryrun", *MORE])
def test_a_dry_run_and_what_asks_for_more_is_snakemakes_own_output(capsys, asked):
    shown = handler(**{asked: True})
    assert not shown.writes_to_stream
    tell(shown, None, "config: a warning", logging.WARNING)
    start(shown, "train")
    shown.close()
    assert capsys.readouterr().err == ""
    assert handler(Quietness.ALL, **{asked: True}).writes_to_stream == (asked != "dryrun")


def test_what_was_interrupted_goes_on(capsys):
    shown = handler(Quietness.ALL)
    start(shown, "train", "train")
    shown.close()
    shown.close()
    assert capsys.readouterr().err == "stopped; the same command goes on\n"


@pytest.mark.parametrize("quiet", [Quietness.ALL, Quietness.PROGRESS])
def test_progress_is_shown_of_what_takes_time_unless_it_is_quiet(capsys, quiet):
    finish(handler(), "plan", "record_config")
    finish(handler(quiet), "train", "train", "train")
    assert capsys.readouterr().err == ""


def test_time_left_is_as_if_the_other_jobs_were_like_those(capsys):
    shown = handler()
    start(shown, "train", "train", "train")
    shown._since -= 60
    tell(shown, LogEvent.JOB_FINISHED, job_id=1)
    shown.close()
    assert "jobs 1/3 trainings 1/3, about 0:02:00 left, train\n" in capsys.readouterr().err


def test_a_failure_that_a_later_attempt_made_good_is_not_reported_at_the_end(capsys, tmp_path):
    shown = handler(Quietness.ALL)
    start(shown, "train", "train")
    fail(shown, tmp_path)
    tell(shown, LogEvent.JOB_FINISHED, job_id=1)
    tell(shown, LogEvent.JOB_INFO, jobid=0, rule_name="train", output=["train.png"], log=[])
    tell(shown, LogEvent.JOB_FINISHED, job_id=0)
    shown.close()
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("quiet", [(), (Quietness.ALL,), (Quietness.RULES,)])
def test_errors_and_failed_jobs_are_told_however_quiet(capsys, tmp_path, quiet):
    shown = handler(*quiet)
    start(shown, "train", "train")
    for thread, name in ((1, "SIGKILL"), (2, "SIGTERM")):  # one waits for the job that fails
        died = f"Command 'x' died with <Signals.{name}: 9>."
        tell(shown, LogEvent.ERROR, died, logging.ERROR, exception="RuleException", thread=thread)
    fail(shown, tmp_path)
    tell(shown, None, "Exiting because a job execution failed.", logging.ERROR)
    tell(shown, LogEvent.ERROR, "No space", logging.ERROR, exception="OSError")
    shown.close()
    said = capsys.readouterr().err
    assert "seed0.log\n    epoch 1\n    SIGKILL: killed" in said
    assert ("failed: rule train, log: " in said) == (Quietness.ALL not in quiet)
    assert "No space" in said
    assert "Exiting" not in said
    assert "stopped" not in said
    shown.close()
    assert capsys.readouterr().err == ""


def test_of_a_group_the_jobs_are_named_that_say_why(capsys, tmp_path):
    log = tmp_path / "why.log"
    log.write_text("Error: no weights\n")
    jobs = [
        {"jobid": number, "rule_name": rule, "rule_msg": None, "log": [str(path)], "output": [rule]}
        for number, (rule, path) in enumerate([("train", tmp_path / "absent.log"), ("diagnose", log)])
    ]
    shown = handler()
    tell(shown, LogEvent.GROUP_ERROR, level=logging.ERROR, aux_logs=["slurm.log"], job_error_info=jobs)
    fail(shown, tmp_path, indent=True)
    shown.close()
    said = capsys.readouterr().err
    assert f"1 job did not complete:\nrule diagnose, log: {log}, slurm.log" in said
    assert "rule train" not in said
    tell(shown, LogEvent.GROUP_ERROR, level=logging.ERROR, aux_logs=[], job_error_info=jobs[:1])
    shown.close()
    assert "the cluster refused or lost this job" in capsys.readouterr().err


def test_news_are_told_once_and_noise_is_not(capsys):
    for shown in (handler(), handler(Quietness.ALL)):
        for text in ("Nothing to be done", "Select jobs to execute...", "SLURM run ID: x", "Nothing to be done"):
            tell(shown, None, text)
        tell(shown, "ending", "report  results/report.html")
        tell(shown, None, "config: a warning", logging.WARNING)
        tell(shown, LogEvent.SHELLCMD, "python x")
    news = ["Nothing to be done", "SLURM run ID: x", "report  results/report.html", "config: a warning"]
    assert capsys.readouterr().err.splitlines() == news


@pytest.mark.parametrize("dryrun", [False, True])
def test_a_misspelt_target_gets_the_nearest_one_also_in_a_dry_run(capsys, tmp_path, dryrun):
    (tmp_path / "config.yaml").write_text("figures: {}")
    shown = handler(dryrun=dryrun)
    tell(shown, "targets", names=["fig_ablation"], presets=tmp_path / "presets", lacking={})
    tell(shown, LogEvent.ERROR, "No rule to produce fig_ablatoin (if", logging.ERROR, exception="MissingRuleException")
    said = capsys.readouterr().err
    assert "did you mean fig_ablation?" in said
    assert ("No rule to produce" in said) != dryrun


def test_a_long_job_is_shown_with_the_last_line_of_its_log(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr("snakemake_logger_plugin_badminima.EVERY", 0.02)
    log = tmp_path / "toy.log"
    log.write_text("toy: epochs 100/900 pretraining\ntoy: epochs 200/900 pretraining\n")
    shown = handler()
    tell(shown, LogEvent.RUN_INFO, stats={"toy": 1, "total": 1})
    tell(shown, LogEvent.JOB_INFO, jobid=0, rule_name="toy", output=[], log=[str(log)])
    time.sleep(0.5)
    shown.close()
    assert "jobs 0/1 toy: toy: epochs 200/900 pretraining" in capsys.readouterr().err
