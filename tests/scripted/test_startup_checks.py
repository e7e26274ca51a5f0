"""Checks 1 to 34 of the wire: startup, framing before authentication, versions, the cancel key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from purelink.errors import (
    AuthenticationError,
    ConnectError,
    ConninfoError,
    InterfaceError,
    Timeout,
)
from purelink.testing.backend import (
    Backend,
    Step,
    answer,
    cut,
    drip,
    flood,
    hello,
    send,
    stall,
    startup,
    until_closed,
)
from purelink.testing.bytes import (
    AUTH_OK,
    FATAL,
    HELLO,
    KEY,
    NOTICE,
    READY,
    STATUS,
    complete,
    error,
    result,
    row,
)
from purelink.wire import backend, codes
from purelink.wire.frontend import Password, SSLRequest, StartupMessage

if TYPE_CHECKING:
    from pathlib import Path

    from tests.scripted.faces import Face

CLEARTEXT = backend.Authentication(codes.AUTH_CLEARTEXT).encode()


def refusal(face: Face, *said: bytes, dsn: str = "", script: tuple[Step, ...] = ()) -> str:
    """Return the error of a connect to a server that says this first, without its prefix."""
    steps = script or (send(*said), until_closed())
    with Backend([startup(), *steps]) as server:
        with pytest.raises(ConnectError) as refused:
            face.connect(f"{server.dsn} password=hunter2 {dsn}")
        server.wait()
        text = str(refused.value)
        prefix = f'connection to server at "127.0.0.1", port {server.port} failed: '
        assert text.startswith(prefix)
        assert "hunter2" not in text
        assert len(server.peers) == 1
        assert not any(isinstance(each, Password) for each in server.seen[0])
    return text[len(prefix) :]


def test_check_001_the_first_bytes(face: Face) -> None:
    with Backend([hello(), until_closed()]) as server:
        face.connect(server.dsn).close()
        server.wait()
        assert server.heard[0] == (
            bytes.fromhex("0000001b 00030000 75736572 00 75 00 6461746162617365 00 64 00 00")
            + b"X\0\0\0\x04"
        )


def test_check_001_over_a_unix_socket(face: Face, tmp_path: Path) -> None:
    with Backend([hello(), until_closed()], folder=tmp_path) as server:
        connection = face.connect(server.dsn)
        assert str(tmp_path) in repr(connection)
        connection.close()


def test_check_002_startup_parameters(face: Face, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGTZ", "UTC")
    monkeypatch.setenv("PGDATESTYLE", "ISO")
    extra = "application_name=app options='-c a=b' client_encoding=UTF8"
    with Backend([hello(), until_closed()], [hello(), until_closed()]) as server:
        face.connect(f"{server.dsn} {extra}").close()
        monkeypatch.setenv("PGTZ", "default")
        face.connect(f"{server.dsn} {extra}").close()
        server.wait()
        first, second = (seen[0] for seen in server.seen)
    assert isinstance(first, StartupMessage)
    assert isinstance(second, StartupMessage)
    assert first.parameters == (
        (b"user", b"u"),
        (b"database", b"d"),
        (b"options", b"-c a=b"),
        (b"application_name", b"app"),
        (b"client_encoding", b"UTF8"),
        (b"datestyle", b"ISO"),
        (b"timezone", b"UTC"),
    )
    assert second.parameters == first.parameters[:-1]


@pytest.mark.parametrize("sslmode", ["disable", "prefer"])
def test_check_003_a_startup_packet_that_is_too_long(face: Face, sslmode: str) -> None:
    with (
        Backend([until_closed()]) as server,
        pytest.raises(InterfaceError, match="PostgreSQL accepts at most 10000"),
    ):
        face.connect(f"{server.dsn} sslmode={sslmode}", options="x" * 10_000)
    assert not any(server.heard)


@pytest.mark.parametrize("keyword", ["user", "dbname", "application_name", "options"])
def test_check_004_nul_in_a_setting(face: Face, keyword: str) -> None:
    with Backend([until_closed()]) as server, pytest.raises(InterfaceError):
        face.connect(server.dsn, **{keyword: "a\0b"})
    assert not any(server.heard)


def test_check_004_nul_in_a_password(face: Face) -> None:
    with Backend([startup(), send(CLEARTEXT), until_closed()]) as server:
        with pytest.raises(InterfaceError) as refused:
            face.connect(server.dsn, password=lambda *_: "hunter\0two")
        server.wait()
        assert len(server.seen[0]) == 1
        assert "hunter" not in str(refused.value)


def test_check_004_nul_in_a_query(face: Face) -> None:
    with Backend([hello(), answer(result(b"x"), READY), until_closed()]) as server:
        connection = face.connect(server.dsn)
        for call in (connection.script, connection.query):
            with pytest.raises(InterfaceError, match="must not contain a NUL"):
                call("select\0 1")
        assert connection.script("select 1")[0].rows == [("x",)]


@pytest.mark.parametrize("letter", list("NSZ"))
def test_checks_005_and_007_something_else_first(face: Face, letter: str) -> None:
    said = {"N": NOTICE, "S": STATUS, "Z": READY}[letter]
    text = f"expected authentication request from server, but received {letter}"
    assert refusal(face, said) == text


def test_check_007_a_whole_session_without_authentication(face: Face) -> None:
    assert refusal(face, HELLO[len(AUTH_OK) :]).endswith("but received S")


def test_check_006_an_http_server(face: Face) -> None:
    assert refusal(face, b"HTTP/1.1 400 Bad Request\r\n\r\n") == (
        "expected authentication request from server, but received H"
    )


@pytest.mark.parametrize("length", [b"\0\0\0\x07", b"\0\0\x07\xd1"])
def test_check_008_request_out_of_bounds(face: Face, length: bytes) -> None:
    assert refusal(face, b"R" + length) == "received invalid authentication request"


def test_check_009_an_error_of_before_protocol_3(face: Face) -> None:
    said = b"EFATAL:  unsupported frontend protocol\n\0"
    assert refusal(face, said) == "FATAL:  unsupported frontend protocol"


def test_check_010_an_endless_error(face: Face) -> None:
    script = (send(b"E\x7f\xff\xff\xff"), flood(b"x" * 4096))
    assert refusal(face, script=script) == "received invalid error message"


CLOSED = (
    "server closed the connection unexpectedly\n"
    "\tThis probably means the server terminated abnormally\n"
    "\tbefore or while processing the request."
)


@pytest.mark.parametrize("reset", [False, True])
def test_check_011_closed_at_once(face: Face, reset: bool) -> None:
    assert refusal(face, script=(cut(reset=reset),)) == CLOSED


@pytest.mark.parametrize("said", [complete("SELECT 1"), row(b"x") + READY, result(b"x") + READY])
def test_checks_012_and_013_answers_at_the_start(face: Face, said: bytes) -> None:
    assert refusal(face, AUTH_OK + said) == "unexpected message from server during startup"


@pytest.mark.parametrize("said", [AUTH_OK, CLEARTEXT])
def test_check_014_a_second_request(face: Face, said: bytes) -> None:
    text = 'unexpected response from server; first received character was "R"'
    assert refusal(face, AUTH_OK + said) == text


def test_check_015_a_notice_at_the_start(face: Face) -> None:
    said = AUTH_OK + NOTICE + STATUS + KEY + READY
    with Backend([hello(said), answer(result(), READY), until_closed()]) as server:
        connection = face.connect(server.dsn)
        heard: list[Any] = []
        connection.notice_handlers.append(lambda notice: heard.append(notice.message_primary))
        connection.script("select")
        assert heard == ["look out"]
        assert connection.parameters == {"TimeZone": "Asia/Tokyo"}


def test_check_016_refused_before_authentication(face: Face) -> None:
    said = error("no pg_hba.conf entry", "28000", "FATAL")
    with (
        Backend([startup(), send(said), until_closed()]) as server,
        pytest.raises(AuthenticationError) as refused,
    ):
        face.connect(server.dsn)
    assert str(refused.value).endswith("failed: FATAL:  no pg_hba.conf entry")
    assert refused.value.sqlstate == "28000"


@pytest.mark.parametrize("state", ["3D000", "57P03"])
@pytest.mark.parametrize("sslmode", ["disable", "allow", "prefer"])
def test_check_017_refused_after_authentication(face: Face, state: str, sslmode: str) -> None:
    said = AUTH_OK + error("no", state, "FATAL")
    with Backend([startup(), send(said), until_closed()], [hello()]) as server:
        ports = f"port={server.port},{server.port}"
        with pytest.raises(ConnectError) as refused:
            face.connect(f"host={server.host},{server.host} {ports} user=u sslmode={sslmode}")
        assert len(server.peers) == 1
    assert refused.value.sqlstate == state


def test_check_018_no_key(face: Face) -> None:
    with Backend([hello(AUTH_OK + READY), until_closed()]) as server:
        connection = face.connect(server.dsn)
        assert connection.backend_pid is None
        with pytest.raises(InterfaceError, match=r"^no cancellation key received$"):
            connection.cancel()
        assert len(server.peers) == 1


def test_check_019_two_keys(face: Face) -> None:
    text = 'unexpected response from server; first received character was "K"'
    assert refusal(face, AUTH_OK + KEY + KEY + READY) == text


def test_check_020_a_valid_byte_now_and_then(face: Face) -> None:
    with (
        Backend([startup(), drip(HELLO, pause=0.2), until_closed()]) as server,
        pytest.raises(ConnectError, match=r"failed: timeout expired$"),
    ):
        face.connect(f"{server.dsn} connect_timeout=1")


def test_check_021_a_silent_server(face: Face) -> None:
    with Backend([stall()], [stall()]) as server:
        with pytest.raises(ConnectError, match=r"failed: timeout expired$"):
            face.connect(f"{server.dsn} connect_timeout=1")
        with pytest.raises(Timeout, match=r"no connection was made within 0.2 s"):
            face.connect(server.dsn, timeout=0.2)


def test_check_022_text_that_is_no_utf8(face: Face) -> None:
    said = error("ab", "28000", "FATAL").replace(b"Mab", b"M\xff\xfe")
    assert refusal(face, said) == "FATAL:  \N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}"


# -- protocol version and cancel key ---------------------------------------------------------


def v(version: int, *names: bytes, count: int | None = None, tail: bytes = b"") -> bytes:
    number = (len(names) if count is None else count).to_bytes(4, "big", signed=True)
    names_ = b"".join(name + b"\0" for name in names)
    return backend.message(b"v", version.to_bytes(4, "big") + number + names_ + tail)


def key(length: int) -> bytes:
    return backend.BackendKeyData(1, b"k" * length).encode()


def test_check_023_version_3_0_by_default(face: Face) -> None:
    with Backend([hello(), until_closed()]) as server:
        connection = face.connect(server.dsn)
        assert connection.protocol_version == (3, 0)
        first = server.seen[0][0]
        assert isinstance(first, StartupMessage)
        assert first.version == codes.PROTOCOL_3_0
        assert not any(name.startswith(b"_pq_") for name, _ in first.parameters)


def test_check_024_versions(face: Face) -> None:
    newer, older = AUTH_OK + key(32) + READY, v(codes.PROTOCOL_3_0) + HELLO
    with Backend([hello(newer), until_closed()], [hello(older), until_closed()]) as server:
        dsn = f"{server.dsn} max_protocol_version=3.2"
        assert face.connect(dsn).protocol_version == (3, 2)
        assert face.connect(dsn).protocol_version == (3, 0)


def test_check_025_too_old(face: Face) -> None:
    text = 'server only supports protocol version 3.0, but "min_protocol_version" was set to 3.2'
    said = v(codes.PROTOCOL_3_0) + HELLO
    assert refusal(face, said, dsn="min_protocol_version=3.2") == text


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ("max_protocol_version=3.1", 'invalid max_protocol_version value: "3.1"'),
        (
            "min_protocol_version=3.2 max_protocol_version=3.0",
            '"min_protocol_version" is greater than "max_protocol_version"',
        ),
    ],
)
def test_check_026_versions_that_make_no_sense(face: Face, settings: str, text: str) -> None:
    with Backend([until_closed()]) as server:
        with pytest.raises(ConninfoError) as refused:
            face.connect(f"{server.dsn} {settings}")
        assert not server.peers
    assert str(refused.value) == text


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (v(0x30003), "server requested downgrade to a higher-numbered version"),
        (v(0x20000), "server requested downgrade to pre-3.0 protocol version"),
        (v(0x30001), "server requested downgrade to non-existent 3.1 protocol version"),
        (v(0x30002), "server negotiated but asks for no changes"),
        (v(0x30000, count=-1), "server reported negative number of unsupported parameters"),
        (
            v(0x30000, b"foo"),
            'server reported unsupported parameter name without a "_pq_." prefix ("foo")',
        ),
        (
            v(0x30000, b"_pq_.foo"),
            'server reported an unsupported parameter that was not requested ("_pq_.foo")',
        ),
        (v(0x30000, count=1), "message too short"),
        (v(0x30000, tail=b"x"), "message too long"),
    ],
)
def test_checks_027_to_032_negotiation(face: Face, message: bytes, text: str) -> None:
    found = refusal(face, message + HELLO, dsn="max_protocol_version=3.2")
    assert found == f"received invalid protocol negotiation message: {text}"


def test_check_031_negotiating_twice(face: Face) -> None:
    once = v(codes.PROTOCOL_3_0)
    found = refusal(face, once + once, dsn="max_protocol_version=3.2")
    assert found == "received duplicate protocol negotiation message"
    found = refusal(face, AUTH_OK + once, dsn="max_protocol_version=3.2")
    assert 'first received character was "v"' in found


@pytest.mark.parametrize("length", [3, 5, 32])
def test_check_033_keys_of_protocol_3_0(face: Face, length: int) -> None:
    assert refusal(face, AUTH_OK + key(length) + READY) == (
        f"received invalid BackendKeyData message: cancel key with length {length} not allowed in"
        " protocol version 3.0 (must be 4 bytes)"
    )


@pytest.mark.parametrize(
    ("length", "words"),
    [(3, "is too short (minimum 4 bytes)"), (257, "is too long (maximum 256 bytes)")],
)
def test_check_034_bad_keys_of_protocol_3_2(face: Face, length: int, words: str) -> None:
    found = refusal(face, AUTH_OK + key(length) + READY, dsn="max_protocol_version=3.2")
    assert found.endswith(f"cancel key with length {length} {words}")


@pytest.mark.parametrize("length", [4, 32, 256])
def test_check_034_good_keys_of_protocol_3_2(face: Face, length: int) -> None:
    with Backend([hello(AUTH_OK + key(length) + READY), until_closed()]) as server:
        face.connect(f"{server.dsn} max_protocol_version=3.2")


def test_an_n_to_the_tls_question_goes_on_in_clear(face: Face) -> None:
    with Backend([hello(), until_closed()]) as server:
        connection = face.connect(f"{server.dsn} sslmode=prefer")
        assert connection.tls is None
        assert isinstance(server.seen[0][0], SSLRequest)
        assert len(server.peers) == 1


def test_the_fatal_text_is_shown_before_the_end(face: Face) -> None:
    assert refusal(face, AUTH_OK + FATAL).startswith("FATAL:  terminating connection")
