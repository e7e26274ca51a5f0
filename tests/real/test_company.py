"""Sockets in company: options that the system keeps, gevent's patched ones, a thread each."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

import purelink
from purelink.errors import ConnectError

if TYPE_CHECKING:
    from tests.both import Door
    from tests.conftest import AnyServer

GEVENT = """
from gevent import monkey
monkey.patch_all()
import sys, time, gevent, purelink

dsn = sys.argv[1]

def ask(n):
    with purelink.connect(dsn, autocommit=True) as connection:
        assert connection.query("select pg_sleep(0.5), $1::int", n)[0][1] == n
        many = connection.query("select repeat('x', 1000) from generate_series(1, 3000)")
        assert len(many.rows) == 3000
        assert connection.query("select length($1::text)", "y" * 3_000_000).scalar() == 3_000_000
        try:
            connection.query("select pg_sleep(60)", timeout=0.2)
        except purelink.Timeout as error:
            assert error.outcome == "cancelled", error.outcome
        assert connection.is_alive()

ticks = 0

def tick():
    global ticks
    while True:
        gevent.sleep(0.02)
        ticks += 1

ticking = gevent.spawn(tick)
began = time.monotonic()
jobs = [gevent.spawn(ask, n) for n in range(8)]
gevent.joinall(jobs, timeout=60, raise_error=True)
assert all(job.successful() for job in jobs)
# eight sleeps of half a second side by side, and the others go on meanwhile
assert ticks > 10, ticks

shared = purelink.connect(dsn, autocommit=True)
jobs = [gevent.spawn(lambda n=n: shared.query("select $1::int", n).scalar()) for n in range(20)]
gevent.joinall(jobs, timeout=60, raise_error=True)
assert [job.value for job in jobs] == list(range(20))
shared.close()
ticking.kill()
print("done")
"""


def test_gevent(server: AnyServer) -> None:
    pytest.importorskip("gevent")
    done = subprocess.run(
        [sys.executable, "-c", GEVENT, server.dsn],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert (done.stdout.strip(), done.returncode) == ("done", 0), done.stderr


def options(connection: Any, *names: str) -> list[int]:
    """Return what the system says of a connection's socket."""
    with socket.socket(fileno=os.dup(connection.fileno())) as channel:
        found = []
        for name in names:
            level = socket.SOL_SOCKET if name.startswith("SO_") else socket.IPPROTO_TCP
            found.append(channel.getsockopt(level, getattr(socket, name)))
        return found


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="not on this platform")
def test_keepalives_and_tcp_user_timeout(door: Door) -> None:
    connection = door.connect()
    assert options(connection, "SO_KEEPALIVE", "TCP_NODELAY") == [1, 1]
    connection = door.connect(
        keepalives_idle=11, keepalives_interval=12, keepalives_count=13, tcp_user_timeout=14000
    )
    assert options(
        connection, "SO_KEEPALIVE", "TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT",
        "TCP_USER_TIMEOUT",
    ) == [1, 11, 12, 13, 14000]  # fmt: skip
    assert options(door.connect(keepalives=0, keepalives_idle=11), "SO_KEEPALIVE") == [0]


def test_a_keepalive_that_is_no_number(door: Door) -> None:
    with pytest.raises(ConnectError, match='invalid integer value "x" for connection option'):
        door.connect(keepalives_idle="x")


def test_protocol_3_2_with_a_long_key(door: Door, server: AnyServer) -> None:
    connection = door.connect(max_protocol_version="3.2")
    if connection.server_version < 180000:
        assert connection.protocol_version == (3, 0)
        return
    assert connection.protocol_version == (3, 2)
    with pytest.raises(purelink.Timeout) as expired:
        connection.query("select pg_sleep(60)", timeout=0.3)
    assert expired.value.outcome == "cancelled"
    assert connection.query("select 1").scalar() == 1


def test_no_thread_and_no_signal_handler(server: AnyServer) -> None:
    code = (
        "import signal, sys, threading, purelink\n"
        "before = [signal.getsignal(n) for n in signal.valid_signals()]\n"
        "with purelink.connect(sys.argv[1], autocommit=True) as connection:\n"
        "    connection.query('select $1::int', 1)\n"
        "    assert threading.active_count() == 1\n"
        "assert before == [signal.getsignal(n) for n in signal.valid_signals()]\n"
    )
    subprocess.run([sys.executable, "-c", code, server.dsn], check=True, timeout=60)


def test_many_threads_with_a_connection_each(server: AnyServer) -> None:
    wrong: list[object] = []

    def ask(n: int) -> None:
        with purelink.connect(server.dsn, autocommit=True) as connection:
            for m in range(50):
                found = connection.query("select $1::int * 1000 + $2::int", n, m).scalar()
                if found != n * 1000 + m:
                    wrong.append(found)

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not wrong
