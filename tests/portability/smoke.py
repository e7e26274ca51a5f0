"""What every place must be able to do, in standard Python alone: `smoke.py DSN [PACKAGE]`.

Run by `tests.portability` under each interpreter and in each surrounding; PACKAGE is the name that
purelink goes by there. Says how many checks held, on stdout unless that is closed; a check that
does not is an ordinary traceback and exit code 1.
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any

#: rows of every common shape: fixed widths, texts, NULLs
ROWS = [(n, n / 4, f"row {n} ä€", None if n % 3 else n * 10**10) for n in range(500)]
#: seconds of a statement that is to be interrupted
SLEEP = float(os.environ.get("SMOKE_SLEEP", "30"))
#: what this server has not, whoever asks
LACKS = os.environ.get("SMOKE_LACKS", "").split(",")
TABLE = "CREATE TEMP TABLE item (id int PRIMARY KEY, price float8, name text, big int8)"


class Checks:
    """Counts what held."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, what: str, held: object) -> None:
        if not held:
            raise AssertionError(what)
        self.count += 1


def strings(purelink: Any, check: Checks) -> None:
    """Connection strings need no server."""
    conninfo = importlib.import_module(f"{purelink.__name__}.conninfo")
    check("parse", conninfo.parse("host=a port=1")["port"] == "1")
    check("URI", conninfo.parse("postgresql://u@h/d")["dbname"] == "d")
    try:
        conninfo.parse("host='")
    except purelink.ConninfoError as error:
        check("error", "unterminated quoted string" in str(error))


def blocking(purelink: Any, dsn: str, check: Checks) -> None:
    """The blocking face: queries, COPY, streams, errors, time."""
    with purelink.connect(dsn, autocommit=True) as connection:
        check("select", connection.query("SELECT $1::int + 1", 41).scalar() == 42)
        for _ in range(4):
            got = connection.query("SELECT $1::text, $2::int8, now()", "ä€", 2**40).rows[0]
            check("prepared", got[:2] == ("ä€", 2**40))
        connection.script(f"DROP TABLE IF EXISTS item; {TABLE}")
        if "executemany outside" in LACKS:
            connection.query("BEGIN")
        count = connection.executemany("INSERT INTO item VALUES ($1, $2, $3, $4)", ROWS)
        check("executemany", count == len(ROWS))
        connection.commit()
        check("rows", connection.query("SELECT * FROM item ORDER BY id").rows == ROWS)
        if "copy in" not in LACKS:
            connection.script("TRUNCATE item")
            check("copy in", connection.copy_in("COPY item FROM STDIN", iter(ROWS)) == len(ROWS))
        with connection.stream("SELECT * FROM item ORDER BY id", chunk=100) as stream:
            check("stream", list(stream) == ROWS)
        check("copy out", connection.copy_out("COPY item TO STDOUT").read().count(b"\n") == 500)
        with connection.pipeline() as pipeline:
            handles = [pipeline.query("SELECT $1::int", n) for n in range(50)]
        check("pipeline", [handle.result().scalar() for handle in handles] == list(range(50)))
        try:
            connection.query("SELECT 1/0")
        except purelink.DataError as error:
            check("error", error.sqlstate == "22012")
        try:
            connection.query("SELECT pg_sleep($1)", SLEEP, timeout=0.1)
        except purelink.Timeout:
            check("in step after a timeout", connection.query("SELECT 1").scalar() == 1)
        check("alive", connection.is_alive())


def session(purelink: Any, dsn: str, check: Checks) -> None:
    """dblink's session."""
    with purelink.Session(superuser=True) as mine:
        check("connect", mine.dblink_connect("myconn", dsn) == "OK")
        rows = mine.dblink("myconn", "SELECT 1, 'x'", columns="a int, b text").fetchall()
        check("dblink", rows == [(1, "x")])
        check("disconnect", mine.dblink_disconnect("myconn") == "OK")


async def asynchronous(purelink: Any, dsn: str, check: Checks) -> None:
    """The asyncio face."""
    import asyncio

    async with await purelink.aconnect(dsn, autocommit=True) as connection:
        check("select", (await connection.query("SELECT $1::int + 1", 41)).scalar() == 42)
        await connection.query("DROP TABLE IF EXISTS item")  # a pooler's connection may have it
        await connection.query(TABLE)
        if "copy in" not in LACKS:
            check("copy", await connection.copy_in("COPY item FROM STDIN", ROWS) == len(ROWS))
        else:
            await connection.executemany("INSERT INTO item VALUES ($1, $2, $3, $4)", ROWS)
        check("rows", (await connection.query("SELECT * FROM item ORDER BY id")).rows == ROWS)
        task = asyncio.ensure_future(connection.query("SELECT pg_sleep($1)", SLEEP))
        await asyncio.sleep(0.1)
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            check("in step after it", (await connection.query("SELECT 1")).scalar() == 1)


def main(dsn: str, package: str = "purelink") -> int:
    """Run all checks; return how many there were."""
    purelink = importlib.import_module(package)
    check = Checks()
    strings(purelink, check)
    if dsn:
        blocking(purelink, dsn, check)
        session(purelink, dsn, check)
        import asyncio

        asyncio.run(asynchronous(purelink, dsn, check))
    return check.count


if __name__ == "__main__":
    held = main(*sys.argv[1:3])
    if sys.stdout is not None:
        version = sys.version.split()[0]
        sys.stdout.write(f"{sys.implementation.name} {version}: {held} checks\n")
