"""Authentication: any `R` messages in any order, by a server that knows the password or does not.

Input: what was asked for (require_auth, channel binding, TLS, a token, GSS), then the bodies, a
length byte before each. A body of code 11 that is `$` is made the right server-first, one of code
12 the right server-final, by a SCRAM of our own here.
Invariant: what is sent is whole `p` messages; the password is said in clear only where cleartext
was asked for and allowed; a token only over verified TLS; neither is in any error; Ok is believed
only at the end of the one exchange that was begun, after SCRAM only if the server's signature was
right, and under `require_auth` or `channel_binding` only as they say; after a refusal nothing is
said any more; no more rounds are computed than allowed.
Allowed exceptions: `AuthenticationError`; `LocalProtocolError` after a refusal.

    python -m fuzz.authentication --runs 100000
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import struct
import sys
from typing import TYPE_CHECKING, Any

from fuzz import runner
from purelink.errors import AuthenticationError, LocalProtocolError
from purelink.wire.auth import Authentication
from purelink.wire.wants import Call, Compute

if TYPE_CHECKING:
    from random import Random

__all__ = ["example", "one"]

PASSWORD = b"S3cr3tWord"
TOKEN = b"t0kent0kent0ken"
NONCE = b"clientnonceclientn"
SALT = b"0123456789abcdef"
ROUNDS, ROUNDS_AT_MOST = 7, 5000
BINDING = b"#" * 32
ISSUER = "https://issuer.example"
WISHES = (
    None,
    "scram-sha-256",
    "!password",
    "password,md5",
    "none",
    "oauth",
    "gss,sspi",
    "!none,!oauth",
)
OK, CLEARTEXT, MD5, GSS, GSS_CONTINUE, SSPI, SASL, CONTINUE, FINAL = 0, 3, 5, 7, 8, 9, 10, 11, 12
ANSWERS_AT_MOST = 12


class Gss:
    """A context that is done after a few steps."""

    def __init__(self, method: str) -> None:
        assert method in ("gss", "sspi")
        self.steps = 0

    @property
    def complete(self) -> bool:
        """It is done."""
        return self.steps > 2

    def step(self, token: bytes | None) -> bytes | None:
        """Take what came, give what goes."""
        assert (token is None) == (self.steps == 0)
        self.steps += 1
        return b"token" if self.steps < 3 else None


class Server:
    """Knows the password, and what a right answer is."""

    def __init__(self) -> None:
        self.salted = hashlib.pbkdf2_hmac("sha256", PASSWORD, SALT, ROUNDS)
        self.said = b""
        self.first = b""
        self.right: bytes | None = None

    def heard(self, message: bytes) -> None:
        """Take what the client said in one `p` message."""
        if message.startswith(b"SCRAM-SHA-256"):
            self.said = message[message.index(b"n=,r=") :]
        elif message.startswith(b"c="):
            whole = b",".join((self.said, self.first, message[: message.index(b",p=")]))
            key = hmac.digest(self.salted, b"Server Key", "sha256")
            self.right = b"v=" + base64.b64encode(hmac.digest(key, whole, "sha256"))

    def body(self, code: int, data: bytes) -> bytes:
        """Return the body to send in place of a `$`."""
        if code == CONTINUE and data == b"$" and self.said:
            nonce = self.said[5:] + b"SERVER"
            data = b"r=" + nonce + b",s=" + base64.b64encode(SALT) + b",i=%d" % ROUNDS
        elif code == FINAL and data == b"$" and self.right is not None:
            data = self.right
        if code == CONTINUE:
            self.first = data
        return struct.pack(">I", code) + data


def bodies(data: bytes) -> list[tuple[int, bytes]]:
    """Return the code and the rest of each body."""
    found = []
    at = 0
    while at + 2 <= len(data) and len(found) < ANSWERS_AT_MOST:
        length, code = data[at], data[at + 1]
        found.append((code, data[at + 2 : at + 2 + length]))
        at += 2 + length
    return found


def _run(auth: Authentication, body: bytes) -> bytes:
    """Answer one message; grant what is wanted."""
    dialogue: Any = auth.answer(body)
    given: Any = None
    for _ in range(6):
        try:
            want = dialogue.send(given)
        except StopIteration as stop:
            data: bytes = stop.value
            return data
        assert isinstance(want, (Call, Compute)), want
        if isinstance(want, Compute):
            assert want.args[2] <= ROUNDS_AT_MOST
        given = want.function(*want.args)
    raise AssertionError("too many wants")


def _parts(data: bytes) -> list[bytes]:
    """Return the bodies of whole `p` messages."""
    found = []
    at = 0
    while at < len(data):
        assert data[at : at + 1] == b"p", data
        length = int.from_bytes(data[at + 1 : at + 5], "big")
        assert 4 <= length <= len(data) - at - 1, data
        found.append(data[at + 5 : at + 1 + length])
        at += 1 + length
    return found


def _told(error: BaseException | None) -> str:
    """Return all that an error says, and those behind it."""
    said = ""
    while error is not None:
        said += f"{error!r} {error} {getattr(error, '__dict__', '')}"
        error = error.__cause__ or error.__context__
    return said


def one(data: bytes) -> None:
    """Try one exchange."""
    if len(data) < 3:
        return
    wish, flags = WISHES[data[0] % len(WISHES)], data[1]
    tls, verified = bool(flags & 1), flags & 3 == 3
    binding = ("prefer", "disable", "require")[(flags >> 2) % 3]
    auth = Authentication(
        user=b"u",
        password=(lambda: PASSWORD) if flags & 16 else PASSWORD,
        nonce=lambda: NONCE,
        require_auth=wish,
        channel_binding=binding,
        tls=tls,
        end_point_hash=lambda: BINDING,
        verified_tls=verified,
        max_iterations=ROUNDS_AT_MOST,
        oauth_token=TOKEN if flags & 32 else None,
        oauth_issuer=ISSUER,
        oauth_client_id="c",
        gss=Gss if flags & 64 else None,
    )
    server = Server()
    codes: list[int] = []
    final = b""
    for code, rest in bodies(data[2:]):
        body = server.body(code, rest)
        codes.append(code)
        if code == FINAL:
            final = body[4:]
        try:
            said = _run(auth, body)
        except AuthenticationError as error:
            words = _told(error)
            assert PASSWORD.decode() not in words, words
            assert TOKEN.decode() not in words, words
            _refused(auth)
            return
        for message in _parts(said):
            _check_said(auth, message, code, wish, verified)
            server.heard(message)
        if auth.complete:
            _check_believed(auth, codes, wish, binding, final == server.right)
    assert PASSWORD.decode() not in repr(auth)


def _refused(auth: Authentication) -> None:
    """After a refusal nothing is said, whatever comes."""
    assert not auth.complete
    for code in (OK, CLEARTEXT, SASL):
        try:
            said = _run(auth, struct.pack(">I", code))
        except LocalProtocolError:
            continue
        raise AssertionError(said)


def _check_said(
    auth: Authentication, message: bytes, code: int, wish: str | None, verified: bool
) -> None:
    if PASSWORD in message:
        assert code == CLEARTEXT, (code, message)
        assert wish in (None, "password,md5", "!none,!oauth"), wish
        assert message == PASSWORD + b"\0"
    if TOKEN in message:
        assert verified, message
        assert code == SASL
        assert wish in (None, "oauth", "!password"), wish
    if code in (CONTINUE, FINAL):
        assert auth.method in ("scram-sha-256", "oauth"), auth.method


def _check_believed(
    auth: Authentication, codes: list[int], wish: str | None, binding: str, proved: bool
) -> None:
    assert codes[-1] == OK, codes
    method = auth.method
    if method == "scram-sha-256":
        assert codes == [SASL, CONTINUE, FINAL, OK], codes
        assert proved, "a server that knows no password was believed"
    else:
        assert binding != "require", method
        courses = {
            "none": [[OK]],
            "password": [[CLEARTEXT, OK]],
            "md5": [[MD5, OK]],
            "oauth": [[SASL, OK]],
            "gss": [[GSS, GSS_CONTINUE, GSS_CONTINUE, OK]],
            "sspi": [[SSPI, GSS_CONTINUE, GSS_CONTINUE, OK]],
        }
        assert codes in courses[str(method)], (method, codes)
    allowed = {
        "scram-sha-256": ["scram-sha-256"],
        "password,md5": ["password", "md5"],
        "none": ["none"],
        "oauth": ["oauth"],
        "gss,sspi": ["gss", "sspi"],
        "!password": ["none", "md5", "gss", "sspi", "oauth", "scram-sha-256"],
        "!none,!oauth": ["password", "md5", "gss", "sspi", "scram-sha-256"],
    }
    assert wish is None or method in allowed[wish], (wish, method)


# -- examples --------------------------------------------------------------------------------

LISTS = (
    b"SCRAM-SHA-256\0\0",
    b"SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0",
    b"OAUTHBEARER\0\0",
    b"OAUTHBEARER\0SCRAM-SHA-256\0\0",
    b"PLAIN\0\0",
    b"SCRAM-SHA-256\0",
    b"\0",
)
FIRSTS = (
    b"$",
    b"$",
    b"$",
    b"r=Y2xpZW50bm9uY2VjbGllbnRuSRV,s=MDEyMw==,i=4096",
    b"r=Y2xpZW50bm9uY2VjbGllbnRu,s=MDEyMw==,i=1",
    b"r=Y2xpZW50bm9uY2VjbGllbnRuS,s=MDEyMw==,i=9999999999",
    b"r=Y2xpZW50bm9uY2VjbGllbnRuS,s=,i=1",
    b"m=x,r=Y2xpZW50bm9uY2VjbGllbnRuS,s=MDEy,i=1",
)
FINALS = (b"$", b"$", b"$", b"v=" + b"A" * 43 + b"=", b"e=other-error", b"v=", b"$,m=x")
FAILURES = (
    b'{"status":"invalid_token"}',
    (
        b'{"status":"invalid_token","scope":"a","openid-configuration":'
        b'"https://issuer.example/.well-known/openid-configuration"}'
    ),
    (
        b'{"status":"invalid_token","openid-configuration":'
        b'"https://evil.example/.well-known/openid-configuration"}'
    ),
    b'{"status":"invalid_token","openid-configuration":"http://issuer.example/.well-known/x"}',
    b'{"status":1}',
    b'{"status":"a","status":"b"}',
    b"[[[[[[[[[[",
    b'{"a":NaN}',
    b"{}",
)


def example(random: Random) -> bytes:
    """Return an exchange, most of it in its course."""
    course: list[tuple[int, bytes]] = random.choice(
        (
            [(OK, b"")],
            [(CLEARTEXT, b""), (OK, b"")],
            [(MD5, b"salt"), (OK, b"")],
            [(GSS, b""), (GSS_CONTINUE, b"x"), (GSS_CONTINUE, b"y"), (OK, b"")],
            [(SSPI, b""), (GSS_CONTINUE, b"x"), (GSS_CONTINUE, b"y"), (OK, b"")],
            [(SASL, LISTS[2]), random.choice(((OK, b""), (CONTINUE, random.choice(FAILURES))))],
            *[
                [
                    (SASL, random.choice(LISTS)),
                    (CONTINUE, random.choice(FIRSTS)),
                    (FINAL, random.choice(FINALS)),
                    (OK, b""),
                ]
            ]
            * 4,
        )
    )
    course = list(course)
    if random.random() < 0.3:
        stray = (random.choice((*range(13), 99)), random.choice((b"", b"salt", b"$", LISTS[0])))
        course.insert(random.randrange(len(course) + 1), stray)
    if random.random() < 0.15 and course:
        del course[random.randrange(len(course))]
    said = bytearray(b"".join(bytes([len(rest), code]) + rest for code, rest in course))
    if random.random() < 0.3 and said:
        said[random.randrange(len(said))] = random.choice((0, 1, 0x2C, 0x3D, 0x7F, 0xFF))
    return bytes([random.randrange(len(WISHES)), random.randrange(256)]) + bytes(said)


if __name__ == "__main__":
    sys.exit(runner.run("authentication", sys.argv[1:]))
