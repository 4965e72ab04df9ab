"""Deploying without breaking: how long to watch a canary, and whether inputs have drifted."""

import math
from dataclasses import dataclass

import numpy as np
from scipy import special

from labs import validation as check
from labs.validation import FloatArray, Real

SMALL = 1e-8


@dataclass(frozen=True)
class SequentialTest:
    """What an always-valid test of two streams found.

    Attributes
    ----------
    p_values : array (n,)
        After each pair; never rises, and may be looked at as often as one likes.
    rejected : bool
        Whether the streams differ at the level asked for.
    stopped_at : int or None
        Pairs seen when that was first known.

    Examples
    --------
    >>> outcome = sequential_test([0, 1], [0, 1])
    >>> outcome.p_values.tolist(), outcome.rejected, outcome.stopped_at
    ([1.0, 1.0], False, None)
    """

    p_values: FloatArray
    rejected: bool
    stopped_at: int | None


def canary_size(base_rate: Real, bad_rate: Real, power: Real = 0.8, level: Real = 0.05) -> Real:
    """Return the requests each arm needs to tell a bad rate from the usual one.

    Two-sided test of two proportions p₁, p₂ with mean p̄:
    ``n = (z(1 - level/2) √(2 p̄(1-p̄)) + z(power) √(p₁(1-p₁) + p₂(1-p₂)))² / (p₁ - p₂)²``,
    rounded up. Good while n·p is above about 5; the test is looked at once, at the end.

    Parameters
    ----------
    base_rate, bad_rate : float or array
        Failure rates to tell apart, between 0 and 1, not equal.
    power : float or array
        Chance of noticing, between ``level`` and 1.
    level : float or array
        Chance of a false alarm, between 0 and 1.

    Returns
    -------
    int, or array of whole numbers
        Requests per arm.

    Raises
    ------
    ValueError
        If an argument is out of range or the rates are equal.

    References
    ----------
    Fleiss, Levin and Paik, Statistical Methods for Rates and Proportions, 3rd ed., §4.2.

    Examples
    --------
    >>> canary_size(0.005, 0.006)
    85862
    """
    base, bad, power_, level_ = check.broadcast(
        base_rate=check.numbers("base_rate", base_rate, above=0, below=1),
        bad_rate=check.numbers("bad_rate", bad_rate, above=0, below=1),
        power=check.numbers("power", power, above=0, below=1),
        level=check.numbers("level", level, above=0, below=1),
    )
    if (base == bad).any():
        raise check.refuse("bad_rate", "different from base_rate", bad[base == bad].flat[0])
    if (power_ <= level_).any():
        raise check.refuse("power", "above level", power_[power_ <= level_].flat[0])
    mean = (base + bad) / 2
    false_alarm = -special.ndtri(level_ / 2) * np.sqrt(2 * mean * (1 - mean))
    missed = special.ndtri(power_) * np.sqrt(base * (1 - base) + bad * (1 - bad))
    with np.errstate(over="ignore"):
        needed = np.maximum(np.ceil(((false_alarm + missed) / (base - bad)) ** 2), 1)
    if not np.isfinite(needed).all():
        raise check.refuse("bad_rate", "further from base_rate", bad.flat[0])
    return int(needed) if needed.ndim == 0 else needed


def detectable_rate(
    base_rate: float, requests: int, power: float = 0.8, level: float = 0.05
) -> float:
    """Return the least bad rate that so many requests an arm tell from the usual one.

    The p₂ above p₁ at which `canary_size` needs no more than ``requests``, to a relative 1e-9.

    Parameters
    ----------
    base_rate : float
        Usual failure rate, between 0 and 1.
    requests : int
        Of each arm.
    power : float
        Chance of noticing, between ``level`` and 1.
    level : float
        Chance of a false alarm, between 0 and 1.

    Returns
    -------
    float
        Infinite where not even a rate of nearly 1 is told apart.

    Raises
    ------
    ValueError
        If an argument is out of range.

    Examples
    --------
    >>> round(detectable_rate(0.005, 85_862), 5), detectable_rate(0.5, 2)
    (0.006, inf)
    """
    base = check.number("base_rate", base_rate, least=1e-12, below=1)
    requests = check.count("requests", requests)
    power = check.number("power", power, above=0, below=1)
    level = check.number("level", level, above=0, below=1)
    low, high = base, 1 - (1 - base) * 1e-9
    if canary_size(base, high, power, level) > requests:
        return math.inf
    while high - low > 1e-9 * low:
        middle = (low + high) / 2
        if not low < middle < high:
            break
        if canary_size(base, middle, power, level) <= requests:
            high = middle
        else:
            low = middle
    return high


def sequential_test(
    control: FloatArray, candidate: FloatArray, level: float = 0.05
) -> SequentialTest:
    """Return always-valid p-values for two streams of failures having the same rate.

    Each pair of outcomes is bet on with the rates estimated from the pairs before,
    ``E ← E · a(y₁) b(y₂) / (m(y₁) m(y₂))`` where m is the mean of the estimates a and b. If the
    true rates are equal the wealth E has expectation at most 1 at every time, so
    ``p = min 1/E`` so far is a valid p-value however often one looks (Ville's inequality). This
    is exact for any rate and any sample size.

    Parameters
    ----------
    control, candidate : array (n,)
        Outcomes 0 or 1, paired by order of arrival.
    level : float
        Chance of a false alarm over all time, between 0 and 1.

    Returns
    -------
    SequentialTest

    Raises
    ------
    ValueError
        If the streams differ in length, are empty or hold anything but 0 and 1.

    References
    ----------
    Turner, Ly and Grünwald, "Generic E-variables for exact sequential k-sample tests that
    allow for optional stopping", J. Statistical Planning and Inference 230 (2024).

    Examples
    --------
    >>> outcome = sequential_test([0] * 200, [0, 1] * 100)
    >>> outcome.rejected, outcome.stopped_at < 50
    (True, True)
    """
    control = _outcomes("control", control)
    candidate = _outcomes("candidate", candidate)
    level = check.number("level", level, above=0, below=1)
    if control.size != candidate.size:
        raise check.refuse("candidate", f"of length {control.size}", f"length {candidate.size}")
    seen = np.arange(control.size)
    rates = [(np.cumsum(y) - y + 0.5) / (seen + 1) for y in (control, candidate)]
    mean = (rates[0] + rates[1]) / 2
    growth = np.zeros(control.size)
    for outcome, rate in zip((control, candidate), rates, strict=True):
        bet = np.where(outcome == 1, rate, 1 - rate)
        growth += np.log(bet / np.where(outcome == 1, mean, 1 - mean))
    best = np.maximum.accumulate(np.cumsum(growth))
    p_values = np.exp(-np.maximum(best, 0.0))
    crossed = np.flatnonzero(p_values <= level)
    return SequentialTest(
        p_values=p_values,
        rejected=bool(crossed.size),
        stopped_at=int(crossed[0]) + 1 if crossed.size else None,
    )


def psi(reference: FloatArray, current: FloatArray) -> float:
    """Return the population stability index of two sets of bin weights.

    ``Σ (q - p) ln(q / p)``, after 1e-8 is added to every weight and both are normalised. By
    custom 0.1 is worth a look and 0.25 a change, whatever the bins and the samples; yet chance
    alone gives about ``(k - 1)(1/n + 1/m)`` in k bins, from samples of n and m.

    Parameters
    ----------
    reference, current : array (k,)
        Weights of the same bins, at least 0, not all 0.

    Returns
    -------
    float
        In nats, at least 0.

    Raises
    ------
    ValueError
        If lengths differ, or a weight is negative or not finite.

    References
    ----------
    Formula and limits: ``perf_psi`` of the R package scorecard. It is Jeffreys' divergence, the
    sum of the Kullback–Leibler divergences both ways.

    Examples
    --------
    >>> round(psi([50, 50], [60, 40]), 4)
    0.0405
    """
    p, q = _shares("reference", reference, "current", current)
    return float(((q - p) * np.log(q / p)).sum())


def js_divergence(p: FloatArray, q: FloatArray) -> float:
    """Return the Jensen–Shannon divergence of two sets of bin weights.

    ``½ KL(p‖m) + ½ KL(q‖m)`` with m their mean, after 1e-8 is added to every weight and both are
    normalised: symmetric, from 0 to ln 2.

    Parameters
    ----------
    p, q : array (k,)
        Weights of the same bins, at least 0, not all 0.

    Returns
    -------
    float
        In nats.

    Raises
    ------
    ValueError
        If lengths differ, or a weight is negative or not finite.

    References
    ----------
    Lin, "Divergence measures based on the Shannon entropy", IEEE Trans. Inf. Theory 37 (1991).

    Examples
    --------
    >>> round(js_divergence([1, 0], [0, 1]), 4), round(math.log(2), 4)
    (0.6931, 0.6931)
    """
    p, q = _shares("p", p, "q", q)
    mean = (p + q) / 2
    divergence = (special.rel_entr(p, mean) + special.rel_entr(q, mean)).sum() / 2
    return float(min(max(divergence, 0.0), math.log(2)))


def _outcomes(name: str, values: FloatArray) -> FloatArray:
    outcomes = check.sequence(name, values, least=0, most=1, whole=True)
    if not outcomes.size:
        raise check.refuse(name, "of length 1 or more", "length 0")
    return outcomes


def _shares(first: str, p: FloatArray, second: str, q: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return two sets of bin weights as probabilities above 0."""
    left = check.sequence(first, p, least=0)
    right = check.sequence(second, q, size=left.size, least=0)
    shares = []
    for name, weights in ((first, left), (second, right)):
        if not weights.any():
            raise check.refuse(name, "of one positive weight or more", weights.tolist())
        scale = max(weights.max(), SMALL)
        share = weights / scale + SMALL / scale
        shares.append(share / share.sum())
    return shares[0], shares[1]
