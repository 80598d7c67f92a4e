"""How fast the training loss rises around a run's end point."""

from collections.abc import Iterator
from itertools import accumulate
from math import log, sqrt

import numpy as np
import torch
from torch import Tensor

from badminima.config.options import SharpnessOptions
from badminima.diagnostics.context import Context, Skipped
from badminima.diagnostics.hessian import Hessian, Landscape, Sampled, hessian_trace, mean_of
from badminima.diagnostics.network import thin_out

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


def largest_sigma(landscape: Landscape, noise: Tensor, magnitude: bool = False, eps: float = 1e-3) -> Sampled:
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
        return Sampled(float("nan"), float("nan"))
    counts = [mean_of(torch.tensor(list(wrong(factor * low)), dtype=torch.float64)) for factor in (1 / STEP, 1, STEP)]
    slope = (counts[2].value - counts[0].value) / (2 * log(STEP))
    return Sampled(low, low * counts[1].error / slope if slope > 0 else float("nan"))
