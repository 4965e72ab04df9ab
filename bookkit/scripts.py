"""The script that pages run, one for the whole site: ``book/_static/book.js``.

A classic one, because a browser runs no modules for a page that is opened from disk. It is made by
``make bundle`` from ``book/_static`` and ``labs/explorer``, and starts what a page holds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx

NAME = "book.js"


def setup(app: Sphinx) -> None:
    """Load it on every page, once the page can be read."""
    app.add_js_file(NAME, loading_method="defer")
