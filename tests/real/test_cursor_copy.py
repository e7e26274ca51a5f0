"""`cursor.copy()` on a real server: blocks and rows, both ways; both faces."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from purelink.errors import (
    BadCopyFileFormat,
    InterfaceError,
    InvalidTextRepresentation,
    LocalProtocolError,
    UniqueViolation,
)
from purelink.sql import SQL, Identifier

if TYPE_CHECKING:
    from tests.both import Door

pytestmark = pytest.mark.server


@pytest.fixture
def table(connection: Any) -> Any:
    connection.execute("create temp table t (a int primary key, b text, c numeric)")
    return connection


def held(connection: Any) -> list[Any]:
    found: list[Any] = connection.execute("select * from t order by a").fetchall()
    return found


def test_rows_in(table: Any) -> None:
    with table.cursor().copy("copy t from stdin") as copy:
        assert copy.rowcount == -1
        for n in range(1000):
            copy.write_row((n, None if n % 2 else f"\t{n}", Decimal(n) / 4))
        with pytest.raises(InterfaceError, match="cannot be mixed"):
            copy.write("x")
        with pytest.raises(LocalProtocolError, match="COPY is under way"):
            table.execute("select 1")
        with pytest.raises(InterfaceError, match="takes data"):
            copy.read()
    assert copy.rowcount == 1000
    assert held(table)[2:4] == [(2, "\t2", Decimal("0.5")), (3, None, Decimal("0.75"))]
    with pytest.raises(InterfaceError, match="inside its block"):
        copy.write_row((1, 2, 3))


@pytest.mark.parametrize("types", [None, ["int4", "text", 701]])
def test_rows_in_binary(table: Any, types: Any) -> None:
    table.execute("alter table t alter c type float8")
    copy = table.cursor().copy("copy t from stdin (format binary)")
    if types:
        copy.set_types(types)
    with copy:
        copy.write_row([1, "x", 1.5])
    assert held(table) == [(1, "x", 1.5)]


def test_blocks_in(table: Any) -> None:
    query = SQL("copy {} from stdin (format csv)").format(Identifier("t"))
    with table.cursor().copy(query) as copy:
        copy.write("1,a,")
        copy.write(b"2\n" + b"".join(b"%d,%s,1\n" % (n, b"y" * 500) for n in range(2, 1000)))
        with pytest.raises(InterfaceError, match="cannot be mixed"):
            copy.write_row((1, 2, 3))
    assert copy.rowcount == 999
    with table.cursor().copy("copy t from stdin"):
        pass
    assert len(held(table)) == 999


def test_an_exception_copies_nothing(table: Any) -> None:
    with pytest.raises(ZeroDivisionError), table.cursor().copy("copy t from stdin") as copy:
        for n in range(600):
            copy.write_row((n, "x", 1))
        raise ZeroDivisionError
    assert held(table) == []
    with pytest.raises(UniqueViolation), table.cursor().copy("copy t from stdin") as copy:
        copy.write_row((1, "x", 1))
        copy.write_row((1, "x", 1))
    with pytest.raises(InvalidTextRepresentation), table.cursor().copy("copy t from stdin") as copy:
        for _ in range(100_000):
            copy.write("x\ty\tz\n" * 100)
    with pytest.raises(BadCopyFileFormat), table.cursor().copy("copy t from stdin") as copy:
        copy.write("1\n")
    with pytest.raises(InterfaceError), table.cursor().copy("copy t from stdin") as copy:
        copy.write_row((1, object(), 2))
    with pytest.raises(InterfaceError), table.cursor().copy("copy t from stdin") as copy:
        copy.write(5)
    assert held(table) == []
    assert table.transaction_status == "idle"


def test_out(table: Any) -> None:
    table.execute("insert into t values (1, 'a', 1.5), (2, null, null)")
    with table.cursor().copy("copy t to stdout") as copy:
        assert b"".join(copy) == b"1\ta\t1.5\n2\t\\N\t\\N\n"
        assert copy.read() == b""
        with pytest.raises(InterfaceError, match="gives data"):
            copy.write("x")
    assert copy.rowcount == 2
    with table.cursor().copy("copy (select * from t order by a) to stdout") as copy:
        copy.set_types(["int4", "text", "numeric"])
        assert copy.read_row() == (1, "a", Decimal("1.5"))
        assert copy.read_row() == (2, None, None)
        assert copy.read_row() is None
    with table.cursor().copy("copy t to stdout (format csv)") as copy:
        assert list(copy.rows()) == [("1", "a", "1.5"), ("2", None, None)]
    with table.cursor().copy("copy (select generate_series(1, 1000000)) to stdout") as copy:
        assert copy.read()
    assert table.execute("select 1").fetchone() == (1,)
    with pytest.raises(InterfaceError):
        table.cursor().copy("select 1")


def test_a_transaction_begins(door: Door) -> None:
    connection = door.connect(autocommit=False)
    connection.execute("create temp table t (a int)")
    connection.commit()
    with connection.cursor().copy("copy t from stdin") as copy:
        copy.write("1\n")
    assert connection.in_transaction
    connection.rollback()
    assert connection.execute("select * from t").fetchall() == []
