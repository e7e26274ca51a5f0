"""Checks 60 to 80 of dblink's specification: dblink_exec and dblink.

One test a check, through the extension and through `Session`; a few more stand where reading
dblink.c showed a case the specification only hints at.
"""

from __future__ import annotations

from tests.conformance.dblink_pair import Side, twice

MISMATCH = (
    "42804",
    "remote query result rowtype does not match the specified FROM clause rowtype",
)
RESULTS = ("2F003", "statement returning results not allowed")
NOTHING = ("08006", "could not obtain message string for remote error")
QUERY = 'while executing query on dblink connection named "c"'
COMMAND = 'while executing command on dblink connection named "c"'
ZERO = ("22012", "division by zero")


def table(d: Side, name: str = "t") -> None:
    """Make a table of the link's own that goes with it."""
    d.exec("c", f"create temp table {name} (n int primary key)").gives("CREATE TABLE")


# --- dblink_exec ----------------------------------------------------------------------------


@twice
def test_060_tags(d: Side) -> None:
    d.connect("c", d.CS)
    for sql, tag in (
        ("create temp table t (n int)", "CREATE TABLE"),
        ("insert into t select * from generate_series(1, 5)", "INSERT 0 5"),
        ("update t set n = n where n < 3", "UPDATE 2"),
        ("delete from t where n > 5", "DELETE 0"),
        ("create temp table s as select * from t", "SELECT 5"),
        ("select * into temp s2 from t", "SELECT 5"),
        ("begin", "BEGIN"),
        ("declare k cursor for select * from t", "DECLARE CURSOR"),
        ("move 1 from k", "MOVE 1"),
        ("close k", "CLOSE CURSOR"),
        ("savepoint x", "SAVEPOINT"),
        ("commit", "COMMIT"),
        ("begin; abort", "ROLLBACK"),
        ("do $$begin end$$", "DO"),
        ("vacuum t", "VACUUM"),
        ("merge into t using (values (1)) v(n) on t.n = v.n when matched then delete", "MERGE 1"),
        ("truncate t", "TRUNCATE TABLE"),
        ("grant select on t to public", "GRANT"),
        ("prepare p as select 1", "PREPARE"),
        ("deallocate p", "DEALLOCATE"),
        ("set work_mem = 1000", "SET"),
        ("reset work_mem", "RESET"),
        ("listen x", "LISTEN"),
        ("notify y", "NOTIFY"),
        ("unlisten x", "UNLISTEN"),
    ):
        d.exec("c", sql).gives(tag)
    d.exec("c", "begin").gives("BEGIN")
    d.exec("c", "select 1/0", False).holds("ERROR").notes(*ZERO)
    d.exec("c", "commit").gives("ROLLBACK")


@twice
def test_061_rows_are_refused(d: Side) -> None:
    d.connect("c", d.CS)
    for sql in (
        "select 1",
        "show work_mem",
        "explain select 1",
        "select 1 where false",
        "select",
        "create temp table t (n int); insert into t values (1) returning n",
        "begin; declare k cursor for select 1; fetch k",
    ):
        d.exec("c", sql).raises(*RESULTS, detail=None, hint=None, context=None)
    d.exec("c", "rollback").gives("ROLLBACK")
    d.exec("c", "select 1", False).raises(*RESULTS)
    d.message("c").gives("OK")
    d.exec("c", "set work_mem = 1000").gives("SET")


@twice
def test_062_the_last_result_counts(d: Side) -> None:
    d.connect("c", d.CS)
    table(d)
    d.exec("c", "select 1; insert into t values (1)").gives("INSERT 0 1")
    d.exec("c", "insert into t values (2); select 1").raises(*RESULTS)
    d.rows("c", "select n from t order by n").gives(("1",), ("2",))


@twice
def test_063_several_statements_are_one_transaction(d: Side) -> None:
    d.connect("c", d.CS)
    table(d)
    d.exec("c", "insert into t values (203); select 1/0").raises(*ZERO, context=COMMAND)
    d.rows("c", "select n from t").gives()


@twice
def test_064_empty_query(d: Side) -> None:
    d.connect("c", d.CS)
    for sql in ("", "   ;  ", "-- just a comment", "/* c */"):
        d.exec("c", sql).raises(*NOTHING, detail=None, hint=None, context=COMMAND)
        d.exec("c", sql, False).notes(*NOTHING, context=COMMAND).holds("ERROR")
        d.message("c").gives("OK")
    d.exec("c", "set work_mem=1000; ;").gives("SET")


@twice
def test_065_softened(d: Side) -> None:
    d.connect("c", d.CS)
    d.exec("c", "select 1/0", False).notes(*ZERO, context=COMMAND).holds("ERROR")
    d.exec("c", "bogus", False).notes("42601", 'syntax error at or near "bogus"').holds("ERROR")


@twice
def test_066_fields_that_are_passed_on(d: Side) -> None:
    d.connect("c", d.CS)
    d.exec("c", "begin").gives("BEGIN")
    outcome = d.exec("c", "insert into foo values (1, 'b', '{}')")
    outcome.raises(
        "23505",
        'duplicate key value violates unique constraint "foo_pkey"',
        detail="Key (f1, f2)=(1, b) already exists.",
        context=COMMAND,
    )
    assert outcome.error is not None
    assert set(outcome.error.objects) == {None}
    d.exec("c", "rollback").gives("ROLLBACK")
    outcome = d.exec("c", "select nosuch from foo")
    assert outcome.error is not None
    assert set(outcome.error.objects) == {None}
    d.exec(
        "c",
        "do $$begin raise 'boo' using errcode = 'ZZ123', detail = 'dd', hint = 'hh'; end$$",
    ).raises(
        "ZZ123",
        "boo",
        detail="dd",
        hint="hh",
        context="PL/pgSQL function inline_code_block line 1 at RAISE\n" + COMMAND,
    )


# --- dblink ---------------------------------------------------------------------------------


@twice
def test_067_command_as_a_row(d: Side) -> None:
    d.connect("c", d.CS)
    sql = "set work_mem=2000"
    mismatch = ("42804", "function return row and query-specified return row do not match")
    d.rows("c", sql, columns="status text").gives(("SET",))
    d.rows("c", sql, columns="x varchar").gives(("SET",))
    d.rows("c", sql, columns="x varchar(2)").gives(("SET",))
    for kind, name in (("int", "integer"), ("name", "name"), ("bool", "boolean")):
        d.rows("c", sql, columns=f"x {kind}").raises(
            *mismatch,
            detail=f"Returned type text at ordinal position 1, but query expects {name}.",
            context=None,
        )
    d.rows("c", sql, columns="x text, y text").raises(
        *mismatch, detail="Returned row contains 1 attribute, but query expects 2."
    )
    d.rows("c", sql, False, columns="x int").raises(*mismatch)
    d.rows("c", "select 1").gives(("1",))


@twice
def test_068_column_count(d: Side) -> None:
    d.connect("c", d.CS)
    for sql in ("select 1,2", "select 1,2 where false"):
        d.rows("c", sql, columns="x int").raises(*MISMATCH, detail=None, hint=None, context=None)
        d.rows("c", sql, False, columns="x int").raises(*MISMATCH)
        d.rows("c", "select 1").gives(("1",))
    d.message("c").gives("OK")


@twice
def test_069_no_columns(d: Side) -> None:
    d.connect("c", d.CS)
    d.rows("c", "select", columns="x int").raises(*MISMATCH)
    d.rows("c", "select from generate_series(1, 3)", columns="x int").raises(*MISMATCH)


@twice
def test_070_several_results(d: Side) -> None:
    d.connect("c", d.CS)
    d.rows("c", "select 1,2; select 2", columns="x int").raises(*MISMATCH)
    d.rows("c", "select 1; select 2", columns="x int").gives(("2",))
    d.rows("c", "set work_mem=1000; select 1", columns="x int").gives(("1",))
    d.rows("c", "select 1; set work_mem=1000").gives(("SET",))
    d.rows("c", "select 1; select 2 where false", columns="x int").gives()
    d.rows("c", "select 'x'; select 2", columns="x int").raises(
        "22P02", 'invalid input syntax for type integer: "x"'
    )
    d.rows("c", "select 1,2; set work_mem=1000").raises(*MISMATCH)


@twice
def test_071_null_and_empty(d: Side) -> None:
    d.connect("c", d.CS)
    d.rows("c", "select null, '', 'x'", columns="a text, b text, c text").gives((None, "", "x"))


@twice
def test_072_values_that_do_not_fit(d: Side) -> None:
    d.connect("c", d.CS)
    for fail in (True, False):
        d.rows("c", "select 'abc'", fail, columns="x int").raises(
            "22P02", 'invalid input syntax for type integer: "abc"', context=None
        )
        d.rows("c", "select 70000", fail, columns="x int2").raises(
            "22003", 'value "70000" is out of range for type smallint', context=None
        )
        d.rows("c", "select 'abcd'", fail, columns="x varchar(3)").raises(
            "22001", "value too long for type character varying(3)"
        )
    d.rows("c", "select 'x' from generate_series(1, 5000)", columns="x int").raises(
        "22P02", 'invalid input syntax for type integer: "x"'
    )
    d.rows("c", "select f1, f2, f3 from foo where f1 < 2", columns="a int, b text, c text[]").gives(
        ("0", "a", "{a0,b0,c0}"), ("1", "b", "{a1,b1,c1}")
    )


@twice
def test_073_rows_before_the_error(d: Side) -> None:
    d.connect("c", d.CS)
    sql = "select 10/(3-g) from generate_series(1,3) g"
    d.rows("c", sql, False, columns="x int").notes(*ZERO, context=QUERY).holds(("5",), ("10",))
    d.rows("c", sql, columns="x int").raises(*ZERO, context=QUERY)


@twice
def test_074_rows_of_the_statement_before(d: Side) -> None:
    d.connect("c", d.CS)
    for sql, rows in (
        ("select 1; select 1/0", [("1",)]),
        # it has begun, but has not given a row
        ("select 1; select 1/g from generate_series(0, 1) g", [("1",)]),
        ("select 1; select 1/(2-g) from generate_series(1, 2) g", [("1",)]),
        ("select 1; select 7/(3-g) from generate_series(1, 3) g", [("3",), ("7",)]),
        ("select 1; select 2 where false; select 1/0", []),
        ("select 1; set work_mem=1000; select 1/0", [("1",)]),
        ("set work_mem=1000; select 1/0", []),
        ("select 1; bogus", []),
    ):
        d.rows("c", sql, False, columns="x int").holds(*rows)
    # what has not given a row is not measured against the columns either
    d.rows("c", "select 1/g, 2 from generate_series(0, 1) g", columns="x int").raises(*ZERO)
    d.rows("c", "select 1/(2-g), 2 from generate_series(1, 2) g", columns="x int").raises(*MISMATCH)
    # and the first error of ours wins
    d.rows("c", "select 'x'; select 1/0", columns="x int").raises(
        "22P02", 'invalid input syntax for type integer: "x"'
    )


@twice
def test_075_empty_query_softened(d: Side) -> None:
    d.connect("c", d.CS)
    d.rows("c", "", False).notes(*NOTHING, context=QUERY).holds()
    d.rows("c", "").raises(*NOTHING, context=QUERY)


@twice
def test_076_many_rows(d: Side) -> None:
    d.connect("c", d.CS)
    rows = d.raw("dblink", "c", "select generate_series(1, 200000)", columns="x int")
    assert len(rows) == 200000
    assert sum(int(x) for (x,) in rows) == 20000100000
    d.rows("c", "select 1").gives(("1",))


@twice
def test_077_context_of_a_function(d: Side) -> None:
    d.connect("c", d.CS)
    d.exec(
        "c",
        "create function pg_temp.f() returns int language plpgsql as"
        " $$begin perform 1/0; return 1; end$$",
    ).gives("CREATE FUNCTION")
    outcome = d.rows("c", "select pg_temp.f()")
    outcome.raises(*ZERO)
    assert outcome.error is not None
    lines = (outcome.error.context or "").split("\n")
    assert lines[0] == 'SQL statement "SELECT 1/0"'
    assert lines[1].endswith(".f() line 1 at PERFORM")
    assert lines[2:] == [QUERY]
    # pg_temp_N is a backend's own number
    d.transcript.pop()


@twice
def test_078_datestyle(d: Side) -> None:
    d.connect("c", d.CS)
    d.exec("c", "set datestyle = 'SQL, DMY'").gives("SET")
    sql = "select date '2013-03-12'"
    d.rows("c", sql, columns="x date").gives(("2013-03-12",))
    d.rows("c", sql, columns="x text").gives(("12/03/2013",))
    d.rows("c", "select timestamp '2013-03-12 01:02:03'", columns="x timestamp").gives(
        ("2013-03-12 01:02:03",)
    )
    d.send("c", sql).gives("1")
    d.result("c", columns="x date").gives(("2013-03-12",))
    d.result("c").gives()
    d.open("c", "k", sql).gives("OK")
    d.fetch("c", "k", 1, columns="x date").gives(("2013-03-12",))
    d.close_cursor("c", "k").gives("OK")


@twice
def test_079_intervalstyle(d: Side) -> None:
    d.connect("c", d.CS)
    d.exec("c", "set intervalstyle = sql_standard").gives("SET")
    d.rows("c", "select interval '-1 day -02:03:04'", columns="x interval").gives(
        ("-1 days -02:03:04",)
    )


@twice
def test_080_latin1_database(d: Side) -> None:
    text = d.CS.replace("dbname=rem", "dbname=latin")
    d.connect("c", text).gives("OK")
    d.rows("c", "select chr(233)").gives(("é",))
    d.rows("c", "select '€'").raises(
        "22P05",
        'character with byte sequence 0xe2 0x82 0xac in encoding "UTF8" has no equivalent in'
        ' encoding "LATIN1"',
        context=QUERY,
    )
    d.exec("c", "select '€'", False).holds("ERROR")
    # a notification's channel and payload are in the link's encoding, too
    d.exec("c", 'listen "ché"').gives("LISTEN")
    d.exec("c", "notify \"ché\", 'é'").gives("NOTIFY")
    assert [(row[0], row[2]) for row in d.raw("dblink_get_notify", "c")] == [("ché", "é")]
