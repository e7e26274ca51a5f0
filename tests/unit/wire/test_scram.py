"""SCRAM-SHA-256: the published vectors, every refusal, and scramp's server as a second opinion."""

from __future__ import annotations

import base64
import builtins
import hashlib
import hmac
import pickle
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from purelink.errors import AuthenticationError, ConninfoError
from purelink.wire import scram
from purelink.wire.password import prepare
from purelink.wire.scram import Challenge, Exchange

NONCE = b"Y2xpZW50bm9uY2VjbGllbnRu"
SALT = b"0123456789abcdef"
SERVER_FIRST = b"r=Y2xpZW50bm9uY2VjbGllbnRuSRV,s=MDEyMzQ1Njc4OWFiY2RlZg==,i=4096"
BINDING = hashlib.sha256(b"certificate").digest()


def keys(password: bytes, salt: bytes, iterations: int) -> scram.Keys:
    return scram.keys(scram.salted_password(prepare(password), salt, iterations))


def refused(message: bytes, *, final: bool = False) -> str:
    exchange = Exchange(NONCE)
    exchange.first()
    with pytest.raises(AuthenticationError) as refusal:
        if final:
            derived = keys(b"secret", *exchange.challenge(SERVER_FIRST))
            exchange.final(derived.client)
            exchange.verify(message, derived.server)
        else:
            exchange.challenge(message)
    return str(refusal.value)


def test_vector_of_rfc_7677() -> None:
    exchange = Exchange(b"rOprNGfwEbeRWgbNEkqO", user=b"user")
    assert exchange.first() == b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO"
    challenge = exchange.challenge(
        b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
    )
    derived = keys(b"pencil", challenge.salt, challenge.iterations)
    assert exchange.final(derived.client) == (
        b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
        b"p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
    )
    exchange.verify(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=", derived.server)


@pytest.mark.parametrize(
    ("header", "channel", "proof", "signature"),
    [
        (
            b"n,,",
            b"biws",
            b"ahnuXsieSrJigTzAwnJUM+tYWNYesLeg4O6b6GX71Wk=",
            b"HJ4Hquq6T54KgWODL/epyKPXUgMIG9aYKLUpfje2v6I=",
        ),
        (
            b"y,,",
            b"eSws",
            b"PBNdOm2OmwW90pfP0f7Fb4y48jHxlqF+bC8Qz+vl1qw=",
            b"CUw0m+Rtc53JUjN4kFF/1/9BXgP/B0W6ix91qq94S7c=",
        ),
    ],
)
def test_vectors_of_libpq(header: bytes, channel: bytes, proof: bytes, signature: bytes) -> None:
    exchange = Exchange(NONCE, header=header)
    assert exchange.first() == header + b"n=,r=" + NONCE
    assert exchange.challenge(SERVER_FIRST) == Challenge(SALT, 4096)
    derived = keys(b"secret", SALT, 4096)
    assert exchange.final(derived.client) == (b"c=" + channel + b",r=" + NONCE + b"SRV,p=" + proof)
    exchange.verify(b"v=" + signature, derived.server)
    assert not exchange.bound


def test_binding_goes_into_the_final_message() -> None:
    exchange = Exchange(NONCE, header=b"p=tls-server-end-point,,", binding=BINDING)
    exchange.challenge(SERVER_FIRST)
    channel = exchange.final(bytes(32)).split(b",")[0]
    assert base64.b64decode(channel[2:]) == b"p=tls-server-end-point,," + BINDING
    assert exchange.bound


NONCE_MISMATCH = "invalid SCRAM response (nonce mismatch)"
INVALID_NONCE = "malformed SCRAM message (invalid nonce)"
INVALID_SALT = "malformed SCRAM message (invalid salt)"
INVALID_COUNT = "malformed SCRAM message (invalid iteration count)"
MANDATORY = "malformed SCRAM message (mandatory extension is not supported)"


def garbage(where: str) -> str:
    return f"malformed SCRAM message (garbage at end of {where}-message)"


def expected(letter: str) -> str:
    return f'malformed SCRAM message (attribute "{letter}" expected)'


def no_equals(letter: str) -> str:
    return f'malformed SCRAM message (expected character "=" for attribute "{letter}")'


R = b"r=" + NONCE + b"SRV"
S = b",s=MDEyMzQ1Njc4OWFiY2RlZg=="


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (b"", "malformed SCRAM message (empty message)"),
        (SERVER_FIRST + b"\0", "malformed SCRAM message (length mismatch)"),
        (SERVER_FIRST.replace(b"SRV", b"S\0V"), "malformed SCRAM message (length mismatch)"),
        (b"m=x," + SERVER_FIRST, expected("r")),
        (b"e=other-error", expected("r")),
        (b",", expected("r")),
        (b"r", no_equals("r")),
        (b"rx=" + NONCE, no_equals("r")),
        (R, expected("s")),
        (R + b",", expected("s")),
        (R + b"," + R, expected("s")),
        (R + b",i=4096", expected("s")),
        (R + b",s", no_equals("s")),
        (R + S, expected("i")),
        (R + S + b",i", no_equals("i")),
        (R + S + b",s=MDEy,i=1", expected("i")),
        (b"r=" + NONCE + S + b",i=4096", NONCE_MISMATCH),
        (b"r=" + NONCE[:-1] + S + b",i=4096", NONCE_MISMATCH),
        (b"r=" + NONCE.swapcase() + b"SRV" + S + b",i=4096", NONCE_MISMATCH),
        (b"r=" + S + b",i=4096", NONCE_MISMATCH),
        (b"r=" + NONCE + b" V" + S + b",i=4096", INVALID_NONCE),
        (b"r=" + NONCE + b"\x7f" + S + b",i=4096", INVALID_NONCE),
        (b"r=" + NONCE + "ä".encode() + S + b",i=4096", INVALID_NONCE),
        (b"r=" + NONCE + b"S" * 1001 + S + b",i=4096", INVALID_NONCE),
        (R + b",s=,i=4096", INVALID_SALT),
        (R + b",s=MDEy\nMzQ1,i=4096", INVALID_SALT),
        (R + b",s=MDEy MzQ1,i=4096", INVALID_SALT),
        (R + b",s=MDEyMzQ1Njc4OWFiY2RlZg,i=4096", INVALID_SALT),
        (R + b",s=MDEyMzQ1Njc4OWFiY2RlZg=,i=4096", INVALID_SALT),
        (R + b",s=MD-_,i=4096", INVALID_SALT),
        (R + b",s=MDE*,i=4096", INVALID_SALT),
        (R + b",s=M===,i=4096", INVALID_SALT),
        (R + b",s=====,i=4096", INVALID_SALT),
        (R + b",s=MD=Ey===,i=4096", INVALID_SALT),
        (R + b",s=MD==MDEy,i=4096", INVALID_SALT),
        (R + S + b",i=4096,m=x", MANDATORY),
        (R + S + b",i=4096,x=1,m=x", MANDATORY),
        (R + S + b",i=4096,", garbage("server-first")),
        (R + S + b",i=4096,x", garbage("server-first")),
        (R + S + b",i=4096,x=", garbage("server-first")),
        (R + S + b",i=4096,xy=1", garbage("server-first")),
        (R + S + b",i=4096,1=1", garbage("server-first")),
    ],
)
def test_server_first_refused(message: bytes, text: str) -> None:
    assert refused(message) == text


@pytest.mark.parametrize(
    "count",
    [
        *("", "0", "-1", "abc", "4096x", "0x1000", "1e4", "4096 ", "00"),
        # libpq takes these: blanks, a sign, what wraps round 2**32
        *(" 4096", "+4096", "4294971392", "2147483648", "00000004096", "9" * 1000, "4_096"),
        "\u0664",
    ],
)
def test_iteration_counts_refused(count: str) -> None:
    assert refused(R + S + b",i=" + count.encode()) == INVALID_COUNT


@pytest.mark.parametrize(("count", "read"), [("1", 1), ("100", 100), ("2147483647", 2**31 - 1)])
def test_iteration_counts_read(count: str, read: int) -> None:
    assert Exchange(NONCE).challenge(R + S + b",i=" + count.encode()).iterations == read


@pytest.mark.parametrize("extensions", [b",x=1", b",x=1,Y=a=b", b",x=\xff"])
def test_unknown_extensions_are_ignored(extensions: bytes) -> None:
    assert Exchange(NONCE).challenge(SERVER_FIRST + extensions).iterations == 4096


def test_longest_nonce() -> None:
    message = b"r=" + NONCE + b"S" * 1000 + S + b",i=1"
    assert Exchange(NONCE).challenge(message).salt == SALT


V = b"v=HJ4Hquq6T54KgWODL/epyKPXUgMIG9aYKLUpfje2v6I="
INVALID_SIGNATURE = "malformed SCRAM message (invalid server signature)"
SERVER_ERROR = "error received from server in SCRAM exchange: "


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (b"", "malformed SCRAM message (empty message)"),
        (V + b"\0", "malformed SCRAM message (length mismatch)"),
        (b"x=1", expected("v")),
        (b"v", no_equals("v")),
        (b"e", no_equals("e")),
        (b"e=invalid-proof", SERVER_ERROR + "invalid-proof"),
        (b"e=\x1b[31m\n\xff,x", SERVER_ERROR + "?[31m?\ufffd"),
        (b"e=" + b"x" * 201, SERVER_ERROR + "x" * 200 + "..."),
        (b"e=" + b"x" * 200, SERVER_ERROR + "x" * 200),
        (b"v=", INVALID_SIGNATURE),
        (b"v=*", INVALID_SIGNATURE),
        (V[:-1], INVALID_SIGNATURE),
        (b"v=" + base64.b64encode(bytes(31)), INVALID_SIGNATURE),
        (b"v=" + base64.b64encode(bytes(33)), INVALID_SIGNATURE),
        (b"v=" + base64.b64encode(bytes(32)), "incorrect server signature"),
        (V + b",m=x", MANDATORY),
        (V + b",x", garbage("server-final")),
    ],
)
def test_server_final_refused(message: bytes, text: str) -> None:
    assert refused(message, final=True) == text


def test_unknown_extension_after_the_signature_is_ignored() -> None:
    exchange = Exchange(NONCE)
    derived = keys(b"secret", *exchange.challenge(SERVER_FIRST))
    exchange.final(derived.client)
    exchange.verify(V + b",x=1", derived.server)


def test_no_signature_is_right_without_a_server_key() -> None:
    exchange = Exchange(NONCE)
    exchange.challenge(SERVER_FIRST)
    final = exchange.final(bytes(32))
    message = b"n=,r=" + NONCE + b"," + SERVER_FIRST + b"," + final.rpartition(b",")[0]
    forged = hmac.new(b"", message, "sha256").digest()
    with pytest.raises(AuthenticationError, match=r"^incorrect server signature$"):
        exchange.verify(b"v=" + base64.b64encode(forged), b"")


def test_signatures_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[bytes, bytes]] = []

    def compare(left: bytes, right: bytes) -> bool:
        compared.append((left, right))
        return True

    monkeypatch.setattr(hmac, "compare_digest", compare)
    exchange = Exchange(NONCE)
    exchange.challenge(SERVER_FIRST)
    exchange.final(bytes(32))
    exchange.verify(V, b"\1" * 32)
    assert [right for _, right in compared] == [base64.b64decode(V[2:])]


def without_openssl(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def refuse(
        name: str, globals_: Any = None, locals_: Any = None, names: Any = (), *level: Any
    ) -> Any:
        if names and "pbkdf2_hmac" in names:
            raise ImportError(name)
        return real(name, globals_, locals_, names, *level)

    monkeypatch.setattr(builtins, "__import__", refuse)


#: RFC 7914 section 11, cut to the first block, and the same construction by other passwords
PBKDF2 = [
    (b"passwd", b"salt", 1, "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc"),
    (b"Password", b"NaCl", 80, ""),
    (b"p" * 64, b"salt", 3, ""),
    (b"p" * 65, b"salt", 3, ""),
    (b"", b"x", 2, ""),
]


@pytest.mark.parametrize(("password", "salt", "count", "block"), PBKDF2)
def test_counting_without_openssl(
    password: bytes, salt: bytes, count: int, block: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = block or hashlib.pbkdf2_hmac("sha256", password, salt, count).hex()
    assert scram.salted_password(password, salt, count).hex() == right
    without_openssl(monkeypatch)
    assert scram.salted_password(password, salt, count).hex() == right


def test_vector_without_openssl(monkeypatch: pytest.MonkeyPatch) -> None:
    without_openssl(monkeypatch)
    test_vector_of_rfc_7677()


def test_verifier() -> None:
    # what PostgreSQL stores: StoredKey = SHA256(ClientKey)
    stored = scram.verifier(b"secret", SALT)
    form, middle, end = stored.split("$")
    assert (form, middle) == ("SCRAM-SHA-256", "4096:MDEyMzQ1Njc4OWFiY2RlZg==")
    derived = keys(b"secret", SALT, 4096)
    stored_key, server_key = (base64.b64decode(part) for part in end.split(":"))
    assert stored_key == hashlib.sha256(derived.client).digest()
    assert server_key == derived.server


def test_verifier_prepares_the_password() -> None:
    assert scram.verifier("pa\u0308ss".encode(), SALT, 1) == scram.verifier(
        "p\u00e4ss".encode(), SALT, 1
    )


def test_read_key() -> None:
    key = bytes(range(32))
    assert scram.read_key(None, "client") is None
    assert scram.read_key(key, "client") == key
    assert scram.read_key(base64.b64encode(key).decode(), "server") == key


@pytest.mark.parametrize("side", ["client", "server"])
@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("*secret*", "invalid SCRAM {} key"),
        ("schl\u00fcssel", "invalid SCRAM {} key"),
        ("\udc80===", "invalid SCRAM {} key"),
        ("c2Vj", "invalid SCRAM {} key length: 3"),
        (b"sec", "invalid SCRAM {} key length: 3"),
        ("", "invalid SCRAM {} key length: 0"),
        (base64.b64encode(bytes(33)).decode(), "invalid SCRAM {} key length: 33"),
    ],
)
def test_read_key_refused(value: bytes | str, text: str, side: str) -> None:
    with pytest.raises(ConninfoError) as refusal:
        scram.read_key(value, side)
    assert str(refusal.value) == text.format(side)
    assert refusal.value.keyword == f"scram_{side}_key"


@pytest.mark.parametrize("secret", [keys(b"secret", SALT, 1), Exchange(NONCE)])
def test_secrets_are_not_shown_and_not_pickled(secret: scram.Secret) -> None:
    assert repr(secret) == f"<{type(secret).__name__} ***>"
    with pytest.raises(TypeError, match="holds secrets and is not pickled"):
        pickle.dumps(secret)


@pytest.mark.parametrize("plus", [False, True])
@settings(max_examples=25, deadline=None)
@given(
    password=st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1),
    salt=st.binary(min_size=12, max_size=40),
    nonce=st.binary(min_size=18, max_size=18),
)
def test_scramp_judges(plus: bool, password: str, salt: bytes, nonce: bytes) -> None:
    scramp = pytest.importorskip("scramp")
    binding = ("tls-server-end-point", BINDING) if plus else None
    mechanism = scramp.ScramMechanism("SCRAM-SHA-256-PLUS" if plus else "SCRAM-SHA-256")
    info = mechanism.make_auth_info(password, iteration_count=4096, salt=salt)
    server = mechanism.make_server(lambda _user: info, channel_binding=binding)
    ours = Exchange(
        base64.b64encode(nonce),
        header=b"p=tls-server-end-point,," if plus else b"n,,",
        binding=BINDING if plus else b"",
        user=b"u",  # scramp refuses the empty name that libpq and we send
    )
    server.set_client_first(ours.first().decode())
    challenge = ours.challenge(server.get_server_first().encode())
    assert challenge == Challenge(salt, 4096)
    derived = keys(password.encode(), *challenge)
    server.set_client_final(ours.final(derived.client).decode())
    ours.verify(server.get_server_final().encode(), derived.server)
    stored = scram.verifier(password.encode(), salt)
    salt64, stored_key, server_key, count = (
        base64.b64encode(part).decode() if isinstance(part, bytes) else part for part in info
    )
    assert stored == f"SCRAM-SHA-256${count}:{salt64}${stored_key}:{server_key}"
