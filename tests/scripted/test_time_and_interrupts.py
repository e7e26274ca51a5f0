"""A call that is left early leaves the connection in step, or plainly closed: never in between.

Timeouts, Ctrl-C, cancelled tasks; servers that answer our cancel request, are deaf to it, or die
of it. Recovery is bounded. Elapsed time is not asserted: the limits here are only ends.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable

import pytest

from purelink.aio import aconnect
from purelink.connection import connect
from purelink.conversation import recovery
from purelink.errors import ConnectionLost, OperationalError, Timeout
from purelink.pumps.blocking import BlockingPump
from purelink.testing.backend import (
    Backend,
    Peer,
    Step,
    answer,
    cut,
    drip,
    expect,
    flood,
    hello,
    send,
    stall,
    until_closed,
)
from purelink.testing.bytes import NOTICE, READY, error, extended, result, row, rows
from purelink.values.rows import raw_row_decoder
from purelink.wire import dialogues
from purelink.wire.frontend import CancelRequest, Query
from purelink.wire.wants import Deliver, Dialogue, Exchange, Limit, LimitExpired

if TYPE_CHECKING:
    from tests.scripted.faces import Face

CANCELED = error("canceling statement due to user request", "57014")


class Cancelled:
    """Two scripts: a query that ends when the second one's cancel request comes."""

    def __init__(self, *begun: bytes, ended: bytes = CANCELED + READY) -> None:
        self.asked, self.event = threading.Event(), threading.Event()
        self.begun, self.ended = begun, ended

    def query(self, peer: Peer) -> None:
        expect(Query)(peer)
        if self.begun:
            peer.say(*self.begun)
        self.asked.set()
        if self.event.wait(20):
            peer.say(self.ended)

    def cancel(self, peer: Peer) -> None:
        expect(CancelRequest)(peer)
        self.event.set()


def in_step(connection: Any) -> None:
    assert connection.transaction_status == "idle"
    assert connection.query("select").scalar() == "in step"


IN_STEP = answer(extended(b"in step"), READY)


# -- timeouts --------------------------------------------------------------------------------


LONG = row(b"x" * 100)


@pytest.mark.parametrize(
    ("begun", "rest"),
    [(b"", b""), (rows() + LONG, b""), (rows() + LONG[:20], LONG[20:]), (NOTICE, b"")],
    ids=["nothing", "a row", "half a row", "a notice"],
)
def test_a_timeout_cancels_and_drains(face: Face, begun: bytes, rest: bytes) -> None:
    story = Cancelled(begun, ended=rest + CANCELED + READY)
    with Backend([hello(), story.query, IN_STEP, until_closed()], [story.cancel]) as server:
        connection = face.connect(server.dsn)
        with pytest.raises(Timeout) as late:
            connection.script("select", timeout=0.1)
        assert isinstance(late.value, TimeoutError)
        assert isinstance(late.value, OperationalError)
        assert str(late.value) == (
            "timeout expired after 0.1 s; the statement was cancelled, and the connection is usable"
        )
        assert late.value.sqlstate == "57014"
        in_step(connection)


def test_a_timeout_while_rows_are_streaming(face: Face) -> None:
    cancelled = threading.Event()

    def stream(peer: Peer) -> None:
        expect(Query)(peer)
        peer.say(rows())
        while not cancelled.is_set():
            peer.say(row(b"x" * 1000) * 20)
        peer.say(CANCELED, READY)

    def cancel(peer: Peer) -> None:
        expect(CancelRequest)(peer)
        cancelled.set()

    with Backend([hello(), stream, IN_STEP, until_closed()], [cancel]) as server:
        connection = face.connect(server.dsn)
        with pytest.raises(Timeout):
            connection.script("select", timeout=0.1)
        in_step(connection)


def test_a_statement_that_ends_by_itself_before_the_cancel(face: Face) -> None:
    """The cancel request comes too late: the answer is whole, the connection in step."""
    asked = threading.Event()

    def cancel(peer: Peer) -> None:
        expect(CancelRequest)(peer)
        asked.set()

    def query(peer: Peer) -> None:
        expect(Query)(peer)
        assert asked.wait(20)
        peer.say(result(b"x"), READY)

    with Backend([hello(), query, IN_STEP, until_closed()], [cancel]) as server:
        connection = face.connect(server.dsn)
        with pytest.raises(Timeout, match="is usable"):
            connection.script("select", timeout=0.1)
        in_step(connection)


def test_a_server_that_is_deaf_to_our_cancel(face: Face, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recovery, "RECOVERY_SECONDS", 0.1)
    with Backend([hello(), expect(Query), until_closed()], [expect(CancelRequest)]) as server:
        connection = face.connect(server.dsn)
        with pytest.raises(Timeout, match="the connection is closed"):
            connection.script("select", timeout=0.1)
        server.wait()
        assert connection.closed
        with pytest.raises(ConnectionLost):
            connection.script("select")


def test_a_server_that_drips_after_our_cancel(face: Face, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recovery, "RECOVERY_SECONDS", 0.1)
    story = Cancelled()
    dripping = [story.query, drip(NOTICE * 1000, pause=0.01)]
    story.ended = b""
    with Backend([hello(), *dripping], [story.cancel]) as server:
        connection = face.connect(server.dsn)
        with pytest.raises(Timeout, match="the connection is closed"):
            connection.script("select", timeout=0.1)
        assert connection.closed
        server._released.set()


def test_a_server_that_floods_after_our_cancel(face: Face, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recovery, "RECOVERY_SECONDS", 0.2)
    script: list[Step] = [hello(), expect(Query), send(rows()), flood(row(b"x" * 1000) * 60)]
    with Backend(script, [expect(CancelRequest)]) as server:
        connection = face.connect(server.dsn)
        with pytest.raises(Timeout, match="the connection is closed"):
            connection.script("select", timeout=0.1)
        assert connection.closed


def test_a_cancel_request_that_hangs(face: Face, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may still strike: the connection is not used again, though the answer came."""
    monkeypatch.setattr(recovery, "CANCEL_SECONDS", 0.1)
    script: list[Step] = [hello(), expect(Query), stall(0.3), send(result(b"x"), READY)]
    with Backend([*script, until_closed()], [expect(CancelRequest), stall()]) as server:
        connection = face.connect(server.dsn)
        with pytest.raises(Timeout, match="the connection is closed"):
            connection.script("select", timeout=0.05)
        assert connection.closed


def test_a_cancel_request_that_cannot_be_delivered(face: Face) -> None:
    """What runs may end by itself within the time."""
    script: list[Step] = [expect(Query), stall(0.2), send(result(b"x"), READY), IN_STEP]
    with Backend([hello(), *script, until_closed()], [cut(reset=True)]) as server:
        connection = face.connect(server.dsn)
        with pytest.raises(Timeout, match="is usable"):
            connection.script("select", timeout=0.05)
        in_step(connection)


def test_a_connection_that_dies_of_the_cancel(face: Face) -> None:
    story = Cancelled(ended=error("terminating", "57P01", "FATAL"))
    with Backend([hello(), story.query, cut()], [story.cancel]) as server:
        connection = face.connect(server.dsn)
        with pytest.raises(Timeout, match="the connection is closed"):
            connection.script("select", timeout=0.1)
        assert connection.closed


def test_no_key_no_cancel(face: Face) -> None:
    from purelink.testing.bytes import AUTH_OK

    script: list[Step] = [expect(Query), stall(0.2), send(result(b"x"), READY), IN_STEP]
    with Backend([hello(AUTH_OK + READY), *script, until_closed()]) as server:
        connection = face.connect(server.dsn)
        with pytest.raises(Timeout, match="is usable"):
            connection.script("select", timeout=0.05)
        in_step(connection)
        assert len(server.peers) == 1


def test_a_timeout_while_we_write(face: Face) -> None:
    """Half of the query is out: the rest is not sent, it might take effect."""
    with Backend([hello(), stall(0.5), until_closed()]) as server:
        connection = face.connect(server.dsn)
        with pytest.raises(Timeout, match="nobody can tell") as caught:
            connection.script("x" * (24 << 20), timeout=0.2)
        assert (caught.value.outcome, caught.value.sqlstate) == ("unknown", None)
        assert connection.closed


def test_a_timeout_of_nothing_still_says_what_it_began(face: Face) -> None:
    story = Cancelled()
    with Backend([hello(), story.query, IN_STEP, until_closed()], [story.cancel]) as server:
        connection = face.connect(server.dsn)
        with pytest.raises(Timeout):
            connection.script("select", timeout=0)
        in_step(connection)


def test_a_timeout_that_is_not_reached(face: Face) -> None:
    with Backend([hello(), IN_STEP, IN_STEP, until_closed()]) as server:
        connection = face.connect(server.dsn)
        assert connection.query("select 1", timeout=60).scalar() == "in step"
        in_step(connection)


def test_what_was_received_is_kept_when_the_time_is_over(face: Face) -> None:
    """A want that runs out of time drops nothing: the next one hands it out."""
    first, rest = result(b"x" * 1000)[:500], result(b"x" * 1000)[500:] + READY
    go = threading.Event()

    def query(peer: Peer) -> None:
        expect(Query)(peer)
        peer.say(first)
        go.wait(20)
        peer.say(rest)

    with Backend([hello(), query, until_closed()]) as server:
        pump, connected = face.session(server.dsn)
        session = connected.session
        data = dialogues.simple_query(session, b"select", raw_row_decoder)
        with pytest.raises(LimitExpired):
            face.run(pump, dialogues.until_idle(session, data=data), Limit(0.1))
        assert not session.idle
        go.set()
        face.run(pump, dialogues.until_idle(session))
        assert session.answers[0].rows == [(b"x" * 1000,)]


# -- Ctrl-C, in the blocking face ------------------------------------------------------------


@pytest.fixture
def alarm() -> Any:
    """A Ctrl-C that comes in a while, in the middle of whatever waits."""
    # Python's own handler for SIGINT; pytest's would stop the run
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    # The backend's threads, begun from here on, are not to catch it: it would come late.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})

    def set_(seconds: float, again: float = 0) -> None:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGALRM})
        signal.setitimer(signal.ITIMER_REAL, seconds, again)

    yield set_
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGALRM})
    signal.signal(signal.SIGALRM, before)


def test_ctrl_c_in_a_wait(alarm: Callable[[float], object]) -> None:
    story = Cancelled(rows() + row(b"x"))
    with Backend([hello(), story.query, IN_STEP, until_closed()], [story.cancel]) as server:
        connection = connect(server.dsn, autocommit=True)
        alarm(0.1)
        with pytest.raises(KeyboardInterrupt):
            connection.script("select")
        in_step(connection)
        connection.close()


def test_ctrl_c_while_we_write(alarm: Callable[[float], object]) -> None:
    with Backend([hello(), stall(1.5), until_closed()]) as server:
        connection = connect(server.dsn, autocommit=True)
        alarm(0.8)
        with pytest.raises(KeyboardInterrupt):
            connection.script("x" * (24 << 20))
        assert connection.closed


def test_ctrl_c_again_while_the_connection_recovers(alarm: Callable[..., object]) -> None:
    """It is closed: nobody waits a third time."""
    with Backend([hello(), expect(Query), until_closed()], [expect(CancelRequest)]) as server:
        connection = connect(server.dsn, autocommit=True)
        alarm(0.1, 0.1)
        with pytest.raises(KeyboardInterrupt):
            connection.script("select")
        alarm(0)
        assert connection.closed
        server.wait()


def test_ctrl_c_while_connecting(alarm: Callable[[float], object]) -> None:
    with Backend([until_closed()]) as server:
        alarm(0.1)
        with pytest.raises(KeyboardInterrupt):
            connect(server.dsn)
        server.wait()  # the socket is closed


def test_ctrl_c_at_any_moment() -> None:
    """Whatever it hits: in step, or closed; never an answer that belongs to another query."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.scripted.at_any_moment"],
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    interrupts = int(done.stdout.split()[0])
    assert interrupts > 0


def test_an_interrupt_inside_a_send_drops_the_channel() -> None:
    """Nobody can tell how much went out: sending it again might run it twice."""

    class Interrupted:
        """A socket whose calls are interrupted just as they have done their work."""

        def __init__(self, channel: socket.socket) -> None:
            self.channel = channel

        def __getattr__(self, name: str) -> Any:
            return getattr(self.channel, name)

        def send(self, data: bytes) -> int:
            self.channel.send(data)
            raise KeyboardInterrupt

        def recv(self, size: int) -> bytes:
            self.channel.recv(size)
            raise KeyboardInterrupt

    def write() -> Dialogue[None]:
        yield Deliver(b"x" * 10)

    def read() -> Dialogue[None]:
        yield Exchange(b"")

    for dialogue in (write, read):
        ours, theirs = socket.socketpair()
        with ours, theirs:
            pump = BlockingPump(Interrupted(ours))
            theirs.send(b"y")
            with pytest.raises(KeyboardInterrupt):
                pump.run(dialogue())
            assert pump.fileno() == -1


# -- cancelled tasks, in the asyncio face ----------------------------------------------------


def test_a_cancelled_task_leaves_the_connection_in_step() -> None:
    story = Cancelled(rows() + row(b"x"))

    async def whole(dsn: str) -> None:
        connection = await aconnect(dsn, autocommit=True)
        task = asyncio.ensure_future(connection.script("select"))
        await asyncio.get_running_loop().run_in_executor(None, story.asked.wait, 20)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert connection.transaction_status == "idle"
        assert (await connection.query("select")).scalar() == "in step"
        await connection.close()

    with Backend([hello(), story.query, IN_STEP, until_closed()], [story.cancel]) as server:
        asyncio.run(whole(server.dsn))


def test_wait_for_gives_its_own_error() -> None:
    story = Cancelled()

    async def whole(dsn: str) -> None:
        connection = await aconnect(dsn, autocommit=True)
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(connection.script("select"), 0.1)
        assert (await connection.query("select")).scalar() == "in step"
        await connection.close()

    with Backend([hello(), story.query, IN_STEP, until_closed()], [story.cancel]) as server:
        asyncio.run(whole(server.dsn))


def test_a_task_that_is_cancelled_twice_closes_the_connection() -> None:
    async def whole(dsn: str) -> None:
        connection = await aconnect(dsn, autocommit=True)
        task = asyncio.ensure_future(connection.script("select"))
        await asyncio.sleep(0.1)
        task.cancel()
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert connection.closed

    with Backend([hello(), expect(Query), until_closed()], [expect(CancelRequest)]) as server:
        asyncio.run(whole(server.dsn))
        server.wait()


def test_a_task_cancelled_while_it_queues_changes_nothing() -> None:
    story = Cancelled()

    async def whole(dsn: str) -> None:
        connection = await aconnect(dsn, autocommit=True)
        first = asyncio.ensure_future(connection.script("select"))
        second = asyncio.ensure_future(connection.script("never said"))
        await asyncio.sleep(0.05)
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        story.event.set()
        with pytest.raises(OperationalError):
            await first
        assert (await connection.query("select")).scalar() == "in step"
        await connection.close()

    with Backend([hello(), story.query, IN_STEP, until_closed()]) as server:
        asyncio.run(whole(server.dsn))
        assert Query(b"never said") not in server.seen[0]


def test_a_task_cancelled_while_it_connects() -> None:
    async def whole(dsn: str) -> None:
        task = asyncio.ensure_future(aconnect(dsn))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.sleep(0)

    with Backend([until_closed()]) as server:
        asyncio.run(whole(server.dsn))
        server.wait()


def test_a_cancellation_beside_a_limit_is_the_caller_s_own() -> None:
    """Time runs out while the caller cancels: it is the cancellation that is told."""

    async def whole(dsn: str) -> None:
        async def provide(*_: Any) -> str:
            await asyncio.sleep(30)
            return ""

        task = asyncio.ensure_future(aconnect(dsn, password=provide, timeout=60))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        with pytest.raises(Timeout):
            await aconnect(dsn, password=provide, timeout=0.1)

    from purelink.testing.backend import startup
    from purelink.wire import backend

    ask = [startup(), send(backend.Authentication(3)), until_closed()]
    with Backend(ask, ask) as server:
        asyncio.run(whole(server.dsn))


def test_a_loop_that_is_closed_under_the_connection() -> None:
    async def opened(dsn: str) -> Any:
        return await aconnect(dsn, autocommit=True)

    with Backend([hello(), until_closed()]) as server:
        loop = asyncio.new_event_loop()
        connection = loop.run_until_complete(opened(server.dsn))
        connection._pump.close()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()
        connection._talk.session.end()
        connection._pump.close()


# -- closing ---------------------------------------------------------------------------------


def test_close_never_hangs(face: Face) -> None:
    """A server that does not read, with our buffers full, cannot hold us."""
    with Backend([hello(), stall()]) as server:
        connection = face.connect(server.dsn)
        channel = connection.fileno()
        duplicate = socket.socket(fileno=os.dup(channel))
        duplicate.setblocking(False)
        try:
            deadline = time.monotonic() + 20
            while time.monotonic() < deadline:
                duplicate.send(b"x" * 65536)
        except BlockingIOError:
            pass
        duplicate.close()
        connection.close()
        assert connection.closed
        server._released.set()


def test_close_says_goodbye_once(face: Face) -> None:
    with Backend([hello(), until_closed()]) as server:
        connection = face.connect(server.dsn)
        connection.close()
        connection.close()
        server.wait()
        assert server.said() == ["Terminate"]
        assert not connection.broken
