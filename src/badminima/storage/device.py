"""The device that a job computes on: a GPU of the node with few jobs on it, or the CPU; and its memory."""

import os
import platform
import re
import sys
import tempfile
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote, unquote
from uuid import uuid4

import torch
from filelock import FileLock, Timeout
from torch import Tensor

from badminima.errors import UserError

# The executor plugin starts a step inside the job, which knows its GPUs under another name than the job.
SLURM_GPU_VARIABLES = ("SLURM_JOB_GPUS", "SLURM_STEP_GPUS")
Result = TypeVar("Result")
# The lock of this process on its card, held until it ends.
_held: list[FileLock] = []


def take_card() -> None:
    """Restrict this process to the GPU of the node on which the fewest jobs of this user compute.

    Call it before CUDA is initialized. A lock file in the node's temporary folder marks the job; the lock ends with
    the process. In a SLURM job the numbers of cards may be the job's own, so its locks are, too.
    """
    cards, slurm_job = visible_cards(os.environ), os.environ.get("SLURM_JOB_ID")
    if not cards or (slurm_job and len(cards) == 1):
        return
    folder = Path(tempfile.gettempdir()) / f"badminima-cards-{os.getuid()}-{slurm_job or 'local'}"
    folder.mkdir(mode=0o700, exist_ok=True)
    with FileLock(folder / "lock"):
        jobs = [unquote(path.name.split(".")[0]) for path in folder.glob("*.job") if _is_held(path)]
        card = least_loaded(cards, jobs)
        lock = FileLock(folder / f"{quote(card, safe='')}.{uuid4().hex}.job")
        lock.acquire()
    _held.append(lock)
    os.environ["CUDA_VISIBLE_DEVICES"] = card


def visible_cards(environment: Mapping[str, str], devices: Path = Path("/dev")) -> list[str]:
    """Return the GPUs that CUDA may show this process, without initializing CUDA.

    Args:
        environment: ``CUDA_VISIBLE_DEVICES`` lists numbers, UUIDs or MIG names; CUDA ignores what follows ``-1``.
        devices: the folder of device files, one per GPU.
    """
    allowed = environment.get("CUDA_VISIBLE_DEVICES")
    if allowed is None:
        return [str(number) for number, _ in enumerate(devices.glob("nvidia[0-9]*"))]
    return list(takewhile(lambda card: card not in ("", "-1"), (card.strip() for card in allowed.split(","))))


def least_loaded(cards: Sequence[str], jobs: Sequence[str]) -> str:
    """Return the card with the fewest jobs, the first of several; ``jobs`` names the card of each running job."""
    return min(cards, key=jobs.count)


def choose_device(wanted: str, gpus: int = 0) -> torch.device:
    """Choose where a job computes; a GPU that it was given is used, or the job ends.

    Args:
        wanted: ``cpu``, ``cuda``, or ``auto``: cuda where torch can use it, else cpu.
        gpus: GPUs that the rule gave the job; those that SLURM gave it count too.

    Raises:
        UserError: if torch can't use a GPU that is wanted or that the job was given, with torch's reason.
    """
    reason = None if wanted == "cpu" else why_no_gpu()
    if wanted == "cpu" or reason is None:
        return torch.device("cpu" if wanted == "cpu" else "cuda")
    if wanted == "cuda" or gpus or any(os.environ.get(name) for name in SLURM_GPU_VARIABLES):
        given = "" if wanted == "cuda" else " in a job that holds a GPU"
        raise UserError(
            "device", f"{wanted!r}{given}, but torch can't use one ({reason})", "device: cpu computes without"
        )
    return torch.device("cpu")


def why_no_gpu() -> str | None:
    """Return why torch can't use a GPU, in one line; None if it can."""
    if torch.cuda.is_available():
        return missing_kernels(torch.cuda.get_arch_list(), torch.cuda.get_device_capability())
    try:
        with warnings.catch_warnings(action="ignore"):
            torch.zeros(1, device="cuda")
    except (RuntimeError, AssertionError) as error:
        return " ".join(str(error).split()).split(". ")[0]
    return "torch.cuda.is_available() is false"


def reason_for(chosen: torch.device) -> str:
    """Return why ``auto`` chose a device."""
    return "torch can use a GPU" if chosen.type == "cuda" else f"no GPU, {why_no_gpu()}"


def missing_kernels(built: Sequence[str], capability: tuple[int, int]) -> str | None:
    """Return why a build of torch can't compute on a card; None if it can.

    Args:
        built: what torch was built for: ``sm_86`` runs on its own major version from 8.6 on, ``compute_86`` is
            compiled on the node for any card from 8.6 on; other names (AMD's) are taken to fit.
        capability: the card's compute capability.
    """
    found = [re.match(r"(sm|compute)_(\d+)(\d)", name) for name in built]
    versions = [(match[1], (int(match[2]), int(match[3]))) for match in found if match]
    fits = any(
        version <= capability and (kind == "compute" or version[0] == capability[0]) for kind, version in versions
    )
    if fits or not versions:
        return None
    card = "sm_{}{}".format(*capability)
    return f"this build of torch has kernels for {', '.join(built)}, and none for {card}, which the card needs"


def describe(device: torch.device) -> str:
    """Return the name of a device: that of the GPU, or the CPU's architecture."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else f"cpu ({platform.machine()})"


@dataclass
class BatchSize:
    """How many images are computed on at a time: halved where they do not fit into memory, and it stays so.

    Attributes:
        images: how many.
        purpose: of the computation, for the message: "out of memory: so many images at a time for ...".
    """

    images: int
    purpose: str

    def fit(self, compute: Callable[[int], Result], available: int) -> Result:
        """Call a function with a number of images; where it does not fit, call it anew with half of it.

        Args:
            compute: takes how many images to compute on at a time.
            available: how many there are.

        Raises:
            UserError: if memory does not suffice for one image.
        """
        while True:
            size = min(self.images, available)
            try:
                return compute(size)
            except torch.OutOfMemoryError:
                if size <= 1:
                    raise UserError(
                        "memory",
                        f"too little for {self.purpose} of one image",
                        "choose a smaller model or free the device",
                    ) from None
            # Outside of the handler, whose traceback keeps tensors alive.
            self.images = size // 2
            torch.cuda.empty_cache()
            message = f"out of memory: {self.images} images at a time for {self.purpose} from now on"
            print(message, file=sys.stderr, flush=True)

    def concatenated(self, function: Callable[[Tensor], Tensor], images: Tensor) -> Tensor:
        """Return what a function makes of ``images [n, ...]`` batch by batch, ``[n, ...]``."""
        return self.fit(lambda size: torch.cat([function(part) for part in torch.split(images, size)]), len(images))


def _is_held(path: Path) -> bool:
    """Return whether a running job holds a lock; remove it if not."""
    lock = FileLock(path)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return True
    lock.release()
    path.unlink(missing_ok=True)
    return False
