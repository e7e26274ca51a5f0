"""The live catalog beside the real extension: the same SQL, the same roles, the same answers.

The checks of foreign servers, rights and roles once more, with a session whose catalog is that of
its local database. It is told who calls in two ways: by SET ROLE on the local connection, and, on a
superuser's local connection, by `user` and `superuser`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable

import pytest

import purelink
from purelink.dblink.aio import AsyncSession
from purelink.dblink.session import Session
from purelink.errors import InterfaceError
from tests.cluster import PASSWORD
from tests.conformance import test_dblink_checks_connecting as connecting
from tests.conformance import test_dblink_checks_servers as servers
from tests.conformance.dblink_pair import FACES, Ours, Outcome, Real, Side, played, psycopg, said
from tests.conformance.test_dblink_checks_servers import mapping, server, usage

if TYPE_CHECKING:
    from purelink.dblink.catalog import Catalog

pytestmark = pytest.mark.server

WAYS = ("set role", "user")


class Live(Ours):
    """A session bound to a local connection, a superuser's, to `loc`."""

    def __init__(self, server: Any, face: str, way: str) -> None:
        super().__init__(server, face)
        self.way = way
        kind: Any
        if face == "Session":
            self.link: Any = purelink.connect(server.dsn, dbname="loc", autocommit=True)
            kind = Session
        else:
            self.link = self.finish(purelink.aconnect(server.dsn, dbname="loc", autocommit=True))
            kind = AsyncSession
        version = self.observer.info.server_version // 10000
        self.session = kind(superuser=None, dblink_version=version, local=self.link)
        self.session.notice_handlers.append(lambda one: self.notices.append(said(one)))
        self.link.notice_handlers.append(lambda one: self.notices.append(said(one)))

    def role(self, name: str | None) -> None:
        if self.way == "set role":
            self.local("reset role" if name is None else f"set role {name}")
        else:
            self.session.user = name

    def local(self, sql: str) -> None:
        self.finish(self.link.query(sql))

    def ddl(self, sql: str, call: Callable[[Catalog], Any]) -> Outcome:
        return self._noted(sql, lambda: self.local(sql))

    def close(self) -> None:
        self.finish(self.link.close())
        super().close()


SCRIPTS = [
    connecting.test_039_unknown_name,
    connecting.test_040_open_link_serves_everybody,
    connecting.test_041_connect_u_is_granted_by_overload,
    connecting.test_042_set_role_counts,
    servers.test_045_superusers_need_a_mapping_too,
    servers.test_047_options_that_may_not_stand_there,
    servers.test_049_values_arrive_unchanged,
    servers.test_050_database_and_trailing_backslash,
    servers.test_051_mapping_password_that_nobody_asks_for,
    servers.test_052_server_of_another_wrapper,
    servers.test_053_wrapper_without_validator,
    servers.test_054_server_names_are_exact,
    servers.test_054b_names_servers_strings_in_that_order,
]


def rights(d: Side) -> None:
    """Mapping first, then USAGE; by membership too, and lost again."""
    with server(d):
        d.role("plain")
        missing = 'user mapping not found for user "plain", server "srv"'
        d.connect("c", "srv").raises("42704", missing)
        d.role(None)
        mapping(d, user="u_scram", password=PASSWORD)
        d.role("plain")
        d.connect("c", "srv").raises("42501", "permission denied for foreign server srv")
        d.role(None)
        d.local("create role readers")
        try:
            usage(d, "readers")
            d.local("grant readers to plain")
            d.role("plain")
            d.rows("srv", "select session_user").gives(("u_scram",))
            d.connect("c", "srv").gives("OK")
            d.role(None)
            d.local("revoke readers from plain")
            d.role("plain")
            d.connect("d", "srv").raises("42501", "permission denied for foreign server srv")
            # an open one is everybody's
            d.rows("c", "select session_user").gives(("u_scram",))
            d.role(None)
            usage(d, "public")
            d.role("plain")
            d.rows("srv", "select session_user").gives(("u_scram",))
        finally:
            d.role(None)
            d.local("revoke usage on foreign server srv from readers")
            d.local("drop role readers")


def owners(d: Side) -> None:
    """A server's owner needs no grant, and sees the mapping of PUBLIC."""
    with server(d):
        mapping(d, "public", user="u_scram", password=PASSWORD)
        d.local("grant usage on foreign data wrapper dblink_fdw to plain")
        try:
            d.local("alter server srv owner to plain")
            d.role("plain")
            d.rows("srv", "select session_user").gives(("u_scram",))
            d.role(None)
            d.local(f"alter server srv owner to {d.server.superuser}")
        finally:
            d.role(None)
            d.local("revoke usage on foreign data wrapper dblink_fdw from plain")


def long_names(d: Side) -> None:
    """A name is clipped before it is looked for, as a server's is when it is made."""
    name = "é" * 40
    with server(d, f'"{"é" * 31}"'):
        mapping(d, "public", f'"{"é" * 31}"', user=d.server.superuser)
        d.rows(name, "select current_database()").gives(("rem",))


def changes_at_once(d: Side) -> None:
    """What is altered counts for the next call."""
    with server(d):
        mapping(d, "public", user="u_scram", password=PASSWORD)
        d.rows("srv", "select current_database()").gives(("rem",))
        d.local("alter server srv options (set dbname 'loc')")
        d.rows("srv", "select current_database()").gives(("loc",))
        d.local("alter user mapping for public server srv options (set user 'u_md5')")
        d.rows("srv", "select session_user").gives(("u_md5",))


SCRIPTS += [rights, owners, long_names, changes_at_once]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: str(script.__name__))
def test_like_the_extension(script: Any, face: str, way: str, server: Any) -> None:
    release = tuple(int(part) for part in server.version.split("."))
    if not (18, 6) <= release < (19,):
        pytest.skip(f"server {server.version}: the checks have 18.6's words")
    told = getattr(script, "script", script)
    real, ours = played(Real(server), told), played(Live(server, face, way), told)
    for expected, found in zip(real, ours):
        assert found == expected, f"\n  real: {expected}\n  ours: {found}"
    assert len(real) == len(ours)


def test_a_mapping_that_the_role_may_not_see(server: Any) -> None:
    """A named difference: pg_user_mappings hides PUBLIC's options from who does not own the server.

    With a superuser's local connection and `user` they are there, and USAGE still counts.
    """
    live = Live(server, "Session", "set role")
    try:
        with servers.server(live):
            mapping(live, "public", user="u_scram", password=PASSWORD)
            usage(live)
            live.role("plain")
            live.rows("srv", "select 1").raises(
                "42501",
                'permission denied to read the options of user mapping "public" for server "srv"',
            )
            live.role(None)
            live.session.user, live.session.superuser = "plain", False
            live.rows("srv", "select session_user").gives(("u_scram",))
    finally:
        live.close()


def test_a_session_is_no_superuser_unless_it_is_said(server: Any) -> None:
    """Neither because its local connection is one: by default nothing of ours is lent."""
    local = purelink.connect(server.dsn, dbname="loc", autocommit=True)
    with local, Session(local=local) as session:
        assert (session.user, session.superuser) == (None, False)
        for call in (session.dblink_connect, session.dblink_connect_u):
            with pytest.raises(purelink.LinkError):
                call(f"host={server.host} port={server.port} dbname=rem user=plain")
        with pytest.raises(InterfaceError, match="by SQL there"):
            session.catalog.create_server("s")
    with pytest.raises(InterfaceError, match="asks the local connection"):
        Session(superuser=None)
    with pytest.raises(InterfaceError, match="must be a AsyncConnection, not a Connection"):
        AsyncSession(local=local)


@pytest.mark.parametrize("face", FACES)
def test_pass_through_with_the_local_connections_own_keys(face: str, server: Any) -> None:
    """The role logs in to the local database by SCRAM; no stored password is needed beyond."""
    with psycopg.connect(server.dsn, dbname="loc", autocommit=True) as admin:
        if admin.info.server_version < 180000:
            pytest.skip("pass-through is 18's")
        place = f"host '127.0.0.1', port '{server.port}', dbname 'rem'"
        admin.execute(
            f"create server passing_live foreign data wrapper dblink_fdw"
            f" options ({place}, use_scram_passthrough 'true')"
        )
        try:
            admin.execute("grant usage on foreign server passing_live to u_scram")
            admin.execute(
                "create user mapping for u_scram server passing_live options (user 'u_scram')"
            )
            text = f"host=127.0.0.1 port={server.port} dbname=loc user=u_scram password={PASSWORD}"
            with psycopg.connect(text, autocommit=True) as real:
                sql = "select * from dblink('passing_live', 'select session_user') as t(u text)"
                assert real.execute(sql).fetchall() == [("u_scram",)]
            ours = Ours(server, face)
            connect: Any = purelink.connect if face == "Session" else purelink.aconnect
            local = ours.finish(connect(text, autocommit=True))
            kind: Any = Session if face == "Session" else AsyncSession
            session = kind(local=local)
            try:
                rows = ours.finish(session.dblink("passing_live", "select session_user"))
                assert ours.finish(rows.fetchall()) == [("u_scram",)]
            finally:
                ours.finish(session.close())
                ours.finish(local.close())
                ours.close()
        finally:
            admin.execute("drop server passing_live cascade")
