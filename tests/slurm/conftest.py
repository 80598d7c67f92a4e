"""The workflow tests' checkouts serve here too."""

from tests.workflow.conftest import smoke

__all__ = ["smoke"]
