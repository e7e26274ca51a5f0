"""What carries bytes in place of a socket of ours: a relay, a SOCKS proxy, streams of all kinds.

Test code only. A `Tunnel` leads one end of a socketpair to a server, as an SSH client does.
"""

from __future__ import annotations

import contextlib
import socket
import sys
import threading
from typing import TYPE_CHECKING, Any, Callable

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterator

__all__ = [
    "PIPE",
    "ByTimeout",
    "Coroutines",
    "Polite",
    "Tunnels",
    "Unaided",
    "socks",
    "socks_proxy",
]

_PROGRAM = """
import socket, sys, threading, os
s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
def up():
    while True:
        data = os.read(0, 65536)
        if not data: break
        s.sendall(data)
    try: s.shutdown(socket.SHUT_WR)
    except OSError: pass
threading.Thread(target=up, daemon=True).start()
while True:
    data = s.recv(65536)
    if not data: break
    while data: data = data[os.write(1, data):]
"""
#: A program that leads its standard input and output to a server: `ssh -W` in small.
PIPE = (sys.executable, "-c", _PROGRAM)


def lead(source: socket.socket, sink: socket.socket) -> None:
    """Carry bytes one way until either end is closed."""
    with contextlib.suppress(OSError):
        while data := _received(source):
            sink.sendall(data)
    for each, how in ((sink, socket.SHUT_WR), (source, socket.SHUT_RD)):
        with contextlib.suppress(OSError):
            each.shutdown(how)


def _received(source: socket.socket) -> bytes:
    return source.recv(65536)


class Tunnels:
    """Makes tunnels to one place; `opened` counts them."""

    def __init__(self, host: str, port: int) -> None:
        self.place = (host, port)
        self.opened = 0
        self._ends: list[socket.socket] = []

    def __call__(self, _target: Any = None) -> socket.socket:
        """Return our end of a new tunnel."""
        self.opened += 1
        ours, theirs = socket.socketpair()
        far = socket.create_connection(self.place)
        self._ends += [theirs, far]
        for one, other in ((theirs, far), (far, theirs)):
            threading.Thread(target=lead, args=(one, other), daemon=True).start()
        return ours

    def cut(self) -> None:
        """End all tunnels at once, as when a network goes."""
        for each in self._ends:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> Tunnels:
        return self

    def __exit__(self, *error: object) -> None:
        self.cut()
        for each in self._ends:
            each.close()


class Unaided:
    """A stream that can but send and receive."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self.closed = False

    def recv(self, size: int) -> bytes:
        return self._channel.recv(size)

    def sendall(self, data: bytes) -> None:
        self._channel.sendall(data)

    def close(self) -> None:
        self.closed = True
        self._channel.close()


class ByTimeout(Unaided):
    """A stream that can say how long it may wait."""

    def settimeout(self, seconds: float | None) -> None:
        self._channel.settimeout(seconds)


class Polite(ByTimeout):
    """A stream like paramiko's Channel: it can be asked; its descriptor serves reading alone."""

    def fileno(self) -> int:
        return self._channel.fileno()

    def recv_ready(self) -> bool:
        return False

    def send_ready(self) -> bool:
        return True


class Coroutines:
    """An async stream without the shape of asyncio's own: a WebSocket bridge, say."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self.closed = False

    async def recv(self, size: int) -> bytes:
        return await self._reader.read(size)

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def close(self) -> None:
        self.closed = True
        self._writer.close()


@contextlib.contextmanager
def socks_proxy() -> Iterator[tuple[int, list[tuple[str, int]]]]:
    """Run a SOCKS5 proxy; give its port and the places that it was asked for."""
    listener = socket.create_server(("127.0.0.1", 0))
    asked: list[tuple[str, int]] = []
    ends: list[socket.socket] = []

    def serve(client: socket.socket) -> None:
        with contextlib.suppress(OSError, IndexError):
            version, count = client.recv(2)
            client.recv(count)
            client.sendall(bytes([version, 0]))
            client.recv(4)
            host = client.recv(client.recv(1)[0]).decode()
            port = int.from_bytes(client.recv(2), "big")
            asked.append((host, port))
            far = socket.create_connection((host, port))
            ends.append(far)
            client.sendall(b"\5\0\0\1\0\0\0\0\0\0")
            threading.Thread(target=lead, args=(client, far), daemon=True).start()
            lead(far, client)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                ends.append(client)
                threading.Thread(target=serve, args=(client,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listener.getsockname()[1], asked
    finally:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for each in ends:
            each.close()


def socks(port: int) -> Callable[[Any], socket.socket]:
    """Return a `dial` through the SOCKS5 proxy at a local port."""

    def dial(target: Any) -> socket.socket:
        channel = socket.create_connection(("127.0.0.1", port), timeout=10)
        name = (target.host or target.hostaddr).encode()
        channel.sendall(b"\5\1\0")
        channel.recv(2)
        channel.sendall(
            b"\5\1\0\3" + bytes([len(name)]) + name + int(target.port).to_bytes(2, "big")
        )
        if channel.recv(10)[1:2] != b"\0":
            raise OSError(f"the proxy cannot reach {target.host}")
        return channel

    return dial
