"""Rows of fixed widths in binary, a whole run of them at once.

Floor 1, pure. All rows without NULLs have one width, and only the values in them differ:
tag, message length, field count and length words are the same bytes at the same places. For
each such place the bytes of all rows are one extended slice, which is compared with the byte that
is expected, so many times; if it differs, stripping that byte from its left tells how many rows
conform. All in C, about a nanosecond a row and place. What conforms at every place is exactly the
longest run of sound rows, and one `iter_unpack` makes their tuples.
"""

from __future__ import annotations

from struct import Struct
from typing import Any, Callable, Iterable

from .compiled import BOOL, FIXED

__all__ = ["Strides"]

#: a column's values to Python: `[value, …] -> iterable`; None: they are what was unpacked
Finish = Callable[["tuple[Any, ...]"], "Iterable[object]"]
#: rows that are compared at once, as a rule at most
_MANY = 4_096


class Strides:
    """The longest run of sound rows without NULLs, decoded.

    Args:
        kinds: of `compiled.FIXED`, or for a width in bytes that `finish` decodes, its negative.
        finishes: for each column, what makes its values of the unpacked ones, or None.
        before, after: what stands between rows: their width is a row's with both.

    Attributes:
        width: bytes of a row.
    """

    __slots__ = ("_finishes", "_places", "_unpack", "width")

    def __init__(
        self,
        kinds: tuple[int, ...],
        finishes: tuple[Finish | None, ...],
        before: bytes = b"",
        after: bytes = b"",
    ) -> None:
        layout, sizes = f"{len(before) + 7}x", []
        for kind in kinds:
            code, size = FIXED[kind] if kind > 0 else (f"{-kind}s", -kind)
            layout += "4x" + ("?" if kind == BOOL else code)
            sizes.append(size)
        row = Struct(f">{layout}{len(after)}x")
        self.width = row.size
        self._unpack = row.iter_unpack
        self._finishes = finishes if any(finishes) else None
        length = self.width - 1 - len(before) - len(after)
        head = before + Struct(">BiH").pack(0x44, length, len(kinds))
        places = [(at, head[at : at + 1]) for at in range(len(head))]
        at = len(head)
        for kind, size in zip(kinds, sizes):
            word = Struct(">i").pack(size)
            places += [(at + n, word[n : n + 1]) for n in range(4)]
            at += 4
            if kind == BOOL:
                places.append((at, b"\0\1"))  # no other byte is a boolean
            at += size
        places += [(at + n, after[n : n + 1]) for n in range(len(after))]
        # the bytes that tell a stranger soonest come first: tag, low bytes of lengths
        places.sort(key=lambda place: place[1] == b"\0")
        # a receive's worth of each, to compare with: that is soonest
        alike = {allowed: allowed * _MANY if len(allowed) == 1 else b"" for _, allowed in places}
        self._places = [(at, allowed, alike[allowed]) for at, allowed in places]

    def run(self, buffer: bytes, start: int, end: int, rows: list[Any]) -> int:
        """Append the rows that conform from `start` on; return how many.

        Raises:
            Exception: a value cannot be held; `rows` is as it was.
        """
        width = self.width
        count = (end - start) // width
        stop = start + count * width
        for at, allowed, alike in self._places:
            seen = buffer[start + at : stop : width]
            if alike.startswith(seen):
                continue
            left = len(seen.lstrip(allowed))
            if left:
                count -= left
                stop = start + count * width
                if not count:
                    return 0
        found: Iterable[Any] = self._unpack(memoryview(buffer)[start:stop])
        if self._finishes is not None and count:
            columns = zip(*found)
            found = zip(
                *[
                    column if finish is None else list(finish(column))
                    for column, finish in zip(columns, self._finishes)
                ]
            )
        rows.extend(found)
        return count
