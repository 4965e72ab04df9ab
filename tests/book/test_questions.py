"""The banks of questions: keys that labs confirms, nothing given away, pages that can be passed."""

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
import record_page as seen
import yaml
from playwright.sync_api import Page

from bookkit.directives import questions
from bookkit.pages import lesson_of

ROOT = Path(__file__).resolve().parents[2]
SITE = ROOT / "_build" / "html"
PAGES = sorted(path.stem for path in (ROOT / "lessons").glob("*.md"))
LESSONS = sorted({lesson_of(page) for page in PAGES})
LAST = {lesson_of(page): page for page in sorted(PAGES, key=len)}
BANKS = {lesson: questions.load(path) for lesson, path in questions.banks(ROOT).items()}
ALL = [question for bank in BANKS.values() for question in bank]
SINGLE = [question for question in ALL if question.kind == "one"]

every_lesson = pytest.mark.parametrize("lesson", LESSONS)
every_question = pytest.mark.parametrize(
    "question", ALL, ids=lambda question: f"{question.lesson}-{question.id}"
)


@every_question
def test_labs_confirms_the_key_where_it_can(question: questions.Question) -> None:
    assert questions.problems(question) == []


@every_question
def test_a_question_explains_itself_and_each_option(question: questions.Question) -> None:
    assert len(question.explain.split()) >= 8
    told = [option.feedback for option in question.options]
    told += [slip.feedback for slip in question.slips]
    assert all(len(text.split()) >= 4 for text in told)
    assert len(set(told)) == len(told)


@every_question
def test_second_attempts_differ(question: questions.Question) -> None:
    if not question.draw:
        return
    found = questions.variants(question)
    assert len(found) >= 8
    assert len({tuple(variant.values.values()) for variant in found}) == len(found)
    assert len({variant.answer for variant in found}) >= 4
    assert found == questions.variants(question)


@every_lesson
def test_a_lesson_asks_sixteen_questions_of_every_kind(lesson: str) -> None:
    bank = BANKS[lesson]
    assert len(bank) >= 16
    assert 3 * sum(bool(question.draw) for question in bank) >= 2 * len(bank)
    assert {question.kind for question in bank} == {"one", "several", "number", "order"}
    assert any(question.draw and question.calls_labs for question in bank)
    assert sum(question.calls_labs for question in bank) >= 3


@every_lesson
def test_right_options_stand_in_no_fixed_place(lesson: str) -> None:
    places = Counter(
        [option.right for option in question.options].index(True)
        for question in BANKS[lesson]
        if question.kind == "one"
    )
    assert max(places.values()) <= max(1, places.total() // 2 + places.total() % 2)


def test_right_options_are_given_away_neither_by_place_nor_by_length() -> None:
    places: Counter[int] = Counter()
    longest = shortest = 0
    ratios = []
    for question in SINGLE:
        lengths = [len(option.text) for option in question.options]
        at = [option.right for option in question.options].index(True)
        places[at] += 1
        longest += lengths[at] == max(lengths)
        shortest += lengths[at] == min(lengths)
        others = [length for i, length in enumerate(lengths) if i != at]
        ratios.append(lengths[at] * len(others) / sum(others))
    assert len(SINGLE) >= 10
    assert max(places.values()) <= 0.5 * len(SINGLE)
    assert len(places) >= 3
    assert longest <= 0.5 * len(SINGLE)
    assert shortest <= 0.5 * len(SINGLE)
    assert 0.85 <= sum(ratios) / len(ratios) <= 1.15


def test_right_options_of_several_are_given_away_neither() -> None:
    several = [question for question in ALL if question.kind == "several"]
    first = Counter(question.options[0].right for question in several)
    assert first[False] >= 1
    right = [len(o.text) for question in several for o in question.options if o.right]
    wrong = [len(o.text) for question in several for o in question.options if not o.right]
    assert 0.75 <= (sum(right) / len(right)) / (sum(wrong) / len(wrong)) <= 1.33


@every_lesson
def test_a_page_is_passed_by_its_key_and_by_nothing_else(
    lesson: str, serve: Callable[[Path], str], visit: Callable[..., Page]
) -> None:
    page = visit(f"{serve(SITE)}/lessons/{LAST[lesson]}.html")
    total = len(BANKS[lesson])
    for question in BANKS[lesson]:
        seen.solve(seen.question(page, question.id), right=False)
        assert seen.status(page, question.id).startswith("Not right.")
    assert seen.standing(page) == f"Score 0/{total} Answered {total} Status in progress"
    for question in BANKS[lesson]:
        found = seen.question(page, question.id)
        seen.again(found)
        seen.solve(found, variant=1 if question.draw else 0)
        assert seen.status(page, question.id) == "Right. The explanation follows."
    assert seen.standing(page) == f"Score {total}/{total} Answered {total} Status passed"
    assert page.visit.errors == page.visit.elsewhere == page.visit.missing == []


@pytest.mark.parametrize("name", PAGES)
def test_predictions_take_an_answer_and_know_the_value(
    name: str, serve: Callable[[Path], str], visit: Callable[..., Page]
) -> None:
    page = visit(f"{serve(SITE)}/lessons/{name}.html")
    boxes = page.locator(".predict")
    asking = page.locator(".predict[data-prediction]")
    assert boxes.count() == asking.count()
    names = [box.get_attribute("data-prediction") for box in asking.all()]
    assert len(set(names)) == len(names)
    for box in asking.all():
        assert not box.locator("details").is_visible()
        truth = " ".join(box.locator(".predict-truth").text_content().split())
        label = box.get_attribute("data-asks")
        if box.get_attribute("data-choices"):
            box.get_by_label(label, exact=True).select_option(truth)
        else:
            first = truth.replace("−", "-").split()[0].rstrip("%×").replace(",", "")
            float(first)
            box.get_by_label(label, exact=True).fill(first)
        box.get_by_role("button", name="Commit").click()
        said = box.locator(".predict-said").inner_text()
        assert said.startswith("You said")
        assert not any(word in said for word in ("too high", "too low", "It is “"))
        assert box.locator("details").is_visible()
    assert page.visit.errors == []


GOOD = {
    "id": "good",
    "kind": "one",
    "ask": "Which?",
    "explain": "Because it is what it is.",
    "options": [
        {"text": "a", "right": True, "feedback": "yes"},
        {"text": "b", "right": False, "feedback": "no"},
        {"text": "c", "right": False, "feedback": "no"},
    ],
}
NUMBER = {
    "id": "n",
    "kind": "number",
    "ask": "How many {x}?",
    "explain": "Because it is what it is.",
    "draw": {"x": list(range(1, 10))},
    "answer": "x",
    "tolerance": 0.01,
}


@pytest.mark.parametrize(
    ("entries", "reason"),
    [
        ([GOOD, GOOD], "its id stands twice"),
        ([GOOD | {"id": "Not Good"}], "other characters"),
        ([GOOD | {"explain": ""}], "fewer than five words"),
        ([GOOD | {"kind": "guess"}], "its kind is not"),
        ([GOOD | {"kind": "several"}], "two right options and a wrong one"),
        ([GOOD | {"options": GOOD["options"][1:]}], "one right option and two wrong ones"),
        ([GOOD | {"colour": "red"}], "colour"),
        ([GOOD | {"options": [{"text": "a", "right": True}]}], "feedback"),
        ([GOOD | {"draw": {"x": [1]}}], "only a number is drawn"),
        ([NUMBER | {"answer": ""}], "needs an answer"),
        ([NUMBER | {"tolerance": 2}], "tolerance"),
        ([{**GOOD, "kind": "order", "items": ["a", "b"]}], "three items"),
        (["text"], "text"),
    ],
)
def test_a_malformed_bank_is_refused_by_name(tmp_path: Path, entries: list, reason: str) -> None:
    (tmp_path / "bank.yml").write_text(yaml.safe_dump(entries))
    with pytest.raises(questions.QuestionError, match=reason) as refused:
        questions.load(tmp_path / "bank.yml")
    assert re.match(r"\S+bank\.yml:\d+: [^:]+: ", str(refused.value))


def test_everything_that_is_wrong_is_told_at_once_with_lines_and_valid_keys(tmp_path: Path) -> None:
    text = yaml.safe_dump([GOOD, NUMBER], sort_keys=False)
    text = text.replace("tolerance", "tolerence").replace("feedback", "feedbak", 1)
    (tmp_path / "bank.yml").write_text(text)
    with pytest.raises(questions.QuestionError) as refused:
        questions.load(tmp_path / "bank.yml")
    said = str(refused.value).splitlines()
    lines = text.splitlines()
    for wrong, meant in (("tolerence", "tolerance"), ("feedbak", "feedback")):
        (sentence,) = (one for one in said if f"unknown key {wrong} ({meant}?)" in one)
        number = 1 + next(n for n, line in enumerate(lines) if wrong in line)
        assert sentence.startswith(f"{tmp_path}/bank.yml:{number}: ")
        assert meant in sentence.split("the keys are ")[1].split(", ")
    assert len(said) == 3  # feedback is missing now, too


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"answer": "y"}, "NameError"),
        ({"answer": "1 / 0 * x"}, "ZeroDivisionError"),
        ({"draw": {"x": [1, 2]}}, "2 variants"),
        ({"slips": [{"answer": "x", "feedback": "the same"}]}, "0 variants"),
        ({"answer": "float('nan') * x"}, "gives nan"),
    ],
)
def test_numbers_that_cannot_be_drawn_are_refused_by_name(
    tmp_path: Path, change: dict, reason: str
) -> None:
    (tmp_path / "bank.yml").write_text(yaml.safe_dump([NUMBER | change]))
    (question,) = questions.load(tmp_path / "bank.yml")
    with pytest.raises(questions.QuestionError, match=reason) as refused:
        questions.variants(question)
    assert "bank.yml: n:" in str(refused.value)


def test_a_key_that_labs_contradicts_is_found(tmp_path: Path) -> None:
    wrong = GOOD["options"][0] | {"check": "queueing.mm1(0.5, 1.0).mean_wait < 0.9"}
    entry = GOOD | {"options": [wrong, *GOOD["options"][1:]]}
    (tmp_path / "bank.yml").write_text(yaml.safe_dump([entry]))
    (question,) = questions.load(tmp_path / "bank.yml")
    (problem,) = questions.problems(question)
    assert "does not say that 'a' is True" in problem
    order = {k: v for k, v in GOOD.items() if k != "options"} | {
        "kind": "order",
        "items": ["a", "b", "c"],
        "check": ["1", "3", "queueing.mm1(0.5, 1.0).mean_wait"],
    }
    (tmp_path / "bank.yml").write_text(yaml.safe_dump([order]))
    (question,) = questions.load(tmp_path / "bank.yml")
    assert "does not ascend" in questions.problems(question)[0]
