"""Transaction IDs of two-phase commit, after PEP 249: `Xid`, and the text PostgreSQL keeps.

Floor 2, pure. PostgreSQL knows one text (`gid`) for a prepared transaction; the three parts of an
XA ID are written into it as psycopg and psycopg2 do: `format_gtrid_bqual`, the last two in base64.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from .errors import ProgrammingError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

__all__ = ["Xid"]

_WRITTEN = r"(\d{1,10})_([A-Za-z0-9+/=]*)_([A-Za-z0-9+/=]*)"


class Xid:
    """A two-phase transaction's ID; a sequence of `format_id`, `gtrid`, `bqual`.

    Attributes:
        format_id: 0 to 2^31 - 1; None: `gtrid` is the whole text, not made by this scheme.
        gtrid, bqual: global transaction ID and branch qualifier, printable ASCII, 64 at most.
        prepared, owner, database: of one that `tpc_recover` gave, else None.
    """

    __slots__ = ("bqual", "database", "format_id", "gtrid", "owner", "prepared")

    def __init__(
        self,
        format_id: int | None,
        gtrid: str,
        bqual: str | None,
        prepared: datetime | None = None,
        owner: str | None = None,
        database: str | None = None,
    ) -> None:
        self.format_id = format_id
        self.gtrid = gtrid
        self.bqual = bqual
        self.prepared = prepared
        self.owner = owner
        self.database = database

    @classmethod
    def of(cls, value: Xid | str) -> Xid:
        """Return an ID that is given as such or as PostgreSQL's text.

        Raises:
            ProgrammingError: it is neither.
        """
        if isinstance(value, Xid):
            return value
        if isinstance(value, str):
            return cls._read(value)
        raise ProgrammingError(
            f"an xid must be made by connection.xid(), not {type(value).__name__}"
        )

    @classmethod
    def made(cls, format_id: int, gtrid: str, bqual: str) -> Xid:
        """Return an ID of three parts.

        Raises:
            ProgrammingError: a part is out of PEP 249's bounds.
        """
        if not 0 <= format_id < 1 << 31:
            raise ProgrammingError("format_id must be a number from 0 to 2147483647")
        for name, part in (("gtrid", gtrid), ("bqual", bqual)):
            if len(part) > 64 or not part.isascii() or not part.isprintable():
                raise ProgrammingError(f"{name} must be printable ASCII, 64 characters at most")
        return cls(format_id, gtrid, bqual)

    @classmethod
    def recovered(cls, gid: str, prepared: Any, owner: str, database: str) -> Xid:
        """Return an ID as the server's `pg_prepared_xacts` has it."""
        xid = cls._read(gid)
        xid.prepared, xid.owner, xid.database = prepared, owner, database
        return xid

    @classmethod
    def _read(cls, gid: str) -> Xid:
        from base64 import b64decode

        found = re.fullmatch(_WRITTEN, gid)
        if found is not None:
            try:
                parts = [
                    b64decode(part, validate=True).decode("ascii") for part in found.groups()[1:]
                ]
                xid = cls.made(int(found[1]), *parts)
            except (ValueError, ProgrammingError):
                return cls(None, gid, None)
            # Another's text may look like ours; it must be found under its own name.
            return xid if str(xid) == gid else cls(None, gid, None)
        return cls(None, gid, None)

    def __str__(self) -> str:
        if self.format_id is None:
            return self.gtrid
        from base64 import b64encode

        gtrid, bqual = (
            b64encode((part or "").encode()).decode() for part in (self.gtrid, self.bqual)
        )
        return f"{self.format_id}_{gtrid}_{bqual}"

    def __len__(self) -> int:
        return 3

    def __getitem__(self, place: int | slice) -> Any:
        return (self.format_id, self.gtrid, self.bqual)[place]

    def __iter__(self) -> Iterator[Any]:
        return iter(self[:])

    def __eq__(self, other: object) -> bool:
        return str(self) == str(other) if isinstance(other, Xid) else NotImplemented

    def __hash__(self) -> int:
        return hash(str(self))

    def __repr__(self) -> str:
        return f"Xid({self.format_id!r}, {self.gtrid!r}, {self.bqual!r})"
