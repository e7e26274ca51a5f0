"""Dates and times: text of every DateStyle to Python's classes, and Python's to ISO text.

Floor 1, pure; loaded with the first date or time. ISO is read at speed; the other styles
are read exactly as the reported DateStyle says, so that day and month are never guessed.
What Python cannot hold (infinity, BC, years after 9999, 24:00) goes by `Styles.odd_values`.
A timestamptz is told in the session's zone: a `ZoneInfo` where the zone has a name.
"""

from __future__ import annotations

import re
import sys
from datetime import date, datetime, time, timedelta, timezone
from typing import TYPE_CHECKING, Any

from .faults import malformed, unholdable

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import tzinfo

    from .styles import Styles

__all__ = [
    "date_decoder",
    "named_zone",
    "time_decoder",
    "timestamp_decoder",
    "timestamptz_decoder",
    "timetz_decoder",
    "zone",
]

_TIME = r"(\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?"
_ZONE = r"([+-]\d\d(?::\d\d(?::\d\d)?)?)"
_ISO_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_ISO_STAMP = re.compile(rf"(\d{{4}})-(\d\d)-(\d\d) {_TIME}", re.ASCII)
_ISO_STAMPTZ = re.compile(rf"(\d{{4}})-(\d\d)-(\d\d) {_TIME}{_ZONE}", re.ASCII)
_TIME_ONLY = re.compile(_TIME, re.ASCII)
_TIMETZ_ONLY = re.compile(_TIME + _ZONE, re.ASCII)
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


#: names of UTC, for which `timezone.utc` stands
_UTC = frozenset(
    f"{area}{name}"
    for area in ("", "Etc/")
    for name in ("UTC", "GMT", "UCT", "Zulu", "Universal", "GMT0", "GMT+0", "GMT-0", "Greenwich")
)
_named: dict[str, tzinfo | None] = {}


def named_zone(name: str) -> tzinfo | None:
    """Return the `ZoneInfo` of a TimeZone setting; None for UTC, and where Python knows none."""
    if name in _UTC:
        return None
    if name not in _named:
        if len(_named) >= 256:  # names come from the server
            _named.clear()
        _named[name] = _zone_info(name)
    return _named[name]


def _zone_info(name: str) -> tzinfo | None:
    if len(name) > 64 or name[:1] in ("", "<", "-", "+"):
        return None
    try:
        from zoneinfo import ZoneInfo

        return ZoneInfo(name)
    except (ImportError, ValueError, KeyError, OSError):  # no such name, or no data about zones
        return None


def _odd(kind: str, text: str, holder: str, styles: Styles) -> Any:
    """Return what the policy makes of a value that is none of Python's.

    Raises:
        DataError: malformed (22P02); or the policy is "error" (22008).
    """
    from .exact import read_moment

    found = read_moment(kind, text, styles)
    if found is None:
        raise malformed(kind, text)
    if styles.odd_values == "error":
        raise unholdable(kind, text, holder)
    return text if styles.odd_values == "text" else found


def _micros(digits: str | None) -> int:
    return int(digits.ljust(6, "0")) if digits else 0


def time_decoder(styles: Styles) -> Callable[[str], Any]:
    """Return the decoder of `12:34:56.789`.

    Raises (the decoder):
        DataError: malformed (22P02), or `24:00:00` where the policy is "error" (22008).
    """

    def decode_time(text: str) -> Any:
        match = _TIME_ONLY.fullmatch(text)
        if match is not None:
            hour, minute, second, part = match.groups()
            try:
                return time(int(hour), int(minute), int(second), _micros(part))
            except ValueError:
                if text == "24:00:00":
                    return midnight("time", text, None, styles.odd_values)
        raise malformed("time", text)

    return decode_time


def midnight(kind: str, text: str, offset: int | None, policy: str) -> Any:
    """Return what the policy makes of 24:00:00, with the seconds east of UTC or without.

    Raises:
        DataError: the policy is "error" (22008).
    """
    if policy == "error":
        raise unholdable(kind, text, "datetime.time")
    if policy == "text":
        return text
    from .exact import Time, TimeTZ

    return Time(86_400_000_000) if offset is None else TimeTZ(86_400_000_000, offset)


def timetz_decoder(styles: Styles) -> Callable[[str], Any]:
    """Return the decoder of `12:34:56+05:30`; errors as `time_decoder`."""

    def decode_timetz(text: str) -> Any:
        match = _TIMETZ_ONLY.fullmatch(text)
        if match is not None:
            hour, minute, second, part, offset = match.groups()
            try:
                return time(int(hour), int(minute), int(second), _micros(part), zone(offset))
            except ValueError:
                if text.startswith("24:00:00") and len(text) < 18 and part is None:
                    try:
                        east = zone(offset).utcoffset(None).total_seconds()
                    except ValueError:
                        raise malformed("timetz", text) from None
                    return midnight("timetz", text, int(east), styles.odd_values)
        raise malformed("timetz", text)

    return decode_timetz


def date_decoder(styles: Styles) -> Callable[[str], Any]:
    """Return the decoder of `date` for a DateStyle."""
    read = _iso_date if styles.output == "iso" else _other_date(styles)

    def decode_date(text: str) -> Any:
        try:
            return read(text)
        except ValueError:
            return _odd("date", text, "datetime.date", styles)

    return decode_date


def timestamp_decoder(styles: Styles) -> Callable[[str], Any]:
    """Return the decoder of `timestamp` for a DateStyle: naive datetimes."""
    read: Callable[[str], datetime]
    if styles.output == "iso":
        read = _iso_stamp_liberal if _LIBERAL else _iso_stamp
    else:
        read = _other_stamp(styles, None)

    def decode_timestamp(text: str) -> Any:
        try:
            return read(text)
        except ValueError:
            return _odd("timestamp", text, "datetime.datetime", styles)

    return decode_timestamp


def timestamptz_decoder(styles: Styles) -> Callable[[str], Any]:
    """Return the decoder of `timestamptz` for a DateStyle: datetimes in the session's zone.

    In the styles other than ISO the server prints a zone's abbreviation, which names no
    certain offset: one that the session's zone has at that moment is read, and UTC and GMT; the
    rest is a `DataError`.
    """
    local = named_zone(styles.timezone)
    read: Callable[[str], datetime]
    if styles.output == "iso":
        read = _iso_stamptz_liberal if _LIBERAL else _iso_stamptz
    else:
        read = _other_stamp(styles, local or timezone.utc)

    def decode_timestamptz(text: str) -> Any:
        try:
            return read(text)
        except ValueError:
            return _odd("timestamptz", text, "datetime.datetime", styles)

    if local is None:
        return decode_timestamptz

    def decode_local(text: str) -> Any:
        found = decode_timestamptz(text)
        try:
            return found.astimezone(local) if type(found) is datetime else found
        except (OverflowError, ValueError):  # at the very ends of Python's years
            return found

    return decode_local


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


def _other_stamp(styles: Styles, local: tzinfo | None) -> Callable[[str], datetime]:
    """Return the reader of timestamps in the styles other than ISO; ValueError if not so.

    Args:
        local: the session's zone, for timestamps with one; None: without.
    """
    offset = r"(?: ?([A-Za-z]{1,8}|[+-]\d\d(?::\d\d(?::\d\d)?)?))" if local else "()"
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
        found = datetime(  # noqa: DTZ001 - without its zone yet
            int(year),
            _MONTH.get(month, 0) if wordy else int(month),
            int(day),
            int(hour),
            int(minute),
            int(sec),
            _micros(part),
        )
        return found if local is None else _in_zone(found, name, local)

    return read


def _in_zone(found: datetime, name: str, local: tzinfo) -> datetime:
    if name[0] in "+-":
        return found.replace(tzinfo=zone(name))
    for fold in (0, 1):
        there = found.replace(tzinfo=local, fold=fold)
        if there.tzname() == name:
            return there
    if name in _UNIVERSAL:
        return found.replace(tzinfo=timezone.utc)
    raise ValueError(name)
