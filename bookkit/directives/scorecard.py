"""The scorecard: ``{scorecard} runs`` and ``{scorecard} steps`` show book/scorecard.json."""

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


COLUMNS = {
    "card": lambda row: row["device"],
    "layers of": lambda row: row["model"].removeprefix("Llama-3.1-"),
    "type": lambda row: row["dtype"],
    "steps": lambda row: str(row["steps"]),
    "over the bound, least": lambda row: f"{row['least over bound']:.2f} ×",
    "median": lambda row: f"{row['median over bound']:.2f} ×",
    "forecast off by": lambda row: f"{row['error']:.1f}%",
    "within its interval": lambda row: f"{row['inside']}%",
    "after one own": lambda row: f"{row['after one']:.1f}%",
    "after six": lambda row: f"{row['after six']:.1f}%",
}


def _steps(rows: list[dict[str, Any]]) -> str:
    """Return the table of the steps that the project measured: a row a card, model and type."""
    lines = ["| " + " | ".join(COLUMNS) + " |", "|---|---|---" + "|--:" * (len(COLUMNS) - 3) + "|"]
    lines += ["| " + " | ".join(cell(row) for cell in COLUMNS.values()) + " |" for row in rows]
    return "\n".join(lines)


class Scorecard(SphinxDirective):
    """Show every public run of the scorecard, or the steps that the project measured."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return a text, a table and what each method leaves out, run by run; or one table."""
        path = Path(self.env.srcdir, FILE)
        self.env.note_dependency(str(path))
        card = json.loads(path.read_text("utf-8"))
        texts = {"runs": [*map(_text, card["runs"])], "steps": [_steps(card["steps"])]}
        if self.arguments[0] not in texts:
            raise self.error(f"scorecard: runs or steps, got {self.arguments[0]!r}")
        shown = texts[self.arguments[0]]
        return [node for text in shown for node in self.parse_text_to_nodes(text)]


def setup(app: Sphinx) -> None:
    """Register the directive."""
    app.add_directive("scorecard", Scorecard)
