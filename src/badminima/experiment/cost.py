"""What a configuration will cost, before anything runs: hours and bytes, from measured speeds."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from badminima.config import AdversarialInit, Config
from badminima.errors import UserError
from badminima.experiment.lineage import with_runs_behind
from badminima.experiment.runs import Run, all_runs, study_runs

# Images of each dataset where the config asks for all of them: training, test, bytes of one image.
PUBLISHED = {
    "digits": (1_797, 0, 64),
    "fashion_mnist": (60_000, 10_000, 784),
    "cifar10": (50_000, 10_000, 3_072),
    "cifar100": (50_000, 10_000, 3_072),
    "cinic10": (90_000, 90_000, 3_072),
    "restricted_imagenet": (257_748, 10_150, 3_072),
}
# Parameters of each architecture (10 classes), for the size of weights: four bytes each.
PARAMETERS = {
    "mlp": 42_634,
    "convnet": 94_186,
    "vgg16": 14_728_266,
    "resnet18": 11_173_962,
    "resnet50": 23_520_842,
    "densenet40": 176_122,
}


@dataclass(frozen=True)
class Speed:
    """Images per second of one architecture on one image of ``pixels`` pixels."""

    training: float
    evaluation: float
    pixels: int


@dataclass(frozen=True)
class Cost:
    """What some jobs take.

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
    """What some runs, and the runs and pretrainings they rest on, cost; an upper bound: pretraining may stop early.

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
    if entry.source not in PUBLISHED:
        raise UserError("plan", f"unknown size of {entry.source}", f"known: {', '.join(PUBLISHED)}")
    train, test, _ = PUBLISHED[entry.source]
    if entry.source == "cinic10" and len(entry.options.get("train_parts", ["train"])) == 2:
        train *= 2
    used = entry.train_size or train - entry.validation_size
    if entry.evaluate_on == "validation":
        return used, entry.validation_size
    return used, test or train - used - entry.validation_size


def _image_bytes(config: Config, dataset: str) -> int:
    entry = config.datasets[dataset]
    if entry.source == "restricted_imagenet":
        return 3 * int(entry.options.get("side", 64)) ** 2
    return PUBLISHED[entry.source][2]


def _pixels(config: Config, dataset: str) -> int:
    channels = 1 if config.datasets[dataset].source in ("digits", "fashion_mnist") else 3
    return _image_bytes(config, dataset) // channels


def _weights(config: Config, model: str) -> int:
    """Bytes of a model's weights, near enough."""
    return 4 * PARAMETERS.get(config.models[model].architecture, 0)
