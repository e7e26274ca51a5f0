"""Three servers, one of them a standby: which is reached, beside the real libpq, both faces.

A primary, its hot standby, and a primary whose transactions are read-only; while one is stopped,
killed, hung (SIGSTOP), full, or starting up. Where nobody fits, the whole story is compared.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import time
from itertools import permutations
from typing import TYPE_CHECKING, Any, Iterator, NamedTuple

import pytest

import purelink
from purelink.errors import ConnectError, ConnectionLost
from purelink.testing.programs import ProgramsMissing
from purelink.testing.server import HBA_TRUST, Server
from tests.conformance.faces import FACES
from tests.conformance.libpq import Libpq, NoLibpq, find

if TYPE_CHECKING:
    from pathlib import Path

if not hasattr(signal, "SIGSTOP"):
    pytest.skip("this platform cannot stop a process", allow_module_level=True)

WISHES = ("any", "read-write", "read-only", "primary", "standby", "prefer-standby")


class Trio(NamedTuple):
    """The servers by what they are."""

    primary: Server
    standby: Server
    calm: Server

    def dsn(self, order: str, **more: str) -> str:
        """Return a string that names them in this order, by their first letters."""
        servers = {"p": self.primary, "s": self.standby, "c": self.calm}
        hosts = ",".join("127.0.0.1" for _ in order)
        ports = ",".join(str(servers[each].port) for each in order)
        settings = {"user": "postgres", "dbname": "postgres", "sslmode": "disable", **more}
        words = " ".join(f"{keyword}={value}" for keyword, value in settings.items())
        return f"host={hosts} port={ports} {words}"

    def name(self, port: str) -> str:
        """Return the letter of whoever listens at a port."""
        return next(letter for letter, server in zip("psc", self) if str(server.port) == port)


@pytest.fixture(scope="module")
def libpq() -> Libpq:
    try:
        return find()
    except NoLibpq as missing:
        pytest.skip(str(missing))


def stand_by(standby: Server, primary: Server) -> None:
    """Make a server the hot standby of another, from a copy of its files."""
    standby.start()
    standby.halt()
    primary.halt()
    own = standby.data.stat()
    kept = (standby.data / "postgresql.conf").read_text(encoding="utf-8")
    shutil.rmtree(standby.data)
    shutil.copytree(primary.data, standby.data)
    # Unix sockets only within the server's own folder: the copy has the primary's.
    link = f"host=127.0.0.1 port={primary.port} user=postgres"
    (standby.data / "postgresql.conf").write_text(
        f"{kept}\nprimary_conninfo = '{link}'\n", encoding="utf-8"
    )
    (standby.data / "standby.signal").touch()
    standby.data.chmod(own.st_mode)
    for each in (standby.data, *standby.data.rglob("*")):
        os.chown(each, own.st_uid, own.st_gid)
    primary.start()
    standby.start()


@pytest.fixture(scope="module")
def trio() -> Iterator[Trio]:
    hba = [*HBA_TRUST, "host replication all 127.0.0.1/32 trust"]
    few = {"max_connections": 12, "superuser_reserved_connections": 0, "reserved_connections": 0}
    wal = {"wal_level": "replica", "max_wal_senders": 3}
    try:
        primary = Server(hba=hba, config={**few, **wal})
        standby = Server(hba=hba, config={**few, **wal})
        read_only = "alter system set default_transaction_read_only = on; select pg_reload_conf()"
        calm = Server(hba=hba, config=few, setup=read_only)
    except ProgramsMissing as missing:
        pytest.skip(f"no server: {missing}")
    with primary, calm, contextlib.ExitStack() as stack:
        stack.callback(standby.stop)
        stand_by(standby, primary)
        yield Trio(primary, standby, calm)


def same(libpq: Libpq, dsn: str) -> str:
    """Return the port that all three reach, or the story that all three tell."""
    theirs = libpq.connect(dsn)
    for name, client in FACES.items():
        ours = client(dsn)
        assert (ours.error, ours.port) == (theirs.error, theirs.port), name
    return theirs.port if not theirs.error else theirs.error


def fit(order: str, wish: str) -> str:
    """Return who must be reached."""
    kinds = {"any": "psc", "read-write": "p", "read-only": "sc", "primary": "pc", "standby": "s"}
    return next(each for each in order if each in kinds.get(wish, "s"))


@pytest.mark.parametrize("wish", WISHES)
def test_target_session_attrs(libpq: Libpq, trio: Trio, wish: str) -> None:
    for order in map("".join, permutations("psc")):
        found = same(libpq, trio.dsn(order, target_session_attrs=wish))
        assert trio.name(found) == fit(order, wish), order


@pytest.mark.parametrize(
    ("order", "wish", "words"),
    [
        ("sc", "read-write", "session is read-only"),
        ("p", "read-only", "session is not read-only"),
        ("s", "primary", "server is in hot standby mode"),
        ("pc", "standby", "server is not in hot standby mode"),
    ],
)
def test_nobody_fits(libpq: Libpq, trio: Trio, order: str, wish: str, words: str) -> None:
    story = same(libpq, trio.dsn(order, target_session_attrs=wish))
    assert story.count(words) == len(order)


def test_prefer_standby_takes_what_there_is(libpq: Libpq, trio: Trio) -> None:
    assert trio.name(same(libpq, trio.dsn("cp", target_session_attrs="prefer-standby"))) == "c"


@contextlib.contextmanager
def away(server: Server, mode: str) -> Iterator[None]:
    """Halt a server for the block."""
    server.halt(mode)
    try:
        yield
    finally:
        server.start()


@pytest.mark.parametrize("mode", ["fast", "kill"])
def test_the_first_is_away(libpq: Libpq, trio: Trio, mode: str) -> None:
    with away(trio.calm, mode):
        assert trio.name(same(libpq, trio.dsn("cps"))) == "p"
        assert trio.name(same(libpq, trio.dsn("csp", target_session_attrs="prefer-standby"))) == "s"
        story = same(libpq, trio.dsn("cs", target_session_attrs="read-write"))
        assert "Connection refused" in story
        assert "session is read-only" in story
        assert "Connection refused" in same(libpq, trio.dsn("c"))


@pytest.mark.parametrize("face", ["blocking", "asyncio"])
def test_killed_under_a_connection(trio: Trio, face: str) -> None:
    """The connection is told, and a new one over the same string finds another server."""
    dsn = trio.dsn("cp")

    async def main() -> None:
        connection = await purelink.aconnect(dsn, autocommit=True)
        with away(trio.calm, "kill"):
            with pytest.raises(ConnectionLost):
                await connection.query("select pg_sleep(60)")
            assert connection.closed
            async with await purelink.aconnect(dsn, autocommit=True) as other:
                assert other.target.port == str(trio.primary.port)
        await connection.close()

    if face == "asyncio":
        asyncio.run(main())
        return
    connection = purelink.connect(dsn, autocommit=True)
    with away(trio.calm, "kill"):
        with pytest.raises(ConnectionLost):
            connection.query("select pg_sleep(60)")
        assert connection.closed
        with purelink.connect(dsn, autocommit=True) as other:
            assert other.target.port == str(trio.primary.port)
    connection.close()


@contextlib.contextmanager
def hung(*pids: int) -> Iterator[None]:
    """Stop processes for the block, as a machine that swaps or a network that is gone."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def test_the_first_hangs(libpq: Libpq, trio: Trio) -> None:
    with hung(trio.calm.pid):
        started = time.monotonic()
        found = same(libpq, trio.dsn("cp", connect_timeout="2"))
        assert trio.name(found) == "p"
        assert time.monotonic() - started < 15
        story = same(libpq, trio.dsn("c", connect_timeout="2"))
        assert story.endswith("timeout expired")


@pytest.mark.parametrize("face", ["blocking", "asyncio"])
def test_hung_under_a_connection(trio: Trio, face: str) -> None:
    """A query comes back in time, and so does close; nobody can tell what became of it."""

    def look(error: Any, connection: Any, started: float) -> None:
        assert error.outcome == "unknown"
        assert connection.closed
        assert time.monotonic() - started < 25

    async def main() -> None:
        connection = await purelink.aconnect(trio.dsn("c"), autocommit=True)
        assert connection.backend_pid is not None
        with hung(connection.backend_pid, trio.calm.pid):
            started = time.monotonic()
            with pytest.raises(purelink.Timeout) as expired:
                await connection.query("select 1", timeout=0.3)
            await connection.close()
            look(expired.value, connection, started)

    if face == "asyncio":
        asyncio.run(main())
        return
    connection = purelink.connect(trio.dsn("c"), autocommit=True)
    assert connection.backend_pid is not None
    with hung(connection.backend_pid, trio.calm.pid):
        started = time.monotonic()
        with pytest.raises(purelink.Timeout) as expired:
            connection.query("select 1", timeout=0.3)
        connection.close()
        look(expired.value, connection, started)


def test_the_first_is_full(libpq: Libpq, trio: Trio) -> None:
    """libpq's rule: a server that rejects with 53300 was reached; no other host is tried."""
    held = []
    try:
        with pytest.raises(ConnectError) as refused:
            while True:
                held.append(purelink.connect(trio.dsn("c")))
        assert refused.value.sqlstate == "53300"
        story = same(libpq, trio.dsn("cp"))
        assert "too many clients" in story
        assert story.count("connection to server at") == 1
    finally:
        for each in held:
            each.close()


def test_the_first_is_starting_up(libpq: Libpq, trio: Trio, tmp_path: Path) -> None:
    """A standby that takes nobody (57P03): the next host's turn."""
    configuration = trio.standby.data / "postgresql.conf"
    kept = configuration.read_text(encoding="utf-8")
    trio.standby.halt()
    configuration.write_text(f"{kept}\nhot_standby = off\n", encoding="utf-8")
    trio.standby.start()
    try:
        assert trio.name(same(libpq, trio.dsn("sp"))) == "p"
        story = same(libpq, trio.dsn("s"))
        assert "the database system is not accepting connections" in story
    finally:
        trio.standby.halt()
        configuration.write_text(kept, encoding="utf-8")
        trio.standby.start()


def test_load_balance_hosts(trio: Trio) -> None:
    """All are met, given time; the story of one connection never names a host twice."""
    dsn = trio.dsn("psc", load_balance_hosts="random")
    met = set()
    for _ in range(100):
        with purelink.connect(dsn, autocommit=True) as connection:
            met.add(trio.name(connection.target.port))
        if len(met) == 3:
            break
    assert met == set("psc")


def test_promotion(libpq: Libpq, trio: Trio) -> None:
    """Last of all, since there is no way back: the primary dies, the standby takes its place."""
    dsn = trio.dsn("ps", target_session_attrs="read-write")
    assert trio.name(same(libpq, dsn)) == "p"
    trio.primary.halt("kill")
    assert "session is read-only" in same(libpq, dsn)
    with purelink.connect(trio.dsn("s"), autocommit=True) as connection:
        assert connection.query("select pg_promote()").scalar() is True
    assert trio.name(same(libpq, dsn)) == "s"
