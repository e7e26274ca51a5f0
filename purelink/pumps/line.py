"""One blocking channel: a socket that never blocks, what came of it, what is to go out.

Floor 4, below `BlockingPump`. Waiting is done in `poll` alone, so that a write that would block is
interleaved with reading (two writing sides cannot lock each other), and so that an interrupt
(Ctrl-C) loses nothing: what was received and what is still to be sent is kept for the next run, and
counted by the C call that moves it. Only where that can't be (inside TLS, and in a caller's own
stream) an interrupt leaves nobody knowing how much went by: then the channel is dropped.
"""

from __future__ import annotations

import contextlib
import select
import socket
import time
from typing import TYPE_CHECKING, Any

from ..wire.wants import Limit, LimitExpired
from .channel import CHUNK, Gathering, Outgoing
from .sockets import glance, polled
from .streams import ByteStream

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..wire.wants import Want

__all__ = ["CHUNKS", "Line"]

_DAY = 86400.0

#: The arguments of one receive.
CHUNKS = (CHUNK,)
#: What is taken at most without anybody waiting for it: a server may say more than we can hold.
_UNASKED = 1 << 20


class Line:
    """A blocking channel, from its socket's opening to `_drop`.

    Args:
        stream: a connected socket or socket-like object to use instead of opening one.
    """

    def __init__(self, stream: Any = None) -> None:
        self._socket: Any = stream
        self._engine: Any = None
        self._inbox = Gathering()
        self._outgoing = Outgoing()
        self._polls: dict[int, Any] = {}
        #: waits, so many milliseconds, until a plain socket is readable; None: it cannot be told so
        self._look: Callable[..., list[Any]] | None = None
        #: an interrupt cannot come between a byte's move and its being counted
        self._exact = False
        self._sure = True
        self._outer: Limit | None = None
        if stream is not None:
            stream.setblocking(False)

    def _remaining(self, want: Want) -> float | None:
        """Return the seconds left for a want, None for ever.

        Raises:
            LimitExpired: of the limit that has run out.
        """
        own, outer = want.limit, self._outer
        if own is None and outer is None:
            return None
        now = time.monotonic()
        least: float | None = None
        for limit in (outer, own):
            if limit is None or limit.seconds is None:
                continue
            if limit.deadline is None:
                limit.deadline = now + limit.seconds
            left = limit.deadline - now
            if left <= 0:
                raise LimitExpired(limit)
            if least is None or left < least:
                least = left
        # Whoever waits asks again when a day is over; no system call takes every float.
        return None if least is None else min(least, _DAY)

    @property
    def stirred(self) -> bool:
        """Something was received and not handed out, or the end. The socket is not asked."""
        inbox = self._inbox
        return self._socket is None or bool(inbox.size) or inbox.ended or inbox.failed is not None

    # -- the socket -------------------------------------------------------------------------

    def _send(self, data: bytes, want: Want) -> None:
        """Send all of `data` (and what an interrupted write left), reading if it would block."""
        if self._socket is None:
            raise BrokenPipeError("the channel is closed")
        try:
            if self._engine is not None and data:
                self._sure = False
                self._engine.write(data)
                data = self._engine.drain()
            if data:
                self._outgoing.put(data)
            self._sure = True
            self._flush(want, reading=True)
        except OSError as error:
            self._sure = True
            # What the server said before it closed explains more than a broken pipe: it is
            # handed out first.
            self._receive_waiting()
            if not self._inbox.ended and self._inbox.failed is None:
                self._inbox.failed = error
        finally:
            self._check_sure()

    def _flush(self, want: Want, *, reading: bool = False) -> None:
        """Send what is queued."""
        outgoing, done = self._outgoing, False
        while not done and self._socket is not None:  # another thread may close it meanwhile
            try:
                self._sure = self._exact
                done = outgoing.send(self._socket.send)
                self._sure = True
            except (BlockingIOError, InterruptedError):
                self._sure = True
                readable = self._wait(want, reading=reading, writing=True)
                if readable and reading:
                    self._receive()
                    if self._inbox.ended or self._inbox.failed is not None:
                        # Nobody takes the rest; what the peer said explains it.
                        outgoing.drop()

    def _check_sure(self) -> None:
        """Drop the channel if an interrupt came where nobody can tell how much went by."""
        if not self._sure:
            self._drop()

    def _receive_waiting(self) -> None:
        """Take what has come, without waiting."""
        inbox = self._inbox
        while (
            not inbox.ended and inbox.failed is None and inbox.size < _UNASKED and self._readable(0)
        ):
            self._receive()

    def _receive(self) -> None:
        """Take one receive's worth into the inbox, without deciding whether it is enough."""
        inbox = self._inbox
        if self._socket is None:
            inbox.ended = True
            return
        try:
            if self._engine is not None:
                self._sure = False
                self._decrypt(self._socket.recv(CHUNK))
            else:
                self._sure = self._exact
                inbox.pieces.extend(map(self._socket.recv, CHUNKS))
                if not inbox.pieces[-1]:
                    inbox.ended = True
                    inbox.pieces.pop()
            self._sure = True
        except (BlockingIOError, InterruptedError):
            self._sure = True  # not readable after all
        except OSError as error:
            self._sure = True
            inbox.failed = error
        finally:
            self._check_sure()

    def _decrypt(self, data: bytes) -> None:
        engine, inbox = self._engine, self._inbox
        if data:
            engine.feed(data)
        else:
            engine.eof()
        try:
            plain = engine.read()
            while plain:
                inbox.put(plain)
                plain = engine.read()
            inbox.ended = engine.closed or not data
        finally:
            reply = engine.drain()
            if reply:
                # A key update's answer or an alert: it goes out before whatever is said next.
                self._outgoing.put(reply)

    def _wait(self, want: Want, *, reading: bool, writing: bool = False) -> bool:
        """Wait until the channel is ready, within the limits; return whether it is readable."""
        while True:
            ready = self._ready(self._remaining(want), reading=reading, writing=writing)
            if ready:
                return bool(ready & 1)

    def _readable(self, seconds: float) -> bool:
        return bool(self._ready(seconds, reading=True, writing=False))

    def _ready(self, seconds: float | None, *, reading: bool, writing: bool) -> int:
        """Return 1 for readable, 2 for writable, 3 for both, 0 when the time is over."""
        channel = self._socket
        if channel is None:
            return 3  # whoever reads or writes now is told
        if isinstance(channel, ByteStream):
            return channel.ready(seconds, reading=reading, writing=writing)
        if hasattr(select, "poll"):
            asked = (select.POLLIN if reading else 0) | (select.POLLOUT if writing else 0)
            poll = self._polls.get(asked)
            if poll is None:
                poll = self._polls[asked] = select.poll()
                poll.register(channel, asked)
            return polled(poll, seconds, asked)
        one = [channel]  # Windows
        can_read, can_write, broken = select.select(
            one if reading else [], one if writing else [], one, seconds
        )
        readable = bool(can_read or (broken and reading))
        writable = bool(can_write or (broken and writing))
        return (1 if readable else 0) | (2 if writable else 0)

    def _drop(self) -> None:
        channel, self._socket = self._socket, None
        engine, self._engine = self._engine, None
        self._inbox = Gathering()
        self._outgoing.drop()
        self._polls = {}
        self._look = None
        self._sure = True
        if channel is None:
            return
        try:
            if engine is not None:
                channel.send(engine.close())
        except OSError:
            pass  # a close_notify is a courtesy
        try:
            channel.close()
        except OSError:
            pass

    def close(self) -> None:
        """Close the channel, if there is one. Never fails, never waits."""
        self._drop()

    def sever(self) -> None:
        """Cut the channel under whoever waits on it, in another thread: it reads as closed."""
        channel = self._socket
        if channel is not None:
            with contextlib.suppress(OSError, AttributeError):
                channel.shutdown(socket.SHUT_RDWR)

    @property
    def handed(self) -> int:
        """How many bytes of this channel were handed out."""
        return self._inbox.handed

    def put_back(self, size: int) -> bool:
        """Take back what was handed out last, if it was so many bytes; return whether it was.

        Whoever was interrupted before it had them hears them again.
        """
        return self._inbox.put_back(size)

    @property
    def said(self) -> int:
        """How often something was taken to be sent."""
        return self._outgoing.queue[2]

    def unsaid(self, said: int) -> bool:
        """Tell whether nothing has gone out since it was `said`; what is queued is forgotten."""
        data, sent, number = self._outgoing.queue
        if data and number == said + 1 and not any(sent) and self._engine is None:
            self._outgoing.queue = (b"", [], said)
        elif number != said:
            return False
        return True

    @property
    def unsent(self) -> bool:
        """Something that was to be written has not gone out yet."""
        data, sent, _ = self._outgoing.queue
        return sum(sent) != len(data)

    def forget(self) -> None:
        """Let the channel go without a byte: in a forked child it belongs to the parent."""
        channel, self._socket = self._socket, None
        self._engine = None
        self._polls = {}
        self._look = None
        if channel is not None:
            channel.close()

    def fileno(self) -> int:
        """Return the channel's file descriptor, -1 without one."""
        return -1 if self._socket is None else int(self._socket.fileno())

    def quiet(self) -> bool:
        """Tell whether nothing has come that was not asked for: no byte, no end. No waiting.

        May be called from any thread.
        """
        inbox, channel = self._inbox, self._socket
        if inbox.size or inbox.ended or inbox.failed is not None:
            return False
        return channel is not None and not glance(channel)
