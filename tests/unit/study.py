"""A made-up study with planted effects, for the tests of statistics, claims and figures."""

import numpy as np
import pandas as pd

from badminima.analysis.tables import StudyTables, summarize_cells
from badminima.config import StatisticsConfig

RECIPES = ["vanilla", "da", "m", "l2", "da+m", "da+l2", "m+l2", "da+m+l2"]
INITS = ["random", "adversarial", "random_rescaled"]
STATISTICS = StatisticsConfig(resamples=500)


def turned(init: str, recipe: str) -> float:
    """The angle a run turns by; vanilla runs turn more than they travel, so that the two differ."""
    return 10.0 if recipe == "vanilla" else 1.0 + recipe.count("+")


def made_up_study(
    accuracy,
    *,
    seeds: int = 3,
    images: int = 2000,
    recipes=RECIPES,
    inits=INITS,
    fitted: float = 1.0,
    shared: float = 0.0,
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
    """
    rng = np.random.default_rng(0)
    difficulty = rng.random(images)
    rows, correct, histories = [], [], []
    for init in inits:
        for recipe in recipes:
            for seed in range(seeds):
                right = difficulty < accuracy(init, recipe) + rng.normal(0, 0.001) + shared * seed
                keys = {"dataset": "digits", "model": "mlp", "init": init, "recipe": recipe, "seed": seed}
                travelled = (1 if recipe == "vanilla" else 2 + recipe.count("+")) * (1 + 0.01 * rng.random())
                rows.append(
                    keys
                    | {"status": "converged", "epochs": 10, "evaluated_on": "test", "device": "cpu", "revision": "r"}
                    | {"train_accuracy": fitted, "test_accuracy": right.mean()}
                    | {
                        "distance.relative": travelled,
                        "distance.angle": 30 * turned(init, recipe),
                        "distance.total": travelled,
                    }
                    | {"norm.start": 10.0, "norm.end": 10.0 + travelled}
                )
                correct.append(right)
                histories += [
                    keys | {"epoch": epoch, "train_accuracy": epoch / 10, "test_accuracy": epoch / 20}
                    for epoch in (0, 5, 10)
                ]
    tables = StudyTables(
        runs=pd.DataFrame(rows),
        histories=pd.DataFrame(histories),
        layers=pd.DataFrame(),
        cells=pd.DataFrame(),
        pretraining=pd.DataFrame(),
        correct={"digits": np.stack(correct)},
    )
    return StudyTables(**{**vars(tables), "cells": summarize_cells(tables, STATISTICS, root_seed=0)})
