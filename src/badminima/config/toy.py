"""The two-dimensional toy."""

from typing import Annotated, Literal

from pydantic import Field

from badminima.config.base import Count, Name, Number, Positive, Section, Seed


class ToyPretraining(Section):
    """Fitting the toy's random labels with vanilla SGD, until all are fitted.

    The published code sums the loss over a batch of 10, at learning rate 0.003; here the loss is the mean, so the
    same step has ten times the rate.
    """

    learning_rate: Positive = 0.03
    epochs: Count = Field(100_000, description="Epochs at most; the published code's number.")
    patience: Count = Field(10_000, description="Epochs without a lower loss before the learning rate shrinks.")
    factor: Number = Field(0.3, gt=0, lt=1, description="What the learning rate is multiplied by.")
    target_accuracy: Number = Field(1.0, gt=0, le=1, description="Ends at this accuracy; checked every 100 epochs.")


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
    widths: list[Count] = Field([100, 100], min_length=1, description="Units of each hidden layer.")
    batch_size: Count = Field(10, description="Points of a batch; divides the number of training points.")
    pretraining: ToyPretraining = ToyPretraining()
    runs: dict[Name, ToyRun] = Field(
        TOY_RUNS, min_length=1, description="Trainings by name, in the figure's order; an overlay gives all or none."
    )
    seeds: list[Seed] = Field([0, 1, 2, 3, 4], min_length=1, description="Each draws its own data; the first is shown.")
    animated: list[Name] = Field(["vanilla", "da", "da+m+l2"], min_length=1, description="Runs side by side.")
    frames: int = Field(60, ge=2, description="Pictures of the animation.")
