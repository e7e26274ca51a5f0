"""What stays open across calls on an asyncio connection, method for method as in `requests`.

Floor 5. An asynchronous iteration that is left early is closed when its context manager is left, or
else as soon as the loop gets round to it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, AsyncIterator, Sequence

from .conversation.copy_rows import row_reader, typed
from .conversation.pipelining import Pipelining
from .errors import Error

if TYPE_CHECKING:
    from types import TracebackType

    from .aio import AsyncConnection
    from .conversation.copying import CopyingOut
    from .conversation.pipelining import Handle
    from .conversation.streaming import Streaming
    from .wire.backend import Column

__all__ = ["AsyncCopyOut", "AsyncPipeline", "AsyncStream"]


class AsyncStream:
    """The rows of one statement, a chunk in memory at a time. Made by `Connection.stream`.

    Iterate over it, row by row, or over `chunks()`; as a context manager it is surely closed.
    """

    def __init__(
        self, connection: AsyncConnection[Any], told: Streaming, timeout: float | None = None
    ) -> None:
        self._connection = connection
        self._told = told
        self._timeout = timeout

    @property
    def description(self) -> tuple[Column, ...] | None:
        """Of its rows; None before it was begun, and where the statement returns none."""
        return self._told.columns

    async def fetch(self) -> list[tuple[Any, ...]]:
        """Return the next rows, a chunk at most; an empty list at the end.

        Raises: as `Connection.query`; the connection is in step then.
        """
        return await self._connection.run(self._told.fetch(), self._timeout, self._told)

    async def chunks(self) -> AsyncIterator[list[tuple[Any, ...]]]:
        """Iterate over lists of rows. Raises: as `fetch`."""
        try:
            rows = await self.fetch()
            while rows:
                yield rows
                rows = await self.fetch()
        finally:
            await self.close()

    async def __aiter__(self) -> AsyncIterator[tuple[Any, ...]]:
        async for rows in self.chunks():
            for row in rows:
                yield row

    async def close(self) -> None:
        """Leave it; the connection is free again, its transaction as it was."""
        if self._told.open:
            await self._connection.run(self._told.close(), None, self._told)

    async def __aenter__(self) -> AsyncStream:
        await self._connection.run(self._told.begin(), self._timeout, self._told)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            await self.close()
        except Error:
            if error is None:
                raise


class AsyncCopyOut:
    """What one COPY … TO STDOUT gives. Made by `Connection.copy_out`.

    Iterate over it for blocks of bytes, or over `rows()`; or let it write into a file.
    """

    def __init__(
        self, connection: AsyncConnection[Any], told: CopyingOut, timeout: float | None = None
    ) -> None:
        self._connection = connection
        self._told = told
        self._timeout = timeout

    @property
    def row_count(self) -> int:
        """Rows copied, as the server counted them; -1 before the end."""
        return self._told.row_count

    async def fetch(self) -> bytes:
        """Return the next block, about 64 kB; b"" at the end.

        Raises: as `Connection.query`; the connection is in step then.
        """
        return await self._connection.run(self._told.fetch(), self._timeout, self._told)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            block = await self.fetch()
            while block:
                yield block
                block = await self.fetch()
        finally:
            await self.close()

    async def read(self) -> bytes:
        """Return all that is left, as bytes."""
        return b"".join([block async for block in self])

    async def into(self, file: Any) -> int:
        """Write everything to a binary file; return the number of rows.

        Raises: as `fetch`; whatever the file raises.
        """
        async for block in self:
            written = file.write(block)
            if hasattr(written, "__await__"):
                await written
        return self.row_count

    async def rows(
        self, types: Sequence[int | str] | None = None
    ) -> AsyncIterator[tuple[Any, ...]]:
        """Iterate over rows, as the statement's own options say they are written.

        Args:
            types: of the columns, OIDs or names, for Python values; None: `str | None`, and
                in binary `bytes | None`.

        Raises: as `fetch`; DataError: a value is malformed, or cannot be held.
        """
        talk = self._connection.talk
        read = row_reader(self._told.options, talk.session.encoding, talk.session.encoding_errors)
        finish = typed(types, self._told.options, talk)
        rest = b""
        async for block in self:
            data = rest + block
            rows, used = read(data, False)
            rest = data[used:]
            for row in finish(rows):
                yield row
        for row in finish(read(rest, True)[0]):
            yield row

    async def close(self) -> None:
        """Leave it: a COPY that has not ended is cancelled, which fails a transaction it was in."""
        if self._told.open:
            await self._connection.run(self._told.close(), None, self._told)

    async def __aenter__(self) -> AsyncCopyOut:
        await self._connection.run(self._told.begin(), self._timeout, self._told)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            await self.close()
        except Error:
            if error is None:
                raise


class AsyncPipeline:
    """Statements that are sent together. Made by `Connection.pipeline`.

    Inside its block cursors queue what they execute; to fetch from one syncs. Leaving the block
    syncs; leaving it by an exception drops what was not sent.
    """

    def __init__(self, connection: AsyncConnection[Any], timeout: float | None = None) -> None:
        self._connection = connection
        self._told = Pipelining(connection.talk)
        self._around: Pipelining | None = None
        self._timeout = timeout

    def query(self, sql: str, *parameters: object) -> Handle:
        """Queue a statement with `$1` parameters; its handle gives the result after the sync.

        Raises:
            InterfaceError: it cannot be sent; the others stay queued.
            ConnectionLost: the connection is over.
        """
        return self._told.query(sql, parameters)

    async def sync(self) -> None:
        """Send what is queued and wait for all of it.

        Raises:
            DatabaseError: the first error. The statements behind it were not run, those before it
                are undone unless a transaction was open; the handles tell about each.
            StaleStatement, ConnectionLost, RemoteProtocolError, Timeout: as `Connection.query`.
        """
        await self._connection.run(self._told.sync(), self._timeout, self._told)

    def __len__(self) -> int:
        return len(self._told)

    async def __aenter__(self) -> AsyncPipeline:
        talk = self._connection.talk
        self._around = talk.pipelining
        # Inside another's block it is the same: all that is queued keeps one order.
        self._told = talk.pipelining = talk.pipelining or self._told
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if error is None:
                await self.sync()
            else:
                self._told.drop()
        finally:
            self._connection.talk.pipelining = self._around
