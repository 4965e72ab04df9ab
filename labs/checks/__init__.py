"""Checks of exercises: PASS or FAIL, what was got and expected, and what usually went wrong.

Each sheet of exercises has a module here: ``from labs.checks import batching as check``. A check
takes the learner's answer and what the task gave, and returns a `Verdict`; a sheet ends the cell
with `Verdict.grade`, which shows a pass and raises a fail.
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
    whole,
)

__all__ = [
    "AnswerError",
    "Verdict",
    "choice",
    "choices",
    "function",
    "missing",
    "number",
    "numbers",
    "whole",
]
