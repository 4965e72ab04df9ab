"""Measured batch times lie on lines that are found again, and rise with the size."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labs.batch_times import RESNET50, fit_batch_time


@given(
    per_item=st.floats(1e-6, 10),
    setup=st.floats(0, 10),
    sizes=st.lists(st.integers(1, 500), min_size=2, max_size=12, unique=True),
)
def test_a_straight_line_is_found_again(per_item: float, setup: float, sizes: list[int]) -> None:
    times = per_item * np.array(sizes) + setup
    line = fit_batch_time(sizes, times)
    reach = per_item * max(sizes) + setup
    assert line.per_item == pytest.approx(per_item, rel=1e-6, abs=1e-9 * reach)
    assert line.setup == pytest.approx(setup, rel=1e-6, abs=1e-6 * reach)
    assert line.r_squared <= 1 + 1e-12


def test_least_squares_leaves_residuals_without_mean_or_trend() -> None:
    sizes, times = np.array([1, 2, 4, 8, 16]), np.array([3.0, 3.2, 4.9, 6.0, 11.5])
    line = fit_batch_time(sizes, times)
    residual = times - line.per_item * sizes - line.setup
    assert residual.sum() == pytest.approx(0, abs=1e-12)
    assert residual @ sizes == pytest.approx(0, abs=1e-11)
    assert line.r_squared == pytest.approx(1 - residual.var() / times.var(), rel=1e-12)


@pytest.mark.parametrize(
    ("card", "per_item", "setup"), [("V100", 0.1438, 1.8874), ("P4", 0.5833, 1.4284)]
)
def test_the_fits_of_inoue_are_found_again(card: str, per_item: float, setup: float) -> None:
    # Inoue (2021): α and τ₀ in ms, to four decimals.
    measured = RESNET50[card]
    line = fit_batch_time(measured.sizes, 1000 * measured.times)
    assert line.per_item == pytest.approx(per_item, abs=5e-5)
    assert line.setup == pytest.approx(setup, abs=5e-5)


def test_a_line_that_falls_is_refused() -> None:
    # From a reader's own log: a request more seems to shorten the batch, and no model has that.
    with pytest.raises(ValueError, match=r"times must be on a line that does not fall .*5\.0, 4"):
        fit_batch_time([1, 2, 4, 8], [5, 4, 3, 2])


@given(st.floats(1e-6, 1e6), st.lists(st.integers(1, 500), min_size=2, max_size=12, unique=True))
def test_equal_times_fall_by_no_rounding(seconds: float, sizes: list[int]) -> None:
    line = fit_batch_time(sizes, [seconds] * len(sizes))
    assert 0 <= line.per_item <= 1e-9 * seconds
    assert line.setup == pytest.approx(seconds)
