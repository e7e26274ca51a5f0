"""`purelink query SQL`: run one statement, with parameters bound as `$1`, and print its rows.

Floor 6.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import Error
from .options import FAILED, CommandFailed, Parser, Voice, opened
from .running import Runner, add_output, format_of
from .terminal import Output

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..connection import Connection

__all__ = ["main"]

EXAMPLES = [
    "purelink query 'select * from item where price < $1' --param 20",
    "purelink query 'select $1 + $2' --typed int 40 --typed int 2 -t",
    "purelink query -d service=shop -f report.sql --csv -o report.csv",
    "echo 'select now()' | purelink query --json",
    "purelink query 'table item' --jsonl | head -3",
]


class _Bound(argparse.Action):
    """Keeps parameters in the order they stand: (value, name of its type or None)."""

    def __call__(
        self,
        _parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        _option: str | None = None,
    ) -> None:
        bound = [*(getattr(namespace, "bound", None) or [])]
        if self.dest == "typed":
            bound.append((values[1], values[0]))
        else:
            bound.append((None if self.dest == "null_param" else values, None))
        namespace.bound = bound


def _parser() -> Parser:
    parser = Parser(
        "query",
        "Run one statement and print its rows as psql does. Values travel beside the text:\n"
        "nothing is pasted into it.",
        EXAMPLES,
    )
    parser.add_argument("sql", metavar="SQL", nargs="?", help="the statement; -: standard input")
    parser.add_argument("-f", "--file", metavar="FILE", help="read the statement from a file")
    bound = parser.add_argument_group("parameters", "$1, $2 …, in the order they are given")
    bound.add_argument(
        "-b", "--param", metavar="VALUE", action=_Bound, help="its type is the server's to infer"
    )
    bound.add_argument(
        "--typed", nargs=2, metavar=("TYPE", "VALUE"), action=_Bound, help="of this type"
    )
    bound.add_argument("--null-param", nargs=0, action=_Bound, help="NULL")
    parser.set_defaults(bound=[])
    add_output(parser)
    return parser


def main(argv: Sequence[str]) -> int:
    """Run the command; return its exit code."""
    parser = _parser()
    options = parser.parse_args(argv)
    if options.sql is not None and options.file is not None:
        parser.error("the statement is an argument or in a file, not both")
    if options.expanded and options.format in ("csv", "json", "jsonl"):
        parser.error("-x goes with aligned and unaligned output")
    voice = Voice(colour=options.color, as_json=options.format in ("json", "jsonl"))
    try:
        sql = _statement(options)
        with (
            opened(options, voice) as connection,
            Output(path=options.output, colour=options.color) as out,
        ):
            return _run(connection, options, sql, out, voice)
    except CommandFailed as failed:
        return failed.code
    except (OSError, UnicodeError) as error:
        if isinstance(error, BrokenPipeError):
            raise
        voice.own(str(error))
        return FAILED


def _statement(options: argparse.Namespace) -> str:
    if options.file not in (None, "-"):
        return Path(options.file).read_text(encoding="utf-8-sig")
    if options.sql in (None, "-"):
        return sys.stdin.read()
    return str(options.sql)


def _run(
    connection: Connection, options: argparse.Namespace, sql: str, out: Output, voice: Voice
) -> int:
    form = format_of(options, out, script=False)
    runner = Runner(connection, form, voice, timing=options.timing)
    try:
        oids = [_oid(connection, kind) for _, kind in options.bound]
    except Error as error:
        runner.failed(error)
        return FAILED
    good = runner.run(sql, [value for value, _ in options.bound], oids)
    form.done()
    return 0 if good else FAILED


def _oid(connection: Connection, kind: str | None) -> int:
    """Return the OID of a type's name as SQL writes it; 0 for none.

    Raises:
        Error: there is no such type.
    """
    if kind is None:
        return 0
    return int(connection.query("SELECT $1::pg_catalog.regtype::pg_catalog.oid", kind).scalar())
