"""Every kind of answer is compared as promised, whatever somebody put into the cell."""

import math
from typing import Any

import numpy as np
import pytest
from hostile import HOSTILE
from hypothesis import given
from hypothesis import strategies as st

from labs import checks


def test_only_a_fraction_has_a_complement() -> None:
    assert "one too many" in checks.number(1.0, 0.0).message
    assert "complement" not in checks.number(-0.5, 1.5).message


def test_one_percent_is_near_enough_and_two_are_not() -> None:
    assert checks.number(1.0099, 1.0)
    assert not checks.number(1.0102, 1.0)
    assert not checks.number(1.0001, 1.0, tolerance=0)


def test_where_nothing_is_expected_what_rounding_leaves_of_it_passes() -> None:
    assert checks.number(1e-13, 0.0)
    assert not checks.number(1e-9, 0.0)
    assert not checks.number(1e-13, 0.0, tolerance=0)


@pytest.mark.parametrize(
    ("expected", "answer", "diagnosis"),
    [
        (0.25, 250.0, "thousand times too large"),
        (250.0, 0.25, "thousand times too small"),
        (0.37, 37.0, "percentage"),
        (37.0, 0.37, "fraction"),
        (5.0, -5.0, "sign"),
        (4.0, 0.25, "reciprocal"),
        (0.3, 0.7, "complement"),
        (7.0, 8.0, "one too many"),
        (7.0, 6.0, "one too few"),
    ],
)
def test_slips_of_unit_and_form_are_named(expected: float, answer: float, diagnosis: str) -> None:
    verdict = checks.number(answer, expected, "s")
    assert not verdict
    assert diagnosis in verdict.message


def test_a_mistake_of_the_exercise_comes_before_a_general_slip() -> None:
    verdict = checks.number(0.7, 0.3, mistakes={"that is the share wasted": 0.7})
    assert "share wasted" in verdict.message


@given(
    expected=st.floats(1e-6, 1e6),
    error=st.floats(-0.5, 0.5),
    tolerance=st.floats(1e-4, 0.1),
    sign=st.sampled_from([-1, 1]),
)
def test_the_tolerance_is_relative(
    expected: float, error: float, tolerance: float, sign: int
) -> None:
    wanted, answer = sign * expected, sign * expected * (1 + error)
    verdict = checks.number(answer, wanted, tolerance=tolerance)
    if abs(error) < 0.99 * tolerance:
        assert verdict
    if abs(error) > 1.2 * tolerance:
        assert not verdict


def test_no_tolerance_asks_for_the_number_itself() -> None:
    assert checks.number(40, 40, tolerance=0)
    assert not checks.number(40.001, 40, tolerance=0)
    assert not checks.number(math.nextafter(0.3, 1), 0.3, tolerance=0)


def test_zero_can_be_expected() -> None:
    assert checks.number(0, 0)
    assert not checks.number(1, 0)
    assert not checks.number(1e-3, 0)


def test_the_unit_is_shown() -> None:
    assert repr(checks.number(2, 2, "requests/s")) == "PASS  2 requests/s"
    assert checks.number(2, 9, "ms").message.startswith("got 2 ms, expected 9 ms")


# Several numbers

PARTS = {"load": 0.5, "mean number": 1.0, "wait": 2.0}
SWAPPED = {"load and wait are swapped": [2.0, 1.0, 0.5]}


@pytest.mark.parametrize(
    "answer",
    [[0.5, 1, 2], (0.5, 1, 2), np.array([0.5, 1, 2]), {"wait": 2, "load": 0.5, "mean number": 1}],
    ids=lambda answer: type(answer).__name__,
)
def test_several_numbers_pass_in_any_kind_of_row(answer: Any) -> None:
    assert repr(checks.numbers(answer, PARTS)) == "PASS  0.5, 1, 2"


def test_the_first_wrong_number_is_named() -> None:
    assert checks.numbers([0.5, 3, 9], PARTS, "s").message == "mean number: got 3 s, expected 1 s"
    assert "percentage" in checks.numbers([50, 1, 2], PARTS).message
    message = checks.numbers([2, 1, 0.5], PARTS, mistakes=SWAPPED).message
    assert message == "load: got 2, expected 0.5: load and wait are swapped"


def test_long_rows_are_shown_in_part() -> None:
    many = {f"item {i}": float(i) for i in range(20)}
    assert repr(checks.numbers(range(20), many)).endswith("4, 5, ...")
    assert "20 numbers: item 0, item 1" in checks.numbers([1], many).message


# Options


def test_an_option_is_met_by_its_value() -> None:
    options = ["small", "large", 3, True]
    for answer in options:
        assert checks.choice(answer, answer, options)
    assert checks.choice(np.str_("small"), "small", options)
    assert checks.choice(np.int64(3), 3, options)
    assert not checks.choice(1, True, options)
    assert not checks.choice("Small", "small", options)


def test_a_wrong_option_gets_its_reason() -> None:
    reasons = {"large": "it does not fit"}
    said = checks.choice("large", "small", ["small", "large", "tiny"], reasons).message
    assert said == "got large, expected small: it does not fit"
    said = checks.choice("tiny", "small", ["small", "large", "tiny"], reasons).message
    assert said == "got tiny, expected small"
    assert checks.choice("huge", "small", ["small", "large"]).message == (
        "answer must be one of small, large, got 'huge'"
    )


VERDICTS = {"a": "accept", "b": "block", "c": "accept"}
KINDS = ["accept", "block"]


@pytest.mark.parametrize("kind", [list, tuple, np.array], ids=lambda kind: kind.__name__)
def test_choices_are_compared_in_order(kind: Any) -> None:
    assert checks.choices(kind(["accept", "block", "accept"]), VERDICTS, KINDS)
    wrong = checks.choices(
        kind(["accept"] * 3), VERDICTS, KINDS, {"nothing is blocked": ["accept"] * 3}
    )
    assert wrong.message == "b: got accept, expected block: nothing is blocked"
    assert checks.choices(kind(["block"] * 3), VERDICTS, KINDS).message == (
        "a: got block, expected accept"
    )


def test_choices_may_be_given_by_name() -> None:
    assert checks.choices(dict(reversed(VERDICTS.items())), VERDICTS, KINDS)
    assert (
        "b: answer must be one of" in checks.choices({**VERDICTS, "b": 7}, VERDICTS, KINDS).message
    )
    assert not checks.choices({}, VERDICTS, KINDS)


# Functions

CALLS, SQUARES = {"x = 2": (2,), "x = 3": (3,)}, {"x = 2": 4.0, "x = 3": 9.0}
NOT_SQUARED = {"the sum is not the square": lambda x: x + x}


def test_a_function_is_called_on_every_case() -> None:
    assert checks.function(lambda x: x**2, CALLS, SQUARES)
    said = checks.function(lambda x: 2 * x, CALLS, SQUARES, mistakes=NOT_SQUARED).message
    assert said == "x = 3: got 6, expected 9: the sum is not the square"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda: 1, "your function raised TypeError"),
        (lambda x: 1 / 0, "your function raised ZeroDivisionError: division by zero"),
        (lambda x: print(end=""), "your function returned nothing"),
        (lambda x: "four", "what it returns must be a finite number, got 'four'"),
        (lambda x: [1] * 10**6, "what it returns must be a single number"),
        (lambda x: ("y" * 9999) + x, "your function raised TypeError"),
        (4, "answer must be a function, got 4"),
    ],
)
def test_what_a_function_does_wrong_is_told(answer: Any, said: str) -> None:
    message = checks.function(answer, CALLS, SQUARES).message
    assert said in message
    assert len(message) < 300


# Grading


def test_a_pass_is_printed_and_a_fail_is_raised_as_one_sentence(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert checks.number(1, 1).grade() is None  # a result would be read as points
    assert capsys.readouterr().out == "PASS  1\n"
    with pytest.raises(checks.AnswerError, match=r"^got 2, expected 1: one too many$") as raised:
        checks.number(2, 1).grade()
    assert raised.value._render_traceback_() == ["FAIL  got 2, expected 1: one too many"]


# What a FAIL may tell

KEPT = [
    (lambda: checks.number(2, 9, "ms"), "got 2 ms: not right, and none of the usual slips"),
    (lambda: checks.number(2, 1), "got 2: one too many"),
    (lambda: checks.numbers([0.5, 3, 9], PARTS), "mean number: got 3: not right, and none"),
    (lambda: checks.choice("tiny", "small", ["small", "tiny"]), "got tiny: not right"),
    (lambda: checks.choices(["accept"] * 3, VERDICTS, KINDS), "got accept, accept, accept: not"),
    (lambda: checks.function(lambda x: 7, CALLS, SQUARES), "x = 2: got 7: not right"),
]


@pytest.mark.parametrize(("checked", "said"), KEPT)
def test_what_was_expected_is_told_only_where_it_was_revealed(checked: Any, said: str) -> None:
    assert "expected" in checked().message
    checks.reveal(False)
    assert checked().message.startswith(said)
    assert "expected" not in checked().message


def test_a_grader_tells_nothing_whatever_a_notebook_asks_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for stage in ("autograde", "validate"):
        monkeypatch.setenv("NBGRADER_EXECUTION", stage)
        checks.reveal()
        assert "expected" not in checks.number(2, 9).message


def test_of_two_options_the_wrong_one_is_not_pointed_at() -> None:
    checks.reveal(False)
    one = checks.choices(["block", "block", "accept"], VERDICTS, KINDS).message
    assert not any(one.startswith(name) for name in VERDICTS)


# Hostile answers

KINDS_OF_ANSWER = {
    "number": lambda answer: checks.number(answer, 7.5),
    "numbers": lambda answer: checks.numbers(answer, PARTS),
    "choice": lambda answer: checks.choice(answer, "accept", KINDS),
    "choices": lambda answer: checks.choices(answer, VERDICTS, KINDS),
    "function": lambda answer: checks.function(answer, CALLS, SQUARES),
}


@pytest.mark.parametrize("kind", KINDS_OF_ANSWER)
@pytest.mark.parametrize("answer", HOSTILE, ids=lambda answer: type(answer).__name__)
def test_no_answer_makes_a_check_stumble(kind: str, answer: Any) -> None:
    verdict = KINDS_OF_ANSWER[kind](answer)
    assert not verdict
    assert "\n" not in verdict.message
    assert 5 < len(verdict.message) < 300
    assert ("no answer yet" in verdict.message) == (answer is None or answer is ...)


# Bad input of the author of an exercise


@pytest.mark.parametrize(
    ("call", "argument", "shown"),
    [
        (lambda: checks.number(1, math.nan), "expected", "nan"),
        (lambda: checks.number(1, "2"), "expected", "'2'"),
        (lambda: checks.number(1, 2, tolerance=-1), "tolerance", "-1"),
        (lambda: checks.number(1, 2, tolerance=math.nan), "tolerance", "nan"),
        (lambda: checks.number(1, 2, 3), "unit", "3"),
        (lambda: checks.number(1, 2, mistakes=[3]), "mistakes", "[3]"),
        (lambda: checks.numbers(1, {}), "expected", "{}"),
        (lambda: checks.numbers([1], {"a": 1}, tolerance=None), "tolerance", "None"),
        (lambda: checks.numbers([1], {"a": 1}, 7), "unit", "7"),
        (lambda: checks.numbers([1], {"a": "b"}), "expected", "'b'"),
        (lambda: checks.numbers([1], {"a": 2}, mistakes={"b": [1, 2]}), "mistakes", "2"),
        (lambda: checks.choice("a", "c", ["a", "b"]), "expected", "'c'"),
        (lambda: checks.choice("a", "b", ["a", "b"], {"c": "why"}), "mistakes", "'c'"),
        (lambda: checks.choice("a", "b", "ab"), "options", "'ab'"),
        (lambda: checks.choice("a", "b", ["a", [1]]), "options", "[1]"),
        (lambda: checks.choices(["a"], {"x": "c"}, ["a", "b"]), "expected", "'c'"),
        (lambda: checks.choices(["a"], ["a"], ["a", "b"]), "expected", "['a']"),
        (lambda: checks.function(abs, {"y": (1,)}, {"x": 1}), "cases", "'y'"),
        (lambda: checks.function(abs, {"x": 1}, {"x": 1}), "cases", "1"),
        (lambda: checks.function(abs, {"x": (1,)}, {"x": 1}, mistakes={"y": 3}), "mistakes", "3"),
    ],
)
def test_bad_input_is_named(call: Any, argument: str, shown: str) -> None:
    with pytest.raises(ValueError, match=rf"\b{argument}\b") as problem:
        call()
    assert shown in str(problem.value)
