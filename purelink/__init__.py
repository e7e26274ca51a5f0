"""PostgreSQL in pure Python: libpq's connection strings to the letter, and dblink's sessions.

    import purelink

    with purelink.connect("host=localhost dbname=postgres") as connection:
        for row in connection.query("SELECT $1::int + 1", 41):
            print(row)

Importing the package costs little: each name below is loaded when it is first asked for, so that
neither `asyncio` nor `ssl` is imported before it is needed.
"""

from __future__ import annotations

from purelink._version import __version__

# `typing` alone costs more than all of this module; type checkers take the name for true.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from purelink.aio import AsyncConnection as AsyncConnection
    from purelink.aio import aconnect as aconnect
    from purelink.connection import Connection as Connection
    from purelink.connection import connect as connect
    from purelink.dblink.aio import AsyncSession as AsyncSession
    from purelink.dblink.catalog import Catalog as Catalog
    from purelink.dblink.session import Session as Session
    from purelink.errors import AuthenticationError as AuthenticationError
    from purelink.errors import ConnectError as ConnectError
    from purelink.errors import ConnectionLost as ConnectionLost
    from purelink.errors import ConninfoError as ConninfoError
    from purelink.errors import DatabaseError as DatabaseError
    from purelink.errors import DataError as DataError
    from purelink.errors import Diagnostics as Diagnostics
    from purelink.errors import Error as Error
    from purelink.errors import IntegrityError as IntegrityError
    from purelink.errors import InterfaceError as InterfaceError
    from purelink.errors import InternalError as InternalError
    from purelink.errors import LinkError as LinkError
    from purelink.errors import LocalProtocolError as LocalProtocolError
    from purelink.errors import NotSupportedError as NotSupportedError
    from purelink.errors import OperationalError as OperationalError
    from purelink.errors import PipelineAborted as PipelineAborted
    from purelink.errors import ProgrammingError as ProgrammingError
    from purelink.errors import RemoteProtocolError as RemoteProtocolError
    from purelink.errors import StaleStatement as StaleStatement
    from purelink.errors import Timeout as Timeout
    from purelink.errors import Warning as Warning  # noqa: A004 - the name is PEP 249's
    from purelink.result import Result as Result
    from purelink.values.interval import Interval as Interval
    from purelink.values.parameters import Json as Json
    from purelink.values.parameters import Jsonb as Jsonb
    from purelink.values.ranges import Range as Range
    from purelink.wire.backend import Column as Column
    from purelink.wire.session import Notification as Notification

_HOMES = {
    "purelink.aio": ("AsyncConnection", "aconnect"),
    "purelink.connection": ("Connection", "connect"),
    "purelink.dblink.aio": ("AsyncSession",),
    "purelink.dblink.catalog": ("Catalog",),
    "purelink.dblink.session": ("Session",),
    "purelink.errors": (
        "AuthenticationError",
        "ConnectError",
        "ConnectionLost",
        "ConninfoError",
        "DataError",
        "DatabaseError",
        "Diagnostics",
        "Error",
        "IntegrityError",
        "InterfaceError",
        "InternalError",
        "LinkError",
        "LocalProtocolError",
        "NotSupportedError",
        "OperationalError",
        "PipelineAborted",
        "ProgrammingError",
        "RemoteProtocolError",
        "StaleStatement",
        "Timeout",
        "Warning",
    ),
    "purelink.result": ("Result",),
    "purelink.values.interval": ("Interval",),
    "purelink.values.parameters": ("Json", "Jsonb"),
    "purelink.values.ranges": ("Range",),
    "purelink.wire.backend": ("Column",),
    "purelink.wire.session": ("Notification",),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}

__all__ = ["__version__", *_HOME]  # noqa: PLE0604 - names and their homes are told once, above


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
