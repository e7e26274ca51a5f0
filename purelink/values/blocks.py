"""Rows of Python values to bytes, a block of rows at once, column by column.

Floor 1, pure; loaded with the first block. Between two values of varying length all rows have
the same bytes at the same places, but for the values: one `pack` writes such a stretch for all
rows of a block, constants as gaps that one slice assignment for each byte fills. Then the
stretches are cut and joined in turn with what varies. Whatever there is to object to (a NULL of a
fixed width, a value of another type, a row of another length) raises, and the block is written row
by row, by the writer that `compiled` makes: both write the same.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from itertools import repeat
from operator import add, attrgetter, floordiv, methodcaller, sub
from struct import Struct
from typing import Any, Callable, NamedTuple, Sequence

from . import compiled

__all__ = ["Varying", "block_writer", "texts_of"]

#: rows in a block, and how few make none
BLOCK, FEW = 256, 16
#: blocks at most that go row by row after one that would not do
_PATIENCE = 64
#: characters of a column that are held twice for a moment
_JOINED_AT_MOST = 1 << 22

#: a column of varying length to its values' bytes, None for NULL
Varying = Callable[["tuple[Any, ...]"], "Sequence[bytes | None]"]

_BITS = {False: 0, True: 1}
_MICROSECOND = timedelta(microseconds=1)


def _moments(since: datetime) -> Callable[[tuple[Any, ...]], list[int]]:
    return lambda column: list(map(floordiv, map(sub, column, repeat(since)), repeat(_MICROSECOND)))


def _uuids(column: tuple[Any, ...]) -> list[bytes]:
    octets: Callable[[Any, int, str], bytes] = int.to_bytes  # type: ignore[assignment]
    return list(map(octets, map(attrgetter("int"), column), repeat(16), repeat("big")))


#: kind -> what makes the arguments of `pack` of a column; the others are as they should be
_ARGUMENTS: dict[int, Callable[[tuple[Any, ...]], Sequence[Any]]] = {
    compiled.BOOL: lambda column: list(map(_BITS.__getitem__, column)),
    compiled.DATE: lambda column: list(
        map((-730_120).__add__, map(methodcaller("toordinal"), column))
    ),
    compiled.TIMESTAMP: _moments(datetime(2000, 1, 1)),  # noqa: DTZ001 - it has no time zone
    compiled.TIMESTAMPTZ: _moments(datetime(2000, 1, 1, tzinfo=timezone.utc)),
    compiled.UUID: _uuids,
}


def texts_of(column: tuple[Any, ...]) -> Sequence[bytes | None]:
    """Return texts as UTF-8, None for None; raises where one is no `str`, or holds a NUL."""
    try:
        joined = "\0".join(column)
    except TypeError:
        joined = "\0".join(["" if text is None else text for text in column])
        found: list[bytes | None] = [*_parted(joined, len(column))]
        return [None if text is None else data for text, data in zip(column, found)]
    return _parted(joined, len(column))


def _parted(joined: str, count: int) -> list[bytes]:
    if len(joined) > _JOINED_AT_MOST:
        raise ValueError
    parts = joined.encode().split(b"\0")
    if len(parts) != count:
        raise ValueError
    return parts


class _Stretch(NamedTuple):
    """What all rows have in common up to a value of varying length, or to their end.

    Fields:
        layout: of one row. width: its bytes.
        constants: place and byte of what is the same in all rows and not zero.
        sources: which columns' numbers or lengths it holds.
    """

    layout: str
    width: int
    constants: list[tuple[int, bytes]]
    sources: list[int]

    def written(self, count: int, pack: Callable[..., bytes], sources: list[Any]) -> bytearray:
        """Return it for all rows."""
        width = len(self.sources)
        arguments = [None] * (width * count)
        for place, source in enumerate(self.sources):
            arguments[place::width] = sources[source]
        data = bytearray(pack(*arguments))
        for at, byte in self.constants:
            data[at :: self.width] = byte * count
        return data


def _stretches(
    kinds: tuple[int, ...], head: bytes, tail: bytes, *, message: bool
) -> list[_Stretch]:
    """Cut a row's form at its values of varying length; the message's size is source -1."""
    found: list[_Stretch] = []
    layout, width = "", 0
    constants: list[tuple[int, bytes]] = []
    sources: list[int] = []

    def constant(data: bytes) -> None:
        nonlocal layout, width
        constants.extend([(width + n, bytes([byte])) for n, byte in enumerate(data) if byte])
        layout, width = f"{layout}{len(data)}x", width + len(data)

    def argument(code: str, size: int, source: int) -> None:
        nonlocal layout, width
        layout, width = layout + code, width + size
        sources.append(source)

    if message:
        constant(b"B")
        argument("i", 4, -1)
    constant(head)
    for number, kind in enumerate(kinds):
        if kind in compiled.WRITTEN:
            code, size = compiled.written(kind)
            constant(size.to_bytes(4, "big"))
            argument(code, size, number)
        else:
            argument("i", 4, number)
            found.append(_Stretch(layout, width, constants, sources))
            layout, width, constants, sources = "", 0, [], []
    constant(tail)
    found.append(_Stretch(layout, width, constants, sources))
    return found


def block_writer(
    kinds: tuple[int, ...],
    varying: Sequence[Varying],
    by_row: Callable[[Any, int], bytes],
    head: bytes,
    tail: bytes,
    *,
    message: bool,
) -> compiled.RowWriter:
    """Return the function that writes rows of these kinds, a block at once where it can.

    Args:
        kinds, head, tail, message: as for `compiled.row_writer`.
        varying: for each column of kind `SINGLE`, what makes its values' bytes.
        by_row: writes rows that are no such block, given the number of the first.
    """
    stretches = _stretches(kinds, head, tail, message=message)
    loose = [number for number, kind in enumerate(kinds) if kind not in compiled.WRITTEN]
    turned = [(number, _ARGUMENTS[kind]) for number, kind in enumerate(kinds) if kind in _ARGUMENTS]
    fixed = sum([stretch.width for stretch in stretches]) - 1 - (len(tail) - 2)
    prepared: dict[int, list[tuple[Struct, Struct]]] = {}
    wait = [0, 1]  # blocks to go row by row, and how many the next time

    def structs(count: int) -> list[tuple[Struct, Struct]]:
        made = prepared.get(count)
        if made is None:
            made = [
                (Struct(">" + stretch.layout * count), Struct(f"{stretch.width}s" * count))
                for stretch in stretches
            ]
            if count == BLOCK:
                prepared[count] = made
        return made

    def block(rows: Sequence[Any]) -> list[bytes] | tuple[bytearray]:
        count = len(rows)
        if set(map(len, rows)) != {len(kinds)}:
            raise ValueError
        sources: list[Any] = [*zip(*rows), None]
        values: list[Sequence[bytes]] = []
        sizes: list[int] | None = None
        for number, arguments in turned:
            sources[number] = arguments(sources[number])
        for number, encode in zip(loose, varying):
            data: Any = encode(sources[number])
            try:
                there = lengths = list(map(len, data))
            except TypeError:
                lengths = [-1 if value is None else len(value) for value in data]
                data = [value or b"" for value in data]
                there = list(map(len, data))
            values.append(data)
            sources[number] = lengths
            sizes = there if sizes is None else list(map(add, sizes, there))
        if sizes is not None and max(sizes) + fixed > compiled.MAX_MESSAGE:
            raise OverflowError
        if message:
            sources[-1] = repeat(fixed, count) if sizes is None else map(fixed.__add__, sizes)
            sources[-1] = list(sources[-1])
        written = [
            (stretch.written(count, pack.pack, sources), cut)
            for stretch, (pack, cut) in zip(stretches, structs(count))
        ]
        if not values:
            return (written[0][0],)
        width = 2 * len(values) + 1
        pieces = [b""] * (width * count)
        for place, (data, cut) in enumerate(written):
            if data:
                pieces[2 * place :: width] = cut.unpack(data)
        for place, each in enumerate(values):
            pieces[2 * place + 1 :: width] = each
        return pieces

    def write(rows: Any) -> bytes:
        if not isinstance(rows, list):
            rows = list(rows)
        out: list[Any] = []
        for at in range(0, len(rows), BLOCK):
            part = rows[at : at + BLOCK]
            if wait[0] or len(part) < FEW:
                wait[0] = max(wait[0] - 1, 0)
                out.append(by_row(part, at))
                continue
            try:
                out += block(part)
                wait[1] = 1
            except Exception:  # row by row it is seen what is wrong, if anything is
                out.append(by_row(part, at))
                wait[:] = wait[1], min(2 * wait[1], _PATIENCE)
        return b"".join(out)

    return write
