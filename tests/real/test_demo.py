"""`purelink demo`, as a newcomer types it: the seed's session, and nothing left afterwards."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from purelink.connection import connect

if TYPE_CHECKING:
    from purelink.testing.endpoint import BorrowedServer
    from purelink.testing.server import Server

TABLE = """\
 a  | b |       c
----+---+---------------
  0 | a | {a0,b0,c0}
  1 | b | {a1,b1,c1}
  2 | c | {a2,b2,c2}
  3 | d | {a3,b3,c3}
  4 | e | {a4,b4,c4}
  5 | f | {a5,b5,c5}
  6 | g | {a6,b6,c6}
  7 | h | {a7,b7,c7}
  8 | i | {a8,b8,c8}
  9 | j | {a9,b9,c9}
 10 | k | {a10,b10,c10}
(11 rows)
"""

REFUSALS = (
    "ERROR:  duplicate connection name\n",
    (
        "ERROR:  password is required\n"
        "DETAIL:  Non-superusers must provide a password in the connection string.\n"
    ),
    (
        "ERROR:  password is required\n"
        "DETAIL:  Non-superuser cannot connect if the server does not request a password.\n"
        "HINT:  Target server's authentication method must be changed.\n"
    ),
    "ERROR:  permission denied for foreign server fdtest\n",
    'ERROR:  user mapping not found for user "dblink_regression_test", server "fdtest"\n',
)


def plain(text: str) -> str:
    return "".join(f"{line.rstrip()}\n" for line in text.splitlines())


def test_the_seeds_session_happens(own_server: Server, tmp_path: Path) -> None:
    assert own_server.owned  # the demo starts one of the same programs
    done = subprocess.run(
        [sys.executable, "-W", "error::ResourceWarning", "-m", "purelink", "demo"],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    said = plain(done.stdout)
    assert TABLE in said
    for refusal in REFUSALS:
        assert refusal in said
    assert ">>> session.dblink_connect('dbname=postgres')\n'OK'\n" in said
    assert "All of it happened as it should." in said
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_left_after_ctrl_c(own_server: Server, tmp_path: Path) -> None:
    assert own_server.owned
    demo = subprocess.Popen(
        [sys.executable, "-u", "-m", "purelink", "demo"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        start_new_session=True,
    )
    assert demo.stdout is not None
    for line in demo.stdout:
        if line.startswith("-- The stage"):
            break
    demo.send_signal(signal.SIGINT)
    _, complaints = demo.communicate(timeout=60)
    assert demo.returncode == 130
    assert complaints.strip() == "interrupted; server and folder are gone"
    assert list(tmp_path.iterdir()) == []


def test_on_a_server_of_ones_own(server: Server | BorrowedServer) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "purelink", "demo", "--dsn", server.dsn],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert ">>> session.dblink_connect('myconn', 'dbname=postgres')\n'OK'\n" in done.stdout
    if server.password and done.returncode == 0:
        assert TABLE in plain(done.stdout)
    with connect(server.dsn, autocommit=True) as connection:
        left = connection.query(
            "select datname from pg_database where datname = 'contrib_regression'"
            " union all select rolname from pg_roles where rolname = 'dblink_regression_test'"
        )
        assert left.rows == []


def test_what_was_there_before_stays(server: Server | BorrowedServer) -> None:
    with connect(server.dsn, autocommit=True) as connection:
        connection.query("create database contrib_regression")
        try:
            done = subprocess.run(
                [sys.executable, "-m", "purelink", "demo", "--dsn", server.dsn],
                capture_output=True,
                text=True,
                check=False,
                timeout=120,
            )
            assert done.returncode == 1
            assert 'database "contrib_regression" already exists' in done.stderr
            found = connection.query(
                "select count(*) from pg_database where datname = 'contrib_regression'"
            )
            assert found.scalar() == 1
        finally:
            connection.query("drop database contrib_regression")


@pytest.mark.parametrize("arguments", [["--help"], ["demo", "--help"], ["--version"]])
def test_help(arguments: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "purelink", *arguments],
        capture_output=True,
        text=True,
        check=True,
        cwd=tempfile.gettempdir(),
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])},
        timeout=60,
    )
    assert "purelink" in done.stdout


def test_no_such_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "purelink", "dmeo"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2
    assert "there is no command 'dmeo'" in done.stderr
