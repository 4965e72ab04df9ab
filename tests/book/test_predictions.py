"""What decides a prediction is not to be seen before the reader has committed, and is after."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from playwright.sync_api import Page, expect

from bookkit.finish import sections

SITE = Path(__file__).resolve().parents[2] / "_build" / "html"
LESSONS = sorted(
    path.stem
    for path in (SITE / "lessons").glob("*.html")
    if "data-prediction" in path.read_text("utf-8")
)
every_lesson = pytest.mark.parametrize("lesson", LESSONS)

#: Of each prediction: its name, its value, and the text around it that can be seen.
SEEN = """() => [...document.querySelectorAll(".predict[data-prediction]")].map((box) => {
  const walker = document.createTreeWalker(box.closest("section"), NodeFilter.SHOW_TEXT);
  const texts = [];
  while (walker.nextNode()) {
    const text = walker.currentNode;
    const shown = text.parentElement.checkVisibility({ visibilityProperty: true });
    const choice = text.parentElement.closest("select, .predict-question");
    if (shown && !choice) texts.push(text.data);
  }
  const truth = box.querySelector(".predict-truth").textContent;
  return [box.dataset.prediction, truth, texts.join(" ")];
})"""
SHOWN = """rest => [...rest.querySelectorAll("*")].filter((part) =>
  part.checkVisibility({ visibilityProperty: true })).length"""


@pytest.fixture
def opened(serve: Callable[[Path], str], visit: Callable[..., Page]) -> Callable[..., Page]:
    home = serve(SITE)

    def at(name: str, **options: object) -> Page:
        return visit(f"{home}/{name}", **{"shown": False, **options})

    return at


@every_lesson
def test_what_decides_a_prediction_is_not_there_before(
    lesson: str, opened: Callable[..., Page]
) -> None:
    page = opened(f"lessons/{lesson}.html")
    boxes = page.locator(".predict[data-prediction]")
    page.locator(".predict-shows").wait_for()
    for box in boxes.all():
        name = box.get_attribute("data-prediction")
        rest = page.locator(f'.predict-rest[data-rest="{name}"]')
        assert rest.count() == 1, f"{name}: nothing follows it before the next heading"
        assert rest.evaluate(SHOWN) == 0, name
        assert rest.bounding_box()["height"] == 0
    assert page.locator(".predict-veil:visible").count() == boxes.count()
    for name, truth, text in page.evaluate(SEEN):
        # A choice may be spoken of before it is the answer; a number may not.
        if re.search(r"\d", truth):
            said = re.escape(truth.strip())
            assert not re.search(rf"(?<![\w.,-]){said}(?![\w.,-]*\d)", text), (name, truth)


@every_lesson
def test_it_is_there_once_the_reader_has_committed_or_skipped(
    lesson: str, opened: Callable[..., Page]
) -> None:
    page = opened(f"lessons/{lesson}.html")
    page.locator(".predict-shows").wait_for()
    for number, box in enumerate(page.locator(".predict[data-prediction]").all()):
        if number:
            box.get_by_role("button", name="Skip").click()
        elif box.locator("select").count():
            box.locator("select").select_option(index=1)
            box.get_by_role("button", name="Commit").click()
        else:
            box.locator("input").fill("1")
            box.get_by_role("button", name="Commit").click()
        name = box.get_attribute("data-prediction")
        assert page.locator(f'.predict-rest[data-rest="{name}"]').evaluate(SHOWN) > 0
    assert page.locator(".predict-veil:visible").count() == 0
    page.reload()
    expect(page.locator(".predict-veil:visible")).to_have_count(0)
    assert page.visit.errors == page.visit.missing == page.visit.elsewhere == []


def test_predicting_again_hides_it_again_and_leaves_the_record_as_it_was(
    opened: Callable[..., Page],
) -> None:
    page = opened("lessons/caching.html")
    box = page.locator('.predict[data-prediction="caching/belady"]')
    rest = page.locator('.predict-rest[data-rest="caching/belady"]')
    box.locator("input").fill("8")
    box.get_by_role("button", name="Commit").click()
    assert rest.evaluate(SHOWN) > 0
    box.get_by_role("button", name="Predict again").click()
    expect(box.locator("input")).to_be_focused()
    assert rest.evaluate(SHOWN) == 0
    box.locator("input").fill("10")
    box.locator("input").press("Enter")
    assert box.locator(".predict-said").inner_text() == "You said 10 of 12; it is 10 of 12."
    assert rest.evaluate(SHOWN) > 0
    page.reload()
    assert box.locator(".predict-said").inner_text().startswith("You said 8 of 12")


def test_a_switch_shows_all_and_is_kept(opened: Callable[..., Page]) -> None:
    page = opened("lessons/caching.html")
    page.get_by_label("Show what follows predictions").check()
    assert page.locator(".predict-veil:visible").count() == 0
    page.goto(page.url.replace("caching", "batching"))
    switch = page.get_by_label("Show what follows predictions")
    expect(switch).to_be_checked()
    assert page.locator(".predict-veil:visible").count() == 0
    switch.uncheck()
    assert page.locator(".predict-veil:visible").count() > 2
    page.reload()
    expect(switch).not_to_be_checked()


def test_an_address_shows_what_it_points_at(opened: Callable[..., Page]) -> None:
    page = opened("lessons/batching.html#batch-size-and-delay?rate=100")
    explorer = page.locator('.xp[data-name="batch-size-and-delay"]')
    expect(explorer.locator(".xp-figure svg").first).to_be_visible()
    expect(explorer).to_be_in_viewport()
    assert page.locator(".predict-veil:visible").count() > 2


def test_the_line_about_it_shows_it_where_a_script_fails(opened: Callable[..., Page]) -> None:
    page = opened("book/index.html")
    page.route("**/book.js*", lambda route: route.abort())
    page.goto(page.url.replace("book/index", "lessons/caching"))
    veil = page.locator(".predict-veil:visible").first
    veil.get_by_role("link", name="Show it now").click()
    rest = page.locator(".predict-rest").first
    assert rest.evaluate(SHOWN) > 0


@pytest.mark.parametrize("how", ["print", "without scripts"])
def test_all_of_it_is_there_in_print_and_without_scripts(
    how: str, opened: Callable[..., Page]
) -> None:
    page = opened("lessons/caching.html", java_script_enabled=how == "print")
    if how == "print":
        page.locator(".predict-shows").wait_for()
        page.emulate_media(media="print")
        assert page.locator(".predict :is(form, button):visible").count() == 0
        assert page.get_by_text("Belady’s anomaly").first.is_visible()
    for rest in page.locator(".predict-rest").all():
        assert rest.bounding_box()["height"] > 50
    assert page.locator(".predict-veil:visible").count() == 0


def test_search_shows_no_answer_no_formula_and_no_furniture() -> None:
    script = (SITE / "_static" / "sections.js").read_text("utf-8")
    rows = json.loads(script.partition(" = ")[2].rstrip(";\n"))
    for lesson in LESSONS:
        said = " ".join(
            text for page, _, _, _, text, *_ in rows if page == f"lessons/{lesson}.html"
        )
        assert len(said) > 3_000
        for word in ("On this page", r"\(", r"\lambda", "import numpy", "print(", "<span"):
            assert word not in said, (lesson, word)
        html = (SITE / "lessons" / f"{lesson}.html").read_text("utf-8")
        page = BeautifulSoup(html, "html.parser")
        told = [
            sections.text(part) for part in page.select(".predict details > p, .predict-rest > p")
        ]
        assert told
        assert [answer for answer in told if len(answer) > 40 and answer in said] == []


def test_from_a_dark_page_paper_is_light(opened: Callable[..., Page]) -> None:
    page = opened("lessons/batching.html", color_scheme="dark")
    page.locator(".predict-shows").wait_for()
    theme = "document.documentElement.dataset.theme"
    assert page.evaluate(theme) == "dark"
    page.emulate_media(media="print")
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    ink = page.locator(".bd-article p").first.evaluate("one => getComputedStyle(one).color")
    assert max(map(int, re.findall(r"\d+", ink)[:3])) < 130
    page.emulate_media(media="screen")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


@pytest.mark.parametrize("junk", ["%E0%A4%A", "%", "?", "a?b=%", '"]'])
def test_an_address_that_is_nonsense_breaks_nothing(junk: str, opened: Callable[..., Page]) -> None:
    page = opened(f"lessons/caching-production.html#{junk}")
    page.locator(".predict-shows").wait_for()
    assert page.locator(".check-standing").is_visible()
    assert page.visit.errors == []
