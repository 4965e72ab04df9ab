"""Checks of the exercises on why serving is not training."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from labs import economics, hardware, slo
from labs import validation as check
from labs.checks.answers import Verdict, choice, numbers
from labs.checks.exercise import Givens, exercise
from labs.contracts import Contract, violations
from labs.validation import BoolArray, FloatArray

HOUR, MONTH = 60, 30 * 24 * 60  # minutes
SHORT = 5

CANDIDATES = {
    "70B bf16 on 2 H200": ("Llama-3.1-70B", 2, "H200", "bf16", 1.60),
    "70B int8 on 1 H100": ("Llama-3.1-70B", 1, "H100", "int8", 1.62),
    "70B int8 on 2 H100": ("Llama-3.1-70B", 2, "H100", "int8", 1.62),
    "8x7B int8 on 1 A100": ("Mixtral-8x7B", 1, "A100-80", "int8", 1.70),
    "8B bf16 on 1 A100": ("Llama-3.1-8B", 1, "A100-80", "bf16", 1.74),
    "8B int8 on 1 A100": ("Llama-3.1-8B", 1, "A100-80", "int8", 1.75),
    "8B int8 on 1 L4": ("Llama-3.1-8B", 1, "L4", "int8", 1.75),
    "13B bf16 on 1 A100": ("Llama-2-13B", 1, "A100-80", "bf16", 1.81),
}


@exercise(candidates=CANDIDATES, batch=32, context=2000, tpot=0.040, dollars=1.00)
def model(answer: object, given: Givens) -> Verdict:
    """Check exercise 1: the least loss among the candidates that keep every limit.

    A candidate is a model, the number of devices, the device, the type of weights and cache, and
    the loss. An engine must have room for ``batch`` sequences of ``context`` tokens; a step may
    take ``tpot`` seconds, a million output tokens cost ``dollars``, up to the forecast's high end.

    Examples
    --------
    >>> model("70B int8 on 1 H100")
    FAIL  got 70B int8 on 1 H100: an engine has no room for this batch's cache
    """
    limits = {
        "it is likely to need longer than the limit for a step": given.tpot,
        "a million tokens of it are likely to cost more than the limit": given.dollars,
    }
    broken: dict[str, list[str]] = {}
    losses: dict[str, float] = {}
    batch, context = given.batch, given.context
    for name, (kind, count, card, dtype, loss) in given.candidates.items():
        losses[name] = loss
        if hardware.kv_room(kind, card, dtype, devices=count) < batch * context:
            broken[name] = ["an engine has no room for this batch's cache"]
            continue
        step = hardware.forecast(kind, card, batch, context, dtype, devices=count)
        price = count * (hardware.device_of(card).price or 0.0)
        found = (step, step * economics.dollars_per_million(price, batch))
        pairs = list(zip(limits.items(), found, strict=True))
        broken[name] = [said for (said, limit), value in pairs if value.mid > limit]
        if not broken[name] and any(value.high > limit for (_, limit), value in pairs):
            broken[name] = ["it is likely to keep the limits, but not at the forecast's high end"]
    feasible = {name: losses[name] for name in losses if not broken[name]}
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


def _card(seed: int) -> Mapping[str, Any]:
    rng = np.random.default_rng(seed)
    fixed, slope = rng.uniform([2.0e-3, 0.10e-3], [4.0e-3, 0.14e-3])
    sizes = 2 ** np.arange(10)
    seconds = (fixed + slope * sizes) * rng.uniform(0.98, 1.02, size=sizes.size)
    return {"sizes": sizes, "seconds": seconds}


@exercise(_card, limit=0.030, price=2.50, gain=0.25)
def triangle(answer: object, given: Givens) -> Verdict:
    """Check exercise 2: the corner that a latency limit leaves, and where the curve turns.

    Asked for are the largest batch within the limit, dollars per million items there, and the
    smallest batch whose doubling raises throughput by less than ``gain``. Sheets of earlier
    versions call the last one ``knee``.

    Examples
    --------
    >>> triangle([128, 0.1])
    FAIL  answer must be 3 numbers: batch, dollars, turn, got [128, 0.1]
    """
    sizes, seconds, limit = np.asarray(given.sizes), np.asarray(given.seconds), given.limit
    if isinstance(answer, Mapping) and "knee" in answer and "turn" not in answer:
        answer = {"turn" if name == "knee" else name: value for name, value in answer.items()}
    rate = sizes / seconds
    grows = rate[1:] / rate[:-1] - 1
    cost = given.price / 3600 / rate * 1e6
    allowed = int(np.argmax(np.where(seconds <= limit, sizes, 0)))
    turn = int(np.flatnonzero(grows < given.gain)[0])
    cheapest = int(np.argmin(cost))
    right = {"batch": sizes[allowed], "dollars": cost[allowed], "turn": sizes[turn]}
    mistakes = {
        "that batch is the cheapest, but it breaks the latency limit": [
            sizes[cheapest],
            cost[cheapest],
            sizes[turn],
        ],
        "it turns at the batch before the doubling that gains too little, not after it": [
            sizes[allowed],
            cost[allowed],
            sizes[turn + 1],
        ],
        "the price is for an hour, the throughput for a second": [
            sizes[allowed],
            3600 * cost[allowed],
            sizes[turn],
        ],
        "that is the price of a batch at a time, not of its items": [
            sizes[allowed],
            cost[allowed] * sizes[allowed],
            sizes[turn],
        ],
    }
    return numbers(answer, right, mistakes=mistakes)


def _day(seed: int) -> Mapping[str, Any]:
    rng = np.random.default_rng(seed)
    users = 20_000
    asked = rng.zipf(1.3, size=60_000) % (users + 3_000)
    hour = np.sort(rng.uniform(0, 24, size=asked.size))
    changed = np.full(users + 3_000, np.inf)
    touched = rng.random(changed.size) < 0.4
    changed[touched] = rng.uniform(0, 24, size=touched.sum())
    return {"users": users, "asked": asked, "hour": hour, "changed": changed}


@exercise(_day, batch_cost=0.4e-3, online_cost=1.5e-3)
def nightly(answer: object, given: Givens) -> Verdict:
    """Check exercise 3: what is stale by day, the break-even, and what the night saves.

    Users from ``users`` on are new; ``changed`` is the hour at which each user's data changed,
    infinite if they did not. Asked for are the stale share, the break-even in requests a user,
    and the dollars saved.

    Examples
    --------
    >>> nightly(None)
    FAIL  no answer yet: replace the ... in the answer cell
    """
    users, night, day = given.users, given.batch_cost, given.online_cost
    asked, hour, changed = map(np.asarray, (given.asked, given.hour, given.changed))
    new, old = asked >= users, changed[asked] < hour
    stale = float((new | old).mean())

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


GOOD = [
    {"prompt_tokens": 1, "max_tokens": 1},
    {"prompt_tokens": 2048, "max_tokens": 2048, "stop": []},
    {"prompt_tokens": 4000, "max_tokens": 96, "temperature": 2.0, "n": 8},
    {"prompt_tokens": 10, "max_tokens": 5, "temperature": 0, "n": 1},
    {"prompt_tokens": 10, "max_tokens": 5, "temperature": 0},
    {"prompt_tokens": 10, "max_tokens": 5, "n": 3, "stop": ["a", "b", "c", "d"]},
]
BAD = {
    "malformed": [
        ["prompt_tokens", 5],
        {"prompt_tokens": 10},
        {"prompt_tokens": "10", "max_tokens": 5},
        {"prompt_tokens": True, "max_tokens": 5},
        {"prompt_tokens": 10.5, "max_tokens": 5},
        {"prompt_tokens": 10, "max_tokens": 5, "max_token": 9},
        {"prompt_tokens": 10, "max_tokens": 5, "stop": "end"},
        {"prompt_tokens": 10, "max_tokens": 5, "temperature": None},
    ],
    "out of range": [
        {"prompt_tokens": 0, "max_tokens": 5},
        {"prompt_tokens": 10, "max_tokens": 2049},
        {"prompt_tokens": 10, "max_tokens": 5, "temperature": 2.1},
        {"prompt_tokens": 10, "max_tokens": 5, "temperature": -0.1},
        {"prompt_tokens": 10, "max_tokens": 5, "n": 9},
        {"prompt_tokens": 10, "max_tokens": 5, "stop": ["a", ""]},
        {"prompt_tokens": 10, "max_tokens": 5, "stop": list("abcde")},
    ],
    "semantically wrong": [
        {"prompt_tokens": 2049, "max_tokens": 2048},
        {"prompt_tokens": 5000, "max_tokens": 1},
        {"prompt_tokens": 10, "max_tokens": 5, "temperature": 0, "n": 2},
    ],
}


@exercise(good=GOOD, bad=BAD)
def contract(answer: object, given: Givens) -> Verdict:
    """Check exercise 4: a contract that keeps what it should and refuses what it should.

    Examples
    --------
    >>> contract(Contract({"type": "object"}))
    FAIL  a payload that is malformed is accepted: {'prompt_tokens': 10}
    """
    if not isinstance(answer, Contract):
        return Verdict(False, reason=str(check.refuse("answer", "a Contract", answer)))
    tried = [("good", payload) for payload in given.good]
    tried += [(kind, payload) for kind, payloads in given.bad.items() for payload in payloads]
    for kind, payload in tried:
        try:
            found = violations(answer, payload)
        except Exception as problem:
            told = " ".join(f"{type(problem).__name__}: {problem}".split())[:120]
            return Verdict(False, reason=f"your contract raised {told}")
        if kind == "good" and found:
            return Verdict(False, reason=f"a good payload is refused: {str(found[0])[:200]}")
        if kind != "good" and not found:
            shown = " ".join(repr(payload).split())[:120]
            return Verdict(False, reason=f"a payload that is {kind} is accepted: {shown}")
    return Verdict(True, f"{len(tried)} payloads judged")


def _outage(seed: int) -> Mapping[str, Any]:
    rng = np.random.default_rng(seed)
    requests = rng.poisson(2400, size=1440)
    failing = np.full(1440, 2e-4)
    hiccup, outage = rng.integers([200, 700], [500, 1000])
    failing[hiccup : hiccup + 4] = 0.06
    failing[outage : outage + 70] = rng.uniform(0.025, 0.05)
    errors = rng.binomial(requests, failing)
    return {"requests": requests, "errors": errors, "hiccup": hiccup, "outage": outage}


@exercise(_outage, objective=0.999)
def alarm(answer: object, given: Givens) -> Verdict:
    """Check exercise 5: budget spent, burn rate of the alert, and when it goes off.

    The alert goes off in the first minute at the end of which the burn rate of the last hour and
    that of the last five minutes are both at least the one that spends 2% of 30 days' budget in
    an hour.

    Examples
    --------
    >>> alarm([0.1, 0.48, 800])
    FAIL  spent: got 0.1: not right, and none of the usual slips
    """
    requests, errors = np.asarray(given.requests), np.asarray(given.errors)
    target = given.objective
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
        return float(np.argmax(on) + HOUR - 1)

    minute = first((long >= burn) & (short >= burn))
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
