"""Stacks of small ReLU networks of one shape, trained in lockstep by plain numpy.

A layer is one array ``[s, inputs + 1, outputs]`` for ``s`` networks: the last row holds the biases, and every layer's
input carries a column of ones. So a layer is a single product, its gradient another one, and a step of SGD is some
twenty numpy calls however many networks there are. Networks of a stack never mix: each ends with the bits it would
have ended with alone.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from scipy.special import expit

Layers = list[np.ndarray]


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
