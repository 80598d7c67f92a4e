"""Every extension point in one place: a name, and the module that is imported when the name is used.

Nothing is imported until it is asked for, so the workflow can validate names without loading torch or
matplotlib. Adding a dataset, model, diagnostic, figure or table is one line here and one new file.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Literal

from badminima.errors import UserError


@dataclass(frozen=True)
class Entry:
    """An extension.

    Attributes:
        target: where it lives, ``module:attribute``.
        options: the options it takes, with their defaults.
        choices: for options that are names, which ones there are.
        needs: the diagnostics that a figure shows.
        along: the diagnostics that a figure shows along the path of its study's runs or pretrainings.
        verified: whether a dataset source compares files of a local folder with published digests.
        stage: the rule that makes a diagnostic: of one run, of a run compared with another, or of a run's surroundings.
        whole_study: whether a figure shows all of a study, so that recipes and inits cannot be chosen.
        over: whether a figure is drawn over a numeric setting, which its entry names.
        needs_start: whether a diagnostic looks at the weights a run started from.
        needs_finite: whether a diagnostic is skipped where a run's weights are not finite.
    """

    target: str
    options: Mapping[str, Any] = field(default_factory=dict)
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    along: tuple[str, ...] = ()
    verified: bool = False
    stage: Literal["diagnose", "compare", "landscape"] = "diagnose"
    whole_study: bool = False
    over: bool = False
    needs_start: bool = False
    needs_finite: bool = True


class Registry:
    """A named family of extensions.

    Args:
        family: what an entry is, for messages ("dataset source", "architecture", ...).
        entries: the extensions this version has.
    """

    def __init__(self, family: str, entries: Mapping[str, Entry]) -> None:
        self.family = family
        self.entries = dict(entries)

    @property
    def names(self) -> list[str]:
        """Every name a config may use."""
        return list(self.entries)

    def entry(self, name: str) -> Entry:
        """The entry called ``name``; raises UserError if there is no code for it."""
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
        "digits": Entry("badminima.data.sources.digits:Digits", verified=True),
        "fashion_mnist": Entry("badminima.data.sources.fashion_mnist:FashionMNIST", verified=True),
        "cifar10": Entry("badminima.data.sources.cifar:Cifar10", verified=True),
        "cifar100": Entry("badminima.data.sources.cifar:Cifar100", verified=True),
        "cinic10": Entry(
            "badminima.data.sources.cinic10:Cinic10",
            {"train_parts": ["train"]},
            choices={"train_parts": ("train", "valid")},
        ),
        "restricted_imagenet": Entry("badminima.data.sources.restricted_imagenet:RestrictedImageNet", {"side": 64}),
    },
)

STEMS = {"stem": ("small", "imagenet")}

ARCHITECTURES = Registry(
    "architecture",
    {
        "mlp": Entry("badminima.models.mlp:build", {"widths": [128, 128, 128]}),
        "convnet": Entry("badminima.models.convnet:build", {"widths": [32, 64, 128]}),
        "vgg16": Entry("badminima.models.vgg:vgg16"),
        "resnet18": Entry("badminima.models.resnet:resnet18", {"stem": "small"}, STEMS),
        "resnet50": Entry("badminima.models.resnet:resnet50", {"stem": "small"}, STEMS),
        "densenet40": Entry("badminima.models.densenet:densenet40", {"stem": "small"}, STEMS),
    },
)

DIAGNOSTICS = Registry(
    "diagnostic",
    {
        "distance": Entry("badminima.diagnostics.distance:measure", needs_start=True, needs_finite=False),
        "norms": Entry("badminima.diagnostics.norms:measure", needs_start=True, needs_finite=False),
        "complexity": Entry("badminima.diagnostics.complexity:measure", {"iterations": 100}),
        "sharpness": Entry(
            "badminima.diagnostics.sharpness:measure",
            {"images": 500, "eigenvalues": 1, "products": 30, "rho": 0.05, "rho_adaptive": 0.5, "draws": 5},
        ),
        "robustness": Entry(
            "badminima.diagnostics.robustness:measure",
            {
                "images": 1000,
                "fgsm": [2, 4, 8],
                "pgd_linf": [2, 4, 8],
                "pgd_l2": [0.25, 0.5, 1.0],
                "steps": 20,
                "gaussian": [0.05, 0.1, 0.2],
                "shift": [1, 2],
                "zeroing": [0.1, 0.3, 0.5],
            },
        ),
        "trace": Entry(
            "badminima.diagnostics.trace:measure",
            {"images": 250, "products": 9, "batch_size": 128, "flip_probability": 0.2, "batches": 20},
        ),
        "memory": Entry("badminima.diagnostics.memory:measure", needs_start=True),
        "labels": Entry("badminima.diagnostics.labels:measure"),
        "privacy": Entry("badminima.diagnostics.privacy:measure", {"resamples": 1000}),
        "units": Entry("badminima.diagnostics.units:measure"),
        "functions": Entry("badminima.diagnostics.functions:measure", {"points": 11}, stage="compare"),
        "landscape": Entry(
            "badminima.diagnostics.landscape:landscape",
            {"recipes": ["vanilla", "da+m+l2"], "path": 15, "plane": 21, "margin": 0.25},
            stage="landscape",
        ),
    },
)

FIGURES = Registry(
    "figure",
    {
        "curves": Entry("badminima.figures.curves:draw"),
        "ablation": Entry("badminima.figures.ablation:draw"),
        "distance": Entry("badminima.figures.distance:draw", needs=("distance", "norms")),
        "complexity": Entry("badminima.figures.complexity:draw", needs=("complexity",)),
        "sharpness": Entry("badminima.figures.sharpness:draw", needs=("sharpness",)),
        "robustness": Entry("badminima.figures.robustness:draw", needs=("robustness",)),
        "memory": Entry("badminima.figures.memory:draw", needs=("memory", "privacy")),
        "landscape": Entry("badminima.figures.landscape:draw", needs=("landscape",)),
        "measures": Entry("badminima.figures.measures:draw", whole_study=True),
        "escape": Entry("badminima.figures.escape:draw"),
        "response": Entry("badminima.figures.response:draw", over=True),
        "label_noise": Entry("badminima.figures.label_noise:draw", along=("trace",)),
        "memorisation": Entry("badminima.figures.memorisation:draw", along=("distance", "labels"), whole_study=True),
    },
)

TABLES = Registry(
    "table",
    {
        "main": Entry("badminima.paper_tables.main:make"),
        "ablation": Entry("badminima.paper_tables.ablation:make"),
    },
)
