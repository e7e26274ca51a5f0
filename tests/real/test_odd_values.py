"""Values that Python's classes cannot hold, by each of the three policies, on a real server."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

import purelink
from purelink.errors import DataError, InterfaceError
from purelink.values.interval import Interval

if TYPE_CHECKING:
    from collections.abc import Iterator

    from purelink.connection import Connection
    from tests.conftest import AnyServer


@pytest.fixture(scope="module")
def link(server: AnyServer) -> Iterator[Connection]:
    connection = purelink.connect(server.dsn, autocommit=True)
    yield connection
    connection.close()


@pytest.fixture
def exact(link: Connection) -> Iterator[Connection]:
    link.odd_values = "exact"
    yield link
    link.odd_values = "error"


ODD = [
    "'infinity'::date",
    "'0044-03-15 BC'::date",
    "'5874897-12-31'::date",
    "'24:00:00'::time",
    "'-infinity'::timestamp",
    "'10000-01-01'::timestamptz",
    "'24:00:00+00'::timetz",
    "'[2024-01-01,infinity]'::daterange",
    "'-infinity'::date",
    "'4714-11-24 BC'::date",
    "'infinity'::timestamptz",
    "'4714-11-24 00:00:00 BC'::timestamp",
    "'294276-12-31 23:59:59.999999'::timestamp",
    "'0044-03-15 12:00:00.5 BC'::timestamptz",
    "'24:00:00-03:30'::timetz",
    "'1 year -2 mons +3 days'::interval",
    "'-178956970 years -8 mons -2147483648 days -2562047788:00:54.775807'::interval",
    "'{infinity,2024-01-01,NULL}'::date[]",
    "'{\"[0001-01-01 BC,infinity)\",empty}'::daterange[]",
]


@pytest.mark.parametrize("odd", ODD)
def test_an_odd_value_is_an_error_and_the_link_stays(link: Connection, odd: str) -> None:
    with pytest.raises(DataError, match='cast it to text, or set odd_values to "text" or "exact"'):
        link.query(f"select n, {odd} from generate_series(1, 1000) n")
    assert link.query("select 1").scalar() == 1


@pytest.mark.parametrize("odd", ODD)
def test_an_odd_value_is_sent_back_unchanged(exact: Connection, odd: str) -> None:
    declared = odd.rpartition("::")[2]
    rows = exact.query(f"select n, {odd}, ({odd})::text from generate_series(1, 1000) n")
    assert len(rows) == 1000
    _, value, text = rows[500]
    for _ in range(3):  # unprepared, being prepared, prepared
        again = exact.query(f"select $1, $1::text, $1 = {odd}", value)
        assert again[0] == (value, text, True)
    if "[" not in declared and "range" not in declared:
        assert type(value).__module__.startswith("purelink.values.")
        results = exact.script(
            f"begin; declare c binary cursor for select {odd}; fetch c; rollback"
        )
        assert results[2].scalar() == value


@pytest.mark.parametrize("odd", ODD)
def test_an_odd_value_as_text(link: Connection, odd: str) -> None:
    declared = odd.rpartition("::")[2]
    link.odd_values = "text"
    try:
        rows = link.query(f"select n, {odd}, ({odd})::text from generate_series(1, 1000) n")
        _, value, text = rows[500]
        if "[" in declared or "range" in declared:
            assert "infinity" in repr(value)
            return
        assert value == text
        results = link.script(f"begin; declare c binary cursor for select {odd}; fetch c; rollback")
        assert results[2].scalar() == text
    finally:
        link.odd_values = "error"


def test_intervals_infinite_and_of_hours_alone(exact: Connection) -> None:
    assert exact.query("select interval '25:00:00', interval '1 day -1 hour'")[0] == (
        Interval(0, 0, 90_000_000_000),
        Interval(0, 1, -3_600_000_000),
    )
    assert exact.query("select interval '1 day 1 hour'").scalar() == timedelta(1, 3600)
    if exact.server_version >= 170000:
        value = exact.query("select interval '-infinity'").scalar()
        assert str(value) == "-infinity"
        assert exact.query("select $1::interval = '-infinity'", value).scalar() is True


@pytest.mark.parametrize("style", ["ISO", "SQL", "Postgres", "German"])
@pytest.mark.parametrize("order", ["MDY", "DMY"])
def test_odd_dates_in_every_style(exact: Connection, style: str, order: str) -> None:
    exact.query(f"set datestyle = {style}, {order}; set timezone = 'UTC'")
    try:
        for text, declared in [(one[1 : one.rindex("'")], one.rpartition("::")[2]) for one in ODD]:
            if declared in ("date", "timestamp", "timestamptz"):
                query = f"select v, v = $1 from (select '{text}'::{declared}) t(v)"
                value, same = exact.query(query, text)[0]
                assert same, text
                exact.query("set datestyle = ISO")
                assert exact.query(query, text)[0] == (value, True)
                exact.query(f"set datestyle = {style}, {order}")
    finally:
        exact.query("reset datestyle; reset timezone")


@pytest.mark.parametrize("name", ["Europe/Berlin", "America/St_Johns", "Asia/Kolkata"])
def test_a_timestamptz_is_told_in_the_session_s_zone(link: Connection, name: str) -> None:
    link.query(f"set timezone = '{name}'")
    try:
        query = (
            "select n, '2024-10-26 22:00+00'::timestamptz + n * interval '10 min', 'x'"
            " from generate_series(1, 100) n"
        )
        rows = link.query(query)
        results = link.script(
            f"begin; declare c binary cursor for {query}; fetch all from c; rollback"
        )
        assert results[2].rows == rows.rows
        for (_, value, _), (_, again, _) in zip(rows, results[2].rows):
            assert value.tzinfo is again.tzinfo is ZoneInfo(name)
            assert value.fold == again.fold
    finally:
        link.query("reset timezone")


def test_the_policy_is_an_argument_and_may_be_changed(server: AnyServer) -> None:
    with pytest.raises(InterfaceError, match="odd_values must be"):
        purelink.connect("host=nowhere.invalid", odd_values="never")  # type: ignore[arg-type]
    with purelink.connect(server.dsn, odd_values="text") as connection:
        sql = "select 'infinity'::date"
        assert [connection.query(sql).scalar() for _ in range(3)] == ["infinity"] * 3
        connection.odd_values = "exact"
        assert connection.odd_values == "exact"
        assert str(connection.query(sql).scalar()) == "infinity"
        connection.odd_values = "error"
        with pytest.raises(DataError):
            connection.query(sql)
        assert connection.query("select 1").scalar() == 1
        with pytest.raises(InterfaceError, match="odd_values must be"):
            connection.odd_values = "x"  # type: ignore[assignment]
