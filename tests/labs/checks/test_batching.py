"""Exercise checks: right answers pass, usual mistakes are named, nothing makes them stumble."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hostile import HOSTILE
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq

from labs import checks, queueing
from labs.checks import batching as check
from labs.engine import Engine, StepTime
from labs.workload import azure_chat

LENGTHS = [12, 85, 7, 31, 44, 40, 42, 46, 3, 120, 5, 8]
SIZES, SECONDS = [1, 2, 4, 8, 64], [0.0111, 0.0121, 0.0141, 0.0181, 0.0741]
PER_ITEM, SETUP, LIMIT = 0.5e-3, 2e-3, 20e-3
STEP = StepTime(base=7e-3, prefill_token=90e-6, sequence=30e-6, kv_token=0.25e-6)
BUDGETS = [96, 128, 192, 256, 384, 512]
REQUESTS = azure_chat(400, 3.0, np.random.default_rng(7))
CURVE = checks.Givens(sizes=SIZES, seconds=SECONDS, share=0.8)


def traffic(tpot: float, budgets: list[int] = BUDGETS) -> checks.Givens:
    return checks.Givens(
        budgets=budgets, tpot=tpot, requests=REQUESTS, step=STEP, kv_tokens=110_000
    )


def useful_share(answer: object) -> checks.Verdict:
    return check.useful_share(answer)


def knee(answer: object) -> checks.Verdict:
    return check.knee.judge(answer, CURVE)


def highest_rate(answer: object) -> checks.Verdict:
    return check.highest_rate(answer)


def tails(statistic: Callable[[np.ndarray], float]) -> dict[int, float]:
    found = {}
    for budget in BUDGETS:
        engine = Engine(STEP, kv_tokens=110_000, policy="chunked", token_budget=budget)
        found[budget] = float(statistic(engine.run(REQUESTS).tpot))
    return found


@pytest.fixture(scope="module")
def p99() -> dict[int, float]:
    return tails(lambda tpot: np.nanquantile(tpot, 0.99))


def right_share() -> float:
    # Longest of each four: 85, 46, 120, so 4·(85 + 46 + 120) slots for 443 tokens.
    return sum(LENGTHS) / (4 * (85 + 46 + 120))


def right_knee() -> int:
    slope, setup = np.polyfit(SIZES, SECONDS, 1)
    return math.ceil(0.8 / 0.2 * setup / slope)


def right_rate() -> float:
    def excess(rate: float) -> float:
        return queueing.batch_server(rate, PER_ITEM, SETUP).mean_latency - LIMIT

    return brentq(excess, 1.0, 0.999 / PER_ITEM)


CHECKS = {"share": useful_share, "knee": knee, "rate": highest_rate}
RIGHT = {"share": right_share, "knee": right_knee, "rate": right_rate}


@pytest.mark.parametrize("exercise", CHECKS)
@pytest.mark.parametrize("kind", [float, np.float64, np.array], ids=lambda kind: kind.__name__)
def test_the_right_answer_passes_in_any_kind_of_number(exercise: str, kind: Any) -> None:
    verdict = CHECKS[exercise](kind(RIGHT[exercise]()))
    assert verdict.passed
    assert bool(verdict)
    assert repr(verdict).startswith("PASS")


@pytest.mark.parametrize("exercise", CHECKS)
def test_a_wrong_answer_fails_with_what_was_got_and_expected(exercise: str) -> None:
    expected = RIGHT[exercise]()
    verdict = CHECKS[exercise](expected * 7.123 + 3)
    assert not verdict
    assert repr(verdict).startswith("FAIL")
    assert f"got {expected * 7.123 + 3:.6g}" in verdict.message
    assert f"expected {expected:.6g}" in verdict.message


def test_the_right_budget_passes_and_every_other_fails(p99: dict[int, float]) -> None:
    target = p99[256]
    largest = max(budget for budget in BUDGETS if p99[budget] <= target)
    for budget in (96, largest, 512):
        verdict = check.budget.judge(budget, traffic(target))
        assert verdict.passed == (budget == largest), verdict


# Mistakes


def test_each_mistake_about_useful_work_is_named() -> None:
    shares = [sum(LENGTHS[i : i + 4]) / (4 * max(LENGTHS[i : i + 4])) for i in (0, 4, 8)]
    for answer, diagnosis in (
        (1 - right_share(), "share wasted"),
        (sum(LENGTHS) / (12 * 120), "its own longest"),
        (sum(shares) / 3, "mean of the batches"),
        (100 * right_share(), "percentage"),
        (1 / right_share(), "reciprocal"),
    ):
        assert diagnosis in useful_share(answer).message


def test_each_mistake_about_the_knee_is_named() -> None:
    slope, setup = np.polyfit(SIZES, SECONDS, 1)
    for answer, diagnosis in (
        (math.floor(4 * setup / slope), "round up"),
        (math.ceil(4 * slope / setup), "swapped"),
        (math.ceil(setup / slope), "half of peak"),
        (math.ceil(0.8 * setup / slope), "share / (1 - share)"),
        (right_knee() + 1, "one too many"),
        (-right_knee(), "sign"),
    ):
        assert diagnosis in knee(answer).message, answer


@pytest.mark.parametrize(("share", "swapped"), [(0.8, 20), (0.9, 45)])
def test_a_swap_is_named_where_an_item_costs_more_than_the_setup(
    share: float, swapped: int
) -> None:
    # 5 s an item and 1 s of setup; 0.8 / 0.2 is a little above 4 in floating point.
    verdict = check.knee.judge(
        swapped, checks.Givens(sizes=[1, 2, 4], seconds=[6.0, 11.0, 21.0], share=share)
    )
    assert "swapped" in verdict.message


def test_each_mistake_about_the_rate_is_named() -> None:
    for answer, diagnosis in (
        (1 / PER_ITEM, "steady state"),
        (1 / (PER_ITEM + SETUP), "never batches"),
        (right_rate() * PER_ITEM, "load"),
        (right_rate() / 1000, "millisecond"),
    ):
        assert diagnosis in highest_rate(answer).message, answer


def test_each_mistake_about_the_budget_is_named(p99: dict[int, float]) -> None:
    mean = tails(np.nanmean)
    target = p99[192]
    inside = [budget for budget in BUDGETS if p99[budget] <= target]
    on_average = [budget for budget in BUDGETS if mean[budget] <= target]
    assert max(on_average) > max(inside) > min(inside)
    for answer, diagnosis in ((max(on_average), "not the 99th"), (min(inside), "prefills faster")):
        verdict = check.budget.judge(answer, traffic(target))
        assert diagnosis in verdict.message


# Hostile answers


@pytest.mark.parametrize("exercise", CHECKS)
@pytest.mark.parametrize("answer", HOSTILE, ids=lambda a: type(a).__name__)
def test_no_answer_makes_a_check_stumble(exercise: str, answer: Any) -> None:
    verdict = CHECKS[exercise](answer)
    assert not verdict
    assert verdict.message
    assert len(verdict.message) < 300
    assert "\n" not in verdict.message
    if answer is None or answer is ...:
        assert "no answer yet" in verdict.message
    else:
        assert verdict.message.startswith("answer must be ")


@pytest.mark.parametrize("answer", [*HOSTILE[:8], [512], np.array([512])], ids=repr)
def test_no_answer_makes_the_budget_check_stumble(answer: Any) -> None:
    verdict = check.budget.judge(answer, traffic(0.5, [512]))
    assert not verdict
    assert verdict.message


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers())
def test_any_number_gets_a_sentence(answer: float) -> None:
    for checked in CHECKS.values():
        verdict = checked(answer)
        assert isinstance(verdict.passed, bool)
        assert verdict.message
