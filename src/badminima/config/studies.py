"""Studies, and what is measured, drawn and decided of them."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from badminima.config.base import Count, Name, Number, Positive, Section, Seed, Text

Seeds = Annotated[list[Seed], Field(min_length=1)]


class GridConfig(Section):
    """The grid that studies run on unless they name another."""

    datasets: Annotated[list[Name], Field(min_length=1)] = Field([], description="Datasets.")
    models: Annotated[list[Name], Field(min_length=1)] = Field([], description="Models.")
    seeds: Seeds = Field([], description="Seeds.")


# The claimed side of a threshold: above it, or within plus and minus it.
Region = Literal["above", "within"]


class StudyConfig(Section):
    """A named grid of runs that answers one question: the product of its lists, without what ``only`` leaves out."""

    question: Text = Field(description="What the study answers, in one sentence.")
    datasets: Annotated[list[Name], Field(min_length=1)] = Field([], description="Datasets; without: the grid's.")
    models: Annotated[list[Name], Field(min_length=1)] = Field([], description="Models; without: the grid's.")
    inits: Annotated[list[Name], Field(min_length=1)]
    recipes: Annotated[list[Name], Field(min_length=1)]
    seeds: Seeds = Field([], description="Seeds; without: the grid's.")
    only: Annotated[
        dict[Name, Annotated[list[Name], Field(min_length=1)] | None],
        AfterValidator(lambda only: dict(sorted(only.items()))),
    ] = Field(
        {},
        description="Init -> those of the study's recipes that it is trained by; without an entry, or null: by all.",
    )
    along: list[str] = Field(
        [], description="Measurements made at every evaluated epoch of its runs, and of its inits' pretrainings."
    )

    def has(self, init: str, recipe: str) -> bool:
        """Tell whether the grid has the cell of an init and a recipe."""
        return init in self.inits and recipe in self.recipes and recipe in (self.only.get(init) or self.recipes)


class MeasuringConfig(Section):
    """How runs are measured."""

    images: Count = Field(2000, description="Training and test images that a network is measured on, at most.")
    options: dict[Name, dict[str, Any]] = Field({}, description="Options of each measurement.")


class FigureConfig(Section):
    """A figure: what is drawn, of which study, and optionally which of its recipes and inits."""

    kind: str | None = Field(None, description="The kind of figure; null: the one that the entry is named after.")
    study: Name
    recipes: list[Name] | None = Field(None, description="Recipes to draw; null: all of the study's.")
    inits: list[Name] | None = Field(None, description="Inits to draw; null: all of the study's.")
    over: str | None = Field(
        None, description="Of a response: the number that its inits, or else its recipes, differ in, along x."
    )


class TableConfig(Section):
    """A table for a paper: what is tabulated, of which study, and optionally which of its recipes and inits."""

    kind: str | None = Field(None, description="The kind of table; null: the one that the entry is named after.")
    study: Name
    recipes: list[Name] | None = Field(None, description="Recipes to show; null: all of the study's.")
    inits: list[Name] | None = Field(None, description="Inits to show; null: all of the study's.")


class Doses(Section):
    """Where the inits or the recipes of a figure stand along a numeric setting.

    Attributes:
        over: the setting.
        axis: whose setting it is.
        series: values by name; the names of a series differ in this setting and in nothing else.
    """

    over: str
    axis: Literal["inits", "recipes"]
    series: list[dict[str, float]]


class SeedParts(Section):
    """The seeds that an adversarial init fixes, where a run's seed selects the order of its images alone.

    Attributes:
        weights: of the random weights that its pretraining starts from.
        confusing: of its confusing set.
    """

    weights: int
    confusing: int


class StatisticsConfig(Section):
    """Intervals and verdicts."""

    confidence: Annotated[Number, Field(gt=0.5, lt=1)] = Field(0.95, description="Coverage of the intervals.")
    resamples: Annotated[int, Field(ge=100)] = Field(2000, description="Bootstrap resamples.")
    margin: Positive = Field(0.01, description="Accuracy difference below which two recipes count as equal.")
    ratio_margin: Annotated[Number, Field(gt=1)] = Field(
        1.25, description="Factor up to which, either way, two measurements count as equal (claim b9)."
    )
    fitted_tolerance: Annotated[Number, Field(gt=0, lt=1)] = Field(
        0.001, description="Training error below which a run counts as having fitted its training set."
    )
    kept_tolerance: Annotated[Number, Field(gt=0, lt=1)] = Field(
        0.05, description="Training error up to which a run with label noise counts as not having collapsed (claims b)."
    )


class PlanConfig(Section):
    """The cost of a grid, and how much of it may run on the machine where it is started."""

    device: str | None = Field(
        None,
        description="The device to reckon with, or a part of its name that no other has; null, or a GPU where the "
        "config computes on the CPU: the one that this machine computes on.",
    )
    speeds: list[Annotated[str, Field(pattern=r"^[^{}]+$")]] = Field(
        [],
        description="Tables of `make bench` from machines of your own, from the checkout's folder: they count before "
        "those in `benchmarks/`.",
    )
    local_hours: Annotated[Number, Field(gt=0)] | None = Field(
        24,
        description="Device-hours above which trainings are not started without a cluster; null: no limit.",
    )


class ClaimsConfig(Section):
    """The studies that the papers' claims are checked on; a claim without its study is not measured."""

    study: Name = Field(description="Claims 1 to 5: inits random and adversarial.")
    control: Name | None = Field(
        None,
        description="The controls: vanilla SGD from random, adversarial, random_rescaled and true_labels; null: that "
        "of study.",
    )
    replication: Name | None = Field(
        None, description="Claim 6: vanilla SGD from adversarial inits that differ in their replication alone."
    )
    label_noise: Name | None = Field(
        None,
        description="Claims b: recipes vanilla, label_noise, label_noise_x3 from adversarial_end and full_batch_end.",
    )


class ZooConfig(Section):
    """The runs of the claims' study that target ``zoo`` exports."""

    recipes: list[Name] | None = Field(None, description="Recipes to export; null: all of the study's.")
    inits: list[Name] | None = Field(None, description="Inits to export; null: all of the study's.")
    seeds: list[Seed] | None = Field(None, description="Seeds to export; null: the first.")
    data: bool = Field(
        False, description="Export the prepared datasets too; leave it off for images that you may not pass on."
    )


class ResourceConfig(Section):
    """Resources of one job of a rule at its first attempt."""

    threads: Count = 1
    mem_mb: Count = 4000
    runtime: Count = Field(60, description="Minutes.")
    gpu: Annotated[int, Field(ge=0)] = 0


class ResourcesConfig(Section):
    """Resources per rule; rules not named here use ``default``.

    Memory and runtime double with each attempt, up to the limits; the runtime of trainings stays, since they go on from
    their restart points.
    """

    max_runtime: Count | None = Field(
        None, description="Minutes that no job asks for more than, a training with its measurements; null: no limit."
    )
    max_mem_mb: Count | None = Field(None, description="Memory that no job asks for more than; null: no limit.")
    default: ResourceConfig = ResourceConfig()
    prepare_data: ResourceConfig | None = None
    confuse: ResourceConfig | None = None
    pretrain: ResourceConfig | None = None
    train: ResourceConfig | None = None
    diagnose: ResourceConfig | None = None

    def of(self, rule: str) -> ResourceConfig:
        """Return the resources of the rule called ``rule``."""
        return getattr(self, rule, None) or self.default

    def runtime(self, rule: str, attempt: int, resumes: bool = False, share: float = 1.0) -> int:
        """Return the minutes that an attempt asks for.

        Args:
            rule: the rule's name.
            attempt: counted from 1.
            resumes: whether an attempt goes on where the one before it ended.
            share: the part of the limit that it may have, beside others of one job.
        """
        wanted = self.of(rule).runtime * (1 if resumes else 1 << (attempt - 1))
        return wanted if self.max_runtime is None else max(1, min(wanted, int(self.max_runtime * share)))

    def memory(self, rule: str, attempt: int) -> int:
        """Return the megabytes that an attempt asks for."""
        wanted = self.of(rule).mem_mb * (1 << (attempt - 1))
        return wanted if self.max_mem_mb is None else min(wanted, self.max_mem_mb)
