"""All claims. 1 to 7 are Liu et al. 2020's, ``b`` those of Damian, Ma & Lee (NeurIPS 2021), ``control`` ours."""

from functools import partial
from typing import Literal

from badminima.analysis.claims.claim import Claim
from badminima.config.studies import Region
from badminima.experiment.runs import Cell

SOTA = "da+m+l2"
ONE_REGULARIZER = ("da", "m", "l2")
TWO_REGULARIZERS = ("da+m", "da+l2", "m+l2")
NORMS = (
    ("spectral", "log_product_spectral_over_margin", "log product of squared spectral norms over squared margin"),
    ("path", "log_path_norm_over_margin", "log path norm over squared margin"),
)
# Inits that are minima: where vanilla SGD ended that had started adversarially, and where full-batch descent did.
STARTS = ("adversarial_end", "full_batch_end")

_noise = partial(Claim, study="label_noise", figures=("label_noise", "escape", "ablation"))
_noise_accuracy = partial(_noise, estimator="accuracy_difference")


def _gap(number: str, statement: str, recipe: str, region: Region = "above", minima: bool = False) -> Claim:
    """Return a claim about the test accuracy lost by starting adversarially: random minus adversarial, same recipe."""
    return Claim(
        number=number,
        statement=statement,
        statistic=f"test accuracy, random minus adversarial, {recipe}",
        estimator="accuracy_difference",
        cells=(("random", recipe), ("adversarial", recipe)),
        region=region,
        threshold="margin",
        minima=minima,
    )


def _travel(number: str, statement: str, column: str, words: str) -> Claim:
    """Return a claim about how far SGD travels from the adversarial init: all regularizers over vanilla."""
    return Claim(
        number=number,
        statement=statement,
        statistic=f"log ratio of {words}, {SOTA} over vanilla",
        estimator="log_ratio",
        cells=(("adversarial", SOTA), ("adversarial", "vanilla")),
        column=column,
        scale="factor",
        figures=("distance",),
    )


def _toy(number: str, statement: str, statistic: str, cells: tuple[Cell, Cell], column: str = "") -> Claim:
    """Return a claim about the toy: a ratio of a column, or a difference of test accuracies."""
    return Claim(
        number=number,
        statement=statement,
        statistic=statistic,
        estimator="log_ratio" if column else "accuracy_difference",
        cells=cells,
        column=column,
        study="toy",
        scale="factor" if column else "points",
        figures=("toy",),
    )


def _control(
    letter: str, statement: str, better: str, worse: str, threshold: Literal["zero", "margin"] = "zero"
) -> Claim:
    """Return a claim about the minima that vanilla SGD reaches from two starts, of which one is a control."""
    return Claim(
        number=f"control {letter}",
        statement=f"{statement} (not in the paper).",
        statistic=f"test accuracy, {better} minus {worse}, vanilla",
        estimator="accuracy_difference",
        cells=((better, "vanilla"), (worse, "vanilla")),
        study="control",
        threshold=threshold,
        minima=True,
    )


def _of_theorem(start: str) -> tuple[Claim, ...]:
    """Return the claims about one bad minimum from which training goes on."""
    vanilla, noisy, larger = (start, "vanilla"), (start, "label_noise"), (start, "label_noise_x3")
    return (
        _noise_accuracy(
            number=f"b1 {start}",
            statement=f"From {start}, label noise lets SGD generalize better than vanilla SGD.",
            statistic="test accuracy, label_noise minus vanilla",
            cells=(noisy, vanilla),
        ),
        # Not of the Hessian, which vanishes wherever vanilla SGD has made the network sure of its answers.
        _noise(
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
        _noise(
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
        _noise_accuracy(
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
        _noise_accuracy(
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
        _noise(
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
    return _noise(
        number=number,
        statement=statement,
        statistic=f"log ratio of the traces of the Hessian, {sharper[1]} over {flatter[1]}",
        estimator="flattening",
        cells=(sharper, flatter),
        column="trace.hessian",
        scale="factor",
    )


CLAIMS = (
    Claim(
        number="1a",
        statement="From the adversarial init, vanilla SGD fits the training set.",
        statistic="train accuracy, adversarial init, vanilla",
        estimator="train_accuracy",
        cells=(("adversarial", "vanilla"),),
        threshold="fitted",
        scale="percent",
        figures=("curves", "ablation"),
    ),
    _gap(
        "1b",
        "From the adversarial init, vanilla SGD ends at a minimum that generalizes worse than from a random init.",
        "vanilla",
        minima=True,
    ),
    Claim(
        number="size",
        statement="How much vanilla SGD loses by starting adversarially; the paper: up to 40 points on CIFAR-10.",
        statistic="test accuracy, random minus adversarial, vanilla",
        estimator="accuracy_difference",
        cells=(("random", "vanilla"), ("adversarial", "vanilla")),
        threshold="none",
        minima=True,
    ),
    _gap(
        "2",
        "With all three regularizers SGD escapes: the adversarial init costs no test accuracy, at a minimum or not.",
        SOTA,
        "within",
    ),
    *(
        _gap(f"3a {recipe}", f"Two regularizers are enough to escape, to a minimum or not: {recipe}.", recipe, "within")
        for recipe in TWO_REGULARIZERS
    ),
    *(
        _gap(f"3b {recipe}", f"One regularizer alone escapes only partly: {recipe} leaves a gap.", recipe)
        for recipe in ONE_REGULARIZER
    ),
    *(
        Claim(
            number=f"3c {recipe}",
            statement=f"One regularizer alone does escape partly: {recipe} beats vanilla.",
            statistic=f"test accuracy, adversarial init, {recipe} minus vanilla",
            estimator="accuracy_difference",
            cells=(("adversarial", recipe), ("adversarial", "vanilla")),
        )
        for recipe in ONE_REGULARIZER
    ),
    _travel(
        "4a",
        "From the adversarial init, SGD with all three regularizers travels farther than vanilla SGD.",
        "distance.relative",
        "relative distances",
    ),
    _travel(
        "4b",
        "It does so also when the common scale of the weights is removed.",
        "distance.angle",
        "angles to the start",
    ),
    *(
        Claim(
            number=f"5a {name}",
            statement=f"Bad minima are more complex than good ones: {words}.",
            statistic=f"{words}, adversarial minus random, vanilla",
            estimator="excess",
            cells=(("adversarial", "vanilla"), ("random", "vanilla")),
            column=f"complexity.{column}",
            scale="number",
            minima=True,
            with_control=True,
            figures=("complexity",),
        )
        for name, column, words in NORMS
    ),
    Claim(
        number="5b",
        statement="Bad minima are less robust to attacks than good ones.",
        statistic="accuracy under PGD (l-inf, mean over radii) over clean accuracy, random minus adversarial, vanilla",
        estimator="excess_kept_under_attack",
        cells=(("random", "vanilla"), ("adversarial", "vanilla")),
        column="robustness.pgd_linf_",
        scale="number",
        minima=True,
        with_control=True,
        figures=("robustness",),
    ),
    Claim(
        number="6",
        statement="The larger R, the worse the minimum that vanilla SGD reaches.",
        statistic="test accuracy lost with every tenfold R, vanilla",
        estimator="loss_per_tenfold_replication",
        study="replication",
        minima=True,
        figures=("response", "ablation"),
    ),
    _toy(
        "7a",
        "In the toy, vanilla SGD from the adversarial init keeps a rougher boundary than all three regularizers leave.",
        f"log ratio of boundary lengths, vanilla over {SOTA}",
        (("adversarial", "vanilla"), ("adversarial", SOTA)),
        "boundary_length",
    ),
    _toy(
        "7b",
        "In the toy, vanilla SGD's boundary is rougher from the adversarial init than from a random one.",
        "log ratio of boundary lengths, vanilla, adversarial over random init",
        (("adversarial", "vanilla"), ("random", "vanilla_lr0.01")),
        "boundary_length",
    ),
    _toy(
        "7c",
        "In the toy, vanilla SGD from the adversarial init generalizes worse than all three regularizers.",
        f"test accuracy, adversarial init, {SOTA} minus vanilla",
        (("adversarial", SOTA), ("adversarial", "vanilla")),
    ),
    *(claim for start in STARTS for claim in _of_theorem(start)),
    *(claim for start in STARTS for claim in _of_effective_step(start)),
    _control(
        "a",
        "Scale alone does damage: random weights with the adversarial norms, the readout shrunk until the logits spread"
        " as the adversarial ones do, lead to worse minima",
        "random",
        "random_rescaled",
    ),
    _control(
        "b",
        "Scale is not all: the adversarial weights lead to worse minima than random weights with their norms, the"
        " readout shrunk until the logits spread as theirs do",
        "random_rescaled",
        "adversarial",
    ),
    _control(
        "c",
        "It is the random labels, not longer training: as many epochs on the same copies with the true labels lead to"
        " better minima",
        "true_labels",
        "adversarial",
        "margin",
    ),
)
