"""Measure a boundary: its length, and the share of the plane on its wrong side."""

import numpy as np
from contourpy import contour_generator

from badminima.config import ToyConfig
from badminima.toy.network import Layers, logits

SIDES = 5  # standard deviations around the blobs that the window shows
RESOLUTION = 0.01  # distance of the grid's points


class Window:
    """The part of the plane that figures show: a grid of points around both blobs.

    Args:
        config: where the blobs are.
        resolution: distance of the grid's points.

    Attributes:
        x, y: the grid's coordinates, ``[w]`` and ``[h]``.
        truth: where the right class is the better guess, ``[w] bool``: by symmetry, on the right of the center.
    """

    def __init__(self, config: ToyConfig, resolution: float = RESOLUTION) -> None:
        width = abs(config.separation) + SIDES * config.spread
        height = SIDES * config.spread
        self.x, self.y = (
            np.linspace(config.center - half, config.center + half, 1 + round(2 * half / resolution), dtype=np.float32)
            for half in (width, height)
        )
        self.truth = (self.x > config.center) == (config.separation > 0)

    @property
    def height(self) -> float:
        """Length of a straight boundary from top to bottom."""
        return float(self.y[-1] - self.y[0])

    def outputs(self, layers: Layers) -> np.ndarray:
        """Logits of a stack of networks on the grid, ``[s, h, w]``."""
        points = np.stack(np.meshgrid(self.x, self.y), axis=-1).reshape(-1, 2)
        # One network after another: the grid is large, the stack may be too.
        values = [logits([layer[one : one + 1] for layer in layers], points) for one in range(len(layers[0]))]
        return np.reshape(values, (-1, len(self.y), len(self.x)))

    def boundary(self, outputs: np.ndarray) -> list[np.ndarray]:
        """Return the lines on which one network's logits ``[h, w]`` are zero, each ``[points, 2]``."""
        lines = contour_generator(self.x, self.y, outputs).lines(0.0)
        return [np.asarray(line) for line in lines]

    def boundary_length(self, outputs: np.ndarray) -> float:
        """Length of the boundary of logits ``[h, w]`` in heights of the window: 1 for a vertical line."""
        lengths = [np.linalg.norm(np.diff(line, axis=0), axis=1).sum() for line in self.boundary(outputs)]
        return float(sum(lengths)) / self.height

    def error(self, outputs: np.ndarray) -> float:
        """Return the fraction of the window where logits ``[h, w]`` and the better guess differ."""
        return float(np.mean((outputs > 0) != self.truth))
