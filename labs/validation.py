"""The one way arguments are checked: a ``ValueError`` that names the argument and the value."""

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
Real = float | FloatArray

T = TypeVar("T")

LARGEST_COUNT = 2**53
LEAST, MOST = 1e-30, 1e30


def refuse(name: str, requirement: str, value: object) -> ValueError:
    """Return the error for an argument that breaks a requirement.

    Parameters
    ----------
    name : str
        The argument, as the caller spells it.
    requirement : str
        What the argument must be, completing "must be ...".
    value : object
        What was given; a long representation is shortened to 80 characters.

    Returns
    -------
    ValueError
        To be raised.

    Examples
    --------
    >>> raise refuse("servers", "a whole number of at least 1", 2.5)
    Traceback (most recent call last):
    ...
    ValueError: servers must be a whole number of at least 1, got 2.5
    """
    if isinstance(value, np.generic):
        value = value.item()
    shown = " ".join(_shown(value).split())
    if len(shown) > 80:
        shown = shown[:77] + "..."
    return ValueError(f"{name} must be {requirement}, got {shown}")


def numbers(
    name: str,
    value: object,
    *,
    least: float = -np.inf,
    above: float = -np.inf,
    most: float = np.inf,
    below: float = np.inf,
    infinite: bool = False,
    whole: bool = False,
) -> FloatArray:
    """Return ``value`` as a float array whose every entry lies in the stated range.

    Parameters
    ----------
    name : str
        The argument's name, for the error.
    value : array_like
        Real numbers of any shape; booleans, strings and complex numbers are refused.
    least : float
        Closed bound from below.
    above : float
        Open bound from below.
    most : float
        Closed bound from above.
    below : float
        Open bound from above.
    infinite : bool
        Whether an infinite entry is allowed. NaN never is.
    whole : bool
        Whether every entry must be a whole number.

    Returns
    -------
    array
        A copy, in the shape of ``value``.

    Raises
    ------
    ValueError
        Names the argument and the first offending value; so do all checks below.

    Examples
    --------
    >>> numbers("rate", [1, 2], least=0)
    array([1., 2.])
    """
    requirement = _requirement(least, above, most, below, infinite, whole)
    try:
        given = np.asarray(value)
    except (ValueError, TypeError, OverflowError):
        raise refuse(name, requirement, value) from None
    if given.dtype.kind not in "iuf" and not _are_python_integers(given):
        raise refuse(name, requirement, value)
    try:
        with np.errstate(over="ignore"):
            array = given.astype(np.float64)
    except OverflowError:
        raise refuse(name, requirement, value) from None
    ok = (array >= least) & (array <= most)
    if above > -np.inf:
        ok &= array > above
    if below < np.inf:
        ok &= array < below
    if not infinite:
        ok &= np.isfinite(array)
    if whole:
        ok &= array == np.floor(array)
    if not ok.all():
        raise refuse(name, requirement, value if array.ndim == 0 else array[~ok][0])
    return array


def counts(name: str, value: object, *, least: int = 1, most: int = LARGEST_COUNT) -> FloatArray:
    """Return whole numbers from ``least`` to ``most`` as a float array; see `numbers`.

    Examples
    --------
    >>> counts("servers", [1, 2])
    array([1., 2.])
    """
    return numbers(name, value, least=least, most=most, whole=True)


def amounts(name: str, value: object, *, zero: bool = False) -> FloatArray:
    """Return rates, times or ratios up to 1e30, from 0 where that is allowed, else from 1e-30.

    Wide enough for anything physical, and narrow enough that products of a few never overflow.

    Examples
    --------
    >>> amounts("rate", 0.5)
    array(0.5)
    """
    return numbers(name, value, least=0 if zero else LEAST, most=MOST)


def number(name: str, value: object, **bounds: Any) -> float:
    """Return a single real number within bounds; see `numbers`.

    Examples
    --------
    >>> number("share", 1.5, least=0, most=1)
    Traceback (most recent call last):
    ...
    ValueError: share must be a finite number of at least 0 and of at most 1, got 1.5
    """
    array = numbers(name, value, **bounds)
    if array.ndim:
        raise refuse(name, "a single number", value)
    return float(array)


def count(name: str, value: object, *, least: int = 1, most: int = LARGEST_COUNT) -> int:
    """Return a single whole number from ``least`` to ``most``; see `numbers`.

    Examples
    --------
    >>> count("servers", 3.0)
    3
    """
    array = counts(name, value, least=least, most=most)
    if array.ndim:
        raise refuse(name, "a single whole number", value)
    return int(array)


def sequence(name: str, value: object, *, size: int | None = None, **bounds: Any) -> FloatArray:
    """Return a one-dimensional array within bounds, of a given size if one is named.

    Examples
    --------
    >>> sequence("service", [1, 2], size=2, least=0)
    array([1., 2.])
    """
    array = numbers(name, value, **bounds)
    if array.ndim != 1:
        raise refuse(name, "one-dimensional", f"shape {array.shape}")
    if size is not None and array.size != size:
        raise refuse(name, f"of length {size}", f"length {array.size}")
    return array


def ascending(name: str, value: object) -> FloatArray:
    """Return a one-dimensional array of times that never decrease, none beyond ± 1e30.

    Examples
    --------
    >>> ascending("arrival", [0, 2, 1])
    Traceback (most recent call last):
    ...
    ValueError: arrival must be in order of time, got '2.0 before 1.0 at index 1'
    """
    array = sequence(name, value, least=-MOST, most=MOST)
    falls = np.flatnonzero(array[1:] < array[:-1])
    if falls.size:
        at = int(falls[0])
        raise refuse(
            name, "in order of time", f"{array[at]!s} before {array[at + 1]!s} at index {at}"
        )
    return array


def one_of(name: str, value: object, options: tuple[str, ...]) -> str:
    """Return ``value`` if it is among the options.

    Examples
    --------
    >>> one_of("op", "<", ("<", ">"))
    '<'
    """
    if not isinstance(value, str) or value not in options:
        raise refuse(name, "one of " + ", ".join(options), value)
    return value


def generator(name: str, value: object) -> np.random.Generator:
    """Return ``value`` if it is a ``numpy.random.Generator``.

    Examples
    --------
    >>> generator("rng", 7)
    Traceback (most recent call last):
    ...
    ValueError: rng must be a numpy.random.Generator, got 7
    """
    if not isinstance(value, np.random.Generator):
        raise refuse(name, "a numpy.random.Generator", value)
    return value


def instance(name: str, value: object, kind: type[T]) -> T:
    """Return ``value`` if it is of the given class.

    Examples
    --------
    >>> instance("unit", "s", str)
    's'
    """
    if not isinstance(value, kind):
        raise refuse(name, f"a {kind.__name__}", value)
    return value


def elementwise(function: Callable[..., float], **arguments: FloatArray) -> Real:
    """Apply a function of plain floats over named arrays; scalars in give a float out.

    Examples
    --------
    >>> elementwise(max, a=np.array([1.0, 3.0]), b=np.array(2.0))
    array([2., 3.])
    """
    spread = broadcast(**arguments)
    if spread[0].ndim == 0:
        return float(function(*(float(a) for a in spread)))
    rows = zip(*(a.ravel().tolist() for a in spread), strict=True)
    return np.array([function(*row) for row in rows], dtype=np.float64).reshape(spread[0].shape)


def broadcast(**arguments: FloatArray) -> list[FloatArray]:
    """Return the named arrays at their common shape, or say which shapes do not fit together.

    Examples
    --------
    >>> broadcast(a=np.array([1.0, 3.0]), b=np.array(2.0))
    [array([1., 3.]), array([2., 2.])]
    """
    try:
        shape = np.broadcast_shapes(*(array.shape for array in arguments.values()))
    except ValueError:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in arguments.items())
        raise ValueError(f"shapes must broadcast together, got {shapes}") from None
    return [np.broadcast_to(array, shape) for array in arguments.values()]


def plain(array: npt.ArrayLike) -> Real:
    """Return a zero-dimensional array as a float and any other unchanged.

    Examples
    --------
    >>> plain(np.array(2)), plain([1, 2])
    (2.0, array([1., 2.]))
    """
    array = np.asarray(array, dtype=np.float64)
    return float(array) if array.ndim == 0 else array


def _shown(value: object) -> str:
    try:
        return repr(value)
    except ValueError:  # Python does not print integers of thousands of digits
        return f"{type(value).__name__} too long to print"


def _are_python_integers(given: npt.NDArray[Any]) -> bool:
    return given.dtype == object and all(type(item) is int for item in given.flat)


def _requirement(
    least: float, above: float, most: float, below: float, infinite: bool, whole: bool
) -> str:
    noun = "a whole number" if whole else "a number" if infinite else "a finite number"
    bounds = [
        f"of at least {least:g}" if least > -np.inf else "",
        f"above {above:g}" if above > -np.inf else "",
        f"of at most {most:g}" if np.isfinite(most) and most != LARGEST_COUNT else "",
        f"below {below:g}" if below < np.inf else "",
    ]
    return " ".join([noun, " and ".join(bound for bound in bounds if bound)]).strip()
