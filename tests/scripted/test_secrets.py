"""No secret in what is logged, shown, raised or pickled, nor in the locals of our frames.

Check 203 of the wire, and what `logging` under `purelink.*` tells; under both faces.
"""

from __future__ import annotations

import base64
import copy
import hashlib
import logging
import os
import pickle
import traceback
from typing import TYPE_CHECKING, Any

import pytest

import purelink
from purelink.errors import AuthenticationError, ConnectionLost, Error
from purelink.testing.backend import (
    Backend,
    Step,
    cleartext,
    cut,
    hello,
    send,
    stall,
    startup,
    until_closed,
)
from purelink.testing.bytes import HELLO, error
from tests.scripted.lies import CERTIFICATES, Scram, request, secure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.scripted.faces import Face

PACKAGE = os.path.dirname(purelink.__file__) + os.sep  # noqa: PTH120 - as frames spell it
SECRETS = ("hunter2", "t0k3n", base64.b64encode(hashlib.sha256(b"key").digest()).decode())
NO = error("password authentication failed", "28P01", "FATAL")


def hear(peer: Any) -> None:
    peer.receive()


#: what the server does: every way in which a login can go wrong, and one where it does not
SCRIPTS: dict[str, list[Step]] = {
    "in": [startup(), cleartext("hunter2"), until_closed()],
    "wrong": [startup(), send(request(3)), hear, send(NO), until_closed()],
    "refused": [startup(), send(request(3)), hear, send(request(3)), until_closed()],
    "lost": [startup(), send(request(3)), hear, cut()],
    "reset": [startup(), send(request(3)), hear, cut(reset=True)],
    "malformed": [startup(), send(request(3)), hear, send(b"R\0\0\0\x05xyz"), until_closed()],
    "early": [startup(), Scram().offer(), send(HELLO), until_closed()],
    "badly proved": [
        startup(), *(s := Scram("other")).whole()[:3], send(request(12, b"v=AAAA")), until_closed()
    ],
    "silent": [startup(), send(request(3)), hear, stall()],
}  # fmt: skip


def chain(failure: BaseException) -> Iterator[BaseException]:
    seen: list[BaseException] = []
    waiting: list[BaseException | None] = [failure]
    while waiting:
        each = waiting.pop()
        if each is not None and each not in seen:
            seen.append(each)
            yield each
            waiting += [each.__cause__, each.__context__]


def everything(failure: BaseException) -> str:
    """Return all that a curious program can print of an error, and what pickle makes of it."""
    told = [pickle.dumps(failure).decode("latin-1"), repr(failure.__dict__)]
    for each in chain(failure):
        told += [str(each), repr(each), repr(each.args)]
        for frame in traceback.TracebackException.from_exception(each, capture_locals=True).stack:
            if frame.filename.startswith(PACKAGE):
                told += [
                    f"{frame.filename}:{frame.name} {item}" for item in (frame.locals or {}).items()
                ]
    return "\n".join(told)


@pytest.mark.parametrize("way", ["string", "keyword", "provider"])
@pytest.mark.parametrize("name", SCRIPTS)
def test_check_203_a_login_shows_no_password(
    face: Face, name: str, way: str, caplog: pytest.LogCaptureFixture
) -> None:
    with Backend(SCRIPTS[name]) as server, caplog.at_level(logging.DEBUG):
        dsn, keywords = f"{server.dsn} connect_timeout=2", {}
        if way == "string":
            dsn += " password=hunter2"
        else:
            keywords["password"] = "hunter2" if way == "keyword" else lambda *_: "hunter2"
        shown = ""
        try:
            connection = face.connect(dsn, **keywords)
            shown = repr(connection) + repr(connection.settings) + repr(connection.target)
            connection.close()
        except Error as failure:
            assert name != "in"
            shown = everything(failure)
    for secret in SECRETS:
        assert secret not in shown
        assert secret not in caplog.text
    assert any(each.name.startswith("purelink.") for each in caplog.records)


@pytest.mark.parametrize(
    "conninfo",
    [
        "password=hunter2 foo=1",
        "password=hunter2 sslmode=foo",
        "password=hunter2 port",
        "postgresql://u:hunter2@[::1/d",
        "postgresql://u:hunter2%zz@h/d",
        "scram_client_key=hunter2",
    ],
)
def test_check_203_a_wrong_string_shows_no_password(face: Face, conninfo: str) -> None:
    with pytest.raises(Error) as refused:
        face.connect(conninfo)
    assert "hunter2" not in everything(refused.value)


def test_check_203_a_wrong_keyword_shows_no_password(face: Face) -> None:
    with pytest.raises(Error) as refused:
        face.connect("", password="hunter2", sslmode="foo")
    assert "hunter2" not in everything(refused.value)


def test_check_203_a_token(face: Face, caplog: pytest.LogCaptureFixture) -> None:
    steps = [secure(), startup(), send(request(10, b"OAUTHBEARER\0\0")), hear, send(NO)]
    server = Backend([*steps, until_closed()])
    with server, caplog.at_level(logging.DEBUG), pytest.raises(AuthenticationError) as refused:
        face.connect(
            server.dsn, host="localhost", hostaddr="127.0.0.1", sslmode="verify-full",
            sslrootcert=str(CERTIFICATES / "ca.pem"), oauth_issuer="https://i", oauth_client_id="c",
            oauth_token="t0k3n", oauth_client_secret="hunter2",
        )  # fmt: skip
    for secret in SECRETS:
        assert secret not in everything(refused.value) + caplog.text


def test_check_203_scram_keys(face: Face, caplog: pytest.LogCaptureFixture) -> None:
    scram = Scram()
    steps = [*scram.whole()[:3], send(request(12, b"v=" + b"A" * 43 + b"=")), until_closed()]
    server = Backend([startup(), *steps])
    with server, caplog.at_level(logging.DEBUG), pytest.raises(AuthenticationError) as refused:
        face.connect(server.dsn, scram_client_key=SECRETS[2], scram_server_key=SECRETS[2])
    for secret in SECRETS:
        assert secret not in everything(refused.value) + caplog.text


def test_check_204_nothing_is_copied_or_pickled(face: Face) -> None:
    with Backend([hello(), until_closed()]) as server:
        connection = face.connect(server.dsn)
        raw = getattr(connection, "connection", connection)
        for attempt in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(TypeError):
                attempt(raw)


def test_connecting_leaves_the_environment_alone(face: Face) -> None:
    before = dict(os.environ)
    with Backend([startup(), cleartext("hunter2"), until_closed()]) as server:
        face.connect(server.dsn, password="hunter2")
        assert dict(os.environ) == before


# -- logging ---------------------------------------------------------------------------------


def test_what_is_logged(face: Face, caplog: pytest.LogCaptureFixture) -> None:
    starting = error("the database system is starting up", "57P03", "FATAL")
    scripts: list[list[Step]] = [[startup(), send(starting)], [hello(), until_closed()]]
    with Backend(*scripts) as server, caplog.at_level(logging.DEBUG, "purelink"):
        dsn = f"host=127.0.0.1,127.0.0.1 port={server.port} user=u dbname=d sslmode=disable"
        face.connect(dsn).close()
        at = f"127.0.0.1:{server.port}"
        told = [(each.levelname, each.message) for each in caplog.records]
        failed = f'connection to server at "127.0.0.1", port {server.port} failed: FATAL:  the'
    assert [level for level, _ in told] == ["DEBUG", "INFO", "DEBUG", "INFO", "DEBUG"]
    assert told[0][1].startswith(f"trying {at}")
    assert told[1][1].startswith(failed)
    assert told[3][1] == f"connected to {at}, in plaintext"
    assert "closed" in told[4][1]


def test_a_loss_is_logged_once(face: Face, caplog: pytest.LogCaptureFixture) -> None:
    with Backend([hello(), hear, cut()]) as server, caplog.at_level(logging.INFO, "purelink"):
        connection = face.connect(server.dsn)
        caplog.clear()
        with pytest.raises(ConnectionLost):
            connection.script("select")
        connection.close()
    assert len(caplog.records) == 1
    assert "server closed the connection unexpectedly" in caplog.text


def test_nothing_is_said_where_nobody_asked(face: Face, capfd: pytest.CaptureFixture[str]) -> None:
    """No handler, no output: `logging`'s last resort is not for a library."""
    with Backend([startup(), send(NO)]) as server, pytest.raises(AuthenticationError):
        face.connect(server.dsn, password="x")
    told = capfd.readouterr()
    assert (told.out, told.err) == ("", "")


@pytest.mark.parametrize(
    "conninfo",
    ["postgresql://u:sec%zzret@h/d", "postgresql://u:secret@[::1", "postgresql://u:secret%00x@h"],
)
def test_check_202_a_uri_shows_no_password(face: Face, conninfo: str) -> None:
    with pytest.raises(Error) as refused:
        face.connect(conninfo)
    assert "***" in str(refused.value)
    assert "sec" not in everything(refused.value).replace("Secret", "")


@pytest.mark.skipif(os.name == "nt", reason="a matter of Unix permissions")
@pytest.mark.parametrize("mode", [0o600, 0o640])
def test_check_205_the_passfile(
    face: Face, tmp_path: Any, mode: int, caplog: pytest.LogCaptureFixture
) -> None:
    passfile = tmp_path / "passfile"
    passfile.write_text("127.0.0.1:*:*:*:hunter2\n")
    passfile.chmod(mode)
    server = Backend([startup(), send(request(3)), *([hear, send(NO)] if mode == 0o600 else [])])
    with server, caplog.at_level(logging.INFO), pytest.raises(AuthenticationError) as refused:
        face.connect(server.dsn, passfile=passfile)
    if mode == 0o600:
        assert str(refused.value).endswith(f'\npassword retrieved from file "{passfile}"')
    else:
        assert str(refused.value).endswith("fe_sendauth: no password supplied")
        assert "has group or world access" in caplog.text
    assert "hunter2" not in everything(refused.value) + caplog.text
