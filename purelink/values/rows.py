"""DataRow messages to tuples: decoders made for a result's shape, each with one operation.

Floor 1, pure. Framing and conversion are two stages: a stretch of rows is cut into raw
values with every length word checked, then whole columns are converted at once (a bulk
converter for the commonest types, value by value for the rest) and zipped back to tuples.
A bulk converter only has to be right about sound values: when one objects, the stretch is
converted again one value at a time, and that tells which row and value are at fault.
"""

from __future__ import annotations

from itertools import repeat
from struct import Struct
from struct import error as StructError  # noqa: N812 - it is an exception class
from typing import TYPE_CHECKING, Any, Callable, Optional, Protocol, Sequence

from ..errors import DataError, RemoteProtocolError
from .columns import column_converter
from .styles import DEFAULT_STYLES

if TYPE_CHECKING:
    from .columns import BulkConverter, Converter
    from .styles import Styles
    from .text import Registry

__all__ = [
    "ColumnLike",
    "RowCounter",
    "RowDecoder",
    "ValueFailure",
    "null_row_decoder",
    "raw_row_decoder",
    "row_decoder",
    "text_row_decoder",
]

RawRow = "tuple[Optional[bytes], ...]"

#: libpq's own bound of a message's length word
MAX_MESSAGE = 0x3FFFFFFF
#: rows that are framed before they are converted: bounds what is held twice
_STRETCH = 512
#: below this many rows a column-wise conversion does not pay
_FEW = 6

_DATA_ROW = 0x44
_HEADER = Struct(">BiH").unpack_from
_LENGTHS = Struct(">Bi").unpack_from
_WORD = Struct(">i").unpack_from


class ColumnLike(Protocol):
    """What a decoder needs of a column of a RowDescription."""

    @property
    def type_oid(self) -> int:
        """OID of the data type."""

    @property
    def format(self) -> int:
        """0 text, 1 binary."""


class ValueFailure(Exception):
    """Internal: a row was framed soundly, but one of its values could not be decoded.

    Args:
        error: what the session raises once the protocol is in step again.
        position: offset just past the offending DataRow. The rows before it were appended.
    """

    def __init__(self, error: DataError, position: int) -> None:
        super().__init__(str(error))
        self.error = error
        self.position = position


class RowDecoder:
    """Decodes the rows of one shape.

    `decode(buffer, start, end, rows)`: `start` is a message boundary in `buffer`, `end` the
    end of what may be read. As many whole consecutive DataRow messages as stand there are
    appended to `rows` as tuples; the result is the offset of the first byte not consumed,
    where an incomplete message or one that is no DataRow begins.

    Raises (decode):
        RemoteProtocolError: a length word, field count or body is wrong. Close.
        ValueFailure: a value cannot be decoded; the messages are in step.
    """

    __slots__ = ("decode",)

    def __init__(self, decode: Callable[[bytes, int, int, list[Any]], int]) -> None:
        self.decode = decode


class RowCounter(RowDecoder):
    """Checks rows and keeps nothing of them; `count` tells how many went by."""

    __slots__ = ("count",)

    def __init__(self, columns: int) -> None:
        self.count = 0
        frame = _framer(columns)

        def decode(buffer: bytes, start: int, end: int, rows: list[Any]) -> int:  # noqa: ARG001
            position = start
            while True:
                gone: list[Any] = []
                position, _ = frame(buffer, position, end, gone)
                self.count += len(gone)
                if len(gone) < _STRETCH:
                    return position

        super().__init__(decode)


def null_row_decoder(count: int) -> RowCounter:
    """Return a decoder that checks rows of `count` columns and drops them."""
    return RowCounter(count)


def raw_row_decoder(columns: Sequence[ColumnLike]) -> RowDecoder:
    """Return a decoder that gives tuples of `bytes | None`."""
    frame = _framer(len(columns))

    def decode(buffer: bytes, start: int, end: int, rows: list[Any]) -> int:
        position = start
        while True:
            before = len(rows)
            position, _ = frame(buffer, position, end, rows)
            if len(rows) - before < _STRETCH:
                return position

    return RowDecoder(decode)


def text_row_decoder(
    columns: Sequence[ColumnLike], encoding: str = "utf-8", errors: str = "strict"
) -> RowDecoder:
    """Return a decoder that gives tuples of `str | None`, whatever the types are.

    Args:
        columns: all in text format.
        encoding: Python's codec for client_encoding (`encodings.codec_of`).
        errors: its error handler.
    """
    from .columns import text_converter

    converters = [text_converter("text", str, encoding, errors) for _ in columns]
    return _converting(converters)


def row_decoder(
    columns: Sequence[ColumnLike],
    *,
    encoding: str = "utf-8",
    errors: str = "strict",
    styles: Styles = DEFAULT_STYLES,
    registry: Registry | None = None,
) -> RowDecoder:
    """Return the decoder of rows of these columns to tuples of Python objects.

    Args:
        columns: the RowDescription's, formats as the rows really have them.
        encoding: Python's codec for client_encoding (`encodings.codec_of`).
        errors: its error handler.
        styles: reported DateStyle, IntervalStyle, TimeZone.
        registry: the connection's own decoders; None: the built-in ones.
    """
    converters = [
        column_converter(
            column.type_oid,
            column.format,
            encoding=encoding,
            errors=errors,
            styles=styles,
            registry=registry,
        )
        for column in columns
    ]
    return _converting(converters)


def _converting(converters: list[Converter]) -> RowDecoder:
    frame = _framer(len(converters))
    singles = [converter.single for converter in converters]
    bulks = [converter.bulk for converter in converters]

    def decode(buffer: bytes, start: int, end: int, rows: list[Any]) -> int:
        position = start
        while True:
            before = position
            raw: list[tuple[bytes | None, ...]] = []
            position, nulls = frame(buffer, position, end, raw)
            if len(raw) < _FEW or not bulks:
                _row_by_row(raw, singles, rows, buffer, before)
            else:
                try:
                    columns = list(map(_column, zip(*raw), bulks, repeat(nulls)))
                except Exception:  # any objection: the careful way tells the same or why not
                    _row_by_row(raw, singles, rows, buffer, before)
                else:
                    rows.extend(zip(*columns))
            if len(raw) < _STRETCH:
                return position

    return RowDecoder(decode)


def _column(values: tuple[bytes | None, ...], bulk: BulkConverter, nulls: bool) -> Sequence[object]:
    """Convert one column's values of a stretch of rows."""
    if nulls and None in values:
        present = [value for value in values if value is not None]
        converted = iter(bulk(present)) if present else iter(())
        return [None if value is None else next(converted) for value in values]
    return bulk(values)  # type: ignore[arg-type]  # no None among them


def _row_by_row(
    raw: list[tuple[bytes | None, ...]],
    singles: list[Callable[[bytes], object]],
    rows: list[Any],
    buffer: bytes,
    start: int,
) -> None:
    """Convert the careful way; `start` is where the first of `raw` begins in `buffer`."""
    for number, row in enumerate(raw, 1):
        try:
            decoded = tuple(
                [None if value is None else single(value) for single, value in zip(singles, row)]
            )
        except (DataError, *_FOREIGN) as error:
            position = start
            for _ in range(number):
                position += 1 + _WORD(buffer, position + 1)[0]
            raise ValueFailure(_data_error(error), position) from None
        rows.append(decoded)


#: What no decoder may raise: if one does, the value is refused, and the connection not lost.
_FOREIGN = (ArithmeticError, LookupError, RecursionError, TypeError, ValueError)


def _data_error(error: Exception) -> DataError:
    if isinstance(error, DataError):
        return error
    told = DataError(f"a value could not be read: {type(error).__name__}", sqlstate="22P02")
    told.__cause__ = error
    return told


Framer = Callable[[bytes, int, int, "list[tuple[Optional[bytes], ...]]"], "tuple[int, bool]"]


def _framer(columns: int) -> Framer:
    """Return the function that cuts rows of so many columns into raw values.

    It appends at most `_STRETCH` rows and returns where it stopped and whether there were
    NULLs. A row is read in full before its end is compared with the message's, as slices
    cannot leave the buffer and a row in disagreement is never handed on.
    """
    places = range(columns)
    header, word = _HEADER, _WORD

    def frame(
        buffer: bytes, position: int, end: int, out: list[tuple[bytes | None, ...]]
    ) -> tuple[int, bool]:
        nulls = False
        append = out.append
        limit = end - 6
        for _ in repeat(None, _STRETCH):
            if position >= limit:
                break
            tag, length, count = header(buffer, position)
            if tag != _DATA_ROW:
                return position, nulls
            stop = position + 1 + length
            if stop > end or length < 6:
                break
            if count != columns:
                raise RemoteProtocolError('unexpected field count in "D" message')
            row: list[bytes | None] = []
            add = row.append
            at = position + 7
            try:
                for _ in places:
                    (size,) = word(buffer, at)
                    at += 4
                    if size >= 0:
                        add(buffer[at : at + size])
                        at += size
                    elif size == -1:
                        nulls = True
                        add(None)
                    else:
                        raise RemoteProtocolError('insufficient data in "D" message')
            except StructError:  # a length word at the very end of the buffer
                raise RemoteProtocolError('insufficient data in "D" message') from None
            if at != stop:
                raise _disagreement(buffer, position + 7, stop, columns)
            append(tuple(row))
            position = stop
        else:
            return position, nulls
        _check_length(buffer, position, end)
        return position, nulls

    return frame


def _check_length(buffer: bytes, position: int, end: int) -> None:
    """Refuse the length word of an incomplete DataRow as soon as it is there."""
    if end - position >= 5:
        tag, length = _LENGTHS(buffer, position)
        if tag == _DATA_ROW and not 6 <= length <= MAX_MESSAGE:
            raise RemoteProtocolError(
                f'lost synchronization with server: got message type "D", length {length}'
            )


def _disagreement(buffer: bytes, at: int, stop: int, columns: int) -> RemoteProtocolError:
    """Walk a row whose fields do not end where its message does, to say which way."""
    for _ in range(columns):
        if stop - at < 4:
            return RemoteProtocolError('insufficient data in "D" message')
        at += 4 + max(_WORD(buffer, at)[0], 0)
        if at > stop:
            return RemoteProtocolError('insufficient data in "D" message')
    return RemoteProtocolError('message contents do not agree with length in message type "D"')
