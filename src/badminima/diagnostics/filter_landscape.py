"""The loss along random directions from a run's end, each filter's share of one as long as the filter."""

import math
from copy import deepcopy
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from badminima.config.options import FilterLandscapeOptions
from badminima.diagnostics.context import Context
from badminima.diagnostics.landscape import loss_and_accuracy
from badminima.diagnostics.network import renew_statistics, set_parameters, statistics_batch, thin_out
from badminima.experiment.measured import of_tensor


def measure(context: Context) -> dict[str, float]:
    """Walk from the end along random directions that are normalized by filter (Li et al. 2018, arXiv 1712.09913).

    A direction is Gaussian, and each filter's part of it is scaled to the norm of that filter: its length is that of
    the weights (:func:`filter_direction`). So the lines of networks whose layers differ in scale compare. They are
    ``w + t d`` for ``points`` values of ``t`` from ``-radius`` to ``radius``. All runs of a seed have the same draws.

    - ``filter_landscape.loss@direction:t`` and ``filter_landscape.accuracy@direction:t``: mean cross entropy in nats
      and accuracy on training images at each point; left out where the loss overflows.
    - ``filter_landscape.rise``: mean of the loss over all points, minus the loss at the end; NaN where one overflows.
    - ``filter_landscape.mean_accuracy``: mean of the accuracy over all points.

    BatchNorm statistics are computed anew at every point, the end included, as :mod:`badminima.diagnostics.landscape`
    does it.
    """
    options = context.options("filter_landscape", FilterLandscapeOptions)
    sample = thin_out(context.train, options.images)
    network = replace(context.network, model=deepcopy(context.network.model))
    statistics, generator = statistics_batch(network.device), context.generator("filter_landscape", "directions")
    centre = [parameter.detach().clone() for parameter in network.model.parameters()]

    def at(direction: list[Tensor], t: float) -> tuple[float | None, float]:
        set_parameters(network.model, (origin + t * step for origin, step in zip(centre, direction, strict=True)))
        renew_statistics(network.model, sample.images, statistics)
        return loss_and_accuracy(network, sample)

    end, _ = at(centre, 0.0)
    losses, accuracies, values = [], [], {}
    for number in range(1, options.directions + 1):
        direction = filter_direction(centre, generator)
        for t in np.linspace(-options.radius, options.radius, options.points):
            loss, accuracy = at(direction, float(t))
            losses.append(math.nan if loss is None else loss)
            accuracies.append(accuracy)
            if loss is not None:
                values[of_tensor("filter_landscape.loss", f"{number}:{t:.4g}")] = loss
                values[of_tensor("filter_landscape.accuracy", f"{number}:{t:.4g}")] = accuracy
    return {
        "filter_landscape.rise": float(np.mean(losses)) - (math.nan if end is None else end),
        "filter_landscape.mean_accuracy": float(np.mean(accuracies)),
        **values,
    }


def filter_direction(parameters: list[Tensor], generator: torch.Generator) -> list[Tensor]:
    """Draw a direction whose filters have the norms of a network's filters (Li et al. 2018, section 4).

    A filter is what makes one channel or unit: ``[i, ...]`` of a weight. Biases and the scales and shifts of
    normalizations stay where they are, and so do filters of norm 0.

    Args:
        parameters: the network's, in its order.
        generator: random numbers on the CPU.
    """
    direction = []
    for parameter in parameters:
        if parameter.ndim < 2:
            direction.append(torch.zeros_like(parameter))
            continue
        drawn = torch.randn(parameter.shape, generator=generator, dtype=parameter.dtype).to(parameter.device)
        filters, own = drawn.flatten(1), parameter.flatten(1)
        scale = own.norm(dim=1, keepdim=True) / filters.norm(dim=1, keepdim=True)
        direction.append((scale * filters).view(parameter.shape))
    return direction
