"""Whole columns of text values to Python: what `sweep` cut, as Latin-1, to lists of objects.

Floor 1, pure; loaded with the first large result. A function here takes many values without
NULLs and returns as many objects. It may raise anything, and then the careful decoder is
asked; but what it accepts, the careful decoder accepts with an equal result. So each proves
first that its column holds only what the quick conversion reads as PostgreSQL means it.
"""

from __future__ import annotations

import sys
from itertools import compress
from typing import TYPE_CHECKING, Any, Callable, Sequence

from . import oids

if TYPE_CHECKING:
    from .styles import Styles
    from .sweep import Cut, Octets
    from .text import Registry

__all__ = ["ColumnDecoder", "column_decoder", "decoded", "finish_dates", "finish_uuids"]

#: many values, none of them NULL, how many bytes each has (b"" if some have more than 255), and
#: the values joined by NULs, to as many objects; raises anything where it is in doubt
ColumnDecoder = Callable[["Sequence[str]", "Octets", str], "Sequence[object]"]


def column_decoder(oid: int, styles: Styles, registry: Registry) -> ColumnDecoder:
    """Return the decoder of a column's text values."""
    decoder = registry.text_decoder(oid, styles)
    if decoder is str:
        return texts

    def one_by_one(values: Sequence[str], octets: Octets, joined: str) -> list[object]:
        return list(map(decoder, texts(values, octets, joined)))

    if registry.overlaid(oid):
        return one_by_one
    if oid in _MAKERS:
        quick = _MAKERS[oid]()
    elif oid in _SHAPES and styles.output == "iso":
        quick = _moments(oid)
        if oid == oids.TIMESTAMPTZ:
            quick = _told_in(styles.timezone, quick)
    else:
        return one_by_one

    def decode(values: Sequence[str], octets: Octets, joined: str) -> Sequence[object]:
        try:
            return quick(values, octets, joined)
        except Exception:  # NaN, infinity, arrays of arrays … or no such value
            return one_by_one(values, octets, joined)

    return decode


def _told_in(name: str, moments: ColumnDecoder) -> ColumnDecoder:
    """Return the decoder of moments that are to be told in a zone; nothing to do for UTC."""
    from .datetimes import named_zone

    local = named_zone(name)
    if local is None:
        return moments

    def told(values: Sequence[str], octets: Octets, joined: str) -> list[object]:
        return [each.astimezone(local) for each in moments(values, octets, joined)]  # type: ignore[attr-defined]

    return told


def decoded(decode: ColumnDecoder, column: Cut) -> Sequence[object]:
    """Return a column's objects, None where it is NULL."""
    values, octets, nulls, joined = column
    if not nulls:
        return decode(values, octets, joined)
    if decode is texts:
        found = texts(values, octets, joined)
        if found.count("") == nulls.count(1):
            return [value or None for value in found]
        return [None if null else value for null, value in zip(nulls, found)]
    here = nulls.translate(_OPPOSITE)
    present = list(compress(values, here))
    if not present:
        return [None] * len(values)
    octets = bytes(compress(octets, here))
    following = iter(decode(present, octets, "\0".join(present)))
    return [next(following) if one else None for one in here]


_OPPOSITE = b"\1\0" + bytes(254)


def texts(values: Sequence[str], octets: Octets, joined: str) -> Sequence[str]:  # noqa: ARG001
    """Return what the Latin-1 characters are as UTF-8."""
    if joined.isascii():
        return values
    return joined.encode("latin-1").decode("utf-8").split("\0")


class Doubt(Exception):
    """The quick way does not vouch for a column."""


def _only(joined: str, allowed: bytes) -> None:
    """Refuse values that hold other characters than `allowed`."""
    if joined.encode("latin-1").translate(None, allowed):
        raise Doubt


def _bools(values: Sequence[str], octets: Octets, joined: str) -> list[bool]:
    letters = joined[::2].encode("latin-1")
    if octets != b"\1" * len(values) or letters.translate(None, b"tf"):
        raise Doubt
    found: list[Any] = memoryview(letters.translate(_TRUTHS)).cast("?").tolist()
    return found


_TRUTHS = bytes.maketrans(b"ft", b"\0\1")
#: as short as that, every number fits: characters by type code
_SHORT = {"h": bytes([1, 2, 3, 4]), "i": bytes(range(1, 10)), "I": b"", "q": bytes(range(1, 19))}


def _integers(code: str) -> ColumnDecoder:
    """Return the decoder of integers that fit the type code of an `array`."""
    from array import array
    from json import loads

    short = _SHORT[code]

    def integers(values: Sequence[str], octets: Octets, joined: str) -> list[int]:
        joined = joined.replace("\0", ",")
        if joined.encode("latin-1").translate(None, b"-0123456789,"):
            raise Doubt
        found: list[int] = loads(f"[{joined}]")
        if len(found) != len(values):
            raise Doubt
        if not octets or octets.translate(None, short):
            array(code, found)  # raises where one does not fit
        return found

    return integers


def _floats(values: Sequence[str], octets: Octets, joined: str) -> list[float]:  # noqa: ARG001
    _only(joined, b"0123456789+-.eNaInfity\0")
    return list(map(float, values))


def _numerics() -> ColumnDecoder:
    from decimal import Decimal

    def numerics(values: Sequence[str], octets: Octets, joined: str) -> list[Decimal]:  # noqa: ARG001
        _only(joined, b"0123456789.-\0")
        return list(map(Decimal, values))

    return numerics


# -- dates and timestamps ------------------------------------------------------------------

_DIGITS = bytes(48 if 48 <= byte <= 57 else byte for byte in range(256))
_ZONES = (b"", b"+00", b"-00", b"+00:00", b"-00:00", b"+00:00:00", b"-00:00:00")
_STAMP = b"0000-00-00 00:00:00"
#: every sound value with its digits written as 0
_SHAPES = {
    oids.DATE: frozenset([b"0000-00-00"]),
    oids.TIMESTAMP: frozenset([_STAMP, *(_STAMP + b"." + b"0" * n for n in range(1, 7))]),
}
_SHAPES[oids.TIMESTAMPTZ] = frozenset(
    shape + zone for shape in _SHAPES[oids.TIMESTAMP] for zone in _ZONES[1:]
)
#: `fromisoformat` reads every ISO form of PostgreSQL's since 3.11
_LIBERAL = sys.version_info >= (3, 11)
#: and an hour of 24 since 3.13
_READS_24 = sys.version_info >= (3, 13)
#: what is left without digits, with a fraction of a second and without one; the lengths with them
_MARKS = {
    oids.TIMESTAMP: (b"-- ::.\0", b"-- ::\0", bytes([19, *range(21, 27)])),
    oids.TIMESTAMPTZ: (b"-- ::.+\0", b"-- ::+\0", bytes([22, *range(24, 30)])),
}


def _moments(oid: int) -> ColumnDecoder:
    """Return the decoder of ISO dates or timestamps: `fromisoformat`, for proved shapes."""
    from datetime import date, datetime

    read: Any = date.fromisoformat if oid == oids.DATE else datetime.fromisoformat
    exact = _LIBERAL or oid == oids.DATE
    marks = _MARKS.get(oid) if exact else None
    shapes = _SHAPES[oid]

    def moments(values: Sequence[str], octets: Octets, joined: str) -> list[object]:
        joined += "\0"
        sound = octets and marks is not None and _marked(joined, len(values), octets, *marks)
        if not sound and not _shaped(joined, len(values[0]) + 1, shapes):
            raise Doubt
        if _READS_24 and " 24:" in joined:
            raise Doubt
        return list(map(read, values if exact else map(padded, values)))

    return moments


def _shaped(joined: str, width: int, shapes: frozenset[bytes]) -> bool:
    """Tell whether values, each with a NUL behind it, have these shapes.

    Args:
        width: of the first one and its NUL: mostly all are alike, which is cheap to see.
    """
    zeros = joined.encode("latin-1").translate(_DIGITS)
    if zeros == zeros[:width] * (len(zeros) // width):
        return zeros[: width - 1] in shapes
    return set(zeros[:-1].split(b"\0")) <= shapes


def _marked(
    joined: str,
    count: int,
    octets: Octets,
    fraction: bytes,
    whole: bytes,
    lengths: bytes,
) -> bool:
    """Tell whether timestamps are sound ones of one zone, if only `fromisoformat` accepts them.

    The marks between their digits, in this order, leave date and time one form. With a zone of
    two digits the length says how many digits the fraction has.
    """
    if octets.translate(None, lengths):
        return False
    marks = joined.encode("latin-1").translate(None, b"0123456789")
    if marks != fraction * count and set(marks[:-1].split(b"\0")) - {fraction[:-1], whole[:-1]}:
        return False
    zone = joined[-4:]
    return whole[-2:] != b"+\0" or (zone[0] == "+" and joined.count(zone) == count)


def padded(text: str) -> str:
    """Return a timestamp as `fromisoformat` reads it before 3.11: six digits, hh:mm."""
    moment, zone = text[:19], ""
    fraction = text[19:]
    for sign in "+-":
        if sign in fraction:
            fraction, _, offset = fraction.partition(sign)
            zone = sign + (offset if len(offset) > 2 else offset + ":00")
    return moment + (fraction.ljust(7, "0") if fraction else "") + zone


# -- uuid ----------------------------------------------------------------------------------


def _uuid_maker() -> Callable[[Sequence[int]], list[object]]:
    """Return what makes UUIDs of 128-bit integers: bare objects, filled by their slots.

    `UUID()` costs four times as much, most of it in checks of what is an integer of 128 bits
    here by construction. Where the class is built otherwise, it is called.
    """
    from collections import deque
    from itertools import repeat
    from uuid import UUID

    def called(numbers: Sequence[int]) -> list[object]:
        return [UUID(int=number) for number in numbers]

    try:
        from uuid import SafeUUID

        set_int = UUID.__dict__["int"].__set__
        set_safe = UUID.__dict__["is_safe"].__set__

        def filled(numbers: Sequence[int]) -> list[object]:
            found = list(map(object.__new__, repeat(UUID, len(numbers))))
            deque(map(set_int, found, numbers), 0)
            deque(map(set_safe, found, repeat(SafeUUID.unknown)), 0)
            return list(found)

        one = filled([1])[0]
        sound = one == UUID(int=1) and repr(one) == repr(UUID(int=1))
    except Exception:
        sound = False
    return filled if sound else called


def _uuids() -> ColumnDecoder:
    from binascii import unhexlify
    from struct import unpack

    finish = finish_uuids()

    def uuids(values: Sequence[str], octets: Octets, joined: str) -> list[object]:
        count = len(values)
        dashes = "-" * count
        if octets != b"\x24" * count or any(
            joined[place::37] != dashes for place in (8, 13, 18, 23)
        ):
            raise Doubt
        # raises unless all the others are digits
        data = unhexlify(joined.encode("latin-1").translate(None, b"-\0"))
        if len(data) != 16 * count:
            raise Doubt
        return finish(unpack("16s" * count, data))

    return uuids


def finish_uuids() -> Callable[[tuple[bytes, ...]], list[object]]:
    """Return what makes UUIDs of the sixteen bytes that each is in binary."""
    from itertools import repeat

    make = _uuid_maker()
    number: Callable[[bytes, str], int] = int.from_bytes  # type: ignore[assignment]
    return lambda values: make(list(map(number, values, repeat("big"))))


def finish_dates() -> Callable[[tuple[int, ...]], list[object]]:
    """Return what makes dates of the days since 2000 that each is in binary."""
    from datetime import date

    since = date(2000, 1, 1).toordinal().__add__
    return lambda days: list(map(date.fromordinal, map(since, days)))


# -- json and arrays -----------------------------------------------------------------------

#: stands between the values of a column that is read in one go: a string of one DEL. Where no
#: value holds DEL or its escape, every such string in what was read is one of ours, so that as
#: many members as values and strings, in turn, prove every value to be a document by itself.
_BETWEEN = '"\x7f"'


def _jsons() -> ColumnDecoder:
    from json import loads

    def jsons(values: Sequence[str], octets: Octets, joined: str) -> list[object]:
        joined = f",{_BETWEEN},".join(texts(values, octets, joined))
        if joined.count("\x7f") != len(values) - 1 or "\\u007" in joined:
            raise Doubt
        found: list[object] = loads(f"[{joined}]")
        between = found[1::2]
        if len(found) != 2 * len(values) - 1 or between.count("\x7f") != len(between):
            raise Doubt
        return found[::2]

    return jsons


#: brackets as JSON has them, a comma between the values
_AS_JSON = bytes.maketrans(b"{}\0", b"[],")


def _arrays(digits: int, *, real: bool = False) -> ColumnDecoder:
    """Return the decoder of arrays of numbers with one dimension, read as JSON.

    Args:
        digits: the fewest that an element out of range has.
        real: elements are floats.
    """
    from json import JSONDecoder

    allowed = b"-0123456789,NUL" + (b".e+" if real else b"")
    long = b"0" * digits
    read = JSONDecoder(parse_int=float if real else int).decode

    def arrays(values: Sequence[str], octets: Octets, joined: str) -> list[object]:  # noqa: ARG001
        count = len(values)
        data = joined.encode("latin-1")
        # One pair of braces in each value, and nothing outside of it: then each is one list.
        if data.translate(None, allowed) != (b"{}\0" * count)[:-1] or (
            data.count(b"}\0{") != count - 1 or data[:1] != b"{" or data[-1:] != b"}"
        ):
            raise Doubt
        if not real and long in data.translate(_DIGITS):
            raise Doubt
        document = data.translate(_AS_JSON)
        if b"N" in document:
            document = document.replace(b"NULL", b"null")
        found: list[object] = read(f"[{document.decode('ascii')}]")
        return found

    return arrays


_MAKERS: dict[int, Callable[[], ColumnDecoder]] = {
    oids.BOOL: lambda: _bools,
    oids.INT2: lambda: _integers("h"),
    oids.INT4: lambda: _integers("i"),
    oids.INT8: lambda: _integers("q"),
    oids.OID: lambda: _integers("I"),
    oids.FLOAT4: lambda: _floats,
    oids.FLOAT8: lambda: _floats,
    oids.NUMERIC: _numerics,
    oids.UUID: _uuids,
    oids.JSON: _jsons,
    oids.JSONB: _jsons,
    oids.ARRAY_OF[oids.INT2]: lambda: _arrays(5),
    oids.ARRAY_OF[oids.INT4]: lambda: _arrays(10),
    oids.ARRAY_OF[oids.INT8]: lambda: _arrays(19),
    oids.ARRAY_OF[oids.FLOAT4]: lambda: _arrays(0, real=True),
    oids.ARRAY_OF[oids.FLOAT8]: lambda: _arrays(0, real=True),
}
