"""Say which pages of two built sites read differently: ``differences.py BEFORE AFTER``.

Prints Markdown for the summary of a pull request. Markup, scripts and addresses with checksums do
not count, so that a changed style sheet does not make every page a changed one; nor do outputs that
are another on every machine, which their cells say.
"""

import difflib
import re
import sys
from html.parser import HTMLParser
from pathlib import Path

LONGEST = 40
MEASURED = "tag_nbval-ignore-output"
# Spaces that one Sphinx puts around a formula and another does not.
FORMULA = re.compile(r"(\\\[|\{split\}) | (?=\\\]|\\end\{split\})")


class Reader(HTMLParser):
    """The words of a page's article, a block a line."""

    SILENT = frozenset({"script", "style"})
    BLOCKS = frozenset(
        {"p", "li", "td", "th", "pre", "h1", "h2", "h3", "h4", "dt", "summary", "div"}
    )

    def __init__(self) -> None:
        super().__init__()
        self.lines, self.silent, self.inside = [""], 0, False
        self.measured, self.depth = False, 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.inside = self.inside or tag == "article"
        self.silent += tag in self.SILENT
        classes = (dict(attrs).get("class") or "").split()
        if "cell" in classes:
            self.measured = MEASURED in classes
        if tag == "div" and self.depth:
            self.depth += 1
        elif self.measured and "cell_output" in classes:
            self.depth = 1
        if tag in self.BLOCKS:
            self.lines.append("")

    def handle_endtag(self, tag: str) -> None:
        self.inside = self.inside and tag != "article"
        self.silent -= tag in self.SILENT
        self.depth -= tag == "div" and self.depth > 0

    def handle_data(self, data: str) -> None:
        if self.inside and not self.silent and not self.depth:
            self.lines[-1] += data


def words(page: Path) -> list[str]:
    """What a page says, line by line; nothing if it does not exist."""
    if not page.is_file():
        return []
    reader = Reader()
    reader.feed(page.read_text("utf-8"))
    lines = (FORMULA.sub(r"\1", re.sub(r"\s+", " ", line).strip()) for line in reader.lines)
    return [line for line in lines if line]


def changes(before: Path, after: Path) -> dict[str, list[str]]:
    """The lines that differ, by page: those gone begin with -, those new with +."""
    names = {
        path.relative_to(site).as_posix()
        for site in (before, after)
        for path in site.rglob("*.html")
    }
    found = {}
    for name in sorted(names):
        lines = difflib.unified_diff(words(before / name), words(after / name), n=0, lineterm="")
        changed = [line for line in lines if not line.startswith(("---", "+++", "@@"))]
        if changed:
            found[name] = changed
    return found


def summary(found: dict[str, list[str]]) -> str:
    """The changes as Markdown."""
    if not found:
        return "No page reads differently."
    parts = [f"{len(found)} page{'s read' if len(found) > 1 else ' reads'} differently."]
    for name, lines in found.items():
        shown = lines[:LONGEST]
        if len(lines) > LONGEST:
            shown.append(f"and {len(lines) - LONGEST} lines more")
        text = "\n".join(shown).replace("```", "'''")
        parts.append(f"**{name}**\n\n```diff\n{text}\n```")
    return "\n\n".join(parts)


if __name__ == "__main__":
    print(summary(changes(Path(sys.argv[1]), Path(sys.argv[2]))))
