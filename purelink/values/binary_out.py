"""Python to binary format: what COPY in binary needs beyond the fixed widths.

Floor 1, pure; loaded with the first such column. A function here takes one value that is not None
and returns its bytes, or raises anything for what is no value of its type: the caller names the
place. `binary_decoder` reads all of it back.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta, timezone
from struct import Struct
from typing import TYPE_CHECKING, Any

from . import oids
from .interval import Interval

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["array_of", "binary_encoder", "field", "multirange_of", "range_of"]

_WORD = Struct(">i").pack
_INT64 = Struct(">q").pack
_DAY = 86_400_000_000


def _micros(span: timedelta) -> int:
    return (span.days * 86_400 + span.seconds) * 1_000_000 + span.microseconds


def _exactly(value: Any, *names: str) -> bool:
    """Tell whether a value is of one of our classes for what Python cannot hold."""
    kind = type(value)
    return kind.__name__ in names and kind.__module__.endswith(".exact")


def _date(value: Any) -> bytes:
    if _exactly(value, "Date"):
        return _WORD(value.days)
    if isinstance(value, datetime):
        raise TypeError
    return _WORD(date.toordinal(value) - 730_120)


def _timestamp(*, zoned: bool) -> Callable[[Any], bytes]:
    epoch = datetime(2000, 1, 1, tzinfo=timezone.utc if zoned else None)
    name = "TimestampTZ" if zoned else "Timestamp"

    def write(value: Any) -> bytes:
        if _exactly(value, name):
            return _INT64(value.microseconds)
        return _INT64(_micros(value - epoch))

    return write


def _clock(value: time) -> int:
    seconds = (value.hour * 60 + value.minute) * 60 + value.second
    return seconds * 1_000_000 + value.microsecond


def _time(value: Any) -> bytes:
    if _exactly(value, "Time"):
        return _INT64(value.microseconds)
    if value.tzinfo is not None:
        raise TypeError
    return _INT64(_clock(value))


def _timetz(value: Any) -> bytes:
    if _exactly(value, "TimeTZ"):
        return _INT64(value.microseconds) + _WORD(-value.offset)
    offset = value.utcoffset()
    if offset.microseconds:
        raise ValueError
    return _INT64(_clock(value)) + _WORD(-int(offset.total_seconds()))


def _interval(value: Any) -> bytes:
    if isinstance(value, Interval):
        return Struct(">qii").pack(value.microseconds, value.days, value.months)
    if not isinstance(value, timedelta):
        raise TypeError
    micros = value.seconds * 1_000_000 + value.microseconds
    return Struct(">qii").pack(micros, value.days, 0)


def _numeric(value: Any) -> bytes:
    from decimal import Decimal

    if not isinstance(value, Decimal):
        if not isinstance(value, int) or isinstance(value, bool):
            raise TypeError
        value = Decimal(value)
    head = Struct(">HhHH").pack
    if not value.is_finite():
        if value.is_snan():
            raise ValueError
        code = 0xC000 if value.is_nan() else 0xF000 if value < 0 else 0xD000
        return head(0, 0, code, 0)
    sign, numbers, exponent = value.as_tuple()
    if not -16_384 < int(exponent) < 131_072:
        raise OverflowError
    scale = max(0, -int(exponent))
    digits = "".join(map(str, numbers)) + "0" * max(0, int(exponent)) + "0" * (-scale % 4)
    behind = scale + -scale % 4
    digits = digits.rjust(behind, "0")
    digits = "0" * (-len(digits) % 4) + digits
    groups = [int(digits[n : n + 4]) for n in range(0, len(digits), 4)]
    weight = len(groups) - behind // 4 - 1
    start = next((n for n, group in enumerate(groups) if group), len(groups))
    groups, weight = groups[start:], weight - start
    while groups and not groups[-1]:
        groups.pop()
    if not groups:
        return head(0, 0, 0, scale)
    body = Struct(f">{len(groups)}H").pack(*groups)
    return head(len(groups), weight, 0x4000 if sign else 0, scale) + body


def _network(*, cidr: bool) -> Callable[[Any], bytes]:
    from ipaddress import (
        IPv4Address,
        IPv4Interface,
        IPv4Network,
        IPv6Address,
        IPv6Interface,
        IPv6Network,
    )

    def write(value: Any) -> bytes:
        if isinstance(value, (IPv4Network, IPv6Network)) and cidr:
            packed, bits = value.network_address.packed, value.prefixlen
        elif isinstance(value, (IPv4Interface, IPv6Interface)) and not cidr:
            packed, bits = value.ip.packed, value.network.prefixlen
        elif isinstance(value, (IPv4Address, IPv6Address)):
            packed, bits = value.packed, value.max_prefixlen
        else:
            raise TypeError
        family = 2 if len(packed) == 4 else 3
        return bytes((family, bits, cidr, len(packed))) + packed

    return write


def _hex(size: int) -> Callable[[Any], bytes]:
    def write(value: str) -> bytes:
        data = bytes.fromhex(value.replace(":", "").replace("-", ""))
        if len(data) != size:
            raise ValueError
        return data

    return write


def _bits(value: str) -> bytes:
    if value.strip("01"):
        raise ValueError
    padded = value + "0" * (-len(value) % 8)
    return _WORD(len(value)) + (int(padded, 2).to_bytes(len(padded) // 8, "big") if padded else b"")


def _lsn(value: str) -> bytes:
    high, low = value.split("/")
    return Struct(">II").pack(int(high, 16), int(low, 16))


def _tid(value: str) -> bytes:
    block, place = value[1:-1].split(",")
    return Struct(">IH").pack(int(block), int(place))


def _char(value: str) -> bytes:
    data = value.encode("ascii") or b"\0"
    if len(data) != 1:
        raise ValueError
    return data


def _fixed(layout: str) -> Callable[[Any], bytes]:
    return Struct(layout).pack


def _bool(value: Any) -> bytes:
    return {False: b"\0", True: b"\1"}[value]


def _uuid(value: Any) -> bytes:
    data: bytes = value.bytes
    return data


def _bytes(value: Any) -> bytes:
    if not isinstance(value, (bytes, bytearray, memoryview)):
        raise TypeError
    return bytes(value)


def _geometry(oid: int) -> Callable[[Any], bytes]:
    from . import geometry

    kind: Any = {
        oids.POINT: geometry.Point,
        oids.LSEG: geometry.LSeg,
        oids.BOX: geometry.Box,
        oids.LINE: geometry.Line,
        oids.CIRCLE: geometry.Circle,
        oids.PATH: geometry.Path,
        oids.POLYGON: geometry.Polygon,
    }[oid]

    def floats(value: Any) -> bytes:
        if isinstance(value, tuple):
            return b"".join(map(floats, value))
        return Struct(">d").pack(value)

    def write(value: Any) -> bytes:
        if not isinstance(value, kind):
            raise TypeError
        if oid not in (oids.PATH, oids.POLYGON):
            return floats(value)
        head = bytes((value.closed,)) if oid == oids.PATH else b""
        return head + _WORD(len(value.points)) + floats(value.points)

    return write


def field(encode: Callable[[Any], bytes], value: Any) -> bytes:
    """Return a value that may be None with its length in front."""
    if value is None:
        return b"\xff\xff\xff\xff"
    data = encode(value)
    return _WORD(len(data)) + data


def array_of(element: int, encode: Callable[[Any], bytes]) -> Callable[[Any], bytes]:
    """Return the encoder of an array of a type that `encode` writes."""
    from .arrays import MAX_DIMENSIONS, Array, is_list

    def write(value: Any) -> bytes:
        if not is_list(value):
            raise TypeError
        sizes: list[int] = []
        items: list[Any] = [value]
        while items and all(map(is_list, items)) and len(sizes) < MAX_DIMENSIONS:
            (size,) = {len(one) for one in items}  # else it is ragged: ValueError
            sizes.append(size)
            items = [member for one in items for member in one]
        if not items:
            return Struct(">iiI").pack(0, 0, element)
        lower = value.lower_bounds if isinstance(value, Array) else (1,) * len(sizes)
        if len(lower) != len(sizes):
            raise ValueError
        head = Struct(">iiI").pack(len(sizes), int(None in items), element)
        bounds = b"".join([Struct(">ii").pack(*one) for one in zip(sizes, lower)])
        return head + bounds + b"".join([field(encode, one) for one in items])

    return write


def range_of(encode: Callable[[Any], bytes]) -> Callable[[Any], bytes]:
    """Return the encoder of a range whose bounds `encode` writes."""

    def write(value: Any) -> bytes:
        if value.empty:
            return b"\x01"
        flags = 2 * (value.bounds[0] == "[") + 4 * (value.bounds[1] == "]")
        flags += 8 * (value.lower is None) + 16 * (value.upper is None)
        bounds = [one for one in (value.lower, value.upper) if one is not None]
        return bytes((flags,)) + b"".join([field(encode, one) for one in bounds])

    return write


def multirange_of(encode: Callable[[Any], bytes]) -> Callable[[Any], bytes]:
    """Return the encoder of a multirange of ranges that `encode` writes."""
    return lambda value: _WORD(len(value)) + b"".join([field(encode, one) for one in value])


_TEXTS = frozenset((25, 1043, 1042, 19, 142, 114, 1790, 3802))
_MAKERS: dict[int, Callable[[], Callable[[Any], bytes]]] = {
    oids.BOOL: lambda: _bool,
    oids.INT2: lambda: _fixed(">h"),
    oids.INT4: lambda: _fixed(">i"),
    oids.INT8: lambda: _fixed(">q"),
    oids.OID: lambda: _fixed(">I"),
    oids.XID: lambda: _fixed(">I"),
    oids.CID: lambda: _fixed(">I"),
    oids.XID8: lambda: _fixed(">Q"),
    oids.MONEY: lambda: _fixed(">q"),
    oids.FLOAT4: lambda: _fixed(">f"),
    oids.FLOAT8: lambda: _fixed(">d"),
    oids.BYTEA: lambda: _bytes,
    oids.UUID: lambda: _uuid,
    oids.CHAR: lambda: _char,
    oids.NUMERIC: lambda: _numeric,
    oids.DATE: lambda: _date,
    oids.TIME: lambda: _time,
    oids.TIMETZ: lambda: _timetz,
    oids.TIMESTAMP: lambda: _timestamp(zoned=False),
    oids.TIMESTAMPTZ: lambda: _timestamp(zoned=True),
    oids.INTERVAL: lambda: _interval,
    oids.INET: lambda: _network(cidr=False),
    oids.CIDR: lambda: _network(cidr=True),
    oids.MACADDR: lambda: _hex(6),
    oids.MACADDR8: lambda: _hex(8),
    oids.BIT: lambda: _bits,
    oids.VARBIT: lambda: _bits,
    oids.PG_LSN: lambda: _lsn,
    oids.TID: lambda: _tid,
}


def binary_encoder(
    oid: int, *, encoding: str = "utf-8", errors: str = "strict"
) -> Callable[[Any], bytes] | None:
    """Return the function that writes one value of a type in binary; None for a type without.

    Args:
        oid: the type.
        encoding: Python's codec for client_encoding.
        errors: its error handler.

    The function raises anything for what is no value of the type.
    """
    if oid in _MAKERS:
        return _MAKERS[oid]()
    if oid in _TEXTS:
        return _text(oid, encoding, errors)
    if oid in oids.GEOMETRIC:
        return _geometry(oid)
    element = oids.ELEMENT_OF.get(oid)
    built_in = oids.TYPES.get(oid)
    part = element or (built_in.subtype if built_in else 0)
    encode = binary_encoder(part, encoding=encoding, errors=errors) if part else None
    if encode is None:
        return None
    if element:
        return array_of(element, encode)
    single = range_of(encode)
    return single if built_in is not None and built_in.sort == "r" else multirange_of(single)


def _text(oid: int, encoding: str, errors: str) -> Callable[[Any], bytes]:
    from .parameters import Json, text_form

    version = b"\x01" if oid == oids.JSONB else b""
    documents = oid in (oids.JSON, oids.JSONB)

    def write(value: Any) -> bytes:
        if documents and isinstance(value, Json):
            value = text_form(value, "a value")
        if "\0" in value:
            raise ValueError
        return version + str.encode(value, encoding, errors)

    return write
