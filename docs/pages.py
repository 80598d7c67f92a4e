"""Fill the tables of README.md and of the pages from the CSV files in docs/data/: no number is copied by hand.

A line ``<!-- table: demo/claims.csv -->`` marks the table of that file, ``<!-- table: found -->`` README's.
Columns ``x_low`` and ``x_high`` are shown as the interval of ``x``, ``x_sd`` as its standard deviation.

    make pages                                       # after a change in docs/data/
    .venv/bin/python docs/pages.py results/demo      # take the demo's numbers from a finished run first
"""

import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).parents[1]
DATA = ROOT / "docs" / "data"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"(<!-- table: (\S+) -->\n\n)(?:\|.*\n)*\n*")
FOUND = {
    "1b": "vanilla SGD ends at a worse minimum",
    "2": "with all three regularizers the start costs nothing, within a point",
    "3a m+l2": "nor does it with momentum and decay",
    "control b": "the start costs more than random rescaled weights",
    "control c": "it is the random labels, not longer training",
}
FOUND_IN = {
    "digits, MLP: `make demo`": "demo/claims.csv",
    "CIFAR-10, 2,000 images, small convnet": "cifar/small_claims.csv",
    "CIFAR-10, 10,000 images, ResNet18": "cifar/gpu_observed.csv",
}
MEASURED = (
    "distance.relative",
    "distance.angle",
    "complexity.log_product_spectral_over_margin",
    "complexity.log_path_norm_over_margin",
    "complexity.fisher_rao",
    "complexity.margin",
    "sharpness.trace",
    "sharpness.eigenvalue_1",
    "sharpness.sam",
    "sharpness.asam",
    "sharpness.pac_bayes_sigma",
    "sharpness.pac_bayes_sigma_magnitude",
    "robustness.pgd_linf_8",
    "robustness.pgd_l2_0.25",
    "robustness.gaussian_0.2",
    "robustness.zeroing_0.3",
    "memory.confusing_accuracy",
    "memory.kept",
    "privacy.auc",
    "units.dead",
    "units.effective_rank",
    "functions.disagreement",
    "functions.barrier",
)
CELLS = {
    "bad: adversarial, vanilla": ("adversarial", "vanilla"),
    "good: random, vanilla": ("random", "vanilla"),
    "escaped: adversarial, da+m+l2": ("adversarial", "da+m+l2"),
}


def filled(text: str) -> str:
    """Return a page with every table as its data have it."""
    shown = BLOCK.sub(lambda it: f"{it[1]}{found() if it[2] == 'found' else table(it[2])}\n", text)
    return shown.rstrip("\n") + "\n"


def table(name: str) -> str:
    """Return a CSV file as a Markdown table."""
    data = read(name)
    shown = pd.DataFrame(
        {column: joined(data, column) for column in data if not column.endswith(("_low", "_high", "_sd"))}
    )
    rows = [list(shown), ["---"] * shown.shape[1], *shown.to_numpy().tolist()]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def joined(data: pd.DataFrame, column: str) -> list[str]:
    """Return a column with its intervals or standard deviations."""
    shown = data[column].tolist()
    for row, value in enumerate(shown):
        low, high, sd = (data.get(f"{column}_{end}", pd.Series([""] * len(data)))[row] for end in ("low", "high", "sd"))
        shown[row] = value + (f" [{low}, {high}]" if low else "") + (f" ± {sd}" if sd else "")
    return shown


def found() -> str:
    """Return README's table: one row per claim, one column per experiment; observations have no verdict."""
    rows = [["claim", *FOUND_IN], ["---"] * 4]
    for claim, words in FOUND.items():
        cells = [f"{claim}: {words}"]
        for name in FOUND_IN.values():
            data = read(name)
            row = data.assign(shown=joined(data, "estimate"))[data["claim"] == claim].iloc[0]
            cells.append(f"{row['verdict']}: {row['shown']}" if "verdict" in row else row["shown"])
        rows.append(cells)
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def read(name: str) -> pd.DataFrame:
    """Return a CSV file of docs/data/, its numbers as they are written."""
    return pd.read_csv(DATA / name, dtype=str, keep_default_na=False)


def collect(results: Path) -> None:
    """Write docs/data/demo/ from the tables of a finished demo."""
    tables = results / "tables" / "ablation"
    cells = pd.read_csv(tables / "cells.csv").set_index(["init", "recipe", "statistic"])
    runs = pd.read_csv(tables / "runs.csv")
    ranked = pd.read_csv(tables / "measures.csv").set_index("measure")

    claims = pd.read_csv(results / "claims.csv").query("seeds > 0").reset_index(drop=True)
    shown = claims[["claim", "statistic"]].copy()
    for end, name in (("", "estimate"), ("_low", "low"), ("_high", "high")):
        shown[f"estimate{end}"] = [in_units(*row) for row in zip(claims[name], claims["scale"], strict=True)]
    ratio = claims["scale"] == "factor"
    shown["statistic"] = shown["statistic"].mask(ratio, shown["statistic"].str.removeprefix("log "))
    shown["unit"] = claims["scale"].map({"percent": "percent", "points": "points", "factor": "times", "number": ""})
    shown["verdict"] = claims["verdict"]
    shown["p by Holm"] = claims["p_holm"].map("{:.3f}".format).replace("nan", "")
    shown["read together"] = claims["family_wise"]
    write("claims", shown)

    accuracies = pd.DataFrame({"recipe": runs["recipe"].unique()})
    for init in runs["init"].unique():
        for split in ("test", "train"):
            of = [(init, recipe, f"{split}_accuracy") for recipe in accuracies["recipe"]]
            for end, name in (("", "mean"), ("_sd", "sd")):
                shown = [f"{100 * cells[name].get(key, np.nan):.2f}".replace("nan", "") for key in of]
                accuracies[f"{init}: {split}{end}"] = shown
    write("accuracies", accuracies)

    measures = pd.DataFrame({"measure": ["test_accuracy", *MEASURED]})
    for words, cell in CELLS.items():
        of = [(*cell, measure) for measure in measures["measure"]]
        for end, name in (("", "mean"), ("_low", "low"), ("_high", "high")):
            measures[f"{words}{end}"] = [f"{cells[name].get(key, np.nan):.3g}".replace("nan", "") for key in of]
    ranks = ranked.reindex(measures["measure"]).reset_index()
    for end in ("", "_low", "_high"):
        measures[f"tau with the gap{end}"] = ranks[f"tau{end}"].map("{:.2f}".format).replace("nan", "")
    measures["runs"] = ranks["runs"].map("{:.0f}".format).replace("nan", "")
    for end in ("", "_low", "_high"):
        measures[f"worse run larger{end}"] = ranks[f"bad_is_larger{end}"].map("{:.2f}".format).replace("nan", "")
    measures["pairs"] = ranks["pairs"].map("{:.0f}".format).replace("nan", "")
    write("measures", measures)

    starts = runs[runs["recipe"] == "vanilla"].groupby("init", sort=False)
    numbers = {"norm": ("norm.start", 0), "spread of the logits": ("start.logit_spread", 1), "loss": ("start.loss", 1)}
    columns = {
        words: starts[name].agg(lambda x, n=digits: ", ".join(f"{y:.{n}f}" for y in x))
        for words, (name, digits) in numbers.items()
    }
    write("starts", pd.DataFrame(columns).reset_index(names="start"))


def in_units(value: float, scale: str) -> str:
    """Return a statistic as its unit has it: accuracies times 100, log ratios as ratios."""
    if scale in ("percent", "points"):
        return f"{100 * value:.1f}"
    return f"{np.exp(value):.1f}" if scale == "factor" else f"{value:.2f}"


def write(name: str, data: pd.DataFrame) -> None:
    """Write one CSV file of the demo."""
    data.to_csv(DATA / "demo" / f"{name}.csv", index=False, lineterminator="\n")


if __name__ == "__main__":
    for given in sys.argv[1:]:
        collect(Path(given))
    for page in PAGES:
        page.write_text(filled(page.read_text(encoding="utf-8")), encoding="utf-8")
