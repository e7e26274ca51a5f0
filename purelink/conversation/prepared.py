"""One prepared statement, and one statement on its way: what is known of each.

Floor 3, pure. `statements` keeps them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Sequence

from ..wire import legality
from ..wire.backend import Column
from ..wire.binding import Binder

if TYPE_CHECKING:
    from ..errors import DatabaseError
    from ..values.parameters import Parameter
    from ..wire.runs import Between, RowLoop, RowsBetween
    from ..wire.session import Answer, RowDecoder, Session

    DecoderFor = Callable[[tuple[Column, ...]], RowDecoder]

__all__ = ["Following", "Request", "Statement"]


class Statement:
    """A statement prepared on the server, or being prepared.

    Attributes:
        name: on the server. sql: its text.
        declared: the type OIDs that Parse declared, 0: left to the server; parameter_oids: as
            the server described them, None until it did.
        columns: of its rows, in the format asked for; None: it returns none, or is not described.
        reading: `session.changes` when `decoder` was made; it is made anew when that is past.
        under: client_encoding, DateStyle and IntervalStyle of then.
        few: decodes a few rows, where `decoder` has a quicker way for them. between, alike: many
            answers of one row (`wire.runs.Unit`).
        whole: all that is to be sent for it, where it has no parameters, once it was run.
        keys: under which the cache has it ready.
        ending, tag, status: how its last answer on the short way ended: the bytes of
            CommandComplete and ReadyForQuery, and what they say. closing, closing_tag: the same in
            a pipeline, where there is no ReadyForQuery.
    """

    __slots__ = (
        "alike",
        "between",
        "bind",
        "closing",
        "closing_tag",
        "columns",
        "declared",
        "decoder",
        "ending",
        "few",
        "keys",
        "leader",
        "name",
        "parameter_oids",
        "reading",
        "result_formats",
        "sql",
        "status",
        "tag",
        "under",
        "whole",
    )

    def __init__(
        self,
        name: bytes,
        sql: str,
        declared: tuple[int, ...],
        result_formats: tuple[int, ...],
        leader: Answer,
    ) -> None:
        self.name = name
        self.sql = sql
        self.declared = declared
        self.result_formats = result_formats
        self.bind = Binder(name, result_formats)
        self.parameter_oids: tuple[int, ...] | None = None
        self.columns: tuple[Column, ...] | None = None
        self.decoder: RowDecoder | None = None
        self.few: RowLoop | None = None
        self.between: Between | None = None
        self.alike: tuple[bytes, RowsBetween | None] = b"", None
        self.reading: int | None = None
        self.whole = b""
        self.keys: list[tuple[object, ...]] = []
        self.ending = self.closing = b"\0"
        self.tag = self.status = self.closing_tag = ""
        self.under: tuple[str, ...] = ()
        #: the answer to its first execution, while its description is on the way
        self.leader: Answer | None = leader

    def refresh(self, session: Session, decoder_for: DecoderFor) -> None:
        """Make anew what was made under other settings than those now reported, or none yet."""
        self.bind = Binder(self.name, self.result_formats)
        if self.columns is not None:
            self.decoder = decoder_for(self.columns)
            self.few = getattr(self.decoder, "row_loop", None)
            self.between = getattr(self.decoder, "between", None)
            self.alike = b"", None
        self.whole = self.bind.synced(b"\0\0\0\0")
        self.ending = self.closing = b"\0"
        self.under = _read_under(session)
        self.reading = session.changes

    def fits(self, parameters: Sequence[Parameter]) -> bool:
        """Tell whether parameters of these types mean here what they would mean unprepared."""
        declared = self.declared
        if len(parameters) != len(declared):
            return False
        actual = self.parameter_oids or declared
        for (oid, _, value), first, second in zip(parameters, declared, actual):
            if value is not None and oid not in (first, second):
                return False
        return True

    def described(
        self,
        prepared: Answer,
        choose: Callable[[tuple[Column, ...]], tuple[int, ...]] | None = None,
    ) -> None:
        """Take what the server told about it.

        Args:
            choose: gives the result formats to ask for from now on, if it was prepared before its
                columns were known: what is under way is read as its leader's answer.
        """
        self.parameter_oids = prepared.parameter_oids
        columns = prepared.columns
        if choose is not None and columns and not self.result_formats:
            self.result_formats = choose(columns)
        if columns is not None and self.result_formats:
            columns = tuple([_in_format(each, self.result_formats[0]) for each in columns])
        self.columns = columns
        # Last: interrupted before this, it is described by its leader as before.
        self.leader = None


def _in_format(column: Column, form: int) -> Column:
    return Column(
        column.name,
        column.type_oid,
        type_modifier=column.type_modifier,
        type_size=column.type_size,
        table_oid=column.table_oid,
        table_column=column.table_column,
        format=form,
    )


def _read_under(session: Session) -> tuple[str, ...]:
    get = session.parameters.get
    return session.encoding, get("DateStyle", "ISO, MDY"), get("IntervalStyle", "postgres")


class Following:
    """Decodes the rows of a statement whose description is still on its way: as its leader's."""

    __slots__ = ("_leader",)

    def __init__(self, leader: Answer) -> None:
        self._leader = leader

    def decode(self, buffer: bytes, start: int, end: int, rows: list[Any], /) -> int:
        """As `RowDecoder.decode`."""
        decoder = self._leader.decoder
        if decoder is None:
            return start  # no row description was given: the session refuses the row
        return decoder.decode(buffer, start, end, rows)


class Request:
    """One statement on its way: its answers, and the statement it was prepared as.

    Attributes:
        answer: to its execution. prepared: to Parse and Describe, where it is being prepared.
        statement: that it was bound to; None: the unnamed one.
    """

    __slots__ = ("answer", "leader", "prepared", "sql", "statement")

    def __init__(self, sql: str, answer: Answer) -> None:
        self.sql = sql
        self.answer = answer
        self.prepared: Answer | None = None
        self.statement: Statement | None = None
        self.leader: Answer | None = None

    def answers(self) -> tuple[Answer, ...]:
        """Return its answers, in order."""
        return (self.answer,) if self.prepared is None else (self.prepared, self.answer)

    def stale(self) -> DatabaseError | None:
        """Return the error that says its prepared statement is no good, None if none does.

        Only Parse and Bind say so: what a statement raises while it runs is its own affair.
        """
        if self.statement is None:
            return None
        if self.prepared is not None and self.prepared.step is legality.PARSE:
            error = self.prepared.error
            return error if error is not None and error.sqlstate == "42P05" else None
        error = self.answer.error
        if error is None or self.answer.step is not legality.BIND:
            return None
        return error if error.sqlstate in ("26000", "0A000") else None
