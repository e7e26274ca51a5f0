"""What `AsyncConnection` has beside the native calls: the asyncio twin of `blocking`.

Floor 5.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from ..errors import Error
from ..face import limit_of
from ..rows import Other, Row
from ..wire.wants import Limit
from .common import CursorFace, Deferred

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from types import TracebackType

    from typing_extensions import Self

    from ..aio import AsyncConnection
    from ..conversation.cursoring import Parameters
    from ..conversation.talk import Holder
    from ..conversation.transacting import IsolationLevel
    from ..rows import RowFactory
    from ..wire.session import Notification
    from ..wire.wants import Dialogue
    from ..xid import Xid
    from .aclient import AsyncCursor
    from .aserver import AsyncServerCursor
    from .large import AsyncLargeObject
    from .transactions import AsyncTransaction

__all__ = ["AsyncCursorMethods"]

T = TypeVar("T")


def _client() -> Any:
    from .aclient import AsyncCursor

    return AsyncCursor


def _server() -> Any:
    from .aserver import AsyncServerCursor

    return AsyncServerCursor


class AsyncCursorMethods(CursorFace, Generic[Row]):
    """The part of an asyncio connection that gives cursors.

    Attributes:
        row_factory: what cursors make of rows unless told otherwise (`purelink.rows`).
        cursor_factory, server_cursor_factory: the classes of its cursors.
    """

    row_factory: RowFactory[Row]
    cursor_factory: Any = Deferred(_client)
    server_cursor_factory: Any = Deferred(_server)

    if TYPE_CHECKING:

        async def run(
            self, dialogue: Dialogue[T], timeout: float | None = None, holder: Holder | None = None
        ) -> T:
            """See `AsyncConnection.run`."""

        async def close(self) -> None:
            """See `AsyncConnection.close`."""

    @property
    def _itself(self) -> AsyncConnection[Any]:
        return self  # type: ignore[return-value]  # no other class has this part

    @overload
    def cursor(self, name: None = ..., *, row_factory: None = ...) -> AsyncCursor[Row]: ...

    @overload
    def cursor(self, name: None = ..., *, row_factory: RowFactory[Other]) -> AsyncCursor[Other]: ...

    @overload
    def cursor(
        self,
        name: str,
        *,
        row_factory: None = ...,
        scrollable: bool | None = ...,
        withhold: bool = ...,
    ) -> AsyncServerCursor[Row]: ...

    @overload
    def cursor(
        self,
        name: str,
        *,
        row_factory: RowFactory[Other],
        scrollable: bool | None = ...,
        withhold: bool = ...,
    ) -> AsyncServerCursor[Other]: ...

    def cursor(
        self,
        name: str | None = None,
        *,
        row_factory: RowFactory[Any] | None = None,
        scrollable: bool | None = None,
        withhold: bool = False,
    ) -> AsyncCursor[Any]:
        """As `Connection.cursor`."""
        factory = row_factory or self.row_factory
        if name:
            return self.server_cursor_factory(  # type: ignore[no-any-return]
                self, name, row_factory=factory, scrollable=scrollable, withhold=withhold
            )
        return self.cursor_factory(self, row_factory=factory)  # type: ignore[no-any-return]

    async def execute(
        self,
        query: Any,
        params: Parameters | None = None,
        *,
        prepare: bool | None = None,
        timeout: float | None = None,
    ) -> AsyncCursor[Row]:
        """As `Connection.execute`."""
        return await self.cursor().execute(query, params, prepare=prepare, timeout=timeout)

    # -- transactions -----------------------------------------------------------------------

    async def commit(self) -> None:
        """As `Connection.commit`."""
        await self.run(self._talk.commit(), None, self._talk.pipelining)

    async def rollback(self) -> None:
        """As `Connection.rollback`."""
        await self.run(self._talk.rollback(), None, self._talk.pipelining)

    async def set_autocommit(self, value: bool) -> None:
        """As `Connection.set_autocommit`."""
        self.autocommit = value

    async def set_isolation_level(self, value: IsolationLevel | int | str | None) -> None:
        """As `Connection.set_isolation_level`."""
        self.isolation_level = value

    async def set_read_only(self, value: bool | None) -> None:
        """As `Connection.set_read_only`."""
        self.read_only = value

    async def set_deferrable(self, value: bool | None) -> None:
        """As `Connection.set_deferrable`."""
        self.deferrable = value

    def transaction(
        self, savepoint_name: str | None = None, force_rollback: bool = False
    ) -> AsyncTransaction:
        """As `Connection.transaction`."""
        from .transactions import AsyncTransaction

        return AsyncTransaction(self._itself, savepoint_name, force_rollback=force_rollback)

    async def tpc_begin(self, xid: Xid | str) -> None:
        """As `Connection.tpc_begin`."""
        from ..conversation.transacting import tpc_begin

        await self.run(tpc_begin(self._talk, xid))

    async def tpc_prepare(self) -> None:
        """As `Connection.tpc_prepare`."""
        from ..conversation.transacting import tpc_prepare

        await self.run(tpc_prepare(self._talk), None, self._talk.two_phase)

    async def tpc_commit(self, xid: Xid | str | None = None) -> None:
        """As `Connection.tpc_commit`."""
        from ..conversation.transacting import tpc_end

        await self.run(tpc_end(self._talk, "COMMIT", xid), None, self._talk.two_phase)

    async def tpc_rollback(self, xid: Xid | str | None = None) -> None:
        """As `Connection.tpc_rollback`."""
        from ..conversation.transacting import tpc_end

        await self.run(tpc_end(self._talk, "ROLLBACK", xid), None, self._talk.two_phase)

    async def tpc_recover(self) -> list[Xid]:
        """As `Connection.tpc_recover`."""
        from ..conversation.transacting import tpc_recover

        return await self.run(tpc_recover(self._talk))

    # -- notifications, large objects, passwords ---------------------------------------------

    async def notifies(
        self, *, timeout: float | None = None, stop_after: int | None = None
    ) -> AsyncIterator[Notification]:
        """As `Connection.notifies`."""
        limit = limit_of(timeout) or Limit(None)
        left = -1 if stop_after is None else stop_after
        while left:
            found = await self.run(self._talk.next_notification(limit))
            if found is None:
                return
            yield found
            left -= 1

    async def large_object(self, oid: int | None = None, mode: str = "rb") -> AsyncLargeObject:
        """As `Connection.large_object`."""
        from ..conversation.large_objects import LargeObjecting
        from .large import AsyncLargeObject

        told = LargeObjecting(self._talk, oid, mode)
        await self.run(told.opening(), None, self._talk.pipelining)
        return AsyncLargeObject(self._itself, told)

    async def remove_large_object(self, oid: int) -> None:
        """As `Connection.remove_large_object`."""
        from ..conversation.large_objects import removing

        await self.run(removing(self._talk, oid), None, self._talk.pipelining)

    async def change_password(self, password: str, user: str | None = None) -> None:
        """As `Connection.change_password`."""
        from ..conversation.passwords import change_password

        who = self._settings["user"] or "" if user is None else user
        await self.run(change_password(self._talk, who, password, os.urandom))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if not self.closed and self._pid == os.getpid():
                if error is None:
                    await self.commit()
                else:
                    await self._quiet_rollback()
        finally:
            await self.close()

    async def _quiet_rollback(self) -> None:
        try:
            await self.rollback()
        except Error:
            pass  # the first error is the one to be told; the close rolls back all the same
