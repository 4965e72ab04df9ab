"""The scorecard: ``{scorecard}`` shows book/scorecard.json, what was measured and what was said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sphinx.util.docutils import SphinxDirective

if TYPE_CHECKING:
    from docutils import nodes
    from sphinx.application import Sphinx

FILE = "book/scorecard.json"
NAMES = {
    "ttft": "{term}`TTFT`",
    "tpot": "{term}`TPOT`",
    "latency": "latency",
}


def _seconds(value: float) -> str:
    return f"{value:.1f} s" if value >= 1 else f"{1e3 * value:.1f} ms"


def _signed(value: float) -> str:
    return f"{value:+.1f}%".replace("-", "−")


def _table(run: dict[str, Any]) -> str:
    """Return the table of one run: a row a metric and place, a column a method."""
    methods = run["methods"]
    head = ["metric", "measured", *[method["name"] for method in methods]]
    lines = ["| " + " | ".join(head) + " |", "|---" + "|--:" * (len(head) - 1) + "|"]
    for metric, places in run["measured"].items():
        for place, value in places.items():
            said = [_signed(method["errors"][metric][place]) for method in methods]
            cells = [f"{NAMES[metric]}, {place}", _seconds(value), *said]
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _text(run: dict[str, Any]) -> str:
    """Return what is said of one run."""
    left = "\n".join(
        f"- *{method['name']}*: {method['left out']}"
        + (f" ({method['source']}, commit `{method['commit'][:10]}`)" if "commit" in method else "")
        + "."
        for method in run["methods"]
    )
    return (
        f"**{run['title']}.** {run['requests']} requests to {run['engine']}, {run['when']}; "
        f"{run['source']}, commit `{run['commit'][:10]}`.\n\n{_table(run)}\n\n{left}"
    )


class Scorecard(SphinxDirective):
    """Show every run of the scorecard."""

    def run(self) -> list[nodes.Node]:
        """Return a text, a table and what each method leaves out, run by run."""
        path = Path(self.env.srcdir, FILE)
        self.env.note_dependency(str(path))
        shown: list[nodes.Node] = []
        for run in json.loads(path.read_text("utf-8")):
            shown += self.parse_text_to_nodes(_text(run))
        return shown


def setup(app: Sphinx) -> None:
    """Register the directive."""
    app.add_directive("scorecard", Scorecard)
