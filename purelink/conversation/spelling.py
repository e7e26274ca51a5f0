"""A server's error spelled as libpq spells it: severity, message, LINE with a caret, DETAIL.

Floor 3, pure. Source: `fe-protocol3.c` (pqBuildErrorMessage3, reportErrorPosition), at the default
verbosity.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..errors import Diagnostics

__all__ = ["display_width", "spell_error"]

# libpq's DISPLAY_SIZE and MIN_RIGHT_CUT: the part of a line that is shown
_DISPLAY = 60
_RIGHT = 10


def spell_error(diagnostics: Diagnostics, query: str | None = None) -> str:
    """Return an error as libpq's default verbosity prints it, without a trailing newline.

    Args:
        query: the text that was sent, for the LINE and its caret; None: not known.
    """
    if not diagnostics.fields:
        return "no error message available"
    severity = diagnostics.severity
    text = f"{severity}:  " if severity else ""
    text += diagnostics.message_primary or ""
    position = diagnostics.statement_position
    if position is not None:
        text += _at(query, position)
    elif diagnostics.internal_position is not None:
        text += _at(diagnostics.internal_query, diagnostics.internal_position)
    for title, value in (
        ("DETAIL", diagnostics.message_detail),
        ("HINT", diagnostics.message_hint),
        ("QUERY", diagnostics.internal_query),
        ("CONTEXT", diagnostics.context),
    ):
        if value:
            text += f"\n{title}:  {value}"
    return text


def _at(query: str | None, position: int) -> str:
    """Return the line that `position` (1-based, in characters) points to, and a caret under it."""
    if query is None:
        return f" at character {position}"
    index = position - 1
    if not 0 <= index <= len(query):
        return ""
    number, start = 1, 0
    for place, character in enumerate(query[:index]):
        if character == "\n" or (character == "\r" and query[place + 1 : place + 2] != "\n"):
            number, start = number + 1, place + 1
    stop = len(query)
    for place in range(index, len(query)):
        if query[place] in "\r\n":
            stop = place
            break
    line = query[start:stop].replace("\t", " ")
    widths = [_width(character) for character in line]
    first, last, column = _window(widths, index - start)
    lead = f"LINE {number}: "
    shown, caret = lead, len(lead)
    if first > 0:
        shown += "..."
        caret += 3
    shown += line[first:last]
    if last < len(line):
        shown += "..."
    caret += sum(widths[first:column])
    return f"\n{shown}\n{' ' * caret}^"


def _window(widths: list[int], column: int) -> tuple[int, int, int]:
    """Return the first and last character to show of a line, and the one to point at."""
    first, last = 0, len(widths)
    total = sum(widths)
    if total > _DISPLAY:
        # first truncate right if it is enough, then left
        if sum(widths[:column]) + _RIGHT <= _DISPLAY:
            while total > _DISPLAY:
                last -= 1
                total -= widths[last]
        else:
            while sum(widths[column:last]) > _RIGHT:
                last -= 1
                total -= widths[last]
            while total > _DISPLAY:
                total -= widths[first]
                first += 1
    return first, last, column


def display_width(text: str) -> int:
    """Return how many columns of a terminal a text takes. Source: pg_wcswidth, roughly."""
    return len(text) if text.isascii() else sum(map(_width, text))


def _width(character: str) -> int:
    if character < "\u0300":
        return 1
    from unicodedata import combining, east_asian_width

    if combining(character):
        return 0
    return 2 if east_asian_width(character) in "WF" else 1
