"""What both faces of a dblink session share: its role, its catalog, its notices.

Floor 5. Nothing here waits.
"""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any, Callable, NoReturn

from ..errors import InterfaceError
from ..face import plan_for
from ..surroundings import gather
from .catalog import Catalog
from .links import Links
from .local import Local
from .rules import checked_version

if TYPE_CHECKING:
    from ..conninfo import Surroundings
    from ..conversation.connect import Plan
    from ..errors import Diagnostics

__all__ = ["Setting"]

#: Notices kept for whoever looks at `notices` later; older ones are forgotten.
_NOTICES_KEPT = 1000


class Setting:
    """The part of a session that does not wait.

    Args:
        superuser: False, the default: a connection string must bring its own password, the
            server must really ask for it, and no ambient credentials are read or used.
        user: whose user mappings and USAGE count; None: the OS user's name.
        catalog: foreign servers and the like; None: an empty one of its own.
        dblink_version: 15 to 18: whose error texts; None: 18's, but the two password refusals
            in the words of 15 (they are true of us, who delegate no GSSAPI credentials).
        allow_files: options that name local files may stand in a connection string although the
            session is not a superuser.
        surroundings: environment, user and files to use instead of the process's own.
        scram_keys: (client key, server key), 32 bytes each, of the session's own user: with them
            a foreign server with `use_scram_passthrough` needs no stored password.
        local: a connection of the same face to the database that `dblink_get_pkey` and
            `dblink_build_sql_*` look at; None: they refuse. It is not closed with the session.

    Attributes:
        notices: Diagnostics of the last local notices (softened errors, clipped names).
        notice_handlers: called with each.
    """

    def __init__(
        self,
        *,
        superuser: bool = False,
        user: str | None = None,
        catalog: Catalog | None = None,
        dblink_version: int | None = None,
        allow_files: bool = False,
        surroundings: Surroundings | None = None,
        local: Any = None,
        scram_keys: tuple[bytes, bytes] | None = None,
    ) -> None:
        if scram_keys is not None and [len(key) for key in scram_keys] != [32, 32]:
            raise InterfaceError(
                "scram_keys must be a client key and a server key of 32 bytes each"
            )
        version = checked_version(dblink_version)
        self._local = None if local is None else Local(local, version)
        self.catalog = Catalog(dblink_version=version) if catalog is None else catalog
        self.notices: deque[Diagnostics] = deque(maxlen=_NOTICES_KEPT)
        self.notice_handlers: list[Callable[[Diagnostics], object]] = []
        if user is None:
            user = (gather() if surroundings is None else surroundings).user or "nobody"
        self._links = Links(
            opener=self._opener(),
            planner=partial(_planned, surroundings),
            catalog=self.catalog,
            user=user,
            superuser=superuser,
            version=version,
            allow_files=allow_files,
            tell=self._told,
            scram_keys=scram_keys,
        )

    def _here(self) -> Local:
        if self._local is None:
            raise InterfaceError(
                "this function looks at a local database: give the session a connection to it,"
                " local=…"
            )
        return self._local

    def _opener(self) -> Callable[[Plan], Any]:
        raise NotImplementedError  # the faces differ here

    def _told(self, notice: Diagnostics) -> None:
        self.notices.append(notice)
        for handler in self.notice_handlers:
            handler(notice)

    @property
    def superuser(self) -> bool:
        """Whether anything is checked; may be changed, as by SET ROLE: it counts on connecting."""
        return self._links.superuser

    @superuser.setter
    def superuser(self, value: bool) -> None:
        self._links.superuser = value

    @property
    def user(self) -> str:
        """Whose mappings and rights count; may be changed, as by SET ROLE."""
        return self._links.user

    @user.setter
    def user(self, value: str) -> None:
        self._links.user = value

    def __repr__(self) -> str:
        role = "superuser" if self.superuser else "not a superuser"
        return (
            f"<purelink.{type(self).__name__} user={self.user!r} ({role}) {self._links.ledger!r}>"
        )

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"a {type(self).__name__} cannot be pickled or copied: it holds sockets")


def _planned(surroundings: Surroundings | None, conninfo: str, lend: bool) -> Plan:
    return plan_for(conninfo, {}, surroundings=surroundings, lend=lend)
