"""DataRow messages to tuples: whole rows only, every length word checked, values in step."""

from __future__ import annotations

import struct
from typing import Any, NamedTuple

import pytest

from purelink.errors import DataError, RemoteProtocolError
from purelink.values.columns import Converter, column_converter
from purelink.values.rows import (
    RowDecoder,
    ValueFailure,
    _converting,
    null_row_decoder,
    raw_row_decoder,
    row_decoder,
    text_row_decoder,
)
from purelink.values.styles import DEFAULT_STYLES
from purelink.values.text import Registry

INT4, TEXT, BOOL, FLOAT8, JSON, NUMERIC = 23, 25, 16, 701, 114, 1700


class Column(NamedTuple):
    type_oid: int
    format: int = 0


def row(*values: bytes | None) -> bytes:
    body = struct.pack(">H", len(values))
    for value in values:
        body += struct.pack(">i", -1) if value is None else struct.pack(">i", len(value)) + value
    return b"D" + struct.pack(">i", len(body) + 4) + body


def decode(decoder: RowDecoder, buffer: bytes) -> tuple[list[Any], int]:
    rows: list[Any] = []
    return rows, decoder.decode(buffer, 0, len(buffer), rows)


ONE = b"D\0\0\0\x0b\0\x01\0\0\0\x011"


def test_one_row_in_literal_bytes() -> None:
    assert row(b"1") == ONE
    assert decode(row_decoder([Column(INT4)]), ONE) == ([(1,)], len(ONE))


def test_every_kind_of_column() -> None:
    columns = [Column(INT4), Column(TEXT), Column(BOOL), Column(FLOAT8), Column(NUMERIC)]
    buffer = row(b"7", b"h\xc3\xa9", b"t", b"1.5", None) * 20
    rows, end = decode(row_decoder(columns), buffer)
    assert rows == [(7, "hé", True, 1.5, None)] * 20
    assert end == len(buffer)


@pytest.mark.parametrize("count", [1, 5, 6, 511, 512, 513, 1024, 1100])
def test_as_many_rows_as_there_are(count: int) -> None:
    buffer = row(b"1", None) * count + b"C\0\0\0\x05\0"
    for decoder in (
        row_decoder([Column(INT4), Column(INT4)]),
        raw_row_decoder([Column(INT4), Column(INT4)]),
        text_row_decoder([Column(INT4), Column(INT4)]),
    ):
        rows, end = decode(decoder, buffer)
        assert len(rows) == count
        assert end == len(buffer) - 6
    counter = null_row_decoder(2)
    assert decode(counter, buffer) == ([], len(buffer) - 6)
    assert counter.count == count


def test_rows_without_columns() -> None:
    buffer = row() * 3
    assert decode(row_decoder([]), buffer) == ([(), (), ()], len(buffer))
    assert decode(text_row_decoder([]), row() * 30) == ([()] * 30, 210)


def test_a_column_of_nulls_only() -> None:
    assert decode(row_decoder([Column(INT4)]), row(None) * 30)[0] == [(None,)] * 30


def test_what_is_incomplete_waits() -> None:
    whole = row(b"12", b"x")
    decoder = row_decoder([Column(INT4), Column(TEXT)])
    for cut in range(len(whole)):
        rows: list[Any] = []
        buffer = whole + whole
        assert decoder.decode(buffer, 0, len(whole) + cut, rows) == len(whole)
        assert rows == [(12, "x")]


def test_start_and_end_bound_what_is_read() -> None:
    buffer = b"???" + row(b"1") + row(b"2")
    rows: list[Any] = []
    assert row_decoder([Column(INT4)]).decode(buffer, 3, 3 + len(ONE), rows) == 3 + len(ONE)
    assert rows == [(1,)]


def test_another_message_ends_the_run() -> None:
    buffer = ONE + b"N\0\0\0\x05\0" + ONE
    assert decode(row_decoder([Column(INT4)]), buffer) == ([(1,)], len(ONE))


LIES = [
    (b"D\0\0\0\x06\0\0", 1, 'unexpected field count in "D" message'),
    (row(b"1", b"2"), 1, 'unexpected field count in "D" message'),
    (row(b"1"), 2, 'unexpected field count in "D" message'),
    (b"D\0\0\0\x06\0\x01", 1, 'insufficient data in "D" message'),
    (b"D\0\0\0\x09\0\x01\0\0\0", 1, 'insufficient data in "D" message'),
    (b"D\0\0\0\x0b\0\x01\0\0\0\x081" + b"abcdefghij", 1, 'insufficient data in "D" message'),
    (b"D\0\0\0\x0b\0\x01\xff\xff\xff\xfe1", 1, 'insufficient data in "D" message'),
    (b"D\0\0\0\x0b\0\x01\x80\0\0\x001", 1, 'insufficient data in "D" message'),
    (b"D\0\0\0\x0b\0\x01\x7f\xff\xff\xff1", 1, 'insufficient data in "D" message'),
    # the first length reaches over the second length word
    (b"D\0\0\0\x10\0\x02\0\0\0\x05abcde\0", 2, 'insufficient data in "D" message'),
    # a length word that reaches over the end of the message
    (b"D\0\0\0\x0d\0\x02\0\0\0\x01a\0\0" + b"\0" * 20, 2, 'insufficient data in "D" message'),
    (
        b"D\0\0\0\x0c\0\x01\0\0\0\x01ab",
        1,
        'message contents do not agree with length in message type "D"',
    ),
    (
        b"D\0\0\0\x0b\0\x01\xff\xff\xff\xffa",
        1,
        'message contents do not agree with length in message type "D"',
    ),
    (b"D\0\0\0\0", 1, 'lost synchronization with server: got message type "D", length 0'),
    (b"D\0\0\0\x05\0", 1, 'lost synchronization with server: got message type "D", length 5'),
    (b"D\0\0\0\x05\0\1\0", 1, 'lost synchronization with server: got message type "D", length 5'),
    (
        b"D\xff\xff\xff\xff\0\1",
        1,
        'lost synchronization with server: got message type "D", length -1',
    ),
    (
        b"D\x7f\xff\xff\xff",
        1,
        'lost synchronization with server: got message type "D", length 2147483647',
    ),
    (
        b"D\x40\0\0\0\0\1",
        1,
        'lost synchronization with server: got message type "D", length 1073741824',
    ),
]


@pytest.mark.parametrize(("lie", "columns", "said"), LIES)
@pytest.mark.parametrize("before", [0, 1, 600])
def test_a_lying_row_breaks_the_protocol(lie: bytes, columns: int, said: str, before: int) -> None:
    shape = [Column(TEXT)] * columns
    buffer = row(*[b"x"] * columns) * before + lie
    for decoder in (
        row_decoder(shape),
        raw_row_decoder(shape),
        text_row_decoder(shape),
        null_row_decoder(columns),
    ):
        with pytest.raises(RemoteProtocolError) as caught:
            decode(decoder, buffer)
        assert str(caught.value) == said


def test_a_long_row_that_is_still_coming_is_no_error() -> None:
    assert decode(raw_row_decoder([Column(TEXT)]), b"D\x3f\xff\xff\xff\0\x01") == ([], 0)


@pytest.mark.parametrize("before", [0, 3, 40, 512, 700])
@pytest.mark.parametrize("after", [0, 1, 40])
def test_a_bad_value_is_told_in_step(before: int, after: int) -> None:
    good, bad = row(b"1", b"a"), row(b"x", b"a")
    buffer = good * before + bad + good * after
    decoder = row_decoder([Column(INT4), Column(TEXT)])
    rows: list[Any] = []
    with pytest.raises(ValueFailure) as caught:
        decoder.decode(buffer, 0, len(buffer), rows)
    assert rows == [(1, "a")] * before
    assert isinstance(caught.value.error, DataError)
    assert caught.value.error.sqlstate == "22P02"
    assert caught.value.position == len(good * before + bad)
    assert decoder.decode(buffer, caught.value.position, len(buffer), rows) == len(buffer)
    assert len(rows) == before + after


def test_the_first_bad_row_is_told_whatever_its_column() -> None:
    buffer = row(b"1", b"1") * 20 + row(b"1", b"y") + row(b"x", b"1")
    with pytest.raises(ValueFailure, match='type integer: "y"') as caught:
        decode(row_decoder([Column(INT4), Column(INT4)]), buffer)
    assert caught.value.position == 21 * len(row(b"1", b"1"))


BULK = [
    (INT4, b"1_0"),
    (INT4, b" 1"),
    (INT4, b""),
    (INT4, b"1-2"),
    (INT4, b"2147483648"),
    (INT4, b"9" * 5000),
    (FLOAT8, b"1_0"),
    (FLOAT8, b"infin"),
    (BOOL, b"T"),
    (TEXT, b"\xff"),
    (JSON, b"[" * 50_000),
    (1184, b"2024-01-01 00:00:00"),
]


@pytest.mark.parametrize(("oid", "bad"), BULK, ids=[f"{o}-{b[:9]!r}" for o, b in BULK])
def test_the_bulk_way_refuses_what_the_careful_way_refuses(oid: int, bad: bytes) -> None:
    good = {BOOL: b"t", TEXT: b"x", 1184: b"2024-01-01 00:00:00+00"}.get(oid, b"1")
    with pytest.raises(ValueFailure) as caught:
        decode(row_decoder([Column(oid)]), row(good) * 20 + row(bad))
    assert caught.value.position == 20 * len(row(good)) + len(row(bad))


def test_a_nul_in_a_text_is_kept_apart() -> None:
    buffer = row(b"a\0b") * 20
    assert decode(text_row_decoder([Column(TEXT)]), buffer)[0] == [("a\0b",)] * 20


def test_other_encodings() -> None:
    buffer = row(b"\xe9") * 20
    rows, _ = decode(row_decoder([Column(TEXT)], encoding="iso8859-1"), buffer)
    assert rows == [("é",)] * 20
    rows, _ = decode(text_row_decoder([Column(TEXT)], "utf-8", "surrogateescape"), buffer)
    assert rows == [("\udce9",)] * 20
    with pytest.raises(ValueFailure, match="of type text that is not valid cp932") as caught:
        decode(row_decoder([Column(TEXT)], encoding="cp932"), row(b"\x83") * 20)
    assert caught.value.error.sqlstate == "22021"


def test_binary_columns() -> None:
    columns = [Column(INT4, 1), Column(17, 1)]
    assert decode(row_decoder(columns), row(b"\0\0\0\7", b"\0\xff") * 9)[0] == [(7, b"\0\xff")] * 9
    with pytest.raises(ValueFailure) as caught:
        decode(row_decoder(columns), row(b"\0\0\7", b""))
    assert caught.value.error.sqlstate == "22P03"


def test_an_overlay_replaces_the_bulk_way() -> None:
    registry = Registry()
    registry.overlay(INT4, lambda text: f"<{text}>")
    decoder = row_decoder([Column(INT4), Column(FLOAT8)], registry=registry)
    assert decode(decoder, row(b"1", b"2") * 20)[0] == [("<1>", 2.0)] * 20


def test_converters_agree_on_the_empty_text() -> None:
    converter = column_converter(
        TEXT, 0, encoding="utf-8", errors="strict", styles=DEFAULT_STYLES, registry=None
    )
    assert converter.single(b"") == ""
    assert list(converter.bulk([b"", b""])) == ["", ""]


def test_a_decoder_that_raises_what_it_must_not_costs_a_value_not_the_connection() -> None:
    def single(value: bytes) -> object:
        raise ValueError(value)

    decode = _converting([Converter(single, lambda values: [single(value) for value in values])])
    data = b"D\0\0\0\x0b\0\1\0\0\0\1x"
    with pytest.raises(ValueFailure) as caught:
        decode.decode(data, 0, len(data), [])
    assert caught.value.position == len(data)
    assert str(caught.value.error) == "a value could not be read: ValueError"
    assert isinstance(caught.value.error.__cause__, ValueError)
