"""`purelink exec`: run scripts, from arguments, files or standard input, COPY's data included.

Floor 6. An argument goes to the server whole, as `psql -c` sends it: one transaction unless it says
otherwise. A file is cut into statements, as `psql -f` cuts it, and read as it is needed.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Iterator

from ..conversation.copy_options import copy_options
from ..errors import Error, InterfaceError
from .options import FAILED, STOPPED, CommandFailed, Parser, Voice, opened
from .running import Runner, add_output, format_of
from .splitting import Lines, statements
from .terminal import Output

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .splitting import Part

__all__ = ["main"]

EXAMPLES = [
    "purelink exec 'create table t (a int); insert into t values (1)'",
    "purelink exec -d service=shop -1 -f schema.sql -f data.sql",
    "pg_dump shop | purelink exec -d copy_of_shop --quiet",
    "purelink exec --keep-going --timing -f nightly.sql",
    "purelink exec --json 'select 1; select 2'",
]
#: psql's own commands that pg_dump writes; they change nothing for us
_HARMLESS = ("\\restrict", "\\unrestrict")


class _Source(argparse.Action):
    """Keeps texts and files in the order they stand."""

    def __call__(
        self,
        _parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        _option: str | None = None,
    ) -> None:
        found = [*(namespace.sources or [])]
        if self.dest == "sql":
            found += [("text", each) for each in values]
        else:
            found.append(("file" if self.dest == "file" else "text", values))
        namespace.sources = found


def _parser() -> Parser:
    parser = Parser(
        "exec",
        "Run any number of statements and print their results, as psql does. Without\n"
        "SQL or a file the script is read from standard input. It stops at the first error.",
        EXAMPLES,
    )
    parser.add_argument(
        "sql", metavar="SQL", nargs="*", action=_Source, help="sent whole: one transaction"
    )
    parser.add_argument("-c", "--command", metavar="SQL", action=_Source, help="the same")
    parser.add_argument(
        "-f", "--file", metavar="FILE", action=_Source, help="a script; -: standard input"
    )
    parser.add_argument(
        "-1", "--single-transaction", action="store_true", help="all of it, or nothing"
    )
    parser.add_argument(
        "--keep-going", action="store_true", help="go on after an error, as psql does by default"
    )
    parser.set_defaults(sources=[])
    add_output(parser)
    return parser


def main(argv: Sequence[str]) -> int:
    """Run the command; return its exit code."""
    parser = _parser()
    options = parser.parse_args(argv)
    if options.expanded and options.format in ("csv", "json", "jsonl"):
        parser.error("-x goes with aligned and unaligned output")
    if options.single_transaction and options.keep_going:
        parser.error("a single transaction cannot keep going after an error")
    voice = Voice(colour=options.color, as_json=options.format in ("json", "jsonl"))
    try:
        with (
            opened(options, voice) as connection,
            Output(path=options.output, colour=options.color) as out,
        ):
            form = format_of(options, out, script=True)
            runner = Runner(connection, form, voice, timing=options.timing)
            code = _Script(runner, keep_going=options.keep_going).all(
                options.sources or [("file", "-")], single=options.single_transaction
            )
            form.done()
            return code
    except CommandFailed as failed:
        return failed.code
    except (OSError, UnicodeError) as error:
        if isinstance(error, BrokenPipeError):
            raise
        voice.own(str(error))
        return FAILED


class _Script:
    """The course of one call: where it stands, and what came of it."""

    def __init__(self, runner: Runner, *, keep_going: bool) -> None:
        self.runner = runner
        self.keep_going = keep_going
        self.code = 0

    def all(self, sources: list[tuple[str, str]], *, single: bool) -> int:
        """Run all sources; return the exit code."""
        connection = self.runner.connection
        if single:
            connection.script("BEGIN")
        for kind, what in sources:
            stop = self._text(what) if kind == "text" else self._file(what)
            if stop:
                break
        if single:
            return self._end()
        return self.code

    def _end(self) -> int:
        connection = self.runner.connection
        try:
            connection.rollback() if self.code else connection.commit()
        except Error as error:
            self.runner.failed(error)
            return FAILED
        return self.code

    def _text(self, sql: str) -> bool:
        """Run an argument; return whether to stop."""
        copied = self._copied(sql, sys.stdin) if _is_copy_in(sql) else None
        if copied is None:
            copied = self.runner.run(sql)
        if not copied:
            self.code = FAILED
        return not copied and not self.keep_going

    def _file(self, path: str) -> bool:
        if path == "-":
            return self._lines(sys.stdin, "<stdin>")
        file = Path(path).open(  # noqa: SIM115
            encoding="utf-8-sig", errors="surrogateescape", newline="\n"
        )
        with file:
            return self._lines(file, path)

    def _lines(self, file: Any, name: str) -> bool:
        """Run a script; return whether to stop."""
        lines = Lines(file)
        for part in statements(lines):
            self.runner.voice.place = f"purelink:{name}:{part.line}: "
            good = self._part(part, lines)
            self.runner.voice.place = ""
            if not good:
                self.code = FAILED if self.keep_going else STOPPED
                if not self.keep_going:
                    return True
        return False

    def _part(self, part: Part, lines: Iterator[str]) -> bool:
        if part.backslash:
            word = part.text.partition(" ")[0]
            if word in _HARMLESS:
                return True
            self.runner.voice.own(
                f"{word} is a command of psql's own, which is not understood here"
            )
            return False
        if part.text == ";":
            return True
        if _is_copy_in(part.text):
            return self._copied(part.text, _inline(lines))
        return self.runner.run(part.text)

    def _copied(self, sql: str, source: Any) -> bool:
        """Run a COPY FROM STDIN with what stands behind it."""
        connection = self.runner.connection
        try:
            count = connection.copy_in(sql, source)
        except Error as error:
            for _ in source:
                pass  # the data is no statement
            self.runner.failed(error, sql)
            return False
        self.runner.form.command(f"COPY {count}")
        return True


def _is_copy_in(sql: str) -> bool:
    if "copy" not in sql[:4096].lower():
        return False
    try:
        return copy_options(sql).inward
    except InterfaceError:
        return False


def _inline(lines: Iterator[str]) -> Iterator[str]:
    r"""Yield the lines of COPY's data, up to `\.` or the end."""
    for line in lines:
        if line.rstrip("\r\n") == "\\.":
            return
        yield line
