"""Values in text, of every type that has a decoder: any text a server may send.

Input: which type, which DateStyle and IntervalStyle, what of odd values, then the text.
Invariant: a value, or DataError; the same by the bulk decoder of rows as by the type's own; what
comes out is not much larger than what came in.
Allowed exceptions: `DataError`.

    python -m fuzz.values_text --runs 100000
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from fuzz import runner
from fuzz.values import ARRAYS, SAMPLES, TYPES, damaged, outcome, rows_outcome, size
from purelink.values.styles import Styles
from purelink.values.text import text_decoder

if TYPE_CHECKING:
    from random import Random

__all__ = ["example", "one"]

STYLES = tuple(
    Styles(date, interval, "Europe/Berlin")
    for date in ("ISO, MDY", "SQL, DMY", "Postgres, MDY", "German, DMY")
    for interval in ("postgres", "iso_8601", "sql_standard", "postgres_verbose")
)

#: what becomes of values that Python cannot hold
ODD = ("error", "text", "exact")


def one(data: bytes) -> None:
    """Try one text."""
    if len(data) < 2:
        return
    oid = TYPES[data[0] % len(TYPES)]
    odd = ODD[(data[1] >> 4) % len(ODD)]
    styles = STYLES[data[1] % len(STYLES)]._replace(odd_values=odd)  # type: ignore[arg-type]  # it is
    raw = data[2:].replace(b"\0", b"")  # text has none: the row decoder would say so
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return
    single = outcome(text_decoder(oid, styles), text)
    assert size(single) <= 400 * len(text) + 2000, (oid, text[:50])
    for count in (1, 40):
        got = rows_outcome(oid, 0, [raw] * count, styles)
        expected: Any = single if isinstance(single, str) else [single] * count
        assert repr(got) == repr(expected), (oid, text, got, expected)


def example(random: Random) -> bytes:
    """Return a type and a text that fits it, damaged or not."""
    place = random.randrange(len(TYPES))
    texts = SAMPLES.get(TYPES[place], SAMPLES[25])
    text = random.choice(texts)
    if TYPES[place] in ARRAYS and random.random() < 0.5:
        text = random.choice(("{%s}", "{{%s},{NULL}}", "[0:1]={%s,x}")) % text
    return bytes([place, random.randrange(48)]) + damaged(random, text.encode())


if __name__ == "__main__":
    sys.exit(runner.run("values_text", sys.argv[1:]))
