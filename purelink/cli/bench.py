"""`purelink bench`: how fast this machine, this network and your server are together, in seconds.

Floor 6. A few figures on a temporary table of your own connection. The comparison with other
drivers lives in the project's source (`bench/`) and is run from there.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Callable

from ..errors import Error
from .options import (
    FAILED,
    NO_CONNECTION,
    CommandFailed,
    Parser,
    Voice,
    add_connection,
    add_speech,
    opened,
)
from .table import aligned

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from ..connection import Connection

__all__ = ["main"]

EXAMPLES = [
    "purelink bench -d service=shop",
    "purelink bench --rows 1000000 --json",
    "purelink bench --drivers -- --quick",
]
ROOT = Path(__file__).resolve().parents[2]
TABLE = "CREATE TEMP TABLE purelink_bench (id int8, name text, price numeric, made timestamptz)"
FILL = """INSERT INTO purelink_bench
    SELECT n, 'name ' || n, n / 4.0, now() FROM generate_series(1, $1) n"""


def _parser() -> Parser:
    parser = Parser(
        "bench",
        "Measure purelink on your server: connecting, round trips, rows, COPY. It makes a\n"
        "temporary table, which is gone afterwards.",
        EXAMPLES,
    )
    parser.add_argument("--rows", type=int, default=100_000, help="default: 100000")
    parser.add_argument("--trips", type=int, default=1000, help="round trips (default: 1000)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--drivers",
        action="store_true",
        help="beside other drivers, on a throw-away server: runs the project's own benchmark,"
        " which is in its source, with the arguments that follow --",
    )
    parser.add_argument("rest", nargs="*", help="arguments of the project's benchmark")
    add_speech(parser)
    add_connection(parser)
    return parser


def main(argv: Sequence[str]) -> int:
    """Run the command; return its exit code."""
    parser = _parser()
    options = parser.parse_args(argv)
    voice = Voice(colour=options.color, as_json=options.json)
    if options.drivers:
        return _beside_others(options.rest, voice)
    if options.rest:
        parser.error("arguments behind -- go with --drivers")
    if options.rows < 1 or options.trips < 1:
        parser.error("--rows and --trips must be 1 at least")
    try:
        started = time.perf_counter()
        with opened(options, voice) as connection:
            connected = time.perf_counter() - started
            try:
                figures = _measured(connection, options, connected)
            except Error as error:
                voice.error(error)
                return NO_CONNECTION if connection.closed else FAILED
    except CommandFailed as failed:
        return failed.code
    if options.json:
        told = [{"what": what, "value": value, "unit": unit} for what, value, unit in figures]
        print(json.dumps(told, indent=2))
    else:
        rows = [
            (what, f"{value:,.3g}" if value < 100 else f"{value:,.0f}", unit)
            for what, value, unit in figures
        ]
        print("\n".join(aligned(["what", "figure", "unit"], rows, count=False)))
    return 0


def _beside_others(rest: list[str], voice: Voice) -> int:
    if not (ROOT / "bench" / "queries.py").exists():
        voice.own(
            "the comparison with other drivers is in purelink's source, not in the package: unpack"
            " the sdist, install the drivers you want to compare and the extra `test`, and run"
            " `python -m bench.queries` there"
        )
        return FAILED
    return subprocess.run(  # noqa: S603 - our own program, and what the user gave it
        [sys.executable, "-m", "bench.queries", *rest], cwd=ROOT, check=False
    ).returncode


def _measured(
    connection: Connection, options: argparse.Namespace, connected: float
) -> list[tuple[str, float, str]]:
    rows = options.rows
    connection.query(TABLE)
    connection.query(FILL, rows)
    trips = [_seconds(lambda: connection.query("SELECT 1")) for _ in range(options.trips)]
    keyed = [_seconds(lambda: connection.query("SELECT $1::int8", 7)) for _ in range(options.trips)]
    select = _best(lambda: connection.query("SELECT * FROM purelink_bench"))
    size = 0

    def out() -> None:
        nonlocal size
        size = sum(map(len, connection.copy_out("COPY purelink_bench TO STDOUT")))

    copied = _best(out)
    data = connection.copy_out("COPY purelink_bench TO STDOUT").read()
    connection.query("CREATE TEMP TABLE purelink_bench_in (LIKE purelink_bench)")
    taken = _best(lambda: connection.copy_in("COPY purelink_bench_in FROM STDIN", data))
    return [
        ("connecting", connected * 1000, "ms"),
        ("round trip, SELECT 1 (median)", statistics.median(trips) * 1e6, "µs"),
        ("round trip, prepared, one parameter (median)", statistics.median(keyed) * 1e6, "µs"),
        ("rows read: int8, text, numeric, timestamptz", rows / select, "rows/s"),
        ("COPY out", size / copied / 1e6, "MB/s"),
        ("COPY in", size / taken / 1e6, "MB/s"),
    ]


def _seconds(run: Callable[[], object]) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def _best(run: Callable[[], object]) -> float:
    return min(_seconds(run) for _ in range(3))
