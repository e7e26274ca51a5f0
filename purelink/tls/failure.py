"""What TLS says when it fails: libpq's sentences, and whether plaintext may be tried next.

Floor 2, pure. OpenSSL's errors come to us as `ssl.SSLError`, whose text holds the very words
that libpq prints (`ERR_reason_error_string`) between a tag and a line of CPython's source;
`words` takes them out. `ssl` itself is never imported here.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl

__all__ = [
    "ADVICE",
    "CLOSED",
    "TLSFailure",
    "system_failure",
    "truncated",
    "unsupported",
    "version_hint",
    "words",
]

#: libpq's text when the server closed TLS properly (close_notify) where more was expected
CLOSED = "SSL connection has been closed unexpectedly"

#: the second line for a missing root certificate file (16 and later)
ADVICE = (
    "Either provide the file, use the system's trusted roots with sslrootcert=system, "
    "or change sslmode to disable server certificate verification."
)


class TLSFailure(OSError):
    """TLS could not be begun, or broke. Internal: the connect conversation translates it.

    An `OSError`, since that is what `StartTLS` and `Exchange` may throw into a dialogue.

    Attributes:
        text: libpq's words, without the `connection to server at …` prefix; may have two lines.
        fallback_allowed: True where libpq with `sslmode=prefer` goes on to plaintext: for
            everything up to and with the handshake and the checks of the certificate, even a
            key file with wrong permissions. False once TLS was up.
    """

    text: str
    fallback_allowed: bool

    def __init__(self, text: str, fallback_allowed: bool = True) -> None:
        super().__init__(text)
        self.text = text
        self.fallback_allowed = fallback_allowed


_SHAPE = re.compile(r"(?:\[[^\]]*\] )?(?P<words>.*?)(?: \(_ssl\.c:\d+\))?", re.DOTALL)


def words(error: ssl.SSLError) -> str:
    """Return OpenSSL's words for an error, as libpq prints them after `SSL error: `.

    CPython adds the verification's detail after a colon, which libpq does not show.
    """
    reason = getattr(error, "reason", None)
    if reason == "CERTIFICATE_VERIFY_FAILED":
        return "certificate verify failed"
    if reason == "UNEXPECTED_EOF_WHILE_READING":
        return "unexpected eof while reading"
    # (number, text) where the C code raised it, (text,) elsewhere
    text = error.args[-1] if error.args else ""
    found = _SHAPE.fullmatch(text if isinstance(text, str) else "")
    said = found.group("words") if found is not None else ""
    if said.startswith("certificate verify failed:"):
        return "certificate verify failed"
    if said and said != "unknown error":
        return said
    return str(reason).lower().replace("_", " ") if reason else "no SSL error reported"


# The reasons after which libpq hints at the versions.
_VERSION_TROUBLE = frozenset(
    {
        "no protocols available",
        "unsupported protocol",
        "bad protocol version number",
        "unknown protocol",
        "unknown ssl version",
        "unsupported ssl version",
        "wrong ssl version",
        "wrong version number",
        "tlsv1 alert protocol version",
        "version too high",
        "version too low",
        # ours: CPython's own list of ciphers has none for TLS 1.1 and below
        "no ciphers available",
    }
)


def version_hint(said: str, lowest: str | None, highest: str | None) -> str:
    """Return `said` with libpq's second line, if it is about protocol versions.

    Args:
        said: OpenSSL's words.
        lowest: `ssl_min_protocol_version` as given; None shows as TLSv1.
        highest: `ssl_max_protocol_version` as given; None shows as TLSv1.3.

    Source: libpq, open_client_SSL.
    """
    if said not in _VERSION_TROUBLE:
        return said
    low = "TLSv1" if lowest is None else lowest
    high = "TLSv1.3" if highest is None else highest
    return (
        f"{said}\nThis may indicate that the server does not support any SSL protocol "
        f"version between {low} and {high}."
    )


def truncated(*, fallback_allowed: bool) -> TLSFailure:
    """Return the failure for a stream that ended without close_notify."""
    return TLSFailure("SSL error: unexpected eof while reading", fallback_allowed)


def system_failure(error: OSError, *, fallback_allowed: bool = True) -> TLSFailure:
    """Return the failure for a socket error during the handshake.

    Source: libpq, pqsecure_raw_read, whose lines come first, and open_client_SSL.
    """
    said = error.strerror or str(error)
    if isinstance(error, (ConnectionResetError, BrokenPipeError)):
        first = (
            "server closed the connection unexpectedly\n"
            "\tThis probably means the server terminated abnormally\n"
            "\tbefore or while processing the request."
        )
    else:
        first = f"could not receive data from server: {said}"
    return TLSFailure(f"{first}\nSSL SYSCALL error: {said}", fallback_allowed)


def unsupported(keyword: str, value: str) -> str:
    """Return libpq's text for a setting that needs TLS where Python has no `ssl`."""
    return f'{keyword} value "{value}" invalid when SSL support is not compiled in'
