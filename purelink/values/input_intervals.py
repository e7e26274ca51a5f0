"""The input function of interval: the four output styles, and counted units in any order.

Floor 1, pure; loaded with the first declared interval column.
"""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from .faults import cited, input_error, input_syntax, unholdable
from .interval import Interval, interval_fields

if TYPE_CHECKING:
    from collections.abc import Callable

    from .styles import Styles

__all__ = ["interval_in"]

_HOUR, _MINUTE, _SECOND = 3_600_000_000, 60_000_000, 1_000_000
_DAY = 24 * _HOUR
#: unit -> (months, days, microseconds) of one
_UNITS: dict[str, tuple[int, int, int]] = {}
for _names, _of_one in (
    ("millennium millennia mil mils", (12000, 0, 0)),
    ("century centuries cent c", (1200, 0, 0)),
    ("decade decades dec decs", (120, 0, 0)),
    ("year years yr yrs y", (12, 0, 0)),
    ("month months mon mons", (1, 0, 0)),
    ("week weeks w", (0, 7, 0)),
    ("day days d", (0, 1, 0)),
    ("hour hours hr hrs h", (0, 0, _HOUR)),
    ("minute minutes min mins m", (0, 0, _MINUTE)),
    ("second seconds sec secs s", (0, 0, _SECOND)),
    ("millisecond milliseconds msec msecs msecond mseconds ms", (0, 0, 1000)),
    ("microsecond microseconds usec usecs usecond useconds us", (0, 0, 1)),
):
    for _name in _names.split():
        _UNITS[_name] = _of_one
_CLOCK = {(0, 0, _HOUR), (0, 0, _MINUTE), (0, 0, _SECOND)}
_NUMBER = r"[+-]?(?:\d{1,18}(?:\.\d{0,18})?|\.\d{1,18})"
_PIECE = re.compile(
    rf"\s*(?:(?P<sign>[+-]?)(?P<h>\d{{1,10}}):(?P<m>\d\d?)(?::(?P<s>\d\d?)(?:\.(?P<f>\d*))?)?"
    rf"|(?P<number>{_NUMBER})\s*(?P<unit>[A-Za-z]+)?|(?P<ago>ago))(?=\s|$|[-+0-9])\s*",
    re.ASCII | re.IGNORECASE,
)
# ISO 8601 with designators, any number with a fraction; after the T come hours and less
_ISO_FORM = re.compile(
    rf"P((?:{_NUMBER}[YMWD])*)(?:T((?:{_NUMBER}[HMS])*))?", re.ASCII | re.IGNORECASE
)
_ISO_PIECE = re.compile(rf"({_NUMBER})([A-Z])", re.ASCII | re.IGNORECASE)
_DESIGNATED = (
    {"Y": (12, 0, 0), "M": (1, 0, 0), "W": (0, 7, 0), "D": (0, 1, 0)},
    {"H": (0, 0, _HOUR), "M": (0, 0, _MINUTE), "S": (0, 0, _SECOND)},
)
# the modifier's field bits whose last one a bare number is in; see types._FIELDS
_LAST_FIELDS = (
    (1 << 12, (0, 0, _SECOND)),
    (1 << 11, (0, 0, _MINUTE)),
    (1 << 10, (0, 0, _HOUR)),
    (1 << 3, (0, 1, 0)),
    (1 << 1, (1, 0, 0)),
    (1 << 2, (12, 0, 0)),
)
_MOST = ((1 << 31) - 1, (1 << 31) - 1, (1 << 63) - 1)


def interval_in(typmod: int, styles: Styles) -> Callable[[str], Interval | timedelta]:
    """Return the input function of interval with a modifier (-1: none).

    Raises (the function):
        DataError: 22007; 22015 a field is out of range; 22008 infinity.
    """
    fields = 0x7FFF if typmod < 0 else typmod >> 16
    precision = 0xFFFF if typmod < 0 else typmod & 0xFFFF
    standard = styles.intervalstyle == "sql_standard"

    def read(text: str) -> Interval | timedelta:
        word = text.strip()
        read_fields = None
        # a bare number, or days before a clock, depend on the modifier and the style
        if not re.match(r"[+-]?\d+(?:\s|$)", word) or re.match(r"[+-]?\d+ [a-z]", word):
            read_fields = interval_fields(word)
        if read_fields is None and standard:
            read_fields = interval_fields(word)
        if read_fields is None:
            read_fields = _iso(word) or _units(text, fields)
        if abs(read_fields[0]) > _MOST[0]:
            raise input_error("22008", "interval out of range")
        if any(not -most - 1 <= value <= most for value, most in zip(read_fields, _MOST)):
            raise input_error("22015", f"interval field value out of range: {cited(text)}")
        months, days, micros = _adjusted(*read_fields, fields, precision)
        if not months:
            try:
                return timedelta(days, 0, micros)
            except OverflowError:
                pass
        return Interval(months, days, micros)

    return read


def _iso(word: str) -> tuple[int, int, int] | None:
    match = _ISO_FORM.fullmatch(word)
    if match is None or len(word) < 2:
        return None
    total = (0, 0, 0)
    for part, units in zip(match.groups(), _DESIGNATED):
        for number, letter in _ISO_PIECE.findall(part or ""):
            months, days, micros = _amount(Decimal(number), units[letter.upper()])
            total = total[0] + months, total[1] + days, total[2] + micros
    return total


def _units(text: str, fields: int) -> tuple[int, int, int]:
    """Read `1 day 02:03 -4.5 mins ago` and the like; a bare number takes the last field."""
    word = text.strip()
    if word.lower() in {"infinity", "-infinity", "+infinity"}:
        raise unholdable("interval", text, "timedelta")
    months = days = micros = at = 0
    ago = False
    seen: set[tuple[int, int, int]] = set()  # no unit may come twice
    while at < len(word):
        match = _PIECE.match(word, at)
        if match is None or ago:
            raise input_syntax("interval", text, "22007")
        at = match.end()
        if match.group("ago"):
            ago = True
        elif match.group("h") is not None:
            micros += _clock(match, text)
            if not seen.isdisjoint(_CLOCK):
                raise input_syntax("interval", text, "22007")
            seen |= _CLOCK
        else:
            one = _unit(match, at == len(word), fields, text)
            if one in seen:
                raise input_syntax("interval", text, "22007")
            seen.add(one)
            add = _amount(Decimal(match.group("number")), one)
            months, days, micros = months + add[0], days + add[1], micros + add[2]
    if not word or word.lower() == "ago":
        raise input_syntax("interval", text, "22007")
    return (-months, -days, -micros) if ago else (months, days, micros)


def _clock(match: re.Match[str], text: str) -> int:
    hours, minutes, seconds = (int(match.group(name) or 0) for name in "hms")
    digits = (match.group("f") or "")[:7]
    if minutes > 59 or seconds > 59:
        raise input_error("22015", f"interval field value out of range: {cited(text)}")
    part = int(Decimal("0." + (digits or "0")) * _SECOND)
    total = hours * _HOUR + minutes * _MINUTE + seconds * _SECOND + part
    return -total if match.group("sign") == "-" else total


def _unit(match: re.Match[str], last: bool, fields: int, text: str) -> tuple[int, int, int]:
    """Return what one of the unit is, written or implied."""
    unit = match.group("unit")
    if unit is not None:
        one = _UNITS.get(unit.lower())
        if one is not None:
            return one
    elif last:
        seconds = (0, 0, _SECOND)
        if fields == 0x7FFF:
            return seconds
        return next((of for bit, of in _LAST_FIELDS if fields & bit), seconds)
    elif re.match(r"[+-]?\d+:", match.string[match.end() :]):
        return 0, 1, 0  # days before a clock time
    raise input_syntax("interval", text, "22007")


def _amount(amount: Decimal, one: tuple[int, int, int]) -> tuple[int, int, int]:
    """Return so many units, fractions carried down: 1.5 months are a month and 15 days."""
    months = amount * one[0]
    days = amount * one[1] + (months % 1) * 30
    micros = amount * one[2] + (days % 1) * _DAY
    return int(months), int(days), int(micros.to_integral_value())


def _adjusted(
    months: int, days: int, micros: int, fields: int, precision: int
) -> tuple[int, int, int]:
    """Apply the modifier: fields that it does not have are cut off, seconds are rounded."""

    def whole(unit: int) -> int:
        return (micros // unit if micros >= 0 else -(-micros // unit)) * unit

    if fields != 0x7FFF:
        if fields == 1 << 2:
            months = (months // 12 if months >= 0 else -(-months // 12)) * 12
        if not fields & ~(1 << 1 | 1 << 2):
            return months, 0, 0
        if fields == 1 << 3:
            return months, days, 0
        if not fields & (1 << 11 | 1 << 12):
            micros = whole(_HOUR)
        elif not fields & 1 << 12:
            micros = whole(_MINUTE)
    if precision < 6:
        unit = 10 ** (6 - precision)
        half = unit // 2
        micros = (
            (micros + half) // unit * unit if micros >= 0 else -((half - micros) // unit * unit)
        )
    return months, days, micros
