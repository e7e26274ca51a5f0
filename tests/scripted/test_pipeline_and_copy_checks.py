"""Checks 77 to 104 of the wire: extended batches, pipelines and COPY, by dialogues on a pump."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from purelink.errors import DataError, LocalProtocolError, RemoteProtocolError
from purelink.testing.backend import (
    Backend,
    Peer,
    Step,
    answer,
    expect,
    flood,
    hello,
    send,
    until,
    until_closed,
)
from purelink.testing.bytes import (
    EMPTY,
    ERROR,
    NOTICE,
    READY,
    READY_IN_TRANSACTION,
    complete,
    extended,
    result,
    row,
    rows,
)
from purelink.values.rows import raw_row_decoder
from purelink.wire import backend, dialogues, legality
from purelink.wire.dialogues import Batch
from purelink.wire.frontend import Close, CopyData, CopyDone, CopyFail, Query, Sync
from purelink.wire.session import Answer

if TYPE_CHECKING:
    from purelink.wire.session import Session
    from purelink.wire.wants import Dialogue
    from tests.scripted.faces import Face

PARSED, BOUND, CLOSED = b"1\0\0\0\x04", b"2\0\0\0\x04", b"3\0\0\0\x04"
NO_DATA, SUSPENDED, DONE = b"n\0\0\0\x04", b"s\0\0\0\x04", b"c\0\0\0\x04"
COPY_IN = backend.CopyInResponse(0, (0,)).encode()
COPY_OUT = backend.CopyOutResponse(0, (0,)).encode()
COPY_BOTH = backend.CopyBothResponse(0).encode()
DATA = backend.CopyData(b"1\n").encode()


class Line:
    """A pump with a session on it."""

    def __init__(self, face: Face, server: Backend) -> None:
        self.face = face
        self.pump, connected = face.session(server.dsn)
        self.session: Session = connected.session

    def run(self, dialogue: Dialogue[Any]) -> Any:
        return self.face.run(self.pump, dialogue)

    def ask(self, batch: Batch) -> None:
        data = dialogues.ask(self.session, batch, raw_row_decoder)
        self.run(dialogues.until_idle(self.session, data=data))

    def begin(self, batch: Batch | None = None) -> Answer:
        """Ask for a COPY; return its answer when it has begun."""
        if batch is None:
            data = dialogues.simple_query(self.session, b"copy", raw_row_decoder)
        else:
            data = dialogues.ask(self.session, batch, raw_row_decoder)
        begun = self.run(dialogues.until_answer(self.session, data=data))
        assert isinstance(begun, Answer)
        return begun

    def idle(self, data: bytes = b"") -> None:
        self.run(dialogues.until_idle(self.session, data=data))
        assert self.session.idle

    def works(self) -> None:
        """Show that the session is in step: the next query gets its own answer."""
        self.session.answers.clear()
        self.session.copied.clear()
        self.idle(dialogues.simple_query(self.session, b"select", raw_row_decoder))
        assert [each.rows for each in self.session.answers] == [[(b"in step",)]]


IN_STEP = answer(result(b"in step"), READY)


def one(answer: Answer, sql: bytes = b"select") -> Batch:
    return Batch().parse(answer, b"", sql).bind(answer).describe_portal(answer).execute(answer)


def many(answers: list[Answer]) -> Batch:
    batch = Batch()
    for each in answers:
        batch.parse(each, b"", b"select").bind(each).describe_portal(each).execute(each)
    return batch


# -- the extended protocol -------------------------------------------------------------------


def test_check_077_with_and_without_describe(face: Face) -> None:
    short = PARSED + BOUND + row(b"x") + complete("SELECT 1")
    script = [hello(), answer(extended(b"x"), READY), answer(short, READY), IN_STEP]
    with Backend([*script, until_closed()]) as server:
        line, first = Line(face, server), Answer()
        line.ask(one(first).sync())
        assert first.rows == [(b"x",)]
        second = Answer(first.columns, first.decoder)
        line.ask(Batch().parse(second, b"", b"select").bind(second).execute(second).sync())
        assert second.rows == [(b"x",)]
        line.works()


def test_check_078_empty_text(face: Face) -> None:
    script = [hello(), answer(PARSED, BOUND, NO_DATA, EMPTY, READY), IN_STEP, until_closed()]
    with Backend(script) as server:
        connection = face.connect(server.dsn)
        found = connection.query("")
        assert (found.rows, found.description, found.command_tag) == ([], None, None)
        assert connection.script("select")[0].scalar() == "in step"


@pytest.mark.parametrize("place", [0, 1, 2])
def test_checks_080_and_088_an_error_aborts_the_rest(face: Face, place: int) -> None:
    said = extended(b"x") * place + PARSED + ERROR + READY
    with Backend([hello(), answer(said), IN_STEP, until_closed()]) as server:
        line, answers = Line(face, server), [Answer() for _ in range(3)]
        line.ask(many(answers).sync())
        expected = ["rows"] * place + ["error"] + ["aborted"] * (2 - place)
        assert [each.outcome for each in answers] == expected
        line.works()


def test_check_081_row_limit(face: Face) -> None:
    head = PARSED + BOUND + rows() + row(b"1") + row(b"2") + SUSPENDED
    more = row(b"3") + row(b"4") + SUSPENDED
    last = row(b"5") + complete("SELECT 1")
    pieces = [answer(each, READY_IN_TRANSACTION) for each in (head, more, last)]
    with Backend([hello(), *pieces, IN_STEP, until_closed()]) as server:
        line, first = Line(face, server), Answer()
        batch = Batch().parse(first, b"", b"select").bind(first, portal=b"p")
        line.ask(batch.describe_portal(first, b"p").execute(first, b"p", 2).sync())
        assert (len(first.rows), first.suspended) == (2, True)
        for count, suspended in ((2, True), (1, False)):
            next_ = Answer(first.columns, first.decoder)
            line.ask(Batch().execute(next_, b"p", 2).sync())
            assert (len(next_.rows), next_.suspended) == (count, suspended)
        assert next_.command_tag == "SELECT 1"
        line.works()


def test_check_082_closing(face: Face) -> None:
    with Backend([hello(), answer(CLOSED, READY), IN_STEP, until_closed()]) as server:
        line, closed = Line(face, server), Answer()
        line.ask(Batch().close(closed, b"S", b"unknown").sync())
        assert (closed.outcome, closed.complete) == ("command", True)
        assert Close(b"S", b"unknown") in server.seen[0]
        line.works()


def test_check_087_three_queries_and_one_sync(face: Face) -> None:
    said = extended(b"1") + extended(b"2") + extended(b"3") + READY
    with Backend([hello(), answer(said), IN_STEP, until_closed()]) as server:
        line, answers, sync = Line(face, server), [Answer() for _ in range(3)], Answer()
        data = dialogues.ask(line.session, many(answers).sync(sync), raw_row_decoder)
        order = [line.run(dialogues.until_answer(line.session, data=data))]
        while (found := line.run(dialogues.until_answer(line.session))) is not None:
            order.append(found)
        assert order == [*answers, sync]
        assert [each.rows for each in answers] == [[(b"1",)], [(b"2",)], [(b"3",)]]
        assert sync.outcome == "sync"
        line.works()


def test_check_088_the_next_stretch_runs(face: Face) -> None:
    first = extended(b"1") + PARSED + ERROR + READY
    script = [hello(), until(Sync), until(Sync), send(first, extended(b"4"), READY)]
    with Backend([*script, IN_STEP, until_closed()]) as server:
        line, answers = Line(face, server), [Answer() for _ in range(4)]
        batch = many(answers[:3]).sync()
        rest = many(answers[3:]).sync()
        batch.pieces += rest.pieces
        batch.steps += rest.steps
        line.ask(batch)
        assert [each.outcome for each in answers] == ["rows", "error", "aborted", "rows"]
        line.works()


@pytest.mark.parametrize(
    "said",
    [
        extended(b"1") + READY,
        extended(b"1") * 4 + READY,
        extended(b"1") * 3 + READY + READY,
    ],
)
def test_checks_089_and_090_too_few_and_too_many_answers(face: Face, said: bytes) -> None:
    with Backend([hello(), answer(said), until_closed()]) as server:
        line = Line(face, server)
        with pytest.raises(RemoteProtocolError):
            line.ask(many([Answer() for _ in range(3)]).sync())
        assert line.session.closed


def test_check_091_a_pipeline_of_40_mb_that_answers_as_much(face: Face) -> None:
    """The server answers as it reads: whoever writes all before it reads locks up."""
    count, size = 40, 1 << 20
    text = b"x" * size
    said = extended(text)

    def echo(peer: Peer) -> None:
        for _ in range(count):
            for _ in range(4):
                peer.receive()
            peer.say(said)
        expect(Sync)(peer)
        peer.say(READY)

    with Backend([hello(), echo, IN_STEP, until_closed()]) as server:
        line, answers = Line(face, server), [Answer() for _ in range(count)]
        batch = Batch()
        for each in answers:
            batch.parse(each, b"", text).bind(each).describe_portal(each).execute(each)
        line.ask(batch.sync())
        assert all(each.rows == [(text,)] for each in answers)
        line.works()


# -- COPY out --------------------------------------------------------------------------------


def test_check_092_copy_out_passes_every_piece_on(face: Face) -> None:
    empty = backend.CopyData(b"").encode()
    said = COPY_OUT + DATA + empty + DATA + DONE + complete("COPY 2") + READY
    with Backend([hello(), answer(said), IN_STEP, until_closed()]) as server:
        line = Line(face, server)
        begun = line.begin()
        assert begun.formats == (0, (0,))
        assert line.run(dialogues.until_answer(line.session)) is None
        assert line.session.copied == [b"1\n", b"", b"1\n"]
        assert begun.command_tag == "COPY 2"
        line.works()


@pytest.mark.parametrize("by_extended", [False, True])
def test_check_093_an_error_in_copy_out(face: Face, by_extended: bool) -> None:
    head = PARSED + BOUND + NO_DATA if by_extended else b""
    said = head + COPY_OUT + DATA + ERROR + READY
    with Backend([hello(), answer(said), IN_STEP, until_closed()]) as server:
        line = Line(face, server)
        batch = one(Answer(), b"copy").sync() if by_extended else None
        begun = line.begin(batch)
        line.idle()
        assert isinstance(begun.error, DataError)
        line.works()


@pytest.mark.parametrize(
    "said",
    [
        complete("COPY 1"),
        READY,
        rows(),
        COPY_IN,
        COPY_OUT,
        DONE + DATA,
        backend.message(b"c", b"x"),
    ],
)
def test_check_094_copy_out_violations(face: Face, said: bytes) -> None:
    with Backend([hello(), answer(COPY_OUT, DATA, said), until_closed()]) as server:
        connection = face.connect(server.dsn)
        with pytest.raises(RemoteProtocolError):
            connection.script("copy")
        server.wait()
        assert connection.closed


def test_check_095_leaving_a_copy_out_early(face: Face, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cancel request goes out, the server stops, the next query gets its own answer."""
    cancelled = threading.Event()

    def copy(peer: Peer) -> None:
        expect(Query)(peer)
        peer.say(COPY_OUT)
        while not cancelled.is_set():
            peer.say(DATA * 1000)
        peer.say(ERROR, READY)

    def cancel(peer: Peer) -> None:
        peer.receive()
        cancelled.set()

    script: list[Step] = [hello(), copy, answer(extended(b"x"), READY), until_closed()]
    with Backend(script, [cancel]) as server:
        connection = face.connect(server.dsn)

        def reader() -> Dialogue[None]:
            session = connection.talk.session
            data = dialogues.simple_query(session, b"copy", raw_row_decoder)
            yield from dialogues.until_answer(session, data=data)
            raise KeyError("the reader had enough")

        with pytest.raises(KeyError):
            connection.run(reader())
        assert connection.transaction_status == "idle"
        assert connection.query("select").scalar() == "x"


# -- COPY in ---------------------------------------------------------------------------------


@pytest.mark.parametrize("by_extended", [False, True])
def test_checks_096_and_103_copy_in(face: Face, by_extended: bool) -> None:
    head = PARSED + BOUND + NO_DATA if by_extended else b""
    end = [until(CopyDone), *([expect(Sync)] if by_extended else [])]
    script = [hello(), answer(head, COPY_IN), *end, send(complete("COPY 2"), READY), IN_STEP]
    with Backend([*script, until_closed()]) as server:
        line = Line(face, server)
        begun = line.begin(one(Answer(), b"copy").sync() if by_extended else None)
        text = "1\té\n2\tü\n".encode()
        for place in range(0, len(text), 3):
            line.run(dialogues.deliver_copy(text[place : place + 3]))
        line.idle(dialogues.end_copy(line.session))
        assert begun.command_tag == "COPY 2"
        line.works()
        sent = [each for each in server.seen[0] if type(each).__name__ == "CopyData"]
        assert b"".join(each.body() for each in sent) == text


@pytest.mark.parametrize("swallowed", [True, False])
@pytest.mark.parametrize("by_extended", [False, True])
def test_check_097_copy_fail(face: Face, by_extended: bool, swallowed: bool) -> None:
    head = PARSED + BOUND + NO_DATA if by_extended else b""
    end: list[Step] = [until(CopyFail)]
    if by_extended:
        # Sync; the error makes the client mark its batch: Sync, Close, Sync.
        ready = READY if swallowed else READY + READY
        end += [expect(Sync), send(ERROR), answer(ready), answer(CLOSED, READY)]
    else:
        end += [send(ERROR, READY)]
    script = [hello(), answer(head, COPY_IN), *end, IN_STEP]
    with Backend([*script, until_closed()]) as server:
        line = Line(face, server)
        begun = line.begin(one(Answer(), b"copy").sync() if by_extended else None)
        line.run(dialogues.deliver_copy(b"1\n"))
        line.idle(dialogues.fail_copy(line.session, "no more"))
        assert begun.error is not None
        assert CopyFail(b"no more") in server.seen[0]
        line.works()


def test_check_098_an_error_while_we_write(face: Face) -> None:
    """The server fails at once and reads no further for a while: the writer hears of it."""
    script = [hello(), answer(COPY_IN), send(ERROR, READY), until(Query), send(result(b"in step"))]
    with Backend([*script, send(READY), until_closed()]) as server:
        line = Line(face, server)
        begun = line.begin()
        heard = False
        for _ in range(10_000):
            heard = line.run(dialogues.deliver_copy(b"x" * 8192))
            if heard:
                line.run(dialogues.read(line.session))
            if line.session.state is not legality.COPY_IN:
                break
        assert heard
        line.idle()
        assert begun.error is not None
        line.works()


def test_check_099_a_query_during_copy_in(face: Face) -> None:
    script = [hello(), answer(COPY_IN), until(CopyDone), send(complete("COPY 0"), READY), IN_STEP]
    with Backend([*script, until_closed()]) as server:
        line = Line(face, server)
        line.begin()
        with pytest.raises(LocalProtocolError, match="another command is already in progress"):
            dialogues.simple_query(line.session, b"select", raw_row_decoder)
        line.idle(dialogues.end_copy(line.session))
        line.works()
        assert server.said() == ["Query", "CopyDone", "Query"]


@pytest.mark.parametrize("size", [20, 5000])
def test_check_100_a_notice_for_every_row(face: Face, size: int) -> None:
    """Both sides write: the server stops reading when nobody reads its notices."""
    total = 12 << 20

    def trigger(peer: Peer) -> None:
        count = 0
        while not isinstance(peer.receive(), CopyDone):
            count += 1
            peer.say(NOTICE * (1 + size // 50))
        peer.say(complete(f"COPY {count}"), READY)

    with Backend([hello(), answer(COPY_IN), trigger, IN_STEP, until_closed()]) as server:
        line = Line(face, server)
        begun = line.begin()
        heard = 0
        number = total // (size * 20)
        for _ in range(number):
            if line.run(dialogues.deliver_copy(b"x" * size)):
                line.run(dialogues.peek(line.session))
                heard += len(line.session.notices)
                line.session.notices.clear()
        line.idle(dialogues.end_copy(line.session))
        assert begun.command_tag == f"COPY {number}"
        line.works()


def test_check_100_nobody_reads_until_the_end(face: Face) -> None:
    """Rows are delivered without ever looking at the answers; 10 MB of notices come back."""
    rows_, notices = 1000, NOTICE * 250

    def trigger(peer: Peer) -> None:
        while not isinstance(peer.receive(), CopyDone):
            peer.say(notices)
        peer.say(complete("COPY"), READY)

    with Backend([hello(), answer(COPY_IN), trigger, IN_STEP, until_closed()]) as server:
        line = Line(face, server)
        begun = line.begin()
        for _ in range(rows_):
            line.run(dialogues.deliver_copy(b"x" * 3000))
        line.idle(dialogues.end_copy(line.session))
        assert begun.command_tag == "COPY"
        line.works()


def test_check_101_the_source_of_rows_raises(face: Face) -> None:
    script = [hello(), answer(COPY_IN), until(CopyFail), send(ERROR, READY)]
    with Backend([*script, answer(extended(b"x"), READY), until_closed()]) as server:
        connection = face.connect(server.dsn)

        def copy() -> Dialogue[None]:
            session = connection.talk.session
            data = dialogues.simple_query(session, b"copy", raw_row_decoder)
            yield from dialogues.until_answer(session, data=data)
            yield from dialogues.deliver_copy(b"1\n")
            raise ZeroDivisionError("mine")

        with pytest.raises(ZeroDivisionError, match="mine"):
            connection.run(copy())
        assert connection.transaction_status == "idle"
        assert connection.query("select").scalar() == "x"
        assert server.said()[:3] == ["Query", "CopyData", "CopyFail"]


def test_check_102_copies_in_one_simple_query(face: Face) -> None:
    out = COPY_OUT + DATA + DONE + complete("COPY 1") + result(b"2") + COPY_IN
    script = [hello(), answer(out), expect(CopyDone), send(complete("COPY 0"), COPY_IN)]
    with Backend(
        [*script, expect(CopyDone), send(complete("COPY 0"), READY), IN_STEP, until_closed()]
    ) as server:
        line = Line(face, server)
        told = [line.begin()]
        data = b""
        while True:
            found = line.run(dialogues.until_answer(line.session, data=data))
            if found is None:
                break
            told.append(found)
            data = b""
            if found.outcome == "copy-in":
                data = dialogues.end_copy(line.session)
        assert [each.outcome for each in told] == ["copy-out", "rows", "copy-in", "copy-in"]
        assert line.session.copied == [b"1\n"]
        line.works()


def test_check_104_streaming_replication(face: Face) -> None:
    keepalive = backend.CopyData(b"k" + b"\0" * 16 + b"\x01").encode()
    end = DONE + complete("START_STREAMING") + complete("START_REPLICATION") + READY
    script = [hello(), answer(COPY_BOTH, keepalive), expect(CopyData), expect(CopyDone)]
    with Backend([*script, send(DATA, end), IN_STEP, until_closed()]) as server:
        line = Line(face, server)
        line.session.replication = True
        begun = line.begin()
        assert begun.outcome == "copy-both"
        assert line.session.copied == [b"k" + b"\0" * 16 + b"\x01"]
        line.run(dialogues.deliver_copy(b"r" + b"\0" * 33))
        line.idle(dialogues.end_copy(line.session))
        assert begun.command_tag == "START_STREAMING"
        assert line.session.answers[0].command_tag == "START_REPLICATION"
        line.works()


def test_a_copy_out_that_never_ends_can_be_left(face: Face) -> None:
    with Backend([hello(), answer(COPY_OUT), flood(DATA * 1000)]) as server:
        line = Line(face, server)
        line.begin()
        line.run(dialogues.read(line.session))
        face.call(line.pump.close)
