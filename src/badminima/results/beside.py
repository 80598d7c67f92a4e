"""Files beside a run's weights, by their places under a results folder; loads no pandas, as measuring needs none."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from badminima.config import AdversarialInit, InitConfig
from badminima.config.base import parse
from badminima.config.load import load_inits
from badminima.config.training import FIXED
from badminima.experiment.paths import DIAGNOSTICS, RECORD, WEIGHTS, Paths
from badminima.experiment.runs import Run, random_behind, root_of
from badminima.experiment.settings import DiagnoseSettings, TrainSettings
from badminima.storage.files import read_json

if TYPE_CHECKING:
    from badminima.diagnostics.diagnose import Inputs


def settings_beside(weights: Path) -> DiagnoseSettings:
    """Return the settings to measure a run with: those it was measured with, or else defaults.

    Raises:
        UserError: if there is no run.json, or it is damaged.
    """
    measured = weights.with_name(DIAGNOSTICS)
    if measured.exists():
        return parse(DiagnoseSettings, read_json(measured).get("settings"), where=f"{measured}: settings.")
    record = weights.with_name(RECORD)
    trained = parse(TrainSettings, read_json(record).get("settings"), where=f"{record}: settings.")
    shared = ("dataset", "model_name", "init", "recipe_name", "seed", "root_seed", "model")
    return DiagnoseSettings(**{name: getattr(trained, name) for name in shared}, device="auto")


def beside(given: "Inputs") -> "Inputs":
    """Fill in the files that lie where the pipeline puts them; weights outside a results folder have none."""
    folder = given.weights.resolve().parent
    if len(folder.parents) < 6 or folder.parents[4].name != "runs":
        return given
    recipe, init, model, dataset = (parent.name for parent in list(folder.parents)[:4])
    paths, seed = Paths(folder.parents[5]), folder.name.removeprefix("seed")
    inits = recorded_inits(paths.results)
    root = root_of(inits, init)
    found = {
        "start": paths.start(inits, dataset, model, init, seed),
        "prepared": paths.prepared(dataset),
        "confusing": paths.confusing(dataset, root, seed),
    }
    if root in inits and (behind := random_behind(inits, init)) != init:
        found["reference"] = paths.run(Run(dataset, model, behind, recipe, seed)) / WEIGHTS
        if isinstance(inits[root], AdversarialInit):
            found["random"] = paths.start(inits, dataset, model, behind, seed)
    missing = {name: path for name, path in found.items() if getattr(given, name) is None and path.exists()}
    return replace(given, **missing)


def recorded_inits(results: Path) -> dict[str, InitConfig]:
    """Return the inits of the config that results were made with, or those of fixed meaning if none was recorded."""
    recorded = Paths(results).config
    return load_inits(read_json(recorded)) if recorded.exists() else FIXED
