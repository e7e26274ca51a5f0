"""The blocking pump: plain sockets, no thread, no event loop.

Floor 4. `BlockingPump.run(dialogue)` grants wants until the dialogue returns. One pump has one
channel, which lives from `Open` to `Close`; how bytes move on it, waiting, interrupted or not, is
`Line`'s.
"""

from __future__ import annotations

import contextlib
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
    Open,
    Opened,
    Resolve,
    StartTLS,
    Want,
    Watch,
)
from .channel import CHUNK, LINGER, addresses
from .line import CHUNKS, Line
from .sockets import (
    host_bytes,
    in_c,
    looker,
    make_socket,
    own,
    peer,
    peer_user,
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

#: What an idle channel takes in one piece, as a rule.
_AT_ONCE = 16384
_READY = b"Z\0\0\0\5"


class BlockingPump(Line):
    """Runs dialogues over one blocking channel.

    Args:
        stream: a connected socket or socket-like object to use instead of opening one.

    Attributes:
        trace: writes down what every run from now on says and hears; None: nobody does.
        asked: see `ask`.
    """

    def __init__(self, stream: Any = None) -> None:
        super().__init__(stream)
        self._given = stream is not None
        self.asked = False
        #: sends and receives on a plain socket, both of them C
        self._quick: tuple[Callable[..., Any], ...] | None = None
        #: what the `send` of `ask` took, nothing yet or all; None: the queue tells
        self._sent: list[int] | None = None
        self.trace: Trace | None = None

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
            self._watched(channel)
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
        self._watched(channel)
        return Opened(peer(channel), own(channel), user)

    def _watched(self, channel: Any) -> None:
        """Note by what means a channel is asked."""
        look = self._look = None if isinstance(channel, ByteStream) else looker(channel)
        self._exact = in_c(channel)
        self._quick = (channel.send, channel.recv) if look and self._exact else None

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
        self._quick = None
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
        inbox, look = self._inbox, self._look
        if look is None or inbox.pieces or inbox.ended or inbox.failed is not None:
            return None
        if self._outgoing.queue[0]:
            if self.unsent:
                return None
            self._outgoing.drop()  # the last question's, if it went that way
        if self.trace is not None or not self._sure or look(0):
            return None
        quick = self._quick
        if quick is None or len(data) > _AT_ONCE:
            self._sent = None
            self.asked = True
            return self._exchange(Exchange(data))
        send, recv = quick
        inbox.last = None
        sent: list[int] = []
        self._sent = sent
        self.asked = True
        pieces = inbox.pieces
        try:
            sent.extend(map(send, (data,)))
            if sent[0] == len(data):
                look()
                pieces.extend(map(recv, CHUNKS))
                heard = pieces[0]
                if heard[-6:-1] == _READY:
                    # As in `Gathering.take`.
                    inbox.last = pieces
                    inbox.handed += len(heard)
                    inbox.pieces = []
                    return heard
        except OSError:
            pass  # nothing was moved; `_exchange` makes of it what is to be made
        if not sent:
            self._sent = None
            return self._exchange(Exchange(data))
        if pieces and not pieces[-1]:
            inbox.ended = True
            pieces.pop()
        return self._exchange(Exchange(data[sent[0] :]))

    def unsay(self) -> bool:
        """Take back what `ask` was to say, if nothing of it went out; return whether it did."""
        asked, self.asked = self.asked, False
        sent = self._sent
        if asked and (any(sent) if sent is not None else self._outgoing.queue[0]):
            return True
        self._outgoing.drop()
        return False

    def _drop(self) -> None:
        self._quick = None
        super()._drop()

    def forget(self) -> None:
        """Let the channel go without a byte: in a forked child it belongs to the parent."""
        self._quick = None
        super().forget()

    def close(self) -> None:
        """Close the channel, if there is one. Never fails, never waits."""
        super().close()
        if self.trace is not None:
            self.trace.stop()

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
