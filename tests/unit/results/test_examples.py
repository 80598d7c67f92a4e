"""The examples of docstrings and of the how-to page, executed on finished results."""

import doctest
import importlib
import re

import pytest

from tests.conftest import REPOSITORY


@pytest.fixture
def beside_results(demo_folder, zoo_folder, monkeypatch):
    """The working directory with ``results/demo`` and ``zoo``, as the examples assume."""
    monkeypatch.chdir(demo_folder)


@pytest.mark.parametrize("module", ["badminima", "badminima.results.results", "badminima.zoo"])
def test_the_examples_of_docstrings_hold(beside_results, module):
    found = doctest.testmod(importlib.import_module(module), raise_on_error=False)
    assert found.attempted > 0
    assert found.failed == 0


def test_the_python_of_the_how_to_page_runs(beside_results):
    page = (REPOSITORY / "docs" / "how-to" / "reuse.md").read_text()
    blocks = [block for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "import badminima" in block]
    assert len(blocks) == 3
    names: dict = {}
    for block in blocks:  # the last one uses the images of the first
        exec(block, names)
    assert names["logits"].shape == (16, 10)
    assert names["start"] is not names["model"]
