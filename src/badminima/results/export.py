"""Stage ``zoo``: runs of a results folder as a folder that stands alone.

One folder per run, ``{dataset}/{model}/{init}/{recipe}/seed{seed}/``: ``weights.safetensors`` as the run left them,
``card.json`` for machines, ``card.md`` for people; and ``index.csv``, with a row per run and the digests of its files.
On request also ``{dataset}/data.safetensors``, the prepared dataset.
"""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field

from badminima.config import ModelConfig, Section
from badminima.config.base import Count, Number, Positive, parse
from badminima.data.prepared import read_prepared
from badminima.errors import UserError
from badminima.experiment.measured import is_of_tensor
from badminima.experiment.paths import COMPARISON, DIAGNOSTICS, RECORD, WEIGHTS
from badminima.experiment.records import name_of, read_measurements, read_pretraining, read_record
from badminima.experiment.runs import Run, root_of, run_behind
from badminima.models.weights import read_weights
from badminima.results.results import Results
from badminima.storage.files import file_sha256, temporary_folder, write_csv, write_json, write_text
from badminima.storage.tensorfiles import read_tensors

# Inits that need no training to be described.
STARTS = {
    "random": "fresh random weights",
    "random_rescaled": "random weights with the norms of adversarial ones, tensor by tensor, but for the readout, which"
    " is shrunk until the logits spread as theirs do",
}
CARD, PAGE, INDEX = "card.json", "card.md", "index.csv"
# A prepared dataset in a zoo, beside the folders of the networks that were trained on it.
DATA = "data.safetensors"
# Of the index.
COLUMNS = [
    *("name", "dataset", "model", "init", "recipe", "seed", "status", "train_accuracy", "test_accuracy"),
    *("parameters", "bytes", "weights_sha256", "card_sha256"),
]
USAGE = """import badminima

minimum = badminima.zoo.load("PATH/TO/ZOO")["{}"]
logits = minimum.model()(minimum.inputs(images))  # images: uint8, 0..255
names = [minimum.card.classes[index] for index in logits.argmax(1)]"""
STATUSES = {
    "converged": "It fits its training images: it reached the target accuracy on them.",
    "max_epochs": "It does not fit its training images: it ended short of the target accuracy on them.",
    "diverged": "Its loss became non-finite: it is no minimum, and its weights may be non-finite too.",
}
# What a run's record says of where it was made.
PROVENANCE = (
    *("data", "precision", "compile", "deterministic", "graphs", "device", "threads", "python", "versions", "revision"),
    "restarts",
)


class Card(Section):
    """A minimum: everything that a reader, or code that uses it, needs beside its weights."""

    dataset: str
    model: str
    init: str
    recipe: str
    seed: int
    network: ModelConfig = Field(description="Architecture and options.")
    parameters: int = Field(description="Trained numbers.")
    image_shape: list[Count] = Field(min_length=3, max_length=3, description="(c, h, w) of the input.")
    mean: list[Number] = Field(description="Per channel, of the training images on the scale 0..1.")
    std: list[Positive] = Field(description="Per channel, of the training images on the scale 0..1.")
    classes: list[str] = Field(min_length=1, description="Names of the outputs, in their order.")
    status: str = Field(description="converged, max_epochs or diverged.")
    epochs: int
    train_items: int
    test_items: int
    evaluated_on: str = Field(description="The images behind the test columns: test or validation.")
    final: dict[str, int | float | str | None] = Field(description="The last evaluation; null: not finite.")
    start: str | None = Field(None, description="The run that it went on from, as dataset/model/init/recipe/seedN.")
    pretraining: dict[str, Any] | None = Field(description="Where its start was trained: on what, how well it fitted.")
    measurements: dict[str, float | None] = Field(description="Name -> number; null: not finite.")
    skipped: dict[str, str] = Field(description="Measurements that were not made, and why.")
    settings: dict[str, Any] = Field(description="The training's settings.")
    digests: dict[str, str | None] = Field(description="Of its weights, and of what the run was made from.")
    provenance: dict[str, Any] = Field(description="Device, versions, code revision, digests of the raw data.")

    def __str__(self) -> str:
        return card_page(self)

    @property
    def name(self) -> str:
        """Its name in a zoo: ``dataset/model/init/recipe/seedN``."""
        return f"{self.dataset}/{self.model}/{self.init}/{self.recipe}/seed{self.seed}"


def export(
    results: Results,
    runs: Sequence[Run],
    output: Path,
    report: Callable[[int, str], None] = lambda done, name: None,
    data: bool = False,
) -> None:
    """Write a zoo: all of it, or nothing.

    Args:
        results: where the runs lie.
        runs: which of them.
        output: the zoo's folder; absent or empty.
        report: called with the number of runs done, and the last one's name.
        data: whether their datasets are exported too.

    Raises:
        UserError: if there is something in the folder, or a file of a run is missing or damaged.
    """
    require_empty(output)
    with temporary_folder(output.absolute()) as folder:
        rows = []
        for done, run in enumerate(runs, start=1):
            rows.append(_export_run(results, run, folder))
            report(done, rows[-1]["name"])
        for dataset in dict.fromkeys(run.dataset for run in runs) if data else []:
            shutil.copyfile(results.paths.prepared(dataset), folder / dataset / DATA)
        write_csv(folder / INDEX, COLUMNS, rows)


def make_card(results: Results, run: Run) -> Card:
    """Return the card of a run; raise UserError if a file of it is missing, damaged or another run's."""
    folder = results.paths.run(run)
    of_run = read_record(folder / RECORD, run)
    record = of_run.content
    of_run.require("weights", folder / WEIGHTS)
    prepared = results.paths.prepared(run.dataset)
    of_run.require("dataset", prepared)
    data, (_, metadata) = read_prepared(prepared), read_tensors(prepared)
    behind, weights = run_behind(results.inits, run), read_weights(folder / WEIGHTS)
    pretrained = replace(run, init=root_of(results.inits, run.init))
    path, pretraining = results.paths.init(run.dataset, run.model, pretrained.init, run.seed) / RECORD, None
    if path.exists():
        content = read_pretraining(path, pretrained).content
        pretraining = {name: content[name] for name in ("confusing", "status", "epochs", "final", "settings")}
    files = [path for name in (DIAGNOSTICS, COMPARISON) if (path := folder / name).exists()]
    measured = [read_measurements(path, of_run) for path in files]
    card = dict(
        **asdict(run),
        network=parse(ModelConfig, record["settings"].get("model"), where=f"{of_run.path}: settings.model."),
        parameters=sum(array.size for array in weights.parameters.values()),
        **{name: list(getattr(data, name)) for name in ("image_shape", "mean", "std", "classes")},
        **{name: record[name] for name in ("status", "epochs", "train_items", "test_items", "evaluated_on", "final")},
        start=None if behind is None else name_of(behind),
        pretraining=pretraining,
        measurements={name: value for file in measured for name, value in file.values.items()},
        skipped={name: reason for file in measured for name, reason in {**file.skipped, **file.failed}.items()},
        settings=record["settings"],
        digests={"weights": of_run.stated.left.weights, **of_run.stated.made_from.model_dump()},
        provenance={name: record.get(name) for name in PROVENANCE} | {"raw_data": metadata.get("source_digests")},
    )
    return parse(Card, card, where=f"{of_run.path}: ")


def card_page(card: Card) -> str:
    """Return a card as Markdown."""
    channels, height, width = card.image_shape
    final = card.final
    parts = (("train", "training", card.train_items), ("test", card.evaluated_on, card.test_items))
    outcome = [
        (name, f"{items:,}", _number(final[f"{part}_accuracy"], ".4f"), _number(final[f"{part}_loss"], ".4g"))
        for part, name, items in parts
    ]
    whole = [(name, _number(value, ".6g")) for name, value in card.measurements.items() if not is_of_tensor(name)]
    sections = [
        f"# {card.name}",
        f"Weights of `{card.model}` ({card.parameters:,} parameters), trained on `{card.dataset}` by the recipe"
        f" `{card.recipe}`. {STATUSES[card.status]} Made to study minima, not to classify images.",
        f"Training started from the init `{card.init}`{_start(card)}.",
        _table(("images", "number", "accuracy", "loss in nats"), outcome),
        f"## Use\n\n```python\n{USAGE.format(card.name)}\n```\n\nWithout badminima: `safetensors.torch.load_file`"
        " gives the state dict of the network described below. Inputs are images"
        f" `[n, {channels}, {height}, {width}]` on the scale 0..1, minus `mean`, over `std` (per channel).",
        f"## Network, input, classes\n\n{_yaml(card, 'network', 'image_shape', 'mean', 'std', 'classes')}",
        "## Measurements\n\n" + (_table(("measurement", "value"), whole) if whole else "None were made."),
        *([_table(("not measured", "because"), list(card.skipped.items()))] if card.skipped else []),
        f"## Settings\n\n{_yaml(card, 'settings', 'pretraining')}",
        f"## Provenance\n\n{_yaml(card, 'digests', 'provenance')}",
    ]
    return "\n\n".join(sections) + "\n"


def _start(card: Card) -> str:
    if card.init in STARTS:
        return f": {STARTS[card.init]}"
    parts = [f"where the run `{card.start}` had ended"] if card.start else []
    if card.pretraining is not None:
        confusing = card.pretraining["confusing"]
        fitted = _number(card.pretraining["final"]["train_accuracy"], ".2%")
        parts.append(
            f"weights trained before on {confusing['replication']} copies of each training image, with a fraction"
            f" {confusing['noise']:g} of their {confusing['zeroing'].replace('_', ' ')} zeroed and"
            f" {_labels(confusing)}; of all labels they fit {fitted}"
        )
    return f": {', behind which stand '.join(parts)}" if parts else ""


def _labels(confusing: dict[str, Any]) -> str:
    fraction = confusing.get("label_fraction", 1.0)
    rest = "" if fraction == 1 else f" on a fraction {fraction:g} of them, true on the rest"
    return f"uniformly random labels{rest}" if fraction else "the true labels"


def _number(value: int | float | str | None, form: str) -> str:
    return "not finite" if value is None else format(value, form)


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = (columns, ["---"] * len(columns), *rows)
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines)


def _yaml(card: Card, *names: str) -> str:
    whole = card.model_dump(mode="json")
    content = {name: whole[name] for name in names}
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, default_flow_style=None, width=110)
    return f"```yaml\n{text}```"


def _export_run(results: Results, run: Run, folder: Path) -> dict[str, Any]:
    """Write one run's files; returns its row of the index."""
    card = make_card(results, run)
    target = folder / card.name
    write_json(target / CARD, card.model_dump(mode="json"))
    write_text(target / PAGE, card_page(card))
    shutil.copyfile(results.paths.run(run) / WEIGHTS, target / WEIGHTS)
    return {
        "name": card.name,
        **{column: getattr(card, column) for column in COLUMNS if column in Card.model_fields},
        **{column: card.final[column] for column in ("train_accuracy", "test_accuracy")},
        "bytes": (target / WEIGHTS).stat().st_size,
        "weights_sha256": file_sha256(target / WEIGHTS),
        "card_sha256": file_sha256(target / CARD),
    }


def require_empty(folder: Path) -> None:
    """Make sure that an output folder is absent or empty; raises UserError if not."""
    if folder.exists() and any(folder.iterdir()):
        raise UserError(folder, "a folder that is not empty", "name a new one, or delete it first")
