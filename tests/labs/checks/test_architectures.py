"""Exercises on architectures: right answers pass, mistakes are named, nothing stumbles."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hostile import HOSTILE

from labs import gateways
from labs.checks import Givens, Verdict
from labs.checks import architectures as check

LETTERS, NAMES = [4, 1, 9], 170
# Payloads of 182, 179 and 187 bytes, each with two hexadecimal digits and four bytes of line ends.
EVENTS = (182 + 6) + (179 + 6) + (187 + 6) + 5
GRPC = 4 + 1 + 9 + 3 * (2 + 5 + 9)
ARRIVAL, TTFT = [0.0, 1.0, 2.0, 9.0], [1.0, 1.0, 1.0, 1.0]
TOKENS, TPOT = [21, 41, 11, 11], [100.0, 100.0, 100.0, 100.0]
# They last 3, 5, 2 and 2 s: open from 0 to 3, 1 to 6, 2 to 4, 9 to 11.
HELD = [12 / 20, 3]
STORM = {"outage": 30, "seconds": 400, "left": 0.5}
SERVICE = {"capacity": 100.0, "demand": 70, "waste": 0.3, "tries": 4}
SAYS = [0.2, 0.5, 0.8, 0.9]
SMALL, LARGE = [False, False, True, True], [True, True, True, False]
GRID = [0.0, 0.3, 0.6, 0.85, 1.0]
PRICES = {"small_price": 1.0, "large_price": 10.0, "give": 0.0, "grid": GRID}


def weights(answer: object) -> Verdict:
    return check.weights.judge(answer, Givens(letters=LETTERS, names=NAMES))


def held(answer: object) -> Verdict:
    given = Givens(arrival=ARRIVAL, ttft=TTFT, tokens=TOKENS, tpot_ms=TPOT, seconds=20.0)
    return check.held.judge(answer, given)


def recovers(answer: object) -> Verdict:
    return check.recovers.judge(answer, Givens(**SERVICE, **STORM))


def threshold(answer: object) -> Verdict:
    given = Givens(says=SAYS, small_right=SMALL, large_right=LARGE, **PRICES)
    return check.threshold.judge(answer, given)


CHECKS: dict[str, Callable[[object], Verdict]] = {
    "weights": weights,
    "held": held,
    "recovers": recovers,
    "threshold": threshold,
}


def well(demand: float, tries: int) -> bool:
    return gateways.storm(demand, 100.0, tries, waste=0.3, **STORM).after >= 0.99


SAFE = [
    next(k for k in range(1, 20) if not well(70, k + 1)),
    next(d for d in range(50, 100) if not well(d + 1, 4)),
]

# Right answers


def test_bytes_counted_by_hand_pass() -> None:
    assert weights([EVENTS, GRPC])
    assert weights({"events": EVENTS, "gRPC": GRPC})


def test_connections_counted_by_hand_pass() -> None:
    assert held(HELD)


def test_one_that_ends_as_another_begins_is_no_more() -> None:
    assert check._most(np.array([0.0, 1.0]), np.array([1.0, 2.0])) == 1


def test_what_recovers_passes() -> None:
    assert SAFE[0] > 1
    assert 70 < SAFE[1] < 100
    assert recovers(SAFE)


def test_the_threshold_by_hand_passes() -> None:
    # Large alone is right on 3 of 4. Handed up below 0.3: 3 of 4 as well, at 1 + 10/4.
    assert threshold([0.3, 3.5])


@pytest.mark.parametrize("seed", range(4))
def test_more_tries_or_more_demand_never_help(seed: int) -> None:
    given = check.recovers.draw(seed)
    check.recovers.draw(7)
    found = [
        gateways.storm(given.demand, given.capacity, k, waste=given.waste, **STORM).after >= 0.99
        for k in range(1, 21)
    ]
    assert found == sorted(found, reverse=True)
    assert 2 <= sum(found) < 20


# Mistakes


@pytest.mark.parametrize(
    ("answer", "diagnosis"),
    [
        ([182 + 179 + 187, GRPC], "a chunk has its length before"),
        ([EVENTS - 5, GRPC], "the empty chunk"),
        ([EVENTS - 6, GRPC], "hexadecimal digits"),
        ([EVENTS - 24, GRPC], "'data: ' before it"),
        ([EVENTS, GRPC - 15], "five bytes before"),
        ([EVENTS, GRPC - 18], "a frame of its own"),
        ([EVENTS, GRPC - 6], "a byte of length"),
    ],
)
def test_each_mistake_about_bytes_is_named(answer: list[float], diagnosis: str) -> None:
    assert diagnosis in weights(answer).message


@pytest.mark.parametrize(
    ("answer", "diagnosis"),
    [
        ([4 / 20, 1], "not until the first"),
        ([8 / 20, 2], "while the prompt is read"),
        ([12.4 / 20, 3], "one gap less"),
        ([8004 / 20, 4], "in milliseconds"),
        ([0.6, 0.6], "not the mean"),
    ],
)
def test_each_mistake_about_connections_is_named(answer: list[float], diagnosis: str) -> None:
    assert diagnosis in held(answer).message


def test_looking_once_a_second_is_named() -> None:
    given = Givens(
        arrival=[0.1, 0.3], ttft=[0.5, 0.5], tokens=[1, 1], tpot_ms=[20.0, 20.0], seconds=10.0
    )
    assert check.held.judge([0.1, 2], given)
    assert check.held.judge([0.1, 0], given).message.count("whole seconds") == 1


def test_each_mistake_about_recovery_is_named() -> None:
    for answer, diagnosis in (
        ([SAFE[0] + 1, SAFE[1]], "first number of tries"),
        ([1, SAFE[1]], "for a while"),
        ([SAFE[0], 25], "that demand is safe"),
        ([SAFE[0], 100], "while nothing fails"),
        ([SAFE[0], SAFE[1] + 1], "the first that does not"),
    ):
        assert diagnosis in recovers(answer).message, answer


@pytest.mark.parametrize(
    ("answer", "diagnosis"),
    [
        ([0.3, 0.75 + 2.5], "pay for both"),
        ([0.6, 6.0], "the most accurate"),
        ([0.85, 8.5], "boasts"),
    ],
)
def test_each_mistake_about_the_threshold_is_named(answer: list[float], diagnosis: str) -> None:
    assert diagnosis in threshold(answer).message


def test_on_drawn_questions_the_other_mistakes_are_named() -> None:
    given = check.threshold.draw(7)
    says, grid = given.says, given.grid
    alone = given.large_right.mean()
    right = np.array(
        [np.where(says < t, given.large_right, given.small_right).mean() for t in grid]
    )
    strict = int((right >= alone).argmax())
    answer = [grid[strict], given.small_price + given.large_price * (says < grid[strict]).mean()]
    assert "own accuracy is not needed" in check.threshold(answer).message or (
        strict == right.argmax()
    )
    backwards = np.array(
        [np.where(says >= t, given.large_right, given.small_right).mean() for t in grid]
    )
    last = np.flatnonzero(backwards >= alone - given.give - 1e-12).max()
    cost = given.small_price + given.large_price * (says >= grid[last]).mean()
    assert "not what it is sure of" in check.threshold([grid[last], cost]).message


# Hostile answers


@pytest.mark.parametrize("exercise", CHECKS)
@pytest.mark.parametrize("answer", HOSTILE, ids=lambda answer: type(answer).__name__)
def test_no_answer_makes_a_check_stumble(exercise: str, answer: Any) -> None:
    verdict = CHECKS[exercise](answer)
    assert not verdict
    assert "\n" not in verdict.message
    assert 5 < len(verdict.message) < 300
    assert ("no answer yet" in verdict.message) == (answer is None or answer is ...)
