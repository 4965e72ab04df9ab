"""What an explorer is made of: sliders, quantities, and what plots and timelines show of them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from labs import validation as check
from labs.style import PALETTE

_FORMAT = re.compile(r",?(\.\d{1,2}[fg%]|g|d)")


def _check_name(owner: str, name: object) -> None:
    if not check.instance(f"{owner} name", name, str).isidentifier():
        raise check.refuse(f"{owner} name", "an identifier", name)


def _check_text(owner: str, **texts: object) -> None:
    for name, text in texts.items():
        if not check.instance(f"{owner} {name}", text, str).strip():
            raise check.refuse(f"{owner} {name}", "text", text)


def _check_format(owner: str, spec: object) -> None:
    if not (isinstance(spec, str) and _FORMAT.fullmatch(spec)):
        like = "like .2f, .3g, g, d or .1%, with or without a leading comma"
        raise check.refuse(f"{owner} format", like, spec)


def _check_range(name: str, bounds: tuple[float, float] | None, log: bool) -> None:
    if bounds is not None:
        low, high = check.sequence(name, bounds, size=2, above=0 if log else -math.inf)
        if low >= high:
            raise check.refuse(name, "two increasing numbers", bounds)


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
        _check_name("slider", self.name)
        _check_text(owner, label=self.label)
        _check_format(owner, self.format)
        values = check.sequence(f"{owner} values", self.values)
        if values.size < 2 or (np.diff(values) <= 0).any():
            raise check.refuse(f"{owner} values", "at least two increasing numbers", self.values)
        object.__setattr__(self, "values", tuple(np.asarray(self.values).tolist()))
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
        asked = check.number(f"slider {self.name!r}", value)
        nearest = int(np.argmin(np.abs(np.asarray(self.values, dtype=float) - asked)))
        if not math.isclose(self.values[nearest], asked, rel_tol=1e-9, abs_tol=1e-12):
            raise check.refuse(f"slider {self.name!r}", "one of its values", value)
        return nearest


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
        _check_name("choice", self.name)
        _check_text(owner, label=self.label)
        options = () if isinstance(self.options, str) else tuple(self.options)
        _check_text(owner, **{f"option {i}": option for i, option in enumerate(options)})
        if not len(set(options)) == len(options) > 1:
            raise check.refuse(f"{owner} options", "at least two different texts", self.options)
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
        return self.options.index(check.one_of(f"choice {self.name!r}", value, tuple(self.options)))


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
        _check_name("quantity", self.name)
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
        check.one_of("rule axis", self.axis, ("x", "y"))
        if not isinstance(self.value, str):
            check.number("rule value", self.value)
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
        for name, parts in (("y", y), ("rules", self.rules), ("points", self.points)):
            object.__setattr__(self, name, tuple(parts))
        if not y:
            raise check.refuse("panel y", "at least one quantity", y)
        if len(y) + len(self.points) > len(PALETTE):
            most = f"at most {len(PALETTE)} together"
            raise check.refuse("panel y and points", most, len(y) + len(self.points))
        if check.one_of("panel marks", self.marks, ("line", "bars")) == "bars" and self.x_log:
            raise check.refuse("panel x_log", "False of bars", self.x_log)
        for axis, log in (("x", self.x_log), ("y", self.y_log)):
            _check_range(f"panel {axis}_range", getattr(self, f"{axis}_range"), log)
            for rule in self.rules:
                if log and rule.axis == axis and not isinstance(rule.value, str):
                    check.number("rule value on a log axis", rule.value, above=0)


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
