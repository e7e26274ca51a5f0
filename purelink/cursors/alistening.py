"""`AsyncListener`: notifications for as long as the program runs, whatever becomes of connections.

Floor 5. The asyncio twin of `listening`.
"""

from __future__ import annotations

import asyncio
from random import random
from time import monotonic
from typing import TYPE_CHECKING, Any, Union

from ..conversation.listening import Gap, Listening, checked, listen
from ..errors import ConninfoError, Error, InterfaceError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from types import TracebackType

    from ..aio import AsyncConnection
    from ..wire.session import Notification

    Event = Union[Notification, Gap]

__all__ = ["AsyncListener"]


class AsyncListener:
    """Listens on channels, reconnects when the connection is lost, and tells of the gap.

    Args:
        conninfo, keywords: as `connect` takes them.
        channels: to listen on; more by `listen`.
        check: seconds of silence after which the server is asked whether it is there: a network
            that is dead says nothing.
        patience: seconds to try to reconnect for, after which the error is raised; None: for ever.

    Iterate over it, or call `next`: each event is a `Notification`, or a `Gap` after it was deaf
    for a while. The first connection is made by the first of these calls, or by entering it.
    """

    def __init__(
        self,
        conninfo: str = "",
        *channels: str,
        check: float = 60.0,
        patience: float | None = None,
        **keywords: Any,
    ) -> None:
        self._conninfo = conninfo
        # A host that swallows packets would hold an attempt for minutes.
        self._keywords = {"timeout": check, **keywords}
        self._told = Listening(channels, random)
        self._check = check
        self._patience = patience
        self._connection: AsyncConnection[Any] | None = None
        self._closed = False
        self._pause: asyncio.Future[None] | None = None

    @property
    def channels(self) -> tuple[str, ...]:
        """What it listens on."""
        return tuple(self._told.channels)

    @property
    def connection(self) -> AsyncConnection[Any] | None:
        """The present connection; None while there is none."""
        return self._connection

    @property
    def closed(self) -> bool:
        """It was closed."""
        return self._closed

    async def listen(self, *channels: str) -> None:
        """As `Listener.listen`."""
        new = tuple(checked(each) for each in channels if each not in self._told.channels)
        await self._tell(new, "LISTEN")
        self._told.channels.update(dict.fromkeys(new))

    async def unlisten(self, *channels: str) -> None:
        """As `Listener.unlisten`."""
        old = tuple(each for each in channels if each in self._told.channels)
        for each in old:
            del self._told.channels[each]
        await self._tell(old, "UNLISTEN")

    async def _tell(self, channels: tuple[str, ...], verb: str) -> None:
        connection = self._connection
        if connection is None or not channels:
            return
        try:
            await connection.run(listen(connection.talk, channels, verb=verb))
        except Error as error:
            if not connection.closed:
                raise
            await self._lose(error)

    async def next(self, timeout: float | None = None) -> Event | None:
        """As `Listener.next`."""
        deadline = None if timeout is None else monotonic() + timeout
        while True:
            if self._closed:
                raise InterfaceError("the listener is closed")
            connection = self._connection
            if connection is None:
                event: Event | None = await self._connect(deadline)
                if event is not None:
                    return event
                if self._connection is None:
                    return None
                continue
            left = self._check if deadline is None else min(self._check, deadline - monotonic())
            try:
                event = await connection.wait_for_notification(max(left, 0.0))
                if event is not None:
                    return event
                if deadline is not None and monotonic() >= deadline:
                    return None
                await connection.query("SELECT 1", timeout=self._check)
            except Error as error:
                if self._closed or not (connection.closed or isinstance(error, TimeoutError)):
                    raise
                await self._lose(error)

    async def _lose(self, error: BaseException) -> None:
        connection, self._connection = self._connection, None
        self._told.lost(error, monotonic())
        if connection is not None:
            await connection.close()

    async def _connect(self, deadline: float | None) -> Gap | None:
        """Connect, again and again; return the gap, None at the first time or if time is over."""
        from ..aio import aconnect

        first, begun = not self._told.missing, monotonic()
        while not self._closed:
            delay = self._told.attempt()
            if deadline is not None and monotonic() + delay > deadline and delay:
                await self._wait(max(deadline - monotonic(), 0.0))
                return None
            if delay:
                await self._wait(delay)
                if self._closed:
                    return None
            try:
                connection: AsyncConnection[Any] = await aconnect(
                    self._conninfo, autocommit=True, **self._keywords
                )
                try:
                    await connection.run(listen(connection.talk, self.channels))
                except BaseException:
                    await connection.close()
                    raise
            except ConninfoError:
                raise
            except Error:
                over = self._patience is not None and monotonic() - begun > self._patience
                if first or over:
                    raise
                continue
            self._connection = connection
            return self._told.found(monotonic())
        return None

    async def _wait(self, seconds: float) -> None:
        """Pause, until `close` at most."""
        # A future of the running loop: an `asyncio.Event` made in `__init__` has Python 3.9's loop.
        self._pause = pause = asyncio.get_running_loop().create_future()
        try:
            await asyncio.wait((pause,), timeout=seconds)
        finally:
            pause.cancel()
            self._pause = None

    async def __aiter__(self) -> AsyncIterator[Event]:
        while not self._closed:
            event = await self.next()
            if event is not None:
                yield event

    async def close(self) -> None:
        """As `Listener.close`."""
        self._closed = True
        if self._pause is not None:
            self._pause.cancel()
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def __aenter__(self) -> AsyncListener:
        if self._connection is None:
            await self._connect(None)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()
