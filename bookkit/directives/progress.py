"""``{progress}``: the lessons in order, what each answers, and how far the reader is.

That last is added by ``progress.js``.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.util.docutils import SphinxDirective

from bookkit.directives import questions
from bookkit.directives.lesson import answers, count
from bookkit.directives.skillcheck import needed
from bookkit.pages import FOLDER, SECOND, goes_on, lesson_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment
    from sphinx.writers.html5 import HTML5Translator


class lessons_place(nodes.General, nodes.Element):  # noqa: N801
    """A place whose script needs to know the lessons; ``name`` is its class."""


class progress(lessons_place):  # noqa: N801
    """A table of the lessons, or one sentence about all."""


class questions_answered(nodes.General, nodes.Element):  # noqa: N801
    """A place for the table of questions and the lessons that answer them."""


@dataclass(frozen=True)
class RecordedLesson:
    """A lesson as the record knows it."""

    lesson: str
    title: str
    href: str
    total: int
    needed: int
    questions: list[str]


class Progress(SphinxDirective):
    """Shows a table, with ``:summary:`` one sentence, with ``:answers:`` questions and lessons."""

    option_spec: ClassVar[dict[str, object]] = {
        "summary": directives.flag,
        "answers": directives.flag,
    }

    def run(self) -> list[nodes.Node]:
        """Return the place."""
        if "answers" in self.options:
            return [questions_answered()]
        return [progress("", name="record-progress", summary="summary" in self.options)]


def in_order(env: BuildEnvironment) -> list[str]:
    """Return the pages of lessons that have questions, as the table of contents orders them."""
    first, relations = env.config.root_doc, env.collect_relations()
    found, page = [], first
    while page:
        found.append(page)
        page = relations.get(page, [None, None, None])[2]
    banks = questions.banks(Path(env.srcdir))
    lessons = [page for page in found if FOLDER in page and not goes_on(page)]
    return [page for page in lessons if lesson_of(page) in banks]


def fill(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Give each place the lessons, and the table its rows."""
    places = list(doctree.findall(lessons_place))
    asked = list(doctree.findall(questions_answered))
    if not places and not asked:
        return
    known, banks = [], questions.banks(Path(app.env.srcdir))
    for page in in_order(app.env):
        name = lesson_of(page)
        names = [question.id for question in questions.load(banks[name])]
        href = app.builder.get_relative_uri(docname, page)
        title, total = app.env.titles[page].astext(), len(names)
        known.append((page, RecordedLesson(name, title, href, total, needed(total), names)))
    data = json.dumps([asdict(lesson) for _, lesson in known], ensure_ascii=False)
    for place in places:
        place["data"] = data.replace("<", "\\u003c")
        if isinstance(place, progress) and not place["summary"]:
            place += table(app.env, known)
    for question in asked:
        question.replace_self(answered(app.env, known))


def answered(env: BuildEnvironment, known: list[tuple[str, RecordedLesson]]) -> nodes.table:
    """Return a table of what lessons answer."""
    rows = []
    for page, lesson in known:
        asked, minutes = nodes.Text(answers(env.get_doctree(page))), counted(env, page)[0]
        rows.append(row([asked, link(lesson), nodes.Text(str(minutes))], ()))
    head = row(map(nodes.Text, ("You ask", "You read", "Minutes")), ())
    return nodes.table("", ruled(head, rows))


def counted(env: BuildEnvironment, page: str) -> tuple[int, int]:
    """Return the minutes and sections of a lesson, of both its pages where it has two."""
    pages = [page, page + SECOND] if page + SECOND in env.found_docs else [page]
    sums = np.array([count(env.get_doctree(one)) for one in pages]).sum(axis=0)
    minutes, sections, *_ = sums.round().astype(int)
    return int(minutes), int(sections)


def table(env: BuildEnvironment, known: list[tuple[str, RecordedLesson]]) -> nodes.table:
    """Return the rows: what each lesson holds, and what an empty record says of it."""
    columns, mine = (
        ("Lesson", "Minutes", "Sections", "Questions"),
        ("Read", "Score", "Status", "Due"),
    )
    rows = []
    for page, lesson in known:
        numbers = [nodes.Text(str(n)) for n in (*counted(env, page), lesson.total)]
        found = row(
            [link(lesson), *numbers], ("not yet", f"0/{lesson.total}", "not attempted", "0")
        )
        found[0] += nodes.paragraph("", answers(env.get_doctree(page)), classes=["answers"])
        rows.append(found)
    head = row(map(nodes.Text, columns), mine)
    return nodes.table("", ruled(head, rows), classes=["lessons-table"])


def link(lesson: RecordedLesson) -> nodes.reference:
    """Return a link to a lesson by its title."""
    return nodes.reference("", lesson.title, refuri=lesson.href, internal=True)


def ruled(head: nodes.row, rows: Iterable[nodes.row]) -> nodes.tgroup:
    """Return rows under a head, in columns of one width."""
    columns = [nodes.colspec(colwidth=1) for _ in head]
    body = nodes.tbody("", *rows)
    return nodes.tgroup("", *columns, nodes.thead("", head), body, cols=len(columns))


def row(cells: Iterable[nodes.Node], mine: Iterable[str]) -> nodes.row:
    """Return a row, whose last cells are the record's and are hidden where no script fills them."""
    entries = [nodes.entry("", nodes.paragraph("", "", cell)) for cell in cells]
    entries += [nodes.entry("", nodes.paragraph("", text), classes=["mine"]) for text in mine]
    return nodes.row("", *entries)


def visit(self: HTML5Translator, node: nodes.Element) -> None:
    data = {"data-summary": "true"} if node.get("summary") else {}
    self.body.append(self.starttag(node, "div", CLASS=node["name"], **data))
    self.body.append(f'<script type="application/json">{node["data"]}</script>\n')


def depart(self: HTML5Translator, node: nodes.Element) -> None:
    self.body.append("</div>\n")


def setup(app: Sphinx) -> None:
    """Register the directive."""
    app.add_node(lessons_place, html=(visit, depart))
    app.add_node(progress, html=(visit, depart))
    app.add_node(questions_answered)
    app.add_directive("progress", Progress)
