"""Every extension point in one place: a name, and the module that is imported when the name is used.

Nothing is imported until it is asked for, so the workflow can validate names without loading torch or
matplotlib. Adding a dataset source, architecture, diagnostic, figure or table is one line here and one new file; the
options of the first three, if any, are a section in ``config/options.py``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Generic, Literal, TypeVar

from badminima.config import options as of
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

    options: type[of.Options] = of.Options


@dataclass(frozen=True)
class SourceEntry(EntryWithOptions):
    """A dataset source.

    Attributes:
        images: training and test images as published, which ``plan`` reckons with; CIFAR's where none are known.
        image_shape: ``(c, h, w)`` at the default options.
        origin: where its files come from: this package, the network, or the user alone.
        verified: whether files of a local folder are compared with published digests.
        endings: of the files in a local folder that are read to know its content; none: names and sizes tell it.
    """

    images: tuple[int, int] = (50_000, 10_000)
    image_shape: tuple[int, int, int] = (3, 32, 32)
    origin: Literal["embedded", "download", "local"] = "download"
    verified: bool = False
    endings: tuple[str, ...] = ()

    def published(self, options: Mapping[str, Any]) -> tuple[int, int]:
        """Return the training and test images that there are under some options."""
        return self.images[0] * len(getattr(self.options(**options), "train_parts", [1])), self.images[1]


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
        question: what it answers, whatever its study asks; empty: the study's question.
        needs: the diagnostics that it shows.
        along: the diagnostics that it shows along the path of its study's runs or pretrainings.
        outcomes: whether it shows accuracies and histories alone, so that nothing is measured for it.
        whole_study: whether it shows all of a study, so that recipes and inits cannot be chosen.
        over: whether it is drawn over a numeric setting, which its entry in the config names.
    """

    question: str = ""
    needs: tuple[str, ...] = ()
    along: tuple[str, ...] = ()
    outcomes: bool = False
    whole_study: bool = False
    over: bool = False


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
        package: the package that targets lie in, where they name a module alone.
        entries: the extensions this version has, by name.
    """

    def __init__(self, family: str, package: str, **entries: Kind) -> None:
        self.family, self.package, self.entries = family, package, entries

    @property
    def names(self) -> list[str]:
        """Every name a config may use."""
        return list(self.entries)

    def entry(self, name: str) -> Kind:
        """Return the entry called ``name``; raises UserError if there is no code for it."""
        if name not in self.entries:
            raise UserError(self.family, repr(name), f"available: {', '.join(self.entries)}")
        return self.entries[name]

    def module(self, name: str) -> str:
        """Return the module that the code of ``name`` lies in."""
        module = self.entry(name).target.partition(":")[0]
        return module if "." in module else f"{self.package}.{module}"

    def load(self, name: str) -> Callable[..., Any]:
        """Import and return the object behind ``name``; raises UserError if there is no code for it."""
        loaded: Callable[..., Any] = getattr(import_module(self.module(name)), self.entry(name).target.split(":")[1])
        return loaded


SOURCES = Registry(
    "dataset source",
    "badminima.data.sources",
    digits=SourceEntry("digits:Digits", images=(1_797, 0), image_shape=(1, 8, 8), origin="embedded", verified=True),
    fashion_mnist=SourceEntry(
        "fashion_mnist:FashionMNIST", images=(60_000, 10_000), image_shape=(1, 28, 28), verified=True
    ),
    cifar10=SourceEntry("cifar:Cifar10", verified=True),
    cifar100=SourceEntry("cifar:Cifar100", verified=True),
    cinic10=SourceEntry("cinic10:Cinic10", of.Cinic10Options, images=(90_000, 90_000)),
    restricted_imagenet=SourceEntry(
        "restricted_imagenet:RestrictedImageNet",
        of.RestrictedImageNetOptions,
        images=(257_748, 10_150),
        image_shape=(3, 64, 64),
        origin="local",
    ),
    image_folder=SourceEntry("image_folder:ImageFolder", of.ImageFolderOptions, origin="local", endings=IMAGE_ENDINGS),
    arrays=SourceEntry("arrays:Arrays", of.ArraysOptions, origin="local", endings=(".npy",)),
)

ARCHITECTURES = Registry(
    "architecture",
    "badminima.models",
    mlp=ArchitectureEntry("small:mlp", of.MlpOptions, parameters=42_634),
    convnet=ArchitectureEntry("small:convnet", of.ConvnetOptions, parameters=94_186),
    vgg16=ArchitectureEntry("vgg:vgg16", of.VggOptions, parameters=14_728_266),
    vgg19=ArchitectureEntry("vgg:vgg19", of.VggOptions, parameters=20_040_522),
    resnet18=ArchitectureEntry("resnet:resnet18", of.ResNetOptions, parameters=11_173_962),
    resnet50=ArchitectureEntry("resnet:resnet50", of.ResNetOptions, parameters=23_520_842),
    densenet40=ArchitectureEntry("densenet:densenet40", of.DenseNetOptions, parameters=176_122),
)

DIAGNOSTICS = Registry(
    "diagnostic",
    "badminima.diagnostics",
    distance=DiagnosticEntry("weights:distance", needs_start=True, needs_finite=False),
    norms=DiagnosticEntry("weights:norms", needs_start=True, needs_finite=False),
    start=DiagnosticEntry("weights:start_loss", needs_start=True, needs_finite=False),
    complexity=DiagnosticEntry("complexity:measure", of.ComplexityOptions),
    sharpness=DiagnosticEntry("sharpness:measure", of.SharpnessOptions),
    robustness=DiagnosticEntry("robustness:measure", of.RobustnessOptions, of_test_images=("robustness.",)),
    trace=DiagnosticEntry("trace:measure", of.TraceOptions),
    memory=DiagnosticEntry("memory:measure", needs_start=True),
    labels=DiagnosticEntry("memory:labels"),
    privacy=DiagnosticEntry("privacy:measure", of.PrivacyOptions, of_test_images=("privacy.",)),
    calibration=DiagnosticEntry("calibration:measure", of.CalibrationOptions, of_test_images=("calibration.",)),
    gradients=DiagnosticEntry("gradients:measure", of.GradientsOptions, needs_start=True),
    units=DiagnosticEntry("units:measure"),
    filter_landscape=DiagnosticEntry("filter_landscape:measure", of.FilterLandscapeOptions),
    functions=DiagnosticEntry(
        "functions:measure",
        of.FunctionsOptions,
        stage="compare",
        of_test_images=("functions.disagreement", "functions.kl"),
    ),
    landscape=DiagnosticEntry("landscape:landscape", of.LandscapeOptions, stage="landscape"),
)

FIGURES = Registry(
    "figure",
    "badminima.report.figures",
    curves=FigureEntry("lines:draw_curves", "How do accuracies grow along training?", outcomes=True),
    pretraining=FigureEntry(
        "pretraining:draw", "How does a network learn random labels by heart?", outcomes=True, whole_study=True
    ),
    ablation=FigureEntry("panels:draw_ablation", outcomes=True),
    distance=FigureEntry("panels:draw", "How far does each run travel?", needs=("distance", "norms")),
    complexity=FigureEntry("panels:draw", "Are bad minima more complex?", needs=("complexity",)),
    sharpness=FigureEntry("panels:draw", "Are bad minima sharper?", needs=("sharpness",)),
    robustness=FigureEntry("lines:draw_robustness", "Are bad minima less robust?", needs=("robustness",)),
    memory=FigureEntry("panels:draw", "What is left of the wrong labels?", needs=("memory", "privacy")),
    privacy=FigureEntry("panels:draw", "Do bad minima leak their training images?", needs=("privacy",)),
    units=FigureEntry("panels:draw", "Which units does a run use?", needs=("units",)),
    calibration=FigureEntry("calibration:draw", "Are bad minima well calibrated?", needs=("calibration",)),
    landscape=FigureEntry("landscape:draw", "What does the loss around a run look like?", needs=("landscape",)),
    filter_landscape=FigureEntry(
        "landscape:draw_filters",
        "How wide are the valleys of bad, good and escaped minima?",
        needs=("filter_landscape",),
    ),
    measures=FigureEntry("measures:draw", "Which measure distinguishes bad minima from good ones?", whole_study=True),
    scatter=FigureEntry("measures:draw_scatter", "How does the generalization gap grow with each measure?"),
    escape=FigureEntry("escape:draw", "How much of the gap does each recipe close?", outcomes=True),
    response=FigureEntry("response:draw", outcomes=True, over=True),
    label_noise=FigureEntry("label_noise:draw", along=("trace",), outcomes=True),
    mechanism=FigureEntry(
        "mechanism:draw",
        "What changes on the way out of a bad minimum?",
        along=("gradients", "units", "norms", "distance"),
        outcomes=True,
    ),
    memorisation=FigureEntry(
        "pretraining:draw_memorisation",
        "What does a pretraining learn first?",
        along=("distance", "labels"),
        outcomes=True,
        whole_study=True,
    ),
)

TABLES = Registry(
    "table",
    "badminima.report.tables",
    main=TableEntry("cells:make_main"),
    ablation=TableEntry("cells:make_ablation"),
    seed_parts=TableEntry("seed_parts:make", of_parts=True),
)
