"""An error's place drawn under the connection string: a line of it and a caret.

Floor 1, pure. The line shows no secret: what the caret needs of it is kept, the rest is `***`.
"""

from __future__ import annotations

from . import mask
from .keywords import PREFIXES, SECRETS
from .parse import item_places

__all__ = ["draw"]


def draw(text: str, position: int | None) -> str:
    """Return the line of a connection string that holds a place, and a caret under it.

    Args:
        text: the connection string, as given.
        position: from 1; None (no such place) gives "".
    """
    if position is None:
        return ""
    places = mask.uri_places(text) if text.startswith(PREFIXES) else _pair_places(text)
    at = position - 1
    shift = 0
    for start, end in places:
        if start >= at:
            break
        # a caret inside a secret points to where its mask begins
        shift += (start + len(mask.MASK)) - end if end <= at else start - at
    line = mask.hide(text, places)
    at += shift
    begin = line.rfind("\n", 0, at) + 1
    newline = line.find("\n", at)
    line = line[begin : newline if newline >= 0 else len(line)]
    visible = "".join(letter if letter.isprintable() else "?" for letter in line)
    return f"{visible}\n{' ' * (at - begin)}^"


def _pair_places(text: str) -> list[tuple[int, int]]:
    places: list[tuple[int, int]] = []
    secret_before = False
    for keyword, start, end in item_places(text):
        if keyword in SECRETS:
            secret_before = True
        elif keyword or not secret_before:
            continue
        if end > start:
            places.append((start, end))
    covered = [place for place in mask.userinfo_places(text) if not _overlaps(place, places)]
    return sorted(places + covered)


def _overlaps(place: tuple[int, int], places: list[tuple[int, int]]) -> bool:
    return any(place[0] < end and start < place[1] for start, end in places)
