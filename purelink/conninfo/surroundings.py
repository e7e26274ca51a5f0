"""A snapshot of what a connection takes from the process around it, as plain data.

Floor 1, pure: the type only. `purelink.surroundings.gather` (floor 3) takes it from the running
process; a test writes it down.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, NoReturn

from .keywords import RELEASE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["File", "Surroundings"]

# MAXPGPATH - 1: libpq cuts the paths that it puts together
_LONGEST_PATH = 1023


class File(NamedTuple):
    """What is known of a path that exists.

    Fields:
        content: the bytes, b"" for a directory; None if it cannot be opened.
        is_file: whether it is a regular file.
        mode: the permission bits.
    """

    content: bytes | None
    is_file: bool = True
    mode: int = 0o600

    def __repr__(self) -> str:
        size = "unreadable" if self.content is None else f"{len(self.content)} bytes"
        return f"File({size}, is_file={self.is_file}, mode=0o{self.mode:o})"


class Surroundings:
    """Environment, operating-system user, home, files and build choices of one moment.

    Args:
        environment: variable to text (surrogateescape for foreign bytes).
        user: name of the effective user, None if the system has none for this `uid`.
        uid: effective user ID.
        passwd_home: home folder of the user's passwd entry, or None.
        files: path to `File`, a mapping or a callable; absent or None: no such file.
        sysconfdir: folder of the system-wide service file when PGSYSCONFDIR is unset.
        socket_directory: where local servers listen; "" where there are no Unix sockets
            (then the default host is `localhost`).
        codeset: the character set of LC_CTYPE, as nl_langinfo(CODESET) tells it.
        tls: whether this Python can speak TLS.
        windows: whether Windows' places for files count.
        release: the major release of libpq to follow, 18 or 19.

    Nothing of the content shows in its repr, and it cannot be pickled: it holds secrets.
    """

    __slots__ = (
        "codeset",
        "environment",
        "files",
        "passwd_home",
        "release",
        "socket_directory",
        "sysconfdir",
        "tls",
        "uid",
        "user",
        "windows",
    )

    def __init__(
        self,
        environment: Mapping[str, str] | None = None,
        *,
        user: str | None = None,
        uid: int = 0,
        passwd_home: str | None = None,
        files: Mapping[str, File] | Callable[[str], File | None] | None = None,
        sysconfdir: str = "/etc/postgresql-common",
        socket_directory: str = "/tmp",  # noqa: S108 - the folder PostgreSQL is built with
        codeset: str = "ANSI_X3.4-1968",
        tls: bool = True,
        windows: bool = False,
        release: int = RELEASE,
    ) -> None:
        self.environment: Mapping[str, str] = {} if environment is None else environment
        self.user = user
        self.uid = uid
        self.passwd_home = passwd_home
        self.files = files
        self.sysconfdir = sysconfdir
        self.socket_directory = socket_directory
        self.codeset = codeset
        self.tls = tls
        self.windows = windows
        self.release = release

    def file(self, path: str) -> File | None:
        """Return what stands at a path, None if nothing does."""
        if self.files is None:
            return None
        if callable(self.files):
            return self.files(path)
        return self.files.get(path)

    @property
    def home(self) -> str | None:
        r"""The folder of the user's own files, None if there is none.

        HOME if it is not empty, else the passwd entry's; on Windows `%APPDATA%\postgresql`.
        Source: pqGetHomeDirectory.
        """
        if self.windows:
            folder = self.environment.get("APPDATA")
            return f"{folder}/postgresql" if folder else None
        return self.environment.get("HOME") or self.passwd_home

    def home_file(self, name: str) -> str | None:
        """Return the path of a file in the home folder, None without a home.

        Args:
            name: as on Unix: `.pgpass`, `.pg_service.conf`, `.postgresql/root.crt`.
        """
        home = self.home
        if home is None:
            return None
        if self.windows:
            name = {".pgpass": "pgpass.conf"}.get(name, name.replace(".postgresql/", ""))
        return cut(f"{cut(home)}/{name}")

    def __repr__(self) -> str:
        return (
            f"Surroundings(user={self.user!r}, uid={self.uid}, home={self.home!r}, "
            f"{len(self.environment)} variables, release={self.release})"
        )

    def __reduce__(self) -> NoReturn:
        message = "surroundings hold secrets: they are not pickled"
        raise TypeError(message)


def cut(path: str) -> str:
    """Return a path as libpq's buffers hold it: 1023 bytes at most."""
    if len(path) * 4 <= _LONGEST_PATH:
        return path
    raw = path.encode("utf-8", "surrogateescape")
    return raw[:_LONGEST_PATH].decode("utf-8", "surrogateescape")
