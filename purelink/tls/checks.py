"""What is checked once the handshake is done, beside the chain that OpenSSL has verified.

Floor 2, pure: works on what `Secured` holds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .failure import TLSFailure
from .names import verify_name

if TYPE_CHECKING:
    from ..wire.wants import Secured
    from .settings import TLSSettings

__all__ = ["ALPN", "check", "check_certificate_mode"]

#: the protocol name that PostgreSQL 17 and later know
ALPN = "postgresql"


def check(settings: TLSSettings, secured: Secured) -> None:
    """Check what the handshake gave: the protocol of direct TLS, the name in the certificate.

    The chain has been verified by the handshake itself. `sslcertmode=require` is checked by
    `check_certificate_mode`, when the server says that authentication is done.

    Raises:
        TLSFailure: libpq's text.

    Source: libpq, open_client_SSL.
    """
    if settings.direct:
        # Without it a server of another protocol could be made to read ours (ALPACA).
        if secured.alpn is None:
            raise TLSFailure(
                "direct SSL connection was established without ALPN protocol negotiation extension"
            )
        if secured.alpn != ALPN:
            raise TLSFailure("SSL connection was established with unexpected ALPN protocol")
    if settings.sslmode == "verify-full":
        verify_name(settings.host, secured.certificate or b"")


def check_certificate_mode(sslcertmode: str, secured: Secured | None) -> None:
    """Check `sslcertmode=require`; for the moment when AuthenticationOk has come.

    Args:
        sslcertmode: "disable", "allow" or "require".
        secured: None for a connection without TLS.

    Raises:
        TLSFailure: libpq's text; no fallback. Also where it cannot be told whether the server
            asked for a certificate.

    Source: libpq, check_expected_areq.
    """
    if sslcertmode != "require":
        return
    if secured is None or not secured.certificate_requested:
        raise TLSFailure("server did not request an SSL certificate", False)
    if not secured.certificate_sent:
        raise TLSFailure("server accepted connection without a valid SSL certificate", False)
