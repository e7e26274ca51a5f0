"""Reading dblink's results: one at a time, in pieces, checked against the declared columns.

Floor 4, pure. A `Reading` follows the answers to one text and keeps what dblink would return:
the rows of the last result, or its command tag as one row. `Rows` is what a face hands out: small
results are read to their end at once and leave the link free; a big one streams, in bounded
memory. Source: contrib/dblink/dblink.c (materializeQueryResult, storeQueryResult, storeRow).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable

from purelink.conversation.spelling import spell_error
from purelink.dblink import columns as declaration
from purelink.dblink import rules
from purelink.errors import (
    ConnectionLost,
    DatabaseError,
    Diagnostics,
    InterfaceError,
    RemoteProtocolError,
)
from purelink.values.input import input_function
from purelink.wire import dialogues
from purelink.wire.wants import Call, Dialogue

if TYPE_CHECKING:
    from purelink.dblink.columns import Column
    from purelink.dblink.ledger import Slot
    from purelink.dblink.links import Link, Links
    from purelink.wire.session import Answer

__all__ = ["Reading", "Rows"]

#: A result with no more rows than this is read to its end before it is handed out.
AT_ONCE = 2048


class Reading:
    """How far the answers to one text have been read.

    Args:
        slot: of the link. name: for messages; None: unnamed.
        action: of the CONTEXT line. declared: the columns the caller declared, or None.
        sql: the text, for the LINE of its errors. fail: raise remote errors, or tell them.

    Attributes:
        rows: decoded and not handed out. names: of the columns.
        status: the command tag, if the last result was a command.
        finished: nothing more will come. error: to be raised once the rows are handed out.
        single: stop after one result (dblink_get_result).
        temporary: the link is closed at the end.
        command_refused: raised where the last result is a command (dblink_fetch).
    """

    def __init__(
        self,
        slot: Slot[Link],
        name: str | None,
        action: str,
        declared: tuple[Column, ...] | None,
        sql: str,
        *,
        fail: bool,
    ) -> None:
        self.slot = slot
        self.name = name
        self.action = action
        self.declared = declared
        self.sql = sql
        self.fail = fail
        self.rows: list[tuple[Any, ...]] = []
        self.names: tuple[str, ...] = tuple(column.name for column in declared or ())
        self.status: str | None = None
        self.finished = False
        self.error: DatabaseError | None = None
        self.notice: Diagnostics | None = None
        self.single = False
        self.temporary = False
        self.command_refused: DatabaseError | None = None
        self.lost: Exception | None = None
        self._current: Answer | None = None
        self._convert: Callable[[tuple[Any, ...]], tuple[Any, ...]] | None = None

    def step(self) -> Dialogue[None]:
        """Take what comes next; runs on the link."""
        talk = self.slot.link.talk
        session = talk.session
        if self.lost is not None:
            self._failed(None, str(self.lost))
            self._ended()
            return
        try:
            answer = yield from dialogues.until_rows(session, talk.deliver)
            if answer is None:
                self._ended()
            elif answer.formats is not None:
                # COPY: upstream spins for ever here. Told once, and the link is free again.
                self._failed(None, "")
                yield from dialogues.until_idle(session, talk.deliver)
                session.answers.clear()
                self._ended()
            else:
                self._take(answer)
        except (ConnectionLost, RemoteProtocolError) as error:
            self._failed(None, str(error))
            self._ended()

    def _ended(self) -> None:
        self.finished = True
        self.slot.drained()

    def _failed(self, remote: Diagnostics | None, text: str) -> None:
        self.slot.failed(text)
        if self.error is not None or self.notice is not None:
            return
        if self.fail:
            self.error = rules.relay(remote, self.action, self.name, error_message=text)
        else:
            self.notice = rules.soften(remote, self.action, self.name, error_message=text)

    def _take(self, answer: Answer) -> None:
        """Take the rows out of an answer, and the answer itself when it is whole."""
        if answer is not self._current:
            self._current = answer
            if answer.columns is not None:
                self._begin(answer)
        arrived, answer.rows = answer.rows, []
        if arrived and self._convert is not None:
            try:
                self.rows.extend(map(self._convert, arrived))
            except DatabaseError as error:
                # A value that the declared type refuses: the rest is read and dropped.
                self.error = self.error or error
                self._convert = None
                self.rows.clear()
        if answer.complete:
            self.slot.link.talk.session.answers.popleft()
            self._complete(answer)
            if self.single:
                self.finished = True

    def _begin(self, answer: Answer) -> None:
        """A result with rows begins: what an earlier one gave is dropped."""
        assert answer.columns is not None
        self.rows, self.status = [], None
        mismatch = declaration.check_rows(self.declared, len(answer.columns))
        if mismatch is not None:
            self.error = self.error or mismatch
            self._convert = None
            return
        talk = self.slot.link.talk
        styles = talk.styles()
        if self.declared is not None:
            each = [input_function(c.oid, c.typmod, styles) for c in self.declared]
        else:
            self.names = tuple(column.name for column in answer.columns)
            each = [
                talk.registry.text_decoder(column.type_oid, styles) for column in answer.columns
            ]
        self._convert = _converter(each)

    def _complete(self, answer: Answer) -> None:
        if answer.error is not None:
            diagnostics = answer.error.diagnostics or Diagnostics({})
            self._failed(diagnostics, spell_error(diagnostics, self.sql))
        elif answer.value_error is not None:
            self.error = self.error or answer.value_error
        elif answer.outcome == "empty":
            self._failed(None, "")
        elif answer.columns is None:
            self._command(answer.command_tag or "")

    def _command(self, tag: str) -> None:
        """A command's tag is the result: one row of one text column."""
        self.rows, self.status = [(tag,)], tag
        refused = self.command_refused or declaration.check_status(self.declared)
        if refused is not None:
            self.rows = []
            self._refused = refused
            if self.single or self.command_refused is not None:
                self.error = self.error or refused
        elif self.declared is None:
            self.names = ("status",)

    _refused: DatabaseError | None = None

    def outcome(self) -> DatabaseError | None:
        """Return what is to be raised at the end, or None."""
        if self.error is not None:
            return self.error
        if self.status is not None and self._refused is not None and self.notice is None:
            return self._refused
        return None


def _converter(
    each: list[Callable[[str], Any]],
) -> Callable[[tuple[Any, ...]], tuple[Any, ...]]:
    def convert(row: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple([None if value is None else read(value) for read, value in zip(each, row)])

    return convert


class Rows:
    """A result of dblink's: its first rows, and how to get the others.

    Attributes:
        reading: how far it has been read.
        names: of the columns.
    """

    def __init__(self, reading: Reading, links: Links) -> None:
        self.reading = reading
        self._links = links
        self._at = 0

    def fill(self, *, everything: bool = False) -> Dialogue[None]:
        """Read until the result is whole, or is big enough to be streamed.

        Args:
            everything: to the end, whatever its size.

        Raises:
            DatabaseError: what dblink raises.
        """
        reading = self.reading
        # Only the last of several results counts, and which is the last is known at the end.
        everything = everything or _several(reading.sql)
        while not reading.finished and (everything or len(reading.rows) < AT_ONCE):
            yield from self._step()
        if reading.finished:
            yield from self._finish()

    def ready(self) -> tuple[Any, ...] | None:
        """Return the next row if it has been read already, else None."""
        rows = self.reading.rows
        if self._at >= len(rows):
            return None
        self._at += 1
        row: tuple[Any, ...] = rows[self._at - 1]
        return row

    def some(self, count: int) -> Dialogue[list[tuple[Any, ...]]]:
        """Return the next rows, at most `count`; an empty list when there are no more.

        Raises:
            DatabaseError: the error that ended the result.
        """
        reading = self.reading
        while self._at >= len(reading.rows) and not reading.finished:
            reading.rows, self._at = [], 0
            yield from self._step()
        rows = reading.rows[self._at : self._at + count]
        # A place in the list is kept: taking rows off its front one by one would be quadratic.
        self._at += len(rows)
        if not rows:
            yield from self._finish()
        return rows

    def rest(self) -> Dialogue[list[tuple[Any, ...]]]:
        """Return all rows that were not handed out. Raises as `some`."""
        reading = self.reading
        reading.rows, self._at = reading.rows[self._at :], 0
        yield from self.fill(everything=True)
        rows, reading.rows = reading.rows, []
        return rows

    def _step(self) -> Dialogue[None]:
        reading = self.reading
        slot = reading.slot
        if slot.reading is not reading and not reading.single:
            raise InterfaceError("this result was closed before it was read to its end")
        try:
            yield Call(slot.link.run, reading.step())
        except BaseException:
            # Interrupted: the connection was brought back into step, or closed.
            reading.finished = True
            slot.drained()
            if reading.temporary:
                yield Call(slot.link.close)
            raise

    def _finish(self) -> Dialogue[None]:
        reading = self.reading
        if reading.temporary:
            reading.temporary = False
            yield Call(reading.slot.link.close)
        if reading.notice is not None:
            notice, reading.notice = reading.notice, None
            self._links.tell(notice)
        error = reading.outcome()
        if error is not None:
            reading.error = reading._refused = None  # noqa: SLF001 - told once
            raise error

    def close(self) -> Dialogue[None]:
        """Give up what was not read: cancel it, drain, and leave the link in step."""
        reading = self.reading
        if reading.finished:
            return
        reading.finished = True
        slot = reading.slot
        slot.drained()
        reading.rows = []
        if reading.temporary:
            yield Call(slot.link.close)
        else:
            yield Call(slot.link.run, slot.link.talk.recover())


def _several(sql: str) -> bool:
    return ";" in sql.rstrip().rstrip(";")
