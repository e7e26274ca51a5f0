"""Composites and anonymous records: text and binary to Python's records, and back to text.

Floor 1, pure; loaded with the first record. A composite's fields have types of their own, known
once its type was fetched; an anonymous record's text does not tell them: its members are `str`.
"""

from __future__ import annotations

import re
from operator import itemgetter
from struct import Struct
from typing import TYPE_CHECKING, Any

from ..errors import DataError, InterfaceError
from .faults import malformed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = [
    "Row",
    "binary_composite_decoder",
    "binary_record_decoder",
    "composite_decoder",
    "composite_literal",
    "fields_of",
    "maker_of",
    "record_decoder",
    "row_class",
]

#: PostgreSQL's own bound of a row's columns
MAX_FIELDS = 1664

_FIELD = re.compile(r'"((?:[^"\\]|""|\\.)*)"(?!")|([^\s"\\(),]*)', re.DOTALL)
_ESCAPED = re.compile(r'\\(.)|"(")', re.DOTALL)


def members(text: str, kind: str) -> list[str | None]:
    """Return the texts between a record's parentheses, None for NULL.

    Raises:
        DataError: 22P02.
    """
    if text[:1] != "(" or text[-1:] != ")" or len(text) < 2:
        raise malformed(kind, text)
    found: list[str | None] = []
    at, last = 1, len(text) - 1
    while True:
        match = _FIELD.match(text, at, last)
        assert match is not None  # nothing at all is a field, too
        quoted, plain = match.groups()
        if quoted is None:
            found.append(plain or None)
        elif "\\" in quoted or '"' in quoted:
            found.append(_ESCAPED.sub(lambda each: each.group(1) or each.group(2), quoted))
        else:
            found.append(quoted)
        at = match.end()
        if at == last and len(found) <= MAX_FIELDS:
            return found
        if text[at] != "," or len(found) > MAX_FIELDS:
            raise malformed(kind, text)
        at += 1


def record_decoder(kind: str) -> Callable[[str], tuple[str | None, ...]]:
    """Return the decoder of an anonymous record's text: a tuple of `str | None`.

    The text of a record with one field that is NULL is that of one without fields: it is read as
    the former.
    """
    return lambda text: tuple(members(text, kind))


def composite_decoder(
    kind: str, fields: Sequence[Callable[[str], object]], make: Callable[[Sequence[Any]], object]
) -> Callable[[str], object]:
    """Return the decoder of a composite's text.

    Args:
        kind: the type's name, for errors.
        fields: decodes the text of each field.
        make: makes the Python object of the fields' values, in order.

    Raises (the decoder):
        DataError: 22P02; or whatever a field's decoder says.
    """
    count = len(fields)

    def decode_composite(text: str) -> object:
        found = members(text, kind)
        if len(found) != count:
            if count or found != [None]:
                raise _altered(kind, count, len(found))
            found = []
        values = [None if one is None else decode(one) for decode, one in zip(fields, found)]
        return _made(kind, make, values)

    return decode_composite


def _altered(kind: str, known: int, came: int) -> DataError:
    return DataError(
        f"a value of type {kind} has {came} fields, not {known}: if the type was altered, fetch it"
        " again",
        sqlstate="22P02",
    )


def _made(kind: str, make: Callable[[Sequence[Any]], object], values: Sequence[Any]) -> object:
    try:
        return make(values)
    except DataError:
        raise
    except Exception as error:
        raise DataError(
            f"the program's class for type {kind} refused a value: {type(error).__name__}",
            sqlstate="22P02",
        ) from error


_WORD = Struct(">i")
_HEAD = Struct(">Ii")


def _parts(value: bytes, kind: str) -> list[tuple[int, bytes | None]]:
    """Return type OID and bytes of each field: Int32 count, then Int32 OID, Int32 length, bytes."""
    count = _WORD.unpack_from(value)[0] if len(value) >= 4 else -1
    if not 0 <= count <= min(MAX_FIELDS, (len(value) - 4) // 8):
        raise malformed(kind, value)
    found: list[tuple[int, bytes | None]] = []
    at = 4
    for _ in range(count):
        if len(value) - at < 8:
            raise malformed(kind, value)
        oid, length = _HEAD.unpack_from(value, at)
        at += 8
        if length == -1:
            found.append((oid, None))
            continue
        if not 0 <= length <= len(value) - at:
            raise malformed(kind, value)
        found.append((oid, value[at : at + length]))
        at += length
    if at != len(value):
        raise malformed(kind, value)
    return found


def binary_composite_decoder(
    kind: str,
    fields: Sequence[tuple[int, Callable[[bytes], object]]],
    make: Callable[[Sequence[Any]], object],
) -> Callable[[bytes], object]:
    """Return the decoder of a composite in binary; `fields`: type OID and decoder of each.

    Raises (the decoder):
        DataError: 22P03; or whatever a field's decoder says.
    """

    def decode_binary_composite(value: bytes) -> object:
        parts = _parts(value, kind)
        if len(parts) != len(fields):
            raise _altered(kind, len(fields), len(parts))
        values = []
        for (oid, data), (known, decode) in zip(parts, fields):
            if oid != known:
                raise malformed(kind, value)
            values.append(None if data is None else decode(data))
        return _made(kind, make, values)

    return decode_binary_composite


def binary_record_decoder(
    kind: str, decoder_of: Callable[[int], Callable[[bytes], object]]
) -> Callable[[bytes], tuple[object, ...]]:
    """Return the decoder of an anonymous record in binary, which tells its fields' types.

    Args:
        decoder_of: gives the decoder of a type by its OID.
    """

    def decode_binary_record(value: bytes) -> tuple[object, ...]:
        try:
            return tuple(
                [
                    None if data is None else decoder_of(oid)(data)
                    for oid, data in _parts(value, kind)
                ]
            )
        except RecursionError:  # a record in a record in a record …
            raise DataError(
                f"a value of type {kind} is nested too deeply", sqlstate="22P03"
            ) from None

    return decode_binary_record


def composite_literal(values: Sequence[Any], text: Callable[[Any], str]) -> str:
    """Return PostgreSQL's text of a composite, every field that is not NULL quoted.

    Args:
        text: the text of one value that is not None.
    """
    fields = []
    for value in values:
        if value is None:
            fields.append("")
        else:
            escaped = text(value).replace("\\", "\\\\").replace('"', '""')
            fields.append(f'"{escaped}"')
    return f"({','.join(fields)})"


# -- classes -------------------------------------------------------------------------------


class Row(tuple):  # type: ignore[type-arg]  # of anything
    """A composite's value: a tuple whose members can be asked for by name, too.

    What `fetch` makes of a composite without a class of the program's; its subclasses are named as
    the types. A field whose name is none in Python, or a method's, is had by place or `_asdict()`.
    """

    __slots__ = ()
    _fields: tuple[str, ...] = ()

    if TYPE_CHECKING:  # names are known when the type is fetched

        def __getattr__(self, name: str) -> Any: ...

    def _asdict(self) -> dict[str, Any]:
        """Return the members by name."""
        return dict(zip(self._fields, self))

    def __reduce__(self) -> tuple[Any, ...]:
        return tuple, (tuple(self),)  # the class lives in this process alone

    def __repr__(self) -> str:
        inside = ", ".join([f"{name}={one!r}" for name, one in zip(self._fields, self)])
        return f"{type(self).__name__}({inside})"


def row_class(name: str, fields: Sequence[str]) -> type[Row]:
    """Return the subclass of `Row` for a composite. No code is made of the server's names."""
    body: dict[str, Any] = {"__slots__": (), "_fields": tuple(fields)}
    for place, field in enumerate(fields):
        if field.isidentifier() and field[:1] != "_" and not hasattr(Row, field):
            body.setdefault(field, property(itemgetter(place)))
    return type(name.replace("\0", ""), (Row,), body)


def fields_of(kind: type) -> tuple[str, ...] | None:
    """Return the names of a class's fields in order; None if it is no class of fields.

    Dataclasses, named tuples, `Row`s, and the classes of attrs and pydantic are.
    """
    data = getattr(kind, "__dataclass_fields__", None)
    if data is not None:
        # the pseudo fields of ClassVar and InitVar are no fields
        return tuple([name for name, one in data.items() if one._field_type.name == "_FIELD"])  # noqa: SLF001
    if issubclass(kind, tuple):
        return getattr(kind, "_fields", None)
    attributes = getattr(kind, "__attrs_attrs__", None)
    if attributes is not None:
        return tuple([one.name for one in attributes])
    model = getattr(kind, "model_fields", None)
    return tuple(model) if isinstance(model, dict) else None


def maker_of(kind: type, name: str, names: Sequence[str]) -> Callable[[Sequence[Any]], object]:
    """Return what makes an object of a class of a composite's values in order.

    Args:
        name: the type's; names: its fields'.

    Raises:
        InterfaceError: the class has other fields.
    """
    own = fields_of(kind)
    if own is None:
        raise InterfaceError(
            f"{kind.__qualname__} is no class for the composite type {name}: give a dataclass or a"
            " named tuple, or register functions of your own"
        )
    missing = [field for field in names if field not in own]
    if missing:
        raise InterfaceError(
            f"{kind.__qualname__} has no field for {', '.join(missing)} of the composite type"
            f" {name}"
        )
    if issubclass(kind, tuple) and tuple(own) == tuple(names):
        make: Callable[[Sequence[Any]], object] = (
            kind if issubclass(kind, Row) else kind._make  # type: ignore[attr-defined]
        )
        return make
    return lambda values: kind(**dict(zip(names, values)))
