"""Estimate the cost of a configuration before anything runs: hours and bytes, from what was measured of a device.

Times are device-seconds: of a GPU, or of a CPU with as many threads as its trainings were measured with.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from badminima.config import AdversarialInit, Config
from badminima.config.registry import ARCHITECTURES, DIAGNOSTICS, SOURCES
from badminima.errors import UserError
from badminima.experiment import measured
from badminima.experiment.runs import Run
from badminima.experiment.speeds import Device


@dataclass(frozen=True)
class Cost:
    """The cost of some jobs, at most: a pretraining may stop early.

    Attributes:
        training: device-seconds of trainings and pretrainings, evaluations included.
        measuring: device-seconds of measurements.
        jobs: jobs that compute on the device.
        gigabytes: disk.
    """

    training: float = 0.0
    measuring: float = 0.0
    jobs: int = 0
    gigabytes: float = 0.0

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(
            self.training + other.training,
            self.measuring + other.measuring,
            self.jobs + other.jobs,
            self.gigabytes + other.gigabytes,
        )


def cost_of_jobs(config: Config, trainings: Sequence[Run], pretrainings: Sequence[Run], device: Device) -> Cost:
    """Return what exactly these trainings and pretrainings cost at most.

    Args:
        config: the configuration.
        trainings: trainings on the true labels.
        pretrainings: trainings on confusing sets, as runs whose recipe does not matter.
        device: what they run on.

    Raises:
        UserError: if a model was not measured.
    """
    costs = [_training(config, run, device) for run in trainings]
    return sum(costs + [_pretraining(config, run, device) for run in pretrainings], Cost())


def seconds_of_measurements(config: Config, run: Run, stage: str, device: Device) -> float:
    """Return the device-seconds of a stage's measurements of a run."""
    return _measuring(config, run, device, measured.measurements_of(config, stage))


def not_measured(config: Config, device: Device) -> list[str]:
    """Return the configured diagnostics that no architecture was measured with on a device: they count nothing."""
    return [name for name in config.diagnostics if name not in device.timings]


def _training(config: Config, run: Run, device: Device) -> Cost:
    train, test = _images(config, run.dataset)
    recipe = config.recipes[run.recipe]
    optimization = config.training.with_recipe(recipe)
    evaluations = 1 + -(-optimization.epochs // optimization.evaluate_every)
    passes = optimization.epochs * (1 if recipe.sam is None else 2)
    augmented = 2 if recipe.augmentation else 1
    seconds = _seconds(config, run, device, passes * train, evaluations * (augmented * train + test))
    along = evaluations * _measuring(config, run, device, measured.along_run(config, run))
    return Cost(seconds, along, 1, (_weights(config, run.model) + 16 * test) / 1e9)


def _pretraining(config: Config, run: Run, device: Device) -> Cost:
    entry = config.inits[run.init]
    assert isinstance(entry, AdversarialInit)
    train, test = _images(config, run.dataset)
    copies = train * entry.replication
    optimization = config.pretraining
    evaluations = 1 + -(-optimization.epochs // optimization.evaluate_every)
    seconds = _seconds(config, run, device, optimization.epochs * copies, evaluations * (copies + test))
    names = measured.along_pretraining(config, run.dataset, run.model, run.init, int(run.seed))
    along = evaluations * _measuring(config, run, device, names)
    mask = -(-_image_bytes(config, run.dataset) // 8)
    size = _weights(config, run.model) + copies * (8 + mask) + 16 * test
    return Cost(seconds, along, 1, size / 1e9)


def _measuring(config: Config, run: Run, device: Device, names: Iterable[str]) -> float:
    """Return the device-seconds of some diagnostics of a run; one that was not measured counts nothing."""
    return sum(_diagnostic(config, run, device, name) for name in names if name in device.timings)


def _diagnostic(config: Config, run: Run, device: Device, name: str) -> float:
    """Return the device-seconds of a diagnostic of a run, scaled from the measured one that is most like it.

    The time of a diagnostic grows with its images. An architecture takes as long as the measured one nearest to it in
    speed, times the ratio of their times for training on an image: a diagnostic too is made of forward and backward
    passes. That ratio holds the networks' work and how well the device does it. Other options are not accounted for.
    """
    own = _seconds(config, run, device, 1, 0)
    times = [
        (max(1.0, timing.pixels / device.speeds[architecture].pixels) / device.speeds[architecture].training, timing)
        for architecture, timing in device.timings[name].items()
    ]
    nearest, timing = min(times, key=lambda pair: abs(math.log(pair[0] / own)))
    there = min(config.measuring.images, _images(config, run.dataset)[0])
    images = _used(config, name, there) / _used(None, name, timing.images)
    return timing.seconds * images * own / nearest


def _used(config: Config | None, name: str, images: int) -> int:
    """Return the number of images that a diagnostic looks at; without a config, at its default options."""
    options = DIAGNOSTICS.entry(name).options
    given = {} if config is None else config.measuring.options.get(name, {})
    return min(images, getattr(options.model_validate(given), "images", images))


def _seconds(config: Config, run: Run, device: Device, trained: int, evaluated: int) -> float:
    architecture = config.models[run.model].architecture
    if architecture not in device.speeds:
        raise UserError(
            "plan",
            f"no measured speed of {architecture} on {device.name}",
            f"measured: {', '.join(device.speeds)}; run `make bench`",
        )
    speed = device.speeds[architecture]
    # A convolution's work grows with the pixels; smaller images are not counted as cheaper, since VGG pads them.
    larger = max(1.0, _pixels(config, run.dataset) / speed.pixels)
    return larger * (trained / speed.training + evaluated / speed.evaluation)


def _images(config: Config, dataset: str) -> tuple[int, int]:
    """Training and test images of a dataset."""
    entry = config.datasets[dataset]
    train, test = SOURCES.entry(entry.source).published(entry.options)
    used = entry.train_size or train - entry.validation_size
    if entry.evaluate_on == "validation":
        return used, entry.validation_size
    left = test or train - used - entry.validation_size
    return used, min(left, entry.test_size or left)


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
