"""An exercise: what it gives, and how an answer is judged on that."""

import copy
import functools
import warnings
from collections.abc import Callable, Mapping
from types import MappingProxyType, SimpleNamespace
from typing import Any, Never

import numpy as np

from labs import validation as check
from labs.checks.answers import UNANSWERED, Verdict, missing

SEED = 7
Draw = Callable[[int], Mapping[str, Any]]


class Givens(SimpleNamespace):
    """What an exercise gives, to be read and not changed.

    Parameters
    ----------
    **given : object
        Values by their names; copied, arrays so that they cannot be written to.

    Examples
    --------
    >>> Givens(batch=4).batch
    4
    """

    def __init__(self, **given: object) -> None:
        super().__init__(**{name: _frozen(value) for name, value in given.items()})

    def __setattr__(self, name: str, value: object) -> Never:
        raise AttributeError("what is given stays as it is: assign to a name of your own")

    def __delattr__(self, name: str) -> Never:
        raise AttributeError("what is given stays as it is")


class Exercise:
    """An exercise: called with an answer, it judges the answer on its own givens.

    Nothing that a learner holds is asked: each call makes the givens anew, so that changing a
    copy of them changes no verdict.

    Parameters
    ----------
    judge : callable
        Takes an answer and the givens and returns a `Verdict`.
    fixed : mapping of str to object
        What is given whatever the seed.
    drawn : callable, optional
        Takes a seed and returns what else is given.

    Examples
    --------
    >>> double = Exercise(lambda answer, given: Verdict(answer == 2 * given.x, "it"), {"x": 3})
    >>> double.given.x, double(6)
    (3, PASS  it)
    """

    def __init__(
        self,
        judge: Callable[[object, Givens], Verdict],
        fixed: Mapping[str, object],
        drawn: Draw | None = None,
    ) -> None:
        self._judge, self._fixed, self._drawn, self._seed = judge, fixed, drawn, SEED
        functools.update_wrapper(self, judge)

    def __repr__(self) -> str:
        return f"Exercise({getattr(self._judge, '__name__', '')})"

    def __call__(self, answer: object) -> Verdict:
        return self.judge(answer, self.given)

    @property
    def given(self) -> Givens:
        """The givens of the seed drawn last, 7 if none was."""
        more = self._drawn(self._seed) if self._drawn else {}
        return Givens(**self._fixed, **more)

    def draw(self, seed: int) -> Givens:
        """Choose the seed that answers are judged by from now on.

        Parameters
        ----------
        seed : int
            Whole number, at least 0.

        Returns
        -------
        Givens

        Raises
        ------
        ValueError
            If the seed is no such number.

        Examples
        --------
        >>> dice = Exercise(lambda answer, given: Verdict(True), {}, lambda seed: {"x": seed % 6})
        >>> dice.draw(8).x, dice.given.x
        (2, 2)
        """
        self._seed = check.count("seed", seed, least=0)
        return self.given

    def judge(self, answer: object, given: Givens) -> Verdict:
        """Judge an answer on other givens, as the tests of a check do.

        Parameters
        ----------
        answer : object
            What the learner gave.
        given : Givens
            In place of the exercise's own.

        Returns
        -------
        Verdict

        Examples
        --------
        >>> double = Exercise(lambda answer, given: Verdict(answer == 2 * given.x, "it"), {"x": 3})
        >>> double.judge(8, Givens(x=4))
        PASS  it
        """
        if missing(answer):
            return UNANSWERED
        # A grader counts what a cell writes to stderr as an error: a function that warns of an
        # overflow on its way to the right number is right.
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            return self._judge(answer, given)


def exercise(
    drawn: Draw | None = None, /, **fixed: object
) -> Callable[[Callable[[Any, Givens], Verdict]], Exercise]:
    """Make an exercise of a function that judges an answer on what is given.

    Parameters
    ----------
    drawn : callable, optional
        Takes a seed and returns what is given for it, by name.
    **fixed : object
        What is given whatever the seed.

    Returns
    -------
    callable
        The decorator.

    Examples
    --------
    >>> @exercise(x=3)
    ... def square(answer, given):
    ...     return Verdict(answer == given.x**2, "squared")
    >>> square(9)
    PASS  squared
    """

    def made(judge: Callable[[object, Givens], Verdict]) -> Exercise:
        return Exercise(judge, fixed, drawn)

    return made


def _frozen(value: object) -> object:
    """Return a copy that is not written to by accident; lists stay lists, for JSON."""
    if isinstance(value, np.ndarray):
        kept = value.copy()
        kept.flags.writeable = False
        return kept
    if isinstance(value, tuple):
        return tuple(map(_frozen, value))
    if isinstance(value, Mapping):
        return MappingProxyType({name: _frozen(part) for name, part in value.items()})
    return copy.deepcopy(value) if isinstance(value, list) else value
