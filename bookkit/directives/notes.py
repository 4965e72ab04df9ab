"""``{notes}``: a place for the reader's own notes on a lesson, which ``notes.js`` opens."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from bookkit.pages import lesson_of

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.writers.html5 import HTML5Translator


class notes(nodes.General, nodes.Element):  # noqa: N801
    """Empty until the page's script fills it."""


class Notes(SphinxDirective):
    """Takes nothing: the page says which lesson it belongs to."""

    option_spec: ClassVar[dict[str, object]] = {}

    def run(self) -> list[nodes.Node]:
        """Return the place."""
        return [notes("", lesson=lesson_of(self.env.docname))]


def visit(self: HTML5Translator, node: nodes.Element) -> None:
    data = {"data-lesson": node["lesson"]}
    self.body.append(self.starttag(node, "div", CLASS="lesson-notes", **data))
    self.body.append("<noscript><p>Private notes need JavaScript.</p></noscript></div>\n")


def setup(app: Sphinx) -> None:
    """Register the directive."""
    app.add_node(notes, html=(visit, lambda self, node: None))
    app.add_directive("notes", Notes)
