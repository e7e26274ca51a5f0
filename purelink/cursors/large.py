"""`LargeObject` and `AsyncLargeObject`: a large object as a file.

Floor 5. Made by `Connection.large_object`. The blocking one is an `io.RawIOBase`, for `shutil`,
`io`'s buffers and whoever else takes a binary file.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import TracebackType

    from ..aio import AsyncConnection
    from ..connection import Connection
    from ..conversation.large_objects import LargeObjecting
    from ..wire.wants import Dialogue

__all__ = ["AsyncLargeObject", "LargeObject"]


class LargeObject(io.RawIOBase):
    """A large object as a binary file, unbuffered. Made by `Connection.large_object`.

    Every method raises as `Connection.query`; InterfaceError: it is closed, or open otherwise.
    """

    def __init__(self, connection: Connection[Any], told: LargeObjecting) -> None:
        super().__init__()
        self._connection = connection
        self._told = told

    def _run(self, dialogue: Dialogue[Any]) -> Any:
        return self._connection.run(dialogue, None, self._connection.talk.pipelining)

    @property
    def oid(self) -> int:
        """Its OID: what a table keeps of it."""
        assert self._told.oid is not None
        return self._told.oid

    @property
    def mode(self) -> str:
        """How it was opened."""
        return self._told.mode

    @property
    def closed(self) -> bool:
        """It was closed."""
        return self._told.closed

    def readable(self) -> bool:
        """Tell whether it is open for reading."""
        return self._told.readable

    def writable(self) -> bool:
        """Tell whether it is open for writing."""
        return self._told.writable

    def seekable(self) -> bool:
        """Return True."""
        return True

    def read(self, size: int = -1, /) -> bytes:
        """Return the next bytes, `size` (or a megabyte) at most; all that are left for -1."""
        if size < 0:
            return self.readall()
        data: bytes = self._run(self._told.reading(size))
        return data

    def readall(self) -> bytes:
        """Return all bytes that are left."""
        data: bytes = self._run(self._told.reading_all())
        return data

    def readinto(self, buffer: Any, /) -> int:
        """Read into a buffer as much as it holds, or a megabyte; return the number of bytes."""
        with memoryview(buffer) as given, given.cast("B") as view:
            data = self.read(len(view))
            view[: len(data)] = data
        return len(data)

    def write(self, data: Any, /) -> int:
        """Write bytes, all of them; return their number."""
        count: int = self._run(self._told.writing(data))
        return count

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Move to a place, from the beginning (0), from here (1) or from the end (2); return it."""
        place: int = self._run(self._told.seeking(offset, whence))
        return place

    def tell(self) -> int:
        """Return the place."""
        return self._told.place

    def truncate(self, size: int | None = None, /) -> int:
        """Cut it, or fill it up with zeros, to a size (None: the place); return that."""
        cut: int = self._run(self._told.truncating(size))
        return cut

    def close(self) -> None:
        """Close it; nothing is said to the server."""
        self._told.closed = True

    def __enter__(self) -> LargeObject:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __del__(self) -> None:
        # io's own would close it, and perhaps another's reading: there is nothing to be closed.
        pass

    def __repr__(self) -> str:
        return f"<LargeObject {self._told.oid} mode={self.mode!r}>"


class AsyncLargeObject:
    """A large object as an asynchronous binary file. Made by `AsyncConnection.large_object`."""

    def __init__(self, connection: AsyncConnection[Any], told: LargeObjecting) -> None:
        self._connection = connection
        self._told = told

    async def _run(self, dialogue: Dialogue[Any]) -> Any:
        return await self._connection.run(dialogue, None, self._connection.talk.pipelining)

    @property
    def oid(self) -> int:
        """As `LargeObject.oid`."""
        assert self._told.oid is not None
        return self._told.oid

    @property
    def mode(self) -> str:
        """As `LargeObject.mode`."""
        return self._told.mode

    @property
    def closed(self) -> bool:
        """As `LargeObject.closed`."""
        return self._told.closed

    def readable(self) -> bool:
        """As `LargeObject.readable`."""
        return self._told.readable

    def writable(self) -> bool:
        """As `LargeObject.writable`."""
        return self._told.writable

    def seekable(self) -> bool:
        """As `LargeObject.seekable`."""
        return True

    async def read(self, size: int = -1, /) -> bytes:
        """As `LargeObject.read`."""
        if size < 0:
            return await self.readall()
        data: bytes = await self._run(self._told.reading(size))
        return data

    async def readall(self) -> bytes:
        """As `LargeObject.readall`."""
        data: bytes = await self._run(self._told.reading_all())
        return data

    async def readinto(self, buffer: Any, /) -> int:
        """As `LargeObject.readinto`."""
        with memoryview(buffer) as given, given.cast("B") as view:
            data = await self.read(len(view))
            view[: len(data)] = data
        return len(data)

    async def write(self, data: Any, /) -> int:
        """As `LargeObject.write`."""
        count: int = await self._run(self._told.writing(data))
        return count

    async def seek(self, offset: int, whence: int = 0, /) -> int:
        """As `LargeObject.seek`."""
        place: int = await self._run(self._told.seeking(offset, whence))
        return place

    def tell(self) -> int:
        """As `LargeObject.tell`."""
        return self._told.place

    async def truncate(self, size: int | None = None, /) -> int:
        """As `LargeObject.truncate`."""
        cut: int = await self._run(self._told.truncating(size))
        return cut

    async def close(self) -> None:
        """As `LargeObject.close`."""
        self._told.closed = True

    async def __aenter__(self) -> AsyncLargeObject:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"<AsyncLargeObject {self._told.oid} mode={self.mode!r}>"
