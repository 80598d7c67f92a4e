"""Stage ``toy``: all networks of the toy experiment, and the file that holds them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from badminima.config import ToyConfig
from badminima.config.messages import parse
from badminima.errors import UserError
from badminima.experiment.settings import ToySettings
from badminima.seeding import generator
from badminima.storage.tensorfiles import read_tensors, write_tensors
from badminima.toy.data import ToyData, draw_data, stack
from badminima.toy.network import Layers, draw_layers, stack_layers
from badminima.toy.paths import KEPT, PathMeter
from badminima.toy.training import pretrain, train


@dataclass(frozen=True)
class Stage:
    """Networks of one kind, a stack over seeds.

    Attributes:
        phase: ``start`` (random weights), ``pretraining`` or ``training``.
        run: name of the init or of the run.
        init: the init they came from.
        layers: the stack.
        epochs: how long each was trained, ``[s]``.
    """

    phase: str
    run: str
    init: str
    layers: Layers
    epochs: np.ndarray


@dataclass(frozen=True)
class ToyNetworks:
    """All networks of the experiment.

    Attributes:
        config: the experiment.
        data: the points, stacked over seeds.
        stages: random weights, the adversarial init, and the runs, in this order.
        steps: the animation's numbers of steps, increasing from 0, ``[f]``.
        frames: animated run -> the first seed's network at each of them, a stack of ``f``.
    """

    config: ToyConfig
    data: ToyData
    stages: list[Stage]
    steps: np.ndarray
    frames: dict[str, Layers]


def run_toy(
    settings: ToySettings,
    report: Callable[[int, str], None] = lambda done, message: None,
    measured: Callable[[dict[str, Any]], None] | None = None,
) -> ToyNetworks:
    """Pretrain and train all networks, the seeds in lockstep.

    Args:
        settings: the experiment.
        report: called with the epochs of pretraining done, and a message.
        measured: called with each row of ``paths.csv``; None: nothing is measured along the runs.
    """
    config = settings.toy

    def generators(*name: str) -> list[np.random.Generator]:
        return [generator(settings.root_seed, "toy", seed, *name) for seed in config.seeds]

    data = stack([draw_data(config, settings.root_seed, seed) for seed in config.seeds])
    random = stack_layers([draw_layers(config.widths, weights) for weights in generators("weights")])
    order = generators("order", "pretraining")
    adversarial, epochs = pretrain(
        random, data.train_points, data.random_labels, config.pretraining, config.batch_size, order, report
    )
    starts = {"random": random, "adversarial": adversarial}
    stages = [
        Stage("start", "random", "random", random, np.zeros_like(epochs)),
        Stage("pretraining", "adversarial", "random", adversarial, epochs),
    ]
    steps, frames = frame_steps(config), {}
    for name, run in config.runs.items():
        # Runs of one seed on the same points share their order.
        order = generators("order", "training")
        ends, shown = _train(config, name, data, starts[run.init], order, steps, measured)
        stages.append(Stage("training", name, run.init, ends, np.full_like(epochs, run.epochs)))
        if name in config.animated:
            frames[name] = shown
    return ToyNetworks(config, data, stages, steps, frames)


def _train(
    config: ToyConfig,
    name: str,
    data: ToyData,
    start: Layers,
    generators: list[np.random.Generator],
    steps: np.ndarray,
    measured: Callable[[dict[str, Any]], None] | None,
) -> tuple[Layers, Layers]:
    """Return the end of a run, and its first network at some steps; those beyond its end show its end."""
    run, last = config.runs[name], steps_of(config, name)
    meter = PathMeter(start, data)
    shown = np.minimum(steps, last).tolist()
    wanted, kept = set(shown), set(logarithmic(last, KEPT).tolist())
    frames: dict[int, Layers] = {}

    def look(step: int, layers: Layers) -> None:
        if step in wanted:
            frames[step] = [layer[0].copy() for layer in layers]
        if measured is not None and step in kept:
            place = {"step": step, "epoch": step * run.epochs / last, "lr": run.learning_rate}
            values = meter.measure(layers)
            for position, seed in enumerate(config.seeds):
                of_seed = {measure: float(found[position]) for measure, found in values.items()}
                measured({"run": name, "init": run.init, "seed": seed, **place, **of_seed})

    points = data.augmented_points if run.augmentation else data.train_points
    labels = data.augmented_labels if run.augmentation else data.train_labels
    ends = train(start, points, labels, run, config.batch_size, generators, look)
    return ends, stack_layers([frames[step] for step in shown])


def frame_steps(config: ToyConfig) -> np.ndarray:
    """Choose the steps that the animation shows."""
    return logarithmic(max(steps_of(config, name) for name in config.animated), config.frames)


def logarithmic(last: int, count: int) -> np.ndarray:
    """Choose steps: the start, then evenly on a logarithmic scale to the last.

    Early steps that rounding makes equal are taken once, so there are a few less than ``count``.
    """
    # From the last one down: of two steps the second is the end, not the first step.
    return np.unique([0, *np.geomspace(last, 1, count - 1).round().astype(np.int64)])


def steps_of(config: ToyConfig, run: str) -> int:
    """Count the steps of a run."""
    settings = config.runs[run]
    points = 2 * config.points * (1 + config.copies * settings.augmentation)
    return settings.epochs * points // config.batch_size


def write_networks(path: Path, networks: ToyNetworks) -> None:
    """Write points ``data.{name}``, networks ``{phase}.{run}.{layer}`` and frames ``frames.{run}.{layer}``."""
    stacks = {f"{stage.phase}.{stage.run}": stage.layers for stage in networks.stages}
    stacks |= {f"frames.{run}": layers for run, layers in networks.frames.items()}
    tensors = {f"{name}.{position}": layer for name, stack in stacks.items() for position, layer in enumerate(stack)}
    tensors |= {f"data.{name}": values for name, values in vars(networks.data).items()}
    tensors |= {f"{stage.phase}.{stage.run}.epochs": stage.epochs for stage in networks.stages}
    write_tensors(path, {**tensors, "steps": networks.steps}, {"toy": networks.config.model_dump(mode="json")})


def read_networks(path: Path) -> ToyNetworks:
    """Read what ``write_networks`` wrote; raises UserError if the file is missing or damaged."""
    tensors, metadata = read_tensors(path, verify=True)
    config = parse(ToyConfig, metadata.get("toy"), where=f"{path}: ")
    try:
        return _networks(config, tensors)
    except KeyError as error:
        raise UserError(path, f"no tensor {error}", "expected networks of the toy; run its stage again") from None


def _networks(config: ToyConfig, tensors: Mapping[str, np.ndarray]) -> ToyNetworks:
    """Put the networks together; raises KeyError if a tensor is missing."""

    def layers(name: str) -> Layers:
        return [tensors[f"{name}.{position}"] for position in range(len(config.widths) + 1)]

    def stage(phase: str, run: str, init: str) -> Stage:
        name = f"{phase}.{run}"
        return Stage(phase, run, init, layers(name), tensors[f"{name}.epochs"])

    return ToyNetworks(
        config=config,
        data=ToyData(**{field.name: tensors[f"data.{field.name}"] for field in fields(ToyData)}),
        stages=[
            stage("start", "random", "random"),
            stage("pretraining", "adversarial", "random"),
            *(stage("training", name, run.init) for name, run in config.runs.items()),
        ],
        steps=tensors["steps"],
        frames={run: layers(f"frames.{run}") for run in config.animated},
    )
