"""The statement cache on a real server, both faces: when it prepares, evicts, heals, gives up."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest

from purelink.errors import (
    DataError,
    InvalidSqlStatementName,
    OperationalError,
    ProgrammingError,
    StaleStatement,
)

if TYPE_CHECKING:
    from tests.both import Door

#: as a pooler would take them away: behind our back
LOSE = "do $$begin execute 'deallocate all'; end$$"


def behind(sql: str) -> str:
    """Return a statement that does the same without our seeing it in the command tag."""
    return f"do $$begin {sql}; end$$"


def names(connection: Any) -> list[str]:
    found = connection.script("select name from pg_prepared_statements order by prepare_time")
    return [name for (name,) in found[0]]


def sent(connection: Any, work: Any) -> list[str]:
    """Return the messages that a piece of work sends."""
    file = io.StringIO()
    connection.trace(file, timestamps=False)
    work()
    connection.untrace()
    lines = [line.split("\t") for line in file.getvalue().splitlines()]
    return [line[2] for line in lines if line[0] == "F"]


def test_the_second_use_prepares_the_third_only_binds(connection: Any) -> None:
    def run() -> None:
        assert connection.query("select $1::int + 1", 41).rows == [(42,)]

    assert sent(connection, run) == ["Parse", "Bind", "Describe", "Execute", "Sync"]
    assert names(connection) == []
    assert sent(connection, run) == ["Parse", "Describe", "Bind", "Describe", "Execute", "Sync"]
    assert len(names(connection)) == 1
    for _ in range(3):
        assert sent(connection, run) == ["Bind", "Execute", "Sync"]
    result = connection.query("select $1::int + 1", 1)
    assert result.column_names == ["?column?"]
    assert result.command_tag == "SELECT 1"


def test_begin_goes_along(door: Door) -> None:
    connection = door.connect(autocommit=False)
    for _ in range(3):
        connection.query("select 1")
        connection.commit()
    messages = sent(connection, lambda: connection.query("select 1"))
    assert messages == ["Parse", "Bind", "Execute", "Bind", "Execute", "Sync"]


def test_switched_off(door: Door) -> None:
    connection = door.connect(statement_cache_size=0)
    for _ in range(3):
        connection.query("select 1")
    assert names(connection) == []


def test_least_recently_used_goes_and_is_closed(door: Door) -> None:
    connection = door.connect(statement_cache_size=2)
    for _ in range(2):
        connection.query("select 1")
    for _ in range(2):
        connection.query("select 2")
    connection.query("select 1")
    first, second = names(connection)
    for _ in range(2):
        connection.query("select 3")
    assert len(connection.talk.statements) == 2
    assert sent(connection, lambda: connection.query("select 1"))[0] == "Close"
    assert first in names(connection)
    assert second not in names(connection)
    assert len(names(connection)) == 2


def test_types_of_parameters_make_variants_but_null_does_not(connection: Any) -> None:
    for value in (1, 2, None, 3):
        assert connection.query("select $1::int8", value).scalar() == value
    assert len(names(connection)) == 1
    for value in (1 << 40, 1 << 41):
        assert connection.query("select $1::int8", value).scalar() == value
    assert len(names(connection)) == 2
    assert connection.query("select $1::int8", "5").scalar() == 5
    # first used with NULL alone: the server has inferred the type that later values have
    connection.query("create temp table inferred (a int, b text)")
    for value in (None, None, 1, 2):
        connection.query("insert into inferred values ($1, $2)", value, "x")
    assert len(names(connection)) == 4
    for _ in range(20):
        for each in (1, "x", 1.5, True, 1 << 40, b"x", None):
            connection.query("select ($1)::text", each)


def test_a_changed_table(connection: Any) -> None:
    connection.query("create temp table changing (a int)")
    connection.query("insert into changing values (1)")
    for _ in range(3):
        assert connection.query("select * from changing").rows == [(1,)]
    connection.query("alter table changing add b text default 'new'")
    for _ in range(3):
        result = connection.query("select * from changing")
        assert result.rows == [(1, "new")]
        assert result.column_names == ["a", "b"]
    connection.query("alter table changing alter a type text")
    assert connection.query("select * from changing").rows == [("1", "new")]


def test_a_changed_table_inside_a_transaction(door: Door) -> None:
    connection = door.connect(autocommit=False)
    connection.query("create temp table changing (a int)")
    for _ in range(3):
        connection.query("select * from changing")
    connection.commit()
    # the BEGIN of the same write is no stake
    connection.query(behind("alter table changing add b text"))
    connection.commit()
    assert connection.query("select * from changing").column_names == ["a", "b"]
    connection.query("select * from changing")
    connection.query(behind("alter table changing add c text"))
    with pytest.raises(StaleStatement, match="rolled back and run again") as stale:
        connection.query("select * from changing")
    assert stale.value.sqlstate == "0A000"
    assert stale.value.safe_to_retry
    assert connection.transaction_status == "in failed transaction"
    connection.rollback()
    assert connection.query("select * from changing").column_names == ["a", "b"]


@pytest.mark.parametrize("autocommit", [True, False])
def test_lost_statements_are_prepared_again(door: Door, autocommit: bool) -> None:
    connection = door.connect(autocommit=autocommit)
    for text in ("select 1", "select 2"):
        for _ in range(2):
            connection.query(text)
    connection.query(LOSE)
    connection.commit()
    for text, value in (("select 1", 1), ("select 2", 2)):
        assert connection.query(text).scalar() == value
    assert len(names(connection)) == 2
    assert connection.transaction_status == ("idle" if autocommit else "in transaction")


def test_lost_inside_a_transaction(connection: Any) -> None:
    for _ in range(2):
        connection.query("select 1")
    connection.script("begin")
    connection.query(LOSE)
    with pytest.raises(StaleStatement) as stale:
        connection.query("select 1")
    assert stale.value.sqlstate == "26000"
    assert isinstance(stale.value.__cause__, ProgrammingError)
    connection.rollback()
    assert connection.query("select 1").scalar() == 1


@pytest.mark.parametrize("text", ["deallocate all", "discard all"])
def test_what_we_see_taken_away_is_forgotten(connection: Any, text: str) -> None:
    for run in (connection.query, connection.script):
        for _ in range(3):
            connection.query("select 1")
        run(text)
        assert len(connection.talk.statements) == 0
        assert "Parse" in sent(connection, lambda: connection.query("select 1"))


def test_a_name_that_is_taken(connection: Any) -> None:
    from purelink.conversation import statements

    connection.query("select 1")
    number = next(statements._NUMBERS) + 1
    taken = connection.talk.statements._token
    connection.script(f"prepare purelink_{taken}{number} as select 'theirs'")
    assert connection.query("select 1").scalar() == 1
    assert connection.query("select 1").scalar() == 1


def test_a_pooler_that_loses_them_all_the_time_ends_the_preparing(connection: Any) -> None:
    for _ in range(20):
        assert connection.query("select 1").scalar() == 1
        connection.query(LOSE)
    assert names(connection) == []


def test_errors_while_preparing_leave_nothing(connection: Any) -> None:
    for _ in range(3):
        with pytest.raises(ProgrammingError):
            connection.query("select nothing")
    for _ in range(3):
        with pytest.raises(DataError):
            connection.query("select 1 / $1::int", 0)
    assert connection.query("select 1 / $1::int", 1).scalar() == 1
    for _ in range(3):
        with pytest.raises(OperationalError, match="requires 2"):
            connection.query("select $1::int, $2::int", 1)
    # what a statement raises while it runs is its own affair
    connection.script(
        "create function pg_temp.own() returns int language plpgsql as"
        " $$begin raise exception using errcode = '26000'; end$$"
    )
    for _ in range(3):
        with pytest.raises(ProgrammingError) as own:
            connection.query("select pg_temp.own()")
        assert type(own.value) is InvalidSqlStatementName


def test_settings_change_the_decoder(connection: Any) -> None:
    text = "select timestamptz '2026-01-02 12:00+00'"
    for _ in range(3):
        connection.script("set timezone to 'UTC'")
        assert connection.query(text).scalar().utcoffset().total_seconds() == 0
        connection.script("set timezone to 'Asia/Tokyo'")
        assert connection.query(text).scalar().utcoffset().total_seconds() == 9 * 3600
    day = "select date '2026-01-02'"
    for style in ("ISO", "German", "SQL, DMY", "ISO"):
        connection.script(f"set datestyle to '{style}'")
        assert connection.query(day).scalar().isoformat() == "2026-01-02"


def test_a_timeout_while_preparing(connection: Any) -> None:
    connection.query("select pg_sleep($1)", 0)
    with pytest.raises(TimeoutError):
        connection.query("select pg_sleep($1)", 10, timeout=0.2)
    for _ in range(3):
        connection.query("select pg_sleep($1)", 0)
    assert len(names(connection)) == 1  # the one that was left early is closed


@pytest.mark.parametrize("sql", ["fetch 1 from c", "/* x */ -- y\n FETCH 1 FROM c"])
def test_fetch_is_of_whatever_cursor_there_is(door: Door, sql: str) -> None:
    # The server would not notice that a prepared FETCH gives other columns than it did.
    connection = door.connect(autocommit=False)
    for query, expected in (
        ("select 1", (1,)),
        ("select '7'::text", ("7",)),
        ("select 'x'::text, 2", ("x", 2)),
    ):
        for _ in range(2):
            connection.query(f"declare c cursor for {query}")
            assert connection.query(sql).rows == [expected]
            connection.rollback()
    for query, expected in (("select 1", (1,)), ("select '7'::text, 2", ("7", 2))):
        connection.query(f"prepare p as {query}")
        for _ in range(3):
            assert connection.query("execute p").rows == [expected]
        connection.script("deallocate p")


def test_its_own_changes_of_the_schema_make_nothing_stale(door: Door) -> None:
    """In a transaction nothing could be healed: ALTER and DROP have all prepared anew."""
    connection = door.connect(autocommit=False)
    ask = "select * from changing"

    def twice() -> list[Any]:
        rows: list[Any] = [connection.query(ask).rows for _ in range(3)][-1]
        return rows

    connection.query("create temp table changing (a int)")
    connection.query("insert into changing values (1)")
    assert twice() == [(1,)]
    assert len(names(connection)) >= 1
    connection.query("alter table changing alter a type text using 'x'")
    assert twice() == [("x",)]
    connection.query("drop table changing")
    connection.query("create temp table changing (a int, b text)")
    assert twice() == []
    connection.commit()
    connection.query("alter table changing add c int")
    assert twice() == []
    connection.rollback()
    assert connection.query(ask).column_names == ["a", "b"]
    assert len(names(connection)) == len(set(names(connection))) <= 1
    connection.rollback()
