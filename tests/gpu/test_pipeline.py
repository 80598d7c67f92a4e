"""The smoke preset on a GPU, end to end."""

import json
import shutil
import subprocess
import sys

from badminima.training.graphs import CAPTURED
from tests.checkout import PARTS
from tests.conftest import REPOSITORY


def test_the_smoke_preset_runs_on_a_gpu(cuda, tmp_path):
    for part in PARTS:
        copy = shutil.copytree if (REPOSITORY / part).is_dir() else shutil.copy2
        copy(REPOSITORY / part, tmp_path / part)
    command = [sys.executable, "-m", "snakemake", "--cores", "8", "--configfile", "presets/smoke.yaml"]
    done = subprocess.run(
        [*command, "--config", "device=cuda", "toy=null", "--", "all"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    records = [json.loads(path.read_text()) for path in tmp_path.glob("results/smoke/runs/**/run.json")]
    assert len(records) >= 12
    assert {record["graphs"] for record in records} == {CAPTURED}
    assert all("cpu" not in record["device"] for record in records)
