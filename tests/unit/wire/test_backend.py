"""Every message of a backend: its bytes, both ways, and what of it is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from purelink.errors import Diagnostics, RemoteProtocolError
from purelink.wire import backend
from purelink.wire.backend import (
    Authentication,
    BackendKeyData,
    BindComplete,
    CloseComplete,
    Column,
    CommandComplete,
    CopyBothResponse,
    CopyData,
    CopyDone,
    CopyInResponse,
    CopyOutResponse,
    DataRow,
    EmptyQueryResponse,
    ErrorResponse,
    FunctionCallResponse,
    NegotiateProtocolVersion,
    NoData,
    NoticeResponse,
    NotificationResponse,
    ParameterDescription,
    ParameterStatus,
    ParseComplete,
    PortalSuspended,
    ReadyForQuery,
    RowDescription,
)
from purelink.wire.codec import Body

if TYPE_CHECKING:
    from purelink.wire.message import Message

MESSAGES: list[tuple[Message, bytes]] = [
    (Authentication(0), b"R\0\0\0\x08\0\0\0\0"),
    (Authentication(5, b"salt"), b"R\0\0\0\x0c\0\0\0\x05salt"),
    (BackendKeyData(1234, b"\0\0\x16\x2e"), b"K\0\0\0\x0c\0\0\x04\xd2\0\0\x16\x2e"),
    (ParameterStatus(b"TimeZone", b"GMT"), b"S\0\0\0\x11TimeZone\0GMT\0"),
    (ReadyForQuery(b"I"), b"Z\0\0\0\x05I"),
    (NegotiateProtocolVersion(0x30000, [b"_pq_.x"]), b"v\0\0\0\x13\0\x03\0\0\0\0\0\x01_pq_.x\0"),
    (
        RowDescription([Column("a", 23, type_size=4, table_oid=9, table_column=2, format=1)]),
        b"T\0\0\0\x1a\0\x01a\0\0\0\0\x09\0\x02\0\0\0\x17\0\x04\xff\xff\xff\xff\0\x01",
    ),
    (RowDescription([]), b"T\0\0\0\x06\0\0"),
    (DataRow([b"ab", None, b""]), b"D\0\0\0\x14\0\x03\0\0\0\x02ab\xff\xff\xff\xff\0\0\0\0"),
    (DataRow([]), b"D\0\0\0\x06\0\0"),
    (CommandComplete(b"SELECT 1"), b"C\0\0\0\x0dSELECT 1\0"),
    (EmptyQueryResponse(), b"I\0\0\0\x04"),
    (ParseComplete(), b"1\0\0\0\x04"),
    (BindComplete(), b"2\0\0\0\x04"),
    (CloseComplete(), b"3\0\0\0\x04"),
    (NoData(), b"n\0\0\0\x04"),
    (PortalSuspended(), b"s\0\0\0\x04"),
    (CopyDone(), b"c\0\0\0\x04"),
    (ParameterDescription([23, 25]), b"t\0\0\0\x0e\0\x02\0\0\0\x17\0\0\0\x19"),
    (CopyInResponse(0, [0, 0]), b"G\0\0\0\x0b\0\0\x02\0\0\0\0"),
    (CopyOutResponse(1, [1]), b"H\0\0\0\x09\x01\0\x01\0\x01"),
    (CopyBothResponse(0), b"W\0\0\0\x07\0\0\0"),
    (CopyData(b"1\n"), b"d\0\0\0\x061\n"),
    (NotificationResponse(-7, b"ch", b"pay"), b"A\0\0\0\x0f\xff\xff\xff\xf9ch\0pay\0"),
    (FunctionCallResponse(b"abc"), b"V\0\0\0\x0b\0\0\0\x03abc"),
    (FunctionCallResponse(None), b"V\0\0\0\x08\xff\xff\xff\xff"),
    (ErrorResponse({"S": "ERROR", "M": "é"}), b"E\0\0\0\x10SERROR\0M\xc3\xa9\0\0"),
    (NoticeResponse({}), b"N\0\0\0\x05\0"),
]
#: bodies that end in any number of bytes
OPEN = b"RKd"
CLOSED = [wire for _, wire in MESSAGES if wire[0] not in OPEN]


def test_the_list_is_complete() -> None:
    assert {type(message) for message, _ in MESSAGES} == set(backend.MESSAGES.values())


@pytest.mark.parametrize(("message", "wire"), MESSAGES)
def test_both_ways(message: Message, wire: bytes) -> None:
    assert message.encode() == wire
    assert backend.decode(wire[0], wire[5:]) == message
    assert backend.message(wire[:1], wire[5:]) == wire


@pytest.mark.parametrize("wire", CLOSED)
def test_check_045_left_over_bytes(wire: bytes) -> None:
    with pytest.raises(RemoteProtocolError) as refusal:
        backend.decode(wire[0], wire[5:] + b"\0")
    assert "do not agree with length" in str(refusal.value)


@pytest.mark.parametrize("wire", [wire[:-1] for wire in CLOSED if len(wire) > 5])
def test_missing_bytes(wire: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        backend.decode(wire[0], wire[5:])


@pytest.mark.parametrize("tag", list("RK"))
def test_missing_bytes_of_the_fixed_part(tag: str) -> None:
    with pytest.raises(RemoteProtocolError):
        backend.decode(ord(tag), b"\0\0\0")


def test_unknown_tag() -> None:
    with pytest.raises(RemoteProtocolError) as refusal:
        backend.decode(ord("y"), b"")
    assert str(refusal.value) == (
        'unexpected response from server; first received character was "y"'
    )


@pytest.mark.parametrize("status", [b"X", b"\0", b"i"])
def test_check_050_unknown_transaction_status(status: bytes) -> None:
    with pytest.raises(RemoteProtocolError, match="unknown transaction status"):
        backend.decode(ord("Z"), status)


@pytest.mark.parametrize("count", [b"\xff\xff\xff\xff", b"\0\0\0\x02", b"\x7f\xff\xff\xff"])
def test_hostile_count_of_options(count: bytes) -> None:
    with pytest.raises(RemoteProtocolError, match='insufficient data in "v" message'):
        backend.decode(ord("v"), b"\0\x03\0\0" + count + b"\0")


def test_check_046_65535_columns_announced_one_there() -> None:
    one = RowDescription([Column("a", 23)]).body()
    with pytest.raises(RemoteProtocolError, match='insufficient data in "T" message'):
        backend.decode(ord("T"), b"\xff\xff" + one[2:])


def test_check_047_column_name_without_nul() -> None:
    with pytest.raises(RemoteProtocolError) as refusal:
        backend.decode(ord("T"), b"\0\x01" + b"a" * 30)
    assert str(refusal.value) == 'message contents do not agree with length in message type "T"'


def test_unknown_column_format() -> None:
    with pytest.raises(RemoteProtocolError, match="unknown format code 2"):
        backend.decode(ord("T"), RowDescription([Column("a", 23, format=2)]).body())


@pytest.mark.parametrize("length", [b"\xff\xff\xff\xfe", b"\0\0\0\x08", b"\x7f\xff\xff\xff"])
def test_checks_043_and_044_field_lengths(length: bytes) -> None:
    with pytest.raises(RemoteProtocolError, match='insufficient data in "D" message'):
        backend.decode(ord("D"), b"\0\x01" + length + b"abc")


@pytest.mark.parametrize("tag", list("GHW"))
@pytest.mark.parametrize("body", [b"\x02\0\0", b"\0\0\x01\0\x01", b"\x01\0\x01\0\0"])
def test_copy_formats_that_contradict_each_other(tag: str, body: bytes) -> None:
    with pytest.raises(RemoteProtocolError, match=f'the formats in message type "{tag}"'):
        backend.decode(ord(tag), body)


@pytest.mark.parametrize("body", [b"\0\0\0\x04abc", b"\xff\xff\xff\xfe", b"\0\0\0\x02abc"])
def test_check_061_function_result_past_its_body(body: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        backend.decode(ord("V"), body)


# -- columns, errors ---------------------------------------------------------------------------


def test_columns_compare_by_all_they_hold() -> None:
    assert Column("a", 23) == Column("a", 23)
    assert Column("a", 23) != Column("a", 23, type_modifier=7)
    assert Column("a", 23) != "a"
    assert len({Column("a", 23), Column("a", 23), Column("b", 23)}) == 2
    assert repr(Column("a", 23)) == "Column('a', type_oid=23)"


def test_column_names_in_the_session_s_encoding() -> None:
    body = RowDescription([Column("é", 23)]).body().replace("é".encode(), b"\xe9")
    assert backend.read_columns(Body(body, ord("T")), "latin-1")[0].name == "é"


def fields(body: bytes, encoding: str = "utf-8") -> tuple[dict[str, str], bool]:
    return backend.read_fields(Body(body, ord("E")), encoding)


def test_check_056_unknown_and_repeated_fields() -> None:
    assert fields(b"Xx\0Mone\0Mtwo\0\0") == ({"X": "x", "M": "two"}, True)


def test_check_055_nothing_but_the_terminator() -> None:
    assert fields(b"\0") == ({}, True)


@pytest.mark.parametrize("body", [b"", b"Mword", b"Mword\0", b"Mword\0\0left"])
def test_check_054_fields_that_are_not_whole(body: bytes) -> None:
    found, whole = fields(body)
    assert not whole
    assert found.get("M", "word") == "word"
    with pytest.raises(RemoteProtocolError):
        backend.decode(ord("E"), body)


def test_check_022_text_that_is_no_utf8() -> None:
    assert fields(b"M\xff\xfe\0\0")[0] == {"M": "\N{REPLACEMENT CHARACTER}" * 2}
    assert fields(b"M\xe9\0\0", "latin-1")[0] == {"M": "é"}


def test_diagnostics_of_a_report() -> None:
    error = ErrorResponse(Diagnostics({"C": "22012"}))
    assert error.diagnostics.sqlstate == "22012"
    assert error == ErrorResponse({"C": "22012"})
