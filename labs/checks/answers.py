"""What an answer can be, and how each kind is compared with the expected one."""

import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from labs import validation as check

Option = str | int | float | bool

UNKNOWN = "not right, and none of the usual slips"
RETURNED = "what it returns"


class AnswerError(AssertionError):
    """A wrong answer, shown by Jupyter as its one sentence instead of a traceback."""

    def _render_traceback_(self) -> list[str]:
        return [f"FAIL  {self}"]


@dataclass(frozen=True)
class Verdict:
    """The outcome of a check; true if it passed, and shown as its message.

    Attributes
    ----------
    passed : bool
        Whether the answer is right.
    got : str
        The answer, as it was read; empty if it was not of the kind asked for.
    reason : str
        The mistake that would explain a wrong answer, or why it could not be read.
    expected : str
        The right answer, which the message tells only where it was revealed.
    part : str
        Which part of the answer is meant.

    Examples
    --------
    >>> Verdict(passed=True, got="0.37")
    PASS  0.37
    >>> Verdict(passed=False, got="0.63", reason="that is the share wasted", expected="0.37")
    FAIL  got 0.63: that is the share wasted
    """

    passed: bool
    got: str = ""
    reason: str = ""
    expected: str = ""
    part: str = ""

    def __bool__(self) -> bool:
        return self.passed

    def __repr__(self) -> str:
        return f"{'PASS' if self.passed else 'FAIL'}  {self.message}"

    @property
    def message(self) -> str:
        """What was got, what was expected if that may be told, and what went wrong."""
        if self.passed or not self.got:
            said = self.got if self.passed else self.reason
        else:
            told = f", expected {self.expected}" if self.expected and revealed() else ""
            unknown = "" if told else UNKNOWN
            said = ": ".join(filter(None, [f"got {self.got}{told}", self.reason or unknown]))
        return ": ".join(filter(None, [self.part, said]))

    def grade(self) -> None:
        """Print a pass and raise a fail, so that a grader sees which cell went wrong.

        Nothing is returned: what a cell ends in, a grader would take for its points.

        Raises
        ------
        AnswerError
            If the answer is wrong or missing; Jupyter shows the message alone.

        Examples
        --------
        >>> number(0.37, 0.37).grade()
        PASS  0.37
        """
        if not self.passed:
            raise AnswerError(self.message)
        print(self)


def reveal(told: bool = True) -> None:
    """Let a FAIL tell the right answer from now on, for those who study by themselves.

    A grader tells nothing more, whatever a notebook asks for: feedback on a wrong answer would be
    the right one for whoever hands in after.

    Parameters
    ----------
    told : bool
        False takes it back.

    Examples
    --------
    >>> reveal()
    >>> number(0.63, 0.37)
    FAIL  got 0.63, expected 0.37: the complement: 1 minus this is asked
    >>> reveal(False)
    >>> number(0.63, 0.37)
    FAIL  got 0.63: the complement: 1 minus this is asked
    """
    _state["revealed"] = check.instance("told", told, bool)


def revealed() -> bool:
    """Say whether a FAIL tells the right answer: after `reveal`, but never under nbgrader.

    Returns
    -------
    bool

    Examples
    --------
    >>> revealed()
    False
    """
    return _state["revealed"] and not os.environ.get("NBGRADER_EXECUTION")


_state = {"revealed": False}


def number(
    answer: object,
    expected: float,
    unit: str = "",
    tolerance: float = 0.01,
    mistakes: Mapping[str, float] | None = None,
) -> Verdict:
    """Compare a number with the expected one, and name the mistake that would explain it.

    Parameters
    ----------
    answer : object
        What the learner gave; anything but a finite number fails with a sentence.
    expected : float
        The right value.
    unit : str
        Unit of both, for the message.
    tolerance : float
        Relative error that still passes; 0 asks for the exact number.
    mistakes : mapping of str to float
        What a usual wrong turn would have given, by its description. Slips of unit and form
        (a thousand, a hundred, sign, reciprocal, complement, one off) need not be listed.

    Returns
    -------
    Verdict

    Raises
    ------
    ValueError
        If anything but the answer is out of range.

    Examples
    --------
    >>> number(0.63, 0.37, mistakes={"that is the share wasted": 0.63})
    FAIL  got 0.63: that is the share wasted
    >>> number(0.37, 0.37)
    PASS  0.37
    """
    expected = check.number("expected", expected)
    tolerance = check.number("tolerance", tolerance, least=0)
    check.instance("unit", unit, str)
    mistakes = _explanations(mistakes)
    if missing(answer):
        return UNANSWERED
    try:
        got = check.number("answer", answer)
    except ValueError as problem:
        return Verdict(False, reason=str(problem))
    shown, right = (f"{value:.6g} {unit}".strip() for value in (got, expected))
    if _close(got, expected, tolerance):
        return Verdict(True, shown)
    slips = {**mistakes, **_slips(expected)}.items()
    near = max(tolerance, 1e-6)
    reason = next((why for why, wrong in slips if math.isclose(got, wrong, rel_tol=near)), "")
    return Verdict(False, shown, reason, right)


def numbers(
    answer: object,
    expected: Mapping[str, float],
    unit: str = "",
    tolerance: float = 0.01,
    mistakes: Mapping[str, Sequence[float]] | None = None,
) -> Verdict:
    """Compare several numbers with the expected ones; the first that is wrong is named.

    Parameters
    ----------
    answer : object
        What the learner gave: as many numbers as are expected, in their order, as a list, a
        tuple, an array, or a mapping by the same names.
    expected : mapping of str to float
        The right values by name, at least one.
    unit : str
        Unit of all, for the message.
    tolerance : float
        Relative error of each that still passes; 0 asks for the exact numbers.
    mistakes : mapping of str to sequence of float
        What a usual wrong turn would have given in place of all of them, by its description.

    Returns
    -------
    Verdict

    Raises
    ------
    ValueError
        If anything but the answer is out of range.

    Examples
    --------
    >>> numbers([0.5, 3], {"load": 0.5, "mean number": 1})
    FAIL  mean number: got 3: not right, and none of the usual slips
    """
    names, values = list(_named("expected", expected)), list(expected.values())
    values = [check.number("expected", value) for value in values]
    tolerance = check.number("tolerance", tolerance, least=0)
    check.instance("unit", unit, str)
    mistakes = _explanations(mistakes)
    if missing(answer):
        return UNANSWERED
    wanted = f"{len(names)} numbers: {_brief(names)}"
    given = [answer.get(name) for name in names] if isinstance(answer, Mapping) else answer
    try:
        got = check.sequence("answer", given, size=len(names))
    except ValueError:
        return _refused(wanted, answer)
    near = max(tolerance, 1e-6)
    explained = [
        reason
        for reason, wrong in mistakes.items()
        if all(
            map(
                partial(math.isclose, rel_tol=near),
                got,
                check.sequence("mistakes", wrong, size=len(names)),
            )
        )
    ]
    for name, one, value in zip(names, got.tolist(), values, strict=True):
        verdict = number(one, value, unit, tolerance)
        if not verdict:
            reason = explained[0] if explained else verdict.reason
            return replace(verdict, reason=reason, part=name)
    return Verdict(True, _brief(f"{one:.6g}" for one in got))


def choice(
    answer: object,
    expected: Option,
    options: Sequence[Option],
    mistakes: Mapping[Any, str] | None = None,
) -> Verdict:
    """Compare one of several options with the expected one.

    Parameters
    ----------
    answer : object
        What the learner gave; anything that is no option fails with a sentence.
    expected : str, int, float or bool
        The right option.
    options : sequence
        What there is to choose from.
    mistakes : mapping of option to str
        Why somebody takes this option, and what it misses.

    Returns
    -------
    Verdict

    Raises
    ------
    ValueError
        If ``expected`` or a key of ``mistakes`` is no option, or ``options`` no list of them.

    Examples
    --------
    >>> choice("large", "small", ["small", "large"], {"large": "it does not fit the memory"})
    FAIL  got large: it does not fit the memory
    """
    options, reasons = _options(options), _explanations(mistakes)
    for name, values in (("expected", [expected]), ("mistakes", list(reasons))):
        for value in values:
            if _option(value, options) is None:
                raise check.refuse(name, f"one of {options}", value)
    if missing(answer):
        return UNANSWERED
    found = _option(answer, options)
    if found is None:
        return _refused(f"one of {', '.join(map(str, options))}", answer)
    if found == expected:
        return Verdict(True, str(found))
    return Verdict(False, str(found), reasons.get(found, ""), str(expected))


def choices(
    answer: object,
    expected: Mapping[str, Option],
    options: Sequence[Option],
    mistakes: Mapping[str, Sequence[Option]] | None = None,
) -> Verdict:
    """Compare a choice for each of several things with the expected ones.

    Parameters
    ----------
    answer : object
        What the learner gave: one option for each, in order, as a list, a tuple, an array, or a
        mapping by the same names.
    expected : mapping of str to option
        The right options by the name of what they are for, at least one.
    options : sequence
        What there is to choose from.
    mistakes : mapping of str to sequence of options
        What a usual wrong turn would have given in place of all of them, by its description.

    Returns
    -------
    Verdict

    Raises
    ------
    ValueError
        If ``expected`` is no mapping of names to options.

    Examples
    --------
    >>> choices(["accept", "accept"], {"a": "accept", "b": "block"}, ["accept", "block"])
    FAIL  got accept, accept: not right, and none of the usual slips
    """
    names, options = list(_named("expected", expected)), _options(options)
    for value in expected.values():
        if _option(value, options) is None:
            raise check.refuse("expected", f"of values out of {options}", value)
    mistakes = _explanations(mistakes)
    if missing(answer):
        return UNANSWERED
    given = [answer.get(name) for name in names] if isinstance(answer, Mapping) else answer
    if isinstance(given, np.ndarray) and given.ndim == 1:
        given = list(given)
    if not isinstance(given, list | tuple) or len(given) != len(names):
        return _refused(f"{len(names)} of {', '.join(map(str, options))}, in order", answer)
    got = [_option(one, options) for one in given]
    for name, one, found, value in zip(names, given, got, expected.values(), strict=True):
        if found is None:
            refused = str(check.refuse("answer", f"one of {options}", one))
            return Verdict(False, reason=refused, part=name)
        if found != value:
            explained = [reason for reason, wrong in mistakes.items() if list(wrong) == got]
            reason = explained[0] if explained else ""
            if not revealed():  # of two options, the one that is wrong tells the one that is right
                return Verdict(False, _brief(map(str, got)), reason)
            return Verdict(False, str(found), reason, str(value), part=name)
    return Verdict(True, _brief(map(str, got)))


def function(
    answer: object,
    cases: Mapping[str, tuple[Any, ...]],
    expected: Mapping[str, float],
    unit: str = "",
    tolerance: float = 0.01,
    mistakes: Mapping[str, Callable[..., float]] | None = None,
) -> Verdict:
    """Call the learner's function and compare what it returns with the expected numbers.

    Parameters
    ----------
    answer : object
        What the learner gave; anything that cannot be called fails with a sentence, and so does
        a function that raises.
    cases : mapping of str to tuple
        Arguments of each call, by its name.
    expected : mapping of str to float
        The right value of each call, by the same names.
    unit : str
        Unit of all, for the message.
    tolerance : float
        Relative error of each that still passes; 0 asks for the exact numbers.
    mistakes : mapping of str to callable
        A function as a usual wrong turn would have written it, by its description.

    Returns
    -------
    Verdict

    Raises
    ------
    ValueError
        If anything but the answer is out of range.

    Examples
    --------
    >>> function(lambda x: x, {"x = 3": (3,)}, {"x = 3": 9}, mistakes={"not squared": lambda x: x})
    FAIL  x = 3: got 3: not squared
    """
    names = _named("expected", expected)
    if list(names) != list(_named("cases", cases)):
        raise check.refuse("cases", f"named as expected, {list(names)}", list(cases))
    if not all(isinstance(arguments, tuple) for arguments in cases.values()):
        raise check.refuse("cases", "tuples of arguments", list(cases.values()))
    mistakes = _explanations(mistakes)
    if not all(callable(wrong) for wrong in mistakes.values()):
        raise check.refuse("mistakes", "functions by description", mistakes)
    if missing(answer):
        return UNANSWERED
    if not callable(answer):
        return _refused("a function", answer)
    for name, arguments in cases.items():
        try:
            got = answer(*arguments)
        except Exception as problem:
            told = _short(f"{type(problem).__name__}: {problem}")
            return Verdict(False, reason=f"your function raised {told}", part=name)
        explained = {reason: float(wrong(*arguments)) for reason, wrong in mistakes.items()}
        verdict = number(got, expected[name], unit, tolerance, explained)
        if missing(got):
            return Verdict(False, reason="your function returned nothing", part=name)
        if not verdict:
            said = verdict.reason if verdict.got else verdict.reason.replace("answer", RETURNED, 1)
            return replace(verdict, reason=said, part=name)
    return Verdict(True, f"{len(cases)} of {len(cases)} calls")


def missing(answer: object) -> bool:
    """Say whether nobody has answered yet: None, or the dots of the answer cell.

    Parameters
    ----------
    answer : object
        What the answer cell holds.

    Returns
    -------
    bool

    Examples
    --------
    >>> missing(...), missing(0)
    (True, False)
    """
    return answer is None or answer is ...


UNANSWERED = Verdict(False, reason="no answer yet: replace the ... in the answer cell")


def whole(exact: float) -> int:
    """Round up, but not what is above a whole number by rounding alone.

    Parameters
    ----------
    exact : float
        What a formula gave.

    Returns
    -------
    int

    Raises
    ------
    ValueError
        If it is no finite number.

    Examples
    --------
    >>> whole(2.1), whole(0.7 / 0.1), 0.3 * 10 / 0.1 > 30
    (3, 7, False)
    """
    return math.ceil(check.number("exact", exact) - 1e-6)


def _close(got: float, expected: float, tolerance: float) -> bool:
    return math.isclose(got, expected, rel_tol=tolerance, abs_tol=tolerance * 1e-9)


def _refused(requirement: str, answer: object) -> Verdict:
    """Return the verdict on an answer that is not of the kind asked for."""
    return Verdict(False, reason=str(check.refuse("answer", requirement, answer)))


def _options(options: object) -> list[Option]:
    kinds = (str, bool, int, float)
    if not isinstance(options, list | tuple) or not all(isinstance(one, kinds) for one in options):
        raise check.refuse("options", "a list of words and numbers", options)
    return list(options)


def _option(answer: object, options: list[Option]) -> Option | None:
    """Return the option that is meant; numpy's scalars mean their values."""
    value = answer.item() if isinstance(answer, np.generic) else answer
    kinds = (str, bool, int, float)
    same = (one for one in options if isinstance(value, kinds) and _alike(value, one))
    return next(same, None)


def _alike(value: Option, option: Option) -> bool:
    number_or_word = isinstance(value, bool) == isinstance(option, bool)
    return number_or_word and value == option


def _named(name: str, value: object) -> Mapping[str, Any]:
    if not isinstance(value, Mapping) or not value:
        raise check.refuse(name, "a mapping from names, not empty", value)
    return value


def _explanations(mistakes: Any) -> Mapping[Any, Any]:
    if not isinstance(mistakes, Mapping | None):
        raise check.refuse("mistakes", "a mapping, or None", mistakes)
    return mistakes or {}


def _brief(words: Iterable[str]) -> str:
    first, rest = (listed := list(words))[:6], listed[6:]
    return ", ".join([*first, *(["..."] if rest else [])])


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 160 else f"{line[:157]}..."


def _slips(expected: float) -> dict[str, float]:
    """Return what slips of unit or form would have made of the expected value."""
    slips = {
        "a thousand times too large: milliseconds for seconds?": expected * 1000,
        "a thousand times too small: seconds for milliseconds?": expected / 1000,
        "a hundred times too large: a percentage where a fraction is asked?": expected * 100,
        "a hundred times too small: a fraction where a percentage is asked?": expected / 100,
        "the sign is wrong": -expected,
    }
    if expected:
        slips["upside down: the reciprocal is asked"] = 1 / expected
    if 0 < expected < 1:
        slips["the complement: 1 minus this is asked"] = 1 - expected
    if expected == int(expected):
        slips |= {"one too many": expected + 1, "one too few": expected - 1}
    return slips
