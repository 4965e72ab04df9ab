"""What search knows: the text of every section, term and published figure, in one classic script.

A browser fetches nothing for a page opened from disk, so the texts come as a script, and the page
of search makes its index of them. Answers, code and what surrounds a text are left out; of a
formula its signs are read, and the names of its Greek letters.
"""

from __future__ import annotations

import json
import re
import unicodedata
from typing import TYPE_CHECKING

from bs4 import BeautifulSoup, Tag

from bookkit.formulas import DRAWN, JOINER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bookkit.site import Site

FILE = "sections.js"
LEFT_OUT = (
    ".predict-truth, .predict-rest, details, .skill-check, .lesson-notes, .lesson-facts, "
    ".page-notebook, .cell, .headerlink, .references, .eqno, nav"
)
TEX = 'annotation[encoding="application/x-tex"]'
ARTICLE = re.compile(r'<article class="bd-article".*?</article>', re.DOTALL)
UNREAD = re.compile(r"<(script|style|svg|pre)\b.*?</\1>", re.DOTALL)
SPAN = re.compile(r"<(/?)span\b")
BEFORE = re.compile(r" ([,.;:!?)\]])")
COMMAND = re.compile(r"\\([A-Za-z]+)")
# Where a page lies, and so how early its sections come: lessons, sheets, what is looked up.
KINDS = (("lessons/", 0), ("exercises/", 1), ("book/reference", 3), ("book/claims", 3))


def kind(page: str) -> int:
    """Return how early a page's sections come, from 0."""
    return next((place for start, place in KINDS if page.startswith(start)), 2)


def greek(name: str) -> bool:
    """Return whether a command of TeX is a Greek letter."""
    try:
        return bool(unicodedata.lookup(f"GREEK SMALL LETTER {name.replace('lambda', 'lamda')}"))
    except KeyError:
        return False


def symbols(part: Tag) -> str:
    """Return the names of the Greek letters in the formulas of a part."""
    names = {name.lower() for tex in part.select(TEX) for name in COMMAND.findall(tex.get_text())}
    return " ".join(sorted(filter(greek, names)))


def undrawn(html: str) -> str:
    """Return HTML less how formulas are drawn, of which nobody reads anything."""
    start = html.find(DRAWN)
    if start < 0:
        return html
    kept, at = [], 0
    while start >= 0:
        kept.append(html[at : html.rindex("<span", at, start)])
        depth = 1
        for found in SPAN.finditer(html, start):
            depth += -1 if found[1] else 1
            if not depth:
                at = html.index(">", found.end()) + 1
                break
        start = html.find(DRAWN, at)
    return "".join([*kept, html[at:]])


def text(part: Tag) -> str:
    """Return what a part says, on one line."""
    return BEFORE.sub(r"\1", " ".join(part.get_text(" ").replace(JOINER, "").split()))


def entries(html: str) -> Iterator[tuple[str, str, str, str]]:
    """Return of every section of a page its anchor, its title, its text and its symbols.

    A term of the glossary and the record of a published figure count as sections.
    """
    read = ARTICLE.search(html)
    if read is None:
        return
    article = BeautifulSoup(undrawn(UNREAD.sub("", read[0])), "html.parser")
    found = article.select("section[id], dl.glossary > dt[id], .claim-record[id]")
    named: list[tuple[str, str, Tag, str]] = []
    for part in reversed(found):  # what lies within another is taken out of it first
        if part.name == "dt":
            said = part.find_next_sibling("dd")
            body = said.extract() if isinstance(said, Tag) else part
            title = text(part)
        else:
            body = part.extract()
            heading = body.find(["h1", "h2", "h3", "h4"]) or body.find("strong")
            title = "" if heading is None else text(heading).removesuffix("#").strip()
            if isinstance(heading, Tag) and heading.name != "strong":
                heading.extract()
        named.append((str(part["id"]), title, body, symbols(body)))
    for anchor, title, body, names in reversed(named):
        for left_out in body.select(LEFT_OUT):
            left_out.decompose()
        for formula in body.select(".math"):
            for tex in formula.select(TEX):
                tex.decompose()
            formula.replace_with("".join(formula.get_text().split()))
        if title:
            yield anchor, title, text(body), names


def write(site: Site) -> None:
    """Write the texts of the site."""
    rows = []
    for path, html in sorted(site.pages.items()):
        page = path.relative_to(site.out).as_posix()
        if page in ("index.html", "search.html", "genindex.html"):
            continue
        first = ""
        for anchor, title, said, names in entries(html):
            first = first or title
            rows.append([page, anchor, title, first, said, names, kind(page)])
    data = json.dumps(rows, ensure_ascii=False, separators=(",", ":"))
    script = f"window.bookSections = {data};\n"
    (site.out / "_static" / FILE).write_text(script, "utf-8")
