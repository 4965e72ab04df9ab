"""Explorers in Python: what they hold, what they say and what they refuse."""

import json
import re
import subprocess
import sys

import numpy as np
import pytest

from labs.explore import (
    MAX_BYTES,
    Choice,
    Panel,
    Point,
    Quantity,
    Rule,
    Scene,
    Slider,
    Span,
    format_value,
    heatmap,
    lines,
    timeline,
)

SPEED = Slider("speed", [1, 2, 4, 8], "Speed", "km/h", start=4)
WAY = Slider("way", [1.5, 3.0, 6.0], "Way", "km")
HOURS = Quantity("hours", "Time", "h", ".2f")


def hours(speed, way):
    return {"hours": way / speed}


def walk(**changes):
    return lines(
        **{
            "name": "walk",
            "title": "Walking",
            "compute": hours,
            "sliders": [SPEED, WAY],
            "along": "speed",
            "quantities": [HOURS],
            "panels": [Panel("speed", "hours")],
            "summary": "{way} at {speed} take {hours}.",
        }
        | changes
    )


def shades(**changes):
    return heatmap(
        **{
            "name": "walk",
            "title": "Walking",
            "compute": hours,
            "sliders": [SPEED, WAY],
            "x": "speed",
            "y": "way",
            "quantities": [HOURS],
            "shown": "hours",
            "summary": "{hours}",
        }
        | changes
    )


def scene(rows):
    spans = [Span("One", row, row, row + 2.5, "work", f"r{row}") for row in range(rows)]
    return Scene(spans, np.arange(rows + 1.0), {"done": np.arange(rows + 1)})


def shift(**changes):
    return timeline(
        **{
            "name": "shift",
            "title": "A shift",
            "compute": scene,
            "sliders": [Slider("rows", [1, 2, 3], "Rows")],
            "kinds": {"work": "Work"},
            "quantities": [Quantity("done", "Done", format="d")],
            "summary": "{rows} rows, {step}: {done} done at {time}.",
        }
        | changes
    )


def test_the_function_is_evaluated_once_over_the_whole_grid():
    shapes = []

    def counted(speed, way):
        shapes.append((speed.shape, way.shape))
        return hours(speed, way)

    figure = walk(compute=counted)
    assert shapes == [((4, 1), (1, 3))]
    for speed in SPEED.values:
        for way in WAY.values:
            assert figure.read(speed=speed, way=way)["hours"] == np.float32(way / speed)


def trip(**changes):
    """A walk by one of three means; `compute` is given their positions."""
    means = Choice("means", ["on foot", "by bike", "by car"], "Means", start="by bike")

    def compute(means, way):
        return {"hours": way / np.array([4.0, 16.0, 64.0])[means], "pace": 60.0 + 0 * means * way}

    plain = {"compute": compute, "sliders": [means, WAY], "along": "means"}
    plain |= {"quantities": [HOURS, Quantity("pace", "Pace", "h")]}
    plain |= {"panels": [Panel("means", "hours", marks="bars")]}
    return walk(**(plain | {"summary": "{way} {means} take {hours}."} | changes))


def test_a_choice_is_called_by_its_options():
    figure = trip()
    assert figure.summary() == "3\u00a0km by bike take 0.19\u00a0h."
    assert figure.summary(means="on foot", way=6) == "6\u00a0km on foot take 1.50\u00a0h."
    assert figure.read(means="by car", way=6.0)["hours"] == 6 / 64
    assert figure.read()["means"] == "by bike"
    assert figure.spec["sliders"][0]["texts"] == ("on foot", "by bike", "by car")
    assert figure.spec["sliders"][1]["texts"] is None


def test_a_choice_starts_at_its_first_option_unless_told():
    assert Choice("means", ["a", "b"], "Means").home == "a"
    with pytest.raises(ValueError, match="choice 'means' must be set to an option, got 'c'"):
        trip().read(means="c")


def test_a_timeline_is_computed_for_every_option():
    asked = []

    def compute(rows):
        asked.append(rows)
        return scene(rows + 1)

    figure = shift(compute=compute, sliders=[Choice("rows", ["one", "two"], "Rows")])
    assert asked == [0, 1]
    assert figure.summary(rows="two", step=3).startswith("two rows, ")


def test_points_and_moving_rules_ship_with_the_panel():
    panel = Panel(
        "means", "hours", points=[Point("hours", "pace", "here")], rules=[Rule("pace", "limit")]
    )
    described = trip(panels=[panel]).spec["panels"][0]
    assert described["points"] == ({"x": "hours", "y": "pace", "label": "here"},)
    assert described["rules"][0]["value"] == "pace"


def test_a_value_that_ignores_a_slider_fills_its_axis():
    figure = walk(compute=lambda speed, way: {"hours": 1 / speed})
    assert {figure.read(speed=2, way=way)["hours"] for way in WAY.values} == {0.5}


def test_the_grid_is_shipped_in_single_precision_in_the_order_of_the_sliders():
    shipped = np.frombuffer(walk().data, "<f4").reshape(4, 3)
    np.testing.assert_allclose(shipped, np.divide.outer([1, 2, 4, 8], [1.5, 3, 6]) ** -1, rtol=1e-7)


def test_the_sentence_names_the_setting_with_units():
    assert walk().summary() == "3\u00a0km at 4\u00a0km/h take 0.75\u00a0h."
    assert walk().summary(speed=8, way=1.5) == "1.5\u00a0km at 8\u00a0km/h take 0.19\u00a0h."
    assert walk().spec["initial"] == walk().summary()


def test_infinite_and_missing_values_are_said():
    figure = walk(
        compute=lambda speed, way: {
            "hours": np.where(speed < 2, np.inf, np.where(speed < 4, np.nan, way))
        }
    )
    assert figure.summary(speed=1).endswith("take ∞.")
    assert figure.summary(speed=2).endswith("take n/a.")


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


def test_the_repr_is_short_and_names_kind_and_shape():
    assert re.fullmatch(r"Explorer\('walk', lines, 4×3, checksum [0-9a-f]{8}\)", repr(walk()))
    assert re.match(r"Explorer\('shift', timeline, 3×4, ", repr(shift()))
    longest = shades(name="a-name-as-long-as-any-name-may-ever-be40")
    assert len(repr(longest)) <= 100


def test_the_checksum_sees_numbers_and_words_but_not_rounding():
    def scaled(factor):
        return walk(compute=lambda speed, way: {"hours": factor * way / speed})

    assert repr(scaled(1)) == repr(walk())
    assert repr(scaled(1 + 1e-7)) == repr(walk())
    assert repr(scaled(1.01)) != repr(walk())
    assert repr(walk(title="Strolling")) != repr(walk())
    assert repr(shift()) == repr(shift())


def test_the_widget_ships_spec_data_and_code_and_prints_as_the_explorer():
    figure = walk()
    bundle, _ = figure._repr_mimebundle_()
    assert bundle["text/plain"] == repr(figure)
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert figure.widget.data == figure.data
    assert json.dumps(figure.widget.spec)
    assert "export default" in figure.widget._esm
    assert ".xp" in figure.widget._css


def test_importing_explore_loads_no_widget_library():
    code = "import sys, labs.explore; print({'anywidget', 'ipywidgets'} & set(sys.modules))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "set()"


def test_more_than_fits_a_page_is_refused():
    rng = np.random.default_rng(1)
    many = Slider("speed", np.arange(1, MAX_BYTES // 4), "Speed")
    with pytest.raises(ValueError, match=rf"explorer 'walk' must hold at most {MAX_BYTES} bytes"):
        walk(
            sliders=[many],
            along="speed",
            summary="{speed}",
            compute=lambda speed: {"hours": rng.random(speed.shape)},
        )


def test_a_timeline_pads_short_scenes_with_their_last_step():
    figure = shift()
    assert figure.read(rows=1, step=4)["time"] == 1
    assert figure.summary(rows=1, step=4) == "1 rows, 4\u00a0of 4: 1 done at 1.00\u00a0s."
    assert figure.summary(rows=3, step=3) == "3 rows, 3\u00a0of 4: 2 done at 2.00\u00a0s."


def test_a_timeline_ships_its_spans_after_its_readouts():
    figure = shift()
    assert figure.spec["counts"] == [1, 2, 3]
    spans = np.frombuffer(figure.data, "<f4")[2 * 3 * 4 :].reshape(6, 6)
    assert spans[-1].tolist() == [0, 2, 2, 4.5, 0, 2]
    assert figure.spec["panels"] == [{"label": "One", "lanes": 3}]
    assert figure.spec["labels"] == ["r0", "r1", "r2"]


def test_a_setting_that_is_not_on_the_grid_is_refused():
    with pytest.raises(ValueError, match=r"slider 'speed' must be set to one of its values, got 3"):
        walk().summary(speed=3)
    with pytest.raises(ValueError, match=r"values must name sliders .* got \['pace'\]"):
        walk().read(pace=1)


NAN = float("nan")
PART = [HOURS]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: Slider("two words", [1, 2], "X"),
            "slider name must be an identifier, got 'two words'",
        ),
        (lambda: Slider("x", [1], "X"), "slider 'x' values must be at least two increasing"),
        (lambda: Slider("x", [2, 1], "X"), r"slider 'x' values .* got \[2, 1\]"),
        (lambda: Slider("x", [1, NAN], "X"), "slider 'x' values"),
        (lambda: Slider("x", ["a", "b"], "X"), "slider 'x' values"),
        (
            lambda: Slider("x", [1, 2], "X", start=3),
            "slider 'x' must be set to one of its values, got 3",
        ),
        (lambda: Slider("x", [1, 2], " "), "slider 'x' label must be text, got ' '"),
        (lambda: Slider("x", [1, 2], "X", format="e"), "slider 'x' format must be like .* got 'e'"),
        (lambda: Quantity("1x", "X"), "quantity name must be an identifier, got '1x'"),
        (lambda: Quantity("x", "X", format=""), "quantity 'x' format must be like .* got ''"),
        (lambda: Choice("two words", ["a", "b"], "X"), "choice name must be an identifier"),
        (lambda: Choice("x", ["a"], "X"), r"choice 'x' options must be at least two .* \['a'\]"),
        (lambda: Choice("x", ["a", "a"], "X"), "choice 'x' options must be at least two different"),
        (lambda: Choice("x", "ab", "X"), "choice 'x' options must be at least two different"),
        (lambda: Choice("x", ["a", 2], "X"), "choice 'x' options must be at least two different"),
        (lambda: Choice("x", ["a", "b"], ""), "choice 'x' label must be text"),
        (lambda: Choice("x", ["a", "b"], "X", start="c"), "choice 'x' must be set to an option"),
        (lambda: Point("", "y", "dot"), "point x must be text, got ''"),
        (lambda: Panel("x", "y", marks="dots"), "panel marks must be 'line' or 'bars', got 'dots'"),
        (lambda: Panel("x", "y", marks="bars", x_log=True), "panel x_log must be False of bars"),
        (
            lambda: Panel("x", "y", points=[Point("x", "y", str(i)) for i in range(6)]),
            "panel points must leave 6 series, got 7",
        ),
        (
            lambda: walk(panels=[Panel("speed", "hours", points=[Point("a", "hours", "dot")])]),
            "panel points and rules must name quantities, got 'a'",
        ),
        (
            lambda: walk(panels=[Panel("speed", "hours", rules=[Rule("pace", "limit")])]),
            "panel points and rules must name quantities, got 'pace'",
        ),
        (
            lambda: walk(panels=[Panel("hours", "hours", marks="bars")]),
            "panel marks must be 'line' off the slider, got 'hours'",
        ),
        (
            lambda: trip(
                quantities=[HOURS, Quantity("pace", "Pace", "km")],
                panels=[Panel("means", "hours", rules=[Rule("pace", "limit")])],
            ),
            r"panel y must share one unit, got \['hours', 'pace'\]",
        ),
        (lambda: Rule(np.inf, "SLO"), "rule value must be finite, got inf"),
        (lambda: Rule(1, "SLO", axis="z"), "rule axis must be 'x' or 'y', got 'z'"),
        (lambda: Panel("x", ()), r"panel y must name 1 to \d quantities, got \(\)"),
        (
            lambda: Panel("x", "y", x_log=True, x_range=(0, 1)),
            r"panel x_range must be .* got \(0, 1\)",
        ),
        (lambda: Panel("x", "y", y_range=(1, 1)), "panel y_range must be two increasing"),
        (
            lambda: Panel("x", "y", y_log=True, rules=[Rule(0, "SLO")]),
            "rule value must be positive",
        ),
        (
            lambda: walk(name="A walk"),
            "name must be lower-case words joined by hyphens.* got 'A walk'",
        ),
        (lambda: walk(name="w" * 41), "name must be .* at most 40"),
        (lambda: walk(title=""), "explorer title must be text, got ''"),
        (lambda: walk(sliders=[]), "sliders must hold at least one slider"),
        (lambda: walk(quantities=[]), "quantities must hold at least one quantity"),
        (lambda: walk(quantities=[HOURS, HOURS]), r"names .* must differ, got \['hours'\]"),
        (lambda: walk(along="pace"), "along must name a slider, got 'pace'"),
        (lambda: walk(panels=[]), "panels must hold at least one panel"),
        (
            lambda: walk(panels=[Panel("way", "hours")]),
            "panel x must be along or a quantity, got 'way'",
        ),
        (lambda: walk(panels=[Panel("speed", "pace")]), "panel y must name quantities, got 'pace'"),
        (
            lambda: walk(summary="{pace}"),
            r"summary must name sliders and quantities only, got \['pace'\]",
        ),
        (lambda: walk(summary="{hours:.2f}"), "summary must pair its braces"),
        (
            lambda: walk(compute=lambda speed, way: {}),
            r"result of compute must hold exactly \['hours'\]",
        ),
        (
            lambda: walk(compute=lambda speed, way: {"hours": 1, "more": 2}),
            r"got \['hours', 'more'\]",
        ),
        (
            lambda: walk(compute=lambda speed, way: {"hours": np.ones(7)}),
            r"quantity 'hours' must broadcast to \(4, 3\), got \(7,\)",
        ),
        (
            lambda: walk(compute=lambda speed, way: {"hours": NAN}),
            "quantity 'hours' must be a number some",
        ),
        (
            lambda: walk(quantities=[Quantity("hours", "Time", format="d")]),
            "quantity 'hours' must be whole to be written as 'd'",
        ),
        (lambda: shades(x="pace"), "x must name a slider, got 'pace'"),
        (lambda: shades(y="speed"), "y must differ from x, got 'speed'"),
        (lambda: shades(shown="pace"), "shown must name a quantity, got 'pace'"),
        (lambda: shades(limit=NAN), "limit must be finite, got nan"),
        (lambda: shades(shown_range=(2, 1)), "shown_range must be two increasing"),
        (
            lambda: shades(log=True, compute=lambda speed, way: {"hours": speed - way}),
            "log must be False",
        ),
        (lambda: shift(kinds={}), "kinds must have 1 to"),
        (lambda: shift(kinds={"rest": "Rest"}), r"span kind must be one of \['rest'\], got 'work'"),
        (lambda: shift(sliders=[Slider("step", [1, 2], "S")]), "slider name must not be 'step'"),
        (
            lambda: shift(compute=lambda rows: Scene([], [0, 1], {"done": [0, 1]})),
            "scene spans must hold",
        ),
        (
            lambda: shift(compute=lambda rows: Scene(scene(1).spans, [1, 0], {"done": [0, 1]})),
            "scene steps must be increasing times",
        ),
        (
            lambda: shift(compute=lambda rows: Scene(scene(1).spans, [0, 1], {"done": [0]})),
            r"readout 'done' must have shape \(2,\), got \(1,\)",
        ),
        (
            lambda: shift(compute=lambda rows: Scene(scene(1).spans, [0, 1], {})),
            "scene readouts must hold",
        ),
        (
            lambda: shift(
                compute=lambda rows: Scene([Span("A", -1, 0, 1, "work")], [0, 1], {"done": [0, 1]})
            ),
            "span lane must be at least 0, got -1",
        ),
        (
            lambda: shift(
                compute=lambda rows: Scene([Span("A", 0, 2, 1, "work")], [0, 1], {"done": [0, 1]})
            ),
            r"span end must be finite and not before its start, got \(2, 1\)",
        ),
    ],
)
def test_bad_input_is_refused_with_name_and_value(make, message):
    with pytest.raises(ValueError, match=message):
        make()
