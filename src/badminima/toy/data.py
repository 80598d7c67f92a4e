"""The toy's points and networks, and the file that holds both.

The points are two Gaussian blobs, one per class, as the published code describes them. Its checked-in generator holds
an unresolved merge conflict, so it cannot have made the data stored beside it, which are not used.
"""

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from badminima.config import ToyConfig
from badminima.config.base import parse
from badminima.seeding import generator
from badminima.storage.tensorfiles import read_tensors, write_tensors
from badminima.toy.network import Layers


@dataclass(frozen=True)
class ToyData:
    """The points of one seed, or of several stacked along a new first axis.

    Attributes:
        train_points: ``[n, 2] float32``.
        train_labels: true labels, 0 (left) or 1 (right), ``[n] float32``.
        random_labels: fair coins for the training points, which pretraining fits, ``[n] float32``.
        augmented_points: the training points, then each one's jittered copies, ``[n * (1 + copies), 2] float32``.
        augmented_labels: their true labels, ``[n * (1 + copies)] float32``.
        test_points, test_labels: more points of the same blobs, ``[m, 2]`` and ``[m]``.
    """

    train_points: np.ndarray
    train_labels: np.ndarray
    random_labels: np.ndarray
    augmented_points: np.ndarray
    augmented_labels: np.ndarray
    test_points: np.ndarray
    test_labels: np.ndarray


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


def draw_data(config: ToyConfig, root_seed: int, seed: int) -> ToyData:
    """All points and labels of one seed; each part has its own random stream."""

    def stream(part: str) -> np.random.Generator:
        return generator(root_seed, "toy", seed, part)

    points, labels = _blobs(config, config.points, stream("train"))
    test_points, test_labels = _blobs(config, config.test_points, stream("test"))
    jitter = config.jitter * stream("jitter").standard_normal((config.copies, *points.shape))
    parts = {
        "train_points": points,
        "train_labels": labels,
        "random_labels": stream("labels").integers(0, 2, len(points)),
        "augmented_points": np.concatenate([points, *(points + jitter)]),
        "augmented_labels": np.tile(labels, 1 + config.copies),
        "test_points": test_points,
        "test_labels": test_labels,
    }
    return ToyData(**{name: values.astype(np.float32) for name, values in parts.items()})


def stack(data: list[ToyData]) -> ToyData:
    """Return the data of several seeds, stacked along a new first axis."""
    return ToyData(**{name: np.stack([getattr(one, name) for one in data]) for name in vars(data[0])})


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

    def layers(name: str) -> Layers:
        return [tensors[f"{name}.{position}"] for position in range(len(config.widths) + 1)]

    stages = [("start", "random", "random"), ("pretraining", "adversarial", "random")]
    stages += [("training", name, run.init) for name, run in config.runs.items()]
    return ToyNetworks(
        config=config,
        data=ToyData(**{field.name: tensors[f"data.{field.name}"] for field in fields(ToyData)}),
        stages=[
            Stage(phase, run, init, layers(f"{phase}.{run}"), tensors[f"{phase}.{run}.epochs"])
            for phase, run, init in stages
        ],
        steps=tensors["steps"],
        frames={run: layers(f"frames.{run}") for run in config.animated},
    )


def _blobs(config: ToyConfig, count: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """``count`` points of each class: ``[2 * count, 2]``, and their labels ``[2 * count]``."""
    labels = np.repeat([0.0, 1.0], count)
    points = config.center + config.spread * random.standard_normal((2 * count, 2))
    points[:, 0] += np.where(labels == 1, config.separation, -config.separation)
    return points, labels
