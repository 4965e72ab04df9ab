"""How long a batch takes: published measurements, and the straight line through them."""

from dataclasses import dataclass

import numpy as np

from labs import validation as check
from labs.validation import FloatArray


@dataclass(frozen=True)
class BatchTime:
    """A straight line through measured batch times: a batch of b takes ``per_item b + setup``.

    Attributes
    ----------
    per_item : float
        Slope α, in the unit of the measured times.
    setup : float
        Intercept τ₀, in the unit of the measured times.
    r_squared : float
        Share of the variance of the times that the line explains.

    Examples
    --------
    >>> fit_batch_time([1, 2], [2.0, 3.0]).r_squared
    1.0
    """

    per_item: float
    setup: float
    r_squared: float


@dataclass(frozen=True)
class BatchCurve:
    """A published measurement of throughput against batch size.

    Attributes
    ----------
    sizes : tuple of int
        Batch sizes.
    rate : tuple of float
        Items per second at each size.
    conditions : str
        Model and precision.
    source : str
        Where the figures were printed.

    Examples
    --------
    >>> (1e3 * RESNET50["V100"].times).round(2).tolist()
    [2.1, 2.27, 2.45, 2.98, 10.89, 20.4]
    """

    sizes: tuple[int, ...]
    rate: tuple[float, ...]
    conditions: str
    source: str

    @property
    def times(self) -> FloatArray:
        """Seconds that a batch of each size takes."""
        seconds: FloatArray = np.array(self.sizes) / np.array(self.rate)
        return seconds


#: Published throughput of ResNet-50 by batch size, on a V100 and a P4.
RESNET50 = {
    "V100": BatchCurve(
        (1, 2, 4, 8, 64, 128),
        (476.0, 880.0, 1631.0, 2685.0, 5877.0, 6275.0),
        "ResNet-50, FP16/FP32 mixed precision",
        "Inoue (2021), Table 1(a), from NVIDIA's AI Inference Platform overview",
    ),
    "P4": BatchCurve(
        (1, 2, 4, 8, 64, 128),
        (569.0, 736.0, 974.0, 1291.0, 1677.0, 1676.0),
        "ResNet-50, INT8",
        "Inoue (2021), Table 1(b), from NVIDIA's AI Inference Platform overview",
    ),
}


def fit_batch_time(sizes: FloatArray, times: FloatArray) -> BatchTime:
    """Fit a straight line through batch times by least squares.

    Parameters
    ----------
    sizes : array (n,)
        Batch sizes, at least 1, at least two of them different.
    times : array (n,)
        How long each batch took, above 0, in any one unit.

    Returns
    -------
    BatchTime

    Raises
    ------
    ValueError
        If an argument is out of range, all sizes are equal, or the line falls: a request more
        would shorten the batch, which no batch server does.

    Examples
    --------
    >>> line = fit_batch_time([1, 2, 4], [11.0, 12.0, 14.0])
    >>> round(line.per_item, 6), round(line.setup, 6)
    (1.0, 10.0)
    """
    sizes = check.sequence("sizes", sizes, least=1)
    times = check.sequence("times", times, size=sizes.size, above=0)
    if np.unique(sizes).size < 2:
        raise check.refuse("sizes", "of two different values or more", sizes.tolist())
    (size_variance, covariance), (_, time_variance) = np.cov(sizes, times, bias=True)
    slope = float(covariance / size_variance)
    # Equal times leave a slope of nothing but rounding, of either sign.
    if -slope * np.ptp(sizes) > 1e-12 * times.max():
        wanted = "on a line that does not fall (a request more saves no seconds)"
        raise check.refuse("times", wanted, times.tolist())
    return BatchTime(
        per_item=max(slope, 0.0),
        setup=float(times.mean() - slope * sizes.mean()),
        r_squared=min(1.0, float(covariance**2 / (size_variance * time_variance)))
        if np.ptp(times)
        else 1.0,
    )
