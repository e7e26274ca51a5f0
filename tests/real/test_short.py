"""The short way beside the long one, on a real server: the same values, errors, and ends."""

from __future__ import annotations

import threading
import time
import tracemalloc
from datetime import date, datetime, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from purelink.conversation import querying
from purelink.errors import ConnectionLost, DataError, StaleStatement

if TYPE_CHECKING:
    from tests.both import Door

VALUES = [
    5, -1, (1 << 31) - 1, 1 << 31, 1 << 40, -(1 << 63), 1 << 70, True, False, 1.5, float("inf"),
    b"", b"\0\xff", Decimal("1.50"), date(2026, 1, 2), datetime(2026, 1, 2, 3, tzinfo=timezone.utc),
    datetime(2026, 1, 2, 3), UUID(int=7), [1, 2], [1 << 40], [1.5],  # noqa: DTZ001
]  # fmt: skip
KEYS = "select n, 'name ' || n from generate_series(1, 3) n where n > $1 order by n"


@pytest.fixture
def long_ways(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts of all queries that go the long way."""
    texts: list[str] = []
    real = querying.query

    def query(talk: Any, sql: str, *rest: Any) -> Any:
        texts.append(sql)
        return real(talk, sql, *rest)

    monkeypatch.setattr(querying, "query", query)
    return texts


def test_it_is_taken(connection: Any, long_ways: list[str]) -> None:
    for number in range(20):
        assert connection.query("select 1").rows == [(1,)]
        result = connection.query(KEYS, number % 4)
        assert result.rows == [(n, f"name {n}") for n in range(number % 4 + 1, 4)]
        assert result.command_tag == f"SELECT {3 - number % 4}"
    assert long_ways == ["select 1", KEYS] * 3


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_values_are_of_the_same_type_on_either_way(
    connection: Any, long_ways: list[str], value: Any
) -> None:
    told = {
        (repr(connection.query("select pg_typeof($1)::text, $1", value).rows[0])) for _ in range(6)
    }
    assert len(told) == 1
    assert len(long_ways) == 3


def test_types_take_turns(connection: Any) -> None:
    sql = "select pg_typeof($1)::text, $1::text"
    for _ in range(5):
        for value, kind in [(5, "integer"), (1 << 40, "bigint"), (1 << 70, "numeric")]:
            assert connection.query(sql, value).rows == [(kind, str(value))]
        assert connection.query(sql, None).rows[0][1] is None


def test_texts_and_nulls(connection: Any) -> None:
    sql = "select $1::text || $2::text, coalesce($1, 'none')"
    for _ in range(3):
        for first, second in [("a", "ü"), ("", ""), (None, "x"), ("x", None), (None, None)]:
            both = None if None in (first, second) else f"{first}{second}"
            expected = "none" if first is None else first
            assert connection.query(sql, first, second).rows == [(both, expected)]


def test_errors_leave_it_in_step(connection: Any) -> None:
    for _ in range(5):
        assert connection.query("select 6 / $1::int", 2).rows == [(3,)]
        with pytest.raises(DataError):
            connection.query("select 6 / $1::int", 0)
    for _ in range(5):
        assert connection.query("select $1::int * 2", 1 << 29).rows == [(1 << 30,)]
        with pytest.raises(DataError):
            connection.query("select $1::int * 2", 1 << 30)


def test_a_transaction_begins_with_it(door: Door, long_ways: list[str]) -> None:
    connection = door.connect(autocommit=False)
    for number in range(8):
        assert connection.query("select 'x'").rows == [("x",)]
        assert connection.query("select $1::int", number).rows == [(number,)]
        assert connection.transaction_status == "in transaction"
        connection.rollback()
    assert len(long_ways) == 6


def test_a_lost_statement_is_prepared_anew(connection: Any) -> None:
    for _ in range(5):
        connection.query("select $1::int", 1)
    connection.script("do $$begin execute 'deallocate all'; end$$")
    assert connection.query("select $1::int", 2).rows == [(2,)]
    connection.script("begin")
    for _ in range(4):
        connection.query("select $1::int", 1)
    connection.script("do $$begin execute 'deallocate all'; end$$")
    with pytest.raises(StaleStatement):
        connection.query("select $1::int", 2)


def test_a_changed_table_is_noticed(connection: Any) -> None:
    connection.script("create temp table changing (a int)")
    for _ in range(5):
        connection.query("select * from changing")
    connection.script("alter table changing add b text; insert into changing values (1, 'x')")
    assert connection.query("select * from changing").rows == [(1, "x")]


def test_changed_settings_are_noticed(connection: Any) -> None:
    for _ in range(4):
        assert connection.query("select date '2026-02-01', '1.5'::text").rows[0][0].day == 1
    connection.script("set datestyle to 'SQL, DMY'")
    for _ in range(4):
        assert connection.query("select date '2026-02-01', '1.5'::text").rows[0][0].day == 1


def test_notices_and_notifications_on_the_way(connection: Any) -> None:
    heard: list[Any] = []
    connection.notice_handlers.append(heard.append)
    connection.script(
        "create function pg_temp.say(int) returns int language plpgsql as"
        " 'begin raise notice ''%'', $1; return $1; end'"
    )
    connection.script("listen here")
    for number in range(6):
        assert connection.query("select pg_temp.say($1)", number).rows == [(number,)]
        connection.query("select pg_notify('here', 'x')")
    assert [each.message_primary for each in heard] == list("012345")
    assert len(connection.notifications) == 6


def test_large_results(connection: Any) -> None:
    sql = "select n, repeat('x', $1) from generate_series(1, 300) n"
    for size in (1, 10, 1000, 1, 1000, 100_000, 1):
        rows = connection.query(sql, size).rows
        assert [len(text) for _, text in rows] == [size] * 300
        assert [n for n, _ in rows] == list(range(1, 301))


@pytest.mark.parametrize("kind", ["text", "bytea"])
def test_a_large_value_costs_its_own_size(connection: Any, kind: str) -> None:
    sql, size = (
        f"select convert_to(repeat('0123456789', $1), 'UTF8'), $1 where '{kind}' = 'bytea'",
        0,
    )
    if kind == "text":
        sql = "select repeat('0123456789', $1)"
    for times in (1, 1, 1, 1_000_000):
        size = 10 * times
        if times > 1:
            tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        try:
            value = connection.query(sql, times).rows[0][0]
            peak = tracemalloc.get_traced_memory()[1] - before
        finally:
            tracemalloc.stop()
        assert len(value) == size
    # once as it came, and once as what it becomes
    assert peak < 2.2 * size


def test_the_server_goes_away(door: Door) -> None:
    connection, other = door.connect(), door.connect()
    for _ in range(5):
        connection.query("select 1")
    other.query("select pg_terminate_backend($1)", connection.backend_pid)
    deadline = time.monotonic() + 10
    with pytest.raises(ConnectionLost):
        while time.monotonic() < deadline:
            connection.query("select 1")
    assert connection.closed


def test_threads_are_queued(door: Door) -> None:
    if door.name == "asyncio":
        pytest.skip("a loop has one thread")
    connection = door.connect()
    wrong: list[Any] = []

    def work(number: int) -> None:
        for n in range(200):
            found = connection.query("select $1::int, $2::int", number, n).rows
            if found != [(number, n)]:
                wrong.append(found)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert wrong == []
