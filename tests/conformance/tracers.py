"""The two sides of `test_pqtrace`: calls in libpq's words, through libpq and through dialogues.

Test code only. What may differ between the traces is named here once, in `SECRET` and `CHANCE`.
"""

from __future__ import annotations

import ctypes
import re
import select
from typing import TYPE_CHECKING, Any, Generator, List, NamedTuple, Optional, Sequence, Tuple

from purelink.wire import dialogues
from purelink.wire.dialogues import Batch
from purelink.wire.session import Answer

if TYPE_CHECKING:
    from pathlib import Path

    from purelink.conversation.talk import Talk

__all__ = [
    "FLAGS",
    "NULL",
    "REGRESS_MODE",
    "Call",
    "Ours",
    "Theirs",
    "Value",
    "expected",
    "lines",
    "text",
]

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
