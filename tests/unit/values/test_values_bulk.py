"""Which way rows go, that the careful decoder judges what the others leave, and the formats."""

from __future__ import annotations

import gc
import struct
import uuid
from datetime import date
from typing import Any, NamedTuple

import pytest

from purelink.errors import RemoteProtocolError
from purelink.values import bulk, oids
from purelink.values.bulk import BulkRowDecoder, best_formats, row_decoder
from purelink.values.rows import RowDecoder, ValueFailure
from purelink.values.rows import row_decoder as careful_decoder
from purelink.values.styles import DEFAULT_STYLES
from purelink.values.text import Registry

INT4, TEXT, BOOL, FLOAT8, DATE, UUID, BYTEA = 23, 25, 16, 701, 1082, 2950, 17


class Column(NamedTuple):
    type_oid: int
    format: int = 0


def row(*values: bytes | None) -> bytes:
    body = struct.pack(">H", len(values))
    for value in values:
        body += struct.pack(">i", -1) if value is None else struct.pack(">i", len(value)) + value
    return b"D" + struct.pack(">i", len(body) + 4) + body


def decode(decoder: Any, buffer: bytes) -> tuple[list[Any], int]:
    rows: list[Any] = []
    return rows, decoder.decode(buffer, 0, len(buffer), rows)


def number(value: int) -> bytes:
    return struct.pack(">i", value)


@pytest.fixture
def no_careful_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail where a quick way leaves anything to the judge, but the end."""

    def refuse(*_: object, **__: object) -> RowDecoder:
        def decode(buffer: bytes, start: int, end: int, rows: list[Any]) -> int:
            if start + 6 < end and buffer[start] == 0x44:
                raise AssertionError(buffer[start : start + 40])
            return start

        return RowDecoder(decode)

    monkeypatch.setattr(bulk, "careful_decoder", refuse)
    monkeypatch.setattr(bulk, "_decoders", {})


@pytest.mark.usefixtures("no_careful_way")
@pytest.mark.parametrize("count", [600, 5000])
def test_fixed_widths_by_strides(count: int) -> None:
    columns = [Column(oid, 1) for oid in (INT4, BOOL, FLOAT8, DATE, UUID)]
    one = uuid.UUID(int=1 << 100)
    buffer = b"".join(
        row(number(n), b"\1", struct.pack(">d", n / 2), number(n), one.bytes) for n in range(count)
    )
    rows, end = decode(row_decoder(columns), buffer + b"C\0\0\0\x0dSELECT 1\0")
    assert end == len(buffer)
    assert rows[:2] == [
        (0, True, 0.0, date(2000, 1, 1), one),
        (1, True, 0.5, date(2000, 1, 2), one),
    ]
    assert [n for n, *_ in rows] == list(range(count))


@pytest.mark.usefixtures("no_careful_way")
@pytest.mark.parametrize("spacing", [2, 40, 700])
def test_nulls_between_fixed_widths(spacing: int) -> None:
    values = [None if n % spacing == 0 else n for n in range(9000)]
    buffer = b"".join(
        row(None if n is None else number(n), b"\1" if n else None, b"\0\0") for n in values
    )
    columns = [Column(INT4, 1), Column(BOOL, 1), Column(oids.INT2, 1)]
    rows, _ = decode(row_decoder(columns), buffer)
    assert rows == [(n, True if n else None, 0) for n in values]


@pytest.mark.usefixtures("no_careful_way")
def test_text_by_one_expression_and_long_rows_by_the_loop() -> None:
    columns = [Column(INT4), Column(TEXT), Column(BOOL), Column(99999)]
    short = [(n, f"é{n}" if n % 3 else None, n % 2 == 0, "mood") for n in range(3000)]
    long = [(n, "x" * 70_000 if n == 2 else "y" * 6_000, None, "") for n in range(5)]

    def sent(n: int, text: str | None, flag: bool | None, mood: str) -> bytes:
        known = {True: b"t", False: b"f", None: None}[flag]
        return row(b"%d" % n, None if text is None else text.encode(), known, mood.encode())

    buffer = b"".join([sent(*one) for one in short + long + short])
    assert decode(row_decoder(columns), buffer) == (short + long + short, len(buffer))


def test_the_second_use_is_compiled_for() -> None:
    decoder = BulkRowDecoder(
        [Column(INT4)], "utf-8", "strict", DEFAULT_STYLES, Registry(), pause_collector=True
    )
    assert decode(decoder, row(b"1") * 3)[0] == [(1,)] * 3
    assert decoder._loop is None
    assert decode(decoder, row(b"-1") * 3)[0] == [(-1,)] * 3
    assert decoder._loop is not None


def test_pypy_goes_by_the_loop_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "_COMPILES_LOOPS", True)
    monkeypatch.setattr(bulk, "_decoders", {})
    decoder = row_decoder([Column(INT4, 1)])
    assert isinstance(decoder, BulkRowDecoder)
    assert decode(decoder, row(number(7)) * 5000)[0] == [(7,)] * 5000
    assert decoder._bulk is None


BYTES = [b"\0\xff", b"", b"\0" * 5000]


@pytest.mark.parametrize("encoding", ["utf-8", "iso8859-1"])
def test_other_shapes_go_by_the_loop(encoding: str) -> None:
    columns = [Column(BYTEA, 1), Column(TEXT, 1), Column(TEXT), Column(700, 1), Column(INT4, 1)]
    buffer = b"".join(
        row(one, "é".encode(encoding), None, b"\x3f\x80\0\0", number(1)) for one in BYTES * 300
    )
    rows, end = decode(row_decoder(columns, encoding=encoding), buffer)
    assert rows == [(one, "é", None, 1.0, 1) for one in BYTES * 300]
    assert end == len(buffer)


def test_sql_ascii_goes_by_the_loop() -> None:
    buffer = row(b"\xff", b"t") * 2000
    decoder = row_decoder([Column(TEXT), Column(BOOL)], errors="surrogateescape")
    assert decode(decoder, buffer)[0] == [("\udcff", True)] * 2000


@pytest.mark.parametrize("binary", [0, 1])
def test_a_notice_between_rows_ends_the_run(binary: int) -> None:
    good = row(number(1) if binary else b"1") * 1000
    buffer = good + b"N\0\0\0\x09SABC\0" + good
    decoder = row_decoder([Column(INT4, binary)])
    rows: list[Any] = []
    assert decoder.decode(buffer, 0, len(buffer), rows) == len(good)
    assert decoder.decode(buffer, len(good) + 10, len(buffer), rows) == len(buffer)
    assert rows == [(1,)] * 2000


@pytest.mark.parametrize("binary", [0, 1])
@pytest.mark.parametrize("place", [0, 1, 700, 1999])
def test_a_lie_is_refused_wherever_it_stands(binary: int, place: int) -> None:
    good = row(number(1) if binary else b"1234")
    for at, octet in ((0, 0x45), (1, 0x80), (4, 5), (4, 15), (6, 2), (10, 3), (10, 5), (7, 255)):
        lie = bytearray(good)
        lie[at] = octet
        buffer = good * place + bytes(lie) + good * (1999 - place)
        wanted: list[object] = []
        for decoder in (careful_decoder, row_decoder):
            rows: list[Any] = []
            try:
                end = decoder([Column(INT4, binary)]).decode(buffer, 0, len(buffer), rows)
                wanted.append((end, rows))
            except (RemoteProtocolError, ValueFailure) as error:
                wanted.append(str(error))
        assert wanted[0] == wanted[1]


@pytest.mark.parametrize(
    ("column", "good", "bad"),
    [
        (Column(DATE, 1), number(1), number(0x7FFFFFFF)),
        (Column(BOOL, 1), b"\1", b"\2"),
        (Column(BOOL), b"t", b"T"),
        (Column(TEXT), b"x", b"\xe9"),
        (Column(INT4), b"1", b"2147483648"),
    ],
)
def test_a_bad_value_is_told_in_step(column: Column, good: bytes, bad: bytes) -> None:
    buffer = row(good) * 3000 + row(bad) + row(good) * 3000
    decoder = row_decoder([column])
    rows: list[Any] = []
    with pytest.raises(ValueFailure) as caught:
        decoder.decode(buffer, 0, len(buffer), rows)
    assert len(rows) == 3000
    assert caught.value.position == 3000 * len(row(good)) + len(row(bad))
    assert decoder.decode(buffer, caught.value.position, len(buffer), rows) == len(buffer)
    assert len(rows) == 6000


def test_no_columns_and_very_many_go_the_careful_way() -> None:
    assert decode(row_decoder([]), row() * 3000)[0] == [()] * 3000
    many = [Column(INT4)] * 200
    assert isinstance(row_decoder(many), RowDecoder)
    assert decode(row_decoder(many), row(*[b"1"] * 200) * 20)[0] == [(1,) * 200] * 20


def test_decoders_are_kept_and_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "_decoders", {})
    monkeypatch.setattr(bulk, "_MOST_DECODERS", 2)
    first = row_decoder([Column(INT4)], registry=Registry())
    assert row_decoder([Column(INT4)]) is first
    assert row_decoder([Column(INT4)], encoding="iso8859-1") is not first
    assert row_decoder([Column(INT4, 1)]) is not first
    assert row_decoder([Column(INT4)]) is not first
    assert len(bulk._decoders) == 2


def test_a_program_s_own_decoder_is_not_kept() -> None:
    registry = Registry()
    registry.overlay(INT4, lambda text: f"<{text}>")
    columns = [Column(INT4), Column(BOOL)]
    decoder = row_decoder(columns, registry=registry)
    assert decoder is not row_decoder(columns, registry=registry)
    assert decode(decoder, row(b"1", b"t") * 3000)[0] == [("<1>", True)] * 3000
    other = [Column(TEXT)]
    assert row_decoder(other, registry=registry) is row_decoder(other)


@pytest.mark.parametrize("pause", [False, True])
@pytest.mark.parametrize("enabled", [False, True])
def test_the_collector_rests_for_one_piece_and_comes_back(
    pause: bool, enabled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "_COMPILES_LOOPS", False)  # PyPy's needs no rest
    seen: list[bool] = []
    registry = Registry()
    registry.overlay(INT4, lambda _: seen.append(gc.isenabled()))
    decoder = row_decoder([Column(INT4)], registry=registry, pause_collector=pause)
    was = gc.isenabled()
    (gc.enable if enabled else gc.disable)()
    try:
        decode(decoder, row(b"1") * 3000)
        assert gc.isenabled() is enabled
        assert set(seen) == {enabled and not pause}
        seen.clear()
        decode(decoder, row(b"1") * 3)
        assert set(seen) == {enabled}
        with pytest.raises(RemoteProtocolError):
            decode(decoder, row(b"1") * 3000 + row(b"1", b"2"))
        assert gc.isenabled() is enabled
    finally:
        (gc.enable if was else gc.disable)()


@pytest.mark.parametrize(
    ("types", "wanted"),
    [
        ([], ()),
        ([INT4, oids.INT8, FLOAT8], (1, 1, 1)),
        ([BOOL, DATE, UUID, oids.OID], (1, 1, 1, 1)),
        ([INT4, TEXT], (0, 0)),
        ([INT4, oids.TIMESTAMP], (0, 0)),
        ([oids.FLOAT4], (0,)),
        ([BYTEA], (1,)),
        ([INT4, TEXT, BYTEA, oids.JSONB], (1, 1, 1, 1)),
        ([BYTEA, oids.NUMERIC], (0, 0)),
    ],
)
def test_best_formats(types: list[int], wanted: tuple[int, ...]) -> None:
    columns = [Column(oid) for oid in types]
    assert best_formats(columns) == best_formats(columns, Registry()) == wanted


def test_a_type_with_its_own_decoder_is_asked_for_as_text() -> None:
    registry = Registry()
    registry.overlay(INT4, len)
    assert best_formats([Column(INT4), Column(FLOAT8)], registry) == (0, 0)
    assert best_formats([Column(FLOAT8)], registry) == (1,)
