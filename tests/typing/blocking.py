"""What a user's code on the blocking face is to a type checker. Read by mypy --strict, never run.

An error that a mistake must give stands as an ignore: strict mypy complains of one that is unused.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, List, Optional, Tuple, Union

from typing_extensions import assert_type

import purelink
from purelink import conninfo, pool, rows

Row = Tuple[Any, ...]


@dataclass
class Item:
    name: str
    price: float


def connecting() -> None:
    with purelink.connect("dbname=x", user="alice", autocommit=True, timeout=3.5) as connection:
        assert_type(connection, purelink.Connection[Row])
        assert_type(connection.server_version, int)
        assert_type(connection.parameters, Dict[str, str])
        assert_type(connection.tls, Optional[Tuple[str, str]])
        assert_type(connection.closed, bool)
        assert_type(connection.transaction_status, str)
    with purelink.connect(row_factory=rows.dict_row) as by_name:
        assert_type(by_name, purelink.Connection[Dict[str, Any]])
        assert_type(by_name.execute("select 1").fetchone(), Optional[Dict[str, Any]])
    purelink.connect(timeout="soon")  # type: ignore[arg-type]
    purelink.connect(17)  # type: ignore[arg-type]


def native(connection: purelink.Connection) -> None:
    result = connection.query("select $1::int, $2::text", 1, "a", timeout=2)
    assert_type(result, purelink.Result)
    assert_type(result.row_count, int)
    assert_type(result.column_names, List[str])
    assert_type(result.dicts(), List[Dict[str, Any]])
    for row in result:
        assert_type(row, Row)
    assert_type(result[0], Row)
    assert_type(result[:2], List[Row])
    assert_type(connection.script("select 1; select 2"), List[purelink.Result])
    assert_type(connection.executemany("insert into t values ($1)", [(1,), (2,)]), int)
    assert_type(
        connection.executemany("insert into t values ($1) returning a", [[1]], returning=True),
        purelink.Result,
    )
    with connection.stream("select 1", chunk=100) as stream:
        for row in stream:
            assert_type(row, Row)
    with connection.pipeline() as pipeline:
        handle = pipeline.query("select 1")
    assert_type(handle.result(), purelink.Result)
    assert_type(connection.copy_in("copy t from stdin", [(1, "a")]), int)
    for block in connection.copy_out("copy t to stdout"):
        assert_type(block, bytes)
    assert_type(connection.wait_for_notification(1.0), Optional[purelink.Notification])
    connection.query(1)  # type: ignore[arg-type]
    connection.qeury("select 1")  # type: ignore[attr-defined]


def cursors(connection: purelink.Connection) -> None:
    cursor = connection.cursor()
    assert_type(cursor, purelink.Cursor[Row])
    assert_type(cursor.execute("select %s", [1]), purelink.Cursor[Row])
    assert_type(cursor.fetchone(), Optional[Row])
    assert_type(cursor.fetchmany(3), List[Row])
    assert_type(cursor.rowcount, int)
    for row in cursor:
        assert_type(row, Row)
    items = connection.cursor(row_factory=rows.class_row(Item))
    assert_type(items.execute("select name, price from item").fetchall(), List[Item])
    named = connection.cursor(row_factory=rows.dict_row)
    assert_type(named.execute("select 1 as a").fetchone(), Optional[Dict[str, Any]])
    connection.cursor(row_factory=17)  # type: ignore[call-overload]
    server = connection.cursor("big", row_factory=rows.class_row(Item), withhold=True)
    assert_type(server, purelink.ServerCursor[Item])
    assert_type(server.execute("select 1").fetchmany(), List[Item])
    connection.cursor(scrollable=True)  # type: ignore[call-overload]
    for item in items.stream("select name, price from item"):
        assert_type(item, Item)
    with cursor.copy("copy t from stdin") as copy:
        copy.write_row((1, "a"))
    table = purelink.sql.Identifier("a", "b")
    assert_type(purelink.sql.SQL("select {}").format(table), purelink.sql.Composed)
    for heard in connection.notifies(timeout=1):
        assert_type(heard, purelink.Notification)
    with purelink.Listener("dbname=x", "news") as listener:
        for event in listener:
            assert_type(event, Union[purelink.Notification, purelink.Gap])
    with connection.large_object(7, "rb") as large:
        assert_type(large.read(), bytes)
    with connection.transaction():
        connection.execute("select %(a)s", {"a": 1})


def errors(connection: purelink.Connection) -> None:
    try:
        connection.query("insert into t values (1)")
    except purelink.errors.UniqueViolation as error:
        assert_type(error.sqlstate, Optional[str])
        assert_type(error.diagnostics, Optional[purelink.Diagnostics])
        assert_type(error.safe_to_retry, bool)
    except purelink.ConnectError as failed:
        assert_type(failed.attempts, Tuple[Tuple[str, str], ...])
    except (purelink.Timeout, TimeoutError):
        pass


def pools() -> None:
    with pool.ConnectionPool("dbname=x", min_size=1, max_size=4) as connections:
        with connections.connection() as connection:
            assert_type(connection, purelink.Connection[Row])
        assert_type(connections.get_stats(), Dict[str, int])
        taken = connections.getconn(timeout=3)
        connections.putconn(taken)
    pool.ConnectionPool("dbname=x", max_size="4")  # type: ignore[arg-type]


def strings() -> None:
    settings = conninfo.resolve("host=a", surroundings=conninfo.Surroundings())
    assert_type(settings["host"], Optional[str])
    assert_type(conninfo.parse("host=a"), Dict[str, str])


def links() -> None:
    with purelink.Session(user="alice") as session:
        assert_type(session.dblink_connect("myconn", "host=a password=b"), Optional[str])
        for row in session.dblink("myconn", "select 1", columns="a int"):
            assert_type(row, Row)
