"""The card of a minimum in a zoo, as data and as a page."""

from collections.abc import Sequence
from typing import Any

import yaml
from pydantic import Field

from badminima.config import ModelConfig, Section
from badminima.config.base import Count, Number, Positive
from badminima.experiment.measured import is_of_tensor

# Inits that need no training to be described.
STARTS = {
    "random": "fresh random weights",
    "random_rescaled": "random weights with the norms of adversarial ones, tensor by tensor, but for the readout, which"
    " is shrunk until the logits spread as theirs do",
}
CARD, PAGE, INDEX = "card.json", "card.md", "index.csv"
# A prepared dataset in a zoo, beside the folders of the networks that were trained on it.
DATA = "data.safetensors"
# Of the index.
COLUMNS = [
    *("name", "dataset", "model", "init", "recipe", "seed", "status", "train_accuracy", "test_accuracy"),
    *("parameters", "bytes", "weights_sha256", "card_sha256"),
]
STATUSES = {
    "converged": "It fits its training images: it reached the target accuracy on them.",
    "max_epochs": "It does not fit its training images: it ended short of the target accuracy on them.",
    "diverged": "Its loss became non-finite: it is no minimum, and its weights may be non-finite too.",
}


class Card(Section):
    """A minimum: everything that a reader, or code that uses it, needs beside its weights."""

    dataset: str
    model: str
    init: str
    recipe: str
    seed: int
    network: ModelConfig = Field(description="Architecture and options.")
    parameters: int = Field(description="Trained numbers.")
    image_shape: list[Count] = Field(min_length=3, max_length=3, description="(c, h, w) of the input.")
    mean: list[Number] = Field(description="Per channel, of the training images on the scale 0..1.")
    std: list[Positive] = Field(description="Per channel, of the training images on the scale 0..1.")
    classes: list[str] = Field(min_length=1, description="Names of the outputs, in their order.")
    status: str = Field(description="converged, max_epochs or diverged.")
    epochs: int
    train_items: int
    test_items: int
    evaluated_on: str = Field(description="The images behind the test columns: test or validation.")
    final: dict[str, int | float | str | None] = Field(description="The last evaluation; null: not finite.")
    start: str | None = Field(None, description="The run that it went on from, as dataset/model/init/recipe/seedN.")
    pretraining: dict[str, Any] | None = Field(description="Where its start was trained: on what, how well it fitted.")
    measurements: dict[str, float | None] = Field(description="Name -> number; null: not finite.")
    skipped: dict[str, str] = Field(description="Measurements that were not made, and why.")
    settings: dict[str, Any] = Field(description="The training's settings.")
    digests: dict[str, str | None] = Field(description="Of its weights, and of what the run was made from.")
    provenance: dict[str, Any] = Field(description="Device, versions, code revision, digests of the raw data.")

    def __str__(self) -> str:
        return card_page(self)

    @property
    def name(self) -> str:
        """Its name in a zoo: ``dataset/model/init/recipe/seedN``."""
        return f"{self.dataset}/{self.model}/{self.init}/{self.recipe}/seed{self.seed}"


def card_page(card: Card) -> str:
    """Return a card as Markdown."""
    channels, height, width = card.image_shape
    final = card.final
    parts = (("train", "training", card.train_items), ("test", card.evaluated_on, card.test_items))
    outcome = [
        (name, f"{items:,}", _number(final[f"{part}_accuracy"], ".4f"), _number(final[f"{part}_loss"], ".4g"))
        for part, name, items in parts
    ]
    whole = [(name, _number(value, ".6g")) for name, value in card.measurements.items() if not is_of_tensor(name)]
    sections = [
        f"# {card.name}",
        f"Weights of `{card.model}` ({card.parameters:,} parameters), trained on `{card.dataset}` by the recipe"
        f" `{card.recipe}`. {STATUSES[card.status]} Made to study minima, not to classify images.",
        f"Training started from the init `{card.init}`{_start(card)}.",
        _table(("images", "number", "accuracy", "loss in nats"), outcome),
        f"## Use\n\n```python\n{_usage(card)}\n```\n\nWithout badminima: `safetensors.torch.load_file` gives the state"
        f" dict of the network described below. Inputs are images `[n, {channels}, {height}, {width}]` on the scale"
        f" 0..1, minus `mean`, over `std` (per channel).",
        f"## Network, input, classes\n\n{_yaml(card, 'network', 'image_shape', 'mean', 'std', 'classes')}",
        "## Measurements\n\n" + (_table(("measurement", "value"), whole) if whole else "None were made."),
        *([_table(("not measured", "because"), list(card.skipped.items()))] if card.skipped else []),
        f"## Settings\n\n{_yaml(card, 'settings', 'pretraining')}",
        f"## Provenance\n\n{_yaml(card, 'digests', 'provenance')}",
    ]
    return "\n\n".join(sections) + "\n"


def _start(card: Card) -> str:
    if card.init in STARTS:
        return f": {STARTS[card.init]}"
    parts = [f"where the run `{card.start}` had ended"] if card.start else []
    if card.pretraining is not None:
        confusing = card.pretraining["confusing"]
        fitted = _number(card.pretraining["final"]["train_accuracy"], ".2%")
        parts.append(
            f"weights trained before on {confusing['replication']} copies of each training image, with a fraction"
            f" {confusing['noise']:g} of their {confusing['zeroing'].replace('_', ' ')} zeroed and"
            f" {_labels(confusing)}; of all labels they fit {fitted}"
        )
    return f": {', behind which stand '.join(parts)}" if parts else ""


def _labels(confusing: dict[str, Any]) -> str:
    fraction = confusing.get("label_fraction", 1.0)
    if fraction == 0:
        return "the true labels"
    return "uniformly random labels" + (
        "" if fraction == 1 else f" on a fraction {fraction:g} of them, true on the rest"
    )


def _usage(card: Card) -> str:
    return (
        "import badminima\n\n"
        f'minimum = badminima.zoo.load("PATH/TO/ZOO")["{card.name}"]\n'
        "logits = minimum.model()(minimum.inputs(images))  # images: uint8, 0..255\n"
        "names = [minimum.card.classes[index] for index in logits.argmax(1)]"
    )


def _number(value: int | float | str | None, form: str) -> str:
    return "not finite" if value is None else format(value, form)


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = (columns, ["---"] * len(columns), *rows)
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines)


def _yaml(card: Card, *names: str) -> str:
    content = card.model_dump(mode="json", include=set(names))
    text = yaml.safe_dump(
        {name: content[name] for name in names}, sort_keys=False, allow_unicode=True, default_flow_style=None, width=110
    )
    return f"```yaml\n{text}```"
