"""COPY in and out, as conversations: blocks of bytes, rows, files; noticing the server meanwhile.

Floor 3, pure. COPY FROM is asked for in the simple protocol, COPY TO in the extended one.
In: data goes out in messages of 64 kB at most, and whatever the server says meanwhile (a notice a
row, an error) is taken at once, so neither side can block the other and an error stops the writing.
An exception of the caller's source ends the COPY by CopyFail and is raised, the connection in step.
Out: the server is read as fast as the caller takes it, so memory is bounded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Sequence

from ..errors import InterfaceError, ProgrammingError
from ..result import row_count_of
from ..wire import dialogues, frontend, legality
from ..wire.session import Answer
from ..wire.wants import Call, LimitExpired
from .copy_options import CopyOptions, copy_options
from .copy_rows import RowWriter
from .outcomes import first_error
from .sources import BLOCK

if TYPE_CHECKING:
    from ..wire.wants import Dialogue
    from .talk import Talk

__all__ = ["CopyingOut", "copy_in"]

#: Rows, or blocks, that are taken at once at most, and at first.
ITEMS_AT_MOST, ITEMS_AT_FIRST = 4096, 64
#: Rows are written by so many: a rest costs more.
ITEMS_TOGETHER = 256


def copy_in(
    talk: Talk, sql: str, pull: Callable[[int], Any], types: Sequence[int] | None = None
) -> Dialogue[int]:
    """Run COPY … FROM STDIN with what `pull` gives; return the number of rows.

    Args:
        pull: of blocks (bytes, or str that is encoded as the session's text) or of rows
            (`sources.lists_of`); the first item tells which.
        types: OIDs of the columns, for rows in binary; None: the table is asked.

    Raises:
        DatabaseError: the server's, as soon as it is said. ProgrammingError: it is no COPY FROM.
        InterfaceError: a row or block cannot be sent. Whatever `pull` raises.
        ConnectionLost, RemoteProtocolError: the connection is over.
    """
    session = talk.session
    options = _options(sql, inward=True)
    items = yield Call(pull, ITEMS_AT_FIRST)
    encode: Callable[[list[Any]], bytes] = _blocks(session.encoding, session.encoding_errors)
    beginning = end = b""
    if items and not isinstance(items[0], (bytes, bytearray, memoryview, str)):
        if options.format == "binary" and types is None:
            types = yield from _types_of(talk, options)
        writer = RowWriter(
            options, session.encoding, session.encoding_errors, types, registry=talk.registry
        )
        encode, beginning, end = writer, writer.beginning, writer.end
    answer = yield from _begin(talk, sql, "copy-in")
    try:
        pending = beginning
        while items and session.state is legality.COPY_IN:
            data = encode(items)
            yield from _push(talk, pending + data if pending else data)
            pending = b""
            count = max(1, min(ITEMS_AT_MOST, BLOCK * len(items) // (len(data) or 1)))
            count -= count % ITEMS_TOGETHER if count > ITEMS_TOGETHER else 0
            items = yield Call(pull, count)
        if end and session.state is legality.COPY_IN:
            yield from _push(talk, pending + end)
    except LimitExpired:
        raise
    except Exception as error:
        if session.state is legality.COPY_IN:
            reason = f"the client's source raised {type(error).__name__}"
            data = dialogues.fail_copy(session, reason)
            yield from dialogues.until_idle(session, talk.deliver, data=data)
            session.answers.clear()
        raise
    data = dialogues.end_copy(session) if session.state is legality.COPY_IN else b""
    yield from dialogues.until_idle(session, talk.deliver, data=data)
    return _count(talk, answer)


def _push(talk: Talk, data: bytes) -> Dialogue[None]:
    """Send data in messages of `BLOCK` bytes at most, until the server objects."""
    session = talk.session
    if len(data) <= BLOCK:
        if data:
            message = frontend.CopyData(data).encode()
            yield from dialogues.push(session, talk.deliver, data=message)
        return
    view = memoryview(data)
    for place in range(0, len(data), BLOCK):
        if session.state is not legality.COPY_IN:
            return
        message = frontend.CopyData(bytes(view[place : place + BLOCK])).encode()
        yield from dialogues.push(session, talk.deliver, data=message)


def _blocks(encoding: str, errors: str) -> Callable[[list[Any]], bytes]:
    def joined(items: list[Any]) -> bytes:
        blocks = []
        for item in items:
            if isinstance(item, str):
                try:
                    item = item.encode(encoding, errors)
                except UnicodeError:
                    raise InterfaceError(
                        f"a block of text has a character that the session's encoding ({encoding})"
                        " has not"
                    ) from None
            elif not isinstance(item, (bytes, bytearray, memoryview)):
                raise InterfaceError("blocks and rows cannot be mixed in one COPY")
            blocks.append(item)
        return bytes(blocks[0]) if len(blocks) == 1 else b"".join(blocks)

    return joined


def _types_of(talk: Talk, options: CopyOptions) -> Dialogue[tuple[int, ...]]:
    """Ask the server for the types of a COPY's columns, in one trip.

    Raises: as `Talk.query`.
    """
    if not options.table:
        raise InterfaceError("the columns of this COPY cannot be told: give their `types`")
    session = talk.session
    sql = f"SELECT {options.columns or '*'} FROM {options.table}"  # noqa: S608 - the caller's SQL
    batch, answer = talk.batch(), Answer()
    text = session.text(sql, "the query")
    batch.parse(answer, b"", text).describe_statement(answer).sync()
    data = dialogues.ask(session, batch, talk.decoder_for)
    yield from dialogues.until_idle(session, talk.deliver, data=data)
    error = first_error(session.answers)
    session.answers.clear()
    if error is not None:
        raise error
    return tuple([column.type_oid for column in answer.columns or ()])


def _options(sql: str, *, inward: bool) -> CopyOptions:
    """Return a statement's options, refusing one that goes the other way before it is sent."""
    options = copy_options(sql)
    if options.inward is not inward:
        raise InterfaceError(
            "this COPY goes the other way: copy_in() is for FROM STDIN, copy_out() for TO STDOUT"
        )
    return options


def _begin(talk: Talk, sql: str, outcome: str) -> Dialogue[Answer]:
    """Start a COPY ("copy-in" or "copy-out"); return its answer once data may flow, or it is over.

    Raises: as `Talk.query`; ProgrammingError: it is no such COPY.
    """
    session = talk.session
    text = session.text(sql, "the query")
    if outcome == "copy-in":
        # As everybody does it, in the simple protocol: what goes on between Execute and Sync is
        # more than some poolers can follow.
        session.may_say(ord("Q"))
        yield from talk.begin_if_due()
        data = dialogues.simple_query(session, text, talk.decoder_for)
        yield from dialogues.read(session, talk.deliver, data=data, first=True)
        while not session.answers:
            if session.closed:
                raise session.gone()
            yield from dialogues.read(session, talk.deliver, first=True)
        answer = session.answers[0]
    else:
        batch, answer = talk.batch(), Answer()
        batch.parse(answer, b"", text).bind(answer).execute(answer).sync()
        data = dialogues.ask(session, batch, talk.decoder_for)
        yield from dialogues.read(session, talk.deliver, data=data)
        while answer.formats is None and not answer.complete:
            if session.closed:
                raise session.gone()
            yield from dialogues.read(session, talk.deliver)
    if answer.outcome == outcome or (answer.complete and answer.formats is not None):
        return answer
    # It never was a COPY, or an error came first.
    yield from dialogues.until_idle(session, talk.deliver)
    answers = list(session.answers)
    session.answers.clear()
    for each in answers:
        if each.error is not None:
            raise each.error
    raise ProgrammingError("this is no COPY that takes or gives data: use query() for it")


def _count(talk: Talk, answer: Answer) -> int:
    answers = list(talk.session.answers)
    talk.session.answers.clear()
    for each in [*answers, answer]:
        if each.error is not None:
            raise each.error
    return max(row_count_of(answer.command_tag), 0)


class CopyingOut:
    """One COPY … TO STDOUT, taken block by block.

    Attributes:
        row_count: of its command tag; -1 until it has ended.
        options: what the statement says about the data.

    Raises:
        InterfaceError: it is no COPY TO STDOUT.
    """

    refusal = "a COPY is under way on this connection: read it to its end, or close it first"

    def __init__(self, talk: Talk, sql: str) -> None:
        self._talk = talk
        self._sql = sql
        self.options = _options(sql, inward=False)
        self._begun = False
        self._answer: Answer | None = None
        self.row_count = -1

    @property
    def open(self) -> bool:
        """It has begun and not ended: the connection is its own."""
        return self._talk.holder is self

    def begin(self) -> Dialogue[None]:
        """Send the statement; the second time nothing happens.

        Raises:
            As `Talk.query`. ProgrammingError: it is no COPY TO STDOUT.
        """
        if self._begun:
            return
        self._begun = True
        self._answer = yield from _begin(self._talk, self._sql, "copy-out")
        self._talk.holder = self

    def fetch(self) -> Dialogue[bytes]:
        """Return the next block, whole rows as the server sent them; b"" at the end.

        Raises:
            As `Talk.query`, whenever the server says so; the connection is in step then.
            InterfaceError: it was left in the middle.
        """
        yield from self.begin()
        talk, session, answer = self._talk, self._talk.session, self._answer
        if not self.open or answer is None:
            if self.row_count < 0:
                raise InterfaceError("this COPY is over: it was closed before its end")
            return b""
        while not session.copied:
            if answer.complete:
                talk.holder = None
                yield from dialogues.until_idle(session, talk.deliver)
                self.row_count = _count(talk, answer)
                return b""
            if session.closed:
                raise session.gone()
            yield from dialogues.read(session, talk.deliver)
        copied = session.copied
        block = copied[0] if len(copied) == 1 else b"".join(copied)
        copied.clear()
        return block or (yield from self.fetch())

    def close(self) -> Dialogue[None]:
        """Leave it: if it has not ended it is cancelled, which fails a transaction it was in.

        Raises:
            ConnectionLost: it could not be brought back into step.
        """
        self._begun = True
        if self.open and not (yield from self._talk.recover()):
            raise self._talk.session.gone()
