"""Exercise sheets: solutions and what checks say of them are folded, each under its own name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from docutils import nodes

if TYPE_CHECKING:
    from sphinx.application import Sphinx

FOLDS = {
    "tag_solution": ("all", "Solution"),
    "tag_check": ("output", "What the check says of the solution"),
}


def fold(app: Sphinx, doctree: nodes.document) -> None:
    """Fold the cells with these tags, which MyST-NB would show."""
    for cell in doctree.findall(nodes.container):
        for tag in FOLDS.keys() & set(cell.get("classes", ())):
            cell["hide_mode"], prompt = FOLDS[tag]
            cell["prompt_show"] = cell["prompt_hide"] = prompt
