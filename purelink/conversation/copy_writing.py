"""COPY FROM STDIN whose data is handed over piece by piece, not pulled.

Floor 3, pure. Rows are gathered and written some at a time, as the statement's options say; blocks
go as they are. An error of the server's is raised by the write that it is heard in, or at the end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Sequence

from ..errors import InterfaceError
from ..wire import dialogues, legality
from .copy_rows import RowWriter
from .copying import _begin, _blocks, _count, _options, _push, _types_of
from .sources import BLOCK

if TYPE_CHECKING:
    from ..wire.session import Answer
    from ..wire.wants import Dialogue
    from .talk import Talk

__all__ = ["CopyingIn"]

#: Rows that are gathered before they are written and sent.
ROWS = 256


class CopyingIn:
    """One COPY … FROM STDIN, written piece by piece.

    Attributes:
        row_count: rows copied; -1 until it has ended.
        types: OIDs of the columns, for rows in binary; None: the table is asked.

    Raises:
        InterfaceError: it is no COPY FROM STDIN.
    """

    refusal = "a COPY is under way on this connection: end it first"

    def __init__(self, talk: Talk, sql: str) -> None:
        self._talk = talk
        self._sql = sql
        self._options = _options(sql, inward=True)
        self._answer: Answer | None = None
        self._encode: Callable[[list[Any]], bytes] | None = None
        self._end = b""
        #: blocks to be sent, their size, and rows to be written
        self._pieces: list[bytes] = []
        self._size = 0
        self._block_given = False
        self._rows: list[Sequence[Any]] = []
        self.row_count = -1
        self.types: Sequence[int] | None = None

    @property
    def open(self) -> bool:
        """It has begun and not ended: the connection is its own."""
        return self._talk.holder is self

    def begin(self) -> Dialogue[None]:
        """Send the statement. Raises: as `Talk.query`; ProgrammingError: no COPY FROM STDIN."""
        talk = self._talk
        if self._options.format == "binary" and self.types is None and self._options.table:
            # In binary a row must be written by the columns' types, and later is too late to ask.
            self.types = yield from _types_of(talk, self._options)
        self._answer = yield from _begin(talk, self._sql, "copy-in")
        talk.holder = self

    def add(self, block: Any) -> bool:
        """Take a block of bytes or text; return whether it is time to send.

        Raises:
            InterfaceError: it is none; rows were written before.
        """
        if self._encode is not None:
            raise InterfaceError("blocks and rows cannot be mixed in one COPY")
        session = self._talk.session
        data = _blocks(session.encoding, session.encoding_errors)([block])
        self._pieces.append(data)
        self._size += len(data)
        self._block_given = True
        return self._size >= BLOCK

    def add_row(self, row: Sequence[Any]) -> bool:
        """Take a row; return whether it is time to send.

        Raises:
            InterfaceError: blocks were written before; the statement's form has no rows.
        """
        if self._encode is None:
            if self._block_given:
                raise InterfaceError("blocks and rows cannot be mixed in one COPY")
            session = self._talk.session
            writer = RowWriter(
                self._options,
                session.encoding,
                session.encoding_errors,
                self.types,
                registry=self._talk.registry,
            )
            self._encode, self._end = writer, writer.end
            self._pieces.append(writer.beginning)
        self._rows.append(row)
        return len(self._rows) >= ROWS

    def flush(self) -> Dialogue[None]:
        """Send what was gathered.

        Raises:
            DatabaseError: the server's, and the COPY is over. InterfaceError: a row cannot be
                written; nothing of what was gathered is sent, and the COPY goes on.
        """
        rows, self._rows = self._rows, []
        if rows and self._encode is not None:
            self._pieces.append(self._encode(rows))
        data, self._pieces, self._size = b"".join(self._pieces), [], 0
        if not self.open:
            raise InterfaceError("this COPY is over")
        yield from _push(self._talk, data)
        if self._talk.session.state is not legality.COPY_IN:
            yield from self._finish(b"")

    def finish(self) -> Dialogue[None]:
        """End it: what was gathered is sent, all of it is copied.

        Raises: as `flush`; DatabaseError: the server's.
        """
        try:
            yield from self.flush()
            if self._end and self.open:
                yield from _push(self._talk, self._end)
        except InterfaceError as error:
            if self.open:
                yield from self.fail(type(error).__name__)
            raise
        if self.open:
            session = self._talk.session
            data = dialogues.end_copy(session) if session.state is legality.COPY_IN else b""
            yield from self._finish(data)

    def _finish(self, data: bytes) -> Dialogue[None]:
        talk = self._talk
        assert self._answer is not None
        talk.holder = None
        yield from dialogues.until_idle(talk.session, talk.deliver, data=data)
        self.row_count = _count(talk, self._answer)

    def fail(self, reason: str) -> Dialogue[None]:
        """End it so that nothing is copied; the connection is in step afterwards."""
        talk, session = self._talk, self._talk.session
        self._rows, self._pieces, self._size = [], [], 0
        talk.holder = None
        data = b""
        if session.state is legality.COPY_IN:
            data = dialogues.fail_copy(session, f"the client's writer raised {reason}")
        if not session.closed:
            yield from dialogues.until_idle(session, talk.deliver, data=data)
            session.answers.clear()
