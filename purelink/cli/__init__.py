"""The command line, `purelink`: one subcommand a module, each with `main(argv) -> exit code`.

Floor 6. Only the dispatcher stands here; a subcommand is imported when it is called.
"""

from __future__ import annotations

import os
import sys

__all__ = ["main"]

#: subcommand -> what it is for; its module is `purelink.cli.<subcommand>`
COMMANDS = {
    "conninfo": "say what a connection string means, and where each setting comes from",
    "demo": "play dblink's example session on a throw-away PostgreSQL server",
    "trace": "run statements and print every message of the session, as PQtrace does",
}


def usage() -> str:
    """Return the help text."""
    lines = ["usage: purelink COMMAND [ARGUMENTS]", "", "commands:"]
    lines += [f"  {name:<10} {what}" for name, what in COMMANDS.items()]
    lines += [
        "",
        "  purelink COMMAND --help   tells more",
        "  purelink --version",
        "",
        "examples:",
        "  purelink demo",
        "  purelink conninfo 'host=db1,db2 target_session_attrs=primary'",
        "  purelink trace --dsn 'host=db1 dbname=postgres' 'select 1'",
    ]
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> int:
    """Run a subcommand; return its exit code (0 good, 1 failed, 2 wrong usage)."""
    arguments = sys.argv[1:] if argv is None else argv
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(usage())
        return 0 if arguments else 2
    if arguments[0] in ("-V", "--version"):
        from .._version import __version__

        print(f"purelink {__version__}")
        return 0
    command = arguments[0]
    if command not in COMMANDS:
        print(f"purelink: there is no command {command!r}\n\n{usage()}", file=sys.stderr)
        return 2
    from importlib import import_module

    try:
        code: int = import_module(f"{__name__}.{command}").main(arguments[1:])
        sys.stdout.flush()
    except BrokenPipeError:
        # `purelink … | head`: nobody reads on, which is no fault. Python's own flush at the
        # end must not complain either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return code
