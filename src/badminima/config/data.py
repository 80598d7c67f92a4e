"""Datasets and models."""

from typing import Annotated, Any, Literal

from pydantic import Field

from badminima.config.base import Address, Count, Name, Section, Text
from badminima.errors import UserError


class DataConfig(Section):
    """Where raw datasets come from."""

    download_dir: Text = Field("data", description="Folder that downloads go to, shared by all configs.")
    local_dirs: dict[Name, Text] = Field({}, description="Dataset source -> folder that already holds its files.")
    urls: dict[Name, list[Address]] = Field(
        {}, description="Dataset source -> mirrors of its archives, tried in order; credentials from `~/.netrc`."
    )


class AugmentationConfig(Section):
    """Data augmentation (DA): random crop after zero-padding, random horizontal flip (paper, section A)."""

    padding: int = Field(4, ge=0, description="Zero-padding on each side before the crop, in pixels.")
    horizontal_flip: bool = Field(True, description="Mirror each image left to right with probability 1/2.")


class DatasetConfig(Section):
    """A prepared dataset: its source, how much of it is used, and its augmentation."""

    source: str = Field(description="Name of a dataset source.")
    options: dict[str, Any] = Field({}, description="Options of that source, for example the side of its images.")
    path: Annotated[Text, Field(min_length=1)] | None = Field(
        None, description="Folder or archive with its files; null: its source's in data.local_dirs, or a download."
    )
    train_size: Count | None = Field(None, description="Training images to use, drawn evenly over classes; null: all.")
    validation_size: int = Field(0, ge=0, description="Images held out of training, to choose settings on.")
    test_size: Count | None = Field(None, description="Test images to use, drawn evenly over classes; null: all.")
    evaluate_on: Literal["test", "validation"] = Field("test", description="What the 'test' columns are measured on.")
    augmentation: AugmentationConfig = AugmentationConfig()


class ModelConfig(Section):
    """A network: an architecture and its options."""

    architecture: str = Field(description="Name of an architecture.")
    options: dict[str, Any] = Field({}, description="Options of that architecture, for example widths.")


def check_sizes(dataset: str, sizes: Any, train: int, test: int) -> int:
    """Return the number of training images that are used; raise UserError where there are fewer than asked for.

    Args:
        dataset: its name.
        sizes: what is asked for: the entry, or the settings that are made of it.
        train: the training images that there are.
        test: the test images that there are; 0: none, so that those left of the training images are.
    """
    where, held_out = f"datasets.{dataset}", sizes.validation_size
    if not test and sizes.train_size is None:
        remedy = f"{dataset} has no test images of its own: say how many of its {train:,} images to train on"
        raise UserError(f"{where}.train_size", "nothing", remedy)
    used: int = train - held_out if sizes.train_size is None else sizes.train_size
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
