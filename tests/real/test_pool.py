"""Both pools on a real server: what users of psycopg_pool rely on, and what goes wrong."""

from __future__ import annotations

import asyncio
import gc
import inspect
import os
import signal
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

import purelink
from purelink.errors import ConnectError, InterfaceError
from purelink.pool import (
    AsyncConnectionPool,
    AsyncNullConnectionPool,
    ConnectionPool,
    NullConnectionPool,
    PoolClosed,
    PoolTimeout,
    TooManyRequests,
)
from purelink.testing.server import Server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import AnyServer

pytestmark = pytest.mark.server


class Basin:
    """A pool of either face behind one blocking surface."""

    def __init__(self, name: str, dsn: str) -> None:
        self.waits = name == "asyncio"
        self.dsn = dsn
        self.loop = asyncio.new_event_loop() if self.waits else None
        self.made: list[Any] = []

    def pool(self, dsn: str | None = None, *, null: bool = False, **keywords: Any) -> Any:
        kinds: Any = (
            (AsyncConnectionPool, AsyncNullConnectionPool)
            if self.waits
            else (ConnectionPool, NullConnectionPool)
        )
        pool = kinds[null](dsn or self.dsn, **keywords)
        self.made.append(pool)
        return pool

    def do(self, function: Any, *args: Any, **keywords: Any) -> Any:
        """Call it; where it waits, on the loop."""
        if self.loop is None:
            return function(*args, **keywords)

        async def call() -> Any:
            result = function(*args, **keywords)
            return await result if inspect.isawaitable(result) else result

        return self.loop.run_until_complete(call())

    def rest(self, seconds: float) -> None:
        """Let time pass, and the loop turn."""
        self.do(asyncio.sleep if self.waits else time.sleep, seconds)

    def until(self, true: Any, seconds: float = 20.0) -> None:
        deadline = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < deadline, "it never came true"
            self.rest(0.02)

    def lend(self, pool: Any, body: Any, timeout: float | None = None) -> Any:
        """Run `body(connection, ask)` in a `with pool.connection()` block."""
        if self.loop is None:
            with pool.connection(timeout) as connection:
                return body(connection)

        async def block() -> Any:
            async with pool.connection(timeout) as connection:
                result = body(connection)
                return await result if inspect.isawaitable(result) else result

        return self.loop.run_until_complete(block())

    def scalar(self, connection: Any, sql: str, *args: Any) -> Any:
        return self.do(connection.query, sql, *args).scalar()

    def close(self) -> None:
        for pool in self.made:
            self.do(pool.close, 0.0)
        if self.loop is not None:
            self.rest(0.01)
            self.loop.run_until_complete(self.loop.shutdown_default_executor())
            self.loop.close()


@pytest.fixture(params=["blocking", "asyncio"])
def basin(request: pytest.FixtureRequest, server: AnyServer) -> Iterator[Basin]:
    made = Basin(request.param, server.dsn)
    try:
        yield made
    finally:
        made.close()


def terminate(server: AnyServer, pid: int) -> None:
    with purelink.connect(server.dsn, autocommit=True) as killer:
        killer.query("select pg_terminate_backend($1)", pid)
        while killer.query("select 1 from pg_stat_activity where pid = $1", pid).rows:
            time.sleep(0.01)


def test_it_opens_itself_and_keeps_min_size(basin: Basin) -> None:
    pool = basin.pool(min_size=2)
    assert pool.closed
    connection = basin.do(pool.getconn)
    assert not pool.closed
    assert basin.scalar(connection, "select 1") == 1
    basin.do(pool.putconn, connection)
    assert connection.transaction_status == "idle"
    basin.until(lambda: pool.get_stats()["pool_available"] == 2)
    assert "0 out, 2 idle" in repr(pool)
    basin.do(pool.close)
    assert connection.closed
    assert pool.closed
    with pytest.raises(PoolClosed, match="cannot be opened again"):
        basin.do(pool.open)
    with pytest.raises(PoolClosed, match="the pool is closed"):
        basin.do(pool.getconn)


def test_it_is_opened_on_purpose(basin: Basin) -> None:
    pool = basin.pool(open=False, min_size=1, worker=False)
    with pytest.raises(PoolClosed, match="is not open yet"):
        basin.do(pool.getconn)
    basin.do(pool.open, wait=True, timeout=20)
    assert pool.get_stats()["pool_available"] == 1


def test_a_block_commits_or_rolls_back(basin: Basin) -> None:
    pool = basin.pool(min_size=1)
    basin.lend(pool, lambda c: c.script("drop table if exists pool_blocks"))
    basin.lend(pool, lambda c: c.query("create table pool_blocks (a int)"))

    def fails(connection: Any) -> Any:
        basin_result = connection.query("insert into pool_blocks values (1)")
        if not basin.waits:
            raise ZeroDivisionError

        async def rest() -> None:
            await basin_result
            raise ZeroDivisionError

        return rest()

    with pytest.raises(ZeroDivisionError):
        basin.lend(pool, fails)
    found = basin.lend(pool, lambda c: c.query("select count(*) from pool_blocks"))
    assert found.scalar() == 0
    basin.lend(pool, lambda c: c.query("drop table pool_blocks"))
    assert pool.get_stats()["connections_num"] == 1


def test_keywords_configure_check_and_reset(basin: Basin) -> None:
    seen: list[str] = []

    def configure(connection: Any) -> Any:
        seen.append("configure")
        connection.autocommit = True
        return connection.query("set application_name to 'configured'")

    def reset(connection: Any) -> Any:
        seen.append("reset")
        return connection.query("reset statement_timeout")

    kind: Any = AsyncConnectionPool if basin.waits else ConnectionPool
    pool = basin.pool(
        kwargs=lambda: {"application_name": "pool"},
        configure=configure,
        reset=reset,
        check=kind.check_connection,
        min_size=1,
        worker=False,
    )
    connection = basin.do(pool.getconn)
    assert basin.scalar(connection, "show application_name") == "configured"
    basin.do(connection.query, "set statement_timeout to 12345")
    connection.autocommit = False
    basin.do(pool.putconn, connection)
    connection = basin.do(pool.getconn)
    assert connection.autocommit
    assert basin.scalar(connection, "show statement_timeout") == "0"
    assert seen == ["configure", "reset"]
    basin.do(pool.putconn, connection)


def test_waiting_has_an_end(basin: Basin) -> None:
    pool = basin.pool(min_size=0, max_size=1, max_waiting=1)
    connection = basin.do(pool.getconn)
    began = time.monotonic()
    with pytest.raises(PoolTimeout, match="1 of 1 are out") as caught:
        basin.do(pool.getconn, 0.2)
    assert 0.19 < time.monotonic() - began < 5
    assert isinstance(caught.value, TimeoutError)
    assert pool.get_stats()["requests_errors"] == 1
    basin.do(pool.putconn, connection)
    with pytest.raises(InterfaceError, match="came back already"):
        basin.do(pool.putconn, connection)


def test_a_terminated_one_is_never_handed_out(basin: Basin, server: AnyServer) -> None:
    pool = basin.pool(min_size=1, max_size=2, worker=False)
    connection = basin.do(pool.getconn)
    pid = connection.backend_pid
    basin.do(pool.putconn, connection)
    terminate(server, pid)
    other = basin.do(pool.getconn)
    assert other.backend_pid != pid
    assert basin.scalar(other, "select 1") == 1
    terminate(server, other.backend_pid)
    basin.do(pool.putconn, other)
    assert pool.get_stats()["connections_lost"] == 1
    assert pool.get_stats()["returns_bad"] == 1
    assert pool.get_stats()["pool_size"] == 0


def test_one_inside_a_pipeline_that_was_never_left_is_replaced(basin: Basin) -> None:
    pool = basin.pool(min_size=0, max_size=1)
    connection = basin.do(pool.getconn)
    pipeline = connection.pipeline()
    enter = getattr(pipeline, "__aenter__", None) or pipeline.__enter__
    basin.do(enter)
    assert connection.transaction_status == "idle"
    basin.do(pool.putconn, connection)
    assert connection.closed
    other = basin.do(pool.getconn)
    cursor = other.cursor()
    basin.do(cursor.execute, "select 42")
    assert basin.do(cursor.fetchone) == (42,)
    basin.do(pool.putconn, other)
    assert pool.get_stats()["returns_bad"] == 1


def test_a_broken_one_is_replaced_by_the_servant(basin: Basin) -> None:
    pool = basin.pool(min_size=1)
    basin.do(pool.wait, 20)
    connection = basin.do(pool.getconn)
    basin.do(connection.close)
    basin.do(pool.putconn, connection)
    basin.until(lambda: pool.get_stats()["pool_available"] == 1)


def test_idle_ones_are_closed_in_time(basin: Basin) -> None:
    pool = basin.pool(min_size=1, max_size=3, max_idle=0.2)
    borrowed = [basin.do(pool.getconn) for _ in range(3)]
    for connection in borrowed:
        basin.do(pool.putconn, connection)
    basin.until(lambda: pool.get_stats()["pool_size"] == 1)
    assert [connection.closed for connection in borrowed].count(False) == 1


def test_old_ones_are_replaced(basin: Basin) -> None:
    pool = basin.pool(min_size=1, max_lifetime=0.2)
    first = basin.do(pool.getconn)
    basin.do(pool.putconn, first)
    basin.until(lambda: first.closed and pool.get_stats()["pool_available"] == 1)


def test_null_pool(basin: Basin) -> None:
    pool = basin.pool(null=True, max_size=1)
    connection = basin.do(pool.getconn)
    basin.do(pool.putconn, connection)
    assert connection.closed
    assert pool.get_stats()["pool_size"] == 0


def test_resize_drain_check_and_statistics(basin: Basin) -> None:
    pool = basin.pool(min_size=1, max_size=1)
    basin.do(pool.open, wait=True, timeout=20)
    basin.do(pool.resize, 2, 3)
    basin.do(pool.wait, 20)
    assert (pool.min_size, pool.max_size) == (2, 3)
    first = basin.do(pool.getconn)
    basin.do(pool.drain)
    basin.do(pool.putconn, first)
    assert first.closed
    basin.do(pool.wait, 20)
    basin.do(pool.check)
    assert pool.pop_stats()["connections_num"] >= 3
    assert pool.get_stats()["connections_num"] == 0
    with pytest.raises(InterfaceError):
        basin.do(pool.resize, 3, 2)


def test_a_refusal_is_told_at_once_and_no_server_in_the_end(basin: Basin) -> None:
    nowhere = basin.pool("host=127.0.0.1 port=1", min_size=1, worker=False)
    with pytest.raises(PoolTimeout, match="the last attempt to connect failed") as caught:
        basin.do(nowhere.getconn, 0.5)
    assert isinstance(caught.value.__cause__, ConnectError)
    wrong = basin.pool(f"{basin.dsn} dbname=there_is_none", min_size=1, worker=False)
    began = time.monotonic()
    with pytest.raises(ConnectError, match="there_is_none"):
        basin.do(wrong.getconn, 30)
    assert time.monotonic() - began < 20


def test_reconnect_failed_is_called(basin: Basin) -> None:
    told: list[Any] = []
    pool = basin.pool(
        "host=127.0.0.1 port=1", min_size=1, reconnect_timeout=0.3, reconnect_failed=told.append
    )
    basin.do(pool.open)
    basin.until(lambda: told == [pool])
    with pytest.raises(PoolTimeout):
        basin.do(pool.wait, 0.1)


def test_tokens_rotate(basin: Basin, tls_server: Server) -> None:
    tokens = iter(["pw", "pw"])
    asked: list[str] = []

    def password(_target: Any, user: str) -> str:
        asked.append(user)
        return next(tokens)

    dsn = f"host=127.0.0.1 port={tls_server.port} user=u_scram dbname=postgres"
    pool = basin.pool(dsn, kwargs={"password": password}, min_size=0, max_size=2, worker=False)
    one, two = basin.do(pool.getconn), basin.do(pool.getconn)
    assert asked == ["u_scram", "u_scram"]
    for connection in (one, two):
        basin.do(pool.putconn, connection)


def test_a_stopped_backend_holds_nobody_for_ever(
    basin: Basin, own_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("purelink.pool.conversation.RESET_SECONDS", 0.3)
    pool = basin.pool(min_size=0, max_size=1, worker=False)
    connection = basin.do(pool.getconn)
    basin.do(connection.query, "select 1")
    os.kill(connection.backend_pid, signal.SIGSTOP)
    try:
        began = time.monotonic()
        basin.do(pool.putconn, connection)  # the roll back is not answered
        assert time.monotonic() - began < 15
        assert connection.closed
        other = basin.do(pool.getconn, 15)
        assert basin.scalar(other, "select 1") == 1
        basin.do(pool.putconn, other)
    finally:
        os.kill(connection.backend_pid, signal.SIGCONT)


def lose(held: list[Any]) -> None:
    held.clear()
    gc.collect()


def test_a_server_that_restarts_is_found_again(basin: Basin) -> None:
    with Server(flavour="any") as own:
        pool = basin.pool(own.dsn, min_size=2, max_size=3)
        basin.do(pool.open, wait=True, timeout=20)
        held = basin.do(pool.getconn)
        own.halt()
        basin.do(pool.putconn, held)
        began = time.monotonic()
        with pytest.raises(PoolTimeout, match="the last attempt to connect failed"):
            basin.do(pool.getconn, 0.5)
        assert time.monotonic() - began < 5
        own.start()
        connection = basin.do(pool.getconn, 20)
        assert basin.scalar(connection, "select 1") == 1
        basin.do(pool.putconn, connection)
        basin.do(pool.wait, 20)
        assert pool.get_stats()["pool_size"] >= 2
        basin.do(pool.close)


def test_a_lost_one_is_missed(basin: Basin) -> None:
    pool = basin.pool(min_size=0, max_size=1, worker=False)
    connection = basin.do(pool.getconn)
    held = [connection]
    del connection
    with pytest.warns(ResourceWarning, match="was not closed"):
        lose(held)
    basin.do(pool.putconn, basin.do(pool.getconn, 5))
    assert pool.get_stats()["returns_bad"] == 1


def test_it_cannot_be_pickled(basin: Basin) -> None:
    import pickle

    with pytest.raises(InterfaceError, match="cannot be pickled"):
        pickle.dumps(basin.pool())


# -- threads -----------------------------------------------------------------------------------


def test_threads_are_served_in_order(server: AnyServer) -> None:
    with ConnectionPool(server.dsn, min_size=1) as pool:
        held = pool.getconn()
        order: list[int] = []

        def work(number: int) -> None:
            with pool.connection():
                order.append(number)
                time.sleep(0.005)

        threads = []
        for number in range(10):
            threads.append(threading.Thread(target=work, args=(number,)))
            threads[-1].start()
            while pool.get_stats()["requests_waiting"] != number + 1:
                time.sleep(0.001)
        pool.putconn(held)
        for thread in threads:
            thread.join(30)
        assert order == list(range(10))


def test_too_many_wait(server: AnyServer) -> None:
    with ConnectionPool(server.dsn, min_size=1, max_waiting=1) as pool:
        held = pool.getconn()
        thread = threading.Thread(target=lambda: pool.putconn(pool.getconn()))
        thread.start()
        while not pool.get_stats()["requests_waiting"]:
            time.sleep(0.001)
        with pytest.raises(TooManyRequests):
            pool.getconn()
        pool.putconn(held)
        thread.join(30)


def backends(server: AnyServer, name: str) -> int:
    with purelink.connect(server.dsn, autocommit=True) as connection:
        found = connection.query(
            "select count(*) from pg_stat_activity where application_name = $1", name
        ).scalar()
        assert isinstance(found, int)
        return found


def gone(server: AnyServer, name: str) -> bool:
    deadline = time.monotonic() + 10
    while backends(server, name) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not backends(server, name)


def test_fifty_threads_and_a_killer(server: AnyServer) -> None:
    """No connection is used twice at a time, none leaks, whatever times out or is killed."""
    using: set[int] = set()
    lock = threading.Lock()
    wrong: list[Any] = []
    stop = threading.Event()
    name = "pool-storm"
    pool = ConnectionPool(
        server.dsn, kwargs={"application_name": name}, min_size=2, max_size=8, timeout=20
    )

    def work(number: int) -> None:
        for turn in range(12):
            try:
                with pool.connection(0.004 if (number + turn) % 5 == 0 else None) as connection:
                    pid = connection.backend_pid
                    assert pid is not None
                    with lock:
                        if pid in using:
                            wrong.append(("twice", pid))
                        using.add(pid)
                    try:
                        if (number + turn) % 7 == 0:
                            connection.query("select pg_sleep(5)", timeout=0.01)
                        found = connection.query("select $1::int", number).scalar()
                        if found != number:
                            wrong.append((number, found))
                    finally:
                        with lock:
                            using.discard(pid)
            except purelink.OperationalError:  # its own timeouts, and the killer
                pass
            except BaseException as error:
                wrong.append(error)

    def kill() -> None:
        with purelink.connect(server.dsn, autocommit=True) as killer:
            while not stop.wait(0.05):
                killer.query(
                    "select pg_terminate_backend(pid) from pg_stat_activity"
                    " where application_name = $1 order by random() limit 1",
                    name,
                )

    threads = [threading.Thread(target=work, args=(number,)) for number in range(50)]
    killer = threading.Thread(target=kill)
    with pool:
        killer.start()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
            assert not thread.is_alive()
        stop.set()
        killer.join(30)
        assert wrong == []
        stats = pool.get_stats()
        assert stats["pool_size"] <= 8
        assert stats["requests_waiting"] == 0
        assert pool._ledger.out == {}
        with pool.connection() as connection:
            assert connection.query("select 1").scalar() == 1
    assert gone(server, name)


def test_two_hundred_tasks_and_cancels(server: AnyServer) -> None:
    name = "pool-tasks"
    using: set[int] = set()
    wrong: list[Any] = []

    async def work(pool: AsyncConnectionPool, number: int) -> None:
        for _ in range(3):
            async with pool.connection() as connection:
                pid = connection.backend_pid
                assert pid is not None
                if pid in using:
                    wrong.append(("twice", pid))
                using.add(pid)
                try:
                    found = (await connection.query("select $1::int", number)).scalar()
                    if found != number:
                        wrong.append((number, found))
                finally:
                    using.discard(pid)

    async def run() -> None:
        async with AsyncConnectionPool(
            server.dsn, kwargs={"application_name": name}, min_size=2, max_size=8
        ) as pool:
            tasks = [asyncio.ensure_future(work(pool, number)) for number in range(200)]
            for number, task in enumerate(tasks):
                if number % 3 == 0:
                    await asyncio.sleep(0.002 if number % 2 else 0)
                    task.cancel()
            done = await asyncio.gather(*tasks, return_exceptions=True)
            kinds = {type(each) for each in done}
            assert kinds <= {type(None), asyncio.CancelledError}, kinds
            assert wrong == []
            assert pool._ledger.out == {}
            assert pool._ledger.making == 0
            assert pool.get_stats()["pool_size"] <= 8

    asyncio.run(run())
    assert gone(server, name)


def test_another_loop_is_refused(server: AnyServer) -> None:
    async def begin() -> AsyncConnectionPool:
        pool = AsyncConnectionPool(server.dsn, min_size=0, max_size=1)
        await pool.putconn(await pool.getconn())
        return pool

    async def use(pool: AsyncConnectionPool) -> None:
        with pytest.raises(InterfaceError, match="another event loop"):
            await pool.getconn()

    loop = asyncio.new_event_loop()
    pool = loop.run_until_complete(begin())
    asyncio.run(use(pool))
    loop.run_until_complete(pool.close())
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this platform")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_has_connections_of_its_own(server: AnyServer) -> None:
    with ConnectionPool(server.dsn, min_size=2) as pool:
        pool.wait(20)
        with pool.connection() as connection:
            parents = connection.backend_pid
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            try:
                with pool.connection() as connection:
                    told = f"{connection.backend_pid} {connection.query('select 42').scalar()}"
                pool.close()
            except BaseException as error:
                told = repr(error)
            os.write(writing, told.encode())
            os._exit(0)
        os.close(writing)
        with os.fdopen(reading) as pipe:
            pid, _, answer = pipe.read().partition(" ")
        os.waitpid(child, 0)
        assert answer == "42"
        assert int(pid) != parents
        with pool.connection() as connection:
            assert connection.backend_pid == parents
            assert connection.query("select 43").scalar() == 43


def test_ctrl_c_while_waiting_leaves_the_books_right(server: AnyServer) -> None:
    with ConnectionPool(server.dsn, min_size=1) as pool:
        held = pool.getconn()
        main = threading.get_ident()
        timer = threading.Timer(0.3, signal.pthread_kill, (main, signal.SIGINT))
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            pool.getconn(30)
        timer.join()
        assert pool.get_stats()["requests_waiting"] == 0
        pool.putconn(held)
        with pool.connection() as connection:
            assert connection.query("select 1").scalar() == 1


def test_the_thread_ends_with_the_pool(server: AnyServer) -> None:
    def threads() -> list[str]:
        return [each.name for each in threading.enumerate() if each.name == "purelink-short"]

    pool = ConnectionPool(server.dsn, min_size=1, name="short")
    pool.open(wait=True)
    assert threads() == ["purelink-short"]
    pool.close()
    deadline = time.monotonic() + 10
    while threads() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threads() == []
