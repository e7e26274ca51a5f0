"""The command line, `purelink`: one subcommand a module, each with `main(argv) -> exit code`.

Floor 6. Only the dispatcher stands here; a subcommand is imported when it is called.
"""

from __future__ import annotations

import os
import sys

__all__ = ["main"]

#: subcommand -> what it is for; its module is `purelink.cli.<subcommand>`
COMMANDS = {
    "query": "run one statement with parameters, and print its rows",
    "exec": "run scripts: arguments, files, standard input",
    "copy": "a file into a table, a table or query into a file, with progress",
    "listen": "print notifications as they come",
    "ping": "say whether a server takes connections, as pg_isready does",
    "bench": "measure purelink on your server",
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
        "  purelink query 'select * from item where price < $1' --param 20",
        "  purelink exec -1 -f schema.sql",
        "  purelink copy in item item.csv --header",
        "  purelink conninfo 'host=db1,db2 target_session_attrs=primary'",
        "",
        "exit codes: 0 good, 1 failed, 2 no connection, 3 a script was stopped, 130 interrupted;",
        "`ping` has pg_isready's.",
    ]
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> int:
    """Run a subcommand; return its exit code.

    0 good, 1 failed (also wrong usage of a command), 2 no connection (or no such command), 3 a
    script was stopped by an error; 130: interrupted.
    """
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
    except KeyboardInterrupt:
        # What ran has been cancelled on its way here.
        print("\ninterrupted", file=sys.stderr)
        return 130
    return code
