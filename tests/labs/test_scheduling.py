"""Orders, prefix routing and fleets against naive simulation, theory and brute force."""

import itertools
import math
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from shared_files import oracle_cases

from labs import scheduling, simulation, workload
from labs.scheduling import POLICIES, order, place, serve_tenants

KEYED = ("fcfs", "sjf", "priority", "edf")


@st.composite
def jobs(draw: Any, most: int = 14, longest: int = 6) -> dict[str, list[float]]:
    """Whole numbers, so that events often fall together, exactly."""
    n = draw(st.integers(0, most))
    gaps = draw(st.lists(st.integers(0, 4), min_size=n, max_size=n))
    wholes = st.lists(st.integers(0, longest), min_size=n, max_size=n)
    arrival = np.cumsum(np.array(gaps, dtype=float)).tolist()
    return {
        "arrival": arrival,
        "service": draw(wholes),
        "priority": draw(wholes),
        "deadline": draw(wholes),
    }


def keys_of(work: dict[str, list[float]], policy: str) -> list[float]:
    name = {"sjf": "service", "priority": "priority", "edf": "deadline"}.get(policy)
    return work[name] if name else [0.0] * len(work["arrival"])


def served(work: dict[str, list[float]], policy: str, servers: int = 1) -> scheduling.Schedule:
    extra = {name: work[name] for name in ("priority", "deadline")}
    return order(work["arrival"], work["service"], policy, servers, **extra)


def naive(work: dict[str, list[float]], policy: str, servers: int) -> list[float]:
    """Return starts by looking, at every moment, for a free server and the best who waits."""
    arrival, service, key = work["arrival"], work["service"], keys_of(work, policy)
    start: dict[int, float] = {}
    moments = sorted(set(arrival))
    while moments:
        now = moments.pop(0)
        while True:
            busy = sum(start[j] <= now < start[j] + service[j] for j in start)
            waiting = [j for j in range(len(arrival)) if arrival[j] <= now and j not in start]
            if not waiting or busy == servers:
                break
            job = min(waiting, key=lambda j: (key[j], arrival[j], j))
            start[job] = now
            moments = sorted({*moments, now + service[job]} - {now})
    return [start[j] for j in range(len(arrival))]


def naive_srpt(
    arrival: list[float], service: list[float], servers: int
) -> tuple[list[float], list[float]]:
    """Return starts and finishes in steps of one, at each of which all choices are made anew."""
    left = list(service)
    start, finish = [math.nan] * len(left), [math.nan] * len(left)
    now = 0.0
    while any(math.isnan(f) for f in finish):
        free = servers
        for job in sorted(range(len(left)), key=lambda j: (left[j], j)):
            if arrival[job] > now or not math.isnan(finish[job]):
                continue
            if service[job] == 0:
                start[job] = finish[job] = now
            elif free:
                free -= 1
                start[job] = now if math.isnan(start[job]) else start[job]
                left[job] -= 1
                finish[job] = now + 1 if left[job] == 0 else math.nan
        now += 1
    return start, finish


@pytest.mark.parametrize("policy", KEYED)
@given(work=jobs(), servers=st.integers(1, 4))
def test_whoever_is_best_of_those_waiting_goes_next(
    policy: str, work: dict[str, list[float]], servers: int
) -> None:
    found = served(work, policy, servers)
    assert found.start.tolist() == naive(work, policy, servers)
    assert_array_equal(found.finish, found.start + np.array(work["service"]))


@given(work=jobs(), servers=st.integers(1, 4))
def test_fcfs_is_the_fcfs_of_simulation(work: dict[str, list[float]], servers: int) -> None:
    path = simulation.fcfs(work["arrival"], work["service"], servers)
    found = served(work, "fcfs", servers)
    assert_array_equal(found.start, path.start)
    assert_array_equal(found.finish, path.finish)


@given(work=jobs(), servers=st.integers(1, 3))
def test_srpt_keeps_the_least_remaining_running(work: dict[str, list[float]], servers: int) -> None:
    found = served(work, "srpt", servers)
    start, finish = naive_srpt(work["arrival"], work["service"], servers)
    if 0 not in work["service"]:
        assert found.start.tolist() == start
    # Which of equals is interrupted may differ; when the k-th job leaves may not.
    assert sorted(found.finish.tolist()) == sorted(finish)


@pytest.mark.parametrize("policy", POLICIES)
@given(work=jobs(), servers=st.integers(1, 4))
def test_every_policy_conserves_work(
    policy: str, work: dict[str, list[float]], servers: int
) -> None:
    arrival, service = np.array(work["arrival"]), np.array(work["service"])
    found = served(work, policy, servers)
    assert (found.start >= arrival).all()
    assert (found.finish >= found.start + service).all()
    if servers == 1:
        busy = simulation.fcfs(arrival, service)
        assert found.finish.max(initial=0) == busy.finish.max(initial=0)
        if policy != "srpt":
            spans = sorted(zip(found.start[service > 0], found.finish[service > 0], strict=True))
            assert all(a[1] <= b[0] for a, b in itertools.pairwise(spans))
    for moment in np.unique(arrival):
        inside = int(((arrival <= moment) & (found.finish > moment)).sum())
        started = int(((found.start <= moment) & (found.finish > moment)).sum())
        assert started >= min(inside, servers)


@given(work=jobs())
def test_shortest_first_never_has_a_longer_mean_than_fcfs_and_srpt_never_than_either(
    work: dict[str, list[float]],
) -> None:
    fcfs, sjf, srpt = (served(work, policy).finish.sum() for policy in ("fcfs", "sjf", "srpt"))
    assert srpt <= min(fcfs, sjf)
    together = {**work, "arrival": [0.0] * len(work["arrival"])}
    assert served(together, "sjf").finish.sum() <= served(together, "fcfs").finish.sum()
    assert served(together, "sjf").finish.sum() == served(together, "srpt").finish.sum()


def least_total(arrival: tuple[int, ...], service: tuple[int, ...]) -> int:
    """Return the least sum of finishes over every preemptive schedule in whole steps."""

    @cache
    def best(now: int, left: tuple[int, ...]) -> int:
        if not any(left):
            return 0
        ready = [j for j, work in enumerate(left) if work and arrival[j] <= now]
        options = []
        for job in ready:
            after = tuple(work - (j == job) for j, work in enumerate(left))
            options.append((0 if after[job] else now + 1) + best(now + 1, after))
        return min(options) if options else best(now + 1, left)

    return best(0, service)


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 4)), min_size=1, max_size=5))
def test_no_schedule_at_all_beats_srpt(pairs: list[tuple[int, int]]) -> None:
    arrival, service = zip(*sorted(pairs, key=lambda pair: pair[0]), strict=True)
    assert order(arrival, service, "srpt").finish.sum() == least_total(arrival, service)


def test_srpt_interrupts_and_others_do_not() -> None:
    long_and_short = {"arrival": [0, 2], "service": [10, 1], "priority": [1, 0], "deadline": [9, 1]}
    found = served(long_and_short, "srpt")
    assert (found.start.tolist(), found.finish.tolist()) == ([0, 2], [11, 3])
    for policy in KEYED:
        assert served(long_and_short, policy).finish.tolist() == [10, 11]


def test_srpt_notes_no_start_for_a_job_that_is_passed_over_as_it_arrives() -> None:
    found = order([0.0, 0.0, 4.0], [5.0, 1.0, 1.0], "srpt")
    assert found.start.tolist() == [1, 0, 4]
    found = order([0.0, 1.0, 2.0], [2.0, 5.0, 1.0], "srpt")
    assert found.start.tolist() == [0, 3, 2]


def test_equals_are_not_interrupted_by_rounding() -> None:
    found = order([1e6, 1e6, 1e6], [0.1, 0.1, 0.1], "srpt")
    assert found.start.tolist() == sorted(found.start.tolist())
    assert found.start[0] == 1e6


@pytest.mark.parametrize("policy", POLICIES)
def test_equals_go_by_arrival_then_index(policy: str) -> None:
    same = {name: [3.0] * 5 for name in ("service", "priority", "deadline")}
    found = served({"arrival": [0, 1, 1, 1, 2], **same}, policy)
    assert found.start.tolist() == [0, 3, 6, 9, 12]


@given(st.lists(st.tuples(st.integers(1, 4), st.integers(1, 16)), min_size=1, max_size=5))
def test_edf_meets_every_deadline_if_any_order_does(pairs: list[tuple[int, int]]) -> None:
    service, deadline = (np.array(column, dtype=float) for column in zip(*pairs, strict=True))
    found = order(np.zeros(len(pairs)), service, "edf", deadline=deadline)
    feasible = any(
        (np.cumsum(service[list(turn)]) <= deadline[list(turn)]).all()
        for turn in itertools.permutations(range(len(pairs)))
    )
    assert bool((found.finish <= deadline).all()) == feasible


@pytest.mark.parametrize("policy", POLICIES)
def test_nobody_and_zero_work(policy: str) -> None:
    nothing: dict[str, list[float]] = {name: [] for name in ("arrival", "service")}
    found = served({**nothing, "priority": [], "deadline": []}, policy, 3)
    assert found.start.size == found.finish.size == 0
    zero = {"arrival": [0, 0, 1], "service": [0, 0, 0], "priority": [1, 0, 0], "deadline": [0] * 3}
    assert served(zero, policy).finish.tolist() == [0, 0, 1]


@pytest.mark.parametrize(
    "case",
    [
        *oracle_cases({"mg1_priority_nonpreemptive"}),
        {"inputs": {"lam": [0.3, 0.4], "es": [1, 1]}, "expected": {"Wq": [1.0, 10 / 3]}},
    ],
)
def test_priority_waits_are_cobhams(case: dict[str, Any]) -> None:
    rates, means = case["inputs"]["lam"], case["inputs"]["es"]
    rng = np.random.default_rng(20)
    n = 200_000
    arrival = workload.poisson(sum(rates), n, rng)
    kind = rng.choice(len(rates), size=n, p=np.array(rates) / sum(rates))
    service = rng.exponential(np.array(means, dtype=float)[kind])
    wait = order(arrival, service, "priority", priority=kind).start - arrival
    for index, mean in enumerate(case["expected"]["Wq"]):
        sample = wait[kind == index][5000:]
        interval = simulation.mean_interval(sample, 0.999)
        assert mean in interval
        assert interval.high - interval.low < 0.35 * mean


# Fleets


def cheapest(
    demand: list[int], rate: list[list[int]], price: list[int], available: list[int]
) -> float:
    """Return the least cost over every whole placement."""
    types, classes = len(price), len(demand)
    best = math.inf
    ways = [
        [n for n in itertools.product(range(room + 1), repeat=classes) if sum(n) <= room]
        for room in available
    ]
    for fleet in itertools.product(*ways):
        carried = [sum(rate[i][j] * fleet[i][j] for i in range(types)) for j in range(classes)]
        if all(have >= want for have, want in zip(carried, demand, strict=True)):
            best = min(best, sum(price[i] * sum(fleet[i]) for i in range(types)))
    return best


@st.composite
def fleets(draw: Any) -> tuple[Any, ...]:
    types, classes = draw(st.integers(1, 3)), draw(st.integers(1, 2))
    return (
        draw(st.lists(st.integers(0, 12), min_size=classes, max_size=classes)),
        [
            draw(st.lists(st.integers(0, 7), min_size=classes, max_size=classes))
            for _ in range(types)
        ],
        draw(st.lists(st.integers(0, 9), min_size=types, max_size=types)),
        draw(st.lists(st.integers(0, 4), min_size=types, max_size=types)),
    )


@settings(max_examples=100)
@given(fleets())
def test_no_enumerated_fleet_is_cheaper(problem: tuple[Any, ...]) -> None:
    demand, rate, price, available = problem
    found = place(demand, rate, price, available)
    best = cheapest(demand, rate, price, available)
    assert found.feasible == (best < math.inf)
    assert found.cost == pytest.approx(best)
    assert found.devices.shape == (len(price), len(demand))
    assert found.devices.dtype.kind == "i"
    assert (found.devices >= 0).all()
    if found.feasible:
        assert ((np.array(rate) * found.devices).sum(axis=0) >= demand).all()
        assert (found.devices.sum(axis=1) <= available).all()
        assert found.cost == pytest.approx((found.devices.sum(axis=1) * price).sum())
    else:
        assert not found.devices.any()


@settings(max_examples=100)
@given(st.data())
def test_a_larger_fleet_is_split_by_price_and_no_fraction_is_lost(data: Any) -> None:
    # One class, two types: every count of the first, and the fewest of the second that then serve.
    demand = data.draw(st.integers(1, 5000))
    rate = data.draw(st.tuples(st.integers(1, 90), st.integers(1, 90)))
    price = data.draw(st.tuples(st.integers(1, 50), st.integers(1, 50)))
    best = min(
        n * price[0] + max(0, math.ceil((demand - n * rate[0]) / rate[1])) * price[1]
        for n in range(math.ceil(demand / rate[0]) + 1)
    )
    found = place([demand], [[rate[0]], [rate[1]]], price, [10_000, 10_000])
    assert found.cost == best


def test_a_device_far_too_fast_is_still_one_device() -> None:
    found = place([1e-6, 1.0], [[1e6, 1e9]], [2.0], [5])
    assert found.devices.tolist() == [[1, 1]]
    assert found.cost == 4


def test_what_cannot_be_had_or_does_not_serve_is_not_used() -> None:
    found = place([10.0], [[10.0], [5.0]], [1.0, 3.0], [0, 9])
    assert (found.devices.ravel().tolist(), found.cost) == ([0, 2], 6)
    found = place([10.0, 0.0], [[10.0, 3.0], [0.0, 9.0]], [5.0, 0.0], [9, 9])
    assert (found.devices.tolist(), found.cost) == ([[1, 0], [0, 0]], 5)


@pytest.mark.parametrize(
    ("demand", "rate", "available"),
    [
        ([10.0], [[4.0]], [2]),  # too few
        ([10.0, 1.0], [[4.0, 0.0]], [9]),  # a class that nothing serves
        ([1.0, 1.0], [[4.0, 4.0]], [1]),  # one device for two classes
        ([1.0], np.zeros((0, 1)), []),  # nothing to be had
        ([1.0], [[5.0]], [0]),
    ],
)
def test_what_cannot_be_carried_is_infeasible(demand: Any, rate: Any, available: Any) -> None:
    found = place(demand, rate, np.ones(len(available)), available)
    assert (found.feasible, found.cost) == (False, math.inf)
    assert not found.devices.any()


def test_no_demand_costs_nothing() -> None:
    found = place([0.0, 0.0], [[1.0, 0.0]], [3.0], [4])
    assert (found.feasible, found.cost, found.devices.tolist()) == (True, 0, [[0, 0]])


@pytest.mark.parametrize(
    ("call", "argument"),
    [
        (lambda: order([1, 0], [1, 1], "fcfs"), "arrival"),
        (lambda: order([0, 1], [1], "fcfs"), "service"),
        (lambda: order([0, 1], [1, -1], "fcfs"), "service"),
        (lambda: order([0, 1], [1, 1e31], "fcfs"), "service"),
        (lambda: order([0, 1], [1, 1], "lifo"), "policy"),
        (lambda: order([0, 1], [1, 1], "fcfs", 0), "servers"),
        (lambda: order([0, 1], [1, 1], "priority"), "priority"),
        (lambda: order([0, 1], [1, 1], "edf"), "deadline"),
        (lambda: order([0, 1], [1, 1], "edf", deadline=[1]), "deadline"),
        (lambda: order([0, 1], [1, 1], "fcfs", priority=[1, math.nan]), "priority"),
        (lambda: serve_tenants(0.0, 20, 1, 1.0, 0), "rate"),
        (lambda: serve_tenants(1.0, 19, 1, 1.0, 0), "requests"),
        (lambda: serve_tenants(1.0, 20, -1, 1.0, 0), "seed"),
        (lambda: serve_tenants(1.0, 20, 1, 0.0, 0), "token_time"),
        (lambda: serve_tenants(1.0, 20, 1, 1.0, -1), "slack"),
        (lambda: serve_tenants(1.0, 20, 1, 1.0, 0, servers=0), "servers"),
        (lambda: serve_tenants(1.0, 20, 1, 1.0, 0, tenants=0), "tenants"),
        (lambda: serve_tenants(1.0, 20, 1, 1.0, 0, exponent=-1), "exponent"),
        (lambda: serve_tenants(1.0, 20, 1, 1.0, 0, prefix=-1), "prefix"),
        (lambda: serve_tenants(1.0, 20, 1, 1.0, 0, room=0), "room"),
        (lambda: place([-1.0], [[1.0]], [1.0], [1]), "demand"),
        (lambda: place([1e31], [[1.0]], [1.0], [1]), "demand"),
        (lambda: place([1.0], [[1e31]], [1.0], [1]), "rate"),
        (lambda: place([1.0], [[-1.0]], [1.0], [1]), "rate"),
        (lambda: place([1.0], [[1.0, 2.0]], [1.0], [1]), "rate"),
        (lambda: place([1.0], [1.0], [1.0], [1]), "rate"),
        (lambda: place([1.0], [[1.0]], [1.0, 2.0], [1]), "price"),
        (lambda: place([1.0], [[1.0]], [-1.0], [1]), "price"),
        (lambda: place([1.0], [[1.0]], [1e31], [1]), "price"),
        (lambda: place([1.0], [[1.0]], [1.0], [1.5]), "available"),
        (lambda: place([1.0], [[1.0]], [1.0], [1e7]), "available"),
        (lambda: place([1.0], [[1.0]], [1.0], [-1]), "available"),
    ],
)
def test_bad_input_is_named(call: Any, argument: str) -> None:
    with pytest.raises(ValueError, match=rf"^{argument} must be"):
        call()
