"""What `AsyncConnection` has beside the native calls: the asyncio twin of `blocking`.

Floor 5.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from ..errors import Error
from ..rows import Other, Row
from .aclient import AsyncCursor
from .common import CursorFace

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

    from ..conversation.cursoring import Parameters
    from ..conversation.talk import Holder
    from ..rows import RowFactory
    from ..wire.wants import Dialogue

__all__ = ["AsyncCursorMethods"]

T = TypeVar("T")


class AsyncCursorMethods(CursorFace, Generic[Row]):
    """The part of an asyncio connection that gives cursors.

    Attributes:
        row_factory: what cursors make of rows unless told otherwise (`purelink.rows`).
        cursor_factory: the class of its client-side cursors.
    """

    row_factory: RowFactory[Row]
    cursor_factory: Any = AsyncCursor

    if TYPE_CHECKING:

        async def run(
            self, dialogue: Dialogue[T], timeout: float | None = None, holder: Holder | None = None
        ) -> T:
            """See `AsyncConnection.run`."""

        async def close(self) -> None:
            """See `AsyncConnection.close`."""

    @overload
    def cursor(self) -> AsyncCursor[Row]: ...

    @overload
    def cursor(self, *, row_factory: RowFactory[Other]) -> AsyncCursor[Other]: ...

    def cursor(self, *, row_factory: RowFactory[Any] | None = None) -> AsyncCursor[Any]:
        """As `Connection.cursor`."""
        made: AsyncCursor[Any] = self.cursor_factory(
            self, row_factory=row_factory or self.row_factory
        )
        return made

    async def execute(
        self, query: Any, params: Parameters | None = None, *, timeout: float | None = None
    ) -> AsyncCursor[Row]:
        """As `Connection.execute`."""
        return await self.cursor().execute(query, params, timeout=timeout)

    # -- transactions -----------------------------------------------------------------------

    async def commit(self) -> None:
        """As `Connection.commit`."""
        await self.run(self._talk.commit())

    async def rollback(self) -> None:
        """As `Connection.rollback`."""
        await self.run(self._talk.rollback())

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
