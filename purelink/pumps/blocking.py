"""The blocking pump: plain sockets, no thread, no event loop.

Floor 4. `BlockingPump.run(dialogue)` grants wants until the dialogue returns. One pump has one
channel, which lives from `Open` to `Close`. The socket never blocks: waiting is done in `poll`
alone, so that a write that would block is interleaved with reading (two writing sides cannot lock
each other), and so that an interrupt (Ctrl-C) loses nothing: what was received and what is still
to be sent is kept for the next run, and counted by the C call that moves it. Only where that can't
be (inside TLS, and in a caller's own stream) an interrupt leaves nobody knowing how much went by:
then the channel is dropped.
"""

from __future__ import annotations

import contextlib
import select
import socket
import time
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
from .channel import CHUNK, LINGER, Gathering, Outgoing, addresses, looks_ready
from .sockets import (
    glance,
    host_bytes,
    in_c,
    looker,
    make_socket,
    own,
    peer,
    peer_user,
    polled,
    readable,
    set_options,
    sockaddr,
)
from .streams import ByteStream, adopt, shown
from .threads import compute_within

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..wire.tracing import Trace
    from ..wire.wants import Dialogue, Secured

__all__ = ["BlockingPump"]

T = TypeVar("T")

_DAY = 86400.0

#: What an idle channel takes in one piece, as a rule.
_AT_ONCE = 16384
_CHUNKS = (CHUNK,)
#: What is taken at most without anybody waiting for it: a server may say more than we can hold.
_UNASKED = 1 << 20


class BlockingPump:
    """Runs dialogues over one blocking channel.

    Args:
        stream: a connected socket or socket-like object to use instead of opening one.

    Attributes:
        trace: writes down what every run from now on says and hears; None: nobody does.
        asked: see `ask`.
    """

    def __init__(self, stream: Any = None) -> None:
        self._socket: Any = stream
        self._given = stream is not None
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
        self.asked = False
        self.trace: Trace | None = None
        if stream is not None:
            stream.setblocking(False)

    # -- running ----------------------------------------------------------------------------

    def run(self, dialogue: Dialogue[T], limit: Limit | None = None) -> T:
        """Grant a dialogue's wants until it returns; return its result.

        Args:
            limit: over the whole run; a want's own limit holds besides.

        Raises:
            LimitExpired: the limit ran out, and the dialogue did not mind it.
            Whatever the dialogue raises.
        """
        self._check_sure()
        if self.trace is not None:
            dialogue = self.trace.over(dialogue)
        outer, self._outer = self._outer, limit
        send, throw = dialogue.send, dialogue.throw
        grant = self._GRANTS
        try:
            want = next(dialogue)
            while True:
                try:
                    given = grant[type(want)](self, want)
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
            if not self.unsent:
                self._outgoing.drop()

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

    # -- the wants --------------------------------------------------------------------------

    def _resolve(self, want: Resolve) -> list[Address]:
        flags = socket.AI_NUMERICHOST if want.numeric else 0
        host = host_bytes(want.host)
        asked = (host, want.port, 0, socket.SOCK_STREAM, 0, flags)
        unhurried = self._remaining(want) is None
        if unhurried or want.numeric or b":" in host or host.replace(b".", b"").isdigit():
            return addresses(socket.getaddrinfo(*asked))
        # A look-up cannot be interrupted: one that outlives its limit ends by itself.
        return addresses(compute_within(lambda: self._remaining(want), socket.getaddrinfo, asked))

    def _open(self, want: Open) -> Opened:
        if self._given:
            self._given = False
            return Opened(peer(self._socket), own(self._socket))
        self._drop()
        if want.address.family == "own":
            self._remaining(want)
            channel = self._socket = adopt(want.address.sockaddr())
            self._look = None if isinstance(channel, ByteStream) else looker(channel)
            self._exact = in_c(channel)
            user = peer_user(channel) if want.peer_user else None
            sink = channel.sink if isinstance(channel, ByteStream) else None
            return Opened(peer(channel), own(channel), user, *shown(sink))
        channel = make_socket(want.address)
        try:
            set_options(channel, want.options)
            channel.settimeout(self._remaining(want))
            while True:
                try:
                    channel.connect(sockaddr(want.address))
                    break
                except socket.timeout as error:
                    # The system's own (ETIMEDOUT), or ours: then it may have come a trice early.
                    if error.errno is not None:
                        raise
                    channel.settimeout(self._remaining(want))
            channel.setblocking(False)
            user = peer_user(channel) if want.peer_user else None
        except BaseException:
            channel.close()
            raise
        self._socket = channel
        self._look = looker(channel)
        self._exact = in_c(channel)
        return Opened(peer(channel), own(channel), user)

    def _start_tls(self, want: StartTLS) -> Secured:
        from .. import tls

        engine = tls.engine(want.settings)
        done = False
        while not done:
            try:
                done = engine.handshake()
            except OSError:
                # The alert is a courtesy; its own failure must not hide ours.
                with contextlib.suppress(OSError):
                    self._outgoing.put(engine.drain())
                    self._flush(want)
                raise
            try:
                self._outgoing.put(engine.drain())
                self._flush(want)
                if done:
                    break
                self._wait(want, reading=True)
                data = self._socket.recv(CHUNK)
            except (BlockingIOError, InterruptedError):
                continue  # not readable after all
            except OSError as error:
                raise tls.system_failure(error) from error
            if data:
                engine.feed(data)
            else:
                engine.eof()
        secured: Secured = engine.secured()
        tls.check(want.settings, secured)
        self._engine = engine
        plain = engine.read()
        if plain:
            self._inbox.put(plain)
        return secured

    def _exchange(self, want: Exchange) -> bytes | None:
        inbox = self._inbox
        inbox.last = None  # whoever asks for more has it
        if want.data or self.unsent:
            self._send(want.data, want)
        if want.at_once:
            self._receive_waiting()
            if not inbox.size and not inbox.ended and inbox.failed is None:
                return None
            return inbox.take()
        while not inbox.enough(want):
            if inbox.size and inbox.size >= want.need:
                self._remaining(want)
                if not self._readable(LINGER):
                    break
            else:
                self._wait(want, reading=True)
            self._receive()
        return inbox.take()

    def _deliver(self, want: Deliver) -> bool:
        self._send(want.data, want)
        inbox = self._inbox
        if not inbox.size and self._readable(0):
            self._receive()
        return bool(inbox.size) or inbox.ended or inbox.failed is not None

    def _close(self, want: Want | None = None) -> None:  # noqa: ARG002 - the shape of a grant
        self._drop()

    def _call(self, want: Call) -> Any:
        return want.function(*want.args)

    def _compute(self, want: Compute) -> Any:
        if self._remaining(want) is None:
            return want.function(*want.args)
        return compute_within(lambda: self._remaining(want), want.function, want.args)

    def _aside(self, want: Aside) -> Any:
        other = BlockingPump()
        try:
            return other.run(want.dialogue, want.limit)
        finally:
            other.close()

    def _watch(self, want: Watch) -> list[BlockingPump]:
        pumps: list[BlockingPump] = want.channels
        for limit in want.begun:
            limit.begin(time.monotonic())
        stirred = [pump for pump in pumps if pump.stirred]
        while not stirred:
            remaining = self._remaining(want)
            ready = readable([pump._socket for pump in pumps], remaining)  # noqa: SLF001 - our own class
            stirred = [pumps[place] for place in ready]
        return stirred

    @property
    def stirred(self) -> bool:
        """Something was received and not handed out, or the end. The socket is not asked."""
        inbox = self._inbox
        return self._socket is None or bool(inbox.size) or inbox.ended or inbox.failed is not None

    # -- the short way ----------------------------------------------------------------------

    def ask(self, data: bytes) -> bytes | None:
        """Say something on a silent channel, and return what comes, b"" at the end; no dialogue.

        What came before a question is not its answer: if there is anything, nothing is said, and
        None returned, as while a trace is written. The same promises as with `run`, in the fewest
        steps: waiting is done in `poll` alone, and what arrives in more than one piece is gathered
        in the inbox. Whoever is interrupted asks `unsay` whether it is on its way; whoever has
        taken in the answer sets `asked` to False.

        Raises:
            OSError: what the network said.
        """
        inbox, look, outgoing = self._inbox, self._look, self._outgoing
        inbox.last = None
        if look is None or inbox.pieces or inbox.ended or inbox.failed is not None:
            return None
        if self.trace is not None or self.unsent or not self._sure or look(0):
            return None
        if self._engine is None and self._exact and len(data) <= _AT_ONCE:
            channel = self._socket
            sent: list[int] = []
            outgoing.queue = (data, sent, outgoing.queue[2] + 1)
            self.asked = True
            try:
                sent.extend(map(channel.send, (data,)))
            except OSError:
                pass  # `_send` makes of it what is to be made
            if sent and sent[0] == len(data):
                look()
                pieces = inbox.pieces
                try:
                    pieces.extend(map(channel.recv, _CHUNKS))
                except OSError:
                    pass  # nothing was taken
                else:
                    heard = pieces[0]
                    if looks_ready(heard):
                        # As in `Gathering.take`.
                        inbox.last = pieces
                        inbox.handed += len(heard)
                        inbox.pieces = []
                        return heard
                    if not heard:
                        inbox.ended = True
                        pieces.pop()
            data = b""
        else:
            outgoing.drop()
            self.asked = True
        return self._exchange(Exchange(data))

    def unsay(self) -> bool:
        """Take back what `ask` was to say, if nothing of it went out; return whether it did."""
        asked, self.asked = self.asked, False
        data, sent, _ = self._outgoing.queue
        if asked and (any(sent) or (bool(data) and self._engine is not None)):
            return True
        self._outgoing.drop()
        return False

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
        while not done:
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
                inbox.pieces.extend(map(self._socket.recv, _CHUNKS))
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
        if self.trace is not None:
            self.trace.stop()

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

    _GRANTS: ClassVar[dict[type[Want], Callable[[BlockingPump, Any], Any]]] = {
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
