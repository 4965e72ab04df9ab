"""Fitting laws of a step to measurements."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from labs.law import WIDTHS
from labs.validation import FloatArray


def fit(
    forecast: Callable[[FloatArray], FloatArray],
    measured: FloatArray,
    center: FloatArray,
    groups: Sequence[NDArray[np.int64]] = (),
    widths: Sequence[FloatArray] = (),
    scale: float = 0.03,
) -> list[FloatArray]:
    """Return the laws that come nearest to measurements, held near where they start.

    A point's law is the centre plus a step for each group that it is in. What is least is the sum
    of soft absolute values of ``log(forecast/measured)/scale`` and of the squares of the steps over
    their widths: a median more than a mean, so a few points that are off do not draw the rest.
    By Gauss, Newton and Levenberg.

    Parameters
    ----------
    forecast : callable
        From vectors (n, 12), one a point, to seconds (n,).
    measured : array (n,)
        Seconds.
    center : array (12,)
        Where the fit starts.
    groups : sequence of array (n,) of int
        For each level the group of each point, from 0; none: one group of all.
    widths : sequence of array (12,)
        For each level how far its steps may go.
    scale : float
        Errors much below it count by their square, much above by their size.

    Returns
    -------
    list of array (groups, 12)
        The steps of each level.

    Examples
    --------
    >>> from labs.law import Law, seconds
    >>> from labs.work import work_of
    >>> law = Law(0.9, 0.6, 0.8, 0.5, 2.0, 1e-3, 2e-5, 2e-5, 2e-5, 0.5, 0.9, 0.1)
    >>> work = work_of("Llama-2-7B", "A100-80", "bf16", batch=[1, 64], context=1000)
    >>> own = 1.1 * seconds(law.vector(), work)
    >>> [moved] = fit(lambda laws: seconds(laws, work), own, law.vector())
    >>> bool(np.abs(seconds(law.vector() + moved[0], work) / own - 1).max() < 0.02)
    True
    """
    groups = groups or [np.zeros(measured.size, np.int64)]
    widths = widths or [WIDTHS]
    wide, rows = center.size, np.arange(measured.size)
    sizes = [int(group.max()) + 1 for group in groups]
    starts = np.cumsum([0, *sizes[:-1]])
    spread = np.concatenate(
        [np.tile(width, size) for width, size in zip(widths, sizes, strict=True)]
    )
    logs = np.log(measured)

    def laws(steps: FloatArray) -> FloatArray:
        table = steps.reshape(-1, wide)
        parts = [table[start + group] for start, group in zip(starts, groups, strict=True)]
        return np.asarray(center + np.sum(parts, axis=0))

    def loss(steps: FloatArray) -> float:
        off = (np.log(forecast(laws(steps))) - logs) / scale
        return float(2 * (np.sqrt(1 + off * off) - 1).sum() + ((steps / spread) ** 2).sum())

    steps, damping = np.zeros(spread.size), 1.0
    least = loss(steps)
    for _ in range(60):
        here = laws(steps)
        base = np.log(forecast(here))
        off = (base - logs) / scale
        design = np.zeros((measured.size, spread.size))
        for part in range(wide):
            moved = here.copy()
            moved[:, part] += 1e-5
            slope = (np.log(forecast(moved)) - base) / 1e-5 / scale
            for start, group in zip(starts, groups, strict=True):
                design[rows, (start + group) * wide + part] = slope
        weighted = design / np.sqrt(1 + off * off)[:, None]
        curve = weighted.T @ design + np.diag(spread**-2)
        slope_all = weighted.T @ off + steps / spread**2
        before = least
        for _ in range(12):
            tried = steps - np.linalg.solve(curve + damping * np.diag(np.diag(curve)), slope_all)
            if (found := loss(tried)) < least:
                steps, least, damping = tried, found, max(damping / 5, 1e-6)
                break
            damping *= 4
        if least >= before * (1 - 1e-5):
            break
    table = steps.reshape(-1, wide)
    return [table[start : start + size] for start, size in zip(starts, sizes, strict=True)]
