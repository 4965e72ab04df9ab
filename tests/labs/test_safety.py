"""Canaries sized as statisticians do, tests that may be looked at, and drift by hand."""

import itertools
import math
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import spatial, stats
from statsmodels.stats import power as sm_power
from statsmodels.stats import proportion

from labs import safety

shares = st.lists(st.floats(0, 100), min_size=1, max_size=9).filter(any)

# Canary sizes


def test_half_a_percent_to_six_tenths_takes_about_86_000_an_arm() -> None:
    assert safety.canary_size(0.005, 0.006) == pytest.approx(86_000, rel=0.005)


@pytest.mark.parametrize("base", [0.005, 0.02, 0.1, 0.4])
@pytest.mark.parametrize("lift", [1.2, 1.5, 2.0])
@pytest.mark.parametrize(("power", "level"), [(0.8, 0.05), (0.9, 0.01)])
def test_sizes_agree_with_statsmodels(base: float, lift: float, power: float, level: float) -> None:
    found = safety.canary_size(base, base * lift, power, level)
    # Its one-sided size at half the level is the two-sided one, the far tail being negligible.
    direct = proportion.samplesize_proportions_2indep_onetail(
        base * (lift - 1), base, power, alpha=level, alternative="two-sided"
    )
    assert found == pytest.approx(direct, rel=0.01, abs=1)
    effect = proportion.proportion_effectsize(base * lift, base)
    arcsine = sm_power.NormalIndPower().solve_power(effect, power=power, alpha=level)
    assert found == pytest.approx(arcsine, rel=0.06)


@pytest.mark.parametrize(("base", "bad"), [(0.1, 0.15), (0.3, 0.2), (0.02, 0.05)])
def test_a_canary_of_that_size_notices_as_often_as_it_says(base: float, bad: float) -> None:
    rng = np.random.default_rng(1)
    size, trials = safety.canary_size(base, bad), 20_000

    def alarms(rate: float) -> float:
        control, candidate = rng.binomial(size, base, trials), rng.binomial(size, rate, trials)
        pooled = (control + candidate) / (2 * size)
        error = np.sqrt(pooled * (1 - pooled) * 2 / size)
        return float((np.abs(control - candidate) / size / error > stats.norm.ppf(0.975)).mean())

    assert alarms(bad) == pytest.approx(0.8, abs=0.02)
    assert alarms(base) == pytest.approx(0.05, abs=0.01)


@given(st.floats(0.001, 0.4), st.floats(1.05, 2), st.floats(0.5, 0.95), st.floats(0.001, 0.2))
def test_surer_or_finer_takes_more(base: float, lift: float, power: float, level: float) -> None:
    here = safety.canary_size(base, base * lift, power, level)
    assert isinstance(here, int)
    assert safety.canary_size(base, base * lift, (1 + power) / 2, level) >= here
    assert safety.canary_size(base, base * lift, power, level / 2) >= here
    assert safety.canary_size(base, base * (1 + (lift - 1) / 2), power, level) >= here
    assert safety.canary_size(base * lift, base, power, level) == here
    assert safety.canary_size(1 - base, 1 - base * lift, power, level) == pytest.approx(here, abs=1)


def test_sizes_by_array_and_at_extremes() -> None:
    found = safety.canary_size(0.01, [0.02, 0.03])
    assert found.tolist() == [safety.canary_size(0.01, 0.02), safety.canary_size(0.01, 0.03)]
    assert safety.canary_size(1e-9, 1 - 1e-9) >= 1
    assert safety.canary_size(0.1, 0.2, 0.8, 1e-300) > 1000


# Sequential tests


def wealth(control: tuple[int, ...], candidate: tuple[int, ...]) -> list[float]:
    """Return the bets' running product, pair by pair, in plain arithmetic."""
    found, ones, product = [], [0, 0], 1.0
    for seen, pair in enumerate(zip(control, candidate, strict=True)):
        rates = [(count + 0.5) / (seen + 1) for count in ones]
        mean = sum(rates) / 2
        for outcome, rate in zip(pair, rates, strict=True):
            product *= rate / mean if outcome else (1 - rate) / (1 - mean)
        ones = [count + outcome for count, outcome in zip(ones, pair, strict=True)]
        found.append(product)
    return found


@pytest.mark.parametrize("rate", [0.02, 0.3, 0.5, 0.9])
@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_under_equal_rates_the_wealth_is_expected_to_be_at_most_one(rate: float, n: int) -> None:
    """Over every pair of streams there is, with its probability; this is what makes p valid."""
    expected = 0.0
    for outcome in itertools.product((0, 1), repeat=2 * n):
        chance = math.prod(rate if y else 1 - rate for y in outcome)
        control, candidate = outcome[:n], outcome[n:]
        path = wealth(control, candidate)
        expected += chance * path[-1]
        found = safety.sequential_test(control, candidate).p_values
        best = np.maximum.accumulate(path)
        assert found == pytest.approx(np.minimum(1, 1 / best), rel=1e-9)
    assert expected <= 1 + 1e-12
    assert expected > 0.5


@pytest.mark.parametrize("rate", [0.01, 0.1, 0.5, 0.95])
def test_false_alarms_stay_below_the_level_though_one_looks_after_every_pair(rate: float) -> None:
    rng = np.random.default_rng(11)
    trials, n, level = 600, 1500, 0.1
    streams = (rng.random((trials, 2, n)) < rate).astype(float)
    alarms = sum(safety.sequential_test(a, b, level).rejected for a, b in streams)
    assert alarms / trials <= level


def test_a_difference_is_found_and_sooner_when_larger() -> None:
    rng = np.random.default_rng(12)
    stops = []
    for bad in (0.2, 0.4):
        found = [
            safety.sequential_test(
                (rng.random(4000) < 0.1).astype(int), (rng.random(4000) < bad).astype(int)
            )
            for _ in range(40)
        ]
        assert sum(test.rejected for test in found) >= 39
        stops.append(np.median([test.stopped_at or 4000 for test in found]))
    assert stops[1] < stops[0] < 2000


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), min_size=1, max_size=200))
def test_p_values_never_rise_and_stopping_is_their_first_crossing(
    pairs: list[tuple[int, int]],
) -> None:
    control, candidate = zip(*pairs, strict=True)
    found = safety.sequential_test(control, candidate, 0.2)
    assert found.p_values.shape == (len(pairs),)
    assert ((found.p_values > 0) & (found.p_values <= 1)).all()
    assert (np.diff(found.p_values) <= 0).all()
    below = np.flatnonzero(found.p_values <= 0.2)
    assert found.rejected == bool(below.size)
    assert found.stopped_at == (below[0] + 1 if below.size else None)
    assert safety.sequential_test(candidate, control, 0.2).p_values == pytest.approx(found.p_values)
    flipped = safety.sequential_test(1 - np.array(control), 1 - np.array(candidate), 0.2)
    assert flipped.p_values == pytest.approx(found.p_values)


def test_like_streams_say_nothing() -> None:
    same = [0, 1, 1, 0] * 50
    assert safety.sequential_test(same, same).p_values.tolist() == [1.0] * 200


# Drift


def test_psi_by_hand() -> None:
    # (.6 - .5) ln(.6/.5) + (.4 - .5) ln(.4/.5)
    by_hand = 0.1 * math.log(1.2) - 0.1 * math.log(0.8)
    assert safety.psi([50, 50], [60, 40]) == pytest.approx(by_hand, rel=1e-7)
    # A bin that empties: (.5 - ε) ln(.5/ε), with ε = 1e-8 to first order.
    emptied = 0.5 * math.log(2) + 0.5 * math.log(0.5 / 1e-8)
    assert safety.psi([0.5, 0.5], [1, 0]) == pytest.approx(emptied, rel=1e-6)


def test_js_by_hand() -> None:
    # ½ [½ ln(½/¾) + ½ ln(½/¼)] + ½ ln(1/¾)
    by_hand = 0.25 * (math.log(2 / 3) + math.log(2)) + 0.5 * math.log(4 / 3)
    assert safety.js_divergence([1, 1], [1, 0]) == pytest.approx(by_hand, rel=1e-6)
    assert safety.js_divergence([1, 0], [0, 1]) == pytest.approx(math.log(2), rel=1e-6)


@given(shares, st.data())
def test_divergences_are_zero_for_equals_symmetric_and_bounded(p: list[float], data: Any) -> None:
    q = data.draw(st.lists(st.floats(0, 100), min_size=len(p), max_size=len(p)).filter(any))
    for divergence in (safety.psi, safety.js_divergence):
        assert divergence(p, p) == pytest.approx(0, abs=1e-15)
        assert divergence(p, q) >= 0
        assert divergence(p, q) == pytest.approx(divergence(q, p), rel=1e-9, abs=1e-15)
        order = np.random.default_rng(0).permutation(len(p))
        shuffled = divergence(np.array(p)[order], np.array(q)[order])
        assert shuffled == pytest.approx(divergence(p, q), rel=1e-9, abs=1e-15)
    smooth = [np.array(w) + 1e-8 for w in (p, q)]
    left, right = (w / w.sum() for w in smooth)
    distance = spatial.distance.jensenshannon(left, right)
    assert safety.js_divergence(p, q) == pytest.approx(distance**2, rel=1e-6, abs=1e-12)
    jeffreys = stats.entropy(left, right) + stats.entropy(right, left)
    assert safety.psi(p, q) == pytest.approx(jeffreys, rel=1e-6, abs=1e-12)
    assert safety.js_divergence(p, q) <= math.log(2)


def test_scale_does_not_matter_until_weights_near_what_is_added() -> None:
    assert safety.psi([1e3, 3e3], [2e300, 2e300]) == pytest.approx(safety.psi([1, 3], [2, 2]))
    assert safety.psi([1e-320, 0], [0, 1e-320]) == pytest.approx(0, abs=1e-12)
    assert safety.js_divergence([1e-8, 0], [0, 1e-8]) == pytest.approx(
        safety.js_divergence([2, 1], [1, 2]), rel=1e-6
    )


@pytest.mark.parametrize(
    ("call", "argument"),
    [
        (lambda: safety.canary_size(0, 0.1), "base_rate"),
        (lambda: safety.canary_size(0.1, 1), "bad_rate"),
        (lambda: safety.canary_size(0.1, 0.1), "bad_rate"),
        (lambda: safety.canary_size(0.1, [0.2, 0.1]), "bad_rate"),
        (lambda: safety.canary_size(5e-324, 1e-323), "bad_rate"),
        (lambda: safety.canary_size(0.1, 0.2, 1), "power"),
        (lambda: safety.canary_size(0.1, 0.2, 0.05, 0.05), "power"),
        (lambda: safety.canary_size(0.1, 0.2, 0.8, 0), "level"),
        (lambda: safety.canary_size(0.1, 0.2, 0.8, 1), "level"),
        (lambda: safety.sequential_test([], []), "control"),
        (lambda: safety.sequential_test([0, 2], [0, 1]), "control"),
        (lambda: safety.sequential_test([0, 1], [0.5, 1]), "candidate"),
        (lambda: safety.sequential_test([0, 1], [0]), "candidate"),
        (lambda: safety.sequential_test([0], [0], 1), "level"),
        (lambda: safety.psi([1, 2], [1]), "current"),
        (lambda: safety.psi([-1, 2], [1, 1]), "reference"),
        (lambda: safety.psi([], []), "reference"),
        (lambda: safety.psi([0, 0], [1, 1]), "reference"),
        (lambda: safety.js_divergence([1], [math.nan]), "q"),
        (lambda: safety.js_divergence([1], [0]), "q"),
    ],
)
def test_bad_input_is_named(call: Any, argument: str) -> None:
    silent = warnings.catch_warnings(action="error")
    with silent, pytest.raises(ValueError, match=rf"^{argument} must be"):
        call()


# What a day can tell


@given(st.floats(0.001, 0.3), st.integers(100, 10**6))
def test_a_detectable_rate_needs_that_many_requests_and_no_fewer(base: float, n: int) -> None:
    found = safety.detectable_rate(base, n)
    if found < 1:
        assert safety.canary_size(base, found) <= n
        closer = base + 0.999 * (found - base)
        assert safety.canary_size(base, closer) > n * 0.99


def test_too_few_requests_tell_nothing_apart() -> None:
    assert safety.detectable_rate(0.5, 2) == math.inf
