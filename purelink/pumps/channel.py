"""What both pumps share: when a read has gathered enough, and TLS over bytes.

Floor 4. `Gathering` holds what was received and not handed out yet; nothing received is ever
dropped, not by a time limit nor by a cancelled task, so a connection can be brought back into
step. TLS is an `Engine` fed with ciphertext: the socket stays raw in both pumps.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from ..wire.wants import Address

if TYPE_CHECKING:
    from ..wire.wants import Exchange

__all__ = ["CHUNK", "Gathering", "addresses", "looks_ready", "timestamp"]

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


class Gathering:
    """Plaintext received and not handed out.

    Attributes:
        ended: the peer closed; after what is still here comes b"".
        failed: an error to be thrown once what came before it was handed out.
        handed: how many bytes were handed out.
    """

    __slots__ = ("ended", "failed", "handed", "pieces", "size")

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.size = 0
        self.handed = 0
        self.ended = False
        self.failed: OSError | MemoryError | None = None

    def put(self, data: bytes) -> None:
        """Take what was received."""
        self.pieces.append(data)
        self.size += len(data)

    def enough(self, want: Exchange) -> bool:
        """Tell whether what is here answers a want without waiting for anything more."""
        if self.ended or self.failed is not None:
            return True
        if not self.size:
            return False
        if self.size < want.need:
            return False
        return want.first or want.need > 0 or self.size >= CHUNK or looks_ready(self.pieces[-1])

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
        # Counted first: an interrupt that loses the data shows in the count.
        self.handed += len(data)
        self.pieces = []
        self.size = 0
        return data


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
