"""`python -m tests.conformance.sqlalchemy_suite [DRIVER …] [-k WORDS]`: the suite, side by side.

Starts a throw-away server, runs the suite once for each driver (purelink, purelink_async, psycopg,
psycopg_async unless told otherwise), prints the numbers, and every test that fails with purelink
and not with psycopg's dialect of the same kind; there being one is exit code 1.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree as ET

from purelink.testing.server import Server

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
DRIVERS = ("purelink", "psycopg", "purelink_async", "psycopg_async")
SETUP = """
create database test;
\\c test
create schema test_schema;
create schema test_schema_2;
create extension hstore;
create extension citext;
"""
#: where SQLAlchemy's plugin looks for them
SETTINGS = """[sqla_testing]
requirement_cls = tests.conformance.sqlalchemy_suite.requirements:Requirements
profile_file = profiles.txt
"""
#: what the suite's page on PostgreSQL asks for
CONFIG = {
    "max_prepared_transactions": 10,
    "default_text_search_config": "pg_catalog.english",
    "lock_timeout": "10s",  # a test that leaves a lock behind must not stop all others
    "fsync": False,
}


class Outcome(NamedTuple):
    """What became of one run: the names of the tests."""

    passed: set[str]
    failed: set[str]
    skipped: set[str]


def server() -> Server:
    """Return a server as the suite wants it, not yet started."""
    local = ["local all all trust", "host all all 127.0.0.1/32 trust"]
    return Server(hba=local, setup=SETUP, config=CONFIG)


def url(driver: str, host: str, port: int, user: str) -> str:
    """Return the URL of the suite's database, for a driver."""
    return f"postgresql+{driver}://{user}@{host}:{port}/test"


def run(driver: str, address: str, arguments: list[str]) -> Outcome:
    """Run the suite with one driver, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        (Path(folder) / "setup.cfg").write_text(SETTINGS, encoding="utf-8")
        command = [
            *(sys.executable, "-m", "pytest", str(HERE / "suite.py"), "-q", "--no-header"),
            *("-c", os.devnull, "--rootdir", folder, "-p", "no:cacheprovider", "-p", "no:xdist"),
            *("-p", "tests.conformance.sqlalchemy_suite.plugin", "--tb=short", "-W", "ignore"),
            *("--dburi", address, f"--junitxml={report}", "-o", "junit_family=xunit2"),
            *arguments,
        ]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        if not report.exists():
            raise SystemExit(f"{driver}: the suite did not run\n{done.stdout}\n{done.stderr}")
        if os.environ.get("SUITE_VERBOSE"):
            sys.stdout.write(done.stdout)
        return read(report)


def read(report: Path) -> Outcome:
    """Return what a JUnit report says."""
    outcome = Outcome(set(), set(), set())
    for case in ET.parse(report).iter("testcase"):
        name = f"{case.get('classname')}.{case.get('name')}"
        # A class is named after the database it runs on: cut, so that drivers can be compared.
        for driver in sorted(DRIVERS, key=len, reverse=True):
            name = name.replace(f"+{driver}_", "+").replace(f"+{driver}", "")
        kinds = {child.tag for child in case}
        if kinds & {"failure", "error"}:
            outcome.failed.add(name)
        elif "skipped" in kinds:
            outcome.skipped.add(name)
        else:
            outcome.passed.add(name)
    return outcome


def compare(outcomes: dict[str, Outcome]) -> list[str]:
    """Return the lines on what fails with purelink alone."""
    lines = []
    for driver, outcome in outcomes.items():
        peer = outcomes.get(driver.replace("purelink", "psycopg"))
        if driver.startswith("purelink") and peer is not None:
            lines += [f"{driver} alone fails: {name}" for name in outcome.failed - peer.failed]
            lines += [f"{driver} alone skips: {name}" for name in outcome.skipped - peer.skipped]
    return sorted(lines)


def main(arguments: list[str] | None = None) -> int:
    """Run it; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.conformance.sqlalchemy_suite")
    parser.add_argument("drivers", nargs="*", metavar="DRIVER", help=", ".join(DRIVERS))
    parser.add_argument("-k", metavar="WORDS", help="only these tests, as pytest has it")
    told = parser.parse_args(arguments)
    import sqlalchemy

    outcomes = {}
    with server() as started:
        version = f"SQLAlchemy {sqlalchemy.__version__}, PostgreSQL {started.version}"
        sys.stdout.write(f"{version}\n{'driver':<16}{'passed':>8}{'failed':>8}{'skipped':>8}\n")
        for driver in told.drivers or DRIVERS:
            address = url(driver, "127.0.0.1", started.port, started.superuser)
            outcome = run(driver, address, ["-k", told.k] if told.k else [])
            outcomes[driver] = outcome
            counts = "".join(f"{len(names):>8}" for names in outcome)
            sys.stdout.write(f"{driver:<16}{counts}\n")
            sys.stdout.flush()
    lines = compare(outcomes)
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return 1 if any(" fails: " in line for line in lines) else 0


if __name__ == "__main__":
    raise SystemExit(main())
