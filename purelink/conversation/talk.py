"""The conversations of an open connection: query, script, transactions, recovery, the end.

Floor 3, pure. A `Talk` is one connection's side of them all; a face (blocking or asyncio) runs each
through its pump, one line a method. Every generator leaves the session in step, or over.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Callable, Protocol, Sequence

from ..errors import (
    DataError,
    Diagnostics,
    LocalProtocolError,
)
from ..values.styles import Styles
from ..values.text import fresh_registry
from ..wire import dialogues
from ..wire.cancel import cancel
from ..wire.dialogues import Batch
from ..wire.session import Answer, Notification, Session
from ..wire.wants import Close, Deliver, Dialogue, Limit, LimitExpired
from . import querying, recovery, transacting
from .outcomes import result_of
from .short import ShortWay
from .statements import CACHE_SIZE, Statements

if TYPE_CHECKING:
    from ..result import Result
    from ..values.styles import OddValues
    from ..wire.backend import Column
    from ..wire.session import RowDecoder
    from .connect import Connected
    from .pipelining import Pipelining
    from .statements import Request
    from .transacting import Transacting, TwoPhase

__all__ = ["Talk"]

#: Types whose text depends on DateStyle or IntervalStyle, and their arrays and ranges.
STYLED = frozenset(
    {1082, 1083, 1114, 1184, 1186, 1266, 1115, 1182, 1183, 1185, 1187, 1270}
    | {3908, 3909, 3910, 3911, 3912, 3913, 4533, 4534, 4535, 2249, 2287}
)
#: Notifications kept for whoever takes them out later; beyond that the oldest are lost.
NOTIFICATIONS_AT_MOST = 100_000


class Holder(Protocol):
    """What has a connection to itself between calls."""

    @property
    def refusal(self) -> str:
        """What others are told meanwhile."""


class Talk:
    """One connection's conversations.

    Args:
        connected: what `connect` reached.
        autocommit: False: a transaction begins with the first statement.
        statement_cache_size: statements kept prepared at most; 0: none.
        token: makes their names differ from those of other connections behind one pooler.

    Attributes:
        session: the wire's. connected: where it is. registry: its decoders; odd_values: `Styles`'.
        statements: the cache of prepared statements. short: the way of those that were run before.
        holder: what has the connection to itself between calls (an open stream …), or None.
        begin: what begins a transaction. blocks: those that are open, innermost last.
        two_phase: the two-phase transaction that is under way, or None.
        pipelining: the pipeline in whose block cursors queue what they execute, or None.
        undoing: what is under way is a transaction by itself, and only whole of use: a recovery
            rolls it back.
        notice_handlers: called with each notice's Diagnostics; notification_handlers: with each
            Notification. A handler that raises is reported to `report`, the rest go on.
        notifications: those that no handler took, in order; `notifications_lost`: how many of
            them were dropped because nobody took them out.
        outcome: of the last recovery: "cancelled", "completed" or "unknown".
    """

    def __init__(
        self,
        connected: Connected,
        *,
        autocommit: bool = False,
        report: Callable[[str, BaseException | None], None] | None = None,
        statement_cache_size: int = CACHE_SIZE,
        token: str = "",
    ) -> None:
        self.connected = connected
        self.session: Session = connected.session
        self.autocommit = autocommit
        self.registry = fresh_registry()
        self.odd_values: OddValues = "error"
        self.notice_handlers: list[Callable[[Diagnostics], object]] = []
        self.notification_handlers: list[Callable[[Notification], object]] = []
        self.notifications: deque[Notification] = deque()
        self.notifications_lost = 0
        self._read_under: tuple[str, ...] | None = None
        self.outcome = "unknown"
        self.statements = Statements(statement_cache_size, token, self.formats_for)
        self.short = ShortWay(self)
        self.holder: Holder | None = None
        self.pipelining: Pipelining | None = None
        self.begin = b"BEGIN"
        self.blocks: list[Transacting] = []
        self.two_phase: TwoPhase | None = None
        self.undoing = False
        self._report = report

    def admit(self, holder: Holder | None) -> None:
        """Refuse whoever comes while the connection is another's.

        Raises:
            LocalProtocolError: a stream, a COPY or a pipeline is open; the text says what to do.
        """
        if self.holder is not None and self.holder is not holder:
            raise LocalProtocolError(self.holder.refusal)

    # -- what is heard on the side ----------------------------------------------------------

    def deliver(self) -> None:
        """Hand waiting notices and notifications to whoever asked for them. Never raises."""
        session = self.session
        while session.notices:
            notice = session.notices.popleft()
            for handler in self.notice_handlers:
                self._guard(handler, notice)
            if not self.notice_handlers and self._report is not None:
                self._report(f"{notice.severity}:  {notice.message_primary}", None)
        while session.notifications:
            notification = session.notifications.popleft()
            if not self.notification_handlers:
                self._keep(notification)
            for listener in self.notification_handlers:
                self._guard(listener, notification)

    def _keep(self, notification: Notification) -> None:
        if len(self.notifications) >= NOTIFICATIONS_AT_MOST:
            self.notifications.popleft()
            if not self.notifications_lost and self._report is not None:
                self._report("notifications are lost: nobody takes them out", None)
            self.notifications_lost += 1
        self.notifications.append(notification)

    def _guard(self, handler: Callable[[Any], object], argument: object) -> None:
        try:
            result = handler(argument)
            if hasattr(result, "__await__"):
                if hasattr(result, "close"):
                    result.close()
                raise TypeError("a handler must be a plain function, not an async one")
        except Exception as error:
            # The answers under way must not suffer for it; nobody else would hear of it.
            if self._report is not None:
                self._report("a notice or notification handler raised an exception", error)

    # -- decoding ---------------------------------------------------------------------------

    def decoder_for(self, columns: tuple[Column, ...]) -> RowDecoder:
        """Return the decoder of rows of these columns to Python values."""
        session = self.session
        if self._read_under is None:
            styled = any(column.type_oid in STYLED for column in columns)
            self._read_under = self._written_under(styled=styled)
        from ..values.bulk import row_decoder

        return row_decoder(
            columns,
            encoding=session.encoding,
            errors=session.encoding_errors,
            styles=self.styles(),
            registry=self.registry,
        )

    def formats_for(self, columns: tuple[Column, ...]) -> tuple[int, ...]:
        """Return the result formats to ask for, as Bind takes them: () for text."""
        from ..values.bulk import best_formats

        best = best_formats(columns, self.registry)
        return (1,) if best and all(best) else ()

    def _written_under(self, *, styled: bool) -> tuple[str, ...]:
        styles = self.styles()
        return (self.session.encoding, *(styles[:2] if styled else ()))

    def _check_reading(self) -> None:
        """Refuse values that were read under settings which the same text changed.

        A server tells of the change only behind the values (ParameterStatus comes before
        ReadyForQuery since 14), and a day would be taken for a month.
        """
        under, self._read_under = self._read_under, None
        if under is not None and under != self._written_under(styled=len(under) > 1):
            raise DataError(
                "DateStyle, IntervalStyle or client_encoding changed in the text whose values were"
                " read: change it in a call of its own"
            )

    def styles(self) -> Styles:
        """Return the session's reported output styles."""
        get = self.session.parameters.get
        return Styles(
            get("DateStyle", "ISO, MDY"),
            get("IntervalStyle", "postgres"),
            get("TimeZone", "GMT"),
            self.odd_values,
        )

    # -- queries ----------------------------------------------------------------------------

    def query(self, sql: str, parameters: Sequence[object] = ()) -> Dialogue[Result]:
        """Run one statement with `$1` parameters in one trip; return its result.

        Several statements in one text run by the simple protocol; the last one's result counts.
        The second use of a text prepares it (`statements`).

        Raises:
            InterfaceError: the text or a parameter cannot be sent; nothing was.
            DatabaseError: the server's error, of the class its SQLSTATE decides.
            StaleStatement: its prepared statement was lost inside a transaction.
            DataError: a value that Python cannot hold; the statement did run.
            ConnectionLost, RemoteProtocolError: the connection is over.
        """
        return querying.query(self, sql, parameters)

    def recall_reading(self, request: Request) -> None:
        """Let `_check_reading` know under what a decoder was made that was at hand already."""
        statement = request.statement
        if self._read_under is None and statement is not None and statement.columns is not None:
            styled = any(column.type_oid in STYLED for column in statement.columns)
            self._read_under = statement.under if styled else statement.under[:1]

    def batch(self) -> Batch:
        """Return a batch that begins a transaction, if one is due, and closes what was evicted."""
        batch = Batch()
        self.statements.close_evicted(batch)
        if not self.autocommit and self.session.transaction_status == "I":
            begun = Answer()
            batch.parse(begun, b"", self.begin).bind(begun).execute(begun)
        return batch

    def script(self, sql: str) -> Dialogue[list[Result]]:
        """Run any number of statements by the simple protocol; return their results.

        Outside a transaction they form one, unless the text has its own BEGIN or COMMIT.

        Raises:
            As `query`; the error of the first statement that fails.
        """
        session = self.session
        text = session.text(sql, "the query")
        session.may_say(ord("Q"))
        yield from self.begin_if_due()
        data = dialogues.simple_query(session, text, self.decoder_for)
        yield from self.finish(data)
        answers = self.taken()
        self.statements.heard(answers)
        return [result_of(answer, answers) for answer in answers]

    def begin_if_due(self) -> Dialogue[None]:
        """Begin the transaction that the next simple query is to be in. Raises: as `query`."""
        if not self.autocommit and self.session.transaction_status == "I":
            yield from self.command(self.begin.decode())

    def command(self, sql: str) -> Dialogue[None]:
        """Run one command by the simple protocol, for its effect.

        Raises:
            As `query`.
        """
        session = self.session
        data = dialogues.simple_query(session, session.text(sql, "the command"), self.decoder_for)
        yield from self.finish(data)
        answers = self.taken()
        self.statements.heard(answers)
        for answer in answers:
            result_of(answer, answers)

    def commit(self) -> Dialogue[None]:
        """Commit the transaction, if one is open.

        Raises:
            DatabaseError: the server's error. OperationalError: the transaction had failed
                before and was rolled back instead. ProgrammingError: it is a block's.
        """
        return transacting.commit(self)

    def rollback(self) -> Dialogue[None]:
        """Roll the transaction back, if one is open. A lost connection has rolled it back.

        Raises:
            DatabaseError: the server's error.
        """
        return transacting.rollback(self)

    def finish(self, data: bytes, heard: bytes = b"") -> Dialogue[None]:
        """Send data, and read until all is answered; `heard`: what has come of it already."""
        self._read_under = None
        if heard:
            yield from dialogues.hear(self.session, heard, self.deliver)
        yield from dialogues.until_idle(self.session, self.deliver, data=data)

    def taken(self) -> list[Answer]:
        """Take the answers out; refuse those that were read under other settings than told."""
        answers = list(self.session.answers)
        self.session.answers.clear()
        self._check_reading()
        return answers

    # -- time and the end -------------------------------------------------------------------

    def cancellation(self) -> Dialogue[None]:
        """Ask the server to cancel what the session does, as a dialogue for another channel.

        Raises:
            InterfaceError: the server gave no key. OperationalError: it could not be delivered.
        """
        connected, session = self.connected, self.session
        mode = getattr(connected.tls, "sslmode", None)
        return cancel(
            connected.address,
            session.pid,
            session.key,
            tls=connected.tls,
            direct=bool(getattr(connected.tls, "direct", False)),
            plain_allowed=mode in ("allow", "prefer"),
        )

    def recover(self, *, cancelling: bool = True, unsent: bool = False) -> Dialogue[bool]:
        """Bring the session back into step after a conversation was left early, or close it.

        Never raises; returns whether it is in step. See `recovery.recover`.
        """
        return recovery.recover(self, cancelling=cancelling, unsent=unsent)

    def abandon(self) -> Dialogue[None]:
        """Close the channel without a word: nobody knows what the server waits for."""
        self.holder = None
        if not self.session.closed:
            self.session.end()
        yield Close()

    def close(self) -> Dialogue[None]:
        """End the session: Terminate, if the server listens, and close. Never raises."""
        session = self.session
        if session.idle:
            session.end()
            try:
                yield Deliver(dialogues.terminate(), limit=Limit(1.0))
            except (OSError, LimitExpired):
                pass  # a word of politeness; the close says the same
        yield from self.abandon()

    def look(self) -> Dialogue[None]:
        """Take what has come unasked: notices, notifications, the end of the connection.

        Raises:
            ConnectionLost, RemoteProtocolError: the connection is over.
        """
        if self.session.closed:
            raise self.session.gone()
        # A FATAL error may stand before the end itself.
        while (yield from dialogues.peek(self.session, self.deliver)):
            pass
        self.deliver()
        if self.session.dying:
            raise self.session.lost()

    def next_notification(self, limit: Limit) -> Dialogue[Notification | None]:
        """Return the next notification that no handler took; None when the time is over.

        Raises:
            ConnectionLost, RemoteProtocolError: the connection is over.
        """
        if not self.notifications:
            yield from self.look()
        while not self.notifications:
            if not (yield from self.wait(limit)):
                return None
        return self.notifications.popleft()

    def wait(self, limit: Limit | None = None) -> Dialogue[bool]:
        """Wait until something comes unasked; return False if nothing came in time.

        Raises:
            ConnectionLost, RemoteProtocolError: the connection is over.
        """
        if self.session.closed:
            raise self.session.gone()
        if not self.session.idle:
            raise LocalProtocolError("another command is already in progress")
        try:
            yield from dialogues.read(self.session, self.deliver, limit=limit)
        except LimitExpired as expired:
            if expired.limit is not limit:
                raise
            return False
        return True
