"""What may be shown of a connection string: secrets become `***`, nothing else changes.

Floor 1, pure. Hidden are the values of secret keywords (`keywords.SECRETS`), the password in a
URI, and a word that an error would echo after a secret keyword: `password=my secret` fails on
`secret`, which is half of the password. What is known to be another setting is no such word.
Places are pairs (start, end), from 0.
"""

from __future__ import annotations

import re

from .keywords import SECRETS, names

__all__ = ["MASK", "display", "echo", "hide", "shown", "uri", "uri_places", "userinfo_places"]

MASK = "***"

# user:password@ as the URI grammar sees it: the first "@" ends it, unless a "/" comes before
_USERINFO = "://[^:@/]*:([^@/]+)@"


def hide(text: str, places: list[tuple[int, int]]) -> str:
    """Return a text with `***` at places (in order, not overlapping)."""
    parts: list[str] = []
    at = 0
    for start, end in places:
        parts += text[at:start], MASK
        at = end
    return "".join(parts) + text[at:]


def userinfo_places(text: str) -> list[tuple[int, int]]:
    """Return where passwords stand in the user part of URIs, anywhere in a text."""
    return [match.span(1) for match in re.finditer(_USERINFO, text)]


def uri_places(text: str) -> list[tuple[int, int]]:
    """Return where secrets stand in a URI, well-formed or not."""
    places = userinfo_places(text)[:1]
    at = text.find("?", places[0][1] if places else 0) + 1
    secret_before = False
    for item in text[at:].split("&") if at else ():
        name, equals, value = item.partition("=")
        plain = _plain_name(name)
        end = at + len(item)
        if equals and plain in SECRETS:
            secret_before = True
            if value:
                places.append((end - len(value), end))
        elif secret_before and item and plain not in names():
            places.append((at, end))
        at = end + 1
    return places


def uri(text: str) -> str:
    """Return a URI as an error may echo it."""
    return hide(text, uri_places(text))


def _plain_name(name: str) -> str:
    if "%" in name:
        name = re.sub("%([0-9a-fA-F]{2})", lambda match: chr(int(match.group(1), 16)), name)
    return name.strip(" ")


def echo(text: str, start: int, end: int, *, secret_before: bool) -> str:
    """Return the word `text[start:end]` of a key/value string as an error may echo it."""
    if secret_before:
        return MASK
    word = text[start:end]
    if "://" not in word:
        return word
    # A URI that went to the key/value parser (a blank before it, another scheme): its
    # password may be cut by a blank or "=", so it is looked for in the whole text.
    places = [
        (max(left, start) - start, min(right, end) - start)
        for left, right in userinfo_places(text)
        if left < end and right > start
    ]
    return hide(word, places)


def shown(keyword: str, value: str) -> str:
    """Return a setting's value as it may be shown."""
    if keyword in SECRETS:
        return MASK if value else value
    if "=" in value or "://" in value:
        return display(value)
    return value


def display(text: str) -> str:
    """Return any text with what looks like a secret hidden: for reprs and tables."""
    assigned = rf"((?:{'|'.join(sorted(SECRETS))})\s*=\s*)('(?:[^'\\]|\\.)*'?|[^\s&]+)"
    return re.sub(assigned, rf"\1{MASK}", hide(text, userinfo_places(text)))
