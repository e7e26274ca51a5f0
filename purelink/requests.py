"""What stays open across calls on a blocking connection: streams, COPY out, pipelines.

Floor 5. Made by the `Connection`; what waits is one line a method. The asyncio twins stand in
`arequests`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Iterator, Sequence

from .conversation.copy_rows import row_reader, typed
from .conversation.pipelining import Pipelining
from .errors import Error

if TYPE_CHECKING:
    from types import TracebackType

    from .connection import Connection
    from .conversation.copying import CopyingOut
    from .conversation.pipelining import Handle
    from .conversation.streaming import Streaming
    from .wire.backend import Column

__all__ = ["CopyOut", "Pipeline", "Stream"]


class Stream:
    """The rows of one statement, a chunk in memory at a time. Made by `Connection.stream`.

    Iterate over it, row by row, or over `chunks()`; as a context manager it is surely closed.
    """

    def __init__(
        self, connection: Connection[Any], told: Streaming, timeout: float | None = None
    ) -> None:
        self._connection = connection
        self._told = told
        self._timeout = timeout

    @property
    def description(self) -> tuple[Column, ...] | None:
        """Of its rows; None before it was begun, and where the statement returns none."""
        return self._told.columns

    def fetch(self) -> list[tuple[Any, ...]]:
        """Return the next rows, a chunk at most; an empty list at the end.

        Raises: as `Connection.query`; the connection is in step then.
        """
        return self._connection.run(self._told.fetch(), self._timeout, self._told)

    def chunks(self) -> Iterator[list[tuple[Any, ...]]]:
        """Iterate over lists of rows. Raises: as `fetch`."""
        try:
            rows = self.fetch()
            while rows:
                yield rows
                rows = self.fetch()
        finally:
            self.close()

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        for rows in self.chunks():
            yield from rows

    def close(self) -> None:
        """Leave it; the connection is free again, its transaction as it was."""
        if self._told.open:
            self._connection.run(self._told.close(), None, self._told)

    def __enter__(self) -> Stream:
        self._connection.run(self._told.begin(), self._timeout, self._told)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self.close()
        except Error:
            if error is None:
                raise


class CopyOut:
    """What one COPY … TO STDOUT gives. Made by `Connection.copy_out`.

    Iterate over it for blocks of bytes, or over `rows()`; or let it write into a file.
    """

    def __init__(
        self, connection: Connection[Any], told: CopyingOut, timeout: float | None = None
    ) -> None:
        self._connection = connection
        self._told = told
        self._timeout = timeout

    @property
    def row_count(self) -> int:
        """Rows copied, as the server counted them; -1 before the end."""
        return self._told.row_count

    def fetch(self) -> bytes:
        """Return the next block, about 64 kB; b"" at the end.

        Raises: as `Connection.query`; the connection is in step then.
        """
        return self._connection.run(self._told.fetch(), self._timeout, self._told)

    def __iter__(self) -> Iterator[bytes]:
        try:
            block = self.fetch()
            while block:
                yield block
                block = self.fetch()
        finally:
            self.close()

    def read(self) -> bytes:
        """Return all that is left, as bytes."""
        return b"".join(self)

    def into(self, file: Any) -> int:
        """Write everything to a binary file; return the number of rows.

        Raises: as `fetch`; whatever the file raises.
        """
        for block in self:
            file.write(block)
        return self.row_count

    def rows(self, types: Sequence[int | str] | None = None) -> Iterator[tuple[Any, ...]]:
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
        for block in self:
            data = rest + block
            rows, used = read(data, False)
            rest = data[used:]
            yield from finish(rows)
        yield from finish(read(rest, True)[0])

    def close(self) -> None:
        """Leave it: a COPY that has not ended is cancelled, which fails a transaction it was in."""
        if self._told.open:
            self._connection.run(self._told.close(), None, self._told)

    def __enter__(self) -> CopyOut:
        self._connection.run(self._told.begin(), self._timeout, self._told)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self.close()
        except Error:
            if error is None:
                raise


class Pipeline:
    """Statements that are sent together. Made by `Connection.pipeline`.

    Inside its block cursors queue what they execute; to fetch from one syncs. Leaving the block
    syncs; leaving it by an exception drops what was not sent.
    """

    def __init__(self, connection: Connection[Any], timeout: float | None = None) -> None:
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

    def sync(self) -> None:
        """Send what is queued and wait for all of it.

        Raises:
            DatabaseError: the first error. The statements behind it were not run, those before it
                are undone unless a transaction was open; the handles tell about each.
            StaleStatement, ConnectionLost, RemoteProtocolError, Timeout: as `Connection.query`.
        """
        self._connection.run(self._told.sync(), self._timeout, self._told)

    def __len__(self) -> int:
        return len(self._told)

    def __enter__(self) -> Pipeline:
        talk = self._connection.talk
        self._around = talk.pipelining
        # Inside another's block it is the same: all that is queued keeps one order.
        self._told = talk.pipelining = talk.pipelining or self._told
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if error is None:
                self.sync()
            else:
                self._told.drop()
        finally:
            self._connection.talk.pipelining = self._around
