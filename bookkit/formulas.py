"""Formulas, set by the build: what a page loads is the finished formula, with MathML beside it.

KaTeX sets them, in QuickJS, so that neither a build needs node nor a page a script. A formula that
KaTeX does not know fails the build, with file and line.
"""

from __future__ import annotations

import html
import json
import logging
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import quickjs
from docutils import nodes
from fontTools import subset
from fontTools.ttLib import TTFont
from sphinx.locale import _
from sphinx.util import logging as sphinx_logging
from sphinx.util.math import get_node_equation_number

from bookkit import ROOT

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.writers.html5 import HTML5Translator

    from bookkit.site import Site

NAME = "katex"
FOLDER = Path("vendor", "katex", "dist")
KATEX = ROOT / "book" / "_static" / FOLDER / "katex.min.js"
SET = """function set(tex, options) {
  return JSON.stringify(katex.renderToString(tex, JSON.parse(options)));
}"""
OPTIONS = {"strict": "error", "throwOnError": True, "output": "htmlAndMathml"}
DRAWN = 'class="katex-html"'
SOURCE = re.compile(r'<annotation encoding="application/x-tex">(.*?)</annotation>', re.DOTALL)
TAG = re.compile(r"<[^>]*>")
# What must not begin a line, and what keeps it from doing so.
CLOSING, JOINER = tuple(",.;:!?)]%’”"), "\N{WORD JOINER}"
# The forms of a font for browsers that do not read woff2, which are not shipped.
OTHERS = re.compile(r",\s*url\([^)]*\.(?:woff|ttf)\)\s*format\([^)]*\)")

logger = sphinx_logging.getLogger(__name__)


@cache
def _engine() -> quickjs.Context:
    context = quickjs.Context()
    context.eval(KATEX.read_text("utf-8"))
    context.eval(SET)
    return context


@cache
def typeset(tex: str, *, display: bool = False) -> str:
    r"""Return a formula as HTML and MathML.

    Raises
    ------
    ValueError
        If KaTeX does not understand it.

    Examples
    --------
    >>> "<mi>λ</mi>" in typeset(r"\lambda")
    True
    """
    options = json.dumps({**OPTIONS, "displayMode": display})
    try:
        return str(json.loads(_engine().get("set")(" ".join(tex.split()), options)))
    except quickjs.JSException as error:
        raise ValueError(str(error).splitlines()[0]) from None


def lines(tex: str) -> str:
    """Return a displayed formula whose lines are set below each other where it has several."""
    parts = [part for part in tex.split("\n\n") if part.strip()]
    parts = [rf"\begin{{split}}{part}\end{{split}}" if r"\\" in part else part for part in parts]
    if len(parts) == 1:
        return parts[0]
    return r"\begin{aligned}" + r"\\".join(parts) + r"\end{aligned}"


def _set(node: nodes.Node, tex: str, *, display: bool) -> str:
    try:
        return typeset(tex, display=display)
    except ValueError as error:
        logger.warning("formula: %s", error, location=node)
        return ""


def visit_inline(self: HTML5Translator, node: nodes.math) -> None:
    """Write a formula within a line."""
    self.body.append(self.starttag(node, "span", "", CLASS="math notranslate nohighlight"))
    self.body.append(_set(node, node.astext(), display=False) + "</span>")
    after = node.next_node(descend=False, siblings=True)
    if isinstance(after, nodes.Text) and after.startswith(CLOSING):
        self.body.append(JOINER)
    raise nodes.SkipNode


def visit_display(self: HTML5Translator, node: nodes.math_block) -> None:
    """Write a formula on lines of its own, with its number."""
    self.body.append(self.starttag(node, "div", CLASS="math notranslate nohighlight"))
    if node["number"]:
        self.body.append(f'<span class="eqno">({get_node_equation_number(self, node)})')
        self.add_permalink_ref(node, _("Link to this equation"))
        self.body.append("</span>")
    tex = node.astext() if node["nowrap"] else lines(node.astext())
    self.body.append(_set(node, tex, display=True) + "</div>\n")
    raise nodes.SkipNode


def characters(site: Site) -> set[str]:
    """Return every character that a formula of the site draws."""
    sources = {html.unescape(tex) for page in site.pages.values() for tex in SOURCE.findall(page)}
    drawn = [typeset(tex, display=True).partition(DRAWN)[2] for tex in sources]
    return {sign for text in drawn for sign in html.unescape(TAG.sub("", text.partition(">")[2]))}


def trim(site: Site) -> None:
    """Leave in the fonts of formulas what the site draws, and in their style sheet those fonts."""
    used, folder = characters(site), site.out / "_static" / FOLDER
    (folder / KATEX.name).unlink(missing_ok=True)
    style = folder / "katex.css"
    style.write_text(OTHERS.sub("", style.read_text("utf-8")), "utf-8")
    logging.getLogger("fontTools").setLevel(logging.WARNING)
    for path in sorted((folder / "fonts").glob("*.woff2")):
        font = TTFont(path)
        subsetter = subset.Subsetter(subset.Options(hinting=False))
        subsetter.populate(unicodes=map(ord, used))
        subsetter.subset(font)
        font.flavor = "woff2"
        font.save(path)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the renderer; its style sheet is one of the book's."""
    app.add_html_math_renderer(NAME, (visit_inline, None), (visit_display, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
