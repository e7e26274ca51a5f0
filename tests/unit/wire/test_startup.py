"""The TLS question, version negotiation and authentication, from lists of bytes."""

from __future__ import annotations

from typing import Any

import pytest

from purelink.errors import (
    AuthenticationError,
    ConnectionLost,
    InterfaceError,
    RemoteProtocolError,
)
from purelink.testing.bytes import (
    AUTH_OK,
    FATAL,
    HELLO,
    KEY,
    NOTICE,
    READY,
    STATUS,
    complete,
    error,
)
from purelink.testing.transcript import Transcript, drive
from purelink.wire import backend, codes
from purelink.wire.auth import Authentication
from purelink.wire.frontend import StartupMessage
from purelink.wire.session import CLOSED_UNEXPECTEDLY, Session
from purelink.wire.startup import Refused, ask_tls, bounded, startup
from purelink.wire.wants import Close, Dialogue, Exchange, Limit

CLEARTEXT = backend.Authentication(codes.AUTH_CLEARTEXT).encode()
PAIRS = [(b"user", b"u"), (b"database", b"d")]
PACKET = StartupMessage(codes.PROTOCOL_3_0, PAIRS).encode()


def begun(
    *pieces: bytes,
    bytewise: bool = False,
    version: int = codes.PROTOCOL_3_0,
    password: Any = b"secret",
    **options: Any,
) -> tuple[Session, bytes]:
    session = Session()
    exam = Authentication(user=b"u", password=password, nonce=b"n" * 18)
    message = StartupMessage(version, PAIRS)
    _, written = drive(startup(session, message, exam, **options), *pieces, bytewise=bytewise)
    return session, written


def failed(*pieces: bytes, **options: Any) -> str:
    with pytest.raises((RemoteProtocolError, AuthenticationError, ConnectionLost)) as refusal:
        begun(*pieces, **options)
    return str(refusal.value)


# -- the TLS question ------------------------------------------------------------------------


@pytest.mark.parametrize(("reply", "willing"), [(b"S", True), (b"N", False)])
def test_ask_tls(reply: bytes, willing: bool) -> None:
    assert drive(ask_tls(), reply) == (willing, bytes.fromhex("0000000804d2162f"))


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        (b"EFATAL evil text\0", "server sent an error response during SSL exchange"),
        (b"X", "received invalid response to SSL negotiation: X"),
        (b"S" + HELLO, "received unencrypted data after SSL response"),
        (b"N" + HELLO, "received unencrypted data after SSL response"),
    ],
)
def test_checks_147_to_151_bad_answers_to_the_question(reply: bytes, text: str) -> None:
    with pytest.raises(RemoteProtocolError) as refusal:
        drive(ask_tls(), reply)
    assert str(refusal.value) == text


def test_closed_instead_of_an_answer() -> None:
    with pytest.raises(ConnectionLost) as loss:
        drive(ask_tls())
    assert str(loss.value) == CLOSED_UNEXPECTEDLY


# -- the start -------------------------------------------------------------------------------


@pytest.mark.parametrize("bytewise", [False, True])
def test_check_001_the_first_bytes(bytewise: bool) -> None:
    session, written = begun(HELLO, bytewise=bytewise)
    assert written == bytes.fromhex(
        "0000001b 00030000 75736572 00 75 00 6461746162617365 00 64 00 00"
    )
    assert session.idle
    assert (session.transaction_status, session.pid, session.key) == ("I", 1234, b"\0\0\x16\x2e")
    assert session.parameters == {
        "server_version": "15.18",
        "client_encoding": "UTF8",
        "standard_conforming_strings": "on",
    }


@pytest.mark.parametrize("bytewise", [False, True])
def test_a_password_is_asked_for(bytewise: bool) -> None:
    session, written = begun(CLEARTEXT, HELLO, bytewise=bytewise)
    assert written == PACKET + b"p\0\0\0\x0bsecret\0"
    assert session.idle


def test_a_server_that_speaks_ahead_is_answered_all_the_same() -> None:
    _, written = begun(CLEARTEXT + HELLO)
    assert written == PACKET + b"p\0\0\0\x0bsecret\0"


def test_check_015_notices_are_delivered() -> None:
    heard: list[str] = []
    session, _ = begun(
        AUTH_OK + NOTICE, STATUS + KEY + READY, deliver=lambda: heard.append("something")
    )
    assert heard == ["something"]
    assert len(session.notices) == 1


def test_check_018_no_key() -> None:
    session, _ = begun(AUTH_OK + READY)
    assert (session.pid, session.key) == (None, None)


@pytest.mark.parametrize("letter", list("NSZH"))
def test_checks_005_to_007_something_else_first(letter: str) -> None:
    text = f"expected authentication request from server, but received {letter}"
    assert failed(letter.encode() + b"TTP/1.1 400 Bad Request\r\n\r\n") == text


@pytest.mark.parametrize("length", [b"\0\0\0\x07", b"\0\0\x07\xd1"])
def test_check_008_request_out_of_bounds(length: bytes) -> None:
    assert failed(b"R" + length) == "received invalid authentication request"


def test_check_009_an_error_of_before_protocol_3() -> None:
    with pytest.raises(Refused) as refused:
        begun(b"EFATAL:  unsupported frontend protocol\n\0")
    assert refused.value.diagnostics.message_primary == "unsupported frontend protocol"
    assert not refused.value.authenticated


def test_check_010_an_endless_error() -> None:
    endless = [b"E\x7f\xff\xff\xff", *[b"x" * 1000] * 60]
    with pytest.raises(RemoteProtocolError, match="received invalid error message"):
        begun(*endless)


def test_check_011_closed_at_once() -> None:
    assert failed() == CLOSED_UNEXPECTEDLY
    assert failed(AUTH_OK) == CLOSED_UNEXPECTEDLY


def test_check_016_refused_before_authentication() -> None:
    with pytest.raises(Refused) as refused:
        begun(error("no entry in pg_hba.conf", "28000", "FATAL"))
    assert refused.value.diagnostics.sqlstate == "28000"
    assert not refused.value.authenticated


def test_check_017_refused_after_authentication() -> None:
    with pytest.raises(Refused) as refused:
        begun(AUTH_OK + error("no such database", "3D000", "FATAL"))
    assert refused.value.diagnostics.sqlstate == "3D000"
    assert refused.value.authenticated


def test_a_request_after_the_last() -> None:
    assert "unexpected response from server" in failed(AUTH_OK + CLEARTEXT)
    assert failed(AUTH_OK + complete("X")) == "unexpected message from server during startup"


def test_nothing_is_sent_that_cannot_be() -> None:
    session = Session()
    exam = Authentication(user=b"u", password=None, nonce=b"")
    dialogue = startup(session, StartupMessage(codes.PROTOCOL_3_0, [(b"user", b"u\0")]), exam)
    transcript = Transcript([HELLO])
    with pytest.raises(InterfaceError):
        transcript.run(dialogue)
    assert transcript.wants == []


# -- versions --------------------------------------------------------------------------------


def v(version: int, *names: bytes, count: int | None = None, tail: bytes = b"") -> bytes:
    body = version.to_bytes(4, "big")
    body += (len(names) if count is None else count).to_bytes(4, "big", signed=True)
    return backend.message(b"v", body + b"".join(name + b"\0" for name in names) + tail)


def test_checks_023_and_024_versions() -> None:
    assert begun(HELLO)[0].protocol == codes.PROTOCOL_3_0
    session, written = begun(v(codes.PROTOCOL_3_0), HELLO, version=codes.PROTOCOL_3_2)
    assert session.protocol == codes.PROTOCOL_3_0
    assert written[4:8] == b"\0\x03\0\x02"
    long = AUTH_OK + backend.BackendKeyData(7, b"k" * 32).encode() + READY
    assert begun(long, version=codes.PROTOCOL_3_2)[0].protocol == codes.PROTOCOL_3_2


TOO_OLD = 'server only supports protocol version 3.0, but "min_protocol_version" was set to 3.2'


def test_check_025_too_old() -> None:
    options = {"version": codes.PROTOCOL_3_2, "minimum": codes.PROTOCOL_3_2}
    assert failed(v(codes.PROTOCOL_3_0), HELLO, **options) == TOO_OLD
    # A server that claims nothing is believed to speak what it was asked for; one that was asked
    # for less than the minimum has not a word to say about it.
    low = {"version": codes.PROTOCOL_3_0, "minimum": codes.PROTOCOL_3_2}
    assert failed(HELLO, **low) == TOO_OLD


INVALID = "received invalid protocol negotiation message: "


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (v(0x30003), "server requested downgrade to a higher-numbered version"),
        (v(0x20000), "server requested downgrade to pre-3.0 protocol version"),
        (v(0x30001), "server requested downgrade to non-existent 3.1 protocol version"),
        (v(0x30002), "server negotiated but asks for no changes"),
        (v(0x30000, count=-1), "server reported negative number of unsupported parameters"),
        (
            v(0x30000, b"foo"),
            'server reported unsupported parameter name without a "_pq_." prefix ("foo")',
        ),
        (
            v(0x30000, b"_pq_.foo"),
            'server reported an unsupported parameter that was not requested ("_pq_.foo")',
        ),
        (v(0x30000, count=1), "message too short"),
        (v(0x30000, count=2**31 - 1, tail=b"x"), "message too short"),
        (v(0x30000, tail=b"x"), "message too long"),
        (backend.message(b"v", b"\0\3\0\0"), "message too short"),
    ],
)
def test_checks_027_to_032_negotiation(message: bytes, text: str) -> None:
    assert failed(message, HELLO, version=codes.PROTOCOL_3_2) == INVALID + text


def test_check_031_negotiating_twice() -> None:
    once = v(codes.PROTOCOL_3_0)
    text = "received duplicate protocol negotiation message"
    assert failed(once, once, version=codes.PROTOCOL_3_2) == text
    text = "expected authentication request from server, but received v"
    assert failed(CLEARTEXT, once, version=codes.PROTOCOL_3_2) == text


# -- limits ----------------------------------------------------------------------------------


def test_bounded_puts_its_limit_on_wants_that_bear_none() -> None:
    own = Limit(1.0)

    def dialogue() -> Dialogue[str]:
        try:
            yield Exchange(b"", limit=own)
        except OSError:
            return str((yield Close()))
        raise AssertionError

    shared = Limit(2.0)
    outer = bounded(dialogue(), shared)
    assert next(outer).limit is own
    assert outer.throw(OSError()).limit is shared
    with pytest.raises(StopIteration) as stop:
        outer.send("result")
    assert stop.value.value == "result"


def test_bounded_is_abandoned_with_what_it_bounds() -> None:
    seen: list[str] = []

    def dialogue() -> Dialogue[None]:
        try:
            yield Close()
        finally:
            seen.append("closed")

    outer = bounded(dialogue(), None)
    next(outer)
    outer.close()
    assert seen == ["closed"]


def test_check_060_last_words_before_the_end() -> None:
    with pytest.raises(Refused):
        begun(AUTH_OK + FATAL)
