"""Attacks on a network's input: untargeted, with full knowledge of the network, on pixels of the scale 0..1.

Both ascend the cross entropy of the true label ``y``, which is ``log(1 + exp(m))`` of the log-odds of error
``m = log sum over j != y of exp(z_j) - z_y``. They use no more than the direction of the gradient, and that is the
direction of the gradient of ``m``: the same steps, but they do not vanish where a network is so sure of its label that
the cross entropy rounds to zero.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from badminima.models.numerics import rounding

# Length of PGD's path in radii: enough to cross the ball, which takes 2, and to go on along its edge.
PATH = 2.5

# Maps pixels [n, c, h, w] to logits [n, classes].
Classify = Callable[[Tensor], Tensor]


def fgsm(classify: Classify, pixels: Tensor, labels: Tensor, radius: float) -> Tensor:
    """Attack by the fast gradient sign method (Goodfellow et al. 2015, arXiv 1412.6572, section 4).

    ``clip(x + radius * sign(gradient), 0, 1)``: one step from the image to a corner of the l-infinity ball, the worst
    one for a network linear in its input.

    Args:
        classify: the network; see :func:`frozen`.
        pixels: ``x [n, c, h, w]``, 0..1.
        labels: ``[n] int64``.
        radius: on the scale 0..1.

    Returns:
        Attacked pixels ``[n, c, h, w]``.
    """
    _, gradient = ascend(classify, pixels, labels)
    return move_by_sign(pixels, gradient, radius)


def move_by_sign(pixels: Tensor, gradient: Tensor, radius: float) -> Tensor:
    """Make FGSM's step with a gradient that is known: the same for all radii. Shapes as in :func:`fgsm`."""
    return (pixels + radius * gradient.sign()).clamp(0, 1)


def pgd(
    classify: Classify, pixels: Tensor, labels: Tensor, radius: float, norm: str, steps: int, start: Tensor
) -> tuple[Tensor, Tensor]:
    """Projected gradient descent (Madry et al. 2018, arXiv 1706.06083, section 2.1), from one start.

    ``x_0 = P(x + radius * start)``, ``x_{t+1} = P(x_t + 2.5 radius / steps * direction)``. The direction is the sign
    of the gradient (l-infinity) or the gradient over its Euclidean norm (l2), each image's own. ``P`` projects to the
    ball around ``x`` and then clips to 0..1, which leads no point out of the ball. An image is not attacked any
    further when one of ``x_0 ... x_steps`` is misclassified.

    A GPU looks for this point with products that round their inputs to tf32, which is faster. Whether it is
    misclassified is decided in full precision, and an image that rounding alone stopped is attacked again without.

    Args:
        classify: the network; see :func:`frozen`.
        pixels: ``x [n, c, h, w]``, 0..1.
        labels: ``[n] int64``.
        radius: on the scale 0..1, of each value (l-infinity) or of the image (l2).
        norm: ``linf`` or ``l2``.
        steps: how many.
        start: a point of the unit ball for each image, ``[n, c, h, w]``; see :func:`draw_start`.

    Returns:
        For each image its first misclassified iterate, else the last one, ``[n, c, h, w]``; and which of them are
        misclassified, ``[n] bool``.
    """
    with rounding(tf32=True):
        attacked, stopped = _descend(classify, pixels, labels, radius, norm, steps, start)
    with rounding(tf32=False):
        with torch.no_grad():
            wrong = classify(attacked).argmax(1) != labels
        # Stopped by rounding alone: these few are attacked once more, without.
        again = (stopped & ~wrong).nonzero().squeeze(1)
        if len(again):
            attacked[again], _ = _descend(classify, pixels[again], labels[again], radius, norm, steps, start[again])
            with torch.no_grad():
                wrong[again] = classify(attacked[again]).argmax(1) != labels[again]
    return attacked, wrong


def _descend(
    classify: Classify, pixels: Tensor, labels: Tensor, radius: float, norm: str, steps: int, start: Tensor
) -> tuple[Tensor, Tensor]:
    """Return each image's first misclassified iterate, else its last one; and which were stopped; see :func:`pgd`."""
    attacked = _project(pixels + radius * start, pixels, radius, norm)
    standing = torch.arange(len(pixels), device=pixels.device)
    stopped = torch.zeros(len(pixels), dtype=torch.bool, device=pixels.device)
    for _ in range(steps):
        wrong, gradient = ascend(classify, attacked[standing], labels[standing])
        stopped[standing] = wrong
        standing, gradient = standing[~wrong], gradient[~wrong]
        if not len(standing):
            break
        direction = gradient.sign() if norm == "linf" else gradient / _length(gradient)
        moved = attacked[standing] + PATH * radius / steps * direction
        attacked[standing] = _project(moved, pixels[standing], radius, norm)
    return attacked, stopped


def draw_start(pixels: Tensor, norm: str, generator: torch.Generator) -> Tensor:
    """Uniform in the unit ball (``linf``: the cube -1..1) for each image of ``pixels [n, c, h, w]``, on its device."""
    if norm == "linf":
        return (2 * torch.rand(pixels.shape, generator=generator) - 1).to(pixels.device)
    normal = torch.randn(pixels.shape, generator=generator)
    # The share of a ball of dimension d that lies within r grows as r to the d.
    length = torch.rand(len(pixels), 1, 1, 1, generator=generator) ** (1 / pixels[0].numel())
    return (length * normal / _length(normal)).to(pixels.device)


@contextmanager
def frozen(model: nn.Module) -> Iterator[nn.Module]:
    """Yield the network with gradients switched off for its parameters, which saves a third of each attack's time."""
    before = {parameter: parameter.requires_grad for parameter in model.parameters()}
    model.requires_grad_(False)
    try:
        yield model
    finally:
        for parameter, required in before.items():
            parameter.requires_grad_(required)


def ascend(classify: Classify, pixels: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Return which images are misclassified, ``[n] bool``, and the gradient of each one's log-odds of error.

    Args:
        classify: the network; see :func:`frozen`.
        pixels: ``[n, c, h, w]``, as the gradient.
        labels: ``[n] int64``.
    """
    pixels = pixels.detach().requires_grad_()
    with torch.enable_grad():
        logits = classify(pixels)
    values, label = logits.detach(), labels.unsqueeze(1)
    # The gradient with respect to the logits: the softmax over the other classes, and -1 for the label.
    pull = values.scatter(1, label, -torch.inf).softmax(1).scatter(1, label, -1)
    (gradient,) = torch.autograd.grad((logits * pull).sum(), pixels)  # of a scalar, as in sharpness
    return values.argmax(1) != labels, gradient


def _project(moved: Tensor, pixels: Tensor, radius: float, norm: str) -> Tensor:
    if norm == "linf":
        inside = moved.clamp(pixels - radius, pixels + radius)
    else:
        away = moved - pixels
        inside = pixels + away * (radius / _length(away)).clamp(max=1)
    return inside.clamp(0, 1)


def _length(images: Tensor) -> Tensor:
    """Euclidean norm of each image, ``[n, 1, 1, 1]``; of a zero image not zero, so that one may divide by it."""
    length: Tensor = torch.linalg.vector_norm(images, dim=(1, 2, 3), keepdim=True)
    return length.clamp_min(torch.finfo(images.dtype).tiny)
