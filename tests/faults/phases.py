"""The moments at which a fault strikes: what a connection is doing then, each as one function.

Test code only. A phase gets an open connection (blocking, or asyncio behind `tests.both.Ran`) and
`strike`, which makes the fault happen; it returns when its call has ended, or raises.
"""

from __future__ import annotations

import threading
from typing import Any, Callable, Dict, Iterator, Tuple

__all__ = ["PHASES", "SECONDS", "SETUP"]

Strike = Callable[[], object]
#: what each call is given
SECONDS = 3.0
#: how long after its beginning a call is struck that the server works on
DELAY = 0.25

SETUP = """
create table if not exists kept (n int);
create table if not exists slow (n int);
create or replace function sleeps() returns trigger language plpgsql as
    'begin perform pg_sleep(20); return null; end';
drop trigger if exists sleeps on slow;
create constraint trigger sleeps after insert on slow deferrable initially deferred
    for each row execute function sleeps();
"""


def _later(strike: Strike) -> None:
    threading.Timer(DELAY, strike).start()


def _idle(connection: Any, strike: Strike) -> None:
    strike()
    connection.query("SELECT 1", timeout=SECONDS)


def _query(connection: Any, strike: Strike) -> None:
    _later(strike)
    connection.query("SELECT pg_sleep(20)", timeout=SECONDS)


def _rows(connection: Any, strike: Strike) -> None:
    _later(strike)
    connection.query(
        "SELECT n, repeat('x', 1000), CASE WHEN n % 1000 = 0 THEN pg_sleep(0.05) END"
        " FROM generate_series(1, 400000) n",
        timeout=SECONDS,
    )


def _stream(connection: Any, strike: Strike) -> None:
    with connection.stream(
        "SELECT n, pg_sleep(0.01) FROM generate_series(1, 2000) n", chunk=10, timeout=SECONDS
    ) as stream:
        for count, _ in enumerate(stream):
            if count == 15:
                strike()


def _endless(strike: Strike) -> Iterator[Tuple[int, str]]:
    for n in range(3_000_000):
        if n == 2000:
            strike()
        yield n, "x" * 100


def _copy_in(connection: Any, strike: Strike) -> None:
    connection.query("CREATE TEMP TABLE taken (n int, t text)")
    connection.copy_in("COPY taken FROM STDIN", _endless(strike), timeout=SECONDS)


def _copy_out(connection: Any, strike: Strike) -> None:
    copy = connection.copy_out(
        "COPY (SELECT n, repeat('x', 1000) FROM generate_series(1, 500000) n) TO STDOUT",
        timeout=SECONDS,
    )
    copy.fetch()
    strike()
    while copy.fetch():
        pass


def _pipeline(connection: Any, strike: Strike) -> None:
    with connection.pipeline(timeout=SECONDS) as pipeline:
        pipeline.query("SELECT 1")
        pipeline.query("SELECT pg_sleep(20)")
        pipeline.query("SELECT 2")
        _later(strike)


def _executemany(connection: Any, strike: Strike) -> None:
    rows = ((n,) for n, _ in _endless(strike))
    connection.executemany("INSERT INTO kept VALUES ($1)", rows, timeout=SECONDS)


def _commit(connection: Any, strike: Strike) -> None:
    """Strike while COMMIT works: it is in doubt."""
    connection.script("BEGIN; INSERT INTO slow VALUES (1)")
    _later(strike)
    connection.query("COMMIT", timeout=SECONDS)


PHASES: Dict[str, Callable[[Any, Strike], None]] = {
    "idle": _idle,
    "query": _query,
    "rows": _rows,
    "stream": _stream,
    "COPY in": _copy_in,
    "COPY out": _copy_out,
    "pipeline": _pipeline,
    "executemany": _executemany,
    "commit": _commit,
}
