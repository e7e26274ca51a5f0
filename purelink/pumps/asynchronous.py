"""The asyncio pump: one plain Protocol, no streams, no task of its own.

Floor 4. Works on every loop that has `create_connection` (Proactor and uvloop too): `add_reader`
is never used. The transport is always raw; TLS is an `Engine` fed with its bytes. `data_received`
gathers, and wakes the one waiting reader when there is enough. A cancelled wait loses
nothing: what was received stays, what is to be sent is the transport's.
"""

from __future__ import annotations

import asyncio
import os
import socket
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from ..wire.wants import (
    Address,
    Aside,
    Call,
    Close,
    Compute,
    Deliver,
    Exchange,
    Limit,
    LimitExpired,
    Open,
    Opened,
    Resolve,
    StartTLS,
    Want,
    Watch,
)
from .channel import addresses
from .relay import Relay
from .sockets import (
    host_bytes,
    make_socket,
    peer_user,
    set_options,
    sockaddr,
)
from .streams import is_plain_socket, shown
from .transport import Wire

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ..wire.tracing import Trace
    from ..wire.wants import Dialogue, Secured

__all__ = ["AsyncPump"]

T = TypeVar("T")

_PATIENT = Exchange(b"")


class AsyncPump:
    """Runs dialogues over one asyncio channel.

    Attributes:
        trace: writes down what every run from now on says and hears; None: nobody does.
        asked: see `BlockingPump.ask`.
    """

    def __init__(self) -> None:
        self._wire: Wire | None = None
        self._outer: Limit | None = None
        self.asked = False
        self.trace: Trace | None = None

    async def run(self, dialogue: Dialogue[T], limit: Limit | None = None) -> T:
        """Grant a dialogue's wants until it returns; return its result.

        Raises:
            LimitExpired: the limit ran out, and the dialogue did not mind it.
            Whatever the dialogue raises.
        """
        if self.trace is not None:
            dialogue = self.trace.over(dialogue)
        outer, self._outer = self._outer, limit
        send, throw = dialogue.send, dialogue.throw
        grants = self._GRANTS
        try:
            want = next(dialogue)
            while True:
                try:
                    given = await grants[type(want)](self, want)
                except BaseException as error:
                    # Interrupts too: a dialogue may still have a channel to close.
                    want = throw(error)
                else:
                    want = send(given)
        except StopIteration as stop:
            result: T = stop.value
            return result
        finally:
            self._outer = outer
            dialogue.close()

    def _deadline(self, want: Want) -> tuple[float, Limit] | None:
        """Return the loop's time at which a want must be granted, and whose limit that is."""
        own, outer = want.limit, self._outer
        if own is None and outer is None:
            return None
        now = asyncio.get_running_loop().time()
        least: tuple[float, Limit] | None = None
        for limit in (outer, own):
            if limit is None or limit.seconds is None:
                continue
            if limit.deadline is None:
                limit.deadline = now + limit.seconds
            if limit.deadline <= now:
                raise LimitExpired(limit)
            if least is None or limit.deadline < least[0]:
                least = (limit.deadline, limit)
        return least

    async def _within(self, want: Want, awaitable: Awaitable[T]) -> T:
        """Await something within the want's limits; it is cancelled when they run out."""
        deadline = self._deadline(want)
        if deadline is None:
            return await awaitable
        task = asyncio.ensure_future(awaitable)
        try:
            # `wait` never cancels: so a cancellation that arrives is always the caller's own.
            left = deadline[0] - asyncio.get_running_loop().time()
            done, _ = await asyncio.wait({task}, timeout=max(left, 0))
        except BaseException:
            task.add_done_callback(_unheard)
            task.cancel()
            raise
        if not done:
            task.add_done_callback(_unheard)
            task.cancel()
            raise LimitExpired(deadline[1])
        return task.result()

    # -- the wants --------------------------------------------------------------------------

    async def _resolve(self, want: Resolve) -> list[Address]:
        loop = asyncio.get_running_loop()
        host = host_bytes(want.host)
        if want.numeric:
            found = socket.getaddrinfo(
                host, want.port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST
            )
        else:
            found = await self._within(
                want, loop.getaddrinfo(host, want.port, type=socket.SOCK_STREAM)
            )
        return addresses(found)

    async def _open(self, want: Open) -> Opened:
        loop = asyncio.get_running_loop()
        self._drop()
        channel = await (
            self._dialled(want) if want.address.family == "own" else self._connected(loop, want)
        )
        if not is_plain_socket(channel):
            wire = Wire(loop)
            relay = Relay(channel, wire)
            self._wire = wire
            info = relay.get_extra_info
            return Opened(info("peername"), info("sockname"), None, *shown(info("ssl_object")))
        channel.setblocking(False)
        try:
            user = peer_user(channel) if want.peer_user else None
            wire = Wire(loop)
            if hasattr(socket, "AF_UNIX") and channel.family == socket.AF_UNIX:
                await loop.create_unix_connection(lambda: wire, sock=channel)
            else:
                await loop.create_connection(lambda: wire, sock=channel)
        except BaseException:
            channel.close()
            raise
        self._wire = wire
        info = wire.transport.get_extra_info
        return Opened(info("peername"), info("sockname"), user)

    async def _dialled(self, want: Open) -> Any:
        self._deadline(want)
        given = want.address.sockaddr()
        return await self._within(want, given) if hasattr(given, "__await__") else given

    async def _connected(self, loop: asyncio.AbstractEventLoop, want: Open) -> socket.socket:
        channel = make_socket(want.address)
        try:
            set_options(channel, want.options)
            channel.setblocking(False)
            await self._within(want, loop.sock_connect(channel, sockaddr(want.address)))
        except OSError as error:
            channel.close()
            if error.errno is None or error.filename is not None:
                raise
            # the loop says "Connect call failed" for whatever the system said
            raise OSError(error.errno, os.strerror(error.errno)) from error
        except BaseException:
            channel.close()
            raise
        return channel

    async def _start_tls(self, want: StartTLS) -> Secured:
        from .. import tls

        wire = self._wire
        if wire is None:
            raise BrokenPipeError("the channel is closed")
        engine = tls.engine(want.settings)
        wire.handshaking, wire.engine = True, engine
        first = Exchange(b"", first=True, limit=want.limit)
        done = False
        try:
            while not done:
                try:
                    done = engine.handshake()
                finally:
                    data = engine.drain()
                    if data and not wire.transport.is_closing():
                        wire.transport.write(data)
                if done:
                    break
                try:
                    received = await self._gather(wire, first)
                except OSError as error:
                    raise tls.system_failure(error) from error
                if received:
                    engine.feed(received)
                else:
                    engine.eof()
            secured: Secured = engine.secured()
            tls.check(want.settings, secured)
        except BaseException:
            wire.engine = None
            raise
        finally:
            wire.handshaking = False
        waiting = wire.inbox.take() if wire.inbox.size else b""
        if waiting:
            wire.decrypt(waiting)
        plain = engine.read()
        if plain:
            wire.inbox.put(plain)
        return secured

    async def _gather(self, wire: Wire, want: Exchange) -> bytes:
        """Wait until the inbox answers a want, and take it out."""
        inbox = wire.inbox
        if not inbox.enough(want):
            if wire.reading_paused:
                wire.reading_paused = False
                wire.transport.resume_reading()
            deadline = self._deadline(want)
            waiter = wire.waiter = wire.loop.create_future()
            wire.want = want
            handle = None
            if deadline is not None:
                handle = wire.loop.call_at(deadline[0], _expire, waiter, deadline[1])
            try:
                wire.tell()
                await waiter
            finally:
                wire.waiter = wire.want = None
                if wire.linger is not None:
                    wire.linger.cancel()
                    wire.linger = None
                if handle is not None:
                    handle.cancel()
        return inbox.take()

    async def _exchange(self, want: Exchange) -> bytes | None:
        wire = self._wire
        if wire is None:
            raise BrokenPipeError("the channel is closed")
        if want.data:
            self._write(wire, want.data)
        if want.at_once:
            inbox = wire.inbox
            if not inbox.size and wire.stirred():
                # Two turns of the loop: one sees that there is something, one reads it. A
                # caller's stream hands it on from task to task.
                for _ in range(2 if wire.has_socket else 5):
                    await asyncio.sleep(0)
            if not inbox.size and not inbox.ended and inbox.failed is None:
                return None
            return inbox.take()
        return await self._gather(wire, want)

    def _write(self, wire: Wire, data: bytes) -> None:
        if wire.engine is not None:
            wire.engine.write(data)
            data = wire.engine.drain()
        if not wire.transport.is_closing():
            wire.transport.write(data)

    async def _deliver(self, want: Deliver) -> bool:
        wire = self._wire
        if wire is None:
            raise BrokenPipeError("the channel is closed")
        self._write(wire, want.data)
        inbox = wire.inbox
        # A transport that takes everything at once must not keep the loop to ourselves: others'
        # turn, the deadline, and what the server or the network says of what we write.
        self._deadline(want)
        await asyncio.sleep(0)
        while wire.writing_paused and not inbox.ended and inbox.failed is None:
            # The transport reads all the while, so both sides writing cannot lock up.
            if wire.reading_paused:
                wire.reading_paused = False
                wire.transport.resume_reading()
            wire.writable = wire.loop.create_future()
            try:
                await self._within(want, wire.writable)
            finally:
                wire.writable = None
        return bool(inbox.size) or inbox.ended or inbox.failed is not None

    async def _close(self, want: Want | None = None) -> None:  # noqa: ARG002 - a grant's shape
        transport = None if self._wire is None else self._wire.transport
        self._drop()
        parting = getattr(transport, "parting", None)
        if parting is not None:  # a caller's stream; it is bounded in time
            await asyncio.wait({parting})

    async def _call(self, want: Call) -> Any:
        result = want.function(*want.args)
        if hasattr(result, "__await__"):
            result = await self._within(want, result)
        return result

    async def _compute(self, want: Compute) -> Any:
        loop = asyncio.get_running_loop()
        return await self._within(want, loop.run_in_executor(None, want.function, *want.args))

    async def _aside(self, want: Aside) -> Any:
        other = AsyncPump()
        try:
            return await other.run(want.dialogue, want.limit)
        finally:
            other.close()

    async def _watch(self, want: Watch) -> list[AsyncPump]:
        pumps: list[AsyncPump] = want.channels
        for limit in want.begun:
            limit.begin(asyncio.get_running_loop().time())
        if not any(pump.stirred for pump in pumps):
            watcher = asyncio.get_running_loop().create_future()
            wires = [pump._wire for pump in pumps if pump._wire is not None]  # noqa: SLF001 - ours
            for wire in wires:
                wire.await_word(watcher)
            try:
                await self._within(want, watcher)
            finally:
                for wire in wires:
                    wire.await_word(None)
        return [pump for pump in pumps if pump.stirred]

    @property
    def stirred(self) -> bool:
        """Something was received that has not been handed out, or the end."""
        wire = self._wire
        if wire is None or wire.transport.is_closing():
            return True
        inbox = wire.inbox
        return bool(inbox.size) or inbox.ended or inbox.failed is not None

    # -- the short way ----------------------------------------------------------------------

    async def ask(self, data: bytes) -> bytes | None:
        """As `BlockingPump.ask`."""
        wire = self._wire
        if wire is None or self.trace is not None or wire.reading_paused:
            return None
        inbox = wire.inbox
        if inbox.size or inbox.ended or inbox.failed is not None or wire.stirred():
            return None
        self.asked = True
        if wire.engine is None and not wire.transport.is_closing():
            wire.transport.write(data)
        else:
            self._write(wire, data)
        waiter = wire.waiter = wire.loop.create_future()
        wire.want = _PATIENT
        try:
            await waiter
        finally:
            wire.waiter = wire.want = None
            if wire.linger is not None:
                wire.linger.cancel()
                wire.linger = None
        return inbox.take()

    def unsay(self) -> bool:
        """As `BlockingPump.unsay`; the transport gives nothing back."""
        said, self.asked = self.asked, False
        return said

    # -- the end ----------------------------------------------------------------------------

    def _drop(self) -> None:
        wire, self._wire = self._wire, None
        if wire is None or wire.transport is None:
            return
        if wire.engine is not None and not wire.handshaking and not wire.transport.is_closing():
            wire.transport.write(wire.engine.close())
        # What the kernel did not take yet is of no use to anybody: do not wait for it.
        if wire.transport.get_write_buffer_size():
            wire.transport.abort()
        else:
            wire.transport.close()

    def close(self) -> None:
        """Close the channel, if there is one. Never fails, never waits."""
        try:
            self._drop()
        except RuntimeError:
            pass  # the loop is closed already, and the socket with it
        if self.trace is not None:
            self.trace.stop()

    def sever(self) -> None:
        """Cut the channel under whoever waits on it: it reads as closed by the peer."""
        wire = self._wire
        if wire is not None:
            wire.transport.abort()

    @property
    def handed(self) -> int:
        """How many bytes of this channel were handed out."""
        return 0 if self._wire is None else self._wire.inbox.handed

    def put_back(self, size: int) -> bool:
        """As `BlockingPump.put_back`."""
        return self._wire is not None and self._wire.inbox.put_back(size)

    @property
    def unsent(self) -> bool:
        """Something that was to be written has not gone out yet."""
        wire = self._wire
        return wire is not None and bool(wire.transport.get_write_buffer_size())

    def forget(self) -> None:
        """Let the channel go without a byte: in a forked child it belongs to the parent."""
        self._wire = None

    def fileno(self) -> int:
        """Return the channel's file descriptor, -1 without one."""
        wire = self._wire
        if wire is None:
            return -1
        channel = wire.transport.get_extra_info("socket")
        return -1 if channel is None else int(channel.fileno())

    def quiet(self) -> bool:
        """Tell whether nothing has come that was not asked for: no byte, no end. No waiting."""
        wire = self._wire
        if wire is None or wire.transport.is_closing():
            return False
        inbox = wire.inbox
        if inbox.size or inbox.ended or inbox.failed is not None:
            return False
        return not wire.stirred()

    _GRANTS: ClassVar[dict[type[Want], Callable[[AsyncPump, Any], Awaitable[Any]]]] = {
        Exchange: _exchange,
        Deliver: _deliver,
        Resolve: _resolve,
        Open: _open,
        StartTLS: _start_tls,
        Close: _close,
        Call: _call,
        Compute: _compute,
        Aside: _aside,
        Watch: _watch,
    }


def _unheard(task: asyncio.Future[Any]) -> None:
    # Looked at, so that the loop does not complain that nobody did.
    if not task.cancelled():
        task.exception()


def _expire(waiter: asyncio.Future[None], limit: Limit) -> None:
    if not waiter.done():
        waiter.set_exception(LimitExpired(limit))
