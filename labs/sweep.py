"""Scenarios × seeds, on all cores or on a cluster, with the same numbers either way."""

import itertools
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TextIO

import numpy as np

from labs import _extras
from labs import validation as check


@dataclass(frozen=True)
class Sweep:
    """What every scenario gave with every seed.

    Attributes
    ----------
    names : tuple of str
        The axes of the grid.
    scenarios : tuple of tuples
        Values of the axes, in the order of their product.
    seeds : tuple of int
        Of the generators.
    results : tuple of tuples
        ``results[i][j]`` is what scenario i gave with seed j.

    Examples
    --------
    >>> swept = run(lambda x, rng: 2 * x, {"x": [1, 2]}, seeds=[7], jobs=1)
    >>> swept.names, swept.scenarios, swept.seeds, swept.results
    (('x',), ((1,), (2,)), (7,), ((2,), (4,)))
    """

    names: tuple[str, ...]
    scenarios: tuple[tuple[Any, ...], ...]
    seeds: tuple[int, ...]
    results: tuple[tuple[Any, ...], ...]

    def rows(self) -> list[dict[str, Any]]:
        """Return a record for each run.

        Returns
        -------
        list of dict
            The scenario's values by name, ``seed`` and ``result``.

        Examples
        --------
        >>> run(lambda x, rng: 2 * x, {"x": [1]}, seeds=[7], jobs=1).rows()
        [{'x': 1, 'seed': 7, 'result': 2}]
        """
        return [
            {**dict(zip(self.names, scenario, strict=True)), "seed": seed, "result": result}
            for scenario, results in zip(self.scenarios, self.results, strict=True)
            for seed, result in zip(self.seeds, results, strict=True)
        ]


def run(
    function: Callable[..., Any],
    grid: Mapping[str, Sequence[Any]],
    seeds: Sequence[int],
    jobs: int | None = None,
    progress: bool | None = None,
) -> Sweep:
    """Call a function for every scenario of a grid with every seed.

    Runs in processes on this machine; inside ``joblib.parallel_config(backend="dask")`` the same
    call runs on the cluster, and survives the loss of a worker because every run depends on its
    scenario and seed alone.

    Parameters
    ----------
    function : callable
        Called as ``function(**scenario, rng=generator)``; it and its results can be pickled.
    grid : mapping of str to sequence
        Values of each axis; the scenarios are their product.
    seeds : sequence of int
        Each makes a ``numpy.random.default_rng(seed)``.
    jobs : int, optional
        Runs at a time; None for joblib's default: the cores here, or the cluster's workers.
    progress : bool, optional
        Whether to draw a progress bar on standard error; None for only if it is a terminal.

    Returns
    -------
    Sweep

    Raises
    ------
    ValueError
        If the grid or the seeds are empty or malformed. What the function raises is passed on.

    Examples
    --------
    >>> noisy = run(lambda mean, rng: mean + rng.normal(), {"mean": [0, 10]}, [1, 2], jobs=1)
    >>> len(noisy.results), len(noisy.results[0])
    (2, 2)
    """
    with _extras.needed_by(__name__):
        from joblib import Parallel, delayed

    if not callable(function):
        raise check.refuse("function", "callable", function)
    if not isinstance(grid, Mapping):
        raise check.refuse("grid", "a mapping of names to values", grid)
    axes = {}
    for name, values in grid.items():
        if not isinstance(name, str) or name == "rng":
            raise check.refuse("grid", "of names, none of them rng", name)
        axes[name] = _listed(f"grid[{name!r}]", values)
        if not axes[name]:
            raise check.refuse(f"grid[{name!r}]", "of one value or more", values)
    if not axes:
        raise check.refuse("grid", "of one axis or more", grid)
    known = [check.count("seeds", seed, least=0) for seed in _listed("seeds", seeds)]
    if not known:
        raise check.refuse("seeds", "of one or more", seeds)
    if jobs is not None:
        jobs = check.count("jobs", jobs, most=1024)
    if progress is not None:
        check.instance("progress", progress, bool)
    scenarios = list(itertools.product(*axes.values()))
    tasks = (
        delayed(_one)(function, dict(zip(axes, scenario, strict=True)), seed)
        for scenario in scenarios
        for seed in known
    )
    parallel = Parallel(n_jobs=_default_jobs() if jobs is None else jobs, return_as="generator")
    shown = sys.stderr.isatty() if progress is None else progress
    total = len(scenarios) * len(known)
    flat = list(_counted(parallel(tasks), total, sys.stderr if shown else None))
    size = len(known)
    return Sweep(
        names=tuple(axes),
        scenarios=tuple(scenarios),
        seeds=tuple(known),
        results=tuple(tuple(flat[i : i + size]) for i in range(0, total, size)),
    )


def _one(function: Callable[..., Any], scenario: dict[str, Any], seed: int) -> Any:
    return function(**scenario, rng=np.random.default_rng(seed))


def _listed(name: str, values: Any) -> list[Any]:
    if isinstance(values, str | bytes) or not isinstance(values, Iterable):
        raise check.refuse(name, "a sequence", values)
    try:
        return list(values)
    except TypeError:  # an array without dimensions
        raise check.refuse(name, "a sequence", values) from None


def _default_jobs() -> int | None:
    """Return all cores; None where joblib was configured around the call, or has a cluster."""
    from joblib.parallel import get_active_backend

    backend, jobs = get_active_backend()
    if jobs is not None or type(backend).__name__ == "DaskDistributedBackend":
        return None
    return -1


def _counted(results: Any, total: int, stream: TextIO | None) -> Any:
    for done, result in enumerate(results, start=1):
        if stream is not None:
            filled = 30 * done // total
            stream.write(f"\r[{'#' * filled:<30}] {done}/{total}")
            stream.flush()
        yield result
    if stream is not None:
        stream.write("\n")
