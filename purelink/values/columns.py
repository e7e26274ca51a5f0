"""Raw column values to Python: for each type a careful converter of one and a bulk one.

Floor 1, pure. `Converter.single` takes the bytes of one value and raises nothing but
`DataError`. `Converter.bulk` takes many that are not NULL and may raise anything: it is
asked first, and the careful one settles what it objects to. Whatever bulk accepts, single
must accept with an equal result; the property tests hold the two together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable, NamedTuple, Sequence

from ..errors import DataError
from . import oids
from .faults import malformed
from .text import DEFAULT_REGISTRY

if TYPE_CHECKING:
    from .styles import Styles
    from .text import Registry, TextDecoder

__all__ = ["BulkConverter", "Converter", "column_converter", "text_converter"]

BulkConverter = Callable[["Sequence[bytes]"], "Sequence[object]"]


class Converter(NamedTuple):
    """How the values of one column become Python objects."""

    single: Callable[[bytes], object]
    bulk: BulkConverter


def column_converter(
    oid: int,
    format: int,  # noqa: A002 - the protocol's word
    *,
    encoding: str,
    errors: str,
    styles: Styles,
    registry: Registry | None,
) -> Converter:
    """Return the converter of a column.

    Args:
        oid: the type.
        format: 0 text, 1 binary.
        encoding: Python's codec for client_encoding.
        errors: its error handler.
        styles: as for `text_decoder`.
        registry: as for `text_decoder`.
    """
    registry = registry or DEFAULT_REGISTRY
    kind = oids.kind_name(oid)
    if format:
        from .binary import binary_decoder

        single = binary_decoder(
            oid, encoding=encoding, errors=errors, styles=styles, registry=registry
        )
        return Converter(single, lambda values: [single(value) for value in values])
    decoder = registry.text_decoder(oid, styles)
    converter = text_converter(kind, decoder, encoding, errors)
    if oid in _BULK and not registry.overlaid(oid):
        return Converter(converter.single, _BULK[oid])
    return converter


def text_converter(
    kind: str, decoder: TextDecoder, encoding: str = "utf-8", errors: str = "strict"
) -> Converter:
    """Return the converter that decodes characters, then asks `decoder` for the value.

    Args:
        kind: the type's name, for errors.
        decoder: of one value's text; `str` for the text itself.
        encoding: Python's codec for client_encoding.
        errors: its error handler.
    """

    def characters(value: bytes) -> str:
        try:
            return value.decode(encoding, errors)
        except UnicodeError:
            raise DataError(
                f"the server sent a value of type {kind} that is not valid {encoding}",
                sqlstate="22021",
            ) from None

    if encoding == "utf-8":

        def texts(values: Sequence[bytes]) -> list[str]:
            # one decoding for the column; a NUL inside a value would show in the count
            found = b"\0".join(values).decode("utf-8", errors).split("\0")
            if len(found) != len(values):
                return [characters(value) for value in values]
            return found

    else:

        def texts(values: Sequence[bytes]) -> list[str]:
            return [value.decode(encoding, errors) for value in values]

    if decoder is str:
        return Converter(characters, texts)
    return Converter(
        lambda value: decoder(characters(value)),
        lambda values: list(map(decoder, texts(values))),
    )


def _all_bools(values: Sequence[bytes]) -> list[bool]:
    return [_BOOLS[value] for value in values]


_BOOLS = {b"t": True, b"f": False}


def _all_integers(low: int, high: int) -> BulkConverter:
    def all_integers(values: Sequence[bytes]) -> list[int]:
        if b"".join(values).translate(None, b"-0123456789"):
            raise malformed("integer", b"")
        found = list(map(int, values))
        if max(found) > high or min(found) < low:
            raise malformed("integer", b"")
        return found

    return all_integers


def _all_floats(values: Sequence[bytes]) -> list[float]:
    if b"".join(values).translate(None, b"0123456789+-.eNaInfity"):
        raise malformed("double precision", b"")
    return list(map(float, values))


_BULK: dict[int, BulkConverter] = {
    oids.BOOL: _all_bools,
    oids.INT2: _all_integers(-(1 << 15), (1 << 15) - 1),
    oids.INT4: _all_integers(-(1 << 31), (1 << 31) - 1),
    oids.INT8: _all_integers(-(1 << 63), (1 << 63) - 1),
    oids.OID: _all_integers(0, (1 << 32) - 1),
    oids.FLOAT4: _all_floats,
    oids.FLOAT8: _all_floats,
}
