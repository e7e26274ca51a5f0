"""SQLAlchemy's tests, for pytest to collect under the plugin; not in the default run."""

from __future__ import annotations

from typing import Any

from sqlalchemy.testing import config, suite
from sqlalchemy.testing.suite import *  # noqa: F403 - the tests are the names

_base: Any = suite.ServerSideCursorsTest
_known: Any = _base._is_server_side


def _is_server_side(self: Any, cursor: Any) -> bool:
    """The suite asks a cursor in words of each driver it knows by name, and knows not ours."""
    engine: Any = config.db
    driver: str = engine.dialect.driver
    if driver.startswith("purelink"):
        return bool(getattr(cursor, "name", None) or getattr(cursor, "server_side", False))
    return bool(_known(self, cursor))


_base._is_server_side = _is_server_side
