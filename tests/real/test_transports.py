"""The caller's own transports on a real server: sockets, tunnels, streams; TLS, cancel, the end."""

from __future__ import annotations

import asyncio
import socket
import ssl
import subprocess
import time
from typing import TYPE_CHECKING, Any

import pytest

import purelink
from purelink.errors import (
    ConnectError,
    ConnectionLost,
    InterfaceError,
    OperationalError,
    Timeout,
)
from tests.tunnels import PIPE, ByTimeout, Coroutines, Polite, Tunnels, Unaided, socks, socks_proxy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from purelink.testing.server import Server
    from tests.both import Door
    from tests.conftest import AnyServer

BIG = "select repeat('x', 1000), n from generate_series(1, 3000) n"


@pytest.fixture
def tunnels(server: AnyServer) -> Iterator[Tunnels]:
    with Tunnels(server.host, server.port) as made:
        yield made


def works(connection: Any) -> None:
    """Ask for little, for much, and send much."""
    assert connection.query("select 1").scalar() == 1
    assert len(connection.query(BIG).rows) == 3000
    assert connection.query("select length($1::text)", "y" * 3_000_000).scalar() == 3_000_000


# -- sockets ---------------------------------------------------------------------------------


def test_a_connected_socket(door: Door, server: AnyServer) -> None:
    channel = socket.create_connection((server.host, server.port))
    connection = door.connect(sock=channel)
    works(connection)
    assert connection.fileno() >= 0
    assert connection.is_alive()
    connection.close()
    assert connection.closed
    if door.loop is not None:
        door.loop.run_until_complete(asyncio.sleep(0))
    assert channel.fileno() == -1


def test_a_unix_socket(door: Door, own_server: Server) -> None:
    channel = socket.socket(socket.AF_UNIX)
    channel.connect(f"{own_server.socket_directory}/.s.PGSQL.{own_server.port}")
    works(door.connect(sock=channel))


def test_a_socketpair(door: Door, tunnels: Tunnels) -> None:
    works(door.connect(sock=tunnels()))


def test_a_socket_that_is_not_connected(door: Door) -> None:
    with socket.socket() as channel, pytest.raises(ConnectError):
        door.connect(sock=channel)


def test_a_connection_that_was_not_made_closes_the_socket(door: Door, server: AnyServer) -> None:
    channel = socket.create_connection((server.host, server.port))
    with pytest.raises(ConnectError) as refused:
        door.connect(sock=channel, user="nobody_there", password="x")
    if door.loop is not None:
        door.loop.run_until_complete(asyncio.sleep(0))
    assert channel.fileno() == -1
    assert "over the caller's transport failed: FATAL:" in str(refused.value)


def test_one_socket_serves_one_attempt(door: Door, server: AnyServer) -> None:
    """Neither a second host nor a second try without TLS can be had over it."""
    channel = socket.create_connection((server.host, server.port))
    with pytest.raises(ConnectError) as refused:
        door.connect(sock=channel, host="one,two", sslmode="prefer", user="nobody_there")
    assert len(refused.value.attempts) == 1


def test_sock_and_dial_exclude_each_other(door: Door) -> None:
    with pytest.raises(InterfaceError, match="exclude"):
        door.connect(sock=object(), dial=lambda _target: None)


@pytest.mark.parametrize("thing", [object(), None, b"", (1, 2)])
def test_what_is_no_transport(door: Door, thing: Any) -> None:
    with pytest.raises(InterfaceError, match="transport"):
        door.connect(dial=lambda _target: thing)


# -- dial ------------------------------------------------------------------------------------


def test_dial(door: Door, tunnels: Tunnels) -> None:
    connection = door.connect(dial=tunnels)
    works(connection)
    assert tunnels.opened == 1


def test_dial_is_told_the_target(door: Door, server: AnyServer) -> None:
    told: list[Any] = []

    def dial(target: Any) -> socket.socket:
        told.append((target.host, target.port))
        return socket.create_connection((server.host, server.port))

    connection = door.connect(dial=dial, host="db.internal", port="6000")
    works(connection)
    assert told == [("db.internal", "6000")]
    assert connection.target.host == "db.internal"


def test_dial_that_fails_leads_to_the_next_host(door: Door, server: AnyServer) -> None:
    def dial(target: Any) -> socket.socket:
        if target.host == "away":
            raise ConnectionRefusedError(111, "Connection refused")
        return socket.create_connection((server.host, server.port))

    connection = door.connect(dial=dial, host="away,here", port="5432")
    assert connection.target.host == "here"
    with pytest.raises(ConnectError) as refused:
        door.connect(dial=dial, host="away,away", port="5432")
    assert len(refused.value.attempts) == 2
    assert str(refused.value).splitlines()[0] == (
        'connection to server at "away", port 5432 over the caller\'s transport failed:'
        " Connection refused"
    )


def test_what_dial_raises_otherwise_is_the_callers(door: Door) -> None:
    class TokenExpired(Exception):
        pass

    def dial(_target: Any) -> socket.socket:
        raise TokenExpired

    with pytest.raises(TokenExpired):
        door.connect(dial=dial)


def test_async_dial(server: AnyServer) -> None:
    async def dial(_target: Any) -> Any:
        return await asyncio.open_connection(server.host, server.port)

    async def main() -> None:
        async with await purelink.aconnect(server.dsn, dial=dial, autocommit=True) as connection:
            assert (await connection.query("select 1")).scalar() == 1
            assert len((await connection.query(BIG)).rows) == 3000
            await connection.cancel()

    asyncio.run(main())
    with pytest.raises(InterfaceError, match="aconnect"):
        purelink.connect(server.dsn, dial=dial)


def test_an_async_dial_that_hangs_is_left_in_time(server: AnyServer) -> None:
    async def dial(_target: Any) -> Any:
        await asyncio.sleep(60)

    async def main() -> None:
        with pytest.raises(ConnectError, match="timeout expired"):
            await purelink.aconnect(server.dsn, dial=dial, connect_timeout="1")
        with pytest.raises(Timeout):
            await purelink.aconnect(server.dsn, dial=dial, timeout=0.1)

    started = time.monotonic()
    asyncio.run(main())
    assert time.monotonic() - started < 10


def test_a_dial_that_blocks_is_left_when_it_returns(server: AnyServer) -> None:
    def dial(_target: Any) -> socket.socket:
        time.sleep(1.3)
        return socket.create_connection((server.host, server.port))

    for limit in ({"timeout": 0.2}, {"connect_timeout": 1}):
        begun = time.monotonic()
        with pytest.raises(OperationalError, match=r"timeout expired|within 0\.2 s"):
            purelink.connect(server.dsn, dial=dial, **limit)
        assert time.monotonic() - begun >= 1.3


def test_a_socks_proxy(door: Door, server: AnyServer) -> None:
    with socks_proxy() as (port, asked):
        connection = door.connect(dial=socks(port))
        works(connection)
        connection.cancel()
        assert asked == [(server.host, server.port)] * 2


# -- streams, blocking -----------------------------------------------------------------------


@pytest.mark.parametrize("kind", [Unaided, ByTimeout, Polite])
def test_a_blocking_stream(server: AnyServer, tunnels: Tunnels, kind: type[Unaided]) -> None:
    stream = kind(tunnels())
    with purelink.connect(server.dsn, sock=stream, autocommit=True) as connection:
        works(connection)
        assert connection.is_alive()
        with pytest.raises(purelink.DatabaseError):
            connection.query("select 1/0")
        works(connection)
    assert stream.closed


def test_a_file_of_a_socket(server: AnyServer, tunnels: Tunnels) -> None:
    with tunnels() as channel:
        file = channel.makefile("rwb")
        with purelink.connect(server.dsn, sock=file, autocommit=True) as connection:
            works(connection)


def test_the_pipes_of_a_program(server: AnyServer) -> None:
    """`ssh -W` and its like."""
    with subprocess.Popen(
        [*PIPE, server.host, str(server.port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as program:
        pair = (program.stdout, program.stdin)
        with purelink.connect(server.dsn, sock=pair, autocommit=True) as connection:
            works(connection)
            rows = ((n, "z" * 200) for n in range(30_000))
            connection.query("create temp table t (n int, z text)")
            assert connection.copy_in("copy t from stdin", rows) == 30_000
        assert program.wait(10) == 0


def test_a_timeout_over_pipes(server: AnyServer) -> None:
    with subprocess.Popen(
        [*PIPE, server.host, str(server.port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as program:
        pair = (program.stdout, program.stdin)
        with purelink.connect(server.dsn, sock=pair, autocommit=True) as connection:
            with pytest.raises(Timeout):
                connection.query("select pg_sleep(60)", timeout=0.3)
            assert connection.closed
        program.kill()


def test_both_sides_writing_over_pipes_do_not_lock_up(server: AnyServer) -> None:
    with subprocess.Popen(
        [*PIPE, server.host, str(server.port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as program:
        pair = (program.stdout, program.stdin)
        with purelink.connect(server.dsn, sock=pair, autocommit=True) as connection:
            sql = "select length($1::text), repeat('x', 200000)"
            with connection.pipeline() as pipeline:
                for _ in range(100):
                    pipeline.query(sql, "y" * 200_000)
            assert connection.query("select 1").scalar() == 1


def test_a_timeout_over_a_stream_that_knows_time(server: AnyServer, tunnels: Tunnels) -> None:
    with purelink.connect(
        server.dsn, dial=lambda target: ByTimeout(tunnels(target)), autocommit=True
    ) as connection:
        with pytest.raises(Timeout) as expired:
            connection.query("select pg_sleep(60)", timeout=0.3)
        assert expired.value.outcome == "cancelled"
        assert connection.query("select 1").scalar() == 1
    assert tunnels.opened == 2


# -- streams, asyncio ------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["pair", "coroutines"])
def test_an_async_stream(server: AnyServer, kind: str) -> None:
    async def main() -> None:
        pair = await asyncio.open_connection(server.host, server.port)
        stream: Any = pair if kind == "pair" else Coroutines(*pair)
        async with await purelink.aconnect(server.dsn, sock=stream, autocommit=True) as connection:
            assert len((await connection.query(BIG)).rows) == 3000
            found = await connection.query("select length($1::text)", "y" * 3_000_000)
            assert found.scalar() == 3_000_000
            assert await connection.is_alive()
            with pytest.raises(Timeout) as expired:
                await connection.query("select pg_sleep(60)", timeout=0.3)
            # Nobody can cancel over the one stream there is.
            assert expired.value.outcome == "unknown"
            assert connection.closed
        await asyncio.sleep(0.05)
        assert pair[1].is_closing()

    asyncio.run(main())


def test_the_pipes_of_a_program_for_asyncio(server: AnyServer) -> None:
    async def main() -> None:
        program = await asyncio.create_subprocess_exec(
            *PIPE, server.host, str(server.port), stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        pair = (program.stdout, program.stdin)
        async with await purelink.aconnect(server.dsn, sock=pair, autocommit=True) as connection:
            assert len((await connection.query(BIG)).rows) == 3000
        assert await asyncio.wait_for(program.wait(), 10) == 0

    asyncio.run(main())


def test_a_blocking_stream_is_refused_by_asyncio(server: AnyServer, tunnels: Tunnels) -> None:
    async def main() -> None:
        with tunnels() as channel, pytest.raises(InterfaceError, match="blocking stream"):
            await purelink.aconnect(server.dsn, sock=Unaided(channel))

    asyncio.run(asyncio.wait_for(main(), 20))


# -- the end, cancel, time -------------------------------------------------------------------


def test_a_tunnel_that_is_cut(door: Door, tunnels: Tunnels) -> None:
    connection = door.connect(dial=tunnels)
    tunnels.cut()
    with pytest.raises(ConnectionLost):
        connection.query("select 1")
    assert connection.closed
    assert connection.broken


def test_a_tunnel_that_is_cut_shows_without_a_round_trip(door: Door, tunnels: Tunnels) -> None:
    connection = door.connect(dial=tunnels)
    assert connection.is_alive()
    tunnels.cut()
    deadline = time.monotonic() + 10
    while connection.is_alive():
        assert time.monotonic() < deadline


def test_cancel_goes_over_a_tunnel_of_its_own(door: Door, tunnels: Tunnels) -> None:
    connection = door.connect(dial=tunnels)
    connection.cancel()
    assert tunnels.opened == 2
    with pytest.raises(Timeout) as expired:
        connection.query("select pg_sleep(60)", timeout=0.3)
    assert expired.value.outcome == "cancelled"
    assert tunnels.opened == 3
    assert connection.query("select 1").scalar() == 1


def test_over_one_socket_nothing_can_be_cancelled(door: Door, tunnels: Tunnels) -> None:
    connection = door.connect(sock=tunnels())
    with pytest.raises(OperationalError, match="use dial"):
        connection.cancel()
    assert connection.query("select 1").scalar() == 1
    started = time.monotonic()
    with pytest.raises(Timeout) as expired:
        connection.query("select pg_sleep(60)", timeout=0.3)
    assert time.monotonic() - started < 30
    assert expired.value.outcome == "unknown"
    assert connection.closed


# -- TLS over them ---------------------------------------------------------------------------


def secured(server: Server, authority: Path) -> dict[str, Any]:
    return {
        "conninfo": server.dsn, "host": "localhost", "hostaddr": "", "sslmode": "verify-full",
        "sslrootcert": str(authority), "channel_binding": "require",
    }  # fmt: skip


@pytest.mark.parametrize("face", ["blocking", "asyncio"])
@pytest.mark.parametrize("kind", ["sock", "dial", "stream", "direct"])
def test_tls_over_a_tunnel(tls_server: Server, tls_files: Any, face: str, kind: str) -> None:
    """Verified by the name that was meant, though the tunnel leads elsewhere; and SCRAM bound."""
    settings = secured(tls_server, tls_files.authority)
    if kind == "direct":
        settings["sslnegotiation"] = "direct"
    with Tunnels("127.0.0.1", tls_server.port) as tunnels:

        async def streams(_target: Any) -> Any:
            return await asyncio.open_connection("127.0.0.1", tls_server.port)

        def stream(_target: Any) -> Any:
            return Unaided(tunnels())

        own: dict[str, Any]
        if kind == "sock":
            own = {"sock": tunnels()}
        elif kind == "stream":
            own = {"dial": streams if face == "asyncio" else stream}
        else:
            own = {"dial": tunnels}

        async def main() -> None:
            async with await purelink.aconnect(**settings, **own) as connection:
                assert connection.tls is not None
                assert len((await connection.query(BIG)).rows) == 3000
                if kind != "sock":
                    await connection.cancel()

        if face == "asyncio":
            asyncio.run(main())
            return
        with purelink.connect(**settings, **own) as connection:
            assert connection.tls is not None
            works(connection)
            if kind != "sock":
                connection.cancel()


@pytest.mark.parametrize("face", ["blocking", "asyncio"])
@pytest.mark.parametrize("verified", [True, False])
def test_tls_of_the_callers_own(
    tls_server: Server, tls_files: Any, face: str, verified: bool
) -> None:
    """TLS that the caller began himself: SCRAM is bound to the certificate that it shows."""
    context = ssl.create_default_context(cafile=str(tls_files.authority))
    context.set_alpn_protocols(["postgresql"])
    if not verified:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE

    def dial(_target: Any) -> Any:
        raw = socket.create_connection(("127.0.0.1", tls_server.port))
        return context.wrap_socket(raw, server_hostname="localhost")

    async def adial(_target: Any) -> Any:
        return await asyncio.open_connection(
            "127.0.0.1", tls_server.port, ssl=context, server_hostname="localhost"
        )

    settings: dict[str, Any] = {"sslmode": "disable", "channel_binding": "require"}

    async def main() -> None:
        async with await purelink.aconnect(tls_server.dsn, dial=adial, **settings) as connection:
            assert len((await connection.query(BIG)).rows) == 3000
            assert connection.tls is None
            await connection.cancel()

    if face == "asyncio":
        asyncio.run(main())
        return
    with purelink.connect(tls_server.dsn, dial=dial, autocommit=True, **settings) as connection:
        works(connection)
        assert connection.tls is None
        connection.cancel()


def test_a_mode_that_asks_for_tls_is_never_weakened(door: Door, server: AnyServer) -> None:
    """Even where the target is not named, or is a unix socket."""
    channel = socket.create_connection((server.host, server.port))
    with pytest.raises(ConnectError, match="SSL"):
        door.connect("user=u dbname=postgres", sock=channel, sslmode="require")
