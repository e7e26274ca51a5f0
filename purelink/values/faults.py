"""How a value that cannot be decoded is told: `DataError` with a short quotation.

Floor 1, pure. What a server sends is hostile, so a quotation is cut and made printable.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import DataError, Diagnostics, server_error

if TYPE_CHECKING:
    from ..errors import DatabaseError

__all__ = ["cited", "input_error", "input_syntax", "malformed", "quoted", "unholdable"]

#: characters of a value that an error may quote
_SHOWN = 60
#: characters of a value in an error that is worded as the server's
_CITED = 100


def quoted(text: str) -> str:
    """Return the beginning of `text` in double quotes, lone surrogates as escapes."""
    cut = text[:_SHOWN] + "…" if len(text) > _SHOWN else text
    return '"' + cut.encode("utf-8", "backslashreplace").decode("utf-8") + '"'


def malformed(kind: str, text: str | bytes) -> DataError:
    """Return the error for a value that is no value of its type (22P02; binary 22P03).

    Args:
        kind: the type's SQL name.
        text: what the server sent, in text or binary format.
    """
    if isinstance(text, str):
        return DataError(
            f"the server sent a malformed value of type {kind}: {quoted(text)}", sqlstate="22P02"
        )
    return DataError(
        f"the server sent a malformed binary value of type {kind} ({len(text)} bytes)",
        sqlstate="22P03",
    )


def unholdable(kind: str, text: str, holder: str) -> DataError:
    """Return the error (22008) for a sound value that Python's class for it cannot hold."""
    return DataError(
        f"Python's {holder} cannot hold the value {quoted(text)} of type {kind}: cast it to text,"
        ' or set odd_values to "text" or "exact" on the connection',
        sqlstate="22008",
    )


def input_error(
    sqlstate: str, message: str, detail: str | None = None, hint: str | None = None
) -> DatabaseError:
    """Return the error that PostgreSQL's own input function would report."""
    fields = {"S": "ERROR", "V": "ERROR", "C": sqlstate, "M": message}
    if detail is not None:
        fields["D"] = detail
    if hint is not None:
        fields["H"] = hint
    return server_error(Diagnostics(fields))


def input_syntax(kind: str, text: str, sqlstate: str = "22P02") -> DatabaseError:
    """Return `invalid input syntax for type …: "…"`, long values cut."""
    return input_error(sqlstate, f"invalid input syntax for type {kind}: {cited(text)}")


def cited(text: str) -> str:
    """Return a value as PostgreSQL cites it, in double quotes; cut after 100 characters."""
    return f'"{text}"' if len(text) <= _CITED else f'"{text[:_CITED]}…"'
