"""Types that are not built in, and codecs of your own: for a connection, or for all.

Floor 5. `connection.types` is a `Types` or an `AsyncTypes`; `register` here tells all connections
that are opened afterwards. What values are read as and written from is told in docs/types.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, TypeVar

from .conversation.catalog import fetch_type, own_types, retyped
from .values.arrays import Array
from .values.composites import Row
from .values.exact import Date, Time, Timestamp, TimestampTZ, TimeTZ
from .values.geometry import Box, Circle, Line, LSeg, Path, Point, Polygon
from .values.hstore import Hstore
from .values.interval import Interval
from .values.parameters import Json, Jsonb
from .values.ranges import Multirange, Range
from .values.registry import EVERYONE
from .values.typeinfo import Codec, TypeInfo

if TYPE_CHECKING:
    from .aio import AsyncConnection
    from .connection import Connection
    from .conversation.talk import Talk

__all__ = [
    "Array",
    "AsyncTypes",
    "Box",
    "Circle",
    "Date",
    "Hstore",
    "Interval",
    "Json",
    "Jsonb",
    "LSeg",
    "Line",
    "Multirange",
    "Path",
    "Point",
    "Polygon",
    "Range",
    "Row",
    "Time",
    "TimeTZ",
    "Timestamp",
    "TimestampTZ",
    "TypeInfo",
    "Types",
    "register",
]

T = TypeVar("T")


def register(
    type: str | int,  # noqa: A002 - PostgreSQL's word
    python: type[T] | None = None,
    *,
    decode: Callable[[str], object] | None = None,
    decode_binary: Callable[[bytes], object] | None = None,
    encode: Callable[[T], str] | None = None,
) -> None:
    """Register a codec for every connection that is opened from now on.

    A type that is not built in is remembered by its name, and served once a connection fetches it.

    Args: as `Types.register`.

    Raises:
        InterfaceError: the codec does not fit the type.
    """
    EVERYONE.register(type, Codec(python, decode, decode_binary, encode), early=True)


class KnownTypes:
    """What a connection knows of types: the part that does not wait."""

    def __init__(self, talk: Talk) -> None:
        self._talk = talk

    def register(
        self,
        type: str | int | TypeInfo,  # noqa: A002 - PostgreSQL's word
        python: type[T] | None = None,
        *,
        decode: Callable[[str], object] | None = None,
        decode_binary: Callable[[bytes], object] | None = None,
        encode: Callable[[T], str] | None = None,
    ) -> None:
        """Let functions, or a class, of the program's own serve a type on this connection.

        Args:
            type: a built-in type's name or OID, or a fetched one's.
            python: objects of this class are sent as this type. For a composite a dataclass or a
                named tuple, for an enum an `enum.Enum`: its values are read as such, too.
            decode: makes an object of a value's text, when it is not NULL.
            decode_binary: the same of its binary form, where a binary cursor gives it.
            encode: makes the text of an object of the class `python`.

        Arrays, ranges and composites of the type are read and written accordingly. An exception
        from `decode` is raised as a `DataError`, from `encode` as an `InterfaceError`.

        Raises:
            InterfaceError: the type is not known here, or the codec does not fit it.
        """
        codec = Codec(python, decode, decode_binary, encode)
        own_types(self._talk).register(type, codec)
        retyped(self._talk)

    def known(self, type: str | int) -> TypeInfo | None:  # noqa: A002
        """Return what was fetched about a type, by its name or OID; None if nothing was."""
        return own_types(self._talk).info(type)


class Types(KnownTypes):
    """The types of a connection: `connection.types`."""

    def __init__(self, connection: Connection[Any]) -> None:
        super().__init__(connection.talk)
        self._connection = connection

    def fetch(
        self, name: str, python: type | None = None, *, timeout: float | None = None
    ) -> TypeInfo:
        """Ask the catalog about a type and all that it is made of, in one trip; read it as it is.

        Args:
            name: as SQL writes it: found by the search_path, quoted where need be.
            python: the class of its values: a dataclass or named tuple for a composite (without
                one a `Row` is made, with the fields' names), an `enum.Enum` for an enum (without
                one labels are `str`), `dict` for hstore (then every dict is sent as one).

        Once a connection is enough; after ALTER TYPE once more.

        Raises:
            ProgrammingError: 42704, there is no such type.
            InterfaceError: the class does not fit the type. Beside that as `Connection.query`.
        """
        return self._connection.run(fetch_type(self._talk, name, python), timeout)


class AsyncTypes(KnownTypes):
    """The types of a connection: `connection.types`."""

    def __init__(self, connection: AsyncConnection[Any]) -> None:
        super().__init__(connection.talk)
        self._connection = connection

    async def fetch(
        self, name: str, python: type | None = None, *, timeout: float | None = None
    ) -> TypeInfo:
        """Ask the catalog about a type, as `Types.fetch`."""
        return await self._connection.run(fetch_type(self._talk, name, python), timeout)
