"""Names of inits and recipes that mean the same in every configuration, since claims are read by them."""

from typing import Any

from badminima.config import AdversarialInit, Config, InitConfig, RandomInit, RecipeConfig, RescaledInit, RunInit
from badminima.errors import UserError

# What inits and recipes are compared with.
BASELINE_INIT, BASELINE_RECIPE = "random", "vanilla"
# Random weights with the adversarial norms, the readout shrunk until the logits' spread matches.
SCALE_CONTROL = "random_rescaled"
REGULARIZERS = {"augmentation": "da", "momentum": "m", "weight_decay": "l2"}
INITS: dict[str, dict[str, object]] = {
    "random": {"kind": "random", "gain": 1.0, "seed": None},
    "adversarial": {"kind": "adversarial", "start": "random", "confusing_seed": None},
    "random_rescaled": {
        "kind": "rescaled",
        "start": "random",
        "like": "adversarial",
        "norms": "tensors",
        "logits": True,
    },
    "true_labels": {
        "kind": "adversarial",
        "start": "random",
        "label_fraction": 0.0,
        "epochs_like": "adversarial",
        "confusing_seed": None,
    },
    "adversarial_end": {"kind": "run", "start": "adversarial", "recipe": "vanilla"},
    "full_batch_end": {"kind": "run", "start": "random", "recipe": "full_batch"},
}
# The same as entries, for results without a recorded config; nothing else of them is looked at.
FIXED: dict[str, InitConfig] = {
    "random": RandomInit(kind="random"),
    "adversarial": AdversarialInit(kind="adversarial", replication=1, noise=0.0),
    "random_rescaled": RescaledInit(kind="rescaled"),
    "true_labels": AdversarialInit(
        kind="adversarial", replication=1, noise=0.0, label_fraction=0.0, epochs_like="adversarial"
    ),
    "adversarial_end": RunInit(kind="run", start="adversarial", recipe="vanilla"),
    "full_batch_end": RunInit(kind="run", start="random", recipe="full_batch"),
}
# The same in words, for inits that need no training to be told of.
STARTS = {
    "random": "fresh random weights",
    "random_rescaled": "random weights with the norms of adversarial ones, tensor by tensor, but for the readout, which"
    " is shrunk until the logits spread as theirs do",
}


def check_meanings(config: Config) -> None:
    """Raise UserError if an init or a recipe has one of these names and is something else."""
    for name, recipe in config.recipes.items():
        _check_regularizers(name, recipe)
    _check_label_noise(config.recipes, config.training.batch_size)
    if "full_batch" in config.recipes and not config.recipes["full_batch"].full_batch:
        raise UserError("recipes.full_batch.full_batch", False, "a recipe of this name has true; choose another name")
    for name, entries in INITS.items():
        for field, value in entries.items() if name in config.inits else ():
            found = getattr(config.inits[name], field, None)
            if found != value:
                meant = "null" if value is None else value
                raise UserError(
                    f"inits.{name}.{field}", repr(found), f"an init of this name has {meant}; choose another name"
                )


def _check_regularizers(name: str, recipe: RecipeConfig) -> None:
    """Call the paper's recipes by their regularizers, joined by +; vanilla has none."""
    expected = {part for field, part in REGULARIZERS.items() if getattr(recipe, field)}
    named = set() if name == "vanilla" else set(name.split("+"))
    others = recipe.model_dump(exclude=set(REGULARIZERS)) != RecipeConfig().model_dump(exclude=set(REGULARIZERS))
    if named <= set(REGULARIZERS.values()) and (named != expected or others):
        raise UserError(
            f"recipes.{name}",
            recipe.model_dump(exclude_defaults=True),
            "this name means exactly these regularizers, at the phase's learning rate; choose another name",
        )


def _check_label_noise(recipes: dict[str, RecipeConfig], batch_size: int) -> None:
    """Damian et al.'s recipes differ from vanilla SGD in the noise, and from each other in their steps alone."""
    steps: dict[str, tuple[dict[str, Any], str]] = {
        "label_noise": ({}, "at 1 times the phase's learning rate"),
        "label_noise_x3": ({"learning_rate_scale": 3.0}, "at 3 times the phase's learning rate"),
        "label_noise_x10": ({"learning_rate_scale": 10.0}, "at 10 times the phase's learning rate"),
        "label_noise+m": ({"momentum": 0.9}, "with momentum 0.9"),
        "label_noise_x4_batch_x4": (
            {"learning_rate_scale": 4.0, "batch_size": 4 * batch_size},
            f"at 4 times the phase's learning rate and batch_size {4 * batch_size}",
        ),
    }
    given = {name: recipes[name] for name in steps if name in recipes}
    for name, recipe in given.items():
        fields, words = steps[name]
        if recipe != RecipeConfig(label_noise=recipe.label_noise, **fields) or not recipe.label_noise:
            raise UserError(
                f"recipes.{name}",
                recipe.model_dump(exclude_defaults=True),
                f"this name means label_noise > 0 {words}, nothing else; choose another name",
            )
    first = next(iter(given), "")
    for name, recipe in given.items():
        if recipe.label_noise != recipes[first].label_noise:
            expected = f"that of recipes.{first}, {recipes[first].label_noise}"
            raise UserError(f"recipes.{name}.label_noise", recipe.label_noise, expected)
