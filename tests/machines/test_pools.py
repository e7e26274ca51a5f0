"""The pool's state machine: over model servers behind a socket, and over a real one; both faces."""

from __future__ import annotations

import asyncio
import inspect
import time
from typing import TYPE_CHECKING, Any

import pytest

import purelink
from purelink.pool import AsyncConnectionPool, ConnectionPool
from tests.machines import playing
from tests.machines.pool_machine import PoolMachine, Surroundings
from tests.machines.served import Served

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import AnyServer

SIZES: dict[str, Any] = {"min_size": 1, "max_size": 3, "worker": False}


class Modelled:
    """Model servers, and who kills their connections."""

    def __init__(self) -> None:
        self.server = Served(shared=True)
        self.dsn = self.server.dsn

    def begin(self) -> None:
        assert self.server.table is not None
        self.server.table.clear()

    def kill(self, connections: list[Any]) -> None:
        for each in connections:
            self.server.kill(each.talk.session.pid)

    def close(self) -> None:
        self.server.close()


class Real:
    """A real server, and a superuser who kills."""

    def __init__(self, dsn: str) -> None:
        self.judge = purelink.connect(dsn, autocommit=True)
        self.judge.script("DROP SCHEMA IF EXISTS pool_machine CASCADE; CREATE SCHEMA pool_machine")
        self.judge.script("CREATE TABLE pool_machine.kept (n int CHECK (n >= 0))")
        self.dsn = f"{dsn} options='-c search_path=pool_machine'"

    def begin(self) -> None:
        self.judge.script("TRUNCATE pool_machine.kept")

    def kill(self, connections: list[Any]) -> None:
        for each in connections:
            pid = each.talk.session.pid
            self.judge.query("SELECT pg_terminate_backend($1)", pid)
            until = time.monotonic() + 5
            while self.judge.query("SELECT 1 FROM pg_stat_activity WHERE pid = $1", pid).rows:
                assert time.monotonic() < until

    def close(self) -> None:
        self.judge.script("DROP SCHEMA pool_machine CASCADE")
        self.judge.close()


class Blocking(Surroundings):
    """`ConnectionPool`."""

    def __init__(self, server: Any) -> None:
        server.begin()
        self.kill = server.kill
        self.pool = ConnectionPool(server.dsn, **SIZES)

    def run(self, result: Any) -> Any:
        return result

    def block(self, use: Any, error: Exception | None) -> None:
        with self.pool.connection(timeout=5) as connection:
            use(connection)
            if error is not None:
                raise error

    def close(self) -> None:
        self.pool.close()


class Asynchronous(Surroundings):
    """`AsyncConnectionPool`."""

    def __init__(self, server: Any) -> None:
        server.begin()
        self.kill = server.kill
        self.loop = asyncio.new_event_loop()

        async def make() -> AsyncConnectionPool:
            return AsyncConnectionPool(server.dsn, **SIZES)

        self.pool = self.loop.run_until_complete(make())

    def run(self, result: Any) -> Any:
        return self.loop.run_until_complete(result) if inspect.isawaitable(result) else result

    def block(self, use: Any, error: Exception | None) -> None:
        loan = self.pool.connection(timeout=5)
        connection = self.run(loan.__aenter__())
        try:
            use(connection)
            if error is not None:
                raise error
        except Exception as caught:
            self.run(loan.__aexit__(type(caught), caught, caught.__traceback__))
            raise
        self.run(loan.__aexit__(None, None, None))

    def close(self) -> None:
        self.run(self.pool.close())
        self.run(self.loop.shutdown_asyncgens())
        self.run(self.loop.shutdown_default_executor())
        self.loop.close()


FACES = {"blocking": Blocking, "asyncio": Asynchronous}


def play(face: str, server: Any, examples: int, steps: int) -> None:
    playing.play(PoolMachine, lambda: FACES[face](server), examples, steps)


@pytest.fixture
def modelled() -> Iterator[Modelled]:
    made = Modelled()
    yield made
    made.close()


@pytest.fixture
def real(server: AnyServer) -> Iterator[Real]:
    made = Real(server.dsn)
    yield made
    made.close()


@pytest.mark.parametrize("face", FACES)
def test_against_a_model(face: str, modelled: Modelled) -> None:
    play(face, modelled, 12, 30)


@pytest.mark.parametrize("face", FACES)
def test_against_a_server(face: str, real: Real) -> None:
    play(face, real, 8, 30)


@pytest.mark.slow
@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("kind", ["modelled", "real"])
def test_for_long(face: str, kind: str, modelled: Modelled, real: Real) -> None:
    play(face, modelled if kind == "modelled" else real, 300, 60)
