"""What `Connection` has beside the native calls: cursors, as PEP 249 and psycopg's users know them.

Floor 5. A mixin, so that each file stays readable; the asyncio twin stands in `asynchronous`.
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
    from collections.abc import Iterator
    from types import TracebackType

    from typing_extensions import Self

    from ..connection import Connection
    from ..conversation.cursoring import Parameters
    from ..conversation.talk import Holder
    from ..conversation.transacting import IsolationLevel
    from ..rows import RowFactory
    from ..wire.session import Notification
    from ..wire.wants import Dialogue
    from ..xid import Xid
    from .client import Cursor
    from .large import LargeObject
    from .server import ServerCursor
    from .transactions import Transaction

__all__ = ["CursorMethods"]

T = TypeVar("T")


def _client() -> Any:
    from .client import Cursor

    return Cursor


def _server() -> Any:
    from .server import ServerCursor

    return ServerCursor


class CursorMethods(CursorFace, Generic[Row]):
    """The part of a blocking connection that gives cursors.

    Attributes:
        row_factory: what cursors make of rows unless told otherwise (`purelink.rows`).
        cursor_factory, server_cursor_factory: the classes of its cursors.
    """

    row_factory: RowFactory[Row]
    cursor_factory: Any = Deferred(_client)
    server_cursor_factory: Any = Deferred(_server)

    if TYPE_CHECKING:

        def run(
            self, dialogue: Dialogue[T], timeout: float | None = None, holder: Holder | None = None
        ) -> T:
            """See `Connection.run`."""

        def close(self) -> None:
            """See `Connection.close`."""

    @property
    def _itself(self) -> Connection[Any]:
        return self  # type: ignore[return-value]  # no other class has this part

    @overload
    def cursor(self, name: None = ..., *, row_factory: None = ...) -> Cursor[Row]: ...

    @overload
    def cursor(self, name: None = ..., *, row_factory: RowFactory[Other]) -> Cursor[Other]: ...

    @overload
    def cursor(
        self,
        name: str,
        *,
        row_factory: None = ...,
        scrollable: bool | None = ...,
        withhold: bool = ...,
    ) -> ServerCursor[Row]: ...

    @overload
    def cursor(
        self,
        name: str,
        *,
        row_factory: RowFactory[Other],
        scrollable: bool | None = ...,
        withhold: bool = ...,
    ) -> ServerCursor[Other]: ...

    def cursor(
        self,
        name: str | None = None,
        *,
        row_factory: RowFactory[Any] | None = None,
        scrollable: bool | None = None,
        withhold: bool = False,
    ) -> Cursor[Any]:
        """Return a new cursor.

        Args:
            name: makes it one on the server (DECLARE), whose rows stay there until they are
                fetched:
                inside a transaction, unless it is `withhold`.
            row_factory: what it makes of rows; None: what the connection says.
            scrollable: True: it can go backwards; False: it cannot; None: where that costs nothing.
            withhold: the rows outlive the transaction.
        """
        factory = row_factory or self.row_factory
        if name:
            return self.server_cursor_factory(  # type: ignore[no-any-return]
                self, name, row_factory=factory, scrollable=scrollable, withhold=withhold
            )
        return self.cursor_factory(self, row_factory=factory)  # type: ignore[no-any-return]

    def execute(
        self,
        query: Any,
        params: Parameters | None = None,
        *,
        prepare: bool | None = None,
        timeout: float | None = None,
    ) -> Cursor[Row]:
        """Run a statement with `%s` or `%(name)s` parameters in a new cursor, and return that.

        Arguments and errors as `Cursor.execute`.
        """
        return self.cursor().execute(query, params, prepare=prepare, timeout=timeout)

    # -- transactions -----------------------------------------------------------------------

    def commit(self) -> None:
        """Commit the transaction, if one is open. Raises as `query`."""
        self.run(self._talk.commit(), None, self._talk.pipelining)

    def rollback(self) -> None:
        """Roll the transaction back, if one is open. Raises as `query`."""
        self.run(self._talk.rollback(), None, self._talk.pipelining)

    def set_autocommit(self, value: bool) -> None:
        """Set `autocommit`: for code that is the same on both faces."""
        self.autocommit = value

    def set_isolation_level(self, value: IsolationLevel | int | str | None) -> None:
        """Set `isolation_level`."""
        self.isolation_level = value

    def set_read_only(self, value: bool | None) -> None:
        """Set `read_only`."""
        self.read_only = value

    def set_deferrable(self, value: bool | None) -> None:
        """Set `deferrable`."""
        self.deferrable = value

    def transaction(
        self, savepoint_name: str | None = None, force_rollback: bool = False
    ) -> Transaction:
        """Return a block for `with`: committed when it is left, rolled back by an exception.

        Where a transaction is open already the block is a savepoint in it. Blocks nest. To roll one
        back without an exception outside raise `purelink.Rollback`.

        Args:
            savepoint_name: None: one of our own.
            force_rollback: roll back in any case, as tests like it.
        """
        from .transactions import Transaction

        return Transaction(self._itself, savepoint_name, force_rollback=force_rollback)

    def tpc_begin(self, xid: Xid | str) -> None:
        """Begin a two-phase transaction.

        Args:
            xid: made by `xid`; or any text, which is PostgreSQL's own ID then.

        Raises: as `query`; ProgrammingError: a transaction is open, or it is autocommit.
        """
        from ..conversation.transacting import tpc_begin

        self.run(tpc_begin(self._talk, xid))

    def tpc_prepare(self) -> None:
        """Do the first phase: from here on it survives us; nothing else can be said before the end.

        Raises: as `query`; ProgrammingError: `tpc_begin` was not called before.
        """
        from ..conversation.transacting import tpc_prepare

        self.run(tpc_prepare(self._talk), None, self._talk.two_phase)

    def tpc_commit(self, xid: Xid | str | None = None) -> None:
        """Do the second phase; of a transaction that was not prepared, both in one.

        Args:
            xid: one that `tpc_recover` told of; None: this connection's own.

        Raises: as `query`; ProgrammingError: there is none, or (with `xid`) a transaction is open.
        """
        from ..conversation.transacting import tpc_end

        self.run(tpc_end(self._talk, "COMMIT", xid), None, self._talk.two_phase)

    def tpc_rollback(self, xid: Xid | str | None = None) -> None:
        """Roll back a two-phase transaction, prepared or not. As `tpc_commit` otherwise."""
        from ..conversation.transacting import tpc_end

        self.run(tpc_end(self._talk, "ROLLBACK", xid), None, self._talk.two_phase)

    def tpc_recover(self) -> list[Xid]:
        """Return the IDs of the server's prepared transactions. Raises: as `query`."""
        from ..conversation.transacting import tpc_recover

        return self.run(tpc_recover(self._talk))

    # -- notifications, large objects, passwords ---------------------------------------------

    def notifies(
        self, *, timeout: float | None = None, stop_after: int | None = None
    ) -> Iterator[Notification]:
        """Iterate over notifications that no handler takes, as they come.

        Args:
            timeout: seconds in all; None: for ever. 0: those that have come already.
            stop_after: end after so many.

        Raises:
            ConnectionLost, RemoteProtocolError: the connection is over.
        """
        limit = limit_of(timeout) or Limit(None)
        left = -1 if stop_after is None else stop_after
        while left:
            found = self.run(self._talk.next_notification(limit))
            if found is None:
                return
            yield found
            left -= 1

    def large_object(self, oid: int | None = None, mode: str = "rb") -> LargeObject:
        """Open a large object as a binary file.

        Args:
            oid: of one that exists; None: a new one is made, of any mode but reading alone.
            mode: as `open` takes it: "rb", "r+b", "wb" (emptied), "ab" (at its end) …

        Raises: as `query`; InterfaceError: `mode` is none.
        """
        from ..conversation.large_objects import LargeObjecting
        from .large import LargeObject

        told = LargeObjecting(self._talk, oid, mode)
        self.run(told.opening(), None, self._talk.pipelining)
        return LargeObject(self._itself, told)

    def remove_large_object(self, oid: int) -> None:
        """Remove a large object. Raises: as `query`."""
        from ..conversation.large_objects import removing

        self.run(removing(self._talk, oid), None, self._talk.pipelining)

    def change_password(self, password: str, user: str | None = None) -> None:
        """Set a role's password; it is hashed here, so that the server's logs never see it.

        Args:
            user: the role; None: the one that is connected.

        Raises: as `query`; InterfaceError: it cannot be a password. NotSupportedError: the
            server hashes in a way that is unknown here.

        Source: PQchangePassword.
        """
        from ..conversation.passwords import change_password

        who = self._settings["user"] or "" if user is None else user
        self.run(change_password(self._talk, who, password, os.urandom))

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
