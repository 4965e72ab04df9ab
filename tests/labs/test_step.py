"""The law of a step against its formula, and that what is left out leaves the old sum."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labs.engine import Engine
from labs.step import StepTime, law, pairs_before
from labs.workload import Workload

cost = st.floats(0, 1e-2)
costs = st.builds(
    StepTime,
    cost,
    st.floats(1e-6, 1e-3),
    cost,
    cost,
    weights=st.floats(1e-4, 1e-1),
    overlap=st.floats(1, 8),
    experts=cost,
    share=st.floats(0.01, 1),
    prefill_kv=st.floats(0, 1e-6),
)
count = st.integers(0, 5000)


@given(costs, count, count, count, count)
def test_a_step_is_the_formula(
    step: StepTime, prefill: int, decoding: int, kv: int, pairs: int
) -> None:
    tokens = prefill + decoding
    read = step.weights + step.experts * (1 - (1 - step.share) ** tokens)
    compute = step.prefill_token * tokens
    passed = (read**step.overlap + compute**step.overlap) ** (1 / step.overlap)
    rest = step.sequence * decoding + step.kv_token * kv + step.prefill_kv * pairs
    assert step.seconds(prefill, decoding, kv, pairs) == pytest.approx(step.base + passed + rest)


@given(cost, cost, cost, cost, count, count, count)
def test_without_weights_it_is_the_old_sum_to_the_last_bit(
    base: float,
    token: float,
    sequence: float,
    kv_token: float,
    prefill: int,
    decoding: int,
    kv: int,
) -> None:
    old = base + token * prefill + sequence * decoding + kv_token * kv
    assert StepTime(base, token, sequence, kv_token).seconds(prefill, decoding, kv) == old


@given(costs, count, count)
def test_overlap_lies_between_the_larger_and_the_sum(
    step: StepTime, prefill: int, decoding: int
) -> None:
    def at(overlap: float) -> float:
        fields = {**vars(step), "overlap": overlap}
        return float(StepTime(**fields).seconds(prefill, decoding))

    assert at(math.inf) <= at(step.overlap) * (1 + 1e-12)
    assert at(step.overlap) <= at(1.0) * (1 + 1e-12)
    tokens = prefill + decoding
    read = step.weights + step.experts * (1 - (1 - step.share) ** tokens)
    longer = max(read, step.prefill_token * tokens)
    assert at(math.inf) == pytest.approx(step.base + longer + step.sequence * decoding)


def test_it_broadcasts_and_scalars_give_floats() -> None:
    step = StepTime(1.0, 0.1, 0.01, 0.001, weights=2.0, overlap=2.0)
    found = step.seconds(prefill=np.array([1, 2]), decoding=np.array([[1], [2], [3]]))
    assert np.shape(found) == (3, 2)
    assert isinstance(step.seconds(prefill=1), float)
    for tokens in (0, 3):
        assert step.seconds(tokens) == pytest.approx(law(step)(tokens, 0, 0, 0))


def test_no_weight_of_a_huge_overlap_vanishes() -> None:
    step = StepTime(0.0, 1e-5, 0.0, 0.0, weights=1e-3, overlap=500.0)
    assert step.seconds(prefill=1) == pytest.approx(1e-3)


@given(st.lists(st.integers(1, 50), min_size=1, max_size=6))
def test_pairs_of_parts_are_those_of_the_whole(parts: list[int]) -> None:
    starts = np.cumsum([0, *parts[:-1]])
    found = sum(pairs_before(part, int(start)) for part, start in zip(parts, starts, strict=True))
    whole = sum(parts)
    assert found == pairs_before(whole) == sum(range(whole))


def test_a_step_of_an_engine_is_the_law() -> None:
    step = StepTime(1e-3, 1e-4, 1e-5, 1e-6, 5e-3, 2.0, 1e-2, 0.1, 1e-7)
    chunked = Engine(step, policy="chunked", token_budget=64)
    timeline = chunked.run(Workload([0.0], [100], [3]))
    first = step.seconds(64, pairs=pairs_before(64))
    second = step.seconds(36, pairs=pairs_before(36, 64))
    assert timeline.first_token.item() == pytest.approx(first + second)
    decodes = step.seconds(decoding=1, kv=101) + step.seconds(decoding=1, kv=102)
    assert timeline.finish.item() == pytest.approx(first + second + decodes)
    whole = Engine(step).run(Workload([0.0, 0.0], [100, 20], [2, 2]))
    pairs = pairs_before(100) + pairs_before(20)
    assert whole.first_token.tolist() == pytest.approx([step.seconds(120, pairs=pairs)] * 2)


@given(costs, st.lists(st.tuples(st.integers(1, 300), st.integers(1, 4)), min_size=1, max_size=5))
def test_alone_is_what_an_engine_does_with_one_request(
    step: StepTime, lengths: list[tuple[int, int]]
) -> None:
    for policy in ("mixed", "chunked"):
        engine = Engine(step, policy=policy, token_budget=64)
        for prompt, output in lengths:
            request = Workload([0.0], [prompt], [output])
            ttft, tpot = engine.alone(request)
            timeline = engine.run(request)
            assert ttft.item() == pytest.approx(timeline.ttft.item())
            assert tpot.item() == pytest.approx(timeline.tpot.item(), nan_ok=True)


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: StepTime(-1, 0, 0, 0), "base"),
        (lambda: StepTime(0, 0, 0, 0, weights=-1), "weights"),
        (lambda: StepTime(0, 0, 0, 0, overlap=0.5), "overlap"),
        (lambda: StepTime(0, 0, 0, 0, overlap=math.nan), "overlap"),
        (lambda: StepTime(0, 0, 0, 0, share=0), "share"),
        (lambda: StepTime(0, 0, 0, 0, share=1.5), "share"),
        (lambda: StepTime(0, 0, 0, 0, prefill_kv=math.inf), "prefill_kv"),
        (lambda: StepTime(0, 0, 0, 0).seconds(prefill=-1), "prefill"),
        (lambda: StepTime(0, 0, 0, 0).seconds(kv=math.nan), "kv"),
    ],
)
def test_bad_costs_are_named(call: Any, named: str) -> None:
    with pytest.raises(ValueError, match=f"^{named} must be"):
        call()
