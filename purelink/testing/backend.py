"""A backend that says what its script says: lying, stalling, dripping, cutting, flooding.

Floor 6. Our own codec reversed: `wire.backend` encodes what the server says, `wire.frontend`
decodes what the client said. A script is a sequence of steps, one script a connection, in the order
in which they come; each runs in a thread of its own, on 127.0.0.1 or a unix socket:

    with Backend([hello(), expect(Query), send(ERROR, READY), until_closed()]) as backend:
        connection = purelink.connect(backend.dsn)

What every client said is kept in `backend.seen`, as messages, and in `backend.heard`, as bytes. A
script that the client does not follow is told as an AssertionError when the `with` is left.
SCRAM is played by `scramp` (extra `testing`), imported when it is asked for.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import threading
import time
from typing import TYPE_CHECKING, Callable

from purelink.testing.bytes import HELLO
from purelink.wire import backend, codes, frontend
from purelink.wire.codec import int32
from purelink.wire.message import Message

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from types import TracebackType
    from typing import Union

    Said = Union[bytes, Message]

__all__ = [
    "Backend",
    "ClientGone",
    "Peer",
    "Step",
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


# -- the steps --------------------------------------------------------------------------------


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
    from purelink.wire.password import md5 as hashed

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


# -- the server -------------------------------------------------------------------------------


class Backend:
    """A server on 127.0.0.1, or on a unix socket, that plays one script a connection.

    Args:
        scripts: for the first connection, the second and so on; one more is closed at once.
        folder: for a unix socket `.s.PGSQL.5432` there, instead of TCP.

    Attributes:
        peers: the connections so far, in the order in which they came.
    """

    def __init__(self, *scripts: Sequence[Step], folder: Path | None = None) -> None:
        self.scripts = scripts
        self.peers: list[Peer] = []
        self.failures: list[BaseException] = []
        self._released = threading.Event()
        self._threads: list[threading.Thread] = []
        self._folder = folder
        if folder is None:
            self._listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            self._listener.bind(("127.0.0.1", 0))
            self.host, self.port = "127.0.0.1", int(self._listener.getsockname()[1])
        else:
            self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.host, self.port = str(folder), 5432
            self._listener.bind(f"{folder}/.s.PGSQL.5432")
        self._listener.listen(16)

    @property
    def dsn(self) -> str:
        """A connection string for it: user u, database d, no TLS question."""
        return f"host={self.host} port={self.port} user=u dbname=d sslmode=disable"

    @property
    def seen(self) -> list[list[Message]]:
        """What each client said, as messages."""
        return [peer.messages for peer in self.peers]

    @property
    def heard(self) -> list[bytes]:
        """What each client said, as bytes, also what no step has read yet."""
        return [bytes(peer.heard) for peer in self.peers]

    def said(self, number: int = 0) -> list[str]:
        """Return the names of what a client said, without its startup."""
        kinds = (frontend.StartupMessage, frontend.SSLRequest, frontend.Password)
        found = self.peers[number].messages
        return [type(each).__name__ for each in found if not isinstance(each, kinds)]

    def __enter__(self) -> Backend:
        thread = threading.Thread(target=self._accept, daemon=True)
        self._threads.append(thread)
        thread.start()
        return self

    def _accept(self) -> None:
        while True:
            try:
                channel, _ = self._listener.accept()
            except OSError:
                return
            if self._released.is_set():
                channel.close()
                return
            peer = Peer(channel, len(self.peers), self._released)
            self.peers.append(peer)
            thread = threading.Thread(target=self._play, args=(peer,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _play(self, peer: Peer) -> None:
        script = self.scripts[peer.number] if peer.number < len(self.scripts) else ()
        try:
            for step in script:
                step(peer)
        except BaseException as error:
            self.failures.append(error)
        finally:
            peer.close()

    def wait(self) -> None:
        """Wait until every script begun has ended.

        Raises:
            AssertionError: one did not, within `PATIENCE`.
        """
        deadline = time.monotonic() + PATIENCE
        for thread in self._threads[1:]:
            thread.join(max(0.0, deadline - time.monotonic()))
            if thread.is_alive():
                raise AssertionError("a script has not ended: the client still holds it up")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._released.set()
        for peer in self.peers:
            # What has come is still read; then the client counts as gone.
            with contextlib.suppress(OSError):
                peer.channel.shutdown(socket.SHUT_RD)
        try:
            if error is None:
                self.wait()
        finally:
            self._stop()
        if error is None and self.failures:
            raise AssertionError("the client did not follow the script") from self.failures[0]

    def _stop(self) -> None:
        # A thread that waits in `accept` is woken by a last caller.
        with contextlib.suppress(OSError), socket.socket(self._listener.family) as caller:
            caller.settimeout(1.0)
            caller.connect(self._listener.getsockname())
        self._listener.close()
        self._threads[0].join(PATIENCE)
        if self._folder is not None:
            with contextlib.suppress(OSError):
                os.unlink(f"{self._folder}/.s.PGSQL.5432")  # noqa: PTH108 - a socket, as bound
