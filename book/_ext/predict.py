"""``{predict}``: a question to commit to before the answer, which unfolds below it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.util.docutils import SphinxDirective

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.writers.html5 import HTML5Translator


class prediction(nodes.Element):  # noqa: N801
    """A question and its answer."""


class prediction_answer(nodes.Element):  # noqa: N801
    """The folded part of a prediction."""


class Predict(SphinxDirective):
    """The argument is the question, the body the answer."""

    required_arguments = 1
    final_argument_whitespace = True
    has_content = True
    option_spec: ClassVar[dict[str, object]] = {"class": directives.class_option}

    def run(self) -> list[nodes.Node]:
        """Return the question, and the answer as a fold."""
        self.assert_has_content()
        words, messages = self.parse_inline(self.arguments[0], lineno=self.lineno)
        question = nodes.paragraph("", "", *words, classes=["predict-question"])
        answer = prediction_answer("", *self.parse_content_to_nodes())
        box = prediction("", question, answer, classes=self.options.get("class", []))
        return [box, *messages]


def visit_prediction(self: HTML5Translator, node: nodes.Element) -> None:
    """Open the box."""
    self.body.append(
        self.starttag(node, "div", CLASS="predict", role="group", **{"aria-label": "Prediction"})
        + '<p class="predict-label">Predict first</p>\n'
    )


def depart_prediction(self: HTML5Translator, node: nodes.Element) -> None:
    """Close the box."""
    self.body.append("</div>\n")


def visit_answer(self: HTML5Translator, node: nodes.Element) -> None:
    """Open the fold."""
    self.body.append("<details><summary>I have committed to an answer: show it</summary>\n")


def depart_answer(self: HTML5Translator, node: nodes.Element) -> None:
    """Close the fold."""
    self.body.append("</details>\n")


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive and how HTML shows it."""
    app.add_node(prediction, html=(visit_prediction, depart_prediction))
    app.add_node(prediction_answer, html=(visit_answer, depart_answer))
    app.add_directive("predict", Predict)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
