"""The whole table of speed in one command: places, faces, interpreters, and the goals.

All drivers by TCP, by unix socket and by TCP with TLS, then some of them under other interpreters,
each a run of `bench.queries`; out of the first one what was aimed at beside what was reached.
Markdown is printed:

    python -m bench.table [--quick] [--rounds N] [--json FILE] [--places PLACE …]
        [--interpreters NAME …] [--packages FOLDER] [--only WORKLOAD …] [--drivers NAME …]

The other interpreters get the drivers' packages by pip, once, in a folder; what has no wheel for
one of them is left out there, and an interpreter that this machine does not have, too.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple, Optional

from bench.packages import install, interpreter
from bench.queries import (
    DRIVERS,
    PLACES,
    WORKLOADS,
    Comparison,
    Figures,
    compare,
    ratio,
    server_for,
    table,
)

OURS, ASYNC = "purelink", "purelink-async"
#: Debian's, with PGO, as others of the kind are; then pyenv's
INTERPRETERS = ["/usr/bin/python3", "3.12", "3.13", "pypy3"]
#: those that are compared there; a driver without a wheel is left out
THERE = [OURS, ASYNC, "psycopg-c", "asyncpg", "pg8000"]
#: rounds of the first place, of the others, under other interpreters; all of them with --quick
ROUNDS, QUICK_ROUNDS = (5, 3, 3), 1


class Goal(NamedTuple):
    """How many times longer another driver should take at least; `than`: "" for the fastest."""

    workload: str
    than: str
    least: float


GOALS = (
    Goal("select1", "psycopg-c", 1.4),
    Goal("select1", "asyncpg", 2.5),
    Goal("by_key", "psycopg-c", 1.1),
    Goal("by_key", "asyncpg", 1.8),
    Goal("nums", "psycopg-c-bin", 1.3),
    Goal("nums", "asyncpg", 1.4),
    Goal("mixed", "asyncpg", 1.15),
    Goal("mixed", "psycopg-c", 0.8),
    Goal("docs", "asyncpg", 1.15),
    Goal("docs", "psycopg-c", 1.9),
    Goal("text", "", 1.1),
    Goal("executemany", "asyncpg", 1.0),
    Goal("executemany", "psycopg-c", 3.0),
    Goal("copy_in", "asyncpg", 1.15),
    Goal("copy_in", "psycopg-c-bin", 0.5),
    Goal("copy_out", "", 0.9),
    Goal("pipeline", "psycopg-c", 7.0),
    Goal("stream", "psycopg-c", 1.0),
    Goal("concurrent", "asyncpg", 1.0),
    Goal("connect", "asyncpg", 1.25),
    Goal("connect", "psycopg-c", 1.25),
    Goal("import", "asyncpg", 1.67),
)
#: bulk work, where the asyncio face may take so many times the blocking one's time at most
BULK = ("nums", "mixed", "docs", "text", "executemany", "copy_in", "copy_out", "stream")
AT_MOST = 1.15


def reached(figures: Figures, goal: Goal) -> Optional[tuple[str, float]]:
    """Return whom we are compared with for a goal, and the ratio; None: one was not run."""
    taken = figures.get(goal.workload, {})
    base = ASYNC if goal.workload == "concurrent" else OURS
    others = [goal.than] if goal.than else [name for name in taken if name not in (OURS, ASYNC)]
    found = [(times, name) for name in others if (times := ratio(taken, base, name)) is not None]
    if not found:
        return None
    times, name = min(found)
    return name, times


def goals_table(found: Comparison) -> str:
    """Return the goals and what was reached in markdown; the asyncio face's below."""
    lines = ["| workload | beside | at least | wall | CPU |", "|---|---|---|---|---|"]
    for goal in GOALS:
        wall, cpu = reached(found.wall, goal), reached(found.cpu, goal)
        if wall is None:
            continue
        mark = "" if wall[1] >= goal.least else " (below)"
        used = "–" if cpu is None else f"{cpu[1]:.2f} ×"
        lines.append(
            f"| {WORKLOADS[goal.workload][2]} | {wall[0]} | {goal.least:.2f} ×"
            f" | {wall[1]:.2f} ×{mark} | {used} |"
        )
    lines += [
        "",
        "| the asyncio face beside the blocking one | at most | wall | CPU |",
        "|---|---|---|---|",
    ]
    for workload in BULK:
        times = ratio(found.wall.get(workload, {}), OURS, ASYNC)
        if times is not None:
            mark = "" if times <= AT_MOST else " (above)"
            used = ratio(found.cpu[workload], OURS, ASYNC)
            lines.append(
                f"| {WORKLOADS[workload][2]} | {AT_MOST:.2f} × | {times:.2f} ×{mark}"
                f" | {used:.2f} × |"
            )
    return "\n".join(lines)


class Report:
    """Prints sections as they come, and keeps what they say."""

    def __init__(self, *, quick: bool, rounds: Optional[int]) -> None:
        self.quick = quick
        self.rounds = rounds
        self.kept: list[dict[str, Any]] = []
        self.began = time.monotonic()

    def rounds_of(self, usual: int) -> int:
        """Return how many rounds a run has: what was asked for, else as usual."""
        return self.rounds or (QUICK_ROUNDS if self.quick else usual)

    def add(self, title: str, found: Comparison) -> None:
        """Print one run."""
        shown = [table(each, found.names, quick=self.quick) for each in (found.wall, found.cpu)]
        print(f"## {title}\n\n{found.about}\n\n{shown[0]}\n\nCPU time of the client:\n\n{shown[1]}")
        print(flush=True)
        self.kept.append(
            {"title": title, "about": found.about, "seconds": found.wall, "cpu_seconds": found.cpu}
        )
        minutes = (time.monotonic() - self.began) / 60
        print(f"{title}: done after {minutes:.1f} minutes", file=sys.stderr)


def places(report: Report, chosen: list[str], options: dict[str, Any]) -> Optional[Comparison]:
    """Run all drivers at each place; return the run by TCP."""
    first: Optional[Comparison] = None
    with ExitStack() as stack:
        server = None
        for place in [each for each in PLACES if each in chosen]:
            if server is None or place == "tls":
                stack.close()
                server = stack.enter_context(server_for(place, quick=report.quick))
            rounds = report.rounds_of(ROUNDS[0 if place == "tcp" else 1])
            found = compare(server, place, rounds=rounds, quick=report.quick, **options)
            report.add(PLACES[place], found)
            first = found if place == "tcp" else first
    return first


def interpreters(
    report: Report, chosen: list[str], packages: Path, options: dict[str, Any]
) -> None:
    """Run some drivers under each interpreter that there is."""
    options = {**options, "drivers": [name for name in options["drivers"] if name in THERE]}
    with ExitStack() as stack:
        server = None
        for name in chosen:
            try:
                python = interpreter(name)
                place = install(python, packages)
            except LookupError as error:
                print(f"left out: {error}", file=sys.stderr)
                continue
            if server is None:
                server = stack.enter_context(server_for("tcp", quick=report.quick))
            rounds = report.rounds_of(ROUNDS[2])
            found = compare(
                server, "tcp", python=python, packages=place, rounds=rounds, quick=report.quick,
                **options,
            )  # fmt: skip
            report.add(found.about.partition(",")[0], found)


def main(arguments: Optional[list[str]] = None) -> int:
    """Run and print."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes, one round")
    parser.add_argument("--rounds", type=int, help="of every run (5 by TCP, 3 elsewhere)")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--places", nargs="*", choices=list(PLACES), default=list(PLACES))
    parser.add_argument("--interpreters", nargs="*", metavar="NAME", default=INTERPRETERS)
    parser.add_argument("--packages", type=Path, default=cache / "purelink-bench")
    parser.add_argument("--only", nargs="+", choices=list(WORKLOADS), default=list(WORKLOADS))
    parser.add_argument("--drivers", nargs="+", choices=list(DRIVERS), default=list(DRIVERS))
    options = parser.parse_args(arguments)
    report = Report(quick=options.quick, rounds=options.rounds)
    same = {"only": options.only, "drivers": options.drivers}
    first = places(report, options.places, same)
    if options.interpreters:
        interpreters(report, options.interpreters, options.packages.resolve(), same)
    if first is not None:
        print(f"## What was aimed at\n\n{first.about}\n\n{goals_table(first)}")
    if options.json:
        options.json.write_text(json.dumps(report.kept, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
