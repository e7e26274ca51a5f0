"""`ServerCursor`: a named cursor whose rows stay on the server until they are fetched.

Floor 5. Made by `Connection.cursor(name)`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..conversation.declared import Declaring
from ..rows import Row
from .client import Cursor

if TYPE_CHECKING:
    from ..connection import Connection
    from ..rows import RowFactory

__all__ = ["ServerCursor"]


class ServerCursor(Declaring[Row], Cursor[Row]):
    """A cursor on the server (DECLARE, FETCH, MOVE). Made by `Connection.cursor(name)`."""

    def __init__(
        self,
        connection: Connection[Any],
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

    def scroll(self, value: int, mode: str = "relative") -> None:
        """Move on the server, by `value` or (`mode="absolute"`) to it; past an end it stays there.

        Raises: as `execute`: backwards only where the cursor is scrollable. IndexError: before
            the first row.
        """
        self._run(self.moving(value, mode))

    def close(self) -> None:
        """Close it, on the server too; nothing can be asked of it any more."""
        if not self._closed and not self._connection.closed and self._talk.holder is None:
            self._connection.run(self.closing())
        self._shut()
