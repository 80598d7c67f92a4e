"""The reason of a failed job: what its log, the signal that ended it and the executor say."""

import pytest

from badminima.errors import GOES_ON
from badminima.workflow.failures import Failure, report, signal_in


def failed(tmp_path, stage: str, text: str | None, signal: str | None = None, **more) -> Failure:
    """Make a failed job from what Snakemake says of it."""
    path = tmp_path / "results" / "logs" / stage / "digits" / "seed0.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    if text is not None:
        path.write_text(text)
    outputs = [str(tmp_path / "results" / stage / "weights.safetensors")]
    event = {"rule_name": stage, "rule_msg": None, "log": [str(path)], "output": outputs, **more}
    return Failure.of_event(event, signal_name=signal)


EPOCHS = "".join(f"epoch {epoch}\n" for epoch in range(20))
NO_COMPILER = """Traceback (most recent call last):
  File "train.py", line 43, in main
torch._inductor.exc.InductorError: InvalidCxxCompiler: No working C++ compiler found in
torch._inductor.config.cpp.cxx: (None, 'g++')

Set TORCHDYNAMO_VERBOSE=1 for the internal stack trace
"""
SUPPRESS = "".join(f"You can suppress this: {line}\n" for line in range(20))
STOPPED = f"SIGTERM: stopped in epoch 2; {GOES_ON}\n"


@pytest.mark.parametrize(
    ("log", "more", "told", "untold"),
    [
        # An exception is told with all lines of its message, whatever is below it, and no guess.
        (EPOCHS + NO_COMPILER, {}, ["InvalidCxxCompiler", "TORCHDYNAMO_VERBOSE=1"], ["killed"]),
        (EPOCHS + NO_COMPILER + SUPPRESS, {}, ["InvalidCxxCompiler", "TORCHDYNAMO_VERBOSE=1"], ["killed", "epoch"]),
        # A user's mistake is told without the lines before it.
        ("10 images\nError: d: found a; expected b\n", {}, ["Error: d: found a; expected b"], ["10 images"]),
        ("Error: x: found y; expected z\n", {"signal": "SIGTERM"}, ["found y"], ["SIGTERM"]),
        # The exception of an attempt before is no reason of one that was killed.
        (NO_COMPILER + EPOCHS, {"signal": "SIGKILL"}, ["killed (SIGKILL), as happens where memory"], ["Inductor"]),
        (NO_COMPILER + EPOCHS, {"rule_msg": "SLURM status is: 'TIMEOUT'"}, ["'TIMEOUT'", "epoch 19"], ["Inductor"]),
        (EPOCHS + NO_COMPILER, {"rule_msg": "SLURM status is: 'FAILED'"}, ["'FAILED'", "InvalidCxx"], []),
        (STOPPED, {"rule_msg": "SLURM status: OUT_OF_MEMORY"}, ["OUT_OF_MEMORY"], ["same command goes on\n"]),
        # Stopped jobs go on.
        (f"epoch 1\n{STOPPED}", {}, ["    stopped; the same command goes on\n"], []),
        ("Aborted!\n", {}, ["    stopped; the same command goes on\n"], ["Aborted"]),
        ("Traceback:\n  import torch\nKeyboardInterrupt\n", {}, ["    stopped; the same"], ["Traceback"]),
        ("epoch 1\n", {"signal": "SIGUSR1"}, ["stopped from outside (SIGUSR1); the same"], []),
        ("epoch 1\n", {"rule_msg": "is: 'CANCELLED'. "}, ["'CANCELLED'.\n    stopped from outside; the same"], []),
        ("epoch 1\n", {"signal": "SIGSEGV"}, ["crashed (SIGSEGV)"], []),
        # Where nothing says why, nothing is said.
        ("epoch 1\n", {}, ["epoch 1"], ["killed", "stopped"]),
        ("", {}, ["its log says nothing"], ["killed"]),
        (None, {}, ["it did not start, or another machine has its log"], ["killed"]),
        (None, {"rule_msg": "SLURM sbatch failed. The error message was 'Invalid account'.\n    sbatch call:\n  x"},
         ["Invalid account"], ["sbatch call", "did not start"]),
    ],
)  # fmt: skip
def test_the_reason_is_what_log_signal_and_executor_say(tmp_path, log, more, told, untold):
    text = report([failed(tmp_path, "train", log, **more)]) + "\n"
    assert all(words in text for words in told), text
    assert not any(words in text for words in untold), text


def test_a_failure_is_its_rule_its_run_the_end_of_its_log_and_where_that_is(tmp_path):
    failure = failed(tmp_path, "train", EPOCHS + "RuntimeError: no convergence\n")
    lines = report([failure]).splitlines()
    assert lines[:2] == ["1 job did not complete:", "rule train, train/digits/seed0"]
    assert [line.strip() for line in lines[2:9]] == [f"epoch {epoch}" for epoch in range(13, 20)]
    assert lines[9:] == ["    RuntimeError: no convergence", f"    log: {failure.logs[0]}"]


def test_the_log_of_the_executor_says_why_where_that_of_the_job_does_not(tmp_path):
    (tmp_path / "slurm.log").write_text("slurmstepd: error: *** JOB 7 CANCELLED DUE TO TIME LIMIT ***\n")
    own = tmp_path / "own.log"
    own.write_text(EPOCHS)
    logs = [str(own), f"{tmp_path / 'slurm.log'} (check log file(s) for error details)"]
    text = report([failed(tmp_path, "train", None, rule_msg="'TIMEOUT'", log=logs)])
    assert "DUE TO TIME LIMIT" in text
    assert f"log: {tmp_path / 'slurm.log'}" in text
    own.write_text(NO_COMPILER)
    assert "DUE TO TIME LIMIT" not in report([failed(tmp_path, "train", None, log=logs)])


def test_a_retry_that_succeeded_is_no_failure_and_kept_outputs_hide_none(tmp_path):
    once, for_good = failed(tmp_path, "train", "Error: once\n"), failed(tmp_path, "pretrain", "Error: for good\n")
    (weights,) = once.outputs
    weights.parent.mkdir()
    weights.touch()
    assert report([once, for_good]).startswith("1 job did not complete:\nrule pretrain, ")
    assert "Error: once" in report([once])


def test_jobs_with_the_same_end_are_told_once(tmp_path):
    jobs = [failed(tmp_path, "train", "Error: no\n", output=[f"{number}/weights"]) for number in range(3)]
    text = report(jobs)
    assert text.startswith("3 jobs did not complete:")
    assert text.count("Error: no") == 1
    assert text.endswith("and 2 more with the same end")


@pytest.mark.parametrize(
    ("how", "name"),
    [
        ("died with <Signals.SIGTERM: 15>", "SIGTERM"),
        ("returned non-zero exit status 143", "SIGTERM"),
        ("returned non-zero exit status 137", "SIGKILL"),
        ("returned non-zero exit status 1", None),
        ("returned non-zero exit status 255", None),
        ("was told nothing", None),
    ],
)
def test_a_signal_is_known_from_what_snakemake_says_of_a_command(how, name):
    assert signal_in(f"CalledProcessError in file rules/train.smk:\nCommand 'set -eu; python x' {how}.") == name
