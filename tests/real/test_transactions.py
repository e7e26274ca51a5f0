"""Transactions on a real server: blocks, characteristics, two phases; both faces."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

import purelink
from purelink.errors import (
    DivisionByZero,
    InterfaceError,
    InvalidSavepointSpecification,
    LocalProtocolError,
    OperationalError,
    ProgrammingError,
    ReadOnlySqlTransaction,
    UniqueViolation,
)
from tests.both import Door

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import AnyServer

pytestmark = pytest.mark.server


@pytest.fixture(params=[True, False], ids=["autocommit", "implicit"])
def table(request: pytest.FixtureRequest, door: Door) -> Any:
    connection = door.connect()
    connection.execute("create temp table t (a int primary key)")
    connection.autocommit = request.param
    return connection


def held(connection: Any) -> list[int]:
    return [a for (a,) in connection.execute("select a from t order by a").fetchall()]


def test_a_block_commits(table: Any) -> None:
    with table.transaction() as block:
        table.execute("insert into t values (1)")
        assert table.in_transaction
        assert block.savepoint_name is None
    assert table.transaction_status == "idle"
    table.rollback()
    assert held(table) == [1]


def test_a_block_rolls_back(table: Any) -> None:
    with pytest.raises(ZeroDivisionError), table.transaction():
        table.execute("insert into t values (1)")
        raise ZeroDivisionError
    assert table.transaction_status == "idle"
    with pytest.raises(DivisionByZero), table.transaction():
        table.execute("insert into t values (1)")
        table.execute("select 1/0")
    assert held(table) == []


def test_blocks_nest(table: Any) -> None:
    with table.transaction():
        table.execute("insert into t values (1)")
        with pytest.raises(UniqueViolation), table.transaction() as inner:
            assert inner.savepoint_name == "_purelink_2"
            table.execute("insert into t values (2)")
            table.execute("insert into t values (1)")
        assert table.transaction_status == "in transaction"
        with table.transaction('a "name"') as named:
            assert named.savepoint_name == 'a "name"'
            table.execute("insert into t values (3)")
            with table.transaction(force_rollback=True):
                table.execute("insert into t values (4)")
    table.rollback()
    assert held(table) == [1, 3]


def test_a_block_in_an_open_transaction_is_a_savepoint(table: Any) -> None:
    table.execute("begin" if table.autocommit else "select 1")
    with table.transaction():
        table.execute("insert into t values (1)")
    assert table.in_transaction
    table.rollback()
    assert held(table) == []


def test_rollback_by_name(table: Any) -> None:
    with table.transaction():
        table.execute("insert into t values (1)")
        with table.transaction():
            table.execute("insert into t values (2)")
            raise purelink.Rollback
        assert held(table) == [1]
    with table.transaction("outer"):
        table.execute("insert into t values (3)")
    table.rollback()
    assert held(table) == [1, 3]


@pytest.mark.parametrize("name", ["blocking", "asyncio"])
def test_rollback_of_an_outer_block(server: Any, name: str) -> None:
    door = Door(name, server.dsn)
    table = door.connect()
    try:
        table.execute("create temp table t (a int)")
        with table.transaction() as outer:
            table.execute("insert into t values (1)")
            with table.transaction():
                table.execute("insert into t values (2)")
                raise purelink.Rollback(outer if name == "blocking" else outer.inner)
        assert held(table) == []
    finally:
        door.close()


def test_commit_is_not_for_a_block(table: Any) -> None:
    with table.transaction():
        with pytest.raises(ProgrammingError, match="leave the block"):
            table.commit()
        with pytest.raises(ProgrammingError, match=r"raise purelink\.Rollback"):
            table.rollback()
        with pytest.raises(InterfaceError, match="inside a transaction"):
            table.autocommit = not table.autocommit
        table.execute("insert into t values (1)")
    block = table.transaction()
    with block:
        pass
    with pytest.raises(ProgrammingError, match="entered once"):
        block.__enter__()
    table.rollback()
    assert held(table) == [1]


def test_a_failed_block_is_not_left_in_silence(table: Any) -> None:
    with pytest.raises(OperationalError, match="rolled it back"), table.transaction():  # noqa: SIM117
        with pytest.raises(DivisionByZero):
            table.execute("select 1/0")
    assert table.transaction_status == "idle"
    with pytest.raises(InvalidSavepointSpecification), table.transaction():  # noqa: SIM117
        with table.transaction("gone"):
            table.execute("release gone")
    assert table.transaction_status == "idle"
    assert held(table) == []


def test_blocks_are_left_in_order(table: Any) -> None:
    first, second = table.transaction(), table.transaction()
    first.__enter__()
    second.__enter__()
    with pytest.raises(ProgrammingError, match="order of their nesting"):
        first.__exit__(None, None, None)
    second.__exit__(None, None, None)
    first.__exit__(None, None, None)
    assert table.transaction_status == "idle"


def test_a_lost_connection_ends_its_blocks(table: Any) -> None:
    with pytest.raises(OperationalError), table.transaction(), table.transaction():
        table.execute("select pg_terminate_backend(pg_backend_pid())")
    assert table.closed


def test_characteristics(door: Door) -> None:
    connection = door.connect(autocommit=False)
    assert connection.isolation_level is None
    assert connection.read_only is None
    assert connection.deferrable is None
    connection.isolation_level = "repeatable read"
    assert connection.isolation_level is purelink.IsolationLevel.REPEATABLE_READ
    connection.isolation_level = 4
    connection.read_only = True
    connection.deferrable = True

    def told() -> tuple[Any, ...]:
        names = ("isolation", "read_only", "deferrable")
        return tuple(connection.execute(f"show transaction_{name}").fetchone()[0] for name in names)

    assert told() == ("serializable", "on", "on")
    with pytest.raises(InterfaceError, match="inside a transaction"):
        connection.read_only = False
    with pytest.raises(ReadOnlySqlTransaction):
        connection.execute("create table nothing (a int)")
    connection.rollback()
    connection.set_isolation_level("READ_COMMITTED")
    connection.set_read_only(False)
    connection.set_deferrable(False)
    connection.script("select 1; select 2")
    assert told() == ("read committed", "off", "off")
    connection.commit()
    for name in ("isolation_level", "read_only", "deferrable"):
        setattr(connection, name, None)
    assert told() == ("read committed", "off", "off")
    connection.rollback()
    connection.set_autocommit(True)
    connection.read_only = True
    with connection.transaction():
        assert told()[1] == "on"
    assert told()[1] == "off"
    for wrong in (5, "very", 0):
        with pytest.raises(InterfaceError, match="must be one of READ_UNCOMMITTED"):
            connection.isolation_level = wrong


# -- two phases ------------------------------------------------------------------------------


@pytest.fixture(params=["blocking", "asyncio"])
def two(request: pytest.FixtureRequest, server: AnyServer) -> Iterator[Door]:
    made = Door(request.param, server.dsn)
    connection = made.connect()
    if not server.owned and connection.query("show max_prepared_transactions").scalar() == "0":
        pytest.skip("the server of --dsn prepares no transactions (max_prepared_transactions)")
    connection.execute("create table if not exists tpc (a text)")
    connection.execute("truncate tpc")
    try:
        yield made
    finally:
        for xid in connection.tpc_recover():
            connection.tpc_rollback(xid)
        made.close()
        with purelink.connect(server.dsn, autocommit=True) as last:
            last.execute("drop table tpc")


def rows(connection: Any) -> list[str]:
    connection.rollback()
    found = [a for (a,) in connection.execute("select a from tpc order by a").fetchall()]
    connection.rollback()
    return found


def test_both_phases(two: Door) -> None:
    connection = two.connect(autocommit=False)
    xid = connection.xid(7, "global", "branch")
    assert tuple(xid) == (7, "global", "branch")
    connection.tpc_begin(xid)
    with pytest.raises(ProgrammingError, match="use tpc_commit"):
        connection.commit()
    with pytest.raises(ProgrammingError, match="use tpc_rollback"):
        connection.rollback()
    with pytest.raises(ProgrammingError, match="cannot be part of"):
        connection.transaction().__enter__()
    with pytest.raises(ProgrammingError, match="inside a transaction"):
        connection.tpc_begin(xid)
    connection.execute("insert into tpc values ('both')")
    connection.tpc_prepare()
    with pytest.raises(LocalProtocolError, match="tpc_commit"):
        connection.execute("select 1")
    with pytest.raises(ProgrammingError, match="needs a tpc_begin"):
        connection.tpc_prepare()
    connection.tpc_commit()
    assert rows(connection) == ["both"]
    connection.tpc_begin(xid)
    connection.execute("insert into tpc values ('not')")
    connection.tpc_prepare()
    connection.tpc_rollback()
    assert rows(connection) == ["both"]


def test_one_phase(two: Door) -> None:
    connection = two.connect(autocommit=False)
    connection.tpc_begin("any 'text'")
    connection.execute("insert into tpc values ('one')")
    connection.tpc_commit()
    connection.tpc_begin("any 'text'")
    connection.execute("insert into tpc values ('none')")
    connection.tpc_rollback()
    assert rows(connection) == ["one"]


def test_recovery(two: Door) -> None:
    connection = two.connect(autocommit=False)
    for text, xid in (("mine", connection.xid(1, "g", "b")), ("theirs", "x_y_z")):
        connection.tpc_begin(xid)
        connection.execute("insert into tpc values (%s)", (text,))
        connection.tpc_prepare()
        connection.close()
        connection = two.connect(autocommit=False)
    found = sorted(connection.tpc_recover(), key=str)
    assert connection.transaction_status == "idle"
    assert [tuple(each) for each in found] == [(1, "g", "b"), (None, "x_y_z", None)]
    assert [each.database for each in found] == ["postgres"] * 2
    assert found[0].prepared.tzinfo is not None
    assert found[0].owner == "postgres"
    connection.execute("select 1")
    with pytest.raises(ProgrammingError, match="outside a transaction"):
        connection.tpc_commit(found[0])
    connection.rollback()
    connection.tpc_commit(found[0])
    connection.tpc_rollback(found[1])
    assert rows(connection) == ["mine"]
    assert connection.tpc_recover() == []


def test_two_phases_out_of_place(two: Door) -> None:
    connection = two.connect(autocommit=True)
    with pytest.raises(ProgrammingError, match="autocommit"):
        connection.tpc_begin("x")
    connection.autocommit = False
    for call in (connection.tpc_prepare, connection.tpc_commit, connection.tpc_rollback):
        with pytest.raises(ProgrammingError, match="needs a tpc_begin"):
            call()
    with pytest.raises(ProgrammingError, match=r"made by connection\.xid"):
        connection.tpc_begin(5)
    connection.tpc_begin("x")
    with pytest.raises(DivisionByZero):
        connection.execute("select 1/0")
    with pytest.raises(OperationalError, match="cannot be prepared"):
        connection.tpc_prepare()
    connection.tpc_rollback()
    connection.tpc_begin("x")
    connection.execute("create temp table nope (a int)")
    with pytest.raises(purelink.DatabaseError):
        connection.tpc_prepare()
    assert connection.transaction_status == "idle"
    connection.tpc_begin("x")
    connection.tpc_rollback()
    for parts in ((-1, "a", "b"), (1, "a" * 65, "b"), (1, "a", "é")):
        with pytest.raises(ProgrammingError):
            connection.xid(*parts)


def test_a_cancelled_task_rolls_its_block_back(server: AnyServer) -> None:
    async def main() -> None:
        async with await purelink.aconnect(server.dsn, autocommit=True) as connection:
            await connection.execute("create temp table t (a int)")

            async def work() -> None:
                async with connection.transaction():
                    await connection.execute("insert into t values (1)")
                    await connection.execute("select pg_sleep(20)")

            task = asyncio.ensure_future(work())
            await asyncio.sleep(0.5)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert connection.transaction_status == "idle"
            assert await (await connection.execute("select * from t")).fetchall() == []

    asyncio.run(main())
