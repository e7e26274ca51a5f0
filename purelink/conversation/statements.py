"""Which statements a connection keeps prepared, and how a lost or stale one is healed.

Floor 3, pure. The first use of a text goes out unnamed in one trip. The second prepares it under a
name of its own, in one trip too; from the third on Bind, Execute and Sync are all that is sent,
as parameter types, columns and the decoder of the rows are known. The server guards the columns
itself: it refuses to bind a statement whose result type has changed (0A000).

A text may be prepared several times, for parameters of different types; a NULL fits any of them.
What is evicted is closed in the next batch. A statement that the server does not know any more
(26000: DEALLOCATE, DISCARD, a pooler's switch), knows already (42P05), or finds stale (0A000) is
forgotten, and the query told again where no transaction is at stake, else `StaleStatement` raised.
"""

from __future__ import annotations

from collections import OrderedDict
from itertools import count
from typing import TYPE_CHECKING, Any, Callable, Iterable, Sequence

from ..errors import DatabaseError, StaleStatement
from ..wire import legality
from ..wire.backend import Column
from ..wire.binding import Binder
from ..wire.session import Answer

if TYPE_CHECKING:
    from ..values.parameters import Parameter
    from ..wire.dialogues import Batch
    from ..wire.session import RowDecoder, Session

__all__ = ["CACHE_SIZE", "Request", "Statement", "Statements"]

#: Statements that a connection keeps prepared unless told otherwise.
CACHE_SIZE = 100
#: Longer texts are not kept, in characters: they are seldom used twice, and cost their size.
TEXT_AT_MOST = 65536
#: One text is prepared at most so often, for parameters of different types.
VARIANTS_AT_MOST = 8
#: So many losses that we did not cause (a pooler's doing) switch the cache off.
LOSSES_AT_MOST = 3

_NUMBERS = count(1)
#: What a statement says that takes prepared statements away with it.
_FORGETFUL = frozenset({"DEALLOCATE", "DEALLOCATE ALL", "DISCARD ALL"})

DecoderFor = Callable[["tuple[Column, ...]"], "RowDecoder"]


class Statement:
    """A statement prepared on the server, or being prepared.

    Attributes:
        name: on the server. sql: its text.
        declared: the type OIDs that Parse declared, 0: left to the server; parameter_oids: as
            the server described them, None until it did.
        columns: of its rows, in the format asked for; None: it returns none, or is not described.
        reading: `session.changes` when `decoder` was made; it is made anew when that is past.
        under: client_encoding, DateStyle and IntervalStyle of then.
    """

    __slots__ = (
        "bind",
        "columns",
        "declared",
        "decoder",
        "leader",
        "name",
        "parameter_oids",
        "reading",
        "result_formats",
        "sql",
        "under",
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
        self.reading: int | None = None
        self.under: tuple[str, ...] = ()
        #: the answer to its first execution, while its description is on the way
        self.leader: Answer | None = leader

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

    def described(self, prepared: Answer) -> None:
        """Take what the server told about it."""
        self.leader = None
        self.parameter_oids = prepared.parameter_oids
        columns = prepared.columns
        if columns is not None and self.result_formats:
            columns = tuple([_in_format(each, self.result_formats[0]) for each in columns])
        self.columns = columns


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


class _Following:
    """Decodes the rows of a statement whose description is still on its way: as its leader's."""

    __slots__ = ("_leader",)

    def __init__(self, leader: Answer) -> None:
        self._leader = leader

    def decode(self, buffer: bytes, start: int, end: int, rows: list[Any], /) -> int:
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


class Statements:
    """The statement cache of one connection.

    Args:
        size: statements kept prepared at most; 0: none ever is.
        token: makes names differ between processes and connections behind one pooler.
        formats: gives the result formats to ask for rows of these columns; None: text.
    """

    def __init__(
        self,
        size: int = CACHE_SIZE,
        token: str = "",
        formats: Callable[[tuple[Column, ...]], tuple[int, ...]] | None = None,
    ) -> None:
        self.size = size
        self._token = token
        self._formats = formats
        self._seen: OrderedDict[str, tuple[Column, ...] | None] = OrderedDict()
        self._prepared: OrderedDict[str, list[Statement]] = OrderedDict()
        self._count = 0
        self._doomed: list[bytes] = []
        self._losses = 0

    def __len__(self) -> int:
        return self._count

    def __contains__(self, sql: object) -> bool:
        return sql in self._prepared

    # -- what goes out ----------------------------------------------------------------------

    def new_name(self) -> bytes:
        """Return a name that no other statement of any connection has."""
        return f"purelink_{self._token}{next(_NUMBERS)}".encode()

    def doom(self, name: bytes) -> None:
        """Have a statement closed in the next batch."""
        self._doomed.append(name)

    def formats_of(self, sql: str) -> tuple[int, ...]:
        """Return the result formats to ask for, where a text's columns are known; () for text."""
        variants = self._prepared.get(sql)
        if variants:
            return variants[0].result_formats
        columns = self._seen.get(sql)
        return self._formats(columns) if columns and self._formats is not None else ()

    def note(self, sql: str, columns: tuple[Column, ...] | None) -> None:
        """Remember a text that was used, and its columns, for the next time."""
        if sql not in self._prepared and self.size > 0 and len(sql) <= TEXT_AT_MOST:
            self._seen[sql] = columns
            if len(self._seen) > self.size:
                self._seen.popitem(last=False)

    def close_evicted(self, batch: Batch) -> None:
        """Add to a batch the Close of what was evicted since the last one."""
        if self._doomed:
            for name in self._doomed:
                batch.close(None, b"S", name)
            self._doomed = []

    def add(
        self,
        batch: Batch,
        sql: str,
        parameters: Sequence[Parameter],
        session: Session,
        decoder_for: DecoderFor,
        *,
        unnamed: bool = False,
    ) -> Request:
        """Add a statement's messages to a batch, in the shortest form that is known to do.

        Args:
            parameters: as `values.encode_parameters` gives them.
            session: whose encoding counts; a decoder of rows is made anew when what the server
                reported to it has changed.
            unnamed: do not use the cache.

        Raises:
            InterfaceError: it cannot be sent; the batch is then good for nothing.
        """
        answer = Answer()
        request = Request(sql, answer)
        statement = None if unnamed else self._fitting(sql, parameters)
        if statement is not None:
            request.statement = statement
            leader = request.leader = statement.leader
            if leader is not None:
                answer.decoder = _Following(leader)
            elif statement.columns is not None:
                if statement.decoder is None or statement.reading != session.changes:
                    statement.decoder = decoder_for(statement.columns)
                    statement.reading = session.changes
                    statement.under = _read_under(session)
                answer.columns, answer.decoder = statement.columns, statement.decoder
            batch.pieces.append(statement.bind(parameters))
            batch.steps += ((legality.BIND, answer), (legality.EXECUTE, answer))
            return request
        text = session.text(sql, "the query")
        name = b""
        formats: tuple[int, ...] = ()
        declared = tuple([oid for oid, _, _ in parameters])
        prepared: Answer | None = None
        if not unnamed and self._worth_preparing(sql):
            columns = self._seen.pop(sql, None)
            formats = self._formats(columns) if columns and self._formats is not None else ()
            name = self.new_name()
            prepared = request.prepared = Answer()
            batch.parse(prepared, name, text, declared).describe_statement(prepared, name)
        else:
            batch.parse(answer, b"", text, declared)
        batch.bind(
            answer,
            name,
            tuple([form for _, form, _ in parameters]),
            tuple([value for _, _, value in parameters]),
            formats,
        )
        batch.describe_portal(answer).execute(answer)
        if prepared is not None:
            request.statement = self._keep(Statement(name, sql, declared, formats, answer))
        return request

    def _fitting(self, sql: str, parameters: Sequence[Parameter]) -> Statement | None:
        variants = self._prepared.get(sql)
        if variants is None:
            return None
        self._prepared.move_to_end(sql)
        for statement in variants:
            if statement.fits(parameters):
                return statement
        return None

    def _worth_preparing(self, sql: str) -> bool:
        """Tell whether a text was used before; it is noted for the next time."""
        if self.size <= 0 or len(sql) > TEXT_AT_MOST or self._losses >= LOSSES_AT_MOST:
            return False
        variants = self._prepared.get(sql)
        if variants is not None:
            return len(variants) < VARIANTS_AT_MOST
        if sql in self._seen:
            return True
        self.note(sql, None)
        return False

    def _keep(self, statement: Statement) -> Statement:
        self._prepared.setdefault(statement.sql, []).append(statement)
        self._count += 1
        while self._count > self.size:
            _, evicted = self._prepared.popitem(last=False)
            self._count -= len(evicted)
            self._doomed += [each.name for each in evicted]
        return statement

    # -- what came back ---------------------------------------------------------------------

    def settle(self, request: Request) -> None:
        """Take what a request's answers told: once, whether it went well or not."""
        answer, statement, prepared = request.answer, request.statement, request.prepared
        if statement is None:
            if answer.columns is not None and request.sql in self._seen:
                self._seen[request.sql] = answer.columns
        elif prepared is not None:
            if prepared.outcome == "prepared":
                statement.described(prepared)
            else:
                # It is not there, or nobody knows: to close a name that is none does no harm.
                self.drop(statement)
        elif request.leader is not None:
            answer.columns = request.leader.columns
        if answer.command_tag in _FORGETFUL:
            self.forget()

    def heard(self, answers: Iterable[Answer]) -> None:
        """Look whether what ran otherwise has taken prepared statements away."""
        if self._count and any(each.command_tag in _FORGETFUL for each in answers):
            self.forget()

    def drop(self, statement: Statement) -> None:
        """Forget one statement, and have it closed."""
        variants = self._prepared.get(statement.sql)
        if variants is not None and statement in variants:
            variants.remove(statement)
            self._count -= 1
            if not variants:
                del self._prepared[statement.sql]
                self._seen[statement.sql] = None
            self._doomed.append(statement.name)

    def forget(self) -> None:
        """Forget all prepared statements: the server has."""
        for sql in self._prepared:
            self._seen[sql] = None
        self._prepared.clear()
        self._doomed.clear()
        self._count = 0

    def lost(self, request: Request, error: DatabaseError) -> None:
        """Forget what an error of `Request.stale` tells is no good."""
        assert request.statement is not None
        if error.sqlstate == "26000":
            # Whatever took this one away took the others too.
            self._losses += 1
            self.forget()
        else:
            self.drop(request.statement)


def retry_error(error: DatabaseError) -> StaleStatement:
    """Return what is raised for a stale statement where a transaction is at stake."""
    stale = StaleStatement(
        f"{error.message}\nHINT:  The transaction is to be rolled back and run again:"
        " the prepared statement behind it was lost or has become stale.",
        diagnostics=error.diagnostics,
    )
    stale.__cause__ = error
    return stale
