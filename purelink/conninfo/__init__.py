"""Connection strings, exactly libpq's, and able to say why.

Floor 1: strings ⇄ settings, pure: no environment, file, clock or randomness is touched; what a
connection takes from the process stands in a `Surroundings`.
"""

from __future__ import annotations

from ..errors import ConninfoError
from .format import format  # noqa: A004 - the pair of parse
from .parse import parse
from .resolve import resolve
from .settings import Settings, Source, Target
from .surroundings import File, Surroundings
from .targets import integer

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
