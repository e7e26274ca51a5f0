"""A TCP proxy that breaks: it can cut, reset, stall, or let only so many of the server's bytes by.

Test code only. Threads move the bytes; faults are set from the test at any moment.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from typing import TYPE_CHECKING, List, Optional, Tuple

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["Proxy"]

Pair = Tuple[socket.socket, socket.socket]


class Proxy:
    """Forwards 127.0.0.1:`port` to a server's port.

    Attributes:
        limit: bytes of the server's that are let through on each new connection; None: all.
        ending: what happens behind them: "close", "reset" or "stall".
        said: what the server said, connection by connection.
    """

    def __init__(self, server: Tuple[str, int]) -> None:
        self._server = server
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.limit: Optional[int] = None
        self.ending = "close"
        self.said: List[bytearray] = []
        self._stalled = threading.Event()
        self._pairs: List[Pair] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(self._server)
            except OSError:
                client.close()
                continue
            pair = client, server
            self._pairs.append(pair)
            said = bytearray()
            self.said.append(said)
            threading.Thread(target=self._forward, args=(client, server), daemon=True).start()
            threading.Thread(target=self._back, args=(pair, said, self.limit), daemon=True).start()

    def _forward(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                data = client.recv(65536)
                if self._stalled.is_set():
                    return
                if not data:
                    server.shutdown(socket.SHUT_WR)
                    return
                server.sendall(data)

    def _back(self, pair: Pair, said: bytearray, limit: Optional[int]) -> None:
        client, server = pair
        with contextlib.suppress(OSError):
            while True:
                data = server.recv(65536)
                if self._stalled.is_set():
                    return
                if limit is not None and len(said) + len(data) >= limit:
                    data = data[: limit - len(said)]
                    said += data
                    client.sendall(data)
                    self._end(pair, self.ending)
                    return
                if not data:
                    client.shutdown(socket.SHUT_WR)
                    return
                said += data
                client.sendall(data)

    def _end(self, pair: Pair, ending: str) -> None:
        if ending == "stall":
            return
        client, server = pair
        if ending == "reset":
            with contextlib.suppress(OSError):
                client.shutdown(socket.SHUT_RD)  # wakes the thread that reads from it
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        for each in (client, server):
            with contextlib.suppress(OSError):
                if ending == "close":
                    each.shutdown(socket.SHUT_RDWR)
                each.close()

    def close_all(self) -> None:
        """Close every connection, as a process that ends in order does."""
        for pair in self._pairs:
            self._end(pair, "close")

    def reset_all(self) -> None:
        """Reset every connection, as a router or a crashed host does."""
        for pair in self._pairs:
            self._end(pair, "reset")

    def stall(self) -> None:
        """Let nothing by any more, in either direction, and say nothing of it."""
        self._stalled.set()

    def __enter__(self) -> Proxy:
        return self

    def __exit__(
        self,
        kind: Optional[type],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self._stalled.set()
        self._listener.close()
        for pair in self._pairs:
            for each in pair:
                with contextlib.suppress(OSError):
                    each.close()
