"""Large objects, but for the waiting: reading, writing, seeking by the server's `lo_` functions.

Floor 3, pure. `lo_get` and `lo_put` need no descriptor on the server, so that an object stays open
across transactions and outside them; where we are in it is kept here. Each call of ours moves a
megabyte at most in one trip, so that memory is bounded on both sides.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ..errors import InterfaceError
from .outcomes import shaped, unfit

if TYPE_CHECKING:
    from ..wire.wants import Dialogue
    from .talk import Talk

__all__ = ["LargeObjecting"]

#: Bytes that are read or written in one trip.
BLOCK = 1 << 20
#: PostgreSQL's limit of an object: 2^31 pages of 2 kB.
SIZE_AT_MOST = (1 << 42) - 1
_MODE = re.compile(r"(?:[rwa]b?\+?|[rwa]\+b)")
#: a descriptor for one statement: opened, used, closed in it
_MEASURE = (
    "SELECT pg_catalog.lo_lseek64(fd, 0, 2), pg_catalog.lo_close(fd)"
    " FROM (SELECT pg_catalog.lo_open($1::pg_catalog.oid, $2::pg_catalog.int4) AS fd OFFSET 0)"
    " AS opened"
)
_TRUNCATE = (
    "SELECT pg_catalog.lo_truncate64(fd, $2::pg_catalog.int8), pg_catalog.lo_close(fd)"
    " FROM (SELECT pg_catalog.lo_open($1::pg_catalog.oid, 131072) AS fd OFFSET 0) AS opened"
)
READ, WRITE = 0x40000, 0x20000


class LargeObjecting:
    """One large object, open.

    Args:
        oid: of an object that exists; None: a new one is made.
        mode: as `open` takes it: "r", "r+", "w", "w+" (truncated), "a", "a+" (at the end); a "b"
        may
            stand in it.

    Raises:
        InterfaceError: `mode` is none, or a new object only to be read.
    """

    def __init__(self, talk: Talk, oid: int | None, mode: str) -> None:
        if not _MODE.fullmatch(mode):
            raise InterfaceError(f"a large object's mode cannot be {mode!r}")
        self._talk = talk
        self.mode = mode
        self.readable = "r" in mode or "+" in mode
        self.writable = "r" not in mode or "+" in mode
        if oid is None and not self.writable:
            raise InterfaceError("a new large object must be opened to be written")
        self.oid = oid
        self.place = 0
        self.closed = False

    def opening(self) -> Dialogue[None]:
        """Make it, or see that it is there and may be used so. Raises: as `Talk.query`."""
        if self.oid is None:
            made = yield from self._talk.query("SELECT pg_catalog.lo_create(0)")
            self.oid = _only(made.rows, int)
            return
        rights = (READ if self.readable else 0) | (WRITE if self.writable else 0)
        size = yield from self._measuring(rights)
        if self.mode[0] == "w" and size:
            yield from self.truncating(0)
        if self.mode[0] == "a":
            self.place = size

    def _measuring(self, rights: int) -> Dialogue[int]:
        measured = yield from self._talk.query(_MEASURE, (self.oid, rights))
        size: int = _only(measured.rows, int, int)
        if not 0 <= size <= SIZE_AT_MOST:
            raise unfit()
        return size

    def _check(self, *, writing: bool) -> None:
        if self.closed:
            raise InterfaceError("the large object is closed")
        if not (self.writable if writing else self.readable):
            raise InterfaceError(f"the large object is open in mode {self.mode!r}")

    def reading(self, size: int) -> Dialogue[bytes]:
        """Return the next bytes, `size` (or a megabyte) at most; b"" at the end."""
        self._check(writing=False)
        size = min(size, BLOCK)
        if size <= 0:
            return b""
        got = yield from self._talk.query(
            "SELECT pg_catalog.lo_get("
            "$1::pg_catalog.oid, $2::pg_catalog.int8, $3::pg_catalog.int4)",
            (self.oid, self.place, size),
        )
        data: bytes = _only(got.rows, bytes)
        if len(data) > size:
            raise unfit()
        self.place += len(data)
        return data

    def reading_all(self) -> Dialogue[bytes]:
        """Return all bytes that are left."""
        blocks = []
        while block := (yield from self.reading(BLOCK)):
            blocks.append(block)
        return b"".join(blocks)

    def writing(self, data: Any) -> Dialogue[int]:
        """Write bytes, all of them; return their number."""
        self._check(writing=True)
        with memoryview(data) as given, given.cast("B") as view:
            if self.place + len(view) > SIZE_AT_MOST:
                raise InterfaceError("a large object cannot be so large")
            for start in range(0, len(view), BLOCK):
                block = bytes(view[start : start + BLOCK])
                yield from self._talk.query(
                    "SELECT pg_catalog.lo_put($1::pg_catalog.oid, $2::pg_catalog.int8, $3)",
                    (self.oid, self.place, block),
                )
                self.place += len(block)
            return len(view)

    def seeking(self, offset: int, whence: int) -> Dialogue[int]:
        """Move to a place; return it."""
        if self.closed:
            raise InterfaceError("the large object is closed")
        base = 0
        if whence == 1:
            base = self.place
        elif whence == 2:
            rights = READ if self.readable else WRITE
            base = yield from self._measuring(rights)
        elif whence != 0:
            raise InterfaceError(f"whence must be 0, 1 or 2, not {whence!r}")
        if not 0 <= base + offset <= SIZE_AT_MOST:
            raise InterfaceError(f"there is no place {base + offset} in a large object")
        self.place = base + offset
        return self.place

    def truncating(self, size: int | None) -> Dialogue[int]:
        """Cut it, or fill it up with zeros, to a size (None: the place); return that."""
        self._check(writing=True)
        size = self.place if size is None else size
        if not 0 <= size <= SIZE_AT_MOST:
            raise InterfaceError(f"a large object cannot be {size} bytes long")
        yield from self._talk.query(_TRUNCATE, (self.oid, size))
        return size


def removing(talk: Talk, oid: int) -> Dialogue[None]:
    """Remove a large object. Raises: as `Talk.query`."""
    yield from talk.query("SELECT pg_catalog.lo_unlink($1::pg_catalog.oid)", (oid,))


def _only(rows: list[Any], *kinds: type) -> Any:
    """Return the first value of the only row. Raises: InternalError: there is none such."""
    if len(shaped(rows, *kinds)) != 1:
        raise unfit()
    return rows[0][0]
