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
from typing import TYPE_CHECKING, Any

from ..errors import InterfaceError
from .channel import LINGER

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ByteStream", "adopt", "first", "is_plain_socket", "refuse"]


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


class ByteStream:
    """A caller's stream with the parts of a socket that the blocking pump uses.

    Args:
        transport: `recv(n)` or `read1(n)` or `read(n)`, which returns at least one byte, b"" at the
            end; and `sendall(data)`, `send(data)` or `write(data)` (with `flush`, if there is one).
    """

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        self._read = first(transport, "recv", "read1", "read")
        self._write = first(transport, "sendall", "send", "write")
        if self._read is None or self._write is None:
            raise refuse(transport)
        self._flush = getattr(transport, "flush", None)
        self._settimeout = getattr(transport, "settimeout", None)
        self._patience: float | None = None

    def send(self, data: Any) -> int:
        """Write all of it, or as much as the stream takes; return how much that was."""
        self._limit(None)
        if self._write is None:
            raise BrokenPipeError("the stream is closed")
        written = self._write(bytes(data))
        if self._flush is not None:
            self._flush()
        return written if isinstance(written, int) else len(data)

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

        A write takes as long as the stream lets it: it is always ready.
        """
        found = 2 if writing else 0
        if reading and self._stirs(0 if writing else seconds):
            found |= 1
        return found

    def _stirs(self, seconds: float | None) -> bool:
        self._patience = seconds
        transport = self._transport
        pending = getattr(transport, "pending", None) or getattr(transport, "recv_ready", None)
        if pending is not None and pending():
            return True
        number = self.fileno()
        if number < 0:
            # Only a read can tell; one that was not to wait is not begun.
            return seconds is None or seconds > LINGER
        if hasattr(select, "poll"):
            poll = select.poll()
            poll.register(number, select.POLLIN)
            return bool(poll.poll(None if seconds is None else int(seconds * 1000 + 0.999)))
        return bool(select.select([number], [], [], seconds)[0])

    def fileno(self) -> int:
        """Return the stream's file descriptor, -1 without one."""
        try:
            return int(self._transport.fileno())
        except (AttributeError, OSError, ValueError, TypeError):
            return -1

    def shutdown(self, how: int) -> None:
        """Cut the stream for whoever waits on it."""
        cut = getattr(self._transport, "shutdown", None)
        if cut is None:
            self.close()
        else:
            cut(how)

    def getpeername(self) -> Any:
        """Return what the stream says of the other end."""
        return self._transport.getpeername()

    def getsockname(self) -> Any:
        """Return what the stream says of our end."""
        return self._transport.getsockname()

    def close(self) -> None:
        """Close the stream, whatever it says to that."""
        self._read = self._write = None
        with contextlib.suppress(Exception):
            self._transport.close()


def first(transport: Any, *names: str) -> Callable[..., Any] | None:
    """Return the first of these methods that the transport has, or None."""
    for name in names:
        found = getattr(transport, name, None)
        if callable(found):
            return found  # type: ignore[no-any-return]  # it is a caller's object
    return None
