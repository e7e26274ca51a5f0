"""TLS from the server's side: garbage for a handshake, a real one damaged, forged records behind.

Input: which part of what a real server sends is damaged and how (see `Wire`), the version, how it
is cut; or garbage alone.
Invariant: `TLSFailure` or none; plaintext is what the server really wrote, from its beginning, and
nothing of it after a failure; nothing is decrypted before the handshake is done; after a failure
each call fails again, and an alert can be drained; what is sent stays small.
Allowed exceptions: `purelink.tls.TLSFailure`.

    python -m fuzz.tls_records --runs 100000
"""

from __future__ import annotations

import ssl
import sys
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from fuzz import runner
from purelink.tls import Engine, TLSFailure, TLSSettings, engine

if TYPE_CHECKING:
    from random import Random

__all__ = ["example", "one"]

CERTIFICATES = Path(__file__).parents[1] / "tests" / "unit" / "tls" / "certificates"
VERSIONS = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)
WRITTEN = (b"the server's first words" * 9, b"x", b"and its last")
SENT_AT_MOST = 100_000


@lru_cache(maxsize=2)
def _context(version: ssl.TLSVersion) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATES / "san-localhost.pem", CERTIFICATES / "server.key")
    context.minimum_version = context.maximum_version = version
    context.set_alpn_protocols(["postgresql"])
    return context


class Wire:
    """Carries what a server sends, damaged where the input says so.

    Four bytes of the input are one deed: where (two, counted in all that the server sends), what
    (flip bits, lose, double, cut off, put in), with which byte.
    """

    def __init__(self, deeds: bytes) -> None:
        self.deeds = {
            int.from_bytes(deeds[at : at + 2], "big"): deeds[at + 2 : at + 4]
            for at in range(0, len(deeds) - 3, 4)
        }
        self.carried = 0
        self.damaged = False
        self.cut = False

    def carry(self, data: bytes) -> bytes:
        """Return what arrives."""
        out = bytearray()
        for byte in data:
            deed = self.deeds.get(self.carried)
            self.carried += 1
            if self.cut:
                continue
            if deed is None:
                out.append(byte)
                continue
            self.damaged = True
            kind, value = deed[0] % 5, deed[1]
            if kind == 0:
                out.append(byte ^ (value or 1))
            elif kind == 1:
                continue
            elif kind == 2:
                out += bytes([byte, byte])
            elif kind == 3:
                self.cut = True
            else:
                out += bytes([value]) * (1 + value % 40) + bytes([byte])
        return bytes(out)


class Server:
    """A real server of TLS, on two memory buffers."""

    def __init__(self, version: ssl.TLSVersion) -> None:
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.object = _context(version).wrap_bio(self.incoming, self.outgoing, server_side=True)
        self.done = self.failed = False

    def step(self, received: bytes) -> bytes:
        """Go on with the handshake; behind it say all there is to say."""
        self.incoming.write(received)
        if not self.done and not self.failed:
            try:
                self.object.do_handshake()
            except ssl.SSLWantReadError:
                pass
            except ssl.SSLError:
                self.failed = True
            else:
                self.done = True
                for words in WRITTEN:
                    self.object.write(words)
        return self.outgoing.read()


def _pieces(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)] if size else [data]


def _play(client: Engine, server: Server, wire: Wire, size: int) -> tuple[bytes, TLSFailure | None]:
    """Carry bytes to and fro until nothing comes any more; return the plaintext and the failure."""
    plain = b""
    sent = 0
    done = False
    for _ in range(12):
        try:
            done = client.handshake()
        except TLSFailure as failure:
            assert done or not plain
            return plain, failure
        finally:
            said = client.drain()
            sent += len(said)
            assert sent <= SENT_AT_MOST
        arrived = wire.carry(server.step(said))
        if not arrived and not said:
            break
        for piece in _pieces(arrived, size):
            client.feed(piece)
            try:
                done = done or client.handshake()
                if done:
                    plain += client.read()
            except TLSFailure as failure:
                return plain, failure
    return plain, None


def one(data: bytes) -> None:
    """Try one server."""
    if len(data) < 3:
        return
    size = (0, 1, 7, 100)[data[1] >> 2 & 3]
    client = engine(
        TLSSettings(
            sslmode="require" if data[1] & 2 else "verify-full",
            host="localhost",
            sslrootcert=None if data[1] & 2 else str(CERTIFICATES / "ca.pem"),
        )
    )
    if data[0] & 1:
        _garbage(client, data[2:], size)
        return
    wire = Wire(data[2:])
    server = Server(VERSIONS[data[1] & 1])
    plain, failure = _play(client, server, wire, size)
    written = b"".join(WRITTEN)
    assert written.startswith(plain), plain
    if failure is None and not wire.damaged:
        assert plain == written, plain
    if failure is not None:
        _failed(client, failure)
    elif client.closed or server.done:
        client.eof()
        _read_out(client)


def _garbage(client: Engine, data: bytes, size: int) -> None:
    try:
        assert not client.handshake()
        client.drain()
        for piece in _pieces(data, size):
            client.feed(piece)
            assert not client.handshake()
        client.eof()
        assert not client.handshake()
    except TLSFailure as failure:
        assert failure.fallback_allowed
        _failed(client, failure)


def _failed(client: Engine, failure: TLSFailure) -> None:
    assert len(failure.text) < 2000
    client.drain()
    for call in (client.handshake, client.read):
        try:
            got = call()
        except TLSFailure:
            continue
        # A handshake that was done stays so; nothing is read any more.
        assert got is True, got
    client.close()


def _read_out(client: Engine) -> None:
    try:
        assert client.read() == b""
    except TLSFailure:
        return
    assert client.closed


# -- examples --------------------------------------------------------------------------------


def example(random: Random) -> bytes:
    """Return a few deeds, or garbage that looks like a record."""
    how = random.randrange(16)
    if random.random() < 0.3:
        kind = random.choice(
            (b"\x16\x03\x03", b"\x15\x03\x03\0\2\2\50", b"\x17\x03\x03", b"E", b"N")
        )
        body = bytes(random.randrange(256) for _ in range(random.choice((0, 2, 40))))
        return bytes([1, how]) + kind + len(body).to_bytes(2, "big") + body
    deeds = b"".join(
        random.randrange(random.choice((60, 1500, 3000))).to_bytes(2, "big")
        + bytes([random.randrange(5), random.choice((0, 1, 0x14, 0x15, 0x16, 0x17, 0x80, 0xFF))])
        for _ in range(random.choice((0, 1, 1, 2)))
    )
    return bytes([0, how]) + deeds + b"\0"


if __name__ == "__main__":
    sys.exit(runner.run("tls_records", sys.argv[1:]))
