"""Checks of the exercises on distillation."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from scipy import special

from labs import digits
from labs import validation as check
from labs.checks.answers import Verdict, function, numbers, whole
from labs.distillation import best_draft, distillation_loss, expected_tokens, softmax
from labs.validation import BoolArray

Case = tuple[Any, ...]


def soften(answer: object, logits: Mapping[str, float], temperature: float) -> Verdict:
    """Check exercise 1: a teacher's probabilities at a temperature.

    Parameters
    ----------
    answer : object
        The learner's probabilities, in the order of the logits or by their names.
    logits : mapping of str to float
        The teacher's logits by class, at least two.
    temperature : float
        T above 0, not 1.

    Returns
    -------
    Verdict

    Raises
    ------
    ValueError
        If anything but the answer is out of range.

    Examples
    --------
    >>> soften([0.88, 0.12], {"2": 4.0, "3": 2.0}, temperature=2.0)
    FAIL  2: got 0.88, expected 0.731059: that is T = 1, the teacher unsoftened
    """
    names = list(check.instance("logits", logits, dict))
    z = check.sequence("logits", list(logits.values()), least=-100, most=100)
    heat = check.number("temperature", temperature, least=0.1, most=100)
    if len(names) < 2 or heat == 1:
        name, value = ("logits", names) if len(names) < 2 else ("temperature", heat)
        raise check.refuse(name, "of two classes or more, softened by T other than 1", value)
    plain = softmax(z)
    mistakes = {
        "that is T = 1, the teacher unsoftened": plain,
        "divide the logits by T: multiplied, they are sharper, not softer": softmax(z, 1 / heat),
        "these do not add up to 1: divide by their sum": np.exp(z / heat),
        "take the T-th root, then divide by the sum of the roots": plain ** (1 / heat),
        "T divides the logits, not the probabilities": plain / heat,
    }
    right = dict(zip(names, softmax(z, heat).tolist(), strict=True))
    return numbers(answer, right, mistakes={why: list(wrong) for why, wrong in mistakes.items()})


def slope(answer: object, cases: Mapping[str, Case]) -> Verdict:
    """Check exercise 2: the derivative of the mixed loss by the student's first logit.

    Parameters
    ----------
    answer : object
        The learner's function of student, teacher, label, temperature and weight.
    cases : mapping of str to tuple
        Its arguments in each call: logits, logits, class, T, and the weight of the soft targets.

    Returns
    -------
    Verdict

    Raises
    ------
    ValueError
        If anything but the answer is out of range.

    Examples
    --------
    >>> alike = {"alike": ([1.0, 0.0], [1.0, 0.0], 0, 2.0, 1.0)}
    >>> slope(lambda student, teacher, label, temperature, weight: 0.0, alike)
    PASS  1 of 1 calls
    """
    expected = {}
    for name, given in check.instance("cases", cases, dict).items():
        if not isinstance(given, tuple) or len(given) != 5:
            raise check.refuse("cases", "tuples of five arguments", given)
        student, teacher, label, heat, weight = given
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
    return function(answer, dict(cases), expected, tolerance=1e-3, mistakes=mistakes)


def drafts(
    answer: object, pairs: Mapping[str, tuple[float, float]], longest: int, cost: float
) -> Verdict:
    """Check exercise 3: the best length of a draft for each task, and when none pays.

    Parameters
    ----------
    answer : object
        The learner's lengths in the order of ``pairs``, then the least acceptance; or by name, the
        last as ``"floor"``.
    pairs : mapping of str to tuple
        Acceptance and cost of a drafted token for each task.
    longest : int
        Longest draft allowed.
    cost : float
        Cost of a drafted token for the question about acceptance, below 1.

    Returns
    -------
    Verdict

    Raises
    ------
    ValueError
        If anything but the answer is out of range.

    Examples
    --------
    >>> drafts([8, 0.3], {"code": (0.8, 0.05)}, longest=16, cost=0.3)
    PASS  8, 0.3
    """
    most = check.count("longest", longest, most=1000)
    floor = check.number("cost", cost, above=0, below=1)
    listed = list(check.instance("pairs", pairs, dict).values())
    if not listed or any(not isinstance(one, tuple) or len(one) != 2 for one in listed):
        raise check.refuse("pairs", "acceptance and cost by task, not empty", pairs)
    acceptance = check.sequence("pairs", [one[0] for one in listed], least=0, most=1)
    price = check.sequence("pairs", [one[1] for one in listed], above=0)
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
    right = {**dict(zip(pairs, best, strict=True)), "floor": floor}
    wrong = {why: [*found.tolist(), floor] for why, found in mistakes.items()}
    wrong["a draft of one pays if its chance exceeds its cost, not half of it"] = [*best, floor / 2]
    wrong["acceptance of a half is no threshold: compare it with the cost"] = [*best, 0.5]
    return numbers(answer, right, tolerance=1e-3, mistakes=wrong)


def better(answer: object, plain: BoolArray, distilled: BoolArray) -> Verdict:
    """Check exercise 4: what a distilled student gains, how surely, and what would make it sure.

    Parameters
    ----------
    answer : object
        The learner's three numbers: gain, lower end of its interval, images needed.
    plain, distilled : array (n,) of bool
        Whether each student had each image right; the distilled one is ahead.

    Returns
    -------
    Verdict

    Raises
    ------
    ValueError
        If lengths differ, or the distilled student is not ahead.

    Examples
    --------
    >>> better([0.25, -0.14, 13], [True, False, False, True], [True, True, False, True])
    FAIL  low: got -0.14, expected -0.275634
    """
    first, second = (
        check.sequence(name, np.asarray(given, dtype=float), least=0, most=1, whole=True)
        for name, given in (("plain", plain), ("distilled", distilled))
    )
    if first.size != second.size or not first.size:
        raise check.refuse("distilled", f"of length {first.size}, at least 1", second.size)
    n = first.size
    won = int(((first == 0) & (second == 1)).sum())
    lost = int(((first == 1) & (second == 0)).sum())
    if won <= lost:
        raise check.refuse("distilled", "ahead of plain", f"{won} won, {lost} lost")
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
