"""How numbers are computed: precision, compilation, determinism, and the forward pass that follows from them.

Chosen once per job and recorded. On a GPU a launch costs what a small layer's arithmetic costs. Autocast casts each
layer's weights in a launch of its own, forward and backward, and each BatchNorm counts its batches in another. In
:class:`Forward` one launch does each of these for all layers, with the same numbers.
"""

import ctypes
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch
from platformdirs import user_cache_dir
from torch import Tensor, nn
from torch.func import functional_call

from badminima.config import NumericsConfig
from badminima.errors import UserError
from badminima.models.batchnorm import BatchNorm
from badminima.storage.device import choose_device, describe, reason_for, take_card

# ResNet18 on an H200, in seconds: compiling, and what compiled code saves of an image's training step.
COMPILING, SAVED_BY_COMPILING = 20.0, 3.5e-6
FP32 = NumericsConfig(precision="fp32")
# Layers whose weights and biases autocast casts.
CAST = (nn.Conv2d, nn.Linear)


@dataclass
class Numerics:
    """The numerics of a job, with every ``auto`` decided.

    Attributes:
        device: where tensors live.
        precision: ``fp32``, ``tf32`` (matrix products and convolutions round their inputs) or ``bf16`` (autocast).
        compile: mode of ``torch.compile``, or ``none``.
        deterministic: whether only algorithms that repeat themselves to the bit are used.
        graphs: whether steps are recorded as CUDA graphs: ``auto`` (where they can be), ``on`` or ``off``; on a CPU
            ``on`` takes the same way without a graph.
        auto: what ``auto`` decided and why, by setting. The first batch may show that this node can't compile.
    """

    device: torch.device
    precision: str
    compile: str
    deterministic: bool
    graphs: str = "auto"
    auto: dict[str, str] = field(default_factory=dict)

    def forward_context(self) -> AbstractContextManager[Any]:
        """Return the context that forward passes run in."""
        if self.precision == "bf16":
            # Each weight is cast once a pass, and a graph must not read casts from before it.
            return torch.autocast(self.device.type, dtype=torch.bfloat16, cache_enabled=False)
        return nullcontext()

    def forward_of(self, model: nn.Module, batch_size: int | None = None) -> Callable[[Tensor], Tensor]:
        """Return the network as it is called; parameters are shared.

        Args:
            model: the network.
            batch_size: of the batches that compiled code is for, others are not worth compiling for; None: of all.
        """
        on_cuda = self.device.type == "cuda"
        if self.compile == "none" and not on_cuda:
            return model
        # Autocast finds weights of its kind, and leaves them.
        kind = torch.bfloat16 if on_cuda and self.precision == "bf16" else None
        # In its default mode: the compiler's own graphs stay off, as the whole step is one.
        compiler = None if self.compile == "none" else partial(torch.compile, dynamic=False)
        return Forward(model, kind, compiler, batch_size, self.do_without)

    def do_without(self, reason: str) -> None:
        """Take notice that this node can't compile; raise UserError if it was asked for."""
        if "compile" not in self.auto:
            raise UserError(
                "numerics.compile",
                f"'default', but this node can't compile ({reason})",
                "install a C compiler and Python's headers (Debian: gcc and python3-dev), or set it to auto or none",
            )
        self.compile, self.auto["compile"] = "none", f"none: this node can't compile ({reason})"
        print(f"numerics.compile: auto: {self.auto['compile']}", file=sys.stderr, flush=True)

    def record(self) -> dict[str, object]:
        """Return the entries for run.json."""
        return {name: getattr(self, name) for name in ("precision", "compile", "deterministic", "auto")}


class Forward:
    """A network as training calls it.

    Args:
        model: the network, on the device.
        kind: what the weights of its convolutions and linear layers are cast to; None: nothing is cast.
        compiler: makes a faster function of one, or gives it back; None: nothing is compiled.
        batch_size: of the batches that compiled code is for: others are not worth compiling for. None: of all.
        do_without: is called with the reason if the first batch shows that compiling fails; raises, or has the
            network run uncompiled.
    """

    def __init__(
        self,
        model: nn.Module,
        kind: torch.dtype | None = None,
        compiler: Callable[[Callable[..., Tensor]], Callable[..., Tensor]] | None = None,
        batch_size: int | None = None,
        do_without: Callable[[str], None] = lambda reason: None,
    ) -> None:
        self.model = model
        self.kind = kind
        self.do_without = do_without
        self.batch_size = batch_size
        self.cast = {} if kind is None else _cast_parameters(model)
        self.counting = [one for one in model.modules() if isinstance(one, BatchNorm) and one.momentum is not None]
        self._compiled = self._call if compiler is None else compiler(self._call)
        self._untried = compiler is not None

    def __call__(self, images: Tensor) -> Tensor:
        """Logits ``[b, classes]`` of images ``[b, c, h, w]``."""
        if self._untried and self.batch_size in (None, len(images)):
            self._untried = False
            self._try(images)
        weights = {}
        if self.kind is not None:
            cast = _Cast.apply(self.kind, *self.cast.values())  # type: ignore[no-untyped-call]
            weights = dict(zip(self.cast, cast, strict=True))
        call = self._compiled if self.batch_size in (None, len(images)) else self._call
        with _counted_at_once(self.counting):
            return call(weights, images)

    @torch.enable_grad()
    def _try(self, images: Tensor) -> None:
        """Compile both passes for a batch. If that fails, go on uncompiled; either way nothing else changes."""
        buffers = list(self.model.buffers())
        before = [buffer.clone() for buffer in buffers]
        try:
            with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
                torch.autograd.grad(self(images).sum(), list(self.model.parameters()), allow_unused=True)
        except torch.OutOfMemoryError:
            raise
        except Exception as error:  # compilers have their own kinds
            self._compiled = self._call
            self.do_without(str(error).strip().partition("\n")[0][:200])
        finally:
            for buffer, value in zip(buffers, before, strict=True):
                buffer.copy_(value)

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
    layers = [layer for layer in model.modules() if isinstance(layer, CAST)]
    chosen = {id(parameter) for layer in layers for parameter in layer.parameters(recurse=False)}
    return {name: parameter for name, parameter in model.named_parameters() if id(parameter) in chosen}


@contextmanager
def _counted_at_once(layers: list[BatchNorm]) -> Iterator[None]:
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


def begin_job(device: str, gpus: int, threads: int, numerics: NumericsConfig = FP32) -> None:
    """Take a card, set the number of threads, and name device and precision: the log's first line.

    Args:
        device: what the config wants.
        gpus: GPUs that the rule gave the job.
        threads: CPU threads.
        numerics: how the job computes; measurements use 32-bit floats.

    Raises:
        UserError: if the job was given a GPU that torch can't use.
    """
    torch.set_num_threads(threads)
    if device != "cpu":
        take_card()
    chosen = choose_device(device, gpus)
    card = f" (card {os.environ.get('CUDA_VISIBLE_DEVICES', '0')})" if chosen.type == "cuda" else ""
    because = f" (auto: {reason_for(chosen)})" if device == "auto" else ""
    precision, reason = _precision(numerics, chosen)
    rounded = f" (auto: {reason})" if numerics.precision == "auto" else ""
    print(
        f"device {describe(chosen)}{card}{because}, precision {precision}{rounded}, threads {threads}",
        file=sys.stderr,
        flush=True,
    )


def set_up(config: NumericsConfig, device: torch.device, images: int = 0) -> Numerics:
    """Apply the configuration to torch's global state.

    Args:
        config: what is wanted.
        device: where the job runs.
        images: how many a training goes through, in all epochs: a long one is worth compiling for.
    """
    if device.type == "cpu":
        _keep_freed_memory()
    precision, reason = _precision(config, device)
    _allow_tf32(precision == "tf32", precision == "tf32")
    if device.type == "cuda":
        # cuBLAS repeats itself only with a workspace of fixed size.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(config.deterministic)
        # Deterministic or not, nothing here reads memory that it has not written; filling it costs launches.
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
        torch.backends.cudnn.benchmark = not config.deterministic
    auto = {"precision": f"{precision}: {reason}"} if config.precision == "auto" else {}
    compiled = config.compile
    if compiled == "auto":
        pays = device.type == "cuda" and images * SAVED_BY_COMPILING > COMPILING
        compiled = "default" if pays else "none"
        auto["compile"] = f"{compiled}: {'a long' if pays else 'no long'} training on a GPU"
    if compiled != "none":
        _share_compiled_code()
    return Numerics(device, precision, compiled, config.deterministic or device.type == "cpu", config.graphs, auto)


@contextmanager
def rounding(tf32: bool | None = None) -> Iterator[None]:
    """Have a GPU's matrix products and convolutions round their inputs to tf32, or not; a CPU's never do.

    With None they go on as they do. Afterwards it is as before, whatever the block sets.
    """
    matmul, convolutions = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    if tf32 is not None:
        _allow_tf32(tf32, tf32)
    try:
        yield
    finally:
        _allow_tf32(matmul, convolutions)


@contextmanager
def kept() -> Iterator[None]:
    """Leave torch's global state after the block as it was before: how numbers are computed, and random numbers."""
    benchmark, deterministic = torch.backends.cudnn.benchmark, torch.are_deterministic_algorithms_enabled()
    try:
        with rounding(), torch.random.fork_rng(devices=range(torch.cuda.device_count())):
            yield
    finally:
        torch.backends.cudnn.benchmark = benchmark
        torch.use_deterministic_algorithms(deterministic)


def _allow_tf32(products: bool, convolutions: bool) -> None:
    torch.backends.cuda.matmul.allow_tf32 = products
    torch.backends.cudnn.allow_tf32 = convolutions


def _precision(config: NumericsConfig, device: torch.device) -> tuple[str, str]:
    """Return the precision of a job, and why ``auto`` chooses it."""
    if config.precision != "auto" or device.type == "cpu":
        return ("fp32" if config.precision == "auto" else config.precision), "a CPU"
    if torch.cuda.is_bf16_supported(including_emulation=False):
        return "bf16", "a GPU with arithmetic in bfloat16"
    return "tf32" if torch.cuda.is_tf32_supported() else "fp32", "a GPU without arithmetic in bfloat16"


def _share_compiled_code() -> None:
    """Keep compiled code in the user's cache, so that all jobs of a grid find what the first one compiled.

    torch's own place is in the node's temporary folder; it stays where the user's cache can't be written.
    """
    folder = Path(user_cache_dir("badminima")) / "compiled"
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK):
            os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(folder))


def _keep_freed_memory() -> None:
    """Have glibc keep large blocks instead of giving them back after each step, to be faulted in again at the next.

    Worth a factor of 1.4 for the convnet on 28x28 and 1.2 for ResNet18 on a two-core CPU. Elsewhere than on glibc
    nothing happens.
    """
    mmap_threshold, trim_threshold = -3, -1  # M_MMAP_THRESHOLD, M_TRIM_THRESHOLD in malloc.h
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        mallopt(mmap_threshold, 1 << 30)
        mallopt(trim_threshold, (1 << 31) - 1)
