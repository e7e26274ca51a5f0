"""COPY in and out on a real server, both faces: rows, blocks, files; errors from either side."""

from __future__ import annotations

import asyncio
import datetime as dt
import decimal
import io
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from purelink.errors import (
    DataError,
    IntegrityError,
    InterfaceError,
    LocalProtocolError,
    ProgrammingError,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from tests.both import Door

NASTY = [
    (1, "plain", True, None),
    (2, "tab\tnewline\nreturn\rback\\slash", False, 1.5),
    (3, "\\.", None, -0.0),
    (4, "", True, float("inf")),
    (5, None, None, None),
    (6, "\\N", False, 0.1),
    (7, 'quote " comma , delimiter |', True, 2.0),
    (8, " ä€😀 ", True, 3.0),
    (9, "\\", True, 3.0),
    (10, "\b\f\v", True, 3.0),
    (11, "\n", True, 3.0),
]

FORMS = [
    "",
    "(format text)",
    "(format csv)",
    "csv",
    "with (format csv, delimiter '|', null 'NULL', header)",
    "(format csv, quote '''', escape '\\')",
    "(format csv, escape E'\\\\', null '\\N')",
    "(delimiter '|', null '<null>')",
    "with delimiter as ',' null as '~'",
    "(format binary)",
    "with binary",
    "(format text, encoding 'UTF8')",
]


@pytest.fixture
def table(connection: Any) -> Any:
    connection.script(
        'create temp table "Copied, ()" (a int, b text, c bool, d float8);'
        "create temp view v as select 1"
    )
    return connection


TABLE = '"Copied, ()"'


def stored(connection: Any) -> Any:
    return connection.query(f"select * from {TABLE} order by a").rows


@pytest.mark.parametrize("form", FORMS)
def test_rows_go_in_and_come_out(table: Any, form: str) -> None:
    assert table.copy_in(f"copy {TABLE} from stdin {form}", NASTY) == len(NASTY)
    assert stored(table) == NASTY
    with table.copy_out(f"copy {TABLE} to stdout {form}") as copy:
        data = copy.read()
        assert copy.row_count == len(NASTY)
    copy = table.copy_out(f"copy {TABLE} to stdout {form}")
    assert list(copy.rows(["int4", "text", "bool", 701])) == NASTY
    copy = table.copy_out(f"copy {TABLE} to stdout {form}")
    raw = list(copy.rows())
    assert [row[1] for row in raw] == [
        row[1] if "binary" not in form or row[1] is None else row[1].encode() for row in NASTY
    ]
    # what came out goes in, in blocks split anywhere
    for step in (1, 7, 1000):
        table.script(f"truncate {TABLE}")
        blocks = (data[at : at + step] for at in range(0, len(data), step))
        assert table.copy_in(f"copy {TABLE} from stdin {form}", blocks) == len(NASTY)
        assert stored(table) == NASTY


def test_some_columns(table: Any) -> None:
    for form in ("", "(format csv)", "(format binary)"):
        table.script(f"truncate {TABLE}")
        rows = [(f"b{n}", n) for n in range(5000)]
        assert table.copy_in(f"copy {TABLE} (b, a) from stdin {form}", rows) == 5000
        assert stored(table)[4999] == (4999, "b4999", None, None)
    assert table.copy_in(f"copy {TABLE}(a) from stdin binary", [[1]], types=[23]) == 1


def test_many_types(connection: Any) -> None:
    connection.script(
        "create temp table types"
        " (a timestamptz, b date, c numeric, d uuid, e bytea, f int[], g json)"
    )
    utc = dt.timezone.utc
    row = (
        dt.datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=utc),
        dt.date(2026, 1, 2),
        decimal.Decimal("1.50"),
        uuid.UUID(int=5),
        b"\\x\0\xff",
        [1, None, 3],
        '{"a": "\\n"}',
    )
    for form in ("", "csv"):
        connection.script("truncate types")
        assert connection.copy_in(f"copy types from stdin {form}", [row]) == 1
        found = connection.query("select a, b, c, d, e, f, g::text from types").rows
        assert found == [row]
    connection.query("create temp table wordy (words tsvector)")
    with pytest.raises(InterfaceError, match=r"column 1 of type tsvector .* binary: COPY as text"):
        connection.copy_in("copy wordy from stdin binary", [("a",)])
    with pytest.raises(InterfaceError, match="cannot send a value of type 'int' as column"):
        connection.copy_in("copy types from stdin binary", [(1,) * len(row)])
    assert connection.query("select 1").scalar() == 1


def test_sources(table: Any) -> None:
    sql = f"copy {TABLE} (a, b) from stdin"
    for source in (
        b"1\tx\n2\ty\n",
        "1\tx\n2\tä\n",
        io.BytesIO(b"1\tx\n2\ty\n"),
        io.StringIO("1\tx\n2\ty\n"),
        [b"1\tx\n", bytearray(b"2"), memoryview(b"\ty\n")],
        ["1\tx", "\n2\ty\n"],
        iter([(1, "x"), [2, "y"]]),
    ):
        assert table.copy_in(sql, source) == 2
    empty: list[Any] = [[], b"", "", io.BytesIO(), iter([])]
    for nothing in empty:
        assert table.copy_in(sql, nothing) == 0
    with pytest.raises(InterfaceError, match="cannot be a int"):
        table.copy_in(sql, 5)
    with pytest.raises(InterfaceError, match="cannot be mixed"):
        table.copy_in(sql, [b"1\tx\n", (2, "y")])
    assert table.query("select 1").scalar() == 1


def test_async_sources(door: Door) -> None:
    if door.loop is None:
        pytest.skip("the asyncio face alone takes these")
    connection = door.connect()
    connection.script("create temp table t (a int)")

    async def rows(fail: bool = False) -> AsyncIterator[tuple[int]]:
        for n in range(3000):
            await asyncio.sleep(0)
            yield (n,)
        if fail:
            raise ZeroDivisionError

    class File:
        def __init__(self) -> None:
            self.left = [b"1\n", b"2\n", b""]
            self.written: list[bytes] = []

        async def read(self, size: int) -> bytes:
            await asyncio.sleep(0)
            return self.left.pop(0)

        async def write(self, data: bytes) -> None:
            self.written.append(data)

    assert connection.copy_in("copy t from stdin", rows()) == 3000
    with pytest.raises(ZeroDivisionError):
        connection.copy_in("copy t from stdin", rows(fail=True))
    assert connection.copy_in("copy t from stdin", File()) == 2
    assert connection.executemany("insert into t values ($1)", rows()) == 3000
    with pytest.raises(ZeroDivisionError):
        connection.executemany("insert into t values ($1)", rows(fail=True))
    assert connection.query("select count(*) from t").scalar() == 6002
    file = File()
    assert connection.copy_out("copy (select 1) to stdout").into(file) == 1
    assert file.written == [b"1\n"]


def test_a_source_that_raises(table: Any) -> None:
    def broken(count: int, item: Any) -> Iterator[Any]:
        for _ in range(count):
            yield item
        raise ZeroDivisionError("mine")

    for count in (0, 1, 100, 100_000):
        for item in (b"1\n", (1,)):
            with pytest.raises(ZeroDivisionError, match="mine"):
                table.copy_in(f"copy {TABLE} (a) from stdin", broken(count, item))
            assert stored(table) == []
    with pytest.raises(InterfaceError, match="NUL"):
        table.copy_in(f"copy {TABLE} (b) from stdin", [("x",)] * 500 + [("a\0b",)])
    with pytest.raises(InterfaceError, match="has not"):
        table.copy_in(f"copy {TABLE} (b) from stdin", [("\ud800",)])
    assert stored(table) == []


def test_errors_of_the_server(table: Any) -> None:
    def endless() -> Iterator[bytes]:
        yield b"no number\n"
        while True:
            yield b"1\n" * 1000

    with pytest.raises(DataError, match="invalid input syntax"):
        table.copy_in(f"copy {TABLE} (a) from stdin", endless())
    table.script("create temp table checked (a int check (a < 3))")
    with pytest.raises(IntegrityError):
        table.copy_in("copy checked from stdin", [(1,), (2,), (3,)])
    with pytest.raises(ProgrammingError, match="does not exist"):
        table.copy_in("copy nothing from stdin", [(1,)])
    with pytest.raises(ProgrammingError, match="does not exist"):
        table.copy_in("copy nothing from stdin binary", [(1,)])
    with pytest.raises(ProgrammingError, match="does not exist"):
        table.copy_out("copy nothing to stdout").read()
    with pytest.raises(DataError, match="division by zero"):
        table.copy_out("copy (select 1/(500-n) from generate_series(1, 999) n) to stdout").read()
    table.script(
        "create temp table p (a int primary key);"
        "create temp table c (a int references p deferrable initially deferred)"
    )
    with pytest.raises(IntegrityError):
        table.copy_in("copy c from stdin", [(1,)])
    assert table.query("select 1").scalar() == 1


def test_a_transaction(door: Door) -> None:
    connection = door.connect(autocommit=False)
    connection.query("create temp table t (a int)")
    connection.commit()
    assert connection.copy_in("copy t from stdin", [(1,)]) == 1
    assert connection.transaction_status == "in transaction"
    connection.rollback()
    assert connection.copy_out("copy t to stdout").read() == b""
    assert connection.transaction_status == "in transaction"
    with pytest.raises(DataError):
        connection.copy_in("copy t from stdin", [("x",)])
    assert connection.transaction_status == "in failed transaction"


def test_the_end_mark(table: Any) -> None:
    """A line `\\.` among blocks ends the data, as the server reads it; a value is escaped."""
    sql = f"copy {TABLE} (b) from stdin"
    assert table.copy_in(sql, b"one\n\\.\n") == 1
    assert table.copy_in(sql, [("\\.",), ("two",)]) == 2
    assert table.copy_in(sql + " csv", [("\\.",), ("two",)]) == 2
    assert sorted(row[1] for row in stored(table)) == ["\\.", "\\.", "one", "two", "two"]


def test_a_notice_for_each_row(table: Any) -> None:
    table.script(
        "create temp table noisy (a int);"
        "create function pg_temp.shout() returns trigger language plpgsql as"
        " $$begin raise notice 'row %', repeat('x', 100); return new; end$$;"
        "create trigger shout before insert on noisy for each row execute function pg_temp.shout()"
    )
    heard: list[object] = []
    table.notice_handlers.append(heard.append)
    rows = ((n,) for n in range(30_000))
    assert table.copy_in("copy noisy from stdin", rows, timeout=60) == 30_000
    assert len(heard) == 30_000


def test_leaving_copy_out_early(table: Any) -> None:
    sql = "copy (select n, repeat('x', 100) from generate_series(1, 200000) n) to stdout"
    with table.copy_out(sql) as copy:
        assert copy.fetch()
    assert table.query("select 1").scalar() == 1
    for block in table.copy_out(sql):
        assert block
        break
    assert table.query("select 1").scalar() == 1
    copy = table.copy_out(sql)
    copy.fetch()
    with pytest.raises(LocalProtocolError, match="a COPY is under way"):
        table.query("select 1")
    copy.close()
    copy.close()
    with pytest.raises(InterfaceError, match="closed before its end"):
        copy.fetch()
    assert sum(1 for _ in table.copy_out(sql).rows()) == 200_000


def test_into_a_file(table: Any) -> None:
    file = io.BytesIO()
    sql = "copy (select n from generate_series(1, 100000) n) to stdout"
    assert table.copy_out(sql).into(file) == 100_000
    assert file.getvalue().count(b"\n") == 100_000

    class Full(io.BytesIO):
        def write(self, data: Any) -> int:
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        table.copy_out(sql).into(Full())
    if hasattr(table, "door"):
        table.door.run(asyncio.sleep(0.1))
    assert table.query("select 1").scalar() == 1


def test_other_statements_are_refused_before_they_are_sent(table: Any) -> None:
    for sql in ("select 1", "", "insert into t values (1)", "copy t from '/file'", "copy"):
        with pytest.raises(InterfaceError, match="this is no COPY"):
            table.copy_in(sql, [])
        with pytest.raises(InterfaceError, match="this is no COPY"):
            table.copy_out(sql)
    with pytest.raises(InterfaceError, match="goes the other way"):
        table.copy_in("copy t to stdout", [])
    with pytest.raises(InterfaceError, match="goes the other way"):
        table.copy_out("copy t from stdin")
    with pytest.raises(ProgrammingError, match=r"copy_in\(\) and copy_out\(\)"):
        table.query("copy (select 1) to stdout")
    with pytest.raises(ProgrammingError, match=r"copy_in\(\) and copy_out\(\)"):
        table.script(f"copy {TABLE} from stdin")
    assert table.query("select 1").scalar() == 1


def test_types_must_fit(table: Any) -> None:
    sql = "copy (select 1, 2) to stdout"
    with pytest.raises(InterfaceError, match="2 columns, but 1 types"):
        list(table.copy_out(sql).rows([23]))
    with pytest.raises(InterfaceError, match="no built-in type"):
        list(table.copy_out(sql).rows(["nonsense"]))
    with pytest.raises(DataError):
        list(table.copy_out("copy (select 'x') to stdout").rows(["int4"]))
    with pytest.raises(DataError, match="no COPY data in binary"):
        list(_lying(table))
    assert table.query("select 1").scalar() == 1


def _lying(connection: Any) -> Any:
    copy = connection.copy_out("copy (select repeat('x', 100)) to stdout")
    told = getattr(copy, "inner", copy)._told
    told.options = told.options._replace(format="binary")
    return copy.rows()
