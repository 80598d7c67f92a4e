"""Traces that label noise is thought to make small: of the loss Hessian, and of the noise's covariance."""

from dataclasses import replace

import numpy as np
import torch

from badminima.config.options import TraceOptions
from badminima.data.augmentation import flip_labels
from badminima.diagnostics.context import Context, Skipped
from badminima.diagnostics.network import Sample, thin_out
from badminima.diagnostics.sharpness import Landscape, hessian_trace


def measure(context: Context) -> dict[str, float]:
    """Two views of what label-noise SGD regularizes (Damian, Ma & Lee 2021, arXiv 2106.06530), cheap enough for a path.

    Of the mean cross entropy in nats over training images with their true labels, as a function of all parameters;
    BatchNorm keeps its running statistics.

    - ``trace.hessian``: trace of the Hessian, what ``sharpness.trace`` is too (:func:`hessian_trace`); options
      ``images`` (evenly spaced) and ``products``.
    - ``trace.noise_covariance``: what that paper's published code logs in its place, ``B (E|g_noisy|^2 - E|g|^2)``;
      see :func:`noise_covariance`; options ``batch_size``, ``flip_probability`` and ``batches``.

    Raises:
        Skipped: if the loss is not finite.
    """
    options = context.options("trace", TraceOptions)
    landscape = Landscape(context.network.model, thin_out(context.train, options.images))
    if not np.isfinite(landscape.loss(landscape.end)):
        raise Skipped("the loss is not finite")
    return {
        "trace.hessian": hessian_trace(landscape, options.products, context.generator("trace", "hessian")),
        "trace.noise_covariance": noise_covariance(
            Landscape(context.network.model, context.train),
            len(context.data.classes),
            options.batch_size,
            options.flip_probability,
            options.batches,
            context.generator("trace", "noise"),
        ),
    }


def noise_covariance(
    landscape: Landscape,
    classes: int,
    batch_size: int,
    flip_probability: float,
    batches: int,
    generator: torch.Generator,
) -> float:
    """``B (E|g_noisy|^2 - E|g|^2)``: how much flipped labels add to the squared gradient of a minibatch.

    ``g`` is the gradient of the mean cross entropy over a minibatch of ``B`` different images, ``g_noisy`` the same
    with each label flipped with a probability to another class, uniformly. Both means are over the same minibatches,
    so that what differs between these cancels. Where ``g`` vanishes it is the squared length of a wrong label's
    gradient times the probability of a flip, and grows as the network becomes sure of the right ones, whereas the
    Hessian of the cross entropy vanishes there. The two come close where label noise has brought a network to rest;
    there it may be negative too, as the noisy loss has no gradient, and the clean one has.

    Args:
        landscape: the loss, over the images that minibatches are drawn from.
        classes: number of classes.
        batch_size: ``B``; that of all images, where there are fewer.
        flip_probability: of each label.
        batches: how many minibatches are drawn, each without replacement.
        generator: of minibatches and flips.
    """
    sample = landscape.sample
    size = min(batch_size, len(sample))
    added = 0.0
    for _ in range(batches):
        chosen = torch.randperm(len(sample), generator=generator)[:size].to(sample.labels.device)
        seed = int(torch.randint(2**62, (), generator=generator))
        labels = sample.labels[chosen]
        clean = replace(sample, images=sample.images[chosen], labels=labels)
        noisy = replace(clean, labels=flip_labels(labels, classes, flip_probability, seed))
        added += _squared_gradient(landscape, noisy) - _squared_gradient(landscape, clean)
    return size * added / batches


def _squared_gradient(landscape: Landscape, batch: Sample) -> float:
    gradient = landscape.gradient(landscape.end, batch)
    return float(gradient.double().square().sum())
