"""Hutch++: the trace of a large symmetric matrix that is known by its products alone."""

from typing import Protocol

import torch
from torch import Tensor


class Operator(Protocol):
    """A symmetric matrix ``[p, p]`` that multiplies matrices ``[p, k]``."""

    @property
    def shape(self) -> tuple[int, int]:
        """``(p, p)``."""

    @property
    def device(self) -> torch.device:
        """Where its products live."""

    @property
    def dtype(self) -> torch.dtype:
        """Their number type."""

    def __matmul__(self, matrix: Tensor, /) -> Tensor:
        """Product with ``matrix``."""


def hutchpp_trace(operator: Operator, products: int) -> Tensor:
    """Estimate a trace by Hutch++ (Meyer et al. 2021, arXiv 2010.09649, algorithm 1), without bias.

    A third of the products finds the directions in which the matrix is largest, a third gives its trace there exactly,
    a third estimates the rest with random signs. Signs come from torch's global generator.

    Args:
        operator: the matrix.
        products: matrix-vector products, a multiple of 3 and less than ``p``.

    Returns:
        The estimate, a scalar on the operator's device.

    Raises:
        ValueError: if ``products`` is not such a number.
    """
    size, third = operator.shape[0], products // 3
    if products < 3 or products % 3 or products >= size:
        raise ValueError(f"expected a multiple of 3 products, less than {size}, found {products}")

    def signs() -> Tensor:
        drawn = [torch.empty(size, device=operator.device, dtype=operator.dtype) for _ in range(third)]
        return torch.column_stack([column.bernoulli_(0.5).mul_(2).sub_(1) for column in drawn])

    basis, _ = torch.linalg.qr(operator @ signs())
    within = torch.einsum("ji,ji", basis, operator @ basis)
    rest = signs()
    product = operator @ (rest - basis @ (basis.T @ rest))
    product -= basis @ (basis.T @ product)
    return within + torch.einsum("ij,ij", rest, product) / third
