"""Numbers that are estimated from random draws, with their standard errors."""

from math import sqrt
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from badminima.experiment.measured import standard_error_of


class Estimate(NamedTuple):
    """An estimate from random draws.

    Attributes:
        value: the estimate.
        error: its standard error over the draws, all else as it is; 0 where the value is exact.
    """

    value: float
    error: float

    def named(self, name: str) -> dict[str, float]:
        """Return the value under a name, and the standard error under the name that goes with it."""
        return {name: self.value, standard_error_of(name): self.error}


class Operator(Protocol):
    """A square linear map, ``[p, p]``."""

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""

    @property
    def device(self) -> torch.device:
        """Where it lives."""

    @property
    def dtype(self) -> torch.dtype:
        """Type of its numbers."""

    def __matmul__(self, matrix: Tensor) -> Tensor: ...


def hutchpp_trace(operator: Operator, products: int, generator: torch.Generator) -> Estimate:
    """Estimate the trace of a symmetric operator by Hutch++ (Meyer et al. 2021, arXiv 2010.09649, algorithm 1).

    With ``m = products / 3`` random sign vectors in each of ``S`` and ``G``, and ``Q`` an orthonormal basis of ``A S``,
    the estimate is ``tr(Q' A Q)``, exact, plus the mean of ``g' (I - QQ') A (I - QQ') g`` over the columns of ``G``. It
    is unbiased. Given ``S`` all its error is that of this mean, so the standard error is their standard deviation over
    the root of ``m``. curvlinops has the same estimate, and keeps the columns' values to itself.

    Args:
        operator: ``A``.
        products: of ``A`` with a vector; a multiple of 3, at least 6, at most the number of rows.
        generator: of the random signs, on the CPU: it seeds one on the operator's device.

    Raises:
        ValueError: if there are too many or too few products.
    """
    rows, columns = operator.shape[0], products // 3
    if products % 3 or not 6 <= products <= rows:
        raise ValueError(f"{products} products; a multiple of 3 from 6 to {rows} is needed")
    draw = torch.Generator(operator.device).manual_seed(int(torch.randint(2**62, (), generator=generator)))

    def signs() -> Tensor:
        drawn = torch.randint(2, (rows, columns), generator=draw, device=operator.device, dtype=torch.int8)
        return (2 * drawn - 1).to(operator.dtype)

    basis: Tensor = torch.linalg.qr(operator @ signs()).Q
    found = float((basis * (operator @ basis)).sum(dtype=torch.float64))
    left = signs()
    left -= basis @ (basis.T @ left)
    rest = mean_of((left * (operator @ left)).sum(dim=0, dtype=torch.float64))
    return Estimate(found + rest.value, rest.error)


def mean_of(draws: Tensor) -> Estimate:
    """Return the mean of independent draws ``[m]`` and its standard error, NaN for a single draw."""
    return Estimate(float(draws.mean()), float(draws.std()) / sqrt(len(draws)))
