"""Python to binary format for types that a connection has fetched: enums, composites, and so on.

Floor 1, pure; loaded with the first such column of a COPY in binary. As in `binary_out`, a function
takes one value that is not None, and raises anything for what is no value of its type.
"""

from __future__ import annotations

from enum import Enum
from struct import Struct
from typing import TYPE_CHECKING, Any

from . import oids
from .binary_out import array_of, binary_encoder, field, multirange_of, range_of
from .composites import fields_of
from .typeinfo import members

if TYPE_CHECKING:
    from collections.abc import Callable

    from .registry import OwnTypes
    from .typeinfo import TypeInfo

    Encode = Callable[[Any], bytes]

__all__ = ["OwnEncoders"]

_WORD = Struct(">i").pack
#: types within types; a catalog may tell of any number
_DEEPEST = 50


class OwnEncoders:
    """The encoders of one connection's types, each made when it is first needed.

    Args:
        registry: what is known of them. encoding, errors: of the session.
    """

    def __init__(self, registry: OwnTypes, encoding: str, errors: str) -> None:
        self._registry = registry
        self._encoding, self._errors = encoding, errors
        told = registry.writers
        self._elements = {} if told is None else {oid: one for one, oid in told.arrays.items()}
        self._made: dict[int, Encode | None] = {}
        self._depth = 0

    def encoder(self, oid: int) -> Encode | None:
        """Return the function that writes a value of a type; None for a type without."""
        if oid not in self._made:
            if self._depth > _DEEPEST:
                return None

            def again(value: Any) -> bytes:
                encode = self._made[oid]
                assert encode is not None
                return encode(value)

            # Types may be made of each other: whoever comes back here meanwhile asks again later.
            self._made[oid] = again
            self._depth += 1
            self._made[oid] = self._make(oid)
            self._depth -= 1
        return self._made[oid]

    def _make(self, oid: int) -> Encode | None:
        registry = self._registry
        element = self._elements.get(oid) or oids.ELEMENT_OF.get(oid)
        if element and registry.overlaid(oid):
            encode = self.encoder(element)
            return None if encode is None else array_of(element, encode)
        info = registry.info(oid)
        if info is None:
            return binary_encoder(oid, encoding=self._encoding, errors=self._errors)
        if info.sort == "e":
            return self._labels(info)
        if info.sort == "d":
            return self.encoder(info.part)
        if info.sort in ("r", "m"):
            encode = self.encoder(info.part)
            if encode is None:
                return None
            return range_of(encode) if info.sort == "r" else multirange_of(range_of(encode))
        if info.sort == "c":
            return self._composite(info)
        return {"hstore_in": self._pairs, "citextin": self._characters}.get(info.input)

    def _characters(self, value: str) -> bytes:
        if "\0" in value:
            raise ValueError
        return str.encode(value, self._encoding, self._errors)

    def _labels(self, info: TypeInfo) -> Encode:
        known: dict[object, bytes] = {one: self._characters(one) for one in info.labels}

        def write(value: Any) -> bytes:
            data = known.get(value)
            if data is None and isinstance(value, Enum):
                for label, member in members(type(value), info).items():
                    known[member] = self._characters(label)
                data = known[value]
            if data is None:
                raise ValueError
            return data

        return write

    def _composite(self, info: TypeInfo) -> Encode | None:
        names = [name for name, _ in info.fields]
        parts = [oid for _, oid in info.fields]
        encoders: list[Encode] = []
        for oid in parts:
            encode = self.encoder(oid)
            if encode is None:
                return None
            encoders.append(encode)
        words = [Struct(">I").pack(oid) for oid in parts]
        head = _WORD(len(parts))

        def write(value: Any) -> bytes:
            if fields_of(type(value)) is not None:
                value = tuple([getattr(value, name) for name in names])
            if not isinstance(value, tuple) or len(value) != len(words):
                raise TypeError
            written = zip(words, map(field, encoders, value))
            return head + b"".join([word + data for word, data in written])

        return write

    def _pairs(self, value: Any) -> bytes:
        pieces = [_WORD(len(value))]
        for key, one in value.items():
            pieces += (field(self._characters, each) for each in (_text(key), one))
        return b"".join(pieces)


def _text(key: Any) -> str:
    if not isinstance(key, str):  # a key is never NULL
        raise TypeError
    return key
