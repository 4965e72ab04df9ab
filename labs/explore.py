"""Explorers: figures with sliders that stay live where there is no kernel.

A function is evaluated once over the grid of its sliders; the browser looks the numbers up and
draws them. Three kinds: `lines`, `heatmap` and `timeline`.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labs import validation as check
from labs.explore_parts import (
    Choice,
    Panel,
    Point,
    Quantity,
    Rule,
    Scene,
    Slider,
    Span,
    format_value,
)
from labs.explore_widget import FIELD, Explorer
from labs.style import PALETTE

__all__ = [
    "Choice",
    "Explorer",
    "Panel",
    "Point",
    "Quantity",
    "Rule",
    "Scene",
    "Slider",
    "Span",
    "format_value",
    "heatmap",
    "lines",
    "timeline",
]

SECONDS = Quantity("time", "Time", "s", ".2f")
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_LANE, _HEADER, _LEGEND = 22, 36, 26


def lines(
    name: str,
    title: str,
    compute: Callable[..., Mapping[str, ArrayLike]],
    sliders: Sequence[Slider | Choice],
    along: str,
    quantities: Sequence[Quantity],
    panels: Sequence[Panel],
    summary: str,
) -> Explorer:
    """Return curves, or bars, of quantities along one slider (or one quantity against another).

    Parameters
    ----------
    name : str
        Slug that links to the figure: lower-case words joined by hyphens.
    title : str
        What the figure shows.
    compute : callable
        Called once with one open-grid array per slider, by name; returns the quantities' arrays.
    sliders : sequence of Slider or Choice
        The axes of the grid.
    along : str
        The slider whose every value is on the curve.
    quantities : sequence of Quantity
        What ``compute`` returns.
    panels : sequence of Panel
        The plots, two abreast where there is room.
    summary : str
        Sentence with ``{name}`` for sliders and quantities.

    Returns
    -------
    Explorer

    Raises
    ------
    ValueError
        If parts do not fit together, or the numbers exceed 60,000 bytes gzipped.

    Examples
    --------
    >>> speed = Slider("speed", [1, 2, 4], "Speed", "km/h")
    >>> lines("walk", "Time to walk 4 km", lambda speed: {"time": 4 / speed}, [speed], "speed",
    ...       [Quantity("time", "Time", "h")], [Panel("speed", "time")],
    ...       "At {speed}, it takes {time}.").summary()
    'At 2\\xa0km/h, it takes 2\\xa0h.'
    """
    sliders, quantities, panels = tuple(sliders), tuple(quantities), tuple(panels)
    names = _check_names(sliders, quantities)
    check.one_of("along", along, tuple(slider.name for slider in sliders))
    if not panels:
        raise check.refuse("panels", "at least one panel", panels)
    units = {part.name: getattr(part, "unit", "") for part in (*sliders, *quantities)}
    for panel in panels:
        _check_panel(panel, along, tuple(quantity.name for quantity in quantities), units)
    grid = _evaluate(compute, sliders, quantities)
    rows = math.ceil(len(panels) / 2)
    height = {"wide": 340 if len(panels) == 1 else 310 * rows, "narrow": 272 * len(panels)}
    spec = _spec("lines", name, title, sliders, quantities, summary, names, height)
    spec["layout"]["abreast"] = {"wide": min(2, len(panels)), "narrow": 1}
    spec |= {"along": along, "panels": [asdict(panel) for panel in panels]}
    return Explorer(spec, sliders, grid)


def heatmap(
    name: str,
    title: str,
    compute: Callable[..., Mapping[str, ArrayLike]],
    sliders: Sequence[Slider | Choice],
    x: str,
    y: str,
    quantities: Sequence[Quantity],
    shown: str,
    summary: str,
    limit: float | None = None,
    log: bool = False,
    shown_range: tuple[float, float] | None = None,
) -> Explorer:
    """Return one quantity over two sliders as colour; other sliders choose the slice.

    Parameters
    ----------
    name, title, compute, sliders, quantities, summary
        As of `lines`.
    x : str
        The slider across.
    y : str
        The slider upwards.
    shown : str
        The quantity that is coloured.
    limit : float, optional
        Cells at most this are outlined.
    log : bool
        Whether colours are spaced by ratio.
    shown_range : pair of float, optional
        Where the colours begin and end; the grid's own range unless given.

    Returns
    -------
    Explorer

    Raises
    ------
    ValueError
        If parts do not fit together, or the numbers exceed 60,000 bytes gzipped.

    Examples
    --------
    >>> axes = [Slider("width", [1, 2], "Width", "m"), Slider("depth", [1, 3], "Depth", "m")]
    >>> heatmap("area", "Area", lambda width, depth: {"area": width * depth}, axes, "width",
    ...         "depth", [Quantity("area", "Area", "m²")], "area", "{area}").read()["area"]
    6.0
    """
    sliders, quantities = tuple(sliders), tuple(quantities)
    names = _check_names(sliders, quantities)
    axes = tuple(slider.name for slider in sliders)
    check.one_of("x", x, axes)
    check.one_of("y", y, tuple(name for name in axes if name != x))
    check.one_of("shown", shown, tuple(quantity.name for quantity in quantities))
    if limit is not None:
        check.number("limit", limit)
    grid = _evaluate(compute, sliders, quantities)
    visible = grid[[q.name for q in quantities].index(shown)]
    finite = visible[np.isfinite(visible)]
    if not finite.size:
        raise check.refuse(f"quantity {shown!r}", "finite somewhere", visible.flat[0])
    if log and finite.min() <= 0:
        raise check.refuse("log", "False where a value is not positive", log)
    if shown_range is not None:
        low, high = check.sequence("shown_range", shown_range, size=2, above=0 if log else -np.inf)
        if low >= high:
            raise check.refuse("shown_range", "two increasing numbers", shown_range)
    height = {"wide": 400, "narrow": 360}
    spec = _spec("heatmap", name, title, sliders, quantities, summary, names, height)
    spec |= {"x": x, "y": y, "shown": shown, "limit": limit, "log": log, "shown_range": shown_range}
    return Explorer(spec, sliders, grid)


def timeline(
    name: str,
    title: str,
    compute: Callable[..., Scene],
    sliders: Sequence[Slider | Choice],
    kinds: Mapping[str, str],
    quantities: Sequence[Quantity],
    summary: str,
    time: Quantity = SECONDS,
    lane: str = "Slot",
) -> Explorer:
    """Return bars on lanes of panels, stepped through in time.

    The explorer adds a slider ``step``, counted from 1; shorter scenes stay at their last step.

    Parameters
    ----------
    name, title, sliders, summary
        As of `lines`.
    compute : callable
        Called once for each combination of slider values, with numbers; returns a `Scene`.
    kinds : mapping of str to str
        A span's kind and its label in the legend; the third is drawn hollow, as suits waste.
    quantities : sequence of Quantity
        The readouts.
    time : Quantity
        How the time of a step is written.
    lane : str
        What a row is called.

    Returns
    -------
    Explorer

    Raises
    ------
    ValueError
        If parts do not fit together, or the numbers exceed 60,000 bytes gzipped.

    Examples
    --------
    >>> def job(hours):
    ...     return Scene([Span("Today", 0, 0, hours, "work")], range(hours + 1), {})
    >>> timeline("job", "A job", job, [Slider("hours", [2, 4], "Hours")], {"work": "Work"}, [],
    ...          "{step}: {time}").summary(hours=4, step=5)
    '5\\xa0of 5: 4.00\\xa0s'
    """
    sliders, quantities = tuple(sliders), (time, *quantities)
    if not 1 <= len(kinds) <= len(PALETTE):
        raise check.refuse("kinds", f"1 to {len(PALETTE)} entries", kinds)
    combinations = itertools.product(*(s.values for s in sliders))
    setting_names = [s.name for s in sliders]
    scenes = [compute(**dict(zip(setting_names, c, strict=True))) for c in combinations]
    for scene in scenes:
        _check_scene(scene, kinds, quantities[1:])
    length = max(np.size(scene.steps) for scene in scenes)
    if length < 2:
        raise check.refuse("scene steps", "at least two times", length)
    step = Slider("step", range(1, length + 1), "Step", f"of {length}", length // 2, "d")
    sliders = (*sliders, step)
    names = _check_names(sliders, quantities)
    columns = [[scene.steps, *(scene.readouts[q.name] for q in quantities[1:])] for scene in scenes]
    padded = [
        [np.pad(np.asarray(c, float), (0, length - np.size(c)), "edge") for c in scene]
        for scene in columns
    ]
    shape = [len(s.values) for s in sliders]
    grid = np.array(padded, np.float32).swapaxes(0, 1).reshape(len(quantities), *shape)
    _check_integral(grid, quantities)
    spans = [span for scene in scenes for span in scene.spans]
    panels = list(dict.fromkeys(span.panel for span in spans))
    labels = list(dict.fromkeys(span.label for span in spans))
    lanes = [1 + max(span.lane for span in spans if span.panel == panel) for panel in panels]
    places, named = ({one: i for i, one in enumerate(all_)} for all_ in (panels, labels))
    colours = {kind: i for i, kind in enumerate(kinds)}
    rows = [
        (places[s.panel], s.lane, s.start, s.end, colours[s.kind], named[s.label]) for s in spans
    ]
    drawing = sum(lanes) * _LANE + _HEADER * len(panels) + 44
    height = {"wide": drawing + _LEGEND, "narrow": drawing + _LEGEND * math.ceil(len(kinds) / 2)}
    spec = _spec("timeline", name, title, sliders, quantities, summary, names, height)
    spec["layout"] |= {"lane": _LANE, "header": _HEADER, "drawing": drawing}
    spec |= {
        "kinds": list(kinds.values()),
        "time": time.name,
        "lane": lane,
        "labels": labels,
        "panels": [{"label": p, "lanes": n} for p, n in zip(panels, lanes, strict=True)],
        "counts": [len(scene.spans) for scene in scenes],
    }
    return Explorer(spec, sliders, grid, np.array(rows, np.float32))


def _check_names(sliders: Sequence[Slider | Choice], quantities: Sequence[Quantity]) -> set[str]:
    for owner, parts in (("sliders", sliders), ("quantities", quantities)):
        if not parts:
            raise check.refuse(owner, "at least one", parts)
    names = [slider.name for slider in sliders] + [quantity.name for quantity in quantities]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise check.refuse("names of sliders and quantities", "all different", repeated)
    return set(names)


def _check_panel(
    panel: Panel, along: str, names: tuple[str, ...], units: Mapping[str, str]
) -> None:
    check.one_of("panel x", panel.x, (along, *names))
    if panel.marks == "bars" and panel.x != along:
        raise check.refuse("panel x", f"{along!r} for bars", panel.x)
    for axis, own in (("x", ()), ("y", panel.y)):
        used = [(f"panel {axis}", name) for name in own]
        used += [(f"point {axis}", getattr(point, axis)) for point in panel.points]
        rules = [rule.value for rule in panel.rules if rule.axis == axis]
        used += [("rule value", value) for value in rules if isinstance(value, str)]
        for owner, name in used:
            check.one_of(owner, name, names)
        shown = [*([panel.x] if axis == "x" else []), *(name for _, name in used)]
        if len({units[name] for name in shown}) > 1:
            raise check.refuse(f"panel {axis}, with its points and rules,", "of one unit", shown)


def _evaluate(
    compute: Callable[..., Mapping[str, ArrayLike]],
    sliders: Sequence[Slider | Choice],
    quantities: Sequence[Quantity],
) -> NDArray[np.float32]:
    shape = tuple(len(slider.values) for slider in sliders)
    axes = np.ix_(*(np.asarray(slider.values) for slider in sliders))
    result = compute(**dict(zip((s.name for s in sliders), axes, strict=True)))
    _check_keys("result of compute", result, quantities)
    grid = np.empty((len(quantities), *shape), dtype=np.float32)
    for row, quantity in zip(grid, quantities, strict=True):
        values = np.asarray(result[quantity.name], dtype=float)
        try:
            row[...] = np.broadcast_to(values, shape)
        except ValueError:
            fits = f"of a shape that broadcasts to {shape}"
            raise check.refuse(f"quantity {quantity.name!r}", fits, values.shape) from None
        if np.isnan(row).all():
            raise check.refuse(f"quantity {quantity.name!r}", "a number somewhere", math.nan)
    _check_integral(grid, quantities)
    return grid


def _check_keys(owner: str, result: Mapping[str, Any], quantities: Sequence[Quantity]) -> None:
    expected = [quantity.name for quantity in quantities]
    if sorted(result) != sorted(expected):
        raise check.refuse(owner, f"of exactly {expected}", sorted(result))


def _check_integral(grid: NDArray[np.float32], quantities: Sequence[Quantity]) -> None:
    for row, quantity in zip(grid, quantities, strict=True):
        broken = row[np.isfinite(row) & (row != np.round(row))]
        if quantity.format.endswith("d") and broken.size:
            whole = "whole to be written as 'd'"
            raise check.refuse(f"quantity {quantity.name!r}", whole, broken[0])


def _check_scene(scene: Scene, kinds: Mapping[str, str], quantities: Sequence[Quantity]) -> None:
    steps = check.sequence("scene steps", scene.steps)
    if not steps.size or (np.diff(steps) <= 0).any():
        raise check.refuse("scene steps", "increasing times", scene.steps)
    _check_keys("scene readouts", scene.readouts, quantities)
    for name, values in scene.readouts.items():
        if np.shape(values) != steps.shape:
            raise check.refuse(f"readout {name!r}", f"of shape {steps.shape}", np.shape(values))
    if not scene.spans:
        raise check.refuse("scene spans", "at least one span", scene.spans)
    for span in scene.spans:
        check.one_of("span kind", span.kind, tuple(kinds))
        check.count("span lane", span.lane, least=0)
        check.number("span end", span.end, least=check.number("span start", span.start))


def _spec(
    kind: str,
    name: str,
    title: str,
    sliders: Sequence[Slider | Choice],
    quantities: Sequence[Quantity],
    summary: str,
    names: set[str],
    height: dict[str, int],
) -> dict[str, Any]:
    if not _NAME.fullmatch(check.instance("name", name, str)) or len(name) > 40:
        slug = "lower-case words joined by hyphens, at most 40 letters"
        raise check.refuse("name", slug, name)
    for part, text in (("title", title), ("summary", summary)):
        if not check.instance(part, text, str).strip():
            raise check.refuse(part, "text", text)
    if re.search(r"[{}]", FIELD.sub("", summary)):
        raise check.refuse("summary", "text whose braces hold a name each", summary)
    for field in FIELD.findall(summary):
        check.one_of("name in the summary", field, tuple(names))
    plain = len(sliders) - (kind == "timeline")
    columns = {0: 1, 1: 1, 2: 2, 4: 2}.get(plain, 3)
    rows = {"wide": math.ceil(plain / columns), "narrow": plain}
    if kind == "timeline":
        rows = {width: count + 1 for width, count in rows.items()}
    return {
        "kind": kind,
        "name": name,
        "title": title,
        "summary": summary,
        "sliders": [_described(slider) for slider in sliders],
        "quantities": [asdict(quantity) for quantity in quantities],
        "palette": PALETTE,
        "layout": {"columns": columns, "rows": rows, "height": height},
    }


def _described(axis: Slider | Choice) -> dict[str, Any]:
    """Return what the page needs to know of a slider; one of options has their `texts`."""
    if isinstance(axis, Choice):
        plain = asdict(Slider(axis.name, axis.values, axis.label, format="d"))
        return {**plain, "start": axis.options.index(axis.home), "texts": axis.options}
    return {**asdict(axis), "start": axis.index(axis.home), "texts": None}
