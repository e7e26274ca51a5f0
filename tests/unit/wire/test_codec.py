"""A body is read inside its own bounds, and nothing goes out that the wire cannot carry."""

from __future__ import annotations

import pytest

from purelink.errors import InterfaceError, RemoteProtocolError
from purelink.wire.codec import Body, cstring, frame

DISAGREE = 'message contents do not agree with length in message type "T"'
SHORT = 'insufficient data in "T" message'


def body(data: bytes) -> Body:
    return Body(data, ord("T"))


def test_numbers_and_strings_in_order() -> None:
    read = body(b"\x07\xff\xfe\xff\xfe\xff\xff\xff\xfd\xff\xff\xff\xfdab\0cdef")
    assert (read.byte(), read.int16(), read.uint16()) == (7, -2, 65534)
    assert (read.int32(), read.uint32()) == (-3, 4294967293)
    assert (read.string(), read.take(2), read.rest()) == (b"ab", b"cd", b"ef")
    read.end()


@pytest.mark.parametrize(
    ("method", "size"), [("byte", 1), ("int16", 2), ("uint16", 2), ("int32", 4), ("uint32", 4)]
)
def test_one_byte_short(method: str, size: int) -> None:
    with pytest.raises(RemoteProtocolError) as refusal:
        getattr(body(b"\0" * (size - 1)), method)()
    assert str(refusal.value) == SHORT


@pytest.mark.parametrize("count", [4, -1, -(2**31)])
def test_take_stays_inside(count: int) -> None:
    with pytest.raises(RemoteProtocolError, match=SHORT):
        body(b"abc").take(count)


def test_a_string_ends_in_its_own_message() -> None:
    with pytest.raises(RemoteProtocolError) as refusal:
        body(b"abc").string()
    assert str(refusal.value) == DISAGREE


def test_left_over_bytes() -> None:
    with pytest.raises(RemoteProtocolError) as refusal:
        body(b"x").end()
    assert str(refusal.value) == DISAGREE


def test_counted_is_bounded_by_the_body() -> None:
    assert body(b"\0\x02abcdefgh").counted(4) == 2
    with pytest.raises(RemoteProtocolError, match=SHORT):
        body(b"\0\x03abcdefgh").counted(4)
    with pytest.raises(RemoteProtocolError, match=SHORT):
        body(b"\xff\xff").counted(1)


def test_cstring() -> None:
    assert cstring(b"select", "a query") == b"select\0"
    with pytest.raises(InterfaceError, match=r"^a query must not contain a NUL"):
        cstring(b"sel\0ect", "a query")


def test_frame_counts_itself_but_not_the_tag() -> None:
    assert frame(b"Q", b"ab", b"c\0") == b"Q\0\0\0\x08abc\0"
    assert frame(b"", b"ab") == b"\0\0\0\x06ab"


def test_frame_refuses_what_the_server_would_drop() -> None:
    assert frame(b"d", b"x" * 6, ceiling=10)
    with pytest.raises(InterfaceError, match="would take 11 bytes; PostgreSQL accepts at most 10"):
        frame(b"d", b"x" * 7, ceiling=10)
