"""Rows as psql prints them: aligned, headed, values in PostgreSQL's own text.

Floor 6. Control characters are shown escaped: what a server sends must not drive the terminal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..conversation.spelling import display_width

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["aligned", "printable", "spelled"]


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


def aligned(
    names: Sequence[str], rows: Iterable[Sequence[Any]], *, count: bool = True
) -> list[str]:
    """Return the lines of a table as psql's aligned format gives them.

    Numbers stand right, the rest left; the headings in the middle.
    """
    raw = [tuple(row) for row in rows]
    numeric = [
        bool(raw)
        and all(
            row[i] is None or (isinstance(row[i], (int, float)) and not isinstance(row[i], bool))
            for row in raw
        )
        for i in range(len(names))
    ]
    heads = [printable(name) for name in names]
    cells = [[printable(spelled(value)) for value in row] for row in raw]
    widths = [
        max([display_width(head), *(display_width(row[i]) for row in cells)])
        for i, head in enumerate(heads)
    ]
    lines = [
        "|".join(f" {_centered(head, width)} " for head, width in zip(heads, widths)),
        "+".join("-" * (width + 2) for width in widths),
    ]
    for row in cells:
        pieces = []
        for i, cell in enumerate(row):
            gap = " " * (widths[i] - display_width(cell))
            if numeric[i]:
                pieces.append(f" {gap}{cell} ")
            else:
                pieces.append(f" {cell}{gap} ")
        lines.append("|".join(pieces).rstrip())
    if count:
        lines.append(f"({len(cells)} row{'' if len(cells) == 1 else 's'})")
    return lines


def _centered(text: str, width: int) -> str:
    gap = width - display_width(text)
    return " " * (gap // 2) + text + " " * (gap - gap // 2)
