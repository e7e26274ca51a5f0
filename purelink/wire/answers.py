"""What is asked is answered by these: `Answer`, and how its rows are read.

Floor 1, pure. An `Answer` is filled by the session as messages arrive; whoever asked reads it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from ..errors import RemoteProtocolError
from . import codes
from .codec import Body
from .framing import head

if TYPE_CHECKING:
    from ..errors import DatabaseError
    from .backend import Column

__all__ = ["Answer", "Discard", "Notification", "RowDecoder", "ValueFailure"]


class ValueFailure(Protocol):
    """A row decoder's cry: a value is malformed or cannot be held; the row itself was in order.

    `error` is to be raised once the protocol is in step; `position` stands just past the row.
    """

    error: DatabaseError
    position: int


class RowDecoder(Protocol):
    """Decodes DataRow messages of one shape."""

    def decode(self, buffer: bytes, start: int, end: int, rows: list[Any], /) -> int:
        """Append the whole rows that stand at `start`; return where it stopped."""


class Notification(NamedTuple):
    """A NotificationResponse: `pid` of the notifying backend, `channel`, `payload` ("" if none)."""

    pid: int
    channel: str
    payload: str


class Answer:
    """What one statement was answered with.

    Attributes:
        outcome: "rows", "command", "empty", "error", "copy-in", "copy-out", "copy-both",
            "prepared", "function", "sync", "aborted" (not run, since an earlier one of its
            batch failed), or None while it is not known.
        complete: nothing more will come for it.
        columns: of its rows; None where it has no row description.
        rows: decoded so far; a reader may take them out and leave an empty list.
        command_tag: as the server gave it, decoded; None where there is none.
        error: the server's, to be raised by whoever reads the answer; step: the state in which
            it came (`legality.BIND` …).
        suspended: the row limit was reached; the portal can be executed again.
        limited: it was executed with a row limit.
        parameter_oids: from a described statement.
        value: a function call's result, or None.
        decoder: decodes its rows.
    """

    __slots__ = (
        "columns",
        "command_tag",
        "complete",
        "decoder",
        "error",
        "formats",
        "limited",
        "outcome",
        "parameter_oids",
        "rows",
        "step",
        "suspended",
        "value",
        "value_error",
    )

    def __init__(
        self, columns: tuple[Column, ...] | None = None, decoder: RowDecoder | None = None
    ) -> None:
        self.outcome: str | None = None
        self.complete = False
        self.columns = columns
        self.decoder = decoder
        self.rows: list[Any] = []
        self.command_tag: str | None = None
        self.error: DatabaseError | None = None
        self.step: str | None = None
        self.value_error: DatabaseError | None = None
        self.suspended = False
        self.limited = False
        self.parameter_oids: tuple[int, ...] | None = None
        self.formats: tuple[int, tuple[int, ...]] | None = None
        self.value: bytes | None = None

    def __repr__(self) -> str:
        return f"<Answer {self.outcome} {self.command_tag or ''} rows={len(self.rows)}>"


class Discard:
    """Steps over rows of a result that nobody wants any more, still checking their shape.

    Args:
        count: of their columns; None: not told by the server.
    """

    def __init__(self, count: int | None) -> None:
        self.count = count

    def decode(self, buffer: bytes, start: int, end: int, _rows: list[Any], /) -> int:
        """Step over the whole rows that stand at `start`; return where it stopped."""
        position = start
        while position < end and buffer[position] == codes.DATA_ROW:
            found = head(buffer, position)
            if found is None or found.stop > end:
                break
            row = Body(buffer[found.start : found.stop], codes.DATA_ROW)
            count = row.counted(4)
            if self.count is not None and count != self.count:
                raise RemoteProtocolError('unexpected field count in "D" message')
            for _ in range(count):
                length = row.int32()
                if length != -1:
                    row.take(length)
            row.end()
            position = found.stop
        return position
