"""Stacks of small ReLU networks of one shape, trained in lockstep by plain numpy.

A layer is one array ``[s, inputs + 1, outputs]`` for ``s`` networks: the last row holds the biases, and every layer's
input carries a column of ones. So a layer is a single product, its gradient another one, and a step of SGD is some
twenty numpy calls however many networks there are. Networks of a stack never mix: each ends with the bits it would
have ended with alone.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import numpy as np
from scipy.special import expit

from badminima.config import ToyConfig, ToyRun

Layers = list[np.ndarray]
Generators = Sequence[np.random.Generator]
# Called with the epochs done, and a message; and with the steps done, and the stack.
Report = Callable[[int, str], None]
Look = Callable[[int, Layers], None]
BLOCK = 100  # epochs whose orders are drawn together, and after which pretraining looks whether it is done
# torch's ReduceLROnPlateau: what counts as an improvement of the loss.
IMPROVEMENT = 1e-4


def draw_layers(widths: Sequence[int], random: np.random.Generator) -> Layers:
    """Random weights of one network from the plane to one logit, as torch's Linear draws them.

    Weights and biases are uniform within ``1 / sqrt(inputs)``.

    Returns:
        One ``[inputs + 1, outputs] float32`` array per layer.
    """
    return [
        (random.uniform(-1, 1, (inputs + 1, outputs)) / np.sqrt(inputs)).astype(np.float32)
        for inputs, outputs in pairwise([2, *widths, 1])
    ]


def stack_layers(networks: Sequence[Layers]) -> Layers:
    """Several networks as one stack."""
    return [np.stack(layer) for layer in zip(*networks, strict=True)]


def logits(layers: Layers, points: np.ndarray) -> np.ndarray:
    """Return the networks' outputs before the sigmoid, ``[s, n]``.

    Args:
        layers: a stack of ``s`` networks.
        points: ``[s, n, 2]``, or ``[n, 2]`` for all networks alike.
    """
    values = points
    for position, layer in enumerate(layers):
        values = values @ layer[:, :-1] + layer[:, -1:]
        if position < len(layers) - 1:
            values = np.maximum(values, 0)
    return values[..., 0]


def vectors(layers: Layers) -> np.ndarray:
    """Each network's weights as one vector, ``[s, parameters] float64``."""
    return np.concatenate([layer.reshape(len(layer), -1) for layer in layers], axis=1, dtype=np.float64)


class Trainer:
    """Minibatch SGD on the mean binary cross entropy, with torch's heavy-ball momentum and weight decay.

    Args:
        layers: the stack to train; copied.
        batch_size: points of a batch, of every network.
        momentum: heavy-ball coefficient.
        weight_decay: coefficient of weight decay, on biases too, as in torch.

    Attributes:
        layers: the stack, updated in place.
    """

    def __init__(self, layers: Layers, batch_size: int, momentum: float = 0.0, weight_decay: float = 0.0) -> None:
        self.layers = [layer.copy() for layer in layers]
        self.batch_size, self.momentum, self.weight_decay = batch_size, momentum, weight_decay
        self._inputs = [np.ones((len(layer), batch_size, layer.shape[1]), layer.dtype) for layer in layers]
        self._outputs = [np.empty((len(layer), batch_size, layer.shape[2]), layer.dtype) for layer in layers]
        self._changes = [np.empty_like(layer) for layer in layers]
        self._velocities = [np.zeros_like(layer) for layer in layers]

    def step(self, points: np.ndarray, labels: np.ndarray, rates: np.ndarray) -> np.ndarray:
        """One step of every network; returns the logits before it, ``[s, batch_size]``.

        Args:
            points: ``[s, batch_size, 2]``.
            labels: 0 or 1, ``[s, batch_size]``.
            rates: each network's learning rate, ``[s]``, constant under momentum.
        """
        rates = rates[:, None, None]
        self._inputs[0][..., :-1] = points
        for position, layer in enumerate(self.layers):
            np.matmul(self._inputs[position], layer, out=self._outputs[position])
            if position < len(self.layers) - 1:
                np.maximum(self._outputs[position], 0, out=self._inputs[position + 1][..., :-1])
        outputs = self._outputs[-1][..., 0].copy()
        delta = self._outputs[-1]
        expit(delta, out=delta)
        delta -= labels[..., None]
        delta *= rates / -self.batch_size
        for position in reversed(range(len(self.layers))):
            inputs = self._inputs[position]
            np.matmul(inputs.swapaxes(1, 2), delta, out=self._changes[position])
            if position:
                back = self.layers[position][:, :-1].swapaxes(1, 2)
                delta = np.matmul(delta, back, out=self._outputs[position - 1])
                delta *= inputs[..., :-1] > 0
        self._apply(rates)
        return outputs

    def _apply(self, rates: np.ndarray) -> None:
        """Add the changes to the weights; they are the gradients times minus the learning rate."""
        for layer, change, velocity in zip(self.layers, self._changes, self._velocities, strict=True):
            if self.weight_decay:
                change -= (rates * self.weight_decay).astype(layer.dtype) * layer
            if self.momentum:
                velocity *= self.momentum
                velocity += change
            layer += velocity if self.momentum else change


def orders(generators: Generators, points: int, epochs: int) -> Iterator[np.ndarray]:
    """Yield random orders of the points, in blocks of epochs: ``[s, up to BLOCK, points]``, one for each network."""
    for first in range(0, epochs, BLOCK):
        rows = np.tile(np.arange(points), (min(BLOCK, epochs - first), 1))
        yield np.stack([generator.permuted(rows, axis=1) for generator in generators])


def run_epoch(trainer: Trainer, points: np.ndarray, labels: np.ndarray, rates: np.ndarray) -> np.ndarray:
    """One epoch over points in their order.

    Args:
        trainer: the stack.
        points: ``[s, n, 2]``, where ``n`` is a multiple of the batch size.
        labels: ``[s, n]``.
        rates: learning rates, ``[s]``.

    Returns:
        The mean loss of each network over the epoch's batches, each taken before its step, ``[s]``.
    """
    size = trainer.batch_size
    outputs = np.empty_like(labels)
    for first in range(0, labels.shape[1], size):
        batch = slice(first, first + size)
        outputs[:, batch] = trainer.step(points[:, batch], labels[:, batch], rates)
    return cross_entropy(outputs, labels)


def cross_entropy(outputs: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Mean binary cross entropy in nats of logits ``[s, n]`` and labels ``[s, n]``: ``[s]``."""
    return np.mean(np.logaddexp(0, outputs) - labels * outputs, axis=1)


def accuracy(layers: Layers, points: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the fraction of points that each network gets right, ``[s]``."""
    return np.mean((logits(layers, points) > 0) == (labels > 0.5), axis=1)


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
    layers: Layers, points: np.ndarray, labels: np.ndarray, config: ToyConfig, generators: Generators, report: Report
) -> tuple[Layers, np.ndarray]:
    """Vanilla SGD on random labels, until a look after every 100 epochs finds all of them fitted, or the last epoch.

    A network that is done leaves the stack, so that the rest go on faster.

    Args:
        layers: the stack to start from.
        points: ``[s, n, 2]``.
        labels: ``[s, n]``.
        config: the experiment.
        generators: one per network; draws the order of its points.
        report: called with the epochs done and a message.

    Returns:
        The pretrained stack, and how many epochs each network took, ``[s]``.
    """
    settings, ends = config.pretraining, [layer.copy() for layer in layers]
    epochs = np.zeros(len(points), dtype=np.int64)
    active = np.arange(len(points))
    trainer = Trainer(layers, config.batch_size)
    plateau = Plateau(settings.learning_rate, settings.factor, settings.patience, len(points))
    done = 0
    while len(active) and done < settings.epochs:
        left = [generators[int(network)] for network in active]
        (block,) = orders(left, points.shape[1], min(BLOCK, settings.epochs - done))
        for order in block.swapaxes(0, 1):
            rows = active[:, None], order
            plateau.update(run_epoch(trainer, points[rows], labels[rows], plateau.rates))
        done += block.shape[1]
        epochs[active] = done
        for end, layer in zip(ends, trainer.layers, strict=True):
            end[active] = layer
        fitted = accuracy(trainer.layers, points[active], labels[active])
        report(done, f"pretraining {len(active)} networks, {fitted.min():.2f} fitted at least")
        unfitted = fitted < settings.target_accuracy
        if not unfitted.all():
            active = active[unfitted]
            plateau.keep(unfitted)
            trainer = Trainer([layer[unfitted] for layer in trainer.layers], config.batch_size)
    return ends, epochs


def train(
    layers: Layers, points: np.ndarray, labels: np.ndarray, run: ToyRun, size: int, generators: Generators, look: Look
) -> Layers:
    """SGD on the true labels, to the last epoch.

    Args:
        layers: the stack to start from.
        points: ``[s, n, 2]``.
        labels: ``[s, n]``.
        run: its settings.
        size: points of a batch.
        generators: one per network; draws the order of its points.
        look: called with the number of steps and the stack, at the start and after every step; must copy what it keeps.

    Returns:
        The trained stack.
    """
    trainer = Trainer(layers, size, run.momentum, run.weight_decay)
    rates = np.full(len(points), run.learning_rate, dtype=np.float32)
    networks, step = np.arange(len(points))[:, None], 0
    look(step, trainer.layers)
    for block in orders(generators, points.shape[1], run.epochs):
        for first in range(0, block.shape[1] * block.shape[2], size):
            batch = networks, block.reshape(len(points), -1)[:, first : first + size]
            trainer.step(points[batch], labels[batch], rates)
            step += 1
            look(step, trainer.layers)
    return trainer.layers
