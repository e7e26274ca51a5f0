"""Pipelines: statements that are queued and sent together, each stretch with one Sync.

Floor 3, pure. `Pipelining.query` only encodes; `sync` sends what is queued and takes the answers.
The pump writes while it reads, so neither side can block the other, however much either says. A
stretch is all or nothing outside a transaction, as the server makes it one of its own.

Statements that were run before are ready-made (`Statements.ready`); those that follow each other
make one `runs.Run`, whose answers are taken in one loop, and step by step where they are not plain.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Sequence, cast

from ..errors import Error, InterfaceError, PipelineAborted
from ..result import Result
from ..values.parameters import encode_parameters
from ..wire import dialogues, legality
from ..wire.dialogues import Batch
from ..wire.runs import Run
from ..wire.session import Answer
from .outcomes import first_error, result_of
from .statements import Request, retry_error

if TYPE_CHECKING:
    from ..wire.wants import Dialogue
    from .prepared import Statement
    from .talk import Talk

__all__ = ["Handle", "Pipelining"]


class Handle:
    """What one statement of a pipeline will have given, once the pipeline was synced."""

    __slots__ = ("_error", "_result", "parameters", "place", "request", "run", "sql")

    def __init__(self, sql: str, parameters: Sequence[object]) -> None:
        self.sql = sql
        self.parameters = parameters
        #: for the pipeline alone: as what it was queued, on its own or in a run
        self.request: Request | None = None
        self.run: Run | None = None
        self.place = 0
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


class Pipelining:
    """Statements that are sent together. While some are queued the connection is its own."""

    refusal = "statements are queued in a pipeline of this connection: sync it first"

    def __init__(self, talk: Talk) -> None:
        self._talk = talk
        self._batch = Batch()
        self._run: Run | None = None
        self._queued: list[Handle] = []

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
        talk = self._talk
        if talk.holder is not self:
            talk.admit(self)
        if talk.session.state is legality.CLOSED:
            raise talk.session.gone()
        handle = Handle(sql, parameters)
        self._add(handle)
        talk.holder = self
        return handle

    def _add(self, handle: Handle) -> None:
        talk, batch = self._talk, self._batch
        sql, parameters = handle.sql, handle.parameters
        ready = talk.statements.ready(sql, parameters, talk.session.changes, synced=False)
        if ready is not None:
            statement, data = ready
            run = self._run
            if run is None:
                run = self._run = Run()
                batch.steps.append((legality.BIND, run))
            handle.run, handle.place = run, len(run.units)
            run.units.append(statement)
            batch.pieces.append(data)
        else:
            handle.request = self._long_way(sql, parameters)
            self._run = None
        self._queued.append(handle)

    def _long_way(self, sql: str, parameters: Sequence[object]) -> Request:
        talk, session, batch = self._talk, self._talk.session, self._batch
        own = talk.registry.writers
        encoded = encode_parameters(
            parameters, encoding=session.encoding, errors=session.encoding_errors, own=own
        )
        pieces, steps = len(batch.pieces), len(batch.steps)
        try:
            request = talk.statements.add(batch, sql, encoded, session, talk.decoder_for)
        except BaseException:
            # One that cannot be sent leaves no trace among the others.
            del batch.pieces[pieces:], batch.steps[steps:]
            raise
        if session.encoding == "utf-8" and session.encoding_errors == "strict":
            talk.statements.learn(request, parameters, encoded, own)
        return request

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
            first = _asked(queued[0])
            stale = None if first is None else first.stale()
            if first is None or stale is None or at_stake or not again:
                break
            # The first of all failed before it ran: nothing happened, so tell it all again.
            self._talk.statements.lost(first, stale)
            if self._talk.session.transaction_status == "E":
                yield from self._talk.command("ROLLBACK")
            for handle in queued:
                handle.request = handle.run = None
                self._add(handle)
        if not self._tell(queued):
            for handle in queued:
                handle.result()
        error = first_error(rest)
        if error is not None:
            # A deferred constraint speaks up at the Sync: then nothing of the stretch took effect.
            _fail(queued, error)
            raise error

    def _told(self) -> Dialogue[tuple[list[Handle], list[Answer]]]:
        """Send what is queued; return it, and all answers."""
        talk, session = self._talk, self._talk.session
        whole, queued = talk.batch(), self._queued
        whole.pieces += self._batch.pieces
        whole.steps += self._batch.steps
        whole.sync()
        self._batch, self._run, self._queued = Batch(), None, []
        try:
            data = dialogues.ask(session, whole, talk.decoder_for)
            # As they come: small answers are taken while the server is at the others.
            yield from dialogues.until_idle(session, talk.deliver, data=data, first=True)
        except BaseException as error:
            _fail(queued, error)
            raise
        finally:
            if talk.holder is self:
                talk.holder = None
            for each in queued:
                if each.request is not None:
                    talk.statements.settle(each.request)
        answers = list(session.answers)
        session.answers.clear()
        return queued, answers

    def _tell(self, queued: list[Handle]) -> bool:
        """Give each handle what became of its statement; return whether all went well."""
        first: BaseException | None = None
        for handle in queued:
            run, error = handle.run, None
            if run is not None and handle.place < len(run.taken):
                found = run.taken[handle.place]
                if type(found) is tuple:
                    rows, tag = found
                    handle._result = Result(rows, run.units[handle.place].columns, tag)  # noqa: SLF001
                    continue
            request = _asked(handle)
            stale = None if request is None else request.stale()
            if request is not None:
                error = first_error(request.answers())
            if request is not None and stale is not None:
                self._talk.statements.lost(request, stale)
                error = retry_error(stale)
            elif request is None or (error is None and request.answer.outcome == "aborted"):
                error = PipelineAborted(
                    "not run: an earlier statement of the pipeline failed", sqlstate="25P02"
                )
                error.__cause__ = first
            first = first or error
            if request is None or error is not None:
                handle.settle(None, error)
            else:
                handle.settle(result_of(request.answer, ()), None)
        return first is None

    def drop(self) -> None:
        """Forget what is queued: it was not sent, and will not be."""
        queued, self._queued, self._batch, self._run = self._queued, [], Batch(), None
        if self._talk.holder is self:
            self._talk.holder = None
        for each in queued:
            if each.request is not None:
                self._talk.statements.settle(each.request)
        _fail(queued, InterfaceError("never sent: the pipeline was left by an exception"))


def _asked(handle: Handle) -> Request | None:
    """Return a statement's request, with its answer.

    None: a run took its answer, or did not come so far.
    """
    run = handle.run
    if run is None:
        return handle.request
    answer = run.taken[handle.place] if handle.place < len(run.taken) else None
    if not isinstance(answer, Answer):
        return None
    request = Request(handle.sql, answer)
    request.statement = cast("Statement", run.units[handle.place])
    return request


def _fail(queued: list[Handle], error: BaseException) -> None:
    why = error if isinstance(error, Error) else InterfaceError("the pipeline was left early")
    for each in queued:
        each.settle(None, why)
