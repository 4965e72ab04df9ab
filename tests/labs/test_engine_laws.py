"""The engine against closed forms of queues, and a trace whose reuse was published."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from labs import caching, queueing
from labs.engine import Engine, StepTime
from labs.workload import Workload, poisson, read_mooncake

SEEDS = range(8)


def between(values: list[float], expected: float) -> None:
    """The mean over seeds lies about what is expected, as its own spread allows."""
    mean, error = np.mean(values), np.std(values, ddof=1) / np.sqrt(len(values))
    assert abs(mean - expected) < 4 * error, (mean, error, expected)
    assert error < 0.05 * expected


@pytest.mark.parametrize("memory", ["reserve", "paged"])
@pytest.mark.parametrize("load", [0.4, 0.8])
def test_one_at_a_time_is_an_m_d_1_queue(memory: str, load: float) -> None:
    service = 0.1
    engine = Engine(StepTime(service, 0.0, 0.0, 0.0), max_batch=1, policy="chunked", memory=memory)
    waits = []
    for seed in SEEDS:
        arrival = poisson(load / service, 10_000, np.random.default_rng(seed))
        asked = Workload(arrival, np.full(arrival.size, 10), np.ones(arrival.size, int))
        waits.append(float(np.mean(engine.run(asked).ttft - service)))
    expected = queueing.mg1(load / service, service, 0.0).mean_wait
    between(waits, float(expected))


@pytest.mark.parametrize("memory", ["reserve", "paged"])
@pytest.mark.parametrize("spread", ["equal", "geometric"])
def test_a_step_that_grows_with_its_sequences_shares_the_processor(
    memory: str, spread: str
) -> None:
    """Where a token costs its own time alone, the mean depends on lengths by their mean alone."""
    token, mean, load = 0.001, 200, 0.6
    # A prompt's first token costs a step too, so it is one of the answer's.
    engine = Engine(
        StepTime(0.0, token, token, 0.0), max_batch=10_000, policy="chunked", memory=memory
    )
    times = []
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        arrival = poisson(load / (token * mean), 2_000, rng)
        n = arrival.size
        output = np.full(n, mean) if spread == "equal" else rng.geometric(1 / mean, n)
        times.append(float(np.mean(engine.run(Workload(arrival, np.ones(n, int), output)).latency)))
    between(times, token * mean / (1 - load))


@pytest.mark.parametrize("capacity", [1000, 10_000, 50_000])
def test_a_prefix_cache_of_the_engine_hits_as_an_lru_of_blocks_does(
    mooncake_trace: Path, capacity: int
) -> None:
    """One at a time, answers of one token: what is held now is little beside the capacity."""
    trace = read_mooncake(mooncake_trace)
    assert trace.blocks is not None
    asked = replace(trace, output=np.ones(len(trace), int))
    engine = Engine(
        StepTime(1e-6, 0.0, 0.0, 0.0),
        max_batch=1,
        kv_tokens=capacity * 512,
        policy="chunked",
        token_budget=10**6,
        memory="paged",
        block=512,
        prefix_cache=True,
    )
    found = engine.run(asked).cached / 512
    expected = caching.prefix_hits(trace.blocks, capacity)
    # A prompt whose blocks are all there still reads its last one.
    assert found.sum() == pytest.approx(expected.sum(), rel=0.03)


def test_with_endless_room_the_engine_finds_the_share_that_was_published(
    mooncake_trace: Path,
) -> None:
    """Qin et al., FAST 2025: the conversation trace reuses 40% of its prefix at most."""
    trace = read_mooncake(mooncake_trace)
    asked = replace(trace, output=np.ones(len(trace), int))
    step = StepTime(1e-6, 0.0, 0.0, 0.0)
    engine = Engine(
        step, policy="chunked", token_budget=10**6, memory="paged", block=512, prefix_cache=True
    )
    share = engine.run(asked).cached / trace.prompt
    assert share.mean() == pytest.approx(0.40, abs=0.02)
