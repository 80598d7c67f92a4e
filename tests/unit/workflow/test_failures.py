"""The reason of a failed job: what its log, the signal that ended it and the executor say."""

from types import SimpleNamespace

import pytest

from badminima.errors import GOES_ON
from snakemake_logger_plugin_badminima import failures
from snakemake_logger_plugin_badminima.failures import reason_of, report, signal_in


def failed(tmp_path, log: str | None, **more) -> dict:
    """Return what Snakemake says of a failed job."""
    path = tmp_path / "seed0.log"
    if log is not None:
        path.write_text(log)
    outputs = [str(tmp_path / "results" / "weights.safetensors")]
    return {"rule_name": "train", "rule_msg": None, "log": [str(path)], "output": outputs, **more}


EPOCHS = "".join(f"epoch {epoch}\n" for epoch in range(20))
LAST = [f"epoch {epoch}" for epoch in range(12, 20)]
ERROR = """Traceback (most recent call last):
  File "train.py", line 43, in main
torch._inductor.exc.InductorError: No working C++ compiler found in
torch._inductor.config.cpp.cxx: (None, 'g++')
"""
TOLD = ERROR.splitlines()[2:]
STOPPED = f"SIGTERM: stopped in epoch 2; {GOES_ON}"
GO_ON = "stopped; the same command goes on"


@pytest.mark.parametrize(
    ("log", "more", "told"),
    [
        # An exception or a user's mistake is told with all lines of its message, and nothing before it.
        (EPOCHS + ERROR, {}, TOLD),
        (ERROR + EPOCHS, {}, [*TOLD, *(f"epoch {epoch}" for epoch in range(6))]),
        ("10 images\nError: d: found a; expected b\n", {"signal": "SIGTERM"}, ["Error: d: found a; expected b"]),
        # The exception of an attempt before is no reason of one that was killed.
        (ERROR + EPOCHS, {"signal": "SIGKILL"}, [*LAST, "SIGKILL: killed, as happens where memory is short"]),
        (ERROR + EPOCHS, {"rule_msg": "SLURM status is: 'TIMEOUT'"}, [*LAST, "SLURM status is: 'TIMEOUT'"]),
        (ERROR, {"rule_msg": "SLURM status is: 'FAILED'"}, [*TOLD, "SLURM status is: 'FAILED'"]),
        (STOPPED, {"rule_msg": "OUT_OF_MEMORY"}, [STOPPED, "OUT_OF_MEMORY"]),
        # Stopped jobs go on.
        (f"epoch 1\n{STOPPED}\n", {}, [STOPPED, GO_ON]),
        ("epoch 1\nAborted!\n", {}, ["Aborted!", GO_ON]),
        ("Traceback:\n  import torch\nKeyboardInterrupt\n", {}, ["KeyboardInterrupt", GO_ON]),
        ("epoch 1\n", {"signal": "SIGUSR1"}, ["epoch 1", f"SIGUSR1: {GO_ON}"]),
        ("epoch 1\n", {"rule_msg": "is: 'CANCELLED'."}, ["epoch 1", "is: 'CANCELLED'.", GO_ON]),
        ("epoch 1\n", {"signal": "SIGSEGV"}, ["epoch 1", "SIGSEGV: crashed"]),
        # Where nothing says why, nothing is said.
        ("epoch 1\n\n", {}, ["epoch 1"]),
        (None, {}, ["its log says nothing, or is on another machine"]),
        (None, {"rule_msg": "SLURM sbatch failed: 'Invalid account'.\n    sbatch call:\n  x"},
         ["SLURM sbatch failed: 'Invalid account'."]),
        ("x" * 500, {}, ["x" * 400]),
    ],
)  # fmt: skip
def test_the_reason_is_what_log_signal_and_executor_say(tmp_path, log, more, told):
    assert reason_of(failed(tmp_path, log, **more)) == told


def test_the_log_of_the_executor_says_why_where_that_of_the_job_does_not(tmp_path):
    (tmp_path / "slurm.log").write_text("JOB 7 CANCELLED DUE TO TIME LIMIT\n")
    job = failed(tmp_path, EPOCHS, rule_msg="'TIMEOUT'")
    job["log"].append(str(tmp_path / "slurm.log"))
    assert reason_of(job)[-2:] == ["JOB 7 CANCELLED DUE TO TIME LIMIT", "'TIMEOUT'"]
    assert reason_of(failed(tmp_path, ERROR) | {"log": job["log"]}) == TOLD


def test_a_full_disk_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(failures.shutil, "disk_usage", lambda folder: SimpleNamespace(free=2**20 - 1))
    assert reason_of(failed(tmp_path, "epoch 1")) == ["epoch 1", f"no space left on the disk of {tmp_path}"]


def test_a_report_names_rules_and_logs_and_jobs_with_the_same_end_once(tmp_path):
    jobs = [failed(tmp_path, "Error: no\n"), failed(tmp_path, None, rule_name="pretrain"), failed(tmp_path, None)]
    log = tmp_path / "seed0.log"
    assert report(jobs).splitlines() == [
        "3 jobs did not complete:",
        f"rule train, log: {log}",
        "    Error: no",
        "    and 1 more with the same end",
        f"rule pretrain, log: {log}",
        "    Error: no",
    ]
    assert report(jobs[:1]).startswith("1 job did")


@pytest.mark.parametrize(
    ("how", "name"),
    [
        ("died with <Signals.SIGTERM: 15>", "SIGTERM"),
        ("returned non-zero exit status 143", "SIGTERM"),
        ("returned non-zero exit status 137", "SIGKILL"),
        ("returned non-zero exit status 129", "SIGHUP"),
        ("returned non-zero exit status 1", None),
        ("returned non-zero exit status 255", None),
    ],
)
def test_a_signal_is_known_from_what_snakemake_says_of_a_command(how, name):
    assert signal_in(f"CalledProcessError in file rules/train.smk:\nCommand 'set -eu; python x' {how}.") == name
