"""A pool as a Hypothesis state machine: loans, what is left undone, deaths, against a model.

Test code only. Connections are taken, used, killed on the server's side, closed by the caller, and
given back in whatever state; the pool is resized, checked and drained. What is required: at most so
many connections; none to two borrowers; each that is lent answers, in no transaction; what was
committed is there, once, and nothing else.
"""

from __future__ import annotations

import itertools
from typing import Any, List

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from purelink.errors import (
    ConnectionLost,
    DatabaseError,
    DataError,
    InterfaceError,
    PoolTimeout,
)

__all__ = ["PoolMachine", "Surroundings"]

ECHO = "SELECT $1::text"
PUT = "INSERT INTO kept VALUES ($1)"
COUNT = "SELECT count(*), coalesce(sum(n), 0)::int8 FROM kept"
FAIL = "SELECT 1/$1::int"
_NUMBERS = itertools.count(1)

which = st.integers(0, 3)


class Mine(Exception):
    """The borrower's own."""


class Surroundings:
    """What the machine needs: a pool of a face, and somebody who kills connections."""

    pool: Any

    def run(self, result: Any) -> Any:
        """Have a result, awaited where the face is asynchronous."""
        raise NotImplementedError

    def block(self, use: Any, error: Exception | None) -> None:
        """Borrow a connection in a block that ends so."""
        raise NotImplementedError

    #: ends a list of connections on the server's side; returns once they have ended
    kill: Any

    def close(self) -> None:
        """Close the pool."""
        raise NotImplementedError


class Loan:
    """A connection that is lent."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.pending: List[int] = []
        self.alive = True
        self.failed = False


class PoolMachine(RuleBasedStateMachine):
    """Any sequence of calls on one pool. `make` gives its surroundings."""

    make: Any

    def __init__(self) -> None:
        super().__init__()
        self.around: Surroundings = type(self).make()
        self.pool = self.around.pool
        self.loans: List[Loan] = []
        self.kept: List[int] = []
        self.most = 3

    def teardown(self) -> None:
        """Give everything back, and close."""
        for loan in self.loans:
            self._give_back(loan)
        self.around.close()

    # -- shapes of rules --------------------------------------------------------------------

    def _call(self, name: str, *args: Any, **keywords: Any) -> Any:
        return self.around.run(getattr(self.pool, name)(*args, **keywords))

    def _ask(self, loan: Loan, name: str, *args: Any) -> Any:
        return self.around.run(getattr(loan.connection, name)(*args))

    def _give_back(self, loan: Loan) -> None:
        self._call("putconn", loan.connection)

    def _lent(self, number: int) -> Any:
        return self.loans[number % len(self.loans)] if self.loans else None

    def _check(self, connection: Any) -> None:
        """Whoever borrows a connection finds it as a new one is."""
        assert all(loan.connection is not connection for loan in self.loans)
        session = connection.talk.session
        assert session.idle
        assert session.transaction_status == "I"
        token = f"p{next(_NUMBERS)}"
        assert self.around.run(connection.query(ECHO, token)).rows == [(token,)]

    # -- rules ------------------------------------------------------------------------------

    @rule()
    def borrow(self) -> None:
        if len(self.loans) >= self.most:
            try:
                self._call("getconn", timeout=0.02)
            except PoolTimeout:
                return
            raise AssertionError("more connections than may be")
        connection = self._call("getconn", timeout=5)
        self._check(connection)
        self.loans.append(Loan(connection))

    @precondition(lambda self: self.loans)
    @rule(number=which)
    def give_back(self, number: int) -> None:
        loan = self._lent(number)
        self.loans.remove(loan)
        self._give_back(loan)
        try:
            self._give_back(loan)
        except InterfaceError:
            return
        raise AssertionError("it was given back twice")

    @precondition(lambda self: len(self.loans) < self.most)
    @rule(raising=st.booleans(), failing=st.booleans())
    def block(self, raising: bool, failing: bool) -> None:
        number = next(_NUMBERS)

        def use(connection: Any) -> Any:
            self._check(connection)
            self.around.run(connection.query(PUT, number))
            if failing:
                self.around.run(connection.query(FAIL, 0))

        try:
            self.around.block(use, Mine() if raising else None)
        except (Mine, DataError):
            assert raising or failing
            return
        assert not raising
        assert not failing
        self.kept.append(number)

    @precondition(lambda self: self.loans)
    @rule(number=which, bad=st.booleans())
    def work(self, number: int, bad: bool) -> None:
        loan, value = self._lent(number), next(_NUMBERS)
        try:
            self._ask(loan, "query", *((FAIL, 0) if bad else (PUT, value)))
        except (ConnectionLost, InterfaceError):
            assert not loan.alive
            return
        except DatabaseError as error:
            assert error.sqlstate == ("25P02" if loan.failed else "22012"), error
            assert bad or loan.failed
            assert loan.alive
            loan.failed = True
            return
        assert loan.alive
        assert not bad
        assert not loan.failed
        loan.pending.append(value)

    @precondition(lambda self: self.loans)
    @rule(number=which, back=st.booleans())
    def end(self, number: int, back: bool) -> None:
        loan = self._lent(number)
        open_ = loan.connection.talk.session.transaction_status != "I"
        try:
            self._ask(loan, "rollback" if back else "commit")
        except (ConnectionLost, InterfaceError):
            assert not loan.alive
            return
        except DatabaseError as error:
            assert error.sqlstate == "25P02", error
            assert loan.failed
        else:
            # Nothing is said where no transaction is open: nobody hears then that it is dead.
            assert loan.alive or not open_ or loan.connection.closed
            if not back and loan.alive:
                self.kept += loan.pending
        loan.pending, loan.failed = [], False

    @precondition(lambda self: any(loan.alive for loan in self.loans))
    @rule(number=which)
    def kill(self, number: int) -> None:
        living = [loan for loan in self.loans if loan.alive]
        loan = living[number % len(living)]
        self.around.kill([loan.connection])
        loan.alive = False
        loan.pending = []

    @rule()
    def kill_idle(self) -> None:
        idle = [member.connection for member in self.pool._ledger.idle]
        self.around.kill([each for each in idle if not each.closed])

    @precondition(lambda self: self.loans)
    @rule(number=which)
    def close(self, number: int) -> None:
        loan = self._lent(number)
        self._ask(loan, "close")
        loan.alive = False
        loan.pending = []

    @rule(most=st.integers(1, 3))
    def resize(self, most: int) -> None:
        self._call("resize", 1, most)
        self.most = most

    @rule(name=st.sampled_from(["check", "drain"]))
    def tend(self, name: str) -> None:
        self._call(name)

    @precondition(lambda self: len(self.loans) < self.most)
    @rule()
    def count(self) -> None:
        connection = self._call("getconn", timeout=5)
        try:
            found = self.around.run(connection.query(COUNT)).rows
        finally:
            self._call("putconn", connection)
        assert found == [(len(self.kept), sum(self.kept))]

    # -- what always holds ------------------------------------------------------------------

    @invariant()
    def counted(self) -> None:
        stats = self.pool.get_stats()
        assert stats["pool_size"] - stats["pool_available"] == len(self.loans), stats
        assert stats["pool_size"] <= max(self.most, len(self.loans)), stats
        assert stats.get("requests_waiting", 0) == 0, stats
