"""A connection on a real server: transactions, `with`, styles, handlers, the end; both faces."""

from __future__ import annotations

import asyncio
import threading
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

import purelink
from purelink.errors import (
    ConnectionLost,
    DataError,
    InterfaceError,
    LocalProtocolError,
    OperationalError,
)

if TYPE_CHECKING:
    from purelink.testing.endpoint import BorrowedServer
    from purelink.testing.server import Server

    AnyServer = Server | BorrowedServer

pytestmark = pytest.mark.server


def test_a_transaction_begins_with_the_first_statement(server: AnyServer) -> None:
    with purelink.connect(server.dsn) as connection:
        assert connection.transaction_status == "idle"
        connection.query("create temp table t (a int)")
        assert connection.transaction_status == "in transaction"
        connection.rollback()
        assert connection.query("select to_regclass('t')").scalar() is None
        connection.query("create temp table t (a int)")
        connection.commit()
        assert connection.query("insert into t values ($1), ($2)", 1, 2).row_count == 2
        connection.script("select 1; select 2")
        assert connection.in_transaction
    assert connection.closed
    assert not connection.broken


def test_autocommit(server: AnyServer) -> None:
    with purelink.connect(server.dsn, autocommit=True) as connection:
        connection.query("select 1")
        assert connection.transaction_status == "idle"
        connection.query("begin")
        with pytest.raises(InterfaceError, match="inside a transaction"):
            connection.autocommit = False
        connection.rollback()
        connection.autocommit = False
        connection.query("select 1")
        assert connection.in_transaction


def test_leaving_with_an_exception_rolls_back(server: AnyServer) -> None:
    name = "left_with_an_exception"
    with pytest.raises(ZeroDivisionError), purelink.connect(server.dsn) as connection:
        connection.query(f"create table {name} (a int)")
        raise ZeroDivisionError
    with purelink.connect(server.dsn, autocommit=True) as connection:
        assert connection.query("select to_regclass($1)", name).scalar() is None


def test_a_failed_transaction_is_not_committed_in_silence(server: AnyServer) -> None:
    with purelink.connect(server.dsn) as connection:
        with pytest.raises(DataError, match="division by zero"):
            connection.query("select 1/0")
        assert connection.transaction_status == "in failed transaction"
        with pytest.raises(OperationalError, match="rolled it back") as caught:
            connection.commit()
        assert caught.value.sqlstate == "25P02"
        assert connection.query("select 1").scalar() == 1


def test_a_day_is_not_taken_for_a_month(server: AnyServer) -> None:
    with purelink.connect(server.dsn, autocommit=True) as connection:
        with pytest.raises(DataError, match="changed in the text whose values were read"):
            connection.query("set datestyle to 'SQL, DMY'; select '2024-02-03'::date")
        assert connection.parameters["DateStyle"] == "SQL, DMY"
        assert connection.query("select '2024-02-03'::date").scalar() == date(2024, 2, 3)
        assert connection.query("set datestyle to 'ISO'; select 1").scalar() == 1


def test_notices_and_notifications(server: AnyServer) -> None:
    with purelink.connect(server.dsn, autocommit=True) as connection:
        notices: list[Any] = []
        connection.notice_handlers.append(notices.append)
        connection.query("do $$ begin raise notice 'look %', 'out'; end $$")
        assert [notice.message_primary for notice in notices] == ["look out"]
        connection.query("listen here")
        connection.query("select pg_notify('here', 'there')")
        found = connection.wait_for_notification(timeout=10)
        assert found is not None
        assert (found.channel, found.payload) == ("here", "there")
        assert connection.wait_for_notification(timeout=0) is None


def test_a_handler_may_not_use_its_own_connection(server: AnyServer) -> None:
    with purelink.connect(server.dsn, autocommit=True) as connection:
        told: list[BaseException] = []

        def handler(_notice: object) -> None:
            try:
                connection.query("select 1")
            except LocalProtocolError as error:
                told.append(error)

        connection.notice_handlers.append(handler)
        connection.query("do $$ begin raise notice 'x'; end $$")
        assert [str(error) for error in told] == ["another command is already in progress"]
        assert connection.query("select 2").scalar() == 2


def test_close_while_another_thread_waits(server: AnyServer) -> None:
    connection = purelink.connect(server.dsn, autocommit=True)
    told: list[BaseException] = []
    waiting = threading.Event()

    def wait() -> None:
        waiting.set()
        try:
            connection.wait_for_notification()
        except ConnectionLost as error:
            told.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    waiting.wait(10)
    connection.close()
    thread.join(30)
    assert not thread.is_alive()
    assert connection.closed
    assert len(told) == 1


def test_close_while_another_task_waits(server: AnyServer) -> None:
    async def run() -> None:
        connection = await purelink.aconnect(server.dsn, autocommit=True)
        task = asyncio.ensure_future(connection.wait_for_notification())
        await asyncio.sleep(0.05)
        await connection.close()
        with pytest.raises(ConnectionLost):
            await task
        assert connection.closed

    asyncio.run(run())


def test_another_event_loop_is_refused(server: AnyServer) -> None:
    async def begin() -> purelink.AsyncConnection:
        return await purelink.aconnect(server.dsn, autocommit=True)

    async def use(connection: purelink.AsyncConnection) -> None:
        with pytest.raises(InterfaceError, match="another event loop"):
            await connection.query("select 1")
        await connection.close()
        assert connection.closed

    loop = asyncio.new_event_loop()
    connection = loop.run_until_complete(begin())
    asyncio.run(use(connection))
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()


@pytest.mark.parametrize("timeout", [float("nan"), "5", True])
def test_a_timeout_that_is_no_number(server: AnyServer, timeout: Any) -> None:
    with purelink.connect(server.dsn, autocommit=True) as connection:
        with pytest.raises(InterfaceError, match="must be a number of seconds"):
            connection.query("select 1", timeout=timeout)
        assert connection.query("select 1", timeout=float("inf")).scalar() == 1
        assert connection.query("select 1", timeout=1e9).scalar() == 1


def test_options_that_name_files_are_refused_to_strangers(server: AnyServer) -> None:
    string = f"{server.dsn} password=x sslkey=/etc/hostname"
    with purelink.Session(user="stranger") as session:
        with pytest.raises(purelink.LinkError) as caught:
            session.dblink_connect(string)
        assert isinstance(caught.value, purelink.DatabaseError)
        assert caught.value.sqlstate == "42501"
        assert "sslkey" in str(caught.value)
        assert "/etc/hostname" not in str(caught.value)
