"""Reading a message body inside its own bounds, and writing one that the server can read.

Floor 1, pure. `Body` never looks past the message it was given: a missing byte and a left-over
byte are both a `RemoteProtocolError` in libpq's words. Writers refuse what the wire cannot carry
before a byte goes out (`InterfaceError`).
"""

from __future__ import annotations

from struct import Struct

from ..errors import InterfaceError, RemoteProtocolError
from .codes import CEILING, letter

__all__ = ["Body", "cstring", "frame", "int16", "int32", "uint16", "uint32"]

int16 = Struct("!h")
uint16 = Struct("!H")
int32 = Struct("!i")
uint32 = Struct("!I")


class Body:
    """A cursor over one message's body.

    Args:
        data: the body, without tag and length word.
        tag: the message's tag, for the error texts.

    Every method raises `RemoteProtocolError` when the body is too short for it.
    """

    __slots__ = ("data", "position", "tag")

    def __init__(self, data: bytes, tag: int) -> None:
        self.data = data
        self.tag = tag
        self.position = 0

    def _step(self, count: int) -> int:
        start = self.position
        if count < 0 or count > len(self.data) - start:
            raise RemoteProtocolError(f'insufficient data in "{letter(self.tag)}" message')
        self.position = start + count
        return start

    def byte(self) -> int:
        """Return Byte1 or an unsigned Int8."""
        return self.data[self._step(1)]

    def int16(self) -> int:
        """Return a signed Int16."""
        value: int = int16.unpack_from(self.data, self._step(2))[0]
        return value

    def uint16(self) -> int:
        """Return an unsigned Int16: the protocol's counts."""
        value: int = uint16.unpack_from(self.data, self._step(2))[0]
        return value

    def int32(self) -> int:
        """Return a signed Int32."""
        value: int = int32.unpack_from(self.data, self._step(4))[0]
        return value

    def uint32(self) -> int:
        """Return an unsigned Int32: an OID."""
        value: int = uint32.unpack_from(self.data, self._step(4))[0]
        return value

    def take(self, count: int) -> bytes:
        """Return the next `count` bytes."""
        start = self._step(count)
        return self.data[start : start + count]

    def string(self) -> bytes:
        """Return a String without its NUL."""
        stop = self.data.find(0, self.position)
        if stop < 0:
            raise self.disagreement()
        value = self.data[self.position : stop]
        self.position = stop + 1
        return value

    def rest(self) -> bytes:
        """Return all that is left."""
        value = self.data[self.position :]
        self.position = len(self.data)
        return value

    def counted(self, each: int) -> int:
        """Return an unsigned Int16 count of items that take at least `each` bytes apiece.

        A count that the body cannot hold is refused before anything is allocated for it.
        """
        count = self.uint16()
        if count * each > len(self.data) - self.position:
            raise RemoteProtocolError(f'insufficient data in "{letter(self.tag)}" message')
        return count

    def end(self) -> None:
        """Refuse left-over bytes."""
        if self.position != len(self.data):
            raise self.disagreement()

    def disagreement(self) -> RemoteProtocolError:
        """Return libpq's complaint about a body that is not what its length promised."""
        return RemoteProtocolError(
            f'message contents do not agree with length in message type "{letter(self.tag)}"'
        )


def cstring(value: bytes, what: str) -> bytes:
    """Return a String: the bytes and a NUL.

    Args:
        what: what it is, for the error ("a query", "a portal name").

    Raises:
        InterfaceError: a NUL inside, which would end the string early on the server.
    """
    if 0 in value:
        raise InterfaceError(f"{what} must not contain a NUL (0x00) character")
    return value + b"\0"


def frame(tag: bytes, *parts: bytes, ceiling: int = CEILING) -> bytes:
    """Return a whole message: tag, length word, the parts joined.

    Raises:
        InterfaceError: larger than `ceiling` bytes; the server would drop the connection, and
            a length that wrapped would turn data into commands (CVE-2024-27304).
    """
    length = 4
    for part in parts:
        length += len(part)
    if length > ceiling:
        raise InterfaceError(
            f"the message would take {length} bytes; PostgreSQL accepts at most {ceiling}:"
            " split the value, or use COPY or a large object"
        )
    return b"".join((tag, int32.pack(length), *parts))
