"""Runs of rows of fixed widths: exactly as long as every byte that tells allows."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from purelink.values.compiled import BOOL, INT2, INT4
from purelink.values.strides import Strides

#: int4, bool, int2
ONE = b"D\0\0\0\x19\0\x03\0\0\0\x04\0\0\0\x07\0\0\0\x01\x01\0\0\0\x02\xff\xfe"
SHAPE = Strides((INT4, BOOL, INT2), (None, None, None))


def run(buffer: bytes, strides: Strides = SHAPE, start: int = 0) -> list[Any]:
    rows: list[Any] = []
    assert strides.run(buffer, start, len(buffer), rows) == len(rows)
    return rows


def test_rows_in_literal_bytes() -> None:
    assert SHAPE.width == len(ONE)
    assert run(b"") == run(ONE[:-1]) == []
    assert run(ONE) == [(7, True, -2)]
    assert run(b"?" + ONE * 3 + ONE[:5], start=1) == [(7, True, -2)] * 3


TELLING = [*range(11), *range(15, 19), *range(20, 24)]


@pytest.mark.parametrize("at", TELLING)
@pytest.mark.parametrize("place", [0, 1, 5])
def test_one_wrong_byte_ends_the_run(at: int, place: int) -> None:
    wrong = bytearray(ONE)
    wrong[at] ^= 0x41
    assert run(ONE * place + bytes(wrong) + ONE * 3) == [(7, True, -2)] * place


def test_a_boolean_is_one_of_two_bytes() -> None:
    for octet, wanted in ((0, [(7, False, -2)]), (1, [(7, True, -2)]), (2, []), (255, [])):
        assert run(ONE[:19] + bytes([octet]) + ONE[20:]) == wanted


def test_values_may_be_finished() -> None:
    strides = Strides((INT2, -3), (None, lambda values: [value.decode() for value in values]))
    rows = b"".join(
        b"D\0\0\0\x13\0\2\0\0\0\2" + struct.pack(">h", n) + b"\0\0\0\3abc" for n in range(3)
    )
    assert run(rows, strides) == [(0, "abc"), (1, "abc"), (2, "abc")]
    assert run(b"", strides) == []
