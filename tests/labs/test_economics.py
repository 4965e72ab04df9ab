"""Costs by arithmetic, and replicas that are enough where one fewer is not."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labs import economics
from labs.economics import Prices, replicas_for
from labs.engine import POLICIES, Engine, StepTime
from labs.workload import Workload, azure_chat

STEP = StepTime(7e-3, 90e-6, 30e-6, 0.25e-6)


def test_two_dollars_an_hour_at_1000_tokens_a_second() -> None:
    # 2 / 3600 / 1000 · 1e6
    assert economics.dollars_per_million(2, 1000) == pytest.approx(0.5555555555555556, rel=1e-12)
    assert economics.dollars_per_million([2, 4], 1000) == pytest.approx([0.5556, 1.1111], abs=1e-4)
    assert economics.dollars_per_million(0, 1) == 0


@given(*[st.floats(0, 1e6)] * 3, *[st.floats(0, 10)] * 3)
def test_an_answer_costs_the_sum_of_its_parts(
    read: float, written: float, seconds: float, c_in: float, c_out: float, c_gpu: float
) -> None:
    found = economics.answer_cost(read, written, seconds, Prices(c_in, c_out, c_gpu))
    assert found == pytest.approx(c_in * read + c_out * written + c_gpu * seconds)


def test_answers_are_priced_by_array() -> None:
    found = economics.answer_cost([1000, 0], 200, [0.5, 0], Prices(1e-6, 4e-6, 1e-3))
    assert found == pytest.approx([0.0023, 0.0008])


# Replicas


def routed(workload: Workload, replicas: int, routing: str) -> list[list[int]]:
    if routing == "round_robin":
        return [list(range(first, len(workload), replicas)) for first in range(replicas)]
    given_tokens = [0] * replicas
    mine: list[list[int]] = [[] for _ in range(replicas)]
    for index in range(len(workload)):
        replica = given_tokens.index(min(given_tokens))
        given_tokens[replica] += int(workload.prompt[index] + workload.output[index])
        mine[replica].append(index)
    return mine


def tails(
    workload: Workload, engine: Engine, replicas: int, quantile: float, routing: str
) -> tuple[float, float]:
    """Simulate every replica and take quantiles over all, rejected requests waiting for ever."""

    def at(values: list[float], p: float) -> float:
        return sorted(values)[math.ceil(p * len(values) * (1 - 1e-12)) - 1]

    ttft, tpot = [], []
    for mine in routed(workload, replicas, routing):
        part = Workload(workload.arrival[mine], workload.prompt[mine], workload.output[mine])
        timeline = engine.run(part)
        ttft += [math.inf if math.isnan(t) else t for t in timeline.ttft]
        tpot += [t for t in timeline.tpot if not math.isnan(t)]
    with np.errstate(invalid="ignore"):
        first = at(ttft, quantile)
    first = math.inf if math.isnan(first) else first
    return first, at(tpot, quantile) if tpot else 0.0


@pytest.mark.parametrize("routing", economics.ROUTINGS)
@pytest.mark.parametrize("policy", ["mixed", "chunked"])
@pytest.mark.parametrize(
    ("ttft", "tpot", "binding"), [(0.6, 9.0, "ttft"), (9.0, 0.02, "tpot"), (0.6, 0.02, None)]
)
def test_one_replica_fewer_misses_what_binds(
    routing: str, policy: str, ttft: float, tpot: float, binding: str | None
) -> None:
    requests = azure_chat(200, 12.0, np.random.default_rng(5))
    engine = Engine(STEP, kv_tokens=110_000, policy=policy)
    plan = replicas_for(requests, engine, ttft, tpot, 0.95, routing, 40)
    assert plan.feasible
    assert plan.replicas > 1
    found = tails(requests, engine, plan.replicas, 0.95, routing)
    assert (plan.ttft, plan.tpot) == pytest.approx(found)
    assert found[0] <= ttft
    assert found[1] <= tpot
    for fewer in range(1, plan.replicas):
        first, rest = tails(requests, engine, fewer, 0.95, routing)
        assert first > ttft or rest > tpot
    broken = [name for name, bad in (("ttft", first > ttft), ("tpot", rest > tpot)) if bad]
    assert plan.binding == (broken[0] if len(broken) == 1 else "both")
    assert binding is None or plan.binding == binding


@settings(max_examples=40)
@given(
    st.lists(st.tuples(st.integers(1, 40), st.integers(1, 5)), min_size=1, max_size=12),
    st.floats(0.02, 0.3),
    st.floats(0.01, 0.05),
    st.sampled_from(economics.ROUTINGS),
    st.integers(1, 6),
    st.sampled_from([0.5, 0.9]),
)
def test_the_plan_is_the_first_that_a_search_finds(
    lengths: list[tuple[int, int]],
    ttft: float,
    tpot: float,
    routing: str,
    most: int,
    quantile: float,
) -> None:
    engine = Engine(StepTime(0.01, 1e-3, 2e-3, 1e-5), max_batch=2, kv_tokens=40)
    requests = Workload(np.arange(len(lengths)) * 0.01, *zip(*lengths, strict=True))
    plan = replicas_for(requests, engine, ttft, tpot, quantile, routing, most)
    meets = [
        n
        for n in range(1, most + 1)
        if (found := tails(requests, engine, n, quantile, routing))[0] <= ttft and found[1] <= tpot
    ]
    assert plan.feasible == bool(meets)
    assert plan.replicas == (meets[0] if meets else most)
    assert (plan.ttft, plan.tpot) == pytest.approx(
        tails(requests, engine, plan.replicas, quantile, routing)
    )


def test_more_replicas_can_be_worse_and_fewer_are_still_found() -> None:
    # Every third request is long: three in turn send all of them to one replica.
    lengths = [400, 1, 1] * 20
    requests = Workload(np.arange(60) * 0.1, lengths, [1] * 60)
    engine = Engine(StepTime(0, 1e-3, 0, 0), max_batch=1)
    at = {n: tails(requests, engine, n, 0.9, "round_robin")[0] for n in (2, 3)}
    limit = (at[2] + at[3]) / 2
    assert at[2] < at[3]
    plan = replicas_for(requests, engine, limit, 1, 0.9, max_replicas=3)
    assert (plan.replicas, plan.feasible) == (2, True)


FEW = Workload([0.0, 0.0, 0.0], [10, 10, 10], [4, 4, 4])


@pytest.mark.parametrize(
    ("engine", "ttft", "tpot", "binding"),
    [
        (Engine(StepTime(1, 0, 0, 0)), 0.5, 2, "ttft"),
        (Engine(StepTime(1, 0, 0, 0)), 2, 0.5, "tpot"),
        (Engine(StepTime(1, 0, 0, 0)), 0.5, 0.5, "both"),
        (Engine(StepTime(1, 0, 0, 0), kv_tokens=5), 9, 9, "kv_tokens"),
    ],
)
def test_what_no_number_mends_is_named(
    engine: Engine, ttft: float, tpot: float, binding: str
) -> None:
    plan = replicas_for(FEW, engine, ttft, tpot, max_replicas=9)
    assert (plan.replicas, plan.feasible, plan.binding) == (9, False, binding)
    assert plan.ttft == (math.inf if binding == "kv_tokens" else 1)


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize(("ttft", "tpot"), [(0.005, 0.06), (9.0, 0.005)])
def test_what_no_request_meets_alone_is_simulated_once(
    policy: str, ttft: float, tpot: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A step takes 7 ms: neither limit of 5 ms is met by any number of replicas.
    requests = azure_chat(60, 5.0, np.random.default_rng(0))
    engine = Engine(STEP, kv_tokens=110_000, policy=policy)
    runs: list[int] = []
    run = Engine.run
    monkeypatch.setattr(Engine, "run", lambda self, part: runs.append(len(part)) or run(self, part))
    plan = replicas_for(requests, engine, ttft, tpot, max_replicas=8)
    assert (plan.feasible, plan.replicas) == (False, 8)
    assert sum(runs) == len(requests)
    assert plan.binding == ("ttft" if ttft < 1 else "tpot")
    assert (plan.ttft, plan.tpot) == tails(requests, engine, 8, 0.99, "round_robin")


def test_an_objective_that_is_just_met_alone_is_not_given_up() -> None:
    # Late in a day a simulated time is rounded: 1e9 + .1 - 1e9 is below .1, and meets that.
    requests = Workload([1e9], [1], [2])
    engine = Engine(StepTime(0.1, 0, 0, 0))
    timeline = engine.run(requests)
    found = max(timeline.ttft[0], timeline.tpot[0])
    assert replicas_for(requests, engine, found, found).feasible
    assert replicas_for(requests, engine, found, found, max_replicas=1).feasible


def test_replicas_are_sent_their_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    requests = Workload([0.0, 0.1, 0.2], [10] * 3, [2] * 3, ((1, 2), (1, 3), (4,)))
    seen: list[Any] = []
    run = Engine.run
    monkeypatch.setattr(
        Engine, "run", lambda self, part: seen.append(part.blocks) or run(self, part)
    )
    replicas_for(requests, Engine(StepTime(1, 0, 0, 0), max_batch=1), 1.0, 2.0, max_replicas=2)
    assert ((1, 2), (4,)) in seen
    assert ((1, 3),) in seen


def test_too_few_allowed_is_infeasible_and_says_what_is_missing() -> None:
    alone = Engine(StepTime(1, 0, 0, 0), max_batch=1)
    assert replicas_for(FEW, alone, 1.5, 2).replicas == 3
    plan = replicas_for(FEW, alone, 1.5, 2, max_replicas=2)
    assert (plan.replicas, plan.feasible, plan.binding) == (2, False, "ttft")
    assert plan.ttft > 1.5


@pytest.mark.parametrize(
    ("ttft", "tpot", "binding"), [(1.1, 9, "ttft"), (9, 1.1, "tpot"), (9, 9, "ttft")]
)
def test_of_a_single_replica_the_nearest_limit_binds(
    ttft: float, tpot: float, binding: str
) -> None:
    plan = replicas_for(FEW, Engine(StepTime(1, 0, 0, 0)), ttft, tpot)
    assert (plan.replicas, plan.feasible, plan.binding) == (1, True, binding)
    assert (plan.ttft, plan.tpot) == (1, 1)


def test_a_few_rejects_are_within_a_quantile_that_forgives_them() -> None:
    requests = Workload([0.0] * 10, [1] * 9 + [99], [1] * 10)
    engine = Engine(StepTime(1, 0, 0, 0), kv_tokens=50)
    assert replicas_for(requests, engine, 2, 2, 0.8).feasible
    assert not replicas_for(requests, engine, 2, 2, 0.99).feasible


ENGINE = Engine(STEP)


@pytest.mark.parametrize(
    ("call", "argument"),
    [
        (lambda: Prices(-1, 0, 0), "input_token"),
        (lambda: Prices(0, math.nan, 0), "output_token"),
        (lambda: Prices(0, 0, math.inf), "gpu_second"),
        (lambda: economics.answer_cost(-1, 1, 1, Prices(1, 1, 1)), "input_tokens"),
        (lambda: economics.answer_cost(1, 1, 1, (1, 1, 1)), "prices"),
        (lambda: economics.answer_cost([1, 2], [1, 2, 3], 1, Prices(1, 1, 1)), "shapes"),
        (lambda: economics.dollars_per_million(1, 0), "tokens_per_second"),
        (lambda: economics.dollars_per_million(-1, 1), "price_per_hour"),
        (lambda: replicas_for(None, ENGINE, 1, 1), "workload"),
        (lambda: replicas_for(Workload([], [], []), ENGINE, 1, 1), "workload"),
        (lambda: replicas_for(FEW, None, 1, 1), "engine"),
        (lambda: replicas_for(FEW, ENGINE, 0, 1), "ttft"),
        (lambda: replicas_for(FEW, ENGINE, 1, -1), "tpot"),
        (lambda: replicas_for(FEW, ENGINE, 1, 1, 1), "quantile"),
        (lambda: replicas_for(FEW, ENGINE, 1, 1, routing="best"), "routing"),
        (lambda: replicas_for(FEW, ENGINE, 1, 1, max_replicas=0), "max_replicas"),
    ],
)
def test_bad_input_is_named(call: Any, argument: str) -> None:
    with pytest.raises(ValueError, match=rf"^{argument} must"):
        call()
