"""Values in binary, of every type that has a decoder: any bytes a server may send.

Input: which type, then the bytes.
Invariant: a value, or DataError; the same by the bulk decoder of rows as by the type's own; crafted
dimensions, counts and lengths cost no more than the bytes they came in (a numeric of ten bytes may
have 147,455 digits: so PostgreSQL sends it).
Allowed exceptions: `DataError`.

    python -m fuzz.values_binary --runs 100000
"""

from __future__ import annotations

import struct
import sys
from typing import TYPE_CHECKING, Any

from fuzz import runner
from fuzz.values import ARRAYS, TYPES, damaged, outcome, rows_outcome, size, size_at_most
from fuzz.values_text import ODD
from purelink.values.binary import binary_decoder
from purelink.values.styles import DEFAULT_STYLES

if TYPE_CHECKING:
    from random import Random

__all__ = ["example", "one"]


def one(data: bytes) -> None:
    """Try one value."""
    if not data:
        return
    oid = TYPES[data[0] % len(TYPES)]
    raw = data[1:]
    for odd in ODD:
        styles = DEFAULT_STYLES._replace(odd_values=odd)  # type: ignore[arg-type]  # of the three
        single = outcome(binary_decoder(oid, styles=styles), raw)
        assert size(single) <= size_at_most(oid, len(raw)), (oid, raw[:50])
        for count in (1, 40):
            got = rows_outcome(oid, 1, [raw] * count, styles)
            expected: Any = single if isinstance(single, str) else [single] * count
            assert repr(got) == repr(expected), (oid, odd, raw, got, expected)


def _array(random: Random, element: int) -> bytes:
    """Return an array whose head may promise more than it holds."""
    dimensions = random.choice((0, 1, 1, 2, 6, 7, 2**31 - 1))
    head = struct.pack(">iiI", dimensions, random.choice((0, 1)), element)
    for _ in range(min(dimensions, 7)):
        head += struct.pack(">ii", random.choice((0, 1, 2, 2**31 - 1, -1)), random.choice((1, 0)))
    items = (b"\0\0\0\x04\0\0\0\x07", b"\xff\xff\xff\xff", b"\0\0\0\x00", b"\x7f\xff\xff\xff")
    return head + b"".join(random.choice(items) for _ in range(random.randrange(6)))


def example(random: Random) -> bytes:
    """Return a type and bytes of a likely length."""
    place = random.randrange(len(TYPES))
    oid = TYPES[place]
    if oid in ARRAYS and random.random() < 0.8:
        return bytes([place]) + damaged(random, _array(random, ARRAYS[oid]))
    length = random.choice((0, 1, 2, 4, 8, 12, 16, 20, 24, 40))
    few = (0, 0, 0, 1, 2, 3, 0x7F, 0x80, 0xC0, 0xFF, random.randrange(256))
    return bytes([place]) + bytes(random.choice(few) for _ in range(length))


if __name__ == "__main__":
    sys.exit(runner.run("values_binary", sys.argv[1:]))
