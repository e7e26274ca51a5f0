"""`wire.trace`: literal bytes in, lines out; every message of both directions, in both modes."""

from __future__ import annotations

import struct

import pytest

from purelink.wire import backend, frontend
from purelink.wire.trace import BACKEND, FRONTEND, answer, line, request


def i(*numbers: int) -> bytes:
    return b"".join(struct.pack("!i", number) for number in numbers)


def h(*numbers: int) -> bytes:
    return b"".join(struct.pack("!H", number) for number in numbers)


#: tag, body, line; with a fourth: the line in regress mode
FROM_US = [
    (
        "B",
        b"p\0s\0" + h(1, 1) + h(2) + i(-1) + i(3) + b"a\n'" + h(1, 0),
        b'29\tBind\t "p" "s" 1 1 2 -1 3 \'a\\x0a\'\' 1 0',
    ),
    ("B", b"\0\0" + h(0, 0, 0), b'12\tBind\t "" "" 0 0 0'),
    ("C", b"Sname\0", b'10\tClose\t S "name"'),
    ("D", b"P\0", b'6\tDescribe\t P ""'),
    ("E", b"p\0" + i(10), b'10\tExecute\t "p" 10'),
    (
        "F",
        i(2308) + h(1, 1, 2) + i(-1, 1) + b"x" + h(1),
        b"25\tFunctionCall\t 2308 1 1 2 -1 1 'x' 1",
        b"25\tFunctionCall\t NNNN 1 1 2 -1 1 'x' 1",
    ),
    ("H", b"", b"4\tFlush"),
    (
        "P",
        b"s\0select $1\0" + h(1) + i(23),
        b'22\tParse\t "s" "select $1" 1 23',
        b'22\tParse\t "s" "select $1" 1 NNNN',
    ),
    ("Q", b"select '\xc3\xa4\n'\0", b"17\tQuery\t \"select '\xc3\xa4\n'\""),
    ("S", b"", b"4\tSync"),
    ("X", b"", b"4\tTerminate"),
    ("c", b"", b"4\tCopyDone"),
    ("d", b"1\tx\n\xff", b"9\tCopyData\t '1\\x09x\\x0a\\xff'", b"9\tCopyData\t 'BBBB'"),
    ("f", b"no\0", b'7\tCopyFail\t "no"'),
]

FROM_SERVER = [
    ("1", b"", b"4\tParseComplete"),
    ("2", b"", b"4\tBindComplete"),
    ("3", b"", b"4\tCloseComplete"),
    (
        "A",
        i(7) + b"ch\0pay\0",
        b'15\tNotificationResponse\t 7 "ch" "pay"',
        b'15\tNotificationResponse\t NNNN "ch" "pay"',
    ),
    ("C", b"SELECT 1\0", b'13\tCommandComplete\t "SELECT 1"'),
    ("D", h(3) + i(1) + b"x" + i(-1) + i(0), b"19\tDataRow\t 3 1 'x' -1 0 ''"),
    (
        "E",
        b"SERROR\0F/x.c\0L12\0Rf\0Mno\0\0",
        b'29\tErrorResponse\t S "ERROR" F "/x.c" L "12" R "f" M "no" \\x00',
        b'NN\tErrorResponse\t S "ERROR" F "SSSS" L "SSSS" R "SSSS" M "no" \\x00',
    ),
    ("G", b"\0" + h(2, 0, 0), b"11\tCopyInResponse\t \\x00 2 0 0"),
    ("H", b"\1" + h(1, 1), b"9\tCopyOutResponse\t \\x01 1 1"),
    ("I", b"", b"4\tEmptyQueryResponse"),
    ("K", i(7) + b"keys", b"12\tBackendKeyData\t 7 '***'", b"12\tBackendKeyData\t NNNN 'BBBB'"),
    ("K", i(-7) + b"k" * 32, b"40\tBackendKeyData\t -7 '***'", b"40\tBackendKeyData\t NNNN 'BBBB'"),
    (
        "N",
        b"Mhi\0L1\0\0",
        b'12\tNoticeResponse\t M "hi" L "1" \\x00',
        b'NN\tNoticeResponse\t M "hi" L "SSSS" \\x00',
    ),
    ("R", i(0), b"8\tAuthenticationOk"),
    ("R", i(3), b"8\tAuthenticationCleartextPassword"),
    (
        "R",
        i(5) + b"salt",
        b"12\tAuthenticationMD5Password\nmismatched message length: consumed 8, expected 12",
    ),
    ("R", i(7), b"8\tAuthenticationGSS"),
    (
        "R",
        i(8) + b"tok",
        b"11\tAuthenticationGSSContinue\t '***'",
        b"11\tAuthenticationGSSContinue\t 'BBBB'",
    ),
    ("R", i(9), b"8\tAuthenticationSSPI"),
    ("R", i(10) + b"A\0B\0\0", b'13\tAuthenticationSASL\t "A" "B" ""'),
    (
        "R",
        i(11) + b"r=x",
        b"11\tAuthenticationSASLContinue\t '***'",
        b"11\tAuthenticationSASLContinue\t 'BBBB'",
    ),
    (
        "R",
        i(12) + b"v=x",
        b"11\tAuthenticationSASLFinal\t '***'",
        b"11\tAuthenticationSASLFinal\t 'BBBB'",
    ),
    ("R", i(99), b"8\tUnknown authentication message 99"),
    ("S", b"a\0b\0", b'8\tParameterStatus\t "a" "b"'),
    (
        "T",
        h(1) + b"c\0" + i(1259) + h(2) + i(25) + h(65535) + i(-1) + h(0),
        b'26\tRowDescription\t 1 "c" 1259 2 25 65535 -1 0',
        b'26\tRowDescription\t 1 "c" NNNN 2 NNNN 65535 -1 0',
    ),
    ("V", i(2) + b"ab", b"10\tFunctionCallResponse\t 2 'ab'"),
    ("V", i(-1), b"8\tFunctionCallResponse\t -1"),
    ("W", b"\0" + h(2, 0, 1), b"11\tCopyBothResponse\t \\x00 2 0 1"),
    ("Z", b"I", b"5\tReadyForQuery\t I"),
    ("c", b"", b"4\tCopyDone"),
    ("d", b"x", b"5\tCopyData\t 'x'", b"5\tCopyData\t 'BBBB'"),
    ("n", b"", b"4\tNoData"),
    ("s", b"", b"4\tPortalSuspended"),
    (
        "t",
        h(2) + i(23, 25),
        b"14\tParameterDescription\t 2 23 25",
        b"14\tParameterDescription\t 2 NNNN NNNN",
    ),
    ("v", i(0x30000, 0), b"12\tNegotiateProtocolVersion\t 196608 0"),
    (
        "v",
        i(0x30000, 1) + b"_pq_.x\0",
        (
            b"19\tNegotiateProtocolVersion\t 196608 1\n"
            b"mismatched message length: consumed 12, expected 19"
        ),
    ),
]


@pytest.mark.parametrize("case", FROM_US, ids=lambda case: case[2][:30])
def test_what_we_say(case: tuple[str, bytes, bytes]) -> None:
    tag, body, *wanted = case
    for regress in (False, True):
        got = line(ord(tag), body, frontend=True, regress=regress)
        assert got == b"F\t" + wanted[-1 if regress else 0] + b"\n"


@pytest.mark.parametrize("case", FROM_SERVER, ids=lambda case: case[2][:30])
def test_what_the_server_says(case: tuple[str, bytes, bytes]) -> None:
    tag, body, *wanted = case
    for regress in (False, True):
        got = line(ord(tag), body, frontend=False, regress=regress)
        assert got == b"B\t" + wanted[-1 if regress else 0] + b"\n"


def test_no_message_is_left_out() -> None:
    said = {ord(tag) for tag, *_ in FROM_US}
    heard = {ord(tag) for tag, *_ in FROM_SERVER}
    assert set(FRONTEND) == said
    assert set(BACKEND) | {ord("R")} == heard
    # the codec knows no more than the trace
    assert set(backend.MESSAGES) == heard
    assert set(frontend.MESSAGES) <= said | {ord("p")}


SASL = b"SCRAM-SHA-256\0" + i(3) + b"n,,"

ANSWERS = [
    (3, b"secret\0", b'NN\tPasswordMessage\t "***"', None),
    (5, b"md5abc\0", b'NN\tPasswordMessage\t "***"', None),
    (7, b"tok", b"7\tGSSResponse\t '***'", b"7\tGSSResponse\t 'BBBB'"),
    (8, b"tok", b"7\tGSSResponse\t '***'", b"7\tGSSResponse\t 'BBBB'"),
    (9, b"tok", b"7\tGSSResponse\t '***'", b"7\tGSSResponse\t 'BBBB'"),
    (
        10,
        SASL,
        b"25\tSASLInitialResponse\t \"SCRAM-SHA-256\" 3 '***'",
        b"25\tSASLInitialResponse\t \"SCRAM-SHA-256\" 3 'BBBB'",
    ),
    (10, b"X\0" + i(-1), b'10\tSASLInitialResponse\t "X" -1', None),
    (11, b"c=,r=,p=", b"12\tSASLResponse\t '***'", b"12\tSASLResponse\t 'BBBB'"),
]


@pytest.mark.parametrize(("asked", "body", "wanted", "regress"), ANSWERS)
def test_secrets_are_masked(asked: int, body: bytes, wanted: bytes, regress: bytes | None) -> None:
    assert line(ord("p"), body, frontend=True, asked=asked) == b"F\t" + wanted + b"\n"
    got = line(ord("p"), body, frontend=True, asked=asked, regress=True)
    assert got == b"F\t" + (regress or wanted) + b"\n"


@pytest.mark.parametrize("asked", [None, 0, 12, 99])
def test_an_answer_to_nothing_shows_no_byte(asked: int | None) -> None:
    got = line(ord("p"), b"secret\0", frontend=True, asked=asked)
    assert got == (
        b"F\t11\tUnknownAuthenticationResponse\n"
        b"mismatched message length: consumed 4, expected 11\n"
    )


def test_unknown_messages() -> None:
    assert line(ord("?"), b"", frontend=True) == b"F\t4\tUnknown message: 3f\n"
    assert line(0xE9, b"ab", frontend=False) == (
        b"B\t6\tUnknown message: e9\nmismatched message length: consumed 4, expected 6\n"
    )
    # from the other side, they are no message
    assert line(ord("Q"), b"", frontend=False) == b"B\t4\tUnknown message: 51\n"
    assert line(ord("Z"), b"", frontend=True) == b"F\t4\tUnknown message: 5a\n"


SHORT = [
    ("D", h(2) + i(1) + b"x", b"11\tDataRow\t 2 1 'x'", 15),
    ("D", h(2) + i(9) + b"x", b"11\tDataRow\t 2 9", 19),
    ("D", h(1) + i(-2) + b"x", b"11\tDataRow\t 1 -2", 8),
    ("D", b"\0", b"5\tDataRow\t", 6),
    ("C", b"SEL", b"7\tCommandComplete\t", 8),
    ("Z", b"", b"4\tReadyForQuery\t", 5),
    ("K", b"\0\0", b"6\tBackendKeyData\t", 8),
    ("E", b"Sx\0", b'7\tErrorResponse\t S "x"', 8),
    ("T", h(65535), b"6\tRowDescription\t 65535", 7),
    ("R", b"\0", b"5\tUnknown message: 52", 4),
    ("W", b"\0\0", b"6\tCopyBothResponse\t \\x00", 7),
]


@pytest.mark.parametrize(("tag", "body", "wanted", "consumed"), SHORT)
def test_nothing_is_read_past_the_end(tag: str, body: bytes, wanted: bytes, consumed: int) -> None:
    told = b"mismatched message length: consumed %d, expected %d\n" % (consumed, len(body) + 4)
    assert line(ord(tag), body, frontend=False) == b"B\t" + wanted + b"\n" + told


def test_what_is_left_over_is_told() -> None:
    assert line(ord("Z"), b"IX", frontend=False) == (
        b"B\t6\tReadyForQuery\t I\nmismatched message length: consumed 5, expected 6\n"
    )


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        (i(80877103), b"8\tSSLRequest\t 1234 5679"),
        (i(80877104), b"8\tGSSENCRequest\t 1234 5680"),
        (i(80877102, 7) + b"keys", b"16\tCancelRequest\t 1234 5678 7 '***'"),
        (i(80877102, 7) + b"k" * 32, b"44\tCancelRequest\t 1234 5678 7 '***'"),
        (i(80877102), b"8\tCancelRequest\t 1234 5678"),
        (i(0x30002) + b"user\0u\0a\0\0\0", b'19\tStartupMessage\t 3 2 "user" "u" "a" ""'),
        (i(0x30000) + b"\0", b"9\tStartupMessage\t 3 0"),
        (i(0x30000) + b"user", b"12\tStartupMessage\t 3 0"),
        (i(0x30000), b"8\tStartupMessage\t 3 0"),
        (b"\0\0\0", b"7\tUnknown message"),
    ],
)
def test_messages_without_a_tag(body: bytes, wanted: bytes) -> None:
    assert request(body) == b"F\t" + wanted + b"\n"


def test_a_cancel_request_in_regress_mode() -> None:
    got = request(i(80877102, 7) + b"keys", regress=True)
    assert got == b"F\t16\tCancelRequest\t 1234 5678 NNNN 'BBBB'\n"


def test_one_byte_answers() -> None:
    assert answer("SSLResponse", ord("S")) == b"B\t1\tSSLResponse\t S\n"
    assert answer("GSSENCResponse", 0) == b"B\t1\tGSSENCResponse\t \\x00\n"
