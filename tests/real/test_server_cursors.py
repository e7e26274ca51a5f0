"""Named cursors, streams and pipelines of cursors on a real server; both faces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from purelink import rows
from purelink.errors import (
    DivisionByZero,
    InvalidCursorName,
    LocalProtocolError,
    NoActiveSqlTransaction,
    NotSupportedError,
    ObjectNotInPrerequisiteState,
    PipelineAborted,
    ProgrammingError,
)

if TYPE_CHECKING:
    from tests.both import Door

pytestmark = pytest.mark.server

SERIES = "select n, n::text as t from generate_series(1, %s) n"


@pytest.fixture
def plain(door: Door) -> Any:
    """A connection out of autocommit."""
    return door.connect(autocommit=False)


def test_rows_stay_on_the_server(plain: Any) -> None:
    cursor = plain.cursor('a "name"')
    assert cursor.name == 'a "name"'
    cursor.execute(SERIES, (1000,))
    assert [column.name for column in cursor.description] == ["n", "t"]
    assert cursor.rowcount == -1
    assert cursor.fetchone() == (1, "1")
    assert cursor.fetchmany(3) == [(2, "2"), (3, "3"), (4, "4")]
    assert cursor.fetchmany() == [(5, "5")]
    assert cursor.rownumber == 5
    cursor.itersize = 7
    assert next(cursor) == (6, "6")
    assert cursor.fetchone() == (7, "7")
    assert [row[0] for row in cursor] == list(range(8, 1001))
    assert cursor.fetchone() is None
    assert cursor.fetchall() == []
    assert cursor.rownumber == 1000
    cursor.close()
    assert cursor.closed
    assert plain.execute("select count(*) from pg_cursors where name <> ''").fetchone() == (0,)


def test_all_that_is_left(plain: Any) -> None:
    with plain.cursor("c", row_factory=rows.scalar_row) as cursor:
        cursor.execute(SERIES, (250,))
        assert next(cursor) == 1
        assert cursor.fetchall() == list(range(2, 251))
        with pytest.raises(NotSupportedError):
            cursor.executemany("select %s", [(1,)])
        with pytest.raises(NotSupportedError):
            cursor.callproc("now")
        assert cursor.nextset() is None


def test_moving(plain: Any) -> None:
    cursor = plain.cursor("c", scrollable=True).execute(SERIES, (50,))
    cursor.scroll(10)
    assert cursor.fetchone()[0] == 11
    cursor.scroll(-5)
    assert cursor.fetchone()[0] == 7
    cursor.itersize = 20
    assert next(cursor)[0] == 8
    cursor.scroll(2)
    assert cursor.rownumber == 10
    assert cursor.fetchone()[0] == 11
    cursor.scroll(0, mode="absolute")
    assert cursor.fetchone()[0] == 1
    cursor.scroll(49, mode="absolute")
    assert [row[0] for row in cursor] == [50]
    cursor.scroll(-1)
    assert cursor.fetchone()[0] == 50
    with pytest.raises(ProgrammingError, match="mode must be"):
        cursor.scroll(1, "sideways")
    for wrong in (1 << 70, -100):
        with pytest.raises(IndexError):
            cursor.scroll(wrong)
    cursor.scroll(100)
    assert cursor.fetchone() is None
    only = plain.cursor("d", scrollable=False).execute(SERIES, (5,))
    only.scroll(2)
    assert only.fetchone()[0] == 3
    with pytest.raises(ObjectNotInPrerequisiteState):
        only.scroll(-2)


def test_with_hold(door: Door) -> None:
    connection = door.connect()
    cursor = connection.cursor("held", withhold=True).execute(SERIES, (3,))
    assert connection.transaction_status == "idle"
    assert [row[0] for row in cursor] == [1, 2, 3]
    cursor.close()
    assert connection.execute("select count(*) from pg_cursors where name <> ''").fetchone() == (0,)
    with pytest.raises(NoActiveSqlTransaction):
        connection.cursor("not_held").execute("select 1")


def test_another_query_on_the_same_name(plain: Any) -> None:
    cursor = plain.cursor("c")
    for sql, expected in (("select 1", 1), ("select date '2024-01-02'::text", "2024-01-02")):
        for _ in range(3):
            cursor.execute(sql)
            assert cursor.fetchone() == (expected,)
    with pytest.raises(ProgrammingError):
        plain.cursor("c").execute("select 2")
    plain.rollback()


def test_the_end_of_its_transaction(plain: Any) -> None:
    cursor = plain.cursor("c").execute("select 1")
    plain.rollback()
    with pytest.raises(InvalidCursorName):
        cursor.fetchone()
    plain.rollback()
    plain.execute("select 1")
    cursor.close()
    assert plain.transaction_status == "in transaction"
    with plain.cursor("d").execute("values (1), (0)") as failing:
        with pytest.raises(DivisionByZero):
            plain.execute("select 1/0")
        assert failing.name == "d"
    plain.rollback()
    with plain.cursor("e").execute("select 1"):
        plain.close()


def test_no_rows_yet(plain: Any) -> None:
    cursor = plain.cursor("c")
    with pytest.raises(ProgrammingError, match="nothing was executed"):
        cursor.fetchone()
    with pytest.raises(ProgrammingError, match="nothing was executed"):
        cursor.scroll(1)
    cursor.close()


def test_a_stream_of_a_cursor(connection: Any) -> None:
    cursor = connection.cursor(row_factory=rows.dict_row)
    found = []
    for row in cursor.stream(SERIES, (5000,), size=100):
        found.append(row["n"])
        if len(found) == 1:
            assert cursor.description[1].name == "t"
            with pytest.raises(LocalProtocolError, match="a stream is open"):
                connection.execute("select 1")
    assert found == list(range(1, 5001))
    assert list(connection.cursor().stream("select 1 where false")) == []
    with pytest.raises(DivisionByZero):
        list(connection.cursor().stream("select 1/(n - 500) from generate_series(1, 1000) n"))
    for _ in cursor.stream(SERIES, (5000,)):
        break
    assert connection.execute("select 2").fetchone() == (2,)


# -- pipelines -------------------------------------------------------------------------------


def test_cursors_in_a_pipeline(connection: Any) -> None:
    with connection.pipeline():
        first = connection.execute("select %s::int", (1,))
        second = connection.execute("select generate_series(1, 2)")
        assert first.rowcount == -1
        assert first.fetchone() == (1,)
        assert second.rowcount == 2
        third = connection.execute("select 3")
    assert second.fetchall() == [(1,), (2,)]
    assert third.statusmessage == "SELECT 1"
    assert third.fetchone() == (3,)
    assert connection.execute("select 4").fetchone() == (4,)


def test_an_error_in_a_pipeline(connection: Any) -> None:
    with pytest.raises(DivisionByZero), connection.pipeline():
        good = connection.execute("select 1")
        bad = connection.execute("select 1/0")
        late = connection.execute("select 2")
    assert good.fetchone() == (1,)
    with pytest.raises(DivisionByZero):
        bad.fetchone()
    with pytest.raises(PipelineAborted):
        late.fetchone()
    with pytest.raises(ZeroDivisionError), connection.pipeline():
        connection.execute("select 1")
        raise ZeroDivisionError
    with connection.pipeline():
        bad = connection.execute("select 1/0")
        with pytest.raises(DivisionByZero):
            bad.fetchone()
        assert connection.execute("select 1").fetchone() == (1,)


def test_what_else_happens_in_a_pipeline(plain: Any) -> None:
    plain.execute("create temp table t (a int)")
    with plain.pipeline(), plain.pipeline():
        plain.execute("insert into t values (1)")
        plain.commit()
        plain.execute("insert into t values (2)")
        plain.rollback()
        plain.cursor().executemany("insert into t values (%s)", [(3,), (4,)])
        with plain.transaction():
            plain.execute("insert into t values (5)")
        with pytest.raises(ZeroDivisionError), plain.transaction():
            plain.execute("insert into t values (6)")
            raise ZeroDivisionError
        cursor = plain.cursor()
        cursor.callproc("abs", (-1,))
        assert cursor.fetchone() == (1,)
        named = plain.cursor("c").execute("select a from t order by a")
        assert named.fetchall() == [(1,), (3,), (4,), (5,)]
    with pytest.raises(ProgrammingError, match="nothing was executed"):
        plain.cursor().fetchone()
