"""A connection as a Hypothesis state machine: any sequence of conversations, against a model.

Test code only. The rules drive the conversations of one connection (queries, scripts, transactions,
executemany, COPY both ways, streams, pipelines, errors in each, a caller's own exceptions, prepared
statements lost behind our back). Every request carries a number that no other has, so another's
answer cannot pass for its own; `Expected` says what the table and the transaction must be.
"""

from __future__ import annotations

import itertools
from typing import Any, List, Optional, Tuple

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from purelink.conversation.copying import CopyingOut, copy_in
from purelink.conversation.many import execute_many
from purelink.conversation.pipelining import Handle, Pipelining
from purelink.conversation.sources import lists_of
from purelink.conversation.streaming import Streaming
from purelink.errors import DatabaseError, PipelineAborted, StaleStatement

__all__ = ["ConnectionMachine", "Driver"]

ECHO = "SELECT $1::text"
ROWS = "SELECT $1::text || '-' || n FROM generate_series(1, $2::int) n"
FAIL = "SELECT 1/$1::int"
PUT = "INSERT INTO kept VALUES ($1)"
COUNT = "SELECT count(*), coalesce(sum(n), 0)::int8 FROM kept"
COPY_IN = "COPY kept FROM STDIN"
COPY_OUT = "COPY (SELECT n FROM generate_series(1, 3000) n) TO STDOUT"
#: a row that the table refuses
BAD = -1
_NUMBERS = itertools.count(1)

small = st.integers(0, 6)


class Mine(Exception):
    """The caller's own."""


class Driver:
    """Where a machine's conversations run: a model in memory, or a real server."""

    talk: Any

    def run(self, conversation: Any, holder: Any = None) -> Any:
        """Run one conversation, of what has the connection to itself if something has."""
        raise NotImplementedError

    def close(self) -> None:
        """Let go of it."""


class Expected:
    """What the table holds and where the transaction stands."""

    def __init__(self) -> None:
        self.table: List[int] = []
        self.pending: List[int] = []
        self.status = "I"

    def put(self, numbers: List[int]) -> None:
        """Rows were added, in the open transaction or one of their own."""
        (self.table if self.status == "I" else self.pending).extend(numbers)

    def failed(self) -> None:
        """A statement failed."""
        if self.status == "T":
            self.status = "E"

    def ended(self, *, kept: bool) -> None:
        """The transaction is over."""
        self.table += self.pending if kept and self.status == "T" else []
        self.pending = []
        self.status = "I"

    @property
    def seen(self) -> Tuple[int, int]:
        """What COUNT gives."""
        numbers = self.table + self.pending
        return len(numbers), sum(numbers)


class ConnectionMachine(RuleBasedStateMachine):
    """Any sequence of calls on one connection. `make` gives the driver."""

    make: Any

    def __init__(self) -> None:
        super().__init__()
        self.driver: Driver = type(self).make()
        self.talk = self.driver.talk
        self.expected = Expected()
        self.pipeline: Optional[Tuple[Pipelining, List[Tuple[Handle, Any]]]] = None
        self.stream: Optional[Tuple[Streaming, str, int, int]] = None

    def teardown(self) -> None:
        """Let go of the driver."""
        self.driver.close()

    # -- shapes of rules --------------------------------------------------------------------

    def _free(self) -> bool:
        return self.pipeline is None and self.stream is None

    def _begun(self) -> None:
        """Note the transaction that a statement begins without autocommit."""
        if not self.talk.autocommit and self.expected.status == "I":
            self.expected.status = "T"

    def _try(self, conversation: Any, sqlstates: Tuple[str, ...], holder: Any = None) -> Any:
        """Run what must succeed unless the transaction has failed; return None if it did not."""
        self._begun()
        if self.expected.status == "E":
            sqlstates = (*sqlstates, "25P02")
        try:
            return self.driver.run(conversation, holder)
        except StaleStatement:
            self.expected.failed()
            return None
        except DatabaseError as error:
            assert error.sqlstate in sqlstates, error
            self.expected.failed()
            return None

    # -- rules ------------------------------------------------------------------------------

    @precondition(_free)
    @rule()
    def echo(self) -> None:
        token = f"t{next(_NUMBERS)}"
        result = self._try(self.talk.query(ECHO, [token]), ())
        assert result is None or result.rows == [(token,)]
        assert result is not None or self.expected.status == "E"

    @precondition(_free)
    @rule(count=small)
    def rows(self, count: int) -> None:
        token = f"r{next(_NUMBERS)}"
        result = self._try(self.talk.query(ROWS, [token, count * 50]), ())
        assert result is None or result.rows == [
            (f"{token}-{n}",) for n in range(1, count * 50 + 1)
        ]

    @precondition(_free)
    @rule(divisor=st.sampled_from([0, 1]))
    def divide(self, divisor: int) -> None:
        result = self._try(self.talk.query(FAIL, [divisor]), ("22012",))
        assert (result is None) == (divisor == 0 or self.expected.status == "E")

    @precondition(_free)
    @rule()
    def put(self) -> None:
        number = next(_NUMBERS)
        if self._try(self.talk.query(PUT, [number]), ()) is not None:
            self.expected.put([number])

    @precondition(_free)
    @rule(bad=st.booleans())
    def script(self, bad: bool) -> None:
        first, second = next(_NUMBERS), next(_NUMBERS)
        end = "INSERT INTO kept VALUES (0 - 1)" if bad else f"INSERT INTO kept VALUES ({second})"
        sql = f"INSERT INTO kept VALUES ({first}); {end}"
        if self._try(self.talk.script(sql), ("23514", "42601")) is not None:
            self.expected.put([first, second])
            assert not bad

    @precondition(_free)
    @rule(count=small, bad=st.booleans(), raising=st.booleans())
    def executemany(self, count: int, bad: bool, raising: bool) -> None:
        numbers = [next(_NUMBERS) for _ in range(count)]

        def source() -> Any:
            yield from ((number,) for number in numbers)
            if bad:
                yield (BAD,)
            if raising:
                raise Mine

        pull = lists_of(source(), "rows")
        before = self.expected.status
        try:
            result = self._try(execute_many(self.talk, PUT, pull), ("23514",))
        except Mine:
            assert raising
            if not (self.talk.autocommit and before == "I"):
                self._look_after_mine()  # else it was all or nothing, and it was nothing
            return
        if result is not None:
            assert not bad
            self.expected.put(numbers)

    def _look_after_mine(self) -> None:
        """What was sent before the caller's exception stays to be rolled back."""
        self.driver.run(self.talk.rollback())
        self.expected.ended(kept=False)

    @precondition(_free)
    @rule(count=st.sampled_from([0, 3, 300]), raising=st.booleans())
    def copy_in(self, count: int, raising: bool) -> None:
        numbers = [next(_NUMBERS) for _ in range(count)]

        def source() -> Any:
            yield from ((number,) for number in numbers)
            if raising:
                raise Mine

        before = self.expected.status
        try:
            result = self._try(copy_in(self.talk, COPY_IN, lists_of(source(), "a COPY")), ())
        except Mine:
            assert raising
            if self.talk.session.transaction_status == before:
                self.expected.status = before  # the first rows are taken before anything is sent
            self._settle_status()
            return
        if result is not None:
            assert result == count
            self.expected.put(numbers)

    @precondition(_free)
    @rule(blocks=st.integers(0, 3))
    def copy_out(self, blocks: int) -> None:
        copying = CopyingOut(self.talk, COPY_OUT)
        if self._try(copying.fetch(), (), copying) is None:
            return
        for _ in range(blocks):
            if not self.driver.run(copying.fetch(), copying):
                assert copying.row_count == 3000
        if copying.open:
            self.driver.run(copying.close(), copying)
            self._settle_status()

    def _settle_status(self) -> None:
        """A COPY that is left early is cancelled, or was over before the cancel came."""
        status = self.talk.session.transaction_status
        assert status == self.expected.status or (self.expected.status, status) == ("T", "E")
        self.expected.status = status

    @precondition(_free)
    @rule()
    def begin(self) -> None:
        if self.expected.status == "I":
            self.driver.run(self.talk.command("BEGIN"))
            self.expected.status = "T"

    @precondition(_free)
    @rule()
    def commit(self) -> None:
        try:
            self.driver.run(self.talk.commit())
        except DatabaseError as error:
            assert error.sqlstate == "25P02"
            assert self.expected.status == "E"
        self.expected.ended(kept=True)

    @precondition(_free)
    @rule()
    def rollback(self) -> None:
        self.driver.run(self.talk.rollback())
        self.expected.ended(kept=False)

    @precondition(lambda self: self._free() and self.expected.status == "I")
    @rule(value=st.booleans())
    def autocommit(self, value: bool) -> None:
        self.talk.autocommit = value

    @precondition(_free)
    @rule()
    def lose_statements(self) -> None:
        """Deallocate without our cache hearing of it: as a pooler that switches servers does."""
        statements = self.talk.statements
        statements.forget = lambda: None
        try:
            self._try(self.talk.query("DEALLOCATE ALL"), ())
        finally:
            del statements.forget

    # -- what stays open --------------------------------------------------------------------

    @precondition(_free)
    @rule(count=st.integers(0, 25), chunk=st.integers(1, 10))
    def open_stream(self, count: int, chunk: int) -> None:
        token = f"s{next(_NUMBERS)}"
        stream = Streaming(self.talk, ROWS, [token, count], chunk)
        self._begun()
        try:
            self.driver.run(stream.begin(), stream)
        except DatabaseError as error:
            assert error.sqlstate == "25P02"
            return
        self.stream = (stream, token, count, 0)

    @precondition(lambda self: self.stream is not None)
    @rule()
    def fetch(self) -> None:
        assert self.stream is not None
        stream, token, count, had = self.stream
        rows = self.driver.run(stream.fetch(), stream)
        assert rows == [(f"{token}-{n}",) for n in range(had + 1, had + len(rows) + 1)]
        self.stream = (stream, token, count, had + len(rows))
        if not stream.open:
            assert had + len(rows) == count
            self.stream = None

    @precondition(lambda self: self.stream is not None)
    @rule()
    def close_stream(self) -> None:
        assert self.stream is not None
        self.driver.run(self.stream[0].close(), self.stream[0])
        self.stream = None

    @precondition(lambda self: self.stream is None)
    @rule(kind=st.sampled_from(["echo", "put", "fail"]))
    def queue(self, kind: str) -> None:
        if self.pipeline is None:
            self.pipeline = (Pipelining(self.talk), [])
        pipeline, queued = self.pipeline
        number = next(_NUMBERS)
        if kind == "echo":
            queued.append((pipeline.query(ECHO, [f"p{number}"]), f"p{number}"))
        elif kind == "put":
            queued.append((pipeline.query(PUT, [number]), number))
        else:
            queued.append((pipeline.query(FAIL, [0]), None))

    @precondition(lambda self: self.pipeline is not None)
    @rule()
    def sync(self) -> None:
        assert self.pipeline is not None
        pipeline, queued = self.pipeline
        self.pipeline = None
        self._begun()
        before = self.expected.status
        stale = False
        try:
            self.driver.run(pipeline.sync(), pipeline)
        except StaleStatement:
            stale = True
        except DatabaseError as error:
            assert error.sqlstate in ("22012", "25P02"), error
        fails = [place for place, (_, told) in enumerate(queued) if told is None]
        first = 0 if before == "E" else fails[0] if fails else len(queued)
        if stale:
            self.expected.failed()
            return
        for place, (handle, told) in enumerate(queued):
            if place < first:
                result = handle.result()
                assert isinstance(told, int) or result.rows == [(told,)], (told, result.rows)
            else:
                try:
                    handle.result()
                except (DatabaseError, PipelineAborted):
                    continue
                raise AssertionError("a statement behind an error gave a result")
        if first == len(queued) or before == "T":
            self.expected.put([told for _, told in queued[:first] if isinstance(told, int)])
        if first < len(queued):
            self.expected.failed()

    # -- what always holds ------------------------------------------------------------------

    @invariant()
    def in_step(self) -> None:
        session = self.talk.session
        assert not session.closed
        if self._free():
            assert session.idle
            assert not session.answers
            assert self.talk.holder is None
            assert session.transaction_status == self.expected.status

    @precondition(lambda self: self._free() and self.expected.status != "E")
    @rule()
    def count(self) -> None:
        result = self._try(self.talk.query(COUNT), ())
        assert result is None or result.rows == [self.expected.seen]
