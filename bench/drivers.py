"""The drivers that `bench.queries` compares: the blocking ones, and what all have in common.

A driver has one method a workload; what it returns is compared with the others' before anything
is timed. Each is used as its own documentation would have it for speed, in a process of its own
(`bench.worker`).
"""
# ruff: noqa: D102, ARG002 - a method a workload, told once in `Driver` and `bench.queries`

from __future__ import annotations

import hashlib
import io
import ssl
from datetime import datetime, timedelta, timezone
from typing import Any, Callable

NUMS = "SELECT a, b, c FROM nums"
MIXED = "SELECT a, b, c, d, e, f FROM mixed"
DOCS = "SELECT a, b, c FROM docs"
BY_KEY = "SELECT a, b FROM mixed WHERE a = {}"
SERIES = "SELECT n, n::text FROM generate_series(1, {}) n"
INSERT = "INSERT INTO many VALUES ({}, {}, {}, {})"
TABLE = "CREATE TEMP TABLE many (a int4, b text, c float8, d timestamptz)"
COPY_IN = "COPY many FROM STDIN"
COPY_OUT = "COPY (SELECT a, b, c, d, e FROM mixed) TO STDOUT"
TEXT = "SELECT repeat('0123456789', 1000000)"

ENCRYPTED = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"

BEGAN = datetime(2026, 1, 1, tzinfo=timezone.utc)


def rows(count: int) -> list[tuple[Any, ...]]:
    """Return rows for the table `many`."""
    return [(n, f"name {n}", n * 0.5, BEGAN + timedelta(seconds=n)) for n in range(count)]


def plain(value: Any) -> Any:
    """Return a result in a form that compares equal whichever driver it is from."""
    if isinstance(value, datetime):
        return value.astimezone(timezone.utc)
    if isinstance(value, dict):
        return {key: plain(each) for key, each in sorted(value.items())}
    if isinstance(value, list):
        return [plain(each) for each in value]
    if isinstance(value, (str, int, float, bytes)) or value is None:
        return value
    try:
        return tuple([plain(each) for each in value])
    except TypeError:
        return value


def parts_of(dsn: str) -> dict[str, str]:
    """Return a connection string's settings, for drivers that take none."""
    return dict(part.split("=", 1) for part in dsn.split())


def unverified() -> ssl.SSLContext:
    """Return what `sslmode=require` asks for, for drivers without that word: to be made once."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    return made


class Driver:
    """What every driver does in its own way; `prepare` and `finish` are not timed."""

    #: workloads it has no way for
    lacks: tuple[str, ...] = ("concurrent",)

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn
        self.given: list[tuple[Any, ...]] = []
        self.context = unverified() if parts_of(dsn)["sslmode"] == "require" else None
        self.open()

    def open(self) -> None:
        """Connect, in autocommit, and make the table."""

    def encrypted(self) -> bool:
        """Tell whether the server sees TLS on our connection."""
        return bool(self.fetch(ENCRYPTED)[0][0])

    def prepare(self, workload: str, size: int) -> None:
        """Get ready for one run."""
        if workload in ("executemany", "copy_in"):
            if len(self.given) != size:
                self.given = rows(size)
            self.script("TRUNCATE many")

    def finish(self, workload: str, result: Any) -> str:
        """Return a digest of a result."""
        if workload in ("executemany", "copy_in"):
            result = self.fetch("SELECT * FROM many ORDER BY a")
        text = repr(plain(result)).encode()
        return hashlib.sha256(text).hexdigest()[:16]

    def run(self, workload: str, size: int) -> Any:
        """Run a workload once."""
        if workload in ("nums", "mixed", "docs", "text"):
            return self.fetch({"nums": NUMS, "mixed": MIXED, "docs": DOCS, "text": TEXT}[workload])
        method: Callable[[int], Any] = getattr(self, workload)
        return method(size)

    def connect(self, size: int) -> Any:
        """Connect and close so many times."""
        raise NotImplementedError

    def connect_cold(self, size: int) -> Any:
        """Do as `connect`; who remembers something of a login forgets it."""
        return self.connect(size)

    def script(self, sql: str) -> None:
        """Run a command."""
        raise NotImplementedError

    def fetch(self, sql: str) -> Any:
        """Return the rows of a query."""
        raise NotImplementedError


class Purelink(Driver):
    """purelink, blocking."""

    def open(self) -> None:
        import purelink

        self.connect_ = purelink.connect
        self.connection = purelink.connect(self.dsn, autocommit=True)
        self.connection.script(TABLE)

    def script(self, sql: str) -> None:
        self.connection.script(sql)

    def fetch(self, sql: str) -> Any:
        return self.connection.query(sql).rows

    def select1(self, size: int) -> Any:
        query = self.connection.query
        for _ in range(size):
            found = query("SELECT 1").rows
        return found

    def by_key(self, size: int) -> Any:
        query, sql = self.connection.query, BY_KEY.format("$1")
        for n in range(size):
            found = query(sql, n).rows
        return found

    def executemany(self, size: int) -> Any:
        sql = INSERT.format("$1", "$2", "$3", "$4")
        return self.connection.executemany(sql, self.given)

    def copy_in(self, size: int) -> Any:
        return self.connection.copy_in(COPY_IN + " (FORMAT binary)", self.given)

    def copy_out(self, size: int) -> Any:
        return sum(map(len, self.connection.copy_out(COPY_OUT)))

    def pipeline(self, size: int) -> Any:
        with self.connection.pipeline() as pipeline:
            handles = [pipeline.query("SELECT $1::int4", n) for n in range(size)]
        return [handle.result().rows[0][0] for handle in handles]

    def stream(self, size: int) -> Any:
        total = 0
        for n, _ in self.connection.stream(SERIES.format(size)):
            total += n
        return total

    def connect(self, size: int) -> Any:
        for _ in range(size):
            self.connect_(self.dsn, autocommit=True).close()
        return size

    def connect_cold(self, size: int) -> Any:
        for _ in range(size):
            self.connect_(self.dsn, autocommit=True, keep_scram_keys=False).close()
        return size


class Psycopg(Driver):
    """psycopg 3, results as text."""

    binary = False

    def open(self) -> None:
        import psycopg

        self.connect_ = psycopg.connect
        self.connection: Any = psycopg.connect(self.dsn, autocommit=True)
        self.connection.execute(TABLE)
        self.connection.execute("SET timezone TO 'UTC'")

    def script(self, sql: str) -> None:
        self.connection.execute(sql)

    def fetch(self, sql: str) -> Any:
        return self.connection.execute(sql, binary=self.binary).fetchall()

    def select1(self, size: int) -> Any:
        cursor = self.connection.cursor(binary=self.binary)
        for _ in range(size):
            found = cursor.execute("SELECT 1").fetchall()
        return found

    def by_key(self, size: int) -> Any:
        cursor, sql = self.connection.cursor(binary=self.binary), BY_KEY.format("%s")
        for n in range(size):
            found = cursor.execute(sql, (n,)).fetchall()
        return found

    def executemany(self, size: int) -> Any:
        with self.connection.transaction():
            sql = INSERT.format("%s", "%s", "%s", "%s")
            self.connection.cursor().executemany(sql, self.given)
        return size

    def copy_in(self, size: int) -> Any:
        form = " (FORMAT binary)" if self.binary else ""
        with self.connection.cursor() as cursor, cursor.copy(COPY_IN + form) as copy:
            if self.binary:
                copy.set_types(["int4", "text", "float8", "timestamptz"])
            for row in self.given:
                copy.write_row(row)
        return size

    def copy_out(self, size: int) -> Any:
        with self.connection.cursor() as cursor, cursor.copy(COPY_OUT) as copy:
            return sum(map(len, copy))

    def pipeline(self, size: int) -> Any:
        with self.connection.pipeline():
            cursors = [self.connection.execute("SELECT %s::int4", (n,)) for n in range(size)]
        return [cursor.fetchone()[0] for cursor in cursors]

    def stream(self, size: int) -> Any:
        total = 0
        with self.connection.cursor(binary=self.binary) as cursor:
            for n, _ in cursor.stream(SERIES.format(size)):
                total += n
        return total

    def connect(self, size: int) -> Any:
        for _ in range(size):
            self.connect_(self.dsn, autocommit=True).close()
        return size


class PsycopgBinary(Psycopg):
    """psycopg 3, results and COPY in binary."""

    binary = True


class Psycopg2(Driver):
    """psycopg2."""

    lacks = ("concurrent", "pipeline")

    def open(self) -> None:
        import psycopg2

        self.connect_ = psycopg2.connect
        self.connection: Any = psycopg2.connect(self.dsn)
        self.connection.autocommit = True
        self.script(TABLE)

    def script(self, sql: str) -> None:
        self.connection.cursor().execute(sql)

    def fetch(self, sql: str) -> Any:
        cursor = self.connection.cursor()
        cursor.execute(sql)
        return cursor.fetchall()

    def finish(self, workload: str, result: Any) -> str:
        if workload == "docs":  # uuid comes as text, unless asked otherwise
            import uuid

            result = [(a, b, uuid.UUID(c)) for a, b, c in result]
        return super().finish(workload, result)

    def select1(self, size: int) -> Any:
        cursor = self.connection.cursor()
        for _ in range(size):
            cursor.execute("SELECT 1")
            found = cursor.fetchall()
        return found

    def by_key(self, size: int) -> Any:
        cursor, sql = self.connection.cursor(), BY_KEY.format("%s")
        for n in range(size):
            cursor.execute(sql, (n,))
            found = cursor.fetchall()
        return found

    def executemany(self, size: int) -> Any:
        cursor = self.connection.cursor()
        cursor.execute("BEGIN")
        cursor.executemany(INSERT.format("%s", "%s", "%s", "%s"), self.given)
        cursor.execute("COMMIT")
        return size

    def copy_in(self, size: int) -> Any:
        lines = ["\t".join((str(a), b, repr(c), d.isoformat())) for a, b, c, d in self.given]
        self.connection.cursor().copy_expert(COPY_IN, io.StringIO("\n".join(lines)))
        return size

    def copy_out(self, size: int) -> Any:
        file = io.BytesIO()
        self.connection.cursor().copy_expert(COPY_OUT, file)
        return len(file.getvalue())

    def stream(self, size: int) -> Any:
        total = 0
        self.connection.autocommit = False
        with self.connection.cursor("streaming") as cursor:
            cursor.itersize = 1000
            cursor.execute(SERIES.format(size))
            for n, _ in cursor:
                total += n
        self.connection.commit()
        self.connection.autocommit = True
        return total

    def connect(self, size: int) -> Any:
        for _ in range(size):
            self.connect_(self.dsn).close()
        return size


class Pg8000(Driver):
    """pg8000's native interface."""

    lacks = ("concurrent", "pipeline", "stream")

    def open(self) -> None:
        self.connection = self.another()
        self.script(TABLE)

    def another(self) -> Any:
        import pg8000.native

        parts = parts_of(self.dsn)
        host, port = parts["host"], int(parts["port"])
        place: dict[str, Any] = {"host": host, "port": port}
        if host.startswith("/"):
            place = {"unix_sock": f"{host}/.s.PGSQL.{port}"}
        return pg8000.native.Connection(
            parts["user"],
            **place,
            password=parts["password"].strip("'"),
            database=parts["dbname"],
            ssl_context=self.context or False,
        )

    def script(self, sql: str) -> None:
        self.connection.run(sql)

    def fetch(self, sql: str) -> Any:
        return [tuple(row) for row in self.connection.run(sql)]

    def select1(self, size: int) -> Any:
        run = self.connection.run
        for _ in range(size):
            found = run("SELECT 1")
        return [tuple(row) for row in found]

    def by_key(self, size: int) -> Any:
        statement = self.connection.prepare(BY_KEY.format(":a"))
        for n in range(size):
            found = statement.run(a=n)
        statement.close()
        return [tuple(row) for row in found]

    def executemany(self, size: int) -> Any:
        self.script("BEGIN")
        statement = self.connection.prepare(INSERT.format(":a", ":b", ":c", ":d"))
        for a, b, c, d in self.given:
            statement.run(a=a, b=b, c=c, d=d)
        statement.close()
        self.script("COMMIT")
        return size

    def copy_in(self, size: int) -> Any:
        lines = ["\t".join((str(a), b, repr(c), d.isoformat())) + "\n" for a, b, c, d in self.given]
        self.connection.run(COPY_IN, stream=lines)
        return size

    def copy_out(self, size: int) -> Any:
        file = io.BytesIO()
        self.connection.run(COPY_OUT, stream=file)
        return len(file.getvalue())

    def connect(self, size: int) -> Any:
        for _ in range(size):
            self.another().close()
        return size
