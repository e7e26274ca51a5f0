"""OAUTHBEARER with a token that the caller has: one message out, and the server's refusal read.

Floor 1, pure. purelink fetches no token: no browser, no HTTP, no discovery connection. A token
goes out only in the shape that RFC 6750 gives it, since a 0x01 or a line end in it would add
headers to the message. Whether the transport may carry it is decided in `auth.py`. `json` is
imported only when a server has refused.

Source: RFC 7628; libpq 18's fe-auth-oauth.c, whose texts these are.
"""

from __future__ import annotations

import re
from typing import Any, Dict

from ..errors import AuthenticationError
from .scram import printable

__all__ = ["ACKNOWLEDGEMENT", "check_status", "failure", "initial_response", "issuer_of"]

#: What a client answers to the server's failure document; an ErrorResponse follows it.
ACKNOWLEDGEMENT = b"\x01"
_TOKEN = re.compile(rb"[A-Za-z0-9._~+/-]+=*")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
#: Objects and arrays within each other, at most. libpq's MAX_SASL_NESTING_LEVEL.
_NESTING = 8
_FIELDS = ("status", "scope", "openid-configuration")


def initial_response(token: bytes) -> bytes:
    """Return the client's initial response.

    Args:
        token: the bearer token, without "Bearer ".

    Raises:
        AuthenticationError: not of RFC 6750's alphabet; the text does not show it.

    Source: RFC 7628 section 3.1; RFC 6750 section 2.1 (b64token).
    """
    if not _TOKEN.fullmatch(token):
        raise AuthenticationError(
            "the OAuth token was not sent: a bearer token is made of letters, digits and"
            ' "-._~+/", with "=" only at its end'
        )
    return b"n,,\x01auth=Bearer " + token + b"\x01\x01"


def failure(message: bytes, issuer: str | None = None) -> dict[str, Any]:
    """Read the JSON document with which a server refuses a token.

    Args:
        message: the body of the SASLContinue that came in place of Ok.
        issuer: the `oauth_issuer` setting; None: any discovery document is believed.

    Returns:
        the document: `status`, `scope`, `openid-configuration` are strings where they are
        there; other members are as they came.

    Raises:
        AuthenticationError: not such a document, or its discovery document belongs to another
            issuer: a mix-up attack, in which the next token would be shown to a stranger.

    Source: libpq's handle_oauth_sasl_error and its JSON callbacks.
    """
    if 0 in message:
        raise AuthenticationError(
            "server's error message contained an embedded NULL, and was discarded"
        )
    try:
        text = message.decode("utf-8")
    except UnicodeDecodeError as error:
        raise AuthenticationError("server's error response is not valid UTF-8") from error
    depth = 0
    for sign in _STRING.sub("", text):
        depth += (sign in "{[") - (sign in "}]")
        if depth > _NESTING:
            raise _unparsable("JSON is too deeply nested")

    import json

    try:
        document = json.loads(text, object_pairs_hook=_Members, parse_constant=_refuse_constant)
    except ValueError as error:
        # JSONDecodeError's own text has positions but not the document.
        raise _unparsable(getattr(error, "msg", "invalid JSON")) from error
    if not isinstance(document, _Members):
        raise _unparsable("top-level element must be an object")
    for field in _FIELDS:
        if field in document.repeated:
            raise _unparsable(f'field "{field}" is duplicated')
        if not isinstance(document.get(field, ""), str):
            raise _unparsable(f'field "{field}" must be a string')
    if issuer is not None and "openid-configuration" in document:
        _check_issuer(document["openid-configuration"], issuer)
    return dict(document)


def check_status(document: dict[str, Any]) -> None:
    """Refuse at once where libpq would not wait for the server's ErrorResponse.

    Raises:
        AuthenticationError: no status, or one that no other token would mend.

    Source: libpq's handle_oauth_sasl_error.
    """
    status = document.get("status")
    if status is None:
        raise AuthenticationError("server sent error response without a status")
    if status != "invalid_token":
        raise AuthenticationError(f"server rejected OAuth bearer token: {_shown(status)}")


def _check_issuer(uri: str, issuer: str) -> None:
    # Compared byte by byte (RFC 9207 section 2.4): to normalise is to be talked round.
    expected = issuer_of(issuer) if "/.well-known/" in issuer else issuer
    found = issuer_of(uri)
    if found != expected:
        raise AuthenticationError(
            f'server\'s discovery document at {_shown(uri)} (issuer "{_shown(found)}") is'
            f" incompatible with oauth_issuer ({expected})"
        )


def issuer_of(uri: str) -> str:
    """Return the issuer that a `.well-known` discovery URI belongs to.

    Raises:
        AuthenticationError: not HTTPS, or not such a URI.

    Source: libpq's issuer_from_well_known_uri; RFC 8414 section 3.1, OpenID Connect Discovery
    1.0 section 4.
    """
    shown = f'OAuth discovery URI "{_shown(uri)}"'
    if uri[:8].lower() != "https://":
        raise AuthenticationError(f"{shown} must use HTTPS")
    # First of all: a prefix buried in a query or a fragment must not be found below.
    if "?" in uri or "#" in uri:
        raise AuthenticationError(f"{shown} must not contain query or fragment components")
    before, prefix, after = uri[8:].partition("/.well-known/")
    if not prefix:
        raise AuthenticationError(f"{shown} is not a .well-known URI")
    suffix, slash, path = after.partition("/")
    if suffix not in ("openid-configuration", "oauth-authorization-server"):
        raise AuthenticationError(f"{shown} uses an unsupported .well-known suffix")
    # At the end (OpenID's way) or at the beginning of the path (the IETF's), not between.
    if slash and "/" in before:
        raise AuthenticationError(f"{shown} uses an invalid format")
    return uri[:8] + before + slash + path


class _Members(Dict[str, Any]):
    """A JSON object that knows which of its names came more than once."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        names = [name for name, _ in pairs]
        self.repeated = {name for name in self if names.count(name) > 1}


def _refuse_constant(name: str) -> None:
    # NaN and Infinity are Python's additions to JSON.
    raise ValueError(f"invalid constant {name}")


def _unparsable(reason: str) -> AuthenticationError:
    return AuthenticationError(f"failed to parse server's error response: {reason}")


def _shown(text: str) -> str:
    return printable(text.encode("utf-8", "replace"))
