"""Distillation against torch and finite differences, speculation against chance and search."""

import math
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from peers import needs_torch, torch
from scipy import stats

from labs import distillation as d

pytestmark = pytest.mark.filterwarnings("error")

temperatures = st.floats(0.05, 50)
weights = st.floats(0, 1)


@st.composite
def batches(draw: Any, spread: float = 20) -> tuple[Any, Any, Any]:
    shape = draw(st.tuples(st.integers(1, 5), st.integers(1, 6)))
    logits = hnp.arrays(np.float64, shape, elements=st.floats(-spread, spread))
    labels = hnp.arrays(np.int64, shape[0], elements=st.integers(0, shape[1] - 1))
    return draw(logits), draw(logits), draw(labels)


def torch_loss(
    student: Any, teacher: Any, labels: Any, temperature: float, weight: float
) -> tuple[float, Any]:
    """The same loss by torch's own functions, and its gradient by autograd."""
    scores = torch.tensor(student, dtype=torch.float64, requires_grad=True)
    soft = torch.nn.functional.kl_div(
        torch.log_softmax(scores / temperature, dim=1),
        torch.log_softmax(torch.tensor(teacher, dtype=torch.float64) / temperature, dim=1),
        log_target=True,
        reduction="batchmean",
    )
    loss = weight * temperature**2 * soft
    if weight < 1:
        hard = torch.nn.functional.cross_entropy(scores, torch.tensor(labels))
        loss = loss + (1 - weight) * hard
    loss.backward()
    return float(loss.detach()), scores.grad.numpy()


@given(batches(), temperatures)
def test_a_weight_of_nothing_costs_nothing(batch: Any, temperature: float) -> None:
    student, teacher, labels = batch
    whole = d.distillation_loss(student, teacher, labels, temperature, 0.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.delattr(d, "_divergence")
        found = d.distillation_loss(student, teacher, labels, temperature, 0.0)
    # What it would have been times 0 is added: nothing changes, to the last bit.
    slope = d._divergence(student, teacher, temperature)[1]
    padded = 0.0 * slope / len(student) + found.gradient
    assert found.loss == whole.loss
    assert found.gradient.tobytes() == whole.gradient.tobytes() == padded.tobytes()


# Softmax


@needs_torch
@given(
    logits=hnp.arrays(np.float64, hnp.array_shapes(max_dims=3), elements=st.floats(-500, 500)),
    temperature=temperatures,
)
def test_softmax_is_torchs(logits: Any, temperature: float) -> None:
    found = d.softmax(logits, temperature)
    expected = torch.softmax(torch.tensor(logits) / temperature, dim=-1).numpy()
    assert found == pytest.approx(expected, rel=1e-9, abs=1e-300)
    assert found.sum(axis=-1) == pytest.approx(1, rel=1e-12)


@given(logits=hnp.arrays(np.float64, 4, elements=st.floats(-50, 50)), shift=st.floats(-1e6, 1e6))
def test_softmax_knows_differences_alone(logits: Any, shift: float) -> None:
    assert d.softmax(logits + shift) == pytest.approx(d.softmax(logits), rel=1e-6, abs=1e-12)
    assert d.softmax(logits * 3, 3) == pytest.approx(d.softmax(logits), rel=1e-9, abs=1e-300)


@pytest.mark.parametrize(
    ("logits", "temperature", "expected"),
    [
        ([1e308, -1e308], 1.0, [1, 0]),
        ([1e308, -1e308], 1e-308, [1, 0]),
        ([1e308, 1e308], 1.0, [0.5, 0.5]),
        ([-1e308, -1e308, -1e308], 5e-324, [1 / 3] * 3),
        ([0.0, 1.0], 1e308, [0.5, 0.5]),
        ([0.0, 1.0], 5e-324, [0, 1]),
        ([1000.0, 0.0], 1000.0, [1 / (1 + math.exp(-1)), 1 / (1 + math.e)]),
        ([7.0], 2.0, [1]),
    ],
)
def test_softmax_at_its_extremes(
    logits: list[float], temperature: float, expected: list[float]
) -> None:
    assert d.softmax(logits, temperature) == pytest.approx(expected, rel=1e-12)


def test_a_hotter_softmax_is_softer() -> None:
    tops = [d.softmax([3.0, 1.0, 0.0], t)[0] for t in (0.1, 0.5, 1, 2, 10, 1000)]
    assert tops == sorted(tops, reverse=True)
    assert tops[0] == pytest.approx(1)
    assert tops[-1] == pytest.approx(1 / 3, abs=1e-3)


# Loss and gradient


@needs_torch
@given(batch=batches(), temperature=temperatures, weight=weights)
def test_loss_and_gradient_are_torchs(
    batch: tuple[Any, Any, Any], temperature: float, weight: float
) -> None:
    found = d.distillation_loss(*batch, temperature, weight)
    loss, gradient = torch_loss(*batch, temperature, weight)
    # torch adds up what all but cancels: its own rounding, times T², is the slack.
    slack = 1e-13 * (1 + temperature**2)
    assert found.loss == pytest.approx(loss, rel=1e-9, abs=slack)
    assert found.gradient == pytest.approx(gradient, rel=1e-9, abs=slack)


@given(batch=batches(4), temperature=st.floats(0.5, 8), weight=weights)
def test_the_gradient_is_the_slope_of_the_loss(
    batch: tuple[Any, Any, Any], temperature: float, weight: float
) -> None:
    student, teacher, labels = batch
    gradient = d.distillation_loss(student, teacher, labels, temperature, weight).gradient
    step = 1e-5
    for index in np.ndindex(student.shape):
        ends = []
        for sign in (1, -1):
            moved = student.copy()
            moved[index] += sign * step
            ends.append(d.distillation_loss(moved, teacher, labels, temperature, weight).loss)
        assert (ends[0] - ends[1]) / (2 * step) == pytest.approx(gradient[index], abs=1e-6)


@given(batch=batches(), temperature=temperatures, weight=weights)
def test_the_gradient_of_a_row_sums_to_nothing(
    batch: tuple[Any, Any, Any], temperature: float, weight: float
) -> None:
    gradient = d.distillation_loss(*batch, temperature, weight).gradient
    assert gradient.sum(axis=1) == pytest.approx(0, abs=1e-12 * (1 + temperature))


@given(batch=batches(), temperature=temperatures)
def test_a_student_like_its_teacher_has_nothing_to_learn(
    batch: tuple[Any, Any, Any], temperature: float
) -> None:
    _, teacher, _ = batch
    found = d.distillation_loss(teacher, teacher, temperature=temperature)
    assert found.loss == 0
    assert not found.gradient.any()
    shifted = d.distillation_loss(teacher + 5.0, teacher, temperature=temperature)
    assert shifted.loss == pytest.approx(0, abs=1e-12 * (1 + temperature**2))


@given(batch=batches(), temperature=temperatures)
def test_soft_loss_is_never_negative(batch: tuple[Any, Any, Any], temperature: float) -> None:
    assert d.distillation_loss(*batch, temperature).loss >= 0


@pytest.mark.parametrize("temperature", [0.3, 1.0, 20.0])
def test_without_soft_targets_it_is_cross_entropy(temperature: float) -> None:
    rng = np.random.default_rng(1)
    student, teacher = rng.normal(0, 3, (2, 6, 4))
    labels = rng.integers(0, 4, 6)
    found = d.distillation_loss(student, teacher, labels, temperature, 0.0)
    probabilities = d.softmax(student)
    assert found.loss == pytest.approx(-np.log(probabilities[np.arange(6), labels]).mean())
    assert found.gradient == pytest.approx((probabilities - np.eye(4)[labels]) / 6)


def test_labels_are_not_asked_for_where_they_count_for_nothing() -> None:
    assert d.distillation_loss([[1.0, 2.0]], [[2.0, 1.0]], soft_weight=1).loss > 0


# High temperature


@pytest.mark.parametrize("temperature", [1e3, 1e5, 1e8, 1e12, 1e100, 1e200, 1e300])
def test_a_hot_teacher_teaches_differences_of_logits(temperature: float) -> None:
    rng = np.random.default_rng(2)
    student, teacher = rng.normal(0, 2, (2, 5, 7))
    found = d.distillation_loss(student, teacher, temperature=temperature)
    apart = student - teacher
    apart -= apart.mean(axis=1, keepdims=True)
    # Hinton, equation 4: (zs - zt) / (n k), centred, and half its square for the loss.
    near = 30 / temperature
    assert found.gradient == pytest.approx(apart / 35, rel=near + 1e-12, abs=near)
    assert found.loss == pytest.approx((apart**2).sum() / 70, rel=near + 1e-12)


def mp_soft(student: Any, teacher: Any, temperature: float) -> tuple[float, list[list[float]]]:
    """Loss and gradient of the soft part with sixty digits."""
    with mpmath.workdps(60):
        total, slopes = mpmath.mpf(0), []
        for zs, zt in zip(student.tolist(), teacher.tolist(), strict=True):
            parts = []
            for logits in (zs, zt):
                powers = [mpmath.exp(mpmath.mpf(z) / temperature) for z in logits]
                parts.append([power / sum(powers) for power in powers])
            total += sum(t * mpmath.log(t / s) for s, t in zip(*parts, strict=True))
            slopes.append([float(temperature * (s - t)) for s, t in zip(*parts, strict=True)])
        square = mpmath.mpf(temperature) ** 2
        return float(square * total / len(student)), slopes


@pytest.mark.parametrize("temperature", [1.0, 7.0, 300.0, 990.0, 1010.0, 3e3, 1e5, 1e7, 1e10])
@pytest.mark.parametrize("apart", [1e-9, 1e-4, 1.0, 2.0])
def test_loss_and_gradient_hold_to_ten_digits(temperature: float, apart: float) -> None:
    rng = np.random.default_rng(3)
    teacher = rng.uniform(-3, 3, (4, 5))
    student = teacher + rng.uniform(-apart, apart, (4, 5))
    found = d.distillation_loss(student, teacher, temperature=temperature)
    loss, slopes = mp_soft(student, teacher, temperature)
    scale = np.abs(slopes).max() / 4
    rounding = 1e-15 * 3 / apart  # of the logits themselves, beside what lies between them
    assert found.loss == pytest.approx(loss, rel=1e-9 + rounding, abs=0)
    assert found.gradient * 4 == pytest.approx(np.array(slopes), abs=scale * (1e-9 + rounding))


@pytest.mark.parametrize("temperature", [5e-324, 1e-200, 1e-3, 1.0, 1e3, 1e200, 1e308])
@pytest.mark.parametrize("size", [0.0, 1e-300, 1.0, 1e4, 1e150, 1e308])
def test_no_logits_break_it(temperature: float, size: float) -> None:
    student, teacher = [[size, -size, 0.0]], [[-size, size, size]]
    found = d.distillation_loss(student, teacher, [1], temperature, 0.5)
    assert found.loss >= 0
    assert not np.isnan(found.gradient).any()
    assert d.distillation_loss(student, teacher, [1], temperature, 0.0).loss < math.inf


# Speculative decoding


@pytest.mark.parametrize(("alpha", "gamma"), [(0.3, 2), (0.6, 1), (0.8, 4), (0.9, 7), (0.99, 20)])
def test_expected_tokens_lies_in_the_interval_of_a_simulation(alpha: float, gamma: int) -> None:
    rng = np.random.default_rng(gamma)
    accepted = rng.random((100_000, gamma)) < alpha
    tokens = accepted.cumprod(axis=1).sum(axis=1) + 1
    half = stats.norm.ppf(0.9995) * tokens.std(ddof=1) / math.sqrt(tokens.size)
    assert abs(d.expected_tokens(alpha, gamma) - tokens.mean()) < half


@given(alpha=st.floats(0, 1), gamma=st.integers(0, 64))
def test_expected_tokens_is_the_geometric_sum(alpha: float, gamma: int) -> None:
    exact = sum(Fraction(alpha) ** k for k in range(gamma + 1))
    assert d.expected_tokens(alpha, gamma) == pytest.approx(float(exact), rel=1e-12)


@pytest.mark.parametrize(
    ("alpha", "gamma", "expected"),
    [
        (0, 7, 1), (1, 7, 8), (0.5, 0, 1), (1 - 2**-53, 9, 10), (5e-324, 3, 1), (1, 2**53, 2**53),
        (0.5, 2**53, 2), (0.6, 2, 1.96), (0.7, 3, 2.533), (0.8, 2, 2.44), (0.8, 5, 3.68928),
        (0.9, 2, 2.71), (0.9, 10, 6.8618940391),
    ],
)  # fmt: skip
def test_expected_tokens_in_known_numbers(alpha: float, gamma: int, expected: float) -> None:
    assert d.expected_tokens(alpha, gamma) == pytest.approx(expected, rel=1e-12)


@given(alpha=st.floats(0, 1), gamma=st.integers(0, 40), cost=st.floats(0, 3))
def test_the_speedup_is_tokens_over_time(alpha: float, gamma: int, cost: float) -> None:
    found = d.speculative_speedup(alpha, gamma, cost)
    assert found == pytest.approx(d.expected_tokens(alpha, gamma) / (gamma * cost + 1), rel=1e-12)
    assert d.speculative_speedup(alpha, 0, cost) == 1


def fastest(alpha: float, cost: float, longest: int) -> int:
    """The shortest of the best by exact fractions."""
    a, c = Fraction(alpha), Fraction(cost)
    tokens, best, found = Fraction(0), Fraction(0), 0
    for gamma in range(longest + 1):
        tokens += a**gamma
        speedup = tokens / (gamma * c + 1)
        if speedup > best * (1 + Fraction(1, 10**12)):
            best, found = speedup, gamma
    return found


@given(
    alpha=st.floats(0, 1, width=32),
    cost=st.floats(2.0**-10, 2, width=32),
    longest=st.integers(0, 40),
)
def test_the_best_draft_is_found_by_trying_all(alpha: float, cost: float, longest: int) -> None:
    assert d.best_draft(alpha, cost, longest) == fastest(alpha, cost, longest)


@given(alpha=st.floats(0, 1), cost=st.floats(0, 2))
def test_no_draft_is_faster_than_the_best(alpha: float, cost: float) -> None:
    best = d.best_draft(alpha, cost)
    speeds = d.speculative_speedup(alpha, np.arange(65), cost)
    assert d.speculative_speedup(alpha, best, cost) >= np.max(speeds) * (1 - 1e-11)
    assert isinstance(best, int)


@pytest.mark.parametrize(
    ("alpha", "cost", "expected"),
    [
        (0.8, 0.05, 8), (0.3, 0.5, 0), (0.5, 0.5, 0), (0.0, 0.0, 0), (1.0, 0.0, 64),
        (1.0, 0.5, 64), (1.0, 1.0, 0), (0.9, 1e308, 0), (0.7, 0.7, 0),
    ],
)  # fmt: skip
def test_the_best_draft_in_known_numbers(alpha: float, cost: float, expected: int) -> None:
    # It pays to draft at all exactly where α > c.
    assert d.best_draft(alpha, cost) == expected


def test_formulas_broadcast_elementwise() -> None:
    alpha, cost = np.array([[0.5], [0.8], [1.0]]), np.array([0.0, 0.1, 0.4, 2.0])
    best = np.asarray(d.best_draft(alpha, cost))
    speed = np.asarray(d.speculative_speedup(alpha, 3, cost))
    assert best.shape == speed.shape == (3, 4)
    assert best.dtype.kind == "i"
    for row, column in np.ndindex(3, 4):
        a, c = alpha[row, 0], cost[column]
        assert best[row, column] == d.best_draft(a, c)
        assert speed[row, column] == d.speculative_speedup(a, 3, c)
    tokens = np.asarray(d.expected_tokens([0.5, 0.9], [1, 2]))
    assert tokens.tolist() == [d.expected_tokens(0.5, 1), d.expected_tokens(0.9, 2)]
    assert np.shape(d.best_draft([], 0.1)) == np.shape(d.expected_tokens([], 3)) == (0,)


# Bad input

NAN, INF = math.nan, math.inf
LOGITS = [[1.0, 2.0], [3.0, 4.0]]


def mixed(labels: Any, **options: Any) -> d.Distillation:
    return d.distillation_loss(LOGITS, LOGITS, labels, **({"soft_weight": 0.5} | options))


@pytest.mark.parametrize(
    ("call", "argument", "shown"),
    [
        (lambda: d.softmax([1, NAN]), "logits", "nan"),
        (lambda: d.softmax([1, INF]), "logits", "inf"),
        (lambda: d.softmax("abc"), "logits", "'abc'"),
        (lambda: d.softmax(1.0), "logits", "()"),
        (lambda: d.softmax([]), "logits", "(0,)"),
        (lambda: d.softmax(np.zeros((3, 0))), "logits", "(3, 0)"),
        (lambda: d.softmax([1.0], 0), "temperature", "0"),
        (lambda: d.softmax([1.0], -1), "temperature", "-1"),
        (lambda: d.softmax([1.0], NAN), "temperature", "nan"),
        (lambda: d.softmax([1.0], INF), "temperature", "inf"),
        (lambda: d.softmax([1.0], [1.0, 2.0]), "temperature", "[1.0, 2.0]"),
        (lambda: d.distillation_loss([1.0, 2.0], LOGITS), "student", "(2,)"),
        (lambda: d.distillation_loss([[1, NAN]], LOGITS), "student", "nan"),
        (lambda: d.distillation_loss(np.zeros((0, 3)), np.zeros((0, 3))), "student", "none"),
        (lambda: d.distillation_loss(np.zeros((3, 0)), LOGITS), "student", "(3, 0)"),
        (lambda: d.distillation_loss(LOGITS, [[1.0, 2.0]]), "teacher", "(1, 2)"),
        (lambda: d.distillation_loss(LOGITS, [[1, INF], [0, 0]]), "teacher", "inf"),
        (lambda: d.distillation_loss(LOGITS, LOGITS, temperature=0), "temperature", "0"),
        (lambda: d.distillation_loss(LOGITS, LOGITS, soft_weight=1.1), "soft_weight", "1.1"),
        (lambda: d.distillation_loss(LOGITS, LOGITS, soft_weight=-0.1), "soft_weight", "-0.1"),
        (lambda: d.distillation_loss(LOGITS, LOGITS, soft_weight=NAN), "soft_weight", "nan"),
        (lambda: mixed(None), "labels", "None"),
        (lambda: mixed([0]), "labels", "length 1"),
        (lambda: mixed([0, 2]), "labels", "2"),
        (lambda: mixed([0, -1]), "labels", "-1"),
        (lambda: mixed([0, 0.5]), "labels", "0.5"),
        (lambda: mixed([0, NAN]), "labels", "nan"),
        (lambda: mixed([[0, 1]]), "labels", "(1, 2)"),
        (lambda: mixed(["0", "1"]), "labels", "'0'"),
        (lambda: d.expected_tokens(-0.1, 1), "acceptance", "-0.1"),
        (lambda: d.expected_tokens(1.1, 1), "acceptance", "1.1"),
        (lambda: d.expected_tokens(NAN, 1), "acceptance", "nan"),
        (lambda: d.expected_tokens(0.5, -1), "draft", "-1"),
        (lambda: d.expected_tokens(0.5, 1.5), "draft", "1.5"),
        (lambda: d.expected_tokens(0.5, INF), "draft", "inf"),
        (lambda: d.speculative_speedup(2, 1, 0), "acceptance", "2"),
        (lambda: d.speculative_speedup(0.5, "1", 0), "draft", "'1'"),
        (lambda: d.speculative_speedup(0.5, 1, -1), "cost", "-1"),
        (lambda: d.speculative_speedup(0.5, 1, NAN), "cost", "nan"),
        (lambda: d.speculative_speedup([0.5, 0.6], [1, 2, 3], 0), "draft", "(3,)"),
        (lambda: d.best_draft(1.5, 0.1), "acceptance", "1.5"),
        (lambda: d.best_draft(0.5, -0.1), "cost", "-0.1"),
        (lambda: d.best_draft(0.5, INF), "cost", "inf"),
        (lambda: d.best_draft(0.5, 0.1, -1), "max_draft", "-1"),
        (lambda: d.best_draft(0.5, 0.1, 2.5), "max_draft", "2.5"),
        (lambda: d.best_draft(0.5, 0.1, 10_001), "max_draft", "10001"),
        (lambda: d.best_draft(0.5, 0.1, [3, 4]), "max_draft", "[3, 4]"),
    ],
)
def test_bad_input_is_named(call: Any, argument: str, shown: str) -> None:
    with pytest.raises(ValueError, match=rf"\b{argument}\b") as problem:
        call()
    assert shown in str(problem.value).split("got", 1)[1]


def test_results_cannot_be_altered() -> None:
    found: Any = d.distillation_loss(LOGITS, LOGITS)
    with pytest.raises(AttributeError):
        found.loss = 1.0
