"""Cursors on a real server: statements, parameters, rows, several results; both faces."""

from __future__ import annotations

import dataclasses
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

import purelink
from purelink import rows
from purelink.errors import (
    ConnectionLost,
    DataError,
    IntegrityError,
    InterfaceError,
    ProgrammingError,
    Timeout,
)

if TYPE_CHECKING:
    from tests.both import Door
    from tests.conftest import AnyServer

pytestmark = pytest.mark.server


def test_one_row_after_the_other(connection: Any) -> None:
    cursor = connection.execute("select n, n * 2 as twice from generate_series(1, %s) n", (4,))
    assert [column[0] for column in cursor.description] == ["n", "twice"]
    assert [len(column) for column in cursor.description] == [7, 7]
    assert cursor.description[0].type_code == purelink.NUMBER
    assert cursor.rowcount == 4
    assert cursor.statusmessage == "SELECT 4"
    assert cursor.fetchone() == (1, 2)
    assert cursor.rownumber == 1
    assert cursor.fetchmany() == [(2, 4)]
    assert cursor.fetchmany(5) == [(3, 6), (4, 8)]
    assert cursor.fetchone() is None
    assert cursor.fetchall() == []
    cursor.scroll(-1)
    assert cursor.fetchone() == (4, 8)
    cursor.scroll(0, "absolute")
    assert list(cursor) == [(1, 2), (2, 4), (3, 6), (4, 8)]
    with pytest.raises(IndexError):
        cursor.scroll(1)
    with pytest.raises(ProgrammingError, match="mode must be"):
        cursor.scroll(0, "sideways")


def test_fetchall_leaves_the_result_alone(connection: Any) -> None:
    cursor = connection.execute("select generate_series(1, 3)")
    found = cursor.fetchall()
    found.clear()
    cursor.scroll(0, mode="absolute")
    assert cursor.fetchall() == [(1,), (2,), (3,)]


@pytest.mark.parametrize(
    ("sql", "parameters", "expected"),
    [
        ("select %s::int + %s", (1, 2), 3),
        ("select %s::int + %s", [1, 2], 3),
        ("select %(a)s::int - %(b)s + %(a)s", {"a": 5, "b": 3, "more": 0}, 7),
        ("select '100%%' || %s::text", ("!",), "100%!"),
        ("select 10 %% 4", (), 2),
        ("select 10 % 4", None, 2),
        ("select 'a;b' || %s::text", ("c",), "a;bc"),
        ("select %s::text", ("'; drop table x; --",), "'; drop table x; --"),
        ("select %s::text[]", (["a", None],), ["a", None]),
        (b"select %s::int", (1,), 1),
        ("select %b::int + %t::int", (1, 2), 3),
    ],
)
def test_parameters(connection: Any, sql: Any, parameters: Any, expected: Any) -> None:
    assert connection.execute(sql, parameters).fetchone() == (expected,)


@pytest.mark.parametrize(
    ("sql", "parameters", "complaint"),
    [
        ("select %s", (), "1 placeholders, but 0 parameters"),
        ("select %s", (1, 2), "1 placeholders, but 2 parameters"),
        ("select 1", (1,), "0 placeholders, but 1 parameters"),
        ("select $1", (1,), "0 placeholders, but 1 parameters"),
        ("select %(a)s", {}, "parameters are missing: a"),
        ("select %(a)s", (1,), "named placeholders"),
        ("select %s", {"a": 1}, "positional placeholders"),
        ("select %s, %(a)s", {"a": 1}, "cannot be mixed"),
        ("select %(a)s, %s", {"a": 1}, "cannot be mixed"),
        ("select %d", (1,), "only %s and"),
        ("select 1 %", (1,), "incomplete placeholder"),
        ("select %(a", {"a": 1}, "incomplete placeholder"),
        ("select %s", "x", "not str"),
        ("select %s", {1}, "not set"),
        (5, (), "must be str, bytes"),
    ],
)
def test_parameters_that_do_not_fit(
    connection: Any, sql: Any, parameters: Any, complaint: str
) -> None:
    with pytest.raises(ProgrammingError, match=complaint):
        connection.execute(sql, parameters)
    assert connection.execute("select 1").fetchone() == (1,)


def test_no_rows_to_fetch(connection: Any) -> None:
    cursor = connection.cursor()
    assert cursor.description is None
    assert cursor.rowcount == -1
    assert cursor.statusmessage is None
    assert cursor.rownumber is None
    for fetch in (cursor.fetchone, cursor.fetchmany, cursor.fetchall):
        with pytest.raises(ProgrammingError, match="nothing was executed"):
            fetch()
    cursor.execute("create temp table t (a int)")
    assert cursor.description is None
    assert cursor.rowcount == -1
    with pytest.raises(ProgrammingError, match=r"returned none \(CREATE TABLE\)"):
        cursor.fetchone()
    cursor.execute("insert into t values (1), (2)")
    assert cursor.rowcount == 2
    with pytest.raises(ProgrammingError, match="negative"):
        cursor.execute("select 1").fetchmany(-1)


def test_several_results(connection: Any) -> None:
    cursor = connection.execute("select 1; create temp table t (a int); select 2, 3")
    assert cursor.fetchall() == [(1,)]
    assert cursor.nextset()
    assert cursor.description is None
    assert cursor.nextset()
    assert cursor.fetchall() == [(2, 3)]
    assert cursor.nextset() is None
    assert connection.execute("").statusmessage is None


def test_many(connection: Any) -> None:
    connection.execute("create temp table t (a int primary key, b text)")
    cursor = connection.cursor()
    cursor.executemany("insert into t values (%s, %s)", [(n, str(n)) for n in range(2500)])
    assert cursor.rowcount == 2500
    cursor.executemany(
        "insert into t values (%(a)s, %(b)s)", ({"a": n, "b": None} for n in (3000, 3001))
    )
    assert cursor.rowcount == 2
    assert cursor.description is None
    cursor.executemany("delete from t where a = %s returning b", [(1,), [2]], returning=True)
    assert cursor.fetchall() == [("1",), ("2",)]
    cursor.executemany("insert into t values (%s, %s)", [])
    assert cursor.rowcount == 0
    with pytest.raises(IntegrityError):
        cursor.executemany("insert into t values (%s, %s)", [(5000, ""), (3, "")])
    assert connection.execute("select count(*) from t where a = 5000").fetchone() == (0,)
    with pytest.raises(ProgrammingError, match="2 placeholders"):
        cursor.executemany("insert into t values (%s, %s)", [(6000, ""), (1,)])
    assert connection.execute("select count(*) from t where a = 6000").fetchone() == (0,)


def test_callproc(connection: Any) -> None:
    cursor = connection.cursor()
    assert cursor.callproc("pg_catalog.upper", ("abc",)) == ("abc",)
    assert cursor.fetchone() == ("ABC",)
    cursor.callproc("make_interval", {"days": 2, "hours": 3})
    assert str(cursor.fetchone()[0]) == "2 days, 3:00:00"
    connection.execute('create function pg_temp."odd. name"() returns int return 7')
    cursor.callproc('pg_temp."odd. name"')
    assert cursor.fetchone() == (7,)
    for name in ("", "a b", "lower(1); select", '"a"b"', "a..b", '"'):
        with pytest.raises(ProgrammingError, match="no name of a function"):
            cursor.callproc(name)


@dataclasses.dataclass
class Item:
    id: int
    name: str


def test_row_factories(door: Door) -> None:
    sql = "select 1 as id, 'x' as name"
    connection = door.connect(row_factory=rows.dict_row)
    assert connection.execute(sql).fetchall() == [{"id": 1, "name": "x"}]

    def fetch(factory: Any, text: str = sql) -> Any:
        return connection.cursor(row_factory=factory).execute(text).fetchone()

    assert fetch(rows.tuple_row) == (1, "x")
    assert fetch(rows.class_row(Item)) == Item(1, "x")
    assert fetch(rows.kwargs_row("{id}{name}".format)) == "1x"
    assert fetch(rows.args_row(lambda *values: values[::-1])) == ("x", 1)
    assert fetch(rows.scalar_row) == 1
    named = fetch(rows.namedtuple_row, 'select 1 as "a b", 2 as _c, 3 as "4", 5 as d, 6 as d')
    assert named._asdict() == {"a_b": 1, "f_c": 2, "f4": 3, "d": 5, "_4": 6}
    with pytest.raises(ProgrammingError, match="at least one column"):
        fetch(rows.scalar_row, "select")
    cursor = connection.execute(sql)
    cursor.row_factory = rows.scalar_row
    assert list(cursor) == [1]
    assert list(connection.cursor(row_factory=rows.scalar_row).execute("values (null), (1)")) == [
        None,
        1,
    ]


def test_an_error_leaves_the_cursor_usable(connection: Any) -> None:
    cursor = connection.cursor()
    with pytest.raises(DataError):
        cursor.execute("select 1/0")
    assert cursor.description is None
    with pytest.raises(Timeout):
        cursor.execute("select pg_sleep(10)", timeout=0.1)
    assert cursor.execute("select 1").fetchone() == (1,)


def test_the_end_of_a_cursor(connection: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute("select 1")
    assert cursor.closed
    cursor.close()
    with pytest.raises(InterfaceError, match="the cursor is closed"):
        cursor.execute("select 1")
    with pytest.raises(InterfaceError, match="the cursor is closed"):
        cursor.fetchone()
    with pytest.raises(InterfaceError, match="the cursor is closed"):
        cursor.nextset()
    other = connection.execute("select 1")
    connection.close()
    assert other.fetchone() == (1,)
    with pytest.raises((ConnectionLost, InterfaceError)):
        other.execute("select 1")


def test_a_cursor_class_of_ones_own(door: Door) -> None:
    kind: Any = purelink.Cursor if door.name == "blocking" else purelink.AsyncCursor
    own = type(kind.__name__, (kind,), {"mine": True})
    connection = door.connect(cursor_factory=own)
    assert connection.cursor().mine
    assert connection.execute("select 1").mine


def test_a_transaction_begins_with_the_first_statement(door: Door) -> None:
    connection = door.connect(autocommit=False)
    cursor = connection.execute("select 1")
    assert connection.transaction_status == "in transaction"
    connection.rollback()
    assert cursor.fetchone() == (1,)


def test_what_else_a_cursor_tells(connection: Any) -> None:
    cursor = connection.execute("select 1")
    assert cursor.connection.backend_pid == connection.backend_pid
    assert cursor.result.scalar() == 1
    assert cursor.lastrowid is None
    cursor.setinputsizes([1])
    cursor.setoutputsize(5)
    with pytest.raises(InterfaceError, match="no text"):
        cursor.execute(b"select '\xff'")
    assert connection.execute("select %s::int", (1,), prepare=True).fetchone() == (1,)
    names = "select statement from pg_prepared_statements where statement like 'select $1%'"
    kept = [("select $1::int",)] if connection.talk.statements.size else []
    assert connection.query(names).rows == kept
    for _ in range(3):
        connection.execute("select %s::int8", (1,), prepare=False)
    kept = [("select $1::int",)] if connection.talk.statements.size else []
    assert connection.query(names).rows == kept


def test_leaving_a_connection(door: Door) -> None:
    name = "left_a_connection"
    other = door.connect()
    with door.connect(autocommit=False) as connection:
        connection.execute(f"create table {name} (a int)")
    assert other.execute("select to_regclass(%s)::text", (name,)).fetchone() == (name,)
    with pytest.raises(ZeroDivisionError), door.connect(autocommit=False) as connection:
        connection.execute(f"drop table {name}")
        raise ZeroDivisionError
    assert other.execute("select to_regclass(%s)::text", (name,)).fetchone() == (name,)
    with pytest.raises(ZeroDivisionError), door.connect() as connection:  # noqa: SIM117
        with connection.transaction():
            connection.close()
            raise ZeroDivisionError
    other.execute(f"drop table {name}")


def test_threads_share_a_connection(server: AnyServer) -> None:
    with purelink.connect(server.dsn, autocommit=True) as connection:

        def work(n: int) -> list[Any]:
            cursor = connection.cursor(row_factory=rows.scalar_row)
            return [cursor.execute("select %s::int", (n,)).fetchone() for _ in range(100)]

        with ThreadPoolExecutor(4) as threads:
            assert list(threads.map(work, range(4))) == [[n] * 100 for n in range(4)]
