"""How many images of a dataset are used, and whether it has them."""

from typing import Protocol

from badminima.config import Config
from badminima.config.registry import SOURCES
from badminima.errors import UserError


class Sizes(Protocol):
    """Say how a config or a job's settings split a dataset."""

    @property
    def train_size(self) -> int | None: ...  # noqa: D102
    @property
    def validation_size(self) -> int: ...  # noqa: D102
    @property
    def test_size(self) -> int | None: ...  # noqa: D102
    @property
    def evaluate_on(self) -> str: ...  # noqa: D102


def check_sizes(dataset: str, sizes: Sizes, train: int, test: int) -> int:
    """Return the number of training images that are used; raise UserError where there are fewer than asked for.

    Args:
        dataset: its name.
        sizes: what is asked for.
        train: the training images that there are.
        test: the test images that there are; 0: none, so that those left of the training images are.
    """
    where, held_out = f"datasets.{dataset}", sizes.validation_size
    if not test and sizes.train_size is None:
        remedy = f"{dataset} has no test images of its own: say how many of its {train:,} images to train on"
        raise UserError(f"{where}.train_size", "nothing", remedy)
    used = train - held_out if sizes.train_size is None else sizes.train_size
    asked = f"train_size {sizes.train_size:,} and validation_size {held_out:,}" if sizes.train_size else ""
    if used < 1:
        raise UserError(f"{where}.validation_size", f"{held_out:,}", f"expected less than its {train:,} images")
    if used + held_out > train:
        raise UserError(where, asked, f"it has {train:,} training images, expected at most that together")
    if sizes.evaluate_on == "validation" and not held_out:
        raise UserError(f"{where}.evaluate_on", "'validation' without images", "give it a validation_size")
    left = test or train - used - held_out
    if sizes.evaluate_on == "test" and not left:
        raise UserError(where, asked, f"expected less than its {train:,} images together, to leave some to test on")
    if sizes.test_size is not None and sizes.test_size > left:
        raise UserError(f"{where}.test_size", f"{sizes.test_size:,}", f"expected at most {left:,}, which it has")
    return used


def published_sizes(config: Config, dataset: str) -> tuple[int, int]:
    """Return the training and test images of a dataset as its source publishes them."""
    entry = config.datasets[dataset]
    source = SOURCES.entry(entry.source)
    train, test = source.images
    return train * len(getattr(source.options(**entry.options), "train_parts", [1])), test


def are_known(config: Config, dataset: str) -> bool:
    """Return whether a dataset surely has as many images as published: its files are compared, or downloaded."""
    entry = config.datasets[dataset]
    source = SOURCES.entry(entry.source)
    is_local = source.origin == "local" or entry.path is not None or entry.source in config.data.local_dirs
    return source.verified or not is_local
