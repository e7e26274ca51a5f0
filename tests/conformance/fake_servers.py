"""The fake servers of the recorded checks, one class: each behaves as its name says.

Test code only; the names and what they do stand in `conninfo-checks.json` ("servers"). A server
listens on 127.0.0.1 and notes for each connection which frontend messages it saw.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from typing import Iterator, Sequence

__all__ = ["FakeServer", "serving"]

_PATIENCE = 10.0
_SSL_REQUEST = 80877103

#: name -> (server_version, in_hot_standby, default_transaction_read_only)
_REPORTS = {
    "primary": ("18.0", "off", "off"),
    "primary-ro": ("18.0", "off", "on"),
    "standby": ("18.0", "on", "off"),
    "old-primary": ("13.1", None, None),
    "old-standby": ("13.1", None, None),
    "old-mute": ("13.1", None, None),
    "v84": ("8.4.2", None, None),
}
#: name -> its answers to SHOW transaction_read_only and pg_is_in_recovery()
_ANSWERS = {"old-primary": (b"off", b"f"), "old-standby": (b"on", b"t")}


def message(tag: bytes, body: bytes) -> bytes:
    return tag + struct.pack("!i", 4 + len(body)) + body


def failure(severity: str, code: str, text: str) -> bytes:
    fields = (("S", severity), ("V", severity), ("C", code), ("M", text))
    return message(b"E", b"".join(f"{k}{v}\0".encode() for k, v in fields) + b"\0")


READY = message(b"Z", b"I")
WELCOME = message(b"R", struct.pack("!i", 0))


class FakeServer:
    """Serves every connection in a thread of its own.

    Args:
        kind: one of the names in the checks.

    Attributes:
        saw: for each connection, in order, the names of the messages that came.
        startups: version and pairs of each startup packet.
    """

    def __init__(self, kind: str) -> None:
        self.kind, _, self.code = kind.partition(":")
        self.saw: list[list[str]] = []
        self.startups: list[list[object]] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._threads: list[threading.Thread] = []
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()

    def _accept(self) -> None:
        while True:
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            noted: list[str] = []
            self.saw.append(noted)
            thread = threading.Thread(target=self._converse, args=(peer, noted), daemon=True)
            self._threads.append(thread)
            thread.start()

    def close(self) -> None:
        """Wait until everybody has gone, and stop listening."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._acceptor.join(_PATIENCE)
        for thread in self._threads:
            thread.join(_PATIENCE)
        self._listener.close()

    def _converse(self, peer: socket.socket, noted: list[str]) -> None:
        peer.settimeout(_PATIENCE)
        with contextlib.suppress(OSError, EOFError), contextlib.closing(peer):
            if self.kind == "eof":
                return
            if self.kind == "hang":
                # what comes is not even looked at
                while peer.recv(65536):
                    pass
                return
            if self._started(peer, noted):
                self._serve(peer, noted)

    def _started(self, peer: socket.socket, noted: list[str]) -> bool:
        while True:
            length = struct.unpack("!i", _exactly(peer, 4))[0]
            body = _exactly(peer, length - 4)
            if struct.unpack("!i", body[:4])[0] != _SSL_REQUEST:
                break
            noted.append("SSLRequest")
            if self.kind == "sslE":
                peer.sendall(b"Eevil text\0")
                return False
            peer.sendall(b"N")
        noted.append("Startup")
        version = struct.unpack("!hh", body[:4])
        words = body[4:].decode("utf-8", "surrogateescape").split("\0")[:-2]
        pairs = [list(pair) for pair in zip(words[::2], words[1::2])]
        self.startups.append([f"{version[0]}.{version[1]}", *pairs])
        return self._admit(peer, dict(zip(words[::2], words[1::2])))

    def _admit(self, peer: socket.socket, parameters: dict[str, str]) -> bool:
        kind = self.kind
        if kind in ("err", "err2"):
            welcome = WELCOME if kind == "err2" else b""
            peer.sendall(welcome + failure("FATAL", self.code, "boom"))
            return False
        if kind == "eof2":
            return False
        if kind == "hang2":
            while peer.recv(65536):
                pass
            return False
        if kind == "garbage":
            peer.sendall(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n" + b"x" * 200)
            return False
        if kind == "appname" and "application_name" in parameters:
            peer.sendall(WELCOME + failure("FATAL", "42704", "unrecognized parameter"))
            return False
        if kind == "clear":
            peer.sendall(message(b"R", struct.pack("!i", 3)))
            _exactly(peer, 1)
            length = struct.unpack("!i", _exactly(peer, 4))[0]
            if _exactly(peer, length - 4) != b"pw\0":
                text = f'password authentication failed for user "{parameters["user"]}"'
                peer.sendall(failure("FATAL", "28P01", text))
                return False
        if kind == "neg30":
            peer.sendall(message(b"v", struct.pack("!ii", 3 << 16, 0)))
        return True

    def _serve(self, peer: socket.socket, noted: list[str]) -> None:
        version, standby, read_only = _REPORTS.get(self.kind, ("18.0", None, None))
        reports = {
            "server_version": version,
            "in_hot_standby": standby,
            "default_transaction_read_only": read_only,
        }
        told = b"".join(
            message(b"S", f"{name}\0{value}\0".encode())
            for name, value in reports.items()
            if value is not None
        )
        key = message(b"K", struct.pack("!ii", 1234, 5678))
        peer.sendall(WELCOME + told + key + READY)
        while True:
            tag = _exactly(peer, 1)
            body = _exactly(peer, struct.unpack("!i", _exactly(peer, 4))[0] - 4)
            if tag == b"X":
                noted.append("Terminate")
                return
            text = body.rstrip(b"\0").decode()
            noted.append(f"Query {text}")
            peer.sendall(self._answer(text) + READY)

    def _answer(self, text: str) -> bytes:
        answers = _ANSWERS.get(self.kind)
        if answers is None:
            return failure("ERROR", "42601", "no such query")
        value = answers["pg_is_in_recovery" in text]
        column = b"c\0" + struct.pack("!ihihih", 0, 0, 25, -1, -1, 0)
        return (
            message(b"T", struct.pack("!h", 1) + column)
            + message(b"D", struct.pack("!hi", 1, len(value)) + value)
            + message(b"C", b"SELECT 1\0")
        )


def _exactly(peer: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = peer.recv(size - len(data))
        if not piece:
            raise EOFError
        data += piece
    return data


@contextlib.contextmanager
def serving(kinds: Sequence[str]) -> Iterator[list[FakeServer]]:
    """Serve as these names say, as long as the block lasts."""
    servers = [FakeServer(kind) for kind in kinds]
    try:
        yield servers
    finally:
        for server in servers:
            server.close()
