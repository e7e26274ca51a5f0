"""dblink for Python programs: a session with one unnamed and many named connections.

    from purelink.dblink import Session, dblink, dblink_connect, use_session

    use_session(Session(superuser=True))
    dblink_connect("myconn", "dbname=postgres")
    for a, b in dblink("myconn", "SELECT 1, 'one'", columns="a int, b text"):
        print(a, b)

Here are dblink's functions by their own names, on a default session (`default`); `Session` and
`AsyncSession` have them as methods. `Catalog` holds foreign servers, user mappings and grants.
Each name is loaded when it is first asked for.
"""

from __future__ import annotations

# `typing` alone costs more than all of this module; type checkers take the name for true.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .aio import AsyncGather as AsyncGather
    from .aio import AsyncLinkRows as AsyncLinkRows
    from .aio import AsyncSession as AsyncSession
    from .catalog import Catalog as Catalog
    from .default import current_session as current_session
    from .default import dblink as dblink
    from .default import dblink_build_sql_delete as dblink_build_sql_delete
    from .default import dblink_build_sql_insert as dblink_build_sql_insert
    from .default import dblink_build_sql_update as dblink_build_sql_update
    from .default import dblink_cancel_query as dblink_cancel_query
    from .default import dblink_close as dblink_close
    from .default import dblink_connect as dblink_connect
    from .default import dblink_connect_u as dblink_connect_u
    from .default import dblink_current_query as dblink_current_query
    from .default import dblink_disconnect as dblink_disconnect
    from .default import dblink_error_message as dblink_error_message
    from .default import dblink_exec as dblink_exec
    from .default import dblink_fdw_validator as dblink_fdw_validator
    from .default import dblink_fetch as dblink_fetch
    from .default import dblink_get_connections as dblink_get_connections
    from .default import dblink_get_notify as dblink_get_notify
    from .default import dblink_get_pkey as dblink_get_pkey
    from .default import dblink_get_result as dblink_get_result
    from .default import dblink_is_busy as dblink_is_busy
    from .default import dblink_open as dblink_open
    from .default import dblink_send_query as dblink_send_query
    from .default import gather as gather
    from .default import use_session as use_session
    from .gathering import Gathered as Gathered
    from .session import Gather as Gather
    from .session import LinkRows as LinkRows
    from .session import Session as Session

_HOMES = {
    ".aio": ("AsyncGather", "AsyncLinkRows", "AsyncSession"),
    ".catalog": ("Catalog",),
    ".default": (
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
    ),
    ".gathering": ("Gathered",),
    ".session": ("Gather", "LinkRows", "Session"),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [*_HOME]  # noqa: PLE0604 - names and their homes are told once, above


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(home, __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
