"""One training step of a recipe. Optional parts are put together here; the loop knows nothing of them."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim.swa_utils import get_ema_multi_avg_fn

from badminima.config import RecipeConfig
from badminima.models.numerics import Numerics
from badminima.training.gradients import Accumulation, Gradient, Gradients, KeptNorms, PartialDecay, clip
from badminima.training.optimizer import Optimizer


class Step:
    """The steps of a training, one batch at a time.

    A batch is mixed, its gradient taken, added to those before it where a step takes all items, clipped, and given to
    the optimizer; then the average of the weights follows.

    Args:
        model: the network, on the device; trained in place.
        recipe: what is done.
        numerics: how the forward pass is computed.
        classes: number of classes.
        items: how many items an epoch has.
        batch_size: of every batch but the last one of an epoch.

    Attributes:
        rate: the learning rate, ``[]``, on the device, so that a recorded step reads it anew.
        count: optimizer steps done.
        evaluated: the network that counts: the trained one, or its average.
    """

    def __init__(
        self,
        model: nn.Module,
        recipe: RecipeConfig,
        numerics: Numerics,
        classes: int,
        items: int,
        batch_size: int | None = None,
    ) -> None:
        self.forward = numerics.forward_of(model, batch_size)
        self.numerics = numerics
        self.model = model
        self.recipe = recipe
        self.mix = mixing_of(recipe, classes)
        self.gradient = Gradient(model, recipe.sam)
        self.accumulation = Accumulation(items) if recipe.full_batch else None
        partial = recipe.weight_decay > 0 and recipe.weight_decay_of != "all"
        self.decay = PartialDecay(model, recipe) if partial else None
        remaining = recipe.model_copy(update={"weight_decay": 0.0}) if partial else recipe
        self.optimizer = Optimizer(list(model.parameters()), remaining)
        self.kept = KeptNorms(model) if recipe.keep_norms else None
        self.average = None if recipe.ema is None else Average(model, recipe.ema)
        self.evaluated: nn.Module = model if self.average is None else self.average.module
        # Doubles where they are read on the CPU: the rate is then the config's to the last bit.
        kind = torch.float32 if numerics.device.type == "cuda" else torch.float64
        self.rate = torch.zeros((), dtype=kind, device=numerics.device)
        self._rate = 0.0
        self.count = 0

    def set_rate(self, learning_rate: float) -> None:
        """Set the learning rate of the next steps."""
        if learning_rate != self._rate:
            self.rate.fill_(learning_rate)
            self._rate = learning_rate

    def __call__(self, images: Tensor, labels: Tensor, learning_rate: float) -> tuple[Tensor, Tensor]:
        """Learn from a batch at a rate; see :meth:`learn`."""
        self.set_rate(learning_rate)
        return self.learn(images, labels)

    def learn(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Learn from a batch.

        Args:
            images: ``[b, c, h, w]``, normalized.
            labels: ``[b] int64``.

        Returns:
            Its mean loss and its logits ``[b, classes]``, at the weights before the step, without gradient.
        """
        images, targets = (images, labels) if self.mix is None else self.mix(images, labels)
        loss, logits, gradients = self.gradient(lambda: self._loss(images, targets))
        complete = gradients if self.accumulation is None else self.accumulation.add(gradients, len(labels))
        if complete is not None:
            self._descend(complete)
        return loss.detach(), logits.detach()

    def _loss(self, images: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        with self.numerics.forward_context():
            logits = self.forward(images)
        logits = logits.float()
        return cross_entropy(logits, targets, label_smoothing=self.recipe.label_smoothing), logits

    def _descend(self, gradients: Gradients) -> None:
        if self.recipe.gradient_clipping is not None:
            gradients = clip(gradients, self.recipe.gradient_clipping)
        if self.decay is not None:
            gradients = self.decay(gradients)
        self.optimizer.step(gradients, self.rate)
        if self.kept is not None:
            self.kept.restore_norms()
        if self.average is not None:
            self.average.update()
        self.count += 1

    def tensors(self) -> list[Tensor]:
        """Return all tensors that a step changes."""
        average = [] if self.average is None else self.average.tensors
        return [*self.model.parameters(), *self.model.buffers(), *self.optimizer.tensors(), *average]

    def state(self) -> dict[str, Any]:
        """All that the next steps depend on, beside the network."""
        return {
            "count": self.count,
            "optimizer": self.optimizer.memory,
            "accumulation": None if self.accumulation is None else self.accumulation.state(),
            "average": None if self.average is None else self.average.module.state_dict(),
            **({} if self.kept is None else {"norms": self.kept.norms}),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from such a state."""
        self.count = state["count"]
        self.optimizer.restore(state["optimizer"])
        if self.accumulation is not None:
            self.accumulation.restore(state["accumulation"], next(self.model.parameters()).device)
        if self.average is not None:
            self.average.module.load_state_dict(state["average"])
        if self.kept is not None:
            self.kept.norms.copy_(state["norms"])


def mixing_of(recipe: RecipeConfig, classes: int) -> Callable[[Tensor, Tensor], tuple[Tensor, Tensor]] | None:
    """mixup or CutMix: images and labels to mixed images and soft labels ``[b, classes]``; None without either.

    torchvision's: each image is mixed with the one before it in the batch, all by the same share. They draw from
    torch's global generator.
    """
    if recipe.mixup is None and recipe.cutmix is None:
        return None
    from torchvision.transforms import v2  # takes seconds: it imports torch's compiler

    kind, alpha = (v2.MixUp, recipe.mixup) if recipe.mixup is not None else (v2.CutMix, recipe.cutmix)
    mixing: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]] = kind(alpha=alpha, num_classes=classes)
    return mixing


class Average:
    """Exponential moving average of a network's parameters and BatchNorm statistics, which begins at the start weights.

    torch's arithmetic (``torch.optim.swa_utils``) without its ``AveragedModel``, which asks the device at every step
    whether it is the first one.

    Args:
        model: the network.
        decay: weight of the average so far.

    Attributes:
        module: a network with the average.
        tensors: what an update changes.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.module = deepcopy(model)
        self.tensors = _state_of(self.module)
        own = _state_of(model)
        kinds = {one.dtype for one in own}
        self._groups = [
            tuple([one for one in tensors if one.dtype == kind] for tensors in (self.tensors, own)) for kind in kinds
        ]
        self._average = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]

    def update(self) -> None:
        """Take the network's present weights into account."""
        for averaged, own in self._groups:
            self._average(averaged, own, None)


def _state_of(model: nn.Module) -> list[Tensor]:
    return [one.detach() for one in (*model.parameters(), *model.buffers())]
