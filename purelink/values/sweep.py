"""Rows in text format, a whole chunk of them by one regular expression.

Floor 1, pure. Under UTF-8 a text value holds neither 0x00 nor 0xFF, so a column ends at the next
NUL; the length of a NULL, four 0xFF, is first written as that of an empty value. Length words are
wildcards of the expression, and nothing is believed that way: what was cut is written once
more, each length made of its value, and only if that is the chunk as it came, byte for byte, the
chunk was what it seemed. A chunk in doubt is None: the caller goes row by row.

That a value is empty does not tell whether it is '' or NULL: for each column it is supposed to be
NULL where the chunk has any, until the comparison says otherwise; then the chunk is cut again with
NULLs that carry a mark, and the next one is supposed to be like it.
"""

from __future__ import annotations

import re
import sys
from array import array
from itertools import repeat
from operator import eq
from struct import Struct
from typing import NamedTuple, Sequence, Union

__all__ = ["Cut", "Sweep"]

_NULL_ON_WIRE = "\xff\xff\xff\xff"
#: length 1, and the mark for a value
_NULL_MARKED = "\0\0\0\1\xff"
_MARK = "\xff"
_WORD = Struct(">i").unpack_from
_SWAPPED = sys.byteorder == "big"
#: sixteen bits hold a row's length, and 0xFF is no upper byte of one
_MOST = 0xFEFF
#: the upper three bytes of a length word, by the third of them; a NULL's are 0xFF
_UPPER = ["\0\0" + chr(byte) for byte in range(255)] + ["\xff\xff\xff"]
_IS_ZERO = b"\1" + bytes(255)


Octets = Union[bytes, bytearray]


class Cut(NamedTuple):
    """One column of a chunk.

    Fields:
        values: as Latin-1, '' where NULL.
        octets: how many bytes each has; b"" if some have more than 255.
        nulls: a byte for each value, 1 where it is NULL; b"" if none is.
        joined: the values with NULs between them.
    """

    values: Sequence[str]
    octets: Octets
    nulls: Octets
    joined: str


class Sweep:
    """Cuts chunks of rows of so many columns into columns.

    Args:
        count: of columns.

    What it remembers of earlier chunks decides what is tried first, never what is found.
    """

    __slots__ = ("_count", "_findall", "_head", "_marked", "_whole", "_word")

    def __init__(self, count: int) -> None:
        self._count = count
        self._word = count.to_bytes(2, "big")
        word = "".join([f"\\x{byte:02x}" for byte in self._word])
        # from behind a row's tag to the next row's. No possessive or atomic groups: Debian's
        # 3.11.2 miscounts them.
        pattern = rf"\0\0..{word}" + r"\0\0..([^\0]*)" * count + "D"
        self._findall = re.compile(pattern, re.DOTALL).findall
        self._head = str(self._word, "latin-1")
        #: columns in which '' is '', in chunks with NULLs elsewhere
        self._whole = [False] * count
        #: '' and NULL occur together in a column
        self._marked = False

    def last_row_end(self, buffer: bytes, start: int, end: int) -> int:
        """Return where the last whole row before `end` seems to stop; `start` if there is none.

        A value that looks like a row's head may mislead: `columns` then finds the chunk unsound.
        """
        at, word = end, self._word
        while True:
            at = buffer.rfind(word, start + 5, min(at + 1, end))
            if at < 0:
                return start
            if buffer[at - 5] == 0x44:
                stop: int = at - 4 + _WORD(buffer, at - 4)[0]
                if at < stop <= end:
                    return stop

    def columns(self, buffer: bytes, start: int, stop: int) -> list[Cut] | None:
        """Return the columns of a chunk that is nothing but sound rows, else None."""
        if stop - start > _MOST:
            return None
        text = str(buffer[start:stop], "latin-1")
        if _MARK not in text:
            return self._cut(text, text, None)
        if not self._marked:
            found = self._cut(text, text.replace(_MARK, "\0"), self._whole)
            if found is not None:
                return found
        if len(text) + text.count(_NULL_ON_WIRE) > _MOST:
            return None
        found = self._cut(text, text.replace(_NULL_ON_WIRE, _NULL_MARKED), None)
        if found is not None:
            self._marked = any(
                one.nulls and one.values.count("") > one.nulls.count(1) for one in found
            )
            self._whole = [not one.nulls for one in found]
        return found

    def _cut(self, text: str, seen: str, whole: list[bool] | None) -> list[Cut] | None:
        """Cut a chunk.

        Args:
            text: as it came.
            seen: the same, NULLs replaced.
            whole: columns in which '' is no NULL; None: a NULL is marked.
        """
        found = self._findall(seen + "D", 1)
        rows = len(found)
        if not rows:
            return None
        groups = list(zip(*found)) if self._count > 1 else [found]
        # A row as it is written again, in parts; what is not the same in every row by its place.
        parts, varying = ["D\0\0\0", ""], []
        sums, fixed = [], 4 * self._count + 6
        before, columns = self._head, []
        for number, group in enumerate(groups):
            values: Sequence[str] = group
            nulls: Octets = b""
            if whole is None and text is not seen and _MARK in values:
                nulls = bytes(map(eq, values, repeat(_MARK)))
                values = ["" if null else value for null, value in zip(nulls, values)]
            joined = "\0".join(values)
            width = len(values[0])
            if not nulls and _alike(joined, width, rows):
                fixed += width
                word = str(width.to_bytes(4, "big"), "latin-1")
                if not width and whole is not None and not whole[number]:
                    nulls, word = b"\1" * rows, _NULL_ON_WIRE
                octets = b"" if width > 255 else bytes((width,)) * rows
                columns.append(Cut(values, octets, nulls, joined))
                before += word
                if width:
                    parts += (before, "")
                    varying.append((len(parts) - 1, values))
                    before = ""
                continue
            low, high = _octets(values)
            if whole is not None and not whole[number] and 0 in low:
                nulls = bytes([not value for value in values]) if high else low.translate(_IS_ZERO)
                nulls = nulls if 1 in nulls else b""
            sums.append((low, high))
            columns.append(Cut(values, b"" if high else low, nulls, joined))
            parts += (before, "\0\0\0", "", "") if nulls or high else (before + "\0\0\0", "", "")
            before, at = "", len(parts)
            if nulls or high:
                upper = _filled(high or bytes(rows), nulls) if nulls else high
                low = _filled(low, nulls) if nulls else low
                varying.append((at - 3, list(map(_UPPER.__getitem__, upper))))
            varying.append((at - 2, str(low, "latin-1")))
            varying.append((at - 1, values))
        if before:
            parts.append(before)
        low, high = _sums(rows, fixed, sums)
        if any(high):
            varying.append((0, ["D" + _UPPER[byte] for byte in high]))
        varying.append((1, str(low, "latin-1")))
        again = parts * rows
        for at, each in varying:
            again[at :: len(parts)] = each
        return columns if "".join(again) == text else None


def _alike(joined: str, width: int, count: int) -> bool:
    """Tell whether so many values, which hold no NUL, joined by NULs, all have one width."""
    return len(joined) == count * (width + 1) - 1 and (
        joined[width :: width + 1].count("\0") == count - 1
    )


def _octets(values: Sequence[str]) -> tuple[Octets, Octets]:
    """Return the lengths of values, their lower and upper bytes; b"": all of these are zero."""
    try:
        return bytearray(map(len, values)), b""
    except ValueError:  # 256 and more
        lanes = array("H", map(len, values))
        if _SWAPPED:  # pragma: no cover
            lanes.byteswap()
        both = lanes.tobytes()
        return both[::2], both[1::2]


def _filled(octets: Octets, where: Octets) -> Octets:
    """Return octets, zero where `where` is 1, with 0xFF there."""
    both = int.from_bytes(octets, "little") | 255 * int.from_bytes(where, "little")
    return both.to_bytes(len(octets), "little")


def _sums(rows: int, fixed: int, added: list[tuple[Octets, Octets]]) -> tuple[Octets, Octets]:
    """Return the sums of a number for each row and `fixed`: their lower and upper bytes.

    Lanes of sixteen bits side by side in a large integer, for the even rows and for the odd ones.

    Args:
        added: lower and upper byte of each row's number; b"" for the upper ones: they are zero.
    """
    if not added:
        return bytes((fixed & 255,)) * rows, bytes((fixed >> 8,)) * rows
    lanes = (rows + 1) // 2
    mask = int.from_bytes(b"\xff\0" * lanes, "little")
    even = odd = fixed * int.from_bytes(b"\1\0" * lanes, "little")
    for lower, upper in added:
        number = int.from_bytes(lower, "little")
        even += number & mask
        odd += number >> 8 & mask
        if upper:
            number = int.from_bytes(upper, "little")
            even += (number & mask) << 8
            odd += number & mask << 8
    size = 2 * lanes
    low, high = bytearray(size), bytearray(size)
    for at, sums in ((0, even), (1, odd)):
        both = sums.to_bytes(size, "little")
        low[at::2], high[at::2] = both[::2], both[1::2]
    return low[:rows], high[:rows]
