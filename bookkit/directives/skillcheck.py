"""``{skillcheck}``: the questions of ``book/questions``, with folded answers, as a page shows them.

The page reads well as it is; its script lets the reader answer, eight at a time. A number
that is drawn stands in an element of its own, which the script fills anew for another attempt.

What a page shows of its questions is also written into a script, for the practice page.
"""

from __future__ import annotations

import json
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective, SphinxRole

from bookkit.directives import questions
from bookkit.pages import lesson_of

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.writers.html5 import HTML5Translator

logger = logging.getLogger(__name__)

FOLDER = "questions"
SCRIPT = "(window.bookQuestions ??= {{}})[{lesson}] = {questions};\n"

PASS = 0.8
AT_A_TIME = 8
ASKS = {
    "one": "Choose one.",
    "several": "Choose all that hold.",
    "order": "Put them in order.",
    "number": "Give a number",
}


class skill_check(nodes.General, nodes.Element):  # noqa: N801
    """All questions of a lesson, each followed by its answer."""


class skill_question(nodes.General, nodes.Element):  # noqa: N801
    """What is asked, and what there is to choose from."""


class skill_answer(nodes.General, nodes.Element):  # noqa: N801
    """What is right and why, folded."""


class drawn(nodes.inline):  # noqa: N801
    """A number that another attempt may change."""


class Drawn(SphinxRole):
    """``{drawn}`place=text```: the text of the first variant, and the place it stands for."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Return the marked text."""
        place, _, text = self.text.partition("=")
        return [drawn("", text, place=place)], []


class SkillCheck(SphinxDirective):
    """Takes the bank of the lesson that the page belongs to."""

    option_spec: ClassVar[dict[str, object]] = {"bank": directives.unchanged_required}

    def run(self) -> list[nodes.Node]:
        """Return every question and answer of the bank."""
        lesson = self.options.get("bank", lesson_of(self.env.docname))
        path = Path(self.env.srcdir, questions.FOLDER, f"{lesson}.yml")
        self.env.note_dependency(str(path))
        try:
            bank = questions.load(path)
            facts = {"total": len(bank), "needed": needed(len(bank)), "group": AT_A_TIME}
            box = skill_check("", lesson=lesson, **facts)
            for number, question in enumerate(bank, 1):
                box += self._both(question, number)
        except (OSError, questions.QuestionError) as error:
            for line in str(error).splitlines():
                logger.warning("%s", line, location=self.get_location(), type="skillcheck")
            return []
        return [box]

    def _both(self, question: questions.Question, number: int) -> list[nodes.Node]:
        variants = questions.variants(question) if question.kind == "number" else []
        places: dict[str, list[str]] = {}

        def read(text: str) -> list[nodes.Node]:
            return self.parse_text_to_nodes(mark(question, variants, text, places))

        label = f"question-{question.id}"
        asked = skill_question("", ids=[label], name=question.id, kind=question.kind, number=number)
        asked += read(question.ask)
        asked += nodes.paragraph("", hint(question), classes=["question-hint"])
        answer = skill_answer("", name=question.id, number=number)
        data: dict[str, Any] = {}
        if question.options:
            asked += listed([read(option.text) for option in question.options], "options")
            data["right"] = [i for i, option in enumerate(question.options) if option.right]
            letters = " and ".join(chr(65 + i) for i in data["right"])
            answer += nodes.paragraph("", f"Right: {letters}.", classes=["answer-right"])
            told = [read(option.feedback) for option in question.options]
            answer += listed(told, "feedback")
        if question.items:
            order = shuffled(question)
            asked += listed([read(question.items[i]) for i in order], "options")
            data["places"] = order
            ranked = nodes.enumerated_list(enumtype="arabic", classes=["right-order"])
            ranked += [nodes.list_item("", *read(item)) for item in question.items]
            answer += [nodes.paragraph("", "Right, in this order:"), ranked]
        if variants:
            answer += read(f"**{{answer}}\N{NO-BREAK SPACE}{question.unit}**")
            slips = [read(f"{slip.feedback}") for slip in question.slips]
            if slips:
                answer += nodes.paragraph("", "Other numbers, and how they come about:")
                answer += wrongs(question, variants[0], slips)
            data |= {"unit": question.unit, "tolerance": question.tolerance}
        why = nodes.container(classes=["answer-why"])
        why += read(question.explain)
        answer += why
        if variants:
            data["variants"] = [
                {
                    "answer": variant.answer,
                    "slips": variant.slips,
                    "shown": {place: texts[i] for place, texts in places.items()},
                }
                for i, variant in enumerate(variants)
            ]
        asked["data"] = json.dumps(data, ensure_ascii=False).replace("<", "\\u003c")
        return [asked, answer]


def needed(total: int) -> int:
    """How many right answers pass: four of five of those asked at a time."""
    return int(np.ceil(PASS * min(total, AT_A_TIME)))


def hint(question: questions.Question) -> str:
    """How to answer, in a few words."""
    unit = f" in {question.unit}" if question.unit and question.unit != "%" else ""
    unit = " in percent" if question.unit == "%" else unit
    return ASKS[question.kind] + (f"{unit}." if question.kind == "number" else "")


def mark(
    question: questions.Question,
    variants: list[questions.Variant],
    text: str,
    places: dict[str, list[str]],
) -> str:
    """Return a text with its numbers marked as drawn, and note their texts in every variant."""

    def one(place: Any) -> str:
        name = place[0][1:-1]
        texts = [questions.shown(question, variant, place) for variant in variants]
        if not texts or texts[0] is None:
            return str(place[0])
        places[name] = [str(text) for text in texts]
        return f"{{drawn}}`{name}={texts[0]}`"

    return questions.PLACE.sub(one, text)


def shuffled(question: questions.Question) -> list[int]:
    """Return an order of the items in which some stands out of its place, always the same."""
    seed = zlib.crc32(f"{question.lesson}/{question.id}".encode())
    generator, count = np.random.default_rng(seed), len(question.items)
    order = list(range(count))
    while order in (list(range(count)), list(range(count))[::-1]):
        order = [int(i) for i in generator.permutation(count)]
    return order


def listed(entries: list[list[nodes.Node]], name: str) -> nodes.enumerated_list:
    """Return entries with the letters A, B, C."""
    found = nodes.enumerated_list(enumtype="upperalpha", prefix="", suffix=".", classes=[name])
    found += [nodes.list_item("", *entry) for entry in entries]
    return found


def wrongs(
    question: questions.Question, variant: questions.Variant, told: list[list[nodes.Node]]
) -> nodes.bullet_list:
    """Return what each slip gives, and what is said to it."""
    found = nodes.bullet_list(classes=["slips"])
    for value, said in zip(variant.slips, told, strict=True):
        number = nodes.paragraph("", f"{value:,.3g}", classes=["slip-number"])
        found += nodes.list_item("", number, *said)
    return found


def visit_check(self: HTML5Translator, node: nodes.Element) -> None:
    data = {f"data-{key}": str(node[key]) for key in ("lesson", "total", "needed", "group")}
    self.body.append(self.starttag(node, "div", CLASS="skill-check", **data))


def depart_check(self: HTML5Translator, node: nodes.Element) -> None:
    """Name the answers, which print moves to the back."""
    self.body.append('<p class="answers-title">Answers</p></div>\n')


def visit_question(self: HTML5Translator, node: nodes.Element) -> None:
    label = f"{node['ids'][0]}-label"
    node["from"] = len(self.body)
    data = {"data-question": node["name"], "data-kind": node["kind"]}
    data |= {"role": "group", "aria-labelledby": label}
    self.body.append(self.starttag(node, "div", CLASS="question", **data))
    self.body.append(f'<script type="application/json">{node["data"]}</script>\n')
    self.body.append(f'<p class="question-number" id="{label}">Question {node["number"]}</p>\n')


def visit_answer(self: HTML5Translator, node: nodes.Element) -> None:
    data = {"data-question": node["name"]}
    self.body.append(self.starttag(node, "details", CLASS="answer", **data))
    self.body.append(f"<summary>Answer to question {node['number']}</summary>\n")


def visit_drawn(self: HTML5Translator, node: nodes.Element) -> None:
    self.body.append(f'<span data-place="{self.attval(node["place"])}">')


def depart_drawn(self: HTML5Translator, node: nodes.Element) -> None:
    self.body.append("</span>")


def depart_question(self: HTML5Translator, node: nodes.Element) -> None:
    self.body.append("</div>")


def depart_answer(self: HTML5Translator, node: nodes.Element) -> None:
    """Keep what the page shows of a question and its answer, which follow each other."""
    self.body.append("</details>")
    node["html"] = "".join(self.body[node.previous_sibling()["from"] :])


def write_questions(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """Write the questions of a page into a script of their own, as the page shows them."""
    if app.builder.format != "html" or doctree is None:
        return
    for check in doctree.findall(skill_check):
        shown = {answer["name"]: answer["html"] for answer in check.findall(skill_answer)}
        texts = {"lesson": check["lesson"], "questions": shown}
        script = SCRIPT.format(**{name: json.dumps(text) for name, text in texts.items()})
        path = Path(app.outdir, "_static", FOLDER, f"{check['lesson']}.js")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(script, "utf-8")


def setup(app: Sphinx) -> None:
    """Register the directive, the role and how HTML shows them."""
    app.add_node(skill_check, html=(visit_check, depart_check))
    app.add_node(skill_question, html=(visit_question, depart_question))
    app.add_node(skill_answer, html=(visit_answer, depart_answer))
    app.add_node(drawn, html=(visit_drawn, depart_drawn))
    app.add_role("drawn", Drawn())
    app.add_directive("skillcheck", SkillCheck)
