"""What both faces of a dblink session share: its role, its catalog, its notices.

Floor 5. Nothing here waits.
"""

from __future__ import annotations

from collections import deque
from functools import partial
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Callable, ClassVar, NoReturn, Sequence

from ..errors import InterfaceError
from ..face import plan_for
from ..surroundings import gather
from .catalog import Catalog
from .links import Links
from .local import Local
from .lookups import Filled, LocalCatalog
from .opening import Opening
from .options import validate_texts
from .rules import checked_version

if TYPE_CHECKING:
    from ..conninfo import Surroundings
    from ..conversation.connect import Plan
    from ..errors import Diagnostics
    from ..policy import ConnectPolicy

__all__ = ["Setting"]

#: Notices kept for whoever looks at `notices` later; older ones are forgotten.
_NOTICES_KEPT = 1000


class Setting:
    """The part of a session that does not wait.

    Args:
        superuser: False, the default: a connection string must bring its own password, the
            server must really ask for it, and no ambient credentials are read or used. True:
            nothing is checked. None: as the local connection's role is, at that moment.
        user: whose user mappings and USAGE count; None: the local connection's role, where the
            catalog is its database's, else the OS user's name.
        catalog: foreign servers and the like, filled in by the program; None: the live one of the
            local connection's database (`pg_foreign_server`, `pg_user_mappings`, its grants),
            without a local connection an empty one of the session's own.
        dblink_version: 15 to 18: whose error texts; None: 18's, but the two password refusals
            in the words of 15 (they are true of us, who delegate no GSSAPI credentials).
        allow_files: options that name local files may stand in a connection string although the
            session is not a superuser. Under a policy that one decides.
        surroundings: environment, user and files to use instead of the process's own.
        scram_keys: (client key, server key), 32 bytes each, of the session's own user: with them
            a foreign server with `use_scram_passthrough` needs no stored password. None: those
            of the local connection, if it was made by SCRAM.
        local: a connection of the same face to the local database, which `dblink_get_pkey` and
            `dblink_build_sql_*` look at; None: they refuse. It is not closed with the session.
        policy: what may be connected to, beside dblink's own rules.

    Attributes:
        notices: Diagnostics of the last local notices (softened errors, clipped names).
        notice_handlers: called with each.
        remote_notice_handlers: called with the notices of the servers that links lead to, which
            dblink hands to the local server's log.
    """

    #: what its links are, and the local connection
    _link_class: ClassVar[type]

    def __init__(
        self,
        *,
        superuser: bool | None = False,
        user: str | None = None,
        catalog: Catalog | None = None,
        dblink_version: int | None = None,
        allow_files: bool = False,
        surroundings: Surroundings | None = None,
        local: Any = None,
        scram_keys: tuple[bytes, bytes] | None = None,
        policy: ConnectPolicy | None = None,
    ) -> None:
        if scram_keys is not None and [len(key) for key in scram_keys] != [32, 32]:
            raise InterfaceError(
                "scram_keys must be a client key and a server key of 32 bytes each"
            )
        if superuser is None and local is None:
            raise InterfaceError("superuser=None asks the local connection: give one, local=…")
        fit: bool = local is None or isinstance(local, self._link_class)
        if not fit:
            raise InterfaceError(
                f"local must be a {self._link_class.__name__}, not a {type(local).__name__}"
            )
        version = checked_version(dblink_version)
        self._local = None if local is None else Local(local, version)
        if catalog is None and local is None:
            catalog = Catalog(dblink_version=version)
        self._catalog = catalog
        self.notices: deque[Diagnostics] = deque(maxlen=_NOTICES_KEPT)
        self.notice_handlers: list[Callable[[Diagnostics], object]] = []
        self.remote_notice_handlers: list[Callable[[Diagnostics], object]] = []
        live = None if self._local is None else LocalCatalog(self._local, version)
        lookups = live if catalog is None else Filled(catalog)
        assert lookups is not None  # one of the two was given
        if user is None and catalog is not None:
            user = (gather() if surroundings is None else surroundings).user or "nobody"
        self._opening = Opening(
            opener=self._opener(),
            planner=partial(_planned, surroundings, policy),
            lookups=lookups,
            user=user,
            superuser=superuser,
            version=version,
            allow_files=allow_files or policy is not None,
            local=self._local,
            scram_keys=scram_keys,
            remote_notice=partial(_tell, self.remote_notice_handlers, None),
        )
        # Nothing here holds the session itself: it ends when nobody else does.
        tell = partial(_tell, self.notice_handlers, self.notices)
        self._links = Links(self._opening, version=version, tell=tell, channel=attrgetter("_pump"))
        self._patience = None if policy is None else policy.statement_timeout

    def _here(self) -> Local:
        if self._local is None:
            raise InterfaceError(
                "this function looks at a local database: give the session a connection to it,"
                " local=…"
            )
        return self._local

    def _opener(self) -> Callable[[Plan], Any]:
        raise NotImplementedError  # the faces differ here

    @property
    def catalog(self) -> Catalog:
        """The catalog that the program fills in.

        Raises:
            InterfaceError: the session's is that of its local database, to be changed there.
        """
        if self._catalog is None:
            raise InterfaceError(
                "this session's catalog is its local database's own: change it by SQL there"
                " (CREATE SERVER …), or give the session another, catalog=…"
            )
        return self._catalog

    @property
    def superuser(self) -> bool | None:
        """Whether anything is checked; may be changed, as by SET ROLE: it counts on connecting."""
        return self._opening.superuser

    @superuser.setter
    def superuser(self, value: bool | None) -> None:
        self._opening.superuser = value

    @property
    def user(self) -> str | None:
        """Whose mappings and rights count; may be changed, as by SET ROLE. None: the local role."""
        return self._opening.user

    @user.setter
    def user(self, value: str | None) -> None:
        self._opening.user = value

    def dblink_current_query(self) -> str | None:
        """Return the text that a call under way sends, for a handler of notices; else None.

        The extension tells the local query that calls it; a program has none.
        """
        return self._links.current

    def dblink_fdw_validator(
        self, options: str | Sequence[str] | None, catalog: int | str | None
    ) -> None:
        """Refuse options that may not stand in a context.

        Args:
            options: `"{host=h,port=1}"`, or the texts; only the names count.
            catalog: the context: the name, or the OID, of the system catalog
                (`pg_foreign_data_wrapper`, `pg_foreign_server`, `pg_user_mapping` …).

        Raises:
            LinkError: HV00J with a hint; 42601, `use_scram_passthrough` is no boolean.
        """
        if options is not None and catalog is not None:
            validate_texts(options, catalog, self._opening.version)

    def __repr__(self) -> str:
        role = {True: "superuser", False: "not a superuser", None: "as the local role"}
        return (
            f"<purelink.{type(self).__name__} user={self.user!r} ({role[self.superuser]})"
            f" {self._links.ledger!r}>"
        )

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"a {type(self).__name__} cannot be pickled or copied: it holds sockets")


def _planned(
    surroundings: Surroundings | None,
    policy: ConnectPolicy | None,
    conninfo: str,
    *,
    lend: bool,
    inline: bool,
) -> Plan:
    if policy is not None and not inline:
        policy = policy.for_own_strings()
    return plan_for(conninfo, {}, surroundings=surroundings, lend=lend, policy=policy)


def _tell(
    handlers: list[Callable[[Diagnostics], object]],
    kept: deque[Diagnostics] | None,
    notice: Diagnostics,
) -> None:
    if kept is not None:
        kept.append(notice)
    for handler in handlers:
        handler(notice)
