"""`pipeline` and `executemany` on a real server, both faces."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest

from purelink.conversation.many import BATCH
from purelink.errors import (
    DataError,
    IntegrityError,
    InterfaceError,
    LocalProtocolError,
    PipelineAborted,
    ProgrammingError,
    StaleStatement,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.both import Door


@pytest.fixture
def table(connection: Any) -> Any:
    connection.script(
        "create temp table many (a int primary key, b text, c float8, d timestamptz);"
        "create temp table parent (a int primary key);"
        "create temp table child (a int references parent deferrable initially deferred)"
    )
    return connection


def count(connection: Any) -> Any:
    return connection.query("select count(*) from many").scalar()


# -- pipelines ------------------------------------------------------------------------------


def test_results_after_the_block(connection: Any) -> None:
    with connection.pipeline() as pipeline:
        handles = [pipeline.query("select $1::int * 2", n) for n in range(1000)]
        empty = pipeline.query("")
        with pytest.raises(InterfaceError, match="synced first"):
            handles[0].result()
        assert not handles[0].done
        assert len(pipeline) == 1001
    assert [handle.result().scalar() for handle in handles] == [n * 2 for n in range(1000)]
    assert handles[5].result().column_names == ["?column?"]
    assert empty.result().command_tag is None
    assert handles[0].done


def test_again_and_again_with_other_values_and_changes_in_between(connection: Any) -> None:
    sql = "select a, a::float8 / 2, a > 5 from generate_series($1::int4, $2::int4) a"
    for turn in range(4):
        with connection.pipeline() as pipeline:
            # the second has no row, the third has two, the last is as the others are
            spans = [(n, n + (-1 if n == 1 else n == 2)) for n in range(100)]
            handles = [pipeline.query(sql, *span) for span in spans]
            texts = [pipeline.query("select $1::text", "x" * (n % 3)) for n in range(100)]
        for (first, last), handle in zip(spans, handles):
            wanted = [(n, n / 2, n > 5) for n in range(first, last + 1)]
            assert (handle.result().rows, handle.result().row_count) == (wanted, len(wanted))
        assert [each.result().scalar() for each in texts] == ["x" * (n % 3) for n in range(100)]
        formats = {column.format for column in handles[-1].result().description}
        assert formats == {1 if turn else 0}


def test_few_writes_and_one_sync(connection: Any) -> None:
    file = io.StringIO()
    connection.trace(file, timestamps=False)
    with connection.pipeline() as pipeline:
        for n in range(1000):
            pipeline.query("select $1::int", n)
    connection.untrace()
    lines = [line.split("\t")[::2] for line in file.getvalue().splitlines()]
    said = [name for side, name in lines if side == "F"]
    assert said.count("Sync") == 1
    assert said.count("Parse") == 2
    assert said.count("Bind") == 1000
    assert [side for side, _ in lines].index("B") == len(said)


def test_several_stretches(table: Any) -> None:
    with table.pipeline() as pipeline:
        pipeline.query("insert into many values (1)")
        pipeline.sync()
        failing = pipeline.query("select 1/0")
        later = pipeline.query("insert into many values (2)")
        with pytest.raises(DataError, match="division by zero"):
            pipeline.sync()
        with pytest.raises(DataError):
            failing.result()
        with pytest.raises(PipelineAborted) as aborted:
            later.result()
        assert isinstance(aborted.value.__cause__, DataError)
        good = pipeline.query("insert into many values (3) returning a")
        pipeline.sync()
        pipeline.sync()
    assert good.result().rows == [(3,)]
    assert table.query("select a from many order by a").rows == [(1,), (3,)]


def test_a_stretch_is_all_or_nothing(table: Any) -> None:
    with pytest.raises(IntegrityError), table.pipeline() as pipeline:
        for n in (1, 2, 2, 3):
            pipeline.query("insert into many values ($1)", n)
    assert count(table) == 0


def test_a_deferred_constraint_speaks_at_the_sync(table: Any) -> None:
    with pytest.raises(IntegrityError), table.pipeline() as pipeline:
        handle = pipeline.query("insert into child values (1)")
        other = pipeline.query("select 1")
    for each in (handle, other):
        with pytest.raises(IntegrityError):
            each.result()
    assert table.query("select 1").scalar() == 1


def test_left_by_an_exception(table: Any) -> None:
    with pytest.raises(ZeroDivisionError), table.pipeline() as pipeline:
        for _ in range(3):
            handle = pipeline.query("insert into many values (1)")
        raise ZeroDivisionError
    with pytest.raises(InterfaceError, match="never sent"):
        handle.result()
    assert count(table) == 0
    for n in range(3):
        table.query("insert into many values ($1)", n)


def test_one_that_cannot_be_sent(connection: Any) -> None:
    with connection.pipeline() as pipeline:
        first = pipeline.query("select 1")
        for _ in range(3):
            with pytest.raises(InterfaceError):
                pipeline.query("select $1", {})
            with pytest.raises(InterfaceError):
                pipeline.query("select '\0'")
        second = pipeline.query("select 2")
    assert (first.result().scalar(), second.result().scalar()) == (1, 2)


def test_the_connection_waits_for_the_sync(connection: Any) -> None:
    with connection.pipeline() as pipeline:
        pipeline.query("select 1")
        with pytest.raises(LocalProtocolError, match="queued in a pipeline"):
            connection.query("select 1")
        with pytest.raises(LocalProtocolError, match="queued in a pipeline"):
            connection.pipeline().query("select 1")
        pipeline.sync()
        assert connection.query("select 2").scalar() == 2


def test_in_a_transaction(door: Door) -> None:
    connection = door.connect(autocommit=False)
    with connection.pipeline() as pipeline:
        pipeline.query("create temp table t (a int)")
        pipeline.query("insert into t values (1)")
    assert connection.transaction_status == "in transaction"
    connection.rollback()
    with pytest.raises(ProgrammingError):
        connection.query("select * from t")


def test_lost_statements(connection: Any) -> None:
    for _ in range(2):
        connection.query("select 1")
    connection.query("do $$begin execute 'deallocate all'; end$$")
    with connection.pipeline() as pipeline:
        handles = [pipeline.query("select 1") for _ in range(3)]
    assert [handle.result().scalar() for handle in handles] == [1, 1, 1]
    connection.query("do $$begin execute 'deallocate all'; end$$")
    with pytest.raises(StaleStatement), connection.pipeline() as pipeline:
        pipeline.query("select 2")
        pipeline.query("select 1")
    with connection.pipeline() as pipeline:
        handle = pipeline.query("select 1")
    assert handle.result().scalar() == 1


def test_both_sides_write_forty_megabytes(connection: Any) -> None:
    text = "x" * 40_000
    with connection.pipeline(timeout=60) as pipeline:
        handles = [pipeline.query("select $1", text + str(n)) for n in range(1000)]
    assert all(handle.result().scalar() == text + str(n) for n, handle in enumerate(handles))


def test_copy_and_odd_values(connection: Any) -> None:
    with pytest.raises(DataError), connection.pipeline() as pipeline:
        odd = pipeline.query("select '200000-01-01'::date")
        even = pipeline.query("select 1")
    with pytest.raises(DataError):
        odd.result()
    assert even.result().scalar() == 1
    assert connection.query("select 1").scalar() == 1


def test_a_timeout_fails_them_all(connection: Any) -> None:
    with pytest.raises(TimeoutError), connection.pipeline(timeout=0.2) as pipeline:
        handle = pipeline.query("select pg_sleep(10)")
    with pytest.raises(InterfaceError, match="left early"):
        handle.result()
    assert connection.query("select 1").scalar() == 1


# -- executemany ----------------------------------------------------------------------------


def rows(count: int) -> Iterator[tuple[Any, ...]]:
    for n in range(count):
        yield n, None if n % 7 == 0 else f"ä{n}", n / 3, "2026-01-02 03:04:05+00"


@pytest.mark.parametrize("size", [0, 1, 999, 1000, 2500])
def test_inserts(table: Any, size: int) -> None:
    assert table.executemany("insert into many values ($1, $2, $3, $4)", rows(size)) == size
    assert count(table) == size
    found = table.query("select a, b, c from many order by a").rows
    assert found == [row[:3] for row in rows(size)]
    updated = table.executemany("update many set c = 0 where a < $1", [(10,), [5]])
    assert updated == min(size, 10) + min(size, 5)


def test_returning(table: Any) -> None:
    sql = "insert into many (a) values ($1) returning a, b"
    result = table.executemany(sql, ((n,) for n in range(1500)), returning=True)
    assert result.rows == [(n, None) for n in range(1500)]
    assert result.command_tag == "INSERT 0 1500"
    assert result.row_count == 1500
    assert table.executemany("select $1::int", [(1,), (2,)]) == 2


def test_an_error_undoes_all(table: Any) -> None:
    with pytest.raises(IntegrityError) as error:
        table.executemany("insert into many (a) values ($1)", [(n % 2100,) for n in range(5000)])
    if hasattr(error.value, "__notes__"):
        assert error.value.__notes__ == ["row 2101 of executemany"]
    assert count(table) == 0
    with pytest.raises(ProgrammingError):
        table.executemany("insert into nothing values ($1)", [(1,)])
    with pytest.raises(IntegrityError):
        table.executemany("insert into child values ($1)", [(1,)])
    assert count(table) == 0
    kept = table.query("select statement from pg_prepared_statements").rows
    assert not [text for (text,) in kept if "values" in text]


def test_an_error_of_ours_undoes_all(table: Any) -> None:
    def broken() -> Iterator[tuple[int]]:
        for n in range(3500):
            yield (n,)
        raise ZeroDivisionError

    for source, kind in (
        (broken(), ZeroDivisionError),
        ([(n,) for n in range(2000)] + [({},)], InterfaceError),
        ([(n,) for n in range(2000)] + [(1, 2)], InterfaceError),
    ):
        with pytest.raises(kind):
            table.executemany("insert into many (a) values ($1)", source)
        assert table.transaction_status == "idle"
        assert count(table) == 0


def test_inside_a_transaction_an_error_of_ours_leaves_it_open(door: Door) -> None:
    connection = door.connect(autocommit=False)
    connection.query("create temp table many (a int)")
    with pytest.raises(InterfaceError):
        connection.executemany(
            "insert into many (a) values ($1)", [(n,) for n in range(2 * BATCH)] + [({},)]
        )
    assert connection.transaction_status == "in transaction"
    assert connection.query("select count(*) from many").scalar() == 2 * BATCH
    with pytest.raises(InterfaceError, match="cannot be a int"):
        connection.executemany("select 1", 5)


def test_a_timeout_undoes_all(table: Any) -> None:
    def slow() -> Iterator[tuple[int, float]]:
        for n in range(5000):
            yield n, 0 if n < 4000 else 30

    with pytest.raises(TimeoutError):
        table.executemany(
            "insert into many (a, c) select $1, 1 from pg_sleep($2)", slow(), timeout=1.5
        )
    assert count(table) == 0


def test_interrupted_between_batches_undoes_all(table: Any) -> None:
    def interrupted() -> Iterator[tuple[int]]:
        for n in range(3500):
            yield (n,)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        table.executemany("insert into many (a) values ($1)", interrupted())
    assert count(table) == 0


def test_nested_use_is_refused(table: Any) -> None:
    def nosy() -> Iterator[tuple[int]]:
        yield (1,)
        table.query("select 1")

    if hasattr(table, "door"):
        pytest.skip("on a loop that runs nobody can ask in between")
    with pytest.raises(LocalProtocolError):
        table.executemany("insert into many (a) values ($1)", nosy())
    assert count(table) == 0
