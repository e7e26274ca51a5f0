"""The portability table: rows by name, each one function that returns what it saw.

Test code only. `SLOW` are those that download or build; the others are part of the test run.
"""

from __future__ import annotations

from typing import Callable, Dict, List

from tests.portability.place import Place

Row = Callable[[Place], str]
ROWS: Dict[str, Row] = {}
SLOW: List[str] = []

__all__ = ["ROWS", "SLOW", "Row", "row"]


def row(name: str, *, slow: bool = False) -> Callable[[Row], Row]:
    """Enter a function into the table."""

    def enter(function: Row) -> Row:
        ROWS[name] = function
        if slow:
            SLOW.append(name)
        return function

    return enter
