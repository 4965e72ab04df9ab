"""Retries, breakers, cascades and sticking requests, against sums and draws made another way."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from labs import gateways

# Retries


def test_three_layers_of_four_attempts_are_64() -> None:
    assert gateways.attempts(1.0, 4, 3) == 64


@pytest.mark.parametrize(("failure", "tries", "layers"), [(0.3, 3, 1), (0.6, 2, 3), (0.9, 4, 2)])
def test_calls_are_those_that_a_simulation_counts(failure: float, tries: int, layers: int) -> None:
    rng = np.random.default_rng(1)
    counted = 0

    def call(depth: int) -> bool:
        nonlocal counted
        if not depth:
            counted += 1
            return rng.random() >= failure
        return any(call(depth - 1) for _ in range(tries))

    runs = 20_000
    for _ in range(runs):
        call(layers)
    assert gateways.attempts(failure, tries, layers) == pytest.approx(counted / runs, rel=0.03)


def test_no_layer_or_no_failure_is_one_call() -> None:
    assert gateways.attempts(0.7, 5, 0) == gateways.attempts(0.0, 5, 4) == 1


def test_arrays_broadcast() -> None:
    found = np.asarray(gateways.attempts([0.0, 1.0], 3, [[1], [2]]))
    assert found.tolist() == [[1, 3], [1, 9]]


# Storms


def test_at_rest_a_storm_is_where_its_equation_says() -> None:
    demand, capacity, tries, waste = 80.0, 100.0, 4, 0.3
    end = gateways.storm(demand, capacity, tries, seconds=2000)
    came, answered = end.attempts[-1], end.answered[-1]
    fails = 1 - answered / came
    assert came == pytest.approx(demand * sum(fails**i for i in range(tries)))
    assert answered == pytest.approx((capacity - waste * came) / (1 - waste))
    assert end.after == pytest.approx(answered / demand)


def test_fewer_tries_a_budget_or_a_breaker_end_it() -> None:
    assert gateways.storm(80, 100, 4).after < 0.3
    for mended in (
        gateways.storm(80, 100, 3),
        gateways.storm(80, 100, 4, budget=0.2),
        gateways.storm(80, 100, 4, breaker=0.5),
    ):
        assert mended.after == pytest.approx(1.0)
    assert gateways.storm(80, 100, 4, budget=0.2).peak == pytest.approx(1.2)


def test_without_an_outage_or_without_waste_nothing_stays_behind() -> None:
    assert gateways.storm(80, 100, 4, outage=0).after == 1
    assert gateways.storm(80, 100, 4, waste=0.0).after == pytest.approx(1.0)


def test_an_open_breaker_lets_nothing_through() -> None:
    told = gateways.storm(80, 100, 4, outage=60, left=0.1, breaker=0.5, rest=7)
    quiet = told.attempts == 0
    assert quiet[11:18].all()
    assert told.attempts[18] == 80


def test_a_record_too_short_for_the_outage_is_refused() -> None:
    with pytest.raises(ValueError, match="seconds must be"):
        gateways.storm(80, 100, 4, outage=300, seconds=300)


# Cascades


@pytest.mark.parametrize(("threshold", "boast"), [(0.6, 1.0), (0.9, 1.0), (0.9, 3.0)])
def test_a_cascade_is_the_integral_that_it_stands_for(threshold: float, boast: float) -> None:
    small, large = stats.beta(5, 1.5), 0.92
    cut = threshold**boast
    up = small.cdf(cut)
    kept = integrate.quad(lambda q: q * small.pdf(q), cut, 1)[0]
    found = gateways.cascade(threshold, large, 5, 1.5, 0.05, boast)
    assert found.handed_up == pytest.approx(up)
    assert found.accuracy == pytest.approx(kept + large * up)
    assert found.cost == pytest.approx(0.05 + up)


def test_calibrated_it_is_best_to_hand_up_below_the_large_models_accuracy() -> None:
    grid = np.linspace(0, 1, 1001)
    accuracy = gateways.cascade(grid, 0.9, 4.0, 1.0, 0.1).accuracy
    assert grid[np.argmax(accuracy)] == pytest.approx(0.9, abs=2e-3)
    assert np.asarray(accuracy)[-1] == pytest.approx(0.9)


# Sticking


@pytest.mark.parametrize(("sessions", "replicas"), [(4, 3), (6, 2), (5, 4)])
@pytest.mark.parametrize("p", [0.3, 0.5, 0.9])
def test_the_busiest_is_the_one_that_counting_finds(sessions: int, replicas: int, p: float) -> None:
    most = sorted(
        max(np.bincount(places, minlength=replicas))
        for places in itertools.product(range(replicas), repeat=sessions)
    )
    assert gateways.busiest(sessions, replicas, p) == most[math.ceil(p * len(most)) - 1]


@given(st.integers(1, 400), st.integers(1, 20))
def test_the_busiest_has_at_least_the_mean_and_at_most_all(sessions: int, replicas: int) -> None:
    found = gateways.busiest(sessions, replicas)
    assert math.ceil(sessions / replicas) <= found <= sessions
    assert found <= gateways.busiest(sessions, replicas, 0.99)


def test_the_busiest_of_many_agrees_with_draws() -> None:
    rng = np.random.default_rng(2)
    drawn = rng.multinomial(1000, [1 / 8] * 8, size=4000).max(axis=1)
    assert abs(gateways.busiest(1000, 8) - np.median(drawn)) <= 1


def test_a_ninth_replica_moves_eight_ninths_of_the_keys_or_one() -> None:
    assert gateways.moved(8, 9, "modulo") == pytest.approx(8 / 9)
    assert gateways.moved(8, 9, "consistent") == pytest.approx(1 / 9)
    assert gateways.moved(8, 16, "modulo") == pytest.approx(1 / 2)
    assert gateways.moved(5, 5, "modulo") == 0
