"""Read an explorer off a page as a reader does: sliders, drawing, sentence and table.

A mark's number is taken from where it is drawn, by way of the axis ticks, so that a test can
compare what is seen with what `labs` computes.
"""

import importlib.util
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np
from PIL import Image
from playwright.sync_api import Locator, Page
from theme_page import typeset

TICKS = """panel => [...panel.querySelectorAll('.xp-tick')].map(tick => {
  const box = tick.querySelector('line').getBoundingClientRect();
  return [tick.dataset.axis, Number(tick.dataset.value), box.left + box.width / 2,
          box.top + box.height / 2];
})"""
MARKS = """panel => [...panel.querySelectorAll('.xp-marker')].map(mark => {
  const box = mark.getBoundingClientRect();
  return {quantity: mark.dataset.quantity, clipped: mark.dataset.clipped === 'true',
          left: box.left + box.width / 2, top: box.top + box.height / 2};
})"""

PIECES = """paths => paths.flatMap(path => path.getAttribute('d').split(/(?=M)/).map(piece => {
  const one = path.cloneNode();
  one.setAttribute('d', piece);
  path.after(one);
  const {left, right, top, bottom} = one.getBoundingClientRect();
  one.remove();
  return [left, right, top, bottom];
}))"""


@dataclass(frozen=True)
class Mark:
    """A marker as drawn: `x` and `y` are read off the axes; `clipped` if it points off the plot."""

    panel: int
    quantity: str
    x: float
    y: float
    clipped: bool


def load(path: Path) -> ModuleType:
    """Import a file that is not on the path."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def shipped(value: float) -> float:
    """Return a computed number as the page holds it: in single precision, ties may round apart."""
    return float(np.float32(value))


def explorer(page: Page, name: str) -> Locator:
    """Return the live explorer of that name, once it is drawn."""
    found = page.locator(f'.xp[data-name="{name}"]')
    found.locator(".xp-figure svg").first.wait_for()
    return found


def names(page: Page) -> list[str]:
    """Return the names of a page's live explorers, in order."""
    return page.eval_on_selector_all(".xp[data-name]", "all => all.map(one => one.dataset.name)")


def slider(found: Locator, name: str) -> Locator:
    """Return the range input of that name."""
    return found.locator(f'input[name="{name}"]')


def sliders(found: Locator) -> dict[str, float]:
    """Return the value at which each slider stands."""
    read = "all => all.map(one => [one.name, Number(one.dataset.value)])"
    return dict(found.locator("input[type=range]").evaluate_all(read))


FRAMES = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"


def settle(page: Page) -> None:
    """Wait until what has been asked for is drawn: two frames on."""
    page.evaluate(FRAMES)


def press(found: Locator, name: str, *keys: str) -> None:
    """Focus a slider and press keys."""
    for key in keys:
        slider(found, name).press(key)
    settle(found.page)


def pull(found: Locator, name: str, share: float) -> None:
    """Drag a slider's thumb with the pointer to a share of its track."""
    track = slider(found, name)
    typeset(found.page)  # or it moves from under the pointer
    track.scroll_into_view_if_needed()
    box = track.bounding_box()
    now = float(track.input_value()) / float(track.get_attribute("max"))
    mouse, middle = found.page.mouse, box["y"] + box["height"] / 2
    mouse.move(box["x"] + 9 + now * (box["width"] - 18), middle)
    mouse.down()
    mouse.move(box["x"] + 9 + share * (box["width"] - 18), middle, steps=5)
    mouse.up()
    settle(found.page)


def summary(found: Locator) -> str:
    """Return the sentence under the figure."""
    return found.locator(".xp-summary").text_content()


def told(found: Locator) -> Locator:
    """Return what tells assistive technology the sentence once the sliders rest."""
    return found.locator('[aria-live="polite"]')


def marks(found: Locator) -> list[Mark]:
    """Return the markers of a lines explorer by where they are drawn."""
    result = []
    for number, panel in enumerate(found.locator(".xp-panel").all()):
        logs = panel.get_attribute("data-log").split()
        # In one look: formulas above that are still being set would move the page between two.
        ticks, drawn = panel.evaluate(f"panel => [({TICKS})(panel), ({MARKS})(panel)]")
        for mark in drawn:
            across = [(value, left) for axis, value, left, _ in ticks if axis == "x"]
            up = [(value, top) for axis, value, _, top in ticks if axis == "y"]
            x = _on_axis(across, mark["left"], "x" in logs)
            y = _on_axis(up, mark["top"], "y" in logs)
            result.append(Mark(number, mark["quantity"], x, y, mark["clipped"]))
    return result


def cursor(found: Locator) -> float:
    """Return the time at which a timeline's cursor is drawn."""
    ticks = [(v, left) for a, v, left, _ in found.evaluate(TICKS) if a == "x"]
    box = found.locator(".xp-cursor").evaluate("line => line.getBoundingClientRect().left")
    return _on_axis(ticks, box, log=False)


def solid_until(found: Locator) -> float:
    """Return the time up to which a timeline's bars are not faded."""
    end = found.locator(".xp-veil").evaluate("veil => veil.getBBox().x")
    ticks = [(v, left) for a, v, left, _ in found.evaluate(TICKS) if a == "x"]
    origin = found.locator(".xp-figure > svg").evaluate("one => one.getBoundingClientRect().left")
    return _on_axis(ticks, origin + end, log=False)


def pieces(paths: Locator) -> list[tuple[float, float, float, float]]:
    """Return left, right, top and bottom on the screen of every closed piece of some paths."""
    return paths.evaluate_all(PIECES)


def columns(panel: Locator, quantity: str) -> list[list[float]]:
    """Return where every bar of a quantity begins and ends on its axis, from left to right."""
    ticks = [(value, top) for axis, value, _, top in panel.evaluate(TICKS) if axis == "y"]
    log = "y" in panel.get_attribute("data-log").split()
    drawn = sorted(pieces(panel.locator(f'path.xp-column[data-quantity="{quantity}"]')))
    return [[_on_axis(ticks, low, log), _on_axis(ticks, high, log)] for _, _, high, low in drawn]


def bars(found: Locator) -> list[tuple[float, float]]:
    """Return start and end of every bar of a timeline as drawn, lane by lane."""
    ticks = [(v, left) for a, v, left, _ in found.evaluate(TICKS) if a == "x"]
    drawn = pieces(found.locator(".xp-figure > svg .xp-bar"))
    return [
        (_on_axis(ticks, left, log=False), _on_axis(ticks, right, log=False))
        for left, right, _, _ in sorted(drawn, key=lambda piece: (round(piece[2]), piece[0]))
    ]


def pinned(found: Locator) -> tuple[float, float]:
    """Return the middle of a heatmap's marked cell on the screen."""
    pin = found.locator(".xp-pin").bounding_box()
    return pin["x"] + pin["width"] / 2, pin["y"] + pin["height"] / 2


def cells(found: Locator, columns: tuple[float, ...], rows: tuple[float, ...]) -> Callable:
    """Return a function from column and row number to a heatmap cell's middle, by the ticks."""
    ticks = found.evaluate(TICKS)
    places = []
    for axis, values, side in (("x", columns, 2), ("y", rows, 3)):
        known = sorted((values.index(tick[1]), tick[side]) for tick in ticks if tick[0] == axis)
        (low, start), (high, end) = known[0], known[-1]
        pitch = (end - start) / (high - low)
        places.append((start - low * pitch, pitch))
    (left, across), (bottom, up) = places
    return lambda column, row: (left + column * across, bottom + row * up)


def lightness(found: Locator, columns: tuple, rows: tuple) -> list[list[int]]:
    """Return the grey of every cell of a heatmap as painted, by row and column."""
    found.locator(".xp-figure").scroll_into_view_if_needed()
    picture = Image.open(io.BytesIO(found.page.screenshot())).convert("L")
    at = cells(found, columns, rows)
    return [[picture.getpixel(at(i, j)) for i in range(len(columns))] for j in range(len(rows))]


def table(found: Locator) -> tuple[list[str], list[list[str]], list[int]]:
    """Open the data table; return its head, its rows and the numbers of the current rows."""
    details = found.locator("details.xp-data")
    if details.get_attribute("open") is None:
        details.locator("summary").click()
        details.locator("table").wait_for()
    head = details.locator("thead th").all_text_contents()
    rows = details.locator("tbody tr").evaluate_all(
        "all => all.map(row => [...row.cells].map(cell => cell.textContent))"
    )
    current = details.locator("tbody tr").evaluate_all(
        "all => all.flatMap((row, i) => row.getAttribute('aria-current') === 'true'"
        " || row.querySelector('[aria-current=true]') ? [i] : [])"
    )
    return head, rows, current


def _on_axis(ticks: list[tuple[float, float]], pixel: float, log: bool) -> float:
    """Return the value at a pixel, by the line through the first and last tick."""
    (low, start), (high, end) = min(ticks), max(ticks)
    share = (pixel - start) / (end - start)
    return low * (high / low) ** share if log else low + share * (high - low)
