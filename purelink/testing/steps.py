"""The words of a backend's script: expect, send, drip, stall, cut, flood, ask for a password.

Floor 6. Each gives a `Step`, a function of the `Peer`; a function of one's own is a step as well.
SCRAM is played by `scramp` (extra `testing`), imported when it is asked for.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Callable

from ..wire import backend, codes, frontend
from .bytes import HELLO
from .peer import ClientGone, Step

if TYPE_CHECKING:
    from ..wire.message import Message
    from .peer import Peer, Said

__all__ = [
    "answer",
    "cleartext",
    "cut",
    "drip",
    "expect",
    "expect_bytes",
    "flood",
    "hello",
    "md5",
    "scram",
    "send",
    "serve",
    "stall",
    "startup",
    "tls_answer",
    "until",
    "until_closed",
]


def expect(kind: type[Message], test: Callable[[Message], bool] | None = None) -> Step:
    """Read one message, which must be of this class (and pass the test)."""

    def step(peer: Peer) -> None:
        message = peer.receive()
        if not isinstance(message, kind) or (test is not None and not test(message)):
            raise AssertionError(f"the script expected {kind.__name__}, the client said {message}")

    return step


def expect_bytes(data: bytes) -> Step:
    """Read so many bytes, which must be these."""

    def step(peer: Peer) -> None:
        found = peer.raw(len(data))
        if found != data:
            raise AssertionError(f"the script expected {data!r}, the client said {found!r}")

    return step


def until(kind: type[Message]) -> Step:
    """Read messages up to one of this class."""

    def step(peer: Peer) -> None:
        while not isinstance(peer.receive(), kind):
            pass

    return step


def send(*what: Said) -> Step:
    """Send messages or raw bytes, in one go."""
    return lambda peer: peer.say(*what)


def drip(data: bytes, pause: float = 0.0) -> Step:
    """Send bytes one at a time, `pause` seconds apart."""

    def step(peer: Peer) -> None:
        if peer.channel.family != getattr(socket, "AF_UNIX", None):
            peer.channel.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for place in range(len(data)):
            peer.say(data[place : place + 1])
            if pause and peer.released.wait(pause):
                return

    return step


def answer(*what: Said) -> Step:
    """Read a Query, or an extended batch up to its Sync; then send."""

    def step(peer: Peer) -> None:
        while not isinstance(peer.receive(), (frontend.Query, frontend.Sync)):
            pass
        peer.say(*what)

    return step


def serve(reply: Callable[[Message], bytes | None]) -> Step:
    """Answer every message with what `reply` gives for it, until None or Terminate comes."""

    def step(peer: Peer) -> None:
        while True:
            message = peer.receive()
            if isinstance(message, frontend.Terminate):
                return
            said = reply(message)
            if said is None:
                return
            if said:
                peer.say(said)

    return step


def flood(data: bytes, times: int | None = None) -> Step:
    """Send the same again and again, until the client is gone (or so many times)."""

    def step(peer: Peer) -> None:
        count = 0
        while times is None or count < times:
            if peer.released.is_set():
                return
            try:
                peer.say(data)
            except ClientGone:
                return
            count += 1

    return step


def stall(seconds: float | None = None) -> Step:
    """Say nothing and read nothing, so long or until the `with` is left."""

    def step(peer: Peer) -> None:
        peer.released.wait(seconds)

    return step


def until_closed() -> Step:
    """Read, and remember, whatever the client says until it closes the connection."""

    def step(peer: Peer) -> None:
        try:
            while True:
                peer.receive()
        except ClientGone:
            pass

    return step


def cut(*, reset: bool = False) -> Step:
    """Close the connection; `reset`: by RST."""
    return lambda peer: peer.close(reset=reset)


def tls_answer(data: bytes) -> Step:
    """Read an SSLRequest, answer with raw bytes (b"N", b"S" …)."""
    return _both(expect(frontend.SSLRequest), send(data))


def _both(first: Step, second: Step) -> Step:
    def step(peer: Peer) -> None:
        first(peer)
        second(peer)

    return step


def startup() -> Step:
    """Read a StartupMessage; questions for encryption before it are answered with `N`."""

    def step(peer: Peer) -> None:
        message = peer.receive()
        while isinstance(message, (frontend.SSLRequest, frontend.GSSENCRequest)):
            peer.say(b"N")
            message = peer.receive()
        assert isinstance(message, frontend.StartupMessage), message

    return step


def hello(said: bytes = HELLO) -> Step:
    """Read a StartupMessage and let the client in without a question."""
    return _both(startup(), send(said))


def cleartext(password: str, then: bytes = HELLO) -> Step:
    """Ask for a cleartext password; let the client in if it is right."""

    def step(peer: Peer) -> None:
        peer.say(backend.Authentication(codes.AUTH_CLEARTEXT))
        _judge(peer, peer.receive(), password.encode() + b"\0", then)

    return step


def md5(user: str, password: str, salt: bytes = b"\x01\x02\x03\x04", then: bytes = HELLO) -> Step:
    """Ask for an md5 password; let the client in if it is right."""
    from ..wire.password import md5 as hashed

    def step(peer: Peer) -> None:
        peer.say(backend.Authentication(codes.AUTH_MD5, salt))
        right = hashed(password.encode(), user.encode(), salt)
        _judge(peer, peer.receive(), right.rstrip(b"\0") + b"\0", then)

    return step


def _judge(peer: Peer, message: Message, right: bytes, then: bytes) -> None:
    if isinstance(message, frontend.Password) and message.data == right:
        peer.say(then)
    else:
        peer.say(REFUSED)


REFUSED = backend.ErrorResponse(
    {"S": "FATAL", "V": "FATAL", "C": "28P01", "M": "password authentication failed"}
).encode()


def scram(password: str, iterations: int = 4096, then: bytes = HELLO) -> Step:
    """Ask for SCRAM-SHA-256, played by scramp; let the client in if its proof is right."""

    def step(peer: Peer) -> None:
        import scramp  # type: ignore[import-untyped]

        mechanism = scramp.ScramMechanism("SCRAM-SHA-256")
        info = mechanism.make_auth_info(password, iteration_count=iterations)
        server = mechanism.make_server(lambda _user: info)
        peer.say(backend.Authentication(codes.AUTH_SASL, b"SCRAM-SHA-256\0\0"))
        first = _sasl_initial(peer.receive())
        # libpq, and we, send an empty user name, which scramp refuses: it is given another, and
        # then told what really stood in the message that the proof is about.
        header, bare = first[:3], first[3:]
        if bare.startswith("n=,"):
            server.set_client_first(f"{header}n=*,{bare[3:]}")
            server.client_first_bare = bare
        else:
            server.set_client_first(first)
        challenge = server.get_server_first().encode()
        peer.say(backend.Authentication(codes.AUTH_SASL_CONTINUE, challenge))
        proof = peer.receive()
        assert isinstance(proof, frontend.Password), proof
        try:
            server.set_client_final(proof.data.decode())
        except scramp.ScramException:
            peer.say(REFUSED)
            return
        final = server.get_server_final().encode()
        peer.say(backend.Authentication(codes.AUTH_SASL_FINAL, final), then)

    return step


def _sasl_initial(message: Message) -> str:
    assert isinstance(message, frontend.Password), message
    name, _, rest = message.data.partition(b"\0")
    if name != b"SCRAM-SHA-256":
        raise AssertionError(f"the client chose {name!r}")
    return rest[4:].decode()
