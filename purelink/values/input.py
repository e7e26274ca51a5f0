"""Text to a declared type, as the type's own input function in PostgreSQL 18 does it.

Floor 1, pure. dblink gives each remote value as text to the input function of the column's
declared type; here stand those functions for the built-in types, with PostgreSQL's messages
and SQLSTATEs. What Python cannot hold is a `DataError` 22008 that says so. Types whose text
is all we keep (tsvector, money, xml, reg…) are taken as they come.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable

from . import oids
from .faults import input_error, input_syntax
from .styles import DEFAULT_STYLES, Styles

if TYPE_CHECKING:
    from .text import Registry

__all__ = ["InputFunction", "input_function"]

InputFunction = Callable[[str], object]


def input_function(
    oid: int,
    typmod: int = -1,
    styles: Styles = DEFAULT_STYLES,
    registry: Registry | None = None,
) -> InputFunction:
    """Return the function that reads a value of a declared type.

    Args:
        oid: the declared type's OID.
        typmod: its modifier, -1 for none; an array's is its elements'.
        styles: DateStyle, IntervalStyle and TimeZone under which the text was written.
        registry: decides about types that are not built in; a built-in type with an
            overlay is read by the overlay alone.

    The function raises `DataError` (class 22) as the server would, and
        NotSupportedError: 0A000 for what needs a clock or has no input.
    """
    if registry is not None and registry.overlaid(oid):
        return registry.text_decoder(oid, styles)
    if oid in _NUMBERS:
        return _number(oid, typmod)
    if oid in _TIMES:
        return _moment(oid, typmod, styles)
    if oid in _TEXTS:
        return _TEXTS[oid](typmod)
    if oid in oids.GEOMETRIC:
        return _geometric(oid)
    if oid == oids.RECORD:
        return _no_record
    element = oids.ELEMENT_OF.get(oid) or _VECTORS.get(oid)
    built_in = oids.TYPES.get(oid)
    if element or (built_in is not None and built_in.subtype):
        return _container(oid, element, typmod, styles)
    return str


_INTEGERS = (oids.INT2, oids.INT4, oids.INT8, oids.OID, oids.XID, oids.CID, oids.XID8)
_NUMBERS = frozenset((oids.BOOL, oids.FLOAT4, oids.FLOAT8, oids.NUMERIC, *_INTEGERS))
_TIMES = frozenset(
    (oids.DATE, oids.TIME, oids.TIMETZ, oids.TIMESTAMP, oids.TIMESTAMPTZ, oids.INTERVAL)
)
_VECTORS = {oids.INT2VECTOR: oids.INT2, oids.OIDVECTOR: oids.OID}


def _number(oid: int, typmod: int) -> InputFunction:
    from . import input_numbers

    if oid == oids.BOOL:
        return input_numbers.bool_in
    if oid == oids.NUMERIC:
        return input_numbers.numeric_in(typmod)
    if oid in (oids.FLOAT4, oids.FLOAT8):
        return input_numbers.float_in(oid)
    return input_numbers.integer_in(oid)


def _moment(oid: int, typmod: int, styles: Styles) -> InputFunction:
    if oid == oids.INTERVAL:
        from .input_intervals import interval_in

        return interval_in(typmod, styles)
    from . import input_times

    if oid == oids.DATE:
        return input_times.date_in(styles)
    if oid in (oids.TIME, oids.TIMETZ):
        return input_times.time_in(oid, typmod, styles)
    return input_times.timestamp_in(oid, typmod, styles)


def _lazy(name: str, *arguments: str, modified: bool = False) -> Callable[[int], InputFunction]:
    """Return what makes the function `name` of input_texts when a column needs it."""

    def make(typmod: int) -> InputFunction:
        from . import input_texts

        maker = getattr(input_texts, name)
        made: InputFunction
        if modified:
            made = maker(typmod)
        elif arguments or name == "uuid_in":
            made = maker(*arguments)
        else:
            made = maker
        return made

    return make


_TEXTS: dict[int, Callable[[int], InputFunction]] = {
    oids.VARCHAR: _lazy("varchar_in", modified=True),
    oids.BPCHAR: _lazy("bpchar_in", modified=True),
    oids.BIT: _lazy("bit_in", modified=True),
    oids.VARBIT: _lazy("varbit_in", modified=True),
    oids.NAME: _lazy("name_in"),
    oids.CHAR: _lazy("char_in"),
    oids.BYTEA: _lazy("bytea_in"),
    oids.UUID: _lazy("uuid_in"),
    oids.JSON: _lazy("json_in", "json"),
    oids.JSONB: _lazy("json_in", "jsonb"),
    oids.INET: _lazy("network_in", "inet"),
    oids.CIDR: _lazy("network_in", "cidr"),
    829: _lazy("macaddr_in", "macaddr"),
    774: _lazy("macaddr_in", "macaddr8"),
    oids.PG_LSN: _lazy("lsn_in"),
    oids.TID: _lazy("tid_in"),
}


def _container(oid: int, element: int | None, typmod: int, styles: Styles) -> InputFunction:
    from . import input_containers

    if element:
        member = input_function(element, typmod, styles)
        if oid in _VECTORS:
            return input_containers.vector_in(member)
        return input_containers.array_in(member, oids.TYPES[element].delimiter)
    built_in = oids.TYPES[oid]
    bound = input_function(built_in.subtype, -1, styles)
    if built_in.sort == "r":
        return input_containers.range_in(bound, built_in.subtype)
    return input_containers.multirange_in(bound, built_in.subtype)


def _geometric(oid: int) -> InputFunction:
    from .geometry import geometry_reader

    read = geometry_reader(oid)

    def geometry_in(text: str) -> object:
        found = read(text)
        if found is None:
            raise input_syntax(oids.kind_name(oid), text)
        return found

    return geometry_in


def _no_record(text: str) -> object:  # noqa: ARG001 - every one is refused
    raise input_error("0A000", "input of anonymous composite types is not implemented")
