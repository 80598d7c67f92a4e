"""The commands, run as a user runs them."""

import os
import pty
import re
import runpy
import subprocess
import sys
import termios

import pytest
import torch
import yaml
from click.testing import CliRunner, Result

from badminima.cli import Progress, SettingsType
from badminima.config.base import Number, Section
from badminima.experiment.paths import RUN_FILES
from badminima.experiment.settings import InitializeSettings
from badminima.models.starts import initialize
from badminima.models.weights import write_weights
from tests.conftest import REPOSITORY

SCRIPTS = sorted(path.name for path in (REPOSITORY / "workflow" / "scripts").glob("*.py"))


def run(script: str, *arguments: object, **options) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, f"workflow/scripts/{script}", *map(str, arguments)]
    return subprocess.run(command, cwd=REPOSITORY, text=True, **{"capture_output": True, **options})


def run_here(script: str, *arguments: object) -> Result:
    """Run a command that ends before it works, in this process."""
    main = runpy.run_path(str(REPOSITORY / "workflow" / "scripts" / script))[script.removesuffix(".py")]
    return CliRunner().invoke(main, list(map(str, arguments)), prog_name=script)


@pytest.fixture
def training(tmp_path, prepared_path, digits, train_settings) -> list[object]:
    """Arguments of a whole training."""
    start, settings = tmp_path / "start.safetensors", tmp_path / "settings.yaml"
    asked = train_settings.model_dump(include={"model", "dataset", "model_name"})
    write_weights(start, initialize(InitializeSettings(**asked, root_seed=0, seed=0), digits))
    settings.write_text(yaml.safe_dump(train_settings.model_dump()))
    return ["--prepared", prepared_path, "--start", start, "--settings", f"@{settings}", "--output", tmp_path / "run"]


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_command_explains_itself(script):
    done = run_here(script, "--help")
    assert done.exit_code == 0
    assert "Usage:" in done.stdout
    stage = (REPOSITORY / "workflow" / "scripts" / script).read_text()
    for name in re.findall(r"^    (\w+): (?!dict)", stage.partition('"""\n\n')[0], re.MULTILINE):
        assert name == "results" or f"--{name.replace('_', '-')}" in done.stdout


STAGE = '''
"""Do this and that.

Args:
    weights: weights of
        a run.
    kind: a kind.
    ends: a record.
    seeds: seed; repeat.
    data: with data.
"""
from typing import Literal
from badminima.cli import Count, Input, command

@command
def stage(
    weights: Input,
    kind: Literal["a", "b"],
    ends: Input | None = None,
    seeds: tuple[int, ...] = (),
    threads: Count = 1,
    data: bool = False,
) -> None:
    print(weights.name, kind, ends and ends.name, seeds, threads, data)
'''


def test_a_command_is_made_from_the_annotations_of_its_stage(tmp_path):
    (tmp_path / "stage.py").write_text(STAGE)
    stage = runpy.run_path(str(tmp_path / "stage.py"))["stage"]

    def said(*arguments: str) -> str:
        return CliRunner().invoke(stage, list(arguments)).output

    given = ["--weights", "w", "--kind", "b"]
    assert said(*given) == "w b None () 1 False\n"
    assert said(*given, "--ends", "r", "--seeds", "1", "--seeds", "2", "--data") == "w b r (1, 2) 1 True\n"
    assert "'c' is not one of 'a', 'b'" in said("--weights", "w", "--kind", "c")
    assert "Missing option '--weights'" in said("--kind", "a")
    for words in ("Do this and that.", "Weights of a run.", "CPU threads."):
        assert words in said("--help")


def test_a_training_runs_by_hand_and_logs_plain_lines(training, tmp_path):
    done = run("train.py", *training)
    assert done.returncode == 0, done.stderr
    assert {path.name for path in (tmp_path / "run").iterdir()} == set(RUN_FILES)
    lines = done.stderr.splitlines()
    assert re.fullmatch(r"device (cpu \(.+\)|.+), precision (fp32|bf16) \(auto: .+\), threads 1", lines[0])
    assert len(lines) == 1 + 11  # the device, the start and ten epochs
    assert "train random vanilla 10/10" in lines[-1]
    assert "\r" not in done.stderr


class Ball(Section):
    rho: Number


@pytest.mark.parametrize("text", ['{"rho": 1e-6}', "{rho: 1e-6}", "@record.json"])
def test_settings_are_text_or_a_file_or_stand_in_a_record(tmp_path, monkeypatch, text):
    (tmp_path / "record.json").write_text('{"settings": {"rho": 1e-6}, "seconds": 3}')
    monkeypatch.chdir(tmp_path)
    assert SettingsType(Ball).convert(text, None, None) == Ball(rho=1e-6)


def test_progress_on_a_terminal_is_a_bar(monkeypatch):
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 100))
    with os.fdopen(ours, "rb", buffering=0) as shown, os.fdopen(theirs, "w") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        progress = Progress(2, "train")
        progress.update(2, "loss 0")
        progress.close()
        assert re.search(rb"\rtrain: 100%.*loss 0", shown.read(65536))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("{dataset: digits", "--settings"),
        ("[1]", "--settings"),
        ("@absent.yaml", "absent.yaml"),
    ],
)
def test_wrong_settings_are_a_usage_error_without_a_traceback(training, settings, message):
    training[5] = settings
    done = run_here("train.py", *training)
    assert done.exit_code == 2
    assert isinstance(done.exception, SystemExit)
    assert message in done.stderr.splitlines()[-1]


def test_a_missing_input_is_one_line(training, tmp_path):
    training[1] = tmp_path / "absent.safetensors"
    done = run("train.py", *training)
    assert done.returncode == 1
    assert done.stderr.splitlines()[1:] == [
        f"Error: {tmp_path}/absent.safetensors: found no such file; run the stage that writes it first"
    ]


def test_an_output_that_cannot_be_written_is_one_line(training):
    training[7] = "/proc/nowhere"
    done = run("train.py", *training)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("Error: /proc/nowhere")
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(torch.cuda.is_available(), reason="torch can use a GPU here")
def test_a_job_that_holds_a_gpu_which_torch_cannot_use_is_one_line(training, train_settings, tmp_path):
    settings = train_settings.model_copy(update={"device": "cuda"})
    (tmp_path / "settings.yaml").write_text(yaml.safe_dump(settings.model_dump()))
    (line,) = run("train.py", *training, env={**os.environ, "SLURM_STEP_GPUS": "0"}).stderr.splitlines()
    assert line.startswith("Error: device: found 'cuda'")
    assert line.endswith("device: cpu computes without")
