"""Checks of the exercises on batching."""

import numpy as np

from labs import queueing
from labs import validation as check
from labs.checks.answers import Verdict, number, whole
from labs.engine import Engine, StepTime
from labs.validation import FloatArray
from labs.workload import Workload


def useful_share(answer: object, lengths: FloatArray, batch: int) -> Verdict:
    """Check exercise 1: the useful share of slot-steps under static batching.

    Parameters
    ----------
    answer : object
        The learner's number, a fraction.
    lengths : array (n,)
        Output lengths in tokens, served in this order.
    batch : int
        Sequences in a batch; each batch runs until its longest is out.

    Returns
    -------
    Verdict

    Raises
    ------
    ValueError
        If anything but the answer is out of range.

    Examples
    --------
    >>> useful_share(0.75, [1, 2, 3, 3], batch=2)
    FAIL  got 0.75, expected 0.9: every batch ends with its own longest, not the longest of all
    """
    lengths = check.sequence("lengths", lengths, least=1, most=check.MOST)
    batch = check.count("batch", batch)
    if not lengths.size:
        raise check.refuse("lengths", "of length 1 or more", "length 0")
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


def knee(answer: object, sizes: FloatArray, seconds: FloatArray, share: float) -> Verdict:
    """Check exercise 2: the smallest batch with a given share of peak throughput.

    Parameters
    ----------
    answer : object
        The learner's batch size.
    sizes, seconds : array (n,)
        Measured batch sizes and the time each batch took, fitted by a straight line α b + τ₀.
    share : float
        Share s of the limit 1/α that throughput must reach, between 0 and 1: by
        ``b ≥ s / (1 - s) · τ₀ / α``.

    Returns
    -------
    Verdict

    Raises
    ------
    ValueError
        If anything but the answer is out of range, or the line does not rise from above 0.

    Examples
    --------
    >>> knee(40, [1, 2, 4], [0.011, 0.012, 0.014], share=0.8)
    PASS  40 in a batch
    """
    sizes = check.sequence("sizes", sizes, least=1)
    seconds = check.sequence("seconds", seconds, size=sizes.size, least=0)
    share = check.number("share", share, above=0, below=1)
    line = queueing.fit_batch_time(sizes, seconds)
    slope, setup = line.per_item, line.setup
    if slope <= 0 or setup <= 0:
        raise check.refuse("seconds", "on a line that rises from above 0", seconds.tolist())
    odds = share / (1 - share)
    expected = whole(odds * setup / slope)
    mistakes = {
        "rounded down, the batch falls just short of the share: round up": expected - 1,
        "that is where setup and work are equal, half of peak throughput": whole(setup / slope),
        "share / (1 - share) is wanted, not share alone": whole(share * setup / slope),
        "slope and intercept are swapped": whole(odds * slope / setup),
    }
    return number(answer, expected, "in a batch", tolerance=0, mistakes=mistakes)


def highest_rate(answer: object, per_item: float, setup: float, latency: float) -> Verdict:
    """Check exercise 3: the highest rate at which mean latency stays within a limit.

    Parameters
    ----------
    answer : object
        The learner's rate, requests per second.
    per_item, setup : float
        Batch time is ``per_item * b + setup`` seconds.
    latency : float
        Limit on the mean latency, seconds, above that of a lone request, at most 1000 times it.

    Returns
    -------
    Verdict

    Raises
    ------
    ValueError
        If anything but the answer is out of range.

    Examples
    --------
    >>> bool(highest_rate(1 / 0.002, per_item=0.002, setup=0.02, latency=0.1))
    False
    """
    per_item = check.number("per_item", per_item, least=check.LEAST, most=1e26)
    setup = check.number("setup", setup, least=check.LEAST, most=1e26)
    alone = per_item + setup
    latency = check.number("latency", latency, above=alone, most=1000 * alone)
    low, high = 0.0, 1 / per_item
    for _ in range(60):
        rate = (low + high) / 2
        inside = queueing.batch_server(rate, per_item, setup).mean_latency <= latency
        low, high = (rate, high) if inside else (low, rate)
    mistakes = {
        "that is where the queue loses its steady state; latency passes the limit long before": 1
        / per_item,
        "that is the rate of a server that never batches": 1 / (per_item + setup),
        "that is the load λα, not the rate": low * per_item,
        "requests per millisecond: a second has a thousand": low / 1000,
    }
    return number(answer, low, "requests/s", tolerance=0.01, mistakes=mistakes)


def budget(
    answer: object,
    budgets: FloatArray,
    tpot: float,
    workload: Workload,
    step_time: StepTime,
    kv_tokens: int,
) -> Verdict:
    """Check exercise 4: the largest token budget that keeps p99 TPOT in its SLO.

    Parameters
    ----------
    answer : object
        The learner's budget, one of ``budgets``.
    budgets : array (k,)
        Token budgets to choose from; at least one must meet the SLO.
    tpot : float
        SLO on the 99th percentile of the time per output token, seconds.
    workload : Workload
        Requests to serve.
    step_time : StepTime
        What a step of the engine costs.
    kv_tokens : int
        Its KV memory, in tokens.

    Returns
    -------
    Verdict

    Raises
    ------
    ValueError
        If anything but the answer is out of range, or no budget meets the SLO.

    Examples
    --------
    >>> requests, step = Workload([0.0], [8], [3]), StepTime(1.0, 0.0, 0.0, 0.0)
    >>> budget(8, [4, 8], tpot=1.0, workload=requests, step_time=step, kv_tokens=99)
    PASS  8 tokens
    """
    budgets = check.sequence("budgets", budgets, least=1, most=check.LARGEST_COUNT, whole=True)
    tpot = check.number("tpot", tpot, above=0)
    times = {}
    for budget in budgets.astype(int).tolist():
        engine = Engine(step_time, kv_tokens=kv_tokens, policy="chunked", token_budget=budget)
        times[budget] = engine.run(workload).tpot
        if np.isnan(times[budget]).all():
            raise check.refuse("kv_tokens", "enough for an answer of two tokens", kv_tokens)
    inside = [budget for budget in times if np.nanquantile(times[budget], 0.99) <= tpot]
    on_average = [budget for budget in times if np.nanmean(times[budget]) <= tpot]
    if not times:
        raise check.refuse("budgets", "of length 1 or more", "length 0")
    if not inside:
        raise check.refuse("tpot", "within reach of some budget", tpot)
    mistakes = {
        "that holds the mean to the SLO, not the 99th percentile": max(on_average),
        "that holds it too, but a larger budget that holds it prefills faster": min(inside),
    }
    return number(answer, max(inside), "tokens", tolerance=0, mistakes=mistakes)
