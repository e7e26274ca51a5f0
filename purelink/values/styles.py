"""What the server's settings change in the text of a value: a plain tuple handed to decoders.

Floor 1, pure. The session fills it from ParameterStatus; the defaults are purelink's own
start-up settings.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["DEFAULT_STYLES", "Styles"]


class Styles(NamedTuple):
    """The reported `DateStyle`, `IntervalStyle` and `TimeZone`.

    Intervals are told apart by their shape alone: `intervalstyle` is kept for writers.
    """

    datestyle: str = "ISO, MDY"
    intervalstyle: str = "postgres"
    timezone: str = "UTC"

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
