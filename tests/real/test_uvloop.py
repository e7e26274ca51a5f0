"""The asyncio face on uvloop: connections, cursors, COPY, notifications, TLS, cancellation."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

import purelink

uvloop: Any = pytest.importorskip("uvloop", reason="uvloop is not installed")

if TYPE_CHECKING:
    from purelink.testing.server import Server
    from tests.conftest import AnyServer

pytestmark = pytest.mark.server


def run(main: Any) -> None:
    loop = uvloop.new_event_loop()
    try:
        loop.run_until_complete(main)
        loop.run_until_complete(loop.shutdown_asyncgens())
    finally:
        loop.close()


def test_a_connections_life(server: AnyServer) -> None:
    async def main() -> None:
        async with await purelink.aconnect(server.dsn, autocommit=True) as connection:
            cursor = await connection.execute("select generate_series(1, %s)", (20_000,))
            assert len(await cursor.fetchall()) == 20_000
            async with connection.transaction(), connection.cursor("c") as named:
                await named.execute("select generate_series(1, 250)")
                assert [n async for (n,) in named] == list(range(1, 251))
            await connection.execute("create temp table t (a int, b text)")
            async with connection.cursor().copy("copy t from stdin") as copy:
                for n in range(5000):
                    await copy.write_row((n, "x" * 100))
            async with connection.pipeline():
                first = await connection.execute("select count(*) from t")
                second = await connection.execute("select 2")
            assert (await first.fetchone(), await second.fetchone()) == ((5000,), (2,))
            await connection.execute("listen here; notify here, 'x'")
            async for notification in connection.notifies(timeout=10, stop_after=1):
                assert notification.payload == "x"
            with pytest.raises(purelink.Timeout):
                await connection.execute("select pg_sleep(20)", timeout=0.1)
            sleeping = asyncio.ensure_future(connection.execute("select pg_sleep(20)"))
            await asyncio.sleep(0.1)
            sleeping.cancel()
            with pytest.raises(asyncio.CancelledError):
                await sleeping
            assert await (await connection.execute("select 3")).fetchone() == (3,)

    run(main())


def test_tls(tls_server: Server) -> None:
    async def main() -> None:
        async with await purelink.aconnect(
            tls_server.dsn, sslmode="require", autocommit=True
        ) as connection:
            assert connection.tls is not None
            cursor = await connection.execute("select repeat('x', 1000000)")
            assert await cursor.fetchone() == ("x" * 1_000_000,)

    run(main())
