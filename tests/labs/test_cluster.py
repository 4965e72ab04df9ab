"""Routers, scaling and pools: laws that hold on every path, and cases that can be told by hand."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labs import loads
from labs.cluster import Cluster
from labs.disaggregation import Disaggregated
from labs.engine import Engine, StepTime
from labs.routers import ROUTERS, Router, Scaling
from labs.workload import Workload, azure_chat, poisson

STEP = StepTime(0.005, 1e-4, 1e-4, 1e-7)
UNIT = StepTime(1.0, 0.0, 0.0, 0.0)
PAGED = Engine(STEP, kv_tokens=30_000, policy="chunked", memory="paged", prefix_cache=True)


def talk(seed: int, n: int = 40, turns: int = 4) -> Workload:
    rng = np.random.default_rng(seed)
    return loads.conversations(
        poisson(2.0, n, rng),
        turns,
        64,
        rng.integers(20, 200, (n, turns)),
        rng.integers(10, 80, (n, turns)),
        rng.exponential(4.0, (n, turns - 1)),
    )


@pytest.mark.parametrize("name", ROUTERS)
@pytest.mark.parametrize("replicas", [1, 3])
def test_every_request_is_served_once_whoever_routes(name: str, replicas: int) -> None:
    asked = talk(1)
    served = Cluster(PAGED, replicas, Router(name)).run(asked, np.random.default_rng(2))
    assert not served.shed.size
    assert not served.rejected.size
    assert np.isfinite(served.finish).all()
    assert set(served.replica.tolist()) <= set(range(replicas))
    assert sum(timeline.finish.size for timeline in served.replicas) == len(asked)
    for number, timeline in enumerate(served.replicas):
        ours = served.replica == number
        # A replica does with its own what an engine does with them alone.
        np.testing.assert_array_equal(timeline.finish, PAGED.run(asked[ours]).finish)
        np.testing.assert_array_equal(served.finish[ours], timeline.finish)


def test_one_replica_is_the_engine() -> None:
    asked = azure_chat(300, 5.0, np.random.default_rng(1))
    alone = PAGED.run(asked)
    for name in ROUTERS:
        served = Cluster(PAGED, 1, Router(name)).run(asked, np.random.default_rng(1))
        np.testing.assert_array_equal(served.finish, alone.finish)


def test_round_robin_deals_cards() -> None:
    asked = azure_chat(60, 5.0, np.random.default_rng(1))
    served = Cluster(PAGED, 4).run(asked)
    assert served.replica.tolist() == [i % 4 for i in range(60)]


def test_what_is_in_flight_counts_until_the_answer_is_out() -> None:
    # Each lasts three steps of a second: at 2.5 the first is still coming, at 3 it is out.
    least = Cluster(Engine(UNIT, max_batch=1), 2, Router("least_requests"))
    served = least.run(Workload([0.0, 2.5, 2.5, 3.0], [9] * 4, [3, 1, 1, 1]))
    assert served.replica.tolist() == [0, 1, 0, 0]


def test_least_tokens_looks_at_prompts() -> None:
    cluster = Cluster(Engine(UNIT), 2, Router("least_tokens"))
    served = cluster.run(Workload([0.0, 0.1, 0.2, 0.3], [100, 10, 10, 10], [9] * 4))
    assert served.replica.tolist() == [0, 1, 1, 1]


def test_a_prefix_goes_where_it_was() -> None:
    asked = talk(3)
    robin = Cluster(PAGED, 4).run(asked)
    for name in ("prefix_score", "prefix_threshold"):
        followed = Cluster(PAGED, 4, Router(name)).run(asked)
        assert followed.cached.sum() > 1.3 * robin.cached.sum()


def test_a_threshold_gives_way_to_balance() -> None:
    same = Workload(np.arange(40) * 0.01, [64] * 40, [50] * 40, ((0, 1, 2, 3),) * 40)
    engine = Engine(UNIT, policy="chunked", memory="paged", prefix_cache=True)
    for apart, most in ((100, 40), (5, 26)):
        served = Cluster(engine, 2, Router("prefix_threshold", apart=apart)).run(same)
        assert np.bincount(served.replica).max() <= most


def test_a_limit_sheds_what_is_above_it() -> None:
    asked = azure_chat(400, 40.0, np.random.default_rng(4))
    served = Cluster(PAGED, 2, Router("least_requests"), limit=8).run(asked)
    assert 0 < served.shed.size < len(asked)
    assert np.isnan(served.finish[served.shed]).all()
    assert (served.replica[served.shed] == -1).all()
    assert np.isfinite(np.delete(served.finish, served.shed)).all()
    for timeline in served.replicas:
        flying = [
            ((timeline.arrival <= at) & (timeline.finish > at)).sum() for at in timeline.arrival
        ]
        assert max(flying) <= 8


def test_replicas_follow_the_load_after_a_cold_start() -> None:
    burst = 20 + np.arange(2400) * 0.05
    times = np.concatenate([np.arange(20) * 1.0, burst, 141 + np.arange(200)])
    asked = Workload(times, [200] * times.size, [100] * times.size)
    scaling = Scaling(target=10, most=6, every=5.0, cold_start=20.0)
    cluster = Cluster(Engine(STEP, max_batch=16), 1, Router("least_requests"), scaling=scaling)
    served = cluster.run(asked)
    assert np.isfinite(served.finish).all()
    assert 1 < len(served.replicas) <= 12
    for number in range(1, len(served.replicas)):
        ours = served.replica == number
        if ours.any():
            assert times[ours].min() >= served.started[number, 0] + 20.0
    # Those that went are not paid for to the end.
    last = served.finish.max()
    assert (served.started[:, 1] < last - 50).any()
    assert served.replica_seconds < len(served.replicas) * (last - times[0])
    fixed = Cluster(Engine(STEP, max_batch=16), 1, Router("least_requests")).run(asked)
    assert served.ttft.mean() < fixed.ttft.mean()


@pytest.mark.parametrize("seed", [1, 2])
def test_two_pools_answer_all_and_conserve_tokens(seed: int) -> None:
    asked = azure_chat(200, 6.0, np.random.default_rng(seed))
    paged = Engine(STEP, kv_tokens=60_000, policy="chunked", memory="paged")
    pools = Disaggregated(paged, paged, 2, 1, link=1e10, kv_bytes=131_072)
    handed = pools.run(asked)
    assert np.isfinite(handed.finish).all()
    assert (handed.arrived >= handed.first_token).all()
    several = asked.output > 1
    assert (handed.finish[several] > handed.arrived[several]).all()
    sends = asked.prompt * 131_072 / 1e10
    assert (handed.arrived - handed.first_token >= sends - 1e-9).all()
    # No prompt is read in the second pool: a token each, and the others one by one.
    cost = StepTime(0.0, 1.0, 1.0, 0.0)
    counted = Engine(cost, kv_tokens=60_000, policy="chunked", memory="paged")
    busy = sum(t.busy for t in Disaggregated(counted, counted).run(asked).decode.replicas)
    assert busy == pytest.approx((asked.output - 1)[several].sum())


def test_a_link_that_is_slow_is_a_queue() -> None:
    paged = Engine(UNIT, policy="chunked", memory="paged")
    pools = Disaggregated(paged, paged, link=10.0, kv_bytes=1.0)
    handed = pools.run(Workload([0.0, 0.0], [100, 100], [2, 2]))
    assert handed.first_token.tolist() == [1.0, 1.0]
    assert handed.arrived.tolist() == [11.0, 21.0]
    assert handed.finish.tolist() == [12.0, 22.0]


@given(st.integers(1, 6), st.integers(1, 5), st.integers(0, 40), st.integers(1, 20))
def test_a_conversation_sends_all_before_again(
    talks: int, turns: int, first: int, block: int
) -> None:
    rng = np.random.default_rng(turns)
    asked = rng.integers(1, 50, (talks, turns))
    answered = rng.integers(1, 50, (talks, turns))
    pause = rng.exponential(1.0, (talks, turns - 1))
    begun = np.arange(talks) * 1000.0
    made = loads.conversations(begun, turns, first, asked, answered, pause, block)
    assert len(made) == talks * turns
    grown = made.prompt.reshape(talks, turns)
    np.testing.assert_array_equal(np.diff(grown, axis=1), answered[:, :-1] + asked[:, 1:])
    assert made.blocks is not None
    for place, named in enumerate(made.blocks):
        assert len(named) == made.prompt[place] // block
        if place % turns:
            before = made.blocks[place - 1]
            assert named[: len(before)] == before
        for other in range(0, place - place % turns, turns):
            shared = [a for a, b in zip(named, made.blocks[other], strict=False) if a == b]
            assert len(shared) == min(first // block, len(named), len(made.blocks[other]))


@pytest.mark.parametrize(
    ("call", "argument"),
    [
        (lambda: Router("fastest"), "name"),
        (lambda: Router(times=0.5), "times"),
        (lambda: Scaling(target=0), "target"),
        (lambda: Scaling(target=1, least=5, most=2), "most"),
        (lambda: Cluster(PAGED, 0), "replicas"),
        (lambda: Cluster(PAGED, limit=0), "limit"),
        (lambda: Cluster(PAGED, router=Router("random")).run(talk(1)), "rng"),
        (lambda: Cluster(PAGED).run([1, 2]), "workload"),  # type: ignore[arg-type]
        (lambda: Disaggregated(PAGED, Engine(STEP)), "decode"),
        (lambda: Disaggregated(PAGED, PAGED, link=0), "link"),
        (lambda: loads.bursts(1.0, 5, 0.0, np.random.default_rng(1)), "variation"),
        (lambda: loads.conversations([0.0], 2, 3, [[1]], [[1, 1]], [[1.0]]), "asked"),
    ],
)
def test_bad_settings_are_named(call: Any, argument: str) -> None:
    with pytest.raises(ValueError, match=rf"^{argument} must be"):
        call()
