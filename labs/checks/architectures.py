"""Checks of the exercises on serving architectures."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from labs import gateways, wire
from labs.checks.answers import Verdict, numbers
from labs.checks.exercise import Givens, exercise
from labs.validation import BoolArray, FloatArray

MOST_TRIES = 20
RECOVERED = 0.99


def _pieces(seed: int) -> Mapping[str, Any]:
    rng = np.random.default_rng(seed)
    return {"letters": rng.integers(1, 12, size=120), "names": int(rng.integers(150, 220))}


@exercise(_pieces)
def weights(answer: object, given: Givens) -> Verdict:
    """Check exercise 1: bytes of a streamed answer's body as events in chunks, and by gRPC.

    A token's event has a JSON object of ``names`` bytes and the token's letters.

    Examples
    --------
    >>> weights([1, 2])
    FAIL  events: got 1 bytes: not right, and none of the usual slips
    """
    letters, names = np.asarray(given.letters), int(given.names)
    payloads = [8 + names + int(size) for size in letters]  # "data: ", and two line ends

    def chunks(digits: bool = True, ends: int = 4, last: int = 5) -> float:
        lengths = (len(f"{size:x}") if digits else 0 for size in payloads)
        return float(sum(payloads) + sum(lengths) + ends * len(payloads) + last)

    events = chunks()
    messages = [2 + int(size) for size in letters]
    grpc = float(sum(wire.http2_data(5 + size) for size in messages))
    count = len(messages)
    mistakes = {
        "a chunk has its length before it and a line end after it, too": [
            float(sum(payloads)),
            grpc,
        ],
        "the empty chunk that ends the answer is missing": [chunks(last=0), grpc],
        "the length's hexadecimal digits are bytes too": [chunks(digits=False), grpc],
        "a chunk has two line ends of two bytes: after its length and after its payload": [
            chunks(ends=2),
            grpc,
        ],
        "each event has 'data: ' before it and two line ends after it": [
            chunks() - 8 * count,
            grpc,
        ],
        "each message has five bytes before it, and each frame nine": [
            events,
            float(sum(messages) + 9 * count),
        ],
        "each token is a frame of its own, with nine bytes before it": [
            events,
            float(sum(messages) + 5 * count + 9),
        ],
        "a field has a byte of number and kind and a byte of length": [
            events,
            float(letters.sum() + 14 * count),
        ],
    }
    return numbers(answer, {"events": events, "gRPC": grpc}, "bytes", 1e-5, mistakes)


def _log(seed: int) -> Mapping[str, Any]:
    rng = np.random.default_rng(seed)
    arrival = np.sort(rng.uniform(0, 600, size=int(rng.integers(1500, 2500))))
    return {
        "arrival": arrival,
        "ttft": rng.gamma(4.0, 0.1, size=arrival.size),
        "tokens": rng.integers(50, 500, size=arrival.size),
        "tpot_ms": rng.normal(25, 3, size=arrival.size).clip(15),
    }


@exercise(_log, seconds=600.0)
def held(answer: object, given: Givens) -> Verdict:
    """Check exercise 2: connections open on average in the log's ten minutes, and at the most.

    Examples
    --------
    >>> held([1, 2])
    FAIL  mean: got 1: not right, and none of the usual slips
    """
    arrival, ttft = np.asarray(given.arrival), np.asarray(given.ttft)
    gaps = np.asarray(given.tokens) - 1
    pace = np.asarray(given.tpot_ms) / 1e3
    whole = ttft + gaps * pace

    def open_at_a_time(lasts: FloatArray) -> list[float]:
        return [float(lasts.sum() / given.seconds), float(_most(arrival, arrival + lasts))]

    mean, most = open_at_a_time(whole)
    mistakes = {
        "a connection is open until the last token, not until the first": open_at_a_time(ttft),
        "the connection is open while the prompt is read, too": open_at_a_time(gaps * pace),
        "a later token follows at a gap each: one gap less than tokens": open_at_a_time(
            whole + pace
        ),
        "the gaps are in milliseconds": open_at_a_time(ttft + gaps * pace * 1e3),
        "that is the most at the ends of whole seconds: look at each arrival": [
            mean,
            float(_seen(arrival, arrival + whole)),
        ],
        "the most is not the mean: count those open at each arrival": [mean, mean],
    }
    return numbers(answer, {"mean": mean, "most": most}, "", 2e-3, mistakes)


def _most(start: FloatArray, end: FloatArray) -> int:
    """Return the most that are open at a time; one that ends as another begins is no more."""
    at = np.concatenate([end, start])
    step = np.concatenate([-np.ones(end.size), np.ones(start.size)])
    return int(np.cumsum(step[np.lexsort((step, at))]).max())


def _seen(start: FloatArray, end: FloatArray) -> int:
    """Return the most that are open where one looks once a second."""
    seconds = np.arange(np.ceil(end.max()) + 1)[:, None]
    return int(((start <= seconds) & (seconds < end)).sum(axis=1).max())


def _service(seed: int) -> Mapping[str, Any]:
    rng = np.random.default_rng(seed)
    capacity = float(rng.integers(20, 40) * 10)
    return {
        "capacity": capacity,
        "demand": round(capacity * float(rng.uniform(0.62, 0.72))),
        "waste": float(rng.choice([0.25, 0.3, 0.35])),
        "tries": 4,
    }


@exercise(_service, outage=30, seconds=400, left=0.5)
def recovers(answer: object, given: Givens) -> Verdict:
    """Check exercise 3: the most tries, and the most demand at four tries, that recover.

    Asked for are the most tries with which the demand given is answered to 99% at the end, at most
    20, and the largest whole demand that is, with the tries given.

    Examples
    --------
    >>> recovers([1, 2])
    FAIL  tries: got 1: not right, and none of the usual slips
    """
    fixed = {
        "outage": given.outage,
        "seconds": given.seconds,
        "left": given.left,
        "waste": given.waste,
    }

    def ends_well(demand: float, tries: int) -> bool:
        return gateways.storm(demand, given.capacity, tries, **fixed).after >= RECOVERED

    tries = max((k for k in range(1, MOST_TRIES + 1) if ends_well(given.demand, k)), default=0)
    demand = int(given.capacity)
    while demand > 1 and not ends_well(demand, given.tries):
        demand -= 1
    at_once = int(given.capacity // given.demand)
    mistakes = {
        "that is the first number of tries that does not recover": [tries + 1, demand],
        "calls may exceed the capacity for a while, and the service still recovers": [
            at_once,
            demand,
        ],
        "that demand is safe, since not even four tries of all exceed the capacity; more is": [
            tries,
            int(given.capacity // given.tries),
        ],
        "at that demand the service is well only while nothing fails": [
            tries,
            int(given.capacity),
        ],
        "that demand is the first that does not recover": [tries, demand + 1],
    }
    expected = {"tries": float(tries), "demand": float(demand)}
    return numbers(answer, expected, "", 1e-6, mistakes)


def _questions(seed: int) -> Mapping[str, Any]:
    rng = np.random.default_rng(seed)
    chance = rng.beta(4.0, 1.2, size=5000)
    return {
        "says": np.round(chance ** (1 / rng.uniform(1.6, 2.4)), 3),
        "small_right": rng.random(chance.size) < chance,
        "large_right": rng.random(chance.size) < 0.84 + 0.14 * chance,
    }


@exercise(
    _questions,
    small_price=0.4,
    large_price=5.0,
    give=0.01,
    grid=np.round(np.arange(0, 1.0005, 0.01), 2),
)
def threshold(answer: object, given: Givens) -> Verdict:
    """Check exercise 4: the cheapest threshold that loses at most a point, and its cost.

    Questions whose ``says`` is below the threshold are handed up. Asked for are the least threshold
    of the grid at which the accuracy is at least that of the large model less ``give``, and
    what an answer costs there, in dollars for a thousand.

    Examples
    --------
    >>> threshold([0.5, 1.0])
    FAIL  threshold: got 0.5: not right, and none of the usual slips
    """
    says, grid = np.asarray(given.says), np.asarray(given.grid)
    small, large = np.asarray(given.small_right), np.asarray(given.large_right)
    alone = float(large.mean())

    def cost(up: BoolArray, small_for_all: bool = True) -> float:
        paid = given.small_price if small_for_all else given.small_price * float((~up).mean())
        return float(paid + given.large_price * up.mean())

    ups = [says < cut for cut in grid]
    right = np.array([np.where(up, large, small).mean() for up in ups])
    enough = right >= alone - given.give - 1e-12
    at = int(enough.argmax())
    best = int(right.argmax())
    strict = int((right >= alone - 1e-12).argmax())
    trusted = int(np.abs(grid - alone).argmin())
    reverse = [says >= cut for cut in grid]
    backwards = np.array([np.where(up, large, small).mean() for up in reverse])
    last = int(np.flatnonzero(backwards >= alone - given.give - 1e-12).max(initial=0))
    mistakes = {
        "the small model answers every question: those handed up pay for both": [
            grid[at],
            cost(ups[at], small_for_all=False),
        ],
        "that threshold is the most accurate; the cheapest that is accurate enough is lower": [
            grid[best],
            cost(ups[best]),
        ],
        "a point may be lost: the large model's own accuracy is not needed": [
            grid[strict],
            cost(ups[strict]),
        ],
        "the small model boasts: find the threshold on labels, not by what it says": [
            grid[trusted],
            cost(ups[trusted]),
        ],
        "hand up what the small model is unsure of, not what it is sure of": [
            grid[last],
            cost(reverse[last]),
        ],
    }
    expected = {"threshold": float(grid[at]), "cost": cost(ups[at])}
    return numbers(answer, expected, "", 2e-3, mistakes)
