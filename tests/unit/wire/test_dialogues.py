"""The dialogues of a running session, from lists of bytes, whole and byte by byte."""

from __future__ import annotations

from typing import Any

import pytest

from purelink.errors import (
    ConnectionLost,
    InterfaceError,
    LocalProtocolError,
    OperationalError,
    RemoteProtocolError,
)
from purelink.testing.bytes import (
    ERROR,
    FATAL,
    NOTICE,
    NOTIFICATION,
    READY,
    column,
    complete,
    extended,
    result,
    row,
    rows,
)
from purelink.testing.transcript import Transcript, drive
from purelink.values.rows import raw_row_decoder
from purelink.wire import backend, dialogues, frontend, legality
from purelink.wire.dialogues import Batch
from purelink.wire.session import CLOSED_UNEXPECTEDLY, Answer, Session
from purelink.wire.wants import Deliver, Exchange, Limit, LimitExpired

COPY_IN = backend.CopyInResponse(0, (0,)).encode()
COPY_OUT = backend.CopyOutResponse(0, (0,)).encode()
COPY_BOTH = backend.CopyBothResponse(0).encode()
COPY_DATA = backend.CopyData(b"1\n").encode()
COPY_DONE = b"c\0\0\0\x04"
CLOSED = b"3\0\0\0\x04"
SYNC = b"S\0\0\0\x04"
FAIL = frontend.CopyFail(b"COPY from stdin was not expected here").encode()
QUERY = frontend.Query(b"select").encode()


def idle() -> Session:
    session = Session()
    session.state = legality.IDLE
    return session


def asked(session: Session) -> bytes:
    return dialogues.simple_query(session, b"select", raw_row_decoder)


def one(answer: Answer, sql: bytes = b"select") -> Batch:
    return Batch().parse(answer, b"", sql).bind(answer).describe_portal(answer).execute(answer)


both_ways = pytest.mark.parametrize("bytewise", [False, True])


# -- saying ----------------------------------------------------------------------------------


def test_a_batch_is_its_messages_in_order() -> None:
    answer, sync = Answer(), Answer()
    batch = (
        Batch()
        .parse(answer, b"s", b"select $1", (23,))
        .describe_statement(answer, b"s")
        .bind(answer, b"s", (1,), (b"\0\0\0\7",), (1,), b"p")
        .describe_portal(answer, b"p")
        .execute(answer, b"p", 5)
        .close(None, b"P", b"p")
        .flush()
        .sync(sync)
    )
    assert batch.data() == b"".join(
        message.encode()
        for message in (
            frontend.Parse(b"s", b"select $1", (23,)),
            frontend.Describe(b"S", b"s"),
            frontend.Bind(b"p", b"s", (1,), (b"\0\0\0\7",), (1,)),
            frontend.Describe(b"P", b"p"),
            frontend.Execute(b"p", 5),
            frontend.Close(b"P", b"p"),
            frontend.Flush(),
            frontend.Sync(),
        )
    )
    assert [state for state, _ in batch.steps] == [
        legality.PARSE,
        legality.DESCRIBE_STATEMENT,
        legality.BIND,
        legality.DESCRIBE_PORTAL,
        legality.EXECUTE,
        legality.CLOSE,
        legality.SYNC,
    ]


def test_nothing_is_expected_of_what_cannot_be_said() -> None:
    session = idle()
    with pytest.raises(InterfaceError):
        dialogues.simple_query(session, b"a\0b", raw_row_decoder)
    assert session.idle
    asked(session)
    with pytest.raises(LocalProtocolError):
        asked(session)


def test_terminate() -> None:
    assert dialogues.terminate() == b"X\0\0\0\x04"


# -- simple and extended queries -------------------------------------------------------------


@both_ways
def test_simple_query(bytewise: bool) -> None:
    session = idle()
    dialogue = dialogues.until_idle(session, data=asked(session))
    _, written = drive(dialogue, result(b"x") + NOTICE + READY, bytewise=bytewise)
    assert written == QUERY
    assert session.answers[0].rows == [(b"x",)]


@both_ways
def test_a_pipeline_of_two_stretches(bytewise: bool) -> None:
    session, answers = idle(), [Answer(), Answer(), Answer()]
    batch = one(answers[0]).sync()
    for answer in answers[1:]:
        batch.parse(answer, b"", b"select").bind(answer).describe_portal(answer).execute(answer)
    data = dialogues.ask(session, batch.sync(), raw_row_decoder)
    said = extended(b"x") + READY + b"1\0\0\0\x04" + ERROR + READY
    drive(dialogues.until_idle(session, data=data), said, bytewise=bytewise)
    assert [answer.outcome for answer in answers] == ["rows", "error", "aborted"]


@both_ways
def test_function_call(bytewise: bool) -> None:
    session = idle()
    data = dialogues.function_call(session, 1598, (b"\0\0\0\7", None))
    value = backend.FunctionCallResponse(b"abc").encode()
    drive(dialogues.until_idle(session, data=data), value + READY, bytewise=bytewise)
    assert session.answers[0].value == b"abc"
    assert data == frontend.FunctionCall(1598, (1,), (b"\0\0\0\7", None), 1).encode()


@both_ways
def test_until_answer_gives_one_after_the_other(bytewise: bool) -> None:
    session = idle()
    transcript = Transcript(
        [result(b"x"), COPY_OUT, COPY_DATA + COPY_DONE + complete("COPY 1") + READY],
        bytewise=bytewise,
    )
    data = asked(session)
    first = transcript.run(dialogues.until_answer(session, data=data))
    assert first is not None
    assert first.rows == [(b"x",)]
    copied = transcript.run(dialogues.until_answer(session))
    assert copied is not None
    assert copied.outcome == "copy-out"
    assert transcript.run(dialogues.until_answer(session)) is None
    assert copied.command_tag == "COPY 1"
    assert session.copied == [b"1\n"]
    assert transcript.run(dialogues.until_rows(session)) is None


@both_ways
def test_until_rows_gives_them_as_they_come(bytewise: bool) -> None:
    session, taken = idle(), []
    pieces = [rows() + row(b"x"), row(b"y") + row(b"z"), complete("SELECT 3"), COPY_IN]
    transcript = Transcript(pieces, bytewise=bytewise)
    data = asked(session)
    while True:
        answer = transcript.run(dialogues.until_rows(session, data=data))
        data = b""
        assert answer is not None
        taken += answer.rows
        answer.rows = []
        if answer.complete:
            break
    assert taken == [(b"x",), (b"y",), (b"z",)]
    session.answers.popleft()
    copying = transcript.run(dialogues.until_rows(session))
    assert copying is not None
    assert copying.outcome == "copy-in"


def test_a_batch_without_a_sync_has_no_more_answers() -> None:
    session, answer = idle(), Answer()
    data = dialogues.ask(session, one(answer).flush(), raw_row_decoder)
    transcript = Transcript([extended(b"x"), READY])
    assert transcript.run(dialogues.until_answer(session, data=data)) is answer
    assert transcript.run(dialogues.until_answer(session)) is None
    assert transcript.run(dialogues.until_rows(session)) is None
    transcript.run(dialogues.until_idle(session))
    assert transcript.written[0].endswith(SYNC)
    assert session.idle


def test_a_failed_batch_without_a_sync_is_synced_to_be_idle() -> None:
    session = idle()
    data = dialogues.ask(session, one(Answer()), raw_row_decoder)
    _, written = drive(dialogues.until_idle(session, data=data), ERROR, READY)
    assert written == data + SYNC


def test_a_sync_has_no_rows() -> None:
    with pytest.raises(AssertionError):
        dialogues._no_rows(())


@pytest.mark.parametrize(
    "dialogue", [dialogues.until_idle, dialogues.until_answer, dialogues.until_rows]
)
def test_a_session_that_is_over(dialogue: Any) -> None:
    session = idle()
    session.end()
    with pytest.raises(ConnectionLost, match="no connection to the server"):
        drive(dialogue(session))


# -- COPY ------------------------------------------------------------------------------------


@both_ways
def test_check_062_copy_in_that_nobody_expected(bytewise: bool) -> None:
    session = idle()
    dialogue = dialogues.until_idle(session, data=asked(session))
    _, written = drive(dialogue, COPY_IN, ERROR + READY, bytewise=bytewise)
    assert written == QUERY + FAIL
    assert session.answers[0].outcome == "error"


@both_ways
def test_copy_out_that_nobody_reads(bytewise: bool) -> None:
    session = idle()
    said = COPY_OUT + COPY_DATA + COPY_DONE + complete("COPY 1") + READY
    drive(dialogues.until_idle(session, data=asked(session)), said, bytewise=bytewise)
    assert session.copied == []
    assert session.answers[0].command_tag == "COPY 1"


def test_copy_both_that_nobody_expected() -> None:
    session = idle()
    session.replication = True
    dialogue = dialogues.until_idle(session, data=asked(session))
    _, written = drive(dialogue, COPY_BOTH, COPY_DATA + COPY_DONE + complete("COPY 0") + READY)
    assert written == QUERY + FAIL


@both_ways
def test_check_097_a_copy_that_is_failed_by_us(bytewise: bool) -> None:
    session = idle()
    transcript = Transcript([COPY_IN, ERROR + READY], bytewise=bytewise)
    assert transcript.run(dialogues.until_answer(session, data=asked(session)))
    assert transcript.run(dialogues.deliver_copy(b"1\n")) is False
    data = dialogues.fail_copy(session, "no \udce9")
    transcript.run(dialogues.until_idle(session, data=data))
    assert transcript.written[0] == QUERY + COPY_DATA + frontend.CopyFail(b"no ?").encode()


def copy_in_by_extended(transcript: Transcript, session: Session) -> Answer:
    answer = Answer()
    data = dialogues.ask(session, one(answer, b"copy").sync(), raw_row_decoder)
    assert transcript.run(dialogues.until_answer(session, data=data)) is answer
    transcript.written[0].clear()
    return answer


BEGUN = b"1\0\0\0\x042\0\0\0\x04n\0\0\0\x04" + COPY_IN


@both_ways
def test_check_103_copy_in_by_extended_query(bytewise: bool) -> None:
    session = idle()
    transcript = Transcript([BEGUN, complete("COPY 1") + READY], bytewise=bytewise)
    answer = copy_in_by_extended(transcript, session)
    transcript.run(dialogues.deliver_copy(b"1\n"))
    transcript.run(dialogues.until_idle(session, data=dialogues.end_copy(session)))
    assert transcript.written[0] == COPY_DATA + COPY_DONE + SYNC
    assert answer.command_tag == "COPY 1"


@both_ways
@pytest.mark.parametrize("doubtful", [b"", READY])
def test_a_failed_copy_in_is_marked_so_that_its_end_is_seen(
    doubtful: bytes, bytewise: bool
) -> None:
    """The server swallowed the first Sync, or it did not: CloseComplete tells."""
    session = idle()
    transcript = Transcript([BEGUN, ERROR, doubtful + READY + CLOSED + READY], bytewise=bytewise)
    answer = copy_in_by_extended(transcript, session)
    transcript.run(dialogues.until_idle(session, data=dialogues.fail_copy(session, "no")))
    marked = SYNC + frontend.Close(b"P").encode() + SYNC
    assert transcript.written[0] == frontend.CopyFail(b"no").encode() + SYNC + marked
    assert session.idle
    assert answer.outcome == "error"


def test_check_098_the_server_fails_a_copy_in_early() -> None:
    session = idle()
    transcript = Transcript([BEGUN, ERROR, READY + CLOSED + READY])
    copy_in_by_extended(transcript, session)
    transcript.run(dialogues.read(session))
    transcript.run(dialogues.until_idle(session))
    assert transcript.written[0] == SYNC + frontend.Close(b"P").encode() + SYNC


def test_a_copy_in_that_ends_with_the_connection_is_not_marked() -> None:
    session = idle()
    transcript = Transcript([BEGUN, FATAL])
    copy_in_by_extended(transcript, session)
    transcript.run(dialogues.read(session))
    with pytest.raises(ConnectionLost, match="FATAL"):
        transcript.run(dialogues.until_idle(session))
    assert transcript.written[0] == b""


# -- what comes on the side ------------------------------------------------------------------


@both_ways
def test_delivery_between_reads(bytewise: bool) -> None:
    session, heard = idle(), []

    def deliver() -> None:
        heard.append((len(session.notices), len(session.notifications)))
        session.notices.clear()
        session.notifications.clear()

    pieces = [NOTICE + rows(), NOTIFICATION, complete("SELECT 0") + READY]
    transcript = Transcript(pieces, bytewise=bytewise)
    transcript.run(dialogues.until_idle(session, deliver, data=asked(session)))
    assert heard == [(1, 0), (0, 1)]


def test_what_nobody_listens_to_is_bounded() -> None:
    session = idle()
    drive(dialogues.until_idle(session, data=asked(session)), NOTICE * 1500 + complete("X") + READY)
    assert len(session.notices) == dialogues.WAITING_AT_MOST


def test_peek() -> None:
    session, heard = idle(), []
    transcript = Transcript([], early=NOTICE)
    transcript.run(dialogues.peek(session, lambda: heard.append(1)))
    transcript.run(dialogues.peek(session, lambda: heard.append(2)))
    assert heard == [1]
    transcript = Transcript([], early=b"")
    with pytest.raises(ConnectionLost):
        transcript.run(dialogues.peek(session))


def test_peek_at_a_broken_channel() -> None:
    dialogue = dialogues.peek(idle())
    next(dialogue)
    with pytest.raises(ConnectionLost, match="server closed the connection unexpectedly"):
        dialogue.throw(ConnectionResetError())


# -- what came before the question -----------------------------------------------------------


@pytest.mark.parametrize("early", [result(b"evil") + READY, READY, b"T", extended(b"evil")])
def test_check_069_an_answer_sent_in_advance_is_never_believed(early: bytes) -> None:
    session = idle()
    transcript = Transcript([result(b"good") + READY], early=early)
    with pytest.raises(RemoteProtocolError, match="arrived from server while idle"):
        transcript.run(dialogues.until_idle(session, data=asked(session)))
    assert transcript.written[0] == b""
    assert session.closed


def test_the_end_that_came_before_the_question() -> None:
    session = idle()
    transcript = Transcript([], early=b"")
    with pytest.raises(ConnectionLost) as loss:
        transcript.run(dialogues.until_idle(session, data=asked(session)))
    assert not loss.value.outcome_unknown
    assert transcript.written[0] == b""


def test_a_broken_channel_before_the_question() -> None:
    session = idle()
    dialogue = dialogues.read(session, data=asked(session))
    next(dialogue)
    with pytest.raises(ConnectionLost) as loss:
        dialogue.throw(BrokenPipeError())
    assert not loss.value.outcome_unknown


def test_an_interrupt_before_the_question_takes_it_back() -> None:
    session = idle()
    dialogue = dialogues.read(session, data=asked(session))
    next(dialogue)
    with pytest.raises(KeyboardInterrupt):
        dialogue.throw(KeyboardInterrupt())
    assert session.idle


def test_send_settles_for_the_session_it_is_given() -> None:
    session = idle()
    transcript = Transcript([], early=READY)
    with pytest.raises(RemoteProtocolError):
        transcript.run(dialogues.send(asked(session), session=session))
    assert transcript.written[0] == b""
    transcript = Transcript([])
    session = idle()
    data = asked(session)
    transcript.run(dialogues.send(data, session=session))
    transcript.run(dialogues.send(b"more"))
    assert transcript.written[0] == QUERY + b"more"
    assert transcript.wants == ["Exchange", "Deliver", "Deliver"]


def test_push_takes_what_was_said_meanwhile() -> None:
    session, delivered = idle(), []
    data = asked(session)
    dialogue = dialogues.push(session, lambda: delivered.append(1), data=data)
    assert isinstance(next(dialogue), Exchange)  # what came before
    want = dialogue.send(None)
    assert isinstance(want, Deliver)
    assert want.data == QUERY
    want = dialogue.send(True)
    assert isinstance(want, Exchange)
    assert want.at_once
    with pytest.raises(StopIteration):
        dialogue.send(rows() + row(b"x"))
    assert session.answers[0].rows == [(b"x",)]
    transcript = Transcript([])
    transcript.run(dialogues.push(session, data=b"more"))
    assert transcript.wants == ["Deliver"]


@pytest.mark.parametrize(
    ("failure", "kind"), [(BrokenPipeError(), ConnectionLost), (MemoryError(), OperationalError)]
)
def test_push_that_fails(failure: Exception, kind: type[Exception]) -> None:
    session = idle()
    dialogue = dialogues.push(session, data=b"more")
    next(dialogue)
    with pytest.raises(kind):
        dialogue.throw(failure)
    assert session.closed


# -- the end ---------------------------------------------------------------------------------


def broken(error: OSError) -> ConnectionLost:
    session = idle()
    dialogue = dialogues.read(session)
    next(dialogue)
    with pytest.raises(ConnectionLost) as loss:
        dialogue.throw(error)
    assert session.closed
    return loss.value


def test_a_network_that_breaks() -> None:
    assert str(broken(ConnectionResetError())) == CLOSED_UNEXPECTEDLY
    assert str(broken(BrokenPipeError())) == CLOSED_UNEXPECTEDLY
    loss = broken(OSError(113, "No route to host"))
    assert str(loss) == "could not receive data from server: No route to host"
    assert loss.sqlstate == "08006"
    assert str(broken(OSError("odd"))) == "could not receive data from server: odd"


def test_tls_is_told_in_its_own_words() -> None:
    class Failure(OSError):
        text = "SSL error: unexpected eof while reading"

    assert str(broken(Failure())) == "SSL error: unexpected eof while reading"


def test_check_064_no_memory_for_what_came() -> None:
    session = idle()
    dialogue = dialogues.until_idle(session, data=asked(session))
    next(dialogue)
    dialogue.send(None)
    dialogue.send(rows() + row(b"x"))
    answer = session.answers[0]
    with pytest.raises(OperationalError, match="out of memory for query result"):
        dialogue.throw(MemoryError())
    assert session.closed
    assert answer.rows == []


def test_last_words_before_the_question() -> None:
    session = idle()
    transcript = Transcript([NOTICE], early=FATAL)
    with pytest.raises(ConnectionLost, match=r"^FATAL") as loss:
        transcript.run(dialogues.until_idle(session, data=asked(session)))
    assert not loss.value.outcome_unknown
    assert transcript.written[0] == b""


def test_check_060_fatal_words_come_first() -> None:
    session = idle()
    with pytest.raises(ConnectionLost) as loss:
        drive(dialogues.until_idle(session, data=asked(session)), FATAL, b"")
    assert loss.value.sqlstate == "57P01"
    assert str(loss.value).startswith("FATAL:  terminating connection")


def test_after_fatal_words_the_end_is_not_waited_for_long() -> None:
    session = idle()
    dialogue = dialogues.until_idle(session, data=asked(session))
    next(dialogue)  # what came before
    dialogue.send(None)
    want = dialogue.send(FATAL)
    assert isinstance(want, Exchange)
    assert want.limit is not None
    assert want.limit.seconds == dialogues.FAREWELL_SECONDS
    with pytest.raises(ConnectionLost, match="FATAL"):
        dialogue.throw(LimitExpired(want.limit))
    assert session.closed


def test_a_limit_that_runs_out_is_the_caller_s_affair() -> None:
    session, limit = idle(), Limit(1.0)
    dialogue = dialogues.read(session, limit=limit)
    assert next(dialogue).limit is limit
    with pytest.raises(LimitExpired):
        dialogue.throw(LimitExpired(limit))
    assert session.idle


def test_deliver_copy_bears_its_limit() -> None:
    limit = Limit(1.0)
    want = next(dialogues.deliver_copy(b"1\n", limit))
    assert isinstance(want, Deliver)
    assert (want.data, want.limit) == (COPY_DATA, limit)


def test_the_rest_of_a_large_message_is_asked_for() -> None:
    session = idle()
    dialogue = dialogues.until_idle(session, data=asked(session))
    next(dialogue)
    dialogue.send(None)
    long = row(b"x" * 100_000)
    want = dialogue.send(rows(column()) + long[:1000])
    assert isinstance(want, Exchange)
    assert want.need == 65536 < len(long) - 1000
