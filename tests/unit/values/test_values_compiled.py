"""Loops compiled for a shape: whole sound rows, and a stop before anything else."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from purelink.values import compiled
from purelink.values.compiled import (
    BOOL,
    BOOL_TEXT,
    BYTES,
    CHARACTERS,
    FIXED,
    INT2,
    INT2_TEXT,
    INT4,
    SINGLE,
    row_loop,
    row_writer,
)


def row(*values: bytes | None) -> bytes:
    body = struct.pack(">H", len(values))
    for value in values:
        body += struct.pack(">i", -1) if value is None else struct.pack(">i", len(value)) + value
    return b"D" + struct.pack(">i", len(body) + 4) + body


def decode(kinds: tuple[int, ...], buffer: bytes, start: int = 0) -> tuple[list[Any], int]:
    rows: list[Any] = []
    loop = row_loop(kinds, [int] * len(kinds))
    return rows, loop(buffer, start, len(buffer), rows.append)


def test_one_row_in_literal_bytes() -> None:
    buffer = b"?D\0\0\0\x0e\0\x01\0\0\0\x04\0\0\0\x07"
    assert decode((INT4,), buffer, 1) == ([(7,)], 16)


MIXED = (INT4, BOOL, CHARACTERS, INT2, BYTES, BOOL_TEXT, INT2_TEXT, SINGLE, INT2, BOOL)
VALUES = [b"\0\0\0\7", b"\1", "é".encode(), b"\xff\xff", b"\0", b"t", b"12", b"-5", b"\0\1", b"\0"]
PLAIN = [7, True, "é", -1, b"\0", True, 12, -5, 1, False]


@pytest.mark.parametrize("absent", range(1 << len(MIXED), 2 << len(MIXED), 7))
def test_nulls_anywhere(absent: int) -> None:
    there = [not absent >> n & 1 for n in range(len(MIXED))]
    one = row(*[value if here else None for value, here in zip(VALUES, there)])
    wanted = tuple(value if here else None for value, here in zip(PLAIN, there))
    # a row that is shorter than its first stretch may be left over at the end
    found, end = decode(MIXED, one * 3 + bytes(40))
    assert (found, end) == ([wanted] * 3, 3 * len(one))


def test_digits_go_the_quick_way_only_where_they_surely_fit() -> None:
    asked: list[bytes] = []
    loop = row_loop((INT2_TEXT,), [asked.append])
    rows: list[Any] = []
    for value in (b"9999", b"12345", b"-1", b"\xb2", b""):
        loop(row(value), 0, len(row(value)), rows.append)
    assert rows == [(9999,), (None,), (None,), (None,), (None,)]
    assert asked == [b"12345", b"-1", b"\xb2", b""]


def test_long_texts_are_the_same() -> None:
    for size in (65_535, 65_536):
        text = "é" * (size // 2) + "x" * (size % 2)
        assert decode((CHARACTERS,), row(text.encode()))[0] == [(text,)]


SOUND = row(b"\0\0\0\7", b"\1", b"ab", b"\0\1")
LIES = [
    (0, b"C"),
    (1, b"\0\0\0\x1c"),
    (1, b"\0\0\0\x1e"),
    (1, b"\0\0\1\0"),
    (5, b"\0\3"),
    (7, b"\0\0\0\5"),
    (7, b"\xff\xff\xff\xfe"),
    (15, b"\0\0\0\2"),
    (19, b"\2"),
    (20, b"\0\0\0\1"),
    (20, b"\xff\xff\xff\xfe"),
    (20, b"\x7f\0\0\0"),
    (24, b"\xe9"),
    (26, b"\0\0\0\3"),
    (26, b"\xff\xff\xff\xff"),
]


@pytest.mark.parametrize(("at", "lie"), LIES)
def test_it_stops_before_a_lie(at: int, lie: bytes) -> None:
    wrong = SOUND[:at] + lie + SOUND[at + len(lie) :]
    buffer = SOUND * 2 + wrong + SOUND * 2
    found = decode((INT4, BOOL, CHARACTERS, INT2), buffer)
    assert found == ([(7, True, "ab", 1)] * 2, 2 * len(SOUND))


@pytest.mark.parametrize("cut", range(len(SOUND)))
def test_it_stops_before_what_is_incomplete(cut: int) -> None:
    rows: list[Any] = []
    loop = row_loop((INT4, BOOL, CHARACTERS, INT2), [int] * 4)
    assert loop(SOUND * 3, 0, len(SOUND) + cut, rows.append) == len(SOUND)
    assert len(rows) == 1


def test_what_was_made_is_kept_and_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    for kept in ("_loops", "_writers"):
        monkeypatch.setattr(compiled, kept, {})
    monkeypatch.setattr(compiled, "_MOST", 2)
    for size in (1, 2, 1, 3):
        row_loop((INT4,) * size, [int] * size)
        row_writer((INT4,) * size, [], lambda *_: b"", b"", b"", message=False)
    assert list(compiled._loops) == [(INT4,) * 3]
    assert list(compiled._writers) == [(False, (INT4,) * 3)]


def test_a_shape_is_numbers_and_no_text_reaches_the_source() -> None:
    strange: list[Any] = [("x",), ((),), (0,), (999,), (INT4, "import os")]
    for kinds in strange:
        with pytest.raises(KeyError):
            row_loop(kinds, [int] * len(kinds))
    assert set(FIXED) == set(range(1, 8))


@pytest.mark.parametrize("message", [False, True])
def test_rows_are_written(message: bool) -> None:
    objected: list[object] = []

    def slow(row: object, index: int) -> bytes:
        objected.append((row, index))
        return b"<slow>"

    ready = [lambda value: value and value.encode()]
    write = row_writer((INT2, SINGLE, BOOL), ready, slow, b"head", b"::tail", message=message)
    start = b"B" + struct.pack(">i", 4 + 4 + 6 + 4 + 1 + 5 + 2) if message else b""
    good = start + b"head\0\0\0\2\0\7\0\0\0\1x\0\0\0\1\1::tail"
    assert write([(7, "x", True)], 0) == good
    null = b"head\0\0\0\2\0\7\xff\xff\xff\xff\0\0\0\1\0::tail"
    assert write([(7, None, False)], 0).endswith(null)
    rows = [(1 << 20, "x", True), (7, "x", True), (7, b"x", True), (7, "x"), (7, "x", 2), None]
    assert write(rows, 5) == b"<slow>" + good + b"<slow>" * 4
    assert objected == [(one, index + 5) for index, one in enumerate(rows) if index != 1]


def test_a_row_larger_than_a_message_is_the_slow_way_s(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "MAX_MESSAGE", 20)
    monkeypatch.setattr(compiled, "_writers", {})
    write = row_writer((SINGLE,), [bytes], lambda *_: b"<slow>", b"", b"", message=False)
    assert write([(b"x" * 10,), (b"x" * 11,)], 0) == b"\0\0\0\x0a" + b"x" * 10 + b"<slow>"
