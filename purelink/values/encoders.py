"""Many rows of Python values to bytes: Bind and Execute messages, and COPY's three forms of rows.

Floor 1, pure. An encoder is made for a tuple of types, compiled for the quick case (values of
just the expected Python types, in binary where that is cheap); a row it objects to is written
the careful way, value by value. Blocks of many rows are written column by column (`blocks`).
All mean the same to the server; where not even the careful way can write a value the whole
call raises, so that nothing of it was sent.
"""

from __future__ import annotations

import sys
from datetime import datetime, timezone
from struct import Struct
from typing import TYPE_CHECKING, Any, Callable, Sequence

from ..errors import InterfaceError
from . import compiled, oids
from .parameters import MAX_PARAMETERS, Writers, encode, encode_parameters, text_form

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .blocks import Varying
    from .compiled import RowWriter
    from .registry import OwnTypes

__all__ = [
    "COPY_BINARY_HEADER",
    "COPY_BINARY_TRAILER",
    "batch_encoder",
    "copy_encoder",
    "copy_text_encoder",
]

#: signature, flags, length of the header's extension: before the first binary row of a COPY
COPY_BINARY_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
#: after the last
COPY_BINARY_TRAILER = b"\xff\xff"

_WORD = Struct(">i").pack
_NULL = b"\xff\xff\xff\xff"
#: Execute of the unnamed portal, all rows
_EXECUTE = b"E\0\0\0\x09\0\0\0\0\0"

_KINDS = {
    oids.BOOL: compiled.BOOL,
    oids.INT2: compiled.INT2,
    oids.INT4: compiled.INT4,
    oids.INT8: compiled.INT8,
    oids.OID: compiled.UINT4,
    oids.FLOAT4: compiled.FLOAT4,
    oids.FLOAT8: compiled.FLOAT8,
    oids.DATE: compiled.DATE,
    oids.TIMESTAMP: compiled.TIMESTAMP,
    oids.TIMESTAMPTZ: compiled.TIMESTAMPTZ,
    oids.UUID: compiled.UUID,
}
_CHARACTERS = frozenset((oids.TEXT, oids.VARCHAR, oids.BPCHAR, oids.NAME))

#: a just-in-time compiler makes the loop quicker than blocks
COMPILES_LOOPS = sys.implementation.name == "pypy"

_Ready = Callable[[Any], "bytes | None"]
_Encode = Callable[[Any], bytes]
_Find = Callable[[int], "_Encode | None"]


def batch_encoder(
    types: Sequence[int],
    *,
    statement: bytes = b"",
    encoding: str = "utf-8",
    errors: str = "strict",
    own: Writers = None,
) -> RowWriter:
    """Return `encode(rows) -> bytes`: a Bind and an Execute message for each row.

    Args:
        types: OIDs of the statement's parameters, as ParameterDescription gave them.
        statement: its name, in the client encoding, without a NUL.
        encoding: Python's codec for client_encoding (`encodings.codec_of`).
        errors: its error handler.
        own: writers of a connection's own classes (`Registry.writers`).

    Results are asked for as text. The caller sends Sync, and batches as he likes: about a
    thousand rows at once are good. Where a type has no cheap binary form, parameters go as text.

    Raises (the encoder):
        InterfaceError: a row has the wrong number of values, or one that cannot be sent.
    """
    count = len(types)
    names = b"\0" + statement + b"\0"
    number = _int16(count)

    def slow(row: Any, index: int) -> bytes:
        _check_count(row, count, index)
        try:
            encoded = encode_parameters(row, encoding=encoding, errors=errors, own=own)
        except InterfaceError as error:
            raise InterfaceError(f"row {index + 1}: {error}") from None
        formats = b"".join([_int16(form) for _, form, _ in encoded])
        values = b"".join([_field(value) for _, _, value in encoded])
        body = names + number + formats + number + values + b"\0\0"
        _check_size(len(body), index)
        return b"B" + _WORD(len(body) + 4) + body + _EXECUTE

    if not count or (own and not own.keys().isdisjoint(_TEXTS)):
        return lambda rows: b"".join([slow(row, index) for index, row in enumerate(rows)])
    kinds = tuple([_KINDS.get(oid, compiled.SINGLE) for oid in types])
    ready = [_ready(oid, encoding, errors, own) for oid in types if oid not in _KINDS]
    formats = [int(oid in _KINDS or oid in _CHARACTERS or oid == oids.BYTEA) for oid in types]
    head = names + number + b"".join(map(_int16, formats)) + number
    return _writer(types, kinds, ready, slow, head, b"\0\0" + _EXECUTE, encoding, message=True)


def copy_encoder(
    types: Sequence[int],
    *,
    encoding: str = "utf-8",
    errors: str = "strict",
    registry: OwnTypes | None = None,
) -> RowWriter | None:
    """Return `encode(rows) -> bytes`: rows of COPY in binary; None where a type needs text.

    Args:
        types: OIDs of the columns. Binary is as strict as `struct`: each value must be of its
            column's Python type (or None).
        encoding: Python's codec for client_encoding (`encodings.codec_of`).
        errors: its error handler.
        registry: what a connection knows of types that are not built in.

    `COPY_BINARY_HEADER` goes before the first row, `COPY_BINARY_TRAILER` behind the last.

    Raises (the encoder):
        InterfaceError: a row has the wrong number of values, or one that cannot be sent.
    """
    find = _finder(encoding, errors, registry)
    name_of = oids.kind_name if registry is None else registry.kind_name
    found = [_binary(oid, encoding, errors, find) for oid in types if oid not in _KINDS]
    ready = [one for one in found if one is not None]
    if not types or len(ready) < len(found):
        return None
    kinds = tuple([_KINDS.get(oid, compiled.SINGLE) for oid in types])
    head = _int16(len(types))
    singles: list[RowWriter] = []

    def slow(row: Any, index: int) -> bytes:
        _check_count(row, len(types), index)
        if not singles:
            singles.extend([_single(oid, encoding, errors, find) for oid in types])
        values = []
        for number, (oid, write, value) in enumerate(zip(types, singles, row), 1):
            try:
                values.append(_NULL if value is None else write([(value,)]))
            except Exception:
                raise InterfaceError(
                    f"row {index + 1}: cannot send a value of type {type(value).__name__!r} as"
                    f" column {number} of type {name_of(oid)} by COPY in binary"
                ) from None
        _check_size(sum(map(len, values)), index)
        return head + b"".join(values)

    return _writer(types, kinds, ready, slow, head, b"", encoding, message=False)


def _writer(
    types: Sequence[int],
    kinds: tuple[int, ...],
    ready: Sequence[_Ready],
    slow: Callable[[Any, int], bytes],
    head: bytes,
    tail: bytes,
    encoding: str,
    *,
    message: bool,
) -> RowWriter:
    """Return the writer of blocks of rows, or on PyPy, which compiles loops, the one of rows."""
    by_row = compiled.row_writer(kinds, ready, slow, head, tail, message=message)
    if COMPILES_LOOPS:
        return lambda rows: by_row(rows, 0)
    from .blocks import block_writer, texts_of

    def each(one: _Ready) -> Varying:
        return lambda column: list(map(one, column))

    loose = [oid for oid in types if oid not in _KINDS]
    varying = [
        texts_of if oid in _CHARACTERS and encoding == "utf-8" else each(one)
        for oid, one in zip(loose, ready)
    ]
    return block_writer(kinds, varying, by_row, head, tail, message=message)


def _finder(encoding: str, errors: str, registry: OwnTypes | None) -> _Find:
    """Return what gives a type's encoder to binary, or None."""
    if registry is not None:
        from .binary_own import OwnEncoders

        return OwnEncoders(registry, encoding, errors).encoder

    def find(oid: int) -> _Encode | None:
        from .binary_out import binary_encoder

        return binary_encoder(oid, encoding=encoding, errors=errors)

    return find


def _single(oid: int, encoding: str, errors: str, find: _Find) -> RowWriter:
    """Return what writes a row of one value: its length word and bytes; raises anything."""

    def refuse(row: Any, index: int) -> bytes:  # noqa: ARG001
        encode = find(oid)
        if encode is None:
            raise ValueError
        return _field(encode(row[0]))  # a value that only a class of our own holds

    kind = _KINDS.get(oid, compiled.SINGLE)
    found = None if oid in _KINDS else _binary(oid, encoding, errors, find)
    ready = [] if found is None else [found]
    write = compiled.row_writer((kind,), ready, refuse, b"", b"", message=False)
    return lambda rows: write(rows, 0)


def _binary(oid: int, encoding: str, errors: str, find: _Find) -> _Ready | None:
    """Return what makes the binary form of a value of no fixed width; None for a type without."""
    if oid in _CHARACTERS or oid == oids.BYTEA:
        return _ready(oid, encoding, errors)
    encode = find(oid)
    if encode is None:
        return None
    return lambda value: None if value is None else encode(value)


def _ready(oid: int, encoding: str, errors: str, own: Writers = None) -> _Ready:
    """Return what makes the bytes of a value of no fixed width; it raises where in doubt."""

    def characters(value: Any) -> bytes | None:
        if value is None:
            return None
        if "\0" in value:
            raise ValueError
        return str.encode(value, encoding, errors)

    def octets(value: Any) -> bytes | None:
        if value is None or type(value) is bytes:
            return value
        if isinstance(value, (bytearray, memoryview)):
            return bytes(value)
        raise TypeError

    def other(value: Any) -> bytes | None:
        _, form, data = encode(value, encoding=encoding, errors=errors, own=own)
        if form:
            raise TypeError
        return data

    if oid in _CHARACTERS:
        return characters
    return octets if oid == oids.BYTEA else other


def _int16(number: int) -> bytes:
    if number > MAX_PARAMETERS:
        raise InterfaceError(f"number of parameters must be between 0 and {MAX_PARAMETERS}")
    return number.to_bytes(2, "big")


def _field(value: bytes | None) -> bytes:
    return _NULL if value is None else _WORD(len(value)) + value


def _check_count(row: Any, count: int, index: int) -> None:
    if len(row) != count:
        raise InterfaceError(f"row {index + 1} has {len(row)} values, not {count}")


def _check_size(size: int, index: int) -> None:
    if size > compiled.MAX_MESSAGE - 4:
        raise InterfaceError(f"row {index + 1} of {size} bytes is too large to be sent")


# -- COPY in text --------------------------------------------------------------------------

_ESCAPES = str.maketrans(
    {
        "\\": "\\\\",
        "\t": "\\t",
        "\n": "\\n",
        "\r": "\\r",
        "\b": "\\b",
        "\f": "\\f",
        "\v": "\\v",
    }
)


def _escaped(text: str) -> str:
    # most values need none: looking is cheaper than translating
    if "\\" in text or "\n" in text or "\t" in text or "\r" in text:
        return text.translate(_ESCAPES)
    return text


def _none(value: None) -> str:  # noqa: ARG001
    return "\\N"


def _bool(value: bool) -> str:
    return "t" if value else "f"


def _int(value: int) -> str:
    return int.__repr__(value) if value.bit_length() < 64 else _other(value)


def _datetime(value: datetime) -> str:
    if value.tzinfo is None or value.tzinfo is timezone.utc:
        return value.isoformat(" ")
    return _other(value)


def _other(value: object) -> str:
    return _escaped(text_form(value, "a value of COPY"))


#: exact types alone: a subclass may print itself otherwise
_TEXTS: dict[type, Callable[[Any], str]] = {
    type(None): _none,
    bool: _bool,
    int: _int,
    datetime: _datetime,
    float: float.__repr__,
    str: _escaped,
}


def copy_text_encoder(
    *, encoding: str = "utf-8", errors: str = "strict", own: Writers = None
) -> Callable[[Iterable[Sequence[object]]], bytes]:
    r"""Return `encode(rows) -> bytes`: rows of COPY in text, with `\N` for NULL, tabs between.

    Args:
        encoding: Python's codec for client_encoding (`encodings.codec_of`).
        errors: its error handler.
        own: writers of a connection's own classes (`Registry.writers`).

    Raises (the encoder):
        InterfaceError: a value that cannot be sent: of an unknown type, with a NUL, or with a
            character that the encoding has not.
    """
    find, other = _TEXTS.get, _other
    if own:
        find = {kind: write for kind, write in _TEXTS.items() if kind not in own}.get

        def other(value: object) -> str:
            return _escaped(text_form(value, "a value of COPY", own))

    def encode_rows(rows: Iterable[Sequence[object]]) -> bytes:
        lines = ["\t".join([find(type(value), other)(value) for value in row]) for row in rows]
        if not lines:
            return b""
        lines.append("")
        text = "\n".join(lines)
        if "\0" in text:
            raise InterfaceError(
                "cannot send a NUL (0x00) by COPY in text: it cannot be part of a text value"
            )
        try:
            return text.encode(encoding, errors)
        except UnicodeError:
            raise InterfaceError(
                f"cannot send a value of COPY: it has a character that the session's encoding"
                f" ({encoding}) has not"
            ) from None

    return encode_rows
