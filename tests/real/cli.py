"""The command line in this process, and the real psql beside it."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING, NamedTuple

import pytest

from purelink.cli import main
from purelink.testing.programs import find

if TYPE_CHECKING:
    from tests.conftest import AnyServer


class Said(NamedTuple):
    code: int
    out: str
    err: str


class Shell:
    """Runs `purelink` and psql on one server, which both find by the environment."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], server: AnyServer
    ) -> None:
        self.monkeypatch = monkeypatch
        self.capsys = capsys
        for name, value in (
            ("PGHOST", server.host),
            ("PGPORT", server.port),
            ("PGUSER", server.superuser),
            ("PGPASSWORD", server.password),
            ("PGDATABASE", "postgres"),
        ):
            monkeypatch.setenv(name, str(value))

    def __call__(self, *arguments: str) -> Said:
        """Run purelink."""
        self.capsys.readouterr()
        try:
            code = main(list(arguments))
        except SystemExit as left:
            code = left.code if isinstance(left.code, int) else 1
        return Said(code, *self.capsys.readouterr())

    def psql(self, *arguments: str, text: str | None = None) -> Said:
        """Run psql, without its start-up file."""
        ran = subprocess.run(
            [program("psql"), "-X", *arguments],
            env={**os.environ, "LC_ALL": "C.UTF-8", "PGCLIENTENCODING": "UTF8"},
            input=None if text is None else text.encode(),
            capture_output=True,
            check=False,
            timeout=60,
        )
        # not as text: a carriage return must stay one
        return Said(ran.returncode, ran.stdout.decode(), ran.stderr.decode())


def program(name: str) -> str:
    """Return the path of a program of PostgreSQL's; skip aloud where there is none."""
    found = shutil.which(name)
    if found is None:
        beside = find("any").path("initdb").parent / name
        if not beside.exists():
            pytest.skip(f"no {name} on this machine")
        found = str(beside)
    return found
