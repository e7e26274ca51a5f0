"""PostgreSQL in pure Python: libpq's connection strings to the letter, and dblink's sessions.

    import purelink

    with purelink.connect("host=localhost dbname=postgres") as connection:
        for row in connection.query("SELECT $1::int + 1", 41):
            print(row)

Importing the package costs little: each name below is loaded when it is first asked for, so that
neither `asyncio` nor `ssl` is imported before it is needed.
"""

from __future__ import annotations

from ._version import __version__

#: PEP 249: the version of it that is followed
apilevel = "2.0"
#: threads may share the module and connections, not cursors
threadsafety = 2
#: `%s` and `%(name)s`, bound on the server
paramstyle = "pyformat"

# `typing` alone costs more than all of this module; type checkers take the name for true.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from . import errors as errors
    from . import rows as rows
    from . import sql as sql
    from .aio import AsyncConnection as AsyncConnection
    from .aio import aconnect as aconnect
    from .connection import Connection as Connection
    from .connection import connect as connect
    from .conversation.listening import Gap as Gap
    from .conversation.transacting import IsolationLevel as IsolationLevel
    from .conversation.transacting import Rollback as Rollback
    from .cursors.aclient import AsyncCursor as AsyncCursor
    from .cursors.alistening import AsyncListener as AsyncListener
    from .cursors.aserver import AsyncServerCursor as AsyncServerCursor
    from .cursors.client import Cursor as Cursor
    from .cursors.copying import AsyncCopy as AsyncCopy
    from .cursors.copying import Copy as Copy
    from .cursors.dbapi import BINARY as BINARY
    from .cursors.dbapi import DATETIME as DATETIME
    from .cursors.dbapi import NUMBER as NUMBER
    from .cursors.dbapi import ROWID as ROWID
    from .cursors.dbapi import STRING as STRING
    from .cursors.dbapi import Binary as Binary
    from .cursors.dbapi import Date as Date
    from .cursors.dbapi import DateFromTicks as DateFromTicks
    from .cursors.dbapi import Time as Time
    from .cursors.dbapi import TimeFromTicks as TimeFromTicks
    from .cursors.dbapi import Timestamp as Timestamp
    from .cursors.dbapi import TimestampFromTicks as TimestampFromTicks
    from .cursors.info import ConnectionInfo as ConnectionInfo
    from .cursors.large import AsyncLargeObject as AsyncLargeObject
    from .cursors.large import LargeObject as LargeObject
    from .cursors.listening import Listener as Listener
    from .cursors.server import ServerCursor as ServerCursor
    from .cursors.transactions import AsyncTransaction as AsyncTransaction
    from .cursors.transactions import Transaction as Transaction
    from .dblink.aio import AsyncSession as AsyncSession
    from .dblink.catalog import Catalog as Catalog
    from .dblink.session import Session as Session
    from .errors import AuthenticationError as AuthenticationError
    from .errors import ConnectError as ConnectError
    from .errors import ConnectionLost as ConnectionLost
    from .errors import ConninfoError as ConninfoError
    from .errors import DatabaseError as DatabaseError
    from .errors import DataError as DataError
    from .errors import Diagnostics as Diagnostics
    from .errors import Error as Error
    from .errors import IntegrityError as IntegrityError
    from .errors import InterfaceError as InterfaceError
    from .errors import InternalError as InternalError
    from .errors import LinkError as LinkError
    from .errors import LocalProtocolError as LocalProtocolError
    from .errors import NotSupportedError as NotSupportedError
    from .errors import OperationalError as OperationalError
    from .errors import PipelineAborted as PipelineAborted
    from .errors import PolicyError as PolicyError
    from .errors import PoolClosed as PoolClosed
    from .errors import PoolTimeout as PoolTimeout
    from .errors import ProgrammingError as ProgrammingError
    from .errors import RemoteProtocolError as RemoteProtocolError
    from .errors import StaleStatement as StaleStatement
    from .errors import Timeout as Timeout
    from .errors import TooManyRequests as TooManyRequests
    from .errors import Warning as Warning  # noqa: A004 - the name is PEP 249's
    from .policy import ConnectPolicy as ConnectPolicy
    from .result import Result as Result
    from .values.interval import Interval as Interval
    from .values.parameters import Json as Json
    from .values.parameters import Jsonb as Jsonb
    from .values.ranges import Range as Range
    from .wire.backend import Column as Column
    from .wire.session import Notification as Notification
    from .xid import Xid as Xid

_HOMES = {
    ".aio": ("AsyncConnection", "aconnect"),
    ".connection": ("Connection", "connect"),
    ".conversation.transacting": ("IsolationLevel", "Rollback"),
    ".cursors.aclient": ("AsyncCursor",),
    ".conversation.listening": ("Gap",),
    ".cursors.alistening": ("AsyncListener",),
    ".cursors.listening": ("Listener",),
    ".cursors.aserver": ("AsyncServerCursor",),
    ".cursors.server": ("ServerCursor",),
    ".cursors.large": ("AsyncLargeObject", "LargeObject"),
    ".cursors.transactions": ("AsyncTransaction", "Transaction"),
    ".cursors.copying": ("AsyncCopy", "Copy"),
    ".cursors.info": ("ConnectionInfo",),
    ".cursors.client": ("Cursor",),
    ".cursors.dbapi": (
        "BINARY",
        "Binary",
        "DATETIME",
        "Date",
        "DateFromTicks",
        "NUMBER",
        "ROWID",
        "STRING",
        "Time",
        "TimeFromTicks",
        "Timestamp",
        "TimestampFromTicks",
    ),
    ".dblink.aio": ("AsyncSession",),
    ".dblink.catalog": ("Catalog",),
    ".dblink.session": ("Session",),
    ".errors": (
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
        "PoolClosed",
        "PoolTimeout",
        "PolicyError",
        "ProgrammingError",
        "RemoteProtocolError",
        "StaleStatement",
        "Timeout",
        "TooManyRequests",
        "Warning",
    ),
    ".policy": ("ConnectPolicy",),
    ".result": ("Result",),
    ".values.interval": ("Interval",),
    ".values.parameters": ("Json", "Jsonb"),
    ".values.ranges": ("Range",),
    ".wire.backend": ("Column",),
    ".wire.session": ("Notification",),
    ".xid": ("Xid",),
}
#: modules that are there without being imported
_MODULES = ("errors", "rows", "sql", "types")
_HOME = {name: home for home, names in _HOMES.items() for name in names}

__all__ = ["__version__", "apilevel", "paramstyle", "threadsafety", *_HOME]  # noqa: PLE0604 - names and their homes are told once, above


if not TYPE_CHECKING:  # a type checker would take every name for one that is there

    def __getattr__(name: str) -> Any:
        home = _HOME.get(name)
        if home is None and name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        if home is None:
            return import_module(f".{name}", __name__)
        value = getattr(import_module(home, __name__), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME, *_MODULES})
