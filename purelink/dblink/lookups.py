"""What a session asks of a catalog, as conversations: one that a program filled, or the live one.

Floor 4, pure. `Filled` answers out of a `Catalog` at once; `LocalCatalog` asks the system catalogs
of the local connection, as the role that it has at that moment. Both give dblink's answers and
raise its errors: a foreign server's connection string, and as whom dblink_connect_u connects.

Source: contrib/dblink/dblink.c (get_connect_string); GetUserMapping; the view pg_user_mappings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn, Optional, Protocol, Tuple

from ..conversation.outcomes import unfit
from ..values.input import input_function
from . import refusals, rules
from .ledger import clip
from .local import Local, Role
from .options import ForeignServer, compose

if TYPE_CHECKING:
    from ..wire.wants import Dialogue
    from .catalog import Catalog

__all__ = ["Filled", "LocalCatalog", "Lookups"]

Keys = Optional[Tuple[bytes, bytes]]


class Lookups(Protocol):
    """What both kinds of catalog are asked."""

    def conninfo(self, name: str, role: Role, scram_keys: Keys) -> Dialogue[str | None]:
        """Return the connection string of a foreign server, or None: there is no such server.

        Args:
            name: clipped silently, compared exactly.
            role: whose mapping (or else PUBLIC's) and USAGE count; a superuser needs no USAGE.
            scram_keys: the session's, for use_scram_passthrough.

        Raises:
            LinkProgrammingError: 42704 no mapping, then 42501 no USAGE.
        """

    def connect_u(self, overload: str, role: Role) -> Dialogue[Role]:
        """Return as whom dblink_connect_u connects: its owner.

        Args:
            overload: "dblink_connect_u(text)" or "dblink_connect_u(text,text)".
            role: the caller, who must have EXECUTE.

        Raises:
            LinkProgrammingError: 42501 without it.
        """


class Filled:
    """A catalog that the program filled in."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog

    def conninfo(self, name: str, role: Role, scram_keys: Keys) -> Dialogue[str | None]:
        """As `Lookups.conninfo`."""
        yield from ()
        return self.catalog.conninfo(
            name, role.user, superuser=role.superuser, scram_keys=scram_keys
        )

    def connect_u(self, overload: str, role: Role) -> Dialogue[Role]:
        """As `Lookups.connect_u`."""
        yield from ()
        if not self.catalog.may_execute(overload, role.user, superuser=role.superuser):
            raise refusals.connect_u_refused()
        return Role(self.catalog.owner, superuser=True)


# One row: the server; the role's mapping, or else PUBLIC's; USAGE; the wrapper. A mapping's options
# are not for everybody to see: the view tells NULL then, and so it tells where there are none. The
# last column is the view's own condition.
_SERVER = """\
SELECT s.srvname, w.fdwoptions, s.srvoptions, m.umuser, m.umoptions,
    pg_catalog.has_server_privilege(CAST($2 AS pg_catalog.name), s.oid, 'USAGE'),
    COALESCE(r.rolsuper, FALSE)
        OR (m.umuser OPERATOR(pg_catalog.=) 0 AND pg_catalog.pg_has_role(s.srvowner, 'USAGE'))
        OR (m.umuser OPERATOR(pg_catalog.<>) 0 AND m.usename OPERATOR(pg_catalog.=) CURRENT_USER
            AND (pg_catalog.pg_has_role(s.srvowner, 'USAGE')
                OR pg_catalog.has_server_privilege(s.oid, 'USAGE')))
FROM pg_catalog.pg_foreign_server s
    JOIN pg_catalog.pg_foreign_data_wrapper w ON w.oid OPERATOR(pg_catalog.=) s.srvfdw
    LEFT JOIN pg_catalog.pg_roles r ON r.rolname OPERATOR(pg_catalog.=) CURRENT_USER
    LEFT JOIN pg_catalog.pg_user_mappings m ON m.srvid OPERATOR(pg_catalog.=) s.oid
        AND (m.umuser OPERATOR(pg_catalog.=) 0
            OR m.usename OPERATOR(pg_catalog.=) CAST($2 AS pg_catalog.name))
WHERE s.srvname OPERATOR(pg_catalog.=) CAST($1 AS pg_catalog.name)
ORDER BY m.umuser DESC NULLS LAST LIMIT 1"""

# A right that only comes of being a superuser counts where the session is one.
_CONNECT_U = """\
SELECT pg_catalog.has_function_privilege(CAST($1 AS pg_catalog.name), p.oid, 'EXECUTE')
        AND NOT COALESCE(c.rolsuper, FALSE), r.rolname, r.rolsuper
FROM pg_catalog.pg_extension e
    JOIN pg_catalog.pg_proc p ON p.pronamespace OPERATOR(pg_catalog.=) e.extnamespace
    JOIN pg_catalog.pg_roles r ON r.oid OPERATOR(pg_catalog.=) p.proowner
    LEFT JOIN pg_catalog.pg_roles c ON c.rolname OPERATOR(pg_catalog.=) CAST($1 AS pg_catalog.name)
WHERE e.extname OPERATOR(pg_catalog.=) 'dblink'
    AND p.proname OPERATOR(pg_catalog.=) 'dblink_connect_u'
    AND p.pronargs OPERATOR(pg_catalog.=) CAST($2 AS pg_catalog.int2)"""

_TEXT_ARRAY = 1009


class LocalCatalog:
    """The catalog of the local database: pg_foreign_server, pg_user_mappings, pg_proc.

    Args:
        local: the session's local database. version: whose texts: 15 to 18, or None.

    Difference from the extension: it reads pg_user_mapping as the server itself does, we read
    what the view pg_user_mappings shows to the local role. Options that it hides are a 42501.

    Every conversation may raise what a query does: the local server's errors, ConnectionLost.
    """

    def __init__(self, local: Local, version: int | None = None) -> None:
        self._local = local
        self._version = version

    def lookup(self, name: str, role: Role) -> Dialogue[ForeignServer | None]:
        """Return the foreign server as the role sees it. Source: get_connect_string."""
        found = yield from self._local.asked(_SERVER, clip(name)[0], role.user, width=7)
        if not found:
            return None
        server, wrapper_options, server_options, mapped, mapping_options, usage, seen = found[0]
        if mapped is None:
            raise rules.mapping_missing(role.user, str(server), self._version)
        if not (role.superuser or usage == "t"):
            raise refusals.server_refused(server)
        if seen != "t":
            raise refusals.mapping_hidden("public" if mapped == "0" else role.user, server)
        return ForeignServer(
            str(server),
            _options(wrapper_options),
            _options(server_options),
            _options(mapping_options),
        )

    def conninfo(self, name: str, role: Role, scram_keys: Keys) -> Dialogue[str | None]:
        """As `Lookups.conninfo`."""
        server = yield from self.lookup(name, role)
        if server is None:
            return None
        return compose(server, version=self._version, scram_keys=scram_keys)

    def connect_u(self, overload: str, role: Role) -> Dialogue[Role]:
        """As `Lookups.connect_u`; without the extension only a superuser may, as himself."""
        count = str(overload.count("text"))
        found = yield from self._local.asked(_CONNECT_U, role.user, count, width=3)
        if not (role.superuser or (found and found[0][0] == "t")):
            raise refusals.connect_u_refused()
        if not found:
            return role
        return Role(str(found[0][1]), found[0][2] == "t")

    def __repr__(self) -> str:
        return f"<LocalCatalog of {self._local.link!r}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a LocalCatalog cannot be pickled: it holds a connection")


def _options(text: str | None) -> dict[str, str]:
    """Return `{name=value,…}` as a mapping."""
    if text is None:
        return {}
    pairs: list[str] = input_function(_TEXT_ARRAY)(text)  # type: ignore[assignment]  # of text[]
    if not all(isinstance(pair, str) and "=" in pair for pair in pairs):
        raise unfit()
    return dict(pair.split("=", 1) for pair in pairs)
