"""How values are read: the server's settings that change their text, and the policy for odd ones.

Floor 1, pure. A plain tuple handed to decoders. The session fills it from ParameterStatus; the
defaults are purelink's own start-up settings.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from ..errors import InterfaceError

__all__ = ["DEFAULT_STYLES", "ODD_VALUES", "OddValues", "Styles", "odd_policy"]

#: what becomes of a value that Python's class for its type cannot hold
OddValues = Literal["error", "text", "exact"]
ODD_VALUES = ("error", "text", "exact")


class Styles(NamedTuple):
    """The reported `DateStyle`, `IntervalStyle` and `TimeZone`, and the policy for odd values.

    Intervals are told apart by their shape alone: `intervalstyle` is kept for writers.
    `odd_values`: "error": a `DataError`; "text": PostgreSQL's text as `str`; "exact": a class of
    our own that is sent back unchanged.
    """

    datestyle: str = "ISO, MDY"
    intervalstyle: str = "postgres"
    timezone: str = "UTC"
    odd_values: OddValues = "error"

    @property
    def output(self) -> str:
        """The first word of DateStyle in lower case: iso, sql, postgres, german."""
        return self.datestyle.partition(",")[0].strip().lower()

    @property
    def day_first(self) -> bool:
        """True where the style's dates put the day before the month."""
        order = self.datestyle.partition(",")[2].strip().upper()
        return order == "DMY" or self.output == "german"


DEFAULT_STYLES = Styles()


def odd_policy(value: OddValues) -> OddValues:
    """Return the policy for odd values.

    Raises:
        InterfaceError: there is no such policy.
    """
    if value not in ODD_VALUES:
        raise InterfaceError('odd_values must be "error", "text" or "exact"')
    return value
