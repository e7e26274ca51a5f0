"""The conversation of one query: in one trip, prepared when it is worth it, healed when it is lost.

Floor 3, pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Sequence

from ..values.parameters import encode_parameters
from ..wire import dialogues
from .outcomes import result_of
from .statements import retry_error

if TYPE_CHECKING:
    from ..result import Result
    from ..wire.wants import Dialogue
    from .statements import Request
    from .talk import Talk

__all__ = ["query", "several"]


def query(
    talk: Talk,
    sql: str,
    parameters: Sequence[object] = (),
    request: Request | None = None,
    heard: bytes = b"",
    prepare: bool | None = None,
) -> Dialogue[Result]:
    """As `Talk.query`.

    Args:
        prepare: True: at once; False: not at all; None: from the second use on.
        request: it was sent already, as this; heard: what has come of the answer (`short`).
    """
    session, statements = talk.session, talk.statements
    if request is None and not parameters and sql not in statements and several(sql):
        results = yield from talk.script(sql)
        return results[-1]
    encoded = encode_parameters(
        parameters,
        encoding=session.encoding,
        errors=session.encoding_errors,
        own=talk.registry.writers,
    )
    if prepare:
        statements.expect(sql)
    never = prepare is False
    for unnamed in (never, never, True):
        at_stake = session.transaction_status != "I"
        changes = session.changes
        data = b""
        if request is None:
            batch = talk.batch()
            request = statements.add(
                batch, sql, encoded, session, talk.decoder_for, unnamed=unnamed
            )
            data = dialogues.ask(session, batch.sync(), talk.decoder_for)
        try:
            yield from talk.finish(data, heard)
        finally:
            statements.settle(request)
        stale = request.stale()
        if stale is None:
            break
        session.answers.clear()
        statements.lost(request, stale)
        request, heard = None, b""
        if at_stake:
            raise retry_error(stale)
        if session.transaction_status == "E":
            # Of the BEGIN that went out before it: nothing else was done in there.
            yield from talk.command("ROLLBACK")
    assert request is not None
    if session.changes != changes:
        talk.recall_reading(request)
    result = result_of(request.answer, talk.taken())
    if session.encoding == "utf-8" and session.encoding_errors == "strict":
        statements.learn(request, parameters, encoded, talk.registry.writers)
    return result


def several(sql: str) -> bool:
    """Tell whether a text may hold several statements.

    A semicolon inside a literal misleads it, harmlessly: the simple protocol runs one
    statement just as well.
    """
    stripped = sql.rstrip()
    return ";" in stripped.rstrip(";").rstrip() if stripped.endswith(";") else ";" in stripped
