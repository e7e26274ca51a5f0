"""Binary format to Python: the fixed-width types, text, bytea, numeric, arrays, ranges.

Floor 1, pure; loaded with the first binary column. The results equal those of the text
format. Every width, count and length is checked against the value's own bytes before
anything is made of it. A type without a binary decoder gives its `bytes`.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Callable

from ..errors import DataError, InterfaceError
from . import oids
from .faults import malformed, unholdable
from .styles import DEFAULT_STYLES

if TYPE_CHECKING:
    from datetime import time
    from decimal import Decimal

    from .styles import Styles
    from .text import Registry

__all__ = ["BinaryDecoder", "binary_decoder"]

BinaryDecoder = Callable[[bytes], object]

_INT16 = Struct(">h")
_INT32 = Struct(">i")
_INT64 = Struct(">q")
_UINT32 = Struct(">I")


def binary_decoder(
    oid: int,
    *,
    encoding: str = "utf-8",
    errors: str = "strict",
    styles: Styles = DEFAULT_STYLES,
    registry: Registry | None = None,
) -> BinaryDecoder:
    """Return the function that turns one binary value of type `oid` into Python.

    Args:
        oid: the type; one without a binary decoder here gives the bytes as they are.
        encoding: Python's codec for client_encoding.
        errors: its error handler.
        styles: the session's zone, and the policy for odd values.
        registry: a connection's own decoders.

    The function raises `DataError` (22P03 malformed, 22008 what Python cannot hold).
    """
    if registry is not None:
        own = registry.own_binary(oid, encoding, errors, styles)
        if own is not None:
            return own
    if oid in _FIXED:
        return _fixed(oids.kind_name(oid), _FIXED[oid])
    if oid in _TEXTS:
        return _text(oids.kind_name(oid), encoding, errors)
    if oid in _MAKERS:
        return _MAKERS[oid]()
    if oid in _STYLED:
        return _STYLED[oid](styles)
    if oid in (oids.JSON, oids.JSONB):
        return _json(oid, encoding, errors)

    def decoder_of(part: int) -> BinaryDecoder:
        return binary_decoder(
            part, encoding=encoding, errors=errors, styles=styles, registry=registry
        )

    if oid == oids.RECORD:
        from .composites import binary_record_decoder

        return binary_record_decoder("record", decoder_of)
    element = oids.ELEMENT_OF.get(oid) or _VECTORS.get(oid)
    if element:
        from .arrays import binary_array_decoder

        exact = styles.odd_values == "exact" and oid not in _VECTORS
        return binary_array_decoder(oids.kind_name(oid), element, decoder_of(element), exact=exact)
    built_in = oids.TYPES.get(oid)
    if built_in is not None and built_in.subtype:
        from . import ranges

        single = ranges.binary_range_decoder(built_in.sql, decoder_of(built_in.subtype))
        if built_in.sort == "r":
            return single
        return ranges.binary_multirange_decoder(built_in.sql, single)
    return bytes


_VECTORS = {oids.INT2VECTOR: oids.INT2, oids.OIDVECTOR: oids.OID}


_FIXED: dict[int, Struct] = {
    oids.INT2: _INT16,
    oids.INT4: _INT32,
    oids.INT8: _INT64,
    oids.OID: _UINT32,
    oids.XID: _UINT32,
    oids.CID: _UINT32,
    oids.XID8: Struct(">Q"),
    oids.FLOAT8: Struct(">d"),
}

# text, varchar, bpchar, name, xml, unknown, refcursor, cstring, void (which is empty)
_TEXTS = frozenset((25, 1043, 1042, 19, 142, 705, 1790, 2275, 2278))


def _fixed(kind: str, layout: Struct) -> BinaryDecoder:
    size, unpack = layout.size, layout.unpack

    def decode_fixed(value: bytes) -> object:
        if len(value) != size:
            raise malformed(kind, value)
        return unpack(value)[0]

    return decode_fixed


def _text(kind: str, encoding: str, errors: str) -> Callable[[bytes], str]:
    def decode_text(value: bytes) -> str:
        try:
            return value.decode(encoding, errors)
        except UnicodeError:
            raise DataError(
                f"the server sent a value of type {kind} that is not valid {encoding}",
                sqlstate="22021",
            ) from None

    return decode_text


def _bool(value: bytes) -> bool:
    if value == b"\x01":
        return True
    if value == b"\x00":
        return False
    raise malformed("boolean", value)


#: the three powers of two whose shortest digits are not the nearest of that length
_UNEVEN = {0x0F800000: 1.2621775e-29, 0x6B000000: 1.5474251e26, 0x6C800000: 1.2379401e27}


def _float4() -> BinaryDecoder:
    from math import isfinite

    layout = Struct(">f")

    def decode_float4(value: bytes) -> float:
        """Return the shortest digits that a float4 needs, as the text format has them."""
        if len(value) != 4:
            raise malformed("real", value)
        number: float = layout.unpack(value)[0]
        if not number or not isfinite(number):
            return number
        code = int.from_bytes(value, "big")
        uneven = _UNEVEN.get(code & 0x7FFFFFFF)
        if uneven is not None:
            return uneven if number > 0 else -uneven
        # half-way to a neighbour: the server does not count on ties being rounded back
        ties = [
            (number + layout.unpack((code + step).to_bytes(4, "big"))[0]) / 2 for step in (-1, 1)
        ]
        for digits in range(1, 9):
            short = float(f"{number:.{digits}g}")
            try:
                if layout.pack(short) == value and short not in ties:
                    return short
            except OverflowError:  # rounded up past the largest float4
                continue
        return float(f"{number:.9g}")

    return decode_float4


def _char(value: bytes) -> str:
    """Decode the one byte of "char": 0 is the empty string, a high one is shown in octal."""
    if len(value) != 1:
        raise malformed('"char"', value)
    code = value[0]
    if code >= 0x80:
        return f"\\{code:03o}"
    return chr(code) if code else ""


def _numeric() -> Callable[[bytes], Decimal]:
    from decimal import Decimal

    special = {0xC000: Decimal("NaN"), 0xD000: Decimal("Infinity"), 0xF000: Decimal("-Infinity")}
    header = Struct(">HhHH")

    def decode_numeric(value: bytes) -> Decimal:
        if len(value) < 8:
            raise malformed("numeric", value)
        count, weight, sign, scale = header.unpack_from(value)
        if len(value) != 8 + 2 * count or (scale > 0x3FFF and sign not in special):
            raise malformed("numeric", value)
        if sign in special and not count:
            return special[sign]
        groups = Struct(f">{count}H").unpack_from(value, 8)
        if sign not in (0, 0x4000) or (groups and max(groups) > 9999):
            raise malformed("numeric", value)
        digits = "".join([f"{group:04}" for group in groups])
        # digits before the point, then exactly `scale` behind it
        whole = 4 * (weight + 1)
        if whole >= 0:
            before, after = digits[:whole].ljust(whole, "0"), digits[whole:]
        else:
            before, after = "", "0" * -whole + digits
        text = f"{before or '0'}.{after[:scale].ljust(scale, '0')}"
        return Decimal("-" + text if sign else text)

    return decode_numeric


def _uuid() -> BinaryDecoder:
    from uuid import UUID

    def decode_uuid(value: bytes) -> UUID:
        if len(value) != 16:
            raise malformed("uuid", value)
        return UUID(bytes=value)

    return decode_uuid


def _date(styles: Styles) -> BinaryDecoder:
    from datetime import date

    epoch = date(2000, 1, 1).toordinal()

    def decode_date(value: bytes) -> object:
        if len(value) != 4:
            raise malformed("date", value)
        days = _INT32.unpack(value)[0]
        try:
            return date.fromordinal(epoch + days)
        except (ValueError, OverflowError):
            return _odd("date", value, days, styles)

    return decode_date


def _odd(kind: str, value: bytes, number: int, styles: Styles) -> object:
    """Return what the policy makes of a date or timestamp that is none of Python's."""
    from . import exact

    make = {"date": exact.Date, "timestamp": exact.Timestamp, "timestamptz": exact.TimestampTZ}[
        kind
    ]
    try:
        found = make(number)
    except InterfaceError:
        raise malformed(kind, value) from None
    if styles.odd_values == "error":
        holder = "datetime.date" if kind == "date" else "datetime.datetime"
        raise unholdable(kind, str(found), holder)
    return str(found) if styles.odd_values == "text" else found


def _time(styles: Styles) -> BinaryDecoder:
    from .datetimes import midnight

    def decode_time(value: bytes) -> object:
        if len(value) != 8:
            raise malformed("time", value)
        micros = _INT64.unpack(value)[0]
        if micros == _DAY:
            return midnight("time", "24:00:00", None, styles.odd_values)
        return _clock(micros, "time", value)

    return decode_time


_DAY = 86_400_000_000


def _clock(micros: int, kind: str, value: bytes) -> time:
    from datetime import time

    seconds, part = divmod(micros, 1_000_000)
    if not 0 <= seconds < 86_400:
        raise malformed(kind, value)
    return time(seconds // 3600, seconds // 60 % 60, seconds % 60, part)


def _timetz(styles: Styles) -> BinaryDecoder:
    from datetime import timedelta, timezone

    from .datetimes import midnight

    layout = Struct(">qi")

    def decode_timetz(value: bytes) -> object:
        if len(value) != 12:
            raise malformed("timetz", value)
        micros, west = layout.unpack(value)
        if abs(west) >= 57_600:
            raise malformed("timetz", value)
        if micros == _DAY:
            from .exact import TimeTZ

            return midnight("timetz", str(TimeTZ(_DAY, -west)), -west, styles.odd_values)
        clock = _clock(micros, "timetz", value)
        return clock.replace(tzinfo=timezone(timedelta(0, -west)))

    return decode_timetz


def _timestamp(kind: str, styles: Styles) -> BinaryDecoder:
    from datetime import datetime, timedelta, timezone

    from .datetimes import named_zone

    zoned = kind == "timestamptz"
    epoch = datetime(2000, 1, 1, tzinfo=timezone.utc if zoned else None)
    local = named_zone(styles.timezone) if zoned else None

    def decode_timestamp(value: bytes) -> object:
        if len(value) != 8:
            raise malformed(kind, value)
        micros = _INT64.unpack(value)[0]
        try:
            found = epoch + timedelta(0, 0, micros)
        except OverflowError:
            return _odd(kind, value, micros, styles)
        if local is None:
            return found
        try:
            return found.astimezone(local)
        except (OverflowError, ValueError):  # at the very ends of Python's years
            return found

    return decode_timestamp


def _interval(styles: Styles) -> BinaryDecoder:
    from .interval import span

    layout = Struct(">qii")
    policy = styles.odd_values

    def decode_interval(value: bytes) -> object:
        if len(value) != 16:
            raise malformed("interval", value)
        micros, days, months = layout.unpack(value)
        return span(months, days, micros, policy)

    return decode_interval


def _json(oid: int, encoding: str, errors: str) -> BinaryDecoder:
    from .text import text_decoder

    kind = oids.kind_name(oid)
    characters = _text(kind, encoding, errors)
    load = text_decoder(oid)

    def decode_json(value: bytes) -> object:
        return load(characters(value))

    def decode_jsonb(value: bytes) -> object:
        if value[:1] != b"\x01":
            raise malformed(kind, value)
        return load(characters(value[1:]))

    return decode_json if oid == oids.JSON else decode_jsonb


def _rare(oid: int) -> Callable[[], BinaryDecoder]:
    def make() -> BinaryDecoder:
        from .binary_rare import rare_decoder

        return rare_decoder(oid)

    return make


def _geometry(oid: int) -> Callable[[], BinaryDecoder]:
    def make() -> BinaryDecoder:
        from .geometry import binary_geometry_decoder

        return binary_geometry_decoder(oid)

    return make


#: what `binary_rare` decodes
RARE = (
    *(oids.INET, oids.CIDR, oids.MACADDR, oids.MACADDR8, oids.BIT, oids.VARBIT, oids.TID),
    *(oids.PG_LSN, oids.MONEY, oids.TSVECTOR, oids.TSQUERY, oids.JSONPATH, *oids.REGISTERED),
    *oids.SNAPSHOTS,
)

_MAKERS: dict[int, Callable[[], BinaryDecoder]] = {
    oids.BOOL: lambda: _bool,
    oids.FLOAT4: _float4,
    oids.CHAR: lambda: _char,
    oids.BYTEA: lambda: bytes,
    oids.NUMERIC: _numeric,
    oids.UUID: _uuid,
    **{oid: _rare(oid) for oid in RARE},
    **{oid: _geometry(oid) for oid in oids.GEOMETRIC},
}

#: types whose Python value depends on the session's zone, or on the policy for odd values
_STYLED: dict[int, Callable[[Styles], BinaryDecoder]] = {
    oids.DATE: _date,
    oids.TIME: _time,
    oids.TIMETZ: _timetz,
    oids.TIMESTAMP: lambda styles: _timestamp("timestamp", styles),
    oids.TIMESTAMPTZ: lambda styles: _timestamp("timestamptz", styles),
    oids.INTERVAL: _interval,
}
