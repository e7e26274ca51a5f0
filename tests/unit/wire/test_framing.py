"""Where messages end, and the limits on every length word, before and after AuthenticationOk."""

from __future__ import annotations

import pytest

from purelink.errors import AuthenticationError, RemoteProtocolError
from purelink.wire.codec import int32
from purelink.wire.framing import Head, ancient_error, head, initial


def word(tag: bytes, length: int) -> bytes:
    return tag + int32.pack(length)


@pytest.mark.parametrize("size", range(5))
def test_a_head_needs_five_bytes(size: int) -> None:
    assert head(b"..Z\0\0\0\x05I"[: 2 + size], 2) is None


def test_a_head_tells_where_the_body_stands() -> None:
    assert head(b"..Z\0\0\0\x05I", 2) == Head(ord("Z"), 7, 8)
    assert head(b"Z\0\0\0\x05", 0) == Head(ord("Z"), 5, 6)


@pytest.mark.parametrize("tag", [b"C", b"D", b"y"])
@pytest.mark.parametrize("length", [3, 0, -1, -(2**31)])
def test_a_length_below_four(tag: bytes, length: int) -> None:
    with pytest.raises(RemoteProtocolError) as refusal:
        head(word(tag, length), 0)
    assert str(refusal.value) == (
        f'lost synchronization with server: got message type "{tag.decode()}", length {length}'
    )


@pytest.mark.parametrize("tag", list("CSZKGHRI123nscv"))
def test_short_messages_end_at_30000(tag: str) -> None:
    assert head(word(tag.encode(), 30000), 0) is not None
    with pytest.raises(RemoteProtocolError, match="length 30001"):
        head(word(tag.encode(), 30001), 0)


@pytest.mark.parametrize("tag", list("TDdVENAt"))
def test_long_messages_end_at_the_ceiling(tag: str) -> None:
    assert head(word(tag.encode(), 0x3FFFFFFF), 0) is not None
    with pytest.raises(RemoteProtocolError, match="lost synchronization"):
        head(word(tag.encode(), 0x40000000), 0)
    assert head(word(tag.encode(), 50000), 0, 50000) is not None
    with pytest.raises(RemoteProtocolError, match="length 50001"):
        head(word(tag.encode(), 50001), 0, 50000)


def test_a_low_ceiling_holds_for_short_messages_too() -> None:
    with pytest.raises(RemoteProtocolError, match="length 101"):
        head(word(b"C", 101), 0, 100)


# -- before AuthenticationOk -----------------------------------------------------------------


@pytest.mark.parametrize("tag", [tag for tag in range(256) if tag not in b"RvE"])
def test_initially_only_r_v_and_e_are_believed(tag: int) -> None:
    with pytest.raises(RemoteProtocolError) as refusal:
        initial(bytes([tag]))
    assert str(refusal.value) == (
        f"expected authentication request from server, but received {chr(tag)}"
    )


@pytest.mark.parametrize("data", [b"", b"R", b"R\0\0\0", b"v\0\0\0", b"E\0"])
def test_initially_more_bytes_please(data: bytes) -> None:
    assert initial(data) is None


@pytest.mark.parametrize("length", [7, 2001, 0, -1, 2**31 - 1])
def test_initially_an_authentication_request_is_small(length: int) -> None:
    with pytest.raises(AuthenticationError) as refusal:
        initial(word(b"R", length))
    assert str(refusal.value) == "received invalid authentication request"


@pytest.mark.parametrize("length", [7, 2001])
def test_initially_a_negotiation_is_small(length: int) -> None:
    with pytest.raises(RemoteProtocolError) as refusal:
        initial(word(b"v", length))
    assert str(refusal.value) == "received invalid protocol negotiation message"


@pytest.mark.parametrize(
    ("tag", "length"), [(b"R", 8), (b"R", 2000), (b"v", 8), (b"v", 2000), (b"E", 8), (b"E", 30000)]
)
def test_initially_in_bounds(tag: bytes, length: int) -> None:
    assert initial(word(tag, length)) == Head(tag[0], 5, 1 + length)


def test_an_error_of_before_protocol_3() -> None:
    assert initial(b"EFATAL:  unsupported frontend protocol\n\0rest") == Head(0, 1, 39)
    assert initial(b"EFATAL:  unsupp") is None


def test_an_endless_error_is_bounded() -> None:
    assert initial(b"E" + b"x" * 29_999) is None
    with pytest.raises(RemoteProtocolError) as refusal:
        initial(b"E" + b"x" * 30_000)
    assert str(refusal.value) == "received invalid error message"


@pytest.mark.parametrize(
    ("data", "fields"),
    [
        (b"FATAL:  too old a protocol\n", {"S": "FATAL", "M": "too old a protocol"}),
        (b"no colon", {"M": "no colon"}),
        (b"words: that are no severity", {"M": "words: that are no severity"}),
        (b"ERROR:  \xff\n", {"S": "ERROR", "M": "\N{REPLACEMENT CHARACTER}"}),
    ],
)
def test_ancient_error(data: bytes, fields: dict[str, str]) -> None:
    assert ancient_error(data) == fields
