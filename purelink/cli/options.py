"""What the commands that connect have in common: psql's options, the password prompt, exit codes.

Floor 6. `-h`, `-p`, `-U`, `-d`, `-w`, `-W` mean what they mean to psql, and as there a connection
string given by `-d` wins over them; environment, service file and passfile are libpq's.
"""

from __future__ import annotations

import argparse
import json
import sys
from functools import partial
from typing import TYPE_CHECKING, Any, Callable, NoReturn, TypeVar

from ..connection import connect
from ..conninfo import parse
from ..conversation.spelling import spell_error
from ..errors import (
    ConnectError,
    ConnectionLost,
    ConninfoError,
    Diagnostics,
    Error,
    InterfaceError,
)
from .terminal import Output, ask_password

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..connection import Connection

__all__ = [
    "FAILED",
    "INTERRUPTED",
    "NO_CONNECTION",
    "STOPPED",
    "CommandFailed",
    "Parser",
    "Voice",
    "add_connection",
    "add_speech",
    "keywords_of",
    "opened",
    "reached",
]

T = TypeVar("T")

#: Exit codes, psql's: a failure of the command (or wrong usage), no connection (or a lost one), a
#: script stopped at an error; and the shell's for Ctrl-C.
FAILED, NO_CONNECTION, STOPPED, INTERRUPTED = 1, 2, 3, 130

EXIT_CODES = """\
exit codes:
  0    all went well
  1    a statement failed, a file could not be read, the usage was wrong
  2    no connection could be made, or it was lost
  3    a script was stopped by an error in it
  130  interrupted; what ran has been cancelled"""


class CommandFailed(Exception):
    """The command ends here, with this exit code; everything has been said."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Parser(argparse.ArgumentParser):
    """An argument parser with examples and exit codes at the end of its help; `-h` is free.

    Args:
        usage_code: the exit code of wrong usage.
    """

    def __init__(
        self,
        command: str,
        description: str,
        examples: Sequence[str],
        *,
        exit_codes: str = EXIT_CODES,
        usage_code: int = FAILED,
    ) -> None:
        lines = ["examples:", *(f"  {example}" for example in examples)]
        super().__init__(
            prog=f"purelink {command}",
            description=description,
            epilog="\n".join([*lines, "", exit_codes]),
            formatter_class=argparse.RawDescriptionHelpFormatter,
            add_help=False,
            allow_abbrev=False,
        )
        self.add_argument("-?", "--help", action="help", help="show this and exit")
        self._usage_code = usage_code

    def error(self, message: str) -> NoReturn:
        """Say what is wrong with the arguments, and leave."""
        self.print_usage(sys.stderr)
        self.exit(self._usage_code, f"{self.prog}: {message}\n")


def add_connection(parser: argparse.ArgumentParser, *, password: bool = True) -> None:
    """Add psql's connection options."""
    group = parser.add_argument_group(
        "connection", "as psql takes them; PG* variables, service file and passfile count"
    )
    group.add_argument(
        "-d",
        "--dbname",
        "--dsn",
        metavar="DSN",
        help="a connection string or URI, or the name of a database",
    )
    group.add_argument("-h", "--host", help="host, or folder of the unix socket")
    group.add_argument("-p", "--port", help="port")
    group.add_argument("-U", "--username", metavar="NAME", help="user")
    if password:
        group.add_argument(
            "-w", "--no-password", action="store_true", help="never ask for a password"
        )
        group.add_argument(
            "-W", "--password", action="store_true", help="ask for it before connecting"
        )


def add_speech(parser: argparse._ActionsContainer) -> None:
    """Add the option of colours."""
    parser.add_argument(
        "--color",
        choices=("auto", "always", "never"),
        default="auto",
        help="colours: auto is on a terminal only, and heeds NO_COLOR",
    )


def keywords_of(options: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    """Return the connection string and the keywords of psql's options.

    Raises:
        ConninfoError: the string is wrong.
    """
    given = {
        "host": options.host,
        "port": options.port,
        "user": options.username,
    }
    keywords: dict[str, Any] = {n: value for n, value in given.items() if value is not None}
    text = options.dbname or ""
    if "=" not in text and not text.startswith(("postgres://", "postgresql://")):
        if text:
            keywords["dbname"] = text
        return "", keywords
    # In psql the string's own settings win over the options, which come before it.
    said = parse(text)
    return text, {name: value for name, value in keywords.items() if name not in said}


class Voice:
    """Says what is beside the result, on standard error: errors, notices, times.

    Args:
        as_json: an error is one line of JSON.

    Attributes:
        place: a prefix for errors, the place in a script: psql's `psql:FILE:LINE: `.
    """

    def __init__(self, *, colour: str = "auto", as_json: bool = False) -> None:
        self.out = Output(sys.stderr, colour=colour)
        self.as_json = as_json
        self.place = ""

    def error(self, error: Error, sql: str | None = None) -> None:
        """Say an error as psql would: severity, message, the place in the statement, details."""
        if self.as_json:
            self._line(_error_as_data(error))
            return
        diagnostics = error.diagnostics
        if diagnostics is None or isinstance(error, (ConnectError, ConnectionLost)):
            self.own(str(error))
        else:
            self._spelled("error", diagnostics, sql)

    def own(self, text: str) -> None:
        """Say a failure of ours."""
        if self.as_json:
            self._line({"error": {"message": text}})
            return
        self.out.write(f"{self.place or 'purelink: '}")
        self.out.styled("error", "error:")
        self.out.write(f" {text}\n")
        self.out.flush()

    def notice(self, diagnostics: Diagnostics) -> None:
        """Say a notice."""
        severity = diagnostics.severity_nonlocalized or diagnostics.severity
        # psql shows the context of errors alone
        fields = {letter: text for letter, text in diagnostics.fields.items() if letter != "W"}
        style = "warning" if severity == "WARNING" else "notice"
        self._spelled(style, Diagnostics(fields), None)

    def note(self, text: str) -> None:
        """Say something that is neither."""
        self.out.write(f"{text}\n")
        self.out.flush()

    def _spelled(self, style: str, diagnostics: Diagnostics, sql: str | None) -> None:
        text = spell_error(diagnostics, sql)
        severity, colon, rest = text.partition(":")
        self.out.write(self.place)
        if colon and severity == diagnostics.severity:
            self.out.styled(style, severity + colon)
            self.out.write(f"{rest}\n")
        else:
            self.out.write(f"{text}\n")
        self.out.flush()

    def _line(self, data: dict[str, Any]) -> None:
        self.out.write(json.dumps(data) + "\n")
        self.out.flush()


def _error_as_data(error: Error) -> dict[str, Any]:
    told: dict[str, Any] = {"message": error.message, "sqlstate": error.sqlstate}
    diagnostics = error.diagnostics
    if diagnostics is not None:
        told["severity"] = diagnostics.severity_nonlocalized or diagnostics.severity
        told["detail"] = diagnostics.message_detail
        told["hint"] = diagnostics.message_hint
        told["position"] = diagnostics.statement_position
        told["condition"] = diagnostics.condition_name
    if isinstance(error, ConninfoError):
        told["keyword"], told["position"] = error.keyword, error.position
    return {"error": {name: value for name, value in told.items() if value is not None}}


def opened(options: argparse.Namespace, voice: Voice, **more: Any) -> Connection:
    """Connect as the options say, in autocommit; ask for a password if one is needed.

    Raises:
        CommandFailed: no connection was made, and the reason has been said.
    """
    connection = reached(options, voice, partial(connect, autocommit=True, **more))
    connection.notice_handlers.append(voice.notice)
    return connection


def reached(options: argparse.Namespace, voice: Voice, make: Callable[..., T]) -> T:
    """Call `make(conninfo, **keywords)`, which connects, as the options say; return what it gives.

    Raises:
        CommandFailed: no connection was made, and the reason has been said.
    """
    try:
        text, keywords = keywords_of(options)
        keywords.setdefault("fallback_application_name", "purelink")
        if options.password:
            answer = ask_password(keywords.get("user"))
            if answer is not None:
                keywords["password"] = answer
        return _tried(text, keywords, make, ask=not options.no_password)
    except (ConnectError, InterfaceError) as error:
        voice.error(error)
        raise CommandFailed(NO_CONNECTION) from None


def _tried(text: str, keywords: dict[str, Any], make: Callable[..., T], *, ask: bool) -> T:
    try:
        return make(text, **keywords)
    except ConnectError as error:
        # Where a password was given and refused psql gives up, too.
        if not ask or not error.password_needed or "password" in keywords:
            raise
        answer = ask_password(_user_of(text, keywords))
        if answer is None:
            raise
        return make(text, **{**keywords, "password": answer})


def _user_of(text: str, keywords: dict[str, Any]) -> str | None:
    from ..conninfo import resolve
    from ..surroundings import gather

    return resolve(text, {**keywords} or None, surroundings=gather())["user"]
