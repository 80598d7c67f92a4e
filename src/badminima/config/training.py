"""Inits, recipes, and how a network is trained."""

from typing import Annotated, Literal

from pydantic import Field

from badminima.config.base import Count, Name, Number, Positive, Section, Seed

# What inits and recipes are compared with.
BASELINE_INIT, BASELINE_RECIPE = "random", "vanilla"
# Random weights with the adversarial norms, the readout shrunk until the logits' spread matches.
SCALE_CONTROL = "random_rescaled"
REGULARIZERS = {"augmentation": "da", "momentum": "m", "weight_decay": "l2"}
Zeroing = Literal["values", "pixels", "pixels_with_replacement"]


class RandomInit(Section):
    """Fresh random weights, as the architecture's paper draws them, times a gain."""

    kind: Literal["random"]
    gain: Positive = Field(1.0, description="Factor on all kernels and weight matrices; not on biases and BatchNorm.")
    seed: Seed | None = Field(None, description="Seed of the weights, the same one in all runs; null: each run's own.")


class AdversarialInit(Section):
    """Weights trained to fit a confusing set (paper, Algorithm 1)."""

    kind: Literal["adversarial"]
    start: Name = Field("random", description="The random init that pretraining starts from.")
    replication: Count = Field(description="R: copies of each training image.")
    noise: Annotated[Number, Field(ge=0, lt=1)] = Field(description="N: fraction of values zeroed in each copy.")
    zeroing: Zeroing = Field(
        "values", description="Zero values (published code), pixels (prose) or pixels with replacement (Damian et al.)."
    )
    label_fraction: Number = Field(1.0, ge=0, le=1, description="Share of copies with a random label; 0: true labels.")
    epochs_like: Name | None = Field(None, description="Train as many epochs as this init; null: to the target.")
    confusing_seed: Seed | None = Field(None, description="Seed of all runs' confusing set; null: each run's own.")


class RescaledInit(Section):
    """Weights with another init's norms and spread of logits: the control for scale."""

    kind: Literal["rescaled"]
    start: Name = Field("random", description="The random or adversarial init whose directions are kept.")
    like: Name = Field("adversarial", description="The random or adversarial init whose scale is taken.")
    norms: Literal["tensors", "total", "kept"] = Field(
        "tensors", description="Take the norm of each tensor, that of all by one common factor, or keep the norms."
    )
    logits: bool = Field(True, description="Then scale the last linear layer until the logits spread alike.")


class RunInit(Section):
    """The end point of another run: of the same dataset, model and seed, in a study or in none."""

    kind: Literal["run"]
    start: Name = Field(description="The init that run starts from: any, another one of this kind too.")
    recipe: Name = Field(description="The recipe that it is trained by.")


InitConfig = Annotated[RandomInit | AdversarialInit | RescaledInit | RunInit, Field(discriminator="kind")]
# Inits that mean the same in every config, since claims are read by their names: what is given here but for R and N.
FIXED: dict[str, InitConfig] = {
    "random": RandomInit(kind="random", gain=1.0, seed=None),
    "adversarial": AdversarialInit(kind="adversarial", start="random", replication=1, noise=0, confusing_seed=None),
    "random_rescaled": RescaledInit(kind="rescaled", start="random", like="adversarial", norms="tensors", logits=True),
    "adversarial_end": RunInit(kind="run", start="adversarial", recipe="vanilla"),
    "full_batch_end": RunInit(kind="run", start="random", recipe="full_batch"),
}
FIXED["true_labels"] = FIXED["adversarial"].model_copy(update={"label_fraction": 0.0, "epochs_like": "adversarial"})


class RecipeConfig(Section):
    """A regularizer set; everything off is vanilla SGD."""

    augmentation: bool = Field(False, description="DA: the dataset's augmentation.")
    momentum: Number = Field(0.0, ge=0, lt=1, description="M: heavy-ball momentum coefficient.")
    weight_decay: Number = Field(0.0, ge=0, description="L2: coefficient of weight decay.")
    weight_decay_of: Literal["all", "readout", "hidden"] = Field(
        "all", description="What decays: all parameters, those of the last linear layer, or all but those."
    )
    keep_norms: bool = Field(False, description="After every step scale each weight tensor back to its first norm.")
    learning_rate_scale: Positive = Field(1.0, description="Factor on the phase's learning rate, for controls.")
    label_noise: Number = Field(0.0, ge=0, lt=1, description="Probability of a random other label, drawn every step.")
    label_smoothing: Number = Field(0.0, ge=0, lt=1, description="Share of the target spread evenly over all classes.")
    gradient_clipping: Positive | None = Field(None, description="Largest norm of a step's gradient; null: any.")
    schedule: Literal["steps", "cosine", "constant"] = Field(
        "steps", description="Learning rate: by the phase's decay, half a cosine to 0 over all epochs, or constant."
    )
    dropout: Number = Field(0.0, ge=0, lt=1, description="Probability that an input of the last layer is zeroed.")
    mixup: Positive | None = Field(None, description="Alpha of the Beta that blends pairs of images; null: without.")
    cutmix: Positive | None = Field(None, description="As mixup, pasting a rectangle; one of the two at most.")
    sam: Positive | None = Field(None, description="Rho of sharpness-aware minimization; null: without.")
    optimizer: Literal["sgd", "adam", "adamw"] = Field(
        "sgd", description="adam adds weight decay to the gradient, adamw decays weights apart; neither has momentum."
    )
    ema: Annotated[Number, Field(gt=0, lt=1)] | None = Field(
        None, description="Decay per step of an average of the weights, which is evaluated and kept; null: no average."
    )
    shrink: Number = Field(1.0, gt=0, le=1, description="Factor on the start weights, before the first step.")
    perturb: Number = Field(0.0, ge=0, description="Share of fresh random weights added before the first step.")
    full_batch: bool = Field(False, description="Gradient descent: a step an epoch, with the mean gradient.")
    batch_size: Count | None = Field(None, description="In place of the phase's; null: the phase's.")
    epochs: Count | None = Field(None, description="Null: the phase's. Milestones and evaluate_every scale with it.")


class OptimizationConfig(Section):
    """SGD and its schedule for one phase."""

    batch_size: Count = 128
    learning_rate: Positive = 0.1
    epochs: Count = 350
    milestones: list[Count] = Field(
        [150, 250], description="Increasing epochs, up to epochs, after which the rate is multiplied; []: never."
    )
    gamma: Positive = Field(0.1, description="Factor on the learning rate at each milestone.")
    decay: Literal["milestones", "cosine_per_step"] = Field(
        "milestones",
        description="The rate falls at the milestones, or by half a cosine to 0 over the steps after warmup.",
    )
    warmup: Number = Field(0.0, ge=0, lt=1, description="Share of all steps over which the rate grows from 0.")
    drop_last: bool = Field(False, description="Leave out a smaller last batch; evaluations see all items.")
    evaluate_every: Count = Field(1, description="Epochs between evaluations; the last epoch is always evaluated.")
    target_accuracy: Number = Field(1.0, gt=0, le=1, description="Training accuracy that counts as fitting the data.")

    def batches(self, items: int) -> int:
        """Return the number of batches of an epoch over so many items."""
        return items // self.batch_size if self.drop_last else -(-items // self.batch_size)

    def with_recipe(self, recipe: RecipeConfig) -> "OptimizationConfig":
        """Return this phase with the recipe's own batch size and number of epochs, where it has them.

        Milestones and the epochs between evaluations keep their share of all epochs, rounded, at least 1; milestones
        that fall together multiply the learning rate together.
        """
        epochs = recipe.epochs or self.epochs

        def scaled(count: int) -> int:
            return max(1, round(count * epochs / self.epochs))

        own = {"batch_size": recipe.batch_size or self.batch_size, "epochs": epochs}
        kept = {"milestones": [scaled(one) for one in self.milestones], "evaluate_every": scaled(self.evaluate_every)}
        return self.model_copy(update={**own, **kept})


class NumericsConfig(Section):
    """How numbers are computed; recorded in every run.json."""

    precision: Literal["auto", "fp32", "tf32", "bf16"] = Field(
        "auto", description="auto: bf16 autocast on GPUs that compute in it, else tf32 or fp32; tf32 is fp32 on a CPU."
    )
    compile: Literal["auto", "none", "default"] = Field(
        "auto", description="Mode of torch.compile. auto: default on CUDA where a run is long enough and it works."
    )
    graphs: Literal["auto", "on", "off"] = Field(
        "auto", description="Steps as CUDA graphs. auto: on CUDA where the recipe allows it; on: refuse where not."
    )
    deterministic: bool = Field(True, description="On CUDA, only algorithms that repeat themselves to the bit.")


class RestartConfig(Section):
    """Restart points of unfinished trainings; no result depends on them."""

    seconds: Count = Field(300, description="Seconds between two restart points: what a kill costs at most.")
