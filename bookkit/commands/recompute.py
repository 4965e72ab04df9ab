"""Recompute every claim that can be, and fail on those that differ."""

import math
import sys
from pathlib import Path

from bookkit import ROOT, expressions
from bookkit.directives.claims import FILE, Claim, load


def recompute(expression: str) -> float:
    """Return the value of an expression, which must call a function of `labs`.

    Raises
    ------
    ValueError
        If it calls nothing of `labs`, and so only repeats a number.
    """
    if not expressions.called(expression):
        raise ValueError("the expression calls nothing of labs")
    return float(expressions.evaluate(expression))


def problem(claim: Claim) -> str | None:
    """Return what is wrong with a claim's recomputation, or None."""
    try:
        claimed, found = float(claim.value), recompute(str(claim.recompute))
    except Exception as error:  # whatever the expression raises is what is wrong with it
        return f"{type(error).__name__}: {error}"
    if math.isclose(found, claimed, rel_tol=claim.tolerance, abs_tol=0.0):
        return None
    return f"claimed {claimed:g}, recomputed {found:g}, tolerance {claim.tolerance:g}"


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
