"""Every explorer of every lesson, moved by keyboard, says what its cell computed."""

import base64
import itertools
import json
import math
import re
from collections.abc import Iterator
from pathlib import Path

import explorer_page as seen
import numpy as np
import pytest
from playwright.sync_api import Page

from bookkit.pages import goes_on
from labs import explore

ROOT = Path(__file__).resolve().parents[2]
SITE = ROOT / "_build" / "html"
BUILT = ROOT / "_build" / "jupyter_execute" / "lessons"
PLACE = re.compile(r'class="xp-place"[^>]*>\s*<script type="application/json">(.*?)</script>', re.S)
LESSONS = sorted(path.stem for path in (ROOT / "lessons").glob("*.md"))
KEYS = ("Home", "End", "ArrowLeft", "PageDown")


def shipped(state: dict) -> explore.Explorer:
    """The explorer in Python whose numbers a page ships."""
    spec = {name: value for name, value in state["spec"].items() if name != "initial"}
    sliders = [
        explore.Choice(axis["name"], axis["texts"], axis["label"], axis["texts"][axis["start"]])
        if axis["texts"]
        else explore.Slider(
            axis["name"],
            axis["values"],
            axis["label"],
            axis["unit"],
            axis["values"][axis["start"]],
            axis["format"],
        )
        for axis in spec["sliders"]
    ]
    data = np.frombuffer(base64.b64decode(state["data"]), dtype="<f4")
    shape = (len(spec["quantities"]), *(len(axis.values) for axis in sliders))
    size = math.prod(shape)
    return explore.Explorer(spec, sliders, data[:size].reshape(shape), data[size:])


def printed(lesson: str) -> set[str]:
    """The checksums of explorers in a lesson's executed notebook, which nbval computes again."""
    notebook = json.loads((BUILT / f"{lesson}.ipynb").read_text("utf-8"))
    outputs = [out for cell in notebook["cells"] for out in cell.get("outputs", ())]
    texts = ["".join(out.get("data", {}).get("text/plain", "")) for out in outputs]
    return {text for text in texts if text.startswith("Explorer(")}


@pytest.fixture(scope="module", params=LESSONS)
def lesson(request) -> tuple[str, dict[str, explore.Explorer]]:
    page = (SITE / "lessons" / f"{request.param}.html").read_text("utf-8")
    figures = [shipped(json.loads(state)) for state in PLACE.findall(page)]
    return request.param, {figure.spec["name"]: figure for figure in figures}


def test_a_page_ships_the_numbers_that_its_cells_computed(lesson) -> None:
    assert {repr(figure) for figure in lesson[1].values()} == printed(lesson[0])
    assert len(lesson[1]) >= 1 or goes_on(f"lessons/{lesson[0]}")


@pytest.fixture
def page(lesson, serve, visit) -> Iterator[Page]:
    page = visit(f"{serve(SITE)}/lessons/{lesson[0]}.html", reduced_motion="reduce")
    yield page
    assert page.visit.errors == page.visit.elsewhere == page.visit.missing == []


def setting(figure: explore.Explorer, found) -> dict[str, object]:
    """The sliders of an explorer on the page, options by name."""
    at = seen.sliders(found)
    return {
        axis.name: axis.options[int(at[axis.name])]
        if isinstance(axis, explore.Choice)
        else at[axis.name]
        for axis in figure.sliders
    }


def test_every_slider_of_every_explorer_answers_the_keyboard(lesson, page) -> None:
    figures = lesson[1]
    assert set(seen.names(page)) == set(figures)
    for name, figure in figures.items():
        found = seen.explorer(page, name)
        assert seen.summary(found) == figure.summary()
        said = {figure.summary()}
        for axis, key in itertools.product(figure.sliders, KEYS):
            seen.press(found, axis.name, key)
            expected = figure.summary(**setting(figure, found))
            assert seen.summary(found) == expected
            said.add(expected)
        assert len(said) > len(figure.sliders), f"{name} hardly changes what it says"
        _, rows, current = seen.table(found)
        assert rows
        assert current or figure.spec["kind"] == "timeline"
