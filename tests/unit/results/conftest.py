"""A results folder that the stages' own functions have made: the digits, a tiny network, two seeds."""

import json
import shutil
from pathlib import Path

import pytest
import torch
import yaml

from badminima.analysis.claims import CLAIMS
from badminima.analysis.claims.grids import ClaimsSettings
from badminima.analysis.claims.verdicts import evaluate_claims
from badminima.analysis.tables import collect, write_tables
from badminima.config import Config
from badminima.config.load import load_config
from badminima.data.confusing import confuse
from badminima.data.prepared import prepare, read_prepared
from badminima.data.sources.digits import Digits
from badminima.diagnostics.diagnose import Inputs, diagnose, read_context, record
from badminima.experiment.paths import Paths
from badminima.experiment.runs import Run, all_runs
from badminima.experiment.settings import (
    CollectSettings,
    ConfuseSettings,
    DiagnoseSettings,
    InitializeSettings,
    PrepareSettings,
    TrainSettings,
)
from badminima.models.starts import initialize
from badminima.models.weights import write_weights
from badminima.results.export import export
from badminima.results.results import Results
from badminima.storage.files import write_json
from badminima.training.job import train
from tests.configs import overlay, raw_config
from tests.conftest import REPOSITORY

CHANGES = {
    "results": "results/demo",
    "datasets": {"digits": {"train_size": 60}},
    "models": {"mlp": {"options": {"widths": [16]}}},
    "inits": {"random_rescaled": None, "random_rescaled_norms": None, "true_labels": None},
    "pretraining": {"epochs": 5},
    "training": {"epochs": 3, "milestones": [], "evaluate_every": 1},
    "studies": {
        "ablation": {"inits": ["random", "adversarial"], "only": {"random_rescaled": None, "true_labels": None}}
    },
    "diagnostics": ["distance", "norms"],
    "figures": {"landscape": None, "units": None},
}
RUN = Run("digits", "mlp", "adversarial", "vanilla", 0)
NAME = "digits/mlp/adversarial/vanilla/seed0"


def make_results(config: Config, raw: dict, paths: Paths) -> None:
    """Run every stage in this process."""
    torch.set_num_threads(1)
    prepared = paths.prepared("digits")
    files = Digits().fetch(Path("unused"), None, [])
    prepare(Digits().read(files), PrepareSettings.of(config, "digits"), prepared, {"digits": "0" * 64})
    for seed in config.studies["ablation"].seeds:
        start, output = (paths.init("digits", "mlp", init, seed) for init in ("random", "adversarial"))
        settings = InitializeSettings.of(config, "digits", "mlp", "random", seed)
        write_weights(start / "weights.safetensors", initialize(settings, read_prepared(prepared, "pt")))
        confusing = paths.confusing("digits", "adversarial", seed)
        confuse(read_prepared(prepared), ConfuseSettings.of(config, "digits", "adversarial", seed), confusing)
        settings = TrainSettings.of_pretraining(config, "digits", "mlp", "adversarial", seed)
        train(settings, prepared, start / "weights.safetensors", output, 300, confusing)
    for run in all_runs(config):
        start = paths.init("digits", "mlp", run.init, run.seed) / "weights.safetensors"
        folder, settings = paths.run(run), DiagnoseSettings.of(config, run)
        train(TrainSettings.of(config, run), prepared, start, folder, 300)
        inputs = Inputs(folder / "weights.safetensors", start, prepared)
        found = diagnose(read_context(settings, inputs), config.diagnostics)
        measured = record(settings, inputs, config.diagnostics, found)
        if run.init != "random":
            measured["values"]["sharpness.lambda"] = float("nan")  # as a measurement without a finite value leaves it
        write_json(folder / "diagnostics.json", measured)
    tables = collect(paths, CollectSettings.of(config, "ablation"))
    write_tables(paths.tables("ablation"), tables)
    evaluate_claims(CLAIMS, {"study": tables}, ClaimsSettings.of(config)).to_csv(paths.all_verdicts("csv"), index=False)
    paths.config.write_text(json.dumps(raw))


@pytest.fixture(scope="session")
def demo_folder(tmp_path_factory) -> Path:
    """The folder that holds ``results/demo``."""
    folder = tmp_path_factory.mktemp("finished")
    smoke = yaml.safe_load((REPOSITORY / "presets" / "smoke.yaml").read_text())
    raw = overlay(overlay(raw_config(), smoke), CHANGES)
    make_results(load_config(raw), raw, Paths(folder / "results" / "demo"))
    return folder


@pytest.fixture
def results(demo_folder) -> Results:
    return Results(demo_folder / "results" / "demo")


@pytest.fixture
def copied(demo_folder, tmp_path) -> Results:
    """The results, to be spoiled."""
    return Results(shutil.copytree(demo_folder / "results" / "demo", tmp_path / "results"))


@pytest.fixture(scope="session")
def zoo_folder(demo_folder) -> Path:
    """All runs, exported."""
    results = Results(demo_folder / "results" / "demo")
    export(results, results.trained, demo_folder / "zoo")
    return demo_folder / "zoo"
