"""`purelink copy`, `listen`, `ping`, `bench`: beside psql and pg_isready where these have it."""

from __future__ import annotations

import io
import json
import socket
import subprocess
import sys
import threading
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

import purelink
from purelink.cli.progress import Progress
from tests.real.cli import Shell, program

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import AnyServer


@pytest.fixture
def shell(
    server: AnyServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Shell:
    return Shell(monkeypatch, capsys, server)


@pytest.fixture
def table(shell: Shell) -> Iterator[str]:
    assert shell("exec", 'create table "Item" (id int, name text, price numeric)').code == 0
    yield '"Item"'
    shell("exec", 'drop table "Item"')


ROWS = "1\té\t0.5\n2\t\\N\t1\n3\ta\\tb\t\\N\n"


def test_in_and_out(shell: Shell, table: str, tmp_path: Path) -> None:
    file = tmp_path / "item.txt"
    file.write_text(ROWS, encoding="utf-8")
    said = shell("copy", "in", table, str(file))
    assert said.code == 0
    assert said.err.startswith("COPY 3  ")
    assert shell("copy", "out", table, "-q") == (0, ROWS, "")
    assert shell("copy", "out", f"select * from {table}", "-q") == (0, ROWS, "")
    assert shell.psql("-c", f"copy {table} to stdout").out == ROWS


def test_csv_by_the_name_of_the_file(shell: Shell, table: str, tmp_path: Path) -> None:
    shell("exec", f"insert into {table} values (1, 'x,\"y', 2), (2, null, null)")
    file = tmp_path / "item.csv"
    assert shell("copy", "out", table, str(file), "--header", "-q").code == 0
    theirs = shell.psql("-c", f"copy {table} to stdout (format csv, header)").out
    assert file.read_text() == theirs
    assert shell("copy", "in", table, str(file), "--header", "--json").code == 0
    assert shell("query", "-tA", f"select count(*) from {table}").out == "4\n"


def test_the_options(shell: Shell, table: str, tmp_path: Path) -> None:
    file = tmp_path / "data"
    file.write_bytes("none;1\né;2\n".encode("latin-1"))
    said = shell(
        *("copy", "in", table, str(file), "--columns", "name,id", "--delimiter", ";"),
        *("--null", "none", "--encoding", "latin1", "--format", "csv", "--json"),
    )
    told = json.loads(said.err)
    assert (told["rows"], told["bytes"]) == (2, 11)
    assert shell("query", "--jsonl", f"select id, name from {table}").out == (
        '{"id": 1, "name": null}\n{"id": 2, "name": "é"}\n'
    )
    binary = tmp_path / "binary"
    assert shell("copy", "out", table, str(binary), "--format", "binary").code == 0
    assert binary.read_bytes().startswith(b"PGCOPY\n")
    assert shell("copy", "in", table, str(binary), "--format", "binary").code == 0
    whole = f"copy {table} (id) to stdout (format csv)"
    assert shell("copy", "out", whole, "-q").out == "1\n2\n1\n2\n"


def test_standard_input(shell: Shell, table: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(ROWS.encode())))
    assert shell("copy", "in", table, "--progress", "always").code == 0
    assert shell("query", "-tA", f"select count(*) from {table}").out == "3\n"


def test_progress_is_drawn_and_wiped(
    shell: Shell, table: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # However quick the machine is, it is drawn.
    defaults = Progress.__init__.__kwdefaults__
    assert defaults is not None
    monkeypatch.setitem(defaults, "every", 0.0)
    file = tmp_path / "many"
    file.write_text("".join(f"{n}\tname {n}\t1\n" for n in range(300_000)))
    said = shell("copy", "in", table, str(file), "--progress", "always")
    first, *_, last = said.err.split("\r")
    assert first == ""
    assert "[#" in said.err.split("\r")[-3]
    assert last.startswith("COPY 300000  ")


def test_errors(shell: Shell, table: str, tmp_path: Path) -> None:
    file = tmp_path / "bad.txt"
    file.write_text("x\ty\tz\n")
    said = shell("copy", "in", table, str(file))
    assert said.code == 1
    theirs = shell.psql("-c", f"copy {table} from stdin", text="x\ty\tz\n")
    assert said.err == theirs.err
    assert shell("copy", "out", "nowhere").code == 1
    assert shell("copy", "in", table, str(tmp_path / "none")).code == 1
    assert shell("copy", "out", table, str(tmp_path / "no" / "where")).code == 1
    for wrong in (
        ("copy", "in", "select 1"),
        ("copy", "out", "select 1", "--columns", "a"),
        ("copy", "in", f"copy {table} to stdout"),
        ("copy", "out", f"copy {table} to stdout", "--format", "csv"),
        ("copy", "sideways", table),
        ("copy", "out", ""),
    ):
        assert shell(*wrong).code == 1
    assert shell("copy", "out", table, "-p", "1").code == 2


def test_listen(shell: Shell, server: AnyServer) -> None:
    def notify() -> None:
        with purelink.connect(server.dsn, autocommit=True) as connection:
            while not done.wait(0.05):
                connection.query("select pg_notify('Jobs', 'é 1'), pg_notify('other', '')")

    done = threading.Event()
    thread = threading.Thread(target=notify)
    thread.start()
    try:
        said = shell("listen", "Jobs", "--count", "2", "--timeout", "20")
        assert said.code == 0
        line = said.out.splitlines()[0]
        assert line.startswith(
            'Asynchronous notification "Jobs" with payload "é 1" received from server process with'
        )
        said = shell("listen", "other", "Jobs", "--count", "1", "--json", "--timeout", "20")
        assert set(json.loads(said.out)) == {"pid", "channel", "payload"}
    finally:
        done.set()
        thread.join()


def test_listen_in_vain(shell: Shell) -> None:
    started = time.monotonic()
    assert shell("listen", "x", "--timeout", "0.2") == (0, "", "")
    assert shell("listen", "x", "--timeout", "0.2", "--count", "1").code == 1
    assert time.monotonic() - started < 10
    assert shell("listen", "x", "--count", "0").code == 1
    assert shell("listen", "x", "-p", "1").code == 2


def test_listen_outlives_its_connection(shell: Shell, server: AnyServer) -> None:
    find = "select pid from pg_stat_activity where query like 'LISTEN%' and application_name = $1"

    def cut() -> None:
        with purelink.connect(server.dsn, autocommit=True) as connection:
            seen: list[tuple[int]] = []
            while not seen and not done.wait(0.05):
                seen = connection.query(find, "purelink").rows
            for (pid,) in seen:
                connection.query("select pg_terminate_backend($1)", pid)
            while not done.wait(0.05):
                connection.query("notify jobs, 'again'")

    done = threading.Event()
    thread = threading.Thread(target=cut)
    thread.start()
    try:
        said = shell("listen", "jobs", "--count", "1", "--timeout", "30", "--json")
    finally:
        done.set()
        thread.join()
    assert said.code == 0
    gap, notification = map(json.loads, said.out.splitlines())
    assert gap["gap"] >= 0
    assert "terminating connection" in gap["reason"]
    assert notification["payload"] == "again"


def isready(*arguments: str) -> tuple[int, str]:
    ran = subprocess.run(
        [program("pg_isready"), *arguments], capture_output=True, text=True, check=False, timeout=60
    )
    return ran.returncode, ran.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["-q"],
        ["-p", "1"],
        ["-h", "127.0.0.1,127.0.0.1", "-p", "1,1"],
        ["-d", "no_such_database"],
        ["-U", "nobody_of_that_name"],
        ["-U", "u_scram"],
        ["-d", "host=/nowhere port=77"],
        ["-d", "postgresql://127.0.0.1:1/x"],
        ["-h", "/nowhere"],
        ["-d", "nonsense=1"],
        ["--nonsense"],
    ],
    ids=" ".join,
)
def test_ping_says_what_pg_isready_says(shell: Shell, arguments: list[str]) -> None:
    shell.monkeypatch.delenv("PGPASSWORD")
    code, out = isready(*arguments)
    said = shell("ping", *arguments)
    assert (said.code, said.out) == (code, out)


def test_ping_in_json(shell: Shell) -> None:
    told = json.loads(shell("ping", "--json", "-p", "1").out)
    assert (told["status"], told["code"]) == ("no response", 2)
    assert "Connection refused" in told["reason"]


@pytest.mark.parametrize(
    ("sqlstate", "code"), [("57P03", 1), ("53300", 0), ("28000", 0), (None, 2)]
)
def test_ping_of_a_server_that_rejects(shell: Shell, sqlstate: str | None, code: int) -> None:
    def refuse() -> None:
        while True:
            try:
                peer = listener.accept()[0]
            except OSError:
                return
            with peer:
                if peer.recv(8)[4:] == b"\x04\xd2\x16\x2f":  # SSLRequest
                    peer.sendall(b"N")
                    peer.recv(4096)
                if sqlstate is not None:
                    body = f"SFATAL\0VFATAL\0C{sqlstate}\0Mgo away\0\0".encode()
                    peer.sendall(b"E" + (len(body) + 4).to_bytes(4, "big") + body)
                peer.shutdown(socket.SHUT_WR)
                while peer.recv(4096):
                    pass

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=refuse)
        thread.start()
        where = ["-h", "127.0.0.1", "-p", str(listener.getsockname()[1])]
        theirs = isready(*where)
        said = shell("ping", *where)
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
    assert (said.code, said.out) == theirs
    assert said.code == code


def test_bench(shell: Shell) -> None:
    told = json.loads(shell("bench", "--rows", "1000", "--trips", "5", "--json").out)
    assert len(told) == 6
    assert all(each["value"] > 0 for each in told)
    assert "rows/s" in shell("bench", "--rows", "10", "--trips", "1").out
    assert shell("bench", "-p", "1").code == 2
    assert shell("bench", "--rows", "0").code == 1
    assert shell("bench", "x").code == 1
