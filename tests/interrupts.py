"""Interrupts at every line: what `tests/real/test_interrupts.py` runs in a process of its own.

    python -m tests.interrupts DSN [--points N]

A call is begun again and again, and at the n-th line of purelink's code that it runs a
KeyboardInterrupt is raised, as a signal handler does, for every n, or for so many of them. Then the
connection must be in step, or plainly closed: the next query's answer tells. A tracer of another
kind, such as coverage's, would be in the way. Prints JSON: for each kind of call how many points
there were, and what became of the connection at them. `--timed` interrupts a loop of queries by a
timer instead, so many times, and prints how often the connection was closed.
"""

from __future__ import annotations

import argparse
import faulthandler
import json
import linecache
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable

import purelink
from purelink import DataError, Error

if TYPE_CHECKING:
    from types import FrameType

PACKAGE = str(Path(purelink.__file__).parent)
#: longer than any recovery may take
STUCK = 15
FATES = ("closed", "swallowed", "wrong")
ROWS = [(n, f"row {n}") for n in range(300)]
SERIES = "select n, 'row ' || n, n * 1.5 from generate_series(1, {}) n"


def stream(connection: Any) -> list[Any]:
    with connection.stream(SERIES.format(400), chunk=100) as rows:
        return list(rows)


KINDS: dict[str, Callable[[Any], Any]] = {
    "the short way": lambda connection: connection.query("select $1::int, 'x'", 5).rows,
    "the long way": lambda connection: connection.query("select $1::int", 5, timeout=60).rows,
    "script": lambda connection: [each.rows for each in connection.script("select 1; select 2")],
    "rows in bulk": lambda connection: connection.query(SERIES.format(3000)).rows,
    "one large value": lambda connection: connection.query("select repeat('x', 400000)").rows,
    "executemany": lambda connection: connection.executemany("insert into t values ($1, $2)", ROWS),
    "COPY in": lambda connection: connection.copy_in("copy t from stdin", ROWS),
    "stream": stream,
    "an error": lambda connection: connection.query("select 1 / ($1::int - 5)", 5),
}


def between(frame: FrameType) -> bool:
    """Tell whether a tracer is called here, but no signal's handler ever.

    Where a `with` is about to release what it holds, or a `try` has not begun yet, an exception
    would go past both.
    """
    line = linecache.getline(frame.f_code.co_filename, frame.f_lineno)
    return line.lstrip().startswith(("with ", "try:"))


class Interrupter:
    """Counts the lines of the package that are run, and raises at one of them."""

    def __init__(self, at: int) -> None:
        self.at = at
        self.count = 0
        self.where = ""

    def call(self, frame: FrameType, _event: str, _argument: Any) -> Any:
        inside = frame.f_code.co_filename.startswith((PACKAGE, "<purelink"))
        return self.line if inside else None

    def line(self, frame: FrameType, event: str, _argument: Any) -> Any:
        if event == "line" and not between(frame):
            self.count += 1
            if self.count == self.at:
                sys.settrace(None)
                self.where = f"{Path(frame.f_code.co_filename).name}:{frame.f_code.co_name}"
                raise KeyboardInterrupt
        return self.line


def interrupted(work: Callable[[], Any], at: int) -> tuple[Interrupter, bool]:
    """Run work with an interrupt at one line; return whether it came out."""
    interrupter, out = Interrupter(at), False
    sys.settrace(interrupter.call)
    try:
        work()
    except KeyboardInterrupt:
        out = True
    except Error:
        pass
    finally:
        sys.settrace(None)
    return interrupter, out


def played(dsn: str, kind: str, points: int) -> dict[str, Any]:
    """Interrupt one kind of call at so many of its lines."""
    work = KINDS[kind]

    def connect() -> Any:
        made = purelink.connect(dsn, autocommit=True)
        made.script("create temp table t (a int, b text)")
        for _ in range(3):
            quietly(made)
        return made

    def quietly(connection: Any) -> None:
        try:
            work(connection)
        except DataError:
            assert kind == "an error"

    connection = connect()
    total = interrupted(lambda: quietly(connection), 0)[0].count
    step = max(1, total // points)
    found: dict[str, Any] = {"lines": total, "points": 0}
    closed, swallowed, wrong = (found.setdefault(each, []) for each in FATES)
    for at in range(1, total + 1, step):
        interrupter, out = interrupted(lambda: work(connection), at)  # noqa: B023 - run at once
        if not interrupter.where:
            continue
        found["points"] += 1
        if not out:
            swallowed.append(interrupter.where)
        if connection.closed:
            closed.append(interrupter.where)
            connection = connect()
            continue
        try:
            right = connection.query("select $1::int, 'y'", at).rows == [(at, "y")]
            if not right or connection.in_transaction:
                wrong.append(interrupter.where)
        except Error as error:
            wrong.append(f"{interrupter.where}: {error}")
        if connection.closed:
            connection = connect()
    connection.close()
    return found


def timed(dsn: str, times: int) -> dict[str, int]:
    """Interrupt a loop of queries at moments that a timer chooses."""
    signal.signal(signal.SIGALRM, signal.default_int_handler)
    connection = purelink.connect(dsn, autocommit=True)
    found = {"interrupted": 0, "closed": 0, "wrong": 0}
    for number in range(times):
        done = False
        while not done:
            # Once more if the interrupt comes where the timer is being stopped.
            try:
                try:
                    signal.setitimer(signal.ITIMER_REAL, 0.0003 + number % 40 * 0.00001)
                    for n in range(20):
                        if connection.query("select $1::int", n).rows != [(n,)]:
                            found["wrong"] += 1
                finally:
                    signal.setitimer(signal.ITIMER_REAL, 0)
            except KeyboardInterrupt:
                found["interrupted"] += 1
            try:
                signal.setitimer(signal.ITIMER_REAL, 0)
                done = True
            except KeyboardInterrupt:
                pass
        if connection.closed:
            found["closed"] += 1
            connection = purelink.connect(dsn, autocommit=True)
        if connection.query("select $1::int", number).rows != [(number,)]:
            found["wrong"] += 1
    connection.close()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="Interrupt calls at their lines.")
    parser.add_argument("dsn")
    parser.add_argument("--points", type=int, default=120)
    parser.add_argument("--kinds", nargs="+", choices=list(KINDS), default=list(KINDS))
    parser.add_argument("--timed", type=int, default=0)
    options = parser.parse_args()
    faulthandler.dump_traceback_later(STUCK * 20, exit=True)
    found: dict[str, Any] = (
        timed(options.dsn, options.timed)
        if options.timed
        else {kind: played(options.dsn, kind, options.points) for kind in options.kinds}
    )
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main()
