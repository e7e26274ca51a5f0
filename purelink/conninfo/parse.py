"""Connection strings, read as `PQconninfoParse` reads them: only what the string itself says.

Floor 1, pure. Text is `str` with surrogateescape for bytes that are not UTF-8; the grammar is
bytes, so that a string is taken apart as C would, whatever its characters. The first offending
item, from left to right, decides the error, whose text is libpq's with secrets hidden.
`parse` gives the settings alone; `scan` gives each with its place, for provenance.
"""

from __future__ import annotations

import re

from ..errors import ConninfoError
from . import mask
from .keywords import PREFIXES, RELEASE, SECRETS, names

__all__ = ["checked", "is_connection_string", "item_places", "parse", "scan"]

# C's isspace in the C and UTF-8 locales: neither U+0085 nor U+00A0 nor \x1c
_BLANK = r" \t\n\v\f\r"
_BLANKS = " \t\n\v\f\r"
# One whole item. No alternative can begin where another one does, and none begins with a
# blank, so that giving back (a missing "=", an open quote) costs linear time.
_ITEM = re.compile(
    f"([^{_BLANK}=]*)[{_BLANK}]*=[{_BLANK}]*"
    r"(?:'([^'\\]*(?:\\.[^'\\]*)*)'"
    rf"|(?!['{_BLANK}])([^{_BLANK}\\]*(?:\\.[^{_BLANK}\\]*)*\\?))"
    f"[{_BLANK}]*",
    re.DOTALL,
)
# the others are compiled when they are needed: most strings have neither fault nor backslash
_ESCAPE = r"(?s)\\(.?)"
# an item that cannot be read: its name, and what is behind it as far as an open quote
_BROKEN = f"([^{_BLANK}=]*)[{_BLANK}]*(?:(=)[{_BLANK}]*)?"


def parse(text: str, *, release: int = RELEASE) -> dict[str, str]:
    """Return the settings that a connection string gives, keyword to value.

    Args:
        text: either grammar; a URI begins with `postgresql://` or `postgres://`.
        release: the libpq whose keywords are known, 18 or 19.

    Raises:
        ConninfoError: with `keyword` and `position` where there is one.

    Source: PQconninfoParse (conninfo_parse, conninfo_uri_parse).
    """
    # What most strings are: words of printable ASCII, `=` inside each, nothing quoted.
    if (
        text.isascii()
        and "'" not in text
        and "\\" not in text
        and "= " not in text
        and text.isprintable()
        and not text.startswith(PREFIXES)
        and text[-1:] != "="
    ):
        try:
            settings: dict[str, str] = dict(
                [item.split("=", 1) for item in text.split(" ") if item]
            )
        except ValueError:
            pass  # a word without "=": perhaps an error, perhaps blanks round the "="
        else:
            if settings.keys() <= names(release):
                return settings
    return {keyword: value for keyword, value, _ in scan(text, release=release)}


def scan(text: str, *, release: int = RELEASE) -> list[tuple[str, str, int]]:
    """Return every setting of a connection string: (keyword, value, position).

    The position is that of the item's first character, counted from 1. A keyword given twice
    stands twice; the last one counts.

    Raises:
        ConninfoError: as `parse`.
    """
    text = checked(text, "connection string")
    if text.startswith(PREFIXES):
        from .uri import scan_uri

        return scan_uri(text, names(release))
    return _scan_pairs(text, names(release))


def is_connection_string(text: str) -> bool:
    """Tell whether a dbname is taken for a connection string.

    Source: recognized_connection_string.
    """
    return "=" in text or text.startswith(PREFIXES)


def checked(text: str, what: str) -> str:
    """Return text with every byte sequence in its one canonical form.

    Raises:
        ConninfoError: it holds a NUL, or a surrogate that stands for no byte.
    """
    if "\0" in text:
        raise ConninfoError(f"{what} contains a NUL character", position=text.index("\0") + 1)
    if text.isascii():
        return text
    try:
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise ConninfoError(f"{what} contains a lone surrogate", position=error.start + 1) from None


def _scan_pairs(text: str, known: frozenset[str]) -> list[tuple[str, str, int]]:
    # Source: conninfo_parse
    items: list[tuple[str, str, int]] = []
    secret_before = False
    at = len(text) - len(text.lstrip(_BLANKS))
    item_at = _ITEM.match
    while at < len(text):
        match = item_at(text, at)
        if match is None:
            raise _broken(text, at, secret_before=secret_before)
        keyword, quoted, value = match.groups()
        if quoted is not None:
            value = quoted
        if "\\" in value:
            value = re.sub(_ESCAPE, r"\1", value)
            if not value.isascii():
                # two halves of a character that a backslash kept apart are one now
                value = checked(value, "connection string")
        if keyword == "requiressl":
            keyword, value = "sslmode", "require" if value[:1] == "1" else "prefer"
        elif keyword not in known:
            shown = mask.echo(text, at, at + len(keyword), secret_before=secret_before)
            raise ConninfoError(
                f'invalid connection option "{shown}"',
                keyword=shown if shown == keyword else None,
                position=at + 1,
            )
        items.append((keyword, value, at + 1))
        secret_before = secret_before or keyword in SECRETS
        at = match.end()
    return items


def item_places(text: str) -> list[tuple[str, int, int]]:
    """Return (keyword, start, end) of each value in a key/value string, from 0, as written.

    Never raises: what cannot be read any more, to the end, belongs to the keyword whose
    quote is open, or else to "".
    """
    places: list[tuple[str, int, int]] = []
    at = len(text) - len(text.lstrip(_BLANKS))
    while at < len(text):
        match = _ITEM.match(text, at)
        if match is None:
            keyword, equals, end = _read_broken(text, at)
            places.append((keyword, end, len(text)) if equals else ("", at, len(text)))
            break
        keyword = match.group(1)
        if keyword in names() or keyword == "requiressl":
            places.append((keyword, *match.span(2 if match.group(2) is not None else 3)))
        else:
            places.append(("", *match.span()))
        at = match.end()
    return places


def _broken(text: str, at: int, *, secret_before: bool) -> ConninfoError:
    # Why no item could be read at this place: there is no "=", or a quote is not closed.
    keyword, equals, end = _read_broken(text, at)
    shown = mask.echo(text, at, at + len(keyword), secret_before=secret_before)
    return ConninfoError(
        "unterminated quoted string in connection info string"
        if equals
        else f'missing "=" after "{shown}" in connection info string',
        keyword=shown if shown == keyword else None,
        position=end + 1 if equals else at + 1,
    )


def _read_broken(text: str, at: int) -> tuple[str, bool, int]:
    # the name, whether a "=" follows it, and where the open quote is then
    match = re.compile(_BROKEN).match(text, at)
    assert match is not None  # every part of it may be empty
    return match.group(1), match.group(2) is not None, match.end()
