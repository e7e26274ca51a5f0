"""What both pools have in common: how they are made, what they know, what a fork means to them.

Floor 6. Nothing here waits: what waits differs between the faces, and is one line a method there.
"""

from __future__ import annotations

import logging
import os
import random
import time
import weakref
from typing import TYPE_CHECKING, Any, Callable, Generic, TypeVar, Union

from ..errors import InterfaceError, PoolClosed
from .conversation import Talk, Ways
from .entries import Rules
from .ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .entries import Ticket

__all__ = ["Pool"]

C = TypeVar("C")

Given = Union[str, Callable[[], str]]
Keywords = Union["Mapping[str, Any]", Callable[[], "Mapping[str, Any]"], None]

_log = logging.getLogger("purelink.pool")
_log.addHandler(logging.NullHandler())


class Pool(Generic[C]):
    """A pool of connections.

    Args:
        conninfo: as `connect` takes it; or a callable that gives it, called for each connection.
        kwargs: keywords of `connect`, the same. A `password` that is a callable is called each time
            a server asks, so that a token may rotate.
        connect: what makes a connection: `purelink.connect`, or `purelink.aconnect`, or what is
            called like it.
        min_size: connections that are kept, even idle.
        max_size: connections at most; None: `min_size`. Null pools: 0, no limit.
        open: True: the first use opens it. False: only `open` and `with` do.
        configure: called with each new connection.
        check: called with a connection on its way out, after a look at its socket; if it raises,
            another is taken. `check_connection` is a round trip.
        reset: called with a connection that came back, after it was rolled back; if it raises, the
            connection is replaced.
        name: for the log.
        timeout: seconds that a request waits; those of one call win.
        max_waiting: requests that may wait; one more is `TooManyRequests`. 0: no limit.
        max_lifetime: seconds after which a connection is replaced, a little earlier by chance.
        max_idle: seconds idle after which one above `min_size` is closed, the same.
        reconnect_timeout: seconds of failing after which `reconnect_failed` is called with the
            pool, once, and nobody but those who ask for a connection tries any more.
        worker: a thread (a task) fills the pool up to `min_size` and closes what is too old. False:
            whoever uses the pool does that besides, and connections are made when asked for.

    The callables may be async where the pool is.

    Raises:
        InterfaceError: sizes or times make no sense.
    """

    _keeps = True

    def __init__(
        self,
        conninfo: Given = "",
        *,
        kwargs: Keywords = None,
        connect: Callable[..., Any] | None = None,
        min_size: int = 4,
        max_size: int | None = None,
        open: bool = True,  # noqa: A002 - psycopg_pool's name
        configure: Callable[[C], Any] | None = None,
        check: Callable[[C], Any] | None = None,
        reset: Callable[[C], Any] | None = None,
        name: str | None = None,
        timeout: float = 30.0,
        max_waiting: int = 0,
        max_lifetime: float = 3600.0,
        max_idle: float = 600.0,
        reconnect_timeout: float = 300.0,
        reconnect_failed: Callable[[Any], Any] | None = None,
        worker: bool = True,
    ) -> None:
        self.name = name or f"pool-{next(_numbers)}"
        self.timeout = timeout
        self.conninfo = conninfo
        self.kwargs = kwargs
        self._connect = connect
        self._opens = open
        self._opened = False
        self._worker_wanted = worker
        self._told = reconnect_failed
        self._ways = Ways(
            connect=self._make,
            ticket=self._ticket,
            clock=time.monotonic,
            report=self._report,
            configure=configure,
            check=check,
            reset=reset,
            reconnect_failed=None if reconnect_failed is None else self._tell,
        )
        rules = Rules(
            min_size=min_size,
            max_size=min_size if max_size is None else max_size,
            max_waiting=max_waiting,
            max_lifetime=max_lifetime,
            max_idle=max_idle,
            reconnect_timeout=reconnect_timeout,
            keeps=self._keeps,
        )
        self._begin(rules)
        _pools.add(self)

    def _begin(self, rules: Rules) -> None:
        self._ledger = Ledger(rules, chance=random.random, attend=self._attend)
        self._talk = Talk(self._ledger, self._ways)

    # -- what a face gives ------------------------------------------------------------------

    def _ticket(self) -> Ticket:
        raise NotImplementedError

    def _attend(self) -> None:
        raise NotImplementedError

    def _door(self) -> Callable[..., Any]:
        raise NotImplementedError

    # -- the ways of the conversations ------------------------------------------------------

    def _make(self, seconds: float) -> Any:
        conninfo = self.conninfo() if callable(self.conninfo) else self.conninfo
        kwargs = self.kwargs() if callable(self.kwargs) else self.kwargs
        keywords = dict(kwargs or {})
        keywords["timeout"] = min(seconds, keywords.get("timeout") or seconds)
        return (self._connect or self._door())(conninfo, **keywords)

    def _tell(self) -> Any:
        assert self._told is not None
        return self._told(self)

    def _report(self, text: str, error: BaseException | None) -> None:
        _log.warning("%s: %s: %s", self.name, text, error)

    # -- opening, and a fork ----------------------------------------------------------------

    def _admit(self) -> None:
        """Let a request in: the first opens the pool. Raises: PoolClosed: it must be opened."""
        if not self._opened:
            if not self._opens:
                raise PoolClosed(f"{self.name} is not open yet: call open(), or use it in a `with`")
            self._open()

    def _open(self) -> None:
        if self._ledger.closed:
            raise PoolClosed(f"{self.name} was closed, and cannot be opened again: make another")
        if not self._opened:
            self._opened = True
            self._ledger.attend_by(time.monotonic())

    def _forget(self) -> None:
        """Begin anew in a forked child: the connections are the parent's."""
        before = self._ledger
        self._opens = self._opens or self._opened
        self._opened = False
        self._begin(before.rules)
        self._ledger.closed = before.closed
        for member in before.idle:
            member.connection._pump.forget()  # noqa: SLF001 - not a byte is sent on it

    # -- what it knows ----------------------------------------------------------------------

    @property
    def closed(self) -> bool:
        """True: it is closed, or not open yet."""
        return self._ledger.closed or not self._opened

    @property
    def min_size(self) -> int:
        """Connections that are kept, even idle."""
        return self._ledger.rules.min_size

    @property
    def max_size(self) -> int:
        """Connections at most; 0: no limit."""
        return self._ledger.rules.max_size

    def get_stats(self) -> dict[str, int]:
        """Return sizes, requests and connections, counted since the pool was made.

        `pool_min`, `pool_max`, `pool_size`, `pool_available`, `requests_waiting` are of now;
        `usage_ms`, `requests_num`, `requests_queued`, `requests_wait_ms`, `requests_errors`,
        `returns_bad`, `connections_num`, `connections_ms`, `connections_errors`,
        `connections_lost` add up.
        """
        return self._ledger.statistics()

    def pop_stats(self) -> dict[str, int]:
        """Return the same, and count anew from here."""
        return self._ledger.statistics(pop=True)

    def _sizes(self, min_size: int, max_size: int | None) -> tuple[int, int]:
        return min_size, min_size if max_size is None else max_size

    def __repr__(self) -> str:
        ledger = self._ledger
        state = "closed" if self.closed else f"{len(ledger.out)} out, {len(ledger.idle)} idle"
        return f"<purelink.pool.{type(self).__name__} {self.name!r} {state}>"

    def __reduce__(self) -> Any:
        raise InterfaceError(f"a {type(self).__name__} cannot be pickled or copied")


def _count() -> Any:
    number = 0
    while True:
        number += 1
        yield number


_numbers = _count()
_pools: weakref.WeakSet[Pool[Any]] = weakref.WeakSet()


def _forked() -> None:
    for pool in list(_pools):
        pool._forget()  # noqa: SLF001


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
