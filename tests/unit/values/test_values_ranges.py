"""`Range` and `Interval` as values: equality, hashing, pickling, text."""

from __future__ import annotations

import copy
import pickle
from datetime import timedelta

import pytest

from purelink.errors import DataError, InterfaceError
from purelink.values.interval import Interval, span
from purelink.values.ranges import Multirange, Range, range_decoder


def test_a_range_is_a_value() -> None:
    one = Range(1, 5)
    assert one == Range(1, 5, "[)")
    assert one != Range(1, 5, "[]")
    assert one != (1, 5)
    assert hash(one) == hash(Range(1, 5))
    assert pickle.loads(pickle.dumps(one)) == one
    assert copy.deepcopy(Range(empty=True)) == Range(empty=True)
    assert repr(one) == "Range(1, 5, '[)')"
    assert repr(Range(empty=True)) == "Range(empty=True)"
    assert bool(one)
    assert not Range(empty=True)


def test_a_side_without_bound_is_exclusive() -> None:
    assert Range(None, 5, "[]") == Range(None, 5, "(]")
    assert Range(1, None, "[]").bounds == "[)"
    assert Range(1, 2, "[]", empty=True) == Range(empty=True)


def test_a_range_cannot_be_changed() -> None:
    one = Range(1, 5)
    with pytest.raises(AttributeError, match="cannot be changed"):
        one.lower = 2
    with pytest.raises(AttributeError, match="cannot be changed"):
        del one.lower
    with pytest.raises(InterfaceError, match="bounds of a Range"):
        Range(1, 5, "<>")


def test_quoted_bounds() -> None:
    decode = range_decoder(str, "textrange")
    assert decode('["a""b\\\\c",")")') == Range('a"b\\c', ")")
    assert decode('["",a)') == Range("", "a")


def test_text_of_ranges() -> None:
    assert Range(1, None, "(]").text(str) == '("1",)'
    assert Range(empty=True).text(str) == "empty"
    assert Multirange([Range(1, 2)]) == [Range(1, 2)]


def test_intervals() -> None:
    assert str(Interval(14, 3, -1_500_000)) == "P14M3DT-0H-1.500000S"
    assert span(0, 2147483647, 0, "exact") == Interval(0, 2147483647, 0)
    assert span(0, 1, 90_000_000_000, "exact") == Interval(0, 1, 90_000_000_000)
    assert span(0, 1, 90_000_000_000) == timedelta(2, 3600)
    assert span(1, -1, 1, "text") == "1 mon -1 days +00:00:00.000001"
    with pytest.raises(DataError, match='"-1 years -2 mons" of type interval'):
        span(-14, 0, 0)
    assert Interval(months=1) == (1, 0, 0)
