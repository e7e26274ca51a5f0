"""What a session knows, and what each message adds to it, by the protocol's nouns.

Floor 1, pure. `Hearing` is the half of `session.Session` that takes messages in: one method for
each, and two tables from tags to methods. Whether a message may come at all was decided before, by
`legality` and the queue of what was asked; here its body is read, inside its bounds.
"""

from __future__ import annotations

from collections import deque
from itertools import takewhile
from typing import TYPE_CHECKING, Callable

from ..errors import Diagnostics, RemoteProtocolError, server_error
from . import backend, codes, legality
from .answers import Answer, Notification

if TYPE_CHECKING:
    from io import BytesIO

    from .answers import RowDecoder
    from .backend import Column
    from .codec import Body
    from .wants import Limit

__all__ = ["ASYNCHRONOUS", "BEFORE_IDLE", "HEARD", "SIMPLE", "Hearing"]

SIMPLE = frozenset(
    {legality.SIMPLE, legality.SIMPLE_ROWS, legality.SIMPLE_MORE, legality.SIMPLE_FAILED}
)
#: what a ReadyForQuery ends
BEFORE_IDLE = frozenset(
    {
        legality.SYNC,
        legality.SYNC_FAILED,
        legality.SIMPLE_MORE,
        legality.SIMPLE_FAILED,
        legality.FUNCTION_DONE,
        legality.FUNCTION_FAILED,
    }
)


class Hearing:
    """What one connection's session knows.

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
        left_over: what was received last ended inside a message, or in what may be last words.
        received: how many bytes were taken in; torn: an interrupt came in the middle of that, where
            nobody can tell.
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
        self.left_over = False
        self.received = 0
        self.torn = False
        self._position: int | None = None
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
        self._large: BytesIO | None = None
        self._answer: Answer | None = None
        self._decoder: RowDecoder | None = None
        self._decoder_for: Callable[[tuple[Column, ...]], RowDecoder] | None = None
        self._after_copy = legality.NEXT

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
        if self.state in SIMPLE or self._after_copy is legality.SIMPLE_MORE:
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
        if answer is None or self.state in SIMPLE:
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
        self._decoder = answer.decoder if self.state in SIMPLE else None

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
        if self.state in SIMPLE or self._after_copy is legality.SIMPLE_MORE:
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
        if answer is None or self.state in SIMPLE:
            answer = self._answer = Answer()
            self.answers.append(answer)
        answer.outcome = outcome
        answer.formats = (form, formats)  # type: ignore[assignment]  # as _CopyResponse.read gives them
        self._decoder = None
        self._after_copy = legality.SIMPLE_MORE if self.state in SIMPLE else legality.NEXT

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


def _complete(answer: Answer) -> bool:
    return answer.complete


#: Real servers report some fifteen; a hostile one must not fill the memory with names.
_PARAMETERS_AT_MOST = 1000
ASYNCHRONOUS: dict[int, Callable[[Hearing, Body], None]] = {
    codes.NOTICE_RESPONSE: Hearing._notice_response,  # noqa: SLF001 - the class's own table
    codes.PARAMETER_STATUS: Hearing._parameter_status,  # noqa: SLF001
    codes.NOTIFICATION_RESPONSE: Hearing._notification_response,  # noqa: SLF001
}

HEARD: dict[int, Callable[[Hearing, Body], None]] = {
    codes.BACKEND_KEY_DATA: Hearing._backend_key_data,  # noqa: SLF001
    codes.BIND_COMPLETE: Hearing._bare,  # noqa: SLF001
    codes.CLOSE_COMPLETE: Hearing._bare,  # noqa: SLF001
    codes.COMMAND_COMPLETE: Hearing._command_complete,  # noqa: SLF001
    codes.COPY_BOTH_RESPONSE: Hearing._copy_both_response,  # noqa: SLF001
    codes.COPY_DATA: Hearing._copy_data,  # noqa: SLF001
    codes.COPY_DONE: Hearing._bare,  # noqa: SLF001
    codes.COPY_IN_RESPONSE: Hearing._copy_in_response,  # noqa: SLF001
    codes.COPY_OUT_RESPONSE: Hearing._copy_out_response,  # noqa: SLF001
    codes.EMPTY_QUERY_RESPONSE: Hearing._empty_query_response,  # noqa: SLF001
    codes.ERROR_RESPONSE: Hearing._error_response,  # noqa: SLF001
    codes.FUNCTION_CALL_RESPONSE: Hearing._function_call_response,  # noqa: SLF001
    codes.NO_DATA: Hearing._no_data,  # noqa: SLF001
    codes.PARAMETER_DESCRIPTION: Hearing._parameter_description,  # noqa: SLF001
    codes.PARSE_COMPLETE: Hearing._bare,  # noqa: SLF001
    codes.PORTAL_SUSPENDED: Hearing._portal_suspended,  # noqa: SLF001
    codes.READY_FOR_QUERY: Hearing._ready_for_query,  # noqa: SLF001
    codes.ROW_DESCRIPTION: Hearing._row_description,  # noqa: SLF001
}
