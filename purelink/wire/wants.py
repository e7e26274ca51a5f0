"""The handful of things a dialogue may ask of the world: its *wants*.

Floor 1, pure. A *dialogue* is a generator that yields wants and returns a result; a *pump*
(floor 3) is the only code that grants them. What the pump sends back stands at each class.
When a want cannot be granted the pump throws into the generator, at the `yield`:

* `OSError` (or a subclass) for `Resolve`, `Open`, `Exchange`, `Deliver`: as the system said it;
* `LimitExpired` when a `Limit` ran out; what was received meanwhile is kept by the pump and
  handed out with the next `Exchange`;
* whatever the called function raised for `Call` and `Compute`; for `StartTLS` an `OSError`.

No want holds a clock: a `Limit` is a stopwatch that only the pump starts and reads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generator, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "Address",
    "Aside",
    "Call",
    "Close",
    "Compute",
    "Deliver",
    "Dialogue",
    "Exchange",
    "Limit",
    "LimitExpired",
    "Open",
    "Opened",
    "Resolve",
    "Secured",
    "StartTLS",
    "Want",
    "Watch",
]

T = TypeVar("T")


class Limit:
    """A stretch of time that several wants may share: started at the first want that bears it.

    Args:
        seconds: how long, a float; None waits for ever.

    `deadline` belongs to the pump: its clock's reading at which the stretch ends, None
    until the pump has started it.
    """

    __slots__ = ("deadline", "seconds")

    def __init__(self, seconds: float | None) -> None:
        self.seconds = seconds
        self.deadline: float | None = None

    def begin(self, now: float) -> None:
        """Start, by a pump's clock, unless it has been started."""
        if self.deadline is None and self.seconds is not None:
            self.deadline = now + self.seconds


class LimitExpired(Exception):
    """Thrown into a dialogue by the pump: this limit ran out. Never leaves the package."""

    def __init__(self, limit: Limit) -> None:
        super().__init__("limit expired")
        self.limit = limit


class Want:
    """The base of all wants. `limit` is None where the want may take for ever."""

    __slots__ = ("limit",)
    limit: Limit | None


class Address(NamedTuple):
    """One place to connect to.

    `family` is "tcp" or "unix"; `host` the numeric address or the socket's path (an abstract
    name begins with "@"); `port` a number (0 for "unix"). `sockaddr` is what the resolver
    gave for it, passed back unread to the pump; None: made from `host` and `port`.

    The third family is "own": the caller brings the transport. `sockaddr` is then a callable
    without arguments that gives one (perhaps to be awaited), `host` only a name for people.
    """

    family: str
    host: str
    port: int
    sockaddr: Any = None


class Resolve(Want):
    """Look a name up. Sends back a list of `Address`, in the resolver's order.

    `numeric`: the name must be a numeric address already (`hostaddr`): no look-up is made.
    Failure: `socket.gaierror`.
    """

    __slots__ = ("host", "numeric", "port")

    def __init__(
        self, host: str, port: int, *, numeric: bool = False, limit: Limit | None = None
    ) -> None:
        self.host = host
        self.port = port
        self.numeric = numeric
        self.limit = limit


class Open(Want):
    """Connect to an address. Sends back an `Opened`.

    `options` are socket options to set first, each `(level, option, value)`: level and option
    are the names of `socket`'s constants (`("IPPROTO_TCP", "TCP_KEEPIDLE", 30)`); a platform
    without the constant skips it. Failure to set one: `OSError` with the option's name in
    `filename`.
    `peer_user`: also find out the peer's user on a unix socket.
    """

    __slots__ = ("address", "options", "peer_user")

    def __init__(
        self,
        address: Address,
        options: tuple[tuple[str, str, int], ...] = (),
        *,
        peer_user: bool = False,
        limit: Limit | None = None,
    ) -> None:
        self.address = address
        self.options = options
        self.peer_user = peer_user
        self.limit = limit


class Opened(NamedTuple):
    """What `Open` found: the peer's address and our own, the peer's OS user.

    `peer_user` is for unix sockets; None where the system does not tell. `certificate` is the
    peer's, in DER, where a caller's own transport has TLS of its own; `verified`: with its name.
    """

    peer: Any
    own: Any
    peer_user: str | None = None
    certificate: bytes | None = None
    verified: bool = False


class StartTLS(Want):
    """Begin TLS on the open channel. Sends back a `Secured`.

    `settings` is a `purelink.tls.TLSSettings`, not looked at on this floor. Nothing must
    have been received that was not handed out: the dialogue has checked that.
    """

    __slots__ = ("settings",)

    def __init__(self, settings: Any, *, limit: Limit | None = None) -> None:
        self.settings = settings
        self.limit = limit


class Secured(NamedTuple):
    """What TLS gave.

    `certificate` is the server's in DER, or None; `alpn` the protocol agreed on, or None;
    `version` as "TLSv1.3"; `cipher` its name; `certificate_requested` whether the server asked
    for ours (None: cannot be told); `certificate_sent` whether one went out.
    """

    certificate: bytes | None
    alpn: str | None
    version: str
    cipher: str
    certificate_requested: bool | None = None
    certificate_sent: bool = False


class Exchange(Want):
    """Write (perhaps nothing) while reading. Sends back the bytes received; b"" = closed.

    Without hints the pump gathers: it reads until about 64 kB are there, or a piece ends in
    what looks like ReadyForQuery, or nothing more is waiting. `need`: keep reading until at
    least so many bytes are there (the rest of one large message). `first`: hand out the first
    piece that comes, ungathered. `at_once`: do not wait; None = nothing has come. Writing that
    would block is interleaved with reading.
    """

    __slots__ = ("at_once", "data", "first", "need")

    def __init__(
        self,
        data: bytes,
        *,
        need: int = 0,
        first: bool = False,
        at_once: bool = False,
        limit: Limit | None = None,
    ) -> None:
        self.data = data
        self.need = need
        self.first = first
        self.at_once = at_once
        self.limit = limit


class Deliver(Want):
    """Write; read only while writing would block.

    What was read is handed out by the next `Exchange`. Sends back True if something has been
    received meanwhile, else False.
    """

    __slots__ = ("data",)

    def __init__(self, data: bytes, *, limit: Limit | None = None) -> None:
        self.data = data
        self.limit = limit


class Close(Want):
    """Close the channel: a failed attempt, or the end. Sends back None; never fails."""

    __slots__ = ()

    def __init__(self) -> None:
        self.limit = None


class Call(Want):
    """Call what the *user* gave: a password or token provider, a callback.

    Sync, or async where the pump is. Sends back its result.
    """

    __slots__ = ("args", "function")

    def __init__(
        self, function: Callable[..., Any], *args: Any, limit: Limit | None = None
    ) -> None:
        self.function = function
        self.args = args
        self.limit = limit


class Compute(Want):
    """Run something long and pure so that a loop is not frozen and the limit holds.

    Sends back its result.
    """

    __slots__ = ("args", "function")

    def __init__(self, function: Callable[..., T], *args: Any, limit: Limit | None = None) -> None:
        self.function = function
        self.args = args
        self.limit = limit


class Aside(Want):
    """Run another dialogue on a channel of its own, closed afterwards: a cancel request.

    Sends back its result, or throws what it raised.
    """

    __slots__ = ("dialogue",)

    def __init__(self, dialogue: Dialogue[Any], *, limit: Limit | None = None) -> None:
        self.dialogue = dialogue
        self.limit = limit


class Watch(Want):
    """Wait until one of several channels, each another pump's, has something to be read.

    `channels` are the pumps. Sends back the list of those that have something, or have ended.
    `begun` are limits that start now, if they have not: one for each channel, say, of which `limit`
    is the first to run out.
    """

    __slots__ = ("begun", "channels")

    def __init__(
        self, channels: list[Any], *, begun: list[Limit] | None = None, limit: Limit | None = None
    ) -> None:
        self.channels = channels
        self.begun = begun or []
        self.limit = limit


Dialogue = Generator[Want, Any, T]
"""A generator that yields wants, is sent what they give, and returns a `T`."""
