"""A server's side of SCRAM and of TLS that a test can make lie, a message at a time.

Test code only, written from RFC 5802 with `hashlib` and `hmac`; nothing of the client's is used.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Callable

from purelink.testing.backend import Step, send
from purelink.testing.bytes import HELLO
from purelink.wire import backend, codes, frontend

if TYPE_CHECKING:
    from purelink.testing.backend import Peer

__all__ = ["CERTIFICATES", "Scram", "request", "secure", "server_context"]

CERTIFICATES = Path(__file__).parents[1] / "unit" / "tls" / "certificates"
KEY = hashlib.sha256
SALT = b"0123456789abcdef"


def request(code: int, data: bytes = b"") -> bytes:
    """Return an authentication request."""
    return backend.Authentication(code, data).encode()


def mac(key: bytes, text: bytes) -> bytes:
    return hmac.new(key, text, KEY).digest()


class Scram:
    """One exchange; its steps are put into a script one after the other.

    Attributes:
        mechanism, header, bare, final_bare: what the client said.
        proved: its proof was right.
    """

    def __init__(self, password: str = "hunter2", iterations: int = 4096) -> None:
        self.iterations = iterations
        self._password = password.encode()
        self.mechanism = self.header = self.nonce = ""
        self.bare = self.server_first = self.final_bare = b""
        self.proved = False

    def offer(self, names: bytes = b"SCRAM-SHA-256\0\0") -> Step:
        """Ask for SASL with these mechanisms; read the client's choice and first message."""

        def step(peer: Peer) -> None:
            peer.say(request(codes.AUTH_SASL, names))
            said = peer.receive()
            assert isinstance(said, frontend.Password), said
            name, _, rest = said.data.partition(b"\0")
            self.mechanism = name.decode()
            text = rest[4:]
            mark = text.index(b",", text.index(b",") + 1) + 1
            self.header, self.bare = text[:mark].decode(), text[mark:]
            self.nonce = self.bare.partition(b"r=")[2].decode()

        return step

    def challenge(
        self, text: str = "r={}SRV,s={},i={}", code: int = codes.AUTH_SASL_CONTINUE
    ) -> Step:
        """Send server-first; `{}` stands for the client's nonce, the salt, the count in turn."""

        def step(peer: Peer) -> None:
            salt = base64.b64encode(SALT).decode()
            told = text.format(self.nonce, salt, self.iterations)
            self.server_first = told.encode("latin-1")
            peer.say(request(code, self.server_first))

        return step

    def proof(self) -> Step:
        """Read client-final and judge it."""

        def step(peer: Peer) -> None:
            said = peer.receive()
            assert isinstance(said, frontend.Password), said
            self.final_bare, _, proof = said.data.rpartition(b",p=")
            key = mac(self._salted(), b"Client Key")
            signature = mac(KEY(key).digest(), self._message())
            right = bytes(a ^ b for a, b in zip(key, signature))
            self.proved = base64.b64decode(proof) == right

        return step

    def final(
        self,
        make: Callable[[bytes], bytes] | None = None,
        *,
        code: int = codes.AUTH_SASL_FINAL,
        then: bytes = HELLO,
    ) -> Step:
        """Send server-final (what `make` makes of the right signature), and what follows."""

        def step(peer: Peer) -> None:
            right = mac(mac(self._salted(), b"Server Key"), self._message())
            said = b"v=" + base64.b64encode(right) if make is None else make(right)
            peer.say(request(code, said) + then)

        return step

    def whole(self, names: bytes = b"SCRAM-SHA-256\0\0", then: bytes = HELLO) -> list[Step]:
        """Return an honest exchange."""
        return [self.offer(names), self.challenge(), self.proof(), self.final(then=then)]

    def _salted(self) -> bytes:
        return hashlib.pbkdf2_hmac("sha256", self._password, SALT, self.iterations)

    def _message(self) -> bytes:
        return b",".join((self.bare, self.server_first, self.final_bare))


def server_context(
    certificate: str = "san-localhost.pem", key: str = "server.key", *, alpn: bool = True
) -> ssl.SSLContext:
    """Return a server's context with one of the test certificates."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATES / certificate, CERTIFICATES / key)
    if alpn:
        context.set_alpn_protocols(["postgresql"])
    return context


def secure(context: ssl.SSLContext | None = None, *, direct: bool = False) -> Step:
    """Take an SSLRequest (not if `direct`), say `S`, shake hands; all that follows is in TLS."""
    own = context or server_context()

    def step(peer: Peer) -> None:
        if not direct:
            said = peer.receive()
            assert isinstance(said, frontend.SSLRequest), said
            send(b"S")(peer)
        peer.channel = own.wrap_socket(peer.channel, server_side=True)

    return step
