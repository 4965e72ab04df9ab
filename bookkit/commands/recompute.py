"""Recompute every claim that can be, and fail on those that differ."""

import sys
from pathlib import Path

import numpy as np

from bookkit import ROOT, expressions
from bookkit.directives.claims import FILE, Claim, load


def recompute(expression: str) -> np.ndarray:
    """Return the value or values of an expression, which must call a function of `labs`.

    Raises
    ------
    ValueError
        If it calls nothing of `labs`, and so only repeats a number.
    """
    if not expressions.called(expression):
        raise ValueError("the expression calls nothing of labs")
    return np.asarray(expressions.evaluate(expression), dtype=float)


def problem(claim: Claim) -> str | None:
    """Return what is wrong with a claim's recomputation, or None."""
    try:
        claimed = np.asarray(claim.value, dtype=float)
        found = recompute(str(claim.recompute))
    except Exception as error:  # whatever the expression raises is what is wrong with it
        return f"{type(error).__name__}: {error}"
    if found.shape == claimed.shape and np.allclose(found, claimed, claim.tolerance, 0.0):
        return None
    said, got = (", ".join(f"{one:g}" for one in np.ravel(each)) for each in (claimed, found))
    return f"claimed {said}, recomputed {got}, tolerance {claim.tolerance:g}"


def problems(path: Path) -> list[str]:
    """Return one line a claim that does not recompute, naming file and line."""
    found = {name: (claim, problem(claim)) for name, claim in load(path).items() if claim.recompute}
    return [
        f"{path}:{claim.line}: {name}: {reason}"
        for name, (claim, reason) in found.items()
        if reason
    ]


if __name__ == "__main__":
    differing = problems(ROOT / FILE)
    sys.exit("\n".join(differing) if differing else 0)
