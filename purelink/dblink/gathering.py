"""One query on many links at once, the results as they come.

Floor 4, pure. Each link is asked in turn; then whichever answers is read, a piece at a time, so
that neither threads nor tasks are needed: `Watch` waits for all of them together. An error belongs
to its link, and the others go on.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Callable, Iterable, Mapping, NamedTuple

from ..errors import Error, InterfaceError, Timeout
from ..wire.wants import Call, Dialogue, Limit, LimitExpired, Watch
from . import refusals, rules
from .reading import Reading, Rows

if TYPE_CHECKING:
    from .columns import Column, Columns
    from .ledger import Slot
    from .links import Links
    from .opening import Link

__all__ = ["Gathered", "Gathering", "Progress"]


class Gathered(NamedTuple):
    """What came of one link.

    Attributes:
        name: the link's.
        rows: its rows, tuples; none where it failed.
        column_names: of the rows.
        error: what dblink would have raised; None.
    """

    name: str
    rows: list[tuple[Any, ...]]
    column_names: list[str]
    error: Error | None

    def result(self) -> list[tuple[Any, ...]]:
        """Return the rows. Raises: the error, where there is one."""
        if self.error is not None:
            raise self.error
        return self.rows


#: called with each result, how many there are by now, and how many there will be
Progress = Callable[[Gathered, int, int], object]


class _Running:
    """A link that was asked and has not answered to the end."""

    def __init__(self, slot: Slot[Link], rows: Rows, limit: Limit | None) -> None:
        self.slot = slot
        self.rows = rows
        self.limit = limit


class Gathering:
    """One query on many links.

    Args:
        links: the session's. names: whom to ask; None: every named link.
        sql: the text, or one for each name. wanted: the columns, as `Links.query` takes them.
        together: how many run at a time; None: all.
        timeout: seconds for each, from when it was asked; None waits for ever.
        progress: told of each result.

    Raises:
        InterfaceError: a name stands twice, or has no text; `together` is no positive number.
    """

    def __init__(
        self,
        links: Links,
        names: Iterable[str] | None,
        sql: str | Mapping[str, str],
        wanted: Columns,
        *,
        together: int | None,
        timeout: float | None,
        progress: Progress | None,
    ) -> None:
        if together is not None and (isinstance(together, bool) or together < 1):
            raise InterfaceError("limit must be a positive number, or None")
        if isinstance(names, str):
            raise InterfaceError("names are a list of names, not one text")
        if names is None:
            names = sql if isinstance(sql, Mapping) else links.ledger.names() or []
        self._waiting = deque(names)
        if len(set(self._waiting)) != len(self._waiting):
            raise InterfaceError("a name stands twice: a link runs one query at a time")
        for name in self._waiting:
            if isinstance(sql, Mapping) and name not in sql:
                raise InterfaceError(f'there is no query for the name "{refusals.shown(name)}"')
        self._links = links
        self._sql = sql
        self._wanted = wanted
        self._declared: tuple[Column, ...] | None = None
        self._begun = False
        self._together = together
        self._timeout = timeout
        self._progress = progress
        self._running: dict[str, _Running] = {}
        self._ready: deque[Gathered] = deque()
        self.total = len(self._waiting)
        self.done = 0
        # Where a link could not be brought back, the next one to that place is not tried.
        self._hopeless: set[Any] = set()

    def next(self) -> Dialogue[Gathered | None]:
        """Return the next result, whichever link it comes from; None when there are no more.

        Raises: as the reading of the columns; whatever `progress` raises.
        """
        if not self._begun:
            self._declared = yield from self._links.opening.declared(self._wanted)
            self._begun = True
        while not self._ready:
            while self._waiting and len(self._running) < (self._together or self.total):
                yield from self._ask(self._waiting.popleft())
            if self._ready or not self._running:
                break
            yield from self._wait()
        if not self._ready:
            return None
        found = self._ready.popleft()
        self.done += 1
        if self._progress is not None:
            self._progress(found, self.done, self.total)
        return found

    def rest(self) -> Dialogue[list[Gathered]]:
        """Return all results that are left, in the order in which they came."""
        found: list[Gathered] = []
        while True:
            one = yield from self.next()
            if one is None:
                return found
            found.append(one)

    def close(self) -> Dialogue[None]:
        """Give up what has not answered: cancel it, and leave its link in step."""
        self._waiting.clear()
        self._ready.clear()
        while self._running:
            _, running = self._running.popitem()
            running.rows.reading.finished = True
            yield from self._left(running.slot)

    # -- one link -----------------------------------------------------------------------------

    def _ask(self, name: str) -> Dialogue[None]:
        sql = self._sql if isinstance(self._sql, str) else self._sql[name]
        try:
            slot = yield from self._links.found(name)
            why = slot.refusal(not slot.link.talk.session.closed)
            if why is not None:
                raise refusals.send_failed(why)
            reading = Reading(slot, name, rules.EXECUTING_QUERY, self._declared, sql, fail=True)
            rows = Rows(reading, self._links)
            limit = None if self._timeout is None else Limit(self._timeout)
            running = _Running(slot, rows, limit)
            rows.hold()
            yield from self._step(running, reading.ask(limit))
        except LimitExpired:
            yield from self._expired(name, running)
        except Error as error:
            self._ready.append(Gathered(name, [], [], error))
        else:
            self._running[name] = running

    def _step(self, running: _Running, dialogue: Dialogue[None]) -> Dialogue[None]:
        try:
            yield Call(running.slot.link.run, dialogue)
        except BaseException:
            running.rows.reading.finished = True
            yield from self._left(running.slot)
            raise

    def _wait(self) -> Dialogue[None]:
        """Wait for whoever answers first, and take what has come of all that answer."""
        channel = self._links.channel
        names = {channel(each.slot.link): name for name, each in self._running.items()}
        # All have the same time: whoever was asked first is the first to have none left.
        limits = [each.limit for each in self._running.values() if each.limit is not None]
        oldest = limits[0] if limits else None
        try:
            stirred = yield Watch(list(names), begun=limits, limit=oldest)
        except LimitExpired as expired:
            if expired.limit is not oldest:
                raise
            name = next(iter(self._running))
            yield from self._expired(name, self._running.pop(name))
            return
        for each in stirred:
            yield from self._take(names[each])

    def _take(self, name: str) -> Dialogue[None]:
        running = self._running[name]
        reading = running.rows.reading
        try:
            yield from self._step(running, reading.poll())
            if not reading.finished:
                return
            yield from running.rows.fill()
            found = Gathered(name, reading.rows, list(reading.names), None)
        except Error as error:
            found = Gathered(name, [], list(reading.names), error)
        except BaseException:
            del self._running[name]
            raise
        del self._running[name]
        self._ready.append(found)

    def _expired(self, name: str, running: _Running) -> Dialogue[None]:
        running.rows.reading.finished = True
        yield from self._left(running.slot)
        closed = running.slot.link.talk.session.closed
        outcome = "the connection is closed" if closed else "the query was cancelled"
        error = Timeout(
            f"timeout expired after {self._timeout:g} s; {outcome}",
            sqlstate=None if closed else "57014",
        )
        error.outcome = "unknown" if closed else running.slot.link.talk.outcome
        self._ready.append(Gathered(name, [], [], error))

    def _left(self, slot: Slot[Link]) -> Dialogue[None]:
        """Bring a link back, or close it; where one could not be brought back, none is tried."""
        place = slot.link.talk.connected.address
        if place in self._hopeless:
            yield Call(slot.link.close)
            slot.drained()
            return
        yield from self._links.left(slot)
        if slot.link.talk.session.closed:
            self._hopeless.add(place)
