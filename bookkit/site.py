"""A built site, between what Sphinx writes and what is published."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx


class Site:
    """A built site: each of its pages is read once, changed by the steps, and written once.

    Attributes
    ----------
    app : Sphinx
        What built it.
    out : Path
        Its folder.
    pages : dict of Path to str
        The HTML of every page.
    """

    def __init__(self, app: Sphinx) -> None:
        self.app, self.out = app, Path(app.outdir)
        self.pages = {path: path.read_text("utf-8") for path in self.out.rglob("*.html")}
        self._written = dict(self.pages)

    def write(self) -> None:
        """Write the pages that a step has changed."""
        for path, page in self.pages.items():
            if self._written.get(path) != page:
                path.write_text(page, "utf-8")
        self._written = dict(self.pages)
