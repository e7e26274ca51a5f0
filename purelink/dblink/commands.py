"""A text of SQL run on a link to its end, and what dblink tells of it: dblink_exec's way.

Floor 4, pure. The last result counts, all others are read and dropped; how a link ends in the
middle of it, and what libpq's error text then is, stands here for `reading` and `links` too.

Source: libpqsrv_exec; dblink_exec (contrib/dblink/dblink.c).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..conversation.spelling import spell_error
from ..errors import ConnectionLost, DatabaseError, Diagnostics, RemoteProtocolError
from ..values.rows import null_row_decoder
from ..wire import dialogues

if TYPE_CHECKING:
    from ..wire.backend import Column
    from ..wire.session import RowDecoder
    from ..wire.wants import Dialogue
    from .ledger import Slot
    from .opening import Link

__all__ = ["LOST", "Done", "Failure", "lost", "run_to_end", "several", "spelled"]

#: How a connection ends in the middle of a conversation.
LOST = (ConnectionLost, RemoteProtocolError)


class Failure:
    """Why a remote command failed: the server's fields, or only libpq's text."""

    def __init__(self, remote: Diagnostics | None, text: str) -> None:
        self.remote = remote
        self.text = text


class Done:
    """What the last result of a text was: a failure, or its tag, and whether it had rows."""

    def __init__(self, failure: Failure | None, tag: str = "", *, rows: bool = False) -> None:
        self.failure = failure
        self.tag = tag
        self.rows = rows


def lost(slot: Slot[Link], error: Exception) -> str:
    """Note that a link was found dead; return libpq's text, all that it has to tell by now."""
    # A connection found dead on another occasion still tells how it died.
    text = str(slot.link.talk.session.failure or error)
    told = slot.error_text.split("\n")
    words, _, rest = text.partition("\n")
    if words not in told:
        slot.failed(text)
    elif rest and rest.partition("\n")[0] not in told:
        slot.failed(rest)  # the server's last words were an answer
    return slot.error_text


def spelled(error: DatabaseError, sql: str | None) -> str:
    """Return a server's error as libpq's text; `sql` for its LINE."""
    return spell_error(error.diagnostics or Diagnostics({}), sql)


def run_to_end(slot: Slot[Link], sql: str) -> Dialogue[Done]:
    """Run a text to its end and say what its last result was; runs on the link."""
    talk = slot.link.talk
    session = talk.session
    data = dialogues.simple_query(session, session.text(sql, "the query"), _counted)
    slot.sent()
    try:
        yield from dialogues.until_idle(session, talk.deliver, data=data)
    except LOST as error:
        session.answers.clear()
        return Done(Failure(None, lost(slot, error)))
    answers = list(session.answers)
    session.answers.clear()
    last = answers[-1]
    if any(answer.formats is not None for answer in answers):
        # COPY: upstream tells this and leaves the link stuck; ours is free again.
        return Done(Failure(None, ""))
    if last.error is not None:
        text = spelled(last.error, sql)
        slot.failed(text)
        return Done(Failure(last.error.diagnostics or Diagnostics({}), text))
    if last.outcome == "empty":
        return Done(Failure(None, ""))
    return Done(None, last.command_tag or "", rows=last.columns is not None)


def _counted(columns: tuple[Column, ...]) -> RowDecoder:
    """Rows that nobody will see are checked and dropped."""
    return null_row_decoder(len(columns))


def several(sql: str) -> bool:
    """Tell whether a text may hold more than one statement."""
    return ";" in sql.rstrip().rstrip(";")
