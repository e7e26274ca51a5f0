"""The cancel dialogue: on a channel of its own, bounded, and silent about its success.

Floor 1, pure. Source: `fe-cancel.c` (PQcancelStart, PQcancelPoll): the session's own TLS settings
are used again, so the key never goes in clear where the session does not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import (
    Diagnostics,
    InterfaceError,
    OperationalError,
    RemoteProtocolError,
    server_error,
)
from . import backend, codes, frontend
from .codec import Body
from .startup import ask_tls
from .wants import Close, Dialogue, Exchange, Open, StartTLS

if TYPE_CHECKING:
    from .wants import Address

__all__ = ["cancel"]

#: A server that cancels says nothing at all; one that talks is read no further than this.
_TALK_AT_MOST = 4096


def cancel(
    address: Address,
    pid: int | None,
    key: bytes | None,
    *,
    options: tuple[tuple[str, str, int], ...] = (),
    tls: Any = None,
    direct: bool = False,
    plain_allowed: bool = False,
) -> Dialogue[None]:
    """Ask the server to cancel what the session is doing.

    Args:
        address: where the session really is (no fresh look-up).
        pid, key: of its BackendKeyData; None: the server gave none.
        tls: the session's TLSSettings, or None for plaintext.
        direct: TLS without the question (sslnegotiation=direct).
        plain_allowed: an `N` to the question may be followed in clear (sslmode=prefer).

    Raises:
        InterfaceError: `no cancellation key received`; nothing was sent.
        OperationalError, RemoteProtocolError: the request could not be delivered.

    Returning says that the request was delivered, not that anything was cancelled.
    """
    if pid is None or key is None:
        raise InterfaceError("no cancellation key received")
    try:
        yield Open(address, options)
        try:
            if tls is not None:
                wanted = True if direct else (yield from ask_tls())
                if wanted:
                    yield StartTLS(tls)
                elif not plain_allowed:
                    raise OperationalError("server does not support SSL, but SSL was required")
            yield from _request(frontend.CancelRequest(pid, key).encode())
        except GeneratorExit:
            # Abandoned: whoever held the dialogue holds the channel too.
            raise
        except BaseException:
            yield Close()
            raise
        yield Close()
    except OSError as error:
        raise OperationalError(f"the cancel request failed: {error.strerror or error}") from error


def _request(data: bytes) -> Dialogue[None]:
    said = b""
    try:
        while len(said) < _TALK_AT_MOST:
            received: bytes = yield Exchange(data, first=True)
            data = b""
            if not received:
                break
            said += received
    except ConnectionError:
        # A server may close so fast that the end arrives as a reset: it has the request.
        return
    if not said:
        return
    if said[0] == codes.ERROR_RESPONSE:
        fields, _ = backend.read_fields(Body(said[5:], codes.ERROR_RESPONSE), "utf-8")
        raise server_error(Diagnostics(fields))
    raise RemoteProtocolError("unexpected response from server")
