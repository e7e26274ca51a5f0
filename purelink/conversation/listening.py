"""Listening for ever: which channels, when to try again, what may have been missed.

Floor 3, pure: a listener's memory. The faces (`cursors.listening`, `cursors.alistening`) hold its
clock and its connection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable, NamedTuple

from ..errors import InterfaceError
from ..values.quoting import identifier

if TYPE_CHECKING:
    from ..wire.wants import Dialogue
    from .talk import Talk

__all__ = ["Gap", "Listening"]

#: Seconds before the first new attempt, and at most; each time it is doubled.
DELAY_AT_FIRST, DELAY_AT_MOST = 0.1, 30.0


class Gap(NamedTuple):
    """A listener was not listening for a while: what was notified meanwhile is lost.

    Whoever keeps a state by notifications looks at the tables again now.

    Attributes:
        error: by which the connection was lost. seconds: how long nobody listened.
        attempts: to connect, until one succeeded.
    """

    error: BaseException
    seconds: float
    attempts: int


class Listening:
    """A listener's channels, and its patience.

    Args:
        chance: gives a number from 0 to 1, so that many clients don't come back at once.
    """

    def __init__(self, channels: tuple[str, ...], chance: Callable[[], float]) -> None:
        self.channels: dict[str, None] = dict.fromkeys(map(checked, channels))
        self._chance = chance
        self._attempts = 0
        self._lost: BaseException | None = None
        self._since = 0.0

    def lost(self, error: BaseException, now: float) -> None:
        """Note that the connection is gone."""
        if self._lost is None:
            self._lost, self._since, self._attempts = error, now, 0

    @property
    def missing(self) -> bool:
        """It was connected, and is not now."""
        return self._lost is not None

    def attempt(self) -> float:
        """Count an attempt to connect; return how many seconds to wait before it."""
        self._attempts += 1
        if self._attempts == 1:
            return 0.0
        delay = min(DELAY_AT_FIRST * 2.0 ** min(self._attempts - 2, 20), DELAY_AT_MOST)
        return delay * (0.5 + self._chance() / 2)

    def found(self, now: float) -> Gap | None:
        """Note that it listens again; return what was missed, None at the first time."""
        error, self._lost = self._lost, None
        attempts, self._attempts = self._attempts, 0
        return None if error is None else Gap(error, now - self._since, attempts)


def checked(channel: str) -> str:
    """Return a channel's name if it is one.

    Raises:
        InterfaceError: it is none: empty, or cut by the server (63 bytes).
    """
    if not isinstance(channel, str) or not channel or len(channel.encode("utf-8", "replace")) > 63:
        raise InterfaceError(f"{channel!r} cannot be a channel: 1 to 63 bytes")
    identifier(channel)
    return channel


def listen(talk: Talk, channels: tuple[str, ...], *, verb: str = "LISTEN") -> Dialogue[None]:
    """Listen on channels (or, `verb` UNLISTEN, no more), in one trip. Raises: as `Talk.query`."""
    session = talk.session
    names = [
        identifier(each, encoding=session.encoding, errors=session.encoding_errors)
        for each in channels
    ]
    if names:
        yield from talk.command("; ".join(f"{verb} {name}" for name in names))
