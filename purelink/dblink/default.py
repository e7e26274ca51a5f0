"""dblink's functions as functions of the module, on a default session, as in SQL.

Floor 5. Each thread has a session of its own, as each backend has in PostgreSQL: not a superuser's,
until `use_session` chooses another for the context (a thread, or a task and those it starts). The
default session's links are closed with the thread, or at the end of the program.
"""

from __future__ import annotations

import threading
from contextvars import ContextVar
from typing import TYPE_CHECKING, Optional
from weakref import finalize

from ..errors import InterfaceError
from .session import LinkRows, Session

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from .columns import Columns
    from .gathering import Progress
    from .ledger import Ledger
    from .opening import Link
    from .session import Gather
    from .statements import Array, Vector

__all__ = [
    "current_session",
    "dblink",
    "dblink_build_sql_delete",
    "dblink_build_sql_insert",
    "dblink_build_sql_update",
    "dblink_cancel_query",
    "dblink_close",
    "dblink_connect",
    "dblink_connect_u",
    "dblink_current_query",
    "dblink_disconnect",
    "dblink_error_message",
    "dblink_exec",
    "dblink_fdw_validator",
    "dblink_fetch",
    "dblink_get_connections",
    "dblink_get_notify",
    "dblink_get_pkey",
    "dblink_get_result",
    "dblink_is_busy",
    "dblink_open",
    "dblink_send_query",
    "gather",
    "use_session",
]

_chosen: ContextVar[Optional[Session]] = ContextVar("purelink_dblink_session", default=None)
_own = threading.local()


def use_session(session: Session | None) -> Session:
    """Choose whose session the functions of this module are; return it.

    Args:
        session: for this context from now on; None: the thread's own again.

    `with use_session(Session(superuser=True)):` closes its links at the end of the block; it stays
    the chosen one, and can be used again.

    Raises:
        InterfaceError: it is no `Session`. An `AsyncSession` has the functions as its methods.
    """
    if session is not None and not isinstance(session, Session):
        raise InterfaceError(
            "use_session takes a Session; the functions of an AsyncSession are its methods, to be"
            " awaited"
        )
    _chosen.set(session)
    return current_session()


def current_session() -> Session:
    """Return the session whose the functions of this module are now."""
    session = _chosen.get()
    if session is None:
        session = getattr(_own, "session", None)
    if session is None:
        session = _own.session = Session()
        # With the thread, or the program, the session ends, and everything is closed.
        finalize(session, _closed, session._links.ledger)  # noqa: SLF001 - the face's other half
    return session


def _closed(ledger: Ledger[Link]) -> None:
    for link in ledger.drain():
        link.close()


def dblink_connect(*args: str | None) -> str | None:
    """As `Session.dblink_connect`."""
    return current_session().dblink_connect(*args)


def dblink_connect_u(*args: str | None) -> str | None:
    """As `Session.dblink_connect_u`."""
    return current_session().dblink_connect_u(*args)


def dblink_disconnect(*args: str | None) -> str | None:
    """As `Session.dblink_disconnect`."""
    return current_session().dblink_disconnect(*args)


def dblink_get_connections() -> list[str] | None:
    """As `Session.dblink_get_connections`."""
    return current_session().dblink_get_connections()


def dblink_error_message(connname: str | None) -> str | None:
    """As `Session.dblink_error_message`."""
    return current_session().dblink_error_message(connname)


def dblink(*args: str | bool | None, columns: Columns = None) -> LinkRows:
    """As `Session.dblink`."""
    return current_session().dblink(*args, columns=columns)


def dblink_exec(*args: str | bool | None) -> str | None:
    """As `Session.dblink_exec`."""
    return current_session().dblink_exec(*args)


def dblink_open(*args: str | bool | None) -> str | None:
    """As `Session.dblink_open`."""
    return current_session().dblink_open(*args)


def dblink_fetch(*args: str | int | None, columns: Columns = None) -> LinkRows:
    """As `Session.dblink_fetch`."""
    return current_session().dblink_fetch(*args, columns=columns)


def dblink_close(*args: str | bool | None) -> str | None:
    """As `Session.dblink_close`."""
    return current_session().dblink_close(*args)


def dblink_send_query(connname: str | None, sql: str | None) -> int | None:
    """As `Session.dblink_send_query`."""
    return current_session().dblink_send_query(connname, sql)


def dblink_is_busy(connname: str | None) -> int | None:
    """As `Session.dblink_is_busy`."""
    return current_session().dblink_is_busy(connname)


def dblink_get_result(
    connname: str | None, fail: bool | None = True, *, columns: Columns = None
) -> LinkRows:
    """As `Session.dblink_get_result`."""
    return current_session().dblink_get_result(connname, fail, columns=columns)


def dblink_cancel_query(connname: str | None) -> str | None:
    """As `Session.dblink_cancel_query`."""
    return current_session().dblink_cancel_query(connname)


def dblink_get_notify(*args: str | None) -> list[tuple[str, int, str]]:
    """As `Session.dblink_get_notify`."""
    return current_session().dblink_get_notify(*args)


def dblink_get_pkey(relname: str | None) -> list[tuple[int, str]]:
    """As `Session.dblink_get_pkey`."""
    return current_session().dblink_get_pkey(relname)


def dblink_build_sql_insert(
    relname: str | None,
    attributes: Vector | None,
    number: int | None,
    source: Array | None,
    target: Array | None,
) -> str | None:
    """As `Session.dblink_build_sql_insert`."""
    return current_session().dblink_build_sql_insert(relname, attributes, number, source, target)


def dblink_build_sql_update(
    relname: str | None,
    attributes: Vector | None,
    number: int | None,
    source: Array | None,
    target: Array | None,
) -> str | None:
    """As `Session.dblink_build_sql_update`."""
    return current_session().dblink_build_sql_update(relname, attributes, number, source, target)


def dblink_build_sql_delete(
    relname: str | None, attributes: Vector | None, number: int | None, target: Array | None
) -> str | None:
    """As `Session.dblink_build_sql_delete`."""
    return current_session().dblink_build_sql_delete(relname, attributes, number, target)


def gather(
    names: Iterable[str] | None,
    sql: str | Mapping[str, str],
    *,
    columns: Columns = None,
    limit: int | None = None,
    timeout: float | None = None,
    progress: Progress | None = None,
) -> Gather:
    """As `Session.gather`."""
    return current_session().gather(
        names, sql, columns=columns, limit=limit, timeout=timeout, progress=progress
    )


def dblink_current_query() -> str | None:
    """As `Session.dblink_current_query`."""
    return current_session().dblink_current_query()


def dblink_fdw_validator(options: str | Sequence[str] | None, catalog: int | str | None) -> None:
    """As `Session.dblink_fdw_validator`."""
    current_session().dblink_fdw_validator(options, catalog)
