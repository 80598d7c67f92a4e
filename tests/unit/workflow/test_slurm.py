"""What SLURM answers is told in its own words; a real cluster is asked in tests/slurm."""

import pytest

from badminima.errors import UserError
from badminima.workflow.slurm import check_slurm, refusal


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (
            "sbatch: error: invalid partition specified: gpu\\nallocation failure: Invalid partition name specified",
            "invalid partition specified: gpu; Invalid partition name specified",
        ),
        ("", "exit code 3"),
    ],
)
def test_a_refusal_is_one_line(answer, reason):
    assert refusal(["sh", "-c", f"printf '{answer}' >&2; exit 3"]) == reason


def test_who_accepts_is_not_asked_further():
    assert refusal(["sh", "-c", "echo sbatch: Job 1 to start >&2"]) is None


def test_a_machine_without_slurm_is_told_in_a_line(monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(UserError, match="executor slurm: found no program sbatch; log in to a cluster"):
        check_slurm()
