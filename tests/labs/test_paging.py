"""Memory in blocks: the engine against a naive one written from the same rules, and its laws."""

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import reference_paging
from hypothesis import given, settings
from hypothesis import strategies as st

from labs import distillation
from labs._stepwise import replica_of
from labs.cluster import Cluster
from labs.engine import Engine, StepTime, Timeline
from labs.speculation import Speculation
from labs.workload import Workload, azure_chat

COST = StepTime(0.01, 1e-4, 2e-4, 1e-6, weights=0.004, overlap=3.0, prefill_kv=1e-7)
ONE = Workload([0.0], [10], [10])
PRIORITY = Engine(COST, policy="chunked", memory="paged", order="priority")
PROPOSING = Engine(COST, policy="chunked", memory="paged", speculation=Speculation(2, 0.5))


@st.composite
def cases(draw: Any) -> tuple[Workload, dict[str, Any]]:
    n = draw(st.integers(1, 14))
    gaps = draw(st.lists(st.sampled_from([0.0, 0.0, 0.02, 0.1, 0.7]), min_size=n, max_size=n))
    prompt = draw(st.lists(st.integers(1, 40), min_size=n, max_size=n))
    output = draw(st.lists(st.integers(1, 25), min_size=n, max_size=n))
    size = draw(st.integers(1, 6))
    kinds = draw(st.lists(st.integers(0, 2), min_size=n, max_size=n))
    cut = draw(st.lists(st.integers(0, 8), min_size=n, max_size=n))
    # Prompts of a kind begin alike, for as long as `cut` says, and go on as nobody else does.
    blocks = tuple(
        tuple((kind, i) if i < shared else (kind, i, index) for i in range(-(-p // size)))
        for index, (kind, shared, p) in enumerate(zip(kinds, cut, prompt, strict=True))
    )
    known = draw(st.booleans())
    workload = Workload(np.cumsum(gaps), prompt, output, blocks if known else None)  # type: ignore[arg-type]
    return workload, {
        "max_batch": draw(st.integers(1, 8)),
        "kv_tokens": draw(st.integers(size, 150)),
        "token_budget": draw(st.integers(1, 50)),
        "block": size,
        "prefix_cache": draw(st.booleans()),
        "admit": draw(st.sampled_from(["whole", "chunk"])),
    }


@st.composite
def ordered(draw: Any) -> tuple[Workload, dict[str, Any], dict[str, Any]]:
    """A case with priorities or proposals, and both as the naive one takes them."""
    workload, chosen = draw(cases())
    n = len(workload)
    order = draw(st.sampled_from(["fcfs", "priority", "preemptive"]))
    urgent = draw(st.lists(st.integers(0, 2), min_size=n, max_size=n))
    proposes = draw(st.integers(0, 4))
    taken = draw(st.booleans())
    chosen["order"] = order
    if proposes:
        chosen["speculation"] = Speculation(proposes, int(taken), 0.001)
    return (
        workload,
        chosen,
        {
            "order": order,
            "priority": urgent if order != "fcfs" else None,
            "proposes": proposes,
            "accepts": proposes if taken else 0,
            "drafting": 0.001,
        },
    )


def naive(workload: Workload, settings_: dict[str, Any], **more: Any) -> reference_paging.Outcome:
    return reference_paging.serve(
        list(
            zip(
                workload.arrival.tolist(),
                workload.prompt.tolist(),
                workload.output.tolist(),
                strict=True,
            )
        ),
        COST.seconds,
        settings_["max_batch"],
        settings_["kv_tokens"] // settings_["block"],
        settings_["block"],
        settings_["token_budget"],
        settings_["admit"],
        list(workload.blocks) if settings_["prefix_cache"] and workload.blocks else None,
        **more,
    )


@given(cases())
@settings(max_examples=300)
def test_the_engine_is_the_naive_one(case: tuple[Workload, dict[str, Any]]) -> None:
    workload, chosen = case
    timeline = Engine(COST, policy="chunked", memory="paged", **chosen).run(workload)
    same(timeline, naive(workload, chosen), chosen)


@given(ordered())
@settings(max_examples=400)
def test_priorities_and_proposals_are_the_naive_ones(
    case: tuple[Workload, dict[str, Any], dict[str, Any]],
) -> None:
    workload, chosen, more = case
    engine = Engine(COST, policy="chunked", memory="paged", **chosen)
    timeline = engine.run(workload, priority=more["priority"])
    same(timeline, naive(workload, chosen, **more), chosen)


def same(timeline: Timeline, expected: reference_paging.Outcome, chosen: dict[str, Any]) -> None:
    assert timeline.rejected.tolist() == expected.rejected
    assert timeline.preempted.tolist() == expected.preempted
    assert timeline.recomputed.tolist() == expected.recomputed
    assert timeline.cached.tolist() == expected.cached
    np.testing.assert_allclose(timeline.first_token, expected.first_token, rtol=1e-12)
    np.testing.assert_allclose(timeline.finish, expected.finish, rtol=1e-12)
    assert timeline.steps == len(expected.steps)
    assert timeline.peak_kv == chosen["block"] * max((s.held for s in expected.steps), default=0)
    touched = sum(len(s.decoded) + len(s.read) for s in expected.steps)
    assert timeline.mean_batch == pytest.approx(touched / max(1, len(expected.steps)))
    gaps = sorted(
        after - before
        for times in expected.tokens.values()
        for before, after in itertools.pairwise(times)
    )
    found = np.sort(np.repeat(timeline.gap, timeline.gap_tokens))
    np.testing.assert_allclose(found, gaps, rtol=1e-9, atol=1e-12)


@given(cases())
@settings(max_examples=60)
def test_tokens_are_conserved(case: tuple[Workload, dict[str, Any]]) -> None:
    # A step of unit cost a prompt token and a sequence counts what was computed.
    workload, chosen = case
    cost = StepTime(0.0, 1.0, 1.0, 0.0)
    timeline = Engine(cost, policy="chunked", memory="paged", **chosen).run(workload)
    served = np.ones(len(workload), dtype=bool)
    served[timeline.rejected] = False
    slots = (workload.prompt + workload.output - 1)[served].sum()
    computed = slots + timeline.recomputed.sum() - timeline.cached.sum()
    assert timeline.busy == pytest.approx(computed)
    assert not np.isnan(timeline.finish[served]).any()
    assert timeline.peak_kv <= chosen["kv_tokens"]
    assert timeline.gap_tokens.sum() == (workload.output - 1)[served].sum()


def test_with_room_for_all_paging_is_reserving() -> None:
    drawn = azure_chat(400, 6.0, np.random.default_rng(3))
    reserved = Engine(COST, kv_tokens=10**7, policy="chunked").run(drawn)
    paged = Engine(COST, kv_tokens=10**7, policy="chunked", memory="paged").run(drawn)
    np.testing.assert_allclose(paged.finish, reserved.finish, rtol=1e-12)
    np.testing.assert_allclose(paged.first_token, reserved.first_token, rtol=1e-12)
    assert paged.steps == reserved.steps
    assert paged.peak_kv < reserved.peak_kv
    assert not paged.preempted.any()


def test_without_a_limit_nobody_is_preempted() -> None:
    drawn = azure_chat(300, 8.0, np.random.default_rng(5))
    timeline = Engine(COST, policy="chunked", memory="paged").run(drawn)
    assert not timeline.preempted.any()
    assert not timeline.rejected.size


def test_memory_that_fills_preempts_the_newest() -> None:
    # Seven slots: two that come to hold six each cannot both be held to the end.
    step = StepTime(1.0, 0.0, 0.0, 0.0)
    engine = Engine(step, kv_tokens=7, policy="chunked", memory="paged", block=1)
    timeline = engine.run(Workload([0.0, 0.0], [2, 2], [5, 5]))
    assert timeline.preempted.tolist() == [0, 1]
    # The second holds three tokens when no block is free; read again once the first is out, these
    # and the one it had emitted give its third token, two before its last.
    assert timeline.recomputed.tolist() == [0, 3]
    assert timeline.finish.tolist() == [5.0, 8.0]


def test_a_prefix_is_read_once() -> None:
    step = StepTime(0.0, 1.0, 0.0, 0.0)
    engine = Engine(
        step, kv_tokens=100, policy="chunked", memory="paged", block=4, prefix_cache=True
    )
    same = Workload([0.0, 50.0], [10, 10], [1, 1], (("a", "b", "c"), ("a", "b", "d")))
    timeline = engine.run(same)
    assert timeline.cached.tolist() == [0, 8]
    assert timeline.ttft.tolist() == [10.0, 2.0]
    unnamed = engine.run(Workload([0.0, 50.0], [10, 10], [1, 1]))
    assert unnamed.cached.tolist() == [0, 0]


def test_what_is_asked_for_again_longest_ago_goes_first() -> None:
    step = StepTime(0.0, 1.0, 0.0, 0.0)
    engine = Engine(step, kv_tokens=9, policy="chunked", memory="paged", block=3, prefix_cache=True)
    # Each prompt holds two blocks of three, the last of which is never found.
    kinds = ("a", "b", "a", "c", "a", "b")
    asked = Workload(np.arange(6) * 100.0, [4] * 6, [1] * 6, tuple((kind,) for kind in kinds))
    assert engine.run(asked).cached.tolist() == [0, 0, 3, 0, 3, 0]


@pytest.mark.parametrize(
    ("given_", "argument"),
    [
        ({"memory": "swap"}, "memory"),
        ({"memory": "paged", "policy": "mixed"}, "policy"),
        ({"admit": "some"}, "admit"),
        ({"block": 0}, "block"),
        ({"front": -1.0}, "front"),
        ({"prefix_cache": True}, "prefix_cache"),
        ({"prefix_cache": 1, "memory": "paged", "policy": "chunked"}, "prefix_cache"),
    ],
)
def test_bad_settings_are_named(given_: dict[str, Any], argument: str) -> None:
    with pytest.raises(ValueError, match=rf"^{argument} must be"):
        Engine(COST, **given_)


@pytest.mark.parametrize("memory", ["reserve", "paged"])
def test_the_front_end_is_added_and_nothing_else(memory: str) -> None:
    drawn = azure_chat(100, 5.0, np.random.default_rng(2))
    plain, front = (
        Engine(COST, kv_tokens=20_000, policy="chunked", memory=memory, front=seconds).run(drawn)
        for seconds in (0.0, 0.25)
    )
    np.testing.assert_allclose(front.ttft, plain.ttft + 0.25)
    np.testing.assert_allclose(front.latency, plain.latency + 0.25)
    np.testing.assert_array_equal(front.gap, plain.gap)
    assert front.busy == plain.busy


@pytest.mark.parametrize("memory", ["reserve", "paged"])
@given(
    st.lists(st.tuples(st.integers(1, 30), st.integers(1, 9)), min_size=1, max_size=20),
    st.integers(1, 25),
    st.sampled_from([0.0, 0.05]),
)
@settings(max_examples=40)
def test_a_closed_loop_keeps_its_users_busy(
    memory: str, requests: list[tuple[int, int]], users: int, front: float
) -> None:
    prompt, output = zip(*requests, strict=True)
    engine = Engine(COST, policy="chunked", memory=memory, kv_tokens=200, front=front)
    timeline = engine.run_closed(prompt, output, users)  # type: ignore[arg-type]
    # Sent again, as a log of it would have it, the same comes out.
    again = engine.run(Workload(timeline.arrival, prompt, output))  # type: ignore[arg-type]
    np.testing.assert_array_equal(again.finish, timeline.finish)
    assert (timeline.arrival[: min(users, len(prompt))] == 0).all()
    ends = np.sort(timeline.finish)
    np.testing.assert_array_equal(timeline.arrival[users:], ends[: max(0, len(prompt) - users)])


def test_one_user_waits_for_nobody() -> None:
    engine = Engine(COST, policy="chunked")
    timeline = engine.run_closed([10, 20, 30], [3, 2, 1], users=1)
    ttft, tpot = engine.alone(Workload(timeline.arrival, [10, 20, 30], [3, 2, 1]))
    np.testing.assert_allclose(timeline.ttft, ttft)
    np.testing.assert_allclose(timeline.tpot[:2], tpot[:2])


def test_a_user_whose_request_is_rejected_sends_the_next() -> None:
    engine = Engine(COST, policy="chunked", kv_tokens=50)
    timeline = engine.run_closed([10, 90, 10], [3, 3, 3], users=1)
    assert timeline.rejected.tolist() == [1]
    assert not np.isnan(timeline.finish[[0, 2]]).any()


@pytest.mark.parametrize(
    ("prompt", "output", "users", "argument"),
    [
        ([1, 2], [1], 1, "output"),
        ([0], [1], 1, "prompt"),
        ([1], [1], 0, "users"),
        ([1], [10**9], 1, "output"),
    ],
)
def test_a_bad_loop_is_refused(prompt: Any, output: Any, users: int, argument: str) -> None:
    with pytest.raises(ValueError, match=rf"^{argument} must be"):
        Engine(COST).run_closed(prompt, output, users)


@pytest.mark.parametrize("memory", ["reserve", "paged"])
def test_a_replica_goes_on_where_it_stopped(memory: str) -> None:
    drawn = azure_chat(200, 8.0, np.random.default_rng(7))
    engine = Engine(COST, policy="chunked", memory=memory, kv_tokens=12_000)
    whole, replica = engine.run(drawn), replica_of(engine)
    for arrival, prompt, output in zip(
        drawn.arrival.tolist(), drawn.prompt.tolist(), drawn.output.tolist(), strict=True
    ):
        replica.advance(until=arrival)
        replica.offer(arrival, prompt, output)
    replica.advance()
    np.testing.assert_array_equal(replica.timeline().finish, whole.finish)


@given(cases())
@settings(max_examples=100)
def test_where_all_are_as_urgent_priority_is_first_come_first_served(
    case: tuple[Workload, dict[str, Any]],
) -> None:
    workload, chosen = case
    plain = Engine(COST, policy="chunked", memory="paged", **chosen)
    expected = plain.run(workload)
    for order in ("priority", "preemptive"):
        found = replace(plain, order=order).run(workload, priority=np.zeros(len(workload), int))
        np.testing.assert_allclose(found.finish, expected.finish, rtol=1e-12)
        assert found.preempted.tolist() == expected.preempted.tolist()
        assert found.recomputed.tolist() == expected.recomputed.tolist()


def urgent_behind_others(order: str) -> Timeline:
    """Two long answers have run for a while when a short one that is more urgent arrives."""
    step = StepTime(1.0, 0.0, 0.0, 0.0)
    engine = Engine(step, max_batch=2, policy="chunked", memory="paged", order=order)
    asked = Workload([0.0, 0.0, 3.0, 3.0], [4] * 4, [10, 10, 5, 2])
    return engine.run(asked, priority=None if order == "fcfs" else np.array([5, 5, 5, 0]))


def test_priority_reorders_those_waiting_and_preempts_none_that_runs() -> None:
    assert urgent_behind_others("fcfs").first_token.tolist() == [1.0, 1.0, 11.0, 11.0]
    inverted = urgent_behind_others("priority")
    # It overtakes who waits, not who runs.
    assert inverted.first_token.tolist() == [1.0, 1.0, 11.0, 11.0]
    assert inverted.finish.tolist() == [10.0, 10.0, 15.0, 12.0]
    assert not inverted.preempted.any()


def test_the_urgent_displaces_the_last_of_the_less_urgent_where_users_expect_it() -> None:
    timeline = urgent_behind_others("preemptive")
    assert timeline.preempted.tolist() == [0, 1, 0, 0]
    assert timeline.first_token[3] == 4.0
    # It has read its prompt of four and decoded two of its three tokens.
    assert timeline.recomputed.tolist() == [0, 6, 0, 0]
    # Displaced for two steps; the step that reads it all again emits the next token.
    assert timeline.finish.tolist() == [10.0, 12.0, 15.0, 5.0]


def test_where_blocks_are_short_the_least_urgent_gives_way_whenever_it_came() -> None:
    step = StepTime(1.0, 0.0, 0.0, 0.0)
    engine = Engine(step, kv_tokens=7, policy="chunked", memory="paged", block=1, order="priority")
    timeline = engine.run(Workload([0.0, 0.0], [2, 2], [5, 5]), priority=np.array([0, 1]))
    assert timeline.preempted.tolist() == [0, 1]
    timeline = engine.run(Workload([0.0, 1.0], [2, 2], [5, 5]), priority=np.array([1, 0]))
    assert timeline.preempted.tolist() == [1, 0]


def test_a_sequence_alone_gains_what_the_formula_says() -> None:
    """Base cost alone, and proposals that cost a share of it: Leviathan's theorem 3.8."""
    speculation = Speculation(tokens=4, acceptance=0.8, seconds=0.1)
    step = StepTime(1.0, 0.0, 0.0, 0.0)
    engine = Engine(step, policy="chunked", memory="paged", speculation=speculation)
    alone = Workload([0.0], [1], [20_001])
    speedups = [
        20_000 / (timeline.finish[0] - timeline.first_token[0])
        for timeline in (engine.run(alone, rng=np.random.default_rng(seed)) for seed in range(10))
    ]
    expected = distillation.speculative_speedup(0.8, 4, 0.1)
    assert np.mean(speedups) == pytest.approx(expected, rel=0.01)


def test_proposals_take_budget_from_prompts() -> None:
    step = StepTime(1.0, 0.0, 0.0, 0.0)
    asked = Workload([0.0, 1.0], [8, 8], [100, 1])
    plain = Engine(step, policy="chunked", memory="paged", token_budget=9)
    assert plain.run(asked).first_token.tolist() == [1.0, 2.0]
    for tokens, read in ((4, 2), (6, 4)):
        proposing = replace(plain, speculation=Speculation(tokens, 0.0))
        # Of nine tokens the first keeps one and its proposals.
        assert proposing.run(asked).first_token.tolist() == [1.0, 1.0 + read]


def test_what_is_refused_costs_as_a_prompt_and_gains_nothing() -> None:
    step = StepTime(1.0, 0.01, 0.0, 0.0)
    engine = Engine(step, policy="chunked", memory="paged")
    asked = Workload([0.0], [5], [7])
    slower = replace(engine, speculation=Speculation(2, 0.0)).run(asked)
    # The last two of six decodes propose one and none: more than the answer has is not proposed.
    assert slower.finish[0] - engine.run(asked).finish[0] == pytest.approx(0.01 * (4 * 2 + 1))
    faster = replace(engine, speculation=Speculation(2, 1.0)).run(asked)
    assert faster.steps == 1 + 2
    assert faster.gap.size == 2


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Engine(COST, order="priority"), "order must be fcfs where memory is reserved"),
        (lambda: Engine(COST, speculation=Speculation(2, 0.5)), "speculation must be None"),
        (lambda: Engine(COST).run(ONE, priority=[1]), "priority must be None where order is"),
        (lambda: PRIORITY.run(ONE, priority=[1, 2]), "priority must be of length 1"),
        (lambda: PRIORITY.run(ONE, priority=[-1]), "priority must be"),
        (lambda: PROPOSING.run(ONE), "rng must be a numpy.random.Generator, got None"),
        (lambda: PROPOSING.alone(ONE), "speculation must be None"),
        (lambda: Speculation(0, 0.5), "tokens must be"),
        (lambda: Speculation(2, 1.5), "acceptance must be"),
        (lambda: Cluster(PRIORITY), "engine must be of order 'fcfs'"),
    ],
)
def test_what_cannot_be_is_refused(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_a_closed_loop_and_a_cluster_speculate_too() -> None:
    rng = np.random.default_rng(1)
    closed = PROPOSING.run_closed([10] * 6, [20] * 6, users=2, rng=rng)
    assert np.isfinite(closed.finish).all()
    assert np.diff(closed.finish[:2]).item() != 0
    served = Cluster(PROPOSING, 2).run(Workload([0.0] * 6, [10] * 6, [20] * 6), rng)
    assert np.isfinite(served.finish).all()


def test_who_gives_way_gives_back_what_it_took_of_the_budget() -> None:
    # In the third step the first takes three of eight tokens and the last blocks. The second, more
    # urgent, takes four and displaces it; the third then finds budget for all it proposes.
    engine = Engine(
        StepTime(1.0, 0.0, 0.0, 0.0),
        kv_tokens=10,
        policy="chunked",
        token_budget=8,
        memory="paged",
        block=1,
        order="priority",
        speculation=Speculation(3, 1.0),
    )
    asked = Workload([0.0, 1.0, 1.0], [1] * 3, [8, 5, 5])
    timeline = engine.run(asked, priority=np.array([1, 0, 0]))
    assert timeline.preempted.tolist() == [1, 0, 0]
    assert timeline.finish.tolist() == [5.0, 3.0, 3.0]
