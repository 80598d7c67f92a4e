"""The loss as a function of the weights, its Hessian, and the Hessian's trace."""

from collections.abc import Callable, Iterable, Iterator
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cached_property, partial
from math import sqrt
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn.functional import batch_norm, conv2d, cross_entropy
from torch.nn.utils import vector_to_parameters
from torch.overrides import TorchFunctionMode

from badminima.diagnostics.network import Sample, forward_batch
from badminima.experiment.measured import standard_error_of
from badminima.storage.device import BatchSize

# Images at a time, where memory allows: of a gradient, and of a Hessian product, behind which stands the graph of a
# gradient. Of ResNet18 on 32x32 an image is reckoned to take 6 and 25 MiB.
GRADIENT_BATCH = {"cuda": 2048, "cpu": 256}

HESSIAN_BATCH = {"cuda": 2048, "cpu": 256}

Geometry = tuple[list[int], list[int], list[int], int]


class Sampled(NamedTuple):
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


def hutchpp_trace(operator: Any, products: int, generator: torch.Generator) -> Sampled:
    """Estimate the trace of a symmetric operator by Hutch++ (Meyer et al. 2021, arXiv 2010.09649, algorithm 1).

    With ``m = products / 3`` random sign vectors in each of ``S`` and ``G``, and ``Q`` an orthonormal basis of ``A S``,
    the estimate is ``tr(Q' A Q)``, exact, plus the mean of ``g' (I - QQ') A (I - QQ') g`` over the columns of ``G``. It
    is unbiased. Given ``S`` all its error is that of this mean, so the standard error is their standard deviation over
    the root of ``m``. curvlinops has the same estimate, and keeps the columns' values to itself.

    Args:
        operator: ``A [p, p]``, which has ``@``, ``shape``, ``device`` and ``dtype``: a tensor or a :class:`Hessian`.
        products: of ``A`` with a vector; a multiple of 3, at least 6.
        generator: of the random signs, on the CPU: it seeds one on the operator's device.
    """
    rows, columns = operator.shape[0], products // 3
    draw = torch.Generator(operator.device).manual_seed(int(torch.randint(2**62, (), generator=generator)))

    def signs() -> Tensor:
        drawn = torch.randint(2, (rows, columns), generator=draw, device=operator.device, dtype=torch.int8)
        return (2 * drawn - 1).to(operator.dtype)

    basis: Tensor = torch.linalg.qr(operator @ signs()).Q
    found = float((basis * (operator @ basis)).sum(dtype=torch.float64))
    left = signs()
    left -= basis @ (basis.T @ left)
    rest = mean_of((left * (operator @ left)).sum(dim=0, dtype=torch.float64))
    return Sampled(found + rest.value, rest.error)


def mean_of(draws: Tensor) -> Sampled:
    """Return the mean of independent draws ``[m]`` and its standard error, NaN for a single draw."""
    return Sampled(float(draws.mean()), float(draws.std()) / sqrt(len(draws)))


@dataclass(frozen=True)
class Landscape:
    """The mean cross entropy over a sample as a function of all ``p`` parameters, laid out as one vector.

    The network is copied, and never changed.

    Attributes:
        model: the network, in evaluation mode.
        sample: the images and labels.
    """

    model: nn.Module
    sample: Sample

    @cached_property
    def end(self) -> Tensor:
        """The network's own parameters, ``[p]``."""
        return as_vector(self.model.parameters()).detach()

    @property
    def device(self) -> torch.device:
        """Where the parameters live."""
        return self.end.device

    def logits(self, parameters: Tensor, images: Tensor) -> Tensor:
        """Logits ``[n, classes]`` of images at parameters ``[p]``, as float64.

        What follows them needs the digits: of the gradient of an image fitted to a loss of 1e-4, the softmax in
        single precision leaves three.
        """
        vector_to_parameters(parameters, self._copy.parameters())
        logits: Tensor = self._copy(images)
        return logits.double()

    def loss(self, parameters: Tensor) -> float:
        """Mean cross entropy at parameters ``[p]``, in nats."""
        return float(cross_entropy(self._outputs(parameters), self.sample.labels))

    def wrong(self, parameters: Tensor) -> int:
        """How many images are misclassified at parameters ``[p]``."""
        return int((self._outputs(parameters).argmax(dim=1) != self.sample.labels).sum())

    def loss_and_gradient(self, parameters: Tensor) -> tuple[float, Tensor]:
        """Return :meth:`loss` and its gradient ``[p]`` from one pass."""
        loss, gradient = self.batch.fit(partial(self._loss_and_gradient, parameters), len(self.sample))
        return float(loss), gradient

    def total(self, parameters: Tensor, images: Tensor, labels: Tensor) -> tuple[Tensor, list[nn.Parameter]]:
        """Return the sum of the images' cross entropies, and the parameters to differentiate it by.

        These are the same at every call, and are moved on by the next one.
        """
        loss = cross_entropy(self.logits(parameters, images), labels, reduction="sum")
        return loss, list(self._copy.parameters())

    @cached_property
    def batch(self) -> BatchSize:
        """How many images a gradient takes."""
        return BatchSize(GRADIENT_BATCH[self.device.type], "gradients")

    @cached_property
    def _forward_batch(self) -> BatchSize:
        return forward_batch(self.device)

    @cached_property
    def _copy(self) -> nn.Module:
        """A network whose parameters are other places of the landscape."""
        return deepcopy(self.model).requires_grad_()

    @torch.no_grad()
    def _outputs(self, parameters: Tensor) -> Tensor:
        """Logits of the whole sample, without gradients."""
        return self._forward_batch.concatenated(partial(self.logits, parameters), self.sample.images)

    def _loss_and_gradient(self, parameters: Tensor, size: int) -> tuple[Tensor, Tensor]:
        loss = torch.zeros((), dtype=torch.float64, device=self.device)
        gradient = torch.zeros_like(parameters)
        for images, labels in self.sample.batches(size):
            total, variables = self.total(parameters, images, labels)
            share = total / len(self.sample)
            gradient += as_vector(torch.autograd.grad(share, variables, materialize_grads=True))
            loss += share.detach()
        return loss, gradient


class Hessian:
    """The Hessian of a landscape at the network's own parameters, a linear map.

    ``hessian @ matrix`` multiplies it with ``[p]`` or ``[p, k]``: with ``shape``, ``device`` and ``dtype`` all that
    Hutch++ and ARPACK ask of an operator. A product differentiates the gradient once more. The gradient's graph
    serves all columns and, where one batch holds the sample, all products.

    curvlinops' own operator differentiates forward over reverse, which gives the same numbers, but takes as long as 12
    forward passes of ResNet18 on a CPU; this takes 7.
    """

    def __init__(self, landscape: Landscape) -> None:
        # With parameters of its own, which stay where they are: a graph does not keep their values.
        self.landscape = replace(landscape)
        self.shape = (len(landscape.end), len(landscape.end))
        self.device = landscape.device
        self.dtype = landscape.end.dtype
        self.batch = BatchSize(HESSIAN_BATCH[self.device.type], "Hessian products")
        self._kept: tuple[Tensor, list[nn.Parameter]] | None = None

    def __matmul__(self, matrix: Tensor) -> Tensor:
        return self.batch.fit(partial(self._product, matrix), len(self.landscape.sample))

    def _product(self, matrix: Tensor, size: int) -> Tensor:
        columns = matrix.reshape(len(matrix), -1)
        product = torch.zeros_like(columns)
        for gradient, variables in self._gradients(size):
            for index, column in enumerate(columns.T.contiguous()):
                # As a scalar: given the column by itself, torch imports sympy, which takes half a second.
                share = torch.dot(gradient, column)
                parts = torch.autograd.grad(share, variables, retain_graph=True, materialize_grads=True)
                product[:, index] += as_vector(parts)
            del gradient  # and its graph, before the next batch's is made
        return product.view_as(matrix)

    def _gradients(self, size: int) -> Iterator[tuple[Tensor, list[nn.Parameter]]]:
        """Yield each batch's gradient ``[p]`` with its graph, and the parameters to differentiate it by."""
        if len(self.landscape.sample) > size:
            self._kept = None
            for images, labels in self.landscape.sample.batches(size):
                yield self._gradient(images, labels)
        else:
            if self._kept is None:
                self._kept = self._gradient(self.landscape.sample.images, self.landscape.sample.labels)
            yield self._kept

    def _gradient(self, images: Tensor, labels: Tensor) -> tuple[Tensor, list[nn.Parameter]]:
        with FastDoubleBackward():
            total, variables = self.landscape.total(self.landscape.end, images, labels)
        mean = total / len(self.landscape.sample)
        parts = torch.autograd.grad(mean, variables, create_graph=True, materialize_grads=True)
        return as_vector(parts), variables


def as_vector(tensors: Iterable[Tensor]) -> Tensor:
    """Lay tensors out as one vector; torch's ``parameters_to_vector`` refuses those in channels-last order."""
    return torch.cat([tensor.reshape(-1) for tensor in tensors])


def hessian_trace(landscape: Landscape, products: int, generator: torch.Generator) -> Sampled:
    """Estimate the trace of the Hessian by so many Hessian-vector products; see :func:`hutchpp_trace`.

    Of a network of ReLUs, in which the logits are linear in any one parameter, it is the trace of the generalized
    Gauss-Newton matrix, which no label has a part in.
    """
    return hutchpp_trace(Hessian(landscape), products, generator)


class FastDoubleBackward(TorchFunctionMode):
    """While entered, a network's graph of gradients is made of operations that are fast to differentiate.

    The network computes the same up to rounding. Two operations of torch are replaced:

    - ``conv2d``: torch differentiates the gradient of a kernel by a convolution whose kernel is as large as the
      feature map, for which cuDNN has no fast algorithm (pytorch/pytorch#22577). Here it takes four plain
      convolutions, as there are two in a backward pass.
    - ``batch_norm`` in evaluation mode: an affine map per channel, a multiplication and an addition. torch's second
      derivative is that of training mode, some twenty operations on maps.
    """

    def __torch_function__(
        self, function: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        return REPLACEMENTS.get(function, function)(*args, **(kwargs or {}))


def _conv2d(
    images: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | tuple[int, int] = 1,
    padding: int | tuple[int, int] | str = 0,
    dilation: int | tuple[int, int] = 1,
    groups: int = 1,
) -> Tensor:
    """Convolve as ``torch.nn.functional.conv2d``; padding by name is left to it."""
    if isinstance(padding, str):
        return conv2d(images, weight, bias, stride, padding, dilation, groups)
    output: Tensor = _Convolution.apply(images, weight, (_pair(stride), _pair(padding), _pair(dilation), groups))  # type: ignore[no-untyped-call]
    return output if bias is None else output + bias.view(-1, 1, 1)


def _batch_norm(
    values: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Normalize as ``torch.nn.functional.batch_norm``; what normalizes by its batch is left to it."""
    if training or running_mean is None or running_var is None:
        return batch_norm(values, running_mean, running_var, weight, bias, training, momentum, eps)
    scale = (running_var + eps).rsqrt()
    if weight is not None:
        scale = weight * scale
    shift = -running_mean * scale
    if bias is not None:
        shift = bias + shift
    shape = (-1, *(1,) * (values.ndim - 2))
    return torch.addcmul(shift.view(shape), values, scale.view(shape))


def _pair(value: int | tuple[int, int]) -> list[int]:
    return [value, value] if isinstance(value, int) else list(value)


class _Convolution(Function):
    """``y = conv(x, w)``."""

    @staticmethod
    def forward(ctx: Any, images: Tensor, weight: Tensor, geometry: Geometry) -> Tensor:
        ctx.save_for_backward(images, weight)
        ctx.geometry = geometry
        return _convolve(images, weight, geometry)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        images, weight = ctx.saved_tensors
        by_images, by_weight = ctx.needs_input_grad[:2]
        return (
            _Backward.apply(gradients[0], weight, images, ctx.geometry, 0) if by_images else None,  # type: ignore[no-untyped-call]
            _Backward.apply(gradients[0], images, weight, ctx.geometry, 1) if by_weight else None,  # type: ignore[no-untyped-call]
            None,
        )


class _Backward(Function):
    """``<y', conv(x, w)>`` differentiated by ``x`` (``by`` 0) or ``w`` (1): bilinear in ``y'`` and the other one."""

    @staticmethod
    def forward(ctx: Any, output: Tensor, other: Tensor, own: Tensor, geometry: Geometry, by: int) -> Tensor:
        ctx.save_for_backward(output, other)
        ctx.geometry, ctx.by = geometry, by
        return _differentiate(output, other, own, geometry, by)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, direction: Tensor) -> tuple[Tensor | None, ...]:
        output, other = ctx.saved_tensors
        images, weight = (direction, other) if ctx.by == 0 else (other, direction)
        by_output, by_other = ctx.needs_input_grad[:2]
        return (
            _convolve(images, weight, ctx.geometry) if by_output else None,
            _differentiate(output, direction, other, ctx.geometry, 1 - ctx.by) if by_other else None,
            None,
            None,
            None,
        )


def _convolve(images: Tensor, weight: Tensor, geometry: Geometry) -> Tensor:
    return conv2d(images, weight, None, *geometry)


def _differentiate(output: Tensor, other: Tensor, own: Tensor, geometry: Geometry, by: int) -> Tensor:
    """Differentiate ``<output, conv(x, w)>`` by ``own``, which is ``x`` or ``w``, and whose shape alone counts."""
    images, weight = (own, other) if by == 0 else (other, own)
    stride, padding, dilation, groups = geometry
    mask = [by == 0, by == 1, False]
    found: tuple[Tensor, ...] = torch.ops.aten.convolution_backward(
        output, images, weight, None, stride, padding, dilation, False, [0, 0], groups, mask
    )
    return found[by]


REPLACEMENTS: dict[Callable[..., Any], Callable[..., Any]] = {conv2d: _conv2d, batch_norm: _batch_norm}
