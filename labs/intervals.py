"""Figures with the interval that encloses them: what a sample says, and how surely."""

from dataclasses import dataclass, replace

import numpy as np
from scipy import special

from labs import validation as check
from labs.validation import FloatArray, IntArray


class _Enclosed:
    """What every interval here shares: two ends, and ``value in interval``, both ends within."""

    low: float
    high: float

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


@dataclass(frozen=True)
class Interval(_Enclosed):
    """A mean with a confidence interval; ``value in interval`` asks whether it is covered.

    Attributes
    ----------
    mean : float
        Mean of the sample, in its unit.
    low : float
        Lower end.
    high : float
        Upper end.
    level : float
        Confidence, between 0 and 1.

    Examples
    --------
    >>> 2.5 in Interval(mean=2.0, low=1.0, high=3.0, level=0.95)
    True
    """

    mean: float
    low: float
    high: float
    level: float


@dataclass(frozen=True)
class QuantileInterval(_Enclosed):
    """A sample quantile with a confidence interval; ``value in interval`` asks if it is covered.

    Attributes
    ----------
    quantile : float
        Of the sample, in its unit.
    low : float
        Lower end; ``-inf`` where the sample is too short for one.
    high : float
        Upper end; ``inf`` where the sample is too short for one.
    level : float
        Confidence, between 0 and 1.

    Examples
    --------
    >>> 2.5 in QuantileInterval(quantile=2.0, low=1.0, high=3.0, level=0.95)
    True
    """

    quantile: float
    low: float
    high: float
    level: float


@dataclass(frozen=True)
class PairedLoss(_Enclosed):
    """What a student loses against its teacher on the same images.

    Attributes
    ----------
    loss : float
        Share of images: the teacher's accuracy less the student's.
    low : float
        Lower end of its interval.
    high : float
        Upper end.
    only_teacher : int
        Images that the teacher alone has right.
    only_student : int
        Images that the student alone has right; all others tell nothing about the difference.
    p_value : float
        Of the exact test that both are right equally often (McNemar).

    Examples
    --------
    >>> found = paired_loss([7, 7, 7, 7], [7, 7, 7, 1], [7, 2, 2, 1])
    >>> found.loss, found.only_teacher, found.only_student, found.p_value
    (0.5, 2, 0, 0.5)
    """

    loss: float
    low: float
    high: float
    only_teacher: int
    only_student: int
    p_value: float


def mean_interval(sample: FloatArray, level: float = 0.95) -> Interval:
    """Return the mean of a correlated sample with a confidence interval by batch means.

    The sample is cut into 20 runs (fewer when it is short); their means are nearly independent
    when each run is much longer than the correlation lasts, and Student's t does the rest. A
    sample path starts empty: drop its warm-up first.

    Parameters
    ----------
    sample : array (n,)
        At least four numbers in order of time.
    level : float
        Confidence, between 0 and 1.

    Returns
    -------
    Interval

    Raises
    ------
    ValueError
        If the sample is too short or an argument out of range.

    References
    ----------
    Schmeiser, "Batch size effects in the analysis of simulation output", Operations Research
    30 (1982): 10 to 30 batches suffice.

    Examples
    --------
    >>> interval = mean_interval([1.0, 2.0, 3.0, 4.0] * 25)
    >>> interval.mean, 2.5 in interval
    (2.5, True)
    """
    sample = check.sequence("sample", sample, least=-check.MOST, most=check.MOST)
    level = check.number("level", level, above=0, below=1)
    if sample.size < 4:
        raise check.refuse("sample", "of length 4 or more", f"length {sample.size}")
    batches = min(20, sample.size // 2)
    means = np.array([run.mean() for run in np.array_split(sample, batches)])
    mean = float(sample.mean())
    error = float(means.std(ddof=1)) / batches**0.5
    reach = float(special.stdtrit(batches - 1, (1 + level) / 2)) * error
    return Interval(mean=mean, low=mean - reach, high=mean + reach, level=level)


def quantile_interval(sample: FloatArray, p: float, level: float = 0.95) -> QuantileInterval:
    """Return a sample quantile with a confidence interval that assumes no distribution.

    The number of observations below the true p-quantile is binomial(n, p), so two order
    statistics enclose it with at least the stated confidence; where the sample is too short for
    one of them, that end is infinite. Observations must be independent.

    Parameters
    ----------
    sample : array (n,)
        At least one observation, of any unit.
    p : float
        Between 0 and 1: 0.95 for the 95th percentile.
    level : float
        Confidence, between 0 and 1.

    Returns
    -------
    QuantileInterval

    Raises
    ------
    ValueError
        If an argument is out of range.

    References
    ----------
    David and Nagaraja, Order Statistics, 3rd ed., §7.1.

    Examples
    --------
    >>> interval = quantile_interval(np.arange(1.0, 101.0), 0.5)
    >>> interval.low, interval.high
    (40.0, 61.0)
    """
    ordered = np.sort(check.sequence("sample", sample, least=-check.MOST, most=check.MOST))
    p = check.number("p", p, above=0, below=1)
    level = check.number("level", level, above=0, below=1)
    if not ordered.size:
        raise check.refuse("sample", "of length 1 or more", "length 0")
    below, above = (_binomial(tail, ordered.size, p) for tail in ((1 - level) / 2, (1 + level) / 2))
    quantile = percentile(ordered, p)
    low = float(ordered[below - 1]) if below >= 1 else -np.inf
    high = float(ordered[above]) if above < ordered.size else np.inf
    # An extreme quantile of a short sample can fall outside: widen, which loses no confidence.
    return QuantileInterval(quantile, min(low, quantile), max(high, quantile), level)


def paired_loss(
    labels: IntArray, teacher: IntArray, student: IntArray, level: float = 0.95
) -> PairedLoss:
    """Return how much accuracy a student loses against its teacher, from the same images.

    With b images that the teacher alone has right and c that the student alone has, the loss is
    ``(b - c) / n``. The interval is Agresti and Min's: half an image is added to each cell of the
    two-by-two table, so that it is honest for few disagreements too. It holds for other images
    drawn like these, and for these two networks: not for students of another seed.

    Parameters
    ----------
    labels : array (n,) of int
        True classes.
    teacher : array (n,) of int
        What the teacher predicts.
    student : array (n,) of int
        What the student predicts.
    level : float
        Of the interval, between 0 and 1.

    Returns
    -------
    PairedLoss

    Raises
    ------
    ValueError
        If an argument is out of range or lengths differ.

    References
    ----------
    Agresti and Min, "Simple improved confidence intervals for comparing matched proportions",
    Statistics in Medicine 24 (2005).

    Examples
    --------
    >>> found = paired_loss([1] * 100, [1] * 98 + [2] * 2, [1] * 90 + [2] * 10)
    >>> found.loss, found.only_teacher, round(found.high, 3)
    (0.08, 8, 0.134)
    """
    truth = check.sequence("labels", labels, whole=True)
    if not truth.size:
        raise check.refuse("labels", "of one image or more", labels)
    right = [
        check.sequence(name, given, whole=True, size=truth.size) == truth
        for name, given in (("teacher", teacher), ("student", student))
    ]
    level = check.number("level", level, above=0, below=1)
    lost, won = int((right[0] & ~right[1]).sum()), int((right[1] & ~right[0]).sum())
    n, b, c = truth.size + 2, lost + 0.5, won + 0.5
    centre = (b - c) / n
    half = special.ndtri((1 + level) / 2) * np.sqrt((b + c) / n - centre**2) / np.sqrt(n)
    # Two-sided and exact, of a fair coin.
    exact = min(1.0, 2 * special.bdtr(min(lost, won), lost + won, 0.5)) if lost + won else 1.0
    return PairedLoss(
        loss=(lost - won) / truth.size,
        low=float(centre - half),
        high=float(centre + half),
        only_teacher=lost,
        only_student=won,
        p_value=float(exact),
    )


def paired_score(
    labels: IntArray, teacher: IntArray, student: IntArray, level: float = 0.95
) -> PairedLoss:
    """Return a loss as `labs.digits.paired_loss`, its interval good for few disagreements too.

    Tango's score interval: all losses δ that a test at that level does not reject, of which
    ``|b - c - n δ| ≤ z √(n (2 q + δ (1 - δ)))``, with q the likeliest share that the student alone
    has right if the loss is δ. Without any disagreement it ends at ``z² / (n + z²)``: 3.84 / n for
    a level of 95%, where the rule of three, which leaves out 5% on one side, says 3 / n.

    Parameters
    ----------
    labels : array (n,) of int
        True classes.
    teacher : array (n,) of int
        What the teacher predicts.
    student : array (n,) of int
        What the student predicts.
    level : float
        Of the interval, between 0 and 1.

    Returns
    -------
    PairedLoss

    Raises
    ------
    ValueError
        If an argument is out of range or lengths differ.

    References
    ----------
    Tango, "Equivalence test and confidence interval for the difference in proportions for the
    paired-sample design", Statistics in Medicine 17 (1998).

    Examples
    --------
    Of 50 images none changed sides:

    >>> round(paired_score([1] * 50, [1] * 50, [1] * 50).high, 3)
    0.071
    """
    found = paired_loss(labels, teacher, student, level)
    n, lost, won = len(labels), found.only_teacher, found.only_student
    square = special.ndtri((1 + level) / 2) ** 2

    def beyond(loss: float) -> float:
        linear = (2 * n - lost + won) * loss - lost - won
        constant = won * loss * (1 - loss)
        likeliest = (np.sqrt(linear**2 + 8 * n * constant) - linear) / (4 * n)
        spread = n * (2 * likeliest + loss * (1 - loss))
        return float((lost - won - n * loss) ** 2 - square * spread)

    def reached(end: float) -> float:
        # Where nothing varies the loss found is a root of its own: step off it, then halve.
        if beyond(end) <= 0:
            return end
        inside, outside = found.loss + 1e-9 * (end - found.loss), end
        for _ in range(60):
            middle = (inside + outside) / 2
            inside, outside = (middle, outside) if beyond(middle) <= 0 else (inside, middle)
        return outside

    return replace(found, low=reached(-1.0), high=reached(1.0))


def share_interval(found: int, n: int, level: float = 0.95) -> Interval:
    """Return the exact interval for a share of which ``found`` of ``n`` were seen.

    Clopper and Pearson's: the lower end is the share at which ``found`` or more are seen with
    probability ``(1 - level) / 2``, the upper end the one at which ``found`` or fewer are. It
    covers at least as often as it says, however few were found; none of n found leaves, at a
    level of 0.9, up to about 3/n. For a bound to one side at 95% take the end of 0.9.

    Parameters
    ----------
    found : int
        How many were seen, from 0 to n.
    n : int
        Of how many, at least 1.
    level : float
        Confidence of the two ends together, between 0 and 1.

    Returns
    -------
    Interval

    Raises
    ------
    ValueError
        If an argument is out of range.

    References
    ----------
    Clopper and Pearson, "The use of confidence or fiducial limits illustrated in the case of the
    binomial", Biometrika 26 (1934).

    Examples
    --------
    >>> none = share_interval(0, 300, 0.9)
    >>> none.low, round(none.high, 4)
    (0.0, 0.0099)
    """
    n = check.count("n", n, most=10**9)
    found = check.count("found", found, least=0, most=n)
    level = check.number("level", level, above=0, below=1)
    tail = (1 - level) / 2
    low = special.betaincinv(found, n - found + 1, tail) if found else 0.0
    high = special.betaincinv(found + 1, n - found, 1 - tail) if found < n else 1.0
    return Interval(found / n, float(low), float(high), level)


def percentile(sample: FloatArray, p: float) -> float:
    """Return the ⌈pn⌉-th smallest of n observations: the least that a share p keeps to.

    Parameters
    ----------
    sample : array (n,)
        At least one observation, of any unit; infinite ones count.
    p : float
        Above 0, at most 1: 0.95 for the 95th percentile.

    Returns
    -------
    float
        One of the observations, never between two.

    Raises
    ------
    ValueError
        If an argument is out of range.

    Examples
    --------
    >>> percentile([1.0, 2.0, 3.0, 9.0], 0.5), percentile([1.0, 2.0, 3.0, 9.0], 0.51)
    (2.0, 3.0)
    """
    ordered = np.sort(check.sequence("sample", sample, infinite=True))
    p = check.number("p", p, above=0, most=1)
    if not ordered.size:
        raise check.refuse("sample", "of length 1 or more", "length 0")
    # A share such as 0.29 of 100 is a hair above 29 in floating point.
    rank = int(np.ceil(p * ordered.size * (1 - 1e-12)))
    return float(ordered[max(rank, 1) - 1])


def _binomial(tail: float, trials: int, p: float) -> int:
    """Return the least count that a binomial stays at or below with this probability."""
    solved = special.bdtrik(tail, trials, p)
    # No solution for a chance that is next to none: nothing happens, then.
    count = 0 if np.isnan(solved) else int(np.ceil(solved))
    return count - 1 if count and special.bdtr(count - 1, trials, p) >= tail else count
