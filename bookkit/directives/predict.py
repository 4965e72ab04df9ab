"""``{predict}``: a question to commit to before the answer, which unfolds below it.

With ``:asks:`` the page takes the reader's answer, keeps it under ``:name:`` and compares it with
``:value:``, a number from a cell or one of ``:choices:``. What follows such a prediction, up to the
next heading, the next prediction or ``{predict-end}``, is hidden until the reader has committed or
skipped. Without scripts, and in print, all of that shows and the answer is a fold.
"""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.transforms import SphinxTransform
from sphinx.util.docutils import SphinxDirective

from bookkit.pages import lesson_of

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.writers.html5 import HTML5Translator


class prediction(nodes.Element):  # noqa: N801
    """A question and its answer."""


class prediction_answer(nodes.Element):  # noqa: N801
    """The folded part of a prediction."""


class prediction_truth(nodes.Element):  # noqa: N801
    """What the reader's answer is compared with."""


class prediction_end(nodes.Element):  # noqa: N801
    """Where what decides a prediction ends, if before the next heading."""


class prediction_rest(nodes.Element):  # noqa: N801
    """What decides a prediction: hidden until the reader has committed."""


ENDS = (nodes.section, prediction, prediction_end)


class Hide(SphinxTransform):
    """Gather what follows each prediction that asks."""

    default_priority = 800

    def apply(self, **_: object) -> None:
        """Put it into an element of its own."""
        for box in list(self.document.findall(prediction)):
            if "data" in box:
                around = box.parent
                start = around.index(box) + 1
                follows = itertools.takewhile(
                    lambda node: not isinstance(node, ENDS), around.children[start:]
                )
                rest = prediction_rest("", *follows)
                rest["name"] = box["data"]["prediction"]
                rest["ids"] = [nodes.make_id(f"rest-{rest['name']}")]
                around[start : start + len(rest)] = [rest] if len(rest) else []
        for end in list(self.document.findall(prediction_end)):
            end.parent.remove(end)


class PredictEnd(SphinxDirective):
    """Ends what is hidden."""

    def run(self) -> list[nodes.Node]:
        """Return the mark."""
        return [prediction_end("")]


class Predict(SphinxDirective):
    """The argument is the question, the body the answer."""

    required_arguments = 1
    final_argument_whitespace = True
    has_content = True
    option_spec: ClassVar[dict[str, object]] = {
        "name": directives.unchanged_required,
        "asks": directives.unchanged_required,
        "value": directives.unchanged_required,
        "unit": directives.unchanged,
        "choices": directives.unchanged_required,
    }

    def run(self) -> list[nodes.Node]:
        """Return the question, and the answer as a fold."""
        self.assert_has_content()
        words, messages = self.parse_inline(self.arguments[0], lineno=self.lineno)
        box = prediction("")
        box += nodes.paragraph("", "", *words, classes=["predict-question"])
        if "asks" in self.options:
            truth, more = self._commitment(box)
            box += prediction_truth("", *truth)
            messages += more
        box += prediction_answer("", *self.parse_content_to_nodes())
        return [box, *messages]

    def _commitment(self, box: nodes.Element) -> tuple[list[nodes.Node], list[nodes.Node]]:
        """Say what to commit to, and return what it is."""
        if "value" not in self.options:
            raise self.error("a prediction that asks needs its :value:")
        if "name" not in self.options:
            raise self.error("a prediction that asks needs a :name: to be kept under")
        name = f"{lesson_of(self.env.docname)}/{self.options['name']}"
        box["data"] = {"prediction": name, "asks": self.options["asks"]}
        if "unit" in self.options:
            box["data"]["unit"] = self.options["unit"]
        value = self.options["value"]
        if "choices" in self.options:
            choices = [choice.strip() for choice in self.options["choices"].split("|")]
            if value not in choices:
                raise self.error(f":value: must be one of the choices, got {value!r}")
            box["data"]["choices"] = json.dumps(choices, ensure_ascii=False)
            return [nodes.Text(value)], []
        return self.parse_inline(value, lineno=self.lineno)


def visit_prediction(self: HTML5Translator, node: nodes.Element) -> None:
    """Open the box."""
    data = {f"data-{key}": value for key, value in node.get("data", {}).items()}
    label = {"role": "group", "aria-label": "Prediction"}
    self.body.append(
        self.starttag(node, "div", CLASS="predict", **label, **data)
        + '<p class="predict-label">Predict first</p>\n'
    )


def visit_rest(self: HTML5Translator, node: nodes.Element) -> None:
    """Open what is hidden, after a line that says so and shows it where scripts fail."""
    self.body.append(
        '<p class="predict-veil">What comes next gives the answer away. It shows once you commit '
        f'or skip. <a href="#{node["ids"][0]}">Show it now</a></p>\n'
        + self.starttag(node, "div", CLASS="predict-rest", **{"data-rest": node["name"]})
    )


def depart_rest(self: HTML5Translator, node: nodes.Element) -> None:
    """Close it."""
    self.body.append("</div>\n")


def visit_truth(self: HTML5Translator, node: nodes.Element) -> None:
    """Hold the value for the script; the fold says it in words."""
    self.body.append('<span class="predict-truth" hidden="hidden">')


def depart_truth(self: HTML5Translator, node: nodes.Element) -> None:
    """Close it."""
    self.body.append("</span>\n")


def depart_prediction(self: HTML5Translator, node: nodes.Element) -> None:
    """Close the box."""
    self.body.append("</div>\n")


def visit_answer(self: HTML5Translator, node: nodes.Element) -> None:
    """Open the fold."""
    self.body.append("<details><summary>I have committed to an answer: show it</summary>\n")


def depart_answer(self: HTML5Translator, node: nodes.Element) -> None:
    """Close the fold."""
    self.body.append("</details>\n")


def setup(app: Sphinx) -> None:
    """Register the directive and how HTML shows it."""
    app.add_node(prediction, html=(visit_prediction, depart_prediction))
    app.add_node(prediction_answer, html=(visit_answer, depart_answer))
    app.add_node(prediction_truth, html=(visit_truth, depart_truth))
    app.add_node(prediction_rest, html=(visit_rest, depart_rest))
    app.add_directive("predict", Predict)
    app.add_directive("predict-end", PredictEnd)
    app.add_transform(Hide)
