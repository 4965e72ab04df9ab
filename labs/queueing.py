"""Queues in closed form: how long requests wait when arrivals are random.

Every model takes rates per second and returns a `Queue` whose times are in seconds. Symbols:
λ arrival rate, μ service rate of one server, c servers, a = λ/μ offered load, ρ = a/c.
"""

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import special

from labs import validation as check
from labs.batch_queue import NEGLIGIBLE, BatchServer, batch_server
from labs.batch_times import RESNET50, BatchCurve, BatchTime, fit_batch_time
from labs.validation import FloatArray, Real

__all__ = [
    "RESNET50",
    "BatchCurve",
    "BatchServer",
    "BatchTime",
    "MarkovQueue",
    "Queue",
    "batch_server",
    "erlang_b",
    "erlang_c",
    "fit_batch_time",
    "ggc",
    "md_c",
    "mg1",
    "mm1",
    "mmc",
    "mmck",
    "power_of_choices",
    "servers_for",
]

MOST_SERVERS = 10_000_000


@dataclass(frozen=True)
class Queue:
    """A queue in steady state.

    A figure that the model does not give is None; one without a steady state is ``inf``.

    Attributes
    ----------
    utilization : float or array
        Fraction of time a server is busy.
    prob_wait : float, array or None
        Probability that an (accepted) arrival waits at all.
    mean_wait : float or array
        Mean time before service, in seconds.
    mean_sojourn : float or array
        Mean time until service ends, in seconds.
    mean_waiting : float or array
        Mean number of requests waiting.
    mean_present : float or array
        Mean number of requests in the system.
    blocking : float, array or None
        Probability that an arrival is turned away.

    Examples
    --------
    >>> queue = mg1(arrival_rate=0.5, service_mean=1.0, service_scv=1.0)
    >>> queue.utilization, queue.mean_wait, queue.mean_sojourn, queue.mean_present
    (0.5, 1.0, 2.0, 1.0)
    """

    utilization: Real
    prob_wait: Real | None
    mean_wait: Real
    mean_sojourn: Real
    mean_waiting: Real
    mean_present: Real
    blocking: Real | None


@dataclass(frozen=True)
class MarkovQueue(Queue):
    """An M/M/c queue, whose waits are known as whole distributions.

    Attributes
    ----------
    arrival_rate : float or array
        λ, per second; this and what follows beside the attributes of `Queue`.
    service_rate : float or array
        μ of one server, per second.
    servers : float or array
        Their number, c.

    Examples
    --------
    >>> queue = mm1(0.5, 1.0)
    >>> queue.servers, round(queue.wait_quantile(0.75), 4), round(queue.sojourn_quantile(0.75), 4)
    (1.0, 1.3863, 2.7726)
    """

    arrival_rate: Real
    service_rate: Real
    servers: Real

    def wait_quantile(self, p: Real) -> Real:
        """Return the time within which a fraction ``p`` of requests begin service, in seconds.

        From ``P(W > t) = C exp(-(cμ - λ) t)``: zero while ``p ≤ 1 - C``, else
        ``ln(C / (1 - p)) / (cμ - λ)``.

        Parameters
        ----------
        p : float or array
            Probability, 0 to 1; at 1 the quantile is infinite.

        Returns
        -------
        float or array
            Seconds; ``inf`` where there is no steady state and p above 0.

        Raises
        ------
        ValueError
            If ``p`` is out of range.

        Examples
        --------
        >>> round(mmc(6, 3, 3).wait_quantile(0.9), 6)
        0.497218
        """
        return check.elementwise(_wait_quantile, **self._parameters(p))

    def sojourn_quantile(self, p: Real) -> Real:
        """Return the time within which a fraction ``p`` of requests are finished, in seconds.

        The root in t of ``P(W + S > t) = 1 - p``, wait and service being independent.

        Parameters
        ----------
        p : float or array
            Probability, 0 to 1; at 1 the quantile is infinite.

        Returns
        -------
        float or array
            Seconds; ``inf`` where there is no steady state.

        Raises
        ------
        ValueError
            If ``p`` is out of range.

        Examples
        --------
        >>> round(mm1(0.8, 1.0).sojourn_quantile(0.95), 6)
        14.978661
        """
        return check.elementwise(_sojourn_quantile, **self._parameters(p))

    def _parameters(self, p: Real) -> dict[str, FloatArray]:
        return {
            "p": check.numbers("p", p, least=0, most=1),
            "prob_wait": np.asarray(self.prob_wait),
            "arrival_rate": np.asarray(self.arrival_rate),
            "service_rate": np.asarray(self.service_rate),
            "servers": np.asarray(self.servers),
        }


def erlang_b(offered_load: Real, servers: Real) -> Real:
    """Return the fraction of arrivals lost when all servers are busy and nobody may wait.

    ``B(0) = 1, B(n) = a B(n-1) / (n + a B(n-1))``: every term is positive, so the recursion
    keeps full precision for millions of servers.

    Parameters
    ----------
    offered_load : float or array
        a = arrival rate × mean service time, in erlangs, at least 0.
    servers : int or array
        c, from 0 (where nobody is served) to ten million.

    Returns
    -------
    float or array
        Blocking probability of M/G/c/c; it depends on service times through their mean alone.

    Raises
    ------
    ValueError
        If an argument is out of range.

    References
    ----------
    Erlang (1917); the recursion is in Cooper, Introduction to Queueing Theory, 2nd ed., §3.3.

    Examples
    --------
    >>> erlang_b(1, [0, 1]).tolist()
    [1.0, 0.5]
    """
    offered_load = check.amounts("offered_load", offered_load, zero=True)
    servers = check.counts("servers", servers, least=0, most=MOST_SERVERS)
    return check.elementwise(_erlang_b, offered_load=offered_load, servers=servers)


def erlang_c(offered_load: Real, servers: Real) -> Real:
    """Return the probability that an arrival waits in M/M/c: 1 where there is no steady state.

    ``C = c B / (c - a (1 - B))`` with B from `erlang_b`.

    Parameters
    ----------
    offered_load : float or array
        a = arrival rate × mean service time, in erlangs, at least 0.
    servers : int or array
        c, from 1 to ten million.

    Returns
    -------
    float or array
        Probability of waiting, 0 to 1.

    Raises
    ------
    ValueError
        If an argument is out of range.

    References
    ----------
    Erlang (1917); Gross and Harris, Fundamentals of Queueing Theory (multi-server queues).

    Examples
    --------
    >>> round(erlang_c(8, 10), 4)
    0.4092
    """
    offered_load = check.amounts("offered_load", offered_load, zero=True)
    servers = check.counts("servers", servers, most=MOST_SERVERS)
    return check.elementwise(_erlang_c, offered_load=offered_load, servers=servers)


def mm1(arrival_rate: Real, service_rate: Real) -> MarkovQueue:
    """Return the M/M/1 queue: Poisson arrivals, exponential service, one server.

    ``mean wait = ρ / (μ - λ)``; see `mmc`.

    Parameters
    ----------
    arrival_rate, service_rate : float or array
        λ ≥ 0 and μ > 0, per second.

    Returns
    -------
    MarkovQueue

    Raises
    ------
    ValueError
        If an argument is out of range.

    Examples
    --------
    >>> round(mm1(0.8, 1.0).mean_sojourn, 12)
    5.0
    """
    return mmc(arrival_rate, service_rate, 1)


def mmc(arrival_rate: Real, service_rate: Real, servers: Real) -> MarkovQueue:
    """Return the M/M/c queue: Poisson arrivals, exponential service, one line, c servers.

    ``mean wait = C(c, λ/μ) / (cμ - λ)`` with C from `erlang_c`; lengths by Little's law.

    Parameters
    ----------
    arrival_rate, service_rate : float or array
        λ ≥ 0 and μ > 0 (of one server), per second.
    servers : int or array
        c, from 1 to ten million.

    Returns
    -------
    MarkovQueue
        Waits and lengths are ``inf`` where λ ≥ cμ.

    Raises
    ------
    ValueError
        If an argument is out of range.

    References
    ----------
    Gross and Harris, Fundamentals of Queueing Theory (multi-server queues).

    Examples
    --------
    >>> eye_clinic = mmc(6, 3, 3)
    >>> round(eye_clinic.mean_wait * 60, 3), "minutes"
    (8.889, 'minutes')
    """
    rate, service, count = check.broadcast(
        arrival_rate=check.amounts("arrival_rate", arrival_rate, zero=True),
        service_rate=check.amounts("service_rate", service_rate),
        servers=check.counts("servers", servers, most=MOST_SERVERS),
    )
    load = rate / service
    prob_wait = np.asarray(check.elementwise(_erlang_c, load=load, servers=count))
    mean_wait = _over_spare(prob_wait, count * service - rate)
    return MarkovQueue(
        **_lengths(load, rate, service, count, mean_wait),
        prob_wait=check.plain(prob_wait),
        blocking=check.plain(np.zeros_like(load)),
        arrival_rate=check.plain(rate),
        service_rate=check.plain(service),
        servers=check.plain(count),
    )


def mmck(arrival_rate: Real, service_rate: Real, servers: Real, capacity: Real) -> Queue:
    """Return the M/M/c/K queue: as M/M/c, but arrivals that find K present are turned away.

    ``p(n) ∝ Π λ / (min(j, c) μ)`` over j = 1 … n. Utilization is of the servers, waits and the
    probability of waiting are of accepted arrivals; a steady state exists at every load.

    Parameters
    ----------
    arrival_rate, service_rate : float or array
        λ ≥ 0 and μ > 0 (of one server), per second.
    servers, capacity : int or array
        c ≥ 1, and K ≥ c, which counts those in service; at most ten million.

    Returns
    -------
    Queue

    Raises
    ------
    ValueError
        If an argument is out of range or ``capacity`` is below ``servers``.

    References
    ----------
    Gross and Harris, Fundamentals of Queueing Theory (queues of finite capacity).

    Examples
    --------
    >>> round(mmck(3, 2, 2, 4).blocking, 6)
    0.124043
    """
    rate, service, count, room = check.broadcast(
        arrival_rate=check.amounts("arrival_rate", arrival_rate, zero=True),
        service_rate=check.amounts("service_rate", service_rate),
        servers=check.counts("servers", servers, most=MOST_SERVERS),
        capacity=check.counts("capacity", capacity, most=MOST_SERVERS),
    )
    if (room < count).any():
        raise check.refuse("capacity", "at least the number of servers", room[room < count].flat[0])
    load = rate / service
    solved = [
        _finite_room(*row)
        for row in zip(*(a.ravel().tolist() for a in (load, count, room)), strict=True)
    ]
    blocking, admitted, prob_wait, waiting = np.array(solved).T.reshape(4, *load.shape)
    accepted = rate * admitted
    mean_wait = np.divide(waiting, accepted, out=np.zeros_like(load), where=accepted > 0)
    return Queue(
        **_lengths(load * admitted, accepted, service, count, mean_wait),
        prob_wait=check.plain(prob_wait),
        blocking=check.plain(blocking),
    )


def mg1(arrival_rate: Real, service_mean: Real, service_scv: Real) -> Queue:
    """Return the M/G/1 queue: Poisson arrivals, any service times, one server.

    Pollaczek–Khinchine: ``mean wait = ρ (1 + s) / 2 · E[S] / (1 - ρ)``, s the squared
    coefficient of variation of service: deterministic service waits half of exponential.

    Parameters
    ----------
    arrival_rate : float or array
        λ ≥ 0, per second.
    service_mean : float or array
        E[S] > 0, seconds.
    service_scv : float or array
        Variance of service over its squared mean, at least 0.

    Returns
    -------
    Queue

    Raises
    ------
    ValueError
        If an argument is out of range.

    References
    ----------
    Kleinrock, Queueing Systems, vol. 1, §5.6.

    Examples
    --------
    >>> round(mg1(0.8, 1.0, 0.0).mean_wait, 12)
    2.0
    """
    rate, mean, scv = check.broadcast(
        arrival_rate=check.amounts("arrival_rate", arrival_rate, zero=True),
        service_mean=check.amounts("service_mean", service_mean),
        service_scv=check.amounts("service_scv", service_scv, zero=True),
    )
    load = rate * mean
    mean_wait = _over_spare(load * mean * (1 + scv) / 2, 1 - load)
    return Queue(
        **_lengths(load, rate, 1 / mean, np.ones_like(load), mean_wait),
        prob_wait=check.plain(np.minimum(load, 1.0)),
        blocking=check.plain(np.zeros_like(load)),
    )


def ggc(
    arrival_rate: Real,
    service_rate: Real,
    servers: Real,
    arrival_scv: Real,
    service_scv: Real,
) -> Queue:
    """Return the Allen–Cunneen approximation of G/G/c: any arrivals and service, c servers.

    ``mean wait ≈ (s_a + s_s) / 2 · mean wait of M/M/c``: exact for M/M/c and M/G/1, good in
    heavy traffic, rough when few requests wait or s_a is far from 1. It says nothing of how
    many wait, so ``prob_wait`` is None.

    Parameters
    ----------
    arrival_rate, service_rate : float or array
        λ ≥ 0 and μ > 0 (of one server), per second.
    servers : int or array
        c, from 1 to ten million.
    arrival_scv, service_scv : float or array
        Squared coefficients of variation of inter-arrival and service times, at least 0.

    Returns
    -------
    Queue

    Raises
    ------
    ValueError
        If an argument is out of range.

    References
    ----------
    Allen, Probability, Statistics, and Queueing Theory, 2nd ed. (1990), §5.

    Examples
    --------
    >>> round(ggc(0.8, 1.0, 1, 1.0, 0.0).mean_wait, 12)
    2.0
    """
    arrival_scv = check.amounts("arrival_scv", arrival_scv, zero=True)
    service_scv = check.amounts("service_scv", service_scv, zero=True)
    markov = mmc(arrival_rate, service_rate, servers)
    rate, service, count, wait, arrival_scv, service_scv = check.broadcast(
        arrival_rate=np.asarray(markov.arrival_rate),
        service_rate=np.asarray(markov.service_rate),
        servers=np.asarray(markov.servers),
        mean_wait=np.asarray(markov.mean_wait),
        arrival_scv=arrival_scv,
        service_scv=service_scv,
    )
    variability = arrival_scv / 2 + service_scv / 2
    stable = np.isfinite(wait)
    mean_wait = np.where(stable, np.where(stable, wait, 0.0) * variability, np.inf)
    return Queue(
        **_lengths(rate / service, rate, service, count, mean_wait),
        prob_wait=None,
        blocking=check.plain(np.zeros_like(rate)),
    )


def md_c(arrival_rate: Real, service_time: Real, servers: Real) -> Queue:
    """Return the M/D/c queue exactly: Poisson arrivals, every service equally long, c servers.

    The number waiting, seen every D seconds, is a random walk with steps Poisson(a) - c, so
    Spitzer's identity gives ``mean waiting = Σ E[(Poisson(ka) - kc)⁺] / k`` over k ≥ 1; close
    to saturation the same figure follows from the c - 1 complex roots of ``z^c = e^(a(z-1))``.

    Parameters
    ----------
    arrival_rate : float or array
        λ ≥ 0, per second.
    service_time : float or array
        D > 0, seconds.
    servers : int or array
        c, from 1 to one hundred thousand.

    Returns
    -------
    Queue

    Raises
    ------
    ValueError
        If an argument is out of range.

    References
    ----------
    Crommelin, POEE Journal 26 (1934); Janssen and van Leeuwaarden, "Analytic computation
    schemes for the discrete-time bulk service queue", Queueing Systems 50 (2005).

    Examples
    --------
    >>> round(md_c(0.8, 1.0, 1).mean_wait, 9)
    2.0
    """
    rate, time, count = check.broadcast(
        arrival_rate=check.amounts("arrival_rate", arrival_rate, zero=True),
        service_time=check.amounts("service_time", service_time),
        servers=check.counts("servers", servers, most=100_000),
    )
    load = rate * time
    solved = [
        _constant_service(*row)
        for row in zip(load.ravel().tolist(), count.ravel().tolist(), strict=True)
    ]
    waiting, prob_wait = np.array(solved).T.reshape(2, *load.shape)
    mean_wait = np.divide(waiting, rate, out=np.zeros_like(load), where=rate > 0)
    return Queue(
        **_lengths(load, rate, 1 / time, count, mean_wait),
        prob_wait=check.plain(prob_wait),
        blocking=check.plain(np.zeros_like(load)),
    )


def servers_for(arrival_rate: Real, service_rate: Real, wait: Real, probability: Real) -> Real:
    """Return the least number of M/M/c servers with ``P(W ≤ wait) ≥ probability``.

    ``P(W ≤ t) = 1 - C(c, λ/μ) exp(-(cμ - λ) t)``, tried for c = ⌊λ/μ⌋ + 1 and up.

    Parameters
    ----------
    arrival_rate, service_rate : float or array
        λ ≥ 0 and μ > 0 (of one server), per second; λ/μ at most one million.
    wait : float or array
        t ≥ 0, seconds.
    probability : float or array
        From 0 up to, not including, 1.

    Returns
    -------
    int, or array of whole numbers

    Raises
    ------
    ValueError
        If an argument is out of range.

    Examples
    --------
    >>> servers_for(arrival_rate=10, service_rate=1, wait=1 / 9, probability=0.8)
    14
    """
    rate, service, limit, share = check.broadcast(
        arrival_rate=check.amounts("arrival_rate", arrival_rate, zero=True),
        service_rate=check.amounts("service_rate", service_rate),
        wait=check.amounts("wait", wait, zero=True),
        probability=check.numbers("probability", probability, least=0, below=1),
    )
    load = rate / service
    if (load > 1e6).any():
        raise check.refuse(
            "arrival_rate", "at most a million times service_rate", rate[load > 1e6].flat[0]
        )
    found = check.elementwise(_servers_for, load=load, wait=limit * service, probability=share)
    return int(found) if isinstance(found, float) else found.astype(np.int64)


def power_of_choices(load: Real, choices: Real) -> Real:
    """Return the mean sojourn, in service times, when each request joins the shortest of d lines.

    ``Σ λ^((d^i - d)/(d - 1))`` over i ≥ 1, for infinitely many M/M/1 servers each at load λ and
    d lines drawn at random; d = 1 is the single queue, ``1 / (1 - λ)``.

    Parameters
    ----------
    load : float or array
        λ ≥ 0 relative to one server; ``inf`` is returned from 1 on.
    choices : int or array
        d ≥ 1, lines looked at.

    Returns
    -------
    float or array

    Raises
    ------
    ValueError
        If an argument is out of range.

    References
    ----------
    Mitzenmacher, IEEE Trans. Parallel and Distributed Systems 12 (2001).

    Examples
    --------
    >>> round(power_of_choices(0.9, 2), 3), round(power_of_choices(0.9, 1), 3)
    (2.614, 10.0)
    """
    load = check.amounts("load", load, zero=True)
    choices = check.counts("choices", choices)
    return check.elementwise(_power_of_choices, load=load, choices=choices)


def _over_spare(amount: FloatArray, spare: FloatArray) -> FloatArray:
    """Divide by the spare rate, which where it is not positive leaves no steady state."""
    return np.divide(amount, spare, out=np.full_like(amount, np.inf), where=spare > 0)


def _lengths(
    busy: FloatArray,
    accepted: FloatArray,
    service_rate: FloatArray,
    servers: FloatArray,
    mean_wait: FloatArray,
) -> dict[str, Real]:
    """Turn a mean wait into the other means by Little's law: a length is a rate times a time."""
    waiting = np.multiply(accepted, mean_wait, out=np.zeros_like(busy), where=accepted > 0)
    return {
        "utilization": check.plain(busy / servers),
        "mean_wait": check.plain(mean_wait),
        "mean_sojourn": check.plain(mean_wait + 1 / service_rate),
        "mean_waiting": check.plain(waiting),
        "mean_present": check.plain(waiting + busy),
    }


def _blocking_by_servers(load: float) -> Iterator[float]:
    """Yield Erlang B for 1, 2, 3, ... servers."""
    blocking = 1.0
    for servers in itertools.count(1):
        lost = load * blocking
        blocking = lost / (servers + lost)
        yield blocking


def _erlang_b(load: float, servers: float) -> float:
    if not servers:
        return 1.0
    return next(itertools.islice(_blocking_by_servers(load), int(servers) - 1, None))


def _delayed(blocking: float, load: float, servers: float) -> float:
    """Turn Erlang B into Erlang C."""
    return servers * blocking / (servers - load * (1 - blocking))


def _erlang_c(load: float, servers: float) -> float:
    return _delayed(_erlang_b(load, servers), load, servers) if load < servers else 1.0


def _wait_quantile(
    p: float, prob_wait: float, arrival_rate: float, service_rate: float, servers: float
) -> float:
    if p <= 1 - prob_wait and p < 1:
        return 0.0
    spare = servers * service_rate - arrival_rate
    if spare <= 0 or p == 1:
        return math.inf
    return max(0.0, math.log(prob_wait / (1 - p)) / spare)


def _sojourn_quantile(
    p: float, prob_wait: float, arrival_rate: float, service_rate: float, servers: float
) -> float:
    spare = servers - arrival_rate / service_rate
    if spare <= 0 or p == 1:
        return math.inf
    if servers == 1:
        return -math.log1p(-p) / (service_rate * spare)

    def tail(time: float) -> float:
        """Return P(W + S > time), with time in mean services."""
        return math.exp(-time) * (1 + prob_wait * _growth(1 - spare, time)) - (1 - p)

    most = 1.0
    while tail(most) > 0:
        most *= 2
    from scipy import optimize

    root = optimize.brentq(tail, 0.0, most, xtol=1e-15, rtol=1e-14) if p > 0 else 0.0
    return float(root) / service_rate


def _growth(rate: float, time: float) -> float:
    """Return the integral of exp(rate * t) from 0 to time."""
    return math.expm1(rate * time) / rate if rate * time else time


def _finite_room(load: float, servers: float, capacity: float) -> tuple[float, ...]:
    """Return blocking, admission, the chance that the admitted wait, the mean number waiting."""
    if load == 0:
        return 0.0, 1.0, 0.0, 0.0
    present = np.arange(capacity + 1)
    growth = load / np.minimum(present[1:], servers)
    mode = int(np.count_nonzero(growth >= 1)) if load < servers else int(capacity)
    above = np.cumprod(growth[mode:])
    below = np.cumprod(1 / growth[:mode][::-1])[::-1]
    weight = np.concatenate([below, [1.0], above])
    share = weight / weight.sum()
    queued = np.maximum(present - servers, 0)
    admitted = share[:-1].sum()
    waits = share[int(servers) : -1].sum() / admitted if admitted > 0 else float(capacity > servers)
    return float(share[-1]), float(admitted), float(min(waits, 1.0)), float(queued @ share)


def _constant_service(load: float, servers: float) -> tuple[float, float]:
    """Return the mean number waiting in M/D/c and the probability of waiting."""
    if load >= servers:
        return math.inf, 1.0
    if load == 0:
        return 0.0, 0.0
    decay = servers * special.kl_div(1.0, load / servers)
    if decay * 20_000 > 40:
        return _by_spitzer(load, servers, math.ceil(40 / decay) + 1)
    return _by_roots(load, servers)


def _by_spitzer(load: float, servers: float, terms: int) -> tuple[float, float]:
    k = np.arange(1, terms + 1)
    mean, most = k * load, k * servers
    above = special.pdtrc(most, mean)
    at_or_above = special.pdtrc(most - 1, mean)
    excess = np.maximum(mean * at_or_above - most * above, 0)
    return float((excess / k).sum()), float(-np.expm1(-(at_or_above / k).sum()))


def _by_roots(load: float, servers: float) -> tuple[float, float]:
    rho = load / servers
    unit = np.exp(2j * np.pi * np.arange(1, servers) / servers)
    roots = -special.lambertw(-rho * math.exp(-rho) * unit) / rho
    mean_present = (
        load / (2 * (servers - load)) + (load - servers + 1) / 2 + (1 / (1 - roots)).real.sum()
    )
    idle_server = (servers - load) * np.exp(-np.log(1 - roots).sum().real)
    return float(mean_present - load), float(1 - idle_server)


def _servers_for(load: float, wait: float, probability: float) -> float:
    def late(blocking: float, servers: int) -> float:
        return _delayed(blocking, load, servers) * math.exp(-(servers - load) * wait)

    # Some number suffices: Erlang C falls to 0 as servers are added.
    return next(
        float(servers)
        for servers, blocking in enumerate(_blocking_by_servers(load), start=1)
        if servers > load and 1 - late(blocking, servers) >= probability
    )


def _power_of_choices(load: float, choices: float) -> float:
    if load >= 1:
        return math.inf
    if choices == 1:
        return 1 / (1 - load)
    total, exponent, power = 1.0, choices, choices
    while (term := load**exponent) > NEGLIGIBLE * total:
        total += term
        power *= choices
        exponent += power
    return total
