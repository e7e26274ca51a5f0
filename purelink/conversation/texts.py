"""Results as the server wrote them: every value its text, every result of a script, in pieces.

Floor 3, pure. For those who show values rather than use them (the command line). What is read is
handed out as it comes, so memory is bounded by one read; the server waits for a slow reader. A
text without parameters may hold any number of statements (the simple protocol), one with parameters
holds one (the extended protocol). Leaving early cancels what runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Sequence

from ..values.rows import text_row_decoder
from ..wire import dialogues, legality
from ..wire.session import Answer

if TYPE_CHECKING:
    from ..wire.backend import Column
    from ..wire.session import RowDecoder
    from ..wire.wants import Dialogue
    from .talk import Talk

__all__ = ["Piece", "Texts"]


class Piece(NamedTuple):
    """What came next of one statement's result.

    Attributes:
        columns: of its rows; None: it has none. rows: the next ones, each a tuple of `str | None`.
        copied: the next bytes of a COPY TO STDOUT. command_tag: of a result that is whole now ("":
            of an empty statement); None: more will come.
    """

    columns: tuple[Column, ...] | None
    rows: list[tuple[str | None, ...]]
    copied: bytes
    command_tag: str | None


class Texts:
    """One text on its way, and its results piece by piece.

    Args:
        parameters: of one statement, as text, None for NULL; None: the text is a script.
        oids: their types, 0 where the server shall infer it; missing ones are 0.
    """

    refusal = "the results of a query are being read: read them to their end, or close it first"

    def __init__(
        self,
        talk: Talk,
        sql: str,
        parameters: Sequence[str | None] | None = None,
        oids: Sequence[int] = (),
    ) -> None:
        self._talk = talk
        self._sql = sql
        self._parameters = parameters
        self._oids = tuple(oids)
        self._begun = False

    @property
    def open(self) -> bool:
        """It has begun and not ended: the connection is its own."""
        return self._talk.holder is self

    def fetch(self) -> Dialogue[Piece | None]:
        """Return what comes next; None at the end.

        Raises:
            As `Talk.query`, behind the pieces of the statements before; the connection is in
            step then.
        """
        talk, session = self._talk, self._talk.session
        data = b""
        if not self._begun:
            data = self._asked()
            self._begun = True
            talk.holder = self
        elif not self.open:
            return None
        while True:
            answer = yield from dialogues.until_rows(session, talk.deliver, data=data)
            data = b""
            if answer is None:
                yield from dialogues.until_idle(session, talk.deliver)
                talk.holder = None
                return None
            if session.state in (legality.COPY_IN, legality.COPY_BOTH):
                data = dialogues.fail_copy(session, "there is no data for a COPY FROM STDIN here")
                continue
            if answer.formats is not None and not answer.complete and not session.copied:
                yield from dialogues.read(session, talk.deliver)
                continue
            return (yield from self._piece(answer))

    def _asked(self) -> bytes:
        talk, session = self._talk, self._talk.session
        text = session.text(self._sql, "the query")
        if self._parameters is None:
            return dialogues.simple_query(session, text, self._decoder)
        values = [
            None if each is None else session.text(each, "a parameter") for each in self._parameters
        ]
        answer = Answer()
        batch = talk.batch().parse(answer, b"", text, self._oids)
        batch.bind(answer, b"", (), tuple(values)).describe_portal(answer).execute(answer).sync()
        return dialogues.ask(session, batch, self._decoder)

    def _decoder(self, columns: tuple[Column, ...]) -> RowDecoder:
        session = self._talk.session
        return text_row_decoder(columns, session.encoding, session.encoding_errors)

    def _piece(self, answer: Answer) -> Dialogue[Piece]:
        """Take out of an answer what has come, and the answer itself when it is whole."""
        talk, session = self._talk, self._talk.session
        rows, answer.rows = answer.rows, []
        columns, copied = answer.columns, b""
        if answer.formats is not None:
            columns, copied = None, b"".join(session.copied)
            session.copied.clear()
        if not answer.complete or ((rows or copied) and _failure(answer) is not None):
            # What came before an error is handed out before it.
            return Piece(columns, rows, copied, None)
        session.answers.popleft()
        error = _failure(answer)
        if error is not None:
            yield from dialogues.until_idle(session, talk.deliver)
            session.answers.clear()
            talk.holder = None
            raise error
        talk.statements.heard([answer])
        return Piece(columns, rows, copied, answer.command_tag or "")

    def close(self) -> Dialogue[None]:
        """Leave it: what runs is cancelled.

        Raises:
            ConnectionLost: it could not be brought back into step.
        """
        self._begun = True
        if self.open and not (yield from self._talk.recover()):
            raise self._talk.session.gone()


def _failure(answer: Answer) -> BaseException | None:
    return answer.error or answer.value_error
