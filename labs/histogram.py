"""Quantiles out of a Prometheus histogram, with what the buckets leave open."""

import math
from dataclasses import dataclass

import numpy as np

from labs import validation as check
from labs.validation import FloatArray

__all__ = ["BucketQuantile", "quantile"]


@dataclass(frozen=True)
class BucketQuantile:
    """A quantile of observations of which only counts in buckets are known.

    Attributes
    ----------
    low : float
        Lower edge of the bucket that holds the ⌈pn⌉-th smallest, which lies above it.
    high : float
        Upper edge of that bucket: the quantile is at or below.
    interpolated : float
        What PromQL's ``histogram_quantile`` says: a straight line through the bucket.

    Examples
    --------
    >>> quantile([0.1, 0.5, np.inf], [50, 90, 100], 0.8)
    BucketQuantile(low=0.1, high=0.5, interpolated=0.4)
    """

    low: float
    high: float
    interpolated: float


def quantile(edges: FloatArray, counts: FloatArray, p: float) -> BucketQuantile:
    """Return a quantile of a histogram between the edges of its bucket.

    Parameters
    ----------
    edges : array (k,)
        Upper edges (``le``), rising, the last infinite.
    counts : array (k,)
        How many observations were at or below each: cumulative.
    p : float
        Between 0 and 1.

    Returns
    -------
    BucketQuantile
        In the edges' unit. The first bucket begins at 0 where its edge is positive.

    Raises
    ------
    ValueError
        If edges do not rise to infinity, counts fall or there is no observation.

    References
    ----------
    Prometheus documentation, query functions, ``histogram_quantile``.

    Examples
    --------
    >>> quantile([0.1, 0.5, np.inf], [50, 90, 100], 0.99)
    BucketQuantile(low=0.5, high=inf, interpolated=0.5)
    """
    upper = check.sequence("edges", edges, infinite=True)
    if upper.size < 2 or upper[-1] != np.inf or not (np.diff(upper) > 0).all():
        raise check.refuse("edges", "two or more that rise, the last infinite", upper.tolist())
    total = check.sequence("counts", counts, size=upper.size, least=0, most=check.LARGEST_COUNT)
    if (total != np.floor(total)).any() or (np.diff(total) < 0).any():
        raise check.refuse("counts", "whole and cumulative", total.tolist())
    p = check.number("p", p, above=0, below=1)
    if not total[-1]:
        raise check.refuse("counts", "of one observation or more", total.tolist())
    at = int(np.searchsorted(total, math.ceil(p * total[-1])))
    low = float(upper[at - 1]) if at else (0.0 if upper[0] > 0 else -math.inf)
    return BucketQuantile(low, float(upper[at]), _interpolated(upper, total, p))


def _interpolated(upper: FloatArray, total: FloatArray, p: float) -> float:
    rank = p * float(total[-1])
    at = int(np.searchsorted(total, rank))
    if at == upper.size - 1:
        return float(upper[-2])
    if not at and upper[0] <= 0:
        return float(upper[0])
    start, before = (float(upper[at - 1]), float(total[at - 1])) if at else (0.0, 0.0)
    return start + (float(upper[at]) - start) * (rank - before) / (float(total[at]) - before)
