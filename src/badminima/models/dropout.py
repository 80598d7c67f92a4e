"""Dropout in networks that were built without it."""

from torch import Tensor, nn
from torch.nn.functional import dropout

from badminima.models.build import last_linear


def add_dropout(model: nn.Module, probability: float) -> None:
    """Zero the inputs of the last linear layer with this probability in training, the others growing to make up for it.

    Dropout of Srivastava et al. 2014, in front of the classifier alone, where every architecture here has a linear
    layer. A hook, not a module: the names of the weights stay as they are, and so do networks that are made of them.

    Args:
        model: the network; changed.
        probability: of a zero.

    Raises:
        UserError: if it has no linear layer.
    """

    def drop(layer: nn.Module, inputs: tuple[Tensor]) -> Tensor:
        return dropout(inputs[0], probability, layer.training)

    last_linear(model).register_forward_pre_hook(drop)
