"""Meanings of the columns of ``runs.csv`` and ``histories.csv``: the one place with names for readers.

The definitions, with formulas and sources, are the docstrings of ``badminima.diagnostics``.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from badminima.experiment.measured import is_uncertainty


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        label: its short name for readers.
        meaning: what it holds.
        unit: its unit; ``fraction`` is of 1, ``log`` a natural logarithm; empty for text and plain numbers.
    """

    label: str
    meaning: str
    unit: str = ""

    @property
    def is_fraction(self) -> bool:
        """Tell whether it lies between 0 and 1."""
        return self.unit == "fraction"


NORMS = {
    "frobenius": "Frobenius norms",
    "spectral": "spectral norms",
    "spectral_reshaped": "spectral norms of reshaped kernels",
}
STRENGTHS = {
    "fgsm": ("FGSM, {}/255", "test accuracy under a one-step attack of l-infinity radius {}/255"),
    "pgd_linf": ("PGD, l-inf, {}/255", "test accuracy under a many-step attack of l-infinity radius {}/255"),
    "pgd_l2": ("PGD, l2, {}", "test accuracy under a many-step attack of l2 radius {}, pixels from 0 to 1"),
    "gaussian": (
        "Gaussian noise, sd {}",
        "test accuracy under Gaussian noise of standard deviation {}, pixels from 0 to 1",
    ),
    "shift": ("shift, {} px", "test accuracy on images shifted by {} pixels"),
    "zeroing": ("zeroing, fraction {}", "test accuracy with a fraction {} of the values zeroed"),
}
KNOWN = {
    "study": Column("study", "the study of the run"),
    "dataset": Column("dataset", "the dataset of the run"),
    "model": Column("model", "the network of the run"),
    "init": Column("init", "the init that it starts from"),
    "recipe": Column("recipe", "what is added to SGD"),
    "seed": Column("seed", "the number that selects its random draws"),
    "status": Column("status", "how it ended: converged, max_epochs or diverged"),
    "epochs": Column("epochs", "epochs that it was trained for"),
    "epoch": Column("epoch", "epochs trained so far; 0 is the start"),
    "step": Column("step", "minibatches trained so far"),
    "lr": Column("learning rate", "learning rate of the epoch"),
    "evaluated_on": Column("evaluated on", "split of the test columns: test or validation"),
    "device": Column("device", "the device that trained it"),
    "failed": Column("failed", "diagnostics that failed; empty if none"),
    "revision": Column("code revision", "git commit of the code; empty if unknown"),
    "train_loss": Column("train loss", "mean cross entropy on training images, without augmentation", "nats"),
    "train_accuracy": Column("train accuracy", "accuracy on training images, without augmentation", "fraction"),
    "train_accuracy_augmented": Column(
        "train accuracy, augmented", "accuracy on training images as they were trained on", "fraction"
    ),
    "train_measured": Column("train measured", "which training images the training columns are of"),
    "test_loss": Column("test loss", "mean cross entropy on held-out images", "nats"),
    "test_accuracy": Column("test accuracy", "accuracy on held-out images", "fraction"),
    "images_per_second": Column("images per second", "speed of the training", "1/s"),
    "seconds": Column("seconds", "time of the training", "s"),
    "distance.total": Column("distance", "length of the way from start to end, of all parameters"),
    "distance.relative": Column("relative distance", "distance over the norm of the start"),
    "distance.angle": Column("angle", "angle between start and end", "degrees"),
    "distance.cosine": Column("cosine of the angle", "cosine of the angle between start and end"),
    "distance.random_to_start": Column("random weights to start", "distance that the pretraining travelled"),
    "distance.random_to_start_relative": Column(
        "random weights to start, relative", "distance that the pretraining travelled, over the random weights' norm"
    ),
    "distance.random_to_end": Column("random weights to end", "distance of the end from the random weights"),
    "distance.random_to_end_relative": Column(
        "random weights to end, relative", "distance of the end from the random weights, over their norm"
    ),
    "norm.start": Column("norm at the start", "Frobenius norm of all parameters at the start"),
    "norm.end": Column("norm at the end", "Frobenius norm of all parameters at the end"),
    "start.loss": Column("loss of the start", "mean cross entropy of the start on true labels", "nats"),
    "start.logit_spread": Column("spread of the start's logits", "standard deviation over images and classes"),
    "complexity.parameter_norm": Column("squared norm", "sum of the layers' squared Frobenius norms"),
    "complexity.margin": Column("margin", "10th percentile of the margin over training images"),
    "complexity.inverse_margin": Column("inverse squared margin", "1 over the squared margin"),
    "complexity.path_norm": Column("path norm", "path norm with squared weights"),
    "complexity.log_path_norm": Column("path norm (log)", "logarithm of the path norm", "log"),
    "complexity.log_path_norm_over_margin": Column(
        "path norm / margin² (log)", "logarithm of the path norm over the squared margin", "log"
    ),
    "complexity.fisher_rao": Column("Fisher-Rao norm", "Fisher-Rao norm of the cross entropy"),
    "sharpness.trace": Column("trace of the Hessian", "trace of the Hessian of the training loss"),
    "sharpness.sam": Column("worst loss near by", "worst rise of the training loss in a ball (SAM)", "nats"),
    "sharpness.asam": Column(
        "worst loss near by, per weight", "worst rise in a ball relative to each weight (ASAM)", "nats"
    ),
    "sharpness.pac_bayes_sigma": Column("tolerated noise", "noise on weights that costs 0.1 of training accuracy"),
    "sharpness.pac_bayes_sigma_magnitude": Column(
        "tolerated noise, per weight", "noise relative to each weight that costs 0.1 of training accuracy"
    ),
    "robustness.clean": Column("undisturbed", "test accuracy on undisturbed images", "fraction"),
    "memory.confusing_accuracy": Column("confusing labels", "accuracy on the confusing set", "fraction"),
    "memory.true_accuracy": Column("true labels of copies", "accuracy on its copies with true labels", "fraction"),
    "memory.start_confusing_accuracy": Column(
        "confusing labels, at the start", "accuracy of the start on the confusing set", "fraction"
    ),
    "memory.kept": Column("wrong labels kept", "of the start's wrong labels, those that the end gives", "fraction"),
    "memory.originals": Column(
        "confusing labels of originals", "training images that get their copy's confusing label", "fraction"
    ),
    "labels.wrong": Column("wrong labels", "accuracy on copies whose label is wrong", "fraction"),
    "labels.right": Column("right labels", "accuracy on copies whose label is right", "fraction"),
    "labels.corrected": Column("corrected labels", "copies with a wrong label that get the true one", "fraction"),
    "labels.clean": Column("clean images", "accuracy on training images with true labels", "fraction"),
    "privacy.auc": Column("membership, AUC", "chance that a training image has the lower loss", "fraction"),
    "privacy.advantage": Column("membership, advantage", "true minus false positive rate at best", "fraction"),
    "privacy.loss_gap": Column("loss gap", "mean test loss minus mean training loss", "nats"),
    "calibration.ece": Column("calibration error", "expected calibration error on held-out images", "fraction"),
    "calibration.overconfidence": Column("overconfidence", "mean confidence minus accuracy on held-out images"),
    "calibration.brier": Column("Brier score", "mean squared distance of the probabilities from the label, 0 to 2"),
    "gradients.coherence": Column("gradient coherence", "images that a step along one gradient helps, on average"),
    "gradients.kernel_alignment": Column("kernel's alignment", "alignment of the tangent kernel with the labels"),
    "gradients.kernel_distance": Column("kernel's distance", "how far the tangent kernel has turned since the start"),
    "gradients.kernel_trace": Column("kernel's trace", "mean squared norm of an image's logits' gradients"),
    "units.dead": Column("dead units", "units that are zero on every training image", "fraction"),
    "units.always_on": Column("always active units", "units that are positive on every training image", "fraction"),
    "units.effective_rank": Column("effective rank", "effective rank of the last layer's inputs"),
    "units.participation_ratio": Column("participation ratio", "participation ratio of the last layer's inputs"),
    "filter_landscape.rise": Column(
        "rise along filters", "mean rise of the training loss along filter-normalized directions", "nats"
    ),
    "filter_landscape.mean_accuracy": Column(
        "accuracy along filters", "mean training accuracy along filter-normalized directions", "fraction"
    ),
    "filter_landscape.loss": Column("loss along filters", "training loss at a point of such a direction", "nats"),
    "filter_landscape.accuracy": Column(
        "accuracy at a point", "training accuracy at a point of such a direction", "fraction"
    ),
    "functions.disagreement": Column(
        "disagreement", "test images that run and reference give different classes", "fraction"
    ),
    "functions.kl": Column(
        "KL from the reference", "mean KL divergence of the run's predictions from the reference's", "nats"
    ),
    "functions.barrier": Column(
        "loss barrier to the reference",
        "most that the training loss rises on the straight line to the reference",
        "nats",
    ),
    "functions.middle_accuracy": Column("accuracy half way", "training accuracy half way to the reference", "fraction"),
    "trace.hessian": Column("trace of the Hessian", "trace of the Hessian of the training loss"),
    "trace.noise_covariance": Column("label-noise covariance", "trace of the covariance that flipped labels cause"),
}


def described(name: str) -> Column:
    """Return what a column means; one that nobody has described is called by its name.

    >>> described("robustness.fgsm_8").label
    'FGSM, 8/255'
    >>> described("sharpness.trace_se").meaning
    'standard error of sharpness.trace over random draws'
    """
    if name in KNOWN:
        return KNOWN[name]
    if is_uncertainty(name):
        of, _, end = name.rpartition("_")
        words = {"se": "standard error of {} over random draws", "low": "lower end of {}'s interval"}
        meaning = words.get(end, "upper end of {}'s interval").format(of)
        return Column(f"{described(of).label}, {end}", meaning, described(of).unit)
    if found := re.fullmatch(r"robustness\.(.+)_([\d.]+)", name):
        label, meaning = STRENGTHS.get(
            found[1], (f"{found[1]} {{}}", f"test accuracy under {found[1]} of strength {{}}")
        )
        return Column(label.format(found[2]), meaning.format(found[2]), "fraction")
    if found := re.fullmatch(r"complexity\.log_(product|sum)_(\w+?)(_over_margin)?", name):
        over = " / margin²" if found[3] else ""
        norms = NORMS.get(found[2], found[2])
        return Column(
            f"{found[1]} of {norms}{over} (log)",
            f"logarithm of the {found[1]} of the layers' squared {norms}{', over the squared margin' if over else ''}",
            "log",
        )
    if found := re.fullmatch(r"sharpness\.eigenvalue_(\d+)", name):
        return Column(
            f"eigenvalue {found[1]} of the Hessian",
            f"eigenvalue {found[1]} of the Hessian of the training loss, largest first",
        )
    return Column(name.replace("_", " "), "")


def undescribed(names: Sequence[str]) -> list[str]:
    """Return the columns that nobody has described."""
    return [name for name in names if not described(name).meaning]
