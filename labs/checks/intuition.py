"""Checks of the exercises on why serving is not training."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from labs import economics, hardware, slo
from labs import validation as check
from labs.checks.answers import UNANSWERED, Verdict, choice, missing, numbers
from labs.contracts import Contract, violations
from labs.validation import BoolArray, FloatArray

HOUR, MONTH = 60, 30 * 24 * 60  # minutes
SHORT = 5

Candidate = tuple[str, int, str, str, float]


def model(
    answer: object,
    candidates: Mapping[str, Candidate],
    batch: int,
    context: int,
    tpot: float,
    dollars: float,
) -> Verdict:
    """Check exercise 1: the least loss among the candidates that keep every limit.

    Parameters
    ----------
    answer : object
        The learner's candidate, by name.
    candidates : mapping of str to tuple
        Model, number of devices, device, type of weights and cache, and loss, by name.
    batch : int
        Sequences decoded at once.
    context : int
        Tokens that each of them has in the cache.
    tpot : float
        Limit on the time of a decode step, seconds.
    dollars : float
        Limit on the price of a million output tokens.

    Returns
    -------
    Verdict

    Raises
    ------
    ValueError
        If anything but the answer is out of range, or no candidate keeps every limit.

    Examples
    --------
    >>> small = {"8B": ("Llama-3.1-8B", 1, "A100-80", "bf16", 1.9)}
    >>> model("8B", small, batch=8, context=1000, tpot=0.05, dollars=9.0)
    PASS  8B
    """
    batch, context = check.count("batch", batch), check.count("context", context)
    limits = {
        "it needs longer than the limit for a step": check.number("tpot", tpot, above=0),
        "a million tokens of it cost more than the limit": check.number(
            "dollars", dollars, above=0
        ),
    }
    broken: dict[str, list[str]] = {}
    losses: dict[str, float] = {}
    for name, given in check.instance("candidates", candidates, dict).items():
        if not isinstance(given, tuple) or len(given) != 5:
            raise check.refuse("candidates", "tuples of five", given)
        kind, count, card, dtype, loss = given
        losses[name] = check.number("candidates", loss)
        if hardware.largest_batch(kind, card, context, dtype, devices=count) < batch:
            broken[name] = ["its weights and this batch's cache do not fit the memory"]
            continue
        step = float(hardware.decode_step(kind, card, batch, context, dtype, devices=count))
        price = count * hardware.device_of(card).price
        found = (step, float(economics.dollars_per_million(price, batch / step)))
        pairs = zip(limits.items(), found, strict=True)
        broken[name] = [said for (said, limit), value in pairs if value > limit]
    feasible = {name: losses[name] for name in losses if not broken[name]}
    if not feasible:
        raise check.refuse("candidates", "such that one keeps every limit", list(losses))
    best = min(feasible, key=feasible.__getitem__)
    least = min(losses, key=losses.__getitem__)
    reasons = {}
    for name in losses:
        if broken[name]:
            start = "it has the least loss of all, but " if name == least else ""
            reasons[name] = f"{start}{broken[name][0]}"
        elif name != best:
            reasons[name] = "it keeps every limit, but so does one with less loss"
    return choice(answer, best, list(losses), reasons)


def triangle(
    answer: object,
    sizes: FloatArray,
    seconds: FloatArray,
    limit: float,
    price: float,
    gain: float,
) -> Verdict:
    """Check exercise 2: the corner that a latency limit leaves, and the knee of the curve.

    Parameters
    ----------
    answer : object
        The learner's three numbers: batch within the limit, dollars per million items there, knee.
    sizes : array (n,)
        Measured batch sizes, each twice the one before.
    seconds : array (n,)
        Time each batch took.
    limit : float
        Longest batch time allowed, seconds.
    price : float
        Dollars an hour of the card.
    gain : float
        Growth of throughput by doubling the batch below which more batch does not pay.

    Returns
    -------
    Verdict

    Raises
    ------
    ValueError
        If anything but the answer is out of range, no batch keeps the limit, or none is the knee.

    Examples
    --------
    >>> triangle([2, 416.67, 2], [1, 2, 4], [1.0, 1.5, 2.9], limit=2.0, price=2.0, gain=0.1)
    PASS  2, 416.67, 2
    """
    sizes = check.sequence("sizes", sizes, above=0)
    seconds = check.sequence("seconds", seconds, size=sizes.size, above=0)
    limit = check.number("limit", limit, above=0)
    price = check.number("price", price, above=0)
    gain = check.number("gain", gain, above=0, below=1)
    inside = sizes[seconds <= limit]
    if not inside.size:
        raise check.refuse("limit", "at least the time of some batch", limit)
    rate = sizes / seconds
    grows = rate[1:] / rate[:-1] - 1
    flat = np.flatnonzero(grows < gain)
    if not flat.size:
        raise check.refuse("gain", "above the growth of some doubling", gain)
    cost = price / 3600 / rate * 1e6
    allowed, knee = int(np.argmax(np.where(seconds <= limit, sizes, 0))), int(flat[0])
    cheapest = int(np.argmin(cost))
    right = {"batch": sizes[allowed], "dollars": cost[allowed], "knee": sizes[knee]}
    mistakes = {
        "that batch is the cheapest, but it breaks the latency limit": [
            sizes[cheapest],
            cost[cheapest],
            sizes[knee],
        ],
        "the knee is the batch before the doubling that gains too little, not after it": [
            sizes[allowed],
            cost[allowed],
            sizes[knee + 1],
        ],
        "the price is for an hour, the throughput for a second": [
            sizes[allowed],
            3600 * cost[allowed],
            sizes[knee],
        ],
        "that is the price of a batch at a time, not of its items": [
            sizes[allowed],
            cost[allowed] * sizes[allowed],
            sizes[knee],
        ],
    }
    return numbers(answer, right, mistakes=mistakes)


def nightly(
    answer: object,
    users: int,
    asked: FloatArray,
    hour: FloatArray,
    changed: FloatArray,
    batch_cost: float,
    online_cost: float,
) -> Verdict:
    """Check exercise 3: what is stale by day, the break-even, and what the night saves.

    Parameters
    ----------
    answer : object
        The learner's three numbers: stale share, break-even in requests a user, dollars saved.
    users : int
        Users known at night, numbered from 0; an answer is computed for each.
    asked : array (n,) of int
        User of each request; from ``users`` on they are new.
    hour : array (n,)
        Hour of each request after the nightly run.
    changed : array (m,)
        Hour at which each user's data changed, infinite if they did not; for new users too.
    batch_cost, online_cost : float
        Dollars an answer costs by night and by day.

    Returns
    -------
    Verdict

    Raises
    ------
    ValueError
        If anything but the answer is out of range, or every answer is stale.

    Examples
    --------
    >>> nightly([0.5, 0.4, 0.1], 2, [0, 1], [1, 9], [np.inf, 8], batch_cost=0.1, online_cost=0.5)
    FAIL  saved: got 0.1, expected 0.3
    """
    users = check.count("users", users)
    changed = check.sequence("changed", changed, least=0, infinite=True)
    asked = check.sequence("asked", asked, least=0, below=changed.size, whole=True).astype(int)
    hour = check.sequence("hour", hour, size=asked.size, least=0)
    night = check.number("batch_cost", batch_cost, above=0)
    day = check.number("online_cost", online_cost, above=0)
    if not asked.size:
        raise check.refuse("asked", "of length 1 or more", "length 0")
    new, old = asked >= users, changed[asked] < hour
    stale = float((new | old).mean())
    if stale == 1:
        raise check.refuse("changed", "such that some answer is fresh", "none fresh")

    def result(share: float) -> list[float]:
        requests = asked.size
        saved = requests * day - (users * night + share * requests * day)
        return [share, night / ((1 - share) * day), saved]

    right = dict(zip(("stale", "break_even", "saved"), result(stale), strict=True))
    changed_users = float(np.isfinite(changed[:users]).mean())
    wrong = {
        "new users have no answer from the night either": float(old[~new].sum()) / asked.size,
        "an answer that was changed later in the day was still fresh when asked for": float(
            (new | np.isfinite(changed[asked])).mean()
        ),
        "that weighs users alike: those who ask often count as often as they ask": changed_users,
    }
    mistakes = {said: result(share) for said, share in wrong.items() if 0 <= share < 1}
    fresh = result(0.0)
    mistakes["stale answers are computed again by day, and cost the online price too"] = [
        stale,
        fresh[1],
        fresh[2],
    ]
    mistakes["the night computes an answer for every user, not for those who will ask"] = [
        stale,
        right["break_even"],
        asked.size * day - (np.unique(asked[~new]).size * night + stale * asked.size * day),
    ]
    return numbers(answer, right, mistakes=mistakes)


def contract(answer: object, good: Sequence[Any], bad: Mapping[str, Sequence[Any]]) -> Verdict:
    """Check exercise 4: a contract that keeps what it should and refuses what it should.

    Parameters
    ----------
    answer : object
        The learner's `labs.contracts.Contract`.
    good : sequence
        Payloads that it must accept.
    bad : mapping of str to sequence
        Payloads that it must refuse, by the kind of their fault.

    Returns
    -------
    Verdict

    Raises
    ------
    ValueError
        If anything but the answer is out of range.

    Examples
    --------
    >>> contract(Contract({"type": "object"}), [{}], {"malformed": [3], "too long": [{"n": 9}]})
    FAIL  a payload that is too long is accepted: {'n': 9}
    """
    if not isinstance(good, list | tuple):
        raise check.refuse("good", "a list of payloads", good)
    if not isinstance(bad, dict):
        raise check.refuse("bad", "payloads by kind", bad)
    if missing(answer):
        return UNANSWERED
    if not isinstance(answer, Contract):
        return Verdict(False, str(check.refuse("answer", "a Contract", answer)))
    tried = [("good", payload) for payload in good]
    tried += [(kind, payload) for kind, payloads in bad.items() for payload in payloads]
    for kind, payload in tried:
        try:
            found = violations(answer, payload)
        except Exception as problem:
            told = " ".join(f"{type(problem).__name__}: {problem}".split())[:120]
            return Verdict(False, f"your contract raised {told}")
        if kind == "good" and found:
            return Verdict(False, f"a good payload is refused: {str(found[0])[:200]}")
        if kind != "good" and not found:
            shown = " ".join(repr(payload).split())[:120]
            return Verdict(False, f"a payload that is {kind} is accepted: {shown}")
    return Verdict(True, f"{len(tried)} payloads judged")


def alarm(answer: object, requests: FloatArray, errors: FloatArray, target: float) -> Verdict:
    """Check exercise 5: budget spent, burn rate of the alert, and when it goes off.

    The alert goes off in the first minute at the end of which the burn rate of the last hour and
    that of the last five minutes are both at least the one that spends 2% of 30 days' budget in
    an hour.

    Parameters
    ----------
    answer : object
        The learner's three numbers: share spent, burn rate, minute.
    requests, errors : array (n,)
        Requests and failed requests of each minute of a day.
    target : float
        The objective, the share of requests that must succeed.

    Returns
    -------
    Verdict

    Raises
    ------
    ValueError
        If anything but the answer is out of range, or the alert does not go off.

    Examples
    --------
    >>> alarm([0.1389, 14.4, 59], [10] * 60, [10] * 60, target=0.99)
    PASS  0.1389, 14.4, 59
    """
    requests = check.sequence("requests", requests, above=0)
    errors = check.sequence("errors", errors, size=requests.size, least=0)
    target = check.number("target", target, above=0, below=1)
    if requests.size < HOUR:
        raise check.refuse("requests", f"of length {HOUR} or more", f"length {requests.size}")
    burn = slo.alert_windows(30)[0].burn_rate

    def rates(width: int) -> FloatArray:
        window = np.ones(width)
        share = (
            np.convolve(errors, window)[HOUR - 1 : requests.size]
            / np.convolve(requests, window)[HOUR - 1 : requests.size]
        )
        return np.asarray(slo.burn_rate(np.minimum(share, 1.0), target))

    long, short = rates(HOUR), rates(SHORT)

    def first(on: BoolArray) -> float:
        return float(np.argmax(on) + HOUR - 1) if on.any() else -1.0

    minute = first((long >= burn) & (short >= burn))
    if minute < 0:
        raise check.refuse("errors", "such that the alert goes off", "too few")
    spent = float(errors.sum()) / ((1 - target) * float(requests.mean()) * MONTH)
    right = {"spent": spent, "burn": burn, "minute": minute}
    day = float(errors.sum()) / ((1 - target) * float(requests.sum()))
    rate = burn * (1 - target)
    mistakes = {
        "that is the share of one day's budget; the budget is for 30 days": [day, burn, minute],
        "that is the error rate at which it goes off, not the burn rate": [spent, rate, minute],
        "the last five minutes alone burn fast at every hiccup: the hour must agree": [
            spent,
            burn,
            first(short >= burn),
        ],
        "2% of the budget in an hour is 720 times 2%, not 24 times": [spent, 24 * 0.02, minute],
        "minutes count from 0, as the arrays do": [spent, burn, minute + 1],
        "the hour's window ends with the minute it is judged in": [spent, burn, minute - HOUR + 1],
    }
    return numbers(answer, right, tolerance=1e-4, mistakes=mistakes)
