"""Transports that the caller brings, for the blocking pump: a socket, or any byte stream.

Floor 4. A plain socket is used as if we had opened it. Anything else that has `recv` and `send`
(`sendall`), or `read` and `write`, becomes a `ByteStream`, which looks like a socket to the pump as
far as the stream can tell: what it cannot (whether something is there to be read, how long a
read may take) is asked of `pending`, `recv_ready`, `fileno` and `settimeout` where it has them.
"""

from __future__ import annotations

import contextlib
import select
import socket
import time
from typing import TYPE_CHECKING, Any

from ..errors import InterfaceError
from .channel import LINGER

if TYPE_CHECKING:
    from collections.abc import Callable

#: What a pipe takes at once when it is ready at all (PIPE_BUF of POSIX's systems).
_PIECE = 4096
#: How often a stream that can only be asked is asked, in seconds.
_NAP = 0.005

__all__ = ["ByteStream", "adopt", "first", "is_plain_socket", "refuse", "shown"]


def is_plain_socket(transport: Any) -> bool:
    """Tell whether the transport is a socket without TLS of its own."""
    return isinstance(transport, socket.socket) and not hasattr(transport, "pending")


def refuse(transport: Any) -> InterfaceError:
    """Return, not raise, the error for what is no transport."""
    return InterfaceError(
        "a transport must be a connected socket, or have recv and send, or read and write;"
        f" this is a {type(transport).__name__}"
    )


def adopt(transport: Any) -> Any:
    """Return a caller's transport as the blocking pump wants it.

    Raises:
        InterfaceError: it is none, or one for asyncio.
    """
    if hasattr(transport, "__await__"):
        if hasattr(transport, "close"):
            transport.close()  # a coroutine that nobody will await
        raise InterfaceError("this transport is for asyncio: use aconnect")
    if is_plain_socket(transport):
        transport.setblocking(False)
        return transport
    return ByteStream(transport)


def shown(channel: Any) -> tuple[bytes | None, bool]:
    """Return the certificate that the TLS of a transport shows, and whether its name was checked.

    Args:
        channel: an `ssl.SSLSocket` or `ssl.SSLObject`; of anything else nothing is known.
    """
    try:
        certificate = channel.getpeercert(True)
        verified = bool(channel.context.check_hostname)
    except (AttributeError, OSError, ValueError, TypeError):
        return None, False
    return (certificate, verified) if isinstance(certificate, bytes) else (None, False)


class ByteStream:
    """A caller's stream with the parts of a socket that the blocking pump uses.

    Args:
        transport: one object, or `(reader, writer)`. It has `recv(n)`, `read1(n)` or `read(n)`,
            which returns at least one byte, b"" at the end; and `sendall(data)`, `send(data)` or
            `write(data)` (with `flush`, if there is one).
    """

    def __init__(self, transport: Any) -> None:
        pair = isinstance(transport, tuple) and len(transport) == 2
        self._source, self._sink = transport if pair else (transport, transport)
        self._read = first(self._source, "recv", "read1", "read")
        self._write = first(self._sink, "sendall", "send", "write")
        if self._read is None or self._write is None:
            raise refuse(transport)
        self._flush = getattr(self._sink, "flush", None)
        self._settimeout = getattr(self._source, "settimeout", None)
        self._pending = first(self._source, "pending", "recv_ready")
        self._send_ready = first(self._sink, "send_ready")
        # Of an object of its own make a file descriptor may be good for reading alone.
        self._out = _fileno(self._sink) if pair or isinstance(self._sink, socket.socket) else -1
        self._patience: float | None = None
        #: `ready` has just said that a write will be taken
        self._clear = False

    def send(self, data: Any) -> int:
        """Write a piece, or as much of it as the stream takes; return how much that was.

        Raises:
            BlockingIOError: the peer is talking, or takes nothing now: both sides writing, each
                waiting for the other to read, would never end.
        """
        self._limit(None)
        if self._write is None:
            raise BrokenPipeError("the stream is closed")
        clear, self._clear = self._clear, False
        if not clear and self.ready(0, reading=True, writing=True) != 2:
            self._clear = False
            raise BlockingIOError("the stream has something to be read first")
        self._clear = False
        # A pipe that is ready takes so much without waiting; where nobody can tell, all goes.
        piece = bytes(data if self._out < 0 and self._send_ready is None else data[:_PIECE])
        written = self._write(piece)
        if self._flush is not None:
            self._flush()
        return written if isinstance(written, int) else len(piece)

    def recv(self, size: int) -> bytes:
        """Read what there is, waiting as long as the last `ready` allowed."""
        if self._read is None:
            return b""
        self._limit(self._patience)
        try:
            data = self._read(size)
        except socket.timeout as error:
            raise BlockingIOError("nothing has come yet") from error
        if data is None:
            raise BlockingIOError("nothing has come yet")
        if isinstance(data, (bytes, bytearray, memoryview)):
            return bytes(data)
        close = getattr(data, "close", None)
        if close is not None:
            close()  # a coroutine that nobody will await
        raise InterfaceError(
            f"a transport's read must return bytes, not {type(data).__name__}"
            " (for streams of asyncio there is aconnect)"
        )

    def _limit(self, seconds: float | None) -> None:
        if self._settimeout is not None:
            self._settimeout(seconds)

    def ready(self, seconds: float | None, *, reading: bool, writing: bool) -> int:
        """Return 1 for readable, 2 for writable, 3 for both, 0 when the time is over.

        Where a stream cannot tell, a write is always ready, and takes as long as it takes.
        """
        self._patience = seconds
        found = 0
        if reading and self._pending is not None and self._pending():
            found = 1
        if writing and self._send_ready is not None:
            found |= self._polled(seconds, reading) if not found else 0
        elif writing and self._out < 0:
            found |= 2
        number = self.fileno()
        waiting_to_write = writing and self._out >= 0
        if number < 0 and reading and not writing:
            # Only a read can tell; one that was not to wait is not begun.
            found |= 1 if seconds is None or seconds > LINGER else 0
        elif (reading and number >= 0) or waiting_to_write:
            out = self._out if waiting_to_write else -1
            found |= _select(number if reading else -1, out, 0 if found else seconds)
        self._clear = bool(found & 2)
        return found

    def _polled(self, seconds: float | None, reading: bool) -> int:
        """Wait until the stream says that it takes a write, or has something; 0: it is late."""
        assert self._send_ready is not None
        left = seconds
        while True:
            found = 2 if self._send_ready() else 0
            if reading and self._pending is not None and self._pending():
                found |= 1
            if found or (left is not None and left <= 0):
                return found
            time.sleep(_NAP)
            left = None if left is None else left - _NAP

    def fileno(self) -> int:
        """Return the stream's file descriptor for reading, -1 without one."""
        return _fileno(self._source)

    def shutdown(self, how: int) -> None:
        """Cut the stream for whoever waits on it."""
        cut = getattr(self._sink, "shutdown", None)
        if cut is None:
            self.close()
        else:
            cut(how)

    @property
    def sink(self) -> Any:
        """What the caller gave, for writing."""
        return self._sink

    def getpeername(self) -> Any:
        """Return what the stream says of the other end."""
        return self._source.getpeername()

    def getsockname(self) -> Any:
        """Return what the stream says of our end."""
        return self._source.getsockname()

    def close(self) -> None:
        """Close the stream, whatever it says to that."""
        self._read = self._write = None
        for each in (self._sink, self._source):
            with contextlib.suppress(Exception):
                each.close()


def first(transport: Any, *names: str) -> Callable[..., Any] | None:
    """Return the first of these methods that the transport has, or None."""
    for name in names:
        found = getattr(transport, name, None)
        if callable(found):
            return found  # type: ignore[no-any-return]  # it is a caller's object
    return None


def _fileno(transport: Any) -> int:
    try:
        return int(transport.fileno())
    except (AttributeError, OSError, ValueError, TypeError):
        return -1


def _select(source: int, sink: int, seconds: float | None) -> int:
    """Wait for one descriptor to be readable or another to be writable; -1: not that one."""
    if not hasattr(select, "poll"):
        can_read, can_write, _ = select.select(
            [source] if source >= 0 else [], [sink] if sink >= 0 else [], [], seconds
        )
        return (1 if can_read else 0) | (2 if can_write else 0)
    poll = select.poll()
    asked: dict[int, int] = {}
    if source >= 0:
        asked[source] = select.POLLIN
    if sink >= 0:
        asked[sink] = asked.get(sink, 0) | select.POLLOUT
    for number, bits in asked.items():
        poll.register(number, bits)
    found = 0
    for number, bits in poll.poll(None if seconds is None else int(seconds * 1000 + 0.999)):
        broken = bits & ~(select.POLLIN | select.POLLOUT)
        if number == source and (broken or bits & select.POLLIN):
            found |= 1
        if number == sink and (broken or bits & select.POLLOUT):
            found |= 2
    return found
