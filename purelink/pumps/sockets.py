"""Sockets as both pumps make and look at them: options, addresses, peers, readiness.

Floor 4. Nothing here waits, but for `polled`, which waits as long as it is told.
"""

from __future__ import annotations

import select
import socket
from types import BuiltinMethodType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..wire.wants import Address

__all__ = [
    "glance",
    "host_bytes",
    "in_c",
    "looker",
    "make_socket",
    "own",
    "peer",
    "peer_user",
    "polled",
    "readable",
    "set_options",
    "sockaddr",
]


def host_bytes(host: str) -> bytes:
    """Return a host name as libpq hands it to the resolver: its bytes, no IDNA codec.

    Python's own would refuse names that a resolver knows, with errors that are no OSError.
    """
    return host.encode("utf-8", "surrogateescape")


def glance(channel: Any) -> bool:
    """Tell whether a socket has something to be read, or its end, now."""
    ready = getattr(channel, "ready", None)
    if ready is not None:  # a caller's own stream
        return bool(ready(0, reading=True, writing=False))
    if hasattr(select, "poll"):
        poll = select.poll()
        poll.register(channel, select.POLLIN)
        return bool(poll.poll(0))
    return bool(select.select([channel], [], [], 0)[0])


def readable(channels: list[Any], seconds: float | None) -> list[int]:
    """Return the places of those sockets that can be read, or have ended, as soon as one can.

    None when `seconds` are over. A stream that shows no descriptor may always have something.
    """
    places = {channel.fileno(): place for place, channel in enumerate(channels)}
    if -1 in places:
        return [places[-1]]
    if not hasattr(select, "poll"):
        found, _, _ = select.select(list(places), [], [], seconds)  # Windows
        return [places[number] for number in found]
    poll = select.poll()
    for number in places:
        poll.register(number, select.POLLIN)
    ready = poll.poll(None if seconds is None else int(seconds * 1000 + 0.999))
    return [places[number] for number, _ in ready]


def in_c(channel: Any) -> bool:
    """Tell whether a socket's `send` and `recv` are C: an interrupt comes before or after them."""
    return type(channel) is socket.socket and all(
        isinstance(method, BuiltinMethodType) for method in (channel.send, channel.recv)
    )


def looker(channel: Any) -> Callable[..., list[Any]] | None:
    """Return a function that waits, so many milliseconds or for ever, until a socket is readable.

    None: the system has no `poll`, or the socket no descriptor any more.
    """
    if not hasattr(select, "poll") or channel.fileno() < 0:
        return None
    poll = select.poll()
    poll.register(channel, select.POLLIN)
    return poll.poll


def polled(poll: Any, seconds: float | None, asked: int) -> int:
    """Wait with a poll object; return 1 for readable, 2 for writable, 3 for both, 0 for neither."""
    # milliseconds, rounded up: a wait that ends early would only come back
    found = poll.poll(None if seconds is None else int(seconds * 1000 + 0.999))
    if not found:
        return 0
    bits = found[0][1]
    if bits & (select.POLLHUP | select.POLLERR | select.POLLNVAL):
        bits |= asked
    return (1 if bits & select.POLLIN else 0) | (2 if bits & select.POLLOUT else 0)


def make_socket(address: Address) -> socket.socket:
    """Return a socket for an address, not connected; a TCP one sends at once (connectNoDelay)."""
    if address.family == "unix":
        family = getattr(socket, "AF_UNIX", None)
        if family is None:
            raise OSError("this platform has no unix sockets")
        return socket.socket(family, socket.SOCK_STREAM)
    family = address.sockaddr[0] if address.sockaddr is not None else socket.AF_INET
    channel = socket.socket(family, socket.SOCK_STREAM)
    # libpq: connectNoDelay; a request goes out at once
    channel.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return channel


def sockaddr(address: Address) -> Any:
    """Return what `connect` takes for an address."""
    if address.family == "unix":
        path = address.host
        return "\0" + path[1:] if path.startswith("@") else path
    return address.sockaddr[1] if address.sockaddr is not None else (address.host, address.port)


def peer(channel: Any) -> Any:
    """Return the other end's address, None where the system does not tell."""
    try:
        return channel.getpeername()
    except (OSError, AttributeError):
        return None


def own(channel: Any) -> Any:
    """Return our end's address, None where the system does not tell."""
    try:
        return channel.getsockname()
    except (OSError, AttributeError):
        return None


def set_options(channel: socket.socket, options: tuple[tuple[str, str, int], ...]) -> None:
    """Set socket options by name; a platform without the name skips it.

    Raises:
        OSError: the system refused one; its `filename` is the option's name.
    """
    for level, option, value in options:
        number = getattr(socket, option, None)
        if number is None:
            continue
        try:
            channel.setsockopt(getattr(socket, level), number, value)
        except OSError as error:
            raise OSError(error.errno, error.strerror, option) from error


def peer_user(channel: socket.socket) -> str | None:
    """Return the OS user at the other end of a unix socket, or None where it cannot be told."""
    try:
        import pwd
        import struct

        size = struct.calcsize("3i")
        found = channel.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
        uid = struct.unpack("3i", found)[1]
        return pwd.getpwuid(uid).pw_name
    except (ImportError, AttributeError, OSError, KeyError):
        return None
