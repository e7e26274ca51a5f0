"""The keys of recent SCRAM logins, so that the next one need not count them out again.

Floor 1, pure: the random bytes are handed in. 4,096 rounds of PBKDF2 are half of what a login
costs a client; the keys that come out depend on password, salt and count alone. Kept in memory
only, for servers that have proved to know the password: one that makes salts up leaves nothing.

Source: RFC 7677, section 4, which tells clients to keep the ClientKey.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from . import scram
from .scram import Keys, Secret
from .wants import Compute

if TYPE_CHECKING:
    from .wants import Dialogue, Limit

__all__ = ["ROOM", "KeyRing", "derive"]

#: Counts up to here are run on the spot (about 10 ms); others are a `Compute`.
_SHORT = 20_000

#: so many logins are remembered; the one unused for longest goes first
ROOM = 64


class KeyRing(Secret):
    """Remembers keys by password, salt and count, without holding a password.

    Threads may share it: what they lose to each other is computed once more.

    Args:
        entropy: 32 random bytes of this process; tags mean nothing without them.
    """

    __slots__ = ("_entropy", "_kept")

    def __init__(self, entropy: bytes) -> None:
        self._entropy = entropy
        self._kept: dict[bytes, Keys] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def tag(self, prepared: bytes, salt: bytes, iterations: int) -> bytes:
        """Return by what the keys of a login are found; the password cannot be read from it."""
        from hmac import digest

        lengths = b"%d %d %d:" % (len(prepared), len(salt), iterations)
        return digest(self._entropy, lengths + prepared + salt, "sha256")

    def find(self, tag: bytes) -> Keys | None:
        """Return the keys, or None."""
        found = self._kept.pop(tag, None)
        if found is not None:
            self._kept[tag] = found
        return found

    def keep(self, tag: bytes, found: Keys) -> None:
        """Remember keys; the server has proved itself with them."""
        self._kept[tag] = found
        while len(self._kept) > ROOM:
            with suppress(RuntimeError):  # another thread was quicker
                self._kept.pop(next(iter(self._kept)), None)

    def clear(self) -> None:
        """Forget all."""
        self._kept.clear()


def derive(
    keyring: KeyRing | None, prepared: bytes, salt: bytes, iterations: int, limit: Limit | None
) -> Dialogue[tuple[bytes, Keys]]:
    """Return what a password gives, known from an earlier login or counted out, and its tag.

    Args:
        keyring: None: nothing is remembered.
        prepared, salt, iterations: as `salted_password` takes them.
        limit: for the counting.
    """
    tag = b""
    if keyring is not None:
        tag = keyring.tag(prepared, salt, iterations)
        known = keyring.find(tag)
        if known is not None:
            return tag, known
    work = (prepared, salt, iterations)
    if iterations > _SHORT:
        salted = yield Compute(scram.salted_password, *work, limit=limit)
    else:
        salted = scram.salted_password(*work)
    return tag, scram.keys(salted)
