"""What is done to the site once every page is written: the steps, in their order, in one pass."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bookkit import formulas
from bookkit.directives import explorers
from bookkit.editions import lite, wheels
from bookkit.finish import policy, redirect, sections, styles
from bookkit.site import Site

if TYPE_CHECKING:
    from collections.abc import Callable

    from sphinx.application import Sphinx


# The name of each step, for a book that wants fewer of them (``finishing`` in its settings).
STEPS: dict[str, Callable[[Site], None]] = {
    "explorers": explorers.write_style,
    "redirect": redirect.add,
    "formulas": formulas.trim,
    "sections": sections.write,
    "styles": styles.bundle,
    "icons": styles.trim_icons,
    # What allows the scripts of the pages comes after all that changes them.
    "policy": policy.add,
    "write": Site.write,
    "wheel": wheels.ship,
    # Its own pages are none of the book's.
    "jupyterlite": lite.add,
}


def finish(app: Sphinx, error: Exception | None) -> None:
    """Take the steps, unless the build has failed or makes no pages."""
    if error or app.builder.format != "html":
        return
    site = Site(app)
    for name, step in STEPS.items():
        if name in (*app.config.finishing, "write"):
            step(site)


def setup(app: Sphinx) -> None:
    """Register the setting."""
    app.add_config_value("finishing", list(STEPS), "html", list)
