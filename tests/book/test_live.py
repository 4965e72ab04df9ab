"""Every explorer of every lesson, moved by keyboard, says what its cell computes here and now."""

import io
import itertools
import re
import runpy
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path

import explorer_page as seen
import matplotlib as mpl
import pytest
from playwright.sync_api import Page

from labs import explore

ROOT = Path(__file__).resolve().parents[2]
SITE = ROOT / "_build" / "html"
CELL = re.compile(r"^```\{code-cell\}[^\n]*\n((?::[^\n]*\n)*)(.*?)^```$", re.MULTILINE | re.DOTALL)
LESSONS = sorted(path.stem for path in (ROOT / "lessons").glob("*.md"))
KEYS = ("Home", "End", "ArrowLeft", "PageDown")


def figures_of(lesson: str, folder: Path) -> dict[str, explore.Explorer]:
    """Run a lesson's cells and return the explorers they make, by name."""
    made: dict[str, explore.Explorer] = {}
    build = explore.Explorer.__init__

    def keep(self: explore.Explorer, spec: dict, *rest: object) -> None:
        build(self, spec, *rest)
        made[spec["name"]] = self

    cells = CELL.findall((ROOT / "lessons" / f"{lesson}.md").read_text("utf-8"))
    program = folder / f"{lesson}.py"
    program.write_text("\n\n".join(code for _, code in cells), "utf-8")
    mpl.use("agg")
    explore.Explorer.__init__ = keep
    try:
        with redirect_stdout(io.StringIO()):
            runpy.run_path(str(program))
    finally:
        explore.Explorer.__init__ = build
    return made


@pytest.fixture(scope="module", params=LESSONS)
def lesson(request, tmp_path_factory) -> tuple[str, dict[str, explore.Explorer]]:
    return request.param, figures_of(request.param, tmp_path_factory.mktemp("lesson"))


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
