"""How numbers are computed: precision, compilation, determinism. Chosen once per job and recorded."""

import ctypes
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from platformdirs import user_cache_dir
from torch import Tensor, nn

from badminima.config import NumericsConfig
from badminima.storage.provenance import choose_device, describe
from badminima.training.forward import Forward

# ResNet18 on an H200, in seconds: compiling, and what compiled code saves of an image's training step.
COMPILING, SAVED_BY_COMPILING = 20.0, 3.5e-6
FP32 = NumericsConfig(precision="fp32")


@dataclass(frozen=True)
class Numerics:
    """The numerics of a job, with every ``auto`` decided.

    Attributes:
        device: where tensors live.
        precision: ``fp32``, ``tf32`` (matrix products and convolutions round their inputs) or ``bf16`` (autocast).
        compile: mode of ``torch.compile``, or ``none``.
        deterministic: whether only algorithms that repeat themselves to the bit are used.
        graphs: whether steps are recorded as CUDA graphs: ``auto`` (where they can be), ``on`` or ``off``; on a CPU
            ``on`` takes the same way without a graph.
    """

    device: torch.device
    precision: str
    compile: str
    deterministic: bool
    graphs: str = "auto"

    def forward_context(self) -> AbstractContextManager[Any]:
        """Return the context that forward passes run in."""
        if self.precision == "bf16":
            # Each weight is cast once a pass, and a graph must not read casts from before it.
            return torch.autocast(self.device.type, dtype=torch.bfloat16, cache_enabled=False)
        return nullcontext()

    def rounding(self) -> AbstractContextManager[None]:
        """Have products round their inputs as the precision says, whatever the job was set up with."""
        return rounding(self.precision == "tf32")

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
        return Forward(model, kind, self._compiler(), batch_size)

    def _compiler(self) -> Callable[[Callable[..., Tensor]], Callable[..., Tensor]] | None:
        if self.compile == "none":
            return None
        # In its default mode: the compiler's own graphs stay off, as the whole step is one.
        return partial(torch.compile, dynamic=False)

    def record(self) -> dict[str, object]:
        """For run.json."""
        return {"precision": self.precision, "compile": self.compile, "deterministic": self.deterministic}


def begin_job(device: str, gpus: int, threads: int, numerics: NumericsConfig = FP32) -> None:
    """Set the number of threads, make sure of the device, and name both with the precision: the log's first line.

    Args:
        device: what the config wants.
        gpus: GPUs that the rule gave the job.
        threads: CPU threads.
        numerics: how the job computes; measurements use 32-bit floats.

    Raises:
        UserError: if the job was given a GPU that torch can't use.
    """
    torch.set_num_threads(threads)
    chosen = choose_device(device, gpus)
    precision = _precision(numerics, chosen)
    print(f"device {describe(chosen)}, precision {precision}, threads {threads}", file=sys.stderr, flush=True)


def set_up(config: NumericsConfig, device: torch.device, images: int = 0) -> Numerics:
    """Apply the configuration to torch's global state.

    Args:
        config: what is wanted.
        device: where the job runs; ``auto`` is bf16 on CUDA and fp32 elsewhere.
        images: how many a training goes through, in all epochs: a long one is worth compiling for.
    """
    if device.type == "cpu":
        _keep_freed_memory()
    precision = _precision(config, device)
    _allow_tf32(precision == "tf32", precision == "tf32")
    if device.type == "cuda":
        # cuBLAS repeats itself only with a workspace of fixed size.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(config.deterministic)
        # Deterministic or not, nothing here reads memory that it has not written; filling it costs launches.
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
        torch.backends.cudnn.benchmark = not config.deterministic
    compiled = config.compile
    if compiled == "auto":
        pays = device.type == "cuda" and images * SAVED_BY_COMPILING > COMPILING
        compiled = "default" if pays else "none"
    if compiled != "none":
        _share_compiled_code()
    return Numerics(device, precision, compiled, config.deterministic or device.type == "cpu", config.graphs)


@contextmanager
def rounding(tf32: bool) -> Iterator[None]:
    """Have a GPU's matrix products and convolutions round their inputs to tf32, or not; a CPU's never do."""
    matmul, convolutions = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    _allow_tf32(tf32, tf32)
    try:
        yield
    finally:
        _allow_tf32(matmul, convolutions)


@contextmanager
def kept() -> Iterator[None]:
    """Leave torch's global state after the block as it was before: how numbers are computed, and random numbers."""
    matmul, convolutions, benchmark = (
        torch.backends.cuda.matmul.allow_tf32,
        torch.backends.cudnn.allow_tf32,
        torch.backends.cudnn.benchmark,
    )
    deterministic = torch.are_deterministic_algorithms_enabled()
    try:
        with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
            yield
    finally:
        _allow_tf32(matmul, convolutions)
        torch.backends.cudnn.benchmark = benchmark
        torch.use_deterministic_algorithms(deterministic)


def _allow_tf32(products: bool, convolutions: bool) -> None:
    torch.backends.cuda.matmul.allow_tf32 = products
    torch.backends.cudnn.allow_tf32 = convolutions


def _precision(config: NumericsConfig, device: torch.device) -> str:
    if config.precision == "auto":
        return "bf16" if device.type == "cuda" else "fp32"
    return config.precision


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
