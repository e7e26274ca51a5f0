"""What a resolved connection string is: settings that know where they came from, and targets.

Floor 1, pure data. Nothing here shows a secret: not a repr, not a source, not a pickle.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from . import mask
from .keywords import SECRETS

__all__ = ["Settings", "Source", "Target"]


class Source(NamedTuple):
    """Where a value came from.

    Fields:
        kind: "string" | "keyword" | "service" | "environment" | "default" | "os" | "passfile".
        place: in words: `position 12`, `PGHOST`, `/home/u/.pg_service.conf, line 3` …
        shown: the value as it may be shown.
        position: in the string, from 1; None for the other kinds.
        overrode: the sources that had a value too, the nearest first.
    """

    kind: str
    place: str
    shown: str = ""
    position: int | None = None
    overrode: tuple[Source, ...] = ()


class Target(NamedTuple):
    """One host to try.

    Fields:
        kind: "name" (to be resolved) | "address" (numeric) | "socket" (Unix).
        host: the item of `host`, "" if none.
        hostaddr: the item of `hostaddr`, "" if none.
        port: the port's text as given, "5432" if none; not yet checked.
        socket_directory: "" unless a socket.
        password: the one to use here, explicit or from the passfile; None: there is none.
        passfile: the path, if the password came from there.

    Its repr hides the password, its pickle leaves it out.
    """

    kind: str
    host: str
    hostaddr: str
    port: str
    socket_directory: str
    password: str | None = None
    passfile: str | None = None

    def __repr__(self) -> str:
        password = None if self.password is None else mask.MASK
        return (
            f"Target(kind={self.kind!r}, host={self.host!r}, hostaddr={self.hostaddr!r}, "
            f"port={self.port!r}, socket_directory={self.socket_directory!r}, "
            f"password={password!r}, passfile={self.passfile!r})"
        )

    def __reduce__(self) -> tuple[type[Target], tuple[str | None, ...]]:
        return (Target, (*self[:5], None, self.passfile))

    def __copy__(self) -> Target:
        return self

    def __deepcopy__(self, memo: object) -> Target:
        return self


class Settings(Mapping[str, "str | None"]):
    """All parameters of one connection, read-only: keyword to text, or None if absent.

    Attributes:
        targets: the hosts to try; in the order given, unless a shuffle was asked for.
        startup_parameters: the pairs of the startup packet, in libpq's order.
        warnings: what libpq would print on stderr, one text each (passfile permissions).
        home: the home folder, None if there is none.
        lend: False if ambient credentials were left alone, and must be (certificate files
            in the home folder too).
        certificate_folder: where the default certificate files lie; None without a home, or
            where nothing is lent.

    A pickle leaves secrets out: they come back as None.
    """

    __slots__ = (
        "_sources",
        "_values",
        "certificate_folder",
        "home",
        "lend",
        "startup_parameters",
        "targets",
        "warnings",
    )

    def __init__(
        self,
        values: Mapping[str, str | None],
        sources: Mapping[str, Source],
        *,
        targets: tuple[Target, ...] = (),
        startup_parameters: list[tuple[str, str]] | None = None,
        warnings: tuple[str, ...] = (),
        home: str | None = None,
        lend: bool = True,
        certificate_folder: str | None = None,
    ) -> None:
        self._values = dict(values)
        self._sources = dict(sources)
        self.targets = targets
        self.startup_parameters = list(startup_parameters or ())
        self.warnings = warnings
        self.home = home
        self.lend = lend
        self.certificate_folder = certificate_folder

    def __getitem__(self, keyword: str) -> str | None:
        return self._values[keyword]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def source(self, keyword: str) -> Source:
        """Return where a value came from; kind "default" with no value if it is absent.

        Raises:
            KeyError: there is no such keyword.
        """
        if keyword not in self._values:
            raise KeyError(keyword)
        return self._sources.get(keyword, _ABSENT)

    def shown(self, keyword: str) -> str | None:
        """Return a value as it may be shown: secrets as `***`."""
        value = self._values[keyword]
        return None if value is None else mask.shown(keyword, value)

    def __repr__(self) -> str:
        given = ", ".join(
            f"{keyword}={self.shown(keyword)!r}"
            for keyword, value in self._values.items()
            if value is not None and self.source(keyword).kind != "default"
        )
        return f"Settings({given})"

    def __reduce__(self) -> tuple[object, ...]:
        kept = {
            keyword: None if keyword in SECRETS else value
            for keyword, value in self._values.items()
        }
        return (
            _restore,
            (
                kept,
                self._sources,
                self.targets,
                self.startup_parameters,
                self.warnings,
                (self.home, self.lend, self.certificate_folder),
            ),
        )


def _restore(
    values: dict[str, str | None],
    sources: dict[str, Source],
    targets: tuple[Target, ...],
    startup_parameters: list[tuple[str, str]],
    warnings: tuple[str, ...],
    rest: tuple[str | None, bool, str | None],
) -> Settings:
    return Settings(
        values,
        sources,
        targets=targets,
        startup_parameters=startup_parameters,
        warnings=warnings,
        home=rest[0],
        lend=rest[1],
        certificate_folder=rest[2],
    )


_ABSENT = Source("default", "absent")
