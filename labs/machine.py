"""What the present machine does: copies and products, timed, with honest intervals."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from labs import validation as check
from labs.intervals import QuantileInterval, quantile_interval


@dataclass(frozen=True)
class Rate:
    """A measured rate.

    Attributes
    ----------
    dtype : str
        Of the elements: ``fp32``, ``fp64``, and on accelerators narrower ones.
    size : int
        Elements copied, or rows and columns of the square matrices multiplied.
    rate : QuantileInterval
        Median over runs with its 95% interval: bytes or operations per second.

    Examples
    --------
    >>> Rate("fp32", 64, QuantileInterval(2e9, 1e9, 3e9, 0.95)).rate.quantile
    2000000000.0
    """

    dtype: str
    size: int
    rate: QuantileInterval


@dataclass(frozen=True)
class Machine:
    """What the present machine was measured to do.

    Attributes
    ----------
    copy : tuple of Rate
        Bytes per second read and written by copying arrays, by size.
    matmul : tuple of Rate
        Operations per second of square matrix products, by type and size.

    Examples
    --------
    >>> copied = Rate("fp32", 2**24, QuantileInterval(1e10, 1e10, 1e10, 0.95))
    >>> multiplied = Rate("fp32", 768, QuantileInterval(1e11, 1e11, 1e11, 0.95))
    >>> Machine((copied,), (multiplied,)).ridge_point("fp32")
    10.0
    """

    copy: tuple[Rate, ...]
    matmul: tuple[Rate, ...]

    def ridge_point(self, dtype: str) -> float:
        """Return operations per byte at which arithmetic and memory take equally long.

        The best median rate of a type over the median rate of the largest copy.

        Parameters
        ----------
        dtype : str
            A type that was measured.

        Returns
        -------
        float
            Operations per byte.

        Raises
        ------
        ValueError
            If it was not.

        Examples
        --------
        >>> present = measure(0.01)
        >>> present.ridge_point("fp32") > 0
        True
        """
        check.instance("dtype", dtype, str)
        rates = [found.rate.quantile for found in self.matmul if found.dtype == dtype]
        if not rates:
            raise check.refuse("dtype", "one that was measured", dtype)
        return max(rates) / max(self.copy, key=lambda found: found.size).rate.quantile


def measure(seconds: float = 3.0) -> Machine:
    """Measure the present machine: copy bandwidth by size, matrix products by type and size.

    Each case runs at least nine times, one after the other in rounds, so that a change of the
    machine's speed falls on all; the median is given with an interval that assumes no distribution.

    Parameters
    ----------
    seconds : float
        About how long to measure, above 0, at most 3600.

    Returns
    -------
    Machine

    Raises
    ------
    ValueError
        If ``seconds`` is out of range.

    Examples
    --------
    >>> [(found.dtype, found.size) for found in measure(0.01).copy]
    [('fp32', 65536), ('fp32', 1048576), ('fp32', 16777216)]
    """
    seconds = check.number("seconds", seconds, above=0, most=3600)
    cases = _cases()
    times: dict[tuple[str, str, int], list[float]] = {case: [] for case in cases}
    deadline = time.perf_counter() + seconds
    rounds = 0
    while rounds < 10 or time.perf_counter() < deadline:
        for case, (run, _) in cases.items():
            start = time.perf_counter()
            run()
            times[case].append(time.perf_counter() - start)
        rounds += 1
    found: dict[str, list[Rate]] = {"copy": [], "matmul": []}
    for (kind, dtype, size), (_, work) in cases.items():
        rates = work / np.maximum(times[kind, dtype, size][1:], 1e-9)
        found[kind].append(Rate(dtype, size, quantile_interval(rates, 0.5)))
    return Machine(copy=tuple(found["copy"]), matmul=tuple(found["matmul"]))


def _cases() -> dict[tuple[str, str, int], tuple[Callable[[], Any], float]]:
    """Return what to run and the bytes or operations of each run."""
    cases: dict[tuple[str, str, int], tuple[Callable[[], Any], float]] = {}
    for size in (2**16, 2**20, 2**24):
        source = np.ones(size, np.float32)
        target = np.empty_like(source)
        cases["copy", "fp32", size] = partial(np.copyto, target, source), 2.0 * source.nbytes
    for dtype, kind in (("fp32", np.float32), ("fp64", np.float64)):
        for size in (64, 256, 768):
            square = np.ones((size, size), kind)
            out = np.empty_like(square)
            product = partial(np.matmul, square, square, out=out)
            cases["matmul", dtype, size] = product, 2.0 * size**3
    return cases
