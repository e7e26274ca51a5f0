"""Dates and times that Python cannot hold, as PostgreSQL keeps them: one number each.

Floor 1, pure; loaded with the first such value, or by a program that makes one. With
`odd_values="exact"` infinities, BC, years after 9999 and 24:00 come as these classes, which are
sent back unchanged. Calendars repeat every 400 years, so Python's own does the reckoning.
"""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta, timezone
from functools import total_ordering
from typing import TYPE_CHECKING, Any, ClassVar

from ..errors import InterfaceError

if TYPE_CHECKING:
    from .styles import Styles

__all__ = ["MOMENTS", "Date", "Time", "TimeTZ", "Timestamp", "TimestampTZ", "read_moment"]

#: days in 400 years, and the ordinal of 2000-01-01
_CYCLE = 146_097
_EPOCH = 730_120
_DAY = 86_400_000_000

# PostgreSQL's own bounds: 4713-11-24 BC, and one past 5874897-12-31 and 294276-12-31
FIRST_DAY, PAST_DAYS, PAST_STAMP_DAYS = -2_451_545, 2_145_031_949, 106_751_983


def calendar(days: int) -> tuple[int, int, int]:
    """Return year, month and day of a number of days from 2000-01-01; year 0 is 1 BC."""
    cycles, rest = divmod(days + _EPOCH - 1, _CYCLE)
    found = date.fromordinal(rest + 1)
    return found.year + 400 * cycles, found.month, found.day


def days_of(year: int, month: int, day: int) -> int:
    """Return the days from 2000-01-01; year 0 is 1 BC.

    Raises:
        ValueError: there is no such day.
    """
    cycles, rest = divmod(year - 1, 400)
    return date(rest + 1, month, day).toordinal() + cycles * _CYCLE - _EPOCH


def _year(year: int) -> tuple[str, str]:
    """Return a year's digits, and what stands behind the whole for those before Christ."""
    return (f"{year:04}", "") if year > 0 else (f"{1 - year:04}", " BC")


def _clock(micros: int) -> str:
    seconds, part = divmod(micros, 1_000_000)
    text = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return text + f".{part:06}".rstrip("0") if part else text


def offset_text(seconds: int) -> str:
    """Return an offset east of UTC as PostgreSQL prints it: `+01`, `-03:30`, `+00:19:32`."""
    sign, rest = "-" if seconds < 0 else "+", abs(seconds)
    text = f"{sign}{rest // 3600:02}"
    if rest % 3600:
        text += f":{rest // 60 % 60:02}"
    if rest % 60:
        text += f":{rest % 60:02}"
    return text


@total_ordering
class _Kept:
    """A number that PostgreSQL keeps a value as. Immutable, hashable, ordered."""

    __slots__ = ("_number",)
    _number: int
    #: what the numbers at the ends mean, the least and the first that is too large
    _ends: ClassVar[tuple[int, int]] = (0, 0)
    _least: ClassVar[int] = 0
    _past: ClassVar[int] = 0

    def __init__(self, number: int) -> None:
        if number not in self._ends and not self._least <= number < self._past:
            raise InterfaceError(f"{type(self).__name__}({number}) is out of PostgreSQL's range")
        object.__setattr__(self, "_number", number)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a {type(self).__name__} cannot be changed")

    def _other(self, other: Any) -> int | None:
        return other._number if type(other) is type(self) else None  # noqa: SLF001 - of our own class

    def __eq__(self, other: object) -> bool:
        number = self._other(other)
        return NotImplemented if number is None else self._number == number

    def __lt__(self, other: object) -> bool:
        number = self._other(other)
        return NotImplemented if number is None else self._number < number

    def __hash__(self) -> int:
        return hash((type(self).__name__, self._number))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._number,)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._number})  # {self}"

    @property
    def infinite(self) -> bool:
        """It is `infinity` or `-infinity`."""
        return self._number in self._ends

    def _end(self) -> str | None:
        if self._number == self._ends[0]:
            return "-infinity"
        return "infinity" if self._number == self._ends[1] else None


class Date(_Kept):
    """A date as PostgreSQL keeps it; compares with `datetime.date`, too.

    Args:
        days: from 2000-01-01; the ends of int32 are the infinities.

    Attributes:
        INFINITY, MINUS_INFINITY: the dates after and before all others.

    Raises:
        InterfaceError: PostgreSQL has no such date.
    """

    __slots__ = ()
    _ends = (-(1 << 31), (1 << 31) - 1)
    _least, _past = FIRST_DAY, PAST_DAYS
    INFINITY: ClassVar[Date]
    MINUS_INFINITY: ClassVar[Date]

    @property
    def days(self) -> int:
        """Days from 2000-01-01."""
        return self._number

    def _other(self, other: Any) -> int | None:
        if isinstance(other, date) and not isinstance(other, datetime):
            return other.toordinal() - _EPOCH
        return super()._other(other)

    def __hash__(self) -> int:
        try:  # equal to a date of Python's, so of one hash with it
            return hash(date.fromordinal(self._number + _EPOCH))
        except (ValueError, OverflowError):
            return hash(("Date", self._number))

    __eq__ = _Kept.__eq__

    def __str__(self) -> str:
        """Return it as PostgreSQL prints it with DateStyle ISO."""
        end = self._end()
        if end is not None:
            return end
        year, month, day = calendar(self._number)
        digits, era = _year(year)
        return f"{digits}-{month:02}-{day:02}{era}"


Date.INFINITY = Date(Date._ends[1])  # noqa: SLF001 - of our own class
Date.MINUS_INFINITY = Date(Date._ends[0])  # noqa: SLF001


class Timestamp(_Kept):
    """A timestamp without time zone as PostgreSQL keeps it.

    Args:
        microseconds: from 2000-01-01 00:00; the ends of int64 are the infinities.

    Attributes:
        INFINITY, MINUS_INFINITY: the timestamps after and before all others.

    Raises:
        InterfaceError: PostgreSQL has no such timestamp.
    """

    __slots__ = ()
    _ends = (-(1 << 63), (1 << 63) - 1)
    _least, _past = FIRST_DAY * _DAY, PAST_STAMP_DAYS * _DAY
    _zone: ClassVar[timezone | None] = None
    INFINITY: ClassVar[Timestamp]
    MINUS_INFINITY: ClassVar[Timestamp]

    @property
    def microseconds(self) -> int:
        """Microseconds from 2000-01-01 00:00, for a `TimestampTZ` in UTC."""
        return self._number

    def _other(self, other: Any) -> int | None:
        if isinstance(other, datetime):
            if (other.tzinfo is None) != (self._zone is None):
                return None
            span = other - datetime(2000, 1, 1, tzinfo=self._zone)
            return (span.days * 86_400 + span.seconds) * 1_000_000 + span.microseconds
        return super()._other(other)

    def __hash__(self) -> int:
        try:
            return hash(datetime(2000, 1, 1, tzinfo=self._zone) + timedelta(0, 0, self._number))
        except OverflowError:
            return hash((type(self).__name__, self._number))

    __eq__ = _Kept.__eq__

    def __str__(self) -> str:
        """Return it as PostgreSQL prints it with DateStyle ISO and TimeZone UTC."""
        end = self._end()
        if end is not None:
            return end
        days, micros = divmod(self._number, _DAY)
        year, month, day = calendar(days)
        digits, era = _year(year)
        zone = "" if self._zone is None else "+00"
        return f"{digits}-{month:02}-{day:02} {_clock(micros)}{zone}{era}"


class TimestampTZ(Timestamp):
    """A timestamp with time zone as PostgreSQL keeps it, in UTC; else as `Timestamp`."""

    __slots__ = ()
    _zone = timezone.utc
    INFINITY: ClassVar[TimestampTZ]
    MINUS_INFINITY: ClassVar[TimestampTZ]


for _kind in (Timestamp, TimestampTZ):
    _kind.MINUS_INFINITY, _kind.INFINITY = map(_kind, _kind._ends)  # noqa: SLF001


class Time(_Kept):
    """A time without time zone as PostgreSQL keeps it, 24:00:00 among them.

    Args:
        microseconds: from midnight, at most those of 24 hours.

    Raises:
        InterfaceError: PostgreSQL has no such time.
    """

    __slots__ = ()
    _ends = (0, _DAY)
    _least, _past = 0, _DAY

    @property
    def microseconds(self) -> int:
        """Microseconds from midnight."""
        return self._number

    @property
    def infinite(self) -> bool:
        """No time is."""
        return False

    def _other(self, other: Any) -> int | None:
        if isinstance(other, time) and other.tzinfo is None:
            seconds = (other.hour * 60 + other.minute) * 60 + other.second
            return seconds * 1_000_000 + other.microsecond
        return super()._other(other)

    def __hash__(self) -> int:
        if self._number == _DAY:
            return hash(("Time", self._number))
        seconds, part = divmod(self._number, 1_000_000)
        return hash(time(seconds // 3600, seconds // 60 % 60, seconds % 60, part))

    __eq__ = _Kept.__eq__

    def __str__(self) -> str:
        """Return it as PostgreSQL prints it."""
        return _clock(self._number)


class TimeTZ:
    """A time with time zone as PostgreSQL keeps it, 24:00:00 among them.

    Args:
        microseconds: from midnight, at most those of 24 hours.
        offset: seconds east of UTC, less than 16 hours.

    Raises:
        InterfaceError: PostgreSQL has no such time.
    """

    __slots__ = ("microseconds", "offset")
    microseconds: int
    offset: int

    def __init__(self, microseconds: int, offset: int) -> None:
        if not 0 <= microseconds <= _DAY or abs(offset) >= 57_600:
            raise InterfaceError(f"TimeTZ({microseconds}, {offset}) is out of PostgreSQL's range")
        object.__setattr__(self, "microseconds", microseconds)
        object.__setattr__(self, "offset", offset)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("a TimeTZ cannot be changed")

    def __eq__(self, other: object) -> bool:
        if isinstance(other, TimeTZ):
            return (self.microseconds, self.offset) == (other.microseconds, other.offset)
        return NotImplemented

    def __hash__(self) -> int:
        return hash((self.microseconds, self.offset))

    def __reduce__(self) -> tuple[Any, ...]:
        return TimeTZ, (self.microseconds, self.offset)

    def __repr__(self) -> str:
        return f"TimeTZ({self.microseconds}, {self.offset})  # {self}"

    def __str__(self) -> str:
        """Return it as PostgreSQL prints it."""
        return _clock(self.microseconds) + offset_text(self.offset)


#: kind -> its class
MOMENTS: dict[str, type[Date | Timestamp]] = {
    "date": Date,
    "timestamp": Timestamp,
    "timestamptz": TimestampTZ,
}

# -- from text -----------------------------------------------------------------------------

_TIME = r"(?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d)(?:\.(?P<part>\d{1,6}))?"
_ZONE = r"(?: ?(?P<zone>[+-]\d\d(?::\d\d(?::\d\d)?)?|UTC|GMT|UCT|Z))?"
_ERA = r"(?P<era> BC)?"
_TWO = r"(?P<first>\d\d){mark}(?P<second_>\d\d){mark}(?P<year>\d{{4,7}})"
_MONTHS = "JanFebMarAprMayJunJulAugSepOctNovDec"


def _pattern(styles: Styles, *, clock: bool) -> re.Pattern[str]:
    behind = f" {_TIME}{_ZONE}" if clock else ""
    output = styles.output
    if output == "iso":
        day = r"(?P<year>\d{4,7})-(?P<first>\d\d)-(?P<second_>\d\d)"
    elif output == "postgres" and clock:
        first, second = r"(?P<first>[A-Z][a-z]{2})", r"(?P<second_>\d\d)"
        order = f"{second} {first}" if styles.day_first else f"{first} {second}"
        day = rf"[A-Z][a-z]{{2}} {order}"
        behind = rf" {_TIME} (?P<year>\d{{4,7}}){_ZONE}"
    else:
        mark = re.escape({"german": ".", "postgres": "-"}.get(output, "/"))
        day = _TWO.format(mark=mark)
    return re.compile(day + behind + _ERA, re.ASCII)


def _seconds(zone: str | None) -> int:
    if not zone or zone[0] not in "+-":
        return 0
    total = int(zone[1:3]) * 3600 + int(zone[4:6] or 0) * 60 + int(zone[7:9] or 0)
    return -total if zone[0] == "-" else total


def read_moment(kind: str, text: str, styles: Styles) -> Date | Timestamp | None:
    """Return a date or timestamp of any year from its text; None where it is none.

    Args:
        kind: "date", "timestamp" or "timestamptz".
        styles: the DateStyle that the text was written under.
    """
    make = MOMENTS[kind]
    if text in ("infinity", "-infinity"):
        return make.INFINITY if text[0] == "i" else make.MINUS_INFINITY
    match = _pattern(styles, clock=kind != "date").fullmatch(text) if len(text) < 64 else None
    if match is None:
        return None
    part = match.groupdict()
    year, first, second = int(part["year"]), part["first"], part["second_"]
    if styles.output == "postgres" and kind != "date":
        place = _MONTHS.find(first)
        month, day = (place // 3 + 1 if place % 3 == 0 else 0), int(second)
    elif styles.output != "iso" and styles.day_first:
        month, day = int(second), int(first)
    else:
        month, day = int(first), int(second)
    if 0 < year <= 9999 and not part["era"]:
        return None  # Python has refused it, and rightly
    try:
        days = days_of(1 - year if part["era"] else year, month, day)
        return Date(days) if kind == "date" else _stamp(kind, days, part)
    except (ValueError, InterfaceError):
        return None


def _stamp(kind: str, days: int, part: dict[str, str | None]) -> Timestamp:
    hour, minute, second = (int(part[name] or 0) for name in ("hour", "minute", "second"))
    offset = _seconds(part["zone"]) if kind == "timestamptz" else 0
    if hour > 23 or minute > 59 or second > 59 or abs(offset) >= 57_600:
        raise ValueError
    if (kind == "timestamptz") != bool(part["zone"]):
        raise ValueError
    seconds = days * 86_400 + hour * 3600 + minute * 60 + second - offset
    make = TimestampTZ if kind == "timestamptz" else Timestamp
    return make(seconds * 1_000_000 + int((part["part"] or "").ljust(6, "0")))
