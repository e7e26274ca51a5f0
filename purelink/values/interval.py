"""PostgreSQL's interval in Python: `Interval`, and the text of all four IntervalStyles.

Floor 1, pure; loaded with the first interval. The styles differ in shape, so the text alone
tells which one it is, and a wrong `IntervalStyle` report cannot mislead.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from .faults import malformed, unholdable

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Interval", "interval_decoder", "interval_fields", "postgres_text", "span"]

#: PostgreSQL's own bounds: int32 months and days, int64 microseconds
_BOUNDS = ((1 << 31) - 1, (1 << 31) - 1, (1 << 63) - 1)


class Interval(NamedTuple):
    """An interval as PostgreSQL keeps it: three independent signed numbers.

    With `odd_values="exact"` it stands where `datetime.timedelta` cannot tell the same: months
    other than 0, more days than a timedelta holds, hours or days of their own (a timedelta makes
    25:00:00 one day and an hour). It can be sent as a parameter. A month has no fixed length, so
    there is no way back to a timedelta. All three at their ends are the infinities of PostgreSQL
    17 and later.
    """

    months: int = 0
    days: int = 0
    microseconds: int = 0

    def __str__(self) -> str:
        """Return the interval in the style iso_8601, which every server understands."""
        if self in _INFINITIES:
            return _INFINITIES[self]
        sign = "-" if self.microseconds < 0 else ""
        # the server reads seconds as a double: hours apart, so that no digit is lost
        hours, rest = divmod(abs(self.microseconds), 3_600_000_000)
        seconds, part = divmod(rest, 1_000_000)
        return f"P{self.months}M{self.days}DT{sign}{hours}H{sign}{seconds}.{part:06}S"


_INFINITIES = {
    (_BOUNDS[0], _BOUNDS[1], _BOUNDS[2]): "infinity",
    (-_BOUNDS[0] - 1, -_BOUNDS[1] - 1, -_BOUNDS[2] - 1): "-infinity",
}


def span(months: int, days: int, microseconds: int, policy: str = "error") -> Any:
    """Return a timedelta where it can tell the same, else what the policy for odd values says.

    A timedelta does not distinguish `1 day` from `24:00:00`; PostgreSQL does. Only the policy
    "exact" minds.

    Raises:
        DataError: the policy is "error" (22008).
    """
    if not months and (policy != "exact" or 0 <= microseconds < 86_400_000_000):
        try:
            return timedelta(days, 0, microseconds)
        except OverflowError:
            pass
    if policy == "exact":
        return Interval(months, days, microseconds)
    text = postgres_text(months, days, microseconds)
    if policy == "error":
        raise unholdable("interval", text, "timedelta")
    return text


def postgres_text(months: int, days: int, microseconds: int) -> str:
    """Return an interval as the server prints it with IntervalStyle postgres."""
    infinity = _INFINITIES.get((months, days, microseconds))
    if infinity is not None:
        return infinity
    words: list[str] = []
    negative = False  # what follows a negative field has its sign told
    years = abs(months) // 12 * (-1 if months < 0 else 1)
    for number, name in ((years, "year"), (months - 12 * years, "mon"), (days, "day")):
        if number:
            sign = "+" if negative and number > 0 else ""
            words.append(f"{sign}{number} {name}{'' if number == 1 else 's'}")
            negative = number < 0
    if microseconds or not words:
        seconds, part = divmod(abs(microseconds), 1_000_000)
        sign = "-" if microseconds < 0 else "+" if negative else ""
        clock = f"{sign}{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
        words.append(clock + (f".{part:06}".rstrip("0") if part else ""))
    return " ".join(words)


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


def interval_decoder(policy: str = "error") -> Callable[[str], Any]:
    """Return the decoder of an interval in any style; see `span` for what it returns.

    Args:
        policy: for odd values.

    Raises (the decoder):
        DataError: malformed (22P02); what a timedelta cannot hold, where the policy is "error".
    """

    def decode_interval(text: str) -> Any:
        fields = interval_fields(text)
        if fields is None:
            if text not in ("infinity", "-infinity"):
                raise malformed("interval", text)
            fields = next(ends for ends, name in _INFINITIES.items() if name == text)
        if policy == "text":
            found = span(*fields, policy)
            return text if isinstance(found, str) else found
        return span(*fields, policy)

    return decode_interval
