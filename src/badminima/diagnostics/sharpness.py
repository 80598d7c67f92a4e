"""How fast the training loss rises around a run's end point."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from math import sqrt

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.functional import cross_entropy

from badminima.config.options import SharpnessOptions
from badminima.diagnostics.context import Context, Skipped
from badminima.diagnostics.hutchpp import hutchpp_trace
from badminima.diagnostics.network import Sample, thin_out

# Images per gradient. Behind a Hessian product stands the graph of a gradient: several training steps' memory.
GRADIENT_BATCH = {"cuda": 64, "cpu": 256}
# Where Lanczos stops: relative residual (the eigenvalue's error is of the order of its square), restarts.
RESIDUAL, RESTARTS = 1e-3, 30
# Steps after the first one; 8 found at least 99% of what 20 found on digits (mlp, convnet; true and random labels).
ASCENT_STEPS = 8
# Fraction of the images that noise may cost; where its size is looked for, and how finely: to 1.4%.
ERROR_RISE, SIGMAS, BISECTIONS = 0.1, (1e-5, 10.0), 10


def measure(context: Context) -> dict[str, float]:
    """Sharpness of the mean cross entropy ``L`` in nats over training images, at the end of the run.

    ``L`` is a function of all parameters and of nothing else: BatchNorm keeps its running statistics. The option
    ``images`` says how many of the training sample are used, evenly spaced, as datasets may be sorted by class.

    - ``sharpness.trace``: trace of the Hessian of ``L``; see :func:`hessian_trace`.
    - ``sharpness.eigenvalue_1``, ``_2``, ...: its largest eigenvalues; see :func:`top_eigenvalues`.
    - ``sharpness.sam``: rise of ``L`` within ``|e| <= rho``; see :func:`worst_rise`.
    - ``sharpness.asam``: the same within ``|e / |w|| <= rho_adaptive``.
    - ``sharpness.pac_bayes_sigma``: noise that costs 0.1 of training accuracy; see :func:`largest_sigma`.
    - ``sharpness.pac_bayes_sigma_magnitude``: the same with noise in proportion to each parameter.

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
        "sharpness.trace": hessian_trace(landscape, options.products, context.generator("sharpness", "trace")),
        **{f"sharpness.eigenvalue_{rank}": value for rank, value in enumerate(eigenvalues, start=1)},
        "sharpness.sam": worst_rise(landscape, options.rho),
        "sharpness.asam": worst_rise(landscape, options.rho_adaptive, adaptive=True),
        "sharpness.pac_bayes_sigma": largest_sigma(landscape, noise),
        "sharpness.pac_bayes_sigma_magnitude": largest_sigma(landscape, noise, magnitude=True),
    }


@dataclass(frozen=True)
class Landscape:
    """The mean cross entropy over a sample as a function of all ``p`` parameters, laid out as one vector.

    The network is called with other parameters and never changed. ``landscape @ matrix`` multiplies the Hessian at
    the network's own parameters with ``[p]`` or ``[p, k]``: with ``shape``, ``device`` and ``dtype`` all that
    Hutch++ asks of an operator. That of curvlinops differentiates forward over reverse, which gave the same numbers,
    but took 1.5 times as long for ResNet18 and 1.5 s of imports at the first product.

    Attributes:
        model: the network, in evaluation mode.
        sample: the images and labels.
    """

    model: nn.Module
    sample: Sample

    @cached_property
    def end(self) -> Tensor:
        """The network's own parameters, ``[p]``."""
        return torch.cat([parameter.detach().reshape(-1) for parameter in self.model.parameters()])

    @property
    def shape(self) -> tuple[int, int]:
        """That of the Hessian, ``(p, p)``."""
        return len(self.end), len(self.end)

    @property
    def device(self) -> torch.device:
        """Where the parameters live."""
        return self.end.device

    @property
    def dtype(self) -> torch.dtype:
        """The number type of the parameters."""
        return self.end.dtype

    def logits(self, parameters: Tensor, images: Tensor) -> Tensor:
        """Logits ``[n, classes]`` of images at parameters ``[p]``, as float64.

        What follows them needs the digits: of the gradient of an image fitted to a loss of 1e-4, the softmax in
        single precision leaves three.
        """
        own = dict(self.model.named_parameters())
        parts = torch.split(parameters, [parameter.numel() for parameter in own.values()])
        state = {name: part.view(own[name].shape) for name, part in zip(own, parts, strict=True)}
        logits: Tensor = functional_call(self.model, state, (images,))
        return logits.double()

    def loss(self, parameters: Tensor) -> float:
        """Mean cross entropy at parameters ``[p]``, in nats."""
        return float(cross_entropy(self._outputs(parameters), self.sample.labels))

    def wrong(self, parameters: Tensor) -> int:
        """How many images are misclassified at parameters ``[p]``."""
        return int((self._outputs(parameters).argmax(dim=1) != self.sample.labels).sum())

    def gradient(self, parameters: Tensor) -> Tensor:
        """Gradient of the mean cross entropy at parameters ``[p]``, ``[p]``."""
        variable = parameters.clone().requires_grad_()
        gradient = torch.zeros_like(parameters)
        for share in self._shares(variable):
            gradient += torch.autograd.grad(share, variable)[0]
        return gradient

    def __matmul__(self, matrix: Tensor) -> Tensor:
        columns = matrix.reshape(len(matrix), -1)
        product = torch.zeros_like(columns)
        variable = self.end.clone().requires_grad_()
        for share in self._shares(variable):
            (gradient,) = torch.autograd.grad(share, variable, create_graph=True)
            for index, column in enumerate(columns.unbind(1)):
                # Of a scalar: for the gradient of a vector torch imports sympy, which takes 0.5 s.
                along = (gradient * column).sum()
                product[:, index] += torch.autograd.grad(along, variable, retain_graph=True)[0]
        return product.view_as(matrix)

    def _outputs(self, parameters: Tensor) -> Tensor:
        """Logits of the whole sample, without gradients."""
        with torch.no_grad():
            return torch.cat([self.logits(parameters, images) for images, _ in self.sample.batches()])

    def _shares(self, variable: Tensor) -> Iterator[Tensor]:
        """Yield the contribution of each batch to the mean cross entropy."""
        size = GRADIENT_BATCH[self.device.type]
        parts = torch.split(self.sample.images, size), torch.split(self.sample.labels, size)
        for images, labels in zip(*parts, strict=True):
            yield cross_entropy(self.logits(variable, images), labels, reduction="sum") / len(self.sample)


def hessian_trace(landscape: Landscape, products: int, generator: torch.Generator) -> float:
    """Trace of the Hessian by Hutch++ (Meyer et al. 2021, arXiv 2010.09649, algorithm 1), an unbiased estimate.

    It takes so many Hessian-vector products: a multiple of 3, less than the number of parameters (else ValueError).
    """
    # It draws from torch's global generator.
    with torch.random.fork_rng([landscape.device] if landscape.device.type == "cuda" else []):
        torch.manual_seed(int(torch.randint(2**62, (), generator=generator)))
        return float(hutchpp_trace(landscape, products))


def top_eigenvalues(landscape: Landscape, count: int, generator: torch.Generator) -> list[float]:
    """The algebraically largest eigenvalues of the Hessian, largest first, by Lanczos with restarts (ARPACK).

    So many of them, less than the number of parameters (else ValueError or TypeError); NaN if it does not converge.
    """
    from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh

    def product(vector: np.ndarray) -> np.ndarray:
        return (landscape @ torch.from_numpy(vector).to(landscape.device)).cpu().numpy()

    start = torch.randn(len(landscape.end), generator=generator, dtype=landscape.dtype).numpy()
    hessian = LinearOperator(landscape.shape, matvec=product, dtype=start.dtype)
    # Few Lanczos vectors, as the largest eigenvalues lie far apart: 9 to 17 products instead of 21, and less memory.
    vectors = min(2 * count + 6, len(start))
    limits = {"ncv": vectors, "tol": RESIDUAL, "maxiter": RESTARTS}
    try:
        found = eigsh(hessian, count, which="LA", v0=start, return_eigenvectors=False, **limits)
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
    loss = landscape.loss(landscape.end)
    parameters, rises = landscape.end, [0.0]
    for _ in range(1 + ASCENT_STEPS):
        ascent = scale * landscape.gradient(parameters)
        parameters = landscape.end + scale * (rho / torch.linalg.vector_norm(ascent, dtype=torch.float64)) * ascent
        rises.append(landscape.loss(parameters) - loss)
    return float(np.max(rises))


def largest_sigma(landscape: Landscape, noise: Tensor, magnitude: bool = False, eps: float = 1e-3) -> float:
    """The largest ``sigma`` whose noise raises the training error by 0.1 at most, on average over the draws.

    Noise is ``N(0, sigma^2 I)`` or, with ``magnitude``, ``N(0, sigma^2 w_i^2 + eps^2)`` for parameter ``i`` (Jiang et
    al. 2020, arXiv 1912.02178, appendix C, the PAC-Bayesian and the magnitude-aware measure). By 10 bisections of
    ``log sigma`` from 1e-5 to 10, with the same draws for every sigma. NaN if no crossing lies in there: a network
    near chance level cannot become worse by 0.1.

    Args:
        landscape: the loss.
        noise: standard normal draws, ``[draws, p]``.
        magnitude: whether noise is in proportion to each parameter.
        eps: standard deviation at a parameter of zero.
    """
    variance = landscape.end**2 if magnitude else torch.ones_like(landscape.end)
    offset = eps**2 if magnitude else 0.0
    allowed = len(noise) * (landscape.wrong(landscape.end) + ERROR_RISE * len(landscape.sample))

    def tolerated(sigma: float) -> bool:
        deviation = (sigma**2 * variance + offset).sqrt()
        wrong = 0
        for draw in noise:
            wrong += landscape.wrong(landscape.end + deviation * draw)
            if wrong > allowed:
                return False
        return True

    low, high = SIGMAS
    for _ in range(BISECTIONS):
        middle = sqrt(low * high)
        low, high = (middle, high) if tolerated(middle) else (low, middle)
    return low if SIGMAS[0] < low and high < SIGMAS[1] else float("nan")
