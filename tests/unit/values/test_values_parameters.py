"""Python objects to parameters: which type, which bytes, and what is refused unsent."""

# ruff: noqa: DTZ001 - timestamps without a zone are meant

from __future__ import annotations

import enum
from collections import OrderedDict
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from ipaddress import ip_address, ip_interface, ip_network
from typing import Any, NamedTuple
from uuid import UUID

import pytest

from purelink.errors import InterfaceError
from purelink.values.arrays import Array
from purelink.values.geometry import Box, Circle, Line, LSeg, Path, Point, Polygon
from purelink.values.interval import Interval
from purelink.values.parameters import Json, Jsonb, encode, encode_parameters, text_form
from purelink.values.ranges import Multirange, Range


class Mood(enum.Enum):
    SAD = 1


class Level(enum.IntEnum):
    LOW = 3


class Word(str, enum.Enum):
    YES = "oui"


class Loud(int):
    def __str__(self) -> str:
        return "LOUD"

    __repr__ = __str__


class LoudFloat(float):
    def __repr__(self) -> str:
        return "LOUD"


class Nowhere(tzinfo):
    """A zone whose offset depends on the date."""

    def utcoffset(self, when: datetime | None) -> timedelta | None:
        return None if when is None else timedelta(0, 0, 1)

    def dst(self, when: datetime | None) -> timedelta | None:
        return None

    def tzname(self, when: datetime | None) -> str | None:
        return None


class Coordinates(NamedTuple):
    a: int
    b: list[int]


UTC = timezone.utc

GOOD: list[tuple[object, int, int, bytes | None]] = [
    (None, 0, 0, None),
    (True, 16, 0, b"t"),
    (False, 16, 0, b"f"),
    (0, 23, 0, b"0"),
    (-2147483648, 23, 0, b"-2147483648"),
    (2147483648, 20, 0, b"2147483648"),
    (-(1 << 63), 20, 0, b"-9223372036854775808"),
    (1 << 63, 1700, 0, b"9223372036854775808"),
    (10**5000, 1700, 0, b"1" + b"0" * 5000),
    (Loud(5), 23, 0, b"5"),
    (Level.LOW, 23, 0, b"3"),
    (1.5, 701, 0, b"1.5"),
    (1e22, 701, 0, b"1e+22"),
    (float("nan"), 701, 0, b"nan"),
    (float("-inf"), 701, 0, b"-inf"),
    (LoudFloat(2.5), 701, 0, b"2.5"),
    ("h\xe9", 0, 0, b"h\xc3\xa9"),
    ("", 0, 0, b""),
    (Word.YES, 0, 0, b"oui"),
    (Mood.SAD, 0, 0, b"SAD"),
    (b"\0\xff", 17, 1, b"\0\xff"),
    (bytearray(b"a"), 17, 1, b"a"),
    (memoryview(b"abcd")[::2], 17, 1, b"ac"),
    (Decimal("1.50"), 1700, 0, b"1.50"),
    (Decimal("-NaN"), 1700, 0, b"NaN"),
    (Decimal("-Infinity"), 1700, 0, b"-Infinity"),
    (Decimal("1E+5"), 1700, 0, b"1E+5"),
    (date(2024, 3, 5), 1082, 0, b"2024-03-05"),
    (datetime(2024, 3, 5, 6, 7, 8, 900000), 1114, 0, b"2024-03-05 06:07:08.900000"),
    (datetime(1, 1, 1), 1114, 0, b"0001-01-01 00:00:00"),
    (datetime(2024, 3, 5, tzinfo=UTC), 1184, 0, b"2024-03-05 00:00:00+00:00"),
    (
        datetime(1800, 1, 1, tzinfo=timezone(-timedelta(0, 17762))),
        1184,
        0,
        b"1800-01-01 00:00:00-04:56:02",
    ),
    (
        datetime(2024, 1, 1, tzinfo=timezone(timedelta(0, 23 * 3600))),
        1184,
        0,
        b"2023-12-31 01:00:00+00:00",
    ),
    (datetime(2024, 1, 1, tzinfo=Nowhere()), 1184, 0, b"2023-12-31 23:59:59.999999+00:00"),
    (time(12, 34, 56, 789000), 1083, 0, b"12:34:56.789000"),
    (time(12, 34, tzinfo=UTC), 1266, 0, b"12:34:00+00:00"),
    (timedelta(-1, 5, 6), 1186, 0, b"P-1DT5.000006S"),
    (Interval(14, -3, -1_500_000), 1186, 0, b"P14M-3DT-0H-1.500000S"),
    (Interval(), 1186, 0, b"P0M0DT0H0.000000S"),
    (UUID(int=1), 2950, 0, b"00000000-0000-0000-0000-000000000001"),
    (ip_address("10.0.0.1"), 869, 0, b"10.0.0.1"),
    (ip_address("::1"), 869, 0, b"::1"),
    (ip_interface("10.0.0.1/8"), 869, 0, b"10.0.0.1/8"),
    (ip_interface("::1/64"), 869, 0, b"::1/64"),
    (ip_network("10.0.0.0/8"), 650, 0, b"10.0.0.0/8"),
    (ip_network("::/0"), 650, 0, b"::/0"),
    (Json({"a": [1, None]}), 114, 0, b'{"a": [1, null]}'),
    (Jsonb("\xe9"), 3802, 0, b'"\\u00e9"'),
    ([], 0, 0, b"{}"),
    ([None], 0, 0, b"{NULL}"),
    ([1, 2, None], 1007, 0, b'{"1","2",NULL}'),
    ([1, 1 << 40], 1016, 0, b'{"1","1099511627776"}'),
    ([1, 1 << 70], 1231, 0, b'{"1","1180591620717411303424"}'),
    ([[1, 2], [3, 4]], 1007, 0, b'{{"1","2"},{"3","4"}}'),
    (
        ["a'b", "c\\", None, "NULL", "{", " ", "", '"'],
        0,
        0,
        b'{"a\'b","c\\\\",NULL,"NULL","{"," ","","\\""}',
    ),
    ([b"\xde", bytearray(b"\0")], 1001, 0, b'{"\\\\xde","\\\\x00"}'),
    ([True], 1000, 0, b'{"t"}'),
    ([date(2024, 1, 1)], 1182, 0, b'{"2024-01-01"}'),
    ([Jsonb(1), Jsonb("a")], 3807, 0, b'{"1","\\"a\\""}'),
    ([Range(1, 2), Range(), Range(empty=True)], 0, 0, b'{"[\\"1\\",\\"2\\")","(,)","empty"}'),
    ([Range(), None], 0, 0, b'{"(,)",NULL}'),
    ([Range(1, 2)], 0, 0, b'{"[\\"1\\",\\"2\\")"}'),
    (Range(1, 5), 0, 0, b'["1","5")'),
    (Range(1, 1 << 40), 0, 0, b'["1","1099511627776")'),
    (Range(), 0, 0, b"(,)"),
    (Range(empty=True), 0, 0, b"empty"),
    (Range(Decimal("1.5"), None, "(]"), 3906, 0, b'("1.5",)'),
    (Range(date(2024, 1, 1), None), 3912, 0, b'["2024-01-01",)'),
    (Range(datetime(2024, 1, 1), None), 3908, 0, b'["2024-01-01 00:00:00",)'),
    (Range(None, datetime(2024, 1, 1, tzinfo=UTC)), 3910, 0, b'(,"2024-01-01 00:00:00+00:00")'),
    (Range('a"', "b\\"), 0, 0, b'["a\\"","b\\\\")'),
    (Multirange([Range(1, 3), Range(5, 8)]), 0, 0, b'{["1","3"),["5","8")}'),
    (Multirange(), 0, 0, b"{}"),
    ([Multirange([Range(1, 2)])], 0, 0, b'{"{[\\"1\\",\\"2\\")}"}'),
    (range(1, 5), 0, 0, b'["1","5")'),
    (range(5, 5), 0, 0, b"empty"),
    ((1, None, 'a"\\', b"\xff"), 0, 0, b'("1",,"a""\\\\","\\\\xff")'),
    (Coordinates(1, [2]), 0, 0, b'("1","{""2""}")'),
    ([(1, "x"), None], 0, 0, b'{"(\\"1\\",\\"x\\")",NULL}'),
    (Array([1, 2], (0,)), 1007, 0, b'[0:1]={"1","2"}'),
    (Array([[1], [2]], (-1, 5)), 1007, 0, b'[-1:0][5:5]={{"1"},{"2"}}'),
    (Point(1, -2.5), 600, 0, b"(1,-2.5)"),
    (LSeg(Point(1, 2), Point(3, 4)), 601, 0, b"[(1,2),(3,4)]"),
    (Path((Point(1, 2), Point(float("inf"), float("nan")))), 602, 0, b"[(1,2),(Infinity,NaN)]"),
    (Path((Point(1, 2),), closed=True), 602, 0, b"((1,2))"),
    ([Box(Point(3, 4), Point(1, 2))] * 2, 1020, 0, b'{"(3,4),(1,2)";"(3,4),(1,2)"}'),
    (Polygon((Point(1, 2), Point(3, 4))), 604, 0, b"((1,2),(3,4))"),
    (Line(1, 2, 3), 628, 0, b"{1,2,3}"),
    (Circle(Point(1, 2), 3), 718, 0, b"<(1,2),3>"),
]


@pytest.mark.parametrize(("value", "oid", "format_code", "data"), GOOD, ids=range(len(GOOD)))
def test_what_becomes_what(value: object, oid: int, format_code: int, data: bytes | None) -> None:
    assert encode(value) == (oid, format_code, data)
    assert encode(value) == (oid, format_code, data)  # and so when the type was met before


@dataclass
class Plain:
    a: int


def circle() -> list[Any]:
    inside: list[Any] = []
    inside.append(inside)
    return inside


BAD: list[tuple[object, str]] = [
    ({"a": 1}, "a value of type 'dict' as parameter $1: wrap it in Jsonb or Json"),
    (OrderedDict(), "a value of type 'OrderedDict' as parameter $1: wrap it in Jsonb or Json"),
    (({},), "a value of type 'dict' as parameter $1: wrap it"),
    (Plain(1), "fetch the composite type with it first: connection.types.fetch"),
    ({1}, "a value of type 'set' as parameter $1: convert it to a list"),
    (range(0, 3, 2), "cannot send a range as parameter $1 whose step is not 1"),
    (object(), "cannot send a value of type 'object' as parameter $1: convert it to str"),
    (1j, "cannot send a value of type 'complex' as parameter $1: convert it to str"),
    ("a\0b", "cannot send parameter $1: a NUL (0x00) cannot be part of a text value"),
    (["a\0b"], "cannot send parameter $1: a NUL (0x00) cannot be part of a text value"),
    ("ab\udce9", "cannot send parameter $1: its character at index 2 does not exist"),
    (Decimal("sNaN"), "cannot send a signalling NaN as parameter $1"),
    (datetime(1, 1, 1, tzinfo=timezone(timedelta(0, 23 * 3600))), "its UTC time is out of range"),
    (time(1, tzinfo=Nowhere()), "whose zone has no fixed offset"),
    (time(1, tzinfo=timezone(timedelta(0, 0, 1))), "whose offset has microseconds"),
    (Json(object()), "cannot write parameter $1 as JSON: it contains a value of a type"),
    (Json(float("nan")), "cannot write parameter $1 as JSON: it contains itself, or a float"),
    (Json(circle()), "cannot write parameter $1 as JSON: it contains itself, or a float"),
    ([1, 2.5], "the elements of a list must be of one type, not double precision and integer"),
    ([1, "a"], "the elements of a list must be of one type, not integer and text"),
    ([{"a": 1}], "a value of type 'dict' as parameter $1: wrap it"),
    ([[1], [2, 3]], "cannot send parameter $1: the lists inside it differ in length"),
    ([[1], 2], "cannot send parameter $1: it holds lists beside other values"),
    ([1, [2]], "cannot send parameter $1: it holds lists beside other values"),
    ([[]], "cannot send parameter $1: a list inside a list may not be empty"),
    ([[[[[[[1]]]]]]], "cannot send parameter $1: an array has at most 6 dimensions"),
    (circle(), "cannot send parameter $1: an array has at most 6 dimensions"),
    (Range(1.5, 2.5), "cannot send a range of double precision as parameter $1"),
    ([Range(1.5, 2.5)], "cannot send a range of double precision as parameter $1"),
    (Range(1, "a"), "the bounds of a range must be of one type"),
]


@pytest.mark.parametrize(("value", "said"), BAD, ids=[said[:50] for _, said in BAD])
def test_what_is_refused(value: object, said: str) -> None:
    with pytest.raises(InterfaceError) as caught:
        encode_parameters([value])
    assert said in str(caught.value)


def test_json_nested_too_deeply() -> None:
    deep: list[Any] = []
    for _ in range(200_000):
        deep = [deep]
    with pytest.raises(InterfaceError, match="nested too deeply"):
        encode(Json(deep))
    while deep:  # else freeing it would be the deep recursion
        deep = deep.pop()


def test_errors_count_parameters_and_never_show_values() -> None:
    with pytest.raises(InterfaceError, match=r"as parameter \$3: convert") as caught:
        encode_parameters([1, 2, object()])
    assert "object at" not in str(caught.value)
    with pytest.raises(InterfaceError) as caught:
        encode_parameters(["secret\0"])
    assert "secret" not in str(caught.value)
    with pytest.raises(InterfaceError, match="as a parameter: "):
        encode({})


def test_text_forms_stand_for_themselves() -> None:
    assert [text_form(one, "x") for one in (1, b"\0\xff", [b"a"])] == [
        "1",
        "\\x00ff",
        '{"\\\\x61"}',
    ]
    with pytest.raises(InterfaceError, match="'dict' as a member: wrap it"):
        text_form({}, "a member")


def test_at_most_65535() -> None:
    assert len(encode_parameters([None] * 65535)) == 65535
    with pytest.raises(InterfaceError) as caught:
        encode_parameters([None] * 65536)
    assert str(caught.value) == "number of parameters must be between 0 and 65535"


def test_other_encodings() -> None:
    assert encode("é", encoding="iso8859-1") == (0, 0, b"\xe9")
    assert encode("\udce9", encoding="utf-8", errors="surrogateescape") == (0, 0, b"\xe9")
    with pytest.raises(InterfaceError, match=r"encoding \(iso8859-1\)"):
        encode("€", encoding="iso8859-1")


def test_wrappers_compare_and_show_themselves() -> None:
    assert Json([1]) == Json([1])
    assert Json([1]) != Jsonb([1])
    assert Json([1]) != [1]
    assert repr(Jsonb([1])) == "Jsonb([1])"
    with pytest.raises(TypeError):
        hash(Json(1))
