"""OAUTHBEARER's one message, and every way a server's refusal can be malformed or hostile."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from purelink.errors import AuthenticationError
from purelink.wire import oauth

ISSUER = "https://issuer.example/realm"
DISCOVERY = ISSUER + "/.well-known/openid-configuration"
REFUSAL = (
    b'{"status":"invalid_token","scope":"openid pg",'
    b'"openid-configuration":"https://issuer.example/realm/.well-known/openid-configuration"}'
)


@pytest.mark.parametrize("token", [b"abc", b"A-Za.z0~9_/+==", b"x="])
def test_initial_response(token: bytes) -> None:
    assert oauth.initial_response(token) == b"n,,\x01auth=Bearer " + token + b"\x01\x01"


@pytest.mark.parametrize(
    "token",
    [
        b"",
        b"=",
        b"secret\x01host=evil",
        b"secret\r\nX: y",
        b"secret\n",
        b"sec ret",
        b"sec=ret",
        b"s\xc3\xa4cret",
        b"secret,",
    ],
)
def test_a_token_that_would_add_headers_is_not_sent(token: bytes) -> None:
    with pytest.raises(AuthenticationError, match=r"^the OAuth token was not sent: ") as refusal:
        oauth.initial_response(token)
    assert "cret" not in str(refusal.value)


def test_failure_document() -> None:
    document = {"status": "invalid_token", "scope": "openid pg", "openid-configuration": DISCOVERY}
    assert oauth.failure(REFUSAL) == document
    assert oauth.failure(REFUSAL, ISSUER) == document
    assert oauth.failure(REFUSAL, DISCOVERY) == document
    assert type(oauth.failure(REFUSAL)) is dict
    oauth.check_status(document)


def test_other_members_come_through() -> None:
    assert oauth.failure(b'{"status":"x","a":[{"status":1,"status":2}],"n":null}') == {
        "status": "x",
        "a": [{"status": 2}],
        "n": None,
    }
    assert oauth.failure(b"{}", ISSUER) == {}


NESTED = "failed to parse server's error response: JSON is too deeply nested"


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (
            b'{"status":"x"}\0',
            "server's error message contained an embedded NULL, and was discarded",
        ),
        (b'{"status":"\xff"}', "server's error response is not valid UTF-8"),
        (b"", "failed to parse server's error response: Expecting value"),
        (b"{", "failed to parse server's error response: Expecting property name enclosed in"),
        (b"[]", "failed to parse server's error response: top-level element must be an object"),
        (b'"s"', "failed to parse server's error response: top-level element must be an object"),
        (b"1", "failed to parse server's error response: top-level element must be an object"),
        (b'{"x":NaN}', "failed to parse server's error response: invalid JSON"),
        (
            b'{"status":"a","status":"a"}',
            'failed to parse server\'s error response: field "status" is duplicated',
        ),
        (
            b'{"scope":1}',
            'failed to parse server\'s error response: field "scope" must be a string',
        ),
        (
            b'{"status":null}',
            'failed to parse server\'s error response: field "status" must be a string',
        ),
        (
            b'{"openid-configuration":{}}',
            (
                "failed to parse server's error response:"
                ' field "openid-configuration" must be a string'
            ),
        ),
        (b'{"x":' + b"[" * 8 + b"]" * 8 + b"}", NESTED),
        (b"[" * 1990, NESTED),
        (b'{"x":' * 300, NESTED),
    ],
)
def test_failure_refused(message: bytes, text: str) -> None:
    with pytest.raises(AuthenticationError) as refusal:
        oauth.failure(message)
    assert str(refusal.value).startswith(text)


def test_eight_levels_are_allowed_and_brackets_in_strings_do_not_count() -> None:
    assert oauth.failure(b'{"x":' + b"[" * 7 + b"]" * 7 + b"}") == {"x": [[[[[[[]]]]]]]}
    assert oauth.failure(b'{"x":"[[[[[[[[\\"{{{{{{{{"}') == {"x": '[[[[[[[["{{{{{{{{'}


@given(st.binary(max_size=300) | st.text('{}[]",:0a\\ ', max_size=60).map(str.encode))
def test_whatever_comes_is_a_document_or_refused(message: bytes) -> None:
    try:
        document = oauth.failure(message, ISSUER)
    except AuthenticationError:
        return
    assert isinstance(document, dict)


@pytest.mark.parametrize(
    ("document", "text"),
    [
        ({}, "server sent error response without a status"),
        (
            {"status": "insufficient\n_scope"},
            "server rejected OAuth bearer token: insufficient?_scope",
        ),
    ],
)
def test_status_that_no_token_would_mend(document: dict[str, str], text: str) -> None:
    with pytest.raises(AuthenticationError) as refusal:
        oauth.check_status(document)
    assert str(refusal.value) == text


@pytest.mark.parametrize(
    ("uri", "issuer"),
    [
        (DISCOVERY, ISSUER),
        ("https://i.example/.well-known/openid-configuration", "https://i.example"),
        ("HTTPS://i.example/.well-known/oauth-authorization-server", "HTTPS://i.example"),
        ("https://i.example/.well-known/oauth-authorization-server/r", "https://i.example/r"),
        ("https://i.example/.well-known/openid-configuration/", "https://i.example/"),
    ],
)
def test_issuer_of(uri: str, issuer: str) -> None:
    assert oauth.issuer_of(uri) == issuer


@pytest.mark.parametrize(
    ("uri", "objection"),
    [
        ("http://i.example/.well-known/openid-configuration", "must use HTTPS"),
        ("", "must use HTTPS"),
        (
            "https://i.example/?/.well-known/openid-configuration",
            "must not contain query or fragment components",
        ),
        (
            "https://i.example/#/.well-known/openid-configuration",
            "must not contain query or fragment components",
        ),
        ("https://i.example/", "is not a .well-known URI"),
        (
            "https://i.example/.well-known/openid-configuration-bad",
            "uses an unsupported .well-known suffix",
        ),
        ("https://i.example/.well-known/", "uses an unsupported .well-known suffix"),
        ("https://i.example/a/.well-known/openid-configuration/b", "uses an invalid format"),
    ],
)
def test_issuer_of_refused(uri: str, objection: str) -> None:
    with pytest.raises(AuthenticationError) as refusal:
        oauth.issuer_of(uri)
    assert str(refusal.value) == f'OAuth discovery URI "{uri}" {objection}'


@pytest.mark.parametrize(
    "issuer", [ISSUER + "/", "https://issuer.example", "https://ISSUER.example/realm"]
)
def test_another_issuer_is_a_mix_up(issuer: str) -> None:
    with pytest.raises(AuthenticationError) as refusal:
        oauth.failure(REFUSAL, issuer)
    assert str(refusal.value) == (
        f'server\'s discovery document at {DISCOVERY} (issuer "{ISSUER}") is incompatible with'
        f" oauth_issuer ({issuer})"
    )
