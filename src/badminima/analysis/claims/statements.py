"""All claims. 1 to 7 are Liu et al. 2020's, ``b`` those of Damian, Ma & Lee (NeurIPS 2021), ``control`` ours."""

from dataclasses import replace
from typing import Any

from badminima.analysis.claims.claim import Claim
from badminima.experiment.runs import Cell

SOTA = "da+m+l2"
ONE_REGULARIZER = ("da", "m", "l2")
NORMS = (
    ("spectral", "log_product_spectral_over_margin", "log product of squared spectral norms over squared margin"),
    ("path", "log_path_norm_over_margin", "log path norm over squared margin"),
)
# Inits that are minima: where vanilla SGD ended that had started adversarially, and where full-batch descent did.
STARTS = ("adversarial_end", "full_batch_end")
# Two accuracies are the same, up to the margin.
ALIKE: dict[str, Any] = {"region": "within", "threshold": "margin"}
TOY: dict[str, Any] = {"study": "toy", "figures": ("toy",)}


def _accuracy(number: str, statement: str, difference: str, cells: tuple[Cell, ...], **others: Any) -> Claim:
    """Return a claim about the test accuracy of the first cell minus that of the second."""
    words = f"test accuracy, {difference}"
    return Claim(
        number=number, statement=statement, statistic=words, estimator="accuracy_difference", cells=cells, **others
    )


def _ratio(
    number: str,
    statement: str,
    ratio: str,
    column: str,
    cells: tuple[Cell, ...],
    estimator: str = "log_ratio",
    **others: Any,
) -> Claim:
    """Return a claim about a measurement of the first cell over that of the second."""
    others |= {"statistic": f"log ratio of {ratio}", "estimator": estimator, "column": column, "scale": "factor"}
    return Claim(number=number, statement=statement, cells=cells, **others)


def _flattening(number: str, statement: str, sharper: Cell, flatter: Cell) -> Claim:
    """Return a claim that the Hessian's trace is smaller in the second cell."""
    ratio = f"the traces of the Hessian, {sharper[1]} over {flatter[1]}"
    return _ratio(number, statement, ratio, "trace.hessian", (sharper, flatter), estimator="flattening")


def _gap(number: str, statement: str, recipe: str, **others: Any) -> Claim:
    """Return a claim about the test accuracy lost by starting adversarially: random minus adversarial, same recipe."""
    cells = (("random", recipe), ("adversarial", recipe))
    return _accuracy(number, statement, f"random minus adversarial, {recipe}", cells, **others)


def _control(letter: str, statement: str, better: str, worse: str, **others: Any) -> Claim:
    """Return a claim about the minima that vanilla SGD reaches from two starts, of which one is a control."""
    return _accuracy(
        f"control {letter}",
        f"{statement} (not in the paper).",
        f"{better} minus {worse}, vanilla",
        ((better, "vanilla"), (worse, "vanilla")),
        study="control",
        minima=True,
        **others,
    )


def _of_theorem(start: str) -> tuple[Claim, ...]:
    """Return the claims about one bad minimum from which training goes on."""
    vanilla, noisy, larger = (start, "vanilla"), (start, "label_noise"), (start, "label_noise_x3")
    return (
        _accuracy(
            f"b1 {start}",
            f"From {start}, label noise lets SGD generalize better than vanilla SGD.",
            "label_noise minus vanilla",
            (noisy, vanilla),
        ),
        # Not of the Hessian, which vanishes wherever vanilla SGD has made the network sure of its answers.
        _ratio(
            f"b2 {start}",
            f"From {start}, label noise leads to where flipped labels scatter the gradient less.",
            "the traces of the label-noise covariance, vanilla over label_noise",
            "trace.noise_covariance",
            (vanilla, noisy),
            estimator="flattening",
        ),
        _flattening(f"b3 {start}", f"From {start}, label noise flattens more at three times the rate.", noisy, larger),
        # What turns the noise into a push towards flat minima.
        _ratio(
            f"b9 {start}",
            f"Where label noise from {start} comes to rest, its covariance is the Hessian.",
            "the traces of label-noise covariance and Hessian, label_noise",
            "trace.noise_covariance",
            (noisy,),
            estimator="log_quotient",
            divisor="trace.hessian",
            region="within",
            threshold="ratio_margin",
        ),
    )


def _of_effective_step(start: str) -> tuple[Claim, ...]:
    """Return the abstract's claims about the baseline, momentum and the size of a step, from one start."""
    noisy, momentum, larger = (start, "label_noise"), (start, "label_noise+m"), (start, "label_noise_x10")
    same_ratio = (start, "label_noise_x4_batch_x4")
    baselines = (
        _accuracy(
            f"b4 {start} {recipe}",
            f"From {start}, {recipe} generalizes as well as SGD from random weights, up to the margin.",
            f"{recipe} minus vanilla from the random init",
            ((start, recipe), ("random", "vanilla")),
            threshold="minus_margin",
        )
        for recipe in ("label_noise", "label_noise_x3")
    )
    return (
        *baselines,
        _accuracy(
            f"b5 {start}",
            f"From {start}, momentum 0.9 acts as ten times the step: label noise generalizes alike.",
            "label_noise_x10 minus label_noise+m",
            (larger, momentum),
            **ALIKE,
        ),
        _flattening(f"b6 {start}", f"From {start}, label noise flattens more with momentum.", noisy, momentum),
        # At the same rate over batch size the linear scaling rule expects no difference.
        _flattening(
            f"b7 {start}",
            f"From {start}, larger steps flatten more than the linear scaling rule says.",
            noisy,
            same_ratio,
        ),
        _ratio(
            f"b8 {start}",
            f"From {start}, larger steps lower the Hessian's largest eigenvalue more than the others.",
            "the largest eigenvalue's shares of the trace, label_noise over label_noise_x4_batch_x4",
            "sharpness.eigenvalue_1",
            (noisy, same_ratio),
            estimator="deconcentration",
        ),
    )


RANDOM, BAD, ESCAPED = ("random", "vanilla"), ("adversarial", "vanilla"), ("adversarial", SOTA)
CLAIMS = (
    Claim(
        number="1a",
        statement="From the adversarial init, vanilla SGD fits the training set.",
        statistic="train accuracy, adversarial init, vanilla",
        estimator="train_accuracy",
        cells=(BAD,),
        threshold="fitted",
        scale="percent",
        figures=("curves", "ablation"),
    ),
    _gap(
        "1b",
        "From the adversarial init, vanilla SGD ends at a minimum that generalizes worse than from a random init.",
        "vanilla",
        threshold="margin",
        minima=True,
    ),
    _gap(
        "size",
        "How much vanilla SGD loses by starting adversarially; the paper: up to 40 points on CIFAR-10.",
        "vanilla",
        threshold="none",
        minima=True,
    ),
    _gap(
        "2",
        "With all three regularizers SGD escapes: the adversarial init costs no test accuracy, at a minimum or not.",
        SOTA,
        **ALIKE,
    ),
    *(
        _gap(f"3a {two}", f"Two regularizers are enough to escape, to a minimum or not: {two}.", two, **ALIKE)
        for two in ("da+m", "da+l2", "m+l2")
    ),
    *(
        _gap(f"3b {one}", f"One regularizer alone escapes only partly: {one} leaves a gap.", one, threshold="margin")
        for one in ONE_REGULARIZER
    ),
    *(
        _accuracy(
            f"3c {one}",
            f"One regularizer alone does escape partly: {one} beats vanilla.",
            f"adversarial init, {one} minus vanilla",
            (("adversarial", one), BAD),
        )
        for one in ONE_REGULARIZER
    ),
    _ratio(
        "4a",
        "From the adversarial init, SGD with all three regularizers travels farther than vanilla SGD.",
        f"relative distances, {SOTA} over vanilla",
        "distance.relative",
        (ESCAPED, BAD),
        figures=("distance",),
    ),
    _ratio(
        "4b",
        "It does so also when the common scale of the weights is removed.",
        f"angles to the start, {SOTA} over vanilla",
        "distance.angle",
        (ESCAPED, BAD),
        figures=("distance",),
    ),
    *(
        Claim(
            number=f"5a {name}",
            statement=f"Bad minima are more complex than good ones: {words}.",
            statistic=f"{words}, adversarial minus random, vanilla",
            estimator="excess",
            cells=(BAD, RANDOM),
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
        cells=(RANDOM, BAD),
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
    _ratio(
        "7a",
        "In the toy, vanilla SGD from the adversarial init keeps a rougher boundary than all three regularizers leave.",
        f"boundary lengths, vanilla over {SOTA}",
        "boundary_length",
        (BAD, ESCAPED),
        **TOY,
    ),
    _ratio(
        "7b",
        "In the toy, vanilla SGD's boundary is rougher from the adversarial init than from a random one.",
        "boundary lengths, vanilla, adversarial over random init",
        "boundary_length",
        (BAD, ("random", "vanilla_lr0.01")),
        **TOY,
    ),
    _accuracy(
        "7c",
        "In the toy, vanilla SGD from the adversarial init generalizes worse than all three regularizers.",
        f"adversarial init, {SOTA} minus vanilla",
        (ESCAPED, BAD),
        **TOY,
    ),
    *(
        replace(claim, study="label_noise", figures=("label_noise", "escape", "ablation"))
        for claims in (_of_theorem, _of_effective_step)
        for start in STARTS
        for claim in claims(start)
    ),
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
        threshold="margin",
    ),
)
