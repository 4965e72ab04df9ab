"""Checks of the exercises on the quantities of serving."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
from scipy import special

from labs import queueing, simulation, slo
from labs import validation as check
from labs.checks.answers import Verdict, function, numbers, whole
from labs.checks.exercise import Givens, exercise
from labs.queueing import BatchTime
from labs.validation import BoolArray, FloatArray

PERCENTILE = LEVEL = 0.95
FOLLOWS = 0.98
POINT = 0.01


def _service_log(seed: int) -> Mapping[str, Any]:
    rng = np.random.default_rng(seed)
    tokens = rng.integers(20, 600, size=500)
    base, pace, stall = rng.uniform([0.08, 0.006, 0.6], [0.2, 0.012, 1.2])
    stalled = rng.random(tokens.size) < tokens / 3000
    noise = rng.normal(0, 0.025, size=tokens.size)
    return {"tokens": tokens, "seconds": base + pace * tokens + stall * stalled + noise}


@exercise(_service_log)
def service(answer: object, given: Givens) -> Verdict:
    """Check exercise 6: service time fitted on the fast of two modes, and the slow one.

    Residuals of the line through the whole log fall into two modes, split where they leave the
    widest gap. Asked for are ``a`` and ``b`` of the fast path, ``slow``, the share of requests
    that are slow, and ``extra``, the seconds that they take beyond ``a + b tokens`` on average.

    Examples
    --------
    >>> service({"a": 0.1, "b": 0.01, "slow": 50, "extra": 1})
    FAIL  a: got 0.1: not right, and none of the usual slips
    """
    tokens, seconds = np.asarray(given.tokens), np.asarray(given.seconds)
    pooled = _line(tokens, seconds)
    residual = _beyond(pooled, tokens, seconds)
    ordered = np.sort(residual)
    gaps = np.diff(ordered)
    slow = residual > ordered[gaps.argmax()]
    expected = _two_modes(tokens, seconds, slow)
    line = _line(tokens[slow], seconds[slow])
    base, pace, share, extra = expected.values()
    mistakes = {
        "that line goes through both modes; fit it again to the fast requests alone": [
            pooled.setup,
            pooled.per_item,
            share,
            extra,
        ],
        "both line and extra are of the fit through both modes; fit again without the slow": [
            pooled.setup,
            pooled.per_item,
            share,
            float(residual[slow].mean()),
        ],
        "extra is measured from the line through both modes, not from the fast path's": [
            *[base, pace, share],
            float(residual[slow].mean()),
        ],
        "a and b are swapped: np.polyfit gives the slope first": [pace, base, share, extra],
        "that line is fitted to the slow requests, not to the fast": [
            line.setup,
            line.per_item,
            share,
            extra,
        ],
        "slow is the share of requests, not their number": [base, pace, float(slow.sum()), extra],
        "half of the noise lies above the line too: split where the residuals leave a gap": list(
            _two_modes(tokens, seconds, residual > 0).values()
        ),
    }
    return numbers(answer, expected, tolerance=1e-3, mistakes=mistakes)


def _latencies(seed: int) -> Mapping[str, Any]:
    return {"latency": 0.04 + np.random.default_rng(seed).lognormal(-2.6, 0.7, size=250)}


@exercise(_latencies, fan_out=20)
def tail(answer: object, given: Givens) -> Verdict:
    """Check exercise 7: p95 with an interval, and the tail of a fan-out.

    Asked for are ``p95`` of the sample, ``low`` and ``high`` of the 95% interval for it,
    ``slow``, the chance that one server or more of a fan-out is beyond its p95, ``allowed``, the
    share of a server's requests that may exceed a limit which 95% of fan-outs must meet, and
    ``needed``, the requests from which the interval for that quantile has two ends.

    Examples
    --------
    >>> tail({})
    FAIL  answer must be 6 numbers: p95, low, high, slow, allowed, needed, got {}
    """
    latency, servers = np.asarray(given.latency), given.fan_out
    interval = slo.quantile_interval(latency, PERCENTILE, LEVEL)
    allowed = -float(np.expm1(np.log(PERCENTILE) / servers))
    beyond = (1 - LEVEL) / 2
    expected = {
        "p95": float(np.sort(latency)[whole(PERCENTILE * latency.size) - 1]),
        "low": interval.low,
        "high": interval.high,
        "slow": 1 - PERCENTILE**servers,
        "allowed": allowed,
        "needed": _requests(allowed, beyond),
    }
    instead = partial(_instead, expected)
    mean, error = latency.mean(), latency.std(ddof=1) / latency.size**0.5
    reach = float(special.ndtri(1 - beyond) * error)
    inner = np.quantile(latency, [beyond, 1 - beyond])
    union = (1 - PERCENTILE) / servers
    mistakes = {
        "np.quantile interpolates; take the smallest latency with 95% at or below it": instead(
            p95=float(np.quantile(latency, PERCENTILE))
        ),
        "that is the mean, not the 95th percentile": instead(p95=float(mean)),
        "that is an interval for the mean, not for the 95th percentile": instead(
            low=float(mean - reach), high=float(mean + reach)
        ),
        "that range holds 95% of the requests; the interval is for p95": instead(
            low=float(inner[0]), high=float(inner[1])
        ),
        "chances of events that can happen together do not add up": instead(
            slow=servers * (1 - PERCENTILE)
        ),
        "that is the chance that every server is slow; one is enough": instead(
            slow=(1 - PERCENTILE) ** servers
        ),
        "a server's own p95 is not enough: all of them must be in time at once": instead(
            allowed=1 - PERCENTILE, needed=_requests(1 - PERCENTILE, beyond)
        ),
        "dividing by the servers is the union bound, stricter than independence asks": instead(
            allowed=union, needed=_requests(union, beyond)
        ),
        "from there one request is expected beyond the quantile, which does not bound it": instead(
            needed=whole(1 / allowed)
        ),
        "an interval leaves half of what it misses at either end": instead(
            needed=_requests(allowed, 2 * beyond)
        ),
    }
    return numbers(answer, expected, tolerance=5e-4, mistakes=mistakes)


def _load_test(seed: int) -> Mapping[str, Any]:
    rng = np.random.default_rng(seed)
    servers, mean = int(rng.integers(4, 9)), rng.uniform(0.04, 0.06)
    runs = {}
    for rate in range(30, 241, 30):
        n = rng.poisson(rate * 60.0)
        arrival = np.sort(rng.uniform(0, 60.0, size=n))
        work = rng.exponential(mean, size=n)
        runs[rate] = arrival, simulation.fcfs(arrival, work, servers).finish
    return {"runs": runs}


@exercise(_load_test, run_seconds=60.0)
def saturation(answer: object, given: Givens) -> Verdict:
    """Check exercise 8: where throughput stops following, and Little's law beyond it.

    Asked for are ``knee``, the highest offered rate of which throughput is at least 98%, and of
    the run at the highest rate ``q``, requests per second that left during the run, ``present``,
    the mean number inside, and ``little``, that number over arrival rate times mean time inside.

    Examples
    --------
    >>> saturation([60, 95, 2000, 0.5])
    FAIL  knee: got 60: not right, and none of the usual slips
    """
    seconds = given.run_seconds
    logs: dict[float, tuple[FloatArray, FloatArray]] = {
        float(rate): log for rate, log in given.runs.items()
    }
    rates = np.sort(list(logs))
    through = {rate: float((out <= seconds).sum()) / seconds for rate, (_, out) in logs.items()}
    follows = [through[rate] >= FOLLOWS * logs[rate][0].size / seconds for rate in rates]
    hardest = float(rates[-1])
    arrival, departure = logs[hardest]
    offered = arrival.size / seconds
    time = departure - arrival
    present, law = _little(arrival, departure, seconds)
    knee = float(rates[follows][-1])
    expected = {"knee": knee, "q": through[hardest], "present": present, "little": law}
    instead = partial(_instead, expected)
    left = float((departure > seconds).sum())
    whole_time = float(time.sum()) / seconds
    mistakes = {
        "that rate throughput no longer follows: the one before it is asked": instead(
            knee=float(rates[rates > knee][0])
        ),
        "throughput is largest beyond the knee, where it no longer follows": instead(
            knee=max(through, key=lambda rate: through[rate])
        ),
        "q counts departures after the end of the run, so it repeats the offered rate": instead(
            q=offered
        ),
        "with departures after the end counted, throughput follows every rate": instead(
            knee=hardest, q=offered
        ),
        "present counts time after the end of the run, and then the law holds trivially": instead(
            present=whole_time, little=1.0
        ),
        "that is the number inside at the end, not the mean over the run": instead(
            present=left, little=left * law / present
        ),
        "W leaves out those still inside at the end: they waited longest": instead(
            little=present / (offered * float(time[departure <= seconds].mean()))
        ),
        "λ is the rate of arrivals, not the throughput": instead(
            little=present / (through[hardest] * float(time.mean()))
        ),
        "that is the run at the knee; the run at the highest rate is asked": instead(
            **dict(zip(("present", "little"), _little(*logs[knee], seconds), strict=True)),
            q=through[knee],
        ),
    }
    return numbers(answer, expected, tolerance=1e-3, mistakes=mistakes)


@exercise(rates=(20, 200, 2000), mean_service=0.1, limit=0.05, share=0.99)
def fleet(answer: object, given: Givens) -> Verdict:
    """Check exercise 9: servers for a wait objective, and what one more point of ρ costs.

    The answer is a function of a rate: it returns the fewest servers with ``P(W ≤ limit) ≥
    share``, and by how many seconds that quantile of the wait rises when traffic grows until ρ
    of these servers is 0.01 higher.

    Examples
    --------
    >>> fleet(lambda rate: (rate / 10, 0.0))
    FAIL  servers at 2000/s: got 200: that carries the load and keeps no limit on the wait
    """
    mean_service, limit, share = given.mean_service, given.limit, given.share

    def sized(rate: float, within: float = limit) -> int:
        return int(queueing.servers_for(rate, 1 / mean_service, within, share))

    def queue(rate: float, more: float) -> queueing.MarkovQueue:
        spread = sized(rate) / mean_service
        return queueing.mmc(rate + more * spread, 1 / mean_service, sized(rate))

    def wait(rate: float, more: float) -> float:
        return float(queue(rate, more).wait_quantile(share))

    def by_mean(rate: float) -> int:
        servers = int(rate * mean_service) + 1
        while queueing.mmc(rate, 1 / mean_service, servers).mean_wait > limit:
            servers += 1
        return servers

    def rise(rate: float) -> float:
        return wait(rate, POINT) - wait(rate, 0)

    # Small fleets round different mistakes to the same number: call for the largest first.
    calls = {rate: (rate,) for rate in sorted(map(float, given.rates), reverse=True)}
    counted = function(
        _part(answer, 0),
        {f"servers at {rate:g}/s": call for rate, call in calls.items()},
        {f"servers at {rate:g}/s": sized(rate) for rate in calls},
        tolerance=0,
        mistakes={
            "that carries the load and keeps no limit on the wait": lambda rate: whole(
                rate * mean_service
            ),
            "that keeps the mean wait within the limit, not its quantile": by_mean,
            "that lets nearly nobody wait at all; waits up to the limit are allowed": partial(
                sized, within=0.0
            ),
            "that runs at 80% whatever the size: small fleets need room, large ones less": (
                lambda rate: whole(rate * mean_service / 0.8)
            ),
        },
    )
    if not counted:
        return counted
    return function(
        _part(answer, 1),
        {f"rise at {rate:g}/s": call for rate, call in calls.items()},
        {f"rise at {rate:g}/s": rise(rate) for rate in calls},
        unit="s",
        mistakes={
            "that is for one percent of ρ; a point adds 0.01 to it": lambda rate: (
                wait(rate, POINT * float(queue(rate, 0).utilization)) - wait(rate, 0)
            ),
            "that is the rise of the mean wait, not of its quantile": lambda rate: (
                float(queue(rate, POINT).mean_wait) - float(queue(rate, 0).mean_wait)
            ),
            "that is the wait afterwards; its rise is asked": partial(wait, more=POINT),
            "that is the wait before ρ rises": partial(wait, more=0.0),
            "that is the rise as a share of the wait before; seconds are asked": lambda rate: (
                rise(rate) / (wait(rate, 0) or np.inf)
            ),
        },
    )


def _month(seed: int) -> Mapping[str, Any]:
    return {"failed": np.round(np.random.default_rng(seed).gamma(1.5, 120, size=30))}


@exercise(
    _month,
    requests=100_000,
    levels=np.array([0.995, 0.997, 0.998, 0.999]),
    fees=np.array([40_000, 42_000, 44_000, 46_000]),
    credit=0.3,
    reaction=3,
)
def promise(answer: object, given: Givens) -> Verdict:
    """Check exercise 10: the agreement that earns most, its penalty, and a stricter objective.

    Asked for are ``sla``, the level with the highest expected income, ``breach``, the chance that
    next month is below it, ``penalty``, dollars expected to be paid back, and ``slo``, the level
    from which the agreement's budget lasts another ``reaction`` days like the worst.

    Examples
    --------
    >>> promise([90, 0.1, 1000, 99.8])
    FAIL  sla: got 90: not right, and none of the usual slips
    """
    levels, fees = np.asarray(given.levels), np.asarray(given.fees)
    credit, reaction = given.credit, given.reaction
    bad = np.asarray(given.failed) / given.requests
    days, good, spread = bad.size, 1 - float(bad.mean()), float(bad.std(ddof=1))
    margin = float(bad.max()) * reaction / days

    def breaches(error: float) -> FloatArray:
        chances: FloatArray = special.stdtr(days - 1, (levels - good) / error)
        return chances

    def chosen(
        chances: FloatArray, best: int | None = None, back: float = credit
    ) -> dict[str, float]:
        if best is None:
            best = int(np.argmax(fees * (1 - back * chances)))
        sla, breach = float(levels[best]), float(chances[best])
        paid = back * float(fees[best]) * breach
        return {"sla": sla, "breach": breach, "penalty": paid, "slo": sla + margin}

    error = spread * (2 / days) ** 0.5
    chances = breaches(error)
    expected = chosen(chances)
    sla = expected["sla"]
    instead = partial(_instead, expected)
    normal = special.ndtr((levels - good) / error)
    told = {
        "that is the highest fee; take off what is paid back of it": chosen(
            chances, int(np.argmax(fees))
        ),
        "that is the safest promise, and a stricter one is worth more than it costs": chosen(
            chances, int(np.argmin(levels))
        ),
        "spread / √n is the error of this month's mean; next month's varies as much again": chosen(
            breaches(error / 2**0.5)
        ),
        "that is the spread of single days; a month averages over them": chosen(breaches(spread)),
        "np.std divides by n unless told ddof=1": chosen(breaches(error * (1 - 1 / days) ** 0.5)),
        "a spread estimated from days asks for Student's t, not for the normal curve": chosen(
            normal
        ),
        "that is the chance of keeping the agreement, not of breaking it": chosen(1 - chances),
        "that pays the whole fee back; the credit is a share of it": chosen(chances, back=1.0),
    }
    mistakes = {reason: list(wrong.values()) for reason, wrong in told.items()} | {
        "that is paid in a month of breach; weigh it by its chance": instead(
            penalty=credit * float(fees[levels == sla][0])
        ),
        "the objective is looser than the agreement and warns after the fact": instead(
            slo=sla - margin
        ),
        "a mean day is not what a broken objective is followed by; plan for the worst": instead(
            slo=sla + (1 - good) * reaction / days
        ),
        "those are the worst days, each once; the worst of them may repeat": instead(
            slo=sla + float(np.sort(bad)[-whole(reaction) :].sum()) / days
        ),
        "the budget is the month's: a bad day spends its share over the days": instead(
            slo=sla + margin * days
        ),
    }
    return numbers(answer, expected, tolerance=1e-5, mistakes=mistakes)


def _instead(expected: Mapping[str, float], **wrong: float) -> list[float]:
    """Return the right values with some in place of theirs."""
    return list({**expected, **wrong}.values())


def _line(tokens: FloatArray, seconds: FloatArray) -> BatchTime:
    return queueing.fit_batch_time(tokens, seconds)


def _beyond(line: BatchTime, tokens: FloatArray, seconds: FloatArray) -> FloatArray:
    return seconds - line.setup - line.per_item * tokens


def _two_modes(tokens: FloatArray, seconds: FloatArray, slow: BoolArray) -> dict[str, float]:
    """Return the line of the requests that are not slow, and where the slow lie about it."""
    fast = _line(tokens[~slow], seconds[~slow])
    extra = float(_beyond(fast, tokens, seconds)[slow].mean())
    return {"a": fast.setup, "b": fast.per_item, "slow": float(slow.mean()), "extra": extra}


def _requests(share: float, beyond: float) -> int:
    """Return the fewest requests of which none is in the worst ``share`` by a rare chance."""
    return whole(float(np.log(beyond) / np.log1p(-share)))


def _little(arrival: FloatArray, departure: FloatArray, seconds: float) -> tuple[float, float]:
    """Return the mean number inside during a run, and that over λ W."""
    present = float((np.minimum(departure, seconds) - arrival).sum()) / seconds
    return present, present / (float((departure - arrival).sum()) / seconds)


def _part(answer: object, index: int) -> object:
    """Return a function of one part of what the answer returns; no function stays as it is."""

    def part(rate: float) -> object:
        given = answer(rate)  # type: ignore[operator]
        if isinstance(given, tuple | list | np.ndarray) and len(given) == 2:
            return given[index]
        if given is None:
            return None
        raise check.refuse("what it returns", "a pair of servers and rise", given)

    return part if callable(answer) else answer
