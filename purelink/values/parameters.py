"""Python objects to parameters: type OID, format and bytes for the Bind message.

Floor 1, pure. Nothing is guessed: a value whose PostgreSQL type is not plain is refused with
the advice what to convert it to. No error contains a value, as it may be a secret.

Types are recognised by module and name, so that `decimal`, `uuid` and the like are never
imported only to ask whether a value is one of theirs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional, Tuple

from ..errors import InterfaceError
from . import oids
from .scalars import LATE_SCALARS, SCALARS, Json, Jsonb, OwnWriters, Said, Writer, Writers

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .ranges import Multirange, Range

__all__ = [
    "MAX_PARAMETERS",
    "Json",
    "Jsonb",
    "OwnWriters",
    "Parameter",
    "Said",
    "Writer",
    "Writers",
    "encode",
    "encode_parameters",
    "text_form",
]

#: the protocol counts parameters in sixteen bits
MAX_PARAMETERS = 65535

#: type OID (0: the server infers it), format (0 text, 1 binary), bytes or None for NULL
Parameter = Tuple[int, int, Optional[bytes]]


_NULL: Parameter = (0, 0, None)


def encode(
    value: object, *, encoding: str = "utf-8", errors: str = "strict", own: Writers = None
) -> Parameter:
    """Return one parameter as `(type OID, format, bytes or None)`.

    Args:
        value: see `docs/types.md` for what becomes what.
        encoding: Python's codec for client_encoding (`encodings.codec_of`).
        errors: its error handler.
        own: writers of a connection's own classes (`Registry.writers`).

    Raises:
        InterfaceError: no PostgreSQL type for it is plain, or it cannot be written.
    """
    return _parameter(value, "a parameter", encoding, errors, own)


def encode_parameters(
    values: Iterable[object],
    *,
    encoding: str = "utf-8",
    errors: str = "strict",
    own: Writers = None,
) -> list[Parameter]:
    """Return all parameters of a statement; errors say which one they are about.

    Raises:
        InterfaceError: as `encode`, or there are more than 65,535.
    """
    encoded = [
        _parameter(value, f"parameter ${number}", encoding, errors, own)
        for number, value in enumerate(values, 1)
    ]
    if len(encoded) > MAX_PARAMETERS:
        raise InterfaceError(f"number of parameters must be between 0 and {MAX_PARAMETERS}")
    return encoded


def text_form(value: object, place: str, own: Writers = None) -> str:
    """Return the text of a value that is not None, as PostgreSQL's input function reads it.

    Raises:
        InterfaceError: as `encode`; the text names `place`.
    """
    return _element(value, place, own).text


def _parameter(value: object, place: str, encoding: str, errors: str, own: Writers) -> Parameter:
    if value is None:
        return _NULL
    if isinstance(value, (bytes, bytearray, memoryview)) and not (own and type(value) in own):
        return oids.BYTEA, 1, bytes(value)
    oid, text = _say(value, place, own)
    if "\0" in text:
        raise InterfaceError(
            f"cannot send {place}: a NUL (0x00) cannot be part of a text value; bytes can hold one"
        )
    try:
        return oid, 0, text.encode(encoding, errors)
    except UnicodeError as error:
        where = getattr(error, "start", 0)
        raise InterfaceError(
            f"cannot send {place}: its character at index {where} does not exist"
            f" in the session's encoding ({encoding})"
        ) from None


def _say(value: object, place: str, own: Writers) -> Said:
    """Return the type and the text of a value that is neither None nor bytes."""
    kind = type(value)
    writer = (own and own.get(kind)) or _WRITERS.get(kind)
    if writer is None:
        writer = _found(kind, own)
        if writer is None:
            raise _refusal(kind, place)
    return writer(value, place, own)


def _found(kind: type, own: Writers) -> Writer | None:
    for base in kind.__mro__:
        writer = own.get(base) if own else None
        if writer is not None:
            return writer
        writer = _WRITERS.get(base) or _LATE.get((base.__module__, base.__qualname__))
        if writer is not None:
            if base is kind:
                _WRITERS[kind] = writer
            return writer
    return None


def _refusal(kind: type, place: str) -> InterfaceError:
    if issubclass(kind, dict):
        advice = "wrap it in Jsonb or Json"
    elif issubclass(kind, (set, frozenset)):
        advice = "convert it to a list"
    elif hasattr(kind, "__dataclass_fields__"):
        advice = "fetch the composite type with it first: connection.types.fetch(name, python=…)"
    else:
        advice = "convert it to str, or to another type that purelink knows, or register it"
    return InterfaceError(f"cannot send a value of type {kind.__name__!r} as {place}: {advice}")


#: type of a bound -> type of the range, and of the multirange
_RANGES = {
    # int4range, int8range and numrange have no casts: which one is meant the server infers
    oids.INT4: (0, 0),
    oids.INT8: (0, 0),
    oids.NUMERIC: (3906, 4532),
    oids.DATE: (3912, 4535),
    oids.TIMESTAMP: (3908, 4533),
    oids.TIMESTAMPTZ: (3910, 4534),
    0: (0, 0),
}


def _range_text(value: Range[Any], place: str, bounds: set[int], own: Writers) -> str:
    def bound(one: object) -> str:
        said = _element(one, place, own)
        bounds.add(said.oid)
        return said.text

    return value.text(bound)


def _range(value: Range[Any], place: str, own: Writers) -> Said:
    bounds: set[int] = set()
    text = _range_text(value, place, bounds, own)
    return Said(_range_oid(bounds, place, own)[0], text)


def _multirange(value: Multirange, place: str, own: Writers) -> Said:
    bounds: set[int] = set()
    text = "{" + ",".join([_range_text(one, place, bounds, own) for one in value]) + "}"
    return Said(_range_oid(bounds, place, own)[1], text)


def _range_oid(bounds: set[int], place: str, own: Writers) -> tuple[int, int]:
    oid = _one_type(bounds, place, "the bounds of a range")
    if own is not None and oid in own.ranges:
        return own.ranges[oid]
    if oid not in _RANGES:
        raise InterfaceError(
            f"cannot send a range of {oids.kind_name(oid)} as {place}:"
            " PostgreSQL has no such range type of its own; fetch yours, or send str with a cast"
        )
    return _RANGES[oid]


def _element(value: object, place: str, own: Writers) -> Said:
    """Return a value's text as a member of an array or range: bytea as hex."""
    if isinstance(value, (bytes, bytearray, memoryview)) and not (own and type(value) in own):
        return Said(oids.BYTEA, "\\x" + bytes(value).hex())
    return _say(value, place, own)


_INTEGERS = {oids.INT4: 0, oids.INT8: 1, oids.NUMERIC: 2}


def _one_type(found: set[int], place: str, members: str) -> int:
    """Return the type that all members have; integers of several sizes take the widest."""
    if not found:
        return 0
    if len(found) > 1:
        if found <= _INTEGERS.keys():
            return max(found, key=_INTEGERS.__getitem__)
        names = " and ".join(sorted(oids.kind_name(oid) if oid else "text" for oid in found))
        raise InterfaceError(f"cannot send {place}: {members} must be of one type, not {names}")
    return next(iter(found))


def _list(value: list[Any], place: str, own: Writers) -> Said:
    from .arrays import array_literal

    found: set[int] = set()
    _check_shape(value, place)

    def element(one: object) -> str:
        said = _element(one, place, own)
        # a range without a bound leaves its type open: it goes with the other elements
        if said.oid or type(one).__module__ != f"{_HERE}.ranges":
            found.add(said.oid)
        return said.text

    text = array_literal(value, element)
    oid = _one_type(found, place, "the elements of a list")
    if oid == oids.BOX:
        text = array_literal(value, element, ";")
    array = oids.ARRAY_OF.get(oid, 0)
    # without a type, as of str, the server infers it
    return Said(array or (own.arrays.get(oid, 0) if own is not None else 0), text)


def _tuple(value: tuple[Any, ...], place: str, own: Writers) -> Said:
    """A tuple is a row: the server infers which composite."""
    from .composites import composite_literal

    return Said(0, composite_literal(value, lambda one: _element(one, place, own).text))


def _python_range(value: range, place: str, own: Writers) -> Said:
    from .ranges import Range

    if value.step != 1:
        raise InterfaceError(f"cannot send a range as {place} whose step is not 1: make it a list")
    if not value:
        return _range(Range(empty=True), place, own)
    return _range(Range(value.start, value.stop), place, own)


def _check_shape(value: list[Any], place: str) -> None:
    """Refuse lists that are no rectangle of at most six dimensions."""
    from .arrays import MAX_DIMENSIONS, is_list

    level: list[Any] = [value]
    for depth in range(MAX_DIMENSIONS):
        if depth and not level[0]:
            raise InterfaceError(f"cannot send {place}: a list inside a list may not be empty")
        if len({len(one) for one in level}) > 1:
            raise InterfaceError(f"cannot send {place}: the lists inside it differ in length")
        members = [member for one in level for member in one]
        inner = [member for member in members if is_list(member)]
        if not inner:
            return
        if len(inner) != len(members):
            raise InterfaceError(f"cannot send {place}: it holds lists beside other values")
        level = inner
    raise InterfaceError(f"cannot send {place}: an array has at most {MAX_DIMENSIONS} dimensions")


_WRITERS: dict[type, Writer] = {**SCALARS, list: _list, tuple: _tuple, range: _python_range}

#: this room's name, also where the package is vendored under another
_HERE = __name__.rpartition(".")[0]
# by module and name, moved to _WRITERS when first met
_LATE: dict[tuple[str, str], Writer] = {
    **LATE_SCALARS,
    (f"{_HERE}.arrays", "Array"): _list,
    (f"{_HERE}.ranges", "Range"): _range,
    (f"{_HERE}.ranges", "Multirange"): _multirange,
}
