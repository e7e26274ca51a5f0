"""Chunks of text rows to columns: what is not sound to the last length word is None."""

from __future__ import annotations

import struct

import pytest

from purelink.values.sweep import Sweep


def row(*values: bytes | None) -> bytes:
    body = struct.pack(">H", len(values))
    for value in values:
        body += struct.pack(">i", -1) if value is None else struct.pack(">i", len(value)) + value
    return b"D" + struct.pack(">i", len(body) + 4) + body


def plain(sweep: Sweep, buffer: bytes, start: int = 0) -> list[list[str | None]] | None:
    """Return the columns' values; their lengths and NULLs are in agreement."""
    found = sweep.columns(buffer, start, len(buffer))
    if found is None:
        return None
    for values, octets, nulls, joined in found:
        assert joined == "\0".join(values)
        assert not octets or list(octets) == list(map(len, values))
        assert octets or max(map(len, values)) > 255
        assert not nulls or (1 in nulls and len(nulls) == len(values))
    return [
        [None if nulls and nulls[n] else value for n, value in enumerate(values)]
        for values, _, nulls, _ in found
    ]


def columns(buffer: bytes, count: int) -> list[list[str | None]] | None:
    return plain(Sweep(count), buffer)


def test_one_row_in_literal_bytes() -> None:
    assert columns(b"D\0\0\0\x0b\0\x01\0\0\0\x011", 1) == [["1"]]


def test_columns_of_one_character_long_ones_and_nulls() -> None:
    rows = [(b"a", b"t", b"x"), (None, b"f", b"x" * 300), (b"\xc3\xa9", None, None)]
    buffer = b"".join([row(*one) for one in rows])
    sweep = Sweep(3)
    for _ in range(2):
        assert plain(sweep, b"?" + buffer, 1) == [
            ["a", None, "\xc3\xa9"],
            ["t", "f", None],
            ["x", "x" * 300, None],
        ]
    again = row(b"y" * 256, b"t", b"")
    assert plain(sweep, again) == [["y" * 256], ["t"], [""]]
    assert columns(row(None) * 3, 1) == [[None] * 3]


def test_empty_values_and_nulls_are_told_apart() -> None:
    sweep = Sweep(2)
    one = row(b"", None) + row(b"", b"b")  # '' in one column, NULL in another
    other = row(None, b"") + row(b"a", b"b" * 300)
    both = row(None, b"") + row(b"", b"")
    wide = row(b"x" * 256, None) + row(b"", b"")
    for _ in range(2):
        for buffer, wanted in (
            (one, [["", ""], [None, "b"]]),
            (one, [["", ""], [None, "b"]]),
            (other, [[None, "a"], ["", "b" * 300]]),
            (both, [[None, ""], ["", ""]]),
            (both, [[None, ""], ["", ""]]),
            (wide, [["x" * 256, ""], [None, ""]]),
            (row(b"", b""), [[""], [""]]),
        ):
            assert plain(sweep, buffer) == wanted


def test_lengths_of_255_are_no_nulls() -> None:
    for size in range(236, 262):  # of messages, and of values
        buffer = row(b"a" * size, None, b"") + row(b"", b"x", None)
        assert columns(buffer, 3) == [["a" * size, ""], [None, "x"], ["", None]]


def test_nothing_is_no_row() -> None:
    assert columns(b"D", 1) is None
    assert columns(b"D\0\0\0\x0b\0\x01", 1) is None


def test_a_chunk_beyond_sixteen_bits_is_in_doubt() -> None:
    assert columns(row(b"x" * 66_000), 1) is None
    assert columns((row(*[None] * 99, b"") + row(None, *[b""] * 99)) * 77, 100) is None  # marks


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
    found = columns(buffer, 2)
    if at in (11, 12, 17, 18) and octet:
        assert found is not None
    else:
        assert found is None or (at == 0 and place == 0)  # the caller has seen the first tag


def test_lengths_that_lie_in_pairs() -> None:
    lie = b"D\0\0\0\x12\0\x02\0\0\0\x01ab\0\0\0\x03cd"
    assert len(lie) == len(SOUND)
    assert columns(lie + SOUND, 2) is None
    longer = row(b"a" * 300, b"b" * 300)
    lie = longer.replace(b"\0\0\x01\x2ca", b"\0\0\x01\x2ba").replace(b"\x01\x2cb", b"\x01\x2db")
    assert columns(longer, 2) is not None
    assert columns(lie, 2) is None
    # a length of one byte, and 257 characters
    assert columns(b"D\0\0\x01\x0b\0\x01\0\0\0\x01" + b"a" * 257, 1) is None


def test_message_lengths_that_lie_in_pairs() -> None:
    more, less = bytearray(SOUND), bytearray(SOUND)
    more[4] += 1
    less[4] -= 1
    assert columns(bytes(more + less), 2) is None


def test_what_stands_between_rows() -> None:
    assert columns(SOUND + b"N\0\0\0\x04" + SOUND, 2) is None
    longer = bytearray(SOUND)
    longer[4] += 5
    assert columns(bytes(longer) + b"N\0\0\0\x04" + SOUND, 2) is None


def test_ff_in_the_wrong_place_makes_no_null() -> None:
    # 255 bytes that begin with three 0xFF: with the length they are four; behind it one 0xFF
    # as a value. Replaced, that would read as '', 511 characters, NULL: all lengths agree.
    lie = b"D" + struct.pack(">i", 529) + b"\0\3\0\0\0" + b"\xff" * 4 + b"a" * 511
    lie += b"\0\0\0\1\xff"
    assert len(lie) == 530
    assert columns(lie, 3) is None
    # a message's length of four 0xFF: replaced, one byte is skipped and the rest agrees
    lie = row(b"x") + b"D" + b"\xff" * 4 + b"\0\1" + struct.pack(">i", 501) + b"a" * 501
    assert columns(lie, 1) is None
    assert columns(row(b"\xff"), 1) == [["\xff"]]  # no NULL, and it says so
    assert columns(row(b"\xff") + row(None), 1) is None


@pytest.mark.parametrize("tail", [b"", b"C\0\0\0\x0dSELECT 1\0", SOUND[:9], SOUND[:1], b"xDab\0\2"])
def test_where_the_last_row_ends(tail: bytes) -> None:
    buffer = b"?" + SOUND * 3 + tail
    assert Sweep(2).last_row_end(buffer, 1, len(buffer)) == 1 + 3 * len(SOUND)


def test_there_may_be_no_last_row() -> None:
    sweep = Sweep(2)
    assert sweep.last_row_end(SOUND, 0, len(SOUND) - 1) == 0
    assert sweep.last_row_end(b"\0\2" * 20, 0, 40) == 0
    assert sweep.last_row_end(b"D\xff\xff\xff\xf0\0\2" + SOUND[:8], 0, 15) == 0
    assert sweep.last_row_end(b"", 0, 0) == 0
