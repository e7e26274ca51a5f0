"""A real libpq by ctypes, as far as connecting goes: what the connect conversation is judged by.

Test code only. `find` looks in `$PURELINK_TEST_LIBPQ` and in psycopg-binary, whose libpq 18 has TLS
(and gssencmode=disable by default). Its calls give the GIL away, so the server that it talks to
may live in a thread of the same process.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
from pathlib import Path
from typing import Mapping, NamedTuple, Optional

__all__ = ["Libpq", "NoLibpq", "Outcome", "conninfo", "find"]


class NoLibpq(Exception):
    """There is no libpq here; the text says where it was looked for."""


class Outcome(NamedTuple):
    """What came of one connection, of either client.

    `error` is "" if it was made; then `tls` tells how, and `port` which server it was (libpq's
    text). `used` and `needs` are PQconnectionUsedPassword and PQconnectionNeedsPassword.
    """

    error: str
    tls: bool = False
    used: bool = False
    port: str = ""
    protocol: int = 0
    needs: Optional[bool] = None

    @property
    def short(self) -> str:
        """ "tls", "plain" or the error."""
        return self.error or ("tls" if self.tls else "plain")


def conninfo(settings: Mapping[str, Optional[str]]) -> str:
    """Return settings as a connection string; None is left out."""
    return " ".join(
        "{}='{}'".format(keyword, value.replace("\\", "\\\\").replace("'", "\\'"))
        for keyword, value in settings.items()
        if value is not None
    )


class Libpq:
    """The library at `path`.

    Raises:
        OSError, AttributeError: it is none, or too old to have these functions.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        library = self.library = ctypes.CDLL(path)
        pointer, text, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int
        for name, result, arguments in (
            ("PQlibVersion", number, []),
            ("PQconnectdb", pointer, [text]),
            ("PQfinish", None, [pointer]),
            ("PQstatus", number, [pointer]),
            ("PQerrorMessage", text, [pointer]),
            ("PQport", text, [pointer]),
            ("PQsslInUse", number, [pointer]),
            ("PQconnectionUsedPassword", number, [pointer]),
            ("PQconnectionNeedsPassword", number, [pointer]),
            (
                "PQfullProtocolVersion"
                if hasattr(library, "PQfullProtocolVersion")
                else "PQprotocolVersion",
                number,
                [pointer],
            ),
            ("PQexec", pointer, [pointer, text]),
            ("PQgetvalue", text, [pointer, number, number]),
            ("PQclear", None, [pointer]),
        ):
            function = getattr(library, name)
            function.restype = result
            function.argtypes = arguments
        self.version: int = library.PQlibVersion()

    def connect(self, text: str, query: str = "") -> Outcome:
        """Connect, run a query if one is given (its value goes into `port`), and finish."""
        library = self.library
        connection = library.PQconnectdb(text.encode("utf-8", "surrogateescape"))
        try:
            used = bool(library.PQconnectionUsedPassword(connection))
            needs = bool(library.PQconnectionNeedsPassword(connection))
            if library.PQstatus(connection) != 0:
                said = library.PQerrorMessage(connection).decode("utf-8", "surrogateescape")
                return Outcome(said.rstrip("\n"), used=used, needs=needs)
            port: str = library.PQport(connection).decode()
            if query:
                result = library.PQexec(connection, query.encode())
                port = library.PQgetvalue(result, 0, 0).decode()
                library.PQclear(result)
            version = (
                library.PQfullProtocolVersion(connection)
                if hasattr(library, "PQfullProtocolVersion")
                else 10000 * library.PQprotocolVersion(connection)
            )
            return Outcome("", bool(library.PQsslInUse(connection)), used, port, version, needs)
        finally:
            library.PQfinish(connection)


def find(release: int = 18) -> Libpq:
    """Return the first libpq of at least this release that loads.

    Raises:
        NoLibpq: there is none.
    """
    tried = []
    for path in _candidates():
        try:
            library = Libpq(path)
        except (OSError, AttributeError) as error:
            tried.append(f"{path}: {error}")
            continue
        if library.version // 10000 >= release:
            return library
        tried.append(f"{path}: release {library.version // 10000}")
    raise NoLibpq(f"no libpq {release} (install psycopg-binary); tried {tried or 'nothing'}")


def _candidates() -> list[str]:
    chosen = os.environ.get("PURELINK_TEST_LIBPQ")
    if chosen:
        return [chosen]
    found = importlib.util.find_spec("psycopg_binary")
    if found is None or not found.origin:
        return []
    folder = Path(found.origin).parents[1] / "psycopg_binary.libs"
    return sorted(str(path) for path in folder.glob("libpq-*.so*"))
