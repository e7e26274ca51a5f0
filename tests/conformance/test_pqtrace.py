"""Traces beside those of a real libpq 18: the same calls, on the same server, line by line.

A case is a list of calls in libpq's words; `Theirs` makes them through the library, `Ours` through
the dialogues. What may differ is named here once: `expected` masks libpq's secrets as we do.
"""

from __future__ import annotations

import asyncio
import ctypes
import re
import select
import socket
import struct
import threading
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Generator, List, NamedTuple, Optional, Sequence, Tuple

import pytest

from purelink.aio import AsyncConnection
from purelink.connection import Connection
from purelink.errors import Error
from purelink.face import plan_for, tracing
from purelink.wire import dialogues
from purelink.wire.dialogues import Batch
from purelink.wire.session import Answer
from tests.conformance import libpq

if TYPE_CHECKING:
    from pathlib import Path

    from purelink.conversation.talk import Talk
    from tests.conftest import AnyServer

Call = Tuple[Any, ...]
SUPPRESS_TIMESTAMPS, REGRESS_MODE = 1, 2
FLAGS = {"plain": SUPPRESS_TIMESTAMPS, "regress": SUPPRESS_TIMESTAMPS | REGRESS_MODE}


class Value(NamedTuple):
    """A parameter: its type's OID (0: the server decides), its bytes (None: NULL), its format."""

    oid: int
    data: Optional[bytes]
    format: int = 0


def text(value: str) -> Value:
    return Value(0, value.encode())


NULL = Value(0, None)

#: Each is made on a connection of its own, in autocommit.
CASES: dict[str, List[Call]] = {
    "simple query": [("exec", "select 1 as a, null as b, 'x y'::text")],
    "several statements": [("exec", "select 1; create temp table z (i int); select 2; ;")],
    "an empty query": [("exec", "")],
    "no rows": [("exec", "select 1 where false")],
    "not ASCII": [("exec", "select 'ä\n' as \"ö\", E'\\t\\x7f'")],
    "many rows": [("exec", "select i, repeat('x', 300) from generate_series(1, 2000) i")],
    "long message": [("exec", "select repeat('x', 300000)")],
    "catalog": [("exec", "select oid, relname from pg_class where relname = 'pg_class'")],
    "error": [("exec", "select 1/0"), ("exec", "select nonsense"), ("exec", "select 1")],
    "error amid rows": [("exec", "select 1/(3 - i) from generate_series(1, 5) i")],
    "notice": [("exec", "do $$begin raise notice 'he said: %', 'ho' using hint = 'hint'; end$$")],
    "parameter status": [("exec", "set application_name = 'äpp'"), ("exec", "set datestyle = sql")],
    "parameters": [
        ("params", "select $1::int + 1, $2, $3::bytea", [text("41"), Value(25, b"x"), NULL], 0),
        ("params", "select $1", [Value(23, b"\0\0\0\7", 1)], 1),
        ("params", "select 1::int8, null, '\\x00ff'::bytea", [], 1),
        ("params", "select $1::int", [text("x")], 0),
        ("params", "", [], 0),
    ],
    "prepared": [
        ("prepare", "s", "select $1::int, $2::text, relname from pg_class limit 1"),
        ("describe", "s"),
        ("prepared", "s", [text("1"), NULL], 0),
        ("close", "s"),
        ("prepare", "t", "set search_path = public"),
        ("describe", "t"),
        ("describe", "u"),
    ],
    "pipeline": [
        (
            "pipeline",
            [
                [("select $1::int", [text("1")]), ("select 2", [])],
                [("select 1/0", []), ("select 3", [])],
                [("select 4", [])],
                [],
            ],
        )
    ],
    "copy in": [
        ("exec", "create temp table c (a int, b text)"),
        ("copy in", "copy c from stdin", [b"1\tone\n", b"2\t\\N\n3\t\xc3\xa4\n"], None),
        ("exec", "select count(*) from c"),
    ],
    "copy in, failed by us": [
        ("exec", "create temp table c (a int)"),
        ("copy in", "copy c from stdin", [b"1\n"], "no more"),
    ],
    "copy in, refused": [
        ("exec", "create temp table c (a int)"),
        ("copy in", "copy c from stdin", [b"x\n"], None),
    ],
    "copy out": [
        ("copy out", "copy (select i, 'x' from generate_series(1, 3) i) to stdout"),
        ("copy out", "copy (select 1, null) to stdout (format binary)"),
    ],
    "notification": [("exec", "listen ch"), ("exec", "notify ch, 'pay'; notify ch")],
    "function call": [("function", 2308, b"\xff\xff\xff\xf9")],
}


class Theirs:
    """libpq's side."""

    def __init__(self, library: Any, path: Path) -> None:
        self.path = path
        self.library = library
        self.libc = ctypes.CDLL(None)
        self.libc.fopen.restype = ctypes.c_void_p
        for name in ("PQconnectStart", "PQgetResult", "PQexec", "PQfn", "PQcancelCreate"):
            getattr(library, name).restype = ctypes.c_void_p
        for name in ("PQprepare", "PQexecParams", "PQexecPrepared", "PQdescribePrepared"):
            getattr(library, name).restype = ctypes.c_void_p
        library.PQclosePrepared.restype = ctypes.c_void_p

    def trace(self, dsn: str, calls: Sequence[Call], flags: int, *, start: bool) -> bytes:
        library = self.library
        connection = ctypes.c_void_p(library.PQconnectStart(dsn.encode()))
        file = ctypes.c_void_p(self.libc.fopen(str(self.path).encode(), b"w"))
        silent = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_char_p)(lambda *_: None)
        library.PQsetNoticeProcessor(connection, silent, None)
        if start:
            self._listen(connection, file, flags)
        state = 2
        while state in (1, 2):
            channel = [library.PQsocket(connection)]
            reading = channel if state == 1 else []
            select.select(reading, [] if reading else channel, [])
            state = library.PQconnectPoll(connection)
        if not start:
            self._listen(connection, file, flags)
        for call in calls:
            getattr(self, "_" + call[0].replace(" ", "_"))(connection, *call[1:])
        library.PQfinish(connection)
        self.libc.fclose(file)
        return self.path.read_bytes()

    def _listen(self, connection: Any, file: Any, flags: int) -> None:
        self.library.PQtrace(connection, file)
        self.library.PQsetTraceFlags(connection, flags)

    def _clear(self, result: Any) -> None:
        self.library.PQclear(ctypes.c_void_p(result))

    def _drain(self, connection: Any) -> None:
        while True:
            result = self.library.PQgetResult(connection)
            if not result:
                return
            self._clear(result)

    def _values(self, values: Sequence[Value]) -> Tuple[Any, ...]:
        count = len(values)
        if not count:
            return 0, None, None, None, None
        return (
            count,
            (ctypes.c_uint * count)(*[value.oid for value in values]),
            (ctypes.c_char_p * count)(*[value.data for value in values]),
            (ctypes.c_int * count)(*[len(value.data or b"") for value in values]),
            (ctypes.c_int * count)(*[value.format for value in values]),
        )

    def _exec(self, connection: Any, sql: str) -> None:
        self._clear(self.library.PQexec(connection, sql.encode()))

    def _params(self, connection: Any, sql: str, values: Sequence[Value], form: int) -> None:
        result = self.library.PQexecParams(connection, sql.encode(), *self._values(values), form)
        self._clear(result)

    def _prepare(self, connection: Any, name: str, sql: str) -> None:
        self._clear(self.library.PQprepare(connection, name.encode(), sql.encode(), 0, None))

    def _describe(self, connection: Any, name: str) -> None:
        self._clear(self.library.PQdescribePrepared(connection, name.encode()))

    def _close(self, connection: Any, name: str) -> None:
        self._clear(self.library.PQclosePrepared(connection, name.encode()))

    def _prepared(self, connection: Any, name: str, values: Sequence[Value], form: int) -> None:
        count, _, *rest = self._values(values)
        self._clear(self.library.PQexecPrepared(connection, name.encode(), count, *rest, form))

    def _pipeline(self, connection: Any, stretches: Sequence[Sequence[Any]]) -> None:
        library = self.library
        library.PQenterPipelineMode(connection)
        asked = 0
        for stretch in stretches:
            for sql, values in stretch:
                library.PQsendQueryParams(connection, sql.encode(), *self._values(values), 0)
                asked += 1
            library.PQpipelineSync(connection)
        for _ in range(asked):
            self._drain(connection)
        for _ in stretches:
            self._clear(library.PQgetResult(connection))
        library.PQexitPipelineMode(connection)

    def _copy_in(
        self, connection: Any, sql: str, pieces: Sequence[bytes], reason: Optional[str]
    ) -> None:
        self._exec(connection, sql)
        for piece in pieces:
            self.library.PQputCopyData(connection, piece, len(piece))
        self.library.PQputCopyEnd(connection, None if reason is None else reason.encode())
        self._drain(connection)

    def _copy_out(self, connection: Any, sql: str) -> None:
        self._exec(connection, sql)
        buffer = ctypes.c_void_p()
        while self.library.PQgetCopyData(connection, ctypes.byref(buffer), 0) > 0:
            self.library.PQfreemem(buffer)
        self._drain(connection)

    def _function(self, connection: Any, oid: int, argument: bytes) -> None:
        class Argument(ctypes.Structure):
            _fields_ = (("len", ctypes.c_int), ("isint", ctypes.c_int), ("ptr", ctypes.c_char_p))

        result, length = ctypes.create_string_buffer(16), ctypes.c_int()
        one = Argument(len(argument), 0, argument)
        self._clear(
            self.library.PQfn(
                connection, oid, result, ctypes.byref(length), 0, ctypes.byref(one), 1
            )
        )

    def cancel_request(self, dsn: str, flags: int) -> bytes:
        """Return the trace of a cancel request: of the connection it is sent on."""
        library = self.library
        connection = ctypes.c_void_p(library.PQconnectdb(dsn.encode()))
        request = ctypes.c_void_p(library.PQcancelCreate(connection))
        file = ctypes.c_void_p(self.libc.fopen(str(self.path).encode(), b"w"))
        # A PGcancelConn is a PGconn inside.
        self._listen(request, file, flags)
        library.PQcancelBlocking(request)
        library.PQcancelFinish(request)
        library.PQfinish(connection)
        self.libc.fclose(file)
        return self.path.read_bytes()


class Ours:
    """The same calls, told by dialogues."""

    def __init__(self, talk: Talk) -> None:
        self.talk = talk
        self.session = talk.session

    def calls(self, calls: Sequence[Call]) -> Generator[Any, Any, None]:
        for call in calls:
            yield from getattr(self, "_" + call[0].replace(" ", "_"))(*call[1:])

    def _finish(self, data: bytes) -> Generator[Any, Any, None]:
        yield from dialogues.until_idle(self.session, self.talk.deliver, data=data)
        self.session.answers.clear()

    def _batch(self, batch: Batch) -> Generator[Any, Any, None]:
        yield from self._finish(dialogues.ask(self.session, batch, self.talk.decoder_for))

    def _query(self, sql: str) -> bytes:
        return dialogues.simple_query(self.session, sql.encode(), self.talk.decoder_for)

    def _exec(self, sql: str) -> Generator[Any, Any, None]:
        yield from self._finish(self._query(sql))

    def _execute(
        self, batch: Batch, answer: Answer, name: str, values: Sequence[Value], form: int
    ) -> None:
        formats = tuple(value.format for value in values)
        batch.bind(answer, name.encode(), formats, tuple(v.data for v in values), (form,))
        batch.describe_portal(answer).execute(answer)

    def _params(self, sql: str, values: Sequence[Value], form: int) -> Generator[Any, Any, None]:
        batch, answer = Batch(), Answer()
        batch.parse(answer, b"", sql.encode(), tuple(value.oid for value in values))
        self._execute(batch, answer, "", values, form)
        yield from self._batch(batch.sync())

    def _prepare(self, name: str, sql: str) -> Generator[Any, Any, None]:
        yield from self._batch(Batch().parse(Answer(), name.encode(), sql.encode()).sync())

    def _describe(self, name: str) -> Generator[Any, Any, None]:
        yield from self._batch(Batch().describe_statement(Answer(), name.encode()).sync())

    def _close(self, name: str) -> Generator[Any, Any, None]:
        yield from self._batch(Batch().close(None, b"S", name.encode()).sync())

    def _prepared(self, name: str, values: Sequence[Value], form: int) -> Generator[Any, Any, None]:
        batch = Batch()
        self._execute(batch, Answer(), name, values, form)
        yield from self._batch(batch.sync())

    def _pipeline(self, stretches: Sequence[Sequence[Any]]) -> Generator[Any, Any, None]:
        batch = Batch()
        for stretch in stretches:
            for sql, values in stretch:
                answer = Answer()
                batch.parse(answer, b"", sql.encode(), tuple(value.oid for value in values))
                self._execute(batch, answer, "", values, 0)
            batch.sync()
        yield from self._batch(batch)

    def _copy_in(
        self, sql: str, pieces: Sequence[bytes], reason: Optional[str]
    ) -> Generator[Any, Any, None]:
        session = self.session
        yield from dialogues.until_answer(session, self.talk.deliver, data=self._query(sql))
        for piece in pieces:
            yield from dialogues.deliver_copy(piece)
        if reason is None:
            data = dialogues.end_copy(session)
        else:
            data = dialogues.fail_copy(session, reason)
        yield from self._finish(data)

    def _copy_out(self, sql: str) -> Generator[Any, Any, None]:
        yield from self._exec(sql)

    def _function(self, oid: int, argument: bytes) -> Generator[Any, Any, None]:
        yield from self._finish(dialogues.function_call(self.session, oid, (argument,)))


def blocking(dsn: str, calls: Sequence[Call], path: Path, flags: int, *, start: bool) -> bytes:
    regress = bool(flags & REGRESS_MODE)
    with path.open("wb") as file:
        told = tracing(file, timestamps=False, regress=regress) if start else None
        connection = Connection.open(plan_for(dsn, {}), autocommit=True, trace=told)
        if not start:
            connection.trace(file, timestamps=False, regress=regress)
        connection.run(Ours(connection.talk).calls(calls))
        connection.close()
    return path.read_bytes()


def asynchronous(dsn: str, calls: Sequence[Call], path: Path, flags: int, *, start: bool) -> bytes:
    regress = bool(flags & REGRESS_MODE)

    async def whole() -> None:
        # as text this time
        with path.open("w", encoding="utf-8", newline="") as file:
            told = tracing(file, timestamps=False, regress=regress) if start else None
            connection = await AsyncConnection.open(
                plan_for(dsn, {}), autocommit=True, trace=told
            )
            if not start:
                connection.trace(file, timestamps=False, regress=regress)
            await connection.run(Ours(connection.talk).calls(calls))
            await connection.close()

    asyncio.run(whole())
    return path.read_bytes()


FACES = {"connect": blocking, "aconnect": asynchronous}

SECRET = [
    (rb"(?m)^F\t\d+\tPasswordMessage\t .*$", b'F\tNN\tPasswordMessage\t "***"'),
    (rb"(?m)^(F\t\d+\tSASLInitialResponse\t .*?) '.*'$", rb"\1 '***'"),
    (rb"(?m)^(.\t\d+\t(?:SASLResponse|AuthenticationSASL\w+)\t) '.*'$", rb"\1 '***'"),
    (rb"(?m)^(B\t\d+\tBackendKeyData\t \d+) '.*'$", rb"\1 '***'"),
    (rb"(?m)^(F\t\d+\tCancelRequest\t.*) '.*'$", rb"\1 '***'"),
]
#: What differs between two connections.
CHANCE = [
    (rb"(?m)^(B\t\d+\t(?:BackendKeyData|NotificationResponse)\t) \d+", rb"\1 PID"),
    (rb"(?m)^(F\t\d+\tCancelRequest\t 1234 5678) \d+", rb"\1 PID"),
]


def expected(trace: bytes, flags: int) -> List[bytes]:
    """Return libpq's lines with its secrets masked as we mask them."""
    for pattern, instead in SECRET:
        hidden = instead.replace(b"'***'", b"'BBBB'") if flags & REGRESS_MODE else instead
        trace = re.sub(pattern, hidden, trace)
    return lines(trace)


def lines(trace: bytes) -> List[bytes]:
    for pattern, instead in CHANCE:
        trace = re.sub(pattern, instead, trace)
    return trace.split(b"\n")


@pytest.fixture
def theirs(tmp_path: Path) -> Theirs:
    try:
        found = libpq.find()
    except libpq.NoLibpq as missing:
        pytest.skip(str(missing))
    return Theirs(found.library, tmp_path / "theirs")


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("mode", FLAGS)
@pytest.mark.parametrize("case", CASES)
def test_calls(
    theirs: Theirs, server: AnyServer, tmp_path: Path, case: str, mode: str, face: str
) -> None:
    calls, flags = CASES[case], FLAGS[mode]
    wanted = expected(theirs.trace(server.dsn, calls, flags, start=False), flags)
    got = lines(FACES[face](server.dsn, calls, tmp_path / "ours", flags, start=False))
    assert got == wanted
    assert got[-2:] == [b"F\t4\tTerminate", b""]


STARTS = {
    "trust": "",
    "protocol 3.2": "max_protocol_version=3.2",
    "options": "options='-c work_mem=64kB' application_name=äpp client_encoding=LATIN1",
    "clear text": "user=u_clear password=pw",
    "md5": "user=u_md5 password=pw",
    "SCRAM": "user=u_scram password=pw",
    "no TLS question": "sslmode=disable",
}


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("mode", FLAGS)
@pytest.mark.parametrize("start", STARTS)
def test_from_the_start(
    theirs: Theirs, server: AnyServer, tmp_path: Path, start: str, mode: str, face: str
) -> None:
    dsn, flags = f"{server.dsn} {STARTS[start]}", FLAGS[mode]
    calls: List[Call] = [("exec", "select 1")]
    raw = theirs.trace(dsn, calls, flags, start=True)
    got = FACES[face](dsn, calls, tmp_path / "ours", flags, start=True)
    assert lines(got) == expected(raw, flags)
    assert b"pw" not in got


@pytest.mark.parametrize("mode", FLAGS)
def test_through_tls(theirs: Theirs, tls_server: AnyServer, tmp_path: Path, mode: str) -> None:
    dsn = f"{tls_server.dsn} user=u_tls password=pw sslmode=require channel_binding=require"
    flags = FLAGS[mode]
    calls: List[Call] = [("exec", "select 1")]
    wanted = expected(theirs.trace(dsn, calls, flags, start=True), flags)
    got = lines(blocking(dsn, calls, tmp_path / "ours", flags, start=True))
    assert got[1] == b"B\t1\tSSLResponse\t S"
    assert got == wanted


@pytest.mark.parametrize("mode", FLAGS)
@pytest.mark.parametrize("more", ["options='-c foo=1'", "dbname=none", "user=u_scram password=x"])
def test_a_refused_start(
    theirs: Theirs, server: AnyServer, tmp_path: Path, more: str, mode: str
) -> None:
    dsn, flags = f"{server.dsn} {more} sslmode=disable", FLAGS[mode]
    path = tmp_path / "ours"
    wanted = expected(theirs.trace(dsn, [], flags, start=True), flags)
    with path.open("wb") as file, pytest.raises(Error):
        told = tracing(file, timestamps=False, regress=mode == "regress")
        Connection.open(plan_for(dsn, {}), trace=told)
    assert lines(path.read_bytes()) == wanted


@pytest.mark.parametrize("mode", FLAGS)
@pytest.mark.parametrize("version", ["3.0", "3.2"])
def test_a_cancel_request(
    theirs: Theirs, server: AnyServer, tmp_path: Path, version: str, mode: str
) -> None:
    from purelink.pumps.blocking import BlockingPump

    dsn, flags = f"{server.dsn} max_protocol_version={version} sslmode=disable", FLAGS[mode]
    path = tmp_path / "ours"
    wanted = expected(theirs.cancel_request(dsn, flags), flags)
    connection = Connection.open(plan_for(dsn, {}))
    with path.open("wb") as file:
        # A cancel has its own connection, and is not written into the trace of the session's.
        connection.trace(file)
        connection.cancel()
        connection.untrace()
        assert not path.read_bytes()
        pump = BlockingPump()
        pump.trace = tracing(file, timestamps=False, regress=mode == "regress")
        pump.run(connection.talk.cancellation())
        pump.close()
    connection.close()
    assert lines(path.read_bytes()) == wanted


def test_timestamps(theirs: Theirs, server: AnyServer, tmp_path: Path) -> None:
    calls: List[Call] = [("exec", "select 1")]
    wanted = theirs.trace(server.dsn, calls, 0, start=False).split(b"\n")
    path = tmp_path / "ours"
    with path.open("wb") as file:
        connection = Connection.open(plan_for(server.dsn, {}))
        connection.trace(file)
        connection.run(Ours(connection.talk).calls(calls))
        connection.close()
    got = path.read_bytes().split(b"\n")
    assert len(got) == len(wanted) == 6
    for line, other in zip(got[:-1], wanted):
        (ours, told), (libpqs, wish) = line.split(b"\t", 1), other.split(b"\t", 1)
        assert told == wish
        assert len(ours) == len(libpqs)
        assert abs(moment(ours) - moment(libpqs)) < timedelta(minutes=1)


def moment(stamp: bytes) -> datetime:
    return datetime.strptime(stamp.decode(), "%Y-%m-%d %H:%M:%S.%f").astimezone()


def message(tag: bytes, body: bytes = b"") -> bytes:
    return tag + struct.pack("!i", len(body) + 4) + body


STARTED = (
    message(b"R", struct.pack("!i", 0))
    + message(b"K", struct.pack("!i", 7) + b"keys")
    + message(b"Z", b"I")
)


def scripted(*replies: bytes) -> str:
    """Return the DSN of a server that answers each thing it is sent with the next reply."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(2)

    def serve() -> None:
        with listener:
            for _ in range(2):
                channel = listener.accept()[0]
                with channel:
                    for reply in replies:
                        if not channel.recv(65536):
                            break
                        channel.sendall(reply)
                    while channel.recv(65536):
                        pass

    threading.Thread(target=serve, daemon=True).start()
    port = listener.getsockname()[1]
    return f"host=127.0.0.1 port={port} user=u dbname=d sslmode=disable"


ODD = {
    "said on the side": (
        STARTED,
        message(b"A", struct.pack("!i", 4) + b"ch\0pay\0")
        + message(b"S", b"x\0y\0")
        + message(b"N", b"SNOTICE\0C00000\0Mhi\n\xff\0L7\0\0")
        + message(b"C", b"DO\0")
        + message(b"Z", b"T"),
    ),
    "an empty query in a failed transaction": (STARTED, message(b"I") + message(b"Z", b"E")),
    "an error with control characters": (
        STARTED,
        message(b"E", b"SERROR\0C57014\0Mno\nway\x01\0\x80odd\0\0") + message(b"Z", b"I"),
    ),
    "a negotiated version": (
        message(b"v", struct.pack("!ii", 0x30000, 0)) + STARTED,
        message(b"I") + message(b"Z", b"I"),
    ),
}


@pytest.mark.parametrize("mode", FLAGS)
@pytest.mark.parametrize("odd", ODD)
def test_what_no_server_says_when_asked(
    theirs: Theirs, tmp_path: Path, odd: str, mode: str
) -> None:
    more = " max_protocol_version=3.2" if "version" in odd else ""
    dsn, flags = scripted(*ODD[odd]) + more, FLAGS[mode]
    calls: List[Call] = [("exec", "q")]
    wanted = expected(theirs.trace(dsn, calls, flags, start=True), flags)
    assert lines(blocking(dsn, calls, tmp_path / "ours", flags, start=True)) == wanted
