"""Text format to Python: real output of PostgreSQL 15 and 18, odd values, hostile ones."""

# ruff: noqa: DTZ001 - timestamps without a zone are meant

from __future__ import annotations

import subprocess
import sys
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from ipaddress import ip_address, ip_interface, ip_network
from math import isnan
from uuid import UUID

import pytest

from purelink.errors import DataError
from purelink.values import oids
from purelink.values.datetimes import timestamp_decoder, timestamptz_decoder
from purelink.values.geometry import Box, Point
from purelink.values.interval import Interval, postgres_text
from purelink.values.ranges import Multirange, Range
from purelink.values.styles import OddValues, Styles
from purelink.values.text import Registry, text_decoder


def zone(seconds: int) -> timezone:
    return timezone(timedelta(0, seconds))


UTC = timezone.utc

GOOD = [
    ("bool", "t", True),
    ("bool", "f", False),
    ("int2", "-32768", -32768),
    ("int4", "2147483647", 2147483647),
    ("int8", "-9223372036854775808", -(1 << 63)),
    ("oid", "4294967295", 4294967295),
    ("xid", "3", 3),
    ("cid", "0", 0),
    ("xid8", "18446744073709551615", (1 << 64) - 1),
    ("float8", "1e+22", 1e22),
    ("float8", "1e-07", 1e-07),
    ("float4", "1.6777216e+07", 16777216.0),
    ("float8", "Infinity", float("inf")),
    ("float8", "-Infinity", float("-inf")),
    ("float8", "-0", 0.0),
    ("numeric", "12345.6789", Decimal("12345.6789")),
    ("numeric", "0.00", Decimal("0.00")),
    ("numeric", "-0.00001", Decimal("-0.00001")),
    ("numeric", "Infinity", Decimal("Infinity")),
    ("numeric", "-Infinity", Decimal("-Infinity")),
    ("numeric", "1" + "0" * 131071, Decimal("1e131071")),
    ("text", "héllo", "héllo"),
    ("varchar", "", ""),
    ("bpchar", "a  ", "a  "),
    ("name", "pg_type", "pg_type"),
    ("char", "\\377", "\\377"),
    ("xml", "<a/>", "<a/>"),
    ("money", "-$1,234,567.89", "-$1,234,567.89"),
    ("bytea", "\\xdeadbeef", b"\xde\xad\xbe\xef"),
    ("bytea", "\\x", b""),
    ("bytea", "", b""),
    ("bytea", "\\xde", b"\xde"),
    ("bytea", "abc", b"abc"),
    ("bytea", "\\\\", b"\\"),
    ("bytea", "\\336A", b"\xdeA"),
    ("bytea", "\\336\\255\\276\\357\\000'\\\\A", b"\xde\xad\xbe\xef\x00'\\A"),
    ("date", "2000-01-01", date(2000, 1, 1)),
    ("date", "9999-12-31", date(9999, 12, 31)),
    ("time", "12:34:56.789", time(12, 34, 56, 789000)),
    ("time", "00:00:00", time()),
    ("timetz", "12:34:56+05:30", time(12, 34, 56, 0, zone(19800))),
    ("timetz", "12:34:56.000001+15:59:59", time(12, 34, 56, 1, zone(57599))),
    ("timestamp", "2024-03-05 06:07:08.9", datetime(2024, 3, 5, 6, 7, 8, 900000)),
    ("timestamp", "0001-01-01 00:00:00", datetime(1, 1, 1)),
    ("timestamptz", "2000-01-01 00:00:00+00", datetime(2000, 1, 1, tzinfo=UTC)),
    (
        "timestamptz",
        "2024-03-05 06:07:08.123456-08",
        datetime(2024, 3, 5, 6, 7, 8, 123456, zone(-28800)),
    ),
    ("timestamptz", "1800-01-01 00:00:00-04:56:02", datetime(1800, 1, 1, tzinfo=zone(-17762))),
    ("interval", "1 day -00:00:01", timedelta(1, -1)),
    ("uuid", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", UUID("a0eebc999c0b4ef8bb6d6bb9bd380a11")),
    ("json", '{"a": [1, 2.5, null, "x"]}', {"a": [1, 2.5, None, "x"]}),
    ("jsonb", "3", 3),
    ("inet", "192.168.1.5", ip_address("192.168.1.5")),
    ("inet", "192.168.1.5/24", ip_interface("192.168.1.5/24")),
    ("inet", "::1", ip_address("::1")),
    ("cidr", "10.0.0.0/8", ip_network("10.0.0.0/8")),
    ("macaddr", "08:00:2b:01:02:03", "08:00:2b:01:02:03"),
    ("bit", "101", "101"),
    ("pg_lsn", "16/B374D848", "16/B374D848"),
    ("tid", "(0,1)", "(0,1)"),
    ("point", "(1.5,-2)", Point(1.5, -2.0)),
    ("tsvector", "'a' 'b':1", "'a' 'b':1"),
    ("record", "(1,a,)", ("1", "a", None)),
    ("void", "", ""),
    ("int2vector", "1 2", [1, 2]),
    ("oidvector", "", []),
    ("_int4", "{1,2,NULL}", [1, 2, None]),
    ("_int4", "{}", []),
    ("_int4", "{{1,2},{3,4}}", [[1, 2], [3, 4]]),
    ("_int4", "[0:1]={1,2}", [1, 2]),
    ("_int4", "[2:3][0:0]={{1},{2}}", [[1], [2]]),
    (
        "_text",
        '{a,"b\\"c","d\\\\\\\\e","","NULL","x,y","{"," s ",NULL}',
        ["a", 'b"c', "d\\\\e", "", "NULL", "x,y", "{", " s ", None],
    ),
    ("_text", "{null,nUlL,nulls}", [None, None, "nulls"]),
    ("_text", "{ nulls}", [" nulls"]),
    (
        "_box",
        "{(3,4),(1,2);(7,8),(5,6)}",
        [
            Box(Point(3.0, 4.0), Point(1.0, 2.0)),
            Box(Point(7.0, 8.0), Point(5.0, 6.0)),
        ],
    ),
    ("_timestamp", '{"2024-01-01 00:00:00"}', [datetime(2024, 1, 1)]),
    ("_int4", "{{{{{{1}}}}}}", [[[[[[1]]]]]]),
    ("int4range", "[1,5)", Range(1, 5)),
    ("int4range", "empty", Range(empty=True)),
    ("int8range", "(,)", Range()),
    ("numrange", "(1.5,2.5]", Range(Decimal("1.5"), Decimal("2.5"), "(]")),
    (
        "tsrange",
        '["2000-01-01 00:00:00","2001-01-01 00:00:00")',
        Range(datetime(2000, 1, 1), datetime(2001, 1, 1)),
    ),
    ("_int4range", '{"[1,2)",empty}', [Range(1, 2), Range(empty=True)]),
    ("int4multirange", "{[1,3),[5,8)}", Multirange([Range(1, 3), Range(5, 8)])),
    ("int4multirange", "{}", Multirange()),
]


@pytest.mark.parametrize(("name", "text", "value"), GOOD)
def test_what_servers_print(name: str, text: str, value: object) -> None:
    decoded = text_decoder(oids.BY_NAME[name])(text)
    assert repr(decoded) == repr(value) or (decoded == value and type(decoded) is type(value))


def test_not_a_number() -> None:
    number = text_decoder(oids.FLOAT8)("NaN")
    assert isinstance(number, float)
    assert isnan(number)
    assert str(text_decoder(oids.NUMERIC)("NaN")) == "NaN"


def test_an_unknown_type_is_its_text() -> None:
    assert text_decoder(987654)("anything") == "anything"


def test_an_external_entity_in_xml_stays_text() -> None:
    text = '<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]><a>&e;</a>'
    assert text_decoder(oids.BY_NAME["xml"])(text) == text


ODD = [
    ("date", "infinity"),
    ("date", "-infinity"),
    ("date", "0044-03-15 BC"),
    ("date", "5874897-12-31"),
    ("date", "10000-01-01"),
    ("time", "24:00:00"),
    ("timetz", "24:00:00+00"),
    ("timestamp", "infinity"),
    ("timestamp", "10000-01-01 00:00:00"),
    ("timestamp", "0001-01-01 00:00:00 BC"),
    ("timestamptz", "0001-01-01 00:00:00+00 BC"),
    ("timestamptz", "294276-12-31 23:59:59.999999+00"),
    ("timestamptz", "-infinity"),
    ("interval", "infinity"),
    ("interval", "-infinity"),
]


@pytest.mark.parametrize(("name", "text"), ODD)
def test_what_python_cannot_hold_is_told_with_the_way_out(name: str, text: str) -> None:
    with pytest.raises(DataError, match=r"cannot hold .* cast it to text") as caught:
        text_decoder(oids.BY_NAME[name])(text)
    assert caught.value.sqlstate == "22008"


BAD = [
    ("bool", "x"),
    ("bool", ""),
    ("bool", "true"),
    ("int4", ""),
    ("int4", "-"),
    ("int4", "1_0"),
    ("int4", " 1"),
    ("int4", "+1"),
    ("int4", "١"),
    ("int4", "2147483648"),
    ("int4", "9" * 200_000),
    ("int2", "-32769"),
    ("oid", "-1"),
    ("float8", "1_0"),
    ("float8", "--1"),
    ("float8", ""),
    ("float8", "0x1"),
    ("numeric", "1_0"),
    ("numeric", ""),
    ("numeric", "1e5"),
    ("numeric", "sNaN"),
    ("numeric", "1.2.3"),
    ("numeric", "9" * 200_000),
    ("numeric", "1e999999999"),
    ("bytea", "\\xd"),
    ("bytea", "\\xzz"),
    ("bytea", "\\40"),
    ("bytea", "\\"),
    ("bytea", "a\\"),
    ("bytea", "\\400"),
    ("bytea", "é"),
    ("bytea", "\\xé0"),
    ("date", "2024-02-30"),
    ("date", "20240101"),
    ("date", ""),
    ("date", "x" * 100),
    ("time", "25:00:00"),
    ("time", "12:34"),
    ("time", "24:00:01"),
    ("timetz", "12:34:56"),
    ("timetz", "12:34:56+99"),
    ("timetz", "25:00:00+00"),
    ("timestamp", "2024-01-01"),
    ("timestamp", "2024-01-01 24:00:00"),
    ("timestamp", "2024-01-01T00:00:00"),
    ("timestamp", "2024-01-01 00:00:00.1234567"),
    ("timestamptz", "2024-01-01 00:00:00"),
    ("timestamptz", "2024-01-01 24:00:00+00"),
    ("timestamptz", "2024-01-01 00:00:00+99"),
    ("interval", ""),
    ("interval", "@"),
    ("interval", "P"),
    ("interval", "1 fortnight"),
    ("interval", "99999999999 days"),
    ("interval", "9999999999 days"),
    ("uuid", "a0eebc999c0b4ef8bb6d6bb9bd380a11"),
    ("uuid", ""),
    ("json", "{"),
    ("json", "[" * 100_000),
    ("jsonb", "9" * 5000),
    ("inet", "256.1.1.1"),
    ("inet", "fe80::1%eth0"),
    ("inet", "1" * 100),
    ("cidr", "10.0.0.1/8"),
    ("cidr", "1" * 100),
    ("int2vector", "1,2"),
    ("_int4", ""),
    ("_int4", "{"),
    ("_int4", "}"),
    ("_int4", "x"),
    ("_int4", "{1"),
    ("_int4", "{1}}"),
    ("_int4", "{1}{2}"),
    ("_int4", "{1}{"),
    ("_int4", "{1,}"),
    ("_int4", "{,1}"),
    ("_int4", "{,}"),
    ("_int4", "{a}"),
    ("_int4", '{"1"2}'),
    ("_int4", '{1,"2"3}'),
    ("_int4", '{"1",}'),
    ("_int4", '{"1",,2}'),
    ("_int4", "{{1},2}"),
    ("_int4", "{{},{}}"),
    ("_int4", "{{1,2},{3}}"),
    ("_int4", "{1,{2}}"),
    ("_int4", "{{1}{2}}"),
    ("_int4", "{{{{{{{1}}}}}}}"),
    ("_int4", "{" * 100_000),
    ("_int4", "[1:2]={{1},{2}}"),
    ("_int4", "[1:2]"),
    ("_int4", "[1:2]=1"),
    ("_int4", "[x]={1}"),
    ("_int4", '"1"'),
    ("_int4", ",{1}"),
    ("_text", '{"a}'),
    ("_text", '{"a\\"}'),
    ("_text", "{a\\}"),
    ("int4range", ""),
    ("int4range", "[1,5"),
    ("int4range", "[a,5)"),
    ("int4range", "[1,2,3)"),
    ("int4range", '["1,5)'),
    ("int4multirange", "{[1,3)"),
    ("int4multirange", "{[1,3)[5,8)}"),
    ("int4multirange", "{[1,3);[5,8)}"),
    ("int4multirange", "{,}"),
    ("int4multirange", ""),
]


@pytest.mark.parametrize(("name", "text"), BAD, ids=[f"{n}-{t[:20]}" for n, t in BAD])
def test_what_is_malformed_is_a_short_data_error(name: str, text: str) -> None:
    with pytest.raises(DataError) as caught:
        text_decoder(oids.BY_NAME[name])(text)
    assert caught.value.sqlstate == "22P02"
    assert len(str(caught.value)) < 200
    assert caught.value.__cause__ is None


def test_lone_surrogates_can_be_printed() -> None:
    with pytest.raises(DataError, match=r'"\\udce9"'):
        text_decoder(oids.INT4)("\udce9")


STYLES = [
    ("SQL, DMY", "date", "05/03/2024", date(2024, 3, 5)),
    ("SQL, MDY", "date", "03/05/2024", date(2024, 3, 5)),
    ("Postgres, MDY", "date", "03-05-2024", date(2024, 3, 5)),
    ("Postgres, DMY", "date", "05-03-2024", date(2024, 3, 5)),
    ("German, DMY", "date", "05.03.2024", date(2024, 3, 5)),
    ("German, MDY", "date", "05.03.2024", date(2024, 3, 5)),
    ("SQL, DMY", "timestamp", "05/03/2024 06:07:08.9", datetime(2024, 3, 5, 6, 7, 8, 900000)),
    ("SQL, DMY", "timestamptz", "05/03/2024 06:07:08 UTC", datetime(2024, 3, 5, 6, 7, 8, 0, UTC)),
    ("Postgres, MDY", "timestamp", "Tue Mar 05 06:07:08 2024", datetime(2024, 3, 5, 6, 7, 8)),
    ("Postgres, DMY", "timestamp", "Tue 05 Mar 06:07:08 2024", datetime(2024, 3, 5, 6, 7, 8)),
    (
        "Postgres, MDY",
        "timestamptz",
        "Tue Mar 05 06:07:08 2024 GMT",
        datetime(2024, 3, 5, 6, 7, 8, 0, UTC),
    ),
    (
        "SQL, MDY",
        "timestamptz",
        "03/05/2024 06:07:08 -04:56:02",
        datetime(2024, 3, 5, 6, 7, 8, 0, zone(-17762)),
    ),
    ("German, DMY", "timestamp", "05.03.2024 06:07:08.9", datetime(2024, 3, 5, 6, 7, 8, 900000)),
    (
        "German, DMY",
        "timestamptz",
        "05.03.2024 06:07:08 UTC",
        datetime(2024, 3, 5, 6, 7, 8, 0, UTC),
    ),
    ("SQL, DMY", "_date", "{05/03/2024}", [date(2024, 3, 5)]),
]


@pytest.mark.parametrize(("datestyle", "name", "text", "value"), STYLES)
def test_dates_are_read_as_datestyle_says(
    datestyle: str, name: str, text: str, value: object
) -> None:
    assert text_decoder(oids.BY_NAME[name], Styles(datestyle))(text) == value


@pytest.mark.parametrize(
    ("datestyle", "name", "text"),
    [
        ("ISO, MDY", "date", "05/03/2024"),
        ("SQL, DMY", "date", "2024-03-05"),
        ("Swatch, DMY", "date", "05/03/2024"),
        ("Swatch, DMY", "timestamp", "05/03/2024 06:07:08"),
        ("SQL, DMY", "timestamptz", "05/03/2024 06:07:08 CET"),  # which offset is that?
        ("Postgres, MDY", "timestamp", "Tue Foo 05 06:07:08 2024"),
        ("SQL, MDY", "date", "05/03/2024 BC"),
        ("SQL, MDY", "date", "03/05/20240"),
        ("Postgres, MDY", "timestamp", "infinity"),
    ],
)
def test_a_date_in_another_style_is_never_guessed(datestyle: str, name: str, text: str) -> None:
    with pytest.raises(DataError):
        text_decoder(oids.BY_NAME[name], Styles(datestyle))(text)


INTERVALS = [
    (
        Interval(14, 3, 14706789000),
        "1 year 2 mons 3 days 04:05:06.789",
        "@ 1 year 2 mons 3 days 4 hours 5 mins 6.789 secs",
        "+1-2 +3 +4:05:06.789",
        "P1Y2M3DT4H5M6.789S",
    ),
    (Interval(-1), "-1 mons", "@ 1 mon ago", "-0-1", "P-1M"),
    (
        timedelta(-1, 3600),
        "-1 days +01:00:00",
        "@ 1 day -1 hours ago",
        "+0-0 -1 +1:00:00",
        "P-1DT1H",
    ),
    (
        Interval(-14, 3, -14706000000),
        "-1 years -2 mons +3 days -04:05:06",
        "@ 1 year 2 mons -3 days 4 hours 5 mins 6 secs ago",
        "-1-2 +3 -4:05:06",
        "P-1Y-2M3DT-4H-5M-6S",
    ),
    (timedelta(), "00:00:00", "@ 0", "0", "PT0S"),
    (
        timedelta(-1, -7384),
        "-1 days -02:03:04",
        "@ 1 day 2 hours 3 mins 4 secs ago",
        "-1 2:03:04",
        "P-1DT-2H-3M-4S",
    ),
    (
        timedelta(1, 7384),
        "1 day 02:03:04",
        "@ 1 day 2 hours 3 mins 4 secs",
        "1 2:03:04",
        "P1DT2H3M4S",
    ),
    (timedelta(0, 0, -500000), "-00:00:00.5", "@ 0.5 secs ago", "-0:00:00.5", "PT-0.5S"),
    (timedelta(0, 0, -500000), "-00:00:00.5", "@ -0.5 secs", "-0:00:00.5", "PT-0.5S"),
    (
        timedelta(hours=2540400000),
        "2540400000:00:00",
        "@ 2540400000 hours",
        "2540400000:00:00",
        "PT2540400000H",
    ),
    (Interval(14), "1 year 2 mons", "@ 1 year 2 mons", "1-2", "P1Y2M"),
    (
        Interval(0, 2147483647),
        "2147483647 days",
        "@ 2147483647 days",
        "2147483647 0:00:00",
        "P2147483647D",
    ),
]


@pytest.mark.parametrize(("value", "postgres", "verbose", "standard", "iso"), INTERVALS)
def test_an_interval_is_the_same_in_four_styles(
    value: object, postgres: str, verbose: str, standard: str, iso: str
) -> None:
    policy: OddValues = "exact" if isinstance(value, Interval) else "error"
    decode = text_decoder(oids.INTERVAL, Styles(odd_values=policy))
    for text in (postgres, verbose, standard, iso):
        decoded = decode(text)
        assert decoded == value
        assert type(decoded) is type(value)
        if isinstance(value, Interval):
            assert text_decoder(oids.INTERVAL, Styles(odd_values="text"))(text) == text
            assert postgres_text(*value) == postgres
            with pytest.raises(DataError, match='odd_values to "text" or "exact"'):
                text_decoder(oids.INTERVAL)(text)


def test_a_registry_is_overlaid_and_copied() -> None:
    registry = Registry()
    before = registry.text_decoder(oids.INT4)
    registry.overlay(oids.INT4, str)
    twin = registry.copy()
    registry.overlay(oids.INT4, lambda text: f"<{text}>")
    assert before("1") == 1
    assert twin.text_decoder(oids.INT4)("1") == "1"
    assert registry.text_decoder(oids.INT4)("1") == "<1>"
    assert registry.text_decoder(1007)("{1,2}") == ["<1>", "<2>"]
    assert registry.text_decoder(3904)("[1,2)") == Range("<1>", "<2>")
    assert registry.overlaid(1007)
    assert registry.overlaid(3904)
    assert not registry.overlaid(oids.INT8)
    assert not Registry().overlaid(oids.INT4)
    assert Registry().untouched
    assert not registry.untouched
    assert text_decoder(oids.INT4)("1") == 1


def test_what_a_program_s_decoder_raises_is_a_data_error() -> None:
    def failing(text: str) -> object:
        if text == "own":
            raise DataError("mine")
        raise KeyError(text)

    registry = Registry()
    registry.overlay(25, failing)
    with pytest.raises(DataError, match=r"^the program's decoder of type text failed: KeyError$"):
        registry.text_decoder(25)("secret")
    with pytest.raises(DataError, match=r"^mine$"):
        registry.text_decoder(25)("own")


def test_decoders_for_many_styles_do_not_pile_up() -> None:
    for number in range(1100):
        text_decoder(oids.DATE, Styles("ISO, MDY", "postgres", str(number)))
    assert text_decoder(oids.DATE)("2024-01-01") == date(2024, 1, 1)


def test_zones_do_not_pile_up() -> None:
    decode = text_decoder(oids.TIMETZ)
    for number in range(600):
        decode(f"00:00:00+{number // 60:02}:{number % 60:02}:01")


def test_modules_of_types_are_loaded_when_met() -> None:
    script = (
        "import sys; import purelink.values; from purelink.values import text_decoder, row_decoder,"
        " encode_parameters, text_row_decoder; text_decoder(23)('1'); text_decoder(25)('x');"
        " encode_parameters([1, 'x', None, b'y', True, 1.5, [1]]);"
        " print([m for m in ('json','uuid','decimal','ipaddress','datetime') if m in sys.modules])"
    )
    said = subprocess.run(
        [sys.executable, "-S", "-c", script], capture_output=True, text=True, check=True
    )
    assert said.stdout.strip() == "[]"


def test_the_front_door_knows_its_names() -> None:
    import purelink.values as values

    for name in values.__all__:
        assert getattr(values, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = values.nothing


def test_timestamps_before_python_3_11(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("purelink.values.datetimes._LIBERAL", False)
    stamp, zoned = timestamp_decoder(Styles()), timestamptz_decoder(Styles())
    moment = datetime(2024, 3, 5, 6, 7, 8, 900000)
    assert stamp("2024-03-05 06:07:08.9") == moment
    assert zoned("2024-03-05 06:07:08.9-04:56:02") == moment.replace(tzinfo=zone(-17762))
    assert zoned("2024-03-05 06:07:08.9+00").tzinfo is UTC
    for text in ("2024-03-05", "2024-03-05 24:00:00", "2024-02-30 00:00:00"):
        with pytest.raises(DataError):
            stamp(text)
        with pytest.raises(DataError):
            zoned(text + "+00")


def test_the_end_of_a_day_in_a_zone_that_is_none() -> None:
    with pytest.raises(DataError):
        text_decoder(1266)("24:00:00-29:59")
