"""`purelink trace SQL …`: connect, run each statement, and print every message that is exchanged.

Floor 6. The lines are PQtrace's, secrets masked; they go to stdout, an error of ours to stderr.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from ..connection import connect
from ..errors import ConninfoError, Error
from ..face import tracing

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]


def main(argv: Sequence[str]) -> int:
    """Run the command.

    Args:
        argv: what follows `purelink trace`.

    Returns:
        0; 1 if the connection or a statement failed; 2 if the connection string is wrong.
    """
    options = _parser().parse_args(argv)
    written = tracing(sys.stdout, timestamps=options.timestamps, regress=options.regress)
    code = 0
    try:
        connection = connect(options.dsn, autocommit=True, trace=written)
    except ConninfoError as error:
        print(f"purelink: {error}", file=sys.stderr)
        return 2
    except Error as error:
        print(f"purelink: {error}", file=sys.stderr)
        return 1
    try:
        for sql in options.sql:
            try:
                connection.script(sql)
            except Error as error:
                print(f"purelink: {error}", file=sys.stderr)
                code = 1
    finally:
        connection.close()
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="purelink trace",
        description="Show every message of a session, from the first one on, as PQtrace does.",
    )
    parser.add_argument(
        "sql", metavar="SQL", nargs="*", help="run by the simple protocol, one after the other"
    )
    parser.add_argument(
        "--dsn", default="", metavar="STRING", help="a connection string (default: PGHOST …)"
    )
    parser.add_argument("--timestamps", action="store_true", help="begin each line with the time")
    parser.add_argument(
        "--regress", action="store_true", help="leave out what differs from run to run"
    )
    return parser
