"""Checks 81 to 93 of dblink's specification: cursors, and the transactions they begin.

One test a check, through the extension and through `Session`.
"""

from __future__ import annotations

from tests.conformance.dblink_pair import Side, twice

MISMATCH = (
    "42804",
    "remote query result rowtype does not match the specified FROM clause rowtype",
)
ABORTED = (
    "25P02",
    "current transaction is aborted, commands ignored until end of transaction block",
)
NOTHING = ("08006", "could not obtain message string for remote error")
NO_TRANSACTION = ("25P01", "SAVEPOINT can only be used in transaction blocks")


def on(action: str, cursor: str) -> str:
    return f'while {action} cursor "{cursor}" on dblink connection named "c"'


def open_(d: Side, cursor: str = "k1", sql: str = "select generate_series(1, 10)") -> None:
    d.open("c", cursor, sql).gives("OK")


def committed(d: Side) -> None:
    d.exec("c", "savepoint x").raises(*NO_TRANSACTION)


def still_open(d: Side) -> None:
    d.exec("c", "savepoint x").gives("SAVEPOINT")


@twice
def test_081_cursor_exists(d: Side) -> None:
    d.connect("c", d.CS)
    open_(d)
    d.open("c", "k1", "select 1").raises(
        "42P03", 'cursor "k1" already exists', context=on("opening", "k1")
    )
    d.fetch("c", "k1", 1).raises(*ABORTED, context=on("fetching from", "k1"))
    d.close_cursor("c", "k1").raises(*ABORTED, context=on("closing", "k1"))
    d.close_cursor("c", "k1", False).notes(*ABORTED, context=on("closing", "k1")).holds("ERROR")
    d.open("c", "k2", "select 1").raises(*ABORTED, context=on("opening", "k2"))
    d.exec("c", "ROLLBACK").gives("ROLLBACK")
    open_(d)
    d.close_cursor("c", "k1").gives("OK")
    committed(d)


@twice
def test_082_the_last_close_commits(d: Side) -> None:
    d.remote("drop table if exists made")
    d.connect("c", d.CS)
    open_(d, "k1")
    open_(d, "k2")
    d.exec("c", "create table made ()").gives("CREATE TABLE")
    shown = "select to_regclass('made') is not null"
    d.close_cursor("c", "k1").gives("OK")
    d.seen(shown).gives(("False",))
    d.close_cursor("c", "k2").gives("OK")
    d.seen(shown).gives(("True",))
    d.remote("drop table made")


@twice
def test_083_the_callers_transaction_is_the_callers(d: Side) -> None:
    d.connect("c", d.CS)
    d.exec("c", "BEGIN").gives("BEGIN")
    open_(d)
    d.close_cursor("c", "k1").gives("OK")
    still_open(d)


@twice
def test_084_open_fails(d: Side) -> None:
    d.connect("c", d.CS)
    d.open("c", "k1", "select * from nosuch", False).notes(
        "42P01", 'relation "nosuch" does not exist', context=on("opening", "k1")
    ).holds("ERROR")
    d.exec("c", "set work_mem=1000").raises(*ABORTED)
    d.exec("c", "ROLLBACK").gives("ROLLBACK")
    d.exec("c", "set work_mem=1000").gives("SET")


@twice
def test_085_caller_commits(d: Side) -> None:
    d.connect("c", d.CS)
    open_(d)
    d.exec("c", "COMMIT").gives("COMMIT")
    d.close_cursor("c", "k1").raises(
        "34000", 'cursor "k1" does not exist', context=on("closing", "k1")
    )
    # the count is stale now: it stands at one, and the close brings it down to one again
    d.exec("c", "BEGIN").gives("BEGIN")
    open_(d)
    d.close_cursor("c", "k1").gives("OK")
    still_open(d)
    # a second close of a cursor the caller declared commits the caller's transaction
    d.exec("c", "declare k2 cursor for select 1").gives("DECLARE CURSOR")
    d.close_cursor("c", "k2").gives("OK")
    committed(d)


@twice
def test_085b_an_open_on_an_idle_link_repairs_the_count(d: Side) -> None:
    d.connect("c", d.CS)
    open_(d)
    d.exec("c", "ROLLBACK").gives("ROLLBACK")
    open_(d, "k2")
    d.close_cursor("c", "k2").gives("OK")
    committed(d)


@twice
def test_086_which_cursor_does_not_matter(d: Side) -> None:
    d.connect("c", d.CS)
    open_(d)
    d.exec("c", "declare k9 cursor for select 2").gives("DECLARE CURSOR")
    d.close_cursor("c", "k9").gives("OK")
    committed(d)
    d.close_cursor("c", "k1").raises("34000", 'cursor "k1" does not exist')


@twice
def test_087_names_are_pasted_raw(d: Side) -> None:
    d.connect("c", d.CS)
    open_(d, '"K 1"')
    d.fetch("c", '"K 1"', 2).gives(("1",), ("2",))
    d.close_cursor("c", '"K 1"').gives("OK")
    d.open("c", "k 1", "select 1").raises(
        "42601", 'syntax error at or near "1"', context=on("opening", "k 1")
    )
    d.exec("c", "rollback").gives("ROLLBACK")
    open_(d, "KK")
    d.fetch("c", "kk", 1).gives(("1",))
    d.close_cursor("c", 'nosuch\n"x').raises(
        "42601", 'unterminated quoted identifier at or near ""x"'
    )


@twice
def test_088_fetch(d: Side) -> None:
    d.connect("c", d.CS)
    open_(d)
    d.fetch("c", "k1", 100).gives(*((str(n),) for n in range(1, 11)))
    d.fetch("c", "k1", 100).gives()
    d.fetch("c", "k1", 1, columns="x int, y int").raises(*MISMATCH, context=None)
    d.close_cursor("c", "k1")
    open_(d)
    d.fetch("c", "k1", 3, columns="x int, y int").raises(*MISMATCH)
    d.fetch("c", "k1", 1).gives(("4",))
    d.fetch("c", "k1", -2).raises("55000", "cursor can only scan forward")
    d.exec("c", "rollback").gives("ROLLBACK")
    open_(d, "k1 scroll", "select generate_series(1, 10)::text")
    d.fetch("c", "k1", 3).gives(("1",), ("2",), ("3",))
    d.fetch("c", "k1", 0).gives(("3",))
    d.fetch("c", "k1", -2).gives(("2",), ("1",))
    d.fetch("c", "k1", 2, columns="x int2").gives(("2",), ("3",))
    d.exec("c", "close k1").gives("CLOSE CURSOR")
    d.exec("c", "declare k1 cursor for values ('1'), ('x'), ('3')").gives("DECLARE CURSOR")
    d.fetch("c", "k1", 2, columns="x int").raises(
        "22P02", 'invalid input syntax for type integer: "x"', context=None
    )
    d.fetch("c", "k1", 2, columns="x int").gives(("3",))


@twice
def test_088b_fetch_that_fails_on_the_way(d: Side) -> None:
    """Unlike dblink(), it gives no rows; and the remote error beats what we find in them."""
    d.connect("c", d.CS)
    zero = ("22012", "division by zero")
    sql = "select 10/(3-g) from generate_series(1,3) g"
    for fail in (True, False):
        for columns in ("x int", "x int, y int", "x date"):
            open_(d, "k1", sql)
            outcome = d.fetch("c", "k1", 5, fail, columns=columns)
            if fail:
                outcome.raises(*zero, context=on("fetching from", "k1"))
            else:
                outcome.notes(*zero, context=on("fetching from", "k1")).holds()
            d.exec("c", "rollback").gives("ROLLBACK")


@twice
def test_089_fetch_without_a_transaction(d: Side) -> None:
    d.connect("c", d.CS)
    missing = ("34000", 'cursor "k1" does not exist')
    d.fetch("c", "k1", 1).raises(*missing, context=on("fetching from", "k1"))
    d.fetch("c", "k1", 1, False).notes(*missing, context=on("fetching from", "k1")).holds()
    # a command instead of rows: dblink's own error, without context
    d.exec("c", "begin; declare k1 cursor for select 1").gives("DECLARE CURSOR")
    for fail in (True, False):
        d.fetch("c", "k1; set work_mem=1000", 1, fail).raises(
            "34000", 'cursor "k1; set work_mem=1000" does not exist', context=None
        )
    # of several results the last one counts, and the others are not looked at
    d.fetch("c", "k1; select 'last'", 1, columns="x text").gives(("last",))
    d.fetch("c", "k1; select 1, 2; select 'last'", 1, columns="x text").gives(("last",))


@twice
def test_090_second_statement_in_open(d: Side) -> None:
    d.connect("c", d.CS)
    d.open("c", "k1", "select 1; select 2").raises(*NOTHING, context=on("opening", "k1"))
    d.message("c").gives("OK")
    still_open(d)
    d.fetch("c", "k1", 5).gives(("1",))
    d.exec("c", "rollback")
    d.open("c", "k1", "select 1; set work_mem=1000").gives("OK")
    d.close_cursor("c", "k1; select 1").raises(*NOTHING, context=on("closing", "k1; select 1"))


@twice
def test_091_disconnect_loses_it(d: Side) -> None:
    d.remote("drop table if exists lost; create table lost (n int)")
    d.connect("c", d.CS)
    open_(d)
    d.exec("c", "insert into lost values (1)").gives("INSERT 0 1")
    d.disconnect("c").gives("OK")
    d.backends(0)
    d.seen("select count(*) from lost").gives(("0",))
    d.remote("drop table lost")


@twice
def test_092_begin_inside(d: Side) -> None:
    d.remote("drop table if exists kept; create table kept (n int)")
    d.connect("c", d.CS)
    open_(d)
    d.exec("c", "BEGIN").gives("BEGIN")
    d.exec("c", "insert into kept values (1)").gives("INSERT 0 1")
    d.close_cursor("c", "k1").gives("OK")
    d.exec("c", "ROLLBACK").gives("ROLLBACK")
    d.seen("select count(*) from kept").gives(("1",))
    d.remote("drop table kept")


@twice
def test_093_open_with_a_pending_result(d: Side) -> None:
    d.connect("c", d.CS)
    busy = ("08006", "another command is already in progress")
    d.send("c", "select 1").gives("1")
    d.open("c", "k1", "select 1", False).notes(*busy, context=on("opening", "k1")).holds("ERROR")
    d.open("c", "k1", "select 1").raises(*busy)
    d.fetch("c", "k1", 1, False).notes(*busy, context=on("fetching from", "k1")).holds()
    d.fetch("c", "k1", 1).raises(*busy)
    d.close_cursor("c", "k1", False).notes(*busy, context=on("closing", "k1")).holds("ERROR")
    d.close_cursor("c", "k1").raises(*busy)
    d.result("c").gives(("1",))
    d.result("c").gives()
    committed(d)
    # the failed opens were not counted
    open_(d)
    d.close_cursor("c", "k1").gives("OK")
    committed(d)


@twice
def test_093b_commit_fails(d: Side) -> None:
    d.connect("c", d.CS)
    d.exec(
        "c",
        "create temp table d (n int unique deferrable initially deferred)",
    ).gives("CREATE TABLE")
    open_(d)
    d.exec("c", "insert into d values (1), (1)").gives("INSERT 0 2")
    d.close_cursor("c", "k1", False).raises(
        "XX000",
        'commit error: ERROR:  duplicate key value violates unique constraint "d_n_key"\n'
        "DETAIL:  Key (n)=(1) already exists.",
        context=None,
    )
    committed(d)


@twice
def test_093c_unnamed_cursors(d: Side) -> None:
    d.connect(d.CS)
    d.open("k1", "select generate_series(1, 3)").gives("OK")
    d.fetch("k1", 2).gives(("1",), ("2",))
    d.fetch("k1", 2, False).gives(("3",))
    d.open("k1", "select 1").raises(
        "42P03",
        'cursor "k1" already exists',
        context='while opening cursor "k1" on unnamed dblink connection',
    )
    d.close_cursor("k1", False).holds("ERROR")
    d.exec("rollback").gives("ROLLBACK")
    d.open("k" * 600, "bogus", False).holds("ERROR")  # the action is cut at 511 bytes
