"""CopyData cut many at once: the same bytes, up to the same place, as one after the other."""

from __future__ import annotations

import random
from struct import Struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from purelink.testing.bytes import NOTICE
from purelink.wire import codes, runs
from purelink.wire.session import Session

LENGTH = Struct(">i")
END = b"c\0\0\0\4"


def plainly(buffer: bytes, position: int, ceiling: int = codes.CEILING) -> tuple[bytes, int]:
    """One message after the other, as the manual has them."""
    data = b""
    while buffer[position : position + 1] == b"d" and len(buffer) - position >= 5:
        length = LENGTH.unpack_from(buffer, position + 1)[0]
        if not 4 <= length <= ceiling or position + 1 + length > len(buffer):
            break
        data += buffer[position + 5 : position + 1 + length]
        position += 1 + length
    return data, position


def quickly(buffer: bytes, position: int, ceiling: int = codes.CEILING) -> tuple[bytes, int]:
    session = Session(ceiling=ceiling)
    after = runs._copied(session, buffer, position, len(buffer))
    return b"".join(session.copied), after


def messages(chance: random.Random) -> list[bytes]:
    """Return messages that mostly are lines, and sometimes what may be taken for several."""
    low, high = chance.choice(((1, 90), (0, 30), (200, 300), (245, 260), (1, 700), (65500, 65560)))
    count = chance.randint(1, 300 if high < 1000 else 4)
    odd = chance.choice((0, 0, 0.02, 0.3))
    last = chance.choice((b"\n", b"\n", b"d", b"\0"))
    lines = []
    for _ in range(count):
        line = bytes([chance.choice(b"abc\t0\xc3")]) * chance.randint(low, high) + last
        if chance.random() < odd:
            size = chance.choice((0, 1, 3, 4, 5, 65, 255, 256, 259, 300, 65535))
            part = chance.choice((last, b"")) + b"d" + LENGTH.pack(size)
            place = chance.randint(0, len(line))
            line = line[:place] + chance.choice((part, b"", last, part[:-1])) + line[place:]
        if chance.random() < odd:
            line = chance.choice((b"", line[:1], line[:-1]))
        lines.append(b"d" + LENGTH.pack(4 + len(line)) + line)
    return lines


@settings(max_examples=300)
@given(st.integers(0, 2**32), st.booleans(), st.booleans())
def test_copy_data_at_once_and_one_by_one_agree(seed: int, lies: bool, chopped: bool) -> None:
    chance = random.Random(seed)
    lines = messages(chance)
    if lies:
        at = chance.randrange(len(lines))
        told = bytearray(lines[at])
        told[chance.randrange(5)] = chance.choice((0, 1, 2, 3, 4, 5, 65, chance.randrange(256)))
        lines[at] = bytes(told)
    if chance.random() < 0.3:
        lines.insert(chance.randrange(len(lines) + 1), NOTICE)
    before = bytes(chance.randrange(3))
    buffer = before + b"".join(lines) + chance.choice((END, b""))
    if chopped:
        ends = [len(before)]
        for line in lines:
            ends.append(ends[-1] + len(line))
        cut = chance.choice((chance.choice(ends) + chance.randrange(6), chance.randrange(ends[-1])))
        buffer = buffer[: max(cut, len(before))]
    if len(buffer) > len(before):
        assert quickly(buffer, len(before)) == plainly(buffer, len(before))


@pytest.mark.parametrize("size", [60, 251, 252, 253, 300, 65531])
def test_lines_of_one_length_are_one_block(size: int) -> None:
    line = b"x" * (size - 1) + b"\n"
    session = Session()
    buffer = (b"d" + LENGTH.pack(4 + size) + line) * 100 + END
    assert runs._copied(session, buffer, 0, len(buffer)) == len(buffer) - len(END)
    assert b"".join(session.copied) == line * 100
    assert len(session.copied) <= 3


@pytest.mark.parametrize("word", [0, 1, 2, 3, 0x7FFFFFFF, -1, -0x80000000])
@pytest.mark.parametrize("size", [60, 252, 253, 254, 255, 256, 300])
def test_a_length_that_is_none_stops_it_where_it_stands(word: int, size: int) -> None:
    good = b"d" + LENGTH.pack(4 + 60) + b"x" * 59 + b"\n"
    bad = b"d" + LENGTH.pack(word) + b"x" * (size - 1) + b"\n"
    buffer = good * 50 + bad + good * 50
    assert quickly(buffer, 0) == plainly(buffer, 0)
    assert quickly(buffer, 0)[1] == 50 * len(good)


def test_a_ceiling_holds_in_a_run_too() -> None:
    line = b"d" + LENGTH.pack(4 + 60) + b"x" * 59 + b"\n"
    buffer = line * 100
    assert quickly(buffer, 0, 50) == plainly(buffer, 0, 50) == (b"", 0)
