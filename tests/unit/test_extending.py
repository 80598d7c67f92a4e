"""How-to guide "How to extend it": its examples work from their own file, options section and registry line."""

import re
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from badminima.analysis.claims import Claim
from badminima.config import ModelConfig, options, registry
from badminima.config.load import load_config
from badminima.config.schema import reference_text
from badminima.diagnostics.context import Context
from badminima.diagnostics.diagnose import diagnose
from badminima.experiment.runs import Run
from badminima.experiment.settings import DiagnoseSettings, FigureSettings, TableSettings
from badminima.models.build import build_model
from badminima.models.weights import weights_of
from badminima.report.figures import draw_figure
from badminima.report.tables import make_table
from tests.configs import overlay, raw_config
from tests.conftest import REPOSITORY
from tests.unit.analysis.claims.deciding import decided
from tests.unit.study import INITS, RECIPES, STATISTICS, made_up_study, with_runs

GUIDE = (REPOSITORY / "docs" / "how-to" / "extend.md").read_text()


def found(pattern: str) -> str:
    match = re.search(pattern, GUIDE, re.DOTALL)
    assert match, pattern
    return match[1]


@pytest.fixture
def extend(monkeypatch, tmp_path) -> Callable[[str, str, str], None]:
    """Add an example of the guide: its file to a package, its options section, its line to a registry."""

    def add(file: str, family: str, name: str) -> None:
        package = import_module("badminima." + ".".join(Path(file).parts[:-1]))
        (tmp_path / Path(file).name).write_text(found(rf"`src/badminima/{file}`:\n\n```python\n(.*?)```"))
        monkeypatch.setattr(package, "__path__", [*package.__path__, str(tmp_path)])
        sections = dict(vars(options))
        exec(found(r"```python\n(class \w+\(Options\):.*?)```"), sections)
        for new in sections.keys() - vars(options).keys():
            monkeypatch.setattr(options, new, sections[new], raising=False)
        entry = eval(found(rf"Line in `{family}`.*?`{name}=(.*?)`"), {**sections, **vars(registry)})
        monkeypatch.setitem(getattr(registry, family).entries, name, entry)

    return add


def test_a_new_diagnostic_needs_its_file_its_options_and_a_registry_line(extend, small_mlp):
    extend("diagnostics/sparsity.py", "DIAGNOSTICS", "sparsity")
    raw = raw_config()
    raw["diagnostics"].append("sparsity")
    config = load_config(overlay(raw, {"measuring": {"options": {"sparsity": {"threshold": 0.01}}}}))
    slice_ = DiagnoseSettings.of(config, Run("cifar10", "vgg16", "random", "vanilla", 0))
    assert slice_.measurements[-1] == "sparsity"
    weights = weights_of(build_model(small_mlp, (1, 8, 8), 10))
    measured = diagnose(Context(slice_.model_copy(update={"model": small_mlp}), weights, weights), ["sparsity"])
    assert measured.values == {"sparsity.end": (abs(weights.vector()) < 0.01).mean()}
    assert "| `threshold` | a number > 0 and <= 1000000.0 | `0.001` |" in reference_text()


def test_a_new_model_needs_its_file_its_options_and_a_registry_line(extend):
    extend("models/shallow.py", "ARCHITECTURES", "shallow")
    models = {"shallow": {"architecture": "shallow", "options": {"width": 5}}}
    model = build_model(load_config(overlay(raw_config(), {"models": models})).models["shallow"], (1, 8, 8), 10)
    assert model[1].out_features == 5
    default = build_model(ModelConfig(architecture="shallow"), (1, 8, 8), 10)
    parameters = registry.ARCHITECTURES.entry("shallow").parameters
    assert sum(tensor.numel() for tensor in default.parameters()) == parameters


def test_a_new_dataset_needs_its_file_and_a_registry_line(extend, rng, tmp_path):
    extend("data/sources/rings.py", "SOURCES", "rings")
    datasets = {"rings": {"source": "rings", "train_size": 500}}
    assert load_config(overlay(raw_config(), {"datasets": datasets})).datasets["rings"].source == "rings"
    images, labels = rng.integers(0, 256, (20, 1, 8, 8), dtype=np.uint8), np.arange(20) % 2
    np.savez(tmp_path / "rings.npz", images=images, labels=labels)
    source = registry.SOURCES.load("rings")()
    raw = source.read(source.fetch(tmp_path, tmp_path, []))
    assert raw.train.image_shape == registry.SOURCES.entry("rings").image_shape
    assert np.array_equal(raw.train.labels, labels)


def test_a_new_figure_needs_its_file_and_a_registry_line(extend):
    extend("report/figures/sparsity.py", "FIGURES", "sparsity")
    study = made_up_study(lambda init, recipe: 0.9)
    study = with_runs(study, study.runs.assign(**{"sparsity.end": 0.25}))
    shown = draw_figure(study, FigureSettings(kind="sparsity", recipes=RECIPES, inits=INITS)).shown
    assert set(shown["value"]) == {0.25}


def test_a_new_table_needs_its_file_and_a_registry_line(extend):
    extend("report/tables/transposed.py", "TABLES", "transposed")
    asked = {"kind": "transposed", "name": "transposed", "study": "ablation", "recipes": RECIPES, "inits": INITS}
    (block,) = make_table(made_up_study(lambda init, recipe: 0.9), TableSettings(**asked, statistics=STATISTICS)).blocks
    assert block.text.shape[1] == len(RECIPES)


def test_a_new_claim_needs_its_entry():
    claim = eval(found(r"```python\n(Claim\(.*?\n\))\n```"), {"Claim": Claim})
    assert claim.group == "3"
    accuracy = {"vanilla": 0.8, "label_noise": 0.9}
    study = made_up_study(lambda init, recipe: accuracy[recipe], recipes=list(accuracy))
    assert decided([claim], study, claim.study)["verdict"].tolist() == ["supported"]
