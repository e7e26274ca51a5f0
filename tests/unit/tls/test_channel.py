"""The engine against a server in memory: no socket, both sides in one thread."""

from __future__ import annotations

import contextlib
import os
import shutil
import ssl
from pathlib import Path
from typing import Any

import pytest

from purelink.tls import (
    Engine,
    TLSFailure,
    TLSSettings,
    channel,
    check,
    check_certificate_mode,
    engine,
)

CERTIFICATES = Path(__file__).parent / "certificates"
CA = str(CERTIFICATES / "ca.pem")
VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


class Server:
    """The other side, on two memory buffers."""

    def __init__(self, certificate: str = "san-localhost.pem", **attributes: Any) -> None:
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(CERTIFICATES / certificate, CERTIFICATES / "server.key")
        self.context.load_verify_locations(CA)
        alpn = attributes.pop("alpn", ["postgresql"])
        if alpn:
            self.context.set_alpn_protocols(alpn)
        for name, value in attributes.items():
            setattr(self.context, name, value)
        self.names: list[str | None] = []
        self.context.sni_callback = lambda _object, name, _context: self.names.append(name)
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.object = self.context.wrap_bio(self.incoming, self.outgoing, server_side=True)
        self.done = False

    def step(self, received: bytes) -> bytes:
        if received:
            self.incoming.write(received)
        if not self.done:
            try:
                self.object.do_handshake()
                self.done = True
            except ssl.SSLError:
                pass  # wants more, or an alert is to be sent
        return self.outgoing.read()

    def send(self, data: bytes) -> bytes:
        self.object.write(data)
        return self.outgoing.read()

    def receive(self, received: bytes) -> bytes:
        self.incoming.write(received)
        data = b""
        while True:
            try:
                piece = self.object.read(65536)
            except ssl.SSLWantReadError:
                return data
            if not piece:
                return data
            data += piece


def shake(client: Engine, server: Server, size: int | None = None) -> None:
    """Carry the handshake, perhaps in pieces of `size` bytes."""
    for _ in range(10):
        try:
            done = client.handshake()
        finally:
            answer = server.step(client.drain())
        for start in range(0, len(answer), size or 1 << 20):
            client.feed(answer[start : start + (size or 1 << 20)])
            if size:
                done = client.handshake()
        if done and server.done:
            return
    raise AssertionError("the handshake does not end")


def connected(server: Server | None = None, **settings: Any) -> tuple[Engine, Server]:
    server = server or Server()
    client = engine(TLSSettings(**{"sslmode": "require", "host": "localhost", **settings}))
    shake(client, server)
    return client, server


@pytest.mark.parametrize("version", VERSIONS)
def test_handshake(version: ssl.TLSVersion) -> None:
    client, server = connected(Server(maximum_version=version, minimum_version=version))
    secured = client.secured()
    assert secured.version == {"TLSv1_2": "TLSv1.2", "TLSv1_3": "TLSv1.3"}[version.name]
    assert secured.alpn == "postgresql"
    assert secured.cipher == server.object.cipher()[0]  # type: ignore[index]
    text = (CERTIFICATES / "san-localhost.pem").read_text()
    assert secured.certificate == ssl.PEM_cert_to_DER_cert(text)
    assert (secured.certificate_requested, secured.certificate_sent) == (False, False)
    assert server.names == ["localhost"]
    assert client.handshake()
    assert client.warnings == ()


def test_handshake_byte_by_byte() -> None:
    server, client = Server(), engine(TLSSettings(host="localhost"))
    assert repr(client) == "<Engine in its handshake>"
    with pytest.raises(TLSFailure, match=r"handshake is not done"):
        client.secured()
    shake(client, server, 1)
    assert client.secured().alpn == "postgresql"
    assert repr(client) == "<Engine up>"


def test_writing_and_reading_in_bulk() -> None:
    client, server = connected()
    sent = os.urandom(3_000_000)
    client.write(sent)
    client.write(b"")
    assert server.receive(client.drain()) == sent
    assert client.drain() == b""
    assert client.read() == b""
    ciphertext = b"".join(server.send(sent[at : at + 8192]) for at in range(0, len(sent), 8192))
    client.feed(ciphertext)
    received, pieces = b"", []
    while piece := client.read():
        pieces.append(len(piece))
        received += piece
    assert received == sent
    assert not client.closed
    assert max(pieces) < 65536 + 16384
    assert min(pieces[:-1]) >= 65536
    client.write(memoryview(b"view"))
    assert server.receive(client.drain()) == b"view"


@pytest.mark.parametrize("version", VERSIONS)
def test_a_proper_end(version: ssl.TLSVersion) -> None:
    client, server = connected(Server(maximum_version=version))
    last = server.send(b"last words")
    with pytest.raises(ssl.SSLWantReadError):
        server.object.unwrap()
    client.feed(last + server.outgoing.read())
    client.eof()
    assert client.read() == b"last words"
    assert client.read() == b""
    assert client.closed
    assert repr(client) == "<Engine closed>"
    assert client.close() != b""


# check 152
@pytest.mark.parametrize("version", VERSIONS)
def test_a_cut_stream_is_an_error_and_no_end(version: ssl.TLSVersion) -> None:
    client, server = connected(Server(maximum_version=version))
    client.feed(server.send(b"half a row"))
    client.eof()
    assert client.read() == b"half a row"
    for _ in range(2):
        with pytest.raises(TLSFailure) as caught:
            client.read()
        assert caught.value.text == "SSL error: unexpected eof while reading"
        assert not caught.value.fallback_allowed
    assert not client.closed


def test_a_stream_cut_within_a_record() -> None:
    client, server = connected()
    client.feed(server.send(b"half a row")[:-1])
    assert client.read() == b""
    client.eof()
    with pytest.raises(TLSFailure, match=r"unexpected eof while reading"):
        client.read()


def test_a_forged_record_is_an_error_after_what_was_good() -> None:
    client, server = connected()
    good, forged = server.send(b"good"), bytearray(server.send(b"forged"))
    forged[-1] ^= 1
    client.feed(good + forged)
    assert client.read() == b"good"
    with pytest.raises(TLSFailure, match=r"^SSL error: decryption failed or bad record mac$"):
        client.read()
    assert client.drain() != b""  # the alert
    with pytest.raises(TLSFailure, match=r"^SSL error: "):
        client.write(b"more")


def test_close_sends_close_notify() -> None:
    client, server = connected()
    client.write(b"X\0\0\0\4")
    assert server.receive(client.drain() + client.close()) == b"X\0\0\0\4"
    assert server.object.read(10) == b""
    assert client.close() == b""


def test_both_sides_close() -> None:
    client, server = connected()
    server.receive(client.close())
    with contextlib.suppress(ssl.SSLError):
        server.object.unwrap()
    client.feed(server.outgoing.read())
    assert client.read() == b""
    assert client.closed


def test_a_server_without_a_certificate() -> None:
    class Anonymous:
        def getpeercert(self, _binary: bool) -> None:
            return None

    client, _ = connected()
    client._object = Anonymous()  # type: ignore[assignment]
    with pytest.raises(TLSFailure, match=r"^certificate could not be obtained: "):
        client.secured()


def test_closing_before_the_handshake_says_nothing_new() -> None:
    client = engine(TLSSettings())
    client.handshake()
    assert client.close()[:1] == b"\x16"  # the ClientHello, still there
    assert client.close() == b""


@pytest.mark.parametrize(
    ("received", "text"),
    [
        (b"HTTP/1.0 400 Bad Request\r\n\r\n",
         ("SSL error: wrong version number\nThis may indicate that the server does not support any "
          "SSL protocol version between TLSv1.2 and TLSv1.3.")),
        (b"", "SSL error: unexpected eof while reading"),
    ],
)  # fmt: skip
def test_a_handshake_that_fails(received: bytes, text: str) -> None:
    client = engine(TLSSettings())
    assert not client.handshake()
    if received:
        client.feed(received)
    client.eof()
    for _ in range(2):
        with pytest.raises(TLSFailure) as caught:
            client.handshake()
        assert caught.value.text == text
        assert caught.value.fallback_allowed


# check 153
@pytest.mark.parametrize("file", ["stranger.pem", "expired.pem", "revoked.pem"])
def test_an_untrusted_certificate(file: str) -> None:
    crl = str(CERTIFICATES / "revoked.crl")
    server = Server(file)
    client = engine(TLSSettings(sslrootcert=CA, sslcrl=crl, sslmode="require", host="localhost"))
    with pytest.raises(TLSFailure, match=r"^SSL error: certificate verify failed$"):
        shake(client, server)


@pytest.mark.parametrize("crl", ["revoked.crl", "empty.crl", "absent"])
def test_a_trusted_certificate(crl: str) -> None:
    connected(sslrootcert=CA, sslcrl=str(CERTIFICATES / crl), sslmode="verify-full")


# check 166
def test_versions_that_do_not_meet() -> None:
    server = Server(maximum_version=ssl.TLSVersion.TLSv1_2)
    client = engine(TLSSettings(ssl_min_protocol_version="TLSv1.3"))
    with pytest.raises(TLSFailure) as caught:
        shake(client, server)
    assert caught.value.text == (
        "SSL error: tlsv1 alert protocol version\nThis may indicate that the server does not "
        "support any SSL protocol version between TLSv1.3 and TLSv1.3."
    )


@pytest.fixture
def mine(tmp_path: Path) -> dict[str, str]:
    key = tmp_path / "client.key"
    shutil.copyfile(CERTIFICATES / "client.key", key)
    key.chmod(0o600)
    return {"sslcert": str(CERTIFICATES / "client.pem"), "sslkey": str(key)}


# check 161
@pytest.mark.parametrize("version", VERSIONS)
def test_our_certificate_asked_for_and_sent(version: ssl.TLSVersion, mine: dict[str, str]) -> None:
    server = Server(maximum_version=version, verify_mode=ssl.CERT_OPTIONAL)
    client, server = connected(server, **mine)
    secured = client.secured()
    assert (secured.certificate_requested, secured.certificate_sent) == (True, True)
    assert server.object.getpeercert()["subject"][-1] == (("commonName", "alice"),)  # type: ignore[index]
    check_certificate_mode("require", secured)


@pytest.mark.parametrize("version", VERSIONS)
def test_our_certificate_asked_for_and_not_sent(
    version: ssl.TLSVersion, mine: dict[str, str]
) -> None:
    for settings in ({}, {**mine, "sslcertmode": "disable"}):
        server = Server(maximum_version=version, verify_mode=ssl.CERT_OPTIONAL)
        client, server = connected(server, **settings)
        secured = client.secured()
        assert (secured.certificate_requested, secured.certificate_sent) == (True, False)
        assert server.object.getpeercert() is None
        with pytest.raises(TLSFailure, match=r"^server accepted connection without a valid SSL c"):
            check_certificate_mode("require", secured)


@pytest.mark.parametrize("version", VERSIONS)
def test_our_certificate_not_asked_for(version: ssl.TLSVersion, mine: dict[str, str]) -> None:
    client, _ = connected(Server(maximum_version=version), **mine)
    with pytest.raises(TLSFailure, match=r"^server did not request an SSL certificate$") as caught:
        check_certificate_mode("require", client.secured())
    assert not caught.value.fallback_allowed
    check_certificate_mode("allow", client.secured())


# check 167
def test_a_certificate_that_tls_1_3_demands_is_missed_after_the_handshake() -> None:
    server = Server(verify_mode=ssl.CERT_REQUIRED, minimum_version=ssl.TLSVersion.TLSv1_3)
    client = engine(TLSSettings(host="localhost"))
    assert not client.handshake()
    client.feed(server.step(client.drain()))
    assert client.handshake()
    client.write(b"startup")
    client.feed(server.step(client.drain()))
    with pytest.raises(TLSFailure) as caught:
        client.read()
    assert caught.value.text == "SSL error: tlsv13 alert certificate required"
    assert not caught.value.fallback_allowed


def test_what_cannot_be_told_is_not_required_away(monkeypatch: pytest.MonkeyPatch) -> None:
    watch = channel._watch
    monkeypatch.setattr(channel, "_watch", lambda _context: watch(object()))  # type: ignore[arg-type]
    channel._unwatch(object())  # type: ignore[arg-type]
    client, _ = connected(Server(verify_mode=ssl.CERT_OPTIONAL))
    assert client.secured().certificate_requested is None
    with pytest.raises(TLSFailure, match=r"^server did not request an SSL certificate$"):
        check_certificate_mode("require", client.secured())


def test_a_callback_that_hears_nothing_tells_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel, "_watch", lambda _context: set())
    client, _ = connected()
    assert client.secured().certificate_requested is None


def test_without_tls_no_certificate_was_asked_for() -> None:
    with pytest.raises(TLSFailure, match=r"^server did not request an SSL certificate$"):
        check_certificate_mode("require", None)
    check_certificate_mode("allow", None)


# checks 165 and 169
@pytest.mark.parametrize(
    ("host", "sslsni", "sent"),
    [
        ("localhost", "1", "localhost"),
        ("localhost.", "1", "localhost."),
        ("foo_bar", "1", "foo_bar"),
        ("0x7f000001", "1", "0x7f000001"),
        ("x" * 70 + ".example", "1x", "x" * 70 + ".example"),
        ("a..b", "1", "a..b"),
        ("127.0.0.1", "1", None),
        ("127.1", "1", None),
        ("1.2.3.4.5", "1", None),
        ("::1", "1", None),
        ("", "1", None),
        (".foo", "1", None),
        ("bücher.example", "1", None),
        ("localhost", "0", None),
        ("localhost", "", None),
        ("localhost", "true", None),
        ("localhost", None, None),
    ],
)
def test_sni(host: str, sslsni: str | None, sent: str | None) -> None:
    _, server = connected(host=host, sslsni=sslsni)
    assert server.names == [sent]


def test_a_name_too_long_for_sni() -> None:
    with pytest.raises(TLSFailure, match=r"^could not set SSL Server Name Indication \(SNI\): "):
        engine(TLSSettings(host="x" * 300))


# checks 154, 155, 164
@pytest.mark.parametrize(
    ("alpn", "direct", "text"),
    [
        (["postgresql"], True, None),
        ([], False, None),
        ([], True,
         "direct SSL connection was established without ALPN protocol negotiation extension"),
    ],
)  # fmt: skip
def test_direct_tls_needs_alpn(alpn: list[str], direct: bool, text: str | None) -> None:
    settings = TLSSettings(sslmode="require", host="localhost", direct=direct)
    client = engine(settings)
    shake(client, Server(alpn=alpn))
    if text is None:
        check(settings, client.secured())
        return
    with pytest.raises(TLSFailure) as caught:
        check(settings, client.secured())
    assert caught.value.text == text


def test_another_alpn_protocol_is_refused() -> None:
    client, _ = connected()
    odd = client.secured()._replace(alpn="h2")
    with pytest.raises(TLSFailure, match=r"^SSL connection was established with unexpected ALPN"):
        check(TLSSettings(direct=True), odd)


def test_only_verify_full_looks_at_the_name() -> None:
    client, _ = connected(host="elsewhere", sslrootcert=CA)
    secured = client.secured()
    for mode in ("allow", "prefer", "require", "verify-ca"):
        check(TLSSettings(sslmode=mode, host="elsewhere"), secured)
    with pytest.raises(TLSFailure, match=r"does not match host name"):
        check(TLSSettings(sslmode="verify-full", host="elsewhere"), secured)
    with pytest.raises(TLSFailure, match=r"host name must be specified"):
        check(TLSSettings(sslmode="verify-full"), secured)


def test_the_secrets_are_logged(tmp_path: Path) -> None:
    log = tmp_path / "keys"
    log.write_text("before\n")
    connected(sslkeylogfile=str(log))
    lines = log.read_text().splitlines()
    assert lines[0] == "before"
    assert any(line.startswith("CLIENT_HANDSHAKE_TRAFFIC_SECRET ") for line in lines)
