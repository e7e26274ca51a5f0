"""`purelink copy in|out`: a file into a table, a table or query into a file, with progress.

Floor 6. The server reads and writes the data itself, in COPY's text, CSV or binary format; we move
bytes, in bounded memory.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..conversation.copy_options import copy_options
from ..errors import Error, InterfaceError
from ..values.quoting import quote_ident, quote_literal
from .options import (
    FAILED,
    NO_CONNECTION,
    CommandFailed,
    Parser,
    Voice,
    add_connection,
    add_speech,
    opened,
)
from .progress import Progress, duration, size
from .terminal import Output

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from ..connection import Connection

__all__ = ["main", "statement"]

EXAMPLES = [
    "purelink copy out item item.csv --format csv --header",
    "purelink copy out 'select * from item where price > 5' | gzip > item.txt.gz",
    "purelink copy in item item.csv --format csv --header --columns name,price",
    "zcat item.txt.gz | purelink copy in item",
    "purelink copy out item -d service=a | purelink copy in item -d service=b",
    "purelink copy in \"copy item from stdin (format csv, null 'none')\" item.csv",
]
BLOCK = 65536


def _parser() -> Parser:
    parser = Parser(
        "copy",
        "Move rows between a file and a table, by COPY. The file is read and written here,\n"
        "not on the server.",
        EXAMPLES,
    )
    parser.add_argument("way", choices=("in", "out"), help="into the table, or out of it")
    parser.add_argument(
        "what",
        metavar="TABLE",
        help="a table (schema.table), out: or a query, or a whole COPY statement",
    )
    parser.add_argument(
        "file", metavar="FILE", nargs="?", default="-", help="-, the default: stdin or stdout"
    )
    data = parser.add_argument_group("data")
    data.add_argument(
        "--format", choices=("text", "csv", "binary"), help="default: by the file's name, or text"
    )
    data.add_argument("--header", action="store_true", help="the first line names the columns")
    data.add_argument("--columns", metavar="A,B", help="these columns alone, in this order")
    data.add_argument("--delimiter", metavar="TEXT", help="between two values")
    data.add_argument("--null", metavar="TEXT", help="what stands for NULL")
    data.add_argument("--encoding", metavar="NAME", help="of the file, PostgreSQL's name")
    data.add_argument("--freeze", action="store_true", help="in: rows frozen from the start")
    speech = parser.add_argument_group("output")
    speech.add_argument(
        "--progress",
        choices=("auto", "always", "never"),
        default="auto",
        help="a line on stderr; auto: where that is a terminal",
    )
    speech.add_argument("-q", "--quiet", action="store_true", help="say nothing at the end")
    speech.add_argument(
        "--json", action="store_true", help="what was done, and errors, as JSON on stderr"
    )
    add_speech(speech)
    add_connection(parser)
    return parser


def main(argv: Sequence[str]) -> int:
    """Run the command; return its exit code."""
    parser = _parser()
    options = parser.parse_args(argv)
    voice = Voice(colour=options.color, as_json=options.json)
    try:
        sql = statement(options)
    except InterfaceError as error:
        parser.error(str(error))
    try:
        with opened(options, voice) as connection:
            return _move(connection, options, sql, voice)
    except CommandFailed as failed:
        return failed.code
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            raise
        voice.own(f"{options.file}: {error.strerror or error}")
        return FAILED


def statement(options: argparse.Namespace) -> str:
    """Return the COPY statement that the options ask for.

    Raises:
        InterfaceError: they don't go together.
    """
    inward, what = options.way == "in", options.what.strip().rstrip(";")
    word = what.split(None, 1)[0].lower() if what else ""
    settings = _settings(options)
    if word == "copy":
        if settings or options.columns:
            raise InterfaceError("a whole COPY statement says its format and columns itself")
        if copy_options(what).inward is not inward:
            raise InterfaceError(f"this COPY goes the other way: copy {'out' if inward else 'in'}")
        return str(what)
    if any(mark in what for mark in " \n\t(") and not what.startswith('"'):
        if inward:
            raise InterfaceError("rows go into a table: schema.table, its columns by --columns")
        if options.columns:
            raise InterfaceError("a query names its columns itself")
        source = f"({what})"
    else:
        source = _table(what)
        if options.columns:
            names = ", ".join(quote_ident(name.strip()) for name in options.columns.split(","))
            source += f" ({names})"
    ways = "FROM STDIN" if inward else "TO STDOUT"
    return f"COPY {source} {ways}" + (f" ({', '.join(settings)})" if settings else "")


def _table(what: str) -> str:
    """Return a table's name for SQL: as SQL reads it, so that Item is item and "Item" stays."""
    if not what:
        raise InterfaceError("no table was named")
    if what.startswith('"') or what.replace(".", "").replace("_", "").isalnum():
        return what
    return ".".join(quote_ident(part) for part in what.split("."))


def _settings(options: argparse.Namespace) -> list[str]:
    form = options.format
    whole = options.what.lstrip()[:5].lower() == "copy "
    if form is None and not whole and Path(options.file).suffix.lower() == ".csv":
        form = "csv"
    found = [f"FORMAT {form}"] if form else []
    if options.header:
        found.append("HEADER")
    if options.freeze:
        found.append("FREEZE")
    for name in ("delimiter", "null", "encoding"):
        value = getattr(options, name)
        if value is not None:
            found.append(f"{name.upper()} {quote_literal(value)}")
    return found


def _move(connection: Connection, options: argparse.Namespace, sql: str, voice: Voice) -> int:
    shown = options.progress == "always" or (options.progress == "auto" and voice.out.terminal)
    columns = shutil.get_terminal_size().columns - 1
    binary = "FORMAT binary" in sql
    try:
        if options.way == "in":
            with _source(options.file) as file:
                progress = Progress(voice.out, shown=shown, total=_size_of(file), columns=columns)
                try:
                    rows = connection.copy_in(sql, _Counted(file, progress, binary=binary))
                finally:
                    progress.close()
        else:
            with Output(path=options.file) as out:
                # Rows drawn over by the data itself would be of no use.
                shown = shown and not out.terminal
                progress = Progress(voice.out, shown=shown, columns=columns)
                try:
                    rows = _written(connection, sql, out, progress, binary=binary)
                finally:
                    progress.close()
    except Error as error:
        voice.error(error, sql)
        return NO_CONNECTION if connection.closed else FAILED
    _tell(options, voice, rows, progress)
    return 0


class _source:  # noqa: N801 - used like a function
    """The file to read, in blocks of bytes."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __enter__(self) -> Any:
        self._file: Any = None
        if self._path == "-":
            return sys.stdin.buffer
        self._file = Path(self._path).open("rb")
        return self._file

    def __exit__(self, *_error: object) -> None:
        if self._file is not None:
            self._file.close()


def _size_of(file: Any) -> int | None:
    """Return how many bytes are still to be read, where that can be known."""
    import stat

    try:
        found = os.fstat(file.fileno())
        if stat.S_ISREG(found.st_mode):
            return found.st_size - int(file.tell())
    except (OSError, AttributeError, ValueError):
        pass  # no real file
    return None


class _Counted:
    """A file that is read, its bytes and lines counted as they go by."""

    def __init__(self, file: Any, progress: Progress, *, binary: bool) -> None:
        # What a pipe has is sent at once: its writer may be slow.
        self._read = getattr(file, "read1", file.read)
        self._progress = progress
        self._binary = binary

    def read(self, size: int) -> bytes:
        """Return the next block."""
        block: bytes = self._read(size)
        # Lines count as rows while it goes on; the server counts in the end.
        self._progress.add(0 if self._binary else block.count(b"\n"), len(block))
        return block


def _written(
    connection: Connection, sql: str, out: Output, progress: Progress, *, binary: bool
) -> int:
    copied = connection.copy_out(sql)
    try:
        for block in copied:
            out.write_bytes(block)
            progress.add(0 if binary else block.count(b"\n"), len(block))
    except BaseException:
        if not connection.closed:
            copied.close()
        raise
    return copied.row_count


def _tell(options: argparse.Namespace, voice: Voice, rows: int, progress: Progress) -> None:
    if options.quiet:
        return
    seconds = progress.seconds
    if options.json:
        told = {"rows": rows, "bytes": progress.bytes, "seconds": round(seconds, 6)}
        voice.note(json.dumps(told))
        return
    took = duration(seconds) if seconds >= 60 else f"{seconds:.2f} s"
    rate = size(progress.bytes / seconds)
    voice.note(f"COPY {rows}  {size(progress.bytes)} in {took}, {rate}/s")
