"""Every message of a frontend: its bytes, both ways, and what is refused before a byte goes out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from purelink.errors import InterfaceError, RemoteProtocolError
from purelink.wire import codes, frontend
from purelink.wire.frontend import (
    Bind,
    CancelRequest,
    Close,
    CopyData,
    CopyDone,
    CopyFail,
    Describe,
    Execute,
    Flush,
    FunctionCall,
    GSSENCRequest,
    Parse,
    Password,
    Query,
    SSLRequest,
    StartupMessage,
    Sync,
    Terminate,
)

if TYPE_CHECKING:
    from purelink.wire.message import Message

UNTAGGED: list[tuple[Message, str]] = [
    (
        StartupMessage(codes.PROTOCOL_3_0, [(b"user", b"u"), (b"database", b"d")]),
        "0000001b 00030000 75736572 00 75 00 6461746162617365 00 64 00 00",
    ),
    (StartupMessage(codes.PROTOCOL_3_2, []), "00000009 00030002 00"),
    (SSLRequest(), "00000008 04d2162f"),
    (GSSENCRequest(), "00000008 04d21630"),
    (CancelRequest(1234, b"\0\0\x16\x2e"), "00000010 04d2162e 000004d2 0000162e"),
    (CancelRequest(-1, b"k" * 6), "00000012 04d2162e ffffffff 6b6b6b6b6b6b"),
]

TAGGED: list[tuple[Message, bytes]] = [
    (Password(b"secret\0"), b"p\0\0\0\x0bsecret\0"),
    (Query(b"select 1"), b"Q\0\0\0\x0dselect 1\0"),
    (Parse(b"s", b"select $1", (23, 0)), b"P\0\0\0\x1as\0select $1\0\0\x02\0\0\0\x17\0\0\0\0"),
    (Bind(b"", b""), b"B\0\0\0\x0c\0\0\0\0\0\0\0\0"),
    (
        Bind(b"p", b"s", (1,), (b"ab", None, b""), (0, 1)),
        b"B\0\0\0\x22p\0s\0\0\x01\0\x01\0\x03\0\0\0\x02ab\xff\xff\xff\xff\0\0\0\0\0\x02\0\0\0\x01",
    ),
    (Describe(b"S", b"s"), b"D\0\0\0\x07Ss\0"),
    (Describe(b"P"), b"D\0\0\0\x06P\0"),
    (Close(b"P", b"c"), b"C\0\0\0\x07Pc\0"),
    (Execute(b"c", 2), b"E\0\0\0\x0ac\0\0\0\0\x02"),
    (Execute(), b"E\0\0\0\x09\0\0\0\0\0"),
    (Sync(), b"S\0\0\0\x04"),
    (Flush(), b"H\0\0\0\x04"),
    (Terminate(), b"X\0\0\0\x04"),
    (
        FunctionCall(1598, (1,), (b"\0\0\0\x07", None), 1),
        b"F\0\0\0\x1c\0\0\x06\x3e\0\x01\0\x01\0\x02\0\0\0\x04\0\0\0\x07\xff\xff\xff\xff\0\x01",
    ),
    (CopyData(b"1\ta\n"), b"d\0\0\0\x081\ta\n"),
    (CopyData(b""), b"d\0\0\0\x04"),
    (CopyDone(), b"c\0\0\0\x04"),
    (CopyFail(b"no"), b"f\0\0\0\x07no\0"),
]


@pytest.mark.parametrize(("message", "wire"), UNTAGGED)
def test_untagged(message: Message, wire: str) -> None:
    data = bytes.fromhex(wire)
    assert message.encode() == data
    assert frontend.decode_initial(data[4:]) == message


@pytest.mark.parametrize(("message", "wire"), TAGGED)
def test_tagged(message: Message, wire: bytes) -> None:
    assert message.encode() == wire
    assert frontend.decode(wire[0], wire[5:]) == message


@pytest.mark.parametrize("wire", [wire for each, wire in TAGGED if wire[:1] not in b"pd"])
def test_left_over_bytes(wire: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        frontend.decode(wire[0], wire[5:] + b"\0")


def test_unknown_tag() -> None:
    with pytest.raises(RemoteProtocolError, match="invalid frontend message type 121"):
        frontend.decode(ord("y"), b"")


@pytest.mark.parametrize("body", [b"", b"\0\x03", bytes.fromhex("00030000") + b"user\0u\0"])
def test_broken_startup(body: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        frontend.decode_initial(body)


@pytest.mark.parametrize("kind", [SSLRequest, GSSENCRequest, CancelRequest])
def test_a_request_of_another_code(kind: type[Message]) -> None:
    with pytest.raises(RemoteProtocolError):
        kind.decode(b"\0\0\0\x01\0\0\0\0")


def test_a_hostile_count_of_values() -> None:
    with pytest.raises(RemoteProtocolError, match='insufficient data in "B" message'):
        frontend.decode(ord("B"), b"\0\0\0\0\xff\xff\0\0")


# -- refused before a byte goes out ----------------------------------------------------------


@pytest.mark.parametrize(
    "message",
    [
        Query(b"a\0b"),
        Parse(b"a\0b", b""),
        Parse(b"", b"a\0b"),
        Bind(b"a\0b", b""),
        Bind(b"", b"a\0b"),
        Describe(b"S", b"a\0b"),
        Close(b"S", b"a\0b"),
        Execute(b"a\0b"),
        CopyFail(b"a\0b"),
        StartupMessage(codes.PROTOCOL_3_0, [(b"us\0er", b"u")]),
        StartupMessage(codes.PROTOCOL_3_0, [(b"user", b"u\0x")]),
    ],
)
def test_check_004_nul(message: Message) -> None:
    with pytest.raises(InterfaceError, match="must not contain a NUL"):
        message.encode()


def test_check_003_startup_packet_over_10000_bytes() -> None:
    room = 10_000 - 4 - 4 - len(b"options\0") - 1 - 1
    fits = StartupMessage(codes.PROTOCOL_3_0, [(b"options", b"x" * room)])
    assert len(fits.encode()) == 10_000
    with pytest.raises(InterfaceError, match="would take 10001 bytes"):
        StartupMessage(codes.PROTOCOL_3_0, [(b"options", b"x" * (room + 1))]).encode()


def test_check_083_65536_parameters() -> None:
    values = (None,) * 65_535
    assert Bind(b"", b"", (), values).encode()
    with pytest.raises(InterfaceError) as refusal:
        Bind(b"", b"", (), (*values, None)).encode()
    assert str(refusal.value) == "number of parameters must be between 0 and 65535"
    with pytest.raises(InterfaceError, match="number of parameters"):
        Parse(b"", b"", (0,) * 65_536).encode()


@pytest.mark.parametrize("kind", [Describe, Close])
def test_check_084_names_that_could_never_be_closed(kind: type[Describe]) -> None:
    assert kind(b"S", b"n" * 8000).encode()
    with pytest.raises(InterfaceError, match="must not be longer than 8000 bytes"):
        kind(b"S", b"n" * 8001).encode()
    with pytest.raises(InterfaceError, match="a statement name"):
        Parse(b"n" * 12_000, b"").encode()


def test_check_085_a_message_over_the_ceiling() -> None:
    class Huge(bytes):
        """Says that it is longer than a server takes, without the memory."""

        def __len__(self) -> int:
            return codes.CEILING + 1

    with pytest.raises(InterfaceError, match="accepts at most 1073741823"):
        Bind(b"", b"", (), (Huge(),)).encode()
    with pytest.raises(InterfaceError, match="accepts at most 1073741823"):
        CopyData(Huge()).encode()


def test_check_086_format_codes_are_counted_unsigned() -> None:
    data = Bind(b"", b"", (1,) * 40_000).encode()
    assert data[7:9] == b"\x9c\x40"
    assert frontend.decode(ord("B"), data[5:]) == Bind(b"", b"", (1,) * 40_000)
    with pytest.raises(InterfaceError, match="number of parameter formats"):
        Bind(b"", b"", (1,) * 70_000).encode()
    with pytest.raises(InterfaceError, match="number of result formats"):
        Bind(b"", b"", result_formats=(1,) * 70_000).encode()
