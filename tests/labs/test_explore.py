"""Explorers in Python: what they hold, what they say and what they refuse."""

import json
import re
import subprocess
import sys

import numpy as np
import pytest

from labs.explore import (
    Choice,
    Panel,
    Point,
    Quantity,
    Rule,
    Scene,
    Slider,
    Span,
    heatmap,
    lines,
    timeline,
)
from labs.explore_widget import MAX_BYTES

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


def test_a_timeline_is_computed_for_every_option():
    asked = []

    def compute(rows):
        asked.append(rows)
        return scene(rows + 1)

    figure = shift(compute=compute, sliders=[Choice("rows", ["one", "two"], "Rows")])
    assert asked == [0, 1]
    assert figure.summary(rows="two", step=3).startswith("two rows, ")


def test_points_and_moving_rules_ship_with_the_panel():
    points, rules = [Point("hours", "pace", "here")], [Rule("pace", "limit")]
    panel = Panel("hours", "hours", points=points, rules=rules)
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


def test_axes_and_colours_end_where_they_are_told_to():
    panel = walk(panels=[Panel("speed", "hours", y_range=(0, 2))]).spec["panels"][0]
    assert (panel["x_range"], panel["y_range"]) == (None, (0, 2))
    assert shades(shown_range=(0.1, 3), log=True).spec["shown_range"] == (0.1, 3)


def test_infinite_and_missing_values_are_said():
    figure = walk(
        compute=lambda speed, way: {
            "hours": np.where(speed < 2, np.inf, np.where(speed < 4, np.nan, way))
        }
    )
    assert figure.summary(speed=1).endswith("take ∞.")
    assert figure.summary(speed=2).endswith("take n/a.")


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
    assert re.search(r"export\{\w+ as default\}", figure.widget._esm)
    assert ".xp" in figure.widget._css


def test_a_widget_has_one_script_that_imports_nothing():
    assert not re.search(r"\bimport\b", walk().widget._esm)


def test_importing_explore_loads_no_widget_library():
    code = "import sys, labs.explore; print({'anywidget', 'ipywidgets'} & set(sys.modules))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "set()"


def test_more_than_fits_a_page_is_refused():
    rng = np.random.default_rng(1)
    many = Slider("speed", np.arange(1, MAX_BYTES // 4), "Speed")
    with pytest.raises(ValueError, match=rf"explorer 'walk' must be at most {MAX_BYTES} bytes"):
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
    with pytest.raises(ValueError, match=r"slider 'speed' must be one of its values, got 3"):
        walk().summary(speed=3)
    with pytest.raises(ValueError, match="slider must be one of speed, way, got 'pace'"):
        walk().read(pace=1)
    with pytest.raises(ValueError, match=r"choice 'means' must be one of on foot, .* got 'c'"):
        trip().read(means="c")


NAN = float("nan")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "A walk"}, "name must be lower-case words joined by hyphens.* got 'A walk'"),
        ({"name": "w" * 41}, "name must be .* at most 40"),
        ({"name": None}, "name must be a str, got None"),
        ({"title": ""}, "title must be text, got ''"),
        ({"summary": " "}, "summary must be text, got ' '"),
        ({"summary": "{hours:.2f}"}, "summary must be text whose braces hold a name each"),
        ({"summary": "{pace}"}, "name in the summary must be one of .* got 'pace'"),
        ({"sliders": []}, r"sliders must be at least one, got \(\)"),
        ({"quantities": []}, r"quantities must be at least one, got \(\)"),
        ({"quantities": [HOURS, HOURS]}, r"names .* must be all different, got \['hours'\]"),
        ({"along": "pace"}, "along must be one of speed, way, got 'pace'"),
        ({"panels": []}, "panels must be at least one panel"),
        ({"panels": [Panel("way", "hours")]}, "panel x must be one of speed, hours, got 'way'"),
        ({"panels": [Panel("speed", "pace")]}, "panel y must be one of hours, got 'pace'"),
        ({"panels": [Panel("hours", "hours", marks="bars")]}, "panel x must be 'speed' for bars"),
        (
            {"panels": [Panel("speed", "hours", points=[Point("a", "hours", "dot")])]},
            "point x must be one of hours, got 'a'",
        ),
        (
            {"panels": [Panel("speed", "hours", rules=[Rule("pace", "limit")])]},
            "rule value must be one of hours, got 'pace'",
        ),
        (
            {"panels": [Panel("speed", "hours", points=[Point("hours", "hours", "dot")])]},
            r"panel x, .* must be of one unit, got \['speed', 'hours'\]",
        ),
        ({"compute": lambda speed, way: {}}, r"result of compute must be of exactly \['hours'\]"),
        ({"compute": lambda speed, way: {"hours": 1, "x": 2}}, r"got \['hours', 'x'\]"),
        (
            {"compute": lambda speed, way: {"hours": np.ones(7)}},
            r"quantity 'hours' must be of a shape that broadcasts to \(4, 3\), got \(7,\)",
        ),
        (
            {"compute": lambda speed, way: {"hours": NAN}},
            "quantity 'hours' must be a number somewhere",
        ),
        (
            {"quantities": [Quantity("hours", "Time", format="d")]},
            r"quantity 'hours' must be whole to be written as 'd', got 1\.5",
        ),
    ],
)
def test_curves_that_do_not_fit_together_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        walk(**change)


def test_rules_of_another_unit_are_refused():
    quantities = [HOURS, Quantity("pace", "Pace", "km")]
    panels = [Panel("means", "hours", rules=[Rule("pace", "limit")])]
    with pytest.raises(ValueError, match=r"must be of one unit, got \['hours', 'pace'\]"):
        trip(quantities=quantities, panels=panels)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": "pace"}, "x must be one of speed, way, got 'pace'"),
        ({"y": "speed"}, "y must be one of way, got 'speed'"),
        ({"shown": "pace"}, "shown must be one of hours, got 'pace'"),
        ({"limit": NAN}, "limit must be a finite number, got nan"),
        ({"shown_range": (2, 1)}, "shown_range must be two increasing"),
        ({"shown_range": (0, 1), "log": True}, "shown_range must be a finite number above 0"),
        (
            {"log": True, "compute": lambda speed, way: {"hours": speed - way}},
            "log must be False where a value is not positive",
        ),
        (
            {"compute": lambda speed, way: {"hours": np.inf}},
            "quantity 'hours' must be finite somewhere, got inf",
        ),
    ],
)
def test_shades_that_do_not_fit_together_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        shades(**change)


def still(*spans, steps=(0, 1), **readouts):
    """A timeline's `compute` that ignores its slider."""
    return {"compute": lambda rows: Scene(spans, steps, readouts)}


BAR = Span("One", 0, 0, 1, "work")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kinds": {}}, "kinds must be 1 to"),
        ({"kinds": {"rest": "Rest"}}, "span kind must be one of rest, got 'work'"),
        ({"sliders": [Slider("time", [1, 2], "T")], "compute": lambda time: scene(1)}, "'time'"),
        (still(done=[0, 1]), "scene spans must be at least one span"),
        (still(BAR, steps=[1, 0], done=[0, 1]), "scene steps must be increasing times"),
        (still(BAR, steps=[0], done=[0]), "scene steps must be at least two times, got 1"),
        (still(BAR, done=[0]), r"readout 'done' must be of shape \(2,\), got \(1,\)"),
        (still(BAR), r"scene readouts must be of exactly \['done'\], got \[\]"),
        (still(Span("A", -1, 0, 1, "work"), done=[0, 1]), "span lane must be .* got -1"),
        (still(Span("A", 0, 2, 1, "work"), done=[0, 1]), "span end must be .* at least 2, got 1"),
        (still(Span("A", 0, NAN, 1, "work"), done=[0, 1]), "span start must be .* got nan"),
    ],
)
def test_scenes_that_do_not_fit_together_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        shift(**change)
