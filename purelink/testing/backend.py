"""A backend that says what its script says: lying, stalling, dripping, cutting, flooding.

Floor 6. Our own codec reversed: `wire.backend` encodes what the server says, `wire.frontend`
decodes what the client said. A script is a sequence of steps, one script a connection, in the order
in which they come; each runs in a thread of its own, on 127.0.0.1 or a unix socket:

    with Backend([hello(), expect(Query), send(ERROR, READY), until_closed()]) as backend:
        connection = purelink.connect(backend.dsn)

What every client said is kept in `backend.seen`, as messages, and in `backend.heard`, as bytes. A
script that the client does not follow is told as an AssertionError when the `with` is left.
SCRAM is played by `scramp` (extra `testing`), imported when it is asked for.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from typing import TYPE_CHECKING

from ..wire import frontend
from .peer import PATIENCE, ClientGone, Peer, Step
from .steps import (
    answer,
    cleartext,
    cut,
    drip,
    expect,
    expect_bytes,
    flood,
    hello,
    md5,
    scram,
    send,
    serve,
    stall,
    startup,
    tls_answer,
    until,
    until_closed,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from types import TracebackType

    from ..wire.message import Message

__all__ = [
    "Backend",
    "ClientGone",
    "Peer",
    "Step",
    "answer",
    "cleartext",
    "cut",
    "drip",
    "expect",
    "expect_bytes",
    "flood",
    "hello",
    "md5",
    "scram",
    "send",
    "serve",
    "stall",
    "startup",
    "tls_answer",
    "until",
    "until_closed",
]


class Backend:
    """A server on 127.0.0.1, or on a unix socket, that plays one script a connection.

    Args:
        scripts: for the first connection, the second and so on; one more is closed at once.
        folder: for a unix socket `.s.PGSQL.5432` there, instead of TCP.

    Attributes:
        peers: the connections so far, in the order in which they came.
    """

    def __init__(self, *scripts: Sequence[Step], folder: Path | None = None) -> None:
        self.scripts = scripts
        self.peers: list[Peer] = []
        self.failures: list[BaseException] = []
        self._released = threading.Event()
        self._threads: list[threading.Thread] = []
        self._folder = folder
        if folder is None:
            self._listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            self._listener.bind(("127.0.0.1", 0))
            self.host, self.port = "127.0.0.1", int(self._listener.getsockname()[1])
        else:
            self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.host, self.port = str(folder), 5432
            self._listener.bind(f"{folder}/.s.PGSQL.5432")
        self._listener.listen(16)

    @property
    def dsn(self) -> str:
        """A connection string for it: user u, database d, no TLS question."""
        return f"host={self.host} port={self.port} user=u dbname=d sslmode=disable"

    @property
    def seen(self) -> list[list[Message]]:
        """What each client said, as messages."""
        return [peer.messages for peer in self.peers]

    @property
    def heard(self) -> list[bytes]:
        """What each client said, as bytes, also what no step has read yet."""
        return [bytes(peer.heard) for peer in self.peers]

    def said(self, number: int = 0) -> list[str]:
        """Return the names of what a client said, without its startup."""
        kinds = (frontend.StartupMessage, frontend.SSLRequest, frontend.Password)
        found = self.peers[number].messages
        return [type(each).__name__ for each in found if not isinstance(each, kinds)]

    def __enter__(self) -> Backend:
        thread = threading.Thread(target=self._accept, daemon=True)
        self._threads.append(thread)
        thread.start()
        return self

    def _accept(self) -> None:
        while True:
            try:
                channel, _ = self._listener.accept()
            except OSError:
                return
            if self._released.is_set():
                channel.close()
                return
            peer = Peer(channel, len(self.peers), self._released)
            self.peers.append(peer)
            thread = threading.Thread(target=self._play, args=(peer,), daemon=True)
            # In this order: whoever waits for the threads knows of all that have begun.
            self._threads.append(thread)
            thread.start()

    def _play(self, peer: Peer) -> None:
        script = self.scripts[peer.number] if peer.number < len(self.scripts) else ()
        try:
            for step in script:
                step(peer)
        except BaseException as error:
            self.failures.append(error)
        finally:
            peer.close()

    def wait(self) -> None:
        """Wait until every script begun has ended.

        Raises:
            AssertionError: one did not, within `PATIENCE`.
        """
        deadline = time.monotonic() + PATIENCE
        for thread in self._threads[1:]:
            while thread.ident is None and time.monotonic() < deadline:
                time.sleep(0.001)  # about to be started
            thread.join(max(0.0, deadline - time.monotonic()))
            if thread.is_alive():
                raise AssertionError("a script has not ended: the client still holds it up")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._released.set()
        # Nobody comes in any more, so that `wait` knows everyone there is.
        self._stop()
        for peer in self.peers:
            # What has come is still read; then the client counts as gone.
            with contextlib.suppress(OSError):
                peer.channel.shutdown(socket.SHUT_RD)
        if error is None:
            self.wait()
        if error is None and self.failures:
            raise AssertionError("the client did not follow the script") from self.failures[0]

    def _stop(self) -> None:
        # A thread that waits in `accept` is woken by a last caller.
        with contextlib.suppress(OSError), socket.socket(self._listener.family) as caller:
            caller.settimeout(1.0)
            caller.connect(self._listener.getsockname())
        self._listener.close()
        self._threads[0].join(PATIENCE)
        if self._folder is not None:
            with contextlib.suppress(OSError):
                os.unlink(f"{self._folder}/.s.PGSQL.5432")  # noqa: PTH108 - a socket, as bound
