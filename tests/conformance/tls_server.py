"""A PostgreSQL server that knows TLS and nothing else, for comparing clients; and two clients.

It answers an SSLRequest (or none: direct TLS), shakes hands, and lets everybody in. `libpq`
connects with the real library by ctypes, `ours` with `purelink.tls` over a plain socket; both
return what they were told: "connected", or the text of the error.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib.util
import os
import socket
import ssl
import struct
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from purelink import tls

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CERTIFICATES = Path(__file__).parents[1] / "unit" / "tls" / "certificates"

SSL_REQUEST = struct.pack("!ii", 8, 80877103)
STARTUP = b"\0\3\0\0user\0u\0database\0d\0\0"
STARTUP = struct.pack("!i", 4 + len(STARTUP)) + STARTUP
WELCOME = b"R\0\0\0\x08\0\0\0\0" + b"S\0\0\0\x18server_version\x0018.0\0" + b"Z\0\0\0\x05I"


def server_context(
    certificate: str = "san-localhost.pem",
    key: str = "server.key",
    *,
    clients: ssl.VerifyMode = ssl.CERT_NONE,
    alpn: str | None = "postgresql",
    lowest: ssl.TLSVersion | None = None,
    highest: ssl.TLSVersion | None = None,
) -> ssl.SSLContext:
    """Return a server's context with one of the test certificates."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATES / certificate, CERTIFICATES / key)
    if clients != ssl.CERT_NONE:
        context.load_verify_locations(CERTIFICATES / "ca.pem")
        context.verify_mode = clients
    if alpn is not None:
        context.set_alpn_protocols([alpn])
    if lowest is not None:
        context.minimum_version = lowest
    if highest is not None:
        context.maximum_version = highest
    return context


class FakeServer:
    """Listens on 127.0.0.1; `log` has one word for each thing each connection asked for.

    Args:
        context: for TLS.
        behaviour: "" or, once the ClientHello has come, "junk", "cut" or "reset"; "truncate":
            TLS is cut without close_notify after the handshake; "refuse": a FATAL answer in TLS.
    """

    def __init__(
        self, context: ssl.SSLContext, behaviour: str = "", *, direct: bool = False
    ) -> None:
        self.context, self.behaviour, self.direct = context, behaviour, direct
        self.log: list[str] = []
        self.names: list[str | None] = []
        context.sni_callback = lambda _object, name, _context: self.names.append(name)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(5)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            peer.settimeout(5)
            with contextlib.suppress(OSError), contextlib.closing(peer):
                self._serve(peer)

    def _serve(self, peer: socket.socket) -> None:
        if not self.direct:
            first = _exactly(peer, 8)
            if first != SSL_REQUEST:
                self.log.append("plain")
                _exactly(peer, struct.unpack("!i", first[:4])[0] - 8)
                peer.sendall(WELCOME)
                _until_closed(peer)
                return
            peer.sendall(b"S")
        if self.behaviour in ("junk", "cut", "reset"):
            peer.recv(1)
            if self.behaviour == "junk":
                peer.sendall(b"HTTP/1.0 400 Bad Request\r\n\r\n" * 10)
            if self.behaviour == "reset":
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            else:
                _until_closed(peer, 0.1)
            self.log.append(self.behaviour)
            return
        self.log.append("tls")
        with self.context.wrap_socket(peer, server_side=True) as secured:
            self.log.append("secured")
            head = _exactly(secured, 4)
            _exactly(secured, struct.unpack("!i", head)[0] - 4)
            self.log.append("startup")
            if self.behaviour == "truncate":
                raw = socket.socket(fileno=secured.detach())
                raw.close()
                return
            if self.behaviour == "refuse":
                fields = b"SFATAL\0VFATAL\0C28000\0Mno entry\0\0"
                secured.sendall(b"E" + struct.pack("!i", 4 + len(fields)) + fields)
            else:
                secured.sendall(WELCOME)
            _until_closed(secured)


def _exactly(peer: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = peer.recv(size - len(data))
        if not piece:
            raise OSError("closed")
        data += piece
    return data


def _until_closed(peer: socket.socket, seconds: float = 5) -> None:
    peer.settimeout(seconds)
    with contextlib.suppress(OSError):
        while peer.recv(65536):
            pass


@contextlib.contextmanager
def serving(context: ssl.SSLContext, behaviour: str = "", **more: Any) -> Iterator[FakeServer]:
    server = FakeServer(context, behaviour, **more)
    try:
        yield server
    finally:
        server.close()


def load_libpq() -> tuple[ctypes.CDLL, str] | None:
    """Return a real libpq with TLS, and its version; None if there is none on this machine.

    `$PURELINK_TEST_LIBPQ` names another one than the one inside psycopg-binary.
    """
    asked = os.environ.get("PURELINK_TEST_LIBPQ")
    found = [Path(asked)] if asked else []
    specification = importlib.util.find_spec("psycopg_binary")
    if not found and specification is not None and specification.origin is not None:
        folder = Path(specification.origin).parents[1] / "psycopg_binary.libs"
        found = sorted(folder.glob("libpq-*"))
    if not found:
        return None
    library = ctypes.CDLL(str(found[0]))
    library.PQconnectdb.restype = ctypes.c_void_p
    library.PQerrorMessage.restype = ctypes.c_char_p
    for function in (library.PQstatus, library.PQerrorMessage, library.PQfinish):
        function.argtypes = [ctypes.c_void_p]
    return library, str(library.PQlibVersion())


def libpq(library: ctypes.CDLL, settings: Mapping[str, str | None]) -> str:
    """Connect with the real library; returns "connected" or its text without the prefix."""
    conninfo = " ".join(
        "{}='{}'".format(key, value.replace("\\", "\\\\").replace("'", "\\'"))
        for key, value in settings.items()
        if value is not None
    )
    connection = library.PQconnectdb(f"user=u dbname=d {conninfo}".encode())
    try:
        if library.PQstatus(connection) == 0:
            return "connected"
        text: str = library.PQerrorMessage(connection).decode().rstrip("\n")
        return text.partition(" failed: ")[2] or text
    finally:
        library.PQfinish(connection)


def ours(settings: Mapping[str, str | None], *, home: str | None = None) -> str:
    """Connect with `purelink.tls`; returns "connected", or the text that it gave.

    The name is settings["host"], or none. With sslmode=prefer, what may fall back does.
    """

    class Target:
        host = settings.get("host")

    defaults = {"sslmode": "prefer", "sslsni": "1", "ssl_min_protocol_version": "TLSv1.2"}
    wanted = tls.TLSSettings.from_settings({**defaults, **settings}, Target, home)
    address = ("127.0.0.1", int(settings["port"] or 0))
    with socket.create_connection(address, timeout=5) as channel:
        if not wanted.direct:
            channel.sendall(SSL_REQUEST)
            assert channel.recv(1) == b"S"
        try:
            engine, secured = _shake_hands(channel, wanted)
            tls.check(wanted, secured)
            engine.write(STARTUP)
            answer = _converse(channel, engine)
            if answer.startswith(b"R"):
                tls.check_certificate_mode(wanted.sslcertmode, secured)
                return "connected"
            return "FATAL:  " + answer.partition(b"\0M")[2].partition(b"\0")[0].decode()
        except tls.TLSFailure as failure:
            if wanted.sslmode != "prefer" or not failure.fallback_allowed:
                return failure.text
    with socket.create_connection(address, timeout=5) as channel:
        channel.sendall(STARTUP)
        return "connected" if channel.recv(1) == b"R" else "refused"


def _shake_hands(channel: socket.socket, wanted: tls.TLSSettings) -> tuple[tls.Engine, Any]:
    engine = tls.engine(wanted)
    done = False
    while not done:
        try:
            done = engine.handshake()
        finally:
            with contextlib.suppress(OSError):
                channel.sendall(engine.drain())
        if done:
            break
        try:
            received = channel.recv(65536)
        except OSError as error:
            raise tls.system_failure(error) from error
        if received:
            engine.feed(received)
        else:
            engine.eof()
    return engine, engine.secured()


def _converse(channel: socket.socket, engine: tls.Engine) -> bytes:
    # a server that refused our certificate may have gone: what it said is still to be read
    with contextlib.suppress(OSError):
        channel.sendall(engine.drain())
    while True:
        answer = engine.read()
        if answer:
            return answer
        if engine.closed:
            return tls.CLOSED.encode()
        received = channel.recv(65536)
        if received:
            engine.feed(received)
        else:
            engine.eof()
