"""Pictures of boxes say what their lines say, and nothing of it overlaps."""

import re
from itertools import combinations

import pytest

from bookkit.directives import schematic

RECT = re.compile(r'<rect class="([^"]+)" x="([^"]+)" y="([^"]+)" width="([^"]+)" height="([^"]+)"')
STATIC = ["slot 1 | A*3 /*5", "slot 2 | B*8", "slot 3 | C*2 .*6"]
TREE = ["The -.9-> cat -.8-> sat", "_ -- _ -.1-> ran", "_ -.05-> dog ..> barked"]


def boxes(drawing: schematic.Drawing) -> list[tuple[str, float, float, float, float]]:
    return [(kind, *map(float, rest)) for kind, *rest in RECT.findall("".join(drawing.parts))]


def texts(drawing: schematic.Drawing) -> list[str]:
    return re.findall(r">([^<]+)</text>", "".join(drawing.parts))


@pytest.mark.parametrize(
    "drawing", [schematic.lanes(STATIC, "steps"), schematic.flow(TREE)], ids=["lanes", "flow"]
)
def test_boxes_lie_within_and_apart(drawing: schematic.Drawing) -> None:
    found = boxes(drawing)
    for _, x, y, width, height in found:
        assert 0 <= x < x + width <= drawing.width
        assert 0 <= y < y + height <= drawing.height
    for (_, a, b, c, d), (_, x, y, width, height) in combinations(found, 2):
        assert a + c <= x or x + width <= a or b + d <= y or y + height <= b


def test_a_lane_is_as_long_as_its_blocks() -> None:
    drawing = schematic.lanes(STATIC, "steps")
    widths = {kind.split()[0]: width for kind, _, _, width, _ in boxes(drawing)[:2]}
    assert (widths["wasted"] + 2) / (widths["block"] + 2) == pytest.approx(5 / 3)
    assert texts(drawing) == ["slot 1", "A", "slot 2", "B", "slot 3", "C", "0 steps", "8"]


def test_a_flow_draws_every_arrow_and_its_label() -> None:
    drawing = schematic.flow(TREE)
    parts = "".join(drawing.parts)
    assert parts.count('class="arrow') == parts.count('class="head"') == 5
    assert parts.count("dashed") == 1
    assert {"The", "cat", "sat", "ran", "dog", "barked", ".9", ".8", ".1", ".05"} == set(
        texts(drawing)
    )


def test_text_is_written_and_not_run() -> None:
    drawing = schematic.flow(["a<b -x&y-> c"])
    assert "a&lt;b" in drawing.svg('"alt"')
    assert "&quot;alt&quot;" in drawing.svg('"alt"')


@pytest.mark.parametrize(
    ("draw", "reason"),
    [
        (lambda: schematic.lanes(["slot 1 A"], ""), "name | blocks"),
        (lambda: schematic.flow(["_ -> b"]), "from or to nothing"),
    ],
)
def test_what_cannot_be_drawn_says_why(draw, reason: str) -> None:
    with pytest.raises(schematic.SchematicError, match=re.escape(reason)):
        draw()
