"""Rows as a stream: a portal that is executed some rows at a time, in bounded memory.

Floor 3, pure. The statement is told once; each fetch takes the next `chunk` rows, and asks for
those after them before it hands its own out, so that the server works meanwhile. What is held is
two chunks at most. Leaving early closes the portal: nothing is cancelled, so a transaction goes on.
Each Execute is followed by a Sync, which every pooler understands; a portal survives that in a
transaction alone, so where none is open the stream has one of its own, committed at its end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Sequence

from ..errors import InterfaceError
from ..values.parameters import encode_parameters
from ..wire import dialogues
from ..wire.dialogues import Batch
from ..wire.session import Answer
from ..wire.wants import Exchange
from .outcomes import first_error
from .sources import CHUNK

if TYPE_CHECKING:
    from ..wire.backend import Column
    from ..wire.wants import Dialogue
    from .talk import Talk

__all__ = ["CHUNK", "Streaming"]

#: The protocol counts them in 31 bits.
CHUNK_AT_MOST = 0x7FFFFFFF


class Streaming:
    """One statement whose rows are fetched as they are needed.

    Args:
        chunk: rows taken at a time, at least 1; at most two chunks are in memory.

    Attributes:
        columns: of its rows; None before it began, and where it returns none.
        command_tag: of its last Execute, once it has ended; its count is of the last rows only.

    Raises:
        InterfaceError: `chunk` is no such number.
    """

    refusal = "a stream is open on this connection: read it to its end, or close it first"

    def __init__(
        self, talk: Talk, sql: str, parameters: Sequence[object] = (), chunk: int = CHUNK
    ) -> None:
        if not isinstance(chunk, int) or not 1 <= chunk <= CHUNK_AT_MOST:
            raise InterfaceError(f"a stream's chunk must be 1 to {CHUNK_AT_MOST} rows")
        self._talk = talk
        self._sql = sql
        self._parameters = parameters
        self._chunk = chunk
        self._begun = False
        #: what the next rows are awaited by; None: nothing is on its way
        self._ahead: Answer | None = None
        #: its transaction is its own
        self._alone = False
        self.columns: tuple[Column, ...] | None = None
        self.command_tag: str | None = None

    @property
    def open(self) -> bool:
        """It has begun and not ended: the connection is its own."""
        return self._talk.holder is self

    def begin(self) -> Dialogue[None]:
        """Send the statement and wait for its first rows; the second time nothing happens.

        Raises:
            As `Talk.query`.
        """
        if self._begun:
            return
        talk, session = self._talk, self._talk.session
        self._begun = True
        text = session.text(self._sql, "the query")
        encoded = encode_parameters(
            self._parameters,
            encoding=session.encoding,
            errors=session.encoding_errors,
            own=talk.registry.writers,
        )
        batch, answer = talk.batch(), Answer()
        self._alone = talk.autocommit and session.transaction_status == "I"
        if self._alone:
            begun = Answer()
            batch.parse(begun, b"", b"BEGIN").bind(begun).execute(begun)
            talk.undoing = True
        batch.parse(answer, b"", text, tuple([oid for oid, _, _ in encoded]))
        batch.bind(
            answer,
            b"",
            tuple([form for _, form, _ in encoded]),
            tuple([value for _, _, value in encoded]),
            talk.statements.formats_of(self._sql),
        )
        batch.describe_portal(answer).execute(answer, limit=self._chunk).sync()
        data = dialogues.ask(session, batch, talk.decoder_for)
        talk.holder = self
        self._ahead = answer
        yield from self._await(answer, data)
        self.columns = answer.columns
        talk.statements.note(self._sql, answer.columns)

    def fetch(self) -> Dialogue[list[tuple[Any, ...]]]:
        """Return the next rows, at most `chunk`; an empty list at the end.

        Raises:
            As `Talk.query`, whenever the server says so; the connection is in step then.
            InterfaceError: it was left in the middle of a fetch, or closed.
        """
        yield from self.begin()
        if not self.open:
            if self.command_tag is None:
                raise InterfaceError("this stream is over: it was closed before its end")
            return []
        answer = self._ahead
        assert answer is not None
        yield from self._await(answer)
        rows = answer.rows
        if answer.suspended:
            yield from self._ask_for_more(answer)
        else:
            self.command_tag = answer.command_tag or ""
            yield from self._end()
        return rows

    def _ask_for_more(self, before: Answer) -> Dialogue[None]:
        session = self._talk.session
        after = self._ahead = Answer(before.columns, before.decoder)
        batch = Batch().execute(after, limit=self._chunk).sync()
        data = dialogues.ask(session, batch, self._talk.decoder_for)
        if session.unsettled:
            yield from dialogues.settle(session)
        try:
            # Nothing is waited for, not even for others' turn: it is a few bytes, and rows are due.
            heard = yield Exchange(data, at_once=True)
        except (OSError, MemoryError) as error:
            raise dialogues.failure(session, error) from error
        if heard is not None:
            yield from dialogues.hear(session, heard, self._talk.deliver)

    def _await(self, answer: Answer, data: bytes = b"") -> Dialogue[None]:
        """Read until the answer is whole; if it is an error, end the stream and raise it."""
        talk, session = self._talk, self._talk.session
        if data:
            yield from dialogues.read(session, talk.deliver, data=data)
        while not answer.complete and answer.formats is None:
            if session.closed:
                raise session.gone()
            yield from dialogues.read(session, talk.deliver)
        error = first_error(session.answers)
        if error is not None:
            yield from self._end()
            raise error
        session.answers.clear()

    def _end(self) -> Dialogue[None]:
        """Close the portal where it may still be open, end a transaction of our own; be in step."""
        talk, session = self._talk, self._talk.session
        ahead, self._ahead = self._ahead, None
        yield from dialogues.until_idle(session, talk.deliver)
        # Behind the last row there may still be an error: of the commit, of a deferred check.
        late = first_error(session.answers) if ahead is None or not ahead.suspended else None
        session.answers.clear()
        batch = Batch()
        if ahead is not None and ahead.suspended:
            batch.close(None, b"P", b"")
        if self._alone and session.transaction_status != "I":
            ended = Answer()
            batch.parse(ended, b"", b"COMMIT").bind(ended).execute(ended)
        if batch.pieces:
            data = dialogues.ask(session, batch.sync(), talk.decoder_for)
            yield from dialogues.until_idle(session, talk.deliver, data=data)
            late = late or first_error(session.answers)
            session.answers.clear()
        talk.undoing, talk.holder = False, None
        if late is not None:
            raise late

    def close(self) -> Dialogue[None]:
        """Leave it: rows on their way are dropped, the connection is in step afterwards.

        Raises:
            DatabaseError: the rows that were asked for ahead failed, or the stream's own
                transaction could not be committed. ConnectionLost, RemoteProtocolError: the
                connection is over.
        """
        self._begun = True
        if self.open:
            yield from self._end()
