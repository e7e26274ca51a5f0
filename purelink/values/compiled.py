"""Code made for a shape: loops that decode rows of one kind, functions that encode them.

Floor 1, pure; the only module that calls `exec`. Source is built from checked integers and
our own names alone: a shape is a tuple of small numbers (`Kind`), and whatever else the code
needs (the decoders of single values) is handed to the made function as an argument.
Compiling takes 0.3 to 1 ms, so what was made is kept, a bounded number of shapes.
"""

from __future__ import annotations

from struct import Struct
from typing import Any, Callable, Container, Iterable, Sequence

__all__ = [
    "BOOL",
    "BOOL_TEXT",
    "BYTES",
    "CHARACTERS",
    "FIXED",
    "INT2_TEXT",
    "INT4_TEXT",
    "INT8_TEXT",
    "SINGLE",
    "row_loop",
]

# Kinds of columns. Fixed widths in binary: the letter of `struct` and the width.
INT2, INT4, INT8, UINT4, UINT8, FLOAT8, BOOL = range(1, 8)
FIXED: dict[int, tuple[str, int]] = {
    INT2: ("h", 2),
    INT4: ("i", 4),
    INT8: ("q", 8),
    UINT4: ("I", 4),
    UINT8: ("Q", 8),
    FLOAT8: ("d", 8),
    BOOL: ("B", 1),
}
# The others: an expression each, of `raw` (the value's bytes), `s` (its careful decoder).
BYTES, CHARACTERS, BOOL_TEXT, INT2_TEXT, INT4_TEXT, INT8_TEXT, SINGLE = range(20, 27)
_VALUES = {
    BYTES: "{raw}",
    # one copy of a long text, not two
    CHARACTERS: "({raw}.decode() if n < 65536 else str(memoryview(buffer)[p:q], 'utf-8'))",
    BOOL_TEXT: "bools[{raw}]",
    SINGLE: "{s}({raw})",
}
#: digits that surely fit
_DIGITS = {INT2_TEXT: 4, INT4_TEXT: 9, INT8_TEXT: 18}

#: libpq's own bound of a message's length word
MAX_MESSAGE = 0x3FFFFFFF
#: shapes whose code is kept
_MOST = 256

_loops: dict[tuple[int, ...], Callable[..., RowLoop]] = {}

#: `loop(buffer, start, end, append) -> int`: decode whole rows, call `append` with each, tell
#: where it stopped: at an incomplete row, another message, or anything it does not vouch for
RowLoop = Callable[[bytes, int, int, Callable[[Any], object]], int]


def row_loop(kinds: tuple[int, ...], singles: Sequence[Callable[[bytes], object]]) -> RowLoop:
    """Return the loop that decodes rows of these kinds one after the other.

    Args:
        kinds: one for each column, at least one.
        singles: the careful decoder of each column, asked by the kinds that need it.

    The loop never raises for what it is sent: it stops before the row, and the careful
    decoder says what is wrong with it.
    """
    make = _loops.get(kinds)
    if make is None:
        if len(_loops) >= _MOST:
            _loops.clear()
        make = _loops[kinds] = _made("make", _loop_source(kinds), _layouts(kinds))
    return make(*singles)


def _made(name: str, source: str, names: dict[str, object]) -> Any:
    """Run `source`, which defines the function `name`, among `names` alone."""
    exec(compile(source, "<purelink.values.compiled>", "exec"), names)  # noqa: S102
    return names[name]


# -- rows ----------------------------------------------------------------------------------


def _stretches(
    kinds: tuple[int, ...], fixed: Container[int] = FIXED
) -> list[tuple[list[int], int | None]]:
    """Cut a shape: runs of fixed widths, each with the column of another kind that ends it."""
    found: list[tuple[list[int], int | None]] = []
    run: list[int] = []
    for number, kind in enumerate(kinds):
        if kind in fixed:
            run.append(number)
        else:
            found.append((run, number))
            run = []
    if run:
        found.append((run, None))
    return found


def _layout(kinds: tuple[int, ...], run: list[int], last: int | None) -> str:
    fields = "".join(["i" + FIXED[kinds[number]][0] for number in run])
    return fields + ("" if last is None else "i")


def _layouts(kinds: tuple[int, ...]) -> dict[str, object]:
    """Return the names that the loop of a shape uses."""
    names: dict[str, object] = {
        "word": Struct(">i").unpack_from,
        "bools": {b"t": True, b"f": False},
    }
    for code, _ in FIXED.values():
        names[f"one_{code}"] = Struct(">" + code).unpack_from
    for number, (run, last) in enumerate(_stretches(kinds)):
        head = "" if number else "BiH"
        names[f"stretch{number}"] = Struct(">" + head + _layout(kinds, run, last)).unpack_from
    return names


def _loop_source(kinds: tuple[int, ...]) -> str:
    """Return the source of `make(s0, s1 …)`, which returns the loop.

    Every stretch is unpacked at once as if it held no NULL; where a length word says otherwise,
    its columns are read one by one. The row counts only if it ends where its message does.
    """
    count = len(kinds)
    stretches = _stretches(kinds)
    first_size = Struct(">BiH" + _layout(kinds, *stretches[0])).size
    arguments = ", ".join([f"s{number}" for number in range(count)])
    lines = [
        f"def make({arguments}):",
        " def loop(buffer, position, end, append):",
        "  try:",
        f"   while end - position >= {first_size}:",
    ]
    for number, (run, last) in enumerate(stretches):
        lines += ["    " + line for line in _stretch_source(kinds, number, run, last)]
    values = "".join([f"v{number}, " for number in range(count)])
    lines += [
        "    if p != stop:",
        "     return position",
        f"    append(({values}))",
        "    position = stop",
        "  except Exception:",
        "   pass",  # the careful decoder will tell
        "  return position",
        " return loop",
    ]
    return "\n".join(lines)


def _stretch_source(
    kinds: tuple[int, ...], number: int, run: list[int], last: int | None
) -> list[str]:
    names = [f"n{column}, v{column}, " for column in run]
    if last is not None:
        names.append("n, ")
    if number:
        lines = [f"{''.join(names)}= stretch{number}(buffer, p)"]
    else:
        lines = [
            f"tag, length, count, {''.join(names)}= stretch0(buffer, position)",
            "stop = position + 1 + length",
            f"if tag != 68 or count != {len(kinds)} or stop > end:",
            " return position",
            "p = position + 7",
        ]
    if run:
        sizes = [FIXED[kinds[column]][1] for column in run]
        sound = " and ".join([f"n{column} == {size}" for column, size in zip(run, sizes)])
        lines += [
            f"if {sound}:",
            f" p += {sum(sizes) + 4 * len(run) + (0 if last is None else 4)}",
            "else:",
        ]
        for column, size in zip(run, sizes):
            code = FIXED[kinds[column]][0]
            lines += [
                f" n{column}, = word(buffer, p)",
                " p += 4",
                f" if n{column} == {size}:",
                f"  v{column}, = one_{code}(buffer, p)",
                f"  p += {size}",
                f" elif n{column} == -1:",
                f"  v{column} = None",
                " else:",
                "  return position",
            ]
        if last is not None:
            lines += [" n, = word(buffer, p)", " p += 4"]
        for column in run:
            if kinds[column] == BOOL:
                lines += [
                    f"if v{column} is not None:",
                    f" if v{column} > 1:",
                    "  return position",
                    f" v{column} = v{column} == 1",
                ]
    else:  # nothing but the length that ends it
        lines.append("p += 4")
    if last is not None:
        lines += _value_source(kinds[last], last)
    return lines


def _value_source(kind: int, column: int) -> list[str]:
    """Return the lines that read the value whose length is `n` and whose bytes begin at `p`."""
    raw = "buffer[p:q]"
    lines = ["if n >= 0:", " q = p + n"]
    if kind in _DIGITS:
        # isdigit of bytes knows ASCII's digits alone; the sign goes the careful way
        lines += [
            f" v = {raw}",
            f" v{column} = int(v) if n <= {_DIGITS[kind]} and v.isdigit() else s{column}(v)",
        ]
    else:
        lines.append(f" v{column} = " + _VALUES[kind].format(raw=raw, s=f"s{column}"))
    lines += [" p = q", "elif n == -1:", f" v{column} = None", "else:", " return position"]
    return lines


# -- parameters and COPY -------------------------------------------------------------------

# Kinds of what is written, beside the fixed widths above: the letter of `struct`, the width, and
# the expression that makes its argument, which raises for what has no such value. The others
# are `SINGLE`, `CHARACTERS` among them.
FLOAT4, DATE, TIMESTAMP, TIMESTAMPTZ, UUID = range(8, 13)
_WRITTEN: dict[int, tuple[str, int, str]] = {
    **{kind: (code, size, "{v}") for kind, (code, size) in FIXED.items()},
    BOOL: ("B", 1, "bits[{v}]"),
    FLOAT4: ("f", 4, "{v}"),
    DATE: ("i", 4, "{v}.toordinal() - 730120"),  # 2000-01-01
    TIMESTAMP: ("q", 8, "({v} - naive) // micro"),
    TIMESTAMPTZ: ("q", 8, "({v} - aware) // micro"),
    UUID: ("16s", 16, "{v}.int.to_bytes(16, 'big')"),
}
WRITTEN = frozenset(_WRITTEN)


def written(kind: int) -> tuple[str, int]:
    """Return the letter of `struct` and the width of a kind of `WRITTEN`."""
    return _WRITTEN[kind][:2]


#: `write(rows) -> bytes`
RowWriter = Callable[["Iterable[Any]"], bytes]
#: `write(rows, start) -> bytes`, start: how many rows were written before
RowLoopWriter = Callable[["Iterable[Any]", int], bytes]

_writers: dict[tuple[bool, tuple[int, ...]], Callable[..., RowLoopWriter]] = {}


def row_writer(
    kinds: tuple[int, ...],
    ready: Sequence[Callable[[Any], bytes | None]],
    slow: Callable[[Any, int], bytes],
    head: bytes,
    tail: bytes,
    *,
    message: bool,
) -> RowLoopWriter:
    """Return the function that writes rows of these kinds, one after the other.

    Args:
        kinds: one for each column, at least one: of `WRITTEN`, or `SINGLE`.
        ready: for each column of kind `SINGLE`, what makes a value's bytes, or None for NULL.
        slow: writes the row, given with its index, that the quick way objects to.
        head: stands before the values; in a message, behind its tag and length.
        tail: stands behind them; in a message, its last two bytes and whatever follows it.
        message: rows are Bind messages.
    """
    make = _writers.get((message, kinds))
    stretches = _stretches(kinds, WRITTEN)
    if make is None:
        if len(_writers) >= _MOST:
            _writers.clear()
        source = _writer_source(kinds, message=message)
        make = _writers[message, kinds] = _made("make", source, _writer_names())
    packs, size = [], 4 + len(head) + 2
    for number, (run, last) in enumerate(stretches):
        layout = "".join(["i" + _WRITTEN[kinds[column]][0] for column in run])
        layout += "" if last is None else "i"
        size += Struct(">" + layout).size
        before = "" if number else f"{'Bi' if message else ''}{len(head)}s"
        packs.append(Struct(">" + before + layout).pack)
    return make(packs, ready, slow, head, tail, size)


def _writer_names() -> dict[str, object]:
    from datetime import datetime, timedelta, timezone

    return {
        "bits": {False: 0, True: 1},
        "micro": timedelta(microseconds=1),
        "naive": datetime(2000, 1, 1),  # noqa: DTZ001 - timestamp without time zone
        "aware": datetime(2000, 1, 1, tzinfo=timezone.utc),
        "join": b"".join,
        "most": MAX_MESSAGE,
    }


def _writer_source(kinds: tuple[int, ...], *, message: bool) -> str:
    """Return the source of `make(packs …)`, which returns the writer.

    The calls of `struct` are checks as well: they raise for what is no integer, or too large for
    its type. So does a row of another number of values.
    """
    stretches = _stretches(kinds, WRITTEN)
    loose = [number for number, kind in enumerate(kinds) if kind not in WRITTEN]
    pieces = []
    for number, (run, last) in enumerate(stretches):
        fields = [] if number else ["66, size, head" if message else "head"]
        for column in run:
            _, width, expression = _WRITTEN[kinds[column]]
            fields.append(f"{width}, {expression.format(v=f'v{column}')}")
        fields += [] if last is None else [f"n{last}"]
        pieces.append(f"pack{number}({', '.join(fields)})")
        pieces += [] if last is None else [f"x{last}"]
    lines = [
        "def make(packs, ready, slow, head, tail, fixed):",
        f" {''.join([f'pack{number}, ' for number in range(len(stretches))])} = packs",
        *([f" {''.join([f'r{number}, ' for number in loose])} = ready"] if loose else []),
        " def write(rows, start=0):",
        "  out = []",
        "  append = out.append",
        "  for row in rows:",
        "   try:",
        f"    {''.join([f'v{number}, ' for number in range(len(kinds))])} = row",
        "    size = fixed",
    ]
    for number in loose:
        lines += [
            f"    x{number} = r{number}(v{number})",
            f"    if x{number} is None:",
            f"     x{number}, n{number} = b'', -1",
            "    else:",
            f"     n{number} = len(x{number})",
            f"     size += n{number}",
        ]
    lines += [
        *(["    if size > most:", "     raise OverflowError"] if loose else []),
        f"    append(join(({', '.join(pieces)}, tail)))",
        "   except Exception:",
        "    append(slow(row, start + len(out)))",
        "  return join(out)",
        " return write",
    ]
    return "\n".join(lines)
