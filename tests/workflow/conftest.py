"""A checkout of its own for each test session, and Snakemake in it."""

import pytest

from tests.checkout import Checkout, Untouched, make_checkout


@pytest.fixture(scope="session")
def checkout(tmp_path_factory) -> Untouched:
    """A checkout in which nothing has run."""
    return Untouched(make_checkout(tmp_path_factory.mktemp("checkout")).folder)


@pytest.fixture(scope="session")
def smoke(tmp_path_factory) -> Checkout:
    """A checkout in which the smoke preset has run to the end, report included."""
    checkout = make_checkout(tmp_path_factory.mktemp("smoke"))
    done = checkout.snakemake("--configfile", "presets/smoke.yaml", "--", "all", "provenance")
    (checkout.folder / "shown.txt").write_text(done.stderr)
    return checkout
