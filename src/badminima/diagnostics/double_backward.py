"""Convolutions and BatchNorms whose second derivatives cost as much as their first: for Hessian products."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn.functional import batch_norm, conv2d
from torch.overrides import TorchFunctionMode

Geometry = tuple[list[int], list[int], list[int], int]


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
            _ByImages.apply(gradients[0], weight, images, ctx.geometry) if by_images else None,  # type: ignore[no-untyped-call]
            _ByWeight.apply(gradients[0], images, weight, ctx.geometry) if by_weight else None,  # type: ignore[no-untyped-call]
            None,
        )


class _ByImages(Function):
    """``<y', conv(x, w)>`` differentiated by ``x``: bilinear in ``y'`` and ``w``."""

    @staticmethod
    def forward(ctx: Any, output: Tensor, weight: Tensor, images: Tensor, geometry: Geometry) -> Tensor:
        ctx.save_for_backward(output, weight)
        ctx.geometry = geometry
        return _by_images(output, images, weight, geometry)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, direction: Tensor) -> tuple[Tensor | None, ...]:
        output, weight = ctx.saved_tensors
        by_output, by_weight = ctx.needs_input_grad[:2]
        return (
            _convolve(direction, weight, ctx.geometry) if by_output else None,
            _by_weight(output, direction, weight, ctx.geometry) if by_weight else None,
            None,
            None,
        )


class _ByWeight(Function):
    """``<y', conv(x, w)>`` differentiated by ``w``: bilinear in ``y'`` and ``x``."""

    @staticmethod
    def forward(ctx: Any, output: Tensor, images: Tensor, weight: Tensor, geometry: Geometry) -> Tensor:
        ctx.save_for_backward(output, images)
        ctx.geometry = geometry
        return _by_weight(output, images, weight, geometry)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, direction: Tensor) -> tuple[Tensor | None, ...]:
        output, images = ctx.saved_tensors
        by_output, by_images = ctx.needs_input_grad[:2]
        return (
            _convolve(images, direction, ctx.geometry) if by_output else None,
            _by_images(output, images, direction, ctx.geometry) if by_images else None,
            None,
            None,
        )


def _convolve(images: Tensor, weight: Tensor, geometry: Geometry) -> Tensor:
    return conv2d(images, weight, None, *geometry)


def _by_images(output: Tensor, images: Tensor, weight: Tensor, geometry: Geometry) -> Tensor:
    return _backward(output, images, weight, geometry, [True, False, False])[0]


def _by_weight(output: Tensor, images: Tensor, weight: Tensor, geometry: Geometry) -> Tensor:
    return _backward(output, images, weight, geometry, [False, True, False])[1]


def _backward(
    output: Tensor, images: Tensor, weight: Tensor, geometry: Geometry, mask: list[bool]
) -> tuple[Tensor, ...]:
    stride, padding, dilation, groups = geometry
    return torch.ops.aten.convolution_backward(
        output, images, weight, None, stride, padding, dilation, False, [0, 0], groups, mask
    )


REPLACEMENTS: dict[Callable[..., Any], Callable[..., Any]] = {conv2d: _conv2d, batch_norm: _batch_norm}
