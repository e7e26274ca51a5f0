"""What a server says on the side: notices, errors' fields, notifications, parameter statuses, tags.

Input: whether a query is under way, whether handlers raise, a seed for cutting, then the bytes.
Invariant: an `Error` of ours or none; the same is heard however the bytes were cut; each notice and
notification is handed on once, in order; an error is of a documented class, can be pickled, and its
text is not longer than what came; under whatever was reported (an encoding, styles, a zone, a
version) values are read, or refused with a `DataError`, and text can be sent or is refused.
Allowed exceptions: `purelink.errors.Error`.

    python -m fuzz.asides --runs 100000
"""

from __future__ import annotations

import pickle
import sys
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple

from fuzz import runner
from fuzz.backend_stream import talk_of
from fuzz.messages import ASIDE
from purelink.conversation.fitness import server_version
from purelink.errors import DatabaseError, DataError, Error, InterfaceError, server_error
from purelink.result import row_count_of
from purelink.testing.bytes import ERROR, READY, complete
from purelink.values.encodings import CODECS, NO_CODEC, SQL_ASCII
from purelink.values.text import text_decoder
from purelink.wire import backend, dialogues

if TYPE_CHECKING:
    from purelink.conversation.talk import Talk

__all__ = ["example", "one"]

VALUES = (
    (1082, "2026-01-02"),
    (1114, "2026-01-02 03:04:05.6"),
    (1184, "2026-01-02 03:04:05.6+02"),
    (1184, "Fri Jan 02 03:04:05 2026 CET"),
    (1186, "1 mon 2 days 03:04:05.6"),
    (1186, "P1Y2M3DT4H5M6S"),
)
ENCODINGS = frozenset({*CODECS.values(), SQL_ASCII.encoding, NO_CODEC.encoding})


class Heard(NamedTuple):
    """What was heard."""

    notices: list[str]
    notifications: list[Any]
    answers: list[Any]
    stands: object
    error: str


class _Mine(Exception):
    """A handler's own."""


def hear(pieces: list[bytes], *, asking: bool, raising: bool) -> Heard:
    """Feed the pieces to a session; hand out what it hears on the side after each."""
    talk = talk_of()
    session = talk.session
    notices: list[str] = []
    notifications: list[Any] = []

    def noticed(diagnostics: Any) -> None:
        notices.append(repr(diagnostics))
        _check_error(server_error(diagnostics))
        if raising:
            raise _Mine

    def notified(notification: Any) -> None:
        notifications.append(pickle.loads(pickle.dumps(notification)))
        if raising:
            raise _Mine

    talk.notice_handlers.append(noticed)
    talk.notification_handlers.append(notified)
    if asking:
        dialogues.simple_query(session, b"SELECT", talk.decoder_for)
    error = ""
    try:
        for piece in pieces:
            session.receive(piece)
            talk.deliver()
    except Error as caught:
        talk.deliver()
        error = type(caught).__name__
    answers = []
    for answer in session.answers:
        assert row_count_of(answer.command_tag) >= -1
        if answer.error is not None:
            _check_error(answer.error)
        answers.append((answer.command_tag, repr(answer.error)))
    _check_reported(talk)
    stands = (
        (dict(session.parameters), session.encoding, session.encoding_errors),
        (session.state, session.transaction_status),
    )
    return Heard(notices, notifications, answers, stands, error)


def _check_error(error: DatabaseError) -> None:
    """Whatever the fields hold, it is an error of a class that is documented, and travels."""
    assert isinstance(error, DatabaseError)
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert error.diagnostics is not None
    assert len(str(error)) <= len(repr(error.diagnostics)) + 200, str(error)


def _check_reported(talk: Talk) -> None:
    session = talk.session
    assert session.encoding in ENCODINGS, session.encoding
    assert len(session.parameters) <= 1000
    assert server_version(session) >= 0
    styles = talk.styles()
    for oid, text in VALUES:
        try:
            text_decoder(oid, styles, talk.registry)(text)
        except DataError:
            continue
    for text in ("a", "ä", "\udc80", "¥"):
        try:
            session.text(text, "the query")
        except InterfaceError:
            assert text != "a"


def one(data: bytes) -> None:
    """Try one stream."""
    if len(data) < 3:
        return
    asking, raising, random, said = bool(data[0] & 1), bool(data[0] & 2), Random(data[1]), data[2:]
    whole = hear([said], asking=asking, raising=raising)
    places = sorted({random.randrange(len(said) + 1) for _ in range(4)})
    for pieces in (
        [said[at : at + 1] for at in range(len(said))],
        [said[a:b] for a, b in zip([0, *places], [*places, len(said)]) if a < b],
    ):
        other = hear(pieces, asking=asking, raising=raising)
        if whole.error or other.error:
            # What came before a violation in one piece with it may have been dropped with it.
            assert "" not in (whole.error, other.error), (whole, other)
            continue
        assert other == whole, (other, whole)


# -- examples --------------------------------------------------------------------------------

NAMES = (b"client_encoding", b"DateStyle", b"IntervalStyle", b"TimeZone", b"server_version", b"x")
REPORTED = (
    *(b"UTF8", b"SQL_ASCII", b"LATIN1", b"zlib_codec", b"EUC_JP", b"ISO, DMY", b"German", b"SQL"),
    *(b"iso_8601", b"Europe/Berlin", b"../../../etc/passwd", b"/etc/passwd", b"GMT", b"15.18"),
    *(b"99999999.999999999", b"", b"\xff", b"<+02>-02", b"posix/CET", b"a" * 300, b"18beta1"),
)
FIELDS = b"SVCMDHPpqWstcdnFLRZ"
STATES = (b"22012", b"57P01", b"00000", b"", b"ZZZZZ", b"2200\xff", b"08006", b"40001", b"a" * 50)


def _fields(random: Random) -> bytes:
    body = b""
    for _ in range(random.randrange(6)):
        field = random.choice(FIELDS)
        text = random.choice((b"", b"text", b"7", b"-1", b"\xff\xfe", b"FATAL", b"a\nb\r\x1b[31m"))
        body += bytes([field]) + (random.choice(STATES) if field == 0x43 else text) + b"\0"
    return body + b"\0"


def _message(tag: bytes, body: bytes) -> bytes:
    return tag + (len(body) + 4).to_bytes(4, "big") + body


def example(random: Random) -> bytes:
    """Return things said on the side, damaged or not."""
    asking = random.randrange(2)
    said = []
    for _ in range(random.randrange(6)):
        status = backend.ParameterStatus(random.choice(NAMES), random.choice(REPORTED)).encode()
        said.append(
            random.choice(
                (
                    random.choice(ASIDE),
                    status,
                    _message(b"N", _fields(random)),
                    backend.NotificationResponse(
                        random.randrange(-5, 5), random.choice(REPORTED), random.choice(REPORTED)
                    ).encode(),
                )
            )
        )
    if asking:
        tag = random.choice(("SELECT 1", "INSERT 0 99999999999999999999", "ü", "COPY -1", ""))
        said.append(random.choice((complete(tag), ERROR, _message(b"E", _fields(random)))))
        said.append(READY)
    data = bytearray(b"".join(said))
    for _ in range(random.choice((0, 0, 0, 1, 2))):
        if data:
            data[random.randrange(len(data))] = random.choice((0, 1, 4, 0x7F, 0xFF, 0x5A))
    return bytes([asking | random.randrange(2) << 1, random.randrange(256)]) + bytes(data)


if __name__ == "__main__":
    sys.exit(runner.run("asides", sys.argv[1:]))
