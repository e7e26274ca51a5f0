"""`Transaction` and `AsyncTransaction`: blocks that are committed, or rolled back, whole.

Floor 5. Made by `Connection.transaction`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..conversation.transacting import Transacting

if TYPE_CHECKING:
    from types import TracebackType

    from ..aio import AsyncConnection
    from ..connection import Connection

__all__ = ["AsyncTransaction", "Transaction"]


class Transaction:
    """A block: a transaction, or a savepoint in one. Made by `Connection.transaction`."""

    def __init__(
        self, connection: Connection[Any], savepoint_name: str | None, *, force_rollback: bool
    ) -> None:
        self._connection = connection
        self._told = Transacting(connection.talk, savepoint_name, force_rollback=force_rollback)

    @property
    def connection(self) -> Connection[Any]:
        """The connection it belongs to."""
        return self._connection

    @property
    def savepoint_name(self) -> str | None:
        """The name of its savepoint; None: it is a transaction without one."""
        return self._told.savepoint_name

    def __enter__(self) -> Transaction:
        connection = self._connection
        connection.run(self._told.enter(), None, connection.talk.pipelining)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        connection = self._connection
        return connection.run(self._told.leave(error, self), None, connection.talk.pipelining)


class AsyncTransaction:
    """A block: a transaction, or a savepoint in one. Made by `AsyncConnection.transaction`."""

    def __init__(
        self, connection: AsyncConnection[Any], savepoint_name: str | None, *, force_rollback: bool
    ) -> None:
        self._connection = connection
        self._told = Transacting(connection.talk, savepoint_name, force_rollback=force_rollback)

    @property
    def connection(self) -> AsyncConnection[Any]:
        """The connection it belongs to."""
        return self._connection

    @property
    def savepoint_name(self) -> str | None:
        """The name of its savepoint; None: it is a transaction without one."""
        return self._told.savepoint_name

    async def __aenter__(self) -> AsyncTransaction:
        connection = self._connection
        await connection.run(self._told.enter(), None, connection.talk.pipelining)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        connection = self._connection
        return await connection.run(self._told.leave(error, self), None, connection.talk.pipelining)
