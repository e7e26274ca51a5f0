"""Takes the snapshot that `conninfo.resolve` works on from the running process, and its keyring.

Floor 3: reads the environment, the user database and, when asked for a path, its file. Survives
a system without a user database, a user without an entry, a home that is not there.
"""

from __future__ import annotations

import os
import stat
import sys
from typing import Any

from .conninfo.surroundings import File, Surroundings
from .wire.keyring import KeyRing

__all__ = ["gather", "keyring", "shuffle"]

_DEBIAN_DIRECTORY = "/var/run/postgresql"
_UPSTREAM_DIRECTORY = "/tmp"  # noqa: S108 - where PostgreSQL itself puts its sockets
#: more than any service file or passfile holds; a device may never end
_LARGEST_FILE = 16 * 1024 * 1024


_KEYRING: list[KeyRing] = []
#: user ID -> name and home folder
_USERS: dict[int, tuple[str, str]] = {}


def keyring() -> KeyRing:
    """Return the one of this process: its recent SCRAM logins."""
    if not _KEYRING:
        _KEYRING.append(KeyRing(os.urandom(32)))
    return _KEYRING[0]


def shuffle(items: list[Any]) -> None:
    """Put a list in an order that nobody can foretell."""
    import random

    random.SystemRandom().shuffle(items)


def gather() -> Surroundings:
    """Return the surroundings of this process at this moment.

    Of the environment what libpq looks at is copied; a file is read when it is asked for, once.
    """
    windows = sys.platform == "win32"
    uid, user, passwd_home = _user(windows=windows)
    return Surroundings(
        _environment(),
        user=user,
        uid=uid,
        passwd_home=passwd_home,
        files=_Files(),
        socket_directory="" if windows else default_socket_directory(),
        codeset=_codeset(),
        tls=_has_tls(),
        windows=windows,
    )


def default_socket_directory() -> str:
    """Return `/var/run/postgresql` where it exists, as on Debian and Red Hat, else `/tmp`."""
    if os.path.isdir(_DEBIAN_DIRECTORY):  # noqa: PTH112 - cheaper to import than pathlib
        return _DEBIAN_DIRECTORY
    return _UPSTREAM_DIRECTORY


def _environment() -> dict[str, str]:
    if not os.supports_bytes_environ:
        return {name: os.environ[name] for name in os.environ if _looked_at(name)}
    # like everywhere in purelink: UTF-8, whatever the locale says
    environment = os.environb
    return {
        name.decode("utf-8", "surrogateescape"): environment[name].decode(
            "utf-8", "surrogateescape"
        )
        for name in environment
        if name[:2] == b"PG" or name in (b"HOME", b"APPDATA")
    }


def _looked_at(name: str) -> bool:
    return name.startswith("PG") or name in ("HOME", "APPDATA")


def _user(*, windows: bool) -> tuple[int, str | None, str | None]:
    if windows:
        import getpass

        try:
            return 0, getpass.getuser(), None
        except (ImportError, KeyError, OSError):
            return 0, None, None
    uid = os.geteuid() if hasattr(os, "geteuid") else 0
    if uid not in _USERS:
        try:
            import pwd

            entry = pwd.getpwuid(uid)
        except (ImportError, KeyError):  # WebAssembly, or a container's made-up user ID
            return uid, None, None
        # Looked up once: it reads a file, or asks a directory in the network.
        _USERS[uid] = entry.pw_name, entry.pw_dir
    return (uid, *_USERS[uid])


class _Files:
    """Paths to files as they were when first asked for."""

    def __init__(self) -> None:
        self._seen: dict[str, File | None] = {}

    def __call__(self, path: str) -> File | None:
        if path not in self._seen:
            self._seen[path] = _read(path)
        return self._seen[path]


def _read(path: str) -> File | None:
    raw = path.encode("utf-8", "surrogateescape") if os.name == "posix" else path
    try:
        status = os.stat(raw)  # noqa: PTH116 - pathlib takes no bytes
    except (OSError, ValueError):
        return None
    is_file = stat.S_ISREG(status.st_mode)
    mode = stat.S_IMODE(status.st_mode)
    content: bytes | None = b""
    if not stat.S_ISDIR(status.st_mode):
        try:
            with open(raw, "rb") as file:  # noqa: PTH123
                content = file.read(_LARGEST_FILE)
        except OSError:
            content = None
    return File(content, is_file, mode)


def _codeset() -> str:
    # The locale that C code sees, as libpq does: it is "C" until the program calls setlocale,
    # but for LC_CTYPE, which Python sets at its start.
    try:
        import locale

        return locale.nl_langinfo(locale.CODESET)
    except (ImportError, AttributeError):
        return "UTF-8"


def _has_tls() -> bool:
    if "ssl" in sys.modules:
        return sys.modules["ssl"] is not None
    if not _found:
        import importlib.util

        # Looked for once: it takes a dozen questions to the file system.
        _found.append(importlib.util.find_spec("_ssl") is not None)
    return _found[0]


_found: list[bool] = []
