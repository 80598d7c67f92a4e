"""A made-up study with planted effects, for the tests of statistics, claims and figures."""

from dataclasses import replace

import numpy as np
import pandas as pd

from badminima.analysis.gaps import gaps_table
from badminima.analysis.measures import measures_table
from badminima.analysis.tables import RUN_KEYS, StudyTables, summarize_cells
from badminima.config import StatisticsConfig
from badminima.report.figures.lines import KINDS

RECIPES = ["vanilla", "da", "m", "l2", "da+m", "da+l2", "m+l2", "da+m+l2"]
INITS = ["random", "adversarial", "random_rescaled"]
STATISTICS = StatisticsConfig(resamples=500)


def measured(init: str, accuracy: float) -> dict[str, float]:
    """Measures that rank with the error, or against it; runs from random weights have no confusing set."""
    error = 1 - accuracy
    memory = error if init == "adversarial" else np.nan
    return {
        "complexity.log_product_spectral_over_margin": 10 * error,
        "complexity.log_path_norm_over_margin": 5 * error,
        "complexity.fisher_rao": error,
        "sharpness.trace": 100 * error - 1,
        "sharpness.asam": error,
        "sharpness.pac_bayes_sigma_magnitude": accuracy,
        "robustness.clean": accuracy,
        **{f"robustness.{kind}_{strength}": accuracy ** (1 + strength) for kind in KINDS for strength in (1, 2)},
        "memory.confusing_accuracy": memory,
        "memory.kept": memory,
        "privacy.auc": 0.5 + error / 2,
        "privacy.advantage": error,
        "privacy.loss_gap": error,
        "calibration.ece": error / 2,
        "units.dead": error / 2,
        "units.always_on": error / 4,
        "units.effective_rank": 1 + 10 * error,
    }


def made_up_layers(runs: list[dict[str, object]]) -> pd.DataFrame:
    """The bins of confidence of each run, right a tenth less often than it is sure; and a valley in two directions."""
    bins = [
        (str(upper), f"calibration.{name}", value)
        for upper in (0.5, 1.0)
        for name, value in (("share", 0.5), ("confidence", upper - 0.05), ("accuracy", upper - 0.15))
    ]
    valley = [
        (f"{direction}:{t}", f"filter_landscape.{name}", value)
        for direction in (1, 2)
        for t in (-1, -0.5, 0, 0.5, 1)
        for name, value in (("loss", 0.01 * 10 ** (direction * abs(t))), ("accuracy", 1 - abs(t) / 2))
    ]
    return pd.DataFrame(
        {**{key: run[key] for key in RUN_KEYS}, "tensor": tensor, "statistic": statistic, "value": value}
        for run in runs
        for tensor, statistic, value in bins + valley
    )


def made_up_landscapes() -> pd.DataFrame:
    """A bowl around the end of one run."""
    keys = {"dataset": "digits", "model": "mlp", "init": "adversarial", "recipe": "vanilla", "seed": 0}
    points = [("random", np.nan, 0, 0), ("start", np.nan, 2, 0), ("end", np.nan, 3, 1)]
    points += [("path", t, 2 * t if t <= 1 else 1 + t, max(0.0, t - 1)) for t in np.linspace(0, 2, 5)]
    points += [("plane", np.nan, x, y) for x in np.linspace(-1, 4, 6) for y in np.linspace(-1, 2, 4)]
    return pd.DataFrame(
        {
            **keys,
            **dict(zip(("kind", "position", "x", "y"), point, strict=True)),
            **{"train_loss": 0.01 + (point[2] - 3) ** 2 + (point[3] - 1) ** 2, "train_accuracy": 0.9},
            **{"test_loss": 0.1 + (point[2] - 3) ** 2, "test_accuracy": 0.8},
        }
        for point in points
    )


def made_up_pretrainings() -> pd.DataFrame:
    """Two pretrainings of two seeds, of which the second ends later: right labels come first, then wrong ones."""
    keys, same = {"dataset": "digits", "model": "mlp"}, {"test_accuracy": 0.5, "labels.clean": 0.9}
    return pd.DataFrame(
        {**keys, "init": init, "seed": seed, "epoch": epoch, **same}
        | {"train_accuracy": epoch / last, "labels.wrong": epoch / last, "distance.relative": epoch / 10}
        for init in ("adversarial", "adversarial_half")
        for seed, last in ((0, 10), (1, 20))
        for epoch in range(0, last + 1, 5)
    )


def made_up_study(
    accuracy,
    *,
    seeds: int = 3,
    images: int = 2000,
    recipes=RECIPES,
    inits=INITS,
    fitted: float = 1.0,
    shared: float = 0.0,
    summaries: bool = True,
) -> StudyTables:
    """Tables of a study on one dataset and model.

    Args:
        accuracy: function of (init, recipe): the probability that a test image is right.
        seeds: seeds per cell.
        images: test images.
        recipes: recipes of the grid.
        inits: inits of the grid.
        fitted: train accuracy of every run.
        shared: accuracy that each further seed adds to all its runs.
        summaries: whether measures, cells and gaps are computed too, which claims don't read.
    """
    rng = np.random.default_rng(0)
    difficulty = rng.random(images)
    rows, correct, histories = [], [], []
    for init in inits:
        for recipe in recipes:
            for seed in range(seeds):
                right = difficulty < accuracy(init, recipe) + rng.normal(0, 0.001) + shared * seed
                keys = {"dataset": "digits", "model": "mlp", "init": init, "recipe": recipe, "seed": seed}
                # Vanilla runs turn more than they travel, so that the two differ.
                travelled, turned = (1, 10) if recipe == "vanilla" else (2 + recipe.count("+"), 1 + recipe.count("+"))
                travelled *= 1 + 0.01 * rng.random()
                rows.append(
                    keys
                    | {"status": "converged", "epochs": 10, "evaluated_on": "test", "device": "cpu", "revision": "r"}
                    | {"train_accuracy": fitted, "test_accuracy": right.mean()}
                    | {"distance.relative": travelled, "distance.angle": 30.0 * turned}
                    | {"distance.total": travelled, "norm.start": 10.0, "norm.end": 10.0 + travelled}
                    | measured(init, right.mean())
                )
                correct.append(right)
                histories += [
                    keys
                    | {"lr": 0.1 if epoch < 10 else 0.01}
                    | {"epoch": epoch, "train_accuracy": epoch / 10, "test_accuracy": epoch / 20 * right.mean()}
                    | {"trace.hessian": 10 ** (3 - 2 * right.mean() * epoch / 10)}
                    | {"trace.noise_covariance": 10 ** (3 - 3 * right.mean() * epoch / 10)}
                    | {"norm.end": 10 + epoch * right.mean(), "gradients.coherence": 1 + epoch}
                    for epoch in (0, 5, 10)
                ]
    runs, empty = pd.DataFrame(rows), pd.DataFrame()
    tables = StudyTables(
        measures=measures_table(runs, STATISTICS, root_seed=0) if summaries else empty,
        landscapes=made_up_landscapes(),
        runs=runs,
        histories=pd.DataFrame(histories),
        layers=made_up_layers(rows),
        pretraining_histories=made_up_pretrainings(),
        **dict.fromkeys(("costs", "gaps", "cells", "pretraining"), empty),
        correct={"digits": np.stack(correct)},
    )
    return with_runs(tables, tables.runs) if summaries else tables


def with_runs(tables: StudyTables, runs: pd.DataFrame) -> StudyTables:
    """The study with other runs, and what follows from them."""
    changed = replace(tables, runs=runs)
    gaps = gaps_table(runs, changed.correct_of, STATISTICS, root_seed=0)
    return replace(changed, cells=summarize_cells(changed, STATISTICS, root_seed=0), gaps=gaps)


def diverged(tables: StudyTables, *runs: tuple[str, str, int]) -> StudyTables:
    """The study as if some runs (init, recipe, seed) had diverged."""
    lost = tables.runs.copy()
    lost.loc[lost.set_index(["init", "recipe", "seed"]).index.isin(runs), "status"] = "diverged"
    return with_runs(tables, lost)


def as_in_the_paper(init: str, recipe: str) -> float:
    """Adversarial: vanilla loses 20 points, one regularizer 10, two or three nothing; half of it is scale."""
    loss = [0.2, 0.1, 0, 0][0 if recipe == "vanilla" else recipe.count("+") + 1]
    return 0.9 - {"random": 0, "random_rescaled": loss / 2, "adversarial": loss, "true_labels": 0}[init]
