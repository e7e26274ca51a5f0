"""`purelink conninfo STRING`: what a connection string comes to here, and where it came from.

Floor 6. Prints every setting with its source and what it overrode, secrets as `***`; `--check`
only tells whether a connection could be tried with it, and points at the place that is wrong.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING, Any

from ..conninfo import ConninfoError, Settings, Source, integer, resolve
from ..conninfo.keywords import table
from ..conninfo.picture import draw
from ..surroundings import gather

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..conninfo import Surroundings

__all__ = ["check_numbers", "main"]

# looked at where keepalives is on, and only on TCP
_KEEPALIVE = ("keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout")
EPILOG = """\
examples:
  purelink conninfo 'host=db1,db2 target_session_attrs=primary'
  purelink conninfo --all service=shop
  purelink conninfo --check --json "$DATABASE_URL"
  echo "$DATABASE_URL" | purelink conninfo -

exit codes: 0 good, 2 the string is wrong"""
_WRONG = 2  # the exit status of argparse for a wrong command line, too


def main(argv: Sequence[str], surroundings: Surroundings | None = None) -> int:
    """Run the command.

    Args:
        argv: what follows `purelink conninfo`.
        surroundings: instead of this process's own.

    Returns:
        0, or 2 if the string is wrong.
    """
    options = _parser().parse_args(argv)
    text = sys.stdin.read().rstrip("\r\n") if options.string == "-" else options.string
    text = _canonical(text)
    around = gather() if surroundings is None else surroundings
    try:
        settings = resolve(text, surroundings=around, lend=not options.no_lend)
        if options.check:
            check_numbers(settings)
    except ConninfoError as error:
        _complain(error, text, as_json=options.json)
        return _WRONG
    if options.check:
        if options.json:
            print(json.dumps({"error": None}))
    elif options.json:
        print(json.dumps(_as_data(settings), indent=2))
    else:
        print(_as_table(settings, everything=options.all))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="purelink conninfo",
        description="Show what a connection string comes to here, and where each value is from.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "string", metavar="STRING", help="a connection string, or - to read it from stdin"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--check",
        action="store_true",
        help="print nothing: exit 0, or 2 with the error and a caret under its place",
    )
    parser.add_argument("--all", action="store_true", help="list absent settings too")
    parser.add_argument(
        "--no-lend",
        action="store_true",
        help="as for a stranger's string: leave passwords and certificates of this user alone",
    )
    return parser


def _canonical(text: str) -> str:
    # arguments are decoded by the locale's rules: purelink's are UTF-8 with surrogateescape
    try:
        raw = text.encode(sys.getfilesystemencoding(), "surrogateescape")
        return raw.decode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text


def check_numbers(settings: Settings) -> None:
    """Check the numbers that libpq reads only when it connects.

    Raises:
        ConninfoError: a port or another number that would fail there.

    Source: PQconnectPoll, useKeepalives and its neighbours, connectDBComplete.
    """
    try:
        for target in settings.targets:
            if not 1 <= integer(target.port, "port") <= 65535:
                raise ConninfoError(f'invalid port number: "{target.port}"', keyword="port")
        _check_number(settings, "connect_timeout")
        remote = any(target.kind != "socket" for target in settings.targets)
        if remote and _check_number(settings, "keepalives") != 0:
            for keyword in _KEEPALIVE:
                _check_number(settings, keyword)
    except ConninfoError as error:
        error.position = settings.source(error.keyword or "port").position
        raise


def _check_number(settings: Settings, keyword: str) -> int | None:
    value = settings[keyword]
    return None if value is None else integer(value, keyword)


def _complain(error: ConninfoError, text: str, *, as_json: bool) -> None:
    if as_json:
        told = {"error": str(error), "keyword": error.keyword, "position": error.position}
        print(json.dumps(told))
        return
    lines = [str(error)]
    if error.position is not None:
        lines += ["  " + line for line in draw(text, error.position).split("\n")]
    print(_printable("\n".join(lines)), file=sys.stderr)


def _as_data(settings: Settings) -> dict[str, Any]:
    return {
        "settings": [
            {
                "keyword": keyword,
                "value": settings.shown(keyword),
                "from": _source_as_data(settings.source(keyword)),
                "overrode": [_source_as_data(other) for other in settings.source(keyword).overrode],
            }
            for keyword in settings
        ],
        "targets": [
            {
                "kind": target.kind,
                "host": target.host,
                "hostaddr": target.hostaddr,
                "port": target.port,
                "socket_directory": target.socket_directory,
                "has_password": target.password is not None,
                "passfile": target.passfile,
            }
            for target in settings.targets
        ],
        "warnings": list(settings.warnings),
    }


def _source_as_data(source: Source) -> dict[str, Any]:
    return {
        "kind": source.kind,
        "place": source.place,
        "value": source.shown,
        "position": source.position,
    }


def _as_table(settings: Settings, *, everything: bool) -> str:
    rows = [("keyword", "value", "from", "overrode")]
    for keyword in table():
        name = keyword.name
        value = settings.shown(name)
        source = settings.source(name)
        if value is None and source.kind != "passfile" and not everything:
            continue
        if value is None:
            value = source.shown
        elif value == "":
            value = "''"
        overrode = ", ".join(f"{other.place} ({other.shown})" for other in source.overrode)
        rows.append((name, value, _place(source), overrode))
    rows = [tuple(_one_line(cell) for cell in row) for row in rows]  # type: ignore[misc]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = ["  ".join([*map(str.ljust, row[:3], widths), row[3]]).rstrip() for row in rows]
    lines += [_one_line(warning) for warning in settings.warnings]
    return _printable("\n".join(lines))


def _place(source: Source) -> str:
    if source.kind == "string":
        return f"string, {source.place}"
    return source.place


def _one_line(text: str) -> str:
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in text
    )


def _printable(text: str) -> str:
    # what the terminal's encoding cannot say is escaped, never an error
    encoding = sys.stdout.encoding or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)
