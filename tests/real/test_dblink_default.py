"""dblink's functions as functions of the module: the seed's session, and whose session it is."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import inspect
import threading
import time
from typing import TYPE_CHECKING, Any, Iterator

import pytest

import purelink
import purelink.dblink as module
from purelink.dblink import (
    Catalog,
    Session,
    current_session,
    dblink,
    dblink_close,
    dblink_connect,
    dblink_disconnect,
    dblink_exec,
    dblink_fetch,
    dblink_get_connections,
    dblink_open,
    use_session,
)
from purelink.errors import InterfaceError, LinkError

if TYPE_CHECKING:
    from tests.conftest import AnyServer

pytestmark = pytest.mark.server


@pytest.fixture(autouse=True)
def _found(server: AnyServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """`dbname=postgres` finds the server, and no test's session is the next one's."""
    monkeypatch.setenv("PGHOST", str(server.host))
    monkeypatch.setenv("PGPORT", str(server.port))
    monkeypatch.setenv("PGUSER", str(server.superuser))
    monkeypatch.setenv("PGPASSWORD", str(server.password or ""))
    yield
    current_session().close()
    use_session(None).close()


def test_the_seeds_session() -> None:
    use_session(Session(superuser=True))
    assert dblink_connect("dbname=postgres") == "OK"
    assert dblink_connect("myconn", "dbname=postgres") == "OK"
    assert dblink_get_connections() == ["myconn"]
    with pytest.raises(LinkError, match="duplicate connection name"):
        dblink_connect("myconn", "dbname=postgres")
    assert dblink_disconnect("myconn") == "OK"
    assert dblink_disconnect() == "OK"


def test_the_seeds_foreign_server(server: AnyServer) -> None:
    catalog = Catalog()
    catalog.create_server("fdtest", {"hostaddr": str(server.host), "dbname": "rem"})
    catalog.create_user_mapping("regress", "fdtest", {"user": "u_scram", "password": "pw"})
    catalog.grant_usage("fdtest", "regress")
    use_session(Session(user="regress", catalog=catalog))
    assert dblink_connect("myconn", "fdtest") == "OK"
    columns = "a int, b text, c text[]"
    rows = dblink("myconn", "SELECT * FROM foo", columns=columns).fetchall()
    assert rows == [(n, chr(97 + n), [f"{c}{n}" for c in "abc"]) for n in range(10)]
    with pytest.raises(LinkError, match="password is required"):
        dblink_connect("dbname=postgres")


def test_cursors_and_commands(server: AnyServer) -> None:
    with use_session(Session(superuser=True)):
        dblink_connect("host=127.0.0.1 dbname=rem")
        assert dblink_exec("create temp table t (a int)") == "CREATE TABLE"
        assert dblink_open("c", "select generate_series(1, 3)") == "OK"
        assert dblink_fetch("c", 2, columns="a int").fetchall() == [(1,), (2,)]
        assert dblink_close("c") == "OK"


def test_without_a_choice_nobody_is_a_superuser() -> None:
    assert current_session().superuser is False
    assert current_session() is current_session()
    with pytest.raises(LinkError, match="password is required"):
        dblink_connect("dbname=postgres")


def test_each_thread_has_its_own() -> None:
    mine = use_session(Session(superuser=True))
    found: list[Any] = []

    def elsewhere() -> None:
        found.append(current_session() is mine)
        found.append(current_session().superuser)

    thread = threading.Thread(target=elsewhere, name="elsewhere")
    thread.start()
    thread.join()
    # an interpreter may hand its context on to threads, choice and all
    assert found in ([False, False], [True, True])
    fresh = contextvars.Context()
    assert fresh.run(current_session) is not mine
    assert current_session() is mine


def test_a_choice_holds_for_the_tasks_it_starts() -> None:
    async def task(session: Session | None) -> bool:
        if session is not None:
            use_session(session)
        await asyncio.sleep(0)
        return current_session() is (session or mine)

    async def main() -> list[bool]:
        return list(await asyncio.gather(task(None), task(Session()), task(None)))

    mine = use_session(Session())
    assert asyncio.run(main()) == [True, True, True]
    assert current_session() is mine


def test_the_end_of_a_thread_ends_its_session(server: AnyServer) -> None:
    pids: list[int] = []

    def work() -> None:
        dsn = f"host=127.0.0.1 port={server.port} dbname=rem user=u_scram password=pw"
        dblink_connect("a", dsn)
        pids.extend(dblink("a", "select pg_backend_pid()").fetchall()[0])

    context = contextvars.Context()
    thread = threading.Thread(target=context.run, args=(work,))
    thread.start()
    thread.join()
    del context
    gc.collect()
    with purelink.connect(server.dsn, autocommit=True) as observer:
        deadline = time.monotonic() + 10
        while observer.query("select 1 from pg_stat_activity where pid = $1", pids[0]).rows:
            assert time.monotonic() < deadline
            time.sleep(0.01)


def test_what_is_no_session() -> None:
    with pytest.raises(InterfaceError, match="its methods"):
        use_session(purelink.AsyncSession())  # type: ignore[arg-type]  # the mistake that is tested


def test_every_function_is_there_and_like_the_method() -> None:
    methods = {name for name in dir(Session) if name.startswith("dblink")}
    functions = {name for name in module.__all__ if name.startswith("dblink")}
    assert functions == methods
    for name in methods:
        method = list(inspect.signature(getattr(Session, name)).parameters.values())[1:]
        function = list(inspect.signature(getattr(module, name)).parameters.values())
        assert [(p.name, p.kind, p.default) for p in method] == [
            (p.name, p.kind, p.default) for p in function
        ], name
        assert inspect.getdoc(getattr(module, name))
    assert set(dir(module)) >= set(module.__all__)
    with pytest.raises(AttributeError):
        module.nothing  # noqa: B018 - the look-up is the test
