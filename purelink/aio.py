"""The asyncio face: `aconnect` and `AsyncConnection`, method for method like the blocking one.

Floor 5. Tasks that use one connection are queued; a cancelled task leaves it in step, or closed.
"""

from __future__ import annotations

import asyncio
import os
import sys
import warnings
from typing import TYPE_CHECKING, Any, Literal, TypeVar, Union, overload

from .conversation.connect import connect as connecting
from .conversation.sources import CHUNK, lists_of
from .conversation.statements import CACHE_SIZE
from .cursors.asynchronous import AsyncCursorMethods
from .errors import Error, InterfaceError, LocalProtocolError, Timeout
from .face import forks, limit_of, plan_for, tracing
from .pumps.asynchronous import AsyncPump
from .rows import Row
from .values.styles import odd_policy
from .wire.auth import MAX_ITERATIONS
from .wire.wants import Limit, LimitExpired

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Callable, Iterable, Sequence

    from typing_extensions import Self

    from .arequests import AsyncCopyOut, AsyncPipeline, AsyncStream
    from .conninfo import Target
    from .conversation.connect import Plan
    from .conversation.talk import Holder
    from .policy import ConnectPolicy
    from .result import Result
    from .rows import RowFactory
    from .types import AsyncTypes
    from .values.styles import OddValues
    from .wire.session import Notification
    from .wire.tracing import Trace
    from .wire.wants import Dialogue

    Rows = Union[Iterable[Sequence[object]], AsyncIterable[Sequence[object]]]

__all__ = ["AsyncConnection", "aconnect"]

T = TypeVar("T")


async def aconnect(
    conninfo: str = "",
    *,
    autocommit: bool = False,
    timeout: float | None = None,
    trace: Any = None,
    statement_cache_size: int = CACHE_SIZE,
    row_factory: RowFactory[Row] | None = None,
    cursor_factory: Any = None,
    policy: ConnectPolicy | None = None,
    odd_values: OddValues = "error",
    sock: Any = None,
    dial: Callable[[Target], Any] | None = None,
    oauth_token: Any = None,
    gss: Callable[[Target, str], Any] | None = None,
    scram_max_iterations: int = MAX_ITERATIONS,
    keep_scram_keys: bool = True,
    **keywords: Any,
) -> AsyncConnection[Row]:
    """Open a connection on the running loop; arguments and errors as `connect`.

    `password`, `oauth_token`, `dial`, `gss` may also be async callables. A transport is a plain
    socket, a pair (reader, writer) of asyncio's streams, or an object with coroutines `recv` and
    `send`, or `read` and `write`.
    """
    odd_policy(odd_values)
    try:
        plan = plan_for(
            conninfo,
            keywords,
            policy=policy,
            sock=sock,
            dial=dial,
            oauth_token=oauth_token,
            gss=gss,
            scram_max_iterations=scram_max_iterations,
            keep_scram_keys=keep_scram_keys,
        )
    finally:
        # A traceback that is printed with its locals shows no password.
        conninfo, keywords, oauth_token = "", {}, None
    written = None if trace is None else tracing(trace)
    opened: AsyncConnection[Row] = await AsyncConnection.open(
        plan,
        autocommit=autocommit,
        timeout=timeout,
        trace=written,
        statement_cache_size=statement_cache_size,
    )
    opened.furnish(row_factory, cursor_factory)
    opened.odd_values = odd_values
    return opened


class AsyncConnection(AsyncCursorMethods[Row]):
    """One connection to a PostgreSQL server, for asyncio. Made by `aconnect`."""

    def __init__(
        self,
        plan: Plan,
        pump: AsyncPump,
        connected: Any,
        *,
        autocommit: bool,
        statement_cache_size: int = CACHE_SIZE,
    ) -> None:
        self._begin(
            plan,
            connected,
            pump,
            autocommit=autocommit,
            statement_cache_size=statement_cache_size,
        )
        self._lock = asyncio.Lock()
        self._loop = asyncio.get_running_loop()
        self._owner: asyncio.Task[Any] | None = None

    @classmethod
    async def open(
        cls,
        plan: Plan,
        *,
        autocommit: bool = False,
        timeout: float | None = None,
        trace: Trace | None = None,
        statement_cache_size: int = CACHE_SIZE,
    ) -> Self:
        """Connect as planned. Raises as `connect`."""
        pump = AsyncPump()
        pump.trace = trace
        timeout = plan.within(timeout)
        connected = None
        try:
            limit = limit_of(timeout)
            connected = await pump.run(connecting(plan), limit)
        except LimitExpired:
            pump.close()
        except BaseException:
            pump.close()
            raise
        if connected is None:
            raise Timeout(f"no connection was made within {timeout:g} s")
        return cls(
            plan,
            pump,
            connected,
            autocommit=autocommit,
            statement_cache_size=statement_cache_size,
        )

    async def run(
        self,
        dialogue: Dialogue[T],
        timeout: float | None = None,
        holder: Holder | None = None,
    ) -> T:
        """As `Connection.run`."""
        self._check_process()
        timeout = self._patience if timeout is None else timeout
        limit = limit_of(timeout)
        if asyncio.get_running_loop() is not self._loop:
            dialogue.close()
            raise InterfaceError("this connection belongs to another event loop: open one here")
        me = asyncio.current_task()
        if self._owner is me and me is not None:
            dialogue.close()
            raise LocalProtocolError("another command is already in progress")
        async with self._lock:
            self._talk.admit(holder)
            try:
                self._owner = me
                return await self._told(dialogue, limit, timeout)
            finally:
                self._owner = None

    async def _told(
        self, dialogue: Dialogue[T], limit: Limit | None, timeout: float | None = None
    ) -> T:
        """As `Connection._told`."""
        try:
            return await self._pump.run(dialogue, limit)  # type: ignore[no-any-return]  # the pump is either face's
        except LimitExpired:
            await self._recover()
            raise self._timed_out(timeout) from None
        except Error:
            if not self._talk.session.idle:
                await self._recover()
            raise
        except BaseException:
            # An interrupt, or the user's own error: answers may lie about, though all came.
            await self._recover()
            raise

    async def ask(self, sql: str, parameters: Sequence[object] = ()) -> Result:
        """As `Connection.ask`."""
        lock = self._lock
        elsewhere = forks() != self._forks or asyncio.get_running_loop() is not self._loop
        if elsewhere or lock.locked() or self._patience is not None:
            return await self.run(self._talk.query(sql, parameters))
        await lock.acquire()  # nobody has it, so this waits for nothing
        try:
            if self._talk.holder is not None:
                self._talk.admit(None)
            self._owner = asyncio.current_task()
            short, pump = self._talk.short, self._pump
            try:
                question = short.question(sql, parameters)
                heard = None if question is None else await pump.ask(question)
                if heard:
                    result = short.answer(heard)
                    if result is not None:
                        pump.asked = False
                        return result
                rest = short.rest(heard)
            except BaseException as error:
                rest = short.failed(error, said=pump.unsay())
            return await self._told(rest, None)
        finally:
            self._owner = None
            lock.release()

    async def _recover(self) -> None:
        """As `Connection._recover`."""
        try:
            self._check_count()
            await self._pump.run(self._talk.recover(unsent=self._pump.unsent))
        except BaseException:
            self._talk.session.end()
            self._pump.close()
            raise
        finally:
            self._log_end()

    @property
    def types(self) -> AsyncTypes:
        """Types that are not built in, and codecs of the program's own."""
        from .types import AsyncTypes

        return AsyncTypes(self)

    # -- queries ----------------------------------------------------------------------------

    async def query(
        self,
        sql: str,
        *parameters: object,
        timeout: float | None = None,
    ) -> Result:
        """As `Connection.query`."""
        if timeout is None:
            return await self.ask(sql, parameters)
        return await self.run(self._talk.query(sql, parameters), timeout)

    async def script(
        self,
        sql: str,
        *,
        timeout: float | None = None,
    ) -> list[Result]:
        """As `Connection.script`."""
        return await self.run(self._talk.script(sql), timeout)

    def stream(
        self, sql: str, *parameters: object, chunk: int = CHUNK, timeout: float | None = None
    ) -> AsyncStream:
        """As `Connection.stream`, for `async with` and `async for`."""
        from .arequests import AsyncStream
        from .conversation.streaming import Streaming

        return AsyncStream(self, Streaming(self._talk, sql, parameters, chunk), timeout)

    @overload
    async def executemany(
        self,
        sql: str,
        rows: Rows,
        *,
        returning: Literal[False] = ...,
        timeout: float | None = ...,
    ) -> int: ...

    @overload
    async def executemany(
        self,
        sql: str,
        rows: Rows,
        *,
        returning: Literal[True],
        timeout: float | None = ...,
    ) -> Result: ...

    async def executemany(
        self,
        sql: str,
        rows: Rows,
        *,
        returning: bool = False,
        timeout: float | None = None,
    ) -> int | Result:
        """As `Connection.executemany`; `rows` may be an async iterable."""
        from .conversation.many import execute_many

        pull = lists_of(rows, "rows of parameters")
        result = await self.run(execute_many(self._talk, sql, pull, returning=returning), timeout)
        return result if returning else max(result.row_count, 0)

    def pipeline(self, *, timeout: float | None = None) -> AsyncPipeline:
        """As `Connection.pipeline`, for `async with`; `query` queues without waiting."""
        from .arequests import AsyncPipeline

        return AsyncPipeline(self, timeout)

    # -- COPY -------------------------------------------------------------------------------

    async def copy_in(
        self,
        sql: str,
        source: Any,
        *,
        types: Sequence[int] | None = None,
        timeout: float | None = None,
    ) -> int:
        """As `Connection.copy_in`; `source` may be an async iterable, or an async file."""
        from .conversation.copying import copy_in

        pull = lists_of(source, "the source of a COPY")
        return await self.run(copy_in(self._talk, sql, pull, types), timeout)

    def copy_out(self, sql: str, *, timeout: float | None = None) -> AsyncCopyOut:
        """As `Connection.copy_out`, for `async with` and `async for`."""
        from .arequests import AsyncCopyOut
        from .conversation.copying import CopyingOut

        return AsyncCopyOut(self, CopyingOut(self._talk, sql), timeout)

    # -- on the side ------------------------------------------------------------------------

    async def cancel(self) -> None:
        """As `Connection.cancel`; from any task."""
        self._check_process()
        pump = AsyncPump()
        try:
            await pump.run(self._talk.cancellation(), Limit(30.0))
        except LimitExpired:
            raise Timeout("the cancel request was not taken within 30 s") from None
        finally:
            pump.close()

    async def is_alive(self) -> bool:
        """As `Connection.is_alive`."""
        self._check_process()
        if self.closed:
            return False
        if self._owner is not None or self._talk.holder is not None or self._pump.quiet():
            # Whoever is using it will be told.
            return True
        try:
            await self.run(self._talk.look())
        except Error:
            return False
        return not self.closed

    async def wait_for_notification(
        self,
        timeout: float | None = None,
    ) -> Notification | None:
        """As `Connection.wait_for_notification`."""
        limit = limit_of(timeout) or Limit(None)
        return await self.run(self._talk.next_notification(limit))

    # -- the end ----------------------------------------------------------------------------

    async def close(self) -> None:
        """As `Connection.close`."""
        if self._pid != os.getpid():
            self._pump.forget()
            return
        if not self.closed:
            if (
                self._owner is not None and self._owner is asyncio.current_task()
            ) or asyncio.get_running_loop() is not self._loop:
                self._talk.session.end()
            else:
                if self._lock.locked():
                    # Another task is using it, for who knows how long: it gets ConnectionLost.
                    self._pump.sever()
                async with self._lock:
                    await self._pump.run(self._talk.close())
            self._log_end()
        self._pump.close()

    def __del__(self) -> None:
        if "_pump" in self.__dict__ and self._pid == os.getpid() and not self.closed:
            shown = repr(self)
            self._pump.close()
            if not sys.is_finalizing():
                warnings.warn(f"{shown} was not closed", ResourceWarning, stacklevel=1)
