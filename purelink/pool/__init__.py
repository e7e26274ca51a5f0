"""Connection pools: `ConnectionPool`, `AsyncConnectionPool`, and two that keep nothing idle.

    from purelink.pool import ConnectionPool

    with ConnectionPool("host=localhost dbname=postgres", max_size=10) as pool:
        with pool.connection() as connection:
            connection.query("SELECT 1")

Each name is loaded when it is first asked for: whoever wants threads does not import asyncio.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..errors import PoolClosed as PoolClosed
    from ..errors import PoolTimeout as PoolTimeout
    from ..errors import TooManyRequests as TooManyRequests
    from .aio import AsyncConnectionPool as AsyncConnectionPool
    from .aio import AsyncNullConnectionPool as AsyncNullConnectionPool
    from .blocking import ConnectionPool as ConnectionPool
    from .blocking import NullConnectionPool as NullConnectionPool

_HOME = {
    "AsyncConnectionPool": ".aio",
    "AsyncNullConnectionPool": ".aio",
    "ConnectionPool": ".blocking",
    "NullConnectionPool": ".blocking",
    "PoolClosed": "..errors",
    "PoolTimeout": "..errors",
    "TooManyRequests": "..errors",
}

__all__ = [
    "AsyncConnectionPool",
    "AsyncNullConnectionPool",
    "ConnectionPool",
    "NullConnectionPool",
    "PoolClosed",
    "PoolTimeout",
    "TooManyRequests",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(_HOME[name], __name__), name)
    globals()[name] = value
    return value
