"""`Listener`: notifications for as long as the program runs, whatever becomes of connections.

Floor 5.
"""

from __future__ import annotations

from random import random
from threading import Event as Flag
from time import monotonic
from typing import TYPE_CHECKING, Any, Union

from ..conversation.listening import Gap, Listening, checked, listen
from ..errors import ConninfoError, Error, InterfaceError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from ..connection import Connection
    from ..wire.session import Notification

    Event = Union[Notification, Gap]

__all__ = ["Listener"]


class Listener:
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
        self._connection: Connection[Any] | None = None
        self._closed = False
        self._over = Flag()

    @property
    def channels(self) -> tuple[str, ...]:
        """What it listens on."""
        return tuple(self._told.channels)

    @property
    def connection(self) -> Connection[Any] | None:
        """The present connection; None while there is none."""
        return self._connection

    @property
    def closed(self) -> bool:
        """It was closed."""
        return self._closed

    def listen(self, *channels: str) -> None:
        """Listen on more channels, from now on and after every reconnection.

        Raises: as `Connection.query`, but for a lost connection, which is made anew.
        """
        new = tuple(checked(each) for each in channels if each not in self._told.channels)
        self._tell(new, "LISTEN")
        self._told.channels.update(dict.fromkeys(new))

    def unlisten(self, *channels: str) -> None:
        """Listen no more on these channels. Raises: as `listen`."""
        old = tuple(each for each in channels if each in self._told.channels)
        for each in old:
            del self._told.channels[each]
        self._tell(old, "UNLISTEN")

    def _tell(self, channels: tuple[str, ...], verb: str) -> None:
        connection = self._connection
        if connection is None or not channels:
            return
        try:
            connection.run(listen(connection.talk, channels, verb=verb))
        except Error as error:
            if not connection.closed:
                raise
            self._lose(error)

    def next(self, timeout: float | None = None) -> Event | None:
        """Return the next event; None when the time is over.

        Args:
            timeout: seconds; None waits for ever.

        Raises:
            ConninfoError, AuthenticationError …: as `connect`, the first time; later, where
                `patience` is over. InterfaceError: it was closed.
        """
        deadline = None if timeout is None else monotonic() + timeout
        while True:
            if self._closed:
                raise InterfaceError("the listener is closed")
            connection = self._connection
            if connection is None:
                event: Event | None = self._connect(deadline)
                if event is not None:
                    return event
                if self._connection is None:
                    return None
                continue
            left = self._check if deadline is None else min(self._check, deadline - monotonic())
            try:
                event = connection.wait_for_notification(max(left, 0.0))
                if event is not None:
                    return event
                if deadline is not None and monotonic() >= deadline:
                    return None
                connection.query("SELECT 1", timeout=self._check)
            except Error as error:
                if self._closed or not (connection.closed or isinstance(error, TimeoutError)):
                    raise
                self._lose(error)

    def _lose(self, error: BaseException) -> None:
        connection, self._connection = self._connection, None
        self._told.lost(error, monotonic())
        if connection is not None:
            connection.close()

    def _connect(self, deadline: float | None) -> Gap | None:
        """Connect, again and again; return the gap, None at the first time or if time is over."""
        from ..connection import connect

        first, begun = not self._told.missing, monotonic()
        while not self._closed:
            delay = self._told.attempt()
            if deadline is not None and monotonic() + delay > deadline and delay:
                self._over.wait(max(deadline - monotonic(), 0.0))
                return None
            if delay:
                self._over.wait(delay)
                if self._closed:
                    return None
            try:
                connection: Connection[Any] = connect(
                    self._conninfo, autocommit=True, **self._keywords
                )
                try:
                    connection.run(listen(connection.talk, self.channels))
                except BaseException:
                    connection.close()
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

    def __iter__(self) -> Iterator[Event]:
        while not self._closed:
            event = self.next()
            if event is not None:
                yield event

    def close(self) -> None:
        """Listen no more. Never raises."""
        self._closed = True
        self._over.set()
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def __enter__(self) -> Listener:
        if self._connection is None:
            self._connect(None)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
