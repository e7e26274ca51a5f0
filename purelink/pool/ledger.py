"""A pool's bookkeeping: who waits, what is idle, what is out, what is due. No I/O, no clock.

Floor 2: knows `errors` alone. `now` is handed in, seconds of any steady clock; so is chance. The
rules of the pool stand here once, for both faces:

* **Fair.** Whoever asks gets a `Ticket`; tickets are served in the order of their numbers, and
  nobody overtakes. A ticket is given an idle connection, or a `SLOT`: the right to make one.
  Whoever finds that what was given is no good goes back to the old place in the queue.
* **Hot stays hot.** The connection that came back last goes out first; those at the cold end grow
  old, and what is idle for `max_idle` goes while more than `min_size` are left.
* **A dead server is knocked at by one.** After a failed attempt nobody gets a slot until a pause is
  over, then the first in the queue alone; the pause doubles up to a limit and is never the same.
  Connections that stand are served meanwhile.
* **What is out is not held.** A connection that its borrower loses is found to be gone.

A call is one step: between two calls the books are right. The faces see to it that steps don't
overlap.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from typing import Any, Callable

from ..errors import InterfaceError, PoolClosed, TooManyRequests
from .entries import SLOT, Member, Rules, Ticket

__all__ = ["Ledger"]

#: A lifetime and an idle time end early by up to this part, so that what was born together does
#: not die together.
JITTER = 0.1
#: The pause after a failed attempt, in seconds: the first, and the longest.
FIRST_PAUSE = 0.25
LONGEST_PAUSE = 5.0

_NEVER = float("inf")


class Ledger:
    """The books of one pool.

    Args:
        chance: a number from 0 to 1, another each time.
        attend: called when the pool should be looked after sooner than `attended` says.

    Attributes:
        closed: nobody gets anything any more.
        attended: until when the pool needs no looking after; whoever looks after it sets it.
        last_error: of the attempt that failed last, until one succeeds.
    """

    def __init__(
        self, rules: Rules, *, chance: Callable[[], float], attend: Callable[[], object]
    ) -> None:
        self.rules = rules.check()
        self._chance = chance
        self._attend = attend
        self.closed = False
        self.attended = _NEVER
        self.idle: list[Member] = []
        self.out: dict[int, Member] = {}
        self.making = 0
        self.queue: list[Ticket] = []
        self.watchers: set[Ticket] = set()
        self._lost: list[Member] = []
        self._look_at = _NEVER
        self._numbers = 0
        self._generation = 0
        self._failures = 0
        self._failing_since = 0.0
        self._failed_at = -_NEVER
        self.retry_at = 0.0
        self.given_up = False
        self.last_error: BaseException | None = None
        self.counts: dict[str, float] = dict.fromkeys(COUNTS, 0)

    # -- sizes ------------------------------------------------------------------------------

    @property
    def standing(self) -> int:
        """Connections that are made: idle and out."""
        return len(self.idle) + len(self.out)

    @property
    def size(self) -> int:
        """Those, and those being made."""
        return len(self.idle) + len(self.out) + self.making

    def _room(self, now: float) -> bool:
        """Tell whether one more may be made now."""
        if self.rules.max_size and self.size >= self.rules.max_size:
            return False
        return not self._failures or (now >= self.retry_at and not self.making)

    # -- the queue --------------------------------------------------------------------------

    def enter(self, ticket: Ticket, now: float) -> None:
        """Draw a number, and be served if it is one's turn.

        Raises:
            PoolClosed: it is closed.
            TooManyRequests: `max_waiting` wait already.
        """
        self.counts["requests_num"] += 1
        if self.closed:
            self.counts["requests_errors"] += 1
            raise PoolClosed("the pool is closed")
        self._numbers += 1
        ticket.number, ticket.since = self._numbers, now
        self._queue(ticket)
        self.serve(now)
        if not ticket.queued:
            return
        if self.rules.max_waiting and len(self.queue) > self.rules.max_waiting:
            self._unqueue(ticket)
            self.counts["requests_errors"] += 1
            raise TooManyRequests(
                f"the pool has {len(self.queue)} requests waiting already (max_waiting)"
            )
        self.counts["requests_queued"] += 1

    def again(self, ticket: Ticket, now: float) -> None:
        """Go back to one's place: what was given was no good, and is off the books."""
        ticket.given = None
        self._queue(ticket)
        self.serve(now)

    def leave(self, ticket: Ticket, now: float) -> None:
        """Go without; a slot goes to the next."""
        if ticket.queued:
            first = self.queue[0] is ticket
            self._unqueue(ticket)
            if first and self.queue:
                self.queue[0].wake()  # it is the first that sees to the end of a pause
        elif ticket.given == SLOT:
            self.making -= 1
        ticket.given = None
        self.counts["requests_errors"] += 1
        self.serve(now)

    def served(self, ticket: Ticket, now: float) -> None:
        """Count a request that got what it asked for."""
        self.counts["requests_wait_ms"] += 1000 * (now - ticket.since)

    def patience(self, ticket: Ticket, now: float, deadline: float) -> float:
        """Return for how many seconds a ticket may wait before it looks again."""
        until = deadline
        if self._failures and self.queue and self.queue[0] is ticket and not self.making:
            until = min(until, max(self.retry_at, now))
        return max(until - now, 0.0)

    def serve(self, now: float) -> None:
        """Give what there is to those who wait, first come, first served."""
        self.reap(now)
        queue = self.queue
        while queue and not self.closed:
            if self.idle:
                given: Member | str = self.take()
            elif self._room(now):
                self.making += 1
                given = SLOT
            else:
                break
            first = queue.pop(0)
            first.queued = False
            first.given = given
            first.wake()
        for watcher in self.watchers:
            watcher.wake()

    def _queue(self, ticket: Ticket) -> None:
        insort(self.queue, ticket)
        ticket.queued = True

    def _unqueue(self, ticket: Ticket) -> None:
        del self.queue[bisect_left(self.queue, ticket)]
        ticket.queued = False

    # -- making -----------------------------------------------------------------------------

    def slot(self, now: float) -> bool:
        """Take a slot to fill the pool up to `min_size`; False: there is no need, or no room."""
        if self.closed or self.size >= self.rules.min_size or not self._room(now):
            return False
        self.making += 1
        return True

    def made(self, connection: Any, began: float, now: float) -> Member:
        """Enter what was made in a slot. It is out, and its maker's."""
        self.making -= 1
        self._failures = 0
        self.given_up = False
        self.last_error = None
        self.counts["connections_num"] += 1
        self.counts["connections_ms"] += 1000 * (now - began)
        lifetime = self.rules.max_lifetime * (1 - JITTER * self._chance())
        member = Member(connection, now + lifetime, self._generation)
        self.reap(now)
        self.out[id(connection)] = member
        member.out_since = now
        if self.size < self.rules.min_size:
            self.attend_by(now)  # where a pool had given up, it takes heart
        return member

    def failed(self, error: BaseException, began: float, now: float) -> bool:
        """Enter an attempt that failed; True: for longer than `reconnect_timeout`, tell it."""
        self.making -= 1
        self.counts["connections_num"] += 1
        self.counts["connections_errors"] += 1
        self.last_error = error
        if self.queue:
            self.queue[0].wake()  # to see for how long it is to wait now
        if began < self._failed_at:
            return False  # of one bunch: the first has told it
        if not self._failures:
            self._failing_since = began
        self._failures += 1
        self._failed_at = now
        pause = min(FIRST_PAUSE * 2 ** min(self._failures - 1, 30), LONGEST_PAUSE)
        self.retry_at = now + pause * (0.5 + 0.5 * self._chance())
        tell = not self.given_up and now - self._failing_since >= self.rules.reconnect_timeout
        self.given_up = self.given_up or tell
        self.attend_by(self.retry_at)
        return tell

    def unmade(self, now: float) -> None:
        """Give a slot back: its attempt was called off, or ended for no fault of the server's."""
        self.making -= 1
        self.serve(now)

    # -- out and in -------------------------------------------------------------------------

    def take(self) -> Member:
        """Take the connection that came back last; it is out from now on."""
        member = self.idle.pop()
        self.out[id(member.connection)] = member
        return member

    def lend(self, member: Member, now: float) -> Any:
        """Hand a connection that is out to its borrower."""
        connection = member.connection
        member.out_since = now
        member.lend(self._lost.append)
        return connection

    def returning(self, connection: Any, now: float) -> Member:
        """Return the member that comes back; its borrower has it no longer.

        Raises:
            InterfaceError: it did not go out from here, or came back already.
        """
        member = self.out.get(id(connection))
        if member is None or not member.is_lent or member.connection is not connection:
            raise InterfaceError(
                f"{connection!r} is not out of this pool: it came back already, or never was its"
            )
        member.keep()
        self.counts["usage_ms"] += 1000 * (now - member.out_since)
        return member

    def is_welcome(self, member: Member, now: float) -> bool:
        """Tell whether a sound connection is to be kept."""
        if self.closed or member.expires <= now or member.generation != self._generation:
            return False
        if self.rules.max_size and self.size > self.rules.max_size:
            return False
        return self.rules.keeps or bool(self.queue)

    def settle(self, member: Member, now: float) -> None:
        """Put a connection that was out among the idle, or hand it to the first who waits."""
        del self.out[id(member.connection)]
        member.idle_until = now + self.rules.max_idle * (1 - JITTER * self._chance())
        self.idle.append(member)
        due = self._due(member)
        self._look_at = min(self._look_at, due)
        self.serve(now)
        self.attend_by(due)

    def discard(self, member: Member, now: float) -> None:
        """Strike off a connection that was out; whoever strikes it off closes it."""
        self.out.pop(id(member.connection), None)
        self.serve(now)
        if self.size < self.rules.min_size:
            self.attend_by(max(now, self.retry_at if self._failures else now))

    def reap(self, now: float) -> None:
        """Strike off those that their borrowers lost."""
        while self._lost:
            member = self._lost.pop()
            for key, other in list(self.out.items()):
                if other is member:
                    del self.out[key]
                    self.counts["returns_bad"] += 1
                    self.counts["usage_ms"] += 1000 * (now - member.out_since)

    # -- what is due ------------------------------------------------------------------------

    def overdue(self, now: float) -> list[Member]:
        """Strike off the idle ones whose time is over, and return them to be closed."""
        if now < self._look_at:
            return []
        spare = self.standing - self.rules.min_size
        gone: list[Member] = []
        for member in self.idle:
            over = member.expires <= now or member.generation != self._generation
            if over or (member.idle_until <= now and spare > len(gone)):
                gone.append(member)
        excess = self.size - len(gone) - self.rules.max_size if self.rules.max_size else 0
        gone += [member for member in self.idle if member not in gone][: max(excess, 0)]
        if gone:
            self.idle = [member for member in self.idle if member not in gone]
        self._look_at = min((self._due(member) for member in self.idle), default=_NEVER)
        return gone

    def _due(self, member: Member) -> float:
        spare = self.standing > self.rules.min_size
        return min(member.expires, member.idle_until) if spare else member.expires

    def due(self, now: float) -> float:
        """Return when the pool needs looking after next; infinity: not before something happens."""
        if self.closed:
            return _NEVER
        times = [self._due(member) for member in self.idle]
        if self.size < self.rules.min_size and not self.given_up:
            times.append(self.retry_at if self._failures else now)
        return min(times, default=_NEVER)

    def attend_by(self, when: float) -> None:
        """Call for whoever looks after the pool, if they would come too late."""
        if when < self.attended and not self.closed:
            self.attended = when
            self._attend()

    # -- its whole life ---------------------------------------------------------------------

    def resize(self, min_size: int, max_size: int, now: float) -> None:
        """Be of another size from now on. Raises: InterfaceError."""
        self.rules = self.rules._replace(min_size=min_size, max_size=max_size).check()
        self._look_at = now
        self.serve(now)
        self.attend_by(now)

    def drain(self, now: float) -> None:
        """Let none of today's connections be used again."""
        self._generation += 1
        self._look_at = now
        self.attend_by(now)

    def close(self) -> list[Member]:
        """Send everybody away; return the idle ones, to be closed."""
        self.closed = True
        idle, self.idle = self.idle, []
        for ticket in self.queue:
            ticket.queued = False
            ticket.wake()
        self.queue.clear()
        for watcher in self.watchers:
            watcher.wake()
        return idle

    def statistics(self, *, pop: bool = False) -> dict[str, int]:
        """Return the state and what was counted; `pop`: count anew from here."""
        found = {
            "pool_min": self.rules.min_size,
            "pool_max": self.rules.max_size,
            "pool_size": self.size,
            "pool_available": len(self.idle),
            "requests_waiting": len(self.queue),
        }
        found.update({name: int(value) for name, value in self.counts.items()})
        if pop:
            self.counts = dict.fromkeys(COUNTS, 0)
        return found


COUNTS = (
    "usage_ms",
    "requests_num",
    "requests_queued",
    "requests_wait_ms",
    "requests_errors",
    "returns_bad",
    "connections_num",
    "connections_ms",
    "connections_errors",
    "connections_lost",
)
