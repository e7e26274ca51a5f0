"""How results are written: aligned, expanded, unaligned, CSV, JSON, JSON lines.

Floor 6. A format is told of each result: `begin` with its columns, `rows` some at a time, `end`.
Only the aligned and the expanded table hold a result until its end, as widths are known then; the
others write rows as they come, in bounded memory.
"""

from __future__ import annotations

import re
from json.encoder import encode_basestring
from typing import TYPE_CHECKING, Any, Callable

from ..values.arrays import array_decoder
from ..values.oids import (
    BOOL,
    ELEMENT_OF,
    FLOAT4,
    FLOAT8,
    INT2,
    INT4,
    INT8,
    JSON,
    JSONB,
    NUMERIC,
    OID,
    TYPES,
)
from .table import NUMBERS, aligned_lines, expanded_lines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..wire.backend import Column
    from .terminal import Output

__all__ = ["FORMATS", "Format", "made"]


class Format:
    """Writes results one after the other.

    Args:
        out: where to.
        tuples_only: no headings and footers.
        expanded: a column a line, where the format can.
        quiet: no command tags.
        null: what stands for NULL.
        separator: between the fields of a row, where the format has one.
        script: there may be several results: where it matters each is told apart.
    """

    #: a program reads it: what is said beside the rows must not stand among them
    for_machines = False
    separator = ""

    def __init__(
        self,
        out: Output,
        *,
        tuples_only: bool = False,
        expanded: bool = False,
        quiet: bool = False,
        null: str = "",
        separator: str | None = None,
        script: bool = False,
    ) -> None:
        self.out = out
        self.tuples_only = tuples_only
        self.expanded = expanded
        self.quiet = quiet
        self.null = null
        self.script = script
        if separator is not None:
            self.separator = separator
        self.names: list[str] = []
        self.count = 0
        self.command_tag = ""
        self.right: list[bool] = []
        self.held: list[tuple[str | None, ...]] = []

    def begin(self, columns: Sequence[Column]) -> None:
        """A result with these columns begins."""
        self.names = [column.name for column in columns]
        self.count = 0

    def rows(self, rows: list[tuple[str | None, ...]]) -> None:
        """Write some rows of it, or keep them."""
        self.count += len(rows)

    def end(self) -> None:
        """It is whole; `command_tag` tells what it was."""

    def command(self, command_tag: str) -> None:
        """A statement that psql names when it is done is done."""
        if command_tag and not (self.quiet or self.for_machines):
            self.out.write(f"{command_tag}\n")

    def done(self) -> None:
        """Nothing more will come."""

    def _footer(self) -> str:
        return f"({self.count} row{'' if self.count == 1 else 's'})"


class _Held(Format):
    """A table that is written when it is whole."""

    def begin(self, columns: Sequence[Column]) -> None:
        super().begin(columns)
        self.right = [column.type_oid in NUMBERS for column in columns]
        self.held = []

    def rows(self, rows: list[tuple[str | None, ...]]) -> None:
        super().rows(rows)
        self.held += rows


class Aligned(_Held):
    """psql's table."""

    def end(self) -> None:
        lines = aligned_lines(
            self.names, self.held, self.right, null=self.null, tuples_only=self.tuples_only
        )
        rule = False
        for line in lines:
            if not self.tuples_only and not rule:
                rule = line.startswith("--")
                self.out.styled("heading", line)
                self.out.write("\n")
            else:
                self.out.write(f"{line}\n")
        if not self.tuples_only:
            self.out.styled("footer", self._footer())
            self.out.write("\n")
        self.out.write("\n")
        self.held = []


class Expanded(_Held):
    """psql's records: a column a line."""

    def end(self) -> None:
        lines = expanded_lines(self.names, self.held, null=self.null, tuples_only=self.tuples_only)
        for line in lines:
            if line.startswith("-"):
                self.out.styled("heading", line)
                self.out.write("\n")
            else:
                self.out.write(f"{line}\n")
        if not self.tuples_only and not (self.held and self.names):
            self.out.write(f"{self._footer()}\n")
        self.out.write("\n")
        self.held = []


class Unaligned(Format):
    """Fields with a separator between, a line a row; nothing is quoted."""

    separator = "|"

    def begin(self, columns: Sequence[Column]) -> None:
        super().begin(columns)
        if not self.tuples_only and not self.expanded:
            self.out.write(self.separator.join(self.names) + "\n")

    def rows(self, rows: list[tuple[str | None, ...]]) -> None:
        if self.expanded:
            self._records(rows)
        super().rows(rows)
        if self.expanded or not self.names:
            return
        null, join = self.null, self.separator.join
        lines = [join([null if value is None else value for value in row]) for row in rows]
        self.out.write("\n".join(lines) + "\n")

    def _records(self, rows: list[tuple[str | None, ...]]) -> None:
        for place, row in enumerate(rows):
            lines = [
                f"{name}{self.separator}{self.null if value is None else value}\n"
                for name, value in zip(self.names, row)
            ]
            between = "\n" if lines and self.count + place else ""
            self.out.write("".join([between, *lines]))

    def end(self) -> None:
        if not self.tuples_only and not self.expanded:
            self.out.write(f"{self._footer()}\n")


class Csv(Format):
    r"""RFC 4180, as psql's `--csv` and COPY write it, with `\n` at a line's end.

    Command tags are left out, which psql prints: they are no rows, and tools trip over them.
    """

    for_machines = True
    separator = ","

    def __init__(self, out: Output, **options: Any) -> None:
        super().__init__(out, **options)
        self._special = re.compile(f'["\\r\\n{re.escape(self.separator)}]')

    def begin(self, columns: Sequence[Column]) -> None:
        super().begin(columns)
        if not self.tuples_only:
            self.out.write(self._line(tuple(self.names)))

    def rows(self, rows: list[tuple[str | None, ...]]) -> None:
        super().rows(rows)
        if not self.names:
            return
        null, separator = self.null, self.separator
        lines = [separator.join([null if v is None else v for v in row]) for row in rows]
        text = "\n".join(lines)
        # Mostly nothing is to be quoted: the whole piece is looked at, not every value.
        plain = (
            text.count(separator) == (len(self.names) - 1) * len(rows)
            and text.count("\n") == len(rows) - 1
            and not ('"' in text or "\r" in text or "\\." in text)
        )
        self.out.write(f"{text}\n" if plain else "".join([self._line(row) for row in rows]))

    def _line(self, row: tuple[str | None, ...]) -> str:
        null = self.null
        return self.separator.join([self._field(null if v is None else v) for v in row]) + "\n"

    def _field(self, text: str) -> str:
        if text == "\\." or self._special.search(text):
            return '"' + text.replace('"', '""') + '"'
        return text


#: text as JSON, its letters as they are
_text: Callable[[str], str] = encode_basestring


def _number(value: str) -> str:
    # NaN and the infinities are no JSON; 007 or 1_000 never come from a server
    return value if value[-1:].isdigit() else _text(value)


def _boolean(value: str) -> str:
    return "true" if value == "t" else "false"


def _document(value: str) -> str:
    # JSON as the server holds it, on one line: a newline in it is never part of a value
    return value.replace("\r", " ").replace("\n", " ")


_TO_JSON: dict[int, Callable[[str], str]] = {
    BOOL: _boolean,
    JSON: _document,
    JSONB: _document,
    **dict.fromkeys((INT2, INT4, INT8, OID, FLOAT4, FLOAT8, NUMERIC), _number),
}


def _json_converter(oid: int) -> Callable[[str], str]:
    """Return what turns a value's text into JSON: as `to_json` does for the common types."""
    found = _TO_JSON.get(oid)
    if found is not None:
        return found
    element = ELEMENT_OF.get(oid)
    if element is None:
        return _text
    each = _TO_JSON.get(element, _text)
    read = array_decoder(each, "array", TYPES[element].delimiter)

    def listed(items: list[Any]) -> str:
        return (
            "["
            + ", ".join(
                "null" if item is None else listed(item) if isinstance(item, list) else item
                for item in items
            )
            + "]"
        )

    return lambda text: listed(read(text))


def _keys(names: Sequence[str]) -> list[str]:
    """Return the columns' names as JSON keys; the second of one name gets `_2`."""
    keys: list[str] = []
    for name in names:
        key, number = name, 1
        while key in keys:
            number += 1
            key = f"{name}_{number}"
        keys.append(key)
    return [_text(key) for key in keys]


class JsonLines(Format):
    """An object a row, a line each. Commands without rows write nothing."""

    for_machines = True

    def begin(self, columns: Sequence[Column]) -> None:
        super().begin(columns)
        self._convert = [_json_converter(column.type_oid) for column in columns]
        self._fields = [f"{key}: " for key in _keys(self.names)]

    def objects(self, rows: list[tuple[str | None, ...]]) -> list[str]:
        """Return rows as JSON."""
        fields, convert = self._fields, self._convert
        return [
            "{"
            + ", ".join(
                [
                    f"{field}null" if value is None else field + to(value)
                    for field, to, value in zip(fields, convert, row)
                ]
            )
            + "}"
            for row in rows
        ]

    def rows(self, rows: list[tuple[str | None, ...]]) -> None:
        super().rows(rows)
        self.out.write("\n".join(self.objects(rows)) + "\n")


class JsonArray(JsonLines):
    """One array: of the rows; of a script `{"command": …, "rows": […]}` for each statement."""

    def __init__(self, out: Output, **options: Any) -> None:
        super().__init__(out, **options)
        self._results = 0
        self._open = False

    def _next_result(self) -> None:
        if self.script:
            self.out.write("[\n" if not self._results else ",\n")
        self._results += 1

    def begin(self, columns: Sequence[Column]) -> None:
        super().begin(columns)
        self._next_result()
        self.out.write('{"rows": [' if self.script else "[")
        self._open = True

    def rows(self, rows: list[tuple[str | None, ...]]) -> None:
        between = "," if self.count else ""
        self.count += len(rows)
        self.out.write(between + "\n  " + ",\n  ".join(self.objects(rows)))

    def end(self) -> None:
        self.out.write("\n]" if self.count else "]")
        self._open = False
        if self.script:
            self.out.write(f', "command": {_text(self.command_tag)}}}')
        else:
            self.out.write("\n")

    def command(self, command_tag: str) -> None:
        if self.script:
            self._next_result()
            self.out.write(f'{{"command": {_text(command_tag)}}}')

    def done(self) -> None:
        if self._open:
            # An error came in the middle: what was written is closed, so that it can be read.
            self.end()
        if self.script:
            self.out.write("\n]\n" if self._results else "[]\n")
        elif not self._results:
            self.out.write("[]\n")


FORMATS: dict[str, type[Format]] = {
    "aligned": Aligned,
    "expanded": Expanded,
    "unaligned": Unaligned,
    "csv": Csv,
    "json": JsonArray,
    "jsonl": JsonLines,
}


def made(name: str, out: Output, **options: Any) -> Format:
    """Return the format of a name in `FORMATS`."""
    return FORMATS[name](out, **options)
