"""Bad input of the first issue: each ends in one clear error, the connection in step or closed.

The class, the SQLSTATE that dblink or libpq would give, and no password in any text.
"""

from __future__ import annotations

import pickle
import socket
import traceback
from typing import TYPE_CHECKING, Any

import pytest

from purelink.errors import (
    AuthenticationError,
    ConnectError,
    ConnectionLost,
    DataError,
    InterfaceError,
    Timeout,
)
from purelink.testing.backend import (
    Backend,
    answer,
    cleartext,
    cut,
    flood,
    hello,
    md5,
    scram,
    send,
    startup,
    until_closed,
)
from purelink.testing.bytes import (
    AUTH_OK,
    NOTICE,
    READY,
    column,
    error,
    extended,
    result,
    row,
    rows,
)

if TYPE_CHECKING:
    from pathlib import Path

    from tests.scripted.faces import Face

SECRET = "hunter2'\\ \N{SNOWMAN}"


def told(failure: BaseException) -> str:
    """Return everything of an error that somebody may write down."""
    shown = traceback.format_exception(type(failure), failure, failure.__traceback__)
    again = pickle.loads(pickle.dumps(failure))
    return "".join([*shown, str(failure), repr(failure), repr(failure.args), repr(vars(again))])


def refused(face: Face, dsn: str, **keywords: Any) -> ConnectError:
    with pytest.raises(ConnectError) as failure:
        face.connect(dsn, password=SECRET, **keywords)
    assert "hunter2" not in told(failure.value)
    assert failure.value.attempts
    return failure.value


def test_an_unreachable_port(face: Face) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    failure = refused(face, f"host=127.0.0.1 port={port}")
    assert str(failure) == (
        f'connection to server at "127.0.0.1", port {port} failed: Connection refused\n'
        "\tIs the server running on that host and accepting TCP/IP connections?"
    )
    assert (failure.sqlstate, failure.safe_to_retry) == ("08001", True)
    assert not isinstance(failure, AuthenticationError)


def test_an_unreachable_unix_socket(face: Face, tmp_path: Path) -> None:
    failure = refused(face, f"host={tmp_path} port=1")
    assert str(failure) == (
        f'connection to server on socket "{tmp_path}/.s.PGSQL.1" failed: No such file or directory'
        "\n\tIs the server running locally and accepting connections on that socket?"
    )


@pytest.mark.parametrize("host", ["no-such-host.invalid", ".foo", "a" * 70 + ".invalid", "foo_bär"])
def test_check_169_names_that_nobody_knows(face: Face, host: str) -> None:
    failure = refused(face, f"host={host} user=u")
    assert str(failure).startswith(f'could not translate host name "{host}" to address: ')
    assert failure.sqlstate == "08001"


def test_an_address_that_is_none(face: Face) -> None:
    failure = refused(face, "hostaddr=1.2.3.999 user=u")
    assert str(failure).startswith('could not parse network address "1.2.3.999": ')


@pytest.mark.parametrize("method", ["cleartext", "md5", "scram"])
def test_a_wrong_password(face: Face, method: str) -> None:
    step = {
        "cleartext": cleartext("right"),
        "md5": md5("u", "right"),
        "scram": scram("right"),
    }[method]
    with Backend([startup(), step, until_closed()]) as server:
        failure = refused(face, server.dsn)
    assert isinstance(failure, AuthenticationError)
    assert failure.sqlstate == "28P01"
    assert not failure.safe_to_retry
    assert str(failure).endswith("failed: FATAL:  password authentication failed")


@pytest.mark.parametrize("method", ["cleartext", "md5", "scram"])
def test_the_right_password(face: Face, method: str) -> None:
    step = {
        "cleartext": cleartext(SECRET),
        "md5": md5("u", SECRET),
        "scram": scram("a right one"),
    }[method]
    password = "a right one" if method == "scram" else SECRET
    with Backend([startup(), step, answer(extended(b"x"), READY), until_closed()]) as server:
        connection = face.connect(server.dsn, password=password)
        assert connection.password_used
        assert connection.query("select").scalar() == "x"
        assert password not in repr(connection) + str(connection) + repr(connection.settings)
        with pytest.raises(TypeError, match="cannot be pickled"):
            pickle.dumps(getattr(connection, "connection", connection))


def test_an_unknown_database(face: Face) -> None:
    said = error('database "d" does not exist', "3D000", "FATAL")
    with Backend([startup(), cleartext(SECRET, then=said), until_closed()]) as server:
        failure = refused(face, server.dsn)
    assert str(failure).endswith('failed: FATAL:  database "d" does not exist')
    assert failure.sqlstate == "3D000"


@pytest.mark.parametrize("sslmode", ["disable", "prefer", "require"])
def test_an_http_server(face: Face, sslmode: str) -> None:
    response = b"HTTP/1.1 400 Bad Request\r\n\r\n"
    with Backend([send(response), cut()]) as server:
        failure = refused(face, f"{server.dsn} sslmode={sslmode}")
    last = {
        "disable": "expected authentication request from server, but received H",
        "prefer": "received invalid response to SSL negotiation: H",
        "require": "received invalid response to SSL negotiation: H",
    }[sslmode]
    assert str(failure).endswith(last)
    assert failure.sqlstate == "08001"


@pytest.mark.parametrize("call", ["script", "query"])
def test_cut_in_the_middle_of_a_row(face: Face, call: str) -> None:
    begun = rows() + row(b"x") + row(b"y" * 100)[:50]
    if call == "query":
        begun = b"1\0\0\0\x042\0\0\0\x04" + begun
    with Backend([startup(), cleartext(SECRET), answer(begun), cut()]) as server:
        connection = face.connect(server.dsn, password=SECRET)
        with pytest.raises(ConnectionLost) as failure:
            getattr(connection, call)("select")
        assert failure.value.sqlstate == "08006"
        assert "hunter2" not in told(failure.value)
        assert (connection.closed, connection.broken) == (True, True)
        assert connection.transaction_status == "unknown"


class Odd:
    """A type that nobody knows."""


@pytest.mark.parametrize(
    "parameters",
    [
        (Odd(),),
        ("a\0b",),
        ("\udce9",),
        (1,) * 65_536,
    ],
    ids=["unknown type", "NUL", "half a character", "too many"],
)
def test_parameters_that_cannot_be_sent(face: Face, parameters: tuple[Any, ...]) -> None:
    with Backend([hello(), answer(extended(b"x"), READY), until_closed()]) as server:
        connection = face.connect(server.dsn)
        with pytest.raises((InterfaceError, DataError)):
            connection.query("select $1", *parameters)
        assert connection.transaction_status == "idle"
        assert server.said() == []
        assert connection.query("select").scalar() == "x"


@pytest.mark.parametrize("text", ["select\0 1", "select '\udce9'"])
def test_queries_that_cannot_be_sent(face: Face, text: str) -> None:
    with Backend([hello(), answer(result(b"x"), READY), until_closed()]) as server:
        connection = face.connect(server.dsn)
        for call in (connection.query, connection.script):
            with pytest.raises(InterfaceError):
                call(text)
        assert server.said() == []
        assert connection.script("select")[0].scalar() == "x"


def test_a_value_that_is_none_of_its_type(face: Face) -> None:
    """The protocol stays in step, the error is told at the end."""
    number = rows(column("n", 23)) + row(b"1") + row(b"no number") + row(b"3")
    said = number + b"C\0\0\0\x0dSELECT 3\0" + READY
    with Backend([hello(), answer(said), answer(result(b"x"), READY), until_closed()]) as server:
        connection = face.connect(server.dsn)
        with pytest.raises(DataError, match="malformed value of type integer"):
            connection.script("select")
        assert connection.transaction_status == "idle"
        assert connection.script("select")[0].scalar() == "x"


def test_a_server_that_never_stops_talking_at_the_start(face: Face) -> None:
    """Notices for ever, after AuthenticationOk: bounded by the time, and by what is kept."""
    with Backend([startup(), send(AUTH_OK), flood(NOTICE * 500)]) as server, pytest.raises(Timeout):
        face.connect(server.dsn, timeout=0.3)
