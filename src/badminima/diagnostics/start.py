"""Loss of the weights that a run starts from, and how large their logits are."""

from badminima.diagnostics.context import Context, Skipped
from badminima.diagnostics.network import build_network
from badminima.models.outputs import loss, spread, training_logits


def measure(context: Context) -> dict[str, float]:
    """Loss and logits of the start, on at most 1,000 training images with their true labels.

    BatchNorm's statistics are those of these images (:func:`badminima.models.outputs.training_logits`).

    - ``start.loss``: mean cross entropy in nats; ``log(classes)`` where all logits are equal.
    - ``start.logit_spread``: standard deviation of the logits over images and classes together.

    Raises:
        Skipped: if the start's weights are not finite.
    """
    if not context.start.is_finite():
        raise Skipped("the start's weights are not finite")
    network = build_network(context.settings, context.data, context.start)
    logits, labels = training_logits(network.model, context.data, network.device)
    return {"start.loss": loss(logits, labels), "start.logit_spread": spread(logits)}
