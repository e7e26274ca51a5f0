"""Speed of queries, beside psycopg, psycopg2, asyncpg and pg8000, in one interleaved run.

Every driver lives in a process of its own (`bench.worker`) and takes its turn on every workload,
round by round, in an order that rotates. Results are compared before anything is timed; the median
of the rounds counts, and of the ratios within a round. A driver that is not installed, or has no
way for a workload, shows a dash. It prints a table in markdown:

    python -m bench.queries [--quick] [--rounds N] [--only WORKLOAD …] [--drivers NAME …]
        [--socket] [--cpu] [--python PATH] [--json FILE]

On a machine with other work to do a second table, `--cpu`, is steadier: the driver's own CPU time,
without what the server took and without waiting.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Optional

from purelink.testing.server import Server

#: workload -> size, size with --quick, what one unit is
WORKLOADS: dict[str, tuple[int, int, str]] = {
    "select1": (2000, 300, "SELECT 1, one after another"),
    "by_key": (2000, 300, "one row by key, prepared"),
    "nums": (100_000, 20_000, "rows of int4, int8, float8"),
    "mixed": (100_000, 20_000, "rows of int4, text, timestamptz, numeric, bool, text or NULL"),
    "docs": (20_000, 4_000, "rows of jsonb, int4[], uuid"),
    "text": (10, 10, "MB of one text"),
    "executemany": (10_000, 2_000, "rows inserted by executemany"),
    "copy_in": (100_000, 20_000, "Python rows by COPY in"),
    "copy_out": (100_000, 20_000, "rows by COPY out"),
    "pipeline": (1000, 300, "small statements in a pipeline"),
    "stream": (1_000_000, 50_000, "rows streamed"),
    "concurrent": (10, 3, "SELECT 1 on each of 200 asyncio connections"),
    "connect": (40, 10, "connects with SCRAM"),
    "import": (5, 2, "imports, whole process"),
}
#: driver -> module that must be there, environment
DRIVERS: dict[str, tuple[str, dict[str, str]]] = {
    "purelink": ("purelink", {}),
    "purelink-async": ("purelink", {}),
    "psycopg-c": ("psycopg_binary", {}),
    "psycopg-c-bin": ("psycopg_binary", {}),
    "psycopg-py": ("psycopg", {"PSYCOPG_IMPL": "python"}),
    "psycopg-async": ("psycopg_binary", {}),
    "psycopg2": ("psycopg2", {}),
    "asyncpg": ("asyncpg", {}),
    "pg8000": ("pg8000", {}),
}
#: what a program would import; the others show a dash
IMPORTS = {
    "purelink": "import purelink; purelink.connect",
    "purelink-async": "import purelink; purelink.aconnect",
    "psycopg-c": "import psycopg",
    "psycopg-py": "import psycopg",
    "psycopg2": "import psycopg2",
    "asyncpg": "import asyncpg",
    "pg8000": "import pg8000.native",
}
NO_BYTECODE = "PYTHONDONTWRITEBYTECODE"
SETUP = """
CREATE UNLOGGED TABLE nums AS
    SELECT n::int4 AS a, n::int8 * 1000003 AS b, n / 7.0::float8 AS c
    FROM generate_series(1, {nums}) n;
CREATE UNLOGGED TABLE mixed AS
    SELECT n::int4 AS a, 'name of row ' || n AS b,
        timestamptz '2026-01-01 00:00+00' + n * interval '1.000001 s' AS c,
        (n / 100.0)::numeric(12, 2) AS d, n % 2 = 0 AS e,
        CASE WHEN n % 3 > 0 THEN 'note ' || md5(n::text) END AS f
    FROM generate_series(0, {mixed} - 1) n;
ALTER TABLE mixed ADD PRIMARY KEY (a);
CREATE UNLOGGED TABLE docs AS
    SELECT jsonb_build_object('id', n, 'name', 'n' || n, 'tags', jsonb_build_array(n, true, null))
            AS a,
        ARRAY[n, n + 1, n + 2]::int4[] AS b, md5(n::text)::uuid AS c
    FROM generate_series(1, {docs}) n;
VACUUM ANALYZE;
ALTER SYSTEM SET timezone = 'UTC';
SELECT pg_reload_conf();
"""


class Worker:
    """One driver's process."""

    def __init__(self, name: str, dsn: str, environment: dict[str, str], python: str) -> None:
        self.name = name
        self._process = subprocess.Popen(
            [python, "-m", "bench.worker", name, dsn],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **environment},
            text=True,
        )
        self.lacks = set(self._answer())

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name} has ended with status {self._process.wait()}")
        return json.loads(line)

    def __call__(self, workload: str, size: int, *, timed: bool) -> Any:
        """Run a workload; return its time and its CPU time in seconds, or its result's digest."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([workload, size, timed]) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def close(self) -> None:
        """End the process."""
        with self._process:  # closes its pipes, and waits for it
            pass


def import_time(name: str, size: int, environment: dict[str, str]) -> float:
    """Return how long a process takes that only imports a driver, the best of some."""
    best = float("inf")
    # As it is once installed: what was compiled is kept, by a first run that does not count.
    known = {name: value for name, value in os.environ.items() if name != NO_BYTECODE}
    for number in range(size + 1):
        if number == 1:
            best = float("inf")
        began = time.perf_counter()
        subprocess.run(
            [sys.executable, "-c", IMPORTS[name]], check=True, env={**known, **environment}
        )
        best = min(best, time.perf_counter() - began)
    return best


def agree(workers: list[Worker], workload: str, size: int) -> list[Worker]:
    """Run a workload once everywhere; return those that have it, all with one result."""
    found = [each for each in workers if workload not in each.lacks]
    digests = {each.name: each(workload, size, timed=False) for each in found}
    if len(set(digests.values())) > 1:
        raise SystemExit(f"{workload}: the drivers' results differ: {digests}")
    return found


def measure(
    workers: list[Worker], workloads: list[str], rounds: int, *, quick: bool
) -> tuple[dict[str, dict[str, list[float]]], dict[str, dict[str, list[float]]]]:
    """Return workload -> driver -> seconds of each round: wall time, and the client's CPU time."""
    figures: dict[str, dict[str, list[float]]] = {}
    used: dict[str, dict[str, list[float]]] = {}
    for workload in workloads:
        size = WORKLOADS[workload][1 if quick else 0]
        print(f"{workload} ({size}) …", file=sys.stderr, flush=True)
        if workload == "import":
            names = [each.name for each in workers if each.name in IMPORTS]
            figures[workload] = {
                name: [import_time(name, size, DRIVERS[name][1]) for _ in range(rounds)]
                for name in names
            }
            continue
        found = agree(workers, workload, size)
        taken: dict[str, list[float]] = {each.name: [] for each in found}
        busy: dict[str, list[float]] = {each.name: [] for each in found}
        for number in range(rounds):
            turn = number % max(len(found), 1)
            for each in found[turn:] + found[:turn]:
                wall, cpu = each(workload, size, timed=True)
                taken[each.name].append(wall)
                busy[each.name].append(cpu)
        figures[workload], used[workload] = taken, busy
    return figures, used


def table(figures: dict[str, dict[str, list[float]]], names: list[str], *, quick: bool) -> str:
    """Return the figures as a table in markdown: our time, and the others' as multiples of it."""
    base = names[0]
    lines = [
        f"| workload | {base} | " + " | ".join(names[1:]) + " |",
        "|---" * (len(names) + 1) + "|",
    ]
    for workload, taken in figures.items():
        size = WORKLOADS[workload][1 if quick else 0]
        ours = taken.get(base)
        many = size * 200 if workload == "concurrent" else 1 if workload == "import" else size
        cells = []
        for name in names:
            seconds = taken.get(name)
            if seconds is None:
                cells.append("–")
            elif name == base or ours is None:
                middle = statistics.median(seconds)
                cells.append(f"{1000 * middle:,.1f} ms, {many / middle:,.0f}/s")
            else:
                ratio = statistics.median([b / a for a, b in zip(ours, seconds)])
                cells.append(f"{ratio:.2f} ×")
        lines.append(f"| {many:,} {WORKLOADS[workload][2]} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def installed(module: str) -> bool:
    """Tell whether a module can be imported, without importing it here."""
    from importlib.util import find_spec

    return find_spec(module) is not None


def version_of(python: str) -> str:
    """Return an interpreter's name and version: "CPython 3.11.7"."""
    code = "import platform as p; print(p.python_implementation(), p.python_version())"
    found = subprocess.run([python, "-c", code], check=True, capture_output=True, text=True)
    return found.stdout.strip()


def main(arguments: Optional[list[str]] = None) -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes, three rounds")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--only", nargs="+", choices=list(WORKLOADS), default=list(WORKLOADS))
    parser.add_argument("--drivers", nargs="+", choices=list(DRIVERS), default=list(DRIVERS))
    parser.add_argument("--socket", action="store_true", help="unix socket instead of TCP")
    parser.add_argument("--cpu", action="store_true", help="a table of the client's CPU time, too")
    parser.add_argument("--python", default=sys.executable, help="that runs the drivers")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    rounds = options.rounds or (3 if options.quick else 5)
    sizes = {name: size[1 if options.quick else 0] for name, size in WORKLOADS.items()}
    config = {"max_connections": 800, "shared_buffers": "256MB", "fsync": False}
    with Server(setup=SETUP.format(**sizes), config=config) as server:
        host = server.socket_directory if options.socket else server.host
        dsn = f"host={host} port={server.port} user={server.superuser}"
        # the same for all of them: nobody asks first whether the server has TLS, which it has not
        dsn += f" password={server.password} dbname=postgres sslmode=disable"
        workers: list[Worker] = []
        try:
            for name in options.drivers:
                module, environment = DRIVERS[name]
                if installed(module):
                    workers.append(Worker(name, dsn, environment, options.python))
            figures, used = measure(workers, options.only, rounds, quick=options.quick)
        finally:
            for each in workers:
                each.close()
        place = "unix socket" if options.socket else "TCP"
        about = (
            f"{version_of(options.python)}, {os.cpu_count()} cores, PostgreSQL {server.version},"
            f" {place}, {rounds} rounds;"
            " a figure above 1 is how much longer the other takes"
        )
    names = [each.name for each in workers]
    print(f"{about}\n\n{table(figures, names, quick=options.quick)}")
    if options.cpu:
        print(f"\nCPU time of the client:\n\n{table(used, names, quick=options.quick)}")
    if options.json:
        found = {"about": about, "seconds": figures, "cpu_seconds": used}
        options.json.write_text(json.dumps(found, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
