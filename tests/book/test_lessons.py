"""What every lesson has, and no two share."""

import re
from itertools import combinations
from pathlib import Path

import pytest

from bookkit.pages import goes_on, lesson_of

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / "lessons").glob("*.md"))
LESSONS = [path for path in PAGES if not goes_on(f"lessons/{path.stem}")]
SITE = ROOT / "_build" / "html" / "lessons"
RUN = 8
SHARED = 0.02

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
every_lesson = pytest.mark.parametrize("lesson", LESSONS, ids=lambda path: path.stem)


def prose(path: Path) -> list[str]:
    """The words of a lesson's text, lists, tables and folded answers; no code, no markup."""
    text = path.read_text("utf-8").partition("\n---\n")[2]
    text = re.sub(
        r"^(`{3,}|:{3,})\{(code-cell|bibliography|references)\}.*?^\1", "", text, flags=re.M | re.S
    )
    text = re.sub(r"\{[a-z:]+\}`[^`]*`|\$\$.*?\$\$|\$[^$]*\$", " ", text, flags=re.S)
    text = re.sub(r"^(`{3,}|:{3,}).*?(\{predict\})?", " ", text, flags=re.M)
    return re.findall(r"[a-z0-9]+(?:['’][a-z]+)?", text.lower())


def runs(words: list[str]) -> set[tuple[str, ...]]:
    return {tuple(words[i : i + RUN]) for i in range(len(words) - RUN + 1)}


def test_the_five_core_lessons_are_there() -> None:
    core = {"batching", "caching", "quantization", "distillation", "scheduling"}
    assert core <= {path.stem for path in LESSONS}


@pytest.mark.parametrize(
    ("one", "other"), list(combinations(LESSONS, 2)), ids=lambda path: path.stem
)
def test_lessons_share_hardly_a_sentence(one: Path, other: Path) -> None:
    mine, theirs = runs(prose(one)), runs(prose(other))
    assert min(len(mine), len(theirs)) > 1000
    common = mine & theirs
    share = len(common) / min(len(mine), len(theirs))
    assert share <= SHARED, [" ".join(run) for run in sorted(common)[:10]]


def pages(lesson: Path) -> list[Path]:
    """The one page of a lesson, or both."""
    found = [path for path in PAGES if lesson_of(f"lessons/{path.stem}") == lesson.stem]
    return sorted(found, key=lambda path: goes_on(f"lessons/{path.stem}"))


def text(lesson: Path) -> str:
    return "\n".join(path.read_text("utf-8") for path in pages(lesson))


def html(page: Path) -> str:
    return (SITE / f"{page.stem}.html").read_text("utf-8")


def facts(page: Path) -> dict[str, int]:
    """What the head of a page counts."""
    said = re.search(r'class="lesson-facts"[^>]*>([^<]+)<', html(page))[1]
    return {name: int(n) for n, name in re.findall(r"(\d+) ([a-z]+?)s?\b", said)}


@every_page
def test_a_page_is_one_sitting(page: Path) -> None:
    assert 15 <= facts(page)["minute"] <= 45


@every_lesson
def test_a_lesson_has_its_parts(lesson: Path) -> None:
    counted = [facts(page) for page in pages(lesson)]
    total = {name: sum(one.get(name, 0) for one in counted) for name in counted[0] | counted[-1]}
    assert total["explorer"] >= 3
    assert total["section"] >= 8
    assert total["question"] >= 16
    assert counted[-1].get("question") == total["question"], "the skill check ends the last page"


@every_page
def test_code_that_shows_fits_a_phone_held_sideways(page: Path) -> None:
    for options, code in re.findall(
        r"^```\{code-cell\}[^\n]*\n((?::[^\n]*\n)*)(.*?)^```$",
        page.read_text("utf-8"),
        re.M | re.S,
    ):
        if "remove-cell" not in options and "hide-input" not in options:
            assert [line for line in code.splitlines() if len(line) > 80] == []


@every_lesson
def test_a_lesson_asks_before_it_tells(lesson: Path) -> None:
    assert len(re.findall(r"^:{3,}\{predict\}", text(lesson), re.M)) >= 2


@every_lesson
def test_a_prediction_asks_one_thing(lesson: Path) -> None:
    for question in re.findall(r"^:{3,}\{predict\} (.*)$", text(lesson), re.M):
        assert re.sub(r'"[^"]*"', "", question).count("?") <= 1, question


@every_lesson
def test_a_lesson_gates_on_evidence_that_replays(lesson: Path) -> None:
    code = "\n".join(re.findall(r"```\{code-cell\}.*?```", text(lesson), re.S))
    assert "evidence.decide(" in code
    assert "evidence.replay(" in code


@every_lesson
def test_figures_are_numbered_and_referred_to_and_equations_too(lesson: Path) -> None:
    source = text(lesson)
    equations = set(re.findall(r"^\$\$ \(([\w-]+)\)$", source, re.M))
    referred = set(re.findall(r"\{eq\}`([\w-]+)`", source))
    assert referred & equations
    figures = set(re.findall(r"^: +name: ([\w-]+)$", source, re.M))
    assert figures
    assert figures <= set(re.findall(r"\{numref\}`([\w-]+)`", source))
    shown = "\n".join(map(html, pages(lesson)))
    for page in pages(lesson):
        found = re.findall(r"<figcaption>.*?Fig\. (\d+)", html(page), re.S)
        assert list(map(int, found)) == list(range(1, len(found) + 1))
        found = re.findall(r'class="eqno">\((\d+)\)', html(page))
        assert list(map(int, found)) == list(range(1, len(found) + 1))
    for name in figures:
        assert re.search(rf'<figure[^>]*id="{name}".*?Fig\. \d+', shown, re.S), name


ORDER = re.findall(r"file: lessons/(\S+)", (ROOT / "_toc.yml").read_text("utf-8"))
WORDS = (
    *("request", "token", "prompt", "prefill", "decode", "KV cache", "bandwidth", "percentile"),
    *("Poisson arrivals", "Little's law", "replica", "engine", "kernel", "bf16", "load"),
)


@every_page
def test_what_a_page_needs_comes_before_it(page: Path) -> None:
    needs = re.search(r"^:needs: (.*)$", page.read_text("utf-8"), re.M)[1]
    before = re.findall(r"\]\((?:\.\./lessons/)?([\w-]+)\.md", needs)
    assert before or page.stem == ORDER[0]
    for name in before:
        assert ORDER.index(name) < ORDER.index(page.stem), name


@pytest.mark.parametrize("word", WORDS)
def test_the_first_lesson_explains_what_the_others_take_for_granted(word: str) -> None:
    first = "".join((ROOT / f"lessons/{name}.md").read_text("utf-8") for name in ORDER[:2])
    linked = re.findall(r"\{term\}`(?:[^`<]*<)?([^`>]+)>?`", first)
    assert word in linked


@every_lesson
def test_a_lesson_links_the_glossary_and_its_terms_exist(lesson: Path) -> None:
    shown = "\n".join(map(html, pages(lesson)))
    terms = set(re.findall(r'href="\.\./book/glossary\.html#(term-[^"]+)"', shown))
    assert len(terms) >= 5
    glossary = (ROOT / "_build/html/book/glossary.html").read_text("utf-8")
    for term in terms:
        assert f'id="{term}"' in glossary
