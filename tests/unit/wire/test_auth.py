"""Authentication as a whole: bodies of `R` messages in, framed `p` messages or a refusal out.

The server's side is literal bytes; its SCRAM arithmetic is done here, from the RFC.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import pickle
import struct
from typing import TYPE_CHECKING, Any

import pytest

from purelink.errors import (
    AuthenticationError,
    ConninfoError,
    InterfaceError,
    LocalProtocolError,
)
from purelink.wire import auth_course as course
from purelink.wire import scram
from purelink.wire.auth import Authentication
from purelink.wire.wants import Call, Compute, Limit

if TYPE_CHECKING:
    from purelink.wire.wants import Want

NONCE = b"clientnonceclientn"
NONCE64 = b"Y2xpZW50bm9uY2VjbGllbnRu"
SALT = b"0123456789abcdef"
CERTIFICATE_HASH = hashlib.sha256(b"certificate").digest()
OK = b"\0\0\0\0"
CLEARTEXT = b"\0\0\0\3"
MD5 = b"\0\0\0\5\1\2\3\4"
LIST = b"\0\0\0\x0aSCRAM-SHA-256\0\0"
PLUS_LIST = b"\0\0\0\x0aSCRAM-SHA-256\0SCRAM-SHA-256-PLUS\0\0"
OAUTH_LIST = b"\0\0\0\x0aOAUTHBEARER\0\0"
SERVER_FIRST = b"\0\0\0\x0br=Y2xpZW50bm9uY2VjbGllbnRuSRV,s=MDEyMzQ1Njc4OWFiY2RlZg==,i=4096"
SERVER_FINAL = b"\0\0\0\x0cv=HJ4Hquq6T54KgWODL/epyKPXUgMIG9aYKLUpfje2v6I="
CLIENT_FIRST = b"p\0\0\0\x36SCRAM-SHA-256\0\0\0\0\x20n,,n=,r=" + NONCE64
CLIENT_FINAL = (
    b"p\0\0\0\x57c=biws,r=Y2xpZW50bm9uY2VjbGllbnRuSRV,"
    b"p=ahnuXsieSrJigTzAwnJUM+tYWNYesLeg4O6b6GX71Wk="
)
NO_PASSWORD = "fe_sendauth: no password supplied"
EARLY = "server accepted authentication before the SCRAM exchange was completed"
SECOND = "server sent a second authentication request"


def authentication(**settings: Any) -> Authentication:
    return Authentication(**{"user": b"u", "password": b"secret", "nonce": NONCE, **settings})


def answer(auth: Authentication, body: bytes, wants: list[Want] | None = None) -> bytes:
    """Run one answer, granting every want by calling what it names."""
    dialogue = auth.answer(body)
    seen = [] if wants is None else wants
    try:
        want = next(dialogue)
        while True:
            assert isinstance(want, (Call, Compute))
            seen.append(want)
            want = dialogue.send(want.function(*want.args))
    except StopIteration as stop:
        reply: bytes = stop.value
    return reply


def refusal(auth: Authentication, *bodies: bytes) -> str:
    """Answer all bodies but the last, and return the words with which that one is refused."""
    for body in bodies[:-1]:
        answer(auth, body)
    with pytest.raises(AuthenticationError) as refused:
        answer(auth, bodies[-1])
    assert not auth.complete
    shown = repr((refused.value, refused.value.__context__, vars(refused.value)))
    assert "secret" not in shown
    assert "secret" not in str(pickle.loads(pickle.dumps(refused.value)))
    with pytest.raises(LocalProtocolError):
        answer(auth, OK)
    return str(refused.value)


def state(auth: Authentication) -> tuple[str | None, bool, bool, bool]:
    return auth.method, auth.complete, auth.password_used, auth.needs_password


def server_final(first: bytes, server_first: bytes, final: bytes, password: bytes) -> bytes:
    """Return the server-final body that belongs to an exchange with these framed messages."""
    challenge = dict(part.split(b"=", 1) for part in server_first[4:].split(b","))
    salted = hashlib.pbkdf2_hmac(
        "sha256", password, base64.b64decode(challenge[b"s"]), int(challenge[b"i"])
    )
    server_key = hmac.new(salted, b"Server Key", "sha256").digest()
    bare = first[first.index(b"n=") :]
    message = bare + b"," + server_first[4:] + b"," + final[5:].rpartition(b",p=")[0]
    signature = hmac.new(server_key, message, "sha256").digest()
    return b"\0\0\0\x0cv=" + base64.b64encode(signature)


# --- the methods


def test_trust() -> None:
    auth = authentication()
    assert state(auth) == (None, False, False, False)
    assert answer(auth, OK) == b""
    assert state(auth) == ("none", True, False, False)


def test_cleartext() -> None:
    auth = authentication()
    assert answer(auth, CLEARTEXT) == b"p\0\0\0\x0bsecret\0"
    assert state(auth) == ("password", False, True, False)
    assert answer(auth, OK) == b""
    assert state(auth) == ("password", True, True, False)


@pytest.mark.parametrize(
    ("salt", "digest"),
    [
        (b"\1\2\3\4", b"md5dffd2564502f75393b3854e1532b9fa6"),
        (b"abcd", b"md5a05ce7e2d585968111cf9414346f1386"),
        (b"\x00\xff\x80\x00", b"md591213571bd5fd7b7759a08cfd7d28764"),
    ],
)
def test_md5(salt: bytes, digest: bytes) -> None:
    auth = authentication()
    assert answer(auth, b"\0\0\0\5" + salt) == b"p\0\0\0\x28" + digest + b"\0"
    answer(auth, OK)
    assert state(auth) == ("md5", True, True, False)


def test_scram() -> None:
    auth = authentication(nonce=lambda: NONCE)
    assert answer(auth, LIST) == CLIENT_FIRST
    assert answer(auth, SERVER_FIRST) == CLIENT_FINAL
    assert answer(auth, SERVER_FINAL) == b""
    assert state(auth) == ("scram-sha-256", False, True, False)
    assert answer(auth, OK) == b""
    assert state(auth) == ("scram-sha-256", True, True, False)
    assert not auth.channel_bound


def test_scram_hashes_the_prepared_password_and_cleartext_does_not() -> None:
    decomposed, composed = "pa\u0308ss".encode(), "p\u00e4ss".encode()
    auth = authentication(password=decomposed)
    first = answer(auth, LIST)
    final = answer(auth, SERVER_FIRST)
    answer(auth, server_final(first, SERVER_FIRST, final, composed))
    assert answer(authentication(password=decomposed), CLEARTEXT) == (
        b"p\0\0\0\x0b" + decomposed + b"\0"
    )


@pytest.mark.parametrize("nonce", [b"", b"short", NONCE + b"x"])
def test_nonce_of_another_length(nonce: bytes) -> None:
    with pytest.raises(InterfaceError, match=r"^a SCRAM nonce takes 18 random bytes$"):
        answer(authentication(nonce=nonce), LIST)


def test_iterations_past_the_short_are_a_compute() -> None:
    limit = Limit(2.0)
    for count, computed in ((1, False), (20_000, False), (20_001, True)):
        auth, wants = authentication(limit=limit), list[Any]()
        first = answer(auth, LIST)
        server_first = b"\0\0\0\x0br=" + NONCE64 + b"SRV,s=MDEy,i=%d" % count
        final = answer(auth, server_first, wants)
        assert [type(want) for want in wants] == ([Compute] if computed else [])
        assert all(want.limit is limit for want in wants)
        answer(auth, server_final(first, server_first, final, b"secret"))
        answer(auth, OK)
        assert auth.complete


def iterations(count: int, **settings: Any) -> list[Any]:
    """Return the wants after a challenge with this count; none is granted."""
    auth = authentication(**settings)
    answer(auth, LIST)
    dialogue = auth.answer(b"\0\0\0\x0br=" + NONCE64 + b"SRV,s=MDEy,i=%d" % count)
    try:
        return [next(dialogue)]
    except AuthenticationError as refused:
        return [str(refused)]


def test_iteration_cap() -> None:
    for count in (10_000_001, 2**31 - 1):
        assert iterations(count) == [
            (
                f"server asked for {count} SCRAM iterations, which is more than"
                " scram_max_iterations allows (10000000)"
            )
        ]
    (want,) = iterations(10_000_000)
    assert (want.function, want.args) == (
        scram.salted_password,
        (b"secret", b"012", 10_000_000),
    )
    assert "(5000)" in iterations(5001, max_iterations=5000)[0]
    (want,) = iterations(2**31 - 1, max_iterations=2**40)
    assert isinstance(want, Compute)


def test_an_answer_left_early_is_final() -> None:
    auth = authentication()
    answer(auth, LIST)
    dialogue = auth.answer(b"\0\0\0\x0br=" + NONCE64 + b"SRV,s=MDEy,i=50000")
    next(dialogue)
    dialogue.close()
    with pytest.raises(LocalProtocolError, match=r"^authentication was refused"):
        answer(auth, OK)


# --- the password


@pytest.mark.parametrize("body", [CLEARTEXT, MD5, LIST])
@pytest.mark.parametrize("password", [None, b"", lambda: None, lambda: "", lambda: b""])
def test_missing_password(body: bytes, password: Any) -> None:
    auth = authentication(password=password)
    assert refusal(auth, body) == NO_PASSWORD
    assert auth.password_used
    assert auth.needs_password


def test_missing_password_is_no_matter_where_none_is_asked() -> None:
    auth = authentication(password=None)
    answer(auth, OK)
    assert state(auth) == ("none", True, False, False)


@pytest.mark.parametrize("given", ["secret", b"secret", bytearray(b"secret")])
def test_provider_is_called_once_and_only_when_asked(given: Any) -> None:
    calls: list[int] = []

    def provide() -> Any:
        calls.append(1)
        return given

    limit = Limit(None)
    auth, wants = authentication(password=provide, limit=limit), list[Any]()
    assert answer(auth, LIST, wants) == CLIENT_FIRST
    assert answer(auth, SERVER_FIRST, wants) == CLIENT_FINAL
    answer(auth, SERVER_FINAL, wants)
    answer(auth, OK, wants)
    assert calls == [1]
    assert [(type(want), want.limit) for want in wants] == [(Call, limit)]
    assert state(auth) == ("scram-sha-256", True, True, False)
    answer(authentication(password=provide), OK)
    assert calls == [1]


def test_a_str_that_came_from_bytes_goes_out_as_those_bytes() -> None:
    auth = authentication(password=lambda: b"p\xff\xe4".decode("utf-8", "surrogateescape"))
    assert answer(auth, CLEARTEXT) == b"p\0\0\0\x08p\xff\xe4\0"


@pytest.mark.parametrize("given", [1, ["secret"], "secret\ud800", object()])
def test_provider_gives_what_is_no_password(given: Any) -> None:
    auth = authentication(password=lambda: given)
    with pytest.raises(InterfaceError, match=r"^a password must be bytes or a str") as mistake:
        answer(auth, CLEARTEXT)
    assert mistake.value.__context__ is None
    assert "secret" not in repr(mistake.value)


def test_what_a_provider_raises_comes_through() -> None:
    def fail() -> str:
        raise KeyError("vault is sealed")

    auth = authentication(password=fail)
    dialogue = auth.answer(CLEARTEXT)
    next(dialogue)
    with pytest.raises(KeyError):
        dialogue.throw(KeyError("vault is sealed"))
    with pytest.raises(LocalProtocolError):
        answer(auth, OK)


def test_nul_in_a_password() -> None:
    with pytest.raises(InterfaceError, match="must not contain a NUL"):
        authentication(password=b"sec\0ret")
    for body in (CLEARTEXT, MD5, LIST):
        with pytest.raises(InterfaceError, match="must not contain a NUL"):
            answer(authentication(password=lambda: "sec\0ret"), body)


# --- requests that nobody answers, malformed bodies


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (1, "Kerberos 4 authentication not supported"),
        (2, "Kerberos 5 authentication not supported"),
        (6, "authentication method 6 not supported"),
        (7, "GSSAPI authentication not supported"),
        (8, "GSSAPI authentication not supported"),
        (9, "SSPI authentication not supported"),
        (13, "authentication method 13 not supported"),
        (99, "authentication method 99 not supported"),
        (4294967295, "authentication method 4294967295 not supported"),
    ],
)
def test_unsupported(code: int, text: str) -> None:
    assert refusal(authentication(), struct.pack("!I", code)) == text
    for first in (CLEARTEXT, LIST):
        assert refusal(authentication(), first, struct.pack("!I", code)) == text


def test_crypt() -> None:
    assert refusal(authentication(), b"\0\0\0\4ab") == "Crypt authentication not supported"


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"\0", b"\0\0\0", b"\0\0\0\0\0", b"\0\0\0\3x", b"\0\0\0\1x", b"\0\0\0\2x"),
        *(b"\0\0\0\4", b"\0\0\0\4abc", b"\0\0\0\5", b"\0\0\0\5\1\2", b"\0\0\0\5" + b"x" * 8),
        *(b"\0\0\0\6x", b"\0\0\0\7x", b"\0\0\0\x09x"),
        b"\0\0\0\x0a" + b"X\0" * 996 + b"\0",
        b"\0\0\0\x0b" + b"x" * 1993,
    ],
)
def test_malformed_request(body: bytes) -> None:
    auth = authentication()
    assert refusal(auth, body) == "received invalid authentication request"
    assert not auth.password_used


@pytest.mark.parametrize(
    "names", [b"", b"\0\0", b"SCRAM-SHA-256", b"SCRAM-SHA-256\0", b"\0SCRAM-SHA-256\0\0"]
)
def test_malformed_list(names: bytes) -> None:
    assert refusal(authentication(), b"\0\0\0\x0a" + names) == (
        "fe_sendauth: invalid authentication request from server: invalid list of"
        " authentication mechanisms"
    )


@pytest.mark.parametrize("names", [b"SCRAM-SHA-256\0\0x", b"SCRAM-SHA-256\0\0\0"])
def test_something_after_the_list(names: bytes) -> None:
    assert "invalid list of" in refusal(authentication(), b"\0\0\0\x0a" + names)


# --- the choice of a mechanism, channel binding


NONE_SUPPORTED = "none of the server's SASL authentication mechanisms are supported"


@pytest.mark.parametrize(
    "names", [b"\0", b"scram-sha-256\0\0", b"SCRAM-SHA-1\0X\xff\0\0", b"SCRAM-SHA-256 \0\0"]
)
def test_no_mechanism(names: bytes) -> None:
    auth = authentication()
    assert refusal(auth, b"\0\0\0\x0a" + names) == NONE_SUPPORTED
    assert not auth.password_used


def test_a_good_mechanism_among_many_unknown() -> None:
    names = b"".join(b"X%d\0" % number for number in range(150)) + b"SCRAM-SHA-256\0\0"
    assert answer(authentication(), b"\0\0\0\x0a" + names) == CLIENT_FIRST


def test_oauth_or_scram_the_first_listed_wins() -> None:
    settings: dict[str, Any] = {"oauth_token": b"tok", "verified_tls": True}
    for names, prefix in (
        (b"SCRAM-SHA-256\0OAUTHBEARER\0\0", b"SCRAM-SHA-256\0"),
        (b"OAUTHBEARER\0SCRAM-SHA-256\0\0", b"OAUTHBEARER\0"),
        (b"OAUTHBEARER\0SCRAM-SHA-256-PLUS\0\0", b"SCRAM-SHA-256-PLUS\0"),
    ):
        auth = authentication(tls=True, end_point_hash=lambda: CERTIFICATE_HASH, **settings)
        assert answer(auth, b"\0\0\0\x0a" + names)[5:].startswith(prefix)


@pytest.mark.parametrize("binding", ["disable", "prefer"])
@pytest.mark.parametrize("names", [b"SCRAM-SHA-256-PLUS\0\0", PLUS_LIST[4:]])
def test_plus_without_tls(names: bytes, binding: str) -> None:
    auth = authentication(channel_binding=binding)
    assert refusal(auth, b"\0\0\0\x0a" + names) == (
        "server offered SCRAM-SHA-256-PLUS authentication over a non-SSL connection"
    )


@pytest.mark.parametrize(
    "names",
    [
        b"SCRAM-SHA-256\0SCRAM-SHA-256-PLUS\0\0",
        b"SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0",
        b"SCRAM-SHA-256-PLUS\0\0",
    ],
)
@pytest.mark.parametrize("binding", ["prefer", "require"])
def test_plus(names: bytes, binding: str) -> None:
    auth = authentication(
        tls=True, channel_binding=binding, end_point_hash=lambda: CERTIFICATE_HASH
    )
    first = answer(auth, b"\0\0\0\x0a" + names)
    assert first == (
        b"p\0\0\0\x50SCRAM-SHA-256-PLUS\0\0\0\0\x35p=tls-server-end-point,,n=,r=" + NONCE64
    )
    final = answer(auth, SERVER_FIRST)
    channel = base64.b64encode(b"p=tls-server-end-point,," + CERTIFICATE_HASH)
    assert final[5:].startswith(b"c=" + channel + b",r=")
    assert not auth.channel_bound
    answer(auth, server_final(first, SERVER_FIRST, final, b"secret"))
    answer(auth, OK)
    assert state(auth) == ("scram-sha-256", True, True, False)
    assert auth.channel_bound


def test_plus_where_the_certificate_has_no_hash() -> None:
    def none() -> bytes:
        raise AuthenticationError("could not find digest for NID UNDEF")

    auth = authentication(tls=True, end_point_hash=none)
    assert refusal(auth, PLUS_LIST) == "could not find digest for NID UNDEF"
    auth = authentication(tls=True)
    assert "channel_binding=disable" in refusal(auth, PLUS_LIST)


@pytest.mark.parametrize(
    ("settings", "names", "header", "channel"),
    [
        ({"tls": True}, LIST, b"y,,", b"eSws"),
        ({"tls": True, "channel_binding": "disable"}, LIST, b"n,,", b"biws"),
        ({"tls": True, "channel_binding": "disable"}, PLUS_LIST, b"n,,", b"biws"),
        ({"channel_binding": "disable"}, LIST, b"n,,", b"biws"),
        ({}, LIST, b"n,,", b"biws"),
    ],
)
def test_header(settings: dict[str, Any], names: bytes, header: bytes, channel: bytes) -> None:
    auth = authentication(**settings)
    first = answer(auth, names)
    assert first == b"p\0\0\0\x36SCRAM-SHA-256\0\0\0\0\x20" + header + b"n=,r=" + NONCE64
    final = answer(auth, SERVER_FIRST)
    assert final[5:].startswith(b"c=" + channel + b",r=" + NONCE64 + b"SRV,p=")
    answer(auth, server_final(first, SERVER_FIRST, final, b"secret"))


def test_binding_disabled_and_only_plus_offered() -> None:
    auth = authentication(tls=True, channel_binding="disable")
    assert refusal(auth, b"\0\0\0\x0aSCRAM-SHA-256-PLUS\0\0") == NONE_SUPPORTED


UNBOUND = "channel binding required, but server authenticated client without channel binding"
UNBINDABLE = "channel binding required but not supported by server's authentication request"


@pytest.mark.parametrize(
    ("tls", "bodies", "text", "used"),
    [
        (True, [OK], UNBOUND, False),
        (False, [OK], UNBOUND, False),
        (True, [PLUS_LIST, OK], UNBOUND, True),
        (True, [PLUS_LIST, SERVER_FIRST, OK], UNBOUND, True),
        (True, [CLEARTEXT], UNBINDABLE, False),
        (True, [MD5], UNBINDABLE, False),
        (True, [b"\0\0\0\7"], UNBINDABLE, False),
        (True, [b"\0\0\0\x63"], UNBINDABLE, False),
        (False, [LIST], "channel binding required, but SSL not in use", False),
        (False, [PLUS_LIST], "channel binding required, but SSL not in use", False),
        (
            True,
            [LIST],
            (
                "channel binding is required, but server did not offer an authentication method"
                " that supports channel binding"
            ),
            True,
        ),
    ],
)
def test_binding_required(tls: bool, bodies: list[bytes], text: str, used: bool) -> None:
    auth = authentication(
        tls=tls, channel_binding="require", end_point_hash=lambda: CERTIFICATE_HASH
    )
    assert refusal(auth, *bodies) == text
    assert auth.password_used is used


# --- what comes out of turn


def full(*more: bytes) -> list[bytes]:
    return [LIST, SERVER_FIRST, SERVER_FINAL, *more]


WITHOUT = (
    "fe_sendauth: invalid authentication request from server: AUTH_REQ_SASL_CONT without"
    " AUTH_REQ_SASL"
)
AS_FINAL = b"\0\0\0\x0c" + SERVER_FIRST[4:]
AS_CONTINUE = b"\0\0\0\x0b" + SERVER_FINAL[4:]


@pytest.mark.parametrize(
    ("bodies", "text"),
    [
        ([LIST, OK], EARLY),
        ([LIST, SERVER_FIRST, OK], EARLY),
        (full(CLEARTEXT), SECOND),
        (full(MD5), SECOND),
        ([LIST, CLEARTEXT], SECOND),
        ([LIST, SERVER_FIRST, CLEARTEXT], SECOND),
        ([MD5, CLEARTEXT], SECOND),
        ([MD5, MD5], SECOND),
        ([CLEARTEXT, CLEARTEXT], SECOND),
        ([CLEARTEXT, LIST], SECOND),
        ([SERVER_FIRST], WITHOUT),
        ([SERVER_FINAL], WITHOUT),
        ([CLEARTEXT, SERVER_FIRST], WITHOUT),
        ([LIST, LIST], "duplicate SASL authentication request"),
        (full(LIST), "duplicate SASL authentication request"),
        (
            [LIST, AS_FINAL],
            (
                "AuthenticationSASLFinal received from server, but SASL authentication was not"
                " completed"
            ),
        ),
        (
            [LIST, SERVER_FIRST, AS_CONTINUE],
            (
                "AuthenticationSASLContinue received from server, but AuthenticationSASLFinal was"
                " expected"
            ),
        ),
        (full(SERVER_FIRST), "invalid SCRAM exchange state"),
        (full(SERVER_FINAL), "invalid SCRAM exchange state"),
        (full(OK, OK), 'unexpected response from server; first received character was "R"'),
        ([OK, CLEARTEXT], 'unexpected response from server; first received character was "R"'),
        ([OK, b""], 'unexpected response from server; first received character was "R"'),
    ],
)
def test_out_of_turn(bodies: list[bytes], text: str) -> None:
    assert refusal(authentication(), *bodies) == text


@pytest.mark.parametrize(
    ("bodies", "text"),
    [
        (
            [LIST, SERVER_FIRST.replace(b"r=Y", b"r=y")],
            "invalid SCRAM response (nonce mismatch)",
        ),
        ([LIST, b"\0\0\0\x0b"], "malformed SCRAM message (empty message)"),
        ([LIST, SERVER_FIRST + b"\0"], "malformed SCRAM message (length mismatch)"),
        (
            [LIST, SERVER_FIRST, SERVER_FINAL.replace(b"v=HJ", b"v=HK")],
            "incorrect server signature",
        ),
        (
            [LIST, SERVER_FIRST, b"\0\0\0\x0ce=invalid-proof"],
            "error received from server in SCRAM exchange: invalid-proof",
        ),
        (
            [LIST, SERVER_FIRST, b"\0\0\0\x0cv=x"],
            "malformed SCRAM message (invalid server signature)",
        ),
    ],
)
def test_scram_refused(bodies: list[bytes], text: str) -> None:
    auth = authentication()
    assert refusal(auth, *bodies) == text
    assert auth.password_used


# --- require_auth: the truth table of libpq 17 and 18, with purelink's own early Ok

ALLOWED = ""
C = "server requested a cleartext password"
H = "server requested a hashed password"
S = "server requested SASL authentication"
M = "server requested SCRAM-SHA-256 authentication"
N = "server did not complete authentication"
X = EARLY  # libpq believes this one

#: require_auth -> trust, cleartext, md5, scram, Ok in the middle of scram
TABLE: dict[str | None, tuple[str, str, str, str, str]] = {
    None: (ALLOWED, ALLOWED, ALLOWED, ALLOWED, X),
    "password": (N, ALLOWED, H, S, S),
    "md5": (N, C, ALLOWED, S, S),
    "scram-sha-256": (N, C, H, ALLOWED, N),
    "none": (ALLOWED, C, H, S, S),
    "gss": (N, C, H, S, S),
    "sspi": (N, C, H, S, S),
    "oauth": (N, C, H, M, M),
    "!password": (ALLOWED, C, ALLOWED, ALLOWED, X),
    "!md5": (ALLOWED, ALLOWED, H, ALLOWED, X),
    "!none": (N, ALLOWED, ALLOWED, ALLOWED, N),
    "!scram-sha-256": (ALLOWED, ALLOWED, ALLOWED, M, M),
    "password,md5": (N, ALLOWED, ALLOWED, S, S),
    "scram-sha-256,none": (ALLOWED, C, H, ALLOWED, X),
    "": (ALLOWED, C, H, S, S),
}
CONVERSATIONS = {
    "trust": [OK],
    "cleartext": [CLEARTEXT, OK],
    "md5": [MD5, OK],
    "scram": full(OK),
    "Ok in mid-SCRAM": [LIST, SERVER_FIRST, OK],
}


@pytest.mark.parametrize("column", range(5), ids=list(CONVERSATIONS))
@pytest.mark.parametrize("option", TABLE, ids=repr)
def test_require_auth(option: str | None, column: int) -> None:
    bodies = list(CONVERSATIONS.values())[column]
    auth = authentication(require_auth=option)
    text = TABLE[option][column]
    if text == ALLOWED:
        for body in bodies:
            answer(auth, body)
        assert auth.complete
        return
    sent = b""
    with pytest.raises(AuthenticationError) as refused:
        for body in bodies:
            sent += answer(auth, body)
    if text != EARLY:
        text = f'authentication method requirement "{option}" failed: {text}'
    assert str(refused.value) == text
    if text.endswith((C, H, S, M)):
        assert sent == b""
        # libpq 18 counts the password once it has chosen SCRAM
        assert auth.password_used is text.endswith(M)


def test_options_that_cannot_be_obeyed() -> None:
    with pytest.raises(ConninfoError, match=r'^invalid require_auth value: "foo"$'):
        authentication(require_auth="foo")
    with pytest.raises(ConninfoError, match=r'^invalid channel_binding value: "foo"$'):
        authentication(channel_binding="foo")


# --- SCRAM keys


def scram_keys(salt: bytes = SALT, count: int = 4096) -> tuple[bytes, bytes]:
    salted = hashlib.pbkdf2_hmac("sha256", b"secret", salt, count)
    return (
        hmac.new(salted, b"Client Key", "sha256").digest(),
        hmac.new(salted, b"Server Key", "sha256").digest(),
    )


@pytest.mark.parametrize("encoded", [False, True])
def test_scram_keys_in_place_of_a_password(encoded: bool) -> None:
    pair: list[Any] = list(scram_keys())
    if encoded:
        pair = [base64.b64encode(key).decode() for key in pair]
    auth = authentication(password=None, scram_client_key=pair[0], scram_server_key=pair[1])
    for body, reply in ((LIST, CLIENT_FIRST), (SERVER_FIRST, CLIENT_FINAL), (SERVER_FINAL, b"")):
        assert answer(auth, body) == reply
    answer(auth, OK)
    # as libpq 18 counts: asked for, and there is none
    assert state(auth) == ("scram-sha-256", True, True, True)


def test_with_keys_nothing_is_computed_and_no_password_used() -> None:
    client, server = scram_keys()
    auth = authentication(
        password=lambda: pytest.fail("called"), scram_client_key=client, scram_server_key=server
    )
    first = answer(auth, LIST)
    server_first = b"\0\0\0\x0br=" + NONCE64 + b"SRV,s=MDEy,i=2147483647"
    final = answer(auth, server_first)
    message = first[first.index(b"n=") :] + b"," + server_first[4:] + b","
    message += final[5:].rpartition(b",p=")[0]
    signature = base64.b64encode(hmac.new(server, message, "sha256").digest())
    answer(auth, b"\0\0\0\x0cv=" + signature)
    answer(auth, OK)
    assert state(auth) == ("scram-sha-256", True, True, False)


def test_client_key_alone_cannot_check_the_server() -> None:
    auth = authentication(scram_client_key=scram_keys()[0])
    assert refusal(auth, LIST, SERVER_FIRST, SERVER_FINAL) == "incorrect server signature"


def test_server_key_alone_goes_with_the_password() -> None:
    auth = authentication(scram_server_key=scram_keys()[1])
    for body in full(OK):
        answer(auth, body)
    assert auth.complete
    auth = authentication(scram_server_key=bytes(32))
    assert refusal(auth, LIST, SERVER_FIRST, SERVER_FINAL) == "incorrect server signature"


def test_keys_that_are_none() -> None:
    with pytest.raises(ConninfoError, match=r"^invalid SCRAM client key length: 3$"):
        authentication(scram_client_key="c2Vj")
    with pytest.raises(ConninfoError, match=r"^invalid SCRAM server key$"):
        authentication(scram_server_key="*")


# --- OAUTHBEARER

REFUSED = b'\0\0\0\x0b{"status":"invalid_token","scope":"openid"}'


def bearer(**settings: Any) -> Authentication:
    return authentication(**{"oauth_token": b"tok.en", "verified_tls": True, **settings})


@pytest.mark.parametrize("token", [b"tok.en", "tok.en", lambda: "tok.en", lambda: b"tok.en"])
def test_oauth(token: Any) -> None:
    auth = bearer(oauth_token=token, oauth_issuer="https://i.example", password=b"")
    assert answer(auth, OAUTH_LIST) == (
        b"p\0\0\0\x2cOAUTHBEARER\0\0\0\0\x18n,,\x01auth=Bearer tok.en\x01\x01"
    )
    assert answer(auth, OK) == b""
    assert state(auth) == ("oauth", True, False, False)
    assert auth.discovery is None


@pytest.mark.parametrize("token", [None, b"", "", lambda: None, lambda: ""])
def test_oauth_without_a_token(token: Any) -> None:
    assert refusal(bearer(oauth_token=token), OAUTH_LIST) == (
        "server requires OAuth authentication, but oauth_issuer and oauth_client_id are not"
        " both set"
    )
    settings = {"oauth_issuer": "https://i.example", "oauth_client_id": "c", "oauth_scope": "s"}
    assert refusal(bearer(oauth_token=token, **settings), OAUTH_LIST) == (
        "no OAuth flows are available (try installing the libpq-oauth package)"
    )


def test_oauth_only_over_verified_tls() -> None:
    auth = bearer(verified_tls=False, tls=True, oauth_token=lambda: pytest.fail("called"))
    assert refusal(auth, OAUTH_LIST) == (
        "the OAuth token was not sent: the server has not proved by a verified certificate who"
        " it is (set sslmode=verify-full)"
    )


def test_oauth_token_outside_the_alphabet() -> None:
    for token in (b"secret\x01", "secret\r\nx"):
        assert refusal(bearer(oauth_token=token), OAUTH_LIST).startswith(
            "the OAuth token was not sent: a bearer token is made of"
        )
    with pytest.raises(InterfaceError, match=r"^a token must not contain a NUL"):
        bearer(oauth_token="tok\0en")


def test_oauth_refused_by_the_server() -> None:
    auth = bearer()
    answer(auth, OAUTH_LIST)
    assert answer(auth, REFUSED) == b"p\0\0\0\5\1"
    assert auth.discovery == {"status": "invalid_token", "scope": "openid"}
    assert not auth.complete


@pytest.mark.parametrize(
    ("bodies", "text"),
    [
        ([b"\0\0\0\x0c"], "server sent unexpected additional OAuth data"),
        ([REFUSED, REFUSED], "server sent additional OAuth data after error"),
        ([REFUSED, OK], "server accepted authentication after refusing the OAuth token"),
        ([OAUTH_LIST], "duplicate SASL authentication request"),
        ([CLEARTEXT], SECOND),
        ([b"\0\0\0\x0b{}"], "server sent error response without a status"),
        ([b'\0\0\0\x0b{"status":"no"}'], "server rejected OAuth bearer token: no"),
        (
            [b"\0\0\0\x0bx"],
            "failed to parse server's error response: Expecting value",
        ),
    ],
)
def test_oauth_refusals(bodies: list[bytes], text: str) -> None:
    assert refusal(bearer(), OAUTH_LIST, *bodies) == text


def test_discovery_is_there_though_the_status_is_final_but_not_of_another_issuer() -> None:
    auth = bearer()
    refusal(auth, OAUTH_LIST, b'\0\0\0\x0b{"status":"no"}')
    assert auth.discovery == {"status": "no"}
    auth = bearer(oauth_issuer="https://i.example")
    document = (
        b'\0\0\0\x0b{"status":"invalid_token","openid-configuration":'
        b'"https://evil.example/.well-known/openid-configuration"}'
    )
    assert "is incompatible with oauth_issuer" in refusal(auth, OAUTH_LIST, document)
    assert auth.discovery is None


# --- GSSAPI and SSPI by a provider


class Context:
    """Plays python-gssapi's SecurityContext: one token a step, complete after the last."""

    def __init__(self, *tokens: bytes | None) -> None:
        self.tokens = list(tokens)
        self.received: list[bytes | None] = []

    @property
    def complete(self) -> bool:
        return not self.tokens

    def step(self, token: bytes | None) -> bytes | None:
        self.received.append(token)
        return self.tokens.pop(0)


@pytest.mark.parametrize(("request_", "method"), [(b"\0\0\0\7", "gss"), (b"\0\0\0\x09", "sspi")])
def test_gss(request_: bytes, method: str) -> None:
    context, asked, limit = Context(b"one", None), list[str](), Limit(1.0)

    def provide(mechanism: str) -> Context:
        asked.append(mechanism)
        return context

    auth, wants = authentication(gss=provide, limit=limit), list[Any]()
    assert answer(auth, request_, wants) == b"p\0\0\0\7one"
    assert answer(auth, b"\0\0\0\x08reply", wants) == b""
    answer(auth, OK, wants)
    assert (asked, context.received) == ([method], [None, b"reply"])
    assert [(type(want), want.limit) for want in wants] == [(Call, limit)] * 3
    assert state(auth) == (method, True, False, False)


@pytest.mark.parametrize(
    ("tokens", "bodies", "text"),
    [
        ((b"1", b"2"), [OK], "server accepted authentication before the GSSAPI exchange"),
        ((b"1", b"2"), [b"\0\0\0\7"], "duplicate GSS authentication request"),
        ((b"1", b"2"), [b"\0\0\0\x09"], "duplicate SSPI authentication request"),
        ((b"1", b"2"), [CLEARTEXT], SECOND),
        ((b"1",), [b"\0\0\0\x08x"], SECOND),
    ],
)
def test_gss_out_of_turn(tokens: tuple[bytes, ...], bodies: list[bytes], text: str) -> None:
    auth = authentication(gss=lambda _: Context(*tokens))
    assert refusal(auth, b"\0\0\0\7", *bodies).startswith(text)


def test_gss_data_first() -> None:
    auth = authentication(gss=lambda _: pytest.fail("called"))
    assert refusal(auth, b"\0\0\0\x08x") == "server sent GSSAPI data without a GSSAPI request"


def test_gss_may_be_required_and_forbidden() -> None:
    auth = authentication(gss=lambda _: Context(b"1"), require_auth="gss")
    answer(auth, b"\0\0\0\7")
    answer(auth, OK)
    assert auth.complete
    auth = authentication(gss=lambda _: pytest.fail("called"), require_auth="!gss")
    assert refusal(auth, b"\0\0\0\7") == (
        'authentication method requirement "!gss" failed: server requested GSSAPI authentication'
    )


# --- secrets


def test_nothing_shows_and_nothing_stays() -> None:
    client, server = scram_keys()
    auth = authentication(scram_client_key=client, scram_server_key=server, oauth_token=b"secret")
    assert repr(auth) == "<Authentication ***>"
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(auth)
    for body in full(OK):
        answer(auth, body)
    held = [getattr(auth, name, None) for name in Authentication.__slots__]
    assert not [value for value in held if value in (b"secret", client, server)]
    auth = authentication(scram_client_key=client, oauth_token=b"secret")
    refusal(auth, LIST, OK)
    held = [getattr(auth, name, None) for name in Authentication.__slots__]
    assert not [value for value in held if value in (b"secret", client)]


@pytest.mark.parametrize("start", [state for state in course.COURSE if state != course.START])
@pytest.mark.parametrize("code", range(14))
def test_the_whole_grid_ends_in_an_answer_or_a_refusal(start: str, code: int) -> None:
    ways = {
        course.PASSWORD_SENT: [CLEARTEXT],
        course.FIRST_SENT: [LIST],
        course.PROOF_SENT: [LIST, SERVER_FIRST],
        course.VERIFIED: full(),
        course.TOKEN_SENT: [OAUTH_LIST],
        course.TOKEN_REFUSED: [OAUTH_LIST, REFUSED],
        course.GSS_OPEN: [b"\0\0\0\7"],
        course.GSS_DONE: [b"\0\0\0\7", b"\0\0\0\x08x"],
    }
    auth = bearer(gss=lambda _: Context(b"1", b"2"))
    for body in ways[start]:
        answer(auth, body)
    fillers = {4: b"ab", 5: b"salt", 8: b"x", 10: LIST[4:], 11: b"x", 12: b"x"}
    try:
        answer(auth, struct.pack("!I", code) + fillers.get(code, b""))
    except AuthenticationError:
        assert not auth.complete
    else:
        assert code in course.COURSE[start]
        assert auth.complete is (code == 0)
