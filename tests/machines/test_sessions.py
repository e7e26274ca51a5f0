"""The dblink session's state machine: over model servers behind a socket, and over a real one."""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING, Any

import pytest

import purelink
from purelink.dblink.session import Session
from tests.machines import playing
from tests.machines.served import Served
from tests.machines.session_machine import SessionMachine

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import AnyServer


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    server = Served()
    yield server
    server.close()


def blocking(dsn: str) -> Any:
    session = Session(superuser=True)

    def call(function: str, *args: Any) -> Any:
        found = getattr(session, function)(*args)
        return found.fetchall() if hasattr(found, "fetchall") else found

    return call, dsn, session.close


def asynchronous(dsn: str) -> Any:
    loop = asyncio.new_event_loop()
    session = purelink.AsyncSession(superuser=True)

    async def called(function: str, args: Any) -> Any:
        found = getattr(session, function)(*args)
        if inspect.isawaitable(found):
            found = await found
        return await found.fetchall() if hasattr(found, "fetchall") else found

    def call(function: str, *args: Any) -> Any:
        return loop.run_until_complete(called(function, args))

    def done() -> None:
        loop.run_until_complete(session.close())
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()

    return call, dsn, done


FACES = {"blocking": blocking, "asyncio": asynchronous}


def play(face: str, dsn: str, examples: int, steps: int) -> None:
    playing.play(SessionMachine, lambda: FACES[face](dsn), examples, steps)


@pytest.mark.parametrize("face", FACES)
def test_against_a_model(face: str, served: Served) -> None:
    play(face, served.dsn, 10, 40)


@pytest.mark.parametrize("face", FACES)
def test_against_a_server(face: str, server: AnyServer) -> None:
    play(face, server.dsn, 8, 40)


@pytest.mark.slow
@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("real", [False, True])
def test_for_long(face: str, real: bool, server: AnyServer, served: Served) -> None:
    play(face, server.dsn if real else served.dsn, 300, 60)
