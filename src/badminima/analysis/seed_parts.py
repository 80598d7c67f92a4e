"""How much of the variance between runs comes from each part of their seed."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import f as f_distribution

COLUMNS = ["part", "levels", "degrees", "mean_square", "variance", "share", "p_value"]
# What no part does alone.
TOGETHER = "together"


def variance_parts(values: np.ndarray, levels: Mapping[str, Sequence[int]]) -> pd.DataFrame:
    """Split the variance of runs by the parts of their seeds, in a design that crosses all levels of all parts.

    A run's value is a mean plus a random effect of each part plus a rest. Training is deterministic, so the rest is no
    noise: it is what parts do together. Variances are those of the analysis of variance (Searle, Casella & McCulloch
    1992, section 4.4): of a part ``(MS - MS_rest) / runs per level``, at least 0, where ``MS`` is a mean square; of the
    rest ``MS_rest``. The p-value is that of the F test of ``MS / MS_rest``, exact for normal effects.

    Args:
        values: of the runs, ``[n]``.
        levels: of each part, its level in each run, ``[n]``; every combination occurs once.

    Returns:
        A row per part and one for ``TOGETHER``, with the columns ``COLUMNS``. Shares are of the sum of all variances;
        NaN where all values are the same.

    Raises:
        ValueError: if a combination is missing or there twice.
    """
    codes = {part: np.unique(np.asarray(of_part), return_inverse=True)[1] for part, of_part in levels.items()}
    counts = {part: int(code.max()) + 1 for part, code in codes.items()}
    if len(set(zip(*codes.values(), strict=True))) != len(values) or len(values) != np.prod(list(counts.values())):
        raise ValueError("not every combination of levels is there once")
    centred = values - values.mean()
    squares = {
        part: float(
            sum(centred[code == level].sum() ** 2 for level in range(counts[part])) * counts[part] / len(values)
        )
        for part, code in codes.items()
    }
    degrees = {part: count - 1 for part, count in counts.items()}
    left = len(values) - 1 - sum(degrees.values())
    # Rounding may leave less than nothing.
    rest = max(0.0, float(centred @ centred) - sum(squares.values())) / left
    rows: list[tuple[Any, ...]] = []
    for part, count in counts.items():
        mean_square = squares[part] / degrees[part]
        variance = max(0.0, mean_square - rest) * count / len(values)
        ratio = mean_square / rest if rest else np.inf if mean_square else np.nan
        rows.append(
            (part, count, degrees[part], mean_square, variance, float(f_distribution.sf(ratio, degrees[part], left)))
        )
    rows.append((TOGETHER, np.nan, left, rest, rest, np.nan))
    found = pd.DataFrame(rows, columns=[name for name in COLUMNS if name != "share"])
    total = found["variance"].sum()
    return found.assign(share=found["variance"] / total if total else np.nan)[COLUMNS]
