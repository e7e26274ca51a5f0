"""The ledger: names, the unnamed slot, cursors, pending results."""

from __future__ import annotations

import pytest

from purelink import errors
from purelink.dblink.ledger import Ledger, Slot, clip


def opened(*names: str | None) -> Ledger[str]:
    ledger: Ledger[str] = Ledger()
    for name in names:
        ledger.fill(name, f"link {name}")
    return ledger


# --- names ---


def test_short_names_stay() -> None:
    for name in ("", " a ", "a" * 63, "é" * 31, 'a"b', "na%sme"):
        assert clip(name) == (name, None)


def test_long_names_are_clipped_with_a_notice() -> None:
    kept, told = clip("x" * 70)
    assert kept == "x" * 63
    assert told is not None
    assert (told.sqlstate, told.severity) == ("42622", "NOTICE")
    assert told.message_primary == (f'identifier "{"x" * 70}" will be truncated to "{"x" * 63}"')
    assert clip("é" * 40)[0] == "é" * 31


def test_a_name_must_be_text() -> None:
    for bad in ("a\0", "\udcff"):
        for call in (clip, opened().peek, opened().find, opened().check_free):
            with pytest.raises(errors.DataError) as caught:
                call(bad)
            assert caught.value.sqlstate == "22021"


def test_a_password_in_a_name_is_not_told() -> None:
    _, told = clip("password=s3cret host=" + "h" * 70)
    assert told is not None
    assert "s3cret" not in repr(told)
    ledger = opened("password=s3cret")
    assert "s3cret" not in repr(ledger.find("password=s3cret"))


def test_nothing_open() -> None:
    ledger = opened()
    assert ledger.names() is None
    assert ledger.peek("a") is None
    assert ledger.peek(None) is None
    for name, message in (
        (None, "connection not available"),
        ("nc", 'connection "nc" not available'),
    ):
        for call in (ledger.find, ledger.remove):
            with pytest.raises(errors.LinkError) as caught:
                call(name)
            assert isinstance(caught.value, errors.OperationalError)
            assert (caught.value.sqlstate, caught.value.message) == ("08003", message)
    assert repr(ledger) == "<Ledger: 0 named connections, no unnamed one>"


def test_names_are_exact_and_clipped_alike() -> None:
    ledger = opened("a", "A", " a ", "", "x" * 70)
    assert ledger.names() == ["a", "A", " a ", "", "x" * 63]
    assert ledger.find("x" * 64).link == f"link {'x' * 70}"
    assert ledger.remove("x" * 65) == f"link {'x' * 70}"
    with pytest.raises(errors.LinkError, match="x" * 66):
        ledger.find("x" * 66)


def test_duplicates() -> None:
    ledger = opened("a", "x" * 63)
    for name in ("a", "x" * 71):
        for call in (ledger.check_free, lambda name: ledger.fill(name, "new")):
            with pytest.raises(errors.LinkError) as caught:
                call(name)
            assert isinstance(caught.value, errors.ProgrammingError)
            assert (caught.value.sqlstate, caught.value.message) == (
                "42710",
                "duplicate connection name",
            )
    assert ledger.find("a").link == "link a"
    ledger.check_free("b")
    ledger.check_free(None)
    assert ledger.names() == ["a", "x" * 63]


def test_the_unnamed_is_replaced_and_not_listed() -> None:
    ledger = opened()
    assert ledger.fill(None, "one") is None
    assert ledger.fill(None, "two") == "one"
    assert ledger.names() is None
    assert repr(ledger) == "<Ledger: 0 named connections, and the unnamed one>"
    assert ledger.remove(None) == "two"
    with pytest.raises(errors.LinkError):
        ledger.remove(None)


def test_drain() -> None:
    assert opened().drain() == []
    ledger = opened("a", None, "b")
    assert ledger.drain() == ["link a", "link b", "link None"]
    assert ledger.names() is None
    assert ledger.peek(None) is None


# --- cursors ---


def open_cursor(slot: Slot[str], *, idle: bool) -> bool:
    begin = slot.before_open(idle)
    if begin:
        slot.transaction_begun()
    slot.before_declare()
    return begin


def test_the_last_close_commits() -> None:
    slot = Slot("c", "link")
    assert open_cursor(slot, idle=True)
    assert not open_cursor(slot, idle=False)
    assert repr(slot) == '<Slot "c": 2 cursors, in a transaction of its own>'
    assert not slot.after_close()
    assert slot.after_close()
    assert not slot.after_close()
    assert repr(slot) == '<Slot "c": 0 cursors>'


def test_in_the_callers_transaction_nothing_is_counted() -> None:
    slot = Slot(None, "link")
    assert not open_cursor(slot, idle=False)
    assert not slot.after_close()
    assert repr(slot) == "<Slot unnamed: 0 cursors>"


def test_a_failed_declare_stays_counted() -> None:
    # check 81: open k1, open k1 again (42P03), ROLLBACK, open works and one close commits
    slot = Slot("c", "link")
    open_cursor(slot, idle=True)
    open_cursor(slot, idle=False)
    assert slot.cursors == 2
    assert open_cursor(slot, idle=True)
    assert slot.after_close()


def test_a_stale_count_may_commit_the_callers_transaction() -> None:
    # open, the caller COMMITs and BEGINs, open, close: no commit; one close more: commit
    slot = Slot("c", "link")
    open_cursor(slot, idle=True)
    assert not open_cursor(slot, idle=False)
    assert not slot.after_close()
    assert slot.after_close()


def test_check_85_after_a_failed_close() -> None:
    # open; COMMIT; close fails (34000: no call of after_close); BEGIN, open, close: no commit
    slot = Slot("c", "link")
    open_cursor(slot, idle=True)
    open_cursor(slot, idle=False)
    assert not slot.after_close()


def test_check_123_the_unnamed_slot_forgets() -> None:
    ledger = opened(None)
    open_cursor(ledger.find(None), idle=True)
    ledger.fill(None, "new")
    slot = ledger.find(None)
    assert not slot.before_open(idle=False)
    slot.before_declare()
    assert [slot.after_close() for _ in range(3)] == [False] * 3


# --- pending results, the last error ---


def test_refusals() -> None:
    slot = Slot("c", "link")
    assert slot.error_message() == "OK"
    assert slot.refusal(connected=True) is None
    slot.sent(pending=True)
    assert slot.refusal(connected=True) == "another command is already in progress"
    assert slot.error_message() == "another command is already in progress"
    slot.drained()
    assert slot.refusal(connected=True) is None
    assert slot.error_message() == "another command is already in progress"
    slot.sent()
    assert slot.error_message() == "OK"
    assert not slot.pending
    assert slot.refusal(connected=False) == "no connection to the server"
    assert slot.error_message() == "no connection to the server"


def test_the_last_error_lasts_until_the_next_send() -> None:
    slot = Slot("c", "link")
    slot.failed("ERROR:  division by zero\n")
    slot.drained()
    assert slot.error_message() == "ERROR:  division by zero"
    slot.sent(pending=True)
    assert slot.error_message() == "OK"
