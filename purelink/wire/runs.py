"""The commonest answers, taken without an object for each message, and runs of them at once.

Floor 1, pure. A lane belongs to a state of `legality.HEARD`. It takes what stands in the buffer
just as that state expects it, to the byte, does what the table would have done, and tells how far
it came; anything else (another message, a length that does not fit, an incomplete one) it leaves
where it is, for the session to judge. A test holds both ways together.
"""

from __future__ import annotations

import sys
from array import array
from itertools import islice
from operator import itemgetter
from struct import Struct
from typing import TYPE_CHECKING, Any, Callable, Protocol

from . import codes, legality
from .answers import Answer

if TYPE_CHECKING:
    from .answers import RowDecoder
    from .backend import Column
    from .session import Session

__all__ = [
    "BEGUN",
    "BOUND",
    "FEW_BYTES",
    "LANES",
    "Between",
    "RowLoop",
    "RowsBetween",
    "Run",
    "Tally",
    "last_words",
    "short_run",
]

#: decodes rows one after the other: `(buffer, start, end, append) -> where it stopped`
RowLoop = Callable[[bytes, int, int, Callable[[Any], object]], int]

#: decodes rows between what parts them: `(buffer, start, end, rows) -> where it stopped`
RowsBetween = Callable[[bytes, int, int, "list[Any]"], int]
#: makes one for what stands before and behind each row; None: rows of these columns vary in length
Between = Callable[[bytes, bytes], "RowsBetween | None"]

_LENGTH = Struct(">i").unpack_from
#: rows that are looked over before a decoder is given all that has come
_SHORT = 24
#: an answer of so many bytes is decoded in bulk
FEW_BYTES = 4096
BOUND = b"2\0\0\0\4"
_READY = b"Z\0\0\0\5"
#: the longest CommandComplete that is looked for from behind
_TAG_AT_MOST = 300
#: CopyData that are worth being cut all at once
_FEW = 16
#: the tag, and the upper bytes of a length below 256
_PART = b"d\0\0\0"
_FIRST, _FIRST_TWO = itemgetter(0), itemgetter(slice(2))
_BUT_FIRST, _BUT_FIRST_TWO = itemgetter(slice(1, None)), itemgetter(slice(2, None))
#: adds 4, and makes of what is more than a byte then what is no length
_PLUS_4 = bytes([(byte + 4) & 255 for byte in range(256)])
_TOO_LITTLE = b"\0\1\2\3"
_LITTLE = sys.byteorder == "little"
_ROW = codes.DATA_ROW
_STATUS = {status: chr(status) for status in codes.STATUSES}
#: what the server says to a BEGIN that is parsed, bound and executed
BEGUN = b"1\0\0\0\4" + BOUND + b"C\0\0\0\x0aBEGIN\0"


class Tally(Answer):
    """One answer for all the executions of a batch: their rows in one list, their tags counted.

    Attributes:
        tags: command tag -> how often it came. last_tag: as the server gave it.
    """

    __slots__ = ("last_tag", "tags", "unit")

    def __init__(self) -> None:
        self.tags: dict[str, int] = {}
        self.last_tag: str | None = None
        #: what the server says to one more execution that goes as the last one did
        self.unit = b""
        super().__init__()

    @property
    def times(self) -> int:
        """How many executions are complete."""
        return sum(self.tags.values())

    # a property over the base's slot: every execution sets it
    @property
    def command_tag(self) -> str | None:
        """The last execution's tag."""
        return self.last_tag

    @command_tag.setter
    def command_tag(self, tag: str | None) -> None:
        if tag is not None:
            self.tags[tag] = self.tags.get(tag, 0) + 1
            self.last_tag = tag


class Unit(Protocol):
    """A statement whose answer is known beforehand, but for its rows.

    closing: the CommandComplete that its last answer ended in; closing_tag: what that says.
    between: see there. alike: what it made, and for which `closing`.
    """

    columns: tuple[Column, ...] | None
    decoder: RowDecoder | None
    few: RowLoop | None
    between: Between | None
    alike: tuple[bytes, RowsBetween | None]
    closing: bytes
    closing_tag: str


class Run(Answer):
    """One answer for many executions of known statements, one Bind and Execute each.

    Attributes:
        units: the statement of each. taken: what each gave so far: its rows and command tag, or,
            where it was not just that, an answer of its own, to be looked at.
    """

    __slots__ = ("taken", "units")

    def __init__(self) -> None:
        self.units: list[Unit] = []
        self.taken: list[tuple[list[Any], str] | Answer] = []
        super().__init__()

    def take(self, buffer: bytes, position: int, end: int, encoding: str) -> int:
        """Take answers that are whole and just what they should be; return where it stopped."""
        units, taken, bound, known = self.units, self.taken, BOUND, None
        few, closing, tag, size = None, b"", "", 0
        left = len(units) - len(taken)
        if left >= _FEW and units.count(units[-1]) == len(units):
            position = self._take_alike(buffer, position, end)
        for unit in islice(units, len(taken), None):
            if unit is not known:
                known, few = unit, None if unit.decoder is None else unit.few
                closing, tag, size = unit.closing, unit.closing_tag, len(unit.closing)
            if not buffer.startswith(bound, position):
                break
            at = position + 5
            rows: list[Any] = []
            if at < end and buffer[at] == _ROW:
                if few is None:
                    break
                at = few(buffer, at, end, rows.append)
            if not buffer.startswith(closing, at):
                found = _command_complete(buffer, at, end)
                if found is None:
                    break
                closing = unit.closing = found
                tag = unit.closing_tag = found[5:-1].decode(encoding, "replace")
                size = len(found)
            position = at + size
            taken.append((rows, tag))
        return position

    def _take_alike(self, buffer: bytes, position: int, end: int) -> int:
        """Take answers of one statement that are as long as its last one was, all at once."""
        unit, taken = self.units[-1], self.taken
        left, closing, tag = len(self.units) - len(taken), unit.closing, unit.closing_tag
        if not tag:
            return position  # it has had none yet
        one = BOUND + closing
        if not buffer.startswith(BOUND + b"D", position):
            count = min(left, (end - position) // len(one))
            if not count or not buffer.startswith(one * count, position):
                return position
            taken += [([], tag) for _ in range(count)]
            return position + count * len(one)
        if unit.alike[0] != closing:
            unit.alike = closing, unit.between(BOUND, closing) if unit.between else None
        decode = unit.alike[1]
        if decode is None:
            return position
        rows: list[Any] = []
        after = decode(buffer, position, end, rows)
        if len(rows) > left:
            return position
        taken += [([row], tag) for row in rows]
        return after


def _command_complete(buffer: bytes, position: int, end: int) -> bytes | None:
    """Return the CommandComplete that stands there; None: none, or not as it should be."""
    if end - position < 6 or buffer[position] != codes.COMMAND_COMPLETE:
        return None
    (length,) = _LENGTH(buffer, position + 1)
    stop = position + 1 + length
    if not 5 <= length <= codes.SHORT_LENGTH or stop > end:
        return None
    return buffer[position:stop] if buffer.find(0, position + 5) == stop - 1 else None


def _go_on(session: Session, run: Run, buffer: bytes, position: int, end: int) -> int:
    """Take what a run takes; what it leaves, but for notices and the like, goes step by step."""
    start, before = position, len(run.taken)
    session._position = None  # noqa: SLF001
    try:
        position = run.take(buffer, position, end, session.encoding)
    except BaseException:
        del run.taken[before:]
        session._position = start  # noqa: SLF001
        raise
    left = len(run.units) - len(run.taken)
    if not left:
        session._advance()  # noqa: SLF001
    elif position < end and buffer[position] in b"2E":
        unit = run.units[len(run.taken)]
        answer = Answer(unit.columns, unit.decoder)
        run.taken.append(answer)
        if left > 1:
            session._queue.appendleft((legality.BIND, run))  # noqa: SLF001
        else:
            run.complete = True
        session._queue.appendleft((legality.EXECUTE, answer))  # noqa: SLF001
        session._answer = answer  # noqa: SLF001
    return position


def last_words(buffer: bytes, encoding: str) -> tuple[bytes, str, str] | None:
    """Return the CommandComplete and ReadyForQuery that `buffer` ends in, and what they say.

    That is: their bytes, the command tag, the transaction status; None if it does not end so.
    """
    end = len(buffer) - 6
    status = _STATUS.get(buffer[-1]) if end > 0 else None
    if status is None or buffer[end:-1] != _READY:
        return None
    # A command tag holds no NUL but its end, so the last of these is it, if any is.
    start = buffer.rfind(b"C\0\0", max(0, end - _TAG_AT_MOST), end)
    if start < 0 or start + 1 + _LENGTH(buffer, start + 1)[0] != end:
        return None
    if buffer.find(0, start + 5) != end - 1:
        return None
    return buffer[start:], buffer[start + 5 : end - 1].decode(encoding, "replace"), status


def _bound(session: Session, buffer: bytes, position: int, end: int) -> int:
    """BindComplete; for a `Tally` what repeats the last execution; for a `Run` whole answers."""
    answer = session._answer  # noqa: SLF001 - the session's own lanes, apart for their size
    if type(answer) is Run:
        return _go_on(session, answer, buffer, position, end)
    if not buffer.startswith(BOUND, position):
        return position
    if type(answer) is Tally and answer.unit:
        position = _repeats(session, answer, buffer, position, end)
        if not buffer.startswith(BOUND, position):
            return position
    session._advance()  # noqa: SLF001
    return position + 5


def _repeats(session: Session, answer: Tally, buffer: bytes, position: int, end: int) -> int:
    queue, unit, start = session._queue, answer.unit, position  # noqa: SLF001
    size, before = len(unit), len(queue)
    assert answer.last_tag is not None
    session._position = None  # noqa: SLF001
    try:
        while (
            len(queue) > 1
            and queue[0][1] is answer
            and queue[1][1] is answer
            and queue[0][0] is legality.EXECUTE
            and queue[1][0] is legality.BIND
            and end - position >= size
            and buffer.startswith(unit, position)
        ):
            queue.popleft()
            queue.popleft()
            position += size
        answer.tags[answer.last_tag] += (position - start) // size
    except BaseException:
        # Interrupted: as if nothing had been taken.
        for number in reversed(range(before - len(queue))):
            state = legality.BIND if number % 2 else legality.EXECUTE
            queue.appendleft((state, answer))
        session._position = start  # noqa: SLF001
        raise
    return position


def _completed(session: Session, buffer: bytes, position: int, end: int) -> int:
    """CommandComplete of an Execute."""
    if buffer[position] != codes.COMMAND_COMPLETE or end - position < 6:
        return position
    (length,) = _LENGTH(buffer, position + 1)
    stop = position + 1 + length
    answer = session._answer  # noqa: SLF001
    if not 5 <= length <= codes.SHORT_LENGTH or stop > end or answer is None:
        return position
    if buffer.find(0, position + 5) != stop - 1:
        return position
    if answer.outcome is None:
        answer.outcome = "command" if answer.columns is None else "rows"
    answer.command_tag = buffer[position + 5 : stop - 1].decode(session.encoding, "replace")
    answer.complete = True
    if type(answer) is Tally:
        # With rows in between it is no repetition, and `startswith` will tell.
        answer.unit = BOUND + buffer[position:stop]
    session._advance()  # noqa: SLF001
    return int(stop)


def _ready(session: Session, buffer: bytes, position: int, end: int) -> int:
    """ReadyForQuery behind a Sync that nobody waits for by itself."""
    if end - position < 6 or not buffer.startswith(_READY, position):
        return position
    status = buffer[position + 5]
    if status not in codes.STATUSES or session._answer is not None:  # noqa: SLF001
        return position
    session.transaction_status = chr(status)
    session.fatal = session.farewell = None
    session.dying = False
    session._advance()  # noqa: SLF001
    return position + 6


def _copied(session: Session, buffer: bytes, position: int, end: int) -> int:
    """CopyData, one behind the other; many of them as one block of what is in them."""
    add, unpack, ceiling = session.copied.append, _LENGTH, session.ceiling
    for width in (1, 2):
        if end - position < FEW_BYTES or ceiling <= 0xFFFF:
            break
        block, position = _copied_run(buffer, position, end, width)
        if block:
            add(block)
    while end - position >= 5 and buffer[position] == codes.COPY_DATA:
        (length,) = unpack(buffer, position + 1)
        stop = position + 1 + length
        if length < 4 or length > ceiling or stop > end:
            break
        add(buffer[position + 5 : stop])
        position = stop
    return position


def _copied_run(buffer: bytes, position: int, end: int, width: int) -> tuple[bytes, int]:
    """Return what is in the CopyData at `position` and behind it, and where it stopped.

    Rows in text end in one character, so that, the tag and the upper bytes of a length are what
    parts them, supposedly: each lower part is then compared with the length that was cut, and what
    is in front of the first that differs was a message. The last of all is left.

    Args:
        width: bytes of a length that may vary: 1 (and none is above 255) or 2.
    """
    length = _LENGTH(buffer, position + 1)[0]
    start = position + 5 - width
    stop = position + 1 + length
    if buffer[position] != codes.COPY_DATA or not 4 < length < 1 << 8 * width or stop >= end:
        return b"", position
    last, extra = buffer[stop - 1 : stop], 5 - width
    pieces = buffer[start:end].split(last + _PART[:extra])
    pieces.pop()
    # A piece is the rest of the length and the data but for its last byte.
    try:
        if width == 1:
            lengths = bytes(map(len, pieces)).translate(_PLUS_4)
            told = bytes(map(_FIRST, pieces))
        else:
            lanes = array("H", [len(piece) + extra for piece in pieces])
            if _LITTLE:
                lanes.byteswap()
            lengths, told = lanes.tobytes(), b"".join(map(_FIRST_TWO, pieces))
    except (IndexError, ValueError, OverflowError):
        return b"", position
    if len(lengths) != len(told) or (width == 1 and told.translate(None, _TOO_LITTLE) != told):
        return b"", position
    if lengths != told:
        sound = next(at for at, (a, b) in enumerate(zip(lengths, told)) if a != b) // width
        del pieces[sound:]
    if len(pieces) < _FEW:
        return b"", position
    cut = map(_BUT_FIRST if width == 1 else _BUT_FIRST_TWO, pieces)
    return last.join(cut) + last, position + sum(map(len, pieces)) + len(pieces) * (1 + extra)


def short_run(buffer: bytes, position: int, end: int) -> int:
    """Return where a run of DataRows ends if it is short; else `end`.

    A decoder of rows may look far ahead: behind a small result other results may follow by the
    hundred, and their bytes are none of its business.
    """
    for _ in range(_SHORT):
        if end - position < 5:
            return end
        if buffer[position] != codes.DATA_ROW:
            return position
        (length,) = _LENGTH(buffer, position + 1)
        if length < 6:
            return end  # the decoder tells what is wrong with it
        position += 1 + length
        if position >= end:
            return end
    return end


#: state -> what takes the answers that it expects: `(session, buffer, position, end) -> position`
LANES: dict[str, Callable[[Session, bytes, int, int], int]] = {
    legality.BIND: _bound,
    legality.EXECUTE: _completed,
    legality.EXECUTE_ROWS: _completed,
    legality.SYNC: _ready,
    legality.COPY_OUT: _copied,
}
