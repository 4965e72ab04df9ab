"""A server that takes waiting requests in batches: the queue behind a dynamic batcher.

Symbols: λ arrival rate; a batch of b takes α b + τ₀ seconds.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy import special

from labs import validation as check
from labs.batch_times import RESNET50, BatchCurve, BatchTime, fit_batch_time
from labs.validation import FloatArray, Real

__all__ = [
    "NEGLIGIBLE",
    "RESNET50",
    "BatchCurve",
    "BatchServer",
    "BatchTime",
    "batch_server",
    "fit_batch_time",
]

NEGLIGIBLE = 1e-17


@dataclass(frozen=True)
class BatchServer:
    """A server that takes waiting requests in batches, in steady state.

    Attributes
    ----------
    mean_latency : float or array
        Mean time from arrival to the end of the request's batch, in seconds.
    latency_bound : float, array or None
        Inoue's closed-form upper bound on it; None under a finite ``max_batch``.
    mean_batch : float or array
        Mean number of requests in a batch.
    busy : float or array
        Fraction of time the server is busy.

    Examples
    --------
    >>> server = batch_server(arrival_rate=0.5, per_item=0.0, setup=1e-9)
    >>> round(server.mean_batch, 6), server.busy < 1e-8
    (1.0, True)
    """

    mean_latency: Real
    latency_bound: Real | None
    mean_batch: Real
    busy: Real


def batch_server(
    arrival_rate: Real, per_item: Real, setup: Real, max_batch: Real | None = None
) -> BatchServer:
    """Return a server that, whenever idle, takes all who wait (at most ``max_batch``) at once.

    Poisson arrivals at rate λ; a batch of b takes ``α b + τ₀``. The batch sizes are a Markov
    chain, solved exactly: without a limit, its mean and second moment follow from the chance
    P₀ that nobody arrives during a batch, ``E[B] = (λ τ₀ + P₀) / (1 - λα)``. Little's law over
    a cycle then gives the latency. The bound is Inoue's ``min(φ₀, φ₁)``.

    Parameters
    ----------
    arrival_rate : float or array
        λ > 0, per second.
    per_item : float or array
        α ≥ 0, seconds added by each request of a batch.
    setup : float or array
        τ₀ ≥ 0, seconds of a batch of any size; α + τ₀ > 0.
    max_batch : int or array, optional
        Most requests in a batch; None for no limit.

    Returns
    -------
    BatchServer
        Latency is ``inf`` where requests arrive as fast as the server can ever take them.

    Raises
    ------
    ValueError
        If an argument is out of range, or the load is below saturation but so close
        (within about 10⁻⁵ of it) that the chain cannot be solved to full precision.

    References
    ----------
    Inoue, "Queueing analysis of GPU-based inference servers with dynamic batching",
    Performance Evaluation 147 (2021), arXiv:1912.06322, equations 36, 41 and 42.

    Examples
    --------
    >>> v100 = batch_server(arrival_rate=0.5 / 0.1438, per_item=0.1438, setup=1.8874)
    >>> round(v100.mean_latency, 3), round(v100.latency_bound, 3), "milliseconds"
    (5.902, 5.902, 'milliseconds')
    """
    arguments = {
        "arrival_rate": check.amounts("arrival_rate", arrival_rate),
        "per_item": check.amounts("per_item", per_item, zero=True),
        "setup": check.amounts("setup", setup, zero=True),
        "max_batch": np.asarray(np.inf)
        if max_batch is None
        else check.counts("max_batch", max_batch),
    }
    rate, item, fixed, most = check.broadcast(**arguments)
    if (item + fixed == 0).any():
        raise check.refuse("setup", "above 0 where per_item is 0", 0.0)
    rows = zip(*(a.ravel().tolist() for a in (rate, item, fixed, most)), strict=True)
    latency, batch, busy = np.array([_batches(*row) for row in rows]).T.reshape(3, *rate.shape)
    return BatchServer(
        mean_latency=check.plain(latency),
        latency_bound=check.plain(_inoue_bound(rate, item, fixed)) if max_batch is None else None,
        mean_batch=check.plain(batch),
        busy=check.plain(busy),
    )


def _inoue_bound(rate: FloatArray, item: FloatArray, setup: FloatArray) -> FloatArray:
    load, fixed = rate * item, rate * setup
    stable = load < 1
    load = np.where(stable, load, 0.0)
    first = (item + setup) / (2 * (1 - load)) * (1 + 2 * fixed + (1 - fixed) / (1 + load))
    second = 1.5 * setup / (1 - load) + item / 2 * (load + 2) / (1 - load**2)
    return np.where(stable, np.minimum(first, second), np.inf)


def _batches(rate: float, item: float, setup: float, most: float) -> tuple[float, float, float]:
    """Return mean latency, mean batch size and the busy fraction.

    Below, times are in units of 1/λ, so that a batch time is also the arrivals it sees.
    """
    load, fixed = rate * item, rate * setup
    if load + fixed / most >= 1:
        return math.inf, most, 1.0
    alone = _chance_of_empty_batch_time(load, fixed)
    mean = (fixed + alone) / (1 - load)
    square = (load * mean + fixed + 2 * load * fixed * mean + fixed**2 + alone) / (1 - load**2)
    if mean + 40 * math.sqrt(max(square - mean**2, 0)) + 40 > most:
        return _limited_batches(rate, load, fixed, int(most), mean)
    seen = load**2 * square + 2 * load * fixed * mean + fixed**2
    latency = (load * square + fixed * mean + seen / 2) / mean
    return latency / rate, mean, min((load * mean + fixed) / mean, 1.0)


def _chance_of_empty_batch_time(load: float, fixed: float) -> float:
    """Return P₀, from the generating function of the batch size along z → exp(-λα(1 - z)).

    ``G(φ(z)) = exp(λτ₀(1 - z)) (G(z) + P₀(1 - z))`` with G(0) = 0 is linear in P₀; iterating
    from z = 0 ends at G(1) = 1. Every term is positive, so nothing cancels.
    """
    ratio, short = 0.0, 1.0
    for _ in range(5_000_000):
        ratio, short = (
            math.exp(min(fixed * short, 700.0)) * (ratio + short),
            -math.expm1(-load * short),
        )
        if ratio > 1e300:
            return 0.0
        if short * (fixed * ratio + 1) <= NEGLIGIBLE * (1 - load) * ratio:
            return 1 / ratio
    raise check.refuse("arrival_rate × per_item", "clear of saturation or beyond it", load)


def _limited_batches(
    rate: float, load: float, fixed: float, most: int, unlimited: float
) -> tuple[float, float, float]:
    """Solve the chain of the number present when a batch starts.

    The mean batch without a limit tells a state that is not rare.
    """
    if most > 1024:
        raise check.refuse("max_batch", "at most 1024 where the load can fill it", most)
    states = _states_needed(load * most + fixed, most)
    present = np.arange(1.0, states + 1)
    taken = np.minimum(present, most)
    arrivals = load * taken + fixed
    share = _stationary(present, taken, arrivals, likely=min(math.ceil(unlimited), most))
    mean = share @ taken
    waiting = share @ (present * arrivals + arrivals**2 / 2)
    return float(waiting / mean / rate), float(mean), min(float(share @ arrivals / mean), 1.0)


def _states_needed(full: float, most: int) -> int:
    """Return enough states for the geometric tail, whose rate solves m s = full (e^s - 1)."""

    def excess(rate: float) -> float:
        return most * rate - full * math.expm1(rate)

    full = max(full, 1e-100)
    peak = math.log(most / full)
    # The root lies between the peak and twice that; rounding hides it where the peak is tiny.
    from scipy import optimize

    decay = optimize.brentq(excess, peak, 2 * peak) if peak > 1e-5 else peak
    states = math.ceil(most + full + 12 * math.sqrt(full) + 40 + 40 / decay)
    if states > 400_000:
        raise check.refuse("arrival_rate", "clear of saturation or beyond it, load", full / most)
    return states


def _stationary(
    present: FloatArray, taken: FloatArray, arrivals: FloatArray, likely: int
) -> FloatArray:
    """Return the stationary law of ``max(1, present - taken + Poisson(arrivals))``, truncated."""
    states = present.size
    spread = 10 * np.sqrt(arrivals) + 20
    count = np.arange(2 * spread.max())[:, None] + np.floor(np.maximum(arrivals - spread, 0))
    chance = np.exp(special.xlogy(count, arrivals) - arrivals - special.gammaln(count + 1))
    target = np.clip(present - taken + count, 1, states).astype(int) - 1
    source = np.broadcast_to(np.arange(states), target.shape)
    from scipy import sparse
    from scipy.sparse import linalg as sparse_linalg

    moves = sparse.coo_array(
        (chance.ravel(), (target.ravel(), source.ravel())), shape=(states, states)
    )
    balance = sparse.csc_array(moves - sparse.eye_array(states))
    # One balance equation is redundant: fix the weight of a likely state instead.
    known = likely - 1
    kept = np.delete(np.arange(states), known)
    inner = balance[kept][:, kept]
    weight = np.ones(states)
    weight[kept] = sparse_linalg.spsolve(inner, -balance[kept][:, [known]].toarray().ravel())
    weight = np.maximum(weight, 0)
    share: FloatArray = weight / weight.sum()
    return share
