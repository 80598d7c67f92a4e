"""Gradients of single images: how far they agree, and the kernel that they make (neural tangent kernel)."""

import warnings

import torch
from torch import Tensor, nn
from torch.func import functional_call, vjp, vmap

from badminima.config.options import GradientsOptions
from badminima.diagnostics.context import Context, Skipped
from badminima.diagnostics.network import Network, Sample, build_network, thin_out


def measure(context: Context) -> dict[str, float]:
    """Agreement of the gradients of at most ``images`` training images, with their true labels.

    Of all parameters of the end network; BatchNorm keeps its running statistics.

    - ``gradients.coherence``: m-coherence of the cross entropy's gradients (Chatterjee & Zielinski 2020, arXiv
      2008.01217): on how many images a step along the gradient of one of them helps, on average. The number of images
      where all gradients are the same, 1 where they are orthogonal, 0 where they cancel, as at a minimum.
    - ``gradients.kernel_alignment``: centered alignment of the kernel with the labels, at most 1
      (:func:`centered_alignment`). Chance is above 0: an image is like itself by any kernel.
    - ``gradients.kernel_distance``: how far the kernel has turned since the start, 1 minus the cosine of both kernels
      (Fort et al. 2020, arXiv 2010.15110): 0 for a network that trains like its linearization.
    - ``gradients.kernel_trace``: mean over images of the squared norm of their logits' gradients.

    Raises:
        Skipped: if a gradient is not finite, or the start's weights are not.
    """
    sample = thin_out(context.train, context.options("gradients", GradientsOptions).images)
    if not context.start.is_finite():
        raise Skipped("the start's weights are not finite")
    network, start = context.network, build_network(context.settings, context.data, context.start)
    products = loss_products(network, sample)
    kernel, before = tangent_kernel(network, sample.images), tangent_kernel(start, sample.images)
    if not (products.isfinite().all() and kernel.isfinite().all()):
        raise Skipped("a gradient is not finite")
    labels = nn.functional.one_hot(sample.labels, len(context.data.classes)).to(kernel)
    return {
        "gradients.coherence": coherence(products),
        "gradients.kernel_alignment": centered_alignment(kernel, labels @ labels.T),
        "gradients.kernel_distance": 1 - _cosine(kernel, before),
        "gradients.kernel_trace": float(kernel.diagonal().mean()),
    }


def loss_products(network: Network, sample: Sample) -> Tensor:
    """Return the inner products of the gradients of each image's cross entropy, ``[n, n] float64``."""
    logits = network.logits(sample.images)
    errors = logits.softmax(1) - nn.functional.one_hot(sample.labels, logits.shape[1])
    return _products(network.model, sample.images, errors)


def tangent_kernel(network: Network, images: Tensor) -> Tensor:
    """Return the empirical neural tangent kernel, its trace over classes, ``[n, n] float64``.

    ``K(x, x') = sum over classes k of <grad f_k(x), grad f_k(x')>`` (Jacot et al. 2018, arXiv 1806.07572).

    Args:
        network: ``f``.
        images: ``[n, c, h, w]``.
    """
    classes = torch.eye(network.logits(images[:1]).shape[1], device=images.device)
    of_class = (_products(network.model, images, row.expand(len(images), -1)) for row in classes)
    return torch.stack(list(of_class)).sum(0)


def coherence(products: Tensor) -> float:
    """Return the m-coherence of vectors with inner products ``[m, m]``; NaN if all are zero."""
    return float(products.sum() / products.trace())


def centered_alignment(kernel: Tensor, other: Tensor) -> float:
    """Return the cosine of two kernels ``[n, n]`` with their means removed (Cortes et al. 2012, JMLR 13)."""
    return _cosine(_centered(kernel), _centered(other))


def _centered(kernel: Tensor) -> Tensor:
    return kernel - kernel.mean(0, keepdim=True) - kernel.mean(1, keepdim=True) + kernel.mean()


def _cosine(kernel: Tensor, other: Tensor) -> float:
    return float((kernel * other).sum() / (torch.linalg.matrix_norm(kernel) * torch.linalg.matrix_norm(other)))


def _products(model: nn.Module, images: Tensor, directions: Tensor) -> Tensor:
    """Return the inner products of each image's logits' gradient along its direction, ``[n, n] float64``.

    Args:
        model: in evaluation mode.
        images: ``[n, c, h, w]``.
        directions: ``[n, classes]``.
    """
    parameters = {name: parameter.detach() for name, parameter in model.named_parameters()}

    def of_image(image: Tensor, direction: Tensor) -> dict[str, Tensor]:
        _, pull = vjp(  # type: ignore[misc]  # torch's annotation has the case of auxiliary outputs
            lambda values: functional_call(model, values, (image.unsqueeze(0),)).squeeze(0), parameters
        )
        gradients: dict[str, Tensor] = pull(direction)[0]
        return gradients

    with warnings.catch_warnings():
        # Average pooling of single images is differentiated in a loop, which is told to be slow; it is of no account.
        warnings.filterwarnings("ignore", "There is a performance drop", UserWarning)
        gradients = vmap(of_image)(images, directions)
    found = torch.zeros(len(images), len(images), dtype=torch.float64, device=images.device)
    for gradient in gradients.values():
        rows = gradient.flatten(1)
        found += (rows @ rows.T).double()
    return found
