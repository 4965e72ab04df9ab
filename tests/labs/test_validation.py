"""Arguments are checked in one way: the error names the argument and the value."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from labs import validation

NOT_NUMBERS: list[Any] = [
    None,
    ...,
    "3",
    b"3",
    True,
    [True, False],
    1j,
    [1, "2"],
    [1, None],
    [[1, 2], [3]],
    {"a": 1},
    {1, 2},
    object(),
    lambda: 1,
    np.array(["2020-01-01"], dtype="datetime64[D]"),
    np.datetime64("2020-01-01"),
    float("nan"),
    [1.0, float("nan")],
]


@pytest.mark.parametrize("value", NOT_NUMBERS, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize(
    "check",
    [
        validation.number,
        validation.numbers,
        validation.count,
        validation.counts,
        validation.sequence,
        validation.ascending,
    ],
)
def test_what_is_no_number_is_refused_by_name(check: Any, value: Any) -> None:
    with pytest.raises(ValueError, match=r"^speed must be .*, got "):
        check("speed", value)


@given(value=st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53), 2**53))
def test_a_number_comes_back_as_a_float(value: float) -> None:
    found = validation.number("x", value)
    assert type(found) is float
    assert found == value


@given(
    value=st.floats(-10, 10),
    bound=st.floats(-5, 5),
    name=st.sampled_from(["least", "above", "most", "below"]),
)
def test_bounds_are_closed_or_open_as_named(value: float, bound: float, name: str) -> None:
    inside = {
        "least": value >= bound,
        "above": value > bound,
        "most": value <= bound,
        "below": value < bound,
    }[name]
    if inside:
        assert validation.number("x", value, **{name: bound}) == value
    else:
        with pytest.raises(ValueError, match=r"^x must be"):
            validation.number("x", value, **{name: bound})


@pytest.mark.parametrize("name", ["least", "above", "most", "below"])
def test_the_bound_itself_is_in_or_out(name: str) -> None:
    if name in ("least", "most"):
        assert validation.number("x", 2, **{name: 2}) == 2
    else:
        with pytest.raises(ValueError, match="got 2"):
            validation.number("x", 2, **{name: 2})


@pytest.mark.parametrize(
    ("bounds", "said"),
    [
        ({}, "a finite number"),
        ({"infinite": True}, "a number"),
        ({"least": 0, "most": 1}, "a finite number of at least 0 and of at most 1"),
        ({"above": 0, "below": 1}, "a finite number above 0 and below 1"),
        ({"most": -2.5, "infinite": True}, "a number of at most -2.5"),
        ({"least": 1, "most": 2**53, "whole": True}, "a whole number of at least 1"),
    ],
)
def test_an_error_says_all_that_is_required(bounds: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=f"^share must be {said}, got nan$"):
        validation.number("share", float("nan"), **bounds)


def test_the_first_offender_of_an_array_is_shown() -> None:
    with pytest.raises(ValueError, match=r"rate must be .*at least 0, got -3\.0"):
        validation.numbers("rate", [1, 2, -3, -4], least=0)


def test_infinity_only_where_allowed() -> None:
    assert validation.number("x", float("inf"), infinite=True) == float("inf")
    with pytest.raises(ValueError, match="x must be a finite number, got inf"):
        validation.number("x", float("inf"))


@pytest.mark.parametrize("value", [0, -1, 1.5, 2**53 + 2, float("inf"), 10**400, [1, 2]])
def test_a_count_is_whole_positive_and_exact(value: Any) -> None:
    with pytest.raises(ValueError, match=r"^servers must be"):
        validation.count("servers", value)


@pytest.mark.parametrize("value", [3, 3.0, np.int8(3), np.float32(3), np.array(3)])
def test_a_count_comes_back_as_an_int(value: Any) -> None:
    found = validation.count("servers", value)
    assert type(found) is int
    assert found == 3


def test_a_long_value_is_shortened() -> None:
    with pytest.raises(ValueError, match=r"^name must be") as problem:
        validation.one_of("name", "x" * 10_000, ("a", "b"))
    shown = str(problem.value).partition(", got ")[2]
    assert len(shown) == 80
    assert shown.endswith("x...")


def test_a_scalar_is_wanted_where_one_is_wanted() -> None:
    with pytest.raises(ValueError, match="x must be a single number"):
        validation.number("x", [1.0])


def test_a_sequence_has_one_dimension_and_the_stated_length() -> None:
    assert_array_equal(validation.sequence("x", [1, 2], size=2), [1.0, 2.0])
    for value in (1.0, [[1.0]], [1.0]):
        with pytest.raises(ValueError, match=r"^x must be"):
            validation.sequence("x", value, size=2)


@given(st.lists(st.floats(-1e9, 1e9), max_size=20))
def test_ascending_accepts_exactly_what_never_falls(times: list[float]) -> None:
    if times == sorted(times):
        assert validation.ascending("arrival", times).tolist() == times
    else:
        with pytest.raises(ValueError, match=r"arrival must be in order of time.*at index \d+"):
            validation.ascending("arrival", times)


@pytest.mark.parametrize("times", [[-1.1e30, 0.0], [0.0, 1.1e30]])
def test_no_time_is_beyond_what_sums_can_hold(times: list[float]) -> None:
    with pytest.raises(ValueError, match=r"^arrival must be .*1e\+30"):
        validation.ascending("arrival", times)


def test_one_of_instance_and_generator_name_the_choice() -> None:
    assert validation.one_of("op", "<", ("<", ">")) == "<"
    for value in ("=", None, 3, ["<"]):
        with pytest.raises(ValueError, match=r"op must be one of <, >, got"):
            validation.one_of("op", value, ("<", ">"))
    with pytest.raises(ValueError, match=r"rng must be a numpy.random.Generator, got 7"):
        validation.generator("rng", 7)
    with pytest.raises(ValueError, match="rng must be"):
        validation.generator("rng", np.random.RandomState(1))
    with pytest.raises(ValueError, match="unit must be a str, got 3"):
        validation.instance("unit", 3, str)


def test_shapes_that_do_not_fit_are_named() -> None:
    with pytest.raises(ValueError, match=r"a \(2,\), b \(3,\)"):
        validation.broadcast(a=np.zeros(2), b=np.zeros(3))


@given(st.integers(1, 3), st.integers(1, 4))
def test_elementwise_is_a_loop_over_the_common_shape(rows: int, columns: int) -> None:
    left = np.arange(rows, dtype=float)[:, None]
    right = np.arange(columns, dtype=float)
    found = validation.elementwise(lambda a, b: 10 * a + b, a=left, b=right)
    assert_array_equal(found, 10 * left + right)
    assert type(validation.elementwise(lambda a: a, a=np.asarray(2.0))) is float
    assert validation.elementwise(lambda a, b: 1, a=left, b=right).dtype == np.float64


def test_the_given_array_is_never_altered() -> None:
    given_array = np.array([3, 1, 2])
    validation.numbers("x", given_array)[:] = 0
    assert given_array.tolist() == [3, 1, 2]
