"""A server on this machine: what is counted is what was computed, and times keep their order."""

import builtins
import email.utils
from typing import Any

import pytest

from labs import endpoints

PIECES = [f"word{i} " for i in range(12)]


@pytest.mark.parametrize("stream", [False, True])
def test_what_comes_weighs_what_was_computed(stream: bool) -> None:
    told = endpoints.exchange(PIECES, stream, requests=3)
    assert told is not None
    make = endpoints.streamed_answer if stream else endpoints.whole_answer
    assert told.received == 3 * len(make(PIECES))
    assert told.chunks == (3 * 13 if stream else 0)
    assert told.connections == 1
    assert told.sent % 3 == 0


def test_without_keep_alive_each_request_takes_a_connection() -> None:
    kept = endpoints.exchange(PIECES, True, requests=4)
    fresh = endpoints.exchange(PIECES, True, requests=4, keep_alive=False)
    assert kept is not None
    assert fresh is not None
    assert (kept.connections, fresh.connections) == (1, 4)
    assert (kept.sent, kept.received) == (fresh.sent, fresh.received)


def test_a_stream_shows_its_first_byte_before_a_whole_answer_can() -> None:
    pause = 0.01
    whole = endpoints.exchange(PIECES, False, pause=pause)
    stream = endpoints.exchange(PIECES, True, pause=pause)
    assert whole is not None
    assert stream is not None
    assert whole.first[0] >= len(PIECES) * pause
    assert pause <= stream.first[0] < stream.last[0]
    assert stream.last[0] >= len(PIECES) * pause


def test_a_date_has_the_length_of_the_one_computed_with() -> None:
    head = endpoints.whole_answer(["a"])
    date = head.partition(b"Date: ")[2].partition(b"\r\n")[0].decode()
    assert len(date) == len(email.utils.formatdate(usegmt=True))


def test_where_no_server_starts_there_is_nothing_to_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name == "http.server":
            raise ImportError("none here")
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    assert endpoints.exchange(PIECES, True) is None


def test_a_server_that_can_start_no_thread_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert endpoints.exchange(PIECES, True) is None


@pytest.mark.parametrize("pieces", [[], "text", [1], None])
def test_pieces_that_are_no_texts_are_refused(pieces: Any) -> None:
    with pytest.raises(ValueError, match="pieces must be"):
        endpoints.exchange(pieces, True)
