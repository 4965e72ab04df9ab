"""Checks of exercises: PASS or FAIL, what was got, and what usually went wrong.

Each sheet of exercises has a module here, ``from labs.checks import batching as check``, and each
of its exercises an `Exercise` there: ``check.knee.given`` is what it gives, ``check.knee(answer)``
judges an answer on that and returns a `Verdict`. A sheet ends the cell with `Verdict.grade`, which
prints a pass and raises a fail.
"""

from labs.checks.answers import (
    AnswerError,
    Verdict,
    choice,
    choices,
    function,
    missing,
    number,
    numbers,
    reveal,
    revealed,
    whole,
)
from labs.checks.exercise import Exercise, Givens, exercise

__all__ = [
    "AnswerError",
    "Exercise",
    "Givens",
    "Verdict",
    "choice",
    "choices",
    "exercise",
    "function",
    "missing",
    "number",
    "numbers",
    "reveal",
    "revealed",
    "whole",
]
