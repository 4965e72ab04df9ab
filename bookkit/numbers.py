"""The numbers that a page shows, on file beside it: ``lessons/batching.numbers.json``.

What cells print, what prose quotes of them and the checksums of explorers are compared, whenever
the page is read, with what is on file, so that whoever reviews a change sees which numbers it
moved. ``make numbers`` writes the files anew. Words must be the same; a number may differ by a
thousandth, and one of three digits or more by one in its last, as another processor may round.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sphinx.util import logging

if TYPE_CHECKING:
    from nbformat import NotebookNode
    from sphinx.environment import BuildEnvironment

SUFFIX = ".numbers.json"
WRITE = "BOOK_NUMBERS"
MEASURED = "nbval-ignore-output"
GLUE = "application/papermill.record/text/plain"
RELATIVE = 1e-3
DIGITS = 3
NUMBER = re.compile(r"(?<![\w.])[-\N{MINUS SIGN}]?\d[\d,]*(?:\.\d+)?(?:e[+-]?\d+)?(?![\w.]*\w)")
ADDRESS = re.compile(r" at 0x[0-9a-f]+")

Shown = dict[str, Any]
LOGGER = logging.getLogger(__name__)


def shown(cells: list[NotebookNode]) -> Shown:
    """Return what cells show: what they print by their first line, what prose quotes by name."""
    printed: dict[str, list[str]] = {}
    quoted: dict[str, str] = {}
    for cell in cells:
        if cell.cell_type != "code" or MEASURED in cell.metadata.get("tags", ()):
            continue
        lines = [line for output in cell.outputs for line in _lines(output)]
        if lines:
            printed[_name(cell.source, printed)] = lines
        for output in cell.outputs:
            if GLUE in output.get("data", {}):
                quoted[output.metadata.scrapbook.name] = output.data[GLUE].strip("'\"")
    return {"printed": printed, "quoted": quoted}


def differences(before: Shown, now: Shown) -> list[str]:
    """Return a line for each text that is another one now, or has come or gone."""
    found = []
    for kind in ("printed", "quoted"):
        old, new = before.get(kind, {}), now[kind]
        for name in [*old, *(name for name in new if name not in old)]:
            pairs = zip_longest(_texts(old.get(name)), _texts(new.get(name)))
            found += [
                f"{name}: {was!r} is now {is_now!r}"
                for was, is_now in pairs
                if was is None or is_now is None or not alike(was, is_now)
            ]
    return found


def alike(one: str, other: str) -> bool:
    """Whether two texts have the same words, and numbers as near as another processor's."""
    if NUMBER.sub("#", one) != NUMBER.sub("#", other):
        return False
    return all(map(_near, NUMBER.findall(one), NUMBER.findall(other)))


def compare(env: BuildEnvironment, cells: list[NotebookNode]) -> None:
    """Compare what a page shows with what is on file, or write it where that is asked for."""
    page = Path(env.doc2path(env.docname))
    file = page.with_suffix(SUFFIX)
    now = shown(cells)
    if os.environ.get(WRITE):
        if any(now.values()):
            file.write_text(json.dumps(now, ensure_ascii=False, indent=1) + "\n", "utf-8")
        return
    if not file.exists():
        return
    env.note_dependency(str(file))
    for difference in differences(json.loads(file.read_text("utf-8")), now):
        LOGGER.warning(
            "%s (if it should be: make numbers)", difference, location=env.docname, type="numbers"
        )


def _lines(output: NotebookNode) -> Iterator[str]:
    text = output.get("text", "") or output.get("data", {}).get("text/plain", "")
    yield from (ADDRESS.sub("", line.rstrip()) for line in text.splitlines() if line.strip())


def _name(source: str, taken: dict[str, list[str]]) -> str:
    """Return the first line of a cell that says something, made the only one of its kind."""
    lines = [line for line in source.splitlines() if line and not line.startswith(("#", "from"))]
    first = (lines or source.splitlines())[0]
    same = sum(name.partition(" (again")[0] == first for name in taken)
    return f"{first} (again, {same})" if same else first


def _texts(value: str | list[str] | None) -> list[str]:
    return [value] if isinstance(value, str) else value or []


def _near(one: str, other: str) -> bool:
    digits = len(re.sub(r"e.*|\D", "", one).lstrip("0"))
    unit = 0.0
    if digits >= DIGITS and "e" not in one:
        unit = 10.0 ** -len(one.partition(".")[2]) * (1 + 1e-9)
    values = [float(text.replace(",", "").replace("\N{MINUS SIGN}", "-")) for text in (one, other)]
    return math.isclose(*values, rel_tol=RELATIVE, abs_tol=unit)
