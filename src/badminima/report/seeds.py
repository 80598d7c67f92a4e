"""The values of each seed: behind a claim, and in the table of a figure."""

from collections.abc import Mapping

import pandas as pd

from badminima.analysis.claims import Claim
from badminima.analysis.tables import RUN_KEYS
from badminima.report.figures.style import init_label, recipe_label


def seeds_of_claim(claim: Claim, runs: pd.DataFrame, replications: Mapping[str, int]) -> pd.DataFrame:
    """Return what a claim is estimated from: a row per dataset, model and seed, a column per cell.

    Args:
        claim: the claim.
        runs: of its study.
        replications: the inits of claim 6.
    """
    names = [str(name) for name in runs]
    # A prefix stands for the mean over all strengths of an attack.
    named = [name for name in names if name == claim.column]
    if claim.column.endswith("_"):
        named = [name for name in names if name.startswith(claim.column)]
    accuracy = "train_accuracy" if claim.estimator == "fitted" else "test_accuracy"
    values = runs[RUN_KEYS].assign(value=runs[named].mean(axis=1) if named else 100 * runs[accuracy])
    by_cell = {cell: rows["value"] for cell, rows in values.set_index(RUN_KEYS).groupby(["init", "recipe"])}
    columns = {
        f"{init_label(init)}, {recipe_label(recipe)}": by_cell[init, recipe].droplevel(["init", "recipe"])
        for init, recipe in dict.fromkeys(claim.cells_among(replications))
        if (init, recipe) in by_cell
    }
    return pd.DataFrame(columns).reset_index()


def measured_by(claim: Claim) -> str:
    """Name the number that a claim is estimated from."""
    if claim.column:
        return f"{claim.column}, mean over strengths" if claim.column.endswith("_") else claim.column
    return f"{'train' if claim.estimator == 'fitted' else 'test'} accuracy in percent"


def seeds_of_figure(shown: pd.DataFrame) -> pd.DataFrame:
    """Return the seeds in a figure's table: a row per cell and statistic, a column per seed; empty if it has none."""
    if not {"kind", "seed", "value"} <= set(shown):
        return pd.DataFrame()
    seeds = shown[shown["kind"] == "seed"].dropna(subset=["value"])
    keys = [name for name in ("dataset", "model", "statistic", "init", "recipe") if name in seeds]
    wide = seeds.pivot_table(index=keys, columns="seed", values="value", sort=False)
    return wide.rename(columns=lambda seed: f"seed {seed:.0f}").reset_index()
