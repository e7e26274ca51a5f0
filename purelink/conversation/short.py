"""The short way: a query that was run before, in one look-up, one write and one read.

Floor 3, pure. A statement that is prepared, asked again with parameters of the same Python types on
an idle connection, needs no dialogue: `ShortWay.question` finds ready-made all that is to be sent,
the pump's `ask` sends it and brings what comes, and `ShortWay.answer` takes that if, and only if,
it is the whole answer and to the last byte what it should be: BindComplete, rows, CommandComplete,
ReadyForQuery. No want, no generator, no object for a message: the processor's caches are cold
after every trip, so each step that is not taken counts several times.

Anything else (an error, a notice, a part of an answer, a trace, a transaction in the way) takes the
long way of `querying`. If the question is out by then, what it was is written down in the session
step by step (`rest`, `failed`), which judges the same bytes by its tables: nothing is
asked twice, and nothing believed that the long way would not believe.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Sequence

from ..result import Result
from ..wire import dialogues, legality
from ..wire.dialogues import Batch
from ..wire.runs import BEGUN, BOUND, FEW_BYTES, last_words
from ..wire.session import Answer
from . import querying
from .statements import Request

if TYPE_CHECKING:
    from ..wire.wants import Dialogue
    from .statements import Statement
    from .talk import Talk

__all__ = ["ShortWay"]


class ShortWay:
    """One connection's short way.

    A face calls, under its lock: `question`, the pump's `ask`, `answer`. None from any of them: it
    goes on with `rest`, or with `failed` after an exception, as with any conversation.
    """

    __slots__ = (
        "_begin",
        "_begin_data",
        "_begins",
        "_parameters",
        "_pending",
        "_session",
        "_sql",
        "_statement",
        "_talk",
    )

    def __init__(self, talk: Talk) -> None:
        self._talk = talk
        self._session = talk.session
        self._begins = self._pending = False
        self._begin = self._begin_data = b""
        self._sql = ""
        self._parameters: Sequence[object] = ()
        self._statement: Statement | None = None

    def question(self, sql: str, parameters: Sequence[object]) -> bytes | None:
        """Return all that is to be sent, where that is ready-made; the session then expects it."""
        talk, session = self._talk, self._session
        self._sql, self._parameters, self._statement = sql, parameters, None
        if session.state is not legality.IDLE or session.left_over or session.answers:
            return None
        found = talk.statements.ready(sql, parameters, session.changes)
        if found is None:
            return None
        statement, data = found
        self._begins = not talk.autocommit and session.transaction_status == "I"
        if self._begins:
            if talk.begin is not self._begin:
                self._begin = talk.begin
                self._begin_data = begin(Batch(), talk.begin).data()
            data = self._begin_data + data
        # The first step stands for all of them, which are written down only where that is needed.
        self._statement = statement
        self._pending = True
        session.state = legality.BIND
        return data

    def answer(self, heard: bytes) -> Result | None:
        """Return the result, if this is the whole answer and nothing else; it is taken then."""
        statement, session = self._statement, self._session
        assert statement is not None
        front = _BEGUN_BOUND if self._begins else BOUND
        if not heard.endswith(statement.ending):
            # Looked at once: as long as it repeats, the comparison says all of it.
            found = last_words(heard, session.encoding)
            if found is None:
                return None
            statement.ending, statement.tag, statement.status = found
        if not heard.startswith(front):
            return None
        position, end = len(front), len(heard) - len(statement.ending)
        rows: list[tuple[object, ...]] = []
        if position < end and statement.decoder is not None:
            few = statement.few
            if few is not None and end < FEW_BYTES:
                position = few(heard, position, end, rows.append)
            else:
                try:
                    position = statement.decoder.decode(heard, position, end, rows)
                except Exception:  # a violation, or a value: the long way tells
                    return None
        if position != end:
            return None
        # Without a call in between: an interrupt finds all of it done, or nothing.
        received = session.received + len(heard)
        session.transaction_status = statement.status
        session.state = legality.IDLE
        session.received = received
        self._pending = False
        return Result(rows, statement.columns, statement.tag)

    # -- onto the long way --------------------------------------------------------------------

    def rest(self, heard: bytes | None) -> Dialogue[Result]:
        """Run the query the long way, from where it stands; `heard`: what `ask` brought."""
        if heard is None:
            self._withdrawn()
            return querying.query(self._talk, self._sql, self._parameters)
        request = self._written_down()
        return querying.query(self._talk, self._sql, self._parameters, request, heard)

    def failed(self, error: BaseException, *, said: bool) -> Dialogue[Result]:
        """Put the session in order after an exception on the short way; return what raises it.

        Args:
            said: the question may be on its way.
        """
        if self._pending and said:
            self._written_down()
        elif self._pending:
            self._withdrawn()
        return self._raising(error)

    def _raising(self, error: BaseException) -> Dialogue[Result]:
        problem = dialogues.failure(self._session, error)
        if problem is error:
            raise error
        raise problem from error
        yield  # a dialogue without wants

    def _withdrawn(self) -> None:
        """Take the question back: it was not said."""
        if self._pending:
            self._session.state = legality.IDLE
            self._pending = False

    def _written_down(self) -> Request:
        """Have the session expect, step by step, the answer to what was sent."""
        session, statement = self._session, self._statement
        assert statement is not None
        answer = Answer(statement.columns, statement.decoder)
        request = Request(self._sql, answer)
        request.statement = statement
        batch = begin(Batch(), self._begin) if self._begins else Batch()
        batch.steps += (
            (legality.BIND, answer),
            (legality.EXECUTE, answer),
            (legality.SYNC, None),
        )
        # Also what an interrupt left half written.
        session.withdraw()
        session.ask(batch.steps, self._talk.decoder_for)
        session.unsettled = False
        self._pending = False
        return request


def begin(batch: Batch, command: bytes) -> Batch:
    """Add to a batch what begins a transaction."""
    begun = Answer()
    return batch.parse(begun, b"", command).bind(begun).execute(begun)


_BEGUN_BOUND = BEGUN + BOUND
