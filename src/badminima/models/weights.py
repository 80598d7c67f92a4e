"""Weights on disk: every parameter and buffer of a network in one safetensors file."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from badminima.errors import UserError
from badminima.storage.tensorfiles import read_tensors, write_tensors

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Weights:
    """A network's state as arrays.

    Attributes:
        parameters: trained tensors by name, in the network's order.
        buffers: BatchNorm statistics and the like, by name.
    """

    parameters: Mapping[str, np.ndarray]
    buffers: Mapping[str, np.ndarray]

    def __repr__(self) -> str:
        count = sum(array.size for array in self.parameters.values())
        return f"Weights({count:,} parameters in {len(self.parameters)} tensors)"

    def vector(self) -> np.ndarray:
        """All parameters as one float64 vector."""
        return np.concatenate([array.reshape(-1).astype(np.float64) for array in self.parameters.values()])

    def is_finite(self) -> bool:
        """Whether no parameter is infinite or not a number."""
        return all(bool(np.isfinite(array).all()) for array in self.parameters.values())


def weights_of(model: "nn.Module") -> Weights:
    """Copy a network's state to the host."""
    names = {name for name, _ in model.named_parameters()}
    state = {name: tensor.detach().cpu().numpy().copy() for name, tensor in model.state_dict().items()}
    return Weights(
        {name: array for name, array in state.items() if name in names},
        {name: array for name, array in state.items() if name not in names},
    )


def write_weights(path: Path, weights: Weights) -> None:
    """Write weights; the metadata keeps which tensors are parameters, and their order."""
    write_tensors(path, {**weights.parameters, **weights.buffers}, {"parameters": list(weights.parameters)})


def read_weights(path: Path) -> Weights:
    """Read weights; raises UserError if the file is missing, damaged or not a weights file."""
    tensors, metadata = read_tensors(path, verify=True)
    names = metadata.get("parameters")
    if not isinstance(names, list) or not all(isinstance(name, str) and name in tensors for name in names):
        raise UserError(path, "no list of parameters", "expected weights written by initialize, pretrain or train")
    parameters = {name: tensors.pop(name) for name in dict.fromkeys(names)}
    return Weights(parameters, tensors)


def load_weights(model: "nn.Module", weights: Weights, where: Path) -> None:
    """Put weights into a network.

    Args:
        model: the network.
        weights: its state.
        where: the file they come from, for the message.

    Raises:
        UserError: if names, shapes or types are not the network's.
    """
    import torch

    try:
        state = {name: torch.from_numpy(array) for name, array in {**weights.parameters, **weights.buffers}.items()}
        own = model.state_dict()
        if any(name in own and tensor.dtype != own[name].dtype for name, tensor in state.items()):
            raise TypeError
        model.load_state_dict(state)
    except (RuntimeError, TypeError):
        raise UserError(
            where, "weights of another network", "expected those of the configured model and dataset"
        ) from None
