"""Dates and times: text of every DateStyle to Python's classes, and Python's to ISO text.

Floor 1, pure; loaded with the first date or time. ISO is read at speed; the other styles
are read exactly as the reported DateStyle says, so that day and month are never guessed.
What Python cannot hold (infinity, BC, years after 9999, 24:00) is a `DataError` that says so.
"""

from __future__ import annotations

import re
import sys
from datetime import date, datetime, time, timedelta, timezone
from typing import TYPE_CHECKING

from .faults import malformed, unholdable

if TYPE_CHECKING:
    from collections.abc import Callable

    from .styles import Styles

__all__ = [
    "date_decoder",
    "decode_time",
    "decode_timetz",
    "timestamp_decoder",
    "timestamptz_decoder",
    "zone",
]

_TIME = r"(\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?"
_ZONE = r"([+-]\d\d(?::\d\d(?::\d\d)?)?)"
_ISO_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_ISO_STAMP = re.compile(rf"(\d{{4}})-(\d\d)-(\d\d) {_TIME}", re.ASCII)
_ISO_STAMPTZ = re.compile(rf"(\d{{4}})-(\d\d)-(\d\d) {_TIME}{_ZONE}", re.ASCII)
_TIME_ONLY = re.compile(_TIME, re.ASCII)
_TIMETZ_ONLY = re.compile(_TIME + _ZONE, re.ASCII)
# sound values that no class of Python's holds: infinities, BC, five and more digits of year
_ODD = re.compile(
    r"-?infinity|.*[0-9] BC|[0-9]{5,7}-[0-9]{2}-[0-9]{2}( .*)?"
    r"|[0-9]{2}[-/.][0-9]{2}[-/.][0-9]{5,7}( .*)?|[A-Z].* [0-9]{5,7}( .*)?"
)

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH = {name: number for number, name in enumerate(_MONTHS, 1)}
_UNIVERSAL = ("UTC", "GMT", "UCT", "Z")

#: `fromisoformat` reads every ISO form of PostgreSQL's since 3.11
_LIBERAL = sys.version_info >= (3, 11)

_zones: dict[str, timezone] = {"+00": timezone.utc}


def zone(text: str) -> timezone:
    """Return the fixed offset that PostgreSQL prints as `±HH[:MM[:SS]]`.

    Raises:
        ValueError: it is a day or more.
    """
    found = _zones.get(text)
    if found is None:
        seconds = int(text[1:3]) * 3600 + int(text[4:6] or 0) * 60 + int(text[7:9] or 0)
        found = timezone(timedelta(0, -seconds if text[0] == "-" else seconds))
        if len(_zones) >= 256:  # a hostile server could name 172,800 of them
            _zones.clear()
        _zones[text] = found
    return found


def _refusal(kind: str, text: str, holder: str) -> Exception:
    if len(text) < 64 and _ODD.fullmatch(text):
        return unholdable(kind, text, holder)
    return malformed(kind, text)


def _micros(digits: str | None) -> int:
    return int(digits.ljust(6, "0")) if digits else 0


def decode_time(text: str) -> time:
    """Decode `12:34:56.789`.

    Raises:
        DataError: malformed (22P02), or `24:00:00` (22008).
    """
    match = _TIME_ONLY.fullmatch(text)
    if match is not None:
        hour, minute, second, part = match.groups()
        try:
            return time(int(hour), int(minute), int(second), _micros(part))
        except ValueError:
            if text == "24:00:00":
                raise unholdable("time", text, "datetime.time") from None
    raise malformed("time", text)


def decode_timetz(text: str) -> time:
    """Decode `12:34:56+05:30`.

    Raises:
        DataError: malformed (22P02), or `24:00:00` (22008).
    """
    match = _TIMETZ_ONLY.fullmatch(text)
    if match is not None:
        hour, minute, second, part, offset = match.groups()
        try:
            return time(int(hour), int(minute), int(second), _micros(part), zone(offset))
        except ValueError:
            if text.startswith("24:00:00"):
                raise unholdable("timetz", text, "datetime.time") from None
    raise malformed("timetz", text)


def date_decoder(styles: Styles) -> Callable[[str], date]:
    """Return the decoder of `date` for a DateStyle."""
    read = _iso_date if styles.output == "iso" else _other_date(styles)

    def decode_date(text: str) -> date:
        try:
            return read(text)
        except ValueError:
            raise _refusal("date", text, "datetime.date") from None

    return decode_date


def timestamp_decoder(styles: Styles) -> Callable[[str], datetime]:
    """Return the decoder of `timestamp` for a DateStyle: naive datetimes."""
    read: Callable[[str], datetime]
    if styles.output == "iso":
        read = _iso_stamp_liberal if _LIBERAL else _iso_stamp
    else:
        read = _other_stamp(styles, zoned=False)

    def decode_timestamp(text: str) -> datetime:
        try:
            return read(text)
        except ValueError:
            raise _refusal("timestamp", text, "datetime.datetime") from None

    return decode_timestamp


def timestamptz_decoder(styles: Styles) -> Callable[[str], datetime]:
    """Return the decoder of `timestamptz` for a DateStyle: datetimes with a fixed offset.

    In the styles other than ISO the server prints a zone's abbreviation, which names no
    certain offset: only UTC and GMT are read, the rest is a `DataError`.
    """
    read: Callable[[str], datetime]
    if styles.output == "iso":
        read = _iso_stamptz_liberal if _LIBERAL else _iso_stamptz
    else:
        read = _other_stamp(styles, zoned=True)

    def decode_timestamptz(text: str) -> datetime:
        try:
            return read(text)
        except ValueError:
            raise _refusal("timestamptz", text, "datetime.datetime") from None

    return decode_timestamptz


def _iso_date(text: str) -> date:
    if not _ISO_DATE.fullmatch(text):
        raise ValueError
    return date.fromisoformat(text)


def _iso_stamp_liberal(text: str) -> datetime:
    if not _ISO_STAMP.fullmatch(text) or text[11:13] == "24":  # 3.13 would read 24:00
        raise ValueError
    return datetime.fromisoformat(text)


def _iso_stamptz_liberal(text: str) -> datetime:
    if not _ISO_STAMPTZ.fullmatch(text) or text[11:13] == "24":
        raise ValueError
    return datetime.fromisoformat(text)


def _iso_stamp(text: str) -> datetime:
    match = _ISO_STAMP.fullmatch(text)
    if match is None:
        raise ValueError
    year, month, day, hour, minute, second, part = match.groups()
    return datetime(  # noqa: DTZ001 - timestamp without time zone
        int(year), int(month), int(day), int(hour), int(minute), int(second), _micros(part)
    )


def _iso_stamptz(text: str) -> datetime:
    match = _ISO_STAMPTZ.fullmatch(text)
    if match is None:
        raise ValueError
    year, month, day, hour, minute, second, part, offset = match.groups()
    return datetime(
        int(year),
        int(month),
        int(day),
        int(hour),
        int(minute),
        int(second),
        _micros(part),
        zone(offset),
    )


_SEPARATOR = {"sql": "/", "postgres": "-", "german": "."}


def _other_date(styles: Styles) -> Callable[[str], date]:
    """Return the reader of `05/03/2024`, `03-05-2024`, `05.03.2024`; ValueError if not so."""
    separator = re.escape(_SEPARATOR.get(styles.output, "/"))
    pattern = re.compile(rf"(\d\d){separator}(\d\d){separator}(\d{{4}})", re.ASCII)
    known = styles.output in _SEPARATOR
    day_first = styles.day_first

    def read(text: str) -> date:
        match = pattern.fullmatch(text) if known else None
        if match is None:
            raise ValueError
        first, second, year = match.groups()
        if day_first:
            first, second = second, first
        return date(int(year), int(first), int(second))

    return read


def _other_stamp(styles: Styles, *, zoned: bool) -> Callable[[str], datetime]:
    """Return the reader of timestamps in the styles other than ISO; ValueError if not so."""
    offset = r"(?: ?([A-Za-z]{1,8}|[+-]\d\d(?::\d\d(?::\d\d)?)?))" if zoned else "()"
    if styles.output == "postgres":
        calendar = r"(\d\d) ([A-Z][a-z]{2})" if styles.day_first else r"([A-Z][a-z]{2}) (\d\d)"
        pattern = re.compile(rf"[A-Z][a-z]{{2}} {calendar} {_TIME} (\d{{4}}){offset}", re.ASCII)
    else:
        mark = re.escape(_SEPARATOR.get(styles.output, "/"))
        pattern = re.compile(rf"(\d\d){mark}(\d\d){mark}(\d{{4}}) {_TIME}{offset}", re.ASCII)
    known = styles.output in _SEPARATOR
    day_first = styles.day_first
    wordy = styles.output == "postgres"

    def read(text: str) -> datetime:
        match = pattern.fullmatch(text) if known else None
        if match is None:
            raise ValueError
        if wordy:
            first, second, hour, minute, sec, part, year, name = match.groups()
        else:
            first, second, year, hour, minute, sec, part, name = match.groups()
        day, month = (first, second) if day_first else (second, first)
        return datetime(
            int(year),
            _MONTH.get(month, 0) if wordy else int(month),
            int(day),
            int(hour),
            int(minute),
            int(sec),
            _micros(part),
            _named_zone(name) if zoned else None,
        )

    return read


def _named_zone(name: str) -> timezone:
    if name in _UNIVERSAL:
        return timezone.utc
    if name[0] in "+-":
        return zone(name)
    raise ValueError(name)
