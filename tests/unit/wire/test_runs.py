"""The quick lanes take what they are given just as the table of states does, or leave it alone."""

from __future__ import annotations

from typing import Any

import pytest

from purelink.errors import RemoteProtocolError
from purelink.testing.bytes import ERROR, NOTICE, READY, complete, row, rows
from purelink.values.rows import text_row_decoder
from purelink.wire import backend, legality, runs, session
from purelink.wire.dialogues import Batch
from purelink.wire.runs import Tally
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
