"""The server's side of one connection: reads what the client says, says what it is told to.

Floor 6. `wire.frontend` decodes, `wire.backend` encodes. What the client said is kept.
"""

from __future__ import annotations

import contextlib
import socket
import struct
from typing import TYPE_CHECKING, Callable

from ..wire import frontend
from ..wire.codec import int32
from ..wire.message import Message

if TYPE_CHECKING:
    import threading
    from typing import Union

    Said = Union[bytes, Message]

__all__ = ["PATIENCE", "ClientGone", "Peer", "Step"]

#: How long a step waits for the client, and the end of the `with` for its threads, in seconds.
PATIENCE = 20.0


class ClientGone(Exception):
    """The client closed the connection where the script expected it to speak."""


class Peer:
    """One connection, from the server's side.

    Attributes:
        messages: what the client said, decoded. heard: the same as bytes.
        number: 0 for the server's first connection.
    """

    def __init__(self, channel: socket.socket, number: int, released: threading.Event) -> None:
        self.channel = channel
        self.number = number
        self.released = released
        self.messages: list[Message] = []
        self.heard = bytearray()
        self._taken = 0
        self._started = False
        channel.settimeout(PATIENCE)

    def _fill(self, size: int) -> bytes:
        while len(self.heard) - self._taken < size:
            try:
                data = self.channel.recv(65536)
            except ConnectionError as error:
                raise ClientGone(str(error)) from error
            if not data:
                raise ClientGone("the client closed the connection")
            self.heard += data
        start, self._taken = self._taken, self._taken + size
        return bytes(self.heard[start : self._taken])

    def receive(self) -> Message:
        """Return the next message; the untagged ones until a StartupMessage came.

        Raises:
            ClientGone: closed instead. RemoteProtocolError: it is no message.
        """
        tag = self._fill(1)[0] if self._started else 0
        length = int32.unpack(self._fill(4))[0]
        body = self._fill(length - 4)
        message = frontend.decode(tag, body) if tag else frontend.decode_initial(body)
        self._started = self._started or isinstance(message, frontend.StartupMessage)
        self.messages.append(message)
        return message

    def raw(self, size: int) -> bytes:
        """Return the next `size` bytes, whatever they are."""
        return self._fill(size)

    def say(self, *what: Said) -> None:
        """Send messages or raw bytes, in one go.

        Raises:
            ClientGone: the client is not there any more.
        """
        data = b"".join(each.encode() if isinstance(each, Message) else each for each in what)
        try:
            self.channel.sendall(data)
        except OSError as error:
            raise ClientGone(str(error)) from error

    def close(self, *, reset: bool = False) -> None:
        """Close the connection; `reset`: by RST, what is under way is lost."""
        if reset:
            linger = struct.pack("ii", 1, 0)
            self.channel.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        else:
            with contextlib.suppress(OSError):
                self.channel.shutdown(socket.SHUT_RDWR)
        self.channel.close()


Step = Callable[[Peer], None]
