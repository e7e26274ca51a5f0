"""`AsyncCursor`: `Cursor` for asyncio, method for method.

Floor 5. Made by `AsyncConnection.cursor` and `AsyncConnection.execute`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Union

from ..conversation.cursoring import Cursoring
from ..conversation.sources import CHUNK
from ..rows import Row

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Iterable
    from types import TracebackType

    from typing_extensions import Self

    from ..aio import AsyncConnection
    from ..conversation.cursoring import Parameters
    from ..rows import RowFactory
    from ..wire.wants import Dialogue
    from .copying import AsyncCopy

    Rows = Union[Iterable[Parameters], AsyncIterable[Parameters]]

__all__ = ["AsyncCursor"]


class AsyncCursor(Cursoring[Row]):
    """A statement's results, and the place among their rows. Made by `AsyncConnection.cursor`."""

    def __init__(
        self, connection: AsyncConnection[Any], *, row_factory: RowFactory[Row] | None = None
    ) -> None:
        super().__init__(connection.talk, row_factory or connection.row_factory)
        self._connection = connection

    @property
    def connection(self) -> AsyncConnection[Any]:
        """The connection it belongs to."""
        return self._connection

    async def execute(
        self,
        query: Any,
        params: Parameters | None = None,
        *,
        prepare: bool | None = None,
        timeout: float | None = None,
    ) -> Self:
        """As `Cursor.execute`."""
        quick = prepare is None and timeout is None
        asked = self.asked(query, params) if quick else None
        if asked is not None:
            self.answered(await self._connection.ask(*asked))
        else:
            await self._run(self.executing(query, params, prepare), timeout)
        return self

    async def executemany(
        self,
        query: Any,
        params_seq: Rows,
        *,
        returning: bool = False,
        timeout: float | None = None,
    ) -> Self:
        """As `Cursor.executemany`."""
        await self._run(self.executing_many(query, params_seq, returning=returning), timeout)
        return self

    async def callproc(self, name: str, params: Parameters = (), /) -> Parameters:
        """As `Cursor.callproc`."""
        await self._run(self.executing_call(name, params))
        return params

    async def stream(
        self,
        query: Any,
        params: Parameters | None = None,
        *,
        size: int = CHUNK,
        timeout: float | None = None,
    ) -> AsyncIterator[Row]:
        """As `Cursor.stream`."""
        told = self.streaming(query, params, size)
        run = self._connection.run
        try:
            while rows := await run(told.fetch(), timeout, told):
                for row in self.streamed(told, rows):
                    yield row
        finally:
            if told.open:
                await run(told.close(), None, told)

    def copy(self, statement: Any) -> AsyncCopy:
        """As `Cursor.copy`."""
        self._open()
        from .copying import AsyncCopy

        return AsyncCopy(self._connection, self._text(statement, pyformat=False))

    async def fetchone(self) -> Row | None:
        """As `Cursor.fetchone`."""
        await self._ready(1)
        return self._one()

    async def fetchmany(self, size: int | None = None) -> list[Row]:
        """As `Cursor.fetchmany`."""
        await self._ready(self.arraysize if size is None else size)
        return self._many(size)

    async def fetchall(self) -> list[Row]:
        """As `Cursor.fetchall`."""
        await self._ready(None)
        return self._all()

    async def scroll(self, value: int, mode: str = "relative") -> None:
        """As `Cursor.scroll`."""
        await self._ready(0)
        self._scrolled(value, mode)

    async def close(self) -> None:
        """As `Cursor.close`."""
        self._shut()

    async def _ready(self, count: int | None, *, ahead: bool = False) -> None:
        told = self.awaited(count, ahead=ahead)
        if told is not None:
            await self._run(told)

    async def _run(self, told: Dialogue[Any], timeout: float | None = None) -> None:
        await self._connection.run(told, timeout, self._talk.pipelining)

    def __aiter__(self) -> AsyncIterator[Row]:
        return self

    async def __anext__(self) -> Row:
        await self._ready(1, ahead=True)
        try:
            return self._next()
        except StopIteration:
            raise StopAsyncIteration from None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()
