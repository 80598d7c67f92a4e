"""Share the GPU between tests. They are chosen by `-m gpu` alone, and fail where there is no GPU."""

from pathlib import Path

import pytest
import torch


def pytest_collection_modifyitems(items):
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.gpu)


@pytest.fixture(scope="session")
def cuda() -> torch.device:
    if not torch.cuda.is_available():
        pytest.fail("needs a CUDA device that torch can use")
    return torch.device("cuda")
