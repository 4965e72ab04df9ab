"""The parts of an explorer: how they write numbers, where they start, what they refuse."""

import numpy as np
import pytest

from labs.explore import Choice, Panel, Point, Quantity, Rule, Slider, format_value

NAN = float("nan")


@pytest.mark.parametrize(
    ("value", "spec", "text"),
    [
        (0.125, ".2f", "0.12"),
        (2.5, ".0f", "2"),
        (1234.5, ",.1f", "1,234.5"),
        (1e6, "g", "1e+06"),
        (0.00002, ".1g", "2e-05"),
        (12345, ",d", "12,345"),
        (0.256, ".1%", "25.6%"),
        (-0.01, ".1f", "0.0"),
        (float("inf"), "g", "∞"),
        (float("nan"), "d", "n/a"),
    ],
)
def test_numbers_are_written_by_their_format(value, spec, text):
    assert format_value(value, spec) == text


def test_units_follow_a_number_as_print_has_it():
    assert format_value(2, "g", "ms") == "2\u00a0ms"
    assert format_value(2, "g", "×") == "2×"
    assert format_value(2, "g", "%") == "2%"
    assert format_value(float("inf"), "g", "ms") == "∞"


def test_a_slider_starts_in_the_middle_and_a_choice_at_the_first_option_unless_told():
    assert Slider("x", [1, 2, 4], "X").home == 2
    assert Slider("x", [1, 2, 4], "X", start=4).home == 4
    assert Choice("x", ["a", "b"], "X").home == "a"
    assert Choice("x", ["a", "b"], "X", start="b").home == "b"


def test_whole_values_stay_whole():
    values = Slider("x", np.arange(1, 4), "X").values
    assert values == (1, 2, 3)
    assert {type(value) for value in values} == {int}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Slider("two words", [1, 2], "X"), "slider name must be an identifier, got 'two"),
        (lambda: Slider(3, [1, 2], "X"), "slider name must be a str, got 3"),
        (lambda: Slider("x", [1], "X"), "slider 'x' values must be at least two increasing"),
        (lambda: Slider("x", [2, 1], "X"), r"slider 'x' values .* got \[2, 1\]"),
        (lambda: Slider("x", [1, NAN], "X"), "slider 'x' values must be a finite number, got nan"),
        (lambda: Slider("x", ["a", "b"], "X"), "slider 'x' values must be a finite number"),
        (lambda: Slider("x", [[1, 2]], "X"), "slider 'x' values must be one-dimensional"),
        (lambda: Slider("x", [1, 2], "X", start=3), "slider 'x' must be one of its values, got 3"),
        (lambda: Slider("x", [1, 2], " "), "slider 'x' label must be text, got ' '"),
        (lambda: Slider("x", [1, 2], "X", format="e"), "slider 'x' format must be like .* got 'e'"),
        (lambda: Quantity("1x", "X"), "quantity name must be an identifier, got '1x'"),
        (lambda: Quantity("x", "X", format=""), "quantity 'x' format must be like .* got ''"),
        (lambda: Choice("two words", ["a", "b"], "X"), "choice name must be an identifier"),
        (lambda: Choice("x", ["a"], "X"), r"choice 'x' options must be at least two .* \['a'\]"),
        (lambda: Choice("x", ["a", "a"], "X"), "choice 'x' options must be at least two different"),
        (lambda: Choice("x", "ab", "X"), "choice 'x' options must be at least two different"),
        (lambda: Choice("x", ["a", 2], "X"), "choice 'x' option 1 must be a str, got 2"),
        (lambda: Choice("x", ["a", "b"], ""), "choice 'x' label must be text, got ''"),
        (lambda: Choice("x", ["a", "b"], "X", start="c"), "choice 'x' must be one of a, b, got"),
        (lambda: Rule(np.inf, "SLO"), "rule value must be a finite number, got inf"),
        (lambda: Rule(1, "SLO", axis="z"), "rule axis must be one of x, y, got 'z'"),
        (lambda: Rule(1, ""), "rule label must be text, got ''"),
        (lambda: Point("", "y", "dot"), "point x must be text, got ''"),
        (lambda: Panel("x", ()), r"panel y must be at least one quantity, got \(\)"),
        (lambda: Panel("x", "y", marks="dots"), "panel marks must be one of line, bars, got"),
        (lambda: Panel("x", "y", marks="bars", x_log=True), "panel x_log must be False of bars"),
        (
            lambda: Panel("x", "y", points=[Point("x", "y", str(i)) for i in range(6)]),
            "panel y and points must be at most 6 together, got 7",
        ),
        (lambda: Panel("x", "y", x_log=True, x_range=(0, 1)), "panel x_range must be .*above 0"),
        (lambda: Panel("x", "y", y_range=(1, 1)), r"panel y_range must be two .* got \(1, 1\)"),
        (lambda: Panel("x", "y", y_range=(1, 2, 3)), "panel y_range must be of length 2"),
        (
            lambda: Panel("x", "y", y_log=True, rules=[Rule(0, "SLO")]),
            "rule value on a log axis must be a finite number above 0, got 0",
        ),
    ],
)
def test_parts_that_make_no_sense_are_refused_with_name_and_value(make, message):
    with pytest.raises(ValueError, match=message):
        make()
