"""What stands in a pool's books: the rules, the members, the tickets.

Floor 2: knows `errors` alone.
"""

from __future__ import annotations

import weakref
from typing import Any, Callable, NamedTuple

from ..errors import InterfaceError

__all__ = ["SLOT", "Member", "Rules", "Ticket"]

#: What a ticket is given when there is no idle connection, but room for one more.
SLOT = "slot"

_NEVER = float("inf")


class Rules(NamedTuple):
    """What was asked of a pool. Seconds; `max_size` and `max_waiting` 0: no limit.

    keeps: False: a connection that nobody waits for is closed when it comes back.
    """

    min_size: int
    max_size: int
    max_waiting: int
    max_lifetime: float
    max_idle: float
    reconnect_timeout: float
    keeps: bool

    def check(self) -> Rules:
        """Return them, if they make sense. Raises: InterfaceError."""
        for name in ("min_size", "max_size", "max_waiting"):
            value = getattr(self, name)
            if not isinstance(value, int) or value < 0:
                raise InterfaceError(f"{name} must be a whole number, 0 or more: {value!r}")
        if self.max_size and self.min_size > self.max_size:
            raise InterfaceError(
                f"max_size ({self.max_size}) must not be less than min_size ({self.min_size})"
            )
        if not self.max_size and self.keeps:
            raise InterfaceError("max_size must be 1 or more")
        for name in ("max_lifetime", "max_idle", "reconnect_timeout"):
            if not getattr(self, name) > 0:
                raise InterfaceError(f"{name} must be a number of seconds above 0")
        return self


class Member:
    """One connection of the pool.

    Attributes:
        expires: when it is to be replaced.
        idle_until: when it has been idle for too long.
        generation: the number of drains before its birth.
        settled: the connection's settings after `configure`, to go back to.
    """

    __slots__ = ("_kept", "_lent", "expires", "generation", "idle_until", "out_since", "settled")

    def __init__(self, connection: Any, expires: float, generation: int) -> None:
        self._kept: Any = connection
        self._lent: weakref.ref[Any] | None = None
        self.expires = expires
        self.idle_until = _NEVER
        self.generation = generation
        self.out_since = 0.0
        self.settled: dict[str, Any] = {}

    @property
    def connection(self) -> Any:
        """The connection; None if its borrower has lost it."""
        return self._kept if self._lent is None else self._lent()

    def lend(self, lost: Callable[[Member], object]) -> None:
        """Hold it no longer; `lost` is told should it vanish."""
        connection, self._kept = self._kept, None
        # A callback of its own for each, since two may be lost between two steps.
        self._lent = weakref.ref(connection, lambda _: lost(self))

    @property
    def is_lent(self) -> bool:
        """Its borrower has it, and nobody else."""
        return self._lent is not None

    def keep(self) -> None:
        """Hold it again."""
        self._kept = self.connection
        self._lent = None


class Ticket:
    """A place in the queue.

    Args:
        wake: called when there is something to see, perhaps nothing; must not wait.

    Attributes:
        given: a `Member`, `SLOT`, or None: wait.
        since: when it was drawn.
    """

    __slots__ = ("given", "number", "queued", "since", "wake")

    def __init__(self, wake: Callable[[], object]) -> None:
        self.wake = wake
        self.given: Member | str | None = None
        self.number = 0
        self.since = 0.0
        self.queued = False

    def __lt__(self, other: Ticket) -> bool:
        return self.number < other.number
