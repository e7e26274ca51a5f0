"""The conversations of a dblink session: every `dblink_*` function, told once for both faces.

Floor 4, pure. `Links` keeps the ledger of one session and speaks through connections that a face
opens for it: opening, running and closing one are `Call` wants, so the same generators serve
the blocking and the asyncio face. Rules, texts and bookkeeping are `rules`, `refusals` and
`ledger`; here stands the order of things.

Source: contrib/dblink/dblink.c of PostgreSQL 18; deviations on purpose in docs/differences.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable

from ..errors import Error, server_error
from ..values.rows import text_row_decoder
from ..wire import dialogues
from ..wire.session import Answer
from ..wire.wants import Call, Dialogue
from . import refusals, rules
from .commands import LOST, Done, Failure, lost, run_to_end, spelled
from .ledger import Ledger, Slot, clip
from .reading import Reading, Rows

if TYPE_CHECKING:
    from ..errors import Diagnostics
    from .columns import Column, Columns
    from .local import Role
    from .opening import Link, Opening

__all__ = ["Links"]


class Links:
    """One dblink session.

    Args:
        opening: how a link is opened, and as whom.
        version: whose texts: 15 to 18, or None (18, the password refusals in 15's words).
        tell: takes each local notice (a softened error, a clipped name).
        channel: gives what `wants.Watch` takes for a link.

    Attributes:
        current: the text that the call under way sends, for dblink_current_query.
    """

    def __init__(
        self,
        opening: Opening,
        *,
        version: int | None,
        tell: Callable[[Diagnostics], None],
        channel: Callable[[Link], Any] = lambda link: link,
    ) -> None:
        self.opening = opening
        self.channel = channel
        self.version = version
        self.tell = tell
        self.current: str | None = None
        self.ledger: Ledger[Link] = Ledger()

    # -- connecting (section 4 and 5) ---------------------------------------------------------

    def connect(self, name: str | None, text: str) -> Dialogue[str]:
        """dblink_connect: return "OK".

        Raises: 42704, 42501 (foreign server), 2F003 (password), 42710 (duplicate), 08001.
        """
        return (yield from self._connected(name, text, (yield from self.opening.role())))

    def connect_u(self, name: str | None, text: str) -> Dialogue[str]:
        """dblink_connect_u: as its owner, who is a superuser; EXECUTE is granted by overload.

        Raises: 42501 without the grant, then as `connect`.
        """
        overload = "dblink_connect_u(text)" if name is None else "dblink_connect_u(text,text)"
        role = yield from self.opening.role()
        owner = yield from self.opening.lookups.connect_u(overload, role)
        return (yield from self._connected(name, text, owner))

    def _connected(self, name: str | None, text: str, role: Role) -> Dialogue[str]:
        conninfo, inline = yield from self.opening.conninfo(text, role)
        self.opening.check_before(conninfo, role)
        if name is not None:
            _, notice = clip(name)
            if notice is not None:
                self.tell(notice)
            self.ledger.check_free(name)
        link = yield from self.opening.opened(conninfo, role, inline=inline)
        try:
            replaced = self.ledger.fill(name, link)
        except BaseException:
            yield Call(link.close)
            raise
        if replaced is not None:
            yield Call(replaced.close)
        return "OK"

    def disconnect(self, name: str | None) -> Dialogue[str]:
        """dblink_disconnect: return "OK", whatever state the link was in. Raises: 08003."""
        link = self.ledger.remove(name)
        yield Call(link.close)
        return "OK"

    def close(self) -> Dialogue[None]:
        """End the session: close every link."""
        for link in self.ledger.drain():
            yield Call(link.close)

    # -- dblink, dblink_exec (section 7) ------------------------------------------------------

    def _resolved(self, text: str | None) -> Dialogue[tuple[Slot[Link], str | None, bool]]:
        """Return the slot to use, its name for messages, and whether it is a temporary one."""
        if text is None:
            return (yield from self.found(None)), None, False
        if self.ledger.peek(text) is not None:
            return (yield from self.found(text)), text, False
        role = yield from self.opening.role()
        conninfo, inline = yield from self.opening.conninfo(text, role)
        self.opening.check_before(conninfo, role)
        link = yield from self.opening.opened(conninfo, role, inline=inline)
        return Slot(None, link), None, True

    def query(self, where: str | None, sql: str, fail: bool, wanted: Columns) -> Dialogue[Rows]:
        """dblink: run `sql` and return its rows, the first of them read.

        Raises: as the checks of section 7; remote errors with dblink's CONTEXT.
        """
        declared = yield from self.opening.declared(wanted)
        self.current = sql
        try:
            return (yield from self._queried(where, sql, declared, fail=fail))
        finally:
            self.current = None

    def _queried(
        self, where: str | None, sql: str, declared: tuple[Column, ...] | None, *, fail: bool
    ) -> Dialogue[Rows]:
        slot, name, temporary = yield from self._resolved(where)
        reading = Reading(slot, name, rules.EXECUTING_QUERY, declared, sql, fail=fail)
        reading.temporary = temporary
        rows = Rows(reading, self)
        yield from self._free(slot)
        rows.hold()
        try:
            yield Call(slot.link.run, reading.start())
        except BaseException:
            yield from self.left(slot, temporary=temporary)
            raise
        yield from rows.fill()
        return rows

    def _free(self, slot: Slot[Link]) -> Dialogue[None]:
        """Refuse a busy or dead link as PQsendQuery does: XX000, whatever `fail` says."""
        session = slot.link.talk.session
        why = slot.refusal(not session.closed)
        if why is None:
            return
        # What upstream does with results that nobody collected.
        if session.closed:
            session.answers.clear()
            slot.drained()
        elif slot.reading is None:
            try:
                yield Call(slot.link.run, self._drain(slot))
            except BaseException:
                yield from self.left(slot)
                raise
        raise refusals.send_failed(why)

    def left(self, slot: Slot[Link], *, temporary: bool = False) -> Dialogue[None]:
        """Bring a link back that was left in the middle of a text: it is free then, or closed."""
        if temporary:
            yield Call(slot.link.close)
        else:
            # Through the link's own door: a callback of what runs on it is refused there.
            yield Call(slot.link.run, self._recovered(slot))

    def _recovered(self, slot: Slot[Link]) -> Dialogue[None]:
        session = slot.link.talk.session
        if not (session.idle or session.closed):
            yield from slot.link.talk.recover()
        session.answers.clear()
        slot.drained()

    def found(self, name: str | None) -> Dialogue[Slot[Link]]:
        """Return a link's slot; rows on it that nobody holds any more are given up."""
        slot = self.ledger.find(name)
        if slot.reading is not None and slot.reading() is None:
            yield from self.left(slot)
        return slot

    def _drain(self, slot: Slot[Link]) -> Dialogue[None]:
        talk = slot.link.talk
        session = talk.session
        try:
            while True:
                answer = yield from dialogues.until_rows(session, talk.deliver)
                if answer is None or answer.formats is not None:
                    break
                answer.rows = []
                if answer.complete:
                    session.answers.popleft()
                    self._hear(slot, answer)
            yield from dialogues.until_idle(session, talk.deliver)
        except LOST as error:
            lost(slot, error)
        session.answers.clear()
        slot.drained()

    def _hear(self, slot: Slot[Link], answer: Answer) -> None:
        """Have dblink_error_message tell an answer's error, once."""
        if answer.error is not None and slot.heard is not answer:
            slot.heard = answer
            slot.failed(spelled(answer.error, slot.query))

    def execute(self, where: str | None, sql: str, fail: bool) -> Dialogue[str]:
        """dblink_exec: return the command tag, or "ERROR" under fail=False.

        Raises: 2F003 for a last statement that returns rows, after it ran; remote errors.
        """
        self.current = sql
        try:
            return (yield from self._executed(where, sql, fail))
        finally:
            self.current = None

    def _executed(self, where: str | None, sql: str, fail: bool) -> Dialogue[str]:
        slot, name, temporary = yield from self._resolved(where)
        try:
            done = yield from self._done(slot, sql)
            if done.failure is not None:
                return self._failed(done.failure, rules.EXECUTING_COMMAND, name, fail)
            if done.rows:
                raise refusals.rows_refused()
            return done.tag
        finally:
            if temporary:
                yield Call(slot.link.close)

    def _failed(self, failure: Failure, action: str, name: str | None, fail: bool) -> str:
        """Raise what dblink raises for a failure, or tell it and return "ERROR"."""
        if fail:
            raise rules.relay(failure.remote, action, name, error_message=failure.text)
        self.tell(rules.soften(failure.remote, action, name, error_message=failure.text))
        return "ERROR"

    def _done(self, slot: Slot[Link], sql: str) -> Dialogue[Done]:
        """Run a text to its end and say what its last result was. Source: libpqsrv_exec."""
        why = slot.refusal(not slot.link.talk.session.closed)
        if why is not None:
            return Done(Failure(None, why))
        done: Done = yield Call(slot.link.run, run_to_end(slot, sql))
        return done

    # -- cursors (section 8) ------------------------------------------------------------------

    def open_cursor(self, name: str | None, cursor: str, sql: str, fail: bool) -> Dialogue[str]:
        """dblink_open: "OK", or "ERROR" under fail=False. Raises: 08003, XX000, remote errors."""
        slot = yield from self.found(name)
        if slot.before_open(self._transaction_idle(slot)):
            begun = yield from self._begun(slot)
            if begun.failure is not None:
                raise refusals.begin_failed(begun.failure.text)
            slot.transaction_begun()
        slot.before_declare()
        done = yield from self._done(slot, f"DECLARE {cursor} CURSOR FOR {sql}")
        return self._commanded(done, rules.opening(cursor), name, fail)

    def _transaction_idle(self, slot: Slot[Link]) -> bool:
        session = slot.link.talk.session
        return session.idle and not slot.pending and session.transaction_status == "I"

    def _begun(self, slot: Slot[Link]) -> Dialogue[Done]:
        try:
            return (yield from self._done(slot, "BEGIN"))
        except BaseException:
            # Interrupted, yet it may have been done: the transaction is ours then.
            if slot.link.talk.session.transaction_status == "T":
                slot.transaction_begun()
            raise

    def _commanded(self, done: Done, action: str, name: str | None, fail: bool) -> str:
        """Return "OK" for a command's result; anything else is a failure."""
        if done.failure is None and not done.rows:
            return "OK"
        return self._failed(done.failure or Failure(None, ""), action, name, fail)

    def fetch(
        self, name: str | None, cursor: str, count: int, fail: bool, wanted: Columns
    ) -> Dialogue[Rows]:
        """dblink_fetch: the next rows of a cursor. Raises: 08003, 34000, remote errors."""
        declared = yield from self.opening.declared(wanted)
        slot = yield from self.found(name)
        sql = f"FETCH {count} FROM {cursor}"
        reading = Reading(slot, name, rules.fetching(cursor), declared, sql, fail=fail)
        reading.command_refused = refusals.no_such_cursor(cursor)
        rows = Rows(reading, self)
        why = slot.refusal(not slot.link.talk.session.closed)
        if why is not None:
            self._failed(Failure(None, why), reading.action, name, fail)
            reading.finished = True
            return rows
        yield Call(slot.link.run, reading.last())
        yield from rows.fill()
        return rows

    def close_cursor(self, name: str | None, cursor: str, fail: bool) -> Dialogue[str]:
        """dblink_close: "OK", or "ERROR" under fail=False. Raises: 08003, XX000, remote errors."""
        slot = yield from self.found(name)
        done = yield from self._done(slot, f"CLOSE {cursor}")
        said = self._commanded(done, rules.closing(cursor), name, fail)
        if said == "OK" and slot.after_close():
            committed = yield from self._done(slot, "COMMIT")
            if committed.failure is not None:
                raise refusals.commit_failed(committed.failure.text)
        return said

    # -- asynchronous queries (section 9) -----------------------------------------------------

    def send_query(self, name: str, sql: str) -> Dialogue[int]:
        """dblink_send_query: 1; 0 and a notice if the link is busy or dead. Raises: 08003."""
        slot = yield from self.found(name)
        why = slot.refusal(not slot.link.talk.session.closed)
        if why is not None:
            self.tell(rules.could_not_send(why))
            return 0
        try:
            yield Call(slot.link.run, self._sent(slot, sql))
        except BaseException:
            yield from self.left(slot)
            raise
        return 1

    def _sent(self, slot: Slot[Link], sql: str) -> Dialogue[None]:
        session = slot.link.talk.session
        text = session.text(sql, "the query")
        data = dialogues.simple_query(session, text, text_row_decoder)
        slot.sent(pending=True)
        slot.query = sql
        dying = session.dying
        try:
            yield from dialogues.send(data, session=session)
        except (OSError, *LOST):
            pass  # the result will tell that the link is gone
        if session.dying and not dying and session.fatal is not None:
            # libpq takes the server's last words, read after the query went out, for its answer.
            answer = Answer()
            answer.outcome, answer.complete = "error", True
            answer.error = server_error(session.fatal)
            session.answers.append(answer)

    def is_busy(self, name: str) -> Dialogue[int]:
        """dblink_is_busy: 1 if dblink_get_result would wait. Raises: 08003."""
        slot = self.ledger.find(name)
        yield from self._looked(slot)
        session = slot.link.talk.session
        if session.closed or session.idle or not slot.pending:
            return 0
        return 0 if session.answers and session.answers[0].complete else 1

    def _looked(self, slot: Slot[Link]) -> Dialogue[None]:
        """Take what has come, without waiting. Source: PQconsumeInput, PQisBusy."""
        if not slot.link.talk.session.closed:
            yield Call(slot.link.run, self._peeked(slot))

    def _peeked(self, slot: Slot[Link]) -> Dialogue[None]:
        talk = slot.link.talk
        session = talk.session
        try:
            yield from dialogues.peek(session, talk.deliver)
        except LOST as error:
            lost(slot, error)
        talk.deliver()
        # As libpq, which parses no further than the first result; with none left the link is free.
        if slot.reading is not None:
            return
        if slot.pending and session.answers:
            self._hear(slot, session.answers[0])
        elif session.idle and not session.answers:
            slot.drained()

    def get_result(self, name: str, fail: bool, wanted: Columns) -> Dialogue[Rows]:
        """dblink_get_result: the next result of what was sent; empty when all are taken.

        Raises: 08003; 42804 and conversion errors (the result is used up); remote errors.
        """
        declared = yield from self.opening.declared(wanted)
        slot = yield from self.found(name)
        reading = Reading(slot, name, rules.EXECUTING_QUERY, declared, slot.query or "", fail=fail)
        rows = Rows(reading, self)
        if slot.reading is not None:
            # Rows of dblink's that are still being read are not for here.
            busy = Failure(None, slot.refusal(connected=True) or "")
            self._failed(busy, reading.action, name, fail)
        if slot.reading is not None or not slot.pending:
            reading.finished = True
            return rows
        try:
            yield Call(slot.link.run, reading.one())
        except BaseException:
            yield from self.left(slot)
            raise
        yield from rows.fill()
        return rows

    def cancel_query(self, name: str) -> Dialogue[str]:
        """dblink_cancel_query: "OK" when delivered, else the error's text. Raises: 08003."""
        slot = self.ledger.find(name)
        if slot.link.talk.session.closed:
            if self.version in (15, 16):
                return "PQcancel() -- no cancel object supplied"
            return "connection not open"
        try:
            yield Call(slot.link.cancel)
        except Error as error:
            return str(error)
        return "OK"

    def error_message(self, name: str) -> str:
        """dblink_error_message: the link's last error text, or "OK". Raises: 08003."""
        return self.ledger.find(name).error_message()

    def get_notify(self, name: str | None) -> Dialogue[list[tuple[str, int, str]]]:
        """dblink_get_notify: (notify_name, be_pid, extra) of each notification that has come.

        Raises: 08003 for a name; without the unnamed connection it is an empty list.
        """
        slot = self.ledger.peek(None) if name is None else self.ledger.find(name)
        if slot is None:
            return []
        talk = slot.link.talk
        yield from self._looked(slot)
        taken = [(each.channel, each.pid, each.payload) for each in talk.notifications]
        talk.notifications.clear()
        return taken
