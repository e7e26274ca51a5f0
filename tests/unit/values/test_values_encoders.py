"""Batches of rows to Bind messages and COPY's data, quick and careful."""

from __future__ import annotations

import struct
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from purelink.errors import InterfaceError
from purelink.values import compiled, oids
from purelink.values.encoders import (
    COPY_BINARY_HEADER,
    COPY_BINARY_TRAILER,
    batch_encoder,
    copy_encoder,
    copy_text_encoder,
)
from purelink.values.parameters import Jsonb

EXECUTE = b"E\0\0\0\x09\0\0\0\0\0"


def bind(body: bytes) -> bytes:
    return b"B" + struct.pack(">i", len(body) + 4) + body + EXECUTE


def test_binds_in_literal_bytes() -> None:
    encode = batch_encoder([oids.INT4, oids.TEXT], statement=b"s")
    head = b"\0s\0\0\2\0\1\0\1\0\2"
    one = bind(head + b"\0\0\0\4\0\0\0\7\0\0\0\2\xc3\xa9\0\0")
    null = bind(head + b"\0\0\0\4\0\0\0\7\xff\xff\xff\xff\0\0")
    assert encode([(7, "é"), [7, None]]) == one + null
    assert encode(iter([])) == b""


def test_a_row_of_other_types_goes_as_text() -> None:
    encode = batch_encoder([oids.INT4, oids.TEXT])
    slow = bind(b"\0\0\0\2\0\0\0\0\0\2\xff\xff\xff\xff\0\0\0\1x\0\0")
    assert encode([(None, "x")]) == slow
    slow = bind(b"\0\0\0\2\0\0\0\0\0\2\0\0\0\3" + b"1.5\0\0\0\1" + b"7\0\0")
    assert encode([(1.5, 7)]) == slow
    slow = bind(b"\0\0\0\1\0\1\0\1\0\0\0\1x\0\0")
    assert batch_encoder([oids.JSON])([(b"x",)]) == slow


def test_types_without_a_cheap_binary_form_go_as_text() -> None:
    encode = batch_encoder([oids.NUMERIC, oids.BYTEA])
    assert encode([(Decimal("1.50"), b"\0"), (None, bytearray(b"\0"))]) == bind(
        b"\0\0\0\2\0\0\0\1\0\2\0\0\0\4" + b"1.50\0\0\0\1\0\0\0"
    ) + bind(b"\0\0\0\2\0\0\0\1\0\2\xff\xff\xff\xff\0\0\0\1\0\0\0")
    assert batch_encoder([oids.JSONB])([(Jsonb([1]),)]) == bind(b"\0\0\0\1\0\0\0\1\0\0\0\3[1]\0\0")


def test_no_parameters() -> None:
    assert batch_encoder([])([(), ()]) == bind(b"\0\0\0\0\0\0\0\0") * 2
    with pytest.raises(InterfaceError, match="row 1 has 1 values, not 0"):
        batch_encoder([])([(1,)])


def test_other_encodings() -> None:
    encode = batch_encoder([oids.TEXT], encoding="iso8859-1")
    assert encode([("é",)]) == bind(b"\0\0\0\1\0\1\0\1\0\0\0\1\xe9\0\0")
    with pytest.raises(InterfaceError, match="row 2: cannot send parameter \\$1"):
        encode([("é",), ("\u20ac",)])


WRONG: list[tuple[list[int], Any, str]] = [
    ([oids.INT4], (1, 2), "row 2 has 2 values, not 1"),
    ([oids.TEXT], ("a\0b",), "row 2: cannot send parameter \\$1: a NUL"),
    ([oids.INT4], ({},), "row 2: cannot send a value of type 'dict' as parameter \\$1"),
]


@pytest.mark.parametrize(("types", "row", "said"), WRONG)
def test_what_cannot_be_sent_is_named(types: list[int], row: Any, said: str) -> None:
    good = {oids.INT4: 1, oids.TEXT: "x"}[types[0]]
    with pytest.raises(InterfaceError, match=said):
        batch_encoder(types)([(good,), row, (good,)])


def test_too_large_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "MAX_MESSAGE", 100)
    monkeypatch.setattr(compiled, "_writers", {})
    with pytest.raises(InterfaceError, match="row 2 of 114 bytes is too large to be sent"):
        batch_encoder([oids.TEXT])([("x",), ("x" * 100,)])


def test_too_many_parameters() -> None:
    with pytest.raises(InterfaceError, match="between 0 and 65535"):
        batch_encoder([oids.INT4] * 65_536)


MOMENT = datetime(2000, 1, 2, 0, 0, 1, 5, tzinfo=timezone.utc)
BINARY: list[tuple[int, object, bytes]] = [
    (oids.BOOL, True, b"\1"),
    (oids.INT2, -1, b"\xff\xff"),
    (oids.INT8, 1, b"\0" * 7 + b"\1"),
    (oids.OID, (1 << 32) - 1, b"\xff" * 4),
    (oids.FLOAT4, 1.0, b"\x3f\x80\0\0"),
    (oids.FLOAT8, -0.0, b"\x80" + b"\0" * 7),
    (oids.DATE, date(1999, 12, 31), b"\xff" * 4),
    (oids.TIMESTAMP, MOMENT.replace(tzinfo=None), struct.pack(">q", 86_401_000_005)),
    (oids.TIMESTAMPTZ, MOMENT, struct.pack(">q", 86_401_000_005)),
    (
        oids.TIMESTAMPTZ,
        MOMENT.replace(tzinfo=timezone(timedelta(hours=1))),
        struct.pack(">q", 82_801_000_005),
    ),
    (oids.UUID, UUID(int=1), b"\0" * 15 + b"\1"),
    (oids.VARCHAR, "é", b"\xc3\xa9"),
    (oids.BYTEA, b"\0", b"\0"),
    (oids.BYTEA, memoryview(b"ab"), b"ab"),
]


@pytest.mark.parametrize(("oid", "value", "data"), BINARY)
def test_copy_in_binary(oid: int, value: object, data: bytes) -> None:
    encode = copy_encoder([oid])
    assert encode is not None
    field = struct.pack(">i", len(data)) + data
    assert encode([(value,), (None,)]) == b"\0\1" + field + b"\0\1\xff\xff\xff\xff"
    pair = copy_encoder([oid, oids.INT4])
    assert pair is not None
    # the careful way writes the same
    assert pair([(value, None)] * 2) == (b"\0\2" + field + b"\xff\xff\xff\xff") * 2


def test_copy_in_binary_is_strict() -> None:
    for oid, value in (
        *((oids.INT4, "5"), (oids.INT2, 40_000), (oids.BOOL, "f"), (oids.TEXT, 5)),
        *((oids.DATE, "2024-01-01"), (oids.TIMESTAMP, MOMENT), (oids.BYTEA, 5), (oids.UUID, "x")),
        *((oids.TIMESTAMPTZ, datetime(2024, 1, 1)), (oids.TEXT, "a\0")),  # noqa: DTZ001
        *((oids.TEXT, ["a"]), (oids.TEXT, "\ud800")),
    ):
        encode = copy_encoder([oids.INT4, oid])
        assert encode is not None
        with pytest.raises(InterfaceError, match=r"row 1: cannot send a value of type .* column 2"):
            encode([(1, value)])
        with pytest.raises(InterfaceError, match="row 1 has 1 values, not 2"):
            encode([(1,)])


def test_copy_in_binary_of_too_large_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "MAX_MESSAGE", 100)
    monkeypatch.setattr(compiled, "_writers", {})
    encode = copy_encoder([oids.TEXT])
    assert encode is not None
    with pytest.raises(InterfaceError, match=r"row 1: .*|row 1 of"):
        encode([("x" * 100,)])


def test_types_that_need_copy_in_text() -> None:
    assert copy_encoder([oids.INT4, oids.TSVECTOR]) is None
    assert copy_encoder([987654]) is None
    assert copy_encoder([]) is None


def test_copy_in_binary_has_a_frame() -> None:
    assert COPY_BINARY_HEADER == b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0"
    assert COPY_BINARY_TRAILER == b"\xff\xff"


class Loud(str):
    __slots__ = ()

    def __str__(self) -> str:
        return "LOUD"


def test_copy_in_text() -> None:
    encode = copy_text_encoder()
    assert encode([]) == b""
    assert encode([()]) == b"\n"
    rows = [
        (1, None, "é", True, False, 1.5),
        (Decimal("1.50"), b"\0\xff", [1, None], date(2024, 1, 2), MOMENT, UUID(int=1)),
        (1 << 70, MOMENT.replace(tzinfo=None), Jsonb(["\\"]), Loud("x"), float("inf"), -(1 << 63)),
        (MOMENT.astimezone(timezone(timedelta(hours=1))),),
    ]
    assert encode(rows).decode().split("\n") == [
        "1\t\\N\té\tt\tf\t1.5",
        '1.50\t\\\\x00ff\t{"1",NULL}\t2024-01-02\t2000-01-02 00:00:01.000005+00:00\t'
        + str(UUID(int=1)),
        '1180591620717411303424\t2000-01-02 00:00:01.000005\t["\\\\\\\\"]\tx\tinf\t'
        + str(-(1 << 63)),
        "2000-01-02 01:00:01.000005+01:00",
        "",
    ]


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("\\.", b"\\\\."),
        ("\\N", b"\\\\N"),
        ("a\tb", b"a\\tb"),
        ("a\nb", b"a\\nb"),
        ("a\rb", b"a\\rb"),
        ("\b\f\v\\", b"\\b\\f\\v\\\\"),
        ("\b", b"\b"),
        ("", b""),
    ],
)
def test_escapes_of_copy_in_text(value: str, wanted: bytes) -> None:
    assert copy_text_encoder()([(value,)]) == wanted + b"\n"


def test_copy_in_text_refuses() -> None:
    with pytest.raises(InterfaceError, match="a NUL"):
        copy_text_encoder()([("a\0",)])
    with pytest.raises(InterfaceError, match="encoding \\(iso8859-1\\)"):
        copy_text_encoder(encoding="iso8859-1")([("\u20ac",)])
    with pytest.raises(InterfaceError, match="'dict' as a value of COPY"):
        copy_text_encoder()([({},)])
