"""The quick lanes take what they are given just as the table of states does, or leave it alone."""

from __future__ import annotations

from typing import Any

import pytest

from purelink.errors import RemoteProtocolError
from purelink.testing.bytes import ERROR, NOTICE, READY, complete, row, rows
from purelink.values.bulk import BulkRowDecoder, row_decoder
from purelink.values.rows import text_row_decoder
from purelink.wire import backend, legality, runs, session
from purelink.wire.dialogues import Batch
from purelink.wire.runs import Run, Tally
from purelink.wire.session import Answer, Session

BOUND = b"2\0\0\0\4"
COPIED = backend.CopyOutResponse(0, (0,)).encode()
INSERTED = BOUND + complete("INSERT 0 1")


def idle() -> Session:
    made = Session()
    made.state = legality.IDLE
    return made


def heard(batch: Batch, data: bytes, step: int) -> Any:
    """Return all that can be told of a session after it has heard something, cut in pieces."""
    one = idle()
    one.ask(batch.steps, text_row_decoder)
    try:
        for place in range(0, len(data), step):
            one.receive(data[place : place + step])
    except RemoteProtocolError as error:
        return str(error)
    told = [
        (each.outcome, each.complete, each.rows, each.command_tag, getattr(each, "tags", None))
        for each in one.answers
    ]
    return one.state, one.transaction_status, told, list(one.copied), one.unparsed


def many(count: int) -> Batch:
    tally, batch = Tally(), Batch()
    for _ in range(count):
        batch.bind(tally).execute(tally)
    return batch.sync()


def one() -> Batch:
    answer = Answer()
    return Batch().bind(answer).describe_portal(answer).execute(answer).sync()


def named(answer: Answer) -> Batch:
    return Batch().sync(answer)


CASES = {
    "rows": (one, BOUND + rows() + row(b"1") + row(b"2") + complete("SELECT 2") + READY),
    "no rows": (one, BOUND + b"n\0\0\0\4" + complete("INSERT 0 1") + READY),
    "notices": (one, NOTICE + BOUND + NOTICE + rows() + NOTICE + complete("SELECT 0") + READY),
    "many": (lambda: many(5), INSERTED * 5 + READY),
    "other counts": (lambda: many(3), INSERTED + BOUND + complete("INSERT 0 0") + INSERTED + READY),
    "an error": (lambda: many(4), INSERTED * 2 + BOUND + ERROR + READY),
    "an error of bind": (lambda: many(4), INSERTED * 2 + ERROR + READY),
    "too few": (lambda: many(4), INSERTED * 3 + READY),
    "too many": (lambda: many(4), INSERTED * 5 + READY),
    "unfinished": (lambda: many(4), INSERTED * 3),
    "copy": (
        one,
        BOUND + b"n\0\0\0\4" + COPIED
        + b"".join(backend.CopyData(each).encode() for each in (b"1\n", b"", b"22\n"))
        + NOTICE + backend.CopyData(b"3\n").encode() + b"c\0\0\0\4" + complete("COPY 3") + READY,
    ),
    "copy, a length that is none": (one, BOUND + b"n\0\0\0\4" + COPIED + b"d\0\0\0\3" + READY),
    "bind with a body": (one, b"2\0\0\0\5x"),
    "a tag without its end": (one, BOUND + b"n\0\0\0\4" + b"C\0\0\0\6ab" + READY),
    "a tag with two ends": (one, BOUND + b"n\0\0\0\4" + b"C\0\0\0\7a\0\0" + READY),
    "an endless tag": (one, BOUND + b"n\0\0\0\4" + b"C\0\1\0\0" + b"x" * 100),
    "a negative length": (one, BOUND + b"n\0\0\0\4" + b"C\xff\xff\xff\xf0" + b"x" * 100),
    "an unknown status": (one, BOUND + b"n\0\0\0\4" + complete("X") + b"Z\0\0\0\5Q"),
    "a status too long": (one, BOUND + b"n\0\0\0\4" + complete("X") + b"Z\0\0\0\6II"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("step", [1, 3, 1000])
def test_both_ways_agree(name: str, step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    make, data = CASES[name]
    quick = heard(make(), data, step)
    monkeypatch.setattr(session, "LANES", {})
    assert heard(make(), data, step) == quick


def test_a_sync_that_somebody_waits_for() -> None:
    answer = Answer()
    made = idle()
    made.ask(named(answer).steps, text_row_decoder)
    made.receive(READY)
    assert answer.outcome == "sync"
    assert made.idle


def test_a_tally() -> None:
    tally = Tally()
    assert tally.command_tag is None
    tally.command_tag = None
    assert tally.times == 0
    tally.command_tag = "INSERT 0 1"
    tally.command_tag = "INSERT 0 1"
    tally.command_tag = "INSERT 0 0"
    assert tally.tags == {"INSERT 0 1": 2, "INSERT 0 0": 1}
    assert (tally.times, tally.command_tag) == (3, "INSERT 0 0")
    assert set(runs.LANES) <= set(legality.HEARD)


# -- runs of known statements ----------------------------------------------------------------


class Known:
    """A statement with one text column, or none."""

    def __init__(self, *, rows: bool = True) -> None:
        self.columns: Any = (backend.Column("a", 25),) if rows else None
        decoder = row_decoder([backend.Column("a", 25)]) if rows else None
        self.decoder: Any = decoder
        bulk = isinstance(decoder, BulkRowDecoder)
        self.few: Any = decoder.row_loop if bulk else None  # type: ignore[union-attr]
        self.between: Any = decoder.between if bulk else None  # type: ignore[union-attr]
        self.alike: Any = (b"", None)
        self.closing = b"\0"
        self.closing_tag = ""


def run_of(units: list[Known], data: bytes, step: int) -> Any:
    one, run = idle(), Run()
    run.units += units
    one.ask([(legality.BIND, run), (legality.SYNC, None)], text_row_decoder)
    try:
        for place in range(0, len(data), step):
            one.receive(data[place : place + step])
    except RemoteProtocolError as error:
        return str(error)
    told = [
        (each.rows, each.command_tag, each.error and each.error.sqlstate)
        if isinstance(each, Answer)
        else (*each, None)
        for each in run.taken
    ]
    return one.state, one.transaction_status, told, run.complete, len(one.notices)


PAIR = BOUND + row(b"x") + row(None) + complete("SELECT 2")
LYING = b"D\0\0\0\x0b\0\1\0\0\0\2x"
RUNS = {
    "plain": (3, PAIR * 3 + READY),
    "notices": (2, NOTICE + PAIR + NOTICE + BOUND + NOTICE + PAIR[5:] + READY),
    "an error": (3, PAIR + BOUND + row(b"y") + ERROR + READY),
    "an error of bind": (3, PAIR + ERROR + READY),
    "an error of the last": (2, PAIR + ERROR + READY),
}
BROKEN = {
    "too few": (3, PAIR * 2 + READY),
    "too many": (3, PAIR * 4 + READY),
    "a tag with two ends": (1, BOUND + b"C\0\0\0\7a\0\0" + READY),
    "a lying row": (1, BOUND + LYING + complete("SELECT 1") + READY),
    "suspended": (1, BOUND + row(b"x") + b"s\0\0\0\4" + READY),
}


@pytest.mark.parametrize("name", RUNS)
def test_a_run_is_taken_alike_however_it_is_cut(name: str) -> None:
    count, data = RUNS[name]
    whole = run_of([Known() for _ in range(count)], data, len(data))
    assert whole[0] is legality.IDLE
    for step in range(1, 60):
        assert run_of([Known() for _ in range(count)], data, step) == whole


@pytest.mark.parametrize("name", BROKEN)
def test_a_run_that_breaks_the_protocol(name: str) -> None:
    count, data = BROKEN[name]
    for step in (1, 7, len(data)):
        assert isinstance(run_of([Known() for _ in range(count)], data, step), str)


def test_a_run_of_statements_without_rows() -> None:
    units = [Known(rows=False), Known(), Known(rows=False)]
    _, _, told, finished, _ = run_of(units, INSERTED + PAIR + INSERTED + READY, 4096)
    assert [tag for _, tag, _ in told] == ["INSERT 0 1", "SELECT 2", "INSERT 0 1"]
    assert finished
    assert isinstance(run_of(units, PAIR + PAIR + INSERTED + READY, 4096), str)


def test_a_run_tells_what_each_gave() -> None:
    state, status, told, finished, _ = run_of([Known(), Known()], PAIR * 2 + READY, 4096)
    assert (state, status, finished) == (legality.IDLE, "I", True)
    assert told == [([("x",), (None,)], "SELECT 2", None)] * 2


def test_a_run_ends_with_an_error() -> None:
    _, _, told, _, _ = run_of([Known() for _ in range(4)], PAIR + BOUND + ERROR + READY, 4096)
    assert told == [([("x",), (None,)], "SELECT 2", None), ([], None, "22012")]
