"""Packages of the other drivers for another interpreter, in a folder: for `bench.queries --python`.

    python -m bench.packages FOLDER NAME …

NAME is an interpreter ("3.13", "pypy3", or a path). For each of them a folder is made in FOLDER
that holds what there are wheels of; nothing is compiled, and nothing is installed elsewhere. This
interpreter's own pip does it, so the others need none.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Optional

WANTED = ("pg8000", "asyncpg", "psycopg", "psycopg-binary", "psycopg2-binary")
LOG = "not-there.txt"


def interpreter(name: str) -> str:
    """Return the command of an interpreter: a path, or "3.13", "pypy3", on the path or pyenv's.

    Raises:
        LookupError: there is none, or it does not run.
    """
    command = f"python{name}" if name[:1].isdigit() else name
    found = shutil.which(command)
    home = Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser()
    candidates = [] if found is None else [found]
    if "/" not in command:
        candidates += [str(each) for each in sorted(home.glob(f"versions/*/bin/{command}"))]
    for each in candidates:
        # pyenv's own doors to versions that are not chosen exist, and fail
        if subprocess.run([each, "-c", ""], capture_output=True, check=False).returncode == 0:
            return each
    raise LookupError(f"no interpreter {name!r} here")


def install(python: str, folder: Path) -> Path:
    """Install what there is for an interpreter, unless that was done before; return its folder.

    Raises:
        LookupError: this interpreter has no pip.
    """
    about = "import sys; print(sys.implementation.cache_tag)"
    tag = subprocess.run([python, "-c", about], check=True, capture_output=True, text=True).stdout
    place = folder / tag.strip()
    if (place / LOG).exists():
        return place
    if importlib.util.find_spec("pip") is None:
        raise LookupError(f"{sys.executable} has no pip: run `python -m ensurepip`")
    missing = []
    for package in WANTED:
        command = [
            sys.executable, "-m", "pip", "--python", python, "--quiet",
            "--disable-pip-version-check", "install", "--root-user-action=ignore",
            "--only-binary", ":all:", "--upgrade", "--target", str(place), package,
        ]  # fmt: skip
        if subprocess.run(command, capture_output=True, check=False).returncode:
            missing.append(package)
    place.mkdir(parents=True, exist_ok=True)
    (place / LOG).write_text("".join(f"{package}\n" for package in missing))
    return place


def main(arguments: Optional[list[str]] = None) -> int:
    """Install."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="+")
    options = parser.parse_args(arguments)
    for name in options.names:
        place = install(interpreter(name), options.folder.resolve())
        missing = (place / LOG).read_text().split()
        print(f"{place}: all but {', '.join(missing)}" if missing else f"{place}: all")
    return 0


if __name__ == "__main__":
    sys.exit(main())
