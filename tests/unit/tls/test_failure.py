"""OpenSSL's words out of CPython's errors, and libpq's sentences around them."""

from __future__ import annotations

import pickle
import ssl

import pytest

from purelink.tls import TLSFailure, system_failure, unsupported
from purelink.tls.failure import version_hint, words


class Told(ssl.SSLError):
    """An SSLError as the C code makes it."""

    def __new__(cls, text: str, reason: str | None) -> Told:
        return super().__new__(cls, 1, text)

    def __init__(self, text: str, reason: str | None) -> None:
        super().__init__(1, text)
        self.reason = reason  # type: ignore[assignment]


@pytest.mark.parametrize(
    ("text", "reason", "said"),
    [
        ("[SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:1006)",
         "WRONG_VERSION_NUMBER", "wrong version number"),
        ("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed (_ssl.c:1006)",
         "CERTIFICATE_VERIFY_FAILED", "certificate verify failed"),
        ("[SSL] certificate verify failed: unable to get local issuer certificate (_ssl.c:1)",
         None, "certificate verify failed"),
        ("[SSL: UNEXPECTED_EOF_WHILE_READING] EOF occurred in violation of protocol (_ssl.c:1)",
         "UNEXPECTED_EOF_WHILE_READING", "unexpected eof while reading"),
        ("[SSL] PEM lib (_ssl.c:3900)", None, "PEM lib"),
        ("[X509] PEM lib", None, "PEM lib"),
        ("unknown error (_ssl.c:99)", "TLSV13_ALERT_CERTIFICATE_REQUIRED",
         "tlsv13 alert certificate required"),
        ("unknown error (_ssl.c:99)", None, "no SSL error reported"),
        ("", None, "no SSL error reported"),
        ("something (odd) with (brackets) (_ssl.c:1)", None, "something (odd) with (brackets)"),
    ],
)  # fmt: skip
def test_words(text: str, reason: str | None, said: str) -> None:
    assert words(Told(text, reason)) == said


def test_words_of_an_error_that_is_only_a_text() -> None:
    assert words(ssl.SSLError("server_hostname is odd")) == "server_hostname is odd"


def test_the_version_hint_shows_the_bounds_as_given() -> None:
    hint = "\nThis may indicate that the server does not support any SSL protocol version between "
    said = "wrong version number"
    assert version_hint(said, "TLSv1.2", None) == f"{said}{hint}TLSv1.2 and TLSv1.3."
    assert version_hint(said, None, "tlsV1.2") == f"{said}{hint}TLSv1 and tlsV1.2."
    assert version_hint(said, "", "") == f"{said}{hint} and ."
    assert version_hint("certificate verify failed", "", "") == "certificate verify failed"


def test_a_socket_error_has_libpqs_lines() -> None:
    lost = system_failure(ConnectionResetError(104, "Connection reset by peer"))
    assert lost.text == (
        "server closed the connection unexpectedly\n"
        "\tThis probably means the server terminated abnormally\n"
        "\tbefore or while processing the request.\n"
        "SSL SYSCALL error: Connection reset by peer"
    )
    assert lost.fallback_allowed
    other = system_failure(OSError(113, "No route to host"), fallback_allowed=False)
    assert other.text == (
        "could not receive data from server: No route to host\nSSL SYSCALL error: No route to host"
    )
    assert not other.fallback_allowed
    assert system_failure(OSError("odd")).text.endswith("SSL SYSCALL error: odd")


def test_a_failure_is_an_oserror_and_can_be_pickled() -> None:
    failure = pickle.loads(pickle.dumps(TLSFailure("text", fallback_allowed=False)))
    assert isinstance(failure, OSError)
    assert isinstance(failure, TLSFailure)
    assert (str(failure), failure.text, failure.fallback_allowed) == ("text", "text", False)


def test_settings_that_need_tls() -> None:
    assert unsupported("sslmode", "require") == (
        'sslmode value "require" invalid when SSL support is not compiled in'
    )
