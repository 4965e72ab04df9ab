"""``{practice}`` and ``{record}``: what is due, and everything that is kept, for their scripts."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from sphinx.util.docutils import SphinxDirective

from bookkit.directives.progress import depart, lessons_place, visit

if TYPE_CHECKING:
    from docutils import nodes
    from sphinx.application import Sphinx
    from sphinx.writers.html5 import HTML5Translator


class practice(lessons_place):  # noqa: N801
    """The questions that are due, or of a lesson that the reader chooses."""


class keeping(lessons_place):  # noqa: N801
    """Export, import, erase and account."""


class Practice(SphinxDirective):
    """Takes nothing; shows the queue, and progress over time."""

    option_spec: ClassVar[dict[str, object]] = {}

    def run(self) -> list[nodes.Node]:
        """Return the place."""
        return [practice("", name="record-practice")]


class Record(SphinxDirective):
    """Takes nothing; shows what can be done with the record as a whole."""

    option_spec: ClassVar[dict[str, object]] = {}

    def run(self) -> list[nodes.Node]:
        """Return the place."""
        return [keeping("", name="record-keeping")]


def visit_place(self: HTML5Translator, node: nodes.Element) -> None:
    visit(self, node)
    self.body.append("<noscript><p>This part of the page needs JavaScript.</p></noscript>\n")


def setup(app: Sphinx) -> None:
    """Register both directives."""
    for kind, directive, name in ((practice, Practice, "practice"), (keeping, Record, "record")):
        app.add_node(kind, html=(visit_place, depart))
        app.add_directive(name, directive)
