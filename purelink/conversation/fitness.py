"""Is this server the kind we want? `target_session_attrs` decided after ReadyForQuery.

Floor 3, pure. What the server reported at startup is believed (14 and later); older ones are asked
by a simple query. Source: `fe-connect.c` (CONNECTION_CHECK_TARGET and the states behind it).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import ConnectionLost, RemoteProtocolError
from ..wire.dialogues import simple_query, until_idle
from .spelling import spell_error

if TYPE_CHECKING:
    from ..wire.session import Session
    from ..wire.wants import Dialogue

__all__ = ["is_fit", "server_version"]


def server_version(session: Session) -> int:
    """Return the version as PQserverVersion does: 180006 for 18.6, 90603 for 9.6.3; 0 unknown."""
    text = session.parameters.get("server_version", "")
    parts: list[int] = []
    for piece in text.split(" ")[0].split(".")[:3]:
        digits = ""
        for character in piece:
            if not ("0" <= character <= "9") or len(digits) >= 6:
                break
            digits += character
        if not digits:
            break
        parts.append(int(digits))
        if len(digits) != len(piece):
            break
    if not parts:
        return 0
    major = parts[0]
    if major >= 10:
        return major * 10000 + (parts[1] if len(parts) > 1 else 0)
    second = parts[1] if len(parts) > 1 else 0
    third = parts[2] if len(parts) > 2 else 0
    return major * 10000 + second * 100 + third


def is_fit(session: Session, wish: str) -> Dialogue[str | None]:
    """Return None if the server is what is wished for, else libpq's refusal.

    Args:
        wish: "any", "read-write", "read-only", "primary" or "standby".
    """
    if wish == "any":
        return None
    if wish in ("read-write", "read-only"):
        reported = session.parameters
        both = "default_transaction_read_only" in reported and "in_hot_standby" in reported
        if both:
            read_only = (
                reported["default_transaction_read_only"] == "on"
                or reported["in_hot_standby"] == "on"
            )
        else:
            answer = yield from _ask(session, "SHOW transaction_read_only")
            if answer.failure is not None:
                return f'{answer.failure}\n"SHOW transaction_read_only" failed'
            read_only = answer.value.startswith("on")
        if wish == "read-write":
            return "session is read-only" if read_only else None
        return None if read_only else "session is not read-only"
    standby = session.parameters.get("in_hot_standby")
    if standby is not None:
        in_standby = standby == "on"
    elif server_version(session) < 90000:
        in_standby = False
    else:
        answer = yield from _ask(session, "SELECT pg_catalog.pg_is_in_recovery()")
        if answer.failure is not None:
            return f'{answer.failure}\n"SELECT pg_is_in_recovery()" failed'
        in_standby = answer.value.startswith("t")
    if wish == "primary":
        return "server is in hot standby mode" if in_standby else None
    return None if in_standby else "server is not in hot standby mode"


class _Reply:
    def __init__(self, value: str = "", failure: str | None = None) -> None:
        self.value = value
        self.failure = failure


def _ask(session: Session, sql: str) -> Dialogue[_Reply]:
    from ..values.rows import text_row_decoder

    data = simple_query(session, sql.encode(), text_row_decoder)
    try:
        yield from until_idle(session, data=data)
    except (ConnectionLost, RemoteProtocolError) as error:
        return _Reply(failure=str(error))
    answers, rows = list(session.answers), []
    session.answers.clear()
    for answer in answers:
        if answer.error is not None:
            diagnostics = answer.error.diagnostics
            return _Reply(failure=spell_error(diagnostics) if diagnostics else str(answer.error))
        rows += answer.rows
    if len(rows) == 1 and len(rows[0]) == 1 and rows[0][0] is not None:
        return _Reply(rows[0][0])
    return _Reply(failure="the server gave no answer")
