"""`trace` and `untrace` on both faces: when they take effect, and that they disturb nothing."""

from __future__ import annotations

import asyncio
import io
import threading
from typing import TYPE_CHECKING, Any

import pytest

import purelink
from purelink import aio
from purelink.errors import ConnectError

if TYPE_CHECKING:
    from tests.conftest import AnyServer


def traced(file: io.StringIO) -> list[str]:
    return [line.split("\t")[2] for line in file.getvalue().splitlines() if "\t" in line]


SIMPLE = ["Query", "RowDescription", "DataRow", "CommandComplete", "ReadyForQuery"]


def test_on_and_off(server: AnyServer) -> None:
    first, second = io.StringIO(), io.StringIO()
    connection = purelink.connect(server.dsn, autocommit=True)
    connection.untrace()
    connection.script("select 1")
    connection.trace(first, timestamps=False)
    connection.script("select 2")
    connection.trace(second, timestamps=False)
    connection.script("select 3")
    connection.untrace()
    connection.script("select 4")
    connection.trace(second, timestamps=False)
    connection.close()
    connection.untrace()
    assert traced(first) == SIMPLE
    assert traced(second) == [*SIMPLE, "Terminate"]


def test_connect_takes_a_file(server: AnyServer) -> None:
    blocking, asynchronous = io.StringIO(), io.StringIO()
    purelink.connect(server.dsn, trace=blocking).close()

    async def whole() -> None:
        await (await aio.aconnect(server.dsn, trace=asynchronous)).close()

    asyncio.run(whole())
    for file in (blocking, asynchronous):
        lines = [line.split("\t")[3].strip() for line in file.getvalue().splitlines()]
        assert "StartupMessage" in lines
        assert lines[-1] == "Terminate"


def test_a_connect_that_fails_is_flushed(server: AnyServer, tmp_path: Any) -> None:
    path = tmp_path / "trace"
    with path.open("w") as file:
        with pytest.raises(ConnectError):
            purelink.connect(server.dsn, dbname="none", trace=file)
        assert "ErrorResponse" in path.read_text()


def test_a_failing_file_leaves_the_connection_alone(server: AnyServer) -> None:
    class Full(io.StringIO):
        def write(self, text: str) -> int:
            if len(self.getvalue()) > 20:
                raise OSError("disk full")
            return super().write(text)

    with purelink.connect(server.dsn) as connection:
        connection.trace(Full())
        assert list(connection.query("select $1::int", 7)) == [(7,)]
        assert connection.transaction_status == "in transaction"


def test_turned_on_by_a_handler_it_begins_with_the_next_call(server: AnyServer) -> None:
    file = io.StringIO()
    with purelink.connect(server.dsn, autocommit=True) as connection:
        connection.notice_handlers.append(lambda _: connection.trace(file, timestamps=False))
        connection.script("do $$begin raise notice 'x'; end$$; select pg_sleep(0.05)")
        assert traced(file) == []
        connection.script("select 1")
        assert traced(file) == SIMPLE


def test_turned_off_by_another_thread(server: AnyServer) -> None:
    file = io.StringIO()
    with purelink.connect(server.dsn, autocommit=True) as connection:
        connection.trace(file, timestamps=False)
        timer = threading.Timer(0.1, connection.untrace)
        timer.start()
        connection.script("select pg_sleep(0.4)")
        timer.join()
        assert traced(file) == ["Query"]


def test_a_timeout_and_the_recovery_are_written(server: AnyServer) -> None:
    file = io.StringIO()
    with purelink.connect(server.dsn, autocommit=True) as connection:
        connection.trace(file, timestamps=False)
        with pytest.raises(purelink.Timeout):
            connection.script("select pg_sleep(30)", timeout=0.1)
        assert list(connection.query("select 1")) == [(1,)]
        names = traced(file)
        assert names[0] == "Query"
        assert "ErrorResponse" in names
        assert names[-1] == "ReadyForQuery"
