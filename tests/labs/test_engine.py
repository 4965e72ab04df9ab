"""The engine against a naive simulator of the same rules, and the rules one at a time."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import reference_engine
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from labs.engine import Engine, StepTime, Timeline, serve_chat
from labs.workload import Workload, azure_chat, read_azure

STEP = StepTime(base=7e-3, prefill_token=90e-6, sequence=30e-6, kv_token=0.25e-6)
POLICIES = ("mixed", "prefill_first", "chunked")

# Sixty-fourths of a second add without rounding: simultaneous events are exactly simultaneous.
exact = st.integers(0, 40).map(lambda n: n / 64)
rough = st.floats(0, 1)


@st.composite
def engines(draw: Any, seconds: Any = exact) -> dict[str, Any]:
    return {
        "cost": tuple(draw(st.lists(seconds, min_size=4, max_size=4))),
        "max_batch": draw(st.integers(1, 6) | st.just(256)),
        "kv_tokens": draw(st.none() | st.integers(2, 60)),
        "policy": draw(st.sampled_from(POLICIES)),
        "max_prefill": draw(st.none() | st.integers(1, 40)),
        "token_budget": draw(st.integers(1, 30)),
    }


@st.composite
def requests(draw: Any, gap: Any = exact) -> list[tuple[float, int, int]]:
    request = st.tuples(gap | st.just(0.0), st.integers(1, 25), st.integers(1, 12))
    drawn = draw(st.lists(request, max_size=14))
    arrival = np.cumsum([gap for gap, _, _ in drawn])
    return [(float(a), p, o) for a, (_, p, o) in zip(arrival, drawn, strict=True)]


def workload_of(work: list[tuple[float, int, int]]) -> Workload:
    arrival, prompt, output = zip(*work, strict=True) if work else ((), (), ())
    return Workload(list(arrival), list(prompt), list(output))


def both(
    work: list[tuple[float, int, int]], setup: dict[str, Any]
) -> tuple[Timeline, reference_engine.Outcome]:
    settings = {name: value for name, value in setup.items() if name != "cost"}
    timeline = Engine(StepTime(*setup["cost"]), **settings).run(workload_of(work))
    return timeline, reference_engine.serve(work, **setup)


def assert_same(timeline: Timeline, outcome: reference_engine.Outcome, rtol: float) -> None:
    assert timeline.steps == len(outcome.steps)
    assert timeline.rejected.tolist() == outcome.rejected
    assert timeline.peak_kv == outcome.peak_kv
    assert_allclose(timeline.first_token, outcome.first_token, rtol=rtol, atol=0)
    assert_allclose(timeline.finish, outcome.finish, rtol=rtol, atol=0)
    assert timeline.busy == pytest.approx(outcome.busy, rel=max(rtol, 1e-15))
    assert timeline.mean_batch == pytest.approx(outcome.mean_batch, rel=1e-12)
    gaps = np.sort(np.repeat(timeline.gap, timeline.gap_tokens))
    assert_allclose(gaps, np.sort(outcome.gaps), rtol=max(rtol, 1e-9), atol=1e-12)


@settings(max_examples=400)
@given(requests(), engines())
def test_the_engine_equals_the_reference_where_events_coincide(
    work: list[tuple[float, int, int]], setup: dict[str, Any]
) -> None:
    assert_same(*both(work, setup), rtol=0)


@settings(max_examples=150)
@given(requests(rough), engines(rough))
def test_the_engine_equals_the_reference(
    work: list[tuple[float, int, int]], setup: dict[str, Any]
) -> None:
    assert_same(*both(work, setup), rtol=1e-12)


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("limits", [{}, {"kv_tokens": 9000, "max_batch": 12, "max_prefill": 2048}])
def test_the_engine_equals_the_reference_on_chat(policy: str, limits: dict[str, int]) -> None:
    chat = azure_chat(120, 6.0, np.random.default_rng(3))
    work = list(zip(chat.arrival.tolist(), chat.prompt.tolist(), chat.output.tolist(), strict=True))
    cost = (STEP.base, STEP.prefill_token, STEP.sequence, STEP.kv_token)
    assert_same(*both(work, {"cost": cost, "policy": policy, **limits}), rtol=1e-12)


def test_the_reference_is_exercised() -> None:
    # One hand-made case meets every rule, so that agreement means something.
    work = [(0.0, 10, 3), (0.0, 10, 1), (0.0, 50, 50), (0.0, 10, 4), (0.0, 5, 2), (9.0, 1, 1)]
    timeline, outcome = both(
        work, {"cost": (1 / 64,) * 4, "max_batch": 2, "kv_tokens": 30, "max_prefill": 12}
    )
    assert outcome.rejected == [2]
    assert [step.admitted for step in outcome.steps[:3]] == [[0], [1], [3]]
    assert_same(timeline, outcome, rtol=0)


@settings(max_examples=200)
@given(requests(rough), engines(rough))
def test_a_request_alone_takes_what_it_takes_alone_and_company_takes_no_less(
    work: list[tuple[float, int, int]], setup: dict[str, Any]
) -> None:
    settings = {name: value for name, value in setup.items() if name != "cost"}
    engine, requested = Engine(StepTime(*setup["cost"]), **settings), workload_of(work)
    ttft, tpot = engine.alone(requested)
    for index in range(len(work)):
        one = engine.run(requested[index : index + 1])
        waits = math.inf if one.rejected.size else one.ttft[0]
        assert ttft[index] == pytest.approx(waits, rel=1e-9, abs=1e-12)
        assert tpot[index] == pytest.approx(one.tpot[0], rel=1e-9, abs=1e-12, nan_ok=True)
    together = engine.run(requested)
    served = np.isfinite(together.ttft)
    assert (np.isfinite(ttft) == served).all()
    assert (together.ttft[served] >= ttft[served] * (1 - 1e-9) - 1e-12).all()
    several = np.isfinite(together.tpot)
    assert (np.isfinite(tpot) == several).all()
    assert (together.tpot[several] >= tpot[several] * (1 - 1e-9) - 1e-12).all()


# The rules, by hand

ONE = StepTime(base=1.0, prefill_token=0.0, sequence=0.0, kv_token=0.0)


def run(engine: Engine, *work: tuple[float, int, int]) -> Timeline:
    return engine.run(workload_of(list(work)))


def test_the_cost_of_a_step_is_the_sum_of_its_parts() -> None:
    # Prefill 10: 1 + 10·2 = 21. Decode with context 11: 1 + 3 + 11·5 = 59; then 12: 64.
    timeline = run(Engine(StepTime(1, 2, 3, 5)), (0.0, 10, 3))
    assert timeline.first_token.tolist() == [21]
    assert timeline.finish.tolist() == [21 + 59 + 64]
    assert timeline.busy == 144
    assert timeline.tpot.tolist() == [(59 + 64) / 2]
    assert timeline.mean_batch == 1


def test_time_jumps_over_idle_spells() -> None:
    timeline = run(Engine(ONE), (5.0, 1, 1), (100.0, 1, 2))
    assert timeline.first_token.tolist() == [6, 101]
    assert timeline.finish.tolist() == [6, 102]
    assert (timeline.steps, timeline.busy) == (3, 3)


def test_an_arrival_during_a_step_waits_for_its_end_and_one_at_its_end_does_not() -> None:
    timeline = run(Engine(ONE), (0.0, 1, 3), (0.5, 1, 1), (1.0, 1, 1), (1.5, 1, 1))
    assert timeline.first_token.tolist() == [1, 2, 2, 3]


def test_admission_stops_at_the_first_that_does_not_fit() -> None:
    # The second needs 9 of 10 tokens; the third would fit, but is behind it.
    timeline = run(Engine(ONE, kv_tokens=10), (0.0, 4, 3), (0.0, 5, 4), (0.0, 1, 1))
    assert timeline.first_token.tolist() == [1, 4, 8]
    assert timeline.peak_kv == 9


def test_memory_is_free_from_the_step_that_ends_a_request() -> None:
    timeline = run(Engine(ONE, kv_tokens=5), (0.0, 3, 2), (0.0, 4, 1))
    assert timeline.finish[0] == 2
    assert timeline.first_token[1] == 3


def test_what_can_never_fit_is_rejected_and_the_next_is_served() -> None:
    timeline = run(Engine(ONE, kv_tokens=10), (0.0, 8, 3), (0.0, 8, 2), (0.0, 99, 1))
    assert timeline.rejected.tolist() == [0, 2]
    for name in ("first_token", "finish", "ttft", "latency"):
        assert np.isnan(getattr(timeline, name)).tolist() == [True, False, True]
    assert timeline.finish[1] == 2


def test_a_prompt_above_the_limit_is_prefilled_alone() -> None:
    engine = Engine(ONE, max_prefill=10)
    timeline = run(engine, (0.0, 6, 9), (0.0, 4, 9), (0.0, 1, 9), (0.0, 50, 9), (0.0, 1, 9))
    assert timeline.first_token.tolist() == [1, 1, 2, 3, 4]


def test_chunked_ignores_the_limit_of_whole_prompts() -> None:
    engine = Engine(ONE, max_prefill=1, policy="chunked", token_budget=100)
    assert run(engine, (0.0, 6, 2), (0.0, 4, 2)).first_token.tolist() == [1, 1]


def test_prefill_first_pauses_decoding_and_mixed_does_not() -> None:
    work = [(0.0, 1, 5), (0.5, 1, 1), (1.5, 1, 1)]
    assert run(Engine(ONE, policy="mixed"), *work).finish.tolist() == [5, 2, 3]
    assert run(Engine(ONE, policy="prefill_first"), *work).finish.tolist() == [7, 2, 3]


def test_chunks_fill_the_budget_that_decoding_leaves() -> None:
    # Budget 4, prompts 6 and 3: 4+0, then 2+2, then decode 1 and 1 of the second.
    engine = Engine(StepTime(1, 1, 0, 0), policy="chunked", token_budget=4)
    timeline = run(engine, (0.0, 6, 2), (0.0, 3, 2))
    assert timeline.first_token.tolist() == [10, 12]
    assert timeline.finish.tolist() == [12, 13]
    assert timeline.mean_batch == (1 + 2 + 2 + 1) / 4


def test_decoding_runs_even_beyond_the_budget() -> None:
    engine = Engine(ONE, policy="chunked", token_budget=1)
    timeline = run(engine, (0.0, 1, 3), (0.0, 1, 3), (0.0, 1, 3))
    # The first decodes at once and starves the others of budget until it is out.
    assert timeline.first_token.tolist() == [1, 4, 7]
    assert timeline.finish.tolist() == [3, 6, 9]


def test_one_token_is_out_with_the_prompt_and_has_no_time_per_token() -> None:
    timeline = run(Engine(ONE), (0.0, 5, 1))
    assert timeline.first_token.tolist() == timeline.finish.tolist() == [1]
    assert math.isnan(timeline.tpot[0])


def test_a_stall_shows_between_tokens_and_hides_in_the_average() -> None:
    # A second prompt of 100 stalls the first answer once: gaps 1, 101, 1, 1; its mean is 26.
    engine = Engine(StepTime(1, 1, 0, 0))
    timeline = run(engine, (0.0, 1, 5), (2.5, 100, 1))
    assert np.repeat(timeline.gap, timeline.gap_tokens).tolist() == [1, 101, 1, 1]
    assert timeline.tpot[0] == 26
    assert timeline.tbt_quantile(0.75) == 1
    assert timeline.tbt_quantile(0.76) == 101
    assert timeline.tbt_quantile(1) == 101
    assert timeline.tbt_quantile(0) == 1


@given(requests(), engines(), st.integers(0, 50).map(lambda n: n / 50))
def test_the_quantile_between_tokens_is_over_tokens(
    work: list[tuple[float, int, int]], setup: dict[str, Any], p: float
) -> None:
    timeline, outcome = both(work, setup)
    gaps = np.sort(outcome.gaps)
    found = timeline.tbt_quantile(p)
    if not gaps.size:
        assert math.isnan(found)
        return
    assert found in gaps
    assert (gaps <= found).mean() >= p - 1e-9
    assert (gaps < found).mean() <= p + 1e-9


def test_nothing_to_do() -> None:
    timeline = run(Engine(ONE))
    assert (timeline.steps, timeline.busy, timeline.mean_batch, timeline.peak_kv) == (0, 0, 0, 0)
    assert timeline.finish.size == timeline.rejected.size == 0


def test_all_rejected() -> None:
    timeline = run(Engine(ONE, kv_tokens=2), (0.0, 5, 1), (3.0, 5, 1))
    assert timeline.rejected.tolist() == [0, 1]
    assert timeline.steps == 0


# Invariants


@given(requests(rough), engines(rough))
def test_invariants(work: list[tuple[float, int, int]], setup: dict[str, Any]) -> None:
    timeline, _ = both(work, setup)
    served = np.setdiff1d(np.arange(len(work)), timeline.rejected)
    if setup["kv_tokens"] is not None:
        assert timeline.peak_kv <= setup["kv_tokens"]
        too_big = [i for i, (_, p, o) in enumerate(work) if p + o > setup["kv_tokens"]]
        assert timeline.rejected.tolist() == too_big
    else:
        assert timeline.rejected.size == 0
    assert np.isfinite(timeline.finish[served]).all()
    first, finish = timeline.first_token[served], timeline.finish[served]
    assert (np.diff(first) >= 0).all()
    arrival = np.array([a for a, _, _ in work])[served]
    output = np.array([o for _, _, o in work])[served]
    assert (first >= arrival).all()
    assert (finish >= first).all()
    assert ((finish == first) | (output > 1)).all()
    assert_array_equal(timeline.ttft[served], first - arrival)
    assert_array_equal(timeline.latency[served], finish - arrival)
    assert_array_equal(np.isnan(timeline.tpot[served]), output == 1)
    if served.size:
        assert timeline.busy <= (finish.max() - arrival[0]) * (1 + 1e-12)
        assert timeline.mean_batch <= setup["max_batch"]
    # Every token is prefilled or decoded once.
    touched = timeline.mean_batch * timeline.steps
    if setup["policy"] != "chunked":
        assert touched == pytest.approx(output.sum())
    else:
        assert touched >= output.sum() - 1e-6


def test_a_slower_step_slows_everything_in_proportion() -> None:
    chat = azure_chat(200, 1e6, np.random.default_rng(1))
    burst = Workload(np.zeros(200), chat.prompt, chat.output)
    double = StepTime(*(2 * cost for cost in (7e-3, 90e-6, 30e-6, 0.25e-6)))
    one, two = (Engine(step, kv_tokens=50_000).run(burst) for step in (STEP, double))
    assert_allclose(two.finish, 2 * one.finish, rtol=1e-12)


def test_running_again_gives_the_same_and_leaves_the_workload_alone() -> None:
    chat = azure_chat(300, 3.0, np.random.default_rng(1))
    before = chat.arrival.copy(), chat.prompt.copy(), chat.output.copy()
    engine = Engine(STEP, kv_tokens=20_000, policy="chunked")
    first, second = engine.run(chat), engine.run(chat)
    assert_array_equal(first.finish, second.finish)
    for array, name in zip(before, ("arrival", "prompt", "output"), strict=True):
        assert_array_equal(getattr(chat, name), array)


# Published numbers


def test_content_map_figures_on_the_real_trace(azure_trace: Path) -> None:
    trace = read_azure(azure_trace)
    half = Workload(2 * trace.arrival, trace.prompt, trace.output)
    wanted = {"mixed": (1.146, 71), "chunked": (1.696, 60)}
    for policy, (ttft, tpot_ms) in wanted.items():
        timeline = Engine(STEP, kv_tokens=110_000, policy=policy).run(half)
        assert np.quantile(timeline.ttft, 0.99) == pytest.approx(ttft, abs=0.0005)
        assert 1000 * np.nanquantile(timeline.tpot, 0.99) == pytest.approx(tpot_ms, abs=0.5)
        assert timeline.busy / timeline.finish.max() == pytest.approx(0.99, abs=0.005)


def test_chunks_trade_first_tokens_for_steady_ones_without_the_trace() -> None:
    chat = azure_chat(4000, 2.765, np.random.default_rng(7))
    mixed, chunked = (
        Engine(STEP, kv_tokens=110_000, policy=policy).run(chat) for policy in ("mixed", "chunked")
    )
    assert np.nanquantile(chunked.tpot, 0.99) < np.nanquantile(mixed.tpot, 0.99)
    assert np.quantile(chunked.ttft, 0.99) > np.quantile(mixed.ttft, 0.99)


# Bad input


@pytest.mark.parametrize(
    ("call", "argument", "shown"),
    [
        (lambda: StepTime(-1, 0, 0, 0), "base", "-1"),
        (lambda: StepTime(0, math.nan, 0, 0), "prefill_token", "nan"),
        (lambda: StepTime(0, 0, math.inf, 0), "sequence", "inf"),
        (lambda: StepTime(0, 0, 0, "1"), "kv_token", "'1'"),
        (lambda: Engine(0.01), "step_time", "0.01"),
        (lambda: Engine(STEP, max_batch=0), "max_batch", "0"),
        (lambda: Engine(STEP, max_batch=2.5), "max_batch", "2.5"),
        (lambda: Engine(STEP, kv_tokens=-5), "kv_tokens", "-5"),
        (lambda: Engine(STEP, kv_tokens=math.nan), "kv_tokens", "nan"),
        (lambda: Engine(STEP, policy="best"), "policy", "'best'"),
        (lambda: Engine(STEP, max_prefill=0), "max_prefill", "0"),
        (lambda: Engine(STEP, token_budget=0.5), "token_budget", "0.5"),
        (lambda: Engine(STEP).run([1, 2]), "workload", "[1, 2]"),
        (lambda: run(Engine(STEP), (0.0, 1, 10**7 + 1)), "workload", "10000001"),
        (lambda: run(Engine(ONE)).tbt_quantile(1.5), "p", "1.5"),
        (lambda: run(Engine(ONE)).tbt_quantile(-0.1), "p", "-0.1"),
        (lambda: run(Engine(ONE)).tbt_quantile(math.nan), "p", "nan"),
        (lambda: serve_chat(0, 10, 1, STEP), "rate", "0"),
        (lambda: serve_chat(1, 1, 1, STEP), "requests", "1"),
        (lambda: serve_chat(1, 10, -1, STEP), "seed", "-1"),
        (lambda: serve_chat(1, 10, 1.5, STEP), "seed", "1.5"),
        (lambda: serve_chat(1, 10, 1, None), "step_time", "None"),
        (lambda: serve_chat(1, 10, 1, {"base": 1}), "step_time", "prefill_token"),
        (lambda: serve_chat(1, 10, 1, {**vars(STEP), "speed": 2}), "step_time", "speed"),
        (lambda: serve_chat(1, 10, 1, STEP, policy="x"), "policy", "'x'"),
        (lambda: serve_chat(1, 500, 1, STEP, kv_tokens=500), "kv_tokens", "500"),
    ],
)
def test_bad_input_is_named(call: Any, argument: str, shown: str) -> None:
    with pytest.raises(ValueError, match=rf"\b{argument}\b") as problem:
        call()
    assert shown in str(problem.value)
