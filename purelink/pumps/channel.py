"""What both pumps share: when a read has gathered enough, and TLS over bytes.

Floor 4. `Gathering` holds what was received and not handed out yet; nothing received is ever
dropped, not by a time limit nor by a cancelled task nor by Ctrl-C, so a connection can be brought
back into step; `Outgoing` knows as exactly what went out. TLS is an `Engine` fed with
ciphertext: the socket stays raw in both pumps.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from ..wire.wants import Address

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..wire.wants import Exchange

__all__ = ["CHUNK", "Gathering", "Outgoing", "addresses", "looks_ready", "timestamp"]

#: One receive's size, six of the pieces that a server sends: with the rest of a row before it
#: that is decoded at once (`values.bulk`). A bigger one costs more: its block is mapped and
#: unmapped each time.
CHUNK = 49152
#: How long to wait for more of an answer that does not look finished, in seconds.
LINGER = 0.001


def looks_ready(data: bytes) -> bool:
    """Tell whether bytes end in what looks like ReadyForQuery: then nothing more is coming.

    Nor behind PortalSuspended, which ends a stream's chunk. A value that looks so by chance only
    ends a gathering early.
    """
    return data[-6:-1] == b"Z\x00\x00\x00\x05" or data[-5:] == b"s\x00\x00\x00\x04"


#: What is sent at once, at most.
_PIECE = 262144
#: After so many sends what went out is dropped, not counted again each time.
_MANY = 64


class Outgoing:
    """What is to be sent, and how much of it went out: exact at every moment.

    An interrupt (Ctrl-C) comes between two steps of byte code, never inside a call from C to C: so
    sending and counting are one call. The queue is replaced as a whole, in one step.

    Attributes:
        queue: the bytes, how many of them each send took, and how often something was put here.
    """

    __slots__ = ("queue",)

    def __init__(self) -> None:
        self.queue: tuple[bytes | memoryview, list[int], int] = (b"", [], 0)

    def put(self, data: bytes) -> None:
        """Take bytes to be sent behind those that are not out yet."""
        rest = self.rest()
        self.queue = (bytes(rest) + data if rest else data, [], self.queue[2] + 1)

    def rest(self) -> bytes | memoryview:
        """Return what has not gone out yet."""
        data, sent, _ = self.queue
        done = sum(sent)
        if not done:
            return data
        return b"" if done == len(data) else memoryview(data)[done:]

    def send(self, send: Callable[[bytes | memoryview], int]) -> bool:
        """Send a piece; return whether all is out.

        Raises: what `send` raises; nothing went out then.
        """
        data, sent, number = self.queue
        if len(sent) > _MANY:
            data, sent = self.rest(), []
            self.queue = (data, sent, number)
        done = sum(sent)
        if done < len(data):
            sent.extend(map(send, (memoryview(data)[done : done + _PIECE],)))
            done += sent[-1]
        return done == len(data)

    def drop(self) -> None:
        """Forget it all, out or not."""
        self.queue = (b"", [], self.queue[2])


class Gathering:
    """Plaintext received and not handed out.

    Attributes:
        pieces: what was received, as it came; a blocking pump has the kernel's answer put here in
            one call from C to C (see `Outgoing`).
        ended: the peer closed; after what is still here comes b"".
        failed: an error to be thrown once what came before it was handed out.
        handed: how many bytes were handed out; last: the pieces of it that were so last, until
            more is asked for.
    """

    __slots__ = ("_counted", "ended", "failed", "handed", "last", "pieces")

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.last: list[bytes] | None = None
        self.handed = 0
        self.ended = False
        self.failed: OSError | MemoryError | None = None
        self._counted: tuple[list[bytes], int, int] = (self.pieces, 0, 0)

    @property
    def size(self) -> int:
        """How many bytes are here."""
        pieces = self.pieces
        counted, number, size = self._counted
        if counted is not pieces:
            number = size = 0
        if number != len(pieces):
            number, size = len(pieces), size + sum(map(len, pieces[number:]))
            self._counted = (pieces, number, size)
        return size

    def put(self, data: bytes) -> None:
        """Take what was received."""
        self.pieces.append(data)

    def enough(self, want: Exchange) -> bool:
        """Tell whether what is here answers a want without waiting for anything more."""
        if self.ended or self.failed is not None:
            return True
        size = self.size
        if not size or size < want.need:
            return False
        return want.first or want.need > 0 or size >= CHUNK or looks_ready(self.pieces[-1])

    def take(self) -> bytes:
        """Hand out everything; b"" when the peer closed and nothing is left.

        Raises:
            OSError: what the network said, if nothing came before it. (MemoryError: it was us.)
        """
        pieces = self.pieces
        if not pieces:
            if self.failed is not None:
                raise self.failed
            return b""
        data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        # In this order: an interrupt that loses the data shows in the count, and it can be put
        # back, here or not.
        self.last = pieces
        self.handed += len(data)
        self.pieces = []
        return data

    def put_back(self, size: int) -> bool:
        """Take back what was handed out last, if it was so many bytes; return whether it was."""
        last = self.last
        if last is None or sum(map(len, last)) != size:
            return False
        self.last = None
        if self.pieces is not last:
            self.pieces = last + self.pieces
        self.handed -= size
        return True


def addresses(found: list[Any]) -> list[Address]:
    """Return the TCP addresses of a getaddrinfo result, in its order, without repeats."""
    seen: list[Address] = []
    for family, _, _, _, sockaddr in found:
        address = Address("tcp", sockaddr[0], sockaddr[1], (family, sockaddr))
        if address not in seen:
            seen.append(address)
    return seen


def timestamp() -> str:
    """Return the local time as a trace shows it: "2026-01-31 23:59:59.000001"."""
    seconds, microseconds = divmod(time.time_ns() // 1000, 1_000_000)
    return f"{time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(seconds))}.{microseconds:06d}"
