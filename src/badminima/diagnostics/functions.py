"""How far two runs of one recipe and seed are apart as functions."""

from functools import partial

from badminima.config.options import FunctionsOptions
from badminima.diagnostics.comparison import (
    disagreement,
    layer_features,
    linear_cka,
    loss_barrier,
    mean_kl,
    unbiased_cka,
)
from badminima.diagnostics.context import Context, Skipped
from badminima.diagnostics.network import build_network
from badminima.experiment.measured import of_tensor


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
