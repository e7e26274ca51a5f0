"""Code made for a shape: loops that decode rows of one kind, functions that encode them.

Floor 1, pure; the only module that calls `exec`. Source is built from checked integers and
our own names alone: a shape is a tuple of small numbers (`Kind`), and whatever else the code
needs (the decoders of single values) is handed to the made function as an argument.
Compiling takes 0.3 to 1 ms, so what was made is kept, a bounded number of shapes.
"""

from __future__ import annotations

from struct import Struct
from typing import Any, Callable, Sequence

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

#: shapes whose code is kept
_MOST = 256

_loops: dict[tuple[int, ...], Callable[..., RowLoop]] = {}

#: `loop(buffer, start, end, append) -> int`: decode whole rows, call `append` with each, tell
#: where it stopped: at an incomplete row, another message, or anything it does not vouch for
RowLoop = Callable[[bytes, int, int, Callable[[Any], object]], int]


def row_loop(
    kinds: tuple[int, ...], singles: Sequence[Callable[[bytes], object]]
) -> RowLoop:
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


def _stretches(kinds: tuple[int, ...]) -> list[tuple[list[int], int | None]]:
    """Cut a shape: runs of fixed widths, each with the column of another kind that ends it."""
    found: list[tuple[list[int], int | None]] = []
    run: list[int] = []
    for number, kind in enumerate(kinds):
        if kind in FIXED:
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
    elif last is not None:
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
