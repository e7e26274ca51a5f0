"""`gather`: one query on many links at once, both faces: results as they come, limits, errors.

A hundred connections gathered at once, without a thread or a task of ours for the blocking face.
"""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING, Any, Iterator

import pytest

from purelink.dblink import AsyncSession, Gathered, Session, gather, use_session
from purelink.errors import InterfaceError, LinkError, Timeout
from purelink.policy import ConnectPolicy
from purelink.testing.programs import ProgramsMissing
from purelink.testing.server import Server

if TYPE_CHECKING:
    from tests.conftest import AnyServer

pytestmark = pytest.mark.server

MANY = 100


class Door:
    """A session of either face, used like a blocking one."""

    def __init__(self, face: str, **given: Any) -> None:
        self.loop = asyncio.new_event_loop() if face == "asyncio" else None
        kind: Any = AsyncSession if self.loop is not None else Session
        self.session: Any = kind(superuser=True, **given)

    def run(self, value: Any) -> Any:
        if self.loop is not None and asyncio.iscoroutine(value):
            return self.loop.run_until_complete(value)
        return value

    def __getattr__(self, name: str) -> Any:
        return lambda *args, **keywords: self.run(getattr(self.session, name)(*args, **keywords))

    def links(self, dsn: str, count: int) -> list[str]:
        names = [f"l{n}" for n in range(count)]
        for name in names:
            assert self.dblink_connect(name, dsn) == "OK"
        return names

    def iterate(self, results: Any) -> Iterator[Gathered]:
        while True:
            one = self.run(results.fetchone())
            if one is None:
                return
            yield one

    def gathered(self, names: Any, sql: Any, **more: Any) -> dict[str, Gathered]:
        """Return all results, by name."""
        found = self.run(self.session.gather(names, sql, **more).fetchall())
        return {one.name: one for one in found}

    def close_all(self) -> None:
        self.close()
        if self.loop is not None:
            self.loop.run_until_complete(asyncio.sleep(0))
            self.loop.close()


@pytest.fixture(params=["blocking", "asyncio"])
def door(request: pytest.FixtureRequest) -> Iterator[Door]:
    made = Door(request.param)
    yield made
    made.close_all()


@pytest.fixture
def dsn(server: AnyServer) -> str:
    return f"host={server.host} port={server.port} dbname=rem user={server.superuser}"


def test_results_as_they_come(door: Door, dsn: str) -> None:
    names = door.links(dsn, 4)
    sql = {name: f"select {n}, pg_sleep({0.6 - 0.2 * n})" for n, name in enumerate(names)}
    told: list[tuple[str, int, int]] = []
    started = time.monotonic()
    results = door.session.gather(
        names,
        sql,
        columns="n int, s text",
        progress=lambda one, done, total: told.append((one.name, done, total)),
    )
    found = list(door.iterate(results))
    assert [one.name for one in found] == names[::-1]
    assert [one.result() for one in found] == [[(n, "")] for n in (3, 2, 1, 0)]
    assert all(one.error is None and one.column_names == ["n", "s"] for one in found)
    assert told == [(name, n, 4) for n, name in enumerate(names[::-1], 1)]
    assert time.monotonic() - started < 1.2  # together, not one after the other
    # and the links are free again
    assert door.run(door.dblink("l0", "select 1").fetchall()) == [(1,)]


def test_at_most_so_many_together(door: Door, dsn: str) -> None:
    names = door.links(dsn, 6)
    counting = (
        "select count(*) from pg_stat_activity where query like '%gathered%' and state = 'active'"
    )
    sql = f"select pg_sleep(0.2), ({counting} and pid <> pg_backend_pid()) /* gathered */"
    found = door.run(door.session.gather(names, sql, limit=2).fetchall())
    assert {one.name for one in found} == set(names)
    assert all(one.result()[0][1] <= 1 for one in found)
    started = time.monotonic()
    door.run(door.session.gather(names, "select pg_sleep(0.1)", limit=1).fetchall())
    assert time.monotonic() - started > 0.6


def test_errors_are_told_by_name(door: Door, dsn: str) -> None:
    names = door.links(dsn, 5)
    door.dblink_send_query("l1", "select 41; select 42")
    pid = door.run(door.dblink("l3", "select pg_backend_pid()").fetchall())[0][0]
    door.run(door.dblink("l0", f"select pg_terminate_backend({pid})").fetchall())
    sql = dict.fromkeys([*names, "nobody"], "select 1") | {"l2": "select 1/0"}
    found = door.gathered(None, sql)
    assert set(found) == {*names, "nobody"}
    assert found["l0"].result() == [(1,)]
    assert found["l4"].result() == [(1,)]

    def sqlstate(name: str) -> str | None:
        error = found[name].error
        assert error is not None
        assert found[name].rows == []
        with pytest.raises(type(error)):
            found[name].result()
        return getattr(error, "sqlstate", None)

    assert sqlstate("nobody") == "08003"
    assert isinstance(found["nobody"].error, LinkError)
    assert sqlstate("l1") == "XX000"
    assert "another command is already in progress" in str(found["l1"].error)
    assert sqlstate("l2") == "22012"
    error: Any = found["l2"].error
    assert error.context == 'while executing query on dblink connection named "l2"'
    assert sqlstate("l3") in ("08006", "57P01")
    # what was pending on the busy one is still there
    assert [door.run(door.dblink_get_result("l1").fetchall()) for _ in range(3)] == [
        [(41,)],
        [(42,)],
        [],
    ]


def test_columns_are_checked(door: Door, dsn: str) -> None:
    names = door.links(dsn, 3)
    sql = {"l0": "select 1", "l1": "select 1, 2", "l2": "select 'x'"}
    found = {
        one.name: one
        for one in door.run(door.session.gather(names, sql, columns="a int").fetchall())
    }
    assert found["l0"].result() == [(1,)]
    assert getattr(found["l1"].error, "sqlstate", None) == "42804"
    assert getattr(found["l2"].error, "sqlstate", None) == "22P02"
    again = door.run(door.session.gather(names, "select 5", columns="a int").fetchall())
    assert [one.result() for one in again] == [[(5,)]] * 3


def test_several_statements_commands_and_copy(door: Door, dsn: str) -> None:
    door.links(dsn, 4)
    sql = {
        "l0": "select 1; select 2",
        "l1": "set work_mem = 1000",
        "l2": "copy (select 1) to stdout",
        "l3": "copy foo from stdin",
    }
    found = door.gathered(None, sql)
    assert found["l0"].result() == [(2,)]
    assert found["l1"].result() == [("SET",)]
    assert found["l1"].column_names == ["status"]
    for name in ("l2", "l3"):
        assert getattr(found[name].error, "sqlstate", None) == "08006"
    again = door.run(door.session.gather(None, "select 1").fetchall())
    assert [one.result() for one in again] == [[(1,)]] * 4


def test_big_results_side_by_side(door: Door, dsn: str) -> None:
    names = door.links(dsn, 3)
    sql = "select n, repeat('x', 50) from generate_series(1, 60000) n"
    for one in door.iterate(door.session.gather(names, sql, columns="n int, t text")):
        rows = one.result()
        assert len(rows) == 60000
        assert rows[0] == (1, "x" * 50)
        assert rows[-1] == (60000, "x" * 50)


def test_too_slow_ones_are_cancelled(door: Door, dsn: str) -> None:
    door.links(dsn, 4)
    slow = "select pg_sleep(60)"
    sql = {"l0": slow, "l1": "select 1", "l2": slow, "l3": "select pg_sleep(0.1)"}
    started = time.monotonic()
    found = {
        one.name: one for one in door.run(door.session.gather(None, sql, timeout=0.5).fetchall())
    }
    assert time.monotonic() - started < 5
    assert found["l1"].result() == [(1,)]
    assert found["l3"].error is None
    for name in ("l0", "l2"):
        error = found[name].error
        assert isinstance(error, Timeout)
        assert (error.sqlstate, error.outcome) == ("57014", "cancelled")
    again = door.run(door.session.gather(None, "select 1").fetchall())
    assert len(again) == 4
    assert all(one.result() == [(1,)] for one in again)


def test_the_time_of_the_policy(server: AnyServer, dsn: str) -> None:
    policy = ConnectPolicy(
        networks=None, sslmode=None, require_auth=None, lend=True, statement_timeout=0.3
    )
    with Session(superuser=True, policy=policy) as session:
        session.dblink_connect("a", dsn)
        [one] = session.gather(["a"], "select pg_sleep(60)").fetchall()
        assert isinstance(one.error, Timeout)


def test_left_early(door: Door, dsn: str) -> None:
    """Closed, or forgotten: what runs is cancelled, and the links are free."""
    names = door.links(dsn, 3)
    sql = {"l0": "select 1", "l1": "select pg_sleep(60)", "l2": "select pg_sleep(60)"}
    results = door.session.gather(names, sql)
    assert door.run(results.fetchone()).name == "l0"
    started = time.monotonic()
    door.run(results.close())
    assert door.run(results.fetchone()) is None
    for name in names:
        assert door.run(door.dblink(name, "select 1").fetchall()) == [(1,)]
    results = door.session.gather(names, sql)
    assert door.run(results.fetchone()).name == "l0"
    del results
    for name in names:
        assert door.run(door.dblink(name, "select 1").fetchall()) == [(1,)]
    assert time.monotonic() - started < 10


def test_meanwhile_a_link_is_busy(door: Door, dsn: str) -> None:
    door.links(dsn, 2)
    results = door.session.gather(["l0", "l1"], {"l0": "select 1", "l1": "select pg_sleep(0.5)"})
    assert door.run(results.fetchone()).name == "l0"
    with pytest.raises(LinkError, match="another command is already in progress"):
        door.dblink("l1", "select 1")
    assert door.run(door.dblink("l0", "select 2").fetchall()) == [(2,)]
    assert door.run(results.fetchone()).name == "l1"
    assert door.run(results.fetchall()) == []


def test_a_callback_that_raises(door: Door, dsn: str) -> None:
    names = door.links(dsn, 2)

    def fail(*_: object) -> None:
        raise RuntimeError("the caller's own")

    results = door.session.gather(names, "select 1", progress=fail)
    with pytest.raises(RuntimeError, match="the caller's own"):
        door.run(results.fetchone())
    door.run(results.close())
    assert door.run(door.dblink("l0", "select 1").fetchall()) == [(1,)]


def test_a_link_that_is_disconnected_meanwhile(door: Door, dsn: str) -> None:
    door.links(dsn, 3)
    sql = {"l0": "select 1", "l1": "select pg_sleep(60)", "l2": "select pg_sleep(0.3)"}
    results = door.session.gather(None, sql)
    assert door.run(results.fetchone()).name == "l0"
    door.dblink_disconnect("l1")
    found = {one.name: one for one in door.iterate(results)}
    assert getattr(found["l1"].error, "sqlstate", None) == "08006"
    assert found["l2"].error is None


def test_a_server_that_goes_away_meanwhile(door: Door, dsn: str) -> None:
    door.links(dsn, 3)
    pid = door.run(door.dblink("l1", "select pg_backend_pid()").fetchall())[0][0]
    sql = {
        "l0": f"select pg_terminate_backend({pid})",
        "l1": "select pg_sleep(60)",
        "l2": "select pg_sleep(0.3)",
    }
    found = door.gathered(None, sql)
    assert found["l0"].error is None
    assert found["l2"].error is None
    error: Any = found["l1"].error
    assert "terminating connection due to administrator command" in str(error)
    assert error.context == 'while executing query on dblink connection named "l1"'


def test_a_task_that_is_cancelled(dsn: str) -> None:
    async def main() -> None:
        async with AsyncSession(superuser=True) as session:
            for name in ("a", "b"):
                await session.dblink_connect(name, dsn)
            async with session.gather(None, "select pg_sleep(60)") as results:
                with pytest.raises(asyncio.TimeoutError):
                    await asyncio.wait_for(results.fetchone(), 0.3)
            found = await session.gather(None, "select 1").fetchall()
            assert [one.result() for one in found] == [[(1,)]] * 2

    asyncio.run(main())


@pytest.mark.parametrize(
    ("names", "sql", "more"),
    [
        (["a", "a"], "select 1", {}),
        (["a"], {"b": "select 1"}, {}),
        ("a", "select 1", {}),
        (["a"], "select 1", {"limit": 0}),
        (["a"], "select 1", {"limit": True}),
    ],
)
def test_what_makes_no_sense(names: Any, sql: Any, more: dict[str, Any]) -> None:
    with pytest.raises(InterfaceError):
        Session().gather(names, sql, **more)


def test_nothing_to_do() -> None:
    session = Session()
    assert session.gather(None, "select 1").fetchall() == []
    assert list(session.gather([], "select 1")) == []
    use_session(session)
    try:
        assert gather(None, "select 1").fetchall() == []
    finally:
        use_session(None)


def test_iterating(dsn: str) -> None:
    with Session(superuser=True) as session:
        for name in ("a", "b"):
            session.dblink_connect(name, dsn)
        with session.gather(None, "select 1") as results:
            assert {one.name for one in results} == {"a", "b"}

    async def main() -> set[str]:
        async with AsyncSession(superuser=True) as session:
            for name in ("a", "b"):
                await session.dblink_connect(name, dsn)
            async with session.gather(None, "select 1") as results:
                return {one.name async for one in results}

    assert asyncio.run(main()) == {"a", "b"}


@pytest.fixture(scope="module")
def roomy() -> Iterator[Server]:
    """A server that takes more than a hundred connections."""
    try:
        with Server(
            config={"max_connections": 2 * MANY}, hba=["host all all 127.0.0.1/32 trust"]
        ) as server:
            yield server
    except ProgramsMissing as missing:
        pytest.skip(f"no server: {missing}")


def test_a_hundred_at_once(door: Door, roomy: Server) -> None:
    dsn = f"host={roomy.host} port={roomy.port} dbname=postgres user={roomy.superuser}"
    names = door.links(dsn, MANY)
    before = threading.active_count()
    sql = "select pg_sleep(1), pg_backend_pid(), (select count(*) from generate_series(1, 1000))"
    started = time.monotonic()
    threads = set()
    found = []
    for one in door.iterate(door.session.gather(names, sql)):
        threads.add(threading.active_count())
        found.append(one)
    took = time.monotonic() - started
    assert {one.name for one in found} == set(names)
    assert len({one.result()[0][1] for one in found}) == MANY  # a backend each
    assert took < 20  # a hundred seconds, one after the other
    assert threads == {before}
