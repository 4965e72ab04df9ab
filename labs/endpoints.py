"""A server on the machine at hand: bytes, chunks and connections counted, times measured.

It answers a fixed list of pieces, whole as JSON or one event a piece as it comes, over HTTP/1.1 on
the loopback interface and nowhere else. A Python that opens no sockets, such as a browser's, is
told so by `exchange` returning None.
"""

import json
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from labs import validation as check
from labs import wire
from labs.validation import FloatArray

PATH = "/v1/answer"
QUESTION = json.dumps({"prompt": "Where does the time go?"})


@dataclass(frozen=True)
class Exchange:
    """What went over the wire, and when; bytes and counts are the same each time, times are not.

    Attributes
    ----------
    sent : int
        Bytes from the client, of all requests.
    received : int
        Bytes from the server, of all answers.
    chunks : int
        Pieces of bodies that came with a length of their own, the empty last ones left out; 0 where
        answers came whole.
    connections : int
        Connections that the server accepted.
    first : array (requests,)
        Seconds from a request to the first byte of its answer's body.
    last : array (requests,)
        Seconds to its last byte.

    Examples
    --------
    >>> told = Exchange(100, 200, 0, 1, np.array([0.01]), np.array([0.02]))
    >>> told.connections
    1
    """

    sent: int
    received: int
    chunks: int
    connections: int
    first: FloatArray
    last: FloatArray


def whole_answer(pieces: Sequence[str]) -> bytes:
    """Return what the server sends for an answer that comes whole, head and body.

    Parameters
    ----------
    pieces : sequence of str
        Of the answer.

    Returns
    -------
    bytes
        With a date of the length that every date has.

    Raises
    ------
    ValueError
        If a piece is no text.

    Examples
    --------
    >>> whole_answer(["Hi", "!"]).partition(b"\\r\\n\\r\\n")[2]
    b'{"answer": "Hi!"}'
    """
    body = _body(_texts(pieces))
    return _head("application/json", f"Content-Length: {len(body)}") + body


def streamed_answer(pieces: Sequence[str]) -> bytes:
    """Return what the server sends for an answer that streams: one event a chunk, one for the end.

    Parameters
    ----------
    pieces : sequence of str
        Of the answer.

    Returns
    -------
    bytes

    Raises
    ------
    ValueError
        If a piece is no text.

    Examples
    --------
    >>> streamed_answer(["Hi"]).partition(b"\\r\\n\\r\\n")[2][:25]
    b'17\\r\\ndata: {"delta": "Hi"}'
    """
    events = b"".join(map(wire.chunk, _events(_texts(pieces))))
    return _head("text/event-stream", "Transfer-Encoding: chunked") + events + wire.chunk(b"")


def exchange(
    pieces: Sequence[str],
    stream: bool,
    requests: int = 1,
    keep_alive: bool = True,
    pause: float = 0.0,
) -> Exchange | None:
    """Start a server, ask it some questions one after the other, stop it, and say what was seen.

    The server is Python's own ``http.server`` with a thread; it waits before each piece, as a model
    takes a while for each token, and sends the piece at once where it streams.

    Parameters
    ----------
    pieces : sequence of str
        Of each answer, at least one.
    stream : bool
        Whether pieces come one by one.
    requests : int
        Questions, at most 1,000.
    keep_alive : bool
        Whether all go over one connection, or each over one of its own.
    pause : float
        Seconds before each piece, at most 1.

    Returns
    -------
    Exchange or None
        None where this Python opens no sockets or starts no threads.

    Raises
    ------
    ValueError
        If an argument is out of range.

    Examples
    --------
    >>> told = exchange(["Hi", "!"], stream=True, requests=2)
    >>> told is None or (told.chunks, told.connections) == (6, 1)
    True
    >>> told is None or told.received == 2 * len(streamed_answer(["Hi", "!"]))
    True
    """
    texts = _texts(pieces)
    check.instance("stream", stream, bool)
    questions = check.count("requests", requests, most=1000)
    check.instance("keep_alive", keep_alive, bool)
    wait = check.number("pause", pause, least=0, most=1)
    try:
        server = _serve(texts, stream, wait)
    except (ImportError, OSError, RuntimeError):
        return None
    try:
        return _ask(server, questions, keep_alive)
    finally:
        server.shutdown()
        server.server_close()


def _serve(pieces: list[str], stream: bool, pause: float) -> Any:
    """Return a server at work on a port of the loopback interface."""
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
    from threading import Thread

    class Answer(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def setup(self) -> None:
            server.connections += 1  # type: ignore[attr-defined]
            super().setup()

        def version_string(self) -> str:
            return "labs"

        def log_message(self, *_: object) -> None:
            """Say nothing."""

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            if stream:
                self._answer("text/event-stream", "Transfer-Encoding", "chunked")
                for event in _events(pieces):
                    time.sleep(pause if event != END else 0)
                    self.wfile.write(wire.chunk(event))
                    self.wfile.flush()
                self.wfile.write(wire.chunk(b""))
            else:
                for _ in pieces:
                    time.sleep(pause)
                body = _body(pieces)
                self._answer("application/json", "Content-Length", str(len(body)))
                self.wfile.write(body)
            self.wfile.flush()

        def _answer(self, kind: str, name: str, value: str) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header(name, value)
            self.end_headers()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    server.connections = 0  # type: ignore[attr-defined]
    server.daemon_threads = True
    try:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    except RuntimeError:
        server.server_close()
        raise
    return server


def _ask(server: Any, requests: int, keep_alive: bool) -> Exchange:
    """Return what a client sees that reads byte by byte what comes."""
    import socket

    request = (
        f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(QUESTION)}\r\n\r\n{QUESTION}"
    ).encode()
    received = chunks = 0
    first, last = np.zeros(requests), np.zeros(requests)
    line: socket.socket | None = None
    for number in range(requests):
        if line is None:
            line = socket.create_connection(server.server_address, timeout=60)
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        started = time.perf_counter()
        line.sendall(request)
        got, parts, first[number] = _read(line, started)
        last[number] = time.perf_counter() - started
        received, chunks = received + got, chunks + parts
        if not keep_alive:
            line.close()
            line = None
    if line is not None:
        with suppress(OSError):
            line.close()
    return Exchange(requests * len(request), received, chunks, server.connections, first, last)


def _read(line: Any, started: float) -> tuple[int, int, float]:
    """Return the bytes and chunks of an answer, and the seconds to the first byte of its body."""
    held = b""

    def more() -> bytes:
        found: bytes = line.recv(65_536)
        if not found:
            raise ConnectionError("the server hung up")
        return found

    while b"\r\n\r\n" not in held:
        held += more()
    head, _, body = held.partition(b"\r\n\r\n")
    while not body:
        body = more()
    first = time.perf_counter() - started
    total = len(head) + 4
    if b"Content-Length: " in head:
        size = int(head.partition(b"Content-Length: ")[2].partition(b"\r\n")[0])
        while len(body) < size:
            body += more()
        return total + size, 0, first
    chunks = 0
    while True:
        while b"\r\n" not in body:
            body += more()
        digits, _, rest = body.partition(b"\r\n")
        size = int(digits, 16)
        while len(rest) < size + 2:
            rest += more()
        total += len(digits) + 2 + size + 2
        if not size:
            return total, chunks, first
        chunks, body = chunks + 1, rest[size + 2 :]


END = wire.sse_event("[DONE]")


def _events(pieces: list[str]) -> list[bytes]:
    deltas = [wire.sse_event(json.dumps({"delta": piece})) for piece in pieces]
    return [*deltas, END]


def _body(pieces: list[str]) -> bytes:
    return json.dumps({"answer": "".join(pieces)}).encode()


def _head(kind: str, length: str) -> bytes:
    date = "Thu, 01 Jan 1970 00:00:00 GMT"
    lines = ("HTTP/1.1 200 OK", "Server: labs", f"Date: {date}", f"Content-Type: {kind}", length)
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def _texts(pieces: object) -> list[str]:
    if not isinstance(pieces, list | tuple) or not pieces:
        raise check.refuse("pieces", "a list of one text or more", pieces)
    return [check.instance("pieces", piece, str) for piece in pieces]
