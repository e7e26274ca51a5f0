"""Every message a frontend sends, encoded and decoded (decoding plays the server).

Floor 1, pure. Layouts in the manual's words ("Message Formats"). Strings are bytes in the client
encoding; a NUL in one is refused (`InterfaceError`), as is a count or length the wire cannot hold.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import InterfaceError, RemoteProtocolError
from .codec import Body, cstring, int16, int32, uint16, uint32
from .codes import (
    CANCEL_REQUEST,
    CEILING,
    GSSENC_REQUEST,
    NAME_LENGTH,
    PARAMETERS,
    SSL_REQUEST,
    STARTUP_LENGTH,
)
from .message import Message

if TYPE_CHECKING:
    from collections.abc import Sequence


def name(value: bytes, what: str) -> bytes:
    """Return a statement's or portal's name as a String, refusing one the server would choke on."""
    if len(value) > NAME_LENGTH:
        raise InterfaceError(f"{what} must not be longer than {NAME_LENGTH} bytes")
    return cstring(value, what)


def _count(number: int, what: str) -> bytes:
    if number > PARAMETERS:
        raise InterfaceError(f"number of {what} must be between 0 and {PARAMETERS}")
    return uint16.pack(number)


def _formats(formats: Sequence[int], what: str) -> bytes:
    return _count(len(formats), what) + b"".join(map(int16.pack, formats))


def _value(value: bytes | None) -> bytes:
    if value is None:
        return b"\xff\xff\xff\xff"
    if len(value) > CEILING:
        raise InterfaceError(
            f"a parameter of {len(value)} bytes cannot be sent; PostgreSQL accepts at most"
            f" {CEILING}"
        )
    return int32.pack(len(value)) + value


def _values(body: Body, count: int) -> tuple[bytes | None, ...]:
    values: list[bytes | None] = []
    for _ in range(count):
        length = body.int32()
        values.append(None if length == -1 else body.take(length))
    return tuple(values)


class StartupMessage(Message):
    """Int32 length, Int32 version, (String name, String value)*, Byte1 0. No tag."""

    __slots__ = ("parameters", "version")
    version: int
    parameters: tuple[tuple[bytes, bytes], ...]

    def __init__(self, version: int, parameters: Sequence[tuple[bytes, bytes]]) -> None:
        self.version = version
        self.parameters = tuple(parameters)

    def body(self) -> bytes:
        pieces = [uint32.pack(self.version)]
        for key, value in self.parameters:
            pieces.append(cstring(key, "a startup parameter's name"))
            pieces.append(cstring(value, f"the startup parameter {key.decode('latin-1')}"))
        return b"".join(pieces) + b"\0"

    def encode(self) -> bytes:
        message = super().encode()
        if len(message) > STARTUP_LENGTH:
            raise InterfaceError(
                f"the startup packet would take {len(message)} bytes; PostgreSQL accepts at most"
                f" {STARTUP_LENGTH}: shorten options or application_name"
            )
        return message

    @classmethod
    def read(cls, body: Body) -> tuple[object, ...]:
        version = body.uint32()
        parameters: list[tuple[bytes, bytes]] = []
        while True:
            key = body.string()
            if not key:
                return version, tuple(parameters)
            parameters.append((key, body.string()))


class _Request(Message):
    """Int32 8, Int32 code. No tag."""

    __slots__ = ()
    code = 0

    def body(self) -> bytes:
        return int32.pack(self.code)

    @classmethod
    def read(cls, body: Body) -> tuple[object, ...]:
        if body.int32() != cls.code:
            raise body.disagreement()
        return ()


class SSLRequest(_Request):
    """Int32 8, Int32 80877103."""

    __slots__ = ()
    code = SSL_REQUEST


class GSSENCRequest(_Request):
    """Int32 8, Int32 80877104. purelink never sends it; a scripted server meets libpq's."""

    __slots__ = ()
    code = GSSENC_REQUEST


class CancelRequest(Message):
    """Int32 length, Int32 80877102, Int32 process ID, Byte n key (4; up to 256 in 3.2)."""

    __slots__ = ("key", "pid")
    secret = frozenset({"key"})
    pid: int
    key: bytes

    def __init__(self, pid: int, key: bytes) -> None:
        self.pid = pid
        self.key = key

    def body(self) -> bytes:
        return int32.pack(CANCEL_REQUEST) + int32.pack(self.pid) + self.key

    @classmethod
    def read(cls, body: Body) -> tuple[object, ...]:
        if body.int32() != CANCEL_REQUEST:
            raise body.disagreement()
        return body.int32(), body.rest()


class Password(Message):
    """`p`: whatever the authentication asked for: a String, or SASL's bytes."""

    __slots__ = ("data",)
    tag = b"p"
    secret = frozenset({"data"})
    data: bytes

    def body(self) -> bytes:
        return self.data

    @classmethod
    def read(cls, body: Body) -> tuple[object, ...]:
        return (body.rest(),)


class Query(Message):
    """`Q`: String sql."""

    __slots__ = ("sql",)
    tag = b"Q"
    sql: bytes

    def body(self) -> bytes:
        return cstring(self.sql, "a query")

    @classmethod
    def read(cls, body: Body) -> tuple[object, ...]:
        return (body.string(),)


class Parse(Message):
    """`P`: String statement, String sql, Int16 n, Int32 type OID * n (0: the server infers)."""

    __slots__ = ("oids", "sql", "statement")
    tag = b"P"
    statement: bytes
    sql: bytes
    oids: tuple[int, ...]

    def __init__(self, statement: bytes, sql: bytes, oids: Sequence[int] = ()) -> None:
        self.statement = statement
        self.sql = sql
        self.oids = tuple(oids)

    def body(self) -> bytes:
        return b"".join(
            (
                name(self.statement, "a statement name"),
                cstring(self.sql, "a query"),
                _count(len(self.oids), "parameters"),
                *map(uint32.pack, self.oids),
            )
        )

    @classmethod
    def read(cls, body: Body) -> tuple[object, ...]:
        statement, sql = body.string(), body.string()
        return statement, sql, tuple(body.uint32() for _ in range(body.counted(4)))


class Bind(Message):
    """`B`: String portal, String statement, formats, values, result formats.

    Formats: Int16 n, Int16 * n. Values: Int16 n, then each Int32 length (-1: NULL) and its bytes.
    """

    __slots__ = ("formats", "portal", "result_formats", "statement", "values")
    tag = b"B"
    portal: bytes
    statement: bytes
    formats: tuple[int, ...]
    values: tuple[bytes | None, ...]
    result_formats: tuple[int, ...]

    def __init__(
        self,
        portal: bytes,
        statement: bytes,
        formats: Sequence[int] = (),
        values: Sequence[bytes | None] = (),
        result_formats: Sequence[int] = (),
    ) -> None:
        self.portal = portal
        self.statement = statement
        self.formats = tuple(formats)
        self.values = tuple(values)
        self.result_formats = tuple(result_formats)

    def body(self) -> bytes:
        return b"".join(
            (
                name(self.portal, "a portal name"),
                name(self.statement, "a statement name"),
                _formats(self.formats, "parameter formats"),
                _count(len(self.values), "parameters"),
                *map(_value, self.values),
                _formats(self.result_formats, "result formats"),
            )
        )

    @classmethod
    def read(cls, body: Body) -> tuple[object, ...]:
        portal, statement = body.string(), body.string()
        formats = tuple(body.int16() for _ in range(body.counted(2)))
        values = _values(body, body.counted(4))
        return (
            portal,
            statement,
            formats,
            values,
            tuple(body.int16() for _ in range(body.counted(2))),
        )


class _Named(Message):
    """Byte1 kind (`S` a statement, `P` a portal), String name."""

    __slots__ = ("kind", "name")
    kind: bytes
    name: bytes

    def __init__(self, kind: bytes, name: bytes = b"") -> None:
        self.kind = kind
        self.name = name

    def body(self) -> bytes:
        return self.kind + name(self.name, "a name")

    @classmethod
    def read(cls, body: Body) -> tuple[object, ...]:
        return body.take(1), body.string()


class Describe(_Named):
    """`D`: Byte1 kind, String name."""

    __slots__ = ()
    tag = b"D"


class Close(_Named):
    """`C`: Byte1 kind, String name."""

    __slots__ = ()
    tag = b"C"


class Execute(Message):
    """`E`: String portal, Int32 rows at most (0: all)."""

    __slots__ = ("limit", "portal")
    tag = b"E"
    portal: bytes
    limit: int

    def __init__(self, portal: bytes = b"", limit: int = 0) -> None:
        self.portal = portal
        self.limit = limit

    def body(self) -> bytes:
        return name(self.portal, "a portal name") + int32.pack(self.limit)

    @classmethod
    def read(cls, body: Body) -> tuple[object, ...]:
        return body.string(), body.int32()


class Sync(Message):
    """`S`: nothing more."""

    __slots__ = ()
    tag = b"S"


class Flush(Message):
    """`H`: nothing more."""

    __slots__ = ()
    tag = b"H"


class Terminate(Message):
    """`X`: nothing more."""

    __slots__ = ()
    tag = b"X"


class FunctionCall(Message):
    """`F`: Int32 function OID, formats, values (both as in Bind), Int16 result format."""

    __slots__ = ("arguments", "formats", "oid", "result_format")
    tag = b"F"
    oid: int
    formats: tuple[int, ...]
    arguments: tuple[bytes | None, ...]
    result_format: int

    def __init__(
        self,
        oid: int,
        formats: Sequence[int],
        arguments: Sequence[bytes | None],
        result_format: int,
    ) -> None:
        self.oid = oid
        self.formats = tuple(formats)
        self.arguments = tuple(arguments)
        self.result_format = result_format

    def body(self) -> bytes:
        return b"".join(
            (
                uint32.pack(self.oid),
                _formats(self.formats, "argument formats"),
                _count(len(self.arguments), "arguments"),
                *map(_value, self.arguments),
                int16.pack(self.result_format),
            )
        )

    @classmethod
    def read(cls, body: Body) -> tuple[object, ...]:
        oid = body.uint32()
        formats = tuple(body.int16() for _ in range(body.counted(2)))
        return oid, formats, _values(body, body.counted(4)), body.int16()


class CopyData(Message):
    """`d`: bytes, split anywhere."""

    __slots__ = ("data",)
    tag = b"d"
    data: bytes

    def body(self) -> bytes:
        return self.data

    @classmethod
    def read(cls, body: Body) -> tuple[object, ...]:
        return (body.rest(),)


class CopyDone(Message):
    """`c`: nothing more."""

    __slots__ = ()
    tag = b"c"


class CopyFail(Message):
    """`f`: String reason."""

    __slots__ = ("reason",)
    tag = b"f"
    reason: bytes

    def body(self) -> bytes:
        return cstring(self.reason, "a reason")

    @classmethod
    def read(cls, body: Body) -> tuple[object, ...]:
        return (body.string(),)


#: tag -> class, for the server's side
MESSAGES: dict[int, type[Message]] = {
    kind.tag[0]: kind
    for kind in (
        Password,
        Query,
        Parse,
        Bind,
        Describe,
        Close,
        Execute,
        Sync,
        Flush,
        Terminate,
        FunctionCall,
        CopyData,
        CopyDone,
        CopyFail,
    )
}


def decode(tag: int, body: bytes) -> Message:
    """Return the frontend message with this tag and body.

    Raises:
        RemoteProtocolError: an unknown tag, bytes missing or left over.
    """
    kind = MESSAGES.get(tag)
    if kind is None:
        raise RemoteProtocolError(f"invalid frontend message type {tag}")
    return kind.decode(body)


def decode_initial(body: bytes) -> Message:
    """Return the untagged message that opens a conversation, from its body (length word off).

    Raises:
        RemoteProtocolError: bytes missing or left over.
    """
    code = Body(body, 0).uint32()
    kinds: dict[int, type[Message]] = {
        SSL_REQUEST: SSLRequest,
        GSSENC_REQUEST: GSSENCRequest,
        CANCEL_REQUEST: CancelRequest,
    }
    return kinds.get(code, StartupMessage).decode(body)
