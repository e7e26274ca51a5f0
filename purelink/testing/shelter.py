"""The shelter: the one temporary folder of this process that its throw-away servers live in.

Floor 6; standard library only. It holds the clusters made by initdb that servers are copied from,
knows as which operating system user they run, and is gone with the last server; or with this
process, however that ends, SIGKILL included: then the keeper (`keeper.py`) removes it.
"""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import keeper
from .programs import account, enterable

if TYPE_CHECKING:
    from .programs import Programs

__all__ = ["ServerFailed", "Shelter", "clean_environment"]

_PATIENCE = 60.0  # seconds for one initdb


class ServerFailed(Exception):
    """PostgreSQL, or psql, did not do what was asked. The text ends with what it said itself."""


def clean_environment() -> dict[str, str]:
    """Return our environment without what PostgreSQL's programs would listen to."""
    ours = {name: text for name, text in os.environ.items() if not name.startswith(("PG", "LC_"))}
    # With TZ set, initdb does not try five hundred time zones to guess the machine's.
    return {**ours, "LC_ALL": "C", "TZ": "UTC"}


class Shelter:
    """A temporary folder with its keeper.

    Attributes:
        folder: the folder; each server has one in it.
        runner: the `Account` that servers run as, or None: as ourselves.
    """

    _current: Shelter | None = None

    def __init__(self) -> None:
        self.runner = account()
        base = Path(tempfile.gettempdir())
        # A unix socket's path holds about 100 bytes; and the other user must get there.
        if len(os.fsencode(base)) > 60 or (self.runner is not None and not enterable(base)):
            base = Path("/tmp")  # noqa: S108 - mkdtemp makes a private folder in it
        self.folder = Path(tempfile.mkdtemp(prefix="purelink-", dir=base))
        self._owner = os.getpid()
        self._servers = 0
        self._serial = 0
        self._templates: dict[Programs, Path | None] = {}
        self._keeper: subprocess.Popen[bytes] | None = None
        if sys.executable:
            # A session of its own: Ctrl-C in the terminal is for us, not for the keeper.
            self._keeper = subprocess.Popen(  # noqa: S603 - our own program and folder
                [sys.executable, "-I", "-S", keeper.__file__, str(self.folder)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        self.own(self.folder)
        atexit.register(self.close)

    @classmethod
    def enter(cls) -> Shelter:
        """Return this process's shelter, made if there is none, for one more server."""
        # A forked child makes its own: its parent's is not its to remove.
        if cls._current is None or cls._current._owner != os.getpid():  # noqa: SLF001 - ours
            cls._current = cls()
        cls._current._servers += 1  # noqa: SLF001 - ours
        return cls._current

    def leave(self) -> None:
        """Take note that a server has left; with the last one the shelter is removed."""
        self._servers -= 1
        if self._servers == 0:
            self.close()

    def close(self) -> None:
        """Remove all that is left. Nothing happens in a forked child, or the second time."""
        if self._owner != os.getpid():
            return
        if Shelter._current is self:
            Shelter._current = None
        atexit.unregister(self.close)
        keeper.sweep(self.folder)
        if self._keeper is not None and self._keeper.stdin is not None:
            self._keeper.stdin.close()
            self._keeper.wait()

    def own(self, path: Path) -> None:
        """Give a path to the user that servers run as."""
        if self.runner is not None:
            os.chown(path, self.runner.uid, self.runner.gid)

    def copy(self, source: str, target: str) -> str:
        """Copy a file with its permissions, and give it away: `copy_function` of copytree."""
        shutil.copy2(source, target)
        self.own(Path(target))
        return target

    def manner(self) -> dict[str, Any]:
        """Return how subprocess must start a program of the server's."""
        manner: dict[str, Any] = {"env": clean_environment(), "cwd": self.folder}
        if self.runner is not None:
            manner.update(user=self.runner.uid, group=self.runner.gid, extra_groups=[])
        return manner

    def cluster(self, programs: Programs) -> Path:
        """Return a new server's folder; its `data` is an initialised cluster.

        The superuser is `postgres`, the encoding UTF8, the locale C, authentication `trust`.

        Raises:
            ServerFailed: initdb failed.
        """
        self._serial += 1
        folder = self.folder / str(self._serial)
        folder.mkdir(mode=0o755)
        self.own(folder)
        # Most processes want one server of a build. From the second on it pays to keep an
        # untouched cluster: to copy one takes a fraction of initdb's time.
        template = self._templates.get(programs)
        if programs not in self._templates:
            self._templates[programs] = None
            self._initdb(programs, folder / "data")
            return folder
        if template is None:
            template = self._templates[programs] = self.folder / f"template-{self._serial}"
            self._initdb(programs, template)
        shutil.copytree(template, folder / "data", copy_function=self.copy)
        for place, _, _ in os.walk(folder / "data"):
            self.own(Path(place))
        return folder

    def _initdb(self, programs: Programs, data: Path) -> None:
        done = subprocess.run(  # noqa: S603 - the programs that the caller chose
            [
                str(programs.path("initdb")),
                f"--pgdata={data}",
                "--username=postgres",
                "--auth=trust",
                "--encoding=UTF8",
                "--locale=C",
                "--no-sync",
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_PATIENCE,
            check=False,
            **self.manner(),
        )
        if done.returncode:
            raise ServerFailed(f"initdb failed:\n{done.stdout.decode(errors='replace')}")
