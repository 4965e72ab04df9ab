"""Queueing formulas against chains solved here, high precision, simulation and their own limits."""

import math
from dataclasses import fields
from typing import Any

import markov
import mpmath
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import integrate

from labs import queueing, simulation, workload

MEANS = ("mean_wait", "mean_sojourn", "mean_waiting", "mean_present")

rates = st.floats(0.01, 50)
loads = st.floats(0.02, 0.95)
few = st.integers(1, 12)
any_positive = st.floats(1e-30, 1e30)
any_rate = st.floats(0, 1e30)


def mp_erlang_b(load: Any, servers: int) -> Any:
    term = total = mpmath.mpf(1)
    for n in range(servers, 0, -1):
        term *= mpmath.mpf(n) / load
        total += term
    return 1 / total


@pytest.fixture(autouse=True)
def forty_digits() -> Any:
    with mpmath.workdps(40):
        yield


# Erlang B and C


@pytest.mark.parametrize(
    ("load", "servers"),
    [
        (0.1, 1),
        (1.0, 5),
        (8.0, 10),
        (80.0, 100),
        (100.0, 100),
        (950.0, 1000),
        (1500.0, 1000),
        (9000.0, 10_000),
        (9900.0, 10_000),
        (9999.0, 10_000),
        (10_000.0, 10_000),
        (20_000.0, 10_000),
    ],
)
def test_erlang_agrees_with_forty_digits(load: float, servers: int) -> None:
    blocking = mp_erlang_b(mpmath.mpf(load), servers)
    assert queueing.erlang_b(load, servers) == pytest.approx(float(blocking), rel=1e-10, abs=0)
    waits = 1 if load >= servers else servers * blocking / (servers - load * (1 - blocking))
    assert queueing.erlang_c(load, servers) == pytest.approx(float(waits), rel=1e-10, abs=0)


@given(load=st.floats(1e-3, 300), servers=st.integers(1, 200))
def test_erlang_b_satisfies_its_recursion(load: float, servers: int) -> None:
    fewer, more = queueing.erlang_b(load, servers), queueing.erlang_b(load, servers + 1)
    assert more == pytest.approx(load * fewer / (servers + 1 + load * fewer), rel=1e-12, abs=0)


def test_erlang_b_with_no_load_loses_nobody() -> None:
    assert queueing.erlang_b(0, 3) == 0


def test_erlang_b_without_servers_loses_everybody() -> None:
    assert queueing.erlang_b(2.5, 0) == queueing.erlang_b(0, 0) == 1
    assert queueing.erlang_b(1, [0, 1]).tolist() == [1, 0.5]  # type: ignore[union-attr]
    assert queueing.erlang_c(0, 3) == 0


@given(load=st.floats(0.01, 100), servers=st.integers(1, 100), more=st.floats(1.01, 2))
def test_erlang_rises_with_load_and_falls_with_servers(
    load: float, servers: int, more: float
) -> None:
    for formula in (queueing.erlang_b, queueing.erlang_c):
        here = formula(load, servers)
        assert 0 <= here <= 1
        assert formula(load * more, servers) >= here
        assert formula(load, servers + 1) <= here
    assert queueing.erlang_c(load, servers) >= queueing.erlang_b(load, servers)


def test_one_server_waits_with_the_probability_that_it_is_busy() -> None:
    assert queueing.erlang_c(0.37, 1) == pytest.approx(0.37, rel=1e-15)


# M/M/c and M/M/c/K against the balance equations


@given(rate=rates, load=st.floats(0.02, 2.5), servers=few, extra=st.integers(0, 15))
def test_finite_room_solves_the_balance_equations(
    rate: float, load: float, servers: int, extra: int
) -> None:
    service = rate / (load * servers)
    queue = queueing.mmck(rate, service, servers, servers + extra)
    chain = markov.markov_queue(rate, service, servers, servers + extra)
    for field in fields(chain):
        found, wanted = getattr(queue, field.name), getattr(chain, field.name)
        floor = 1e-12 / (rate if field.name == "mean_wait" else 1)
        assert found == pytest.approx(wanted, rel=1e-8, abs=floor), field.name


@given(rate=rates, load=st.floats(0.02, 0.85), servers=few)
def test_endless_room_solves_the_balance_equations(rate: float, load: float, servers: int) -> None:
    service = rate / (load * servers)
    queue = queueing.mmc(rate, service, servers)
    chain = markov.markov_queue(rate, service, servers, servers + 250)
    for name in (*MEANS, "utilization", "prob_wait"):
        floor = 1e-12 / (rate if name == "mean_wait" else 1)
        assert getattr(queue, name) == pytest.approx(getattr(chain, name), rel=1e-8, abs=floor), (
            name
        )
    assert queue.blocking == 0


@given(load=st.floats(0.05, 0.9), servers=few)
def test_finite_room_tends_to_endless_room(load: float, servers: int) -> None:
    finite = queueing.mmck(load * servers, 1, servers, servers + 1000)
    endless = queueing.mmc(load * servers, 1, servers)
    for name in (*MEANS, "prob_wait", "utilization"):
        assert getattr(finite, name) == pytest.approx(
            getattr(endless, name), rel=1e-9, abs=1e-15
        ), name


@given(load=st.floats(0.01, 3), servers=st.integers(1, 300))
def test_no_room_to_wait_is_erlang_b(load: float, servers: int) -> None:
    queue = queueing.mmck(load * servers, 1, servers, servers)
    assert queue.blocking == pytest.approx(
        queueing.erlang_b(load * servers, servers), rel=1e-9, abs=1e-300
    )
    assert queue.mean_wait == queue.mean_waiting == queue.prob_wait == 0
    assert queue.mean_sojourn == 1


def test_at_endless_load_an_admitted_request_waits_only_where_there_is_room_to() -> None:
    assert queueing.mmck(1e30, 1e-30, 1, 1).prob_wait == 0
    assert queueing.mmck(1e30, 1e-30, 1, 2).prob_wait == 1


def test_a_large_full_system_blocks_what_it_cannot_serve() -> None:
    queue = queueing.mmck(2000, 1, 1000, 100_000)
    assert queue.utilization == pytest.approx(1, rel=1e-12)
    assert queue.blocking == pytest.approx(0.5, rel=1e-9)
    # Nearly full all the time, one short by a geometric number of mean 1: λ/(λ - cμ) - 1.
    assert queue.mean_present == pytest.approx(100_000 - 1, rel=1e-9)


def test_m_m_1_with_room_for_k_in_closed_form() -> None:
    # ρ = 1 makes every state from 0 to K equally likely.
    queue = queueing.mmck(2, 2, 1, 9)
    assert queue.blocking == pytest.approx(1 / 10)
    assert queue.mean_present == pytest.approx(9 / 2)
    assert queue.utilization == pytest.approx(9 / 10)


# Laws that hold for every model

STABLE_MODELS = {
    "mm1": lambda rate, load, servers, scv: queueing.mm1(rate, rate / load),
    "mmc": lambda rate, load, servers, scv: queueing.mmc(rate, rate / load / servers, servers),
    "mg1": lambda rate, load, servers, scv: queueing.mg1(rate, load / rate, scv),
    "ggc": lambda rate, load, servers, scv: queueing.ggc(
        rate, rate / load / servers, servers, scv, 1.0
    ),
    "md_c": lambda rate, load, servers, scv: queueing.md_c(rate, load * servers / rate, servers),
}


@pytest.mark.parametrize("model", STABLE_MODELS)
@given(rate=rates, load=loads, servers=few, scv=st.floats(0, 20))
def test_littles_law(model: str, rate: float, load: float, servers: int, scv: float) -> None:
    queue = STABLE_MODELS[model](rate, load, servers, scv)
    assert queue.mean_waiting == pytest.approx(rate * queue.mean_wait, rel=1e-12)
    assert queue.mean_present == pytest.approx(rate * queue.mean_sojourn, rel=1e-12)
    assert queue.mean_sojourn >= queue.mean_wait
    assert queue.utilization == pytest.approx(load, rel=1e-12)
    busy = queue.mean_present - queue.mean_waiting
    assert busy == pytest.approx(load if model in ("mm1", "mg1") else load * servers, rel=1e-6)


@given(rate=rates, load=st.floats(0.05, 3), servers=few, extra=st.integers(0, 20))
def test_littles_law_counts_accepted_arrivals(
    rate: float, load: float, servers: int, extra: int
) -> None:
    queue = queueing.mmck(rate, rate / load / servers, servers, servers + extra)
    accepted = rate * (1 - queue.blocking)
    assert queue.mean_waiting == pytest.approx(accepted * queue.mean_wait, rel=1e-9, abs=1e-15)
    assert queue.mean_present == pytest.approx(accepted * queue.mean_sojourn, rel=1e-9)
    assert queue.utilization == pytest.approx(load * (1 - queue.blocking), rel=1e-9)


@pytest.mark.parametrize("model", STABLE_MODELS)
@given(load=loads, servers=few, scv=st.floats(0.1, 5))
def test_more_load_waits_longer(model: str, load: float, servers: int, scv: float) -> None:
    waits = [STABLE_MODELS[model](1.0, load * f, servers, scv).mean_waiting for f in (0.8, 1)]
    assert waits[0] < waits[1] or waits[1] < 1e-12


@pytest.mark.parametrize("model", STABLE_MODELS)
def test_scaling_the_clock_scales_the_times_alone(model: str) -> None:
    slow, fast = (STABLE_MODELS[model](rate, 0.7, 3, 2.0) for rate in (1.0, 1000.0))
    assert fast.mean_wait * 1000 == pytest.approx(slow.mean_wait)
    assert fast.mean_sojourn * 1000 == pytest.approx(slow.mean_sojourn)
    assert fast.mean_present == pytest.approx(slow.mean_present)


@given(rate=rates, load=loads)
def test_m_m_1_in_closed_form(rate: float, load: float) -> None:
    queue = queueing.mm1(rate, rate / load)
    assert queue.mean_present == pytest.approx(load / (1 - load), rel=1e-9)
    assert queue.mean_wait == pytest.approx(load / (rate / load - rate), rel=1e-9)
    assert queue.prob_wait == pytest.approx(load, rel=1e-12)


@given(load=loads)
def test_constant_service_waits_half_as_long_as_exponential(load: float) -> None:
    half = queueing.mm1(load, 1).mean_wait / 2
    assert queueing.mg1(load, 1, 0).mean_wait == pytest.approx(half, rel=1e-12)
    assert queueing.md_c(load, 1, 1).mean_wait == pytest.approx(half, rel=1e-9)
    assert queueing.md_c(load, 1, 1).prob_wait == pytest.approx(load, rel=1e-9)


@given(rate=rates, load=loads, servers=few, scv=st.floats(0, 30))
def test_allen_cunneen_is_exact_where_theory_is(
    rate: float, load: float, servers: int, scv: float
) -> None:
    service = rate / load / servers
    markov_queue = queueing.mmc(rate, service, servers)
    approximate = queueing.ggc(rate, service, servers, 1, 1)
    for name in (*MEANS, "utilization", "blocking"):
        assert getattr(approximate, name) == pytest.approx(
            getattr(markov_queue, name), rel=1e-12
        ), name
    general = queueing.mg1(rate, load / rate, scv)
    single = queueing.ggc(rate, rate / load, 1, 1, scv)
    for name in MEANS:
        assert getattr(single, name) == pytest.approx(getattr(general, name), rel=1e-9), name
    assert approximate.prob_wait is None


def test_pollaczek_khinchine_against_simulation() -> None:
    rng = np.random.default_rng(11)
    arrival = workload.poisson(0.7, 400_000, rng)
    # Two-point service: 0.5 with probability .9, 5.5 with .1: mean 1, scv .9*.25 + .1*20.25 = 2.25
    service = np.where(rng.random(arrival.size) < 0.9, 0.5, 5.5)
    wait = simulation.fcfs(arrival, service).wait[20_000:]
    queue = queueing.mg1(0.7, 1.0, 2.25)
    assert queue.mean_wait in simulation.mean_interval(wait, 0.999)


# M/D/c


@pytest.mark.parametrize(
    ("load", "servers"), [(0.3, 1), (0.9, 1), (0.95, 1), (0.5, 2), (0.96, 3), (0.8, 8), (0.95, 20)]
)
def test_m_d_c_solves_the_chain_seen_once_a_service(load: float, servers: int) -> None:
    queue = queueing.md_c(load * servers / 3.0, 3.0, servers)
    waiting, prob_wait = markov.constant_service(load * servers, servers)
    assert queue.mean_waiting == pytest.approx(waiting, rel=1e-7)
    assert queue.prob_wait == pytest.approx(prob_wait, rel=1e-7)


@pytest.mark.parametrize("servers", [1, 2, 5, 40, 300])
@pytest.mark.parametrize("load", [0.6, 0.9, 0.97])
def test_both_ways_to_m_d_c_agree(load: float, servers: int) -> None:
    series = queueing._by_spitzer(load * servers, servers, 200_000 // servers + 20)
    roots = queueing._by_roots(load * servers, servers)
    assert series == pytest.approx(roots, rel=1e-8, abs=1e-9)


@given(servers=st.integers(1, 30), spare=st.floats(1e-9, 1e-3))
def test_m_d_c_near_saturation_tends_to_its_heavy_traffic_law(servers: int, spare: float) -> None:
    queue = queueing.md_c(servers * (1 - spare), 1.0, servers)
    # Mean wait ~ 1 / (2 c (1 - ρ)) as ρ → 1.
    assert queue.mean_wait * 2 * servers * spare == pytest.approx(
        1, abs=10 * math.sqrt(spare) + 1e-6
    )
    assert 0 <= queue.prob_wait <= 1


@pytest.mark.parametrize(("load", "servers"), [(0.8, 1), (0.85, 4), (0.9, 10)])
def test_m_d_c_against_simulation(load: float, servers: int) -> None:
    arrival = workload.poisson(load * servers, 300_000, np.random.default_rng(100 + servers))
    path = simulation.fcfs(arrival, np.ones(arrival.size), servers)
    queue = queueing.md_c(load * servers, 1.0, servers)
    assert queue.mean_wait in simulation.mean_interval(path.wait[20_000:], 0.999)
    waits = (path.wait[20_000:] > 1e-9).astype(float)
    assert queue.prob_wait in simulation.mean_interval(waits, 0.999)


@given(load=loads, servers=few)
def test_constant_service_waits_less_than_exponential(load: float, servers: int) -> None:
    constant = queueing.md_c(load * servers, 1, servers).mean_wait
    assert constant < queueing.mmc(load * servers, 1, servers).mean_wait


# Quantiles


def sojourn_tail(time: float, rate: float, service: float, servers: int) -> float:
    """P(W + S > t) by integrating over the service time, conditioned on nothing else."""
    wait = queueing.erlang_c(rate / service, servers)
    spare = servers * service - rate
    late, _ = integrate.quad(
        lambda s: service * math.exp(-service * s) * wait * math.exp(-spare * (time - s)),
        0,
        time,
        epsabs=1e-13,
        epsrel=1e-12,
    )
    return math.exp(-service * time) + late


@given(rate=rates, load=loads, servers=few, p=st.floats(0.001, 0.9999))
def test_the_wait_quantile_inverts_the_tail(
    rate: float, load: float, servers: int, p: float
) -> None:
    service = rate / load / servers
    queue = queueing.mmc(rate, service, servers)
    time = queue.wait_quantile(p)
    late = queue.prob_wait * math.exp(-(servers * service - rate) * time)
    if time > 0:
        assert late == pytest.approx(1 - p, rel=1e-9)
    else:
        assert late <= 1 - p + 1e-12


@given(rate=rates, load=loads, servers=few, p=st.floats(0.001, 0.9999))
def test_the_sojourn_quantile_inverts_the_tail(
    rate: float, load: float, servers: int, p: float
) -> None:
    service = rate / load / servers
    time = queueing.mmc(rate, service, servers).sojourn_quantile(p)
    assert sojourn_tail(time, rate, service, servers) == pytest.approx(1 - p, rel=1e-6)


@pytest.mark.parametrize("servers", [2, 3, 7])
@pytest.mark.parametrize("nudge", [0.0, 1e-12, -1e-9, 1e-6])
def test_the_sojourn_quantile_where_wait_and_service_decay_alike(
    servers: int, nudge: float
) -> None:
    # cμ - λ = μ: the textbook partial fractions divide by zero here.
    rate = servers - 1 + nudge
    for p in (0.1, 0.5, 0.99, 0.999999):
        time = queueing.mmc(rate, 1, servers).sojourn_quantile(p)
        assert sojourn_tail(time, rate, 1, servers) == pytest.approx(1 - p, rel=1e-6)


def test_the_earliest_to_leave_are_those_who_need_not_wait() -> None:
    # P(T ≤ t) → (1 - C) μ t as t → 0, however little that is beside a service time.
    queue = queueing.mmc(1.5, 1.0, 3)
    for p in (1e-6, 1e-9, 1e-11):
        early = p / (1 - queue.prob_wait)
        assert queue.sojourn_quantile(p) == pytest.approx(early, rel=1e-5 + 1e-15 / p)


def test_quantiles_cover_their_share_of_a_simulation() -> None:
    rng = np.random.default_rng(5)
    arrival = workload.poisson(4.0, 400_000, rng)
    path = simulation.fcfs(arrival, rng.exponential(1.0, arrival.size), 5)
    queue = queueing.mmc(4.0, 1.0, 5)
    wait, sojourn = path.wait[20_000:], (path.finish - arrival)[20_000:]
    for p in (0.5, 0.9, 0.99):
        within = (wait <= queue.wait_quantile(p)).astype(float)
        assert p in simulation.mean_interval(within, 0.999)
        within = (sojourn <= queue.sojourn_quantile(p)).astype(float)
        assert p in simulation.mean_interval(within, 0.999)


@given(rate=rates, load=loads, servers=few)
def test_quantiles_run_from_zero_to_infinity_without_falling(
    rate: float, load: float, servers: int
) -> None:
    queue = queueing.mmc(rate, rate / load / servers, servers)
    p = np.array([0, 0.01, 0.3, 0.5, 0.9, 0.99, 1 - 1e-12, 1])
    for quantile in (queue.wait_quantile(p), queue.sojourn_quantile(p)):
        assert quantile[0] == 0
        assert quantile[-1] == math.inf
        assert np.isfinite(quantile[:-1]).all()
        assert (quantile[1:] >= quantile[:-1]).all()
    assert (queue.sojourn_quantile(p) >= queue.wait_quantile(p)).all()


def test_quantiles_of_m_m_1_are_those_of_an_exponential() -> None:
    queue = queueing.mm1(0.8, 1.0)
    assert queue.sojourn_quantile(0.99) == pytest.approx(math.log(100) / 0.2, rel=1e-12)
    assert queue.wait_quantile(0.99) == pytest.approx(math.log(0.8 * 100) / 0.2, rel=1e-12)


def test_mean_service_plus_tail_wait_is_not_the_tail() -> None:
    # content.md: M/M/1 at ρ = .1 gives 3.56 against 5.12 service times.
    queue = queueing.mm1(0.1, 1.0)
    assert 1 + queue.wait_quantile(0.99) == pytest.approx(3.56, abs=0.005)
    assert queue.sojourn_quantile(0.99) == pytest.approx(5.12, abs=0.005)


# Staffing


def on_time(rate: float, service: float, servers: int, wait: float) -> float:
    if servers * service <= rate:
        return 0.0
    late = queueing.erlang_c(rate / service, servers)
    return 1 - late * math.exp(-(servers * service - rate) * wait)


@given(
    rate=st.floats(0.01, 300),
    service=st.floats(0.5, 20),
    wait=st.floats(0, 2),
    probability=st.floats(0.01, 0.9999),
)
def test_servers_for_is_enough_and_one_fewer_is_not(
    rate: float, service: float, wait: float, probability: float
) -> None:
    servers = queueing.servers_for(rate, service, wait, probability)
    assert isinstance(servers, int)
    assert on_time(rate, service, servers, wait) >= probability - 1e-12
    if servers > 1:
        assert on_time(rate, service, servers - 1, wait) < probability + 1e-12


@given(load=st.floats(0.1, 40), extra=st.integers(1, 6), wait=st.floats(0, 0.5))
def test_servers_for_turns_at_the_probability_reached(load: float, extra: int, wait: float) -> None:
    servers = math.floor(load) + extra
    reached = on_time(load, 1.0, servers, wait)
    assume(reached < 1 - 1e-6)
    assert queueing.servers_for(load, 1.0, wait, reached - 1e-9) <= servers
    assert queueing.servers_for(load, 1.0, wait, reached + 1e-9) > servers


def test_no_traffic_needs_one_server() -> None:
    assert queueing.servers_for(0, 1, 0, 0.99) == 1


def test_servers_for_takes_arrays() -> None:
    wanted = [queueing.servers_for(rate, 1.0, 0.1, 0.95) for rate in (1, 10, 100)]
    found = queueing.servers_for(np.array([1, 10, 100]), 1.0, 0.1, 0.95)
    assert found.tolist() == wanted
    assert found.dtype == np.int64


# Power of choices


@given(load=st.floats(0, 0.999), choices=st.integers(1, 20))
def test_more_choices_are_never_worse_than_fewer(load: float, choices: int) -> None:
    here = queueing.power_of_choices(load, choices)
    assert 1 <= queueing.power_of_choices(load, choices + 1) <= here + 1e-12
    assert here <= 1 / (1 - load) * (1 + 1e-12)


@given(load=st.floats(0.01, 0.9999), choices=st.integers(2, 6))
def test_power_of_choices_sums_its_series(load: float, choices: int) -> None:
    exact = mpmath.nsum(
        lambda i: mpmath.mpf(load) ** ((mpmath.mpf(choices) ** i - choices) / (choices - 1)),
        [1, 60],
    )
    assert queueing.power_of_choices(load, choices) == pytest.approx(float(exact), rel=1e-12)


def test_published_sojourns_of_two_choices() -> None:
    # content.md: 2.61 against 10 at λ = .9; 5.43 against 100 at .99.
    assert queueing.power_of_choices(0.9, 2) == pytest.approx(2.61, abs=0.005)
    assert queueing.power_of_choices(0.99, 2) == pytest.approx(5.43, abs=0.005)
    assert queueing.power_of_choices([0.9, 0.99], 1) == pytest.approx([10, 100])


def test_two_choices_among_many_servers_against_simulation() -> None:
    rng = np.random.default_rng(8)
    servers, load = 1000, 0.8
    arrival = workload.poisson(load * servers, 150_000, rng)
    service = rng.exponential(1.0, arrival.size)
    path = simulation.routed(arrival, service, servers, "power_of_two", rng)
    sojourn = (path.finish - arrival)[50_000:]
    interval = simulation.mean_interval(sojourn, 0.999)
    theory = queueing.power_of_choices(load, 2)
    # A thousand servers are not infinitely many: the gap is of order 1/n.
    assert interval.low - 0.005 * theory <= theory <= interval.high + 0.005 * theory


# Batch server


@pytest.mark.parametrize("most", [1, 2, 4, 16])
@pytest.mark.parametrize("load", [0.2, 0.6, 0.85])
def test_a_limited_batch_server_solves_its_chain(most: int, load: float) -> None:
    per_item, setup = 0.1438, 1.8874
    rate = load * most / (per_item * most + setup)
    server = queueing.batch_server(rate, per_item, setup, most)
    latency, batch, busy = markov.batch_server(rate, per_item, setup, most)
    assert server.mean_latency == pytest.approx(latency, rel=1e-8)
    assert server.mean_batch == pytest.approx(batch, rel=1e-8)
    assert server.busy == pytest.approx(busy, rel=1e-8)


@pytest.mark.parametrize(
    ("rate", "setup", "most"),
    [
        pytest.param(0.93, 0.0, 4, id="long lines behind small batches"),
        pytest.param(0.7, 100.0, 300, id="hundreds of arrivals a batch"),
    ],
)
def test_a_limited_batch_server_solves_its_chain_at_the_extremes(
    rate: float, setup: float, most: int
) -> None:
    server = queueing.batch_server(rate, 1.0, setup, most)
    latency, batch, busy = markov.batch_server(rate, 1.0, setup, most, states=700)
    assert server.mean_latency == pytest.approx(latency, rel=1e-7)
    assert server.mean_batch == pytest.approx(batch, rel=1e-7)
    assert server.busy == pytest.approx(busy, rel=1e-7)


@given(
    most=st.integers(1, 130),
    load=st.floats(0.01, 0.75),
    share=st.floats(0, 1),
    rate=st.floats(0.1, 9),
)
def test_any_limited_batch_server_solves_its_chain(
    most: int, load: float, share: float, rate: float
) -> None:
    # ``load`` of what full batches can do, ``share`` of a full batch's time spent on its items.
    per_item, setup = share * load / rate, (1 - share) * load * most / rate
    server = queueing.batch_server(rate, per_item, setup, most)
    latency, batch, busy = markov.batch_server(rate, per_item, setup, most, states=most + 170)
    assert server.mean_latency == pytest.approx(latency, rel=1e-7)
    assert server.mean_batch == pytest.approx(batch, rel=1e-7)
    assert server.busy == pytest.approx(busy, rel=1e-7)


@pytest.mark.parametrize(
    ("rate", "per_item", "setup"),
    [(1.0, 0.1438, 1.8874), (0.05, 0.1, 2.0), (4.0, 0.2, 0.0), (6.0, 0.1, 3.0), (0.7, 0.0, 5.0)],
)
def test_an_unlimited_batch_server_solves_its_chain(
    rate: float, per_item: float, setup: float
) -> None:
    server = queueing.batch_server(rate, per_item, setup)
    latency, batch, busy = markov.batch_server(rate, per_item, setup, 500)
    assert server.mean_latency == pytest.approx(latency, rel=1e-8)
    assert server.mean_batch == pytest.approx(batch, rel=1e-8)
    assert server.busy == pytest.approx(busy, rel=1e-8)


@pytest.mark.parametrize(
    ("most", "rate"), [(None, 3.0), (None, 0.4), (6, 1.9), (1, 0.4), (32, 4.5)]
)
def test_the_batch_server_against_simulation(most: int | None, rate: float) -> None:
    per_item, setup = 0.1438, 1.8874
    arrival = workload.poisson(rate, 200_000, np.random.default_rng(3))
    path = simulation.batching(arrival, lambda b: per_item * b + setup, most or 10**6)
    server = queueing.batch_server(rate, per_item, setup, most)
    latency = (path.finish - arrival)[10_000:]
    assert server.mean_latency in simulation.mean_interval(latency, 0.999)
    sizes = np.bincount(path.batch)[1000:]
    assert server.mean_batch in simulation.mean_interval(sizes, 0.999)
    firsts = np.flatnonzero(np.diff(path.batch, prepend=-1))
    gaps = np.diff(path.start[firsts])[1000:]
    lasts = (path.finish - path.start)[firsts][:-1][1000:]
    busy = lasts.sum() / gaps.sum()
    assert server.busy == pytest.approx(busy, rel=0.02)


@given(rate=st.floats(0.001, 100), load=st.floats(0, 0.98), setup=st.floats(0, 20))
def test_the_bound_is_above_the_latency(rate: float, load: float, setup: float) -> None:
    assume(load + setup > 1e-6)
    server = queueing.batch_server(rate, load / rate, setup / rate)
    assert server.mean_latency <= server.latency_bound * (1 + 1e-9)
    assert server.mean_batch >= 1 - 1e-12
    assert 0 < server.busy <= 1
    assert server.mean_latency >= (load + setup) / rate * (1 - 1e-12)


@pytest.mark.parametrize("rate", [1e-9, 0.01, 0.3, 1.0, 5.0])
def test_the_bound_is_the_lower_of_inoues_two(rate: float) -> None:
    item, setup = 0.1, 2.0
    load, fixed = rate * item, rate * setup
    bounds = (
        (item + setup) / (2 * (1 - load)) * (1 + 2 * fixed + (1 - fixed) / (1 + load)),
        1.5 * setup / (1 - load) + item / 2 * (load + 2) / (1 - load**2),
    )
    bound = queueing.batch_server(rate, item, setup).latency_bound
    assert bound == pytest.approx(min(bounds), rel=1e-12)
    assert (bounds[0] < bounds[1]) == (rate < 0.5)


@given(rate=st.floats(0.1, 10), load=st.floats(0.01, 0.8), setup=st.floats(0.01, 5))
def test_a_limit_never_reached_changes_nothing(rate: float, load: float, setup: float) -> None:
    free = queueing.batch_server(rate, load / rate, setup / rate)
    # Far above any batch seen, yet low enough that the limited chain is what is solved.
    most = math.ceil(free.mean_batch * 8) + 45
    held = queueing.batch_server(rate, load / rate, setup / rate, most)
    assert held.mean_latency == pytest.approx(free.mean_latency, rel=1e-6)
    assert held.mean_batch == pytest.approx(free.mean_batch, rel=1e-6)
    assert held.busy == pytest.approx(free.busy, rel=1e-6)
    endless = queueing.batch_server(rate, load / rate, setup / rate, 10**9)
    assert endless.mean_latency == pytest.approx(free.mean_latency, rel=1e-12)


@given(rate=rates, load=loads)
def test_batches_of_one_are_m_d_1(rate: float, load: float) -> None:
    single = queueing.batch_server(rate, 0.25 * load / rate, 0.75 * load / rate, 1)
    queue = queueing.mg1(rate, load / rate, 0)
    assert single.mean_latency == pytest.approx(queue.mean_sojourn, rel=1e-8)
    assert single.mean_batch == pytest.approx(1)
    assert single.busy == pytest.approx(load, rel=1e-8)


def test_published_batch_server_figures() -> None:
    # content.md: at ρ = .1 the V100 is 87% busy; at .5 exact and bound agree to 3 decimals.
    light = queueing.batch_server(0.1 / 0.1438, 0.1438, 1.8874)
    assert light.busy == pytest.approx(0.87, abs=0.005)
    half = queueing.batch_server(0.5 / 0.1438, 0.1438, 1.8874)
    assert (round(half.mean_latency, 3), round(half.latency_bound, 3)) == (5.902, 5.902)


@pytest.mark.parametrize("most", [None, 3])
def test_a_saturated_batch_server_is_infinite(most: int | None) -> None:
    for factor in (1.0, 1.0000001, 5.0, 1e6):
        full = 1 / 0.5 if most is None else 3 / (3 * 0.5 + 1.0)
        server = queueing.batch_server(factor * full, 0.5, 1.0, most)
        assert server.mean_latency == math.inf
        assert server.busy == 1
        assert server.mean_batch == (math.inf if most is None else most)
        assert server.latency_bound == (math.inf if most is None else None)


@pytest.mark.parametrize(
    ("most", "short"),
    [(most, short) for most in (1, 4, 300) for short in (1e-6, 1e-7, 1e-9, 1e-12, 2e-15)]
    + [(None, 1e-9)],
)
def test_a_breath_from_saturation_a_batch_server_refuses_rather_than_guess(
    most: int | None, short: float
) -> None:
    full = 1.0 if most is None else most / (most + 1.0)
    with pytest.raises(ValueError, match=r"arrival_rate.* must be clear of saturation"):
        queueing.batch_server((1 - short) * full, 1.0, 1.0, most)


def test_a_large_limit_is_refused_only_where_the_load_can_fill_it() -> None:
    assert queueing.batch_server(10.0, 1e-3, 0.01, 2000).mean_batch < 2
    with pytest.raises(ValueError, match=r"^max_batch must be at most 1024 .*, got 2000"):
        queueing.batch_server(900.0, 1e-3, 0.1, 2000)


# Where there is no steady state, and at the ends of what floats hold


def figures(queue: Any) -> dict[str, Any]:
    return {
        field.name: getattr(queue, field.name)
        for field in fields(queue)
        if getattr(queue, field.name) is not None
    }


@pytest.mark.parametrize("factor", [1.0, 1.0 + 1e-15, 1.5, 1e9])
@pytest.mark.parametrize(
    "model",
    [
        lambda f: queueing.mm1(f, 1),
        lambda f: queueing.mmc(7 * f, 1, 7),
        lambda f: queueing.mg1(f, 1, 0.0),
        lambda f: queueing.mg1(f, 1, 3.0),
        lambda f: queueing.ggc(7 * f, 1, 7, 0.0, 0.0),
        lambda f: queueing.ggc(7 * f, 1, 7, 0.5, 2.0),
        lambda f: queueing.md_c(7 * f, 1, 7),
        lambda f: queueing.md_c(f, 1, 1),
    ],
)
def test_saturation_is_infinite(model: Any, factor: float) -> None:
    queue = model(factor)
    assert [getattr(queue, name) for name in MEANS] == [math.inf] * 4
    assert queue.utilization == pytest.approx(factor)
    assert queue.prob_wait in (None, 1)


def test_saturated_quantiles_are_infinite() -> None:
    queue = queueing.mmc([3, 4], 1, 3)
    assert (queue.wait_quantile(0.5) == math.inf).all()
    assert (queue.sojourn_quantile(0.5) == math.inf).all()


EXTREMES = {
    "erlang_b": lambda a, b, c, s: {"b": queueing.erlang_b(a, c), "c": queueing.erlang_c(a, c)},
    "mm1": lambda a, b, c, s: figures(queueing.mm1(a, b)),
    "mmc": lambda a, b, c, s: figures(queueing.mmc(a, b, c)),
    "mmck": lambda a, b, c, s: figures(queueing.mmck(a, b, c, c + 5)),
    "mg1": lambda a, b, c, s: figures(queueing.mg1(a, b, s)),
    "ggc": lambda a, b, c, s: figures(queueing.ggc(a, b, c, s, s)),
    "md_c": lambda a, b, c, s: figures(queueing.md_c(a, b, c)),
    "power_of_choices": lambda a, b, c, s: {"w": queueing.power_of_choices(a, c)},
    "wait_quantile": lambda a, b, c, s: {"t": queueing.mmc(a, b, c).wait_quantile(s % 1)},
    "sojourn_quantile": lambda a, b, c, s: {"t": queueing.mmc(a, b, c).sojourn_quantile(s % 1)},
    "servers_for": lambda a, b, c, s: {"n": queueing.servers_for(min(a, b * 100), b, s, 0.9)},
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("model", EXTREMES)
@given(rate=any_rate, other=any_positive, servers=st.integers(1, 50), scv=any_rate)
def test_no_figure_is_ever_nan_or_negative(
    model: str, rate: float, other: float, servers: int, scv: float
) -> None:
    for name, value in EXTREMES[model](rate, other, servers, scv).items():
        assert value >= 0, (name, value)


@pytest.mark.filterwarnings("error")
@given(
    rate=st.floats(1e-15, 1e15),
    per_item=st.just(0.0) | st.floats(1e-15, 1e15),
    setup=st.floats(1e-15, 1e15),
    most=st.none() | st.integers(1, 64),
)
def test_no_figure_of_a_batch_server_is_nan_or_negative(
    rate: float, per_item: float, setup: float, most: int | None
) -> None:
    server = queueing.batch_server(rate, per_item, setup, most)
    for name, value in figures(server).items():
        assert value >= 0, (name, value)
    assert server.mean_latency >= (per_item + setup) * (1 - 1e-9)
    assert server.mean_batch >= 1 - 1e-9
    assert server.busy <= 1


@pytest.mark.filterwarnings("error")
@given(load=st.floats(0.9, 1.1), servers=st.integers(1, 60), scv=st.floats(0, 4))
def test_no_figure_is_nan_or_negative_around_saturation(
    load: float, servers: int, scv: float
) -> None:
    for model in (
        queueing.mmc(load * servers, 1, servers),
        queueing.mg1(load, 1, scv),
        queueing.ggc(load * servers, 1, servers, scv, scv),
        queueing.md_c(load * servers, 1, servers),
        queueing.mmck(load * servers, 1, servers, servers + 100),
    ):
        for name, value in figures(model).items():
            assert value >= 0, (name, value)


@given(exponent=st.floats(-15, -3), servers=st.integers(1, 40), below=st.booleans())
def test_a_breath_from_saturation_is_still_right(
    exponent: float, servers: int, below: bool
) -> None:
    spare = 10**exponent
    queue = queueing.mmc(servers * (1 - spare if below else 1 + spare), 1, servers)
    if not below:
        assert queue.mean_wait == math.inf
    else:
        exact_spare = servers - queue.arrival_rate
        assert queue.mean_wait == pytest.approx(queue.prob_wait / exact_spare, rel=1e-9)
        assert queue.prob_wait == pytest.approx(1, abs=20 * spare * servers)


# Arrays


ARRAYS = {
    "erlang_b": (queueing.erlang_b, ([[0.5], [3.0]], [1, 4, 9])),
    "erlang_c": (queueing.erlang_c, ([[0.5], [3.0]], [1, 4, 9])),
    "mm1": (queueing.mm1, ([[0.0], [0.5], [2.0]], [1.0, 3.0])),
    "mmc": (queueing.mmc, ([[0.5], [2.0]], 1.0, [1, 2, 5])),
    "mmck": (queueing.mmck, ([[0.0], [5.0]], 1.0, 2, [2, 5, 9])),
    "mg1": (queueing.mg1, ([[0.5], [2.0]], 0.9, [0.0, 1.0, 4.0])),
    "ggc": (queueing.ggc, ([[0.5], [2.0]], 1.0, [1, 2, 5], 0.5, [[0.5], [1.5]])),
    "md_c": (queueing.md_c, ([[0.0], [2.0]], 1.0, [1, 3, 5])),
    "power_of_choices": (queueing.power_of_choices, ([[0.5], [1.0]], [1, 2, 3])),
    "batch_server": (queueing.batch_server, ([[0.5], [3.0]], [0.1, 0.4], 1.0)),
    "batch_server limited": (queueing.batch_server, ([[0.5], [1.5]], 0.1, 1.0, [1, 2, 6])),
    "servers_for": (queueing.servers_for, ([[0.5], [30.0]], 1.0, [0.0, 0.2], 0.9)),
}


def as_figures(result: Any) -> dict[str, Any]:
    return figures(result) if hasattr(result, "__dataclass_fields__") else {"value": result}


@pytest.mark.parametrize("case", ARRAYS)
def test_broadcasting_is_elementwise(case: str) -> None:
    function, arguments = ARRAYS[case]
    whole = as_figures(function(*arguments))
    spread = np.broadcast_arrays(*arguments)
    for name, array in whole.items():
        assert array.shape == spread[0].shape, name
    for index in np.ndindex(spread[0].shape):
        single = as_figures(function(*(a[index].item() for a in spread)))
        for name, value in single.items():
            assert isinstance(value, float | int), name
            assert not isinstance(value, np.ndarray)
            assert whole[name][index] == value, (name, index)


def test_quantiles_broadcast() -> None:
    queue = queueing.mmc([[1.0], [2.0]], 1.0, 3)
    p = np.array([0.5, 0.9, 0.99])
    for method in ("wait_quantile", "sojourn_quantile"):
        whole = getattr(queue, method)(p)
        assert whole.shape == (2, 3)
        for row, rate in enumerate((1.0, 2.0)):
            single = queueing.mmc(rate, 1.0, 3)
            assert [getattr(single, method)(q) for q in p.tolist()] == whole[row].tolist()
            assert isinstance(getattr(single, method)(0.9), float)


@pytest.mark.parametrize(
    "call",
    [
        lambda e: queueing.erlang_b(e, 3),
        lambda e: queueing.mmc(e, 1.0, 3).mean_wait,
        lambda e: queueing.mmck(e, 1.0, 3, 4).mean_wait,
        lambda e: queueing.mg1(e, 1.0, 3).mean_wait,
        lambda e: queueing.ggc(e, 1.0, 3, 1, 1).mean_wait,
        lambda e: queueing.md_c(e, 1.0, 3).mean_wait,
        lambda e: queueing.power_of_choices(e, 3),
        lambda e: queueing.batch_server(e, 1.0, 3).mean_latency,
        lambda e: queueing.servers_for(e, 1.0, 3, 0.5),
    ],
)
def test_nothing_in_nothing_out(call: Any) -> None:
    assert np.shape(call(np.array([]))) == (0,)


# Bad input

NAN = math.nan


@pytest.mark.parametrize(
    ("call", "argument", "shown"),
    [
        (lambda: queueing.erlang_b(-1, 2), "offered_load", "-1"),
        (lambda: queueing.erlang_b(NAN, 2), "offered_load", "nan"),
        (lambda: queueing.erlang_b(math.inf, 2), "offered_load", "inf"),
        (lambda: queueing.erlang_b("3", 2), "offered_load", "'3'"),
        (lambda: queueing.erlang_b(True, 2), "offered_load", "True"),
        (lambda: queueing.erlang_b(1 + 2j, 2), "offered_load", "(1+2j)"),
        (lambda: queueing.erlang_b(None, 2), "offered_load", "None"),
        (lambda: queueing.erlang_b(1, 2.5), "servers", "2.5"),
        (lambda: queueing.erlang_c(1, 0), "servers", "0"),
        (lambda: queueing.erlang_b(1, [2, -7]), "servers", "-7"),
        (lambda: queueing.erlang_b(1, NAN), "servers", "nan"),
        (lambda: queueing.erlang_c(-0.5, 2), "offered_load", "-0.5"),
        (lambda: queueing.erlang_c(1, 1e30), "servers", "1e+30"),
        (lambda: queueing.erlang_c(1, 10**400), "servers", "1000"),
        (lambda: queueing.mm1(-3, 1), "arrival_rate", "-3"),
        (lambda: queueing.mm1(1, 0), "service_rate", "0"),
        (lambda: queueing.mmc(1, -2, 1), "service_rate", "-2"),
        (lambda: queueing.mmc(1, 1, 1.5), "servers", "1.5"),
        (lambda: queueing.mmc([1, 2], 1, [1, 2, 3]), "servers", "(3,)"),
        (lambda: queueing.mmck(1, 1, 3, 2), "capacity", "2"),
        (lambda: queueing.mmck(1, 1, 3, 4.5), "capacity", "4.5"),
        (lambda: queueing.mmck(NAN, 1, 3, 4), "arrival_rate", "nan"),
        (lambda: queueing.mg1(1, -1, 1), "service_mean", "-1"),
        (lambda: queueing.mg1(1, 0.5, -0.1), "service_scv", "-0.1"),
        (lambda: queueing.mg1(-1, 0.5, 1), "arrival_rate", "-1"),
        (lambda: queueing.ggc(1, 1, 2, -1, 1), "arrival_scv", "-1"),
        (lambda: queueing.ggc(1, 1, 2, 1, NAN), "service_scv", "nan"),
        (lambda: queueing.ggc(1, 1, 0, 1, 1), "servers", "0"),
        (lambda: queueing.md_c(1, 0, 2), "service_time", "0"),
        (lambda: queueing.md_c(1, 1, -2), "servers", "-2"),
        (lambda: queueing.servers_for(-1, 1, 1, 0.5), "arrival_rate", "-1"),
        (lambda: queueing.servers_for(1, 0, 1, 0.5), "service_rate", "0"),
        (lambda: queueing.servers_for(1, 1, -1, 0.5), "wait", "-1"),
        (lambda: queueing.servers_for(1, 1, 1, 1), "probability", "1"),
        (lambda: queueing.servers_for(1, 1, 1, 1.5), "probability", "1.5"),
        (lambda: queueing.servers_for(1e9, 1, 1, 0.9), "arrival_rate", "1000000000.0"),
        (lambda: queueing.power_of_choices(-0.1, 2), "load", "-0.1"),
        (lambda: queueing.power_of_choices(0.5, 0), "choices", "0"),
        (lambda: queueing.power_of_choices(0.5, 1.5), "choices", "1.5"),
        (lambda: queueing.batch_server(0, 1, 1), "arrival_rate", "0"),
        (lambda: queueing.batch_server(1, -1, 1), "per_item", "-1"),
        (lambda: queueing.batch_server(1, 1, NAN), "setup", "nan"),
        (lambda: queueing.batch_server(1, 0, 0), "setup", "0"),
        (lambda: queueing.batch_server(1, 0.1, 1, 0), "max_batch", "0"),
        (lambda: queueing.batch_server(1, 0.1, 1, 2.5), "max_batch", "2.5"),
        (lambda: queueing.fit_batch_time([3, 3], [1, 2]), "sizes", "3"),
        (lambda: queueing.fit_batch_time([0, 3], [1, 2]), "sizes", "0"),
        (lambda: queueing.fit_batch_time([1, 3], [1]), "times", "1"),
        (lambda: queueing.fit_batch_time([1, 3], [1, -2]), "times", "-2"),
        (lambda: queueing.fit_batch_time([], []), "sizes", "[]"),
        (lambda: queueing.mmc(1, 1, 2).wait_quantile(1.1), "p", "1.1"),
        (lambda: queueing.mmc(1, 1, 2).wait_quantile(-0.1), "p", "-0.1"),
        (lambda: queueing.mm1(1, 2).sojourn_quantile(NAN), "p", "nan"),
    ],
)
def test_bad_input_is_named(call: Any, argument: str, shown: str) -> None:
    with pytest.raises(ValueError, match=rf"\b{argument}\b") as problem:
        call()
    assert shown in str(problem.value)


def test_results_cannot_be_altered() -> None:
    for result in (queueing.mmc(1, 1, 2), queueing.batch_server(1, 0.1, 1)):
        with pytest.raises(AttributeError):
            result.mean_wait = 0.0
