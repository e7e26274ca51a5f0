"""Checks 146 to 169 of the wire: TLS against servers that lie, under both pumps.

What needs a real libpq beside it (146 cell by cell, 154, 159 to 166) stands in `tests/conformance`
too, what needs no server in `tests/unit/tls`.
"""

from __future__ import annotations

import contextlib
import shutil
import socket
import ssl
import time
from typing import TYPE_CHECKING, Any

import pytest

from purelink.errors import ConnectError, ConnectionLost, ConninfoError, Error
from purelink.testing.backend import (
    Backend,
    Step,
    answer,
    cleartext,
    cut,
    hello,
    send,
    stall,
    startup,
    tls_answer,
    until_closed,
)
from purelink.testing.bytes import AUTH_OK, HELLO, READY, error, result, row, rows
from purelink.wire.frontend import Password, SSLRequest, StartupMessage
from tests.scripted.lies import CERTIFICATES, request, secure, server_context

if TYPE_CHECKING:
    from pathlib import Path

    from purelink.testing.backend import Peer
    from tests.scripted.faces import Face

CA = str(CERTIFICATES / "ca.pem")
MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
CLOSED = (
    "server closed the connection unexpectedly\n"
    "\tThis probably means the server terminated abnormally\n"
    "\tbefore or while processing the request."
)
NO_SSL = "server does not support SSL, but SSL was required"
FATAL = error("no entry", "28000", "FATAL")
STARTING = error("starting up", "57P03", "FATAL")


def over_tls(*steps: Step, context: ssl.SSLContext | None = None) -> list[Step]:
    return [secure(context), *steps]


def junk(peer: Peer) -> None:
    """Answer a ClientHello with what is no TLS."""
    peer.channel.recv(1)
    peer.say(b"HTTP/1.0 400 Bad Request\r\n\r\n" * 10)
    peer.channel.settimeout(1)
    with contextlib.suppress(OSError):
        while peer.channel.recv(65536):
            pass


def distrusted(peer: Peer) -> None:
    """Show a certificate of nobody's authority; the client leaves."""
    peer.receive()
    peer.say(b"S")
    handshake(server_context("stranger.pem"))(peer)


def ways(server: Backend) -> str:
    """Tell how each connection went about it: "plain", "tls"."""
    found = []
    for seen in server.seen:
        asked = any(isinstance(each, SSLRequest) for each in seen)
        begun = any(isinstance(each, StartupMessage) for each in seen)
        found.append(("tls+" if begun else "tls") if asked else "plain")
    return " ".join(found)


def hear(peer: Peer) -> None:
    """Read a message, whatever it is."""
    peer.receive()


WELCOME: list[Step] = [hello(), until_closed()]

#: stimulus -> scripts of the first and second connection
STIMULI: dict[str, list[list[Step]]] = {
    "N": [[tls_answer(b"N"), *WELCOME]],
    "no N": [[tls_answer(b"N"), until_closed()]],
    "E": [[tls_answer(b"E"), until_closed()], WELCOME],
    "X": [[tls_answer(b"X"), until_closed()], WELCOME],
    "closed": [[tls_answer(b""), cut()], WELCOME],
    "junk": [[tls_answer(b"S"), junk], WELCOME],
    "not trusted": [[distrusted], WELCOME],
    "refused over TLS": [over_tls(startup(), send(FATAL)), WELCOME],
    "starting over TLS": [over_tls(startup(), send(STARTING)), WELCOME],
    "admitted, then FATAL": [over_tls(startup(), send(AUTH_OK + FATAL)), WELCOME],
}
#: sslmode disable, allow are asked in plaintext first
PLAIN_FIRST: dict[str, list[list[Step]]] = {
    "refused in clear": [[startup(), send(FATAL)], over_tls(*WELCOME)],
    "starting in clear": [[startup(), send(STARTING)], over_tls(*WELCOME)],
    "admitted in clear, then FATAL": [[startup(), send(AUTH_OK + FATAL)], over_tls(*WELCOME)],
    "both refused": [[startup(), send(FATAL)], over_tls(startup(), send(FATAL))],
}
S, V = "SSL error: ", "SSL error: certificate verify failed"
WRONG = (
    "received invalid response to SSL negotiation: X",
    "server sent an error response during SSL exchange",
)
NOTHING = ""  # connected

#: (stimulus, sslmode) -> the error's beginning ("" if connected), the ways taken
CELLS: list[tuple[str, str, str, str]] = [
    ("N", "prefer", NOTHING, "tls+"),
    *[("no N", mode, NO_SSL, "tls") for mode in MODES[3:]],
    *[("E", mode, WRONG[1], "tls") for mode in MODES[2:]],
    *[("X", mode, WRONG[0], "tls") for mode in MODES[2:]],
    *[("closed", mode, CLOSED, "tls") for mode in MODES[2:]],
    ("junk", "prefer", NOTHING, "tls plain"),
    *[("junk", mode, S, "tls") for mode in MODES[3:]],
    ("not trusted", "prefer", NOTHING, "tls plain"),
    *[("not trusted", mode, V, "tls") for mode in MODES[3:]],
    ("refused over TLS", "prefer", NOTHING, "tls+ plain"),
    *[("refused over TLS", mode, "FATAL:  no entry", "tls+") for mode in MODES[3:]],
    *[("starting over TLS", mode, "FATAL:  starting up", "tls+") for mode in MODES[2:]],
    *[("admitted, then FATAL", mode, "FATAL:  no entry", "tls+") for mode in MODES[2:]],
    ("refused in clear", "disable", "FATAL:  no entry", "plain"),
    ("refused in clear", "allow", NOTHING, "plain tls+"),
    ("starting in clear", "disable", "FATAL:  starting up", "plain"),
    ("starting in clear", "allow", "FATAL:  starting up", "plain"),
    ("admitted in clear, then FATAL", "disable", "FATAL:  no entry", "plain"),
    ("admitted in clear, then FATAL", "allow", "FATAL:  no entry", "plain"),
    ("both refused", "allow", "FATAL:  no entry\n", "plain tls+"),
]


@pytest.mark.parametrize(("stimulus", "sslmode", "text", "way"), CELLS)
def test_check_146_the_table_of_sslmodes(
    face: Face, stimulus: str, sslmode: str, text: str, way: str
) -> None:
    scripts = {**STIMULI, **PLAIN_FIRST}[stimulus]
    with Backend(*scripts) as server:
        settings = {"sslmode": sslmode, "sslrootcert": CA, "host": "localhost"}
        settings["hostaddr"] = "127.0.0.1"
        if text == NOTHING:
            face.connect(server.dsn, **settings).close()
        else:
            with pytest.raises(ConnectError) as refused:
                face.connect(server.dsn, **settings)
            prefix = f'connection to server at "127.0.0.1", port {server.port} failed: '
            assert str(refused.value).startswith(prefix + text)
            assert len(refused.value.attempts) == len(way.split())
        server.wait()
        assert ways(server) == way


@pytest.mark.parametrize("sslmode", MODES[2:])
def test_check_147_an_error_text_before_tls(face: Face, sslmode: str) -> None:
    evil = b"E" + error("evil \x1b[2J text", "XX000", "FATAL")[1:]
    with Backend([tls_answer(evil), until_closed()], WELCOME) as server:
        with pytest.raises(ConnectError) as refused:
            face.connect(server.dsn, sslmode=sslmode, sslrootcert=CA)
        assert str(refused.value).endswith("server sent an error response during SSL exchange")
        assert "evil" not in str(refused.value) + repr(refused.value.__cause__)
        assert len(server.peers) == 1


@pytest.mark.parametrize("sslmode", MODES[2:])
@pytest.mark.parametrize("shakes", [True, False])
def test_checks_148_and_149_bytes_before_the_handshake(
    face: Face, sslmode: str, shakes: bool
) -> None:
    """Whether the server would shake hands afterwards or not: refused at once."""
    steps: list[Step] = [tls_answer(b"S" + HELLO), *([junk] if shakes else [stall()])]
    started = time.monotonic()
    with Backend(steps, WELCOME) as server:
        with pytest.raises(ConnectError) as refused:
            face.connect(server.dsn, sslmode=sslmode, sslrootcert=CA)
        assert str(refused.value).endswith("received unencrypted data after SSL response")
        assert len(server.peers) == 1
    assert time.monotonic() - started < 10


def test_check_150_bytes_after_a_no(face: Face) -> None:
    with Backend([tls_answer(b"N" + HELLO), stall()], WELCOME) as server:
        with pytest.raises(ConnectError, match="received unencrypted data after SSL response"):
            face.connect(server.dsn, sslmode="prefer")
        assert not any(isinstance(each, StartupMessage) for each in server.seen[0])
        assert len(server.peers) == 1


@pytest.mark.parametrize("letter", ["X", "H", "\x00", "s"])
def test_check_151_another_answer(face: Face, letter: str) -> None:
    with Backend([tls_answer(letter.encode()), until_closed()]) as server:
        with pytest.raises(ConnectError) as refused:
            face.connect(server.dsn, sslmode="require")
        assert "received invalid response to SSL negotiation: " in str(refused.value)


def test_check_152_cut_in_the_middle_of_a_row(face: Face) -> None:
    said = rows() + row(b"x" * 100) + row(b"y" * 100)[:50]

    def part(peer: Peer) -> None:
        # the raw socket goes, without a close_notify
        raw = socket.socket(fileno=peer.channel.detach())
        raw.close()

    with Backend([secure(), hello(), answer(said), part]) as server:
        connection = face.connect(server.dsn, sslmode="require")
        with pytest.raises(ConnectionLost):
            connection.script("select")
        assert connection.closed


def test_check_152_cut_between_messages(face: Face) -> None:
    """A whole answer, but for its end."""

    def part(peer: Peer) -> None:
        socket.socket(fileno=peer.channel.detach()).close()

    with Backend([secure(), hello(), answer(result(b"x")), part]) as server:
        connection = face.connect(server.dsn, sslmode="require")
        with pytest.raises(ConnectionLost):
            connection.script("select")


def test_check_153_prefer_with_a_root_that_does_not_fit(face: Face, tmp_path: Path) -> None:
    with Backend([distrusted], WELCOME) as server:
        assert face.connect(server.dsn, sslmode="prefer", sslrootcert=CA).tls is None
    server = Backend([distrusted], WELCOME)
    with server, pytest.raises(ConnectError, match="SSL error: certificate verify failed"):
        face.connect(server.dsn, sslmode="require", sslrootcert=CA)


@pytest.mark.parametrize(
    ("certificate", "host", "good"),
    [
        ("san-localhost", "localhost", True),
        ("san-localhost", "LOCALHOST", True),
        ("san-localhost", "other.example", False),
        ("cn-localhost", "localhost", True),
        ("san-address", "127.0.0.1", True),
        ("san-address", "127.1", True),
        ("wildcard", "a.example.com", True),
        ("wildcard", "a.b.example.com", False),
        ("nul-san", "localhost", False),
        ("nul-cn", "localhost", False),
        ("nameless", "localhost", False),
        ("star", "localhost", False),
        ("partial-wildcard", "foo.example.com", False),
        ("short-address", "127.0.0.1", False),
        ("two-names", "elsewhere", False),
    ],
)
def test_check_154_names(face: Face, certificate: str, host: str, good: bool) -> None:
    context = server_context(f"{certificate}.pem")
    steps = [secure(context), *(WELCOME if good else [until_closed()])]
    with Backend(steps) as server:
        settings = {"host": host, "hostaddr": "127.0.0.1", "sslrootcert": CA}
        if good:
            assert face.connect(server.dsn, sslmode="verify-full", **settings).tls is not None
            return
        with pytest.raises(ConnectError, match=r"host ?name|null|invalid length"):
            face.connect(server.dsn, sslmode="verify-full", **settings)
        server.wait()
        assert not any(isinstance(each, StartupMessage) for each in server.seen[0])


def test_check_155_no_name_to_verify(face: Face) -> None:
    with Backend([secure(), until_closed()], over_tls(*WELCOME)) as server:
        dsn = f"hostaddr=127.0.0.1 port={server.port} user=u dbname=d sslrootcert={CA}"
        with pytest.raises(ConnectError) as refused:
            face.connect(dsn, sslmode="verify-full")
        words = "host name must be specified for a verified SSL connection"
        assert str(refused.value).endswith(words)
        assert face.connect(dsn, sslmode="verify-ca").tls is not None


def test_check_156_no_root(face: Face, tmp_path: Path) -> None:
    with Backend([tls_answer(b"S"), until_closed()]) as server:
        with pytest.raises(ConnectError) as refused:
            face.connect(server.dsn, sslmode="verify-ca", sslrootcert=str(tmp_path / "none"))
        assert str(refused.value).endswith(
            f'root certificate file "{tmp_path}/none" does not exist\n'
            "Either provide the file, use the system's trusted roots with sslrootcert=system, or"
            " change sslmode to disable server certificate verification."
        )


def test_check_157_prefer_shows_the_password_in_clear(face: Face) -> None:
    """libpq's rule, listed among the things to know; `require` never does it."""
    bad = error("password authentication failed", "28P01", "FATAL")
    clear = request(3)
    scripts: list[list[Step]] = [
        over_tls(startup(), send(clear), hear, send(bad)),
        [startup(), cleartext("hunter2"), until_closed()],
    ]
    with Backend(*scripts) as server:
        face.connect(server.dsn, sslmode="prefer", password="hunter2")
        assert isinstance(server.seen[1][-1], Password)
    with Backend(*scripts) as server:
        with pytest.raises(ConnectError):
            face.connect(server.dsn, sslmode="require", password="hunter2")
        assert len(server.peers) == 1


def test_check_158_requiressl(face: Face, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGREQUIRESSL", "1")
    with Backend([tls_answer(b"N"), until_closed()], [tls_answer(b"N"), *WELCOME]) as server:
        dsn = f"host=127.0.0.1 port={server.port} user=u dbname=d"
        with pytest.raises(ConnectError, match="SSL was required"):
            face.connect(dsn)
        assert face.connect(dsn, sslmode="prefer").tls is None


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("open", "has group or world access"),
        ("folder", "is not a regular file"),
        ("other", "key values mismatch"),
        ("locked", "bad decrypt"),
    ],
)
def test_check_159_keys(face: Face, tmp_path: Path, kind: str, text: str) -> None:
    source = {"other": "other.key", "locked": "client-locked.key"}.get(kind, "client.key")
    key = tmp_path / "my.key"
    shutil.copyfile(CERTIFICATES / source, key)
    key.chmod(0o644 if kind == "open" else 0o600)
    path = tmp_path if kind == "folder" else key
    with Backend([tls_answer(b"S"), until_closed()]) as server:
        with pytest.raises(ConnectError) as refused:
            face.connect(
                server.dsn, sslmode="require", sslcert=str(CERTIFICATES / "client.pem"),
                sslkey=str(path), sslpassword="wr0ng",
            )  # fmt: skip
        assert text in str(refused.value)
        assert "wr0ng" not in str(refused.value)


@pytest.mark.parametrize("name", ["client-der.key", "client-locked.key", "client-pkcs8-der.key"])
def test_check_160_keys_of_other_shapes(face: Face, tmp_path: Path, name: str) -> None:
    key = tmp_path / "my.key"
    shutil.copyfile(CERTIFICATES / name, key)
    key.chmod(0o600)
    context = server_context()
    context.load_verify_locations(CA)
    context.verify_mode = ssl.CERT_REQUIRED
    with Backend(over_tls(*WELCOME, context=context)) as server:
        connection = face.connect(
            server.dsn, sslmode="require", sslcert=str(CERTIFICATES / "client.pem"),
            sslkey=str(key), sslpassword="open sesame",
        )  # fmt: skip
        assert connection.tls is not None


def test_check_161_sslcertmode(face: Face, tmp_path: Path) -> None:
    key = tmp_path / "my.key"
    shutil.copyfile(CERTIFICATES / "client.key", key)
    key.chmod(0o600)
    mine = {"sslcert": str(CERTIFICATES / "client.pem"), "sslkey": str(key), "sslmode": "require"}

    def asking() -> ssl.SSLContext:
        context = server_context()
        context.load_verify_locations(CA)
        context.verify_mode = ssl.CERT_OPTIONAL
        return context

    server = Backend(over_tls(*WELCOME))
    with server, pytest.raises(ConnectError, match="server did not request an SSL certificate"):
        face.connect(server.dsn, **mine, sslcertmode="require")
    with Backend(over_tls(*WELCOME, context=asking())) as server:
        with pytest.raises(ConnectError) as refused:
            face.connect(server.dsn, sslmode="require", sslcertmode="require")
        words = "server accepted connection without a valid SSL certificate"
        assert str(refused.value).endswith(words)
    shown: list[Any] = []

    def look(peer: Peer) -> None:
        shown.append(peer.channel.getpeercert())  # type: ignore[attr-defined]

    for mode in ("disable", "allow"):
        with Backend([secure(asking()), look, *WELCOME]) as server:
            face.connect(server.dsn, **mine, sslcertmode=mode)
    assert not shown[0]
    assert shown[1]


def test_check_162_roots_of_the_system(face: Face, monkeypatch: pytest.MonkeyPatch) -> None:
    with Backend([secure(), *WELCOME]) as server:
        dsn = f"host=localhost hostaddr=127.0.0.1 port={server.port} user=u dbname=d"
        with pytest.raises(ConninfoError, match='weak sslmode "require" may not be used'):
            face.connect(dsn, sslmode="require", sslrootcert="system")
        monkeypatch.setenv("SSL_CERT_FILE", CA)
        assert face.connect(dsn, sslrootcert="system").tls is not None


@pytest.mark.parametrize(
    ("crl", "good"), [("revoked.crl", False), ("empty.crl", True), ("absent.crl", True)]
)
def test_check_163_revoked(face: Face, crl: str, good: bool) -> None:
    settings = {"sslmode": "verify-ca", "sslrootcert": CA, "sslcrl": str(CERTIFICATES / crl)}
    context = server_context("revoked.pem")
    if good:
        with Backend(over_tls(*WELCOME, context=context)) as server:
            face.connect(server.dsn, **settings)
        return
    server = Backend([tls_answer(b"S"), handshake(context)])
    with server, pytest.raises(ConnectError, match="SSL error: certificate verify failed"):
        face.connect(server.dsn, **settings)


def handshake(context: ssl.SSLContext) -> Step:
    """Shake hands in vain, and wait until the client has gone."""

    def step(peer: Peer) -> None:
        secured = context.wrap_socket(peer.channel, server_side=True, do_handshake_on_connect=False)
        with contextlib.suppress(OSError):
            secured.do_handshake()
            secured.recv(1)
        peer.channel = socket.socket(fileno=secured.detach())
        peer.channel.settimeout(5)
        with contextlib.suppress(OSError):
            while peer.channel.recv(65536):
                pass

    return step


def test_check_164_direct(face: Face) -> None:
    direct = {"sslmode": "require", "sslnegotiation": "direct"}
    with Backend([secure(direct=True), *WELCOME]) as server:
        assert face.connect(server.dsn, **direct).tls is not None
        assert not any(isinstance(each, SSLRequest) for each in server.seen[0])
        with pytest.raises(ConninfoError, match='weak sslmode "prefer" may not be used'):
            face.connect(server.dsn, sslmode="prefer", sslnegotiation="direct")
    server = Backend([secure(server_context(alpn=False), direct=True), until_closed()])
    with server, pytest.raises(ConnectError, match="without ALPN protocol negotiation extension"):
        face.connect(server.dsn, **direct)


def test_check_164_direct_to_an_old_server(face: Face) -> None:
    with Backend([junk], WELCOME) as server:
        with pytest.raises(ConnectError, match="SSL error"):
            face.connect(server.dsn, sslmode="require", sslnegotiation="direct")
        assert len(server.peers) == 1


@pytest.mark.parametrize(
    ("host", "named"),
    [
        ("localhost", "localhost"),
        ("localhost.", "localhost."),
        ("foo_bar", "foo_bar"),
        ("0x7f000001", "0x7f000001"),
        ("127.0.0.1", None),
        ("127.1", None),
        ("1.2.3.4.5", None),
    ],
)
@pytest.mark.parametrize("sni", ["1", "0"])
def test_check_165_the_name_that_is_shown(
    face: Face, host: str, named: str | None, sni: str
) -> None:
    context = server_context()
    told: list[str | None] = []
    context.sni_callback = lambda _object, name, _context: told.append(name)
    with Backend(over_tls(*WELCOME, context=context)) as server:
        face.connect(server.dsn, host=host, hostaddr="127.0.0.1", sslmode="require", sslsni=sni)
    assert told == [named if sni == "1" else None]


def test_check_166_versions(face: Face) -> None:
    with Backend() as server:
        with pytest.raises(ConninfoError, match="invalid SSL protocol version range"):
            face.connect(
                server.dsn, ssl_min_protocol_version="TLSv1.3", ssl_max_protocol_version="TLSv1.2"
            )
        assert not server.peers
    old = server_context()
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    server = Backend([tls_answer(b"S"), handshake(old)])
    with (
        server,
        pytest.raises(ConnectError, match="does not support any SSL protocol version between"),
    ):
        face.connect(server.dsn, sslmode="require", ssl_min_protocol_version="TLSv1.3")


def test_check_167_a_certificate_that_is_missed_after_the_handshake(face: Face) -> None:
    context = server_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_verify_locations(CA)
    context.verify_mode = ssl.CERT_REQUIRED
    with Backend([tls_answer(b"S"), handshake(context)], WELCOME) as server:
        with pytest.raises(ConnectError, match="certificate required"):
            face.connect(server.dsn, sslmode="prefer")
        assert len(server.peers) == 1


@pytest.mark.parametrize("sslnegotiation", ["postgres", "direct"])
def test_check_168_unix_sockets(face: Face, tmp_path: Path, sslnegotiation: str) -> None:
    with Backend(WELCOME, [until_closed()], folder=tmp_path) as server:
        settings = {"sslmode": "verify-full", "sslrootcert": CA, "sslnegotiation": sslnegotiation}
        assert face.connect(server.dsn, **settings).tls is None
        with pytest.raises(ConnectError, match='requirepeer specifies "nobody", but actual peer'):
            face.connect(server.dsn, requirepeer="nobody")


@pytest.mark.parametrize("host", [".foo", "x" * 70 + ".example", "foo_bar", "a..b", "ü.example"])
def test_check_169_names_that_are_none(face: Face, host: str) -> None:
    """Nothing but our own errors leaves, whatever the codecs of Python say to a name."""
    with Backend(over_tls(*WELCOME), over_tls(*WELCOME)) as server:
        with contextlib.suppress(Error):
            face.connect(server.dsn, host=host, hostaddr="127.0.0.1", sslmode="require")
        with pytest.raises(ConnectError):
            face.connect(f"user=u dbname=d host={host}.invalid port={server.port}")


def test_after_tls_the_answers_are_the_sessions(face: Face) -> None:
    with Backend([secure(), hello(), answer(result(b"x"), READY), until_closed()]) as server:
        connection = face.connect(server.dsn, sslmode="require")
        assert connection.script("select")[0].scalar() == "x"
