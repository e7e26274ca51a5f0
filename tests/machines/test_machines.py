"""The connection's state machine: against a model server in memory, and against a real one."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from purelink.conninfo import Target
from purelink.conversation.attempt import Connected
from purelink.conversation.talk import Talk
from purelink.testing.transcript import Transcript
from purelink.values.encodings import codec_of
from purelink.wire import legality
from purelink.wire.session import Session
from purelink.wire.wants import Address
from tests.both import Door
from tests.machines.machine import ConnectionMachine, Driver
from tests.machines.model_server import ModelServer
from tests.machines.playing import play

if TYPE_CHECKING:
    from tests.conftest import AnyServer

TARGET = Target("address", "192.0.2.1", "192.0.2.1", "5432", "", None, None)


class Wire(Transcript):
    """A pump to a model server: what is said is heard at once, and answered in pieces."""

    def __init__(self, server: ModelServer, random: Random) -> None:
        super().__init__([])
        self._server = server
        self._random = random
        self._waiting = b""

    def ask(self, question: bytes) -> bytes:
        """Say something on a silent channel; return what comes, or a part of it."""
        self._waiting += self._server.feed(question)
        size = self._random.choice((1, 40, 1 << 20, 1 << 20))
        taken, self._waiting = self._waiting[:size], self._waiting[size:]
        return taken

    def _exchange(self, want: Any) -> Any:
        self._waiting += self._server.feed(want.data)
        if want.at_once:
            taken, self._waiting = self._waiting, b""
            return taken or None
        assert self._waiting, "both sides wait for each other"
        size = max(1, want.need, self._random.choice((1, 7, 100, 1 << 20)))
        taken, self._waiting = self._waiting[:size], self._waiting[size:]
        return taken

    def _deliver(self, want: Any) -> bool:
        self._waiting += self._server.feed(want.data)
        return bool(self._waiting)

    def _aside(self, _want: Any) -> None:
        """A cancel request comes too late for a server that answers at once."""


class ModelDriver(Driver):
    """A connection to a model server."""

    def __init__(self) -> None:
        random = Random(7)
        session = Session(codec_of)
        session.state, session.transaction_status = legality.IDLE, "I"
        address = Address("tcp", "192.0.2.1", 5432)
        self.talk = Talk(Connected(session, TARGET, address), autocommit=True)
        self.talk.notice_handlers.append(lambda _notice: None)
        self.talk.notification_handlers.append(lambda _notification: None)
        self._wire = Wire(ModelServer(lambda: random.random() < 0.1), random)

    def run(self, conversation: Any, holder: Any = None) -> Any:
        """Run it; whatever leaves it early is followed by a recovery, as a face does it."""
        self.talk.admit(holder)
        try:
            return self._wire.run(conversation)
        except Exception:
            if not self.talk.session.idle:
                self._wire.run(self.talk.recover())
            raise

    def ask(self, sql: str, parameters: Any) -> Any:
        """Ask the short way, as a face does."""
        self.talk.admit(None)
        question = self.talk.short.question(sql, parameters)
        heard = None if question is None else self._wire.ask(question)
        if heard is not None:
            result = self.talk.short.answer(heard)
            if result is not None:
                return result
        return self.run(self.talk.short.rest(heard))


class RealDriver(Driver):
    """A connection to a real server, by either face."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._connection = door.connect()
        self._connection.script(
            "DROP TABLE IF EXISTS kept; CREATE TEMP TABLE kept (n int CHECK (n >= 0))"
        )
        self.talk = self._connection.talk

    def run(self, conversation: Any, holder: Any = None) -> Any:
        """Run it through the face."""
        return self._connection.run(conversation, None, holder)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def test_against_a_model() -> None:
    play(ConnectionMachine, ModelDriver, 150, 40)


@pytest.mark.slow
def test_against_a_model_for_long() -> None:
    play(ConnectionMachine, ModelDriver, 3000, 60)


@pytest.mark.parametrize("face", ["blocking", "asyncio"])
def test_against_a_server(face: str, server: AnyServer) -> None:
    door = Door(face, server.dsn)
    try:
        play(ConnectionMachine, lambda: RealDriver(door), 15, 40)
    finally:
        door.close()


@pytest.mark.slow
@pytest.mark.parametrize("face", ["blocking", "asyncio"])
def test_against_a_server_for_long(face: str, server: AnyServer) -> None:
    door = Door(face, server.dsn)
    try:
        play(ConnectionMachine, lambda: RealDriver(door), 300, 60)
    finally:
        door.close()
