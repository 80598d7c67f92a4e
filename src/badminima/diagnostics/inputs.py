"""The files that a run's measurements read, given by a rule or found by their places under the results folder."""

from dataclasses import dataclass, replace
from pathlib import Path

from badminima.config import AdversarialInit, ModelConfig
from badminima.config.messages import parse
from badminima.data.prepared import read_prepared
from badminima.diagnostics import Context
from badminima.experiment.lineage import random_behind, root_of
from badminima.experiment.paths import Paths
from badminima.experiment.runs import Run
from badminima.experiment.slices import DiagnoseSettings
from badminima.finding import recorded_inits
from badminima.models.weights import read_weights
from badminima.storage.files import read_json
from badminima.training.stage import read_confusing


@dataclass(frozen=True)
class Inputs:
    """Files of a run.

    Attributes:
        weights: what it ended at.
        start: what it started from.
        prepared: its dataset.
        confusing: the confusing set behind its start, or None.
        random: the random weights behind its start, or None.
        reference: the weights of another run, or None.
    """

    weights: Path
    start: Path | None = None
    prepared: Path | None = None
    confusing: Path | None = None
    random: Path | None = None
    reference: Path | None = None


def read_context(settings: DiagnoseSettings, inputs: Inputs) -> Context:
    """Read what is given; raises UserError if a file is missing or damaged."""
    end = read_weights(inputs.weights)
    return Context(
        settings,
        start=end if inputs.start is None else read_weights(inputs.start),
        end=end,
        random=None if inputs.random is None else read_weights(inputs.random),
        dataset=None if inputs.prepared is None else read_prepared(inputs.prepared, "pt"),
        confusing=None if inputs.confusing is None else read_confusing(inputs.confusing),
        reference=None if inputs.reference is None else read_weights(inputs.reference),
    )


def settings_beside(weights: Path) -> DiagnoseSettings:
    """Settings for the run whose weights these are: those it was measured with, else defaults and its run.json.

    Raises:
        UserError: if there is no run.json.
    """
    measured = weights.with_name("diagnostics.json")
    if measured.exists():
        return parse(DiagnoseSettings, read_json(measured)["settings"], where=f"{measured} ")
    trained = read_json(weights.with_name("run.json"))["settings"]
    return DiagnoseSettings(
        dataset=trained["dataset"],
        model_name=trained["model_name"],
        init=trained["init"],
        recipe_name=trained["recipe_name"],
        seed=trained["seed"],
        root_seed=trained["root_seed"],
        model=ModelConfig(**trained["model"]),
        device="auto",
    )


def beside(given: Inputs) -> Inputs:
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
        found["reference"] = paths.run(Run(dataset, model, behind, recipe, seed)) / "weights.safetensors"
        if isinstance(inits[root], AdversarialInit):
            found["random"] = paths.start(inits, dataset, model, behind, seed)
    missing = {name: path for name, path in found.items() if getattr(given, name) is None and path.exists()}
    return replace(given, **missing)
