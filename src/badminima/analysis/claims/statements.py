"""All claims. Claims 1 to 7 are Liu et al. 2020's, those in ``label_noise`` Damian et al. 2021's, ``control`` ours."""

from typing import Literal

from badminima.analysis.claims.claim import Claim
from badminima.analysis.claims.label_noise import label_noise_claims
from badminima.config.studies import Region
from badminima.experiment.runs import Cell

SOTA = "da+m+l2"
ONE_REGULARIZER = ("da", "m", "l2")
TWO_REGULARIZERS = ("da+m", "da+l2", "m+l2")
NORMS = (
    ("spectral", "log_product_spectral_over_margin", "log product of squared spectral norms over squared margin"),
    ("path", "log_path_norm_over_margin", "log path norm over squared margin"),
)


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


CLAIMS = (
    Claim(
        number="1a",
        statement="From the adversarial init, vanilla SGD fits the training set.",
        statistic="train accuracy, adversarial init, vanilla",
        estimator="fitted",
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
    *label_noise_claims(),
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
