"""The dialect `postgresql+purelink_async`: the same over the asyncio face.

Floor 6. SQLAlchemy is written without `await`; it runs in a greenlet, from which `_await` hands an
awaitable to the loop. Rows of an ordinary cursor are here when `execute` returns, so that fetching
them does not wait.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import util
from sqlalchemy.engine import AdaptedConnection
from sqlalchemy.util.concurrency import in_greenlet

from .dialect import Dialect

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["AsyncDialect"]

_await: Any = getattr(util, "await_", None) or util.await_only  # of 2.1, of 2.0


class _Cursor:
    """An `AsyncCursor`, or a named one, as PEP 249 has it."""

    def __init__(self, connection: _Connection, cursor: Any, *, server_side: bool) -> None:
        self._adapt_connection = connection
        self._cursor = cursor
        self.server_side = server_side
        self._rows: list[Any] = []
        self._at = 0

    @property
    def description(self) -> Any:
        return self._cursor.description

    @property
    def rowcount(self) -> int:
        return int(self._cursor.rowcount)

    @property
    def lastrowid(self) -> Any:
        return None

    @property
    def arraysize(self) -> int:
        return int(self._cursor.arraysize)

    @arraysize.setter
    def arraysize(self, value: int) -> None:
        self._cursor.arraysize = value

    def execute(self, operation: Any, parameters: Any = None) -> _Cursor:
        _await(self._execute(operation, parameters))
        return self

    async def _execute(self, operation: Any, parameters: Any) -> None:
        await self._cursor.execute(operation, parameters)
        await self._gather()

    async def _gather(self) -> None:
        self._rows, self._at = [], 0
        if not self.server_side and self._cursor.description is not None:
            self._rows = await self._cursor.fetchall()

    def executemany(self, operation: Any, parameters: Any) -> _Cursor:
        _await(self._cursor.executemany(operation, parameters))
        return self

    def nextset(self) -> Any:
        more = self._cursor.nextset()
        if more:
            _await(self._gather())
        return more

    def setinputsizes(self, *sizes: Any) -> None:
        self._cursor.setinputsizes(sizes)

    def setoutputsize(self, size: Any, column: Any = None) -> None:
        self._cursor.setoutputsize(size, column)

    def fetchone(self) -> Any:
        if self.server_side:
            return _await(self._cursor.fetchone())
        rows = self._take(1)
        return rows[0] if rows else None

    def fetchmany(self, size: int | None = None) -> Any:
        if self.server_side:
            return _await(self._cursor.fetchmany(size))
        return self._take(self.arraysize if size is None else size)

    def fetchall(self) -> Any:
        if self.server_side:
            return _await(self._cursor.fetchall())
        return self._take(len(self._rows))

    def _take(self, count: int) -> list[Any]:
        found = self._rows[self._at : self._at + count]
        self._at += len(found)
        return found

    def __iter__(self) -> Iterator[Any]:
        while (row := self.fetchone()) is not None:
            yield row

    def close(self) -> None:
        self._rows = []
        if self.server_side and in_greenlet():
            _await(self._cursor.close())

    async def _async_soft_close(self) -> None:
        """Do nothing: an ordinary cursor holds nothing on the server."""

    def __enter__(self) -> _Cursor:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Connection(AdaptedConnection):
    """An `AsyncConnection` as PEP 249 has it; what it does not know is the connection's own."""

    __slots__ = ("dbapi",)

    def __init__(self, dbapi: Any, connection: Any) -> None:
        self.dbapi = dbapi
        self._connection = connection

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def cursor(self, name: str | None = None) -> _Cursor:
        made = self._connection.cursor(name) if name else self._connection.cursor()
        return _Cursor(self, made, server_side=bool(name))

    def execute(self, operation: Any, parameters: Any = None) -> _Cursor:
        return self.cursor().execute(operation, parameters)

    def commit(self) -> None:
        _await(self._connection.commit())

    def rollback(self) -> None:
        _await(self._connection.rollback())

    def close(self) -> None:
        _await(self._connection.close())

    def is_alive(self) -> bool:
        return bool(_await(self._connection.is_alive()))

    def tpc_begin(self, xid: Any) -> None:
        _await(self._connection.tpc_begin(xid))

    def tpc_prepare(self) -> None:
        _await(self._connection.tpc_prepare())

    def tpc_commit(self, xid: Any = None) -> None:
        _await(self._connection.tpc_commit(xid))

    def tpc_rollback(self, xid: Any = None) -> None:
        _await(self._connection.tpc_rollback(xid))

    def tpc_recover(self) -> Any:
        return _await(self._connection.tpc_recover())

    def terminate(self) -> None:
        """Close it; where nothing can be waited for (garbage), without a farewell."""
        if in_greenlet():
            _await(self._connection.close())
        else:
            self._connection.talk.session.end()
            self._connection._pump.close()  # noqa: SLF001

    @property
    def autocommit(self) -> Any:
        return self._connection.autocommit

    @autocommit.setter
    def autocommit(self, value: Any) -> None:
        self._connection.autocommit = value

    @property
    def isolation_level(self) -> Any:
        return self._connection.isolation_level

    @isolation_level.setter
    def isolation_level(self, value: Any) -> None:
        self._connection.isolation_level = value

    @property
    def read_only(self) -> Any:
        return self._connection.read_only

    @read_only.setter
    def read_only(self, value: Any) -> None:
        self._connection.read_only = value

    @property
    def deferrable(self) -> Any:
        return self._connection.deferrable

    @deferrable.setter
    def deferrable(self, value: Any) -> None:
        self._connection.deferrable = value


class _Module:
    """purelink as PEP 249's module, its `connect` the asyncio one."""

    def __init__(self, purelink: Any) -> None:
        self.driver = self.exceptions_module = self._purelink = purelink

    def __getattr__(self, name: str) -> Any:
        return getattr(self._purelink, name)

    def connect(self, *args: Any, async_creator_fn: Any = None, **keywords: Any) -> _Connection:
        creator = async_creator_fn or self._purelink.aconnect
        return _Connection(self, _await(creator(*args, **keywords)))


class AsyncDialect(Dialect):
    """`postgresql+purelink_async`."""

    driver = "purelink_async"
    is_async = True
    has_terminate = True
    supports_statement_cache = True

    @classmethod
    def import_dbapi(cls) -> Any:
        """Return purelink with a `connect` that SQLAlchemy can call from its greenlet."""
        return _Module(super().import_dbapi())

    def do_terminate(self, dbapi_connection: Any) -> None:
        """Close a connection that may be in use, or garbage."""
        dbapi_connection.terminate()

    def get_driver_connection(self, connection: Any) -> Any:
        """Return the `AsyncConnection` itself."""
        return connection._connection  # noqa: SLF001 - SQLAlchemy's name for it
