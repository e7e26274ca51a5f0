"""The table of what may come when: every state with every code, and the words out of turn."""

from __future__ import annotations

import pytest

from purelink.wire import auth_course as course
from purelink.wire.auth_course import out_of_turn

#: state -> what it answers; a second telling of the table, as the protocol's manual has it
MAY_COME = {
    course.START: {0, 3, 5, 7, 9, 10},
    course.PASSWORD_SENT: {0},
    course.FIRST_SENT: {11},
    course.PROOF_SENT: {12},
    course.VERIFIED: {0},
    course.TOKEN_SENT: {0, 11},
    course.TOKEN_REFUSED: set(),
    course.GSS_OPEN: {8},
    course.GSS_DONE: {0},
}
SASL = (
    course.FIRST_SENT,
    course.PROOF_SENT,
    course.VERIFIED,
    course.TOKEN_SENT,
    course.TOKEN_REFUSED,
)
WITHOUT = (
    "fe_sendauth: invalid authentication request from server: AUTH_REQ_SASL_CONT without"
    " AUTH_REQ_SASL"
)
SECOND = "server sent a second authentication request"


def test_course() -> None:
    assert {state: set(codes) for state, codes in course.COURSE.items()} == MAY_COME


def test_ok_may_end_only_a_finished_exchange() -> None:
    assert {
        course.PASSWORD_SENT,
        course.VERIFIED,
        course.TOKEN_SENT,
        course.GSS_DONE,
    } == course.FINISHED


@pytest.mark.parametrize("state", MAY_COME)
@pytest.mark.parametrize(
    ("code", "text"),
    [
        (1, "Kerberos 4 authentication not supported"),
        (2, "Kerberos 5 authentication not supported"),
        (4, "Crypt authentication not supported"),
        (6, "authentication method 6 not supported"),
        (13, "authentication method 13 not supported"),
        (99, "authentication method 99 not supported"),
        (4294967295, "authentication method 4294967295 not supported"),
    ],
)
def test_what_nobody_answers(state: str, code: int, text: str) -> None:
    assert out_of_turn(state, code) == text


@pytest.mark.parametrize("state", SASL)
def test_sasl_twice(state: str) -> None:
    assert out_of_turn(state, 10) == "duplicate SASL authentication request"
    assert out_of_turn(state, 3) == out_of_turn(state, 5) == SECOND


@pytest.mark.parametrize("state", sorted(set(MAY_COME) - set(SASL)))
def test_sasl_continued_that_never_began(state: str) -> None:
    assert out_of_turn(state, 11) == out_of_turn(state, 12) == WITHOUT


@pytest.mark.parametrize("state", sorted(set(MAY_COME) - {course.START}))
@pytest.mark.parametrize("code", [3, 5, 7, 9, 10])
def test_a_second_request_has_words_of_its_own_or_the_common_ones(state: str, code: int) -> None:
    assert out_of_turn(state, code) in {
        SECOND,
        "duplicate SASL authentication request",
        "duplicate GSS authentication request",
        "duplicate SSPI authentication request",
    }


@pytest.mark.parametrize(
    ("state", "code", "text"),
    [
        (
            course.FIRST_SENT,
            0,
            "server accepted authentication before the SCRAM exchange was completed",
        ),
        (
            course.PROOF_SENT,
            0,
            "server accepted authentication before the SCRAM exchange was completed",
        ),
        (
            course.GSS_OPEN,
            0,
            "server accepted authentication before the GSSAPI exchange was completed",
        ),
        (
            course.TOKEN_REFUSED,
            0,
            "server accepted authentication after refusing the OAuth token",
        ),
        (
            course.FIRST_SENT,
            12,
            (
                "AuthenticationSASLFinal received from server, but SASL authentication was not"
                " completed"
            ),
        ),
        (
            course.PROOF_SENT,
            11,
            (
                "AuthenticationSASLContinue received from server, but AuthenticationSASLFinal was"
                " expected"
            ),
        ),
        (course.VERIFIED, 11, "invalid SCRAM exchange state"),
        (course.VERIFIED, 12, "invalid SCRAM exchange state"),
        (course.TOKEN_SENT, 12, "server sent unexpected additional OAuth data"),
        (course.TOKEN_REFUSED, 11, "server sent additional OAuth data after error"),
        (course.TOKEN_REFUSED, 12, "server sent additional OAuth data after error"),
        (course.START, 8, "server sent GSSAPI data without a GSSAPI request"),
        (course.GSS_OPEN, 7, "duplicate GSS authentication request"),
        (course.GSS_DONE, 9, "duplicate SSPI authentication request"),
        (course.GSS_DONE, 8, SECOND),
        (course.PASSWORD_SENT, 10, SECOND),
        (course.VERIFIED, 3, SECOND),
    ],
)
def test_words(state: str, code: int, text: str) -> None:
    assert out_of_turn(state, code) == text
