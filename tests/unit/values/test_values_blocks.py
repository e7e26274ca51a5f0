"""Blocks of rows to bytes: the same as row by row, whatever they hold."""

from __future__ import annotations

import itertools
import struct
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from purelink.errors import InterfaceError
from purelink.values import blocks, compiled, encoders, oids
from purelink.values.blocks import block_writer, texts_of
from purelink.values.compiled import DATE, INT4, SINGLE
from purelink.values.encoders import batch_encoder, copy_encoder


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "BLOCK", 4)
    monkeypatch.setattr(blocks, "FEW", 2)


def refuse(rows: Any, start: int) -> bytes:
    raise AssertionError((rows, start))


def test_rows_of_fixed_width_in_literal_bytes() -> None:
    write = block_writer((INT4, DATE), [], refuse, b"\0\2", b"", message=False)
    rows = [(n, date(2000, 1, 1 + n)) for n in range(4)]
    one = b"\0\2\0\0\0\4\0\0\0%c\0\0\0\4\0\0\0%c"
    assert write(rows) == b"".join([one % (n, n) for n in range(4)])


def test_rows_of_varying_width_in_literal_bytes() -> None:
    write = block_writer((SINGLE, INT4, SINGLE), [texts_of] * 2, refuse, b"h", b"!!", message=True)
    found = write(iter([["é", 7, None], ("", -1, "abc")]))
    fixed = 4 + 1 + 4 + 8 + 4 + 2
    assert found == (
        b"B" + struct.pack(">i", fixed + 2) + b"h\0\0\0\2\xc3\xa9\0\0\0\4\0\0\0\7\xff\xff\xff\xff!!"
        b"B" + struct.pack(">i", fixed + 3) + b"h\0\0\0\0\0\0\0\4\xff\xff\xff\xff\0\0\0\3abc!!"
    )
    assert write([]) == b""
    whole = block_writer((INT4,), [], refuse, b"", b"!!more", message=True)
    assert whole([(1,), (2,)]) == b"".join(
        [b"B\0\0\0\x0e\0\0\0\4\0\0\0%c!!more" % number for number in (1, 2)]
    )


UTC = datetime(1999, 12, 31, 23, 59, 59, 999_999, tzinfo=timezone.utc)
GOOD: dict[int, list[Any]] = {
    oids.BOOL: [True, False],
    oids.INT2: [-1, 32_767],
    oids.INT4: [0, -(1 << 31)],
    oids.INT8: [1 << 62, True],
    oids.OID: [(1 << 32) - 1],
    oids.FLOAT4: [1.5, 2],
    oids.FLOAT8: [-0.0, 1e300],
    oids.DATE: [date(1, 1, 1), date(9999, 12, 31), datetime(2024, 1, 1)],  # noqa: DTZ001
    oids.TIMESTAMP: [datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999_999)],  # noqa: DTZ001
    oids.TIMESTAMPTZ: [UTC, UTC.astimezone(timezone(timedelta(hours=-5)))],
    oids.UUID: [UUID(int=1), UUID(int=(1 << 128) - 1)],
    oids.TEXT: ["", "é€😀", "x" * 300, None],
    oids.BYTEA: [b"", b"\0", bytearray(b"ab"), memoryview(b"c"), None],
}
ODD: list[Any] = [
    None,
    "7",
    1.5,
    b"x",
    "a\0b",
    "\ud800",
    1 << 70,
    float("nan"),
    UTC,
    Decimal("1.5"),
    {},
    [1],
]


def outcome(encode: Any, rows: list[Any]) -> object:
    try:
        return encode(rows)
    except InterfaceError as error:
        return str(error)


@pytest.mark.parametrize("oid", sorted(GOOD))
@pytest.mark.parametrize("make", [copy_encoder, batch_encoder])
def test_as_row_by_row(make: Any, oid: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for types in ([oid], [oids.INT4, oid], [oids.TEXT, oid, oids.TEXT], [oid, oid, oids.INT2]):
        quick = make(types)
        monkeypatch.setattr(encoders, "COMPILES_LOOPS", True)
        plain = make(types)
        monkeypatch.undo()
        values = [itertools.cycle(GOOD[one]) for one in types]
        rows = [tuple([next(one) for one in values]) for _ in range(11)]
        assert quick(rows) == plain(rows)
        for odd, place in itertools.product(ODD, (0, 5, 10)):
            strange = [*rows]
            strange[place] = (*rows[place][:-1], odd)
            assert outcome(quick, strange) == outcome(plain, strange)
        for row in (rows[0][:-1], [*rows[0], 1]):
            assert outcome(quick, [*rows[:6], row]) == outcome(plain, [*rows[:6], row])


def test_after_a_block_in_vain_some_go_row_by_row() -> None:
    seen: list[tuple[int, int]] = []

    def by_row(rows: Any, start: int) -> bytes:
        seen.append((start, len(rows)))
        return b"." * len(rows)

    write = block_writer((INT4,), [], by_row, b"", b"", message=False)
    good, bad = (1,), (None,)
    data = write([bad] * 4 + [good] * 4 + [bad] * 4 + [good] * 12 + [good])
    assert seen == [(0, 4), (4, 4), (8, 4), (12, 4), (16, 4), (24, 1)]
    assert data.count(b".") == 21


def test_texts() -> None:
    assert texts_of(("a", None, "é")) == [b"a", None, b"\xc3\xa9"]
    for wrong in (("a\0b",), ("a", 5), ("\ud800",), (b"a",)):
        with pytest.raises((TypeError, ValueError)):
            texts_of(wrong)


def test_what_is_large_goes_row_by_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "_JOINED_AT_MOST", 10)
    with pytest.raises(ValueError, match=r"^$"):
        texts_of(("x" * 11,))
    monkeypatch.setattr(compiled, "MAX_MESSAGE", 20)
    write = block_writer((SINGLE,), [list], lambda *_: b"by row", b"", b"", message=False)
    assert write([(b"x" * 10,), (b"x" * 20,)]) == b"by row"
