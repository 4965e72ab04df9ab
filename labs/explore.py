"""Explorers: figures with sliders that stay live where there is no kernel.

A function is evaluated once over the grid of its sliders; the browser looks the numbers up and
draws them. Three kinds: `lines`, `heatmap` and `timeline`.
"""

from __future__ import annotations

import functools
import gzip
import hashlib
import itertools
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .style import PALETTE

MAX_BYTES = 60_000
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_FORMAT = re.compile(r",?(\.\d{1,2}[fg%]|g|d)")
_FIELD = re.compile(r"\{(\w+)\}")
_IMPORT = re.compile(r'^import \{[^}]*\} from "\./(\w+)\.js";\n', re.MULTILINE)
_LANE, _HEADER, _LEGEND = 22, 36, 26


def _demand(ok: bool, name: str, must: str, got: object) -> None:
    if not ok:
        raise ValueError(f"{name} must {must}, got {got!r}")


def _check_text(owner: str, **texts: str) -> None:
    for name, text in texts.items():
        _demand(isinstance(text, str) and bool(text.strip()), f"{owner} {name}", "be text", text)


def _check_format(owner: str, spec: str) -> None:
    _demand(
        bool(_FORMAT.fullmatch(str(spec))),
        f"{owner} format",
        "be like .2f, .3g, g, d or .1%, with or without a leading comma",
        spec,
    )


def _check_range(name: str, bounds: tuple[float, float] | None, log: bool) -> None:
    if bounds is not None:
        ok = len(bounds) == 2 and -math.inf < bounds[0] < bounds[1] < math.inf
        ok = ok and (bounds[0] > 0 or not log)
        _demand(ok, name, "be two increasing numbers, positive on a log scale", bounds)


@dataclass(frozen=True)
class Slider:
    """A grid axis that the reader moves.

    Attributes
    ----------
    name : str
        What ``compute`` and the sentence call it.
    values : sequence of float
        Increasing, at least two.
    label : str
        What the reader sees.
    unit : str
        Written after a value.
    start : float, optional
        One of the values; the middle one unless given.
    format : str
        Such as ``.2f``, ``.3g``, ``g``, ``d`` or ``.1%``, with a leading comma for thousands.

    Examples
    --------
    >>> Slider("rate", [1, 2, 4], "Arrival rate", "requests/s").home
    2
    """

    name: str
    values: Sequence[float]
    label: str
    unit: str = ""
    start: float | None = None
    format: str = "g"

    def __post_init__(self) -> None:
        owner = f"slider {self.name!r}"
        _demand(str(self.name).isidentifier(), "slider name", "be an identifier", self.name)
        _check_text(owner, label=self.label)
        _check_format(owner, self.format)
        values = np.asarray(self.values)
        ordered = values.ndim == 1 and values.size > 1 and values.dtype.kind in "iuf"
        ordered = ordered and bool(np.isfinite(values).all() and (np.diff(values) > 0).all())
        must = "be at least two increasing finite numbers"
        _demand(ordered, f"{owner} values", must, self.values)
        object.__setattr__(self, "values", tuple(values.tolist()))
        self.index(self.home)

    @property
    def home(self) -> float:
        """The value at which the slider starts: the middle one unless given."""
        return self.values[len(self.values) // 2] if self.start is None else self.start

    def index(self, value: float) -> int:
        """Return the position of a value.

        Parameters
        ----------
        value : float
            One of the values, up to rounding.

        Raises
        ------
        ValueError
            If it is not.

        Examples
        --------
        >>> Slider("rate", [1, 2, 4], "Arrival rate").index(4)
        2
        """
        values = np.asarray(self.values, dtype=float)
        nearest = int(np.argmin(np.abs(values - value)))
        close = math.isclose(values[nearest], value, rel_tol=1e-9, abs_tol=1e-12)
        _demand(close, f"slider {self.name!r}", "be set to one of its values", value)
        return nearest

    def _text(self, value: float) -> str:
        """Return a value as the page writes it, with its unit."""
        return format_value(value, self.format, self.unit)

    def _described(self) -> dict[str, Any]:
        """Return what the page needs to know."""
        return {**asdict(self), "start": self.index(self.home), "texts": None}


@dataclass(frozen=True)
class Choice:
    """A grid axis of named options, of which ``compute`` gets the positions 0, 1, 2, …

    Attributes
    ----------
    name : str
        What ``compute`` and the sentence call it.
    options : sequence of str
        At least two, all different.
    label : str
        What the reader sees.
    start : str, optional
        An option; the first unless given.

    Examples
    --------
    >>> Choice("policy", ["LRU", "FIFO"], "Policy", start="FIFO").values
    (0, 1)
    """

    name: str
    options: Sequence[str]
    label: str
    start: str | None = None

    def __post_init__(self) -> None:
        owner = f"choice {self.name!r}"
        _demand(str(self.name).isidentifier(), "choice name", "be an identifier", self.name)
        _check_text(owner, label=self.label)
        options = () if isinstance(self.options, str) else tuple(self.options)
        named = all(isinstance(one, str) and one.strip() for one in options)
        distinct = named and len(set(options)) == len(options) > 1
        _demand(distinct, f"{owner} options", "be at least two different texts", self.options)
        object.__setattr__(self, "options", options)
        self.index(self.home)

    @property
    def values(self) -> tuple[int, ...]:
        """The positions of the options."""
        return tuple(range(len(self.options)))

    @property
    def home(self) -> str:
        """The option at which the slider starts: the first unless given."""
        return self.options[0] if self.start is None else self.start

    def index(self, value: str) -> int:
        """Return the position of an option.

        Parameters
        ----------
        value : str
            One of the options.

        Raises
        ------
        ValueError
            If it is not.

        Examples
        --------
        >>> Choice("policy", ["LRU", "FIFO"], "Policy").index("FIFO")
        1
        """
        _demand(value in self.options, f"choice {self.name!r}", "be set to an option", value)
        return self.options.index(value)

    def _text(self, value: str) -> str:
        """Return an option as the page writes it."""
        return value

    def _described(self) -> dict[str, Any]:
        """Return what the page needs to know."""
        start = self.index(self.home)
        plain = {"name": self.name, "label": self.label, "unit": "", "format": "d"}
        return {**plain, "values": self.values, "start": start, "texts": self.options}


Axis = Slider | Choice


@dataclass(frozen=True)
class Quantity:
    """A number that ``compute`` returns for every cell of the grid.

    Attributes
    ----------
    name : str
        Its key in what ``compute`` returns.
    label : str
        What the reader sees.
    unit : str
        Written after a value and on axes.
    format : str
        As of a `Slider`.

    Examples
    --------
    >>> Quantity("p99", "p99 latency", "ms", ".1f").unit
    'ms'
    """

    name: str
    label: str
    unit: str = ""
    format: str = ".3g"

    def __post_init__(self) -> None:
        _demand(str(self.name).isidentifier(), "quantity name", "be an identifier", self.name)
        _check_text(f"quantity {self.name!r}", label=self.label)
        _check_format(f"quantity {self.name!r}", self.format)


@dataclass(frozen=True)
class Rule:
    """A straight reference line, such as an objective.

    Attributes
    ----------
    value : float or str
        Where it stands; a quantity's name makes it move with the sliders.
    label : str
        Written beside it.
    axis : str
        ``y`` for a level, ``x`` for an upright line.

    Examples
    --------
    >>> Rule("ridge", "ridge point", axis="x").value
    'ridge'
    """

    value: float | str
    label: str
    axis: str = "y"

    def __post_init__(self) -> None:
        _demand(self.axis in ("x", "y"), "rule axis", "be 'x' or 'y'", self.axis)
        finite = isinstance(self.value, str) or math.isfinite(self.value)
        _demand(finite, "rule value", "be finite", self.value)
        _check_text("rule", label=self.label)


@dataclass(frozen=True)
class Point:
    """A labelled dot that moves with every slider.

    Attributes
    ----------
    x : str
        The quantity that says how far right.
    y : str
        The quantity that says how far up.
    label : str
        Written beside it.

    Examples
    --------
    >>> Point("intensity", "rate", "decode").label
    'decode'
    """

    x: str
    y: str
    label: str

    def __post_init__(self) -> None:
        _check_text("point", x=self.x, y=self.y, label=self.label)


@dataclass(frozen=True)
class Panel:
    """One plot of a `lines` explorer; axes fit what the whole grid holds unless told.

    Attributes
    ----------
    x : str
        The slider along which the curve runs, or a quantity.
    y : str or sequence of str
        Quantities of one unit.
    label : str
        Title; the quantities' own labels unless given.
    x_log : bool
        Whether the axis spaces by ratio.
    y_log : bool
        Likewise upwards.
    rules : sequence of Rule
        Reference lines.
    x_range : pair of float, optional
        Where the axis begins and ends.
    y_range : pair of float, optional
        Likewise upwards.
    marks : str
        ``line``, or ``bars`` from zero, side by side for several quantities, along the slider.
    points : sequence of Point
        Dots on the same axes.

    Examples
    --------
    >>> Panel("batch", "latency", rules=[Rule(10, "SLO 10 ms")]).y
    ('latency',)
    """

    x: str
    y: Sequence[str]
    label: str = ""
    x_log: bool = False
    y_log: bool = False
    rules: Sequence[Rule] = ()
    x_range: tuple[float, float] | None = None
    y_range: tuple[float, float] | None = None
    marks: str = "line"
    points: Sequence[Point] = ()

    def __post_init__(self) -> None:
        y = (self.y,) if isinstance(self.y, str) else tuple(self.y)
        _demand(1 <= len(y) <= len(PALETTE), "panel y", f"name 1 to {len(PALETTE)} quantities", y)
        object.__setattr__(self, "y", y)
        object.__setattr__(self, "rules", tuple(self.rules))
        object.__setattr__(self, "points", tuple(self.points))
        series = len(y) + len(self.points)
        _demand(series <= len(PALETTE), "panel points", f"leave {len(PALETTE)} series", series)
        _demand(self.marks in ("line", "bars"), "panel marks", "be 'line' or 'bars'", self.marks)
        _demand(not (self.x_log and self.marks == "bars"), "panel x_log", "be False of bars", True)
        for axis, log in (("x", self.x_log), ("y", self.y_log)):
            _check_range(f"panel {axis}_range", getattr(self, f"{axis}_range"), log)
            for rule in self.rules:
                ok = isinstance(rule.value, str) or rule.axis != axis or rule.value > 0 or not log
                _demand(ok, "rule value", "be positive on a log axis", rule.value)


@dataclass(frozen=True)
class Span:
    """A bar of a timeline.

    Attributes
    ----------
    panel : str
        The title under which it stands.
    lane : int
        Row within the panel, from 0.
    start : float
        Time at which it begins.
    end : float
        Time at which it ends.
    kind : str
        A key of the timeline's ``kinds``.
    label : str
        Written on it where there is room.

    Examples
    --------
    >>> Span("FIFO", 0, 0.0, 2.5, "job", "1").end
    2.5
    """

    panel: str
    lane: int
    start: float
    end: float
    kind: str
    label: str = ""


@dataclass(frozen=True)
class Scene:
    """What a timeline shows for one setting.

    Attributes
    ----------
    spans : sequence of Span
        The bars.
    steps : array
        Increasing times to step through.
    readouts : mapping of str to array
        The quantities at each step.

    Examples
    --------
    >>> Scene([Span("FIFO", 0, 0.0, 2.5, "job")], [0, 1, 2], {"done": [0, 0, 0]}).readouts["done"]
    [0, 0, 0]
    """

    spans: Sequence[Span]
    steps: ArrayLike
    readouts: Mapping[str, ArrayLike]


def format_value(value: float, spec: str, unit: str = "") -> str:
    """Write a value with its unit as the browser does; NaN is ``n/a``, infinity is ``∞``.

    Parameters
    ----------
    value : float
    spec : str
        As the format of a `Slider`.
    unit : str
        Set off by a space that does not break, but for ``%`` and ``×``.

    Returns
    -------
    str

    Examples
    --------
    >>> format_value(1234.5, ",.0f", "ms"), format_value(float("inf"), ".1f", "ms")
    ('1,234\\xa0ms', '∞')
    """
    if math.isnan(value):
        return "n/a"
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    text = format(round(value) if spec.endswith("d") else float(value), spec)
    if text.startswith("-") and not text.strip("-0.%"):
        text = text[1:]
    return text + (unit if unit in ("", "%", "×") else f"\u00a0{unit}")


SECONDS = Quantity("time", "Time", "s", ".2f")


class Explorer:
    """A figure evaluated over a grid; displays as a widget, prints as a checksum of its numbers."""

    def __init__(
        self,
        spec: dict[str, Any],
        sliders: Sequence[Axis],
        grid: NDArray[np.float32],
        extra: NDArray[np.float32] | None = None,
    ) -> None:
        self.sliders = tuple(sliders)
        self._spec, self._grid = spec, grid
        tail = b"" if extra is None else extra.astype("<f4").tobytes()
        self.data = grid.astype("<f4").tobytes() + tail
        self.spec = {**spec, "initial": self.summary()}
        packed = len(gzip.compress(self.data + json.dumps(self.spec).encode(), mtime=0))
        _demand(
            packed <= MAX_BYTES,
            f"explorer {spec['name']!r}",
            f"hold at most {MAX_BYTES} bytes gzipped; use fewer slider values",
            packed,
        )

    def read(self, **values: Any) -> dict[str, Any]:
        """Return every slider's value and every quantity at a setting.

        Parameters
        ----------
        **values : float or str
            Sliders by name; those left out stand at their start.

        Returns
        -------
        dict

        Raises
        ------
        ValueError
            If a name or a value is none of this explorer's.

        Examples
        --------
        >>> size = Slider("size", [1, 2], "Size")
        >>> figure = lines("square", "Area", lambda size: {"area": size**2}, [size], "size",
        ...                [Quantity("area", "Area")], [Panel("size", "area")], "{area}")
        >>> figure.read(size=2)
        {'size': 2, 'area': 4.0}
        """
        unknown = sorted(set(values) - {slider.name for slider in self.sliders})
        _demand(not unknown, "values", "name sliders of this explorer", unknown)
        setting = {slider.name: slider.home for slider in self.sliders} | values
        cell = tuple(slider.index(setting[slider.name]) for slider in self.sliders)
        numbers: dict[str, Any] = {}
        for slider, index in zip(self.sliders, cell, strict=True):
            options = slider.options if isinstance(slider, Choice) else slider.values
            numbers[slider.name] = options[index]
        for number, quantity in enumerate(self._spec["quantities"]):
            numbers[quantity["name"]] = float(self._grid[(number, *cell)])
        return numbers

    def summary(self, **values: Any) -> str:
        """Return the sentence that the figure says at a setting of its sliders.

        Parameters
        ----------
        **values : float or str
            Sliders by name; those left out stand at their start.

        Returns
        -------
        str

        Raises
        ------
        ValueError
            If a name or a value is none of this explorer's.

        Examples
        --------
        >>> size = Slider("size", [1, 2], "Size")
        >>> figure = lines("square", "Area", lambda size: {"area": size**2}, [size], "size",
        ...                [Quantity("area", "A", "m²")], [Panel("size", "area")], "Now {area}.")
        >>> figure.summary(size=2)
        'Now 4\\xa0m².'
        """
        numbers = self.read(**values)
        sliders = {slider.name: slider for slider in self.sliders}
        quantities = {part["name"]: part for part in self._spec["quantities"]}

        def written(field: re.Match[str]) -> str:
            name, value = field[1], numbers[field[1]]
            if name in sliders:
                return sliders[name]._text(value)
            return format_value(value, quantities[name]["format"], quantities[name]["unit"])

        return _FIELD.sub(written, self._spec["summary"])

    @functools.cached_property
    def widget(self) -> Any:
        """The anywidget that draws this explorer."""
        return _widget_class()(spec=self.spec, data=self.data)

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        bundle, metadata = self.widget._repr_mimebundle_()
        return {**bundle, "text/plain": repr(self)}, metadata

    def __repr__(self) -> str:
        numbers = np.frombuffer(self.data, dtype="<f4").tolist()
        digest = hashlib.sha256(json.dumps(_rounded([self._spec, numbers])).encode()).hexdigest()
        shape = "×".join(str(len(slider["values"])) for slider in self._spec["sliders"])
        return (
            f"Explorer({self._spec['name']!r}, {self._spec['kind']}, {shape}, "
            f"checksum {digest[:8]})"
        )


def lines(
    name: str,
    title: str,
    compute: Callable[..., Mapping[str, ArrayLike]],
    sliders: Sequence[Axis],
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
    _demand(along in {s.name for s in sliders}, "along", "name a slider", along)
    _demand(len(panels) > 0, "panels", "hold at least one panel", panels)
    units = {quantity.name: quantity.unit for quantity in quantities}
    for panel in panels:
        _demand(panel.x == along or panel.x in units, "panel x", "be along or a quantity", panel.x)
        plain = panel.x == along
        _demand(plain or panel.marks == "line", "panel marks", "be 'line' off the slider", panel.x)
        for y in panel.y:
            _demand(y in units, "panel y", "name quantities", y)
        upwards = [*panel.y, *(point.y for point in panel.points)]
        followed = [rule for rule in panel.rules if isinstance(rule.value, str)]
        sideways = [point.x for point in panel.points]
        for used in (*upwards, *sideways, *(str(rule.value) for rule in followed)):
            _demand(used in units, "panel points and rules", "name quantities", used)
        upwards += [str(rule.value) for rule in followed if rule.axis == "y"]
        _demand(len({units[y] for y in upwards}) == 1, "panel y", "share one unit", upwards)
    grid = _evaluate(compute, sliders, quantities)
    rows = math.ceil(len(panels) / 2)
    height = {"wide": 340 if len(panels) == 1 else 310 * rows, "narrow": 272 * len(panels)}
    spec = _spec("lines", name, title, sliders, quantities, summary, names, height)
    spec |= {"along": along, "panels": [asdict(panel) for panel in panels]}
    return Explorer(spec, sliders, grid)


def heatmap(
    name: str,
    title: str,
    compute: Callable[..., Mapping[str, ArrayLike]],
    sliders: Sequence[Axis],
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
    for axis, value in (("x", x), ("y", y)):
        _demand(value in {s.name for s in sliders}, axis, "name a slider", value)
    _demand(x != y, "y", "differ from x", y)
    _demand(shown in {q.name for q in quantities}, "shown", "name a quantity", shown)
    _demand(limit is None or math.isfinite(limit), "limit", "be finite", limit)
    grid = _evaluate(compute, sliders, quantities)
    visible = grid[[q.name for q in quantities].index(shown)]
    finite = visible[np.isfinite(visible)]
    _demand(finite.size > 0, f"quantity {shown!r}", "be finite somewhere", float(visible.flat[0]))
    _demand(not log or finite.min() > 0, "log", "be False where a value is not positive", log)
    _check_range("shown_range", shown_range, log)
    height = {"wide": 400, "narrow": 360}
    spec = _spec("heatmap", name, title, sliders, quantities, summary, names, height)
    spec |= {"x": x, "y": y, "shown": shown, "limit": limit, "log": log, "shown_range": shown_range}
    return Explorer(spec, sliders, grid)


def timeline(
    name: str,
    title: str,
    compute: Callable[..., Scene],
    sliders: Sequence[Axis],
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
    _demand(1 <= len(kinds) <= len(PALETTE), "kinds", f"have 1 to {len(PALETTE)} entries", kinds)
    _demand(all(s.name != "step" for s in sliders), "slider name", "not be 'step'", "step")
    combinations = itertools.product(*(s.values for s in sliders))
    setting_names = [s.name for s in sliders]
    scenes = [compute(**dict(zip(setting_names, c, strict=True))) for c in combinations]
    for scene in scenes:
        _check_scene(scene, kinds, quantities[1:])
    length = max(np.size(scene.steps) for scene in scenes)
    _demand(length > 1, "scene steps", "be at least two times", length)
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
    lanes = [1 + max(s.lane for s in spans if s.panel == panel) for panel in panels]
    rows = [
        [
            panels.index(s.panel),
            s.lane,
            s.start,
            s.end,
            list(kinds).index(s.kind),
            labels.index(s.label),
        ]
        for s in spans
    ]
    figure = sum(lanes) * _LANE + _HEADER * len(panels) + 44
    height = {"wide": figure + _LEGEND, "narrow": figure + _LEGEND * math.ceil(len(kinds) / 2)}
    spec = _spec("timeline", name, title, sliders, quantities, summary, names, height)
    spec |= {
        "kinds": list(kinds.values()),
        "time": time.name,
        "lane": lane,
        "labels": labels,
        "panels": [{"label": p, "lanes": n} for p, n in zip(panels, lanes, strict=True)],
        "counts": [len(scene.spans) for scene in scenes],
    }
    return Explorer(spec, sliders, grid, np.array(rows, np.float32))


def _check_names(sliders: Sequence[Axis], quantities: Sequence[Quantity]) -> set[str]:
    _demand(len(sliders) > 0, "sliders", "hold at least one slider", sliders)
    _demand(len(quantities) > 0, "quantities", "hold at least one quantity", quantities)
    names = [slider.name for slider in sliders] + [quantity.name for quantity in quantities]
    repeated = sorted({name for name in names if names.count(name) > 1})
    _demand(not repeated, "names of sliders and quantities", "differ", repeated)
    return set(names)


def _evaluate(
    compute: Callable[..., Mapping[str, ArrayLike]],
    sliders: Sequence[Axis],
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
            _demand(False, f"quantity {quantity.name!r}", f"broadcast to {shape}", values.shape)
        known = not np.isnan(row).all()
        _demand(known, f"quantity {quantity.name!r}", "be a number somewhere", math.nan)
    _check_integral(grid, quantities)
    return grid


def _check_keys(owner: str, result: Mapping[str, Any], quantities: Sequence[Quantity]) -> None:
    expected = [quantity.name for quantity in quantities]
    _demand(sorted(result) == sorted(expected), owner, f"hold exactly {expected}", sorted(result))


def _check_integral(grid: NDArray[np.float32], quantities: Sequence[Quantity]) -> None:
    for row, quantity in zip(grid, quantities, strict=True):
        finite = row[np.isfinite(row)]
        whole = not quantity.format.endswith("d") or bool((finite == np.round(finite)).all())
        _demand(whole, f"quantity {quantity.name!r}", "be whole to be written as 'd'", finite[:3])


def _check_scene(scene: Scene, kinds: Mapping[str, str], quantities: Sequence[Quantity]) -> None:
    steps = np.asarray(scene.steps, dtype=float)
    ordered = steps.ndim == 1 and steps.size > 0 and bool((np.diff(steps) > 0).all())
    _demand(ordered and bool(np.isfinite(steps).all()), "scene steps", "be increasing times", steps)
    _check_keys("scene readouts", scene.readouts, quantities)
    for name, values in scene.readouts.items():
        shape = np.shape(values)
        _demand(shape == steps.shape, f"readout {name!r}", f"have shape {steps.shape}", shape)
    _demand(len(scene.spans) > 0, "scene spans", "hold at least one span", scene.spans)
    for span in scene.spans:
        _demand(span.kind in kinds, "span kind", f"be one of {list(kinds)}", span.kind)
        _demand(span.lane >= 0, "span lane", "be at least 0", span.lane)
        _demand(
            math.isfinite(span.start) and span.start <= span.end < math.inf,
            "span end",
            "be finite and not before its start",
            (span.start, span.end),
        )


def _spec(
    kind: str,
    name: str,
    title: str,
    sliders: Sequence[Axis],
    quantities: Sequence[Quantity],
    summary: str,
    names: set[str],
    height: dict[str, int],
) -> dict[str, Any]:
    slug = isinstance(name, str) and len(name) <= 40 and bool(_NAME.fullmatch(name))
    _demand(slug, "name", "be lower-case words joined by hyphens, at most 40 letters", name)
    _check_text("explorer", title=title, summary=summary)
    unknown = sorted(set(_FIELD.findall(summary)) - names)
    _demand(not unknown, "summary", "name sliders and quantities only", unknown)
    _demand(not re.search(r"[{}]", _FIELD.sub("", summary)), "summary", "pair its braces", summary)
    plain = len(sliders) - (kind == "timeline")
    columns = {0: 1, 1: 1, 2: 2, 4: 2}.get(plain, 3)
    rows = {"wide": math.ceil(plain / columns), "narrow": plain}
    if kind == "timeline":
        rows = {width: count + 1 for width, count in rows.items()}
    described = [slider._described() for slider in sliders]
    return {
        "kind": kind,
        "name": name,
        "title": title,
        "summary": summary,
        "sliders": described,
        "quantities": [asdict(quantity) for quantity in quantities],
        "palette": PALETTE,
        "layout": {"columns": columns, "rows": rows, "height": height},
    }


def _rounded(value: Any) -> Any:
    """Round every float within `value` to 4 significant digits, so that platforms agree."""
    if isinstance(value, float):
        return f"{value:.4g}".replace("-0", "0") if value == 0 else f"{value:.4g}"
    if isinstance(value, Mapping):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    return value


def _joined(module: str, seen: set[str]) -> str:
    """Return a script of the folder ``explorer`` after all it imports: a widget has one script."""
    seen.add(module)
    path = resources.files(__package__).joinpath("explorer", f"{module}.js")
    script = path.read_text(encoding="utf-8")
    before = [_joined(name, seen) for name in _IMPORT.findall(script) if name not in seen]
    return "".join([*before, _IMPORT.sub("", script)])


@functools.cache
def _widget_class() -> Any:
    import anywidget
    import traitlets

    style = resources.files(__package__).joinpath("explorer", "style.css")

    class ExplorerWidget(anywidget.AnyWidget):
        _esm = _joined("page", set())
        _css = style.read_text(encoding="utf-8")
        spec = traitlets.Dict().tag(sync=True)
        data = traitlets.Bytes().tag(sync=True)

    return ExplorerWidget
