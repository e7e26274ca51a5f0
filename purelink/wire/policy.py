"""Which ways of authentication the user allows: `require_auth` and `channel_binding`.

Floor 1, pure. A policy is asked before anything is answered, and again before AuthenticationOk is
believed; it refuses with libpq's words. It knows nothing of messages or exchanges.

Source: libpq 18's check_expected_areq and pg_SASL_init (fe-auth.c), and the parsing of
require_auth in pqConnectOptions2 (fe-connect.c).
"""

from __future__ import annotations

from ..errors import AuthenticationError, ConninfoError
from .codes import (
    AUTH_CLEARTEXT,
    AUTH_MD5,
    AUTH_SASL,
    AUTH_SASL_CONTINUE,
    AUTH_SASL_FINAL,
)

__all__ = [
    "AUTH_GSS",
    "AUTH_GSS_CONTINUE",
    "AUTH_SSPI",
    "OAUTHBEARER",
    "SCRAM",
    "SCRAM_PLUS",
    "Policy",
]

AUTH_GSS = 7
AUTH_GSS_CONTINUE = 8
AUTH_SSPI = 9

SCRAM = "SCRAM-SHA-256"
SCRAM_PLUS = "SCRAM-SHA-256-PLUS"
OAUTHBEARER = "OAUTHBEARER"

_SASL = frozenset({AUTH_SASL, AUTH_SASL_CONTINUE, AUTH_SASL_FINAL})

#: The request codes that each method of require_auth stands for. GSS continues SSPI too.
_REQUESTS: dict[str, frozenset[int]] = {
    "password": frozenset({AUTH_CLEARTEXT}),
    "md5": frozenset({AUTH_MD5}),
    "gss": frozenset({AUTH_GSS, AUTH_GSS_CONTINUE}),
    "sspi": frozenset({AUTH_SSPI, AUTH_GSS_CONTINUE}),
}
#: The SASL mechanisms that a method stands for.
_MECHANISMS: dict[str, frozenset[str]] = {
    "scram-sha-256": frozenset({SCRAM, SCRAM_PLUS}),
    "oauth": frozenset({OAUTHBEARER}),
}
_NONE = "none"

#: What the server did, in libpq's words (auth_method_description).
_DESCRIPTION: dict[int, str] = {
    AUTH_CLEARTEXT: "server requested a cleartext password",
    AUTH_MD5: "server requested a hashed password",
    AUTH_GSS: "server requested GSSAPI authentication",
    AUTH_GSS_CONTINUE: "server requested GSSAPI authentication",
    AUTH_SSPI: "server requested SSPI authentication",
    AUTH_SASL: "server requested SASL authentication",
    AUTH_SASL_CONTINUE: "server requested SASL authentication",
    AUTH_SASL_FINAL: "server requested SASL authentication",
}


class Policy:
    """What the user demands of an authentication.

    Args:
        require_auth: the option as given ("scram-sha-256,none", "!password" …); None: anything
            goes. The conninfo floor has checked its spelling; what it cannot have let through
            is refused here too, never ignored.
        channel_binding: "disable", "prefer" or "require".

    Attributes:
        binding_allowed: channel binding may be used.
        binding_required: nothing but SCRAM-SHA-256-PLUS will do.

    Raises:
        ConninfoError: an unknown word, or negated and plain methods mixed.
    """

    __slots__ = (
        "_mechanisms",
        "_must_authenticate",
        "_requests",
        "_text",
        "binding_allowed",
        "binding_required",
    )

    def __init__(self, require_auth: str | None = None, channel_binding: str = "prefer") -> None:
        if channel_binding not in ("disable", "prefer", "require"):
            raise ConninfoError(
                f'invalid channel_binding value: "{channel_binding}"', keyword="channel_binding"
            )
        self.binding_allowed = channel_binding != "disable"
        self.binding_required = channel_binding == "require"
        self._text = require_auth
        self._requests: frozenset[int] = frozenset()
        self._mechanisms: frozenset[str] = frozenset()
        self._must_authenticate = False
        # An empty list is libpq's quirk: no request is allowed, an unasked-for Ok is.
        if require_auth:
            self._read(require_auth)

    def _read(self, text: str) -> None:
        words = text.split(",")
        negated = words[0].startswith("!")
        listed = {word[negated:] for word in words}
        for word in words:
            if word.startswith("!") != negated or word[negated:] not in {
                *_REQUESTS,
                *_MECHANISMS,
                _NONE,
            }:
                raise ConninfoError(f'invalid require_auth value: "{word}"', keyword="require_auth")
        requests = frozenset[int]().union(*(_REQUESTS.get(word, ()) for word in listed))
        mechanisms = frozenset[str]().union(*(_MECHANISMS.get(word, ()) for word in listed))
        if negated:
            requests = frozenset(_DESCRIPTION) - _SASL - requests
            mechanisms = frozenset[str]().union(*_MECHANISMS.values()) - mechanisms
        self._requests = requests | _SASL if mechanisms else requests
        self._mechanisms = mechanisms
        # "none" asks for no authentication, "!none" forbids to go without.
        self._must_authenticate = (_NONE in listed) == negated

    def check_request(self, code: int) -> None:
        """Refuse a request (any code but 0) that may not be answered.

        Raises:
            AuthenticationError: with libpq's text; nothing may be sent any more.
        """
        if self._text is not None and code not in self._requests:
            raise self._unmet(
                _DESCRIPTION.get(code, "server requested an unknown authentication type")
            )
        if self.binding_required and code not in _SASL:
            # Before the password is looked at: this server must not learn it.
            raise AuthenticationError(
                "channel binding required but not supported by server's authentication request"
            )

    def check_mechanism(self, mechanism: str) -> None:
        """Refuse a SASL mechanism that was chosen from the server's list.

        Raises:
            AuthenticationError: with libpq's text.
        """
        if self._text is not None and mechanism not in self._mechanisms:
            raise self._unmet(f"server requested {mechanism} authentication")
        if self.binding_required and mechanism != SCRAM_PLUS:
            raise AuthenticationError(
                "channel binding is required, but server did not offer an authentication"
                " method that supports channel binding"
            )

    def check_ok(self, *, finished: bool, bound: bool) -> None:
        """Refuse an AuthenticationOk that came without what the user demands.

        Args:
            finished: an exchange was carried to its end.
            bound: the server has proved itself with channel binding.

        Raises:
            AuthenticationError: with libpq's text.
        """
        if self._must_authenticate and not finished:
            raise self._unmet("server did not complete authentication")
        if self.binding_required and not bound:
            raise AuthenticationError(
                "channel binding required, but server authenticated client without channel binding"
            )

    def _unmet(self, reason: str) -> AuthenticationError:
        return AuthenticationError(
            f'authentication method requirement "{self._text}" failed: {reason}'
        )
