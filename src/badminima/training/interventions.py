"""Parts of weight decay by themselves, to see which of them lets SGD escape."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from badminima.config import RecipeConfig
from badminima.models.build import last_linear


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
