"""PostgreSQL's interval in Python: `Interval`, and the text of all four IntervalStyles.

Floor 1, pure; loaded with the first interval. The styles differ in shape, so the text alone
tells which one it is, and a wrong `IntervalStyle` report cannot mislead.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from .faults import malformed, unholdable

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Union

    Spans = Union["Interval", timedelta]

__all__ = ["Interval", "decode_interval", "interval_fields", "span"]

#: PostgreSQL's own bounds: int32 months and days, int64 microseconds
_BOUNDS = ((1 << 31) - 1, (1 << 31) - 1, (1 << 63) - 1)


class Interval(NamedTuple):
    """An interval as PostgreSQL keeps it: three independent signed numbers.

    Decoders return it where `datetime.timedelta` cannot tell the same: months other than 0,
    or more days than a timedelta holds. It can be sent as a parameter. A month has no
    fixed length, so there is no way back to a timedelta.
    """

    months: int = 0
    days: int = 0
    microseconds: int = 0

    def __str__(self) -> str:
        """Return the interval in the style iso_8601, which every server understands."""
        sign = "-" if self.microseconds < 0 else ""
        # the server reads seconds as a double: hours apart, so that no digit is lost
        hours, rest = divmod(abs(self.microseconds), 3_600_000_000)
        seconds, part = divmod(rest, 1_000_000)
        return f"P{self.months}M{self.days}DT{sign}{hours}H{sign}{seconds}.{part:06}S"


def span(months: int, days: int, microseconds: int) -> Spans:
    """Return a timedelta where it can tell the same, else an `Interval`.

    A timedelta does not distinguish `1 day` from `24:00:00`; PostgreSQL does.
    """
    if not months:
        try:
            return timedelta(days, 0, microseconds)
        except OverflowError:
            pass
    return Interval(months, days, microseconds)


_CLOCK = r"(\d{1,10}):(\d\d):(\d\d)(?:\.(\d{1,6}))?"
_POSTGRES = re.compile(
    r"(?:([+-]?\d{1,9}) years?)?(?: ?([+-]?\d{1,10}) mons?)?(?: ?([+-]?\d{1,10}) days?)?"
    rf"(?: ?([+-]?){_CLOCK})?",
    re.ASCII,
)
_VERBOSE = re.compile(
    r"@(?: ([+-]?\d{1,9}) years?)?(?: ([+-]?\d{1,10}) mons?)?(?: ([+-]?\d{1,10}) days?)?"
    r"(?: ([+-]?\d{1,10}) hours?)?(?: ([+-]?\d{1,2}) mins?)?"
    r"(?: ([+-]?)(\d{1,2})(?:\.(\d{1,6}))? secs?)?( ago)?",
    re.ASCII,
)
# every field signed, or one sign before the whole
_STANDARD_SIGNED = re.compile(
    rf"([+-])(\d{{1,9}})-(\d{{1,2}}) ([+-])(\d{{1,10}}) ([+-]){_CLOCK}", re.ASCII
)
_STANDARD_MONTHS = re.compile(r"(-?)(\d{1,9})-(\d{1,2})", re.ASCII)
_STANDARD_DAYS = re.compile(rf"(-?)(\d{{1,10}}) {_CLOCK}", re.ASCII)
_ISO = re.compile(
    r"P(?:([+-]?\d{1,9})Y)?(?:([+-]?\d{1,10})M)?(?:([+-]?\d{1,10})D)?"
    r"(?:T(?:([+-]?\d{1,10})H)?(?:([+-]?\d{1,2})M)?(?:([+-]?)(\d{1,2})(?:\.(\d{1,6}))?S)?)?",
    re.ASCII,
)


def _fraction(digits: str | None) -> int:
    return int(digits.ljust(6, "0")) if digits else 0


def _clock(sign: str, hours: str, minutes: str, seconds: str, fraction: str | None) -> int:
    whole = (int(hours) * 60 + int(minutes)) * 60 + int(seconds)
    micros = whole * 1_000_000 + _fraction(fraction)
    return -micros if sign == "-" else micros


def _numbers(groups: tuple[str | None, ...]) -> tuple[int, int, int]:
    """Add up years, months, days, hours, minutes, seconds' sign, seconds, fraction."""
    years, months, days, hours, minutes = (int(group or 0) for group in groups[:5])
    micros = int(groups[6] or 0) * 1_000_000 + _fraction(groups[7])
    if groups[5] == "-":
        micros = -micros
    return years * 12 + months, days, (hours * 60 + minutes) * 60_000_000 + micros


def _read_postgres(text: str) -> tuple[int, int, int] | None:
    match = _POSTGRES.fullmatch(text)
    if match is None or not text:
        return None
    years, months, days, sign, hours, minutes, seconds, fraction = match.groups()
    micros = _clock(sign, hours, minutes, seconds, fraction) if hours is not None else 0
    return int(years or 0) * 12 + int(months or 0), int(days or 0), micros


def _read_verbose(text: str) -> tuple[int, int, int] | None:
    if text == "@ 0":
        return 0, 0, 0
    match = _VERBOSE.fullmatch(text)
    if match is None or text in {"@", "@ ago"}:
        return None
    months, days, micros = _numbers(match.groups())
    if match.group(9):
        return -months, -days, -micros
    return months, days, micros


def _read_standard(text: str) -> tuple[int, int, int] | None:
    if text == "0":
        return 0, 0, 0
    match = _STANDARD_SIGNED.fullmatch(text)
    if match is not None:
        sign, years, months, day_sign, days, clock_sign, hours, minutes, secs, part = match.groups()
        total = int(years) * 12 + int(months)
        return (
            -total if sign == "-" else total,
            -int(days) if day_sign == "-" else int(days),
            _clock(clock_sign, hours, minutes, secs, part),
        )
    match = _STANDARD_MONTHS.fullmatch(text)
    if match is not None:
        total = int(match.group(2)) * 12 + int(match.group(3))
        return (-total if match.group(1) else total), 0, 0
    match = _STANDARD_DAYS.fullmatch(text)
    if match is not None:
        sign, days, hours, minutes, secs, part = match.groups()
        count = int(days)
        return 0, (-count if sign else count), _clock(sign, hours, minutes, secs, part)
    return None


def _read_iso(text: str) -> tuple[int, int, int] | None:
    match = _ISO.fullmatch(text)
    if match is None or text[-1] in "PT":
        return None
    return _numbers(match.groups())


def interval_fields(text: str) -> tuple[int, int, int] | None:
    """Return months, days and microseconds of an interval in any style; None if it is none."""
    first = text[:1]
    reader: Callable[[str], tuple[int, int, int] | None]
    if first == "@":
        reader = _read_verbose
    elif first == "P":
        reader = _read_iso
    else:
        reader = _read_postgres
    fields = reader(text)
    if fields is None and reader is _read_postgres:
        fields = _read_standard(text)
    if fields is None or any(abs(n) > top + 1 for n, top in zip(fields, _BOUNDS)):
        return None
    return fields


def decode_interval(text: str) -> Spans:
    """Decode an interval; see `span` for what is returned.

    Raises:
        DataError: malformed (22P02), or an infinity of PostgreSQL 17 and later (22008).
    """
    fields = interval_fields(text)
    if fields is None:
        if text in {"infinity", "-infinity"}:
            raise unholdable("interval", text, "timedelta")
        raise malformed("interval", text)
    return span(*fields)
