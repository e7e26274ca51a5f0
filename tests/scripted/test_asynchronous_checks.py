"""Checks 65 to 76 of the wire: what comes unasked, in a result or while idle, and who hears it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest

from purelink.errors import ConnectionLost, Error, LocalProtocolError, RemoteProtocolError
from purelink.testing.backend import Backend, Peer, Step, answer, cut, hello, send, until_closed
from purelink.testing.bytes import (
    FATAL,
    KEY,
    NOTICE,
    NOTIFICATION,
    READY,
    STATUS,
    column,
    complete,
    extended,
    result,
    row,
    rows,
)
from purelink.values.rows import raw_row_decoder
from purelink.wire import backend, dialogues
from purelink.wire.session import CLOSED_UNEXPECTEDLY, Notification

if TYPE_CHECKING:
    from tests.scripted.faces import Face

SIDE = NOTICE + STATUS + NOTIFICATION


class Unasked:
    """A step that sends at once, and a test's way to wait until that is done.

    What is on the loopback interface when `sendall` returns can be read.
    """

    def __init__(self, *said: bytes, then: Step | None = None) -> None:
        import threading

        self.go, self.done = threading.Event(), threading.Event()
        self.said = said
        self.then = then

    def __call__(self, peer: Peer) -> None:
        assert self.go.wait(20)
        if self.said:
            peer.say(*self.said)
        if self.then is not None:
            self.then(peer)
        self.done.set()

    def happen(self) -> None:
        self.go.set()
        assert self.done.wait(20)


def test_check_065_between_any_two_messages(face: Face) -> None:
    said = SIDE.join((rows(), row(b"x"), row(b"y"), complete("SELECT 2"), READY))
    with Backend([hello(), answer(said), until_closed()]) as server:
        connection = face.connect(server.dsn)
        heard: list[Any] = []
        connection.notice_handlers.append(heard.append)
        assert connection.script("select")[0].rows == [("x",), ("y",)]
        assert [notice.message_primary for notice in heard] == ["look out"] * 4
        assert list(connection.notifications) == [Notification(77, "channel", "pay")] * 4
        assert connection.parameters["TimeZone"] == "Asia/Tokyo"


def test_check_065_in_a_copy(face: Face) -> None:
    begin = backend.CopyOutResponse(0, (0,)).encode()
    data = backend.CopyData(b"1\n").encode()
    said = SIDE.join((begin, data, data, b"c\0\0\0\x04", complete("COPY 2"), READY))
    with Backend([hello(), answer(said), until_closed()]) as server:
        pump, connected = face.session(server.dsn)
        session = connected.session
        asked = dialogues.simple_query(session, b"copy", raw_row_decoder)
        begun = face.run(pump, dialogues.until_answer(session, data=asked))
        assert begun is not None
        assert face.run(pump, dialogues.until_answer(session)) is None
        assert begun.command_tag == "COPY 2"
        assert session.copied == [b"1\n", b"1\n"]
        assert len(session.notices) == len(session.notifications) == 5


def test_check_066_while_idle(face: Face) -> None:
    unasked = Unasked(SIDE)
    with Backend([hello(), unasked, answer(extended(b"x"), READY), until_closed()]) as server:
        connection = face.connect(server.dsn)
        heard: list[Any] = []
        connection.notification_handlers.append(heard.append)
        unasked.happen()
        assert connection.is_alive()
        assert heard == [Notification(77, "channel", "pay")]
        assert connection.query("select").scalar() == "x"
        assert connection.parameters["TimeZone"] == "Asia/Tokyo"


def test_check_066_waiting_for_a_notification(face: Face) -> None:
    unasked = Unasked(NOTICE, NOTIFICATION)
    with Backend([hello(), unasked, answer(result(b"x"), READY), until_closed()]) as server:
        connection = face.connect(server.dsn)
        assert connection.wait_for_notification(timeout=0.01) is None
        unasked.happen()
        assert connection.wait_for_notification(timeout=20) == Notification(77, "channel", "pay")
        assert connection.wait_for_notification(timeout=0.01) is None
        assert connection.script("select")[0].scalar() == "x"


@pytest.mark.parametrize("call", ["query", "script", "is_alive", "wait_for_notification"])
def test_check_067_fatal_words_while_idle(face: Face, call: str) -> None:
    unasked = Unasked(FATAL, then=cut())
    with Backend([hello(), unasked]) as server:
        connection = face.connect(server.dsn)
        unasked.happen()
        if call == "is_alive":
            assert connection.is_alive() in (False, True)
            assert not connection.is_alive()
            call = "query"
            with pytest.raises(ConnectionLost) as loss:
                connection.query("select")
        else:
            arguments = ["select"] if call in ("query", "script") else []
            with pytest.raises(ConnectionLost) as loss:
                getattr(connection, call)(*arguments)
            assert str(loss.value) == (
                "FATAL:  terminating connection due to administrator command\n"
                + CLOSED_UNEXPECTEDLY
            )
        assert loss.value.sqlstate in ("57P01", "08003")
        assert loss.value.diagnostics is not None
        assert loss.value.diagnostics.sqlstate == "57P01"
        assert not loss.value.outcome_unknown
        assert connection.closed
        assert server.said() == []


@pytest.mark.parametrize(
    "said", [READY, complete("SELECT 1"), rows() + row(b"evil"), b"y\0\0\0\x04", KEY]
)
@pytest.mark.parametrize("call", ["query", "script"])
def test_check_068_anything_else_while_idle(face: Face, said: bytes, call: str) -> None:
    unasked = Unasked(said)
    with Backend([hello(), unasked, until_closed()]) as server:
        connection = face.connect(server.dsn)
        unasked.happen()
        with pytest.raises(RemoteProtocolError, match="arrived from server while idle"):
            getattr(connection, call)("select")
        server.wait()
        assert connection.closed
        assert server.said() == []


@pytest.mark.parametrize("said", [result(b"evil") + READY, extended(b"evil") + READY])
@pytest.mark.parametrize("call", ["query", "script"])
def test_check_069_an_answer_sent_in_advance(face: Face, said: bytes, call: str) -> None:
    unasked = Unasked(said)
    with Backend([hello(), unasked, until_closed()]) as server:
        connection = face.connect(server.dsn)
        unasked.happen()
        with pytest.raises(RemoteProtocolError):
            getattr(connection, call)("select")
        assert connection.closed


def test_check_069_in_parts(face: Face) -> None:
    evil = result(b"evil") + READY
    first, second = Unasked(evil[:3]), Unasked(evil[3:])
    with Backend([hello(), first, second, until_closed()]) as server:
        connection = face.connect(server.dsn)
        first.happen()
        assert not connection.is_alive()
        second.happen()
        with pytest.raises(ConnectionLost):
            connection.script("select")


def test_check_070_a_handler_that_raises(face: Face, caplog: pytest.LogCaptureFixture) -> None:
    said = NOTICE + result(b"x") + NOTIFICATION + READY
    with Backend([hello(), answer(said), answer(result(b"y"), READY), until_closed()]) as server:
        connection = face.connect(server.dsn)

        def fails(_told: Any) -> None:
            raise ValueError("mine")

        heard: list[Any] = []
        connection.notice_handlers.extend([fails, heard.append])
        connection.notification_handlers.extend([fails, heard.append])
        with caplog.at_level(logging.ERROR, "purelink"):
            assert connection.script("select")[0].scalar() == "x"
        assert len(heard) == 2
        assert [record.name for record in caplog.records] == ["purelink.connection"] * 2
        assert "handler raised an exception" in caplog.text
        assert connection.script("select")[0].scalar() == "y"


def test_notices_that_nobody_hears_are_logged(face: Face, caplog: pytest.LogCaptureFixture) -> None:
    with Backend([hello(), answer(NOTICE + result(b"x") + READY), until_closed()]) as server:
        connection = face.connect(server.dsn)
        with caplog.at_level(logging.INFO, "purelink"):
            connection.script("select")
        assert caplog.messages == ["NOTICE:  look out"]


def test_check_071_a_handler_that_uses_its_own_connection(face: Face) -> None:
    said = NOTICE + result(b"x") + READY
    with Backend([hello(), answer(said), answer(result(b"y"), READY), until_closed()]) as server:
        connection = face.connect(server.dsn)
        told: list[Any] = []

        def reenters(_notice: Any) -> None:
            raw = getattr(connection, "connection", connection)
            call = raw.script("select")
            try:
                if hasattr(call, "send"):
                    call.send(None)
            except Error as error:
                told.append(error)
                raise

        def blocking(_notice: Any) -> None:
            try:
                connection.script("select")
            except Error as error:
                told.append(error)

        connection.notice_handlers.append(blocking if face.name == "blocking" else reenters)
        assert connection.script("select")[0].scalar() == "x"
        assert [type(each) for each in told] == [LocalProtocolError]
        assert str(told[0]) == "another command is already in progress"
        assert connection.script("select")[0].scalar() == "y"


def test_a_handler_may_ask_after_the_state(face: Face) -> None:
    said = NOTICE + result(b"x") + READY
    with Backend([hello(), answer(said), until_closed()]) as server:
        connection = face.connect(server.dsn)
        told: list[Any] = []
        connection.notice_handlers.append(lambda _notice: told.append(connection.closed))
        if face.name == "blocking":
            connection.notice_handlers.append(lambda _notice: told.append(connection.is_alive()))
        connection.script("select")
        assert told in ([False, True], [False])


def test_check_072_a_warning_announces_the_end(face: Face) -> None:
    words = "terminating connection because of crash of another server process"
    warning = backend.NoticeResponse({"S": "WARNING", "C": "57P02", "M": words}).encode()
    with Backend([hello(), answer(rows(), warning), cut()]) as server:
        connection = face.connect(server.dsn)
        with pytest.raises(ConnectionLost) as loss:
            connection.script("select")
        assert str(loss.value).startswith(f"WARNING:  {words}\n")
        assert loss.value.sqlstate == "57P02"


@pytest.mark.parametrize(
    ("encoding", "sent", "expected"),
    [
        (b"LATIN1", b"\xe9", "é"),
        (b"EUC_JIS_2004", b"a", "a"),
        (b"zlib_codec", b"a", "a"),
        (b"unknown", b"a", "a"),
        (b"SQL_ASCII", b"a\xe9", "a\udce9"),
    ],
)
def test_check_073_client_encoding(face: Face, encoding: bytes, sent: bytes, expected: str) -> None:
    status = backend.ParameterStatus(b"client_encoding", encoding).encode()
    said = status + result(sent) + READY
    with Backend([hello(), answer(said), answer(result(b"x"), READY), until_closed()]) as server:
        connection = face.connect(server.dsn)
        assert connection.script("select")[0].scalar() == expected
        assert connection.script("select")[0].scalar() == "x"


def test_check_076_column_names(face: Face) -> None:
    names = ["__class__", "class", "", "a", "a", "é" * 31 + "x"]
    said = rows(*map(column, names)) + row(*[b"x"] * len(names)) + complete("SELECT 1") + READY
    with Backend([hello(), answer(said), until_closed()]) as server:
        found = face.connect(server.dsn).script("select")[0]
        assert found.column_names == names
        assert found.rows == [("x",) * len(names)]
        assert type(found).__name__ == "Result"


def test_a_flood_of_notices_is_delivered_and_not_kept(face: Face) -> None:
    count = 20_000
    said = NOTICE * count + result(b"x") + READY
    with Backend([hello(), answer(said), until_closed()]) as server:
        connection = face.connect(server.dsn)
        heard = [0]

        def counts(_notice: Any) -> None:
            heard[0] += 1

        connection.notice_handlers.append(counts)
        assert connection.script("select")[0].scalar() == "x"
        assert heard == [count]
        assert not connection.talk.session.notices


def test_a_flood_of_notices_while_nobody_can_hear(face: Face) -> None:
    from purelink.testing.bytes import AUTH_OK

    begun = AUTH_OK + NOTICE * 5000 + KEY + READY
    with Backend([hello(begun), send(), until_closed()]) as server:
        connection = face.connect(server.dsn)
        assert len(connection.talk.session.notices) <= dialogues.WAITING_AT_MOST
