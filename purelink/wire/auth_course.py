"""What authentication message may come when, and the words for one that comes out of turn.

Floor 1, pure data: the states of one authentication and the table of the requests that each of
them answers. Stricter than libpq, which answers a second request after the first, and believes an
AuthenticationOk in the middle of an exchange: the first request selects the method, then only its
own continuation may come, and Ok only at its end.

Source: the manual's "Message Flow"; libpq 18's pg_fe_sendauth (fe-auth.c), whose texts these are.
"""

from __future__ import annotations

from itertools import chain

from .codes import (
    AUTH_CLEARTEXT,
    AUTH_MD5,
    AUTH_OK,
    AUTH_SASL,
    AUTH_SASL_CONTINUE,
    AUTH_SASL_FINAL,
)
from .policy import AUTH_GSS, AUTH_GSS_CONTINUE, AUTH_SSPI

__all__ = [
    "COMPLETE",
    "COURSE",
    "FAILED",
    "FINISHED",
    "FIRST_SENT",
    "GSS_DONE",
    "GSS_OPEN",
    "LENGTHS",
    "LONGEST_BODY",
    "PASSWORD_SENT",
    "PROOF_SENT",
    "START",
    "TOKEN_REFUSED",
    "TOKEN_SENT",
    "VERIFIED",
    "out_of_turn",
]

#: Requests that nobody has answered for decades: the body's length, libpq's text.
_OBSOLETE = {
    1: (4, "Kerberos 4 authentication not supported"),
    2: (4, "Kerberos 5 authentication not supported"),
    4: (6, "Crypt authentication not supported"),
    6: (4, "authentication method 6 not supported"),
}
#: How long the body of a request is exactly, in bytes; requests not listed vary.
LENGTHS: dict[int, int] = {
    AUTH_OK: 4,
    AUTH_CLEARTEXT: 4,
    AUTH_MD5: 8,
    AUTH_GSS: 4,
    AUTH_SSPI: 4,
    **{code: length for code, (length, _) in _OBSOLETE.items()},
}

#: The longest body before Ok, in bytes: libpq's 2000, less the length word.
LONGEST_BODY = 1996

# Where an authentication stands.
START = "nothing came yet"
PASSWORD_SENT = "a password went out"  # noqa: S105
FIRST_SENT = "the client-first message went out"
PROOF_SENT = "the proof went out"
VERIFIED = "the server has proved itself"
TOKEN_SENT = "the OAuth token went out"  # noqa: S105
TOKEN_REFUSED = "the server refused the OAuth token"  # noqa: S105
GSS_OPEN = "GSSAPI tokens are going to and fro"
GSS_DONE = "the GSSAPI context is made"
COMPLETE = "Ok came"
FAILED = "refused"

#: What may come in each state: the request codes that are answered, or Ok believed.
COURSE: dict[str, tuple[int, ...]] = {
    START: (AUTH_OK, AUTH_CLEARTEXT, AUTH_MD5, AUTH_GSS, AUTH_SSPI, AUTH_SASL),
    PASSWORD_SENT: (AUTH_OK,),
    FIRST_SENT: (AUTH_SASL_CONTINUE,),
    PROOF_SENT: (AUTH_SASL_FINAL,),
    VERIFIED: (AUTH_OK,),
    TOKEN_SENT: (AUTH_OK, AUTH_SASL_CONTINUE),
    TOKEN_REFUSED: (),
    GSS_OPEN: (AUTH_GSS_CONTINUE,),
    GSS_DONE: (AUTH_OK,),
}
#: The states in which an exchange has been carried to its end: those that Ok may follow.
FINISHED = frozenset(
    state for state, codes in COURSE.items() if AUTH_OK in codes and state != START
)
_SASL_STATES = (FIRST_SENT, PROOF_SENT, VERIFIED, TOKEN_SENT, TOKEN_REFUSED)
_OTHER_STATES = (START, PASSWORD_SENT, GSS_OPEN, GSS_DONE)

_EARLY = "server accepted authentication before the {} exchange was completed"
_AFTER_ERROR = "server sent additional OAuth data after error"
#: The words for what comes out of turn; `_SECOND` for all the rest. libpq has none for Ok (it
#: believes it), for a server-final as SASLContinue and for a change of method.
_OUT_OF_TURN: dict[tuple[str, int], str] = {
    (FIRST_SENT, AUTH_OK): _EARLY.format("SCRAM"),
    (PROOF_SENT, AUTH_OK): _EARLY.format("SCRAM"),
    (GSS_OPEN, AUTH_OK): _EARLY.format("GSSAPI"),
    (TOKEN_REFUSED, AUTH_OK): "server accepted authentication after refusing the OAuth token",
    **{(state, AUTH_SASL): "duplicate SASL authentication request" for state in _SASL_STATES},
    **{
        (state, code): "fe_sendauth: invalid authentication request from server:"
        " AUTH_REQ_SASL_CONT without AUTH_REQ_SASL"
        for state in _OTHER_STATES
        for code in (AUTH_SASL_CONTINUE, AUTH_SASL_FINAL)
    },
    (FIRST_SENT, AUTH_SASL_FINAL): "AuthenticationSASLFinal received from server,"
    " but SASL authentication was not completed",
    (PROOF_SENT, AUTH_SASL_CONTINUE): "AuthenticationSASLContinue received from server,"
    " but AuthenticationSASLFinal was expected",
    (VERIFIED, AUTH_SASL_CONTINUE): "invalid SCRAM exchange state",
    (VERIFIED, AUTH_SASL_FINAL): "invalid SCRAM exchange state",
    (TOKEN_SENT, AUTH_SASL_FINAL): "server sent unexpected additional OAuth data",
    (TOKEN_REFUSED, AUTH_SASL_CONTINUE): _AFTER_ERROR,
    (TOKEN_REFUSED, AUTH_SASL_FINAL): _AFTER_ERROR,
    (START, AUTH_GSS_CONTINUE): "server sent GSSAPI data without a GSSAPI request",
    **{
        (state, code): f"duplicate {name} authentication request"
        for state in (GSS_OPEN, GSS_DONE)
        for code, name in ((AUTH_GSS, "GSS"), (AUTH_SSPI, "SSPI"))
    },
}
_SECOND = "server sent a second authentication request"
#: Every code that some state answers.
_KNOWN = frozenset(chain.from_iterable(COURSE.values()))


def out_of_turn(state: str, code: int) -> str:
    """Return the words for a request (or Ok) that is not in the course of this state."""
    if code in _OBSOLETE:
        return _OBSOLETE[code][1]
    if code not in _KNOWN:
        return f"authentication method {code} not supported"
    return _OUT_OF_TURN.get((state, code), _SECOND)
