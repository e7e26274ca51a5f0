"""Reading dblink's results, one of them whole or all of them in pieces.

Floor 4, pure. A `Reading` keeps what a function with rows would return: `stream` takes the pieces
of dblink's own results, checked against the declared columns as they come; `one` and `last` take a
result that is whole. `Rows` is what a face hands out: small results are read to their end at once
and leave the link free; a big one streams, in bounded memory.

Source: contrib/dblink/dblink.c (materializeQueryResult, storeQueryResult, storeRow; for whole
results materializeResult).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Iterable, Iterator, List, Tuple
from weakref import ref

from ..errors import DatabaseError, Diagnostics, InterfaceError
from ..values.input import input_function
from ..values.rows import text_row_decoder
from ..wire import dialogues
from ..wire.wants import Call, Dialogue
from . import columns as declaration
from . import rules
from .commands import LOST, Failure, lost, several, spelled

if TYPE_CHECKING:
    from ..wire.backend import Column as RemoteColumn
    from ..wire.session import Answer, RowDecoder, Session
    from ..wire.wants import Limit
    from .columns import Column
    from .ledger import Slot
    from .links import Links
    from .opening import Link

Converter = Callable[[List[Tuple[Any, ...]]], Iterable[Tuple[Any, ...]]]

__all__ = ["Reading", "Rows"]

#: A result with no more rows than this is read to its end before it is handed out.
AT_ONCE = 2048
#: interval and its array: months are no error here, whatever the connection's policy says
_INTERVALS = (1186, 1187)


class Reading:
    """How far the answers to one text have been read.

    Args:
        slot: of the link. name: for messages; None: unnamed.
        action: of the CONTEXT line. declared: the columns the caller declared, or None.
        sql: the text, for the LINE of its errors. fail: raise remote errors, or tell them.

    Attributes:
        rows: decoded and not handed out. names: of the columns.
        finished: nothing more will come.
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
        self.finished = False
        self.temporary = False
        self.command_refused: DatabaseError | None = None
        # What went wrong: on our side (that ends it at once), or there (the last one counts).
        self._refused: DatabaseError | None = None
        self._failure: Failure | None = None
        self._tag: str | None = None
        self._begun: Answer | None = None
        self._convert: Converter | None = None
        # The texts of columns whose types are the local database's: it has yet to see them.
        self.unchecked: list[tuple[int, list[str | None]]] = []
        self.unchecked += [(at, []) for at, column in enumerate(declared or ()) if column.local]

    # -- in pieces: dblink --------------------------------------------------------------------

    def start(self) -> Dialogue[None]:
        """Send the text and take what comes first; runs on the link, as all that follows."""
        session = self.slot.link.talk.session
        data = dialogues.simple_query(session, session.text(self.sql, "the query"), self._decoder)
        self.slot.sent(pending=True)
        yield from self.stream(data)

    def ask(self, limit: Limit | None) -> Dialogue[None]:
        """Send the text and don't wait; `poll` takes what comes of it."""
        session = self.slot.link.talk.session
        data = dialogues.simple_query(session, session.text(self.sql, "the query"), self._decoder)
        self.slot.sent(pending=True)
        try:
            yield from dialogues.send(data, limit, session=session)
        except (OSError, *LOST):
            pass  # the result will tell that the link is gone

    def poll(self) -> Dialogue[None]:
        """Take what has come, without waiting for more."""
        talk = self.slot.link.talk
        session = talk.session
        try:
            yield from dialogues.peek(session, talk.deliver)
            while session.dying:
                # its last words: the end follows
                yield from dialogues.read(session, talk.deliver)
            while session.answers and self._take(session.answers[0]):
                pass
            yield from self._copied_or_ended()
        except LOST as error:
            self._lost(session, error)

    def stream(self, data: bytes = b"") -> Dialogue[None]:
        """Take what comes next, in what one read brings."""
        talk = self.slot.link.talk
        session = talk.session
        try:
            answer = yield from dialogues.until_rows(session, talk.deliver, data=data)
            while answer is not None and self._take(answer):
                # What has come already; the next read is the next call's.
                answer = session.answers[0] if session.answers else None
            yield from self._copied_or_ended()
        except LOST as error:
            self._lost(session, error)

    def _copied_or_ended(self) -> Dialogue[None]:
        session = self.slot.link.talk.session
        if session.answers and session.answers[0].formats is not None:
            yield from self._copy()
        elif session.idle and not session.answers:
            self._ended()

    def _take(self, answer: Answer) -> bool:
        """Take the rows out of an answer, and the answer itself when it is whole."""
        if answer.formats is not None:
            return False
        arrived, answer.rows = answer.rows, []
        # A result begins with its first row, or its end: one that fails before leaves the rows of
        # the one before in place.
        if arrived and answer is not self._begun:
            self._begin(answer)
        if arrived and self._convert is not None:
            self._read(arrived)
        if not answer.complete:
            return False
        self.slot.link.talk.session.answers.popleft()
        if answer.error is not None:
            self._failed(answer)
        elif answer.value_error is not None:
            self.refuse(answer.value_error)
        elif answer.outcome == "empty":
            self._failure = Failure(None, self.slot.error_text)
        elif answer.columns is None:
            self._tag = answer.command_tag or ""
        elif answer is not self._begun:
            self._begin(answer)
        return True

    def _begin(self, answer: Answer, *, whole: bool = False) -> None:
        """A result with rows begins: what an earlier one gave is dropped."""
        assert answer.columns is not None
        self._begun, self.rows, self._tag, self._convert = answer, [], None, None
        mismatch = declaration.check_rows(self.declared, len(answer.columns))
        if mismatch is not None:
            self.refuse(mismatch)
        elif self._refused is None:
            direct = not whole and self._as_sent(answer.columns)
            self._convert = list if direct else self._converter(answer.columns)
        if self.declared is None:
            self.names = tuple(column.name for column in answer.columns)

    def _decoder(self, columns: tuple[RemoteColumn, ...]) -> RowDecoder:
        """Values of the declared types need no input function: the server has had its own."""
        if self._as_sent(columns):
            return self.slot.link.talk.decoder_for(columns)
        return text_row_decoder(columns)

    def _as_sent(self, columns: tuple[RemoteColumn, ...]) -> bool:
        if any(column.type_oid in _INTERVALS for column in columns):
            return False
        return self.declared is None or (
            len(self.declared) == len(columns)
            and all(
                not mine.local
                and mine.oid == theirs.type_oid
                and mine.typmod in (-1, theirs.type_modifier)
                for mine, theirs in zip(self.declared, columns)
            )
        )

    def _converter(self, columns: tuple[RemoteColumn, ...]) -> Converter:
        """Return what converts rows of text."""
        talk = self.slot.link.talk
        styles = talk.styles()
        if self.declared is not None:
            return _converter([input_function(c.oid, c.typmod, styles) for c in self.declared])
        return _converter(
            [
                input_function(c.type_oid, -1, styles)
                if c.type_oid in _INTERVALS
                else talk.registry.text_decoder(c.type_oid, styles)
                for c in columns
            ]
        )

    def _read(self, arrived: list[tuple[Any, ...]]) -> None:
        assert self._convert is not None
        for column, texts in self.unchecked:
            texts.extend(row[column] for row in arrived)
        try:
            self.rows.extend(self._convert(arrived))
        except DatabaseError as error:
            # A value that the declared type refuses: the rest is read and dropped.
            self.refuse(error)

    def refuse(self, error: DatabaseError) -> None:
        """End it with an error of our own: what is left is read and dropped."""
        self._refused = self._refused or error
        self._convert = None
        self.rows.clear()

    def _failed(self, answer: Answer) -> None:
        assert answer.error is not None
        text = spelled(answer.error, self.sql)
        if self.slot.heard is not answer:
            self.slot.failed(text)
        self._failure = Failure(answer.error.diagnostics or Diagnostics({}), text)

    def _copy(self) -> Dialogue[None]:
        # COPY: upstream spins for ever here. Told once, and the link is free again.
        talk = self.slot.link.talk
        self._failure = Failure(None, "")
        yield from dialogues.until_idle(talk.session, talk.deliver)
        talk.session.answers.clear()
        self._ended()

    def _lost(self, session: Session, error: Exception) -> None:
        session.answers.clear()
        self._failure = Failure(None, lost(self.slot, error))
        self._ended()

    def _ended(self) -> None:
        self.finished = True
        self.slot.drained()
        if self._failure is None and self._tag is not None and self._refused is None:
            self._command(self._tag)

    # -- whole results: dblink_get_result, dblink_fetch ---------------------------------------

    def one(self) -> Dialogue[None]:
        """Take the next result, all of it; none when all are taken."""
        talk = self.slot.link.talk
        session = talk.session
        try:
            answer = yield from dialogues.until_answer(session, talk.deliver)
            if answer is None:
                self._ended()
            elif answer.formats is not None:
                yield from self._copy()
            else:
                self._whole(answer)
        except LOST as error:
            self._lost(session, error)
        self.finished = True

    def last(self) -> Dialogue[None]:
        """Send the text; its last result counts, and the others are not looked at."""
        talk = self.slot.link.talk
        session = talk.session
        text = session.text(self.sql, "the query")
        data = dialogues.simple_query(session, text, text_row_decoder)
        self.slot.sent()
        self.finished = True
        try:
            yield from dialogues.until_idle(session, talk.deliver, data=data)
        except LOST as error:
            self._lost(session, error)
            return
        answers = list(session.answers)
        session.answers.clear()
        if any(answer.formats is not None for answer in answers):
            self._failure = Failure(None, "")
        else:
            self._whole(answers[-1])

    def _whole(self, answer: Answer) -> None:
        # Unlike in pieces, the server's error comes before anything that we find in the rows.
        if answer.error is not None:
            self._failed(answer)
        elif answer.outcome == "empty":
            self._failure = Failure(None, self.slot.error_text)
        elif answer.columns is None:
            self._command(answer.command_tag or "")
        elif answer.value_error is not None:
            self.refuse(answer.value_error)
        else:
            self._begin(answer, whole=True)
            if self._convert is not None:
                self._read(answer.rows)

    def _command(self, tag: str) -> None:
        """A command's tag is the result: one row of one text column."""
        refused = self.command_refused or declaration.check_status(self.declared)
        if refused is not None:
            self.refuse(refused)
            return
        self.rows = [(tag,)]
        if self.declared is None:
            self.names = ("status",)

    # -- the end --------------------------------------------------------------------------------

    def outcome(self) -> DatabaseError | Diagnostics | None:
        """Return, once, the error that is to be raised or the notice that is to be told."""
        refused, failure = self._refused, self._failure
        self._refused = self._failure = None
        if refused is not None or failure is None:
            return refused
        tell = rules.relay if self.fail else rules.soften
        return tell(failure.remote, self.action, self.name, error_message=failure.text)


def _converter(each: list[Callable[[str], Any]]) -> Converter:
    def convert(rows: list[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
        for row in rows:
            yield tuple([None if v is None else read(v) for read, v in zip(each, row)])

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

    def hold(self) -> None:
        """Have the link to itself until it is read to its end, closed, or nobody's any more."""
        self.reading.slot.reading = ref(self)

    def fill(self, *, everything: bool = False) -> Dialogue[None]:
        """Read until the result is whole, or is big enough to be streamed.

        Args:
            everything: to the end, whatever its size.

        Raises:
            DatabaseError: what dblink raises.
        """
        reading = self.reading
        # Only the last of several results counts, and which is the last is known at the end.
        everything = everything or several(reading.sql)
        yield from self._check_types()
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

    def _check_types(self) -> Dialogue[None]:
        one, opening = self.reading, self._links.opening
        refused = yield from opening.checked(one.declared or (), one.unchecked)
        if refused is not None:
            one.refuse(refused)

    def _step(self) -> Dialogue[None]:
        reading = self.reading
        slot = reading.slot
        if slot.reading is None or slot.reading() is not self:
            raise InterfaceError("this result was closed before it was read to its end")
        try:
            yield Call(slot.link.run, reading.stream())
        except BaseException:
            reading.finished = True
            yield from self._links.left(slot, temporary=reading.temporary)
            raise
        yield from self._check_types()

    def _finish(self) -> Dialogue[None]:
        reading = self.reading
        if reading.temporary:
            reading.temporary = False
            yield Call(reading.slot.link.close)
        outcome = reading.outcome()
        if isinstance(outcome, Diagnostics):
            self._links.tell(outcome)
        elif outcome is not None:
            reading.rows = []
            raise outcome

    def close(self) -> Dialogue[None]:
        """Give up what was not read: cancel it, drain, and leave the link in step."""
        reading = self.reading
        if reading.finished:
            return
        reading.finished = True
        reading.rows = []
        yield from self._links.left(reading.slot, temporary=reading.temporary)
