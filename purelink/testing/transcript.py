"""A pump without a world: runs any dialogue from lists of bytes, and keeps what it wrote.

Floor 6; no socket, no clock. Every read gives the next piece of the channel's list, whole or cut
into single bytes; so one telling of a conversation can be tried in every way it may arrive:

    transcript = Transcript([b"N", HELLO, READY], bytewise=True)
    connected = transcript.run(connect(plan))
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from ..wire.wants import (
    Address,
    Aside,
    Call,
    Close,
    Compute,
    Deliver,
    Exchange,
    Open,
    Opened,
    Resolve,
    StartTLS,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Union

    from ..wire.wants import Dialogue, Secured, Want

    Piece = Union[bytes, BaseException]

__all__ = ["Transcript", "drive"]

T = TypeVar("T")


class Transcript:
    """Grants wants from lists.

    Args:
        channels: one list for each channel, in the order in which they are opened: what each
            read gives. An exception is raised there; as a list's first item, by `Open`. A list
            that is used up gives b"": closed by the server. A dialogue that reads without
            opening a channel has the first; one that runs aside opens the next.
        bytewise: give every piece one byte at a time.
        early: what an `Exchange(at_once=True)` finds; None: nothing has come.
        secured: what `StartTLS` gives; None: it fails.
        addresses: name -> its addresses, or an exception; other names are 192.0.2.1.

    Attributes:
        written: for each channel, what was written to it. wants: the names of all wants, in
            order. closed: how many channels were closed.
    """

    def __init__(
        self,
        *channels: Sequence[Piece],
        bytewise: bool = False,
        early: bytes | None = None,
        secured: Secured | None = None,
        addresses: dict[str, list[str] | BaseException] | None = None,
    ) -> None:
        self._channels = [_cut(each) if bytewise else list(each) for each in channels]
        self._current = 0
        self._early = early
        self._secured = secured
        self._addresses = addresses or {}
        self.written: list[bytearray] = []
        self.wants: list[str] = []
        self.closed = 0

    def run(self, dialogue: Dialogue[T]) -> T:
        """Run a dialogue to its end; return its result, or raise what it raises."""
        try:
            want = next(dialogue)
            while True:
                self.wants.append(type(want).__name__)
                try:
                    given = getattr(self, self._GRANTS[type(want)])(want)
                except Exception as error:
                    want = dialogue.throw(error)
                else:
                    want = dialogue.send(given)
        except StopIteration as stop:
            result: T = stop.value
            return result

    def _channel(self) -> list[Piece]:
        if not self.written:
            self.written.append(bytearray())
        return self._channels[self._current]

    def _open(self, want: Open) -> Opened:
        self._current = len(self.written)
        self.written.append(bytearray())
        channel = self._channels[self._current]
        if channel and isinstance(channel[0], BaseException):
            raise channel.pop(0)  # type: ignore[misc]  # looked at just now
        return Opened((want.address.host, want.address.port), ("192.0.2.2", 1), "postgres")

    def _exchange(self, want: Exchange) -> bytes | None:
        channel = self._channel()
        self.written[self._current] += want.data
        if want.at_once:
            early, self._early = self._early, None
            return early
        if not channel:
            return b""
        piece = channel.pop(0)
        if isinstance(piece, BaseException):
            raise piece
        while len(piece) < want.need and channel:
            more = channel[0]
            if not isinstance(more, bytes):
                break
            piece += more
            channel.pop(0)
        return piece

    def _deliver(self, want: Deliver) -> bool:
        self._channel()
        self.written[self._current] += want.data
        return False

    def _resolve(self, want: Resolve) -> list[Address]:
        found = self._addresses.get(want.host, ["192.0.2.1"])
        if isinstance(found, BaseException):
            raise found
        return [Address("tcp", host, want.port) for host in found]

    def _start_tls(self, _want: StartTLS) -> Secured:
        if self._secured is None:
            raise OSError("no TLS here")
        return self._secured

    def _close(self, _want: Close) -> None:
        self.closed += 1

    def _call(self, want: Call | Compute) -> Any:
        return want.function(*want.args)

    def _aside(self, want: Aside) -> Any:
        here = self._current
        try:
            return self.run(want.dialogue)
        finally:
            self._current = here

    #: by name, so that a subclass may watch what is granted
    _GRANTS: ClassVar[dict[type[Want], str]] = {
        Exchange: "_exchange",
        Deliver: "_deliver",
        Resolve: "_resolve",
        Open: "_open",
        StartTLS: "_start_tls",
        Close: "_close",
        Call: "_call",
        Compute: "_call",
        Aside: "_aside",
    }


def _cut(pieces: Sequence[Piece]) -> list[Piece]:
    cut: list[Piece] = []
    for piece in pieces:
        if isinstance(piece, bytes):
            cut += [piece[place : place + 1] for place in range(len(piece))]
        else:
            cut.append(piece)
    return cut


def drive(dialogue: Dialogue[T], *pieces: Piece, bytewise: bool = False) -> tuple[T, bytes]:
    """Run a dialogue on one channel; return its result and what it wrote."""
    transcript = Transcript(pieces, bytewise=bytewise)
    result = transcript.run(dialogue)
    return result, bytes(transcript.written[0]) if transcript.written else b""
