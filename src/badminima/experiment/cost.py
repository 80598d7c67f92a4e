"""Estimate the cost of a configuration before anything runs: hours and bytes, from measured speeds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from badminima.config import AdversarialInit, Config
from badminima.config.registry import ARCHITECTURES, SOURCES
from badminima.errors import UserError
from badminima.experiment.lineage import with_runs_behind
from badminima.experiment.runs import Run, all_runs, study_runs


@dataclass(frozen=True)
class Speed:
    """Images per second of one architecture on one image of ``pixels`` pixels."""

    training: float
    evaluation: float
    pixels: int


@dataclass(frozen=True)
class Cost:
    """The cost of some jobs.

    Attributes:
        jobs: trainings and pretrainings.
        hours: device-hours.
        gigabytes: disk.
    """

    jobs: int = 0
    hours: float = 0.0
    gigabytes: float = 0.0

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(self.jobs + other.jobs, self.hours + other.hours, self.gigabytes + other.gigabytes)


def read_speeds(path: Path) -> tuple[dict[str, Speed], str]:
    """Speeds by architecture from ``benchmarks/training.py``'s CSV, and the device they were measured on.

    Raises:
        UserError: if the file is missing or not such a table.
    """
    try:
        table = pd.read_csv(path)
        speeds = {}
        columns = ["case", "train_images_per_second", "evaluate_images_per_second"]
        for case, training, evaluation in table[columns].itertuples(index=False, name=None):
            architecture, size = str(case).split()
            height, width = size.split("x")
            speeds[architecture] = Speed(float(training), float(evaluation), int(height) * int(width))
        return speeds, str(table["device"].iloc[0])
    except FileNotFoundError:
        raise UserError(path, "no such file", "run `make bench` first, or name another table") from None
    except (AttributeError, KeyError, ValueError, IndexError) as error:
        raise UserError(path, f"no benchmark table ({error})", "expected what `make bench` writes") from None


def cost_of_runs(config: Config, runs: list[Run], speeds: Mapping[str, Speed]) -> Cost:
    """Return the cost of runs with all runs and pretrainings behind them, at most: pretraining may stop early.

    Raises:
        UserError: if a model was not measured.
    """
    total = Cost()
    runs = with_runs_behind(config.inits, runs)
    for run in runs:
        total += _training(config, run, speeds)
    inits = {(run.dataset, run.model, run.init, run.seed) for run in runs}
    for dataset, model, init, seed in sorted(inits, key=str):
        entry = config.inits[init]
        adversarial = init if isinstance(entry, AdversarialInit) else getattr(entry, "like", None)
        if adversarial is not None and (adversarial == init or (dataset, model, adversarial, seed) not in inits):
            total += _pretraining(config, dataset, model, adversarial, speeds)
    return total


def cost_of_jobs(
    config: Config, trainings: Sequence[Run], pretrainings: Sequence[Run], speeds: Mapping[str, Speed]
) -> Cost:
    """Return what exactly these trainings and pretrainings cost at most.

    Args:
        config: the configuration.
        trainings: trainings on the true labels.
        pretrainings: trainings on confusing sets, as runs whose recipe does not matter.
        speeds: by architecture.

    Raises:
        UserError: if a model was not measured.
    """
    total = Cost()
    for run in trainings:
        total += _training(config, run, speeds)
    for run in pretrainings:
        total += _pretraining(config, run.dataset, run.model, run.init, speeds)
    return total


def plan(config: Config, speeds: Mapping[str, Speed]) -> pd.DataFrame:
    """A row for each figure and for everything: trainings, device-hours, disk.

    Figures that share a study share its runs, so the rows do not add up.
    """
    rows = []
    for name, figure in config.figures.items():
        rows.append((f"fig_{name}", cost_of_runs(config, study_runs(config.studies[figure.study]), speeds)))
    rows.append(("all", cost_of_runs(config, all_runs(config), speeds)))
    columns = ["target", "trainings and pretrainings", "device-hours of training, at most", "gigabytes"]
    return pd.DataFrame([(name, cost.jobs, cost.hours, cost.gigabytes) for name, cost in rows], columns=columns)


def _training(config: Config, run: Run, speeds: Mapping[str, Speed]) -> Cost:
    train, test = _images(config, run.dataset)
    recipe = config.recipes[run.recipe]
    optimization = config.training.with_recipe(recipe)
    evaluations = 1 + -(-optimization.epochs // optimization.evaluate_every)
    passes = optimization.epochs * (1 if recipe.sam is None else 2)
    augmented = 2 if recipe.augmentation else 1
    seconds = _seconds(config, run.dataset, run.model, speeds, passes * train, evaluations * (augmented * train + test))
    return Cost(1, seconds / 3600, (_weights(config, run.model) + 16 * test) / 1e9)


def _pretraining(config: Config, dataset: str, model: str, init: str, speeds: Mapping[str, Speed]) -> Cost:
    entry = config.inits[init]
    assert isinstance(entry, AdversarialInit)
    train, test = _images(config, dataset)
    copies = train * entry.replication
    optimization = config.pretraining
    evaluations = 1 + -(-optimization.epochs // optimization.evaluate_every)
    seconds = _seconds(config, dataset, model, speeds, optimization.epochs * copies, evaluations * (copies + test))
    mask = -(-_image_bytes(config, dataset) // 8)
    return Cost(1, seconds / 3600, (_weights(config, model) + copies * (8 + mask) + 16 * test) / 1e9)


def _seconds(
    config: Config, dataset: str, model: str, speeds: Mapping[str, Speed], trained: int, evaluated: int
) -> float:
    architecture = config.models[model].architecture
    if architecture not in speeds:
        raise UserError(
            "plan", f"no measured speed of {architecture}", f"measured: {', '.join(speeds)}; run `make bench`"
        )
    speed = speeds[architecture]
    # A convolution's work grows with the pixels; smaller images are not counted as cheaper, since VGG pads them.
    larger = max(1.0, _pixels(config, dataset) / speed.pixels)
    return larger * (trained / speed.training + evaluated / speed.evaluation)


def _images(config: Config, dataset: str) -> tuple[int, int]:
    """Training and test images of a dataset."""
    entry = config.datasets[dataset]
    source = SOURCES.entry(entry.source)
    train, test = source.images
    train *= len(getattr(source.options(**entry.options), "train_parts", [1]))
    used = entry.train_size or train - entry.validation_size
    if entry.evaluate_on == "validation":
        return used, entry.validation_size
    return used, test or train - used - entry.validation_size


def _image_bytes(config: Config, dataset: str) -> int:
    return _channels(config, dataset) * _pixels(config, dataset)


def _channels(config: Config, dataset: str) -> int:
    return SOURCES.entry(config.datasets[dataset].source).image_shape[0]


def _pixels(config: Config, dataset: str) -> int:
    """Pixels of an image; a source with the option ``side`` gives squares of it."""
    entry = config.datasets[dataset]
    _, height, width = SOURCES.entry(entry.source).image_shape
    side = entry.options.get("side")
    return height * width if side is None else int(side) ** 2


def _weights(config: Config, model: str) -> int:
    """Bytes of a model's weights, near enough: those of the default options."""
    return 4 * ARCHITECTURES.entry(config.models[model].architecture).parameters
