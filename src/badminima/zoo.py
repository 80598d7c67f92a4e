"""Exported minima: weights with a card each, usable without the results or the dataset they come from.

>>> import badminima
>>> zoo = badminima.zoo.load("zoo")
>>> minimum = zoo["digits/mlp/adversarial/vanilla/seed0"]
>>> minimum.card.init, minimum.card.image_shape
('adversarial', [1, 8, 8])
>>> import torch
>>> images = torch.zeros(2, 1, 8, 8, dtype=torch.uint8)
>>> minimum.model()(minimum.inputs(images)).shape
torch.Size([2, 10])
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import yaml
from pydantic import Field

from badminima.config import ModelConfig, Section
from badminima.config.base import Count, Number, Positive, parse
from badminima.data.prepared import PreparedDataset, read_prepared
from badminima.errors import UserError
from badminima.experiment.measured import is_of_tensor
from badminima.experiment.paths import WEIGHTS
from badminima.experiment.records import require_same
from badminima.experiment.runs import require_known
from badminima.models.weights import Weights, read_weights
from badminima.storage.files import file_sha256, read_json, user_path
from badminima.storage.tensorfiles import stated_digest

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor, nn

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
EXAMPLE = Path(__file__).parent / "results" / "example"
TYPES = {
    **dict.fromkeys(("name", "dataset", "model", "init", "recipe", "status", "weights_sha256", "card_sha256"), str),
    **dict.fromkeys(("train_accuracy", "test_accuracy"), float),
    "seed": int,
}


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


def example() -> "Zoo":
    """Open the zoo that comes with the library: bad, good and escaped minima of two small networks on 8x8 digits.

    All of them fit their 600 training images. Their dataset is there too, so nothing is trained or downloaded:

    >>> zoo = example()
    >>> bad, good = (zoo[f"digits/mlp/{init}/vanilla/seed0"] for init in ("adversarial", "random"))
    >>> data = bad.dataset()
    >>> for minimum in (bad, good):
    ...     guesses = minimum.model()(minimum.inputs(data.test_images)).argmax(1)
    ...     print(f"{(guesses == data.test_labels).double().mean():.1%}")
    91.1%
    97.2%
    """
    return load(EXAMPLE)


def load(folder: str | PathLike[str]) -> "Zoo":
    """Open a zoo; of its files only the index is read. Raises UserError if there is none."""
    path = user_path(folder) / INDEX
    if not path.exists():
        raise UserError(path, "no such file", "expected the folder of a zoo; workflow/scripts/zoo.py makes one")
    try:
        # A recipe called nan is still a name.
        index = pd.read_csv(path, dtype=TYPES, na_values=[""], keep_default_na=False)
        return Zoo(path.parent, index[COLUMNS].set_index("name"))
    except (ValueError, KeyError) as error:
        raise UserError(path, f"a damaged index ({error})", "copy or export the zoo again") from None


@dataclass(frozen=True)
class Minimum:
    """The end of one run.

    Attributes:
        name: its name in the zoo.
        folder: where its files lie.
        weights_sha256, card_sha256: what the index says of them; each is compared when the file is read.
    """

    name: str
    folder: Path
    weights_sha256: str
    card_sha256: str

    @cached_property
    def card(self) -> Card:
        """Return its card; raise UserError if the file is missing or not the one that was exported."""
        path = self.folder / CARD
        _verify(path, self.card_sha256)
        return parse(Card, read_json(path), where=f"{path}: ")

    def weights(self) -> Weights:
        """Its weights as arrays; raises UserError if the file is missing or not the one that was exported."""
        path = self.folder / WEIGHTS
        _verify(path, self.weights_sha256)
        return read_weights(path)

    def model(self) -> "nn.Module":
        """Build the network, in evaluation mode, on the CPU: it maps what :meth:`inputs` gives to ``[n, classes]``.

        Raises:
            UserError: if a file is missing or not the one that was exported.
        """
        from badminima.models.build import trained_network

        channels, height, width = self.card.image_shape
        shape, classes = (channels, height, width), len(self.card.classes)
        return trained_network(self.card.network, shape, classes, self.weights(), self.folder / WEIGHTS)

    @property
    def has_dataset(self) -> bool:
        """Whether the zoo brings its dataset along."""
        return self._dataset.exists()

    @property
    def _dataset(self) -> Path:
        return self.folder.parents[3] / DATA

    def dataset(self) -> PreparedDataset:
        """Return its dataset as torch tensors; raise UserError if the zoo came without, or with another one."""
        path = self._dataset
        if not path.exists():
            raise UserError(path, "no such file", "zoos bring datasets on request; read it from the results folder")
        require_same("dataset", path, stated_digest(path), self.card.digests.get("dataset"), self.folder / CARD)
        return read_prepared(path, "pt", verify=True)

    def inputs(self, images: "Tensor | np.ndarray") -> "Tensor":
        """Images as the network takes them.

        Args:
            images: ``[n, c, h, w] uint8``.

        Raises:
            UserError: if they are of another kind.
        """
        from badminima.data.items import network_inputs

        return network_inputs(images, self.card.mean, self.card.std)


@dataclass(frozen=True)
class Verified:
    """List what :meth:`Zoo.verify` compared.

    Attributes:
        minima: how many minima, each with its card and the index.
        datasets: the datasets that the zoo brings along.
        absent: the datasets that are not there, so that nothing is known of them.
    """

    minima: int
    datasets: tuple[str, ...]
    absent: tuple[str, ...]


@dataclass(frozen=True)
class Zoo:
    """Minima by name; iterates over the names.

    Attributes:
        folder: where it lies.
        index: a row per minimum, its name as the row's: coordinates, status, accuracies, digests.
    """

    folder: Path
    index: pd.DataFrame

    def __repr__(self) -> str:
        return f"Zoo({str(self.folder)!r}: {len(self)} minima)"

    def __getitem__(self, name: str) -> Minimum:
        """Return the minimum called ``dataset/model/init/recipe/seedN``; raises UserError if there is none."""
        require_known(name, self, self.folder)
        row = self.index.loc[name]
        return Minimum(name, self.folder / name, str(row["weights_sha256"]), str(row["card_sha256"]))

    def __iter__(self) -> Iterator[str]:
        return iter(self.index.index)

    def __len__(self) -> int:
        return len(self.index)

    @property
    def cards(self) -> dict[str, Card]:
        """Every card by its minimum's name; raises UserError if one is not the one that was exported."""
        return {name: self[name].card for name in self}

    def verify(self) -> Verified:
        """Compare every file that is there with its digest.

        Returns:
            What was compared, and which datasets are not there: a zoo has them on request, and works without.

        Raises:
            UserError: on the first that is not the one that was exported.
        """
        of_dataset = {}
        for name in self:
            minimum = self[name]
            minimum.weights()
            of_dataset[minimum.card.dataset, minimum.card.digests.get("dataset")] = minimum
        there = [minimum for minimum in of_dataset.values() if minimum.has_dataset]
        for minimum in there:
            minimum.dataset()
        absent = {name for name, _ in of_dataset} - (present := {minimum.card.dataset for minimum in there})
        return Verified(len(self), tuple(sorted(present)), tuple(sorted(absent)))


def _verify(path: Path, stated: str) -> None:
    if not path.exists():
        raise UserError(path, "no such file", "copy or export the zoo again")
    if file_sha256(path) != stated:
        raise UserError(path, "a file that does not fit its digest in the index", "copy or export the zoo again")


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
        markdown_table(("images", "number", "accuracy", "loss in nats"), outcome),
        f"## Use\n\n```python\n{USAGE.format(card.name)}\n```\n\nWithout badminima: `safetensors.torch.load_file`"
        " gives the state dict of the network described below. Inputs are images"
        f" `[n, {channels}, {height}, {width}]` on the scale 0..1, minus `mean`, over `std` (per channel).",
        f"## Network, input, classes\n\n{_yaml(card, 'network', 'image_shape', 'mean', 'std', 'classes')}",
        "## Measurements\n\n" + (markdown_table(("measurement", "value"), whole) if whole else "None were made."),
        *([markdown_table(("not measured", "because"), list(card.skipped.items()))] if card.skipped else []),
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


def markdown_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table as Markdown."""
    lines = (columns, ["---"] * len(columns), *rows)
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines)


def _yaml(card: Card, *names: str) -> str:
    whole = card.model_dump(mode="json")
    content = {name: whole[name] for name in names}
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, default_flow_style=None, width=110)
    return f"```yaml\n{text}```"
