"""Rows as psql prints them: aligned or expanded, headed, values in PostgreSQL's own text.

Floor 6. Control characters are shown escaped: what a server sends must not drive the terminal.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Any

from ..values.oids import (
    CID,
    FLOAT4,
    FLOAT8,
    INT2,
    INT4,
    INT8,
    MONEY,
    NUMERIC,
    OID,
    XID,
    XID8,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

__all__ = [
    "DANGEROUS",
    "NUMBERS",
    "aligned",
    "aligned_lines",
    "display_width",
    "escaped",
    "expanded_lines",
    "printable",
    "spelled",
]

#: Types that stand right in a table. Source: psql's column_type_alignment.
NUMBERS = frozenset({INT2, INT4, INT8, FLOAT4, FLOAT8, NUMERIC, OID, XID, XID8, CID, MONEY})
#: What could drive a terminal, or turn its text round: C0 (but newline and tab), C1, bidi marks.
DANGEROUS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]"
)
_WIDE = frozenset("WF")
_NO_WIDTH = frozenset({"Mn", "Me", "Cf"})
_TAB = 8


def spelled(value: Any) -> str:
    """Return a value as PostgreSQL would print it: NULL is empty, t and f, arrays in braces."""
    if value is None:
        return ""
    if value is True:
        return "t"
    if value is False:
        return "f"
    if isinstance(value, list):
        return "{" + ",".join(_element(each) for each in value) + "}"
    if isinstance(value, (bytes, bytearray)):
        return "\\x" + value.hex()
    return str(value)


def _element(value: Any) -> str:
    if value is None:
        return "NULL"
    text = spelled(value)
    if isinstance(value, list):
        return text
    plain = text and text.upper() != "NULL" and not any(c in '{},"\\' or c.isspace() for c in text)
    if plain:
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def printable(text: str) -> str:
    """Return text with control characters escaped, ESC as a backslash, x, 1, b."""
    if text.isprintable():
        return text
    return "".join(
        character
        if character.isprintable() or character == " "
        else character.encode("unicode_escape").decode("ascii")
        for character in text
    )


def escaped(text: str) -> str:
    r"""Return text with what could drive a terminal escaped as psql does: `\x1B`, `\u0090`."""
    return text if text.isascii() and text.isprintable() else DANGEROUS.sub(_escape, text)


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    if code == 13:
        return "\\r"
    return f"\\x{code:02X}" if code < 0x80 else f"\\u{code:04X}"


def display_width(text: str) -> int:
    """Return how many columns of a terminal a text takes. Source: pg_wcswidth."""
    if text.isascii():
        return len(text)
    return sum(map(_width, text))


def _width(character: str) -> int:
    if unicodedata.category(character) in _NO_WIDTH:
        return 0
    return 2 if unicodedata.east_asian_width(character) in _WIDE else 1


def _cell(text: str) -> list[tuple[str, int]]:
    """Return a cell's lines, escaped, each with its width. Source: pg_wcsformat."""
    if text.isascii() and text.isprintable():
        return [(text, len(text))]
    lines = []
    for line in text.split("\n"):
        shown = escaped(line)
        if "\t" in shown:
            pieces = shown.split("\t")
            shown = pieces[0]
            for piece in pieces[1:]:
                shown += " " * (_TAB - display_width(shown) % _TAB) + piece
        lines.append((shown, display_width(shown)))
    return lines


def aligned_lines(
    names: Sequence[str],
    rows: Iterable[Sequence[str | None]],
    right: Sequence[bool],
    *,
    null: str = "",
    tuples_only: bool = False,
) -> Iterator[str]:
    """Yield the lines of a table as psql's aligned format gives them, without a footer.

    Args:
        right: for each column, whether its values stand right.
        null: what stands for NULL.
    """
    heads = [_cell(name) for name in names]
    empty = _cell(null)
    cells = [[empty if value is None else _cell(value) for value in row] for row in rows]
    # The headings' widths count though they may not be shown, as in psql.
    widths = [
        max([width for cell in (head, *(row[place] for row in cells)) for _, width in cell])
        for place, head in enumerate(heads)
    ]
    if not tuples_only:
        yield from _headings(heads, widths)
        yield "+".join("-" * (width + 2) for width in widths) or "--"
    for row in cells:
        for line in range(max(map(len, row), default=0)):
            yield "|".join(_pieces(row, line, widths, right))


def _headings(heads: list[list[tuple[str, int]]], widths: list[int]) -> Iterator[str]:
    for line in range(max(map(len, heads), default=0)):
        pieces = []
        for head, width in zip(heads, widths):
            text, taken = head[line] if line < len(head) else ("", 0)
            gap = width - taken
            more = "+" if line + 1 < len(head) else " "
            pieces.append(" " + " " * (gap // 2) + text + " " * (gap - gap // 2) + more)
        yield "|".join(pieces)


def _pieces(
    row: list[list[tuple[str, int]]], line: int, widths: list[int], right: Sequence[bool]
) -> Iterator[str]:
    last = len(row) - 1
    for place, cell in enumerate(row):
        more = line + 1 < len(cell)
        text, taken = cell[line] if line < len(cell) else ("", 0)
        gap = " " * (widths[place] - taken)
        if right[place] and line < len(cell):
            text = gap + text
        elif place < last or more:
            text += gap
        yield f" {text}" + ("+" if more else " " if place < last else "")


def expanded_lines(
    names: Sequence[str],
    rows: Iterable[Sequence[str | None]],
    *,
    null: str = "",
    tuples_only: bool = False,
) -> Iterator[str]:
    """Yield the lines of records as psql's expanded format gives them: a column a line."""
    heads = [_cell(name) for name in names]
    empty = _cell(null)
    records = [[empty if value is None else _cell(value) for value in row] for row in rows]
    head = max([width for each in heads for _, width in each], default=0)
    data = max([width for row in records for cell in row for _, width in cell], default=0)
    for number, row in enumerate(records if heads else (), 1):
        if not tuples_only:
            yield _record_rule(f"[ RECORD {number} ]", head, data)
        elif number > 1:
            yield _record_rule("", head, data)
        for name, cell in zip(heads, row):
            for line in range(max(len(name), len(cell))):
                left, taken = name[line] if line < len(name) else ("", 0)
                mark = "+" if line + 1 < len(name) else " "
                shown = left + " " * (head - taken) + mark + "|"
                if line < len(cell):
                    text, taken = cell[line]
                    shown += f" {text}"
                    if line + 1 < len(cell):
                        shown += " " * (data - taken) + "+"
                yield shown


def _record_rule(title: str, head: int, data: int) -> str:
    # psql's rule is as wide as the widest line, with a + where the columns part, if it is free.
    rule = "-" + title
    rule += "-" * (head + 1 - len(rule))
    if len(rule) == head + 1:
        rule += "+"
    return rule + "-" * (head + data + 3 - len(rule))


def aligned(
    names: Sequence[str], rows: Iterable[Sequence[Any]], *, count: bool = True
) -> list[str]:
    """Return the lines of a table of Python values; numbers stand right, the rest left."""
    raw = [tuple(row) for row in rows]
    right = [bool(raw) and all(_is_number(row[i]) for row in raw) for i in range(len(names))]
    texts = [[spelled(value) for value in row] for row in raw]
    lines = list(aligned_lines(names, texts, right))
    if count:
        lines.append(f"({len(texts)} row{'' if len(texts) == 1 else 's'})")
    return lines


def _is_number(value: Any) -> bool:
    return value is None or (isinstance(value, (int, float)) and not isinstance(value, bool))
