"""Speed of queries, beside psycopg, psycopg2, asyncpg and pg8000, in one interleaved run.

Every driver lives in a process of its own (`bench.worker`) and takes its turn on every workload,
round by round, in an order that rotates. Results are compared before anything is timed; the median
of the rounds counts, and of the ratios within a round. A driver that is not installed, or has no
way for a workload, shows a dash. It prints a table in markdown:

    python -m bench.queries [--quick] [--rounds N] [--only WORKLOAD …] [--drivers NAME …]
        [--socket | --tls] [--cpu] [--python NAME [--packages FOLDER]] [--json FILE]

`--tls` takes a server that has TLS, all drivers `sslmode=require`, and the server tells of each
whether it is so. `--python` has the drivers run by another interpreter ("3.13", "pypy3", or a
path), with its packages in a folder (`bench.packages`).

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
from typing import Any, NamedTuple, Optional

from bench.packages import interpreter
from purelink.testing.server import Server, TLSFiles

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
    "connect_cold": (40, 10, "connects with SCRAM, no keys remembered"),
    "import": (5, 2, "imports, whole process"),
}
#: driver -> its environment
DRIVERS: dict[str, dict[str, str]] = {
    "purelink": {},
    "purelink-async": {},
    "psycopg-c": {"PSYCOPG_IMPL": "binary"},
    "psycopg-c-bin": {"PSYCOPG_IMPL": "binary"},
    "psycopg-py": {"PSYCOPG_IMPL": "python"},
    "psycopg-async": {"PSYCOPG_IMPL": "binary"},
    "psycopg2": {},
    "asyncpg": {},
    "pg8000": {},
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
#: place -> what is said of it
PLACES = {"tcp": "TCP", "socket": "unix socket", "tls": "TCP with TLS"}
#: seconds for all rounds of one driver's workload: a slow one runs fewer rounds, and where even
#: one takes as long, the run whose result was compared is the round
PATIENCE = 5.0
ROOT = Path(__file__).parents[1]
CERTIFICATES = ROOT / "tests" / "unit" / "tls" / "certificates"
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


class Missing(Exception):
    """A driver that is not installed for this interpreter."""


class Worker:
    """One driver's process.

    Args:
        python: the command of an interpreter.
        environment: more variables.
    """

    def __init__(self, name: str, dsn: str, python: str, environment: dict[str, str]) -> None:
        self.name = name
        self.python = python
        self.environment = {**os.environ, **environment, **DRIVERS[name]}
        self._process = subprocess.Popen(
            [python, "-m", "bench.worker", name, dsn],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=self.environment,
            cwd=ROOT,
            text=True,
        )
        about = self._answer()
        if "missing" in about:
            self.close()
            raise Missing(about["missing"])
        self.lacks = set(about["lacks"])
        self.encrypted = bool(about["encrypted"])

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name} has ended with status {self._process.wait()}")
        return json.loads(line)

    def __call__(self, workload: str, size: int, *, timed: bool) -> tuple[float, float, str]:
        """Run a workload; return its time and CPU time in seconds, and a digest if not timed."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([workload, size, timed]) + "\n")
        self._process.stdin.flush()
        wall, cpu, digest = self._answer()
        return wall, cpu, digest

    def import_time(self, size: int) -> float:
        """Return how long a process takes that only imports the driver, the best of some."""
        best = float("inf")
        # As it is once installed: what was compiled is kept, by a first run that does not count.
        known = {name: text for name, text in self.environment.items() if name != NO_BYTECODE}
        for number in range(size + 1):
            if number == 1:
                best = float("inf")
            began = time.perf_counter()
            command = [self.python, "-c", IMPORTS[self.name]]
            subprocess.run(command, check=True, env=known, cwd=ROOT)
            best = min(best, time.perf_counter() - began)
        return best

    def close(self) -> None:
        """End the process."""
        with self._process:  # closes its pipes, and waits for it
            pass


#: workload -> driver -> seconds of each round
Figures = dict[str, dict[str, list[float]]]


class Comparison(NamedTuple):
    """What one run has found: of each round wall time, and the client's CPU time."""

    about: str
    names: list[str]
    wall: Figures
    cpu: Figures


def agree(
    workers: list[Worker], workload: str, size: int
) -> dict[Worker, tuple[float, float, str]]:
    """Run a workload once everywhere, all with one result; return what each has answered."""
    found = [each for each in workers if workload not in each.lacks]
    answers = {each: each(workload, size, timed=False) for each in found}
    digests = {each.name: digest for each, (_, _, digest) in answers.items()}
    if len(set(digests.values())) > 1:
        raise SystemExit(f"{workload}: the drivers' results differ: {digests}")
    return answers


def measure(
    workers: list[Worker], workloads: list[str], rounds: int, *, quick: bool
) -> tuple[Figures, Figures]:
    """Return wall time, and the client's CPU time."""
    figures: Figures = {}
    used: Figures = {}
    for workload in workloads:
        size = WORKLOADS[workload][1 if quick else 0]
        print(f"{workload} ({size}) …", file=sys.stderr, flush=True)
        if workload == "import":
            known = [each for each in workers if each.name in IMPORTS]
            taken = {each.name: [] for each in known}
            for _ in range(rounds):
                for each in known:
                    taken[each.name].append(each.import_time(size))
            figures[workload] = taken
            continue
        answers = agree(workers, workload, size)
        found = list(answers)
        turns = {each: min(rounds, int(PATIENCE / wall)) for each, (wall, *_) in answers.items()}
        taken: dict[str, list[float]] = {each.name: [] for each in found}
        busy: dict[str, list[float]] = {each.name: [] for each in found}
        for each, (wall, cpu, _) in answers.items():
            if not turns[each]:
                taken[each.name].append(wall)
                busy[each.name].append(cpu)
        for number in range(rounds):
            turn = number % max(len(found), 1)
            for each in found[turn:] + found[:turn]:
                if number < turns[each]:
                    wall, cpu, _ = each(workload, size, timed=True)
                    taken[each.name].append(wall)
                    busy[each.name].append(cpu)
        figures[workload], used[workload] = taken, busy
    return figures, used


def ratio(taken: dict[str, list[float]], base: str, name: str) -> Optional[float]:
    """Return how many times longer one driver takes than another: the median of the rounds."""
    if base not in taken or name not in taken:
        return None
    return statistics.median([b / a for a, b in zip(taken[base], taken[name])])


def table(figures: Figures, names: list[str], *, quick: bool) -> str:
    """Return the figures as a table in markdown: our time, and the others' as multiples of it."""
    lines = [
        "| workload | " + " | ".join(names) + " |",
        "|---" * (len(names) + 1) + "|",
    ]
    for workload, taken in figures.items():
        size = WORKLOADS[workload][1 if quick else 0]
        base = next((name for name in names if name in taken), names[0])
        many = size * 200 if workload == "concurrent" else 1 if workload == "import" else size
        cells = []
        for name in names:
            times = ratio(taken, base, name)
            if times is None:
                cells.append("–")
            elif name == base:
                middle = statistics.median(taken[name])
                cells.append(f"{1000 * middle:,.1f} ms, {many / middle:,.0f}/s")
            else:
                cells.append(f"{times:.2f} ×")
        lines.append(f"| {many:,} {WORKLOADS[workload][2]} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def version_of(python: str) -> str:
    """Return an interpreter's name and version: "CPython 3.11.7"."""
    code = "import platform as p; print(p.python_implementation(), p.python_version())"
    found = subprocess.run([python, "-c", code], check=True, capture_output=True, text=True)
    return found.stdout.strip()


def server_for(place: str, *, quick: bool) -> Server:
    """Return a server, not yet started, with the tables that are read."""
    sizes = {name: size[1 if quick else 0] for name, size in WORKLOADS.items()}
    config = {"max_connections": 800, "shared_buffers": "256MB", "fsync": False}
    setup = SETUP.format(**sizes)
    if place != "tls":
        return Server(setup=setup, config=config)
    files = TLSFiles(CERTIFICATES / "san-localhost.pem", CERTIFICATES / "server.key")
    return Server(flavour="tls", setup=setup, config=config, tls=files)


def compare(
    server: Server,
    place: str,
    *,
    python: str = sys.executable,
    packages: Optional[Path] = None,
    drivers: Optional[list[str]] = None,
    only: Optional[list[str]] = None,
    rounds: int = 5,
    quick: bool = False,
) -> Comparison:
    """Run the drivers against a server.

    Args:
        place: "tcp", "socket" or "tls".
        python: the command of the interpreter that runs the drivers.
        packages: a folder with its packages; None: its own.
    """
    host = server.socket_directory if place == "socket" else server.host
    dsn = f"host={host} port={server.port} user={server.superuser}"
    # the same for all of them: without it some would first ask a server without TLS for TLS
    dsn += f" password={server.password} dbname=postgres"
    dsn += f" sslmode={'require' if place == 'tls' else 'disable'}"
    environment = {} if packages is None else {"PYTHONPATH": str(packages)}
    workers: list[Worker] = []
    try:
        for name in drivers or DRIVERS:
            try:
                worker = Worker(name, dsn, python, environment)
            except Missing as missing:
                print(f"{name} is not there: {missing}", file=sys.stderr)
                continue
            workers.append(worker)
            if worker.encrypted != (place == "tls"):
                raise SystemExit(f"{name}: TLS is {worker.encrypted}")
        wall, cpu = measure(workers, only or list(WORKLOADS), rounds, quick=quick)
    finally:
        for each in workers:
            each.close()
    about = (
        f"{version_of(python)}, {os.cpu_count()} cores, PostgreSQL {server.version},"
        f" {PLACES[place]}, {rounds} rounds; a figure above 1 is how much longer the other takes"
    )
    return Comparison(about, [each.name for each in workers], wall, cpu)


def main(arguments: Optional[list[str]] = None) -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes, three rounds")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--only", nargs="+", choices=list(WORKLOADS), default=list(WORKLOADS))
    parser.add_argument("--drivers", nargs="+", choices=list(DRIVERS), default=list(DRIVERS))
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--socket", action="store_true", help="unix socket instead of TCP")
    where.add_argument("--tls", action="store_true", help="TCP with TLS")
    parser.add_argument("--cpu", action="store_true", help="a table of the client's CPU time, too")
    parser.add_argument("--python", default=sys.executable, help="that runs the drivers")
    parser.add_argument("--packages", type=Path, help="a folder with packages for --python")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    place = "socket" if options.socket else "tls" if options.tls else "tcp"
    with server_for(place, quick=options.quick) as server:
        found = compare(
            server,
            place,
            python=interpreter(options.python),
            packages=options.packages,
            drivers=options.drivers,
            only=options.only,
            rounds=options.rounds or (3 if options.quick else 5),
            quick=options.quick,
        )
    print(f"{found.about}\n\n{table(found.wall, found.names, quick=options.quick)}")
    if options.cpu:
        shown = table(found.cpu, found.names, quick=options.quick)
        print(f"\nCPU time of the client:\n\n{shown}")
    if options.json:
        kept = {"about": found.about, "seconds": found.wall, "cpu_seconds": found.cpu}
        options.json.write_text(json.dumps(kept, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
