"""What a request and its answer weigh on the wire: HTTP/1.1 chunks, HTTP/2 frames, protobuf.

Bytes above TCP, as the standards define them: nothing is compressed that need not be, and nothing
is encrypted. A field of a protobuf message is ``varint(number · 8 + type)`` and its value; a gRPC
message has five bytes before it, an HTTP/2 frame nine.

References
----------
RFC 9112 (HTTP/1.1), RFC 9113 (HTTP/2), RFC 7541 (HPACK); Protocol Buffers, "Encoding"; gRPC, "gRPC
over HTTP2"; WHATWG, HTML, "Server-sent events".
"""

from collections.abc import Mapping, Sequence

from labs import validation as check

FRAME_HEADER = 9
LARGEST_FRAME = 16_384
GRPC_PREFIX = 5
#: Headers whose names every HTTP/2 connection knows, and no value of theirs.
NAMES = """
accept-language accept-ranges accept access-control-allow-origin age allow
authorization cache-control content-disposition content-encoding content-language
content-length content-location content-range content-type cookie date etag expect
expires from host if-match if-modified-since if-none-match if-range
if-unmodified-since last-modified link location max-forwards proxy-authenticate
proxy-authorization range referer refresh retry-after server set-cookie
strict-transport-security transfer-encoding user-agent vary via www-authenticate
"""
#: All that it knows, in order (RFC 7541, appendix A).
STATIC = (
    (":authority", ""),
    (":method", "GET"),
    (":method", "POST"),
    (":path", "/"),
    (":path", "/index.html"),
    (":scheme", "http"),
    (":scheme", "https"),
    *((":status", status) for status in ("200", "204", "206", "304", "400", "404", "500")),
    ("accept-charset", ""),
    ("accept-encoding", "gzip, deflate"),
    *((name, "") for name in NAMES.split()),
)


def varint(value: int) -> bytes:
    """Return a whole number as protobuf writes it: seven bits a byte, the lowest first.

    Parameters
    ----------
    value : int
        At least 0, below 2⁶⁴.

    Returns
    -------
    bytes

    Raises
    ------
    ValueError
        If the value is out of range.

    Examples
    --------
    >>> varint(127).hex(), varint(300).hex()
    ('7f', 'ac02')
    """
    left = check.count("value", value, least=0)
    out = bytearray()
    while left > 127:
        out.append(left & 127 | 128)
        left >>= 7
    return bytes([*out, left])


def protobuf(fields: Mapping[int, object]) -> bytes:
    """Return a protobuf message.

    Parameters
    ----------
    fields : mapping of int to value
        By field number, from 1: a whole number (a varint), text or bytes (with their length), or a
        sequence of numbers (packed as 32-bit floats).

    Returns
    -------
    bytes

    Raises
    ------
    ValueError
        If a number of a field or its value is of another kind.

    Examples
    --------
    >>> protobuf({1: 150}).hex(), protobuf({2: "testing"}).hex(), len(protobuf({1: [0.5, 1.5]}))
    ('089601', '120774657374696e67', 10)
    """
    check.instance("fields", fields, Mapping)  # type: ignore[type-abstract]
    out = b""
    for field, value in fields.items():
        number = check.count("fields", field, most=2**29 - 1)
        if isinstance(value, int) and not isinstance(value, bool):
            out += varint(8 * number) + varint(value)
            continue
        if isinstance(value, str):
            payload = value.encode()
        elif isinstance(value, bytes):
            payload = value
        else:
            payload = check.sequence("fields", value).astype("<f4").tobytes()
        out += varint(8 * number + 2) + varint(len(payload)) + payload
    return out


def grpc_message(payload: bytes) -> bytes:
    """Return a gRPC message: a byte that says whether it is compressed, four of length, the rest.

    Parameters
    ----------
    payload : bytes
        A protobuf message.

    Returns
    -------
    bytes

    Raises
    ------
    ValueError
        If the payload is not bytes.

    Examples
    --------
    >>> grpc_message(b"abc").hex()
    '0000000003616263'
    """
    check.instance("payload", payload, bytes)
    return bytes([0]) + len(payload).to_bytes(4, "big") + payload


def http2_data(size: int, most: int = LARGEST_FRAME) -> int:
    """Return the bytes of the DATA frames of a payload: ``size + 9 · ⌈size / most⌉``.

    Parameters
    ----------
    size : int
        Bytes of the payload, at least 0.
    most : int
        Bytes that a frame may hold, from 16,384, as is the rule at first, to 2²⁴ - 1.

    Returns
    -------
    int

    Raises
    ------
    ValueError
        If an argument is out of range.

    Examples
    --------
    >>> http2_data(100), http2_data(20_000)
    (109, 20018)
    """
    payload = check.count("size", size, least=0)
    room = check.count("most", most, least=LARGEST_FRAME, most=2**24 - 1)
    return payload + FRAME_HEADER * max(1, -(-payload // room))


def sse_event(data: str) -> bytes:
    """Return a server-sent event: ``data:`` before each line, an empty line after.

    Parameters
    ----------
    data : str
        What the event says.

    Returns
    -------
    bytes

    Raises
    ------
    ValueError
        If it is no text.

    Examples
    --------
    >>> sse_event("[DONE]")
    b'data: [DONE]\\n\\n'
    """
    lines = check.instance("data", data, str).split("\n")
    return "".join(f"data: {line}\n" for line in lines).encode() + b"\n"


def chunk(payload: bytes) -> bytes:
    """Return a chunk of HTTP/1.1: its length in hexadecimal, the payload, and two line ends.

    Parameters
    ----------
    payload : bytes
        Empty ends the answer.

    Returns
    -------
    bytes

    Raises
    ------
    ValueError
        If the payload is not bytes.

    Examples
    --------
    >>> chunk(b"data: hello, world"), chunk(b"")
    (b'12\\r\\ndata: hello, world\\r\\n', b'0\\r\\n\\r\\n')
    """
    check.instance("payload", payload, bytes)
    return f"{len(payload):x}\r\n".encode() + payload + b"\r\n"


class HeaderTable:
    """The headers that one direction of an HTTP/2 connection has learnt (HPACK).

    What was sent once costs a byte or two from then on. Strings are not Huffman-coded.

    Parameters
    ----------
    room : int
        Bytes that the table may hold, each entry counting 32 more than its name and value.

    Raises
    ------
    ValueError
        If the room is negative.

    Examples
    --------
    >>> table, headers = HeaderTable(), [(":method", "POST"), ("te", "trailers")]
    >>> table.size(headers), table.size(headers)
    (14, 2)
    """

    def __init__(self, room: int = 4096) -> None:
        self.room = check.count("room", room, least=0)
        self.learnt: list[tuple[str, str]] = []

    def size(self, headers: Sequence[tuple[str, str]]) -> int:
        """Return the bytes of a header block, and learn its headers.

        Parameters
        ----------
        headers : sequence of (str, str)
            Names, in lower case, and values.

        Returns
        -------
        int

        Raises
        ------
        ValueError
            If a header is not two texts.

        Examples
        --------
        >>> HeaderTable().size([(":path", "/")])
        1
        """
        total = 0
        if not isinstance(headers, list | tuple):
            raise check.refuse("headers", "a list of pairs of texts", headers)
        for header in headers:
            if not (isinstance(header, tuple) and [type(part) for part in header] == [str, str]):
                raise check.refuse("headers", "pairs of texts", header)
            known = [*STATIC, *self.learnt]
            if header in known:
                total += _prefixed(1 + known.index(header), 7)
                continue
            name, value = (part.encode() for part in header)
            names = [one for one, _ in known]
            if header[0] in names:
                total += _prefixed(1 + names.index(header[0]), 6)
            else:
                total += 1 + _prefixed(len(name), 7) + len(name)
            total += _prefixed(len(value), 7) + len(value)
            self._learn(header)
        return total

    def _learn(self, header: tuple[str, str]) -> None:
        self.learnt.insert(0, header)
        held = [len(name.encode()) + len(value.encode()) + 32 for name, value in self.learnt]
        while sum(held) > self.room:
            held.pop()
            self.learnt.pop()


def _prefixed(value: int, bits: int) -> int:
    """Return the bytes of a whole number whose first byte has room for so many bits."""
    most = 2**bits - 1
    return 1 if value < most else 1 + len(varint(value - most))
