"""Rows in text format, a whole chunk of them by one regular expression.

Floor 1, pure. Under UTF-8 a text value holds neither 0x00 nor 0xFF, so a column ends at the next
NUL. The chunk is read as Latin-1 (a copy, no more); a NULL's length, four 0xFF, is first written
as "length 1, value 0xFF", so that every column is length and value. Nothing is believed that way:
afterwards every length word is compared with its value, column by column, every message's length
with its row, and the sum of all rows with the chunk. What a lying server might win by 0xFF in the
wrong place is excluded: see `Sweep.columns`. A chunk in doubt is None: the caller goes row by row.
"""

from __future__ import annotations

import re
import sys
from array import array
from struct import Struct
from typing import Any, Callable, NamedTuple, Sequence

__all__ = ["NULL", "Sweep"]

#: what stands for NULL among the values that `columns` returns
NULL = "\xff"
_NULL_ON_WIRE = "\xff\xff\xff\xff"
_NULL_AS_VALUE = "\0\0\0\1\xff"
_WORD = Struct(">i").unpack_from
_SWAPPED = sys.byteorder == "big"
#: a lane of sixteen bits for each row holds its length
_LANES = 65_535


class _Form(NamedTuple):
    """What a row looks like: columns of one character, columns of long values, the pattern."""

    singles: tuple[bool, ...]
    wide: tuple[bool, ...]
    findall: Callable[[str], list[tuple[str, ...]]]


class Sweep:
    """Cuts chunks of rows of so many columns into columns.

    Args:
        singles: for each column, whether its values have one character (`boolean`), so that
            the length is part of the pattern.

    Which columns have values of 256 characters and more, and so two bytes of length to
    compare, is found out on the way.
    """

    __slots__ = ("_form", "_singles", "_word")

    def __init__(self, singles: Sequence[bool]) -> None:
        self._singles = tuple(singles)
        self._word = len(singles).to_bytes(2, "big")
        self._form = self._formed([False] * len(singles))

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

    def columns(
        self, buffer: bytes, start: int, stop: int
    ) -> tuple[list[tuple[str, ...]], bool] | None:
        r"""Return the columns' values as Latin-1, and whether some are NULL; None: in doubt.

        Why the 0xFF are no trap: where the chunk has NULLs at all, `0 0 0 1 255` must not be in
        it, so that after the replacement these five bytes stand exactly where a length of
        -1 (or four such bytes elsewhere) stood; two such places cannot overlap. A value `\xff`
        whose length word is sound is one of them. When there are as many such values as
        replacements, none stands elsewhere, and undoing them gives the chunk as it came.
        """
        text = str(buffer[start + 1 : stop], "latin-1") + "D"
        nulls = text.count(_NULL_ON_WIRE)
        if nulls:
            if _NULL_AS_VALUE in text:
                return None
            text = text.replace(_NULL_ON_WIRE, _NULL_AS_VALUE)
        if len(text) > _LANES:
            return None
        form = self._form
        found = _cut(text, stop - start, nulls, form)
        if found is None and not all(form.wide):
            # perhaps some values are long: which ones, the first chunk of them tells
            widest = self._formed([not single for single in self._singles])
            found = _cut(text, stop - start, nulls, widest)
            if found is not None:
                long = [max(map(len, values)) > 255 for values in found]
                self._form = self._formed([old or new for old, new in zip(form.wide, long)])
        return None if found is None else (found, bool(nulls))

    def _formed(self, wide: list[bool]) -> _Form:
        """Return the pattern of one row from behind its tag to the next row's tag.

        Lengths are wildcards of one byte each, compared later. No possessive or atomic groups:
        Debian's 3.11.2 miscounts them.
        """
        word = "".join([f"\\x{byte:02x}" for byte in self._word])
        parts = [r"\0\0(.)(.)", word]
        for single, long in zip(self._singles, wide):
            if single:
                parts.append(r"\0\0\0\x01(.)")
            else:
                parts.append(r"\0\0(.)(.)([^\0]*)" if long else r"\0\0\0(.)([^\0]*)")
        pattern = re.compile("".join(parts) + "D", re.DOTALL)
        return _Form(self._singles, tuple(wide), pattern.findall)


def _cut(text: str, size: int, nulls: int, form: _Form) -> list[tuple[str, ...]] | None:
    """Return the columns of a text that is nothing but sound rows, else None.

    Args:
        text: the chunk without its first tag, a tag behind it, NULLs replaced.
        size: of the chunk as it came, in bytes.
        nulls: replaced.
        form: how to read it.
    """
    groups = list(zip(*form.findall(text)))
    if not groups:
        return None
    high, low = map(_octets, groups[:2])
    # as all messages together are as long as the chunk, there is nothing between them
    if len(low) + 256 * sum(high) + sum(low) != size:
        return None
    ones = _lanes(b"\1" * len(low))
    body = (4 * len(form.singles) + 6) * ones
    columns, at = [], 2
    for single, wide in zip(form.singles, form.wide):
        if single:
            values = groups[at]
            body += ones
            at += 1
        elif wide:
            values = groups[at + 2]
            told = _lanes(_octets(groups[at + 1]), _octets(groups[at]))
            if told != _lengths(values):
                return None
            body += told
            at += 3
        else:
            values = groups[at + 1]
            octets = _octets(groups[at])
            try:
                if octets != bytes(map(len, values)):
                    return None
            except ValueError:  # longer than its length word can tell
                return None
            body += _lanes(octets)
            at += 2
        if nulls and NULL in values:
            absent = bytes(map(NULL.__eq__, values))
            body -= _lanes(absent)
            nulls -= sum(absent)
        columns.append(values)
    return columns if body == _lanes(low, high) and not nulls else None


def _octets(characters: Sequence[str]) -> bytes:
    return "".join(characters).encode("latin-1")


def _lanes(low: bytes, high: bytes = b"") -> int:
    """Return a number with sixteen bits for each byte, so that lanes add up side by side."""
    lanes = bytearray(2 * len(low))
    lanes[::2] = low
    if high:
        lanes[1::2] = high
    return int.from_bytes(lanes, "little")


def _lengths(values: Sequence[Any]) -> int:
    lanes = array("H", map(len, values))
    if _SWAPPED:  # pragma: no cover
        lanes.byteswap()
    return int.from_bytes(lanes.tobytes(), "little")
