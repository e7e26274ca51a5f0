"""Bytes taken in as they come, put together to messages, whatever interrupts it.

Floor 1, pure. `Taking` is the part of the session between the bytes that a pump hands over and the
messages that the session judges: what is incomplete is kept, a large message gathered in one place,
and an interrupt (Ctrl-C) finds the session before a message, or over.
"""

from __future__ import annotations

from io import BytesIO

from ..errors import ConnectionLost, OperationalError
from . import legality
from .hearing import Hearing

__all__ = ["CLOSED_UNEXPECTEDLY", "Taking"]

#: libpq's three lines for a connection that ends before it should
CLOSED_UNEXPECTEDLY = (
    "server closed the connection unexpectedly\n"
    "\tThis probably means the server terminated abnormally\n"
    "\tbefore or while processing the request."
)

#: A message of which so much is missing is gathered in one place, not joined piece by piece: a
#: value of 500 MB costs its own size, once here and once as what it becomes.
_LARGE = 131_072


class Taking(Hearing):
    """What one connection's session does with bytes."""

    def receive(self, data: bytes) -> None:
        """Take bytes as they came; b"" means that the server closed the connection.

        Raises:
            ConnectionLost: it closed. The server's FATAL words come first, if it said any.
            RemoteProtocolError: it broke the protocol. The session is over in both cases.
        """
        if not data:
            raise self.lost()
        self._take(data)

    def resume(self) -> None:
        """Go on where an interrupt came: whole messages may have been left.

        Raises: as `receive`.
        """
        if self._buffer or self._large is not None:
            self._take(b"")

    def _take(self, data: bytes) -> None:
        buffer, received = b"", self.received + len(data)
        gathering, missing = self._large, self.missing
        gathered = 0 if gathering is None else gathering.tell()
        # None: in the middle of a message
        self._position = None
        try:
            self.torn = True
            if gathering is not None:
                gathering.write(data)
                self.missing = missing - len(data)
                if self.missing > 0:
                    self.received = received
                    self.torn = False
                    return
                # what BytesIO holds, not a copy of it
                buffer = gathering.getvalue()
            else:
                buffer = self._buffer + data if self._buffer else data
            gathering = None
            self._position = 0
            self._parse(buffer)
            self._taken(buffer, received)
        except MemoryError as error:
            raise self.exhausted() from error
        except Exception as error:
            self.end(error)
            raise
        except BaseException as error:
            if self._position is not None:
                self.missing = 0
                self._taken(buffer, received)
            elif gathering is not None:
                # Written, or not: if not, it is handed in once more.
                written = gathering.tell() - gathered
                self.missing, self.received = missing - written, received - len(data) + written
                self.torn = False
            else:
                # Interrupted in the middle: nobody knows which byte comes next.
                self.end(error)
            raise

    def _taken(self, buffer: bytes, received: int) -> None:
        """Note that what was received is taken in, up to `_position`; once more does no harm."""
        position = self._position
        assert position is not None
        self._keep(buffer, position)
        self.left_over = bool(self._buffer or self.missing) or self.fatal is not None
        self.received = received
        self.torn = False

    def _keep(self, buffer: bytes, position: int) -> None:
        """Keep what is left for the next time; of a large message, where the rest fits in."""
        self._large = None
        if position == len(buffer):
            self._buffer = b""
        elif self.missing < _LARGE:
            self._buffer = buffer[position:]
        else:
            self._buffer = b""
            self._large = BytesIO()
            with memoryview(buffer) as view:
                self._large.write(view[position:])

    def exhausted(self) -> OperationalError:
        """End the session for want of memory, giving back what its answers hold; return the error.

        Source: PGresult's "out of memory for query result".
        """
        error = OperationalError("out of memory for query result", sqlstate="53200")
        for answer in self.answers:
            answer.rows.clear()
        self.answers.clear()
        self.copied.clear()
        self.end(error)
        return error

    def receive_unasked(self, data: bytes) -> None:
        """Take bytes that came before what was just asked went out.

        A complete answer sent in advance must never be taken for the answer: only what may come
        unasked is believed here.

        Raises: as `receive`.
        """
        asked, self.state = self.state, legality.IDLE
        self.receive(data)
        self.state = asked

    def _parse(self, buffer: bytes) -> None:
        """Take whole messages; `_position` is where it stopped."""
        raise NotImplementedError

    # -- the end ----------------------------------------------------------------------------

    def lost(self) -> ConnectionLost:
        """End the session because the connection closed; return the error to raise.

        The text is the server's FATAL words, if it said any, and then libpq's three lines.
        """
        text = CLOSED_UNEXPECTEDLY
        fatal = self.fatal
        if fatal is not None:
            severity = fatal.severity or "FATAL"
            text = f"{severity}:  {fatal.message_primary or ''}\n{text}"
        error = ConnectionLost(
            text, diagnostics=fatal, sqlstate=None if fatal is not None else "08006"
        )
        error.outcome_unknown = self.state not in (legality.IDLE, legality.CLOSED)
        self.end(error)
        return error

    def end(self, why: BaseException | None = None) -> None:
        """Mark the session as over: whatever was asked will not be answered any more."""
        self.state = legality.CLOSED
        self.failure = why
        self._queue.clear()
        self._buffer, self._large = b"", None
        self._decoder = None
        self._answer = None
        self.missing = 0
