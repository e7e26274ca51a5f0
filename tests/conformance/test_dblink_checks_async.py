"""Checks 94 to 108 of dblink's specification: asynchronous queries and notifications.

One test a check, through the extension and through `Session`.
"""

from __future__ import annotations

from tests.conformance.dblink_pair import Side, twice

BUSY = ("08006", "another command is already in progress")
MISMATCH = (
    "42804",
    "remote query result rowtype does not match the specified FROM clause rowtype",
)
QUERY = 'while executing query on dblink connection named "c"'
COMMAND = 'while executing command on dblink connection named "c"'
ZERO = ("22012", "division by zero")


@twice
def test_094_idle(d: Side) -> None:
    d.connect("c", d.CS)
    d.busy("c").gives("0")
    d.result("c").gives()
    d.result("c", columns="x int, y date").gives()
    d.cancel("c").gives("OK")
    d.message("c").gives("OK")
    d.rows("c", "select 1").gives(("1",))
    d.result("c").gives()
    for function in (d.busy, d.cancel, d.message):
        function("nc").raises("08003", 'connection "nc" not available')
    d.send("nc", "select 1").raises("08003", 'connection "nc" not available')
    d.result("nc", False).raises("08003", 'connection "nc" not available')


@twice
def test_095_one_result_at_a_time(d: Side) -> None:
    d.connect("c", d.CS)
    d.send("c", "select 1").gives("1")
    d.result("c", columns="x int").gives(("1",))
    d.exec("c", "set work_mem=1000").raises(*BUSY, context=COMMAND)
    d.result("c", columns="x int").gives()
    d.exec("c", "set work_mem=1000").gives("SET")


@twice
def test_096_second_send(d: Side) -> None:
    d.connect("c", d.CS)
    d.send("c", "select 1").gives("1")
    d.send("c", "select 2").notes(
        "00000", "could not send query: another command is already in progress", context=None
    ).holds("0")
    d.message("c").gives("another command is already in progress")
    d.result("c").gives(("1",))
    d.result("c").gives()
    d.message("c").gives("another command is already in progress")
    d.send("c", "select 3").gives("1")
    d.message("c").gives("OK")
    d.result("c").gives(("3",))


@twice
def test_097_dblink_discards_what_is_pending(d: Side) -> None:
    d.connect("c", d.CS)
    refused = ("XX000", "could not send query: another command is already in progress")
    for fail in (True, False):
        d.send("c", "select 1; select 2").gives("1")
        d.rows("c", "select 3", fail).raises(*refused, context=None)
        d.result("c").gives()
        d.rows("c", "select 3").gives(("3",))
    # also in the middle
    d.send("c", "select 1; select 2").gives("1")
    d.result("c").gives(("1",))
    d.rows("c", "select 3").raises(*refused)
    d.result("c").gives()
    d.rows("c", "select 3").gives(("3",))


@twice
def test_098_several_results(d: Side) -> None:
    d.connect("c", d.CS)
    d.send("c", "select 1; select 2,3; set work_mem=2000; select 1/0; select 9").gives("1")
    d.result("c", columns="x int").gives(("1",))
    d.result("c", columns="x int, y int").gives(("2", "3"))
    d.result("c").gives(("SET",))
    d.result("c").raises(*ZERO, context=QUERY)
    d.result("c").gives()
    d.exec("c", "set work_mem=1000").gives("SET")


@twice
def test_098b_an_error_takes_the_rows_with_it(d: Side) -> None:
    """Unlike dblink(), dblink_get_result gives none of the rows that came before it."""
    d.connect("c", d.CS)
    sql = "select 10/(3-g) from generate_series(1,3) g"
    for columns in ("x int", "x int, y int", "x date"):
        d.send("c", sql).gives("1")
        d.result("c", False, columns=columns).notes(*ZERO, context=QUERY).holds()
        d.result("c").gives()
        d.send("c", sql).gives("1")
        d.result("c", columns=columns).raises(*ZERO, context=QUERY)
        d.result("c").gives()
    # transactions of its own
    d.send("c", "begin; select 1; commit").gives("1")
    d.result("c").gives(("BEGIN",))
    d.result("c").gives(("1",))
    d.result("c").gives(("COMMIT",))
    d.result("c").gives()


@twice
def test_098c_empty_query(d: Side) -> None:
    d.connect("c", d.CS)
    nothing = ("08006", "could not obtain message string for remote error")
    for fail in (True, False):
        d.send("c", " ; ").gives("1")
        outcome = d.result("c", fail)
        if fail:
            outcome.raises(*nothing, context=QUERY)
        else:
            outcome.notes(*nothing, context=QUERY).holds()
        d.result("c").gives()


ASLEEP = (
    "select 1 from pg_stat_activity where query = 'select pg_sleep(10)' and wait_event = 'PgSleep'"
)


@twice
def test_099_cancel(d: Side) -> None:
    d.connect("c", d.CS)
    cancelled = ("57014", "canceling statement due to user request")
    for fail in (True, False):
        d.send("c", "select pg_sleep(10)").gives("1")
        d.busy("c").gives("1")
        # A cancel that comes before the query has begun is none.
        d.until(lambda: d.remote(ASLEEP), "the beginning of the sleep")
        d.cancel("c").gives("OK")
        outcome = d.result("c", fail)
        if fail:
            outcome.raises(*cancelled, context=QUERY)
        else:
            outcome.notes(*cancelled).holds()
        d.result("c").gives()
    d.exec("c", "set work_mem=1000").gives("SET")


@twice
def test_100_error_message(d: Side) -> None:
    d.connect("c", d.CS)
    d.send("c", "select 1/0").gives("1")
    d.result("c", False).notes(*ZERO).holds()
    d.message("c").gives("ERROR:  division by zero")
    d.result("c").gives()
    d.message("c").gives("ERROR:  division by zero")
    d.send("c", "select 1").gives("1")
    d.message("c").gives("OK")
    d.result("c")
    d.result("c")
    # LINE and caret, DETAIL, HINT, CONTEXT; cleared by each kind of call that sends
    for sql in (
        "select nosuch\n  from foo",
        "insert into foo values (1, 'b', '{}')",
        "do $$begin raise 'boo' using detail = 'dd', hint = 'hh'; end$$",
        "do 'begin perform 1/0; end'",
        "do 'begin bogus; end'",
        "select 'é', nosuch",
        " " * 30 + "select nosuch, " + "1, " * 30 + "2",
    ):
        d.exec("c", sql, False).holds("ERROR")
        d.message("c")
    d.rows("c", "select 1").gives(("1",))
    d.message("c").gives("OK")
    d.exec("c", "bogus", False).holds("ERROR")
    d.exec("c", "select 1").raises("2F003", "statement returning results not allowed")
    d.message("c").gives("OK")
    d.rows("c", "bogus", False).holds()
    d.message("c")
    d.open("c", "k", "select 1").gives("OK")
    d.message("c").gives("OK")
    d.fetch("c", "nosuch", 1, False).holds()
    d.message("c").gives('ERROR:  cursor "nosuch" does not exist')


@twice
def test_101_unread_error(d: Side) -> None:
    d.connect("c", d.CS)
    d.pid("c")
    d.send("c", "select 1/0").gives("1")
    d.answered("c")
    d.message("c").gives("OK")
    d.busy("c").gives("0")
    d.message("c").gives("ERROR:  division by zero")
    d.result("c").raises(*ZERO)


@twice
def test_102_what_does_not_fit_is_used_up(d: Side) -> None:
    d.connect("c", d.CS)
    d.send("c", "select 1,2").gives("1")
    d.result("c", columns="x int").raises(*MISMATCH, context=None)
    d.result("c").gives()
    d.send("c", "select 1,2; select 3").gives("1")
    d.result("c", False, columns="x int").raises(*MISMATCH)
    d.result("c", columns="x int").gives(("3",))
    d.result("c").gives()
    d.send("c", "select 'x'").gives("1")
    d.result("c", columns="x int").raises("22P02", 'invalid input syntax for type integer: "x"')
    d.result("c").gives()
    d.send("c", "set work_mem=1000").gives("1")
    d.result("c", columns="x int").raises(
        "42804",
        "function return row and query-specified return row do not match",
        detail="Returned type text at ordinal position 1, but query expects integer.",
    )
    d.result("c").gives()
    d.send("c", "select generate_series(1, 10000)").gives("1")
    d.result("c", columns="x int, y int").raises(*MISMATCH)
    d.result("c").gives()
    d.exec("c", "set work_mem=1000").gives("SET")


@twice
def test_103_link_killed_while_sending(d: Side) -> None:
    d.connect("c", d.CS)
    d.kill("c")
    d.names().gives(["c"])
    d.connect("c", d.CS).raises("42710", "duplicate connection name")
    d.send("c", "select 1").gives("1")
    words = "terminating connection due to administrator command"
    d.result("c").raises("57P01", words, context=QUERY)  # the server's last words are a result
    d.result("c").raises("08006", f"FATAL:  {words}", context=QUERY)
    d.result("c").gives()
    d.busy("c").gives("0")
    d.cancel("c").gives("connection not open")
    d.notify("c").gives()
    d.send("c", "select 1").notes(
        "00000", "could not send query: no connection to the server"
    ).holds("0")
    d.message("c").gives("no connection to the server")
    d.names().gives(["c"])
    d.disconnect("c").gives("OK")
    d.names().gives(None)


@twice
def test_104_link_killed(d: Side) -> None:
    d.connect("c", d.CS)
    d.kill("c")
    words = "FATAL:  terminating connection due to administrator command"
    d.rows("c", "select 1").raises("08006", words, detail=None, context=QUERY)
    for fail in (True, False):
        d.rows("c", "select 1", fail).raises(
            "XX000", "could not send query: no connection to the server", context=None
        )
    dead = ("08006", "no connection to the server")
    d.exec("c", "set work_mem=1000", False).notes(*dead, context=COMMAND).holds("ERROR")
    d.exec("c", "set work_mem=1000").raises(*dead, context=COMMAND)
    d.open("c", "k", "select 1", False).notes(*dead).holds("ERROR")
    d.close_cursor("c", "k", False).notes(*dead).holds("ERROR")
    d.fetch("c", "k", 1, False).notes(*dead).holds()
    d.result("c").gives()
    d.disconnect("c").gives("OK")

    d.connect("e", d.CS)
    d.kill("e")
    outcome = d.open("e", "k", "select 1", False)
    outcome.raises("XX000", "begin error: " + words, context=None)

    d.connect("f", d.CS)
    d.kill("f")
    d.exec("f", "set work_mem=1000", False).notes("08006", words).holds("ERROR")

    d.connect("g", d.CS)
    d.open("g", "k", "select 1").gives("OK")
    d.kill("g")
    d.fetch("g", "k", 1).raises("08006", words)


@twice
def test_104b_link_killed_while_it_works(d: Side) -> None:
    d.connect("c", d.CS)
    words = "FATAL:  terminating connection due to administrator command"
    sql = "select pg_terminate_backend(pg_backend_pid())"
    outcome = d.exec("c", sql, False)
    assert [notice.message for notice in outcome.notices] == [words]
    outcome.holds("ERROR")
    d.connect("b", d.CS)
    outcome = d.rows("b", f"select 1; {sql}; select 2", False)
    assert [notice.message for notice in outcome.notices] == [words]
    d.connect("a", d.CS)
    d.send("a", f"select 1; {sql}").gives("1")
    d.result("a").gives(("1",))
    d.result("a", False).notes("57P01", "terminating connection due to administrator command")
    d.result("a", False).notes("08006", words)
    d.result("a").gives()


@twice
def test_105_cancel_after_the_end(d: Side) -> None:
    d.connect("c", d.CS)
    d.send("c", "select 1").gives("1")
    d.done("c")
    d.cancel("c").gives("OK")
    d.result("c").gives(("1",))
    d.result("c").gives()


@twice
def test_106_notify(d: Side) -> None:
    d.connect("c", d.CS)
    own = str(d.pid("c"))
    d.exec("c", "listen chan").gives("LISTEN")
    d.exec("c", "notify chan").gives("NOTIFY")
    assert d.raw("dblink_get_notify", "c") == [("chan", own, "")]
    d.notify("c").gives()
    # on the unnamed link
    d.connect(d.CS)
    d.exec("listen chan").gives("LISTEN")
    d.exec("notify chan, 'p'").gives("NOTIFY")
    assert [row[::2] for row in d.raw("dblink_get_notify")] == [("chan", "p")]
    d.notify().gives()


@twice
def test_107_channel_and_payload(d: Side) -> None:
    d.connect("c", d.CS)
    own = d.pid("c")
    d.exec("c", 'listen "Chan 2"').gives("LISTEN")
    d.exec("c", "notify \"Chan 2\", 'one'").gives("NOTIFY")
    d.remote("notify \"Chan 2\", 'two'")
    stranger = d.remote("select pg_backend_pid()")[0][0]
    found: list[tuple[str, ...]] = []

    def come() -> bool:
        found.extend(d.raw("dblink_get_notify", "c"))
        return len(found) >= 2

    d.until(come, "the notifications")
    assert found == [("Chan 2", str(own), "one"), ("Chan 2", str(stranger), "two")]
    d.notify("c").gives()


@twice
def test_107b_notifications_beside_a_pending_result(d: Side) -> None:
    d.connect("c", d.CS)
    d.exec("c", "listen chan").gives("LISTEN")
    d.send("c", "notify chan; select 1").gives("1")
    d.done("c")
    d.raw("dblink_get_notify", "c")
    d.result("c").gives(("NOTIFY",))
    d.result("c").gives(("1",))
    d.result("c").gives()


@twice
def test_108_not_before_the_commit(d: Side) -> None:
    d.connect("c", d.CS)
    d.exec("c", "listen chan").gives("LISTEN")
    d.exec("c", "begin; notify chan").gives("NOTIFY")
    d.notify("c").gives()
    d.exec("c", "commit").gives("COMMIT")
    assert len(d.raw("dblink_get_notify", "c")) == 1
