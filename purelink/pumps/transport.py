"""What asyncio calls: `Wire`, a BufferedProtocol that gathers, and wakes the one waiting reader.

Floor 4. Belongs to the asyncio pump (`asynchronous`). A plain Protocol is handed a new block of
256 kB for every receive, however little comes: it is mapped and unmapped each time, and what fills
it has left the processor's caches before its last row is decoded.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from .channel import CHUNK, LINGER, Gathering, looks_ready
from .sockets import glance, looker

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..wire.wants import Exchange

__all__ = ["Wire"]

#: Reading is paused while nobody reads and so much is waiting.
_HIGH = 1 << 20
#: One receive's size at first: thousands of connections that ask for little hold little.
_SMALL = 8192
#: One receive's size while a large value comes: the fewer turns of the loop the better.
_ROOMY = 262144


class Wire(asyncio.BufferedProtocol):
    """What the loop calls: puts bytes into the inbox and wakes whoever waits."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.transport: Any = None
        self.inbox = Gathering()
        #: where the next receive goes
        self._block = memoryview(bytearray(_SMALL))
        self.engine: Any = None
        self.waiter: asyncio.Future[None] | None = None
        #: woken by the first piece that comes, to whichever of several channels
        self.watcher: asyncio.Future[None] | None = None
        self.want: Exchange | None = None
        self._look: Callable[..., list[Any]] | None = None
        self.linger: asyncio.TimerHandle | None = None
        self.writable: asyncio.Future[None] | None = None
        self.writing_paused = False
        self.reading_paused = False
        #: ciphertext of a handshake under way
        self.handshaking = False

    def connection_made(self, transport: Any) -> None:
        """Keep the transport."""
        self.transport = transport
        channel = transport.get_extra_info("socket")
        if channel is not None and not hasattr(channel, "ready"):
            self._look = looker(channel)

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - asyncio's own signature
        """Return the block that the loop receives into."""
        return self._block

    def buffer_updated(self, nbytes: int) -> None:
        """Take what the loop has received."""
        block = self._block
        waiter, want = self.waiter, self.want
        if waiter is not None and want is not None and self.engine is None:
            # As `data_received` and `tell` have it, for a whole answer in one piece: a query's.
            data = bytes(block[:nbytes])
            inbox = self.inbox
            if not inbox.pieces and not want.need and looks_ready(data):
                inbox.put(data)
                if self.watcher is None and self.linger is None:
                    if not waiter.done():
                        waiter.set_result(None)
                else:
                    self.tell()
            else:
                inbox.put(data)
                self.tell()
        else:
            self.data_received(block[:nbytes])
        size = len(block)
        if nbytes == size:
            roomy = want is not None and want.need >= CHUNK
            if size < CHUNK or (roomy and size == CHUNK):
                self._block = memoryview(bytearray(_ROOMY if roomy else CHUNK))
        elif size > CHUNK and (want is None or not want.need):
            self._block = memoryview(bytearray(CHUNK))

    def data_received(self, data: bytes | memoryview) -> None:
        """Put bytes into the inbox, decrypted where TLS is up."""
        if self.engine is None or self.handshaking:
            self.inbox.put(bytes(data))
        else:
            self.decrypt(data)
        self.tell()

    def decrypt(self, data: bytes | memoryview) -> None:
        """Feed TLS, and put what it gives into the inbox; b"" is the end."""
        engine, inbox = self.engine, self.inbox
        if data:
            engine.feed(data)
        else:
            engine.eof()
        try:
            while True:
                plain = engine.read()
                if not plain:
                    break
                inbox.put(plain)
            if engine.closed:
                inbox.ended = True
        except OSError as error:
            inbox.failed = error
        reply = engine.drain()
        if reply and not self.transport.is_closing():
            self.transport.write(reply)

    def eof_received(self) -> bool:
        """Note the end; closing is ours to do."""
        if self.engine is not None and not self.handshaking:
            self.decrypt(b"")
        self.inbox.ended = True
        self.tell()
        # Keep the transport open: closing is ours to do.
        return True

    def connection_lost(self, error: Exception | None) -> None:
        """Note the end, and what the network said of it."""
        inbox = self.inbox
        if isinstance(error, (OSError, MemoryError)) and inbox.failed is None:
            inbox.failed = error
        inbox.ended = True
        if self.writable is not None and not self.writable.done():
            self.writable.set_result(None)
        self.writing_paused = False
        self.tell()

    def pause_writing(self) -> None:
        """Note that the transport holds enough."""
        self.writing_paused = True

    def resume_writing(self) -> None:
        """Wake whoever waits to write."""
        self.writing_paused = False
        if self.writable is not None and not self.writable.done():
            self.writable.set_result(None)

    def tell(self) -> None:
        """Wake the reader if there is enough, or soon if there is something."""
        waiter, want, inbox = self.waiter, self.want, self.inbox
        if self.watcher is not None and not self.watcher.done():
            self.watcher.set_result(None)
        if waiter is None or want is None:
            # Never while a write is pending: the server may be waiting for us to read.
            full = inbox.size > _HIGH and self.writable is None and not self.writing_paused
            if full and not self.reading_paused and not self.transport.is_closing():
                self.reading_paused = True
                self.transport.pause_reading()
            return
        if waiter.done():
            return
        if inbox.enough(want):
            self.wake()
        elif inbox.size >= max(1, want.need) and self.linger is None:
            self.linger = self.loop.call_later(LINGER, self.wake)

    def await_word(self, watcher: asyncio.Future[None] | None) -> None:
        """Have a future woken by the next piece that comes; None: no more."""
        self.watcher = watcher
        if watcher is not None and self.reading_paused:
            self.reading_paused = False
            self.transport.resume_reading()

    @property
    def has_socket(self) -> bool:
        """The transport shows its socket."""
        return self.transport.get_extra_info("socket") is not None

    def stirred(self) -> bool:
        """Tell whether the socket has something that the loop has not handed us yet."""
        if self.inbox.ended or self.transport.is_closing():
            return False
        if self._look is not None:
            return bool(self._look(0))
        channel = self.transport.get_extra_info("socket")
        # A transport that shows no socket may always have something.
        return channel is None or glance(channel)

    def wake(self) -> None:
        """Wake the reader."""
        if self.linger is not None:
            self.linger.cancel()
            self.linger = None
        if self.waiter is not None and not self.waiter.done():
            self.waiter.set_result(None)
