"""The two phases of the toy: fitting random labels, and training on the true ones."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from badminima.config import ToyPretraining, ToyRun
from badminima.toy.network import Layers, Trainer, logits

BLOCK = 100  # epochs whose orders are drawn together, and after which pretraining looks whether it is done
# torch's ReduceLROnPlateau: what counts as an improvement of the loss.
IMPROVEMENT = 1e-4


def orders(generators: Sequence[np.random.Generator], points: int, epochs: int) -> Iterator[np.ndarray]:
    """Yield random orders of the points, in blocks of epochs: ``[s, up to BLOCK, points]``, one for each network."""
    for first in range(0, epochs, BLOCK):
        rows = np.tile(np.arange(points), (min(BLOCK, epochs - first), 1))
        yield np.stack([generator.permuted(rows, axis=1) for generator in generators])


def run_epoch(
    trainer: Trainer, points: np.ndarray, labels: np.ndarray, rates: np.ndarray, after: Callable[[], None] | None = None
) -> np.ndarray:
    """One epoch over points in their order.

    Args:
        trainer: the stack.
        points: ``[s, n, 2]``, where ``n`` is a multiple of the batch size.
        labels: ``[s, n]``.
        rates: learning rates, ``[s]``.
        after: called after every step.

    Returns:
        The mean loss of each network over the epoch's batches, each taken before its step, ``[s]``.
    """
    size = trainer.batch_size
    outputs = np.empty_like(labels)
    for first in range(0, labels.shape[1], size):
        batch = slice(first, first + size)
        outputs[:, batch] = trainer.step(points[:, batch], labels[:, batch], rates)
        if after is not None:
            after()
    return cross_entropy(outputs, labels)


def cross_entropy(outputs: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Mean binary cross entropy in nats of logits ``[s, n]`` and labels ``[s, n]``: ``[s]``."""
    losses: np.ndarray = np.mean(np.logaddexp(0, outputs) - labels * outputs, axis=1)
    return losses


def accuracy(layers: Layers, points: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the fraction of points that each network gets right, ``[s]``."""
    right: np.ndarray = np.mean((logits(layers, points) > 0) == (labels > 0.5), axis=1)
    return right


class Plateau:
    """Learning rates that shrink after epochs without improvement, as torch's ReduceLROnPlateau has it.

    Args:
        rate: the learning rate at the start.
        factor: what it is multiplied by.
        patience: epochs without improvement that are tolerated.
        networks: how many networks; each has its own rate.

    Attributes:
        rates: the learning rates, ``[s]``.
    """

    def __init__(self, rate: float, factor: float, patience: int, networks: int) -> None:
        self.factor, self.patience = factor, patience
        self.rates = np.full(networks, rate, dtype=np.float32)
        self._best = np.full(networks, np.inf)
        self._waited = np.zeros(networks, dtype=np.int64)

    def update(self, losses: np.ndarray) -> None:
        """Take note of an epoch's losses, ``[s]``."""
        better = losses < self._best * (1 - IMPROVEMENT)
        self._best = np.where(better, losses, self._best)
        self._waited = np.where(better, 0, self._waited + 1)
        late = self._waited > self.patience
        self.rates[late] *= self.factor
        self._waited[late] = 0

    def keep(self, chosen: np.ndarray) -> None:
        """Forget the networks that are not chosen, ``[s] bool``."""
        self.rates, self._best, self._waited = self.rates[chosen], self._best[chosen], self._waited[chosen]


def pretrain(
    layers: Layers,
    points: np.ndarray,
    labels: np.ndarray,
    config: ToyPretraining,
    batch_size: int,
    generators: Sequence[np.random.Generator],
    report: Callable[[int, str], None] = lambda done, message: None,
) -> tuple[Layers, np.ndarray]:
    """Vanilla SGD on random labels, until a look after every 100 epochs finds all of them fitted, or the last epoch.

    A network that is done leaves the stack, so that the rest go on faster.

    Args:
        layers: the stack to start from.
        points: ``[s, n, 2]``.
        labels: ``[s, n]``.
        config: the phase's settings.
        batch_size: points of a batch.
        generators: one per network; draws the order of its points.
        report: called with the epochs done and a message.

    Returns:
        The pretrained stack, and how many epochs each network took, ``[s]``.
    """
    ends = [layer.copy() for layer in layers]
    epochs = np.zeros(len(points), dtype=np.int64)
    active = np.arange(len(points))
    trainer = Trainer(layers, batch_size)
    plateau = Plateau(config.learning_rate, config.factor, config.patience, len(points))
    done = 0
    while len(active) and done < config.epochs:
        (block,) = orders(
            [generators[int(network)] for network in active], points.shape[1], min(BLOCK, config.epochs - done)
        )
        for order in block.swapaxes(0, 1):
            rows = active[:, None], order
            plateau.update(run_epoch(trainer, points[rows], labels[rows], plateau.rates))
        done += block.shape[1]
        epochs[active] = done
        for end, layer in zip(ends, trainer.layers, strict=True):
            end[active] = layer
        fitted = accuracy(trainer.layers, points[active], labels[active])
        report(done, f"{len(active)} networks, {fitted.min():.2f} fitted at least")
        left = fitted < config.target_accuracy
        if not left.all():
            active = active[left]
            plateau.keep(left)
            trainer = Trainer([layer[left] for layer in trainer.layers], batch_size)
    return ends, epochs


def train(
    layers: Layers,
    points: np.ndarray,
    labels: np.ndarray,
    config: ToyRun,
    batch_size: int,
    generators: Sequence[np.random.Generator],
    look: Callable[[int, Layers], None] = lambda step, layers: None,
) -> Layers:
    """SGD on the true labels, to the last epoch.

    Args:
        layers: the stack to start from.
        points: ``[s, n, 2]``.
        labels: ``[s, n]``.
        config: the run's settings.
        batch_size: points of a batch.
        generators: one per network; draws the order of its points.
        look: called with the number of steps and the stack, at the start and after every step; must copy what it keeps.

    Returns:
        The trained stack.
    """
    trainer = Trainer(layers, batch_size, config.momentum, config.weight_decay)
    rates = np.full(len(points), config.learning_rate, dtype=np.float32)
    step = 0

    def after() -> None:
        nonlocal step
        step += 1
        look(step, trainer.layers)

    look(step, trainer.layers)
    networks = np.arange(len(points))[:, None]
    for block in orders(generators, points.shape[1], config.epochs):
        for order in block.swapaxes(0, 1):
            run_epoch(trainer, points[networks, order], labels[networks, order], rates, after)
    return trainer.layers
