"""The ledger of a dblink session: names, the unnamed slot, cursors and their transaction.

Floor 2, pure: imports `refusals`. One ledger per session, as dblink has one registry per
backend: exactly one unnamed slot, never listed, and any number of named ones. What a link *is*,
the ledger does not know; it keeps it, counts for it, and gives it back. Decisions come out as
values ("send BEGIN", "send COMMIT"), the sending is done above.

A failed connect must leave no trace, so nothing is written before a link is good: `check_free`
asks whether a name may be used, `fill` writes it down. (dblink keeps a place-holder meanwhile
and removes it again.)

Difference from dblink (spec 15.2): replacing or disconnecting the unnamed connection also forgets
its cursor count and its transaction; upstream they stay and commit a stranger's transaction later.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from .refusals import (
    Notice,
    checked_text,
    clipped,
    duplicate_name,
    not_available,
    notice,
    shown,
)

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["NAME_LIMIT", "Ledger", "Slot", "clip"]

L = TypeVar("L")

#: bytes of UTF-8 in a name (NAMEDATALEN - 1)
NAME_LIMIT = 63

BUSY = "another command is already in progress"
DEAD = "no connection to the server"


def clip(name: str) -> tuple[str, Notice | None]:
    """Return a name as it is kept, and the notice (42622) where that made it shorter.

    Connecting delivers the notice, before the duplicate check; every other call is silent.

    Raises:
        LinkDataError: 22021, a NUL or a lone surrogate: no text of PostgreSQL's.

    Source: truncate_identifier.
    """
    checked_text(name)
    kept = clipped(name, NAME_LIMIT)
    if kept == name:
        return name, None
    told = f'identifier "{shown(name)}" will be truncated to "{shown(kept)}"'
    return kept, notice("42622", told)


class Slot(Generic[L]):
    """One connection of the ledger, or a temporary one that is in no ledger.

    Attributes:
        name: as kept (clipped); None for the unnamed and for temporary connections.
        link: the connection itself.
        cursors: how many dblink_open have been counted and not closed. May be stale: a ROLLBACK
            of the caller's own goes unnoticed until the next open on an idle link.
        began: the transaction is one that dblink_open began.
        pending: a query was sent asynchronously and its last, empty result not yet taken.
        error_text: libpq's error text for this link, line under line; "" for none.
        heard: the answer whose error stands in `error_text` already, or None.
        query: what was sent last asynchronously, for the LINE of its errors; None for none.
        reading: a weak reference to the `Rows` that is being read in pieces, or None.

    Source: remoteConn (dblink.c), and of a PGconn what dblink looks at.
    """

    __slots__ = (
        "began",
        "cursors",
        "error_text",
        "heard",
        "link",
        "name",
        "pending",
        "query",
        "reading",
    )

    def __init__(self, name: str | None, link: L) -> None:
        self.name = name
        self.link = link
        self.cursors = 0
        self.began = False
        self.pending = False
        self.error_text = ""
        self.heard: object = None
        self.query: str | None = None
        self.reading: Callable[[], object] | None = None

    def __repr__(self) -> str:
        name = "unnamed" if self.name is None else f'"{shown(self.name)}"'
        begun = ", in a transaction of its own" if self.began else ""
        return f"<Slot {name}: {self.cursors} cursors{begun}>"

    # --- cursors (dblink_open, dblink_close) ---

    def before_open(self, idle: bool) -> bool:
        """Tell whether BEGIN must be sent: the link's transaction status is idle.

        After its success call `transaction_begun`; a failure is `rules.begin_failed`.
        """
        return idle

    def transaction_begun(self) -> None:
        """Our BEGIN succeeded: the count starts anew, which repairs a stale one."""
        self.began = True
        self.cursors = 0

    def before_declare(self) -> None:
        """Count the cursor, if the transaction is ours; a failing DECLARE does not undo it."""
        if self.began:
            self.cursors += 1

    def after_close(self) -> bool:
        """A CLOSE succeeded: tell whether COMMIT must be sent (its failure: `commit_failed`).

        Which cursor was closed does not matter, nor who declared it.
        """
        if not self.began:
            return False
        self.cursors -= 1
        if self.cursors != 0:
            return False
        self.began = False
        return True

    # --- pending results and the last error ---

    def refusal(self, connected: bool) -> str | None:
        """Why nothing can be sent now, in libpq's words, or None. Source: PQsendQueryStart.

        The words are then also what dblink_error_message tells. While a query is pending they
        come under those that stand there (upstream again with every refusal, here once).
        """
        if not connected:
            self.error_text = DEAD
        elif self.pending:
            if self.error_text.rpartition("\n")[2] != BUSY:
                self.failed(BUSY)
        else:
            return None
        return self.error_text

    def sent(self, *, pending: bool = False) -> None:
        """Something was sent: the last error is forgotten. `pending`: by dblink_send_query."""
        self.error_text = ""
        self.heard = None
        self.pending = pending

    def drained(self) -> None:
        """The last, empty result was taken: the link is free."""
        self.pending = False
        self.reading = None

    def failed(self, text: str) -> None:
        """Add libpq's error text for dblink_error_message (`ERROR:  …`, newline or not)."""
        text = text.rstrip("\n")
        self.error_text = f"{self.error_text}\n{text}" if self.error_text else text

    def error_message(self) -> str:
        """What dblink_error_message returns: the last error text, or `OK`."""
        return self.error_text or "OK"


class Ledger(Generic[L]):
    """The connections of one session by name. Names are exact: case and blanks count.

    Every method takes names as the caller gave them and clips them itself, silently. None is
    the unnamed connection.
    """

    __slots__ = ("_named", "_unnamed")

    def __init__(self) -> None:
        self._unnamed: Slot[L] | None = None
        self._named: dict[str, Slot[L]] = {}

    def __repr__(self) -> str:
        unnamed = "and the unnamed one" if self._unnamed is not None else "no unnamed one"
        return f"<Ledger: {len(self._named)} named connections, {unnamed}>"

    def peek(self, name: str | None) -> Slot[L] | None:
        """Return the slot, or None where there is none."""
        if name is None:
            return self._unnamed
        return self._named.get(clip(name)[0])

    def find(self, name: str | None) -> Slot[L]:
        """Return the slot; raise 08003, with the name as given, where there is none."""
        slot = self.peek(name)
        if slot is None:
            raise not_available(name)
        return slot

    def names(self) -> list[str] | None:
        """Return the (clipped) names, in no promised order; None, not [], when there are none.

        Source: dblink_get_connections.
        """
        return list(self._named) or None

    def check_free(self, name: str | None) -> None:
        """Raise 42710 if a connection has that name, dead or alive. The unnamed is replaced.

        Call it before the network connect, after check A.
        """
        if name is not None and self.peek(name) is not None:
            raise duplicate_name()

    def fill(self, name: str | None, link: L) -> L | None:
        """Write down a connection that passed every check.

        Returns the link that the unnamed slot held before: close it now.

        Raises 42710 if another task took the name meanwhile: close the new link.
        """
        if name is None:
            old, self._unnamed = self._unnamed, Slot(None, link)
            return old.link if old is not None else None
        self.check_free(name)
        kept = clip(name)[0]
        self._named[kept] = Slot(kept, link)
        return None

    def remove(self, name: str | None) -> L:
        """Strike a connection out and return its link, to be closed; 08003 if there is none."""
        slot = self.find(name)
        if slot.name is None:
            self._unnamed = None
        else:
            del self._named[slot.name]
        return slot.link

    def drain(self) -> list[L]:
        """Strike everything out and return the links: the end of the session closes them all."""
        links = [slot.link for slot in self._named.values()]
        if self._unnamed is not None:
            links.append(self._unnamed.link)
        self._unnamed = None
        self._named.clear()
        return links
