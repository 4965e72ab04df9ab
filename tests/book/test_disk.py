"""The built site lives when it is opened from disk as it does from a server, all of it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import explorer_page as explorers
import pytest
import record_page as seen
from playwright.sync_api import Page, expect

SITE = Path(__file__).resolve().parents[2] / "_build" / "html"
LESSON = "lessons/batching.html"
LAST = "lessons/batching-production.html"


@pytest.fixture(params=["server", "disk"])
def home(request: pytest.FixtureRequest, serve: Callable[[Path], str]) -> str:
    """The address of the site, both ways."""
    assert (SITE / LESSON).is_file(), "the site is not built: make book"
    return serve(SITE) if request.param == "server" else SITE.as_uri()


@pytest.fixture
def opened(home: str, visit: Callable[..., Page]) -> Iterator[Callable[[str], Page]]:
    """Open a page; nothing that goes wrong on it may pass."""
    pages: list[Page] = []

    def at(name: str) -> Page:
        pages.append(visit(f"{home}/{name}", reduced_motion="reduce"))
        return pages[-1]

    yield at
    for page in pages:
        assert page.visit.errors == page.visit.elsewhere == page.visit.missing == []


def test_formulas_are_set_and_found_by_the_keyboard(opened: Callable[[str], Page]) -> None:
    page = opened(LESSON)
    assert page.locator(".math .katex-html").count() == page.locator(".math").count() > 20
    font = "document.fonts.load('16px KaTeX_Math').then((found) => found.length)"
    assert page.evaluate(font) == 1


def test_every_explorer_answers_the_keyboard(opened: Callable[[str], Page]) -> None:
    page = opened(LESSON)
    names = explorers.names(page)
    assert len(names) == page.locator(".xp-place").count() > 1
    for name in names:
        found = explorers.explorer(page, name)
        before = explorers.summary(found)
        slider = found.locator("input[type=range]").first
        slider.press("Home")
        slider.press("ArrowRight")
        slider.press("End")
        assert explorers.summary(found) != before


def test_what_the_reader_does_is_judged_and_kept(opened: Callable[[str], Page]) -> None:
    page = opened(LESSON)
    prediction = page.locator(".predict[data-prediction]:has(input)").first
    prediction.locator("input").fill("1")
    prediction.get_by_role("button", name="Commit").click()
    expect(prediction.locator(".predict-said")).to_contain_text("You said 1")
    page.reload()
    expect(prediction.locator(".predict-said")).to_contain_text("You said 1")
    page = opened(LAST)
    asked = page.locator(".question").first
    seen.solve(asked)
    expect(asked.locator(".question-status")).to_have_text("Right. The explanation follows.")
    seen.notes(page).fill("a note")
    page.reload()
    expect(page.locator(".check-standing p").first).to_contain_text("Score 1/")
    expect(seen.notes(page)).to_have_value("a note")


def test_practice_shows_questions_with_formulas_and_the_record_travels(
    opened: Callable[[str], Page], tmp_path: Path
) -> None:
    page = opened("book/practice.html")
    page.get_by_role("button", name="Practise").first.click()
    asked = page.locator(".practice-stage .question")
    drawn = 0
    while True:
        expect(asked).to_be_visible()
        formulas = page.locator(".practice-stage .math").count()
        expect(page.locator(".practice-stage .math .katex")).to_have_count(formulas)
        drawn += formulas
        seen.solve(asked, variant=0)
        expect(asked.locator(".question-status")).to_have_text("Right. The explanation follows.")
        if page.get_by_role("button", name="Finish").is_visible():
            break
        page.get_by_role("button", name="Next question").click()
    assert drawn
    page.get_by_role("button", name="Finish").click()
    expect(page.locator(".practice-stage")).to_contain_text("right.")
    expect(page.locator(".practice-picture")).to_be_visible()
    assert seen.export(page, tmp_path)["book"] == "serving-by-the-numbers"
    page.goto(page.url.replace("practice", "index"))
    expect(page.locator(".progress-summary")).to_contain_text("passed 1.")
