"""What may be shown of a connection string: secrets become `***`, nothing else changes.

Floor 1, pure. Hidden are the values of secret keywords (`keywords.SECRETS`), the password in a
URI, and a word that an error would echo after a secret keyword (in `password=my secret` the
error is about `secret`, which is half of the password).
"""

from __future__ import annotations

import re

from purelink.conninfo.keywords import SECRETS, names

__all__ = ["MASK", "display", "echo", "shown", "uri"]

MASK = "***"

# user:password@ as the URI grammar sees it: the first "@" ends it, unless a "/" comes before
_USERINFO = re.compile(r"://[^:@/]*:([^@/]+)@")
# a query item of a URI; what cannot be a parameter of libpq 18 is a word of its own
_ITEM = re.compile(r"(?<=[?&])([^=&]*)(=?)([^&]*)")
# a secret inside another value, e.g. a connection string given where a dbname is meant
_ASSIGNED = re.compile(rf"(?<![^\s?&])((?:{'|'.join(sorted(SECRETS))})\s*=\s*)('(?:[^'\\]|\\.)*'?|[^\s&]+)")


def uri(text: str) -> str:
    """Return a URI as an error may echo it."""
    text = _USERINFO.sub(_hide_password, text)
    if "?" not in text:
        return text
    secret_seen = False

    def item(match: re.Match[str]) -> str:
        nonlocal secret_seen
        name, equals, value = match.groups()
        plain = _plain_name(name)
        if plain in SECRETS and equals:
            secret_seen = True
            return name + equals + (MASK if value else "")
        if secret_seen and (name or equals) and plain not in names():
            return MASK
        return match.group()

    return _ITEM.sub(item, text)


def _hide_password(match: re.Match[str]) -> str:
    whole = match.group()
    return whole[: match.start(1) - match.start()] + MASK + "@"


def _plain_name(name: str) -> str:
    if "%" not in name:
        return name.strip(" ")
    return re.sub(
        "%([0-9a-fA-F]{2})", lambda match: chr(int(match.group(1), 16)), name
    ).strip(" ")


def echo(text: str, start: int, end: int, *, secret_before: bool) -> str:
    """Return the word `text[start:end]` of a key/value string as an error may echo it."""
    if secret_before:
        return MASK
    word = text[start:end]
    if "://" not in word:
        return word
    # A URI that went to the key/value parser (a blank before it, another scheme): its
    # password may be cut by a blank or "=", so it is looked for in the whole text.
    for match in _USERINFO.finditer(text):
        if match.start(1) < end and match.end(1) > start:
            return text[start : match.start(1)] + MASK + text[match.end(1) : end]
    return word


def shown(keyword: str, value: str) -> str:
    """Return a setting's value as it may be shown."""
    if keyword in SECRETS:
        return MASK if value else value
    if "=" in value or "://" in value:
        return display(value)
    return value


def display(text: str) -> str:
    """Return any text with what looks like a secret in it hidden: for tables and reprs."""
    return _ASSIGNED.sub(rf"\1{MASK}", _USERINFO.sub(_hide_password, text))
