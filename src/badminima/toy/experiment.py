"""Stage ``toy``: pretrain and train all networks of the toy, and measure them along the way."""

from typing import Any

import numpy as np

from badminima.config import ToyConfig
from badminima.experiment.settings import ToySettings
from badminima.seeding import generator
from badminima.toy.data import Stage, ToyData, ToyNetworks, draw_data, stack, steps_of
from badminima.toy.measure import KEPT, PathMeter
from badminima.toy.network import BLOCK, Generators, Layers, Report, draw_layers, pretrain, stack_layers, train


def epochs_of(config: ToyConfig) -> int:
    """Count the epochs of pretraining, at most, and of all runs."""
    return config.pretraining.epochs + sum(run.epochs for run in config.runs.values())


def run_toy(
    settings: ToySettings, report: Report = lambda done, message: None
) -> tuple[ToyNetworks, list[dict[str, Any]]]:
    """Pretrain and train all networks, the seeds in lockstep.

    Args:
        settings: the experiment.
        report: called with the epochs done, of ``epochs_of``, and a message; a pretraining may need fewer.

    Returns:
        The networks, and the rows of ``paths.csv``.
    """
    config = settings.toy

    def generators(*name: str) -> list[np.random.Generator]:
        return [generator(settings.root_seed, "toy", seed, *name) for seed in config.seeds]

    data = stack([draw_data(config, settings.root_seed, seed) for seed in config.seeds])
    random = stack_layers([draw_layers(config.widths, weights) for weights in generators("weights")])
    order = generators("order", "pretraining")
    adversarial, epochs = pretrain(random, data.train_points, data.random_labels, config, order, report)
    starts = {"random": random, "adversarial": adversarial}
    stages = [
        Stage("start", "random", "random", random, np.zeros_like(epochs)),
        Stage("pretraining", "adversarial", "random", adversarial, epochs),
    ]
    steps, frames = logarithmic(max(steps_of(config, name) for name in config.animated), config.frames), {}
    rows: list[dict[str, Any]] = []
    done = config.pretraining.epochs
    for name, run in config.runs.items():
        # Runs of one seed on the same points share their order.
        order = generators("order", "training")
        ends, shown, measured = _train(config, name, data, starts[run.init], order, steps, done, report)
        stages.append(Stage("training", name, run.init, ends, np.full_like(epochs, run.epochs)))
        rows += measured
        if name in config.animated:
            frames[name] = shown
        done += run.epochs
    return ToyNetworks(config, data, stages, steps, frames), rows


def _train(
    config: ToyConfig,
    name: str,
    data: ToyData,
    start: Layers,
    generators: Generators,
    steps: np.ndarray,
    done: int,
    report: Report,
) -> tuple[Layers, Layers, list[dict[str, Any]]]:
    """Return the end of a run, its first network at some steps (later ones show its end), and its rows of paths.csv."""
    run, last = config.runs[name], steps_of(config, name)
    meter, kept = PathMeter(start, data), set(logarithmic(last, KEPT).tolist())
    shown = np.minimum(steps, last).tolist()
    frames: dict[int, Layers] = {}
    rows: list[dict[str, Any]] = []

    def look(step: int, layers: Layers) -> None:
        epoch = step * run.epochs / last
        if epoch % BLOCK == 0:
            report(done + int(epoch), f"training {name}")
        if step in shown:
            frames[step] = [layer[0].copy() for layer in layers]
        if step in kept:
            values = meter.measure(layers)
            for position, seed in enumerate(config.seeds):
                place = {"run": name, "init": run.init, "seed": seed, "step": step, "epoch": epoch}
                of_seed = {measure: float(found[position]) for measure, found in values.items()}
                rows.append({**place, "lr": run.learning_rate, **of_seed})

    points = data.augmented_points if run.augmentation else data.train_points
    labels = data.augmented_labels if run.augmentation else data.train_labels
    ends = train(start, points, labels, run, config.batch_size, generators, look)
    return ends, stack_layers([frames[step] for step in shown]), rows


def logarithmic(last: int, count: int) -> np.ndarray:
    """Choose steps: the start, then evenly on a logarithmic scale to the last.

    Early steps that rounding makes equal are taken once, so there are a few less than ``count``.
    """
    # From the last one down: of two steps the second is the end, not the first step.
    return np.unique([0, *np.geomspace(last, 1, count - 1).round().astype(np.int64)])
