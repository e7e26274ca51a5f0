"""`purelink ping`: whether a server takes connections, with pg_isready's texts and exit codes.

Floor 6. As with pg_isready neither user, password nor database need be right: an answer counts.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from ..connection import connect
from ..conninfo import resolve
from ..errors import AuthenticationError, ConnectError, ConninfoError, Error, InterfaceError
from ..surroundings import gather
from .options import Parser, add_connection, keywords_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..conninfo import Settings

__all__ = ["main"]

ACCEPTING, REJECTING, NO_RESPONSE, NO_ATTEMPT = 0, 1, 2, 3
TEXTS = ("accepting connections", "rejecting connections", "no response", "no attempt")
CANNOT_CONNECT_NOW = "57P03"
EXIT_CODES = """\
exit codes, pg_isready's:
  0  the server accepts connections
  1  it rejects them: it starts, stops or recovers
  2  there was no response
  3  no attempt was made: the usage or the connection string is wrong"""
EXAMPLES = [
    "purelink ping",
    "purelink ping -h db1 -p 5433 --timeout 10",
    "until purelink ping -q -d service=shop; do sleep 1; done",
    "purelink ping --json -d 'postgresql://db1,db2/?target_session_attrs=primary'",
]


def _parser() -> Parser:
    parser = Parser(
        "ping",
        "Ask whether a server takes connections. No password is needed.",
        EXAMPLES,
        exit_codes=EXIT_CODES,
        usage_code=NO_ATTEMPT,
    )
    parser.add_argument("-q", "--quiet", action="store_true", help="say nothing")
    parser.add_argument(
        "-t",
        "--timeout",
        metavar="SECONDS",
        default="3",
        help="for each address; 0: no limit (default: 3)",
    )
    parser.add_argument("--json", action="store_true", help="say it as JSON")
    add_connection(parser, password=False)
    return parser


def main(argv: Sequence[str]) -> int:
    """Run the command; return its exit code."""
    options = _parser().parse_args(argv)
    where = ""
    try:
        text, keywords = keywords_of(options)
        keywords.setdefault("connect_timeout", options.timeout)
        keywords.setdefault("fallback_application_name", "purelink")
        settings = resolve(text, keywords, surroundings=gather())
        where = _place(settings)
    except ConninfoError as error:
        if not options.quiet:
            print(f"purelink ping: {error}", file=sys.stderr)
        return NO_ATTEMPT
    code, why = _answer(text, keywords)
    if options.json:
        told = {"target": where, "status": TEXTS[code], "code": code, "reason": why}
        print(json.dumps(told))
    elif not options.quiet:
        print(f"{where} - {TEXTS[code]}")
    return code


def _answer(text: str, keywords: dict[str, str]) -> tuple[int, str | None]:
    """Return the code and what was wrong. Source: internal_ping of fe-connect.c."""
    try:
        connect(text, autocommit=True, **keywords).close()  # type: ignore[arg-type]  # libpq's words
    except InterfaceError as error:
        return NO_ATTEMPT, str(error)
    except ConnectError as error:
        # A server that asks who we are is up, whatever it thinks of the answer.
        asked = isinstance(error, AuthenticationError) or error.password_needed
        if not asked and error.diagnostics is None:
            return NO_RESPONSE, str(error)
        rejecting = error.sqlstate == CANNOT_CONNECT_NOW
        return (REJECTING if rejecting else ACCEPTING), str(error)
    except Error as error:
        return NO_RESPONSE, str(error)
    return ACCEPTING, None


def _place(settings: Settings) -> str:
    """Return `host:port` as pg_isready prints it: what was asked for, lists and all."""
    host = settings["host"] or settings["hostaddr"]
    if not host:
        target = settings.targets[0]
        host = target.socket_directory or target.host or target.hostaddr
    return f"{host}:{settings['port'] or '5432'}"
