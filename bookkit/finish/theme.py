"""Mend what sphinx-book-theme and pydata-sphinx-theme get wrong.

A template of ours stands for the theme's, or for a block of it, where that is all that is wrong;
what comes out of Python, or of the midst of a large template, is mended on the page, one entry
below for each. ``tests/book/test_site.py`` looks for the effects on built pages.
"""

from __future__ import annotations

import html
import re
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docutils import nodes
from sphinx.jinja2glue import BuiltinTemplateLoader

if TYPE_CHECKING:
    from sphinx.application import Sphinx

MENDS = [
    # The icons are a web font already; this is the same set again as half a megabyte of script.
    (re.compile(r"<script defer src=\"[^\"]*/fontawesome\.js[^\"]*\"></script>"), ""),
    # Docutils declares the viewport that Sphinx has declared.
    (
        re.compile(r"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\" ?/>"),
        "",
    ),
    # Until a script has chosen, and where none runs, a page has no colours at all.
    (re.compile(r"(<html [^>]*data-theme=)\"auto\""), r'\1"light"'),
    # Names of buttons, which the theme leaves to a script.
    (
        re.compile(r"(<button class=\"sidebar-toggle [^>]*?title=\"([^\"]*)\")"),
        r'\1 aria-label="\2"',
    ),
    # What unfolds a part of the contents has an icon and no name.
    (
        re.compile(r"<summary>(<span class=\"toctree-toggle\" role=\"presentation\">)"),
        r'<summary aria-label="Pages of this part">\1',
    ),
    # A name that hides the text of a folded cell.
    (re.compile(r"<summary aria-label=\"Toggle hidden content\">"), "<summary>"),
    # Paragraphs are not allowed in the summary of a folded cell.
    (
        re.compile(r"<p class=\"(collapsed|expanded) admonition-title\">(.*?)</p>"),
        r'<span class="\1 admonition-title">\2</span>',
    ),
    # The logo and the search field lie outside every landmark.
    (
        re.compile(r"<div id=\"pst-primary-sidebar\""),
        '<div id="pst-primary-sidebar" role="region" aria-label="Book"',
    ),
    # Where a browser keeps nothing, asking it to fails.
    (
        re.compile(r"localStorage\.getItem\((\"\w+\")\)"),
        r"(() => { try { return localStorage.getItem(\1); } catch { return null; } })()",
    ),
    # Sphinx puts the list of what a function returns into a paragraph.
    (re.compile(r"<p>(<ul class=\"simple\">.*?</ul>)\s*</p>", re.DOTALL), r"\1"),
    # A list whose children are not list items, which have a role that is withdrawn.
    (re.compile(r"<div role=\"list\" class=\"citation-list\">"), '<div class="citation-list">'),
    (re.compile(r" role=\"doc-biblioentry\""), ""),
]

TEMPLATES = Path(__file__).parent / "templates"


class MendingLoader(BuiltinTemplateLoader):
    """Sphinx's own template bridge, whose pages are mended as they are written."""

    def render(self, template: str, context: dict[str, Any]) -> str:  # type: ignore[override]
        page = super().render(template, context)
        for pattern, replacement in MENDS:
            page = pattern.sub(replacement, page)
        return page


def drop_pagename(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: object
) -> None:
    """Leave out the page's name, which nothing here reads, in a script unlike any other page's."""
    context["script_files"][:] = [
        script
        for script in context["script_files"]
        if "DOCUMENTATION_OPTIONS.pagename" not in getattr(script, "attributes", {}).get("body", "")
    ]


def defer_scripts(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: object
) -> None:
    """Let the page be drawn before scripts run, but for the options that inline scripts need."""
    for script in context["script_files"]:
        attributes = getattr(script, "attributes", {})
        inline = "body" in attributes or "documentation_options" in str(script.filename)
        if not inline and not attributes.keys() & {"defer", "async", "type"}:
            attributes["defer"] = "defer"


def describe(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """Give a page that describes itself nowhere its first paragraph as its description."""
    if 'name="description"' in context.get("metatags", ""):
        return
    first = doctree.next_node(nodes.paragraph) if doctree else None
    text = (
        " ".join(first.astext().split())
        if first
        else f"{context.get('title', pagename.capitalize())}: {app.config.html_title}"
    )
    short = textwrap.shorten(text, 160, placeholder="…")
    context["metatags"] = (
        f'{context.get("metatags", "")}\n<meta name="description" content="{html.escape(short)}" />'
    )


def use_templates(app: Sphinx, config: Any) -> None:
    """Let pages be rendered by the templates beside this module, and mended."""
    config.templates_path = [str(TEMPLATES), *config.templates_path]
    config.template_bridge = f"{__name__}.{MendingLoader.__name__}"


def setup(app: Sphinx) -> None:
    """Register a setting."""
    # Jupyter Book sets this whether or not the extension that reads it is loaded.
    app.add_config_value("comments_config", {}, "html")
