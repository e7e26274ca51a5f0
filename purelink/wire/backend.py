"""Every message a backend sends, decoded and encoded (encoding plays the server).

Floor 1, pure. Layouts in the manual's words ("Message Formats"). A body is read inside its own
bounds: bytes missing or left over are a `RemoteProtocolError` in libpq's words. Counts are checked
against what the body can hold before anything is allocated for them. Text is decoded with
replacement characters: an error's encoding is not known before the session has begun.

DataRow is here for tests and the scripted server; the client reads rows in bulk, with a decoder
made for their shape (`purelink.values`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import Diagnostics, RemoteProtocolError
from . import codes
from .codec import Body, cstring, frame, int16, int32, uint16, uint32
from .message import Message

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


class Authentication(Message):
    """`R`: Int32 code, then what the code needs."""

    __slots__ = ("code", "data")
    tag = b"R"
    code: int
    data: bytes

    def __init__(self, code: int, data: bytes = b"") -> None:
        self.code = code
        self.data = data

    def body(self) -> bytes:
        return uint32.pack(self.code) + self.data

    @classmethod
    def read(cls, body: Body) -> tuple[object, ...]:
        return body.uint32(), body.rest()


class BackendKeyData(Message):
    """`K`: Int32 process ID (signed), Byte n key: 4 bytes in 3.0, 4 to 256 in 3.2."""

    __slots__ = ("key", "pid")
    tag = b"K"
    secret = frozenset({"key"})
    pid: int
    key: bytes

    def __init__(self, pid: int, key: bytes) -> None:
        self.pid = pid
        self.key = key

    def body(self) -> bytes:
        return int32.pack(self.pid) + self.key

    @classmethod
    def read(cls, body: Body) -> tuple[object, ...]:
        return body.int32(), body.rest()


class ParameterStatus(Message):
    """`S`: String name, String value."""

    __slots__ = ("name", "value")
    tag = b"S"
    name: bytes
    value: bytes

    def __init__(self, name: bytes, value: bytes) -> None:
        self.name = name
        self.value = value

    def body(self) -> bytes:
        return cstring(self.name, "a name") + cstring(self.value, "a value")

    @classmethod
    def read(cls, body: Body) -> tuple[object, ...]:
        return body.string(), body.string()


class ReadyForQuery(Message):
    """`Z`: Byte1 status: `I`, `T` or `E`."""

    __slots__ = ("status",)
    tag = b"Z"
    status: bytes

    def body(self) -> bytes:
        return self.status

    @classmethod
    def read(cls, body: Body) -> tuple[object, ...]:
        status = body.take(1)
        if status[0] not in codes.STATUSES:
            raise RemoteProtocolError(
                f"the server reported the unknown transaction status {status!r}"
            )
        return (status,)


class NegotiateProtocolVersion(Message):
    """`v`: Int32 newest version, Int32 n, String option not recognised * n."""

    __slots__ = ("options", "version")
    tag = b"v"
    version: int
    options: tuple[bytes, ...]

    def __init__(self, version: int, options: Sequence[bytes] = ()) -> None:
        self.version = version
        self.options = tuple(options)

    def body(self) -> bytes:
        listed = (cstring(option, "an option") for option in self.options)
        return b"".join((uint32.pack(self.version), int32.pack(len(self.options)), *listed))

    @classmethod
    def read(cls, body: Body) -> tuple[object, ...]:
        version, count = body.uint32(), body.int32()
        # Each name takes its NUL at least.
        if count < 0 or count > len(body.data) - body.position:
            raise RemoteProtocolError('insufficient data in "v" message')
        return version, tuple(body.string() for _ in range(count))


class Column:
    """One column of a RowDescription; as a sequence, the seven items of PEP 249's `description`.

    Attributes:
        name: as the server gave it, decoded.
        table_oid, table_column: the table's OID and the column's number there, or 0 and 0.
        type_oid, type_size, type_modifier: the type; size negative for variable width,
            modifier -1 for none.
        format: 0 text, 1 binary.
    """

    __slots__ = (
        "format",
        "name",
        "table_column",
        "table_oid",
        "type_modifier",
        "type_oid",
        "type_size",
    )

    def __init__(
        self,
        name: str,
        type_oid: int,
        *,
        type_modifier: int = -1,
        type_size: int = -1,
        table_oid: int = 0,
        table_column: int = 0,
        format: int = 0,  # noqa: A002 - the protocol's word
    ) -> None:
        self.name = name
        self.type_oid = type_oid
        self.type_modifier = type_modifier
        self.type_size = type_size
        self.table_oid = table_oid
        self.table_column = table_column
        self.format = format

    @property
    def type_code(self) -> int:
        """The type's OID: PEP 249's word."""
        return self.type_oid

    @property
    def display_size(self) -> int | None:
        """Characters at most, of varchar(n), char(n) and bit strings; None otherwise."""
        return _sizes(self)[0]

    @property
    def internal_size(self) -> int | None:
        """Bytes of a type of fixed width; None otherwise."""
        return self.type_size if self.type_size > 0 else None

    @property
    def precision(self) -> int | None:
        """Digits in all, of numeric(p, s); of the seconds' fraction, of times; None otherwise."""
        return _sizes(self)[1]

    @property
    def scale(self) -> int | None:
        """Digits behind the point, of numeric(p, s); None otherwise."""
        return _sizes(self)[2]

    @property
    def null_ok(self) -> None:
        """None: the protocol does not tell."""
        return

    def __len__(self) -> int:
        return 7

    def __iter__(self) -> Iterator[Any]:
        return iter(self[:])

    def __getitem__(self, place: int | slice) -> Any:
        """Return one of the seven items of PEP 249, `name` and `type_code` first."""
        items = (
            self.name,
            self.type_oid,
            self.display_size,
            self.internal_size,
            self.precision,
            self.scale,
            None,
        )
        return items[place]

    def key(self) -> tuple[object, ...]:
        """Return all of it as a tuple."""
        return tuple(getattr(self, name) for name in self.__slots__)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Column) and self.key() == other.key()

    def __hash__(self) -> int:
        return hash(self.key())

    def __repr__(self) -> str:
        return f"Column({self.name!r}, type_oid={self.type_oid})"


#: types whose modifier is the precision of the seconds' fraction
_TIMES = frozenset((1083, 1114, 1184, 1266))


def _sizes(column: Column) -> tuple[int | None, int | None, int | None]:
    """Return display size, precision and scale, as the type's modifier tells them."""
    oid, modifier = column.type_oid, column.type_modifier
    if modifier < 0:
        return None, None, None
    if oid == 1700 and modifier >= 4:
        scale = (modifier - 4) & 0x7FF
        return None, (modifier - 4) >> 16 & 0xFFFF, (scale ^ 0x400) - 0x400
    if oid in (1042, 1043) and modifier >= 4:
        return modifier - 4, None, None
    if oid in (1560, 1562):
        return modifier, None, None
    if oid == 1186:
        fraction = modifier & 0xFFFF
        return None, None if fraction == 0xFFFF else fraction, None
    return None, modifier if oid in _TIMES else None, None


class RowDescription(Message):
    """`T`: Int16 n, then for each column what `Column` holds.

    String name, Int32 table OID, Int16 column number, Int32 type OID, Int16 type size,
    Int32 type modifier, Int16 format.
    """

    __slots__ = ("columns",)
    tag = b"T"
    columns: tuple[Column, ...]

    def __init__(self, columns: Sequence[Column]) -> None:
        self.columns = tuple(columns)

    def body(self) -> bytes:
        pieces = [uint16.pack(len(self.columns))]
        for column in self.columns:
            pieces += (
                cstring(column.name.encode(), "a column name"),
                uint32.pack(column.table_oid),
                int16.pack(column.table_column),
                uint32.pack(column.type_oid),
                int16.pack(column.type_size),
                int32.pack(column.type_modifier),
                int16.pack(column.format),
            )
        return b"".join(pieces)

    @classmethod
    def read(cls, body: Body) -> tuple[object, ...]:
        return (read_columns(body, "utf-8"),)


def read_columns(body: Body, encoding: str) -> tuple[Column, ...]:
    """Return the columns of a RowDescription, names decoded by a Python codec's name."""
    columns = []
    for _ in range(body.counted(19)):
        name = body.string().decode(encoding, "replace")
        table_oid, number = body.uint32(), body.int16()
        type_oid, size, modifier = body.uint32(), body.int16(), body.int32()
        form = body.int16()
        if form not in (0, 1):
            raise RemoteProtocolError(f"the server announced the unknown format code {form}")
        columns.append(
            Column(
                name,
                type_oid,
                type_modifier=modifier,
                type_size=size,
                table_oid=table_oid,
                table_column=number,
                format=form,
            )
        )
    return tuple(columns)


class DataRow(Message):
    """`D`: Int16 n, then for each column Int32 length (-1: NULL) and its bytes."""

    __slots__ = ("values",)
    tag = b"D"
    values: tuple[bytes | None, ...]

    def __init__(self, values: Sequence[bytes | None]) -> None:
        self.values = tuple(values)

    def body(self) -> bytes:
        pieces = (
            b"\xff\xff\xff\xff" if value is None else int32.pack(len(value)) + value
            for value in self.values
        )
        return uint16.pack(len(self.values)) + b"".join(pieces)

    @classmethod
    def read(cls, body: Body) -> tuple[object, ...]:
        values: list[bytes | None] = []
        for _ in range(body.counted(4)):
            length = body.int32()
            values.append(None if length == -1 else body.take(length))
        return (tuple(values),)


class CommandComplete(Message):
    """`C`: String command tag."""

    __slots__ = ("command_tag",)
    tag = b"C"
    command_tag: bytes

    def body(self) -> bytes:
        return cstring(self.command_tag, "a command tag")

    @classmethod
    def read(cls, body: Body) -> tuple[object, ...]:
        return (body.string(),)


class _Bare(Message):
    __slots__ = ()


class EmptyQueryResponse(_Bare):
    """`I`: nothing more."""

    __slots__ = ()
    tag = b"I"


class ParseComplete(_Bare):
    """`1`: nothing more."""

    __slots__ = ()
    tag = b"1"


class BindComplete(_Bare):
    """`2`: nothing more."""

    __slots__ = ()
    tag = b"2"


class CloseComplete(_Bare):
    """`3`: nothing more."""

    __slots__ = ()
    tag = b"3"


class NoData(_Bare):
    """`n`: nothing more."""

    __slots__ = ()
    tag = b"n"


class PortalSuspended(_Bare):
    """`s`: nothing more."""

    __slots__ = ()
    tag = b"s"


class CopyDone(_Bare):
    """`c`: nothing more."""

    __slots__ = ()
    tag = b"c"


class ParameterDescription(Message):
    """`t`: Int16 n (unsigned), Int32 type OID * n."""

    __slots__ = ("oids",)
    tag = b"t"
    oids: tuple[int, ...]

    def __init__(self, oids: Sequence[int]) -> None:
        self.oids = tuple(oids)

    def body(self) -> bytes:
        return uint16.pack(len(self.oids)) + b"".join(map(uint32.pack, self.oids))

    @classmethod
    def read(cls, body: Body) -> tuple[object, ...]:
        return (tuple(body.uint32() for _ in range(body.counted(4))),)


class _CopyResponse(Message):
    """Int8 overall format, Int16 n, Int16 format * n."""

    __slots__ = ("format", "formats")
    format: int
    formats: tuple[int, ...]

    def __init__(self, form: int, formats: Sequence[int] = ()) -> None:
        self.format = form
        self.formats = tuple(formats)

    def body(self) -> bytes:
        return (
            bytes([self.format])
            + uint16.pack(len(self.formats))
            + b"".join(map(int16.pack, self.formats))
        )

    @classmethod
    def read(cls, body: Body) -> tuple[object, ...]:
        form = body.byte()
        formats = tuple(body.int16() for _ in range(body.counted(2)))
        # Text COPY is text in every column; a binary one says so for each.
        if form not in (0, 1) or any(each != form for each in formats):
            raise RemoteProtocolError(
                f'the formats in message type "{cls.tag.decode()}" contradict each other'
            )
        return form, formats


class CopyInResponse(_CopyResponse):
    """`G`: the server takes CopyData now."""

    __slots__ = ()
    tag = b"G"


class CopyOutResponse(_CopyResponse):
    """`H`: the server sends CopyData now."""

    __slots__ = ()
    tag = b"H"


class CopyBothResponse(_CopyResponse):
    """`W`: both (streaming replication)."""

    __slots__ = ()
    tag = b"W"


class CopyData(Message):
    """`d`: bytes, as the server split them."""

    __slots__ = ("data",)
    tag = b"d"
    data: bytes

    def body(self) -> bytes:
        return self.data

    @classmethod
    def read(cls, body: Body) -> tuple[object, ...]:
        return (body.rest(),)


class NotificationResponse(Message):
    """`A`: Int32 process ID of the notifier, String channel, String payload."""

    __slots__ = ("channel", "payload", "pid")
    tag = b"A"
    pid: int
    channel: bytes
    payload: bytes

    def __init__(self, pid: int, channel: bytes, payload: bytes) -> None:
        self.pid = pid
        self.channel = channel
        self.payload = payload

    def body(self) -> bytes:
        return (
            int32.pack(self.pid)
            + cstring(self.channel, "a channel")
            + cstring(self.payload, "a payload")
        )

    @classmethod
    def read(cls, body: Body) -> tuple[object, ...]:
        return body.int32(), body.string(), body.string()


class FunctionCallResponse(Message):
    """`V`: Int32 length (-1: NULL) and the value."""

    __slots__ = ("value",)
    tag = b"V"
    value: bytes | None

    def body(self) -> bytes:
        if self.value is None:
            return int32.pack(-1)
        return int32.pack(len(self.value)) + self.value

    @classmethod
    def read(cls, body: Body) -> tuple[object, ...]:
        length = body.int32()
        return (None if length == -1 else body.take(length),)


class _Report(Message):
    """(Byte1 field, String)*, Byte1 0."""

    __slots__ = ("fields_",)
    fields_: dict[str, str]

    def __init__(self, fields: Mapping[str, str] | Diagnostics) -> None:
        self.fields_ = dict(fields.fields if isinstance(fields, Diagnostics) else fields)

    @property
    def diagnostics(self) -> Diagnostics:
        """The fields, by name."""
        return Diagnostics(self.fields_)

    def fields(self) -> tuple[object, ...]:
        return (tuple(sorted(self.fields_.items())),)

    def body(self) -> bytes:
        return (
            b"".join(
                letter.encode("latin-1") + cstring(text.encode(), "an error field")
                for letter, text in self.fields_.items()
            )
            + b"\0"
        )

    @classmethod
    def read(cls, body: Body) -> tuple[object, ...]:
        fields, whole = read_fields(body, "utf-8")
        if not whole:
            raise body.disagreement()
        return (fields,)


def read_fields(body: Body, encoding: str) -> tuple[dict[str, str], bool]:
    """Return the fields of an ErrorResponse or NoticeResponse, and whether the body was whole.

    What came before a missing terminator still counts, so that the server's words are not lost
    with it. A repeated letter: the last one wins, as in libpq.
    """
    fields: dict[str, str] = {}
    data, position = body.data, 0
    while position < len(data):
        letter = data[position]
        if letter == 0:
            body.position = position + 1
            return fields, body.position == len(data)
        stop = data.find(0, position + 1)
        whole = stop >= 0
        text = data[position + 1 : stop] if whole else data[position + 1 :]
        fields[chr(letter)] = text.decode(encoding, "replace")
        if not whole:
            break
        position = stop + 1
    return fields, False


class ErrorResponse(_Report):
    """`E`: the fields of an error."""

    __slots__ = ()
    tag = b"E"


class NoticeResponse(_Report):
    """`N`: the fields of a notice."""

    __slots__ = ()
    tag = b"N"


#: tag -> class
MESSAGES: dict[int, type[Message]] = {
    kind.tag[0]: kind
    for kind in (
        Authentication,
        BackendKeyData,
        ParameterStatus,
        ReadyForQuery,
        NegotiateProtocolVersion,
        RowDescription,
        DataRow,
        CommandComplete,
        EmptyQueryResponse,
        ParseComplete,
        BindComplete,
        CloseComplete,
        NoData,
        PortalSuspended,
        CopyDone,
        ParameterDescription,
        CopyInResponse,
        CopyOutResponse,
        CopyBothResponse,
        CopyData,
        NotificationResponse,
        FunctionCallResponse,
        ErrorResponse,
        NoticeResponse,
    )
}


def decode(tag: int, body: bytes) -> Message:
    """Return the backend message with this tag and body.

    Raises:
        RemoteProtocolError: an unknown tag, bytes missing or left over, a value out of range.
    """
    kind = MESSAGES.get(tag)
    if kind is None:
        raise RemoteProtocolError(
            f'unexpected response from server; first received character was "{codes.letter(tag)}"'
        )
    return kind.decode(body)


def message(tag: bytes, body: bytes) -> bytes:
    """Return a whole message from tag and body: for servers that lie."""
    return frame(tag, body)
