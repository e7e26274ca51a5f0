"""What `Connection` has beside the native calls: cursors, as PEP 249 and psycopg's users know them.

Floor 5. A mixin, so that each file stays readable; the asyncio twin stands in `asynchronous`.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from ..errors import Error
from ..rows import Other, Row
from .client import Cursor
from .common import CursorFace

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

    from ..conversation.cursoring import Parameters
    from ..conversation.talk import Holder
    from ..rows import RowFactory
    from ..wire.wants import Dialogue

__all__ = ["CursorMethods"]

T = TypeVar("T")


class CursorMethods(CursorFace, Generic[Row]):
    """The part of a blocking connection that gives cursors.

    Attributes:
        row_factory: what cursors make of rows unless told otherwise (`purelink.rows`).
        cursor_factory: the class of its client-side cursors.
    """

    row_factory: RowFactory[Row]
    cursor_factory: Any = Cursor

    if TYPE_CHECKING:

        def run(
            self, dialogue: Dialogue[T], timeout: float | None = None, holder: Holder | None = None
        ) -> T:
            """See `Connection.run`."""

        def close(self) -> None:
            """See `Connection.close`."""

    @overload
    def cursor(self) -> Cursor[Row]: ...

    @overload
    def cursor(self, *, row_factory: RowFactory[Other]) -> Cursor[Other]: ...

    def cursor(self, *, row_factory: RowFactory[Any] | None = None) -> Cursor[Any]:
        """Return a new cursor.

        Args:
            row_factory: what it makes of rows; None: what the connection says.
        """
        made: Cursor[Any] = self.cursor_factory(self, row_factory=row_factory or self.row_factory)
        return made

    def execute(
        self, query: Any, params: Parameters | None = None, *, timeout: float | None = None
    ) -> Cursor[Row]:
        """Run a statement with `%s` or `%(name)s` parameters in a new cursor, and return that.

        Arguments and errors as `Cursor.execute`.
        """
        return self.cursor().execute(query, params, timeout=timeout)

    # -- transactions -----------------------------------------------------------------------

    def commit(self) -> None:
        """Commit the transaction, if one is open. Raises as `query`."""
        self.run(self._talk.commit())

    def rollback(self) -> None:
        """Roll the transaction back, if one is open. Raises as `query`."""
        self.run(self._talk.rollback())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if not self.closed and self._pid == os.getpid():
                if error is None:
                    self.commit()
                else:
                    self._quiet_rollback()
        finally:
            self.close()

    def _quiet_rollback(self) -> None:
        try:
            self.rollback()
        except Error:
            pass  # the first error is the one to be told; the close rolls back all the same
