"""Which statements a connection keeps prepared, and how a lost or stale one is healed.

Floor 3, pure. The first use of a text goes out unnamed in one trip. The second prepares it under a
name of its own, in one trip too; from the third on Bind, Execute and Sync are all that is sent,
as parameter types, columns and the decoder of the rows are known. The server guards the columns
itself: it refuses to bind a statement whose result type has changed (0A000).

A text may be prepared several times, for parameters of different types; a NULL fits any of them.
What is evicted is closed in the next batch. A statement that the server does not know any more
(26000: DEALLOCATE, DISCARD, a pooler's switch), knows already (42P05), or finds stale (0A000) is
forgotten, and the query told again where no transaction is at stake, else `StaleStatement` raised.
When the connection itself alters or drops anything, all are prepared anew.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from itertools import count
from typing import TYPE_CHECKING, Callable, Iterable, Sequence

from ..errors import DatabaseError, StaleStatement
from ..values.known import UNFIT, writer
from ..wire import legality
from ..wire.binding import SYNC
from ..wire.session import Answer
from .prepared import Following, Request, Statement

if TYPE_CHECKING:
    from ..values.parameters import Parameter, Writers
    from ..wire.backend import Column
    from ..wire.dialogues import Batch
    from ..wire.session import RowDecoder, Session

__all__ = ["CACHE_SIZE", "Request", "Statement", "Statements"]

#: Statements that a connection keeps prepared unless told otherwise.
CACHE_SIZE = 100
#: Longer texts are not kept, in characters: they are seldom used twice, and cost their size.
TEXT_AT_MOST = 65536
#: One text is prepared at most so often, for parameters of different types.
VARIANTS_AT_MOST = 8
#: One statement is ready for parameters of so many tuples of Python types at most.
KEYS_AT_MOST = 16
#: So many losses that we did not cause (a pooler's doing) switch the cache off.
LOSSES_AT_MOST = 3

_NUMBERS = count(1)
#: What is never prepared: the columns are another cursor's, another statement's, each time, and for
#: these the server does not guard them.
_SHIFTY = re.compile(
    r"(?:\s|--[^\n]*(?:\n|$)|/\*(?:[^*]|\*(?!/))*\*/)*(?:fetch|execute)\b", re.IGNORECASE
)
#: What a statement says that takes prepared statements away with it.
_FORGETFUL = frozenset({"DEALLOCATE", "DEALLOCATE ALL", "DISCARD ALL"})
#: How the command tags begin that say something to prepared statements.
_TELLING = frozenset({"ALTE", "COMM", "DEAL", "DISC", "DROP", "ROLL"})

DecoderFor = Callable[["tuple[Column, ...]"], "RowDecoder"]
#: makes the parameters of a Bind: `values.known.writer`
Write = Callable[[Sequence[object]], bytes]


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
        #: (text, Python types of its parameters …) -> what is ready for them, with what writes them
        self._ready: dict[tuple[object, ...], list[tuple[Statement, Write]]] = {}
        self._changed = False

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

    def expect(self, sql: str) -> None:
        """Have a text prepared when it is used for the first time."""
        if sql not in self._seen:
            self.note(sql, None)

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
                answer.decoder = Following(leader)
            else:
                if statement.reading != session.changes:
                    self._unlearn(statement)
                    statement.refresh(session, decoder_for)
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

    def ready(
        self, sql: str, parameters: Sequence[object], changes: int, *, synced: bool = True
    ) -> tuple[Statement, bytes] | None:
        """Return a prepared statement and all that is to be sent for it, where both are ready-made.

        None: something is to be found out or told first, and `add` knows what.

        Args:
            changes: `session.changes`.
            synced: with a Sync behind it.
        """
        found = self._ready.get((sql, *map(type, parameters)))
        if found is None or self._doomed:
            return None
        for statement, write in found:
            if statement.reading != changes:
                return None
            try:
                if not parameters:
                    data = statement.whole if synced else statement.whole[: -len(SYNC)]
                elif synced:
                    data = statement.bind.synced(write(parameters))
                else:
                    data = statement.bind.values(write(parameters))
            except UNFIT:
                continue
            self._prepared.move_to_end(sql)
            return statement, data
        return None

    def learn(
        self,
        request: Request,
        parameters: Sequence[object],
        encoded: Sequence[Parameter],
        own: Writers = None,
    ) -> None:
        """Have a statement that was run ready for parameters of the same Python types.

        What `add` chose for these it would choose for all of them: types decide, and a writer
        refuses what would be of another PostgreSQL type.
        """
        statement = request.statement
        if statement is None or statement.reading is None or len(statement.keys) >= KEYS_AT_MOST:
            return
        types = tuple(map(type, parameters))
        key = (request.sql, *types)
        if key not in statement.keys:
            statement.keys.append(key)
            self._ready.setdefault(key, []).append((statement, writer(types, encoded, own)))

    def _unlearn(self, statement: Statement) -> None:
        for key in statement.keys:
            left = [each for each in self._ready[key] if each[0] is not statement]
            if left:
                self._ready[key] = left
            else:
                del self._ready[key]
        statement.keys.clear()

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
            return _SHIFTY.match(sql) is None
        self.note(sql, None)
        return False

    def _keep(self, statement: Statement) -> Statement:
        self._prepared.setdefault(statement.sql, []).append(statement)
        self._count += 1
        while self._count > self.size:
            _, evicted = self._prepared.popitem(last=False)
            self._count -= len(evicted)
            for each in evicted:
                self._unlearn(each)
                self._doomed.append(each.name)
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
                statement.described(prepared, self._formats)
            else:
                # It is not there, or nobody knows: to close a name that is none does no harm.
                self.drop(statement)
        elif request.leader is not None:
            answer.columns = request.leader.columns
        tag = answer.command_tag
        if tag is not None and tag[:4] in _TELLING:
            self._told(tag)

    def heard(self, answers: Iterable[Answer]) -> None:
        """Look whether what ran otherwise has taken prepared statements away."""
        for each in answers:
            tag = each.command_tag
            if tag is not None and tag[:4] in _TELLING:
                self._told(tag)

    def _told(self, tag: str) -> None:
        """Draw the conclusions of a command tag.

        A schema that this connection itself changes, or changes back, makes its statements stale;
        inside a transaction that could not be healed, so they are prepared anew.
        """
        if tag in _FORGETFUL:
            self.forget()
        elif tag[:3] == "COM":
            self._changed = False
        elif tag[:3] == "ROL":
            if self._changed:
                self._changed = False
                self.renew()
        elif tag[:2] != "DI" and tag[:2] != "DE":
            self._changed = True
            self.renew()

    def drop(self, statement: Statement) -> None:
        """Forget one statement, and have it closed."""
        variants = self._prepared.get(statement.sql)
        if variants is not None and statement in variants:
            variants.remove(statement)
            self._unlearn(statement)
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
        self._ready.clear()
        self._doomed.clear()
        self._count = 0

    def renew(self) -> None:
        """Have all prepared statements closed: what they were prepared for has changed.

        What is known of the columns of other texts is forgotten with them.
        """
        for variants in self._prepared.values():
            self._doomed += [each.name for each in variants]
        for sql in (*self._seen, *self._prepared):
            self._seen[sql] = None
        self._prepared.clear()
        self._ready.clear()
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
