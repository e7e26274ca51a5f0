"""The blocking pool: conversations run one step at a time under a lock, which is let go to wait.

Floor 6. The one thread is a servant: nothing waits for it. It fills the pool and closes what is
old, sleeps until the next of that is due, and ends with the pool, closed or forgotten.
"""

from __future__ import annotations

import contextlib
import threading
import weakref
from typing import TYPE_CHECKING, Any, TypeVar

from ..connection import Connection, connect
from .conversation import ASK_SECONDS, Do
from .entries import Ticket
from .face import Pool

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from .conversation import Telling, Wait

__all__ = ["ConnectionPool", "NullConnectionPool"]

T = TypeVar("T")

_DAY = 86400.0


class _Bell(Ticket):
    """A ticket on which one thread waits: a lock that waking lets go."""

    __slots__ = ("_lock",)

    def __init__(self) -> None:
        super().__init__(self.ring)
        self._lock = threading.Lock()
        self._lock.acquire()

    def ring(self) -> None:
        """Wake who waits, or who will."""
        with contextlib.suppress(RuntimeError):  # it rings already
            self._lock.release()

    def wait(self, seconds: float) -> None:
        """Wait until it rings, at most so long."""
        self._lock.acquire(timeout=min(seconds, _DAY))


class ConnectionPool(Pool[Connection]):
    """A pool of connections for threads."""

    __doc__ += (Pool.__doc__ or "").partition("\n")[2]

    def _begin(self, rules: Any) -> None:
        self._lock = threading.Lock()
        self._bell = threading.Event()
        self._thread: threading.Thread | None = None
        super()._begin(rules)

    # -- running conversations --------------------------------------------------------------

    def _run(self, telling: Telling[T]) -> T:
        try:
            return self._drive(telling, None)
        except BaseException as error:
            if telling.gi_frame is None:  # type: ignore[attr-defined]  # it is a generator
                raise
            # An interrupt between two steps: the conversation must hear of it to tidy up.
            return self._drive(telling, error)

    def _drive(self, telling: Telling[T], error: BaseException | None) -> T:
        step: Callable[[Any], Any] = telling.send if error is None else telling.throw
        value: Any = error
        try:
            while True:
                with self._lock:
                    want = step(value)
                try:
                    value = self._grant(want)
                    step = telling.send
                except BaseException as failure:
                    value = failure
                    step = telling.throw
        except StopIteration as stop:
            result: T = stop.value
            return result
        finally:
            value = None  # no circle with the traceback

    def _grant(self, want: Do | Wait) -> Any:
        if isinstance(want, Do):
            return want.function(*want.args)
        assert isinstance(want.ticket, _Bell)
        return want.ticket.wait(want.seconds)

    def _ticket(self) -> Ticket:
        return _Bell()

    def _door(self) -> Callable[..., Any]:
        return connect

    def _open(self) -> None:
        with self._lock:
            super()._open()

    # -- the servant ------------------------------------------------------------------------

    def _attend(self) -> None:
        self._bell.set()
        if self._worker_wanted and self._opened and self._thread is None:
            thread = threading.Thread(
                target=_serve,
                args=(weakref.ref(self), self._bell),
                name=f"purelink-{self.name}",
                daemon=True,
            )
            self._thread = thread
            # Where there are no threads, its users do the work.
            with contextlib.suppress(RuntimeError):
                thread.start()

    def __del__(self) -> None:
        if "_bell" in self.__dict__:
            self._bell.set()

    # -- out and in -------------------------------------------------------------------------

    def connection(self, timeout: float | None = None) -> _Loan:
        """Return a block with a connection: committed at its end, rolled back on an exception.

        Args:
            timeout: seconds to wait for it; None: the pool's.

        Raises: on entering, as `getconn`; on leaving, what `commit` raises.
        """
        return _Loan(self, timeout)

    def getconn(self, timeout: float | None = None) -> Connection:
        """Take a connection out, to be given back by `putconn`.

        Args:
            timeout: seconds to wait for it; None: the pool's.

        Raises:
            PoolClosed, TooManyRequests.
            AuthenticationError, ConnectError: the server refuses us, and waiting won't help.
        """
        self._admit()
        seconds = self.timeout if timeout is None else timeout
        connection: Connection = self._run(self._talk.acquire(seconds))
        return connection

    def putconn(self, connection: Connection) -> None:
        """Give a connection back: it is rolled back, reset, and kept if it is sound.

        Raises:
            InterfaceError: it is not out of this pool, or came back already.
        """
        self._admit()
        self._run(self._talk.release(connection))

    @staticmethod
    def check_connection(connection: Connection) -> None:
        """Make a round trip; for `check`. Raises: what a statement would."""
        connection.run(connection.talk.command(""), ASK_SECONDS)

    # -- its whole life ---------------------------------------------------------------------

    def open(self, wait: bool = False, timeout: float = 30.0) -> None:
        """Open the pool. Does nothing if it is open.

        Args:
            wait: return when `min_size` connections stand.
            timeout: seconds for that.

        Raises:
            PoolClosed: it was closed before. With `wait`, as `wait`.
        """
        self._open()
        if wait:
            self.wait(timeout)

    def wait(self, timeout: float = 30.0) -> None:
        """Return when `min_size` connections stand.

        Raises:
            AuthenticationError, ConnectError: the server refuses us, and waiting won't help.
        """
        self._admit()
        self._run(self._talk.fill(timeout))

    def close(self, timeout: float = 5.0) -> None:
        """Close the pool: who waits is sent away, what is idle is closed. Twice is once.

        Args:
            timeout: seconds to wait for the connections that are out; those that come back
                later are closed then.
        """
        left = self._run(self._talk.close(timeout))
        self._bell.set()
        if left:
            self._report(f"closed, with {left} connections still out", None)

    def check(self) -> None:
        """Ask each idle connection for a round trip; replace those that fail."""
        self._admit()
        self._run(self._talk.check())

    def drain(self) -> None:
        """Replace all connections: the idle ones now, those that are out when they come back."""
        self._admit()
        self._run(self._talk.drain())

    def resize(self, min_size: int, max_size: int | None = None) -> None:
        """Be of another size from now on; arguments as the pool's own.

        Raises: InterfaceError: the sizes make no sense.
        """
        self._admit()
        self._run(self._talk.resize(*self._sizes(min_size, max_size)))

    def __enter__(self) -> ConnectionPool:
        self.open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class NullConnectionPool(ConnectionPool):
    """A pool that keeps nothing idle: it limits, queues and counts, beside a pooler.

    A connection that comes back goes to the first who waits, or is closed.
    """

    _keeps = False

    def __init__(self, conninfo: Any = "", *, min_size: int = 0, **keywords: Any) -> None:
        keywords.setdefault("max_size", 0)
        super().__init__(conninfo, min_size=min_size, **keywords)


class _Loan:
    """A connection for the length of a block."""

    __slots__ = ("_connection", "_pool", "_timeout")

    def __init__(self, pool: ConnectionPool, timeout: float | None) -> None:
        self._pool = pool
        self._timeout = timeout

    def __enter__(self) -> Connection:
        self._connection = self._pool.getconn(self._timeout)
        return self._connection

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        connection = self._connection
        del self._connection
        self._pool._run(self._pool._talk.finish(connection, commit=kind is None))  # noqa: SLF001


def _serve(pool_of: weakref.ref[ConnectionPool], bell: threading.Event) -> None:
    """Look after a pool until it is closed or gone."""
    while True:
        bell.clear()
        pool = pool_of()
        if pool is None or pool.closed:
            return
        try:
            due = pool._run(pool._talk.tend(pool.timeout))  # noqa: SLF001
            pause = due - pool._ways.clock()  # noqa: SLF001
        except Exception as error:
            pool._report("looking after the pool failed", error)  # noqa: SLF001
            pause = 1.0
        pool = None
        bell.wait(min(max(pause, 0.0), _DAY))
