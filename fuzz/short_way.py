"""The short way of a query that was run before, beside the long way: any bytes as its answer.

Input: which columns, whether a transaction is due, a seed for cutting, then the bytes that come.
Invariant: the same is sent; the same result or error comes back, however the answer was cut, and
the session stands where it stands after the long way: status, parameters, what was counted; it is
in step or over, and the next question gets its own answer or none.
Allowed exceptions: `purelink.errors.Error`.

    python -m fuzz.short_way --runs 100000
"""

from __future__ import annotations

import sys
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple

from fuzz import runner
from fuzz.backend_stream import Reads, talk_of
from fuzz.messages import BOUND, PARAMETERS_TEXT, PARSED, conversation_bytes
from purelink.errors import Error
from purelink.testing.bytes import ERROR, READY, READY_IN_TRANSACTION, complete, extended, row, rows
from purelink.wire import backend

if TYPE_CHECKING:
    from purelink.conversation.talk import Talk
    from purelink.wire.wants import Dialogue

__all__ = ["example", "one"]

SQL = "SELECT a FROM t WHERE b = $1"
BEGUN = [PARSED, BOUND, complete("BEGIN")]


def _column(oid: int, form: int = 0) -> backend.Column:
    return backend.Column("a", oid, format=form)


#: columns as the statement and as the portal describes them, and a row
SHAPES: tuple[tuple[bytes, bytes, bytes], ...] = (
    (rows(), rows(), row(b"2")),
    (
        rows(_column(23), _column(20)),
        rows(_column(23, 1), _column(20, 1)),
        row(b"\0\0\0\7", b"\0\0\0\0\0\0\0\7"),
    ),
    (rows(_column(23), _column(25)), rows(_column(23), _column(25)), row(b"7", b"text")),
    (rows(_column(1184)), rows(_column(1184)), row(b"2026-01-02 03:04:05+00")),
)


class Told(NamedTuple):
    """How it went: `session` is where the session stands."""

    sent: bytes
    result: str
    error: str
    session: object


def prepared(shape: tuple[bytes, bytes, bytes], *, autocommit: bool) -> Talk:
    """Return an idle connection on which the query was run often enough to be ready-made."""
    plain, described, one_row = shape
    talk = talk_of()
    talk.statements.new_name = lambda: b"purelink_1"  # type: ignore[method-assign]  # always the same
    end = one_row + complete("SELECT 1") + READY
    first = PARSED + BOUND + plain + complete("SELECT 0") + READY
    second = PARSED + PARAMETERS_TEXT + plain + BOUND + described + end
    transcript = Reads([first, second, BOUND + end])
    for _ in range(3):
        transcript.run(talk.query(SQL, ["x"]))
    talk.autocommit = autocommit
    return talk


def _short(talk: Talk, transcript: Reads, pieces: list[bytes]) -> Dialogue[Any]:
    """What a face does: ask, look, and go on by the long way."""
    short = talk.short
    question = short.question(SQL, ["x"])
    assert question is not None
    transcript.written = [bytearray(question)]
    if not pieces:
        return short.failed(ConnectionResetError("reset"), said=True)
    heard = pieces.pop(0)
    result = short.answer(heard)
    if result is not None:
        return _given(result)
    return short.rest(heard)


def _given(result: Any) -> Dialogue[Any]:
    return result
    yield


def tell(number: int, pieces: list[bytes], *, autocommit: bool, short: bool) -> Told:
    """Ask by one of the ways, and ask something else behind it."""
    talk = prepared(SHAPES[number % len(SHAPES)], autocommit=autocommit)
    session = talk.session
    before = session.received
    pieces = list(pieces)
    transcript = Reads(pieces)
    error, result = "", ""
    try:
        if short:
            dialogue = _short(talk, transcript, pieces)
            transcript._channels = [pieces]
        else:
            dialogue = talk.query(SQL, ["x"])
        got = transcript.run(dialogue)
        result = repr((got.rows, got.command_tag, got.description))
    except Error as caught:
        error = f"{type(caught).__name__}: {caught}"
    if not session.idle and not session.closed:
        transcript.run(talk.recover(cancelling=False))
    assert session.idle or session.closed, session.state
    stands: object = "closed"
    if session.idle:
        counted = session.received - before if not transcript.left else -1
        stands = (session.transaction_status, dict(session.parameters), session.encoding, counted)
        _probe(talk, transcript)
    return Told(bytes(transcript.written[0]), result, error, stands)


def _probe(talk: Talk, transcript: Reads) -> None:
    sent = transcript.written[0][:]
    transcript.arrived(extended(b"probe") + READY)
    in_step = talk.session.transaction_status == "I"
    talk.autocommit = True
    try:
        got = transcript.run(talk.query("SELECT probe"))
    except Error:
        got = None
    assert got is None or got.rows == [("probe",)] or not in_step, got
    transcript.written[0] = sent


def one(data: bytes) -> None:
    """Try one answer."""
    if len(data) < 4:
        return
    number, autocommit, random, said = data[0], data[1] & 1 == 0, Random(data[2]), data[3:]
    long = tell(number, [said], autocommit=autocommit, short=False)
    places = sorted({random.randrange(len(said) + 1) for _ in range(4)})
    for pieces in (
        [said],
        [said[at : at + 1] for at in range(len(said))],
        [said[a:b] for a, b in zip([0, *places], [*places, len(said)]) if a < b],
    ):
        short = tell(number, pieces, autocommit=autocommit, short=True)
        assert short.sent == long.sent or long.error or short.error, (short.sent, long.sent)
        if short.error and long.error:
            # What came behind an error, or a violation, may have been looked at or not.
            continue
        if len(pieces) > 1 and (short.error or long.error):
            # It had its answer before the rest came; or the rest came with it, and was judged.
            assert short.result or long.result
            continue
        assert short[1:3] == long[1:3], (short, long)
        if len(pieces) == 1:
            assert short.session == long.session, (short, long)


def _answer(number: int, begins: bool) -> Any:
    def pieces(random: Random) -> list[bytes]:
        one_row = SHAPES[number % len(SHAPES)][2]
        count = random.choice((0, 1, 1, 2, 40))
        end = READY_IN_TRANSACTION if begins else READY
        answer = [BOUND, *[one_row] * count, complete(f"SELECT {count}"), end]
        if random.random() < 0.2:
            answer = [ERROR, end]
        return [*(BEGUN if begins else []), *answer]

    return pieces


def example(random: Random) -> bytes:
    """Return an answer that fits, damaged or not."""
    number, begins = random.randrange(len(SHAPES)), random.randrange(2)
    said = conversation_bytes(random, _answer(number, bool(begins)))
    return bytes([number, begins, random.randrange(256)]) + said


if __name__ == "__main__":
    sys.exit(runner.run("short_way", sys.argv[1:]))
