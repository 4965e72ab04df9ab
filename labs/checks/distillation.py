"""Checks of the exercises on distillation."""

import copy
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from scipy import special

from labs import digits
from labs.checks.answers import Verdict, function, numbers, whole
from labs.checks.exercise import Givens, exercise
from labs.distillation import best_draft, distillation_loss, expected_tokens, softmax

CASES = {
    "teacher surer, label 0": ([1.0, 0.5, -1.0], [4.0, 1.0, 0.0], 0, 3.0, 0.8),
    "teacher doubts, label 0": ([2.0, 0.0, 0.0], [1.0, 1.5, 0.0], 0, 5.0, 0.3),
    "label 2": ([0.0, 1.0, 2.0, -1.0], [1.0, 0.0, 3.0, 0.0], 2, 2.0, 0.6),
}


@exercise(logits={"7": 9.0, "1": 6.0, "9": 5.0, "4": 1.0, "2": -2.0}, temperature=4.0)
def soften(answer: object, given: Givens) -> Verdict:
    """Check exercise 1: a teacher's probabilities at a temperature.

    Examples
    --------
    >>> soften([0.93, 0.05, 0.02, 0.0, 0.0])
    FAIL  7: got 0.93: not right, and none of the usual slips
    """
    z, heat = np.array(list(given.logits.values())), given.temperature
    plain = softmax(z)
    mistakes = {
        "that is T = 1, the teacher unsoftened": plain,
        "divide the logits by T: multiplied, they are sharper, not softer": softmax(z, 1 / heat),
        "these do not add up to 1: divide by their sum": np.exp(z / heat),
        "take the T-th root, then divide by the sum of the roots": plain ** (1 / heat),
        "T divides the logits, not the probabilities": plain / heat,
    }
    right = dict(zip(given.logits, softmax(z, heat).tolist(), strict=True))
    return numbers(answer, right, mistakes={why: list(wrong) for why, wrong in mistakes.items()})


@exercise(cases=CASES)
def slope(answer: object, given: Givens) -> Verdict:
    """Check exercise 2: the derivative of the mixed loss by the student's first logit.

    A case is what a call is given: student, teacher, label, temperature, and the weight of the
    soft targets.

    Examples
    --------
    >>> slope(lambda *case: 0)
    FAIL  teacher surer, label 0: got 0: not right, and none of the usual slips
    """
    cases = {name: copy.deepcopy(case) for name, case in given.cases.items()}
    expected = {}
    for name, (student, teacher, label, heat, weight) in given.cases.items():
        pupil, master, known = (np.array([part]) for part in (student, teacher, label))
        found = distillation_loss(pupil, master, known, heat, weight)
        expected[name] = float(found.gradient[0, 0])

    def mixed(soft: Callable[[float], float], hard: bool = True) -> Callable[..., float]:
        def wrong(s: Any, t: Any, label: int, heat: float, weight: float) -> float:
            apart = float(softmax(s, heat)[0] - softmax(t, heat)[0])
            known = float(softmax(s, 1.0 if hard else heat)[0]) - (label == 0)
            return weight * soft(heat) * apart + (1 - weight) * known

        return wrong

    right = mixed(lambda heat: heat)
    mistakes = {
        "the soft part lacks its factor T²": mixed(lambda heat: 1 / heat),
        "T² is there, but the softmax of logits over T gives 1/T as well": mixed(
            lambda heat: heat**2
        ),
        "the soft part has neither T² nor the 1/T of its softmax": mixed(lambda heat: 1.0),
        "the weight belongs to the soft targets, 1 less it to the label": (
            lambda s, t, label, heat, weight: right(s, t, label, heat, 1 - weight)
        ),
        "the label is compared at T = 1": mixed(lambda heat: heat, hard=False),
    }
    return function(answer, cases, expected, tolerance=1e-3, mistakes=mistakes)


@exercise(
    tasks={"code": (0.85, 0.04), "chat": (0.65, 0.10), "names": (0.30, 0.45)},
    longest=16,
    cost=0.25,
)
def drafts(answer: object, given: Givens) -> Verdict:
    """Check exercise 3: the best length of a draft for each task, and when none pays.

    A task is an acceptance and the cost of a drafted token; ``cost`` is that of the question
    about acceptance.

    Examples
    --------
    >>> drafts({"code": 16, "chat": 16, "names": 16, "floor": 0.25})
    FAIL  code: got 16: most tokens a pass is not most tokens a second: drafting takes time
    """
    most, floor = given.longest, given.cost
    acceptance, price = np.array(list(given.tasks.values())).T
    best = np.asarray(best_draft(acceptance, price, most)).tolist()
    lengths = np.arange(most + 1.0)
    tokens = np.asarray(expected_tokens(acceptance[:, None], lengths))
    passes = 1 + lengths * price[:, None]
    mistakes = {
        "most tokens a pass is not most tokens a second: drafting takes time": tokens.argmax(1),
        "the large model's pass gives a token of its own, also after a rejection": (
            (tokens - 1) / passes
        ).argmax(1),
        "one draft more and it is no longer the best": np.array(best) + 1,
        "a drafted token costs less than a pass, but not nothing": np.full(len(best), most),
        "where every length loses, do not speculate: the best is 0": np.maximum(best, 1),
    }
    right = {**dict(zip(given.tasks, best, strict=True)), "floor": floor}
    wrong = {why: [*found.tolist(), floor] for why, found in mistakes.items()}
    wrong["a draft of one pays if its chance exceeds its cost, not half of it"] = [*best, floor / 2]
    wrong["acceptance of a half is no threshold: compare it with the cost"] = [*best, 0.5]
    return numbers(answer, right, tolerance=1e-3, mistakes=wrong)


def _students(seed: int) -> Mapping[str, Any]:
    rng = np.random.default_rng(seed)
    while True:
        hardness = rng.random(300)
        plain = hardness + rng.normal(0, 0.05, size=300) < 0.905
        distilled = hardness + rng.normal(0, 0.05, size=300) < 0.945
        if distilled.sum() > plain.sum():  # a few seeds in a thousand draw no gain to be sure of
            return {"plain": plain, "distilled": distilled}


@exercise(_students)
def better(answer: object, given: Givens) -> Verdict:
    """Check exercise 4: what a distilled student gains, how surely, and what would make it sure.

    Asked for are the gain, the lower end of its interval, and the images needed.

    Examples
    --------
    >>> better([0.5, 0.4, 300])
    FAIL  gain: got 0.5: not right, and none of the usual slips
    """
    first, second = (np.asarray(one, dtype=float) for one in (given.plain, given.distilled))
    n = first.size
    won = int(((first == 0) & (second == 1)).sum())
    lost = int(((first == 1) & (second == 0)).sum())
    found = digits.paired_loss(np.ones(n, int), second.astype(int), first.astype(int))
    gain = found.loss
    z = float(special.ndtri(0.975))
    spread = (won + lost) / n - gain**2
    images = whole(z**2 * spread / gain**2)
    apart = float(first.var() + second.var())
    tail = float(special.ndtri(0.95)) / z
    middle = (found.low + found.high) / 2
    half = (found.high - found.low) / 2
    right = {"gain": gain, "low": found.low, "images": float(images)}
    mistakes = {
        "the same images: their variances do not simply add": [
            gain,
            gain - z * math.sqrt(apart / n),
            float(whole(z**2 * apart / gain**2)),
        ],
        "the interval is two-sided: 2.5% lie below its lower end": [
            gain,
            middle - tail * half,
            float(images),
        ],
        "that is the upper end": [gain, found.high, float(images)],
        "that interval leaves out the half image in each cell": [
            gain,
            gain - z * math.sqrt(spread / n),
            float(images),
        ],
        "that counts disagreements only, not all images": [
            gain,
            found.low,
            float(whole(images * (won + lost) / n)),
        ],
        "that is the gain of those who disagree, not of all images": [
            (won - lost) / (won + lost),
            found.low,
            float(images),
        ],
        "for the lower end to reach 0 the margin is the gain, not half of it": [
            gain,
            found.low,
            float(whole(4 * z**2 * spread / gain**2)),
        ],
    }
    return numbers(answer, right, tolerance=2e-3, mistakes=mistakes)
