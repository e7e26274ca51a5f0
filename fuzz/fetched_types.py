"""Types as a catalog may describe them, of each other, of themselves, and values of them.

What pg_type's rows say is a server's word, like the value behind it.

Input: up to six types (what sort, of what parts, with what delimiter), which of them a value is of,
text or binary, then the value.
Invariant: a decoder is made, whatever the types are made of; a value, or DataError; the same by the
bulk decoder of rows as by the type's own; crafted dimensions, counts and lengths cost no more than
the bytes they came in.
Allowed exceptions: `DataError` from decoding; `InterfaceError` where a class does not fit.

    python -m fuzz.fetched_types --runs 100000
"""

from __future__ import annotations

import enum
import struct
import sys
from typing import TYPE_CHECKING, Any

from fuzz import runner
from fuzz.values import damaged, size
from purelink.errors import DataError, InterfaceError
from purelink.values.binary import binary_decoder
from purelink.values.bulk import row_decoder
from purelink.values.registry import OwnTypes
from purelink.values.rows import ValueFailure
from purelink.values.styles import Styles
from purelink.values.typeinfo import TypeInfo
from purelink.wire.backend import Column

if TYPE_CHECKING:
    from random import Random

__all__ = ["example", "one"]

FIRST, ARRAYS, MOST = 16400, 16500, 6
SORTS = "cderbmp"
#: what a type may be made of: built-in ones, each other, arrays of each other, nobody knows what
PARTS = (
    *(23, 25, 16, 20, 701, 1700, 1184, 17, 3802, 2249, 1007, 3904, 0, 99999),
    *range(FIRST, FIRST + MOST),
    *range(ARRAYS, ARRAYS + MOST),
)
DELIMITERS = (",", ";", "{", '"', "", "\\", "ab")
INPUTS = ("", "hstore_in", "citextin")
STYLES = tuple(
    Styles("ISO, MDY", "postgres", "GMT", odd)  # type: ignore[arg-type]  # of the three
    for odd in ("error", "text", "exact")
)


class Mood(enum.Enum):
    """What a program may give for an enum."""

    sad = 1
    ok = 2


class Reader:
    """The input, byte by byte; zeros behind its end."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def byte(self) -> int:
        """Return the next byte."""
        self.at += 1
        return self.data[self.at - 1] if self.at <= len(self.data) else 0


def types_of(reader: Reader) -> list[TypeInfo]:
    """Return the types that an input describes."""
    found = []
    for number in range(1 + reader.byte() % MOST):
        sort = SORTS[reader.byte() % len(SORTS)]
        part = PARTS[reader.byte() % len(PARTS)]
        odd = reader.byte()
        fields = [
            (f"f{n if odd & 1 else 0}", PARTS[reader.byte() % len(PARTS)])
            for n in range(reader.byte() % 5 if sort == "c" else 0)
        ]
        found.append(
            TypeInfo(
                FIRST + number,
                f"t{number}",
                "s" if odd & 2 else "",
                0 if odd & 4 else ARRAYS + number,
                sort,
                DELIMITERS[odd >> 3 & 7] if (odd >> 3 & 7) < len(DELIMITERS) else ",",
                part,
                tuple(fields),
                ("sad", "ok") if sort == "e" else (),
                INPUTS[odd >> 6 & 3] if (odd >> 6 & 3) < len(INPUTS) else "",
            )
        )
    return found


def registry_of(types: list[TypeInfo], *, classes: bool) -> OwnTypes:
    """Return a registry that knows these types."""
    registry = OwnTypes()
    for info in types:
        python: Any = None
        if classes and info.sort == "e":
            python = Mood
        elif classes and info.input == "hstore_in":
            python = dict
        try:
            registry.add(info, python)
        except InterfaceError:
            registry.add(info)
    return registry


def rows_of(oid: int, form: int, raw: bytes, count: int, styles: Styles, registry: OwnTypes) -> Any:
    """Return the rows that bulk decoding makes of values, or "DataError"."""
    data = b"".join(
        b"D" + struct.pack(">ihi", 10 + len(value), 1, len(value)) + value
        for value in [raw] * count
    )
    rows: list[Any] = []
    try:
        end = row_decoder([Column("a", oid, format=form)], styles=styles, registry=registry).decode(
            data, 0, len(data), rows
        )
    except (DataError, ValueFailure):
        return "DataError"
    assert end == len(data)
    return rows


def one(data: bytes) -> None:
    """Try one value of some types."""
    reader = Reader(data)
    types = types_of(reader)
    flags, which = reader.byte(), reader.byte()
    registry = registry_of(types, classes=bool(flags & 1))
    form, styles = flags >> 1 & 1, STYLES[(flags >> 2) % 3]
    oid = types[which % len(types)].oid
    if which & 0x80:
        oid += ARRAYS - FIRST
    raw = data[reader.at :]
    value: Any = raw
    decode: Any
    if form:
        decode = binary_decoder(oid, styles=styles, registry=registry)
    else:
        raw = raw.replace(b"\0", b"")
        try:
            value = raw.decode()
        except UnicodeDecodeError:
            return
        decode = registry.text_decoder(oid, styles)
    single: Any
    try:
        single = (decode(value),)
    except DataError:
        single = "DataError"
    assert size(single) <= 600 * len(raw) + 5000, (types, raw[:50])
    for count in (1, 40):
        got = rows_of(oid, form, raw, count, styles, registry)
        expected = single if isinstance(single, str) else [single] * count
        assert repr(got) == repr(expected), (types, oid, raw, got, expected)


# -- examples --------------------------------------------------------------------------------


def _text(random: Random, oid: int, types: list[TypeInfo], depth: int) -> str:
    """Return a text that fits a type, or nearly."""
    if depth > 4:
        return random.choice(("", "x", "NULL"))
    if ARRAYS <= oid < ARRAYS + len(types):
        info = types[oid - ARRAYS]
        inner = [
            _quoted(_text(random, info.oid, types, depth + 1)) for _ in range(random.randrange(3))
        ]
        return "{" + (info.delimiter or ",").join(inner) + "}"
    if not FIRST <= oid < FIRST + len(types):
        return random.choice(("7", "t", "1.5", "2026-01-02 03:04:05+00", '{"a": 1}', "", "{1,2}"))
    info = types[oid - FIRST]
    if info.sort == "c":
        parts = [_quoted(_text(random, part, types, depth + 1)) for _, part in info.fields]
        return "(" + ",".join(parts) + ")"
    if info.sort == "d":
        return _text(random, info.part, types, depth + 1)
    if info.sort in "rm":
        low = _quoted(_text(random, info.part, types, depth + 1))
        span = random.choice("[(") + low + "," + random.choice((low, "")) + random.choice(")]")
        return span if info.sort == "r" else "{" + span + "," + random.choice((span, "empty")) + "}"
    if info.input == "hstore_in":
        return '"a"=>"1", b=>NULL'
    return random.choice(("sad", "ok", "glad", ""))


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _sized(data: bytes) -> bytes:
    return struct.pack(">i", len(data)) + data


def _binary(random: Random, oid: int, types: list[TypeInfo], depth: int) -> bytes:
    """Return bytes that fit a type, or nearly."""
    if depth > 4:
        return random.choice((b"", b"x"))
    if ARRAYS <= oid < ARRAYS + len(types):
        element = types[oid - ARRAYS].oid
        items = [
            _sized(_binary(random, element, types, depth + 1)) for _ in range(random.randrange(3))
        ]
        size_said = random.choice((len(items), len(items), 2**31 - 1))
        return struct.pack(">iiIii", 1, 0, element, size_said, 1) + b"".join(items)
    if not FIRST <= oid < FIRST + len(types):
        return random.choice((b"\0\0\0\7", b"\0\0\0\0\0\0\0\7", b"text", b"\1", b"", b"\xff"))
    info = types[oid - FIRST]
    if info.sort == "c":
        parts = [
            struct.pack(">I", part) + _sized(_binary(random, part, types, depth + 1))
            for _, part in info.fields
        ]
        return struct.pack(">i", random.choice((len(parts), len(parts), 1664))) + b"".join(parts)
    if info.sort == "d":
        return _binary(random, info.part, types, depth + 1)
    if info.sort in "rm":
        low = _sized(_binary(random, info.part, types, depth + 1))
        span = bytes([random.choice((0, 2, 6, 1, 8, 24, 0x80))]) + low + low
        return span if info.sort == "r" else struct.pack(">i", 1) + _sized(span)
    if info.input == "hstore_in":
        return struct.pack(">i", 1) + _sized(b"a") + random.choice((_sized(b"1"), b"\xff" * 4))
    return random.choice((b"sad", b"ok", b"glad", b""))


def example(random: Random) -> bytes:
    """Return some types, most of them made of each other, and a value that may fit."""
    head = bytearray([random.randrange(MOST)])
    for _ in range(1 + head[0] % MOST):
        sort = random.choice((0, 0, 1, 2, 3, 4, 5, 6))
        head += bytes([sort, random.randrange(len(PARTS)), random.randrange(256)])
        if SORTS[sort] == "c":
            count = random.randrange(5)
            head += bytes([count, *[random.randrange(len(PARTS)) for _ in range(count)]])
    reader = Reader(bytes(head))
    types = types_of(reader)
    flags, which = random.randrange(12), random.randrange(256)
    oid = types[which % len(types)].oid + (ARRAYS - FIRST if which & 0x80 else 0)
    if flags >> 1 & 1:
        value = _binary(random, oid, types, 0)
    else:
        value = _text(random, oid, types, 0).encode()
    return bytes([*head, flags, which]) + damaged(random, value)


if __name__ == "__main__":
    sys.exit(runner.run("fetched_types", sys.argv[1:]))
