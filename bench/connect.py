"""How long until the first row? Connecting by TCP with SCRAM, with TLS and without, and its price.

Each driver in turn opens a connection, asks `select 1`, reads the row and closes, round by round in
an order that rotates, all in one process and one run; medians, and of the others the median ratio
within a round. Then the CPU time of a bulk read over TLS beside the same in plaintext. A table in
markdown is printed:

    python -m bench.connect [--quick] [--rounds N] [--megabytes N] [--drivers NAME …] [--json FILE]

Nobody verifies the certificate (`sslmode=require`); all drivers bind SCRAM to it as they do by
default.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import ssl
import statistics
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Callable, Optional

from purelink.testing.server import Server, TLSFiles

CERTIFICATES = Path(__file__).parents[1] / "tests" / "unit" / "tls" / "certificates"
BULK = "select repeat(chr(65 + n % 26), 1000) from generate_series(1, {}) n"
MODES = {False: "plaintext", True: "TLS"}

#: asks one statement on a new connection, returns how many rows came
Asking = Callable[[str], int]


def blocking(connect: Callable[[], Any]) -> Asking:
    """Return what asks through a blocking PEP 249 driver."""

    def ask(sql: str) -> int:
        connection = connect()
        try:
            cursor = connection.cursor()
            cursor.execute(sql)
            return len(cursor.fetchall())
        finally:
            connection.close()

    return ask


def context() -> ssl.SSLContext:
    """Return a context that verifies nothing, as `sslmode=require`."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    return made


def purelink(server: Server, *, secured: bool) -> Asking:
    """Return our way, blocking."""
    from purelink import connect

    dsn = f"{server.dsn} sslmode={'require' if secured else 'disable'}"

    def ask(sql: str) -> int:
        connection = connect(dsn, autocommit=True)
        try:
            return len(connection.query(sql).rows)
        finally:
            connection.close()

    return ask


_LOOPS: list[asyncio.AbstractEventLoop] = []


def new_loop() -> asyncio.AbstractEventLoop:
    """Return a loop that `main` closes in the end."""
    _LOOPS.append(asyncio.new_event_loop())
    return _LOOPS[-1]


def purelink_async(server: Server, *, secured: bool) -> Asking:
    """Return our way, on asyncio."""
    from purelink import aconnect

    dsn = f"{server.dsn} sslmode={'require' if secured else 'disable'}"
    loop = new_loop()

    async def ask(sql: str) -> int:
        connection = await aconnect(dsn, autocommit=True)
        try:
            return len((await connection.query(sql)).rows)
        finally:
            await connection.close()

    return lambda sql: loop.run_until_complete(ask(sql))


def psycopg(server: Server, *, secured: bool) -> Asking:
    """Return psycopg 3's way, on the libpq that it brings."""
    import psycopg

    dsn = f"{server.dsn} sslmode={'require' if secured else 'disable'}"
    return blocking(lambda: psycopg.connect(dsn, autocommit=True))


def psycopg2(server: Server, *, secured: bool) -> Asking:
    """Return psycopg2's way."""
    import psycopg2  # type: ignore[import-untyped]

    dsn = f"{server.dsn} sslmode={'require' if secured else 'disable'}"
    return blocking(lambda: psycopg2.connect(dsn))


def pg8000(server: Server, *, secured: bool) -> Asking:
    """Return pg8000's way."""
    from pg8000 import native

    def ask(sql: str) -> int:
        connection = native.Connection(
            server.superuser, host=server.host, port=server.port, password=server.password,
            database="postgres", ssl_context=context() if secured else False,
        )  # fmt: skip
        try:
            return len(connection.run(sql))
        finally:
            connection.close()

    return ask


def asyncpg(server: Server, *, secured: bool) -> Asking:
    """Return asyncpg's way."""
    import asyncpg  # type: ignore[import-untyped]

    loop = new_loop()

    async def ask(sql: str) -> int:
        connection = await asyncpg.connect(
            host=server.host, port=server.port, user=server.superuser, database="postgres",
            password=server.password, ssl=context() if secured else False,
        )  # fmt: skip
        try:
            return len(await connection.fetch(sql))
        finally:
            await connection.close()

    return lambda sql: loop.run_until_complete(ask(sql))


DRIVERS = {
    "purelink": purelink,
    "purelink-async": purelink_async,
    "psycopg": psycopg,
    "psycopg2": psycopg2,
    "pg8000": pg8000,
    "asyncpg": asyncpg,
}


def taken(ask: Asking, sql: str, rows: int) -> tuple[float, float]:
    """Return wall and CPU seconds of one connection with one statement."""
    wall, cpu = time.perf_counter(), time.process_time()
    found = ask(sql)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    if found != rows:
        raise SystemExit(f"{found} rows came instead of {rows}")
    return wall, cpu


def measure(
    asked: dict[tuple[str, bool], Asking], rounds: int, sql: str, rows: int
) -> dict[tuple[str, bool], list[tuple[float, float]]]:
    """Return for each driver and mode the wall and CPU seconds of each round."""
    figures: dict[tuple[str, bool], list[tuple[float, float]]] = {each: [] for each in asked}
    order = list(asked.items())
    for _, ask in order:
        ask(sql)
    for number in range(rounds):
        turn = number % len(order)
        for each, ask in order[turn:] + order[:turn]:
            figures[each].append(taken(ask, sql, rows))
    return figures


def connect_table(
    figures: dict[tuple[str, bool], list[tuple[float, float]]], names: list[str]
) -> str:
    """Return times to the first row in markdown."""
    lines = [
        "| time to the first row | " + " | ".join(names) + " |",
        "|---" * (len(names) + 1) + "|",
    ]
    for secured, mode in MODES.items():
        for what, which in (("wall", 0), ("CPU", 1)):
            ours = [round_[which] for round_ in figures[names[0], secured]]
            cells = [f"{1000 * statistics.median(ours):.2f} ms"]
            for name in names[1:]:
                other = [round_[which] for round_ in figures[name, secured]]
                ratio = statistics.median([b / a for a, b in zip(ours, other)])
                cells.append(f"{ratio:.2f} ×")
            lines.append(f"| {mode}, {what} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def bulk_table(
    figures: dict[tuple[str, bool], list[tuple[float, float]]], names: list[str], megabytes: int
) -> str:
    """Return what TLS costs while reading much."""
    lines = [f"| {megabytes} MB of text | plaintext, CPU | TLS, CPU | ratio |", "|---|---|---|---|"]
    for name in names:
        plain = [cpu for _, cpu in figures[name, False]]
        secured = [cpu for _, cpu in figures[name, True]]
        ratio = statistics.median([b / a for a, b in zip(plain, secured)])
        lines.append(
            f"| {name} | {1000 * statistics.median(plain):.0f} ms"
            f" | {1000 * statistics.median(secured):.0f} ms | {ratio:.2f} × |"
        )
    return "\n".join(lines)


def main(arguments: Optional[list[str]] = None) -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--megabytes", type=int)
    parser.add_argument("--drivers", nargs="+", choices=list(DRIVERS), default=list(DRIVERS))
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    rounds = options.rounds or (5 if options.quick else 60)
    megabytes = options.megabytes or (2 if options.quick else 50)
    files = TLSFiles(
        CERTIFICATES / "san-localhost.pem", CERTIFICATES / "server.key", CERTIFICATES / "ca.pem"
    )
    asked: dict[tuple[str, bool], Asking] = {}
    with ExitStack() as stack:
        server = stack.enter_context(Server(flavour="tls", tls=files))
        stack.callback(lambda: [_LOOPS.pop().close() for _ in list(_LOOPS)])
        for name in options.drivers:
            for secured in MODES:
                try:
                    asked[name, secured] = DRIVERS[name](server, secured=secured)
                except ImportError:
                    print(f"{name} is not installed", file=sys.stderr)
        names = list(dict.fromkeys(name for name, _ in asked))
        first = measure(asked, rounds, "select 1", 1)
        many = megabytes * 1000
        bulk = measure(asked, 3 if options.quick else 7, BULK.format(many), many)
        about = (
            f"{platform.python_implementation()} {platform.python_version()},"
            f" {os.cpu_count()} cores, PostgreSQL {server.version}, TCP, SCRAM,"
            f" {rounds} rounds; a figure above 1 is how much longer the other takes"
        )
    print(about, connect_table(first, names), bulk_table(bulk, names, megabytes), sep="\n\n")
    if options.json:
        seconds = {
            f"{what}, {name}, {MODES[secured]}": figures
            for what, found in (("first row", first), ("bulk", bulk))
            for (name, secured), figures in found.items()
        }
        options.json.write_text(json.dumps({"about": about, "seconds": seconds}, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
