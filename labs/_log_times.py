"""Times as logs tell them: in a unit, as timestamps, since a moment; and counts of tokens.

What could be two things is refused, with what to say.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from labs import validation as check
from labs.validation import FloatArray, IntArray

#: Of each unit these make a second.
UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
TICKS = 10**9
#: No prompt and no answer is longer, in tokens; what is more is a time in the wrong column.
LONGEST = 10**8
#: Whole numbers that are seconds, or a smaller unit, since 1970: from 2001 to 2100.
EPOCH = (978_307_200, 4_102_444_800)
#: Whole numbers with no unit are not taken for seconds if requests would be this far apart.
SPARSE = 60.0
#: Seconds that no log spans.
LONG = 3.2e8
#: What columns of a log are: times, and counts of tokens.
TIMES = ("arrival", "first_token", "finish")
COUNTS = ("prompt", "output")
STAMP = re.compile(
    r"(\d{4})-?(\d\d)-?(\d\d)"
    r"(?:[Tt ](\d\d):?(\d\d)(?::?(\d\d)(?:[.,](\d{1,9})\d*)?)?\s*"
    r"([Zz]|UTC|GMT|[+-]\d\d(?::?\d\d(?::?\d\d)?)?)?)?"
)


class Clock:
    """Reads the times of one log: seconds, another unit, or timestamps, and never two of them.

    Parameters
    ----------
    unit : str or None
        ``s``, ``ms``, ``us`` or ``ns`` of numbers; None recognises it.
    zone : str or None
        Of timestamps that name none: an IANA name such as ``Europe/Berlin``, or an offset such as
        ``+02:00``.

    Raises
    ------
    ValueError
        If either is unknown.

    Examples
    --------
    >>> clock = Clock(None, None)
    >>> clock.ticks("2024-05-10 02:00:00.25+02", "when") - clock.ticks("20240510T000000Z", "when")
    250000000
    """

    def __init__(self, unit: str | None, zone: str | None) -> None:
        if unit is not None:
            check.one_of("unit", unit, tuple(UNITS))
        self.unit = unit
        self.zone = _zone(zone)
        self.kind: str | None = None

    def ticks(self, value: Any, name: str) -> float | int:
        """Read one time.

        Parameters
        ----------
        value : str or number
            As the log has it.
        name : str
            Of its column.

        Returns
        -------
        float or int
            A number as it is, a timestamp in whole nanoseconds since 1970.

        Raises
        ------
        ValueError
            If it is neither, or not what the log's other times are.

        Examples
        --------
        >>> Clock("ms", None).ticks("1500", "when")
        1500
        """
        number = number_in(value)
        if number is None:
            return self._stamp(str(value), name)
        if isinstance(number, float) and not np.isfinite(number):
            raise ValueError(f"{name} must be finite, got {value!r}")
        self._same("numbers", name, value)
        return number

    def _same(self, kind: str, name: str, value: Any) -> None:
        if self.kind is None:
            self.kind = kind
        if kind != self.kind:
            remedy = "; say zone=" if "offset" in kind + self.kind else ""
            raise ValueError(f"{name} mixes {self.kind} and {kind}, got {value!r}{remedy}")

    def _stamp(self, text: str, name: str) -> int:
        found = STAMP.fullmatch(text.strip())
        if not found:
            raise ValueError(f"{name} must be seconds or a timestamp, got {text[:60]!r}")
        year, month, day, hour, minute, second, fraction, offset = found.groups()
        try:
            parts = (year, month, day, hour or 0, minute or 0, second or 0)
            whole = datetime(*[int(part) for part in parts])  # type: ignore[arg-type]
        except ValueError as problem:
            raise ValueError(f"{name} must be a timestamp, got {text!r}: {problem}") from None
        if offset is None and self.zone is not None:
            whole = whole.replace(tzinfo=self.zone)
        elif offset is None:
            self._same("timestamps without an offset", name, text)
            whole = whole.replace(tzinfo=UTC)
        if offset is not None:
            whole = whole.replace(tzinfo=_offset(offset))
        if offset is not None or self.zone is not None:
            self._same("timestamps with an offset", name, text)
        since = whole - datetime(1970, 1, 1, tzinfo=UTC)
        return (since.days * 86_400 + since.seconds) * TICKS + int((fraction or "").ljust(9, "0"))

    def seconds(self, times: Sequence[float | int], name: str) -> FloatArray | IntArray:
        """Return times in seconds, or in whole nanoseconds where they are known so finely.

        Parameters
        ----------
        times : sequence (n,)
            As `ticks` read them.
        name : str
            Of their column, whose end may tell the unit: ``start_ms``.

        Returns
        -------
        array (n,)
            float64 seconds, or int64 nanoseconds.

        Raises
        ------
        ValueError
            If the unit of numbers cannot be told.

        Examples
        --------
        >>> clock = Clock(None, None)
        >>> clock.seconds([clock.ticks(time, "start_ms") for time in (0, 1500)], "start_ms")
        array([         0, 1500000000])
        """
        if self.kind != "numbers":
            return np.array(times, dtype=np.int64)
        whole = all(type(time) is int and abs(time) < 2**63 for time in times)
        if whole:
            return self.scaled(np.array(times, dtype=np.int64), name)
        return self.scaled(np.array(times, dtype=np.float64), name)

    def scaled(self, numbers: FloatArray | IntArray, name: str) -> FloatArray | IntArray:
        """Return numbers of this clock's unit, or of one recognised, as `seconds` does.

        Parameters
        ----------
        numbers : array (n,)
            Whole or not.
        name : str
            Of their column.

        Returns
        -------
        array (n,)
            float64 seconds, or int64 nanoseconds.

        Raises
        ------
        ValueError
            If the unit cannot be told.

        Examples
        --------
        >>> Clock("ms", None).scaled(np.array([0.0, 1500.0]), "when").tolist()
        [0.0, 1.5]
        """
        whole = numbers.dtype.kind in "iu"
        unit = self.unit or unit_of(name) or recognised_unit(numbers, whole, name)
        ticks = TICKS // UNITS[unit]
        if whole and unit != "s" and (np.abs(numbers.astype(np.float64)) * ticks < 9e18).all():
            return numbers.astype(np.int64) * ticks
        return numbers.astype(np.float64) / UNITS[unit]


def tokens(value: Any, name: str = "tokens") -> int:
    """Read a count of tokens; an answer may have none.

    Parameters
    ----------
    value : str or number
        As the log has it.
    name : str
        What it counts.

    Returns
    -------
    int

    Raises
    ------
    ValueError
        If it is not a whole number, or more than any prompt has.

    Examples
    --------
    >>> tokens("374")
    374
    """
    number = number_in(value)
    exact = type(number) is int or (
        isinstance(number, float) and number.is_integer() and not isinstance(value, str)
    )
    if not exact:
        raise ValueError(f"{name} tokens must be a whole number, got {shown(value)}")
    count = int(number)  # type: ignore[arg-type]
    if count > LONGEST:
        raise ValueError(
            f"{name} tokens must be at most 10⁸, got {shown(value)}; is it a time, or another "
            "column's?"
        )
    if count < (name == "prompt") or count < 0:
        raise ValueError(f"{name} tokens must be a whole number of at least 1, got {shown(value)}")
    return count


def since_first(times: FloatArray | IntArray, first: float | int) -> FloatArray:
    """Return seconds since a moment, of times in seconds or whole nanoseconds.

    Parameters
    ----------
    times : array (n,)
        float64 seconds or int64 nanoseconds.
    first : float or int
        The moment, as they are.

    Returns
    -------
    array (n,)
        Seconds.

    Examples
    --------
    >>> since_first(np.array([10**18, 10**18 + 5 * 10**8]), 10**18).tolist()
    [0.0, 0.5]
    """
    since = times - first
    return np.asarray(since / TICKS if times.dtype == np.int64 else since, dtype=np.float64)


def number_in(value: Any) -> float | int | None:
    if type(value) in (int, float):
        return value  # type: ignore[no-any-return]
    if not isinstance(value, str) or "_" in value:
        return None
    try:
        return int(value)
    except ValueError:
        pass
    try:
        return float(value)
    except ValueError:
        return None


def shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 44 else text[:40] + "..."


def _zone(zone: str | None) -> tzinfo | None:
    if zone is None:
        return None
    check.instance("zone", zone, str)
    if re.fullmatch(r"[Zz]|[+-]\d\d(?::?\d\d)?", zone):
        return _offset(zone)
    try:
        return ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        raise check.refuse(
            "zone", "an IANA name such as Europe/Berlin, or an offset", zone
        ) from None


def _offset(text: str) -> tzinfo:
    if text[0] not in "+-":
        return UTC
    digits = re.sub(r"\D", "", text).ljust(6, "0")
    hours, minutes, seconds = (int(digits[i : i + 2]) for i in (0, 2, 4))
    span = timedelta(hours=hours, minutes=minutes, seconds=seconds)
    try:
        return timezone(-span if text[0] == "-" else span)
    except ValueError:
        raise ValueError(f"an offset is less than a day, got {text!r}") from None


def unit_of(name: str) -> str | None:
    """Return the unit that a column's name ends in."""
    found = re.search(
        r"(?:^|[_\s(\[.])(ms|us|µs|ns|millis|micros|nanos|s|sec|seconds)[)\]]?$", name
    )
    if not found:
        return None
    return {"µs": "us", "millis": "ms", "micros": "us", "nanos": "ns"}.get(
        found[1], found[1] if found[1] in UNITS else "s"
    )


def recognised_unit(values: FloatArray | IntArray, whole: bool, name: str) -> str:
    """Return the unit of numbers that say none; refuse what could be two."""
    if not values.size:
        return "s"
    low, high = float(values.min()), float(values.max())
    for unit, per in UNITS.items():
        if EPOCH[0] * per <= low and high <= EPOCH[1] * per and (whole or unit == "s"):
            return unit
    span = high - low
    if span > LONG or (whole and values.size > 2 and span / (values.size - 1) > SPARSE):
        raise ValueError(
            f"{name}: the unit is ambiguous: as seconds, {values.size} requests span {span:.6g} s; "
            "say unit='s', 'ms', 'us' or 'ns'"
        )
    return "s"
