"""`ConnectPolicy` on real servers, by every door: connections, sessions, both faces; cancelling."""

from __future__ import annotations

import socket
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

import purelink
from purelink.dblink.aio import AsyncSession
from purelink.dblink.session import Session
from purelink.errors import LinkError, PolicyError, Timeout
from purelink.policy import ConnectPolicy

if TYPE_CHECKING:
    from purelink.testing.server import Server
    from tests.both import Door
    from tests.conftest import AnyServer

pytestmark = pytest.mark.server

HERE = ("127.0.0.0/8",)


def policy(**changes: Any) -> ConnectPolicy:
    """Return one that lets this machine's server in, which has no TLS."""
    return ConnectPolicy(**{"networks": HERE, "sslmode": None, **changes})


@pytest.fixture
def scram(server: AnyServer) -> str:
    return f"host={server.host} port={server.port} dbname=rem user=u_scram password=pw"


def rule(door: Door, string: str, given: ConnectPolicy, **keywords: Any) -> str:
    with pytest.raises(PolicyError) as refused:
        door.connect(string, policy=given, **keywords)
    assert refused.value.sqlstate == "42501"
    return refused.value.rule


def test_a_stranger_with_a_password_gets_in(door: Door, scram: str) -> None:
    connection = door.connect(scram, policy=policy())
    assert connection.query("select session_user").rows == [("u_scram",)]


def test_what_a_stranger_may_not(door: Door, server: AnyServer, scram: str) -> None:
    assert rule(door, scram, ConnectPolicy()) == "address"
    assert rule(door, scram, policy(sslmode="require", hosts=["db.example.com"])) == "host"
    trusted = scram.replace("u_scram", "plain")
    assert rule(door, trusted, policy(require_auth=None)) == "credentials"
    with pytest.raises(purelink.AuthenticationError, match="scram-sha-256"):
        door.connect(trusted, policy=policy())
    with pytest.raises(purelink.AuthenticationError, match="requested a hashed password"):
        door.connect(scram.replace("u_scram", "u_md5"), policy=policy())
    with pytest.raises(purelink.ConnectError, match="server does not support SSL"):
        door.connect(scram, policy=policy(sslmode="require"))
    if server.socket_directory is not None:
        local = scram.replace(str(server.host), str(server.socket_directory), 1)
        assert rule(door, local, policy()) == "socket"
        door.connect(local, policy=policy(unix_sockets=[str(server.socket_directory)]))


def test_an_address_in_disguise(door: Door, scram: str, server: AnyServer) -> None:
    """Spellings of 127.0.0.1 that a resolver takes are judged by what came of them."""
    for spelling in "localhost 127.1 2130706433 0x7f000001 0.0.0.0 ::ffff:127.0.0.1".split():
        string = scram.replace(f"host={server.host}", f"host={spelling}")
        assert rule(door, string, ConnectPolicy()) == "address", spelling


def test_a_name_that_changes_its_mind(
    door: Door, scram: str, server: AnyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A resolver that first tells a good address, then ours: it is asked once."""
    answers = ["93.184.216.34", str(server.host)]
    asked: list[str] = []
    real = socket.getaddrinfo

    def lying(host: Any, port: Any, *args: Any, **keywords: Any) -> Any:
        if host != b"rebinding.example.com":
            return real(host, port, *args, **keywords)
        asked.append(host)
        return real(answers[len(asked) - 1], port, *args, **keywords)

    monkeypatch.setattr(socket, "getaddrinfo", lying)
    string = scram.replace(f"host={server.host}", "host=rebinding.example.com")
    assert rule(door, string, policy()) == "address"
    assert len(asked) == 1
    # the good one may be opened; it is another resolver's whim that nobody is there
    connection = door.connect(string, policy=policy())
    assert connection.query("select 1").rows == [(1,)]
    assert len(asked) == 2


def test_cancelling_goes_where_the_connection_is(
    door: Door, scram: str, server: AnyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, asked = socket.getaddrinfo, 0

    def once(host: Any, port: Any, *args: Any, **keywords: Any) -> Any:
        nonlocal asked
        if host == b"db.example.com":
            asked += 1
            host = str(server.host) if asked == 1 else "127.0.0.2"
        return real(host, port, *args, **keywords)

    monkeypatch.setattr(socket, "getaddrinfo", once)
    string = scram.replace(f"host={server.host}", "host=db.example.com")
    connection = door.connect(string, policy=policy(statement_timeout=0.3))
    with pytest.raises(Timeout) as expired:
        connection.query("select pg_sleep(30)")
    assert expired.value.outcome == "cancelled"
    connection.cancel()
    assert asked == 1
    assert connection.query("select 1").rows == [(1,)]


def test_how_long(door: Door, scram: str) -> None:
    connection = door.connect(scram, policy=policy(statement_timeout=0.2))
    started = time.monotonic()
    with pytest.raises(Timeout, match=r"0\.2 s"):
        connection.query("select pg_sleep(30)")
    assert time.monotonic() - started < 5
    # a call that names its own time has that
    assert connection.query("select 1 from pg_sleep(0.4)", timeout=5).rows == [(1,)]


def test_how_long_connecting_takes(door: Door) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(1)
        port = silent.getsockname()[1]
        string = f"host=127.0.0.1 port={port} user=ann password=x connect_timeout=1000"
        started = time.monotonic()
        with pytest.raises(Timeout, match=r"within 0\.3 s"):
            door.connect(string, policy=policy(connect_timeout=0.3))
        assert time.monotonic() - started < 5


def test_a_slow_resolver(
    door: Door, scram: str, server: AnyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, over = socket.getaddrinfo, threading.Event()

    def slow(host: Any, port: Any, *args: Any, **keywords: Any) -> Any:
        if host != b"slow.example.com":
            return real(host, port, *args, **keywords)
        over.wait(10)
        return real(str(server.host), port, *args, **keywords)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    string = scram.replace(f"host={server.host}", "host=slow.example.com")
    started = time.monotonic()
    with pytest.raises(Timeout, match=r"within 0\.3 s"):
        door.connect(string, policy=policy(connect_timeout=0.3))
    assert time.monotonic() - started < 5
    over.set()
    assert door.connect(string, policy=policy()).query("select 1").rows == [(1,)]


def test_how_many(door: Door, scram: str) -> None:
    given = policy(max_connections=2)
    first, second = (door.connect(scram, policy=given) for _ in range(2))
    assert rule(door, scram, given) == "connections"
    first.close()
    third = door.connect(scram, policy=given)
    assert rule(door, scram, given) == "connections"
    with pytest.raises(purelink.AuthenticationError):
        second.close()
        door.connect(scram.replace("password=pw", "password=wrong"), policy=given)
    door.connect(scram, policy=given)
    assert third.query("select 1").rows == [(1,)]


def test_tls_at_least(door: Door, tls_server: Server, scram: str) -> None:
    string = f"host=localhost port={tls_server.port} dbname=postgres user=u_scram password=pw"
    given = ConnectPolicy(networks=[*HERE, "::1/128"])
    connection = door.connect(string, policy=given)
    assert connection.tls is not None
    assert rule(door, f"{string} sslmode=prefer", given) == "tls"
    assert rule(door, f"{string} sslmode=disable", given) == "tls"


def test_our_file_and_password_are_not_lent(
    door: Door, scram: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPASSWORD", "pw")
    bare = scram.replace(" password=pw", "")
    assert rule(door, bare, policy()) == "credentials"
    assert rule(door, f"{scram} passfile=/dev/stdin", policy()) == "file"
    assert rule(door, f"{scram} service=x", policy(keywords=None)) == "file"
    # the program may still bring a password by itself, or lend what it has
    door.connect(bare, policy=policy(), password="pw")
    door.connect(bare, policy=policy(), password=lambda target, user: "pw")
    door.connect(bare, policy=policy(lend=True))


class Asked:
    """A session of either face behind one surface."""

    def __init__(self, door: Door, **given: Any) -> None:
        self.door = door
        self.session: Any = (AsyncSession if door.loop is not None else Session)(**given)

    def __getattr__(self, name: str) -> Any:
        return lambda *args, **keywords: self.door.call(
            lambda: getattr(self.session, name)(*args, **keywords)
        )


def test_a_session_under_a_policy(door: Door, scram: str) -> None:
    session = Asked(door, policy=policy(max_connections=2))
    try:
        assert session.dblink_connect("a", scram) == "OK"
        assert session.dblink_exec(scram, "set work_mem = 1000") == "SET"
        assert session.dblink_connect("b", scram) == "OK"
        with pytest.raises(PolicyError, match="too many connections"):
            session.dblink_connect("c", scram)
        with pytest.raises(PolicyError, match="too many connections"):
            session.dblink_exec(scram, "set work_mem = 1000")
        session.dblink_disconnect("b")
        with pytest.raises(PolicyError) as refused:
            session.dblink_connect("b", f"{scram} options='-c search_path=x' replication=true")
        assert refused.value.rule == "keyword"
        # dblink's own rule comes first, in dblink's words
        with pytest.raises(LinkError, match="password is required"):
            session.dblink_connect("b", "host=127.0.0.1")
    finally:
        session.close()


def test_time_in_a_session(door: Door, scram: str) -> None:
    session = Asked(door, policy=policy(statement_timeout=0.3))
    try:
        session.dblink_connect("a", scram)
        with pytest.raises(Timeout):
            session.dblink("a", "select pg_sleep(30)")
        assert session.dblink_exec("a", "set work_mem = 1000") == "SET"
    finally:
        session.close()


def test_a_silent_server_in_a_session(door: Door) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(1)
        string = f"host=127.0.0.1 port={silent.getsockname()[1]} user=ann password=x"
        session = Asked(door, policy=policy(connect_timeout=0.3))
        with pytest.raises(LinkError, match="could not establish connection") as refused:
            session.dblink_connect("a", string)
        assert getattr(refused.value, "sqlstate", None) == "08001"
        session.close()


def test_foreign_servers_are_the_programs_own(door: Door, server: AnyServer) -> None:
    """A policy that lets nothing in but public addresses lets them through, and counts them."""
    session = Asked(door, user="ann", policy=ConnectPolicy(max_connections=1))
    catalog = session.session.catalog
    catalog.create_server("ours", {"host": str(server.host), "port": str(server.port)})
    catalog.create_user_mapping("ann", "ours", {"user": "u_scram", "password": "pw"})
    catalog.alter_server("ours", add={"dbname": "rem"})
    catalog.grant_usage("ours", "ann")
    try:
        assert session.dblink_connect("a", "ours") == "OK"
        with pytest.raises(PolicyError, match="too many"):
            session.dblink_connect("b", "ours")
    finally:
        session.close()
    strict = Asked(door, user="ann", catalog=catalog, policy=ConnectPolicy(foreign_servers=True))
    with pytest.raises(PolicyError) as refused:
        strict.dblink_connect("a", "ours")
    assert refused.value.rule == "address"
    strict.close()
