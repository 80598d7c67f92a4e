"""Datasets and models."""

from typing import Annotated, Any, Literal

from pydantic import Field

from badminima.config.base import Address, Count, Name, Section


class DataConfig(Section):
    """Where raw datasets come from."""

    download_dir: str = Field("data", description="Folder that downloads go to, shared by all configs.")
    local_dirs: dict[Name, str] = Field({}, description="Dataset source -> folder that already holds its files.")
    urls: dict[Name, list[Address]] = Field(
        {},
        description="Dataset source -> mirrors: addresses of folders with its published archives, tried in order; "
        "credentials are read from `~/.netrc`.",
    )


class AugmentationConfig(Section):
    """Data augmentation (DA): random crop after zero-padding, random horizontal flip (paper, section A)."""

    padding: Annotated[int, Field(ge=0)] = Field(4, description="Zero-padding on each side before the crop, in pixels.")
    horizontal_flip: bool = Field(True, description="Mirror each image left to right with probability 1/2.")


class DatasetConfig(Section):
    """A prepared dataset: its source, how much of it is used, and its augmentation."""

    source: str = Field(description="Name of a dataset source.")
    options: dict[str, Any] = Field({}, description="Options of that source, for example the side of its images.")
    path: Annotated[str, Field(min_length=1)] | None = Field(
        None,
        description="Folder or archive that already holds its files; null: that of its source in data.local_dirs, or a "
        "download.",
    )
    train_size: Count | None = Field(None, description="Training images to use, drawn evenly over classes; null: all.")
    validation_size: Annotated[int, Field(ge=0)] = Field(
        0, description="Images held out of training, for choosing settings without looking at the test set."
    )
    test_size: Count | None = Field(None, description="Test images to use, drawn evenly over classes; null: all.")
    evaluate_on: Literal["test", "validation"] = Field(
        "test", description="Which held-out images the 'test' columns of this config's runs are measured on."
    )
    augmentation: AugmentationConfig = AugmentationConfig()


class ModelConfig(Section):
    """A network: an architecture and its options."""

    architecture: str = Field(description="Name of an architecture.")
    options: dict[str, Any] = Field({}, description="Options of that architecture, for example widths.")
