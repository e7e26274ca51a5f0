"""The short way believes just what the long way believes: bytes in, bytes out, no world."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from purelink import conninfo
from purelink.conversation.connect import Plan, connect
from purelink.conversation.talk import Talk
from purelink.errors import ConnectionLost, DatabaseError, RemoteProtocolError
from purelink.testing.bytes import (
    ERROR,
    FATAL,
    HELLO,
    NOTICE,
    NOTIFICATION,
    READY,
    READY_IN_TRANSACTION,
    STATUS,
    complete,
)
from purelink.testing.transcript import Transcript
from purelink.wire import legality
from purelink.wire.backend import Column, ParameterDescription, RowDescription

BOUND = b"2\0\0\0\4"
COLUMNS = RowDescription([Column("a", 23)]).encode()
PARSED = b"1\0\0\0\4"
DESCRIBED = ParameterDescription((23,)).encode() + COLUMNS
BEGUN = PARSED + BOUND + complete("BEGIN")
SQL = "SELECT $1"


def row(value: int | None) -> bytes:
    body = b"\xff\xff\xff\xff" if value is None else struct.pack(">ii", 4, value)
    return b"D" + struct.pack(">ih", 6 + len(body), 1) + body


def answered(*values: int | None, end: bytes = READY) -> bytes:
    rows = b"".join(map(row, values))
    return BOUND + rows + complete(f"SELECT {len(values)}") + end


class World:
    """A talk that is ready to go the short way for `SELECT $1` with an integer."""

    def __init__(self, *, autocommit: bool = True) -> None:
        end = READY if autocommit else READY_IN_TRANSACTION
        first = (
            PARSED + BOUND + COLUMNS + b"D\0\0\0\x0b\0\1\0\0\0\x011" + complete("SELECT 1") + end
        )
        second = PARSED + DESCRIBED + BOUND + COLUMNS + complete("SELECT 0") + end
        self.pieces: list[Any] = [HELLO, first if autocommit else BEGUN + first, second]
        self.pieces.append(answered(1, end=end))
        self.transcript = Transcript(self.pieces)
        around = conninfo.Surroundings({}, user="me", tls=True)
        settings = conninfo.resolve("user=u host=h sslmode=disable", None, surroundings=around)
        reached = self.transcript.run(connect(Plan(settings, entropy=bytes)))
        self.talk = Talk(reached, autocommit=autocommit)
        for number in range(3):
            self.transcript.run(self.talk.query(SQL, (number,)))
        self.session, self.short = self.talk.session, self.talk.short

    def heard(self, answer: bytes, *more: bytes) -> Any:
        """Ask once; return the result's rows, or the error."""
        question = self.short.question(SQL, (7,))
        assert question is not None
        assert self.session.state is legality.BIND
        result = self.short.answer(answer)
        if result is not None:
            assert self.session.idle
            return result.rows
        transcript = Transcript(list(more))
        try:
            return transcript.run(self.short.rest(answer)).rows
        except DatabaseError as error:
            return error


@pytest.fixture
def world() -> World:
    return World()


def test_what_is_sent_is_a_bind_an_execute_and_a_sync(world: World) -> None:
    question = world.short.question(SQL, (7,))
    assert question is not None
    assert question.startswith(b"B")
    assert question.endswith(b"\0\0\0\4\0\0\0\x07\0\1\0\1E\0\0\0\x09\0\0\0\0\0S\0\0\0\4")


@pytest.mark.parametrize("values", [(), (1,), (1, None, -5), tuple(range(1000))])
def test_whole_answers_are_taken(world: World, values: tuple[int, ...]) -> None:
    for _ in range(2):
        before = world.session.received
        question = world.short.question(SQL, (7,))
        assert question is not None
        result = world.short.answer(answered(*values))
        assert result is not None
        assert result.rows == [(value,) for value in values]
        assert result.command_tag == f"SELECT {len(values)}"
        assert [each.name for each in result.description or ()] == ["a"]
        assert world.session.received == before + len(answered(*values))
        assert world.session.idle


@pytest.mark.parametrize("values", [(), (1,), (1, 2)])
def test_parts_are_put_together_on_the_long_way(world: World, values: tuple[int, ...]) -> None:
    whole = answered(*values)
    for place in range(1, len(whole)):
        assert world.heard(whole[:place], whole[place:]) == [(value,) for value in values]
        assert world.session.idle


@pytest.mark.parametrize("side", [NOTICE, STATUS, NOTIFICATION])
def test_what_comes_on_the_side_is_heard(world: World, side: bytes) -> None:
    told: list[Any] = []
    world.talk.notice_handlers.append(told.append)
    for answer in (
        side + answered(1),
        BOUND + side + answered(1)[5:],
        answered(1, end=side + READY),
        answered(1) + side,
    ):
        changes, waiting = world.session.changes, len(world.talk.notifications)
        assert world.heard(answer) == [(1,)]
        heard = (
            len(told) + world.session.changes - changes + len(world.talk.notifications) - waiting
        )
        assert heard == 1
        told.clear()
        if side is STATUS:
            break  # what was ready is made anew after a report


def test_an_error_is_raised_in_step(world: World) -> None:
    error = world.heard(BOUND + ERROR + READY)
    assert isinstance(error, DatabaseError)
    assert error.sqlstate == "22012"
    assert world.session.idle
    assert world.heard(answered(1)) == [(1,)]


@pytest.mark.parametrize(
    "answer",
    [
        answered(1) + row(1),
        answered(1) + answered(1),
        answered(1)[5:],
        BOUND + answered(1),
        BOUND + row(1)[:-1] + b"\0\0" + complete("SELECT 1") + READY,
        BOUND + b"D\0\0\0\x0e\0\1\0\0\0\5\0\0\0\1" + complete("SELECT 1") + READY,
        BOUND + b"D\0\0\0\x0e\0\2\0\0\0\4\0\0\0\1" + complete("SELECT 1") + READY,
        BOUND + b"C\0\0\0\4" + READY,
        BOUND + b"C\0\0\0\6ab" + READY,
        BOUND + b"C\0\0\0\7a\0\0" + READY,
        BOUND + b"C\0\0\0\x03" + READY,
        BOUND + b"C\xff\xff\xff\xffSELECT 1\0" + READY,
        BOUND + row(1) + b"s\0\0\0\4" + READY,
        BOUND + row(1) + READY,
        answered(1)[:-1] + b"?",
        b"Z\0\0\0\5I",
        b"?",
    ],
)
def test_a_violation_ends_the_session(world: World, answer: bytes) -> None:
    world.heard(answered(2))
    error = world.heard(answer)
    assert isinstance(error, (RemoteProtocolError, ConnectionLost)), error
    assert world.session.closed


def test_last_words_are_told(world: World) -> None:
    error = world.heard(FATAL)
    assert isinstance(error, ConnectionLost)
    assert error.sqlstate == "57P01"


def test_rows_of_a_statement_without_are_a_violation() -> None:
    world = World()
    world.short.question(SQL, (7,))
    statement = world.short._statement
    assert statement is not None
    statement.columns = statement.decoder = statement.few = None
    assert world.short.answer(answered(1)) is None


def test_a_transaction_is_begun_in_the_same_trip() -> None:
    world = World(autocommit=False)
    world.session.transaction_status = "I"
    question = world.short.question(SQL, (7,))
    assert question is not None
    assert b"BEGIN\0" in question
    result = world.short.answer(BEGUN + answered(5, end=READY_IN_TRANSACTION))
    assert result is not None
    assert result.rows == [(5,)]
    assert world.session.transaction_status == "T"
    assert b"BEGIN\0" not in (world.short.question(SQL, (7,)) or b"BEGIN\0")
    assert world.short.answer(answered(5, end=READY_IN_TRANSACTION)) is not None


@pytest.mark.parametrize(
    "answer", [answered(5, end=READY_IN_TRANSACTION), BEGUN[:-1] + answered(5)]
)
def test_a_transaction_that_was_not_begun(answer: bytes) -> None:
    world = World(autocommit=False)
    world.session.transaction_status = "I"
    assert isinstance(world.heard(answer), RemoteProtocolError)


def test_a_part_of_an_answer_to_begin() -> None:
    world = World(autocommit=False)
    whole = BEGUN + answered(5, end=READY_IN_TRANSACTION)
    for place in range(1, len(whole)):
        world.session.transaction_status = "I"
        assert world.heard(whole[:place], whole[place:]) == [(5,)]


@pytest.mark.parametrize(
    "values", [("7",), (None,), (7.0,), (True,), (1 << 40,), (), (7, 7), (b"7",)]
)
def test_other_parameters_go_the_long_way(world: World, values: tuple[object, ...]) -> None:
    assert world.short.question(SQL, values) is None
    assert world.session.idle


def test_what_is_left_over_goes_the_long_way(world: World) -> None:
    world.session.receive(NOTIFICATION[:-1])
    assert world.short.question(SQL, (7,)) is None
    world.session.receive(NOTIFICATION[-1:])
    assert world.short.question(SQL, (7,)) is not None


def test_changed_settings_go_the_long_way(world: World) -> None:
    world.session.receive(STATUS)
    assert world.short.question(SQL, (7,)) is None


def test_a_statement_that_was_dropped_is_not_ready(world: World) -> None:
    world.talk.statements.forget()
    assert world.short.question(SQL, (7,)) is None


def test_a_question_that_was_not_said_is_taken_back(world: World) -> None:
    assert world.short.question(SQL, (7,)) is not None
    with pytest.raises(KeyboardInterrupt):
        next(world.short.failed(KeyboardInterrupt(), said=False))
    assert world.session.idle
    assert not world.session.answers


def test_a_question_that_may_be_out_is_written_down(world: World) -> None:
    assert world.short.question(SQL, (7,)) is not None
    with pytest.raises(KeyboardInterrupt):
        next(world.short.failed(KeyboardInterrupt(), said=True))
    assert not world.session.idle
    world.session.receive(answered(1))
    assert world.session.idle
    assert world.session.answers[0].rows == [(1,)]


def test_a_broken_channel_is_a_lost_connection(world: World) -> None:
    assert world.short.question(SQL, (7,)) is not None
    with pytest.raises(ConnectionLost) as lost:
        next(world.short.failed(ConnectionResetError(104, "reset"), said=True))
    assert lost.value.outcome_unknown
    assert world.session.closed


def test_an_interrupt_behind_the_answer_asks_nothing_anew(world: World) -> None:
    assert world.heard(answered(1)) == [(1,)]
    with pytest.raises(KeyboardInterrupt):
        next(world.short.failed(KeyboardInterrupt(), said=True))
    assert world.session.idle
    assert not world.session.answers
