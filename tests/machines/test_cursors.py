"""The cursors' state machine: over a model server in memory, and over a real one, by both faces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from purelink.cursors.client import Cursor
from purelink.cursors.server import ServerCursor
from purelink.errors import DataError
from purelink.rows import tuple_row
from tests.both import Door
from tests.machines.cursor_machine import COUNT, FAIL, CursorMachine
from tests.machines.playing import play
from tests.machines.test_machines import ModelDriver

if TYPE_CHECKING:
    from tests.conftest import AnyServer


class Faced:
    """As much of a blocking connection as cursors need, over a model server."""

    row_factory = staticmethod(tuple_row)

    def __init__(self, driver: ModelDriver) -> None:
        self._driver = driver
        self.talk = driver.talk

        self.talk.autocommit = False

    @property
    def closed(self) -> bool:
        return bool(self.talk.session.closed)

    def run(self, told: Any, _timeout: float | None = None, holder: Any = None) -> Any:
        return self._driver.run(told, holder)

    def ask(self, sql: str, parameters: Any) -> Any:
        return self._driver.ask(sql, parameters)

    def cursor(self, name: str | None = None, **keywords: Any) -> Any:
        connection: Any = self
        return Cursor(connection) if name is None else ServerCursor(connection, name, **keywords)

    def commit(self) -> None:
        self.run(self.talk.commit())

    def rollback(self) -> None:
        self.run(self.talk.rollback())


class RealCursors:
    """A real server's connection, by either face."""

    def __init__(self, door: Door) -> None:
        self.connection = door.connect(autocommit=True)
        self.connection.script("CREATE TEMP TABLE kept (n int CHECK (n >= 0))")
        self.connection.talk.autocommit = False

    def close(self) -> None:
        self.connection.close()


def modelled() -> Any:
    driver = ModelDriver()
    return driver, Faced(driver)


def real(door: Door) -> Any:
    driver = RealCursors(door)
    return driver, driver.connection


def test_against_a_model() -> None:
    play(CursorMachine, modelled, 80, 40)


@pytest.mark.slow
def test_against_a_model_for_long() -> None:
    play(CursorMachine, modelled, 3000, 60)


@pytest.mark.parametrize("face", ["blocking", "asyncio"])
def test_against_a_server(face: str, server: AnyServer) -> None:
    door = Door(face, server.dsn)
    try:
        play(CursorMachine, lambda: real(door), 12, 40)
    finally:
        door.close()


@pytest.mark.slow
@pytest.mark.parametrize("face", ["blocking", "asyncio"])
def test_against_a_server_for_long(face: str, server: AnyServer) -> None:
    door = Door(face, server.dsn)
    try:
        play(CursorMachine, lambda: real(door), 300, 60)
    finally:
        door.close()


def test_a_failed_statement_leaves_no_other_result() -> None:
    _, connection = modelled()
    cursor = connection.cursor()
    cursor.execute(f"{COUNT}; {COUNT}")
    with pytest.raises(DataError):
        cursor.execute(FAIL, (0,))
    assert cursor.nextset() is None
    assert cursor.description is None
