"""How much disturbance of its input a network's test accuracy withstands: attacks, noise, shifts, zeroed values."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from badminima.config.options import RobustnessOptions
from badminima.data.confusing import zeroed_values
from badminima.diagnostics.attacks import Classify, ascend, draw_start, frozen, move_by_sign, pgd
from badminima.diagnostics.context import Context
from badminima.diagnostics.network import thin_out
from badminima.storage.device import BatchSize

# One level of an 8-bit image: the unit of l-infinity radii; everything else is on the scale 0..1.
LEVEL = 1 / 255
RANDOM = ("pgd_linf", "pgd_l2", "gaussian", "zeroing")
# Images whose random numbers are drawn together. Part of the measurement: in other blocks they would be others.
BLOCK = {"cuda": 1024, "cpu": 256}


def measure(context: Context) -> dict[str, float]:
    """Accuracy on disturbed test images, each fraction of the same images and named after the strength.

    The option ``images`` says how many of the test sample are used; they are evenly spaced, because a dataset may be
    sorted by class. Images are disturbed on the scale 0..1, before normalization. The strengths of a kind are options;
    they share their random draws, so that they differ in strength alone.

    - ``robustness.clean``: undisturbed.
    - ``robustness.fgsm_<r>``: under FGSM, ``r`` in units of 1/255 (:func:`~badminima.diagnostics.attacks.fgsm`).
    - ``robustness.pgd_linf_<r>``, ``robustness.pgd_l2_<r>``: under PGD of ``steps`` steps, ``r`` in units of 1/255
      and as the Euclidean norm of an image (:func:`~badminima.diagnostics.attacks.pgd`).
    - ``robustness.gaussian_<s>``: with normal noise of standard deviation ``s``, clipped to 0..1.
    - ``robustness.shift_<p>``: shifted by ``p`` pixels, filled with zeros; mean over the four directions.
    - ``robustness.zeroing_<f>``: with ``floor(f * c * h * w)`` values of each image set to zero, drawn without
      replacement: the noise of the paper's Algorithm 1, as the confusing set has it.

    A ball holds all smaller ones, so an image that an attack broke at one radius counts as broken by it at larger
    radii, and one that is misclassified undisturbed at all: these accuracies never rise with the radius.
    """
    options = context.options("robustness", RobustnessOptions)
    sample = thin_out(context.test, options.images)
    draws = {kind: context.generator("robustness", kind) for kind in RANDOM}
    right: dict[str, float] = defaultdict(float)
    device = context.network.device
    batch = BatchSize(BLOCK[device.type], "attacks")
    with frozen(context.network.model) as model:
        for images, labels in sample.batches(BLOCK[device.type]):
            pixels = sample.pixels_of(images).clamp(0, 1)
            drawn = _draw(pixels, draws)
            block = _Batch(lambda inputs: model(sample.normalize(inputs)), pixels, labels, drawn)
            for name, withstood in batch.fit(partial(_withstood, block, options), len(labels)).items():
                right[name] += float(withstood)
    return {f"robustness.{name}": count / len(sample) for name, count in right.items()}


def withstanding(
    attack: Callable[[Tensor, float], Tensor], right: Tensor, radii: Iterable[float]
) -> Iterator[tuple[float, Tensor]]:
    """Which images withstand an attack, at one radius after the other.

    Args:
        attack: of images ``[k] int64`` and a radius says which are broken, ``[k] bool``.
        right: which images are classified rightly undisturbed, ``[n] bool``.
        radii: in any order.

    Yields:
        A radius, and which images no radius up to it breaks, ``[n] bool``; in ascending order.
    """
    standing = right
    for radius in sorted(radii):
        left = standing.nonzero().squeeze(1)
        standing = standing.clone()
        if len(left):
            standing[left] = ~attack(left, radius)
        yield radius, standing


def shifted(pixels: Tensor, distance: int) -> Iterator[Tensor]:
    """Images ``[n, c, h, w]`` moved right, left, down and up by so many pixels, zeros moving in."""
    for columns, rows in ((distance, 0), (-distance, 0), (0, distance), (0, -distance)):
        yield torch.nn.functional.pad(pixels, (columns, -columns, rows, -rows))


def zeroed(pixels: Tensor, keys: Tensor, fraction: float) -> Tensor:
    """Images with the ``floor(fraction * c * h * w)`` values of the smallest keys set to zero.

    Args:
        pixels: ``[n, c, h, w]``.
        keys: a random number for each value, ``[n, c, h, w]``; what a fraction zeroes, a larger one zeroes too.
        fraction: 0 to 1.
    """
    channels, height, width = pixels.shape[1:]
    count = zeroed_values((channels, height, width), fraction, "values")
    chosen = keys.flatten(1).argsort(1)[:, :count]
    kept = torch.ones_like(keys).flatten(1).scatter(1, chosen, 0).view(pixels.shape)
    return pixels * kept


@dataclass(frozen=True)
class _Batch:
    """Images ``pixels [n, c, h, w]`` of 0..1, their ``labels [n]``, and a network that takes them.

    ``drawn`` has their random numbers by kind, each ``[n, c, h, w]``.
    """

    classify: Classify
    pixels: Tensor
    labels: Tensor
    drawn: Mapping[str, Tensor]

    def right(self, disturbed: Tensor) -> Tensor:
        """Which of the images are classified rightly in a disturbed form, ``[n] bool``."""
        with torch.no_grad():
            return self.classify(disturbed).argmax(1) == self.labels

    def __getitem__(self, chosen: Tensor) -> "_Batch":
        drawn = {kind: values[chosen] for kind, values in self.drawn.items()}
        return _Batch(self.classify, self.pixels[chosen], self.labels[chosen], drawn)


def _draw(pixels: Tensor, draws: Mapping[str, torch.Generator]) -> dict[str, Tensor]:
    """Draw the random numbers of images: starts of PGD, normal noise, and the order in which values are zeroed."""
    return {
        "pgd_linf": draw_start(pixels, "linf", draws["pgd_linf"]),
        "pgd_l2": draw_start(pixels, "l2", draws["pgd_l2"]),
        "gaussian": torch.randn(pixels.shape, generator=draws["gaussian"]).to(pixels.device),
        "zeroing": torch.rand(pixels.shape, generator=draws["zeroing"]).to(pixels.device),
    }


def _withstood(block: _Batch, options: RobustnessOptions, size: int) -> dict[str, Tensor]:
    """Count the images that are classified rightly under each disturbance, ``size`` at a time."""
    counts: dict[str, Tensor] = {}
    for chosen in torch.split(torch.arange(len(block.labels), device=block.labels.device), size):
        part = block[chosen]
        for name, withstood in (*_attacked(part, options), *_corrupted(part, options)):
            counts[name] = counts.get(name, 0) + withstood.double().sum()
    return counts


def _attacked(batch: _Batch, options: RobustnessOptions) -> Iterator[tuple[str, Tensor]]:
    """Names, and which images are classified rightly, ``[n] bool``: undisturbed and under each attack."""
    wrong, gradient = ascend(batch.classify, batch.pixels, batch.labels)
    clean = ~wrong
    yield "clean", clean

    def by_sign(chosen: Tensor, radius: float) -> Tensor:
        part = batch[chosen]
        return ~part.right(move_by_sign(part.pixels, gradient[chosen], radius * LEVEL))

    def by_descent(norm: str, unit: float, chosen: Tensor, radius: float) -> Tensor:
        part = batch[chosen]
        start = part.drawn[f"pgd_{norm}"]
        return pgd(part.classify, part.pixels, part.labels, radius * unit, norm, options.steps, start)[1]

    for radius, standing in withstanding(by_sign, clean, options.fgsm):
        yield f"fgsm_{radius:g}", standing
    for norm, unit, radii in (("linf", LEVEL, options.pgd_linf), ("l2", 1, options.pgd_l2)):
        for radius, standing in withstanding(partial(by_descent, norm, unit), clean, radii):
            yield f"pgd_{norm}_{radius:g}", standing


def _corrupted(batch: _Batch, options: RobustnessOptions) -> Iterator[tuple[str, Tensor]]:
    """Names, and which images are classified rightly, ``[n]``, under each corruption; of shifts in which share."""
    for deviation in options.gaussian:
        noisy = (batch.pixels + deviation * batch.drawn["gaussian"]).clamp(0, 1)
        yield f"gaussian_{deviation:g}", batch.right(noisy)
    for distance in options.shift:
        directions = [batch.right(moved) for moved in shifted(batch.pixels, distance)]
        yield f"shift_{distance:g}", torch.stack(directions).double().mean(0)
    for fraction in options.zeroing:
        yield f"zeroing_{fraction:g}", batch.right(zeroed(batch.pixels, batch.drawn["zeroing"], fraction))
