"""Dates and times past Python's: written, read in every style, compared, kept."""

# ruff: noqa: DTZ001, DTZ901 - timestamps without a zone are meant

from __future__ import annotations

import copy
import pickle
from datetime import date, datetime, time, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from purelink.errors import DataError, InterfaceError
from purelink.values import oids
from purelink.values.binary import binary_decoder
from purelink.values.datetimes import named_zone
from purelink.values.exact import (
    FIRST_DAY,
    PAST_DAYS,
    PAST_STAMP_DAYS,
    Date,
    Time,
    Timestamp,
    TimestampTZ,
    TimeTZ,
    calendar,
    days_of,
)
from purelink.values.styles import Styles, odd_policy
from purelink.values.text import text_decoder

UTC = timezone.utc
DAY = 86_400_000_000


@given(st.integers(FIRST_DAY, PAST_DAYS - 1))
def test_every_day_has_its_name(days: int) -> None:
    assert days_of(*calendar(days)) == days
    one = Date(days)
    exact = text_decoder(oids.DATE, Styles(odd_values="exact"))(str(one))
    assert exact == one
    assert hash(exact) == hash(one)
    assert isinstance(exact, (date, Date))


@given(st.integers(FIRST_DAY * DAY, PAST_STAMP_DAYS * DAY - 1))
def test_every_moment_has_its_name(micros: int) -> None:
    styles = Styles(odd_values="exact")
    for oid, one in ((oids.TIMESTAMP, Timestamp(micros)), (oids.TIMESTAMPTZ, TimestampTZ(micros))):
        found = text_decoder(oid, styles)(str(one))
        assert found == one
        assert hash(found) == hash(one)
        assert binary_decoder(oid, styles=styles)(micros.to_bytes(8, "big", signed=True)) == found


STYLES = [
    ("date", "ISO, MDY", "0044-03-15 BC"),
    ("date", "SQL, MDY", "03/15/0044 BC"),
    ("date", "SQL, DMY", "15/03/0044 BC"),
    ("date", "Postgres, MDY", "03-15-0044 BC"),
    ("date", "Postgres, DMY", "15-03-0044 BC"),
    ("date", "German, DMY", "15.03.0044 BC"),
    ("timestamp", "ISO, MDY", "0044-03-15 01:02:03.5 BC"),
    ("timestamp", "SQL, MDY", "03/15/0044 01:02:03.5 BC"),
    ("timestamp", "SQL, DMY", "15/03/0044 01:02:03.5 BC"),
    ("timestamp", "Postgres, MDY", "Wed Mar 15 01:02:03.5 0044 BC"),
    ("timestamp", "Postgres, DMY", "Wed 15 Mar 01:02:03.5 0044 BC"),
    ("timestamp", "German, DMY", "15.03.0044 01:02:03.5 BC"),
    ("timestamptz", "ISO, MDY", "0044-03-15 02:02:03.5+01 BC"),
    ("timestamptz", "SQL, MDY", "03/15/0044 01:02:03.5 UTC BC"),
    ("timestamptz", "Postgres, DMY", "Wed 15 Mar 01:02:03.5 0044 UTC BC"),
    ("timestamptz", "German, DMY", "15.03.0044 01:02:03.5 UTC BC"),
]
IDES = Date(days_of(-43, 3, 15))


@pytest.mark.parametrize(("kind", "datestyle", "text"), STYLES)
def test_the_ides_of_march(kind: str, datestyle: str, text: str) -> None:
    styles = Styles(datestyle, odd_values="exact")
    found: Any = text_decoder(oids.BY_NAME[kind], styles)(text)
    if kind == "date":
        assert found == IDES
        assert str(found) == "0044-03-15 BC"
    else:
        assert type(found) is (Timestamp if kind == "timestamp" else TimestampTZ)
        assert found.microseconds == IDES.days * DAY + 3_723_500_000
    assert text_decoder(oids.BY_NAME[kind], styles._replace(odd_values="text"))(text) == text
    with pytest.raises(DataError, match="odd_values"):
        text_decoder(oids.BY_NAME[kind], Styles(datestyle))(text)


@pytest.mark.parametrize(
    "text", ["0044-02-30 BC", "5874898-01-01", "9999999-01-01", "4714-11-23 BC"]
)
def test_no_such_day(text: str) -> None:
    with pytest.raises(DataError, match="malformed"):
        text_decoder(oids.DATE, Styles(odd_values="exact"))(text)


def test_they_are_values() -> None:
    for one in (
        Date.INFINITY,
        Date(5_000_000),
        Timestamp.MINUS_INFINITY,
        TimestampTZ(1),
        Time(DAY),
        TimeTZ(DAY, 3600),
    ):
        assert pickle.loads(pickle.dumps(one)) == one
        assert copy.deepcopy(one) == one
        assert {one: 1}[one] == 1
        assert one != "x"
        assert str(one) in repr(one)
        with pytest.raises(AttributeError, match="cannot be changed"):
            one.microseconds = 1  # type: ignore[misc]


def test_they_compare_with_python_s() -> None:
    assert Date.MINUS_INFINITY < date.min < date.max < Date.INFINITY
    assert Date(0) == date(2000, 1, 1)
    assert Date(0) != datetime(2000, 1, 1)
    assert Timestamp.MINUS_INFINITY < datetime.min < datetime.max < Timestamp.INFINITY
    assert TimestampTZ(0) == datetime(2000, 1, 1, tzinfo=UTC)
    assert Timestamp(0) != datetime(2000, 1, 1, tzinfo=UTC)
    assert Timestamp(0) != TimestampTZ(0)
    assert Timestamp(1) == datetime(2000, 1, 1, 0, 0, 0, 1)
    assert time(23, 59, 59, 999999) < Time(DAY)
    assert Time(1) == time(0, 0, 0, 1)
    assert hash(Time(1)) == hash(time(0, 0, 0, 1))
    assert hash(TimestampTZ(5)) == hash(datetime(2000, 1, 1, 0, 0, 0, 5, UTC))
    assert Date(3) < Date(4) <= Date(4)
    with pytest.raises(TypeError):
        assert Date(3) < Timestamp(4)
    assert Date.INFINITY.infinite
    assert not Date(0).infinite
    assert not Time(0).infinite


def test_out_of_range() -> None:
    for make in (
        lambda: Date(PAST_DAYS),
        lambda: Date(FIRST_DAY - 1),
        lambda: Timestamp(PAST_STAMP_DAYS * DAY),
        lambda: Time(DAY + 1),
        lambda: TimeTZ(0, 57_600),
        lambda: TimeTZ(-1, 0),
    ):
        with pytest.raises(InterfaceError, match="out of PostgreSQL's range"):
            make()


def test_midnight_at_the_end_of_the_day() -> None:
    exact = Styles(odd_values="exact")
    assert text_decoder(oids.TIME, exact)("24:00:00") == Time(DAY)
    assert text_decoder(oids.TIMETZ, exact)("24:00:00-03:30") == TimeTZ(DAY, -12_600)
    assert str(TimeTZ(DAY, -12_600)) == "24:00:00-03:30"
    assert str(TimeTZ(1_500_000, 1172)) == "00:00:01.5+00:19:32"


def test_there_are_three_policies() -> None:
    assert odd_policy("text") == "text"
    with pytest.raises(InterfaceError, match='"error", "text" or "exact"'):
        odd_policy("none")  # type: ignore[arg-type]


# -- zones -----------------------------------------------------------------------------------


def test_a_named_zone() -> None:
    assert named_zone("Europe/Berlin") == ZoneInfo("Europe/Berlin")
    for name in ("UTC", "GMT", "Etc/UTC", "", "<+03>-03", "No/Where", "../../etc/passwd", "x" * 80):
        assert named_zone(name) is None


@pytest.mark.parametrize("datestyle", ["ISO, MDY", "SQL, MDY"])
def test_the_hour_that_comes_twice(datestyle: str) -> None:
    berlin = ZoneInfo("Europe/Berlin")
    decode = text_decoder(oids.TIMESTAMPTZ, Styles(datestyle, timezone="Europe/Berlin"))
    texts = ("2024-10-27 02:30:00+02", "2024-10-27 02:30:00+01")
    if not datestyle.startswith("ISO"):
        texts = ("10/27/2024 02:30:00 CEST", "10/27/2024 02:30:00 CET")
    for fold, text in enumerate(texts):
        found: Any = decode(text)
        assert found.tzinfo is berlin
        assert (found.hour, found.fold) == (2, fold)
        assert found.astimezone(UTC).hour == fold
        micros = (found - datetime(2000, 1, 1, tzinfo=UTC)) // timedelta(0, 0, 1)
        binary = binary_decoder(oids.TIMESTAMPTZ, styles=Styles(timezone="Europe/Berlin"))
        again: Any = binary(micros.to_bytes(8, "big", signed=True))
        assert (again, again.fold, again.tzinfo) == (found, fold, berlin)


def test_at_the_ends_of_python_s_years_the_offset_stays() -> None:
    decode = text_decoder(oids.TIMESTAMPTZ, Styles(timezone="Asia/Tokyo"))
    found: Any = decode("9999-12-31 23:00:00+00")
    assert found.utcoffset() == timedelta(0)
    binary = binary_decoder(oids.TIMESTAMPTZ, styles=Styles(timezone="Asia/Tokyo"))
    micros = (found - datetime(2000, 1, 1, tzinfo=UTC)) // timedelta(0, 0, 1)
    assert binary(micros.to_bytes(8, "big", signed=True)) == found
