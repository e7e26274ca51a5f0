"""Where one message ends and the next begins: the limits on every length word.

Floor 1, pure. Two rules: `head` for the session, with libpq's two classes of length, and
`initial` for the phase before AuthenticationOk, where only a few messages with tight bounds are
believed. Nothing is allocated for an announced length; the caller waits for the bytes themselves.
"""

from __future__ import annotations

from typing import NamedTuple

from ..errors import AuthenticationError, RemoteProtocolError
from . import codes
from .codec import int32

__all__ = ["Head", "ancient_error", "head", "initial"]


class Head(NamedTuple):
    """A message's place: `tag`; `start` and `stop` of its body in the buffer."""

    tag: int
    start: int
    stop: int


def head(buffer: bytes, position: int, ceiling: int = codes.CEILING) -> Head | None:
    """Return where the message at `position` stands, or None while its head is not all there.

    The body may still be missing: compare `stop` with what has come.

    Raises:
        RemoteProtocolError: a length below 4, over 30,000 for the short messages, or over
            `ceiling` for the long ones: synchronisation is lost (libpq: handleSyncLoss).
    """
    if len(buffer) - position < 5:
        return None
    tag = buffer[position]
    length: int = int32.unpack_from(buffer, position + 1)[0]
    longest = ceiling if tag in codes.LONG_TAGS else min(ceiling, codes.SHORT_LENGTH)
    if not 4 <= length <= longest:
        raise RemoteProtocolError(
            f'lost synchronization with server: got message type "{codes.letter(tag)}",'
            f" length {length}"
        )
    return Head(tag, position + 5, position + 1 + length)


def initial(buffer: bytes) -> Head | None:
    """Return where the message at the start of `buffer` stands, before AuthenticationOk.

    Only `R`, `v` and `E` are believed there, with the bounds of libpq's PQconnectPoll. None: more
    bytes, please. An `E` whose length is no length is an error of before protocol 3.0:
    `ancient_error` reads it.

    Raises:
        RemoteProtocolError: anything else. (`AuthenticationError` for a malformed request.)
    """
    if not buffer:
        return None
    tag = buffer[0]
    if tag not in b"RvE":
        raise RemoteProtocolError(
            f"expected authentication request from server, but received {codes.letter(tag)}"
        )
    if len(buffer) < 5:
        return None
    length: int = int32.unpack_from(buffer, 1)[0]
    if tag == codes.AUTHENTICATION and not 8 <= length <= 2000:
        raise AuthenticationError("received invalid authentication request")
    if tag == codes.NEGOTIATE_PROTOCOL_VERSION and not 8 <= length <= 2000:
        raise RemoteProtocolError("received invalid protocol negotiation message")
    if tag == codes.ERROR_RESPONSE and not 8 <= length <= codes.SHORT_LENGTH:
        stop = buffer.find(0, 1)
        if stop < 0:
            if len(buffer) > codes.SHORT_LENGTH:
                raise RemoteProtocolError("received invalid error message")
            return None
        return Head(0, 1, stop)
    return Head(tag, 5, 1 + length)


def ancient_error(body: bytes) -> dict[str, str]:
    """Return the fields of an error from a server older than protocol 3.0: its one text.

    The text comes with its severity in front ("FATAL:  …") and a newline behind.
    """
    text = body.decode("utf-8", "replace").rstrip("\n")
    severity, colon, rest = text.partition(":")
    if colon and severity.isupper():
        return {"S": severity, "M": rest.lstrip()}
    return {"M": text}
