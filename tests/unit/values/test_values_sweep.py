"""Chunks of text rows to columns: what is not sound to the last length word is None."""

from __future__ import annotations

import struct

import pytest

from purelink.values.sweep import NULL, Sweep


def row(*values: bytes | None) -> bytes:
    body = struct.pack(">H", len(values))
    for value in values:
        body += struct.pack(">i", -1) if value is None else struct.pack(">i", len(value)) + value
    return b"D" + struct.pack(">i", len(body) + 4) + body


def columns(buffer: bytes, singles: list[bool]) -> object:
    return Sweep(singles).columns(buffer, 0, len(buffer))


def test_one_row_in_literal_bytes() -> None:
    assert columns(b"D\0\0\0\x0b\0\x01\0\0\0\x011", [False]) == ([("1",)], False)


def test_columns_of_one_character_long_ones_and_nulls() -> None:
    rows = [(b"a", b"t", b""), (None, b"f", b"x" * 300), (b"\xc3\xa9", None, None)]
    buffer = b"".join([row(*one) for one in rows])
    sweep = Sweep([False, True, False])
    for _ in range(2):  # the second time it knows which column is long
        assert sweep.columns(b"?" + buffer, 1, 1 + len(buffer)) == (
            [("a", NULL, "\xc3\xa9"), ("t", "f", NULL), ("", "x" * 300, NULL)],
            True,
        )
    again = row(b"y" * 256, b"t", b"")
    assert sweep.columns(again, 0, len(again)) == ([("y" * 256,), ("t",), ("",)], False)
    assert columns(row(None) * 3, [True]) == ([(NULL,) * 3], True)


def test_nothing_is_no_row() -> None:
    assert columns(b"D", [False]) is None
    assert columns(b"D\0\0\0\x0b\0\x01", [False]) is None


def test_a_chunk_beyond_sixteen_bits_is_in_doubt() -> None:
    assert columns(row(b"x" * 66_000), [False]) is None
    assert columns(row(*[None] * 100) * 150, [False] * 100) is None  # NULLs grow


SOUND = row(b"ab", b"cd")


@pytest.mark.parametrize("at", range(len(SOUND)))
@pytest.mark.parametrize("octet", [0, 1, 3, 0x44, 0xFF])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_wrong_byte_anywhere_but_in_a_value(at: int, octet: int, place: int) -> None:
    wrong = bytearray(SOUND)
    if wrong[at] == octet:
        return
    wrong[at] = octet
    buffer = b"".join([bytes(wrong) if n == place else SOUND for n in range(3)])
    found = Sweep([False, False]).columns(buffer, 0, len(buffer))
    if at in (11, 12, 17, 18) and octet:
        assert found is not None
    else:
        assert found is None or (at == 0 and place == 0)  # the caller has seen the first tag


def test_lengths_that_lie_in_pairs() -> None:
    lie = b"D\0\0\0\x12\0\x02\0\0\0\x01ab\0\0\0\x03cd"
    assert len(lie) == len(SOUND)
    assert columns(lie + SOUND, [False, False]) is None
    longer = row(b"a" * 300, b"b" * 300)
    lie = longer.replace(b"\0\0\x01\x2ca", b"\0\0\x01\x2ba").replace(b"\x01\x2cb", b"\x01\x2db")
    assert columns(longer, [False, False]) is not None
    assert columns(lie, [False, False]) is None
    # a length of one byte, and 257 characters
    assert columns(b"D\0\0\x01\x0b\0\x01\0\0\0\x01" + b"a" * 257, [False]) is None


def test_message_lengths_that_lie_in_pairs() -> None:
    more, less = bytearray(SOUND), bytearray(SOUND)
    more[4] += 1
    less[4] -= 1
    assert columns(bytes(more + less), [False, False]) is None


def test_what_stands_between_rows() -> None:
    assert columns(SOUND + b"N\0\0\0\x04" + SOUND, [False, False]) is None
    longer = bytearray(SOUND)
    longer[4] += 5
    assert columns(bytes(longer) + b"N\0\0\0\x04" + SOUND, [False, False]) is None


def test_ff_in_the_wrong_place_makes_no_null() -> None:
    # 255 bytes that begin with three 0xFF: with the length they are four; behind it one 0xFF
    # as a value. Replaced, that would read as '', 511 characters, NULL: all lengths agree.
    lie = b"D" + struct.pack(">i", 529) + b"\0\3\0\0\0" + b"\xff" * 4 + b"a" * 511
    lie += b"\0\0\0\1\xff"
    assert len(lie) == 530
    assert columns(lie, [False, False, False]) is None
    # a message's length of four 0xFF: replaced, one byte is skipped and the rest agrees
    lie = row(b"x") + b"D" + b"\xff" * 4 + b"\0\1" + struct.pack(">i", 501) + b"a" * 501
    assert columns(lie, [False]) is None
    assert columns(row(b"\xff"), [False]) == ([("\xff",)], False)  # no NULL, and it says so
    assert columns(row(b"\xff") + row(None), [False]) is None


@pytest.mark.parametrize("tail", [b"", b"C\0\0\0\x0dSELECT 1\0", SOUND[:9], SOUND[:1], b"xDab\0\2"])
def test_where_the_last_row_ends(tail: bytes) -> None:
    buffer = b"?" + SOUND * 3 + tail
    assert Sweep([False, False]).last_row_end(buffer, 1, len(buffer)) == 1 + 3 * len(SOUND)


def test_there_may_be_no_last_row() -> None:
    sweep = Sweep([False, False])
    assert sweep.last_row_end(SOUND, 0, len(SOUND) - 1) == 0
    assert sweep.last_row_end(b"\0\2" * 20, 0, 40) == 0
    assert sweep.last_row_end(b"D\xff\xff\xff\xf0\0\2" + SOUND[:8], 0, 15) == 0
    assert sweep.last_row_end(b"", 0, 0) == 0
