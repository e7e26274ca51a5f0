"""What one connection knows, and the one place every byte of its session goes through.

Floor 1, pure. A `Session` keeps the parameter statuses, the key data and the transaction status,
and the queue of what was asked. `receive` takes bytes in any pieces and checks each message
against the table of `legality` and the head of that queue: the queue, not the last user call,
decides what an answer belongs to. Rows are decoded where they stand, a chunk at a time, by the
decoder made for their shape; no object is made for a row's message.

What is asked is answered by `Answer` objects, in order, in `Session.answers`.
"""

from __future__ import annotations

from collections import deque
from itertools import takewhile
from typing import TYPE_CHECKING, Any, Callable, NamedTuple, Protocol

from purelink.errors import (
    ConnectionLost,
    DatabaseError,
    Diagnostics,
    InterfaceError,
    LocalProtocolError,
    OperationalError,
    RemoteProtocolError,
    server_error,
)
from purelink.wire import backend, codes, legality
from purelink.wire.codec import Body
from purelink.wire.framing import head

if TYPE_CHECKING:
    from collections.abc import Sequence

    from purelink.wire.backend import Column
    from purelink.wire.wants import Limit

__all__ = ["CLOSED_UNEXPECTEDLY", "Answer", "Notification", "RowDecoder", "Session", "ValueFailure"]

#: libpq's three lines for a connection that ends before it should
CLOSED_UNEXPECTEDLY = (
    "server closed the connection unexpectedly\n"
    "\tThis probably means the server terminated abnormally\n"
    "\tbefore or while processing the request."
)


class ValueFailure(Protocol):
    """A row decoder's cry: a value is malformed or cannot be held; the row itself was in order.

    `error` is to be raised once the protocol is in step; `position` stands just past the row.
    """

    error: DatabaseError
    position: int


class RowDecoder(Protocol):
    """Decodes DataRow messages of one shape."""

    def decode(self, buffer: bytes, start: int, end: int, rows: list[Any], /) -> int:
        """Append the whole rows that stand at `start`; return where it stopped."""


class Notification(NamedTuple):
    """A NotificationResponse: `pid` of the notifying backend, `channel`, `payload` ("" if none)."""

    pid: int
    channel: str
    payload: str


class Answer:
    """What one statement was answered with.

    Attributes:
        outcome: "rows", "command", "empty", "error", "copy-in", "copy-out", "copy-both",
            "prepared", "function", "sync", "aborted" (not run, since an earlier one of its
            batch failed), or None while it is not known.
        complete: nothing more will come for it.
        columns: of its rows; None where it has no row description.
        rows: decoded so far; a reader may take them out and leave an empty list.
        command_tag: as the server gave it, decoded; None where there is none.
        error: the server's, to be raised by whoever reads the answer; step: the state in which
            it came (`legality.BIND` …).
        suspended: the row limit was reached; the portal can be executed again.
        limited: it was executed with a row limit.
        parameter_oids: from a described statement.
        value: a function call's result, or None.
        decoder: decodes its rows.
    """

    __slots__ = (
        "columns",
        "command_tag",
        "complete",
        "decoder",
        "error",
        "formats",
        "limited",
        "outcome",
        "parameter_oids",
        "rows",
        "step",
        "suspended",
        "value",
        "value_error",
    )

    def __init__(
        self, columns: tuple[Column, ...] | None = None, decoder: RowDecoder | None = None
    ) -> None:
        self.outcome: str | None = None
        self.complete = False
        self.columns = columns
        self.decoder = decoder
        self.rows: list[Any] = []
        self.command_tag: str | None = None
        self.error: DatabaseError | None = None
        self.step: str | None = None
        self.value_error: DatabaseError | None = None
        self.suspended = False
        self.limited = False
        self.parameter_oids: tuple[int, ...] | None = None
        self.formats: tuple[int, tuple[int, ...]] | None = None
        self.value: bytes | None = None

    def __repr__(self) -> str:
        return f"<Answer {self.outcome} {self.command_tag or ''} rows={len(self.rows)}>"


class Session:
    """One connection's session, from the StartupMessage to the end.

    Args:
        encoding_for: maps PostgreSQL's name of an encoding to a Python codec's name and its error
            handler. What the server reports is never looked up in Python's own registry.
        ceiling: the longest message believed, in bytes.

    Attributes:
        parameters: what the server reported (ParameterStatus), by its own names; changes: how
            often it did, so that what was made for the old ones is known to be old.
        pid, key: of the BackendKeyData; None where none came.
        transaction_status: "I", "T" or "E" as of the last ReadyForQuery; None before.
        protocol: the version in force, e.g. 0x00030000.
        encoding, encoding_errors: Python's codec for the reported client_encoding, and the
            error handler for text that is sent and values that are read.
        state: a row of `legality.HEARD`.
        answers: to what was asked, oldest first.
        notices: Diagnostics not delivered yet. notifications: not delivered yet.
        missing: bytes needed to complete the message under way; 0: not known.
        received: how many bytes were taken in.
        fatal: the last FATAL or PANIC error, or the WARNING that announced the end.
        dying: the server said FATAL or PANIC: the end is all that may still come;
            farewell: how long it is waited for.
        unsettled: something was asked of an idle session and is not said yet: what comes before
            it goes out was not asked for (`receive_unasked`).
    """

    def __init__(
        self,
        encoding_for: Callable[[str], tuple[str, str]] | None = None,
        *,
        ceiling: int = codes.CEILING,
    ) -> None:
        self.parameters: dict[str, str] = {}
        self.changes = 0
        self.pid: int | None = None
        self.key: bytes | None = None
        self.transaction_status: str | None = None
        self.protocol = codes.PROTOCOL_3_0
        self.encoding = "utf-8"
        self.encoding_errors = "strict"
        self.state = legality.STARTUP
        self.answers: deque[Answer] = deque()
        self.notices: deque[Diagnostics] = deque()
        self.notifications: deque[Notification] = deque()
        self.copied: list[bytes] = []
        self.missing = 0
        self.received = 0
        self.fatal: Diagnostics | None = None
        self.dying = False
        self.replication = False
        self.farewell: Limit | None = None
        self.unsettled = False
        self.failure: BaseException | None = None
        self.ceiling = ceiling
        self._encoding_for = encoding_for
        self._queue: deque[tuple[str, Answer | None]] = deque()
        self._buffer = b""
        self._answer: Answer | None = None
        self._decoder: RowDecoder | None = None
        self._decoder_for: Callable[[tuple[Column, ...]], RowDecoder] | None = None
        self._after_copy = legality.NEXT

    # -- what is asked ----------------------------------------------------------------------

    @property
    def idle(self) -> bool:
        """Nothing asked is unanswered, and the session stands."""
        return self.state is legality.IDLE

    @property
    def answered(self) -> bool:
        """Nothing said so far will bring an answer: idle, or a Sync is still to be said."""
        return self.state in (legality.IDLE, legality.OPEN, legality.OPEN_FAILED)

    @property
    def unparsed(self) -> bytes:
        """What came of a message that is not all there yet."""
        return self._buffer

    def text(self, value: str, what: str) -> bytes:
        """Return text as bytes in the session's encoding.

        Raises:
            InterfaceError: a character that the encoding does not have, or half of one.
        """
        try:
            return value.encode(self.encoding, self.encoding_errors)
        except UnicodeError as error:
            where = getattr(error, "start", 0)
            raise InterfaceError(
                f"{what} holds a character, at index {where}, that cannot be sent in the"
                f" session's encoding ({self.encoding})"
            ) from None

    @property
    def extended(self) -> bool:
        """What is under way was asked in the extended protocol: a Sync ends it."""
        return self.state not in _SIMPLE and self._after_copy is legality.NEXT

    @property
    def closed(self) -> bool:
        """The session is over: ended, lost, or broken."""
        return self.state is legality.CLOSED

    def may_say(self, tag: int) -> None:
        """Refuse what cannot be said now.

        Raises:
            LocalProtocolError: libpq's texts, `no connection to the server` or `another command
                is already in progress`.
        """
        if tag in legality.SAID.get(self.state, ()):
            return
        if self.closed:
            raise self.gone()
        raise LocalProtocolError("another command is already in progress")

    def gone(self) -> OperationalError:
        """Return the error for whoever uses a session that is over.

        It is a `ConnectionLost` that carries the server's last words, where there were any.
        """
        return ConnectionLost(
            "no connection to the server", diagnostics=self.fatal, sqlstate="08003"
        )

    def ask_simple(self, decoder_for: Callable[[tuple[Column, ...]], RowDecoder]) -> None:
        """Expect the answers to one Query; `decoder_for` makes the decoder for each result."""
        self.may_say(ord("Q"))
        self._decoder_for = decoder_for
        self.state = legality.SIMPLE
        self.unsettled = True

    def ask(
        self,
        steps: Sequence[tuple[str, Answer | None]],
        decoder_for: Callable[[tuple[Column, ...]], RowDecoder],
    ) -> None:
        """Expect the answers to an extended batch, one step a message sent.

        Each answer that occurs is put into `answers`, once, in order.
        """
        self.may_say(ord("P"))
        self._decoder_for = decoder_for
        last: Answer | None = None
        for _, answer in steps:
            if answer is not None and answer is not last:
                self.answers.append(answer)
                last = answer
        self._queue.extend(steps)
        if self.state is legality.IDLE:
            self.unsettled = True
        if self.state is legality.OPEN_FAILED:
            self._skip()
        elif self.state in (legality.IDLE, legality.OPEN) and self._queue:
            self._advance()

    def ask_function(self) -> None:
        """Expect the answer to one FunctionCall."""
        self.may_say(ord("F"))
        answer = Answer()
        self.answers.append(answer)
        self._answer = answer
        self.state = legality.FUNCTION
        self.unsettled = True

    def withdraw(self) -> None:
        """Take back what was asked of an idle session: it was not said after all."""
        self.unsettled = False
        self.state, self._answer, self._decoder = legality.IDLE, None, None
        self._queue.clear()
        while self.answers and not self.answers[-1].complete:
            self.answers.pop()

    def end_copy(self) -> None:
        """Note that we said CopyDone or CopyFail, and a Sync in the extended protocol."""
        self.may_say(ord("c"))
        if self.extended and not self._queue:
            self._queue.append((legality.SYNC, None))
        both = self.state is legality.COPY_BOTH
        self.state = legality.COPY_BOTH_ENDED if both else legality.COPY_IN_ENDED

    def resynchronise(self) -> None:
        """Note that we said Sync, Close and Sync after a COPY FROM failed."""
        self.state = legality.RESYNC

    def _advance(self) -> None:
        before = self._answer
        if self._queue:
            self.state, self._answer = self._queue.popleft()
        else:
            open_ = self.state not in _BEFORE_IDLE
            self.state, self._answer = legality.OPEN if open_ else legality.IDLE, None
        answer = self._answer
        self._decoder = None
        if before is not None and before is not answer and not before.complete:
            # Its last step gave nothing to tell: a Parse, Bind or Close alone.
            before.complete = True
            before.outcome = before.outcome or "command"
        if answer is None or self.state is legality.SYNC:
            return
        answer.complete = False
        if self.state is legality.EXECUTE:
            answer.suspended = False
            self._decoder = answer.decoder

    def _skip(self) -> None:
        # The server discards all up to the Sync: what it discards was not run.
        queue, failed = self._queue, self._answer
        while queue and queue[0][0] is not legality.SYNC:
            answer = queue.popleft()[1]
            if answer is not None and answer is not failed:
                answer.outcome = "aborted"
                answer.complete = True
        if queue:
            self._advance()
        else:
            self.state, self._answer = legality.OPEN_FAILED, None

    # -- what is heard ----------------------------------------------------------------------

    def receive(self, data: bytes) -> None:
        """Take bytes as they came; b"" means that the server closed the connection.

        Raises:
            ConnectionLost: it closed. The server's FATAL words come first, if it said any.
            RemoteProtocolError: it broke the protocol. The session is over in both cases.
        """
        if not data:
            raise self.lost()
        try:
            buffer = self._buffer + data if self._buffer else data
            position = self._parse(buffer)
            self._buffer = buffer[position:] if position < len(buffer) else b""
            self.received += len(data)
        except MemoryError as error:
            raise self.exhausted() from error
        except BaseException as error:
            # A violation; or an interrupt in the middle: nobody knows which byte comes next.
            self.end(error)
            raise

    def exhausted(self) -> OperationalError:
        """End the session for want of memory, giving back what its answers hold; return the error.

        Source: PGresult's "out of memory for query result".
        """
        error = OperationalError("out of memory for query result", sqlstate="53200")
        for answer in self.answers:
            answer.rows.clear()
        self.answers.clear()
        self.copied.clear()
        self.end(error)
        return error

    def receive_unasked(self, data: bytes) -> None:
        """Take bytes that came before what was just asked went out.

        A complete answer sent in advance must never be taken for the answer: only what may come
        unasked is believed here.

        Raises: as `receive`.
        """
        asked, self.state = self.state, legality.IDLE
        self.receive(data)
        self.state = asked

    def _parse(self, buffer: bytes) -> int:
        position, end = 0, len(buffer)
        self.missing = 0
        while position < end:
            if buffer[position] == codes.DATA_ROW and self._decoder is not None:
                after = self._rows(buffer, position, end)
                if after != position:
                    position = after
                    continue
            found = head(buffer, position, self.ceiling)
            if found is None or found.stop > end:
                # Refused as soon as it shows its letter, however long the rest would take.
                self._admit(buffer[position])
                self.missing = 0 if found is None else found.stop - end
                break
            self._message(found.tag, buffer[found.start : found.stop])
            position = found.stop
            if self.state is legality.CLOSED:
                # The server's last words; nothing behind them counts.
                return end
        return position

    def _admit(self, tag: int) -> None:
        if self.state is legality.CLOSED:
            raise self._unexpected(tag)
        heard = tag in legality.HEARD[self.state] or tag in codes.ASYNCHRONOUS
        if not heard and tag != codes.ERROR_RESPONSE:
            raise self._unexpected(tag)

    def _rows(self, buffer: bytes, position: int, end: int) -> int:
        answer, decoder = self._answer, self._decoder
        assert answer is not None
        assert decoder is not None
        try:
            after = decoder.decode(buffer, position, end, answer.rows)
        except RemoteProtocolError:
            raise
        except Exception as failure:
            # A ValueFailure: the row was in order, a value was not. The rest is read and
            # dropped, so that the error meets a connection in step.
            error: DatabaseError | None = getattr(failure, "error", None)
            after = getattr(failure, "position", -1)
            if error is None or after <= position:
                raise
            answer.value_error = error
            answer.rows.clear()
            self._decoder = _Discard(None if answer.columns is None else len(answer.columns))
        if after != position and self.state is legality.EXECUTE:
            self.state = legality.EXECUTE_ROWS
            answer.outcome = "rows"
        return after

    def _message(self, tag: int, data: bytes) -> None:
        body = Body(data, tag)
        if tag in codes.ASYNCHRONOUS and self.state not in _BEFORE_SESSION:
            if tag == codes.NOTIFICATION_RESPONSE and self.state in _STARTING:
                raise self._unexpected(tag)
            _ASYNCHRONOUS[tag](self, body)
            return
        following = legality.HEARD[self.state].get(tag)
        if following is None:
            if tag == codes.ERROR_RESPONSE and self.state not in _BEFORE_SESSION:
                self._last_words(body)
                return
            raise self._unexpected(tag)
        if tag == codes.DATA_ROW or (tag == codes.COPY_BOTH_RESPONSE and not self.replication):
            # With a row description the rows were decoded where they stand (`_rows`).
            raise self._unexpected(tag)
        _HEARD[tag](self, body)
        self._follow(following)

    def _follow(self, following: str) -> None:
        if self.state in _COPYING and self._after_copy is legality.SIMPLE_MORE:
            # A COPY inside a simple query leads back into it.
            if following is legality.NEXT:
                self._after_copy, following = legality.NEXT, legality.SIMPLE_MORE
            elif following is legality.SKIP:
                self._after_copy, following = legality.NEXT, legality.SIMPLE_FAILED
        if following is legality.NEXT:
            self._advance()
        elif following is legality.SKIP:
            doubtful = self.state in (legality.COPY_IN, legality.COPY_IN_ENDED)
            self._skip()
            if doubtful and self.state is legality.SYNC:
                self.state = legality.COPY_IN_FAILED
        else:
            self.state = following

    def _unexpected(self, tag: int) -> RemoteProtocolError:
        letter = codes.letter(tag)
        if self.state in (legality.AUTHENTICATED, legality.KEYED) and tag in b"CDTIGHWdc123nstVA":
            return RemoteProtocolError("unexpected message from server during startup")
        if tag == codes.DATA_ROW and self._decoder is None:
            return RemoteProtocolError(
                'server sent data ("D" message) without prior row description ("T" message)'
            )
        if self.state is legality.IDLE:
            return RemoteProtocolError(f"message type 0x{tag:02x} arrived from server while idle")
        return RemoteProtocolError(
            f'unexpected response from server; first received character was "{letter}"'
        )

    # -- the messages, by the protocol's nouns ----------------------------------------------

    def _fields(self, body: Body) -> Diagnostics:
        fields, whole = backend.read_fields(body, self.encoding)
        if not whole:
            # The server's words are not lost with its framing.
            problem = body.disagreement()
            said = fields.get("M")
            raise RemoteProtocolError(f"{said}\n{problem}" if said else str(problem))
        return Diagnostics(fields)

    def _is_last(self, diagnostics: Diagnostics) -> bool:
        severity = diagnostics.severity_nonlocalized or diagnostics.severity
        return severity in ("FATAL", "PANIC")

    def _last_words(self, body: Body) -> None:
        # An error nobody asked for explains the end of the connection that follows it.
        diagnostics = self._fields(body)
        if not self._is_last(diagnostics) and self.state is not legality.IDLE:
            raise self._unexpected(codes.ERROR_RESPONSE)
        self.fatal = diagnostics
        self.dying = self._is_last(diagnostics)

    def _error_response(self, body: Body) -> None:
        diagnostics = self._fields(body)
        if self._is_last(diagnostics):
            self.fatal = diagnostics
            self.dying = True
        answer = self._answer
        if answer is None:
            answer = Answer()
            if self.state is legality.SYNC:
                # Behind what was answered, before what later stretches will be answered.
                place = sum(1 for _ in takewhile(_complete, self.answers))
                self.answers.insert(place, answer)
            else:
                self.answers.append(answer)
        answer.outcome = "error"
        answer.error = server_error(diagnostics)
        answer.step = self.state
        answer.complete = True
        self._decoder = None
        if self.state in _SIMPLE or self._after_copy is legality.SIMPLE_MORE:
            self._answer = None

    def _notice_response(self, body: Body) -> None:
        diagnostics = self._fields(body)
        if diagnostics.sqlstate in ("57P01", "57P02"):
            self.fatal = diagnostics
        self.notices.append(diagnostics)

    def _parameter_status(self, body: Body) -> None:
        name, value = body.string(), body.string()
        body.end()
        key = name.decode("utf-8", "replace")
        text = value.decode("utf-8", "replace")
        if key not in self.parameters and len(self.parameters) >= _PARAMETERS_AT_MOST:
            raise RemoteProtocolError("the server reported too many parameters")
        self.parameters[key] = text
        self.changes += 1
        if key == "client_encoding" and self._encoding_for is not None:
            self.encoding, self.encoding_errors = self._encoding_for(text)

    def _notification_response(self, body: Body) -> None:
        pid, channel, payload = body.int32(), body.string(), body.string()
        body.end()
        self.notifications.append(
            Notification(
                pid,
                channel.decode(self.encoding, "replace"),
                payload.decode(self.encoding, "replace"),
            )
        )

    def _ready_for_query(self, body: Body) -> None:
        status = body.take(1)
        body.end()
        if status[0] not in codes.STATUSES:
            raise RemoteProtocolError(
                f"the server reported the unknown transaction status {status!r}"
            )
        self.transaction_status = chr(status[0])
        self.fatal = None
        self.dying = False
        self.farewell = None
        answer = self._answer
        if answer is not None and self.state is legality.SYNC:
            answer.outcome = "sync"
            answer.complete = True

    def _backend_key_data(self, body: Body) -> None:
        self.pid, self.key = body.int32(), body.rest()
        length = len(self.key)
        problem = None
        if self.protocol == codes.PROTOCOL_3_0:
            if length != codes.KEY_LENGTH:
                problem = (
                    f"cancel key with length {length} not allowed in protocol version"
                    f" {codes.version_name(self.protocol)} (must be 4 bytes)"
                )
        elif length < codes.KEY_LENGTH:
            problem = f"cancel key with length {length} is too short (minimum 4 bytes)"
        elif length > codes.KEY_LENGTH_LONGEST:
            problem = f"cancel key with length {length} is too long (maximum 256 bytes)"
        if problem is not None:
            raise RemoteProtocolError(f"received invalid BackendKeyData message: {problem}")

    def _row_description(self, body: Body) -> None:
        columns = backend.read_columns(body, self.encoding)
        body.end()
        answer = self._answer
        if answer is None or self.state in _SIMPLE:
            answer = self._answer = Answer()
            self.answers.append(answer)
        answer.columns = columns
        if self.state is legality.DESCRIBED_PARAMETERS:
            answer.outcome = "prepared"
            answer.complete = True
            return
        assert self._decoder_for is not None
        answer.decoder = self._decoder_for(columns)
        answer.outcome = "rows"
        self._decoder = answer.decoder if self.state in _SIMPLE else None

    def _no_data(self, body: Body) -> None:
        body.end()
        answer = self._answer
        if answer is not None:
            answer.columns = None
            answer.decoder = None
            if self.state is legality.DESCRIBED_PARAMETERS:
                answer.outcome = "prepared"
                answer.complete = True

    def _parameter_description(self, body: Body) -> None:
        oids = tuple(body.uint32() for _ in range(body.counted(4)))
        body.end()
        if self._answer is not None:
            self._answer.parameter_oids = oids

    def _finish(self, outcome: str) -> Answer:
        answer = self._answer
        if answer is None:
            answer = Answer()
            self.answers.append(answer)
        if answer.outcome is None:
            answer.outcome = outcome
        answer.complete = True
        self._decoder = None
        if self.state in _SIMPLE or self._after_copy is legality.SIMPLE_MORE:
            self._answer = None
        return answer

    def _command_complete(self, body: Body) -> None:
        tag = body.string()
        body.end()
        # With a row description it is a result of rows, were there none.
        answer = self._answer
        rows = answer is not None and answer.columns is not None
        self._finish("rows" if rows else "command").command_tag = tag.decode(
            self.encoding, "replace"
        )

    def _empty_query_response(self, body: Body) -> None:
        body.end()
        self._finish("empty")

    def _portal_suspended(self, body: Body) -> None:
        body.end()
        if self._answer is None or not self._answer.limited:
            # Nobody asked for a part: taken for the whole, rows would be lost in silence.
            raise self._unexpected(body.tag)
        self._finish("rows").suspended = True

    def _bare(self, body: Body) -> None:
        body.end()

    def _copy_response(self, body: Body, outcome: str) -> None:
        kind = backend.MESSAGES[body.tag]
        read = kind.read(body)
        body.end()
        form, formats = read
        answer = self._answer
        if answer is None or self.state in _SIMPLE:
            answer = self._answer = Answer()
            self.answers.append(answer)
        answer.outcome = outcome
        answer.formats = (form, formats)  # type: ignore[assignment]  # as _CopyResponse.read gives them
        self._decoder = None
        self._after_copy = legality.SIMPLE_MORE if self.state in _SIMPLE else legality.NEXT

    def _copy_in_response(self, body: Body) -> None:
        self._copy_response(body, "copy-in")

    def _copy_out_response(self, body: Body) -> None:
        self._copy_response(body, "copy-out")

    def _copy_both_response(self, body: Body) -> None:
        self._copy_response(body, "copy-both")

    def _copy_data(self, body: Body) -> None:
        self.copied.append(body.rest())

    def _function_call_response(self, body: Body) -> None:
        length = body.int32()
        assert self._answer is not None
        self._answer.value = None if length == -1 else body.take(length)
        body.end()
        self._finish("function")

    # -- the end ----------------------------------------------------------------------------

    def lost(self) -> ConnectionLost:
        """End the session because the connection closed; return the error to raise.

        The text is the server's FATAL words, if it said any, and then libpq's three lines.
        """
        text = CLOSED_UNEXPECTEDLY
        fatal = self.fatal
        if fatal is not None:
            severity = fatal.severity or "FATAL"
            text = f"{severity}:  {fatal.message_primary or ''}\n{text}"
        error = ConnectionLost(
            text, diagnostics=fatal, sqlstate=None if fatal is not None else "08006"
        )
        error.outcome_unknown = self.state not in (legality.IDLE, legality.CLOSED)
        self.end(error)
        return error

    def end(self, why: BaseException | None = None) -> None:
        """Mark the session as over: whatever was asked will not be answered any more."""
        self.state = legality.CLOSED
        self.failure = why
        self._queue.clear()
        self._buffer = b""
        self._decoder = None
        self._answer = None
        self.missing = 0


def _complete(answer: Answer) -> bool:
    return answer.complete


class _Discard:
    """Steps over rows of a result that nobody wants any more, still checking their shape.

    Args:
        count: of their columns; None: not told by the server.
    """

    def __init__(self, count: int | None) -> None:
        self.count = count

    def decode(self, buffer: bytes, start: int, end: int, _rows: list[Any], /) -> int:
        position = start
        while position < end and buffer[position] == codes.DATA_ROW:
            found = head(buffer, position)
            if found is None or found.stop > end:
                break
            row = Body(buffer[found.start : found.stop], codes.DATA_ROW)
            count = row.counted(4)
            if self.count is not None and count != self.count:
                raise RemoteProtocolError('unexpected field count in "D" message')
            for _ in range(count):
                length = row.int32()
                if length != -1:
                    row.take(length)
            row.end()
            position = found.stop
        return position


_BEFORE_SESSION = frozenset({legality.STARTUP, legality.NEGOTIATED, legality.AUTH, legality.CLOSED})
#: what a ReadyForQuery ends
_BEFORE_IDLE = frozenset(
    {
        legality.SYNC,
        legality.SYNC_FAILED,
        legality.SIMPLE_MORE,
        legality.SIMPLE_FAILED,
        legality.FUNCTION_DONE,
        legality.FUNCTION_FAILED,
    }
)
_SIMPLE = frozenset(
    {legality.SIMPLE, legality.SIMPLE_ROWS, legality.SIMPLE_MORE, legality.SIMPLE_FAILED}
)

_STARTING = frozenset({legality.AUTHENTICATED, legality.KEYED})
_COPYING = frozenset(
    {
        legality.COPY_IN,
        legality.COPY_IN_ENDED,
        legality.COPY_OUT,
        legality.COPY_OUT_ENDED,
        legality.COPY_BOTH,
        legality.COPY_BOTH_ENDED,
    }
)
#: Real servers report some fifteen; a hostile one must not fill the memory with names.
_PARAMETERS_AT_MOST = 1000

_ASYNCHRONOUS: dict[int, Callable[[Session, Body], None]] = {
    codes.NOTICE_RESPONSE: Session._notice_response,  # noqa: SLF001 - the class's own table
    codes.PARAMETER_STATUS: Session._parameter_status,  # noqa: SLF001
    codes.NOTIFICATION_RESPONSE: Session._notification_response,  # noqa: SLF001
}

_HEARD: dict[int, Callable[[Session, Body], None]] = {
    codes.BACKEND_KEY_DATA: Session._backend_key_data,  # noqa: SLF001
    codes.BIND_COMPLETE: Session._bare,  # noqa: SLF001
    codes.CLOSE_COMPLETE: Session._bare,  # noqa: SLF001
    codes.COMMAND_COMPLETE: Session._command_complete,  # noqa: SLF001
    codes.COPY_BOTH_RESPONSE: Session._copy_both_response,  # noqa: SLF001
    codes.COPY_DATA: Session._copy_data,  # noqa: SLF001
    codes.COPY_DONE: Session._bare,  # noqa: SLF001
    codes.COPY_IN_RESPONSE: Session._copy_in_response,  # noqa: SLF001
    codes.COPY_OUT_RESPONSE: Session._copy_out_response,  # noqa: SLF001
    codes.EMPTY_QUERY_RESPONSE: Session._empty_query_response,  # noqa: SLF001
    codes.ERROR_RESPONSE: Session._error_response,  # noqa: SLF001
    codes.FUNCTION_CALL_RESPONSE: Session._function_call_response,  # noqa: SLF001
    codes.NO_DATA: Session._no_data,  # noqa: SLF001
    codes.PARAMETER_DESCRIPTION: Session._parameter_description,  # noqa: SLF001
    codes.PARSE_COMPLETE: Session._bare,  # noqa: SLF001
    codes.PORTAL_SUSPENDED: Session._portal_suspended,  # noqa: SLF001
    codes.READY_FOR_QUERY: Session._ready_for_query,  # noqa: SLF001
    codes.ROW_DESCRIPTION: Session._row_description,  # noqa: SLF001
}
