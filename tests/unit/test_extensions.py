"""An extension is one file and one line of a registry: those that docs/how-to/extend.md shows."""

import re

import numpy as np
import pytest

from badminima.config import ModelConfig, registry
from badminima.config.load import load_config
from badminima.config.registry import Entry
from badminima.data.fetch import fetch, verified_files
from badminima.data.prepared import prepare, read_prepared
from badminima.diagnostics.context import Context
from badminima.diagnostics.diagnose import diagnose
from badminima.experiment.cost import Speed, plan
from badminima.experiment.runs import all_runs
from badminima.experiment.slices import diagnose_settings, prepare_settings
from badminima.models.build import build_model
from badminima.models.weights import weights_of
from badminima.storage.files import write_json
from tests.conftest import REPOSITORY
from tests.unit.test_config import overlay, raw_config

PAGE = (REPOSITORY / "docs" / "how-to" / "extend.md").read_text()
STUDY = {"datasets": ["cifar10"], "models": ["resnet18"], "inits": ["random", "adversarial"], "recipes": ["vanilla"]}


@pytest.fixture
def extend(tmp_path, monkeypatch):
    """Add an extension of the page: its file, under a name of its own, and its line."""
    monkeypatch.syspath_prepend(tmp_path)

    def add(family: str, name: str) -> Entry:
        path, code = re.search(rf"`src/(\S+/{name})\.py`:\n\n```python\n(.*?)```", PAGE, re.DOTALL).groups()
        (tmp_path / f"example_{name}.py").write_text(code)
        line = re.search(rf"Line in `{family}`: `\"{name}\": (.*?\))`", PAGE)[1]
        entry = eval(line.replace(path.replace("/", ".") + ":", f"example_{name}:"), vars(registry))
        monkeypatch.setitem(getattr(registry, family).entries, name, entry)
        return entry

    return add


def config(study=(), **changes):
    small = {
        "studies": {"ablation": {**STUDY, **dict(study)}, "scale": None},
        "claims": {"control": None},
        "figures": {"curves": {"recipes": None}, "robustness": None},
        "tables": {"main": {"recipes": None}},
    }
    return load_config(overlay(overlay(raw_config(), small), changes))


def cost(config, *architectures):
    speeds = {name: Speed(1000.0, 4000.0, 1024) for name in ("resnet18", *architectures)}
    return plan(config, speeds).set_index("target").loc["all"]


def test_a_dataset_is_fetched_prepared_and_planned(extend, tmp_path):
    entry = extend("SOURCES", "rings")
    rng = np.random.default_rng(0)
    images = rng.integers(256, size=(1000, *entry.image_shape), dtype=np.uint8)
    np.savez(tmp_path / "rings.npz", images=images, labels=rng.integers(2, size=1000))
    extended = config({"datasets": ["rings"]}, datasets={"rings": {"source": "rings", "train_size": 500}})
    write_json(tmp_path / "manifest.json", fetch("rings", tmp_path, tmp_path))
    files, digests = verified_files(tmp_path / "manifest.json")
    raw = registry.SOURCES.load("rings")().read(files)
    prepare(raw, prepare_settings(extended, "rings"), tmp_path / "prepared.safetensors", digests)
    prepared = read_prepared(tmp_path / "prepared.safetensors")
    assert (len(prepared.train_labels), len(prepared.test_labels)) == (500, 500)
    assert prepared.image_shape == entry.image_shape
    assert cost(extended)["device-hours of training, at most"] > 0


def test_a_model_is_built_and_planned(extend):
    entry = extend("ARCHITECTURES", "shallow")
    extended = config({"models": ["shallow"]}, models={"shallow": {"architecture": "shallow"}})
    network = build_model(ModelConfig(architecture="shallow"), (1, 8, 8), 10)
    assert sum(parameter.numel() for parameter in network.parameters()) == entry.parameters
    assert cost(extended, "shallow")["gigabytes"] > 0


def test_a_diagnostic_is_configured_and_measured(extend):
    extend("DIAGNOSTICS", "sparsity")
    extended = config(diagnostics=[*raw_config()["diagnostics"], "sparsity"])
    settings = diagnose_settings(extended, all_runs(extended)[0])
    weights = weights_of(build_model(ModelConfig(architecture="mlp"), (1, 8, 8), 10))
    measured = diagnose(Context(settings, weights, weights), ["sparsity"])
    assert "sparsity" in settings.measurements
    assert 0 < measured.values["sparsity.end"] < 1
