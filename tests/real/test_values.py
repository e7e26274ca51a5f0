"""Values on a real server: there and back unchanged, every style, and its input functions.

The property is exact: what a parameter was is what the same value comes back as.
"""

# ruff: noqa: DTZ001 - timestamps without a zone are meant

from __future__ import annotations

import json
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from ipaddress import ip_address, ip_interface, ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import purelink
from purelink.errors import DatabaseError, DataError
from purelink.values import oids
from purelink.values.binary import binary_decoder
from purelink.values.interval import Interval
from purelink.values.keywords import RESERVED
from purelink.values.parameters import Json, Jsonb
from purelink.values.quoting import identifier, literal, quote_ident
from purelink.values.ranges import Multirange, Range
from purelink.values.text import text_decoder
from purelink.values.types import type_named

if TYPE_CHECKING:
    from collections.abc import Iterator

    from purelink.connection import Connection
    from tests.conftest import AnyServer

RECORDED: dict[str, list[tuple[str, Any]]] = json.loads(
    (Path(__file__).parents[1] / "unit" / "values" / "input_recorded.json").read_text("utf-8")
)
UTC = timezone.utc


@pytest.fixture(scope="module")
def link(server: AnyServer) -> Iterator[Connection]:
    connection = purelink.connect(server.dsn, autocommit=True)
    yield connection
    connection.close()


def echo(link: Connection, value: object, declared: str) -> object:
    return link.query(f"select $1::{declared}", value).scalar()


VALUES: list[tuple[object, str]] = [
    (None, "int"),
    (True, "bool"),
    (-32768, "int2"),
    (2147483647, "int4"),
    (-(1 << 63), "int8"),
    (4294967295, "oid"),
    (0.1, "float8"),
    (1e-320, "float8"),
    (float("inf"), "float8"),
    (0.1, "float4"),
    (Decimal("12345.67890"), "numeric"),
    (Decimal("0.00"), "numeric"),
    (Decimal("-Infinity"), "numeric"),
    ("h\xe9 \u20ac \U0001f600 '\"\\", "text"),
    ("", "text"),
    ("a  ", "char(3)"),
    (b"\0\xff'\\", "bytea"),
    (b"", "bytea"),
    (date(1, 1, 1), "date"),
    (date(9999, 12, 31), "date"),
    (time(23, 59, 59, 999999), "time"),
    (time(12, 34, tzinfo=timezone(timedelta(0, -57599))), "timetz"),
    (datetime(9999, 12, 31, 23, 59, 59, 999999), "timestamp"),
    (datetime(1800, 1, 1, tzinfo=UTC), "timestamptz"),
    (datetime(2024, 1, 1, tzinfo=timezone(timedelta(0, 19800))), "timestamptz"),
    (timedelta(-1, 5, 6), "interval"),
    (timedelta(999999999), "interval"),
    (Interval(14, -3, -1_500_000), "interval"),
    (Interval(-(1 << 31) + 1, (1 << 31) - 1, (1 << 63) - 1), "interval"),
    (UUID(int=1 << 100), "uuid"),
    (ip_address("10.0.0.1"), "inet"),
    (ip_interface("fe80::1/64"), "inet"),
    (ip_network("10.0.0.0/8"), "cidr"),
    ([], "int[]"),
    ([1, None, 3], "int[]"),
    ([[1, 2], [3, 4]], "int8[]"),
    (["a'b", "c\\", None, "NULL", "{", " ", "", '"', "a,b"], "text[]"),
    ([b"\xde", b""], "bytea[]"),
    ([1.5, None], "float8[]"),
    ([datetime(2024, 1, 1, 1)], "timestamp[]"),
    ([timedelta(1), Interval(1)], "interval[]"),
    ([Decimal("1.50")], "numeric[]"),
    (Range(1, 5), "int4range"),
    (Range(empty=True), "int8range"),
    (Range(), "daterange"),
    (Range(Decimal("1.5"), None, "()"), "numrange"),
    (Range(datetime(2024, 1, 1), datetime(2025, 1, 1), "[]"), "tsrange"),
    ([Range(1, 5), Range(empty=True)], "int4range[]"),
    (Multirange([Range(1, 3), Range(5, 8)]), "int4multirange"),
]


@pytest.mark.parametrize(("value", "declared"), VALUES, ids=range(len(VALUES)))
def test_there_and_back(link: Connection, value: object, declared: str) -> None:
    if "multirange" in declared and link.server_version < 140000:
        pytest.skip("multiranges came with 14")
    if "Interval" in repr(value):
        link.odd_values = "exact"
    try:
        returned = echo(link, value, declared)
    finally:
        link.odd_values = "error"
    assert returned == value
    assert type(returned) is type(value)


def test_a_large_int_comes_back_as_decimal(link: Connection) -> None:
    assert echo(link, 10**40, "numeric") == Decimal(10**40)


def test_json_there_and_back(link: Connection) -> None:
    value = {"a": [1, 2.5, None, "x\xe9\U0001f600"], "": {}}
    assert echo(link, Jsonb(value), "jsonb") == value
    assert echo(link, Json(value), "json") == value
    assert echo(link, [Jsonb(value), None], "jsonb[]") == [value, None]


texts = st.text(st.characters(exclude_characters="\0", codec="utf-8"))
PROPERTIES: dict[str, st.SearchStrategy[Any]] = {
    "text": texts,
    "int8": st.integers(-(1 << 63), (1 << 63) - 1),
    "float8": st.floats(allow_nan=False),
    "numeric": st.decimals(-(10**30), 10**30, places=9),
    "timestamp": st.datetimes(),
    "date": st.dates(),
    "time": st.times(),
    "bytea": st.binary(),
    "uuid": st.uuids(),
    "interval": st.timedeltas(timedelta(-100000), timedelta(100000)),
    "inet": st.ip_addresses(),
}


@pytest.mark.parametrize("declared", sorted(PROPERTIES))
@settings(
    max_examples=50,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_any_value_there_and_back(link: Connection, declared: str, data: st.DataObject) -> None:
    value = data.draw(PROPERTIES[declared])
    array = data.draw(st.lists(st.none() | PROPERTIES[declared], max_size=4))
    row = link.query(f"select $1::{declared}, $2::{declared}[]", value, array)[0]
    assert row == (value, array)
    assert str(row[0]) == str(value)


SAMPLES = [
    (one, declared)
    for declared in ("date", "timestamp", "timestamptz")
    for one in ("2024-03-05 06:07:08.9", "1800-01-01", "1999-12-31 23:59:59.999999")
]


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata", "America/New_York"])
@pytest.mark.parametrize("order", ["MDY", "DMY", "YMD"])
@pytest.mark.parametrize("style", ["ISO", "SQL", "Postgres", "German"])
def test_dates_in_every_style(link: Connection, style: str, order: str, zone: str) -> None:
    link.query(f"set datestyle = {style}, {order}")
    link.query(f"set timezone = {literal(zone)}")
    try:
        for text, declared in SAMPLES:
            wanted = text_decoder(oids.BY_NAME[declared])
            iso = text if declared != "date" else text[:10]
            if declared != "date" and len(iso) == 10:
                iso += " 00:00:00"
            query = f"select '{text}'::{declared}"
            if declared == "timestamptz":
                query = f"select '{text} UTC'::timestamptz"
                iso += "+00"
            assert link.query(query).scalar() == wanted(iso), (text, declared)
    finally:
        link.query("reset datestyle")
        link.query("reset timezone")


@pytest.mark.parametrize("style", ["postgres", "postgres_verbose", "sql_standard", "iso_8601"])
def test_intervals_in_every_style(link: Connection, style: str) -> None:
    values = [
        timedelta(),
        timedelta(1),
        timedelta(-1),
        timedelta(-1, 3600),
        timedelta(-1, -7384),
        timedelta(1, 7384),
        timedelta(0, -1, 500000),
        timedelta(0, 0, 1),
        timedelta(hours=2540400000),
        Interval(14, 3, 14706789000),
        Interval(-1),
        Interval(-14, 3, -14706000000),
        Interval(1, 1),
        Interval(-36, -1, -1),
        Interval(11, 0, 60_000_000),
    ]
    link.query(f"set intervalstyle = {style}")
    try:
        for value in values:
            link.odd_values = "exact" if isinstance(value, Interval) else "error"
            assert echo(link, value, "interval") == value, value
            if isinstance(value, Interval):
                link.odd_values = "text"
                text = echo(link, value, "interval")
                assert type(text) is str
                assert link.query("select $1::interval = $2", text, value).scalar() is True
                link.odd_values = "error"
                with pytest.raises(DataError, match="odd_values"):
                    echo(link, value, "interval")
    finally:
        link.odd_values = "error"
        link.query("reset intervalstyle")


def test_keywords_and_quoting_are_the_server_s(link: Connection) -> None:
    known = {word for (word,) in link.query("select word from pg_get_keywords()")}
    for word in [*sorted(RESERVED & known), "abc", "Abc", "a b", "_x1", "1x", 'a"b', "\xe9", ""]:
        assert quote_ident(word) == link.query("select quote_ident($1::text)", word).scalar()
    if link.server_version >= 180000:
        query = "select word from pg_get_keywords() where catcode <> 'U'"
        assert {word for (word,) in link.query(query)} == RESERVED
    for text in ("a'b", "a\\b", "'\\'", "", "$1", "--", "/*", "\xe9\U0001f600"):
        result = link.query(f"select {literal(text)} as {identifier(text or 'x')}")
        assert result.scalar() == text
        assert result.column_names == [text or "x"]


def test_type_names_are_the_server_s(link: Connection) -> None:
    for name in (
        "int",
        "varchar(3)",
        "char",
        '"char"',
        "numeric(10,2)",
        "timestamp(3) with time zone",
        "text[]",
        "bit",
        "bit varying(5)",
        "float(24)",
        "national character varying(3)",
        "interval day to second(3)",
        "pg_catalog.int4",
        "time without time zone",
    ):
        result = link.query(f"select null::{name}")
        assert result.description is not None
        column = result.description[0]
        assert (column.type_oid, column.type_modifier) == type_named(name), name


def test_the_table_of_types_is_the_server_s(link: Connection) -> None:
    rows = link.query(
        "select oid::int8, typname::text, typarray::int8, typdelim::text,"
        " format_type(oid, null) from pg_type where oid < 10000 and typtype in ('b', 'r', 'm')"
    )
    for oid, name, array, delimiter, sql in rows:
        if oid in oids.TYPES:
            known = oids.TYPES[oid]
            assert (known.name, known.array, known.delimiter, known.sql) == (
                name,
                array,
                delimiter,
                sql,
            )


@pytest.mark.parametrize("declared", sorted(RECORDED))
def test_input_functions_say_today_what_was_recorded(link: Connection, declared: str) -> None:
    if link.server_version < 180000:
        pytest.skip("recorded from 18; the texts changed between versions")
    try:
        link.query("create extension if not exists dblink")
    except DatabaseError:
        pytest.skip("no dblink on this server")
    name = "values_" + str(sorted(RECORDED).index(declared))
    own = link.query(
        "select format('dbname=%s user=%s host=%s port=%s', current_database(), current_user,"
        " split_part(current_setting('unix_socket_directories'), ',', 1),"
        " current_setting('port'))"
    ).scalar()
    try:
        link.query("select dblink_connect($1::text, $2::text)", name, own)
    except DatabaseError as error:
        pytest.skip(f"the server cannot reach itself: {error}")
    try:
        for text, recorded in RECORDED[declared]:
            query = (
                "select a::text from"
                f" dblink({literal(name)}, {literal('select ' + literal(text) + '::text')})"
                f" as t(a {declared})"
            )
            if isinstance(recorded, list):
                with pytest.raises(DatabaseError) as caught:
                    link.query(query)
                said = [caught.value.sqlstate, caught.value.message]
                assert said == recorded[:2], text
            elif declared not in {"boolean", "char", "char(3)", "bpchar", "inet"}:
                # a cast to text prints these otherwise than a result does
                assert link.query(query).scalar() == recorded, text
    finally:
        link.query("select dblink_disconnect($1::text)", name)


def test_a_binary_cursor_gives_equal_values(link: Connection) -> None:
    selected = (
        "1::int4, 2::int8, 1.5::float8, 12345.6789::numeric, true, 'x'::text, '\\xff'::bytea,"
        " date '2024-01-01', timestamp '2024-01-01 1:2:3.4', timestamptz '2024-01-01 0:0:0+00',"
        " interval '2 days', '{1,2}'::int[], '[1,5)'::int4range, '10.0.0.0/8'::cidr,"
        " 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid, '{\"a\": 1}'::jsonb, 0.1::float4"
    )
    results = link.script(
        f"begin; declare c binary cursor for select {selected}; fetch c; rollback;"
        f" select {selected}"
    )
    assert results[2].description is not None
    assert {column.format for column in results[2].description} == {1}
    assert repr(results[2].rows) == repr(results[4].rows)
    assert binary_decoder(oids.INT4)(b"\0\0\0\1") == 1
