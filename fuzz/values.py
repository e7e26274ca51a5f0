"""What the targets of values share: the types, samples of their texts, and how decoding ended."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, Callable, Union

from purelink.errors import DataError
from purelink.values import oids
from purelink.values.bulk import row_decoder
from purelink.values.rows import ValueFailure
from purelink.wire.backend import Column

if TYPE_CHECKING:
    from random import Random

    from purelink.values.styles import Styles

__all__ = [
    "ARRAYS",
    "SAMPLES",
    "TYPES",
    "damaged",
    "outcome",
    "rows_outcome",
    "size",
    "size_at_most",
]

#: array type -> element type
ARRAYS: dict[int, int] = dict(oids.ELEMENT_OF)
#: every type that purelink knows by its number; a byte of the input chooses
TYPES: tuple[int, ...] = tuple(sorted({*oids.TYPES, *ARRAYS}))[:256]

SAMPLES: dict[int, tuple[str, ...]] = {
    16: ("t", "f"),
    17: ("\\xdeadbeef", "\\x", "a\\\\b\\001"),
    20: ("-9223372036854775808", "9223372036854775807"),
    21: ("-32768", "7"),
    23: ("2147483647", "0"),
    25: ("", "text", "ä€😀", 'a\\b"c{},'),
    114: ('{"a": [1, null, "x"]}', "1e400", "[[[]]]", '"\\ud800"'),
    3802: ('{"a": {"b": 1.50}}', "null"),
    700: ("1.5", "NaN", "-Infinity"),
    701: ("0.1", "1e308", "Infinity"),
    1700: ("1.50", "NaN", "-Infinity", "1e5", "12345678901234567890.000"),
    1082: ("2026-01-02", "infinity", "0044-03-15 BC", "10000-01-01", "01/02/2026", "02.01.2026"),
    1083: ("12:34:56.789", "24:00:00"),
    1266: ("12:34:56+02", "24:00:00-15:59:59"),
    1114: ("2026-01-02 03:04:05.6", "infinity", "0001-01-01 00:00:00 BC"),
    1184: ("2026-01-02 03:04:05.6+02:30", "-infinity", "Fri Jan 02 03:04:05 2026 CET"),
    1186: ("1 mon 2 days 03:04:05.6", "P1Y2M3DT4H5M6S", "+1-2 -3 +4:05:06", "@ 1 min ago"),
    2950: ("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",),
    869: ("10.0.0.1/8", "::1", "fe80::1/64"),
    650: ("10.0.0.0/8",),
    829: ("08:00:2b:01:02:03",),
    774: ("08:00:2b:01:02:03:04:05",),
    1560: ("101",),
    1562: ("", "0"),
    600: ("(1,2)",),
    603: ("(3,4),(1,2)",),
    3904: ("[1,5)", "empty", "(,)"),
    3906: ("[1.5,2.5]",),
    3910: ('["2026-01-01 00:00:00+00",infinity]',),
    4451: ("{[1,3),[5,7)}", "{}"),
    3614: ("'a':1 'b':2A",),
    790: ("$1,234.56",),
    2249: ('(1,"a b",)', "()"),
    3220: ("16/B374D848",),
    27: ("(0,1)",),
}


def outcome(decode: Callable[[Any], Any], value: object) -> Union[str, tuple[Any]]:
    """Return a value in a tuple, or "DataError"."""
    try:
        return (decode(value),)
    except DataError:
        return "DataError"


def rows_outcome(
    oid: int, form: int, values: list[bytes], styles: Styles
) -> Union[str, list[tuple[Any, ...]]]:
    """Return the rows of one column that bulk decoding makes of values, or "DataError"."""
    column = Column("a", oid, format=form)
    row = b"".join(
        b"D" + struct.pack(">ihi", 10 + len(value), 1, len(value)) + value for value in values
    )
    rows: list[tuple[Any, ...]] = []
    try:
        end = row_decoder([column], styles=styles).decode(row, 0, len(row), rows)
    except (DataError, ValueFailure):
        return "DataError"
    assert end == len(row), (end, len(row))
    return rows


#: what a numeric of 8 bytes may be when it is written out: 131,072 digits before the point, 16,383
#: behind it, as PostgreSQL's own is
NUMERIC_AT_MOST = 131_072 + 16_383
NUMERICS = frozenset({1700, 1231, 3906, 3907, 4532, 6151, 2249, 2287})


def size_at_most(oid: int, length: int) -> int:
    """Return how long a value of so many bytes may be when it is written out."""
    numerics = (length // 8 + 1) * NUMERIC_AT_MOST if oid in NUMERICS else 0
    return 400 * length + 2000 + numerics


def size(value: object) -> int:
    """Return how long a value is when it is written out."""
    return len(repr(value))


def damaged(random: Random, data: bytes) -> bytes:
    """Return bytes with a few changed, lost, doubled or added; or as they are."""
    out = bytearray(data)
    for _ in range(random.choice((0, 0, 1, 1, 2, 5))):
        place = random.randrange(len(out) + 1)
        way = random.randrange(4)
        if way == 0:
            out[place:place] = bytes([random.choice(b'{}[](),"\\-+:./ 019eEnNiI\xc3\x80\xff')])
        elif way == 1:
            del out[place : place + random.choice((1, 3))]
        elif way == 2:
            out[place:place] = out[place : place + 9] * random.choice((1, 40))
        elif out:
            out[place % len(out)] ^= 1 << random.randrange(8)
    return bytes(out)
