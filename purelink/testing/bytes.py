"""Ready-made bytes that a backend says: a session's beginning, a row, an error, an answer's end.

Floor 6, pure. For scripts of `purelink.testing.backend` and for `purelink.testing.transcript`.
"""

from __future__ import annotations

from ..wire import backend

__all__ = [
    "AUTH_OK",
    "EMPTY",
    "ERROR",
    "FATAL",
    "HELLO",
    "KEY",
    "NOTICE",
    "NOTIFICATION",
    "READY",
    "READY_FAILED",
    "READY_IN_TRANSACTION",
    "STATUS",
    "column",
    "complete",
    "error",
    "extended",
    "result",
    "row",
    "rows",
]

AUTH_OK = backend.Authentication(0).encode()
KEY = backend.BackendKeyData(1234, b"\x00\x00\x16\x2e").encode()
READY = backend.ReadyForQuery(b"I").encode()
READY_IN_TRANSACTION = backend.ReadyForQuery(b"T").encode()
READY_FAILED = backend.ReadyForQuery(b"E").encode()
EMPTY = backend.EmptyQueryResponse().encode()

#: The minimal good session, from AuthenticationOk to ReadyForQuery: version 15.18, UTF8.
HELLO = b"".join(
    (
        AUTH_OK,
        backend.ParameterStatus(b"server_version", b"15.18").encode(),
        backend.ParameterStatus(b"client_encoding", b"UTF8").encode(),
        backend.ParameterStatus(b"standard_conforming_strings", b"on").encode(),
        KEY,
        READY,
    )
)


def error(
    message: str = "division by zero", sqlstate: str = "22012", severity: str = "ERROR"
) -> bytes:
    """Return an ErrorResponse."""
    fields = {"S": severity, "V": severity, "C": sqlstate, "M": message}
    return backend.ErrorResponse(fields).encode()


ERROR = error()
FATAL = error("terminating connection due to administrator command", "57P01", "FATAL")
NOTICE = backend.NoticeResponse(
    {"S": "NOTICE", "V": "NOTICE", "C": "00000", "M": "look out"}
).encode()
NOTIFICATION = backend.NotificationResponse(77, b"channel", b"pay").encode()
STATUS = backend.ParameterStatus(b"TimeZone", b"Asia/Tokyo").encode()


def column(name: str = "a", type_oid: int = 25) -> backend.Column:
    """Return a column: text, unless another type is given."""
    return backend.Column(name, type_oid)


def rows(*columns: backend.Column) -> bytes:
    """Return a RowDescription; without columns, of one text column `a`."""
    return backend.RowDescription(columns or (column(),)).encode()


def row(*values: bytes | None) -> bytes:
    """Return a DataRow."""
    return backend.DataRow(values).encode()


def complete(command_tag: str) -> bytes:
    """Return a CommandComplete."""
    return backend.CommandComplete(command_tag.encode()).encode()


def result(*values: bytes | None) -> bytes:
    """Return the answer to a simple SELECT of one text column, less ReadyForQuery."""
    return rows() + b"".join(map(row, values)) + complete(f"SELECT {len(values)}")


def extended(*values: bytes | None) -> bytes:
    """Return the same to Parse, Bind, Describe portal, Execute."""
    return backend.ParseComplete().encode() + backend.BindComplete().encode() + result(*values)
