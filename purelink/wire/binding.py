"""Bind and Execute in one go, for whoever sends many of them.

Floor 1, pure. The same bytes as `frontend.Bind` and `frontend.Execute` give (a test holds the two
together), made without an object for each message.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING

from ..errors import InterfaceError
from . import frontend
from .codec import int16, int32, uint16
from .codes import CEILING, PARAMETERS

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["EXECUTE", "SYNC", "Binder"]

#: Execute of the unnamed portal, all rows
EXECUTE = frontend.Execute(b"", 0).encode()
SYNC = frontend.Sync().encode()
_EXECUTE_SYNC = EXECUTE + SYNC

_HEAD = Struct(">ci").pack
_NULL = b"\xff\xff\xff\xff"


class Binder:
    """Makes Bind (of the unnamed portal) and Execute messages for one statement.

    Args:
        statement: its name, b"" for the unnamed one.
        result_formats: of its columns; () all text, (1,) all binary.

    Raises:
        InterfaceError: a name that cannot be sent.
    """

    __slots__ = ("_head", "_tail")

    def __init__(self, statement: bytes = b"", result_formats: Sequence[int] = ()) -> None:
        self._head = b"\0" + frontend.name(statement, "a statement name")
        self._tail = uint16.pack(len(result_formats)) + b"".join(map(int16.pack, result_formats))

    def __call__(self, parameters: Sequence[tuple[int, int, bytes | None]]) -> bytes:
        """Return Bind and Execute for parameters as `values.encode_parameters` gives them.

        Raises:
            InterfaceError: too many, or more than a message holds.
        """
        count = len(parameters)
        if not count:
            return self.values(b"\0\0\0\0")
        if count > PARAMETERS:
            raise InterfaceError(f"number of parameters must be between 0 and {PARAMETERS}")
        number = uint16.pack(count)
        pieces = [b"\0\0", number]
        add = pieces.append
        binary = False
        for _, form, value in parameters:
            if value is None:
                add(_NULL)
                continue
            if form:
                binary = True
            if len(value) > CEILING:
                raise _too_long(len(value))
            add(int32.pack(len(value)))
            add(value)
        if binary:
            formats = b"".join([int16.pack(form) for _, form, _ in parameters])
            pieces[0] = number + formats
        return self.values(b"".join(pieces))

    def values(self, encoded: bytes) -> bytes:
        """Return Bind and Execute around formats, count and values that are ready-made."""
        length = 4 + len(self._head) + len(encoded) + len(self._tail)
        if length > CEILING:
            raise _too_long(length)
        return b"".join((_HEAD(b"B", length), self._head, encoded, self._tail, EXECUTE))

    def synced(self, encoded: bytes) -> bytes:
        """As `values`, with a Sync behind it."""
        length = 4 + len(self._head) + len(encoded) + len(self._tail)
        if length > CEILING:
            raise _too_long(length)
        return b"".join((_HEAD(b"B", length), self._head, encoded, self._tail, _EXECUTE_SYNC))


def _too_long(length: int) -> InterfaceError:
    return InterfaceError(
        f"the parameters would take {length} bytes; PostgreSQL accepts at most {CEILING}:"
        " split the value, or use COPY or a large object"
    )
