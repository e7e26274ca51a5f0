"""A result as an Arrow table: which Arrow type a column has, and the table by pyarrow.

Floor 2, pure; loaded, and pyarrow with it, when somebody asks a result for Arrow. A column's type
follows from its PostgreSQL type alone, so that a result of no rows has the same schema.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable

from .errors import DataError, NotSupportedError, ProgrammingError
from .values import oids
from .values.interval import Interval

if TYPE_CHECKING:
    from .result import Result
    from .wire.backend import Column

__all__ = ["stream", "table"]


def _pyarrow() -> Any:
    try:
        import pyarrow as pa
    except ImportError:
        raise NotSupportedError(
            "a result speaks Arrow by pyarrow, which is not installed: pip install pyarrow"
        ) from None
    return pa


def stream(result: Result, requested_schema: object = None) -> object:
    """Return the PyCapsule of a result's Arrow stream. Raises as `Result.__arrow_c_stream__`."""
    return table(result).__arrow_c_stream__(requested_schema)


def table(result: Result) -> Any:
    """Return a result as a `pyarrow.Table`; two columns may have one name.

    Raises:
        NotSupportedError: pyarrow is not installed. ProgrammingError: the statement returned no
            rows. DataError: a value that its column's Arrow type cannot hold.
    """
    arrow = _pyarrow()
    if result.description is None:
        raise ProgrammingError("the statement returned no rows: there is nothing for Arrow")
    arrays = []
    for column, values in zip(result.description, result.columns()):
        kind, convert = _kind(arrow, column, values)
        try:
            if convert is not None:
                values = [None if value is None else convert(value) for value in values]
            arrays.append(arrow.array(values, kind))
        except (arrow.ArrowException, TypeError, ValueError, OverflowError, AttributeError):
            raise DataError(
                f"a value of column {column.name!r} ({oids.kind_name(column.type_oid)}) has no"
                f" place in Arrow's {kind}: cast the column to text",
                sqlstate="22000",
            ) from None
    schema = [(column.name, one.type) for column, one in zip(result.description, arrays)]
    return arrow.Table.from_arrays(arrays, schema=arrow.schema(schema))


def _text_of(value: object) -> str:
    return value if isinstance(value, str) else str(value)


def _document(value: object) -> str:
    from json import dumps

    return dumps(value, ensure_ascii=False)


def _month_day_nano(value: Any) -> tuple[int, int, int]:
    if isinstance(value, Interval):
        return value.months, value.days, value.microseconds * 1000
    return 0, value.days, (value.seconds * 1_000_000 + value.microseconds) * 1000


#: type OID -> the name of pyarrow's function that makes the type, and its arguments
_PLAIN: dict[int, tuple[Any, ...]] = {
    oids.BOOL: ("bool_",),
    oids.INT2: ("int16",),
    oids.INT4: ("int32",),
    oids.INT8: ("int64",),
    oids.OID: ("uint32",),
    oids.XID: ("uint32",),
    oids.CID: ("uint32",),
    oids.XID8: ("uint64",),
    oids.FLOAT4: ("float32",),
    oids.FLOAT8: ("float64",),
    oids.BYTEA: ("binary",),
    oids.DATE: ("date32",),
    oids.TIME: ("time64", "us"),
    oids.TIMESTAMP: ("timestamp", "us"),
    oids.TIMESTAMPTZ: ("timestamp", "us", "UTC"),
}


def _kind(
    arrow: Any, column: Column, values: list[Any]
) -> tuple[Any, Callable[[Any], object] | None]:
    """Return a column's Arrow type, and what makes a value fit for it (None: it is)."""
    oid = column.type_oid
    element = oids.ELEMENT_OF.get(oid)
    if element is None:
        return _scalar(arrow, oid, column.type_modifier, values)
    flat: list[Any] = []
    depth = 1
    for value in values:
        depth = max(depth, _flatten(value, flat))
    kind, convert = _scalar(arrow, element, column.type_modifier, flat)
    for _ in range(depth):
        kind = arrow.list_(kind)
    if convert is None:
        return kind, None
    return kind, lambda value: _mapped(value, convert)


def _flatten(value: Any, into: list[Any]) -> int:
    """Put an array's elements into a list; return how many dimensions it has, at least 1."""
    if value is None:
        return 1
    depth = 1
    for member in value:
        if isinstance(member, list):
            depth = max(depth, 1 + _flatten(member, into))
        else:
            into.append(member)
    return depth


def _mapped(value: Any, convert: Callable[[Any], object]) -> Any:
    if isinstance(value, list):
        return [_mapped(member, convert) for member in value]
    return None if value is None else convert(value)


def _scalar(
    arrow: Any, oid: int, modifier: int, values: list[Any]
) -> tuple[Any, Callable[[Any], object] | None]:
    plain = _PLAIN.get(oid)
    if plain is not None:
        return getattr(arrow, plain[0])(*plain[1:]), None
    if oid == oids.NUMERIC:
        return _numeric(arrow, modifier, values)
    if oid == oids.INTERVAL:
        return arrow.month_day_nano_interval(), _month_day_nano
    if oid in (oids.JSON, oids.JSONB):
        return arrow.string(), _document
    return arrow.string(), _text_of


def _numeric(
    arrow: Any, modifier: int, values: list[Any]
) -> tuple[Any, Callable[[Any], object] | None]:
    """Return decimal128 or decimal256 of the declared precision, text where none is declared."""
    if modifier >= 4:
        precision, scale = (modifier - 4) >> 16 & 0xFFFF, (modifier - 4) & 0x7FF
        scale = (scale ^ 0x400) - 0x400
        if precision <= 76 and all(value is None or value.is_finite() for value in values):
            make = arrow.decimal128 if precision <= 38 else arrow.decimal256
            return make(precision, scale), None
    return arrow.string(), _text_of
