"""The blocking face of dblink: `Session`, and `LinkRows` for its results.

Floor 5. One method a function of dblink, with dblink's own names and overloads; a None argument
makes a call do nothing (STRICT). Each method runs one conversation of `links`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Iterable, Iterator, Mapping, TypeVar

from ..connection import Connection
from ..pumps.blocking import BlockingPump
from . import signatures
from .gathering import Gathering
from .setting import Setting

if TYPE_CHECKING:
    from types import TracebackType

    from ..conversation.connect import Plan
    from ..wire.wants import Dialogue
    from .columns import Columns
    from .gathering import Gathered, Progress
    from .reading import Rows
    from .statements import Array, Vector

__all__ = ["Gather", "LinkRows", "Session"]

T = TypeVar("T")


class Session(Setting):
    """A dblink session: one unnamed and many named connections.

    Arguments, `notices`, `user`, `superuser`: see `Setting`. Errors of dblink's own are
    `LinkError`s with dblink's SQLSTATE, message, DETAIL, HINT and CONTEXT.
    """

    _link_class = Connection

    def _opener(self) -> Callable[[Plan], Any]:
        return _open

    def _run(self, dialogue: Dialogue[T]) -> T:
        return BlockingPump().run(dialogue)

    # -- connections ------------------------------------------------------------------------

    def dblink_connect(self, *args: str | None) -> str | None:
        """`dblink_connect(connstr)` or `(connname, connstr)`: open a link; return "OK".

        `connstr` is a connection string or a foreign server's name. The unnamed link is replaced
        once the new one is good.

        Raises:
            LinkError: 08001 no connection; 2F003 password required; 42710 duplicate name; 42704,
                42501 foreign server without mapping or USAGE.
        """
        found = signatures.connect(args)
        return None if found is None else self._run(self._links.connect(*found))

    def dblink_connect_u(self, *args: str | None) -> str | None:
        """As `dblink_connect`, without the password rule; EXECUTE is granted by the catalog.

        Raises:
            LinkError: 42501 without the grant; otherwise as `dblink_connect`.
        """
        found = signatures.connect(args)
        return None if found is None else self._run(self._links.connect_u(*found))

    def dblink_disconnect(self, *args: str | None) -> str | None:
        """`dblink_disconnect()` or `(connname)`: close a link; return "OK". Raises: 08003."""
        found = signatures.name(args)
        return None if found is None else self._run(self._links.disconnect(*found))

    def dblink_get_connections(self) -> list[str] | None:
        """Return the names of all open named links, in no order; None when there are none."""
        return self._links.ledger.names()

    def dblink_error_message(self, connname: str | None) -> str | None:
        """Return the last error text of a link, or "OK". Raises: 08003."""
        return None if connname is None else self._links.error_message(connname)

    # -- queries ----------------------------------------------------------------------------

    def dblink(self, *args: str | bool | None, columns: Columns = None) -> LinkRows:
        """`dblink(sql)`, `(connection, sql)`, each with a trailing bool `fail`: run a query.

        Args:
            columns: the column definition list, `"a int, b text"` or pairs; None: the result's
                own columns.

        Raises:
            LinkError: 08003 not available; 08001, 2F003 for a connection string; 42804 columns
                that do not fit; XX000 could not send. DatabaseError: the remote's own, with
                dblink's CONTEXT. DataError: a value that the declared type refuses.
        """
        found = signatures.query(args)
        if found is None:
            return LinkRows(None, self)
        return LinkRows(self._run(self._links.query(*found, columns)), self)

    def dblink_exec(self, *args: str | bool | None) -> str | None:
        """`dblink_exec(sql)`, `(connection, sql)`, each with a trailing bool `fail`: run a command.

        Returns its tag; "ERROR" where it failed and `fail` is False.

        Raises: as `dblink`; 2F003 for a statement that returns rows (it did run).
        """
        found = signatures.execute(args)
        return None if found is None else self._run(self._links.execute(*found))

    # -- cursors ----------------------------------------------------------------------------

    def dblink_open(self, *args: str | bool | None) -> str | None:
        """`dblink_open(cursor, sql)`, `(connname, cursor, sql)`, each with a trailing `fail`.

        Returns "OK", or "ERROR" under fail=False. Raises: 08003, XX000, remote errors.
        """
        found = signatures.open(args)
        return None if found is None else self._run(self._links.open_cursor(*found))

    def dblink_fetch(self, *args: str | int | None, columns: Columns = None) -> LinkRows:
        """`dblink_fetch(cursor, count)`, `(connname, cursor, count)`, each with a trailing `fail`.

        Raises: 08003, 34000 no such cursor, remote errors; 42804 columns that do not fit.
        """
        found = signatures.fetch(args)
        if found is None:
            return LinkRows(None, self)
        return LinkRows(self._run(self._links.fetch(*found, columns)), self)

    def dblink_close(self, *args: str | bool | None) -> str | None:
        """`dblink_close(cursor)`, `(connname, cursor)`, each with a trailing `fail`.

        Returns "OK", or "ERROR" under fail=False. Raises: 08003, XX000, remote errors.
        """
        found = signatures.close(args)
        return None if found is None else self._run(self._links.close_cursor(*found))

    # -- asynchronous queries ---------------------------------------------------------------

    def dblink_send_query(self, connname: str | None, sql: str | None) -> int | None:
        """Send a query without waiting; return 1, or 0 and a notice. Raises: 08003."""
        if connname is None or sql is None:
            return None
        return self._run(self._links.send_query(connname, sql))

    def dblink_is_busy(self, connname: str | None) -> int | None:
        """Return 1 if `dblink_get_result` would wait, else 0. Raises: 08003."""
        return None if connname is None else self._run(self._links.is_busy(connname))

    def dblink_get_result(
        self, connname: str | None, fail: bool | None = True, *, columns: Columns = None
    ) -> LinkRows:
        """Return the next result of what was sent; empty when all are taken.

        Raises: 08003; 42804 and conversion errors (the result is used up); remote errors.
        """
        if connname is None or fail is None:
            return LinkRows(None, self)
        return LinkRows(self._run(self._links.get_result(connname, fail, columns)), self)

    def dblink_cancel_query(self, connname: str | None) -> str | None:
        """Ask for a cancel; return "OK", or the error's text. Raises: 08003."""
        return None if connname is None else self._run(self._links.cancel_query(connname))

    def dblink_get_notify(self, *args: str | None) -> list[tuple[str, int, str]]:
        """`dblink_get_notify()` or `(connname)`: notifications that have come, oldest first.

        Returns tuples (notify_name, be_pid, extra). Raises: 08003 for a name.
        """
        found = signatures.name(args)
        return [] if found is None else self._run(self._links.get_notify(*found))

    # -- many servers at once ---------------------------------------------------------------

    def gather(
        self,
        names: Iterable[str] | None,
        sql: str | Mapping[str, str],
        *,
        columns: Columns = None,
        limit: int | None = None,
        timeout: float | None = None,
        progress: Progress | None = None,
    ) -> Gather:
        """Run a query on many links at once; an iterator over their results, as they come.

        Each result is a `Gathered`: the link's name, its rows (all in memory) or its error, which
        is not raised: `result()` does that. Neither threads nor tasks are started.

        Args:
            names: of open links; None: all of them, or those that `sql` has a text for.
            sql: the text for all, or one for each name.
            columns: as `dblink`.
            limit: how many run at a time; None: all.
            timeout: seconds for each link's query, from when it was sent; then it is cancelled.
                None: the policy's `statement_timeout`, if the session has one.
            progress: called with each result, how many there are by now, and of how many.

        Raises:
            InterfaceError: a name stands twice, or has no text. As the reading of `columns`.
        """
        gathering = Gathering(
            self._links,
            names,
            sql,
            columns,
            together=limit,
            timeout=self._patience if timeout is None else timeout,
            progress=progress,
        )
        return Gather(gathering, self)

    # -- the local database -----------------------------------------------------------------

    def dblink_get_pkey(self, relname: str | None) -> list[tuple[int, str]]:
        """Return (position, colname) of each column of a local table's primary key, in its order.

        Raises: the local server's errors (42P01, 42602, 42501 …); InterfaceError: no local=.
        """
        return [] if relname is None else self._run(self._here().get_pkey(relname))

    def dblink_build_sql_insert(
        self,
        relname: str | None,
        attributes: Vector | None,
        number: int | None,
        source: Array | None,
        target: Array | None,
    ) -> str | None:
        """Return an INSERT of a local row, found by the source key, with the target key's values.

        Args:
            attributes: 1-based numbers of the key columns, "1 2" or a sequence.
            number: how many of them count.
            source, target: the key's values as text; None is NULL.

        Raises: 22023, 2202E, 21000; the local server's errors; InterfaceError: no local=.
        """
        if None in (relname, attributes, number, source, target):
            return None
        build = self._here().build_insert
        return self._run(build(relname, attributes, number, source, target))  # type: ignore[arg-type]  # None was looked for

    def dblink_build_sql_update(
        self,
        relname: str | None,
        attributes: Vector | None,
        number: int | None,
        source: Array | None,
        target: Array | None,
    ) -> str | None:
        """As `dblink_build_sql_insert`: an UPDATE of the row with the target key."""
        if None in (relname, attributes, number, source, target):
            return None
        build = self._here().build_update
        return self._run(build(relname, attributes, number, source, target))  # type: ignore[arg-type]  # None was looked for

    def dblink_build_sql_delete(
        self,
        relname: str | None,
        attributes: Vector | None,
        number: int | None,
        target: Array | None,
    ) -> str | None:
        """As `dblink_build_sql_insert`: a DELETE of the row with the target key; no row is read."""
        if None in (relname, attributes, number, target):
            return None
        build = self._here().build_delete
        return self._run(build(relname, attributes, number, target))  # type: ignore[arg-type]  # None was looked for

    # -- the end ----------------------------------------------------------------------------

    def close(self) -> None:
        """Close every link. The session can be used again."""
        self._run(self._links.close())

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def _open(plan: Plan) -> Connection:
    return Connection.open(plan, autocommit=True)


class Gather:
    """The results of `Session.gather`, an iterator.

    Leaving it early is `close()`, or `with`: what runs is cancelled, and the links are free again.
    """

    def __init__(self, gathering: Gathering, session: Session) -> None:
        self._gathering = gathering
        self._session = session

    def __iter__(self) -> Iterator[Gathered]:
        return self

    def __next__(self) -> Gathered:
        found = self.fetchone()
        if found is None:
            raise StopIteration
        return found

    def fetchone(self) -> Gathered | None:
        """Return the next result, or None when there are no more."""
        return self._session._run(self._gathering.next())  # noqa: SLF001 - the face's other half

    def fetchall(self) -> list[Gathered]:
        """Return all results that are left, in the order in which they came."""
        return self._session._run(self._gathering.rest())  # noqa: SLF001

    def close(self) -> None:
        """Give up what has not answered."""
        self._session._run(self._gathering.close())  # noqa: SLF001

    def __enter__(self) -> Gather:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class LinkRows:
    """A result of a link: an iterator over its rows, tuples.

    A small result is whole when it is handed out, and its link free. A big one streams: until it
    is read to its end or closed, its link is busy. Leaving it early is `close()`, or `with`.
    """

    def __init__(self, rows: Rows | None, session: Session) -> None:
        self._rows = rows
        self._session = session

    @property
    def column_names(self) -> list[str]:
        """The columns' names: the declared ones, or the result's own."""
        return [] if self._rows is None else list(self._rows.reading.names)

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return self

    def __next__(self) -> tuple[Any, ...]:
        row = self.fetchone()
        if row is None:
            raise StopIteration
        return row

    def fetchone(self) -> tuple[Any, ...] | None:
        """Return the next row, or None at the end. Raises as `Session.dblink`."""
        row = None if self._rows is None else self._rows.ready()
        if row is None:
            found = self.fetchmany(1)
            row = found[0] if found else None
        return row

    def fetchmany(self, count: int) -> list[tuple[Any, ...]]:
        """Return at most `count` rows; an empty list at the end."""
        rows = self._rows
        if rows is None:
            return []
        return self._session._run(rows.some(count))  # noqa: SLF001 - the face's other half

    def fetchall(self) -> list[tuple[Any, ...]]:
        """Return all rows that are left."""
        rows = self._rows
        return [] if rows is None else self._session._run(rows.rest())  # noqa: SLF001

    def close(self) -> None:
        """Give up what was not read; the link is free again."""
        if self._rows is not None:
            self._session._run(self._rows.close())  # noqa: SLF001

    def __enter__(self) -> LinkRows:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
