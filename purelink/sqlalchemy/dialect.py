"""The dialect `postgresql+purelink`: SQLAlchemy's PostgreSQL over purelink's cursors.

Floor 6. The URL's query goes to the connection-string layer as it is; what SQLAlchemy writes
(`%(name)s`) is bound on the server. A ping is a look at the socket, without a round trip.
"""

from __future__ import annotations

import itertools
import logging
import sys
from typing import TYPE_CHECKING, Any, Callable
from weakref import WeakKeyDictionary, WeakSet

from sqlalchemy import exc
from sqlalchemy.dialects.postgresql.base import PGDialect, PGExecutionContext

from .. import errors
from ..values import oids
from .types import COLSPECS, timedelta_of

if TYPE_CHECKING:
    from sqlalchemy import URL

__all__ = ["Dialect"]

_log = logging.getLogger("sqlalchemy.dialects.postgresql")
_numbers = itertools.count(1)

#: Arguments of `connect` that are no keywords of libpq, and what a URL's text becomes there.
_ARGUMENTS: dict[str, Callable[[str], Any]] = {
    "statement_cache_size": int,
    "timeout": float,
}
LEVELS = (
    "AUTOCOMMIT",
    "READ COMMITTED",
    "READ UNCOMMITTED",
    "REPEATABLE READ",
    "SERIALIZABLE",
)


class ExecutionContext(PGExecutionContext):
    """Opens a named cursor for what is streamed (`stream_results`, `yield_per`)."""

    def pre_exec(self) -> None:
        """Look whether this engine has changed the schema since the connection was used last."""
        super().pre_exec()  # type: ignore[no-untyped-call]
        connection: Any = self._dbapi_connection
        dialect: Any = self.dialect
        dialect.look(connection.talk, changes=self.isddl)

    def create_server_side_cursor(self) -> Any:
        """Return a cursor whose rows stay on the server until they are fetched."""
        connection: Any = self._dbapi_connection
        return connection.cursor(f"purelink_sa_{next(_numbers)}")


class Dialect(PGDialect):
    """`postgresql+purelink`."""

    driver = "purelink"
    default_paramstyle = "pyformat"
    supports_statement_cache = True
    supports_server_side_cursors = True
    supports_sane_multi_rowcount = True
    supports_native_json_deserialization = True
    dialect_injects_custom_json_deserializer = True
    execution_ctx_cls = ExecutionContext
    colspecs = {**PGDialect.colspecs, **COLSPECS}  # noqa: RUF012 - SQLAlchemy's way

    def __init__(self, **keywords: Any) -> None:
        super().__init__(**keywords)  # type: ignore[no-untyped-call]
        self._changes = 0
        self._seen: WeakKeyDictionary[Any, int] = WeakKeyDictionary()
        self._changing: WeakSet[Any] = WeakSet()

    def look(self, talk: Any, *, changes: bool) -> None:
        """Have a connection prepare its statements anew if this engine's DDL made them stale.

        A connection sees its own; what another one of the engine did would be `StaleStatement` in
        a transaction.
        """
        if changes:
            self._changes += 1
            self._changing.add(talk)
        if self._seen.get(talk) != self._changes:
            self._seen[talk] = self._changes
            talk.statements.renew()

    def do_commit(self, dbapi_connection: Any) -> None:
        """Commit; what was changed in there, others see from now on."""
        super().do_commit(dbapi_connection)  # type: ignore[no-untyped-call]
        if dbapi_connection.talk in self._changing:
            self._changing.discard(dbapi_connection.talk)
            self._changes += 1

    @classmethod
    def import_dbapi(cls) -> Any:
        """Return purelink itself: the package is PEP 249's module."""
        return sys.modules[__package__.rpartition(".")[0]]

    @classmethod
    def get_async_dialect_cls(cls, url: URL) -> Any:  # noqa: ARG003 - SQLAlchemy's
        """Return the dialect that `create_async_engine` uses."""
        from . import AsyncDialect

        return AsyncDialect

    # -- connecting -------------------------------------------------------------------------

    def create_connect_args(self, url: URL) -> Any:
        """Return the arguments of `connect`: the URL's parts, and its query untouched.

        Raises:
            ArgumentError: ports are given twice, or a number is none.
        """
        given: dict[str, Any] = url.translate_connect_args(username="user", database="dbname")
        if "port" in given:
            given["port"] = str(given["port"])
        for name, value in url.query.items():
            if name == "host":
                given.update(_hosts(value, url))
            else:
                given[name] = value if isinstance(value, str) else ",".join(value)
        for name, kind in _ARGUMENTS.items():
            if name in given:
                try:
                    given[name] = kind(given[name])
                except ValueError:
                    raise exc.ArgumentError(f"{name} is no number: {given[name]!r}") from None
        return ([], given)

    def on_connect(self) -> Any:
        """Return what is done with a new connection."""
        own: dict[int, Callable[[str], Any]] = {oids.INTERVAL: timedelta_of}
        if self._json_deserializer is not None:
            own.update(dict.fromkeys((oids.JSON, oids.JSONB), self._json_deserializer))
        if self._native_inet_types is False:
            own.update(dict.fromkeys((oids.INET, oids.CIDR), str))

        def connected(dbapi_connection: Any) -> None:
            dbapi_connection.notice_handlers.append(_log_notice)
            for oid, decoder in own.items():
                dbapi_connection.talk.registry.overlay(oid, decoder)

        return connected

    def do_ping(self, dbapi_connection: Any) -> bool:
        """Tell, without a round trip, whether the connection stands (`pool_pre_ping`)."""
        return bool(dbapi_connection.is_alive())

    def is_disconnect(self, e: Any, connection: Any, cursor: Any) -> bool:  # noqa: ARG002
        """Tell whether the connection is over: it knows that itself."""
        if isinstance(e, (errors.ConnectionLost, errors.RemoteProtocolError)):
            return True
        return isinstance(e, errors.Error) and connection is not None and connection.closed

    # -- transactions -----------------------------------------------------------------------

    def get_isolation_level_values(self, dbapi_conn: Any) -> Any:  # noqa: ARG002
        """Return the levels that there are."""
        return LEVELS

    def set_isolation_level(self, dbapi_connection: Any, level: str) -> None:
        """Set the level of the transactions to come."""
        dbapi_connection.autocommit = level == "AUTOCOMMIT"
        dbapi_connection.isolation_level = None if level == "AUTOCOMMIT" else level

    def get_isolation_level(self, dbapi_connection: Any) -> Any:
        """Return the level that the server tells, leaving no transaction behind."""
        idle = dbapi_connection.transaction_status == "idle"
        level = super().get_isolation_level(dbapi_connection)  # type: ignore[no-untyped-call]
        if idle:
            dbapi_connection.rollback()
        return level

    def detect_autocommit_setting(self, dbapi_connection: Any) -> bool:
        """Tell whether the connection is in autocommit."""
        return bool(dbapi_connection.autocommit)

    def set_readonly(self, connection: Any, value: Any) -> None:
        """Let the transactions to come be READ ONLY, or not."""
        connection.read_only = value

    def get_readonly(self, connection: Any) -> Any:
        """Return what was set."""
        return connection.read_only

    def set_deferrable(self, connection: Any, value: Any) -> None:
        """Let the transactions to come be DEFERRABLE, or not."""
        connection.deferrable = value

    def get_deferrable(self, connection: Any) -> Any:
        """Return what was set."""
        return connection.deferrable

    # -- two phases -------------------------------------------------------------------------

    def do_begin_twophase(self, connection: Any, xid: Any) -> None:
        """Begin a two-phase transaction."""
        connection.connection.tpc_begin(xid)

    def do_prepare_twophase(self, connection: Any, xid: Any) -> None:  # noqa: ARG002
        """Do the first phase."""
        connection.connection.tpc_prepare()

    def do_rollback_twophase(
        self,
        connection: Any,
        xid: Any,
        is_prepared: bool = True,  # noqa: ARG002
        recover: bool = False,
    ) -> None:
        """Roll back this connection's, or one that was recovered."""
        _second(connection.connection, "tpc_rollback", xid if recover else None)

    def do_commit_twophase(
        self,
        connection: Any,
        xid: Any,
        is_prepared: bool = True,  # noqa: ARG002
        recover: bool = False,
    ) -> None:
        """Commit this connection's, or one that was recovered."""
        _second(connection.connection, "tpc_commit", xid if recover else None)

    def do_recover_twophase(self, connection: Any) -> Any:
        """Return the transactions that were prepared and not ended."""
        return [str(xid) for xid in connection.connection.tpc_recover()]


def _second(dbapi_connection: Any, verb: str, xid: Any) -> None:
    if xid is None:
        getattr(dbapi_connection, verb)()
        return
    if dbapi_connection.in_transaction:
        dbapi_connection.rollback()
    getattr(dbapi_connection, verb)(xid)


def _hosts(value: Any, url: URL) -> dict[str, str]:
    """Return host and port of the URL's query: libpq's lists, or SQLAlchemy's `host:port` each."""
    items = value.split(",") if isinstance(value, str) else list(value)
    if not any(_has_port(item) for item in items):
        return {"host": ",".join(items)}
    if "port" in url.query:
        raise exc.ArgumentError("ports are given twice: in host=, and in port=")
    pairs = [item.rpartition(":") if _has_port(item) else (item, "", "") for item in items]
    return {
        "host": ",".join(host for host, _, _ in pairs),
        "port": ",".join(port for _, _, port in pairs),
    }


def _has_port(item: str) -> bool:
    return item.count(":") == 1 and not item.startswith(("/", "@"))


def _log_notice(notice: Any) -> None:
    _log.info("%s: %s", notice.severity, notice.message_primary)
