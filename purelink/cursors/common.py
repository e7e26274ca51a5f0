"""What both faces' cursor methods share, without waiting: PEP 249's attributes, row factories.

Floor 5.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import errors
from ..face import Face

if TYPE_CHECKING:
    from ..rows import RowFactory

__all__ = ["CursorFace"]


class CursorFace(Face):
    """What `Connection` and `AsyncConnection` have beside the native calls, without waiting."""

    # PEP 249: so that code which is handed a connection need not know whose it is.
    Warning = errors.Warning
    Error = errors.Error
    InterfaceError = errors.InterfaceError
    DatabaseError = errors.DatabaseError
    DataError = errors.DataError
    OperationalError = errors.OperationalError
    IntegrityError = errors.IntegrityError
    InternalError = errors.InternalError
    ProgrammingError = errors.ProgrammingError
    NotSupportedError = errors.NotSupportedError

    cursor_factory: Any

    def furnish(self, row_factory: RowFactory[Any] | None, cursor_factory: Any = None) -> None:
        """Set what cursors make of rows, and their class; None: what there was."""
        if row_factory is not None:
            self.row_factory = row_factory
        if cursor_factory is not None:
            self.cursor_factory = cursor_factory
