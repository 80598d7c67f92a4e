"""The typed configuration: the only place that knows keys, defaults and bounds; ``loading`` has the cross-field rules.

``config.yaml`` is the paper's full experiment; presets overlay it. A named entry (a dataset, recipe, study, ...)
set to null in an overlay is removed.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

# Names become folder names and wildcards, so they stay plain.
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_+.-]*$")]
# YAML reads 5e-4 as text; accept it as the number it looks like.
Number = Annotated[float, Field(strict=False, allow_inf_nan=False)]
Positive = Annotated[Number, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]
Address = Annotated[str, Field(pattern=r"^https?://\S+$")]


class Section(BaseModel):
    """Base of all sections: immutable, typed strictly, unknown keys refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class DataConfig(Section):
    """Where raw datasets come from."""

    download_dir: str = Field("data", description="Folder that downloads go to, shared by all configs.")
    local_dirs: dict[Name, str] = Field({}, description="Dataset source -> folder that already holds its files.")
    urls: dict[Name, list[Address]] = Field(
        {}, description="Dataset source -> mirrors: addresses of folders with its published archives, tried in order."
    )


class AugmentationConfig(Section):
    """Data augmentation (DA): random crop after zero-padding, random horizontal flip (paper, section A)."""

    padding: Annotated[int, Field(ge=0)] = Field(4, description="Zero-padding on each side before the crop, in pixels.")
    horizontal_flip: bool = Field(True, description="Mirror each image left to right with probability 1/2.")


class DatasetConfig(Section):
    """A prepared dataset: its source, how much of it is used, and its augmentation."""

    source: str = Field(description="Name of a dataset source.")
    options: dict[str, Any] = Field({}, description="Options of that source, for example the side of its images.")
    train_size: Count | None = Field(None, description="Training images to use, drawn evenly over classes; null: all.")
    validation_size: Annotated[int, Field(ge=0)] = Field(
        0, description="Images held out of training, for choosing settings without looking at the test set."
    )
    evaluate_on: Literal["test", "validation"] = Field(
        "test", description="Which held-out images the 'test' columns of this config's runs are measured on."
    )
    augmentation: AugmentationConfig = AugmentationConfig()


class ModelConfig(Section):
    """A network: an architecture and its options."""

    architecture: str = Field(description="Name of an architecture.")
    options: dict[str, Any] = Field({}, description="Options of that architecture, for example widths.")


class RandomInit(Section):
    """Fresh random weights, as the architecture's paper draws them, times a gain."""

    kind: Literal["random"]
    gain: Positive = Field(1.0, description="Factor on all kernels and weight matrices; not on biases and BatchNorm.")


class AdversarialInit(Section):
    """Weights trained to fit a confusing set (paper, Algorithm 1)."""

    kind: Literal["adversarial"]
    start: Name = Field("random", description="The random init that pretraining starts from.")
    replication: Count = Field(description="R: copies of each training image.")
    noise: Annotated[Number, Field(ge=0, lt=1)] = Field(description="N: fraction of values zeroed in each copy.")
    zeroing: Literal["values", "pixels"] = Field(
        "values", description="Zero single channel values (published code) or all channels of a pixel (prose)."
    )


class RescaledInit(Section):
    """Random weights with another init's norms, tensor by tensor: the control for mere scale."""

    kind: Literal["rescaled"]
    start: Name = Field("random", description="The random init whose directions are kept.")
    like: Name = Field("adversarial", description="The init whose norms are taken.")


InitConfig = Annotated[RandomInit | AdversarialInit | RescaledInit, Field(discriminator="kind")]


class RecipeConfig(Section):
    """A regularizer set; everything off is vanilla SGD."""

    augmentation: bool = Field(False, description="DA: the dataset's augmentation.")
    momentum: Annotated[Number, Field(ge=0, lt=1)] = Field(0.0, description="M: heavy-ball momentum coefficient.")
    weight_decay: Annotated[Number, Field(ge=0)] = Field(0.0, description="L2: coefficient of weight decay.")
    learning_rate_scale: Positive = Field(1.0, description="Factor on the phase's learning rate, for controls.")
    label_noise: Annotated[Number, Field(ge=0, lt=1)] = Field(
        0.0, description="Probability that a label is replaced by a random other class, drawn anew at every step."
    )
    label_smoothing: Annotated[Number, Field(ge=0, lt=1)] = Field(
        0.0, description="Share of the target that is spread evenly over all classes."
    )
    gradient_clipping: Positive | None = Field(None, description="Largest norm of a step's gradient; null: any.")
    schedule: Literal["steps", "cosine", "constant"] = Field(
        "steps",
        description="Learning rate: by the milestones, half a cosine to 0 over all epochs, or constant.",
    )


class OptimizationConfig(Section):
    """SGD and its schedule for one phase."""

    batch_size: Count = 128
    learning_rate: Positive = 0.1
    epochs: Count = 350
    milestones: list[Count] = Field([150, 250], description="Epochs after which the learning rate is multiplied.")
    gamma: Positive = Field(0.1, description="Factor on the learning rate at each milestone.")
    evaluate_every: Count = Field(1, description="Epochs between evaluations; the last epoch is always evaluated.")
    target_accuracy: Annotated[Number, Field(gt=0, le=1)] = Field(
        1.0, description="Training accuracy that counts as fitting the data."
    )


class NumericsConfig(Section):
    """How numbers are computed; recorded in every run.json."""

    precision: Literal["auto", "fp32", "tf32", "bf16"] = Field(
        "auto", description="auto: bf16 autocast on CUDA, fp32 elsewhere; tf32 is fp32 on a CPU."
    )
    compile: Literal["none", "default", "reduce-overhead", "max-autotune"] = Field(
        "none", description="Mode of torch.compile; reduce-overhead uses CUDA graphs. Pays for long runs only."
    )
    deterministic: bool = Field(True, description="On CUDA, only algorithms that repeat themselves to the bit.")


class RestartConfig(Section):
    """Restart points of unfinished trainings; no result depends on them."""

    seconds: Count = Field(300, description="Seconds between two restart points: what a kill costs at most.")


class StudyConfig(Section):
    """A named grid of runs that answers one question: the product of its lists."""

    question: str = Field(description="What the study answers, in one sentence.")
    datasets: Annotated[list[Name], Field(min_length=1)]
    models: Annotated[list[Name], Field(min_length=1)]
    inits: Annotated[list[Name], Field(min_length=1)]
    recipes: Annotated[list[Name], Field(min_length=1)]
    seeds: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)]


class MeasuringConfig(Section):
    """How runs are measured."""

    images: Count = Field(2000, description="Training and test images that a network is measured on, at most.")
    options: dict[Name, dict[str, Any]] = Field({}, description="Options of each measurement.")


class FigureConfig(Section):
    """A figure: what is drawn, of which study, and optionally which of its recipes and inits."""

    draw: str | None = Field(None, description="The kind of figure; null: the one that the entry is named after.")
    study: Name
    recipes: list[Name] | None = Field(None, description="Recipes to draw; null: all of the study's.")
    inits: list[Name] | None = Field(None, description="Inits to draw; null: all of the study's.")


class StatisticsConfig(Section):
    """Intervals and verdicts."""

    confidence: Annotated[Number, Field(gt=0.5, lt=1)] = Field(0.95, description="Coverage of the intervals.")
    resamples: Annotated[int, Field(ge=100)] = Field(2000, description="Bootstrap resamples.")
    margin: Positive = Field(0.01, description="Accuracy difference below which two recipes count as equal.")
    fitted_tolerance: Annotated[Number, Field(gt=0, lt=1)] = Field(
        0.001, description="Training error below which a run counts as having fitted its training set."
    )


class PlanConfig(Section):
    """The cost plan."""

    speeds: str = Field(
        "benchmarks/cpu.csv", description="Speeds to reckon with: a table of `make bench`, from the checkout's folder."
    )


class ClaimsConfig(Section):
    """The study that the paper's claims are checked on."""

    study: Name


class ZooConfig(Section):
    """What target ``zoo`` exports, of the runs of the claims' study."""

    recipes: list[Name] | None = Field(None, description="Recipes to export; null: all of the study's.")
    inits: list[Name] | None = Field(None, description="Inits to export; null: all of the study's.")
    seeds: list[Annotated[int, Field(ge=0)]] | None = Field(None, description="Seeds to export; null: the first.")


class ResourceConfig(Section):
    """What one job of a rule asks for; memory and runtime grow with each attempt."""

    threads: Count = 1
    mem_mb: Count = 4000
    runtime: Count = Field(60, description="Minutes.")
    gpu: Annotated[int, Field(ge=0)] = 0


class ResourcesConfig(Section):
    """Resources per rule; rules not named here use ``default``."""

    default: ResourceConfig = ResourceConfig()
    prepare_data: ResourceConfig | None = None
    confuse: ResourceConfig | None = None
    pretrain: ResourceConfig | None = None
    train: ResourceConfig | None = None
    diagnose: ResourceConfig | None = None

    def of(self, rule: str) -> ResourceConfig:
        """The resources of the rule called ``rule``."""
        return getattr(self, rule, None) or self.default


class ToyPretraining(Section):
    """Fitting the toy's random labels with vanilla SGD, until all are fitted.

    The published code sums the loss over a batch of 10, at learning rate 0.003; here the loss is the mean, so the
    same step has ten times the rate.
    """

    learning_rate: Positive = 0.03
    epochs: Count = Field(100_000, description="Epochs at most; the published code's number.")
    patience: Count = Field(
        10_000, description="Epochs without improvement of the loss before the learning rate shrinks."
    )
    factor: Annotated[Number, Field(gt=0, lt=1)] = Field(0.3, description="What the learning rate is multiplied by.")
    target_accuracy: Annotated[Number, Field(gt=0, le=1)] = Field(
        1.0, description="Accuracy on the random labels that ends it; looked at every 100 epochs."
    )


class ToyRun(Section):
    """One training of the toy on the true labels; rates are for the mean loss, see ToyPretraining."""

    init: Literal["random", "adversarial"] = "adversarial"
    learning_rate: Positive = 0.1
    epochs: Count = 1000
    augmentation: bool = Field(False, description="DA: train on the jittered copies of each point too.")
    momentum: Annotated[Number, Field(ge=0, lt=1)] = 0.0
    weight_decay: Annotated[Number, Field(ge=0)] = 0.0


# The published code's three settings (random; vanilla; all regularizers, their weight decay of 0.1 on the summed loss
# being 0.01 on the mean), and between them what tells their differences apart: vanilla at the regularized rate, and
# each regularizer alone.
TOY_RUNS = {
    "vanilla_lr0.01": ToyRun(init="random", learning_rate=0.01),
    "vanilla": ToyRun(learning_rate=0.03, epochs=10_000),
    "vanilla_lr0.1": ToyRun(),
    "da": ToyRun(augmentation=True),
    "m": ToyRun(momentum=0.9),
    "l2": ToyRun(weight_decay=0.01),
    "da+m+l2": ToyRun(augmentation=True, momentum=0.9, weight_decay=0.01),
}


class ToyConfig(Section):
    """The paper's toy: two Gaussian blobs in the plane and a small ReLU network with a sigmoid.

    A point is Normal(center, spread) in each coordinate, plus or minus the separation in the first.
    """

    points: Count = Field(50, description="Training points of each class.")
    test_points: Count = Field(1000, description="Test points of each class; more than the paper's 50, for precision.")
    center: Number = Field(0.2, description="Mean of both coordinates before the classes are moved apart.")
    spread: Positive = Field(0.15, description="Standard deviation of each coordinate.")
    separation: Number = Field(0.65, description="Distance that each class is moved by, left or right.")
    copies: Count = Field(2, description="DA: jittered copies of each training point, drawn once.")
    jitter: Positive = Field(0.1, description="DA: standard deviation of the copies around their point.")
    widths: Annotated[list[Count], Field(min_length=1)] = Field([100, 100], description="Units of each hidden layer.")
    batch_size: Count = Field(10, description="Points of a batch; divides the number of training points.")
    pretraining: ToyPretraining = ToyPretraining()
    runs: Annotated[dict[Name, ToyRun], Field(min_length=1)] = Field(
        TOY_RUNS, description="Trainings by name, in the order of the figure; an overlay that gives any gives all."
    )
    seeds: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)] = Field(
        [0, 1, 2, 3, 4], description="Each draws its own points, labels and weights; the first is shown."
    )
    animated: Annotated[list[Name], Field(min_length=1)] = Field(
        ["vanilla", "da", "da+m+l2"], description="Runs of the animation, side by side."
    )
    frames: Annotated[int, Field(ge=2)] = Field(60, description="Pictures of the animation.")


class Config(Section):
    """The whole experiment."""

    results: Annotated[str, Field(pattern=r"^[A-Za-z0-9_./+-]+$")] = Field(
        "results", description="Folder that everything is written to."
    )
    seed: Annotated[int, Field(ge=0)] = Field(0, description="Root seed of every random stream.")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="auto: cuda where there is one, else cpu.")
    numerics: NumericsConfig = NumericsConfig()
    restart: RestartConfig = RestartConfig()
    data: DataConfig = DataConfig()
    datasets: dict[Name, DatasetConfig]
    models: dict[Name, ModelConfig]
    inits: dict[Name, InitConfig]
    recipes: dict[Name, RecipeConfig]
    pretraining: OptimizationConfig = OptimizationConfig()
    training: OptimizationConfig = OptimizationConfig()
    studies: dict[Name, StudyConfig]
    diagnostics: Annotated[list[str], Field(min_length=1)] = Field(
        ["distance", "norms"], description="Measurements made on every run."
    )
    measuring: MeasuringConfig = MeasuringConfig()
    figures: dict[Name, FigureConfig]
    statistics: StatisticsConfig = StatisticsConfig()
    claims: ClaimsConfig
    toy: ToyConfig | None = Field(ToyConfig(), description="The two-dimensional toy experiment; null: without it.")
    plan: PlanConfig = PlanConfig()
    zoo: ZooConfig = ZooConfig()
    resources: ResourcesConfig = ResourcesConfig()
