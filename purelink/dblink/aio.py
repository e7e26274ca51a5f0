"""The asyncio face of dblink: `AsyncSession`, and `AsyncLinkRows` for its results.

Floor 5. Method for method like the blocking face (`session`), which has the docstrings; each runs
the same conversation of `links`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, AsyncIterator, Callable, Iterable, Mapping, TypeVar

from ..aio import AsyncConnection
from ..pumps.asynchronous import AsyncPump
from . import signatures
from .gathering import Gathering
from .setting import Setting

if TYPE_CHECKING:
    from types import TracebackType

    from ..conversation.connect import Plan
    from ..wire.wants import Dialogue
    from .columns import Columns
    from .gathering import Gathered, Progress
    from .reading import Rows
    from .statements import Array, Vector

__all__ = ["AsyncGather", "AsyncLinkRows", "AsyncSession"]

T = TypeVar("T")


class AsyncSession(Setting):
    """A dblink session: one unnamed and many named connections.

    Arguments, `notices`, `user`, `superuser`: see `Setting`. Errors of dblink's own are
    `LinkError`s with dblink's SQLSTATE, message, DETAIL, HINT and CONTEXT.
    """

    _link_class = AsyncConnection

    def _opener(self) -> Callable[[Plan], Any]:
        return _open

    async def _run(self, dialogue: Dialogue[T]) -> T:
        return await AsyncPump().run(dialogue)

    # -- connections ------------------------------------------------------------------------

    async def dblink_connect(self, *args: str | None) -> str | None:
        """As `Session.dblink_connect`."""
        found = signatures.connect(args)
        return None if found is None else await self._run(self._links.connect(*found))

    async def dblink_connect_u(self, *args: str | None) -> str | None:
        """As `Session.dblink_connect_u`."""
        found = signatures.connect(args)
        return None if found is None else await self._run(self._links.connect_u(*found))

    async def dblink_disconnect(self, *args: str | None) -> str | None:
        """As `Session.dblink_disconnect`."""
        found = signatures.name(args)
        return None if found is None else await self._run(self._links.disconnect(*found))

    def dblink_get_connections(self) -> list[str] | None:
        """As `Session.dblink_get_connections`."""
        return self._links.ledger.names()

    def dblink_error_message(self, connname: str | None) -> str | None:
        """As `Session.dblink_error_message`."""
        return None if connname is None else self._links.error_message(connname)

    # -- queries ----------------------------------------------------------------------------

    async def dblink(self, *args: str | bool | None, columns: Columns = None) -> AsyncLinkRows:
        """As `Session.dblink`."""
        found = signatures.query(args)
        if found is None:
            return AsyncLinkRows(None, self)
        return AsyncLinkRows(await self._run(self._links.query(*found, columns)), self)

    async def dblink_exec(self, *args: str | bool | None) -> str | None:
        """As `Session.dblink_exec`."""
        found = signatures.execute(args)
        return None if found is None else await self._run(self._links.execute(*found))

    # -- cursors ----------------------------------------------------------------------------

    async def dblink_open(self, *args: str | bool | None) -> str | None:
        """As `Session.dblink_open`."""
        found = signatures.open(args)
        return None if found is None else await self._run(self._links.open_cursor(*found))

    async def dblink_fetch(self, *args: str | int | None, columns: Columns = None) -> AsyncLinkRows:
        """As `Session.dblink_fetch`."""
        found = signatures.fetch(args)
        if found is None:
            return AsyncLinkRows(None, self)
        return AsyncLinkRows(await self._run(self._links.fetch(*found, columns)), self)

    async def dblink_close(self, *args: str | bool | None) -> str | None:
        """As `Session.dblink_close`."""
        found = signatures.close(args)
        return None if found is None else await self._run(self._links.close_cursor(*found))

    # -- asynchronous queries ---------------------------------------------------------------

    async def dblink_send_query(self, connname: str | None, sql: str | None) -> int | None:
        """As `Session.dblink_send_query`."""
        if connname is None or sql is None:
            return None
        return await self._run(self._links.send_query(connname, sql))

    async def dblink_is_busy(self, connname: str | None) -> int | None:
        """As `Session.dblink_is_busy`."""
        return None if connname is None else await self._run(self._links.is_busy(connname))

    async def dblink_get_result(
        self, connname: str | None, fail: bool | None = True, *, columns: Columns = None
    ) -> AsyncLinkRows:
        """As `Session.dblink_get_result`."""
        if connname is None or fail is None:
            return AsyncLinkRows(None, self)
        return AsyncLinkRows(await self._run(self._links.get_result(connname, fail, columns)), self)

    async def dblink_cancel_query(self, connname: str | None) -> str | None:
        """As `Session.dblink_cancel_query`."""
        return None if connname is None else await self._run(self._links.cancel_query(connname))

    async def dblink_get_notify(self, *args: str | None) -> list[tuple[str, int, str]]:
        """As `Session.dblink_get_notify`."""
        found = signatures.name(args)
        return [] if found is None else await self._run(self._links.get_notify(*found))

    # -- many servers at once ---------------------------------------------------------------

    def gather(
        self,
        names: Iterable[str] | None,
        sql: str | Mapping[str, str],
        *,
        columns: Columns = None,
        limit: int | None = None,
        timeout: float | None = None,
        progress: Progress | None = None,
    ) -> AsyncGather:
        """As `Session.gather`; an asynchronous iterator."""
        gathering = Gathering(
            self._links,
            names,
            sql,
            columns,
            together=limit,
            timeout=self._patience if timeout is None else timeout,
            progress=progress,
        )
        return AsyncGather(gathering, self)

    # -- the local database -----------------------------------------------------------------

    async def dblink_get_pkey(self, relname: str | None) -> list[tuple[int, str]]:
        """As `Session.dblink_get_pkey`."""
        return [] if relname is None else await self._run(self._here().get_pkey(relname))

    async def dblink_build_sql_insert(
        self,
        relname: str | None,
        attributes: Vector | None,
        number: int | None,
        source: Array | None,
        target: Array | None,
    ) -> str | None:
        """As `Session.dblink_build_sql_insert`."""
        if None in (relname, attributes, number, source, target):
            return None
        build = self._here().build_insert
        return await self._run(build(relname, attributes, number, source, target))  # type: ignore[arg-type]  # None was looked for

    async def dblink_build_sql_update(
        self,
        relname: str | None,
        attributes: Vector | None,
        number: int | None,
        source: Array | None,
        target: Array | None,
    ) -> str | None:
        """As `Session.dblink_build_sql_update`."""
        if None in (relname, attributes, number, source, target):
            return None
        build = self._here().build_update
        return await self._run(build(relname, attributes, number, source, target))  # type: ignore[arg-type]  # None was looked for

    async def dblink_build_sql_delete(
        self,
        relname: str | None,
        attributes: Vector | None,
        number: int | None,
        target: Array | None,
    ) -> str | None:
        """As `Session.dblink_build_sql_delete`."""
        if None in (relname, attributes, number, target):
            return None
        build = self._here().build_delete
        return await self._run(build(relname, attributes, number, target))  # type: ignore[arg-type]  # None was looked for

    # -- the end ----------------------------------------------------------------------------

    async def close(self) -> None:
        """Close every link. The session can be used again."""
        await self._run(self._links.close())

    async def __aenter__(self) -> AsyncSession:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()


async def _open(plan: Plan) -> AsyncConnection:
    return await AsyncConnection.open(plan, autocommit=True)


class AsyncGather:
    """The results of `AsyncSession.gather`, an iterator.

    Leaving it early is `close()`, or `async with`: what runs is cancelled, and the links are free
    again.
    """

    def __init__(self, gathering: Gathering, session: AsyncSession) -> None:
        self._gathering = gathering
        self._session = session

    def __aiter__(self) -> AsyncIterator[Gathered]:
        return self

    async def __anext__(self) -> Gathered:
        found = await self.fetchone()
        if found is None:
            raise StopAsyncIteration
        return found

    async def fetchone(self) -> Gathered | None:
        """Return the next result, or None when there are no more."""
        return await self._session._run(self._gathering.next())  # noqa: SLF001 - the face's other half

    async def fetchall(self) -> list[Gathered]:
        """Return all results that are left, in the order in which they came."""
        return await self._session._run(self._gathering.rest())  # noqa: SLF001

    async def close(self) -> None:
        """Give up what has not answered."""
        await self._session._run(self._gathering.close())  # noqa: SLF001

    async def __aenter__(self) -> AsyncGather:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()


class AsyncLinkRows:
    """A result of a link: an iterator over its rows, tuples.

    A small result is whole when it is handed out, and its link free. A big one streams: until it
    is read to its end or closed, its link is busy. Leaving it early is `close()`, or `with`.
    """

    def __init__(self, rows: Rows | None, session: AsyncSession) -> None:
        self._rows = rows
        self._session = session

    @property
    def column_names(self) -> list[str]:
        """The columns' names: the declared ones, or the result's own."""
        return [] if self._rows is None else list(self._rows.reading.names)

    def __aiter__(self) -> AsyncIterator[tuple[Any, ...]]:
        return self

    async def __anext__(self) -> tuple[Any, ...]:
        row = await self.fetchone()
        if row is None:
            raise StopAsyncIteration
        return row

    async def fetchone(self) -> tuple[Any, ...] | None:
        """Return the next row, or None at the end. Raises as `Session.dblink`."""
        row = None if self._rows is None else self._rows.ready()
        if row is None:
            found = await self.fetchmany(1)
            row = found[0] if found else None
        return row

    async def fetchmany(self, count: int) -> list[tuple[Any, ...]]:
        """Return at most `count` rows; an empty list at the end."""
        rows = self._rows
        if rows is None:
            return []
        return await self._session._run(rows.some(count))  # noqa: SLF001 - the face's other half

    async def fetchall(self) -> list[tuple[Any, ...]]:
        """Return all rows that are left."""
        rows = self._rows
        return [] if rows is None else await self._session._run(rows.rest())  # noqa: SLF001

    async def close(self) -> None:
        """Give up what was not read; the link is free again."""
        if self._rows is not None:
            await self._session._run(self._rows.close())  # noqa: SLF001

    async def __aenter__(self) -> AsyncLinkRows:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()
