"""What stands before the models: retries and breakers, cascades, and requests that stick.

Everything here is a formula or a fluid: nothing is drawn, so nothing rests on a seed.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy import special

from labs import validation as check
from labs.validation import FloatArray, Real

LONGEST = 100_000


@dataclass(frozen=True)
class Cascade:
    """A small model before a large one, at one threshold.

    Attributes
    ----------
    handed_up : float or array
        Share of questions that the large model answers too.
    accuracy : float or array
        Share of answers that are right.
    cost : float or array
        Mean cost of an answer over that of the large model alone.

    Examples
    --------
    >>> cascade(0.0, 0.9, 4.0, 1.0, 0.1).cost
    0.1
    """

    handed_up: Real
    accuracy: Real
    cost: Real


@dataclass(frozen=True)
class Storm:
    """A service second by second, through an outage and after it.

    Attributes
    ----------
    attempts : array (seconds,)
        Requests a second that reach it, retries among them.
    answered : array (seconds,)
        Requests a second that it answers.
    after : float
        Share of the demand that is answered in the last 30 seconds.
    peak : float
        Most attempts a second over the demand.

    Examples
    --------
    >>> calm = storm(80.0, 100.0, tries=4, outage=1, seconds=100, left=1.0)
    >>> calm.after, calm.peak
    (1.0, 1.0)
    """

    attempts: FloatArray
    answered: FloatArray
    after: float
    peak: float


def attempts(failure: Real, tries: Real, layers: Real = 1) -> Real:
    """Return how often the lowest of several layers is called for one request on average.

    A layer that calls until it succeeds, ``tries`` times at most, makes ``(1 - f^k) / (1 - f)``
    calls if each fails with probability f, and fails with ``f^k`` itself, which is the f of the
    layer above. Calls multiply over layers: ``k`` to the power of the layers if nothing succeeds.

    Parameters
    ----------
    failure : float or array
        Chance that a call of the lowest layer fails, from 0 to 1, independent of the others.
    tries : int or array
        Calls that a layer makes at most, the first included; at most 100.
    layers : int or array
        Layers that retry, from 0 to 20.

    Returns
    -------
    float or array
        Calls of the lowest layer.

    Raises
    ------
    ValueError
        If an argument is out of range.

    References
    ----------
    Beyer et al., Site Reliability Engineering (2016), ch. 22: four attempts in each of three layers
    are 64.

    Examples
    --------
    >>> attempts(1.0, 4, 3), round(attempts(0.1, 4, 3), 3)
    (64.0, 1.111)
    """
    chance, calls, above = check.broadcast(
        failure=check.numbers("failure", failure, least=0, most=1),
        tries=check.counts("tries", tries, most=100),
        layers=check.counts("layers", layers, least=0, most=20),
    )
    product, fails = np.ones_like(chance), chance.copy()
    for layer in range(int(above.max(initial=0))):
        sure = fails == 1
        with np.errstate(divide="ignore", invalid="ignore"):
            series = np.where(sure, calls, (1 - fails**calls) / (1 - fails))
        product = np.where(layer < above, product * series, product)
        fails = fails**calls
    return check.plain(product)


def storm(
    demand: float,
    capacity: float,
    tries: int,
    outage: int = 30,
    seconds: int = 300,
    left: float = 0.5,
    waste: float = 0.3,
    budget: float | None = None,
    breaker: float | None = None,
    rest: int = 10,
) -> Storm:
    """Return what retries make of an outage, as a fluid in steps of a second.

    A second's attempts x are the demand and what failed the second before and may try again. Up to
    the capacity c all are answered; beyond it a failed attempt still costs a share w of the work of
    an answered one, so that ``(c - w x) / (1 - w)`` are answered, none if x is above c / w. The
    outage begins in second 10, and leaves a share of the capacity.

    Parameters
    ----------
    demand : float
        New requests a second, above 0.
    capacity : float
        Answers a second outside the outage, above 0.
    tries : int
        Calls for a request at most, the first included; at most 20.
    outage : int
        Seconds that it lasts.
    seconds : int
        Seconds in all, at least 40 more than the outage.
    left : float
        Share of the capacity in the outage, from 0 to 1.
    waste : float
        w, from 0 to 0.99.
    budget : float or None
        Retries a second at most, over the demand; None for no limit.
    breaker : float or None
        Share of failures at which all calls are refused for a while, above 0 and at most 1; they
        cost nothing, fail, and are not tried again. Then one second's demand is let in on trial.
        None for no breaker.
    rest : int
        Seconds that a breaker stays open.

    Returns
    -------
    Storm

    Raises
    ------
    ValueError
        If an argument is out of range.

    References
    ----------
    Bronson et al., "Metastable failures in distributed systems", HotOS 2021.

    Examples
    --------
    >>> [round(storm(80.0, 100.0, tries).after, 2) for tries in (1, 3, 4)]
    [1.0, 1.0, 0.22]
    >>> storm(80.0, 100.0, 4, budget=0.1).after, storm(80.0, 100.0, 4, breaker=0.5).after
    (1.0, 1.0)
    """
    demand = check.number("demand", demand, least=check.LEAST, most=check.MOST)
    capacity = check.number("capacity", capacity, least=check.LEAST, most=check.MOST)
    tries = check.count("tries", tries, most=20)
    outage = check.count("outage", outage, least=0, most=LONGEST)
    seconds = check.count("seconds", seconds, least=outage + 40, most=2 * LONGEST)
    left = check.number("left", left, least=0, most=1)
    waste = check.number("waste", waste, least=0, most=0.99)
    if budget is not None:
        budget = check.number("budget", budget, least=0, most=check.MOST)
    if breaker is not None:
        breaker = check.number("breaker", breaker, above=0, most=1)
    rest = check.count("rest", rest, most=LONGEST)
    came, answered = np.zeros(seconds), np.zeros(seconds)
    again = np.zeros(tries)  # failed the second before, by how often they were called
    closed_from = 0
    for second in range(seconds):
        if second < closed_from:
            again[:] = 0
            continue
        now = capacity * (left if 10 <= second < 10 + outage else 1.0)
        calls = np.concatenate([[demand], again[:-1]])
        retries = calls[1:].sum()
        if budget is not None and retries > budget * demand:
            calls[1:] *= budget * demand / retries
        came[second] = calls.sum()
        answered[second] = _answered(came[second], now, waste)
        failing = 1 - answered[second] / came[second]
        again = failing * calls
        if breaker is not None and failing >= breaker:
            closed_from = second + 1 + rest
    return Storm(
        attempts=came,
        answered=answered,
        after=float(answered[-30:].sum() / (30 * demand)),
        peak=float(came.max() / demand),
    )


def _answered(came: float, capacity: float, waste: float) -> float:
    if came <= capacity:
        return came
    return max(0.0, (capacity - waste * came) / (1 - waste))


def cascade(
    threshold: Real,
    large: Real,
    alpha: Real,
    beta: Real,
    price: Real,
    boast: Real = 1.0,
) -> Cascade:
    """Return what a small model before a large one costs, and how often the two are right.

    The small model is right on a question with a chance q that is spread as Beta(α, β) and says
    ``q^(1 / boast)``: with 1 it is calibrated, above 1 it boasts. What it says decides: below the
    threshold the large model, right with one chance whatever the question, answers too. With t =
    threshold^boast, the share handed up is ``P(q < t)``, the accuracy
    ``E[q; q ≥ t] + large · P(q < t)`` and the cost ``price + P(q < t)``.

    Parameters
    ----------
    threshold : float or array
        From 0, where nothing is handed up, to 1.
    large : float or array
        The large model's accuracy, from 0 to 1.
    alpha, beta : float or array
        Shape of the small one's, above 0 and at most 1,000; its mean is ``α / (α + β)``.
    price : float or array
        An answer of the small model over one of the large, at least 0.
    boast : float or array
        From 0.01 to 100.

    Returns
    -------
    Cascade

    Raises
    ------
    ValueError
        If an argument is out of range.

    Examples
    --------
    >>> one = cascade(0.9, large=0.9, alpha=4.0, beta=1.0, price=0.1)
    >>> round(one.handed_up, 4), round(one.accuracy, 4), round(one.cost, 4)
    (0.6561, 0.9181, 0.7561)
    """
    t, strong, a, b, paid, o = check.broadcast(
        threshold=check.numbers("threshold", threshold, least=0, most=1),
        large=check.numbers("large", large, least=0, most=1),
        alpha=check.numbers("alpha", alpha, above=0, most=1000),
        beta=check.numbers("beta", beta, above=0, most=1000),
        price=check.numbers("price", price, least=0, most=check.MOST),
        boast=check.numbers("boast", boast, least=0.01, most=100),
    )
    a, b = np.maximum(a, 1e-6), np.maximum(b, 1e-6)
    cut = t**o
    up = special.betainc(a, b, cut)
    kept = a / (a + b) * special.betaincc(a + 1, b, cut)
    return Cascade(
        handed_up=check.plain(up),
        accuracy=check.plain(np.minimum(kept + strong * up, 1.0)),
        cost=check.plain(paid + up),
    )


def busiest(sessions: int, replicas: int, p: float = 0.5) -> int:
    """Return how many sessions the busiest replica has, where each sticks to one drawn at random.

    The p-quantile, exactly: the chance that no replica has more than m is that of as many
    independent Poisson variables, all at most m, given their sum.

    Parameters
    ----------
    sessions : int
        At most 5,000.
    replicas : int
        At most 1,000.
    p : float
        Between 0 and 1.

    Returns
    -------
    int

    Raises
    ------
    ValueError
        If an argument is out of range.

    Examples
    --------
    >>> busiest(2, 2, 0.4), busiest(2, 2, 0.6), busiest(160, 16)
    (1, 2, 16)
    """
    many = check.count("sessions", sessions, most=5000)
    places = check.count("replicas", replicas, most=1000)
    p = check.number("p", p, above=0, below=1)
    low, high = math.ceil(many / places), many
    while low < high:
        middle = (low + high) // 2
        if _none_above(middle, many, places) >= p - 1e-12:
            high = middle
        else:
            low = middle + 1
    return low


def _none_above(most: int, sessions: int, replicas: int) -> float:
    """Return the chance that no replica has more sessions than that."""
    mean = sessions / replicas
    counts = np.arange(min(most, sessions) + 1)
    one = np.exp(counts * math.log(mean) - mean - special.gammaln(counts + 1))
    total = np.ones(1)
    left = replicas
    while left:
        if left & 1:
            total = np.convolve(total, one)[: sessions + 1]
        left >>= 1
        if left:
            one = np.convolve(one, one)[: sessions + 1]
    if total.size <= sessions:
        return 0.0
    whole = math.exp(sessions * math.log(sessions) - sessions - special.gammaln(sessions + 1))
    return float(min(1.0, max(0.0, total[sessions]) / whole))


def moved(before: int, after: int, scheme: str) -> float:
    """Return the share of keys that find themselves on another replica when the number changes.

    ``modulo`` takes the hash modulo the replicas: a key stays where both remainders agree, which
    is counted over one period. ``consistent`` moves no more than it must, ``|a - b| / max(a, b)``.

    Parameters
    ----------
    before, after : int
        Replicas, at most 1,000.
    scheme : str
        ``modulo`` or ``consistent``.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If an argument is out of range or the scheme unknown.

    Examples
    --------
    >>> round(moved(8, 9, "modulo"), 4), round(moved(8, 9, "consistent"), 4)
    (0.8889, 0.1111)
    """
    before = check.count("before", before, most=1000)
    after = check.count("after", after, most=1000)
    check.one_of("scheme", scheme, ("modulo", "consistent"))
    if scheme == "consistent":
        return abs(after - before) / max(after, before)
    keys = np.arange(math.lcm(before, after))
    return float((keys % before != keys % after).mean())
