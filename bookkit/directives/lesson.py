"""``{lesson}``: the head of a lesson, with reading time and counts taken from the page itself."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.util.docutils import SphinxDirective

from bookkit.directives.skillcheck import skill_check, skill_question

if TYPE_CHECKING:
    from sphinx.application import Sphinx

WORDS_A_MINUTE = 220
CELL_MINUTES = 0.3
EXPLORER_MINUTES = 1.0
EXPLORER = 'class="xp-place"'


class lesson_facts(nodes.paragraph):  # noqa: N801
    """Filled in once the page has been read."""


class Lesson(SphinxDirective):
    """The body lists what the reader will be able to do, ``:answers:`` what they may have asked."""

    has_content = True
    option_spec: ClassVar[dict[str, object]] = {
        "needs": directives.unchanged_required,
        "answers": directives.unchanged_required,
    }

    def run(self) -> list[nodes.Node]:
        """Return the objectives, what they need, and the facts to be counted."""
        self.assert_has_content()
        head = nodes.container(classes=["lesson-head"], answers=self.options.get("answers", ""))
        head += lesson_facts(classes=["lesson-facts"])
        head += self.parse_content_to_nodes()
        if "needs" in self.options:
            head += self.parse_text_to_nodes(f"**You need** {self.options['needs']}")
        return [head]


def answers(doctree: nodes.document) -> str:
    """Return the questions that a lesson says it answers; nothing where it says none."""
    heads = doctree.findall(nodes.container)
    return next((head["answers"] for head in heads if head.get("answers")), "")


def count(doctree: nodes.document) -> tuple[int, int, int, int]:
    """Return minutes to read, sections, explorers and questions of a page."""
    questions = list(doctree.findall(skill_question))
    checked = {
        text for check in doctree.findall(skill_check) for text in check.findall(nodes.paragraph)
    }
    prose = [
        node.astext()
        for node in doctree.findall(nodes.TextElement)
        if isinstance(node, nodes.paragraph | nodes.title | nodes.term) and node not in checked
    ]
    words = sum(len(re.findall(r"\w[\w'.,-]*", text)) for text in prose)
    cells = [node for node in doctree.findall(nodes.container) if "cell_input" in node["classes"]]
    explorers = sum(EXPLORER in node.astext() for node in doctree.findall(nodes.raw))
    sections = sum(
        isinstance(node.parent, nodes.section) and isinstance(node.parent.parent, nodes.document)
        for node in doctree.findall(nodes.section)
    )
    minutes = words / WORDS_A_MINUTE + len(cells) * CELL_MINUTES + explorers * EXPLORER_MINUTES
    return max(1, round(minutes)), sections, explorers, len(questions)


def fill(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Write the facts into the head of the page: those of the page as it was read, as elsewhere."""
    for facts in doctree.findall(lesson_facts):
        found = count(app.env.get_doctree(docname))
        counted = dict(zip(("minute", "section", "explorer", "question"), found, strict=True))
        parts = [f"{n} {name}{'s' if n > 1 else ''}" for name, n in counted.items() if n]
        facts += nodes.Text(" · ".join(parts))


def setup(app: Sphinx) -> None:
    """Register the directive."""
    app.add_node(
        lesson_facts,
        html=(
            lambda self, node: self.visit_paragraph(node),
            lambda self, node: self.depart_paragraph(node),
        ),
    )
    app.add_directive("lesson", Lesson)
    app.add_css_file("lesson.css")
