"""Bulk decoders and encoders on a real server: typical shapes, both formats, COPY and Bind."""

from __future__ import annotations

import datetime as dt
import struct
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

import psycopg
import pytest

from purelink.values import bulk, oids
from purelink.values.encoders import (
    COPY_BINARY_HEADER,
    COPY_BINARY_TRAILER,
    batch_encoder,
    copy_encoder,
    copy_text_encoder,
)
from purelink.values.rows import RowDecoder
from purelink.values.rows import row_decoder as careful_decoder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import AnyServer

UTC = dt.timezone.utc


class Column(NamedTuple):
    type_oid: int
    format: int


SHAPES = {
    "nums": "n::int4, n::int8 * 1000000007, n / 7::float8",
    "fixed": "n::int2 % 100, n % 2 = 0, n::oid, date '2000-01-01' + n, md5(n::text)::uuid",
    "nullable": "nullif(n % 10, 0)::int4, case when n % 3 = 0 then n * 0.5::float8 end",
    "mixed": "n::int4, 'name ' || n, timestamptz '2024-01-01 00:00+00' + n * interval '1.5 s',"
    " n::numeric / 100, n % 2 = 0, case when n % 4 = 0 then 'n\u00f6te \u20ac' || n end",
    "json": "jsonb_build_object('id', n, 'tags', array['a', '\u00e9'], 'x', n / 4.0),"
    " array[n, null, -n], md5(n::text)::uuid",
    "odd": "(case n % 3 when 0 then 'NaN' when 1 then n::text else 'Infinity' end)::float8,"
    " date '2024-01-01' + n, time '00:00' + n * interval '1 s', '[1,2)'::int4range, 'a'::\"char\"",
    "bytes": "n::int4, decode(repeat(md5(n::text), n % 50), 'hex'), repeat('x', n % 300)",
}


@pytest.fixture(scope="module")
def link(server: AnyServer) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(server.dsn, autocommit=True, prepare_threshold=None) as connection:
        connection.execute("set timezone = 'Asia/Kolkata'")
        yield connection


def captured(link: psycopg.Connection[Any], sql: str, form: int) -> tuple[list[Column], bytes]:
    """Return a result's columns and its rows, as the messages that the server sent for them."""
    result = link.pgconn.exec_params(sql.encode(), [], result_format=form)
    assert result.status == psycopg.pq.ExecStatus.TUPLES_OK, result.error_message
    places = range(result.nfields)
    messages = []
    for number in range(result.ntuples):
        values = [result.get_value(number, place) for place in places]
        body = struct.pack(">H", len(values)) + b"".join(
            struct.pack(">i", -1) if one is None else struct.pack(">i", len(one)) + one
            for one in values
        )
        messages.append(b"D" + struct.pack(">i", len(body) + 4) + body)
    return [Column(result.ftype(place), form) for place in places], b"".join(messages)


@pytest.mark.parametrize("form", [0, 1], ids=["text", "binary"])
@pytest.mark.parametrize("shape", SHAPES)
def test_typical_shapes(
    link: psycopg.Connection[Any], shape: str, form: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    sql = f"select {SHAPES[shape]} from generate_series(1, 5000) n"
    columns, buffer = captured(link, sql, form)
    wanted: list[Any] = []
    assert careful_decoder(columns).decode(buffer, 0, len(buffer), wanted) == len(buffer)
    for piece in (len(buffer), 65_536, 10_007):
        rows: list[Any] = []
        at = end = 0
        decoder = bulk.row_decoder(columns)
        while at < len(buffer):
            end = min(end + piece, len(buffer))
            at = decoder.decode(buffer, at, end, rows)
        assert repr(rows) == repr(wanted)

    # and that was the quick way: the careful one is needed for the last row at most
    careful = careful_decoder(columns).decode

    def last(buffer: bytes, start: int, end: int, rows: list[Any]) -> int:
        assert end - start < 100
        return careful(buffer, start, end, rows)

    def gone(*_: object, **__: object) -> RowDecoder:
        return RowDecoder(last)

    monkeypatch.setattr(bulk, "careful_decoder", gone)
    monkeypatch.setattr(bulk, "_decoders", {})
    rows = []
    assert bulk.row_decoder(columns).decode(buffer, 0, len(buffer), rows) == len(buffer)
    assert repr(rows) == repr(wanted)


def test_both_formats_give_equal_rows(link: psycopg.Connection[Any]) -> None:
    for shape in ("nums", "fixed", "nullable", "mixed", "json", "bytes"):
        sql = f"select {SHAPES[shape]} from generate_series(1, 500) n"
        found = []
        for form in (0, 1):
            columns, buffer = captured(link, sql, form)
            rows: list[Any] = []
            bulk.row_decoder(columns).decode(buffer, 0, len(buffer), rows)
            found.append(rows)
        assert found[0] == found[1], shape


TYPES = {
    "bool": oids.BOOL,
    "int2": oids.INT2,
    "int4": oids.INT4,
    "int8": oids.INT8,
    "oid": oids.OID,
    "float4": oids.FLOAT4,
    "float8": oids.FLOAT8,
    "text": oids.TEXT,
    "bytea": oids.BYTEA,
    "date": oids.DATE,
    "timestamp": oids.TIMESTAMP,
    "timestamptz": oids.TIMESTAMPTZ,
    "uuid": oids.UUID,
}
WRITTEN: list[tuple[Any, ...]] = [
    (
        True,
        -1,
        1 << 30,
        -(1 << 62),
        4_000_000_000,
        1.5,
        0.1,
        "h\u00e9\t\n\r\\.\\N\"'",
        b"\0\\x\xff",
        dt.date(1, 1, 1),
        dt.datetime(1, 1, 1),  # noqa: DTZ001
        dt.datetime(2024, 1, 1, 2, 3, 4, 5, tzinfo=dt.timezone(dt.timedelta(hours=-3))),
        UUID(int=5),
    ),
    (None,) * 13,
    (
        *(False, 0, 0, 0, 0, float("inf"), float("-inf"), "", b"", dt.date(9999, 12, 31)),
        dt.datetime(9999, 12, 31, 23, 59, 59, 999_999),  # noqa: DTZ001
        dt.datetime(1970, 1, 1, tzinfo=UTC),
        UUID(int=(1 << 128) - 1),
    ),
]


@pytest.mark.parametrize("form", ["text", "binary"])
def test_copy_in_writes_what_was_meant(link: psycopg.Connection[Any], form: str) -> None:
    columns = ", ".join([f"c{number} {name}" for number, name in enumerate(TYPES)])
    link.execute(f"create temp table if not exists bulk ({columns})")
    link.execute("truncate bulk")
    with link.cursor().copy(f"copy bulk from stdin (format {form})") as copy:
        if form == "binary":
            encode = copy_encoder(list(TYPES.values()))
            assert encode is not None
            copy.write(COPY_BINARY_HEADER + encode(WRITTEN) + COPY_BINARY_TRAILER)
        else:
            copy.write(copy_text_encoder()(WRITTEN))
    assert link.execute("select * from bulk").fetchall() == WRITTEN


def test_binds_write_what_was_meant(link: psycopg.Connection[Any]) -> None:
    """What a batch holds is handed to libpq parameter by parameter."""
    types = list(TYPES.values())
    data = batch_encoder(types)(WRITTEN)
    selected = ", ".join([f"${number}::{name}" for number, name in enumerate(TYPES, 1)])
    for wanted in WRITTEN:
        size = 1 + struct.unpack(">i", data[1:5])[0]
        body, data = data[7:size], data[size + 10 :]
        formats = struct.unpack(f">{len(types)}H", body[2 : 2 + 2 * len(types)])
        at, values = 4 + 2 * len(types), []
        for _ in types:
            (length,) = struct.unpack(">i", body[at : at + 4])
            values.append(None if length < 0 else body[at + 4 : at + 4 + length])
            at += 4 + max(length, 0)
        assert body[at:] == b"\0\0"
        result = link.pgconn.exec_params(
            f"select {selected}".encode(), values, param_types=types, param_formats=formats
        )
        assert result.status == psycopg.pq.ExecStatus.TUPLES_OK, result.error_message
        found = [result.get_value(0, place) for place in range(len(types))]
        decoder = careful_decoder([Column(oid, 0) for oid in types])
        rows: list[Any] = []
        body = struct.pack(">H", len(types)) + b"".join(
            struct.pack(">i", -1) if one is None else struct.pack(">i", len(one)) + one
            for one in found
        )
        message = b"D" + struct.pack(">i", len(body) + 4) + body
        decoder.decode(message, 0, len(message), rows)
        assert rows == [wanted]
