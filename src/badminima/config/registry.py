"""Every extension point in one place: a name, and the module that is imported when the name is used.

Nothing is imported until it is asked for, so the workflow can validate names without loading torch or
matplotlib. Adding a dataset source, architecture, diagnostic, figure or table is one line here and one new file; the
options of the first three, if any, are a section in ``config/options.py``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Generic, Literal, TypeVar

from badminima.config.options import (
    ArraysOptions,
    CalibrationOptions,
    Cinic10Options,
    ComplexityOptions,
    ConvnetOptions,
    DenseNetOptions,
    FilterLandscapeOptions,
    FunctionsOptions,
    GradientsOptions,
    ImageFolderOptions,
    LandscapeOptions,
    MlpOptions,
    Options,
    PrivacyOptions,
    ResNetOptions,
    RestrictedImageNetOptions,
    RobustnessOptions,
    SharpnessOptions,
    TraceOptions,
    VggOptions,
)
from badminima.errors import UserError

IMAGE_ENDINGS = (".png", ".jpg", ".jpeg", ".webp")


@dataclass(frozen=True)
class Entry:
    """An extension.

    Attributes:
        target: where it lives, ``module:attribute``.
    """

    target: str


@dataclass(frozen=True)
class EntryWithOptions(Entry):
    """An extension that may take options.

    Attributes:
        options: the section of its options: names, types, bounds, defaults and what they mean.
    """

    options: type[Options] = Options


@dataclass(frozen=True)
class SourceEntry(EntryWithOptions):
    """A dataset source.

    Attributes:
        images: training and test images as published; ``plan`` reckons with them.
        image_shape: ``(c, h, w)`` at the default options.
        origin: where its files come from: this package, the network, or the user alone.
        verified: whether files of a local folder are compared with published digests.
        endings: of the files in a local folder that are read to know its content; none: names and sizes tell it.
    """

    images: tuple[int, int] = field(kw_only=True)
    image_shape: tuple[int, int, int] = field(kw_only=True)
    origin: Literal["embedded", "download", "local"] = "download"
    verified: bool = False
    endings: tuple[str, ...] = ()


@dataclass(frozen=True)
class ArchitectureEntry(EntryWithOptions):
    """An architecture.

    Attributes:
        parameters: trained numbers at the default options, for 10 classes; ``plan`` reckons with them.
    """

    parameters: int = field(kw_only=True)


@dataclass(frozen=True)
class DiagnosticEntry(EntryWithOptions):
    """A diagnostic.

    Attributes:
        stage: the rule that makes it: of one run, of a run compared with another, or of a run's surroundings.
        needs_start: whether it looks at the weights a run started from.
        needs_finite: whether it is skipped where a run's weights are not finite.
        of_test_images: how the names of values begin that are measured on test images.
    """

    stage: Literal["diagnose", "compare", "landscape"] = "diagnose"
    needs_start: bool = False
    needs_finite: bool = True
    of_test_images: tuple[str, ...] = ()


@dataclass(frozen=True)
class FigureEntry(Entry):
    """A kind of figure.

    Attributes:
        needs: the diagnostics that it shows.
        along: the diagnostics that it shows along the path of its study's runs or pretrainings.
        outcomes: whether it shows accuracies and histories alone, so that nothing is measured for it.
        whole_study: whether it shows all of a study, so that recipes and inits cannot be chosen.
        over: whether it is drawn over a numeric setting, which its entry in the config names.
        question: what it answers, whatever its study asks; empty: the study's question.
    """

    needs: tuple[str, ...] = ()
    along: tuple[str, ...] = ()
    outcomes: bool = False
    whole_study: bool = False
    over: bool = False
    question: str = ""


@dataclass(frozen=True)
class TableEntry(Entry):
    """A kind of table for papers.

    Attributes:
        of_parts: whether it tells apart the parts of a seed, which its inits have to fix.
    """

    of_parts: bool = False


Kind = TypeVar("Kind", bound=Entry, covariant=True)


class Registry(Generic[Kind]):
    """A named family of extensions.

    Args:
        family: what an entry is, for messages ("dataset source", "architecture", ...).
        entries: the extensions this version has.
    """

    def __init__(self, family: str, entries: Mapping[str, Kind]) -> None:
        self.family = family
        self.entries = dict(entries)

    @property
    def names(self) -> list[str]:
        """Every name a config may use."""
        return list(self.entries)

    def entry(self, name: str) -> Kind:
        """Return the entry called ``name``; raises UserError if there is no code for it."""
        if name not in self.entries:
            raise UserError(self.family, repr(name), f"available: {', '.join(self.entries)}")
        return self.entries[name]

    def load(self, name: str) -> Callable[..., Any]:
        """Import and return the object behind ``name``; raises UserError if there is no code for it."""
        module, attribute = self.entry(name).target.split(":")
        loaded: Callable[..., Any] = getattr(import_module(module), attribute)
        return loaded


SOURCES = Registry(
    "dataset source",
    {
        "digits": SourceEntry(
            "badminima.data.sources.digits:Digits",
            images=(1_797, 0),
            image_shape=(1, 8, 8),
            origin="embedded",
            verified=True,
        ),
        "fashion_mnist": SourceEntry(
            "badminima.data.sources.fashion_mnist:FashionMNIST",
            images=(60_000, 10_000),
            image_shape=(1, 28, 28),
            verified=True,
        ),
        "cifar10": SourceEntry(
            "badminima.data.sources.cifar:Cifar10", images=(50_000, 10_000), image_shape=(3, 32, 32), verified=True
        ),
        "cifar100": SourceEntry(
            "badminima.data.sources.cifar:Cifar100", images=(50_000, 10_000), image_shape=(3, 32, 32), verified=True
        ),
        "cinic10": SourceEntry(
            "badminima.data.sources.cinic10:Cinic10",
            Cinic10Options,
            images=(90_000, 90_000),
            image_shape=(3, 32, 32),
        ),
        "restricted_imagenet": SourceEntry(
            "badminima.data.sources.restricted_imagenet:RestrictedImageNet",
            RestrictedImageNetOptions,
            images=(257_748, 10_150),
            image_shape=(3, 64, 64),
            origin="local",
        ),
        # How many images there are is not known before they are listed: as many as CIFAR-10's, where nothing says.
        "image_folder": SourceEntry(
            "badminima.data.sources.image_folder:ImageFolder",
            ImageFolderOptions,
            images=(50_000, 10_000),
            image_shape=(3, 32, 32),
            origin="local",
            endings=IMAGE_ENDINGS,
        ),
        "arrays": SourceEntry(
            "badminima.data.sources.arrays:Arrays",
            ArraysOptions,
            images=(50_000, 10_000),
            image_shape=(3, 32, 32),
            origin="local",
            endings=(".npy",),
        ),
    },
)

ARCHITECTURES = Registry(
    "architecture",
    {
        "mlp": ArchitectureEntry("badminima.models.mlp:build", MlpOptions, parameters=42_634),
        "convnet": ArchitectureEntry("badminima.models.convnet:build", ConvnetOptions, parameters=94_186),
        "vgg16": ArchitectureEntry("badminima.models.vgg:vgg16", VggOptions, parameters=14_728_266),
        "vgg19": ArchitectureEntry("badminima.models.vgg:vgg19", VggOptions, parameters=20_040_522),
        "resnet18": ArchitectureEntry("badminima.models.resnet:resnet18", ResNetOptions, parameters=11_173_962),
        "resnet50": ArchitectureEntry("badminima.models.resnet:resnet50", ResNetOptions, parameters=23_520_842),
        "densenet40": ArchitectureEntry("badminima.models.densenet:densenet40", DenseNetOptions, parameters=176_122),
    },
)

DIAGNOSTICS = Registry(
    "diagnostic",
    {
        "distance": DiagnosticEntry("badminima.diagnostics.distance:measure", needs_start=True, needs_finite=False),
        "norms": DiagnosticEntry("badminima.diagnostics.norms:measure", needs_start=True, needs_finite=False),
        "start": DiagnosticEntry("badminima.diagnostics.start:measure", needs_start=True, needs_finite=False),
        "complexity": DiagnosticEntry("badminima.diagnostics.complexity:measure", ComplexityOptions),
        "sharpness": DiagnosticEntry("badminima.diagnostics.sharpness:measure", SharpnessOptions),
        "robustness": DiagnosticEntry(
            "badminima.diagnostics.robustness:measure",
            RobustnessOptions,
            of_test_images=("robustness.",),
        ),
        "trace": DiagnosticEntry("badminima.diagnostics.trace:measure", TraceOptions),
        "memory": DiagnosticEntry("badminima.diagnostics.memory:measure", needs_start=True),
        "labels": DiagnosticEntry("badminima.diagnostics.labels:measure"),
        "privacy": DiagnosticEntry(
            "badminima.diagnostics.privacy:measure", PrivacyOptions, of_test_images=("privacy.",)
        ),
        "calibration": DiagnosticEntry(
            "badminima.diagnostics.calibration:measure", CalibrationOptions, of_test_images=("calibration.",)
        ),
        "gradients": DiagnosticEntry("badminima.diagnostics.gradients:measure", GradientsOptions, needs_start=True),
        "units": DiagnosticEntry("badminima.diagnostics.units:measure"),
        "filter_landscape": DiagnosticEntry("badminima.diagnostics.filter_landscape:measure", FilterLandscapeOptions),
        "functions": DiagnosticEntry(
            "badminima.diagnostics.functions:measure",
            FunctionsOptions,
            stage="compare",
            of_test_images=("functions.disagreement", "functions.kl"),
        ),
        "landscape": DiagnosticEntry(
            "badminima.diagnostics.landscape:landscape",
            LandscapeOptions,
            stage="landscape",
        ),
    },
)

FIGURES = Registry(
    "figure",
    {
        "curves": FigureEntry(
            "badminima.report.figures.curves:draw", outcomes=True, question="How do accuracies grow along training?"
        ),
        "pretraining": FigureEntry(
            "badminima.report.figures.pretraining:draw",
            outcomes=True,
            whole_study=True,
            question="How does a network learn random labels by heart?",
        ),
        "ablation": FigureEntry("badminima.report.figures.panels:draw_ablation", outcomes=True),
        "distance": FigureEntry(
            "badminima.report.figures.panels:draw",
            needs=("distance", "norms"),
            question="How far does each run travel?",
        ),
        "complexity": FigureEntry(
            "badminima.report.figures.panels:draw", needs=("complexity",), question="Are bad minima more complex?"
        ),
        "sharpness": FigureEntry(
            "badminima.report.figures.panels:draw", needs=("sharpness",), question="Are bad minima sharper?"
        ),
        "robustness": FigureEntry(
            "badminima.report.figures.robustness:draw", needs=("robustness",), question="Are bad minima less robust?"
        ),
        "memory": FigureEntry(
            "badminima.report.figures.panels:draw",
            needs=("memory", "privacy"),
            question="What is left of the wrong labels?",
        ),
        "privacy": FigureEntry(
            "badminima.report.figures.panels:draw",
            needs=("privacy",),
            question="Do bad minima leak their training images?",
        ),
        "units": FigureEntry(
            "badminima.report.figures.panels:draw", needs=("units",), question="Which units does a run use?"
        ),
        "calibration": FigureEntry(
            "badminima.report.figures.calibration:draw",
            needs=("calibration",),
            question="Are bad minima as right as sure?",
        ),
        "landscape": FigureEntry(
            "badminima.report.figures.landscape:draw",
            needs=("landscape",),
            question="What does the loss around a run look like?",
        ),
        "filter_landscape": FigureEntry(
            "badminima.report.figures.landscape:draw_filters",
            needs=("filter_landscape",),
            question="How wide are the valleys of bad, good and escaped minima?",
        ),
        "measures": FigureEntry(
            "badminima.report.figures.measures:draw",
            whole_study=True,
            question="Which measure tells bad minima from good ones?",
        ),
        "scatter": FigureEntry(
            "badminima.report.figures.scatter:draw",
            question="How does the generalization gap grow with each measure?",
        ),
        "escape": FigureEntry(
            "badminima.report.figures.escape:draw",
            outcomes=True,
            question="How much of the gap does each recipe close?",
        ),
        "response": FigureEntry("badminima.report.figures.response:draw", outcomes=True, over=True),
        "label_noise": FigureEntry("badminima.report.figures.label_noise:draw", along=("trace",), outcomes=True),
        "mechanism": FigureEntry(
            "badminima.report.figures.mechanism:draw",
            along=("gradients", "units", "norms", "distance"),
            outcomes=True,
            question="What changes on the way out of a bad minimum?",
        ),
        "memorisation": FigureEntry(
            "badminima.report.figures.pretraining:draw_memorisation",
            along=("distance", "labels"),
            outcomes=True,
            whole_study=True,
            question="What does a pretraining learn first?",
        ),
    },
)

TABLES = Registry(
    "table",
    {
        "main": TableEntry("badminima.report.tables.cells:make_main"),
        "ablation": TableEntry("badminima.report.tables.cells:make_ablation"),
        "seed_parts": TableEntry("badminima.report.tables.seed_parts:make", of_parts=True),
    },
)
