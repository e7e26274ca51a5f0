"""Single Python objects to text: what they are sent as, and how a program's own come in.

Floor 1, pure. The table below knows its classes by module and name, so that `decimal`, `uuid` and
the like are never imported only to ask whether a value is one of theirs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Dict, NamedTuple, Optional

from ..errors import InterfaceError
from . import oids

if TYPE_CHECKING:
    from datetime import date, datetime, time, timedelta
    from decimal import Decimal
    from enum import Enum

__all__ = [
    "LATE_SCALARS",
    "SCALARS",
    "Json",
    "Jsonb",
    "OwnWriters",
    "Said",
    "Writer",
    "Writers",
    "said_as",
]


class Json:
    """Wraps any object that the standard `json` module can write, to be sent as json."""

    __slots__ = ("obj",)
    type_oid = oids.JSON

    def __init__(self, obj: object) -> None:
        self.obj = obj

    def __eq__(self, other: object) -> bool:
        if type(other) is type(self):
            return bool(self.obj == other.obj)
        return NotImplemented

    __hash__ = None  # type: ignore[assignment]  # what is wrapped can change

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.obj!r})"


class Jsonb(Json):
    """Wraps any object that the standard `json` module can write, to be sent as jsonb."""

    __slots__ = ()
    type_oid = oids.JSONB


class Said(NamedTuple):
    """A value as text, before it is encoded: what a literal can be built of."""

    oid: int
    text: str


#: writes a value: what it is, its place for errors, the writers of a connection's own classes
Writer = Callable[[Any, str, "Writers"], Said]


class OwnWriters(Dict[type, Writer]):
    """The writers of a connection's own classes.

    Attributes:
        arrays: type OID -> its array's. ranges: bounds' type OID -> the range's, the multirange's.
    """

    def __init__(self) -> None:
        self.arrays: dict[int, int] = {}
        self.ranges: dict[int, tuple[int, int]] = {}

    def copy(self) -> OwnWriters:
        """Return an independent copy."""
        twin = OwnWriters()
        twin.update(self)
        twin.arrays.update(self.arrays)
        twin.ranges.update(self.ranges)
        return twin


Writers = Optional[OwnWriters]


def said_as(value: object, oid: int, text: object, place: str) -> Said:
    """Return what a writer of the program's own made of a value.

    Raises:
        InterfaceError: it is no str.
    """
    if not isinstance(text, str):
        raise InterfaceError(
            f"cannot send {place}: the program's writer of {type(value).__qualname__} must return"
            f" str, not {type(text).__name__}"
        )
    return Said(oid, text)


def _bool(value: bool, place: str, own: Writers) -> Said:  # noqa: ARG001
    return Said(oids.BOOL, "t" if value else "f")


def _int(value: int, place: str, own: Writers) -> Said:  # noqa: ARG001
    value = int(value)  # a subclass may print itself otherwise
    if -0x80000000 <= value <= 0x7FFFFFFF:
        return Said(oids.INT4, str(value))
    if -(1 << 63) <= value < 1 << 63:
        return Said(oids.INT8, str(value))
    if value.bit_length() > 13_000:  # str() refuses 4,300 digits and more
        from decimal import Decimal

        return Said(oids.NUMERIC, str(Decimal(value)))
    return Said(oids.NUMERIC, str(value))


def _float(value: float, place: str, own: Writers) -> Said:  # noqa: ARG001
    return Said(oids.FLOAT8, float.__repr__(value))  # PostgreSQL reads nan and inf, too


def _str(value: str, place: str, own: Writers) -> Said:  # noqa: ARG001
    return Said(0, str.__str__(value))


def _decimal(value: Decimal, place: str, own: Writers) -> Said:  # noqa: ARG001
    if value.is_snan():
        raise InterfaceError(f"cannot send a signalling NaN as {place}: convert it to NaN")
    return Said(oids.NUMERIC, "NaN" if value.is_nan() else str(value))


def _datetime(value: datetime, place: str, own: Writers) -> Said:  # noqa: ARG001
    offset = value.utcoffset()
    if offset is None:
        return Said(oids.TIMESTAMP, value.replace(tzinfo=None).isoformat(" "))
    if offset.microseconds or abs(offset.total_seconds()) >= 16 * 3600:
        # beyond what PostgreSQL reads as an offset: the same moment in UTC
        from datetime import timezone

        try:
            value = value.astimezone(timezone.utc)
        except OverflowError:
            raise InterfaceError(f"cannot send {place}: its UTC time is out of range") from None
    return Said(oids.TIMESTAMPTZ, value.isoformat(" "))


def _date(value: date, place: str, own: Writers) -> Said:  # noqa: ARG001
    return Said(oids.DATE, value.isoformat())


def _time(value: time, place: str, own: Writers) -> Said:  # noqa: ARG001
    if value.tzinfo is None:
        return Said(oids.TIME, value.isoformat())
    offset = value.utcoffset()
    if offset is None:
        raise InterfaceError(
            f"cannot send a time as {place} whose zone has no fixed offset: send a datetime"
        )
    if offset.microseconds:
        raise InterfaceError(f"cannot send a time as {place} whose offset has microseconds")
    return Said(oids.TIMETZ, value.isoformat())


def _timedelta(value: timedelta, place: str, own: Writers) -> Said:  # noqa: ARG001
    # iso_8601 is read alike under every IntervalStyle
    text = f"P{value.days}DT{value.seconds}.{value.microseconds:06}S"
    return Said(oids.INTERVAL, text)


def _enum(value: Enum, place: str, own: Writers) -> Said:  # noqa: ARG001
    # members that are int or str themselves never come here: they go by value
    return Said(0, str(value.name))


def _text_as(oid: int) -> Writer:
    def write(value: object, place: str, own: Writers) -> Said:  # noqa: ARG001
        return Said(oid, str(value))

    return write


def _numpy_int(value: Any, place: str, own: Writers) -> Said:
    return _int(int(value), place, own)


def _numpy_float(value: Any, place: str, own: Writers) -> Said:
    # the digits of its own width, not those of the double that it becomes
    return _float(float(str(value)), place, own)


def _json(value: Json, place: str, own: Writers) -> Said:  # noqa: ARG001
    from json import dumps

    try:
        return Said(value.type_oid, dumps(value.obj, allow_nan=False))
    except RecursionError:
        raise InterfaceError(f"cannot write {place} as JSON: it is nested too deeply") from None
    except (TypeError, ValueError) as error:
        # json's own texts name types only, but a subclass's may hold anything
        wrong = "it contains a value of a type that JSON has no form for"
        if isinstance(error, ValueError):
            wrong = "it contains itself, or a float that is not finite"
        raise InterfaceError(f"cannot write {place} as JSON: {wrong}") from None


SCALARS: dict[type, Writer] = {
    bool: _bool,
    int: _int,
    float: _float,
    str: _str,
    Json: _json,
    Jsonb: _json,
}

#: this room's name, also where the package is vendored under another
_HERE = __name__.rpartition(".")[0]
_AS_TEXT = {
    "uuid": {"UUID": oids.UUID},
    "ipaddress": {
        "IPv4Address": oids.INET,
        "IPv6Address": oids.INET,
        "IPv4Interface": oids.INET,
        "IPv6Interface": oids.INET,
        "IPv4Network": oids.CIDR,
        "IPv6Network": oids.CIDR,
    },
    f"{_HERE}.interval": {"Interval": oids.INTERVAL},
    f"{_HERE}.exact": {
        "Date": oids.DATE,
        "Time": oids.TIME,
        "TimeTZ": oids.TIMETZ,
        "Timestamp": oids.TIMESTAMP,
        "TimestampTZ": oids.TIMESTAMPTZ,
    },
    f"{_HERE}.geometry": {
        "Point": oids.POINT,
        "LSeg": oids.LSEG,
        "Path": oids.PATH,
        "Box": oids.BOX,
        "Polygon": oids.POLYGON,
        "Line": oids.LINE,
        "Circle": oids.CIRCLE,
    },
}
#: by module and name
LATE_SCALARS: dict[tuple[str, str], Writer] = {
    ("decimal", "Decimal"): _decimal,
    ("datetime", "datetime"): _datetime,
    ("datetime", "date"): _date,
    ("datetime", "time"): _time,
    ("datetime", "timedelta"): _timedelta,
    ("enum", "Enum"): _enum,
    ("numpy", "integer"): _numpy_int,
    ("numpy", "floating"): _numpy_float,
    ("numpy", "bool"): _bool,
    ("numpy", "bool_"): _bool,
    **{
        (module, name): _text_as(oid)
        for module, names in _AS_TEXT.items()
        for name, oid in names.items()
    },
}
