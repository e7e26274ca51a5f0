"""`AsyncServerCursor`: a named cursor whose rows stay on the server until they are fetched.

Floor 5. Made by `AsyncConnection.cursor(name)`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..conversation.declared import Declaring
from ..rows import Row
from .aclient import AsyncCursor

if TYPE_CHECKING:
    from ..aio import AsyncConnection
    from ..rows import RowFactory

__all__ = ["AsyncServerCursor"]


class AsyncServerCursor(Declaring[Row], AsyncCursor[Row]):
    """A cursor on the server (DECLARE, FETCH, MOVE). Made by `AsyncConnection.cursor(name)`."""

    def __init__(
        self,
        connection: AsyncConnection[Any],
        name: str,
        *,
        row_factory: RowFactory[Row] | None = None,
        scrollable: bool | None = None,
        withhold: bool = False,
    ) -> None:
        factory = row_factory or connection.row_factory
        Declaring.__init__(
            self, connection.talk, factory, name, scrollable=scrollable, withhold=withhold
        )
        self._connection = connection

    async def scroll(self, value: int, mode: str = "relative") -> None:
        """As `ServerCursor.scroll`."""
        await self._run(self.moving(value, mode))

    async def close(self) -> None:
        """As `ServerCursor.close`."""
        if not self._closed and not self._connection.closed and self._talk.holder is None:
            await self._connection.run(self.closing())
        self._shut()
