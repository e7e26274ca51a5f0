"""The catalog of a dblink session: foreign servers, user mappings, grants, filled in by calls.

Floor 2, pure: imports its neighbours in this folder. The calls mirror the SQL that would fill the
real catalog, with PostgreSQL's own errors, SQLSTATEs and notices (`on_notice`). Names are exact,
as they stand in pg_foreign_server (no folding, no quotes), and are clipped at 63 bytes with a
notice. The program that fills a catalog is its superuser; what a *session's* user may do with
it is asked by `lookup`, `conninfo`, `may_execute`.

Differences from the SQL: roles need not be created, one exists by being named ("PUBLIC" or
"public" is everybody); a role inherits the rights of every role it is a member of; of wrappers
there are `dblink_fdw`, `postgres_fdw` (its validator is not ours: anything goes) and those of
`create_wrapper`. A file form of all this is in `catalog_toml`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Optional

from .ledger import clip
from .options import (
    MAPPING,
    SERVER,
    WRAPPER,
    ForeignServer,
    HoldsPasswords,
    Options,
    Server,
    Wrapper,
    compose,
    edited,
    validate,
)
from .refusals import (
    Notice,
    empty_name,
    has_dependents,
    mapping_exists,
    no_such_function,
    no_such_mapping,
    no_such_role,
    no_such_server,
    no_such_wrapper,
    notice,
    reserved_role,
    role_loop,
    server_exists,
    server_refused,
    wrapper_exists,
)
from .rules import checked_version, mapping_missing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..errors import DatabaseError

__all__ = ["PUBLIC", "Catalog"]

PUBLIC = "public"
#: what may be granted with `grant_execute`: nobody but a superuser has it before
CONNECT_U = ("dblink_connect_u(text)", "dblink_connect_u(text,text)")


class Catalog(HoldsPasswords):
    """Foreign servers, user mappings and grants.

    Args:
        dblink_version: 15 to 18, whose validator and texts; None is 18.
        owner: the superuser who owns the extension and, where nobody else is named, the
            servers; dblink_connect_u connects as this user.
        on_notice: called with a `Notice` where PostgreSQL would send one.

    A catalog holds passwords: its `repr` shows none, and it cannot be pickled; `to_toml` writes
    it down. Errors that every call may raise: 22021 for a name that is no text.
    """

    def __init__(
        self,
        *,
        dblink_version: int | None = None,
        owner: str = "postgres",
        on_notice: Optional[Callable[[Notice], object]] = None,
    ) -> None:
        self.dblink_version = checked_version(dblink_version)
        self.owner = owner
        self.on_notice = on_notice
        self.wrappers = {"dblink_fdw": Wrapper(True), "postgres_fdw": Wrapper(False)}
        self.servers: dict[str, Server] = {}
        self.member_of: dict[str, dict[str, None]] = {}
        self.execute: dict[str, dict[str, None]] = {one: {} for one in CONNECT_U}

    def __repr__(self) -> str:
        mappings = sum(len(server.mappings) for server in self.servers.values())
        return f"<Catalog: servers {list(self.servers)}, {mappings} user mappings>"

    @classmethod
    def from_toml(
        cls,
        text: str,
        *,
        dblink_version: int | None = None,
        on_notice: Optional[Callable[[Notice], object]] = None,
    ) -> Catalog:
        """Return the catalog that a TOML text describes (its form: `catalog_toml`).

        Raises:
            InterfaceError: not TOML, not of that form, or no TOML reader (before Python 3.11
                it takes the package `tomli`).
            DatabaseError: what the calls raise that it stands for.
        """
        from .catalog_toml import read

        catalog = cls(dblink_version=dblink_version, on_notice=on_notice)
        read(catalog, text)
        return catalog

    def to_toml(self, *, secrets: bool = True) -> str:
        """Return the catalog as TOML. It has every password in it, unless secrets=False."""
        from .catalog_toml import write

        return write(self, secrets=secrets)

    # --- foreign-data wrappers ---

    def create_wrapper(
        self, name: str, options: Options = None, *, validated: bool = False
    ) -> None:
        """CREATE FOREIGN DATA WRAPPER; `validated`: with VALIDATOR dblink_fdw_validator.

        Raises 42710 if it exists, HV00J for any option of a validated one.
        """
        name = self._name(name)
        if name in self.wrappers:
            raise wrapper_exists(name)
        wrapper = Wrapper(validated)
        wrapper.options = self._edited(wrapper, WRAPPER, {}, add=options)
        self.wrappers[name] = wrapper

    def alter_wrapper(
        self,
        name: str,
        *,
        add: Options = None,
        set: Options = None,  # noqa: A002 - SQL's word
        drop: Sequence[str] = (),
    ) -> None:
        """ALTER FOREIGN DATA WRAPPER … OPTIONS. Raises as `alter_server`."""
        wrapper = self._wrapper(name)
        wrapper.options = self._edited(
            wrapper, WRAPPER, wrapper.options, add=add, change=set, drop=drop
        )

    # --- servers ---

    def create_server(
        self,
        name: str,
        options: Options = None,
        *,
        wrapper: str = "dblink_fdw",
        owner: str | None = None,
        if_not_exists: bool = False,
    ) -> None:
        """CREATE SERVER.

        Raises:
            LinkProgrammingError: 42710 server or option twice, 42704 no such wrapper, 42601
                `use_scram_passthrough` is no boolean.
            LinkOperationalError: HV00J invalid option.

        Source: CreateForeignServer.
        """
        name = self._name(name)
        if name in self.servers:
            self._pass_over(server_exists(name), if_not_exists, "42710")
            return
        fdw = self._wrapper(wrapper)
        checked = self._edited(fdw, SERVER, {}, add=options)
        owner = self.owner if owner is None else self._role(owner)
        self.servers[name] = Server(name, self._name(wrapper), owner, checked)

    def alter_server(
        self,
        name: str,
        *,
        add: Options = None,
        set: Options = None,  # noqa: A002 - SQL's word
        drop: Sequence[str] = (),
        owner: str | None = None,
    ) -> None:
        """ALTER SERVER … OPTIONS (DROP, then SET, then ADD), or … OWNER TO.

        Raises 42704 (no such server; no such option to drop or set) and what `create_server`
        does for options. Source: AlterForeignServer, AlterForeignServerOwner.
        """
        server = self._server(name)
        server.options = self._edited(
            self._wrapper(server.wrapper), SERVER, server.options, add=add, change=set, drop=drop
        )
        if owner is not None:
            new = self._role(owner)
            # the old owner's USAGE goes over to the new one (aclnewowner)
            server.usage = {new if one == server.owner else one: None for one in server.usage}
            server.owner = new

    def rename_server(self, name: str, to: str) -> None:
        """ALTER SERVER … RENAME TO. Raises 42704, 42710."""
        to = self._name(to)
        server = self._server(name)
        if to in self.servers:
            raise server_exists(to)
        del self.servers[server.name]
        server.name = to
        self.servers[to] = server

    def drop_server(self, name: str, *, cascade: bool = False, if_exists: bool = False) -> None:
        """DROP SERVER. Raises 42704; 2BP01 while there are mappings, without `cascade`."""
        name = self._name(name)
        server = self.servers.get(name)
        if server is None:
            self._pass_over(no_such_server(name), if_exists, "00000")
            return
        dependents = [f"user mapping for {user} on server {name}" for user in server.mappings]
        if dependents and not cascade:
            detail = "\n".join(f"{one} depends on server {name}" for one in dependents)
            raise has_dependents("server", name, detail=detail)
        told = [f"drop cascades to {one}" for one in dependents]
        if len(told) == 1:
            self._tell("00000", told[0])
        elif told:
            self._tell("00000", f"drop cascades to {len(told)} other objects", "\n".join(told))
        del self.servers[name]

    # --- user mappings ---

    def create_user_mapping(
        self, user: str, server: str, options: Options = None, *, if_not_exists: bool = False
    ) -> None:
        """CREATE USER MAPPING FOR user (or "PUBLIC") SERVER server.

        Raises as `create_server`. Source: CreateUserMapping.
        """
        user = self._role(user)
        found = self._server(server)
        if user in found.mappings:
            self._pass_over(mapping_exists(user, found.name), if_not_exists, "42710")
            return
        wrapper = self._wrapper(found.wrapper)
        found.mappings[user] = self._edited(wrapper, MAPPING, {}, add=options)

    def alter_user_mapping(
        self,
        user: str,
        server: str,
        *,
        add: Options = None,
        set: Options = None,  # noqa: A002 - SQL's word
        drop: Sequence[str] = (),
    ) -> None:
        """ALTER USER MAPPING … OPTIONS. Raises as `alter_server`, 42704 for no such mapping."""
        user = self._role(user)
        found = self._server(server)
        if user not in found.mappings:
            raise no_such_mapping(user, found.name)
        found.mappings[user] = self._edited(
            self._wrapper(found.wrapper),
            MAPPING,
            found.mappings[user],
            add=add,
            change=set,
            drop=drop,
        )

    def drop_user_mapping(self, user: str, server: str, *, if_exists: bool = False) -> None:
        """DROP USER MAPPING. Raises 42704: no such server, no such mapping."""
        user, server = self._role(user), self._name(server)
        found = self.servers.get(server)
        if found is None:
            self._pass_over(no_such_server(server), if_exists, "00000")
        elif user not in found.mappings:
            self._pass_over(no_such_mapping(user, server), if_exists, "00000")
        else:
            del found.mappings[user]

    # --- grants ---

    def grant_usage(self, server: str, role: str) -> None:
        """GRANT USAGE ON FOREIGN SERVER server TO role (or "PUBLIC"). Raises 42704."""
        self._server(server).usage[self._role(role)] = None

    def revoke_usage(self, server: str, role: str) -> None:
        """REVOKE USAGE ON FOREIGN SERVER … FROM role; revoking what was not granted is fine."""
        self._server(server).usage.pop(self._role(role), None)

    def grant_execute(self, function: str, role: str) -> None:
        """GRANT EXECUTE ON FUNCTION dblink_connect_u(text) or …(text,text) TO role.

        Each overload is granted by itself. Raises 42883 for any other function.
        """
        self._overload(function)[self._role(role)] = None

    def revoke_execute(self, function: str, role: str) -> None:
        """REVOKE EXECUTE ON FUNCTION … FROM role."""
        self._overload(function).pop(self._role(role), None)

    def grant_role(self, role: str, to: str) -> None:
        """GRANT role TO to: `to` becomes a member. Raises 0LP01 for a loop, 42704 for PUBLIC."""
        role, to = self._role(role), self._role(to)
        for one in (role, to):
            if one == PUBLIC:
                raise no_such_role(one)
        if self.has_role(role, to):
            raise role_loop(role, to)
        self.member_of.setdefault(to, {})[role] = None

    def revoke_role(self, role: str, from_: str) -> None:
        """REVOKE role FROM from_."""
        self.member_of.get(self._role(from_), {}).pop(self._role(role), None)

    # --- what a session asks ---

    def has_role(self, user: str, role: str) -> bool:
        """Tell whether user is role, or a member of it, directly or not. Source: pg_has_role."""
        return self._role(role) in self._roles_of(self._role(user))

    def may_execute(self, function: str, user: str, *, superuser: bool = False) -> bool:
        """Tell whether a user may call that overload of dblink_connect_u.

        If not: `rules.connect_u_refused`.
        """
        return superuser or self._has_any(user, self._overload(function))

    def lookup(self, name: str, user: str, *, superuser: bool = False) -> ForeignServer | None:
        """Return the foreign server of that name as a user sees it; None: there is none.

        Args:
            name: clipped silently, compared exactly.
            user: the effective user, whose mapping (or else PUBLIC's) and USAGE count; in
                dblink_connect_u it is `owner`, a superuser.
            superuser: exempt from USAGE.

        Raises:
            LinkProgrammingError: 42704 no mapping (superusers need one too), then 42501 no USAGE.

        Source: get_connect_string.
        """
        server = self.servers.get(clip(name)[0])
        if server is None:
            return None
        role = self._role(user)
        mapping = server.mappings.get(role, server.mappings.get(PUBLIC))
        if mapping is None:
            raise mapping_missing(role, server.name, self.dblink_version)
        if not (superuser or self._has_any(role, server.usage)):
            raise server_refused(server.name)
        wrapper = self.wrappers[server.wrapper]
        return ForeignServer(
            server.name, dict(wrapper.options), dict(server.options), dict(mapping)
        )

    def conninfo(
        self,
        name: str,
        user: str,
        *,
        superuser: bool = False,
        scram_keys: tuple[bytes, bytes] | None = None,
    ) -> str | None:
        """Return the connection string of a foreign server, or None: `lookup`, then `compose`."""
        server = self.lookup(name, user, superuser=superuser)
        if server is None:
            return None
        return compose(server, version=self.dblink_version, scram_keys=scram_keys)

    # --- inside ---

    def _tell(self, sqlstate: str, message: str, detail: str | None = None) -> None:
        if self.on_notice is not None:
            self.on_notice(notice(sqlstate, message, detail))

    def _pass_over(self, error: DatabaseError, allowed: bool, sqlstate: str) -> None:
        # IF EXISTS and IF NOT EXISTS make a notice of the error
        if not allowed:
            raise error
        self._tell(sqlstate, f"{error.message}, skipping")

    def _name(self, name: str) -> str:
        kept, told = clip(name)
        if not kept:
            raise empty_name()
        if told is not None and self.on_notice is not None:
            self.on_notice(told)
        return kept

    def _role(self, name: str) -> str:
        name = self._name(name)
        if name == "none":
            raise reserved_role(name)
        return PUBLIC if name == "PUBLIC" else name

    def _server(self, name: str) -> Server:
        name = self._name(name)
        if name not in self.servers:
            raise no_such_server(name)
        return self.servers[name]

    def _wrapper(self, name: str) -> Wrapper:
        name = self._name(name)
        if name not in self.wrappers:
            raise no_such_wrapper(name)
        return self.wrappers[name]

    def _edited(
        self,
        wrapper: Wrapper,
        context: str,
        old: dict[str, str],
        **clause: Any,
    ) -> dict[str, str]:
        new = edited(old, **clause)
        if wrapper.validated:
            validate(new, context, self.dblink_version)
        return new

    def _overload(self, function: str) -> dict[str, None]:
        name = function.replace(" ", "")
        if name not in self.execute:
            raise no_such_function(function)
        return self.execute[name]

    def _roles_of(self, user: str) -> set[str]:
        # membership has no loops (grant_role), but may reach a role on two ways
        found, waiting = set(), [user]
        while waiting:
            role = waiting.pop()
            found.add(role)
            waiting.extend(self.member_of.get(role, ()))
        return found

    def _has_any(self, user: str, granted: dict[str, None]) -> bool:
        return PUBLIC in granted or not self._roles_of(user).isdisjoint(granted)
