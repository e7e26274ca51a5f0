"""Random sequences of dblink's calls through the real extension and through `Session`.

`python -m tests.conformance.dblink_random --sequences 5000 --seed 1` starts a server, plays each
sequence on both sides and compares every outcome: rows or values, errors with all their fields,
local notices. A sequence is told by its seed alone; `--only N` plays one again and prints it.

What is not compared, each named where it is left out (`Player.allowed`): what depends on
timing (is_busy of a query that may have ended), and three differences: the unnamed link's stale
count and last words on an idle link (section 15 of the specification), and when exactly a dead link
that was sent a query is known to be dead. Exit status 1: a difference.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from typing import Any, NamedTuple, Optional

from tests.conformance.dblink_pair import Ours, Outcome, Real, Side

NAMES = ("a", "b", None)
CURSORS = ("k1", "k2", '"K 1"')
SLEEP = "select pg_sleep(3)"

STATEMENTS = (
    "select 1",
    "select 1, 2",
    "select generate_series(1, 3)",
    "select 1 where false",
    "select 'x'",
    "select null, ''",
    "select",
    "",
    " ; ",
    "-- nothing",
    "set work_mem = 1000",
    "set datestyle = 'SQL, DMY'",
    "set intervalstyle = 'sql_standard'",
    "reset datestyle",
    "begin",
    "commit",
    "rollback",
    "savepoint s",
    "rollback to s",
    "begin; select 1",
    "select 1/0",
    "bogus",
    "select nosuch from foo",
    "select * from nosuch",
    "insert into foo values (1, 'b', '{}')",
    "select 1; select 2",
    "select 1, 2; select 3",
    "select 1; select 1/0",
    "select 1; set work_mem = 1000",
    "set work_mem = 1000; select 7",
    "select 1; set work_mem = 1000; bogus",
    "select 1; select 2 where false; select 1/0",
    "select 1; select 1/g from generate_series(0, 1) g",
    "select 1/g, 2 from generate_series(0, 1) g",
    "select 10/(2 - g) from generate_series(1, 2) g",
    "select 'é€', 2",
    "select date '2020-01-02'",
    "select interval '1 day 2 hours'",
    "select true",
    "select '{1,2,NULL}'::int[]",
    "select 1.50",
    "select 70000",
    "select f1, f2, f3 from foo where f1 < 3 order by f1",
    "create temp table tt (n int)",
    "insert into tt values (1), (2)",
    "insert into tt values (3) returning n",
    "select n from tt",
    "declare k1 cursor for select generate_series(1, 5)",
    "close k1",
    "fetch 2 from k1",
    "listen ch",
    "unlisten ch",
    "notify ch, 'payload'",
    "notify ch",
    "do $$begin raise notice 'heard'; end$$",
    "do $$begin raise exception 'e' using detail = 'd', hint = 'h', errcode = 'ZZ001'; end$$",
    "do $$begin perform 1/0; end$$",
    "select generate_series(1, 3000)",
)
CURSOR_STATEMENTS = (
    "select generate_series(1, 5)",
    "select g::text from generate_series(1, 3) g",
    "select 1, 2",
    "select * from nosuch",
    "select 10/(3 - g) from generate_series(1, 3) g",
    "bogus",
    "select 1; select 2",
    "select 1; set work_mem = 1000",
    "",
)
COLUMNS = (
    "x int",
    "x text",
    "x text, y text",
    "x int, y int",
    "x date",
    "x interval",
    "x int[]",
    "x bool",
    "x varchar(1)",
    "x int2",
    "x numeric(6,1)",
    "x int, y text, z text[]",
)


class Step(NamedTuple):
    """A call: a method of `Side`, the link it is about, what else it takes, the columns."""

    what: str
    name: Optional[str]
    rest: tuple[Any, ...] = ()
    columns: str = ""


def sequence(seed: str) -> list[Step]:
    """Return the steps that a seed tells."""
    pick = random.Random(seed)
    steps = [Step("connect", name) for name in NAMES if pick.random() < 0.7]

    def fail() -> tuple[bool, ...]:
        return pick.choice(((), (), (True,), (False,), (False,)))

    def columns(sql: str) -> str:
        if pick.random() < 0.3:
            return pick.choice(COLUMNS)
        return _fit(sql)

    weights = {
        "exec": 16,
        "rows": 16,
        "open": 9,
        "fetch": 10,
        "close_cursor": 8,
        "send": 9,
        "result": 16,
        "busy": 5,
        "message": 6,
        "notify": 4,
        "cancel": 2,
        "connect": 4,
        "broken": 2,
        "disconnect": 2,
        "names": 2,
        "inline": 3,
        "kill": 1,
    }
    # most of a sequence stays on one link, or nothing would be open long enough
    favourite = pick.choice(NAMES)
    for what in pick.choices(list(weights), list(weights.values()), k=pick.randint(6, 22)):
        name = favourite if pick.random() < 0.7 else pick.choice(NAMES)
        if name is None and what in ("send", "result", "busy", "message", "cancel"):
            name = pick.choice(("a", "b"))
        sql = pick.choice(STATEMENTS)
        if what == "exec":
            if pick.random() < 0.3:
                sql = pick.choice(("begin", "commit", "rollback"))
            steps.append(Step(what, name, (sql, *fail())))
        elif what == "rows":
            steps.append(Step(what, name, (sql, *fail()), columns(sql)))
        elif what == "inline":
            steps.append(Step(what, None, (sql, *fail()), columns(sql)))
        elif what == "open":
            steps.append(
                Step(what, name, (pick.choice(CURSORS), pick.choice(CURSOR_STATEMENTS), *fail()))
            )
        elif what == "fetch":
            count = pick.choice((1, 2, 2, 10, 0, -1))
            steps.append(
                Step(what, name, (pick.choice(CURSORS), count, *fail()), pick.choice(COLUMNS[:4]))
            )
        elif what == "close_cursor":
            steps.append(Step(what, name, (pick.choice(CURSORS), *fail())))
        elif what == "send":
            steps.append(Step(what, name, (SLEEP if pick.random() < 0.12 else sql,)))
        elif what == "result":
            fitting = pick.choice(STATEMENTS[:6])
            steps.append(Step(what, name, fail(), columns(fitting)))
        else:
            steps.append(Step(what, name))
    return steps


def _fit(sql: str) -> str:
    """The columns that fit, roughly."""
    last = sql.rpartition(";")[2]
    if "f1, f2, f3" in last:
        return "x int, y text, z text[]"
    if "date '" in last:
        return "x date"
    if "interval '" in last:
        return "x interval"
    return "x text, y text" if ", " in last and "generate" not in last else "x text"


class Player:
    """Plays steps on one side, leaving out what timing would decide."""

    def __init__(self, side: Side) -> None:
        self.side = side
        self.asleep: set[Optional[str]] = set()
        self.pending: set[Optional[str]] = set()
        self.killed: set[Optional[str]] = set()
        self.dying: set[Optional[str]] = set()
        self.counted = False

    def allowed(self, step: Step) -> bool:
        """Tell whether a step's outcome is the same on every machine, and no named deviation."""
        name, what = step.name, step.what
        if name in self.asleep and what in ("rows", "result", "notify", "disconnect", "kill"):
            return False  # they would wait for the end of it
        if name in self.dying and what not in ("result", "names"):
            return False  # whether the loss is known already is a matter of one more read
        if name in self.killed and what in ("busy", "notify", "message", "result", "cancel"):
            return False  # deviation: last words on an idle link are kept
        if name is None and self.counted and what in ("connect", "disconnect"):
            return False  # deviation: the unnamed link's count does not outlive it
        return what != "kill" or name not in self.pending

    def play(self, step: Step) -> None:
        if not self.allowed(step):
            return
        side, name = self.side, step.name
        where = () if name is None else (name,)
        if step.what == "kill":
            if side.raw("dblink_get_connections") and name in side.raw("dblink_get_connections"):
                self._kill(name)
            return
        if step.what in ("busy", "notify", "cancel") and name and name not in self.asleep:
            self._settle(name)
        if step.what in ("exec", "rows", "open", "fetch", "close_cursor", "send"):
            if step.what == "send" and name in self.killed:
                self.dying.add(name)
            self.killed.discard(name)
        if step.what == "open" and name is None:
            self.counted = True
        if step.what == "connect":
            side.connect(*where, side.CS)
        elif step.what == "broken":
            side.connect(*where, "host=127.0.0.1 port=1")
        elif step.what == "inline":
            side.rows(side.CS, *step.rest, columns=step.columns)
        elif step.what == "names":
            side.names()
        elif step.columns:
            getattr(side, step.what)(*where, *step.rest, columns=step.columns)
        else:
            getattr(side, step.what)(*where, *step.rest)
        self._note(step, side.transcript[-1])

    def _note(self, step: Step, outcome: Outcome) -> None:
        name = step.name
        if step.what == "send" and outcome.value == "1":
            self.pending.add(name)
            if step.rest == (SLEEP,) and name not in self.dying and self._sleeps(name):
                self.asleep.add(name)
        elif step.what == "cancel":
            self.asleep.discard(name)
        elif step.what == "rows" or (
            step.what == "result" and outcome.value == [] and not outcome.notices
        ):
            self.pending.discard(name)
            self.dying.discard(name)
        elif step.what == "disconnect" and outcome.value == "OK":
            for each in (self.pending, self.killed, self.asleep):
                each.discard(name)

    def _sleeps(self, name: Optional[str]) -> bool:
        time.sleep(0.03)  # in a failed transaction it is refused at once
        return str(self.side.raw("dblink_is_busy", name)) == "1"

    def _settle(self, name: str) -> None:
        deadline = time.monotonic() + 10
        try:
            while str(self.side.raw("dblink_is_busy", name)) != "0":
                assert time.monotonic() < deadline, "a query without end"
        except Exception as error:
            if "not available" not in str(error):
                raise

    def _kill(self, name: Optional[str]) -> None:
        assert name is not None
        try:
            self.side.kill(name)
        except Exception as error:  # in a failed transaction, or dead already
            if isinstance(error, AssertionError):
                raise
            return
        self.killed.add(name)

    def end(self) -> None:
        for name in self.asleep:
            self.side.raw("dblink_cancel_query", name)


def transcript(side: Side, steps: list[Step]) -> list[Outcome]:
    """Return what a side says to a sequence."""
    player = Player(side)
    try:
        for step in steps:
            player.play(step)
        player.end()
        return side.transcript
    finally:
        side.close()


def difference(server: Any, seed: str, face: str = "Session") -> tuple[int, str]:
    """Play one sequence on both sides; return the number of calls, and the first difference."""
    steps = sequence(seed)
    real = transcript(Real(server), steps)
    ours = transcript(Ours(server, face), steps)
    for place, (expected, found) in enumerate(zip(real, ours)):
        if expected != found:
            before = "\n".join(f"    {each.what}" for each in real[:place])
            return place, f"{seed}:\n{before}\n  real: {expected}\n  ours: {found}"
    if len(real) != len(ours):
        return len(real), f"{seed}: {len(real)} outcomes, and {len(ours)}"
    return len(real), ""


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--sequences", type=int, default=5000)
    parser.add_argument("--seed", default="1")
    parser.add_argument("--only", type=int, help="play this one, and print it")
    parser.add_argument("--dsn", help="a server of `python -m tests.cluster`")
    parser.add_argument("--face", default="Session", choices=("Session", "AsyncSession"))
    options = parser.parse_args()
    if options.dsn:
        from purelink.testing.endpoint import BorrowedServer

        return run(BorrowedServer(options.dsn), options)
    from tests.cluster import cluster

    with cluster() as server:
        return run(server, options)


def run(server: Any, options: argparse.Namespace) -> int:
    begun = time.monotonic()
    if options.only is not None:
        steps = sequence(f"{options.seed}/{options.only}")
        for outcome in transcript(Real(server), steps):
            sys.stdout.write(f"{outcome}\n")
    numbers = range(options.sequences) if options.only is None else [options.only]
    calls, different = 0, 0
    for number in numbers:
        made, told = difference(server, f"{options.seed}/{number}", options.face)
        calls += made
        if told:
            different += 1
            sys.stdout.write(f"DIFFERENCE in {told}\n")
            sys.stdout.flush()
    sys.stdout.write(
        f"{len(numbers)} sequences, {calls} calls compared, {different} differences,"
        f" {time.monotonic() - begun:.0f} s (seed {options.seed}, {options.face})\n"
    )
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
