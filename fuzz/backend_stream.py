"""What a server says: any bytes into every conversation of an open connection.

Input: which conversation, a seed for cutting, then the bytes that the server sends.
Invariant: the conversation returns or raises an `Error` of ours; it asks its pump for a bounded
number of reads; result and error do not depend on how what comes between two questions was cut;
afterwards the session is in step or over, brought there by a recovery if need be; and a question
asked then is answered by its own answer or not at all, whatever the server had said too much.
Allowed exceptions: `purelink.errors.Error`.

    python -m fuzz.backend_stream --runs 100000
"""

from __future__ import annotations

import sys
from random import Random
from typing import Any, Callable, NamedTuple

from fuzz import runner
from fuzz.messages import ANSWERS, conversation_bytes
from purelink.conninfo import Target
from purelink.conversation.attempt import Connected
from purelink.conversation.copying import CopyingOut, copy_in
from purelink.conversation.many import execute_many
from purelink.conversation.pipelining import Pipelining
from purelink.conversation.sources import lists_of
from purelink.conversation.streaming import Streaming
from purelink.conversation.talk import Talk
from purelink.errors import Error
from purelink.testing.bytes import READY, extended
from purelink.testing.transcript import Transcript
from purelink.values.encodings import codec_of
from purelink.wire import codes, legality
from purelink.wire.session import Session
from purelink.wire.wants import Address, Dialogue, Limit

__all__ = ["CONVERSATIONS", "check", "example", "one"]

TARGET = Target("address", "192.0.2.1", "192.0.2.1", "5432", "", None, None)
ROWS = [(n, f"row {n}", None) for n in range(5)]
SQL = "SELECT a FROM t WHERE b = $1"
#: reads that a conversation may ask for beyond the pieces it was given: those it ends with
READS_BESIDE = 60


def _script(talk: Talk) -> Dialogue[Any]:
    results = yield from talk.script("SELECT a; SELECT b")
    return [(each.rows, each.command_tag) for each in results]


def _query(talk: Talk) -> Dialogue[Any]:
    result = yield from talk.query(SQL, ["x"])
    return result.rows, result.command_tag


def _prepared(talk: Talk) -> Dialogue[Any]:
    results = []
    for _ in range(3):
        result = yield from talk.query(SQL, ["x"])
        results.append((result.rows, result.command_tag))
    return results


def _in_transaction(talk: Talk) -> Dialogue[Any]:
    talk.autocommit = False
    result = yield from talk.query("UPDATE t SET a = 1")
    yield from talk.commit()
    return result.command_tag


def _pipeline(talk: Talk) -> Dialogue[Any]:
    pipeline = Pipelining(talk)
    handles = [pipeline.query(SQL, [str(n)]) for n in range(3)]
    yield from pipeline.sync()
    return [handle.result().rows for handle in handles]


def _many(talk: Talk) -> Dialogue[Any]:
    pull = lists_of(ROWS, "rows")
    result = yield from execute_many(talk, "INSERT INTO t VALUES ($1, $2, $3)", pull)
    return result.command_tag


def _copy_in(talk: Talk) -> Dialogue[Any]:
    return (yield from copy_in(talk, "COPY t FROM STDIN", lists_of(ROWS, "a COPY")))


def _copy_in_binary(talk: Talk) -> Dialogue[Any]:
    pull = lists_of(ROWS, "a COPY")
    return (yield from copy_in(talk, "COPY t FROM STDIN (FORMAT binary)", pull))


def _copy_out(talk: Talk) -> Dialogue[Any]:
    copying = CopyingOut(talk, "COPY t TO STDOUT")
    yield from copying.begin()
    blocks = []
    while True:
        block = yield from copying.fetch()
        if not block:
            return b"".join(blocks), copying.row_count
        blocks.append(block)


def _stream(talk: Talk) -> Dialogue[Any]:
    stream = Streaming(talk, SQL, ["x"], 2)
    rows = []
    yield from stream.begin()
    while True:
        more = yield from stream.fetch()
        if not more:
            return rows
        rows += more
        if len(rows) > 100:
            yield from stream.close()
            return rows


def _listening(talk: Talk) -> Dialogue[Any]:
    notification = yield from talk.next_notification(Limit(None))
    return notification


def _looking(talk: Talk) -> Dialogue[Any]:
    yield from talk.look()
    return None


CONVERSATIONS: tuple[Callable[[Talk], Dialogue[Any]], ...] = (
    _script,
    _query,
    _prepared,
    _in_transaction,
    _pipeline,
    _many,
    _copy_in,
    _copy_in_binary,
    _copy_out,
    _stream,
    _listening,
    _looking,
)


class Told(NamedTuple):
    """How a conversation went. left: bytes that nobody had read when it ended."""

    result: object
    error: str
    left: int


BROKEN = ("RemoteProtocolError", "ConnectionLost")


class _Endless(Exception):
    """More reads than the bytes can account for."""


class Reads(Transcript):
    """A transcript that counts, and has early bytes for whoever looks for them."""

    def __init__(self, pieces: list[bytes]) -> None:
        super().__init__(pieces)
        self.reads = len(pieces) + READS_BESIDE

    def _exchange(self, want: Any) -> Any:
        self.reads -= 1
        if self.reads < 0:
            raise _Endless
        return super()._exchange(want)

    @property
    def left(self) -> int:
        """Bytes not read yet."""
        return sum(len(piece) for piece in self._channels[0] if isinstance(piece, bytes))

    def arrived(self, more: bytes) -> None:
        """Let what is left have arrived already, and more follow."""
        channel = self._channels[0]
        early = b"".join(piece for piece in channel if isinstance(piece, bytes))
        self._early = early or None
        channel[:] = [more]


def talk_of() -> Talk:
    """Return an idle connection's conversations."""
    session = Session(codec_of)
    session.state = legality.IDLE
    session.transaction_status = "I"
    session.protocol = codes.PROTOCOL_3_0
    return Talk(Connected(session, TARGET, Address("tcp", "192.0.2.1", 5432)), autocommit=True)


def tell(conversation: Callable[[Talk], Dialogue[Any]], pieces: list[bytes]) -> Told:
    """Run a conversation on these pieces, then see what the session is good for."""
    talk, transcript = talk_of(), Reads(pieces)
    result: object = None
    error = ""
    try:
        result = transcript.run(conversation(talk))
    except Error as caught:
        error = f"{type(caught).__name__}: {caught}"
    left = transcript.left
    session = talk.session
    if not session.idle and not session.closed:
        transcript.run(talk.recover(cancelling=False))
    assert session.idle or session.closed, session.state
    if session.idle:
        talk.holder = None
        _probe(talk, transcript)
    return Told(repr(result), error, left)


def _probe(talk: Talk, transcript: Reads) -> None:
    """Ask one more question: it gets its own answer, or an error."""
    transcript.arrived(extended(b"probe") + READY)
    talk.autocommit = True
    in_step = talk.session.transaction_status == "I"
    try:
        result = transcript.run(talk.query("SELECT probe", ()))
    except Error:
        # What was said too much is told as what it is; nothing was taken for the answer.
        return
    assert result.rows == [("probe",)] or not in_step, result.rows


#: conversation -> the messages after which the server is asked again
ENDINGS = {"_copy_in": b"ZG", "_copy_in_binary": b"ZG", "_many": b"ZnTE"}


def trips(data: bytes, endings: bytes) -> list[bytes]:
    """Return the bytes in pieces that end where a server waits for the next question."""
    pieces = []
    start = at = 0
    while at + 5 <= len(data):
        after = at + 1 + int.from_bytes(data[at + 1 : at + 5], "big")
        if not at + 5 <= after <= len(data):
            break
        if data[at] in endings:
            pieces.append(data[start:after])
            start = after
        at = after
    return [*pieces, data[start:]] if start < len(data) else pieces


def cut(said: list[bytes], seed: int) -> list[bytes]:
    """Return each trip's bytes in pieces: 0 for single bytes, else by chance."""
    random = Random(seed)
    pieces = []
    for trip in said:
        if seed == 0:
            pieces += [trip[at : at + 1] for at in range(len(trip))]
            continue
        places = sorted({random.randrange(len(trip) + 1) for _ in range(1 + seed % 7)})
        pieces += [trip[a:b] for a, b in zip([0, *places], [*places, len(trip)]) if a < b]
    return pieces


def one(data: bytes) -> None:
    """Try one stream."""
    if len(data) < 3:
        return
    conversation = CONVERSATIONS[data[0] % len(CONVERSATIONS)]
    check(conversation, data[1], data[2:], ENDINGS.get(conversation.__name__, b"Z"))


def check(
    conversation: Callable[[Talk], Dialogue[Any]], seed: int, data: bytes, endings: bytes
) -> None:
    """Try one stream in one conversation, cut in several ways.

    Args:
        endings: the tags of the messages after which the server is asked again.
    """
    said = trips(data, endings)
    tell(conversation, [data])  # answers to questions not asked yet: an error, or no harm
    whole = tell(conversation, list(said))
    for way in (0, 1 + seed):
        other = tell(conversation, cut(said, way))
        if (other.left or whole.left) and not other.error:
            # It had its answer before the rest came, and the rest was judged on its own.
            continue
        broken = whole.error.startswith(BROKEN) and other.error != ""
        broken = broken or (other.error.startswith(BROKEN) and whole.error != "")
        # A server that broke the protocol is refused in either case; in which words may differ.
        assert broken or other[:2] == whole[:2], (conversation.__name__, whole, other)


def example(random: Random) -> bytes:
    """Return a conversation with a fitting answer, damaged or not."""
    number = random.randrange(len(CONVERSATIONS))
    kind = CONVERSATIONS[number].__name__.strip("_")
    return bytes([number, random.randrange(256)]) + conversation_bytes(random, ANSWERS[kind])


if __name__ == "__main__":
    sys.exit(runner.run("backend_stream", sys.argv[1:]))
