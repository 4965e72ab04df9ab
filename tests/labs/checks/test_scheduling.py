"""Exercises on scheduling: right answers pass, mistakes are named, nothing stumbles."""

from collections.abc import Callable
from itertools import permutations
from typing import Any

import numpy as np
import pytest
from hostile import HOSTILE

from labs import simulation, workload
from labs.checks import Givens, Verdict
from labs.checks import scheduling as check

SHEETS = {"a": (4e14, "sparse", 1.0, "TB/s"), "b": (1e15, "dense", 3000.0, "GiB/s")}
# Ridges: 200 on a (400 by the sparse peak), 310.4 on b (333.3 in powers of ten).
STEPS = {
    "low": (100.0, 1.0, "a"),
    "between": (300.0, 1.0, "a"),
    "footnote": (320.0, 1.0, "b"),
    "high": (900.0, 1.0, "b"),
}
SIDES = ["memory", "compute", "compute", "compute"]
ARRIVAL, SERVICE = [0, 1, 2, 3, 4, 5], [4, 6, 1, 3, 2, 1]
DEADLINE = [5, 12, 20, 9, 19, 7]
LIMIT, SEED = 0.3, 7
CAME = workload.poisson(64.0, 800, np.random.default_rng(1))
WORK = np.random.default_rng(2).gamma(2.0, 0.03, size=800)


def ridge(answer: object) -> Verdict:
    return check.ridge.judge(answer, Givens(steps=STEPS, sheets=SHEETS))


def line(answer: object) -> Verdict:
    return check.line(answer)


def fits(answer: object) -> Verdict:
    return check.fits(answer)


def looks(answer: object) -> Verdict:
    return check.looks.judge(answer, Givens(arrival=CAME, service=WORK, limit=LIMIT, seed=SEED))


CHECKS: dict[str, Callable[[object], Verdict]] = {
    "ridge": ridge,
    "line": line,
    "fits": fits,
    "looks": looks,
}


def starts(order: list[int]) -> list[float]:
    """When jobs start that are served in a given order, in the order of their numbers."""
    free, found = 0.0, [0.0] * len(order)
    for job in order:
        found[job] = max(free, ARRIVAL[job])
        free = found[job] + SERVICE[job]
    return found


def wait(order: list[int]) -> float:
    return sum(a - b for a, b in zip(starts(order), ARRIVAL, strict=True)) / 6


def late(order: list[int]) -> int:
    ends = (a + b for a, b in zip(starts(order), SERVICE, strict=True))
    return sum(end > due for end, due in zip(ends, DEADLINE, strict=True))


FCFS, SJF, EDF = [0, 1, 2, 3, 4, 5], [0, 2, 5, 4, 3, 1], [0, 3, 5, 1, 4, 2]
WAITS = [wait(FCFS), wait(SJF), wait(EDF), late(EDF)]
SEQUENCE = 2 * 32 * 8 * 128 * 2 * 6000
WEIGHTS = 2 * 8_030_261_248
READ = WEIGHTS - 2 * 128_256 * 4096  # the first embedding is looked up
BANDWIDTH = 2039e9


def room(memory: float, weights: float, sequence: float) -> list[float]:
    batch = (memory - weights) // sequence
    return [batch, (READ + batch * sequence) / BANDWIDTH]


MEMORY = 81_920 * 2**20
ROOM = room(MEMORY, WEIGHTS, SEQUENCE)


def fewest(keeps: Callable[[np.ndarray], bool], less: np.ndarray | float = 0.0) -> list[int]:
    found = []
    for policy in ("random", "power_of_two", "shortest_queue"):
        n = 3
        while True:
            draws = np.random.default_rng(SEED)
            path = simulation.routed(CAME, WORK, n, policy, draws)
            if keeps(path.finish - CAME - less):
                break
            n += 1
        found.append(n)
    return found


@pytest.fixture(scope="module")
def fleet() -> list[int]:
    return fewest(lambda sojourn: np.quantile(sojourn, 0.99) <= LIMIT)


# Right answers


def test_right_sides_pass_in_order_and_by_name() -> None:
    assert ridge(SIDES)
    assert ridge(dict(zip(STEPS, SIDES, strict=True)))


def test_waits_by_hand_pass_and_the_takeaway_holds() -> None:
    assert line(WAITS)
    assert late(EDF) == 2
    assert min(late([0, *rest]) for rest in permutations(range(1, 6))) == 1


def test_room_by_hand_passes() -> None:
    assert fits(ROOM)


def test_the_fewest_servers_found_by_trying_pass(fleet: list[int]) -> None:
    assert fleet[0] > fleet[1] >= fleet[2]
    assert looks(fleet)


# Mistakes


@pytest.mark.parametrize(
    ("answer", "diagnosis"),
    [
        (["memory", "memory", "compute", "compute"], "twice what dense work gets"),
        (["memory", "compute", "memory", "compute"], "powers of 2, larger"),
        (["memory", "memory", "memory", "compute"], "halve sparse peaks, and read"),
        (["compute", "memory", "memory", "memory"], "the other way round"),
    ],
)
def test_each_mistake_about_the_ridge_is_named(answer: list[str], diagnosis: str) -> None:
    assert diagnosis in ridge(answer).message


MEAN = sum(SERVICE) / 6


@pytest.mark.parametrize(
    ("answer", "diagnosis"),
    [
        ([*(one + MEAN for one in WAITS[:3]), 2], "that is the sojourn"),
        ([WAITS[0], wait([0, 1, 3, 4, 2, 5]), *WAITS[2:]], "not the longest"),
        ([*WAITS[:3], 4], "the jobs in time"),
        ([*WAITS[:3], 0], "not if it begins"),
        ([WAITS[0], WAITS[1], WAITS[2] * 1000, 2], "milliseconds"),
    ],
)
def test_each_mistake_about_the_line_is_named(answer: list[float], diagnosis: str) -> None:
    assert diagnosis in line(answer).message


def test_an_interrupted_order_and_an_early_one_are_named() -> None:
    # SRPT by the second: the least remaining work of those that have come.
    left, ends = list(map(float, SERVICE)), [0.0] * 6
    for now in range(17):
        there = [job for job in range(6) if ARRIVAL[job] <= now and left[job] > 0]
        job = min(there, key=lambda one: (left[one], one))
        left[job] -= 1
        ends[job] = now + 1.0
    srpt = sum(e - a - s for e, a, s in zip(ends, ARRIVAL, SERVICE, strict=True)) / 6
    assert "that is SRPT" in line([WAITS[0], srpt, *WAITS[2:]]).message

    def at_once(order: list[int]) -> float:
        return sum(sum(SERVICE[job] for job in order[:i]) for i in range(6)) / 6

    by_length = sorted(range(6), key=lambda job: (SERVICE[job], job))
    by_deadline = sorted(range(6), key=DEADLINE.__getitem__)
    early = [at_once(FCFS), at_once(by_length), at_once(by_deadline), 2]
    assert "before it has arrived" in line(early).message


@pytest.mark.parametrize(
    ("answer", "diagnosis"),
    [
        (room(MEMORY, WEIGHTS, 4 * SEQUENCE), "only KV heads"),
        (room(MEMORY, WEIGHTS, SEQUENCE / 2), "twice the bytes"),
        (room(MEMORY, 0, SEQUENCE), "weights are in the memory"),
        (room(80e9, WEIGHTS, SEQUENCE), "what the driver reports"),
        ([ROOM[0], (WEIGHTS + ROOM[0] * SEQUENCE) / BANDWIDTH], "looked up and not read"),
        ([ROOM[0], READ / BANDWIDTH], "reads every cache too"),
        ([ROOM[0], ROOM[0] * SEQUENCE / BANDWIDTH], "reads the weights too"),
        ([ROOM[0], 1000 * ROOM[1]], "milliseconds"),
    ],
)
def test_each_mistake_about_room_is_named(answer: list[float], diagnosis: str) -> None:
    assert diagnosis in fits(answer).message


def test_each_mistake_about_the_fleet_is_named(fleet: list[int]) -> None:
    mean = fewest(lambda sojourn: sojourn.mean() <= LIMIT)
    waits = fewest(lambda waiting: np.quantile(waiting, 0.99) <= LIMIT, less=WORK)
    for answer, diagnosis in (
        (mean, "not the 99th percentile"),
        (waits, "not on the wait"),
        ([4, 4, 4], "for the load"),
        ([fleet[0] + 1, *fleet[1:]], "one too many"),
        ([fleet[0] - 1, *fleet[1:]], "one too few"),
    ):
        assert answer != fleet
        assert diagnosis in looks(answer).message, answer


# Hostile answers


@pytest.mark.parametrize("exercise", CHECKS)
@pytest.mark.parametrize("answer", HOSTILE, ids=lambda answer: type(answer).__name__)
def test_no_answer_makes_a_check_stumble(exercise: str, answer: Any) -> None:
    verdict = CHECKS[exercise](answer)
    assert not verdict
    assert "\n" not in verdict.message
    assert 5 < len(verdict.message) < 300
    assert ("no answer yet" in verdict.message) == (answer is None or answer is ...)
