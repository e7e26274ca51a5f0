"""The asyncio pool, method for method like the blocking one.

Floor 6. Its servant is no task that sleeps but a timer of the loop, so that a loop that ends has
nothing pending on the pool's account.
"""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING, Any, TypeVar

from ..aio import AsyncConnection, aconnect
from ..errors import InterfaceError
from .conversation import ASK_SECONDS, Do
from .entries import Ticket
from .face import Pool

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from .conversation import Telling, Wait

__all__ = ["AsyncConnectionPool", "AsyncNullConnectionPool"]

T = TypeVar("T")

_DAY = 86400.0


class _Bell(Ticket):
    """A ticket on which one task waits: a future that waking resolves."""

    __slots__ = ("_future", "_rung")

    def __init__(self) -> None:
        super().__init__(self.ring)
        self._rung = False
        self._future: asyncio.Future[None] | None = None

    def ring(self) -> None:
        """Wake who waits, or who will."""
        self._rung = True
        if self._future is not None and not self._future.done():
            self._future.set_result(None)

    async def wait(self, seconds: float) -> None:
        """Wait until it rings, at most so long."""
        if not self._rung:
            self._future = asyncio.get_running_loop().create_future()
            await asyncio.wait([self._future], timeout=min(seconds, _DAY))
            self._future = None
        self._rung = False


class AsyncConnectionPool(Pool[AsyncConnection]):
    """A pool of connections for the tasks of one event loop."""

    __doc__ += (Pool.__doc__ or "").partition("\n")[2]

    def _begin(self, rules: Any) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        super()._begin(rules)

    # -- running conversations --------------------------------------------------------------

    async def _run(self, telling: Telling[T]) -> T:
        step: Callable[[Any], Any] = telling.send
        value: Any = None
        try:
            while True:
                want = step(value)
                try:
                    value = await self._grant(want)
                    step = telling.send
                except BaseException as failure:
                    value = failure
                    step = telling.throw
        except StopIteration as stop:
            result: T = stop.value
            return result
        finally:
            value = None  # no circle with the traceback

    async def _grant(self, want: Do | Wait) -> Any:
        if isinstance(want, Do):
            result = want.function(*want.args)
            return await result if inspect.isawaitable(result) else result
        assert isinstance(want.ticket, _Bell)
        return await want.ticket.wait(want.seconds)

    def _ticket(self) -> Ticket:
        return _Bell()

    def _door(self) -> Callable[..., Any]:
        return aconnect

    def _open(self) -> None:
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        super()._open()

    def _admit(self) -> None:
        super()._admit()
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        elif self._loop is not asyncio.get_running_loop():
            raise InterfaceError("this pool belongs to another event loop: make one here")

    # -- the servant ------------------------------------------------------------------------

    def _attend(self) -> None:
        loop = self._loop
        if not self._worker_wanted or not self._opened or loop is None or loop.is_closed():
            return
        if self._timer is not None:
            self._timer.cancel()
        pause = self._ledger.attended - self._ways.clock()
        self._timer = loop.call_later(min(max(pause, 0.0), _DAY), self._serve)

    def _serve(self) -> None:
        if self._task is None and not self._ledger.closed and self._loop is not None:
            self._task = self._loop.create_task(self._tend())

    async def _tend(self) -> None:
        try:
            await self._run(self._talk.tend(self.timeout))
        except Exception as error:
            self._report("looking after the pool failed", error)
            self._ledger.attended = self._ways.clock() + 1.0
        finally:
            self._task = None
        if not self._ledger.closed and self._ledger.attended < float("inf"):
            self._attend()

    # -- out and in -------------------------------------------------------------------------

    def connection(self, timeout: float | None = None) -> _Loan:
        """As `ConnectionPool.connection`, for `async with`."""
        return _Loan(self, timeout)

    async def getconn(self, timeout: float | None = None) -> AsyncConnection:
        """As `ConnectionPool.getconn`."""
        self._admit()
        seconds = self.timeout if timeout is None else timeout
        connection: AsyncConnection = await self._run(self._talk.acquire(seconds))
        return connection

    async def putconn(self, connection: AsyncConnection) -> None:
        """As `ConnectionPool.putconn`."""
        self._admit()
        await self._run(self._talk.release(connection))

    @staticmethod
    async def check_connection(connection: AsyncConnection) -> None:
        """As `ConnectionPool.check_connection`."""
        await connection.run(connection.talk.command(""), ASK_SECONDS)

    # -- its whole life ---------------------------------------------------------------------

    async def open(self, wait: bool = False, timeout: float = 30.0) -> None:
        """As `ConnectionPool.open`, on the running loop."""
        self._open()
        if wait:
            await self.wait(timeout)

    async def wait(self, timeout: float = 30.0) -> None:
        """As `ConnectionPool.wait`."""
        self._admit()
        await self._run(self._talk.fill(timeout))

    async def close(self, timeout: float = 5.0) -> None:
        """As `ConnectionPool.close`."""
        left = await self._run(self._talk.close(timeout))
        if self._timer is not None:
            self._timer.cancel()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        if left:
            self._report(f"closed, with {left} connections still out", None)

    async def check(self) -> None:
        """As `ConnectionPool.check`."""
        self._admit()
        await self._run(self._talk.check())

    async def drain(self) -> None:
        """As `ConnectionPool.drain`."""
        self._admit()
        await self._run(self._talk.drain())

    async def resize(self, min_size: int, max_size: int | None = None) -> None:
        """As `ConnectionPool.resize`."""
        self._admit()
        await self._run(self._talk.resize(*self._sizes(min_size, max_size)))

    async def __aenter__(self) -> AsyncConnectionPool:
        await self.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()


class AsyncNullConnectionPool(AsyncConnectionPool):
    """As `NullConnectionPool`."""

    _keeps = False

    def __init__(self, conninfo: Any = "", *, min_size: int = 0, **keywords: Any) -> None:
        keywords.setdefault("max_size", 0)
        super().__init__(conninfo, min_size=min_size, **keywords)


class _Loan:
    """A connection for the length of a block."""

    __slots__ = ("_connection", "_pool", "_timeout")

    def __init__(self, pool: AsyncConnectionPool, timeout: float | None) -> None:
        self._pool = pool
        self._timeout = timeout

    async def __aenter__(self) -> AsyncConnection:
        self._connection = await self._pool.getconn(self._timeout)
        return self._connection

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        connection = self._connection
        del self._connection
        await self._pool._run(self._pool._talk.finish(connection, commit=kind is None))  # noqa: SLF001
