"""Rows as messages: every quick decoder of rows beside a slow one that is written down here.

Input: the columns (types and formats), how often the rows are repeated, a seed for cutting, then
the bytes: DataRow messages with any lengths and counts.
Invariant: the rows that the slow one gives, to the same place; or the same kind of refusal, at the
same place, and never a row of a message that disagrees with its length; the same in the loop for a
few rows as far as it goes; the same however the bytes are cut.
Allowed exceptions: `RemoteProtocolError`; `ValueFailure` with a `DataError`.

    python -m fuzz.row_messages --runs 100000
"""

from __future__ import annotations

import struct
import sys
from random import Random
from typing import Any, NamedTuple

from fuzz import runner
from fuzz.values import SAMPLES
from purelink.errors import DataError, RemoteProtocolError
from purelink.values.binary import binary_decoder
from purelink.values.bulk import row_decoder
from purelink.values.rows import MAX_MESSAGE, ValueFailure
from purelink.values.styles import Styles
from purelink.values.text import text_decoder
from purelink.wire.backend import Column

__all__ = ["example", "one"]

#: type and format of a column; a byte of the input chooses
KINDS = (
    *((oid, 0) for oid in (16, 20, 21, 23, 25, 700, 701, 1700, 1082, 1114, 1184, 2950, 3802)),
    *((oid, 0) for oid in (1007, 1022, 1186, 17, 1043)),
    *((oid, 1) for oid in (16, 20, 21, 23, 26, 701, 1082, 2950, 25, 17, 1184, 1700, 3802, 1007)),
)
#: whole shapes that have a quick way of their own
STRIDDEN = tuple((oid, 1) for oid in (16, 20, 21, 23, 26, 701, 1082, 2950, 5069))
STYLES = (Styles("ISO, MDY", "postgres", "UTC"), Styles("SQL, DMY", "iso_8601", "Europe/Berlin"))


class Judged(NamedTuple):
    """What came out. problem: "", "protocol", "value" (end: just past the row)."""

    rows: list[Any]
    end: int
    problem: str


def judge(columns: list[tuple[int, int]], styles: Styles, data: bytes) -> Judged:
    """Decode rows one byte after the other."""
    decoders: list[Any] = [
        binary_decoder(oid, styles=styles) if form else text_decoder(oid, styles)
        for oid, form in columns
    ]
    rows: list[Any] = []
    at = 0
    value_problem = 0
    while len(data) - at >= 5 and data[at] == 0x44:
        (length,) = struct.unpack_from(">i", data, at + 1)
        if not 6 <= length <= MAX_MESSAGE:
            return Judged(rows, at, "protocol")
        if len(data) - at < length + 1:
            break
        values = _values(data[at + 5 : at + 1 + length], len(columns))
        at += 1 + length
        if values is None:
            return Judged(rows, at, "protocol")
        try:
            row = tuple(
                None if value is None else decode(value if form else value.decode())
                for value, decode, (_, form) in zip(values, decoders, columns)
            )
        except (DataError, UnicodeDecodeError):
            value_problem = value_problem or at
        if not value_problem:
            rows.append(row)
    if value_problem:
        return Judged(rows, value_problem, "value")
    return Judged(rows, at, "")


def _values(body: bytes, count: int) -> list[bytes | None] | None:
    """Return a row's values; None: it is none of so many columns."""
    if struct.unpack_from(">h", body)[0] != count:
        return None
    values: list[bytes | None] = []
    at = 2
    for _ in range(count):
        if len(body) - at < 4:
            return None
        (size,) = struct.unpack_from(">i", body, at)
        at += 4
        if size == -1:
            values.append(None)
        elif 0 <= size <= len(body) - at:
            values.append(body[at : at + size])
            at += size
        else:
            return None
    return values if at == len(body) else None


def quick(decoder: Any, data: bytes, start: int = 0) -> Judged:
    """Decode rows by the decoder of the package."""
    rows: list[Any] = []
    try:
        end = decoder.decode(data, start, len(data), rows)
    except RemoteProtocolError:
        return Judged(rows, 0, "protocol")
    except ValueFailure as failure:
        assert isinstance(failure.error, DataError)
        return Judged(rows, failure.position, "value")
    return Judged(rows, end, "")


def one(data: bytes) -> None:
    """Try one stream of rows."""
    if len(data) < 5:
        return
    count, choice, flags = (
        1 + data[0] % 5,
        data[1 : 1 + data[0] % 5 + 1],
        data[1 + data[0] % 5 + 1 :],
    )
    if len(flags) < 3:
        return
    kinds = STRIDDEN if data[0] & 0x80 else KINDS
    columns = [kinds[each % len(kinds)] for each in choice][:count]
    times, random, styles = 1 + flags[0] % 40, Random(flags[1]), STYLES[flags[1] & 1]
    said = flags[2:] * times
    expected = judge(columns, styles, said)
    decoder = row_decoder([Column("a", oid, format=form) for oid, form in columns], styles=styles)
    for _ in range(2):  # the second time compiled
        _compare(columns, quick(decoder, said), expected)
    loop = getattr(decoder, "row_loop", None)
    if loop is not None:
        rows: list[Any] = []
        stopped = loop(said, 0, len(said), rows.append)
        assert repr(rows) == repr(expected.rows[: len(rows)]), (columns, rows)
        assert stopped <= expected.end or expected.problem, (columns, stopped)
    _in_pieces(columns, decoder, said, expected, random)


def _compare(columns: list[tuple[int, int]], got: Judged, expected: Judged) -> None:
    if expected.problem == "protocol":
        # A value that is none, before it, may have been met first.
        assert got.problem in ("protocol", "value"), (columns, got, expected)
        return
    assert got.problem == expected.problem, (columns, got, expected)
    assert got.end == expected.end, (columns, got, expected)
    if not expected.problem:
        assert repr(got.rows) == repr(expected.rows), (columns, got, expected)


def _in_pieces(
    columns: list[tuple[int, int]], decoder: Any, said: bytes, expected: Judged, random: Random
) -> None:
    """Decode it as a session does: what is left of a row is kept for the next piece."""
    places = sorted({random.randrange(len(said) + 1) for _ in range(5)}) if said else []
    rows: list[Any] = []
    rest = b""
    done = 0
    for a, b in zip([0, *places], [*places, len(said)]):
        buffer = rest + said[a:b]
        got = quick(decoder, buffer)
        if got.problem:
            assert expected.problem, (columns, got, expected)
            return
        rows += got.rows
        rest = buffer[got.end :]
        done += got.end
        if rest and rest[0] != 0x44:
            break
    assert not expected.problem, (columns, expected)
    assert repr(rows) == repr(expected.rows)
    assert done == expected.end


# -- examples --------------------------------------------------------------------------------

WIDTHS = {16: 1, 20: 8, 21: 2, 23: 4, 26: 4, 701: 8, 1082: 4, 2950: 16, 5069: 8, 1184: 8}


def _value(random: Random, oid: int, form: int) -> bytes | None:
    if random.random() < 0.1:
        return None
    if not form:
        return random.choice(SAMPLES.get(oid, ("{1,2}", "{NULL,t}", ""))).encode()
    if oid in WIDTHS:
        width = WIDTHS[oid] if random.random() < 0.97 else random.choice((0, 3, 16))
        return bytes(random.choice((0, 0, 0, 1, 0x7F, 0xFF)) for _ in range(width))
    return random.choice((b"text", b"", b"\1{}", b"\0\0\0\0\0\0\0\0", b"\xff"))


def _row(random: Random, columns: list[tuple[int, int]]) -> bytes:
    body = struct.pack(">h", len(columns))
    for oid, form in columns:
        value = _value(random, oid, form)
        body += struct.pack(">i", -1) if value is None else struct.pack(">i", len(value)) + value
    return b"D" + struct.pack(">i", len(body) + 4) + body


def example(random: Random) -> bytes:
    """Return rows that fit some columns, a length or a value damaged here and there."""
    stridden = random.random() < 0.4
    count = random.randrange(5)
    kinds = STRIDDEN if stridden else KINDS
    choice = [random.randrange(len(kinds)) for _ in range(count + 1)]
    columns = [kinds[each] for each in choice]
    said = bytearray(b"".join(_row(random, columns) for _ in range(random.choice((1, 2, 3)))))
    if random.random() < 0.4:
        at = random.randrange(len(said))
        said[at] = random.choice((0, 1, 4, 0x44, 0x7F, 0x80, 0xFF))
    if random.random() < 0.2:
        said += random.choice((b"C\0\0\0\5", b"D\0\0\0\1", b"D\0\0\0", said[:9]))
    head = next(each for each in range(0x80 if stridden else 0, 256) if each % 5 == count)
    return bytes([head, *choice, random.randrange(256), random.randrange(256)]) + bytes(said)


if __name__ == "__main__":
    sys.exit(runner.run("row_messages", sys.argv[1:]))
