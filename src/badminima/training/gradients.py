"""Gradients of a batch's loss: at the weights or uphill of them, added up, clipped, with parts of weight decay."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import get_total_norm

from badminima.config import RecipeConfig
from badminima.models.batchnorm import BatchNorm
from badminima.models.build import last_linear

# Gives the mean loss of a batch and its logits, computed anew at each call.
Loss = Callable[[], tuple[Tensor, Tensor]]

Gradients = tuple[Tensor, ...] | list[Tensor]


class Gradient:
    """The gradient at the weights ``w``, or at ``w + rho g / |g|``, with ``g`` the one at ``w``.

    The latter is that of sharpness-aware minimization (Foret et al. 2021, arXiv 2010.01412, eq. 2-3). Own lines: torch
    has no such optimizer, and libraries have it as a subclass of torch.optim's (see optimizer.Optimizer). Both
    gradients are of one function: dropout zeroes the same inputs in both passes. Weight decay is no part of it.
    BatchNorm's running statistics are updated by the pass at the weights alone.

    Args:
        model: the network; its weights are as before after each call.
        rho: length of the way uphill; None: none is gone.
    """

    def __init__(self, model: nn.Module, rho: float | None) -> None:
        self.parameters: list[Tensor] = list(model.parameters())
        self.rho = rho
        self.model = model
        self.devices = sorted({one.device.index for one in self.parameters if one.device.type == "cuda"})

    def __call__(self, loss_of: Loss) -> tuple[Tensor, Tensor, Gradients]:
        """Loss and logits at the weights, and gradients there or uphill."""
        if self.rho is None:
            return self._at_weights(loss_of)
        # A step that draws is never recorded, see graphs.
        recording = bool(self.devices) and torch.cuda.is_current_stream_capturing()
        with torch.random.fork_rng(self.devices, enabled=not recording):
            loss, logits, gradients = self._at_weights(loss_of)
        kept = [parameter.detach().clone() for parameter in self.parameters]
        with torch.no_grad():
            uphill = torch._foreach_mul(gradients, self.rho / (get_total_norm(gradients) + 1e-12))
            torch._foreach_add_(self.parameters, uphill)
        with _kept_statistics(self.model):
            _, _, gradients = self._at_weights(loss_of)
        with torch.no_grad():
            torch._foreach_copy_(self.parameters, kept)
        return loss, logits, gradients

    def _at_weights(self, loss_of: Loss) -> tuple[Tensor, Tensor, Gradients]:
        loss, logits = loss_of()
        return loss, logits, torch.autograd.grad(loss, self.parameters)


@contextmanager
def _kept_statistics(model: nn.Module) -> Iterator[None]:
    """BatchNorm normalizes by the batch, as in training, and leaves its running statistics alone."""
    layers = [module for module in model.modules() if isinstance(module, BatchNorm) and module.track_running_stats]
    for layer in layers:
        layer.track_running_stats = False
    try:
        yield
    finally:
        for layer in layers:
            layer.track_running_stats = True


class Accumulation:
    """The gradient of the mean loss over all items, from those over batches.

    BatchNorm normalizes each batch by itself, so with it this is not the gradient of one large batch.

    Args:
        items: how many there are.
    """

    def __init__(self, items: int) -> None:
        self.items = items
        self.seen = 0
        self.sums: list[Tensor] = []

    @torch.no_grad()
    def add(self, gradients: Gradients, count: int) -> Gradients | None:
        """Take the mean gradient of ``count`` items into account.

        Returns:
            The mean over all once they were all seen, else None; the next call starts anew.
        """
        weighted = torch._foreach_mul(gradients, count / self.items)
        if self.seen:
            torch._foreach_add_(self.sums, weighted)
        else:
            self.sums = list(weighted)
        self.seen = (self.seen + count) % self.items
        if self.seen:
            return None
        mean, self.sums = self.sums, []
        return mean

    def state(self) -> dict[str, Any]:
        """Return the sums, and how many gradients are in them."""
        return {"seen": self.seen, "sums": self.sums}

    def restore(self, state: dict[str, Any], device: torch.device) -> None:
        """Go on from such a state."""
        self.seen, self.sums = state["seen"], [one.to(device) for one in state["sums"]]


def clip(gradients: Gradients, limit: float) -> Gradients:
    """Scale gradients down to the norm ``limit``, as ``clip_grad_norm_`` does, without a wait for the device."""
    norm = get_total_norm(gradients)
    clipped: Gradients = torch._foreach_mul(gradients, (limit / (norm + 1e-6)).clamp(max=1.0))
    return clipped


class PartialDecay:
    """L2 regularization of some parameters: decay is added to their gradients alone.

    Args:
        model: the network.
        recipe: says how much, and of which: of the last linear layer (``readout``), or of all but it (``hidden``).
    """

    def __init__(self, model: nn.Module, recipe: RecipeConfig) -> None:
        readout = {id(parameter) for parameter in last_linear(model).parameters()}
        wanted = recipe.weight_decay_of == "readout"
        self.parameters = list(model.parameters())
        self.coefficients = [recipe.weight_decay * ((id(one) in readout) == wanted) for one in self.parameters]

    @torch.no_grad()
    def __call__(self, gradients: Sequence[Tensor]) -> list[Tensor]:
        """Return gradients, in the order of the parameters, with the decay."""
        parts = zip(gradients, self.parameters, self.coefficients, strict=True)
        return [
            gradient.add(one, alpha=coefficient) if coefficient else gradient for gradient, one, coefficient in parts
        ]


class KeptNorms:
    """Weights that keep their norms: each tensor of weights is scaled back to its norm at the start.

    Biases and BatchNorm's parameters, which have one dimension, are left alone.

    Args:
        model: the network, at its start.

    Attributes:
        norms: at the start, ``[tensors]``.
    """

    def __init__(self, model: nn.Module) -> None:
        self.weights: list[Tensor] = [parameter for parameter in model.parameters() if parameter.ndim > 1]
        self.norms = self._present()

    @torch.no_grad()
    def restore_norms(self) -> None:
        """Scale the weights back; a tensor of zeros stays as it is."""
        factors = torch.where(self.norms > 0, self.norms / self._present().clamp(min=1e-30), 1.0)
        torch._foreach_mul_(self.weights, list(factors.unbind()))

    @torch.no_grad()
    def _present(self) -> Tensor:
        return torch.stack(torch._foreach_norm(self.weights))
