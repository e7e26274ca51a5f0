"""Notifications, the listener that reconnects, passwords, what is known of a connection."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

import purelink
from purelink.conversation import listening
from purelink.errors import ConnectError, InterfaceError, NotSupportedError
from purelink.wire.scram import verifier

if TYPE_CHECKING:
    from tests.both import Door
    from tests.conftest import AnyServer

pytestmark = pytest.mark.server


def test_notifies(connection: Any) -> None:
    connection.execute("listen here")
    for n in range(3):
        connection.execute("select pg_notify('here', %s)", (str(n),))
    assert [each.payload for each in connection.notifies(timeout=5, stop_after=2)] == ["0", "1"]
    assert [each.payload for each in connection.notifies(timeout=0)] == ["2"]
    begun = time.monotonic()
    assert list(connection.notifies(timeout=0.2)) == []
    assert 0.15 < time.monotonic() - begun < 5
    assert list(connection.notifies(stop_after=0)) == []


def test_handlers(connection: Any) -> None:
    heard: list[Any] = []
    connection.add_notice_handler(heard.append)
    connection.add_notify_handler(heard.append)
    connection.execute("do $$ begin raise notice 'look'; end $$")
    connection.execute("listen here; notify here, 'x'")
    connection.remove_notice_handler(heard.append)
    connection.remove_notify_handler(heard.append)
    connection.execute("do $$ begin raise notice 'away'; end $$")
    assert [getattr(each, "payload", None) or each.message_primary for each in heard] == [
        "look",
        "x",
    ]
    with pytest.raises(ValueError):
        connection.remove_notice_handler(heard.append)


def test_a_listener(server: AnyServer) -> None:
    with (
        purelink.connect(server.dsn, autocommit=True) as other,
        purelink.Listener(server.dsn, "a", check=0.3) as listener,
    ):
        assert list(listener.channels) == ["a"]
        assert listener.next(timeout=0.0) is None
        other.execute("notify a, '1'")
        event = listener.next(timeout=10)
        assert isinstance(event, purelink.Notification)
        assert (event.channel, event.payload) == ("a", "1")
        listener.listen("b", 'odd "name"')
        listener.unlisten("a", "never")
        assert list(listener.channels) == ["b", 'odd "name"']
        assert listener.next(timeout=0.7) is None  # asks whether the server is there, meanwhile

        assert listener.connection is not None
        other.execute("select pg_terminate_backend(%s)", (listener.connection.backend_pid,))
        gap = listener.next(timeout=20)
        assert isinstance(gap, purelink.Gap)
        assert isinstance(gap.error, purelink.ConnectionLost)
        assert gap.attempts == 1
        assert gap.seconds >= 0
        other.execute("notify a, 'no more'")
        other.execute('notify "odd ""name""", \'yes\'')
        for event in listener:
            assert event == purelink.Notification(
                channel='odd "name"', payload="yes", pid=other.backend_pid or 0
            )
            listener.close()
        assert listener.closed
        with pytest.raises(InterfaceError, match="is closed"):
            listener.next()


def test_a_listener_for_asyncio(server: AnyServer) -> None:
    async def run() -> None:
        async with (
            await purelink.aconnect(server.dsn, autocommit=True) as other,
            purelink.AsyncListener(server.dsn, "a") as listener,
        ):
            await other.execute("notify a, '1'")
            async for event in listener:
                assert isinstance(event, purelink.Notification)
                break
            await listener.listen("b")
            assert listener.connection is not None
            pid = listener.connection.backend_pid
            waiting = asyncio.ensure_future(listener.next())
            await asyncio.sleep(0.05)
            await other.execute("select pg_terminate_backend(%s)", (pid,))
            assert isinstance(await waiting, purelink.Gap)
            await listener.unlisten("a")
            await other.execute("notify b, '2'")
            heard = await listener.next(timeout=10)
            assert isinstance(heard, purelink.Notification)
            assert heard.payload == "2"
            assert await listener.next(timeout=0.05) is None

    asyncio.run(run())


def test_a_listener_without_a_server(server: AnyServer) -> None:
    listener = purelink.Listener("host=127.0.0.1 port=1 user=x dbname=x", "a")
    with pytest.raises(ConnectError):
        listener.next()
    listener.close()
    for wrong in ("", "x" * 64, "a\0"):
        with pytest.raises(InterfaceError):
            purelink.Listener(server.dsn, wrong)
    with pytest.raises(purelink.ConninfoError):
        purelink.Listener("nonsense=1", "a").next()


def test_a_listeners_patience(server: AnyServer) -> None:
    impatient = purelink.Listener(server.dsn, "a", patience=0.3)
    with impatient:
        assert impatient.connection is not None
        pid = impatient.connection.backend_pid
        impatient._conninfo = "host=127.0.0.1 port=1 user=x dbname=x"
        with purelink.connect(server.dsn, autocommit=True) as other:
            other.execute("select pg_terminate_backend(%s)", (pid,))
        begun = time.monotonic()
        with pytest.raises(ConnectError):
            impatient.next()
        assert 0.25 < time.monotonic() - begun < 20
        assert impatient.next(timeout=0.1) is None
        impatient._patience = None
        begun = time.monotonic()
        threading.Timer(1, impatient.close).start()
        assert list(impatient) == []
        assert time.monotonic() - begun < 10


@pytest.mark.parametrize("timeout", [None, 60.0])
def test_closing_a_listener_ends_its_pause(
    server: AnyServer, monkeypatch: pytest.MonkeyPatch, timeout: float | None
) -> None:
    monkeypatch.setattr(listening, "DELAY_AT_FIRST", 60.0 if timeout is None else 300.0)
    monkeypatch.setattr(listening, "DELAY_AT_MOST", 600.0)
    nowhere = "host=127.0.0.1 port=1 user=x dbname=x"

    async def run() -> None:
        async with purelink.AsyncListener(server.dsn, "a") as listener:
            assert listener.connection is not None
            listener._conninfo = nowhere
            await listener.connection.close()
            waiting = asyncio.ensure_future(listener.next(timeout))
            await asyncio.sleep(0.3)
            assert not waiting.done()
            begun = time.monotonic()
            await listener.close()
            assert await asyncio.wait_for(waiting, 20) is None
            assert time.monotonic() - begun < 10

    asyncio.run(run())
    with purelink.Listener(server.dsn, "a") as listener:
        assert listener.connection is not None
        listener._conninfo = nowhere
        listener.connection.close()
        threading.Timer(0.3, listener.close).start()
        begun = time.monotonic()
        assert listener.next(timeout) is None
        assert 0.2 < time.monotonic() - begun < 10


# -- passwords -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["scram-sha-256", "md5"])
def test_changing_a_password(door: Door, kind: str) -> None:
    connection = door.connect()
    connection.execute(f"set password_encryption = '{kind}'")
    connection.execute('drop role if exists "changing role"')
    connection.execute('create role "changing role" login')
    notices: list[Any] = []
    connection.add_notice_handler(notices.append)
    connection.change_password("it's sécret", "changing role")
    kept = connection.execute(
        "select rolpassword from pg_authid where rolname = 'changing role'"
    ).fetchone()[0]
    if kind == "md5":
        assert kept.startswith("md5")
    else:
        iterations, salt = kept.split("$")[1].split(":")
        from base64 import b64decode

        assert kept == verifier("it's sécret".encode(), b64decode(salt), int(iterations))
    connection.execute('drop role "changing role"')
    for wrong in ("", "a\0b", "\ud800"):
        with pytest.raises(InterfaceError):
            connection.change_password(wrong, "x")
    with pytest.raises(InterfaceError):
        connection.change_password("x", "")


def test_ones_own_password(server: AnyServer, door: Door) -> None:
    connection = door.connect()
    connection.execute("drop role if exists itself")
    connection.execute("create role itself login")
    mine = door.connect(user="itself", autocommit=False)
    mine.change_password("new")
    assert mine.transaction_status == "idle"
    mine.close()
    connection.execute("drop role itself")


def test_a_strange_way_of_hashing(monkeypatch: pytest.MonkeyPatch) -> None:
    from purelink.conversation import passwords

    class Told:
        session = None

    def query(rows: list[Any]) -> Any:
        def undisturbed(_talk: Any, _sql: str) -> Any:
            yield from ()
            return rows

        return undisturbed

    for rows in ([("argon2", None)], [("scram-sha-256", "0")], [("scram-sha-256", "99999999")]):
        monkeypatch.setattr(passwords, "undisturbed", query(rows))
        with pytest.raises(NotSupportedError):
            list(passwords.change_password(Told(), "u", "p", bytes))  # type: ignore[arg-type]


# -- what is known ---------------------------------------------------------------------------


def test_info(door: Door) -> None:
    connection = door.connect(password="hush")
    info = connection.info
    assert info.vendor == "PostgreSQL"
    assert info.dbname == "postgres"
    assert info.user == "postgres"
    assert info.port > 0
    assert info.host
    assert info.server_version == connection.server_version
    assert info.backend_pid == connection.backend_pid
    assert info.protocol_version == 3
    assert info.full_protocol_version in (30000, 30002)
    assert info.transaction_status == "idle"
    assert info.parameter_status("client_encoding") == "UTF8"
    assert info.parameter_status("nothing") is None
    assert info.encoding == "utf-8"
    assert info.options == ""
    assert info.error_message == ""
    assert info.used_password is False
    assert "hush" not in info.dsn
    assert "hush" not in repr(info)
    assert "password" not in info.get_parameters()
    assert "dbname=postgres" in info.dsn
    connection.execute("set timezone to 'Europe/Berlin'")
    assert str(info.timezone) == "Europe/Berlin"
    connection.execute("set timezone to '+3'")
    assert str(info.timezone) == "UTC"
