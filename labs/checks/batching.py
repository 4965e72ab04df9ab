"""Checks of the exercises on batching."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from labs import queueing, workload
from labs.checks.answers import Verdict, number, whole
from labs.checks.exercise import Givens, exercise
from labs.engine import Engine, StepTime

P4 = queueing.RESNET50["P4"]


@exercise(lengths=np.array([12, 85, 7, 31, 44, 40, 42, 46, 3, 120, 5, 8]), batch=4)
def useful_share(answer: object, given: Givens) -> Verdict:
    """Check exercise 1: the useful share of slot-steps under static batching.

    Batches are taken in order, and each runs until its longest answer is out.

    Examples
    --------
    >>> useful_share(0.57)
    FAIL  got 0.57: not right, and none of the usual slips
    """
    lengths, batch = np.asarray(given.lengths, dtype=np.float64), given.batch
    batches = [lengths[first : first + batch] for first in range(0, lengths.size, batch)]
    slots = sum(batch * float(run.max()) for run in batches)
    expected = float(lengths.sum()) / slots
    mistakes = {
        "that is the share wasted; the useful share is the rest": 1 - expected,
        "every batch ends with its own longest, not the longest of all": float(lengths.sum())
        / (lengths.size * float(lengths.max())),
        "the mean of the batches' shares weighs short batches as much as long ones": float(
            np.mean([run.sum() / (batch * run.max()) for run in batches])
        ),
    }
    return number(answer, expected, mistakes=mistakes, tolerance=1e-3)


@exercise(sizes=np.array(P4.sizes), seconds=np.array(P4.times), share=0.8)
def knee(answer: object, given: Givens) -> Verdict:
    """Check exercise 2: the smallest batch with a share s of the throughput 1/α.

    The times are fitted by a line α b + τ₀; then ``b ≥ s / (1 - s) · τ₀ / α``.

    Examples
    --------
    >>> knee(0.8)
    FAIL  got 0.8 in a batch: not right, and none of the usual slips
    """
    line = queueing.fit_batch_time(given.sizes, given.seconds)
    slope, setup = line.per_item, line.setup
    odds = given.share / (1 - given.share)
    expected = whole(odds * setup / slope)
    mistakes = {
        "rounded down, the batch falls just short of the share: round up": expected - 1,
        "that is where setup and work are equal, half of peak throughput": whole(setup / slope),
        "share / (1 - share) is wanted, not share alone": whole(given.share * setup / slope),
        "slope and intercept are swapped": whole(odds * slope / setup),
    }
    return number(answer, expected, "in a batch", tolerance=0, mistakes=mistakes)


@exercise(per_item=0.5e-3, setup=2e-3, limit=20e-3)
def highest_rate(answer: object, given: Givens) -> Verdict:
    """Check exercise 3: the highest rate at which mean latency stays within a limit.

    Examples
    --------
    >>> highest_rate(2000)
    FAIL  got 2000 requests/s: that is where the queue loses its steady state; latency passes the
    limit long before
    """
    per_item, setup = given.per_item, given.setup
    low, high = 0.0, 1 / per_item
    for _ in range(60):
        rate = (low + high) / 2
        inside = queueing.batch_server(rate, per_item, setup).mean_latency <= given.limit
        low, high = (rate, high) if inside else (low, rate)
    mistakes = {
        "that is where the queue loses its steady state; latency passes the limit long before": 1
        / per_item,
        "that is the rate of a server that never batches": 1 / (per_item + setup),
        "that is the load λα, not the rate": low * per_item,
        "requests per millisecond: a second has a thousand": low / 1000,
    }
    return number(answer, low, "requests/s", tolerance=0.01, mistakes=mistakes)


def _traffic(seed: int) -> Mapping[str, Any]:
    return {"requests": workload.azure_chat(2000, rate=3.0, rng=np.random.default_rng(seed))}


@exercise(
    _traffic,
    step=StepTime(base=7e-3, prefill_token=90e-6, sequence=30e-6, kv_token=0.25e-6),
    kv_tokens=110_000,
    budgets=(96, 128, 192, 256, 320, 384, 512, 768),
    tpot=0.032,
)
def budget(answer: object, given: Givens) -> Verdict:
    """Check exercise 4: the largest token budget that keeps p99 TPOT in its SLO.

    Examples
    --------
    >>> budget("256")
    FAIL  answer must be a finite number, got '256'
    """
    times = {}
    for size in given.budgets:
        engine = Engine(given.step, kv_tokens=given.kv_tokens, policy="chunked", token_budget=size)
        times[size] = engine.run(given.requests).tpot
    inside = [size for size in times if np.nanquantile(times[size], 0.99) <= given.tpot]
    on_average = [size for size in times if np.nanmean(times[size]) <= given.tpot]
    mistakes = {
        "that holds the mean to the SLO, not the 99th percentile": max(on_average),
        "that holds it too, but a larger budget that holds it prefills faster": min(inside),
    }
    return number(answer, max(inside), "tokens", tolerance=0, mistakes=mistakes)
