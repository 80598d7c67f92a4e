"""The smoke preset on a GPU, end to end."""

import json

from badminima.training.graphs import CAPTURED
from tests.checkout import make_checkout


def test_the_smoke_preset_runs_on_a_gpu(cuda, tmp_path):
    config = ("--configfile", "presets/smoke.yaml", "--config", "device=cuda", "toy=null")
    make_checkout(tmp_path).snakemake("--cores", "8", *config, "--", "all")
    records = [json.loads(path.read_text()) for path in tmp_path.glob("results/smoke/runs/**/run.json")]
    assert len(records) >= 12
    assert {record["graphs"] for record in records} == {CAPTURED}
    assert all("cpu" not in record["device"] for record in records)
