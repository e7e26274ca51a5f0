"""One cell of the fault table: a fault in a phase under a face, and what came of it.

Test code only. What is required (`judge`): an error of the documented class; the connection plainly
closed, or in step and usable; for a statement whose end nobody saw, an error that says so; for a
commit, what is told of it agrees with what another connection finds.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, List, NamedTuple, Optional

import purelink
from purelink.errors import ConnectionLost, Error, OperationalError, Timeout
from tests.both import Door
from tests.faults.faults import Fault, Site, site
from tests.faults.phases import PHASES, SECONDS, SETUP

if TYPE_CHECKING:
    from purelink.testing.server import Server
    from tests.portability.place import Place

__all__ = ["Seen", "judge", "play"]

#: a deadline, the recovery behind it, and what a loaded machine adds
SECONDS_AT_MOST = SECONDS + 5.0 + 12.0


#: what a fault before this one has left behind holds its locks
ALONE = """
select pg_terminate_backend(pid) from pg_stat_activity
    where pid <> pg_backend_pid() and backend_type = 'client backend';
"""


class Seen(NamedTuple):
    """What came of it.

    outcome: what the error says of the statement: "unknown", "cancelled", "completed" or "";
    committed: for the phase "commit", what is in the table; seconds: from the strike.
    """

    error: Optional[BaseException]
    closed: bool
    usable: bool
    outcome: str
    committed: Optional[bool]
    seconds: float

    def __str__(self) -> str:
        if self.error is None:
            return "the call succeeded"
        words = [type(self.error).__name__]
        sqlstate = getattr(self.error, "sqlstate", None)
        if sqlstate:
            words.append(sqlstate)
        if self.outcome:
            words.append(f"outcome {self.outcome}")
        words.append("closed" if self.closed else "usable" if self.usable else "NEITHER")
        if self.committed is not None:
            words.append("committed" if self.committed else "not committed")
        return f"{', '.join(words)}, {self.seconds:.1f} s"


def play(server: Server, fault: Fault, phase: str, face: str, place: Place) -> Seen:
    """Play one cell.

    Raises:
        Missing: the fault needs a program that is not here.
    """
    with site(server, fault, place) as where:
        server.psql(ALONE + SETUP + "truncate kept, slow;")
        door = Door(face, where.dsn)
        try:
            connection = door.connect()
            where.backend = connection.query("SELECT pg_backend_pid()").scalar()
            seen = _struck(where, fault, phase, connection)
        finally:
            door.close()
    if phase == "commit":
        seen = seen._replace(committed=server.psql("select count(*) from slow").strip() != "0")
    return seen


def _struck(where: Site, fault: Fault, phase: str, connection: Any) -> Seen:
    struck = [time.monotonic()]
    lock = threading.Lock()
    over: List[bool] = []

    def strike() -> None:
        with lock:
            if not over:
                struck[0] = time.monotonic()
                fault.strike(where)

    error: Optional[BaseException] = None
    try:
        PHASES[phase](connection, strike)
    except Exception as caught:
        error = caught
    with lock:  # a strike under way is waited for, one that comes too late hits nobody else
        over.append(True)
    seconds = time.monotonic() - struck[0]
    outcome = getattr(error, "outcome", "")
    if isinstance(error, ConnectionLost) and error.outcome_unknown:
        outcome = "unknown"
    usable = False
    if not connection.closed:
        try:
            usable = connection.query("SELECT 'yes'", timeout=SECONDS).scalar() == "yes"
        except Error:
            usable = False
    return Seen(error, connection.closed, usable, outcome, None, seconds)


def judge(seen: Seen, fault: Fault, phase: str) -> str:
    """Return what is wrong with an outcome, or ""."""
    error = seen.error
    if error is None:
        # What is over before it could be struck has not been hurt.
        return "" if phase in ("rows", "COPY out") else "the call succeeded"
    if not isinstance(error, (OperationalError, purelink.InterfaceError)):
        return f"an error of the wrong class: {type(error).__mro__}"
    if not (seen.closed or seen.usable):
        return "neither closed nor usable"
    if fault.silent and not isinstance(error, Timeout):
        return "only a Timeout can end the silence"
    if phase not in ("idle", "stream") and seen.closed and not seen.outcome:
        return "nobody saw the end of the statement, and the error does not say so"
    known = seen.committed is not None and seen.outcome in ("completed", "cancelled")
    if known and seen.committed is not (seen.outcome == "completed"):
        return "what is told of the commit is not true"
    if seen.seconds > SECONDS_AT_MOST:
        return f"it took {seen.seconds:.0f} s"
    return ""
