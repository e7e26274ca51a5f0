"""Checks 35 to 64 of the wire: what a server may say in a result, and what is refused there."""

from __future__ import annotations

import resource
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from purelink.errors import (
    ConnectionLost,
    DatabaseError,
    DataError,
    ProgrammingError,
    RemoteProtocolError,
)
from purelink.testing.backend import (
    Backend,
    Step,
    answer,
    cut,
    expect,
    flood,
    hello,
    send,
    until_closed,
)
from purelink.testing.bytes import (
    EMPTY,
    ERROR,
    FATAL,
    NOTICE,
    READY,
    complete,
    extended,
    result,
    row,
    rows,
)
from purelink.values.rows import raw_row_decoder
from purelink.wire import backend, codes, dialogues
from purelink.wire.dialogues import Batch
from purelink.wire.frontend import CopyFail, FunctionCall
from purelink.wire.session import CLOSED_UNEXPECTEDLY, Answer

if TYPE_CHECKING:
    from tests.scripted.faces import Face

UNEXPECTED = 'unexpected response from server; first received character was "{}"'


def served(*said: bytes) -> list[Step]:
    return [hello(), answer(*said), until_closed()]


def refused(face: Face, *said: bytes) -> str:
    """Return the protocol error that this answer to a simple query is; the connection is closed."""
    with Backend(served(*said)) as server:
        connection = face.connect(server.dsn)
        with pytest.raises(RemoteProtocolError) as refusal:
            connection.script("select")
        server.wait()  # the client has hung up
        assert (connection.closed, connection.broken) == (True, True)
        with pytest.raises(ConnectionLost, match=r"^no connection to the server$"):
            connection.script("select")
        assert server.said() == ["Query"]
    return str(refusal.value)


def given(face: Face, *said: bytes) -> list[Any]:
    """Return the results that this answer is; the connection is idle."""
    with Backend(served(*said, READY)) as server:
        connection = face.connect(server.dsn)
        results: list[Any] = connection.script("select")
        assert connection.transaction_status == "idle"
    return results


def failed(face: Face, *said: bytes) -> DatabaseError:
    """Return the server's error that this answer is; the connection is idle."""
    with Backend(served(*said, READY)) as server:
        connection = face.connect(server.dsn)
        with pytest.raises(DatabaseError) as error:
            connection.script("select")
        assert connection.transaction_status == "idle"
    return error.value


def test_check_035_an_unknown_tag(face: Face) -> None:
    assert refused(face, rows(), backend.message(b"y", b"")) == UNEXPECTED.format("y")


@pytest.mark.parametrize("length", [3, 0, -1])
def test_check_036_a_length_below_four(face: Face, length: int) -> None:
    assert refused(face, rows(), b"C" + length.to_bytes(4, "big", signed=True)) == (
        f'lost synchronization with server: got message type "C", length {length}'
    )


@pytest.mark.parametrize("tag", list("ZSCKG"))
def test_check_037_short_messages_are_short(face: Face, tag: str) -> None:
    text = refused(face, rows(), tag.encode() + (30_001).to_bytes(4, "big"))
    assert text.startswith("lost synchronization")
    assert text.endswith("length 30001")


def test_check_037_exactly_30000(face: Face) -> None:
    status = backend.ParameterStatus(b"x", b"y" * (30_000 - 4 - 3))
    assert len(status.encode()) == 30_001
    assert given(face, status.encode(), complete("SET"))[0].command_tag == "SET"


def test_check_038_a_parameter_description_over_30000(face: Face) -> None:
    oids = (23,) * 7500
    described = backend.ParameterDescription(oids).encode()
    said = b"1\0\0\0\x04" + described + b"n\0\0\0\x04" + READY
    with Backend(served(said)) as server:
        pump, connected = face.session(server.dsn)
        prepared = Answer()
        batch = Batch().parse(prepared, b"s", b"insert").describe_statement(prepared, b"s").sync()
        data = dialogues.ask(connected.session, batch, raw_row_decoder)
        face.run(pump, dialogues.until_idle(connected.session, data=data))
        assert prepared.parameter_oids == oids


def test_check_039_long_notices_and_notifications(face: Face) -> None:
    notice = backend.NoticeResponse({"S": "NOTICE", "M": "n" * 40_000}).encode()
    notification = backend.NotificationResponse(1, b"c", b"p" * 40_000).encode()
    with Backend(served(notice, notification, complete("X"), READY)) as server:
        connection = face.connect(server.dsn)
        heard: list[Any] = []
        connection.notice_handlers.append(heard.append)
        connection.script("select")
        assert heard[0].message_primary == "n" * 40_000
        assert connection.notifications[0].payload == "p" * 40_000


@pytest.mark.parametrize("length", [b"\x3f\xff\xff\xff", b"\x7f\xff\xff\xff"])
def test_check_040_an_announced_length_allocates_nothing(face: Face, length: bytes) -> None:
    script = [hello(), answer(rows(), b"D", length), cut()]
    with Backend(script) as server:
        connection = face.connect(server.dsn)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        with pytest.raises((ConnectionLost, RemoteProtocolError)) as error:
            connection.script("select")
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 10_000  # kB
    expected = CLOSED_UNEXPECTEDLY if length[0] == 0x3F else "lost synchronization"
    assert str(error.value).startswith(expected)


def test_check_041_a_row_without_description(face: Face) -> None:
    text = 'server sent data ("D" message) without prior row description ("T" message)'
    assert refused(face, row(b"x")) == text


@pytest.mark.parametrize("values", [(), (b"1", b"2"), (b"1", b"2", b"3")])
def test_check_042_wrong_number_of_fields(face: Face, values: tuple[bytes, ...]) -> None:
    assert refused(face, rows(), row(*values)) == 'unexpected field count in "D" message'


@pytest.mark.parametrize("length", [b"\0\0\0\x08", b"\xff\xff\xff\xfe", b"\x7f\xff\xff\xff"])
def test_checks_043_and_044_a_field_that_lies(face: Face, length: bytes) -> None:
    lie = backend.message(b"D", b"\0\x01" + length + b"abc")
    secret = row(b"the next message's own")
    text = refused(face, rows(), lie, secret)
    assert text == 'insufficient data in "D" message'


def test_check_045_a_byte_too_many(face: Face) -> None:
    lie = backend.message(b"D", b"\0\x01\0\0\0\x01ab")
    text = 'message contents do not agree with length in message type "D"'
    assert refused(face, rows(), lie) == text


def test_check_046_65535_columns_announced(face: Face) -> None:
    text = refused(face, backend.message(b"T", b"\xff\xff" + rows()[7:]))
    assert text == 'insufficient data in "T" message'


def test_check_047_a_column_name_without_end(face: Face) -> None:
    text = refused(face, backend.message(b"T", b"\0\x01" + b"a" * 30))
    assert text == 'message contents do not agree with length in message type "T"'


def test_check_048_no_columns(face: Face) -> None:
    empty = backend.RowDescription([]).encode()
    found = given(face, empty, row(), complete("SELECT 1"))
    assert (found[0].rows, found[0].row_count) == ([()], 1)


@pytest.mark.parametrize("body", [b"SELECT 1", b"SELECT 1\0x"])
def test_check_049_a_command_tag_that_does_not_end_its_message(face: Face, body: bytes) -> None:
    assert "do not agree with length" in refused(face, backend.message(b"C", body))


@pytest.mark.parametrize("status", [b"", b"II", b"X"])
def test_check_050_ready_for_what(face: Face, status: bytes) -> None:
    assert refused(face, complete("SET"), backend.message(b"Z", status))


def test_check_051_ready_without_a_result(face: Face) -> None:
    assert refused(face, READY) == UNEXPECTED.format("Z")


@pytest.mark.parametrize("tag", list("123nstVvKd"))
def test_check_052_not_in_a_simple_query(face: Face, tag: str) -> None:
    body = {"t": b"\0\0", "V": b"\xff\xff\xff\xff", "v": b"\0" * 8, "K": b"\0" * 8}.get(tag, b"")
    assert refused(face, backend.message(tag.encode(), body)) == UNEXPECTED.format(tag)


def test_check_053_a_command_after_an_error(face: Face) -> None:
    assert refused(face, ERROR, complete("SELECT 1"), READY) == UNEXPECTED.format("C")


def test_check_054_an_error_without_end(face: Face) -> None:
    text = refused(face, backend.message(b"E", b"SERROR\0Mthe words\0"))
    assert text.startswith("the words\n")


def test_check_055_an_error_without_words(face: Face) -> None:
    error = failed(face, backend.message(b"E", b"\0"))
    assert str(error) == "no error message available"
    assert error.sqlstate is None


def test_check_056_unknown_and_repeated_fields(face: Face) -> None:
    error = failed(face, backend.message(b"E", b"Xx\0Yy\0C22012\0Mone\0Mtwo\0\0"))
    assert isinstance(error, DataError)
    assert str(error) == "two"
    assert error.diagnostics is not None
    assert error.diagnostics.fields["Y"] == "y"


def test_check_057_an_empty_query(face: Face) -> None:
    found = given(face, EMPTY)
    assert (found[0].rows, found[0].description, found[0].command_tag) == ([], None, None)
    assert "do not agree with length" in refused(face, backend.message(b"I", b"x"))


def test_check_058_results_in_order_then_the_error(face: Face) -> None:
    script = served(result(b"1"), complete("INSERT 0 1"), ERROR, READY)
    with Backend(script) as server:
        pump, connected = face.session(server.dsn)
        data = dialogues.simple_query(connected.session, b"select", raw_row_decoder)
        told: list[Any] = []
        while True:
            found = face.run(pump, dialogues.until_answer(connected.session, data=data))
            data = b""
            if found is None:
                break
            told.append((found.outcome, found.rows))
        assert told == [("rows", [(b"1",)]), ("command", []), ("error", [])]
        assert connected.session.idle


@pytest.mark.parametrize("reset", [False, True])
def test_check_059_cut_in_the_middle_of_a_row(face: Face, reset: bool) -> None:
    script = [hello(), answer(rows(), row(b"x"), row(b"y")[:5]), cut(reset=reset)]
    with Backend(script) as server:
        connection = face.connect(server.dsn)
        with pytest.raises(ConnectionLost) as loss:
            connection.script("select")
        assert str(loss.value) == CLOSED_UNEXPECTEDLY
        assert loss.value.sqlstate == "08006"
        assert loss.value.outcome_unknown
        assert connection.closed


def test_check_060_fatal_words_then_the_end(face: Face) -> None:
    for said in ((FATAL,), (rows(), row(b"x"), FATAL)):
        with Backend([hello(), answer(*said), cut()]) as server:
            connection = face.connect(server.dsn)
            with pytest.raises(ConnectionLost) as loss:
                connection.script("select")
            assert str(loss.value) == (
                "FATAL:  terminating connection due to administrator command\n"
                + CLOSED_UNEXPECTEDLY
            )
            assert loss.value.sqlstate == "57P01"
            assert connection.closed


def test_check_060_fatal_words_and_no_end(face: Face, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dialogues, "FAREWELL_SECONDS", 0.05)
    with Backend(served(FATAL)) as server:
        connection = face.connect(server.dsn)
        with pytest.raises(ConnectionLost, match=r"^FATAL:  terminating connection"):
            connection.query("select")
        server.wait()
        assert connection.closed


@pytest.mark.parametrize(
    ("said", "value"),
    [(backend.FunctionCallResponse(b"abc"), b"abc"), (backend.FunctionCallResponse(None), None)],
)
def test_check_061_a_function_s_value(face: Face, said: Any, value: bytes | None) -> None:
    script = [hello(), expect(FunctionCall), send(said, READY), until_closed()]
    with Backend(script) as server:
        pump, connected = face.session(server.dsn)
        data = dialogues.function_call(connected.session, 1598, ())
        found = face.run(pump, dialogues.until_answer(connected.session, data=data))
        assert found is not None
        assert (found.outcome, found.value) == ("function", value)


@pytest.mark.parametrize("said", [READY, backend.message(b"V", b"\0\0\0\x09abc"), complete("X")])
def test_check_061_a_function_without_a_value(face: Face, said: bytes) -> None:
    script = [hello(), expect(FunctionCall), send(said, READY), until_closed()]
    with Backend(script) as server:
        pump, connected = face.session(server.dsn)
        data = dialogues.function_call(connected.session, 1598, ())
        with pytest.raises(RemoteProtocolError):
            face.run(pump, dialogues.until_idle(connected.session, data=data))


@pytest.mark.parametrize("call", ["script", "query"])
def test_check_062_copy_in_that_nobody_asked_for(face: Face, call: str) -> None:
    copying = backend.CopyInResponse(0, (0,)).encode()
    if call == "script":
        begin, end = copying, ERROR + READY
        rest: list[Step] = []
    else:
        begin, end = b"1\0\0\0\x042\0\0\0\x04n\0\0\0\x04" + copying, ERROR
        # The Sync before was swallowed: the one behind CopyFail ends the batch, and a Close
        # tells whether another ReadyForQuery is to come.
        rest = [answer(READY), answer(), answer(b"3\0\0\0\x04", READY)]
    script = [hello(), answer(begin), expect(CopyFail), send(end), *rest, until_closed()]
    with Backend(script) as server:
        connection = face.connect(server.dsn)
        with pytest.raises(ProgrammingError, match="cannot be run as a query"):
            getattr(connection, call)("select 1")
        assert connection.transaction_status == "idle"


def test_check_063_asked_for_a_password_in_a_query(face: Face) -> None:
    asked = backend.Authentication(codes.AUTH_CLEARTEXT).encode()
    with Backend(served(asked)) as server:
        connection = face.connect(f"{server.dsn} password=hunter2")
        with pytest.raises(RemoteProtocolError) as refusal:
            connection.script("select")
        server.wait()
        assert str(refusal.value) == UNEXPECTED.format("R")
        assert b"hunter2" not in server.heard[0]


MEMORY = """
import asyncio, resource, sys
import purelink
from purelink.errors import OperationalError

def limit(size):
    resource.setrlimit(resource.RLIMIT_AS, (size, resource.RLIM_INFINITY))

def told(connection, error):
    limit(resource.RLIM_INFINITY)
    print(error)
    print(connection.closed)

def blocking():
    connection = purelink.connect(sys.argv[1], autocommit=True)
    limit(200 << 20)
    try:
        connection.script("select")
    except OperationalError as error:
        told(connection, error)

async def asynchronous():
    connection = await purelink.aconnect(sys.argv[1], autocommit=True)
    limit(200 << 20)
    try:
        await connection.script("select")
    except OperationalError as error:
        told(connection, error)

if sys.argv[2] == "blocking":
    blocking()
else:
    asyncio.run(asynchronous())
"""


def test_check_064_rows_for_ever(face: Face) -> None:
    script = [hello(), answer(rows()), flood(row(b"x" * 1000) * 60), until_closed()]
    with Backend(script) as server:
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", MEMORY, server.dsn, face.name],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
    assert done.stdout == "out of memory for query result\nTrue\n", done.stderr


# -- the same through the extended protocol --------------------------------------------------


def test_a_query_with_parameters(face: Face) -> None:
    with Backend(served(extended(b"x", None), NOTICE, READY)) as server:
        connection = face.connect(server.dsn)
        found = connection.query("select $1", "x")
        assert found.rows == [("x",), (None,)]
        assert server.said() == ["Parse", "Bind", "Describe", "Execute", "Sync"]


def test_a_deferred_constraint_fails_at_the_sync(face: Face) -> None:
    done = b"1\0\0\0\x042\0\0\0\x04n\0\0\0\x04" + complete("INSERT 0 1")
    with Backend([*served(done, ERROR, READY)]) as server:
        connection = face.connect(server.dsn)
        with pytest.raises(DataError, match="division by zero"):
            connection.query("insert")
        assert connection.transaction_status == "idle"
