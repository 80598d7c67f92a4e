"""How far two runs of one recipe and seed are apart as functions."""

from contextlib import ExitStack
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, kl_div

from badminima.config.options import FunctionsOptions
from badminima.diagnostics.context import Context, Skipped
from badminima.diagnostics.network import (
    Network,
    Sample,
    build_network,
    forward_batch,
    renew_statistics,
    set_parameters,
    statistics_batch,
)
from badminima.experiment.measured import of_tensor
from badminima.models.weights import Weights, load_weights


def measure(context: Context) -> dict[str, float]:
    """Return the run against its reference: the run of its recipe and seed from the random weights behind its init.

    On test images:

    - ``functions.disagreement``: fraction of images to which the two give different classes.
    - ``functions.kl``: mean of ``KL(reference || run)`` between the predicted distributions, in nats.
    - ``functions.cka@layer``: linear CKA of the two at each ReLU and at the output (Kornblith et al. 2019), which is
      biased upwards where images are few.
    - ``functions.cka_unbiased@layer``: the same without that bias (Murphy et al. 2024, arXiv 2405.01012).

    On training images, along the straight line between the two with BatchNorm statistics computed anew at each of
    ``points`` points:

    - ``functions.barrier``: the most by which the loss lies above the straight line between its end values.
    - ``functions.middle_accuracy``: training accuracy half way.
    """
    if context.reference is None:
        raise Skipped("there is no run from the random weights behind this start")
    if not context.reference.is_finite():
        raise Skipped("the reference's weights are not finite")
    images = context.test.images
    other = build_network(context.settings, context.data, context.reference)
    logits, reference = context.network.logits(images), other.logits(images)
    measured = {
        "functions.disagreement": disagreement(logits, reference),
        "functions.kl": mean_kl(reference, logits),
    }
    features, reference_features = (
        each.batch.fit(partial(layer_features, each.model, images), len(images)) for each in (context.network, other)
    )
    for layer, values in features.items():
        others = reference_features[layer]
        measured[of_tensor("functions.cka", layer)] = linear_cka(values, others)
        measured[of_tensor("functions.cka_unbiased", layer)] = unbiased_cka(values, others)
    points = context.options("functions", FunctionsOptions).points
    path = loss_barrier(context.network.model, context.reference, context.end, context.train, points)
    measured["functions.barrier"] = path.barrier
    measured["functions.middle_accuracy"] = float(path.accuracy[len(path.accuracy) // 2])
    return measured


def disagreement(logits_a: Tensor, logits_b: Tensor) -> float:
    """Fraction of images whose predicted classes differ; logits are ``[n, classes]``."""
    return float((logits_a.argmax(dim=1) != logits_b.argmax(dim=1)).double().mean())


def mean_kl(logits_a: Tensor, logits_b: Tensor) -> float:
    """Mean over images of ``KL(softmax a || softmax b)`` in nats, in 64 bits; logits are ``[n, classes]``."""
    log_a, log_b = logits_a.double().log_softmax(dim=1), logits_b.double().log_softmax(dim=1)
    return float(kl_div(log_b, log_a, log_target=True, reduction="batchmean"))


def linear_cka(features_a: Tensor, features_b: Tensor) -> float:
    """Linear centered kernel alignment of two layers, 0 to 1 (Kornblith et al. 2019, arXiv 1905.00414, section 3).

    ``|B'A|^2 / (|A'A| |B'B|)`` (Frobenius norms) of the features ``A [n, p]`` and ``B [n, q]`` of the same images,
    each feature centered. Blind to rotations and to a common scale, not to other linear maps. Where there are more
    features than images the ``n x n`` Gram matrices give the same: ``<AA', BB'> / (|AA'| |BB'|)``. In 64 bits. NaN if
    a layer's features do not vary. With few images per feature it is biased upwards: 128 independent normal features of
    300 images give 0.30; :func:`unbiased_cka` gives 0.
    """
    a, b = (features.double() - features.double().mean(dim=0) for features in (features_a, features_b))
    if max(a.shape[1], b.shape[1]) > len(a):
        gram_a, gram_b = a @ a.T, b @ b.T
        return float((gram_a * gram_b).sum() / (gram_a.norm() * gram_b.norm()))
    return float((b.T @ a).square().sum() / ((a.T @ a).norm() * (b.T @ b).norm()))


def unbiased_cka(features_a: Tensor, features_b: Tensor) -> float:
    """Linear CKA of two layers by unbiased estimates of HSIC, at most 1 (Nguyen et al. 2021, arXiv 2010.15327, eq. 3).

    ``HSIC(K, L) / sqrt(HSIC(K, K) HSIC(L, L))`` of the Gram matrices ``K = AA'`` and ``L = BB'`` of the features
    ``A [n, p]`` and ``B [n, q]`` of the same images, with their diagonals set to zero and (Song et al. 2012, JMLR 13,
    eq. 5)::

        HSIC(K, L) = (tr(KL) + sum(K) sum(L) / ((n - 1)(n - 2)) - 2 sum(KL) / (n - 2)) / (n (n - 3))

    Of independent features its mean is about 0, and it may be negative. In 64 bits; NaN for fewer than 4 images, or if
    a layer's own HSIC is not positive.
    """
    if len(features_a) < 4:
        return float("nan")
    # Centered, which changes nothing but rounding.
    a, b = (features.double() - features.double().mean(dim=0) for features in (features_a, features_b))
    k, m = ((values @ values.T).fill_diagonal_(0) for values in (a, b))
    of_a, of_b = _hsic(k, k), _hsic(m, m)
    return float(_hsic(k, m) / (of_a * of_b).sqrt()) if min(of_a, of_b) > 0 else float("nan")


def _hsic(k: Tensor, m: Tensor) -> Tensor:
    """``n (n - 3) HSIC`` of two symmetric matrices ``[n, n]`` without diagonals; see :func:`unbiased_cka`."""
    n = len(k)
    rows_k, rows_m = k.sum(dim=0), m.sum(dim=0)
    product = rows_k.sum() * rows_m.sum() / ((n - 1) * (n - 2))
    return (k * m).sum() + product - 2 * (rows_k @ rows_m) / (n - 2)


def layer_features(model: nn.Module, images: Tensor, batch: int) -> dict[str, Tensor]:
    """Return the outputs of each ReLU and of the last linear layer, by name in the order of computation.

    Maps are averaged over their positions, so that a layer has as many features as channels. A module that is called
    more than once (torchvision's residual blocks share one ReLU) has one entry per call: ``layer1.0.relu``,
    ``layer1.0.relu:2``. A ReLU that is not a module, such as the one behind DenseNet's last BatchNorm, has none.

    Args:
        model: the network, in evaluation mode.
        images: ``[n, c, h, w]`` on its device.
        batch: images at a time.

    Returns:
        ``[n, features] float32`` for each name, on the device.
    """
    modules = list(model.named_modules())
    last_linear = [module for _, module in modules if isinstance(module, nn.Linear)][-1:]
    layers = {module: name for name, module in modules if isinstance(module, nn.ReLU) or module in last_linear}
    found: dict[str, list[Tensor]] = {}
    calls: dict[nn.Module, int] = {}

    def keep(layer: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
        calls[layer] = calls.get(layer, 0) + 1
        name = layers[layer] if calls[layer] == 1 else f"{layers[layer]}:{calls[layer]}"
        # A copy in either case: a layer behind this one may work in place.
        features = output.clone() if output.ndim == 2 else output.flatten(2).mean(dim=2)
        found.setdefault(name, []).append(features)

    with ExitStack() as hooks, torch.no_grad():
        for layer in layers:
            hooks.enter_context(layer.register_forward_hook(keep))
        for part in torch.split(images, batch):
            calls.clear()
            model(part)
    return {name: torch.cat(parts) for name, parts in found.items()}


@dataclass(frozen=True)
class LinearPath:
    """Loss and accuracy along ``w = (1 - t) a + t b`` at equally spaced ``t`` from 0 to 1.

    Attributes:
        loss: mean cross entropy in nats, ``[points]``.
        accuracy: fraction of images classified correctly, ``[points]``.
    """

    loss: np.ndarray
    accuracy: np.ndarray

    @property
    def barrier(self) -> float:
        """``max_t L(t) - ((1 - t) L(0) + t L(1))``, at least 0; NaN where a loss is not finite.

        Entezari et al. 2022 (arXiv 2110.06296), definition 2.
        """
        t = np.linspace(0, 1, len(self.loss))
        return float(np.max(self.loss - ((1 - t) * self.loss[0] + t * self.loss[-1])))


def loss_barrier(model: nn.Module, weights_a: Weights, weights_b: Weights, sample: Sample, points: int) -> LinearPath:
    """Loss and accuracy on a sample, along the line from one network's parameters to another's.

    BatchNorm statistics are recomputed on the sample at every point (:func:`renew_statistics`), the ends
    included: statistics are no points of the line, and ends that kept those of their training would not compare.
    So the ends' values differ a little from those of the runs.

    Args:
        model: gives the architecture; not changed.
        weights_a: the parameters at t = 0.
        weights_b: those at t = 1.
        sample: images and labels, on the network's device.
        points: how many, at least 2.

    Raises:
        UserError: if weights are another network's.
    """
    between, ends = deepcopy(model), []
    for weights in (weights_a, weights_b):
        load_weights(between, weights, Path("weights"))
        ends.append([parameter.detach().clone() for parameter in between.parameters()])
    device = sample.images.device
    network, batch = Network(between.eval(), device, forward_batch(device)), statistics_batch(device)
    losses, accuracies = [], []
    for t in np.linspace(0, 1, points):
        set_parameters(between, (one.lerp(other, float(t)) for one, other in zip(*ends, strict=True)))
        renew_statistics(between, sample.images, batch)
        logits = network.logits(sample.images).double()
        losses.append(float(cross_entropy(logits, sample.labels)))
        accuracies.append(float((logits.argmax(dim=1) == sample.labels).double().mean()))
    return LinearPath(np.array(losses), np.array(accuracies))
