"""Exercises on distillation: right answers pass, mistakes are named, nothing stumbles."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hostile import HOSTILE
from scipy import stats

from labs.checks import Givens, Verdict
from labs.checks import distillation as check

LOGITS = {"7": 9.0, "1": 6.0, "9": 5.0, "4": 1.0}
CASES = {
    "a": ([1.0, 0.5, -1.0], [4.0, 1.0, 0.0], 0, 3.0, 0.8),
    "b": ([2.0, 0.0, 0.0], [1.0, 1.5, 0.0], 1, 5.0, 0.3),
}
PAIRS = {"code": (0.85, 0.04), "chat": (0.65, 0.10), "names": (0.30, 0.45)}


def students(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    hardness = rng.random(400)
    plain, distilled = (hardness + rng.normal(0, 0.05, size=400) < at for at in (0.90, 0.95))
    return plain, distilled


def gained(answer: object, plain: np.ndarray, distilled: np.ndarray) -> Verdict:
    return check.better.judge(answer, Givens(plain=plain, distilled=distilled))


def soften(answer: object) -> Verdict:
    return check.soften.judge(answer, Givens(logits=LOGITS, temperature=4.0))


def slope(answer: object) -> Verdict:
    return check.slope.judge(answer, Givens(cases=CASES))


def drafts(answer: object) -> Verdict:
    return check.drafts(answer)


def better(answer: object) -> Verdict:
    return gained(answer, *students(7))


CHECKS: dict[str, Callable[[object], Verdict]] = {
    "soften": soften,
    "slope": slope,
    "drafts": drafts,
    "better": better,
}


def powers(base: float) -> list[float]:
    raised = [base**z for z in LOGITS.values()]
    return [one / sum(raised) for one in raised]


def speed(alpha: float, c: float, gamma: int) -> float:
    return sum(alpha**i for i in range(gamma + 1)) / (1 + c * gamma)


RIGHT_SOFT = powers(math.exp(1 / 4))
LENGTHS = [max(range(17), key=lambda g, a=a, c=c: speed(a, c, g)) for a, c in PAIRS.values()]


def loss(
    student: list[float], teacher: list[float], label: int, heat: float, weight: float
) -> float:
    def p(logits: list[float], t: float) -> list[float]:
        raised = [math.exp(z / t) for z in logits]
        return [one / sum(raised) for one in raised]

    target, soft = p(teacher, heat), p(student, heat)
    apart = sum(a * math.log(a / b) for a, b in zip(target, soft, strict=True))
    return weight * heat**2 * apart - (1 - weight) * math.log(p(student, 1.0)[label])


def by_differences(student: list[float], *rest: Any) -> float:
    step = 1e-5
    up, down = [student[0] + step, *student[1:]], [student[0] - step, *student[1:]]
    return (loss(up, *rest) - loss(down, *rest)) / (2 * step)


def by_hand(plain: np.ndarray, distilled: np.ndarray) -> dict[str, float]:
    won, lost, n = (distilled & ~plain).sum(), (plain & ~distilled).sum(), plain.size
    d, z = (won - lost) / n, stats.norm.ppf(0.975)
    b, c = (won + 0.5) / (n + 2), (lost + 0.5) / (n + 2)
    low = b - c - z * math.sqrt((b + c - (b - c) ** 2) / (n + 2))
    images = next(m for m in range(1, 10**6) if d >= z * math.sqrt(((won + lost) / n - d**2) / m))
    return {"gain": d, "low": low, "images": images}


# Right answers


def test_right_probabilities_pass() -> None:
    assert soften(RIGHT_SOFT)
    assert soften(dict(zip(LOGITS, RIGHT_SOFT, strict=True)))


def test_the_slope_by_differences_passes() -> None:
    assert repr(slope(by_differences)) == "PASS  2 of 2 calls"


def test_lengths_found_by_trying_pass() -> None:
    assert LENGTHS[-1] == 0
    assert drafts([*LENGTHS, 0.25])


@pytest.mark.parametrize("seed", [1, 5, 7])
def test_a_gain_computed_by_hand_passes_for_every_seed(seed: int) -> None:
    assert gained(by_hand(*students(seed)), *students(seed))


# Mistakes


@pytest.mark.parametrize(
    ("answer", "diagnosis"),
    [
        (powers(math.e), "T = 1"),
        (powers(math.exp(4)), "sharper, not softer"),
        ([math.exp(z / 4) for z in LOGITS.values()], "add up to 1"),
        ([p**0.25 for p in powers(math.e)], "the sum of the roots"),
        ([p / 4 for p in powers(math.e)], "not the probabilities"),
        ([100 * p for p in RIGHT_SOFT], "percentage"),
    ],
)
def test_each_mistake_about_softening_is_named(answer: list[float], diagnosis: str) -> None:
    assert diagnosis in soften(answer).message


def parts(student: list[float], teacher: list[float], label: int, heat: float) -> list[float]:
    """The slope of the soft part over T, and that of the label at T = 1 and at T."""
    soft = by_differences(student, teacher, label, heat, 1.0)
    hard = by_differences(student, teacher, label, heat, 0.0)
    hot = by_differences([z / heat for z in student], teacher, label, 1.0, 0.0)
    return [soft / heat, hard, hot]


@pytest.mark.parametrize(
    ("combine", "diagnosis"),
    [
        (lambda soft, hard, hot, heat, w: w * soft / heat + (1 - w) * hard, "lacks its factor"),
        (lambda soft, hard, hot, heat, w: w * soft * heat**2 + (1 - w) * hard, "1/T as well"),
        (lambda soft, hard, hot, heat, w: w * soft + (1 - w) * hard, "neither"),
        (lambda soft, hard, hot, heat, w: (1 - w) * soft * heat + w * hard, "the weight belongs"),
        (lambda soft, hard, hot, heat, w: w * soft * heat + (1 - w) * hot, "at T = 1"),
        (lambda soft, hard, hot, heat, w: -w * soft * heat - (1 - w) * hard, "sign"),
    ],
)
def test_each_mistake_about_the_slope_is_named(combine: Any, diagnosis: str) -> None:
    def wrong(student: Any, teacher: Any, label: int, heat: float, weight: float) -> float:
        return combine(*parts(student, teacher, label, heat), heat, weight)

    assert diagnosis in slope(wrong).message


def chosen(score: Callable[[float, float, int], float]) -> list[int]:
    return [max(range(17), key=lambda g, a=a, c=c: score(a, c, g)) for a, c in PAIRS.values()]


@pytest.mark.parametrize(
    ("answer", "diagnosis"),
    [
        ([*chosen(lambda a, c, g: speed(a, 0, g)), 0.25], "drafting takes time"),
        (
            [*chosen(lambda a, c, g: speed(a, c, g) - 1 / (1 + c * g)), 0.25],
            "also after a rejection",
        ),
        ([*[n + 1 for n in LENGTHS], 0.25], "no longer the best"),
        ([*LENGTHS[:2], 1, 0.25], "do not speculate"),
        ([*LENGTHS, 0.125], "not half of it"),
        ([*LENGTHS, 0.5], "no threshold"),
    ],
)
def test_each_mistake_about_the_draft_is_named(answer: list[float], diagnosis: str) -> None:
    assert diagnosis in drafts(answer).message


def test_each_mistake_about_the_gain_is_named() -> None:
    plain, distilled = students(7)
    gain, low, images = by_hand(plain, distilled).values()
    won, lost, n = (distilled & ~plain).sum(), (plain & ~distilled).sum(), plain.size
    z, spread = stats.norm.ppf(0.975), (won + lost) / n - gain**2
    apart = plain.var() + distilled.var()
    b, c = (won + 0.5) / (n + 2), (lost + 0.5) / (n + 2)
    half = math.sqrt((b + c - (b - c) ** 2) / (n + 2))
    for answer, diagnosis in (
        ([gain, gain - z * math.sqrt(apart / n), math.ceil(z**2 * apart / gain**2)], "simply add"),
        ([gain, b - c - stats.norm.ppf(0.95) * half, images], "two-sided"),
        ([gain, b - c + z * half, images], "upper end"),
        ([gain, gain - z * math.sqrt(spread / n), images], "half image"),
        ([gain, low, math.ceil(images * (won + lost) / n)], "disagreements only"),
        ([(won - lost) / (won + lost), low, images], "those who disagree"),
        ([gain, low, math.ceil(4 * z**2 * spread / gain**2)], "not half of it"),
        ([-gain, low, images], "sign"),
        ([100 * gain, low, images], "percentage"),
        ([gain, low, images + 1], "one too many"),
    ):
        assert diagnosis in better(answer).message, answer


# Hostile answers


@pytest.mark.parametrize("exercise", CHECKS)
@pytest.mark.parametrize("answer", HOSTILE, ids=lambda answer: type(answer).__name__)
def test_no_answer_makes_a_check_stumble(exercise: str, answer: Any) -> None:
    verdict = CHECKS[exercise](answer)
    assert not verdict
    assert "\n" not in verdict.message
    assert 5 < len(verdict.message) < 300
    assert ("no answer yet" in verdict.message) == (answer is None or answer is ...)
