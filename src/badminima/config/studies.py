"""Studies, and what is measured, drawn and decided of them."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from badminima.config.base import Count, Name, Number, Positive, Section, Seed, Text

Seeds = Annotated[list[Seed], Field(min_length=1)]


class GridConfig(Section):
    """The grid that studies run on unless they name another."""

    datasets: list[Name] = Field([], min_length=1, description="Datasets.")
    models: list[Name] = Field([], min_length=1, description="Models.")
    seeds: Seeds = Field([], description="Seeds.")


# The claimed side of a threshold: above it, or within plus and minus it.
Region = Literal["above", "within"]


# Sorted, so that its order changes no command.
Only = Annotated[
    dict[Name, Annotated[list[Name], Field(min_length=1)] | None],
    AfterValidator(lambda only: dict(sorted(only.items()))),
]


class StudyConfig(Section):
    """A named grid of runs that answers one question: the product of its lists, without what ``only`` leaves out."""

    question: Text = Field(description="What the study answers, in one sentence.")
    datasets: list[Name] = Field([], min_length=1, description="Datasets; without: the grid's.")
    models: list[Name] = Field([], min_length=1, description="Models; without: the grid's.")
    inits: Annotated[list[Name], Field(min_length=1)]
    recipes: Annotated[list[Name], Field(min_length=1)]
    seeds: Seeds = Field([], description="Seeds; without: the grid's.")
    only: Only = Field(
        {}, description="Init -> those of the study's recipes that it is trained by; no entry, or null: by all."
    )
    along: list[str] = Field([], description="Measured at every evaluated epoch of its runs and pretrainings.")

    def has(self, init: str, recipe: str) -> bool:
        """Tell whether the grid has the cell of an init and a recipe."""
        return init in self.inits and recipe in self.recipes and recipe in (self.only.get(init) or self.recipes)


class MeasuringConfig(Section):
    """How runs are measured."""

    images: Count = Field(2000, description="Training and test images that a network is measured on, at most.")
    options: dict[Name, dict[str, Any]] = Field({}, description="Options of each measurement.")


class TableConfig(Section):
    """A table for a paper: its kind, its study, and optionally which of the study's recipes and inits."""

    kind: str | None = Field(None, description="Null: the kind that the entry is named after.")
    study: Name
    recipes: list[Name] | None = Field(None, description="Recipes to show; null: all of the study's.")
    inits: list[Name] | None = Field(None, description="Inits to show; null: all of the study's.")


class FigureConfig(TableConfig):
    """A figure: its kind, its study, and optionally which of the study's recipes and inits."""

    over: str | None = Field(None, description="Of a response: the number on x, which inits or recipes differ in.")


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

    confidence: Number = Field(0.95, gt=0.5, lt=1, description="Coverage of the intervals.")
    resamples: int = Field(2000, ge=100, description="Bootstrap resamples.")
    margin: Positive = Field(0.01, description="Accuracy difference below which two recipes count as equal.")
    ratio_margin: Number = Field(1.25, gt=1, description="Factor within which measurements count as equal (b9).")
    fitted_tolerance: Number = Field(0.001, gt=0, lt=1, description="Training error of a run that counts as fitted.")
    kept_tolerance: Number = Field(0.05, gt=0, lt=1, description="As fitted_tolerance, for runs with label noise (b).")


class PlanConfig(Section):
    """The cost of a grid, and how much of it may run on the machine where it is started."""

    device: str | None = Field(
        None, description="Device to reckon with, or part of its name; null, or a GPU for the CPU: this machine's."
    )
    speeds: list[Annotated[str, Field(pattern=r"^[^{}]+$")]] = Field(
        [], description="Your tables of `make bench`, from the checkout's folder: they count before `benchmarks/`."
    )
    local_hours: Positive | None = Field(24, description="Device-hours that start without a cluster; null: any.")


class ClaimsConfig(Section):
    """The studies that the papers' claims are checked on; a claim without its study is not measured."""

    study: Name = Field(description="Claims 1 to 5: inits random and adversarial.")
    control: Name | None = Field(
        None, description="Controls: vanilla SGD from random, adversarial, random_rescaled, true_labels; null: study."
    )
    replication: Name | None = Field(None, description="Claim 6: vanilla from inits that differ in replication alone.")
    label_noise: Name | None = Field(None, description="Claims b: label_noise from adversarial_end and full_batch_end.")


class ZooConfig(Section):
    """The runs of the claims' study that target ``zoo`` exports."""

    recipes: list[Name] | None = Field(None, description="Recipes to export; null: all of the study's.")
    inits: list[Name] | None = Field(None, description="Inits to export; null: all of the study's.")
    seeds: list[Seed] | None = Field(None, description="Seeds to export; null: the first.")
    data: bool = Field(False, description="Export prepared datasets too: only images that you may pass on.")


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

    max_runtime: Count | None = Field(None, description="Most minutes of a job, measurements included; null: any.")
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
