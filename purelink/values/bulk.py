"""Rows at speed: three decoders made for a result's shape, and the careful one as their judge.

Floor 1, pure. Runs of fixed-width binary rows are decoded by strides, chunks of text rows by one
regular expression, the rest (few rows, large rows, other types and encodings, and everything on
PyPy) by a loop compiled for the shape. None of them ever raises for what a server sends: they
stop before what they do not vouch for, and `rows.row_decoder`'s decoder, which checks every
byte one after the other, goes on from there or says what is wrong.
"""

from __future__ import annotations

import gc
import sys
from struct import Struct
from typing import TYPE_CHECKING, Any, Callable, Sequence

from . import compiled, oids
from .columns import column_converter
from .rows import row_decoder as careful_decoder
from .styles import DEFAULT_STYLES
from .text import DEFAULT_REGISTRY

if TYPE_CHECKING:
    from .compiled import RowLoop
    from .rows import ColumnLike, RowDecoder
    from .strides import Finish
    from .styles import Styles
    from .text import Registry

__all__ = ["BulkRowDecoder", "best_formats", "row_decoder"]

#: bytes that are decoded at once: larger pieces miss the processor's caches, and NULLs take
#: five bytes for four in a piece that must stay below 64 kB. A receive (48 kB) and what was left
#: of a row before it are one piece: two halves would cost a tenth more
PIECE = 52_000
#: a chunk of so many bytes is worth compiling for at once; smaller ones at the second use
LARGE = 8_192
#: rows below which the loop is quicker
_FEW_STRIDES, _FEW_SWEPT = 16, 16
#: bytes of a row from which on values are cut out singly, not searched for their end
_LONG_ROW = 4_096
#: columns that code is compiled for, and that one regular expression takes
_MOST_COLUMNS = 128
_MOST_DECODERS = 256
#: a just-in-time compiler makes the loop quicker than both bulk ways
_COMPILES_LOOPS = sys.implementation.name == "pypy"

_LENGTH = Struct(">Bi").unpack_from
#: appends rows from start on, returns where it stopped; start: nothing done. Never raises
_Way = Callable[[bytes, int, int, "list[Any]"], int]

_FIXED = {
    oids.BOOL: compiled.BOOL,
    oids.INT2: compiled.INT2,
    oids.INT4: compiled.INT4,
    oids.INT8: compiled.INT8,
    oids.OID: compiled.UINT4,
    oids.XID: compiled.UINT4,
    oids.CID: compiled.UINT4,
    oids.XID8: compiled.UINT8,
    oids.FLOAT8: compiled.FLOAT8,
}
#: fixed widths that need one step more, by a function of `columnwise`; negative: a width in bytes
_FINISHED = {oids.DATE: compiled.INT4, oids.UUID: -16}
_CHARACTERS = frozenset((oids.TEXT, oids.VARCHAR, oids.BPCHAR, oids.NAME, oids.XML))
_DIGITS = {
    oids.BOOL: compiled.BOOL_TEXT,
    oids.INT2: compiled.INT2_TEXT,
    oids.INT4: compiled.INT4_TEXT,
    oids.INT8: compiled.INT8_TEXT,
}


class BulkRowDecoder:
    """Decodes the rows of one shape, in whatever way is quickest for what came.

    Args:
        columns: the RowDescription's, formats as the rows really have them; at least one.
        encoding, errors: Python's codec for client_encoding, and its error handler.
        styles: reported DateStyle, IntervalStyle, TimeZone.
        registry: the connection's own decoders.
        pause_collector: see `row_decoder`.

    A decoder keeps no state of a result: it may serve several, in several threads.
    """

    __slots__ = (
        "_bulk",
        "_careful",
        "_few",
        "_kinds",
        "_loop",
        "_make",
        "_pause",
        "_singles",
        "_strided",
        "_used",
    )

    def __init__(
        self,
        columns: Sequence[ColumnLike],
        encoding: str,
        errors: str,
        styles: Styles,
        registry: Registry,
        *,
        pause_collector: bool,
    ) -> None:
        self._careful = careful_decoder(
            columns, encoding=encoding, errors=errors, styles=styles, registry=registry
        ).decode
        self._singles = [
            column_converter(
                column.type_oid,
                column.format,
                encoding=encoding,
                errors=errors,
                styles=styles,
                registry=registry,
            ).single
            for column in columns
        ]
        plain = encoding == "utf-8" and errors == "strict"
        self._kinds = tuple([_kind(column, registry, plain) for column in columns])
        self._loop: RowLoop | None = None
        self._bulk: _Way | None = None
        self._few = sys.maxsize
        self._pause = pause_collector and not _COMPILES_LOOPS
        self._used = False
        types = [column.type_oid for column in columns]
        self._strided: list[int] = []
        self._make: Callable[[], _Way] | None = None
        if _COMPILES_LOOPS:
            return
        own = any(registry.overlaid(oid) for oid in types)
        if not own and all(one.format == 1 and one.type_oid in _STRIDDEN for one in columns):
            self._few, self._strided = _FEW_STRIDES, types
            self._make = lambda: _striding(types)
        elif plain and not any(column.format for column in columns):
            self._few = _FEW_SWEPT
            self._make = lambda: _sweeping(types, styles, registry)

    def decode(self, buffer: bytes, start: int, end: int, rows: list[Any]) -> int:
        """Append the whole rows that stand at `start`; as `RowDecoder.decode`.

        Raises:
            RemoteProtocolError: a length word, field count or body is wrong. Close.
            ValueFailure: a value cannot be decoded; the messages are in step.
        """
        if end - start < LARGE and not self._used:
            self._used = True  # a shape that never comes again is not worth compiling for
            return self._careful(buffer, start, end, rows)
        if self._pause and end - start >= LARGE and gc.isenabled():
            gc.disable()
            try:
                position = self._quickly(buffer, start, end, rows)
            finally:
                gc.enable()
        else:
            position = self._quickly(buffer, start, end, rows)
        if position == end or buffer[position] != 0x44:  # the usual end: all rows are done
            return position
        return self._careful(buffer, position, end, rows)

    @property
    def row_loop(self) -> RowLoop:
        """The loop for a few rows: `compiled.row_loop` of this shape."""
        if self._loop is None:
            self._loop = compiled.row_loop(self._kinds, self._singles)
        return self._loop

    def between(self, before: bytes, after: bytes) -> _Way | None:
        """Return what decodes answers of one row each, between messages that are the same in all.

        It is `(buffer, start, end, rows) -> where it stopped`, and never raises. None: these rows
        vary in length.
        """
        return _striding(self._strided, before, after) if self._strided else None

    def _quickly(self, buffer: bytes, start: int, end: int, rows: list[Any]) -> int:
        """Decode while the quick ways vouch for it; return where they stopped."""
        loop = self.row_loop
        few, append, position, patience = self._few, rows.append, start, 1
        while end - position > 6:
            tag, length = _LENGTH(buffer, position)
            if tag != 0x44 or length < 6:
                break
            stop, left = end, end - position
            piece = position + left // -(-left // PIECE)  # of one size, none small
            if length < _LONG_ROW and (piece - position) // (length + 1) >= few:
                after = self._in_bulk(buffer, position, piece, rows)
                gained, position = after - position, after
                if 2 * gained > piece - after:
                    patience = 1
                    continue
                # row by row for a while, the longer the more often bulk was in vain
                stop = min(position + PIECE // 16 * patience, end)
                patience *= 2
            after = loop(buffer, position, stop, append)
            if after == position and stop < end:
                after = loop(buffer, position, end, append)
            if after == position:
                break
            position = after
        return position

    def _in_bulk(self, buffer: bytes, start: int, end: int, rows: list[Any]) -> int:
        way = self._bulk
        if way is None:
            assert self._make is not None
            way = self._bulk = self._make()
        return way(buffer, start, end, rows)


def _kind(column: ColumnLike, registry: Registry, plain: bool) -> int:
    """Return the kind of a column in a compiled loop.

    Args:
        column: a ColumnLike.
        registry: the connection's own decoders, for text.
        plain: the encoding is UTF-8, and errors in it are errors.
    """
    oid = column.type_oid
    if registry.overlaid(oid):
        return compiled.SINGLE
    if column.format:
        if oid in _FIXED:
            return _FIXED[oid]
        if oid == oids.BYTEA:
            return compiled.BYTES
        return compiled.CHARACTERS if plain and oid in _CHARACTERS else compiled.SINGLE
    if oid in _DIGITS:
        return _DIGITS[oid]
    # an unknown type's text is its value
    known = registry.text_decoder(oid) is not str
    return compiled.SINGLE if known or not plain else compiled.CHARACTERS


def _striding(types: list[int], before: bytes = b"", after: bytes = b"") -> _Way:
    """Return the way of rows of fixed widths in binary; `before`, `after`: as `Strides` has it."""
    from . import columnwise
    from .strides import Strides

    finish: dict[int, Callable[[], Finish]] = {
        oids.DATE: columnwise.finish_dates,
        oids.UUID: columnwise.finish_uuids,
    }
    strides = Strides(
        tuple([_FIXED[oid] if oid in _FIXED else _FINISHED[oid] for oid in types]),
        tuple([finish[oid]() if oid in finish else None for oid in types]),
        before,
        after,
    )
    width, run = strides.width, strides.run

    def striding(buffer: bytes, start: int, end: int, rows: list[Any]) -> int:
        try:
            return start + run(buffer, start, end, rows) * width
        except Exception:  # a date that Python cannot hold: the loop finds the row
            return start

    return striding


def _sweeping(types: list[int], styles: Styles, registry: Registry) -> _Way:
    """Return the way of rows in text."""
    from .columnwise import column_decoder, decoded
    from .sweep import Sweep

    sweep = Sweep(len(types))
    decoders = [column_decoder(oid, styles, registry) for oid in types]

    def sweeping(buffer: bytes, start: int, end: int, rows: list[Any]) -> int:
        stop = sweep.last_row_end(buffer, start, end)
        found = sweep.columns(buffer, start, stop) if stop > start else None
        if found is None:
            return start
        try:
            rows.extend(zip(*map(decoded, decoders, found)))
        except Exception:  # a value that is none of its type, or UTF-8 that is none
            return start
        return stop

    return sweeping


_STRIDDEN = frozenset([*_FIXED, *_FINISHED])
_decoders: dict[object, BulkRowDecoder] = {}


def _own(registry: Registry, columns: Sequence[ColumnLike]) -> bool:
    """Tell whether a program's own decoder serves one of the columns."""
    if registry.untouched:
        return False
    return any(registry.overlaid(column.type_oid) for column in columns)


def row_decoder(
    columns: Sequence[ColumnLike],
    *,
    encoding: str = "utf-8",
    errors: str = "strict",
    styles: Styles = DEFAULT_STYLES,
    registry: Registry | None = None,
    pause_collector: bool = True,
) -> BulkRowDecoder | RowDecoder:
    """Return the quickest decoder of rows of these columns to tuples of Python objects.

    It gives what `rows.row_decoder`'s gives, row for row and error for error. Decoders are kept
    by types, formats and styles, so that asking for the same again costs a look-up.

    Args:
        columns: the RowDescription's, formats as the rows really have them.
        encoding: Python's codec for client_encoding (`encodings.codec_of`).
        errors: its error handler.
        styles: reported DateStyle, IntervalStyle, TimeZone.
        registry: the connection's own decoders; None: the built-in ones.
        pause_collector: no garbage collection while one large piece is decoded (a millisecond
            or so): it would visit every row made, to find none of them garbage. The pause is the
            whole process's; another thread's `gc.disable()` in that moment is undone.
    """
    if registry is None or not _own(registry, columns):
        registry = DEFAULT_REGISTRY
    if not 0 < len(columns) <= _MOST_COLUMNS:
        return careful_decoder(
            columns, encoding=encoding, errors=errors, styles=styles, registry=registry
        )
    shape = tuple([(column.type_oid, column.format) for column in columns])
    key = (shape, encoding, errors, styles, pause_collector)
    decoder = _decoders.get(key) if registry is DEFAULT_REGISTRY else None
    if decoder is None:
        decoder = BulkRowDecoder(
            columns, encoding, errors, styles, registry, pause_collector=pause_collector
        )
        if registry is DEFAULT_REGISTRY:
            if len(_decoders) >= _MOST_DECODERS:  # the server chooses the shapes
                _decoders.clear()
            _decoders[key] = decoder
    return decoder


#: types whose binary value costs no more than its text, beside a bytea that costs half
_BESIDE_BYTEA = _STRIDDEN | _CHARACTERS | {oids.BYTEA, oids.JSON, oids.JSONB}


def best_formats(
    columns: Sequence[ColumnLike], registry: Registry | None = None
) -> tuple[int, ...]:
    """Return the result format of each column (0 text, 1 binary) that is decoded soonest.

    One code for the whole row: binary for rows of fixed widths, and for bytea (whose text is twice
    as long) beside types that don't mind; else text. A type with a program's own decoder, which
    reads text, is text. Text wants DateStyle ISO to be quick, and before server 12
    extra_float_digits 3 to be exact.

    Args:
        columns: their `type_oid`; what `format` says does not matter.
        registry: the connection's own decoders; None: the built-in ones.
    """
    types = {column.type_oid for column in columns}
    own = registry is not None and _own(registry, columns)
    binary = types <= _STRIDDEN or (oids.BYTEA in types and types <= _BESIDE_BYTEA)
    return (1 if binary and not own else 0,) * len(columns)
