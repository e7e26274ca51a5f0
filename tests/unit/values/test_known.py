"""Parameters of known types: the same meaning as the long way's, or a refusal."""

from __future__ import annotations

import struct
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from purelink.values.known import UNFIT, writer
from purelink.values.parameters import encode_parameters

UTC = timezone.utc


def written(first: Any, *values: Any) -> bytes:
    """Return what a writer made for one row of values makes of another."""
    return writer(tuple(map(type, first)), encode_parameters(first))(values)


@pytest.mark.parametrize(
    ("value", "form", "data"),
    [
        (5, 1, struct.pack(">i", 5)),
        (-(1 << 31), 1, struct.pack(">i", -(1 << 31))),
        (1 << 40, 1, struct.pack(">q", 1 << 40)),
        (1 << 80, 0, str(1 << 80).encode()),
        (1.5, 1, struct.pack(">d", 1.5)),
        (True, 1, b"\1"),
        (False, 1, b"\0"),
        ("näh", 0, "näh".encode()),
        ("", 0, b""),
        (b"\0x", 1, b"\0x"),
        (Decimal("1.50"), 0, b"1.50"),
        (date(2026, 1, 2), 0, b"2026-01-02"),
        (datetime(2026, 1, 2, tzinfo=UTC), 0, b"2026-01-02 00:00:00+00:00"),
        (UUID(int=1), 0, str(UUID(int=1)).encode()),
        ([1, 2], 0, b'{"1","2"}'),
    ],
)
def test_values(value: Any, form: int, data: bytes) -> None:
    one = struct.pack(">i", len(data)) + data
    formats = b"\0\1\0\1" if form else b"\0\0"
    assert written([value], value) == formats + b"\0\1" + one
    pair = b"\0\2" + struct.pack(">hh", form, 0) if form else b"\0\0"
    assert written([value, None], value, None) == pair + b"\0\2" + one + b"\xff\xff\xff\xff"


def test_no_parameters() -> None:
    assert written([]) == b"\0\0\0\0"


@pytest.mark.parametrize(
    ("first", "other"),
    [
        (5, 1 << 31),
        (5, -(1 << 31) - 1),
        (1 << 40, 5),
        (1 << 40, 1 << 63),
        (1 << 80, 1),
        ("a", "a\0b"),
        ("a", "\ud800"),
        (datetime(2026, 1, 2), datetime(2026, 1, 2, tzinfo=UTC)),  # noqa: DTZ001
        ([1], [1.5]),
        ([1], [1 << 40]),
        (Decimal(1), Decimal("sNaN")),
        (timedelta(1), None),
    ],
)
def test_what_would_mean_something_else_is_refused(first: Any, other: Any) -> None:
    if other is None:
        other = object()
    with pytest.raises(UNFIT):
        written([first], other)
