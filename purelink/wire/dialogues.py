"""The dialogues of a running session: say, and read what is answered.

Floor 1, pure. Each function is a generator that yields wants and returns its result. They put
nothing on the wire that the session's table does not allow, and check every answer through
`Session.receive`. One step of a generator for each *read*, never one for a row.

Reading: `until_answer` waits for the next whole answer, `until_rows` for some rows of it,
`until_idle` for all that was asked. Notices and notifications are delivered between reads
through `deliver`, a function that belongs to the user's side and must not raise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable

from ..errors import ConnectionLost
from . import frontend, legality
from .wants import Call, Deliver, Dialogue, Exchange, Limit, LimitExpired

if TYPE_CHECKING:
    from .backend import Column
    from .session import Answer, RowDecoder, Session

__all__ = [
    "Batch",
    "ask",
    "end_copy",
    "fail_copy",
    "failure",
    "function_call",
    "hear",
    "peek",
    "push",
    "read",
    "send",
    "settle",
    "simple_query",
    "until_answer",
    "until_idle",
    "until_rows",
]

DecoderFor = Callable[["tuple[Column, ...]"], "RowDecoder"]


class Batch:
    """Extended-protocol messages to be sent in one go, and what their answers will be.

    Every method returns the batch itself; `data()` gives the bytes, `steps` what to expect.
    Building refuses what the wire cannot carry (`InterfaceError`) before anything is sent.
    """

    __slots__ = ("pieces", "steps")

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.steps: list[tuple[str, Answer | None]] = []

    def parse(
        self, answer: Answer, statement: bytes, sql: bytes, oids: tuple[int, ...] = ()
    ) -> Batch:
        """Prepare `sql` under a name (b"": unnamed)."""
        self.pieces.append(frontend.Parse(statement, sql, oids).encode())
        self.steps.append((legality.PARSE, answer))
        return self

    def bind(
        self,
        answer: Answer,
        statement: bytes = b"",
        formats: tuple[int, ...] = (),
        values: tuple[bytes | None, ...] = (),
        result_formats: tuple[int, ...] = (),
        portal: bytes = b"",
    ) -> Batch:
        """Make a portal of a statement and its parameters."""
        bound = frontend.Bind(portal, statement, formats, values, result_formats)
        self.pieces.append(bound.encode())
        self.steps.append((legality.BIND, answer))
        return self

    def describe_portal(self, answer: Answer, portal: bytes = b"") -> Batch:
        """Ask for the columns the portal will give."""
        self.pieces.append(frontend.Describe(b"P", portal).encode())
        self.steps.append((legality.DESCRIBE_PORTAL, answer))
        return self

    def describe_statement(self, answer: Answer, statement: bytes = b"") -> Batch:
        """Ask for the statement's parameters and columns."""
        self.pieces.append(frontend.Describe(b"S", statement).encode())
        self.steps.append((legality.DESCRIBE_STATEMENT, answer))
        return self

    def execute(self, answer: Answer, portal: bytes = b"", limit: int = 0) -> Batch:
        """Run the portal, for at most `limit` rows (0: all)."""
        self.pieces.append(frontend.Execute(portal, limit).encode())
        answer.limited = limit > 0
        self.steps.append((legality.EXECUTE, answer))
        return self

    def close(self, answer: Answer | None, kind: bytes, name: bytes) -> Batch:
        """Close a statement (b"S") or portal (b"P")."""
        self.pieces.append(frontend.Close(kind, name).encode())
        self.steps.append((legality.CLOSE, answer))
        return self

    def sync(self, answer: Answer | None = None) -> Batch:
        """End a stretch: the server commits or skips up to here, and says ReadyForQuery."""
        self.pieces.append(_SYNC)
        self.steps.append((legality.SYNC, answer))
        return self

    def flush(self) -> Batch:
        """Have the server send what it has so far; no answer of its own."""
        self.pieces.append(_FLUSH)
        return self

    def data(self) -> bytes:
        """Return all of it as bytes."""
        return b"".join(self.pieces)


_SYNC = frontend.Sync().encode()
_FLUSH = frontend.Flush().encode()
_COPY_DONE = frontend.CopyDone().encode()
#: Ends a batch whose Sync a failed COPY FROM may have swallowed: CloseComplete tells the
#: doubtful ReadyForQuery from the last.
_MARKED = _SYNC + frontend.Close(b"P", b"").encode() + _SYNC

#: How long the end of the connection is waited for behind a FATAL error, in seconds.
FAREWELL_SECONDS = 2.0
#: So much of one message is asked for at once; the session puts a larger one together.
GATHERED = 65_536
#: Notices, and notifications, that are kept until somebody listens.
WAITING_AT_MOST = 1000


def read(
    session: Session,
    deliver: Callable[[], object] | None = None,
    *,
    data: bytes = b"",
    limit: Limit | None = None,
    first: bool = False,
) -> Dialogue[None]:
    """Send `data` (perhaps nothing) and take one read's worth of what comes.

    Args:
        first: take the first piece that comes: its end will not look like an answer's end.

    Raises:
        ConnectionLost: the server closed the connection, or the network lost it.
        RemoteProtocolError: the server broke the protocol.
    """
    if session.unsettled:
        yield from settle(session)
    if session.state is legality.COPY_IN_FAILED and not session.dying:
        session.resynchronise()
        data += _MARKED
    if session.dying and session.farewell is None:
        session.farewell = Limit(FAREWELL_SECONDS)
    farewell = session.farewell
    try:
        need = min(session.missing, GATHERED)
        received = yield Exchange(data, need=need, first=first, limit=farewell or limit)
    except OSError as error:
        raise _broken(session, error) from error
    except MemoryError as error:
        raise session.exhausted() from error
    except LimitExpired as expired:
        if expired.limit is farewell:
            # A FATAL error is the last word, whether or not the server hangs up behind it.
            raise session.lost() from None
        raise
    yield from hear(session, received, deliver)


def hear(
    session: Session, received: bytes, deliver: Callable[[], object] | None = None
) -> Dialogue[None]:
    """Take what came, and tell of what came on the side.

    Raises:
        ConnectionLost, RemoteProtocolError: as `read`.
    """
    session.receive(received)
    yield from _told(session, deliver)


def _told(session: Session, deliver: Callable[[], object] | None) -> Dialogue[None]:
    if deliver is not None:
        if session.notices or session.notifications:
            yield Call(deliver)
        return
    # Nobody listens yet: what is kept for later is bounded.
    for waiting in (session.notices, session.notifications):
        while len(waiting) > WAITING_AT_MOST:
            waiting.popleft()


def settle(session: Session) -> Dialogue[None]:
    """Take what came before what was just asked goes out: it is no answer to it.

    Whoever writes otherwise than by `read` settles first.

    Raises:
        ConnectionLost, RemoteProtocolError: as `read`. What was asked has not been sent.
    """
    try:
        received = yield Exchange(b"", at_once=True)
    except OSError as error:
        session.withdraw()
        raise _broken(session, error) from error
    except BaseException:
        session.withdraw()
        raise
    session.unsettled = False
    if received is not None:
        session.receive_unasked(received)
    if session.dying:
        # Last words came before the question: it is not asked any more.
        session.withdraw()
        while True:
            yield from read(session)


def failure(session: Session, error: BaseException) -> BaseException:
    """Return what is to be raised where a pump raised this while it wrote or read."""
    if isinstance(error, OSError):
        return _broken(session, error)
    return session.exhausted() if isinstance(error, MemoryError) else error


def _broken(session: Session, error: OSError) -> ConnectionLost:
    # The peer's FATAL message may have come before its reset: `fatal` then leads the text.
    lost = session.lost()
    if isinstance(error, (ConnectionResetError, BrokenPipeError)):
        return lost
    # What TLS says is told in its own words (`tls.TLSFailure`).
    text = getattr(error, "text", None) or (
        f"could not receive data from server: {error.strerror or error}"
    )
    named = ConnectionLost(text, diagnostics=lost.diagnostics, sqlstate=lost.sqlstate)
    named.outcome_unknown = lost.outcome_unknown
    return named


def peek(session: Session, deliver: Callable[[], object] | None = None) -> Dialogue[bool]:
    """Take what has already come, without waiting for more; return whether there was anything.

    Raises:
        ConnectionLost, RemoteProtocolError: as `read`.
    """
    try:
        received = yield Exchange(b"", at_once=True)
    except OSError as error:
        raise _broken(session, error) from error
    if received is None:
        return False
    session.receive(received)
    yield from _told(session, deliver)
    return True


def until_idle(
    session: Session,
    deliver: Callable[[], object] | None = None,
    *,
    data: bytes = b"",
    limit: Limit | None = None,
    first: bool = False,
) -> Dialogue[None]:
    """Send `data`, then read until everything asked is answered.

    A COPY that nobody feeds is refused with CopyFail, one that nobody reads is dropped.

    Raises:
        ConnectionLost, RemoteProtocolError: as `read`.
    """
    if data:
        yield from read(session, deliver, data=data, limit=limit, first=first)
    while True:
        session.copied.clear()
        if session.idle:
            return
        if session.closed:
            raise session.gone()
        data = b""
        if session.state in (legality.COPY_IN, legality.COPY_BOTH):
            data = fail_copy(session, "COPY from stdin was not expected here")
        elif session.state in (legality.OPEN, legality.OPEN_FAILED):
            data = ask(session, Batch().sync(), _no_rows)
        yield from read(session, deliver, data=data, limit=limit, first=first)


def _no_rows(columns: tuple[Column, ...]) -> RowDecoder:
    raise AssertionError(columns)  # a Sync is answered by ReadyForQuery alone


def until_answer(
    session: Session,
    deliver: Callable[[], object] | None = None,
    *,
    data: bytes = b"",
    limit: Limit | None = None,
) -> Dialogue[Answer | None]:
    """Return the next answer when it is whole (or a COPY began); None when all are taken.

    Source: PQgetResult.
    """
    if data:
        yield from read(session, deliver, data=data, limit=limit)
    while True:
        answers = session.answers
        if answers and (answers[0].complete or _copying(answers[0])):
            return answers.popleft()
        if session.answered:
            return None
        if session.closed:
            raise session.gone()
        yield from read(session, deliver, limit=limit)


def _copying(answer: Answer) -> bool:
    return answer.outcome in ("copy-in", "copy-out", "copy-both")


def until_rows(
    session: Session,
    deliver: Callable[[], object] | None = None,
    *,
    data: bytes = b"",
    limit: Limit | None = None,
) -> Dialogue[Answer | None]:
    """Return the first answer, still in the queue, as soon as it has rows or is whole.

    The reader takes `answer.rows` out and leaves an empty list, and pops the answer when it is
    complete. None when all are taken. Source: PQsetSingleRowMode, in chunks.
    """
    if data:
        yield from read(session, deliver, data=data, limit=limit)
    while True:
        answers = session.answers
        if answers and (answers[0].complete or answers[0].rows or _copying(answers[0])):
            return answers[0]
        if session.answered:
            return None
        if session.closed:
            raise session.gone()
        yield from read(session, deliver, limit=limit)


def simple_query(session: Session, sql: bytes, decoder_for: DecoderFor) -> bytes:
    """Return the bytes of a Query, and expect its answers.

    Raises:
        LocalProtocolError: something is under way. InterfaceError: a NUL, or too long.
    """
    data = frontend.Query(sql).encode()
    session.ask_simple(decoder_for)
    return data


def ask(session: Session, batch: Batch, decoder_for: DecoderFor) -> bytes:
    """Return the bytes of an extended batch, and expect its answers.

    Raises:
        LocalProtocolError: something is under way that it cannot follow.
    """
    session.ask(batch.steps, decoder_for)
    return batch.data()


def function_call(
    session: Session, oid: int, arguments: tuple[bytes | None, ...], formats: tuple[int, ...] = (1,)
) -> bytes:
    """Return the bytes of a FunctionCall (arguments and result binary), and expect its answer."""
    data = frontend.FunctionCall(oid, formats, arguments, 1).encode()
    session.ask_function()
    return data


def end_copy(session: Session) -> bytes:
    """Return CopyDone's bytes (and a Sync, as `fail_copy`), and expect the COPY's end."""
    data = _COPY_DONE + _SYNC if session.extended else _COPY_DONE
    session.end_copy()
    return data


def fail_copy(session: Session, reason: str) -> bytes:
    """Return CopyFail's bytes with a reason for the server's error, and expect that.

    In the extended protocol the Sync that was sent before it was swallowed: one more follows.
    """
    data = frontend.CopyFail(reason.encode(session.encoding, "replace")).encode()
    if session.extended:
        data += _SYNC
    session.end_copy()
    return data


def send(
    data: bytes, limit: Limit | None = None, *, session: Session | None = None
) -> Dialogue[None]:
    """Send bytes without waiting for an answer.

    Args:
        session: whose question this is: what came before it goes out is no answer to it.

    Raises:
        OSError: the channel is broken.
        ConnectionLost, RemoteProtocolError: as `settle`.
    """
    if session is not None and session.unsettled:
        yield from settle(session)
    yield Deliver(data, limit=limit)


def push(
    session: Session, deliver: Callable[[], object] | None = None, *, data: bytes
) -> Dialogue[None]:
    """Send bytes without waiting for an answer, but take what has been said meanwhile.

    Raises:
        ConnectionLost, RemoteProtocolError: as `read`.
    """
    if session.unsettled:
        yield from settle(session)
    try:
        heard = yield Deliver(data)
    except OSError as error:
        raise _broken(session, error) from error
    except MemoryError as error:
        raise session.exhausted() from error
    if heard:
        yield from peek(session, deliver)


def deliver_copy(data: bytes, limit: Limit | None = None) -> Dialogue[bool]:
    """Send one CopyData; return True if the server has said something meanwhile."""
    heard: bool = yield Deliver(frontend.CopyData(data).encode(), limit=limit)
    return heard


def terminate() -> bytes:
    """Return Terminate's bytes."""
    return _TERMINATE


_TERMINATE = frontend.Terminate().encode()
