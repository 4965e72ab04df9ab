"""Quantiles of counts in buckets: what is known holds them, and bad counts are named."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labs import histogram
from labs.intervals import percentile


@given(st.lists(st.floats(0.001, 10), min_size=1, max_size=40), st.floats(0.01, 0.99))
def test_the_bucket_holds_the_quantile(sample: list[float], p: float) -> None:
    edges = np.array([0.1, 0.5, 1, 5, np.inf])
    values = np.sort(sample)
    found = histogram.quantile(edges, np.searchsorted(values, edges, side="right") * 1.0, p)
    assert found.low < percentile(values, p) <= found.high


@pytest.mark.parametrize(
    ("edges", "counts", "p", "named"),
    [
        ([1, 2], [1, 2], 0.5, "edges"),
        ([2, 1, np.inf], [1, 2, 3], 0.5, "edges"),
        ([1, np.inf], [2, 1], 0.5, "counts"),
        ([1, np.inf], [0, 0], 0.5, "counts"),
        ([1, np.inf], [1, 2, 3], 0.5, "counts"),
        ([1, np.inf], [1, 2], 1.5, "p"),
    ],
)
def test_a_bad_histogram_is_refused(edges: Any, counts: Any, p: float, named: str) -> None:
    with pytest.raises(ValueError, match=rf"^{named} must"):
        histogram.quantile(edges, counts, p)
