"""Input functions against what PostgreSQL 18.6 itself said: `input_recorded.json`.

The file holds, for a declared type, texts and what came of them through dblink's column
definition list: the value's text, or SQLSTATE, message, DETAIL, HINT (of json the first two
only). tests/real/test_values.py asks a server again.
"""

# ruff: noqa: DTZ001 - timestamps without a zone are meant

from __future__ import annotations

import json
from datetime import datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from purelink.errors import DatabaseError, DataError, NotSupportedError
from purelink.values import oids
from purelink.values.input import input_function
from purelink.values.interval import Interval, interval_fields
from purelink.values.styles import Styles
from purelink.values.text import Registry, text_decoder
from purelink.values.types import type_named

RECORDED: dict[str, list[tuple[str, Any]]] = json.loads(
    (Path(__file__).parent / "input_recorded.json").read_text("utf-8")
)


def told(error: DatabaseError, recorded: list[str | None]) -> list[str | None]:
    said = [error.sqlstate, error.message, error.detail, error.hint]
    return [*said[: len(recorded)], *[one for one in said[len(recorded) :] if one is not None]]


def interval(text: str) -> object:
    """Return what a declared interval becomes: months are no error there."""
    fields = interval_fields(text)
    if fields is None or fields[0]:
        return Interval(*fields) if fields else text_decoder(oids.INTERVAL)(text)
    try:
        return timedelta(fields[1], 0, fields[2])
    except OverflowError:
        return Interval(*fields)


@pytest.mark.parametrize("declared", sorted(RECORDED))
def test_as_the_server_did(declared: str) -> None:
    oid, typmod = type_named(declared)
    read = input_function(oid, typmod, Styles())
    decode = interval if oid == oids.INTERVAL else text_decoder(oid)
    for text, recorded in RECORDED[declared]:
        if isinstance(recorded, list):
            with pytest.raises(DatabaseError) as caught:
                read(text)
            said = told(caught.value, recorded)
            if "json" in declared:
                said = said[:2]
            assert said == recorded, text
            continue
        try:
            expected = decode(recorded)
        except DataError:  # Python cannot hold it, whichever way it comes
            with pytest.raises(DataError, match="cannot hold") as caught:
                read(text)
            assert caught.value.sqlstate == "22008", text
            continue
        value = read(text)
        assert value == expected or repr(value) == repr(expected), text
        assert type(value) is type(expected), text


def read(declared: str, text: str, styles: Styles | None = None) -> object:
    oid, typmod = type_named(declared)
    return input_function(oid, typmod, styles or Styles())(text)


@pytest.mark.parametrize(
    ("datestyle", "text", "value"),
    [
        ("SQL, DMY", "05/03/2024 06:07:08", datetime(2024, 3, 5, 6, 7, 8)),
        ("SQL, MDY", "05/03/2024 06:07:08", datetime(2024, 5, 3, 6, 7, 8)),
        ("ISO, YMD", "24/03/05", datetime(2024, 3, 5)),
        ("Postgres, DMY", "Tue 05 Mar 06:07:08.9 2024", datetime(2024, 3, 5, 6, 7, 8, 900000)),
        ("German, DMY", "05.03.2024 06:07:08", datetime(2024, 3, 5, 6, 7, 8)),
    ],
)
def test_the_order_of_day_and_month_is_datestyle_s(
    datestyle: str, text: str, value: object
) -> None:
    assert read("timestamp", text, Styles(datestyle)) == value


def test_a_text_without_zone_is_in_the_session_s() -> None:
    paris = Styles(timezone="Europe/Paris")
    summer = datetime(2024, 7, 1, 12, tzinfo=ZoneInfo("Europe/Paris"))
    assert read("timestamptz", "2024-07-01 12:00:00", paris) == summer
    assert read("timestamptz", "2024-07-01 10:00:00+00", paris) == summer
    two = timezone(timedelta(hours=2))
    assert read("timetz", "2024-07-01 12:00:00", paris) == time(12, tzinfo=two)
    assert read("timetz", "12:00:00", paris) == time(12, tzinfo=timezone(timedelta(hours=1)))
    with pytest.raises(DataError, match='time zone "Nowhere/At-All" not recognized') as caught:
        read("timestamptz", "2024-07-01 12:00:00", Styles(timezone="Nowhere/At-All"))
    assert caught.value.sqlstate == "22023"


@pytest.mark.parametrize("text", ["now", "today", "tomorrow", "yesterday 04:00"])
def test_what_needs_a_clock_is_refused(text: str) -> None:
    with pytest.raises(NotSupportedError, match="needs a clock"):
        read("timestamp", text)


def test_the_style_decides_a_bare_minus() -> None:
    text = "-1 2:03:04"
    assert read("interval", text) == timedelta(-1, 7384)
    assert read("interval", text, Styles(intervalstyle="sql_standard")) == timedelta(-1, -7384)


def test_records_have_no_input() -> None:
    with pytest.raises(NotSupportedError) as caught:
        read("record", "(1)")
    assert str(caught.value) == "input of anonymous composite types is not implemented"


@pytest.mark.parametrize(
    ("declared", "text", "printed"),
    [
        ("point", " ( 1 , 2e1 ) ", "(1,20)"),
        ("point", "1,-.5", "(1,-0.5)"),
        ("lseg", "1,2,3,4", "[(1,2),(3,4)]"),
        ("lseg", "( (1,2) , (3,4) )", "[(1,2),(3,4)]"),
        ("lseg", "(1,2),(3,4)", "[(1,2),(3,4)]"),
        ("box", "((1,4),(3,2))", "(3,4),(1,2)"),
        ("path", "[ (1,2), (3,4) ]", "[(1,2),(3,4)]"),
        ("path", "(1,2)", "((1,2))"),
        ("polygon", "1,2,3,4", "((1,2),(3,4))"),
        ("line", "{ 1, 2, 3 }", "{1,2,3}"),
        ("line", "[(0,0),(1,1)]", "{1,-1,0}"),
        ("line", "(1,2),(1,3)", "{-1,0,1}"),
        ("circle", "((1,2),3)", "<(1,2),3>"),
        ("circle", "(1,2),3", "<(1,2),3>"),
        ("circle", "1,2,3", "<(1,2),3>"),
        ("point", "(inf,NaN)", "(Infinity,NaN)"),
    ],
)
def test_geometry(declared: str, text: str, printed: str) -> None:
    assert str(read(declared, text)) == printed
    assert str(text_decoder(type_named(declared).oid)(printed)) == printed


@pytest.mark.parametrize(
    ("declared", "text"),
    [
        ("point", "(1,2"),
        ("point", "(1 2)"),
        ("lseg", "[(1,2)]"),
        ("box", "(1,2)"),
        ("path", "[(1,2),]"),
        ("path", ")1,2("),
        ("polygon", "()"),
        ("line", "[(1,1),(1,1)]"),
        ("circle", "<(1,2),-3>"),
        ("point", "1" * 100_000),
        ("polygon", " " * 100_000 + "x"),
        ("circle", "(" * 100_000),
    ],
)
def test_no_geometry(declared: str, text: str) -> None:
    with pytest.raises(DataError, match=f"invalid input syntax for type {declared}"):
        read(declared, text)
    with pytest.raises(DataError, match="malformed"):
        text_decoder(type_named(declared).oid)(text)


def test_types_whose_text_is_kept() -> None:
    assert read("money", "$1.50") == "$1.50"
    assert read("tsvector", "'a'") == "'a'"
    assert input_function(987654)("x") == "x"


def test_an_overlay_reads_instead() -> None:
    registry = Registry()
    registry.overlay(23, lambda text: f"<{text}>")
    assert input_function(23, registry=registry)("x") == "<x>"
    assert input_function(20, registry=registry)("1") == 1


def test_json_nested_too_deeply() -> None:
    for declared in ("json", "jsonb"):
        with pytest.raises(DatabaseError, match="nested too deeply") as caught:
            read(declared, "[" * 100_000)
        assert caught.value.sqlstate == "54001"


def test_long_values_are_cited_in_part() -> None:
    with pytest.raises(DataError) as caught:
        read("integer", "x" * 100_000)
    assert len(str(caught.value)) < 200


def test_hostile_arrays_and_numbers() -> None:
    with pytest.raises(DatabaseError, match="maximum allowed"):
        read("int[]", "{" * 100_000)
    with pytest.raises(DataError, match="out of range for type integer"):
        read("int", "9" * 200_000)
    with pytest.raises(DataError, match="value overflows numeric format"):
        read("numeric", "9" * 200_000)
    with pytest.raises(DataError, match="value overflows numeric format"):
        read("numeric", "0x" + "f" * 600_000)
    with pytest.raises(DataError, match="value overflows numeric format"):
        read("numeric", "0x" + "f" * 110_000)
    assert read("numeric", "0x" + "f" * 20_000) == Decimal((1 << 80_000) - 1)
