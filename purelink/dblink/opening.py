"""How a link is opened: whose role counts, what the string is, who may connect with it, the checks.

Floor 4, pure. The order of things in dblink_connect: resolve a foreign server, check A (the string
brings a password), the network, check B (the server really asked for it), the encoding. What links
there are already is `links`' business.

Source: contrib/dblink/dblink.c (dblink_get_conn, dblink_connstr_check, dblink_security_check).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Protocol

from ..conninfo import parse
from ..errors import (
    ConnectError,
    ConninfoError,
    DatabaseError,
    Error,
    InterfaceError,
    ProgrammingError,
    Timeout,
)
from ..wire.wants import Call, Dialogue
from . import columns as declaration
from . import refusals, rules
from .local import Local, Role

if TYPE_CHECKING:
    from ..conversation.connect import Plan
    from ..conversation.talk import Talk
    from ..errors import Diagnostics
    from .columns import Column, Columns
    from .lookups import Lookups

__all__ = ["Link", "Opening"]

#: Settings that make us read or write a local file: refused in a string that a session which is
#: not a superuser was given (docs/differences.md). A foreign server's options are the program's.
FILE_KEYWORDS = (
    "passfile",
    "sslcert",
    "sslcrl",
    "sslcrldir",
    "sslkey",
    "sslkeylogfile",
    "sslrootcert",
)


class Link(Protocol):
    """What `Links` needs of a face's connection; `run` and `close` may be async there."""

    @property
    def talk(self) -> Talk:
        """Its conversations."""

    @property
    def password_used(self) -> bool:
        """The server really asked for a password."""

    def run(self, dialogue: Dialogue[Any], /) -> Any:
        """Run a conversation on it."""

    def cancel(self) -> Any:
        """Ask the server to cancel what it does."""

    def close(self) -> Any:
        """Close it."""


class Opening:
    """How one session opens its links.

    Args:
        opener: opens a connection for a plan, in autocommit: `Connection.open`.
        planner: makes a plan of a connection string. `lend=False` leaves ambient credentials
            alone; `inline=False`: it is a foreign server's, not the caller's own.
        lookups: foreign servers, mappings, grants.
        user: whose mappings and rights count; None: the local role's.
        superuser: nothing is checked then; None: if the local role is one.
        version: whose texts: 15 to 18, or None (18, the password refusals in 15's words).
        allow_files: file keywords may stand in a string given inline.
        local: the local database, whose role and SCRAM keys may be asked for.
        scram_keys: the session's own client key and server key, for `use_scram_passthrough`; None:
            those with which the local connection was made, if it was.
        remote_notice: takes the notices of the servers; None: dropped, as dblink's go to the local
            server's log, and a library has none.
    """

    def __init__(
        self,
        *,
        opener: Callable[[Plan], Any],
        planner: Callable[..., Plan],
        lookups: Lookups,
        user: str | None,
        superuser: bool | None,
        version: int | None,
        allow_files: bool,
        local: Local | None = None,
        scram_keys: tuple[bytes, bytes] | None = None,
        remote_notice: Callable[[Diagnostics], object] | None = None,
    ) -> None:
        self.opener = opener
        self.planner = planner
        self.lookups = lookups
        self.user = user
        self.superuser = superuser
        self.version = version
        self.allow_files = allow_files
        self.local = local
        self._scram_keys = scram_keys
        self.remote_notice = remote_notice or _unheard

    @property
    def scram_keys(self) -> tuple[bytes, bytes] | None:
        """The keys to pass through, or None: the session was not authenticated by SCRAM."""
        if self._scram_keys is None and self.local is not None:
            return self.local.link.talk.connected.scram_keys
        return self._scram_keys

    def role(self) -> Dialogue[Role]:
        """Return whose rights count now."""
        user, superuser = self.user, self.superuser
        if user is not None and superuser is not None:
            return Role(user, superuser)
        if self.local is None:
            return Role(user or "nobody", bool(superuser))
        found = yield from self.local.role(user)
        return found if superuser is None else Role(found.user, superuser)

    def conninfo(self, text: str, role: Role) -> Dialogue[tuple[str, bool]]:
        """Return the connection string, and whether it was given inline (not by a server).

        Raises: 42704, 42501 (foreign server).
        """
        refusals.checked_text(text)
        composed = yield from self.lookups.conninfo(text, role, self.scram_keys)
        return (text, True) if composed is None else (composed, False)

    def declared(self, wanted: Columns) -> Dialogue[tuple[Column, ...] | None]:
        """Read a column list; the local database, if there is one, knows its own types.

        Raises: as `columns.declared`.
        """
        missing: list[str] = []
        local = self.local
        try:
            return declaration.declared(wanted, missing=missing)
        except ProgrammingError:
            if local is None or not missing:
                raise
            known: dict[str, tuple[int, int, str]] = {}
            for text in missing:
                found = yield from local.type_of(text)
                if found is None:
                    raise
                known[text] = found
        return declaration.declared(wanted, known)

    def checked(
        self, declared: tuple[Column, ...], unchecked: list[tuple[int, list[str | None]]]
    ) -> Dialogue[DatabaseError | None]:
        """Have the local database look at values of its own types; return what it refuses."""
        for place, texts in unchecked:
            if texts and self.local is not None:
                given, texts[:] = list(texts), []
                try:
                    yield from self.local.check(declared[place].local, given)
                except DatabaseError as error:
                    return error
        return None

    def _brought(self, conninfo: str) -> tuple[bool, bool]:
        """Return what a string brings: a password of its own; SCRAM keys passed through intact."""
        try:
            given = parse(conninfo)
        except ConninfoError:
            return False, False  # a string that does not parse brings nothing
        intact = rules.pass_through_intact(given, self.scram_keys is not None, self.version)
        return bool(given.get("password")), intact

    def check_before(self, conninfo: str, role: Role) -> None:
        """Check A: raise 2F003 where a string that must bring a password brings none."""
        own, intact = self._brought(conninfo)
        error = rules.check_before(
            superuser=role.superuser,
            password_in_string=own,
            pass_through=intact,
            version=self.version,
        )
        if error is not None:
            raise error

    def opened(self, conninfo: str, role: Role, *, inline: bool) -> Dialogue[Link]:
        """Connect, check that the credentials were used, and force UTF8 (check B).

        Raises: 42501 (files), 08001, 2F003. PolicyError: the session's policy refuses it.
        """
        if inline and not role.superuser and not self.allow_files:
            _check_files(conninfo)
        try:
            plan = self.planner(conninfo, lend=role.superuser, inline=inline)
            link: Link = yield Call(self.opener, plan)
        except (ConnectError, ConninfoError, InterfaceError, Timeout) as error:
            # A connection string may hold a password: its parse error is masked, and no
            # foreign exception hangs on ours.
            raise refusals.not_established(error) from None
        try:
            own, intact = self._brought(conninfo)
            error_after = rules.check_after(
                superuser=role.superuser,
                password_in_string=own,
                password_used=link.password_used,
                pass_through=intact,
                version=self.version,
            )
            if error_after is not None:
                raise error_after
            if link.talk.session.parameters.get("client_encoding") != "UTF8":
                yield from _encoded(link)
        except BaseException:
            yield Call(link.close)
            raise
        link.talk.notice_handlers.append(self.remote_notice)
        return link


def _check_files(conninfo: str) -> None:
    try:
        given = parse(conninfo)
    except ConninfoError:
        return  # the parse error itself is told by whoever connects
    for keyword in FILE_KEYWORDS:
        value = given.get(keyword)
        if value and not (keyword == "sslrootcert" and value == "system"):
            raise refusals.file_refused(keyword)


def _encoded(link: Link) -> Dialogue[None]:
    try:
        yield Call(link.run, link.talk.command("SET client_encoding TO 'UTF8'"))
    except Error:
        pass  # as dblink: what the server reports is what we read


def _unheard(notice: Diagnostics) -> None:
    """Nobody listens."""
