"""PEP 249's constructors, type objects, exceptions and column descriptions; transaction IDs."""

from __future__ import annotations

import time
from datetime import date, datetime
from datetime import time as time_of_day
from types import SimpleNamespace
from typing import Any

import pytest

import purelink
from purelink import rows
from purelink.conversation.listening import DELAY_AT_MOST, Listening
from purelink.errors import InterfaceError, OperationalError, ProgrammingError
from purelink.wire.backend import Column
from purelink.xid import Xid


def test_the_module() -> None:
    assert purelink.apilevel == "2.0"
    assert purelink.threadsafety == 2
    assert purelink.paramstyle == "pyformat"
    for name in ("apilevel", "Cursor", "errors", "sql", "Binary", "Xid"):
        assert name in dir(purelink)
    assert purelink.errors.Error is purelink.Error
    for name in (
        "Warning Error InterfaceError DatabaseError DataError OperationalError IntegrityError"
        " InternalError ProgrammingError NotSupportedError"
    ).split():
        assert getattr(purelink.Connection, name) is getattr(purelink, name)
        assert getattr(purelink.AsyncConnection, name) is getattr(purelink, name)
    with pytest.raises(AttributeError):
        getattr(purelink, "nonsense")  # noqa: B009 - mypy would see it


def test_type_objects() -> None:
    for kind, oid in (
        (purelink.STRING, 25),
        (purelink.BINARY, 17),
        (purelink.NUMBER, 1700),
        (purelink.DATETIME, 1184),
        (purelink.ROWID, 26),
    ):
        assert kind == oid
        assert oid == kind
        assert kind != 16
        assert kind == kind
        assert kind != "text"
        assert kind.name in repr(kind)
    assert len({purelink.STRING, purelink.NUMBER, purelink.STRING}) == 2
    assert purelink.STRING != purelink.NUMBER


def test_constructors() -> None:
    assert purelink.Date(2024, 1, 2) == date(2024, 1, 2)
    assert purelink.Time(1, 2, 3) == time_of_day(1, 2, 3)
    assert purelink.Timestamp(2024, 1, 2, 3, 4, 5) == datetime(2024, 1, 2, 3, 4, 5)  # noqa: DTZ001
    ticks = time.mktime((2024, 1, 2, 3, 4, 5, 0, 0, -1))
    assert purelink.DateFromTicks(ticks) == date(2024, 1, 2)
    assert purelink.TimeFromTicks(ticks) == time_of_day(3, 4, 5)
    assert purelink.TimestampFromTicks(ticks) == datetime(2024, 1, 2, 3, 4, 5)  # noqa: DTZ001
    assert purelink.Binary(b"x") == b"x"
    assert purelink.Binary(bytearray(b"x")) == purelink.Binary(memoryview(b"x")) == b"x"
    with pytest.raises(TypeError):
        purelink.Binary("x")


@pytest.mark.parametrize(
    ("oid", "modifier", "size", "expected"),
    [
        (1700, (10 << 16 | 2) + 4, -1, (None, None, 10, 2)),
        (1700, (10 << 16 | 0x7FF) + 4, -1, (None, None, 10, -1)),
        (1700, -1, -1, (None, None, None, None)),
        (1043, 24, -1, (20, None, None, None)),
        (1042, 7, -1, (3, None, None, None)),
        (1560, 8, -1, (8, None, None, None)),
        (1114, 3, 8, (None, 8, 3, None)),
        (1186, 0x7FFF0002, 16, (None, 16, 2, None)),
        (1186, 0x7FFFFFFF, 16, (None, 16, None, None)),
        (23, -1, 4, (None, 4, None, None)),
        (25, 5, -1, (None, None, None, None)),
    ],
)
def test_a_columns_description(
    oid: int, modifier: int, size: int, expected: tuple[Any, ...]
) -> None:
    column = Column("c", oid, type_modifier=modifier, type_size=size)
    assert len(column) == 7
    assert tuple(column) == ("c", oid, *expected, None)
    assert column[:2] == ("c", oid)
    assert column.type_code == oid
    assert column.null_ok is None


def test_row_factories_without_rows() -> None:
    without = SimpleNamespace(description=None)
    for factory in (
        rows.dict_row,
        rows.scalar_row,
        rows.namedtuple_row,
        rows.class_row(dict),
        rows.args_row(max),
    ):
        with pytest.raises(InterfaceError, match="returned no rows"):
            factory(without)((1,))
    assert rows.tuple_row(without)((1, 2)) == (1, 2)


def test_transaction_ids() -> None:
    xid = Xid.made(1, "g", "b")
    assert str(xid) == "1_Zw==_Yg=="
    assert Xid.of(str(xid)) == xid
    assert hash(Xid.of(str(xid))) == hash(xid)
    assert repr(xid) == "Xid(1, 'g', 'b')"
    assert xid != "1_Zw==_Yg=="
    assert len(xid) == 3
    for text in [
        "",
        "x",
        "1_!_Yg==",
        "1_Zw==_Zh",
        "9999999999_Zw==_Yg==",
        "1_w6k=_Yg==",
        "01_Zw==_",
    ]:
        assert tuple(Xid.of(text)) == (None, text, None)
        assert str(Xid.of(text)) == text
    with pytest.raises(ProgrammingError):
        Xid.of(5)  # type: ignore[arg-type]


def test_a_listeners_patience_grows() -> None:
    told = Listening(("a", "a", "b"), lambda: 1.0)
    assert list(told.channels) == ["a", "b"]
    assert told.found(0.0) is None
    error = OperationalError("gone")
    told.lost(error, 10.0)
    told.lost(OperationalError("again"), 11.0)
    assert told.missing
    delays = [told.attempt() for _ in range(40)]
    assert delays[:4] == [0.0, 0.1, 0.2, 0.4]
    assert delays[-1] == DELAY_AT_MOST
    assert told.found(70.0) == (error, 60.0, 40)
    assert not told.missing
    half = Listening((), lambda: 0.0)
    half.attempt()
    assert half.attempt() == 0.05
