"""Behind pgbouncer in transaction mode, which tells nobody that the server has changed."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import purelink
from purelink.errors import StaleStatement
from purelink.pool import AsyncNullConnectionPool, NullConnectionPool
from tests.conformance import bouncer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from purelink.testing.server import Server

pytestmark = pytest.mark.server

ROOT = Path(__file__).resolve().parents[2]


#: runs pytest; behind each test the pooler lets go of its server, as what a test leaves in a
#: session (a temporary table …) would be the next one's
FRESH = """
import sys, pytest, purelink, purelink.connection, purelink.aio
for home, door in ((purelink.connection, "connect"), (purelink.aio, "aconnect")):
    getattr(home, door).__kwdefaults__["statement_cache_size"] = {size}
class Fresh:
    def pytest_runtest_teardown(self):
        with purelink.connect({admin!r}, autocommit=True) as admin:
            admin.script("RECONNECT")
sys.exit(pytest.main(sys.argv[1:], [Fresh()]))
"""


@pytest.fixture(scope="module")
def one(own_server: Server) -> Iterator[str]:
    """A pooler with one connection to the server."""
    with bouncer.bouncer(own_server) as dsn:
        yield dsn


@pytest.fixture(scope="module")
def three(own_server: Server) -> Iterator[str]:
    """A pooler that spreads its clients over three connections."""
    with bouncer.bouncer(own_server, default_pool_size=3, server_round_robin=1) as dsn:
        yield dsn


@pytest.mark.parametrize("size", ["100", "0"], ids=["prepared", "unprepared"])
@pytest.mark.parametrize(
    ("file", "least"),
    [("tests/real/test_cursors.py", 40), ("tests/conformance/test_dbapi_compliance.py", 36)],
)
def test_the_whole_file_passes(one: str, file: str, least: int, size: str) -> None:
    """The tests of PEP 249's face as they are, with the statement cache and without."""
    code = FRESH.format(size=size, admin=f"{one} dbname=pgbouncer")
    done = subprocess.run(
        [
            *(sys.executable, "-c", code, file, "--dsn", one, "--no-cov", "-q", "-n", "0"),
            *("-p", "no:cacheprovider", "-p", "no:randomly"),
        ],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed is not None
    assert int(passed[1]) >= least


def test_prepared_statements_heal_as_the_server_changes(three: str) -> None:
    """Statements prepared on one server are unknown on the next: nobody notices."""
    others = [purelink.connect(three) for _ in range(2)]
    for other in others:
        other.query("select 1")  # in a transaction it has a server to itself
    with purelink.connect(three) as connection:
        servers = {connection.query("select pg_backend_pid()").scalar()}
        connection.commit()
        for other in others:
            other.commit()  # closed inside a transaction, its server would be closed, too
            other.close()
        for turn in range(30):
            ask = "select $1::int + 1, pg_backend_pid()"
            ((found, server),) = connection.query(ask, turn)
            assert found == turn + 1
            servers.add(server)
            connection.commit()
    assert len(servers) > 1


def test_many_threads_over_few_connections(three: str) -> None:
    wrong: list[Any] = []

    def work(number: int) -> None:
        try:
            with purelink.connect(three) as connection:
                for turn in range(15):
                    for _ in range(3):
                        try:
                            found = connection.execute(
                                "select %s::int, %s::text", (number, str(turn))
                            )
                        except StaleStatement:
                            # Inside a transaction only its owner can run it again.
                            connection.rollback()
                            continue
                        break
                    if found.fetchone() != (number, str(turn)):
                        wrong.append((number, turn))
                    connection.commit()
        except BaseException as error:
            wrong.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert wrong == []


def test_a_null_pool_before_a_pooler(three: str) -> None:
    with NullConnectionPool(three, max_size=4) as pool, pool.connection() as connection:
        assert connection.query("select 1").scalar() == 1

    async def run() -> Any:
        async with AsyncNullConnectionPool(three, max_size=4) as pool:

            async def ask(number: int) -> Any:
                async with pool.connection() as connection:
                    return (await connection.query("select $1::int", number)).scalar()

            return await asyncio.gather(*map(ask, range(20)))

    assert asyncio.run(run()) == list(range(20))


def test_with_max_prepared_statements(own_server: Server) -> None:
    """From 1.21 on pgbouncer keeps track of prepared statements itself."""
    if bouncer.version() < (1, 21):
        pytest.skip(f"pgbouncer {'.'.join(map(str, bouncer.version()))} cannot do that")
    with (
        bouncer.bouncer(
            own_server, default_pool_size=3, server_round_robin=1, max_prepared_statements=50
        ) as dsn,
        purelink.connect(dsn) as connection,
    ):
        for turn in range(30):
            assert connection.query("select $1::int + 1", turn).scalar() == turn + 1
            connection.commit()
