"""Sample paths against an independent simulator, the laws every path obeys, honest intervals."""

import math
from typing import Any

import ciw
import numpy as np
import pytest
import slow_batcher
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from labs import queueing, simulation, workload

seeds = st.integers(0, 2**32 - 1)


@st.composite
def jobs(draw: Any) -> tuple[np.ndarray, np.ndarray]:
    """Times in eighths, so that arrivals and departures often fall together, exactly."""
    count = draw(st.integers(0, 40))
    gaps = draw(st.lists(st.integers(0, 12), min_size=count, max_size=count))
    service = draw(st.lists(st.integers(0, 30), min_size=count, max_size=count))
    return np.cumsum(np.array(gaps, dtype=float)) / 8, np.array(service, dtype=float) / 8


def random_jobs(seed: int, load: float, servers: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    arrival = workload.poisson(load * servers, n, rng)
    return arrival, rng.gamma(0.5, 2.0, n)


# First come, first served


@pytest.mark.parametrize(("servers", "load"), [(1, 0.8), (2, 0.95), (3, 1.2), (8, 0.9), (50, 0.9)])
def test_fcfs_equals_ciw_to_the_last_bit(servers: int, load: float) -> None:
    rng = np.random.default_rng(servers)
    n = 3000
    gaps = rng.exponential(1 / (load * servers), n).tolist()
    service = rng.gamma(0.5, 2.0, n).tolist()
    network = ciw.create_network(
        arrival_distributions=[ciw.dists.Sequential([*gaps, math.inf])],
        service_distributions=[ciw.dists.Sequential(service)],
        number_of_servers=[servers],
    )
    ciw.seed(1)
    other = ciw.Simulation(network)
    other.simulate_until_max_time(10 * n)
    records = sorted(other.get_all_records(), key=lambda record: record.id_number)
    assert len(records) == n
    path = simulation.fcfs([record.arrival_date for record in records], service, servers)
    assert_array_equal(path.wait, [record.waiting_time for record in records])
    assert_array_equal(path.start, [record.service_start_date for record in records])
    assert_array_equal(path.finish, [record.service_end_date for record in records])
    assert_array_equal(np.cumsum(gaps), [record.arrival_date for record in records])


@given(jobs(), st.integers(1, 5))
def test_fcfs_starts_each_as_early_as_its_turn_and_a_server_allow(
    work: tuple[np.ndarray, np.ndarray], servers: int
) -> None:
    arrival, service = work
    path = simulation.fcfs(arrival, service, servers)
    free = [-math.inf] * servers
    for index, (begins, lasts) in enumerate(zip(arrival, service, strict=True)):
        server = free.index(min(free))
        assert path.start[index] == max(begins, free[server])
        free[server] = path.start[index] + lasts
    assert_array_equal(path.finish, path.start + service)
    assert_array_equal(path.wait, path.start - arrival)


@given(jobs(), st.integers(1, 5))
def test_fcfs_conserves_work(work: tuple[np.ndarray, np.ndarray], servers: int) -> None:
    arrival, service = work
    path = simulation.fcfs(arrival, service, servers)
    assert (path.wait >= 0).all()
    assert (np.diff(path.start) >= 0).all()
    for moment in np.unique(np.concatenate([arrival, path.start, path.finish])):
        serving = int(((path.start <= moment) & (moment < path.finish)).sum())
        waiting = int(((arrival <= moment) & (moment < path.start)).sum())
        assert serving <= servers
        assert waiting == 0 or serving == servers


@given(jobs(), st.integers(1, 4))
def test_littles_law_on_every_sample_path(
    work: tuple[np.ndarray, np.ndarray], servers: int
) -> None:
    arrival, service = work
    path = simulation.fcfs(arrival, service, servers)
    moments = np.unique(np.concatenate([arrival, path.finish]))
    present = np.array([((arrival <= m) & (m < path.finish)).sum() for m in moments[:-1]])
    area = float((present * np.diff(moments)).sum()) if moments.size else 0.0
    assert area == float((path.finish - arrival).sum())


def test_more_servers_never_wait_longer() -> None:
    arrival, service = random_jobs(2, 0.9, 4, 20_000)
    waits = [simulation.fcfs(arrival, service, servers).wait.mean() for servers in (4, 5, 6, 40)]
    assert waits == sorted(waits, reverse=True)
    assert simulation.fcfs(arrival, service, 20_000).wait.max() == 0


def test_m_m_8_has_the_wait_theory_gives() -> None:
    rng = np.random.default_rng(12)
    arrival = workload.poisson(7.2, 400_000, rng)
    path = simulation.fcfs(arrival, rng.exponential(1.0, arrival.size), 8)
    interval = simulation.mean_interval(path.wait[40_000:], 0.999)
    assert queueing.mmc(7.2, 1, 8).mean_wait in interval
    assert interval.high - interval.low < 0.5


@pytest.mark.parametrize("servers", [1, 7])
def test_nobody_to_serve(servers: int) -> None:
    path = simulation.fcfs([], [], servers)
    assert path.wait.size == path.start.size == path.finish.size == 0


# Batching


@given(
    st.lists(st.integers(0, 12), max_size=40),
    st.integers(1, 6),
    st.integers(0, 24),
    st.integers(0, 16),
    st.integers(0, 4),
)
def test_batching_equals_an_event_loop(
    gaps: list[int], max_batch: int, delay: int, setup: int, per_item: int
) -> None:
    arrival = (np.cumsum(np.array(gaps, dtype=float)) / 8).tolist()

    def lasts(size: int) -> float:
        return (per_item * size + setup) / 8

    path = simulation.batching(arrival, lasts, max_batch, delay / 8)
    start, finish, batch = slow_batcher.serve(arrival, lasts, max_batch, delay / 8)
    assert path.start.tolist() == start
    assert path.finish.tolist() == finish
    assert path.batch.tolist() == batch


@given(seeds, st.integers(1, 9), st.floats(0, 3))
def test_batches_obey_their_limits(seed: int, max_batch: int, delay: float) -> None:
    arrival = workload.poisson(2.0, 300, np.random.default_rng(seed))
    path = simulation.batching(arrival, lambda b: 0.2 + 0.1 * b, max_batch, delay)
    sizes = np.bincount(path.batch)
    assert sizes.min() >= 1
    assert sizes.max() <= max_batch
    assert (path.start >= arrival).all()
    assert_array_equal(path.batch, np.sort(path.batch))
    firsts = np.flatnonzero(np.diff(path.batch, prepend=-1))
    start, finish = path.start[firsts], path.finish[firsts]
    assert (start[1:] >= finish[:-1]).all()
    assert finish - start == pytest.approx(0.2 + 0.1 * sizes)
    idle_since = np.concatenate([[-np.inf], finish[:-1]])
    ready = np.maximum(arrival[firsts] + delay, idle_since)
    assert (start <= ready).all()
    early = start < ready
    assert (sizes[early] == max_batch).all()


def test_batches_of_one_are_fcfs() -> None:
    arrival = workload.poisson(0.8, 2000, np.random.default_rng(1))
    path = simulation.batching(arrival, lambda b: 1.0, 1)
    assert_array_equal(path.start, simulation.fcfs(arrival, np.ones(2000)).start)


def test_waiting_for_company_fills_batches_and_costs_time_when_idle() -> None:
    arrival = workload.poisson(5.0, 5000, np.random.default_rng(1))
    delays = [0.0, 0.2, 1.0]
    paths = [simulation.batching(arrival, lambda b: 0.05, 8, delay) for delay in delays]
    batches = [path.batch[-1] + 1 for path in paths]
    latency = [(path.finish - arrival).mean() for path in paths]
    assert batches == sorted(batches, reverse=True)
    assert len(set(batches)) == 3
    assert latency == sorted(latency)


def test_batching_nobody() -> None:
    path = simulation.batching([], lambda b: 1.0, 3)
    assert path.start.size == path.finish.size == path.batch.size == 0


# Routing


@pytest.mark.parametrize("policy", simulation.POLICIES)
@given(work=jobs(), servers=st.integers(1, 5), seed=seeds)
def test_each_server_serves_its_own_line_in_order(
    policy: str, work: tuple[np.ndarray, np.ndarray], servers: int, seed: int
) -> None:
    arrival, service = work
    path = simulation.routed(arrival, service, servers, policy, np.random.default_rng(seed))
    assert ((path.server >= 0) & (path.server < servers)).all()
    for server in range(servers):
        mine = path.server == server
        alone = simulation.fcfs(arrival[mine], service[mine])
        assert_array_equal(path.start[mine], alone.start)
        assert_array_equal(path.finish[mine], alone.finish)
        assert_array_equal(path.wait[mine], alone.wait)


def present_on_arrival(
    path: simulation.RoutedPath, arrival: np.ndarray, index: int, servers: int
) -> list[int]:
    before = np.arange(arrival.size) < index
    here = before & (path.finish > arrival[index])
    return np.bincount(path.server[here], minlength=servers).tolist()


@given(jobs(), st.integers(1, 5), seeds)
def test_shortest_queue_joins_the_first_of_the_shortest(
    work: tuple[np.ndarray, np.ndarray], servers: int, seed: int
) -> None:
    arrival, service = work
    rng = np.random.default_rng(seed)
    path = simulation.routed(arrival, service, servers, "shortest_queue", rng)
    for index in range(arrival.size):
        present = present_on_arrival(path, arrival, index, servers)
        assert path.server[index] == present.index(min(present))
    assert rng.random() == np.random.default_rng(seed).random()


@given(jobs(), st.integers(2, 5), seeds)
def test_two_choices_never_join_the_longest_alone(
    work: tuple[np.ndarray, np.ndarray], servers: int, seed: int
) -> None:
    arrival, service = work
    path = simulation.routed(arrival, service, servers, "power_of_two", np.random.default_rng(seed))
    for index in range(arrival.size):
        present = present_on_arrival(path, arrival, index, servers)
        joined = present.pop(path.server[index])
        assert joined <= max(present)
        if servers == 2:
            assert joined == min(joined, *present)


@given(jobs(), st.integers(1, 5))
def test_round_robin_takes_turns(work: tuple[np.ndarray, np.ndarray], servers: int) -> None:
    arrival, service = work
    rng = np.random.default_rng(0)
    path = simulation.routed(arrival, service, servers, "round_robin", rng)
    assert_array_equal(path.server, np.arange(arrival.size) % servers)


@pytest.mark.parametrize("policy", ["random", "power_of_two"])
def test_random_policies_treat_servers_alike(policy: str) -> None:
    # Nobody waits, so both draw uniformly: counts within four standard errors.
    arrival = np.arange(40_000, dtype=float)
    path = simulation.routed(arrival, np.zeros(arrival.size), 8, policy, np.random.default_rng(3))
    counts = np.bincount(path.server, minlength=8)
    assert np.abs(counts - 5000).max() < 4 * math.sqrt(40_000 * 7 / 64)


def test_routing_by_chance_splits_poisson_into_m_m_1() -> None:
    rng = np.random.default_rng(9)
    arrival = workload.poisson(3.5, 300_000, rng)
    path = simulation.routed(arrival, rng.exponential(1.0, arrival.size), 5, "random", rng)
    wait = path.wait[30_000:]
    assert queueing.mm1(0.7, 1.0).mean_wait in simulation.mean_interval(wait, 0.999)


def test_better_informed_routing_waits_less_and_one_line_least() -> None:
    rng = np.random.default_rng(10)
    arrival = workload.poisson(18.0, 60_000, rng)
    service = rng.exponential(1.0, arrival.size)
    wait = [
        simulation.routed(arrival, service, 20, policy, rng).wait.mean()
        for policy in ("random", "round_robin", "power_of_two", "shortest_queue")
    ]
    wait.append(simulation.fcfs(arrival, service, 20).wait.mean())
    assert wait == sorted(wait, reverse=True)


def test_the_same_seed_gives_the_same_path() -> None:
    arrival, service = random_jobs(1, 0.8, 3, 500)
    first, second, other = (
        simulation.routed(arrival, service, 3, "power_of_two", np.random.default_rng(seed)).server
        for seed in (5, 5, 6)
    )
    assert_array_equal(first, second)
    assert (first != other).any()


# Bad input

ok = [0.0, 1.0]
rng = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("call", "argument", "shown"),
    [
        (lambda: simulation.fcfs([1.0, 0.5], ok), "arrival", "index 0"),
        (lambda: simulation.fcfs([0.0, math.nan], ok), "arrival", "nan"),
        (lambda: simulation.fcfs([[0.0, 1.0]], ok), "arrival", "(1, 2)"),
        (lambda: simulation.fcfs(3.0, ok), "arrival", "()"),
        (lambda: simulation.fcfs(ok, [1.0]), "service", "1"),
        (lambda: simulation.fcfs(ok, [1.0, -2.0]), "service", "-2"),
        (lambda: simulation.fcfs(ok, ok, 0), "servers", "0"),
        (lambda: simulation.fcfs(ok, ok, 1.5), "servers", "1.5"),
        (lambda: simulation.fcfs(ok, ok, [1, 2]), "servers", "[1, 2]"),
        (lambda: simulation.fcfs(ok, ok, 10**9), "servers", "1000000000"),
        (lambda: simulation.batching([1.0, 0.5], lambda b: 1.0, 1), "arrival", "index 0"),
        (lambda: simulation.batching(ok, lambda b: 1.0, 0), "max_batch", "0"),
        (lambda: simulation.batching(ok, lambda b: 1.0, 2.5), "max_batch", "2.5"),
        (lambda: simulation.batching(ok, lambda b: 1.0, 2, -1.0), "max_delay", "-1"),
        (lambda: simulation.batching(ok, lambda b: 1.0, 2, math.inf), "max_delay", "inf"),
        (lambda: simulation.batching(ok, 3.0, 2), "batch_time", "3.0"),
        (lambda: simulation.batching(ok, lambda b: -1.0, 2), "batch_time", "-1.0"),
        (lambda: simulation.batching(ok, lambda b: math.nan, 2), "batch_time", "nan"),
        (lambda: simulation.batching(ok, lambda b: None, 2), "batch_time", "None"),
        (lambda: simulation.routed([1.0, 0.5], ok, 1, "random", rng), "arrival", "index 0"),
        (lambda: simulation.routed(ok, [1.0], 1, "random", rng), "service", "1"),
        (lambda: simulation.routed(ok, [1.0, -2.0], 1, "random", rng), "service", "-2"),
        (lambda: simulation.routed(ok, ok, -1, "random", rng), "servers", "-1"),
        (lambda: simulation.routed(ok, ok, 1, "best", rng), "policy", "'best'"),
        (lambda: simulation.routed(ok, ok, 1, None, rng), "policy", "None"),
        (lambda: simulation.routed(ok, ok, 1, "random", 3), "rng", "3"),
        (lambda: simulation.mean_interval([1.0, 2.0, 3.0]), "sample", "3"),
        (lambda: simulation.mean_interval([]), "sample", "0"),
        (lambda: simulation.mean_interval([1.0] * 9 + [math.nan]), "sample", "nan"),
        (lambda: simulation.mean_interval([1.0] * 9 + [1e31]), "sample", "1e+31"),
        (lambda: simulation.mean_interval([1.0] * 9 + [-1e31]), "sample", "-1e+31"),
        (lambda: simulation.mean_interval([[1.0] * 9]), "sample", "(1, 9)"),
        (lambda: simulation.mean_interval([1.0] * 9, 1.0), "level", "1.0"),
        (lambda: simulation.mean_interval([1.0] * 9, 0), "level", "0"),
        (lambda: simulation.mean_interval([1.0] * 9, math.nan), "level", "nan"),
    ],
)
def test_bad_input_is_named(call: Any, argument: str, shown: str) -> None:
    with pytest.raises(ValueError, match=rf"\b{argument}\b") as problem:
        call()
    assert shown in str(problem.value)
