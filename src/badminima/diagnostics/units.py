"""Which units a network uses: ReLUs that never or always fire, and the rank of its last features."""

from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from badminima.diagnostics.context import Context, Skipped
from badminima.experiment.measured import of_tensor

RELU_FUNCTIONS = (nn.functional.relu, torch.relu, torch.relu_, Tensor.relu, Tensor.relu_)


def measure(context: Context) -> dict[str, float]:
    """Activity of the end network's units on training images.

    A unit is an output of a ReLU: one feature of a vector, one channel of a feature map. Every call of a ReLU is a
    layer, named after its module; the second call of one module in a pass is ``name:2``, and a ReLU function in a
    module's own code ``name.relu`` (in the network's own code ``relu``).

    - ``units.dead``: fraction of all units that are zero on every image, a channel at every position.
    - ``units.dead@layer``: the same of one layer.
    - ``units.always_on``: fraction that are positive on every image, a channel at every position.
    - ``units.effective_rank``: of the inputs of the last linear layer, see :func:`effective_rank`.
    - ``units.participation_ratio``: of the same, see :func:`participation_ratio`.

    Raises:
        Skipped: if the network has no ReLU.
    """
    network, images = context.network, context.train.images
    watch, features = network.batch.fit(lambda size: observe(network.model, torch.split(images, size)), len(images))
    if not watch.lowest:
        raise Skipped("the network has no ReLU")
    dead = {name: (highest <= 0).double() for name, highest in watch.highest.items()}
    always_on = [(lowest > 0).double() for lowest in watch.lowest.values()]
    spectrum = singular_values(features)
    return {
        "units.dead": float(torch.cat(list(dead.values())).mean()),
        "units.always_on": float(torch.cat(always_on).mean()),
        "units.effective_rank": effective_rank(spectrum),
        "units.participation_ratio": participation_ratio(spectrum),
        **{of_tensor("units.dead", name): float(layer.mean()) for name, layer in dead.items()},
    }


class ReluWatch(TorchFunctionMode):
    """Sees the output of every ReLU that is called while it is entered, as a module or as a function.

    Attributes:
        lowest, highest: of each unit's values so far, ``[units]`` by layer, in the order of the first pass.
    """

    def __init__(self) -> None:
        super().__init__()
        self.lowest: dict[str, Tensor] = {}
        self.highest: dict[str, Tensor] = {}
        self._inside: list[tuple[str, nn.Module]] = []
        self._calls: Counter[str] = Counter()

    def __torch_function__(
        self, function: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        output = function(*args, **(kwargs or {}))
        if function in RELU_FUNCTIONS:
            self._record(output)
        return output

    def enter_module(self, name: str, module: nn.Module, _: Any) -> None:
        """Forward pre-hook of the module called ``name``."""
        if not self._inside:
            self._calls.clear()
        self._inside.append((name, module))

    def leave_module(self, module: nn.Module, given: Any, output: Any) -> None:
        """Forward hook of every module."""
        self._inside.pop()

    def _record(self, output: Tensor) -> None:
        name, module = self._inside[-1]
        layer = name if isinstance(module, nn.ReLU) else f"{name}.relu".lstrip(".")
        self._calls[layer] += 1
        if self._calls[layer] > 1:
            layer = f"{layer}:{self._calls[layer]}"
        units = output.transpose(0, 1).flatten(1)
        lowest, highest = units.amin(1), units.amax(1)
        self.lowest[layer] = torch.minimum(self.lowest.get(layer, lowest), lowest)
        self.highest[layer] = torch.maximum(self.highest.get(layer, highest), highest)


def observe(model: nn.Module, batches: Iterable[Tensor]) -> tuple[ReluWatch, Tensor]:
    """Pass images through a network and watch its units.

    Args:
        model: with a linear layer; left as it is.
        batches: images ``[b, c, h, w]``.

    Returns:
        What the ReLUs gave, and the inputs of the last linear layer, ``[n, p]``.
    """
    watch, features = ReluWatch(), []
    classifier = [module for module in model.modules() if isinstance(module, nn.Linear)][-1]
    with ExitStack() as hooks, torch.no_grad(), watch:
        hooks.enter_context(classifier.register_forward_pre_hook(lambda _, inputs: features.append(inputs[0])))
        for name, module in model.named_modules():
            hooks.enter_context(module.register_forward_pre_hook(partial(watch.enter_module, name)))
            hooks.enter_context(module.register_forward_hook(watch.leave_module))
        for images in batches:
            model(images)
    return watch, torch.cat(features)


def singular_values(features: Tensor) -> Tensor:
    """Singular values of features ``[n, p] float32`` with their mean over images removed, ``[min(n, p)] float64``.

    Those below the rounding of the features (2^-23 of their Frobenius norm, mean included) are set to zero: features
    that are the same for all images have none.
    """
    values = features.double()
    # On the CPU: GPUs are slow at this.
    found: Tensor = torch.linalg.svdvals((values - values.mean(0)).cpu()).to(values.device)
    rounding = torch.finfo(torch.float32).eps * torch.linalg.vector_norm(values)
    return torch.where(found > rounding, found, 0.0)


def effective_rank(spectrum: Tensor) -> float:
    """``exp(-sum p log p)`` of ``p = s / sum s`` (Roy and Vetterli 2007, "The effective rank").

    From 1 to the number of singular values ``s [k]`` that are not zero, which it is if they are equal; NaN if there
    are none.
    """
    shares = spectrum / spectrum.sum()
    return float(torch.special.entr(shares).sum().exp())


def participation_ratio(spectrum: Tensor) -> float:
    """``(sum l)^2 / sum l^2`` of the eigenvalues ``l = s^2 / n`` of the features' covariance.

    Over how many directions their variance is spread: from 1 to the number of singular values ``s [k]`` that are not
    zero, which it is if they are equal; NaN if there are none.
    """
    variances = spectrum.square()
    return float(variances.sum().square() / variances.square().sum())
