"""The URI form of a connection string: `postgresql://user:password@host:port/dbname?name=value`.

Floor 1, pure. Follows libpq's own scanner, not RFC 3986: `?` does not end the user part, hosts
and ports are each joined with commas and only then decoded, blanks round a piece are dropped.
"""

from __future__ import annotations

import re

from ..errors import ConninfoError
from . import mask
from .keywords import SECRETS

__all__ = ["scan_uri"]

_USERINFO = re.compile(r"([^:@/]*)(?::([^@/]*))?@")
_HOST = re.compile(r"([^:/?,]*)(?::([^/?,]*))?")
# two hexadecimal digits to the ASCII character they stand for, NUL excepted
_ASCII = {form % code: chr(code) for code in range(1, 128) for form in ("%02X", "%02x")}
# the first "%" that no two hexadecimal digits follow, or that stands for NUL
_BAD_PERCENT = "%(?![0-9a-fA-F]{2})|%00"

#: in place of a keyword: what it is for is not to be echoed; no string holds a NUL
_HIDDEN = "\0"


def scan_uri(text: str, known: frozenset[str]) -> list[tuple[str, str, int]]:
    """Return (keyword, value, position) for all that a URI sets, in libpq's order.

    Args:
        text: begins with one of `keywords.PREFIXES`; holds no NUL.
        known: the names that may stand in the query.

    Raises:
        ConninfoError: with libpq's text.

    Source: conninfo_uri_parse_options.
    """
    items: list[tuple[str, str, int]] = []
    at = text.index("//") + 2
    match = _USERINFO.match(text, at)
    if match is not None:
        user, password = match.groups()
        if user:
            items.append(("user", _decode(user, "user", at), at + 1))
        if password:
            start = match.start(2)
            items.append(("password", _decode(password, "password", start), start + 1))
        at = match.end()
    at = _scan_hosts(text, at, items)
    end = len(text)
    if text[at : at + 1] == "/":
        at += 1
        end = text.find("?", at)
        if end < 0:
            end = len(text)
        if end > at:
            items.append(("dbname", _decode(text[at:end], "dbname", at), at + 1))
        at = end
    if text[at : at + 1] == "?":
        _scan_query(text, at + 1, known, items)
    return items


def _scan_hosts(text: str, at: int, items: list[tuple[str, str, int]]) -> int:
    # [host][:port][,…]: returns where the path, the query or nothing begins
    hosts: list[str] = []
    ports: list[str] = []
    first = at
    first_port = 0
    while True:
        if text.startswith("[", at):
            close = _closing_bracket(text, at)
            hosts.append(text[at + 1 : close])
            match = _HOST.match(text, close + 1)
            port = match.group(2)  # type: ignore[union-attr]
        else:
            match = _HOST.match(text, at)
            host, port = match.groups()  # type: ignore[union-attr]
            hosts.append(host)
        at = match.end()  # type: ignore[union-attr]
        ports.append(port or "")
        if port and not first_port:
            first_port = at - len(port)
        if not text.startswith(",", at):
            break
        at += 1
    joined = ",".join(hosts)
    if joined:
        items.append(("host", _decode(joined, "host", first), first + 1))
    joined = ",".join(ports)
    if joined:
        start = first_port or first
        items.append(("port", _decode(joined, "port", start), start + 1))
    return at


def _closing_bracket(text: str, at: int) -> int:
    close = text.find("]", at)
    if close < 0:
        raise ConninfoError(
            'end of string reached when looking for matching "]" in IPv6 host address '
            f'in URI: "{mask.uri(text)}"',
            keyword="host",
            position=at + 1,
        )
    if close == at + 1:
        raise ConninfoError(
            f'IPv6 host address may not be empty in URI: "{mask.uri(text)}"',
            keyword="host",
            position=at + 1,
        )
    after = text[close + 1 : close + 2]
    if after and after not in ":/?,":
        # libpq speaks of bytes: the first one of the character, and its place in the URI
        raw = after.encode("utf-8", "surrogateescape")
        byte = raw[:1].decode("utf-8", "surrogateescape")
        place = len(text[: close + 1].encode("utf-8", "surrogateescape")) + 1
        raise ConninfoError(
            f'unexpected character "{byte}" at position {place} in URI '
            f'(expected ":" or "/"): "{mask.uri(text)}"',
            keyword="host",
            position=close + 2,
        )
    return close


def _scan_query(
    text: str, at: int, known: frozenset[str], items: list[tuple[str, str, int]]
) -> None:
    # Source: conninfo_uri_parse_params
    parameters = text[at:].split("&")
    if not parameters[-1]:
        parameters.pop()  # nothing after "?", or one "&" at the end
    secret_before = False
    for parameter in parameters:
        raw_name, equals, raw_value = parameter.partition("=")
        if not equals or "=" in raw_value:
            fault = "extra" if equals else "missing"
            name = raw_name if not secret_before or raw_name in known else mask.MASK
            raise ConninfoError(
                f'{fault} key/value separator "=" in URI query parameter: "{name}"',
                keyword=name if name in known else None,
                position=at + 1,
            )
        name, value = raw_name, raw_value
        if "%" in name or " " in name:
            name = _decode(name, _HIDDEN if secret_before else "", at)
        if "%" in value or " " in value:
            hide = secret_before and name not in known
            value = _decode(value, _HIDDEN if hide else name, at + len(raw_name) + 1)
        if name == "ssl" and value == "true":
            name, value = "sslmode", "require"
        elif name == "requiressl":
            name, value = "sslmode", "require" if value[:1] == "1" else "prefer"
        elif name not in known:
            shown = mask.MASK if secret_before else name
            raise ConninfoError(
                f'invalid URI query parameter: "{shown}"',
                keyword=None if secret_before else name,
                position=at + 1,
            )
        items.append((name, value, at + 1))
        secret_before = secret_before or name in SECRETS
        at += len(parameter) + 1


def _decode(piece: str, keyword: str, at: int) -> str:
    """Return a piece of a URI without its outer blanks, percent escapes resolved.

    Args:
        keyword: what it is for; secrets (and `_HIDDEN`) are not echoed.
        at: where it begins in the URI, from 0.

    Source: conninfo_uri_decode (18; earlier ones keep blanks).
    """
    if " " not in piece:
        if "%" not in piece:
            return piece
        first, *others = piece.split("%")
        try:
            return first + "".join([_ASCII[other[:2]] + other[2:] for other in others])
        except KeyError:
            pass  # a byte of a character outside ASCII, or a fault
    head, blank, rest = piece.lstrip(" ").partition(" ")
    bad = re.search(_BAD_PERCENT, head)
    if bad is None and not (blank and rest.strip(" ")):
        if "%" not in head:
            return head
        start, *escaped = head.encode("utf-8", "surrogateescape").split(b"%")
        raw = start + b"".join([bytes((int(part[:2], 16),)) + part[2:] for part in escaped])
        return raw.decode("utf-8", "surrogateescape")
    hidden = keyword in SECRETS or keyword == _HIDDEN
    shown = mask.MASK if hidden else piece
    if bad is None:
        fault = f'unexpected spaces found in "{shown}", use percent-encoded spaces (%20) instead'
    elif bad.group() == "%00":
        fault = f'forbidden value %00 in percent-encoded value: "{shown}"'
    else:
        fault = f'invalid percent-encoded token: "{shown}"'
    raise ConninfoError(
        fault,
        keyword=keyword if keyword and keyword != _HIDDEN else None,
        position=at + 1,
    )
