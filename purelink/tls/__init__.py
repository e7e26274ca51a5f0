"""TLS as libpq does it: the one reader of certificates, sans I/O but for the files it reads.

Floor 2. `TLSSettings` says what is wanted, `engine` makes an `Engine` from it that a pump feeds
and drains, `check` judges the outcome, `end_point_hash` serves channel binding. Whatever goes
wrong is a `TLSFailure` with libpq's words. Importing this does not import `ssl`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .certificate import end_point_hash
from .checks import check, check_certificate_mode
from .failure import CLOSED, TLSFailure, system_failure, unsupported
from .settings import TLSSettings

if TYPE_CHECKING:
    from .channel import Engine

__all__ = [
    "CLOSED",
    "Engine",
    "TLSFailure",
    "TLSSettings",
    "available",
    "check",
    "check_certificate_mode",
    "end_point_hash",
    "engine",
    "system_failure",
    "unsupported",
]


def available() -> bool:
    """Return whether this interpreter has TLS at all."""
    try:
        import ssl  # noqa: F401 - the question is whether it can be imported
    except ImportError:
        return False
    return True


def engine(settings: TLSSettings) -> Engine:
    """Return a client's TLS engine for one connection, before its handshake.

    Raises:
        TLSFailure: the settings cannot be honoured, or there is no `ssl`; nothing was sent.
    """
    if not available():
        raise TLSFailure(unsupported("sslmode", settings.sslmode))
    from . import channel, context

    return channel.Engine(context.prepare(settings), settings)


def __getattr__(name: str) -> object:
    if name == "Engine":
        from .channel import Engine

        return Engine
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
