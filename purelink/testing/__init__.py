"""What other people import to test their own code, and what our own tests stand on.

Floor 6. `Server` is a throw-away PostgreSQL (`purelink.testing.server`). Importing this package
imports none of its modules, and none of them imports a third party before it is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .endpoint import BorrowedServer
    from .programs import Programs, ProgramsMissing
    from .server import Server, ServerFailed, TLSFiles

__all__ = ["BorrowedServer", "Programs", "ProgramsMissing", "Server", "ServerFailed", "TLSFiles"]

_HOMES = {
    "BorrowedServer": ".endpoint",
    "Programs": ".programs",
    "ProgramsMissing": ".programs",
    "Server": ".server",
    "ServerFailed": ".server",
    "TLSFiles": ".server",
}


def __getattr__(name: str) -> object:
    """Import a public name's module when the name is first used."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name], __name__), name)
