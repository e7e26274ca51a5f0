"""Both faces as one callable: `FACES["connect"]` and `FACES["aconnect"]` give an `Outcome`.

Test code only. What is told of a connection is what libpq's own functions tell of theirs
(`tests.conformance.libpq.Outcome`), so that the two can be compared.
"""

from __future__ import annotations

import asyncio
from typing import Any, Callable, Dict

from purelink.aio import AsyncConnection
from purelink.connection import Connection
from purelink.errors import Error
from purelink.face import Face, plan_for
from tests.conformance.libpq import Outcome

__all__ = ["FACES", "Client"]

Client = Callable[..., Outcome]


def _told(connection: Face, value: Any) -> Outcome:
    major, minor = connection.protocol_version
    return Outcome(
        "",
        connection.tls is not None,
        connection.password_used,
        connection.target.port if value is None else str(value),
        major * 10000 + minor,
        False,
    )


def _failed(error: Error) -> Outcome:
    return Outcome(str(error), needs=getattr(error, "password_needed", None))


def _plan(conninfo: str, more: Dict[str, Any]) -> Any:
    around = more.pop("surroundings", None)
    return plan_for(conninfo, more, surroundings=around)


def blocking(conninfo: str, query: str = "", **more: Any) -> Outcome:
    """Connect, run a query if one is given (its value goes into `port`), and close."""
    try:
        connection = Connection.open(_plan(conninfo, more), autocommit=True)
    except Error as error:
        return _failed(error)
    try:
        return _told(connection, next(iter(connection.query(query)))[0] if query else None)
    finally:
        connection.close()


def asynchronous(conninfo: str, query: str = "", **more: Any) -> Outcome:
    """The same on asyncio."""

    async def whole() -> Outcome:
        connection = await AsyncConnection.open(_plan(conninfo, more), autocommit=True)
        try:
            rows = await connection.query(query) if query else None
            return _told(connection, None if rows is None else next(iter(rows))[0])
        finally:
            await connection.close()

    try:
        return asyncio.run(whole())
    except Error as error:
        return _failed(error)


FACES: Dict[str, Client] = {"connect": blocking, "aconnect": asynchronous}
