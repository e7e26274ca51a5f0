"""A place where a row of the portability table runs: a server, a scratch folder, programs by name.

Test code only. A row that can't be run here raises `Missing`, with what is missing; one that fails
raises `Failed`, with what was printed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Dict, List, Optional

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "purelink"
SMOKE = Path(__file__).with_name("smoke.py")

__all__ = ["PACKAGE", "ROOT", "SMOKE", "Failed", "Missing", "Place"]


class Missing(Exception):
    """What this machine can't have."""


class Failed(Exception):
    """A row that does not hold."""


class Place:
    """Where rows run.

    Args:
        dsn: of a server with the set-up of `tests.cluster`, over TCP, as its superuser.
        scratch: a folder that everybody may enter.
        cache: a folder that downloads are kept in.
    """

    def __init__(self, dsn: str, scratch: Path, cache: Path) -> None:
        self.dsn = dsn
        self.scratch = scratch
        self.cache = cache

    def run(
        self,
        *command: object,
        path: Optional[Path] = ROOT,
        environment: Optional[Dict[str, str]] = None,
        seconds: float = 120,
        **more: object,
    ) -> str:
        """Run a program in a clean environment; return the last line that it printed.

        Args:
            path: PYTHONPATH; None: none.
            environment: variables beside PATH; HOME is a folder that does not exist.

        Raises:
            Failed: it ended otherwise than with 0, or not in time.
        """
        given = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "PYTHONDONTWRITEBYTECODE": "1"}
        if path is not None:
            given["PYTHONPATH"] = str(path)
        given.update(environment or {})
        words = [str(word) for word in command]
        try:
            done = subprocess.run(
                words,
                env=given,
                timeout=seconds,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                check=False,
                **more,  # type: ignore[call-overload]  # as subprocess.run takes them
            )
        except subprocess.TimeoutExpired as error:
            raise Failed(f"not done after {seconds:g} s: {error.output!r}") from error
        said = done.stdout.decode("utf-8", "replace").strip()
        if done.returncode != 0:
            raise Failed(f"exit code {done.returncode}\n{said[-3000:]}")
        return str(said.splitlines()[-1]) if said else ""

    def smoke(
        self, *python: object, script: Path = SMOKE, dsn: Optional[str] = None, **more: object
    ) -> str:
        """Run the checks under an interpreter (this one, unless named, with its options)."""
        before = python or (sys.executable,)
        return self.run(*before, script, self.dsn if dsn is None else dsn, **more)  # type: ignore[arg-type]

    def folder(self, name: str) -> Path:
        """Return a new empty folder that everybody may enter."""
        made = self.scratch / name
        shutil.rmtree(made, ignore_errors=True)
        made.mkdir(mode=0o755, parents=True)
        return made

    def copied(self, name: str, package: str = "purelink") -> Path:
        """Return a folder with a copy of the package in it, for those who can't see the source."""
        folder = self.folder(name)
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(PACKAGE, folder / package, ignore=ignored)
        shutil.copy(SMOKE, folder)
        return folder

    def npm(self, package: str) -> Path:
        """Return the folder of an npm package, downloaded on first use.

        Raises:
            Missing: no npm, or no such package.
        """
        kept = self.cache / package.strip("@").replace("/", "-")
        if not kept.is_dir():
            fresh = self.folder("npm")
            try:
                name = self.run(program("npm"), "pack", "--silent", package, cwd=fresh, seconds=300)
            except Failed as error:
                raise Missing(f"npm gives no {package}: {str(error)[:200]}") from error
            with tarfile.open(fresh / name) as archive:
                archive.extractall(fresh)  # a package that we named
            self.cache.mkdir(parents=True, exist_ok=True)
            shutil.move(str(fresh / "package"), str(kept))
        return kept


def program(*names: str) -> str:
    """Return the first of these programs that there is.

    Raises:
        Missing: none of them.
    """
    for name in names:
        found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
        if found is not None:
            return found
    raise Missing(f"no {' or '.join(names)} here")


def version(program: str, option: str = "--version") -> str:
    """Return the first line of what a program says of its version."""
    done = subprocess.run(
        [program, option], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    return done.stdout.decode("utf-8", "replace").partition("\n")[0].strip()


def interpreter(version: str) -> str:
    """Return an interpreter, from the path or from pyenv's folder: "3.9", "3.14t", "pypy3".

    Raises:
        Missing: there is none.
    """
    name = version if version.startswith("pypy") else f"python{version}"
    candidates: List[str] = []
    on_path = shutil.which(name)
    if on_path is not None:
        candidates.append(on_path)
    home = Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser()
    candidates += [str(each) for each in sorted(home.glob(f"versions/*/bin/{name}"))]
    for each in candidates:
        # pyenv's own doors to versions that are not chosen exist, and fail
        if subprocess.run([each, "-c", ""], capture_output=True, check=False).returncode == 0:
            return each
    raise Missing(f"no {name} here")
