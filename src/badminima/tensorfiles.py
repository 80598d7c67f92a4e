"""Safetensors files with typed metadata: no pickle, memory-mapped by readers, written atomically."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from badminima.errors import UserError
from badminima.files import atomic_path


def write_tensors(path: Path, tensors: Mapping[str, np.ndarray], metadata: Mapping[str, Any]) -> None:
    """Write arrays and metadata.

    Args:
        path: the file.
        tensors: arrays by name.
        metadata: JSON-serialisable values by key; safetensors stores text only, so each is stored as JSON.

    Raises:
        UserError: if the disk refuses.
    """
    contiguous = {name: np.ascontiguousarray(array) for name, array in tensors.items()}
    with atomic_path(path) as temporary:
        try:
            save_file(contiguous, temporary, {key: json.dumps(value) for key, value in metadata.items()})
        except SafetensorError as error:
            raise UserError(path, f"a disk that refuses ({error})", "make room or choose another folder") from None


def read_tensors(path: Path, framework: str = "numpy") -> tuple[dict[str, Any], dict[str, Any]]:
    """Read all tensors and the metadata of a file.

    Args:
        path: the file.
        framework: ``numpy`` for arrays, ``pt`` for torch tensors.

    Raises:
        UserError: if the file is missing, truncated or not a safetensors file.
    """
    try:
        with safe_open(path, framework) as handle:
            metadata = {key: json.loads(value) for key, value in (handle.metadata() or {}).items()}
            return {name: handle.get_tensor(name) for name in handle.keys()}, metadata  # noqa: SIM118
    except FileNotFoundError:
        raise UserError(path, "no such file", "run the stage that writes it first") from None
    except (SafetensorError, ValueError) as error:
        raise UserError(path, f"a damaged tensor file ({error})", "delete it and run its stage again") from None
