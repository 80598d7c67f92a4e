"""Options of dataset sources, architectures and diagnostics: a section for each extension that has any.

The registry names an extension's section. Bounds are what its code needs, so that a wrong value is found before
anything runs.
"""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from badminima.config.base import Count, Name, Number, Section


class Options(Section):
    """Base of all options, and the section of an extension that has none."""


def _odd(value: int) -> int:
    """Refuse even numbers."""
    if value % 2 == 0:
        raise ValueError("expected an odd number")
    return value


def _once(values: list[Any]) -> list[Any]:
    """Refuse values that share a name: a measured number is named after its strength, as ``:g`` writes it."""
    names = [value if isinstance(value, str) else f"{value:g}" for value in values]
    if len(set(names)) < len(names):
        raise ValueError("expected each value once")
    return values


# Messages are made from the JSON schema: it is told what validators demand beyond pydantic's own bounds.
Odd = Annotated[int, Field(ge=3, le=1001, json_schema_extra={"not": {"multipleOf": 2}}), AfterValidator(_odd)]
ONCE = (Field(min_length=1, json_schema_extra={"uniqueItems": True}), AfterValidator(_once))
Size = Annotated[Number, Field(gt=0, le=1e6)]
Fraction = Annotated[Number, Field(gt=0, le=1)]
# In units of 1/255, one level of an 8-bit image.
Levels = Annotated[Number, Field(gt=0, le=255)]
# Upper bounds of counts: more is a slip that would take days, or all memory.
# Hutch++ spends a third of its products on each of its parts, and a standard error takes two.
Products = Annotated[int, Field(ge=6, le=99_999, multiple_of=3)]
Steps = Annotated[int, Field(ge=1, le=10_000)]
Draws = Steps
Points = Annotated[int, Field(ge=2, le=1001)]
Widths = Annotated[list[Annotated[int, Field(ge=1, le=65_536)]], Field(min_length=1)]
Stem = Literal["small", "imagenet"]
Norm = Literal["batch", "group", "none"]
Initialization = Literal["torch", "torch_0.3", "kaiming_fan_in", "kaiming_fan_out"]


# Dataset sources.


class Cinic10Options(Options):
    """Options of CINIC-10."""

    train_parts: Annotated[list[Literal["train", "valid"]], *ONCE] = Field(
        ["train"], description="Which of its parts are the training images; valid is otherwise unused."
    )


class RestrictedImageNetOptions(Options):
    """Options of Restricted ImageNet."""

    side: int = Field(64, ge=8, le=2048, description="Height and width of the images, in pixels.")


class ImageFolderOptions(Options):
    """Options of a folder of images."""

    side: int = Field(32, ge=8, le=2048, description="Height and width of the images, in pixels.")
    resize: bool = Field(True, description="Resize the shorter side and crop; false: refuse other sizes.")
    grey: bool = Field(False, description="Read images as one channel of grey; false: as red, green and blue.")


class ArraysOptions(Options):
    """Options of arrays."""

    layout: Literal["auto", "channels_last", "channels_first"] = Field(
        "auto", description="Where the channels of an image stand; auto: on the one axis that has 1 or 3."
    )


# Architectures.


class MlpOptions(Options):
    """Options of the multilayer perceptron."""

    widths: Widths = Field([128, 128, 128], description="Units of each hidden layer.")


class ConvnetOptions(Options):
    """Options of the small convolutional network."""

    widths: Widths = Field([32, 64, 128], description="Channels of each convolution.")


NORM = "Normalization: batch, group (GroupNorm with 32 channels a group) or none."
INITIALIZATION = "Weights: torch, torch_0.3 (BatchNorm scales uniform in [0, 1)), Kaiming normal by inputs or outputs."
STEM = "First layers: small keeps the image size; imagenet (7x7, max-pool) halves it twice, for 128 pixels or more."


class VggOptions(Options):
    """Options of VGG networks."""

    norm: Norm = Field("batch", description=NORM)
    initialization: Initialization = Field("kaiming_fan_out", description=INITIALIZATION)


class ResNetOptions(Options):
    """Options of residual networks."""

    stem: Stem = Field("small", description=STEM)
    norm: Norm = Field("batch", description=NORM)
    initialization: Initialization = Field("kaiming_fan_out", description=INITIALIZATION)


class DenseNetOptions(Options):
    """Options of densely connected networks."""

    stem: Stem = Field("small", description=STEM)
    initialization: Initialization = Field("kaiming_fan_in", description=INITIALIZATION)


# Diagnostics.


class ComplexityOptions(Options):
    """Options of the complexity measures."""

    iterations: Steps = Field(100, description="Products with a convolution's map, at most, for its spectral norm.")


class SharpnessOptions(Options):
    """Options of the sharpness measures."""

    images: Count = Field(500, description="Training images that they are measured on, at most.")
    eigenvalues: int = Field(1, ge=1, le=100, description="How many of the Hessian's largest eigenvalues.")
    products: Products = Field(45, description="Hessian-vector products for the trace.")
    rho: Size = Field(0.05, description="Radius of SAM's ball.")
    rho_adaptive: Size = Field(0.5, description="Radius of ASAM's ball, relative to each parameter.")
    draws: Draws = Field(5, description="Noise vectors behind each PAC-Bayesian sigma.")


class RobustnessOptions(Options):
    """Options of the robustness measures; each strength gives a number that is named after it."""

    images: Count = Field(1000, description="Test images that they are measured on, at most.")
    fgsm: Annotated[list[Levels], *ONCE] = Field([2, 4, 8], description="Radii of FGSM, in units of 1/255.")
    pgd_linf: Annotated[list[Levels], *ONCE] = Field([2, 4, 8], description="Radii in the maximum norm, in 1/255.")
    pgd_l2: Annotated[list[Size], *ONCE] = Field([0.25, 0.5, 1.0], description="Euclidean radii of PGD, on values 0-1.")
    steps: Steps = Field(20, description="Steps of PGD.")
    gaussian: Annotated[list[Size], *ONCE] = Field([0.05, 0.1, 0.2], description="Deviations of noise on values 0-1.")
    shift: Annotated[list[Annotated[int, Field(ge=1, le=2047)]], *ONCE] = Field([1, 2], description="Shifts in pixels.")
    zeroing: Annotated[list[Fraction], *ONCE] = Field([0.1, 0.3, 0.5], description="Fractions of values set to zero.")


class TraceOptions(Options):
    """Options of the Hessian's trace and of the covariance of label noise."""

    images: Count = Field(250, description="Training images that they are measured on, at most.")
    products: Products = Field(45, description="Hessian-vector products for the trace.")
    flip_probability: Number = Field(0.2, gt=0, lt=1, description="Probability that a label becomes another one.")
    draws: int = Field(
        10, ge=2, le=10_000, description="Gradients per image of the noise covariance; exact if >= classes."
    )


class PrivacyOptions(Options):
    """Options of membership inference."""

    resamples: int = Field(1000, ge=100, le=1_000_000, description="Bootstrap resamples behind the intervals.")


class GradientsOptions(Options):
    """Options of the gradients of single images."""

    images: int = Field(100, ge=2, description="Training images; memory holds a gradient of each.")


class CalibrationOptions(Options):
    """Options of calibration."""

    bins: int = Field(15, ge=2, le=100, description="Bins of confidence, of equal width.")


class FunctionsOptions(Options):
    """Options of the comparison of two runs."""

    points: Odd = Field(11, description="Points on the line between the two; odd, so that one lies half way.")


class LandscapeOptions(Options):
    """Options of the loss around a run."""

    recipes: Annotated[list[Name], *ONCE] = Field(["vanilla", "da+m+l2"], description="Recipes that are surveyed.")
    path: Points = Field(15, description="Points on each half of the path from the random weights to the end.")
    plane: Points = Field(21, description="Points along each side of the plane's grid.")
    margin: Number = Field(0.25, ge=0, le=100, description="Room around the three points, as a share of their extent.")


class FilterLandscapeOptions(Options):
    """Options of the loss along filter-normalized directions."""

    images: Count = Field(500, description="Training images that it is measured on, at most.")
    directions: int = Field(2, ge=1, le=100, description="Random directions, each drawn anew.")
    points: Odd = Field(21, description="Points along each direction; odd, so that one is the end of the run.")
    radius: Number = Field(1.0, gt=0, le=100, description="How far each line goes both ways, in norms of the filters.")
