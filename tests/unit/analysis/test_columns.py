"""Every measurement has a name and a meaning for readers."""

import re

import pytest

from badminima.analysis.columns import KNOWN, described
from badminima.config.registry import DIAGNOSTICS
from tests.conftest import REPOSITORY


@pytest.mark.parametrize("diagnostic", sorted(DIAGNOSTICS.entries))
def test_every_measurement_that_a_diagnostic_documents_is_described(diagnostic):
    text = (REPOSITORY / "src" / f"{DIAGNOSTICS.module(diagnostic).replace('.', '/')}.py").read_text()
    family = diagnostic.replace("norms", "norm")
    names = [name.replace("_K", "_spectral") for name in re.findall(rf"``({family}\.\w+)``", text)]
    assert names or family == "landscape"
    assert [name for name in names if not described(name).meaning] == []


def test_what_nobody_described_keeps_its_name():
    assert described("mine.number").label == "mine.number"


def test_no_two_columns_of_a_family_have_one_label():
    labels = [(name.partition(".")[0], column.label) for name, column in KNOWN.items()]
    assert len(labels) == len(set(labels))
