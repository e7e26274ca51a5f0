"""TLS without a socket: an `SSLObject` on two `MemoryBIO`s, as the pumps want it.

Floor 2. Ciphertext goes in by `feed`, comes out by `drain`; the socket stays raw, so that no
event loop's own TLS is needed, and nothing that came before the handshake can be taken for
what came after it. Needs `ssl`: imported by `purelink.tls.engine` alone, when it is called.
"""

from __future__ import annotations

import contextlib
import ssl
from typing import TYPE_CHECKING, Any

from ..wire.wants import Secured
from .failure import TLSFailure, truncated, version_hint, words

if TYPE_CHECKING:
    from .context import Prepared
    from .settings import TLSSettings

__all__ = ["Engine", "server_name"]

# What one `read` gathers before it stops, and the largest TLS record's content.
_GATHER = 65536
_RECORD = 16384

# TLS's numbers, as `_msg_callback` tells them.
_HANDSHAKE, _SERVER_HELLO, _CERTIFICATE_REQUEST = 22, 2, 13


class Engine:
    """One TLS connection between ciphertext and plaintext, sans I/O.

    Use: call `handshake` until it returns True; before each call `feed` what was received,
    after each call send what `drain` returns, also when it raised: the alert (if it can still be
    sent: what was raised counts). Then `write` and `drain`, `feed` and `read`. When sending
    fails, what the server said before it left may still be there to be read. Not for two
    threads at once.

    Attributes:
        closed: True when the peer has closed TLS properly (close_notify).
        warnings: sentences for the log; nothing in them is secret.
    """

    __slots__ = (
        "_certificate_loaded", "_context", "_done", "_failure", "_incoming", "_messages",
        "_object", "_outgoing", "_settings", "closed", "warnings",
    )  # fmt: skip

    def __init__(self, prepared: Prepared, settings: TLSSettings) -> None:
        self._context = prepared.context
        self._settings = settings
        self._certificate_loaded = prepared.has_certificate
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._done = False
        self._failure: TLSFailure | None = None
        self.closed = False
        self.warnings = prepared.warnings
        self._messages = _watch(prepared.context)
        name = server_name(settings)
        try:
            # As bytes the name goes out unchanged: no IDNA codec that refuses "foo_bar" or
            # labels that are too long.
            self._object = prepared.context.wrap_bio(
                self._incoming, self._outgoing, server_hostname=name
            )
        except (ValueError, ssl.SSLError) as error:
            said = words(error) if isinstance(error, ssl.SSLError) else str(error)
            raise TLSFailure(f"could not set SSL Server Name Indication (SNI): {said}") from error

    def handshake(self) -> bool:
        """Go on with the handshake as far as the bytes fed allow; returns whether it is done.

        Raises:
            TLSFailure: it failed. `drain` then returns the alert to be sent.

        Source: libpq, open_client_SSL.
        """
        if self._failure is not None:
            raise self._failure
        if self._done:
            return True
        try:
            self._object.do_handshake()
        except ssl.SSLWantReadError:
            return False
        except ssl.SSLEOFError as error:
            self._failure = truncated(fallback_allowed=True)
            raise self._failure from error
        except ssl.SSLError as error:
            low, high = (
                self._settings.ssl_min_protocol_version,
                self._settings.ssl_max_protocol_version,
            )
            self._failure = TLSFailure(f"SSL error: {version_hint(words(error), low, high)}")
            raise self._failure from error
        self._done = True
        _unwatch(self._context)
        return True

    def feed(self, data: bytes | bytearray | memoryview) -> None:
        """Take ciphertext that was received."""
        self._incoming.write(data)

    def eof(self) -> None:
        """Take note that no ciphertext will come any more: the socket is at its end."""
        self._incoming.write_eof()

    def drain(self) -> bytes:
        """Return all ciphertext that is to be sent; b"" if there is none."""
        return self._outgoing.read()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Encrypt `data`; `drain` has the ciphertext.

        Raises:
            TLSFailure: TLS broke, or was closed.
        """
        # the length goes through a C int
        view = memoryview(data)
        try:
            while view:
                view = view[self._object.write(view[: 1 << 20]) :]
        except ssl.SSLError as error:
            raise self._broken(error) from error

    def read(self) -> bytes:
        """Return what can be decrypted now, up to about 80 kB; b"" if nothing can, or `closed`.

        If it returns something, call it again before waiting for the socket.

        Raises:
            TLSFailure: TLS broke (an alert, a forged record), or ended without close_notify.
                What had been decrypted before was returned first.

        Source: libpq, pgtls_read.
        """
        if self._failure is not None:
            raise self._failure
        pieces: list[bytes] = []
        size = 0
        read, incoming = self._object.read, self._incoming
        try:
            # Where nothing is left OpenSSL says so by an exception, which costs as much as a short
            # answer's decryption: it is not asked then. It reads record by record (no read-ahead),
            # and a read takes a whole one, so that nothing waits inside of it.
            while size < _GATHER and (incoming.pending or incoming.eof):
                piece = read(_RECORD)
                if not piece:
                    self.closed = True
                    break
                pieces.append(piece)
                size += len(piece)
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            self.closed = True
        except ssl.SSLError as error:
            self._failure = self._broken(error)
            if not pieces:
                raise self._failure from error
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def close(self) -> bytes:
        """Return the ciphertext of our close_notify; b"" where there is nothing to close.

        Never fails. The peer's own close_notify is not waited for.
        """
        if self._done:
            # SSLWantReadError: ours is written, theirs is not there
            with contextlib.suppress(ssl.SSLError):
                self._object.unwrap()
        return self.drain()

    def secured(self) -> Secured:
        """Return what the handshake gave.

        Raises:
            TLSFailure: the handshake is not done, or the server showed no certificate.
        """
        if not self._done:
            raise TLSFailure("SSL error: handshake is not done")
        certificate = self._object.getpeercert(True)
        if certificate is None:
            raise TLSFailure("certificate could not be obtained: no SSL error reported")
        cipher = self._object.cipher()
        # A handshake without a ServerHello was not seen: then nothing is known.
        requested: bool | None = None
        if self._messages is not None and _SERVER_HELLO in self._messages:
            requested = _CERTIFICATE_REQUEST in self._messages
        return Secured(
            certificate=certificate,
            alpn=self._object.selected_alpn_protocol(),
            version=self._object.version() or "",
            cipher=cipher[0] if cipher is not None else "",
            certificate_requested=requested,
            certificate_sent=requested is True and self._certificate_loaded,
        )

    def _broken(self, error: ssl.SSLError) -> TLSFailure:
        if isinstance(error, ssl.SSLEOFError):
            return truncated(fallback_allowed=False)
        return TLSFailure(f"SSL error: {words(error)}", False)

    def __repr__(self) -> str:
        state = "closed" if self.closed else "up" if self._done else "in its handshake"
        return f"<Engine {state}>"


def _watch(context: ssl.SSLContext) -> set[int] | None:
    """Collect the kinds of handshake messages that come in, or return None.

    `_msg_callback` is CPython's own, for debugging: where it is missing nobody can tell whether
    our certificate was asked for, and `sslcertmode=require` then fails.
    """
    seen: set[int] = set()

    def note(_object: Any, way: str, _version: int, content: int, kind: int, _data: bytes) -> None:
        if way == "read" and content == _HANDSHAKE:
            seen.add(int(kind))

    try:
        context._msg_callback = note  # type: ignore[attr-defined]  # noqa: SLF001
    except (AttributeError, TypeError):
        return None
    return seen


def _unwatch(context: ssl.SSLContext) -> None:
    # else it would be called for every record of the rows
    try:
        context._msg_callback = None  # type: ignore[attr-defined]  # noqa: SLF001
    except (AttributeError, TypeError):
        return


def server_name(settings: TLSSettings) -> bytes | None:
    """Return the name to send as SNI, or None.

    None also where libpq sends what Python's `ssl` cannot: a name that begins with a dot, or is
    not ASCII.

    Source: libpq, initialize_SSL.
    """
    host = settings.host
    if not (settings.sslsni or "").startswith("1") or not host or ":" in host:
        return None
    if not host.strip("0123456789.") or host.startswith(".") or not host.isascii():
        return None
    return host.encode("ascii")
