"""Python objects to parameters: type OID, format and bytes for the Bind message.

Floor 1, pure. Nothing is guessed: a value whose PostgreSQL type is not plain is refused with
the advice what to convert it to. No error contains a value, as it may be a secret.

Types are recognised by module and name, so that `decimal`, `uuid` and the like are never
imported only to ask whether a value is one of theirs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, NamedTuple, Optional, Tuple

from ..errors import InterfaceError
from . import oids

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date, datetime, time, timedelta
    from decimal import Decimal
    from enum import Enum

    from .ranges import Multirange, Range

__all__ = [
    "MAX_PARAMETERS",
    "Json",
    "Jsonb",
    "Parameter",
    "encode",
    "encode_parameters",
    "text_form",
]

#: the protocol counts parameters in sixteen bits
MAX_PARAMETERS = 65535

#: type OID (0: the server infers it), format (0 text, 1 binary), bytes or None for NULL
Parameter = Tuple[int, int, Optional[bytes]]


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


class _Said(NamedTuple):
    """A value as text, before it is encoded: what a literal can be built of."""

    oid: int
    text: str


_NULL: Parameter = (0, 0, None)


def encode(value: object, *, encoding: str = "utf-8", errors: str = "strict") -> Parameter:
    """Return one parameter as `(type OID, format, bytes or None)`.

    Args:
        value: see `docs/types.md` for what becomes what.
        encoding: Python's codec for client_encoding (`encodings.codec_of`).
        errors: its error handler.

    Raises:
        InterfaceError: no PostgreSQL type for it is plain, or it cannot be written.
    """
    return _parameter(value, "a parameter", encoding, errors)


def encode_parameters(
    values: Iterable[object], *, encoding: str = "utf-8", errors: str = "strict"
) -> list[Parameter]:
    """Return all parameters of a statement; errors say which one they are about.

    Raises:
        InterfaceError: as `encode`, or there are more than 65,535.
    """
    encoded = [
        _parameter(value, f"parameter ${number}", encoding, errors)
        for number, value in enumerate(values, 1)
    ]
    if len(encoded) > MAX_PARAMETERS:
        raise InterfaceError(f"number of parameters must be between 0 and {MAX_PARAMETERS}")
    return encoded


def text_form(value: object, place: str) -> str:
    """Return the text of a value that is not None, as PostgreSQL's input function reads it.

    Raises:
        InterfaceError: as `encode`; the text names `place`.
    """
    return _element(value, place).text


def _parameter(value: object, place: str, encoding: str, errors: str) -> Parameter:
    if value is None:
        return _NULL
    if isinstance(value, (bytes, bytearray, memoryview)):
        return oids.BYTEA, 1, bytes(value)
    oid, text = _say(value, place)
    if "\0" in text:
        raise InterfaceError(
            f"cannot send {place}: a NUL (0x00) cannot be part of a text value; bytes can hold one"
        )
    try:
        return oid, 0, text.encode(encoding, errors)
    except UnicodeError as error:
        where = getattr(error, "start", 0)
        raise InterfaceError(
            f"cannot send {place}: its character at index {where} does not exist"
            f" in the session's encoding ({encoding})"
        ) from None


def _say(value: object, place: str) -> _Said:
    """Return the type and the text of a value that is neither None nor bytes."""
    kind = type(value)
    writer = _WRITERS.get(kind)
    if writer is None:
        writer = _found(kind)
        if writer is None:
            raise _refusal(kind, place)
    return writer(value, place)


def _found(kind: type) -> Callable[[Any, str], _Said] | None:
    for base in kind.__mro__:
        writer = _WRITERS.get(base) or _LATE.get((base.__module__, base.__qualname__))
        if writer is not None:
            if base is kind:
                _WRITERS[kind] = writer
            return writer
    return None


def _refusal(kind: type, place: str) -> InterfaceError:
    if issubclass(kind, dict):
        advice = "wrap it in Jsonb or Json"
    elif issubclass(kind, tuple):
        advice = "convert it to a list for an array, or send its members one by one"
    elif issubclass(kind, (set, frozenset, range)):
        advice = "convert it to a list"
    else:
        advice = "convert it to str, or to another type that purelink knows"
    return InterfaceError(f"cannot send a value of type {kind.__name__!r} as {place}: {advice}")


def _bool(value: bool, place: str) -> _Said:  # noqa: ARG001
    return _Said(oids.BOOL, "t" if value else "f")


def _int(value: int, place: str) -> _Said:  # noqa: ARG001
    value = int(value)  # a subclass may print itself otherwise
    if -0x80000000 <= value <= 0x7FFFFFFF:
        return _Said(oids.INT4, str(value))
    if -(1 << 63) <= value < 1 << 63:
        return _Said(oids.INT8, str(value))
    if value.bit_length() > 13_000:  # str() refuses 4,300 digits and more
        from decimal import Decimal

        return _Said(oids.NUMERIC, str(Decimal(value)))
    return _Said(oids.NUMERIC, str(value))


def _float(value: float, place: str) -> _Said:  # noqa: ARG001
    return _Said(oids.FLOAT8, float.__repr__(value))  # PostgreSQL reads nan and inf, too


def _str(value: str, place: str) -> _Said:  # noqa: ARG001
    return _Said(0, str.__str__(value))


def _decimal(value: Decimal, place: str) -> _Said:
    if value.is_snan():
        raise InterfaceError(f"cannot send a signalling NaN as {place}: convert it to NaN")
    return _Said(oids.NUMERIC, "NaN" if value.is_nan() else str(value))


def _datetime(value: datetime, place: str) -> _Said:
    offset = value.utcoffset()
    if offset is None:
        return _Said(oids.TIMESTAMP, value.replace(tzinfo=None).isoformat(" "))
    if offset.microseconds or abs(offset.total_seconds()) >= 16 * 3600:
        # beyond what PostgreSQL reads as an offset: the same moment in UTC
        from datetime import timezone

        try:
            value = value.astimezone(timezone.utc)
        except OverflowError:
            raise InterfaceError(f"cannot send {place}: its UTC time is out of range") from None
    return _Said(oids.TIMESTAMPTZ, value.isoformat(" "))


def _date(value: date, place: str) -> _Said:  # noqa: ARG001
    return _Said(oids.DATE, value.isoformat())


def _time(value: time, place: str) -> _Said:
    if value.tzinfo is None:
        return _Said(oids.TIME, value.isoformat())
    offset = value.utcoffset()
    if offset is None:
        raise InterfaceError(
            f"cannot send a time as {place} whose zone has no fixed offset: send a datetime"
        )
    if offset.microseconds:
        raise InterfaceError(f"cannot send a time as {place} whose offset has microseconds")
    return _Said(oids.TIMETZ, value.isoformat())


def _timedelta(value: timedelta, place: str) -> _Said:  # noqa: ARG001
    # iso_8601 is read alike under every IntervalStyle
    text = f"P{value.days}DT{value.seconds}.{value.microseconds:06}S"
    return _Said(oids.INTERVAL, text)


def _enum(value: Enum, place: str) -> _Said:  # noqa: ARG001
    # members that are int or str themselves never come here: they go by value
    return _Said(0, str(value.name))


def _text_as(oid: int) -> Callable[[Any, str], _Said]:
    def write(value: object, place: str) -> _Said:  # noqa: ARG001
        return _Said(oid, str(value))

    return write


def _json(value: Json, place: str) -> _Said:
    from json import dumps

    try:
        return _Said(value.type_oid, dumps(value.obj, allow_nan=False))
    except RecursionError:
        raise InterfaceError(f"cannot write {place} as JSON: it is nested too deeply") from None
    except (TypeError, ValueError) as error:
        # json's own texts name types only, but a subclass's may hold anything
        wrong = "it contains a value of a type that JSON has no form for"
        if isinstance(error, ValueError):
            wrong = "it contains itself, or a float that is not finite"
        raise InterfaceError(f"cannot write {place} as JSON: {wrong}") from None


#: type of a bound -> type of the range, and of the multirange
_RANGES = {
    oids.INT4: (3904, 4451),
    oids.INT8: (3926, 4536),
    oids.NUMERIC: (3906, 4532),
    oids.DATE: (3912, 4535),
    oids.TIMESTAMP: (3908, 4533),
    oids.TIMESTAMPTZ: (3910, 4534),
    0: (0, 0),
}


def _range_text(value: Range[Any], place: str, bounds: set[int]) -> str:
    def bound(one: object) -> str:
        said = _element(one, place)
        bounds.add(said.oid)
        return said.text

    return value.text(bound)


def _range(value: Range[Any], place: str) -> _Said:
    bounds: set[int] = set()
    text = _range_text(value, place, bounds)
    return _Said(_range_oid(bounds, place)[0], text)


def _multirange(value: Multirange, place: str) -> _Said:
    bounds: set[int] = set()
    text = "{" + ",".join([_range_text(one, place, bounds) for one in value]) + "}"
    return _Said(_range_oid(bounds, place)[1], text)


def _range_oid(bounds: set[int], place: str) -> tuple[int, int]:
    oid = _one_type(bounds, place, "the bounds of a range")
    if oid not in _RANGES:
        raise InterfaceError(
            f"cannot send a range of {oids.kind_name(oid)} as {place}:"
            " PostgreSQL has no such range type; send it as str with a cast"
        )
    return _RANGES[oid]


def _element(value: object, place: str) -> _Said:
    """Return a value's text as a member of an array or range: bytea as hex."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        return _Said(oids.BYTEA, "\\x" + bytes(value).hex())
    return _say(value, place)


_INTEGERS = {oids.INT4: 0, oids.INT8: 1, oids.NUMERIC: 2}


def _one_type(found: set[int], place: str, members: str) -> int:
    """Return the type that all members have; integers of several sizes take the widest."""
    if not found:
        return 0
    if len(found) > 1:
        if found <= _INTEGERS.keys():
            return max(found, key=_INTEGERS.__getitem__)
        names = " and ".join(sorted(oids.kind_name(oid) if oid else "text" for oid in found))
        raise InterfaceError(f"cannot send {place}: {members} must be of one type, not {names}")
    return next(iter(found))


#: ranges whose type their text leaves open: they go with the other elements
_ANY_RANGE = frozenset(("empty", "(,)"))


def _list(value: list[Any], place: str) -> _Said:
    from .arrays import array_literal

    found: set[int] = set()
    _check_shape(value, place)

    def element(one: object) -> str:
        said = _element(one, place)
        if said.text not in _ANY_RANGE or isinstance(one, str):
            found.add(said.oid)
        return said.text

    text = array_literal(value, element)
    oid = _one_type(found, place, "the elements of a list")
    if oid == 0:  # the server infers it, as it does for a str
        return _Said(0, text)
    return _Said(oids.ARRAY_OF[oid], text)


def _check_shape(value: list[Any], place: str) -> None:
    """Refuse lists that are no rectangle of at most six dimensions."""
    from .arrays import MAX_DIMENSIONS

    level: list[Any] = [value]
    for depth in range(MAX_DIMENSIONS):
        if depth and not level[0]:
            raise InterfaceError(f"cannot send {place}: a list inside a list may not be empty")
        if len({len(one) for one in level}) > 1:
            raise InterfaceError(f"cannot send {place}: the lists inside it differ in length")
        members = [member for one in level for member in one]
        inner = [member for member in members if isinstance(member, list)]
        if not inner:
            return
        if len(inner) != len(members):
            raise InterfaceError(f"cannot send {place}: it holds lists beside other values")
        level = inner
    raise InterfaceError(f"cannot send {place}: an array has at most {MAX_DIMENSIONS} dimensions")


_WRITERS: dict[type, Callable[[Any, str], _Said]] = {
    bool: _bool,
    int: _int,
    float: _float,
    str: _str,
    list: _list,
    Json: _json,
    Jsonb: _json,
}

#: this room's name, also where the package is vendored under another
_HERE = __name__.rpartition(".")[0]
# by module and name, moved to _WRITERS when first met
_LATE: dict[tuple[str, str], Callable[[Any, str], _Said]] = {
    ("decimal", "Decimal"): _decimal,
    ("datetime", "datetime"): _datetime,
    ("datetime", "date"): _date,
    ("datetime", "time"): _time,
    ("datetime", "timedelta"): _timedelta,
    ("enum", "Enum"): _enum,
    ("uuid", "UUID"): _text_as(oids.UUID),
    ("ipaddress", "IPv4Address"): _text_as(oids.INET),
    ("ipaddress", "IPv6Address"): _text_as(oids.INET),
    ("ipaddress", "IPv4Interface"): _text_as(oids.INET),
    ("ipaddress", "IPv6Interface"): _text_as(oids.INET),
    ("ipaddress", "IPv4Network"): _text_as(oids.CIDR),
    ("ipaddress", "IPv6Network"): _text_as(oids.CIDR),
    (f"{_HERE}.interval", "Interval"): _text_as(oids.INTERVAL),
    (f"{_HERE}.exact", "Date"): _text_as(oids.DATE),
    (f"{_HERE}.exact", "Time"): _text_as(oids.TIME),
    (f"{_HERE}.exact", "TimeTZ"): _text_as(oids.TIMETZ),
    (f"{_HERE}.exact", "Timestamp"): _text_as(oids.TIMESTAMP),
    (f"{_HERE}.exact", "TimestampTZ"): _text_as(oids.TIMESTAMPTZ),
    (f"{_HERE}.ranges", "Range"): _range,
    (f"{_HERE}.ranges", "Multirange"): _multirange,
}
