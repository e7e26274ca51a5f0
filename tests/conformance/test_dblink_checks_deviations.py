"""Checks 121 to 123 of dblink's specification: where we do better on purpose, and say so.

Upstream's own behaviour in these is a loop at 100 % CPU, a hang, and the commit of a stranger's
transaction: only the last is run here beside ours. Three more differences on purpose follow.
"""

from __future__ import annotations

import socket
from typing import Any

import pytest

from tests.conformance.dblink_pair import FACES, Ours, Real, Side, played

pytestmark = pytest.mark.server

NOTHING = ("08006", "could not obtain message string for remote error")


@pytest.fixture(params=FACES)
def ours(request: Any, server: Any) -> Any:
    side = Ours(server, request.param)
    yield side
    side.close()


@pytest.mark.parametrize("sql", ["copy foo to stdout", "copy foo from stdin"])
def test_121_copy(ours: Ours, sql: str) -> None:
    d = ours
    d.connect("c", d.CS).gives("OK")
    on = 'on dblink connection named "c"'
    d.rows("c", sql).raises(*NOTHING, context=f"while executing query {on}")
    d.rows("c", "select 1").gives(("1",))
    d.rows("c", sql, False).notes(*NOTHING).holds()
    d.exec("c", sql).raises(*NOTHING, context=f"while executing command {on}")
    d.exec("c", "set work_mem=1000").gives("SET")
    d.exec("c", f"create temp table t (); {sql}", False).notes(*NOTHING).holds("ERROR")
    d.send("c", sql).gives("1")
    d.result("c").raises(*NOTHING, context=f"while executing query {on}")
    d.result("c").gives()
    d.send("c", sql).gives("1")
    d.rows("c", "select 1").raises(
        "XX000", "could not send query: another command is already in progress"
    )
    d.rows("c", "select 1").gives(("1",))
    d.rows(d.CS, sql).raises(*NOTHING)
    # it was told once, and the table is as it was
    d.rows("c", "select count(*) from foo").gives(("10",))


def test_122_silent_peer(ours: Ours) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        place = f"host=127.0.0.1 port={port}"
        ours.connect("c", f"{place} connect_timeout=1").raises(
            "08001",
            "could not establish connection",
            detail=f'connection to server at "127.0.0.1", port {port} failed: timeout expired',
        )
        ours.connect("c", f"{place} connect_timeout=abc").raises(
            "08001",
            "could not establish connection",
            detail=f'connection to server at "127.0.0.1", port {port} failed:'
            ' invalid integer value "abc" for connection option "connect_timeout"',
        )
    ours.names().gives(None)


def _stale(d: Side) -> None:
    d.connect(d.CS)
    d.open("k1", "select 1").gives("OK")
    d.connect(d.CS).gives("OK")
    d.exec("begin").gives("BEGIN")
    d.open("k1", "select 1").gives("OK")
    d.close_cursor("k1").gives("OK")
    d.exec("savepoint x").gives("SAVEPOINT")
    for cursor in ("k2", "k3"):
        d.exec(f"declare {cursor} cursor for select 1").gives("DECLARE CURSOR")
        d.close_cursor(cursor).gives("OK")
    d.exec("savepoint x")


@pytest.mark.parametrize("face", FACES)
def test_123_stale_count_of_the_unnamed(face: str, server: Any) -> None:
    played(Ours(server, face), _stale)[-1].gives("SAVEPOINT")
    # upstream commits the caller's transaction
    with pytest.raises(AssertionError, match="25P01"):
        played(Real(server), _stale)[-1].gives("SAVEPOINT")


@pytest.mark.parametrize("face", FACES)
def test_last_words_on_an_idle_link_are_kept(face: str, server: Any) -> None:
    """What is_busy reads on an idle link upstream drops; ours still tells who ended it."""

    def script(d: Side) -> None:
        d.connect("c", d.CS)
        d.kill("c")
        d.notify("c").gives()
        d.rows("c", "select 1")

    assert played(Real(server), script)[-1].raises(
        "08006", "server closed the connection unexpectedly"
    )
    assert played(Ours(server, face), script)[-1].raises(
        "08006", "FATAL:  terminating connection due to administrator command"
    )


@pytest.mark.parametrize("face", FACES)
def test_a_password_in_a_name_is_not_told(face: str, server: Any) -> None:
    def script(d: Side) -> None:
        d.open(f"{d.CS} password=sesame", "k", "select 1")

    real, ours = (played(side, script)[-1] for side in (Real(server), Ours(server, face)))
    assert real.error is not None
    assert ours.error is not None
    assert "sesame" in str(real.error)
    assert ours.error.message == (real.error.message or "").replace("sesame", "***")


def test_files_are_not_a_strangers_to_name(ours: Ours) -> None:
    ours.role("plain")
    text = f"{ours.H} user=u_scram password=pw"
    for option in ("sslcert", "sslkey", "passfile", "sslrootcert", "sslcrl", "sslcrldir"):
        outcome = ours.connect("c", f"{text} {option}=/etc/passwd")
        outcome.raises(
            "42501", f'permission denied to name a local file: connection option "{option}"'
        )
    ours.connect("c", f"{text} sslrootcert=system sslmode=disable")
