"""Literals and identifiers in SQL text: what libpq's and PostgreSQL's own quoting does.

Floor 1, pure. Anything that is not sound text in the session's encoding is refused whole
(CVE-2025-1094: an unfinished multibyte character may swallow the closing quote), as is a
NUL, at which libpq would silently stop.
"""

from __future__ import annotations

from typing import Union

from ..errors import InterfaceError

__all__ = ["identifier", "literal", "quote_ident", "quote_literal"]

Text = Union[str, bytes]

_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_")
_FIRST = frozenset("abcdefghijklmnopqrstuvwxyz_")


def literal(text: Text, *, encoding: str = "utf-8", errors: str = "strict") -> str:
    r"""Return `text` as a literal: `'a''b'`, or ` E'a\\b'` (with a leading blank).

    Args:
        text: str, or bytes in the session's encoding.
        encoding: Python's codec for client_encoding.
        errors: `strict`, or `surrogateescape` for SQL_ASCII.

    Right whatever `standard_conforming_strings` is.

    Raises:
        InterfaceError: `invalid multibyte character`, `incomplete multibyte character`,
            or a NUL.

    Source: libpq's PQescapeLiteral.
    """
    sound = _sound(text, encoding, errors).replace("'", "''")
    if "\\" in sound:
        return " E'" + sound.replace("\\", "\\\\") + "'"
    return f"'{sound}'"


def quote_literal(text: Text, *, encoding: str = "utf-8", errors: str = "strict") -> str:
    """Return what the SQL function `quote_literal` does: `literal` without the blank.

    Raises:
        InterfaceError: as `literal`.
    """
    return literal(text, encoding=encoding, errors=errors).lstrip(" ")


def identifier(text: Text, *, encoding: str = "utf-8", errors: str = "strict") -> str:
    """Return `text` as a quoted identifier: `"a""b"`.

    Args:
        text: str, or bytes in the session's encoding.
        encoding: Python's codec for client_encoding.
        errors: `strict`, or `surrogateescape` for SQL_ASCII.

    Raises:
        InterfaceError: as `literal`.

    Source: libpq's PQescapeIdentifier.
    """
    return '"' + _sound(text, encoding, errors).replace('"', '""') + '"'


def quote_ident(text: Text, *, encoding: str = "utf-8", errors: str = "strict") -> str:
    """Return `text` as an identifier, quoted only where it must be.

    Raises:
        InterfaceError: as `literal`.

    Source: PostgreSQL's quote_identifier: any keyword that is not wholly unreserved is quoted.
    """
    sound = _sound(text, encoding, errors)
    if sound and sound[0] in _FIRST and _PLAIN.issuperset(sound):
        from .keywords import RESERVED

        if sound not in RESERVED:
            return sound
    return '"' + sound.replace('"', '""') + '"'


def _sound(text: Text, encoding: str, errors: str) -> str:
    """Return text that stands for sound bytes in the session's encoding."""
    raw: bytes
    if isinstance(text, str):
        try:
            # a lone surrogate stands for a byte that was no text: the decoding below tells
            raw = text.encode(encoding, "surrogateescape")
        except UnicodeError:
            raise InterfaceError("invalid multibyte character") from None
    else:
        raw = bytes(text)
    if b"\0" in raw:
        raise InterfaceError("a NUL (0x00) cannot be part of a literal or an identifier")
    try:
        return raw.decode(encoding, errors)
    except UnicodeDecodeError as error:
        if _unfinished(error):
            raise InterfaceError("incomplete multibyte character") from None
        raise InterfaceError("invalid multibyte character") from None


def _unfinished(error: UnicodeDecodeError) -> bool:
    return error.reason in {"unexpected end of data", "incomplete multibyte sequence"}
