"""Read a bank of questions and draw its numbers: ``python -m bookkit.directives.questions`` checks.

A bank is ``book/questions/LESSON.yml``, a list of questions. A question with ``draw`` has variants:
combinations of the values listed there, drawn by a generator whose seed is the question's name, so
that a second attempt is a new question and every build draws the same.
"""

from __future__ import annotations

import itertools
import math
import re
import sys
import zlib
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from bookkit import ROOT, expressions, records

FOLDER = "book/questions"
FEWEST, MOST = 8, 12
FEWEST_WORDS = 5
PLACE = re.compile(r"\{(?P<name>[a-z_]\w*)(?::(?P<format>[^{}]*))?\}")


class QuestionError(ValueError):
    """A bank is malformed; the text names the file, the question and the reason."""


@dataclass(frozen=True)
class Option:
    """One of the answers to choose from."""

    text: str
    right: bool
    feedback: str
    check: str = ""


@dataclass(frozen=True)
class Slip:
    """A wrong turn that gives a number of its own, and what to say to it."""

    answer: str
    feedback: str


@dataclass(frozen=True)
class Question:
    """One question of a skill check; expressions are Python over `draw`, `let` and labs."""

    lesson: str
    id: str
    kind: str
    ask: str
    explain: str
    options: tuple[Option, ...] = ()
    items: tuple[str, ...] = ()
    check: tuple[str, ...] = ()
    answer: str = ""
    unit: str = ""
    tolerance: float = 0.0
    format: str = "g"
    slips: tuple[Slip, ...] = ()
    draw: dict[str, list[float]] = field(default_factory=dict)
    let: dict[str, str] = field(default_factory=dict)

    @property
    def expressions(self) -> list[str]:
        """Everything of this question that is computed."""
        checks = [option.check for option in self.options if option.check]
        keys = [self.answer, *(slip.answer for slip in self.slips)] if self.answer else []
        return [*map(str, self.let.values()), *keys, *self.check, *checks]

    @property
    def calls_labs(self) -> bool:
        """Whether a number of it comes from a function of labs."""
        return any(map(expressions.modules, self.expressions))


@dataclass(frozen=True)
class Variant:
    """The numbers of one attempt: what the texts show, the answer, and what slips give."""

    values: dict[str, Any]
    answer: float
    slips: tuple[float, ...]


def banks(root: Path) -> dict[str, Path]:
    """Return the banks of a book by lesson."""
    return {path.stem: path for path in sorted((root / FOLDER).glob("*.yml"))}


def load(path: Path) -> list[Question]:
    """Return the questions of a bank.

    Raises
    ------
    QuestionError
        If one is malformed.
    """
    return list(_unchanged(path, path.stat().st_mtime_ns))


@lru_cache(maxsize=32)
def _unchanged(path: Path, modified: int) -> tuple[Question, ...]:
    """Read a bank once, not once for each page that counts its questions."""
    try:
        root = records.compose(path)
    except records.RecordError as error:
        raise QuestionError(str(error)) from None
    nodes = root.value if root else []
    parts = {"options": Option, "slips": Slip}
    wrong: list[str] = []
    for node in nodes:
        name = _id(node)
        wrong += records.problems(path, name, node, Question, given=("lesson",), parts=parts)
    if wrong:
        raise QuestionError("\n".join(wrong))
    questions = [_question(path.stem, records.value(node)) for node in nodes]
    for node, question in zip(nodes, questions, strict=True):
        place = f"{path}:{records.line(node)}: {question.id}"
        wrong += [f"{place}: {problem}" for problem in _lacks(question, questions)]
    if wrong:
        raise QuestionError("\n".join(wrong))
    return tuple(questions)


def variants(question: Question) -> list[Variant]:
    """Return the variants of a numeric question, one where nothing is drawn.

    Raises
    ------
    QuestionError
        If an expression fails, or there are fewer than eight, or a slip is right.
    """
    drawn = [dict(zip(question.draw, values, strict=True)) for values in _combinations(question)]
    found = [variant for values in drawn if (variant := _variant(question, values))]
    if question.draw and len(found) < FEWEST:
        raise _fault(question, f"{len(found)} variants whose slips are all wrong, not {FEWEST}")
    if not found:
        raise _fault(question, "a slip is as right as the answer")
    return found[:MOST]


def scope(question: Question, drawn: dict[str, Any]) -> dict[str, Any]:
    """Return what an expression of a question may name beside modules: drawn values, and `let`."""
    known = dict(drawn)
    for name, expression in question.let.items():
        known[name] = evaluate(question, str(expression), known)
    return known


def evaluate(question: Question, expression: str, known: dict[str, Any]) -> Any:
    """Return the value of an expression; an error names the question."""
    try:
        return expressions.evaluate(expression, known)
    except Exception as error:  # whatever the expression raises is what is wrong with it
        raise _fault(question, f"{expression!r}: {type(error).__name__}: {error}") from None


def shown(question: Question, variant: Variant, place: re.Match[str]) -> str | None:
    """Return the number for a place in a text, None for braces that are not one."""
    name, style = place["name"], place["format"]
    if name == "answer":
        return f"{variant.answer:{style or question.format}}"
    return f"{variant.values[name]:{style or ',.6g'}}" if name in variant.values else None


def _id(node: yaml.Node) -> str:
    """Return the name of a question, as far as it has one."""
    entry = records.value(node)
    return str(entry.get("id", "?") if isinstance(entry, dict) else entry)


def _question(lesson: str, entry: dict[str, Any]) -> Question:
    parts: dict[str, Any] = {
        "options": tuple(Option(**option) for option in entry.pop("options", ())),
        "slips": tuple(Slip(str(slip.pop("answer")), **slip) for slip in entry.pop("slips", ())),
        "items": tuple(entry.pop("items", ())),
        "check": tuple(map(str, entry.pop("check", ()))),
        "answer": str(entry.pop("answer", "")),
    }
    return Question(lesson=lesson, **parts, **entry)


def _lacks(question: Question, questions: list[Question]) -> list[str]:
    """Return what a question lacks to be one."""
    right = sum(option.right for option in question.options)
    wrong = len(question.options) - right
    problems = {
        "its id stands twice": [other.id for other in questions].count(question.id) > 1,
        "its id has other characters than a-z, 0-9 and -": not re.fullmatch(
            r"[a-z0-9-]+", question.id
        ),
        "its explain has fewer than five words": len(question.explain.split()) < FEWEST_WORDS,
        "its kind is not one, several, number or order": question.kind
        not in ("one", "several", "number", "order"),
        "it needs one right option and two wrong ones": question.kind == "one"
        and (right != 1 or wrong < 2),
        "it needs two right options and a wrong one": question.kind == "several"
        and (right < 2 or wrong < 1),
        "an option has no feedback": any(not option.feedback for option in question.options),
        "it needs an answer, and a tolerance from 0 to 0.2": question.kind == "number"
        and not (question.answer and 0 <= question.tolerance <= 0.2),
        "it needs three items": question.kind == "order" and len(question.items) < 3,
        "it needs a check for each item": bool(question.check)
        and len(question.check) != len(question.items),
        "only a number is drawn": bool(question.draw) and question.kind != "number",
    }
    return [problem for problem, found in problems.items() if found]


def _combinations(question: Question) -> list[tuple[float, ...]]:
    every = list(itertools.product(*question.draw.values()))
    seed = zlib.crc32(f"{question.lesson}/{question.id}".encode())
    return [every[i] for i in np.random.default_rng(seed).permutation(len(every))]


def _variant(question: Question, drawn: dict[str, Any]) -> Variant | None:
    """Return a variant, or None if one of its slips would pass as right."""
    known = scope(question, drawn)
    answer = float(evaluate(question, question.answer, known))
    slips = tuple(float(evaluate(question, slip.answer, known)) for slip in question.slips)
    if not all(map(math.isfinite, (answer, *slips))):
        raise _fault(question, f"drawn {drawn} gives {answer} and {slips}")
    if any(math.isclose(slip, answer, rel_tol=2 * question.tolerance + 1e-9) for slip in slips):
        return None
    numbers = {
        name: known[name]
        for name in (*question.draw, *question.let)
        if isinstance(known[name], int | float | np.number)
    }
    return Variant(numbers, answer, slips)


def _fault(question: Question, reason: str) -> QuestionError:
    return QuestionError(f"{FOLDER}/{question.lesson}.yml: {question.id}: {reason}")


def problems(question: Question) -> list[str]:
    """Return what a question's own checks hold against its key."""
    if question.kind == "number":
        variants(question)
        return []
    known = scope(question, {})
    found = [
        f"{option.check} does not say that {option.text!r} is {option.right}"
        for option in question.options
        if option.check and bool(evaluate(question, option.check, known)) != option.right
    ]
    values = [evaluate(question, expression, known) for expression in question.check]
    if any(later <= earlier for earlier, later in itertools.pairwise(values)):
        found.append(f"the items come out as {values}, which does not ascend")
    return [f"{FOLDER}/{question.lesson}.yml: {question.id}: {problem}" for problem in found]


def main() -> int:
    every = banks(ROOT)
    found = []
    for lesson in sys.argv[1:] or every:
        try:
            bank = load(every[lesson])
            found += [problem for question in bank for problem in problems(question)]
            print(f"{lesson}: {len(bank)} questions")
        except QuestionError as error:
            found.append(str(error))
    print(*found, sep="\n")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
