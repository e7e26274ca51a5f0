"""SQLAlchemy's dialects: `postgresql+purelink://`, and `postgresql+purelink_async://`.

    from sqlalchemy import create_engine

    engine = create_engine("postgresql+purelink://localhost/postgres?sslmode=verify-full")

`create_async_engine` takes either. Needs SQLAlchemy 2: `pip install "purelink[sqlalchemy]"`. The
dialects are found by entry point; where purelink is not installed but vendored, `register()` makes
them known.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .asynchronous import AsyncDialect as AsyncDialect
    from .dialect import Dialect as Dialect

_HOME = {"AsyncDialect": ".asynchronous", "Dialect": ".dialect"}

__all__ = ["AsyncDialect", "Dialect", "register"]


def register(driver: str = "purelink") -> None:
    """Make the dialects known as `postgresql+DRIVER` and `postgresql+DRIVER_async`."""
    from sqlalchemy.dialects import registry

    registry.register(f"postgresql.{driver}", __name__, "Dialect")
    registry.register(f"postgresql.{driver}_async", __name__, "AsyncDialect")


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(_HOME[name], __name__), name)
    globals()[name] = value
    return value
