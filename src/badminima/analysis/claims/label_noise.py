"""Claims b: what Damian, Ma & Lee (NeurIPS 2021) say of label noise from a bad minimum."""

from functools import partial

from badminima.analysis.claims.claim import Claim
from badminima.experiment.runs import Cell

# Inits that are minima: where vanilla SGD ended that had started adversarially, and where full-batch descent did.
STARTS = ("adversarial_end", "full_batch_end")

_claim = partial(Claim, study="label_noise", figures=("label_noise", "escape", "ablation"))
_accuracy = partial(_claim, estimator="accuracy_difference")


def label_noise_claims() -> tuple[Claim, ...]:
    """Return the claims of the theorem for both starts, then those about the size of a step."""
    of_theorem = (claim for start in STARTS for claim in _of_theorem(start))
    return (*of_theorem, *(claim for start in STARTS for claim in _of_effective_step(start)))


def _of_theorem(start: str) -> tuple[Claim, ...]:
    """Return the claims about one bad minimum from which training goes on."""
    vanilla, noisy, larger = (start, "vanilla"), (start, "label_noise"), (start, "label_noise_x3")
    return (
        _accuracy(
            number=f"b1 {start}",
            statement=f"From {start}, label noise lets SGD generalize better than vanilla SGD.",
            statistic="test accuracy, label_noise minus vanilla",
            cells=(noisy, vanilla),
        ),
        # Not of the Hessian, which vanishes wherever vanilla SGD has made the network sure of its answers.
        _claim(
            number=f"b2 {start}",
            statement=f"From {start}, label noise leads to where flipped labels scatter the gradient less.",
            statistic="log ratio of the traces of the label-noise covariance, vanilla over label_noise",
            estimator="flattening",
            cells=(vanilla, noisy),
            column="trace.noise_covariance",
            scale="factor",
        ),
        _flattening(f"b3 {start}", f"From {start}, label noise flattens more at three times the rate.", noisy, larger),
        # What turns the noise into a push towards flat minima.
        _claim(
            number=f"b9 {start}",
            statement=f"Where label noise from {start} comes to rest, its covariance is the Hessian.",
            statistic="log ratio of the traces of label-noise covariance and Hessian, label_noise",
            estimator="log_quotient",
            cells=(noisy,),
            column="trace.noise_covariance",
            divisor="trace.hessian",
            region="within",
            threshold="ratio_margin",
            scale="factor",
        ),
    )


def _of_effective_step(start: str) -> tuple[Claim, ...]:
    """Return the abstract's claims about the baseline, momentum and the size of a step, from one start."""
    noisy, momentum, larger = (start, "label_noise"), (start, "label_noise+m"), (start, "label_noise_x10")
    same_ratio = (start, "label_noise_x4_batch_x4")
    baselines = (
        _accuracy(
            number=f"b4 {start} {recipe}",
            statement=f"From {start}, {recipe} generalizes as well as SGD from random weights, up to the margin.",
            statistic=f"test accuracy, {recipe} minus vanilla from the random init",
            cells=((start, recipe), ("random", "vanilla")),
            threshold="minus_margin",
        )
        for recipe in ("label_noise", "label_noise_x3")
    )
    return (
        *baselines,
        _accuracy(
            number=f"b5 {start}",
            statement=f"From {start}, momentum 0.9 acts as ten times the step: label noise generalizes alike.",
            statistic="test accuracy, label_noise_x10 minus label_noise+m",
            cells=(larger, momentum),
            region="within",
            threshold="margin",
        ),
        _flattening(f"b6 {start}", f"From {start}, label noise flattens more with momentum.", noisy, momentum),
        # At the same rate over batch size the linear scaling rule expects no difference.
        _flattening(
            f"b7 {start}",
            f"From {start}, larger steps flatten more than the linear scaling rule says.",
            noisy,
            same_ratio,
        ),
        _claim(
            number=f"b8 {start}",
            statement=f"From {start}, larger steps lower the Hessian's largest eigenvalue more than the others.",
            statistic="log ratio of the largest eigenvalue's shares of the trace, label_noise over "
            "label_noise_x4_batch_x4",
            estimator="deconcentration",
            cells=(noisy, same_ratio),
            column="sharpness.eigenvalue_1",
            scale="factor",
        ),
    )


def _flattening(number: str, statement: str, sharper: Cell, flatter: Cell) -> Claim:
    """Return a claim that the Hessian's trace is smaller in the second cell."""
    return _claim(
        number=number,
        statement=statement,
        statistic=f"log ratio of the traces of the Hessian, {sharper[1]} over {flatter[1]}",
        estimator="flattening",
        cells=(sharper, flatter),
        column="trace.hessian",
        scale="factor",
    )
