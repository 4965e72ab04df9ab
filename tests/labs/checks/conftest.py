"""Checks tell the right answer here, as they do those who study by themselves."""

from collections.abc import Iterator

import pytest

from labs import checks


@pytest.fixture(autouse=True)
def revealed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("NBGRADER_EXECUTION", raising=False)
    checks.reveal()
    yield
    checks.reveal(False)
