"""PEP 249's type objects and constructors, as `purelink` itself hands them out.

Floor 5, for `localtime`. A type object equals every type code (OID) of its kind, so that
`cursor.description[0].type_code == purelink.NUMBER` asks what PEP 249 means it to.
"""

from __future__ import annotations

from datetime import date as Date  # noqa: N812 - the names are PEP 249's
from datetime import datetime as Timestamp  # noqa: N812
from datetime import time as Time  # noqa: N812
from time import localtime
from typing import Any

from ..values import oids

__all__ = [
    "BINARY",
    "DATETIME",
    "NUMBER",
    "ROWID",
    "STRING",
    "Binary",
    "Date",
    "DateFromTicks",
    "Time",
    "TimeFromTicks",
    "Timestamp",
    "TimestampFromTicks",
    "TypeObject",
]


class TypeObject:
    """A kind of types: equal to the OID of each of them."""

    __slots__ = ("name", "type_oids")

    def __init__(self, name: str, *type_oids: int) -> None:
        self.name = name
        self.type_oids = frozenset(type_oids)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, int):
            return other in self.type_oids
        if isinstance(other, TypeObject):
            return self.type_oids == other.type_oids
        return NotImplemented

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return f"purelink.{self.name}"


STRING = TypeObject("STRING", oids.TEXT, oids.VARCHAR, oids.BPCHAR, oids.NAME, oids.CHAR, 705)
BINARY = TypeObject("BINARY", oids.BYTEA)
NUMBER = TypeObject(
    "NUMBER", oids.INT2, oids.INT4, oids.INT8, oids.FLOAT4, oids.FLOAT8, oids.NUMERIC
)
DATETIME = TypeObject(
    "DATETIME",
    *(oids.DATE, oids.TIME, oids.TIMETZ, oids.TIMESTAMP, oids.TIMESTAMPTZ, oids.INTERVAL),
)
ROWID = TypeObject("ROWID", oids.OID)


def Binary(data: Any) -> bytes:  # noqa: N802
    """Return bytes of anything that is some: a parameter for bytea."""
    return bytes(memoryview(data)) if not isinstance(data, bytes) else data


def DateFromTicks(ticks: float) -> Date:  # noqa: N802
    """Return the local date of seconds since the epoch."""
    return Date(*localtime(ticks)[:3])


def TimeFromTicks(ticks: float) -> Time:  # noqa: N802
    """Return the local time of day of seconds since the epoch."""
    return Time(*localtime(ticks)[3:6])


def TimestampFromTicks(ticks: float) -> Timestamp:  # noqa: N802
    """Return the local date and time of seconds since the epoch."""
    return Timestamp(*localtime(ticks)[:6])  # noqa: DTZ001 - PEP 249 wants the local time
