"""Recovery: a connection that a conversation left early is brought back into step, or closed.

Floor 3, pure. A timeout, a cancellation, Ctrl-C or the caller's own exception can leave answers on
their way. What runs is cancelled, what was asked is drained, a transaction that was only whole of
use is rolled back: within bounds, or the connection ends, since it is never used in an unknown
state.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import Error
from ..wire import dialogues, legality
from ..wire.dialogues import Batch
from ..wire.session import Answer
from ..wire.startup import bounded
from ..wire.wants import Aside, Limit, LimitExpired

if TYPE_CHECKING:
    from ..wire.wants import Dialogue
    from .talk import Talk

__all__ = ["RECOVERY_SECONDS", "recover"]

#: How long bringing a connection back into step may take, and how long the cancel of it.
RECOVERY_SECONDS, CANCEL_SECONDS = 5.0, 2.0


def recover(talk: Talk, *, cancelling: bool = True, unsent: bool = False) -> Dialogue[bool]:
    """Bring the session back into step after a conversation was left early.

    Cancels what runs, drains what was asked, within `RECOVERY_SECONDS`; a connection that cannot
    be brought back is closed, as is one whose cancel request may still be on its way (it would hit
    the next statement). Never raises; returns whether it is in step. `talk.outcome` then tells
    what became of the statement.

    Args:
        cancelling: False: wait for its end instead.
        unsent: part of the request has not gone out: the rest is not sent for the sake of order,
            since nobody wants it to take effect any more. The connection is closed.
    """
    session = talk.session
    talk.holder = None
    talk.outcome = "unknown"
    undoing = talk.undoing
    if not session.closed and not unsent:
        try:
            yield from bounded(_resume(talk, cancelling), Limit(RECOVERY_SECONDS))
        except (Error, OSError, LimitExpired):
            pass  # not to be brought back: closed below
    if session.idle:
        cancelled = any(
            answer.error is not None and answer.error.sqlstate == "57014"
            for answer in session.answers
        )
        talk.outcome = "cancelled" if cancelled else "completed"
    session.answers.clear()
    session.copied.clear()
    talk.undoing = False
    # Also where it was rolled back already, but the cancel hit just that.
    if session.idle and undoing and session.transaction_status != "I":
        try:
            yield from bounded(talk.command("ROLLBACK"), Limit(RECOVERY_SECONDS))
        except (Error, OSError, LimitExpired):
            session.end()
    if session.idle:
        return True
    yield from talk.abandon()
    return False


def _resume(talk: Talk, cancelling: bool) -> Dialogue[None]:
    session = talk.session
    if session.unsettled:
        # Left before it was said: there is nothing to be answered.
        session.withdraw()
    # What has come already needs no cancel, which might hit the next statement.
    session.resume()
    if not session.idle:
        yield from dialogues.peek(session, talk.deliver)
    if session.idle:
        return
    if session.state not in (legality.COPY_IN, legality.COPY_BOTH) and cancelling:
        try:
            yield Aside(talk.cancellation(), limit=Limit(CANCEL_SECONDS))
        except (Error, OSError):
            pass  # not delivered: what runs may end by itself within the time left
    data = b""
    if talk.undoing and ord("P") in legality.SAID.get(session.state, ()):
        talk.undoing, undone = False, Answer()
        batch = Batch().parse(undone, b"", b"ROLLBACK").bind(undone).execute(undone).sync()
        data = dialogues.ask(session, batch, talk.decoder_for)
    while not session.idle:
        yield from dialogues.until_idle(session, talk.deliver, data=data)
        data = b""
