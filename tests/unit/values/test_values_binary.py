"""Binary format to Python: the samples of spec/wire.md 7, and values that lie about lengths."""

# ruff: noqa: DTZ001 - timestamps without a zone are meant

from __future__ import annotations

import struct
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from ipaddress import ip_address, ip_interface, ip_network
from math import isnan
from uuid import UUID

import pytest

from purelink.errors import DataError
from purelink.values import oids
from purelink.values.binary import binary_decoder
from purelink.values.geometry import Box, Circle, Line, LSeg, Path, Point, Polygon
from purelink.values.parameters import encode
from purelink.values.ranges import Multirange, Range
from purelink.values.styles import Styles
from purelink.values.text import text_decoder

UTC = timezone.utc


def h(text: str) -> bytes:
    return bytes.fromhex(text)


GOOD = [
    ("bool", h("01"), True),
    ("bool", h("00"), False),
    ("int2", h("8000"), -32768),
    ("int4", h("7fffffff"), 2147483647),
    ("int8", h("8000000000000000"), -(1 << 63)),
    ("oid", h("ffffffff"), 4294967295),
    ("xid8", h("ffffffffffffffff"), (1 << 64) - 1),
    ("float4", h("3dcccccd"), 0.1),
    ("float4", h("00000001"), 1e-45),
    ("float4", h("7f7fffff"), 3.4028235e38),
    ("float4", h("7f800000"), float("inf")),
    ("float4", h("4b800001"), 16777218.0),
    ("float4", h("80000000"), -0.0),
    ("float4", h("4c969720"), 78952704.0),  # the shorter 78952700 is half-way
    ("float4", h("8f800000"), -1.2621775e-29),
    ("float4", h("6b000000"), 1.5474251e26),
    ("float4", h("625f0a3f"), 1.02859056e21),
    ("float8", h("3ff8000000000000"), 1.5),
    ("numeric", h("0001 fffe 0000 0005 03e8"), Decimal("0.00001")),
    ("numeric", h("0003 0001 0000 0004 0001 0929 1a85"), Decimal("12345.6789")),
    ("numeric", h("0003 0001 4000 0004 0001 0929 1a85"), Decimal("-12345.6789")),
    ("numeric", h("0001 0001 0000 0000 0001"), Decimal(10000)),
    ("numeric", h("0000 0000 0000 0002"), Decimal("0.00")),
    ("numeric", h("0000 0000 0000 3fff"), Decimal((0, (0,), -16383))),
    ("numeric", h("0001 ffff 0000 0002 04d2"), Decimal("0.12")),
    ("numeric", h("0000 0000 d000 0020"), Decimal("Infinity")),
    ("numeric", h("0000 0000 f000 0020"), Decimal("-Infinity")),
    ("text", "hé".encode(), "hé"),
    ("void", b"", ""),
    ("char", b"x", "x"),
    ("char", b"\0", ""),
    ("char", b"\xff", "\\377"),
    ("bytea", b"\0\xff", b"\0\xff"),
    ("uuid", h("a0eebc999c0b4ef8bb6d6bb9bd380a11"), UUID("a0eebc999c0b4ef8bb6d6bb9bd380a11")),
    ("json", b"[1]", [1]),
    ("jsonb", b"\x01[1]", [1]),
    ("date", h("00000000"), date(2000, 1, 1)),
    ("date", h("ffffffff"), date(1999, 12, 31)),
    ("time", struct.pack(">q", 45_296_789_000), time(12, 34, 56, 789000)),
    (
        "timetz",
        struct.pack(">q", 45_296_000_000) + h("ffffb2a8"),
        time(12, 34, 56, 0, timezone(timedelta(0, 19800))),
    ),
    ("timestamp", struct.pack(">q", 1), datetime(2000, 1, 1, 0, 0, 0, 1)),
    ("timestamptz", struct.pack(">q", -1), datetime(1999, 12, 31, 23, 59, 59, 999999, UTC)),
    ("interval", struct.pack(">qii", -1, 1, 0), timedelta(1, 0, -1)),
    ("inet", h("02200004 c0a80105"), ip_address("192.168.1.5")),
    ("inet", h("02180004 c0a80105"), ip_interface("192.168.1.5/24")),
    ("inet", h("03800010" + "00" * 15 + "01"), ip_address("::1")),
    ("cidr", h("02080104 0a000000"), ip_network("10.0.0.0/8")),
    ("cidr", h("03000110" + "00" * 16), ip_network("::/0")),
    ("macaddr", h("08002b010203"), "08:00:2b:01:02:03"),
    ("macaddr8", h("08002b0102030405"), "08:00:2b:01:02:03:04:05"),
    ("bit", h("00000003 a0"), "101"),
    ("varbit", h("00000000"), ""),
    ("pg_lsn", h("00000016 b374d848"), "16/B374D848"),
    ("tid", h("00000000 0001"), "(0,1)"),
    ("money", b"\0" * 6 + b"\1\2", 258),
    ("regclass", h("00000104"), 260),
    ("point", struct.pack(">2d", 1.5, -2), Point(1.5, -2.0)),
    ("lseg", struct.pack(">4d", 1, 2, 3, 4), LSeg(Point(1.0, 2.0), Point(3.0, 4.0))),
    ("box", struct.pack(">4d", 3, 4, 1, 2), Box(Point(3.0, 4.0), Point(1.0, 2.0))),
    ("line", struct.pack(">3d", 1, 2, 3), Line(1.0, 2.0, 3.0)),
    ("circle", struct.pack(">3d", 1, 2, 3), Circle(Point(1.0, 2.0), 3.0)),
    ("path", h("00 00000001") + struct.pack(">2d", 1, 2), Path((Point(1.0, 2.0),))),
    ("path", h("01 00000001") + struct.pack(">2d", 1, 2), Path((Point(1.0, 2.0),), True)),
    ("polygon", h("00000001") + struct.pack(">2d", 1, 2), Polygon((Point(1.0, 2.0),))),
    ("jsonpath", b"\1$", "$"),
    (
        "txid_snapshot",
        h("00000001" + "00" * 7 + "0a" + "00" * 7 + "14" + "00" * 7 + "0c"),
        "10:20:12",
    ),
    (
        "tsvector",
        h("00000002") + b"a'\\\0" + h("0000") + b"b\0" + h("0002 c001 0002"),
        "'a''\\\\' 'b':1A,2",
    ),
    ("tsquery", h("00000002 0201") + h("01 01 00") + b"a\0", "!'a':D"),
    ("record", h("00000002 00000017 00000004 00000007 00000019 ffffffff"), (7, None)),
    ("_int4", h("00000000 00000000 00000017"), []),
    (
        "_int4",
        h("00000001 00000001 00000017 00000002 00000000 00000004 00000007 ffffffff"),
        [7, None],
    ),
    (
        "_int4",
        h("00000002 00000000 00000017 00000001 00000001 00000002 00000001")
        + h("00000004 00000001 00000004 00000002"),
        [[1, 2]],
    ),
    ("_int4", h("00000001 00000000 00000017 00000000 00000001"), []),
    ("int2vector", h("00000001 00000000 00000015 00000001 00000000 00000002 0005"), [5]),
    ("int4range", h("02 00000004 00000001 00000004 00000005"), Range(1, 5)),
    ("int4range", h("18"), Range()),
    ("int4range", h("01"), Range(empty=True)),
    ("int4range", h("14 00000004 00000001"), Range(1, None, "()")),
    (
        "numrange",
        h("04 0000000a 0001 0000 0000 0000 0001 0000000a 0001 0000 0000 0000 0002"),
        Range(Decimal(1), Decimal(2), "(]"),
    ),
    (
        "int4multirange",
        h("00000001 00000011 02 00000004 00000001 00000004 00000003"),
        Multirange([Range(1, 3)]),
    ),
    ("int4multirange", h("00000000"), Multirange()),
]


@pytest.mark.parametrize(("name", "data", "value"), GOOD, ids=range(len(GOOD)))
def test_samples(name: str, data: bytes, value: object) -> None:
    decoded = binary_decoder(oids.BY_NAME[name])(data)
    assert repr(decoded) == repr(value)


def test_not_a_number() -> None:
    assert str(binary_decoder(oids.NUMERIC)(h("0000 0000 c000 0000"))) == "NaN"
    for oid, data in ((oids.FLOAT4, "7fc00000"), (oids.FLOAT8, "7ff8000000000000")):
        number = binary_decoder(oid)(h(data))
        assert isinstance(number, float)
        assert isnan(number)


def test_an_unknown_type_is_its_bytes() -> None:
    assert binary_decoder(987654)(b"\0") == b"\0"


ODD = [
    ("date", h("7fffffff"), "infinity"),
    ("date", h("80000000"), "-infinity"),
    ("date", struct.pack(">i", 2_145_031_948), "5874897-12-31"),
    ("date", struct.pack(">i", -2_451_545), "4714-11-24 BC"),
    ("date", struct.pack(">i", -730_120), "0001-12-31 BC"),
    ("time", struct.pack(">q", 86_400_000_000), "24:00:00"),
    ("timetz", struct.pack(">qi", 86_400_000_000, -19_800), "24:00:00+05:30"),
    ("timestamp", struct.pack(">q", (1 << 63) - 1), "infinity"),
    ("timestamptz", struct.pack(">q", -(1 << 63)), "-infinity"),
    ("timestamp", struct.pack(">q", 9_223_371_331_199_999_999), "294276-12-31 23:59:59.999999"),
    ("timestamptz", struct.pack(">q", -63_082_281_600_000_001), "0001-12-31 23:59:59.999999+00 BC"),
    ("interval", struct.pack(">qii", 14_706_789_000, 3, 14), "1 year 2 mons 3 days 04:05:06.789"),
    (
        "interval",
        struct.pack(">qii", (1 << 63) - 1, (1 << 31) - 1, (1 << 31) - 1),
        "infinity",
    ),
]


@pytest.mark.parametrize(("name", "data", "shown"), ODD)
def test_what_python_cannot_hold(name: str, data: bytes, shown: str) -> None:
    with pytest.raises(DataError, match="cast it to text") as caught:
        binary_decoder(oids.BY_NAME[name])(data)
    assert caught.value.sqlstate == "22008"
    assert f'"{shown}"' in str(caught.value)
    oid = oids.BY_NAME[name]
    assert binary_decoder(oid, styles=Styles(odd_values="text"))(data) == shown
    exactly = binary_decoder(oid, styles=Styles(odd_values="exact"))(data)
    assert text_decoder(oid, Styles(odd_values="exact"))(shown) == exactly
    assert text_decoder(oid, Styles(odd_values="text"))(shown) == shown
    said, form, written = encode(exactly)
    assert (said, form) == (oid, 0)
    assert written is not None
    if name != "interval":
        assert written.decode() == shown


BAD = [
    ("point", b"\0" * 15),
    ("path", h("02 00000001") + b"\0" * 16),
    ("path", h("00 7fffffff") + b"\0" * 16),
    ("polygon", h("00000000")),
    ("polygon", h("00000002") + b"\0" * 16),
    ("regtype", b"\0"),
    ("money", b"\0"),
    ("jsonpath", b"\2$"),
    ("jsonpath", b"\1\xff"),
    ("pg_snapshot", h("7fffffff") + b"\0" * 16),
    ("tsvector", h("7fffffff")),
    ("tsvector", h("00000001") + b"abc"),
    ("tsvector", h("00000001") + b"a\0" + h("00ff")),
    ("tsquery", h("00000001 0202")),
    ("tsquery", h("00000001 0209")),
    ("tsquery", h("00000002 0100") + b"\0a\0" + h("0100") + b"\0b\0"),
    ("record", h("00000001 00000017 00000004 000000")),
    ("record", h("ffffffff")),
    ("record", h("00000000 00")),
    ("date", h("7ffffff0")),
    ("timestamp", h("7fffffffffffff00")),
    ("timetz", struct.pack(">qi", 0, 57_600)),
    ("time", struct.pack(">q", 86_400_000_001)),
    ("bool", b"\x02"),
    ("bool", b""),
    ("int4", b"\0\0\0"),
    ("int4", b"\0\0\0\0\0"),
    ("float4", b"\0"),
    ("float8", b"\0"),
    ("char", b""),
    ("char", b"ab"),
    ("numeric", b""),
    ("numeric", h("0001 0000 0000 0000")),
    ("numeric", h("0000 0000 0000 0000 0000")),
    ("numeric", h("0001 0000 0000 0000 2710")),
    ("numeric", h("0000 0000 1234 0000")),
    ("numeric", h("0000 0000 0000 4000")),
    ("numeric", h("0001 0000 c000 0000 0001")),
    ("uuid", b"\0" * 15),
    ("json", b"{"),
    ("jsonb", b"\x02{}"),
    ("jsonb", b""),
    ("date", b"\0"),
    ("time", b"\0"),
    ("time", struct.pack(">q", -1)),
    ("time", struct.pack(">q", 86_400_000_001)),
    ("timetz", b"\0"),
    ("timetz", struct.pack(">qi", 0, 86_400)),
    ("timestamp", b"\0"),
    ("interval", b"\0"),
    ("inet", h("02200005 c0a8010500")),
    ("inet", h("04200004 c0a80105")),
    ("inet", h("02210004 c0a80105")),
    ("inet", h("03200004 c0a80105")),
    ("inet", b""),
    ("cidr", h("02080104 0a000001")),
    ("macaddr", b"\0"),
    ("bit", h("00000009 a0")),
    ("bit", h("ffffffff")),
    ("bit", b""),
    ("pg_lsn", b"\0"),
    ("tid", b"\0"),
    ("_int4", b""),
    ("_int4", h("00000007 00000000 00000017") + b"\0" * 56),
    ("_int4", h("ffffffff 00000000 00000017")),
    ("_int4", h("00000001 00000000 00000017")),
    ("_int4", h("00000001 00000000 00000019 00000000 00000001")),
    ("_int4", h("00000001 00000000 00000017 ffffffff 00000001")),
    ("_int4", h("00000001 00000000 00000017 40000000 00000001") + b"\0" * 10),
    ("_int4", h("00000002 00000000 00000017 7fffffff 00000001 00000000 00000001")),
    ("_int4", h("00000001 00000000 00000017 00000001 00000001 00000004 0000")),
    ("_int4", h("00000001 00000000 00000017 00000001 00000001 fffffffe")),
    ("_text", h("00000001 00000000 00000019 00000002 00000001 00000001 61 000000")),
    ("_int4", h("00000001 00000000 00000017 00000001 00000001 ffffffff 00")),
    (
        "_int4",
        h("00000001 00000000 00000017 00000002 00000001 00000005 0000000000"),
    ),
    ("_int4", h("00000001 00000000 00000017 00000001 00000001 00000003 000000")),
    ("int4range", b""),
    ("int4range", h("0100")),
    ("int4range", h("80")),
    ("int4range", h("02 00000004 00000001")),
    ("int4range", h("02 ffffffff 00000004 00000005")),
    ("int4range", h("1800")),
    ("int4multirange", b""),
    ("int4multirange", h("7fffffff")),
    ("int4multirange", h("00000000 00")),
    ("int4multirange", h("00000001 00000001 01 00")),
]


@pytest.mark.parametrize(("name", "data"), BAD, ids=range(len(BAD)))
def test_what_is_malformed(name: str, data: bytes) -> None:
    with pytest.raises(DataError) as caught:
        binary_decoder(oids.BY_NAME[name])(data)
    assert caught.value.sqlstate in {"22P03", "22P02"}  # the latter where text is inside


def test_text_that_is_not_in_the_encoding() -> None:
    with pytest.raises(DataError, match="type text that is not valid utf-8") as caught:
        binary_decoder(oids.TEXT)(b"\xff")
    assert caught.value.sqlstate == "22021"
    assert binary_decoder(oids.TEXT, errors="surrogateescape")(b"\xff") == "\udcff"
