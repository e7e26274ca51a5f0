"""A dblink session as a Hypothesis state machine: links, cursors and queries, against a model.

Test code only. Two named links and the unnamed one: opened, closed, opened again; commands,
queries, cursors with the transactions that are theirs, queries sent and taken later. `Link` says
what dblink.c keeps of each. The same is played beside the real extension, without a model, by
`tests.conformance.dblink_random`.
"""

from __future__ import annotations

import itertools
from typing import Any, Dict, List, Optional, Tuple

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from purelink.errors import DatabaseError

__all__ = ["SessionMachine"]

FAIL = "SELECT 1/0"
_NUMBERS = itertools.count(1)

names = st.sampled_from([None, "a", "b"])
cursors = st.sampled_from(["k1", "k2"])
counts = st.integers(0, 5)
Rows = List[Tuple[Any, ...]]


def query(count: int) -> Tuple[str, Rows]:
    """Return a query that nobody asked before, and its rows."""
    token = f"q{next(_NUMBERS)}"
    sql = f"SELECT '{token}-' || n FROM generate_series(1, {count}) n"
    return sql, [(f"{token}-{n}",) for n in range(1, count + 1)]


def missing(name: Optional[str]) -> str:
    """Return the SQLSTATE where there is no link: a name that is none is a connection string."""
    return "08003" if name is None else "08001"


class Link:
    """What is known of one link."""

    def __init__(self) -> None:
        self.status = "I"
        self.cursors: Dict[str, Tuple[Rows, int]] = {}
        #: the transaction was begun for a cursor, and how many are open in it
        self.begun = False
        self.count = 0
        self.kept: List[int] = []
        self.pending: List[int] = []
        #: results of what was sent that were not taken; None: nothing was sent
        self.sent: Optional[List[Any]] = None

    def ended(self, *, kept: bool) -> None:
        """The transaction is over."""
        self.kept += self.pending if kept and self.status == "T" else []
        self.pending = []
        self.cursors.clear()
        self.status = "I"

    def failed(self) -> None:
        """A statement failed."""
        if self.status == "T":
            self.status = "E"


class SessionMachine(RuleBasedStateMachine):
    """Any sequence of dblink's calls in one session. `make` gives that, and how it is called."""

    make: Any

    def __init__(self) -> None:
        super().__init__()
        self.call, self.dsn, self.done = type(self).make()
        self.links: Dict[Optional[str], Link] = {}

    def teardown(self) -> None:
        """Close the session."""
        self.done()

    # -- shapes of rules --------------------------------------------------------------------

    def _try(self, sqlstate: str, function: str, *args: Any) -> Any:
        """Call a function that must fail with this SQLSTATE, or, without one, must not."""
        args = tuple(each for place, each in enumerate(args) if place or each is not None)
        try:
            result = self.call(f"dblink_{function}" if function else "dblink", *args)
        except DatabaseError as error:
            assert error.sqlstate == sqlstate, (function, args, error)
            return None
        assert not sqlstate, (function, args, result)
        return result

    def _remote(self, link: Link, sqlstate: str) -> str:
        """Return the SQLSTATE that a statement gets on a link, "" for none; it is played."""
        if link.status == "E":
            return "25P02"
        if sqlstate:
            link.failed()
        return sqlstate

    def _free(self, name: Optional[str]) -> bool:
        link = self.links.get(name)
        return link is None or link.sent is None

    # -- links ------------------------------------------------------------------------------

    @rule(name=names)
    def connect(self, name: Optional[str]) -> None:
        there = name is not None and name in self.links
        self._try("42710" if there else "", "connect", name, self.dsn)
        if not there:
            self.links[name] = Link()
            made = self._try("", "exec", name, "CREATE TEMP TABLE kept (n int CHECK (n >= 0))")
            assert made == "CREATE TABLE"

    @rule(name=names)
    def disconnect(self, name: Optional[str]) -> None:
        self._try("" if name in self.links else "08003", "disconnect", name)
        self.links.pop(name, None)

    @invariant()
    def connections(self) -> None:
        found = self.call("dblink_get_connections")
        assert sorted(found or []) == sorted(name for name in self.links if name is not None)

    # -- commands and queries ---------------------------------------------------------------

    @rule(name=names, command=st.sampled_from(["BEGIN", "COMMIT", "ROLLBACK"]))
    def transaction(self, name: Optional[str], command: str) -> None:
        link = self.links.get(name)
        if link is None or link.sent is not None:
            return
        if (command == "BEGIN") != (link.status == "I"):
            return  # a warning, or an error in a failed one: not what this is about
        tag = self._try("", "exec", name, command)
        if command == "BEGIN":
            assert tag == command
            link.status = "T"
            return
        assert tag == (command if link.status == "T" else "ROLLBACK")
        link.ended(kept=command == "COMMIT")

    @rule(name=names)
    def put(self, name: Optional[str]) -> None:
        link = self.links.get(name)
        if not self._free(name):
            return
        number = next(_NUMBERS)
        sqlstate = missing(name) if link is None else self._remote(link, "")
        tag = self._try(sqlstate, "exec", name, f"INSERT INTO kept VALUES ({number})")
        if link is not None and not sqlstate:
            assert tag == "INSERT 0 1"
            (link.kept if link.status == "I" else link.pending).append(number)

    @rule(name=names, soft=st.booleans())
    def fail(self, name: Optional[str], soft: bool) -> None:
        link = self.links.get(name)
        if link is None or not self._free(name):
            return
        if soft:
            assert self._try("", "exec", name, FAIL, False) == "ERROR"
            self._remote(link, "22012")
        else:
            self._try(self._remote(link, "22012"), "exec", name, FAIL)

    @rule(name=names, count=counts)
    def select(self, name: Optional[str], count: int) -> None:
        link = self.links.get(name)
        if not self._free(name):
            return
        sql, rows = query(count)
        sqlstate = missing(name) if link is None else self._remote(link, "")
        found = self._try(sqlstate, "", name, sql)
        assert found is None or found == rows

    # -- cursors ----------------------------------------------------------------------------

    @rule(name=names, cursor=cursors, count=counts)
    def open(self, name: Optional[str], cursor: str, count: int) -> None:
        link = self.links.get(name)
        if not self._free(name):
            return
        sql, rows = query(count)
        if link is None:
            self._try("08003", "open", name, cursor, sql)
            return
        if link.status == "I":
            link.status, link.begun, link.count = "T", True, 0
        if link.begun:
            link.count += 1
        there = cursor in link.cursors
        sqlstate = self._remote(link, "42P03" if there else "")
        assert self._try(sqlstate, "open", name, cursor, sql) in (None, "OK")
        if not sqlstate:
            link.cursors[cursor] = (rows, 0)

    @rule(name=names, cursor=cursors, count=st.integers(0, 3))
    def fetch(self, name: Optional[str], cursor: str, count: int) -> None:
        link = self.links.get(name)
        if not self._free(name):
            return
        if link is None:
            self._try("08003", "fetch", name, cursor, count)
            return
        sqlstate = self._remote(link, "" if cursor in link.cursors else "34000")
        found = self._try(sqlstate, "fetch", name, cursor, count)
        if not sqlstate:
            rows, at = link.cursors[cursor]
            assert found == rows[at : at + count]
            link.cursors[cursor] = (rows, at + len(found))

    @rule(name=names, cursor=cursors)
    def close(self, name: Optional[str], cursor: str) -> None:
        link = self.links.get(name)
        if not self._free(name):
            return
        if link is None:
            self._try("08003", "close", name, cursor)
            return
        sqlstate = self._remote(link, "" if cursor in link.cursors else "34000")
        assert self._try(sqlstate, "close", name, cursor) in (None, "OK")
        if sqlstate:
            return
        del link.cursors[cursor]
        if link.begun:
            link.count -= 1
            if link.count == 0:
                link.begun = False
                link.ended(kept=True)

    # -- sent, and taken later --------------------------------------------------------------

    @rule(name=st.sampled_from(["a", "b"]), first=counts, second=counts, bad=st.booleans())
    def send(self, name: str, first: int, second: int, bad: bool) -> None:
        link = self.links.get(name)
        if link is None or link.sent is not None:
            return
        (sql, rows), (more, others) = query(first), query(second)
        assert self._try("", "send_query", name, f"{sql}; {FAIL if bad else more}") == 1
        if link.status == "E":
            link.sent = ["25P02"]
            return
        link.sent = [rows, "22012" if bad else others]
        if bad:
            link.failed()

    @precondition(lambda self: any(link.sent is not None for link in self.links.values()))
    @rule(name=st.sampled_from(["a", "b"]))
    def take(self, name: str) -> None:
        link = self.links.get(name)
        if link is None or link.sent is None:
            return
        following = link.sent.pop(0) if link.sent else None
        sqlstate = following if isinstance(following, str) else ""
        found = self._try(sqlstate, "get_result", name)
        if following is None:
            assert found == []
            link.sent = None
        elif not sqlstate:
            assert found == following

    # -- what always holds ------------------------------------------------------------------

    @rule(name=names)
    def count(self, name: Optional[str]) -> None:
        link = self.links.get(name)
        if link is None or not self._free(name) or link.status == "E":
            return
        numbers = link.kept + link.pending
        sql = "SELECT count(*), coalesce(sum(n), 0)::int8 FROM kept"
        assert self._try("", "", name, sql) == [(len(numbers), sum(numbers))]
