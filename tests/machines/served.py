"""Model servers behind a socket: any number of connections, on one table or each on its own.

Test code only. Each connection has a thread of its own; answers come in pieces, by chance.
"""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from itertools import count
from random import Random
from typing import Dict, List, Optional

from purelink.testing.bytes import HELLO, KEY
from purelink.wire.backend import BackendKeyData
from tests.machines.model_server import ModelServer

__all__ = ["Served"]

_PIDS = count(1000)
CANCEL, SSL = 80877102, 80877103


class Served:
    """Listens on loopback until it is closed.

    Args:
        shared: the connections have one table.

    Attributes:
        table: what was committed, by whomever, where it is shared. open: "process" -> connection.
        refusing: close whoever comes.
    """

    def __init__(self, *, shared: bool = False, seed: int = 7) -> None:
        self.table: Optional[List[int]] = [] if shared else None
        self.open: Dict[int, socket.socket] = {}
        self.refusing = False
        self._random = Random(seed)
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    @property
    def dsn(self) -> str:
        """The connection string."""
        port = self._listener.getsockname()[1]
        return f"host=127.0.0.1 port={port} user=u dbname=d sslmode=disable gssencmode=disable"

    def close(self) -> None:
        """Stop listening, end every connection, wait for the threads."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for pid in list(self.open):
            self.kill(pid)
        for thread in self._threads:
            thread.join(5)
            assert not thread.is_alive()

    def kill(self, pid: int) -> None:
        """End a connection, as a server that is killed does."""
        channel = self.open.get(pid)
        if channel is not None:
            with suppress(OSError):
                channel.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                channel, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(channel,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, channel: socket.socket) -> None:
        with channel, suppress(OSError):
            # Answers in two pieces would wait for each other's acknowledgement.
            channel.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.refusing or not _started(channel):
                return
            pid = next(_PIDS)
            self.open[pid] = channel
            try:
                channel.sendall(HELLO.replace(KEY, BackendKeyData(pid, b"1234").encode()))
                self._converse(channel, ModelServer(self._aside, self.table))
            finally:
                del self.open[pid]

    def _converse(self, channel: socket.socket, server: ModelServer) -> None:
        while data := channel.recv(65536):
            if data[:1] == b"X":
                return
            with self._lock:
                answer = server.feed(data)
                size = self._random.choice((1, 40, 1 << 20, 1 << 20))
            channel.sendall(answer[:size])
            channel.sendall(answer[size:])

    def _aside(self) -> bool:
        return self._random.random() < 0.05


def _started(channel: socket.socket) -> bool:
    """Read what a connection begins with; False: it wants nothing but a cancel."""
    while True:
        data = _exactly(channel, 4)
        body = None if data is None else _exactly(channel, int.from_bytes(data, "big") - 4)
        if body is None:
            return False
        code = int.from_bytes(body[:4], "big")
        if code != SSL:
            return code != CANCEL
        channel.sendall(b"N")


def _exactly(channel: socket.socket, count: int) -> Optional[bytes]:
    data = b""
    while len(data) < count:
        more = channel.recv(count - len(data))
        if not more:
            return None
        data += more
    return data
