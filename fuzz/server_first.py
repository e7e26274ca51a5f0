"""What a server says first: the answer to SSLRequest, the startup, authentication.

Input: sslmode and what else was asked for, whether the TLS handshake goes well, a seed for cutting,
then the bytes that the server sends.
Invariant: connecting ends in an idle session or in an `Error` of ours, after a bounded number of
wants; TLS begins only when exactly one byte, `S`, has been read since SSLRequest went out; with
sslmode=require or better nothing but SSLRequest goes out in plaintext; the password never goes out
as it is under require_auth=scram-sha-256; a server that does not know the password is not believed
where SCRAM is required; no secret is in any text; the outcome does not depend on how the bytes
were cut.
Allowed exceptions: `purelink.errors.Error`.

    python -m fuzz.server_first --runs 100000
"""

from __future__ import annotations

import sys
from random import Random
from typing import Any, NamedTuple

from fuzz import runner
from fuzz.messages import conversation_bytes
from purelink import conninfo
from purelink.conversation.connect import Plan, connect
from purelink.errors import Error
from purelink.testing.bytes import AUTH_OK, ERROR, FATAL, HELLO, KEY, READY, STATUS
from purelink.testing.transcript import Transcript
from purelink.wire import backend, codes
from purelink.wire.wants import Secured

__all__ = ["example", "one"]

PASSWORD = "S3cr3tWord"
NONCE = b"clientnonceclientn"
MODES = ("disable", "allow", "prefer", "require", "verify-full")
MORE = (
    "",
    "require_auth=scram-sha-256",
    "require_auth=!password",
    "channel_binding=require",
    "min_protocol_version=3.2",
    "require_auth=none",
    "target_session_attrs=read-write",
    "application_name=x options='-c a=b'",
)
SECURED = Secured(b"certificate", "postgresql", "TLSv1.3", "TLS_AES_256_GCM_SHA384")
SURROUNDINGS = conninfo.Surroundings({}, user="me", tls=True)
SSL_REQUEST = b"\0\0\0\x08\x04\xd2\x16\x2f"
WANTS_AT_MOST = 400

PLANS = {
    (mode, more): conninfo.resolve(
        f"host=h user=u dbname=d password={PASSWORD} sslmode={mode} {more}",
        None,
        surroundings=SURROUNDINGS,
    )
    for mode in MODES
    for more in MORE
}


class _TLS:
    """Enough of `tls.TLSSettings`: the handshake is the transcript's."""

    direct = False

    def __init__(self, sslmode: str) -> None:
        self.sslmode = sslmode
        self.verified = sslmode == "verify-full"


class Watched(Transcript):
    """A transcript that knows what may be said where, and when TLS may begin."""

    def __init__(self, pieces: list[bytes], *, secured: bool) -> None:
        # A second attempt (allow, prefer) meets the same server.
        super().__init__(
            list(pieces), list(pieces), list(pieces), secured=SECURED if secured else None
        )
        self.since = b""
        self.plain = bytearray()
        self.under_tls = False

    def _open(self, want: Any) -> Any:
        self.since, self.under_tls = b"", False
        return super()._open(want)

    def _exchange(self, want: Any) -> Any:
        assert len(self.wants) < WANTS_AT_MOST, "too many wants"
        self._spoken(want.data)
        if want.data == SSL_REQUEST:
            self.since = b""
            channel = self._channels[self._current]
            if channel and len(channel[0]) > 1:  # one byte is asked for, and given
                first = channel.pop(0)
                channel[:0] = [first[:1], first[1:]]
        given = super()._exchange(want)
        self.since += given or b""
        return given

    def _deliver(self, want: Any) -> Any:
        self._spoken(want.data)
        return super()._deliver(want)

    def _spoken(self, data: bytes) -> None:
        if not self.under_tls:
            self.plain += data

    def _start_tls(self, want: Any) -> Any:
        assert self.since == b"S", self.since
        self.under_tls = True
        return super()._start_tls(want)


class Told(NamedTuple):
    """How it went."""

    connected: bool
    error: str


def tell(mode: str, more: str, pieces: list[bytes], *, secured: bool) -> Told:
    """Connect to a server that says these pieces."""
    transcript = Watched(pieces, secured=secured)
    plan = Plan(
        PLANS[mode, more],
        entropy=lambda _size: NONCE,
        tls_settings=lambda _target: _TLS(mode),
        end_point_hash=lambda _certificate: b"#" * 32,
        max_iterations=5000,
    )
    error = ""
    connected = None
    try:
        connected = transcript.run(connect(plan))
    except Error as caught:
        error = f"{type(caught).__name__}: {caught}"
        assert PASSWORD not in error + repr(caught), error
    written = b"".join(bytes(each) for each in transcript.written)
    if "scram" in more:
        assert PASSWORD.encode() not in written, written
        assert connected is None, "a server that knows no password was believed"
    if mode in ("require", "verify-full"):
        assert not transcript.plain.replace(SSL_REQUEST, b""), transcript.plain
        assert connected is None or connected.secured is not None
    assert connected is None or connected.session.idle
    return Told(connected is not None, error)


def one(data: bytes) -> None:
    """Try one server."""
    if len(data) < 4:
        return
    mode, more = MODES[data[0] % len(MODES)], MORE[data[1] % len(MORE)]
    secured, seed, said = bool(data[2] & 1), data[3], data[4:]
    whole = tell(mode, more, [said], secured=secured)
    for pieces in ([said[at : at + 1] for at in range(len(said))], _cut(said, seed)):
        other = tell(mode, more, pieces, secured=secured)
        assert other.connected == whole.connected or other.error or whole.error, (whole, other)


def _cut(data: bytes, seed: int) -> list[bytes]:
    random = Random(seed)
    places = sorted({random.randrange(len(data) + 1) for _ in range(1 + seed % 7)})
    return [data[a:b] for a, b in zip([0, *places], [*places, len(data)]) if a < b]


def _ask(code: int, data: bytes = b"") -> bytes:
    return backend.Authentication(code, data).encode()


SCRAM = (
    _ask(codes.AUTH_SASL, b"SCRAM-SHA-256\0SCRAM-SHA-256-PLUS\0\0"),
    _ask(codes.AUTH_SASL, b"SCRAM-SHA-256\0\0"),
    _ask(codes.AUTH_SASL, b"OAUTHBEARER\0\0"),
)
CONTINUE = (
    _ask(codes.AUTH_SASL_CONTINUE, b"r=" + NONCE + b",s=MDEyMzQ1Njc4OWFiY2RlZg==,i=4096"),
    _ask(codes.AUTH_SASL_CONTINUE, b"r=Y2xpZW50bm9uY2VjbGllbnRuSRV,s=MDEyMw==,i=4096"),
    _ask(codes.AUTH_SASL_CONTINUE, b"r=Y2xpZW50bm9uY2VjbGllbnRuSRV,s=MDEyMw==,i=2147483647"),
)
FINAL = _ask(codes.AUTH_SASL_FINAL, b"v=" + b"A" * 43 + b"=")


def _first(random: Random) -> list[bytes]:
    pieces = [random.choice((b"S", b"S", b"N", b"", b"", b"E", b"SS"))]
    pieces += random.choice(
        (
            [HELLO],
            [AUTH_OK, STATUS, KEY, READY],
            [_ask(codes.AUTH_CLEARTEXT), HELLO],
            [_ask(codes.AUTH_MD5, b"\1\2\3\4"), HELLO],
            [random.choice(SCRAM), random.choice(CONTINUE), FINAL, HELLO],
            [backend.NegotiateProtocolVersion(0x30000, [b"_pq_.x"]).encode(), HELLO],
            [_ask(7), _ask(8, b"token"), HELLO],
            [ERROR],
            [FATAL],
        )
    )
    return pieces


def example(random: Random) -> bytes:
    """Return what was asked for, and a server's first words, damaged or not."""
    head = bytes(random.randrange(256) for _ in range(4))
    return head + conversation_bytes(random, _first)


if __name__ == "__main__":
    sys.exit(runner.run("server_first", sys.argv[1:]))
