"""Calls of a dblink session that end early: Ctrl-C, a cancelled task, a result given up.

Whatever ends a call, its link is in step afterwards and free, the server works no longer for it,
and a connection that was opened for one call is closed.
"""

from __future__ import annotations

import asyncio
import gc
import signal
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Callable, Iterator

import pytest

from purelink.dblink.aio import AsyncSession
from purelink.dblink.session import Session
from purelink.errors import DatabaseError, InterfaceError, LinkError, LocalProtocolError

if TYPE_CHECKING:
    from purelink.errors import Diagnostics

pytestmark = pytest.mark.server

SLEEP = "select pg_sleep(60)"
MANY = "select generate_series(1, 1000000)"


class Place:
    """A server's `rem`, watched from outside."""

    def __init__(self, server: Any) -> None:
        self.server = server
        self.CS = (
            f"host={server.host} port={server.port} user={server.superuser} dbname=rem"
            " application_name=interrupted"
        )

    def _count(self, condition: str) -> int:
        sql = (
            "select count(*) from pg_stat_activity where application_name = 'interrupted'"
            f" and {condition}"
        )
        return int(self.server.psql(sql))

    def working(self) -> bool:
        return self._count("state = 'active'") > 0

    def awaited(self) -> None:
        """Wait until the server works."""
        deadline = time.monotonic() + 20
        while not self.working() and time.monotonic() < deadline:
            time.sleep(0.02)

    def settles(self, backends: int) -> None:
        """Wait until nothing works any more, and just so many backends are left."""
        deadline = time.monotonic() + 20
        while self.working() or self._count("true") != backends:
            assert time.monotonic() < deadline, "the server still works for us"
            time.sleep(0.05)


@pytest.fixture
def place(server: Any) -> Place:
    return Place(server)


@contextmanager
def ctrl_c(place: Place) -> Iterator[None]:
    """Press Ctrl-C as soon as the server works."""

    def press() -> None:
        place.awaited()
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    thread = threading.Thread(target=press)
    thread.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            yield
    finally:
        thread.join()
        signal.signal(signal.SIGINT, before)


def _fetch(session: Any) -> Any:
    return session.dblink_fetch("c", "k", 1)


def _get_result(session: Any) -> Any:
    return session.dblink_get_result("c")


CALLS: dict[str, Callable[[Any], Any]] = {
    "dblink": lambda session: session.dblink("c", SLEEP),
    "dblink several": lambda session: session.dblink("c", f"select 1; {SLEEP}; select 2"),
    "exec": lambda session: session.dblink_exec("c", "do 'begin perform pg_sleep(60); end'"),
    "fetch": _fetch,
    "get_result": _get_result,
    "drain": lambda session: session.dblink("c", "select 1"),
}


def _prepare(what: str) -> list[tuple[str, ...]]:
    """What goes before a call."""
    if what == "fetch":
        return [("dblink_open", "c", "k", SLEEP)]
    if what in ("get_result", "drain"):
        return [("dblink_send_query", "c", SLEEP)]
    return []


@pytest.mark.parametrize("what", CALLS)
def test_ctrl_c(place: Place, what: str) -> None:
    with Session(superuser=True) as session:
        session.dblink_connect("c", place.CS)
        for name, *args in _prepare(what):
            getattr(session, name)(*args)
        with ctrl_c(place):
            CALLS[what](session)
        place.settles(1)
        if what == "fetch":
            session.dblink_exec("c", "rollback")
        assert session.dblink_exec("c", "set work_mem = 1000") == "SET"
        assert session.dblink("c", "select 1").fetchall() == [(1,)]
        assert session.dblink_get_result("c").fetchall() == []
        assert session.dblink_send_query("c", "select 2") == 1
        assert session.dblink_get_result("c").fetchall() == [(2,)]
        assert session.dblink_get_result("c").fetchall() == []
    place.settles(0)


@pytest.mark.parametrize("what", ["dblink", "exec"])
def test_ctrl_c_on_a_temporary_link(place: Place, what: str) -> None:
    with Session(superuser=True) as session:
        with ctrl_c(place):
            if what == "dblink":
                session.dblink(place.CS, SLEEP)
            else:
                session.dblink_exec(place.CS, "do 'begin perform pg_sleep(60); end'")
        place.settles(0)


@pytest.mark.parametrize("what", CALLS)
def test_cancelled_task(place: Place, what: str) -> None:
    async def main() -> None:
        async with AsyncSession(superuser=True) as session:
            await session.dblink_connect("c", place.CS)
            for name, *args in _prepare(what):
                await getattr(session, name)(*args)
            task = asyncio.ensure_future(CALLS[what](session))
            await asyncio.get_running_loop().run_in_executor(None, place.awaited)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            if what == "fetch":
                await session.dblink_exec("c", "rollback")
            assert await session.dblink_exec("c", "set work_mem = 1000") == "SET"
            assert await (await session.dblink("c", "select 1")).fetchall() == [(1,)]
            assert await (await session.dblink_get_result("c")).fetchall() == []
            task = asyncio.ensure_future(session.dblink(place.CS, SLEEP))
            await asyncio.get_running_loop().run_in_executor(None, place.awaited)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(main())
    place.settles(0)


def test_a_result_given_up_half_way(place: Place) -> None:
    with Session(superuser=True) as session:
        session.dblink_connect("c", place.CS)
        rows = session.dblink("c", MANY)
        assert next(rows) == (1,)
        # meanwhile the link is busy, and the rows are not dblink_get_result's
        with pytest.raises(LinkError, match="could not send query: another command"):
            session.dblink("c", "select 1")
        for call in (
            lambda: session.dblink_exec("c", "select 1"),
            lambda: session.dblink_get_result("c"),
            lambda: session.dblink_fetch("c", "k", 1),
        ):
            with pytest.raises(LinkError, match=r"^another command is already"):
                call()
        assert session.dblink_send_query("c", "select 1") == 0
        assert session.dblink_is_busy("c") in (0, 1)
        assert rows.fetchmany(2) == [(2,), (3,)]
        rows.close()
        rows.close()
        assert rows.fetchall() == []
        assert session.dblink("c", "select 1").fetchall() == [(1,)]
        place.settles(1)
        # in a `with` block, and dropped without a word
        with session.dblink("c", MANY) as given_up:
            assert next(given_up) == (1,)
        assert session.dblink_exec("c", "set work_mem = 1000") == "SET"
        for row in session.dblink("c", MANY):
            assert row == (1,)
            break
        gc.collect()
        assert session.dblink_exec("c", "set work_mem = 1000") == "SET"
        # on a temporary link
        rows = session.dblink(place.CS, MANY)
        assert next(rows) == (1,)
        rows.close()
        place.settles(1)
        # the session is closed under it
        rows = session.dblink("c", MANY)
    with pytest.raises(DatabaseError, match="no connection to the server"):
        rows.fetchall()
    place.settles(0)


def test_async_result_given_up_half_way(place: Place) -> None:
    async def main() -> None:
        async with AsyncSession(superuser=True) as session:
            await session.dblink_connect("c", place.CS)
            rows = await session.dblink("c", MANY)
            async for row in rows:
                assert row == (1,)
                break
            with pytest.raises(LinkError, match="another command"):
                await session.dblink("c", "select 1")
            await rows.close()
            assert await (await session.dblink("c", "select 1")).fetchall() == [(1,)]
            async with await session.dblink(place.CS, MANY) as rows:
                assert await rows.fetchone() == (1,)
            assert await session.dblink_exec("c", "set work_mem = 1000") == "SET"

    asyncio.run(main())
    place.settles(0)


def test_streamed_error_comes_after_the_rows(place: Place) -> None:
    sql = "select 1/(30000 - g) from generate_series(1, 30000) g"
    with Session(superuser=True) as session:
        session.dblink_connect("c", place.CS)
        rows = session.dblink("c", sql)
        seen = 0
        with pytest.raises(DatabaseError, match="division by zero"):
            for _ in rows:
                seen += 1
        assert seen == 29999
        assert rows.fetchall() == []
        assert session.dblink_error_message("c") == "ERROR:  division by zero"
        # softened: the notice comes with the last row
        assert len(session.dblink("c", sql, False).fetchall()) == 29999
        assert [notice.sqlstate for notice in session.notices] == ["22012"]
        # a value that does not fit, far behind
        odd = "select case g when 30000 then 'x' else g::text end from generate_series(1, 60000) g"
        with pytest.raises(DatabaseError, match="invalid input syntax"):
            session.dblink("c", odd, columns="n int").fetchall()
        assert session.dblink("c", "select 1").fetchall() == [(1,)]


@pytest.mark.parametrize(
    ("sql", "columns"),
    [
        ("select 1/0", None),
        ("bogus", None),
        ("", None),
        ("select 1, 2", "x int"),
        ("select 'x'", "x int"),
        ("set work_mem = 1000", "x int"),
        ("select pg_terminate_backend(pg_backend_pid())", None),
        ("copy foo to stdout", None),
        (f"{MANY}; select 1/0", None),
    ],
)
def test_temporary_links_are_closed(place: Place, sql: str, columns: str | None) -> None:
    with Session(superuser=True) as session:
        for fail in (True, False):
            try:
                session.dblink(place.CS, sql, fail, columns=columns).fetchall()
            except DatabaseError:
                pass
            try:
                session.dblink_exec(place.CS, sql, fail)
            except DatabaseError:
                pass
        with pytest.raises(InterfaceError):
            session.dblink(place.CS, "select '\udc00'")
        with pytest.raises(InterfaceError):
            session.dblink_exec(place.CS, "select '\0'")
        with pytest.raises(DatabaseError):
            session.dblink(place.CS, "select 1", columns="x nosuchtype")
        place.settles(0)


def test_texts_that_cannot_be_sent(place: Place) -> None:
    """Nothing was sent, and the link is as it was."""
    with Session(superuser=True) as session:
        session.dblink_connect("c", place.CS)
        for bad in ("select '\0'", "select '\udc00'"):
            for call in (
                lambda: session.dblink("c", bad),  # noqa: B023 - called in this round
                lambda: session.dblink_exec("c", bad),  # noqa: B023
                lambda: session.dblink_open("c", "k", bad),  # noqa: B023
                lambda: session.dblink_send_query("c", bad),  # noqa: B023
            ):
                with pytest.raises(InterfaceError):
                    call()
                assert session.dblink_get_result("c").fetchall() == []
                session.dblink_exec("c", "rollback")
        assert session.dblink("c", "select 1").fetchall() == [(1,)]


def test_a_notice_handler_that_uses_its_own_link(place: Place) -> None:
    """It is refused, and the call under way does not suffer."""
    with Session(superuser=True) as session:
        seen: list[BaseException] = []

        def meddle(_: Diagnostics) -> None:
            for call in (
                lambda: session.dblink("c", "select 1"),
                lambda: session.dblink_get_result("c"),
                lambda: session.dblink_is_busy("c"),
            ):
                try:
                    call()
                except (LinkError, LocalProtocolError) as error:
                    seen.append(error)

        session.remote_notice_handlers.append(meddle)
        session.dblink_connect("c", place.CS)
        sql = "do $$begin raise notice 'heard'; end$$; select 1; select 2"
        assert session.dblink("c", sql).fetchall() == [(2,)]
        assert seen
        seen.clear()
        session.dblink_send_query("c", sql)
        assert session.dblink_get_result("c").fetchall() == [("DO",)]
        assert session.dblink_get_result("c").fetchall() == [(1,)]
        assert session.dblink_get_result("c").fetchall() == [(2,)]
        assert session.dblink_get_result("c").fetchall() == []
        assert seen
