"""A step on the same memory every time: on CUDA one graph, which the device runs without waiting for the host.

A small network's step is hundreds of kernels of a few microseconds each; launched one by one they leave the device
idle for most of it. Recorded once and replayed, they follow each other. The recorded step is the step itself, so
whatever can be recorded gives the same numbers either way.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.nn.modules.dropout import _DropoutNd

from badminima.errors import UserError
from badminima.models.numerics import Numerics
from badminima.training.step import Step

# Calls before the recording: libraries choose algorithms, allocate and compile in the first ones.
WARM_UP = 3
CAPTURED = "captured"
# What `on` does on a CPU, so that all but the recording itself can be tried there.
REPLAYED = "on fixed memory, without a graph"


class Learner:
    """Learns from one batch after the other and adds up; nothing waits for the device.

    Batches of the full size go through one graph where the recipe allows it, all others call by call.

    Args:
        step: what a batch does to the network.
        numerics: whether graphs are wanted.
        batch_size: of every batch but the last one of an epoch.
        count_correct: whether right answers are counted, too.

    Attributes:
        loss_sum: of the batches' mean losses since ``reset``, ``[]``, on the device.
        correct: right answers, in training mode, since ``reset``, ``[] int64``, on the device.
        graphs: ``captured``, or why steps are not.
    """

    def __init__(self, step: Step, numerics: Numerics, batch_size: int, count_correct: bool) -> None:
        self.step = step
        self.batch_size = batch_size
        self.count_correct = count_correct
        self.loss_sum = torch.zeros((), device=numerics.device)
        self.correct = torch.zeros((), dtype=torch.int64, device=numerics.device)
        self.graphs = choice(step, numerics)
        self._must = numerics.graphs == "on"
        self._replayed: Replayed | None = None

    def __call__(self, images: Tensor, labels: Tensor, learning_rate: float) -> None:
        """Learn from a batch.

        Args:
            images: ``[b, c, h, w]``, normalized.
            labels: ``[b] int64``.
            learning_rate: of the step.
        """
        self.step.set_rate(learning_rate)
        full = self.graphs in (CAPTURED, REPLAYED) and len(labels) == self.batch_size
        if full and self._replayed is None:
            self._replayed = self._capture(images, labels)
        if full and self._replayed is not None:
            count = self.step.count
            self._replayed(images, labels)
            self.step.count = count + 1  # a graph runs no Python
        else:
            self._learn(images, labels)

    def reset(self) -> None:
        """Begin a new sum."""
        self.loss_sum.zero_()
        self.correct.zero_()

    def _learn(self, images: Tensor, labels: Tensor) -> None:
        """Learn from a batch, call by call."""
        loss, logits = self.step.learn(images, labels)
        self.loss_sum += loss
        if self.count_correct:
            self.correct += (logits.argmax(1) == labels).sum()

    def _capture(self, images: Tensor, labels: Tensor) -> "Replayed | None":
        """Return the step as a graph; None, and a line on stderr, if the network can't be recorded."""
        count = self.step.count
        changed = [*self.step.tensors(), self.loss_sum, self.correct]
        try:
            return Replayed(self._learn, images, labels, changed)
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            reason = " ".join(str(error).split())[:200]
            if self._must:
                raise UserError(
                    "numerics.graphs", f"'on' for a step that can't be captured ({reason})", "auto runs it call by call"
                ) from None
            self.graphs = f"not captured: {reason}"
            print(f"numerics.graphs: {self.graphs}; steps run call by call", file=sys.stderr, flush=True)
            return None
        finally:
            self.step.count = count


class Replayed:
    """A function of a batch that always works on the same memory.

    Making one leaves no trace in what the function changes, nor in random numbers.

    Args:
        function: changes tensors in place, and waits for nothing.
        images, labels: a batch of the size that all batches have.
        changed: every tensor that the function changes.
    """

    def __init__(
        self, function: Callable[[Tensor, Tensor], None], images: Tensor, labels: Tensor, changed: list[Tensor]
    ) -> None:
        self.images, self.labels = images.clone(), labels.clone()
        # Kept: a graph replays on the memory of what the function holds, and does not keep it alive.
        self.function = function

        def call() -> None:
            function(self.images, self.labels)

        with _unchanged(changed), _side_stream(images.device):
            for _ in range(WARM_UP):
                call()
        self._replay = call if images.device.type == "cpu" else _record(call)

    def __call__(self, images: Tensor, labels: Tensor) -> None:
        """Call the function with a batch."""
        self.images.copy_(images, non_blocking=True)
        self.labels.copy_(labels, non_blocking=True)
        self._replay()


def choice(step: Step, numerics: Numerics) -> str:
    """Whether full batches go through a graph, in words for run.json.

    Raises:
        UserError: if graphs must be, and can't.
    """
    reason = _obstacle(step, numerics)
    if numerics.graphs == "on" and reason is not None:
        raise UserError("numerics.graphs", f"'on', but {reason}", "auto runs it call by call")
    if reason is not None:
        return f"not captured: {reason}"
    return CAPTURED if numerics.device.type == "cuda" else REPLAYED


def _obstacle(step: Step, numerics: Numerics) -> str | None:
    recipe = step.recipe
    if numerics.graphs == "off":
        return "numerics.graphs is off"
    if numerics.graphs == "auto" and numerics.device.type != "cuda":
        return "a CPU has no graphs"
    if recipe.mixup is not None or recipe.cutmix is not None:
        return "mixup and CutMix draw on the host"
    if recipe.full_batch:
        return "full_batch decides on the host which batch is the last"
    if recipe.sam is not None and any(
        isinstance(module, _DropoutNd) and module.p > 0 for module in step.model.modules()
    ):
        return "sam sets dropout's random numbers back"
    return None


def _record(call: Callable[[], None]) -> Callable[[], None]:
    """Record what a call launches. What it works on must live as long as the graph."""
    graph = torch.cuda.CUDAGraph()
    # Other threads may go on to pin memory: one reads images ahead.
    with torch.cuda.graph(graph, capture_error_mode="thread_local"):
        call()
    return graph.replay


@contextmanager
def _unchanged(tensors: list[Tensor]) -> Iterator[None]:
    """Give tensors and torch's random numbers back as they were, at the same addresses."""
    saved = [tensor.detach().clone() for tensor in tensors]
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        yield
    with torch.no_grad():
        for tensor, before in zip(tensors, saved, strict=True):
            tensor.copy_(before)


@contextmanager
def _side_stream(device: torch.device) -> Iterator[None]:
    """Run on a stream of its own, as a recording does."""
    if device.type != "cuda":
        yield
        return
    stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        yield
    torch.cuda.current_stream().wait_stream(stream)
