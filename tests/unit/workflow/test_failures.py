"""Failed jobs are told from the messages that Snakemake logs of them."""

import logging
from logging.handlers import QueueHandler
from queue import SimpleQueue
from threading import Thread
from types import SimpleNamespace

import pytest

from badminima.errors import GOES_ON
from badminima.workflow.failures import Failures


@pytest.fixture
def logger():
    logger = logging.Logger("snakemake")
    logger.addHandler(logging.NullHandler())
    return logger


def event(name: str) -> SimpleNamespace:
    return SimpleNamespace(value=name)


def failed(tmp_path, stage: str, log: str | None, **more) -> dict:
    """Make what Snakemake says of a job that failed."""
    path = tmp_path / "results" / "logs" / stage / "digits" / "seed0.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    if log is not None:
        path.write_text(log)
    outputs = [str(tmp_path / "results" / stage / "weights.safetensors")]
    return {"rule_name": stage, "rule_msg": None, "log": [str(path)], "output": outputs, "indent": False, **more}


def tell(logger, name: str | None, **content) -> None:
    extra = content if name is None else {"event": event(name), **content}
    logger.error("an error", extra=extra)


def test_a_failure_is_its_rule_its_run_the_end_of_its_log_and_where_that_is(logger, tmp_path):
    failures = Failures(logger)
    log = "".join(f"epoch {epoch}\n" for epoch in range(100)) + "RuntimeError: no convergence\n"
    job = failed(tmp_path, "train", log)
    tell(logger, "job_error", **job)
    lines = failures.report().splitlines()
    assert lines[:2] == ["1 job did not complete:", "rule train, train/digits/seed0"]
    assert [line.strip() for line in lines[2:9]] == [f"epoch {epoch}" for epoch in range(93, 100)]
    assert lines[9:] == ["    RuntimeError: no convergence", f"    log: {job['log'][0]}"]


def test_a_users_mistake_is_told_without_the_lines_before_it(logger, tmp_path):
    failures = Failures(logger)
    tell(
        logger,
        "job_error",
        **failed(tmp_path, "prepare_data", "10 images\nError: d: found a; expected b\n"),
    )
    assert [line.strip() for line in failures.report().splitlines()[2:-1]] == ["Error: d: found a; expected b"]


def test_a_stopped_training_goes_on_with_the_same_command(logger, tmp_path):
    failures = Failures(logger)
    tell(logger, "job_error", **failed(tmp_path, "train", f"epoch 1\nSIGTERM: stopped in epoch 2; {GOES_ON}\n"))
    assert "    stopped; the same command goes on\n" in failures.report()


def test_ctrl_c_leaves_no_failed_job_and_says_how_to_go_on(logger):
    assert Failures(logger).report() == "stopped; the same command goes on"


@pytest.mark.parametrize("log", [None, "", "device cpu (x86_64), precision fp32, threads 1\nepoch 1\n"])
def test_a_job_that_said_nothing_is_told_with_what_the_executor_says(logger, tmp_path, log):
    failures = Failures(logger)
    job = failed(tmp_path, "train", log)
    tell(logger, "job_error", **job)
    assert "killed" not in failures.report()
    assert (log or "its log says nothing").splitlines()[-1] in failures.report()
    (tmp_path / "slurm.log").write_text("slurmstepd: error: *** JOB 7 CANCELLED DUE TO TIME LIMIT ***\n")
    job["log"] = [*job["log"], f"{tmp_path / 'slurm.log'} (check log file(s) for error details)"]
    tell(logger, "job_error", **(job | {"rule_msg": "SLURM status is: 'TIMEOUT'"}))
    report = failures.report()
    assert "DUE TO TIME LIMIT" in report
    assert "SLURM status is: 'TIMEOUT'" in report
    assert f"log: {tmp_path / 'slurm.log'}\n" in report + "\n"
    assert report.count("rule train") == 1


def ended(how: str) -> str:
    """Return Snakemake's words for a command that failed."""
    return f"CalledProcessError in file rules/diagnose.smk, line 9:\nCommand 'set -eu; python x' {how}."


@pytest.mark.parametrize(
    ("how", "line"),
    [
        ("died with <Signals.SIGTERM: 15>", "stopped from outside (SIGTERM); the same command goes on"),
        ("returned non-zero exit status 143", "stopped from outside (SIGTERM); the same command goes on"),
        ("returned non-zero exit status 130", "stopped from outside (SIGINT); the same command goes on"),
        ("died with <Signals.SIGKILL: 9>", "killed (SIGKILL), as happens where memory is short"),
        ("returned non-zero exit status 137", "killed (SIGKILL), as happens where memory is short"),
        ("died with <Signals.SIGSEGV: 11>", "crashed (SIGSEGV)"),
    ],
)
def test_a_killed_job_is_told_by_its_signal(logger, tmp_path, how, line):
    failures = Failures(logger)
    logger.error(ended(how), extra={"exception": "RuleException"})
    tell(logger, "job_error", **failed(tmp_path, "diagnose", "epoch 1\n"))
    assert failures.report().splitlines()[3].strip() == line


NO_COMPILER = """epoch 1
Traceback (most recent call last):
  File "train.py", line 43, in main
torch._inductor.exc.InductorError: InvalidCxxCompiler: No working C++ compiler found in
torch._inductor.config.cpp.cxx: (None, 'g++')

Set TORCHDYNAMO_VERBOSE=1 for the internal stack trace
"""


@pytest.mark.parametrize("more", [0, 20])
@pytest.mark.parametrize("how", ["returned non-zero exit status 1", "returned non-zero exit status 255"])
def test_an_exception_is_told_with_all_lines_of_its_message_and_no_guess(logger, tmp_path, how, more):
    failures = Failures(logger)
    logger.error(ended(how), extra={"exception": "RuleException"})
    log = NO_COMPILER + "".join(f"You can suppress this: {line}\n" for line in range(more))
    tell(logger, "job_error", **failed(tmp_path, "train", log))
    report = failures.report()
    assert "InductorError: InvalidCxxCompiler: No working C++ compiler found in\n" in report
    assert "TORCHDYNAMO_VERBOSE=1" in report
    assert "killed" not in report


def test_the_exception_of_an_attempt_before_is_no_reason_of_one_that_was_killed(logger, tmp_path):
    failures = Failures(logger)
    logger.error(ended("died with <Signals.SIGKILL: 9>"), extra={"exception": "RuleException"})
    again = "".join(f"epoch {epoch}\n" for epoch in range(20))
    tell(logger, "job_error", **failed(tmp_path, "train", NO_COMPILER + again))
    assert "InductorError" not in failures.report()
    assert "killed (SIGKILL), as happens where memory is short" in failures.report()


def test_a_signal_belongs_to_the_job_that_the_same_thread_names(logger, tmp_path):
    failures = Failures(logger)
    killed = ended("died with <Signals.SIGKILL: 9>")
    other = Thread(target=lambda: logger.error(killed, extra={"exception": "RuleException"}))
    other.start()
    other.join()
    tell(logger, "job_error", **failed(tmp_path, "diagnose", "epoch 1\n"))
    assert "SIGKILL" not in failures.report()


def test_a_reason_in_the_log_says_more_than_a_signal(logger, tmp_path):
    failures = Failures(logger)
    logger.error(ended("returned non-zero exit status 143"), extra={"exception": "RuleException"})
    tell(logger, "job_error", **failed(tmp_path, "diagnose", "Error: x: found y; expected z\n"))
    assert "SIGTERM" not in failures.report()


def test_a_cancelled_job_of_a_cluster_and_a_command_stopped_by_ctrl_c_go_on(logger, tmp_path):
    failures = Failures(logger)
    said = "SLURM-job '7' failed, SLURM status is: 'CANCELLED'. "
    tell(logger, "job_error", **failed(tmp_path, "diagnose", "epoch 1\n", rule_msg=said))
    tell(logger, "job_error", **failed(tmp_path, "prepare_data", "Aborted!\n"))
    importing = "Traceback (most recent call last):\n  import torch\nKeyboardInterrupt\n"
    tell(logger, "job_error", **failed(tmp_path, "initialize", importing))
    report = failures.report()
    assert report.count("    stopped; the same command goes on\n") == 2
    assert "Traceback" not in report
    assert "'CANCELLED'.\n    stopped from outside; the same command goes on\n" in report


def test_a_retry_that_succeeded_is_no_failure(logger, tmp_path):
    failures = Failures(logger)
    job = failed(tmp_path, "train", "Error: once\n")
    tell(logger, "job_error", **job)
    tell(logger, "job_error", **failed(tmp_path, "pretrain", "Error: for good\n"))
    weights = tmp_path / "results" / "train" / "weights.safetensors"
    weights.parent.mkdir()
    weights.touch()
    assert failures.report().startswith("1 job did not complete:\nrule pretrain, ")


def test_of_a_group_the_jobs_are_named_that_say_why(logger, tmp_path):
    failures = Failures(logger)
    jobs = [
        failed(tmp_path, "train", "converged after 3 epochs\n"),
        failed(tmp_path, "diagnose", "Error: no weights\n"),
    ]
    tell(logger, "group_error", groupid="training", job_error_info=jobs, aux_logs=[])
    for job in jobs:
        tell(logger, "job_error", **(job | {"indent": True}))
    report = failures.report()
    assert "rule diagnose, diagnose/digits/seed0\n    Error: no weights" in report
    assert "rule train" not in report


def test_what_the_executor_says_of_a_group_is_heard_and_told_once_for_all_alike(logger, tmp_path):
    failures = Failures(logger)

    def print_job_error(job_info, msg=None, **more):  # as Snakemake's, which leaves msg out
        tell(logger, "group_error", groupid=job_info.job.groupid, job_error_info=job_info.jobs, aux_logs=[])

    executor = SimpleNamespace(print_job_error=print_job_error)
    failures.listen(executor)
    refused = (
        "SLURM sbatch failed. The error message was 'Invalid account'.\n    sbatch call:\n        sbatch --wrap x\n"
    )
    for number in range(3):
        group = SimpleNamespace(is_group=lambda: True, groupid=f"group{number}")
        jobs = [failed(tmp_path, "train", None, output=[f"{number}/weights"])]
        executor.print_job_error(
            SimpleNamespace(job=group, jobs=jobs), refused + "For further error details see the cluster"
        )
    assert failures.report().splitlines() == [
        "3 jobs did not complete:",
        "rule train, train/digits/seed0",
        "    SLURM sbatch failed. The error message was 'Invalid account'.",
        "    and 2 more with the same end",
    ]


def test_an_error_that_every_other_handler_drops_is_printed(logger, capsys):
    Failures(logger)
    tell(logger, None, exception="MissingRuleException")
    assert capsys.readouterr().err == ""  # another handler shows it
    for handler in logger.handlers:
        if isinstance(handler, logging.NullHandler):
            handler.addFilter(lambda record: False)
    tell(logger, None, exception="RuleException")  # that a job failed is told at the end
    assert capsys.readouterr().err == ""
    tell(logger, None, exception="MissingRuleException")
    assert capsys.readouterr().err == "an error\n"


def test_the_executors_word_wins_over_a_log_of_an_attempt_before(logger, tmp_path):
    failures = Failures(logger)
    job = failed(tmp_path, "train", f"SIGTERM: stopped in epoch 2; {GOES_ON}\n", rule_msg="SLURM status: OUT_OF_MEMORY")
    tell(logger, "job_error", **job)
    assert "    SLURM status: OUT_OF_MEMORY\n" in failures.report()
    assert "stopped; the same command goes on\n" not in failures.report()


def test_outputs_that_are_kept_of_a_failed_job_hide_nothing(logger, tmp_path):
    failures = Failures(logger)
    job = failed(tmp_path, "train", "Error: the real reason\n")
    tell(logger, "job_error", **job)
    weights = tmp_path / "results" / "train" / "weights.safetensors"
    weights.parent.mkdir()
    weights.touch()
    assert "Error: the real reason" in failures.report()


def test_an_error_without_a_failed_job_is_no_stop(logger):
    failures = Failures(logger)
    tell(logger, None, exception="MissingOutputException")
    assert failures.report() == "failed; see the error above"


def test_a_plugin_that_writes_no_terminal_leaves_errors_to_be_printed(capsys):
    logger = logging.Logger("snakemake")
    logger.addHandler(QueueHandler(SimpleQueue()))
    Failures(logger)
    tell(logger, None, exception="MissingRuleException")
    assert capsys.readouterr().err == "an error\n"
    logger = logging.Logger("snakemake")
    logger.addHandler(QueueHandler(SimpleQueue()))
    Failures(logger, is_shown=True)
    tell(logger, None, exception="MissingRuleException")
    assert capsys.readouterr().err == ""
