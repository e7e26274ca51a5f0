"""Transports that the caller brings, for the asyncio pump: what carries bytes without a socket.

Floor 4. `Relay` looks like an asyncio transport to a `Wire`, and moves its bytes over a pair of
StreamReader and StreamWriter, or over an object with coroutines `recv` and `send`, or `read` and
`write`. One task reads as long as it lives; writes that have to be awaited have another.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from ..errors import InterfaceError
from .channel import CHUNK
from .streams import first, refuse

if TYPE_CHECKING:
    from .transport import Wire

__all__ = ["Relay"]

#: Writing is paused while so much waits to go out.
_HIGH = 1 << 18
#: How long what is queued may take to go out once the connection is closed, in seconds.
_PARTING = 1.0


class Relay:
    """A transport over any async byte stream.

    Args:
        stream: `(reader, writer)`, or one object. Its read returns at least one byte, b"" at the
            end. Coroutines, but for `write`, which may also be a plain function beside `drain`.
        wire: told what comes.

    Raises:
        InterfaceError: it is no such thing.
    """

    def __init__(self, stream: Any, wire: Wire) -> None:
        if any(hasattr(stream, name) for name in ("setblocking", "settimeout", "sendall")):
            raise InterfaceError(
                "aconnect takes a plain socket, a pair (reader, writer), or an object with"
                " coroutines recv and send, or read and write; this is a blocking stream"
            )
        pair = isinstance(stream, tuple) and len(stream) == 2
        source, self._sink = stream if pair else (stream, stream)
        read = first(source, "recv", "read")
        write = first(self._sink, "send", "write")
        if read is None or write is None:
            raise refuse(stream)
        self._read, self._write = read, write
        self._drain = getattr(self._sink, "drain", None)
        # A StreamWriter takes everything at once, and tells how much it holds.
        below = getattr(self._sink, "transport", None)
        self._held = getattr(below, "get_write_buffer_size", None)
        self._wire = wire
        self._queue: list[bytes] = []
        self._queued = 0
        self._closing = self._lost = self._full = False
        self._going = asyncio.Event()
        self._going.set()
        self._writer: asyncio.Task[None] | None = None
        #: the end under way, for whoever can wait for it
        self.parting: asyncio.Task[None] | None = None
        wire.connection_made(self)
        self._reader = asyncio.ensure_future(self._receive())

    # -- reading ----------------------------------------------------------------------------

    async def _receive(self) -> None:
        error: Exception | None = None
        try:
            while True:
                await self._going.wait()
                data = self._read(CHUNK)
                if hasattr(data, "__await__"):
                    data = await data
                else:
                    raise InterfaceError("a transport's read must be a coroutine for aconnect")
                if not isinstance(data, (bytes, bytearray, memoryview)):
                    raise InterfaceError(
                        f"a transport's read must return bytes, not {type(data).__name__}"
                    )
                if not data:
                    break
                self._wire.data_received(bytes(data))
            self._wire.eof_received()
        except EOFError:
            self._wire.eof_received()
        except Exception as caught:
            error = caught
        if error is not None:
            self._lose(error)

    def pause_reading(self) -> None:
        """Read no further for the time being."""
        self._going.clear()

    def resume_reading(self) -> None:
        """Read on."""
        self._going.set()

    # -- writing ----------------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        """Have bytes sent after all that were given before."""
        if not data or self.is_closing():
            return
        if self._held is not None:
            try:
                self._write(data)
            except OSError as error:
                self._lose(error)
                return
        else:
            self._queue.append(data)
            self._queued += len(data)
        if self.get_write_buffer_size() > _HIGH and not self._full:
            self._full = True
            self._wire.pause_writing()
        if self._writer is None and (self._full or self._queue):
            self._writer = asyncio.ensure_future(self._send())

    async def _send(self) -> None:
        """Send what is queued, and wait until the stream takes more."""
        try:
            while self._queue or self._full:
                data = b"".join(self._queue)
                self._queue.clear()
                if data:
                    sent = self._write(data)
                    if hasattr(sent, "__await__"):
                        await sent
                if self._drain is not None:
                    await self._drain()
                self._queued -= len(data)
                if self._full:
                    self._full = False
                    self._wire.resume_writing()
        except Exception as error:
            self._lose(error)
        finally:
            self._writer = None

    def get_write_buffer_size(self) -> int:
        """Return how many bytes have not gone out yet."""
        return self._queued if self._held is None else int(self._held())

    # -- the end ----------------------------------------------------------------------------

    def _lose(self, error: Exception | None) -> None:
        if self._lost:
            return
        self._lost = True
        self._queue.clear()
        self._queued = 0
        if error is None or isinstance(error, OSError):
            self._wire.connection_lost(error)
        else:
            told = OSError(f"{type(error).__name__}: {error}")
            told.__cause__ = error
            self._wire.connection_lost(told)

    def is_closing(self) -> bool:
        """Tell whether nothing more can be sent."""
        return self._closing or self._lost

    def close(self) -> None:
        """End reading now, and the stream as soon as what is queued has gone out."""
        if self._closing:
            return
        self._closing = True
        self._reader.cancel()
        self.parting = asyncio.ensure_future(self._part(self._writer))
        _PARTINGS.add(self.parting)
        self.parting.add_done_callback(_PARTINGS.discard)
        # Whoever waits on it must not wait for the parting.
        self._wire.connection_lost(None)

    #: What is queued may be the last word to a server: it gets its second in either case.
    abort = close

    async def _part(self, writer: asyncio.Task[None] | None) -> None:
        if writer is not None:
            await asyncio.wait({writer}, timeout=_PARTING)
            writer.cancel()
        with contextlib.suppress(Exception):
            closed = self._sink.close()
            if not hasattr(closed, "__await__"):
                closed = self._sink.wait_closed()
            # TLS of its own says goodbye; a peer that does not answer to that is left.
            await asyncio.wait_for(closed, _PARTING)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return what the stream tells of itself, but no socket: it is not ours to look into."""
        told = getattr(self._sink, "get_extra_info", None)
        return default if told is None or name == "socket" else told(name, default)


#: The loop holds tasks by weak references alone.
_PARTINGS: set[asyncio.Future[None]] = set()
