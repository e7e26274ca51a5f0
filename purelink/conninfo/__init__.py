"""Connection strings, exactly libpq's, and able to say why.

Floor 1: strings ⇄ settings, pure: no environment, file, clock or randomness is touched; what a
connection takes from the process stands in a `Surroundings`.
"""

from __future__ import annotations

from purelink.conninfo.format import format  # noqa: A004 - the pair of parse
from purelink.conninfo.parse import parse
from purelink.conninfo.resolve import resolve
from purelink.conninfo.settings import Settings, Source, Target
from purelink.conninfo.surroundings import File, Surroundings
from purelink.conninfo.targets import integer
from purelink.errors import ConninfoError

__all__ = [
    "ConninfoError",
    "File",
    "Settings",
    "Source",
    "Surroundings",
    "Target",
    "format",
    "integer",
    "parse",
    "resolve",
]
