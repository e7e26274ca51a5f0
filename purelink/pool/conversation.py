"""What a pool does, told once for both faces: generators that ask for something and keep the books.

Floor 3: no I/O, no clock but the one that is handed in. A conversation yields `Do(function, *args)`
(call it; await what it returns where the face waits) or `Wait(ticket, seconds)`, and is sent the
result. Between two yields a face lets nobody else run: such a stretch is one entry in the books.
What connections do (`is_alive`, `run`, `commit`, `close`) they have under the same names on both
faces, so that they are simply done.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Generator, NamedTuple, TypeVar

from ..errors import (
    AuthenticationError,
    DatabaseError,
    InterfaceError,
    OperationalError,
    PoolClosed,
    PoolTimeout,
)
from .entries import Member, Ticket

if TYPE_CHECKING:
    from typing import Union

    from .ledger import Ledger

__all__ = ["Do", "Talk", "Wait", "Ways"]

T = TypeVar("T")

#: How long the way in may take: the roll back of a connection that came back.
RESET_SECONDS = 10.0
#: How long a connection that is asked whether it works may take to say so.
ASK_SECONDS = 10.0
#: SQLSTATE classes of a refusal that waiting does not heal: no right, no such database.
HOPELESS = ("28", "3D")
#: What a borrower may change on a connection without telling the server, and finds as it was.
SETTINGS = ("autocommit", "isolation_level", "read_only", "deferrable", "row_factory")


class Do(NamedTuple):
    """Call a function; what it returns, awaited if need be, is sent back."""

    function: Callable[..., Any]
    args: tuple[Any, ...] = ()


class Wait(NamedTuple):
    """Wait until a ticket is woken, at most for so many seconds; nothing is sent back."""

    ticket: Ticket
    seconds: float


if TYPE_CHECKING:
    Telling = Generator[Union[Do, Wait], Any, T]


class Ways(NamedTuple):
    """How the world is reached: what a face hands in.

    connect: seconds -> a connection. ticket: a new ticket, whose waiting the face knows.
    configure, check, reset: the user's, or None. report: `(text, error)`, to the log.
    """

    connect: Callable[[float], Any]
    ticket: Callable[[], Ticket]
    clock: Callable[[], float]
    report: Callable[[str, BaseException | None], object]
    configure: Callable[[Any], Any] | None
    check: Callable[[Any], Any] | None
    reset: Callable[[Any], Any] | None
    reconnect_failed: Callable[[], Any] | None


class Talk:
    """The conversations of one pool."""

    def __init__(self, ledger: Ledger, ways: Ways) -> None:
        self.ledger = ledger
        self._ways = ways
        self._now = ways.clock

    # -- out --------------------------------------------------------------------------------

    def acquire(self, timeout: float) -> Telling[Any]:
        """Return a connection that stands, within so many seconds.

        Raises:
            PoolClosed, TooManyRequests, PoolTimeout.
            AuthenticationError, ConnectError: the server refuses us, and waiting won't help.
            Whatever `configure` raises.
        """
        ledger, now = self.ledger, self._now
        ticket = self._ways.ticket()
        began = now()
        ledger.enter(ticket, began)
        deadline = began + timeout
        try:
            while True:
                given = ticket.given
                if given is None:
                    yield from self._stand(ticket, deadline)
                    continue
                if isinstance(given, Member):
                    if (yield from self._is_fit(given)):
                        break
                    # Before there is room for another: nobody overtakes.
                    ledger.again(ticket, now())
                    yield from self._shut(given)
                else:
                    made = yield from self._make_for(ticket, deadline)
                    if made is not None:
                        given = made
                        break
                    ledger.again(ticket, now())
        except BaseException:
            if isinstance(ticket.given, Member):
                yield from self._shut(ticket.given)
            ledger.leave(ticket, now())
            raise
        moment = now()
        ledger.served(ticket, moment)
        return ledger.lend(given, moment)

    def _stand(self, ticket: Ticket, deadline: float) -> Telling[None]:
        """Wait for one's turn, or for the end of a pause after a failed attempt."""
        ledger = self.ledger
        if ledger.closed:
            raise PoolClosed("the pool was closed while this request waited for a connection")
        moment = self._now()
        if moment >= deadline:
            raise self._late(moment - ticket.since) from ledger.last_error
        yield Wait(ticket, ledger.patience(ticket, moment, deadline))
        if ticket.given is None:
            ledger.serve(self._now())

    def _late(self, seconds: float) -> PoolTimeout:
        ledger = self.ledger
        why = ""
        if ledger.last_error is not None:
            first_line = str(ledger.last_error).strip().partition("\n")[0]
            why = f"; the last attempt to connect failed: {first_line}"
        most = ledger.rules.max_size or "any number"
        return PoolTimeout(
            f"no connection came free within {seconds:.3g} s: {len(ledger.out)} of {most} are out,"
            f" {len(ledger.queue)} requests wait{why}"
        )

    def _is_fit(self, member: Member) -> Telling[bool]:
        """Tell whether an idle connection may go out: by a look at its socket, and the user's."""
        connection = member.connection
        if member.expires <= self._now():
            return False
        try:
            alive = yield Do(connection.is_alive)
            if alive and self._ways.check is not None:
                yield Do(self._ways.check, (connection,))
                alive = connection.transaction_status == "idle"
        except Exception as error:
            self._ways.report("a connection failed its check and is replaced", error)
            alive = False
        if not alive:
            self.ledger.counts["connections_lost"] += 1
        return bool(alive)

    # -- making -----------------------------------------------------------------------------

    def _make_for(self, ticket: Ticket, deadline: float) -> Telling[Member | None]:
        """Make a connection in a ticket's slot; None: it failed, and is worth another try.

        Raises: what waiting does not heal; then the slot is the ticket's still, or a member.
        """
        ledger = self.ledger
        began = self._now()
        try:
            connection = yield Do(self._ways.connect, (max(deadline - began, 0.001),))
        except OperationalError as error:
            ticket.given = None
            if (moment := self._now()) >= deadline:
                ledger.last_error = error
                ledger.unmade(moment)
                raise self._late(moment - ticket.since) from error
            yield from self._missed(error, began)
            if is_hopeless(error):
                raise
            return None
        ticket.given = member = ledger.made(connection, began, self._now())
        yield from self._configure(member)
        if ledger.closed:
            raise PoolClosed("the pool was closed while this request made a connection")
        return member

    def _missed(self, error: BaseException, began: float) -> Telling[None]:
        moment = self._now()
        tell = self.ledger.failed(error, began, moment)
        self._ways.report("an attempt to connect failed", error)
        if tell and self._ways.reconnect_failed is not None:
            yield Do(self._ways.reconnect_failed)

    def _configure(self, member: Member) -> Telling[None]:
        connection = member.connection
        if self._ways.configure is not None:
            yield Do(self._ways.configure, (connection,))
            if connection.transaction_status != "idle":
                raise InterfaceError(
                    "configure left the connection"
                    f" {connection.transaction_status}: it must commit, or roll back"
                )
        member.settled = {
            name: getattr(connection, name) for name in SETTINGS if hasattr(connection, name)
        }

    def _shut(self, member: Member) -> Telling[None]:
        """Strike a connection off, then close it."""
        self.ledger.discard(member, self._now())
        yield from self._close(member.connection)

    def _close(self, connection: Any) -> Telling[None]:
        try:
            yield Do(connection.close)
        except Exception as error:
            self._ways.report("a connection could not be closed", error)
        except BaseException:
            yield Do(connection.close)  # interrupted in that, it is closed without a farewell
            raise

    # -- in ---------------------------------------------------------------------------------

    def finish(self, connection: Any, *, commit: bool) -> Telling[None]:
        """Commit, or roll back, and take the connection back. Raises: what `commit` raises."""
        try:
            if commit and not connection.closed:
                yield Do(connection.commit)
        finally:
            yield from self.release(connection)

    def release(self, connection: Any) -> Telling[None]:
        """Take a connection back: rolled back, reset, kept or closed.

        Raises: InterfaceError: it is not out of this pool.
        """
        ledger = self.ledger
        member = ledger.returning(connection, self._now())
        clean = False
        try:
            clean = yield from self._clean(member)
        finally:
            if not clean:
                ledger.counts["returns_bad"] += 1
            if clean and ledger.is_welcome(member, self._now()):
                ledger.settle(member, self._now())
            else:
                yield from self._shut(member)
        yield from self.prune()

    def _clean(self, member: Member) -> Telling[bool]:
        connection = member.connection
        try:
            if connection.talk.pipelining is not None:
                return False  # in a block that somebody is still to leave, or never will
            if connection.transaction_status not in ("idle", "active", "unknown"):
                rollback = connection.talk.rollback()
                yield Do(connection.run, (rollback, RESET_SECONDS))
            if connection.transaction_status != "idle" or connection.talk.holder is not None:
                return False
            for name, value in member.settled.items():
                if getattr(connection, name) != value:
                    setattr(connection, name, value)
            if self._ways.reset is not None:
                yield Do(self._ways.reset, (connection,))
                if connection.transaction_status != "idle":
                    raise InterfaceError(
                        f"reset left the connection {connection.transaction_status}: it must"
                        " commit, or roll back"
                    )
        except Exception as error:
            self._ways.report("a connection could not be reset and is replaced", error)
            return False
        return not connection.closed

    # -- looking after it -------------------------------------------------------------------

    def prune(self) -> Telling[None]:
        """Close the idle connections whose time is over."""
        for member in self.ledger.overdue(self._now()):
            yield from self._close(member.connection)

    def tend(self, timeout: float) -> Telling[float]:
        """Prune, and fill up to `min_size`; return when to come again, infinity: when called.

        Args:
            timeout: seconds for each attempt to connect.
        """
        ledger = self.ledger
        ledger.reap(self._now())
        yield from self.prune()
        while ledger.slot(self._now()):
            try:
                yield from self._fill(timeout)
            except Exception:
                break  # it is in the log, and what is to be done about it in the books
        ledger.attended = ledger.due(self._now())
        return ledger.attended

    def _fill(self, timeout: float) -> Telling[None]:
        """Make one connection in a slot that is taken, and lay it by. Raises: why it could not."""
        ledger = self.ledger
        began = self._now()
        try:
            connection = yield Do(self._ways.connect, (timeout,))
        except Exception as error:
            yield from self._missed(error, began)
            raise
        except BaseException:
            ledger.unmade(self._now())
            raise
        member = ledger.made(connection, began, self._now())
        try:
            yield from self._configure(member)
        except BaseException as error:
            # Not the server's fault, but no sooner mended: it is tried again as after one.
            ledger.making += 1
            ledger.discard(member, self._now())
            ledger.failed(error, began, self._now())
            self._ways.report("a connection could not be configured", error)
            yield from self._close(connection)
            raise
        if ledger.closed:
            yield from self._shut(member)
        else:
            ledger.settle(member, self._now())

    def fill(self, timeout: float) -> Telling[None]:
        """Return when `min_size` connections stand; make them, if nobody does.

        Raises:
            PoolTimeout: they don't within so many seconds.
            PoolClosed. What waiting does not heal.
        """
        ledger, now = self.ledger, self._now
        began = now()
        deadline = began + timeout
        watcher = self._ways.ticket()
        ledger.watchers.add(watcher)
        try:
            while ledger.standing < ledger.rules.min_size:
                if ledger.closed:
                    raise PoolClosed("the pool is closed")
                moment = now()
                if moment >= deadline:
                    raise PoolTimeout(
                        f"{ledger.standing} of {ledger.rules.min_size} connections stand after"
                        f" {moment - began:.3g} s"
                    ) from ledger.last_error
                if not ledger.slot(moment):
                    until = max(ledger.retry_at, moment + 0.01) if not ledger.making else deadline
                    yield Wait(watcher, min(until, deadline) - moment)
                    continue
                try:
                    yield from self._fill(deadline - moment)
                except OperationalError as error:
                    if is_hopeless(error):
                        raise
        finally:
            ledger.watchers.discard(watcher)

    def drain(self) -> Telling[None]:
        """Close all connections: the idle ones now, those that are out when they come back."""
        self.ledger.drain(self._now())
        yield from self.prune()

    def resize(self, min_size: int, max_size: int) -> Telling[None]:
        """Be of another size; close the idle ones that are too many. Raises: InterfaceError."""
        self.ledger.resize(min_size, max_size, self._now())
        yield from self.prune()

    def check(self) -> Telling[None]:
        """Ask every idle connection for a round trip; close those that fail."""
        ledger = self.ledger
        members = [ledger.take() for _ in range(len(ledger.idle))]
        while members:
            # The hottest was taken first, so that laid by last it is the hottest again.
            member = members.pop()
            try:
                fit = yield from self._is_fit(member)
                if fit:
                    yield Do(
                        member.connection.run, (member.connection.talk.command(""), ASK_SECONDS)
                    )
            except Exception as error:
                self._ways.report("a connection failed its check and is replaced", error)
                fit = False
            except BaseException:
                for other in members:
                    ledger.settle(other, self._now())
                yield from self._shut(member)
                raise
            if fit and ledger.is_welcome(member, self._now()):
                ledger.settle(member, self._now())
            else:
                yield from self._shut(member)

    def close(self, timeout: float) -> Telling[int]:
        """Close the pool; return how many connections are still out after so many seconds."""
        ledger, now = self.ledger, self._now
        for member in ledger.close():
            yield from self._close(member.connection)
        deadline = now() + timeout
        watcher = self._ways.ticket()
        ledger.watchers.add(watcher)
        try:
            ledger.reap(now())
            while ledger.size and (moment := now()) < deadline:
                yield Wait(watcher, deadline - moment)
                ledger.reap(now())
        finally:
            ledger.watchers.discard(watcher)
        return ledger.size


def is_hopeless(error: BaseException) -> bool:
    """Tell whether an attempt to connect failed for a reason that waiting does not heal."""
    if isinstance(error, AuthenticationError):
        return True
    sqlstate = error.sqlstate if isinstance(error, DatabaseError) else None
    return sqlstate is not None and sqlstate[:2] in HOPELESS
