"""Cursors as a Hypothesis state machine: of the client's side and of the server's, against a model.

Test code only. Four cursors of one connection, two of them named: any sequence of statements,
fetches, scrolling and the ends of transactions. Every row carries a number that no other has.
`Expected` says what each cursor has to give, where it stands, and whether the server has it.
"""

from __future__ import annotations

import itertools
from typing import Any, List, Optional, Tuple

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from purelink.errors import DatabaseError, InterfaceError, ProgrammingError

__all__ = ["CursorMachine"]

ROWS = "SELECT %s::text || '-' || n FROM generate_series(1, %s::int) n"
COUNT = "SELECT count(*), coalesce(sum(n), 0)::int8 FROM kept"
PUT = "INSERT INTO kept VALUES (%s)"
FAIL = "SELECT 1/%s::int"
_NUMBERS = itertools.count(1)

which = st.integers(0, 3)
clients = st.integers(0, 1)


class Expected:
    """What a cursor has to give."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Nothing was executed, or it failed."""
        #: results that come one after the other; None: one without rows
        self.results: List[Optional[List[Tuple[Any, ...]]]] = []
        self.counts: List[int] = []
        self.place = self.at = 0
        #: a named one: the server has it; it stays when its transaction ends; made in that one
        self.alive = self.held = self.fresh = False
        #: a named one: how far its rows have come to our side, and whether all did
        self.here = 0
        self.whole = False

    @property
    def rows(self) -> Optional[List[Tuple[Any, ...]]]:
        """The present result's."""
        return self.results[self.place] if self.results else None


class CursorMachine(RuleBasedStateMachine):
    """Any sequence of calls on the cursors of one connection. `make` gives that."""

    make: Any

    def __init__(self) -> None:
        super().__init__()
        self.driver, self.connection = type(self).make()
        self.status = "I"
        self.kept: List[int] = []
        self.pending: List[int] = []
        self.cursors: List[Any] = []
        self.expected = [Expected() for _ in range(4)]
        for number in range(4):
            self.cursors.append(self._cursor(number))

    def _cursor(self, number: int) -> Any:
        if number < 2:
            return self.connection.cursor()
        return self.connection.cursor(f"named{number}", scrollable=True, withhold=number == 3)

    def teardown(self) -> None:
        """Let go of the connection."""
        self.driver.close()

    # -- shapes of rules --------------------------------------------------------------------

    def _execute(self, number: int, sql: str, parameters: Any, sqlstate: str = "") -> bool:
        """Execute what must succeed unless the transaction has failed, or with that error."""
        expected = self.expected[number]
        was = self.status
        if was == "I":
            self.status = "T"
        try:
            self.cursors[number].execute(sql, parameters)
        except DatabaseError as error:
            assert error.sqlstate == ("25P02" if was == "E" else sqlstate), error
            self.status = "E"
            expected.forget()
            return False
        assert was != "E"
        assert not sqlstate
        expected.forget()
        return True

    def _lost(self, number: int, count: Optional[int]) -> str:
        """Return the SQLSTATE of the error that fetching so many rows must be; "" for none."""
        expected = self.expected[number]
        if number < 2 or expected.rows is None or expected.whole:
            return ""
        if count is not None and expected.here - expected.at >= count:
            return ""
        return self._gone(expected)

    def _gone(self, expected: Expected) -> str:
        if self.status == "E":
            return "25P02"
        return "" if expected.alive else "34000"

    def _fetch(self, number: int, count: Optional[int], fetch: Any) -> None:
        """Fetch, and compare."""
        expected = self.expected[number]
        sqlstate = self._lost(number, count)
        talks = number >= 2 and not expected.whole and not sqlstate and expected.rows is not None
        talks = talks and (count is None or expected.here - expected.at < count)
        if (talks or sqlstate) and self.status == "I":
            self.status = "T"  # asking the server begins one
        try:
            rows = fetch()
        except ProgrammingError as error:
            if expected.rows is None:
                assert "no rows to fetch" in str(error), error
                return
            assert error.sqlstate == sqlstate, error
            self.status = "E"
            return
        except DatabaseError as error:
            assert error.sqlstate == sqlstate, error
            self.status = "E"
            return
        assert expected.rows is not None
        assert not sqlstate
        until = len(expected.rows) if count is None else expected.at + count
        assert rows == expected.rows[expected.at : until]
        self._arrived(expected, count, len(rows), talks=talks)

    def _arrived(self, expected: Expected, count: Optional[int], came: int, *, talks: bool) -> None:
        if talks:
            expected.whole = count is None or came < count
            expected.here = max(expected.here, expected.at + came)
        expected.at += came

    # -- statements -------------------------------------------------------------------------

    @rule(number=which, count=st.integers(0, 12))
    def select(self, number: int, count: int) -> None:
        token = f"r{next(_NUMBERS)}"
        if not self._execute(number, ROWS, (token, count)):
            return
        expected = self.expected[number]
        expected.results = [[(f"{token}-{n}",) for n in range(1, count + 1)]]
        expected.counts = [count if number < 2 else -1]
        expected.alive = expected.fresh = True
        expected.held = number == 3

    @rule(number=clients)
    def put(self, number: int) -> None:
        value = next(_NUMBERS)
        if self._execute(number, PUT, (value,)):
            self.pending.append(value)
            self.expected[number].results, self.expected[number].counts = [None], [1]

    @rule(number=clients, values=st.integers(0, 4))
    def put_many(self, number: int, values: int) -> None:
        numbers = [next(_NUMBERS) for _ in range(values)]
        was = self.status
        expected = self.expected[number]
        if was == "I" and numbers:
            self.status = "T"
        try:
            self.cursors[number].executemany(PUT, [(each,) for each in numbers])
        except DatabaseError as error:
            assert error.sqlstate == "25P02", error
            assert was == "E"
            expected.forget()
            return
        assert was != "E" or not numbers
        self.status = self.connection_status()
        self.pending += numbers
        expected.forget()
        expected.results, expected.counts = [None], [values]

    @rule(number=clients)
    def fail(self, number: int) -> None:
        self._execute(number, FAIL, (0,), "22012")

    @rule(number=clients)
    def script(self, number: int) -> None:
        if self._execute(number, f"{COUNT}; {COUNT}", None):
            numbers = self.kept + self.pending
            row = (len(numbers), sum(numbers))
            self.expected[number].results, self.expected[number].counts = [[row], [row]], [1, 1]

    # -- rows -------------------------------------------------------------------------------

    @rule(number=which)
    def fetchone(self, number: int) -> None:
        def fetch() -> List[Any]:
            row = self.cursors[number].fetchone()
            return [] if row is None else [row]

        self._fetch(number, 1, fetch)

    @rule(number=which, count=st.integers(0, 5))
    def fetchmany(self, number: int, count: int) -> None:
        self._fetch(number, count, lambda: self.cursors[number].fetchmany(count))

    @rule(number=which)
    def fetchall(self, number: int) -> None:
        self._fetch(number, None, self.cursors[number].fetchall)

    @precondition(lambda self: self.expected[0].rows is not None)
    @rule(value=st.integers(-4, 6), absolute=st.booleans())
    def scroll_client(self, value: int, absolute: bool) -> None:
        expected = self.expected[0]
        assert expected.rows is not None
        at = value if absolute else expected.at + value
        mode = "absolute" if absolute else "relative"
        try:
            self.cursors[0].scroll(value, mode)
        except IndexError:
            assert not 0 <= at <= len(expected.rows)
            return
        expected.at = at

    @precondition(lambda self: any(each.rows is not None for each in self.expected[2:]))
    @rule(number=st.integers(2, 3), value=st.integers(-4, 6), absolute=st.booleans())
    def scroll_named(self, number: int, value: int, absolute: bool) -> None:
        expected = self.expected[number]
        if expected.rows is None:
            return
        at = value if absolute else expected.at + value
        sqlstate = self._gone(expected)
        if at >= 0 and self.status == "I":
            self.status = "T"
        try:
            self.cursors[number].scroll(value, "absolute" if absolute else "relative")
        except IndexError:
            assert at < 0
            return
        except DatabaseError as error:
            assert error.sqlstate == sqlstate, error
            self.status = "E"
            return
        assert not sqlstate
        expected.at = expected.here = at
        expected.whole = False

    @rule(number=clients)
    def nextset(self, number: int) -> None:
        expected = self.expected[number]
        more = expected.place + 1 < len(expected.results)
        assert self.cursors[number].nextset() is (True if more else None)
        if more:
            expected.place += 1
            expected.at = 0

    # -- ends -------------------------------------------------------------------------------

    @rule(number=which)
    def close(self, number: int) -> None:
        cursor = self.cursors[number]
        cursor.close()
        assert cursor.closed
        try:
            cursor.fetchone()
        except InterfaceError:
            pass
        else:
            raise AssertionError("a closed cursor gave a row")
        self.expected[number] = Expected()
        self.cursors[number] = self._cursor(number)

    @rule()
    def commit(self) -> None:
        kept = self.status == "T"
        try:
            self.connection.commit()
        except DatabaseError as error:
            assert error.sqlstate == "25P02", error
            assert self.status == "E"
        self._ended(kept=kept)

    @rule()
    def rollback(self) -> None:
        self.connection.rollback()
        self._ended(kept=False)

    def _ended(self, *, kept: bool) -> None:
        if self.status != "I":
            for expected in self.expected[2:]:
                if not expected.held or (expected.fresh and not kept):
                    expected.alive = False
                expected.fresh = False
        self.kept += self.pending if kept else []
        self.pending = []
        self.status = "I"

    def connection_status(self) -> str:
        """Where the transaction stands, as the server told."""
        status: str = self.connection.talk.session.transaction_status
        return status

    # -- what always holds ------------------------------------------------------------------

    @invariant()
    def told(self) -> None:
        assert self.connection_status() == self.status
        for cursor, expected in zip(self.cursors, self.expected):
            assert cursor.rowcount == (expected.counts[expected.place] if expected.results else -1)
            assert cursor.rownumber == (None if expected.rows is None else expected.at)
            assert (cursor.description is None) == (expected.rows is None)
