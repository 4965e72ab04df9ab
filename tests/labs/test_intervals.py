"""Intervals hold what they say they hold, as often as they say, and share one shape."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.signal import lfilter

from labs.intervals import (
    Interval,
    PairedLoss,
    QuantileInterval,
    mean_interval,
    paired_loss,
    paired_score,
    percentile,
    quantile_interval,
    share_interval,
)

# One shape


@pytest.mark.parametrize(
    ("interval", "figure"),
    [
        (Interval(mean=2.0, low=1.0, high=3.0, level=0.9), "mean"),
        (QuantileInterval(quantile=2.0, low=1.0, high=3.0, level=0.9), "quantile"),
        (PairedLoss(2.0, 1.0, 3.0, only_teacher=1, only_student=0, p_value=1.0), "loss"),
    ],
)
def test_an_interval_is_a_figure_between_two_ends_that_are_within(
    interval: Interval | QuantileInterval | PairedLoss, figure: str
) -> None:
    names = [field.name for field in dataclasses.fields(interval)]
    assert names[:3] == [figure, "low", "high"]
    assert dataclasses.astuple(interval)[:3] == (2.0, 1.0, 3.0)
    assert [value in interval for value in (0.9, 1.0, 2.0, 3.0, 3.1, math.nan)] == [
        *(False, True, True),
        *(True, False, False),
    ]
    with pytest.raises(dataclasses.FrozenInstanceError):
        interval.low = 0.0  # type: ignore[misc]


# Means of correlated samples


@pytest.mark.parametrize(("level", "memory"), [(0.9, 0.0), (0.9, 0.9), (0.5, 0.8), (0.99, 0.5)])
def test_an_interval_covers_the_truth_as_often_as_it_says(level: float, memory: float) -> None:
    rng = np.random.default_rng(20)
    trials, n = 1000, 4000
    noise = rng.normal(size=(trials, n))
    noise[:, 0] /= math.sqrt(1 - memory**2)
    samples = lfilter([1], [1, -memory], noise)
    covered = sum(0.0 in mean_interval(sample, level) for sample in samples)
    error = 4 * math.sqrt(trials * level * (1 - level))
    assert abs(covered - trials * level) < error + 0.01 * trials


@pytest.mark.parametrize("n", [4, 8])
def test_a_short_sample_is_covered_by_student_rather_than_gauss(n: int) -> None:
    samples = np.random.default_rng(22).normal(size=(2000, n))
    covered = np.mean([0.0 in mean_interval(sample, 0.9) for sample in samples])
    assert covered == pytest.approx(0.9, abs=4 * math.sqrt(0.9 * 0.1 / 2000))


def test_an_interval_is_centred_and_narrows_with_the_root_of_the_sample() -> None:
    rng = np.random.default_rng(21)
    widths = []
    for n in (2_000, 200_000):
        found = []
        for _ in range(30):
            sample = rng.exponential(size=n)
            interval = mean_interval(sample)
            assert interval.mean == pytest.approx(sample.mean())
            assert interval.mean - interval.low == pytest.approx(interval.high - interval.mean)
            found.append(interval.high - interval.low)
        widths.append(np.mean(found))
    assert widths[0] / widths[1] == pytest.approx(10, rel=0.2)


def test_a_higher_level_is_wider_and_level_is_kept() -> None:
    sample = np.random.default_rng(1).normal(size=1000)
    low, high = (mean_interval(sample, level) for level in (0.8, 0.99))
    assert high.low < low.low < low.mean < low.high < high.high
    assert (low.level, high.level) == (0.8, 0.99)
    assert low.low in low
    assert low.high in low
    assert math.nextafter(low.high, math.inf) not in low


def test_a_constant_sample_is_certain() -> None:
    interval = mean_interval([2.5] * 40)
    assert (interval.low, interval.mean, interval.high) == (2.5, 2.5, 2.5)


# Quantiles


@pytest.mark.parametrize(
    ("n", "p", "level"),
    [(30, 0.5, 0.95), (200, 0.95, 0.95), (1000, 0.99, 0.9), (40, 0.1, 0.8), (9, 0.5, 0.5)],
)
def test_an_interval_covers_at_least_as_often_as_it_says(n: int, p: float, level: float) -> None:
    rng = np.random.default_rng(7)
    trials = 1500
    truth = -math.log(1 - p)
    covered = sum(
        truth in quantile_interval(rng.exponential(size=n), p, level) for _ in range(trials)
    )
    assert covered / trials >= level - 3 * math.sqrt(level * (1 - level) / trials)
    # Order statistics are coarse: above the level, but by no more than two of their steps.
    step = 1 / math.sqrt(2 * math.pi * n * p * (1 - p))
    assert covered / trials <= level + 2 * step + 0.03


def test_an_interval_for_ties_covers_too() -> None:
    rng = np.random.default_rng(8)
    covered = [4 in quantile_interval(rng.integers(0, 9, 41), 0.5, 0.9) for _ in range(500)]
    assert np.mean(covered) >= 0.9


def test_ends_are_infinite_where_the_sample_is_too_short() -> None:
    for n in (1, 5):
        interval = quantile_interval(np.arange(n), 0.5)
        assert (interval.low, interval.high) == (-math.inf, math.inf)
    # P(six fall on one side of the median) = 2/64 < 5%.
    interval = quantile_interval(np.arange(6.0), 0.5)
    assert (interval.low, interval.high) == (0, 5)
    # 1 - 0.99^n ≥ 97.5% takes 368: below that the largest may be short of the 99th percentile.
    assert quantile_interval(np.arange(300), 0.99).high == math.inf
    assert quantile_interval(np.arange(400), 0.99).high < math.inf
    assert quantile_interval(np.arange(300), 0.01).low == -math.inf


@given(
    st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60),
    st.floats(0.001, 0.999),
    st.floats(0.01, 0.99),
)
def test_an_interval_holds_its_estimate_and_grows_with_confidence(
    sample: list[float], p: float, level: float
) -> None:
    interval = quantile_interval(sample, p, level)
    assert interval.quantile in interval
    assert interval.quantile == percentile(sample, p)
    assert interval.level == level
    wider = quantile_interval(sample, p, (1 + level) / 2)
    assert wider.low <= interval.low
    assert wider.high >= interval.high
    assert quantile_interval(sample[::-1], p, level) == interval


# Paired losses


@pytest.mark.parametrize(("b", "c", "n"), [(8, 0, 100), (30, 12, 500), (3, 3, 50), (0, 0, 20)])
def test_a_paired_loss_is_agresti_and_mins(b: int, c: int, n: int) -> None:
    truth = np.zeros(n, int)
    teacher, student = truth.copy(), truth.copy()
    student[:b], teacher[b : b + c] = 1, 2
    found = paired_loss(truth, teacher, student, level=0.9)
    assert (found.only_teacher, found.only_student) == (b, c)
    assert found.loss == pytest.approx((b - c) / n)
    # Their formula as printed: Wald's with half an observation more in each of the four cells.
    m, x, y = n + 2, b + 0.5, c + 0.5
    half = stats.norm.ppf(0.95) * math.sqrt(x + y - (x - y) ** 2 / m) / m
    assert (found.low, found.high) == pytest.approx(((x - y) / m - half, (x - y) / m + half))
    expected = stats.binomtest(b, b + c).pvalue if b + c else 1
    assert found.p_value == pytest.approx(expected)


def test_a_paired_interval_holds_the_true_loss_as_often_as_it_says() -> None:
    chance, truth = np.random.default_rng(5), np.zeros(300, int)
    lost, won = 0.04, 0.015
    held = 0
    for _ in range(2000):
        draw = chance.random(truth.size)
        student, teacher = (draw < lost).astype(int), (draw > 1 - won).astype(int)
        found = paired_loss(truth, teacher, student)
        held += found.low <= lost - won <= found.high
    low, high = stats.binomtest(held, 2000).proportion_ci(0.999)
    assert low < 0.96
    assert high > 0.94


def paired(b: int, c: int, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    truth = np.zeros(n, int)
    teacher, student = truth.copy(), truth.copy()
    student[:b], teacher[b : b + c] = 1, 2
    return truth, teacher, student


@pytest.mark.parametrize("n", [1, 20, 50, 500])
def test_without_disagreement_a_score_interval_ends_at_a_known_place(n: int) -> None:
    square = stats.norm.ppf(0.975) ** 2
    found = paired_score(*paired(0, 0, n))
    assert (found.low, found.high) == pytest.approx((-square / (n + square), square / (n + square)))


@pytest.mark.parametrize(("b", "c", "n"), [(8, 0, 100), (30, 12, 500), (25, 25, 50), (0, 4, 500)])
def test_a_score_interval_ends_where_the_test_of_that_loss_rejects(b: int, c: int, n: int) -> None:
    found = paired_score(*paired(b, c, n), level=0.9)
    assert (found.loss, found.only_teacher, found.only_student) == ((b - c) / n, b, c)
    for loss in (found.low, found.high):
        # The likeliest table with this loss, by search over the share q of the student alone.
        q = np.linspace(max(0, -loss), (1 - loss) / 2, 400_001)[1:-1]
        likelihood = b * np.log(q + loss) + c * np.log(q) + (n - b - c) * np.log1p(-loss - 2 * q)
        at = q[np.argmax(likelihood)]
        z = (b - c - n * loss) / math.sqrt(n * (2 * at + loss - loss**2))
        assert abs(z) == pytest.approx(stats.norm.ppf(0.95), rel=2e-3)
    turned = paired_score(*paired(c, b, n), level=0.9)
    assert (turned.low, turned.high) == pytest.approx((-found.high, -found.low))


@pytest.mark.parametrize("limit", [0.01, 0.015, 0.03])
def test_a_gate_on_a_score_interval_lets_hardly_more_pass_than_it_says(limit: float) -> None:
    # The student is never right alone, and loses just what the gate refuses: exact, no draws.
    n = 500
    passing = [b for b in range(40) if paired_score(*paired(b, 0, n)).high <= limit]
    assert stats.binom.pmf(passing, n, limit).sum() < 0.025


# Percentiles


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60), st.floats(0.001, 1))
def test_a_percentile_is_the_least_observation_that_a_share_keeps_to(
    sample: list[float], p: float
) -> None:
    found = percentile(sample, p)
    assert found in sample
    at_or_below = np.mean(np.array(sample) <= found)
    below = np.mean(np.array(sample) < found)
    assert at_or_below >= p * (1 - 1e-9)
    assert below < p


@pytest.mark.parametrize(
    ("p", "rank"), [(0.29, 29), (0.95, 95), (0.99, 99), (1.0, 100), (0.001, 1)]
)
def test_a_share_that_floating_point_cannot_write_takes_its_own_rank(p: float, rank: int) -> None:
    assert percentile(np.arange(1.0, 101.0), p) == rank


def test_an_answer_that_never_came_counts() -> None:
    assert percentile([1.0, 2.0, np.inf], 0.99) == np.inf
    assert percentile([1.0, 2.0, np.inf], 0.66) == 2.0


# Shares


@pytest.mark.parametrize("level", [0.5, 0.9, 0.99])
@pytest.mark.parametrize(("found", "n"), [(0, 1), (0, 300), (3, 300), (7, 7), (12, 40)])
def test_a_share_is_enclosed_as_clopper_and_pearson_do(found: int, n: int, level: float) -> None:
    exact = stats.binomtest(found, n).proportion_ci(level, method="exact")
    interval = share_interval(found, n, level)
    assert interval.mean == found / n
    assert interval.low == pytest.approx(exact.low, abs=1e-12)
    assert interval.high == pytest.approx(exact.high, abs=1e-12)


def test_an_exact_interval_covers_at_least_as_often_as_it_says() -> None:
    n = 60
    every = [share_interval(found, n, 0.9) for found in range(n + 1)]
    for share in (0.003, 0.01, 0.05, 0.3, 0.97):
        inside = np.array([share in interval for interval in every])
        assert stats.binom.pmf(np.arange(n + 1), n, share)[inside].sum() >= 0.9


@pytest.mark.parametrize(
    ("found", "n", "level", "name"),
    [(1, 0, 0.9, "n"), (4, 3, 0.9, "found"), (-1, 3, 0.9, "found"), (1, 3, 1.0, "level")],
)
def test_a_share_of_nothing_is_refused(found: int, n: int, level: float, name: str) -> None:
    with pytest.raises(ValueError, match=f"^{name} "):
        share_interval(found, n, level)
