"""How a test reaches a server, whoever runs it: its address, its superuser, psql on it.

Floor 6; standard library, and `conninfo` to read a borrowed server's connection string.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from .programs import Programs
from .shelter import ServerFailed, clean_environment

__all__ = ["BorrowedServer", "Endpoint", "quoted"]

_PATIENCE = 60.0  # seconds for one psql script


def quoted(value: str) -> str:
    """Return a value as a connection string wants it."""
    escaped = value.replace("\\", r"\\").replace("'", r"\'")
    return f"'{escaped}'"


class Endpoint:
    """What both kinds of server tell, and psql on them."""

    host = "127.0.0.1"
    port = 5432
    superuser = "postgres"
    password: str | None = None
    socket_directory: Path | None = None
    programs: Programs | None = None

    def psql(
        self,
        script: str,
        *,
        database: str = "postgres",
        user: str | None = None,
        password: str | None = None,
        settings: str = "",
    ) -> str:
        """Run a script with psql; it stops at the first error.

        Args:
            script: SQL and psql's own commands.
            database: where.
            user: as whom; None = the superuser.
            password: the user's; None = the superuser's.
            settings: more connection settings, e.g. "host=127.0.0.1 sslmode=disable"; without,
                it goes through the unix socket where there is one.

        Returns:
            The rows of every result, unaligned: columns parted by `|`, rows by line ends.

        Raises:
            ServerFailed: psql failed; with what it wrote to stderr.
            ProgramsMissing: there is no psql.
        """
        programs = self.programs or Programs(Path(), "the path")
        conninfo = (
            f"host={quoted(str(self.socket_directory or self.host))} port={self.port} "
            f"dbname={quoted(database)} user={quoted(user or self.superuser)} {settings}"
        )
        secret = self.password if password is None else password
        done = subprocess.run(  # noqa: S603 - no shell; the caller's own script
            [str(programs.psql()), "-XqAt", "-v", "ON_ERROR_STOP=1", "-f", "-", "-d", conninfo],
            input=script.encode(),
            capture_output=True,
            timeout=_PATIENCE,
            env={**clean_environment(), "PGPASSWORD": secret or "", "PGCLIENTENCODING": "UTF8"},
            check=False,
        )
        if done.returncode:
            raise ServerFailed(f"psql: {done.stderr.decode(errors='replace').strip()}")
        return done.stdout.decode().rstrip("\n")


class BorrowedServer(Endpoint):
    """A server that somebody else runs, reached by a connection string.

    Args:
        dsn: key/value or URI, of a superuser.

    Attributes: as `Server`'s, as far as the string tells; `owned` is False, so tests that must
        stop the server or choose its pg_hba.conf leave it alone.

    Raises:
        ConninfoError: the string is wrong.
    """

    owned = False

    def __init__(self, dsn: str) -> None:
        from .. import conninfo

        self.dsn = dsn
        settings = conninfo.parse(dsn)
        host = settings.get("host") or settings.get("hostaddr") or self.host
        if host.startswith("/"):
            self.socket_directory = Path(host)
        self.host = host
        self.port = int(settings.get("port") or self.port)
        self.superuser = settings.get("user") or self.superuser
        self.password = settings.get("password")
        self.version = self.psql("show server_version").split()[0]
