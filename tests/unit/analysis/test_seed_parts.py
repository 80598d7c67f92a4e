"""Variance between runs by the parts of their seeds: by hand, and of planted effects."""

from itertools import product

import numpy as np
import pytest

from badminima.analysis.statistics import TOGETHER, variance_parts


def crossed(*counts: int) -> dict[str, list[int]]:
    """The levels of every combination of parts with so many levels, named as if 7 were the first."""
    columns = zip(*product(*(range(7, 7 + count) for count in counts)), strict=True)
    return dict(zip("abc", (list(column) for column in columns), strict=False))


def test_two_parts_done_by_hand():
    # Means of a: 2 and 6, of b: 3 and 5, of all: 4; what is left: +-1 in each run.
    found = variance_parts(np.array([2.0, 2.0, 4.0, 8.0]), crossed(2, 2)).set_index("part")
    assert found["mean_square"].to_dict() == {"a": 16, "b": 4, TOGETHER: 4}
    assert found["variance"].to_dict() == {"a": 6, "b": 0, TOGETHER: 4}
    assert found["share"].to_dict() == {"a": 0.6, "b": 0, TOGETHER: 0.4}
    # Of F with 1 and 1 degrees of freedom: 1 - 2 atan(sqrt(F)) / pi.
    assert found["p_value"].to_dict() == {
        "a": pytest.approx(1 - 2 * np.arctan(2) / np.pi),
        "b": pytest.approx(0.5),
        TOGETHER: pytest.approx(np.nan, nan_ok=True),
    }


def test_planted_variances_are_found(rng):
    levels, variances = crossed(60, 50, 40), (1.0, 4.0, 0.25)
    codes = [np.array(of_part) - 7 for of_part in levels.values()]
    values = sum(rng.normal(0, np.sqrt(of_part), 60)[code] for of_part, code in zip(variances, codes, strict=True))
    found = variance_parts(values + rng.normal(0, 1, len(values)), levels).set_index("part")["variance"]
    assert found.to_dict() == pytest.approx({"a": 1, "b": 4, "c": 0.25, TOGETHER: 1}, rel=0.5)


def test_equal_runs_have_no_shares_and_a_part_that_alone_decides_has_all():
    levels = crossed(2, 2)
    assert variance_parts(np.ones(4), levels)["share"].isna().all()
    found = variance_parts(np.array(levels["a"], dtype=float), levels)
    assert found["share"].tolist() == [1, 0, 0]
    assert found["p_value"][0] == 0
