"""`python -m tests.soak [--seconds 120] [--tasks 200] [--threads 50]`: pools under load and chaos.

Tasks share an asyncio pool, then threads a blocking one, while backends are terminated, statements
time out, calls are cancelled at random, and the server is restarted once. Every answer is checked
against its question, every row against the table in the end. Prints operations, errors by class,
memory and descriptors before and after. Exit code 1 if an answer was wrong, a row lost or doubled.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import sys
import threading
import time
from random import Random
from typing import Any, Counter, Dict, List, NamedTuple

import purelink
from purelink.errors import Error
from purelink.pool import AsyncConnectionPool, ConnectionPool
from purelink.testing.server import Server
from tests.soak.work import OPERATIONS, Books, operate

SIZE = 20
KINDS = [kind for kind, weight in OPERATIONS.items() for _ in range(weight)]


class State(NamedTuple):
    """What the process holds: resident memory in MB, open descriptors, threads."""

    memory: float
    descriptors: int
    threads: int

    def __str__(self) -> str:
        return f"{self.memory:.1f} MB, {self.descriptors} descriptors, {self.threads} threads"


def state() -> State:
    """Return what the process holds now."""
    gc.collect()
    descriptors = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    return State(resident(), descriptors, threading.active_count())


def resident() -> float:
    """Return the process's resident memory, in MB."""
    with open("/proc/self/statm") as file:  # noqa: PTH123
        pages = int(file.read().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


class Gauge:
    """Looks at the memory at the end of each sixth of a run."""

    def __init__(self, seconds: float) -> None:
        self.seen: List[float] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(seconds / 6,))
        self._thread.start()

    def _run(self, every: float) -> None:
        while not self._stop.wait(every) and len(self.seen) < 6:
            self.seen.append(resident())

    def stop(self) -> str:
        """Stop; return what was seen."""
        self._stop.set()
        self._thread.join()
        return ", ".join(f"{each:.1f}" for each in self.seen)


class Chaos:
    """Terminates random backends until it is stopped, and restarts the server once, half-way.

    Attributes:
        killed: backends terminated. restarts: of the server, as after a crash.
    """

    def __init__(self, server: Server, seconds: float, every: float = 0.25) -> None:
        self.killed = self.restarts = 0
        self._server = server
        self._half = time.monotonic() + seconds / 2
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(every,))
        self._thread.start()

    def _run(self, every: float) -> None:
        sql = (
            "SELECT pg_terminate_backend(pid) FROM (SELECT pid FROM pg_stat_activity"
            " WHERE application_name = 'soak' ORDER BY random() LIMIT 1) one"
        )
        while not self._stop.is_set():
            try:
                with purelink.connect(self._server.dsn, autocommit=True) as connection:
                    while not self._stop.wait(every):
                        self.killed += len(connection.query(sql))
                        if not self.restarts and time.monotonic() > self._half:
                            self.restarts += 1
                            self._server.restart("immediate")
            except Error:
                self._stop.wait(every)  # the restart ended our connection too

    def stop(self) -> None:
        """Stop."""
        self._stop.set()
        self._thread.join()


async def tasks(dsn: str, count: int, seconds: float, books: Books) -> None:
    """Let tasks share a pool for a while; some of their operations are cancelled."""
    end = time.monotonic() + seconds

    async def worker(number: int, pool: Any) -> None:
        random = Random(number)

        async def once() -> None:
            async with pool.connection(timeout=60) as connection:
                await operate(random.choice(KINDS), connection, books)

        while time.monotonic() < end:
            task = asyncio.ensure_future(once())
            if random.random() < 0.03:
                await asyncio.sleep(random.random() * 0.02)
                task.cancel()
            try:
                await task
            except Error as error:
                books.errors[type(error).__name__] += 1
            except asyncio.CancelledError:
                books.errors["cancelled by us"] += 1

    settings: Dict[str, Any] = {"autocommit": True, "application_name": "soak"}
    async with AsyncConnectionPool(dsn, kwargs=settings, min_size=4, max_size=SIZE) as pool:
        await asyncio.gather(*(worker(number, pool) for number in range(count)))


def threads(dsn: str, count: int, seconds: float, books: Books) -> None:
    """Let threads share a pool for a while; some of their statements are cancelled by others."""
    end = time.monotonic() + seconds
    lock = threading.Lock()
    own: List[Books] = []

    def worker(number: int, pool: Any) -> None:
        random, mine = Random(number), Books()
        while time.monotonic() < end:
            try:
                with pool.connection(timeout=60) as connection:
                    timer = None
                    if random.random() < 0.03:
                        timer = threading.Timer(random.random() * 0.02, quietly, [connection])
                        timer.start()
                    try:
                        _finished(operate(random.choice(KINDS), connection, mine))
                    finally:
                        if timer is not None:
                            timer.cancel()
                            timer.join()
            except Error as error:
                mine.errors[type(error).__name__] += 1
        with lock:
            own.append(mine)

    settings: Dict[str, Any] = {"autocommit": True, "application_name": "soak"}
    with ConnectionPool(dsn, kwargs=settings, min_size=4, max_size=SIZE) as pool:
        crew = [threading.Thread(target=worker, args=(n, pool)) for n in range(count)]
        for each in crew:
            each.start()
        for each in crew:
            each.join()
    for mine in own:
        books.done += mine.done
        books.errors += mine.errors
        books.wrong += mine.wrong
        books.acknowledged |= mine.acknowledged
        books.doubtful |= mine.doubtful
        books.refused |= mine.refused


def quietly(connection: Any) -> None:
    """Cancel what a connection does, if it still does something."""
    try:
        connection.cancel()
    except Error:
        pass


def _finished(operation: Any) -> None:
    """Run an operation that has nothing to await: on the blocking face none has."""
    try:
        operation.send(None)
    except StopIteration:
        return
    raise AssertionError("the blocking face gave something to await")


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.most_common()) or "none"


def soak(server: Server, name: str, crew: int, seconds: float) -> List[str]:
    """Run one half; return what was wrong."""
    books = Books()
    server.psql("drop table if exists soak; create table soak (n int8)")

    def run(seconds: float) -> None:
        if name == "asyncio":
            asyncio.run(tasks(server.dsn, crew, seconds, books))
        else:
            threads(server.dsn, crew, seconds, books)

    run(min(10.0, seconds / 4))  # what is loaded once is loaded before the first look
    before = state()
    chaos, gauge = Chaos(server, seconds), Gauge(seconds)
    began = time.monotonic()
    run(seconds)
    took = time.monotonic() - began
    chaos.stop()
    seen = gauge.stop()
    after = state()
    found = [int(line) for line in server.psql("select n from soak").split()]
    wrong = books.judge(found)
    operations = sum(books.done.values())
    lines = (
        f"## {name}: {crew} workers, {SIZE} connections, {took:.0f} s",
        f"- operations: {operations} ({operations / took:.0f} a second): {_counted(books.done)}",
        f"- backends terminated: {chaos.killed}, server restarts: {chaos.restarts}",
        f"- errors: {_counted(books.errors)}",
        f"- before: {before}",
        f"- after: {after}; on the way {seen} MB",
        f"- of which the numbers written down here take {books.size / 1e6:.1f} MB in the end",
        f"- rows acknowledged {len(books.acknowledged)}, refused {len(books.refused)}",
        f"- rows in doubt {len(books.doubtful)}, there {len(books.doubtful & set(found))} of them",
        f"- wrong answers, rows lost or doubled: {len(wrong)} {'; '.join(wrong[:5])}",
    )
    sys.stdout.write("\n".join(lines) + "\n\n")
    sys.stdout.flush()
    return wrong


def main() -> int:
    """Run both halves."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--tasks", type=int, default=200)
    parser.add_argument("--threads", type=int, default=50)
    options = parser.parse_args()
    wrong: List[str] = []
    # What is acknowledged survives a crash of the server only where it was flushed.
    with Server(config={"synchronous_commit": True}) as server:
        for name, crew in (("asyncio", options.tasks), ("threads", options.threads)):
            if crew:
                wrong += soak(server, name, crew, options.seconds)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
