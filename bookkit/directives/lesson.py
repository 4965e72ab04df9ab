"""``{lesson}``: the head of a lesson, with reading time and counts taken from the page itself."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.util.docutils import SphinxDirective

from bookkit.directives.predict import prediction
from bookkit.directives.skillcheck import AT_A_TIME, skill_check, skill_question

if TYPE_CHECKING:
    from sphinx.application import Sphinx

# What a page takes, in minutes; where these come from is said in book/how-to.md.
WORDS_A_MINUTE = 130
CODE_LINE = 5 / 60
FORMULA = PREDICTION = QUESTION = 1.5
EXPLORER_MINUTES = 3.0
UNSEEN = {"tag_hide-input", "tag_remove-input", "tag_hide-cell", "tag_remove-cell"}
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


def count(doctree: nodes.document) -> tuple[float, int, int, int]:
    """Return minutes of work, sections, explorers and questions of a page."""
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
    explorers = sum(EXPLORER in node.astext() for node in doctree.findall(nodes.raw))
    sections = sum(
        isinstance(node.parent, nodes.section) and isinstance(node.parent.parent, nodes.document)
        for node in doctree.findall(nodes.section)
    )
    minutes = (
        words / WORDS_A_MINUTE
        + code_lines(doctree) * CODE_LINE
        + len(list(doctree.findall(nodes.math_block))) * FORMULA
        + len(list(doctree.findall(prediction))) * PREDICTION
        + min(len(questions), AT_A_TIME) * QUESTION
        + explorers * EXPLORER_MINUTES
    )
    return minutes, sections, explorers, len(questions)


def code_lines(doctree: nodes.document) -> int:
    """Return how many lines of code a page shows unfolded."""
    cells = [node for node in doctree.findall(nodes.container) if "cell" in node["classes"]]
    shown = [
        block.astext()
        for cell in cells
        if not UNSEEN & set(cell["classes"])
        for source in cell.findall(nodes.container)
        if "cell_input" in source["classes"]
        for block in source.findall(nodes.literal_block)
    ]
    return sum(bool(line.strip()) for text in shown for line in text.splitlines())


def fill(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Write the facts into the head of the page: those of the page as it was read, as elsewhere."""
    for facts in doctree.findall(lesson_facts):
        minutes, *found = count(app.env.get_doctree(docname))
        numbers = [max(1, round(minutes)), *found]
        counted = dict(zip(("minute", "section", "explorer", "question"), numbers, strict=True))
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
