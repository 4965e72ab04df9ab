"""The known answers, and where the files lie that tests use but the repository does not hold."""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
SHARED = REPOSITORY.parent / "shared"


@cache
def oracle() -> list[dict[str, Any]]:
    """Return the known answers, whose sources `oracle.md` names."""
    known: list[dict[str, Any]] = json.loads((HERE / "oracle.json").read_text("utf-8"))
    return known


def oracle_cases(topics: set[str]) -> list[dict[str, Any]]:
    """Return the known answers of some topics, each of which has one."""
    found = [case for case in oracle() if case["topic"] in topics]
    assert {case["topic"] for case in found} == topics, "a topic without a case"
    return found


def tolerance(case: dict[str, Any]) -> Callable[[Any], Any]:
    """What a case's expected values are compared through."""
    relative = case["tolerance"].get("rel", 0.0)
    absolute = case["tolerance"].get("abs", relative * 1e-6)
    return lambda value: pytest.approx(value, rel=relative, abs=absolute)
