"""Both faces behind one blocking surface, so that a test is told once and run under each.

Test code only. `BlockingFace.connect` gives a `Connection`; `AsyncFace.connect` a stand-in whose
methods run the coroutines of an `AsyncConnection` on a loop of its own. `pump()` gives a bare pump:
what the faces cannot say yet is driven through dialogues on it.
"""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING, Any, Callable, TypeVar

from purelink import conninfo
from purelink.aio import AsyncConnection, aconnect
from purelink.connection import connect
from purelink.conversation.connect import Plan
from purelink.conversation.connect import connect as connecting
from purelink.pumps.asynchronous import AsyncPump
from purelink.pumps.blocking import BlockingPump

if TYPE_CHECKING:
    from purelink.conversation.connect import Connected
    from purelink.wire.wants import Dialogue, Limit

__all__ = ["AsyncFace", "BlockingFace", "Face"]

T = TypeVar("T")


class Face:
    """What a test asks for."""

    name = ""

    def __init__(self) -> None:
        self.opened: list[Any] = []

    def connect(self, dsn: str = "", **keywords: Any) -> Any:
        raise NotImplementedError

    def run(self, pump: Any, dialogue: Dialogue[T], limit: Limit | None = None) -> T:
        raise NotImplementedError

    def pump(self) -> Any:
        raise NotImplementedError

    def call(self, function: Callable[..., Any], *args: Any) -> Any:
        """Call what may be a coroutine function."""
        raise NotImplementedError

    def session(self, dsn: str) -> tuple[Any, Connected]:
        """Return a bare pump and what it is connected to."""
        pump = self.pump()
        settings = conninfo.resolve(dsn, None, surroundings=conninfo.Surroundings({}, user="u"))
        plan = Plan(settings, entropy=lambda size: b"n" * size)
        return pump, self.run(pump, connecting(plan))

    def close(self) -> None:
        for each in self.opened:
            self.call(each.close)


class BlockingFace(Face):
    name = "blocking"

    def connect(self, dsn: str = "", **keywords: Any) -> Any:
        keywords.setdefault("autocommit", True)
        connection = connect(dsn, **keywords)
        self.opened.append(connection)
        return connection

    def run(self, pump: Any, dialogue: Dialogue[T], limit: Limit | None = None) -> T:
        result: T = pump.run(dialogue, limit)
        return result

    def pump(self) -> BlockingPump:
        pump = BlockingPump()
        self.opened.append(pump)
        return pump

    def call(self, function: Callable[..., Any], *args: Any) -> Any:
        return function(*args)


class AsyncFace(Face):
    name = "asyncio"

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()

    def connect(self, dsn: str = "", **keywords: Any) -> Any:
        keywords.setdefault("autocommit", True)
        connection = self.loop.run_until_complete(aconnect(dsn, **keywords))
        self.opened.append(connection)
        return Stand(self.loop, connection)

    def run(self, pump: Any, dialogue: Dialogue[T], limit: Limit | None = None) -> T:
        result: T = self.loop.run_until_complete(pump.run(dialogue, limit))
        return result

    def pump(self) -> AsyncPump:
        pump = AsyncPump()
        self.opened.append(pump)
        return pump

    def call(self, function: Callable[..., Any], *args: Any) -> Any:
        result = function(*args)
        return self.loop.run_until_complete(result) if inspect.isawaitable(result) else result

    def close(self) -> None:
        super().close()
        # transports close in a later turn of the loop
        self.loop.run_until_complete(asyncio.sleep(0))
        self.loop.run_until_complete(self.loop.shutdown_default_executor())
        self.loop.close()


class Stand:
    """An `AsyncConnection` whose coroutines are run to their end."""

    def __init__(self, loop: asyncio.AbstractEventLoop, connection: AsyncConnection) -> None:
        self.__dict__.update(loop=loop, connection=connection)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.connection, name)
        if not inspect.iscoroutinefunction(found):
            return found
        return lambda *args, **keywords: self.loop.run_until_complete(found(*args, **keywords))

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self.connection, name, value)

    def __repr__(self) -> str:
        return repr(self.connection)

    def __enter__(self) -> Stand:
        self.loop.run_until_complete(self.connection.__aenter__())
        return self

    def __exit__(self, *error: Any) -> None:
        self.loop.run_until_complete(self.connection.__aexit__(*error))
