"""All claims. Claims 1 to 7 are Liu et al. 2020's, ``b`` Damian et al. 2021's, ``control`` ours."""

from badminima.claims.claim import Cell, Claim, Region

SOTA = "da+m+l2"
ONE_REGULARIZER = ("da", "m", "l2")
TWO_REGULARIZERS = ("da+m", "da+l2", "m+l2")
STARTS = ("adversarial_end", "full_batch_end")
LABEL_NOISE_FIGURES = ("label_noise", "escape", "ablation")
NORMS = (
    ("spectral", "log_product_spectral_over_margin", "log product of squared spectral norms over squared margin"),
    ("path", "log_path_norm_over_margin", "log path norm over squared margin"),
)


def _gap(number: str, statement: str, recipe: str, region: Region = "above") -> Claim:
    """A claim about the test accuracy lost by starting adversarially: random minus adversarial, same recipe."""
    return Claim(
        number=number,
        statement=statement,
        statistic=f"test accuracy, random minus adversarial, {recipe}",
        measure="accuracy_difference",
        cells=(("random", recipe), ("adversarial", recipe)),
        region=region,
        threshold="margin",
    )


def _travel(number: str, statement: str, column: str, words: str) -> Claim:
    """A claim about how far SGD travels from the adversarial init: all regularizers over vanilla."""
    return Claim(
        number=number,
        statement=statement,
        statistic=f"log ratio of {words}, {SOTA} over vanilla",
        measure="log_ratio",
        cells=(("adversarial", SOTA), ("adversarial", "vanilla")),
        column=column,
        scale="factor",
        figures=("distance",),
    )


def _toy(number: str, statement: str, statistic: str, cells: tuple[Cell, Cell], column: str = "") -> Claim:
    """A claim about the toy: a ratio of a column, or a difference of test accuracies."""
    return Claim(
        number=number,
        statement=statement,
        statistic=statistic,
        measure="log_ratio" if column else "accuracy_difference",
        cells=cells,
        column=column,
        study="toy",
        scale="factor" if column else "points",
        figures=("toy",),
    )


def _label_noise(start: str) -> tuple[Claim, ...]:
    """Damian et al.'s claims about one bad minimum from which training goes on."""
    vanilla, noisy, larger = (start, "vanilla"), (start, "label_noise"), (start, "label_noise_x3")
    return (
        Claim(
            number=f"b1 {start}",
            statement=f"From {start}, label noise lets SGD generalize better than vanilla SGD.",
            statistic="test accuracy, label_noise minus vanilla",
            measure="accuracy_difference",
            cells=(noisy, vanilla),
            study="label_noise",
            figures=LABEL_NOISE_FIGURES,
        ),
        # Not of the Hessian, which vanishes wherever vanilla SGD has made the network sure of its answers.
        Claim(
            number=f"b2 {start}",
            statement=f"From {start}, label noise leads to where flipped labels scatter the gradient less.",
            statistic="log ratio of the traces of the label-noise covariance, vanilla over label_noise",
            measure="flattening",
            cells=(vanilla, noisy),
            column="trace.noise_covariance",
            study="label_noise",
            scale="factor",
            figures=LABEL_NOISE_FIGURES,
        ),
        Claim(
            number=f"b3 {start}",
            statement=f"From {start}, label noise flattens more at three times the learning rate.",
            statistic="log ratio of the traces of the Hessian, label_noise over label_noise_x3",
            measure="flattening",
            cells=(noisy, larger),
            column="trace.hessian",
            study="label_noise",
            scale="factor",
            figures=LABEL_NOISE_FIGURES,
        ),
        # What turns the noise into a push towards flat minima.
        Claim(
            number=f"b4 {start}",
            statement=f"Where label noise from {start} comes to rest, its covariance is the Hessian.",
            statistic="log ratio of the traces of label-noise covariance and Hessian, label_noise",
            measure="log_quotient",
            cells=(noisy,),
            column="trace.noise_covariance",
            divisor="trace.hessian",
            study="label_noise",
            region="within",
            threshold="ratio_margin",
            scale="factor",
            figures=LABEL_NOISE_FIGURES,
        ),
    )


CLAIMS = (
    Claim(
        number="1a",
        statement="From the adversarial init, vanilla SGD fits the training set.",
        statistic="train accuracy, adversarial init, vanilla",
        measure="fitted",
        cells=(("adversarial", "vanilla"),),
        threshold="fitted",
        scale="percent",
        figures=("curves", "ablation"),
    ),
    _gap("1b", "From the adversarial init, vanilla SGD generalizes worse than from a random init.", "vanilla"),
    _gap("2", "With all three regularizers the adversarial init costs nothing.", SOTA, "within"),
    *(
        _gap(f"3a {recipe}", f"Two regularizers are enough to escape: {recipe}.", recipe, "within")
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
            measure="accuracy_difference",
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
            measure="excess",
            cells=(("adversarial", "vanilla"), ("random", "vanilla")),
            column=f"complexity.{column}",
            scale="number",
            figures=("complexity",),
        )
        for name, column, words in NORMS
    ),
    Claim(
        number="5b",
        statement="Bad minima are less robust to attacks than good ones.",
        statistic="accuracy under PGD (l-inf, mean over radii) over clean accuracy, random minus adversarial, vanilla",
        measure="excess_kept_under_attack",
        cells=(("random", "vanilla"), ("adversarial", "vanilla")),
        column="robustness.pgd_linf_",
        scale="number",
        figures=("robustness",),
    ),
    Claim(
        number="6",
        statement="The larger R, the worse the minimum that vanilla SGD reaches.",
        statistic="test accuracy lost with every tenfold R, vanilla",
        measure="loss_per_tenfold_replication",
        study="replication",
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
    *(claim for start in STARTS for claim in _label_noise(start)),
    Claim(
        number="control a",
        statement="Scale alone does damage: random weights with the adversarial ones' norms generalize worse"
        " (not in the paper).",
        statistic="test accuracy, random minus random_rescaled, vanilla",
        measure="accuracy_difference",
        cells=(("random", "vanilla"), ("random_rescaled", "vanilla")),
        study="control",
    ),
    Claim(
        number="control b",
        statement="Scale is not all: adversarial weights do more damage than random ones of their norms"
        " (not in the paper).",
        statistic="test accuracy, random_rescaled minus adversarial, vanilla",
        measure="accuracy_difference",
        cells=(("random_rescaled", "vanilla"), ("adversarial", "vanilla")),
        study="control",
    ),
)
