"""The blocking face: `connect` and `Connection`.

Floor 5. Every method that talks to the server runs one conversation through the blocking pump. Two
threads that use one connection are queued; a callback that uses its own connection is refused.
"""

from __future__ import annotations

import os
import sys
import warnings
from threading import Lock, get_ident
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

from .conversation.connect import connect as connecting
from .conversation.sources import CHUNK, lists_of
from .conversation.statements import CACHE_SIZE
from .cursors.blocking import CursorMethods
from .errors import Error, LocalProtocolError, Timeout
from .face import forks, limit_of, plan_for, tracing
from .pumps.blocking import BlockingPump
from .rows import Row
from .values.styles import odd_policy
from .wire.auth import MAX_ITERATIONS
from .wire.wants import Limit, LimitExpired

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from typing_extensions import Self

    from .conninfo import Target
    from .conversation.connect import Plan
    from .conversation.talk import Holder
    from .policy import ConnectPolicy
    from .requests import CopyOut, Pipeline, Stream
    from .result import Result
    from .rows import RowFactory
    from .types import Types
    from .values.styles import OddValues
    from .wire.session import Notification
    from .wire.tracing import Trace
    from .wire.wants import Dialogue

__all__ = ["Connection", "connect"]

T = TypeVar("T")

#: How long `close` waits for another thread to let go of a connection that was cut.
CLOSE_SECONDS = 5.0


def connect(
    conninfo: str = "",
    *,
    autocommit: bool = False,
    timeout: float | None = None,
    trace: Any = None,
    statement_cache_size: int = CACHE_SIZE,
    row_factory: RowFactory[Row] | None = None,
    cursor_factory: Any = None,
    policy: ConnectPolicy | None = None,
    odd_values: OddValues = "error",
    sock: Any = None,
    dial: Callable[[Target], Any] | None = None,
    oauth_token: Any = None,
    gss: Callable[[Target, str], Any] | None = None,
    scram_max_iterations: int = MAX_ITERATIONS,
    keep_scram_keys: bool = True,
    **keywords: Any,
) -> Connection[Row]:
    """Open a connection.

    Args:
        conninfo: key/value string or URI, as libpq reads it.
        autocommit: False: a transaction begins with the first statement.
        statement_cache_size: statements kept prepared at most; 0: none ever is.
        odd_values: what becomes of values that Python cannot hold, see `Connection.odd_values`.
        timeout: seconds for the whole of it, whatever the number of hosts; None: only
            `connect_timeout` counts, for each address.
        trace: a file that every message is written to, from the first one on, as by
            `Connection.trace`; or what `purelink.face.tracing` made of one.
        row_factory: what cursors make of rows (`purelink.rows`); None: tuples.
        cursor_factory: the class of the connection's cursors; None: `purelink.Cursor`.
        policy: what may be connected to, where the string comes from a stranger.
        sock: a connected transport to use in place of opening one: a socket, or any byte stream
            (`recv` and `sendall`, or `read` and `write`). TLS and authentication go over it as
            the settings say. It is the connection's own from now on, closed with it.
        dial: `(target) -> transport`, called for each target in its turn in place of resolving
            and connecting, and for each cancel request.
        oauth_token: for OAUTHBEARER, sent to a verified server alone: a string, or a callable
            `(target, user) -> str`.
        gss: `(target, "gss" or "sspi") -> context` with `step(token)` and `complete`, where a
            server asks for one of them.
        scram_max_iterations: what a server may ask for at most.
        keep_scram_keys: False: the next login counts out the keys of the password anew.
        keywords: libpq's keywords; they win over the string. `password` may be a callable
            `(target, user) -> str`, called once an attempt, when a server asks.

    Raises:
        ConninfoError: a setting is wrong; no host was tried.
        InterfaceError: `sock` and `dial`, or what they gave is no transport.
        ConnectError: no host could be reached, with the story of all attempts.
        AuthenticationError: a host refused us, or we refused its way of asking.
        Timeout: `timeout` ran out.
        PolicyError: the policy does not allow it.
    """
    odd_policy(odd_values)
    try:
        plan = plan_for(
            conninfo,
            keywords,
            policy=policy,
            sock=sock,
            dial=dial,
            oauth_token=oauth_token,
            gss=gss,
            scram_max_iterations=scram_max_iterations,
            keep_scram_keys=keep_scram_keys,
        )
    finally:
        # A traceback that is printed with its locals shows no password.
        conninfo, keywords, oauth_token = "", {}, None
    written = None if trace is None else tracing(trace)
    opened: Connection[Row] = Connection.open(
        plan,
        autocommit=autocommit,
        timeout=timeout,
        trace=written,
        statement_cache_size=statement_cache_size,
    )
    opened.furnish(row_factory, cursor_factory)
    opened.odd_values = odd_values
    return opened


class Connection(CursorMethods[Row]):
    """One connection to a PostgreSQL server. Made by `connect`."""

    def __init__(
        self,
        plan: Plan,
        pump: BlockingPump,
        connected: Any,
        *,
        autocommit: bool,
        statement_cache_size: int = CACHE_SIZE,
    ) -> None:
        self._begin(
            plan,
            connected,
            pump,
            autocommit=autocommit,
            statement_cache_size=statement_cache_size,
        )
        self._lock = Lock()
        self._owner: int | None = None
        #: a call is under way, or an interrupt ended one outside our reach
        self._amid = False

    @classmethod
    def open(
        cls,
        plan: Plan,
        *,
        autocommit: bool = False,
        timeout: float | None = None,
        trace: Trace | None = None,
        statement_cache_size: int = CACHE_SIZE,
    ) -> Self:
        """Connect as planned. Raises as `connect`."""
        pump = BlockingPump()
        pump.trace = trace
        timeout = plan.within(timeout)
        connected = None
        try:
            limit = limit_of(timeout)
            connected = pump.run(connecting(plan), limit)
        except LimitExpired:
            pump.close()
        except BaseException:
            pump.close()
            raise
        if connected is None:
            raise Timeout(f"no connection was made within {timeout:g} s")
        return cls(
            plan,
            pump,
            connected,
            autocommit=autocommit,
            statement_cache_size=statement_cache_size,
        )

    def run(
        self,
        dialogue: Dialogue[T],
        timeout: float | None = None,
        holder: Holder | None = None,
    ) -> T:
        """Run a conversation on this connection, one at a time; leave it in step, or closed.

        For those who write conversations of their own (`purelink.conversation`); `talk` has ours.

        Args:
            timeout: seconds; None waits for ever.
            holder: whose conversation it is, where one has the connection to itself.

        Raises:
            LocalProtocolError: called from a callback of a conversation under way, or while a
                stream, a COPY or a pipeline of somebody else has the connection to itself.
            Timeout: `timeout` seconds ran out. Whatever the conversation raises.
        """
        self._check_process()
        timeout = self._patience if timeout is None else timeout
        limit = limit_of(timeout)
        me = get_ident()
        if self._owner == me and self._lock.locked():
            dialogue.close()
            raise LocalProtocolError("another command is already in progress")
        with self._lock:
            self._talk.admit(holder)
            try:
                self._owner = me
                if self._amid:
                    self._rejoin()
                return self._told(dialogue, limit, timeout)
            finally:
                self._owner = None

    def _told(self, dialogue: Dialogue[T], limit: Limit | None, timeout: float | None = None) -> T:
        """Run a conversation of whoever has the lock."""
        said = -1
        try:
            self._amid = True
            if self._talk.session.idle:
                said = self._pump.said
            result: T = self._pump.run(dialogue, limit)
            self._amid = False
            return result
        except LimitExpired:
            self._recover()
            raise self._timed_out(timeout) from None
        except Error:
            if not self._talk.session.idle:
                self._recover()
            self._amid = False
            raise
        except BaseException:
            # An interrupt, or the user's own error: answers may lie about, though all came.
            if said >= 0 and not self._talk.session.closed and self._pump.unsaid(said):
                self._talk.session.withdraw()
            self._recover()
            raise

    def ask(self, sql: str, parameters: Sequence[object] = ()) -> Result:
        """As `query` without a timeout, parameters in one sequence; raises as that.

        A statement that was run before goes the short way (`conversation.short`).
        """
        me = get_ident()
        if (
            (self._owner == me and self._lock.locked())
            or forks() != self._forks
            or self._patience is not None
        ):
            # which says what is wrong, or bears a time
            return self.run(self._talk.query(sql, parameters))
        with self._lock:
            # Refused here, not below: what has the connection to itself goes on undisturbed.
            if self._talk.holder is not None:
                self._talk.admit(None)
            try:
                self._owner = me
                short, pump = self._talk.short, self._pump
                if self._amid:
                    self._rejoin()
                try:
                    self._amid = True
                    question = short.question(sql, parameters)
                    heard = None if question is None else pump.ask(question)
                    if heard:
                        result = short.answer(heard)
                        if result is not None:
                            pump.asked = self._amid = False
                            return result
                    rest = short.rest(heard)
                except BaseException as error:
                    rest = short.failed(error, said=pump.unsay())
                return self._told(rest, None)
            finally:
                self._owner = None

    def _rejoin(self) -> None:
        """Recover from what nobody is at any more: an interrupt came just outside our reach."""
        session = self._talk.session
        if not session.idle and not session.closed and self._talk.holder is None:
            self._recover()
        self._amid = False

    def _recover(self) -> None:
        """Bring the connection back into step, or close it; interrupted in that, close it."""
        try:
            self._check_count()
            self._pump.run(self._talk.recover(unsent=self._pump.unsent))
        except BaseException:
            self._talk.session.end()
            self._pump.close()
            raise
        finally:
            self._amid = False
            self._log_end()

    @property
    def types(self) -> Types:
        """Types that are not built in, and codecs of the program's own."""
        from .types import Types

        return Types(self)

    # -- queries ----------------------------------------------------------------------------

    def query(self, sql: str, *parameters: object, timeout: float | None = None) -> Result:
        """Run a statement with `$1` parameters and return its result.

        Without parameters the text may hold several statements; the last one's result counts.

        Args:
            timeout: seconds; when it runs out the statement is cancelled.

        Raises:
            InterfaceError: it cannot be sent; nothing was.
            DatabaseError: the server's error, of the class its SQLSTATE decides.
            DataError: a value that Python cannot hold.
            ConnectionLost, RemoteProtocolError: the connection is over.
            Timeout: time ran out; `closed` tells whether the connection survived.
        """
        if timeout is None:
            return self.ask(sql, parameters)
        return self.run(self._talk.query(sql, parameters), timeout)

    def script(self, sql: str, *, timeout: float | None = None) -> list[Result]:
        """Run any number of statements, without parameters; return their results.

        Raises: as `query`; the error of the first statement that fails.
        """
        return self.run(self._talk.script(sql), timeout)

    def stream(
        self, sql: str, *parameters: object, chunk: int = CHUNK, timeout: float | None = None
    ) -> Stream:
        """Run a statement whose rows are fetched as they are needed, in bounded memory.

        Nothing is sent before it is iterated over or entered; until its end, or `close`, the
        connection is its own.

        Args:
            chunk: rows fetched at a time; twice as many are in memory at most.
            timeout: seconds for each fetch.

        Raises:
            InterfaceError: `chunk` is no positive number.
        """
        from .conversation.streaming import Streaming
        from .requests import Stream

        return Stream(self, Streaming(self._talk, sql, parameters, chunk), timeout)

    @overload
    def executemany(
        self,
        sql: str,
        rows: Iterable[Sequence[object]],
        *,
        returning: Literal[False] = ...,
        timeout: float | None = ...,
    ) -> int: ...

    @overload
    def executemany(
        self,
        sql: str,
        rows: Iterable[Sequence[object]],
        *,
        returning: Literal[True],
        timeout: float | None = ...,
    ) -> Result: ...

    def executemany(
        self,
        sql: str,
        rows: Iterable[Sequence[object]],
        *,
        returning: bool = False,
        timeout: float | None = None,
    ) -> int | Result:
        """Run a statement once for each row of parameters, in batches; all or nothing.

        The server infers the parameters' types. In a transaction that is open already what was
        done before an error stays to be rolled back, as ever.

        Args:
            rows: any iterable of sequences of parameters.
            returning: keep the rows that the statement returns.

        Returns:
            the number of rows affected; with `returning` a `Result` with all rows returned.

        Raises: as `query`; whatever `rows` raises.
        """
        from .conversation.many import execute_many

        pull = lists_of(rows, "rows of parameters")
        result = self.run(execute_many(self._talk, sql, pull, returning=returning), timeout)
        return result if returning else max(result.row_count, 0)

    def pipeline(self, *, timeout: float | None = None) -> Pipeline:
        """Return a block that queues statements and sends them together.

        Args:
            timeout: seconds for each sync.
        """
        from .requests import Pipeline

        return Pipeline(self, timeout)

    # -- COPY -------------------------------------------------------------------------------

    def copy_in(
        self,
        sql: str,
        source: Any,
        *,
        types: Sequence[int] | None = None,
        timeout: float | None = None,
    ) -> int:
        """Run COPY … FROM STDIN; return the number of rows copied.

        Args:
            source: rows (an iterable of tuples or lists, written as the statement's options say:
                text, CSV or binary), blocks (of bytes or str, split anywhere), a file, or one
                bytes or str object.
            types: OIDs of the columns, for rows in binary; None: the table is asked.

        Raises:
            DatabaseError: the server's, as soon as it is said.
            InterfaceError: a row cannot be written; the statement is no COPY FROM STDIN.
            Whatever `source` raises. The connection is in step in all cases.
        """
        from .conversation.copying import copy_in

        pull = lists_of(source, "the source of a COPY")
        return self.run(copy_in(self._talk, sql, pull, types), timeout)

    def copy_out(self, sql: str, *, timeout: float | None = None) -> CopyOut:
        """Run COPY … TO STDOUT: its blocks, its rows, or into a file.

        Nothing is sent before it is iterated over, entered or read; until its end, or `close`,
        the connection is its own.

        Args:
            timeout: seconds for each fetch.

        Raises:
            InterfaceError: the statement is no COPY TO STDOUT.
        """
        from .conversation.copying import CopyingOut
        from .requests import CopyOut

        return CopyOut(self, CopyingOut(self._talk, sql), timeout)

    # -- on the side ------------------------------------------------------------------------

    def cancel(self) -> None:
        """Ask the server to cancel what this connection is doing; from any thread.

        Returning says that the request was delivered. Source: PQcancelBlocking.

        Raises:
            InterfaceError: the server gave no cancel key.
            OperationalError: it could not be delivered.
        """
        self._check_process()
        pump = BlockingPump()
        try:
            pump.run(self._talk.cancellation(), Limit(30.0))
        except LimitExpired:
            raise Timeout("the cancel request was not taken within 30 s") from None
        finally:
            pump.close()

    def is_alive(self) -> bool:
        """Tell, without a round trip, whether the connection still stands."""
        self._check_process()
        if self.closed:
            return False
        if self._owner is not None or self._talk.holder is not None or self._pump.quiet():
            # Whoever is using it will be told.
            return True
        try:
            self.run(self._talk.look())
        except Error:
            return False
        return not self.closed

    def wait_for_notification(self, timeout: float | None = None) -> Notification | None:
        """Return the next notification that no handler took; None when the time is over.

        Raises:
            ConnectionLost, RemoteProtocolError: the connection is over.
        """
        limit = limit_of(timeout) or Limit(None)
        return self.run(self._talk.next_notification(limit))

    # -- the end ----------------------------------------------------------------------------

    def close(self) -> None:
        """Close the connection: an open transaction is rolled back by the server. Never raises.

        In a forked child nothing is sent: the connection is the parent's.
        """
        if self._pid != os.getpid():
            self._pump.forget()
            return
        if not self.closed:
            if self._owner == get_ident() and self._lock.locked():
                self._talk.session.end()
            else:
                self._close_in_turn()
            self._log_end()
        self._pump.close()

    def _close_in_turn(self) -> None:
        """Close when no other thread is using the connection; one that is gets ConnectionLost."""
        mine = self._lock.acquire(blocking=False)
        if not mine:
            self._pump.sever()
            mine = self._lock.acquire(timeout=CLOSE_SECONDS)
        try:
            if mine:
                self._pump.run(self._talk.close())
            else:
                self._talk.session.end()
        finally:
            if mine:
                self._lock.release()

    def __del__(self) -> None:
        # Made only in part, or in a child: nothing of ours to close.
        if "_pump" in self.__dict__ and self._pid == os.getpid() and not self.closed:
            shown = repr(self)
            self._pump.close()
            if not sys.is_finalizing():
                warnings.warn(f"{shown} was not closed", ResourceWarning, stacklevel=1)
