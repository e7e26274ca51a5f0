"""The conversations of an open connection: query, script, transactions, recovery, the end.

Floor 3, pure. A `Talk` is one connection's side of them all; a face (blocking or asyncio) runs each
through its pump, one line a method. Every generator leaves the session in step, or over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Sequence

from purelink.errors import (
    Diagnostics,
    Error,
    LocalProtocolError,
    OperationalError,
    ProgrammingError,
)
from purelink.result import Result
from purelink.values.parameters import encode_parameters
from purelink.values.rows import row_decoder
from purelink.values.styles import Styles
from purelink.values.text import Registry
from purelink.wire import dialogues, legality
from purelink.wire.cancel import cancel
from purelink.wire.dialogues import Batch
from purelink.wire.session import Answer, Notification, Session
from purelink.wire.startup import bounded
from purelink.wire.wants import Aside, Close, Deliver, Dialogue, Limit, LimitExpired

if TYPE_CHECKING:
    from purelink.conversation.connect import Connected
    from purelink.wire.backend import Column
    from purelink.wire.session import RowDecoder

__all__ = ["RECOVERY_SECONDS", "Talk"]

#: How long bringing a connection back into step may take, and how long the cancel of it.
RECOVERY_SECONDS = 5.0
CANCEL_SECONDS = 2.0


class Talk:
    """One connection's conversations.

    Args:
        connected: what `connect` reached.
        autocommit: False: a transaction begins with the first statement.

    Attributes:
        session: the wire's. connected: where it is.
        notice_handlers: called with each notice's Diagnostics; notification_handlers: with each
            Notification. A handler that raises is reported to `report`, the rest go on.
        notifications: those that no handler took, in order.
    """

    def __init__(
        self,
        connected: Connected,
        *,
        autocommit: bool = False,
        report: Callable[[str, BaseException | None], None] | None = None,
    ) -> None:
        self.connected = connected
        self.session: Session = connected.session
        self.autocommit = autocommit
        self.registry = Registry()
        self.notice_handlers: list[Callable[[Diagnostics], object]] = []
        self.notification_handlers: list[Callable[[Notification], object]] = []
        self.notifications: list[Notification] = []
        self._report = report

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
                self.notifications.append(notification)
            for listener in self.notification_handlers:
                self._guard(listener, notification)

    def _guard(self, handler: Callable[[Any], object], argument: object) -> None:
        try:
            handler(argument)
        except Exception as error:
            # The answers under way must not suffer for it; nobody else would hear of it.
            if self._report is not None:
                self._report("a notice or notification handler raised an exception", error)

    # -- decoding ---------------------------------------------------------------------------

    def decoder_for(self, columns: tuple[Column, ...]) -> RowDecoder:
        """Return the decoder of rows of these columns to Python values."""
        session = self.session
        return row_decoder(
            columns,
            encoding=session.encoding,
            errors=session.encoding_errors,
            styles=self.styles(),
            registry=self.registry,
        )

    def styles(self) -> Styles:
        """Return the session's reported output styles."""
        get = self.session.parameters.get
        return Styles(
            get("DateStyle", "ISO, MDY"), get("IntervalStyle", "postgres"), get("TimeZone", "GMT")
        )

    # -- queries ----------------------------------------------------------------------------

    def query(self, sql: str, parameters: Sequence[object] = ()) -> Dialogue[Result]:
        """Run one statement with `$1` parameters in one trip; return its result.

        Several statements in one text run by the simple protocol; the last one's result counts.

        Raises:
            InterfaceError: the text or a parameter cannot be sent; nothing was.
            DatabaseError: the server's error, of the class its SQLSTATE decides.
            DataError: a value that Python cannot hold; the statement did run.
            ConnectionLost, RemoteProtocolError: the connection is over.
        """
        if not parameters and _several(sql):
            results = yield from self.script(sql)
            return results[-1]
        session = self.session
        text = session.text(sql, "the query")
        encoded = encode_parameters(
            parameters, encoding=session.encoding, errors=session.encoding_errors
        )
        batch, answer = Batch(), Answer()
        if not self.autocommit and session.transaction_status == "I":
            begun = Answer()
            batch.parse(begun, b"", b"BEGIN").bind(begun).execute(begun)
        batch.parse(answer, b"", text, tuple(oid for oid, _, _ in encoded))
        batch.bind(
            answer,
            b"",
            tuple(form for _, form, _ in encoded),
            tuple(value for _, _, value in encoded),
        )
        batch.describe_portal(answer).execute(answer).sync()
        data = dialogues.ask(session, batch, self.decoder_for)
        yield from self._finish(data)
        answers = self._taken()
        return _result(answers[-1], answers)

    def script(self, sql: str) -> Dialogue[list[Result]]:
        """Run any number of statements by the simple protocol; return their results.

        Outside a transaction they form one, unless the text has its own BEGIN or COMMIT.

        Raises:
            As `query`; the error of the first statement that fails.
        """
        session = self.session
        text = session.text(sql, "the query")
        session.may_say(ord("Q"))
        if not self.autocommit and session.transaction_status == "I":
            yield from self.command("BEGIN")
        data = dialogues.simple_query(session, text, self.decoder_for)
        yield from self._finish(data)
        answers = self._taken()
        return [_result(answer, answers) for answer in answers]

    def command(self, sql: str) -> Dialogue[None]:
        """Run one command by the simple protocol, for its effect.

        Raises:
            As `query`.
        """
        session = self.session
        data = dialogues.simple_query(session, session.text(sql, "the command"), self.decoder_for)
        yield from self._finish(data)
        answers = self._taken()
        for answer in answers:
            _result(answer, answers)

    def commit(self) -> Dialogue[None]:
        """Commit the transaction, if one is open.

        Raises:
            DatabaseError: the server's error. OperationalError: the transaction had failed
                before and was rolled back instead.
        """
        status = self.session.transaction_status
        if self.session.closed:
            raise self.session.gone()
        if status == "I":
            return
        yield from self.command("COMMIT")
        if status == "E":
            raise OperationalError(
                "the transaction had failed before, so COMMIT rolled it back", sqlstate="25P02"
            )

    def rollback(self) -> Dialogue[None]:
        """Roll the transaction back, if one is open. A lost connection has rolled it back.

        Raises:
            DatabaseError: the server's error.
        """
        if self.session.closed:
            raise self.session.gone()
        if self.session.transaction_status != "I":
            yield from self.command("ROLLBACK")

    def _finish(self, data: bytes) -> Dialogue[None]:
        yield from dialogues.until_idle(self.session, self.deliver, data=data)

    def _taken(self) -> list[Answer]:
        answers = list(self.session.answers)
        self.session.answers.clear()
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

    def recover(self, *, cancelling: bool = True) -> Dialogue[bool]:
        """Bring the session back into step after a conversation was left early.

        Cancels what runs, drains what was asked, within `RECOVERY_SECONDS`; a connection that
        cannot be brought back is closed, as is one whose cancel request may still be on its way
        (it would hit the next statement). Never raises; returns whether it is in step.
        """
        session = self.session
        if not session.closed:
            try:
                yield from bounded(self._resume(cancelling), Limit(RECOVERY_SECONDS))
            except (Error, OSError, LimitExpired):
                pass  # not to be brought back: closed below
        session.answers.clear()
        session.copied.clear()
        if session.idle:
            return True
        yield from self.abandon()
        return False

    def _resume(self, cancelling: bool) -> Dialogue[None]:
        session = self.session
        if session.unsettled:
            # Left before it was said: there is nothing to be answered.
            session.withdraw()
        if session.idle:
            return
        if session.state not in (legality.COPY_IN, legality.COPY_BOTH) and cancelling:
            try:
                yield Aside(self.cancellation(), limit=Limit(CANCEL_SECONDS))
            except (Error, OSError):
                pass  # not delivered: what runs may end by itself within the time left
        while not session.idle:
            yield from dialogues.until_idle(session, self.deliver)

    def abandon(self) -> Dialogue[None]:
        """Close the channel without a word: nobody knows what the server waits for."""
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
        yield from dialogues.peek(self.session, self.deliver)
        self.deliver()

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


def _several(sql: str) -> bool:
    """Tell whether a text may hold several statements.

    A semicolon inside a literal misleads it, harmlessly: the simple protocol runs one
    statement just as well.
    """
    stripped = sql.rstrip()
    return ";" in stripped.rstrip(";").rstrip() if stripped.endswith(";") else ";" in stripped


def _result(answer: Answer, answers: list[Answer]) -> Result:
    """Return an answer as a result, or raise the first error among its neighbours."""
    for each in answers:
        if each.formats is not None:
            raise ProgrammingError("COPY FROM STDIN and COPY TO STDOUT cannot be run as a query")
        if each.error is not None:
            raise each.error
    for each in answers:
        if each.value_error is not None:
            raise each.value_error
    return Result(answer.rows, answer.columns, answer.command_tag)


