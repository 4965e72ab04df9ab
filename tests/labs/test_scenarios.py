"""Whole services: what they say is what engine and queue say of the requests they draw."""

from inspect import signature

import numpy as np
import pytest

from labs import simulation, workload
from labs.engine import POLICIES, Engine, StepTime
from labs.intervals import percentile
from labs.scenarios import serve_chat, serve_tenants
from labs.workload import azure_chat

STEP = StepTime(base=7e-3, prefill_token=90e-6, sequence=30e-6, kv_token=0.25e-6)

# Chat


@pytest.mark.parametrize("policy", POLICIES)
def test_serve_chat_is_the_engine_on_drawn_chat(policy: str) -> None:
    service = serve_chat(2.0, 400, 5, STEP, 110_000, policy, token_budget=300, max_batch=64)
    chat = azure_chat(400, 2.0, np.random.default_rng(5))
    engine = Engine(STEP, max_batch=64, kv_tokens=110_000, policy=policy, token_budget=300)
    timeline = engine.run(chat)
    span = timeline.finish.max() - chat.arrival[0]
    several = timeline.tpot[np.isfinite(timeline.tpot)]
    assert service.p50_ttft == percentile(timeline.ttft, 0.5)
    assert service.p99_ttft == percentile(timeline.ttft, 0.99)
    assert service.p50_tpot == percentile(several, 0.5)
    assert service.p99_tpot == percentile(several, 0.99)
    assert service.p99_tbt == timeline.tbt_quantile(0.99)
    assert service.output_rate == pytest.approx(chat.output.sum() / span)
    assert service.busy == pytest.approx(timeline.busy / span)
    assert service.busy <= 1
    assert service.mean_batch == timeline.mean_batch


def test_serve_chat_takes_the_step_as_a_dictionary() -> None:
    as_dict = {"base": 7e-3, "prefill_token": 90e-6, "sequence": 30e-6, "kv_token": 0.25e-6}
    assert serve_chat(1.0, 50, 1, as_dict) == serve_chat(1.0, 50, 1, STEP)
    lawful = {**as_dict, "weights": 7e-3, "overlap": 2.0}
    assert serve_chat(1.0, 50, 1, lawful) == serve_chat(1.0, 50, 1, StepTime(**lawful))
    assert serve_chat(1.0, 50, 1, STEP) != serve_chat(1.0, 50, 2, STEP)


def test_an_engine_and_a_chat_service_have_the_same_defaults() -> None:
    engine = Engine(STEP, 256, kv_tokens=None, policy="mixed", max_prefill=None, token_budget=512)
    assert Engine(STEP) == engine
    for name in ("max_batch", "kv_tokens", "policy", "token_budget"):
        assert signature(serve_chat).parameters[name].default == getattr(engine, name)


# Prefix routing

TENANTS = {"rate": 30.0, "requests": 4000, "seed": 2, "token_time": 130e-6}


def test_one_server_that_keeps_every_prefix_is_one_line_with_one_miss_a_tenant() -> None:
    found = serve_tenants(**{**TENANTS, "rate": 3.0}, slack=0, servers=1, tenants=50, room=50)
    rng = np.random.default_rng(2)
    chat = workload.azure_chat(4000, 3.0, rng)
    tenant = workload.zipf(50, 0.9, 4000, rng)
    first = np.isin(np.arange(4000), np.unique(tenant, return_index=True)[1])
    path = simulation.fcfs(chat.arrival, 130e-6 * (chat.prompt + 2000 * first))
    sojourn = (path.finish - chat.arrival)[400:]
    assert found.hits == pytest.approx(1 - first.mean())
    assert found.mean == pytest.approx(sojourn.mean())
    assert found.p99 == pytest.approx(percentile(sojourn, 0.99))
    assert found.busiest == 1


def test_without_prefixes_and_slack_it_joins_the_shortest_queue() -> None:
    # One tenant and its prefix everywhere: nothing is left to prefer but the shortest line.
    found = serve_tenants(**TENANTS, slack=0, tenants=1, prefix=0)
    chat = workload.azure_chat(4000, 30.0, np.random.default_rng(2))
    rng = np.random.default_rng(0)
    path = simulation.routed(chat.arrival, 130e-6 * chat.prompt, 8, "shortest_queue", rng)
    assert found.mean == pytest.approx((path.finish - chat.arrival)[400:].mean(), rel=0.05)


def test_pure_affinity_gives_every_tenant_one_server_and_a_hot_tenant_one_hot_server() -> None:
    even = serve_tenants(**TENANTS, slack=10**6, room=200, exponent=0.0)
    skewed = serve_tenants(**TENANTS, slack=10**6, room=200, exponent=2.0)
    # Each of 200 tenants misses once, on the one server that then keeps its prefix.
    assert even.hits == 1 - 200 / 4000
    assert skewed.busiest > 3 > 1.5 > even.busiest
    assert skewed.p99 > 20 * even.p99


def test_a_router_that_counts_answers_keeps_a_longer_tail_than_one_that_counts_work() -> None:
    load = {**TENANTS, "exponent": 1.2}
    prompts = [serve_tenants(**{**load, "seed": seed}, slack=3).p99 for seed in range(1, 4)]
    flight = [
        serve_tenants(**{**load, "seed": seed}, slack=3, counts="requests", answer_token=0.05).p99
        for seed in range(1, 4)
    ]
    work = [
        serve_tenants(**{**load, "seed": seed}, slack=2000, counts="tokens").p99
        for seed in range(1, 4)
    ]
    assert np.median(work) < np.median(prompts) < np.median(flight)
    # Requests that leave once they are read are prompts not yet read.
    same = serve_tenants(**load, slack=3, counts="requests")
    assert same == serve_tenants(**load, slack=3)
    with pytest.raises(ValueError, match="answer_token"):
        serve_tenants(**load, slack=3, answer_token=0.1)


def test_more_room_finds_more_prefixes() -> None:
    hits = [serve_tenants(**TENANTS, slack=10**6, room=room).hits for room in (1, 10, 25, 200)]
    assert hits == sorted(hits)
    assert hits[0] < 0.3 < 0.9 < hits[-1]
