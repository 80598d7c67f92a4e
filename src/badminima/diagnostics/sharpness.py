"""How fast the training loss rises around a run's end point."""

from collections.abc import Iterable, Iterator
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import accumulate
from math import log, sqrt

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.nn.utils import vector_to_parameters

from badminima.config.options import SharpnessOptions
from badminima.diagnostics.context import Context, Skipped
from badminima.diagnostics.double_backward import FastDoubleBackward
from badminima.diagnostics.estimates import Estimate, hutchpp_trace, mean_of
from badminima.diagnostics.network import BatchSize, Sample, forward_batch, thin_out

# Images at a time, where memory allows: of a gradient, and of a Hessian product, behind which stands the graph of a
# gradient. Of ResNet18 on 32x32 an image is reckoned to take 6 and 25 MiB.
GRADIENT_BATCH = {"cuda": 2048, "cpu": 256}
HESSIAN_BATCH = {"cuda": 2048, "cpu": 256}
# Where Lanczos stops: relative residual (the eigenvalue's error is of the order of its square), restarts.
RESIDUAL, RESTARTS = 1e-3, 30
# Steps after the first one; 8 found at least 99% of what 20 found on digits (mlp, convnet; true and random labels).
ASCENT_STEPS = 8
# Fraction of the images that noise may cost; where its size is looked for, and how finely: to 1.4%.
ERROR_RISE, SIGMAS, BISECTIONS = 0.1, (1e-5, 10.0), 10
# Factor to either side of that size between which its effect's slope is measured, for the standard error.
STEP = 1.2


def measure(context: Context) -> dict[str, float]:
    """Sharpness of the mean cross entropy ``L`` in nats over training images, at the end of the run.

    ``L`` is a function of all parameters and of nothing else: BatchNorm keeps its running statistics. The option
    ``images`` says how many of the training sample are used, evenly spaced, as datasets may be sorted by class.

    - ``sharpness.trace``: trace of the Hessian of ``L``; see :func:`hessian_trace`.
    - ``sharpness.trace_se``: its standard error over the random vectors.
    - ``sharpness.eigenvalue_1``, ``_2``, ...: its largest eigenvalues; see :func:`top_eigenvalues`.
    - ``sharpness.sam``: rise of ``L`` within ``|e| <= rho``; see :func:`worst_rise`.
    - ``sharpness.asam``: the same within ``|e / |w|| <= rho_adaptive``.
    - ``sharpness.pac_bayes_sigma``: noise that costs 0.1 of training accuracy; see :func:`largest_sigma`.
    - ``sharpness.pac_bayes_sigma_magnitude``: the same with noise in proportion to each parameter.
    - ``sharpness.pac_bayes_sigma_se``, ``sharpness.pac_bayes_sigma_magnitude_se``: their standard errors over the draws
      of noise.

    Of these only ``asam`` and ``pac_bayes_sigma_magnitude`` (but for its ``eps``) are blind to rescalings that leave
    the function of a ReLU network as it is (Dinh et al. 2017, arXiv 1703.04933).

    Raises:
        Skipped: if the loss is not finite.
    """
    options = context.options("sharpness", SharpnessOptions)
    landscape = Landscape(context.network.model, thin_out(context.train, options.images))
    if not np.isfinite(landscape.loss(landscape.end)):
        raise Skipped("the loss is not finite")
    eigenvalues = top_eigenvalues(landscape, options.eigenvalues, context.generator("sharpness", "eigenvalues"))
    noise = torch.randn(options.draws, len(landscape.end), generator=context.generator("sharpness", "noise"))
    noise = noise.to(landscape.device)
    return {
        **hessian_trace(landscape, options.products, context.generator("sharpness", "trace")).named("sharpness.trace"),
        **{f"sharpness.eigenvalue_{rank}": value for rank, value in enumerate(eigenvalues, start=1)},
        "sharpness.sam": worst_rise(landscape, options.rho),
        "sharpness.asam": worst_rise(landscape, options.rho_adaptive, adaptive=True),
        **largest_sigma(landscape, noise).named("sharpness.pac_bayes_sigma"),
        **largest_sigma(landscape, noise, magnitude=True).named("sharpness.pac_bayes_sigma_magnitude"),
    }


@dataclass(frozen=True)
class Landscape:
    """The mean cross entropy over a sample as a function of all ``p`` parameters, laid out as one vector.

    The network is copied, and never changed.

    Attributes:
        model: the network, in evaluation mode.
        sample: the images and labels.
    """

    model: nn.Module
    sample: Sample

    @cached_property
    def end(self) -> Tensor:
        """The network's own parameters, ``[p]``."""
        return _vector(self.model.parameters()).detach()

    @property
    def device(self) -> torch.device:
        """Where the parameters live."""
        return self.end.device

    def logits(self, parameters: Tensor, images: Tensor) -> Tensor:
        """Logits ``[n, classes]`` of images at parameters ``[p]``, as float64.

        What follows them needs the digits: of the gradient of an image fitted to a loss of 1e-4, the softmax in
        single precision leaves three.
        """
        vector_to_parameters(parameters, self._copy.parameters())
        logits: Tensor = self._copy(images)
        return logits.double()

    def loss(self, parameters: Tensor) -> float:
        """Mean cross entropy at parameters ``[p]``, in nats."""
        return float(cross_entropy(self._outputs(parameters), self.sample.labels))

    def wrong(self, parameters: Tensor) -> int:
        """How many images are misclassified at parameters ``[p]``."""
        return int((self._outputs(parameters).argmax(dim=1) != self.sample.labels).sum())

    def gradient(self, parameters: Tensor, sample: Sample | None = None) -> Tensor:
        """Gradient of the mean cross entropy at parameters ``[p]``, over another sample if one is given, ``[p]``."""
        return self.loss_and_gradient(parameters, sample)[1]

    def loss_and_gradient(self, parameters: Tensor, sample: Sample | None = None) -> tuple[float, Tensor]:
        """Return :meth:`loss` and :meth:`gradient` from one pass."""
        sample = sample or self.sample
        loss, gradient = self.batch.fit(partial(self._loss_and_gradient, parameters, sample), len(sample))
        return float(loss), gradient

    def total(self, parameters: Tensor, images: Tensor, labels: Tensor) -> tuple[Tensor, list[nn.Parameter]]:
        """Return the sum of the images' cross entropies, and the parameters to differentiate it by.

        These are the same at every call, and are moved on by the next one.
        """
        loss = cross_entropy(self.logits(parameters, images), labels, reduction="sum")
        return loss, list(self._copy.parameters())

    @cached_property
    def batch(self) -> BatchSize:
        """How many images a gradient takes."""
        return BatchSize(GRADIENT_BATCH[self.device.type], "gradients")

    @cached_property
    def _forward_batch(self) -> BatchSize:
        return forward_batch(self.device)

    @cached_property
    def _copy(self) -> nn.Module:
        """A network whose parameters are other places of the landscape."""
        return deepcopy(self.model).requires_grad_()

    @torch.no_grad()
    def _outputs(self, parameters: Tensor) -> Tensor:
        """Logits of the whole sample, without gradients."""
        return self._forward_batch.concatenated(partial(self.logits, parameters), self.sample.images)

    def _loss_and_gradient(self, parameters: Tensor, sample: Sample, size: int) -> tuple[Tensor, Tensor]:
        loss = torch.zeros((), dtype=torch.float64, device=self.device)
        gradient = torch.zeros_like(parameters)
        for images, labels in sample.batches(size):
            total, variables = self.total(parameters, images, labels)
            share = total / len(sample)
            gradient += _vector(torch.autograd.grad(share, variables, materialize_grads=True))
            loss += share.detach()
        return loss, gradient


class Hessian:
    """The Hessian of a landscape at the network's own parameters, a linear map.

    ``hessian @ matrix`` multiplies it with ``[p]`` or ``[p, k]``: with ``shape``, ``device`` and ``dtype`` all that
    Hutch++ and ARPACK ask of an operator. A product differentiates the gradient once more. The gradient's graph
    serves all columns and, where one batch holds the sample, all products.

    curvlinops' own operator differentiates forward over reverse, which gives the same numbers, but takes as long as 12
    forward passes of ResNet18 on a CPU; this takes 7.
    """

    def __init__(self, landscape: Landscape) -> None:
        # With parameters of its own, which stay where they are: a graph does not keep their values.
        self.landscape = replace(landscape)
        self.shape = (len(landscape.end), len(landscape.end))
        self.device = landscape.device
        self.dtype = landscape.end.dtype
        self.batch = BatchSize(HESSIAN_BATCH[self.device.type], "Hessian products")
        self._kept: tuple[Tensor, list[nn.Parameter]] | None = None

    def __matmul__(self, matrix: Tensor) -> Tensor:
        return self.batch.fit(partial(self._product, matrix), len(self.landscape.sample))

    def _product(self, matrix: Tensor, size: int) -> Tensor:
        columns = matrix.reshape(len(matrix), -1)
        product = torch.zeros_like(columns)
        for gradient, variables in self._gradients(size):
            for index, column in enumerate(columns.T.contiguous()):
                # As a scalar: given the column by itself, torch imports sympy, which takes half a second.
                share = torch.dot(gradient, column)
                parts = torch.autograd.grad(share, variables, retain_graph=True, materialize_grads=True)
                product[:, index] += _vector(parts)
            del gradient  # and its graph, before the next batch's is made
        return product.view_as(matrix)

    def _gradients(self, size: int) -> Iterator[tuple[Tensor, list[nn.Parameter]]]:
        """Yield each batch's gradient ``[p]`` with its graph, and the parameters to differentiate it by."""
        if len(self.landscape.sample) > size:
            self._kept = None
            for images, labels in self.landscape.sample.batches(size):
                yield self._gradient(images, labels)
        else:
            if self._kept is None:
                self._kept = self._gradient(self.landscape.sample.images, self.landscape.sample.labels)
            yield self._kept

    def _gradient(self, images: Tensor, labels: Tensor) -> tuple[Tensor, list[nn.Parameter]]:
        with FastDoubleBackward():
            total, variables = self.landscape.total(self.landscape.end, images, labels)
        mean = total / len(self.landscape.sample)
        parts = torch.autograd.grad(mean, variables, create_graph=True, materialize_grads=True)
        return _vector(parts), variables


def _vector(tensors: Iterable[Tensor]) -> Tensor:
    """Lay tensors out as one vector; torch's ``parameters_to_vector`` refuses those in channels-last order."""
    return torch.cat([tensor.reshape(-1) for tensor in tensors])


def hessian_trace(landscape: Landscape, products: int, generator: torch.Generator) -> Estimate:
    """Estimate the trace of the Hessian by so many Hessian-vector products; see :func:`hutchpp_trace`.

    Of a network of ReLUs, in which the logits are linear in any one parameter, it is the trace of the generalized
    Gauss-Newton matrix, which no label has a part in.
    """
    return hutchpp_trace(Hessian(landscape), products, generator)


def top_eigenvalues(landscape: Landscape, count: int, generator: torch.Generator) -> list[float]:
    """Return the algebraically largest eigenvalues of the Hessian, largest first, by Lanczos with restarts (ARPACK).

    So many of them, less than the number of parameters (else ValueError or TypeError); NaN if it does not converge.
    """
    from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh

    hessian = Hessian(landscape)

    def product(vector: np.ndarray) -> np.ndarray:
        return (hessian @ torch.from_numpy(vector).to(hessian.device)).cpu().numpy()

    start = torch.randn(len(landscape.end), generator=generator, dtype=hessian.dtype).numpy()
    operator = LinearOperator(hessian.shape, matvec=product, dtype=start.dtype)
    # Few Lanczos vectors, as the largest eigenvalues lie far apart: 9 to 17 products instead of 21, and less memory.
    vectors = min(2 * count + 6, len(start))
    limits = {"ncv": vectors, "tol": RESIDUAL, "maxiter": RESTARTS}
    try:
        found = eigsh(operator, count, which="LA", v0=start, return_eigenvectors=False, **limits)
    except ArpackNoConvergence:
        return [float("nan")] * count
    return [float(value) for value in sorted(found, reverse=True)]


def worst_rise(landscape: Landscape, rho: float, adaptive: bool = False) -> float:
    """Largest ``L(w + e) - L(w)`` found with ``|e| <= rho`` or, adaptive, ``|e / |w|| <= rho``; at least 0.

    The first is the sharpness that SAM minimizes (Foret et al. 2021, arXiv 2010.01412, section 2), the second that of
    ASAM (Kwon et al. 2021, arXiv 2102.11600, definition 1 with ``T_w = |w|`` elementwise), each over the whole sample
    at once. With ``e = T u`` and ``T`` 1 or ``|w|`` nothing is divided, so ASAM's stabilizing ``eta`` is zero here: a
    rescaling of layers changes nothing, and a parameter at zero stays there.

    Ascent: from ``u = 0``, ``u <- rho T g / |T g|`` with ``g`` the gradient at ``w + T u``, nine times. The first is
    SAM's own step. Each later one is projected gradient ascent with a long step: it goes where the linearized loss is
    largest in the ball, and is the power method where the loss is quadratic. The result is the largest rise on the
    way, a lower bound of the maximum; NaN if the gradient vanishes.
    """
    scale = landscape.end.abs() if adaptive else torch.ones_like(landscape.end)
    parameters, losses = landscape.end, []
    for _ in range(1 + ASCENT_STEPS):
        loss, gradient = landscape.loss_and_gradient(parameters)
        losses.append(loss)
        ascent = scale * gradient
        parameters = landscape.end + scale * (rho / torch.linalg.vector_norm(ascent, dtype=torch.float64)) * ascent
    losses.append(landscape.loss(parameters))
    return float(np.max(losses) - losses[0])


def largest_sigma(landscape: Landscape, noise: Tensor, magnitude: bool = False, eps: float = 1e-3) -> Estimate:
    """Return the largest ``sigma`` whose noise raises the training error by 0.1 at most, on average over the draws.

    Noise is ``N(0, sigma^2 I)`` or, with ``magnitude``, ``N(0, sigma^2 w_i^2 + eps^2)`` for parameter ``i`` (Jiang et
    al. 2020, arXiv 1912.02178, appendix C, the PAC-Bayesian and the magnitude-aware measure). By 10 bisections of
    ``log sigma`` from 1e-5 to 10, with the same draws for every sigma. NaN if no crossing lies in there: a network
    near chance level cannot become worse by 0.1.

    The standard error is that of the mean number of wrong images at this ``sigma``, over the slope of this number in
    ``log sigma`` (the delta method), which is taken between 1.2 times and 1 / 1.2 of it.

    Args:
        landscape: the loss.
        noise: standard normal draws, ``[draws, p]``.
        magnitude: whether noise is in proportion to each parameter.
        eps: standard deviation at a parameter of zero.
    """
    variance = landscape.end**2 if magnitude else torch.ones_like(landscape.end)
    offset = eps**2 if magnitude else 0.0
    allowed = len(noise) * (landscape.wrong(landscape.end) + ERROR_RISE * len(landscape.sample))

    def wrong(sigma: float) -> Iterator[int]:
        deviation = (sigma**2 * variance + offset).sqrt()
        return (landscape.wrong(landscape.end + deviation * draw) for draw in noise)

    def tolerated(sigma: float) -> bool:
        return all(total <= allowed for total in accumulate(wrong(sigma)))

    low, high = SIGMAS
    for _ in range(BISECTIONS):
        middle = sqrt(low * high)
        low, high = (middle, high) if tolerated(middle) else (low, middle)
    if not (SIGMAS[0] < low and high < SIGMAS[1]):
        return Estimate(float("nan"), float("nan"))
    counts = [mean_of(torch.tensor(list(wrong(factor * low)), dtype=torch.float64)) for factor in (1 / STEP, 1, STEP)]
    slope = (counts[2].value - counts[0].value) / (2 * log(STEP))
    return Estimate(low, low * counts[1].error / slope if slope > 0 else float("nan"))
