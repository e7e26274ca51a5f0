"""What one connection knows: every answer against the queue of what was asked, every violation."""

from __future__ import annotations

from typing import Any

import pytest

from purelink.errors import (
    ConnectionLost,
    DataError,
    InterfaceError,
    LocalProtocolError,
    OperationalError,
    RemoteProtocolError,
)
from purelink.testing.bytes import (
    EMPTY,
    ERROR,
    FATAL,
    KEY,
    NOTICE,
    NOTIFICATION,
    READY,
    READY_FAILED,
    READY_IN_TRANSACTION,
    STATUS,
    column,
    complete,
    error,
    extended,
    result,
    row,
    rows,
)
from purelink.values.rows import ValueFailure, raw_row_decoder
from purelink.wire import backend, codes, legality
from purelink.wire.session import CLOSED_UNEXPECTEDLY, Answer, Notification, Session

PARSED, BOUND, CLOSED = b"1\0\0\0\x04", b"2\0\0\0\x04", b"3\0\0\0\x04"
NO_DATA, SUSPENDED, COPY_DONE = b"n\0\0\0\x04", b"s\0\0\0\x04", b"c\0\0\0\x04"
COPY_IN = backend.CopyInResponse(0, (0,)).encode()
COPY_OUT = backend.CopyOutResponse(0, (0,)).encode()
COPY_BOTH = backend.CopyBothResponse(0).encode()
COPY_DATA = backend.CopyData(b"1\n").encode()

P, B, D, E, S = (
    legality.PARSE,
    legality.BIND,
    legality.DESCRIBE_PORTAL,
    legality.EXECUTE,
    legality.SYNC,
)


def idle(**options: Any) -> Session:
    session = Session(**options)
    session.state = legality.IDLE
    return session


def simple(data: bytes = b"") -> Session:
    session = idle()
    session.ask_simple(raw_row_decoder)
    if data:
        session.receive(data)
    return session


def batch(*steps: tuple[str, Answer | None], data: bytes = b"") -> Session:
    session = idle()
    session.ask(steps, raw_row_decoder)
    if data:
        session.receive(data)
    return session


def whole(answer: Answer) -> list[tuple[str, Answer | None]]:
    return [(P, answer), (B, answer), (D, answer), (E, answer)]


def outcomes(session: Session) -> list[str | None]:
    return [answer.outcome for answer in session.answers]


def refused(session: Session, data: bytes) -> str:
    with pytest.raises(RemoteProtocolError) as refusal:
        session.receive(data)
    assert session.closed
    assert session.failure is refusal.value
    return str(refusal.value)


# -- a simple query --------------------------------------------------------------------------


def test_rows_a_command_and_the_status() -> None:
    session = simple(result(b"x", None) + complete("INSERT 0 1") + READY_IN_TRANSACTION)
    select, insert = session.answers
    assert (select.outcome, select.rows, select.command_tag) == (
        "rows",
        [(b"x",), (None,)],
        "SELECT 2",
    )
    assert select.columns == (column(),)
    assert (insert.outcome, insert.columns, insert.command_tag) == ("command", None, "INSERT 0 1")
    assert session.idle
    assert session.transaction_status == "T"
    assert repr(select) == "<Answer rows SELECT 2 rows=2>"
    assert repr(Answer()) == "<Answer None  rows=0>"


def test_any_cutting_of_the_stream() -> None:
    data = result(b"x" * 50, b"y") + EMPTY + NOTICE + READY
    session = simple()
    for place in range(len(data)):
        session.receive(data[place : place + 1])
    assert [answer.rows for answer in session.answers] == [[(b"x" * 50,), (b"y",)], []]
    assert session.idle


def test_missing_tells_how_much_of_a_message_is_to_come() -> None:
    session = simple(rows())
    session.receive(row(b"x" * 100)[:30])
    assert session.missing == len(row(b"x" * 100)) - 30
    assert session.unparsed == row(b"x" * 100)[:30]
    session.receive(row(b"x" * 100)[30:] + b"C\0")
    assert session.missing == 0


def test_check_048_no_columns() -> None:
    empty = backend.RowDescription([]).encode()
    session = simple(empty + row() + complete("SELECT 1") + READY)
    assert session.answers[0].rows == [()]


def test_check_053_error_ends_the_string() -> None:
    session = simple(result(b"x") + ERROR + READY_FAILED)
    assert outcomes(session) == ["rows", "error"]
    assert session.answers[1].error is not None
    assert session.answers[1].error.sqlstate == "22012"
    assert refused(simple(ERROR), complete("SELECT 1")).startswith("unexpected response")


def test_error_in_the_middle_of_rows() -> None:
    session = simple(rows() + row(b"x") + ERROR + READY)
    assert outcomes(session) == ["error"]


@pytest.mark.parametrize("tag", list("123nstVvKd"))
def test_check_052_not_in_a_simple_query(tag: str) -> None:
    body = {"t": b"\0\0", "V": b"\xff\xff\xff\xff", "v": b"\0" * 8, "K": b"\0" * 8}.get(tag, b"")
    assert refused(simple(), backend.message(tag.encode(), body)) == (
        f'unexpected response from server; first received character was "{tag}"'
    )


@pytest.mark.parametrize("data", [READY, rows() + rows(), rows() + READY, COPY_DONE])
def test_checks_051_and_052_out_of_order(data: bytes) -> None:
    assert "unexpected response from server" in refused(simple(), data)


def test_an_unknown_tag_is_refused_before_its_length_is_there() -> None:
    assert 'character was "y"' in refused(simple(), b"y")
    assert 'character was "y"' in refused(simple(), b"y\0\0\x70\0")


# -- rows ------------------------------------------------------------------------------------


def test_check_041_row_without_description() -> None:
    text = 'server sent data ("D" message) without prior row description ("T" message)'
    assert refused(simple(), row(b"x")) == text
    answer = Answer()
    session = batch(*whole(answer), (S, None), data=PARSED + BOUND + NO_DATA)
    assert refused(session, row(b"x")) == text


def test_a_row_after_the_command_was_complete() -> None:
    assert "without prior row description" in refused(simple(result(b"x")), row(b"x"))


def test_a_decoder_that_does_not_take_a_whole_row_is_caught() -> None:
    class Lazy:
        def decode(self, _buffer: bytes, start: int, _end: int, _rows: list[Any], /) -> int:
            return start

    session = idle()
    session.ask_simple(lambda _columns: Lazy())
    assert 'character was "D"' in refused(session, rows() + row(b"x"))


class Picky:
    """Fails on the value b"bad", as the decoders of `values` do."""

    def __init__(self, _columns: Any = ()) -> None:
        self.inner = raw_row_decoder([column()])

    def decode(self, buffer: bytes, start: int, end: int, into: list[Any], /) -> int:
        position = self.inner.decode(buffer, start, end, into)
        if (b"bad",) in into:
            raise ValueFailure(DataError("malformed"), start + len(row(b"bad")))
        return position


def test_a_malformed_value_leaves_the_protocol_in_step() -> None:
    session = idle()
    session.ask_simple(Picky)
    session.receive(rows() + row(b"bad"))
    session.receive(row(b"x") + row(None) + row(b"y")[:-1])
    session.receive(row(b"y")[-1:] + complete("SELECT 4") + READY)
    answer = session.answers[0]
    assert (answer.rows, answer.outcome) == ([], "rows")
    assert isinstance(answer.value_error, DataError)
    assert session.idle


def test_rows_behind_a_malformed_value_are_still_checked() -> None:
    session = idle()
    session.ask_simple(Picky)
    session.receive(rows() + row(b"bad"))
    assert "unexpected field count" in refused(session, row(b"x", b"y"))


def test_rows_behind_a_malformed_value_without_a_description() -> None:
    answer = Answer(decoder=Picky())
    session = batch((E, answer), (S, None))
    session.receive(row(b"bad"))
    session.receive(row(b"x", b"y") + complete("SELECT 2") + READY)
    assert isinstance(answer.value_error, DataError)


@pytest.mark.parametrize("failure", [ValueError("a bug"), MemoryError()])
def test_other_failures_of_a_decoder_are_told(failure: Exception) -> None:
    class Failing:
        def decode(self, *_: Any) -> int:
            raise failure

    session = idle()
    session.ask_simple(lambda _columns: Failing())
    kind = OperationalError if isinstance(failure, MemoryError) else ValueError
    text = "out of memory for query result" if isinstance(failure, MemoryError) else "a bug"
    with pytest.raises(kind, match=text):
        session.receive(rows() + row(b"x"))
    assert session.closed


# -- the extended protocol -------------------------------------------------------------------


def test_check_077_extended() -> None:
    answer = Answer()
    session = batch(*whole(answer), (S, None), data=extended(b"x") + READY)
    assert (answer.outcome, answer.rows, answer.complete) == ("rows", [(b"x",)], True)
    assert list(session.answers) == [answer]


def test_check_077_without_describe() -> None:
    answer = Answer(decoder=raw_row_decoder([column()]))
    batch((P, answer), (B, answer), (E, answer), (S, None)).receive(
        PARSED + BOUND + row(b"x") + complete("SELECT 1") + READY
    )
    assert (answer.outcome, answer.rows, answer.columns) == ("rows", [(b"x",)], None)


def test_check_078_empty_text() -> None:
    answer = Answer()
    batch(*whole(answer), (S, None), data=PARSED + BOUND + NO_DATA + EMPTY + READY)
    assert answer.outcome == "empty"


def test_check_081_row_limit() -> None:
    first, second = Answer(), Answer()
    first.limited = second.limited = True
    head = PARSED + BOUND + rows() + row(b"1") + row(b"2") + SUSPENDED
    session = batch(*whole(first), (S, None), data=head + READY_IN_TRANSACTION)
    assert (first.suspended, first.complete, len(first.rows)) == (True, True, 2)
    second.decoder = first.decoder
    session.ask([(E, second), (E, second), (S, None)], raw_row_decoder)
    session.receive(row(b"3") + SUSPENDED)
    assert not second.complete  # it goes on
    session.receive(row(b"4") + complete("SELECT 1") + READY)
    assert (second.suspended, second.complete) == (False, True)
    assert second.rows == [(b"3",), (b"4",)]


def test_a_part_that_nobody_asked_for_is_refused() -> None:
    head = PARSED + BOUND + rows() + row(b"1")
    with pytest.raises(RemoteProtocolError, match='first received character was "s"'):
        batch(*whole(Answer()), (S, None), data=head + SUSPENDED)


def test_a_suspended_portal_that_had_no_limit() -> None:
    session = batch(*whole(Answer()), (S, None), data=PARSED + BOUND + rows() + row(b"1"))
    assert 'character was "s"' in refused(session, SUSPENDED)
    session = batch((E, None), (S, None))
    assert 'character was "s"' in refused(session, SUSPENDED)


def test_check_082_close() -> None:
    answer = Answer()
    session = batch((legality.CLOSE, answer), (S, None), data=CLOSED)
    assert (answer.outcome, answer.complete) == ("command", True)
    session.receive(READY)
    assert session.idle


def test_describe_statement() -> None:
    answer, other = Answer(), Answer()
    session = batch(
        (P, answer),
        (legality.DESCRIBE_STATEMENT, answer),
        (legality.DESCRIBE_STATEMENT, other),
        (S, None),
    )
    session.receive(PARSED + backend.ParameterDescription([23]).encode() + rows())
    assert (answer.outcome, answer.complete) == ("prepared", True)
    assert (answer.parameter_oids, answer.columns) == ((23,), (column(),))
    session.receive(backend.ParameterDescription([]).encode() + NO_DATA + READY)
    assert (other.outcome, other.columns, other.parameter_oids) == ("prepared", None, ())


def test_steps_without_an_answer() -> None:
    steps = [(P, None), (legality.DESCRIBE_STATEMENT, None), (B, None), (D, None), (E, None)]
    session = batch(*steps, (legality.DESCRIBE_STATEMENT, None), (legality.CLOSE, None), (S, None))
    session.receive(PARSED + backend.ParameterDescription([]).encode() + NO_DATA + BOUND + NO_DATA)
    session.receive(complete("BEGIN"))
    session.receive(backend.ParameterDescription([]).encode() + rows() + CLOSED + READY)
    assert session.idle


def test_checks_080_and_088_what_follows_an_error_is_aborted() -> None:
    one, two, three, sync, later = (Answer() for _ in range(5))
    session = batch(*whole(one), *whole(two), *whole(three), (S, sync), *whole(later), (S, None))
    session.receive(extended(b"x") + PARSED + ERROR)
    assert outcomes(session) == ["rows", "error", "aborted", None, None]
    assert three.complete
    session.receive(READY)
    assert (sync.outcome, sync.complete) == ("sync", True)
    session.receive(extended(b"z") + READY)
    assert later.rows == [(b"z",)]


def test_check_089_fewer_answers_than_commands() -> None:
    session = batch(*whole(Answer()), *whole(Answer()), (S, None), data=extended(b"x"))
    assert "unexpected response" in refused(session, READY)


def test_check_090_more_answers_than_commands() -> None:
    done = extended(b"x")
    assert "unexpected response" in refused(batch(*whole(Answer()), (S, None)), done + done)
    session = batch(*whole(Answer()), (S, None), data=done + READY)
    assert refused(session, READY) == "message type 0x5a arrived from server while idle"


def test_a_deferred_constraint_fails_at_the_sync() -> None:
    answer, sync, later = Answer(), Answer(), Answer()
    session = batch(*whole(answer), (S, None), *whole(later), (S, sync))
    session.receive(PARSED + BOUND + NO_DATA + complete("INSERT 0 1"))
    session.receive(error("deferred", "23503") + READY)
    assert outcomes(session) == ["command", "error", None, None]
    session.receive(extended(b"x") + ERROR)
    assert outcomes(session) == ["command", "error", "rows", "error"]
    assert sync.error is not None
    session.receive(READY)
    assert session.idle


def test_a_batch_whose_sync_is_still_to_come() -> None:
    one, two, three = Answer(), Answer(), Answer()
    session = batch(*whole(one), data=extended(b"x"))
    assert session.state is legality.OPEN
    assert session.answered
    assert not session.idle
    with pytest.raises(LocalProtocolError):
        session.ask_simple(raw_row_decoder)
    session.ask(whole(two), raw_row_decoder)
    session.receive(ERROR)
    assert session.state is legality.OPEN_FAILED
    session.ask([*whole(three), (S, None)], raw_row_decoder)
    assert three.outcome == "aborted"
    session.receive(READY)
    assert session.idle


def test_a_batch_that_stays_failed() -> None:
    session = batch(*whole(Answer()), data=ERROR)
    session.ask(whole(Answer()), raw_row_decoder)
    assert outcomes(session) == ["error", "aborted"]
    assert session.state is legality.OPEN_FAILED


def test_nothing_asked_changes_nothing() -> None:
    session = batch()
    assert session.idle


# -- COPY ------------------------------------------------------------------------------------


def test_check_102_copies_in_a_simple_query() -> None:
    session = simple(COPY_OUT + COPY_DATA + COPY_DATA + COPY_DONE + complete("COPY 2"))
    assert session.copied == [b"1\n", b"1\n"]
    assert session.answers[0].formats == (0, (0,))
    session.receive(COPY_IN)
    assert not session.extended
    session.end_copy()
    session.receive(complete("COPY 1") + result(b"x") + READY)
    assert outcomes(session) == ["copy-out", "copy-in", "rows"]
    assert [answer.command_tag for answer in session.answers] == ["COPY 2", "COPY 1", "SELECT 1"]


class Interrupting:
    """A decoder that is interrupted the first time, having taken a row or not."""

    def __init__(self, columns: tuple[Any, ...], *, rows_too: bool) -> None:
        self.inner = raw_row_decoder(columns)
        self.times = 0
        self.rows_too = rows_too

    def decode(self, buffer: bytes, start: int, end: int, found: list[Any]) -> int:
        self.times += 1
        if self.times == 1:
            if self.rows_too:
                found.append(("half",))
            raise KeyboardInterrupt
        return self.inner.decode(buffer, start, end, found)


@pytest.mark.parametrize("rows_too", [False, True])
def test_an_interrupt_between_messages_loses_no_byte(rows_too: bool) -> None:
    session = idle()
    session.ask_simple(lambda columns: Interrupting(columns, rows_too=rows_too))
    data = result(b"x") + READY
    with pytest.raises(KeyboardInterrupt):
        session.receive(data)
    assert (session.closed, session.idle, session.torn) == (False, False, False)
    assert session.received == len(data)
    session.resume()
    assert session.idle
    assert session.transaction_status == "I"


def test_an_interrupt_in_the_middle_ends_the_session(monkeypatch: pytest.MonkeyPatch) -> None:
    session = simple()

    def interrupted(_self: Any, _following: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Session, "_follow", interrupted)
    with pytest.raises(KeyboardInterrupt):
        session.receive(rows())
    assert session.closed


def test_bytes_are_counted() -> None:
    session = simple(result(b"x") + READY)
    assert session.received == len(result(b"x") + READY)


def test_check_093_error_in_copy_out() -> None:
    session = simple(COPY_OUT + COPY_DATA + ERROR + READY)
    assert outcomes(session) == ["error"]
    assert session.idle


def test_check_098_error_in_copy_in() -> None:
    session = simple(COPY_IN + ERROR + READY)
    assert outcomes(session) == ["error"]


@pytest.mark.parametrize(
    "data",
    [
        complete("COPY 1"),
        READY,
        rows(),
        COPY_IN,
        COPY_OUT,
        COPY_DONE + COPY_DATA,
        backend.message(b"c", b"x"),
    ],
)
def test_check_094_copy_out_violations(data: bytes) -> None:
    assert refused(simple(COPY_OUT + COPY_DATA), data)


def test_check_099_a_query_during_copy() -> None:
    session = simple(COPY_IN)
    with pytest.raises(LocalProtocolError) as refusal:
        session.ask_simple(raw_row_decoder)
    assert str(refusal.value) == "another command is already in progress"
    with pytest.raises(LocalProtocolError):
        session.ask([(S, None)], raw_row_decoder)


def test_check_104_copy_both() -> None:
    session = simple()
    session.replication = True
    session.receive(COPY_BOTH + COPY_DATA)
    session.end_copy()
    session.receive(COPY_DATA + COPY_DONE + complete("COPY 0") + complete("START_REPLICATION"))
    session.receive(READY)
    assert [answer.command_tag for answer in session.answers] == ["COPY 0", "START_REPLICATION"]
    session = simple()
    session.replication = True
    session.receive(COPY_BOTH + COPY_DATA + COPY_DONE)
    session.end_copy()
    session.receive(complete("START_STREAMING") + READY)
    assert session.idle


def test_check_103_copy_in_by_extended_query() -> None:
    answer, sync = Answer(), Answer()
    session = batch(*whole(answer), (S, sync), data=PARSED + BOUND + NO_DATA + COPY_IN)
    assert session.extended
    session.end_copy()
    session.receive(complete("COPY 2") + READY)
    assert (answer.outcome, answer.command_tag) == ("copy-in", "COPY 2")
    assert session.idle


def test_copy_in_of_a_batch_without_a_sync() -> None:
    session = batch(*whole(Answer()), data=PARSED + BOUND + NO_DATA + COPY_IN)
    session.end_copy()
    session.receive(complete("COPY 2") + READY)
    assert session.idle


@pytest.mark.parametrize("ended", [False, True])
@pytest.mark.parametrize("doubtful", [b"", READY, READY + READY])
def test_a_failed_copy_in_whose_sync_may_have_been_swallowed(ended: bool, doubtful: bytes) -> None:
    answer, sync = Answer(), Answer()
    session = batch(*whole(answer), (S, sync), data=PARSED + BOUND + NO_DATA + COPY_IN)
    if ended:
        session.end_copy()
    session.receive(ERROR)
    assert session.state is legality.COPY_IN_FAILED
    session.receive(NOTICE + doubtful)
    session.resynchronise()
    session.receive(READY)
    assert not session.idle
    session.receive(CLOSED + READY)
    assert session.idle
    assert (answer.outcome, sync.outcome) == ("error", "sync")


def test_a_failed_copy_in_before_any_sync() -> None:
    session = batch(*whole(Answer()), data=PARSED + BOUND + NO_DATA + COPY_IN + ERROR)
    assert session.state is legality.OPEN_FAILED


# -- functions -------------------------------------------------------------------------------


def test_check_061_function_call() -> None:
    for value in (b"abc", None):
        session = idle()
        session.ask_function()
        session.receive(backend.FunctionCallResponse(value).encode() + READY)
        assert session.answers[0].value == value
        assert session.answers[0].outcome == "function"
    session = idle()
    session.ask_function()
    session.receive(ERROR + READY)
    assert outcomes(session) == ["error"]


@pytest.mark.parametrize("data", [READY, backend.message(b"V", b"\0\0\0\x09abc")])
def test_check_061_function_call_violations(data: bytes) -> None:
    session = idle()
    session.ask_function()
    assert refused(session, data)


# -- asynchronous messages -------------------------------------------------------------------


def test_check_065_between_any_two_messages() -> None:
    side = NOTICE + STATUS + NOTIFICATION
    data = side.join((rows(), row(b"x"), complete("SELECT 1"), COPY_OUT, COPY_DATA, COPY_DATA))
    session = simple(data + side + COPY_DONE + side + complete("COPY 1") + side + READY)
    assert session.answers[0].rows == [(b"x",)]
    assert session.copied == [b"1\n", b"1\n"]
    assert len(session.notices) == len(session.notifications) == 8
    assert session.parameters["TimeZone"] == "Asia/Tokyo"
    assert session.notifications[0] == Notification(77, "channel", "pay")


def test_check_066_while_idle() -> None:
    session = idle()
    session.receive(NOTICE + STATUS + NOTIFICATION)
    assert session.idle
    assert (len(session.notices), len(session.notifications)) == (1, 1)


def test_check_039_long_ones() -> None:
    text = "x" * 40_000
    session = idle()
    session.receive(backend.NoticeResponse({"M": text}).encode())
    session.receive(backend.NotificationResponse(1, b"c", text.encode()).encode())
    assert session.notices[0].message_primary == text
    assert session.notifications[0].payload == text


def test_check_073_client_encoding_is_looked_up_in_our_own_table() -> None:
    known = {"LATIN1": ("latin-1", "strict")}
    session = idle(encoding_for=lambda name: known.get(name, ("ascii", "surrogateescape")))
    session.receive(backend.ParameterStatus(b"client_encoding", b"LATIN1").encode())
    session.receive(backend.NotificationResponse(1, b"c", b"\xe9").encode())
    assert (session.encoding, session.notifications[0].payload) == ("latin-1", "é")
    session.receive(backend.ParameterStatus(b"client_encoding", b"zlib_codec").encode())
    assert session.encoding == "ascii"
    assert idle().encoding == "utf-8"


def test_client_encoding_without_a_table() -> None:
    session = idle()
    session.receive(backend.ParameterStatus(b"client_encoding", b"LATIN1").encode())
    assert session.encoding == "utf-8"


def test_parameters_do_not_fill_the_memory() -> None:
    session = idle()
    for number in range(1000):
        session.receive(backend.ParameterStatus(b"n%d" % number, b"").encode())
    session.receive(backend.ParameterStatus(b"n7", b"again").encode())
    text = refused(session, backend.ParameterStatus(b"one more", b"").encode())
    assert text == "the server reported too many parameters"


@pytest.mark.parametrize("tag", list("NSA"))
def test_malformed_ones(tag: str) -> None:
    assert refused(idle(), backend.message(tag.encode(), b"xyz"))


@pytest.mark.parametrize("status", [b"", b"II", b"X"])
def test_check_050_ready_for_query(status: bytes) -> None:
    assert refused(simple(complete("SET")), backend.message(b"Z", status))


# -- unasked ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "tag"), [(READY, 0x5A), (complete("X"), 0x43), (result(b"x"), 0x54), (KEY, 0x4B)]
)
def test_checks_068_and_069_an_answer_to_nothing(data: bytes, tag: int) -> None:
    text = f"message type 0x{tag:02x} arrived from server while idle"
    assert refused(idle(), data) == text
    # It came while idle but is read only with the next question:
    session = simple()
    with pytest.raises(RemoteProtocolError) as refusal:
        session.receive_unasked(data[:7])
    assert str(refusal.value) == text
    assert session.closed


def test_a_row_while_idle() -> None:
    assert "without prior row description" in refused(idle(), row(b"x"))


def test_what_may_come_unasked() -> None:
    session = simple()
    assert session.unsettled
    session.receive_unasked(NOTICE + STATUS[:4])
    session.receive(STATUS[4:] + result(b"x") + READY)
    assert outcomes(session) == ["rows"]
    assert session.parameters["TimeZone"] == "Asia/Tokyo"


def test_withdraw_takes_back_what_was_not_said() -> None:
    kept, asked = Answer(), Answer()
    session = batch(*whole(kept), (S, None), data=extended(b"x") + READY)
    session.ask([*whole(asked), (S, None)], raw_row_decoder)
    session.withdraw()
    assert list(session.answers) == [kept]
    assert session.idle
    assert not session.unsettled
    session.receive(NOTICE)


# -- what may be said ------------------------------------------------------------------------


def test_nothing_but_a_pipeline_may_follow_a_question() -> None:
    for say in (lambda s: s.ask_simple(raw_row_decoder), Session.ask_function, Session.end_copy):
        with pytest.raises(LocalProtocolError, match="another command is already in progress"):
            say(simple())
    with pytest.raises(LocalProtocolError):
        simple().ask([(S, None)], raw_row_decoder)


def test_text_in_the_session_s_encoding() -> None:
    session = idle()
    assert session.text("é", "the query") == "é".encode()
    with pytest.raises(InterfaceError) as refusal:
        session.text("ab\udce9", "the query")
    assert str(refusal.value) == (
        "the query holds a character, at index 2, that cannot be sent in the session's encoding"
        " (utf-8)"
    )


# -- the start -------------------------------------------------------------------------------


def authenticated(protocol: int = codes.PROTOCOL_3_0) -> Session:
    session = Session()
    session.state = legality.AUTHENTICATED
    session.protocol = protocol
    return session


def test_check_015_the_start() -> None:
    session = authenticated()
    session.receive(NOTICE + STATUS + KEY + STATUS + READY)
    assert session.idle
    assert (session.pid, session.key) == (1234, b"\0\0\x16\x2e")


@pytest.mark.parametrize(
    "data",
    [complete("SELECT 1"), row(b"x"), rows(), EMPTY, COPY_OUT, PARSED, NO_DATA, NOTIFICATION],
)
def test_checks_012_and_013_no_answers_at_the_start(data: bytes) -> None:
    text = "unexpected message from server during startup"
    assert refused(authenticated(), data) == text
    session = authenticated()
    session.receive(KEY)
    assert refused(session, data) == text


@pytest.mark.parametrize("tag", list("Rvy"))
def test_check_014_no_second_request(tag: str) -> None:
    assert refused(authenticated(), backend.message(tag.encode(), b"\0\0\0\3")) == (
        f'unexpected response from server; first received character was "{tag}"'
    )


def test_check_019_one_key_only() -> None:
    session = authenticated()
    session.receive(KEY)
    assert 'character was "K"' in refused(session, KEY)


def test_check_017_refused_after_authentication() -> None:
    session = authenticated()
    session.receive(error("no such database", "3D000", "FATAL") + b"whatever")
    assert session.closed
    assert outcomes(session) == ["error"]
    assert 'character was "Z"' in refused(session, READY)
    assert 'character was "Z"' in refused(session, READY[:1])


@pytest.mark.parametrize("length", [3, 5, 32])
def test_check_033_key_of_protocol_3_0(length: int) -> None:
    key = backend.BackendKeyData(1, b"k" * length).encode()
    assert refused(authenticated(), key) == (
        f"received invalid BackendKeyData message: cancel key with length {length} not allowed in"
        " protocol version 3.0 (must be 4 bytes)"
    )


@pytest.mark.parametrize(
    ("length", "words"),
    [(3, "is too short (minimum 4 bytes)"), (257, "is too long (maximum 256 bytes)")],
)
def test_check_034_key_of_protocol_3_2(length: int, words: str) -> None:
    key = backend.BackendKeyData(1, b"k" * length).encode()
    text = f"received invalid BackendKeyData message: cancel key with length {length} {words}"
    assert refused(authenticated(codes.PROTOCOL_3_2), key) == text


@pytest.mark.parametrize("length", [4, 32, 256])
def test_check_034_good_keys_of_protocol_3_2(length: int) -> None:
    session = authenticated(codes.PROTOCOL_3_2)
    session.receive(backend.BackendKeyData(1, b"k" * length).encode())
    assert session.key == b"k" * length


# -- the end ---------------------------------------------------------------------------------


def lost(session: Session) -> ConnectionLost:
    with pytest.raises(ConnectionLost) as loss:
        session.receive(b"")
    assert session.closed
    return loss.value


def test_check_059_closed_in_the_middle() -> None:
    session = simple(rows() + row(b"x") + row(b"y")[:5])
    loss = lost(session)
    assert str(loss) == CLOSED_UNEXPECTEDLY
    assert (loss.sqlstate, loss.outcome_unknown) == ("08006", True)
    assert not session.answers[0].complete


def test_check_060_last_words_in_a_query() -> None:
    session = simple(FATAL)
    assert session.dying
    loss = lost(session)
    assert str(loss) == (
        "FATAL:  terminating connection due to administrator command\n" + CLOSED_UNEXPECTEDLY
    )
    assert loss.sqlstate == "57P01"


def test_check_067_last_words_while_idle() -> None:
    session = idle()
    session.receive(FATAL)
    assert session.dying
    loss = lost(session)
    assert (loss.sqlstate, loss.outcome_unknown) == ("57P01", False)
    with pytest.raises(ConnectionLost) as gone:
        session.ask_simple(raw_row_decoder)
    assert str(gone.value) == "no connection to the server"
    assert gone.value.diagnostics is not None
    assert gone.value.diagnostics.sqlstate == "57P01"


@pytest.mark.parametrize("state", ["57P01", "57P02"])
def test_check_072_a_warning_announces_the_end(state: str) -> None:
    session = simple()
    session.receive(
        backend.NoticeResponse({"S": "WARNING", "C": state, "M": "the server crashed"}).encode()
    )
    assert str(lost(session)).startswith("WARNING:  the server crashed\n")


def test_last_words_without_a_severity_or_a_text() -> None:
    session = idle()
    session.receive(backend.ErrorResponse({"V": "PANIC"}).encode())
    assert str(lost(session)).startswith("FATAL:  \n")


def test_an_error_while_idle_is_remembered_until_it_is_over() -> None:
    session = idle()
    session.receive(ERROR)
    assert session.fatal is not None
    assert not session.dying
    session.ask_simple(raw_row_decoder)
    session.receive(result(b"x") + READY)
    assert session.fatal is None


def test_an_error_to_nothing_in_a_query() -> None:
    session = batch(*whole(Answer()), data=PARSED)
    session.receive(FATAL)  # any time
    session = simple(ERROR)
    assert 'character was "E"' in refused(session, ERROR)
    session = simple(complete("SET") + ERROR)
    session.receive(FATAL)
    assert session.fatal is not None


def test_check_054_words_of_an_error_that_is_not_whole() -> None:
    body = b"SERROR\0Mthe words"
    text = refused(simple(), backend.message(b"E", body))
    assert text == 'the words\nmessage contents do not agree with length in message type "E"'
    assert refused(simple(), backend.message(b"E", b"SERROR\0")).startswith("message contents")


def test_check_055_no_words_at_all() -> None:
    session = simple(backend.message(b"E", b"\0") + READY)
    problem = session.answers[0].error
    assert str(problem) == "no error message available"
    assert problem is not None
    assert problem.sqlstate is None


def test_check_036_lost_synchronisation() -> None:
    assert refused(simple(), b"C\0\0\0\x03") == (
        'lost synchronization with server: got message type "C", length 3'
    )


def test_check_040_a_length_is_only_a_promise() -> None:
    session = simple(rows() + b"D\x3f\xff\xff\xff")
    assert session.missing == 0x3FFFFFFF - 4
    assert str(lost(session)) == CLOSED_UNEXPECTEDLY
    assert 'message type "D", length 2147483647' in refused(simple(rows()), b"D\x7f\xff\xff\xff")


def test_the_ceiling_is_the_caller_s() -> None:
    session = idle(ceiling=100)
    notice = backend.NoticeResponse({"M": "x" * 100}).encode()
    assert "lost synchronization" in refused(session, notice)
