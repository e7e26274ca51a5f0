"""The same calls through the real dblink extension and through `Session`, outcome by outcome.

A check is a small script that takes a *side* and makes dblink's calls on it. It runs first on
`Real` (the extension, by SQL in psycopg), then on `Ours` (`Session` or `AsyncSession`), and must be
told the same: rows as PostgreSQL's text, or SQLSTATE, message, DETAIL, HINT, CONTEXT, and notices.

Only the first line of a message counts where section 15.3 and 15.4 of the specification say so: the
refusals of a busy link (upstream repeats them), and a link that was lost.
"""

from __future__ import annotations

import asyncio
import time
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Callable, NamedTuple, Optional

import pytest

from purelink.dblink.aio import AsyncSession
from purelink.dblink.catalog import Catalog
from purelink.dblink.session import Session
from purelink.errors import Error
from purelink.values.interval import Interval

if TYPE_CHECKING:
    from purelink.conninfo import Surroundings

psycopg: Any = pytest.importorskip("psycopg", reason="the SQL side of these tests needs psycopg")

FACES = ("Session", "AsyncSession")
#: functions whose columns the caller declares
RECORDS = frozenset(("dblink", "dblink_fetch", "dblink_get_result"))
#: functions that give rows of columns of their own
SETS = frozenset(("dblink_get_notify", "dblink_get_pkey"))

_PATIENCE = 10.0  # seconds for the server to do what it does by itself
_BUSY = "another command is already in progress"
_FIRST_LINE = (
    "FATAL:  terminating connection",
    "server closed the connection unexpectedly",
    "begin error: FATAL:  terminating connection",
    "begin error: server closed the connection",
    "no connection to the server",
)


class Said(NamedTuple):
    """An error or a notice, as far as it is compared."""

    sqlstate: Optional[str]
    message: Optional[str]
    detail: Optional[str]
    hint: Optional[str]
    context: Optional[str]
    #: what dblink does not pass on: position and names of objects
    objects: tuple[Optional[str], ...]


def _first(message: Optional[str]) -> Optional[str]:
    if message is None:
        return None
    lines = message.split("\n")
    if message.startswith(_FIRST_LINE):
        del lines[1:]
    # upstream says it once more with every refusal
    kept = lines[:1]
    for line in lines[1:]:
        if line != _BUSY or not kept[-1].endswith(_BUSY):
            kept.append(line)
    return "\n".join(kept)


def said(diagnostics: Any) -> Said:
    """Read ours and psycopg's alike."""
    message = _first(diagnostics.message_primary)
    names = ("statement_position", "schema_name", "table_name", "column_name", "constraint_name")
    return Said(
        diagnostics.sqlstate,
        message,
        diagnostics.message_detail,
        diagnostics.message_hint,
        diagnostics.context,
        tuple(None if not getattr(diagnostics, n) else str(getattr(diagnostics, n)) for n in names),
    )


class Outcome(NamedTuple):
    """What came of a call: a value or rows as text, or an error; and the local notices."""

    what: str
    value: Any
    error: Optional[Said]
    notices: tuple[Said, ...]

    def gives(self, *value: Any) -> Outcome:
        """Assert a scalar, or rows (tuples of texts; nothing: no rows), and no notice."""
        assert self.error is None, self
        assert not self.notices, self
        return self.holds(*value)

    def holds(self, *value: Any) -> Outcome:
        """As `gives`, whatever the notices."""
        assert self.error is None, self
        expected = value[0] if len(value) == 1 and not isinstance(value[0], tuple) else [*value]
        assert self.value == expected, self
        return self

    def raises(self, sqlstate: str, message: str, **more: Optional[str]) -> Outcome:
        """Assert an error: its message, and of `detail`, `hint`, `context` those that are given."""
        assert self.error is not None, self
        _fits(self.error, sqlstate, message, more)
        return self

    def notes(self, sqlstate: str, message: str, **more: Optional[str]) -> Outcome:
        """Assert the one notice."""
        assert len(self.notices) == 1, self
        _fits(self.notices[0], sqlstate, message, more)
        return self


def _fits(have: Said, sqlstate: str, message: str, more: dict[str, Optional[str]]) -> None:
    assert (have.sqlstate, have.message) == (sqlstate, message), have
    for name, value in more.items():
        assert getattr(have, name) == value, have


def text_of(value: Any) -> Optional[str]:
    """Return a Python value as PostgreSQL's default output has it."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "t" if value else "f"
    if isinstance(value, list):
        return f"{{{','.join(_element(each) for each in value)}}}"
    if isinstance(value, datetime):
        return value.isoformat(" ")
    if isinstance(value, timedelta):
        return _interval(value)
    if isinstance(value, (int, date, float, Decimal, Interval)):
        return str(value)
    raise TypeError(f"no text for {value!r}")


def _element(value: Any) -> str:
    if value is None:
        return "NULL"
    text = text_of(value)
    assert text is not None
    if isinstance(value, (list, int)) or (text.isalnum() and text.lower() != "null"):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _interval(value: timedelta) -> str:
    # IntervalStyle postgres, each field with its own sign
    days, micro = int(value / timedelta(days=1)), 0
    micro = (value - timedelta(days=days)) // timedelta(microseconds=1)
    parts = [f"{days} day{'' if days == 1 else 's'}"] if days else []
    if micro or not parts:
        sign = "-" if micro < 0 else "+" if days < 0 else ""
        whole, fraction = divmod(abs(micro), 1_000_000)
        clock = f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}"
        parts.append(sign + clock + f".{fraction:06}".rstrip("0").rstrip("."))
    return " ".join(parts)


class Side:
    """One of the two; what both have: the server, strings for it, an observer, a transcript."""

    real = False

    def __init__(self, server: Any) -> None:
        self.server = server
        self.H = f"host={server.host} port={server.port} dbname=rem"
        self.CS = f"{self.H} user={server.superuser}"  # trusted: see tests.cluster
        self.transcript: list[Outcome] = []
        self.notices: list[Said] = []
        self.pids: dict[str, int] = {}
        self.observer = psycopg.connect(server.dsn, dbname="rem", autocommit=True)
        self.observer.add_notice_handler(lambda _: None)
        self._before = self._pids()

    def close(self) -> None:
        self.observer.close()

    # -- what the sides do each in its own way ----------------------------------------------

    def invoke(self, function: str, args: tuple[Any, ...], columns: str | None) -> Any:
        raise NotImplementedError

    def role(self, name: str | None) -> None:
        """SET ROLE to one that is no superuser; None: RESET ROLE."""
        raise NotImplementedError

    def local(self, sql: str) -> None:
        """Run SQL in the local session, which `Session` has none of."""

    def ddl(self, sql: str, call: Callable[[Catalog], Any]) -> Outcome:
        """Change the catalog: by SQL there, by a call here."""
        raise NotImplementedError

    # -- calls --------------------------------------------------------------------------------

    def raw(self, function: str, *args: Any, columns: str | None = None) -> Any:
        """Call without keeping a record: what may differ, as a backend's pid."""
        return self.invoke(function, args, columns)

    def call(self, function: str, *args: Any, columns: str | None = None) -> Outcome:
        """Call, and write down what came of it."""
        shown = f"{function}{args!r}" + (f" as t({columns})" if columns is not None else "")
        return self._noted(shown, lambda: self.invoke(function, args, columns))

    def _noted(self, shown: str, call: Callable[[], Any]) -> Outcome:
        self.notices.clear()
        value, error = None, None
        try:
            value = call()
        except (psycopg.Error, Error) as raised:
            error = said(getattr(raised, "diag", None) or raised.diagnostics)
        if shown.startswith("dblink_get_connections") and value is not None:
            value = sorted(value)
        if shown.startswith("dblink_get_notify") and value is not None:
            value = [(name, "pid", extra) for name, _, extra in value]
        if shown.startswith("dblink_error_message"):
            value = _first(value)
        outcome = Outcome(shown.replace(self.server.host, "H"), value, error, tuple(self.notices))
        self.transcript.append(outcome)
        return outcome

    def connect(self, *args: Any) -> Outcome:
        return self.call("dblink_connect", *args)

    def disconnect(self, *args: Any) -> Outcome:
        return self.call("dblink_disconnect", *args)

    def exec(self, *args: Any) -> Outcome:
        return self.call("dblink_exec", *args)

    def rows(self, *args: Any, columns: str = "x text") -> Outcome:
        return self.call("dblink", *args, columns=columns)

    def open(self, *args: Any) -> Outcome:
        return self.call("dblink_open", *args)

    def fetch(self, *args: Any, columns: str = "x text") -> Outcome:
        return self.call("dblink_fetch", *args, columns=columns)

    def close_cursor(self, *args: Any) -> Outcome:
        return self.call("dblink_close", *args)

    def send(self, *args: Any) -> Outcome:
        return self.call("dblink_send_query", *args)

    def result(self, *args: Any, columns: str = "x text") -> Outcome:
        return self.call("dblink_get_result", *args, columns=columns)

    def busy(self, name: str | None) -> Outcome:
        return self.call("dblink_is_busy", name)

    def cancel(self, name: str | None) -> Outcome:
        return self.call("dblink_cancel_query", name)

    def message(self, name: str | None) -> Outcome:
        return self.call("dblink_error_message", name)

    def names(self) -> Outcome:
        return self.call("dblink_get_connections")

    def notify(self, *args: Any) -> Outcome:
        return self.call("dblink_get_notify", *args)

    # -- the world around ---------------------------------------------------------------------

    def remote(self, sql: str) -> list[tuple[Any, ...]]:
        """Run SQL in `rem` by a connection of the test's own."""
        cursor = self.observer.execute(sql)
        return list(cursor.fetchall()) if cursor.description else []

    def seen(self, sql: str) -> Outcome:
        """Run SQL in `rem` as a stranger, and write down what it shows."""
        return self._noted(f"seen: {sql}", lambda: [tuple(map(str, r)) for r in self.remote(sql)])

    def _pids(self) -> set[int]:
        sql = (
            "select pid from pg_stat_activity where datname in ('rem', 'latin')"
            " and backend_type = 'client backend' and pid <> pg_backend_pid()"
        )
        return {pid for (pid,) in self.remote(sql)}

    def backends(self, count: int) -> None:
        """Wait until this side has just so many backends in `rem`."""
        self.until(lambda: len(self._pids() - self._before) == count, f"{count} backends")

    def until(self, condition: Callable[[], Any], what: str) -> None:
        deadline = time.monotonic() + _PATIENCE
        while not condition():
            assert time.monotonic() < deadline, f"not within {_PATIENCE:g} s: {what}"
            time.sleep(0.005)

    def done(self, name: str) -> None:
        """Wait until the result of what was sent can be taken without waiting."""
        self.until(lambda: str(self.raw("dblink_is_busy", name)) == "0", "the query's end")

    def answered(self, name: str) -> None:
        """Wait until the server is done, without looking at the link."""
        pid = self.pids[name]
        sql = f"select 1 from pg_stat_activity where pid = {pid} and state = 'active'"
        self.until(lambda: not self.remote(sql), "the query's end")
        time.sleep(0.02)  # its answer is on the way

    def pid(self, name: str) -> int:
        """Return (and keep) the backend pid of a link."""
        rows = self.raw("dblink", name, "select pg_backend_pid()", columns="x text")
        self.pids[name] = int(rows[0][0])
        return self.pids[name]

    def kill(self, name: str) -> None:
        """End a link's backend; its last words have come when this returns."""
        pid = self.pid(name)
        self.remote(f"select pg_terminate_backend({pid})")
        self.until(
            lambda: not self.remote(f"select 1 from pg_stat_activity where pid = {pid}"),
            "the backend's end",
        )
        time.sleep(0.02)


class Real(Side):
    """The extension, called by SQL in database `loc`."""

    real = True

    def __init__(self, server: Any) -> None:
        super().__init__(server)
        try:
            self.connection = psycopg.connect(server.dsn, dbname="loc", autocommit=True)
        except psycopg.OperationalError as error:
            pytest.skip(f"no database `loc` (tests.cluster makes it): {error}")
        self.connection.add_notice_handler(lambda one: self.notices.append(said(one)))

    def close(self) -> None:
        self.connection.close()
        super().close()

    def sql(self, function: str, args: tuple[Any, ...], columns: str | None) -> str:
        call = f"{function}({', '.join(_literal(each) for each in args)})"
        if function in RECORDS:
            assert columns is not None, "the extension wants the columns declared"
            return f"select * from {call} as t({columns})"
        return f"select * from {call}" if function in SETS else f"select {call}"

    def invoke(self, function: str, args: tuple[Any, ...], columns: str | None) -> Any:
        result = self.connection.execute(self.sql(function, args, columns)).pgresult
        rows = [
            tuple(
                None if value is None else value.decode()
                for value in (result.get_value(row, column) for column in range(result.nfields))
            )
            for row in range(result.ntuples)
        ]
        if function in RECORDS or function in SETS:
            return rows
        (value,) = rows[0]
        if function == "dblink_get_connections" and value is not None:
            return self.connection.execute("select %s::text[]", [value]).fetchone()[0]
        return value

    def role(self, name: str | None) -> None:
        self.connection.execute("reset role" if name is None else f"set role {name}")

    def local(self, sql: str) -> None:
        self.connection.execute(sql)

    def ddl(self, sql: str, call: Callable[[Catalog], Any]) -> Outcome:
        def run() -> None:
            self.connection.execute(sql)

        return self._noted(sql, run)


class Ours(Side):
    """`Session`, or `AsyncSession` on a loop of its own."""

    def __init__(self, server: Any, face: str, **settings: Any) -> None:
        super().__init__(server)
        version = self.observer.info.server_version // 10000
        self.catalog = Catalog(dblink_version=version, owner=server.superuser)
        kind: Any = {"Session": Session, "AsyncSession": AsyncSession}[face]
        self.loop = asyncio.new_event_loop() if face == "AsyncSession" else None
        self.session: Any = kind(
            superuser=True,
            user=server.superuser,
            catalog=self.catalog,
            dblink_version=version,
            **settings,
        )
        self.session.notice_handlers.append(lambda one: self.notices.append(said(one)))
        self.catalog.on_notice = lambda one: self.notices.append(said(one))

    def finish(self, value: Any) -> Any:
        """Return a value, or what comes of awaiting it."""
        if self.loop is not None and asyncio.iscoroutine(value):
            return self.loop.run_until_complete(value)
        return value

    def close(self) -> None:
        self.finish(self.session.close())
        if self.loop is not None:
            self.loop.close()
        super().close()

    def invoke(self, function: str, args: tuple[Any, ...], columns: str | None) -> Any:
        method = getattr(self.session, function)
        if function in RECORDS:
            found = self.finish(method(*args, columns=columns))
            return [tuple(map(text_of, row)) for row in self.finish(found.fetchall())]
        value = self.finish(method(*args))
        if function in SETS:
            return [tuple(map(text_of, row)) for row in value]
        return str(value) if isinstance(value, int) else value

    def role(self, name: str | None) -> None:
        self.session.superuser = name is None
        self.session.user = self.server.superuser if name is None else name

    def ddl(self, sql: str, call: Callable[[Catalog], Any]) -> Outcome:
        def run() -> None:
            call(self.catalog)

        return self._noted(sql, run)


def _literal(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, list):
        return f"array[{', '.join(_literal(each) for each in value)}]::text[]"
    quoted = value.replace("'", "''").replace("\\", "\\\\")
    return f" E'{quoted}'" if "\\" in value else f"'{quoted}'"


Script = Callable[[Any], Any]


def compare(
    server: Any, face: str, script: Script, surroundings: Surroundings | None = None
) -> None:
    """Run a script on both sides, and compare what they were told."""
    real = played(Real(server), script)
    ours = played(Ours(server, face, surroundings=surroundings), script)
    for expected, found in zip(real, ours):
        assert found == expected, f"\n  real: {expected}\n  ours: {found}"
    assert len(real) == len(ours)


def played(side: Side, script: Script) -> list[Outcome]:
    try:
        script(side)
        return side.transcript
    finally:
        side.close()


def twice(script: Script) -> Callable[..., None]:
    """Make a test of a script: the extension and `Session`, the extension and `AsyncSession`."""

    @pytest.mark.server
    @pytest.mark.parametrize("face", FACES)
    def test(face: str, server: Any) -> None:
        release = tuple(int(part) for part in server.version.split("."))
        if not (18, 6) <= release < (19,):
            pytest.skip(f"server {server.version}: the checks have 18.6's words")
        compare(server, face, script)

    test.__name__ = test.__qualname__ = script.__name__
    test.__doc__, test.__module__ = script.__doc__, script.__module__
    marked: Any = test
    marked.script = script  # for whoever plays it otherwise
    return marked  # type: ignore[no-any-return]  # it is the test
