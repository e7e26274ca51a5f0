"""Runs statements and writes their results: what `query` and `exec` share.

Floor 6. A result is read and written piece by piece; Ctrl-C cancels what runs, and a reader of ours
that goes away (`| head`) ends it quietly.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from ..conversation.texts import Piece, Texts
from ..errors import ConnectionLost, Error, RemoteProtocolError
from .formats import FORMATS, Format, made
from .options import NO_CONNECTION, CommandFailed, Voice, add_connection, add_speech

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from ..connection import Connection
    from .terminal import Output

__all__ = ["Runner", "add_output", "format_of"]


def add_output(parser: argparse.ArgumentParser) -> None:
    """Add the options of results and of the connection."""
    group = parser.add_argument_group("output")
    which = group.add_mutually_exclusive_group()
    which.add_argument(
        "--format",
        choices=sorted(FORMATS),
        help="aligned is the default; csv, jsonl, json and unaligned write rows as they come",
    )
    for flags, name, what in (
        (("-A", "--no-align"), "unaligned", "fields with a separator between"),
        (("--csv",), "csv", "comma-separated values"),
        (("--json",), "json", "one array of objects; errors are JSON on stderr, too"),
        (("--jsonl",), "jsonl", "one JSON object a row, a line each; errors as with --json"),
    ):
        which.add_argument(*flags, dest="format", action="store_const", const=name, help=what)
    group.add_argument("-x", "--expanded", action="store_true", help="a column a line")
    group.add_argument(
        "-t", "--tuples-only", action="store_true", help="no headings and row counts"
    )
    group.add_argument("-q", "--quiet", action="store_true", help="no command tags")
    group.add_argument("--null", default="", metavar="TEXT", help="what stands for NULL")
    group.add_argument(
        "-F", "--field-separator", metavar="TEXT", help="of unaligned (|) and csv (,) output"
    )
    group.add_argument("-o", "--output", metavar="FILE", help="write results into a file")
    group.add_argument("--timing", action="store_true", help="say how long each statement took")
    add_speech(group)
    add_connection(parser)


def format_of(options: argparse.Namespace, out: Output, *, script: bool) -> Format:
    """Return the format that the options ask for."""
    name = options.format or "aligned"
    if options.expanded and name == "aligned":
        name = "expanded"
    return made(
        name,
        out,
        tuples_only=options.tuples_only,
        expanded=options.expanded,
        quiet=options.quiet,
        null=options.null,
        separator=options.field_separator,
        script=script,
    )


class Runner:
    """Runs one text after the other on one connection, and writes what comes.

    Attributes:
        code: the exit code so far.
    """

    def __init__(
        self, connection: Connection, form: Format, voice: Voice, *, timing: bool = False
    ) -> None:
        self.connection = connection
        self.form = form
        self.voice = voice
        self.timing = timing

    def run(
        self,
        sql: str,
        parameters: Sequence[str | None] | None = None,
        oids: Sequence[int] = (),
    ) -> bool:
        """Run a text; return whether all of it went well. Its error has been said.

        Raises:
            CommandFailed: the connection is over.
        """
        started = time.perf_counter()
        told = Texts(self.connection.talk, sql, parameters, oids)
        try:
            self._write(told)
        except Error as error:
            self.form.out.flush()
            self.failed(error, sql)
            return False
        except BaseException:
            # Ctrl-C, or nobody reads on: what runs is cancelled.
            if told.open and not self.connection.closed:
                self.connection.run(told.close(), None, told)
            raise
        self.took(time.perf_counter() - started)
        return True

    def failed(self, error: Error, sql: str | None = None) -> None:
        """Say an error.

        Raises:
            CommandFailed: the connection is over.
        """
        self.voice.error(error, sql)
        if self.connection.closed or isinstance(error, (ConnectionLost, RemoteProtocolError)):
            raise CommandFailed(NO_CONNECTION)

    def took(self, seconds: float) -> None:
        """Say how long a statement took, if that is wanted."""
        if not self.timing:
            return
        text = f"Time: {seconds * 1000:.3f} ms"
        if self.form.for_machines:
            self.voice.note(text)
        else:
            self.form.out.write(f"{text}\n")

    def _write(self, told: Texts) -> None:
        connection, form = self.connection, self.form
        begun = False
        piece = connection.run(told.fetch(), None, told)
        while piece is not None:
            if piece.columns is not None:
                if not begun:
                    form.begin(piece.columns)
                    begun = True
                if piece.rows:
                    form.rows(piece.rows)
            if piece.copied:
                form.out.write_bytes(piece.copied)
            if piece.command_tag is not None:
                if begun:
                    form.command_tag = piece.command_tag
                    form.end()
                if _is_named(piece):
                    form.command(piece.command_tag)
                begun = False
            piece = connection.run(told.fetch(), None, told)


def _is_named(piece: Piece) -> bool:
    """Tell whether psql prints the command tag: also of changes that returned rows."""
    tag = piece.command_tag or ""
    if piece.columns is None:
        return not tag.startswith("COPY")
    return tag.startswith(("INSERT", "UPDATE", "DELETE", "MERGE"))
