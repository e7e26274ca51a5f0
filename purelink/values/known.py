"""Parameters whose Python types were met before, straight to the bytes of a Bind message.

Floor 1, pure. `writer` looks once at how `encode_parameters` sent values of some types, and gives
a function that writes values of the same types as the same PostgreSQL types, with nothing left to
be asked. Whatever would be another type this time (an integer that is too large, a datetime with a
zone where there was none) or cannot be sent is refused with `Unfit`, for the long way to decide.
"""

from __future__ import annotations

from functools import partial
from struct import Struct
from struct import error as StructError  # noqa: N812 - it is an exception class
from typing import TYPE_CHECKING, Any, Callable, Sequence

from ..errors import InterfaceError
from . import oids
from .parameters import encode

if TYPE_CHECKING:
    from .parameters import Parameter, Writers

__all__ = ["UNFIT", "Unfit", "writer"]

#: a value's length and bytes, as Bind has them; raises one of `UNFIT`
_One = Callable[[Any], bytes]

_NULL = b"\xff\xff\xff\xff"
_LENGTH = Struct(">i").pack
_INT8 = Struct(">iq").pack
_COUNT = Struct(">H").pack


class Unfit(Exception):
    """Internal: these values mean something else than those that the writer was made for."""


#: what a writer raises for values that it does not take
UNFIT = (Unfit, StructError, InterfaceError, OverflowError, UnicodeError)


def writer(
    types: Sequence[type], sent: Sequence[Parameter], own: Writers = None
) -> Callable[[Sequence[object]], bytes]:
    """Return `write(values) -> bytes`: format codes, count and values of a Bind message.

    Args:
        types: of the values, exactly; the caller asks only with values of these.
        sent: what `encode_parameters` made of such values, in UTF-8.
        own: writers of a connection's own classes (`Registry.writers`).

    Raises (write):
        UNFIT: take the long way.
    """
    ones: list[_One] = []
    formats: list[int] = []
    for kind, (oid, form, _) in zip(types, sent):
        one = None if own and kind in own else _ONES.get((kind, oid))
        if one is None:
            one = partial(_other, oid, form, own)
        else:
            form = _FORMATS[kind]
        ones.append(one)
        formats.append(form)
    number = _COUNT(len(ones))
    head = (number + b"".join(map(_COUNT, formats)) if any(formats) else b"\0\0") + number
    if len(ones) == 1:
        (single,) = ones
        return lambda values: head + single(values[0])
    return lambda values: head + b"".join([one(value) for one, value in zip(ones, values)])


def _null(_value: None) -> bytes:
    return _NULL


def _int8(value: int) -> bytes:
    if -0x80000000 <= value <= 0x7FFFFFFF:
        raise Unfit  # an int4
    return _INT8(8, value)


def _text(value: str) -> bytes:
    data = value.encode()
    if 0 in data:
        raise Unfit
    return _LENGTH(len(data)) + data


def _bytes(value: bytes) -> bytes:
    return _LENGTH(len(value)) + value


def _other(oid: int, form: int, own: Writers, value: object) -> bytes:
    found, written, data = encode(value, own=own)
    if found != oid or written != form or data is None:
        raise Unfit
    return _LENGTH(len(data)) + data


_ONES: dict[tuple[type, int], _One] = {
    (int, oids.INT4): partial(Struct(">ii").pack, 4),
    (int, oids.INT8): _int8,
    (float, oids.FLOAT8): partial(Struct(">id").pack, 8),
    (bool, oids.BOOL): {False: b"\0\0\0\1\0", True: b"\0\0\0\1\1"}.__getitem__,
    (str, 0): _text,
    (bytes, oids.BYTEA): _bytes,
    (type(None), 0): _null,
}
_FORMATS = {int: 1, float: 1, bool: 1, str: 0, bytes: 1, type(None): 0}
