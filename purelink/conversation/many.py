"""One statement for many rows of parameters: batches of Bind and Execute, one Sync at the end.

Floor 3, pure. The statement is prepared and described in one trip; its parameter types, as the
server infers them, make the encoder of the rows. Rows are encoded and sent a batch at a time while
answers are read as they come, so that neither memory nor a full socket bounds their number. No Sync
is said before the end: outside a transaction all of it is one, and when the caller's rows raise an
exception in the middle, what was done before is rolled back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable

from ..errors import InterfaceError
from ..result import Result, row_count_of
from ..values.encoders import batch_encoder
from ..values.rows import null_row_decoder
from ..wire import dialogues, legality
from ..wire.dialogues import Batch
from ..wire.runs import Tally
from ..wire.session import Answer
from ..wire.wants import Call, LimitExpired
from .outcomes import first_error

if TYPE_CHECKING:
    from ..wire.wants import Dialogue
    from .talk import Talk

__all__ = ["BATCH", "execute_many"]

#: Rows of parameters that are encoded and sent in one go.
BATCH = 1024


def execute_many(
    talk: Talk, sql: str, pull: Callable[[int], Any], *, returning: bool = False
) -> Dialogue[Result]:
    """Run a statement once for each row of parameters.

    Args:
        pull: of rows (`sources.lists_of`), each a sequence of parameters.
        returning: keep the rows that the statement returns.

    Returns:
        all its rows, and a command tag whose count is the sum.

    Raises:
        As `Talk.query`; from Python 3.11 on a note tells which row the server refused.
        InterfaceError: a row cannot be sent; whatever `pull` raises. Nothing took effect then,
            unless a transaction had been open before.
    """
    session = talk.session
    alone = talk.autocommit and session.transaction_status == "I"
    try:
        name, prepared = yield from _prepare(talk, sql)
        tally = Tally()
        columns = tally.columns = prepared.columns
        if columns is not None:
            tally.decoder = (
                talk.decoder_for(columns) if returning else null_row_decoder(len(columns))
            )
        encode = batch_encoder(
            prepared.parameter_oids or (),
            statement=name,
            encoding=session.encoding,
            errors=session.encoding_errors,
            own=talk.registry.writers,
        )
        talk.undoing = alone
        try:
            yield from _send_all(talk, tally, pull, encode)
        except LimitExpired:
            raise
        except Exception:
            if not session.closed:
                yield from _leave(talk, name, undo=alone)
            raise
        yield from _leave(talk, name)
        return _total(_taken(talk), tally, returning=returning)
    finally:
        if session.idle or session.closed:
            talk.undoing = False


def _prepare(talk: Talk, sql: str) -> Dialogue[tuple[bytes, Answer]]:
    """Prepare the statement under a name of its own; return that and its description."""
    session = talk.session
    name = talk.statements.new_name()
    batch, prepared = talk.batch(), Answer()
    batch.parse(prepared, name, session.text(sql, "the query"))
    batch.describe_statement(prepared, name).flush()
    data = dialogues.ask(session, batch, talk.decoder_for)
    yield from dialogues.read(session, talk.deliver, data=data, first=True)
    while not session.answered:
        yield from dialogues.read(session, talk.deliver, first=True)
    error = first_error(session.answers)
    session.answers.clear()
    if error is not None:
        yield from dialogues.until_idle(session, talk.deliver)
        raise error
    return name, prepared


def _send_all(
    talk: Talk, tally: Tally, pull: Callable[[int], Any], encode: Callable[[Any], bytes]
) -> Dialogue[None]:
    """Send a batch of executions after the other, until there are no more or one has failed."""
    session = talk.session
    sent = 0
    while tally.error is None:
        rows = yield Call(pull, BATCH)
        if not rows:
            return
        try:
            data = encode(rows)
        except InterfaceError as error:
            if not sent:
                raise
            raise InterfaceError(f"behind the first {sent} rows: {error}") from error
        batch = Batch()
        batch.pieces.append(data)
        batch.steps = [(legality.BIND, tally), (legality.EXECUTE, tally)] * len(rows)
        sent += len(rows)
        data = dialogues.ask(session, batch, talk.decoder_for)
        yield from dialogues.push(session, talk.deliver, data=data)


def _leave(talk: Talk, name: bytes, *, undo: bool = False) -> Dialogue[None]:
    """Close the statement, say Sync and be in step; `undo`: what was done is rolled back."""
    session = talk.session
    batch = Batch()
    if undo:
        undone = Answer()
        batch.parse(undone, b"", b"ROLLBACK").bind(undone).execute(undone)
    batch.close(None, b"S", name).sync()
    data = dialogues.ask(session, batch, talk.decoder_for)
    yield from dialogues.until_idle(session, talk.deliver, data=data)
    if session.transaction_status == "E" or any(each.error for each in session.answers):
        # Close was discarded with the rest.
        talk.statements.doom(name)
    if undo:
        session.answers.clear()


def _taken(talk: Talk) -> list[Answer]:
    """Take all answers out of the session."""
    answers = list(talk.session.answers)
    talk.session.answers.clear()
    return answers


def _total(answers: list[Answer], tally: Tally, *, returning: bool) -> Result:
    error = first_error([tally, *answers])
    if error is not None:
        if tally.error is not None and hasattr(error, "add_note"):
            error.add_note(f"row {tally.times + 1} of executemany")
        raise error
    columns = tally.columns if returning else None
    return Result(tally.rows if returning else [], columns, _tag(tally))


def _tag(tally: Tally) -> str | None:
    """Return the last command tag with the sum of all counts: "INSERT 0 10000"."""
    tag = tally.last_tag
    if tag is None or row_count_of(tag) < 0:
        return tag
    total = sum(max(row_count_of(each), 0) * times for each, times in tally.tags.items())
    return f"{tag.rpartition(' ')[0]} {total}"
