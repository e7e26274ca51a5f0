"""`purelink trace SQL …`: connect, run each statement, and print every message that is exchanged.

Floor 6. The lines are PQtrace's, secrets masked; they go to stdout, an error of ours to stderr.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from ..errors import Error
from ..face import tracing
from .options import FAILED, CommandFailed, Parser, Voice, add_connection, add_speech, opened

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]

EXAMPLES = [
    "purelink trace 'select 1'",
    "purelink trace -d 'host=db1 dbname=postgres sslmode=disable' --timestamps",
    "purelink trace --regress 'begin' 'select 1/0' 'rollback' > wire.trace",
]


def main(argv: Sequence[str]) -> int:
    """Run the command.

    Args:
        argv: what follows `purelink trace`.

    Returns:
        0; 1 if a statement failed; 2 if there is no connection or the string is wrong.
    """
    options = _parser().parse_args(argv)
    written = tracing(sys.stdout, timestamps=options.timestamps, regress=options.regress)
    voice = Voice(colour=options.color)
    code = 0
    try:
        connection = opened(options, voice, trace=written)
    except CommandFailed as failed:
        return failed.code
    try:
        for sql in options.sql:
            try:
                connection.script(sql)
            except Error as error:
                voice.error(error, sql)
                code = FAILED
    finally:
        connection.close()
    return code


def _parser() -> Parser:
    parser = Parser(
        "trace",
        "Show every message of a session, from the first one on, as PQtrace does.",
        EXAMPLES,
    )
    parser.add_argument(
        "sql", metavar="SQL", nargs="*", help="run by the simple protocol, one after the other"
    )
    parser.add_argument("--timestamps", action="store_true", help="begin each line with the time")
    parser.add_argument(
        "--regress", action="store_true", help="leave out what differs from run to run"
    )
    add_speech(parser)
    add_connection(parser)
    return parser
