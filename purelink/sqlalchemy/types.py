"""What SQLAlchemy's types become: casts where the server could not tell, values both sides know.

Floor 6. Most values need nothing: purelink's own are what SQLAlchemy expects. A type with
`render_bind_cast` writes `%(x)s::TYPE`, so that the server need not guess from Python's type.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Callable, Optional

from sqlalchemy import types as sqltypes
from sqlalchemy.dialects.postgresql import ARRAY as PG_ARRAY
from sqlalchemy.dialects.postgresql import HSTORE, INTERVAL, JSON, JSONB, REGCONFIG, ranges

from ..values.interval import Interval, interval_decoder
from ..values.ranges import Multirange, Range

if TYPE_CHECKING:
    Processor = Optional[Callable[[Any], Any]]

__all__ = ["COLSPECS", "timedelta_of"]

#: float4, float8 and their arrays
_FLOATS = (700, 701, 1021, 1022)
#: the days of a month and of a year where an interval must be a timedelta, as psycopg has them
_MONTH, _YEAR = 30, 365


class _String(sqltypes.String):
    render_bind_cast = True


class _RegConfig(REGCONFIG):
    render_bind_cast = True


class _Boolean(sqltypes.Boolean):
    render_bind_cast = True


class _Integer(sqltypes.Integer):
    render_bind_cast = True


class _SmallInteger(sqltypes.SmallInteger):
    render_bind_cast = True


class _BigInteger(sqltypes.BigInteger):
    render_bind_cast = True


class _Date(sqltypes.Date):
    render_bind_cast = True


class _Time(sqltypes.Time):
    render_bind_cast = True


class _DateTime(sqltypes.DateTime):
    render_bind_cast = True


class _Array(PG_ARRAY[Any]):
    render_bind_cast = True


class _JSON(JSON):
    render_bind_cast = True


class _JSONB(JSONB):
    render_bind_cast = True


class _JSONIntIndex(sqltypes.JSON.JSONIntIndexType):
    __visit_name__ = "json_int_index"
    render_bind_cast = True


class _JSONStrIndex(sqltypes.JSON.JSONStrIndexType):
    __visit_name__ = "json_str_index"
    render_bind_cast = True


class _Decimals:
    """Decimal or float, whichever the type says, from whichever the server sent."""

    asdecimal: bool
    _effective_decimal_return_scale: int

    def bind_processor(self, dialect: Any) -> Processor:  # noqa: ARG002 - SQLAlchemy's
        """Send numbers as they are."""
        return None

    def result_processor(self, dialect: Any, coltype: Any) -> Processor:  # noqa: ARG002
        """Return what makes the one of the other, where they differ."""
        floating = coltype in _FLOATS
        if self.asdecimal == (not floating):
            return None
        if not self.asdecimal:
            return lambda value: None if value is None else float(value)
        form = f"%.{self._effective_decimal_return_scale}f"
        return lambda value: None if value is None else Decimal(form % value)


class _Numeric(_Decimals, sqltypes.Numeric):  # type: ignore[type-arg]
    pass


class _Float(_Decimals, sqltypes.Float):  # type: ignore[type-arg]
    pass


class _Interval(INTERVAL):
    render_bind_cast = True


_exactly = interval_decoder("exact")


def timedelta_of(text: str) -> Any:
    """Return an interval as SQLAlchemy knows it: months have become days, as with psycopg.

    Raises:
        OverflowError: it is infinite, or longer than a timedelta.
    """
    value: Interval | timedelta = _exactly(text)
    if isinstance(value, timedelta):
        return value
    years, months = divmod(abs(value.months), 12)
    days = years * _YEAR + months * _MONTH
    return timedelta(
        value.days + (days if value.months > 0 else -days), microseconds=value.microseconds
    )


class _HStore(HSTORE):
    """Text unless the program let the connection decode it."""

    def result_processor(self, dialect: Any, coltype: Any) -> Processor:
        """Return what makes a dict of text."""
        parse: Any = super().result_processor(dialect, coltype)
        return lambda value: parse(value) if isinstance(value, str) else value


def _ours(value: Any) -> Range[Any]:
    return Range(value.lower, value.upper, value.bounds, empty=value.empty)


def _theirs(value: Range[Any]) -> ranges.Range[Any]:
    if value.empty:
        return ranges.Range(None, None, empty=True)
    return ranges.Range(value.lower, value.upper, bounds=value.bounds)  # type: ignore[arg-type]


class _Range(ranges.AbstractSingleRangeImpl):  # type: ignore[type-arg]
    def bind_processor(self, dialect: Any) -> Processor:  # noqa: ARG002
        """Return what makes a Range of ours of SQLAlchemy's."""
        return lambda value: _ours(value) if isinstance(value, ranges.Range) else value

    def result_processor(self, dialect: Any, coltype: Any) -> Processor:  # noqa: ARG002
        """Return what makes one of theirs."""
        return lambda value: _theirs(value) if isinstance(value, Range) else value


class _Multirange(ranges.AbstractMultiRangeImpl):  # type: ignore[type-arg]
    def bind_processor(self, dialect: Any) -> Processor:  # noqa: ARG002
        """Return what makes a Multirange of ours of any list of SQLAlchemy's."""

        def bind(value: Any) -> Any:
            if value is None or isinstance(value, (str, Multirange)):
                return value
            return Multirange(_ours(each) for each in value)

        return bind

    def result_processor(self, dialect: Any, coltype: Any) -> Processor:  # noqa: ARG002
        """Return what makes one of theirs."""

        def result(value: Any) -> Any:
            return None if value is None else ranges.MultiRange(map(_theirs, value))

        return result


COLSPECS: dict[Any, Any] = {
    sqltypes.String: _String,
    REGCONFIG: _RegConfig,
    sqltypes.Boolean: _Boolean,
    sqltypes.Integer: _Integer,
    sqltypes.SmallInteger: _SmallInteger,
    sqltypes.BigInteger: _BigInteger,
    sqltypes.Date: _Date,
    sqltypes.Time: _Time,
    sqltypes.DateTime: _DateTime,
    sqltypes.Interval: _Interval,
    INTERVAL: _Interval,
    sqltypes.Numeric: _Numeric,
    sqltypes.Float: _Float,
    sqltypes.ARRAY: _Array,
    sqltypes.JSON: _JSON,
    JSON: _JSON,
    JSONB: _JSONB,
    sqltypes.JSON.JSONIntIndexType: _JSONIntIndex,
    sqltypes.JSON.JSONStrIndexType: _JSONStrIndex,
    HSTORE: _HStore,
    ranges.AbstractSingleRange: _Range,
    ranges.AbstractMultiRange: _Multirange,
}
