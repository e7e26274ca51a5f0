"""`Copy` and `AsyncCopy`: COPY in either direction as a block, as psycopg's `cursor.copy()` has it.

Floor 5. On `conversation.copy_writing` in, and on `Connection.copy_out`'s `CopyOut` out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Iterable, Sequence

from ..conversation.copy_options import copy_options
from ..conversation.copy_writing import CopyingIn
from ..errors import Error, InterfaceError
from ..values.oids import BY_NAME

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from types import TracebackType

    from ..aio import AsyncConnection
    from ..arequests import AsyncCopyOut
    from ..connection import Connection
    from ..requests import CopyOut

__all__ = ["AsyncCopy", "Copy"]


class _Copying:
    """What both faces share: which way it goes, and the columns' types."""

    def __init__(self, connection: Any, sql: str) -> None:
        self._connection = connection
        inward = copy_options(sql).inward
        self._in = CopyingIn(connection.talk, sql) if inward else None
        self._out: Any = None if inward else connection.copy_out(sql)
        self._types: list[int | str] | None = None
        self._reader: Any = None

    @property
    def rowcount(self) -> int:
        """Rows copied; -1 before the end."""
        told: Any = self._in or self._out
        return int(told.row_count)

    def set_types(self, types: Iterable[int | str]) -> None:
        """Tell the columns' types, OIDs or names: out, for Python values; in, for rows in binary.

        In, it is to be said before the block is entered; not said, the table is asked.
        """
        self._types = list(types)
        if self._in is not None:
            self._in.types = [
                BY_NAME[each] if isinstance(each, str) else each for each in self._types
            ]

    def _inward(self) -> CopyingIn:
        if self._in is None:
            raise InterfaceError("this COPY gives data: it cannot be written to")
        if not self._in.open:
            raise InterfaceError("this COPY is not under way: write inside its block")
        return self._in

    def _outward(self) -> Any:
        if self._out is None:
            raise InterfaceError("this COPY takes data: it cannot be read")
        return self._out


class Copy(_Copying):
    """One COPY, in or out. Made by `Cursor.copy`, used in a `with` block.

    Leaving the block ends it; leaving it by an exception means that nothing is copied.
    """

    _connection: Connection[Any]
    _out: CopyOut | None

    def write(self, data: Any) -> None:
        """Send a block of bytes or text, cut anywhere.

        Raises: as `Connection.query`; InterfaceError: rows were written before, or it goes out.
        """
        told = self._inward()
        if told.add(data):
            self._connection.run(told.flush(), None, told)

    def write_row(self, row: Sequence[Any]) -> None:
        """Send a row of Python values, written as the statement's options say.

        Raises: as `Connection.query`; InterfaceError: a value cannot be written (said a few hundred
            rows later, as they are gathered), blocks were written before, or it goes out.
        """
        told = self._inward()
        if told.add_row(row):
            self._connection.run(told.flush(), None, told)

    def read(self) -> bytes:
        """Return the next block; b"" at the end. Raises: as `Connection.query`."""
        return self._outward().fetch()  # type: ignore[no-any-return]

    def read_row(self) -> tuple[Any, ...] | None:
        """Return the next row, `str | None` or of the types that were set; None at the end."""
        if self._reader is None:
            self._reader = self.rows()
        return next(self._reader, None)

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """Iterate over rows, `str | None` or of the types that were set."""
        return self._outward().rows(self._types)  # type: ignore[no-any-return]

    def __iter__(self) -> Iterator[bytes]:
        return self._outward().__iter__()  # type: ignore[no-any-return]

    def __enter__(self) -> Copy:
        if self._in is not None:
            self._connection.run(self._in.begin())
        else:
            self._outward().__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        told = self._in
        if told is None:
            self._outward().__exit__(kind, error, traceback)
        elif told.open and error is None:
            self._connection.run(told.finish(), None, told)
        elif told.open and not self._connection.closed:
            try:
                self._connection.run(told.fail(type(error).__name__), None, told)
            except Error:
                pass  # the first error is the one to be told


class AsyncCopy(_Copying):
    """One COPY, in or out. Made by `AsyncCursor.copy`, used in a `with` block.

    Leaving the block ends it; leaving it by an exception means that nothing is copied.
    """

    _connection: AsyncConnection[Any]
    _out: AsyncCopyOut | None

    async def write(self, data: Any) -> None:
        """Send a block of bytes or text, cut anywhere.

        Raises: as `Connection.query`; InterfaceError: rows were written before, or it goes out.
        """
        told = self._inward()
        if told.add(data):
            await self._connection.run(told.flush(), None, told)

    async def write_row(self, row: Sequence[Any]) -> None:
        """Send a row of Python values, written as the statement's options say.

        Raises: as `Connection.query`; InterfaceError: a value cannot be written (said a few hundred
            rows later, as they are gathered), blocks were written before, or it goes out.
        """
        told = self._inward()
        if told.add_row(row):
            await self._connection.run(told.flush(), None, told)

    async def read(self) -> bytes:
        """Return the next block; b"" at the end. Raises: as `Connection.query`."""
        return await self._outward().fetch()  # type: ignore[no-any-return]

    async def read_row(self) -> tuple[Any, ...] | None:
        """Return the next row, `str | None` or of the types that were set; None at the end."""
        if self._reader is None:
            self._reader = self.rows()
        try:
            row: tuple[Any, ...] = await self._reader.__anext__()
        except StopAsyncIteration:
            return None
        return row

    def rows(self) -> AsyncIterator[tuple[Any, ...]]:
        """Iterate over rows, `str | None` or of the types that were set."""
        return self._outward().rows(self._types)  # type: ignore[no-any-return]

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._outward().__aiter__()  # type: ignore[no-any-return]

    async def __aenter__(self) -> AsyncCopy:
        if self._in is not None:
            await self._connection.run(self._in.begin())
        else:
            await self._outward().__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        told = self._in
        if told is None:
            await self._outward().__aexit__(kind, error, traceback)
        elif told.open and error is None:
            await self._connection.run(told.finish(), None, told)
        elif told.open and not self._connection.closed:
            try:
                await self._connection.run(told.fail(type(error).__name__), None, told)
            except Error:
                pass  # the first error is the one to be told
