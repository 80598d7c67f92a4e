"""Hutch++ against curvlinops' and against the exact trace."""

import pytest
import torch
from curvlinops import hutchpp_trace as reference

from badminima.diagnostics.hutchpp import hutchpp_trace


@pytest.fixture
def matrix() -> torch.Tensor:
    """A symmetric matrix with a few large eigenvalues of both signs."""
    factor = torch.randn(40, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return factor @ torch.diag(torch.tensor([50.0, -20.0, 5.0, 1.0, 1.0], dtype=torch.float64)) @ factor.T


def test_the_estimate_is_that_of_curvlinops_to_the_bit(matrix):
    torch.manual_seed(3)
    expected = reference(matrix, 12)
    torch.manual_seed(3)
    assert hutchpp_trace(matrix, 12) == expected


def test_it_is_exact_where_a_third_of_the_products_spans_the_matrix(matrix):
    assert float(hutchpp_trace(matrix, 15)) == pytest.approx(float(matrix.trace()))


@pytest.mark.parametrize("products", [0, 4, 42])
def test_a_number_of_products_that_does_not_fit_is_refused(matrix, products):
    with pytest.raises(ValueError, match="multiple of 3 products, less than 40"):
        hutchpp_trace(matrix, products)
