"""Checks 1 to 20 of dblink's specification, through the extension and through `Session`: names.

One test a check, its number in the name. How the two are compared: `dblink_pair`.
"""

from __future__ import annotations

from tests.conformance.dblink_pair import Side, twice

DEAD = "host=127.0.0.1 port=1"


@twice
def test_001_no_connections(d: Side) -> None:
    d.names().gives(None)


@twice
def test_002_disconnect_unnamed(d: Side) -> None:
    d.disconnect().raises("08003", "connection not available", detail=None, context=None)


@twice
def test_003_disconnect_unknown(d: Side) -> None:
    d.disconnect("nope").raises("08003", 'connection "nope" not available')


@twice
def test_004_unnamed_forms_without_connection(d: Side) -> None:
    for outcome in (
        d.rows("select 1"),
        d.exec("select 1"),
        d.open("c", "select 1"),
        d.close_cursor("c"),
        d.fetch("c", 1),
        d.rows("select 1", False),
        d.exec("select 1", False),
        d.open("c", "select 1", False),
        d.close_cursor("c", False),
        d.fetch("c", 1, False),
    ):
        outcome.raises("08003", "connection not available")


@twice
def test_005_get_notify_without_connection(d: Side) -> None:
    d.notify().gives()
    d.notify("nc").raises("08003", 'connection "nc" not available')


@twice
def test_006_unnamed_is_replaced(d: Side) -> None:
    d.connect(d.CS).gives("OK")
    d.connect(d.CS).gives("OK")
    d.backends(1)
    d.disconnect().gives("OK")
    d.backends(0)
    d.disconnect().raises("08003", "connection not available")


@twice
def test_007_unnamed_is_kept_when_the_new_one_fails(d: Side) -> None:
    d.connect(d.CS).gives("OK")
    d.connect(f"{DEAD} dbname=x").raises("08001", "could not establish connection")
    d.connect(f"{d.CS} password=x dbname=nodb").raises("08001", "could not establish connection")
    d.rows("select current_database()").gives(("rem",))
    d.role("plain")
    d.connect(f"{d.CS} password=x").raises(
        "2F003", "password or GSSAPI delegated credentials required"
    )
    d.rows("select current_database()").gives(("rem",))
    d.backends(1)


@twice
def test_008_unnamed_is_not_listed(d: Side) -> None:
    d.connect(d.CS)
    d.names().gives(None)


@twice
def test_009_duplicate_name(d: Side) -> None:
    d.connect("a", d.CS).gives("OK")
    d.connect("a", d.CS).raises("42710", "duplicate connection name", detail=None, hint=None)
    d.rows("a", "select 1").gives(("1",))
    d.backends(1)


@twice
def test_010_duplicate_before_the_network(d: Side) -> None:
    d.connect("a", d.CS)
    d.connect("a", DEAD).raises("42710", "duplicate connection name")
    d.connect("a", "nonsense").raises("42710", "duplicate connection name")
    # but after the password check
    d.role("plain")
    d.connect("a", DEAD).raises("2F003", "password or GSSAPI delegated credentials required")


@twice
def test_011_failed_connect_leaves_nothing(d: Side) -> None:
    d.connect("bad", DEAD).raises("08001", "could not establish connection")
    d.names().gives(None)
    d.disconnect("bad").raises("08003", 'connection "bad" not available')
    d.connect("bad", d.CS).gives("OK")


@twice
def test_012_names_are_case_sensitive(d: Side) -> None:
    for name in ("a", "A", " a ", 'a"b', "na%sme"):
        d.connect(name, d.CS).gives("OK")
    d.exec("a", "set application_name = one").gives("SET")
    d.rows("A", "show application_name").gives(("",))
    d.rows("a", "show application_name").gives(("one",))
    d.names().gives([" a ", "A", "a", 'a"b', "na%sme"])
    d.disconnect('a"b').gives("OK")
    d.disconnect('a"b').raises("08003", 'connection "a"b" not available')


@twice
def test_013_long_name_is_clipped(d: Side) -> None:
    d.connect("x" * 70, d.CS).notes(
        "42622", f'identifier "{"x" * 70}" will be truncated to "{"x" * 63}"'
    ).holds("OK")
    d.names().gives(["x" * 63])
    # never within a character
    d.connect("é" * 40, d.CS).notes(
        "42622", f'identifier "{"é" * 40}" will be truncated to "{"é" * 31}"'
    ).holds("OK")
    d.disconnect("é" * 31).gives("OK")


@twice
def test_014_clipped_name_is_taken(d: Side) -> None:
    d.connect("x" * 70, d.CS).holds("OK")
    d.connect("x" * 63, d.CS).raises("42710", "duplicate connection name")
    twice_told = d.connect("x" * 71, d.CS)
    twice_told.raises("42710", "duplicate connection name")
    twice_told.notes("42622", f'identifier "{"x" * 71}" will be truncated to "{"x" * 63}"')
    # the notice comes before the network, too
    d.connect("y" * 71, DEAD).notes(
        "42622", f'identifier "{"y" * 71}" will be truncated to "{"y" * 63}"'
    ).raises("08001", "could not establish connection")


@twice
def test_015_any_longer_spelling_finds_it(d: Side) -> None:
    d.connect("x" * 70, d.CS).holds("OK")
    d.exec("x" * 65, "set work_mem=1000").gives("SET")
    d.exec("x" * 65, "select 1/0").raises(
        "22012",
        "division by zero",
        context=f'while executing command on dblink connection named "{"x" * 65}"',
    )
    d.disconnect("x" * 64).gives("OK")
    d.disconnect("x" * 64).raises("08003", f'connection "{"x" * 64}" not available')


@twice
def test_016_name_with_an_equals_sign(d: Side) -> None:
    d.connect("na=me", d.CS).gives("OK")
    d.rows("na=me", "select 1").gives(("1",))
    d.disconnect("na=me").gives("OK")
    d.rows("na=me", "select 1").raises(
        "08001", "could not establish connection", detail='invalid connection option "na"'
    )


@twice
def test_017_empty_name(d: Side) -> None:
    d.connect("", d.CS).gives("OK")
    d.names().gives([""])
    d.rows("", "select 1").gives(("1",))
    d.disconnect("").gives("OK")


@twice
def test_018_strict(d: Side) -> None:
    d.connect(None, d.CS).gives(None)
    d.connect("a", None).gives(None)
    d.exec(None).gives(None)
    d.names().gives(None)
    d.backends(0)
    d.connect("c", d.CS)
    d.exec("c", None).gives(None)
    d.exec("c", "select 1/0", None).gives(None)
    d.rows("c", None).gives()
    d.rows("nc", "select 1", None).gives()
    d.disconnect(None).gives(None)
    d.open("c", None, "select 1").gives(None)
    d.fetch("c", "k", None, True).gives()
    d.close_cursor("c", None).gives(None)
    d.send("c", None).gives(None)
    d.busy(None).gives(None)
    d.result(None).gives()
    d.result("c", None).gives()
    d.cancel(None).gives(None)
    d.message(None).gives(None)
    d.notify(None).gives()
    d.exec("c", "set work_mem=1000").gives("SET")


@twice
def test_019_local_rollback_keeps_it(d: Side) -> None:
    d.local("begin")
    d.connect("a", d.CS).gives("OK")
    d.exec("a", "create temp table kept ()").gives("CREATE TABLE")
    d.local("rollback")
    d.names().gives(["a"])
    d.exec("a", "drop table kept").gives("DROP TABLE")


@twice
def test_020_name_that_reads_like_a_string(d: Side) -> None:
    d.connect("bogus=1", d.CS).gives("OK")
    d.exec("bogus=1", "set work_mem=1000").gives("SET")
    d.disconnect("bogus=1").gives("OK")
    d.exec("bogus=1", "set work_mem=1000").raises(
        "08001", "could not establish connection", detail='invalid connection option "bogus"'
    )
    d.backends(0)
