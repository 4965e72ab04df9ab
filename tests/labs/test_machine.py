"""The present machine is measured by work that is counted rightly, with honest intervals."""

import math

import pytest

from labs import machine
from labs.intervals import QuantileInterval


def test_the_present_machine_is_measured_with_honest_intervals() -> None:
    present = machine.measure(0.1)
    assert {found.size for found in present.copy} == {2**16, 2**20, 2**24}
    assert {found.dtype for found in present.matmul} == {"fp32", "fp64"}
    for found in (*present.copy, *present.matmul):
        rate = found.rate
        assert 0 < rate.low <= rate.quantile <= rate.high < math.inf
        assert rate.level == 0.95
        assert 1e7 < rate.quantile < 1e15
    assert 0 < present.ridge_point("fp32") < math.inf
    assert 0 < present.ridge_point("fp64") < math.inf
    with pytest.raises(ValueError, match="dtype must be one that was measured, got 'fp8'"):
        present.ridge_point("fp8")


def test_the_work_that_is_timed_is_the_work_that_is_counted() -> None:
    for (kind, _, size), (work, amount) in machine._cases().items():
        work()
        if kind == "copy":
            target, source = work.args
            assert (target == source).all()
            assert amount == target.nbytes + source.nbytes
        else:
            assert (work.keywords["out"] == size).all()
            assert amount == size**2 * 2 * size


def test_the_ridge_of_a_machine_is_its_best_product_over_its_largest_copy() -> None:
    def rate(size: int, value: float, dtype: str = "fp32") -> machine.Rate:
        return machine.Rate(dtype, size, QuantileInterval(value, value, value, 0.95))

    present = machine.Machine(
        copy=(rate(8, 900.0), rate(64, 100.0)),
        matmul=(rate(4, 500.0), rate(16, 2000.0), rate(64, 800.0), rate(16, 9e9, "fp64")),
    )
    assert present.ridge_point("fp32") == 20.0
