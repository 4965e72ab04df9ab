"""What every lesson has, and no two share."""

import re
from itertools import combinations
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LESSONS = sorted((ROOT / "lessons").glob("*.md"))
SITE = ROOT / "_build" / "html" / "lessons"
RUN = 8
SHARED = 0.02

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


@every_lesson
def test_a_lesson_takes_a_quarter_of_an_hour_or_a_little_more(lesson: Path) -> None:
    html = (SITE / f"{lesson.stem}.html").read_text("utf-8")
    facts = re.search(r'class="lesson-facts"[^>]*>([^<]+)<', html)[1]
    minutes, sections, explorers, questions = map(int, re.findall(r"\d+", facts))
    assert 15 <= minutes <= 25, facts
    assert explorers >= 3, facts
    assert sections >= 8, facts
    assert questions >= 6, facts


@every_lesson
def test_code_that_shows_fits_a_phone_held_sideways(lesson: Path) -> None:
    text = lesson.read_text("utf-8")
    for options, code in re.findall(
        r"^```\{code-cell\}[^\n]*\n((?::[^\n]*\n)*)(.*?)^```$", text, re.M | re.S
    ):
        if "remove-cell" not in options and "hide-input" not in options:
            assert [line for line in code.splitlines() if len(line) > 80] == []


@every_lesson
def test_a_lesson_asks_before_it_tells(lesson: Path) -> None:
    assert len(re.findall(r"^:{3,}\{predict\}", lesson.read_text("utf-8"), re.M)) >= 2


@every_lesson
def test_a_prediction_asks_one_thing(lesson: Path) -> None:
    for question in re.findall(r"^:{3,}\{predict\} (.*)$", lesson.read_text("utf-8"), re.M):
        assert re.sub(r'"[^"]*"', "", question).count("?") <= 1, question


@every_lesson
def test_a_lesson_gates_on_evidence_that_replays(lesson: Path) -> None:
    code = "\n".join(re.findall(r"```\{code-cell\}.*?```", lesson.read_text("utf-8"), re.S))
    assert "evidence.decide(" in code
    assert "evidence.replay(" in code


@every_lesson
def test_figures_are_numbered_and_referred_to_and_equations_too(lesson: Path) -> None:
    text = lesson.read_text("utf-8")
    equations = set(re.findall(r"^\$\$ \(([\w-]+)\)$", text, re.M))
    referred = set(re.findall(r"\{eq\}`([\w-]+)`", text))
    assert referred & equations
    figures = set(re.findall(r"^: +name: ([\w-]+)$", text, re.M))
    assert figures
    assert figures <= set(re.findall(r"\{numref\}`([\w-]+)`", text))
    html = (SITE / f"{lesson.stem}.html").read_text("utf-8")
    for name in figures:
        assert re.search(rf'<figure[^>]*id="{name}".*?Fig\. \d+', html, re.S), name


@every_lesson
def test_a_lesson_links_the_glossary_and_its_terms_exist(lesson: Path) -> None:
    html = (SITE / f"{lesson.stem}.html").read_text("utf-8")
    terms = set(re.findall(r'href="\.\./book/glossary\.html#(term-[^"]+)"', html))
    assert len(terms) >= 5
    glossary = (ROOT / "_build/html/book/glossary.html").read_text("utf-8")
    for term in terms:
        assert f'id="{term}"' in glossary
