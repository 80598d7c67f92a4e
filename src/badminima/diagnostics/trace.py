"""Traces that label noise makes small: of the loss Hessian, and of the covariance of the noise in the gradient."""

import warnings
from functools import partial

import numpy as np
import torch
from torch import Tensor
from torch.func import functional_call, vjp, vmap

from badminima.config.options import TraceOptions
from badminima.diagnostics.context import Context, Skipped
from badminima.diagnostics.hessian import Landscape, hessian_trace
from badminima.diagnostics.hessian import Sampled as Estimate
from badminima.diagnostics.network import thin_out
from badminima.storage.device import BatchSize

# Numbers in the gradients of single images that are computed at a time: on a CPU few, for its cache.
GRADIENT_NUMBERS = {"cuda": 2**30, "cpu": 2**23}


def measure(context: Context) -> dict[str, float]:
    """Two views of what label-noise SGD regularizes (Damian, Ma & Lee 2021, arXiv 2106.06530), cheap enough for a path.

    Of the cross entropy in nats over at most ``images`` training images, evenly spaced, as a function of all
    parameters; BatchNorm keeps its running statistics.

    - ``trace.hessian``: trace of the Hessian of the mean with the true labels, what ``sharpness.trace`` is too
      (:func:`hessian_trace`, by ``products`` products).
    - ``trace.noise_covariance``: trace of the covariance of one image's gradient that flipped labels cause
      (:func:`noise_covariance`); options ``flip_probability`` and ``draws``.
    - ``trace.hessian_se``, ``trace.noise_covariance_se``: their standard errors over the random vectors.

    Raises:
        Skipped: if the loss is not finite.
    """
    options = context.options("trace", TraceOptions)
    landscape = Landscape(context.network.model, thin_out(context.train, options.images))
    if not np.isfinite(landscape.loss(landscape.end)):
        raise Skipped("the loss is not finite")
    law = flip_law(landscape.sample.labels, len(context.data.classes), options.flip_probability)
    hessian = hessian_trace(landscape, options.products, context.generator("trace", "hessian"))
    noise = noise_covariance(landscape, law, options.draws, context.generator("trace", "noise"))
    return {**hessian.named("trace.hessian"), **noise.named("trace.noise_covariance")}


def flip_law(labels: Tensor, classes: int, probability: float) -> Tensor:
    """Return the probabilities of each image's label under label noise, ``[n, classes] float64``.

    A flipped label is one of the other classes, uniformly, as in :func:`badminima.data.augmentation.flip_labels`.
    torch's ``label_smoothing`` means another law: it spreads its weight over all classes, the true one included.

    Args:
        labels: the true ones, ``[n] int64``.
        classes: their number.
        probability: of a flip.
    """
    law = torch.full((len(labels), classes), probability / (classes - 1), dtype=torch.float64, device=labels.device)
    return law.scatter(1, labels.unsqueeze(1), 1 - probability)


def noise_covariance(landscape: Landscape, law: Tensor, draws: int, generator: torch.Generator) -> Estimate:
    """Trace of the covariance of an image's gradient over random labels, mean over the images of the landscape.

    The gradient of an image's cross entropy is ``J' (softmax(z) - onehot(y))`` with ``J [classes, p]`` the Jacobian of
    its logits ``z``. Over labels ``y`` drawn from ``q`` its covariance has the trace ``tr(J' C J)`` with
    ``C = diag(q) - qq'``. Of the mean gradient of a minibatch of ``B`` images it is this over ``B``. So the mean over
    images is ``B (E|g_noisy|^2 - E|g|^2)`` for every ``B``, with ``g`` the mean of ``g_noisy`` over the flips: the
    gradient of the cross entropy with the soft labels ``q``. The paper's published code logs it as ``tr_G``. It is
    never negative. With softmax(z) for ``q`` it is the trace of the generalized Gauss-Newton matrix. So where label
    noise has come to rest, softmax(z) being the law of the flips, it equals the trace of the Hessian.

    ``C`` is the sum of ``d_k d_k'`` over the classes ``k``, with ``d_k = sqrt(q_k) (onehot(k) - q)``. With at least as
    many draws as classes ``sum_k |J' d_k|^2`` is computed, which is exact. Else it is the mean of ``|J' v|^2`` over
    vectors ``v``, the sums of the ``d_k`` with random signs, whose covariance is ``C``: an unbiased estimate.

    Args:
        landscape: the loss, with the images.
        law: ``q`` of each image, ``[n, classes] float64``; see :func:`flip_law`.
        draws: vectors ``v`` of each image, at least 2.
        generator: of the signs, on the CPU.
    """
    directions = law.sqrt().unsqueeze(2) * (torch.eye(law.shape[1], device=law.device) - law.unsqueeze(1))
    exact = law.shape[1] <= draws
    if not exact:
        signs = 2 * torch.randint(2, (len(law), draws, law.shape[1]), generator=generator) - 1
        directions = signs.to(directions) @ directions
    count = directions.shape[1]
    numbers = GRADIENT_NUMBERS[landscape.device.type]
    batch = BatchSize(max(1, numbers // (count * len(landscape.end))), "gradients of single images")
    squares = batch.fit(partial(_squared_gradients, landscape, directions), len(law))
    if exact:
        return Estimate(float(squares.sum(dim=1).mean()), 0.0)
    return Estimate(float(squares.mean()), float((squares.var(dim=1) / count).sum().sqrt()) / len(law))


def _squared_gradients(landscape: Landscape, directions: Tensor, size: int) -> Tensor:
    """``|J' v|^2`` of each image and each of its directions ``[n, m, classes]``: ``[n, m] float64``."""
    parameters = {name: parameter.detach() for name, parameter in landscape.model.named_parameters()}

    def of_image(image: Tensor, rows: Tensor) -> Tensor:
        logits, pull = vjp(  # type: ignore[misc]  # torch's annotation has the case of auxiliary outputs
            lambda values: functional_call(landscape.model, values, (image.unsqueeze(0),)).squeeze(0), parameters
        )
        gradients = vmap(lambda row: pull(row)[0])(rows.to(logits.dtype))
        parts = [torch.linalg.vector_norm(part.flatten(1), dim=1).double().square() for part in gradients.values()]
        return torch.stack(parts).sum(dim=0)

    batches = zip(torch.split(landscape.sample.images, size), torch.split(directions, size), strict=True)
    with warnings.catch_warnings():
        # Average pooling of single images is differentiated in a loop, which is told to be slow; it is of no account.
        warnings.filterwarnings("ignore", "There is a performance drop", UserWarning)
        return torch.cat([vmap(of_image)(images, rows) for images, rows in batches])
