"""The optimizers that a recipe can name, and the learning-rate schedule."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.optim.adam import adam
from torch.optim.sgd import sgd

from badminima.config import OptimizationConfig, RecipeConfig

BETAS, EPSILON = (0.9, 0.999), 1e-8


class Optimizer:
    """Moves parameters down a gradient, and remembers gradients.

    Weight decay acts on every parameter, BatchNorm's and biases too, as in the paper's published code.

    Attributes:
        memory: what a step changes beside the parameters, by name.
    """

    memory: dict[str, list[Tensor]]

    def step(self, gradients: Sequence[Tensor], learning_rate: Tensor) -> None:
        """One step; gradients in the order of the parameters, and the rate ``[]``, on their device."""
        raise NotImplementedError

    def tensors(self) -> list[Tensor]:
        """Return what a step changes beside the parameters."""
        return [tensor for tensors in self.memory.values() for tensor in tensors]

    def restore(self, memory: dict[str, list[Tensor]]) -> None:
        """Remember what another one did, of the same parameters on any device; no tensor changes its address."""
        for name, tensors in self.memory.items():
            for tensor, saved in zip(tensors, memory[name], strict=True):
                tensor.copy_(saved)


def optimizer_of(parameters: list[Tensor], recipe: RecipeConfig) -> Optimizer:
    """Return the optimizer that a recipe names."""
    return SGD(parameters, recipe) if recipe.optimizer == "sgd" else Adam(parameters, recipe)


class SGD(Optimizer):
    """torch's SGD by its functional form.

    The class ``torch.optim.SGD`` does the same arithmetic, but its first use imports torch's compiler: 3 seconds
    in every job, longer than a demo training. On CUDA the fused form, one kernel, which reads the rate on the device.

    Args:
        parameters: what is updated.
        recipe: gives momentum and weight decay.
    """

    def __init__(self, parameters: list[Tensor], recipe: RecipeConfig) -> None:
        self.parameters = parameters
        self.momentum = recipe.momentum
        self.weight_decay = recipe.weight_decay
        # From zero the first step gives the gradient itself, as torch's does. Without momentum there are none.
        self.memory = {"momentum": _zeros(parameters) if recipe.momentum else []}

    @torch.no_grad()
    def step(self, gradients: Sequence[Tensor], learning_rate: Tensor) -> None:
        """One step; gradients in the order of the parameters, and the rate ``[]``, on their device."""
        on_cuda = learning_rate.is_cuda
        sgd(
            self.parameters,
            list(gradients),
            list(self.memory["momentum"]) or [None] * len(self.parameters),
            fused=on_cuda or None,
            weight_decay=self.weight_decay,
            momentum=self.momentum,
            lr=learning_rate if on_cuda else learning_rate.item(),  # type: ignore[arg-type]  # the kernel takes both
            dampening=0.0,
            nesterov=False,
            maximize=False,
        )


class Adam(Optimizer):
    """torch's Adam (Kingma & Ba 2015) and AdamW (Loshchilov & Hutter 2019), by their functional form as SGD.

    Args:
        parameters: what is updated.
        recipe: gives weight decay, and how it acts: ``adam`` adds it to the gradient, ``adamw`` shrinks the weights.
    """

    def __init__(self, parameters: list[Tensor], recipe: RecipeConfig) -> None:
        self.parameters = parameters
        self.weight_decay = recipe.weight_decay
        self.decoupled = recipe.optimizer == "adamw"
        steps = [torch.zeros((), device=parameter.device) for parameter in parameters]
        self.memory = {"means": _zeros(parameters), "squares": _zeros(parameters), "steps": steps}

    @torch.no_grad()
    def step(self, gradients: Sequence[Tensor], learning_rate: Tensor) -> None:
        """One step; gradients in the order of the parameters, and the rate ``[]``, on their device."""
        on_cuda = learning_rate.is_cuda
        adam(
            self.parameters,
            list(gradients),
            self.memory["means"],
            self.memory["squares"],
            [],
            self.memory["steps"],
            fused=on_cuda or None,
            decoupled_weight_decay=self.decoupled,
            amsgrad=False,
            beta1=BETAS[0],
            beta2=BETAS[1],
            lr=learning_rate if on_cuda else learning_rate.item(),
            weight_decay=self.weight_decay,
            eps=EPSILON,
            maximize=False,
        )


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
