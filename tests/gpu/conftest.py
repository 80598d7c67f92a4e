"""Fixtures of tests on a GPU."""

import pytest
import torch


@pytest.fixture(scope="session")
def cuda() -> torch.device:
    """The GPU; a test that is asked for on a machine without one fails."""
    if not torch.cuda.is_available():
        pytest.fail("needs a CUDA device")
    return torch.device("cuda")
