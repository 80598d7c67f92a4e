"""Measuring a network on items."""

import sys
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from badminima.data.augmentation import AugmentationDraws
from badminima.data.items import Items
from badminima.errors import UserError
from badminima.training.numerics import Numerics

# A GPU wants large batches; on a CPU they fall out of the cache (convnet, 28x28: 256 is twice as fast as 2,048).
EVALUATION_BATCH = {"cuda": 2048, "cpu": 256}


@dataclass(frozen=True)
class Evaluation:
    """Mean loss, accuracy and the predicted classes ``[n]`` (on the CPU) of some items."""

    loss: float
    accuracy: float
    predicted: Tensor


class Evaluator:
    """Evaluates in batches as large as memory allows: one that does not fit is halved, and stays so.

    Args:
        numerics: how the forward pass is computed.
    """

    def __init__(self, numerics: Numerics) -> None:
        self.numerics = numerics
        self.batch_size = EVALUATION_BATCH[numerics.device.type]

    def __call__(self, model: nn.Module, items: Items, augmentation: AugmentationDraws | None = None) -> Evaluation:
        """Measure a network, in evaluation mode; leaves it in training mode as it was or was not.

        Raises:
            UserError: if memory does not suffice for a batch of one.
        """
        while True:
            try:
                return self._evaluate(model, items, augmentation)
            except torch.OutOfMemoryError:
                if self.batch_size == 1:
                    raise UserError(
                        "memory", "too little to evaluate one image", "choose a smaller model or free the device"
                    ) from None
            self.batch_size //= 2
            torch.cuda.empty_cache()
            print(f"out of memory: evaluating in batches of {self.batch_size} from now on", file=sys.stderr, flush=True)

    @torch.no_grad()
    def _evaluate(self, model: nn.Module, items: Items, augmentation: AugmentationDraws | None) -> Evaluation:
        was_training = model.training
        model.eval()
        loss = torch.zeros((), dtype=torch.float64, device=items.labels.device)
        predicted = torch.empty_like(items.labels)
        done = 0
        try:
            for images, labels in items.batches(torch.arange(len(items)), self.batch_size, augmentation):
                with self.numerics.forward_context(), self.numerics.rounding():
                    logits = model(images)
                loss += cross_entropy(logits.float(), labels, reduction="sum")
                predicted[done : done + len(labels)] = logits.argmax(1)
                done += len(labels)
        finally:
            model.train(was_training)
        correct = int((predicted == items.labels).sum())
        return Evaluation(loss.item() / len(items), correct / len(items), predicted.cpu())
