"""Pipelines: statements that are queued and sent together, each stretch with one Sync.

Floor 3, pure. `Pipelining.query` only encodes; `sync` sends what is queued and takes the answers.
The pump writes while it reads, so neither side can block the other, however much either says. A
stretch is all or nothing outside a transaction, as the server makes it one of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Sequence

from purelink.conversation.outcomes import first_error, result_of
from purelink.conversation.statements import retry_error
from purelink.errors import InterfaceError, PipelineAborted
from purelink.values.parameters import encode_parameters
from purelink.wire import dialogues
from purelink.wire.dialogues import Batch

if TYPE_CHECKING:
    from purelink.conversation.statements import Request
    from purelink.conversation.talk import Talk
    from purelink.result import Result
    from purelink.wire.wants import Dialogue

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

    def _settle(self, result: Result | None, error: BaseException | None) -> None:
        self._result, self._error = result, error

    def __repr__(self) -> str:
        state = "failed" if self._error else "done" if self._result is not None else "queued"
        return f"<Handle {state}: {self.sql!r:.60}>"


class Pipelining:
    """Statements that are sent together. While some are queued the connection is its own."""

    refusal = "statements are queued in a pipeline of this connection: sync it first"

    def __init__(self, talk: Talk) -> None:
        self._talk = talk
        self._batch: Batch | None = None
        self._queued: list[tuple[Handle, Request]] = []

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
            parameters, encoding=session.encoding, errors=session.encoding_errors
        )
        # A batch of its own, so that one that cannot be sent leaves no trace among the others.
        single = Batch()
        request = talk.statements.add(single, sql, encoded, session, talk.decoder_for)
        if self._batch is None:
            talk.holder = self
            self._batch = Batch()
        self._batch.pieces += single.pieces
        self._batch.steps += single.steps
        handle = Handle(sql)
        self._queued.append((handle, request))
        return handle

    def sync(self) -> Dialogue[None]:
        """Send what is queued, and wait for all of it.

        Raises:
            DatabaseError: the first error of the stretch: what it did before is undone, unless a
                transaction was open. The handles tell about each statement.
            ConnectionLost, RemoteProtocolError: the connection is over.
        """
        talk, session = self._talk, self._talk.session
        batch, queued = self._batch, self._queued
        self._batch, self._queued = None, []
        if batch is None:
            return
        at_stake = session.transaction_status != "I"
        whole = talk.batch()
        whole.pieces += batch.pieces
        whole.steps += batch.steps
        whole.sync()
        try:
            data = dialogues.ask(session, whole, talk.decoder_for)
            yield from dialogues.until_idle(session, talk.deliver, data=data)
        except BaseException as error:
            self._fail(queued, error)
            raise
        finally:
            if talk.holder is self:
                talk.holder = None
            for _, request in queued:
                talk.statements.settle(request)
        rest = list(session.answers)
        session.answers.clear()
        self._tell(queued, at_stake=at_stake)
        error = first_error(rest)
        if error is not None:
            for handle, _ in queued:
                if handle._error is error:  # noqa: SLF001 - one room
                    raise error
            for handle, _ in queued:
                handle.result()
            # A deferred constraint speaks up at the Sync: then nothing of the stretch took effect.
            self._fail(queued, error)
            raise error

    def _tell(self, queued: list[tuple[Handle, Request]], *, at_stake: bool) -> None:
        """Give each handle what became of its statement."""
        first: BaseException | None = None
        for handle, request in queued:
            error = first_error(request.answers())
            if error is None and request.answer.outcome == "aborted":
                error = PipelineAborted(
                    "not run: an earlier statement of the pipeline failed", sqlstate="25P02"
                )
                error.__cause__ = first
            stale = request.stale()
            if stale is not None:
                self._talk.statements.lost(request, stale)
                error = retry_error(stale)
            if error is None:
                handle._settle(result_of(request.answer, ()), None)  # noqa: SLF001
            else:
                first = first or error
                handle._settle(None, error)  # noqa: SLF001

    def _fail(self, queued: list[tuple[Handle, Request]], error: BaseException) -> None:
        why = error if isinstance(error, Exception) else InterfaceError("the pipeline was left")
        for handle, _ in queued:
            handle._settle(None, why)  # noqa: SLF001

    def drop(self) -> None:
        """Forget what is queued: it was not sent, and will not be."""
        queued, self._queued, self._batch = self._queued, [], None
        if self._talk.holder is self:
            self._talk.holder = None
        for _, request in queued:
            self._talk.statements.settle(request)
        self._fail(queued, InterfaceError("never sent: the pipeline was left by an exception"))
