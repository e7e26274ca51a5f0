"""Pipelines: statements that are queued and sent together, each stretch with one Sync.

Floor 3, pure. `Pipelining.query` only encodes; `sync` sends what is queued and takes the answers.
The pump writes while it reads, so neither side can block the other, however much either says. A
stretch is all or nothing outside a transaction, as the server makes it one of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Sequence

from ..errors import Error, InterfaceError, PipelineAborted
from ..values.parameters import encode_parameters
from ..wire import dialogues
from ..wire.dialogues import Batch
from .outcomes import first_error, result_of
from .statements import retry_error

if TYPE_CHECKING:
    from ..result import Result
    from ..values.parameters import Parameter
    from ..wire.session import Answer
    from ..wire.wants import Dialogue
    from .statements import Request
    from .talk import Talk

__all__ = ["Handle", "Pipelining"]


class Handle:
    """What one statement of a pipeline will have given, once the pipeline was synced."""

    __slots__ = ("_error", "_result", "sql")

    def __init__(self, sql: str) -> None:
        self.sql = sql
        self._result: Result | None = None
        self._error: BaseException | None = None

    @property
    def done(self) -> bool:
        """Its result, or what went wrong, is known."""
        return self._result is not None or self._error is not None

    def result(self) -> Result:
        """Return the statement's result.

        Raises:
            DatabaseError: the server's. PipelineAborted: it was not run, since an earlier one of
                its stretch failed. InterfaceError: it is not known yet, or was never sent.
        """
        if self._error is not None:
            raise self._error
        if self._result is None:
            raise InterfaceError("not known yet: the pipeline is to be synced first")
        return self._result

    def settle(self, result: Result | None, error: BaseException | None) -> None:
        """Note what the statement gave, or what went wrong: for the pipeline alone."""
        self._result, self._error = result, error

    def __repr__(self) -> str:
        state = "failed" if self._error else "done" if self._result is not None else "queued"
        return f"<Handle {state}: {self.sql!r:.60}>"


class _Queued(NamedTuple):
    handle: Handle
    encoded: list[Parameter]
    request: Request


class Pipelining:
    """Statements that are sent together. While some are queued the connection is its own."""

    refusal = "statements are queued in a pipeline of this connection: sync it first"

    def __init__(self, talk: Talk) -> None:
        self._talk = talk
        self._batch = Batch()
        self._queued: list[_Queued] = []

    def __len__(self) -> int:
        """Return how many statements are queued."""
        return len(self._queued)

    def query(self, sql: str, parameters: Sequence[object] = ()) -> Handle:
        """Queue a statement with `$1` parameters; nothing is sent yet.

        Raises:
            InterfaceError: it cannot be sent; the others stay queued. LocalProtocolError: the
                connection is somebody else's (a stream, another pipeline). ConnectionLost: it is
                over.
        """
        talk, session = self._talk, self._talk.session
        talk.admit(self)
        if session.closed:
            raise session.gone()
        encoded = encode_parameters(
            parameters,
            encoding=session.encoding,
            errors=session.encoding_errors,
            own=talk.registry.writers,
        )
        handle = Handle(sql)
        self._add(handle, encoded)
        talk.holder = self
        return handle

    def _add(self, handle: Handle, encoded: list[Parameter]) -> None:
        talk, batch = self._talk, self._batch
        pieces, steps = len(batch.pieces), len(batch.steps)
        try:
            request = talk.statements.add(
                batch, handle.sql, encoded, talk.session, talk.decoder_for
            )
        except BaseException:
            # One that cannot be sent leaves no trace among the others.
            del batch.pieces[pieces:], batch.steps[steps:]
            raise
        self._queued.append(_Queued(handle, encoded, request))

    def sync(self) -> Dialogue[None]:
        """Send what is queued, and wait for all of it.

        Raises:
            DatabaseError: the first error of the stretch: what it did before is undone, unless a
                transaction was open. The handles tell about each statement.
            StaleStatement: a prepared statement was lost; the stretch can be told again.
            ConnectionLost, RemoteProtocolError: the connection is over.
        """
        for again in (True, False):
            if not self._queued:
                return
            at_stake = self._talk.session.transaction_status != "I"
            queued, rest = yield from self._told()
            stale = queued[0].request.stale()
            if stale is None or at_stake or not again:
                break
            # The first of all failed before it ran: nothing happened, so tell it all again.
            self._talk.statements.lost(queued[0].request, stale)
            if self._talk.session.transaction_status == "E":
                yield from self._talk.command("ROLLBACK")
            for handle, encoded, _ in queued:
                self._add(handle, encoded)
        self._tell(queued)
        for handle, _, _ in queued:
            handle.result()
        error = first_error(rest)
        if error is not None:
            # A deferred constraint speaks up at the Sync: then nothing of the stretch took effect.
            _fail(queued, error)
            raise error

    def _told(self) -> Dialogue[tuple[list[_Queued], list[Answer]]]:
        """Send what is queued; return it, and all answers."""
        talk, session = self._talk, self._talk.session
        whole, queued = talk.batch(), self._queued
        whole.pieces += self._batch.pieces
        whole.steps += self._batch.steps
        whole.sync()
        self._batch, self._queued = Batch(), []
        try:
            data = dialogues.ask(session, whole, talk.decoder_for)
            yield from dialogues.until_idle(session, talk.deliver, data=data)
        except BaseException as error:
            _fail(queued, error)
            raise
        finally:
            if talk.holder is self:
                talk.holder = None
            for each in queued:
                talk.statements.settle(each.request)
        answers = list(session.answers)
        session.answers.clear()
        return queued, answers

    def _tell(self, queued: list[_Queued]) -> None:
        """Give each handle what became of its statement."""
        first: BaseException | None = None
        for handle, _, request in queued:
            error = first_error(request.answers())
            stale = request.stale()
            if stale is not None:
                self._talk.statements.lost(request, stale)
                error = retry_error(stale)
            elif error is None and request.answer.outcome == "aborted":
                error = PipelineAborted(
                    "not run: an earlier statement of the pipeline failed", sqlstate="25P02"
                )
                error.__cause__ = first
            first = first or error
            handle.settle(None if error is not None else result_of(request.answer, ()), error)

    def drop(self) -> None:
        """Forget what is queued: it was not sent, and will not be."""
        queued, self._queued, self._batch = self._queued, [], Batch()
        if self._talk.holder is self:
            self._talk.holder = None
        for each in queued:
            self._talk.statements.settle(each.request)
        _fail(queued, InterfaceError("never sent: the pipeline was left by an exception"))


def _fail(queued: list[_Queued], error: BaseException) -> None:
    why = error if isinstance(error, Error) else InterfaceError("the pipeline was left early")
    for each in queued:
        each.handle.settle(None, why)
