"""Either face behind one blocking surface, so that a test of a real server is told once.

Test code only. `Door.connect` gives a `Connection`, or an `AsyncConnection` behind `Ran`: whatever
would be awaited is run to its end on a loop of its own, asynchronous iterations and blocks become
ordinary ones, and what such an object returns is wrapped in turn.
"""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING, Any, Callable

import purelink

if TYPE_CHECKING:
    from collections.abc import Iterator

WRAPPED = (
    "AsyncConnection",
    "AsyncCursor",
    "AsyncStream",
    "AsyncCopyOut",
    "AsyncPipeline",
    "AsyncTransaction",
    "AsyncCopy",
    "AsyncLargeObject",
    "AsyncServerCursor",
    "async_generator",
)


class Door:
    """Opens connections of one face, and closes them all."""

    def __init__(self, name: str, dsn: str) -> None:
        self.name = name
        self.dsn = dsn
        self.loop = asyncio.new_event_loop() if name == "asyncio" else None
        self.opened: list[Any] = []

    def connect(self, dsn: str | None = None, **keywords: Any) -> Any:
        keywords.setdefault("autocommit", True)
        if self.loop is None:
            connection = purelink.connect(dsn or self.dsn, **keywords)
        else:
            connection = self.run(purelink.aconnect(dsn or self.dsn, **keywords))
        self.opened.append(connection)
        return connection

    def run(self, awaitable: Any) -> Any:
        assert self.loop is not None
        return self.wrap(self.loop.run_until_complete(awaitable))

    def wrap(self, value: Any) -> Any:
        return Ran(self, value) if type(value).__name__ in WRAPPED else value

    def call(self, function: Callable[..., Any], *args: Any) -> Any:
        result = function(*args)
        return self.run(result) if inspect.isawaitable(result) else result

    def close(self) -> None:
        for each in self.opened:
            each.close()
        if self.loop is not None:
            self.loop.run_until_complete(asyncio.sleep(0))
            self.loop.run_until_complete(self.loop.shutdown_asyncgens())
            self.loop.run_until_complete(self.loop.shutdown_default_executor())
            self.loop.close()


class Ran:
    """An asynchronous object that is used like its blocking twin."""

    def __init__(self, door: Door, inner: Any) -> None:
        self.__dict__.update(door=door, inner=inner)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.inner, name)
        if not callable(found):
            return found

        def call(*args: Any, **keywords: Any) -> Any:
            result = found(*args, **keywords)
            return self.door.run(result) if inspect.isawaitable(result) else self.door.wrap(result)

        return call

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self.inner, name, value)

    def __len__(self) -> int:
        return len(self.inner)

    def __enter__(self) -> Any:
        entered = self.door.run(self.inner.__aenter__())
        return self if entered is None else entered

    def __next__(self) -> Any:
        try:
            return self.door.run(self.inner.__anext__())
        except StopAsyncIteration:
            raise StopIteration from None

    def __exit__(self, *error: Any) -> Any:
        return self.door.run(self.inner.__aexit__(*error))

    def __iter__(self) -> Iterator[Any]:
        iterator = self.inner.__aiter__()
        try:
            while True:
                try:
                    item = self.door.run(iterator.__anext__())
                except StopAsyncIteration:
                    return
                yield item
        finally:
            if hasattr(iterator, "aclose"):
                self.door.run(iterator.aclose())
