"""Where the files lie that tests use but the repository does not hold."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
SHARED = REPOSITORY.parent / "shared"


def oracle_cases(topics: set[str]) -> list[dict[str, Any]]:
    """Return the known answers of some topics; none where the file is absent."""
    path = SHARED / "cases" / "oracle.json"
    if not path.exists():
        return []
    return [case for case in json.loads(path.read_text("utf-8")) if case["topic"] in topics]


def tolerance(case: dict[str, Any]) -> Callable[[Any], Any]:
    """What a case's expected values are compared through."""
    relative = case["tolerance"].get("rel", 0.0)
    absolute = case["tolerance"].get("abs", relative * 1e-6)
    return lambda value: pytest.approx(value, rel=relative, abs=absolute)
