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

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from badminima.config.base import parse
from badminima.data.prepared import PreparedDataset, read_prepared
from badminima.errors import UserError
from badminima.experiment.paths import WEIGHTS
from badminima.experiment.records import require_same
from badminima.models.weights import Weights, read_weights
from badminima.results.export import CARD, COLUMNS, DATA, INDEX, Card
from badminima.results.results import require_known
from badminima.storage.files import file_sha256, read_json, user_path
from badminima.storage.tensorfiles import stated_digest

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor, nn

EXAMPLE = Path(__file__).parent / "example"
TYPES = {
    **dict.fromkeys(("name", "dataset", "model", "init", "recipe", "status", "weights_sha256", "card_sha256"), str),
    **dict.fromkeys(("train_accuracy", "test_accuracy"), float),
    "seed": int,
}


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

    def __repr__(self) -> str:
        parts = [f"{self.minima} minima"]
        parts += [f"datasets: {', '.join(self.datasets)}"] if self.datasets else []
        parts += [f"not there, so not compared: {', '.join(self.absent)}"] if self.absent else []
        return f"Verified({'; '.join(parts)})"


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
        read = set()
        absent = set()
        for name in self:
            minimum = self[name]
            minimum.weights()
            dataset = str(self.index.loc[name, "dataset"]), minimum.card.digests.get("dataset")
            if not minimum.has_dataset:
                absent.add(dataset[0])
            elif dataset not in read:
                minimum.dataset()
                read.add(dataset)
        return Verified(len(self), tuple(sorted({name for name, _ in read})), tuple(sorted(absent)))


def _verify(path: Path, stated: str) -> None:
    if not path.exists():
        raise UserError(path, "no such file", "copy or export the zoo again")
    if file_sha256(path) != stated:
        raise UserError(path, "a file that does not fit its digest in the index", "copy or export the zoo again")
