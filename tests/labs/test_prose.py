"""Numbers in prose are kept under their names, as text."""

from typing import Any

import pytest

from labs import prose


def test_quote_keeps_each_number_under_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    published: list[tuple[Any, Any]] = []
    monkeypatch.setattr(
        "IPython.display.publish_display_data",
        lambda data, metadata=None, **_: published.append((data, metadata)),
    )
    prose.quote(useful="36.8", waste="63.2%")
    mime = "application/papermill.record/text/plain"
    assert [metadata["scrapbook"]["name"] for _, metadata in published] == ["useful", "waste"]
    assert [list(data) for data, _ in published] == [[mime], [mime]]
    assert [data[mime].strip("'\"") for data, _ in published] == ["36.8", "63.2%"]
    for _, metadata in published:
        assert metadata["scrapbook"]["mime_prefix"] == "application/papermill.record/"


def test_quote_keeps_nothing_when_one_is_not_text(monkeypatch: pytest.MonkeyPatch) -> None:
    published: list[Any] = []
    monkeypatch.setattr("IPython.display.publish_display_data", lambda *a, **k: published.append(a))
    with pytest.raises(ValueError, match=r"second must be a str, got 3\.0"):
        prose.quote(first="1", second=3.0)
    assert published == []
