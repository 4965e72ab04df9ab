"""Budgets and alerts as published; quantiles as sure as they say; goodput as counted by hand."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shared_files import oracle_cases

from labs import slo
from labs.engine import Engine, StepTime, Timeline
from labs.workload import Workload

HOUR = 3600.0

# Budgets and alerts


@pytest.mark.parametrize(
    ("objective", "days", "seconds"),
    [
        (0.9, 30, 3 * 86_400),
        (0.99, 30, 7.2 * HOUR),
        (0.999, 30, 43.2 * 60),
        (0.9999, 30, 4.32 * 60),
        (0.99999, 30, 25.92),
        (0.999, 1 / 24, 3.6),
        (0.999, 365, 8.76 * HOUR),
        (0.9999, 365, 52.56 * 60),
    ],
)
def test_budgets_are_those_of_the_sre_book(objective: float, days: float, seconds: float) -> None:
    assert slo.error_budget(objective, days) == pytest.approx(seconds, rel=1e-9)


def test_alerts_are_those_of_the_sre_workbook() -> None:
    rows = slo.alert_windows()
    assert [row.burn_rate for row in rows] == pytest.approx([14.4, 6, 1], rel=1e-12)
    assert [row.long_window for row in rows] == [HOUR, 6 * HOUR, 72 * HOUR]
    assert [row.short_window for row in rows] == [300, 1800, 6 * HOUR]
    assert [row.budget_share for row in rows] == [0.02, 0.05, 0.1]
    assert [row.action for row in rows] == ["page", "page", "ticket"]


@given(st.floats(3, 365))
def test_a_window_burned_at_its_rate_spends_its_share(days: float) -> None:
    for row in slo.alert_windows(days):
        assert row.burn_rate * row.long_window / (days * 86_400) == pytest.approx(row.budget_share)


@given(st.floats(0.5, 0.99999), st.floats(0, 1))
def test_burning_for_a_period_spends_rate_times_the_budget(objective: float, errors: float) -> None:
    rate = slo.burn_rate(errors, objective)
    spent = errors * 30 * 86_400
    assert rate * slo.error_budget(objective, 30) == pytest.approx(spent, rel=1e-9, abs=1e-9)
    assert slo.burn_rate(1 - objective, objective) == pytest.approx(1)


def test_arrays_broadcast() -> None:
    assert slo.burn_rate([0.001, 0.01], 0.999) == pytest.approx([1, 10])
    assert slo.error_budget([[0.9], [0.99]], [10, 20]).shape == (2, 2)
    assert type(slo.error_budget(0.9, 30)) is float


KNOWN = oracle_cases({"burn_rate", "time_to_exhaustion", "error_budget_downtime"})


@pytest.mark.parametrize("case", KNOWN, ids=[case["id"] for case in KNOWN])
def test_known_answers(case: dict[str, Any]) -> None:
    given_, expected, near = case["inputs"], case["expected"], case["tolerance"]["rel"]
    if case["topic"] == "error_budget_downtime":
        budget = slo.error_budget(given_["slo"], given_["days"])
        assert budget / 60 == pytest.approx(expected["minutes"], rel=near)
    elif case["topic"] == "time_to_exhaustion":
        errors = given_["burn_rate"] * 1e-4
        hours = slo.error_budget(1 - 1e-4, given_["period_days"]) / errors / HOUR
        assert hours == pytest.approx(expected["hours"], rel=1e-9)
    else:
        rows = {row.long_window / HOUR: row for row in slo.alert_windows(given_["slo_period_days"])}
        row = rows[given_["window_hours"]]
        assert row.budget_share == given_["budget_fraction"]
        assert row.burn_rate == pytest.approx(expected["burn_rate"], rel=near)


# Requests within their limits

STEP = StepTime(0.01, 1e-3, 1e-3, 1e-5)


def by_hand(timeline: Timeline, ttft: float, tpot: float) -> int:
    good = 0
    for index in range(timeline.ttft.size):
        rejected = index in timeline.rejected.tolist()
        one_token = math.isnan(timeline.tpot[index])
        quick = timeline.ttft[index] <= ttft
        steady = one_token or timeline.tpot[index] <= tpot
        good += bool(not rejected and quick and steady)
    return good


@given(
    st.lists(st.tuples(st.integers(1, 60), st.integers(1, 6)), min_size=1, max_size=25),
    st.integers(0, 9),
    st.floats(0, 0.5),
    st.floats(0, 0.05),
)
def test_goodput_and_attainment_are_what_one_counts(
    lengths: list[tuple[int, int]], seed: int, ttft: float, tpot: float
) -> None:
    rng = np.random.default_rng(seed)
    arrival = np.cumsum(rng.exponential(0.05, len(lengths))) + 5
    requests = Workload(arrival, *zip(*lengths, strict=True))
    timeline = Engine(STEP, max_batch=3, kv_tokens=50).run(requests)
    good = by_hand(timeline, ttft, tpot)
    assert slo.attainment(timeline, ttft, tpot) == pytest.approx(good / len(lengths))
    served = np.setdiff1d(np.arange(len(lengths)), timeline.rejected)
    if good:
        span = timeline.finish[served].max() - arrival[served].min()
        assert slo.goodput(timeline, ttft, tpot) == pytest.approx(good / span)
    else:
        assert slo.goodput(timeline, ttft, tpot) == 0


def test_rejects_count_against_and_one_token_answers_have_no_tpot_to_miss() -> None:
    requests = Workload([0.0, 0.0, 0.0], [10, 900, 10], [1, 1, 3])
    timeline = Engine(STEP, kv_tokens=100).run(requests)
    assert timeline.rejected.tolist() == [1]
    assert slo.attainment(timeline, 10, 0) == pytest.approx(1 / 3)
    assert slo.attainment(timeline, math.inf, math.inf) == pytest.approx(2 / 3)
    assert slo.attainment(timeline, 0, 10) == 0
    nothing = Engine(STEP, kv_tokens=1).run(requests)
    assert slo.goodput(nothing, 10, 10) == slo.attainment(nothing, 10, 10) == 0


def test_limits_are_closed_and_a_free_engine_is_infinitely_fast() -> None:
    timeline = Engine(StepTime(0.5, 0, 0, 0)).run(Workload([0.0], [1], [3]))
    assert slo.attainment(timeline, 0.5, 0.5) == 1
    assert slo.attainment(timeline, 0.4999, 0.5) == slo.attainment(timeline, 0.5, 0.4999) == 0
    free = Engine(StepTime(0, 0, 0, 0)).run(Workload([1.0], [1], [3]))
    assert slo.goodput(free, 1, 1) == math.inf


# Measured answers


def test_measured_latencies_are_scored_like_simulated_ones() -> None:
    run = {"ttft": [0.1, 0.3, np.nan, 0.2], "tpot": [0.02, 0.01, np.nan, np.nan], "seconds": 2.0}
    chat = slo.Objective(ttft=0.25, tpot=0.05)
    assert slo.attainment(run, chat) == slo.attainment(run, ttft=0.25, tpot=0.05) == 0.5
    assert slo.attainment(run, 0.25, 0.05) == 0.5
    assert slo.goodput(run, chat) == 1.0
    assert slo.attainment(timeline := Engine(STEP).run(Workload([0.0], [1], [1])), chat) in (0, 1)
    assert slo.goodput(timeline, chat) == slo.goodput(timeline, 0.25, 0.05)


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: slo.attainment({"ttft": [1.0]}, 1, 1), "timeline must be given tpot"),
        (lambda: slo.attainment({"ttft": [1.0], "tpot": [1.0, 2.0]}, 1, 1), "timeline's tpot"),
        (lambda: slo.attainment({"ttft": [-1.0], "tpot": [1.0]}, 1, 1), "timeline's ttft"),
        (lambda: slo.attainment({"ttft": "soon", "tpot": [1.0]}, 1, 1), "timeline's ttft"),
        (lambda: slo.goodput({"ttft": [1.0], "tpot": [1.0]}, 1, 1), "timeline must be given sec"),
        (lambda: slo.attainment(TIMELINE, slo.Objective(1, 1), 1), "objective must be all"),
        (lambda: slo.attainment(TIMELINE, 1), "tpot must be given"),
        (lambda: slo.attainment(TIMELINE, 1, 1, ttft=2), "ttft must be given once"),
        (lambda: slo.Objective(-1, 1), "ttft must be"),
        (lambda: slo.Objective(1, 1, 0), "quantile must be"),
    ],
)
def test_what_cannot_be_scored_is_named(call: Any, named: str) -> None:
    with pytest.raises(ValueError, match=f"^{named}"):
        call()


TIMELINE = Engine(STEP).run(Workload([0.0], [1], [1]))
NOTHING = Engine(STEP).run(Workload([], [], []))


@pytest.mark.parametrize(
    ("call", "argument"),
    [
        (lambda: slo.error_budget(1, 30), "slo"),
        (lambda: slo.error_budget(0, 30), "slo"),
        (lambda: slo.error_budget(0.9, 0), "days"),
        (lambda: slo.burn_rate(1.5, 0.9), "error_rate"),
        (lambda: slo.burn_rate(0.5, 1), "slo"),
        (lambda: slo.alert_windows(2), "days"),
        (lambda: slo.quantile_interval([], 0.5), "sample"),
        (lambda: slo.quantile_interval([math.nan], 0.5), "sample"),
        (lambda: slo.quantile_interval([1e31], 0.5), "sample"),
        (lambda: slo.quantile_interval([-1e31], 0.5), "sample"),
        (lambda: slo.quantile_interval([1.0], 1), "p"),
        (lambda: slo.quantile_interval([1.0], 0.5, 1), "level"),
        (lambda: slo.quantile_interval([1.0], 0.5, 0), "level"),
        (lambda: slo.goodput(None, 1, 1), "timeline"),
        (lambda: slo.goodput(NOTHING, 1, 1), "timeline"),
        (lambda: slo.attainment(TIMELINE, -1, 1), "ttft"),
        (lambda: slo.attainment(TIMELINE, 1, math.nan), "tpot"),
    ],
)
def test_bad_input_is_named(call: Any, argument: str) -> None:
    with pytest.raises(ValueError, match=rf"^{argument} must be"):
        call()
