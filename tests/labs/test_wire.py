"""Bytes on the wire are those of the standards' own examples, and parse back to what went in."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labs import wire

# HTTP/2 headers: RFC 7541, appendix C.3, three requests on one connection without Huffman coding


def test_header_blocks_weigh_what_the_standards_examples_do() -> None:
    table = wire.HeaderTable()
    common = [(":method", "GET"), (":scheme", "http"), (":path", "/")]
    host = (":authority", "www.example.com")
    assert table.size([*common, host]) == 20
    assert table.size([*common, host, ("cache-control", "no-cache")]) == 14
    third = [
        (":method", "GET"),
        (":scheme", "https"),
        (":path", "/index.html"),
        host,
        ("custom-key", "custom-value"),
    ]
    assert table.size(third) == 29


def test_responses_evict_what_the_table_has_no_room_for() -> None:
    # Appendix C.5: a table of 256 bytes, three responses of 70, 8 and 98 bytes.
    table = wire.HeaderTable(256)
    place = ("location", "https://www.example.com")
    dates = ("Mon, 21 Oct 2013 20:13:21 GMT", "Mon, 21 Oct 2013 20:13:22 GMT")

    def answer(status: str, date: str) -> list[tuple[str, str]]:
        return [(":status", status), ("cache-control", "private"), ("date", date), place]

    assert table.size(answer("302", dates[0])) == 70
    assert table.size(answer("307", dates[0])) == 8
    more = [
        ("content-encoding", "gzip"),
        ("set-cookie", "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1"),
    ]
    assert table.size([*answer("200", dates[1]), *more]) == 98


def test_the_static_table_has_61_entries() -> None:
    assert len(wire.STATIC) == 61
    assert wire.STATIC[60] == ("www-authenticate", "")
    assert wire.STATIC[14:16] == (("accept-charset", ""), ("accept-encoding", "gzip, deflate"))


# Protocol Buffers: the examples of "Encoding"


def test_messages_are_those_of_the_encoding_guide() -> None:
    assert wire.protobuf({1: 150}) == bytes.fromhex("089601")
    assert wire.protobuf({2: "testing"}) == bytes.fromhex("120774657374696e67")


@given(st.integers(0, 2**53))
def test_a_varint_reads_back(value: int) -> None:
    found = wire.varint(value)
    assert sum((byte & 127) << 7 * i for i, byte in enumerate(found)) == value
    assert all(byte & 128 for byte in found[:-1])
    assert not found[-1] & 128


def test_numbers_are_packed_as_floats() -> None:
    message = wire.protobuf({1: [0.5, -2.0]})
    assert message == b"\x0a\x08" + struct.pack("<2f", 0.5, -2.0)


# Frames, messages, chunks, events


def test_frames_messages_and_chunks_carry_their_lengths() -> None:
    assert wire.http2_data(16_384) == 16_393
    assert wire.http2_data(16_385) == 16_403
    assert wire.http2_data(0) == 9
    assert wire.grpc_message(b"x" * 300)[:5] == b"\0\0\0\x01\x2c"
    assert wire.chunk(b"x" * 17) == b"11\r\n" + b"x" * 17 + b"\r\n"
    assert wire.sse_event("a\nb") == b"data: a\ndata: b\n\n"


@pytest.mark.parametrize("bad", [[("a",)], [("a", 1)], ["ab"], [None]])
def test_headers_that_are_none_are_refused(bad: list) -> None:
    with pytest.raises(ValueError, match="headers must be pairs of texts"):
        wire.HeaderTable().size(bad)
