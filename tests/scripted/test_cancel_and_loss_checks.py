"""Checks 170 to 179 of the wire: cancel, loss of the session, hosts, fork, threads and tasks."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import threading
import warnings
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from purelink.aio import AsyncConnection, aconnect
from purelink.connection import connect
from purelink.errors import (
    ConnectError,
    ConnectionLost,
    DataError,
    InterfaceError,
    OperationalError,
    RemoteProtocolError,
)
from purelink.testing.backend import (
    Backend,
    Peer,
    Step,
    answer,
    cut,
    expect,
    expect_bytes,
    flood,
    hello,
    send,
    serve,
    stall,
    startup,
    tls_answer,
    until_closed,
)
from purelink.testing.bytes import (
    ERROR,
    FATAL,
    HELLO,
    READY,
    complete,
    error,
    extended,
    result,
    row,
    rows,
)
from purelink.wire import backend
from purelink.wire.cancel import cancel
from purelink.wire.frontend import CancelRequest, Parse, Query, StartupMessage, Sync, Terminate
from purelink.wire.wants import Address, Limit, LimitExpired

if TYPE_CHECKING:
    from purelink.wire.message import Message
    from tests.scripted.faces import Face

REQUEST = bytes.fromhex("00000010 04d2162e 000004d2 0000162e")


def test_check_170_cancel(face: Face) -> None:
    script = [expect_bytes(REQUEST), until_closed()]
    with Backend([hello(), until_closed()], [expect(CancelRequest)], script) as server:
        connection = face.connect(server.dsn)
        connection.cancel()  # returns when the server has closed
        assert server.heard[1] == REQUEST
        assert connection.transaction_status == "idle"


def test_check_171_a_long_key(face: Face) -> None:
    key = bytes(range(32))
    said = HELLO[:-6].replace(backend.BackendKeyData(1234, b"\0\0\x16\x2e").encode(), b"")
    said += backend.BackendKeyData(-5, key).encode() + READY
    with Backend([hello(said), until_closed()], [expect(CancelRequest)]) as server:
        connection = face.connect(f"{server.dsn} max_protocol_version=3.2")
        connection.cancel()
        assert server.heard[1] == (b"\0\0\0\x2c" + REQUEST[4:8] + b"\xff\xff\xff\xfb" + key)


@pytest.mark.parametrize("reply", [b"N", b"E", b"X", b""])
def test_check_172_the_key_never_goes_out_in_clear(face: Face, reply: bytes) -> None:
    with Backend([tls_answer(reply), cut()]) as server:
        pump = face.pump()
        address = Address("tcp", "127.0.0.1", server.port)
        with pytest.raises(OperationalError):
            face.run(pump, cancel(address, 1234, b"wxyz", tls="settings"))
        server.wait()
        assert server.heard[0] == bytes.fromhex("0000000804d2162f")


def test_check_173_a_cancel_that_is_never_closed(face: Face) -> None:
    with Backend([stall()]) as server:
        pump = face.pump()
        address = Address("tcp", "127.0.0.1", server.port)
        with pytest.raises(LimitExpired):
            face.run(pump, cancel(address, 1234, b"wxyz"), Limit(0.1))


def test_check_174_a_cancel_that_is_answered(face: Face) -> None:
    scripts = [[expect(CancelRequest), send(ERROR)], [expect(CancelRequest), flood(READY * 100)]]
    with Backend([hello(), until_closed()], *scripts) as server:
        connection = face.connect(server.dsn)
        with pytest.raises(DataError, match="division by zero"):
            connection.cancel()
        with pytest.raises(RemoteProtocolError, match=r"^unexpected response from server$"):
            connection.cancel()
        assert not connection.closed


def test_cancel_of_a_server_that_is_gone(face: Face) -> None:
    with Backend([hello(), until_closed()]) as server:
        connection = face.connect(server.dsn)
    with pytest.raises(OperationalError, match="the cancel request failed: Connection refused"):
        connection.cancel()


def test_check_175_terminated(face: Face) -> None:
    with Backend([hello(), answer(FATAL), cut()]) as server:
        connection = face.connect(server.dsn)
        with pytest.raises(ConnectionLost) as loss:
            connection.query("select")
        assert str(loss.value).startswith("FATAL:  terminating connection due to administrator")
        assert loss.value.sqlstate == "57P01"
        assert not connection.is_alive()
        for call in (connection.query, connection.script):
            with pytest.raises(ConnectionLost, match=r"^no connection to the server$") as later:
                call("select")
            assert later.value.sqlstate == "08003"
        with pytest.raises(ConnectionLost):
            connection.commit()
        with pytest.raises(ConnectionLost):
            connection.rollback()
        with pytest.raises(ConnectionLost):
            connection.wait_for_notification(0.1)
        connection.close()
        connection.close()


def test_check_176_a_statement_timeout_keeps_the_session(face: Face) -> None:
    timed_out = error("canceling statement due to statement timeout", "57014")
    script = [hello(), answer(timed_out, READY), answer(extended(b"x"), READY), until_closed()]
    with Backend(script) as server:
        connection = face.connect(server.dsn)
        with pytest.raises(OperationalError) as failure:
            connection.script("select")
        assert failure.value.sqlstate == "57014"
        assert connection.query("select").scalar() == "x"


# -- hosts -----------------------------------------------------------------------------------


def status(read_only: str, standby: str) -> bytes:
    return HELLO[:-6] + b"".join(
        backend.ParameterStatus(name, value.encode()).encode()
        for name, value in (
            (b"default_transaction_read_only", read_only),
            (b"in_hot_standby", standby),
        )
    )


PRIMARY, STANDBY = status("off", "off"), status("off", "on")


@pytest.mark.parametrize(
    ("wish", "first", "second", "reached"),
    [
        ("any", STANDBY, PRIMARY, 0),
        ("read-write", STANDBY, PRIMARY, 1),
        ("read-only", PRIMARY, STANDBY, 1),
        ("primary", STANDBY, PRIMARY, 1),
        ("standby", PRIMARY, STANDBY, 1),
        ("prefer-standby", PRIMARY, STANDBY, 1),
        ("read-write", STANDBY, STANDBY, "session is read-only"),
        ("read-only", PRIMARY, PRIMARY, "session is not read-only"),
        ("primary", STANDBY, STANDBY, "server is in hot standby mode"),
        ("standby", PRIMARY, PRIMARY, "server is not in hot standby mode"),
        ("prefer-standby", PRIMARY, PRIMARY, 0),
    ],
)
def test_check_177_the_right_kind_of_server(
    face: Face, wish: str, first: bytes, second: bytes, reached: int | str
) -> None:
    one = [hello(first + READY), until_closed()]
    two = [hello(second + READY), until_closed()]
    with Backend(one, one) as left, Backend(two, two) as right:
        dsn = (
            f"host=127.0.0.1,127.0.0.1 port={left.port},{right.port} user=u sslmode=disable"
            f" target_session_attrs={wish}"
        )
        if isinstance(reached, str):
            with pytest.raises(ConnectError) as refused:
                face.connect(dsn)
            assert [text.endswith(reached) for _, text in refused.value.attempts] == [True] * 2
        else:
            connection = face.connect(dsn)
            assert connection.target.port == str((left.port, right.port)[reached])
            connection.close()
        for server in (left, right):
            server.wait()
            # each got a polite word
            assert all(seen[-1] == Terminate() for seen in server.seen)


def test_check_177_older_servers_are_asked(face: Face) -> None:
    asked = [hello(), answer(result(b"on"), READY), until_closed()]
    willing = [hello(), answer(result(b"off"), READY), until_closed()]
    with Backend(asked) as left, Backend(willing) as right:
        ports = f"port={left.port},{right.port}"
        dsn = f"host=127.0.0.1,127.0.0.1 {ports} user=u sslmode=disable"
        connection = face.connect(f"{dsn} target_session_attrs=read-write")
        assert connection.target.port == str(right.port)
        assert left.seen[0][1] == Query(b"SHOW transaction_read_only")


def test_check_177_a_server_that_fails_the_question(face: Face) -> None:
    with (
        Backend([hello(), answer(ERROR, READY), until_closed()]) as server,
        pytest.raises(ConnectError, match='"SHOW transaction_read_only" failed'),
    ):
        face.connect(f"{server.dsn} target_session_attrs=read-write")


def test_a_server_that_starts_up_is_passed_over(face: Face) -> None:
    starting = error("the database system is starting up", "57P03", "FATAL")
    with Backend([startup(), send(starting)]) as left, Backend([hello(), until_closed()]) as right:
        dsn = f"host=127.0.0.1,127.0.0.1 port={left.port},{right.port} user=u"
        assert face.connect(dsn).target.port == str(right.port)


@pytest.mark.parametrize("state", ["53300", "28P01", "3D000"])
def test_other_refusals_stop_the_search(face: Face, state: str) -> None:
    refused = error("no", state, "FATAL")
    with Backend([startup(), send(refused)]) as left, Backend([hello()]) as right:
        ports = f"port={left.port},{right.port}"
        with pytest.raises(ConnectError) as failure:
            face.connect(f"host=127.0.0.1,127.0.0.1 {ports} user=u sslmode=disable")
        assert not right.peers
        assert failure.value.sqlstate == state


# -- fork ------------------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform has no fork")
def test_check_178_a_forked_child_sends_nothing(face: Face) -> None:
    with Backend([hello(), answer(extended(b"x"), READY), until_closed()]) as server:
        connection = face.connect(server.dsn)
        # Python 3.12 warns of a fork beside the backend's threads; that is the point here
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            child = os.fork()
        if child == 0:
            code = 1
            try:
                warnings.simplefilter("ignore")
                code = child_behaves(face, connection)
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        # The parent's connection has not seen a thing.
        assert connection.query("select").scalar() == "x"
        assert server.said() == ["Parse", "Bind", "Describe", "Execute", "Sync"]


def child_behaves(face: Face, connection: Any) -> int:
    raw = getattr(connection, "connection", connection)
    for call in (
        partial(raw.query, "select"),
        partial(raw.script, "select"),
        raw.commit,
        raw.cancel,
        raw.is_alive,
    ):
        try:
            # The parent's loop is the parent's too: a coroutine is begun by hand.
            coroutine = call()
            if hasattr(coroutine, "send"):
                coroutine.send(None)
        except InterfaceError as refusal:
            assert "opened by another process" in str(refusal)  # noqa: PT017 - in a child
        else:
            return 2
    closing = raw.close()
    if hasattr(closing, "send"):
        try:
            closing.send(None)
        except StopIteration:
            pass
    face.opened.clear()
    connection = raw = closing = call = coroutine = None
    gc.collect()
    return 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform has no fork")
def test_check_178_a_child_forked_while_the_connection_is_in_use() -> None:
    """The lock another thread holds is copied as it is: the child must not wait for it."""
    asked = threading.Event()

    def slow(peer: Peer) -> None:
        expect(Query)(peer)
        asked.set()
        peer.released.wait(0.3)
        peer.say(result(b"x"), READY)

    with Backend([hello(), slow, until_closed()]) as server:
        connection = connect(server.dsn, autocommit=True)
        thread = threading.Thread(target=connection.script, args=("select",))
        thread.start()
        assert asked.wait(20)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            child = os.fork()
        if child == 0:
            code = 1
            try:
                connection.query("select")
            except InterfaceError:
                connection.close()
                code = 0
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        thread.join()
        connection.close()


# -- threads and tasks -----------------------------------------------------------------------


def echo(peer: Peer) -> None:
    """Answer each batch or query with the text that was asked."""
    asked = b""

    def reply(message: Message) -> bytes | None:
        nonlocal asked
        if isinstance(message, Query):
            return result(message.sql) + READY
        if isinstance(message, Parse):
            asked = message.sql
        if isinstance(message, Sync):
            return extended(asked) + READY
        return b""

    serve(reply)(peer)


def test_check_179_two_threads_are_queued() -> None:
    with Backend([hello(), echo, until_closed()]) as server:
        connection = connect(server.dsn, autocommit=True)
        wrong: list[Any] = []

        def work(number: int) -> None:
            for turn in range(50):
                text = f"thread {number} turn {turn} " + "x" * 1000
                by_query = connection.query(text).scalar() if turn % 2 else text
                by_script = text if turn % 2 else connection.script(text)[0].scalar()
                if not by_query == by_script == text:
                    wrong.append((by_query, by_script))

        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert wrong == []
        connection.close()


def test_check_179_two_tasks_are_queued() -> None:
    async def whole(dsn: str) -> None:
        connection = await aconnect(dsn, autocommit=True)

        async def work(number: int) -> None:
            for turn in range(50):
                text = f"task {number} turn {turn} " + "x" * 1000
                assert (await connection.query(text)).scalar() == text

        await asyncio.gather(*map(work, range(4)))
        await connection.close()

    with Backend([hello(), echo, until_closed()]) as server:
        asyncio.run(whole(server.dsn))


def test_an_async_connection_is_made_on_python_3_9_too(face: Face) -> None:
    """A lock made outside its loop would be of another loop there."""
    with Backend([hello(), answer(extended(b"x"), READY), until_closed()]) as server:
        connection = face.connect(server.dsn)
        assert connection.query("select").scalar() == "x"
        raw = getattr(connection, "connection", None)
        assert raw is None or isinstance(raw, AsyncConnection)


# -- the end ---------------------------------------------------------------------------------


def test_is_alive_sees_the_end_without_a_round_trip(face: Face) -> None:
    unasked = threading.Event()

    def leave(peer: Peer) -> None:
        unasked.wait(20)
        peer.close()

    with Backend([hello(), leave]) as server:
        connection = face.connect(server.dsn)
        assert connection.is_alive()
        unasked.set()
        server.wait()
        assert not connection.is_alive()
        assert connection.closed
        assert connection.broken
        assert isinstance(server.seen[0][0], StartupMessage)
        assert server.said() == []


def test_leaving_a_with_block(face: Face) -> None:
    begun = b"1\0\0\0\x042\0\0\0\x04" + complete("BEGIN")
    in_block = backend.ReadyForQuery(b"T").encode()
    for fails, last in ((False, b"COMMIT"), (True, b"ROLLBACK")):
        script: list[Step] = [
            hello(),
            answer(begun, extended(b"x"), in_block),
            expect(Query),
            send(complete("x"), READY),
            until_closed(),
        ]
        with Backend(script) as server:
            try:
                with face.connect(server.dsn, autocommit=False) as connection:
                    connection.query("select")
                    assert connection.in_transaction
                    if fails:
                        raise KeyError
            except KeyError:
                pass
            server.wait()
            assert connection.closed
            assert not connection.broken
            assert server.seen[0][-2:] == [Query(last), Terminate()]


def test_a_with_block_whose_connection_is_lost(face: Face) -> None:
    with Backend([hello(), answer(rows(), row(b"x")), cut()]) as server:
        with pytest.raises(ConnectionLost), face.connect(server.dsn) as connection:
            connection.script("select")
        assert connection.closed


@pytest.mark.parametrize("reset", [False, True])
def test_the_words_before_the_end_are_told_though_we_were_writing(face: Face, reset: bool) -> None:
    """The server says FATAL and leaves while a large query is going out."""

    def refuse(peer: Peer) -> None:
        peer.raw(100_000)
        peer.say(FATAL)
        if not reset:
            # else the unread rest of the query makes its close a reset
            peer.channel.shutdown(socket.SHUT_WR)
            peer.released.wait(0.2)

    with Backend([hello(), refuse]) as server:
        connection = face.connect(server.dsn)
        with pytest.raises(ConnectionLost) as loss:
            connection.script("x" * (64 << 20))
        assert str(loss.value).startswith("FATAL:  terminating connection")
        assert connection.closed
