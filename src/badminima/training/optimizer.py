"""SGD with a recipe's momentum and weight decay, and the learning-rate schedule."""

import math

import torch
from torch import Tensor, nn
from torch.nn.utils import get_total_norm
from torch.optim.sgd import sgd

from badminima.config import OptimizationConfig, RecipeConfig


class SGD:
    """torch's SGD by its functional form.

    The class ``torch.optim.SGD`` does the same arithmetic, but its first use imports torch's compiler: 3 seconds
    in every job, longer than a demo training.

    Weight decay acts on every parameter, BatchNorm's and biases too, as in the paper's published code.

    Args:
        model: the network whose parameters are updated.
        recipe: gives momentum, weight decay and gradient clipping.
    """

    def __init__(self, model: nn.Module, recipe: RecipeConfig) -> None:
        self.parameters: list[Tensor] = list(model.parameters())
        self.momentum = recipe.momentum
        self.weight_decay = recipe.weight_decay
        self.gradient_clipping = recipe.gradient_clipping
        self.buffers: list[Tensor | None] = [None] * len(self.parameters)

    @torch.no_grad()
    def step(self, loss: Tensor, learning_rate: float) -> None:
        """One step down the gradient of ``loss``."""
        gradients = torch.autograd.grad(loss, self.parameters)
        if self.gradient_clipping is not None:
            norm = get_total_norm(gradients)
            # As torch.nn.utils.clip_grad_norm_ does, without a wait for the device.
            gradients = torch._foreach_mul(gradients, (self.gradient_clipping / (norm + 1e-6)).clamp(max=1.0))
        sgd(
            self.parameters,
            list(gradients),
            self.buffers,
            weight_decay=self.weight_decay,
            momentum=self.momentum,
            lr=learning_rate,
            dampening=0.0,
            nesterov=False,
            maximize=False,
        )


def learning_rate(optimization: OptimizationConfig, recipe: RecipeConfig, epoch: int) -> float:
    """The learning rate during ``epoch``, counted from 1.

    By steps: multiplied by gamma after each milestone passed. By a cosine: ``(1 + cos(pi (epoch - 1) / epochs)) / 2``
    of the first one (Loshchilov & Hutter 2017, arXiv 1608.03983, equation 5, without restarts).
    """
    first = optimization.learning_rate * recipe.learning_rate_scale
    if recipe.schedule == "constant":
        return first
    if recipe.schedule == "cosine":
        return first * (1 + math.cos(math.pi * (epoch - 1) / optimization.epochs)) / 2
    passed = sum(epoch > milestone for milestone in optimization.milestones)
    rate: float = first * optimization.gamma**passed
    return rate
