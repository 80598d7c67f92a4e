"""Named random streams."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from badminima.seeding import generator, integer_seed

NAMES = st.lists(st.text(max_size=8) | st.integers(0, 1000), min_size=1, max_size=4).map(tuple)


@given(st.integers(0, 2**32), NAMES)
def test_a_stream_is_its_name_however_many_others_were_opened(root, name):
    first = generator(root, *name).random(4)
    generator(root, "another").random(100)
    assert np.array_equal(first, generator(root, *name).random(4))


@given(NAMES, NAMES)
def test_other_names_give_other_streams(one, other):
    if one != other:
        assert integer_seed(0, *one) != integer_seed(0, *other)


def test_parts_of_a_name_do_not_run_together():
    assert integer_seed(0, "ab", "c") != integer_seed(0, "a", "bc")
    assert integer_seed(0, "a", 1) != integer_seed(0, "a", "1")


def test_another_root_seed_gives_other_streams():
    assert integer_seed(0, "a") != integer_seed(1, "a")


def test_seeds_are_what_torch_accepts():
    assert all(0 <= integer_seed(0, "n", i) < 2**63 for i in range(1000))
