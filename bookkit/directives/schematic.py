"""``{schematic}``: a picture of boxes, drawn from a few lines of text.

Two forms. ``lanes`` are rows of blocks, in time or in memory::

    ```{schematic} lanes
    :name: fig-slots
    :caption: What to look for.
    :unit: steps
    slot 1 | A*3 .*5
    slot 2 | B*8
    ```

A block is a label, ``*`` and how many units it is long; the same letter has the same colour, ``.``
is what is empty, ``/`` wasted, ``~`` a space; a lane named ``_`` has no name. ``flow`` is a grid of
boxes and arrows::

    ```{schematic} flow
    :name: fig-path
    :caption: What to look for.
    client -> router -> replica 1
    _      -> _      -> replica 2
    _      -> ^      -> ^
    ```

``_`` is no box: an arrow from it comes from the box above in that column; ``^`` is the box above.
``-text->`` labels an arrow, ``=>`` draws a thick one, ``..>`` a dashed one, ``--`` none.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.util.docutils import SphinxDirective

if TYPE_CHECKING:
    from sphinx.application import Sphinx

CHARACTER, LINE, PAD = 7.4, 18, 10
UNIT, ROW, GAP = 26, 30, 8
BLOCK = re.compile(r"(?P<label>\S+?)(?:\*(?P<length>\d+))?$")
ARROW = re.compile(r"\s+(-(?P<label>[^->][^>]*?)->|->|=>|\.\.>|--)\s+")
EMPTY, WASTED = ".", "/"
COLOURS = 6


class SchematicError(ValueError):
    """A picture cannot be drawn; the text says which line and why."""


@dataclass(frozen=True)
class Drawing:
    """An SVG's size and what is in it."""

    width: float
    height: float
    parts: tuple[str, ...]

    def svg(self, alt: str) -> str:
        """Return the element, which says what it shows."""
        said = html.escape(alt, quote=True)
        size = f'viewBox="0 0 {self.width:g} {self.height:g}" width="{self.width:g}"'
        inside = "".join(self.parts)
        return f'<svg class="drawing" role="img" aria-label="{said}" {size}>{inside}</svg>'


def _text(x: float, y: float, said: str, kind: str = "", anchor: str = "middle") -> str:
    name = f' class="{kind}"' if kind else ""
    return f'<text{name} x="{x:g}" y="{y:g}" text-anchor="{anchor}">{html.escape(said)}</text>'


def _box(x: float, y: float, width: float, height: float, kind: str) -> str:
    return f'<rect class="{kind}" x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}"/>'


def _wide(text: str) -> float:
    return CHARACTER * max(map(len, text.split("\n")), default=0)


def lanes(lines: list[str], unit: str) -> Drawing:
    """Return rows of blocks under a scale of units.

    Raises
    ------
    SchematicError
        If a line has no ``|`` or a block is no ``label*length``.
    """
    rows: list[tuple[str, list[tuple[str, int]]]] = []
    for line in lines:
        name, bar, rest = line.partition("|")
        if not bar:
            raise SchematicError(f"a lane is “name | blocks”, got {line!r}")
        blocks = []
        for word in rest.split():
            found = BLOCK.match(word)
            assert found is not None  # noqa: S101
            blocks.append((found["label"].replace("~", " "), int(found["length"] or 1)))
        rows.append((name.strip().removeprefix("_"), blocks))
    long = max(sum(length for _, length in blocks) for _, blocks in rows)
    step = max([UNIT, *(((_wide(a) + 8) / n) for _, b in rows for a, n in b if a not in "./")])
    step = min(step, max(UNIT, 620 / long))
    left = max(_wide(name) for name, _ in rows) + PAD
    kinds: dict[str, int] = {}
    parts, y = [], 2.0
    for name, blocks in rows:
        parts.append(_text(left - PAD, y + ROW / 2 + 5, name, "soft", "end"))
        at = left
        for label, length in blocks:
            width = length * step
            if label == EMPTY:
                parts.append(_box(at + 1, y + 1, width - 2, ROW - 2, "empty"))
            elif label == WASTED:
                parts.append(_box(at + 1, y + 1, width - 2, ROW - 2, "wasted"))
            else:
                colour = kinds.setdefault(label[0], len(kinds) % COLOURS + 1)
                parts.append(_box(at + 1, y + 1, width - 2, ROW - 2, f"block s{colour}"))
                parts.append(_text(at + width / 2, y + ROW / 2 + 5, label))
            at += width
        y += ROW + GAP
    if unit:
        parts.append(_text(left, y + 12, f"0 {unit}", "soft", "start"))
        parts.append(_text(left + long * step, y + 12, f"{long}", "soft", "end"))
        ticks = "".join(f"M{left + n * step:g} {y - 4:g}v5" for n in range(long + 1))
        parts.append(f'<path class="rule" d="M{left:g} {y - 4:g}h{long * step:g}{ticks}"/>')
        y += 18
    return Drawing(left + long * step + 2, y + 2, tuple(parts))


def _cells(line: str) -> tuple[list[str], list[tuple[str, str]]]:
    """Return the boxes of a row and, between them, the kind of each arrow and its label."""
    boxes, arrows, at = [], [], 0
    for found in ARROW.finditer(line):
        boxes.append(line[at : found.start()].strip())
        label = found["label"] or ""
        arrows.append((f"-{'x' if label else ''}->" if label else found[1], label))
        at = found.end()
    return [*boxes, line[at:].strip()], arrows


def flow(lines: list[str]) -> Drawing:
    """Return boxes in columns, joined by arrows.

    Raises
    ------
    SchematicError
        If an arrow comes from nowhere or goes nowhere.
    """
    rows = [_cells(line) for line in lines]
    columns = max(len(boxes) for boxes, _ in rows)
    named = [[box.replace("\\n", "\n") for box in boxes] for boxes, _ in rows]
    wide = [
        max(_wide(box) for row in named for box in row[c : c + 1]) + 2 * PAD for c in range(columns)
    ]
    gaps = [
        max([34.0, *(_wide(a[c][1]) + 22 for _, a in rows if c < len(a) and a[c][1])])
        for c in range(columns - 1)
    ]
    tall = LINE * max(box.count("\n") + 1 for row in named for box in row) + 12
    pitch = tall + 14
    left = [1 + sum(wide[:c]) + sum(gaps[:c]) for c in range(columns)]
    parts: list[str] = []
    middle: dict[tuple[int, int], float] = {}
    for r, row in enumerate(named):
        for c, box in enumerate(row):
            if box in ("_", "", "^"):
                continue
            y = 1 + r * pitch
            parts.append(_box(left[c], y, wide[c], tall, "box"))
            texts = box.split("\n")
            top = y + tall / 2 - LINE * (len(texts) - 1) / 2 + 5
            parts += [_text(left[c] + wide[c] / 2, top + LINE * n, t) for n, t in enumerate(texts)]
            middle[r, c] = y + tall / 2
    places = dict(middle)
    for r, c in product(range(len(rows)), range(columns)):
        if (r, c) not in places and (r - 1, c) in places:
            places[r, c] = places[r - 1, c]
    for r, (_, arrows) in enumerate(rows):
        for c, (kind, label) in enumerate(arrows):
            target = named[r][c + 1]
            if kind == "--" or target in ("_", ""):
                continue
            if (r, c) not in places or (r, c + 1) not in places:
                raise SchematicError(f"an arrow from or to nothing in {lines[r]!r}")
            a, b = places[r, c], places[r, c + 1]
            x, end = left[c] + wide[c], left[c + 1]
            half = x + 12 if label else (x + end) / 2
            name = {"=>": "thick", "..>": "dashed"}.get(kind, "")
            bend = f"M{x:g} {a:g}H{half:g}V{b:g}H{end - 7:g}"
            parts.append(f'<path class="arrow {name}" d="{bend}"/>')
            parts.append(f'<path class="head" d="M{end:g} {b:g}l-8 -4v8z"/>')
            if label:
                parts.append(_text((half + end) / 2 - 2, b - 5, label, "soft"))
    width = left[-1] + wide[-1] + 2
    return Drawing(width, len(rows) * pitch - 10, tuple(parts))


class Schematic(SphinxDirective):
    """Takes the form, and draws what the body says under a caption."""

    required_arguments = 1
    has_content = True
    option_spec: ClassVar[dict[str, object]] = {
        "name": directives.unchanged_required,
        "caption": directives.unchanged_required,
        "alt": directives.unchanged_required,
        "unit": directives.unchanged,
    }

    def run(self) -> list[nodes.Node]:
        """Return the figure."""
        self.assert_has_content()
        for needed in ("name", "caption", "alt"):
            if needed not in self.options:
                raise self.error(f"a schematic needs its :{needed}:")
        lines = [line for line in self.content if line.strip()]
        try:
            match self.arguments[0]:
                case "lanes":
                    drawing = lanes(lines, self.options.get("unit", ""))
                case "flow":
                    drawing = flow(lines)
                case form:
                    raise SchematicError(f"a schematic is lanes or flow, got {form!r}")
        except SchematicError as error:
            raise self.error(str(error)) from None
        figure = nodes.figure(classes=["schematic"], alt=self.options["alt"])
        figure += nodes.raw("", f"<div>{drawing.svg(self.options['alt'])}</div>", format="html")
        words, messages = self.parse_inline(self.options["caption"], lineno=self.lineno)
        figure += nodes.caption("", "", *words)
        self.add_name(figure)
        return [figure, *messages]


def setup(app: Sphinx) -> None:
    """Register the directive; schematic.css has its look."""
    app.add_directive("schematic", Schematic)
