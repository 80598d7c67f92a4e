"""The forward pass of a training: what every layer would do by itself, done for all layers at once.

On a GPU a launch costs what a small layer's arithmetic costs. Autocast casts each layer's weights in a launch of its
own, forward and backward, and each BatchNorm counts its batches in another. Here one launch does each of these, with
the same numbers.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.modules.batchnorm import _BatchNorm

# Layers whose weights and biases autocast casts.
CAST = (nn.Conv2d, nn.Linear)


class Forward:
    """A network as training calls it.

    Args:
        model: the network, on the device.
        kind: what the weights of its convolutions and linear layers are cast to; None: nothing is cast.
        compiler: makes a faster function of one, or gives it back; None: nothing is compiled.
        batch_size: of the batches that compiled code is for: others are not worth compiling for. None: of all.
    """

    def __init__(
        self,
        model: nn.Module,
        kind: torch.dtype | None = None,
        compiler: Callable[[Callable[..., Tensor]], Callable[..., Tensor]] | None = None,
        batch_size: int | None = None,
    ) -> None:
        self.model = model
        self.kind = kind
        self.batch_size = batch_size
        self.cast = {} if kind is None else _cast_parameters(model)
        self.counting = [one for one in model.modules() if isinstance(one, _BatchNorm) and one.momentum is not None]
        self._compiled = self._call if compiler is None else compiler(self._call)

    def __call__(self, images: Tensor) -> Tensor:
        """Logits ``[b, classes]`` of images ``[b, c, h, w]``."""
        weights = {}
        if self.kind is not None:
            cast = _Cast.apply(self.kind, *self.cast.values())  # type: ignore[no-untyped-call]
            weights = dict(zip(self.cast, cast, strict=True))
        call = self._compiled if self.batch_size in (None, len(images)) else self._call
        with _counted_at_once(self.counting):
            return call(weights, images)

    def _call(self, weights: dict[str, Tensor], images: Tensor) -> Tensor:
        logits: Tensor = functional_call(self.model, weights, (images,))
        return logits


class _Cast(torch.autograd.Function):
    """Cast tensors in one launch, and their gradients back in one."""

    @staticmethod
    def forward(ctx: Any, kind: torch.dtype, *tensors: Tensor) -> tuple[Tensor, ...]:
        ctx.kinds = [tensor.dtype for tensor in tensors]
        return _cast(tensors, [kind] * len(tensors))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        return None, *_cast(gradients, ctx.kinds)


def _cast(tensors: tuple[Tensor, ...], kinds: list[torch.dtype]) -> tuple[Tensor, ...]:
    cast = [torch.empty_like(tensor, dtype=kind) for tensor, kind in zip(tensors, kinds, strict=True)]
    torch._foreach_copy_(cast, list(tensors))
    return tuple(cast)


def _cast_parameters(model: nn.Module) -> dict[str, nn.Parameter]:
    """Return the parameters that autocast casts, by name."""
    layers = {name: layer for name, layer in model.named_modules() if isinstance(layer, CAST)}
    return {
        f"{name}.{own}" if name else own: parameter
        for name, layer in layers.items()
        for own, parameter in layer.named_parameters(recurse=False)
    }


@contextmanager
def _counted_at_once(layers: list[_BatchNorm]) -> Iterator[None]:
    """BatchNorms in training mode count the batch after it, all in one launch, instead of each for itself."""
    counting = [one for one in layers if one.training and one.track_running_stats]
    counters = [one.get_buffer("num_batches_tracked") for one in counting]
    for layer in counting:
        layer._buffers["num_batches_tracked"] = None
    try:
        yield
    finally:
        for layer, counter in zip(counting, counters, strict=True):
            layer._buffers["num_batches_tracked"] = counter
    if counters:
        torch._foreach_add_(counters, 1)
