"""A small PostgreSQL in memory, told from bytes to bytes: honest, but it may interrupt at any time.

Test code only. It knows the statements of `tests.machines.machine` and no others, with
transactions, implicit ones too, prepared statements, portals with limits and COPY. It is written
from the protocol's chapter of the manual, not from our client, so that each judges the other.
"""

from __future__ import annotations

import re
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from purelink.testing.bytes import NOTICE, NOTIFICATION, STATUS
from purelink.wire import backend, frontend

__all__ = ["ModelServer"]

TEXT, INT8, INT4 = 25, 20, 23
Rows = Iterator[Tuple[Any, ...]]


class Refused(Exception):
    """An error of the server's."""

    def __init__(self, sqlstate: str, text: str) -> None:
        super().__init__(text)
        self.sqlstate = sqlstate


class Answer(NamedTuple):
    """What a statement gives. rows: None where it returns none; copy: "in" or "out"."""

    tag: str
    rows: Optional[Rows] = None
    copy: str = ""


class Portal:
    """A bound statement, and how far it was read."""

    def __init__(self, sql: str, parameters: List[Any], formats: Sequence[int]) -> None:
        self.sql = sql
        self.parameters = parameters
        self.format = formats[0] if formats else 0
        self.answer: Optional[Answer] = None


class Declared:
    """A cursor: all of its rows, and how many of them are behind it."""

    def __init__(self, sql: str, rows: List[Tuple[Any, ...]], *, held: bool) -> None:
        self.sql = sql
        self.rows = rows
        self.held = held
        self.at = 0
        #: made in the transaction that is open
        self.fresh = True


#: statement -> OIDs of its parameters, and of its columns
SHAPES: Dict[str, Tuple[Tuple[int, ...], Tuple[int, ...]]] = {
    "SELECT $1::text": ((TEXT,), (TEXT,)),
    "SELECT $1::text || '-' || n FROM generate_series(1, $2::int) n": ((TEXT, INT4), (TEXT,)),
    "SELECT 1/$1::int": ((INT4,), (INT4,)),
    "INSERT INTO kept VALUES ($1)": ((INT4,), ()),
    "SELECT count(*), coalesce(sum(n), 0)::int8 FROM kept": ((), (INT8, INT8)),
}


KNOWN = r"(BEGIN|COMMIT|ROLLBACK|COPY|INSERT|DEALLOC|DECLARE|FETCH|MOVE|CLOSE|CREATE)"
DECLARE = re.compile(r'DECLARE "?(\w+)"?(?: SCROLL)? CURSOR( WITH HOLD)? FOR (.*)', re.DOTALL)
FETCH = re.compile(r'FETCH (?:FORWARD )?(\d+|ALL) FROM "?(\w+)"?')
LITERAL = re.compile(r"SELECT '(\w+)-' \|\| n FROM generate_series\(1, (\d+)\) n")
MOVE = re.compile(r'MOVE ABSOLUTE (\d+) FROM "(\w+)"')


class ModelServer:
    """The server's side of one connection, from after the startup on.

    Args:
        aside: tells, before each message, whether something unasked comes first.
        table: what is committed, if others see it too.

    Attributes:
        table: what is committed in `kept`.
    """

    def __init__(self, aside: Any, table: Optional[List[int]] = None) -> None:
        self.table: List[int] = [] if table is None else table
        self._aside = aside
        self._pending: List[int] = []
        self._in_block = self._failed = self._skipping = False
        self._statements: Dict[bytes, str] = {}
        self._portals: Dict[bytes, Portal] = {}
        self._cursors: Dict[str, Declared] = {}
        self._buffer = b""
        self._out: List[bytes] = []
        self._copied: Optional[bytearray] = None
        self._simple: Optional[List[str]] = None

    @property
    def status(self) -> str:
        """The transaction status that ReadyForQuery would tell."""
        return ("E" if self._failed else "T") if self._in_block else "I"

    def feed(self, data: bytes) -> bytes:
        """Take what the client says; return what is answered."""
        self._buffer += data
        while len(self._buffer) >= 5:
            end = 1 + int.from_bytes(self._buffer[1:5], "big")
            if len(self._buffer) < end:
                break
            message = frontend.decode(self._buffer[0], self._buffer[5:end])
            self._buffer = self._buffer[end:]
            self._hear(message)
        out, self._out = b"".join(self._out), []
        return out

    def _say(self, message: Any) -> None:
        if self._aside():
            self._out.append((NOTICE, NOTIFICATION, STATUS)[len(self._out) % 3])
        self._out.append(message.encode())

    def _hear(self, message: Any) -> None:
        name = type(message).__name__
        if self._copied is not None and name in ("Flush", "Sync"):
            return
        if self._skipping and name != "Sync":
            return
        try:
            getattr(self, f"_{name.lower()}")(message)
        except Refused as error:
            self._fail(error)
            if self._simple is None:
                self._skipping = True
            else:
                self._simple = None
                self._ready()

    def _fail(self, error: Refused) -> None:
        fields = {"S": "ERROR", "V": "ERROR", "C": error.sqlstate, "M": str(error)}
        self._say(backend.ErrorResponse(fields))
        self._copied = None
        if self._in_block:
            self._failed = True
        self._pending = self._pending if self._in_block else []

    def _ready(self) -> None:
        if not self._in_block:
            self.table += self._pending
            self._pending = []
            self._portals.clear()
            self._end_cursors(kept=True)
        self._say(backend.ReadyForQuery(self.status.encode()))

    # -- what the client says ---------------------------------------------------------------

    def _sync(self, _message: Any) -> None:
        self._skipping = False
        self._ready()

    def _flush(self, _message: Any) -> None:
        pass

    def _query(self, message: Any) -> None:
        self._simple = [part.strip() for part in message.sql.decode().split(";")]
        if not any(self._simple):
            self._say(backend.EmptyQueryResponse())
        self._on()

    def _on(self) -> None:
        """Go on with a simple query: after a COPY in the middle, too."""
        while self._simple:
            sql = self._simple.pop(0)
            if not sql:
                continue
            answer = self._run(sql, [])
            if answer.copy == "in":
                self._copied = bytearray()
                self._say(backend.CopyInResponse(0, (0,)))
                return
            self._give(sql, answer)
        self._simple = None
        self._ready()

    def _give(self, sql: str, answer: Answer) -> None:
        if answer.copy == "out":
            self._copy_out(answer)
            return
        if answer.rows is not None:
            fetched = FETCH.fullmatch(sql)
            sql = sql if fetched is None else self._cursors[fetched[2]].sql
            self._say(backend.RowDescription(columns_of(sql, 0)))
            for row in answer.rows:
                self._say(backend.DataRow([written(value, 0, TEXT) for value in row]))
        self._say(backend.CommandComplete(answer.tag.encode()))

    def _copy_out(self, answer: Answer) -> None:
        self._say(backend.CopyOutResponse(0, (0,)))
        assert answer.rows is not None
        for (n,) in answer.rows:
            self._say(backend.CopyData(f"{n}\n".encode()))
        self._out.append(b"c\0\0\0\x04")
        self._say(backend.CommandComplete(answer.tag.encode()))

    def _parse(self, message: Any) -> None:
        sql = message.sql.decode()
        if self._failed and sql not in ("COMMIT", "ROLLBACK"):
            raise Refused("25P02", "current transaction is aborted")
        if sql not in SHAPES and not LITERAL.fullmatch(sql) and not re.match(KNOWN, sql):
            raise Refused("42601", f"syntax error: {sql!r}")
        if message.statement and message.statement in self._statements:
            raise Refused("42P05", "prepared statement already exists")
        self._statements[message.statement] = sql
        self._say(backend.ParseComplete())

    def _bind(self, message: Any) -> None:
        sql = self._statements.get(message.statement)
        if sql is None:
            raise Refused("26000", "prepared statement does not exist")
        if self._failed and sql not in ("COMMIT", "ROLLBACK"):
            raise Refused("25P02", "current transaction is aborted")
        oids = shape(_declaring(sql)[2])[0]
        formats = message.formats or (0,)
        if len(formats) == 1:
            formats = formats * len(message.values)
        values = [read(*each) for each in zip(oids, formats, message.values)]
        self._portals[message.portal] = Portal(sql, values, message.result_formats)
        self._say(backend.BindComplete())

    def _describe(self, message: Any) -> None:
        if message.kind == b"S":
            sql = self._statements[message.name]
            self._say(backend.ParameterDescription(shape(sql)[0]))
            form = 0
        elif message.name.decode() in self._cursors:
            sql, form = self._cursors[message.name.decode()].sql, 0
        elif message.name in self._portals:
            sql, form = self._portals[message.name].sql, self._portals[message.name].format
        else:
            raise Refused("34000", "portal does not exist")
        fetched = FETCH.fullmatch(sql)
        if fetched is not None:
            sql = self._cursor(fetched[2]).sql
        columns = columns_of(sql, form)
        self._say(backend.RowDescription(columns) if columns else backend.NoData())

    def _execute(self, message: Any) -> None:
        portal = self._portals.get(message.portal)
        if portal is None:
            raise Refused("34000", "portal does not exist")
        if portal.answer is None:
            portal.answer = self._run(portal.sql, portal.parameters)
        answer = portal.answer
        if answer.copy == "in":
            self._copied = bytearray()
            self._say(backend.CopyInResponse(0, (0,)))
            return
        if answer.copy == "out":
            self._copy_out(answer)
            return
        if answer.rows is not None:
            fetched = FETCH.fullmatch(portal.sql)
            oids = shape(portal.sql if fetched is None else self._cursors[fetched[2]].sql)[1]
            for count, row in enumerate(answer.rows, 1):
                values = [written(*each) for each in zip(row, [portal.format] * len(row), oids)]
                self._say(backend.DataRow(values))
                if count == message.limit:
                    self._say(backend.PortalSuspended())
                    return
        self._say(backend.CommandComplete(answer.tag.encode()))

    def _close(self, message: Any) -> None:
        if message.kind == b"S":
            self._statements.pop(message.name, None)
        else:
            self._portals.pop(message.name, None)
            self._cursors.pop(message.name.decode(), None)
        self._say(backend.CloseComplete())

    def _copydata(self, message: Any) -> None:
        if self._copied is not None:
            self._copied += message.data

    def _copydone(self, _message: Any) -> None:
        if self._copied is None:
            return
        lines = bytes(self._copied).split(b"\n")[:-1]
        self._copied = None
        self._pending += [int(line) for line in lines]
        self._say(backend.CommandComplete(f"COPY {len(lines)}".encode()))
        if self._simple is not None:
            self._on()

    def _copyfail(self, _message: Any) -> None:
        if self._copied is not None:
            raise Refused("57014", "COPY from stdin failed")

    # -- what it does -----------------------------------------------------------------------

    def _run(self, sql: str, parameters: List[Any]) -> Answer:
        if self._failed and sql not in ("COMMIT", "ROLLBACK"):
            raise Refused("25P02", "current transaction is aborted")
        if sql == "BEGIN":
            self._in_block = True
            return Answer("BEGIN")
        if sql in ("COMMIT", "ROLLBACK"):
            kept = sql == "COMMIT" and not self._failed
            self.table += self._pending if kept else []
            self._pending = []
            self._in_block = self._failed = False
            self._end_cursors(kept=kept)
            return Answer("COMMIT" if kept else "ROLLBACK")
        if sql == "DEALLOCATE ALL":
            self._statements.clear()
            return Answer("DEALLOCATE ALL")
        if sql.startswith(("DECLARE", "FETCH", "MOVE", "CLOSE")):
            return self._on_cursor(sql, parameters)
        if sql.startswith("CREATE"):
            return Answer("CREATE TABLE")
        put = re.fullmatch(r"INSERT INTO kept VALUES \((\d+|\$1)\)", sql)
        if put:
            value = parameters[0] if put[1] == "$1" else int(put[1])
            if value is None or value < 0:
                raise Refused("23514", "new row violates check constraint")
            self._pending.append(value)
            return Answer("INSERT 0 1")
        if sql == "COPY kept FROM STDIN":
            return Answer("", copy="in")
        if sql.startswith("COPY ("):
            return Answer("COPY 3000", iter([(n,) for n in range(1, 3001)]), "out")
        if sql in ("SELECT 1/$1::int", "SELECT 1/0"):
            if not parameters or parameters[0] == 0:
                raise Refused("22012", "division by zero")
            return Answer("SELECT 1", iter([(1 // parameters[0],)]))
        if sql.startswith("SELECT count(*)"):
            kept_now = self.table + self._pending
            return Answer("SELECT 1", iter([(len(kept_now), sum(kept_now))]))
        if sql == "SELECT $1::text":
            return Answer("SELECT 1", iter([(parameters[0],)]))
        written_out = LITERAL.fullmatch(sql)
        if sql in SHAPES or written_out is not None:
            token, count = parameters if written_out is None else written_out.groups()
            count = int(count)
            return Answer(f"SELECT {count}", iter([(f"{token}-{n}",) for n in range(1, count + 1)]))
        raise Refused("42601", f"syntax error: {sql!r}")

    # -- cursors ----------------------------------------------------------------------------

    def _cursor(self, name: str) -> Declared:
        found = self._cursors.get(name)
        if found is None:
            raise Refused("34000", f"cursor {name} does not exist")
        return found

    def _on_cursor(self, sql: str, parameters: List[Any]) -> Answer:
        if sql.startswith("DECLARE"):
            name, held, query = _declaring(sql)
            if name in self._cursors:
                raise Refused("42P03", "cursor already exists")
            if not (self._in_block or held):
                raise Refused("25P01", "DECLARE CURSOR can only be used in transaction blocks")
            answer = self._run(query, parameters)
            assert answer.rows is not None
            self._cursors[name] = Declared(query, list(answer.rows), held=held)
            return Answer("DECLARE CURSOR")
        if sql.startswith("CLOSE"):
            name = sql.split()[1].strip('"')
            self._cursor(name)
            del self._cursors[name]
            return Answer("CLOSE CURSOR")
        fetched = FETCH.fullmatch(sql)
        if fetched is None:
            moved = MOVE.fullmatch(sql)
            assert moved is not None, sql
            cursor = self._cursor(moved[2])
            cursor.at = min(int(moved[1]), len(cursor.rows))
            return Answer("MOVE 1")
        cursor = self._cursor(fetched[2])
        until = len(cursor.rows) if fetched[1] == "ALL" else cursor.at + int(fetched[1])
        rows = cursor.rows[cursor.at : until]
        cursor.at += len(rows)
        return Answer(f"FETCH {len(rows)}", iter(rows))

    def _end_cursors(self, *, kept: bool) -> None:
        """A transaction takes with it what is not held, and what it made if it is undone."""
        for name, cursor in list(self._cursors.items()):
            if not cursor.held or (cursor.fresh and not kept):
                del self._cursors[name]
            cursor.fresh = False


def _declaring(sql: str) -> Tuple[str, bool, str]:
    """Return a DECLARE's cursor, whether it is held, and its query; of another, the statement."""
    found = DECLARE.fullmatch(sql)
    return ("", False, sql) if found is None else (found[1], bool(found[2]), found[3])


def shape(sql: str) -> Tuple[Tuple[int, ...], Tuple[int, ...]]:
    """Return the OIDs of a statement's parameters, and of its columns."""
    return ((), (TEXT,)) if LITERAL.fullmatch(sql) else SHAPES.get(sql, ((), ()))


def columns_of(sql: str, form: int) -> Tuple[backend.Column, ...]:
    """Return a statement's columns."""
    return tuple([backend.Column("c", oid, format=form) for oid in shape(sql)[1]])


def read(oid: int, form: int, value: Optional[bytes]) -> Any:
    """Return a parameter's value."""
    if value is None:
        return None
    if oid == TEXT:
        return value.decode()
    return int.from_bytes(value, "big", signed=True) if form else int(value)


def written(value: Any, form: int, oid: int) -> Optional[bytes]:
    """Return a value as a row has it."""
    if value is None:
        return None
    if form and oid != TEXT:
        return int(value).to_bytes(8 if oid == INT8 else 4, "big", signed=True)
    return str(value).encode()
