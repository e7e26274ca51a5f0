"""Input functions of dates and times: what PostgreSQL 18 reads, less what needs a clock.

Floor 1, pure; loaded with the first declared column of such a type. A text is cut into
fields (a date, a clock time, a zone, names of months, numbers) that are then put together
under the order of days and months that DateStyle gives. Not read here: zone names other
than UTC's own, Julian days, `now` and its kin, week dates. docs/differences.md lists that.
"""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from typing import TYPE_CHECKING, NamedTuple

from . import oids
from .faults import cited, input_error, input_syntax, unholdable

if TYPE_CHECKING:
    from collections.abc import Callable

    from .styles import Styles

__all__ = ["date_in", "time_in", "timestamp_in"]

_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
_MONTH = {name: number for number, name in enumerate(_MONTHS, 1)}
_MONTH.update(
    zip(
        "january february march april june july august september sept october november"
        " december".split(),
        (1, 2, 3, 4, 6, 7, 8, 9, 9, 10, 11, 12),
    )
)
_WEEKDAYS = frozenset(
    "sun sunday mon monday tue tues tuesday wed weds wednesday thu thur thurs thursday"
    " fri friday sat saturday".split()
)
_UNIVERSAL = frozenset("utc gmt uct z zulu ut".split())
_CLOCKED = frozenset("now today tomorrow yesterday allballs".split())

_FIELD = re.compile(
    r"\s+|,"
    r"|(?P<time>(?P<h>\d{1,9}):(?P<m>\d{1,2})(?::(?P<s>\d{1,2})(?:\.(?P<f>\d*))?)?)"
    r"|(?P<date>(?P<a>\d+|[A-Za-z]{3,9})(?P<mark>[-/.])(?P<b>\d+|[A-Za-z]{3,9})(?P=mark)(?P<c>\d+))"
    r"|(?P<packed>\d{8}|\d{6}|\d{4}(?=$))(?=[Tt\s]|$)"
    r"|[Jj](?P<julian>\d{1,9})(?=\s|$)"
    r"|(?P<zone>[+-]\d{1,2}(?::?\d\d(?::?\d\d)?)?)(?=\s|$)"
    r"|(?P<number>\d{1,7})(?![\d:])"
    r"|(?P<tee>[Tt](?=\d))"
    r"|(?P<word>[A-Za-z]+(?:/[A-Za-z_+-]+[0-9]*)*)"
    r"|(?P<other>.)",
    re.ASCII | re.DOTALL,
)
_INFINITE = frozenset(("infinity", "-infinity", "+infinity"))
#: the Julian day before 0001-01-01
_JULIAN = 1_721_425
_HINT = 'Perhaps you need a different "DateStyle" setting.'


class _Parts(NamedTuple):
    """What was read. `clock` in microseconds, `zone` None where none was given."""

    day: date | None
    clock: int | None
    zone: tzinfo | None


class _Reading:
    """One text being read as `kind`; every refusal is worded here."""

    def __init__(self, text: str, kind: str, styles: Styles, *, of_day: bool = False) -> None:
        self.text = text
        self.kind = kind
        self.styles = styles
        self.of_day = of_day  # a time or timetz, which have no date
        self.day: tuple[int, int, int] | None = None
        self.clock: int | None = None
        self.zone: tzinfo | None = None
        self.month = 0
        self.numbers: list[str] = []
        self.era = self.meridian = ""

    def syntax(self) -> Exception:
        return input_syntax(self.kind, self.text, "22007")

    def overflow(self, *, order: bool = False) -> Exception:
        return input_error(
            "22008",
            f"date/time field value out of range: {cited(self.text)}",
            hint=_HINT if order else None,
        )

    def odd(self) -> Exception:
        holder = {"date": "datetime.date"}.get(self.kind, "datetime.datetime")
        return unholdable(self.kind, self.text, holder)

    def parts(self) -> _Parts:
        """Cut the text into fields and put them together."""
        if self.text.strip().lower() in _INFINITE and not self.of_day:
            raise self.odd()
        for match in _FIELD.finditer(self.text):
            sort = match.lastgroup
            if sort is not None:
                self._field(sort, match)
        if self.day is None and (self.month or self.numbers):
            self.day = self._named(self.month, self.numbers)
        elif self.month or self.numbers:
            raise self.syntax()
        if self.meridian and (self.day or self.clock is not None):
            self.clock = self._meridian(self.clock or 0)
        if self.day is None:
            return _Parts(None, self.clock, self.zone)
        return _Parts(self._calendar(self.day, self.era), self.clock, self.zone)

    def _field(self, sort: str, match: re.Match[str]) -> None:
        field = match.group()
        if sort == "time" and self.clock is None:
            self.clock = self._time(*match.group("h", "m", "s", "f"))
        elif sort == "date" and self.day is None:
            self.day = self._date(match)
        elif sort == "packed":
            self._packed(field)
        elif sort == "julian" and self.day is None:
            try:
                julian = date.fromordinal(int(match.group("julian")) - _JULIAN)
            except (ValueError, OverflowError):
                raise self.odd() from None
            self.day = julian.year, julian.month, julian.day
        elif sort == "zone" and self.zone is None and (self.day or self.clock is not None):
            self.zone = self._offset(field)
        elif sort == "number":
            self.numbers.append(field)
        elif sort == "word":
            self._word(field)
        elif sort != "tee":
            raise self.syntax()

    def _word(self, field: str) -> None:
        word = field.lower()
        if word in _MONTH and not self.month:
            self.month = _MONTH[word]
        elif word in _UNIVERSAL and self.zone is None:
            self.zone = timezone.utc
        elif word in {"bc", "ad"} and not self.era:
            self.era = word
        elif word in {"am", "pm"} and not self.meridian:
            self.meridian = word
        elif "/" in word and self.zone is None:
            self.zone = _zone_named(field)
        elif word in _CLOCKED:
            raise input_error(
                "0A000", f"the value {cited(self.text)} of type {self.kind} needs a clock"
            )
        elif word not in _WEEKDAYS:
            raise self.syntax()

    def _packed(self, field: str) -> None:
        """Take digits without marks: a date of 8 or 6, a time of 6 or 4, else a number."""
        is_time = self.day is not None or self.of_day
        if is_time and self.clock is None and len(field) < 8:
            self.clock = self._time(field[:2], field[2:4], field[4:], None)
        elif len(field) == 4:
            self.numbers.append(field)
        elif self.day is not None or self.month:
            raise self.syntax()
        else:
            year = field[:-4]
            self.day = self._year(year), int(field[-4:-2]), int(field[-2:])

    def _time(self, *fields: str | None) -> int:
        hour, minute, second = (int(field or 0) for field in fields[:3])
        part = round(float("0." + fields[3]) * 1_000_000) if fields[3] else 0
        if hour > 24 or minute > 59 or second > 60 or (second == 60 and part):
            raise self.overflow()
        clock = ((hour * 60 + minute) * 60 + second) * 1_000_000 + part
        if clock > 86_400_000_000:
            raise self.overflow()
        return clock

    def _meridian(self, clock: int) -> int:
        hour = clock // 3_600_000_000
        if hour > 12:
            raise self.overflow()
        if self.meridian == "pm" and hour != 12:
            return clock + 43_200_000_000
        if self.meridian == "am" and hour == 12:
            return clock - 43_200_000_000
        return clock

    def _offset(self, field: str) -> tzinfo:
        digits = field[1:].replace(":", "")
        if len(digits) % 2:
            digits = "0" + digits
        hours, minutes, seconds = (int(digits[n : n + 2] or 0) for n in (0, 2, 4))
        if hours > 15 or minutes > 59 or seconds > 59:
            raise input_error("22009", f"time zone displacement out of range: {cited(self.text)}")
        offset = timedelta(hours=hours, minutes=minutes, seconds=seconds)
        return timezone(-offset if field[0] == "-" else offset)

    def _date(self, match: re.Match[str]) -> tuple[int, int, int]:
        a, b, c = match.group("a", "b", "c")
        if a.isalpha():
            a, b = b, a
        if b.isalpha():
            month = _MONTH.get(b.lower())
            if month is None:
                raise self.syntax()
            return self._named(month, [a, c])
        if max(len(a), len(b), len(c)) > 9:
            raise self.overflow(order=True)
        if len(a) > 2:
            return int(a), int(b), int(c)
        order = self.styles.datestyle.partition(",")[2].strip().upper()
        if order == "YMD":
            return self._year(a), int(b), int(c)
        if order == "DMY":
            return self._year(c), int(b), int(a)
        return self._year(c), int(a), int(b)

    def _named(self, month: int, numbers: list[str]) -> tuple[int, int, int]:
        if not month or len(numbers) != 2:
            raise self.syntax()
        first, second = numbers
        if len(first) > 2:
            first, second = second, first
        return self._year(second), month, int(first)

    def _year(self, digits: str) -> int:
        year = int(digits)
        if len(digits) <= 2:  # 1970 to 2069
            return year + (1900 if year >= 70 else 2000)
        return year

    def _calendar(self, day: tuple[int, int, int], era: str) -> date:
        year, month, number = day
        if year == 0:
            raise self.overflow()
        if not 1 <= month <= 12 or not 1 <= number <= 31:
            raise self.overflow(order=True)
        leap = 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
        if number > (leap if month == 2 else 30 if month in {4, 6, 9, 11} else 31):
            raise self.overflow()
        if year > 5_874_897 or (self.kind != "date" and year > 294_276):
            raise input_error(
                "22008", f"{self.kind.partition(' ')[0]} out of range: {cited(self.text)}"
            )
        if era == "bc" or year > 9999:
            raise self.odd()
        return date(year, month, number)


def _zone_named(name: str) -> tzinfo:
    if name.upper() in {"UTC", "GMT", "ETC/UTC", "UCT", "ETC/UCT", "ZULU"}:
        return timezone.utc
    try:
        from zoneinfo import ZoneInfo

        return ZoneInfo(name)
    except (ImportError, LookupError, ValueError, OSError):
        raise input_error("22023", f"time zone {cited(name)} not recognized") from None


def date_in(styles: Styles) -> Callable[[str], date]:
    """Return the input function of date.

    Raises (the function):
        DataError: 22007, 22008, 22009; 22008 what Python's date cannot hold.
    """

    def read(text: str) -> date:
        if text.strip().lower() == "epoch":
            return date(1970, 1, 1)
        reading = _Reading(text, "date", styles)
        parts = reading.parts()
        if parts.day is None:
            raise reading.syntax()
        return parts.day

    return read


def _rounded(clock: int, typmod: int) -> int:
    if not 0 <= typmod < 6:
        return clock
    unit: int = 10 ** (6 - typmod)
    return (clock + unit // 2) // unit * unit


def timestamp_in(oid: int, typmod: int, styles: Styles) -> Callable[[str], datetime]:
    """Return the input function of timestamp or timestamptz.

    A timestamptz without a zone is in the session's; one that has none keeps the offset
    that was written.

    Raises (the function):
        DataError: as `date_in`; 22023 when the session's zone is not known to Python.
    """
    kind = oids.kind_name(oid).replace(" without time zone", "")
    zoned = oid == oids.TIMESTAMPTZ

    def read(text: str) -> datetime:
        reading = _Reading(text, kind, styles)
        if text.strip().lower() == "epoch":
            parts = _Parts(date(1970, 1, 1), 0, timezone.utc)
        else:
            parts = reading.parts()
        if parts.day is None:
            raise reading.syntax()
        zone = None
        if zoned:
            zone = parts.zone or _zone_named(styles.timezone)
        midnight = datetime(parts.day.year, parts.day.month, parts.day.day, tzinfo=zone)
        try:
            return midnight + timedelta(0, 0, _rounded(parts.clock or 0, typmod))
        except OverflowError:
            raise reading.odd() from None

    return read


def time_in(oid: int, typmod: int, styles: Styles) -> Callable[[str], time]:
    """Return the input function of time or timetz; a date beside it is ignored.

    Raises (the function):
        DataError: as `date_in`; 22008 for `24:00:00`.
    """
    zoned = oid == oids.TIMETZ
    kind = oids.kind_name(oid).replace(" without time zone", "")

    def read(text: str) -> time:
        reading = _Reading(text, kind, styles, of_day=True)
        parts = reading.parts()
        if parts.clock is None:
            raise reading.syntax()
        zone = parts.zone
        seconds, part = divmod(_rounded(parts.clock, typmod), 1_000_000)
        if seconds >= 86_400:
            raise unholdable(kind, text, "datetime.time")
        if zoned:
            zone = zone or _zone_named(styles.timezone)
            if not isinstance(zone, timezone):  # the offset of that day, if there is one
                day = parts.day or date(2000, 1, 1)
                offset = datetime(day.year, day.month, day.day, tzinfo=zone).utcoffset()
                zone = timezone(offset or timedelta(0))
        else:
            zone = None
        return time(seconds // 3600, seconds // 60 % 60, seconds % 60, part, zone)

    return read
