"""What both faces' cursor methods share, without waiting: PEP 249's attributes, row factories.

Floor 5.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable

from .. import errors
from ..conversation.transacting import IsolationLevel, begin_text, level_of
from ..face import Face
from ..xid import Xid

if TYPE_CHECKING:
    from ..errors import Diagnostics
    from ..rows import RowFactory
    from ..wire.session import Notification
    from .info import ConnectionInfo

__all__ = ["CursorFace", "Deferred"]


class Deferred:
    """A class attribute whose module is imported when it is first asked for, and stays then."""

    def __init__(self, found: Callable[[], Any]) -> None:
        self._found = found

    def __set_name__(self, owner: type, name: str) -> None:
        self._home, self._as = owner, name

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        found = self._found()
        setattr(self._home, self._as, found)
        return found


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

    _isolation_level: IsolationLevel | None = None
    _read_only: bool | None = None
    _deferrable: bool | None = None

    def furnish(self, row_factory: RowFactory[Any] | None, cursor_factory: Any = None) -> None:
        """Set what cursors make of rows, and their class; None: what there was."""
        if row_factory is not None:
            self.row_factory = row_factory
        if cursor_factory is not None:
            self.cursor_factory = cursor_factory

    @property
    def info(self) -> ConnectionInfo:
        """What is known of the connection, by psycopg's names."""
        from .info import ConnectionInfo

        return ConnectionInfo(self)

    # -- handlers ---------------------------------------------------------------------------

    def add_notice_handler(self, handler: Callable[[Diagnostics], object]) -> None:
        """Have a function called with each notice: psycopg's way to `notice_handlers`."""
        self.notice_handlers.append(handler)

    def remove_notice_handler(self, handler: Callable[[Diagnostics], object]) -> None:
        """Take a handler of notices out. Raises ValueError: it is not there."""
        self.notice_handlers.remove(handler)

    def add_notify_handler(self, handler: Callable[[Notification], object]) -> None:
        """Have a function called with each notification: psycopg's `notification_handlers`."""
        self.notification_handlers.append(handler)

    def remove_notify_handler(self, handler: Callable[[Notification], object]) -> None:
        """Take a handler of notifications out. Raises ValueError: it is not there."""
        self.notification_handlers.remove(handler)

    # -- transactions -----------------------------------------------------------------------

    @property
    def isolation_level(self) -> IsolationLevel | None:
        """Of the transactions that we begin; None: the server's default.

        It can be set to an `IsolationLevel`, its number, or SQL's words, between transactions.
        """
        return self._isolation_level

    @isolation_level.setter
    def isolation_level(self, value: IsolationLevel | int | str | None) -> None:
        self._characterise("isolation_level", level_of(value))

    @property
    def read_only(self) -> bool | None:
        """Whether transactions that we begin may not write; None: the server's default."""
        return self._read_only

    @read_only.setter
    def read_only(self, value: bool | None) -> None:
        self._characterise("read_only", None if value is None else bool(value))

    @property
    def deferrable(self) -> bool | None:
        """Whether serializable read-only transactions wait so as not to fail; None: the default."""
        return self._deferrable

    @deferrable.setter
    def deferrable(self, value: bool | None) -> None:
        self._characterise("deferrable", None if value is None else bool(value))

    def _characterise(self, name: str, value: Any) -> None:
        if self.in_transaction:
            raise errors.InterfaceError(
                f"{name} cannot be changed inside a transaction: commit or roll back first"
            )
        setattr(self, f"_{name}", value)
        self._talk.begin = begin_text(self._isolation_level, self._read_only, self._deferrable)

    def xid(self, format_id: int, gtrid: str, bqual: str) -> Xid:
        """Return a transaction ID for the `tpc_` methods.

        Args:
            format_id: 0 to 2147483647. gtrid, bqual: printable ASCII, 64 characters at most.

        Raises:
            ProgrammingError: a part is out of these bounds.
        """
        return Xid.made(format_id, gtrid, bqual)
