"""What engines reach on devices: laws fitted to published measurements, with what they miss."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from types import MappingProxyType
from typing import Any

import numpy as np

from labs import fitting
from labs import law as laws
from labs import validation as check
from labs.devices import Device, device_of
from labs.law import Law
from labs.work import Work, work_of

#: The engines a profile may be asked for by name.
ENGINES = ("vllm", "sglang", "tensorrt-llm", "lmdeploy", "deepspeed-mii", "gpt-fast", "llama.cpp")


@dataclass(frozen=True)
class Profile:
    """What an engine reaches on a device, as far as published measurements tell.

    Attributes
    ----------
    device : str or None
        A key of `labs.devices.DEVICES`; None where it was fitted to all that were measured.
    engine : str or None
        One of `ENGINES`; None where it was fitted to all of them.
    version : str or None
        Its version, or the year or month of the measurements; None where all versions are in it.
    law : Law
        The shares reached and the seconds on top.
    low : float
        What was measured over what is forecast: 5% of points that a fit had not seen lay below.
    high : float
        Likewise, 5% lay above.
    points : int
        Published measurements it was fitted to.
    sources : tuple of str
        Whose they are.
    errors : mapping of str to float
        The median error on points that a fit did not see: ``held out``, points at random;
        ``source left out`` and ``device left out``, all points of a source or a device at a time,
        where there is another.
    measured : str
        From when to when what was measured came out: the age of the profile.
    factor : float
        What own measurements multiply a forecast with.
    own : int
        How many own measurements it has seen.

    Examples
    --------
    >>> found = profile("H100", "vllm 0.12.0")
    >>> found.engine, found.version, found.points > 40, found.errors["held out"] < 0.075
    ('vllm', '0.12.0', True, True)
    """

    device: str | None
    engine: str | None
    version: str | None
    law: Law
    low: float
    high: float
    points: int
    sources: tuple[str, ...]
    errors: Mapping[str, float]
    measured: str
    factor: float = 1.0
    own: int = 0

    @property
    def name(self) -> str:
        """Return what it is a profile of, for people."""
        engine = " ".join(part for part in (self.engine, self.version) if part) or "any engine"
        own = f", {self.own} own" if self.own else ""
        return f"{engine} on {self.device or 'any device'}{own}"

    def rescaled(self, measured: Any, forecast: Any) -> "Profile":
        """Return the profile with one factor fitted to own measurements.

        The factor is the median of measured over forecast. It mends what is common to all steps of
        a deployment, and a first measurement is enough for it.

        Parameters
        ----------
        measured : array_like
            Seconds that steps took, above 0.
        forecast : array_like or Forecast
            What this profile had forecast for each (of a `labs.forecasts.Forecast` the middle).

        Returns
        -------
        Profile

        Raises
        ------
        ValueError
            If a time is not positive, there is none, or the shapes differ.

        Examples
        --------
        >>> profile("H100").rescaled([0.03, 0.06], [0.02, 0.04]).factor
        1.5
        """
        forecast = getattr(forecast, "mid", forecast)
        own = np.atleast_1d(check.amounts("measured", measured))
        given = np.atleast_1d(check.amounts("forecast", forecast))
        if own.shape != given.shape or not own.size:
            raise check.refuse("forecast", f"of shape {own.shape} and not empty", given.shape)
        ratio = float(np.median(own / given))
        low, high = _after("rescaled", own.size)
        return replace(
            self, factor=self.factor * ratio, low=low, high=high, own=self.own + own.size
        )

    def refit(self, points: Iterable[Mapping[str, Any]]) -> "Profile":
        """Return the profile with its law fitted to own measurements, held near where it was.

        Parameters
        ----------
        points : iterable of mappings
            One a step that was measured, with ``model, device, dtype, devices, batch, context,
            prefill, prompt`` as in `labs.forecasts.forecast` and ``seconds``. What is left out is
            one device, 0, and one prompt.

        Returns
        -------
        Profile

        Raises
        ------
        ValueError
            If there are no points, or one lacks something or is out of range.

        Examples
        --------
        >>> own = [{"model": "Llama-3.1-8B", "device": "H100", "dtype": "bf16", "batch": batch,
        ...     "context": 1000, "seconds": 0.010 + batch * 1e-4} for batch in (1, 16, 64)]
        >>> profile("H100", "vllm").refit(own).own
        3
        """
        try:
            given = list(points)
        except TypeError:
            raise check.refuse("points", "a list of mappings", points) from None
        steps = [_own_step(n, point) for n, point in enumerate(given)]
        if not steps:
            raise check.refuse("points", "one or more", "none")
        work = Work.together([step for step, _ in steps])
        seconds = np.array([taken for _, taken in steps]) / self.factor
        start = self.law.vector()
        [moved] = fitting.fit(lambda vectors: laws.seconds(vectors, work), seconds, start)
        low, high = _after("refit", len(steps))
        return replace(
            self, law=Law.of(start + moved[0]), low=low, high=high, own=self.own + len(steps)
        )


def profile(device: Device | str, engine: str | None = None) -> Profile:
    """Return the best profile there is of a device, and of an engine on it.

    Of the engine's version on this device; else of its newest version before that one; else of the
    engine there; else of the device; else of any.

    Parameters
    ----------
    device : Device or str
        An entry of `labs.devices.DEVICES`, or its name.
    engine : str or None
        One of `ENGINES`, with a version, year or month after a space where known; None: any.

    Returns
    -------
    Profile

    Raises
    ------
    ValueError
        If the device or the engine is unknown.

    Examples
    --------
    >>> profile("H100", "vllm 0.19").name
    'vllm 0.12.0 on H100'
    >>> profile("MI300X", "vllm").name
    'any engine on any device'
    """
    device = device_of(device)
    if engine is not None:
        name, _, version = check.instance("engine", engine, str).partition(" ")
        check.one_of("engine", name, ENGINES)
        there = [found for found in PROFILES if (found.device, found.engine) == (device.name, name)]
        if there:
            return _version(there, version.strip())
    of_device = [found for found in PROFILES if (found.device, found.engine) == (device.name, None)]
    anywhere = [found for found in PROFILES if found.device is None]
    return (of_device or anywhere)[0]


def _version(there: Sequence[Profile], asked: str) -> Profile:
    """Return the profile of a version or of the newest before it, else of all versions."""
    pooled = min(there, key=lambda found: found.version is not None)
    if not asked:
        return pooled
    known = {found.version: found for found in there if found.version is not None}
    if asked in known:
        return known[asked]
    dated = _order(asked)[0] > 1900
    alike = {v: found for v, found in known.items() if (_order(v)[0] > 1900) == dated}
    # A year or a shorter version stands for all that begins with it.
    before = [v for v in alike if _order(v) <= _order(asked) or _begins(v, asked)]
    return alike[max(before, key=_order)] if before else pooled


def _begins(version: str, asked: str) -> bool:
    return re.split(r"[.-]", version)[: len(re.split(r"[.-]", asked))] == re.split(r"[.-]", asked)


def _order(version: str) -> tuple[float, ...]:
    """Return what versions and dates sort by: candidates before what they are candidates of."""
    release, *later = re.split(r"(?:\.?(?:rc|post))", version.removeprefix("v"))
    numbers = [float(part) for part in re.findall(r"\d+", release)] or [0.0]
    trial = -1.0 if "rc" in version else 0.0
    extra = [float(part) for part in re.findall(r"\d+", " ".join(later))]
    return (*(numbers + [0.0] * 3)[:3], trial, *extra)


def _own_step(number: int, point: Mapping[str, Any]) -> tuple[Work, float]:
    if not isinstance(point, Mapping):
        raise check.refuse(f"points[{number}]", "a mapping", point)
    if missing := {"model", "device", "dtype", "seconds"} - set(point):
        raise check.refuse(f"points[{number}]", f"given {', '.join(sorted(missing))}", dict(point))
    counts = {name: point.get(name, 0.0) for name in ("batch", "context", "prefill")}
    for name, value in counts.items():
        check.number(f"points[{number}][{name!r}]", value, least=0, most=check.MOST)
    work = work_of(
        point["model"],
        point["device"],
        point["dtype"],
        point.get("devices", 1),
        prompt=point.get("prompt"),
        **counts,
    )
    taken = check.number(f"points[{number}]['seconds']", point["seconds"], above=0, most=check.MOST)
    return work, taken


def _after(how: str, own: int) -> tuple[float, float]:
    """Return measured over forecast, 5% and 95%, after so many own measurements."""
    intervals: dict[str, list[float]] = _known["after"][how]
    seen = max(count for count in map(int, intervals) if count <= max(own, 1))
    low, high = intervals[str(seen)]
    return low, high


_known: dict[str, Any] = json.loads(
    resources.files("labs").joinpath("profiles.json").read_text("utf-8")
)
#: Those that were fitted, from ``profiles.json``.
#:
#: :meta hide-value:
PROFILES: tuple[Profile, ...] = tuple(
    Profile(
        **{
            **entry,
            "law": Law(**entry["law"]),
            "sources": tuple(entry["sources"]),
            "errors": MappingProxyType(entry["errors"]),
        }
    )
    for entry in _known["profiles"]
)
