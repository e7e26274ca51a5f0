"""Text format to Python: a decoder for every built-in type, and the registry that finds it.

Floor 1, pure. A decoder takes the text of one value that is not NULL and returns a Python
object or raises `DataError`; nothing else leaves it. What a type needs (`decimal`, `uuid`,
`json` …) is imported when a column of that type is first met.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable

from ..errors import DataError
from . import oids
from .faults import malformed
from .styles import DEFAULT_STYLES, Styles

if TYPE_CHECKING:
    from decimal import Decimal
    from ipaddress import (
        IPv4Address,
        IPv4Interface,
        IPv4Network,
        IPv6Address,
        IPv6Interface,
        IPv6Network,
    )
    from typing import Union
    from uuid import UUID

    from .scalars import OwnWriters

    Inet = Union[IPv4Address, IPv6Address, IPv4Interface, IPv6Interface]

__all__ = [
    "DEFAULT_REGISTRY",
    "PATTERNS",
    "Registry",
    "TextDecoder",
    "fresh_registry",
    "guarded",
    "text_decoder",
]

TextDecoder = Callable[[str], object]

#: CPython's guard against quadratic int(); leading zeros are no error below it
_MOST_DIGITS = 4_300
_BOOLS = {"t": True, "f": False}
#: numeric's own limits: 131,072 digits before the point, 16,383 after
_NUMERIC_LENGTH = 131_072 + 16_383 + 2


def _decode_bool(text: str) -> bool:
    value = _BOOLS.get(text)
    if value is None:
        raise malformed("boolean", text)
    return value


def _integer(kind: str, low: int, high: int) -> Callable[[str], int]:
    def decode_integer(text: str) -> int:
        digits = text[1:] if text[:1] == "-" else text
        if digits.isdigit() and digits.isascii() and len(text) <= _MOST_DIGITS:
            value = int(text)
            if low <= value <= high:
                return value
        raise malformed(kind, text)

    return decode_integer


_FLOAT = str.maketrans("", "", "0123456789+-.eNaInfity")


def _float(kind: str) -> Callable[[str], float]:
    def decode_float(text: str) -> float:
        if not text.translate(_FLOAT):
            try:
                return float(text)
            except ValueError:
                pass
        raise malformed(kind, text)

    return decode_float


def _numeric() -> Callable[[str], Decimal]:
    from decimal import Decimal, InvalidOperation

    plain = str.maketrans("", "", "0123456789.-")
    words = {"NaN", "Infinity", "-Infinity"}

    def decode_numeric(text: str) -> Decimal:
        if (not text.translate(plain) or text in words) and len(text) <= _NUMERIC_LENGTH:
            try:
                return Decimal(text)
            except (InvalidOperation, ValueError):
                pass
        raise malformed("numeric", text)

    return decode_numeric


def _bytea() -> Callable[[str], bytes]:
    import re
    from binascii import unhexlify

    escape = re.compile(rb"\\(\\|[0-3][0-7][0-7])?")

    def byte(match: re.Match[bytes]) -> bytes:
        code = match.group(1)
        if code is None:
            raise ValueError
        return b"\\" if code == b"\\" else bytes((int(code, 8),))

    def decode_bytea(text: str) -> bytes:
        # whatever bytea_output says: the beginning tells
        try:
            if text.startswith("\\x"):
                return unhexlify(text[2:])
            raw = text.encode("ascii")
            return escape.sub(byte, raw) if b"\\" in raw else raw
        except ValueError:
            raise malformed("bytea", text) from None

    return decode_bytea


def _uuid() -> Callable[[str], UUID]:
    import re
    from uuid import UUID

    canonical = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}").fullmatch

    def decode_uuid(text: str) -> UUID:
        if canonical(text) is None:
            raise malformed("uuid", text)
        return UUID(text)

    return decode_uuid


def _json(kind: str) -> Callable[[str], Any]:
    from json import loads

    def decode_json(text: str) -> Any:
        try:
            return loads(text)
        except RecursionError:
            raise DataError(
                f"a {kind} value is nested too deeply for Python: cast it to text",
                sqlstate="22P02",
            ) from None
        except ValueError:  # also CPython's guard against integers of 4,300 digits and more
            raise malformed(kind, text) from None

    return decode_json


def _inet() -> Callable[[str], Inet]:
    from ipaddress import ip_address, ip_interface

    def decode_inet(text: str) -> Inet:
        if len(text) < 64 and "%" not in text:
            try:
                return ip_interface(text) if "/" in text else ip_address(text)
            except ValueError:
                pass
        raise malformed("inet", text)

    return decode_inet


def _cidr() -> Callable[[str], IPv4Network | IPv6Network]:
    from ipaddress import ip_network

    def decode_cidr(text: str) -> IPv4Network | IPv6Network:
        if len(text) < 64 and "%" not in text:
            try:
                return ip_network(text)
            except ValueError:
                pass
        raise malformed("cidr", text)

    return decode_cidr


def _vector(kind: str) -> TextDecoder:
    from .arrays import vector_decoder

    return vector_decoder(kind)


def _geometry(oid: int) -> Callable[[], TextDecoder]:
    def make() -> TextDecoder:
        from .geometry import geometry_decoder

        return geometry_decoder(oid)

    return make


_INT32, _INT64 = 1 << 31, 1 << 63

# Types whose text no setting changes: a maker each, called when the type is first met.
_MAKERS: dict[int, Callable[[], TextDecoder]] = {
    oids.BOOL: lambda: _decode_bool,
    oids.INT2: lambda: _integer("smallint", -(1 << 15), (1 << 15) - 1),
    oids.INT4: lambda: _integer("integer", -_INT32, _INT32 - 1),
    oids.INT8: lambda: _integer("bigint", -_INT64, _INT64 - 1),
    oids.OID: lambda: _integer("oid", 0, 2 * _INT32 - 1),
    oids.XID: lambda: _integer("xid", 0, 2 * _INT32 - 1),
    oids.CID: lambda: _integer("cid", 0, 2 * _INT32 - 1),
    oids.XID8: lambda: _integer("xid8", 0, 2 * _INT64 - 1),
    oids.FLOAT4: lambda: _float("real"),
    oids.FLOAT8: lambda: _float("double precision"),
    oids.NUMERIC: _numeric,
    oids.BYTEA: _bytea,
    oids.UUID: _uuid,
    oids.JSON: lambda: _json("json"),
    oids.JSONB: lambda: _json("jsonb"),
    oids.INET: _inet,
    oids.CIDR: _cidr,
    **{oid: _geometry(oid) for oid in oids.GEOMETRIC},
    oids.INT2VECTOR: lambda: _vector("int2vector"),
    oids.OIDVECTOR: lambda: _vector("oidvector"),
}

#: types whose Python value depends on the styles, or on the policy for odd values
_STYLED = {
    oids.DATE: "date_decoder",
    oids.TIME: "time_decoder",
    oids.TIMETZ: "timetz_decoder",
    oids.TIMESTAMP: "timestamp_decoder",
    oids.TIMESTAMPTZ: "timestamptz_decoder",
}


def _styled(oid: int, styles: Styles) -> TextDecoder:
    if oid == oids.INTERVAL:
        from .interval import interval_decoder

        return interval_decoder(styles.odd_values)
    from . import datetimes

    maker: Callable[[Styles], TextDecoder] = getattr(datetimes, _STYLED[oid])
    return maker(styles)


def guarded(decode: Callable[[Any], object], kind: str) -> Callable[[Any], object]:
    """Return a program's decoder, whose exceptions are `DataError`s: the protocol stays in step."""

    def decode_guarded(value: Any) -> object:
        try:
            return decode(value)
        except DataError:
            raise
        except Exception as error:
            raise DataError(
                f"the program's decoder of type {kind} failed: {type(error).__name__}",
                sqlstate="22P02",
            ) from error

    return decode_guarded


class Registry:
    """Which decoder serves which type: the built-in ones, overlaid with a program's own.

    A copy shares nothing with its original but the built-in decoders. The decoder of an
    array or a range is made of its element's, so that an overlay of the element serves both.
    """

    __slots__ = ("_made", "_own")

    def __init__(self) -> None:
        self._own: dict[int, TextDecoder] = {}
        self._made: dict[tuple[int, Styles], TextDecoder] = {}

    def copy(self) -> Registry:
        """Return an independent registry with the same overlay."""
        twin = Registry()
        twin._own.update(self._own)
        return twin

    def overlay(self, oid: int, decoder: TextDecoder) -> None:
        """Let `decoder` serve a type's text from now on; decoders made before keep theirs.

        Whatever it raises becomes a `DataError` (its cause the original), so that a row's
        failure leaves the protocol in step. The binary format is not overlaid.
        """
        self._own[oid] = guarded(decoder, oids.kind_name(oid))
        self._made.clear()

    @property
    def untouched(self) -> bool:
        """True where every type is served by a built-in decoder."""
        return not self._own

    @property
    def writers(self) -> OwnWriters | None:
        """Of the program's own classes; there are none here."""
        return None

    def overlaid(self, oid: int) -> bool:
        """True where the type, or what it is made of, is not served by a built-in decoder."""
        if not self._own:
            return False
        built_in = oids.TYPES.get(oid)
        parts = {oid, oids.ELEMENT_OF.get(oid, oid), built_in.subtype if built_in else oid}
        return not parts.isdisjoint(self._own)

    def own_binary(
        self,
        oid: int,  # noqa: ARG002
        encoding: str,  # noqa: ARG002
        errors: str,  # noqa: ARG002
        styles: Styles = DEFAULT_STYLES,  # noqa: ARG002
    ) -> Callable[[bytes], object] | None:
        """Return the decoder of a type's binary form that is not built in; there is none here."""
        return None

    def text_decoder(self, oid: int, styles: Styles = DEFAULT_STYLES) -> TextDecoder:
        """Return the decoder of a type's text; an unknown type's is `str`."""
        key = (oid, styles)
        made = _SHARED if self.untouched else self._made
        decoder = made.get(key)
        if decoder is None:
            decoder = self._make(oid, styles)
            if decoder is not str:
                if len(made) >= 1000:  # styles come from the server
                    made.clear()
                made[key] = decoder
        return decoder

    def _make(self, oid: int, styles: Styles) -> TextDecoder:
        if oid in self._own:
            return self._own[oid]
        if oid in _MAKERS:
            return _MAKERS[oid]()
        if oid in _STYLED or oid == oids.INTERVAL:
            return _styled(oid, styles)
        if oid == oids.RECORD:
            from .composites import record_decoder

            return record_decoder("record")
        if oid in oids.ELEMENT_OF:
            from .arrays import array_decoder

            element = oids.ELEMENT_OF[oid]
            return array_decoder(
                self.text_decoder(element, styles),
                oids.kind_name(oid),
                oids.TYPES[element].delimiter,
                exact=styles.odd_values == "exact",
            )
        built_in = oids.TYPES.get(oid)
        if built_in is not None and built_in.subtype:
            from . import ranges

            maker = ranges.range_decoder if built_in.sort == "r" else ranges.multirange_decoder
            return maker(self.text_decoder(built_in.subtype, styles), built_in.sql)
        return str


#: the pattern of a new connection's registry, once there is one
PATTERNS: list[Registry] = []


def fresh_registry() -> Registry:
    """Return the registry of a connection that opens: it knows what was told for all."""
    return PATTERNS[0].copy() if PATTERNS else Registry()


#: what registries without an overlay have made
_SHARED: dict[tuple[int, Styles], TextDecoder] = {}
DEFAULT_REGISTRY = Registry()


def text_decoder(
    oid: int, styles: Styles = DEFAULT_STYLES, registry: Registry | None = None
) -> TextDecoder:
    """Return the function that turns the text of one value of type `oid` into Python.

    Args:
        oid: the type's OID; an unknown one gives `str`.
        styles: the reported DateStyle and IntervalStyle.
        registry: a connection's own; None: the built-in decoders.

    The function raises `DataError` (22P02 malformed, 22008 what Python cannot hold).
    """
    return (registry or DEFAULT_REGISTRY).text_decoder(oid, styles)
