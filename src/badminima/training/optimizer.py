"""The optimizers that a recipe can name, and the learning-rate schedule."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim.adam import adam
from torch.optim.sgd import sgd

from badminima.config import OptimizationConfig, RecipeConfig

BETAS, EPSILON = (0.9, 0.999), 1e-8


class Optimizer:
    """Moves parameters down a gradient as its recipe says, and remembers gradients.

    torch's SGD, Adam (Kingma & Ba 2015) and AdamW (Loshchilov & Hutter 2019) by their functional forms. The classes
    of ``torch.optim`` do the same arithmetic, but their first use imports torch's compiler: 3 seconds in every job,
    longer than a demo training. On CUDA the fused forms, one kernel, which reads the rate on the device.

    Weight decay acts on every parameter, BatchNorm's and biases too, as in the paper's published code: ``adamw``
    shrinks the weights, the others add it to the gradient.

    Args:
        parameters: what is updated.
        recipe: gives optimizer, momentum and weight decay.

    Attributes:
        memory: what a step changes beside the parameters, by name.
    """

    def __init__(self, parameters: list[Tensor], recipe: RecipeConfig) -> None:
        self.parameters = parameters
        self.recipe = recipe
        self.memory: dict[str, list[Tensor]]
        if recipe.optimizer == "sgd":
            # From zero the first step gives the gradient itself, as torch's does. Without momentum there are none.
            self.memory = {"momentum": _zeros(parameters) if recipe.momentum else []}
        else:
            steps = [torch.zeros((), device=parameter.device) for parameter in parameters]
            self.memory = {"means": _zeros(parameters), "squares": _zeros(parameters), "steps": steps}

    @torch.no_grad()
    def step(self, gradients: Sequence[Tensor], learning_rate: Tensor) -> None:
        """One step; gradients in the order of the parameters, and the rate ``[]``, on their device."""
        on_cuda = learning_rate.is_cuda
        common: dict[str, Any] = {
            "fused": on_cuda or None,
            "lr": learning_rate if on_cuda else learning_rate.item(),
            "weight_decay": self.recipe.weight_decay,
            "maximize": False,
        }
        if self.recipe.optimizer == "sgd":
            sgd(
                self.parameters,
                list(gradients),
                list(self.memory["momentum"]) or [None] * len(self.parameters),
                momentum=self.recipe.momentum,
                dampening=0.0,
                nesterov=False,
                **common,
            )
        else:
            adam(
                self.parameters,
                list(gradients),
                self.memory["means"],
                self.memory["squares"],
                [],
                self.memory["steps"],
                decoupled_weight_decay=self.recipe.optimizer == "adamw",
                amsgrad=False,
                beta1=BETAS[0],
                beta2=BETAS[1],
                eps=EPSILON,
                **common,
            )

    def tensors(self) -> list[Tensor]:
        """Return what a step changes beside the parameters."""
        return [tensor for tensors in self.memory.values() for tensor in tensors]

    def restore(self, memory: dict[str, list[Tensor]]) -> None:
        """Remember what another one did, of the same parameters on any device; no tensor changes its address."""
        for name, tensors in self.memory.items():
            for tensor, saved in zip(tensors, memory[name], strict=True):
                tensor.copy_(saved)


def _zeros(parameters: list[Tensor]) -> list[Tensor]:
    return [torch.zeros_like(parameter, requires_grad=False) for parameter in parameters]


def learning_rate(optimization: OptimizationConfig, recipe: RecipeConfig, epoch: int) -> float:
    """Return the learning rate during ``epoch``, counted from 1, where it changes by epochs.

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


def rate_of_step(optimization: OptimizationConfig, recipe: RecipeConfig, step: int, batches: int) -> float:
    """Return the learning rate of a step, counted from 0.

    With ``decay: cosine_per_step`` it is ``(1 + cos(pi (step - w) / (steps - w))) / 2`` of the first one, after ``w``
    steps of a warm-up that multiply it by ``step / (w - 1)``, as PyTorch Lightning Bolts'
    ``LinearWarmupCosineAnnealingLR`` has it, which Damian, Ma & Lee use. A warm-up multiplies other schedules, too.

    Args:
        optimization: the phase.
        recipe: its schedule counts where it is not the phase's.
        step: optimizer steps before it.
        batches: of an epoch.
    """
    steps_per_epoch = 1 if recipe.full_batch else batches
    steps = steps_per_epoch * optimization.epochs
    warmup = min(round(optimization.warmup * steps), steps - 1)
    if recipe.schedule == "steps" and optimization.decay == "cosine_per_step":
        done = max(0, step - warmup) / (steps - warmup)
        rate = optimization.learning_rate * recipe.learning_rate_scale * (1 + math.cos(math.pi * done)) / 2
    else:
        rate = learning_rate(optimization, recipe, step // steps_per_epoch + 1)
    return rate if step >= warmup else rate * step / max(1, warmup - 1)
