"""Texts of a remote server as values of declared types: PostgreSQL's input functions.

Input: which type, its modifier, the styles it was written under, then the text.
Invariant: a value, or an error with the SQLSTATE that the server would give (class 22 or 54, or
0A000 for what needs a clock); the same again the second time; what comes out is not much larger
than what came in, whatever the modifier says.
Allowed exceptions: `DataError`, `NotSupportedError`, `ProgramLimitExceeded`.

    python -m fuzz.declared_values --runs 100000
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from fuzz import runner
from fuzz.values import ARRAYS, NUMERICS, SAMPLES, TYPES, damaged, size
from fuzz.values_text import STYLES
from purelink.errors import DataError, NotSupportedError, ProgramLimitExceeded
from purelink.values.input import input_function

if TYPE_CHECKING:
    from random import Random

__all__ = ["example", "one"]

MODIFIERS = (-1, 0, 4, 5, 6, 12, 0x7FFFFFFF, -2, 327686, 393222, 65540, 2147418116, 0x7FFF0003)


def read(oid: int, modifier: int, styles: Any, text: str) -> Any:
    """Return a value in a tuple, or the SQLSTATE of the refusal."""
    try:
        return (input_function(oid, modifier, styles)(text),)
    except (DataError, NotSupportedError, ProgramLimitExceeded) as error:
        assert error.sqlstate is not None, (oid, text, error)
        assert error.sqlstate[:2] in ("22", "0A", "54"), (oid, text, error.sqlstate)
        assert len(str(error)) < 1000 + 4 * len(text)
        return error.sqlstate


def one(data: bytes) -> None:
    """Try one text."""
    if len(data) < 3:
        return
    oid = TYPES[data[0] % len(TYPES)]
    modifier = MODIFIERS[data[1] % len(MODIFIERS)]
    if modifier > 10_000 and oid in (1042, 1014, 1560, 1561):
        modifier = 64  # filled up to what was declared: ten megabytes, if need be
    styles = STYLES[data[2] % len(STYLES)]
    try:
        text = data[3:].replace(b"\0", b"").decode()
    except UnicodeDecodeError:
        return
    first = read(oid, modifier, styles, text)
    assert repr(first) == repr(read(oid, modifier, styles, text)), (oid, modifier, text)
    spare = 200_000 * (1 + text.count(",")) if oid in NUMERICS else 0
    assert size(first) <= 400 * len(text) + 4000 + spare, (oid, modifier, text[:50], size(first))


def example(random: Random) -> bytes:
    """Return a type and a text that fits it, damaged or not."""
    place = random.randrange(len(TYPES))
    texts = (*SAMPLES.get(TYPES[place], SAMPLES[25]), "now", "today", "1e400", "-", " 1 ", "NaN")
    text = random.choice(texts)
    if TYPES[place] in ARRAYS and random.random() < 0.6:
        text = (
            random.choice(("{%s}", "{{%s},{NULL}}", "[0:1]={%s,x}", "[1:2147483647]={%s}")) % text
        )
    head = bytes([place, random.randrange(256), random.randrange(16)])
    return head + damaged(random, text.encode())


if __name__ == "__main__":
    sys.exit(runner.run("declared_values", sys.argv[1:]))
