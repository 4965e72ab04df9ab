"""Explorers on a built page: what is drawn, said and tabulated is what Python computes."""

import itertools
import json
import math
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import explorer_page as seen
import numpy as np
import pytest
from docutils import nodes
from docutils.utils import new_document
from playwright.sync_api import expect

from bookkit.directives import explorers as extension
from labs.explore import format_value
from labs.style import PALETTE

ROOT = Path(__file__).resolve().parents[2]
SOURCE = Path(__file__).parent / "fixtures" / "explorers"
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
LATENCY, COST, BATCHES = "wait-and-rate", "cost-of-load", "two-schedules"
BARS, ROOF, NAMED = "loss-by-format", "roof-and-points", "loss-map"
ALL = [LATENCY, COST, BATCHES, BARS, ROOF, NAMED]


figures = seen.load(SOURCE / "figures.py")


@pytest.fixture(scope="session")
def site(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("explorers")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([*command, SOURCE, folder], check=True, env=environment)
    return folder


@pytest.fixture(scope="session")
def home(site, serve) -> str:
    return f"{serve(site)}/index.html"


@pytest.fixture
def page(visit, home):
    return visit(home)


def agree_lines(found) -> None:
    """The drawing, the sentence and the table show what `wait` computes."""
    at = seen.sliders(found)
    truth = {name: seen.shipped(value) for name, value in figures.wait(**at).items()}
    marks = {(mark.panel, mark.quantity): mark for mark in seen.marks(found)}
    for panel, quantity in ((0, "mean"), (0, "tail"), (1, "tail")):
        if math.isnan(truth[quantity]):
            assert (panel, quantity) not in marks
        elif (panel == 0 and truth[quantity] > 120) or math.isinf(truth[quantity]):
            assert marks[panel, quantity].clipped
        else:
            mark = marks[panel, quantity]
            assert not mark.clipped
            wanted = at["load"] if panel == 0 else truth["rate"]
            assert mark.x == pytest.approx(wanted, rel=0.01, abs=0.003)
            assert mark.y == pytest.approx(truth[quantity], rel=0.01, abs=0.4)
    assert seen.summary(found) == (
        f"At {at['load']:.0%} load on {at['servers']:.0f} servers of {at['service']:g}\u00a0ms a "
        f"request, the mean latency is {format_value(truth['mean'], '.3g', 'ms')}, "
        f"the 99th percentile {format_value(truth['tail'], ',.1f', 'ms')}, "
        f"for {truth['rate']:,.0f}\u00a0requests/s."
    )
    head, rows, current = seen.table(found)
    assert head == ["Load", "Mean latency (ms)", "99th percentile (ms)", "Throughput (requests/s)"]
    assert rows[current[0]] == [
        f"{at['load']:.0%}",
        format_value(truth["mean"], ".3g"),
        format_value(truth["tail"], ",.1f"),
        f"{truth['rate']:,.0f}",
    ]
    assert len(current) == 1
    for row, along in zip(rows, figures.LOAD.values, strict=True):
        mean = seen.shipped(figures.wait(along, at["servers"], at["service"])["mean"])
        assert row[:2] == [f"{along:.0%}", format_value(mean, ".3g")]


def agree_timeline(found) -> None:
    """The cursor, the bars, the sentence and the table show what `schedule` returns."""
    at = seen.sliders(found)
    scene = figures.schedule(int(at["slots"]))
    last = len(scene.steps) - 1
    step = min(int(at["step"]) - 1, last)
    now = float(scene.steps[step])
    assert seen.cursor(found) == pytest.approx(now, abs=0.03)
    assert seen.solid_until(found) == pytest.approx(now, abs=0.03)
    drawn = seen.bars(found)
    assert len(drawn) == len(scene.spans)
    panels = list(dict.fromkeys(span.panel for span in scene.spans))
    in_order = sorted(scene.spans, key=lambda s: (panels.index(s.panel), s.lane, s.start))
    for (start, end), span in zip(drawn, in_order, strict=True):
        assert start == pytest.approx(span.start, abs=0.05)
        assert end == pytest.approx(span.end, abs=0.1)
    assert f"({now:.2f}\u00a0s), {scene.readouts['done'][step]} bars" in seen.summary(found)
    _, rows, current = seen.table(found)
    assert [row[5] for row in rows] == [f"{span.end:.2f}" for span in scene.spans]
    assert current == [i for i, s in enumerate(scene.spans) if s.start <= now < s.end]


def test_the_keyboard_moves_lines_to_the_computed_numbers(page):
    found = seen.explorer(page, LATENCY)
    agree_lines(found)
    before = seen.sliders(found)
    for keys in (["ArrowRight"] * 4, ["ArrowLeft"], ["PageUp"], ["Home"], ["End"]):
        seen.press(found, "load", *keys)
        assert seen.sliders(found) != before
        before = seen.sliders(found)
        agree_lines(found)
    seen.press(found, "load", "Home", "ArrowRight")
    seen.press(found, "servers", "End")
    seen.press(found, "service", "ArrowRight")
    assert seen.sliders(found) == {"load": 0.15, "servers": 32, "service": 20}
    agree_lines(found)


def test_the_pointer_moves_a_slider_and_the_plot_itself(page):
    found = seen.explorer(page, LATENCY)
    seen.pull(found, "load", 0.25)
    assert 0.3 <= seen.sliders(found)["load"] <= 0.45
    agree_lines(found)
    plot = found.locator(".xp-panel").first.bounding_box()
    page.mouse.move(plot["x"] + plot["width"] * 0.3, plot["y"] + plot["height"] / 2)
    page.mouse.down()
    first = seen.sliders(found)["load"]
    page.mouse.move(plot["x"] + plot["width"] * 0.5, plot["y"] + plot["height"] / 2, steps=4)
    page.mouse.up()
    assert seen.sliders(found)["load"] > first
    agree_lines(found)


def test_a_value_without_bound_or_without_meaning_is_said_and_not_drawn(page):
    found = seen.explorer(page, LATENCY)
    seen.press(found, "load", "End")
    assert "the mean latency is ∞," in seen.summary(found)
    agree_lines(found)
    seen.press(found, "servers", "Home")
    assert "percentile n/a," in seen.summary(found)
    agree_lines(found)


def test_the_heatmap_marks_colours_and_tabulates_the_computed_cells(page):
    found = seen.explorer(page, COST)
    columns, rows = figures.LOAD.values, figures.SERVERS.values

    def tail(**at: float) -> float:
        return seen.shipped(figures.wait(**at)["tail"])

    moves = {"load": "ArrowRight", "servers": "End", "service": "ArrowRight"}
    for name, key in (*moves.items(), ("load", "Home")):
        seen.press(found, name, key)
        at = seen.sliders(found)
        wanted = format_value(tail(**at), ".3g", "ms")
        assert seen.summary(found).endswith(f"percentile is {wanted}.")
        assert found.locator(".xp-chip-text").text_content() == wanted
        cell = columns.index(at["load"]), rows.index(at["servers"])
        assert seen.pinned(found) == pytest.approx(seen.cells(found, columns, rows)(*cell), abs=1)
        _, written, current = seen.table(found)
        assert current == [cell[1]]
        for row, servers in zip(written, rows, strict=True):
            setting = {"servers": servers, "service": at["service"]}
            truth = [tail(load=x, **setting) for x in columns]
            assert row == [f"{servers}", *(format_value(value, ".3g") for value in truth)]


def test_the_heatmap_darkens_with_the_number_and_outlines_the_limit(visit, home):
    page = visit(home, color_scheme="light")
    found = seen.explorer(page, COST)
    columns, rows = figures.LOAD.values, figures.SERVERS.values
    truth = [[float(figures.wait(x, y, 10)["tail"]) for x in columns] for y in rows]
    within = np.array(truth) <= 50
    borders = np.diff(within, axis=1).sum() + np.diff(within, axis=0).sum()
    assert found.locator("path.xp-limit").get_attribute("d").count("M") == borders > 0
    grey = seen.lightness(found, columns, rows)
    under_chip = {(10, 2), (11, 2), (12, 2), (13, 2)}
    shades = [
        (truth[j][i], grey[j][i])
        for j in range(len(rows))
        for i in range(len(columns))
        if (i, j) not in under_chip
    ]
    ordered = [shade for value, shade in sorted(s for s in shades if math.isfinite(s[0]))]
    assert ordered[0] > ordered[-1] + 60
    assert all(after <= before + 1 for before, after in itertools.pairwise(ordered))
    pad = 242  # where there is no number, the figure's ground shows
    assert {shade for value, shade in shades if math.isnan(value)} == {pad}


def test_a_click_on_a_cell_of_the_heatmap_moves_both_sliders(page):
    found = seen.explorer(page, COST)
    found.locator(".xp-figure").scroll_into_view_if_needed()
    page.mouse.click(*seen.cells(found, figures.LOAD.values, figures.SERVERS.values)(2, 0))
    assert seen.sliders(found) == {"load": 0.2, "servers": 1, "service": 10}


def test_the_timeline_steps_through_what_was_scheduled(page):
    found = seen.explorer(page, BATCHES)
    agree_timeline(found)
    seen.press(found, "step", "ArrowRight", "ArrowRight")
    agree_timeline(found)
    found.get_by_role("button", name="Previous step").click()
    agree_timeline(found)
    step = seen.sliders(found)["step"]
    found.get_by_role("button", name="Next step").click()
    assert seen.sliders(found)["step"] == step + 1
    seen.press(found, "slots", "Home")
    seen.press(found, "step", "End")
    agree_timeline(found)
    seen.press(found, "slots", "End")
    agree_timeline(found)


def test_bars_reach_the_computed_numbers_and_the_current_one_is_marked(page):
    found = seen.explorer(page, BARS)
    for keys in (["Home"], ["ArrowRight"], ["End"]):
        seen.press(found, "format", *keys)
        seen.press(found, "spread", "ArrowRight")
        at = seen.sliders(found)
        truth = figures.loss(int(at["format"]), at["spread"])
        option = figures.FORMATS.options[int(at["format"])]
        assert seen.slider(found, "format").get_attribute("aria-valuetext") == option
        assert seen.summary(found) == (
            f"{option} at a spread of {at['spread']:g} loses {truth['error']:.1f}%, "
            f"{truth['worst']:.1f}% at worst, with {truth['bits']:.2f}\u00a0b."
        )
        marks = {mark.quantity: mark for mark in seen.marks(found)}
        for quantity in ("error", "worst", "bits"):
            assert marks[quantity].y == pytest.approx(truth[quantity], rel=0.02, abs=1.5)
        assert found.locator(".xp-column[aria-current]").count() == 3
        head, rows, current = seen.table(found)
        assert head[0] == "Format"
        assert [row[0] for row in rows] == list(figures.FORMATS.options)
        assert rows[current[0]][0] == option


def test_bars_stand_on_zero_and_hang_from_it(page):
    found = seen.explorer(page, BARS)
    panel = found.locator(".xp-panel").first
    for spread in ("Home", "End"):
        seen.press(found, "spread", spread)
        values = [figures.loss(i, seen.sliders(found)["spread"]) for i in range(4)]
        for quantity in ("error", "worst"):
            wanted = [pytest.approx(sorted((0, value[quantity])), abs=0.5) for value in values]
            assert seen.columns(panel, quantity) == wanted


def test_points_and_rules_follow_the_sliders(page):
    found = seen.explorer(page, ROOF)
    for name, key in (("batch", "End"), ("card", "ArrowRight"), ("batch", "Home")):
        seen.press(found, name, key)
        at = seen.sliders(found)
        truth = figures.roof(at["intensity"], int(at["card"]), at["batch"])
        marks = {mark.quantity: mark for mark in seen.marks(found)}
        assert marks["decode"].x == pytest.approx(truth["decode_at"], rel=0.04)
        assert marks["decode"].y == pytest.approx(truth["decode"], rel=0.04)
        assert marks["prefill"].x == pytest.approx(300, rel=0.04)
        assert marks["prefill"].y == pytest.approx(truth["prefill"], rel=0.04)
        rule = found.locator('.xp-rule[data-axis="x"]')
        assert float(rule.get_attribute("data-value")) == pytest.approx(truth["ridge"])
        text = found.locator(".xp-figure").text_content()
        assert all(label in text for label in ("decode", "prefill", "ridge"))
        assert f"the ridge is at {truth['ridge']:.0f}\u00a0FLOP/B" in seen.summary(found)


def test_a_heatmap_of_options_names_them_on_its_axis_and_in_its_table(page):
    found = seen.explorer(page, NAMED)
    texts = found.locator(".xp-figure .xp-tick text").all_text_contents()
    assert {"int8", "FP8", "MXFP4"} <= set(texts)
    head, _, _ = seen.table(found)
    assert head[1:] == list(figures.FORMATS.options)
    seen.press(found, "format", "Home")
    assert seen.summary(found).startswith("int8 at 2:")


def test_the_address_holds_an_option_by_name(page, visit, home):
    found = seen.explorer(page, BARS)
    seen.press(found, "format", "Home", "ArrowRight")
    page.wait_for_url(f"{home}#{BARS}?format=int4%20groups&spread=2")
    again = seen.explorer(visit(page.url), BARS)
    assert seen.sliders(again)["format"] == 1
    other = seen.explorer(visit(f"{home}#{BARS}?format=int5&spread=4"), BARS)
    assert seen.sliders(other) == {"format": 2, "spread": 4}


def test_play_walks_on_and_is_not_offered_where_motion_is_unwelcome(page, visit, home):
    found = seen.explorer(page, BATCHES)
    seen.press(found, "step", "Home")
    found.get_by_role("button", name="Play").click()
    # It may have walked further before it is looked at.
    expect(seen.slider(found, "step")).to_have_attribute("data-value", re.compile(r"[4-9]|\d\d"))
    found.get_by_role("button", name="Pause").click()
    assert seen.sliders(found)["step"] >= 4
    agree_timeline(found)
    still = seen.explorer(visit(home, reduced_motion="reduce"), BATCHES)
    expect(still.get_by_role("button", name="Next step")).to_be_visible()
    expect(still.locator(".xp-play")).not_to_be_visible()


def test_assistive_technology_hears_the_sentence_and_the_value_with_its_unit(page):
    found = seen.explorer(page, LATENCY)
    expect(seen.told(found)).to_have_text("")
    seen.press(found, "service", "ArrowRight")
    expect(seen.told(found)).to_have_text(seen.summary(found))
    inputs = seen.slider(found, "service")
    assert inputs.get_attribute("aria-valuetext") == "20\u00a0ms"
    assert found.get_by_label("Service time", exact=True).count() == 1
    assert inputs.get_attribute("data-lm-suppress-shortcuts") is not None


def test_reset_returns_to_the_start(page):
    found = seen.explorer(page, LATENCY)
    start = seen.sliders(found)
    seen.press(found, "load", "End")
    found.get_by_role("button", name="Reset").click()
    assert seen.sliders(found) == start
    assert not found.get_by_role("button", name="Reset").is_visible()
    page.wait_for_url(lambda address: "#" not in address)


def test_the_address_holds_the_setting_and_restores_it(page, visit, home):
    found = seen.explorer(page, COST)
    seen.press(found, "load", "ArrowRight")
    seen.press(found, "servers", "End")
    page.wait_for_url(f"{home}#{COST}?load=0.65&servers=32&service=10")
    other = visit(page.url)
    assert seen.sliders(seen.explorer(other, COST)) == seen.sliders(found)
    assert 0 <= seen.explorer(other, COST).bounding_box()["y"] < 300
    assert other.visit.errors == []


def test_a_link_on_the_page_moves_the_sliders(page):
    found = seen.explorer(page, LATENCY)
    page.get_by_role("link", name="link to a setting").click()
    expect(seen.slider(found, "servers")).to_have_attribute("data-value", "2")
    assert seen.sliders(found) == {"load": 0.9, "servers": 2, "service": 10}
    agree_lines(found)
    assert page.visit.errors == []


@pytest.mark.parametrize(
    "fragment",
    [
        "?load=twelve&servers=&nobody=3",
        "?load=NaN",
        "?load=Infinity&servers=1e999",
        "?",
        "?%%%=%",
        "",
        "?load=0.6&load=%F0%9F",
    ],
)
def test_nonsense_in_the_address_is_ignored(visit, home, fragment):
    page = visit(f"{home}#{LATENCY}{fragment}")
    assert seen.sliders(seen.explorer(page, LATENCY)) == {"load": 0.6, "servers": 4, "service": 10}
    assert page.visit.errors == []


def test_the_nearest_value_is_taken_from_the_address(visit, home):
    page = visit(f"{home}#{LATENCY}?load=0.61&servers=1000&service=-7")
    found = seen.explorer(page, LATENCY)
    assert seen.sliders(found) == {"load": 0.6, "servers": 32, "service": 5}
    agree_lines(found)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_follow_the_theme_and_nothing_fails_an_audit(visit, home, scheme):
    page = visit(home, color_scheme=scheme)
    for name in (LATENCY, COST, BATCHES):
        seen.table(seen.explorer(page, name))
        seen.explorer(page, name).locator("input").first.press("ArrowRight")
    strokes = (
        page.locator(".xp-panel")
        .first.locator("path.xp-line")
        .evaluate_all("all => all.map(one => getComputedStyle(one).stroke)")
    )
    wanted = [bytes.fromhex(pair[scheme == "dark"][1:]) for pair in PALETTE[:2]]
    assert strokes == [f"rgb({red}, {green}, {blue})" for red, green, blue in wanted]
    page.add_script_tag(path=AXE)
    report = page.evaluate("axe.run('.xp').then(result => result.violations)")
    assert [(rule["id"], [node["html"] for node in rule["nodes"]]) for rule in report] == []
    for text in (".xp-tick text", ".xp-panel-title", ".xp-axis-title", ".xp-tag", ".xp-series"):
        assert contrast(page, text, "fill") >= 4.5
    assert contrast(page, "path.xp-line", "stroke") >= 3
    assert contrast(page, ".xp-control input", "--xp-base") >= 3


def contrast(page, selector: str, name: str) -> float:
    """Return the least contrast of what the selector finds against the page."""
    luminances = page.evaluate(
        """([selector, name]) => {
      const brush = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
      const luminance = colour => {
        brush.fillStyle = colour;
        brush.fillRect(0, 0, 1, 1);
        const parts = [...brush.getImageData(0, 0, 1, 1).data].slice(0, 3).map(part => part / 255);
        const [r, g, b] = parts.map(x => x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
      };
      const all = [...document.querySelectorAll('.xp ' + selector)];
      const found = all.map(one => luminance(getComputedStyle(one).getPropertyValue(name).trim()));
      return [luminance(getComputedStyle(document.body).backgroundColor), found];
    }""",
        [selector, name],
    )
    paper, found = luminances
    assert found
    return min((max(paper, ink) + 0.05) / (min(paper, ink) + 0.05) for ink in found)


def test_a_narrow_phone_shows_everything_without_scrolling_sideways(visit, home):
    page = visit(home, width=375, has_touch=True)
    for name in ALL:
        found = seen.explorer(page, name)
        seen.table(found)
        for text in found.locator(".xp-figure text").all():
            box = text.bounding_box()
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= 375
    assert page.evaluate("document.documentElement.scrollWidth") == 375
    agree_lines(seen.explorer(page, LATENCY))
    seen.press(seen.explorer(page, BATCHES), "step", "ArrowRight")
    agree_timeline(seen.explorer(page, BATCHES))


def test_turning_the_phone_redraws_for_the_new_width(page):
    found = seen.explorer(page, LATENCY)
    seen.press(found, "load", "ArrowRight")
    page.set_viewport_size({"width": 500, "height": 900})
    expect(found.locator(".xp-panel")).to_have_count(2)
    drawn = "svg => svg.getBoundingClientRect().width < 500"
    page.wait_for_function(drawn, arg=found.locator(".xp-figure svg").first.element_handle())
    figure = found.locator(".xp-figure").bounding_box()
    drawn = found.locator(".xp-figure svg").first.bounding_box()
    assert figure["width"] < 500
    assert drawn["width"] == pytest.approx(figure["width"], abs=1)
    agree_lines(found)


@pytest.mark.parametrize("width", [1280, 375])
def test_coming_to_life_moves_nothing_on_the_page(visit, home, width):
    page = visit(home, width=width)
    seen.explorer(page, BATCHES)
    shift = page.evaluate("""() => new Promise(done => new PerformanceObserver(list =>
      done(list.getEntries().reduce((sum, entry) => sum + entry.value, 0)))
      .observe({type: 'layout-shift', buffered: true}) || setTimeout(() => done(0), 400))""")
    assert shift < 0.01


@pytest.mark.parametrize("width", [343.3, 640.8, 700.6, 812.9])
def test_panels_stay_in_their_figure_at_widths_that_are_not_whole(page, width: float) -> None:
    for name in (LATENCY, COST, BARS, ROOF):
        found = seen.explorer(page, name)
        found.evaluate(f"one => {{ one.parentElement.style.width = '{width}px' }}")
        expect(found).to_have_js_property("offsetWidth", round(width))
        seen.settle(page)
        figure = found.locator(".xp-figure").bounding_box()
        for panel in found.locator(".xp-panel").all():
            box = panel.bounding_box()
            assert box["x"] + box["width"] <= figure["x"] + figure["width"] + 0.5
            assert box["y"] + box["height"] <= figure["y"] + figure["height"] + 0.5


def test_pages_ask_no_other_host_and_report_nothing(page, site):
    for name in ALL:
        found = seen.explorer(page, name)
        found.locator("input").first.press("ArrowRight")
        expect(seen.told(found)).to_have_text(seen.summary(found))
    assert page.visit.elsewhere == []
    assert page.visit.missing == []
    assert page.visit.errors == []


def test_code_is_stored_once_and_only_where_an_explorer_is(site, page):
    stored = (site / "_static" / "widgets").iterdir()
    assert [path.suffix for path in stored] == [".css"]
    text = (site / "index.html").read_text()
    assert text.count("drawHeatmap") == 0
    assert "LayoutModel" not in text
    assert "require" not in text.lower().replace("required", "")
    assert "widgets/" not in (site / "plain.html").read_text()
    assert seen.names(page) == ALL


def test_without_javascript_the_page_says_what_the_figures_start_with(visit, home):
    page = visit(home, java_script_enabled=False)
    for figure in (figures.latency(), figures.cost(), figures.batches()):
        assert page.get_by_text(figure.spec["title"], exact=True).is_visible()
        assert page.locator(".xp-summary", has_text=figure.summary()).is_visible()
    assert page.locator(".xp-data noscript").first.is_visible()
    assert page.locator(".xp-reserve:visible").count() == 0


@pytest.mark.parametrize(
    ("part", "broken"), [('"data":"', '"data":"*'), ('"sliders":[', '"sliders":5,"x":[')]
)
def test_an_explorer_that_fails_says_so_and_keeps_its_sentence(browser, home, site, part, broken):
    context = browser.new_context()
    page = context.new_page()
    text = (site / "index.html").read_text("utf-8")
    assert text.count(part) >= len(ALL)
    html = text.replace(part, broken)
    page.route(home, lambda route: route.fulfill(body=html, content_type="text/html"))
    page.goto(home)
    page.locator(".xp-error").first.wait_for()
    assert page.locator(".xp-error").count() == len(ALL)
    assert figures.latency().summary() in page.locator("article").text_content()
    context.close()


def test_on_paper_the_figure_is_dark_on_light_with_its_settings_and_no_controls(visit, home):
    page = visit(home, color_scheme="dark")
    found = seen.explorer(page, LATENCY)
    page.emulate_media(media="print", color_scheme="dark")
    assert not seen.slider(found, "load").is_visible()
    assert found.locator("output").first.is_visible()
    assert found.locator(".xp-figure svg").first.is_visible()
    ink = "one => getComputedStyle(one).fill"
    assert found.locator(".xp-panel-title").first.evaluate(ink) == "rgb(0, 0, 0)"


def test_a_widget_that_is_not_an_explorer_fails_the_build(monkeypatch):
    document = new_document("lesson")
    view = json.dumps({"model_id": "abc"})
    document += nodes.raw("", f'<script type="{extension.VIEW}">{view}</script>', format="html")
    models = json.dumps({"state": {"abc": {"model_name": "IntSliderModel", "state": {}}}})
    scripts = {"ipywidgets_state": (None, {"body": models})}
    env = SimpleNamespace(docname="lesson", nb_metadata={"lesson": {"js_files": scripts}})
    heard = []
    quiet = SimpleNamespace(warning=lambda text, **_: heard.append(text))
    monkeypatch.setattr(extension, "LOGGER", quiet)
    extension.place_explorers(SimpleNamespace(env=env), document)
    assert heard == ["a widget that is not an explorer cannot live without a kernel"]
    assert scripts == {}


def test_a_finger_that_scrolls_leaves_the_chart_and_a_tap_or_a_sideways_drag_moves_it(visit, home):
    page = visit(home, width=375, has_touch=True)
    found = seen.explorer(page, LATENCY)
    figure = found.locator(".xp-figure svg").first
    figure.scroll_into_view_if_needed()
    before = seen.sliders(found)
    finger = page.context.new_cdp_session(page)

    def touch(*path: tuple[float, float]) -> None:
        kinds = ["touchStart", *["touchMove"] * (len(path) - 1)]
        for kind, (x, y) in zip(kinds, path, strict=True):
            points = [{"x": x, "y": y}]
            finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
        finger.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})

    def place(across: float) -> tuple[float, float]:
        box = figure.bounding_box()
        return box["x"] + across * box["width"], box["y"] + box["height"] / 2

    x, y = place(0.3)
    touch((x, y), *[(x, y - step) for step in range(20, 200, 20)])
    page.wait_for_timeout(300)
    assert seen.sliders(found) == before
    figure.scroll_into_view_if_needed()
    touch(place(0.3))
    page.wait_for_function("() => true")
    tapped = seen.sliders(found)
    assert tapped != before
    x, y = place(0.3)
    touch((x, y), *[(x + step, y) for step in range(20, 120, 20)])
    page.wait_for_timeout(100)
    assert seen.sliders(found) != tapped
