"""The notebook, executed in a kernel of its own."""

import nbformat
import pytest
from nbclient import NotebookClient

from tests.conftest import REPOSITORY

NOTEBOOK = REPOSITORY / "docs" / "notebooks" / "bad_minima.ipynb"


def tables(notebook: nbformat.NotebookNode) -> list[str]:
    """Return the tables that a notebook shows, as text."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return [output.data["text/plain"] for output in outputs if output.output_type == "execute_result"]


@pytest.fixture(scope="module")
def stored():
    return nbformat.read(NOTEBOOK, 4)


def test_the_notebook_runs_and_shows_the_tables_that_it_stores(stored, tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    executed = nbformat.from_dict(stored)
    # Not beside the checkout: it needs no results folder.
    NotebookClient(executed, resources={"metadata": {"path": tmp_path}}, kernel_name="python3").execute()
    assert len(tables(stored)) == 3  # what was verified, and two tables
    assert tables(executed) == tables(stored)


def test_the_notebook_stores_its_pictures_and_is_small(stored):
    shown = [output.data for cell in stored.cells for output in cell.get("outputs", []) if "data" in output]
    assert sum("image/png" in data for data in shown) == 3
    assert NOTEBOOK.stat().st_size < 150_000
