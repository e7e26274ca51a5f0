"""Checks 105 to 145 of the wire: authentication against servers that lie, under both pumps.

127 and 128 (passwords, a count of 1) stand on a real server, in `tests/real`.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import ssl
import time
from typing import TYPE_CHECKING, Any

import pytest

from purelink.errors import AuthenticationError, ConnectError, ConninfoError, InterfaceError
from purelink.testing.backend import (
    Backend,
    ClientGone,
    Peer,
    Step,
    cleartext,
    expect_bytes,
    hello,
    md5,
    send,
    startup,
    until_closed,
)
from purelink.testing.bytes import HELLO, error
from purelink.wire import codes
from purelink.wire.frontend import Password
from tests.scripted.lies import CERTIFICATES, Scram, request, secure, server_context

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.scripted.faces import Face

CA = str(CERTIFICATES / "ca.pem")
BOTH = b"SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0"
INVALID = "fe_sendauth: invalid authentication request from server: "


def attempt(face: Face, *steps: Step, dsn: str = "", **keywords: Any) -> tuple[ConnectError, str]:
    """Connect to a server that must be refused; return the error and its text, less its prefix.

    Whatever the server asked for, the password is never seen on the wire, nor in the text.
    """
    with Backend([startup(), *steps, until_closed()]) as server:
        keywords.setdefault("password", "hunter2")
        with pytest.raises(ConnectError) as refused:
            face.connect(f"{server.dsn} {dsn}", **keywords)
        server.wait()
        text = str(refused.value)
        prefix = f'connection to server at "127.0.0.1", port {server.port} failed: '
        assert text.startswith(prefix)
        assert len(server.peers) == 1
        assert b"hunter2" not in server.heard[0]
        assert "hunter2" not in text + repr(refused.value)
    return refused.value, text[len(prefix) :]


def refusal(face: Face, *steps: Step, dsn: str = "", **keywords: Any) -> str:
    return attempt(face, *steps, dsn=dsn, **keywords)[1]


def asks(code: int, data: bytes = b"") -> Step:
    return send(request(code, data))


def may_leave(*steps: Step) -> Step:
    """Play these steps; the client may leave before their end."""

    def step(peer: Peer) -> None:
        with contextlib.suppress(ClientGone):
            for each in steps:
                each(peer)

    return step


# -- passwords -------------------------------------------------------------------------------


def test_check_105_cleartext(face: Face) -> None:
    with Backend([startup(), cleartext("secret"), until_closed()]) as server:
        connection = face.connect(server.dsn, password="secret")
        assert connection.password_used
        said = server.seen[0][-1]
        assert isinstance(said, Password)
        assert said.data == b"secret\0"


@pytest.mark.parametrize("password", [None, ""])
@pytest.mark.parametrize(("code", "data"), [(3, b""), (5, b"\1\2\3\4"), (10, b"SCRAM-SHA-256\0\0")])
def test_check_106_no_password(face: Face, code: int, data: bytes, password: str | None) -> None:
    failure, text = attempt(face, asks(code, data), password=password)
    assert text == "fe_sendauth: no password supplied"
    assert isinstance(failure, AuthenticationError)
    assert failure.password_needed


@pytest.mark.parametrize(
    ("salt", "expected"),
    [
        (b"\1\2\3\4", b"md5dffd2564502f75393b3854e1532b9fa6"),
        (b"abcd", b"md5a05ce7e2d585968111cf9414346f1386"),
        (b"\x00\xff\x80\x00", b"md591213571bd5fd7b7759a08cfd7d28764"),
    ],
)
def test_check_107_md5(face: Face, salt: bytes, expected: bytes) -> None:
    with Backend([startup(), md5("u", "secret", salt), until_closed()]) as server:
        connection = face.connect(server.dsn, password="secret")
        assert connection.password_used
        said = server.seen[0][-1]
        assert isinstance(said, Password)
        assert said.data == expected + b"\0"


@pytest.mark.parametrize("salt", [b"", b"\1\2", b"\1\2\3\4\5\6\7\x08"])
def test_check_108_salts_of_md5(face: Face, salt: bytes) -> None:
    assert refusal(face, asks(5, salt)) == "received invalid authentication request"


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (1, "Kerberos 4 authentication not supported"),
        (2, "Kerberos 5 authentication not supported"),
        (4, "Crypt authentication not supported"),
        (6, "authentication method 6 not supported"),
        (7, "GSSAPI authentication not supported"),
        (8, "GSSAPI authentication not supported"),
        (9, "SSPI authentication not supported"),
        (99, "authentication method 99 not supported"),
        (4294967295, "authentication method 4294967295 not supported"),
    ],
)
def test_check_109_methods_that_are_not_supported(face: Face, code: int, text: str) -> None:
    raw = code.to_bytes(4, "big") + (b"ab" if code == 4 else b"")
    assert refusal(face, send(b"R" + (len(raw) + 4).to_bytes(4, "big") + raw)) == text


# -- SCRAM -----------------------------------------------------------------------------------


def test_check_110_the_strings_of_scram(face: Face, monkeypatch: pytest.MonkeyPatch) -> None:
    nonce = b"clientnonceclientn"
    monkeypatch.setattr("os.urandom", lambda size: (nonce * size)[:size])
    scram = Scram("secret")
    with Backend([startup(), *scram.whole(), until_closed()]) as server:
        assert face.connect(server.dsn, password="secret").password_used
        first, final = (each for each in server.seen[0] if isinstance(each, Password))
    assert first.data == b"SCRAM-SHA-256\0\0\0\0\x20n,,n=,r=Y2xpZW50bm9uY2VjbGllbnRu"
    assert final.data == (
        b"c=biws,r=Y2xpZW50bm9uY2VjbGllbnRuSRV,p=ahnuXsieSrJigTzAwnJUM+tYWNYesLeg4O6b6GX71Wk="
    )


def test_check_111_ok_before_the_challenge(face: Face) -> None:
    text = refusal(face, Scram().offer(), send(HELLO))
    assert text == "server accepted authentication before the SCRAM exchange was completed"


def test_check_112_ok_without_the_servers_proof(face: Face) -> None:
    scram = Scram()
    text = refusal(face, scram.offer(), scram.challenge(), scram.proof(), send(HELLO))
    assert text == "server accepted authentication before the SCRAM exchange was completed"


@pytest.mark.parametrize("late", [False, True])
def test_check_113_the_same_with_require_auth(face: Face, late: bool) -> None:
    scram = Scram()
    steps = [scram.offer(), *([scram.challenge(), scram.proof()] if late else []), send(HELLO)]
    text = refusal(face, *steps, dsn="require_auth=scram-sha-256")
    assert text == (
        'authentication method requirement "scram-sha-256" failed:'
        " server did not complete authentication"
    )


def test_check_114_a_cleartext_request_after_scram(face: Face) -> None:
    assert "second authentication request" in refusal(
        face, *Scram().whole(then=request(codes.AUTH_CLEARTEXT))
    )


@pytest.mark.parametrize(("code", "data"), [(3, b""), (5, b"abcd")])
def test_check_115_a_request_after_md5(face: Face, code: int, data: bytes) -> None:
    text = refusal(face, asks(5, b"\1\2\3\4"), asks(code, data))
    assert "second authentication request" in text


def test_check_116_sasl_out_of_turn(face: Face) -> None:
    early = INVALID + "AUTH_REQ_SASL_CONT without AUTH_REQ_SASL"
    assert refusal(face, asks(11)) == early
    assert refusal(face, asks(12)) == early
    twice = refusal(face, Scram().offer(), asks(10, b"SCRAM-SHA-256\0\0"))
    assert twice == "duplicate SASL authentication request"
    scram = Scram()
    text = refusal(face, scram.offer(), scram.challenge(code=codes.AUTH_SASL_FINAL))
    assert text == (
        "AuthenticationSASLFinal received from server, but SASL authentication was not completed"
    )
    again = request(codes.AUTH_SASL_CONTINUE, b"x")
    assert refusal(face, *Scram().whole(then=again)) == "invalid SCRAM exchange state"


def test_check_117_the_servers_proof_in_the_wrong_message(face: Face) -> None:
    scram = Scram()
    text = refusal(
        face, scram.offer(), scram.challenge(), scram.proof(),
        scram.final(code=codes.AUTH_SASL_CONTINUE),
    )  # fmt: skip
    assert "AuthenticationSASLFinal was expected" in text


SIGNATURES: dict[str, Callable[[bytes], bytes]] = {
    "incorrect server signature": lambda right: b"v=" + base64.b64encode(right[::-1]),
    "malformed SCRAM message (invalid server signature)": lambda right: (
        b"v=" + base64.b64encode(right[:31])
    ),
    "malformed SCRAM message (invalid server signature) ": lambda _right: b"v=!!!!",
    "error received from server in SCRAM exchange: invalid-proof": lambda _right: (
        b"e=invalid-proof"
    ),
    "malformed SCRAM message (empty message)": lambda _right: b"",
}


@pytest.mark.parametrize("text", SIGNATURES)
def test_checks_118_and_125_the_servers_proof(face: Face, text: str) -> None:
    scram = Scram()
    told = refusal(
        face, scram.offer(), scram.challenge(), scram.proof(), scram.final(SIGNATURES[text])
    )
    assert scram.proved
    assert told == text.strip()


COUNT = "malformed SCRAM message (invalid iteration count)"
NONCE = "invalid SCRAM response (nonce mismatch)"


@pytest.mark.parametrize(
    ("challenge", "text"),
    [
        ("r=other,s={},i={}", NONCE),
        ("r=,s={},i={}", NONCE),
        ("r={},s={},i={}", NONCE),
    ],
)
def test_check_119_nonces(face: Face, challenge: str, text: str) -> None:
    scram = Scram()
    assert refusal(face, scram.offer(), scram.challenge(challenge)) == text


@pytest.mark.parametrize(
    ("salt", "text"),
    [
        ("i=4096", 'malformed SCRAM message (attribute "s" expected)'),
        ("s=MDEy\nMzQ1,i=4096", "malformed SCRAM message (invalid salt)"),
        ("s=MDE,i=4096", "malformed SCRAM message (invalid salt)"),
        ("s=MD!=,i=4096", "malformed SCRAM message (invalid salt)"),
        ("s=,i=4096", "malformed SCRAM message (invalid salt)"),
    ],
)
def test_check_120_salts(face: Face, salt: str, text: str) -> None:
    scram = Scram()
    assert refusal(face, scram.offer(), scram.challenge("r={}SRV," + salt)) == text


@pytest.mark.parametrize(
    "count",
    ["", "0", "-1", "abc", "4096x", "0x1000", "1e4", "4096 ", " 4096", "+4096", "4294971392"],
)
def test_check_121_counts(face: Face, count: str) -> None:
    scram = Scram()
    assert refusal(face, scram.offer(), scram.challenge("r={}SRV,s={},i=" + count)) == COUNT


@pytest.mark.parametrize("count", [10_000_001, 2147483647])
def test_check_122_counts_without_end(face: Face, count: int) -> None:
    started = time.monotonic()
    scram = Scram(iterations=count)
    text = refusal(face, scram.offer(), scram.challenge())
    assert text == (
        f"server asked for {count} SCRAM iterations, which is more than scram_max_iterations"
        " allows (10000000)"
    )
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("count", [1, 100])
def test_check_122_low_counts(face: Face, count: int) -> None:
    with Backend([startup(), *Scram(iterations=count).whole(), until_closed()]) as server:
        assert face.connect(server.dsn, password="hunter2").password_used


def test_check_122_the_callers_own_bound(face: Face) -> None:
    scram = Scram(iterations=5000)
    text = refusal(face, scram.offer(), scram.challenge(), scram_max_iterations=4999)
    assert "5000 SCRAM iterations" in text


def test_check_123_counting_ends_in_time(face: Face) -> None:
    """PBKDF2 cannot be interrupted; the caller is told in time all the same."""
    scram = Scram(iterations=4_000_000)
    started = time.monotonic()
    text = refusal(face, scram.offer(), scram.challenge(), dsn="connect_timeout=1")
    assert text == "timeout expired"
    assert 0.8 < time.monotonic() - started < 6


def test_check_124_extensions(face: Face) -> None:
    scram = Scram()
    steps = [scram.offer(), scram.challenge("r={}SRV,s={},i={},x=1"), scram.proof(), scram.final()]
    with Backend([startup(), *steps, until_closed()]) as server:
        face.connect(server.dsn, password="hunter2")


@pytest.mark.parametrize(
    ("challenge", "text"),
    [
        ("m=x,r={}SRV,s={},i={}", 'malformed SCRAM message (attribute "r" expected)'),
        ("r={}SRV\0,s={},i={}", "malformed SCRAM message (length mismatch)"),
        ("", "malformed SCRAM message (empty message)"),
    ],
)
def test_check_124_malformed_challenges(face: Face, challenge: str, text: str) -> None:
    scram = Scram()
    assert refusal(face, scram.offer(), scram.challenge(challenge)) == text


@pytest.mark.parametrize(
    ("names", "text"),
    [
        (b"\0", "none of the server's SASL authentication mechanisms are supported"),
        (b"NTLM\0\0", "none of the server's SASL authentication mechanisms are supported"),
        (b"scram-sha-256\0\0", "none of the server's SASL authentication mechanisms are supported"),
        (b"SCRAM-SHA-256", INVALID + "invalid list of authentication mechanisms"),
        (b"SCRAM-SHA-256\0", INVALID + "invalid list of authentication mechanisms"),
        (b"SCRAM-SHA-256\0\0x", INVALID + "invalid list of authentication mechanisms"),
    ],
)
def test_check_126_lists_of_mechanisms(face: Face, names: bytes, text: str) -> None:
    assert refusal(face, asks(10, names)) == text


# -- who is who, which host ------------------------------------------------------------------


def test_check_129_whether_a_password_counts(face: Face) -> None:
    with Backend(
        [hello(), until_closed()], [startup(), *Scram().whole(), until_closed()]
    ) as server:
        assert not face.connect(server.dsn, password="hunter2").password_used
        assert face.connect(server.dsn, password="hunter2").password_used
    failure, _ = attempt(face, asks(3), dsn="require_auth=md5", password=None)
    assert not failure.password_needed


def test_check_130_a_password_of_another_host_does_not_count(face: Face) -> None:
    starting = error("the database system is starting up", "57P03", "FATAL")
    scripts = [startup(), cleartext("hunter2", then=starting)], [hello(), until_closed()]
    with Backend(*scripts) as server:
        dsn = f"host=127.0.0.1,127.0.0.1 port={server.port} user=u dbname=d sslmode=disable"
        connection = face.connect(dsn, password="hunter2")
        assert not connection.password_used
        assert len(server.peers) == 2


@pytest.mark.parametrize(("state", "hosts"), [("28P01", 1), ("53300", 1), ("57P03", 2)])
def test_check_131_what_leads_to_the_next_host(face: Face, state: str, hosts: int) -> None:
    with Backend(
        [startup(), send(error("no", state, "FATAL"))], [hello(), until_closed()]
    ) as server:
        dsn = f"host=127.0.0.1,127.0.0.1 port={server.port} user=u dbname=d sslmode=disable"
        if hosts == 1:
            with pytest.raises(ConnectError) as refused:
                face.connect(dsn)
            assert refused.value.sqlstate == state
        else:
            face.connect(dsn)
        assert len(server.peers) == hosts


TABLE = """
                     trust clear md5 scram middle
-                      +     +    +    +     o
password               n     +    h    s     s
md5                    n     c    +    s     s
scram-sha-256          n     c    h    +     n
none                   +     c    h    s     s
gss                    n     c    h    s     s
sspi                   n     c    h    s     s
oauth                  n     c    h    S     S
!password              +     c    +    +     o
!md5                   +     +    h    +     o
!none                  n     +    +    +     n
!scram-sha-256         +     +    +    S     S
password,md5           n     +    +    s     s
scram-sha-256,none     +     c    h    +     o
empty                  +     c    h    s     s
"""
LETTERS = {
    "n": "server did not complete authentication",
    "c": "server requested a cleartext password",
    "h": "server requested a hashed password",
    "s": "server requested SASL authentication",
    "S": "server requested SCRAM-SHA-256 authentication",
    "o": "server accepted authentication before the SCRAM exchange was completed",
}


@pytest.mark.parametrize("line", TABLE.strip().splitlines()[1:], ids=lambda line: line.split()[0])
def test_checks_132_134_and_135_require_auth(face: Face, line: str) -> None:
    wanted, *cells = line.split()
    wanted = "" if wanted == "empty" else wanted
    for number, cell in enumerate(cells):
        scram = Scram("secret")
        steps: list[Step] = [
            [send(HELLO)],
            [cleartext("secret")],
            [md5("u", "secret")],
            scram.whole(),
            [scram.offer(), send(HELLO)],
        ][number]
        setting = "" if wanted == "-" else f" require_auth='{wanted}'"
        with Backend([startup(), may_leave(*steps), until_closed()]) as server:
            if cell == "+":
                face.connect(server.dsn + setting, password="secret").close()
                continue
            with pytest.raises(AuthenticationError) as refused:
                face.connect(server.dsn + setting, password="secret")
            assert str(refused.value).endswith(LETTERS[cell]), (line, number)
            assert b"secret" not in server.heard[0]
            requirement = f'requirement "{wanted}" failed: '
            assert (requirement in str(refused.value)) == (cell != "o"), (line, number)


@pytest.mark.parametrize(
    ("wanted", "text"),
    [
        ("password,!md5", 'negative require_auth method "!md5" cannot be mixed with non-negative'),
        ("!password,md5", 'require_auth method "md5" cannot be mixed with negative methods'),
        ("md5,md5", 'require_auth method "md5" is specified more than once'),
        ("foo", 'invalid require_auth value: "foo"'),
        ("PASSWORD", 'invalid require_auth value: "PASSWORD"'),
    ],
)
def test_check_133_require_auth_that_makes_no_sense(face: Face, wanted: str, text: str) -> None:
    with Backend() as server:
        with pytest.raises(ConninfoError) as refused:
            face.connect(server.dsn, require_auth=wanted)
        assert text in str(refused.value)
        assert not server.peers


# -- channel binding -------------------------------------------------------------------------


def over_tls(
    face: Face, steps: list[Step], context: ssl.SSLContext | None = None, **keywords: Any
) -> Any:
    with Backend([secure(context), startup(), *steps, until_closed()]) as server:
        keywords = {"sslmode": "require", "password": "hunter2", **keywords}
        return face.connect(server.dsn, **keywords)


@pytest.mark.parametrize("names", [BOTH, b"SCRAM-SHA-256\0SCRAM-SHA-256-PLUS\0\0"])
def test_check_136_plus_is_chosen_in_any_order(face: Face, names: bytes) -> None:
    scram = Scram()
    over_tls(face, scram.whole(names))
    assert (scram.mechanism, scram.header) == ("SCRAM-SHA-256-PLUS", "p=tls-server-end-point,,")
    assert scram.proved


@pytest.mark.parametrize(
    ("binding", "header", "shown"), [("prefer", "y,,", "eSws"), ("disable", "n,,", "biws")]
)
def test_check_137_plus_is_not_offered(face: Face, binding: str, header: str, shown: str) -> None:
    scram = Scram()
    over_tls(face, scram.whole(), channel_binding=binding)
    assert scram.header == header
    assert scram.final_bare.startswith(f"c={shown},".encode())


@pytest.mark.parametrize(
    ("certificate", "digest"),
    [
        ("hash-rsa-sha1", "sha256"),
        ("hash-rsa-sha256", "sha256"),
        ("hash-rsa-sha384", "sha384"),
        ("hash-rsa-sha512", "sha512"),
        ("hash-pss-sha384", "sha384"),
        ("hash-ecdsa-sha512", "sha512"),
    ],
)
def test_check_138_what_is_bound_to(face: Face, certificate: str, digest: str) -> None:
    key = "hash-ecdsa.key" if "ecdsa" in certificate else "hash-rsa.key"
    context = server_context(f"{certificate}.pem", key)
    scram = Scram()
    over_tls(face, scram.whole(BOTH), context)
    pem = (CERTIFICATES / f"{certificate}.pem").read_text()
    der = ssl.PEM_cert_to_DER_cert(pem)
    bound = base64.b64decode(scram.final_bare.split(b",")[0][2:])
    assert bound == b"p=tls-server-end-point,," + hashlib.new(digest, der).digest()
    assert scram.proved


def test_check_139_a_certificate_without_a_hash(face: Face) -> None:
    context = server_context("hash-ed25519.pem", "hash-ed25519.key")
    with pytest.raises(ConnectError, match="could not find digest for NID UNDEF"):
        over_tls(face, [send(request(codes.AUTH_SASL, BOTH))], context)


@pytest.mark.parametrize("binding", ["disable", "prefer", "require"])
def test_check_140_plus_without_tls(face: Face, binding: str) -> None:
    text = refusal(face, asks(10, BOTH), dsn=f"channel_binding={binding}")
    assert text == (
        "channel binding required, but SSL not in use"
        if binding == "require"
        else "server offered SCRAM-SHA-256-PLUS authentication over a non-SSL connection"
    )


UNBOUND = "channel binding required, but server authenticated client without channel binding"


@pytest.mark.parametrize(
    ("steps", "text"),
    [
        ([send(HELLO)], UNBOUND),
        (
            [asks(3)],
            "channel binding required but not supported by server's authentication request",
        ),
        (
            [asks(10, b"SCRAM-SHA-256\0\0")],
            (
                "channel binding is required, but server did not offer an authentication method"
                " that supports channel binding"
            ),
        ),
        ([Scram().offer(BOTH), send(HELLO)], UNBOUND),
    ],
    ids=["trust", "cleartext", "plain only", "middle"],
)
def test_check_141_binding_is_required(face: Face, steps: list[Step], text: str) -> None:
    with Backend([secure(), startup(), *steps, until_closed()]) as server:
        with pytest.raises(AuthenticationError) as refused:
            face.connect(
                server.dsn, sslmode="require", password="hunter2", channel_binding="require"
            )
        assert str(refused.value).endswith(text)
        server.wait()
        assert b"hunter2" not in server.heard[0]
    plain = refusal(face, asks(10, b"SCRAM-SHA-256\0\0"), dsn="channel_binding=require")
    assert plain == "channel binding required, but SSL not in use"


@pytest.mark.parametrize("value", ["foo", ""])
def test_check_142_values_of_channel_binding(face: Face, value: str) -> None:
    with Backend() as server:
        with pytest.raises(ConninfoError, match=f'invalid channel_binding value: "{value}"'):
            face.connect(f"{server.dsn} channel_binding='{value}'")
        assert not server.peers


def test_check_143_gssencmode(face: Face) -> None:
    with Backend([hello(), until_closed()]) as server:
        with pytest.raises(ConninfoError) as refused:
            face.connect(f"{server.dsn} gssencmode=require")
        assert str(refused.value) == (
            'gssencmode value "require" invalid when GSSAPI support is not compiled in'
        )
        assert not server.peers
        face.connect(f"{server.dsn} gssencmode=prefer")
        assert [type(each).__name__ for each in server.seen[0]] == ["StartupMessage"]


# -- OAUTHBEARER -----------------------------------------------------------------------------

OAUTH = b"OAUTHBEARER\0\0"
ISSUER = {"oauth_issuer": "https://issuer.example", "oauth_client_id": "me"}
VERIFIED = {
    "sslmode": "verify-full",
    "sslrootcert": CA,
    "host": "localhost",
    "hostaddr": "127.0.0.1",
}


def test_check_144_oauth_without_its_options(face: Face) -> None:
    text = refusal(face, asks(10, OAUTH))
    assert text == (
        "server requires OAuth authentication, but oauth_issuer and oauth_client_id are not both"
        " set"
    )
    text = refusal(face, asks(10, OAUTH), **ISSUER)
    assert text == "no OAuth flows are available (try installing the libpq-oauth package)"


@pytest.mark.parametrize("sslmode", ["disable", "require", "verify-ca"])
def test_check_144_a_token_goes_to_a_verified_server_alone(face: Face, sslmode: str) -> None:
    first: list[Step] = [] if sslmode == "disable" else [secure()]
    called: list[Any] = []

    def give(*args: Any) -> str:
        called.append(args)
        return "t0ken"

    with Backend([*first, startup(), asks(10, OAUTH), until_closed()]) as server:
        with pytest.raises(AuthenticationError, match="set sslmode=verify-full"):
            face.connect(
                server.dsn, **{**VERIFIED, "sslmode": sslmode}, **ISSUER,
                oauth_token=give,
            )  # fmt: skip
        server.wait()
        assert b"t0ken" not in server.heard[0]
    assert not called


@pytest.mark.parametrize("token", ["a\x01b", "a\r\nb", "sp ace", "é", "=a", "a=b"])
def test_check_144_tokens_that_would_add_headers(face: Face, token: str) -> None:
    with Backend([secure(), startup(), asks(10, OAUTH), until_closed()]) as server:
        with pytest.raises(AuthenticationError, match="the OAuth token was not sent") as refused:
            face.connect(server.dsn, **VERIFIED, **ISSUER, oauth_token=lambda *_: token)
        server.wait()
        assert token not in str(refused.value)
        assert not any(isinstance(each, Password) for each in server.seen[0])


@pytest.mark.parametrize("kind", ["string", "callable", "coroutine"])
def test_a_token(face: Face, kind: str) -> None:
    told: list[Any] = []

    def give(target: Any, user: str) -> str:
        told.append((target.host, user))
        return "t0k.en=="

    async def give_later(target: Any, user: str) -> str:
        return give(target, user)

    if kind == "coroutine" and face.name == "blocking":
        give_later = give  # type: ignore[assignment]
    token: Any = {"string": "t0k.en==", "callable": give, "coroutine": give_later}[kind]
    steps: list[Step] = [asks(10, OAUTH), expect_bytes(_bearer("t0k.en==")), send(HELLO)]
    with Backend([secure(), startup(), *steps, until_closed()]) as server:
        connection = face.connect(server.dsn, **VERIFIED, **ISSUER, oauth_token=token)
        assert not connection.password_used
        assert "t0k" not in repr(connection) + repr(connection.settings)
    assert told == ([] if kind == "string" else [("localhost", "u")])


def _bearer(token: str) -> bytes:
    said = f"n,,\x01auth=Bearer {token}\x01\x01".encode()
    body = b"OAUTHBEARER\0" + len(said).to_bytes(4, "big") + said
    return b"p" + (len(body) + 4).to_bytes(4, "big") + body


def test_a_token_that_is_refused_gives_the_discovery_document(face: Face) -> None:
    document = (
        b'{"status":"invalid_token","scope":"openid","openid-configuration":'
        b'"https://issuer.example/.well-known/openid-configuration"}'
    )
    no = error("OAuth bearer authentication failed", "28000", "FATAL")
    steps: list[Step] = [
        asks(10, OAUTH), expect_bytes(_bearer("stale")), asks(11, document),
        expect_bytes(b"p\0\0\0\x05\x01"), send(no),
    ]  # fmt: skip
    server = Backend([secure(), startup(), *steps, until_closed()])
    with server, pytest.raises(AuthenticationError) as refused:
        face.connect(server.dsn, **VERIFIED, **ISSUER, oauth_token="stale")
    assert refused.value.discovery is not None
    assert refused.value.discovery["status"] == "invalid_token"
    assert refused.value.discovery["scope"] == "openid"
    assert "stale" not in str(refused.value)


def test_check_145_scram_keys(face: Face) -> None:
    salted = hashlib.pbkdf2_hmac("sha256", b"hunter2", b"0123456789abcdef", 4096)
    client = hashlib.new("sha256", salted).digest()
    with pytest.raises(ConninfoError, match="invalid SCRAM client key length: 3"):
        face.connect("host=127.0.0.1", scram_client_key=base64.b64encode(b"abc").decode())
    scram = Scram(iterations=2147483647)
    started = time.monotonic()
    text = refusal(
        face, scram.offer(), scram.challenge(), _read, send(request(12, b"v=" + b"A" * 43 + b"=")),
        password=None, scram_client_key=base64.b64encode(client).decode(),
    )  # fmt: skip
    assert text == "incorrect server signature"
    assert time.monotonic() - started < 5


def test_check_145_scram_keys_need_no_counting(face: Face) -> None:
    salted = hashlib.pbkdf2_hmac("sha256", b"hunter2", b"0123456789abcdef", 4096)
    client, server_key = (
        base64.b64encode(hmac.digest(salted, text, "sha256")).decode()
        for text in (b"Client Key", b"Server Key")
    )
    scram = Scram()
    challenge = scram.challenge("r={}SRV,s={},i=2147483647")
    steps = [scram.offer(), challenge, scram.proof(), scram.final()]
    started = time.monotonic()
    with Backend([startup(), *steps, until_closed()]) as server:
        connection = face.connect(server.dsn, scram_client_key=client, scram_server_key=server_key)
        assert connection.password_used
        assert client not in repr(connection.settings)
    assert time.monotonic() - started < 5


def _read(peer: Any) -> None:
    peer.receive()


# -- providers -------------------------------------------------------------------------------


@pytest.mark.parametrize("later", [False, True])
def test_a_password_that_is_called_for(face: Face, later: bool) -> None:
    told: list[Any] = []

    def give(target: Any, user: str) -> str:
        told.append((target.host, target.port, user))
        return "hunter2"

    async def give_later(target: Any, user: str) -> str:
        return give(target, user)

    password: Any = give_later if later and face.name == "asyncio" else give
    scripts = [startup(), *Scram().whole(), until_closed()], [hello(), until_closed()]
    with Backend(*scripts) as server:
        assert face.connect(server.dsn, password=password).password_used
        assert told == [("127.0.0.1", str(server.port), "u")]
        # not called where nobody asks
        assert not face.connect(server.dsn, password=password).password_used
        assert len(told) == 1


def test_a_password_is_called_for_once_an_attempt(face: Face) -> None:
    given = iter(["old", "new"])
    starting = error("the database system is starting up", "57P03", "FATAL")
    scripts = (
        [startup(), cleartext("old", then=starting)],
        [startup(), cleartext("new"), until_closed()],
    )
    with Backend(*scripts) as server:
        dsn = f"host=127.0.0.1,127.0.0.1 port={server.port} user=u dbname=d sslmode=disable"
        face.connect(dsn, password=lambda _target, _user: next(given))
        assert len(server.peers) == 2


def test_what_a_provider_raises_is_the_callers(face: Face) -> None:
    class Locked(Exception):
        pass

    def give(_target: Any, _user: str) -> str:
        raise Locked

    with Backend([startup(), asks(3), until_closed()]) as server:
        with pytest.raises(Locked):
            face.connect(server.dsn, password=give)
        server.wait()


@pytest.mark.parametrize("given", ["a\0b", 7, "\ud800"])
def test_what_a_provider_must_not_give(face: Face, given: Any) -> None:
    server = Backend([startup(), asks(3), until_closed()])
    with server, pytest.raises(InterfaceError, match="a password must"):
        face.connect(server.dsn, password=lambda _target, _user: given)


class Ticket:
    """A context as python-gssapi's: one token each way."""

    def __init__(self) -> None:
        self.complete = False
        self.received: list[bytes | None] = []

    def step(self, token: bytes | None) -> bytes | None:
        self.received.append(token)
        self.complete = len(self.received) == 2
        return b"ticket" if token is None else None


@pytest.mark.parametrize(("code", "name"), [(7, "gss"), (9, "sspi")])
def test_the_hook_for_gssapi(face: Face, code: int, name: str) -> None:
    ticket = Ticket()
    told: list[Any] = []

    def gss(target: Any, method: str) -> Ticket:
        told.append((target.host, method))
        return ticket

    steps: list[Step] = [
        asks(code), expect_bytes(b"p\0\0\0\x0aticket"), asks(8, b"answer"), send(HELLO)
    ]  # fmt: skip
    with Backend([startup(), *steps, until_closed()]) as server:
        connection = face.connect(server.dsn, gss=gss, require_auth=name if code == 7 else None)
        assert not connection.password_used
    assert told == [("127.0.0.1", name)]
    assert ticket.received == [None, b"answer"]


def test_ok_before_the_context_is_made(face: Face) -> None:
    steps: list[Step] = [asks(7), expect_bytes(b"p\0\0\0\x0aticket"), send(HELLO)]
    text = refusal(face, *steps, gss=lambda _target, _method: Ticket())
    assert text == "server accepted authentication before the GSSAPI exchange was completed"
